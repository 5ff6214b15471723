/* s1_locks.c -- S1: what a lock costs, uncontended and between two threads that do nothing else.
 *
 * Every primitive of Yoke stands beside the one of pthreads, GLib or nsync that does the same: a pair of calls, nothing but one
 * addition between them.  Uncontended: nanoseconds for a pair, in one thread.  Contended: two threads on two CPUs, for 50 ms;
 * nanoseconds for a pair of either, and the fairness: pairs of the one that got fewer / pairs of the other. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <yoke.h>

#include "bench.h"
#ifdef BENCH_GLIB
#include <glib.h>
#endif
#ifdef BENCH_NSYNC
#include <nsync.h>
#endif

enum { PAIRS = 1000000, CONTENDED_US = 50000, PAIRS_BETWEEN_LOOKS = 50 };

#define ALONE _Alignas(128) static

ALONE yoke_lock our_lock;
ALONE yoke_mutex our_mutex, our_shared_mutex;
ALONE yoke_rlock our_rlock;
ALONE yoke_rwlock our_rwlock;
ALONE yoke_semaphore our_semaphore;
ALONE pthread_mutex_t posix_mutex = PTHREAD_MUTEX_INITIALIZER;
ALONE pthread_mutex_t posix_checking = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
ALONE pthread_mutex_t posix_recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
ALONE pthread_mutex_t posix_robust;
ALONE pthread_rwlock_t posix_rwlock = PTHREAD_RWLOCK_INITIALIZER;
ALONE sem_t posix_semaphore;
ALONE atomic_long added;
ALONE volatile long guarded;
ALONE atomic_int stop;

/* A pair of calls, as a loop: for a number of pairs, or until stop. */
#define PAIR(name, enter, leave)                                                                                       \
    static long name(long pairs)                                                                                       \
    {                                                                                                                  \
        long n = 0;                                                                                                    \
                                                                                                                       \
        while (pairs ? n < pairs : !atomic_load_explicit(&stop, memory_order_relaxed))                                 \
            for (int i = 0; i < PAIRS_BETWEEN_LOOKS; i++, n++) {                                                       \
                enter;                                                                                                 \
                leave;                                                                                                 \
            }                                                                                                          \
        return n;                                                                                                      \
    }

PAIR(lock_pair, yoke_lock_acquire(&our_lock); guarded++, yoke_lock_release(&our_lock))
PAIR(mutex_pair, (void)!yoke_mutex_acquire(&our_mutex); guarded++, yoke_mutex_release(&our_mutex))
PAIR(shared_mutex_pair, (void)!yoke_mutex_acquire(&our_shared_mutex); guarded++, yoke_mutex_release(&our_shared_mutex))
PAIR(rlock_pair, (void)!yoke_rlock_acquire(&our_rlock); guarded++, yoke_rlock_release(&our_rlock))
PAIR(read_pair, (void)!yoke_rwlock_read_acquire(&our_rwlock), yoke_rwlock_read_release(&our_rwlock))
PAIR(write_pair, (void)!yoke_rwlock_write_acquire(&our_rwlock); guarded++, yoke_rwlock_write_release(&our_rwlock))
PAIR(semaphore_pair, yoke_semaphore_acquire(&our_semaphore);
     guarded++, (void)!yoke_semaphore_release(&our_semaphore, 1))
PAIR(posix_mutex_pair, pthread_mutex_lock(&posix_mutex); guarded++, pthread_mutex_unlock(&posix_mutex))
PAIR(posix_checking_pair, pthread_mutex_lock(&posix_checking); guarded++, pthread_mutex_unlock(&posix_checking))
PAIR(posix_recursive_pair, pthread_mutex_lock(&posix_recursive); guarded++, pthread_mutex_unlock(&posix_recursive))
PAIR(posix_robust_pair, pthread_mutex_lock(&posix_robust); guarded++, pthread_mutex_unlock(&posix_robust))
PAIR(posix_read_pair, pthread_rwlock_rdlock(&posix_rwlock), pthread_rwlock_unlock(&posix_rwlock))
PAIR(posix_write_pair, pthread_rwlock_wrlock(&posix_rwlock); guarded++, pthread_rwlock_unlock(&posix_rwlock))
PAIR(
    posix_semaphore_pair, while (sem_wait(&posix_semaphore) != 0) {} guarded++, sem_post(&posix_semaphore))
