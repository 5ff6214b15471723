/* What a pool of worker processes promises beyond the others: walls, timeouts, a host that is left in peace. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke.h>

#include "asleep.h"
#include "test.h"

static yoke_pool *open_pool(int workers)
{
    yoke_pool *pool;

    CHECK_EQ(yoke_pool_open(&pool, YOKE_PROCESSES, .workers = workers), 0);
    return pool;
}

/* ---- ways to end badly ---- */

enum deed { GOOD, SEGV, ABORT, EXIT0, EXIT3, FAST_EXIT, THREAD_EXIT, KILLED, TERMINATED, TRAP, STACK, N_DEEDS };

/* Without an end, for as long as the first byte is 1. */
static int recurse(volatile char *before)
{
    volatile char here[4096];

    here[0] = *before;
    return here[0] == 0 ? 0 : recurse(here) + here[0];
}

static int do_deed(const int *in, int *out)
{
    switch ((enum deed) * in) {
    case SEGV:
        *(volatile int *)(uintptr_t)16 = 1;
        break;
    case ABORT:
        abort();
    case EXIT0:
        exit(0);
    case EXIT3:
        exit(3);
    case FAST_EXIT:
        _exit(4);
    case THREAD_EXIT:
        pthread_exit(NULL);
    case KILLED:
        raise(SIGKILL);
        break;
    case TERMINATED:
        raise(SIGTERM);
        break;
    case TRAP:
        raise(SIGTRAP);
        break;
    case STACK:
        return recurse((volatile char[]){1});
    case GOOD:
    case N_DEEDS:
        break;
    }
    *out = getpid();
    return 0;
}
YOKE_TASK(do_deed, int, int);

static int host;

static void host_handler(void)
{
    if (getpid() != host)
        _exit(99); /* turns the crash code into another, in the worker */
}

