/* debugreport_test.c -- YOKE_DEBUG: the report of who holds and awaits what. */
#include "nesting.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "debug/debug.h"

static yoke_mutex m;
static yoke_event go;

static const char *report(void)
{
    listen_in();
    if (yoke_debug_report(STDERR_FILENO) != 0)
        test_fail(__FILE__, __LINE__, "report");
    return overheard();
}

TEST(nothing_was_held)
{
    const char *text = report();

    CHECK_SAID(text, 1, "yoke: debug: process %d\n", getpid());
    CHECK_SAID(text, 0, "holds");
    CHECK_SAID(text, 0, "waits");
}

static int wait_for_go(void *arg)
{
    CHECK_EQ(yoke_mutex_acquire(&m), 0);
    (void)arg;
    yoke_event_wait(&go);
    yoke_mutex_release(&m);
    return 0;
}

static int take_m(void *arg)
{
    (void)arg;
    CHECK_EQ(yoke_mutex_acquire(&m), 0);
    yoke_mutex_release(&m);
    return 0;
}

TEST(who_holds_and_awaits_what)
{
    yoke_thread holder = {0}, waiter = {0};
    const char *text;

    CHECK_EQ(yoke_thread_start(&holder, wait_for_go, NULL, .name = "holder"), 0);
    asleep_on(getpid(), yoke_thread_native_id(&holder), &go.word);
    CHECK_EQ(yoke_thread_start(&waiter, take_m, NULL, .name = "waiter"), 0);
    asleep_on(getpid(), yoke_thread_native_id(&waiter), &m.word);
    yoke_lock_acquire(&a);
    text = report();
    CHECK_SAID(text, 1, "holder (%d)\n  holds mutex %p (&m) at %s:", yoke_thread_native_id(&holder), (void *)&m,
               __FILE__);
    CHECK_SAID(text, 1, "waits for event %p (&go) at %s:", (void *)&go, __FILE__);
    CHECK_SAID(text, 1, "waiter (%d)\n  waits for mutex %p (&m) at %s:", yoke_thread_native_id(&waiter), (void *)&m,
               __FILE__);
    CHECK_SAID(text, 1, "\n      which holder holds since %s:", __FILE__);
    CHECK_SAID(text, 1, "MainThread (%d)\n  holds lock %p (&a) at %s:", getpid(), (void *)&a, __FILE__);
    CHECK_SAID(text, 4, ", for ");
    CHECK_SAID(text, 0, DEADLOCK);
    yoke_event_set(&go);
    CHECK_EQ(yoke_thread_join(&holder, NULL), 0);
    CHECK_EQ(yoke_thread_join(&waiter, NULL), 0);
    yoke_lock_release(&a);
    text = report();
    CHECK_SAID(text, 0, "holder");
    CHECK_SAID(text, 0, "waiter");
    CHECK_SAID(text, 0, "holds");
    CHECK_SAID(text, 0, "waits");
}

static int report_when_asleep(void *arg)
{
    asleep_on(getpid(), getpid(), &b.word);
    return yoke_debug_report(*(int *)arg);
}

TEST(a_report_while_all_others_hang)
{
    yoke_thread other = {0}, reporter = {0};
    int fd = STDERR_FILENO, code = 1;
    const char *text;

    yoke_lock_acquire(&a);
    start_asleep(&other, nest_ba, NULL, &a.word);
    CHECK_EQ(yoke_thread_start(&reporter, report_when_asleep, &fd), 0);
    listen_in();
    /* until the reporter is through; it needs no lock of the others */
    while (yoke_thread_alive(&reporter))
        CHECK_EQ(yoke_lock_acquire_until(&b, yoke_after(0.1)), -ETIMEDOUT);
    CHECK_EQ(yoke_thread_join(&reporter, &code), 0);
    text = overheard();
    CHECK_EQ(code, 0);
    CHECK_SAID(text, 1, "yoke: debug: process");
    /* once when the circle closed, and once in the report */
    CHECK_SAID(text, 2, DEADLOCK);
    yoke_lock_release(&a);
    CHECK_EQ(yoke_thread_join(&other, NULL), 0);
}

static int take_b(void *arg)
{
    yoke_lock_acquire(&b);
    yoke_event_set(arg);
    yoke_event_wait(&go);
    yoke_lock_release(&b);
    return 0;
}

/* Somebody else has released it, outside of all this. */
TEST(who_has_it_now)
{
    yoke_event taken = {0};
    yoke_thread thread = {0};
    const char *text;

    yoke_lock_acquire(&b);
    (yoke_lock_release)(&b);
    CHECK_EQ(yoke_thread_start(&thread, take_b, &taken, .name = "other"), 0);
    yoke_event_wait(&taken);
    text = report();
    CHECK_SAID(text, 1, "holds lock %p (&b)", (void *)&b);
    CHECK_SAID(text, 1, "other (%d)\n  holds lock %p (&b)", yoke_thread_native_id(&thread), (void *)&b);
    yoke_event_set(&go);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}

