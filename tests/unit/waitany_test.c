/* waitany_test.c -- a wait for several things ends with the first that is ready, whatever their kinds, and leaves nothing behind. */
#include "waiting.h"

/* ---- what is ready ---- */

TEST(each_kind_is_ready_when_its_own_call_would_not_wait)
{
    yoke_waitable on[KINDS];
    struct things t;

    open_things(&t);
    list_things(&t, on);
    for (int i = 0; i < KINDS; i++)
        CHECK_EQ(yoke_wait_any(&on[i], 1, YOKE_NOW), -ETIMEDOUT);
    for (int i = 0; i < KINDS; i++) {
        make_ready(&t, i);
        CHECK_EQ(yoke_wait_any(&on[i], 1, YOKE_FOREVER), 0);
        CHECK_EQ(yoke_wait_any(&on[i], 1, YOKE_NOW), 0); /* nothing was taken */
    }
    CHECK_EQ(yoke_thread_join_until(&t.thread, YOKE_NOW, NULL), 0);
    CHECK_EQ(yoke_process_join_until(&t.process, YOKE_NOW, NULL), 0);
    CHECK_EQ(yoke_event_is_set(&t.event), 1);
    CHECK_EQ(yoke_queue_pop_until(t.queue, &(int){0}, YOKE_NOW), 0);
    CHECK_EQ(yoke_pipe_receive_until(&t.here, &(char){0}, 1, NULL, YOKE_NOW), 0);
    CHECK_EQ(read(t.ends[0], &(char){0}, 1), 1);
    /* what was joined stays ready, what was taken is not */
    for (int i = 0; i < KINDS; i++)
        CHECK_EQ(yoke_wait_any(&on[i], 1, YOKE_NOW), i == THREAD || i == EVENT || i == PROCESS ? 0 : -ETIMEDOUT);
    close_things(&t);
}

/* Not for a moment it is not, between the report of its end and the end of the helper. */
TEST(a_process_that_was_joined_stays_ready)
{
    for (int i = 0; i < 10; i++) {
        yoke_process process = {0};
        yoke_waitable on = yoke_on_process(&process);

        CHECK_EQ(yoke_process_start(&process, pause_for_ever, NULL, 0), 0);
        CHECK_EQ(yoke_process_kill(&process), 0);
        CHECK_EQ(yoke_process_join(&process, NULL), 0);
        CHECK_EQ(yoke_wait_any(&on, 1, YOKE_NOW), 0);
        yoke_process_close(&process);
    }
}

TEST(the_first_that_is_ready_is_given)
{
    yoke_waitable on[KINDS], turned[KINDS];
    struct things t;

    open_things(&t);
    list_things(&t, on);
    for (int i = 0; i < KINDS; i++)
        turned[i] = on[KINDS - 1 - i];
    for (int i = KINDS - 1; i >= 0; i--) {
        make_ready(&t, i);
        CHECK_EQ(yoke_wait_any(&on[i], 1, YOKE_FOREVER), 0);
        CHECK_EQ(yoke_wait_any(on, KINDS, YOKE_NOW), i);
        CHECK_EQ(yoke_wait_any(on, KINDS, YOKE_FOREVER), i);
        CHECK_EQ(yoke_wait_any(turned, KINDS, YOKE_FOREVER), 0);
    }
    close_things(&t);
}

TEST(the_end_of_a_pipe_is_ready)
{
    yoke_pipe a = {0}, b = {0};
    yoke_waitable on;

    CHECK_EQ(yoke_pipe_open(&a, &b), 0);
    on = yoke_on_pipe(&a);
    CHECK_EQ(yoke_wait_any(&on, 1, YOKE_NOW), -ETIMEDOUT);
    yoke_pipe_close(&b);
    CHECK_EQ(yoke_wait_any(&on, 1, YOKE_FOREVER), 0);
    yoke_pipe_close(&a);
}

