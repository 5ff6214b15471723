/* queue_join_test.c -- Queue: counting what is done, and waiting for it. */
#include "queues.h"

static int join_waiting(void *arg)
{
    struct waiter *waiter = arg;

    yoke_thread_interruptible(waiter->interruptible);
    return yoke_queue_join_until(waiter->queue, waiter->deadline);
}

static void start_joining(struct waiter *joiner, yoke_queue *queue)
{
    *joiner = (struct waiter){.queue = queue, .deadline = YOKE_FOREVER};
    start_asleep(&joiner->thread, join_waiting, joiner, queue->shared != YOKE_PRIVATE ? NULL : &queue->joiners.bell);
}

TEST(nothing_pushed_is_all_done)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue = new_queue(kind, 4);

        CHECK_EQ(yoke_queue_join(queue), 0);
        CHECK_EQ(yoke_queue_join_until(queue, YOKE_NOW), 0);
        free_queue(&queue);
    }
}

TEST(more_done_than_pushed)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue = new_queue(kind, 4);

        CHECK_EQ(yoke_queue_task_done(queue), -EINVAL);
        for (int i = 1; i <= 3; i++)
            push(queue, i);
        pop(queue);
        for (int i = 1; i <= 3; i++)
            CHECK_EQ(yoke_queue_task_done(queue), 0);
        CHECK_EQ(yoke_queue_task_done(queue), -EINVAL);
        CHECK_EQ(yoke_queue_join_until(queue, YOKE_NOW), 0);
        push(queue, 4);
        CHECK_EQ(yoke_queue_join_until(queue, YOKE_NOW), -ETIMEDOUT);
        CHECK_EQ(yoke_queue_task_done(queue), 0);
        CHECK_EQ(yoke_queue_task_done(queue), -EINVAL);
        free_queue(&queue);
    }
}

TEST(joiners_wait_for_the_last_one)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue = new_queue(kind, 4);
        struct waiter joiners[3];

        push(queue, 1);
        push(queue, 2);
        for (int i = 0; i < 3; i++)
            start_joining(&joiners[i], queue);
        pop(queue);
        pop(queue);
        CHECK_EQ(yoke_queue_task_done(queue), 0);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(yoke_thread_alive(&joiners[i].thread), 1);
        CHECK_EQ(yoke_queue_task_done(queue), 0);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(code_of(&joiners[i].thread), 0);
        free_queue(&queue);
    }
}

/* The next item is pushed before the joiners have woken up. */
TEST(a_moment_in_which_all_was_done_is_enough)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue = new_queue(kind, 4);

        for (int i = 0; i < 20; i++) {
            struct waiter joiner;

            push(queue, i);
            start_joining(&joiner, queue);
            pop(queue);
            CHECK_EQ(yoke_queue_task_done(queue), 0);
            push(queue, i);
            CHECK_EQ(code_of(&joiner.thread), 0);
            pop(queue);
            CHECK_EQ(yoke_queue_task_done(queue), 0);
        }
        free_queue(&queue);
    }
}

TEST(a_join_ends_at_its_deadline_and_uses_no_cpu)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue = new_queue(kind, 4);
        yoke_time deadline = yoke_after(0.1);
        int64_t before = cpu_time();

        push(queue, 1);
        CHECK_EQ(yoke_queue_join_until(queue, deadline), -ETIMEDOUT);
        CHECK(yoke_now() >= deadline);
        CHECK(cpu_time() - before < 10 * MS);
        free_queue(&queue);
    }
}

TEST(what_is_dropped_counts_as_done)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue = new_queue(kind, 4);
        struct waiter joiner;

        for (int i = 0; i < 4; i++)
            push(queue, i);
        pop(queue);
        start_joining(&joiner, queue);
        CHECK_EQ(yoke_queue_close_now(queue), 3);
        /* one was popped, and is being worked on */
        CHECK_EQ(yoke_thread_alive(&joiner.thread), 1);
        CHECK_EQ(yoke_queue_task_done(queue), 0);
        CHECK_EQ(code_of(&joiner.thread), 0);
        CHECK_EQ(yoke_queue_task_done(queue), -EINVAL);
        free_queue(&queue);
    }
}

/* Who says it too often says it of what is dropped then. */
TEST(no_more_is_done_than_was_pushed)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue = new_queue(kind, 4);

        for (int i = 0; i < 4; i++)
            push(queue, i);
        for (int i = 0; i < 2; i++)
            CHECK_EQ(yoke_queue_task_done(queue), 0);
        CHECK_EQ(yoke_queue_close_now(queue), 4);
        CHECK_EQ(yoke_queue_join_until(queue, YOKE_NOW), 0);
        CHECK_EQ(yoke_queue_task_done(queue), -EINVAL);
        free_queue(&queue);
    }
}

TEST(closing_alone_is_not_the_end_of_the_work)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        yoke_queue *queue = new_queue(kind, 4);

        push(queue, 1);
        CHECK_EQ(yoke_queue_close(queue), 0);
        CHECK_EQ(yoke_queue_join_until(queue, YOKE_NOW), -ETIMEDOUT);
        pop(queue);
        CHECK_EQ(yoke_queue_task_done(queue), 0);
        CHECK_EQ(yoke_queue_join(queue), 0);
        free_queue(&queue);
    }
}

TEST(a_signal_ends_the_join_of_an_interruptible_thread_only)
{
    yoke_queue *queue = new_queue(RING, 4);
    struct waiter joiner = {.queue = queue, .deadline = YOKE_FOREVER, .interruptible = true};

    if (THREAD_SANITIZER)
        SKIP("the thread sanitizer holds signals back");
    handle_signals();
    push(queue, 1);
    start_asleep(&joiner.thread, join_waiting, &joiner, &queue->joiners.bell);
    interrupt(&joiner.thread);
    CHECK_EQ(code_of(&joiner.thread), -EINTR);
    start_joining(&joiner, queue);
    check_sleeps_on(&joiner.thread, &queue->joiners.bell);
    CHECK_EQ(yoke_queue_task_done(queue), 0);
    CHECK_EQ(code_of(&joiner.thread), 0);
    free_queue(&queue);
}

/* ---- what was written before task_done is visible to who joins ---- */

enum { WORKERS = 3, ITEMS = 2000 };

struct works {
    yoke_queue *queue;
    int results[ITEMS]; /* plain */
};

static int work(void *arg)
{
    struct works *works = arg;
    int i;

    while (pop_until(works->queue, &i, YOKE_FOREVER) == 0) {
        works->results[i]++;
        CHECK_EQ(yoke_queue_task_done(works->queue), 0);
    }
    return 0;
}

TEST(join_brings_the_results)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        struct works works = {.queue = new_queue(kind, 16)};
        yoke_thread workers[WORKERS] = {{0}};

        for (int i = 0; i < WORKERS; i++)
            CHECK_EQ(yoke_thread_start(&workers[i], work, &works), 0);
        for (int round = 1; round <= 3; round++) {
            for (int i = 0; i < ITEMS; i++)
                CHECK_EQ(push_until(works.queue, i, YOKE_FOREVER), 0);
            CHECK_EQ(yoke_queue_join(works.queue), 0);
            for (int i = 0; i < ITEMS; i++)
                CHECK_EQ(works.results[i], round);
        }
        CHECK_EQ(yoke_queue_close(works.queue), 0);
        for (int i = 0; i < WORKERS; i++)
            CHECK_EQ(code_of(&workers[i]), 0);
        free_queue(&works.queue);
    }
}
