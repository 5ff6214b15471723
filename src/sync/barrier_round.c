/* barrier_round.c -- the rounds of a Barrier: who waits, what becomes of it, and what deaths leave behind.
 *
 * A waiter's state says what became of its round.  The one who ends the round writes that for each of them, moves the round's
 * number on, on which they sleep, and wakes all at once; so a waiter that is late to look learns about its own round, whatever
 * happened since.  All that is done inside, holding the mutex, but for the wake of those who got through: they may come again at
 * once.
 *
 * Private: waiters are records on the stacks of their threads.
 *
 * Shared: they are seats, which a party keeps between its waits.  A dead seat breaks the barrier, and only a reset makes it free
 * again.  Whoever is inside has a seat, which all sleepers watch (seat.h), or is a guest (abort, reset), which has linked
 * the mutex and intends the grave.  So every death wakes a sleeper, if there is one; and whoever then enters puts right what it
 * finds: a round that was half told, a round that cannot end, sleepers who were not woken. */
#include <errno.h>
#include <limits.h>

#include "base/base.h"
#include "sync/barrier.h"
#include "sync/mutex.h"
#include "sync/self.h"
#include "sync/wait.h"

static yk_a32 *n_waiting_of(const yoke_barrier *barrier)
{
    return (yk_a32 *)&barrier->n_waiting;
}

static yk_a32 *broken_of(const yoke_barrier *barrier)
{
    return (yk_a32 *)&barrier->broken;
}

static yk_a32 *verdict_of(yoke_barrier *barrier)
{
    return (yk_a32 *)&barrier->verdict;
}

static yk_a32 *n_forks_of(const yoke_barrier *barrier)
{
    return (yk_a32 *)&barrier->n_forks;
}

static bool is_shared(const yoke_barrier *barrier)
{
    return barrier->shared != YOKE_PRIVATE;
}

bool yk_barrier_has_dead(const yoke_barrier *barrier)
{
    return is_shared(barrier) && yk_seats_any_dead(yk_barrier_seats(barrier), barrier->parties);
}

int yoke_barrier_init(yoke_barrier *barrier, unsigned parties, yoke_seat *seats)
{
    if (parties == 0 || parties > INT_MAX || (seats && parties > YOKE_SEATS_MAX))
        return -EINVAL;
    *barrier = (yoke_barrier){.parties = parties, .n_forks = yk_forks()};
    if (!seats)
        return 0;
    barrier->shared = YOKE_SHARED;
    barrier->seats = yk_seats_distance(barrier, seats);
    yoke_mutex_init(&barrier->mutex, YOKE_SHARED);
    for (unsigned i = 0; i < parties; i++)
        seats[i] = (yoke_seat){0};
    return 0;
}

/* ---- the end of a round ---- */

static void tell(yoke_barrier *barrier, enum yk_round verdict)
{
    yoke_seat *seats = yk_barrier_seats(barrier);
    struct yk_party *next;

    /* release, both: pair with the acquire in outcome */
    if (!is_shared(barrier))
        for (struct yk_party *party = barrier->waiters; party; party = next) {
            next = party->next; /* once told, it may be gone */
            yk_store_rel(party->state, verdict);
        }
    else
        for (unsigned i = 0; i < barrier->parties; i++)
            if (yk_load_rlx(yk_seat_state(&seats[i])) == YK_ROUND_OPEN)
                yk_store_rel(yk_seat_state(&seats[i]), verdict);
}

/* From the first store to the last, a death leaves the verdict behind, for who then does all this again. */
static void end_round(yoke_barrier *barrier, enum yk_round verdict)
{
    /* release: not before `broken` */
    yk_store_rel(verdict_of(barrier), verdict);
    tell(barrier, verdict);
    barrier->waiters = NULL;
    yk_store_rlx(n_waiting_of(barrier), 0);
    /* release, both: not before all that */
    yk_store_rel(yk_barrier_round(barrier), barrier->round + 1);
    yk_store_rel(verdict_of(barrier), 0);
}

void yk_barrier_pass(yoke_barrier *barrier)
{
    end_round(barrier, YK_ROUND_PASSED);
}

