/* self.h -- the calling thread as the owner of private things. */
#ifndef YK_SYNC_SELF_H
#define YK_SYNC_SELF_H

#include "os/os.h"

/* A number of the calling thread's own, within YK_TID and not 0.  Unlike its thread ID it stays the same in a child of fork, in
 * which the thread that forked goes on and still owns what it owned. */
extern _Thread_local __attribute__((tls_model("initial-exec"))) uint32_t yk_self_known; /* 0: none yet */
uint32_t yk_self_new(void);
static inline uint32_t yk_self(void)
{
    return yk_self_known ? yk_self_known : yk_self_new();
}

/* True if that number belongs to a thread that did not come along when this process was forked. */
bool yk_is_ghost(uint32_t self);

/* How many forks lie between the program's start and this process: another number in the child of each. */
uint32_t yk_forks(void);

/* A number for this process that no process has that it was forked from, and none that it forks.  The pid is not enough: in PID
 * namespaces a process and its child may both be 1.  (It is there for children of a raw clone.)  Never 0. */
static inline uint64_t yk_this_process(void)
{
    return (uint64_t)yk_forks() << 32 | (uint32_t)yk_getpid();
}

#endif
