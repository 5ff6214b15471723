/* yoke/barrier.h -- Barrier: a number of threads or processes that wait for each other, round after round.
 *
 *     static yoke_barrier all = {.parties = 3};            // a private one needs no more than that
 *
 *     int index = yoke_barrier_wait(&all);                 // in each of three threads
 *     if (index < 0)
 *         return index;                                    // broken: somebody does not come
 *     if (index == 0)
 *         puts("all three are here");                      // one of them, and never two
 *
 * Semantics are those of Python's threading.Barrier, with one promise more: of one round either all parties get through, or all are
 * told that it is broken.  A round ends when as many threads wait as there are parties; it does not matter which threads.  Who comes
 * again before the others have left belongs to the next round.
 *
 * A barrier breaks when a wait runs out of time (or is interrupted), when an action fails, when somebody calls abort, and when a party
 * dies.  Then all who wait, and all who come later, get -YOKE_EBARRIER at once, until somebody calls reset.
 *
 * Between processes: the barrier and an array of seats (yoke/seat.h), one for each party, lie in the same shared memory.
 *
 *     struct shared { yoke_barrier all; yoke_seat seats[3]; ... } *s;
 *     int rc = yoke_barrier_init(&s->all, 3, s->seats);
 *
 * A thread takes a seat with its first wait and keeps it until it calls yoke_barrier_leave.  If it ends before, killed or not, in a wait
 * or between two or long after the last, the barrier breaks, and those who wait are told at once.  Of one that ends before its first wait
 * nothing is known: whoever sees that calls yoke_barrier_abort.  The memory must stay mapped where it is as long as a thread of the process has a
 * seat.
 *
 * In a child of fork, nobody waits at a private barrier.
 *
 * Order: what a thread wrote before its wait is visible to all others that get through that round, and to the action.
 *
 * Who may call what at the same time ("-": freely; "X": the caller must exclude it):
 *                 init   wait, wait_until, wait_with   all others
 *     init         X                 X                     X
 *     all others   X                 -                     -
 * From any thread, and between processes from any that shares the memory (and the PID namespace); never from a signal handler.  A
 * barrier must not be moved, and freed only when each wait has returned (join the threads). */
#ifndef YOKE_BARRIER_H
#define YOKE_BARRIER_H

#include <yoke/base.h>
#include <yoke/mutex.h>
#include <yoke/seat.h>
#include <yoke/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One barrier.  Zero bytes and a number of parties: private, and nobody waits.  The other fields are Yoke's. */
typedef struct yoke_barrier {
    uint32_t parties; /* at least 1; written by init only, as are shared and seats */
    uint32_t shared;  /* YOKE_PRIVATE or YOKE_SHARED */
    int64_t seats;    /* how far away they are */
    yoke_mutex mutex; /* guards the rest, which others may read */
    uint32_t round;   /* how many have ended, however */
    uint32_t n_waiting;
    uint32_t broken;
    uint32_t verdict; /* not 0: the round is just being ended, in this way */
    uint32_t n_forks; /* private: to know those who wait in the parent process */
    uint32_t reserved;
    void *waiters; /* private: a list */
} yoke_barrier;

/* yoke_barrier_init -- makes a barrier at which nobody waits, for so many parties: between processes, with as many seats, whose
 * memory is the barrier's from now on; or, with NULL, between the threads of one process.
 * Returns: 0; -EINVAL for no parties, or with seats for more than YOKE_SEATS_MAX. */
YOKE_MUST_CHECK YOKE_API int yoke_barrier_init(yoke_barrier *barrier, unsigned parties, yoke_seat *seats);

/* yoke_barrier_wait -- waits, without bound, until as many threads wait as there are parties.
 * Returns: a number from 0 to parties - 1, which no other party of this round gets; -YOKE_EBARRIER if the barrier is broken or was
 *          reset; -EAGAIN if all seats of a shared one are taken by other threads, or the
 *          calling thread has 2000 of them and of the locks of yoke/mutex.h. */
YOKE_MUST_CHECK YOKE_API int yoke_barrier_wait(yoke_barrier *barrier);

/* yoke_barrier_wait_until -- the same, at most until `deadline`.
 * Returns: as yoke_barrier_wait; or, having broken the barrier, -ETIMEDOUT, or -EINTR in an interruptible thread. */
YOKE_MUST_CHECK YOKE_API int yoke_barrier_wait_until(yoke_barrier *barrier, yoke_time deadline);

/* yoke_barrier_wait_with -- the same; and if the caller is the last to arrive, action(arg) runs in its thread, while the others
 * still wait.  If it returns something other than 0 (let that be a negative code), the barrier breaks.  It must return, and must
 * not wait at the barrier.
 * Returns: as yoke_barrier_wait_until; what its own action returned, if that is not 0. */
YOKE_MUST_CHECK YOKE_API int yoke_barrier_wait_with(yoke_barrier *barrier, int (*action)(void *arg), void *arg,
                                                    yoke_time deadline);

/* yoke_barrier_leave -- gives the calling thread's seat back: it is no party any more, and its end breaks nothing; another thread may
 * take its place.  Does nothing if it has none. */
YOKE_API void yoke_barrier_leave(yoke_barrier *barrier);

/* yoke_barrier_abort -- breaks the barrier. */
YOKE_API void yoke_barrier_abort(yoke_barrier *barrier);

/* yoke_barrier_reset -- makes a new barrier of it: those who wait get -YOKE_EBARRIER, and the next wait begins a round.  The seats of
 * the dead are free again; the others keep theirs. */
YOKE_API void yoke_barrier_reset(yoke_barrier *barrier);

/* yoke_barrier_parties -- for how many it was made.
 * yoke_barrier_waiting -- how many wait now.  yoke_barrier_broken -- 1 if it is broken, else 0.  Both are old news by the time they
 * are read. */
YOKE_API unsigned yoke_barrier_parties(const yoke_barrier *barrier);
YOKE_API unsigned yoke_barrier_waiting(const yoke_barrier *barrier);
YOKE_API int yoke_barrier_broken(const yoke_barrier *barrier);

#ifdef __cplusplus
}
#endif
#endif
