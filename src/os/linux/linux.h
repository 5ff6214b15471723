/* linux.h -- what the files of this folder share, and nobody else sees. */
#ifndef YK_LINUX_H
#define YK_LINUX_H

#include <stddef.h>
#include <time.h>
#include <yoke/time.h>

#define YK_NS 1000000000

/* A deadline as the kernel's absolute calls want it: NULL for YOKE_FOREVER, else *space, filled.  The kernel refuses negative
 * times; those have passed, as zero has. */
static inline const struct timespec *yk_timespec(yoke_time deadline, struct timespec *space)
{
    if (deadline == YOKE_FOREVER)
        return NULL;
    if (deadline < 0)
        deadline = 0;
    space->tv_sec = (time_t)(deadline / YK_NS);
    space->tv_nsec = (long)(deadline % YK_NS);
    return space;
}

/* Affinity masks are this long, so that no machine outgrows them (Linux stops at 8192 CPUs). */
#define YK_CPUS_MAX 65536

/* An empty file of memory, close-on-exec, that can be sealed; and how large this process may make a file: beyond that the
 * kernel sends SIGXFSZ, which kills. */
int yk_memfd(void);
size_t yk_file_limit(void);

/* Calls what yk_at_fork was given.  fork() does so by itself; a child made by a raw clone does it with this. */
void yk_forked(void);

#endif
