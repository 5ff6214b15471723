/* rwlock_death_test.c -- RWLock between processes that are killed while they write, read or wait: who is told, and that nobody is
 * held up.  (After each single instruction: tests/crash/rwlock_step_test.c.) */
#include <limits.h>

#include "rwlock_hall.h"

/* ---- writers ---- */

TEST(everybody_is_told_of_a_dead_writer_until_the_next_one_has_been_there)
{
    struct hall *hall = open_hall(SEATS);

    invite(hall, 0, WRITES, ENTERS);
    shoot(hall, 0);
    CHECK_EQ(try_read(hall), -YOKE_EOWNERDEAD);
    CHECK_EQ(yoke_rwlock_read_acquire(&hall->lock), -YOKE_EOWNERDEAD);
    invite(hall, 1, READS, ENTERS);
    CHECK_EQ(rc_of(hall, 1), -YOKE_EOWNERDEAD);
    /* a writer that gives up changes nothing */
    CHECK_EQ(try_write(hall), -ETIMEDOUT);
    CHECK_EQ(try_read(hall), -YOKE_EOWNERDEAD);
    for (int i = 0; i < 3; i++)
        yoke_rwlock_read_release(&hall->lock);
    invite(hall, 2, WRITES, SLEEPS);
    see_off(hall, 1);
    CHECK_EQ(rc_of(hall, 2), -YOKE_EOWNERDEAD);
    see_off(hall, 2);
    close_hall(hall);
}

TEST(the_next_writer_is_told_and_it_alone)
{
    struct hall *hall = open_hall(SEATS);

    for (int i = 0; i < 3; i++) {
        invite(hall, 0, WRITES, ENTERS);
        shoot(hall, 0);
        CHECK_EQ(i == 0   ? try_write(hall)
                 : i == 1 ? yoke_rwlock_write_acquire(&hall->lock)
                          : yoke_rwlock_write_acquire_until(&hall->lock, in_time()),
                 -YOKE_EOWNERDEAD);
        CHECK_EQ(yoke_rwlock_write_held(&hall->lock), 1);
        yoke_rwlock_write_release(&hall->lock);
        check_free(hall);
    }
    close_hall(hall);
}

TEST(one_that_dies_repairing_leaves_it_to_the_next)
{
    struct hall *hall = open_hall(SEATS);

    invite(hall, 0, WRITES, ENTERS);
    shoot(hall, 0);
    invite(hall, 1, WRITES, ENTERS);
    CHECK_EQ(rc_of(hall, 1), -YOKE_EOWNERDEAD);
    shoot(hall, 1);
    CHECK_EQ(try_read(hall), -YOKE_EOWNERDEAD);
    yoke_rwlock_read_release(&hall->lock);
    CHECK_EQ(yoke_rwlock_write_acquire(&hall->lock), -YOKE_EOWNERDEAD);
    yoke_rwlock_write_release(&hall->lock);
    close_hall(hall);
}

TEST(all_who_wait_come_through_when_the_writer_dies)
{
    struct hall *hall = open_hall(SEATS);

    for (int round = 0; round < 10; round++) {
        int n_told = 0;

        invite(hall, 0, WRITES, ENTERS);
        /* writers first, or readers */
        for (int i = 1; i < 6; i++)
            invite(hall, i, (i > 3) == round % 2, SLEEPS);
        shoot(hall, 0);
        for (int i = 1; i < 6; i++)
            if ((i > 3) != round % 2) {
                CHECK_EQ(rc_of(hall, i), -YOKE_EOWNERDEAD);
                see_off(hall, i);
            } else {
                yoke_event_set(&hall->guests[i].leave);
            }
        for (int i = 1; i < 6; i++)
            if ((i > 3) == round % 2) {
                n_told += rc_of(hall, i) == -YOKE_EOWNERDEAD;
                see_off(hall, i);
            }
        CHECK_EQ(n_told, 1);
        check_free(hall);
    }
    close_hall(hall);
}

