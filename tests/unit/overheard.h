/* overheard.h -- what a program under YOKE_DEBUG says on stderr; for tests of yoke/debug.h.
 *
 * Between listen_in and overheard nothing else of the test appears, a failure's text neither: so check afterwards. */
#ifndef OVERHEARD_H
#define OVERHEARD_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static struct {
    int file, stderr_before;
    char text[100000];
} overhear;

static inline void listen_in(void)
{
    overhear.file = memfd_create("overheard", MFD_CLOEXEC);
    overhear.stderr_before = dup(STDERR_FILENO);
    CHECK(overhear.file >= 0 && overhear.stderr_before >= 0);
    dup2(overhear.file, STDERR_FILENO);
}

/* What was said since listen_in; valid until the next one. */
static inline const char *overheard(void)
{
    ssize_t n;

    dup2(overhear.stderr_before, STDERR_FILENO);
    n = pread(overhear.file, overhear.text, sizeof overhear.text - 1, 0);
    close(overhear.file);
    close(overhear.stderr_before);
    CHECK(n >= 0);
    overhear.text[n] = '\0';
    return overhear.text;
}

/* The text must have that line so often. */
#define CHECK_SAID(text, times, ...) check_said(__FILE__, __LINE__, (text), (times), __VA_ARGS__)

__attribute__((format(printf, 5, 6))) static inline void check_said(const char *file, int line, const char *text,
                                                                    int times, const char *format, ...)
{
    char wanted[400];
    va_list arguments;
    int n = 0;

    va_start(arguments, format);
    vsnprintf(wanted, sizeof wanted, format, arguments);
    va_end(arguments);
    for (const char *at = text; (at = strstr(at, wanted)) != NULL; at++)
        n++;
    if (n == times)
        return;
    fprintf(stderr, "said %d times, not %d: %s\nin: %s\n", n, times, wanted, text);
    test_fail(file, line, "what was said");
}

/* Nothing may have been said. */
#define CHECK_SILENCE(text) CHECK_STR(text, "")

/* Calls act in a process of its own, which must end by abort; gives what that said. */
static inline const char *aborts(void (*act)(void))
{
    int status;
    pid_t pid;

    listen_in();
    pid = fork();
    if (pid == 0) {
        act();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    overheard();
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    return overhear.text;
}

#endif
