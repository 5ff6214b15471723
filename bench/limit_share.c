/* limit_share.c -- see limit.h: messages through a ring, and copies through shared memory. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "limit.h"

static void *share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* ---- L ---- */

enum { MESSAGES = 1000000, CAPACITY = 1024 };

struct message {
    long number;
    char rest[56];
};

/* One producer, one consumer; each keeps the other's index as it last saw it. */
struct ring {
    _Alignas(128) atomic_long tail;
    long head_seen;
    _Alignas(128) atomic_long head;
    long tail_seen;
    _Alignas(128) struct message slots[CAPACITY];
};

static void *produce(void *arg)
{
    struct ring *ring = arg;
    struct message message = {0};

    bench_pin(1);
    for (long i = 0; i < MESSAGES; i++) {
        while (i - ring->head_seen == CAPACITY) {
            ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
            relax();
        }
        message.number = i;
        ring->slots[i % CAPACITY] = message;
        atomic_store_explicit(&ring->tail, i + 1, memory_order_release);
    }
    return NULL;
}

static double consume(struct ring *ring)
{
    struct message message;
    double begin = 0;

    for (long i = 0; i < MESSAGES; i++) {
        while (i == ring->tail_seen) {
            ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
            relax();
        }
        message = ring->slots[i % CAPACITY];
        atomic_store_explicit(&ring->head, i + 1, memory_order_release);
        if (message.number != i)
            return -1;
        if (i == 0)
            begin = bench_now_ns();
    }
    return (bench_now_ns() - begin) / MESSAGES;
}

int limit_ring(const void *in_processes, double *values)
{
    struct ring *ring = share(sizeof *ring);
    pthread_t thread;
    pid_t pid = -1;

    if (!ring || bench_pin(0) != 0)
        return -1;
    if (*(const int *)in_processes) {
        pid = fork();
        if (pid < 0)
            return -1;
        if (pid == 0) {
            produce(ring);
            _exit(0);
        }
    } else if (pthread_create(&thread, NULL, produce, ring) != 0) {
        return -1;
    }
    values[0] = consume(ring);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    else
        pthread_join(thread, NULL);
    munmap(ring, sizeof *ring);
    return values[0] < 0 ? -1 : bench_pin(-1);
}

/* ---- P3 ---- */

enum { MIB64 = 64 << 20, CALLS = 5 };

struct transfer {
    _Alignas(128) atomic_int to, back;
    char in[MIB64], out[MIB64];
};

static _Noreturn void answer(struct transfer *t)
{
    for (int call = 1; call <= CALLS + 1; call++) {
        while (atomic_load(&t->to) != call)
            sched_yield();
        t->out[0] = t->in[MIB64 - 1];
        t->out[MIB64 - 1] = t->in[0];
        atomic_store(&t->back, call);
    }
    _exit(0);
}

int limit_copies(const void *unused, double *values)
{
    struct transfer *t = share(sizeof *t);
    char *mine = malloc(MIB64), *result = malloc(MIB64);
    double begin = 0;
    pid_t pid;

    (void)unused;
    if (!t || !mine || !result)
        return -1;
    memset(mine, 1, MIB64);
    memset(result, 2, MIB64);
    pid = fork();
    if (pid == 0)
        answer(t);
    for (int call = 1; pid > 0 && call <= CALLS + 1; call++) {
        if (call == 2) /* the first one is a warm-up */
            begin = bench_now_ns();
        memcpy(t->in, mine, MIB64);
        atomic_store(&t->to, call);
        while (atomic_load(&t->back) != call)
            sched_yield();
        memcpy(result, t->out, MIB64);
    }
    values[0] = 2.0 * MIB64 * CALLS / (bench_now_ns() - begin) * 1e9;
    waitpid(pid, NULL, 0);
    munmap(t, sizeof *t);
    free(mine);
    free(result);
    return pid > 0 ? 0 : -1;
}
