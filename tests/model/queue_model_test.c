/* queue_model_test.c -- the gates of a queue (src/ipc/gate.c, leave.c), ring.h, items.c and queue.c under every schedule: items come out once and in order, with what was
 * written before; nobody sleeps while there is something for it to do. */
#include "queue.h"

static void shared_ring_of_1(void)
{
    open_queue(YOKE_SHARED, YK_RING, sizeof(int), 1);
}

static void shared_ring_of_2(void)
{
    open_queue(YOKE_SHARED, YK_RING, sizeof(int), 2);
}

static void private_ring_of_1(void)
{
    open_queue(YOKE_PRIVATE, YK_RING, sizeof(int), 1);
}

static void private_ring_of_2(void)
{
    open_queue(YOKE_PRIVATE, YK_RING, sizeof(int), 2);
}

static void table_of_1(void)
{
    open_queue(YOKE_PRIVATE, YK_TABLE, sizeof(int), 1);
}

static void spinning(void)
{
    private_ring_of_1();
    n_spins = 1;
}

/* Both gates are held by a thread that a fork left behind. */
static void left_behind(void)
{
    private_ring_of_2();
    ghost = 99;
    queue->side[YK_PUSH].gate.v = queue->side[YK_POP].gate.v = 99 | YK_HELD;
}

static int first_item, second_item;

/* In order, and with what was written before. */
static int data[2];

static void write_and_push(void)
{
    for (int i = 0; i < 2; i++) {
        explore_writes(&data[i]);
        push_until(i + 1, YOKE_FOREVER);
    }
}

static void pop_and_read(void)
{
    int *const items[] = {&first_item, &second_item};

    for (int i = 0; i < 2; i++) {
        sum = 0;
        pop_one();
        *items[i] = sum;
        explore_reads(&data[sum - 1]);
    }
    explore_assert(first_item == 1 && second_item == 2);
}

static void all_through(void)
{
    explore_assert(n_pushed == n_popped && pushed() == n_pushed && popped() == n_popped);
}

static void both_through(void)
{
    all_through();
    explore_assert(n_popped == 2 && sum == 3);
}

/* One of them waits until there is an item, whatever the others do. */
static void came_out(void)
{
    explore_assert(pushed() == 1 && popped() == 1 && n_popped == 1);
}

static void push_then_pop(void)
{
    push_1();
    pop_one();
}

/* A try may fail only if the queue is empty at some moment: here it never is. */
static void holds_two(void)
{
    shared_ring_of_2();
    push_until(1, YOKE_NOW);
    push_until(2, YOKE_NOW);
}

static void try_one(void)
{
    explore_assert(pop_until(YOKE_NOW) == 0);
}

/* The same for room, of which there is always some. */
static void try_to_push(void)
{
    explore_assert(push_until(1, YOKE_NOW) == 0);
}

static void push_pop_push(void)
{
    try_to_push();
    try_one();
    try_to_push();
}

static void fill_and_close(void)
{
    push_1();
    close_it();
}

static void pop_until_closed(void)
{
    while (pop_until(YOKE_FOREVER) == 0)
        continue;
}

static void drained(void)
{
    explore_assert(pushed() == popped() && n_popped == n_pushed);
}

static void full(void)
{
    shared_ring_of_1();
    push_until(1, YOKE_NOW);
    n_pushed = 0;
}

static void both_told(void)
{
    explore_assert(n_closed == 2);
}

static void watch(void)
{
    struct yk_wait wait;

    while (!yk_queue_ready(queue, &wait))
        (void)yk_futex_wait(wait.word, wait.expected, wait.shared, YOKE_FOREVER);
}