static void no_core(void)
{
    struct rlimit none = {0, 0};

    CHECK_EQ(setrlimit(RLIMIT_CORE, &none), 0);
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
        for (int i = 0; i < 10 * N_DEEDS; i++)
            in[i] = i % 10 == 4 ? i / 10 : GOOD;
        memset(out, 0, sizeof out);
        CHECK_EQ(yoke_pool_map(pool, do_deed, in, 10 * N_DEEDS, out, .statuses = statuses, .chunk = chunk),
                 N_DEEDS - 1);
        for (int i = 0; i < 10 * N_DEEDS; i++) {
            CHECK_EQ(statuses[i].state, in[i] == GOOD ? YOKE_DONE : YOKE_CRASHED);
            if (in[i] == GOOD) {
                CHECK(out[i] > 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
            } else {
                CHECK_EQ(statuses[i].code, codes[in[i]]);
                CHECK_EQ(out[i], 0);
#endif
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

/* ---- FIFO ---- */

static int take_number(int *const *in, int *out)
{
    *out = __atomic_fetch_add(*in, 1, __ATOMIC_SEQ_CST);
    return 0;
}
YOKE_TASK(take_number, int *, int);

TEST(processes_start_items_in_order)
{
    enum { N = 5000 };
    yoke_pool *pool = open_pool(1);
    int **in = yoke_pool_alloc(pool, N * sizeof *in), *counter = yoke_pool_alloc(pool, sizeof *counter), out[N];

    for (int i = 0; i < N; i++)
        in[i] = counter;
    for (size_t chunk = 0; chunk < 3; chunk++) {
        *counter = 0;
        CHECK_EQ(yoke_pool_map(pool, take_number, in, N, out, .chunk = chunk), 0);
        for (int i = 0; i < N; i++)
            CHECK_EQ(out[i], i);
    }
    yoke_pool_free(&pool);
}

/* ---- the host is left in peace ---- */

static int pid_of_worker(const int *in, int *out)
{
    (void)in;
    *out = getpid();
    return 0;
}
YOKE_TASK(pid_of_worker, int, int);

static int a_worker(yoke_pool *pool)
{
    int in = 0, pid = -1;

    CHECK_EQ(yoke_pool_apply(pool, pid_of_worker, &in, &pid), 0);
    return pid;
}

static volatile sig_atomic_t n_sigchld;

static void on_sigchld(int number)
{
    (void)number;
    n_sigchld++;
}

static void crash_a_few(yoke_pool *pool)
{
    int in[20] = {[3] = SEGV, [9] = EXIT3, [15] = KILLED}, out[20];

    CHECK_EQ(yoke_pool_map(pool, do_deed, in, 20, out), 3);
}

TEST(processes_leave_sigchld_and_wait_to_the_host)
{
    yoke_pool *pool;

    no_core();
    signal(SIGCHLD, on_sigchld);
    pool = open_pool(2);
    crash_a_few(pool);
    CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
    CHECK_EQ(errno, ECHILD);
    signal(SIGCHLD, SIG_IGN);
    crash_a_few(pool);
    yoke_pool_free(&pool);
    CHECK_EQ(n_sigchld, 0);
}

TEST(processes_work_with_all_signals_blocked_in_the_host)
{
    sigset_t all, now;
    yoke_pool *pool;

    no_core();
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    pool = open_pool(2);
    crash_a_few(pool);
    yoke_pool_free(&pool);
    sigprocmask(SIG_SETMASK, NULL, &now);
    CHECK(sigismember(&now, SIGTERM) == 1);
}

static int closes_everything(const int *in, int *out)
{
    for (int fd = 0; fd < 1024; fd++)
        close(fd);
    *out = *in;
    return 0;
}
YOKE_TASK(closes_everything, int, int);

TEST(processes_work_on_when_a_task_closes_every_descriptor)
{
    int in[50], out[50];
    yoke_pool *pool = open_pool(2);

    for (int i = 0; i < 50; i++)
        in[i] = i;
    for (int round = 0; round < 3; round++) {
        memset(out, 0, sizeof out);
        CHECK_EQ(yoke_pool_map(pool, closes_everything, in, 50, out, .chunk = 1), 0);
        CHECK_EQ(out[49], 49);
    }
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

static int supervisor_of(int worker)
{
    char path[64], line[256], *end;
    int pid = -1;
    FILE *stat;

    snprintf(path, sizeof path, "/proc/%d/stat", worker);
    stat = fopen(path, "r");
    CHECK(stat && fgets(line, sizeof line, stat) && (end = strrchr(line, ')')));
    CHECK_EQ(sscanf(end + 1, " %*c %d", &pid), 1);
    fclose(stat);
    return pid;
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

/* A pidfd of each process of the pool, to see them end. */
static void expect_end(int pidfd)
{
    struct pollfd poll_fd = {pidfd, POLLIN, 0};

    CHECK_EQ(poll(&poll_fd, 1, 5000), 1);
    close(pidfd);
}

TEST(processes_die_with_their_host)
{
    int ends[2], host, pids[3], pidfds[3];

    CHECK_EQ(pipe(ends), 0);
    host = fork();
    if (host == 0) {
        yoke_pool *pool = open_pool(2);

        pids[0] = a_worker(pool);
        pids[1] = a_worker(pool);
        pids[2] = supervisor_of(pids[0]);
        CHECK_EQ(write(ends[1], pids, sizeof pids), sizeof pids);
        for (;;)
            pause();
    }
    CHECK_EQ(read(ends[0], pids, sizeof pids), sizeof pids);
    for (int i = 0; i < 3; i++)
        CHECK((pidfds[i] = (int)syscall(434 /* pidfd_open */, pids[i], 0)) >= 0);
    CHECK_EQ(kill(host, SIGKILL), 0);
    for (int i = 0; i < 3; i++)
        expect_end(pidfds[i]);
    CHECK_EQ(waitpid(host, NULL, 0), host);
    close(ends[0]);
    close(ends[1]);
}

/* ---- threads in the host ---- */

static int wait_on_pipe(void *arg)
{
    char byte;

    return read(*(int *)arg, &byte, 1) == 1 ? 0 : 1;
}

TEST(processes_in_a_threaded_host)
{
    yoke_thread thread = {0};
    yoke_pool *pool = NULL, *threads;
    int ends[2];

    CHECK_EQ(yoke_pool_open(&threads, YOKE_THREADS, .workers = 2), 0);
    pool = open_pool(2); /* threads of a pool do not count */
    yoke_pool_free(&pool);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(yoke_thread_start(&thread, wait_on_pipe, &ends[0]), 0);
    CHECK_EQ(yoke_pool_open(&pool, YOKE_PROCESSES, .workers = 2), -YOKE_ETHREADED);
    CHECK(pool == NULL);
    CHECK_EQ(yoke_pool_open(&pool, YOKE_PROCESSES, .workers = 2, .start = YOKE_FORK), 0);
    crash_a_few(pool);
    yoke_pool_free(&pool);
    CHECK_EQ(write(ends[1], "", 1), 1);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    pool = open_pool(2);
    yoke_pool_free(&pool);
    yoke_pool_free(&threads);
    close(ends[0]);
    close(ends[1]);
}

TEST(processes_from_yoke_init_in_a_threaded_host)
{
    yoke_thread thread = {0};
    int ends[2];

    CHECK_EQ(yoke_init(), 0);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(yoke_thread_start(&thread, wait_on_pipe, &ends[0]), 0);
    for (int round = 0; round < 5; round++) {
        yoke_pool *pool = open_pool(2), *second = open_pool(2);

        crash_a_few(pool);
        crash_a_few(second);
        CHECK(yoke_pool_alloc(pool, 100000) != NULL);
        yoke_pool_free(&pool);
        yoke_pool_free(&second);
    }
    CHECK_EQ(write(ends[1], "", 1), 1);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    yoke_done();
    close(ends[0]);
    close(ends[1]);
}

/* ---- what a worker sees ---- */

static int seen = 1;

static int see(const int *in, int *out)
{
    (void)in;
    *out = seen;
    return 0;
}
YOKE_TASK(see, int, int);

TEST(processes_see_memory_as_of_open_and_the_replacement_too)
{
    int in[4] = {0}, out[4] = {0}, segv = SEGV;
    yoke_pool *pool;

    no_core();
    seen = 2;
    pool = open_pool(1);
    seen = 3;
    CHECK_EQ(yoke_pool_map(pool, see, in, 4, out), 0);
    CHECK_EQ(out[3], 2);
    CHECK_EQ(yoke_pool_apply(pool, do_deed, &segv, NULL), 1);
    CHECK_EQ(yoke_pool_map(pool, see, in, 4, out), 0);
    CHECK_EQ(out[3], 2);
    yoke_pool_free(&pool);
}

TEST(processes_see_memory_as_of_yoke_init)
{
    int in = 0, out = 0;
    yoke_pool *pool;

    seen = 4;
    CHECK_EQ(yoke_init(), 0);
    seen = 5;
    pool = open_pool(1);
    CHECK_EQ(yoke_pool_apply(pool, see, &in, &out), 0);
    CHECK_EQ(out, 4);
    yoke_pool_free(&pool);
    yoke_done();
}

static int opens_a_pool(const int *in, int *out)
{
    yoke_pool *pool;
    int numbers[3] = {1, 2, 3}, results[3];
    int rc = yoke_pool_open(&pool, YOKE_PROCESSES, .workers = 2);

    (void)in;
    if (rc < 0)
        return rc;
    rc = (int)yoke_pool_map(pool, see, numbers, 3, results);
    yoke_pool_free(&pool);
    *out = results[2];
    return rc;
}
YOKE_TASK(opens_a_pool, int, int);

TEST(processes_may_open_pools_of_their_own)
{
    int in[4] = {0}, out[4];
    yoke_pool *pool = open_pool(2);

    CHECK_EQ(yoke_pool_map(pool, opens_a_pool, in, 4, out), 0);
    CHECK_EQ(out[0], 1);
    yoke_pool_free(&pool);
}

static yoke_pool *outer;

static int uses_outer(const int *in, int *out)
{
    *out = (int)yoke_pool_map(outer, see, in, 1, out);
    return 0;
}
YOKE_TASK(uses_outer, int, int);

TEST(processes_refuse_the_pool_that_they_work_for)
{
    int in = 0, out = 0;
    yoke_pool *second;

    outer = open_pool(1);
    second = open_pool(1); /* its workers have a copy of `outer` */
    CHECK_EQ(yoke_pool_apply(second, uses_outer, &in, &out), 0);
    CHECK_EQ(out, -YOKE_EFORKED);
    yoke_pool_free(&second);
    yoke_pool_free(&outer);
}

static int prints(const int *in)
{
    printf("line %d\n", *in);
    return 0;
}
YOKE_TASK_NORESULT(prints, int);

TEST(processes_print_each_line_once)
{
    int in[200], ends[2], saved = dup(1), count[200] = {0}, number, lines = 0;
    yoke_pool *pool;
    FILE *output;
    char line[100];

    for (int i = 0; i < 200; i++)
        in[i] = i;
    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    CHECK_EQ(dup2(ends[1], 1), 1);
    printf("from the host\n"); /* stands in the buffer when the workers are made */
    pool = open_pool(2);
    CHECK_EQ(yoke_pool_map(pool, prints, in, 200, NULL), 0);
    yoke_pool_free(&pool);
    fflush(stdout);
    CHECK_EQ(dup2(saved, 1), 1);
    close(saved);
    close(ends[1]);
    output = fdopen(ends[0], "r");
    while (fgets(line, sizeof line, output)) {
        lines++;
        if (sscanf(line, "line %d", &number) == 1 && number >= 0 && number < 200)
            count[number]++;
        else
            CHECK_STR(line, "from the host\n");
    }
    CHECK_EQ(lines, 201);
    for (int i = 0; i < 200; i++)
        CHECK_EQ(count[i], 1);
    fclose(output);
}

/* ---- scarcity ---- */

TEST(processes_without_descriptors_are_refused_cleanly)
{
    struct rlimit limit;
    yoke_pool *pool = NULL;

    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    for (rlim_t n = 3; n < 30; n++) {
        struct rlimit less = {n, limit.rlim_max};
        int rc;

        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &less), 0);
        rc = yoke_pool_open(&pool, YOKE_PROCESSES, .workers = 2);
        if (rc == 0)
            yoke_pool_free(&pool);
        else
            CHECK(rc < 0 && rc != -YOKE_EBROKEN);
        CHECK(pool == NULL);
    }
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    pool = open_pool(2);
    yoke_pool_free(&pool);
}

TEST(processes_idle_use_no_cpu)
{
    yoke_pool *pool = open_pool(2);
    int pid = a_worker(pool);
    long before[2] = {0}, after[2] = {0};
    int pids[2] = {pid, supervisor_of(pid)};

    for (int look = 0; look < 2; look++) {
        for (int i = 0; i < 2; i++) {
            char path[64], line[512];
            long user, system;
            FILE *stat;

            snprintf(path, sizeof path, "/proc/%d/schedstat", pids[i]);
            stat = fopen(path, "r");
            CHECK(stat && fgets(line, sizeof line, stat));
            CHECK_EQ(sscanf(line, "%ld %ld", &user, &system), 2);
            (look ? after : before)[i] = user;
            fclose(stat);
        }
        if (look == 0) {
            yoke_sleep(0.01); /* the search before the sleep ends */
            CHECK(a_worker(pool) > 0);
            yoke_sleep(1); /* time itself is what is tested */
        }
    }
    /* ns of CPU in a second: one search, no more */
    for (int i = 0; i < 2; i++)
        CHECK(after[i] - before[i] < 20000000);
    yoke_pool_free(&pool);
}
