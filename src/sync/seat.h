/* seat.h -- seats: who has to do with a shared object, one by one, and whose death shows.
 *
 * A seat is a robust word (os/os.h) and what its owner says there.  From the claim on, the kernel knows the word: a death at any
 * instruction leaves YK_DIED in it and wakes one who sleeps on it.  The word of a living owner is its thread ID with YK_WAITED,
 * always, so that nobody need announce that it watches.
 *
 * Whoever sleeps for the object watches the words of all seats but its own, the free ones too: so it hears of the death of who
 * comes after it.  One wake may be spent on one who is leaving anyhow, or who dies as well; therefore
 * - whoever stops sleeping, for whatever reason, looks at all seats before it goes its way;
 * - who has a seat needs no intention while it owes the others a wake: its own death is one. */
#ifndef YK_SYNC_SEAT_H
#define YK_SYNC_SEAT_H

#include <yoke/seat.h>

#include "base/atomic.h"
#include "os/os.h"

/* Shared memory has another address in each process: an object knows its seats by their distance from it. */
static inline int64_t yk_seats_distance(const void *object, const yoke_seat *seats)
{
    return (int64_t)((intptr_t)seats - (intptr_t)object);
}

static inline yoke_seat *yk_seats_at(void *object, int64_t distance)
{
    return (yoke_seat *)((intptr_t)object + (intptr_t)distance);
}

static inline yk_a32 *yk_seat_word(yoke_seat *seat)
{
    return (yk_a32 *)&seat->word;
}

/* Its owner's own word about itself: 0 in a free seat; what else, says the primitive. */
static inline yk_a32 *yk_seat_state(yoke_seat *seat)
{
    return (yk_a32 *)&seat->state;
}

/* What a word says: neither of the two: somebody lives who sits there. */
static inline bool yk_seat_free(uint32_t word)
{
    return word == 0;
}

static inline bool yk_seat_dead(uint32_t word)
{
    return (word & YK_DIED) != 0;
}

/* Makes a seat the calling thread's, if its word still is `seen`: free, or dead.  Its state and ticket are what they were (0, if it
 * was free).  The thread's intention is afterwards what it was before, but must not be needed meanwhile. */
bool yk_seat_claim(yoke_seat *seat, uint32_t seen);

/* Claims any free seat; NULL: there is none.  The dead are left for who must see them. */
yoke_seat *yk_seat_take(yoke_seat *seats, unsigned n);

/* Gives the calling thread's seat back; its state and ticket are set to 0.  Wakes nobody.  Intention: as in claim. */
void yk_seat_give(yoke_seat *seat);

/* Makes a dead seat free.  Nobody else may do so at the same time; others claim it and give it back. */
void yk_seat_bury(yoke_seat *seat);

/* The calling thread's among them, or NULL. */
yoke_seat *yk_seat_mine(yoke_seat *seats, unsigned n);

/* True if one of them is dead. */
bool yk_seats_any_dead(yoke_seat *seats, unsigned n);

/* Fills `waits` with the words of all seats but `mine` (which may be NULL), as they are now; returns how many they are, or -1 if
 * one is dead. */
int yk_seats_watch(yoke_seat *seats, unsigned n, const yoke_seat *mine, struct yk_wait *waits);

#endif
