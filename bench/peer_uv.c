/* peer_uv.c -- libuv's worker threads. */
#include <stdlib.h>
#include <uv.h>

#include "bench.h"
#include "peers.h"

static void nothing(uv_work_t *work)
{
    (void)work;
}

static void after(uv_work_t *work, int status)
{
    (void)work;
    (void)status;
}

static void submit(uv_work_t *works, int n)
{
    for (int i = 0; i < n; i++)
        uv_queue_work(uv_default_loop(), &works[i], nothing, after);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

int peer_uv_submit(const void *unused, double *values)
{
    static uv_work_t *works; /* kept, with its pages: memory is not what is measured */
    double begin;

    (void)unused;
    if (!works) {
        works = calloc(PEER_TASKS, sizeof *works);
        if (!works || setenv("UV_THREADPOOL_SIZE", "2", 1) != 0)
            return -1;
        submit(works, PEER_TASKS);
    }
    submit(works, 100);
    begin = bench_now_ns();
    submit(works, PEER_TASKS);
    values[0] = (bench_now_ns() - begin) / PEER_TASKS;
    return 0;
}
