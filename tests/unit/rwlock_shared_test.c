/* rwlock_shared_test.c -- RWLock between processes that live: who is let in, phases, seats, deadlines, misuse. */
#include "rwlock_hall.h"

/* ---- two at a time ---- */

TEST(readers_are_there_together_and_writers_alone)
{
    struct hall *hall = open_hall(SEATS);

    check_free(hall);
    CHECK_EQ(yoke_rwlock_read_acquire(&hall->lock), 0);
    CHECK_EQ(yoke_rwlock_write_held(&hall->lock), 0);
    invite(hall, 0, READS, ENTERS);
    CHECK_EQ(rc_of(hall, 0), 0);
    CHECK_EQ(try_write(hall), -ETIMEDOUT);
    yoke_rwlock_read_release(&hall->lock);
    CHECK_EQ(try_write(hall), -ETIMEDOUT);
    see_off(hall, 0);
    invite(hall, 0, WRITES, ENTERS);
    CHECK_EQ(rc_of(hall, 0), 0);
    CHECK_EQ(try_write(hall), -ETIMEDOUT);
    CHECK_EQ(try_read(hall), -ETIMEDOUT);
    CHECK_EQ(yoke_rwlock_write_held(&hall->lock), 0);
    see_off(hall, 0);
    close_hall(hall);
}

TEST(a_writer_does_not_wait_for_itself)
{
    struct hall *hall = open_hall(SEATS);

    CHECK_EQ(yoke_rwlock_write_acquire(&hall->lock), 0);
    CHECK_EQ(yoke_rwlock_write_acquire(&hall->lock), -EDEADLK);
    CHECK_EQ(try_write(hall), -EDEADLK);
    CHECK_EQ(yoke_rwlock_read_acquire(&hall->lock), -EDEADLK);
    CHECK_EQ(try_read(hall), -EDEADLK);
    CHECK_EQ(yoke_rwlock_write_held(&hall->lock), 1);
    yoke_rwlock_write_release(&hall->lock);
    close_hall(hall);
}

TEST(a_reader_that_wants_to_write_does_not_wait_for_itself)
{
    struct hall *hall = open_hall(SEATS);

    CHECK_EQ(yoke_rwlock_read_acquire(&hall->lock), 0);
    CHECK_EQ(yoke_rwlock_write_acquire(&hall->lock), -EDEADLK);
    CHECK_EQ(yoke_rwlock_write_held(&hall->lock), 0);
    /* it left no trace */
    CHECK_EQ(yoke_rwlock_read_acquire(&hall->lock), 0);
    yoke_rwlock_read_release(&hall->lock);
    yoke_rwlock_read_release(&hall->lock);
    CHECK_EQ(yoke_rwlock_write_acquire(&hall->lock), 0);
    yoke_rwlock_write_release(&hall->lock);
    close_hall(hall);
}

TEST(a_deadline_is_kept)
{
    struct hall *hall = open_hall(1);
    yoke_time deadline = yoke_after(0.02);

    invite(hall, 0, WRITES, ENTERS);
    CHECK_EQ(yoke_rwlock_read_acquire_until(&hall->lock, deadline), -ETIMEDOUT);
    CHECK(yoke_now() >= deadline);
    deadline = yoke_after(0.02);
    CHECK_EQ(yoke_rwlock_write_acquire_until(&hall->lock, deadline), -ETIMEDOUT);
    CHECK(yoke_now() >= deadline);
    see_off(hall, 0);
    invite(hall, 0, READS, ENTERS);
    deadline = yoke_after(0.02);
    CHECK_EQ(yoke_rwlock_write_acquire_until(&hall->lock, deadline), -ETIMEDOUT);
    CHECK(yoke_now() >= deadline);
    /* no seat */
    deadline = yoke_after(0.02);
    CHECK_EQ(yoke_rwlock_read_acquire_until(&hall->lock, deadline), -ETIMEDOUT);
    CHECK(yoke_now() >= deadline);
    see_off(hall, 0);
    close_hall(hall);
}

