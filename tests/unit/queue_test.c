/* queue_test.c -- Queue between threads: opening, the orders, capacity, one thread at a time. */
#include <malloc.h>
#include <yoke/queue.h>

#include "sharing.h"

static yoke_queue *new_queue(size_t item_size, yoke_queue_options options)
{
    yoke_queue *queue = NULL;

    options.size = sizeof options;
    CHECK_EQ(yoke_queue_open_with(&queue, NULL, item_size, &options), 0);
    CHECK(queue);
    return queue;
}

static void push(yoke_queue *queue, int item)
{
    CHECK_EQ(yoke_queue_push_until(queue, &item, YOKE_NOW), 0);
}

static int pop(yoke_queue *queue)
{
    int item = -1;

    CHECK_EQ(yoke_queue_pop_until(queue, &item, YOKE_NOW), 0);
    return item;
}

static void check_empty(yoke_queue *queue)
{
    int item = 77;

    CHECK_EQ(yoke_queue_length(queue), 0);
    CHECK_EQ(yoke_queue_pop_until(queue, &item, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(item, 77);
}

static void check_full(yoke_queue *queue)
{
    CHECK_EQ(yoke_queue_length(queue), yoke_queue_capacity(queue));
    CHECK_EQ(yoke_queue_push_until(queue, &(int){0}, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yoke_queue_length(queue), yoke_queue_capacity(queue));
}

static int ascending(const void *a, const void *b)
{
    return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

/* ---- opening ---- */

TEST(options_that_make_no_sense)
{
    yoke_queue_options small = {.size = sizeof small - 1};
    yoke_queue *queue = NULL;
    yoke_shm *shm;

    CHECK_EQ(yoke_shm_open(&shm, 0), 0);
    CHECK_EQ(yoke_queue_open(NULL, NULL, 4, 1), -EINVAL);
    CHECK_EQ(yoke_queue_open_with(&queue, NULL, 4, NULL), -EINVAL);
    CHECK_EQ(yoke_queue_open_with(&queue, NULL, 4, &small), -EINVAL);
    CHECK_EQ(yoke_queue_open(&queue, shm, 4, 0), -EINVAL);
    CHECK_EQ(yoke_queue_open(&queue, shm, 4, 8, .order = YOKE_LIFO), -EINVAL);
    CHECK_EQ(yoke_queue_open(&queue, shm, 4, 8, .order = YOKE_PRIORITY, .compare = ascending), -EINVAL);
    CHECK_EQ(yoke_queue_open(&queue, NULL, 0, 8, .order = YOKE_LIFO), -EINVAL);
    CHECK_EQ(yoke_queue_open(&queue, NULL, 0, 0, .order = YOKE_PRIORITY, .compare = ascending), -EINVAL);
    CHECK_EQ(yoke_queue_open(&queue, NULL, 4, 8, .order = YOKE_PRIORITY), -EINVAL);
    CHECK_EQ(yoke_queue_open(&queue, NULL, 4, 8, .compare = ascending), -EINVAL);
    CHECK_EQ(yoke_queue_open(&queue, NULL, 4, 8, .order = (yoke_order)3), -EINVAL);
    CHECK(!queue);
    CHECK_EQ(yoke_shm_free(&shm), 0);
}

TEST(no_room)
{
    yoke_queue *queue = NULL;
    yoke_shm *shm;

    CHECK_EQ(yoke_shm_open(&shm, 1 << 20), 0);
    CHECK_EQ(yoke_queue_open(&queue, NULL, SIZE_MAX / 2, 3), -ENOMEM);
    CHECK_EQ(yoke_queue_open(&queue, NULL, SIZE_MAX, 1), -ENOMEM);
    /* products that are small in so many bits */
    CHECK_EQ(yoke_queue_open(&queue, NULL, SIZE_MAX / 2 + 1, 2), -ENOMEM);
    CHECK_EQ(yoke_queue_open(&queue, shm, 8, SIZE_MAX / 8 + 2), -ENOMEM);
    CHECK_EQ(yoke_queue_open(&queue, NULL, 8, SIZE_MAX / 8 + 2, .order = YOKE_LIFO), -ENOMEM);
    CHECK_EQ(yoke_queue_open(&queue, NULL, 0, SIZE_MAX), -ENOMEM);
    CHECK_EQ(yoke_queue_open(&queue, NULL, 0, SIZE_MAX / 2), -ENOMEM);
    CHECK_EQ(yoke_queue_open(&queue, NULL, 8, SIZE_MAX / 8, .order = YOKE_LIFO), -ENOMEM);
    CHECK_EQ(yoke_queue_open(&queue, NULL, 8, SIZE_MAX / 4, .order = YOKE_LIFO), -ENOMEM);
    CHECK_EQ(yoke_queue_open(&queue, shm, 1 << 20, 2), -ENOMEM);
    CHECK(!queue);
    CHECK_EQ(yoke_shm_free(&shm), 0);
}

TEST(calls_that_make_no_sense)
{
    yoke_queue *queue = new_queue(sizeof(int), (yoke_queue_options){.capacity = 2});
    yoke_queue *none = NULL;
    char byte;
    size_t size;

    CHECK_EQ(yoke_queue_push(NULL, &byte), -EINVAL);
    CHECK_EQ(yoke_queue_pop(NULL, &byte), -EINVAL);
    CHECK_EQ(yoke_queue_push(queue, NULL), -EINVAL);
    CHECK_EQ(yoke_queue_pop(queue, NULL), -EINVAL);
    CHECK_EQ(yoke_queue_push_bytes(queue, "", 1), -EINVAL);
    CHECK_EQ(yoke_queue_pop_bytes(queue, &byte, 1, &size), -EINVAL);
    CHECK_EQ(yoke_queue_push_bytes(NULL, "", 1), -EINVAL);
    CHECK_EQ(yoke_queue_pop_bytes(NULL, &byte, 1, &size), -EINVAL);
    CHECK_EQ(yoke_queue_length(NULL), 0);
    CHECK_EQ(yoke_queue_capacity(NULL), 0);
    CHECK_EQ(yoke_queue_task_done(NULL), -EINVAL);
    CHECK_EQ(yoke_queue_join(NULL), -EINVAL);
    CHECK_EQ(yoke_queue_close(NULL), -EINVAL);
    CHECK_EQ(yoke_queue_close_now(NULL), -EINVAL);
    yoke_queue_free(NULL);
    yoke_queue_free(&none);
    yoke_queue_free(&queue);
    CHECK(!queue);
    queue = new_queue(0, (yoke_queue_options){.capacity = 8});
    CHECK_EQ(yoke_queue_push(queue, &byte), -EINVAL);
    CHECK_EQ(yoke_queue_pop(queue, &byte), -EINVAL);
    CHECK_EQ(yoke_queue_push_bytes(queue, NULL, 1), -EINVAL);
    CHECK_EQ(yoke_queue_pop_bytes(queue, NULL, 1, &size), -EINVAL);
    yoke_queue_free(&queue);
}

TEST(freed_with_items_in_it)
{
    for (yoke_order order = YOKE_FIFO; order <= YOKE_PRIORITY; order++)
        for (size_t capacity = 0; capacity <= 20000; capacity += 20000) {
            yoke_queue_options options = {.capacity = capacity, .order = order};
            yoke_queue *queue;

            options.compare = order == YOKE_PRIORITY ? ascending : NULL;
            queue = new_queue(sizeof(int), options);
            for (int i = 0; i < 20000; i++)
                push(queue, i);
            yoke_queue_free(&queue);
        }
}

/* ---- orders ---- */

TEST(first_in_first_out)
{
    static const size_t capacities[] = {0, 1, 2, 3, 7, 8, 1000, 1024};

    for (size_t c = 0; c < sizeof capacities / sizeof *capacities; c++) {
        yoke_queue *queue = new_queue(sizeof(int), (yoke_queue_options){.capacity = capacities[c]});
        int in = 0, out = 0, most = capacities[c] ? (int)capacities[c] : 300;

        CHECK_EQ(yoke_queue_capacity(queue), capacities[c]);
        for (int round = 0; round < 50; round++) {
            for (int n = round % most + 1; n > 0; n--)
                push(queue, in++);
            CHECK_EQ(yoke_queue_length(queue), in - out);
            while (out < in)
                CHECK_EQ(pop(queue), out++);
            check_empty(queue);
        }
        yoke_queue_free(&queue);
    }
}

TEST(last_in_first_out)
{
    for (size_t capacity = 0; capacity <= 100; capacity += 100) {
        yoke_queue *queue = new_queue(sizeof(int), (yoke_queue_options){.capacity = capacity, .order = YOKE_LIFO});

        for (int i = 0; i < 100; i++)
            push(queue, i);
        for (int i = 99; i >= 50; i--)
            CHECK_EQ(pop(queue), i);
        for (int i = 200; i < 220; i++)
            push(queue, i);
        for (int i = 219; i >= 200; i--)
            CHECK_EQ(pop(queue), i);
        for (int i = 49; i >= 0; i--)
            CHECK_EQ(pop(queue), i);
        check_empty(queue);
        yoke_queue_free(&queue);
    }
}

struct patient {
    int urgency, number;
};

static int by_urgency(const void *a, const void *b)
{
    return ((const struct patient *)b)->urgency - ((const struct patient *)a)->urgency;
}

/* Also that what is equal leaves as it came; with pops in between. */
TEST(the_least_first_and_equals_as_they_came)
{
    for (size_t capacity = 0; capacity <= 2000; capacity += 2000) {
        yoke_queue *queue =
            new_queue(sizeof(struct patient),
                      (yoke_queue_options){.capacity = capacity, .order = YOKE_PRIORITY, .compare = by_urgency});
        uint64_t random = test_seed();
        struct patient last = {10, -1}, next;
        int in = 0;

        for (; in < 2000; in++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            CHECK_EQ(yoke_queue_push(queue, &(struct patient){(int)(random >> 40) % 10, in}), 0);
            if (in % 3 == 2) {
                CHECK_EQ(yoke_queue_pop(queue, &next), 0);
                CHECK(next.number <= in);
            }
        }
        for (int left = in - in / 3; left > 0; left--) {
            CHECK_EQ(yoke_queue_pop(queue, &next), 0);
            CHECK(next.urgency < last.urgency || (next.urgency == last.urgency && next.number > last.number));
            last = next;
        }
        CHECK_EQ(yoke_queue_pop_until(queue, &next, YOKE_NOW), -ETIMEDOUT);
        yoke_queue_free(&queue);
    }
}

/* ---- capacity ---- */

TEST(a_full_queue_takes_no_more)
{
    for (yoke_order order = YOKE_FIFO; order <= YOKE_PRIORITY; order++)
        for (size_t capacity = 1; capacity <= 9; capacity++) {
            yoke_queue *queue =
                new_queue(sizeof(int), (yoke_queue_options){.capacity = capacity,
                                                            .order = order,
                                                            .compare = order == YOKE_PRIORITY ? ascending : NULL});

            for (int i = 0; i < (int)capacity; i++)
                push(queue, i);
            check_full(queue);
            CHECK_EQ(pop(queue), order == YOKE_LIFO ? (int)capacity - 1 : 0);
            push(queue, 50);
            check_full(queue);
            for (size_t i = 0; i < capacity; i++)
                pop(queue);
            check_empty(queue);
            yoke_queue_free(&queue);
        }
}

static size_t allocated(void)
{
    return mallinfo2().uordblks + mallinfo2().hblkhd;
}

/* A queue without a capacity gives back what it does not need. */
TEST(a_queue_shrinks_again)
{
    enum { N = 200000 };

    if (SANITIZER)
        SKIP("the sanitizer's malloc keeps no such books");
    for (yoke_order order = YOKE_FIFO; order <= YOKE_PRIORITY; order++) {
        yoke_queue *queue = new_queue(
            sizeof(int), (yoke_queue_options){.order = order, .compare = order == YOKE_PRIORITY ? ascending : NULL});
        size_t before = allocated();

        for (int i = 0; i < N; i++)
            push(queue, i);
        CHECK(allocated() > before + N * sizeof(int) / 10 * 9); /* one segment was there before */
        for (int i = 0; i < N; i++)
            CHECK_EQ(pop(queue), order == YOKE_LIFO ? N - 1 - i : i);
        check_empty(queue);
        CHECK(allocated() < before + 40000);
        yoke_queue_free(&queue);
    }
}

TEST(items_of_many_sizes)
{
    static const size_t sizes[] = {1, 3, 8, 17, 64, 100, 4096, 70000};
    static unsigned char in[70000], out[70000];

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int kind = 0; kind < 3; kind++) {
            yoke_queue *queue = new_queue(sizes[s], (yoke_queue_options){.capacity = kind == 1 ? 5 : 0,
                                                                         .order = kind == 2 ? YOKE_LIFO : YOKE_FIFO});

            for (int i = 0; i < 30; i++) {
                memset(in, i + 1, sizes[s]);
                memset(out, 0xee, sizeof out);
                CHECK_EQ(yoke_queue_push(queue, in), 0);
                CHECK_EQ(yoke_queue_pop(queue, out), 0);
                CHECK(memcmp(in, out, sizes[s]) == 0);
                CHECK(sizes[s] == sizeof out || out[sizes[s]] == 0xee);
            }
            yoke_queue_free(&queue);
        }
}

/* ---- the end ---- */

TEST(a_closed_queue_is_drained)
{
    for (yoke_order order = YOKE_FIFO; order <= YOKE_PRIORITY; order++)
        for (size_t capacity = 0; capacity <= 4; capacity += 4) {
            yoke_queue *queue =
                new_queue(sizeof(int), (yoke_queue_options){.capacity = capacity,
                                                            .order = order,
                                                            .compare = order == YOKE_PRIORITY ? ascending : NULL});
            int item = 77;

            push(queue, 1);
            push(queue, 2);
            for (int i = 0; i < 2; i++) {
                CHECK_EQ(yoke_queue_close(queue), 0);
                CHECK_EQ(yoke_queue_push(queue, &item), -YOKE_ECLOSED);
                CHECK_EQ(yoke_queue_push_until(queue, &item, YOKE_NOW), -YOKE_ECLOSED);
            }
            CHECK_EQ(pop(queue), order == YOKE_LIFO ? 2 : 1);
            CHECK_EQ(pop(queue), order == YOKE_LIFO ? 1 : 2);
            CHECK_EQ(yoke_queue_pop(queue, &item), -YOKE_ECLOSED);
            CHECK_EQ(yoke_queue_pop_until(queue, &item, YOKE_NOW), -YOKE_ECLOSED);
            CHECK_EQ(item, 77);
            yoke_queue_free(&queue);
        }
}

TEST(close_now_drops_what_is_there)
{
    for (yoke_order order = YOKE_FIFO; order <= YOKE_PRIORITY; order++)
        for (size_t capacity = 0; capacity <= 10; capacity += 10) {
            yoke_queue *queue =
                new_queue(sizeof(int), (yoke_queue_options){.capacity = capacity,
                                                            .order = order,
                                                            .compare = order == YOKE_PRIORITY ? ascending : NULL});
            int item = 77;

            for (int i = 0; i < 10; i++)
                push(queue, i);
            pop(queue);
            CHECK_EQ(yoke_queue_close_now(queue), 9);
            CHECK_EQ(yoke_queue_length(queue), 0);
            CHECK_EQ(yoke_queue_pop(queue, &item), -YOKE_ECLOSED);
            CHECK_EQ(yoke_queue_push(queue, &item), -YOKE_ECLOSED);
            CHECK_EQ(yoke_queue_close_now(queue), 0);
            yoke_queue_free(&queue);
        }
}

/* ---- misuse ---- */

static yoke_queue *compared;

static int compare_by_popping(const void *a, const void *b)
{
    int item;

    return yoke_queue_pop(compared, &item) < 0 ? 0 : ascending(a, b);
}

static void push_two(void *arg)
{
    push(arg, 1);
    push(arg, 2);
}

TEST(a_comparison_must_not_use_the_queue)
{
    compared = new_queue(sizeof(int), (yoke_queue_options){.order = YOKE_PRIORITY, .compare = compare_by_popping});
    check_misuse(push_two, compared, "yoke_queue_pop, or _close_now: called inside a call on the same queue");
    yoke_queue_free(&compared);
}
