/* watch.h -- lets a model test stand between the shipped code and the explorer: each access to memory goes to the function watch_...
 * that the test defines, which passes it on by (explore_...)().  To be included before the shipped code. */
#ifndef WATCH_H
#define WATCH_H

#include "builtins.h"

static uint64_t watch_load(const void *address, unsigned size, int order, struct explore_site *site);
static void watch_store(void *address, unsigned size, uint64_t value, int order, struct explore_site *site);
static uint64_t watch_modify(enum explore_kind kind, void *address, unsigned size, uint64_t operand, int order,
                             struct explore_site *site);
static bool watch_cas(void *address, unsigned size, void *expected, uint64_t desired, int order, int failure,
                      struct explore_site *site);

#define explore_load(a, size, order, site) watch_load((a), (size), (order), (site))
#define explore_store(a, size, value, order, site) watch_store((a), (size), (value), (order), (site))
#define explore_modify(kind, a, size, operand, order, site)                                                            \
    watch_modify((kind), (a), (size), (operand), (order), (site))
#define explore_cas(a, size, expected, desired, order, failure, site)                                                  \
    watch_cas((a), (size), (expected), (desired), (order), (failure), (site))

#endif
