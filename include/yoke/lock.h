/* yoke/lock.h -- Lock: a mutual exclusion lock without an owner.
 *
 *     yoke_lock lock = {0};             // zero bytes are a valid, free lock
 *     yoke_lock_acquire(&lock);
 *     ...
 *     yoke_lock_release(&lock);
 *
 * Semantics are those of Python's threading.Lock: it is not recursive, and any thread may release it, not only the one
 * that acquired it.  It is a futex word: uncontended, one atomic operation each way in the caller's own code; contended,
 * the waiter spins briefly and then sleeps in the kernel (the three-state mutex of Ulrich Drepper, "Futexes Are Tricky").
 * Who comes while others sleep may be faster than they; but one that was woken several times in vain is let through.
 *
 * Between processes: place it in memory that they share (yoke_shm_alloc, yoke_pool_alloc) and give it YOKE_SHARED once.  The
 * death of a waiter holds up nobody.  But a lock without an owner cannot know that its holder died: whoever waits for it then waits
 * for ever; where a holder may be killed, take a Mutex.  In a child of fork, a lock that another thread held stays held: init it.
 *
 * Order: what a thread wrote before its release is visible to the thread that acquires the lock next.
 *
 * Who may call what at the same time ("-": freely; "X": the caller must exclude it):
 *                 init   acquire  acquire_until  release  locked
 *     init         X        X           X           X        X
 *     all others   X        -           -           -        -
 * From any thread, and from any process that shares the memory; never from a signal handler (except locked).
 * A lock that somebody holds or waits for must not be moved, copied or freed; a free one may, and needs no "done". */
#ifndef YOKE_LOCK_H
#define YOKE_LOCK_H

#include <yoke/base.h>
#include <yoke/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Shared between processes; zero (YOKE_PRIVATE) means between the threads of one process. */
#define YOKE_PRIVATE UINT32_C(0)
#define YOKE_SHARED UINT32_C(0x80000000)

typedef struct yoke_lock {
    uint32_t
        word; /* 0 free, 1 held, 3 held and perhaps waited for, 2 free for one who was woken; 5, 7: held, and `owed` */
    uint32_t shared; /* YOKE_PRIVATE or YOKE_SHARED; written by init only */
    uint32_t late;   /* 1: somebody was woken in vain too often; written by waiters */
    uint32_t *owed;  /* private: on what sleeps who is woken when the lock is free (Condition); the holder's */
} yoke_lock;

/* yoke_lock_init -- makes a free lock.  Needed only for YOKE_SHARED: zero bytes are a free private lock. */
static inline void yoke_lock_init(yoke_lock *lock, uint32_t shared)
{
    lock->word = 0;
    lock->shared = shared ? YOKE_SHARED : YOKE_PRIVATE;
    lock->late = 0;
    lock->owed = 0;
}

/* The slow paths behind the inline calls below; not for direct use. */
YOKE_API void yoke_lock_acquire_slow(yoke_lock *lock);
YOKE_API void yoke_lock_release_slow(yoke_lock *lock);

/* yoke_lock_acquire -- waits, without bound, until the lock is free and takes it.  Acquiring it twice in one thread
 * waits for somebody else to release it. */
static inline void yoke_lock_acquire(yoke_lock *lock)
{
    uint32_t expected = 0;

    /* acquire: pairs with the release in yoke_lock_release */
    if (!__atomic_compare_exchange_n(&lock->word, &expected, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        yoke_lock_acquire_slow(lock);
}

/* yoke_lock_acquire_until -- the same, at most until `deadline`; YOKE_NOW tries once.
 * Returns: 0 with the lock held; without it -ETIMEDOUT, or -EINTR in an interruptible thread (yoke_thread_interruptible). */
YOKE_MUST_CHECK YOKE_API int yoke_lock_acquire_until(yoke_lock *lock, yoke_time deadline);

/* yoke_lock_release -- gives the lock back and wakes one waiter.  Releasing a lock that nobody holds is misuse: one line
 * on stderr, then abort. */
static inline void yoke_lock_release(yoke_lock *lock)
{
    uint32_t expected = 1;

    /* release: pairs with the acquire in yoke_lock_acquire and in the slow path */
    if (!__atomic_compare_exchange_n(&lock->word, &expected, 0, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        yoke_lock_release_slow(lock);
}

/* yoke_lock_locked -- 1 if somebody holds the lock now, else 0; old news by the time it is read. */
static inline int yoke_lock_locked(const yoke_lock *lock)
{
    return (int)(__atomic_load_n(&lock->word, __ATOMIC_RELAXED) & 1);
}

#ifdef __cplusplus
}
#endif
#endif
