/* p1_map.c -- P1: a map of an empty function over 100,000 integers, two worker processes. */
#include <stdio.h>
#include <string.h>
#include <yoke.h>

#include "bench.h"
#include "limit.h"
#include "peers.h"

enum { ITEMS = 100000, MAPS = 10 };

static int empty(const int *in, int *out)
{
    *out = *in;
    return 0;
}
YOKE_TASK(empty, int, int);

static yoke_pool *pool;

static int ours(const void *chunk, double *values)
{
    static int in[ITEMS], out[ITEMS];
    size_t n = *(const size_t *)chunk;
    double begin;

    for (int i = 0; i < ITEMS; i++)
        in[i] = i;
    memset(out, 0, sizeof out);
    if (yoke_pool_map(pool, empty, in, ITEMS, out, .chunk = n) != 0) /* a warm-up */
        return -1;
    begin = bench_now_ns();
    for (int i = 0; i < MAPS; i++)
        if (yoke_pool_map(pool, empty, in, ITEMS, out, .chunk = n) != 0)
            return -1;
    values[0] = (double)ITEMS * MAPS / (bench_now_ns() - begin) * 1e9;
    return memcmp(in, out, sizeof in) == 0 ? 0 : -1;
}

static const size_t by_measurement = 0, one = 1;
static const long counter_one = 1, counter_many = 256;

static struct bench_figure figures[] = {
    {
        .title = "P1  map of an empty function over 100,000 integers, 2 worker processes, chunk 1",
        .unit = "items/s",
        .is_rate = true,
        .goals = {{BENCH_TIMES_FASTER, BENCH_PEER, 50, 0}, {BENCH_AT_LEAST, BENCH_LIMIT, 1.0 / 3, 0}},
        .rows =
            {
                BENCH_ROW(BENCH_OURS, "Yoke, process pool", ours, &one),
                BENCH_ROW(BENCH_PEER, "Python multiprocessing.Pool", peer_python, "p1_chunk_1"),
                BENCH_ROW(BENCH_LIMIT, "limit: shared counter, by 1", limit_map, &counter_one),
            },
    },
    {
        .title = "P1  the same, default chunk",
        .unit = "items/s",
        .is_rate = true,
        .goals = {{BENCH_TIMES_FASTER, BENCH_PEER, 30, 0}, {BENCH_AT_LEAST, BENCH_LIMIT, 0, 0}},
        .rows =
            {
                BENCH_ROW(BENCH_OURS, "Yoke, process pool", ours, &by_measurement),
                BENCH_ROW(BENCH_PEER, "Python multiprocessing.Pool", peer_python, "p1_default_chunk"),
                BENCH_ROW(BENCH_LIMIT, "limit: shared counter, by 256", limit_map, &counter_many),
            },
    },
    {.title = NULL},
};

int main(int argc, char **argv)
{
    int rc = yoke_pool_open(&pool, YOKE_PROCESSES, .workers = 2);

    if (rc < 0)
        return fprintf(stderr, "no pool: %s\n", yoke_strerror(rc)), 1;
    rc = bench_main("P1: process pool, map", figures, argc, argv);
    yoke_pool_free(&pool);
    return rc;
}
