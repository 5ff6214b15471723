/* processes_end_test.c -- items and worker processes that do not end by themselves: crashes, timeouts, kills from
 * outside, terminate. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "asleep.h"
#include "host.h"
#include "processes.h"

/* ---- bad ends ---- */

static int host;

static void host_handler(void)
{
    if (getpid() != host)
        _exit(99); /* turns the crash code into another, in the worker */
}

TEST(processes_each_bad_end_costs_its_own_item)
{
    static const int codes[N_DEEDS] = {
        [SEGV] = -SIGSEGV, [ABORT] = -SIGABRT, [EXIT0] = 0,         [EXIT3] = 3,
        [FAST_EXIT] = 4,   [THREAD_EXIT] = 0,  [KILLED] = -SIGKILL, [TERMINATED] = -SIGTERM,
        [TRAP] = -SIGTRAP, [STACK] = -SIGSEGV,
    };
    int in[10 * N_DEEDS], out[10 * N_DEEDS];
    yoke_status statuses[10 * N_DEEDS];
    yoke_pool *pool;

    no_core();
    host = getpid();
    CHECK_EQ(atexit(host_handler), 0);
    pool = open_pool(3);
    for (size_t chunk = 0; chunk < 8; chunk += 3) {
        ptrdiff_t n_bad = 0;

        for (int i = 0; i < 10 * N_DEEDS; i++) {
            in[i] = i % 10 == 4 ? i / 10 : GOOD;
            if (TEST_THREAD_SANITIZER && in[i] == THREAD_EXIT) /* hangs in the sanitizer itself */
                in[i] = GOOD;
            n_bad += in[i] != GOOD;
        }
        memset(out, 0, sizeof out);
        CHECK_EQ(yoke_pool_map(pool, do_deed, in, 10 * N_DEEDS, out, .statuses = statuses, .chunk = chunk), n_bad);
        for (int i = 0; i < 10 * N_DEEDS; i++) {
            CHECK_EQ(statuses[i].state, in[i] == GOOD ? YOKE_DONE : YOKE_CRASHED);
            if (in[i] == GOOD) {
                CHECK(out[i] > 0);
            } else if (!TEST_ADDRESS_SANITIZER && !TEST_THREAD_SANITIZER) {
                CHECK_EQ(statuses[i].code, codes[in[i]]);
                CHECK_EQ(out[i], 0);
            }
        }
    }
    yoke_pool_free(&pool);
}

/* ---- timeouts ---- */

static int hang_if(const int *in)
{
    sigset_t all;

    if (*in == 1)
        for (;;)
            __asm__ volatile("");
    if (*in == 2) {
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        for (;;)
            pause();
    }
    if (*in == 3)
        raise(SIGSTOP);
    return 0;
}
YOKE_TASK_NORESULT(hang_if, int);

TEST(processes_item_timeout_kills_that_item_alone)
{
    int in[100] = {[10] = 1, [50] = 2, [51] = 3, [99] = 1};
    yoke_status statuses[100];
    yoke_pool *pool = open_pool(2);

    CHECK_EQ(yoke_pool_map(pool, hang_if, in, 100, NULL, .statuses = statuses, .item_timeout = 0.1), 4);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(statuses[i].state, in[i] ? YOKE_TIMED_OUT : YOKE_DONE);
    memset(in, 0, sizeof in);
    CHECK_EQ(yoke_pool_map(pool, hang_if, in, 100, NULL), 0);
    yoke_pool_free(&pool);
}

/* Many items whose time is about up when they end: each ends exactly once, as the one or the other. */
static int nap(const double *in, int *out)
{
    yoke_sleep(*in);
    *out = 1;
    return 0;
}
YOKE_TASK(nap, double, int);

TEST(processes_timeout_at_the_moment_of_the_end)
{
    enum { N = 200 };
    double in[N];
    int out[N] = {0}, late = 0;
    yoke_status statuses[N];
    yoke_pool *pool = open_pool(2);

    for (int i = 0; i < N; i++)
        in[i] = 0.0005 + (i % 20) * 0.00005;
    late = (int)yoke_pool_map(pool, nap, in, N, out, .statuses = statuses, .item_timeout = 0.001, .chunk = 5);
    for (int i = 0; i < N; i++) {
        CHECK(statuses[i].state == YOKE_DONE || statuses[i].state == YOKE_TIMED_OUT);
        CHECK_EQ(out[i], statuses[i].state == YOKE_DONE);
        late -= statuses[i].state == YOKE_TIMED_OUT;
    }
    CHECK_EQ(late, 0);
    yoke_pool_free(&pool);
}

