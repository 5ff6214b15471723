/* yoke/rwlock.h -- RWLock: many may read at once, or one may write.
 *
 *     yoke_rwlock lock = {0};           // zero bytes are a valid, free lock between the threads of one process
 *     int rc = yoke_rwlock_read_acquire(&lock);
 *     ...                               // others read meanwhile, nobody writes
 *     yoke_rwlock_read_release(&lock);
 *     rc = yoke_rwlock_write_acquire(&lock);
 *     ...                               // nobody else is here
 *     yoke_rwlock_write_release(&lock);
 *
 * It is fair in phases (Bjoern Brandenburg and James Anderson, "Spin-Based Reader-Writer Synchronization for Multiprocessor
 * Real-Time Systems", 2010): who comes to read while somebody writes, or waits for the last readers in order to write, is let in
 * when that one writer leaves, and before any other.  So a reader waits for one writer at most, and a writer for the writers
 * before it and for the readers that were there first; neither side can shut out the other.  Among themselves writers are as fair
 * as those who wait for a Mutex.
 *
 * A thread that reads must not acquire the lock again, neither to write (it would wait for itself) nor to read (if a writer has
 * come in between, each waits for the other).
 *
 * Between processes: place it and an array of seats (yoke/seat.h) in memory that they share, and give both to yoke_rwlock_init
 * once.  Each thread that reads takes a seat; if there is none, it waits until there is one, without a place in the order above.
 *
 *     struct table { yoke_rwlock lock; yoke_seat seats[16]; ... } *t;
 *     int rc = yoke_rwlock_init(&t->lock, t->seats, 16);
 *
 * Deaths between processes.  A writer may die at any instruction.  Until another has acquired the lock to write, everybody who
 * acquires it gets -YOKE_EOWNERDEAD, with the lock held: what it guards may be half changed.  That next writer is told as well, and
 * is expected to repair; who acquires the lock after it gets 0 again.  The death of a reader, or of anybody who waits, holds up
 * nobody and is told to nobody.  (Who dies while there is no seat for it makes each later release cost a call of the kernel.)  A
 * thread that ends while it holds the lock counts as dead.
 *
 * In a child of fork, with a private lock: the thread that forked still holds what it held.  A writer that did not come along is
 * dead, as above.  Readers that did not come along are gone; but if the thread that forked was itself reading, this lock or
 * another one, they cannot be told from it, and writers of any lock that they held wait for ever.  A lock between processes stays
 * the parent's: there the child holds nothing.
 *
 * Order: what a thread wrote before its write_release, or its death, is visible to whoever acquires the lock next, either way;
 * what it read before its read_release was read before the next writer writes.
 *
 * Who may call what at the same time ("-": freely; "X": the caller must exclude it):
 *                 init   all acquire   all release   write_held
 *     init         X          X             X            X
 *     all others   X          -             -            -
 * From any thread, and between processes from any that shares the memory (and the PID namespace); never from a signal handler.
 * A lock that somebody holds or waits for must not be moved, copied or freed, and memory with a shared one that the process
 * holds must not be unmapped there.  A free one may; a shared one only when no call on it is still running. */
#ifndef YOKE_RWLOCK_H
#define YOKE_RWLOCK_H

#include <yoke/base.h>
#include <yoke/mutex.h>
#include <yoke/seat.h>
#include <yoke/time.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct yoke_rwlock {
    uint64_t state;     /* private: who reads, waits or writes */
    uint32_t owner;     /* private: the writer's number; its own alone */
    uint32_t shared;    /* YOKE_PRIVATE or YOKE_SHARED; this, seats and n_seats are written by init only */
    int64_t seats;      /* shared: how far from here they lie, in bytes */
    uint32_t n_seats;   /* shared */
    uint32_t turn;      /* shared: counts; odd while somebody writes, or is about to */
    uint32_t awaited;   /* shared: the seat for which the writer waits, from 1; the writer's alone */
    uint32_t n_seeking; /* shared: readers that look for a seat, and those that died looking */
    yoke_mutex writers; /* private: for who is the next to write; shared: held by who writes */
    yoke_seat chair;    /* shared: the seat of who writes */
} yoke_rwlock;

/* yoke_rwlock_init -- makes a free lock: between processes, with the n_seats (1 to YOKE_SEATS_MAX) seats, whose memory is the
 * lock's from now on; or, with NULL and 0, between the threads of this process, for which zero bytes do as well.
 * Returns: 0; -EINVAL for seats without a number, a number without seats, or too many. */
YOKE_MUST_CHECK YOKE_API int yoke_rwlock_init(yoke_rwlock *rwlock, yoke_seat *seats, uint32_t n_seats);

/* yoke_rwlock_read_acquire -- waits, without bound, until the calling thread may read.
 * Returns: 0, or -YOKE_EOWNERDEAD, with the lock held for reading; -EDEADLK if the calling thread holds it for writing; -EAGAIN if
 *          some 65,000 threads read under a private lock, or 16,000 wait for it; or, shared, as in yoke/mutex.h. */
YOKE_MUST_CHECK YOKE_API int yoke_rwlock_read_acquire(yoke_rwlock *rwlock);

/* yoke_rwlock_read_acquire_until -- the same, at most until `deadline`; YOKE_NOW tries once.
 * Returns: as yoke_rwlock_read_acquire; or, without the lock, -ETIMEDOUT, or -EINTR in an interruptible thread. */
YOKE_MUST_CHECK YOKE_API int yoke_rwlock_read_acquire_until(yoke_rwlock *rwlock, yoke_time deadline);

/* yoke_rwlock_read_release -- stops reading; the last reader for whom a writer waits wakes it.  Only the thread that acquired it
 * may call it: releasing what the calling thread does not hold for reading is misuse, one line on stderr, then abort, where it can
 * be told (between processes always; else if the thread reads under no lock, or nobody under this one). */
YOKE_API void yoke_rwlock_read_release(yoke_rwlock *rwlock);

/* yoke_rwlock_write_acquire -- waits, without bound, until the calling thread is the only one and may write.
 * Returns: 0, or -YOKE_EOWNERDEAD, with the lock held for writing; -EDEADLK if the calling thread holds it so already, or
 *          holds a shared one for reading and would wait for itself (of a private one that cannot be told, and it does);
 *          -EAGAIN if it is shared, as in yoke/mutex.h. */
YOKE_MUST_CHECK YOKE_API int yoke_rwlock_write_acquire(yoke_rwlock *rwlock);

/* yoke_rwlock_write_acquire_until -- the same, at most until `deadline`; YOKE_NOW tries once.
 * Returns: as yoke_rwlock_write_acquire; or, without the lock, -ETIMEDOUT, or -EINTR in an interruptible thread.  The readers that
 *          waited behind it are let in then. */
YOKE_MUST_CHECK YOKE_API int yoke_rwlock_write_acquire_until(yoke_rwlock *rwlock, yoke_time deadline);

/* yoke_rwlock_write_release -- stops writing: lets in all who wait to read, and wakes the next who waits to write.  Releasing what
 * the calling thread does not hold for writing is misuse: one line on stderr, then abort. */
YOKE_API void yoke_rwlock_write_release(yoke_rwlock *rwlock);

/* yoke_rwlock_write_held -- 1 if the calling thread holds the lock for writing, else 0. */
YOKE_API int yoke_rwlock_write_held(const yoke_rwlock *rwlock);

#ifdef __cplusplus
}
#endif
#endif