PAIR(two_additions, atomic_fetch_add_explicit(&added, 1, memory_order_acquire),
     atomic_fetch_add_explicit(&added, -1, memory_order_release))
#ifdef BENCH_GLIB
ALONE GMutex glib_mutex;
ALONE GRecMutex glib_recursive;
PAIR(glib_mutex_pair, g_mutex_lock(&glib_mutex); guarded++, g_mutex_unlock(&glib_mutex))
PAIR(glib_recursive_pair, g_rec_mutex_lock(&glib_recursive); guarded++, g_rec_mutex_unlock(&glib_recursive))
#endif
#ifdef BENCH_NSYNC
ALONE nsync_mu nsync_mutex = NSYNC_MU_INIT;
PAIR(nsync_pair, nsync_mu_lock(&nsync_mutex); guarded++, nsync_mu_unlock(&nsync_mutex))
#endif

/* A function pointer travels in an object, as ISO C wants it. */
struct pair {
    long (*loop)(long pairs);
};

static int uncontended(const void *arg, double *values)
{
    const struct pair *pair = arg;
    double begin;

    if (bench_pin(0) != 0)
        return -1;
    pair->loop(PAIRS / 10); /* a warm-up */
    begin = bench_now_ns();
    pair->loop(PAIRS);
    values[0] = (bench_now_ns() - begin) / PAIRS;
    return bench_pin(-1);
}

struct contender {
    yoke_thread thread;
    const struct pair *pair;
    yoke_barrier *start;
    int cpu;
    long n;
};

static int contend(void *arg)
{
    struct contender *c = arg;

    if (bench_pin(c->cpu) != 0)
        return -1;
    if (yoke_barrier_wait(c->start) < 0)
        return -1;
    c->n = c->pair->loop(0);
    return 0;
}

static int contended(const void *arg, double *values)
{
    struct contender two[2] = {0};
    yoke_barrier start;
    int rc = 0;
    double begin;

    if (yoke_barrier_init(&start, 3, NULL) < 0)
        return -1;
    atomic_store(&stop, 0);
    for (int i = 0; i < 2; i++) {
        two[i] = (struct contender){.pair = arg, .start = &start, .cpu = i};
        if (yoke_thread_start(&two[i].thread, contend, &two[i]) < 0)
            return -1;
    }
    if (yoke_barrier_wait(&start) < 0)
        return -1;
    begin = bench_now_ns();
    bench_rest(CONTENDED_US);
    atomic_store(&stop, 1);
    for (int i = 0; i < 2; i++) {
        int code = -1;

        yoke_thread_join(&two[i].thread, &code);
        rc |= code;
    }
    values[0] = (bench_now_ns() - begin) / (double)(two[0].n + two[1].n);
    values[1] =
        (double)(two[0].n < two[1].n ? two[0].n : two[1].n) / (double)(two[0].n < two[1].n ? two[1].n : two[0].n);
    return rc;
}

#define ROW(role, name, how, loop_) BENCH_ROW(role, name, how, (&(const struct pair){loop_}))
#define OURS(name, how, loop) ROW(BENCH_OURS, name, how, loop)
#define PEER(name, how, loop) ROW(BENCH_PEER, name, how, loop)
#ifdef BENCH_GLIB
#define GLIB(name, how, loop) , PEER(name, how, loop)
#else
#define GLIB(name, how, loop)
#endif
#ifdef BENCH_NSYNC
#define NSYNC(name, how, loop) , PEER(name, how, loop)
#else
#define NSYNC(name, how, loop)
#endif