/* ---- deaths from outside ---- */

TEST(processes_replace_a_worker_killed_while_idle)
{
    yoke_pool *pool = open_pool(1);

    for (int round = 0; round < 20; round++) {
        int pid = a_worker(pool);

        CHECK_EQ(kill(pid, SIGKILL), 0);
        CHECK(a_worker(pool) != pid);
    }
    yoke_pool_free(&pool);
}

static int says_it_runs(const int *in)
{
    CHECK_EQ(write(*in, "", 1), 1);
    while (*in >= 0)
        pause();
    return 0;
}
YOKE_TASK_NORESULT(says_it_runs, int);

struct killer {
    int pipe[2];
    int victim;
    yoke_pool *pool;
};

static int kill_when_it_runs(void *arg)
{
    struct killer *killer = arg;
    char byte;

    CHECK_EQ(read(killer->pipe[0], &byte, 1), 1);
    if (killer->pool)
        return yoke_pool_terminate(killer->pool);
    return kill(killer->victim, SIGKILL);
}

TEST(processes_lose_what_runs_when_the_supervisor_is_killed)
{
    struct killer killer = {.pool = NULL};
    yoke_thread thread = {0};
    int in[10], code;
    yoke_status statuses[10];
    yoke_pool *pool;

    CHECK_EQ(pipe(killer.pipe), 0);
    pool = open_pool(2);
    killer.victim = supervisor_of(a_worker(pool));
    for (int i = 0; i < 10; i++)
        in[i] = killer.pipe[1];
    CHECK_EQ(yoke_thread_start(&thread, kill_when_it_runs, &killer), 0);
    CHECK_EQ(yoke_pool_map(pool, says_it_runs, in, 10, NULL, .statuses = statuses), 10);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(statuses[i].state, YOKE_LOST);
    CHECK_EQ(yoke_pool_map(pool, says_it_runs, in, 10, NULL), -YOKE_EBROKEN);
    CHECK_EQ(yoke_thread_join(&thread, &code), 0);
    yoke_pool_free(&pool);
    close(killer.pipe[0]);
    close(killer.pipe[1]);
}

static int map_until_broken(void *arg)
{
    struct killer *killer = arg;
    int in[10];

    for (int i = 0; i < 10; i++)
        in[i] = killer->pipe[1];
    ptrdiff_t bad = yoke_pool_map(killer->pool, says_it_runs, in, 10, NULL);

    return bad == 10 || bad == -YOKE_EBROKEN ? 0 : 1;
}

/* The kernel wakes only one of those who wait for a death. */
TEST(processes_tell_every_thread_that_the_supervisor_was_killed)
{
    struct killer killer;
    int supervisor, code;
    yoke_thread threads[6] = {{0}};

    CHECK_EQ(pipe(killer.pipe), 0);
    killer.pool = open_pool(1);
    supervisor = supervisor_of(a_worker(killer.pool));
    for (int i = 0; i < 6; i++)
        CHECK_EQ(yoke_thread_start(&threads[i], map_until_broken, &killer), 0);
    for (int i = 0; i < 6; i++)
        asleep_on(getpid(), yoke_thread_native_id(&threads[i]), NULL);
    CHECK_EQ(kill(supervisor, SIGKILL), 0);
    for (int i = 0; i < 6; i++) {
        CHECK_EQ(yoke_thread_join(&threads[i], &code), 0);
        CHECK_EQ(code, 0);
    }
    yoke_pool_free(&killer.pool);
    close(killer.pipe[0]);
    close(killer.pipe[1]);
}

TEST(processes_terminate_kills_in_the_middle)
{
    struct killer killer;
    yoke_thread thread = {0};
    int in[10], code;
    yoke_status statuses[10];

    CHECK_EQ(pipe(killer.pipe), 0);
    killer.pool = open_pool(2);
    for (int i = 0; i < 10; i++)
        in[i] = killer.pipe[1];
    CHECK_EQ(yoke_thread_start(&thread, kill_when_it_runs, &killer), 0);
    CHECK_EQ(yoke_pool_map(killer.pool, says_it_runs, in, 10, NULL, .statuses = statuses), 10);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(statuses[i].state, YOKE_CANCELLED);
    CHECK_EQ(yoke_thread_join(&thread, &code), 0);
    CHECK_EQ(code, 0);
    CHECK_EQ(yoke_pool_join(killer.pool), 0);
    yoke_pool_free(&killer.pool);
    close(killer.pipe[0]);
    close(killer.pipe[1]);
}
