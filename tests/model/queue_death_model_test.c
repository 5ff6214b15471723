/* queue_death_model_test.c -- the gates of a queue (src/ipc/gate.c, leave.c), ring.h, join.c and queue.c with a death at every step: no wake is lost with the dead. */
#include "queue.h"

static void empty(void)
{
    open_queue(YOKE_SHARED, YK_RING, sizeof(int), 2);
}

static void fill(int n)
{
    for (int i = 0; i < n; i++)
        push_until(1, YOKE_NOW);
    n_pushed = 0;
}

static void full(void)
{
    open_queue(YOKE_SHARED, YK_RING, sizeof(int), 1);
    fill(1);
}

static void half_full(void)
{
    empty();
    fill(1);
}

/* More than those who wait here take. */
static void three_in(void)
{
    open_queue(YOKE_SHARED, YK_RING, sizeof(int), 4);
    fill(3);
}

static void room_for_four(void)
{
    open_queue(YOKE_SHARED, YK_RING, sizeof(int), 4);
}

/* Others sleep before it begins. */
static void push_1_to_two(void)
{
    await_sleepers(2);
    push_1();
}

static void close_on_two(void)
{
    await_sleepers(2);
    close_it();
}

static int take_while_one_dies(yoke_queue *it, void *item)
{
    if (busy[1] == POPPING)
        explore_kill(1);
    return yk_ring_take(it, item);
}

/* Two were pushed; of the two that slept the first is on its way, wherever, when this thread has come before it. */
static void pop_before_the_first(void)
{
    int item;

    await_sleepers(2);
    push_1_and_2();
    begin_call(POPPING);
    explore_assert(yk_gate_pass(queue, YK_POP, take_while_one_dies, &item, YOKE_FOREVER) == 0);
    begin_call(NOTHING);
}

static int put_while_one_dies(yoke_queue *it, void *item)
{
    if (busy[0] == PUSHING)
        explore_kill(0);
    return yk_ring_put(it, item);
}

/* Comes in when the first has left the gate, but not yet come back. */
static void push_after_the_first(void)
{
    int item = 1;

    while (pushed() == 0)
        yk_cpu_relax();
    explore_assert(yk_gate_pass(queue, YK_PUSH, put_while_one_dies, &item, YOKE_FOREVER) == 0);
}

static void push_1_to_one(void)
{
    await_sleepers(1);
    push_1();
}

static void do_last(void)
{
    await_sleepers(2);
    explore_assert(yoke_queue_task_done(queue) == 0);
}

static void join(void)
{
    if (yoke_queue_join(queue) == 0)
        n_joined++;
}

static void joined(void)
{
    explore_assert(queue->done.v == 0 || n_joined == 2);
}

static const struct explore scenarios[] = {
    SCENARIO("one pushes and dies, one waits", empty, nobody_in_vain, .threads = {MORTAL(push_1), PATIENT(pop_one)},
             .preemptions = 2, .stale = 1, .deaths = 1),
    SCENARIO("one pops and dies, one waits", full, nobody_in_vain,
             .threads = {MORTAL_PATIENT(pop_one), PATIENT(push_2)}, .preemptions = 2, .stale = 1, .deaths = 1),
    SCENARIO("one pushes and dies, two wait", empty, nobody_in_vain,
             .threads = {MORTAL(push_1_to_two), PATIENT(pop_one), PATIENT(pop_one)}, .delays = 1, NEWEST, .deaths = 1),
    SCENARIO("two wait, the first dies", empty, nobody_in_vain,
             .threads = {LIVING(push_1), MORTAL_PATIENT(pop_one), PATIENT(pop_one)}, .delays = 1, NEWEST, .deaths = 1),
    SCENARIO("two sleep, the first dies", empty, nobody_in_vain,
             .threads = {LIVING(push_1_to_two), MORTAL_PATIENT(pop_one), PATIENT(pop_one)}, .delays = 1, NEWEST,
             .deaths = 1),
    SCENARIO("any of three dies, two items, two wait", empty, nobody_in_vain,
             .threads = {MORTAL(push_1_and_2), MORTAL_PATIENT(pop_one), PATIENT(pop_two)}, .delays = 1, NEWEST,
             .deaths = 1),
    SCENARIO("one comes along meanwhile", half_full, nobody_in_vain,
             .threads = {LIVING(push_1), MORTAL_PATIENT(pop_one), PATIENT(pop_two)}, .delays = 1, NEWEST, .deaths = 1),
    SCENARIO("three at one gate, items for all", three_in, nobody_in_vain,
             .threads = {MORTAL(pop_one), PATIENT(pop_one), PATIENT(pop_one)}, .delays = 2, NEWEST, .deaths = 1),
    SCENARIO("one dies on its way into a gate that is held", room_for_four, nobody_in_vain,
             .threads = {PATIENT(pop_before_the_first), PATIENT(pop_one), PATIENT(pop_one)}, .delays = 2, NEWEST),
    SCENARIO("one dies on its way out of a gate that is held again", room_for_four, nobody_in_vain,
             .threads = {LIVING(push_1_to_one), PATIENT(pop_one), LIVING(push_after_the_first)}, .delays = 2, NEWEST),
    SCENARIO("both sides sleep, and one dies", full, nobody_in_vain,
             .threads = {MORTAL_PATIENT(pop_two), PATIENT(push_1), PATIENT(push_2)}, .delays = 1, NEWEST, .deaths = 1),
    SCENARIO("who closes dies, two consumers wait", empty, nobody_in_vain,
             .threads = {MORTAL(close_on_two), PATIENT(pop_one), PATIENT(pop_one)}, .delays = 1, NEWEST, .deaths = 1),
    SCENARIO("who does the last dies, two join", half_full, joined,
             .threads = {MORTAL(do_last), PATIENT(join), PATIENT(join)}, .delays = 2, NEWEST, .deaths = 1),
    SCENARIO("two deaths, at random", full, nobody_in_vain,
             .threads = {MORTAL_PATIENT(pop_two), MORTAL_PATIENT(push_1), MORTAL_PATIENT(push_1), PATIENT(push_2)},
             .preemptions = 1000, .deaths = 2, .seed = 7, .executions = 100000),
};

int main(void)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        explore_passes(&scenarios[i]);
    return explore_done();
}
