/* mutex.c -- Mutex: the word of Lock with the owner's number in it.
 *
 * The word: the owner's number, 0 when free; WAITED: somebody sleeps, or is about to; DIED: set by the kernel in place of a dead
 * owner's number (os/os.h, "robust.c"), and kept until somebody acquires the mutex.
 *
 * Invariants.
 * - Who has put its number into the word is known to the kernel until it has taken it out again: it has intended the word before,
 *   and then linked it.
 * - Whoever sleeps has put WAITED into the word after it last saw the mutex held.  A waiter that was woken puts it there again
 *   before it does anything else (see await_turn), on behalf of those who still sleep.
 * - Shared: a release takes WAITED out only if nobody counts himself in n_waiting.  So the mutex may become free, be taken by a
 *   newcomer, and its releaser die before it could wake anybody: the newcomer sees WAITED, and wakes.  If nobody has taken it, the
 *   kernel wakes one, since the releaser has intended a word that is nobody's.  And a waiter that dies between its being woken and
 *   its putting WAITED there is answered by the kernel too, on the grave.
 *   Who dies waiting stays counted: from then on each release costs a wake that may find nobody.
 * - Private: a release takes WAITED out, as in Lock. */
#include <errno.h>

#include "base/base.h"
#include "sync/mutex.h"
#include "sync/self.h"
#include "sync/wait.h"

_Static_assert(sizeof(yoke_mutex) == sizeof(struct yk_robust) &&
                   offsetof(yoke_mutex, links) == offsetof(struct yk_robust, links),
               "two views of the same memory");

static yk_a32 *word_of(yoke_mutex *mutex)
{
    return (yk_a32 *)&mutex->word;
}

static yk_a32 *late_of(yoke_mutex *mutex)
{
    return (yk_a32 *)&mutex->late;
}

static yk_a32 *n_waiting_of(yoke_mutex *mutex)
{
    return (yk_a32 *)&mutex->n_waiting;
}

static uint32_t number_in(const yoke_mutex *mutex)
{
    return mutex->shared != YOKE_PRIVATE ? yk_tid() : yk_self();
}

void yoke_mutex_init(yoke_mutex *mutex, uint32_t shared)
{
    *mutex = (yoke_mutex){.shared = shared ? YOKE_SHARED : YOKE_PRIVATE};
}

static void intend(yoke_mutex *mutex)
{
    if (mutex->shared != YOKE_PRIVATE)
        yk_robust_intend(word_of(mutex));
}

static void settle(yoke_mutex *mutex)
{
    if (mutex->shared != YOKE_PRIVATE)
        yk_robust_intend(NULL);
}

/* A private mutex of a thread that is not there any more, in a child of fork. */
static bool is_orphan(const yoke_mutex *mutex, uint32_t word)
{
    return mutex->shared == YOKE_PRIVATE && (word & YK_TID) != 0 && yk_is_ghost(word & YK_TID);
}

/* Takes a mutex whose word was just `seen`.  0 or -YOKE_EOWNERDEAD; -EBUSY: it is held, or another was faster. */
static int take(yoke_mutex *mutex, uint32_t seen, uint32_t mine)
{
    bool orphan = is_orphan(mutex, seen);

    if ((seen & YK_TID) != 0 && !orphan)
        return -EBUSY;
    intend(mutex);
    /* acquire: pairs with the release in yoke_mutex_release, and with the kernel's exchange after a death */
    if (!yk_cas_acq(word_of(mutex), &seen, mine | (seen & YK_WAITED)))
        return -EBUSY;
    return orphan || (seen & YK_DIED) != 0 ? -YOKE_EOWNERDEAD : 0;
}

static int spin(yoke_mutex *mutex, uint32_t mine)
{
    for (unsigned left = yk_spins(); left > 0; left--) {
        uint32_t now = yk_load_rlx(word_of(mutex));
        int rc = now & YK_WAITED ? -EBUSY : take(mutex, now, mine);

        if (rc != -EBUSY || now & YK_WAITED)
            return rc;
        yk_cpu_relax();
    }
    return -EBUSY;
}

static int await_turn(yoke_mutex *mutex, uint32_t mine, yoke_time deadline)
{
    int n_sleeps = 0, rc;

    for (;;) {
        uint32_t seen;

        /* before the word shows it: what was owed to the others is in the word after that.  seq: pairs with nobody_waits */
        yk_grave_intend(&mutex->shared);
        seen = yk_or_seq(word_of(mutex), YK_WAITED) | YK_WAITED;
        rc = take(mutex, seen, mine);
        if (rc != -EBUSY)
            break;
        if ((seen & YK_TID) == 0)
            continue;
        if (n_sleeps++ >= LATE_AFTER)
            yk_store_rlx(late_of(mutex), 1);
        yk_grave_intend(&mutex->shared);
        rc = yk_sleep(word_of(mutex), seen, &mutex->shared, deadline);
        if (rc < 0)
            break;
    }
    if (n_sleeps > LATE_AFTER)
        yk_store_rlx(late_of(mutex), 0);
    return rc;
}

static int wait_for(yoke_mutex *mutex, uint32_t mine, yoke_time deadline)
{
    int rc = 0;

    /* seq: pairs with nobody_waits */
    yk_add_seq(n_waiting_of(mutex), 1u);
    if (yk_load_rlx(late_of(mutex))) {
        yk_grave_intend(&mutex->shared);
        rc = yk_sleep_courteously(late_of(mutex), word_of(mutex), YK_WAITED, &mutex->shared, deadline);
    }
    if (rc == 0)
        rc = await_turn(mutex, mine, deadline);
    yk_sub_seq(n_waiting_of(mutex), 1u);
    return rc;
}

