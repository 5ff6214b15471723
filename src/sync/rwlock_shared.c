/* rwlock_shared.c -- RWLock between processes, any of which may die at any instruction.
 *
 * `turn` counts, and is odd (WRITER) from a writer's announcement until it leaves.  A reader takes a seat and then looks at the
 * turn.  Even: it reads.  Odd: it writes into its seat which turn it is that it waits for.  A writer makes the turn odd, and then
 * waits for each seat, one after the other, until nobody alive sits there or whoever does waits for this very turn.  Each side
 * writes, and then looks at what the other one writes; so one of them sees the other.
 *
 * Invariants.
 * - Who sits in a seat reads, or is about to look at the turn, or waits for the turn that its seat says.  In the latter case it
 *   reads as soon as the turn is another one, whether it has noticed or not: the next writer waits for it.  (If 2^30 writers came
 *   before it notices, having given up each, one would take it for a reader of its own turn.)
 * - Who writes, or has announced it, holds the mutex `writers` and the chair, a seat too, which it takes after the mutex and gives
 *   back before; the chair's state is 1 while it writes.  Only it changes the turn, while it lives.
 * - If the chair is dead and the turn odd, the turn is over.  Whoever sees that makes it even, with DEAD if somebody wrote.  (It
 *   has looked at the turn before the chair; so if the turn is still the same, the dead one is who began it.)
 *
 * Sleepers.  A reader that waits sleeps on the turn and the chair; a writer, on the word and the state of a seat, whose number it has
 * put into `awaited`; a reader without a seat, on the words of all of them, and it has counted itself in n_seeking.  All of them
 * sleep on the grave (sync/wait.h) too, and intend it, as does who gives a seat back.  A wake that the kernel sends for a dead
 * thread goes to one of them only, which may have no use for it; so whoever has slept looks around for all that others could be
 * waiting for (look_around), before it goes its way. */
#include <errno.h>
#include <limits.h>

#include "base/base.h"
#include "sync/rwlock_shared.h"
#include "sync/seat.h"
#include "sync/wait.h"

#define DEAD UINT32_C(1)
#define ONE_TURN UINT32_C(2)
#define WRITER ONE_TURN

static yk_a32 *turn_of(yoke_rwlock *rwlock)
{
    return (yk_a32 *)&rwlock->turn;
}

static yk_a32 *awaited_of(yoke_rwlock *rwlock)
{
    return (yk_a32 *)&rwlock->awaited;
}

static yk_a32 *n_seeking_of(yoke_rwlock *rwlock)
{
    return (yk_a32 *)&rwlock->n_seeking;
}

static yoke_seat *seats_of(yoke_rwlock *rwlock)
{
    return yk_seats_at(rwlock, rwlock->seats);
}

static void wake_all(yk_a32 *word)
{
    yk_futex_wake(word, INT_MAX, true);
}

static int entered(uint32_t turn)
{
    return turn & DEAD ? -YOKE_EOWNERDEAD : 0;
}

int yoke_rwlock_init(yoke_rwlock *rwlock, yoke_seat *seats, uint32_t n_seats)
{
    if ((seats == NULL) != (n_seats == 0) || n_seats > YOKE_SEATS_MAX)
        return -EINVAL;
    *rwlock = (yoke_rwlock){.shared = YOKE_PRIVATE};
    if (n_seats == 0)
        return 0;
    for (uint32_t i = 0; i < n_seats; i++)
        seats[i] = (yoke_seat){.word = 0};
    rwlock->seats = yk_seats_distance(rwlock, seats);
    rwlock->n_seats = n_seats;
    yoke_mutex_init(&rwlock->writers, YOKE_SHARED);
    rwlock->shared = YOKE_SHARED;
    return 0;
}

/* ---- what the dead leave ---- */

/* Whether a writer has to wait for that seat in its turn.  Acquire, both: pair with the release in yk_seat_give, the kernel's
 * exchange, and await_end_of, before which others may have read in that seat. */
