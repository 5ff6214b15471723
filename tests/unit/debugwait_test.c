/* debugwait_test.c -- YOKE_DEBUG: threads that wait for each other. */
#include "nesting.h"

#include <errno.h>
#include <signal.h>

static yoke_lock c;
static yoke_event go;

/* ---- circles of waits ----
 *
 * Each ends by a deadline of whoever closes it; it is told when that one begins to wait. */

static yoke_time soon(void)
{
    return yoke_after(0.001);
}

static int line_held, line_awaited;

static int hold_b_take_a(void *arg)
{
    (void)arg;
    line_held = __LINE__ + 1;
    yoke_lock_acquire(&b);
    yoke_event_set(&go);
    line_awaited = __LINE__ + 1;
    yoke_lock_acquire(&a);
    yoke_lock_release(&a);
    yoke_lock_release(&b);
    return 0;
}

TEST(two_locks)
{
    yoke_thread thread = {0};
    const char *text;
    int held, awaited;

    listen_in();
    held = __LINE__ + 1;
    yoke_lock_acquire(&a);
    start_asleep(&thread, hold_b_take_a, NULL, &a.word);
    awaited = __LINE__ + 1;
    CHECK_EQ(yoke_lock_acquire_until(&b, soon()), -ETIMEDOUT);
    /* the same again is no news */
    for (int i = 0; i < 2; i++)
        CHECK_EQ(yoke_lock_acquire_until(&b, soon()), -ETIMEDOUT);
    text = overheard();
    CHECK_SAID(text, 2, DEADLOCK);
    CHECK_SAID(text, 1, "MainThread waits for lock %p (&b) at %s:%d\n      which other holds since %s:%d\n", (void *)&b,
               __FILE__, awaited, __FILE__, line_held);
    CHECK_SAID(text, 2, "other waits for lock %p (&a) at %s:%d\n      which MainThread holds since %s:%d\n", (void *)&a,
               __FILE__, line_awaited, __FILE__, held);
    yoke_lock_release(&a);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}

TEST(a_join_under_a_lock)
{
    yoke_thread thread = {0};
    const char *text;

    listen_in();
    yoke_lock_acquire(&a);
    start_asleep(&thread, hold_b_take_a, NULL, &a.word);
    CHECK_EQ(yoke_thread_join_until(&thread, soon(), NULL), -ETIMEDOUT);
    text = overheard();
    CHECK_SAID(text, 1, DEADLOCK);
    CHECK_SAID(text, 1, "MainThread waits for thread %p (&thread) at %s:", (void *)&thread, __FILE__);
    CHECK_SAID(text, 1, "which is other");
    yoke_lock_release(&a);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}

static int read_then_take_a(void *rwlock)
{
    CHECK_EQ(yoke_rwlock_read_acquire(rwlock), 0);
    yoke_lock_acquire(&a);
    yoke_lock_release(&a);
    yoke_rwlock_read_release(rwlock);
    return 0;
}

TEST(a_writer_and_a_reader)
{
    yoke_rwlock rwlock = {0};
    yoke_thread thread = {0};
    const char *text;

    listen_in();
    yoke_lock_acquire(&a);
    start_asleep(&thread, read_then_take_a, &rwlock, &a.word);
    /* two who read are not in each other's way */
    CHECK_EQ(yoke_rwlock_read_acquire_until(&rwlock, yoke_after(1000)), 0);
    yoke_rwlock_read_release(&rwlock);
    text = overheard();
    CHECK_SAID(text, 0, DEADLOCK);
    listen_in();
    CHECK_EQ(yoke_rwlock_write_acquire_until(&rwlock, soon()), -ETIMEDOUT);
    text = overheard();
    CHECK_SAID(text, 1, DEADLOCK);
    CHECK_SAID(text, 1, "MainThread waits for rwlock, to write, %p (&rwlock)", (void *)&rwlock);
    yoke_lock_release(&a);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}

/* Whoever waits for a condition needs its lock to return. */
TEST(a_condition_under_another_lock)
{
    yoke_thread thread = {0};
    const char *text;

    listen_in();
    start_waiting(&thread);
    yoke_lock_acquire(&a);
    CHECK_EQ(yoke_lock_acquire_until(&b, soon()), -ETIMEDOUT);
    text = overheard();
    CHECK_SAID(text, 1, DEADLOCK);
    CHECK_SAID(text, 1, "other waits for condition %p (&condition) at %s:", (void *)&condition, wait_file);
    CHECK_SAID(text, 1, "and then for lock %p (&a)\n      which MainThread holds since %s:", (void *)&a, __FILE__);
    yoke_condition_notify(&condition, 1);
    yoke_lock_release(&a);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}

static yoke_once once;

static int take_a(void *arg)
{
    (void)arg;
    yoke_lock_acquire(&a);
    yoke_lock_release(&a);
    return 0;
}

static int run_once(void *arg)
{
    (void)arg;
    return yoke_once_run(&once, take_a, NULL);
}

