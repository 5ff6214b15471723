/* condition_shared.c -- the waiters of a Condition between processes: seats, each with a ticket.
 *
 * A waiter is on its seat until it has the users' lock again.  All that is said here is said with that lock held; only sleepers look
 * without.
 *
 * Deaths.  There are two debts that a death can leave behind: a seat of the dead (its notification, if it had one, is due to the
 * next waiter), and `notifying` (somebody may have been notified and not woken).  Whoever has the lock and comes here pays all
 * debts first (mend).  And there is always one who comes, as long as somebody waits:
 * - the owner of a seat may have been notified, or have been woken to pay a debt: its death leaves a dead seat, and wakes a
 *   sleeper, since sleepers watch all seats;
 * - a notifier has no seat, and intends the grave until it has woken all: its death wakes a sleeper too;
 * - a sleeper that stops sleeping goes for the lock if it was notified, gives up or sees a debt.
 * So each wake that a death gives makes somebody pay, or dies with another owner of a seat, which gives the next one.  Who pays
 * without having been woken for it, and dies in the middle, leaves the rest to the one who was.
 *
 * Passing a dead one's notification on is one step, however many die at it: `giver` and `heir` say between whom it goes; while `heir`
 * is set, whoever mends completes it first. */
#include <errno.h>
#include <limits.h>

#include "sync/condition.h"
#include "sync/seat.h"
#include "sync/wait.h"

static yoke_seat *seats_of(const yoke_condition *condition)
{
    return yk_seats_at((void *)condition, condition->seats);
}

static yk_a32 *notifying_of(yoke_condition *condition)
{
    return (yk_a32 *)&condition->notifying;
}

static yk_a64 *heir_of(yoke_condition *condition)
{
    return (yk_a64 *)&condition->heir;
}

/* relaxed: what was said of that seat comes with the users' lock */
static bool is_dead(yoke_seat *seat)
{
    return yk_seat_dead(yk_load_rlx(yk_seat_word(seat)));
}

/* relaxed: as above */
static bool is(yoke_seat *seat, uint32_t state)
{
    return yk_load_rlx(yk_seat_state(seat)) == state;
}

/* Who came first of those who wait; NULL: nobody waits. */
static yoke_seat *find_first(const yoke_condition *condition)
{
    yoke_seat *seats = seats_of(condition), *first = NULL;

    for (unsigned i = 0; i < condition->n_seats; i++)
        if (is(&seats[i], YK_WAITING) && !is_dead(&seats[i]) && (!first || seats[i].ticket < first->ticket))
            first = &seats[i];
    return first;
}

static yoke_seat *find_ticket(const yoke_condition *condition, uint64_t ticket)
{
    yoke_seat *seats = seats_of(condition);

    for (unsigned i = 0; i < condition->n_seats; i++)
        if (seats[i].ticket == ticket)
            return &seats[i];
    return NULL;
}

/* `notifying` is set. */
static void mark(yoke_seat *seat)
{
    /* release, so that a death leaves nobody marked without `notifying` */
    yk_store_rel(yk_seat_state(seat), YK_NOTIFIED);
}

static void wake(yoke_seat *seat)
{
    yk_futex_wake(yk_seat_state(seat), 1, true);
}

/* ---- paying debts ---- */

static void complete_passing(yoke_condition *condition)
{
    /* it lies in memory that another process may have overwritten */
    yoke_seat *giver = &seats_of(condition)[condition->giver % condition->n_seats],
              *heir = find_ticket(condition, condition->heir);

    yk_store_rlx(notifying_of(condition), 1);
    /* it may have it already, and even have left with it */
    if (heir && is(heir, YK_WAITING))
        mark(heir);
    if (is_dead(giver))
        yk_seat_bury(giver);
    /* release: not before all this */
    yk_store_rel(heir_of(condition), 0);
}

static void inherit(yoke_condition *condition, unsigned i)
{
    yoke_seat *giver = &seats_of(condition)[i];
    yoke_seat *heir = is(giver, YK_NOTIFIED) ? find_first(condition) : NULL;

    if (!heir) {
        yk_seat_bury(giver);
        return;
    }
    condition->giver = i;
    /* release: not before the giver is named */
    yk_store_rel(heir_of(condition), heir->ticket);
    complete_passing(condition);
}

