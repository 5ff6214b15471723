/* barrier_death_test.c -- a Barrier between processes: seats, and parties that die. */
#include <stdatomic.h>
#include <yoke/barrier.h>

#include "sharing.h"

enum { MOST = 4 };

struct place {
    yoke_barrier barrier;
    yoke_seat seats[MOST];
    int rc[MOST];
    _Atomic int step; /* what the processes tell each other */
};

static struct place *new_place(unsigned parties)
{
    struct place *place = shared_page();

    CHECK_EQ(yoke_barrier_init(&place->barrier, parties, place->seats), 0);
    return place;
}

static void await_waiting(struct place *place, unsigned n)
{
    while (yoke_barrier_waiting(&place->barrier) != n)
        sched_yield();
}

static void await_step(struct place *place, int step)
{
    while (place->step != step)
        sched_yield();
}

/* Its code is what the wait gave: the index, or 100 for a broken barrier. */
static int come(void *arg)
{
    struct place *place = arg;
    int rc = yoke_barrier_wait(&place->barrier);

    yoke_barrier_leave(&place->barrier);
    return rc == -YOKE_EBARRIER ? 100 : rc;
}

/* Waits until it sleeps. */
static pid_t invite(struct place *place)
{
    unsigned n = yoke_barrier_waiting(&place->barrier);
    pid_t pid = forked(come, place);

    await_waiting(place, n + 1);
    asleep_on(pid, pid, NULL);
    return pid;
}

