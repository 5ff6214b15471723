/* costs.c -- what threads, processes and tasks cost on this machine, and what they bring.
 * usage: costs [repetitions]     500 by default
 *
 * Every number is measured when it is printed; docs/threads-or-processes.md tells what they mean.  yoke_init() comes first,
 * as in any program that wants cheap processes: they are then forked from a small helper, however large the program. */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../example.h"

enum { EMPTY = 1000000, NAPS = 32, PARTS = 64 };

static int nothing(const int *in)
{
    (void)in;
    return 0;
}
YOKE_TASK_NORESULT(nothing, int);

static int nap(const double *seconds)
{
    yoke_sleep(*seconds);
    return 0;
}
YOKE_TASK_NORESULT(nap, double);

static int area(const int *part, double *out)
{
    double sum = 0;

    for (int i = 0; i < 1000000; i++) {
        double x = (*part + i / 1e6) / PARTS;

        sum += 4 / (1 + x * x);
    }
    *out = sum;
    return 0;
}
YOKE_TASK(area, int, double);

/* Ways to start something that does nothing and to wait for its end. */
static int run_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void *pthread_nothing(void *arg)
{
    return arg;
}

static void one_thread(void)
{
    yoke_thread t = {0};

    must("thread", yoke_thread_start(&t, run_nothing, NULL));
    must("thread", yoke_thread_join(&t, NULL));
}

static void one_pthread(void)
{
    pthread_t t;

    if (pthread_create(&t, NULL, pthread_nothing, NULL) == 0)
        pthread_join(t, NULL);
}

static void one_process(void)
{
    yoke_process p = {0};

    must("process", yoke_process_start(&p, run_nothing, NULL, 0));
    must("process", yoke_process_join(&p, NULL));
    yoke_process_close(&p);
}

static void one_fork(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    must("fork", pid < 0 ? -errno : waitpid(pid, NULL, 0));
}

/* The same for tasks, on the pool that is being measured. */
static yoke_pool *pool;
static int numbers[EMPTY]; /* 0, 1, 2, ... */

static void one_task(void)
{
    must("apply", yoke_pool_apply(pool, nothing, numbers, NULL));
}

static void many_tasks(void)
{
    must("map", yoke_pool_map(pool, nothing, numbers, EMPTY, NULL));
}

static void integral(void)
{
    double areas[PARTS];

    must("map", yoke_pool_map(pool, area, numbers, PARTS, areas));
}

static void naps(void)
{
    double seconds[NAPS];

    for (int i = 0; i < NAPS; i++)
        seconds[i] = 0.02;
    must("map", yoke_pool_map(pool, nap, seconds, NAPS, NULL, .chunk = 1));
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The median time of doing it once, in microseconds. */
static double micros(void (*once)(void), size_t n)
{
    double *times = must_have(calloc(n, sizeof *times));

    for (size_t i = 0; i < n; i++) {
        yoke_time start = yoke_now();

        once();
        times[i] = seconds_since(start) * 1e6;
    }
    qsort(times, n, sizeof *times, by_value);
    double median = times[n / 2];
    free(times);
    return median;
}

/* What one kind of pool takes for each of these: microseconds. */
struct costs {
    double one_task, many_tasks, integral, naps;
};

static struct costs measure(yoke_kind kind, size_t n)
{
    struct costs costs;

    must("pool", yoke_pool_open(&pool, kind, .workers = kind == YOKE_SERIAL ? 1 : 0));
    costs.one_task = micros(one_task, n);
    costs.many_tasks = micros(many_tasks, n / 100 + 1);
    costs.integral = micros(integral, n / 100 + 1);
    yoke_pool_free(&pool);

    must("pool", yoke_pool_open(&pool, kind, .workers = kind == YOKE_SERIAL ? 1 : 8));
    costs.naps = micros(naps, 1);
    yoke_pool_free(&pool);
    return costs;
}

/* One line of the table: for the caller itself (or below 0: nothing), threads, processes. */
static void row(const char *what, double serial, double threads, double processes, const char *unit)
{
    char first[16] = "";

    if (serial >= 0)
        snprintf(first, sizeof first, "%.2f %s", serial, unit);
    printf("  %-48s %11s %8.2f %-2s %8.2f %s\n", what, first, threads, unit, processes, unit);
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 500;
    char title[64];

    must("init", yoke_init());
    for (int i = 0; i < EMPTY; i++)
        numbers[i] = i;
    double thread = micros(one_thread, n), pthread = micros(one_pthread, n);
    double process = micros(one_process, n), forked = micros(one_fork, n);
    struct costs s = measure(YOKE_SERIAL, n), t = measure(YOKE_THREADS, n), p = measure(YOKE_PROCESSES, n);

    printf("  %-48s %8s    %8s    %9s\n", "", "serial", "threads", "processes");
    row("start one that does nothing, and join it", -1, thread, process, "us");
    row("... with pthread_create, with fork and waitpid", -1, pthread, forked, "us");
    row("an empty task to a worker and back", s.one_task, t.one_task, p.one_task, "us");
    row("each of a million empty items in one map", s.many_tasks * 1e3 / EMPTY, t.many_tasks * 1e3 / EMPTY,
        p.many_tasks * 1e3 / EMPTY, "ns");
    snprintf(title, sizeof title, "%d naps of 20 ms (IO-bound), 8 workers", NAPS);
    row(title, s.naps / 1e6, t.naps / 1e6, p.naps / 1e6, "s");
    row("... speed-up", -1, s.naps / t.naps, s.naps / p.naps, "x");
    snprintf(title, sizeof title, "an integral (CPU-bound), %d workers", yoke_cpu_count());
    row(title, s.integral / 1e6, t.integral / 1e6, p.integral / 1e6, "s");
    row("... speed-up", -1, s.integral / t.integral, s.integral / p.integral, "x");
    return 0;
}
