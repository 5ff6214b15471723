/* limit.c -- see limit.h. */
#include "limit.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

/* Written once, so that no page is missing later. */
static void *share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

/* ---- P1 ---- */

enum { ITEMS = 100000, MAPS = 10 };

struct counter {
    _Alignas(128) atomic_long next;
    _Alignas(128) atomic_int done;
    _Alignas(128) atomic_int go; /* the map to run; -1: leave */
    _Alignas(128) int in[ITEMS];
    _Alignas(128) int out[ITEMS];
};

static _Noreturn void count(struct counter *c, int worker, long chunk)
{
    bench_pin(worker);
    for (int map = 1;; map++) {
        int go;

        while ((go = atomic_load(&c->go)) != map) {
            if (go < 0)
                _exit(0);
            sched_yield();
        }
        for (long i; (i = atomic_fetch_add(&c->next, chunk)) < ITEMS;)
            for (long end = i + chunk < ITEMS ? i + chunk : ITEMS; i < end; i++)
                c->out[i] = c->in[i];
        atomic_fetch_add(&c->done, 1);
    }
}

static double count_all(struct counter *c)
{
    double begin = 0;

    for (int map = 1; map <= MAPS + 1; map++) {
        if (map == 2) /* the first one is a warm-up */
            begin = bench_now_ns();
        atomic_store(&c->next, 0);
        atomic_store(&c->done, 0);
        atomic_store(&c->go, map);
        while (atomic_load(&c->done) < 2)
            sched_yield();
    }
    return bench_now_ns() - begin;
}

int limit_map(const void *chunk, double *values)
{
    struct counter *c = share(sizeof *c);
    int rc = 0, started = 0;

    if (!c)
        return -1;
    for (; started < 2 && rc == 0; started++) {
        pid_t pid = fork();

        if (pid == 0)
            count(c, started, *(const long *)chunk);
        rc = pid < 0 ? -1 : 0;
    }
    if (rc == 0)
        values[0] = (double)ITEMS * MAPS / count_all(c) * 1e9;
    atomic_store(&c->go, -1);
    while (started-- > 0)
        wait(NULL);
    munmap(c, sizeof *c);
    return rc;
}

/* ---- P2 ---- */

enum { TRIPS = 2000, TRIPS_AFTER_IDLE = 100 };

struct pingpong {
    _Alignas(128) atomic_int to;
    _Alignas(128) atomic_int back;
};

static void wake(atomic_int *word, int value)
{
    atomic_store(word, value);
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void await(atomic_int *word, int value)
{
    for (int seen; (seen = atomic_load(word)) != value;)
        syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
}

static _Noreturn void answer(struct pingpong *p, int cpu, int n)
{
    bench_pin(cpu);
    for (int i = 1; i <= n; i++) {
        await(&p->to, i);
        wake(&p->back, i);
    }
    _exit(0);
}

int limit_pingpong(const void *arg, double *values)
{
    const struct bench_place *place = arg;
    static double samples[TRIPS];
    struct pingpong *p = share(sizeof *p);
    int warm = place->idle_us ? 3 : 100, n = place->idle_us ? TRIPS_AFTER_IDLE : TRIPS;
    pid_t pid;

    if (!p || bench_pin(place->here) != 0)
        return -1;
    pid = fork();
    if (pid == 0)
        answer(p, place->there, warm + n);
    for (int i = 1; pid > 0 && i <= warm + n; i++) {
        double begin;

        if (place->idle_us)
            bench_rest(place->idle_us);
        begin = bench_now_ns();
        wake(&p->to, i);
        await(&p->back, i);
        if (i > warm)
            samples[i - warm - 1] = bench_now_ns() - begin;
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
    bench_pin(-1);
    munmap(p, sizeof *p);
    bench_percentiles(samples, (size_t)n, 1e-3, values);
    return pid > 0 ? 0 : -1;
}

/* ---- T1 ---- */

enum { TASKS = 1 << 20, BATCH = 64 };

struct call {
    void *(*function)(void *);
    void *arg;
};

static struct ring {
    _Alignas(128) atomic_long tail;
    struct call *calls;
} rings[2];

static void *nothing(void *arg)
{
    return arg;
}

static void *call_all(void *arg)
{
    struct ring *ring = arg;

    for (long head = 0; head < TASKS / 2;) {
        long tail = atomic_load_explicit(&ring->tail, memory_order_acquire);

        if (head == tail)
            sched_yield();
        for (; head < tail; head++)
            ring->calls[head].function(ring->calls[head].arg);
    }
    return NULL;
}

static void submit_all(void)
{
    for (long batch = 0; batch < TASKS / BATCH; batch++) {
        struct ring *ring = &rings[batch % 2];
        long tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

        for (long i = tail; i < tail + BATCH; i++)
            ring->calls[i] = (struct call){nothing, NULL};
        atomic_store_explicit(&ring->tail, tail + BATCH, memory_order_release);
    }
}

int limit_submit(const void *unused, double *values)
{
    pthread_t threads[2];
    double begin;

    (void)unused;
    for (int i = 0; i < 2; i++) {
        atomic_store(&rings[i].tail, 0);
        if (!rings[i].calls)
            rings[i].calls = share(sizeof(struct call) * TASKS / 2);
        if (!rings[i].calls || pthread_create(&threads[i], NULL, call_all, &rings[i]) != 0)
            abort();
    }
    bench_rest(10000);
    begin = bench_now_ns();
    submit_all();
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    values[0] = (bench_now_ns() - begin) / TASKS;
    return 0;
}

/* ---- P4 ---- */

enum { THREADS = 500, CHILDREN_MAX = 100 };

int limit_thread(const void *unused, double *values)
{
    static double samples[THREADS];

    (void)unused;
    for (int i = 0; i < THREADS; i++) {
        double begin = bench_now_ns();
        pthread_t thread;

        if (pthread_create(&thread, NULL, nothing, NULL) != 0)
            return -1;
        pthread_join(thread, NULL);
        samples[i] = bench_now_ns() - begin;
    }
    bench_percentiles(samples, THREADS, 1e-3, values);
    return 0;
}

int limit_fork(const void *count, double *values)
{
    static double samples[CHILDREN_MAX];
    int n = *(const int *)count;

    for (int i = 0; i < n; i++) {
        double begin = bench_now_ns();
        pid_t pid = fork();

        if (pid < 0)
            return -1;
        if (pid == 0)
            _exit(0);
        waitpid(pid, NULL, 0);
        samples[i] = bench_now_ns() - begin;
    }
    bench_percentiles(samples, (size_t)n, 1e-3, values);
    return 0;
}
