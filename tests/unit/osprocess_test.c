/* osprocess_test.c -- children of the system layer: soundness of libc in a cloned child, what a child is made to be,
 * reaping. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"

/* Runs body in a child of yk_fork and gives how it ended; the child leaves by _exit. */
static yoke_exit in_child(yoke_start start, void (*body)(void))
{
    yoke_exit how = {YOKE_EXITED, -1};
    int pidfd, pid = yk_fork(start, &pidfd);

    if (pid == 0) {
        body();
        _exit(0);
    }
    CHECK(pid > 0);
    CHECK_EQ(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(yk_pidfd_reap(pidfd, YOKE_FOREVER, &how), 0);
    yk_close(pidfd);
    return how;
}

static void check_child(yoke_start start, void (*body)(void))
{
    yoke_exit how = in_child(start, body);

    CHECK_EQ(how.kind, YOKE_EXITED);
    CHECK_EQ(how.value, 0);
}

static void *shared_page(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(page != MAP_FAILED);
    return page;
}

/* ---- fork ---- */

static volatile int seen;

static void count_signal(int number)
{
    (void)number;
    seen++;
}

static void exit_7(void)
{
    _exit(7);
}

static void set_sigchld(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};

    CHECK_EQ(sigaction(SIGCHLD, &action, NULL), 0);
}

TEST(a_default_child_is_invisible)
{
    int pidfd, status;
    yoke_exit how;

    set_sigchld(count_signal);
    CHECK(yk_fork(YOKE_START_DEFAULT, &pidfd) != 0 || (exit_7(), 0));
    CHECK_EQ(yk_wait_readable(pidfd, YOKE_FOREVER), 0);
    CHECK_EQ(waitpid(-1, &status, 0), -1);
    CHECK_EQ(errno, ECHILD);
    CHECK_EQ(yk_pidfd_reap(pidfd, YOKE_NOW, &how), 0);
    CHECK_EQ(how.kind, YOKE_EXITED);
    CHECK_EQ(how.value, 7);
    CHECK_EQ(seen, 0);
    yk_close(pidfd);
}

TEST(its_exit_is_not_lost_when_sigchld_is_ignored)
{
    set_sigchld(SIG_IGN);
    CHECK_EQ(in_child(YOKE_START_DEFAULT, exit_7).value, 7);
}

TEST(a_forked_child_is_an_ordinary_one)
{
    set_sigchld(count_signal);
    CHECK_EQ(in_child(YOKE_FORK, exit_7).value, 7);
    CHECK_EQ(seen, 1);
}

TEST(exec_is_not_supported)
{
    int pidfd = -7;

    CHECK_EQ(yk_fork(YOKE_EXEC, &pidfd), -ENOTSUP);
    CHECK_EQ(pidfd, -7);
}

static void *body_of_thread(void *arg)
{
    return arg;
}

static void use_libc(void)
{
    pthread_mutex_t mutex;
    pthread_mutexattr_t kind;
    pthread_t thread;
    void *result;

    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&mutex, &kind);
    CHECK_EQ(pthread_mutex_lock(&mutex), 0);
    CHECK_EQ(mutex.__data.__owner, yk_gettid());
    CHECK_EQ(pthread_mutex_lock(&mutex), EDEADLK);
    CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
    CHECK_EQ(pthread_create(&thread, NULL, body_of_thread, &mutex), 0);
    CHECK_EQ(pthread_join(thread, &result), 0);
    CHECK(result == &mutex);
    CHECK_EQ(pthread_kill(pthread_self(), 0), 0);
    free(malloc(1000000));
}

static void fork_again(void)
{
    check_child(YOKE_START_DEFAULT, use_libc);
    check_child(YOKE_FORK, use_libc);
}

TEST(libc_knows_the_childs_thread_id)
{
    check_child(YOKE_START_DEFAULT, use_libc);
    check_child(YOKE_FORK, use_libc);
}