static void wake_marked(yoke_condition *condition)
{
    yoke_seat *seats = seats_of(condition);

    for (unsigned i = 0; i < condition->n_seats; i++)
        if (is(&seats[i], YK_NOTIFIED))
            wake(&seats[i]);
    /* release: not before they are woken */
    yk_store_rel(notifying_of(condition), 0);
}

static void mend(yoke_condition *condition)
{
    yoke_seat *seats = seats_of(condition);

    if (condition->heir)
        complete_passing(condition);
    for (unsigned i = 0; i < condition->n_seats; i++)
        if (is_dead(&seats[i]))
            inherit(condition, i);
    if (condition->notifying)
        wake_marked(condition);
}

/* ---- waiting ---- */

/* Returns when there is something to do with the lock: 0, or -ETIMEDOUT or -EINTR. */
static int sleep_on_seat(yoke_condition *condition, yoke_seat *seat, const struct yk_waiting *waiting)
{
    struct yk_wait words[YK_WAIT_MOST];
    int rc = 0;

    words[0] = (struct yk_wait){yk_seat_state(seat), YK_WAITING, true};
    words[1] = (struct yk_wait){(yk_a32 *)&condition->shared, YK_GRAVE, true};
    while (rc == 0 || (rc == -EINTR && !waiting->until)) {
        int n = yk_seats_watch(seats_of(condition), condition->n_seats, seat, &words[2]);

        /* relaxed, both: the lock decides */
        if (n < 0 || !is(seat, YK_WAITING) || yk_load_rlx(notifying_of(condition)))
            return 0;
        rc = yk_sleep_many(words, (unsigned)n + 2, waiting->deadline);
    }
    return rc;
}

int yk_condition_wait_shared(yoke_condition *condition, const struct yk_waiting *waiting)
{
    yoke_seat *seat;

    mend(condition);
    seat = yk_seat_take(seats_of(condition), condition->n_seats);
    if (!seat)
        return -EAGAIN;
    seat->ticket = ++condition->tickets;
    /* release: not before it has its ticket */
    yk_store_rel(yk_seat_state(seat), YK_WAITING);
    for (;;) {
        uint32_t saved = yk_lockable_save(waiting->lock, waiting->kind);
        int rc = sleep_on_seat(condition, seat, waiting);
        int dead = yk_lockable_restore(waiting->lock, waiting->kind, saved);
        bool notified;

        mend(condition);
        notified = is(seat, YK_NOTIFIED);
        if (notified || rc != 0 || dead != 0) {
            yk_seat_give(seat);
            return dead ? dead : notified ? 0 : rc;
        }
    }
}

/* ---- notifying ---- */

static void notify_one(yoke_condition *condition, yoke_seat *seat)
{
    yk_condition_must_hold(condition);
    yk_store_rlx(notifying_of(condition), 1);
    mark(seat);
    wake(seat);
}

static unsigned notify_first(yoke_condition *condition, unsigned n)
{
    unsigned n_notified = 0;

    for (yoke_seat *seat; n_notified < n && (seat = find_first(condition)) != NULL; n_notified++)
        notify_one(condition, seat);
    return n_notified;
}

/* The same, without looking for the first each time. */
static unsigned notify_each(yoke_condition *condition)
{
    yoke_seat *seats = seats_of(condition);
    unsigned n_notified = 0;

    for (unsigned i = 0; i < condition->n_seats; i++)
        if (is(&seats[i], YK_WAITING) && !is_dead(&seats[i])) {
            notify_one(condition, &seats[i]);
            n_notified++;
        }
    return n_notified;
}

unsigned yk_condition_notify_shared(yoke_condition *condition, unsigned n)
{
    yk_a32 *before = yk_robust_intend((yk_a32 *)&condition->shared);
    unsigned n_notified;

    mend(condition);
    n_notified = n < condition->n_seats ? notify_first(condition, n) : notify_each(condition);
    /* release: not before they are woken */
    yk_store_rel(notifying_of(condition), 0);
    yk_robust_intend(before);
    return n_notified;
}

unsigned yk_condition_waiting_shared(const yoke_condition *condition)
{
    yoke_seat *seats = seats_of(condition);
    unsigned n = 0;

    for (unsigned i = 0; i < condition->n_seats; i++)
        n += is(&seats[i], YK_WAITING) && !is_dead(&seats[i]);
    return n;
}
