/* queue_wait_test.c -- Queue: who waits, who is woken, how a wait ends. */
#include "ipc/gate.h"
#include "queues.h"

static bool has_capacity(enum kind kind)
{
    return kind != UNBOUNDED && kind != UNBOUNDED_BYTES;
}

/* ---- deadlines ---- */

TEST(a_pop_waits_until_its_deadline_and_uses_no_cpu)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue = new_queue(kind, 2);
        yoke_time deadline = yoke_after(0.1);
        int64_t before = cpu_time();
        int item = 77;

        CHECK_EQ(pop_until(queue, &item, deadline), -ETIMEDOUT);
        CHECK(yoke_now() >= deadline);
        CHECK(cpu_time() - before < 10 * MS);
        CHECK_EQ(item, 77);
        CHECK_EQ(pop_until(queue, &item, -1), -ETIMEDOUT);
        push(queue, 5);
        CHECK_EQ(pop(queue), 5);
        free_queue(&queue);
    }
}

TEST(a_push_waits_until_its_deadline_and_uses_no_cpu)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue = new_queue(kind, 2);
        yoke_time deadline = yoke_after(0.1);
        int64_t before = cpu_time();

        push(queue, 1);
        push(queue, 2);
        CHECK_EQ(push_until(queue, 3, deadline), has_capacity(kind) ? -ETIMEDOUT : 0);
        CHECK(!has_capacity(kind) || yoke_now() >= deadline);
        CHECK(cpu_time() - before < 10 * MS);
        CHECK_EQ(push_until(queue, 3, -1), has_capacity(kind) ? -ETIMEDOUT : 0);
        CHECK_EQ(yoke_queue_length(queue), has_capacity(kind) ? 2 : 4);
        free_queue(&queue);
    }
}

/* ---- the other side ---- */

TEST(a_push_wakes_who_waits_for_an_item)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue = new_queue(kind, 2);

        for (int i = 0; i < 5; i++) {
            struct waiter popper;

            start_popping(&popper, queue);
            push(queue, i);
            CHECK_EQ(code_of(&popper.thread), 0);
            CHECK_EQ(popper.item, i);
            CHECK_EQ(yoke_queue_length(queue), 0);
        }
        free_queue(&queue);
    }
}

TEST(a_pop_wakes_who_waits_for_room)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue;

        if (!has_capacity(kind))
            continue;
        queue = new_queue(kind, 1);
        push(queue, 0);
        for (int i = 1; i <= 5; i++) {
            struct waiter pusher;

            start_pushing(&pusher, queue, i);
            CHECK_EQ(pop(queue), i - 1);
            CHECK_EQ(code_of(&pusher.thread), 0);
            CHECK_EQ(yoke_queue_length(queue), 1);
        }
        free_queue(&queue);
    }
}

enum { MANY = 6 };

static void start_all(struct waiter *waiters, yoke_queue *queue, bool push)
{
    for (int i = 0; i < MANY; i++)
        if (push)
            start_pushing(&waiters[i], queue, 100 + i);
        else
            start_popping(&waiters[i], queue);
}

/* Waits until n have ended, and the others sleep.  Whoever waits comes to the door once, and once again each time that it is woken: so if
 * that is not more often than it should be, the others were not woken in between. */
static void check_woken(struct waiter *waiters, int n, int side)
{
    yoke_queue *queue = waiters->queue;
    int ended = 0;

    while (ended < n) {
        ended = 0;
        for (int i = 0; i < MANY; i++)
            ended += !yoke_thread_alive(&waiters[i].thread);
        sched_yield();
    }
    for (int i = 0; i < MANY; i++)
        if (yoke_thread_alive(&waiters[i].thread))
            asleep_on(getpid(), yoke_thread_native_id(&waiters[i].thread), bell_of(queue, side));
    for (int i = 0; i < MANY; i++)
        ended -= !yoke_thread_alive(&waiters[i].thread);
    CHECK_EQ(ended, 0);
    CHECK_EQ(yk_load_acq(&yk_door_of(queue, side)->came), MANY + n);
}

