/* yoke/rlock.h -- RLock: a lock that its owner may acquire again.
 *
 *     yoke_rlock rlock = {0};           // zero bytes are a valid, free lock
 *     int rc = yoke_rlock_acquire(&rlock);
 *     rc = yoke_rlock_acquire(&rlock);  // the same thread again: returns at once
 *     ...
 *     yoke_rlock_release(&rlock);
 *     yoke_rlock_release(&rlock);       // free: as often as it was acquired
 *
 * Semantics are those of Python's threading.RLock: only its owner may release it, and each acquire needs a release.  It is
 * a Mutex with a count, and what yoke/mutex.h says of threads that end, of processes that die, of fork and of memory holds here
 * too.  Who gets it from a dead owner has it once, whatever the dead one had.
 *
 * Order: what a thread wrote before its last release, or its death, is visible to the thread that acquires the lock next.
 *
 * Who may call what at the same time ("-": freely; "X": the caller must exclude it):
 *                 init   acquire  acquire_until  release  count  locked
 *     init         X        X           X           X        X      X
 *     all others   X        -           -           -        -      -
 * From any thread, and with YOKE_SHARED from any process that shares the memory (and the PID namespace); never from a signal
 * handler. */
#ifndef YOKE_RLOCK_H
#define YOKE_RLOCK_H

#include <yoke/base.h>
#include <yoke/mutex.h>
#include <yoke/time.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct yoke_rlock {
    yoke_mutex mutex; /* its first reserved word is the count; the owner's alone */
} yoke_rlock;

/* yoke_rlock_init -- makes a free lock.  Needed only for YOKE_SHARED: zero bytes are a free private lock. */
YOKE_API void yoke_rlock_init(yoke_rlock *rlock, uint32_t shared);

/* yoke_rlock_acquire -- waits, without bound, until the lock is free or the calling thread's, and takes it once more.
 * Returns: 0, or -YOKE_EOWNERDEAD, with the lock held; -EAGAIN if the calling thread holds it 2^32 - 1 times already, or
 *          as in yoke/mutex.h. */
YOKE_MUST_CHECK YOKE_API int yoke_rlock_acquire(yoke_rlock *rlock);

/* yoke_rlock_acquire_until -- the same, at most until `deadline`; YOKE_NOW tries once.
 * Returns: as yoke_rlock_acquire; or, without having taken it, -ETIMEDOUT, or -EINTR in an interruptible thread. */
YOKE_MUST_CHECK YOKE_API int yoke_rlock_acquire_until(yoke_rlock *rlock, yoke_time deadline);

/* yoke_rlock_release -- takes back one acquire; the last one frees the lock and wakes one waiter.  Releasing a lock that the
 * calling thread does not hold is misuse: one line on stderr, then abort. */
YOKE_API void yoke_rlock_release(yoke_rlock *rlock);

/* yoke_rlock_count -- how often the calling thread holds the lock; 0 if it does not. */
YOKE_API uint32_t yoke_rlock_count(const yoke_rlock *rlock);

/* yoke_rlock_locked -- 1 if anybody alive holds the lock, else 0; old news by the time it is read. */
YOKE_API int yoke_rlock_locked(const yoke_rlock *rlock);

#ifdef __cplusplus
}
#endif
#endif
