/* condition_test.c -- Condition: who is woken, and when, and what a wait returns; private and shared, over each kind of lock:
 * hence its length. */
#include "condition.h"

/* Runs the body over each kind of lock, private and shared. */
#define IN_EACH_HALL(hall)                                                                                             \
    for (int each_ = 0; each_ < 2 * KINDS; each_++)                                                                    \
        for (struct hall *hall = shared_hall(kinds[each_ % KINDS], each_ < KINDS ? 0 : SEATS); hall;                   \
             munmap(hall, 4096), hall = NULL)

/* ---- alone ---- */

TEST(zero_bytes_are_a_condition_for_which_nobody_waits)
{
    yoke_condition condition = {0}, made;

    memset(&made, 0xff, sizeof made);
    CHECK_EQ(yoke_condition_init(&made, NULL, 0), 0);
    CHECK_EQ(yoke_condition_waiting(&condition), 0);
    CHECK_EQ(yoke_condition_waiting(&made), 0);
    CHECK_EQ(yoke_condition_notify(&condition, 1), 0);
    CHECK_EQ(yoke_condition_notify_all(&made), 0);
    CHECK_EQ(made.shared, YOKE_PRIVATE);
}

TEST(init_checks_the_seats)
{
    static yoke_seat seats[YOKE_SEATS_MAX + 1];
    yoke_condition condition;

    memset(&condition, 0xff, sizeof condition);
    CHECK_EQ(yoke_condition_init(&condition, seats, 0), -EINVAL);
    CHECK_EQ(yoke_condition_init(&condition, NULL, 1), -EINVAL);
    CHECK_EQ(yoke_condition_init(&condition, seats, YOKE_SEATS_MAX + 1), -EINVAL);
    CHECK_EQ(condition.shared, 0xffffffff);
    memset(seats, 0xff, sizeof seats);
    CHECK_EQ(yoke_condition_init(&condition, seats, YOKE_SEATS_MAX), 0);
    CHECK_EQ(yoke_condition_waiting(&condition), 0);
    CHECK_EQ(seats[YOKE_SEATS_MAX - 1].word, 0);
    CHECK_EQ(seats[YOKE_SEATS_MAX].word, 0xffffffff);
}