static void end_all(struct waiter *waiters)
{
    for (int i = 0; i < MANY; i++)
        CHECK_EQ(code_of(&waiters[i].thread), 0);
}

TEST(one_item_wakes_one)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue = new_queue(kind, MANY);
        struct waiter poppers[MANY];

        start_all(poppers, queue, false);
        for (int n = 1; n <= MANY; n++) {
            push(queue, n);
            check_woken(poppers, n, YK_POP);
        }
        end_all(poppers);
        free_queue(&queue);
    }
}

/* Nobody else needs to come along for the second one to be woken. */
TEST(items_at_once_wake_as_many)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue = new_queue(kind, MANY);
        struct waiter poppers[MANY];

        start_all(poppers, queue, false);
        for (int n = 0; n < MANY; n++)
            push(queue, n);
        end_all(poppers);
        CHECK_EQ(yoke_queue_length(queue), 0);
        free_queue(&queue);
    }
}

/* Where items differ in size, all must look whether there is room for theirs. */
TEST(room_for_one_wakes_one)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue;
        struct waiter pushers[MANY];

        if (!has_capacity(kind) || is_bytes(kind))
            continue;
        queue = new_queue(kind, 3);
        for (int i = 0; i < 3; i++)
            push(queue, i);
        start_all(pushers, queue, true);
        for (int n = 1; n <= MANY; n++) {
            pop(queue);
            check_woken(pushers, n, YK_PUSH);
        }
        end_all(pushers);
        free_queue(&queue);
    }
}

TEST(all_who_wait_get_through)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue;
        struct waiter waiters[MANY];

        if (!has_capacity(kind))
            continue;
        queue = new_queue(kind, 3);
        for (int i = 0; i < 3; i++)
            push(queue, i);
        start_all(waiters, queue, true);
        for (int i = 0; i < 3 + MANY; i++) {
            int item;

            CHECK_EQ(pop_until(queue, &item, in_time()), 0);
        }
        end_all(waiters);
        CHECK_EQ(yoke_queue_length(queue), 0);
        free_queue(&queue);
    }
}

/* ---- the end ---- */

TEST(close_releases_both_sides)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue = new_queue(kind, 1);
        struct waiter poppers[3], pushers[3];

        for (int i = 0; i < 3; i++)
            start_popping(&poppers[i], queue);
        CHECK_EQ(yoke_queue_close(queue), 0);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(code_of(&poppers[i].thread), -YOKE_ECLOSED);
        free_queue(&queue);

        if (!has_capacity(kind))
            continue;
        queue = new_queue(kind, 1);
        push(queue, 9);
        for (int i = 0; i < 3; i++)
            start_pushing(&pushers[i], queue, i);
        CHECK_EQ(yoke_queue_close(queue), 0);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(code_of(&pushers[i].thread), -YOKE_ECLOSED);
        CHECK_EQ(pop(queue), 9);
        CHECK_EQ(yoke_queue_length(queue), 0);
        free_queue(&queue);
    }
}

TEST(close_now_releases_who_waits_for_items)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue = new_queue(kind, 1);
        struct waiter poppers[3];

        for (int i = 0; i < 3; i++)
            start_popping(&poppers[i], queue);
        CHECK_EQ(yoke_queue_close_now(queue), 0);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(code_of(&poppers[i].thread), -YOKE_ECLOSED);
        free_queue(&queue);
    }
}

TEST(close_now_releases_who_waits_for_room)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        struct waiter pusher;
        yoke_queue *queue;

        if (!has_capacity(kind))
            continue;
        queue = new_queue(kind, 1);
        push(queue, 9);
        start_pushing(&pusher, queue, 1);
        CHECK_EQ(yoke_queue_close_now(queue), 1);
        CHECK_EQ(code_of(&pusher.thread), -YOKE_ECLOSED);
        CHECK_EQ(yoke_queue_length(queue), 0);
        free_queue(&queue);
    }
}

/* ---- signals ---- */

