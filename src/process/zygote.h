/* zygote.h -- a single-threaded helper process that forks others on request and is their parent.
 *
 * The root zygote is made by yoke_init, once; without it, each start makes one of its own.  The children of a zygote die with
 * it (the kernel sees to it), and it ends when its host dies or asks it to. */
#ifndef YK_ZYGOTE_H
#define YK_ZYGOTE_H

#include <yoke/process.h>

#include "os/os.h"

struct yk_zygote {
    int socket; /* requests go out here; -1: none */
    int pidfd;
    uint64_t n_tasks; /* tasks that were registered when its memory was taken */
    uint64_t shared;  /* the number of the newest shared memory that it has; under request_lock */
};

/* The most descriptors that go with a spawn: those that are lent and given, and shared memory (which counts though it goes without
 * one). */
enum { YK_SPAWN_MOST = YK_FDS_MOST, YK_SPAWN_LENT = 3 };

/* What a zygote is asked to run.  `run` gets a copy of the bytes (aligned for every type; NULL when size is 0) and the
 * descriptors, which it owns; what it returns is the exit code. */
struct yk_spawn {
    int (*run)(void *arg, const int *fds, unsigned n_fds);
    int (*user)(void *arg); /* a program's own function, called by run == NULL; must be code that the zygote knows */
    const void *arg;
    size_t arg_size;
    int fds[YK_SPAWN_LENT]; /* lent for the call */
    unsigned n_fds;
    const int *given; /* the child has them under the same numbers as the caller */
    unsigned n_given;
    char name[32];
};

/* A process that a zygote runs, as its host holds it. */
struct yk_child {
    int pid;
    int pidfd;  /* for signals */
    int report; /* readable when it has ended and was reaped: yk_child_report then reads how */
};

/* The foreign-thread rule of <yoke/process.h>: 0, or -YOKE_ETHREADED, or -ENOTSUP. */
int yk_may_fork(yoke_start start);

/* Threads that are the library's own and count as idle: executors tell when they start and end one. */
void yk_own_threads_add(int n);
/* Says whether the calling thread is a worker thread of a pool (set once by it). */
void yk_own_thread_here(void);

/* The zygote of yoke_init in this process, or NULL. */
struct yk_zygote *yk_zygote_root(void);

/* Makes one from this process as it is now. */
int yk_zygote_open(yoke_start start, struct yk_zygote *ret_zygote);
/* Ends it, and so its children; waits for it. */
void yk_zygote_close(struct yk_zygote *zygote);

/* Starts a process, which also has the shared memory that this process has.  -YOKE_ENOTASK if the zygote does not know `user`;
 * -E2BIG for more than YK_SPAWN_MOST; -EMFILE also for a given number beyond the zygote's limit; -EADDRINUSE if shared memory
 * has no place in it.  Any thread. */
int yk_zygote_spawn(struct yk_zygote *zygote, const struct yk_spawn *spawn, struct yk_child *ret_child);
/* 0, -ETIMEDOUT; a zygote that died took the child with it: killed by SIGKILL. */
int yk_child_report(struct yk_child *child, yoke_time deadline, yoke_exit *ret_exit);
void yk_child_close(struct yk_child *child);

#endif