static bool is_in_the_way(yoke_seat *seat, uint32_t turn)
{
    return (yk_load_acq(yk_seat_word(seat)) & YK_TID) != 0 && yk_load_acq(yk_seat_state(seat)) != (turn & ~DEAD);
}

/* A dead writer's release. */
static void release_for_the_dead(yoke_rwlock *rwlock)
{
    /* acquire, in this order: pair with what sit_down wrote */
    uint32_t turn = yk_load_acq(turn_of(rwlock));
    uint32_t chair = yk_load_acq(yk_seat_word(&rwlock->chair));

    if (!yk_seat_dead(chair))
        return;
    /* relaxed: if it is another writer's, the turn is as well.  Release: pairs with the acquire in await_end_of */
    if (turn & WRITER)
        yk_cas_rel(turn_of(rwlock), &turn, (turn + ONE_TURN) | (yk_load_rlx(yk_seat_state(&rwlock->chair)) ? DEAD : 0));
    /* all who sleep on the turn sleep on this as well */
    wake_all(yk_seat_word(&rwlock->chair));
}

/* Does what a dead thread may have owed to any sleeper.  Acquire, all loads: after what that thread, or the kernel for it, has
 * written, as the wake says already. */
static void look_around(yoke_rwlock *rwlock)
{
    uint32_t awaited, turn;

    release_for_the_dead(rwlock);
    awaited = yk_load_acq(awaited_of(rwlock)) - 1;
    turn = yk_load_acq(turn_of(rwlock));
    if (awaited < rwlock->n_seats && !is_in_the_way(&seats_of(rwlock)[awaited], turn))
        wake_all(yk_seat_word(&seats_of(rwlock)[awaited]));
    if (yk_load_acq(n_seeking_of(rwlock)) == 0)
        return;
    for (uint32_t i = 0; i < rwlock->n_seats; i++)
        if ((yk_load_acq(yk_seat_word(&seats_of(rwlock)[i])) & YK_TID) == 0)
            wake_all(yk_seat_word(&seats_of(rwlock)[i]));
}

/* ---- reading ---- */

/* Takes a seat that is free, or whose owner is dead.  NULL: there is none; `waits` then has the words of all of them. */
static yoke_seat *take_seat(yoke_rwlock *rwlock, struct yk_wait *waits)
{
    for (uint32_t i = 0; i < rwlock->n_seats; i++) {
        /* each begins elsewhere, so that they do not all try the same one */
        yoke_seat *seat = &seats_of(rwlock)[(yk_tid() + i) % rwlock->n_seats];
        uint32_t word;

        /* relaxed: the claim decides */
        while (word = yk_load_rlx(yk_seat_word(seat)), (word & YK_TID) == 0)
            if (yk_seat_claim(seat, word)) {
                yk_store_rlx(yk_seat_state(seat), 0); /* it may be a dead one's */
                return seat;
            }
        waits[i] = (struct yk_wait){yk_seat_word(seat), word, true};
    }
    return NULL;
}

static int seek_seat(yoke_rwlock *rwlock, yoke_seat **ret_seat, yoke_time deadline)
{
    struct yk_wait waits[YOKE_SEATS_MAX + 1];
    int rc = 0;

    *ret_seat = take_seat(rwlock, waits);
    if (*ret_seat)
        return 0;
    /* relaxed and a fence: pair with give_back */
    yk_add_rlx(n_seeking_of(rwlock), 1);
    yk_fence_seq();
    while (*ret_seat = take_seat(rwlock, waits), *ret_seat == NULL && rc == 0) {
        waits[rwlock->n_seats] = (struct yk_wait){(yk_a32 *)&rwlock->shared, YK_GRAVE, true};
        rc = yk_sleep_many(waits, rwlock->n_seats + 1, deadline);
        look_around(rwlock);
    }
    yk_sub_rlx(n_seeking_of(rwlock), UINT32_C(1));
    return *ret_seat ? 0 : rc;
}

