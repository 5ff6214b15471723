/* osprocess_fork_test.c -- forking in the system layer: what the program sees of a child, soundness of libc in a
 * cloned one, and what a program must know of itself before it forks. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"
#include "osprocess.h"

/* ---- what the program sees ---- */

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
    CHECK_EQ(n_signals, 0);
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
    CHECK_EQ(n_signals, 1);
}

TEST(exec_is_not_supported)
{
    int pidfd = -7;

    CHECK_EQ(yk_fork(YOKE_EXEC, &pidfd), -ENOTSUP);
    CHECK_EQ(pidfd, -7);
}

/* ---- libc in a child ---- */

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

static void *shared_page(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(page != MAP_FAILED);
    return page;
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

static void *hold_stdin(void *arg)
{
    flockfile(stdin);
    visitor_stay(arg);
    funlockfile(stdin);
    return NULL;
}

TEST(a_thread_that_reads_stdin_does_not_hold_up_a_fork)
{
    struct visitor visitor;

    visitor_begin(&visitor, hold_stdin);
    CHECK_EQ(in_child(YOKE_FORK, exit_7).value, 7);
    visitor_end(&visitor);
}

/* ---- this process ---- */

TEST(threads_are_counted)
{
    struct visitor visitor;

    CHECK_EQ(yk_thread_count(), 1);
    visitor_begin(&visitor, visitor_stay);
    CHECK_EQ(yk_thread_count(), 2);
    visitor_end(&visitor);
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
