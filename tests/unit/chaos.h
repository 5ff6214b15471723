/* chaos.h -- random delays at the named points of the protocols, so that rare interleavings become common. */
#ifndef CHAOS_H
#define CHAOS_H

#include "base/atomic.h"
#include "base/fault.h"
#include "os/os.h"
#include "test.h"

static yk_a64 chaos_calls;
static unsigned long chaos_seed;

/* A generator of its own for each thread and seed (xorshift). */
static inline uint64_t chaos_random(void)
{
    static _Thread_local uint64_t state;

    if (state == 0)
        state = (chaos_seed + 1) * 0x9e3779b97f4a7c15u ^ (yk_add_rlx(&chaos_calls, 1) + 1) * 0xbf58476d1ce4e5b9u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static inline void chaos_hook(enum yk_point point)
{
    uint64_t r = chaos_random();

    (void)point;
    if (r % 4 == 0)
        yk_yield();
    else if (r % 4 == 1)
        for (uint64_t i = (r >> 8) % 2000; i > 0; i--)
            yk_cpu_relax();
}

static inline void chaos_begin(void)
{
    chaos_seed = test_seed();
    yk_fault_hook = chaos_hook;
}

#endif