TEST(libc_is_sound_in_a_child_of_a_child)
{
    check_child(YOKE_START_DEFAULT, fork_again);
    check_child(YOKE_FORK, fork_again);
}

static pthread_mutex_t *robust_mutex(void)
{
    pthread_mutex_t *mutex = shared_page();
    pthread_mutexattr_t kind;

    pthread_mutexattr_init(&kind);
    pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(mutex, &kind);
    return mutex;
}

static pthread_mutex_t *mutexes[2];

static void die_with_the_first(void)
{
    CHECK_EQ(pthread_mutex_lock(mutexes[0]), 0);
    raise(SIGKILL);
}

static void check_robust(yoke_start start)
{
    mutexes[0] = robust_mutex();
    mutexes[1] = robust_mutex();
    CHECK_EQ(pthread_mutex_lock(mutexes[1]), 0); /* the parent's own stays the parent's */
    CHECK_EQ(in_child(start, die_with_the_first).value, SIGKILL);
    CHECK_EQ(pthread_mutex_lock(mutexes[0]), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_trylock(mutexes[1]), EBUSY);
    CHECK_EQ(pthread_mutex_consistent(mutexes[0]), 0);
    CHECK_EQ(pthread_mutex_unlock(mutexes[0]), 0);
    CHECK_EQ(pthread_mutex_unlock(mutexes[1]), 0);
    munmap(mutexes[0], 4096);
    munmap(mutexes[1], 4096);
}

TEST(a_robust_mutex_outlives_a_killed_child)
{
    check_robust(YOKE_START_DEFAULT);
    check_robust(YOKE_FORK);
}

/* The waiter sleeps in the lock when the owner dies: it is woken by the kernel, through the robust list alone. */
TEST(a_waiter_of_a_robust_mutex_is_woken)
{
    int holder, waiter, pipes[2];
    yoke_exit how;
    char letter;

    mutexes[0] = robust_mutex();
    CHECK_EQ(pipe(pipes), 0);
    if (yk_fork(YOKE_START_DEFAULT, &holder) == 0) {
        CHECK_EQ(pthread_mutex_lock(mutexes[0]), 0);
        CHECK_EQ(write(pipes[1], "l", 1), 1);
        for (;;)
            pause();
    }
    CHECK_EQ(read(pipes[0], &letter, 1), 1);
    if (yk_fork(YOKE_START_DEFAULT, &waiter) == 0) {
        CHECK_EQ(pthread_mutex_lock(mutexes[0]), EOWNERDEAD);
        _exit(0);
    }
    /* the lock's word says when somebody waits for it */
    while (!(__atomic_load_n(&mutexes[0]->__data.__lock, __ATOMIC_RELAXED) & (int)0x80000000u))
        yk_yield();
    CHECK_EQ(yk_pidfd_signal(holder, SIGKILL), 0);
    CHECK_EQ(yk_pidfd_reap(holder, YOKE_FOREVER, &how), 0);
    CHECK_EQ(yk_pidfd_reap(waiter, YOKE_FOREVER, &how), 0);
    CHECK_EQ(how.value, 0);
    close(pipes[0]);
    close(pipes[1]);
    yk_close(holder);
    yk_close(waiter);
    munmap(mutexes[0], 4096);
}

static int *called;

static void at_fork_child(void)
{
    (*called)++;
}

static void check_called(void)
{
    CHECK_EQ(*called, 1);
}

TEST(at_fork_functions_run_in_both_kinds_of_child)
{
    int count = 0;

    called = &count;
    CHECK_EQ(yk_at_fork(at_fork_child), 0);
    check_child(YOKE_START_DEFAULT, check_called);
    check_child(YOKE_FORK, check_called);
    CHECK_EQ(count, 0);
}

static int output[2];

static void end_flushing(void)
{
    printf("child;");
    yk_child_exit(0);
}

