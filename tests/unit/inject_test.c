/* inject_test.c -- the injection queue keeps the order, loses nothing, and says when it is empty. */
#include "sched/inject.h"

#include <stdlib.h>
#include <yoke/event.h>
#include <yoke/thread.h>

#include "chaos.h"
#include "test.h"

struct item {
    struct yk_inject_node node;
    int producer;
    int number;
};

static struct yk_inject queue;

static struct item *pop(void)
{
    struct yk_inject_node *node;

    return yk_inject_pop(&queue, &node, 1) == 1 ? (struct item *)(void *)node : NULL;
}

TEST(inject_is_first_in_first_out)
{
    struct item items[5] = {0};

    CHECK(!yk_inject_visible(&queue));
    CHECK(pop() == NULL);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5; i++)
            yk_inject_push(&queue, &items[i].node);
        CHECK(yk_inject_visible(&queue));
        for (int i = 0; i < 5; i++)
            CHECK(pop() == &items[i]);
        CHECK(!yk_inject_visible(&queue));
        CHECK(pop() == NULL);
    }
}

TEST(inject_pops_in_batches)
{
    struct item items[5] = {0};
    struct yk_inject_node *nodes[8] = {0};

    for (int i = 0; i < 5; i++)
        yk_inject_push(&queue, &items[i].node);
    CHECK_EQ(yk_inject_pop(&queue, nodes, 0), 0);
    CHECK_EQ(yk_inject_pop(&queue, nodes, 2), 2);
    CHECK(nodes[0] == &items[0].node && nodes[1] == &items[1].node);
    CHECK(nodes[2] == NULL);
    CHECK_EQ(yk_inject_pop(&queue, nodes, 8), 3);
    CHECK(nodes[2] == &items[4].node);
    CHECK_EQ(yk_inject_pop(&queue, nodes, 8), 0);
}

TEST(inject_popper_excludes_others)
{
    struct item item = {0};

    yk_inject_push(&queue, &item.node);
    yk_store_rel(&queue.lock, 1);
    CHECK(pop() == NULL);
    CHECK(yk_inject_visible(&queue));
    yk_store_rel(&queue.lock, 0);
    CHECK(pop() == &item);
}

/* ---- a push that is interrupted half-way ---- */

static yoke_event swapped, may_link;
static _Thread_local bool slow;

static void hold(enum yk_point point)
{
    if (slow && point == YK_AT_INJECT_SWAPPED) {
        yoke_event_set(&swapped);
        yoke_event_wait(&may_link);
    }
}

static int slow_push(void *arg)
{
    slow = true;
    yk_inject_push(&queue, arg);
    return 0;
}

static void half_a_push(int n_before)
{
    struct item items[3] = {0};
    yoke_thread thread = {0};

    yk_fault_hook = hold;
    for (int i = 0; i < n_before; i++)
        yk_inject_push(&queue, &items[i].node);
    CHECK_EQ(yoke_thread_start(&thread, slow_push, &items[n_before].node), 0);
    yoke_event_wait(&swapped);
    if (n_before == 2)
        CHECK(pop() == &items[0]);
    CHECK(pop() == NULL); /* the one before the half one is still written to */
    CHECK(yk_inject_visible(&queue));
    yoke_event_set(&may_link);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    for (int i = n_before == 2 ? 1 : 0; i <= n_before; i++)
        CHECK(pop() == &items[i]);
    CHECK(!yk_inject_visible(&queue));
}

TEST(inject_half_a_push_onto_nothing)
{
    half_a_push(0);
}
TEST(inject_half_a_push_onto_one)
{
    half_a_push(1);
}
TEST(inject_half_a_push_onto_two)
{
    half_a_push(2);
}

/* ---- many at once: each node is freed by whoever pops it ---- */

enum { PRODUCERS = 3, CONSUMERS = 2, EACH = 5000 };

static yk_a32 popped;

static int produce(void *arg)
{
    for (int i = 0; i < EACH; i++) {
        struct item *item = malloc(sizeof *item);

        CHECK(item);
        item->producer = *(int *)arg;
        item->number = i;
        yk_inject_push(&queue, &item->node);
    }
    return 0;
}

static int consume(void *arg)
{
    int last[PRODUCERS] = {-1, -1, -1};

    (void)arg;
    while (yk_load_acq(&popped) < PRODUCERS * EACH) {
        struct yk_inject_node *nodes[4];
        size_t n = yk_inject_pop(&queue, nodes, 1 + chaos_random() % 4);

        for (size_t i = 0; i < n; i++) {
            struct item *item = (struct item *)(void *)nodes[i];

            CHECK(item->number > last[item->producer]); /* in order, as far as one consumer sees it */
            last[item->producer] = item->number;
            free(item);
        }
        yk_add_aar(&popped, (uint32_t)n);
        if (n == 0)
            yk_yield();
    }
    return 0;
}

TEST(inject_many_at_once)
{
    yoke_thread producers[PRODUCERS] = {0}, consumers[CONSUMERS] = {0};
    int numbers[PRODUCERS] = {0, 1, 2};

    chaos_begin();
    for (int i = 0; i < CONSUMERS; i++)
        CHECK_EQ(yoke_thread_start(&consumers[i], consume, NULL), 0);
    for (int i = 0; i < PRODUCERS; i++)
        CHECK_EQ(yoke_thread_start(&producers[i], produce, &numbers[i]), 0);
    for (int i = 0; i < PRODUCERS; i++)
        CHECK_EQ(yoke_thread_join(&producers[i], NULL), 0);
    for (int i = 0; i < CONSUMERS; i++)
        CHECK_EQ(yoke_thread_join(&consumers[i], NULL), 0);
    CHECK_EQ(yk_load_acq(&popped), PRODUCERS * EACH);
    CHECK(!yk_inject_visible(&queue));
}
