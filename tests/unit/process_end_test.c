/* process_end_test.c -- how a process ends, and who learns of it: join, the descriptor, close. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <yoke.h>

#include "host.h"
#include "process.h"

/* ---- how it ends ---- */

TEST(every_exit_code_comes_back)
{
    CHECK_EQ(yoke_init(), 0);
    for (int code = 0; code < 256; code++) {
        yoke_exit how = run(return_int, &code, sizeof code);

        CHECK_EQ(how.kind, YOKE_EXITED);
        CHECK_EQ(how.value, code);
    }
    CHECK_EQ(run(return_int, &(int){256 + 7}, sizeof(int)).value, 7);
    CHECK_EQ(run(return_int, &(int){-1}, sizeof(int)).value, 255);
    yoke_done();
}

static int raise_it(void *arg)
{
    raise(*(const int *)arg);
    return 0;
}

static int segfault(void *arg)
{
    no_core();
    signal(SIGSEGV, SIG_DFL);
    *(volatile int *)arg = 1;
    return 0;
}

static int call_abort(void *arg)
{
    (void)arg;
    no_core();
    signal(SIGABRT, SIG_DFL);
    abort();
}

static void check_signalled(int (*body)(void *), int signal)
{
    yoke_exit how = run(body, NULL, 0);

    CHECK_EQ(how.kind, YOKE_SIGNALLED);
    CHECK_EQ(how.value, signal);
}

TEST(signals_and_crashes_are_told)
{
    static const int signals[] = {SIGTERM, SIGKILL, SIGINT, SIGHUP, SIGUSR1, SIGPIPE, SIGALRM};

    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        yoke_exit how = run(raise_it, &signals[i], sizeof(int));

        CHECK_EQ(how.kind, YOKE_SIGNALLED);
        CHECK_EQ(how.value, signals[i]);
    }
    check_signalled(segfault, SIGSEGV);
    check_signalled(call_abort, SIGABRT);
}

static int report_pipe[2];

static void programs_atexit(void)
{
    (void)!write(report_pipe[1], "h", 1);
}

static int call_exit(void *arg)
{
    (void)arg;
    exit(12);
}

static int call_pthread_exit(void *arg)
{
    (void)arg;
    pthread_exit(NULL);
}

static void exits_in_processes(void)
{
    atexit(programs_atexit);
    check_exits(call_exit, 12);
    if (!TEST_THREAD_SANITIZER) /* its own thread would stay behind */
        check_exits(call_pthread_exit, 0);
}

TEST(the_programs_exit_handlers_do_not_run)
{
    char letter;

    CHECK_EQ(pipe(report_pipe), 0);
    in_host(exits_in_processes);
    close(report_pipe[1]);
    CHECK_EQ(read(report_pipe[0], &letter, 1), 0);
    close(report_pipe[0]);
}

/* ---- join ---- */

static void *join_it(void *arg)
{
    yoke_exit how;

    CHECK_EQ(yoke_process_join(arg, &how), 0);
    CHECK_EQ(how.kind, YOKE_SIGNALLED);
    CHECK_EQ(how.value, SIGTERM);
    return NULL;
}

TEST(join_is_repeatable_concurrent_and_timed)
{
    yoke_process process = {0};
    yoke_exit how = {YOKE_EXITED, -1};
    pthread_t threads[4];
    struct pollfd end = {.events = POLLIN};

    CHECK_EQ(yoke_process_start(&process, wait_for_ever, NULL, 0), 0);
    end.fd = yoke_process_fd(&process);
    CHECK_EQ(yoke_process_join_until(&process, YOKE_NOW, &how), -ETIMEDOUT);
    CHECK_EQ(yoke_process_join_until(&process, yoke_after(0.001), &how), -ETIMEDOUT);
    CHECK_EQ(how.value, -1);
    CHECK_EQ(yoke_process_alive(&process), 1);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, join_it, &process), 0);
    CHECK_EQ(yoke_process_join_until(&process, yoke_after(0.001), &how), -ETIMEDOUT);
    CHECK_EQ(poll(&end, 1, 0), 0);
    CHECK_EQ(yoke_process_terminate(&process), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    join_it(&process);
    CHECK_EQ(yoke_process_join(&process, NULL), 0);
    CHECK_EQ(yoke_process_join_until(&process, YOKE_NOW, &how), 0);
    CHECK_EQ(how.value, SIGTERM);
    CHECK_EQ(poll(&end, 1, -1), 1);
    CHECK_EQ(yoke_process_alive(&process), 0);
    CHECK_EQ(yoke_process_terminate(&process), 0);
    CHECK_EQ(yoke_process_kill(&process), 0);
    yoke_process_close(&process);
}

TEST(the_descriptor_is_readable_when_it_has_ended_and_was_reaped)
{
    yoke_process process = {0};
    struct pollfd end = {.events = POLLIN};
    int pid;

    CHECK_EQ(yoke_process_start(&process, wait_for_ever, NULL, 0), 0);
    end.fd = yoke_process_fd(&process);
    CHECK_EQ(fcntl(end.fd, F_GETFD), FD_CLOEXEC);
    pid = yoke_process_pid(&process);
    CHECK_EQ(kill(pid, 0), 0);
    CHECK_EQ(poll(&end, 1, 0), 0);
    CHECK_EQ(yoke_process_kill(&process), 0);
    CHECK_EQ(poll(&end, 1, -1), 1);
    CHECK(end.revents & POLLIN);
    CHECK_EQ(kill(pid, 0), -1);
    CHECK_EQ(errno, ESRCH);
    CHECK_EQ(yoke_process_alive(&process), 0);
    yoke_process_close(&process);
}

TEST(an_ended_one_is_joined_with_no_time_left)
{
    yoke_process process = {0};
    yoke_exit how;

    CHECK_EQ(yoke_process_start(&process, return_int, &(int){9}, sizeof(int)), 0);
    CHECK_EQ(poll(&(struct pollfd){.fd = yoke_process_fd(&process), .events = POLLIN}, 1, -1), 1);
    CHECK_EQ(yoke_process_join_until(&process, YOKE_NOW, &how), 0);
    CHECK_EQ(how.value, 9);
    yoke_process_close(&process);
}

/* ---- kill and close ---- */

TEST(kill_at_once_after_start)
{
    yoke_exit how;

    CHECK_EQ(yoke_init(), 0);
    for (int i = 0; i < 50; i++) {
        yoke_process process = {0};
        int signal = i % 2 ? SIGTERM : SIGKILL;

        CHECK_EQ(yoke_process_start(&process, wait_for_ever, NULL, 0), 0);
        CHECK_EQ(i % 2 ? yoke_process_terminate(&process) : yoke_process_kill(&process), 0);
        CHECK_EQ(yoke_process_join(&process, &how), 0);
        CHECK_EQ(how.kind, YOKE_SIGNALLED);
        CHECK_EQ(how.value, signal);
        yoke_process_close(&process);
    }
    yoke_done();
}

TEST(close_ends_what_runs_and_may_be_repeated)
{
    yoke_process process = {0};
    int pid;

    yoke_process_close(&process);
    yoke_process_close(NULL);
    CHECK_EQ(yoke_process_start(&process, wait_for_ever, NULL, 0), 0);
    pid = yoke_process_pid(&process);
    yoke_process_close(&process);
    CHECK_EQ(kill(pid, 0), -1);
    CHECK(process.impl == NULL);
    yoke_process_close(&process);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0), 0);
    yoke_process_close(&process);
}
