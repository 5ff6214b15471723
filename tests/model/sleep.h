/* sleep.h -- what the primitives of src/sync stand on, as their model tests have it: src/sync/wait.c, but how often a waiter looks
 * before it sleeps is the scenario's; and a fork that never was. */
#include "builtins.h"

#define yk_spins spins_of_this_machine
#include "../../src/sync/wait.c"
#undef yk_spins

/* Both set by setup. */
static unsigned n_spins;
static uint32_t ghost; /* the number of a thread that the fork left behind; 0: none */

static inline unsigned yk_spins(void)
{
    return n_spins;
}

bool yk_is_ghost(uint32_t number)
{
    return number == ghost;
}

int yoke_cpu_count(void)
{
    return 2;
}

int yk_wait_ready(struct yk_ready *ready, unsigned n, yoke_time deadline)
{
    (void)ready;
    (void)n;
    (void)deadline;
    explore_fail("the explorer has no descriptors");
}
