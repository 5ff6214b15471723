/* yoke/condition.h -- Condition: threads that hold a lock wait until another one says that something has changed.
 *
 *     yoke_lock lock = {0};
 *     yoke_condition filled = {0};                         // zero bytes are a valid condition, for which nobody waits
 *
 *     int rc = 0;                                          // the consumer
 *     yoke_lock_acquire(&lock);
 *     while (n_items == 0 && rc == 0)
 *         rc = yoke_condition_wait(&filled, &lock);        // gives the lock back, sleeps, and has it again
 *     ...
 *     yoke_lock_release(&lock);
 *
 *     yoke_lock_acquire(&lock);                            // the producer
 *     n_items++;
 *     yoke_condition_notify(&filled, 1);
 *     yoke_lock_release(&lock);
 *
 * Semantics are those of Python's threading.Condition.  A notify ends exactly as many waits as it says, those that began first; no
 * wait ends without one (but by its deadline, or where an error is named below), and one that ended by its deadline took no
 * notification from the others.  (Look at what you wait for nevertheless: between the notify and the return, others hold the lock.)
 *
 * The lock is a yoke_lock, a yoke_mutex, a yoke_rlock (all its levels are given back, and taken again) or a yoke_rwlock held for
 * writing; all who wait at the same time use the same one.  All that the condition knows is guarded by that lock: so whoever
 * notifies must hold it too.  Waiting, or notifying somebody, without holding it is misuse (of a yoke_lock can only be told
 * whether anybody holds it), and so is a shared condition over a lock that is private: one line on stderr, then abort.
 *
 * Between processes: the condition, its lock and an array of seats (yoke/seat.h), one for each thread that may wait at the same
 * time, lie in the same shared memory; see yoke_condition_init.  No death holds up the others, at whatever instruction: the dead do
 * not count as waiters, a notification that was meant for one goes on to the next who waits, and who dies while it notifies has notified
 * some.  What the lock says of the death of its holder (-YOKE_EOWNERDEAD) is passed on.  But a yoke_lock has no owner: who dies
 * holding it, also at the end of a wait, which takes it again, holds up all.  So between processes take a yoke_mutex.
 *
 * In a child of fork, nobody waits for a private condition.
 *
 * Order: the lock's.
 *
 * Who may call what at the same time ("-": freely; "X": the caller must exclude it; "L": holding the lock, which excludes it):
 *                        init   wait, wait_until, wait_for   notify, notify_all   waiting
 *     init                X                X                        X                X
 *     wait ...            X                L                        L                -
 *     notify ...          X                L                        L                -
 *     waiting             X                -                        -                -
 * From any thread, and if shared from any process that has the memory (and the PID namespace); never from a signal handler.  A
 * condition must not be moved or freed, nor its memory unmapped, as long as a wait for it has not returned. */
#ifndef YOKE_CONDITION_H
#define YOKE_CONDITION_H

#include <yoke/base.h>
#include <yoke/lock.h>
#include <yoke/seat.h>
#include <yoke/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One condition.  Zero bytes: private, and nobody waits.  The fields are Yoke's, and but for init's, they are guarded by the lock. */
typedef struct yoke_condition {
    uint32_t shared;    /* YOKE_PRIVATE or YOKE_SHARED; written by init only */
    uint32_t n_seats;   /* written by init only */
    int64_t seats;      /* how far away they are; written by init only */
    int64_t lock;       /* how far away the lock is with which was waited last */
    uint32_t kind;      /* of that lock */
    uint32_t n_waiting; /* private: threads in the list */
    void *first, *last; /* private: the list of those who wait */
    uint64_t tickets;   /* shared: how many waits have begun */
    uint64_t heir;      /* shared: the ticket of who is being given a dead one's notification; 0: nobody */
    uint32_t giver;     /* shared: the seat of that dead one */
    uint32_t notifying; /* shared: 1 while somebody may have been notified and not yet woken */
    uint32_t n_forks;   /* private: to know a list that came from the parent process */
    uint32_t reserved;
} yoke_condition;

/* yoke_condition_init -- makes a condition for which nobody waits: between processes, with n_seats (1 to YOKE_SEATS_MAX) seats,
 * whose memory is the condition's from now on; or, with NULL and 0, between the threads of one process, for which zero bytes do as
 * well.
 * Returns: 0; -EINVAL for seats without a number, a number without seats, or too many. */