static __attribute__((noinline)) int enter_slowly(yoke_mutex *mutex, uint32_t mine, yoke_time deadline)
{
    bool tries = deadline <= YOKE_NOW;
    uint32_t seen = yk_load_rlx(word_of(mutex));
    int rc = -EBUSY;

    if ((seen & YK_TID) == mine)
        return -EDEADLK;
    /* who does not wait has no time to be courteous */
    if (tries || !(seen & YK_WAITED) || !yk_load_rlx(late_of(mutex)))
        rc = take(mutex, seen, mine);
    if (rc == -EBUSY && tries)
        return -ETIMEDOUT;
    if (rc == -EBUSY)
        rc = spin(mutex, mine);
    return rc == -EBUSY ? wait_for(mutex, mine, deadline) : rc;
}

int yk_mutex_enter(yoke_mutex *mutex, yoke_time deadline)
{
    uint32_t mine = number_in(mutex), expected = 0;
    int rc;

    intend(mutex);
    /* acquire: as in take */
    if (yk_cas_acq(word_of(mutex), &expected, mine))
        return 0;
    rc = enter_slowly(mutex, mine, deadline);
    if (rc != 0 && rc != -YOKE_EOWNERDEAD)
        settle(mutex);
    return rc;
}

int yoke_mutex_acquire_until(yoke_mutex *mutex, yoke_time deadline)
{
    bool shared = mutex->shared != YOKE_PRIVATE;
    int rc = shared && yk_robust_held >= YK_ROBUST_MOST ? -EAGAIN : yk_mutex_enter(mutex, deadline);

    if (!shared || (rc != 0 && rc != -YOKE_EOWNERDEAD))
        return rc;
    (void)yk_robust_link((struct yk_robust *)mutex);
    yk_robust_held++;
    settle(mutex);
    return rc;
}

int yoke_mutex_acquire(yoke_mutex *mutex)
{
    int rc = yoke_mutex_acquire_until(mutex, YOKE_FOREVER);

    while (rc == -EINTR)
        rc = yoke_mutex_acquire_until(mutex, YOKE_FOREVER);
    return rc;
}

/* Whether nobody waits, and WAITED is out of the word.  Whoever begins to wait counts himself and then puts WAITED there; here
 * it is taken out before the look at the count.  Whoever comes second sees the other.
 *
 * The owner may die while WAITED is out and somebody sleeps.  So meanwhile the word is linked, to be marked, and the grave is
 * intended, to wake a sleeper. */
static bool nobody_waits(yoke_mutex *mutex)
{
    bool nobody;

    if (yk_load_rlx(n_waiting_of(mutex)) > 0)
        return false;
    (void)yk_robust_link((struct yk_robust *)mutex);
    yk_grave_intend(&mutex->shared);
    /* seq, both: pair with wait_for and await_turn */
    yk_and_seq(word_of(mutex), ~YK_WAITED);
    nobody = yk_load_seq(n_waiting_of(mutex)) == 0;
    if (!nobody)
        yk_or_seq(word_of(mutex), YK_WAITED);
    intend(mutex);
    yk_robust_unlink((struct yk_robust *)mutex);
    return nobody;
}

/* Waiters have been seen.  Once the word is free, the mutex may be gone. */
static __attribute__((noinline)) void leave_waited(yoke_mutex *mutex, uint32_t mine)
{
    bool shared = mutex->shared != YOKE_PRIVATE;
    uint32_t keep = shared || yk_load_rlx(late_of(mutex)) ? YK_WAITED : 0;

    /* release, both: pair with the acquire in take */
    if (shared && nobody_waits(mutex) && yk_cas_rel(word_of(mutex), &mine, 0))
        return;
    yk_and_rel(word_of(mutex), keep);
    yk_futex_wake(word_of(mutex), 1, shared);
}

/* Gives the word back. */
static void leave(yoke_mutex *mutex, uint32_t mine)
{
    uint32_t expected = mine;

    /* release: pairs with the acquire in take */
    if (!yk_cas_rel(word_of(mutex), &expected, 0))
        leave_waited(mutex, mine);
}

void yk_mutex_leave(yoke_mutex *mutex)
{
    bool shared = mutex->shared != YOKE_PRIVATE;

    leave(mutex, number_in(mutex));
    if (shared)
        yk_robust_intend(NULL);
}

static void check_owner(const yoke_mutex *mutex, uint32_t mine)
{
    if ((yk_load_rlx((const yk_a32 *)&mutex->word) & YK_TID) != mine)
        yk_misuse("yoke_mutex_release: the calling thread does not hold the mutex");
}

static void release_shared(yoke_mutex *mutex)
{
    uint32_t mine = yk_tid();

    check_owner(mutex, mine);
    intend(mutex);
    yk_robust_unlink((struct yk_robust *)mutex);
    yk_robust_held--;
    leave(mutex, mine);
    yk_robust_intend(NULL);
}

void yoke_mutex_release(yoke_mutex *mutex)
{
    uint32_t mine = yk_self(), expected = mine;

    if (mutex->shared != YOKE_PRIVATE) {
        release_shared(mutex);
    } else if (!yk_cas_rel(word_of(mutex), &expected, 0)) {
        check_owner(mutex, mine);
        leave_waited(mutex, mine);
    }
}

int yoke_mutex_locked(const yoke_mutex *mutex)
{
    uint32_t word = yk_load_rlx((const yk_a32 *)&mutex->word);

    return (word & YK_TID) != 0 && !is_orphan(mutex, word);
}

int yoke_mutex_held(const yoke_mutex *mutex)
{
    /* relaxed: it is this thread's own number, or not */
    return (yk_load_rlx((const yk_a32 *)&mutex->word) & YK_TID) == number_in(mutex);
}
