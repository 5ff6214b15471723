/* sharing.h -- what the tests of things that tasks share have in common: shared memory, processes that end or are killed,
 * threads and processes that sleep for an object, signals, counting, misuse. */
#ifndef SHARING_H
#define SHARING_H

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke/lock.h>
#include <yoke/thread.h>

#include "asleep.h"
#include "test.h"

static inline void *shared_page(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(page != MAP_FAILED);
    return page;
}

/* ---- processes: plain forks, so that death is what the kernel makes of it ---- */

/* Runs run(arg), whose code is the exit code, in a child. */
static inline pid_t forked(int (*run)(void *arg), void *arg)
{
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0)
        _exit(run(arg));
    return pid;
}

static inline int status_of(pid_t pid)
{
    int status;
    pid_t reaped;

    /* the step killer's alarm may come meanwhile */
    do
        reaped = waitpid(pid, &status, 0);
    while (reaped < 0 && errno == EINTR);
    CHECK_EQ(reaped, pid);
    return status;
}

static inline void check_ends_well(pid_t pid)
{
    CHECK_EQ(status_of(pid), 0);
}

static inline void kill_and_reap(pid_t pid)
{
    CHECK_EQ(kill(pid, SIGKILL), 0);
    status_of(pid);
}

static inline _Noreturn void die(void)
{
    kill(getpid(), SIGKILL);
    _exit(1);
}

/* ---- who sleeps ---- */

/* word: what the private object's waiters sleep on; of a shared one they sleep on several words. */
static inline void start_asleep(yoke_thread *thread, int (*run)(void *), void *arg, const void *word)
{
    CHECK_EQ(yoke_thread_start(thread, run, arg), 0);
    asleep_on(getpid(), yoke_thread_native_id(thread), word);
}

static inline pid_t forked_asleep(int (*run)(void *), void *arg)
{
    pid_t pid = forked(run, arg);

    asleep_on(pid, pid, NULL);
    return pid;
}

/* Returns once the thread sleeps in a futex call, whichever word it is, or has returned. */
static inline void await_asleep_or_ended(const yoke_thread *thread)
{
    char path[64], line[64];

    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", yoke_thread_native_id(thread));
    while (yoke_thread_alive(thread)) {
        FILE *file = fopen(path, "re");
        long call = file && fgets(line, sizeof line, file) ? strtol(line, NULL, 10) : -1;

        if (file)
            fclose(file);
        if (call == SYS_futex || call == SYS_futex_waitv)
            return;
        sched_yield();
    }
}

/* Puts the calling thread, and those that it starts, on one CPU. */
static inline void share_one_cpu(void)
{
    cpu_set_t set;
    int cpu = sched_getcpu();

    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    CHECK_EQ(sched_setaffinity(0, sizeof set, &set), 0);
}

/* The calling thread, when it is woken, does not push aside who runs on its CPU. */
static inline void let_others_run(void)
{
    CHECK_EQ(sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0}), 0);
}

/* Soon enough for what is to happen, far enough for a machine under load. */
static inline yoke_time in_time(void)
{
    return yoke_after(5 * test_slow());
}

static inline int code_of(yoke_thread *thread)
{
    int code = -1;

    CHECK_EQ(yoke_thread_join_until(thread, in_time(), &code), 0);
    return code;
}

/* ---- signals ---- */

static inline void do_nothing(int number)
{
    (void)number;
}

static inline void handle_signals(void)
{
    struct sigaction action = {.sa_handler = do_nothing};

    sigaction(SIGUSR1, &action, NULL);
}

static inline void interrupt(const yoke_thread *thread)
{
    CHECK_EQ(syscall(SYS_tgkill, getpid(), yoke_thread_native_id(thread), SIGUSR1), 0);
}

/* Interrupts a sleeper again and again, and finds it asleep after each. */
static inline void check_sleeps_on(yoke_thread *thread, const void *word)
{
    for (int i = 0; i < 5; i++) {
        interrupt(thread);
        asleep_on(getpid(), yoke_thread_native_id(thread), word);
    }
    CHECK_EQ(yoke_thread_alive(thread), 1);
}

/* ---- exclusion ---- */

/* What a lock guards; plain: a race here loses counts, and a sanitizer sees it. */
struct tally {
    long a, b;
};

static inline void count_one(struct tally *tally)
{
    CHECK_EQ(tally->a, tally->b);
    tally->a++;
    tally->b++;
}

/* Now and then long enough for others to give up; i: how many the caller has counted. */
static inline void count_slowly(struct tally *tally, long i)
{
    CHECK_EQ(tally->a, tally->b);
    tally->a++;
    for (int k = 0; i % 64 == 0 && k < 3000; k++)
        __asm__ volatile("");
    tally->b++;
}

/* A deadline that is often missed. */
static inline yoke_time at_once_or_soon(long i)
{
    return i % 2 ? yoke_after(20e-6) : YOKE_NOW;
}

/* Runs each of them in a thread of its own, all at once. */
static inline void run_together(int (*const *runs)(void *arg), int n, void *arg)
{
    yoke_thread threads[8] = {0};

    CHECK(n <= 8);
    for (int i = 0; i < n; i++)
        CHECK_EQ(yoke_thread_start(&threads[i], runs[i], arg), 0);
    for (int i = 0; i < n; i++)
        CHECK_EQ(yoke_thread_join(&threads[i], NULL), 0);
}

/* ---- misuse ---- */

/* act(arg) writes one line, which names `what`, and aborts. */
static inline void check_misuse(void (*act)(void *arg), void *arg, const char *what)
{
    char text[300] = "";
    int ends[2], status;
    ssize_t n;
    pid_t pid;

    CHECK_EQ(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        act(arg);
        _exit(0);
    }
    close(ends[1]);
    n = read(ends[0], text, sizeof text - 1);
    status = status_of(pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK(n > 0 && strstr(text, what));
    CHECK(strchr(text, '\n') == text + n - 1);
    close(ends[0]);
}

#endif
