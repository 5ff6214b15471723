/* instruments.h -- what the sanitizers and the coverage counters need to know about the tests.  For test.c alone. */
#ifndef TEST_INSTRUMENTS_H
#define TEST_INSTRUMENTS_H

#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

const char *__asan_default_options(void);
const char *__tsan_default_options(void);
const char *__tsan_default_suppressions(void);
const char *__ubsan_default_options(void);

/* Tests crash worker processes on purpose, and look at the signal that ended them: a sanitizer must not turn it into an exit
 * code.  They also ask for more memory than there is, where the answer is an error code. */
#define TEST_LEAVE_SIGNALS "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0:"
#define TEST_OPTIONS TEST_LEAVE_SIGNALS "allocator_may_return_null=1"

const char *__asan_default_options(void)
{
    return TEST_OPTIONS;
}

/* A fork of a program with threads is what YOKE_FORK offers; its children start threads too. */
const char *__tsan_default_options(void)
{
    return TEST_OPTIONS ":die_after_fork=0";
}

const char *__ubsan_default_options(void)
{
    return "print_stacktrace=1";
}

/* Tests set the hook while idle workers may already look at it: a pointer, which is whole at any time. */
const char *__tsan_default_suppressions(void)
{
    return "race:yk_fault_hook\n";
}

#if TEST_THREAD_SANITIZER
static void *instruments_nothing(void *arg)
{
    return arg;
}

/* ThreadSanitizer starts a thread of its own at the first pthread_create: here, in the runner, it is no test's leak. */
static void instruments_start(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, instruments_nothing, NULL) == 0)
        pthread_join(thread, NULL);
}

/* The one join that ThreadSanitizer of these compilers does not know: it would report every thread that ends so as leaked, and
 * its writes as races.  This one stands in front of libc's, and calls one that it knows. */
int pthread_clockjoin_np(pthread_t thread, void **result, clockid_t clock, const struct timespec *until)
{
    struct timespec there, here, realtime;
    long nanoseconds;

    clock_gettime(clock, &there);
    clock_gettime(CLOCK_REALTIME, &here);
    nanoseconds = until->tv_nsec - there.tv_nsec + here.tv_nsec + 1000000000;
    realtime.tv_sec = until->tv_sec - there.tv_sec + here.tv_sec - 1 + nanoseconds / 1000000000;
    realtime.tv_nsec = nanoseconds % 1000000000;
    return pthread_timedjoin_np(thread, result, &realtime);
}
#else
static void instruments_start(void)
{
}
#endif

#ifdef TEST_COVERAGE
void __gcov_dump(void);

/* Worker processes leave by _exit, where the counters would be lost; this one stands in front of libc's. */
void _exit(int code)
{
    __gcov_dump();
    for (;;)
        syscall(SYS_exit_group, code);
}
#endif

#endif
