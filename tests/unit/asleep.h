/* asleep.h -- the events "that thread sleeps on this word" and "is in this system call", as the kernel shows it in /proc; for tests of what wakes it. */
#ifndef ASLEEP_H
#define ASLEEP_H

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>

#include "test.h"

/* Under the thread sanitizer a signal waits while its thread is in a system call that the sanitizer does not know, and stacks
 * are larger than asked.  Under either, the child of a program with threads cannot always allocate or start one: locks of the
 * sanitizer stay held there. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#else
#define THREAD_SANITIZER 0
#endif
#if THREAD_SANITIZER || defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZER 1
#else
#define SANITIZER 0
#endif

/* Returns once thread `tid` of process `pid` is inside a futex system call on `word` (NULL: in a futex_waitv). */
static inline void asleep_on(int pid, int tid, const void *word)
{
    char path[64], line[256];

    snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", pid, tid);
    for (;;) {
        FILE *file = fopen(path, "re");
        unsigned long address = 0;
        long call = -1;
        int fields;

        CHECK(file);
        fields = fgets(line, sizeof line, file) ? sscanf(line, "%ld %lx", &call, &address) : 0;
        fclose(file);
        if (fields == 2 && word && call == SYS_futex && address == (uintptr_t)word)
            return;
        if (fields == 2 && !word && call == SYS_futex_waitv)
            return;
        sched_yield();
    }
}

/* Returns once thread `tid` of process `pid` is inside that system call. */
static inline void inside(int pid, int tid, long wanted)
{
    char path[64], line[256];
    long call;

    snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", pid, tid);
    do {
        FILE *file = fopen(path, "re");

        CHECK(file);
        call = -1;
        if (!fgets(line, sizeof line, file) || sscanf(line, "%ld", &call) != 1)
            call = -1;
        fclose(file);
        sched_yield();
    } while (call != wanted);
}

/* The CPU time of the calling thread in nanoseconds. */
static inline int64_t cpu_time(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

#define MS INT64_C(1000000)

#endif