TEST(buffered_output_is_written_once)
{
    char text[64] = "";

    CHECK_EQ(pipe(output), 0);
    fflush(stdout);
    CHECK_EQ(dup2(output[1], 1), 1);
    setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
    printf("parent;");
    CHECK_EQ(in_child(YOKE_START_DEFAULT, end_flushing).value, 0);
    CHECK_EQ(in_child(YOKE_FORK, end_flushing).value, 0);
    CHECK(read(output[0], text, sizeof text - 1) > 0);
    CHECK_STR(text, "parent;child;child;");
    close(output[0]);
    close(output[1]);
}

static void *hold_stdin(void *arg)
{
    int *ends = arg;
    char letter;

    flockfile(stdin);
    CHECK_EQ(write(ends[1], "h", 1), 1);
    CHECK_EQ(read(ends[2], &letter, 1), 1);
    funlockfile(stdin);
    return NULL;
}

TEST(a_thread_that_reads_stdin_does_not_hold_up_a_fork)
{
    int ends[4];
    pthread_t thread;
    char letter;

    CHECK_EQ(pipe(&ends[0]), 0);
    CHECK_EQ(pipe(&ends[2]), 0);
    CHECK_EQ(pthread_create(&thread, NULL, hold_stdin, ends), 0);
    CHECK_EQ(read(ends[0], &letter, 1), 1);
    CHECK_EQ(in_child(YOKE_FORK, exit_7).value, 7);
    CHECK_EQ(write(ends[3], "x", 1), 1);
    pthread_join(thread, NULL);
    for (int i = 0; i < 4; i++)
        close(ends[i]);
}

/* ---- prepare ---- */

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

static void signalled_before_it_is_prepared(void)
{
    raise(SIGUSR1);
    CHECK_EQ(seen, 0);
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
    int pid, status;

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
        CHECK(seen > 0);
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    close(terminal);
}

static int report_pipe[2];

static void programs_atexit(void)
{
    CHECK_EQ(write(report_pipe[1], "h", 1), 1);
}

static void childs_atexit(void)
{
    CHECK_EQ(write(report_pipe[1], "c", 1), 1);
}

static void prepare_and_exit_9(void)
{
    yk_child_prepare(true);
    atexit(childs_atexit);
    printf("out");
    exit(9);
}

__attribute__((unused)) static void prepare_and_leave_by_thread_exit(void)
{
    yk_child_prepare(true);
    pthread_exit(NULL);
}

