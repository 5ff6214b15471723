/* heap_test.c -- the heap of timers against a plain list: the first is always the one that is due first, or was started first. */
#include <stdbool.h>
#include <stdlib.h>

#include "test.h"
#include "thread/heap.h"

enum { TIMERS = 200, STEPS = 20000 };

struct world {
    yoke_timer timers[TIMERS];
    bool inside[TIMERS];
    uint64_t numbers;
    uint32_t seed;
    yoke_timer *heap;
};

static uint32_t drawn(struct world *world, uint32_t below)
{
    world->seed = world->seed * 1103515245 + 12345;
    return (world->seed >> 8) % below;
}

static yoke_timer *first_of(struct world *world)
{
    yoke_timer *first = NULL;

    for (int i = 0; i < TIMERS; i++) {
        yoke_timer *t = &world->timers[i];

        if (world->inside[i] && (!first || t->due < first->due || (t->due == first->due && t->number < first->number)))
            first = t;
    }
    return first;
}

/* Adds or removes timer i, whichever can be. */
static void change(struct world *world, uint32_t i, uint32_t dues)
{
    if (world->inside[i]) {
        yk_heap_remove(&world->heap, &world->timers[i]);
    } else {
        world->timers[i].due = (yoke_time)drawn(world, dues);
        world->timers[i].number = world->numbers++;
        yk_heap_add(&world->heap, &world->timers[i]);
    }
    world->inside[i] = !world->inside[i];
}

/* dues: how many different times there are. */
static void check(uint32_t dues)
{
    struct world *world = calloc(1, sizeof *world);

    CHECK(world);
    world->seed = (uint32_t)test_seed();
    for (int step = 0; step < STEPS; step++) {
        uint32_t i = drawn(world, TIMERS);
        yoke_timer *first = first_of(world);

        CHECK(world->heap == first);
        /* the first goes more often than others, as it does in life */
        if (first && drawn(world, 3) == 0)
            i = (uint32_t)(first - world->timers);
        change(world, i, dues);
    }
    while (world->heap) {
        CHECK(world->heap == first_of(world));
        change(world, (uint32_t)(world->heap - world->timers), dues);
    }
    CHECK(first_of(world) == NULL);
    free(world);
}

TEST(the_first_is_the_first)
{
    check(1000000);
    check(50);
}

TEST(of_those_due_at_once_the_one_with_the_lowest_number)
{
    check(1);
    check(3);
}
