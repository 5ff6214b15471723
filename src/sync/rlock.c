/* rlock.c -- RLock: a Mutex, and how often its owner has acquired it.
 *
 * Invariant: the count is written and read by who holds the mutex only.  It is 0 while nobody does, or is what a dead owner left,
 * which the next one overwrites. */
#include "sync/rlock.h"

#include <errno.h>

#include "base/base.h"
#include "sync/self.h"

static yk_a32 *word_of(yoke_rlock *rlock)
{
    return (yk_a32 *)&rlock->mutex.word;
}

static uint32_t *count_of(yoke_rlock *rlock)
{
    return &rlock->mutex.reserved[0];
}

static bool is_shared(const yoke_rlock *rlock)
{
    return rlock->mutex.shared != YOKE_PRIVATE;
}

static bool is_mine(const yoke_rlock *rlock)
{
    /* relaxed: it is this thread's own number, or not */
    return (yk_load_rlx((const yk_a32 *)&rlock->mutex.word) & YK_TID) == (is_shared(rlock) ? yk_tid() : yk_self());
}

void yoke_rlock_init(yoke_rlock *rlock, uint32_t shared)
{
    yoke_mutex_init(&rlock->mutex, shared);
}

/* ---- acquire ---- */

static int acquire_again(yoke_rlock *rlock)
{
    if (*count_of(rlock) == UINT32_MAX)
        return -EAGAIN;
    ++*count_of(rlock);
    return 0;
}

static int begin(yoke_rlock *rlock, int rc, uint32_t count)
{
    if (rc == 0 || rc == -YOKE_EOWNERDEAD)
        *count_of(rlock) = count;
    return rc;
}

/* The common case, without a call: private and free. */
static bool acquire_free(yoke_rlock *rlock)
{
    uint32_t expected = 0;

    /* acquire: pairs with the release in release_unwaited and in mutex.c */
    if (is_shared(rlock) || !yk_cas_acq(word_of(rlock), &expected, yk_self()))
        return false;
    *count_of(rlock) = 1;
    return true;
}

int yoke_rlock_acquire(yoke_rlock *rlock)
{
    if (acquire_free(rlock))
        return 0;
    return is_mine(rlock) ? acquire_again(rlock) : begin(rlock, yoke_mutex_acquire(&rlock->mutex), 1);
}

int yoke_rlock_acquire_until(yoke_rlock *rlock, yoke_time deadline)
{
    return is_mine(rlock) ? acquire_again(rlock) : begin(rlock, yoke_mutex_acquire_until(&rlock->mutex, deadline), 1);
}

/* ---- release ---- */

/* The common case, without a call: private, and nobody waits. */
static bool release_unwaited(yoke_rlock *rlock)
{
    uint32_t expected = yk_self();

    /* release: pairs with the acquire in acquire_free and in mutex.c */
    return !is_shared(rlock) && yk_cas_rel(word_of(rlock), &expected, 0);
}

void yoke_rlock_release(yoke_rlock *rlock)
{
    if (!is_mine(rlock))
        yk_misuse("yoke_rlock_release: the calling thread does not hold the lock");
    if (--*count_of(rlock) == 0 && !release_unwaited(rlock))
        yoke_mutex_release(&rlock->mutex);
}

/* ---- what is there, and all at once ---- */

uint32_t yoke_rlock_count(const yoke_rlock *rlock)
{
    return is_mine(rlock) ? rlock->mutex.reserved[0] : 0;
}

int yoke_rlock_locked(const yoke_rlock *rlock)
{
    return yoke_mutex_locked(&rlock->mutex);
}

uint32_t yk_rlock_save(yoke_rlock *rlock)
{
    uint32_t count = *count_of(rlock);

    *count_of(rlock) = 0;
    yoke_mutex_release(&rlock->mutex);
    return count;
}

int yk_rlock_restore(yoke_rlock *rlock, uint32_t count)
{
    return begin(rlock, yoke_mutex_acquire(&rlock->mutex), count);
}
