/* condition.c -- Condition, and the waiters of a private one: records on their stacks, in a list.
 *
 * A waiter sleeps on a word of its own, so that it is woken when it is meant, and never else.  It enters the list, is taken from it
 * by a notifier, or leaves it when it gives up, always with the users' lock held.  So nothing happens between "gives up" and
 * "notified": whoever is still in the list when it has the lock again was not notified.  And a record stays until its thread has
 * had the lock again: a notifier, which holds the lock, may wake it after having marked it; or have the release wake it, which
 * uses the address only (lock.c). */
#include "sync/condition.h"

#include <errno.h>
#include <limits.h>

#include "base/base.h"
#include "sync/seat.h"
#include "sync/self.h"
#include "sync/wait.h"

struct waiter {
    yk_a32 state;
    struct waiter *previous, *next; /* guarded by the users' lock */
};

int yoke_condition_init(yoke_condition *condition, yoke_seat *seats, unsigned n_seats)
{
    if (n_seats > YOKE_SEATS_MAX || (seats == NULL) != (n_seats == 0))
        return -EINVAL;
    *condition = (yoke_condition){0};
    if (!seats)
        return 0;
    condition->shared = YOKE_SHARED;
    condition->n_seats = n_seats;
    condition->seats = yk_seats_distance(condition, seats);
    for (unsigned i = 0; i < n_seats; i++)
        seats[i] = (yoke_seat){0};
    return 0;
}

/* ---- the lock ---- */

static void *lock_of(yoke_condition *condition)
{
    return (void *)((intptr_t)condition + (intptr_t)condition->lock);
}

void yk_condition_must_hold(yoke_condition *condition)
{
    if (!yk_lockable_held(lock_of(condition), condition->kind))
        yk_misuse("yoke_condition_notify: the calling thread does not hold the lock with which others wait");
}

/* Called with that lock held. */
static void remember(yoke_condition *condition, const struct yk_waiting *waiting)
{
    int64_t lock = (intptr_t)waiting->lock - (intptr_t)condition;

    if (lock == condition->lock && waiting->kind == condition->kind)
        return;
    if (yoke_condition_waiting(condition) > 0)
        yk_misuse("yoke_condition_wait: others wait with another lock");
    condition->lock = lock;
    condition->kind = waiting->kind;
}

/* ---- private: the list ---- */

static yk_a32 *n_waiting_of(const yoke_condition *condition)
{
    return (yk_a32 *)&condition->n_waiting;
}

static yk_a32 *n_forks_of(const yoke_condition *condition)
{
    return (yk_a32 *)&condition->n_forks;
}

static void count(yoke_condition *condition, uint32_t n_waiting)
{
    /* relaxed, as the load: who wants more than a number of the past holds the lock */
    yk_store_rlx(n_waiting_of(condition), n_waiting);
}

/* The list of the parent process: its threads are not there in a child of fork. */
static void forget_ghosts(yoke_condition *condition)
{
    if (condition->n_forks == yk_forks())
        return;
    condition->first = condition->last = NULL;
    count(condition, 0);
    yk_store_rlx(n_forks_of(condition), yk_forks());
}

static void append(yoke_condition *condition, struct waiter *waiter)
{
    waiter->next = NULL;
    waiter->previous = condition->last;
    if (waiter->previous)
        waiter->previous->next = waiter;
    else
        condition->first = waiter;
    condition->last = waiter;
    count(condition, condition->n_waiting + 1);
}

static void take_out(yoke_condition *condition, struct waiter *waiter)
{
    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        condition->first = waiter->next;
    if (waiter->next)
        waiter->next->previous = waiter->previous;
    else
        condition->last = waiter->previous;
    count(condition, condition->n_waiting - 1);
}

/* 0: notified. */
static int sleep_in_list(yoke_condition *condition, struct waiter *waiter, const struct yk_waiting *waiting)
{
    int rc = 0;

    /* relaxed: all that the notifier wrote comes with the lock */
    while (yk_load_rlx(&waiter->state) == YK_WAITING && (rc == 0 || (rc == -EINTR && !waiting->until)))
        rc = yk_sleep(&waiter->state, YK_WAITING, &condition->shared, waiting->deadline);
    return rc;
}

static int wait_private(yoke_condition *condition, const struct yk_waiting *waiting)
{
    struct waiter self;
    uint32_t saved;
    int rc, dead;

    forget_ghosts(condition);
    /* relaxed: nobody knows it yet */
    yk_store_rlx(&self.state, YK_WAITING);
    append(condition, &self);
    saved = yk_lockable_save(waiting->lock, waiting->kind);
    rc = sleep_in_list(condition, &self, waiting);
    dead = yk_lockable_restore(waiting->lock, waiting->kind, saved);
    if (yk_load_rlx(&self.state) == YK_WAITING)
        take_out(condition, &self);
    else
        rc = 0;
    return dead ? dead : rc;
}

static unsigned notify_private(yoke_condition *condition, unsigned n)
{
    unsigned n_notified = 0;

    forget_ghosts(condition);
    if (condition->first)
        yk_condition_must_hold(condition);
    for (struct waiter *waiter; n_notified < n && (waiter = condition->first) != NULL; n_notified++) {
        take_out(condition, waiter);
        yk_store_rlx(&waiter->state, YK_NOTIFIED);
        yk_lockable_wake(lock_of(condition), condition->kind, &waiter->state);
    }
    return n_notified;
}

/* ---- either kind ---- */

static int wait_somehow(yoke_condition *condition, const struct yk_waiting *waiting)
{
    if (!yk_lockable_held(waiting->lock, waiting->kind))
        yk_misuse("yoke_condition_wait: the calling thread does not hold the lock");
    if (condition->shared && !yk_lockable_shared(waiting->lock, waiting->kind))
        yk_misuse("yoke_condition_wait: the condition is shared between processes, and the lock is not");
    remember(condition, waiting);
    return condition->shared ? yk_condition_wait_shared(condition, waiting) : wait_private(condition, waiting);
}

int yoke_condition_wait_on(yoke_condition *condition, void *lock, enum yoke_lock_kind kind)
{
    return wait_somehow(condition, &(struct yk_waiting){lock, kind, YOKE_FOREVER, false});
}

int yoke_condition_wait_until_on(yoke_condition *condition, void *lock, enum yoke_lock_kind kind, yoke_time deadline)
{
    return wait_somehow(condition, &(struct yk_waiting){lock, kind, deadline, true});
}

int yoke_condition_wait_for_on(yoke_condition *condition, void *lock, enum yoke_lock_kind kind,
                               int (*predicate)(void *arg), void *arg, yoke_time deadline)
{
    int rc = 0;

    while (!predicate(arg)) {
        if (rc != 0)
            return rc;
        rc = yoke_condition_wait_until_on(condition, lock, kind, deadline);
        if (rc == -YOKE_EOWNERDEAD)
            return rc;
    }
    return 0;
}

unsigned yoke_condition_notify(yoke_condition *condition, unsigned n)
{
    return condition->shared ? yk_condition_notify_shared(condition, n) : notify_private(condition, n);
}

unsigned yoke_condition_notify_all(yoke_condition *condition)
{
    return yoke_condition_notify(condition, UINT_MAX);
}

unsigned yoke_condition_waiting(const yoke_condition *condition)
{
    if (condition->shared)
        return yk_condition_waiting_shared(condition);
    /* relaxed, both: see count */
    return yk_load_rlx(n_forks_of(condition)) == yk_forks() ? yk_load_rlx(n_waiting_of(condition)) : 0;
}
