/* stepkill.c -- the single-stepper, by ptrace alone: no register is read, so it runs wherever the kernel can single-
 * step.
 *
 * A step over a system call that blocks does not come back.  A periodic SIGALRM interrupts the wait for it, and the
 * state of the process in /proc tells whether it sleeps.  The window is marked by raise(SIGSTOP), which a tracer
 * sees and suppresses. */
#include "stepkill.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* How often it looks whether the process sleeps, and how many looks in a row must say so. */
enum { LOOK_US = 5000, LOOKS = 4 };

static void on_alarm(int signal)
{
    (void)signal; /* it only has to interrupt waitpid */
}

struct clock {
    struct sigaction action;
    struct itimerval timer;
};

static void clock_start(struct clock *old)
{
    struct sigaction action = {.sa_handler = on_alarm}; /* without SA_RESTART */
    struct itimerval timer = {.it_interval.tv_usec = LOOK_US, .it_value.tv_usec = LOOK_US};

    sigaction(SIGALRM, &action, &old->action);
    setitimer(ITIMER_REAL, &timer, &old->timer);
}

static void clock_stop(const struct clock *old)
{
    setitimer(ITIMER_REAL, &old->timer, NULL);
    sigaction(SIGALRM, &old->action, NULL);
}

/* True if the process sleeps in the kernel, interruptibly: waits for something that others do. */
static bool sleeps(pid_t pid)
{
    char path[64], text[512];
    ssize_t n = -1;
    int fd;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, text, sizeof text - 1);
        close(fd);
    }
    text[n > 0 ? n : 0] = 0;

    /* the name before it stands in parentheses and may hold any character */
    const char *end = strrchr(text, ')');

    return end && end[1] == ' ' && end[2] == 'S';
}

/* Waits for the next stop or the end.  False: it sleeps. */
static bool await_stop(pid_t pid, int *status)
{
    int asleep = 0;

    while (waitpid(pid, status, __WALL) < 0) {
        if (errno != EINTR) {
            *status = 0;
            return true;
        }
        asleep = sleeps(pid) ? asleep + 1 : 0;
        if (asleep == LOOKS)
            return false;
    }
    return true;
}

static bool at_marker(int status)
{
    return WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP && status >> 16 == 0;
}

/* A signal that was meant for the process and stopped it on its way there. */
static long pending_signal(int status)
{
    int signal = WSTOPSIG(status);

    return status >> 16 != 0 || signal == SIGTRAP || signal == SIGSTOP ? 0 : signal;
}

/* Lets a stopped process do n instructions; of a test, up to its next marker if it ends there. */
static struct stepkill_run step(pid_t pid, long n, const struct stepkill *test, int status)
{
    struct stepkill_run run = {.end = STEPKILL_KILLED, .status = status};
    bool stopped;

    while (run.steps < n) {
        if (ptrace(PTRACE_SINGLESTEP, pid, NULL, pending_signal(run.status)) < 0)
            break;
        run.steps++;
        stopped = await_stop(pid, &run.status);
        while (!stopped && test && test->asleep && test->asleep(test->arg))
            stopped = await_stop(pid, &run.status);
        if (!stopped) {
            run.end = STEPKILL_ASLEEP;
            break;
        }
        if (!WIFSTOPPED(run.status) || (test && at_marker(run.status))) {
            run.end = STEPKILL_ENDED;
            break;
        }
    }
    return run;
}

/* SIGKILL works on a stopped process; what waitpid then reports to the tracer is its end. */
static void kill_and_reap(pid_t pid, int *status)
{
    kill(pid, SIGKILL);
    while (waitpid(pid, status, __WALL) >= 0 ? WIFSTOPPED(*status) : errno == EINTR)
        continue;
}

static _Noreturn void child(const struct stepkill *test)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
        _exit(errno);
    if (!test->window)
        stepkill_begin();
    test->body(test->arg);
    if (!test->window)
        stepkill_end();
    _exit(0);
}

/* One run: 0, or -errno. */
static int run_once(const struct stepkill *test, long k, struct stepkill_run *ret_run)
{
    pid_t pid = fork();
    int status;

    if (pid < 0)
        return -errno;
    if (pid == 0)
        child(test);
    /* up to the first marker at full speed, with the signals that it gets on the way */
    bool stopped = await_stop(pid, &status);

    while (stopped && WIFSTOPPED(status) && !at_marker(status)) {
        ptrace(PTRACE_CONT, pid, NULL, pending_signal(status));
        stopped = await_stop(pid, &status);
    }
    if (!stopped || !WIFSTOPPED(status)) {
        kill_and_reap(pid, &status);
        return WIFEXITED(status) && WEXITSTATUS(status) ? -WEXITSTATUS(status) : -EPERM;
    }
    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL);
    *ret_run = step(pid, k, test, status);
    if (WIFSTOPPED(ret_run->status) || ret_run->end == STEPKILL_ASLEEP)
        kill_and_reap(pid, &ret_run->status);
    return 0;
}

long stepkill_stride(long full)
{
    return getenv("YOKE_TEST_FULL") ? full : 7 * full;
}

long stepkill_each(const struct stepkill *test)
{
    struct stepkill_run run = {0};
    struct clock old;
    long stride = test->stride > 0 ? test->stride : 1;
    long points = 0;
    int rc = 0;

    clock_start(&old);
    for (long k = test->first; run.end == STEPKILL_KILLED && (test->last == 0 || k <= test->last); k += stride) {
        if (test->setup)
            test->setup(test->arg);
        fflush(NULL);
        rc = run_once(test, k, &run);
        if (rc < 0)
            break;
        test->after(test->arg, &run);
        points++;
    }
    clock_stop(&old);
    return rc < 0 ? rc : points;
}

void stepkill_begin(void)
{
    raise(SIGSTOP);
}

void stepkill_end(void)
{
    raise(SIGSTOP);
}

int stepkill_process(int pid, long steps, struct stepkill_run *ret_run)
{
    struct stepkill_run run = {0};
    struct clock old;
    int status;

    if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_EXITKILL) < 0)
        return -errno;
    clock_start(&old);
    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
    if (await_stop(pid, &status) && WIFSTOPPED(status))
        run = step(pid, steps, NULL, status);
    if (run.end == STEPKILL_ENDED)
        status = run.status;
    else
        kill_and_reap(pid, &run.status);
    clock_stop(&old);
    *ret_run = run;
    return 0;
}
