/* yoke/semaphore.h -- Semaphore: a number of permits, and waiting for one.
 *
 *     yoke_semaphore slots = {.value = 3};       // three permits; zero bytes are a valid semaphore without any
 *     yoke_semaphore_acquire(&slots);            // waits until there is one, and takes it
 *     ...
 *     yoke_semaphore_release(&slots, 1);
 *
 *     yoke_semaphore seats = {.value = 3, .bound = 3};   // bounded: never more than three, so a release too many is seen
 *
 * Semantics are those of Python's threading.Semaphore and BoundedSemaphore.  A permit has no owner: whoever likes may release.
 * Who comes while others sleep may be faster than they; but one that was woken several times in vain is let through first.
 *
 * Between processes: place it in memory that they share (yoke_shm_alloc, yoke_pool_alloc) and give it YOKE_SHARED once.  Nobody
 * sleeps while there is a permit, whoever was killed, at whatever instruction: a waiter, one that was just woken, or one in the
 * middle of a release.  But a permit that a process has when it dies is lost with it, since nobody knows that it had one; where
 * that may happen, take a Mutex, or count with a repair.  In a child of fork, there are as many permits as there were.
 *
 * Order: what a thread wrote before its release is visible to those who acquire the permits.
 *
 * Who may call what at the same time ("-": freely; "X": the caller must exclude it):
 *                 init   acquire  acquire_until  release  value
 *     init         X        X           X           X       X
 *     all others   X        -           -           -       -
 * From any thread, and with YOKE_SHARED from any process that shares the memory; release and value also from a signal handler.
 * A semaphore that somebody waits for must not be moved or freed.  Who has acquired the last permit that is going to be released
 * may free it at once: the release does not look at it any more. */
#ifndef YOKE_SEMAPHORE_H
#define YOKE_SEMAPHORE_H

#include <yoke/base.h>
#include <yoke/lock.h>
#include <yoke/time.h>

#ifdef __cplusplus
extern "C" {
#endif

#define YOKE_SEMAPHORE_MAX UINT32_C(0x7fffffff) /* permits */

typedef struct yoke_semaphore {
    uint64_t value;  /* low half: permits; high half: threads that wait, and those that died waiting */
    uint32_t bound;  /* at most so many permits; 0: YOKE_SEMAPHORE_MAX.  Written by init only */
    uint32_t shared; /* YOKE_PRIVATE or YOKE_SHARED; written by init only */
    uint32_t late;   /* 1: somebody was woken in vain too often; written by waiters */
    uint32_t reserved;
} yoke_semaphore;

/* yoke_semaphore_init -- makes a semaphore with `value` permits, and never more than `bound` of them; 0: as many as fit.  Needed only
 * for YOKE_SHARED.  More permits than the bound, or a bound beyond YOKE_SEMAPHORE_MAX, is misuse: one line on stderr, then abort. */
YOKE_API void yoke_semaphore_init(yoke_semaphore *semaphore, uint32_t value, uint32_t bound, uint32_t shared);

/* yoke_semaphore_acquire -- waits, without bound, until there is a permit, and takes it. */
YOKE_API void yoke_semaphore_acquire(yoke_semaphore *semaphore);

/* yoke_semaphore_acquire_until -- the same, at most until `deadline`; YOKE_NOW tries once.
 * Returns: 0 with a permit; without one -ETIMEDOUT, or -EINTR in an interruptible thread (yoke_thread_interruptible). */
YOKE_MUST_CHECK YOKE_API int yoke_semaphore_acquire_until(yoke_semaphore *semaphore, yoke_time deadline);

/* yoke_semaphore_release -- adds n permits and wakes as many waiters; 0 does nothing.
 * Returns: 0; -EOVERFLOW if there would be more than the bound, or than YOKE_SEMAPHORE_MAX; then nothing has changed. */
YOKE_API int yoke_semaphore_release(yoke_semaphore *semaphore, uint32_t n);

/* yoke_semaphore_value -- how many permits there are now; old news by the time it is read. */
static inline uint32_t yoke_semaphore_value(const yoke_semaphore *semaphore)
{
    return (uint32_t)__atomic_load_n(&semaphore->value, __ATOMIC_RELAXED);
}

#ifdef __cplusplus
}
#endif
#endif