void yk_barrier_wake(yoke_barrier *barrier)
{
    yk_futex_wake(yk_barrier_round(barrier), INT_MAX, is_shared(barrier));
}

/* The number moves on first, since that is what a sleeper compares: who is about to sleep comes in then and finds the rest, also
 * if it was a guest who broke it, and died at it. */
void yk_barrier_break(yoke_barrier *barrier)
{
    yk_store_rlx(yk_barrier_round(barrier), barrier->round + 1);
    /* release: not before that */
    yk_store_rel(broken_of(barrier), 1);
    end_round(barrier, YK_ROUND_BROKEN);
    yk_barrier_wake(barrier);
}

void yk_barrier_renew(yoke_barrier *barrier)
{
    yoke_seat *seats = yk_barrier_seats(barrier);

    for (unsigned i = 0; is_shared(barrier) && i < barrier->parties; i++)
        /* acquire: pairs with the kernel's exchange */
        if (yk_seat_dead(yk_load_acq(yk_seat_word(&seats[i]))))
            yk_seat_bury(&seats[i]);
    yk_store_rlx(broken_of(barrier), 0);
}

void yk_barrier_join(yoke_barrier *barrier, struct yk_party *self)
{
    yk_store_rlx(self->state, YK_ROUND_OPEN);
    if (!self->seat) {
        self->next = barrier->waiters;
        barrier->waiters = self;
    }
    yk_store_rlx(n_waiting_of(barrier), barrier->n_waiting + 1);
}

/* ---- entering ---- */

/* Those who wait in the parent process are not there in a child of fork. */
static void forget_ghosts(yoke_barrier *barrier)
{
    if (barrier->n_forks == yk_forks())
        return;
    yk_store_rlx(n_forks_of(barrier), yk_forks());
    yk_store_rlx(n_waiting_of(barrier), 0);
    barrier->waiters = NULL;
}

static void put_right(yoke_barrier *barrier, bool owner_died)
{
    if (!is_shared(barrier)) {
        forget_ghosts(barrier);
    } else if (owner_died) {
        if (barrier->verdict)
            end_round(barrier, barrier->verdict);
        yk_barrier_break(barrier);
    } else if (!barrier->broken && yk_barrier_has_dead(barrier)) {
        yk_barrier_break(barrier);
    }
}

void yk_barrier_enter(yoke_barrier *barrier)
{
    int rc;

    do
        rc = yk_mutex_enter(&barrier->mutex, YOKE_FOREVER);
    while (rc == -EINTR);
    put_right(barrier, rc == -YOKE_EOWNERDEAD);
}

void yk_barrier_leave(yoke_barrier *barrier)
{
    yk_mutex_leave(&barrier->mutex);
}

void yk_barrier_enter_as_guest(yoke_barrier *barrier)
{
    /* for the time of one call; it is not one of those that the thread takes one after the other */
    uint32_t held = yk_robust_held;
    int rc;

    yk_robust_held = 0;
    rc = yoke_mutex_acquire(&barrier->mutex);
    yk_robust_held += held;
    yk_grave_intend(&barrier->shared);
    put_right(barrier, rc == -YOKE_EOWNERDEAD);
}

void yk_barrier_leave_as_guest(yoke_barrier *barrier)
{
    yk_grave_settle(&barrier->shared);
    yoke_mutex_release(&barrier->mutex);
}

/* ---- from outside ---- */

unsigned yoke_barrier_parties(const yoke_barrier *barrier)
{
    return barrier->parties;
}

unsigned yoke_barrier_waiting(const yoke_barrier *barrier)
{
    /* relaxed, all of these: old news anyhow */
    bool ghosts = !is_shared(barrier) && yk_load_rlx(n_forks_of(barrier)) != yk_forks();

    return ghosts ? 0 : yk_load_rlx(n_waiting_of(barrier));
}

int yoke_barrier_broken(const yoke_barrier *barrier)
{
    return yk_load_rlx(broken_of(barrier)) || yk_barrier_has_dead(barrier);
}
