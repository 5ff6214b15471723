/* seat.c -- claiming a seat, giving it back, and watching the others.
 *
 * Invariant: while a thread's ID is in the word, the word is linked, or the thread intends it.  A free seat's state and ticket
 * are 0: so one whose owner died before it had said anything says nothing. */
#include "sync/seat.h"

_Static_assert(sizeof(yoke_seat) == sizeof(struct yk_robust) &&
                   offsetof(yoke_seat, links) == offsetof(struct yk_robust, links),
               "two views of the same memory");
/* beside the seats there are a word of one's own and the grave */
_Static_assert(YOKE_SEATS_MAX + 2 <= YK_WAIT_MOST, "a thread can sleep on all seats");

bool yk_seat_claim(yoke_seat *seat, uint32_t seen)
{
    yk_a32 *before = yk_robust_intend(yk_seat_word(seat));
    /* acquire: pairs with the release in vacate, and with the kernel's exchange after a death */
    bool mine = yk_cas_acq(yk_seat_word(seat), &seen, yk_tid() | YK_WAITED);

    if (mine)
        (void)yk_robust_link((struct yk_robust *)seat);
    yk_robust_intend(before);
    return mine;
}

yoke_seat *yk_seat_take(yoke_seat *seats, unsigned n)
{
    /* each begins elsewhere, so that they do not all try the same one */
    unsigned first = n ? yk_tid() % n : 0;

    for (unsigned i = 0; i < n; i++) {
        yoke_seat *seat = &seats[(first + i) % n];

        /* relaxed: the claim decides */
        if (yk_seat_free(yk_load_rlx(yk_seat_word(seat))) && yk_seat_claim(seat, 0))
            return seat;
    }
    return NULL;
}

static void clear(yoke_seat *seat)
{
    /* release: after all that was done on behalf of the one who sat here */
    yk_store_rel(yk_seat_state(seat), 0);
    seat->ticket = 0;
}

static void vacate(yoke_seat *seat)
{
    clear(seat);
    /* release: pairs with the acquire in claim */
    yk_store_rel(yk_seat_word(seat), 0);
}

void yk_seat_give(yoke_seat *seat)
{
    yk_a32 *before = yk_robust_intend(yk_seat_word(seat));

    yk_robust_unlink((struct yk_robust *)seat);
    vacate(seat);
    yk_robust_intend(before);
}

void yk_seat_bury(yoke_seat *seat)
{
    vacate(seat);
}

yoke_seat *yk_seat_mine(yoke_seat *seats, unsigned n)
{
    uint32_t mine = yk_tid() | YK_WAITED;

    for (unsigned i = 0; i < n; i++)
        /* relaxed: it is this thread's own word, or not */
        if (yk_load_rlx(yk_seat_word(&seats[i])) == mine)
            return &seats[i];
    return NULL;
}

bool yk_seats_any_dead(yoke_seat *seats, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        /* acquire: pairs with the kernel's exchange; what the dead one wrote before is seen */
        if (yk_seat_dead(yk_load_acq(yk_seat_word(&seats[i]))))
            return true;
    return false;
}

int yk_seats_watch(yoke_seat *seats, unsigned n, const yoke_seat *mine, struct yk_wait *waits)
{
    int n_waits = 0;

    for (unsigned i = 0; i < n; i++) {
        /* acquire: as in any_dead */
        uint32_t word = yk_load_acq(yk_seat_word(&seats[i]));

        if (&seats[i] == mine)
            continue;
        if (yk_seat_dead(word))
            return -1;
        waits[n_waits++] = (struct yk_wait){.word = yk_seat_word(&seats[i]), .expected = word, .shared = true};
    }
    return n_waits;
}
