/* semaphore.c -- Semaphore: permits and waiters in one word, whose low half the waiters sleep on while it is 0.
 *
 * Invariants.
 * - A waiter counts itself before it sleeps, and until it has a permit or has given up.  Permits and waiters change in one
 *   exchange, so a release that sees no waiter has none to wake.
 * - As many wakes are under way as there are permits, or nobody sleeps: a release of n permits wakes n, and a sleep begins while
 *   there are none.  A newcomer takes one and leaves a wake too many; who is woken and finds none sleeps again.
 * - Shared: at least one wake is under way while there are permits, or nobody sleeps.  Somebody may die between adding n permits and
 *   waking n, and the kernel wakes one on the grave (wait.h); or several wakes may be spent on one sleeper.  So a waiter that
 *   leaves permits behind wakes another.
 *   Who dies waiting stays counted: from then on each release costs a wake that may find nobody.
 *
 * Newcomers that find somebody late (sync/wait.h) sleep once for the permits that are there.
 *
 * Once a permit is visible, who takes it may free the semaphore; so release reads what it must know before, and the wake uses the
 * address only. */
#include <errno.h>
#include <yoke/semaphore.h>

#include "base/base.h"
#include "sync/wait.h"

#define WAITER (UINT64_C(1) << 32)

static yk_a64 *value_of(yoke_semaphore *semaphore)
{
    return (yk_a64 *)&semaphore->value;
}

