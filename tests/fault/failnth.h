/* failnth.h -- makes the n-th call of a scarce resource fail.
 *
 *     static int scenario(void) { ... return rc; }        // 0, or the negative code of what failed
 *     fault_sweep("thread", scenario, FAULT_ALL);
 *
 * The calls of the functions in wrap.txt are led here by the linker (-Wl,--wrap=NAME for each line); those of the
 * library and of the test both, those inside libc not. */
#ifndef FAILNTH_H
#define FAILNTH_H

#include <stdbool.h>

enum {
    FAULT_MEMORY = 1,     /* malloc and its kin: ENOMEM */
    FAULT_MAPPING = 2,    /* mmap, memfd_create, ftruncate, fallocate, pwrite, seals: ENOMEM or ENOSPC */
    FAULT_DESCRIPTOR = 4, /* socketpair, dup3, eventfd, epoll, pidfd_open: EMFILE */
    FAULT_THREAD = 8,     /* pthread_create: EAGAIN */
    FAULT_PROCESS = 16,   /* fork, clone3: EAGAIN */
    FAULT_MESSAGE = 32,   /* sendmsg, recvmsg: ENOBUFS */
    FAULT_ALL = 63
};

/* Lets the n-th call from now on (1 is the next) of these kinds fail; with `sticky`, all after it too.  Counted over
 * all processes that are forked from here on. */
void fault_arm(unsigned kinds, long n, bool sticky);
/* No more failures.  Returns how many there were. */
long fault_disarm(void);

/* Has visit() called before each call of malloc, its kin, and free, until NULL; in a process with one thread. */
void fault_visit(void (*visit)(void));

/* Runs the scenario with the n-th call failing, once and then sticky, for n = 1, 2, ... until it ends without a
 * failure injected; each run in a process of its own.  Fails the test when a run crashes, hangs, leaks, returns
 * something above 0, or does not return 0 though nothing failed.  Returns how many runs there were. */
long fault_sweep(const char *name, int (*scenario)(void), unsigned kinds);

#endif