#define UNCONTENDED(what, bound, ...)                                                                                  \
    {                                                                                                                  \
        .title = "S1  " what ", uncontended", .unit = "ns for a pair",                                                 \
        .goals = {{BENCH_AT_MOST, BENCH_PEER, (bound), 0}}, .rows = {                                                  \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define CONTENDED(what, role, bound, fairness, ...)                                                                    \
    {                                                                                                                  \
        .title = "S1  " what ", two threads", .unit = "ns for a pair; fairness", .parts = {"ns", "fair"},              \
        .goals = {{BENCH_AT_MOST, (role), (bound), 0}, {BENCH_AT_LEAST, BENCH_OURS, (fairness), 1}}, .rows = {         \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }

static struct bench_figure figures[] = {
    UNCONTENDED("Lock", 0.85, OURS("Yoke Lock", uncontended, lock_pair),
                PEER("pthread_mutex", uncontended, posix_mutex_pair) GLIB("GMutex", uncontended, glib_mutex_pair)
                    NSYNC("nsync_mu", uncontended, nsync_pair)),
    UNCONTENDED("Mutex", 1, OURS("Yoke Mutex", uncontended, mutex_pair),
                PEER("pthread_mutex, error-checking", uncontended, posix_checking_pair)),
    UNCONTENDED("Mutex, shared", 1, OURS("Yoke Mutex, YOKE_SHARED", uncontended, shared_mutex_pair),
                PEER("pthread_mutex, robust and shared", uncontended, posix_robust_pair)),
    UNCONTENDED("RLock", 1, OURS("Yoke RLock", uncontended, rlock_pair),
                PEER("pthread_mutex, recursive", uncontended, posix_recursive_pair)
                    GLIB("GRecMutex", uncontended, glib_recursive_pair)),
    UNCONTENDED("RWLock, reading", 1, OURS("Yoke RWLock, read", uncontended, read_pair),
                PEER("pthread_rwlock, read", uncontended, posix_read_pair)),
    UNCONTENDED("RWLock, writing", 1, OURS("Yoke RWLock, write", uncontended, write_pair),
                PEER("pthread_rwlock, write", uncontended, posix_write_pair)),
    UNCONTENDED("Semaphore", 1, OURS("Yoke Semaphore", uncontended, semaphore_pair),
                PEER("sem_t", uncontended, posix_semaphore_pair)),
    CONTENDED("Lock", BENCH_PEER, 1, 0.9, OURS("Yoke Lock", contended, lock_pair),
              PEER("pthread_mutex", contended, posix_mutex_pair) GLIB("GMutex", contended, glib_mutex_pair)
                  NSYNC("nsync_mu", contended, nsync_pair)),
    CONTENDED("Mutex", BENCH_PEER, 1, 0.9, OURS("Yoke Mutex", contended, mutex_pair),
              PEER("pthread_mutex, error-checking", contended, posix_checking_pair)),
    CONTENDED("Mutex, shared", BENCH_PEER, 1, 0.9, OURS("Yoke Mutex, YOKE_SHARED", contended, shared_mutex_pair),
              PEER("pthread_mutex, robust and shared", contended, posix_robust_pair)),
    CONTENDED("RWLock, reading", BENCH_LIMIT, 1.3, 0, OURS("Yoke RWLock, read", contended, read_pair),
              PEER("pthread_rwlock, read", contended, posix_read_pair),
              ROW(BENCH_LIMIT, "limit: two atomic additions", contended, two_additions)),
    CONTENDED("RWLock, writing", BENCH_PEER, 1, 0, OURS("Yoke RWLock, write", contended, write_pair),
              PEER("pthread_rwlock, write", contended, posix_write_pair)),
    CONTENDED("Semaphore", BENCH_PEER, 1, 0, OURS("Yoke Semaphore", contended, semaphore_pair),
              PEER("sem_t", contended, posix_semaphore_pair)),
    {.title = NULL},
};

int main(int argc, char **argv)
{
    pthread_mutexattr_t robust;

    pthread_mutexattr_init(&robust);
    pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&robust, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&posix_robust, &robust);
    yoke_mutex_init(&our_shared_mutex, YOKE_SHARED);
    sem_init(&posix_semaphore, 0, 1);
    if (yoke_semaphore_release(&our_semaphore, 1) < 0)
        return 1;
    return bench_main("S1: locks", figures, argc, argv);
}