static int release_a_in_the_end(void *arg)
{
    (void)arg;
    asleep_on(getpid(), getpid(), &once.mutex.word);
    yoke_lock_release(&a);
    return 0;
}

TEST(a_once_whose_run_waits)
{
    yoke_thread runner = {0}, rescuer = {0};
    const char *text;

    listen_in();
    yoke_lock_acquire(&a);
    start_asleep(&runner, run_once, NULL, &a.word);
    CHECK_EQ(yoke_thread_start(&rescuer, release_a_in_the_end, NULL), 0);
    CHECK_EQ(yoke_once_run(&once, take_a, NULL), 0);
    CHECK_EQ(yoke_thread_join(&runner, NULL), 0);
    CHECK_EQ(yoke_thread_join(&rescuer, NULL), 0);
    text = overheard();
    CHECK_SAID(text, 1, DEADLOCK);
    CHECK_SAID(text, 1, "MainThread waits for once %p (&once)", (void *)&once);
}

static int hold_b_take_c(void *arg)
{
    (void)arg;
    yoke_lock_acquire(&b);
    yoke_lock_acquire(&c);
    yoke_lock_release(&c);
    yoke_lock_release(&b);
    return 0;
}

static int hold_c_wait_for_go(void *arg)
{
    (void)arg;
    yoke_lock_acquire(&c);
    yoke_event_wait(&go);
    yoke_lock_release(&c);
    return 0;
}

TEST(three_threads_and_no_circle)
{
    yoke_thread first = {0}, second = {0};

    listen_in();
    start_asleep(&first, hold_c_wait_for_go, NULL, &go.word);
    start_asleep(&second, hold_b_take_c, NULL, &c.word);
    CHECK_EQ(yoke_lock_acquire_until(&b, soon()), -ETIMEDOUT);
    CHECK_EQ(yoke_thread_join_until(&second, soon(), NULL), -ETIMEDOUT);
    CHECK_SILENCE(overheard());
    yoke_event_set(&go);
    CHECK_EQ(yoke_thread_join(&first, NULL), 0);
    CHECK_EQ(yoke_thread_join(&second, NULL), 0);
}

TEST(an_attempt_waits_for_nobody)
{
    yoke_thread thread = {0};

    yoke_lock_acquire(&a);
    listen_in();
    start_asleep(&thread, hold_b_take_a, NULL, &a.word);
    CHECK_EQ(yoke_lock_acquire_until(&b, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yoke_thread_join_until(&thread, YOKE_NOW, NULL), -ETIMEDOUT);
    CHECK_SILENCE(overheard());
    yoke_lock_release(&a);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}

static int hold_a_take_c(void *arg)
{
    (void)arg;
    yoke_lock_acquire(&a);
    yoke_lock_acquire(&c);
    yoke_lock_release(&c);
    yoke_lock_release(&a);
    return 0;
}

TEST(three_threads_in_a_circle)
{
    yoke_thread first = {0}, second = {0};
    const char *text;

    yoke_lock_acquire(&c);
    listen_in();
    start_asleep(&first, hold_a_take_c, NULL, &c.word);
    start_asleep(&second, hold_b_take_a, NULL, &a.word);
    CHECK_EQ(yoke_lock_acquire_until(&b, soon()), -ETIMEDOUT);
    text = overheard();
    CHECK_SAID(text, 1, DEADLOCK);
    CHECK_SAID(text, 3, " waits for lock ");
    yoke_lock_release(&c);
    CHECK_EQ(yoke_thread_join(&first, NULL), 0);
    CHECK_EQ(yoke_thread_join(&second, NULL), 0);
}

static int take_both(yoke_lock *const *locks, yoke_time deadline)
{
    int rc = 0;

    for (int i = 0; i < 2 && rc == 0; i++)
        rc = yoke_lock_acquire_until(locks[i], i == 0 ? YOKE_FOREVER : deadline);
    return rc;
}

static int take_b_and_a(void *arg)
{
    (void)arg;
    if (take_both((yoke_lock *const[]){&b, &a}, YOKE_FOREVER) != 0)
        return 1;
    yoke_lock_release(&a);
    yoke_lock_release(&b);
    return 0;
}

/* All in one place, in two reports of two kinds. */
TEST(two_locks_at_one_place)
{
    yoke_thread thread = {0};
    const char *text;

    yoke_lock_acquire(&a);
    listen_in();
    start_asleep(&thread, take_b_and_a, NULL, &a.word);
    yoke_lock_release(&a);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    thread = (yoke_thread){0};
    CHECK_EQ(take_both((yoke_lock *const[]){&a, &c}, YOKE_FOREVER), 0);
    yoke_lock_release(&c);
    start_asleep(&thread, take_b_and_a, NULL, &a.word);
    CHECK_EQ(take_both((yoke_lock *const[]){&c, &b}, soon()), -ETIMEDOUT);
    text = overheard();
    CHECK_SAID(text, 1, "locks in an order that can hang");
    CHECK_SAID(text, 1, DEADLOCK);
    yoke_lock_release(&a);
    yoke_lock_release(&c);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}
