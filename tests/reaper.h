/* reaper.h -- the processes of a test, as the runner sees them: waits for them, names them, ends them.  For test.c alone.
 *
 * The runner is a subreaper: whoever is orphaned below it becomes its child.  Its SIGCHLD is blocked. */
#ifndef TEST_REAPER_H
#define TEST_REAPER_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "baseline.h"

static double reaper_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Makes the calling process a reaper; *signals is the mask that its tests are to have. */
static void reaper_start(sigset_t *signals)
{
    sigset_t set;

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, signals);
}

/* Reaps children until `pid` (0: every one) has ended; false at the deadline.  SIGCHLD is blocked, so that one that comes
 * between looking and waiting stays pending and ends the wait. */
static bool reaper_wait(pid_t pid, double deadline, int *status)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (;;) {
        int how;
        pid_t ended = waitpid(-1, &how, WNOHANG | __WALL);
        double left = deadline - reaper_now();

        if (ended > 0 && ended == pid) {
            *status = how;
            return true;
        }
        if (ended < 0 && errno == ECHILD)
            return true;
        if (ended > 0)
            continue;
        if (left <= 0)
            return false;
        sigtimedwait(&set, NULL, &(struct timespec){(time_t)left, (long)((left - (double)(time_t)left) * 1e9)});
    }
}

/* Kills whatever the test left, and what that leaves in turn, until the runner has no child. */
static void reaper_kill(pid_t group)
{
    int pids[256], status;

    kill(-group, SIGKILL);
    do {
        for (int n = baseline_children(getpid(), pids, 256); n-- > 0;)
            kill(pids[n], SIGKILL);
    } while (!reaper_wait(0, reaper_now() + 0.05, &status));
}

/* Names the children there are now. */
static void reaper_print(int output)
{
    char path[64], name[64] = "";
    int pids[256];

    for (int n = baseline_children(getpid(), pids, 256); n-- > 0;) {
        snprintf(path, sizeof path, "/proc/%d/comm", pids[n]);
        FILE *file = fopen(path, "re");

        if (file && fgets(name, sizeof name, file))
            dprintf(output, "left running: process %d, %s", pids[n], name);
        if (file)
            fclose(file);
    }
}

#endif