/* The child's own handlers run, those of the program do not. */
TEST(exit_does_not_run_the_programs_handlers)
{
    char text[8] = "";
    int pid, status;

    /* the program is a process of its own, so that its handler runs when this test does not look any more */
    CHECK_EQ(pipe(report_pipe), 0);
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        dup2(report_pipe[1], 1);
        setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
        atexit(programs_atexit);
        CHECK_EQ(in_child(YOKE_START_DEFAULT, prepare_and_exit_9).value, 9);
        CHECK_EQ(in_child(YOKE_FORK, prepare_and_exit_9).value, 9);
#ifndef __SANITIZE_THREAD__ /* its own thread would stay behind */
        CHECK_EQ(in_child(YOKE_FORK, prepare_and_leave_by_thread_exit).value, 0);
#endif
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    close(report_pipe[1]);
    CHECK_EQ(read(report_pipe[0], text, 1), 1);
    CHECK_EQ(read(report_pipe[0], text + 1, sizeof text - 2) >= 0, 1);
    while (strlen(text) < 7 && read(report_pipe[0], text + strlen(text), 1) == 1)
        ;
    close(report_pipe[0]);
    CHECK(strncmp(text, "coutcou", 7) == 0);
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

/* ---- end with the parent ---- */

TEST(a_child_dies_with_its_parent)
{
    int alive[2], middle;
    yoke_exit how;
    char letter;

    CHECK_EQ(pipe(alive), 0);
    if (yk_fork(YOKE_FORK, &middle) == 0) {
        int me = getpid(), inner;

        if (yk_fork(YOKE_FORK, &inner) == 0) {
            yk_die_with_parent(me);
            CHECK_EQ(write(alive[1], "r", 1), 1);
            for (;;)
                pause(); /* with all signals blocked, as a fork begins */
        }
        for (;;)
            pause();
    }
    close(alive[1]);
    CHECK_EQ(read(alive[0], &letter, 1), 1);
    CHECK_EQ(yk_pidfd_signal(middle, SIGKILL), 0);
    CHECK_EQ(yk_pidfd_reap(middle, YOKE_FOREVER, &how), 0);
    CHECK_EQ(read(alive[0], &letter, 1), 0); /* the end of the last holder of the other end */
    close(alive[0]);
    yk_close(middle);
}

static void with_a_stranger_as_parent(void)
{
    yk_die_with_parent(1 << 30);
    _exit(0);
}

TEST(a_child_whose_parent_has_gone_already_dies)
{
    yoke_exit how = in_child(YOKE_FORK, with_a_stranger_as_parent);

    CHECK_EQ(how.kind, YOKE_SIGNALLED);
    CHECK_EQ(how.value, SIGKILL);
}

/* ---- pidfd ---- */

static void wait_for_ever(void)
{
    for (;;)
        pause();
}

TEST(reap_waits_as_told)
{
    yoke_exit how = {YOKE_EXITED, -1};
    int pidfd;

    if (yk_fork(YOKE_START_DEFAULT, &pidfd) == 0)
        wait_for_ever();
    CHECK_EQ(yk_pidfd_reap(pidfd, YOKE_NOW, &how), -ETIMEDOUT);
    CHECK_EQ(yk_pidfd_reap(pidfd, yoke_now() + 1000000, &how), -ETIMEDOUT);
    CHECK_EQ(how.value, -1);
    CHECK_EQ(yk_pidfd_signal(pidfd, SIGKILL), 0);
    CHECK_EQ(yk_pidfd_reap(pidfd, yoke_after(60), &how), 0);
    CHECK_EQ(how.kind, YOKE_SIGNALLED);
    CHECK_EQ(how.value, SIGKILL);
    CHECK_EQ(yk_pidfd_signal(pidfd, SIGKILL), 0);
    CHECK_EQ(yk_pidfd_reap(pidfd, YOKE_NOW, &how), -ECHILD);
    yk_close(pidfd);
}

TEST(a_stranger_is_not_reaped)
{
    yoke_exit how;
    int pidfd = yk_pidfd_open(getppid());

    CHECK(pidfd >= 0);
    CHECK_EQ(yk_pidfd_reap(pidfd, YOKE_FOREVER, &how), -ECHILD);
    yk_close(pidfd);
    CHECK_EQ(yk_pidfd_open(1 << 30), -ESRCH);
}

/* ---- this process ---- */

TEST(threads_are_counted)
{
    int ends[4];
    pthread_t thread;
    char letter;

    CHECK_EQ(yk_thread_count(), 1);
    CHECK_EQ(pipe(&ends[0]), 0);
    CHECK_EQ(pipe(&ends[2]), 0);
    CHECK_EQ(pthread_create(&thread, NULL, hold_stdin, ends), 0);
    CHECK_EQ(read(ends[0], &letter, 1), 1);
    CHECK_EQ(yk_thread_count(), 2);
    CHECK_EQ(write(ends[3], "x", 1), 1);
    pthread_join(thread, NULL);
    for (int i = 0; i < 4; i++)
        close(ends[i]);
    yk_set_process_name("a) S 1 (2");
    while (yk_thread_count() != 1)
        yk_yield();
}

static int a_function(void *arg)
{
    (void)arg;
    return 0;
}

TEST(code_is_told_from_other_memory)
{
    int (*nowhere)(void *);
    void *page = shared_page();

    memcpy(&nowhere, &page, sizeof nowhere);
    CHECK(yk_is_code(a_function));
    CHECK(yk_is_code((int (*)(void *))(uintptr_t)getpid));
    CHECK(!yk_is_code(nowhere));
    munmap(page, 4096);
}
