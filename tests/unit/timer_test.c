/* timer_test.c -- Timer: runs once and in time, in order; cancel, join; from within a run; its thread; fork; misuse. */
#include <math.h>
#include <yoke/event.h>
#include <yoke/timer.h>

#include "base/atomic.h"
#include "os/os.h"
#include "sharing.h"

#define LONG 3600.0

struct log {
    yk_a32 n;
    int entries[64]; /* by the timers' thread, which is one */
};

struct note {
    yoke_timer timer;
    struct log *log;
    int number;
};

static void write_down(void *arg)
{
    struct note *note = arg;

    note->log->entries[yk_load_rlx(&note->log->n)] = note->number;
    yk_add_rlx(&note->log->n, 1);
}

static void count(void *arg)
{
    yk_add_rlx((yk_a32 *)arg, 1);
}

/* A run that the test lets go on. */
struct gate {
    yoke_timer timer;
    yoke_event begun, go;
    int seen; /* plain: written by the run */
};

static void pass_gate(void *arg)
{
    struct gate *gate = arg;

    yoke_event_set(&gate->begun);
    yoke_event_wait(&gate->go);
    gate->seen = 1;
}

/* ---- when, and how often ---- */

TEST(it_runs_once_and_not_too_early)
{
    yoke_timer timer = {0};
    yk_a32 n = {0};
    yoke_time due = yoke_after(0.05);

    CHECK_EQ(yoke_timer_start(&timer, 0.05, count, &n), 0);
    CHECK_EQ(yoke_timer_join(&timer), 0);
    CHECK(yoke_now() >= due);
    CHECK_EQ(yk_load_rlx(&n), 1);
    /* the start of another, by the same object; what is left of the first would come before */
    CHECK_EQ(yoke_timer_start(&timer, 0, count, &n), 0);
    CHECK_EQ(yoke_timer_join(&timer), 0);
    CHECK_EQ(yk_load_rlx(&n), 2);
    CHECK_EQ(yoke_timer_cancel(&timer), 0);
    CHECK_EQ(yoke_timer_join(&timer), 0);
}

TEST(no_time_at_all_is_as_soon_as_possible)
{
    double soon[] = {0, -1, -1e300, (double)NAN, 1e-12};

    for (int i = 0; i < 5; i++) {
        yoke_timer timer = {0};
        yk_a32 n = {0};

        CHECK_EQ(yoke_timer_start(&timer, soon[i], count, &n), 0);
        CHECK_EQ(yoke_timer_join_until(&timer, in_time()), 0);
        CHECK_EQ(yk_load_rlx(&n), 1);
    }
}

TEST(infinity_never_comes)
{
    yoke_timer never = {0}, soon = {0};
    yk_a32 n = {0};

    CHECK_EQ(yoke_timer_start(&never, (double)INFINITY, count, &n), 0);
    CHECK_EQ(yoke_timer_start(&soon, 0.001, count, &n), 0);
    CHECK_EQ(yoke_timer_join(&soon), 0);
    CHECK_EQ(yoke_timer_join_until(&never, yoke_after(0.01)), -ETIMEDOUT);
    CHECK_EQ(yoke_timer_cancel(&never), 1);
    CHECK_EQ(yk_load_rlx(&n), 1);
}

TEST(those_due_first_run_first)
{
    static const double after[8] = {0.05, 0.01, 0.03, 0.07, 0.02, 0.06, 0.04, 0.08};
    struct log log = {.n = {0}};
    struct note notes[8] = {0};
    struct gate gate = {.seen = 0};

    /* they come due while the thread is busy, and so their order is not that of chance */
    CHECK_EQ(yoke_timer_start(&gate.timer, 0, pass_gate, &gate), 0);
    yoke_event_wait(&gate.begun);
    for (int i = 0; i < 8; i++) {
        notes[i] = (struct note){.log = &log, .number = (int)(after[i] * 100 + 0.5)};
        CHECK_EQ(yoke_timer_start(&notes[i].timer, after[i], write_down, &notes[i]), 0);
    }
    CHECK_EQ(yoke_timer_cancel(&notes[3].timer), 1);
    yoke_event_set(&gate.go);
    CHECK_EQ(yoke_timer_join(&notes[7].timer), 0);
    CHECK_EQ(yk_load_rlx(&log.n), 7);
    for (int i = 0; i < 7; i++)
        CHECK_EQ(log.entries[i], i + 1 + (i >= 6));
}

TEST(nobody_overtakes)
{
    struct log log = {.n = {0}};
    struct note notes[32] = {0};
    struct gate gate = {.seen = 0};

    CHECK_EQ(yoke_timer_start(&gate.timer, 0, pass_gate, &gate), 0);
    yoke_event_wait(&gate.begun);
    for (int i = 0; i < 32; i++) {
        notes[i] = (struct note){.log = &log, .number = i};
        /* those that are due at their start do not overtake others that are due meanwhile */
        CHECK_EQ(yoke_timer_start(&notes[i].timer, i % 2 ? 0 : 1e-9, write_down, &notes[i]), 0);
    }
    yoke_event_set(&gate.go);
    for (int i = 0; i < 32; i++)
        CHECK_EQ(yoke_timer_join(&notes[i].timer), 0);
    for (int i = 0; i < 32; i++)
        CHECK_EQ(log.entries[i], i);
}

/* One that is due earlier than all others is not waited for as late as they. */
TEST(a_later_start_may_be_due_earlier)
{
    yoke_timer late = {0}, early = {0};
    yk_a32 n = {0};

    CHECK_EQ(yoke_timer_start(&late, LONG, count, &n), 0);
    CHECK_EQ(yoke_timer_start(&early, 0.01, count, &n), 0);
    CHECK_EQ(yoke_timer_join_until(&early, in_time()), 0);
    CHECK_EQ(yoke_timer_cancel(&late), 1);
}

