/* alive.c -- a word that the kernel changes when the thread that armed it dies: a word of its own, linked until then.
 *
 * Invariant: a word that says "armed" is on the list. */
#include "os/os.h"

void yk_alive_arm(struct yk_robust *alive)
{
    if (!yk_robust_link(alive))
        return;
    /* last, so that "armed" is never said of a word that nobody watches.  release: pairs with the load in yk_alive_armed */
    yk_store_rel(&alive->word, yk_tid() | YK_WAITED);
}

bool yk_alive_armed(struct yk_robust *alive)
{
    /* acquire: pairs with the store in arm */
    return yk_load_acq(&alive->word) != 0;
}

bool yk_alive_dead(struct yk_robust *alive)
{
    /* acquire: pairs with the kernel's exchange, after which the thread writes no more */
    return (yk_load_acq(&alive->word) & YK_DIED) != 0;
}