TEST(a_queue_that_is_closed_is_ready)
{
    yoke_waitable on;
    yoke_queue *queue;

    CHECK_EQ(yoke_queue_open(&queue, NULL, sizeof(int), 4), 0);
    on = yoke_on_queue(queue);
    CHECK_EQ(yoke_wait_any(&on, 1, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yoke_queue_close(queue), 0);
    CHECK_EQ(yoke_wait_any(&on, 1, YOKE_FOREVER), 0);
    yoke_queue_free(&queue);
}

/* ---- what is refused ---- */

TEST(nonsense_is_refused_before_any_wait)
{
    yoke_thread thread = {0};
    yoke_process process = {0};
    yoke_pipe pipe = {0};
    yoke_event set = {0};
    yoke_waitable on[121];
    const struct {
        yoke_waitable on;
        int rc;
    } refused[] = {
        {yoke_on_thread(&thread), -EINVAL},
        {yoke_on_thread(NULL), -EINVAL},
        {yoke_on_thread(yoke_thread_main()), -EINVAL},
        {yoke_on_process(&process), -EINVAL},
        {yoke_on_process(NULL), -EINVAL},
        {yoke_on_event(NULL), -EINVAL},
        {yoke_on_queue(NULL), -EINVAL},
        {yoke_on_pipe(&pipe), -EINVAL},
        {yoke_on_pipe(NULL), -EINVAL},
        {yoke_on_fd(-1), -EBADF},
        {yoke_on_fd(1000), -EBADF},
        {{0}, -EINVAL},
    };

    yoke_event_set(&set);
    for (int i = 0; i < 121; i++)
        on[i] = yoke_on_event(&set);
    CHECK_EQ(yoke_wait_any(on, 120, YOKE_FOREVER), 0);
    CHECK_EQ(yoke_wait_any(on, 121, YOKE_FOREVER), -EINVAL);
    CHECK_EQ(yoke_wait_any(on, 0, YOKE_FOREVER), -EINVAL);
    CHECK_EQ(yoke_wait_any(NULL, 1, YOKE_FOREVER), -EINVAL);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        on[1] = refused[i].on; /* though the first is ready */
        CHECK_EQ(yoke_wait_any(on, 2, YOKE_FOREVER), refused[i].rc);
    }
}

static int wait_for_oneself(void *arg)
{
    yoke_waitable on = yoke_on_thread(arg);

    return yoke_wait_any(&on, 1, YOKE_FOREVER);
}

TEST(nobody_waits_for_himself)
{
    yoke_thread thread = {0};
    int code;

    CHECK_EQ(yoke_thread_start(&thread, wait_for_oneself, &thread), 0);
    CHECK_EQ(yoke_thread_join(&thread, &code), 0);
    CHECK_EQ(code, -EDEADLK);
}

