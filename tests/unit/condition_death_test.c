/* condition_death_test.c -- a shared Condition: its seats, and what becomes of a notification when processes die. */
#include <stdatomic.h>

#include "condition.h"

/* A predicate that counts. */
static int n_looks;

static int look(void *arg)
{
    (void)arg;
    n_looks++;
    return 0;
}

/* ---- seats ---- */

TEST(without_a_seat_there_is_no_wait)
{
    struct hall *hall = shared_hall(YOKE_KIND_MUTEX, 1);
    struct guest guest = {0};

    invite(&guest, hall);
    CHECK_EQ(enter(hall), 0);
    CHECK_EQ(wait_in(hall), -EAGAIN);
    CHECK_EQ(wait_in_until(hall, YOKE_FOREVER), -EAGAIN);
    CHECK_EQ(yoke_condition_wait_for(&hall->condition, &hall->mutex, look, NULL, YOKE_FOREVER), -EAGAIN);
    CHECK(yk_lockable_held(lock_of(hall), hall->kind));
    CHECK_EQ(yoke_condition_notify(&hall->condition, 2), 1);
    leave(hall);
    see_off(&guest, 0, 0);
    munmap(hall, 4096);
}

TEST(each_wait_gives_its_seat_back)
{
    struct hall *hall = shared_hall(YOKE_KIND_MUTEX, 1);

    handle_signals();
    for (int i = 0; i < 5; i++) {
        struct guest guest = {.interruptible = i % 2, .deadline = YOKE_FOREVER};

        CHECK_EQ(enter(hall), 0);
        CHECK_EQ(wait_in_until(hall, YOKE_NOW), -ETIMEDOUT);
        leave(hall);
        invite(&guest, hall);
        if (!guest.interruptible) {
            CHECK_EQ(notify_in(hall, 1), 1);
            CHECK_EQ(code_of(&guest.thread), 0);
            continue;
        }
        await_asleep_or_ended(&guest.thread);
        interrupt(&guest.thread);
        CHECK_EQ(code_of(&guest.thread), -EINTR);
    }
    munmap(hall, 4096);
}

/* ---- processes that wait once, each with a number ---- */

enum { MOST = 6 };

struct house {
    struct hall hall;
    int rc[MOST];
    uint32_t found[MOST];
    pid_t pids[MOST];
};

static pid_t start_waiting(struct house *house, int i)
{
    unsigned n = yoke_condition_waiting(&house->hall.condition);
    pid_t pid = fork();

    if (pid == 0) {
        if (enter(&house->hall) != 0)
            _exit(2);
        house->rc[i] = wait_in(&house->hall);
        house->found[i] = house->hall.generation;
        leave(&house->hall);
        _exit(0);
    }
    await_waiting(&house->hall, n + 1);
    asleep_on(pid, pid, NULL);
    house->pids[i] = pid;
    return pid;
}

static struct house *open_house(enum yoke_lock_kind kind, unsigned n_seats, int n)
{
    struct house *house = shared_page();

    open_hall(&house->hall, kind, n_seats);
    for (int i = 0; i < n; i++) {
        house->rc[i] = 99;
        start_waiting(house, i);
    }
    return house;
}

static void check_woken(struct house *house, int i, int rc, uint32_t found)
{
    check_ends_well(house->pids[i]);
    CHECK_EQ(house->rc[i], rc);
    CHECK_EQ(house->found[i], found);
}

#define OVER_EACH_LOCK(house, n)                                                                                       \
    for (int each_ = 0; each_ < KINDS; each_++)                                                                        \
        for (struct house *house = open_house(kinds[each_], SEATS, n); house; munmap(house, 4096), house = NULL)

TEST(processes_are_woken_in_the_order_in_which_they_came)
{
    OVER_EACH_LOCK(house, 4)
    {
        CHECK_EQ(notify_in(&house->hall, 1), 1);
        check_woken(house, 0, 0, 1);
        CHECK_EQ(notify_in(&house->hall, 2), 2);
        check_woken(house, 1, 0, 2);
        check_woken(house, 2, 0, 2);
        CHECK_EQ(notify_in(&house->hall, 5), 1);
        check_woken(house, 3, 0, 3);
    }
}

/* ---- the dead ---- */

