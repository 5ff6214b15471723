/* p3_transfer.c -- P3: 64 MiB to a worker process and 64 MiB back.
 *
 * By reference: the memory is the pool's (yoke_pool_alloc), and nothing is copied; what is measured is that its size does not
 * matter.  By value: ordinary memory of the caller, which a pool copies in and out.  What the worker does with it is not part of
 * the figure, so that it looks at the first and the last byte and writes those. */
#include <stdlib.h>
#include <string.h>
#include <yoke.h>

#include "bench.h"
#include "limit.h"
#include "peers.h"

enum { MIB64 = 64 << 20, CALLS = 5, SMALL_CALLS = 1000 };

struct big {
    char bytes[MIB64];
};

struct small {
    char bytes[64];
};

static int turn_big(const struct big *in, struct big *out)
{
    out->bytes[0] = in->bytes[MIB64 - 1];
    out->bytes[MIB64 - 1] = in->bytes[0];
    return 0;
}
YOKE_TASK(turn_big, struct big, struct big);

static int turn_small(const struct small *in, struct small *out)
{
    out->bytes[0] = in->bytes[63];
    out->bytes[63] = in->bytes[0];
    return 0;
}
YOKE_TASK(turn_small, struct small, struct small);

static yoke_pool *pool;

static int by_reference(const void *is_big, double *values)
{
    size_t size = is_big ? sizeof(struct big) : sizeof(struct small);
    void *in = yoke_pool_alloc(pool, size), *out = yoke_pool_alloc(pool, size);
    double begin = 0;
    int rc = in && out ? 0 : -1;

    for (int i = -10; i < SMALL_CALLS && rc == 0; i++) {
        if (i == 0)
            begin = bench_now_ns();
        rc = is_big ? (int)yoke_pool_apply(pool, turn_big, (struct big *)in, (struct big *)out)
                    : (int)yoke_pool_apply(pool, turn_small, (struct small *)in, (struct small *)out);
    }
    values[0] = (bench_now_ns() - begin) / SMALL_CALLS / 1e3;
    yoke_pool_dealloc(pool, in);
    yoke_pool_dealloc(pool, out);
    return rc;
}

static int by_value(const void *unused, double *values)
{
    struct big *in = malloc(sizeof *in), *out = malloc(sizeof *out);
    double begin = 0;
    int rc = in && out ? 0 : -1;

    (void)unused;
    if (rc == 0) {
        memset(in, 1, sizeof *in);
        memset(out, 2, sizeof *out);
    }
    for (int i = -1; i < CALLS && rc == 0; i++) { /* the first one is a warm-up */
        if (i == 0)
            begin = bench_now_ns();
        rc = (int)yoke_pool_apply(pool, turn_big, in, out);
    }
    values[0] = 2.0 * MIB64 * CALLS / (bench_now_ns() - begin) * 1e9;
    free(in);
    free(out);
    return rc;
}

static struct bench_figure figures[] = {
    {
        .title = "P3  64 MiB there and back by reference",
        .unit = "us per call",
        .goals = {{BENCH_AT_MOST, BENCH_LIMIT, 1.1, 0}},
        .rows = {BENCH_ROW(BENCH_OURS, "Yoke, 64 MiB of yoke_pool_alloc", by_reference, "big"),
                 BENCH_ROW(BENCH_LIMIT, "the same, 64 bytes", by_reference, NULL)},
    },
    {
        .title = "P3  64 MiB there and back by value",
        .unit = "bytes/s, both ways counted",
        .is_rate = true,
        .goals = {{BENCH_AT_LEAST, BENCH_LIMIT, 0.95, 0}, {BENCH_TIMES_FASTER, BENCH_PEER, 0, 0}},
        .rows = {BENCH_ROW(BENCH_OURS, "Yoke, ordinary memory", by_value, NULL),
                 BENCH_ROW(BENCH_PEER, "Python Pool (pickle)", peer_python, "p3_pickle"),
                 BENCH_ROW(BENCH_PEER, "Python shared_memory", peer_python, "p3_shared_memory"),
                 BENCH_ROW(BENCH_LIMIT, "limit: two copies, warm shared memory", limit_copies, NULL)},
    },
    {.title = NULL},
};

int main(int argc, char **argv)
{
    int rc = yoke_pool_open(&pool, YOKE_PROCESSES, .workers = 1);

    if (rc < 0)
        return 1;
    rc = bench_main("P3: transfer", figures, argc, argv);
    yoke_pool_free(&pool);
    return rc;
}
