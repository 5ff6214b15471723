/* event.c -- Event: a flag in bit 0 of a futex word, and the number of times it was set in the others.
 *
 * Invariant: the word changes from "not set" only by a set, which also counts; so a waiter that saw it "not set" is released by
 * any change, also when a clear has followed and it never saw the flag.  The changes are one order of atomic exchanges, and set
 * takes part in it even when the flag is set already: a consumer that clears, looks for work and waits is then sure to see the
 * work of every producer whose set came before that clear.
 *
 * Between processes, whoever set it may be killed before it could wake anybody: the kernel then wakes one, on the grave (wait.h),
 * and every one that is released wakes all that still sleep.  A clear wakes all before it takes the flag down: nobody has gone to
 * sleep since it is up, and a newcomer that sleeps afterwards could not tell that it was woken for those who came before. */
#include <errno.h>
#include <limits.h>
#include <yoke/event.h>

#include "base/atomic.h"
#include "os/os.h"
#include "sync/event.h"
#include "sync/wait.h"

enum { SET = 1, ONE = 2 };

void yoke_event_set(yoke_event *event)
{
    yk_a32 *word = (yk_a32 *)&event->word;
    /* read now: once the flag is up, a waiter may leave and take the event with it; the wake uses the address only */
    bool shared = event->shared != YOKE_PRIVATE;
    uint32_t old = yk_load_rlx(word);
    /* this may be a signal handler, in the middle of another call */
    yk_a32 *before = shared ? yk_robust_intend((yk_a32 *)&event->shared) : NULL;

    /* release: pairs with the acquire in wait, is_set and clear */
    while (!yk_cas_aar(word, &old, old & SET ? old : old + ONE + SET))
        continue;
    if (!(old & SET))
        yk_futex_wake(word, INT_MAX, shared);
    if (shared)
        yk_robust_intend(before);
}

void yoke_event_clear(yoke_event *event)
{
    yk_a32 *word = (yk_a32 *)&event->word;
    uint32_t old = yk_load_rlx(word);

    /* seq, which is acquire too: pairs with the release in set, above */
    do {
        if (old & SET && event->shared != YOKE_PRIVATE)
            yk_futex_wake(word, INT_MAX, true);
    } while (!yk_cas_seq(word, &old, old & ~(uint32_t)SET));
}

int yoke_event_is_set(const yoke_event *event)
{
    /* acquire: pairs with the release in set */
    return (yk_load_acq((const yk_a32 *)&event->word) & SET) != 0;
}

int yoke_event_wait_until(yoke_event *event, yoke_time deadline)
{
    yk_a32 *word = (yk_a32 *)&event->word;
    /* acquire, here and below: pairs with the release in set */
    uint32_t before = yk_load_acq(word);
    bool changed;
    int rc = 0;

    if (before & SET)
        return 0;
    yk_grave_intend(&event->shared);
    /* after a timeout or a signal one more look decides: set came first or it did not */
    while (!(changed = yk_load_acq(word) != before) && rc == 0)
        rc = yk_sleep(word, before, &event->shared, deadline);
    /* who set it may have died before it could wake us all, and the kernel woke one */
    if (changed && event->shared != YOKE_PRIVATE)
        yk_futex_wake(word, INT_MAX, true);
    yk_grave_settle(&event->shared);
    return changed ? 0 : rc;
}

void yoke_event_wait(yoke_event *event)
{
    /* only a signal ends it early */
    while (yoke_event_wait_until(event, YOKE_FOREVER) < 0)
        continue;
}

/* ---- among other things ---- */

uint32_t yk_event_before(const yoke_event *event)
{
    /* without the flag: one that is set now is released at the first look.  acquire: as in wait */
    return yk_load_acq((const yk_a32 *)&event->word) & ~(uint32_t)SET;
}

bool yk_event_released(yoke_event *event, uint32_t before, struct yk_wait *ret_wait)
{
    yk_a32 *word = (yk_a32 *)&event->word;

    if (yk_load_acq(word) != before)
        return true;
    *ret_wait = (struct yk_wait){word, before, event->shared != YOKE_PRIVATE};
    return false;
}

void yk_event_pass_on(yoke_event *event, uint32_t before)
{
    yk_a32 *word = (yk_a32 *)&event->word;

    /* acquire: as in wait */
    if (event->shared != YOKE_PRIVATE && yk_load_acq(word) != before)
        yk_futex_wake(word, INT_MAX, true);
}