YOKE_MUST_CHECK YOKE_API int yoke_condition_init(yoke_condition *condition, yoke_seat *seats, unsigned n_seats);

/* The kinds of lock, and the functions behind the calls below; not for direct use. */
enum yoke_lock_kind { YOKE_KIND_LOCK = 1, YOKE_KIND_MUTEX, YOKE_KIND_RLOCK, YOKE_KIND_RWLOCK };
struct yoke_mutex;
struct yoke_rlock;
struct yoke_rwlock;
YOKE_MUST_CHECK YOKE_API int yoke_condition_wait_on(yoke_condition *condition, void *lock, enum yoke_lock_kind kind);
YOKE_MUST_CHECK YOKE_API int yoke_condition_wait_until_on(yoke_condition *condition, void *lock,
                                                          enum yoke_lock_kind kind, yoke_time deadline);
YOKE_MUST_CHECK YOKE_API int yoke_condition_wait_for_on(yoke_condition *condition, void *lock, enum yoke_lock_kind kind,
                                                        int (*predicate)(void *arg), void *arg, yoke_time deadline);

/* yoke_condition_wait -- gives the lock back, waits without bound until it is notified, and acquires the lock again.
 * Returns: always with the lock held: 0; -YOKE_EOWNERDEAD if the lock's owner died while it held it: this wait has ended,
 *          notified or not; -EAGAIN, at once, if a shared condition has no seat left. */
#define yoke_condition_wait(condition, lock) yoke_condition_wait_on((condition), (lock), YOKE_KIND_OF(lock))

/* yoke_condition_wait_until -- the same, at most until `deadline`; only acquiring the lock again has no bound.
 * Returns: always with the lock held: as yoke_condition_wait, or -ETIMEDOUT, or -EINTR in an interruptible thread
 *          (yoke_thread_interruptible); with each of these two it was not notified.  -YOKE_EOWNERDEAD comes before all others. */
#define yoke_condition_wait_until(condition, lock, deadline)                                                           \
    yoke_condition_wait_until_on((condition), (lock), YOKE_KIND_OF(lock), (deadline))

/* yoke_condition_wait_for -- waits until predicate(arg), which is called with the lock held, gives something other than 0; does not
 * wait if it does at once.
 * Returns: always with the lock held: 0 if the predicate holds; else as yoke_condition_wait_until.  After -YOKE_EOWNERDEAD
 *          the predicate was not called, since what it looks at may be half changed. */
#define yoke_condition_wait_for(condition, lock, predicate, arg, deadline)                                             \
    yoke_condition_wait_for_on((condition), (lock), YOKE_KIND_OF(lock), (predicate), (arg), (deadline))

/* yoke_condition_notify -- ends the waits of the n threads that began to wait first, or of all, if they are fewer; each returns when it
 * has acquired the lock, so not before the caller has released it.  The caller must hold the lock, and still holds it.
 * Returns: how many were notified. */
YOKE_API unsigned yoke_condition_notify(yoke_condition *condition, unsigned n);

/* yoke_condition_notify_all -- the same for all who wait. */
YOKE_API unsigned yoke_condition_notify_all(yoke_condition *condition);

/* yoke_condition_waiting -- how many threads wait and were not notified; old news by the time it is read, unless the lock is
 * held. */
YOKE_API unsigned yoke_condition_waiting(const yoke_condition *condition);

#ifdef __cplusplus
}
/* Only their sizes count: like _Generic, this does not evaluate `lock`. */
char (&yoke_kind_of(const struct yoke_lock *))[YOKE_KIND_LOCK];
char (&yoke_kind_of(const struct yoke_mutex *))[YOKE_KIND_MUTEX];
char (&yoke_kind_of(const struct yoke_rlock *))[YOKE_KIND_RLOCK];
char (&yoke_kind_of(const struct yoke_rwlock *))[YOKE_KIND_RWLOCK];
#define YOKE_KIND_OF(lock) static_cast<enum yoke_lock_kind>(sizeof yoke_kind_of(lock))
#else
#define YOKE_KIND_OF(lock)                                                                                             \
    _Generic((lock), struct yoke_lock *                                                                                \
             : YOKE_KIND_LOCK, struct yoke_mutex *                                                                     \
             : YOKE_KIND_MUTEX, struct yoke_rlock *                                                                    \
             : YOKE_KIND_RLOCK, struct yoke_rwlock *                                                                   \
             : YOKE_KIND_RWLOCK)
#endif
#endif