TEST(a_fork_does_not_wait_for_what_is_not_its_own)
{
    yoke_waitable on[KINDS];
    struct things t;
    int pid, status;

    open_things(&t);
    list_things(&t, on);
    pid = fork();
    if (pid == 0) {
        CHECK_EQ(yoke_wait_any(&on[THREAD], 1, YOKE_FOREVER), -YOKE_EFORKED);
        CHECK_EQ(yoke_wait_any(&on[PROCESS], 1, YOKE_FOREVER), -YOKE_EFORKED);
        CHECK_EQ(yoke_wait_any(&on[PIPE], 2, YOKE_NOW), -ETIMEDOUT);
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    close_things(&t);
}

/* ---- what ends a wait ---- */

TEST(each_kind_ends_each_way_of_waiting)
{
    for (int way = 0; way < 4; way++)
        for (int i = 0; i < ways[way].n; i++) {
            yoke_waitable on[KINDS];
            struct waiter waiter;
            struct things t;

            open_things(&t);
            list_things(&t, on);
            waiter_begin(&waiter, &on[ways[way].first], (size_t)ways[way].n, ways[way].call);
            make_ready(&t, ways[way].first + i);
            CHECK_EQ(waiter_end(&waiter), i);
            close_things(&t);
        }
}

TEST(set_and_clear_at_once_end_a_wait)
{
    yoke_event events[2] = {{0}};
    yoke_waitable on[3] = {yoke_on_event(&events[0]), yoke_on_event(&events[1]), yoke_on_fd(-1)};
    struct waiter waiter;
    int ends[2];

    CHECK_EQ(pipe(ends), 0);
    on[2] = yoke_on_fd(ends[0]);
    for (size_t n = 1; n <= 3; n++)
        for (int i = 0; i < (n == 1 ? 1 : 2); i++) {
            waiter_begin(&waiter, on, n, n == 1 ? SYS_futex : n == 2 ? SYS_futex_waitv : SYS_poll);
            yoke_event_set(&events[i]);
            yoke_event_clear(&events[i]);
            CHECK_EQ(waiter_end(&waiter), i);
            CHECK_EQ(yoke_wait_any(on, n, YOKE_NOW), -ETIMEDOUT);
        }
    close(ends[0]);
    close(ends[1]);
}

TEST(several_waiters_are_all_released)
{
    yoke_waitable on[KINDS];
    struct waiter waiters[4];
    struct things t;

    open_things(&t);
    list_things(&t, on);
    for (int i = 0; i < 4; i++)
        waiter_begin(&waiters[i], &on[ways[i].first], (size_t)ways[i].n, ways[i].call);
    make_ready(&t, THREAD);
    make_ready(&t, PROCESS);
    for (int i = 0; i < 4; i++)
        CHECK(waiter_end(&waiters[i]) >= 0);
    close_things(&t);
}

/* Holds the thread that it runs in until `hold` ends. */
static int hold[2];

static void hold_on(int number)
{
    (void)number;
    while (read(hold[0], &(char){0}, 1) < 0)
        continue;
}

/* A helper sees an item and rings, while the waiter is held up; a consumer is faster.  The wait goes on, and sees the next one. */
TEST(an_item_that_somebody_else_takes_ends_no_wait)
{
    struct sigaction action = {.sa_handler = hold_on};
    int ends[2], threads = count_threads();
    yoke_waitable on[2];
    struct waiter waiter;
    yoke_queue *queue;

    sigaction(SIGUSR1, &action, NULL);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(pipe(hold), 0);
    CHECK_EQ(yoke_queue_open(&queue, NULL, sizeof(int), 4), 0);
    on[0] = yoke_on_queue(queue);
    on[1] = yoke_on_fd(ends[0]);
    waiter_begin(&waiter, on, 2, SYS_poll);
    for (int i = 0; i < 3; i++) {
        asleep_on_words(getpid(), 1);
        pthread_kill(waiter.thread, SIGUSR1);
        inside(getpid(), waiter.tid, SYS_read);
        CHECK_EQ(yoke_queue_push(queue, &i), 0);
        while (count_threads() > threads + 1)
            sched_yield();
        CHECK_EQ(yoke_queue_pop_until(queue, &(int){0}, YOKE_NOW), 0);
        CHECK_EQ(write(hold[1], "h", 1), 1);
    }
    asleep_on_words(getpid(), 1);
    CHECK_EQ(yoke_queue_push(queue, &(int){1}), 0);
    CHECK_EQ(waiter_end(&waiter), 0);
    yoke_queue_free(&queue);
    close(ends[0]);
    close(ends[1]);
    close(hold[0]);
    close(hold[1]);
}

/* ---- the deadline ---- */

TEST(no_way_of_waiting_ends_early_or_leaves_a_thread)
{
    yoke_waitable on[KINDS];
    struct things t;
    int threads;

    open_things(&t);
    list_things(&t, on);
    threads = count_threads();
    for (int way = 0; way < 4; way++)
        for (int i = 0; i < 5; i++) {
            yoke_time deadline = yoke_after(0.0013 * i);

            CHECK_EQ(yoke_wait_any(&on[ways[way].first], (size_t)ways[way].n, deadline), -ETIMEDOUT);
            CHECK(yoke_now() >= deadline);
            CHECK_EQ(yoke_wait_any(&on[ways[way].first], (size_t)ways[way].n, -7), -ETIMEDOUT);
        }
    /* the kernel counts one for a moment after it was joined */
    while (count_threads() > threads)
        sched_yield();
    close_things(&t);
}
