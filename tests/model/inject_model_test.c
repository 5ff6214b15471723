/* inject_model_test.c -- src/sched/inject.c under every schedule: what is pushed is popped once, in order, with what
 * was written before; and a node may be used again as soon as it was popped. */
#include "builtins.h"

#include <string.h>

#include "../../src/sched/inject.c"

enum { NODES = 3 };

struct work {
    struct yk_inject_node node;
    int payload;
};

static struct yk_inject queue;
static struct work works[NODES];
static int popped[NODES], order[NODES], n_popped;

static void reset(void)
{
    memset(&queue, 0, sizeof queue);
    memset(works, 0, sizeof works);
    memset(popped, 0, sizeof popped);
    n_popped = 0;
}

static void push(int i)
{
    explore_writes(&works[i].payload);
    works[i].payload = i;
    yk_inject_push(&queue, &works[i].node);
}

static int pop(size_t max)
{
    struct yk_inject_node *nodes[NODES];
    size_t n = yk_inject_pop(&queue, nodes, max);

    for (size_t k = 0; k < n; k++) {
        int i = (int)((struct work *)nodes[k] - works);

        explore_reads(&works[i].payload);
        explore_writes(&works[i].payload); /* it is ours now */
        explore_assert(works[i].payload == i && ++popped[i] == 1);
        order[n_popped++] = i;
    }
    return (int)n;
}

static void push_two(void)
{
    push(0);
    push(1);
}

static void push_third(void)
{
    push(2);
}

static void pop_some(void)
{
    pop(2);
    pop(1);
}

/* Until all is there; a queue that says it is empty must be. */
static void pop_all(void)
{
    while (n_popped < NODES)
        if (pop(NODES) == 0)
            yk_cpu_relax();
    explore_assert(!yk_inject_visible(&queue));
}

static void pop_two(void)
{
    while (n_popped < 2)
        if (pop(NODES) == 0)
            yk_cpu_relax();
}

/* A popped node is pushed again. */
static void push_again(void)
{
    push(0);
    while (pop(1) == 0)
        yk_cpu_relax();
    popped[0] = 0;
    push(0);
}

/* Everything that was pushed can be popped afterwards, first in, first out for one pusher. */
static void all_in_order(void)
{
    while (pop(NODES) > 0)
        continue;
    explore_assert(n_popped == NODES);

    int place[NODES];

    for (int k = 0; k < NODES; k++)
        place[order[k]] = k;
    explore_assert(place[0] < place[1]);
}

static void two_in_order(void)
{
    while (pop(NODES) > 0)
        continue;
    explore_assert(n_popped == 2 && order[0] == 0 && order[1] == 1);
}

static void again_check(void)
{
    while (pop(NODES) > 0)
        continue;
    explore_assert(popped[0] == 1);
}

#define TWO .preemptions = 2, .stale = 2
#define MORE .delays = 2, .stale = 1

static const struct explore one_each = {.name = "one pushes, one pops",
                                        .setup = reset,
                                        .check = two_in_order,
                                        TWO,
                                        .threads = {{.body = push_two}, {.body = pop_two}}};
static const struct explore pushers = {.name = "two push, one pops",
                                       .setup = reset,
                                       .check = all_in_order,
                                       MORE,
                                       .threads = {{.body = push_two}, {.body = push_third}, {.body = pop_all}}};
static const struct explore poppers = {.name = "two pop",
                                       .setup = reset,
                                       .check = two_in_order,
                                       MORE,
                                       .threads = {{.body = push_two}, {.body = pop_some}, {.body = pop_some}}};
static const struct explore reuse = {.name = "a popped node is pushed again",
                                     .setup = reset,
                                     .check = again_check,
                                     TWO,
                                     .threads = {{.body = push_again}}};
static const struct explore at_random = {
    .name = "two push, two pop, at random",
    .setup = reset,
    .check = all_in_order,
    .preemptions = 9,
    .seed = 5,
    .executions = 20000,
    .threads = {{.body = push_two}, {.body = push_third}, {.body = pop_some}, {.body = pop_some}}};

/* A node and what was written before it reach the popper on two ways, the tail and the links: one of them is enough
 * for it. */
#define TWO_WAYS "the tail and the links both carry it"
/* Here the explorer is too strong: stores to one location take effect in the order in which it runs them. */
#define TWO_STORES "keeps two stores to head, or to next, in order, which the explorer does anyhow"

static const struct explore_surplus surplus[] = {
    {"yk_inject_push", "swap acq_rel -> acquire", TWO_STORES},
    {"yk_inject_push", "swap acq_rel -> release", TWO_STORES},
    {"yk_inject_push", "swap acq_rel -> relaxed", TWO_STORES},
    {"pop_one", "cas acq_rel -> acquire", TWO_STORES},
    {"pop_one", "cas acq_rel -> release", TWO_STORES},
    {"pop_one", "cas acq_rel -> relaxed", TWO_STORES},
    {"pop_one", "failed cas acquire -> relaxed", TWO_WAYS},
    {"pop_one", "load acquire -> relaxed", TWO_WAYS},
    {"yk_inject_visible", "load acquire -> relaxed", TWO_WAYS},
};

int main(void)
{
    const struct explore *const all[] = {&one_each, &pushers, &poppers, &reuse};

    for (int i = 0; i < 4; i++)
        explore_passes(all[i]);
    explore_passes(&at_random);
    explore_mutants("sched/inject.c", all, 4, surplus, 9);
    explore_mutants("sched/inject.h", all, 4, surplus, 9);
    return explore_done();
}
