/* queue_many_test.c -- Queue: many producers and consumers, in threads and in processes; each item comes out once. */
#include "queues.h"

enum { PRODUCERS = 3, CONSUMERS = 3, EACH = 4000, TAGS = PRODUCERS * EACH };

/* Shared by processes, where there are some. */
struct market {
    yoke_queue *queue;
    uint32_t n_seen[TAGS];   /* atomically */
    uint32_t next_producer;  /* the same */
    uint32_t n_out_of_order; /* the same */
    bool fifo;
};

static struct market *new_market(enum kind kind, size_t capacity)
{
    struct market *market = mmap(NULL, sizeof *market, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(market != MAP_FAILED);
    market->queue = new_queue(kind, capacity);
    market->fifo = kind != LIFO && kind != PRIORITY;
    return market;
}

static int produce(void *arg)
{
    struct market *market = arg;
    int me = (int)__atomic_fetch_add(&market->next_producer, 1, __ATOMIC_RELAXED);

    for (int i = 0; i < EACH; i++)
        CHECK_EQ(push_until(market->queue, me * EACH + i, i % 7 ? YOKE_FOREVER : in_time()), 0);
    return 0;
}

/* What one consumer gets of one producer comes in the producer's order. */
static int consume(void *arg)
{
    struct market *market = arg;
    int last[PRODUCERS] = {0}, item, rc;

    while ((rc = pop_until(market->queue, &item, YOKE_FOREVER)) == 0) {
        CHECK(item >= 0 && item < TAGS);
        if (item % EACH < last[item / EACH])
            __atomic_fetch_add(&market->n_out_of_order, 1, __ATOMIC_RELAXED);
        last[item / EACH] = item % EACH;
        __atomic_fetch_add(&market->n_seen[item], 1, __ATOMIC_RELAXED);
    }
    return rc == -YOKE_ECLOSED ? 0 : 1;
}

static void check_market(struct market *market)
{
    for (int i = 0; i < TAGS; i++)
        CHECK_EQ(market->n_seen[i], 1);
    CHECK(!market->fifo || market->n_out_of_order == 0);
    CHECK_EQ(yoke_queue_length(market->queue), 0);
    free_queue(&market->queue);
    munmap(market, sizeof *market);
}

static void trade_in_threads(enum kind kind, size_t capacity)
{
    struct market *market = new_market(kind, capacity);
    yoke_thread producers[PRODUCERS] = {{0}}, consumers[CONSUMERS] = {{0}};

    for (int i = 0; i < CONSUMERS; i++)
        CHECK_EQ(yoke_thread_start(&consumers[i], consume, market), 0);
    for (int i = 0; i < PRODUCERS; i++)
        CHECK_EQ(yoke_thread_start(&producers[i], produce, market), 0);
    for (int i = 0; i < PRODUCERS; i++)
        CHECK_EQ(code_of(&producers[i]), 0);
    CHECK_EQ(yoke_queue_close(market->queue), 0);
    for (int i = 0; i < CONSUMERS; i++)
        CHECK_EQ(code_of(&consumers[i]), 0);
    check_market(market);
}

TEST(threads_with_room_for_one)
{
    for (enum kind kind = RING; kind < KINDS; kind++)
        trade_in_threads(kind, 1);
}

TEST(threads_with_some_room)
{
    for (enum kind kind = RING; kind < KINDS; kind++)
        trade_in_threads(kind, 10);
}

TEST(threads_with_room_for_all)
{
    for (enum kind kind = RING; kind < KINDS; kind++)
        trade_in_threads(kind, 2000);
}

/* Two threads of one process on each side, the others in processes of their own. */
static int consume_in_two(void *arg)
{
    yoke_thread other = {0};
    int rc;

    CHECK_EQ(yoke_thread_start(&other, consume, arg), 0);
    rc = consume(arg);
    return rc | code_of(&other);
}

static void trade_in_processes(enum kind kind, size_t capacity)
{
    struct market *market = new_market(kind, capacity);
    pid_t producers[PRODUCERS], consumers[2];

    consumers[0] = forked(consume, market);
    consumers[1] = forked(consume_in_two, market);
    for (int i = 0; i < PRODUCERS; i++)
        producers[i] = forked(produce, market);
    for (int i = 0; i < PRODUCERS; i++)
        check_ends_well(producers[i]);
    CHECK_EQ(yoke_queue_close(market->queue), 0);
    check_ends_well(consumers[0]);
    check_ends_well(consumers[1]);
    check_market(market);
}

TEST(processes_with_room_for_one)
{
    trade_in_processes(SHARED, 1);
    trade_in_processes(SHARED_BYTES, 1);
}

TEST(processes_with_some_room)
{
    trade_in_processes(SHARED, 10);
    trade_in_processes(SHARED_BYTES, 10);
}

TEST(processes_with_room_for_all)
{
    trade_in_processes(SHARED, 2000);
    trade_in_processes(SHARED_BYTES, 2000);
}

/* Items of many sizes, by several who wait for different amounts of room. */
struct parcels {
    yoke_queue *queue;
    uint32_t n_received, next;
};

enum { LARGEST = 400, PARCELS = 3000 };

static int send_parcels(void *arg)
{
    struct parcels *parcels = arg;
    unsigned char bytes[LARGEST];
    unsigned me = __atomic_fetch_add(&parcels->next, 1, __ATOMIC_RELAXED);

    for (unsigned i = 0; i < PARCELS; i++) {
        size_t size = 1 + (i * 37 + me * 101) % LARGEST;

        memset(bytes, (int)(size & 0xff), size);
        CHECK_EQ(yoke_queue_push_bytes(parcels->queue, bytes, size), 0);
    }
    return 0;
}

static int receive_parcels(void *arg)
{
    struct parcels *parcels = arg;
    unsigned char bytes[LARGEST];
    size_t size;
    int rc;

    while ((rc = yoke_queue_pop_bytes(parcels->queue, bytes, sizeof bytes, &size)) == 0) {
        for (size_t i = 0; i < size; i++)
            CHECK_EQ(bytes[i], size & 0xff);
        __atomic_fetch_add(&parcels->n_received, 1, __ATOMIC_RELAXED);
    }
    return rc == -YOKE_ECLOSED ? 0 : 1;
}

TEST(parcels_of_many_sizes)
{
    enum kind kinds[] = {BYTES, UNBOUNDED_BYTES, SHARED_BYTES};

    for (int k = 0; k < 3; k++) {
        struct parcels parcels = {.queue = new_queue(kinds[k], LARGEST / 16 + 2)};
        yoke_thread senders[3] = {{0}}, receivers[2] = {{0}};

        for (int i = 0; i < 2; i++)
            CHECK_EQ(yoke_thread_start(&receivers[i], receive_parcels, &parcels), 0);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(yoke_thread_start(&senders[i], send_parcels, &parcels), 0);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(code_of(&senders[i]), 0);
        CHECK_EQ(yoke_queue_close(parcels.queue), 0);
        for (int i = 0; i < 2; i++)
            CHECK_EQ(code_of(&receivers[i]), 0);
        CHECK_EQ(parcels.n_received, 3 * PARCELS);
        free_queue(&parcels.queue);
    }
}

/* A queue that says it is empty, or full, was so: who alone pushes and pops never fails, though others hold the gates all the time. */
struct bystanders {
    yoke_queue *queue;
    uint32_t stop;
};

static int pop_and_push_back(void *arg)
{
    struct bystanders *bystanders = arg;
    int item;

    while (!__atomic_load_n(&bystanders->stop, __ATOMIC_ACQUIRE)) {
        CHECK_EQ(pop_until(bystanders->queue, &item, YOKE_NOW), 0);
        CHECK_EQ(push_until(bystanders->queue, item, YOKE_NOW), 0);
    }
    return 0;
}

TEST(a_try_fails_only_if_there_is_nothing)
{
    for (enum kind kind = RING; kind < KINDS; kind++) {
        struct bystanders bystanders = {.queue = new_queue(kind, 8)};
        yoke_thread threads[3] = {{0}};

        for (int i = 0; i < 4; i++)
            push(bystanders.queue, i);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(yoke_thread_start(&threads[i], pop_and_push_back, &bystanders), 0);
        for (int i = 0; i < 5000; i++)
            push(bystanders.queue, pop(bystanders.queue));
        __atomic_store_n(&bystanders.stop, 1, __ATOMIC_RELEASE);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(code_of(&threads[i]), 0);
        CHECK_EQ(yoke_queue_length(bystanders.queue), 4);
        free_queue(&bystanders.queue);
    }
}

/* ---- one that stays inside ---- */

static yk_a32 is_inside, may_leave;

static int compare_slowly(const void *a, const void *b)
{
    yk_store_rel(&is_inside, 1);
    while (!yk_load_acq(&may_leave))
        sched_yield();
    return *(const int *)a - *(const int *)b;
}

static int push_another(void *arg)
{
    return yoke_queue_push(arg, &(int){2});
}

/* As if it were stopped there. */
TEST(a_try_does_not_wait_for_ever_for_one_that_stays_inside)
{
    yoke_thread thread = {0};
    yoke_queue *queue;
    int item = 1;

    CHECK_EQ(yoke_queue_open(&queue, NULL, sizeof item, 8, .order = YOKE_PRIORITY, .compare = compare_slowly), 0);
    CHECK_EQ(yoke_queue_push(queue, &item), 0);
    CHECK_EQ(yoke_thread_start(&thread, push_another, queue), 0);
    while (!yk_load_acq(&is_inside))
        sched_yield();
    CHECK_EQ(yoke_queue_pop_until(queue, &item, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yoke_queue_pop_until(queue, &item, yoke_after(0.01)), -ETIMEDOUT);
    yk_store_rel(&may_leave, 1);
    CHECK_EQ(code_of(&thread), 0);
    CHECK_EQ(yoke_queue_pop_until(queue, &item, YOKE_NOW), 0);
    CHECK_EQ(item, 1);
    yoke_queue_free(&queue);
}
