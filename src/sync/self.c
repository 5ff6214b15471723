/* self.c -- numbers for threads.
 *
 * Invariant: a number is given to one thread only (they come again after 2^30 threads).  Those up to `forked_at` were given
 * before the last fork, and only the survivor's is still in use. */
#include "sync/self.h"

static yk_a32 given; /* the last one; by any thread */

_Thread_local __attribute__((tls_model("initial-exec"))) uint32_t yk_self_known;

/* Written in the child of a fork, by its only thread. */
static uint32_t forked_at, survivor, n_forks;

static void forked(void)
{
    forked_at = yk_load_rlx(&given) & YK_TID;
    survivor = yk_self_known;
    n_forks++;
}

__attribute__((constructor)) static void watch_forks(void)
{
    /* without memory for that, a child waits for who is not there, as with any other lock */
    (void)yk_at_fork(forked);
}

uint32_t yk_self_new(void)
{
    while (yk_self_known == 0)
        /* relaxed: it only shares out numbers */
        yk_self_known = (yk_add_rlx(&given, 1) + 1) & YK_TID;
    return yk_self_known;
}

bool yk_is_ghost(uint32_t number)
{
    return number <= forked_at && number != survivor;
}

uint32_t yk_forks(void)
{
    return n_forks;
}
