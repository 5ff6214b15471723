/* interruptible_test.c -- joins of threads and processes in a thread that wants to be interrupted by signals. */
#include <signal.h>
#include <yoke/event.h>
#include <yoke/process.h>

#include "process.h"
#include "sharing.h"

TEST(a_thread_says_what_it_was_before)
{
    CHECK_EQ(yoke_thread_interruptible(1), 0);
    CHECK_EQ(yoke_thread_interruptible(7), 1);
    CHECK_EQ(yoke_thread_interruptible(0), 1);
    CHECK_EQ(yoke_thread_interruptible(0), 0);
}

/* ---- joining a thread ---- */

struct join {
    yoke_thread thread;
    yoke_event go;
    yoke_time deadline;
};

static int wait_event(void *arg)
{
    yoke_event_wait(arg);
    return 7;
}

static int join_interruptibly(void *arg)
{
    struct join *join = arg;
    int code = 5, rc;

    yoke_thread_interruptible(1);
    rc = yoke_thread_join_until(&join->thread, join->deadline, &code);
    CHECK_EQ(code, 5);
    return rc;
}

static int join_until_anyhow(void *arg)
{
    struct join *join = arg;
    int code = 5;

    CHECK_EQ(yoke_thread_join_until(&join->thread, join->deadline, &code), 0);
    return code;
}

static int join_plainly(void *arg)
{
    struct join *join = arg;
    int code = 5;

    yoke_thread_interruptible(1);
    CHECK_EQ(yoke_thread_join(&join->thread, &code), 0);
    return code;
}

/* Into its sleep again and again. */
static void interrupt_often(yoke_thread *thread)
{
    for (int i = 0; i < 5; i++) {
        interrupt(thread);
        await_asleep_or_ended(thread);
    }
    CHECK_EQ(yoke_thread_alive(thread), 1);
}

static void check_join(int (*anyhow)(void *), yoke_time deadline)
{
    struct join join = {.deadline = deadline};
    yoke_thread interruptible = {0}, other = {0};

    CHECK_EQ(yoke_thread_start(&join.thread, wait_event, &join.go), 0);
    start_asleep(&interruptible, join_interruptibly, &join, &join.thread.state);
    CHECK_EQ(yoke_thread_start(&other, anyhow, &join), 0);
    await_asleep_or_ended(&other);
    interrupt_often(&other);
    interrupt(&interruptible);
    CHECK_EQ(code_of(&interruptible), -EINTR);
    yoke_event_set(&join.go);
    CHECK_EQ(code_of(&other), 7);
    CHECK_EQ(yoke_thread_join(&join.thread, NULL), 0);
}

TEST(a_signal_ends_only_joins_that_want_it)
{
    if (THREAD_SANITIZER)
        SKIP("the thread sanitizer holds signals back");
    handle_signals();
    check_join(join_until_anyhow, YOKE_FOREVER);
    check_join(join_until_anyhow, yoke_after(3600));
    check_join(join_plainly, YOKE_FOREVER);
}

/* ---- joining a process ---- */

struct process_join {
    yoke_process *process;
    yoke_time deadline;
    yoke_event begun;
};

static int join_process_interruptibly(void *arg)
{
    struct process_join *join = arg;

    yoke_thread_interruptible(1);
    yoke_event_set(&join->begun);
    return yoke_process_join_until(join->process, join->deadline, NULL);
}

static int join_process_plainly(void *arg)
{
    struct process_join *join = arg;

    yoke_thread_interruptible(1);
    yoke_event_set(&join->begun);
    return yoke_process_join(join->process, NULL);
}

/* Interrupts it where it sleeps, in a poll, or on its way there; or when it has just ended. */
static void interrupt_until_ended(yoke_thread *thread)
{
    while (yoke_thread_alive(thread)) {
        syscall(SYS_tgkill, getpid(), yoke_thread_native_id(thread), SIGUSR1);
        sched_yield();
    }
}

TEST(the_same_for_processes)
{
    yoke_process process = {0};
    yoke_exit how;

    if (THREAD_SANITIZER)
        SKIP("the thread sanitizer holds signals back");
    handle_signals();
    CHECK_EQ(yoke_process_start(&process, wait_for_ever, NULL, 0), 0);
    for (int i = 0; i < 2; i++) {
        struct process_join join = {&process, i ? YOKE_FOREVER : yoke_after(3600), {0}};
        yoke_thread interruptible = {0};

        CHECK_EQ(yoke_thread_start(&interruptible, join_process_interruptibly, &join), 0);
        yoke_event_wait(&join.begun);
        interrupt_until_ended(&interruptible);
        CHECK_EQ(code_of(&interruptible), -EINTR);
    }

    struct process_join join = {&process, YOKE_FOREVER, {0}};
    yoke_thread plain = {0};

    CHECK_EQ(yoke_thread_start(&plain, join_process_plainly, &join), 0);
    yoke_event_wait(&join.begun);
    for (int i = 0; i < 100; i++) {
        interrupt(&plain);
        sched_yield();
    }
    CHECK_EQ(yoke_thread_alive(&plain), 1);
    CHECK_EQ(yoke_process_alive(&process), 1);
    CHECK_EQ(yoke_process_kill(&process), 0);
    CHECK_EQ(code_of(&plain), 0);
    CHECK_EQ(yoke_process_join_until(&process, YOKE_NOW, &how), 0);
    CHECK_EQ(how.kind, YOKE_SIGNALLED);
    yoke_process_close(&process);
}
