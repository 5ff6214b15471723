/* lock.c -- the slow paths of Lock: Ulrich Drepper's three-state mutex ("Futexes Are Tricky", mutex3).
 *
 * Invariant: whoever sleeps, or is about to, has put WAITED into the word after it last saw the lock held; so the release that
 * ends this holding sees WAITED and wakes one.  That one puts WAITED there again when it takes the lock, on behalf of all who
 * still sleep; so does whoever wakes and finds the lock taken.  A waiter that times out leaves WAITED behind, which costs one
 * wake that finds nobody; and if the wake of a release was spent on it, the kernel reports it as woken and not as timed out,
 * and it goes on to take the lock.
 *
 * Once a release has made the lock free, another thread may acquire it, release it and free its memory; so what the wake must
 * know, private or shared, is in the value of the word itself (2 or 3), and release looks at nothing after its exchange. */
#include <errno.h>
#include <yoke/cpu.h>
#include <yoke/lock.h>

#include "base/atomic.h"
#include "base/base.h"
#include "os/os.h"

enum { FREE = 0, HELD = 1, WAITED = 2 /* and perhaps waited for; + 1 when shared */ };

/* About 1 to 4 microseconds, by what one pause takes: as long as a short critical section, and far from the 35 that waking a
 * sleeper costs. */
#define SPINS 100

static yk_a32 *word_of(yoke_lock *lock)
{
    return (yk_a32 *)&lock->word;
}

/* Spinning helps only if the holder can run meanwhile.  Asked once: what it costs is more than what it saves. */
static unsigned spins(void)
{
    static yk_a32 known; /* 0: not yet; else the answer + 1.  Written by any thread, always the same */
    uint32_t answer = yk_load_rlx(&known);

    if (answer == 0) {
        answer = (yoke_cpu_count() > 1 ? SPINS : 0) + 1;
        yk_store_rlx(&known, answer);
    }
    return answer - 1;
}

static bool try_acquire(yk_a32 *word)
{
    uint32_t expected = FREE;

    /* acquire: pairs with the release exchange in yoke_lock_release */
    return yk_cas_acq(word, &expected, HELD);
}

static bool spin(yk_a32 *word)
{
    for (unsigned left = spins(); left > 0; left--) {
        uint32_t now = yk_load_rlx(word);

        if (now == FREE && try_acquire(word))
            return true;
        /* others sleep for it already */
        if (now >= WAITED)
            return false;
        yk_cpu_relax();
    }
    return false;
}

int yoke_lock_acquire_until(yoke_lock *lock, yoke_time deadline)
{
    yk_a32 *word = word_of(lock);
    bool shared = lock->shared != YOKE_PRIVATE;
    uint32_t waited = WAITED + shared;

    if (try_acquire(word))
        return 0;
    if (deadline <= YOKE_NOW)
        return -ETIMEDOUT;
    if (spin(word))
        return 0;
    /* acquire: pairs with the release exchange in yoke_lock_release */
    while (yk_swap_acq(word, waited) != FREE)
        if (yk_futex_wait(word, waited, shared, deadline) < 0)
            return -ETIMEDOUT;
    return 0;
}

void yoke_lock_acquire_slow(yoke_lock *lock)
{
    /* never times out */
    (void)!yoke_lock_acquire_until(lock, YOKE_FOREVER);
}

void yoke_lock_release_slow(yoke_lock *lock, uint32_t old)
{
    if (old < WAITED)
        yk_misuse("yoke_lock_release: nobody held the lock");
    yk_futex_wake(word_of(lock), 1, old != WAITED);
}