TEST(a_signal_ends_the_wait_of_an_interruptible_thread_only)
{
    handle_signals();
    if (THREAD_SANITIZER)
        SKIP("the thread sanitizer holds signals back");
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue = new_queue(kind, 1);
        struct waiter popper, pusher;

        popper = (struct waiter){.queue = queue, .item = 77, .deadline = YOKE_FOREVER, .interruptible = true};
        start_asleep(&popper.thread, pop_waiting, &popper, bell_of(queue, YK_POP));
        interrupt(&popper.thread);
        CHECK_EQ(code_of(&popper.thread), -EINTR);
        CHECK_EQ(popper.item, 77);

        start_popping(&popper, queue);
        check_sleeps_on(&popper.thread, bell_of(queue, YK_POP));
        push(queue, 1);
        CHECK_EQ(code_of(&popper.thread), 0);

        push(queue, 2);
        if (has_capacity(kind)) {
            pusher = (struct waiter){.queue = queue, .item = 3, .deadline = YOKE_FOREVER, .interruptible = true};
            start_asleep(&pusher.thread, push_waiting, &pusher, bell_of(queue, YK_PUSH));
            interrupt(&pusher.thread);
            CHECK_EQ(code_of(&pusher.thread), -EINTR);
        }
        CHECK_EQ(yoke_queue_length(queue), 1);
        free_queue(&queue);
    }
}

static int pop_for_ever(void *arg)
{
    struct waiter *waiter = arg;

    yoke_thread_interruptible(1);
    return yoke_queue_pop(waiter->queue, &waiter->item);
}

static int push_for_ever(void *arg)
{
    struct waiter *waiter = arg;

    yoke_thread_interruptible(1);
    return yoke_queue_push(waiter->queue, &waiter->item);
}

TEST(plain_calls_go_on_after_a_signal)
{
    yoke_queue *queue = new_queue(RING, 1);
    struct waiter popper = {.queue = queue}, pusher = {.queue = queue, .item = 4};

    handle_signals();
    if (THREAD_SANITIZER)
        SKIP("the thread sanitizer holds signals back");
    start_asleep(&popper.thread, pop_for_ever, &popper, bell_of(queue, YK_POP));
    check_sleeps_on(&popper.thread, bell_of(queue, YK_POP));
    push(queue, 3);
    CHECK_EQ(code_of(&popper.thread), 0);
    CHECK_EQ(popper.item, 3);
    push(queue, 3);
    start_asleep(&pusher.thread, push_for_ever, &pusher, bell_of(queue, YK_PUSH));
    check_sleeps_on(&pusher.thread, bell_of(queue, YK_PUSH));
    pop(queue);
    CHECK_EQ(code_of(&pusher.thread), 0);
    CHECK_EQ(pop(queue), 4);
    free_queue(&queue);
}

/* ---- watching, for yoke_wait_any ---- */

struct watcher {
    yoke_thread thread;
    yoke_queue *queue;
};

static int watch(void *arg)
{
    struct watcher *watcher = arg;
    struct yk_wait wait;

    while (!yk_queue_ready(watcher->queue, &wait))
        (void)yk_futex_wait(wait.word, wait.expected, wait.shared, YOKE_FOREVER);
    return 0;
}

/* It takes nothing, and no wake from those who do. */
TEST(a_watcher_is_told_of_an_item_and_of_the_end)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue = new_queue(kind, 1);
        struct watcher watcher = {.queue = queue}, closed = {.queue = queue};
        struct waiter popper;

        start_popping(&popper, queue);
        start_asleep(&watcher.thread, watch, &watcher, &queue->watchers.bell);
        push(queue, 6);
        CHECK_EQ(code_of(&popper.thread), 0);
        if (yoke_thread_alive(&watcher.thread))
            push(queue, 7);
        CHECK_EQ(code_of(&watcher.thread), 0);
        while (yoke_queue_length(queue) > 0)
            pop(queue);
        start_asleep(&closed.thread, watch, &closed, &queue->watchers.bell);
        CHECK_EQ(yoke_queue_close(queue), 0);
        CHECK_EQ(code_of(&closed.thread), 0);
        free_queue(&queue);
    }
}
