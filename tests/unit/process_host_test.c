/* process_host_test.c -- processes and the program that starts them: it sees no child, a fork of it has no part in
 * them, and they do not outlive it. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke.h>

#include "host.h"
#include "process.h"

/* ---- who sees what of it ---- */

TEST(the_program_sees_no_child)
{
    yoke_process process = {0};
    int status;

    signal(SIGCHLD, count_signal);
    check_exits(is_null, 1);
    CHECK_EQ(yoke_process_start(&process, wait_for_ever, NULL, 0), 0);
    CHECK_EQ(waitpid(-1, &status, WNOHANG), -1);
    CHECK_EQ(errno, ECHILD);
    yoke_process_close(&process);
    CHECK_EQ(yoke_init(), 0);
    check_exits(is_null, 1);
    CHECK_EQ(waitpid(-1, &status, WNOHANG), -1);
    CHECK_EQ(errno, ECHILD);
    yoke_done();
    CHECK_EQ(n_signals, 0);
}

TEST(ignored_sigchld_does_no_harm)
{
    yoke_process process = {0};
    yoke_exit how;

    signal(SIGCHLD, SIG_IGN);
    CHECK_EQ(run(return_int, &(int){41}, sizeof(int)).value, 41);
    CHECK_EQ(yoke_process_start(&process, return_int, &(int){42}, sizeof(int), .start = YOKE_FORK), 0);
    CHECK_EQ(yoke_process_join(&process, &how), 0);
    CHECK_EQ(how.value, 42);
    yoke_process_close(&process);
    CHECK_EQ(yoke_init(), 0);
    CHECK_EQ(run(return_int, &(int){43}, sizeof(int)).value, 43);
    yoke_done();
}

static yoke_process shared_process;
static int descriptors_before;

static void use_in_a_fork(void)
{
    yoke_process *process = &shared_process;

    CHECK_EQ(yoke_process_start(process, is_null, NULL, 0), -YOKE_EFORKED);
    CHECK_EQ(yoke_process_join(process, NULL), -YOKE_EFORKED);
    CHECK_EQ(yoke_process_join_until(process, YOKE_NOW, NULL), -YOKE_EFORKED);
    CHECK_EQ(yoke_process_alive(process), -YOKE_EFORKED);
    CHECK_EQ(yoke_process_pid(process), -YOKE_EFORKED);
    CHECK_EQ(yoke_process_fd(process), -YOKE_EFORKED);
    CHECK_EQ(yoke_process_terminate(process), -YOKE_EFORKED);
    CHECK_EQ(yoke_process_kill(process), -YOKE_EFORKED);
    yoke_process_close(process);
    CHECK_EQ(descriptors(), descriptors_before);
    check_exits(is_null, 1); /* a fork may have processes of its own */
}

TEST(a_fork_has_no_part_in_it)
{
    descriptors_before = descriptors();
    CHECK_EQ(yoke_process_start(&shared_process, wait_for_ever, NULL, 0), 0);
    in_host(use_in_a_fork);
    CHECK_EQ(yoke_process_alive(&shared_process), 1);
    yoke_process_close(&shared_process);
    CHECK_EQ(yoke_init(), 0);
    CHECK_EQ(yoke_process_start(&shared_process, wait_for_ever, NULL, 0), 0);
    in_host(use_in_a_fork);
    CHECK_EQ(yoke_process_alive(&shared_process), 1);
    yoke_process_close(&shared_process);
    yoke_done();
    CHECK_EQ(descriptors(), descriptors_before);
}

/* ---- the host dies ---- */

static int report_pipe[2];

static int stubborn(void *arg)
{
    sigset_t all;

    (void)arg;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    CHECK_EQ(write(report_pipe[1], "r", 1), 1);
    for (;;)
        pause();
    return 0;
}

static void check_gone_with_host(bool init)
{
    int host;
    char letter;

    CHECK_EQ(pipe(report_pipe), 0);
    host = fork();
    if (host == 0) {
        yoke_process processes[3] = {0};

        CHECK_EQ(init ? yoke_init() : 0, 0);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(yoke_process_start(&processes[i], stubborn, NULL, 0), 0);
        for (;;)
            pause();
    }
    close(report_pipe[1]);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(read(report_pipe[0], &letter, 1), 1);
    kill(host, SIGKILL);
    CHECK_EQ(waitpid(host, NULL, 0), host);
    /* the end of the last that holds the other end: the processes, and their zygotes too */
    CHECK_EQ(read(report_pipe[0], &letter, 1), 0);
    close(report_pipe[0]);
}

TEST(when_the_host_is_killed_nothing_stays)
{
    check_gone_with_host(false);
    check_gone_with_host(true);
}

static int tell_parent(void *arg)
{
    CHECK_EQ(write(report_pipe[1], &(int){getppid()}, sizeof(int)), sizeof(int));
    return stubborn(arg);
}

TEST(when_the_zygote_is_killed_its_processes_are_told_as_killed)
{
    yoke_process process = {0};
    yoke_exit how;
    int parent;
    char letter;

    CHECK_EQ(pipe(report_pipe), 0);
    CHECK_EQ(yoke_init(), 0);
    CHECK_EQ(yoke_process_start(&process, tell_parent, NULL, 0), 0);
    CHECK_EQ(read(report_pipe[0], &parent, sizeof parent), sizeof parent);
    CHECK_EQ(read(report_pipe[0], &letter, 1), 1);
    CHECK_EQ(kill(parent, SIGKILL), 0);
    CHECK_EQ(yoke_process_join(&process, &how), 0);
    CHECK_EQ(how.kind, YOKE_SIGNALLED);
    CHECK_EQ(how.value, SIGKILL);
    yoke_process_close(&process);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0), -YOKE_EBROKEN);
    yoke_done();
    close(report_pipe[1]);
    CHECK_EQ(read(report_pipe[0], &letter, 1), 0);
    close(report_pipe[0]);
}
