/* process.h -- bodies of processes, and a process from its start to its end. */
#ifndef PROCESS_H
#define PROCESS_H

#include <unistd.h>
#include <yoke/process.h>

#include "test.h"

static inline int return_int(void *arg)
{
    return *(const int *)arg;
}

static inline int is_null(void *arg)
{
    return arg == NULL;
}

static inline int wait_for_ever(void *arg)
{
    (void)arg;
    for (;;)
        pause();
    return 0;
}

/* Starts, joins and closes. */
static inline yoke_exit run(int (*body)(void *), const void *arg, size_t size)
{
    yoke_process process = {0};
    yoke_exit how = {YOKE_EXITED, -1};

    CHECK_EQ(yoke_process_start(&process, body, arg, size), 0);
    CHECK_EQ(yoke_process_join(&process, &how), 0);
    yoke_process_close(&process);
    return how;
}

static inline void check_exits(int (*body)(void *), int code)
{
    yoke_exit how = run(body, NULL, 0);

    CHECK_EQ(how.kind, YOKE_EXITED);
    CHECK_EQ(how.value, code);
}

#endif