TEST(waiting_uses_no_cpu)
{
    struct hall *hall = open_hall(1);
    int64_t before;

    invite(hall, 0, WRITES, ENTERS);
    before = cpu_time();
    CHECK_EQ(yoke_rwlock_read_acquire_until(&hall->lock, yoke_after(0.1)), -ETIMEDOUT);
    CHECK_EQ(yoke_rwlock_write_acquire_until(&hall->lock, yoke_after(0.1)), -ETIMEDOUT);
    see_off(hall, 0);
    invite(hall, 0, READS, ENTERS);
    CHECK_EQ(yoke_rwlock_write_acquire_until(&hall->lock, yoke_after(0.1)), -ETIMEDOUT);
    CHECK_EQ(yoke_rwlock_read_acquire_until(&hall->lock, yoke_after(0.1)), -ETIMEDOUT);
    CHECK(cpu_time() - before < 20 * MS);
    see_off(hall, 0);
    close_hall(hall);
}

/* ---- phases ---- */

TEST(the_last_reader_lets_the_writer_in)
{
    struct hall *hall = open_hall(SEATS);

    invite(hall, 0, READS, ENTERS);
    invite(hall, 1, READS, ENTERS);
    invite(hall, 2, WRITES, SLEEPS);
    /* who comes now waits for that writer */
    CHECK_EQ(try_read(hall), -ETIMEDOUT);
    invite(hall, 3, READS, SLEEPS);
    see_off(hall, 1);
    asleep_on(hall->guests[2].pid, hall->guests[2].pid, NULL);
    CHECK(!is_in(hall, 2));
    see_off(hall, 0);
    CHECK_EQ(rc_of(hall, 2), 0);
    CHECK(!is_in(hall, 3));
    see_off(hall, 2);
    CHECK_EQ(rc_of(hall, 3), 0);
    see_off(hall, 3);
    close_hall(hall);
}

TEST(waiting_readers_come_before_the_next_writer)
{
    struct hall *hall = open_hall(SEATS);

    for (int round = 0; round < 10; round++) {
        CHECK_EQ(yoke_rwlock_write_acquire(&hall->lock), 0);
        invite(hall, 3, WRITES, SLEEPS);
        for (int i = 0; i < 3; i++)
            invite(hall, i, READS, SLEEPS);
        yoke_rwlock_write_release(&hall->lock);
        /* they are in already, whether they run yet or not, and all of them */
        CHECK_EQ(try_write(hall), -ETIMEDOUT);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(rc_of(hall, i), 0);
        CHECK(!is_in(hall, 3));
        for (int i = 0; i < 3; i++) {
            asleep_on(hall->guests[3].pid, hall->guests[3].pid, NULL);
            see_off(hall, i);
        }
        CHECK_EQ(rc_of(hall, 3), 0);
        see_off(hall, 3);
    }
    close_hall(hall);
}

TEST(a_reader_waits_for_one_writer_only)
{
    struct hall *hall = open_hall(SEATS);

    for (int round = 0; round < 50; round++) {
        CHECK_EQ(yoke_rwlock_write_acquire(&hall->lock), 0);
        invite(hall, 0, READS, SLEEPS);
        yoke_rwlock_write_release(&hall->lock);
        /* waits for that reader, which must not wait for it */
        yoke_event_set(&hall->guests[0].leave);
        CHECK_EQ(yoke_rwlock_write_acquire(&hall->lock), 0);
        CHECK(is_in(hall, 0));
        yoke_rwlock_write_release(&hall->lock);
        see_off(hall, 0);
    }
    close_hall(hall);
}

TEST(a_reader_is_seen_when_the_count_of_turns_has_gone_round)
{
    struct hall *hall = open_hall(SEATS);

    CHECK_EQ(yoke_rwlock_write_acquire(&hall->lock), 0);
    invite(hall, 0, READS, SLEEPS);
    yoke_rwlock_write_release(&hall->lock);
    CHECK_EQ(rc_of(hall, 0), 0);
    /* as if 2^30 writers had come, and given up */
    hall->lock.turn -= 4;
    CHECK_EQ(try_write(hall), -ETIMEDOUT);
    see_off(hall, 0);
    /* and as if a dead reader had waited for that one's turn in each seat */
    for (int i = 0; i < SEATS; i++)
        hall->seats[i].state = hall->lock.turn + 2;
    CHECK_EQ(yoke_rwlock_read_acquire(&hall->lock), 0);
    CHECK_EQ(try_write(hall), -ETIMEDOUT);
    yoke_rwlock_read_release(&hall->lock);
    close_hall(hall);
}

/* ---- giving up ---- */

static int write_until_signal(void *arg)
{
    struct hall *hall = arg;

    yoke_thread_interruptible(1);
    return yoke_rwlock_write_acquire_until(&hall->lock, yoke_after(1e6));
}

