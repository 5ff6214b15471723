/* yoke/mutex.h -- Mutex: a lock with an owner, which survives the death of that owner.
 *
 *     yoke_mutex mutex = {0};           // zero bytes are a valid, free mutex
 *     int rc = yoke_mutex_acquire(&mutex);
 *     if (rc == -YOKE_EOWNERDEAD)
 *         repair(data);                 // its owner died in the middle; the mutex is held now, as with 0
 *     ...
 *     yoke_mutex_release(&mutex);
 *
 * Only the thread that acquired it may release it.  Between processes (in memory that they share, after yoke_mutex_init with
 * YOKE_SHARED) the owner may die at any instruction, killed or not: the kernel then marks the mutex and wakes a waiter, and the next
 * one to acquire it, and it alone, gets -YOKE_EOWNERDEAD, with the mutex held.  (POSIX's robust mutexes want to be marked as
 * consistent then, or become unusable; here whoever gets the mutex next simply gets it.)  A shared thread that ends while it
 * holds one counts as dead.  The death of a waiter holds up nobody.
 *
 * The limits of that.  It is the kernel's work: Linux 6.2, or a kernel of the stable series from 2023 on; with an older one the death
 * of a waiter that was just woken may leave others asleep until the next release, and where a sandbox refuses the service
 * (set_robust_list), no death shows.  A thread can hold some 2000 shared mutexes (-EAGAIN).  A child of fork holds none of the
 * shared ones that its parent holds.  A child made by clone or _Fork, past what fork does at a fork, must use none.  Who can write
 * into a mutex that another process holds can crash that process.
 *
 * A private mutex guards the threads of one process, whose death is the end of all of them; a thread that ends while it holds
 * one leaves it held for ever.  In a child of fork, the thread that forked still holds what it held; what other threads held, the
 * next one acquires with -YOKE_EOWNERDEAD.  Nobody starves: see yoke/lock.h.
 *
 * Order: what a thread wrote before its release, or its death, is visible to the thread that acquires the mutex next.
 *
 * Who may call what at the same time ("-": freely; "X": the caller must exclude it):
 *                 init   acquire  acquire_until  release  held  locked
 *     init         X        X           X           X       X      X
 *     all others   X        -           -           -       -      -
 * From any thread, and from any process that shares the memory (and the PID namespace); never from a signal handler.
 * A mutex that somebody holds or waits for must not be moved, copied or freed, and memory with a shared mutex in it that is
 * held must not be unmapped; a free one may, and needs no "done". */
#ifndef YOKE_MUTEX_H
#define YOKE_MUTEX_H

#include <yoke/base.h>
#include <yoke/lock.h>
#include <yoke/time.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct yoke_mutex {
    uint32_t word;        /* 0 free; else its owner's number, and bits for waiters and for death */
    uint32_t shared;      /* YOKE_PRIVATE or YOKE_SHARED; written by init only */
    uint32_t late;        /* as in yoke_lock */
    uint32_t n_waiting;   /* shared: threads that wait, and those that died waiting */
    uint32_t reserved[2]; /* the owner's, in what is built on a mutex */
    void *links[2];       /* shared: the owner's, in its own address space */
} yoke_mutex;

/* yoke_mutex_init -- makes a free mutex.  Needed only for YOKE_SHARED: zero bytes are a free private mutex. */
YOKE_API void yoke_mutex_init(yoke_mutex *mutex, uint32_t shared);

/* yoke_mutex_acquire -- waits, without bound, until the mutex is free and takes it.
 * Returns: 0, or -YOKE_EOWNERDEAD, with the mutex held; -EDEADLK if the calling thread holds it already; -EAGAIN if it is shared and
 *          the calling thread holds 2000 such locks (those of yoke/rlock.h and yoke/rwlock.h counted). */
YOKE_MUST_CHECK YOKE_API int yoke_mutex_acquire(yoke_mutex *mutex);

/* yoke_mutex_acquire_until -- the same, at most until `deadline`; YOKE_NOW tries once.
 * Returns: as yoke_mutex_acquire; or, without the mutex, -ETIMEDOUT, or -EINTR in an interruptible thread. */
YOKE_MUST_CHECK YOKE_API int yoke_mutex_acquire_until(yoke_mutex *mutex, yoke_time deadline);

/* yoke_mutex_release -- gives the mutex back and wakes one waiter.  Releasing a mutex that the calling thread does not hold is
 * misuse: one line on stderr, then abort. */
YOKE_API void yoke_mutex_release(yoke_mutex *mutex);

/* yoke_mutex_held -- 1 if the calling thread holds the mutex, else 0. */
YOKE_API int yoke_mutex_held(const yoke_mutex *mutex);

/* yoke_mutex_locked -- 1 if anybody alive holds the mutex, else 0; old news by the time it is read. */
YOKE_API int yoke_mutex_locked(const yoke_mutex *mutex);

#ifdef __cplusplus
}
#endif
#endif
