/* event.c -- Event: a flag in bit 0 of a futex word, and the number of times it was set in the others.
 *
 * Invariant: the word changes from "not set" only by a set, which also counts; so a waiter that saw it "not set" is released by
 * any change, also when a clear has followed and it never saw the flag.  The changes are one order of atomic exchanges, and set
 * takes part in it even when the flag is set already: a consumer that clears, looks for work and waits is then sure to see the
 * work of every producer whose set came before that clear. */
#include <errno.h>
#include <limits.h>
#include <yoke/event.h>

#include "base/atomic.h"
#include "os/os.h"

enum { SET = 1, ONE = 2 };

void yoke_event_set(yoke_event *event)
{
    yk_a32 *word = (yk_a32 *)&event->word;
    /* read now: once the flag is up, a waiter may leave and take the event with it; the wake uses the address only */
    bool shared = event->shared != YOKE_PRIVATE;
    uint32_t old = yk_load_rlx(word);

    /* release: pairs with the acquire in wait, is_set and clear */
    while (!yk_cas_aar(word, &old, old & SET ? old : old + ONE + SET))
        continue;
    if (!(old & SET))
        yk_futex_wake(word, INT_MAX, shared);
}

void yoke_event_clear(yoke_event *event)
{
    /* seq, which is acquire too: pairs with the release in set, above */
    yk_and_seq((yk_a32 *)&event->word, ~(uint32_t)SET);
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
    int rc = 0;

    while (!(before & SET) && yk_load_acq(word) == before) {
        /* after a timeout one more look, above, decides: set came first or it did not */
        if (rc < 0)
            return rc;
        rc = yk_futex_wait(word, before, event->shared != YOKE_PRIVATE, deadline);
    }
    return 0;
}

void yoke_event_wait(yoke_event *event)
{
    /* never times out */
    (void)!yoke_event_wait_until(event, YOKE_FOREVER);
}
