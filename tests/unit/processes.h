/* processes.h -- a pool of worker processes: who its processes are, and tasks that end badly. */
#ifndef PROCESSES_H
#define PROCESSES_H

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yoke.h>

#include "test.h"

static inline yoke_pool *open_pool(int workers)
{
    yoke_pool *pool;

    CHECK_EQ(yoke_pool_open(&pool, YOKE_PROCESSES, .workers = workers), 0);
    return pool;
}

static inline int pid_of_worker(const int *in, int *out)
{
    (void)in;
    *out = getpid();
    return 0;
}
YOKE_TASK(pid_of_worker, int, int);

static inline int a_worker(yoke_pool *pool)
{
    int in = 0, pid = -1;

    CHECK_EQ(yoke_pool_apply(pool, pid_of_worker, &in, &pid), 0);
    return pid;
}

/* The line that is a file of /proc about a process. */
static inline void read_proc(int pid, const char *name, char line[512])
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    file = fopen(path, "re");
    CHECK(file && fgets(line, 512, file));
    fclose(file);
}

static inline int supervisor_of(int worker)
{
    char line[512], *end;
    int pid = -1;

    read_proc(worker, "stat", line);
    CHECK((end = strrchr(line, ')')));
    CHECK_EQ(sscanf(end + 1, " %*c %d", &pid), 1);
    return pid;
}

/* ---- ways to end badly ---- */

enum deed { GOOD, SEGV, ABORT, EXIT0, EXIT3, FAST_EXIT, THREAD_EXIT, KILLED, TERMINATED, TRAP, STACK, N_DEEDS };

/* Without an end, for as long as the first byte is 1. */
static inline int recurse(volatile char *before)
{
    volatile char here[4096];

    here[0] = *before;
    return here[0] == 0 ? 0 : recurse(here) + here[0];
}

static inline int do_deed(const int *in, int *out)
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

static inline void crash_a_few(yoke_pool *pool)
{
    int in[20] = {[3] = SEGV, [9] = EXIT3, [15] = KILLED}, out[20];

    CHECK_EQ(yoke_pool_map(pool, do_deed, in, 20, out), 3);
}

#endif