static void give_back(yoke_rwlock *rwlock, yoke_seat *seat)
{
    uint32_t number = (uint32_t)(seat - seats_of(rwlock)) + 1;

    yk_seat_give(seat);
    /* pairs with the fences in await_seat and in seek_seat */
    yk_fence_seq();
    if (yk_load_rlx(awaited_of(rwlock)) == number || yk_load_rlx(n_seeking_of(rwlock)) > 0)
        wake_all(yk_seat_word(seat));
}

static int await_end_of(yoke_rwlock *rwlock, uint32_t turn, yoke_seat *seat, yoke_time deadline)
{
    uint32_t number = (uint32_t)(seat - seats_of(rwlock)) + 1;
    int rc = 0;

    /* relaxed, after the fence in read_acquire, which is a release of those who read in that seat before; pairs with is_in_the_way */
    yk_store_rlx(yk_seat_state(seat), turn);
    /* pairs with the fences in await_seat and in leave_chair */
    yk_fence_seq();
    if (yk_load_rlx(awaited_of(rwlock)) == number)
        wake_all(yk_seat_state(seat));
    for (;;) {
        /* acquire: pairs with leave_chair and release_for_the_dead */
        uint32_t now = yk_load_acq(turn_of(rwlock));
        /* relaxed: who finds it dead looks again */
        uint32_t chair = yk_load_rlx(yk_seat_word(&rwlock->chair));
        struct yk_wait waits[] = {{turn_of(rwlock), now, true},
                                  {yk_seat_word(&rwlock->chair), chair, true},
                                  {(yk_a32 *)&rwlock->shared, YK_GRAVE, true}};

        if ((now & ~DEAD) != turn) {
            /* a later turn may have this number again */
            yk_store_rlx(yk_seat_state(seat), 0);
            return entered(now);
        }
        if (!yk_seat_dead(chair)) {
            if (rc < 0)
                return rc;
            rc = yk_sleep_many(waits, 3, deadline);
        }
        look_around(rwlock);
    }
}

static int read_acquire(yoke_rwlock *rwlock, yoke_time deadline)
{
    yoke_seat *seat;
    uint32_t turn;
    int rc = seek_seat(rwlock, &seat, deadline);

    if (rc < 0)
        return rc;
    /* pairs with the fence in sit_down */
    yk_fence_seq();
    /* acquire: pairs with the release in leave_chair */
    turn = yk_load_acq(turn_of(rwlock));
    if (!(turn & WRITER))
        return entered(turn);
    rc = await_end_of(rwlock, turn & ~DEAD, seat, deadline);
    if (rc < 0 && rc != -YOKE_EOWNERDEAD)
        give_back(rwlock, seat);
    return rc;
}

int yk_rwlock_read_acquire(yoke_rwlock *rwlock, yoke_time deadline)
{
    int rc;

    if (yoke_mutex_held(&rwlock->writers))
        return -EDEADLK;
    if (yk_robust_held >= YK_ROBUST_MOST)
        return -EAGAIN;
    yk_grave_intend(&rwlock->shared);
    rc = read_acquire(rwlock, deadline);
    yk_robust_held += rc == 0 || rc == -YOKE_EOWNERDEAD;
    yk_grave_settle(&rwlock->shared);
    return rc;
}

void yk_rwlock_read_release(yoke_rwlock *rwlock)
{
    yoke_seat *seat = yk_seat_mine(seats_of(rwlock), rwlock->n_seats);

    if (!seat)
        yk_misuse("yoke_rwlock_read_release: the calling thread does not hold the lock for reading");
    yk_grave_intend(&rwlock->shared);
    give_back(rwlock, seat);
    yk_robust_held--;
    yk_grave_settle(&rwlock->shared);
}

/* ---- writing ---- */