TEST(the_dead_do_not_wait)
{
    OVER_EACH_LOCK(house, 3)
    {
        kill_and_reap(house->pids[0]);
        CHECK_EQ(yoke_condition_waiting(&house->hall.condition), 2);
        CHECK_EQ(notify_in(&house->hall, 1), 1);
        check_woken(house, 1, 0, 1);
        kill_and_reap(house->pids[2]);
        CHECK_EQ(yoke_condition_waiting(&house->hall.condition), 0);
        CHECK_EQ(notify_in(&house->hall, 1), 0);
    }
}

TEST(the_seats_of_the_dead_are_taken_by_others)
{
    struct house *house = open_house(YOKE_KIND_MUTEX, 2, 2);

    for (int i = 0; i < 3; i++) {
        kill_and_reap(house->pids[0]);
        kill_and_reap(house->pids[1]);
        start_waiting(house, 0);
        start_waiting(house, 1);
    }
    CHECK_EQ(notify_in(&house->hall, 2), 2);
    check_woken(house, 0, 0, 1);
    check_woken(house, 1, 0, 1);
    munmap(house, 4096);
}

/* Notified, but the lock is still held; so they sleep for that when they are killed. */
static void notify_and_kill(struct house *house, unsigned n)
{
    CHECK_EQ(enter(&house->hall), 0);
    CHECK_EQ(yoke_condition_notify(&house->hall.condition, n), n);
    for (unsigned i = 0; i < n; i++)
        kill_and_reap(house->pids[i]);
    house->hall.generation = 7;
    leave(&house->hall);
}

TEST(the_notification_of_a_dead_one_goes_to_the_next)
{
    OVER_EACH_LOCK(house, 3)
    {
        notify_and_kill(house, 1);
        check_woken(house, 1, 0, 7);
        CHECK_EQ(yoke_condition_waiting(&house->hall.condition), 1);
        CHECK_EQ(notify_in(&house->hall, 5), 1);
        check_woken(house, 2, 0, 8);
    }
}

TEST(the_notifications_of_several_dead_go_to_as_many)
{
    OVER_EACH_LOCK(house, 6)
    {
        notify_and_kill(house, 3);
        for (int i = 3; i < 6; i++)
            check_woken(house, i, 0, 7);
    }
}

TEST(a_notification_ends_with_the_last_who_waited)
{
    OVER_EACH_LOCK(house, 2)
    {
        notify_and_kill(house, 2);
        CHECK_EQ(enter(&house->hall), 0);
        CHECK_EQ(wait_in_until(&house->hall, yoke_after(0.01)), -ETIMEDOUT);
        leave(&house->hall);
    }
}

/* The heir dies of the same. */
TEST(a_notification_is_passed_on_until_one_lives)
{
    struct house *house = open_house(YOKE_KIND_MUTEX, SEATS, 4);

    CHECK_EQ(enter(&house->hall), 0);
    CHECK_EQ(yoke_condition_notify(&house->hall.condition, 1), 1);
    kill_and_reap(house->pids[0]);
    /* somebody comes to pass it on, and is killed while it waits for the lock, too */
    kill_and_reap(house->pids[1]);
    kill_and_reap(house->pids[2]);
    leave(&house->hall);
    check_woken(house, 3, 0, 0);
    munmap(house, 4096);
}

/* ---- owners that die ---- */

static int notify_and_die(void *arg)
{
    struct house *house = arg;

    CHECK_EQ(enter(&house->hall), 0);
    house->hall.generation = 5;
    CHECK_EQ(yoke_condition_notify(&house->hall.condition, 1), 1);
    die();
}

TEST(the_death_of_the_owner_is_told)
{
    for (int i = 1; i < KINDS; i++) {
        struct house *house = open_house(kinds[i], SEATS, 2);

        status_of(forked(notify_and_die, house));
        check_woken(house, 0, -YOKE_EOWNERDEAD, 5);
        /* once */
        CHECK_EQ(notify_in(&house->hall, 2), 1);
        check_woken(house, 1, 0, 6);
        munmap(house, 4096);
    }
}

/* A wait whose deadline passes while another process holds the lock, and dies. */
struct late {
    struct hall hall;
    yoke_time deadline;
};

static int hold_and_die(void *arg)
{
    struct late *late = arg;

    CHECK_EQ(enter(&late->hall), 0);
    while (yoke_now() < late->deadline)
        yoke_sleep(0.001);
    die();
}