TEST(a_condition_shows_its_lock)
{
    yoke_thread thread = {0};
    const char *text;

    start_waiting(&thread);
    yoke_lock_acquire(&a);
    text = report();
    CHECK_SAID(text, 1, "other (%d)\n  holds lock %p (&b)", yoke_thread_native_id(&thread), (void *)&b);
    CHECK_SAID(text, 1, "waits for condition %p (&condition) at %s:", (void *)&condition, wait_file);
    CHECK_SAID(text, 1, "and then for lock %p (&a)\n      which MainThread holds since %s:", (void *)&a, __FILE__);
    CHECK_SAID(text, 1, "holds lock %p (&a)", (void *)&a);
    yoke_condition_notify(&condition, 1);
    yoke_lock_release(&a);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}

static int report_in_between(void *arg)
{
    int *n = arg;

    /* a call within the call */
    yoke_lock_acquire(&b);
    yoke_lock_release(&b);
    yoke_debug_report(STDERR_FILENO);
    return ++*n == 2;
}

static int wait_for_two(void *arg)
{
    int rc;

    yoke_lock_acquire(&a);
    rc = yoke_condition_wait_for(&condition, &a, report_in_between, arg, YOKE_FOREVER);
    yoke_lock_release(&a);
    return rc;
}

/* While the predicate runs, its thread has the lock and waits for nothing. */
TEST(a_predicate_is_no_wait)
{
    yoke_thread thread = {0};
    const char *text;
    int n = 0, code = 1;

    listen_in();
    CHECK_EQ(yoke_thread_start(&thread, wait_for_two, &n), 0);
    while (yoke_condition_waiting(&condition) == 0)
        sched_yield();
    text = overheard();
    CHECK_SAID(text, 1, "yoke: debug: process");
    CHECK_SAID(text, 1, "holds lock %p (&a)", (void *)&a);
    CHECK_SAID(text, 0, "waits for");
    text = report();
    CHECK_SAID(text, 0, "holds lock");
    CHECK_SAID(text, 1, "waits for condition");
    CHECK_SAID(text, 1, "and then for lock %p (&a)", (void *)&a);
    listen_in();
    yoke_lock_acquire(&a);
    yoke_condition_notify(&condition, 1);
    yoke_lock_release(&a);
    CHECK_EQ(yoke_thread_join(&thread, &code), 0);
    text = overheard();
    CHECK_EQ(code, 0);
    CHECK_SAID(text, 1, "yoke: debug");
    CHECK_SAID(text, 1, "holds lock %p (&a)", (void *)&a);
    CHECK_SAID(text, 0, "waits for condition");
}

static int look(const int *in, int *out)
{
    *out = *in;
    yoke_lock_acquire(&a);
    yoke_debug_report(STDERR_FILENO);
    yoke_lock_release(&a);
    return 0;
}
YOKE_TASK(look, int, int);

TEST(calls_within_calls)
{
    const int in = 3;
    int out = 0;
    const char *text;
    yoke_pool *pool;

    CHECK_EQ(yoke_pool_open(&pool, YOKE_SERIAL), 0);
    listen_in();
    CHECK_EQ(yoke_pool_map(pool, look, &in, 1, &out), 0);
    text = overheard();
    CHECK_SAID(text, 1, "waits for pool %p (pool) at %s:", (void *)pool, __FILE__);
    CHECK_SAID(text, 1, "holds lock %p (&a)", (void *)&a);
    CHECK_SAID(text, 1, "waits for");
    CHECK_EQ(out, 3);
    yoke_pool_free(&pool);
    text = report();
    CHECK_SAID(text, 0, "waits");
}

static int hold_up_the_records(void *events)
{
    yk_debug_enter(YOKE_FOREVER);
    yoke_event_set(events);
    (yoke_event_wait)((yoke_event *)events + 1);
    yk_debug_leave();
    return 0;
}

/* As in a debugger that has stopped a thread. */
TEST(a_report_while_the_records_are_changed)
{
    yoke_event events[2] = {{0}};
    yoke_thread thread = {0};

    yoke_lock_acquire(&a);
    CHECK_EQ(yoke_thread_start(&thread, hold_up_the_records, events), 0);
    (yoke_event_wait)(&events[0]);
    listen_in();
    CHECK_EQ(yoke_debug_report(STDERR_FILENO), -EBUSY);
    CHECK_SAID(overheard(), 1, "let it run, and call again");
    yoke_event_set(&events[1]);
    CHECK_EQ((yoke_thread_join)(&thread, NULL), 0);
    listen_in();
    yk_debug_enter(YOKE_FOREVER);
    CHECK_EQ(yoke_debug_report(STDERR_FILENO), -EBUSY);
    yk_debug_leave();
    CHECK_SAID(overheard(), 1, "let it run, and call again");
    CHECK_SAID(report(), 1, "holds lock %p (&a)", (void *)&a);
    yoke_lock_release(&a);
}

TEST(a_report_that_cannot_be_written)
{
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    CHECK_EQ(yoke_debug_report(-1), -EBADF);
    CHECK_EQ(yoke_debug_report(full), -ENOSPC);
    close(full);
}