static int read_until_signal(void *arg)
{
    struct hall *hall = arg;

    yoke_thread_interruptible(1);
    return yoke_rwlock_read_acquire_until(&hall->lock, yoke_after(1e6));
}

TEST(a_writer_that_gives_up_lets_in_who_waited_behind_it)
{
    struct hall *hall = open_hall(SEATS);
    yoke_thread thread = {0};

    handle_signals();
    CHECK_EQ(yoke_rwlock_read_acquire(&hall->lock), 0);
    start_asleep(&thread, write_until_signal, hall, NULL);
    invite(hall, 0, READS, SLEEPS);
    invite(hall, 1, READS, SLEEPS);
    interrupt(&thread);
    CHECK_EQ(rc_of(hall, 0), 0);
    CHECK_EQ(rc_of(hall, 1), 0);
    CHECK_EQ(code_of(&thread), -EINTR);
    see_off(hall, 0);
    see_off(hall, 1);
    yoke_rwlock_read_release(&hall->lock);
    close_hall(hall);
}

TEST(a_reader_that_gives_up_leaves_no_trace)
{
    struct hall *hall = open_hall(1);
    yoke_thread thread = {0};

    handle_signals();
    /* while somebody writes */
    CHECK_EQ(yoke_rwlock_write_acquire(&hall->lock), 0);
    start_asleep(&thread, read_until_signal, hall, NULL);
    interrupt(&thread);
    CHECK_EQ(code_of(&thread), -EINTR);
    yoke_rwlock_write_release(&hall->lock);
    check_free(hall);
    /* without a seat */
    thread = (yoke_thread){0};
    CHECK_EQ(yoke_rwlock_read_acquire(&hall->lock), 0);
    start_asleep(&thread, read_until_signal, hall, NULL);
    interrupt(&thread);
    CHECK_EQ(code_of(&thread), -EINTR);
    yoke_rwlock_read_release(&hall->lock);
    CHECK_EQ(hall->lock.n_seeking, 0);
    close_hall(hall);
}

static int read_for_ever(void *arg)
{
    struct hall *hall = arg;
    int rc;

    yoke_thread_interruptible(1);
    rc = yoke_rwlock_read_acquire(&hall->lock);
    yoke_rwlock_read_release(&hall->lock);
    return rc;
}

TEST(a_signal_does_not_end_a_wait_without_a_deadline)
{
    struct hall *hall = open_hall(1);
    yoke_thread thread = {0};

    handle_signals();
    CHECK_EQ(yoke_rwlock_write_acquire(&hall->lock), 0);
    start_asleep(&thread, read_for_ever, hall, NULL);
    check_sleeps_on(&thread, NULL);
    yoke_rwlock_write_release(&hall->lock);
    CHECK_EQ(code_of(&thread), 0);
    close_hall(hall);
}

/* ---- seats ---- */

TEST(who_finds_no_seat_waits_for_one)
{
    struct hall *hall = open_hall(2);

    invite(hall, 0, READS, ENTERS);
    invite(hall, 1, READS, ENTERS);
    for (int i = 2; i < 5; i++)
        invite(hall, i, READS, SLEEPS);
    see_off(hall, 0);
    see_off(hall, 1);
    for (int n = 0; n < 3; n++) {
        int i = 2;

        while (hall->guests[i].pid == 0 || !is_in(hall, i))
            i = i == 4 ? 2 : i + 1;
        CHECK_EQ(rc_of(hall, i), 0);
        see_off(hall, i);
        hall->guests[i].pid = 0;
    }
    CHECK_EQ(hall->lock.n_seeking, 0);
    close_hall(hall);
}

TEST(a_seat_becomes_free_while_a_writer_waits_too)
{
    struct hall *hall = open_hall(1);

    invite(hall, 0, READS, ENTERS);
    invite(hall, 1, READS, SLEEPS);
    invite(hall, 2, WRITES, SLEEPS);
    invite(hall, 3, READS, SLEEPS);
    see_off(hall, 0);
    CHECK_EQ(rc_of(hall, 2), 0);
    CHECK(!is_in(hall, 1));
    CHECK(!is_in(hall, 3));
    see_off(hall, 2);
    see_off_both(hall, 1, 3);
    close_hall(hall);
}

