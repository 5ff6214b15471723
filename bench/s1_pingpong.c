/* s1_pingpong.c -- S1: two threads that hand a turn back and forth through a condition, or meet at a barrier.
 *
 * Both threads on one CPU, or each on its own.  Gives microseconds for a round: there and back, or one meeting. */
#include <pthread.h>
#include <stdio.h>
#include <yoke.h>

#include "bench.h"
#ifdef BENCH_GLIB
#include <glib.h>
#endif
#ifdef BENCH_NSYNC
#include <nsync.h>
#endif

enum { ROUNDS = 4000 };

static int turn; /* under the lock of the contender */

static yoke_lock our_lock;
static yoke_condition our_condition;
static yoke_barrier our_barrier;
static pthread_mutex_t posix_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t posix_condition = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t posix_barrier;

#define PINGPONG(name, acquire, release, wait, notify)                                                                 \
    static void name(int me)                                                                                           \
    {                                                                                                                  \
        for (int i = 0; i < ROUNDS; i++) {                                                                             \
            acquire;                                                                                                   \
            while (turn != me)                                                                                         \
                wait;                                                                                                  \
            turn = !me;                                                                                                \
            notify;                                                                                                    \
            release;                                                                                                   \
        }                                                                                                              \
    }

PINGPONG(ours, yoke_lock_acquire(&our_lock), yoke_lock_release(&our_lock),
         (void)!yoke_condition_wait(&our_condition, &our_lock), yoke_condition_notify(&our_condition, 1))
PINGPONG(posix, pthread_mutex_lock(&posix_mutex), pthread_mutex_unlock(&posix_mutex),
         pthread_cond_wait(&posix_condition, &posix_mutex), pthread_cond_signal(&posix_condition))
#ifdef BENCH_GLIB
static GMutex glib_mutex;
static GCond glib_condition;
PINGPONG(glib, g_mutex_lock(&glib_mutex), g_mutex_unlock(&glib_mutex), g_cond_wait(&glib_condition, &glib_mutex),
         g_cond_signal(&glib_condition))
#endif
#ifdef BENCH_NSYNC
static nsync_mu nsync_mutex = NSYNC_MU_INIT;
static nsync_cv nsync_condition = NSYNC_CV_INIT;
PINGPONG(with_nsync, nsync_mu_lock(&nsync_mutex), nsync_mu_unlock(&nsync_mutex),
         nsync_cv_wait(&nsync_condition, &nsync_mutex), nsync_cv_signal(&nsync_condition))
#endif

static void meet_ours(int me)
{
    (void)me;
    for (int i = 0; i < ROUNDS; i++)
        (void)!yoke_barrier_wait(&our_barrier);
}

static void meet_posix(int me)
{
    (void)me;
    for (int i = 0; i < ROUNDS; i++)
        pthread_barrier_wait(&posix_barrier);
}

struct contest {
    void (*play)(int me);
    int here, there; /* CPUs */
};

static int play_second(void *arg)
{
    const struct contest *contest = arg;

    if (bench_pin(contest->there) != 0)
        return -1;
    contest->play(1);
    return 0;
}

static int measure(const void *arg, double *values)
{
    struct contest contest = *(const struct contest *)arg;
    yoke_thread second = {0};
    double begin;
    int code = -1;

    turn = 0;
    if (bench_pin(contest.here) != 0 || yoke_thread_start(&second, play_second, &contest) < 0)
        return -1;
    begin = bench_now_ns();
    contest.play(0);
    yoke_thread_join(&second, &code);
    values[0] = (bench_now_ns() - begin) / ROUNDS / 1e3;
    return code | bench_pin(-1);
}

#define ROW(role, name, play, here, there) BENCH_ROW(role, name, measure, (&(const struct contest){play, here, there}))
#ifdef BENCH_GLIB
#define GLIB(here, there) , ROW(BENCH_PEER, "GCond", glib, here, there)
#else
#define GLIB(here, there)
#endif
#ifdef BENCH_NSYNC
#define NSYNC(here, there) , ROW(BENCH_PEER, "nsync_cv", with_nsync, here, there)
#else
#define NSYNC(here, there)
#endif

#define CONDITION(where, here, there)                                                                                  \
    {                                                                                                                  \
        .title = "S1  Condition, ping-pong, " where, .unit = "us for a round",                                         \
        .goals = {{BENCH_AT_MOST, BENCH_PEER, 1, 0}},                                                                  \
        .rows = {ROW(BENCH_OURS, "Yoke Condition with a Lock", ours, here, there),                                     \
                 ROW(BENCH_PEER, "pthread_cond", posix, here, there) GLIB(here, there) NSYNC(here, there)},            \
    }
#define BARRIER(where, here, there)                                                                                    \
    {                                                                                                                  \
        .title = "S1  Barrier, two threads, " where, .unit = "us for a meeting",                                       \
        .goals = {{BENCH_AT_MOST, BENCH_PEER, 1, 0}},                                                                  \
        .rows = {ROW(BENCH_OURS, "Yoke Barrier", meet_ours, here, there),                                              \
                 ROW(BENCH_PEER, "pthread_barrier", meet_posix, here, there)},                                         \
    }

static struct bench_figure figures[] = {
    CONDITION("one CPU", 0, 0),
    CONDITION("two CPUs", 0, 1),
    BARRIER("one CPU", 0, 0),
    BARRIER("two CPUs", 0, 1),
    {.title = NULL},
};

int main(int argc, char **argv)
{
    pthread_barrier_init(&posix_barrier, NULL, 2);
    if (yoke_barrier_init(&our_barrier, 2, NULL) < 0)
        return 1;
    return bench_main("S1: condition and barrier", figures, argc, argv);
}
