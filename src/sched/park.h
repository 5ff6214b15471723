/* park.h -- workers that have nothing to do: how they go to sleep, and how work wakes exactly as many as it needs.
 *
 * One protocol for worker threads and, in shared memory, for worker processes.  Each worker has a bell, a futex word of its
 * own; two bit masks say who is idle (asleep or about to be) and who is searching.  Masks and not counters, because a process
 * may be killed between any two instructions and its bit can then be cleared by whoever reaped it.  All of it is hints: where
 * work really is, the queues know.  See runtime notes in docs/design.md, "Parking". */
#ifndef YK_PARK_H
#define YK_PARK_H

#include <yoke/time.h>

#include "base/atomic.h"
#include "base/base.h"

struct yk_bell {
    _Alignas(2 * YK_LINE) yk_a32 rung; /* 0 asleep or about to be; 1 awake, or told to be */
};

struct yk_park {
    yk_a64 *idle;      /* a bit per worker: set by its worker, cleared by it, by a waker, or for a dead one */
    yk_a64 *searching; /* a bit per worker: set by its worker or by a waker on its behalf; cleared by its worker, or
                              * (all of them) when a worker died */
    struct yk_bell *bells;
    unsigned n_workers;
    bool shared;       /* between processes */
    int64_t search_ns; /* how long to search before sleeping */
};

/* Bytes of memory that init wants, aligned to 128, zero. */
size_t yk_park_size(unsigned n_workers);
void yk_park_init(struct yk_park *park, void *memory, unsigned n_workers, bool shared, int64_t search_ns);

/* Worker w has found nothing: searches, sleeps, and returns when `visible(arg)` said that there is work, or when it was woken.
 * It is then marked as searching: it tries to take work, and calls yk_park_settle. */
void yk_park_wait(struct yk_park *park, unsigned w, bool (*visible)(void *arg), void *arg);

/* Worker w is no longer searching.  If it was the last that searched and there is still work to be seen, wakes another. */
void yk_park_settle(struct yk_park *park, unsigned w, bool (*visible)(void *arg), void *arg);

/* Work was made visible (with a release): wakes one idle worker, unless one is searching already. */
void yk_park_kick(struct yk_park *park);

/* Wakes every worker: shutdown. */
void yk_park_wake_all(struct yk_park *park);

/* Worker w died, and was reaped: forgets its bits, and rouses everybody, since a wake may have died with it. */
void yk_park_dead(struct yk_park *park, unsigned w);

#endif
