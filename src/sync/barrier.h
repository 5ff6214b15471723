/* barrier.h -- the inside of a Barrier, which one thread at a time is in. */
#ifndef YK_SYNC_BARRIER_H
#define YK_SYNC_BARRIER_H

#include <yoke/barrier.h>

#include "sync/seat.h"

/* What a waiter's state says of its round. */
enum yk_round { YK_ROUND_OPEN = 1, YK_ROUND_PASSED, YK_ROUND_BROKEN };

/* One who waits; in the memory of its thread. */
struct yk_party {
    yk_a32 *state; /* its own, or its seat's; written inside */
    yk_a32 own;
    yoke_seat *seat;       /* shared */
    struct yk_party *next; /* private; used inside */
};

static inline yoke_seat *yk_barrier_seats(const yoke_barrier *barrier)
{
    return yk_seats_at((void *)barrier, barrier->seats);
}

static inline yk_a32 *yk_barrier_round(yoke_barrier *barrier)
{
    return (yk_a32 *)&barrier->round;
}

/* True if a seat is dead; from outside, too. */
bool yk_barrier_has_dead(const yoke_barrier *barrier);

/* Enters, for who has a seat (or shares nothing), and puts right what deaths have left behind. */
void yk_barrier_enter(yoke_barrier *barrier);
void yk_barrier_leave(yoke_barrier *barrier);

/* The same for who may have no seat. */
void yk_barrier_enter_as_guest(yoke_barrier *barrier);
void yk_barrier_leave_as_guest(yoke_barrier *barrier);

/* Inside: the caller waits now. */
void yk_barrier_join(yoke_barrier *barrier, struct yk_party *self);

/* Inside: lets all who wait through; they are to be woken then, from outside, by one who has a seat. */
void yk_barrier_pass(yoke_barrier *barrier);
void yk_barrier_wake(yoke_barrier *barrier);

/* Inside: tells all who wait that the round is broken, and wakes them. */
void yk_barrier_break(yoke_barrier *barrier);

/* Inside: makes a new barrier of a broken one. */
void yk_barrier_renew(yoke_barrier *barrier);

#endif