static const struct explore scenarios[] = {
    SCENARIO("one pushes two, one pops two; room for one", shared_ring_of_1, all_through,
             TWO_BODIES(write_and_push, pop_and_read), .preemptions = 2, .stale = 1),
    SCENARIO("the same, room for two", shared_ring_of_2, all_through, TWO_BODIES(write_and_push, pop_and_read),
             .preemptions = 2, .stale = 1),
    SCENARIO("the same, between threads", private_ring_of_1, all_through, TWO_BODIES(write_and_push, pop_and_read),
             .preemptions = 2, .stale = 1),
    SCENARIO("the same, that look before they sleep", spinning, all_through, TWO_BODIES(write_and_push, pop_and_read),
             .preemptions = 2, .stale = 1),
    SCENARIO("two push, one pops", shared_ring_of_1, both_through, THREE_BODIES(push_1, push_2, pop_two), .delays = 2,
             NEWEST),
    SCENARIO("one pushes, two pop", shared_ring_of_2, both_through, THREE_BODIES(push_1_and_2, pop_one, pop_one),
             .delays = 2, NEWEST),
    SCENARIO("two push, one pops, between threads", private_ring_of_1, both_through,
             THREE_BODIES(push_1, push_2, pop_two), .delays = 3, NEWEST),
    SCENARIO("one pushes, two pop, between threads", private_ring_of_2, both_through,
             THREE_BODIES(push_1_and_2, pop_one, pop_one), .delays = 2, NEWEST),
    SCENARIO("one gate: two push, one pops", table_of_1, both_through, THREE_BODIES(push_1, push_2, pop_two),
             .delays = 2, NEWEST),
    SCENARIO("one gate: one pushes, two pop", table_of_1, both_through, THREE_BODIES(push_1_and_2, pop_one, pop_one),
             .delays = 3, NEWEST),
    SCENARIO("both do both, room for one", shared_ring_of_1, all_through,
             THREE_BODIES(push_then_pop, push_then_pop, push_then_pop), .delays = 2, NEWEST),
    SCENARIO("a deadline, and no wake is lost with it", shared_ring_of_1, came_out,
             .threads = {LIVING(push_1), LIVING(pop_soon), PATIENT(pop_one)}, .delays = 3, NEWEST),
    SCENARIO("the same between threads", private_ring_of_1, came_out,
             .threads = {LIVING(push_1), LIVING(pop_soon), PATIENT(pop_one)}, .delays = 2, NEWEST),
    SCENARIO("who tries gets what is there", holds_two, NULL, TWO_BODIES(try_one, try_one), .preemptions = 3),
    SCENARIO("who tries gets the room that is there", private_ring_of_2, NULL, TWO_BODIES(push_pop_push, try_to_push),
             .preemptions = 2),
    SCENARIO("close, and what was pushed before comes out", shared_ring_of_2, drained,
             THREE_BODIES(fill_and_close, pop_until_closed, pop_until_closed), .delays = 2, NEWEST),
    SCENARIO("close, while others push", shared_ring_of_2, drained, THREE_BODIES(close_it, push_1, pop_until_closed),
             .delays = 3, NEWEST),
    SCENARIO("close releases who waits for room", full, both_told, THREE_BODIES(close_it, push_1, push_2), .delays = 2,
             NEWEST),
    SCENARIO("one who watches", shared_ring_of_1, NULL, TWO_BODIES(push_1, watch), .preemptions = 3),
    SCENARIO("one who watches, and one who takes", shared_ring_of_2, NULL,
             .threads = {LIVING(push_1_and_2), LIVING(watch), LIVING(pop_one)}, .delays = 2, NEWEST),
    SCENARIO("left behind by a fork", left_behind, both_through, THREE_BODIES(push_1, push_2, pop_two), .delays = 2,
             NEWEST),
};

/* ---- mutants ---- */

/* Two that read old values, too: what a missing order does at its worst. */
static const struct explore lagging[] = {
    SCENARIO("one pushes, two pop, and one lags behind", shared_ring_of_2, both_through,
             THREE_BODIES(push_1_and_2, pop_one, pop_one), .delays = 2, .stale = 20, .lag = true, .executions = 30000),
    SCENARIO("one gate: two push, one pops, and one lags behind", table_of_1, both_through,
             THREE_BODIES(push_1, push_2, pop_two), .delays = 2, .stale = 20, .lag = true, .executions = 30000),
};

/* The weaker orders with which these few scenarios pass: not shown to be needed, which is not to say that they are surplus. */
static const struct explore_surplus survivors[] = {
    {"yk_gate_pass", "no intention", "here nobody dies; see queue_death_model_test.c"},
    {"intend_gate", "no intention", "here nobody dies; see queue_death_model_test.c"},
    {"attempt_waiting", "or acq_rel -> release", "who then enters has the acquire of the gate"},
    {"try_turn", "add release -> relaxed", "LOOK, which is set after it, carries it too"},
    {"try_turn", "load acquire -> relaxed", "the gate, which is looked at after it, brings the same"},
    {"may_ring", "", "whoever takes the right away has seen the state of the queue already"},
    {"ring_door", "load acquire -> relaxed", "a number that is too old costs a wake in vain"},
    {"is_crowded", "load acquire -> relaxed", "a number that is too old costs a wake in vain"},
    {"ring", "add release -> relaxed", "who is woken looks at the gate first"},
    {"ring_side", "load acquire -> relaxed", "it is about the sizes of items, and these have one size"},
    {"yk_gate_leave_looking", "cas release -> relaxed", "LOOK, which is set before or after it, carries it"},
    {"yk_gate_leave_looking", "and acq_rel -> acquire", "the release that follows carries it"},
    {"pop_ring", "load acquire -> relaxed", "no scenario closes beside a pop that finds nothing"},
    {"pop_other", "load acquire -> relaxed", "no scenario closes beside a pop that finds nothing"},
};

int main(void)
{
    const struct explore *const brief[] = {&scenarios[0], &scenarios[2], &scenarios[18], &lagging[0], &lagging[1]};
    static const char *const files[] = {"ipc/ring.h", "ipc/gate.h", "ipc/gate.c", "ipc/leave.c", "ipc/items.c"};

    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        explore_passes(&scenarios[i]);
    for (size_t i = 0; i < sizeof lagging / sizeof *lagging; i++)
        explore_passes(&lagging[i]);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        explore_mutants(files[i], brief, 5, survivors, sizeof survivors / sizeof *survivors);
    return explore_done();
}
