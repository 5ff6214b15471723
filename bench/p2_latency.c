/* p2_latency.c -- P2: one empty task in a worker process, from the call to its return.
 *
 * Yoke and the limit are placed alike: left to the kernel, on two CPUs, or on one.  On one CPU the pool is opened after the
 * program was moved there, as under taskset. */
#include <stdio.h>
#include <yoke.h>

#include "bench.h"
#include "limit.h"
#include "peers.h"

enum { CALLS = 2000, CALLS_AFTER_IDLE = 100 };

static int empty(const int *in, int *out)
{
    *out = *in;
    return 0;
}
YOKE_TASK(empty, int, int);

static int move_worker(void *place)
{
    return bench_pin(((const struct bench_place *)place)->there);
}

static int time_calls(yoke_pool *pool, const struct bench_place *place, double *values)
{
    static double samples[CALLS];
    int warm = place->idle_us ? 3 : 100, n = place->idle_us ? CALLS_AFTER_IDLE : CALLS;

    for (int i = 0; i < warm + n; i++) {
        int result = -1;
        double begin;

        if (place->idle_us)
            bench_rest(place->idle_us);
        begin = bench_now_ns();
        if (yoke_pool_apply(pool, empty, &i, &result) != 0 || result != i)
            return -1;
        if (i >= warm)
            samples[i - warm] = bench_now_ns() - begin;
    }
    bench_percentiles(samples, (size_t)n, 1e-3, values);
    return 0;
}

static int ours(const void *arg, double *values)
{
    struct bench_place place = *(const struct bench_place *)arg;
    bool one_cpu = place.here >= 0 && place.here == place.there;
    yoke_pool *pool;
    int rc = one_cpu ? bench_pin(place.here) : 0;

    if (rc == 0)
        rc = yoke_pool_open(&pool, YOKE_PROCESSES, .workers = 1, .initializer = move_worker, .initializer_arg = &place);
    if (rc == 0) {
        rc = bench_pin(place.here);
        if (rc == 0)
            rc = time_calls(pool, &place, values);
        yoke_pool_free(&pool);
    }
    bench_pin(-1);
    return rc;
}

static const struct bench_place free_busy = {-1, -1, 0}, free_idle = {-1, -1, 10000};
static const struct bench_place two_busy = {0, 1, 0}, two_idle = {0, 1, 10000};
static const struct bench_place one_busy = {0, 0, 0}, one_idle = {0, 0, 10000};

#define FIGURE(title_, place_, bound)                                                                                  \
    .title = (title_), .unit = "us", .parts = {"p50", "p99"},                                                          \
    .goals = {{BENCH_AT_MOST, BENCH_LIMIT, (bound), 0}, {BENCH_AT_MOST, BENCH_LIMIT, 1.3, 1}},                         \
    .rows = {BENCH_ROW(BENCH_OURS, "Yoke, process pool", ours, &(place_)),                                             \
             BENCH_ROW(BENCH_LIMIT, "limit: futex ping-pong", limit_pingpong, &(place_))}

#define FIGURE_WITH_POOL(title_, place_, bound, what)                                                                  \
    .title = (title_), .unit = "us", .parts = {"p50", "p99"},                                                          \
    .goals = {{BENCH_AT_MOST, BENCH_LIMIT, (bound), 0},                                                                \
              {BENCH_AT_MOST, BENCH_LIMIT, 1.3, 1},                                                                    \
              {BENCH_TIMES_FASTER, BENCH_PEER, 0, 0}},                                                                 \
    .rows = {BENCH_ROW(BENCH_OURS, "Yoke, process pool", ours, &(place_)),                                             \
             BENCH_ROW(BENCH_PEER, "Python multiprocessing.Pool", peer_python, (what)),                                \
             BENCH_ROW(BENCH_LIMIT, "limit: futex ping-pong", limit_pingpong, &(place_))}

static struct bench_figure figures[] = {
    {FIGURE("P2  one empty task, back to back, two CPUs", two_busy, 1.3)},
    {FIGURE("P2  one empty task, back to back, one CPU", one_busy, 1.5)},
    {FIGURE_WITH_POOL("P2  one empty task, back to back, unpinned", free_busy, 1.3, "p2_back_to_back")},
    {FIGURE("P2  one empty task, after 10 ms of rest, two CPUs", two_idle, 1.3)},
    {FIGURE("P2  one empty task, after 10 ms of rest, one CPU", one_idle, 1.5)},
    {FIGURE_WITH_POOL("P2  one empty task, after 10 ms of rest, unpinned", free_idle, 1.3, "p2_after_idle")},
    {.title = NULL},
};

int main(int argc, char **argv)
{
    return bench_main("P2: process pool, latency", figures, argc, argv);
}
