/* zygote.h -- a zygote, its children, and the event that all of them have gone. */
#ifndef ZYGOTE_H
#define ZYGOTE_H

#include <unistd.h>

#include "process/zygote.h"
#include "test.h"

static struct yk_zygote zygote;

static inline void open_zygote(void)
{
    CHECK_EQ(yk_zygote_open(YOKE_START_DEFAULT, &zygote), 0);
}

static inline struct yk_child spawn(const struct yk_spawn *spawn_options)
{
    struct yk_child child;

    CHECK_EQ(yk_zygote_spawn(&zygote, spawn_options, &child), 0);
    return child;
}

static inline yoke_exit finish(struct yk_child *child)
{
    yoke_exit how;

    CHECK_EQ(yk_child_report(child, YOKE_FOREVER, &how), 0);
    yk_child_close(child);
    return how;
}

/* A pipe whose writing end every process holds that was forked since: its end means that all have gone. */
static int alive[2];

static inline void open_alive(void)
{
    CHECK_EQ(pipe(alive), 0);
}

static inline void wait_all_gone(void)
{
    char letter;

    close(alive[1]);
    while (read(alive[0], &letter, 1) > 0)
        ;
    close(alive[0]);
}

static inline int wait_for_ever(void *arg, const int *fds, unsigned n_fds)
{
    (void)arg;
    (void)fds;
    (void)n_fds;
    for (;;)
        pause();
    return 0;
}

static inline int user_code(void *arg)
{
    return arg ? *(const int *)arg : 77;
}

#endif
