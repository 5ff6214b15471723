/* lock.c -- the slow paths of Lock: Ulrich Drepper's three-state mutex ("Futexes Are Tricky", mutex3), which lets nobody
 * starve and nobody hang on a dead waiter.
 *
 * Invariant: whoever sleeps, or is about to, has put WAITED into the word after it last saw the lock held; so the release that
 * ends this holding sees WAITED and wakes one.  That one puts WAITED there again when it takes the lock, on behalf of all who
 * still sleep; so does whoever wakes and finds the lock taken.  A waiter that times out leaves WAITED behind, which costs one
 * wake that finds nobody; and if the wake of a release was spent on it, the kernel reports it as woken and not as timed out,
 * and it goes on to take the lock.
 *
 * A woken waiter owes the others that WAITED.  If it is killed first (shared locks), the kernel wakes another on the grave, which
 * owes it in its place.
 *
 * While somebody is late (sync/wait.h), a release leaves WAITED instead of FREE, and only who has slept takes a lock from there.
 *
 * A holder that has notified somebody owes that one a wake too, and gives it with the release: woken at once, it might run in the
 * place of the holder, and find the lock held.
 *
 * Once a release has made the lock free, another thread may acquire it, release it and free its memory; so release reads what
 * it must know before, and the wakes use addresses only. */
#include "sync/lock.h"

#include <errno.h>

#include "base/base.h"
#include "sync/wait.h"

enum {
    FREE = 0,
    HELD = 1,
    WAITED = 2, /* with HELD or, for those who have slept, without */
    OWES = 4    /* with HELD: `owed` is set */
};

static yk_a32 *word_of(yoke_lock *lock)
{
    return (yk_a32 *)&lock->word;
}

static yk_a32 *late_of(yoke_lock *lock)
{
    return (yk_a32 *)&lock->late;
}

static bool try_acquire(yk_a32 *word)
{
    uint32_t expected = FREE;

    /* acquire: pairs with the release in yoke_lock_release and yoke_lock_release_slow */
    return yk_cas_acq(word, &expected, HELD);
}

static bool spin(yk_a32 *word)
{
    for (unsigned left = yk_spins(); left > 0; left--) {
        uint32_t now = yk_load_rlx(word);

        if (now == FREE && try_acquire(word))
            return true;
        /* others sleep for it already */
        if (now & WAITED)
            return false;
        yk_cpu_relax();
    }
    return false;
}

static int wait_for(yoke_lock *lock, yoke_time deadline)
{
    yk_a32 *word = word_of(lock);
    int n_sleeps = 0, rc = 0;
    uint32_t seen;

    /* only who has slept takes a lock that is free and WAITED */
    if (yk_load_rlx(late_of(lock)))
        rc = yk_sleep_courteously(late_of(lock), word, WAITED, &lock->shared, deadline);
    /* acquire: pairs with the release in yoke_lock_release and yoke_lock_release_slow */
    while (rc == 0 && (seen = yk_or_acq(word, HELD | WAITED)) & HELD) {
        if (n_sleeps++ >= LATE_AFTER)
            yk_store_rlx(late_of(lock), 1);
        rc = yk_sleep(word, seen | WAITED, &lock->shared, deadline);
    }
    if (n_sleeps > LATE_AFTER)
        yk_store_rlx(late_of(lock), 0);
    return rc;
}

/* Who does not wait has no time to be courteous. */
static int try_once(yk_a32 *word)
{
    uint32_t expected = WAITED;

    /* acquire: as in try_acquire */
    return try_acquire(word) || yk_cas_acq(word, &expected, HELD | WAITED) ? 0 : -ETIMEDOUT;
}

int yoke_lock_acquire_until(yoke_lock *lock, yoke_time deadline)
{
    int rc;

    if (deadline <= YOKE_NOW)
        return try_once(word_of(lock));
    if (try_acquire(word_of(lock)))
        return 0;
    if (spin(word_of(lock)))
        return 0;
    yk_grave_intend(&lock->shared);
    rc = wait_for(lock, deadline);
    yk_grave_settle(&lock->shared);
    return rc;
}

void yoke_lock_acquire_slow(yoke_lock *lock)
{
    /* only a signal ends it early */
    while (yoke_lock_acquire_until(lock, YOKE_FOREVER) < 0)
        continue;
}

/* The lock is still held. */
void yoke_lock_release_slow(yoke_lock *lock)
{
    uint32_t shared = lock->shared;
    uint32_t next = yk_load_rlx(late_of(lock)) ? WAITED : FREE;
    /* acquire: pairs with the release in yk_lock_owe; another thread may have held it so far */
    uint32_t now = yk_load_acq(word_of(lock));
    yk_a32 *owed = (yk_a32 *)(now & OWES ? lock->owed : NULL);

    if (!(now & HELD))
        yk_misuse("yoke_lock_release: nobody held the lock");
    if (owed)
        lock->owed = NULL;
    yk_grave_intend(&lock->shared);
    /* release: pairs with the acquire in yoke_lock_acquire, try_acquire and wait_for */
    if (yk_swap_rel(word_of(lock), next) & WAITED)
        yk_futex_wake(word_of(lock), 1, shared != YOKE_PRIVATE);
    if (owed)
        yk_futex_wake(owed, 1, false);
    yk_grave_settle(&shared);
}

bool yk_lock_owe(yoke_lock *lock, yk_a32 *word)
{
    if (lock->shared != YOKE_PRIVATE || lock->owed)
        return false;
    lock->owed = &word->v;
    /* release: pairs with the acquire in yoke_lock_release_slow */
    yk_or_rel(word_of(lock), OWES);
    return true;
}