TEST(the_death_of_the_owner_comes_before_a_timeout)
{
    for (int i = 1; i < KINDS; i++) {
        struct late *late = shared_page();
        pid_t pid;
        int rc;

        open_hall(&late->hall, kinds[i], SEATS);
        CHECK_EQ(enter(&late->hall), 0);
        pid = forked(hold_and_die, late);
        do {
            /* until the other one was faster */
            late->deadline = yoke_after(0.01);
            rc = wait_in_until(&late->hall, late->deadline);
        } while (rc == -ETIMEDOUT);
        status_of(pid);
        CHECK_EQ(rc, -YOKE_EOWNERDEAD);
        CHECK(yk_lockable_held(lock_of(&late->hall), late->hall.kind));
        CHECK_EQ(yoke_condition_waiting(&late->hall.condition), 0);
        leave(&late->hall);
        munmap(late, 4096);
    }
}

static int wait_for_what_never_comes(void *arg)
{
    struct house *house = arg;
    struct hall *hall = &house->hall;
    int rc;

    CHECK_EQ(enter(hall), 0);
    rc = yoke_condition_wait_for_on(&hall->condition, lock_of(hall), hall->kind, look, NULL, YOKE_FOREVER);
    leave(hall);
    return rc;
}

TEST(wait_for_does_not_look_at_what_may_be_half_changed)
{
    struct house *house = open_house(YOKE_KIND_MUTEX, SEATS, 0);
    yoke_thread thread = {0};

    CHECK_EQ(yoke_thread_start(&thread, wait_for_what_never_comes, house), 0);
    await_waiting(&house->hall, 1);
    status_of(forked(notify_and_die, house));
    CHECK_EQ(code_of(&thread), -YOKE_EOWNERDEAD);
    CHECK_EQ(n_looks, 1);
    munmap(house, 4096);
}

/* ---- deaths at any time ---- */

enum { TAKERS = 4, TOKENS = 3000, KILLS = 300 };

/* Tokens, each announced by one notification. */
struct purse {
    struct hall hall;
    _Atomic uint32_t n_tokens; /* under the lock, but for the keeper, who looks on */
    _Atomic uint32_t n_taken;
    bool closed; /* never: they are killed */
};

static int take_tokens(void *arg)
{
    struct purse *purse = arg;
    struct hall *hall = &purse->hall;

    while (!purse->closed) {
        int rc = enter(hall);

        while (rc == 0 && purse->n_tokens == 0)
            rc = wait_in(hall);
        if (rc == -YOKE_EOWNERDEAD)
            /* the dead one may have had its notification, and not its token */
            yoke_condition_notify_all(&hall->condition);
        else
            CHECK_EQ(rc, 0);
        if (purse->n_tokens > 0) {
            purse->n_tokens--;
            purse->n_taken++;
        }
        leave(hall);
    }
    return 0;
}

static void put_token(struct purse *purse)
{
    struct hall *hall = &purse->hall;

    if (enter(hall) == -YOKE_EOWNERDEAD)
        yoke_condition_notify_all(&hall->condition);
    purse->n_tokens++;
    yoke_condition_notify(&hall->condition, 1);
    leave(hall);
}

/* Were a notification lost with a dead one, a token would stay, and all takers asleep. */
static void torture(enum yoke_lock_kind kind)
{
    struct purse *purse = shared_page();
    unsigned seed = (unsigned)test_seed();
    pid_t pids[TAKERS];
    int n_kills = 0;

    open_hall(&purse->hall, kind, SEATS);
    for (int i = 0; i < TAKERS; i++)
        pids[i] = forked(take_tokens, purse);
    for (int i = 0; i < TOKENS; i++) {
        put_token(purse);
        if (n_kills < KILLS && rand_r(&seed) % (TOKENS / KILLS) == 0) {
            int k = rand_r(&seed) % TAKERS;

            for (int pause = rand_r(&seed) % 3000; pause > 0; pause--)
                __asm__ volatile("");
            kill_and_reap(pids[k]);
            pids[k] = forked(take_tokens, purse);
            n_kills++;
        }
    }
    while (purse->n_tokens > 0)
        sched_yield();
    CHECK(purse->n_taken >= TOKENS - (uint32_t)n_kills);
    for (int i = 0; i < TAKERS; i++)
        kill_and_reap(pids[i]);
    munmap(purse, 4096);
}

TEST(no_notification_is_lost_over_a_mutex_whoever_is_killed)
{
    torture(YOKE_KIND_MUTEX);
}

TEST(no_notification_is_lost_over_an_rlock_whoever_is_killed)
{
    torture(YOKE_KIND_RLOCK);
}

TEST(no_notification_is_lost_over_an_rwlock_whoever_is_killed)
{
    torture(YOKE_KIND_RWLOCK);
}
