/* nesting.h -- what the tests of YOKE_DEBUG's orders and waits share: locks, and who takes one under another.
 *
 * It asks for YOKE_DEBUG, so it comes before any other header of Yoke. */
#ifndef NESTING_H
#define NESTING_H

#define YOKE_DEBUG
#include <yoke.h>

#include "asleep.h"
#include "overheard.h"

#define HANGS "locks in an order that can hang"
#define DEADLOCK "deadlock: these threads wait for each other"

static yoke_lock a, b;
static yoke_condition condition;

static inline void nest(yoke_lock *outer, yoke_lock *inner)
{
    yoke_lock_acquire(outer);
    yoke_lock_acquire(inner);
    yoke_lock_release(inner);
    yoke_lock_release(outer);
}

/* ---- thread bodies ---- */

static inline int nest_ba(void *arg)
{
    (void)arg;
    nest(&b, &a);
    return 0;
}

/* Where hold_b_wait calls. */
static const char wait_file[] = __FILE__;

/* Holds b, and waits for the condition with a. */
static inline int hold_b_wait(void *arg)
{
    (void)arg;
    yoke_lock_acquire(&b);
    yoke_lock_acquire(&a);
    while (yoke_condition_wait(&condition, &a) != 0)
        continue;
    yoke_lock_release(&a);
    yoke_lock_release(&b);
    return 0;
}

/* Returns when the thread, whose name is "other", sleeps on that word. */
static inline void start_asleep(yoke_thread *thread, int (*run)(void *arg), void *arg, const void *word)
{
    CHECK_EQ(yoke_thread_start(thread, run, arg, .name = "other"), 0);
    asleep_on(getpid(), yoke_thread_native_id(thread), word);
}

/* Starts hold_b_wait. */
static inline void start_waiting(yoke_thread *thread)
{
    CHECK_EQ(yoke_thread_start(thread, hold_b_wait, NULL, .name = "other"), 0);
    while (yoke_condition_waiting(&condition) == 0)
        sched_yield();
}

/* ---- processes ---- */

/* Calls act in a child, which must end well. */
static inline void in_a_child(void (*act)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        act();
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

#endif
