/* osprocess_prepare_test.c -- what a prepared child is made to be: its signals, group and standard input. */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host.h"
#include "osprocess.h"

/* ---- what it is ---- */

static void check_prepared(void)
{
    struct sigaction action;
    sigset_t mask;
    char letter;

    yk_child_prepare(true);
    CHECK_EQ(getpgrp(), getpid());
    for (int number = 1; number < NSIG; number++)
        if (sigaction(number, NULL, &action) == 0)
            CHECK(action.sa_handler == SIG_DFL || number == SIGPIPE);
    CHECK_EQ(sigaction(SIGPIPE, NULL, &action), 0);
    CHECK(action.sa_handler == SIG_IGN);
    CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &mask), 0);
    for (int number = 1; number < 32; number++)
        CHECK_EQ(sigismember(&mask, number), 0);
    CHECK_EQ(read(0, &letter, 1), 0);
    CHECK_EQ(getchar(), EOF);
    CHECK_EQ(fcntl(0, F_GETFD), 0);
}

static void check_prepared_without_group(void)
{
    int group = getpgrp();

    yk_child_prepare(false);
    CHECK_EQ(getpgrp(), group);
}

TEST(a_prepared_child_is_clean)
{
    struct sigaction action = {.sa_handler = count_signal}, ignore = {.sa_handler = SIG_IGN};
    sigset_t term;
    int input[2];

    /* the program has read ahead: what lies in the buffer is its own */
    CHECK_EQ(pipe(input), 0);
    CHECK_EQ(write(input[1], "abc\n", 4), 4);
    CHECK_EQ(dup2(input[0], 0), 0);
    CHECK_EQ(getchar(), 'a');
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGRTMIN, &action, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGCHLD, &ignore, NULL);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    check_child(YOKE_START_DEFAULT, check_prepared);
    set_sigchld(SIG_DFL);
    check_child(YOKE_FORK, check_prepared);
    check_child(YOKE_FORK, check_prepared_without_group);
    CHECK_EQ(getchar(), 'b');
    close(input[0]);
    close(input[1]);
}

static void without_dev_null(void)
{
    struct rlimit limit = {3, 3};
    char letter;

    /* every number is taken: what is closed is what can be opened */
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    yk_child_prepare(false);
    CHECK_EQ(read(0, &letter, 1), 0);
}

TEST(stdin_is_empty_even_without_a_free_descriptor)
{
    check_child(YOKE_FORK, without_dev_null);
}

/* ---- signals before it is prepared ---- */

static void signalled_before_it_is_prepared(void)
{
    raise(SIGUSR1);
    CHECK_EQ(n_signals, 0);
    yk_child_prepare(true);
}

TEST(the_programs_handler_never_runs_in_a_child)
{
    struct sigaction action = {.sa_handler = count_signal};
    sigset_t before = {0}, after = {0};

    sigprocmask(SIG_BLOCK, NULL, &before);
    sigaction(SIGUSR1, &action, NULL);
    CHECK_EQ(in_child(YOKE_START_DEFAULT, signalled_before_it_is_prepared).value, SIGUSR1);
    CHECK_EQ(in_child(YOKE_FORK, signalled_before_it_is_prepared).value, SIGUSR1);
    sigprocmask(SIG_BLOCK, NULL, &after);
    CHECK_EQ(memcmp(&before, &after, sizeof before), 0);
}

static int terminal;

static void interrupted_before_it_left(void)
{
    sigset_t pending;

    CHECK_EQ(write(terminal, "\003", 1), 1);
    do
        CHECK_EQ(sigpending(&pending), 0);
    while (!sigismember(&pending, SIGINT));
    yk_child_prepare(true);
}

static void interrupted_by_a_process(void)
{
    raise(SIGINT);
    yk_child_prepare(true);
}

/* Control-C in the moment between the fork and the new group. */
TEST(an_interrupt_at_the_terminal_does_not_reach_a_new_group)
{
    int pid;

    terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0)
        SKIP("no pseudo terminals here");
    CHECK_EQ(grantpt(terminal), 0);
    CHECK_EQ(unlockpt(terminal), 0);
    pid = fork();
    if (pid == 0) {
        struct sigaction action = {.sa_handler = count_signal};

        CHECK(setsid() > 0);
        CHECK(open(ptsname(terminal), O_RDWR) >= 0); /* a session's first terminal is its controlling one */
        sigaction(SIGINT, &action, NULL);
        check_child(YOKE_FORK, interrupted_before_it_left);
        check_child(YOKE_START_DEFAULT, interrupted_before_it_left);
        CHECK_EQ(in_child(YOKE_FORK, interrupted_by_a_process).value, SIGINT);
        CHECK(n_signals > 0);
        _exit(0);
    }
    check_succeeds(pid);
    close(terminal);
}
