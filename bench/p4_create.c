/* p4_create.c -- P4: making a thread or a process that does nothing, and joining it. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <yoke.h>

#include "bench.h"
#include "limit.h"
#include "peers.h"

enum { THREADS = 500, PROCESSES = 100 };

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int our_thread(const void *unused, double *values)
{
    static double samples[THREADS];

    (void)unused;
    for (int i = 0; i < THREADS; i++) {
        double begin = bench_now_ns();
        yoke_thread thread = {0};

        if (yoke_thread_start(&thread, nothing, NULL) != 0 || yoke_thread_join(&thread, NULL) != 0)
            return -1;
        samples[i] = bench_now_ns() - begin;
    }
    bench_percentiles(samples, THREADS, 1e-3, values);
    return 0;
}

static int our_process(const void *unused, double *values)
{
    static double samples[PROCESSES];

    (void)unused;
    for (int i = 0; i < PROCESSES; i++) {
        double begin = bench_now_ns();
        yoke_process process = {0};
        int rc = yoke_process_start(&process, nothing, NULL, 0);

        if (rc != 0 || yoke_process_join(&process, NULL) != 0)
            return -1;
        samples[i] = bench_now_ns() - begin;
        yoke_process_close(&process);
    }
    bench_percentiles(samples, PROCESSES, 1e-3, values);
    return 0;
}

/* Measures in a program that has 1 GiB of memory in use; other rows are measured without. */
static int in_large_host(int (*measure)(const void *arg, double *values), const void *arg, double *values)
{
    size_t size = (size_t)1 << 30;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int rc;

    if (memory == MAP_FAILED)
        return -1;
    memset(memory, 1, size);
    rc = measure(arg, values);
    munmap(memory, size);
    return rc;
}

static int our_process_large(const void *unused, double *values)
{
    (void)unused;
    return in_large_host(our_process, NULL, values);
}

static int fork_large(const void *count, double *values)
{
    return in_large_host(limit_fork, count, values);
}

/* A fork of the large program takes long. */
static const int many = 100, few = 10;

static struct bench_figure figures[] = {
    {
        .title = "P4  thread: create and join",
        .unit = "us",
        .parts = {"p50", "p99"},
        .goals = {{BENCH_AT_MOST, BENCH_LIMIT, 1.15, 0}, {BENCH_TIMES_FASTER, BENCH_PEER, 0, 0}},
        .rows =
            {
                BENCH_ROW(BENCH_OURS, "Yoke, thread", our_thread, NULL),
                BENCH_ROW(BENCH_PEER, "Python threading.Thread", peer_python, "p4_thread"),
                BENCH_ROW(BENCH_LIMIT, "limit: pthread", limit_thread, NULL),
            },
    },
    {
        .title = "P4  process: create and join, small program",
        .unit = "us",
        .parts = {"p50", "p99"},
        .goals = {{BENCH_AT_MOST, BENCH_LIMIT, 2, 0}, {BENCH_TIMES_FASTER, BENCH_PEER, 0, 0}},
        .rows =
            {
                BENCH_ROW(BENCH_OURS, "Yoke, process, after yoke_init", our_process, NULL),
                BENCH_ROW(BENCH_PEER, "Python Process (fork)", peer_python, "p4_process"),
                BENCH_ROW(BENCH_LIMIT, "limit: fork, waitpid", limit_fork, &many),
            },
    },
    {
        .title = "P4  process: create and join, in a program that uses 1 GiB",
        .unit = "us",
        .parts = {"p50", "p99"},
        .goals = {{BENCH_AT_MOST, BENCH_LIMIT, 2, 0}, {BENCH_TIMES_FASTER, BENCH_PEER, 0, 0}},
        .rows =
            {
                BENCH_ROW(BENCH_OURS, "Yoke, process, after yoke_init", our_process_large, NULL),
                BENCH_ROW(BENCH_PEER, "fork, waitpid, from there", fork_large, &few),
                BENCH_ROW(BENCH_LIMIT, "limit: fork, waitpid, small", limit_fork, &many),
            },
    },
    {.title = NULL},
};

int main(int argc, char **argv)
{
    int rc = yoke_init();

    if (rc < 0)
        return fprintf(stderr, "no zygote: %s\n", yoke_strerror(rc)), 1;
    return bench_main("P4: creation", figures, argc, argv);
}