TEST(a_writer_that_waited_is_not_missed)
{
    struct hall *hall = open_hall(SEATS);

    /* for the readers, */
    CHECK_EQ(yoke_rwlock_read_acquire(&hall->lock), 0);
    invite(hall, 0, WRITES, SLEEPS);
    invite(hall, 1, READS, SLEEPS);
    invite(hall, 2, READS, SLEEPS);
    shoot(hall, 0);
    CHECK_EQ(rc_of(hall, 1), 0);
    CHECK_EQ(rc_of(hall, 2), 0);
    see_off(hall, 1);
    see_off(hall, 2);
    yoke_rwlock_read_release(&hall->lock);
    check_free(hall);
    /* for another writer */
    CHECK_EQ(yoke_rwlock_write_acquire(&hall->lock), 0);
    invite(hall, 0, WRITES, SLEEPS);
    invite(hall, 1, WRITES, SLEEPS);
    invite(hall, 2, READS, SLEEPS);
    shoot(hall, 0);
    yoke_rwlock_write_release(&hall->lock);
    CHECK_EQ(rc_of(hall, 2), 0);
    see_off(hall, 2);
    CHECK_EQ(rc_of(hall, 1), 0);
    see_off(hall, 1);
    /* after one that died at the end of its release, and left this */
    hall->lock.chair.state = 1;
    CHECK_EQ(yoke_rwlock_read_acquire(&hall->lock), 0);
    invite(hall, 0, WRITES, SLEEPS);
    shoot(hall, 0);
    CHECK_EQ(try_read(hall), 0);
    yoke_rwlock_read_release(&hall->lock);
    yoke_rwlock_read_release(&hall->lock);
    close_hall(hall);
}

/* ---- readers ---- */

TEST(a_dead_reader_lets_the_writer_in)
{
    struct hall *hall = open_hall(SEATS);

    invite(hall, 0, READS, ENTERS);
    invite(hall, 1, READS, ENTERS);
    invite(hall, 2, WRITES, SLEEPS);
    shoot(hall, 0);
    asleep_on(hall->guests[2].pid, hall->guests[2].pid, NULL);
    CHECK(!is_in(hall, 2));
    shoot(hall, 1);
    CHECK_EQ(rc_of(hall, 2), 0);
    see_off(hall, 2);
    close_hall(hall);
}

TEST(a_dead_reader_leaves_its_seat)
{
    struct hall *hall = open_hall(1);

    for (int i = 0; i < 5; i++) {
        invite(hall, 0, READS, ENTERS);
        /* somebody waits for it, or comes later */
        if (i % 2)
            invite(hall, 1, READS, SLEEPS);
        shoot(hall, 0);
        if (i % 2 == 0)
            invite(hall, 1, READS, ENTERS);
        CHECK_EQ(rc_of(hall, 1), 0);
        see_off(hall, 1);
    }
    close_hall(hall);
}

TEST(one_dead_reader_is_enough_for_all_who_wait_for_its_seat)
{
    struct hall *hall = open_hall(1);

    invite(hall, 0, READS, ENTERS);
    invite(hall, 1, READS, SLEEPS);
    invite(hall, 2, WRITES, SLEEPS);
    invite(hall, 3, READS, SLEEPS);
    /* the kernel wakes one of the three */
    shoot(hall, 0);
    CHECK_EQ(rc_of(hall, 2), 0);
    see_off(hall, 2);
    see_off_both(hall, 1, 3);
    close_hall(hall);
}

TEST(a_dead_reader_that_waited_holds_up_nobody)
{
    struct hall *hall = open_hall(2);

    /* for a writer */
    CHECK_EQ(yoke_rwlock_write_acquire(&hall->lock), 0);
    invite(hall, 0, READS, SLEEPS);
    invite(hall, 1, READS, SLEEPS);
    /* for a seat */
    invite(hall, 2, READS, SLEEPS);
    invite(hall, 3, READS, SLEEPS);
    shoot(hall, 2);
    shoot(hall, 0);
    yoke_rwlock_write_release(&hall->lock);
    CHECK_EQ(rc_of(hall, 1), 0);
    CHECK_EQ(rc_of(hall, 3), 0);
    see_off(hall, 1);
    see_off(hall, 3);
    /* one was counted: an extra wake, and no more than that */
    CHECK_EQ(hall->lock.n_seeking, 1);
    close_hall(hall);
}

