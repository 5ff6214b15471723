/* sweep_test.c -- scarcity is a code: each call that can fail for lack of something fails once, and from then on,
 * and what was asked of the library ends with success or a negative code; nothing crashes, hangs or stays behind. */
#include <stdint.h>
#include <stdlib.h>
#include <yoke.h>

#include "failnth.h"
#include "test.h"

/* ---- the means itself ---- */

static int leaky(void)
{
    void *volatile kept = malloc(16);

    free(kept);
    return kept ? 0 : -12;
}

TEST(sweep_counts_the_calls)
{
    /* the one malloc fails, once and sticky, and each way ends with a run in which nothing failed */
    CHECK_EQ(fault_sweep("malloc", leaky, FAULT_MEMORY), 4);
    CHECK_EQ(fault_sweep("malloc, other kinds", leaky, FAULT_PROCESS), 2);
}

/* ---- threads ---- */

static int seven(void *arg)
{
    (void)arg;
    return 7;
}

static int thread_scenario(void)
{
    yoke_thread thread = {0};
    int code = 0;
    int rc = yoke_thread_start(&thread, seven, NULL, .name = "swept", .stack_size = 256 * 1024);

    if (rc < 0)
        return yoke_thread_join(&thread, NULL) < 0 ? rc : 1; /* a start that failed leaves nothing to join */
    rc = yoke_thread_join(&thread, &code);
    return rc < 0 ? rc : code != 7;
}

TEST(sweep_thread)
{
    CHECK(fault_sweep("thread", thread_scenario, FAULT_ALL) > 2);
}

/* ---- processes ---- */

static int doubled(void *arg)
{
    return *(int *)arg * 2;
}

static int process_scenario(void)
{
    yoke_process process = {0};
    yoke_exit how = {YOKE_EXITED, -1};
    int number = 21;
    int rc = yoke_process_start(&process, doubled, &number, sizeof number);

    if (rc < 0)
        return rc;
    rc = yoke_process_join(&process, &how);
    yoke_process_close(&process);
    if (rc < 0)
        return rc;
    /* a helper that could not go on takes its process along, as any death of it does */
    return !((how.kind == YOKE_EXITED && how.value == 42) || how.kind == YOKE_SIGNALLED ||
             (how.kind == YOKE_EXITED && how.value != 0));
}

TEST(sweep_process)
{
    CHECK(fault_sweep("process", process_scenario, FAULT_ALL) > 2);
}

static int init_scenario(void)
{
    int rc = yoke_init();

    if (rc < 0)
        return rc;
    rc = process_scenario();
    yoke_done();
    return rc;
}

TEST(sweep_init)
{
    CHECK(fault_sweep("init", init_scenario, FAULT_ALL) > 2);
}

/* ---- pools ---- */

enum { N = 20 };

static int square(const int *in, long *out)
{
    *out = (long)*in * *in;
    return 0;
}
YOKE_TASK(square, int, long);

/* Every item that is said to be done is right; those that are not are said to be lost. */
static int check_results(ptrdiff_t bad, const long *out, const yoke_status *statuses)
{
    ptrdiff_t found = 0;

    if (bad < 0)
        return (int)bad;
    for (long i = 0; i < N; i++) {
        found += statuses[i].state != YOKE_DONE;
        if (statuses[i].state == YOKE_DONE && out[i] != i * i)
            return 1;
    }
    return found != bad ? 2 : bad > 0 ? -1 : 0;
}

static int pool_scenario(yoke_kind kind)
{
    static int in[N];
    static long out[N];
    static yoke_status statuses[N];
    yoke_pool *pool = NULL;
    int rc = yoke_pool_open(&pool, kind, .workers = 2);

    if (rc < 0)
        return pool ? 3 : rc; /* the output is untouched */
    for (int i = 0; i < N; i++)
        in[i] = i;

    int *shared = yoke_pool_alloc(pool, sizeof in);

    rc = check_results(yoke_pool_map(pool, square, in, N, out, .statuses = statuses), out, statuses);
    yoke_pool_dealloc(pool, shared);
    yoke_pool_free(&pool);
    return pool ? 4 : rc;
}

static int serial_scenario(void)
{
    return pool_scenario(YOKE_SERIAL);
}

static int threads_scenario(void)
{
    return pool_scenario(YOKE_THREADS);
}

static int processes_scenario(void)
{
    return pool_scenario(YOKE_PROCESSES);
}

TEST(sweep_serial_pool)
{
    CHECK(fault_sweep("serial pool", serial_scenario, FAULT_ALL) > 2);
}

TEST(sweep_thread_pool)
{
    CHECK(fault_sweep("thread pool", threads_scenario, FAULT_ALL) > 2);
}

TEST(sweep_process_pool)
{
    CHECK(fault_sweep("process pool", processes_scenario, FAULT_ALL) > 2);
}