/* A thread that reads twice, as it should not, has two seats. */
TEST(each_acquire_takes_a_seat)
{
    struct hall *hall = open_hall(2);

    CHECK_EQ(yoke_rwlock_read_acquire(&hall->lock), 0);
    CHECK_EQ(yoke_rwlock_read_acquire(&hall->lock), 0);
    CHECK_EQ(try_read(hall), -ETIMEDOUT);
    yoke_rwlock_read_release(&hall->lock);
    CHECK_EQ(try_write(hall), -ETIMEDOUT);
    yoke_rwlock_read_release(&hall->lock);
    close_hall(hall);
}

/* ---- many ---- */

static int count(void *arg)
{
    struct hall *hall = arg;

    for (long i = 0; i < hall->rounds; i++) {
        if (i % 5 == 0)
            while (yoke_rwlock_write_acquire_until(&hall->lock, yoke_after(50e-6)) < 0)
                continue;
        else
            CHECK_EQ(yoke_rwlock_write_acquire(&hall->lock), 0);
        CHECK_EQ(hall->a, hall->b);
        hall->a++;
        hall->b++;
        yoke_rwlock_write_release(&hall->lock);
    }
    return 0;
}

static int look(void *arg)
{
    struct hall *hall = arg;

    for (long i = 0; i < hall->rounds; i++) {
        int rc = i % 5 ? yoke_rwlock_read_acquire(&hall->lock)
                       : yoke_rwlock_read_acquire_until(&hall->lock, yoke_after(50e-6));

        if (rc == -ETIMEDOUT)
            continue;
        CHECK_EQ(rc, 0);
        CHECK_EQ(hall->a, hall->b);
        yoke_rwlock_read_release(&hall->lock);
    }
    return 0;
}

static void contend(uint32_t n_seats)
{
    struct hall *hall = open_hall(n_seats);
    yoke_thread thread = {0};
    pid_t pids[5];

    hall->rounds = 3000;
    for (int i = 0; i < 5; i++)
        pids[i] = forked(i < 2 ? count : look, hall);
    CHECK_EQ(yoke_thread_start(&thread, look, hall), 0);
    for (int i = 0; i < 5; i++)
        check_ends_well(pids[i]);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    CHECK_EQ(hall->a, 2 * hall->rounds);
    CHECK_EQ(hall->lock.n_seeking, 0);
    close_hall(hall);
}

TEST(readers_see_nothing_half_written)
{
    contend(SEATS);
}

TEST(readers_that_have_no_seats_lose_no_wake)
{
    contend(1);
    contend(2);
}

/* ---- memory ---- */

static int read_and_write(void *arg)
{
    struct hall *hall = arg;
    int rc = yoke_rwlock_read_acquire(&hall->lock);

    if (rc != 0)
        return rc;
    yoke_rwlock_read_release(&hall->lock);
    rc = yoke_rwlock_write_acquire(&hall->lock);
    if (rc == 0)
        yoke_rwlock_write_release(&hall->lock);
    return rc;
}

/* The lock knows its seats by their distance, wherever both are mapped. */
TEST(each_process_may_have_it_elsewhere)
{
    struct hall *hall = open_hall(SEATS), *elsewhere = mremap(hall, 0, 4096, MREMAP_MAYMOVE);
    pid_t pid;

    CHECK(elsewhere != MAP_FAILED && elsewhere != hall);
    CHECK_EQ(yoke_rwlock_write_acquire(&hall->lock), 0);
    pid = forked_asleep(read_and_write, elsewhere);
    yoke_rwlock_write_release(&hall->lock);
    check_ends_well(pid);
    munmap(elsewhere, 4096);
    close_hall(hall);
}

/* ---- misuse ---- */

static void release_read(void *arg)
{
    struct hall *hall = arg;

    yoke_rwlock_read_release(&hall->lock);
}

static void release_write(void *arg)
{
    struct hall *hall = arg;

    yoke_rwlock_write_release(&hall->lock);
}

TEST(releasing_what_one_does_not_hold_aborts)
{
    struct hall *hall = open_hall(SEATS);

    check_misuse(release_read, hall, "yoke_rwlock_read_release");
    check_misuse(release_write, hall, "yoke_rwlock_write_release");
    /* another process holds it */
    CHECK_EQ(yoke_rwlock_read_acquire(&hall->lock), 0);
    check_misuse(release_read, hall, "yoke_rwlock_read_release");
    yoke_rwlock_read_release(&hall->lock);
    CHECK_EQ(yoke_rwlock_write_acquire(&hall->lock), 0);
    check_misuse(release_write, hall, "yoke_rwlock_write_release");
    yoke_rwlock_write_release(&hall->lock);
    close_hall(hall);
}
