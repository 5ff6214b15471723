/* shm.h -- the shared memories that this process has, told to a zygote, so that those that it forks have them too.
 *
 * Each has a number, which counts the memories that a process and its forefathers have taken in: a zygote that was forked when
 * the newest was number n has all up to n, and is sent the descriptors of the others. */
#ifndef YK_SHM_H
#define YK_SHM_H

#include <yoke/shm.h>

#include "base/base.h"

struct yk_shm_place {
    int fd; /* -1: goes without */
    uint64_t number;
    void *address;
    size_t size;
};

/* The number of the newest: a process that is forked now has it. */
uint64_t yk_shm_newest(void);

/* Lists all that this process has; those whose number is above `known` with a copy of their descriptor, which is the caller's
 * to close.  Returns how many there are; -E2BIG if they are more than `room`; -EMFILE. */
int yk_shm_list(uint64_t known, struct yk_shm_place *places, unsigned room);

/* In the zygote, which has one thread: makes what it has the same as such a list.  Those with a descriptor are mapped at their
 * address, unless it has them already; those that are not listed go.  Takes the descriptors.  -EADDRINUSE if something else lies
 * there; -ENOMEM. */
int yk_shm_sync(const struct yk_shm_place *places, unsigned n);

/* In a process with one thread: moves a descriptor of shared memory away from that number, if one is there.  0, or -EMFILE. */
int yk_shm_make_way(int number);

#endif