/* ---- what counts as a death ---- */

static int read_and_end(void *arg)
{
    struct hall *hall = arg;

    return yoke_rwlock_read_acquire(&hall->lock);
}

static int write_and_end(void *arg)
{
    struct hall *hall = arg;

    return yoke_rwlock_write_acquire(&hall->lock);
}

TEST(a_thread_or_a_process_that_ends_counts_as_dead)
{
    struct hall *hall = open_hall(1);
    yoke_thread threads[2] = {0};

    check_ends_well(forked(read_and_end, hall));
    check_free(hall);
    check_ends_well(forked(write_and_end, hall));
    CHECK_EQ(try_write(hall), -YOKE_EOWNERDEAD);
    yoke_rwlock_write_release(&hall->lock);
    CHECK_EQ(yoke_thread_start(&threads[0], read_and_end, hall), 0);
    CHECK_EQ(code_of(&threads[0]), 0);
    CHECK_EQ(yoke_rwlock_write_acquire_until(&hall->lock, in_time()), 0);
    yoke_rwlock_write_release(&hall->lock);
    CHECK_EQ(yoke_thread_start(&threads[1], write_and_end, hall), 0);
    CHECK_EQ(code_of(&threads[1]), 0);
    CHECK_EQ(yoke_rwlock_write_acquire_until(&hall->lock, in_time()), -YOKE_EOWNERDEAD);
    yoke_rwlock_write_release(&hall->lock);
    close_hall(hall);
}

static int look_at_parents_lock(void *arg)
{
    struct hall *hall = arg;

    CHECK_EQ(yoke_rwlock_write_held(&hall->lock), 0);
    CHECK_EQ(try_read(hall), -ETIMEDOUT);
    CHECK_EQ(try_write(hall), -ETIMEDOUT);
    return 0;
}

TEST(a_child_of_the_writer_is_not_the_writer)
{
    struct hall *hall = open_hall(SEATS);

    CHECK_EQ(yoke_rwlock_write_acquire(&hall->lock), 0);
    check_ends_well(forked(look_at_parents_lock, hall));
    CHECK_EQ(yoke_rwlock_write_held(&hall->lock), 1);
    yoke_rwlock_write_release(&hall->lock);
    close_hall(hall);
}

/* ---- many, killed at any time ---- */

static void stay_once(struct hall *hall, bool writes)
{
    int rc = enter(hall, writes);

    CHECK(rc == 0 || rc == -YOKE_EOWNERDEAD);
    if (rc == 0)
        CHECK_EQ(hall->a, hall->b);
    if (writes)
        hall->b = ++hall->a;
    leave(hall, writes);
}

/* rounds: how many are still to be done by all together. */
static pid_t begin_to_come_and_go(struct hall *hall, bool writes)
{
    pid_t pid = fork();

    if (pid == 0) {
        while (__atomic_fetch_sub(&hall->rounds, 1, __ATOMIC_RELAXED) > 0)
            stay_once(hall, writes);
        _exit(0);
    }
    return pid;
}

/* Two seats are too few for three readers. */
TEST(kills_at_any_time_stop_nobody)
{
    struct hall *hall = open_hall(2);
    unsigned long random = test_seed();
    pid_t pids[5];

    for (int i = 0; i < 4; i++) {
        hall->rounds = LONG_MAX;
        for (int k = 0; k < 5; k++)
            pids[k] = begin_to_come_and_go(hall, k < 2);
        for (int k = 0; k < 20; k++) {
            int victim = (int)((random = random * 6364136223846793005u + 1442695040888963407u) >> 33) % 5;

            /* those who are left go on meanwhile */
            kill_and_reap(pids[victim]);
            pids[victim] = begin_to_come_and_go(hall, victim < 2);
        }
        __atomic_store_n(&hall->rounds, 100, __ATOMIC_RELAXED);
        for (int k = 0; k < 5; k++)
            check_ends_well(pids[k]);
    }
    stay_once(hall, true);
    close_hall(hall);
}
