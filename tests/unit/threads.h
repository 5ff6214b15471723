/* threads.h -- an executor of worker threads, its callers, and items that start and end when they are told. */
#ifndef THREADS_H
#define THREADS_H

#include <yoke/event.h>
#include <yoke/thread.h>

#include "base/fault.h"
#include "executor.h"
#include "os/os.h"

/* The pool of the test, for tasks that need it. */
static struct executor pool;

static inline void start(yoke_thread *thread, int (*run)(void *arg), void *arg)
{
    CHECK_EQ(yoke_thread_start(thread, run, arg), 0);
}

static inline void join(yoke_thread *thread)
{
    CHECK_EQ(yoke_thread_join(thread, NULL), 0);
}

/* Items that start when they are told, and end when they are told. */
enum { GATES = 8 };

static yoke_event begun[GATES], released[GATES];

static inline int task_gate(const void *in, void *out)
{
    int i = *(const int *)in;

    *(long *)out = i;
    yoke_event_set(&begun[i]);
    yoke_event_wait(&released[i]);
    return 0;
}

static yoke_status gate_statuses[GATES];

static inline int map_gates(void *arg)
{
    int numbers[GATES] = {0, 1, 2, 3, 4, 5, 6, 7};
    long results[GATES];
    struct yk_map map = MAP(task_gate, numbers, results, GATES, .chunk = 1, .statuses = gate_statuses);

    *(size_t *)arg = executor_map(&pool, &map);
    return 0;
}

/* How many maps have been published, once count_published is the hook. */
static yk_a32 n_published;

static inline void count_published(enum yk_point point)
{
    if (point == YK_AT_PUBLISH_AFTER) {
        yk_add_aar(&n_published, 1);
        yk_futex_wake(&n_published, INT32_MAX, false);
    }
}

static inline void await_published(uint32_t wanted)
{
    uint32_t value;

    while ((value = yk_load_acq(&n_published)) < wanted)
        yk_futex_wait(&n_published, value, false, YOKE_FOREVER);
}

#endif
