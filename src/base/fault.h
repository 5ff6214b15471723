/* fault.h -- named points of the protocols, at which a test may kill, delay or count.
 *
 * YK_POINT(name) is nothing in a library that is built for use.  Built with YK_FAULTS, each calls yk_fault_hook if a test has
 * set it; the hook may kill the process, yield, or wait for an event.  A worker process inherits the hook. */
#ifndef YK_FAULT_H
#define YK_FAULT_H

/* One list: the enum and the names both come from it. */
#define YK_POINTS(X)                                                                                                   \
    X(WORKER_STARTING)     /* forked, not yet known as ready */                                                        \
    X(WORKER_READY)        /* known as ready, before the first search */                                               \
    X(JOB_ENTERED)         /* announced inside a job, not yet checked again */                                         \
    X(CLAIM_BEFORE)        /* found a chunk, not yet claimed */                                                        \
    X(CLAIM_AFTER)         /* claimed, the cursor not yet moved on */                                                  \
    X(ITEM_STARTED)        /* marked as started, user code not yet called */                                           \
    X(ITEM_RETURNED)       /* user code has returned, its code not yet written */                                      \
    X(CHUNK_DONE)          /* chunk marked done */                                                                     \
    X(JOB_LEFT)            /* no longer inside, waiter not yet rung */                                                 \
    X(JOB_RUNG)            /* bell swapped, waiter not yet woken */                                                    \
    X(PARK_IDLE)           /* idle bit set, work not yet looked for again */                                           \
    X(PARK_SLEEP)          /* about to sleep */                                                                        \
    X(WAKE_TAKEN)          /* another worker's idle bit taken, its bell not yet rung */                                \
    X(WAKE_RUNG)           /* bell rung, not yet woken */                                                              \
    X(SUPERVISOR_REAPED)   /* a worker was reaped, its chunk not yet resolved */                                       \
    X(SUPERVISOR_RESOLVED) /* chunk resolved, no replacement yet */                                                    \
    X(PUBLISH_BEFORE)      /* the host has filled a job, not yet published it */                                       \
    X(PUBLISH_AFTER)       /* published, nobody woken yet */                                                           \
    X(INJECT_SWAPPED)      /* injection queue: tail swapped, not yet linked */

#define YK_POINT_ENUM(name) YK_AT_##name,
enum yk_point { YK_POINTS(YK_POINT_ENUM) YK_N_POINTS };
#undef YK_POINT_ENUM

#ifdef YK_FAULTS
extern void (*yk_fault_hook)(enum yk_point point);
#define YK_POINT(name)                                                                                                 \
    do {                                                                                                               \
        if (yk_fault_hook)                                                                                             \
            yk_fault_hook(YK_AT_##name);                                                                               \
    } while (0)
#else
#define YK_POINT(name) ((void)0)
#endif

#endif
