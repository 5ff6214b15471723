/* wait.h -- how a primitive sleeps. */
#ifndef YK_SYNC_WAIT_H
#define YK_SYNC_WAIT_H

#include <errno.h>
#include <yoke/lock.h>

#include "base/base.h"
#include "os/os.h"

/* The word `shared` of a primitive: 0 in a private one; else this, and it never changes.  It is then the primitive's grave: a
 * thread that sleeps for the primitive, or is about to wake others, intends it, and sleepers sleep on it as well.  So when a
 * thread dies that was woken and could not act on it any more, the kernel wakes another, which looks again. */
#define YK_GRAVE YK_WAITED

/* Declares that the calling thread has to do with a primitive; private: nothing to declare. */
static inline void yk_grave_intend(uint32_t *shared)
{
    if (*shared != YOKE_PRIVATE)
        yk_robust_intend((yk_a32 *)shared);
}

/* And that it has no more. */
static inline void yk_grave_settle(const uint32_t *shared)
{
    if (*shared != YOKE_PRIVATE)
        yk_robust_intend(NULL);
}

/* Sleeps while *word is `expected`, at most until `deadline`; the caller has intended the grave.  Returns 0 when woken, or for no
 * reason; -ETIMEDOUT; -EINTR if a signal handler has run and the thread is interruptible. */
int yk_sleep(yk_a32 *word, uint32_t expected, uint32_t *shared, yoke_time deadline);

/* The same for n words. */
int yk_sleep_many(const struct yk_wait *waits, unsigned n, yoke_time deadline);

/* The same until one of n descriptors is ready, as yk_wait_ready says. */
int yk_sleep_ready(struct yk_ready *ready, unsigned n, yoke_time deadline);

/* Lateness.  Newcomers may overtake a waiter that was woken, which is what makes a busy primitive fast.  One that was woken so often in
 * vain sets the primitive's `late`; then newcomers sleep first, once and no longer than COURTESY_S, since it is a courtesy and not
 * a claim: who set it may be dead.  A hint, always relaxed. */
#ifndef LATE_AFTER
#define LATE_AFTER 8
#endif
#define COURTESY_S 0.001

/* That sleep of a newcomer.  Returns 0 or -EINTR. */
static inline int yk_sleep_courteously(yk_a32 *late, yk_a32 *word, uint32_t expected, uint32_t *shared,
                                       yoke_time deadline)
{
    int rc = yk_sleep(word, expected, shared, yk_min(deadline, yoke_after(COURTESY_S)));

    if (rc == -ETIMEDOUT)
        yk_store_rlx(late, 0); /* it does not come, or is dead */
    return rc == -EINTR ? rc : 0;
}

/* How often a waiter looks before it sleeps: 0 on one CPU, where nobody can change anything meanwhile; else 1 to 4 microseconds,
 * as long as a short critical section, and far from the 35 that waking a sleeper costs. */
unsigned yk_spins(void);

#endif
