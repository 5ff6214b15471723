/* instruments.h -- what the sanitizers and the coverage counters need to know about the tests.  For test.c alone. */
#ifndef TEST_INSTRUMENTS_H
#define TEST_INSTRUMENTS_H

#include <sys/syscall.h>
#include <unistd.h>

const char *__asan_default_options(void);
const char *__tsan_default_options(void);
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
