/* processes_host_test.c -- worker processes and their host: they leave it in peace, live with its threads, do not
 * outlive it, and take little of it. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"
#include "processes.h"

/* ---- the host is left in peace ---- */

TEST(processes_leave_sigchld_and_wait_to_the_host)
{
    yoke_pool *pool;

    no_core();
    signal(SIGCHLD, count_signal);
    pool = open_pool(2);
    crash_a_few(pool);
    CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
    CHECK_EQ(errno, ECHILD);
    signal(SIGCHLD, SIG_IGN);
    crash_a_few(pool);
    yoke_pool_free(&pool);
    CHECK_EQ(n_signals, 0);
}

TEST(processes_work_with_all_signals_blocked_in_the_host)
{
    sigset_t all, now;
    yoke_pool *pool;

    no_core();
    if (TEST_THREAD_SANITIZER)
        SKIP("threads of the sanitizer are known by their blocked signals");
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    pool = open_pool(2);
    crash_a_few(pool);
    yoke_pool_free(&pool);
    sigprocmask(SIG_SETMASK, NULL, &now);
    CHECK(sigismember(&now, SIGTERM) == 1);
}

/* ---- the host dies ---- */

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

/* ---- what it costs ---- */

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
            char line[512];
            long user, system;

            read_proc(pids[i], "schedstat", line);
            CHECK_EQ(sscanf(line, "%ld %ld", &user, &system), 2);
            (look ? after : before)[i] = user;
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