/* ---- cancel and join ---- */

TEST(a_cancelled_one_does_not_run)
{
    yoke_timer timers[20] = {0};
    yk_a32 n = {0};

    for (int i = 0; i < 20; i++)
        CHECK_EQ(yoke_timer_start(&timers[i], i % 2 ? LONG + i : 0.02, count, &n), 0);
    for (int i = 19; i >= 0; i -= 2)
        CHECK_EQ(yoke_timer_cancel(&timers[i]), 1);
    for (int i = 1; i < 20; i += 2)
        CHECK_EQ(yoke_timer_cancel(&timers[i]), 0);
    for (int i = 0; i < 20; i++)
        CHECK_EQ(yoke_timer_join(&timers[i]), 0);
    CHECK_EQ(yk_load_rlx(&n), 10);
}

TEST(one_that_was_not_started)
{
    yoke_timer timer = {0};

    CHECK_EQ(yoke_timer_cancel(&timer), 0);
    CHECK_EQ(yoke_timer_join(&timer), 0);
    CHECK_EQ(yoke_timer_join_until(&timer, YOKE_NOW), 0);
    CHECK_EQ(yoke_timer_start(NULL, 1, count, NULL), -EINVAL);
    CHECK_EQ(yoke_timer_cancel(NULL), 0);
    CHECK_EQ(yoke_timer_join(NULL), -EINVAL);
    CHECK_EQ(yoke_timer_start(&timer, 1, NULL, NULL), -EINVAL);
    CHECK_EQ(yk_thread_count(), 1);
}

TEST(a_pending_one_cannot_be_started)
{
    yoke_timer timer = {0};
    yk_a32 n = {0};

    CHECK_EQ(yoke_timer_start(&timer, LONG, count, &n), 0);
    CHECK_EQ(yoke_timer_start(&timer, 0, count, &n), -EBUSY);
    CHECK_EQ(yoke_timer_join_until(&timer, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yoke_timer_cancel(&timer), 1);
    CHECK_EQ(yoke_timer_start(&timer, 0, count, &n), 0);
    CHECK_EQ(yoke_timer_join(&timer), 0);
    CHECK_EQ(yk_load_rlx(&n), 1);
}

static int join_it(void *arg)
{
    return yoke_timer_join(arg);
}

static int join_in_time(void *arg)
{
    return yoke_timer_join_until(arg, in_time());
}

TEST(a_cancel_during_the_run_is_too_late_and_join_waits_for_the_run)
{
    struct gate gate = {.seen = 0};
    yoke_thread threads[3] = {0};

    CHECK_EQ(yoke_timer_start(&gate.timer, 0.01, pass_gate, &gate), 0);
    CHECK_EQ(yoke_thread_start(&threads[0], join_it, &gate.timer), 0); /* perhaps while it is still pending */
    yoke_event_wait(&gate.begun);
    CHECK_EQ(yoke_timer_cancel(&gate.timer), 0);
    CHECK_EQ(yoke_timer_join_until(&gate.timer, yoke_after(0.01)), -ETIMEDOUT);
    CHECK_EQ(yoke_timer_join_until(&gate.timer, YOKE_NOW), -ETIMEDOUT);
    for (int i = 1; i < 3; i++) {
        CHECK_EQ(yoke_thread_start(&threads[i], i % 2 ? join_in_time : join_it, &gate.timer), 0);
        await_asleep_or_ended(&threads[i]);
        CHECK_EQ(yoke_thread_alive(&threads[i]), 1);
    }
    yoke_event_set(&gate.go);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(code_of(&threads[i]), 0);
    CHECK_EQ(gate.seen, 1);
}

TEST(a_cancel_ends_the_joins)
{
    yoke_timer timer = {0};
    yoke_thread threads[2] = {0};

    CHECK_EQ(yoke_timer_start(&timer, LONG, count, NULL), 0);
    for (int i = 0; i < 2; i++)
        start_asleep(&threads[i], i % 2 ? join_in_time : join_it, &timer, &timer.state);
    CHECK_EQ(yoke_timer_join_until(&timer, yoke_after(0.01)), -ETIMEDOUT);
    CHECK_EQ(yoke_timer_cancel(&timer), 1);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(code_of(&threads[i]), 0);
}

static int join_interruptibly(void *arg)
{
    yoke_thread_interruptible(1);
    return yoke_timer_join_until(arg, YOKE_FOREVER);
}

static int join_anyhow(void *arg)
{
    yoke_thread_interruptible(1);
    return yoke_timer_join(arg);
}

TEST(a_signal_ends_only_joins_that_want_it)
{
    yoke_timer timer = {0};
    yoke_thread interruptible = {0}, anyhow = {0};

    if (THREAD_SANITIZER)
        SKIP("the thread sanitizer holds signals back");
    handle_signals();
    CHECK_EQ(yoke_timer_start(&timer, LONG, count, NULL), 0);
    start_asleep(&interruptible, join_interruptibly, &timer, &timer.state);
    start_asleep(&anyhow, join_anyhow, &timer, &timer.state);
    check_sleeps_on(&anyhow, &timer.state);
    interrupt(&interruptible);
    CHECK_EQ(code_of(&interruptible), -EINTR);
    CHECK_EQ(yoke_timer_cancel(&timer), 1);
    CHECK_EQ(code_of(&anyhow), 0);
}
