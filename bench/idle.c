/* idle.c -- what pools cost that have nothing to do: memory, and CPU over five seconds.
 *
 * The kernel tells: resident and private memory of smaps_rollup, the time on a CPU of schedstat, for each thread of each
 * process that belongs to the pool (those from a worker up to this program). */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke.h>

#include "bench.h"
#include "peers.h"

enum { THREADS = 64, SECONDS = 5 };

static int which(const int *in, int *out)
{
    (void)in;
    *out = getpid();
    return 0;
}
YOKE_TASK(which, int, int);

/* ---- what the kernel tells ---- */

/* The sum of the numbers behind a name in /proc/PID/FILE. */
static double read_number(int pid, const char *file, const char *name)
{
    char path[64], line[256];
    double sum = 0;
    FILE *lines;

    snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    lines = fopen(path, "r");
    while (lines && fgets(line, sizeof line, lines))
        if (strncmp(line, name, strlen(name)) == 0)
            sum += strtod(line + strlen(name), NULL);
    if (lines)
        fclose(lines);
    return sum;
}

static double cpu_ms(int pid)
{
    char path[64];
    double ns = 0;
    DIR *threads;

    snprintf(path, sizeof path, "/proc/%d/task", pid);
    threads = opendir(path);
    for (struct dirent *thread; threads && (thread = readdir(threads));) {
        char file[300];

        /* The program's own thread reads the clocks, and does nothing else. */
        if (thread->d_name[0] == '.' || atoi(thread->d_name) == getpid())
            continue;
        snprintf(file, sizeof file, "task/%s/schedstat", thread->d_name);
        ns += read_number(pid, file, "");
    }
    if (threads)
        closedir(threads);
    return ns / 1e6;
}

/* ---- memory ---- */

/* In a child, so that no earlier pool has left memory behind. */
static int in_child(double (*measure)(void), double *values)
{
    int ends[2];
    pid_t pid;
    bool ok;

    if (pipe(ends) != 0)
        return -1;
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        double value = measure();

        _exit(write(ends[1], &value, sizeof value) == sizeof value ? 0 : 1);
    }
    close(ends[1]);
    ok = read(ends[0], values, sizeof *values) == sizeof *values && values[0] >= 0;
    close(ends[0]);
    waitpid(pid, NULL, 0);
    return ok ? 0 : -1;
}

static double resident_kib(void)
{
    return read_number(getpid(), "smaps_rollup", "Rss:");
}

static double thread_pool_kib(void)
{
    double before = resident_kib(), after;
    yoke_pool *pool;

    before = resident_kib(); /* reading it has used memory too */
    if (yoke_pool_open(&pool, YOKE_THREADS, .workers = THREADS) != 0)
        return -1;
    after = resident_kib();
    yoke_pool_free(&pool);
    return (after - before) / THREADS;
}

static double bare_child_kib(void)
{
    return read_number(getpid(), "smaps_rollup", "Private_Dirty:");
}

static int threads_memory(const void *unused, double *values)
{
    (void)unused;
    return in_child(thread_pool_kib, values);
}

static int bare_child_memory(const void *unused, double *values)
{
    (void)unused;
    return in_child(bare_child_kib, values);
}

static int worker_memory(const void *unused, double *values)
{
    yoke_pool *pool;
    int in = 0, pid, rc = yoke_pool_open(&pool, YOKE_PROCESSES, .workers = 1);

    (void)unused;
    if (rc != 0)
        return -1;
    rc = (int)yoke_pool_apply(pool, which, &in, &pid);
    if (rc == 0)
        values[0] = read_number(pid, "smaps_rollup", "Private_Dirty:");
    yoke_pool_free(&pool);
    return rc;
}

/* ---- CPU ---- */

/* Of the threads and processes from a worker up to this program. */
static double pool_cpu_ms(int worker)
{
    double sum = 0;

    for (int pid = worker; pid > 1; pid = pid == getpid() ? 0 : (int)read_number(pid, "status", "PPid:"))
        sum += cpu_ms(pid);
    return sum;
}

static int idle_cpu(const void *arg, double *values)
{
    yoke_pool *pool;
    yoke_kind kind = *(const yoke_kind *)arg;
    int in = 0, worker, rc;
    double before;

    rc = yoke_pool_open(&pool, kind, .workers = kind == YOKE_THREADS ? THREADS : 1);
    if (rc != 0)
        return -1;
    rc = (int)yoke_pool_apply(pool, which, &in, &worker);
    bench_rest(100000); /* it falls asleep */
    before = pool_cpu_ms(worker);
    bench_rest(SECONDS * 1000000);
    values[0] = pool_cpu_ms(worker) - before;
    yoke_pool_free(&pool);
    return rc;
}

static const yoke_kind threads = YOKE_THREADS, processes = YOKE_PROCESSES;

static struct bench_figure figures[] = {
    {
        .title = "Memory of a thread pool with 64 idle threads, resident, for each thread",
        .unit = "KiB",
        .goals = {{BENCH_AT_MOST, BENCH_OURS, 64, 0}},
        .rows = {BENCH_ROW(BENCH_OURS, "Yoke, thread pool", threads_memory, NULL)},
    },
    {
        .title = "Memory of an idle worker process, private dirty",
        .unit = "KiB",
        .goals = {{BENCH_AT_MOST, BENCH_OURS, 150, 0}},
        .rows =
            {
                BENCH_ROW(BENCH_OURS, "Yoke, process pool", worker_memory, NULL),
                BENCH_ROW(BENCH_PEER, "Python multiprocessing.Pool", peer_python, "idle_worker"),
                BENCH_ROW(BENCH_LIMIT, "limit: bare forked child", bare_child_memory, NULL),
            },
    },
    {
        .title = "CPU that an idle pool of 64 threads uses in five seconds",
        .unit = "ms",
        .once = true,
        .rows = {BENCH_ROW(BENCH_OURS, "Yoke, thread pool, all threads", idle_cpu, &threads)},
    },
    {
        .title = "CPU that an idle pool of processes uses in five seconds",
        .unit = "ms",
        .once = true,
        .rows =
            {
                BENCH_ROW(BENCH_OURS, "Yoke, process pool, all processes", idle_cpu, &processes),
                BENCH_ROW(BENCH_PEER, "Python multiprocessing.Pool", peer_python, "idle_cpu"),
            },
    },
    {.title = NULL},
};

int main(int argc, char **argv)
{
    return bench_main("Idle pools", figures, argc, argv);
}