static int exit_code_of(pid_t pid)
{
    int status = status_of(pid);

    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* ---- seats ---- */

TEST(processes_meet)
{
    struct place *place = new_place(3);

    for (int i = 0; i < 20; i++) {
        pid_t first = invite(place), second = invite(place);

        CHECK_EQ(yoke_barrier_wait(&place->barrier), 2);
        CHECK_EQ(exit_code_of(first), 0);
        CHECK_EQ(exit_code_of(second), 1);
    }
    CHECK_EQ(yoke_barrier_broken(&place->barrier), 0);
    yoke_barrier_leave(&place->barrier);
    munmap(place, 4096);
}

TEST(a_party_keeps_its_seat_until_it_leaves)
{
    struct place *place = new_place(2);
    pid_t pid;

    pid = invite(place);
    CHECK_EQ(yoke_barrier_wait(&place->barrier), 1);
    CHECK_EQ(exit_code_of(pid), 0);
    pid = invite(place);
    CHECK_EQ(yoke_barrier_wait(&place->barrier), 1);
    CHECK_EQ(exit_code_of(pid), 0);
    pid = invite(place);
    /* both seats are taken, one of them by this thread, which does not wait */
    CHECK_EQ(exit_code_of(forked(come, place)), (unsigned char)-EAGAIN);
    yoke_barrier_leave(&place->barrier);
    yoke_barrier_leave(&place->barrier);
    CHECK_EQ(exit_code_of(forked(come, place)), 1);
    CHECK_EQ(exit_code_of(pid), 0);
    CHECK_EQ(yoke_barrier_broken(&place->barrier), 0);
    munmap(place, 4096);
}

/* A party that has a seat, then forks: the child is somebody else. */
TEST(a_child_takes_a_seat_of_its_own)
{
    struct place *place = new_place(3);
    pid_t pid = invite(place), other = invite(place);

    CHECK_EQ(yoke_barrier_wait(&place->barrier), 2);
    CHECK_EQ(exit_code_of(pid), 0);
    CHECK_EQ(exit_code_of(other), 1);
    pid = invite(place);
    other = invite(place);
    CHECK_EQ(exit_code_of(forked(come, place)), (unsigned char)-EAGAIN);
    CHECK_EQ(yoke_barrier_wait(&place->barrier), 2);
    CHECK_EQ(exit_code_of(pid), 0);
    CHECK_EQ(exit_code_of(other), 1);
    munmap(place, 4096);
}

/* ---- deaths ---- */

static void check_broken_then_reset(struct place *place)
{
    pid_t pid;

    CHECK_EQ(yoke_barrier_broken(&place->barrier), 1);
    CHECK_EQ(yoke_barrier_wait(&place->barrier), -YOKE_EBARRIER);
    CHECK_EQ(exit_code_of(forked(come, place)), 100);
    yoke_barrier_leave(&place->barrier);
    yoke_barrier_reset(&place->barrier);
    CHECK_EQ(yoke_barrier_broken(&place->barrier), 0);
    /* and all seats are there */
    for (unsigned i = 1; i < yoke_barrier_parties(&place->barrier); i++)
        pid = invite(place);
    (void)pid;
    CHECK_EQ(yoke_barrier_wait(&place->barrier), yoke_barrier_parties(&place->barrier) - 1);
    for (unsigned i = 1; i < yoke_barrier_parties(&place->barrier); i++)
        CHECK(wait(NULL) > 0);
    yoke_barrier_leave(&place->barrier);
}

TEST(the_death_of_one_who_waits_is_told_at_once)
{
    for (unsigned first = 0; first < 2; first++) {
        struct place *place = new_place(3);
        pid_t pids[2] = {invite(place), invite(place)};

        kill_and_reap(pids[first]);
        CHECK_EQ(exit_code_of(pids[!first]), 100);
        check_broken_then_reset(place);
        munmap(place, 4096);
    }
}

static int meet_and_stay(void *arg)
{
    struct place *place = arg;

    CHECK_EQ(yoke_barrier_wait(&place->barrier), 1);
    place->step = 1;
    await_step(place, 2);
    die();
}

TEST(the_death_of_one_between_its_waits_is_told_at_once)
{
    struct place *place = new_place(3);
    pid_t sleeper, stays;

    sleeper = invite(place);
    stays = forked(meet_and_stay, place);
    await_waiting(place, 2);
    CHECK_EQ(yoke_barrier_wait(&place->barrier), 2);
    CHECK_EQ(exit_code_of(sleeper), 0);
    await_step(place, 1);
    sleeper = invite(place);
    place->step = 2;
    status_of(stays);
    CHECK_EQ(exit_code_of(sleeper), 100);
    check_broken_then_reset(place);
    munmap(place, 4096);
}

static int be_told_and_die(void *arg)
{
    struct place *place = arg;

    CHECK_EQ(yoke_barrier_wait(&place->barrier), -YOKE_EBARRIER);
    place->step = 1;
    await_step(place, 2);
    die();
}

/* A reset frees the seats of the dead, and of nobody else. */
TEST(who_lives_keeps_its_seat_over_a_reset)
{
    struct place *place = new_place(2);
    pid_t stays = forked(be_told_and_die, place), other;

    await_waiting(place, 1);
    yoke_barrier_reset(&place->barrier);
    await_step(place, 1);
    other = invite(place);
    CHECK_EQ(exit_code_of(forked(come, place)), (unsigned char)-EAGAIN);
    place->step = 2;
    status_of(stays);
    CHECK_EQ(exit_code_of(other), 100);
    munmap(place, 4096);
}

static int meet_and_end(void *arg)
{
    (void)!yoke_barrier_wait(&((struct place *)arg)->barrier);
    return 0;
}

TEST(who_ends_without_leaving_is_dead)
{
    struct place *place = new_place(2);
    yoke_thread thread = {0};

    /* a process */
    pid_t pid = forked(meet_and_end, place);
    await_waiting(place, 1);
    CHECK_EQ(yoke_barrier_wait(&place->barrier), 1);
    CHECK_EQ(status_of(pid), 0);
    check_broken_then_reset(place);
    /* a thread */
    CHECK_EQ(yoke_thread_start(&thread, meet_and_end, place), 0);
    await_waiting(place, 1);
    CHECK_EQ(yoke_barrier_wait(&place->barrier), 1);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    /* the kernel marks the seat when the thread is really gone */
    while (!yoke_barrier_broken(&place->barrier))
        sched_yield();
    check_broken_then_reset(place);
    munmap(place, 4096);
}

TEST(without_a_seat_a_broken_barrier_is_broken)
{
    struct place *place = new_place(2);
    pid_t first = invite(place);

    kill_and_reap(first);
    /* the other seat */
    CHECK_EQ(yoke_barrier_wait(&place->barrier), -YOKE_EBARRIER);
    CHECK_EQ(exit_code_of(forked(come, place)), 100);
    munmap(place, 4096);
}

static int act_and_die(void *arg)
{
    (void)arg;
    die();
}

static int come_and_act(void *arg)
{
    struct place *place = arg;

    return yoke_barrier_wait_with(&place->barrier, act_and_die, NULL, YOKE_FOREVER);
}

TEST(the_death_of_one_in_its_action_is_told)
{
    struct place *place = new_place(3);
    pid_t pids[2] = {invite(place), invite(place)};

    status_of(forked(come_and_act, place));
    CHECK_EQ(exit_code_of(pids[0]), 100);
    CHECK_EQ(exit_code_of(pids[1]), 100);
    check_broken_then_reset(place);
    munmap(place, 4096);
}

/* The round was complete; so they got through, and it is the next one that breaks. */
TEST(who_got_through_got_through_though_one_dies)
{
    struct place *place = new_place(2);
    pid_t pid = invite(place);

    CHECK_EQ(kill(pid, SIGSTOP), 0);
    CHECK_EQ(exit_code_of(forked(meet_and_end, place)), 0);
    CHECK_EQ(yoke_barrier_broken(&place->barrier), 1);
    CHECK_EQ(kill(pid, SIGCONT), 0);
    CHECK_EQ(exit_code_of(pid), 0);
    check_broken_then_reset(place);
    munmap(place, 4096);
}

/* ---- deaths at any time ---- */

enum { KILLS = 150, PARTIES = 3 };

struct arena {
    struct place place;
    _Atomic uint32_t n_rounds;
};

/* Rounds without end; who is told that it is broken leaves. */
static int go_round(void *arg)
{
    struct arena *arena = arg;
    int rc;

    while ((rc = yoke_barrier_wait(&arena->place.barrier)) >= 0)
        arena->n_rounds += rc == 0;
    yoke_barrier_leave(&arena->place.barrier);
    return rc == -YOKE_EBARRIER ? 100 : 1;
}

/* After each kill all others end by themselves, and after a reset all goes on. */
TEST(nobody_waits_for_ever_whoever_is_killed)
{
    struct arena *arena = shared_page();
    unsigned seed = (unsigned)test_seed();

    CHECK_EQ(yoke_barrier_init(&arena->place.barrier, PARTIES, arena->place.seats), 0);
    for (int i = 0; i < KILLS; i++) {
        /* at least one round: each has a seat */
        uint32_t wanted = arena->n_rounds + 1 + (uint32_t)rand_r(&seed) % 20;
        int victim = rand_r(&seed) % PARTIES;
        pid_t pids[PARTIES];

        for (int k = 0; k < PARTIES; k++)
            pids[k] = forked(go_round, arena);
        while (arena->n_rounds < wanted)
            sched_yield();
        for (int pause = rand_r(&seed) % 3000; pause > 0; pause--)
            __asm__ volatile("");
        kill_and_reap(pids[victim]);
        for (int k = 0; k < PARTIES; k++)
            if (k != victim)
                CHECK_EQ(exit_code_of(pids[k]), 100);
        yoke_barrier_reset(&arena->place.barrier);
    }
    munmap(arena, 4096);
}

/* ---- more than the kernel looks after ---- */

enum { MANY = 2100 };

struct pair {
    yoke_barrier barrier;
    yoke_seat seats[2];
};

static int join_as_many_as_may_be(void *arg)
{
    struct pair *pairs = arg;
    int n = 0;

    while (n < MANY && yoke_barrier_wait_until(&pairs[n].barrier, YOKE_NOW) == -ETIMEDOUT)
        yoke_barrier_reset(&pairs[n++].barrier);
    if (n < 1000 || n == MANY || yoke_barrier_wait_until(&pairs[n].barrier, YOKE_NOW) != -EAGAIN)
        return 1;
    /* for these there is always room */
    yoke_barrier_abort(&pairs[n].barrier);
    yoke_barrier_reset(&pairs[n].barrier);
    yoke_barrier_leave(&pairs[7].barrier);
    if (yoke_barrier_wait_until(&pairs[n].barrier, YOKE_NOW) != -ETIMEDOUT)
        return 1;
    yoke_barrier_reset(&pairs[n].barrier);
    die();
}

TEST(nobody_is_party_of_more_barriers_than_the_kernel_looks_after)
{
    struct pair *pairs = mmap(NULL, MANY * sizeof *pairs, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int n_broken = 0;

    CHECK(pairs != MAP_FAILED);
    for (int i = 0; i < MANY; i++)
        CHECK_EQ(yoke_barrier_init(&pairs[i].barrier, 2, pairs[i].seats), 0);
    CHECK(WIFSIGNALED(status_of(forked(join_as_many_as_may_be, pairs))));
    for (int i = 0; i < MANY; i++)
        n_broken += yoke_barrier_broken(&pairs[i].barrier);
    /* all that it was a party of */
    CHECK_EQ(yoke_barrier_broken(&pairs[7].barrier), 0);
    CHECK_EQ(yoke_barrier_broken(&pairs[0].barrier), 1);
    CHECK(n_broken >= 1000);
    munmap(pairs, MANY * sizeof *pairs);
}
