/* t1_submit.c -- T1: a million empty tasks from one outside thread to two worker threads, until all are done.
 *
 * The peers are given one task after the other, as their interfaces have it.  Yoke's is a map: one call, in which workers
 * take each item by itself and in order (.chunk = 1), or as many at a time as measurement tells (the default). */
#include <stdio.h>
#include <yoke.h>

#include "bench.h"
#include "limit.h"
#include "peers.h"

static int nothing(const int *in)
{
    (void)in;
    return 0;
}
YOKE_TASK_NORESULT(nothing, int);

static yoke_pool *pool;

static int ours(const void *chunk, double *values)
{
    static int items[PEER_TASKS];
    double begin;

    if (yoke_pool_map(pool, nothing, items, 100, NULL, .chunk = 1) != 0) /* a warm-up */
        return -1;
    begin = bench_now_ns();
    if (yoke_pool_map(pool, nothing, items, PEER_TASKS, NULL, .chunk = *(const size_t *)chunk) != 0)
        return -1;
    values[0] = (bench_now_ns() - begin) / PEER_TASKS;
    return 0;
}

static const size_t by_measurement = 0, one = 1;

static struct bench_figure figures[] = {
    {
        .title = "T1  1,000,000 empty tasks from one thread, 2 worker threads",
        .unit = "ns per task",
        .goals = {{BENCH_TIMES_FASTER, BENCH_PEER, 6, 0}, {BENCH_AT_MOST, BENCH_LIMIT, 0, 0}},
        .rows =
            {
                BENCH_ROW(BENCH_OURS, "Yoke, one map, chunk 1", ours, &one),
#ifdef BENCH_GLIB
                BENCH_ROW(BENCH_PEER, "GLib GThreadPool", peer_glib_submit, NULL),
#endif
#ifdef BENCH_UV
                BENCH_ROW(BENCH_PEER, "libuv", peer_uv_submit, NULL),
#endif
#ifdef BENCH_TBB
                BENCH_ROW(BENCH_PEER, "oneTBB", peer_tbb_submit, NULL),
#endif
                BENCH_ROW(BENCH_LIMIT, "limit: two rings, batches of 64", limit_submit, NULL),
            },
        .note = "the peers are given one task after the other; Yoke takes each item of one map by itself, in order",
    },
    {
        .title = "T1  the same, default chunk",
        .unit = "ns per task",
        .goals = {{BENCH_AT_MOST, BENCH_LIMIT, 0, 0}},
        .rows =
            {
                BENCH_ROW(BENCH_OURS, "Yoke, one map", ours, &by_measurement),
                BENCH_ROW(BENCH_LIMIT, "limit: two rings, batches of 64", limit_submit, NULL),
            },
    },
    {.title = NULL},
};

int main(int argc, char **argv)
{
    int rc = yoke_pool_open(&pool, YOKE_THREADS, .workers = 2);

    if (rc < 0)
        return fprintf(stderr, "no pool: %s\n", yoke_strerror(rc)), 1;
    rc = bench_main("T1: thread pool, submission", figures, argc, argv);
    yoke_pool_free(&pool);
    return rc;
}