/* The low half: what waiters sleep on. */
static yk_a32 *permits_of(yoke_semaphore *semaphore)
{
    return (yk_a32 *)&semaphore->value + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

static yk_a32 *late_of(yoke_semaphore *semaphore)
{
    return (yk_a32 *)&semaphore->late;
}

static bool has_permits(uint64_t value)
{
    return (uint32_t)value != 0;
}

static bool has_waiters(uint64_t value)
{
    return value >= WAITER;
}

void yoke_semaphore_init(yoke_semaphore *semaphore, uint32_t value, uint32_t bound, uint32_t shared)
{
    if (bound > YOKE_SEMAPHORE_MAX || value > (bound ? bound : YOKE_SEMAPHORE_MAX))
        yk_misuse("yoke_semaphore_init: more permits than the bound, or a bound beyond YOKE_SEMAPHORE_MAX");
    *semaphore = (yoke_semaphore){.value = value, .bound = bound, .shared = shared ? YOKE_SHARED : YOKE_PRIVATE};
}

/* ---- acquire ---- */

/* Takes a permit, if there is one, and as many waiters out of the count; tells what was there before. */
static bool take(yoke_semaphore *semaphore, uint64_t waiters, uint64_t *ret_seen)
{
    uint64_t seen = yk_load_rlx(value_of(semaphore));

    while (has_permits(seen))
        /* acquire: pairs with the release in yoke_semaphore_release */
        if (yk_cas_acq(value_of(semaphore), &seen, seen - waiters - 1)) {
            *ret_seen = seen;
            return true;
        }
    return false;
}

static bool try_take(yoke_semaphore *semaphore)
{
    uint64_t seen;

    return take(semaphore, 0, &seen);
}

static bool spin(yoke_semaphore *semaphore)
{
    for (unsigned left = yk_spins(); left > 0; left--) {
        uint64_t now = yk_load_rlx(value_of(semaphore));

        /* others sleep for it already */
        if (has_waiters(now))
            return false;
        if (has_permits(now) && try_take(semaphore))
            return true;
        yk_cpu_relax();
    }
    return false;
}

/* For a waiter: takes a permit and its own count, and wakes another if that is due. */
static bool take_waited(yoke_semaphore *semaphore)
{
    uint64_t before;

    if (!take(semaphore, WAITER, &before))
        return false;
    if (semaphore->shared != YOKE_PRIVATE && has_permits(before - 1) && has_waiters(before - WAITER))
        yk_futex_wake(permits_of(semaphore), 1, true);
    return true;
}

static int wait_for(yoke_semaphore *semaphore, yoke_time deadline)
{
    /* relaxed, here and below: the count carries no other memory with it */
    uint32_t permits = (uint32_t)yk_add_rlx(value_of(semaphore), WAITER);
    int n_sleeps = 0, rc = 0;

    if (permits > 0 && yk_load_rlx(late_of(semaphore)))
        rc = yk_sleep_courteously(late_of(semaphore), permits_of(semaphore), permits, &semaphore->shared, deadline);
    while (rc == 0 && !take_waited(semaphore)) {
        if (n_sleeps++ >= LATE_AFTER)
            yk_store_rlx(late_of(semaphore), 1);
        rc = yk_sleep(permits_of(semaphore), 0, &semaphore->shared, deadline);
    }
    if (rc < 0)
        yk_add_rlx(value_of(semaphore), -WAITER);
    if (n_sleeps > LATE_AFTER)
        yk_store_rlx(late_of(semaphore), 0);
    return rc;
}

/* A newcomer must let one pass that is late. */
static bool must_wait(yoke_semaphore *semaphore)
{
    return has_waiters(yk_load_rlx(value_of(semaphore))) && yk_load_rlx(late_of(semaphore));
}

/* The common case: permits, and no waiters. */
static bool take_free(yoke_semaphore *semaphore)
{
    uint64_t seen = yk_load_rlx(value_of(semaphore));

    /* acquire: as in take */
    return has_permits(seen) && !has_waiters(seen) && yk_cas_acq(value_of(semaphore), &seen, seen - 1);
}

static __attribute__((noinline)) int acquire_slowly(yoke_semaphore *semaphore, yoke_time deadline)
{
    int rc;

    /* who does not wait has no time to be courteous */
    if (deadline <= YOKE_NOW)
        return try_take(semaphore) ? 0 : -ETIMEDOUT;
    if (!must_wait(semaphore) && (try_take(semaphore) || spin(semaphore)))
        return 0;
    yk_grave_intend(&semaphore->shared);
    rc = wait_for(semaphore, deadline);
    yk_grave_settle(&semaphore->shared);
    return rc;
}

int yoke_semaphore_acquire_until(yoke_semaphore *semaphore, yoke_time deadline)
{
    return take_free(semaphore) ? 0 : acquire_slowly(semaphore, deadline);
}

void yoke_semaphore_acquire(yoke_semaphore *semaphore)
{
    if (take_free(semaphore))
        return;
    /* only a signal ends it early */
    while (acquire_slowly(semaphore, YOKE_FOREVER) < 0)
        continue;
}

/* ---- release ---- */

static uint32_t most_of(const yoke_semaphore *semaphore)
{
    return semaphore->bound ? yk_min(semaphore->bound, YOKE_SEMAPHORE_MAX) : YOKE_SEMAPHORE_MAX;
}

static bool has_room(yoke_semaphore *semaphore, uint64_t value, uint32_t n)
{
    return (uint64_t)(uint32_t)value + n <= most_of(semaphore);
}

/* Adds n permits; tells what was there before, since the semaphore may be gone afterwards. */
static int add(yoke_semaphore *semaphore, uint32_t n, uint64_t *ret_seen)
{
    uint64_t seen = yk_load_rlx(value_of(semaphore));

    do
        if (!has_room(semaphore, seen, n))
            return -EOVERFLOW;
    /* release: pairs with the acquire in take */
    while (!yk_cas_rel(value_of(semaphore), &seen, seen + n));
    *ret_seen = seen;
    return 0;
}

static __attribute__((noinline)) int release_waited(yoke_semaphore *semaphore, uint32_t n)
{
    bool shared = semaphore->shared != YOKE_PRIVATE;
    /* this may be a signal handler, in the middle of another call */
    yk_a32 *before = shared ? yk_robust_intend((yk_a32 *)&semaphore->shared) : NULL;
    uint64_t seen = 0;
    int rc = add(semaphore, n, &seen);

    if (rc == 0 && has_waiters(seen))
        yk_futex_wake(permits_of(semaphore), (int)n, shared);
    if (shared)
        yk_robust_intend(before);
    return rc;
}

int yoke_semaphore_release(yoke_semaphore *semaphore, uint32_t n)
{
    uint64_t seen = yk_load_rlx(value_of(semaphore));

    /* the kernel wakes one where it is told to wake none */
    if (n == 0)
        return 0;
    /* the common case; release: as in add */
    if (!has_waiters(seen) && has_room(semaphore, seen, n) && yk_cas_rel(value_of(semaphore), &seen, seen + n))
        return 0;
    return release_waited(semaphore, n);
}