/* Announces the calling thread, which holds the mutex. */
static void sit_down(yoke_rwlock *rwlock)
{
    yk_a32 *chair = yk_seat_word(&rwlock->chair);
    uint32_t word;

    /* who died with it may have been found out by the mutex first; the kernel has the chair still before it.  Relaxed: the claim
     * decides */
    while (word = yk_load_rlx(chair), (word & YK_TID) != 0) {
        (void)yk_sleep(chair, word, &rwlock->shared, YOKE_FOREVER);
        look_around(rwlock);
    }
    release_for_the_dead(rwlock);
    (void)yk_seat_claim(&rwlock->chair, word);
    yk_store_rlx(yk_seat_state(&rwlock->chair), 0);
    /* release: pairs with release_for_the_dead */
    yk_store_rel(turn_of(rwlock), yk_load_rlx(turn_of(rwlock)) + ONE_TURN);
    /* pairs with the fence in read_acquire */
    yk_fence_seq();
}

static bool is_waited_for(yoke_rwlock *rwlock, uint32_t turn)
{
    for (uint32_t i = 0; i < rwlock->n_seats; i++)
        if (yk_load_rlx(yk_seat_state(&seats_of(rwlock)[i])) == (turn & ~DEAD))
            return true;
    return false;
}

/* `repaired`: DEAD, if that is over too. */
static void leave_chair(yoke_rwlock *rwlock, uint32_t repaired)
{
    uint32_t turn = yk_load_rlx(turn_of(rwlock));

    /* release: pairs with the acquire of who reads next */
    yk_store_rel(turn_of(rwlock), (turn + ONE_TURN) & ~repaired);
    /* pairs with the fence in await_end_of */
    yk_fence_seq();
    if (is_waited_for(rwlock, turn))
        wake_all(turn_of(rwlock));
    yk_seat_give(&rwlock->chair);
    yoke_mutex_release(&rwlock->writers);
}

static int await_seat(yoke_rwlock *rwlock, uint32_t i, uint32_t turn, yoke_time deadline)
{
    yoke_seat *seat = &seats_of(rwlock)[i];

    while (is_in_the_way(seat, turn)) {
        struct yk_wait waits[] = {{.word = yk_seat_word(seat), .shared = true},
                                  {.word = yk_seat_state(seat), .shared = true},
                                  {(yk_a32 *)&rwlock->shared, YK_GRAVE, true}};
        int rc;

        yk_store_rlx(awaited_of(rwlock), i + 1);
        /* pairs with the fences in give_back and await_end_of */
        yk_fence_seq();
        waits[0].expected = yk_load_rlx(waits[0].word);
        waits[1].expected = yk_load_rlx(waits[1].word);
        if (!is_in_the_way(seat, turn))
            break;
        if ((waits[0].expected & YK_TID) == yk_tid() && deadline > YOKE_NOW)
            return -EDEADLK;
        rc = yk_sleep_many(waits, 3, deadline);
        look_around(rwlock);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Waits for the readers that were there first. */
static int drain(yoke_rwlock *rwlock, yoke_time deadline)
{
    uint32_t turn = yk_load_rlx(turn_of(rwlock));
    int rc = 0;

    for (uint32_t i = 0; i < rwlock->n_seats && rc == 0; i++)
        rc = await_seat(rwlock, i, turn, deadline);
    yk_store_rlx(awaited_of(rwlock), 0);
    return rc;
}

int yk_rwlock_write_acquire(yoke_rwlock *rwlock, yoke_time deadline)
{
    int rc = yoke_mutex_acquire_until(&rwlock->writers, deadline);

    if (rc < 0 && rc != -YOKE_EOWNERDEAD)
        return rc;
    yk_grave_intend(&rwlock->shared);
    sit_down(rwlock);
    rc = drain(rwlock, deadline);
    yk_grave_settle(&rwlock->shared);
    if (rc < 0) {
        leave_chair(rwlock, 0);
        return rc;
    }
    yk_store_rlx(yk_seat_state(&rwlock->chair), 1);
    return entered(yk_load_rlx(turn_of(rwlock)));
}

void yk_rwlock_write_release(yoke_rwlock *rwlock)
{
    leave_chair(rwlock, DEAD);
}