TEST(the_macro_picks_the_kind_of_lock)
{
    struct hall *hall = shared_hall(YOKE_KIND_LOCK, 0);
    yoke_condition condition[KINDS] = {0};

    yoke_lock_acquire(&hall->lock);
    CHECK_EQ(yoke_mutex_acquire(&hall->mutex), 0);
    CHECK_EQ(yoke_rlock_acquire(&hall->rlock), 0);
    CHECK_EQ(yoke_rwlock_write_acquire(&hall->rwlock), 0);
    CHECK_EQ(yoke_condition_wait_until(&condition[0], &hall->lock, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yoke_condition_wait_until(&condition[1], &hall->mutex, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yoke_condition_wait_until(&condition[2], &hall->rlock, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yoke_condition_wait_until(&condition[3], &hall->rwlock, YOKE_NOW), -ETIMEDOUT);
    for (int i = 0; i < KINDS; i++)
        CHECK_EQ(condition[i].kind, kinds[i]);
    munmap(hall, 4096);
}

TEST(a_deadline_ends_the_wait_with_the_lock_held)
{
    IN_EACH_HALL(hall)
    {
        yoke_time deadline;

        CHECK_EQ(enter(hall), 0);
        CHECK_EQ(wait_in_until(hall, YOKE_NOW), -ETIMEDOUT);
        CHECK_EQ(wait_in_until(hall, -1), -ETIMEDOUT);
        deadline = yoke_after(0.01);
        CHECK_EQ(wait_in_until(hall, deadline), -ETIMEDOUT);
        CHECK(yoke_now() >= deadline);
        CHECK(yk_lockable_held(lock_of(hall), hall->kind));
        CHECK_EQ(yoke_condition_waiting(&hall->condition), 0);
        CHECK_EQ(yoke_condition_notify(&hall->condition, 1), 0);
        leave(hall);
    }
}

TEST(waiting_uses_no_cpu)
{
    IN_EACH_HALL(hall)
    {
        int64_t before = cpu_time();

        CHECK_EQ(enter(hall), 0);
        CHECK_EQ(wait_in_until(hall, yoke_after(0.1)), -ETIMEDOUT);
        leave(hall);
        CHECK(cpu_time() - before < 10 * MS);
    }
}

TEST(a_notification_is_not_kept)
{
    IN_EACH_HALL(hall)
    {
        CHECK_EQ(notify_in(hall, 1), 0);
        CHECK_EQ(notify_in(hall, UINT32_MAX), 0);
        CHECK_EQ(enter(hall), 0);
        CHECK_EQ(wait_in_until(hall, YOKE_NOW), -ETIMEDOUT);
        leave(hall);
    }
}

/* ---- who is woken ---- */

TEST(a_notify_ends_the_waits_that_began_first_and_no_others)
{
    IN_EACH_HALL(hall)
    {
        struct guest guests[6] = {0};

        /* with and without deadlines */
        for (int i = 0; i < 6; i++) {
            guests[i].deadline = i % 2 ? in_time() : 0;
            invite(&guests[i], hall);
        }
        CHECK_EQ(notify_in(hall, 0), 0);
        CHECK_EQ(notify_in(hall, 1), 1);
        see_off(&guests[0], 0, 2);
        CHECK_EQ(notify_in(hall, 3), 3);
        for (int i = 1; i < 4; i++)
            see_off(&guests[i], 0, 3);
        CHECK_EQ(yoke_condition_waiting(&hall->condition), 2);
        CHECK_EQ(notify_in(hall, UINT32_MAX), 2);
        for (int i = 4; i < 6; i++)
            see_off(&guests[i], 0, 4);
        CHECK_EQ(yoke_condition_waiting(&hall->condition), 0);
    }
}

/* Whoever waits again, waits behind the others. */
TEST(the_order_is_that_of_the_waits_and_not_of_the_threads)
{
    IN_EACH_HALL(hall)
    {
        struct guest guests[3] = {0};

        for (int i = 0; i < 3; i++)
            invite(&guests[i], hall);
        CHECK_EQ(notify_in(hall, 1), 1);
        see_off(&guests[0], 0, 1);
        invite(&guests[0], hall);
        CHECK_EQ(notify_in(hall, 2), 2);
        see_off(&guests[1], 0, 2);
        see_off(&guests[2], 0, 2);
        CHECK_EQ(notify_in(hall, 1), 1);
        see_off(&guests[0], 0, 3);
    }
}

TEST(who_is_notified_returns_when_the_lock_is_released)
{
    IN_EACH_HALL(hall)
    {
        struct guest guest = {0};

        invite(&guest, hall);
        CHECK_EQ(enter(hall), 0);
        CHECK_EQ(yoke_condition_notify(&hall->condition, 1), 1);
        CHECK_EQ(yoke_condition_notify(&hall->condition, 1), 0);
        CHECK_EQ(yoke_condition_waiting(&hall->condition), 0);
        hall->generation = 7;
        leave(hall);
        see_off(&guest, 0, 7);
    }
}

TEST(who_gave_up_was_not_notified)
{
    IN_EACH_HALL(hall)
    {
        struct guest first = {0}, second = {.hall = hall, .deadline = yoke_after(0.01)}, third = {0};

        invite(&first, hall);
        CHECK_EQ(yoke_thread_start(&second.thread, visit, &second), 0);
        see_off(&second, -ETIMEDOUT, 0);
        invite(&third, hall);
        CHECK_EQ(notify_in(hall, 2), 2);
        see_off(&first, 0, 1);
        see_off(&third, 0, 1);
    }
}

/* Lets it wait for so long, and returns with the lock held; false if it gave up before that. */
static bool invite_and_enter(struct guest *guest, struct hall *hall, double seconds)
{
    guest->hall = hall;
    guest->deadline = yoke_after(seconds);
    CHECK_EQ(yoke_thread_start(&guest->thread, visit, guest), 0);
    while (yoke_condition_waiting(&hall->condition) == 0 && yoke_thread_alive(&guest->thread))
        sched_yield();
    CHECK_EQ(enter(hall), 0);
    if (yoke_condition_waiting(&hall->condition) == 1)
        return true;
    leave(hall);
    see_off(guest, -ETIMEDOUT, 0);
    return false;
}

/* Its deadline has passed, and it waits for the lock: a notification may still go to it, and then it returns 0. */
TEST(who_was_notified_does_not_report_a_timeout)
{
    IN_EACH_HALL(hall)
    {
        struct guest late = {0}, other = {0};
        double seconds = 0.01;

        while (!invite_and_enter(&late, hall, seconds))
            seconds *= 2;
        while (yoke_now() < late.deadline)
            yoke_sleep(0.001);
        CHECK_EQ(yoke_condition_notify(&hall->condition, 2), 1);
        leave(hall);
        see_off(&late, 0, 0);
        /* it took one, and one only */
        invite(&other, hall);
        CHECK_EQ(notify_in(hall, 1), 1);
        see_off(&other, 0, 1);
    }
}

TEST(a_condition_serves_again_and_again)
{
    IN_EACH_HALL(hall)
    {
        for (uint32_t i = 1; i <= 50; i++) {
            struct guest guest = {0};

            invite(&guest, hall);
            CHECK_EQ(notify_in(hall, 1), 1);
            see_off(&guest, 0, i);
        }
    }
}

/* ---- signals ---- */

TEST(a_signal_ends_an_interruptible_wait)
{
    handle_signals();
    IN_EACH_HALL(hall)
    {
        struct guest guests[3] = {{0}, {.interruptible = 1, .deadline = YOKE_FOREVER}};

        for (int i = 0; i < 3; i++)
            invite(&guests[i], hall);
        await_asleep_or_ended(&guests[1].thread);
        interrupt(&guests[1].thread);
        see_off(&guests[1], -EINTR, 0);
        CHECK_EQ(yoke_condition_waiting(&hall->condition), 2);
        CHECK_EQ(notify_in(hall, 3), 2);
        see_off(&guests[0], 0, 1);
        see_off(&guests[2], 0, 1);
    }
}

TEST(a_signal_ends_no_other_wait_and_takes_no_place)
{
    handle_signals();
    IN_EACH_HALL(hall)
    {
        /* without a deadline, also an interruptible one goes on */
        struct guest guests[] = {{.deadline = YOKE_FOREVER}, {.interruptible = 1}, {0}};

        for (int i = 0; i < 3; i++)
            invite(&guests[i], hall);
        for (int i = 0; i < 10; i++) {
            await_asleep_or_ended(&guests[i % 2].thread);
            interrupt(&guests[i % 2].thread);
        }
        CHECK_EQ(notify_in(hall, 1), 1);
        see_off(&guests[0], 0, 1);
        CHECK_EQ(notify_in(hall, 1), 1);
        see_off(&guests[1], 0, 2);
        CHECK_EQ(notify_in(hall, 1), 1);
        see_off(&guests[2], 0, 3);
    }
}

/* ---- predicates ---- */

struct wanted {
    struct hall *hall;
    uint32_t generation;
    int calls;
};

static int has_come(void *arg)
{
    struct wanted *wanted = arg;

    CHECK(yk_lockable_held(lock_of(wanted->hall), wanted->hall->kind));
    wanted->calls++;
    return wanted->hall->generation >= wanted->generation;
}

static int wait_for_it(void *arg)
{
    struct wanted *wanted = arg;
    struct hall *hall = wanted->hall;
    int rc;

    CHECK_EQ(enter(hall), 0);
    rc = yoke_condition_wait_for_on(&hall->condition, lock_of(hall), hall->kind, has_come, wanted, in_time());
    leave(hall);
    return rc;
}

TEST(wait_for_waits_until_the_predicate_holds)
{
    IN_EACH_HALL(hall)
    {
        struct wanted wanted = {hall, 3, 0};
        yoke_thread thread = {0};

        CHECK_EQ(yoke_thread_start(&thread, wait_for_it, &wanted), 0);
        for (int i = 0; i < 3; i++) {
            await_waiting(hall, 1);
            CHECK_EQ(notify_in(hall, 1), 1);
        }
        CHECK_EQ(code_of(&thread), 0);
        CHECK_EQ(wanted.calls, 4);
    }
}

TEST(wait_for_looks_before_and_after)
{
    IN_EACH_HALL(hall)
    {
        struct wanted wanted = {hall, 0, 0};

        CHECK_EQ(enter(hall), 0);
        CHECK_EQ(yoke_condition_wait_for_on(&hall->condition, lock_of(hall), hall->kind, has_come, &wanted, YOKE_NOW),
                 0);
        CHECK_EQ(wanted.calls, 1);
        wanted.generation = 1;
        CHECK_EQ(yoke_condition_wait_for_on(&hall->condition, lock_of(hall), hall->kind, has_come, &wanted, YOKE_NOW),
                 -ETIMEDOUT);
        CHECK_EQ(wanted.calls, 3);
        leave(hall);
    }
}

static int wait_until_interrupted(void *arg)
{
    yoke_thread_interruptible(1);
    return wait_for_it(arg);
}

TEST(a_signal_ends_wait_for_which_looks_once_more)
{
    handle_signals();
    IN_EACH_HALL(hall)
    {
        struct wanted wanted = {hall, 1, 0};
        yoke_thread thread = {0};

        CHECK_EQ(yoke_thread_start(&thread, wait_until_interrupted, &wanted), 0);
        await_waiting(hall, 1);
        await_asleep_or_ended(&thread);
        interrupt(&thread);
        CHECK_EQ(code_of(&thread), -EINTR);
        CHECK_EQ(wanted.calls, 2);
    }
}

/* ---- locks ---- */

static int wait_three_deep(void *arg)
{
    struct hall *hall = arg;

    for (int i = 0; i < 3; i++)
        CHECK_EQ(yoke_rlock_acquire(&hall->rlock), 0);
    CHECK_EQ(yoke_condition_wait(&hall->condition, &hall->rlock), 0);
    CHECK_EQ(yoke_rlock_count(&hall->rlock), 3);
    for (int i = 0; i < 3; i++)
        yoke_rlock_release(&hall->rlock);
    return 0;
}

TEST(all_levels_of_an_rlock_are_given_back_and_taken_again)
{
    for (int i = 0; i < 2; i++) {
        struct hall *hall = shared_hall(YOKE_KIND_RLOCK, i ? SEATS : 0);
        yoke_thread thread = {0};

        CHECK_EQ(yoke_thread_start(&thread, wait_three_deep, hall), 0);
        await_waiting(hall, 1);
        CHECK_EQ(notify_in(hall, 1), 1);
        CHECK_EQ(code_of(&thread), 0);
        munmap(hall, 4096);
    }
}

static int release_it(void *arg)
{
    yoke_lock_release(arg);
    return 0;
}

/* Whoever releases a private lock wakes for its holder. */
TEST(another_thread_may_release_the_lock_after_a_notify)
{
    for (int i = 0; i < 2; i++) {
        struct hall *hall = shared_hall(YOKE_KIND_LOCK, i ? SEATS : 0);
        struct guest guests[2] = {0};
        yoke_thread thread = {0};

        invite(&guests[0], hall);
        invite(&guests[1], hall);
        CHECK_EQ(enter(hall), 0);
        CHECK_EQ(yoke_condition_notify(&hall->condition, 1), 1);
        CHECK_EQ(yoke_condition_notify(&hall->condition, 1), 1);
        CHECK_EQ(yoke_thread_start(&thread, release_it, &hall->lock), 0);
        see_off(&guests[0], 0, 0);
        see_off(&guests[1], 0, 0);
        CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
        CHECK(hall->lock.owed == NULL);
        munmap(hall, 4096);
    }
}

static int other_thread(void *arg)
{
    CHECK_EQ(enter(arg), 0);
    return 0;
}

static void wait_without_the_lock(void *arg)
{
    struct hall *hall = arg;
    yoke_thread thread = {0};

    /* somebody else holds it; of a yoke_lock that cannot be told */
    if (hall->kind != YOKE_KIND_LOCK) {
        CHECK_EQ(yoke_thread_start(&thread, other_thread, hall), 0);
        CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    }
    (void)!wait_in_until(hall, YOKE_NOW);
}

static void notify_without_the_lock(void *arg)
{
    struct guest guest = {0};

    invite(&guest, arg);
    CHECK_EQ(enter(arg), 0);
    leave(arg);
    yoke_condition_notify(&((struct hall *)arg)->condition, 1);
}

static void wait_with_another_lock(void *arg)
{
    struct hall *hall = arg;
    struct guest guest = {0};
    yoke_lock other;

    yoke_lock_init(&other, hall->condition.shared);
    invite(&guest, hall);
    /* sees what it has written */
    CHECK_EQ(enter(hall), 0);
    leave(hall);
    yoke_lock_acquire(&other);
    (void)!yoke_condition_wait_until(&hall->condition, &other, YOKE_NOW);
}

static void wait_over_a_private_lock(void *arg)
{
    yoke_condition *condition = &((struct hall *)arg)->condition;
    yoke_lock lock = {0};
    yoke_mutex mutex = {0};
    yoke_rlock rlock = {0};
    yoke_rwlock rwlock = {0};

    yoke_lock_acquire(&lock);
    CHECK_EQ(yoke_mutex_acquire(&mutex) | yoke_rlock_acquire(&rlock) | yoke_rwlock_write_acquire(&rwlock), 0);
    switch (((struct hall *)arg)->kind) {
    case YOKE_KIND_LOCK:
        (void)!yoke_condition_wait_until(condition, &lock, YOKE_NOW);
        break;
    case YOKE_KIND_MUTEX:
        (void)!yoke_condition_wait_until(condition, &mutex, YOKE_NOW);
        break;
    case YOKE_KIND_RLOCK:
        (void)!yoke_condition_wait_until(condition, &rlock, YOKE_NOW);
        break;
    case YOKE_KIND_RWLOCK:
        (void)!yoke_condition_wait_until(condition, &rwlock, YOKE_NOW);
        break;
    }
}

TEST(a_shared_condition_over_a_private_lock_aborts)
{
    IN_EACH_HALL(hall)
    {
        if (hall->condition.shared)
            check_misuse(wait_over_a_private_lock, hall,
                         "the condition is shared between processes, and the lock is not");
    }
}

TEST(what_the_lock_forbids_aborts)
{
    IN_EACH_HALL(hall)
    {
        check_misuse(wait_without_the_lock, hall, "yoke_condition_wait");
        open_hall(hall, hall->kind, hall->condition.n_seats);
        check_misuse(notify_without_the_lock, hall, "yoke_condition_notify");
        open_hall(hall, hall->kind, hall->condition.n_seats);
        check_misuse(wait_with_another_lock, hall, "another lock");
    }
}

TEST(another_lock_may_serve_when_nobody_waits)
{
    yoke_condition condition = {0};
    yoke_lock lock = {0}, other = {0};

    yoke_lock_acquire(&lock);
    yoke_lock_acquire(&other);
    CHECK_EQ(yoke_condition_wait_until(&condition, &lock, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yoke_condition_wait_until(&condition, &other, YOKE_NOW), -ETIMEDOUT);
}

/* ---- memory ---- */

/* The condition knows its seats and its lock by their distance, wherever all are mapped. */
TEST(each_process_may_have_it_elsewhere)
{
    for (int i = 0; i < KINDS; i++) {
        struct hall *hall = shared_hall(kinds[i], SEATS), *elsewhere = mremap(hall, 0, 4096, MREMAP_MAYMOVE);
        struct guest guests[2] = {0};

        CHECK(elsewhere != MAP_FAILED && elsewhere != hall);
        invite(&guests[0], hall);
        invite(&guests[1], elsewhere);
        CHECK_EQ(notify_in(elsewhere, 1), 1);
        see_off(&guests[0], 0, 1);
        CHECK_EQ(notify_in(hall, 1), 1);
        see_off(&guests[1], 0, 2);
        munmap(elsewhere, 4096);
        munmap(hall, 4096);
    }
}

/* ---- fork ---- */

static int child_of_waiters(void *arg)
{
    struct hall *hall = arg;
    struct guest guest = {0};

    CHECK_EQ(yoke_condition_waiting(&hall->condition), 0);
    /* the thread that forked holds the lock */
    CHECK_EQ(yoke_condition_notify_all(&hall->condition), 0);
    leave(hall);
    if (SANITIZER)
        return 0;
    invite(&guest, hall);
    CHECK_EQ(notify_in(hall, 2), 1);
    see_off(&guest, 0, 1);
    return 0;
}

TEST(nobody_waits_in_a_child_of_fork)
{
    for (int i = 0; i < KINDS; i++) {
        static struct hall hall;
        struct guest guests[2] = {0};
        pid_t pid;

        open_hall(&hall, kinds[i], 0);
        invite(&guests[0], &hall);
        invite(&guests[1], &hall);
        CHECK_EQ(enter(&hall), 0);
        pid = forked(child_of_waiters, &hall);
        leave(&hall);
        check_ends_well(pid);
        CHECK_EQ(notify_in(&hall, UINT32_MAX), 2);
        see_off(&guests[0], 0, 1);
        see_off(&guests[1], 0, 1);
    }
}

/* ---- all at once ---- */

enum { THREADS = 4, ITEMS = 3000, ROOM = 3 };

/* A queue of the simplest kind, with one condition for each side. */
struct channel {
    struct hall full, empty; /* the lock is that of `empty` */
    uint64_t sum;
    uint32_t n_items, n_taken;
};

static int produce(void *arg)
{
    struct channel *channel = arg;
    struct hall *hall = &channel->empty;

    for (uint32_t i = 0; i < ITEMS; i++) {
        CHECK_EQ(enter(hall), 0);
        while (channel->n_items == ROOM)
            /* often too late */
            (void)!yoke_condition_wait_until_on(&channel->full.condition, lock_of(hall), hall->kind,
                                                i % 2 ? yoke_after(50e-6) : YOKE_FOREVER);
        channel->n_items++;
        yoke_condition_notify(&hall->condition, 1);
        leave(hall);
    }
    return 0;
}

static int consume(void *arg)
{
    struct channel *channel = arg;
    struct hall *hall = &channel->empty;

    for (uint32_t i = 0; i < ITEMS; i++) {
        CHECK_EQ(enter(hall), 0);
        while (channel->n_items == 0)
            (void)!wait_in_until(hall, i % 3 ? YOKE_FOREVER : yoke_after(50e-6));
        channel->n_items--;
        channel->n_taken++;
        yoke_condition_notify(&channel->full.condition, 1);
        leave(hall);
    }
    return 0;
}

/* Each notification is worth one item: were one lost, to a timeout say, all would sleep in the end. */
TEST(no_notification_is_lost_between_threads)
{
    for (int i = 0; i < 2 * KINDS; i++) {
        struct channel *channel = shared_page();
        yoke_thread threads[THREADS] = {0};

        open_hall(&channel->full, kinds[i % KINDS], i < KINDS ? 0 : SEATS);
        open_hall(&channel->empty, kinds[i % KINDS], i < KINDS ? 0 : SEATS);
        for (int k = 0; k < THREADS; k++)
            CHECK_EQ(yoke_thread_start(&threads[k], k % 2 ? produce : consume, channel), 0);
        for (int k = 0; k < THREADS; k++)
            CHECK_EQ(yoke_thread_join(&threads[k], NULL), 0);
        CHECK_EQ(channel->n_taken, THREADS / 2 * ITEMS);
        CHECK_EQ(channel->n_items, 0);
        munmap(channel, 4096);
    }
}

TEST(no_notification_is_lost_between_processes)
{
    for (int i = 0; i < KINDS; i++) {
        struct channel *channel = shared_page();
        pid_t pids[THREADS];

        open_hall(&channel->full, kinds[i], SEATS);
        open_hall(&channel->empty, kinds[i], SEATS);
        for (int k = 0; k < THREADS; k++)
            pids[k] = forked(k % 2 ? produce : consume, channel);
        for (int k = 0; k < THREADS; k++)
            check_ends_well(pids[k]);
        CHECK_EQ(channel->n_taken, THREADS / 2 * ITEMS);
        munmap(channel, 4096);
    }
}
