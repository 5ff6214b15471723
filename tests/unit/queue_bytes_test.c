/* queue_bytes_test.c -- Queue with items of any size. */
#include <yoke/queue.h>

#include "ipc/queue.h"
#include "sharing.h"

enum { MOST = 5000 };

static yoke_queue *new_queue(size_t capacity)
{
    yoke_queue *queue;

    CHECK_EQ(yoke_queue_open(&queue, NULL, 0, capacity), 0);
    return queue;
}

static void fill(unsigned char *bytes, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(seed + i * 7);
}

static int push(yoke_queue *queue, size_t size, unsigned seed)
{
    unsigned char bytes[MOST];

    fill(bytes, size, seed);
    return yoke_queue_push_bytes_until(queue, size ? bytes : NULL, size, YOKE_NOW);
}

static void check_pop(yoke_queue *queue, size_t size, unsigned seed)
{
    unsigned char bytes[MOST + 1], expected[MOST];
    size_t found = 77;

    memset(bytes, 0xee, sizeof bytes);
    fill(expected, size, seed);
    CHECK_EQ(yoke_queue_pop_bytes_until(queue, bytes, MOST, &found, YOKE_NOW), 0);
    CHECK_EQ(found, size);
    CHECK(memcmp(bytes, expected, size) == 0);
    CHECK_EQ(bytes[size], 0xee);
}

/* In and out of step, so that items lie across the end of a ring, or of a segment, at every place. */
TEST(items_of_every_size_come_out_as_they_went_in)
{
    for (size_t capacity = 0; capacity <= 333; capacity += 333) {
        yoke_queue *queue = new_queue(capacity);
        unsigned in = 0, out = 0;

        for (int round = 0; round < 2000; round++) {
            while (in - out < 8 && push(queue, in * 13 % 101, in) == 0)
                in++;
            CHECK(in > out);
            CHECK_EQ(yoke_queue_length(queue), in - out);
            for (unsigned n = 1 + (unsigned)round % 3; n > 0 && out < in; n--, out++)
                check_pop(queue, out * 13 % 101, out);
        }
        yoke_queue_free(&queue);
    }
}

/* An item counts its size rounded up to 8, and 8 more, against the capacity and 8. */
TEST(what_an_item_counts)
{
    for (size_t capacity = 1; capacity <= 200; capacity += 3) {
        yoke_queue *queue = new_queue(capacity);
        size_t n = 0, most = ((capacity + 7) / 8 * 8 + 8) / 8;

        while (push(queue, 0, 0) == 0)
            n++;
        CHECK_EQ(n, most);
        while (n-- > 0)
            check_pop(queue, 0, 0);
        CHECK_EQ(push(queue, capacity, 5), 0);
        CHECK_EQ(push(queue, 0, 0), -ETIMEDOUT);
        check_pop(queue, capacity, 5);
        CHECK_EQ(push(queue, capacity + 1, 5), -EMSGSIZE);
        CHECK_EQ(yoke_queue_push_bytes(queue, "", SIZE_MAX), -EMSGSIZE);
        CHECK_EQ(yoke_queue_length(queue), 0);
        yoke_queue_free(&queue);
    }
}

TEST(items_as_large_as_the_capacity_at_every_place)
{
    yoke_queue *queue = new_queue(1000);

    for (unsigned i = 0; i < 300; i++) {
        CHECK_EQ(push(queue, i % 90, i), 0);
        check_pop(queue, i % 90, i);
        CHECK_EQ(push(queue, 1000, i), 0);
        check_pop(queue, 1000, i);
    }
    yoke_queue_free(&queue);
}

TEST(an_item_that_is_too_large_stays)
{
    for (size_t capacity = 0; capacity <= 500; capacity += 500) {
        yoke_queue *queue = new_queue(capacity);
        unsigned char small[10];
        size_t size = 77;

        memset(small, 0xee, sizeof small);
        CHECK_EQ(push(queue, 11, 1), 0);
        CHECK_EQ(push(queue, 4, 2), 0);
        for (int i = 0; i < 2; i++) {
            CHECK_EQ(yoke_queue_pop_bytes(queue, small, sizeof small, &size), -EMSGSIZE);
            CHECK_EQ(size, 11);
            CHECK_EQ(small[0], 0xee);
        }
        CHECK_EQ(yoke_queue_pop_bytes(queue, NULL, 0, &size), -EMSGSIZE);
        CHECK_EQ(yoke_queue_pop_bytes(queue, NULL, 0, NULL), -EMSGSIZE);
        CHECK_EQ(yoke_queue_length(queue), 2);
        check_pop(queue, 11, 1);
        CHECK_EQ(yoke_queue_pop_bytes(queue, small, sizeof small, NULL), 0);
        CHECK_EQ(push(queue, 0, 0), 0);
        CHECK_EQ(yoke_queue_pop_bytes(queue, NULL, 0, &size), 0);
        CHECK_EQ(size, 0);
        size = 77;
        CHECK_EQ(yoke_queue_pop_bytes_until(queue, NULL, 0, &size, YOKE_NOW), -ETIMEDOUT);
        CHECK_EQ(size, 77);
        yoke_queue_free(&queue);
    }
}

TEST(large_items_in_a_queue_without_a_capacity)
{
    yoke_queue *queue = new_queue(0);
    size_t large = 1 << 20, size;
    unsigned char *bytes = malloc(large), *copy = malloc(large);

    CHECK(bytes && copy);
    fill(bytes, large, 9);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(push(queue, 100, 1), 0);
        CHECK_EQ(yoke_queue_push_bytes(queue, bytes, large), 0);
        CHECK_EQ(push(queue, 0, 2), 0);
    }
    for (int i = 0; i < 20; i++) {
        check_pop(queue, 100, 1);
        CHECK_EQ(yoke_queue_pop_bytes(queue, copy, large, &size), 0);
        CHECK_EQ(size, large);
        CHECK(memcmp(bytes, copy, large) == 0);
        check_pop(queue, 0, 2);
    }
    CHECK_EQ(yoke_queue_push_bytes(queue, bytes, SIZE_MAX), -ENOMEM);
    CHECK_EQ(yoke_queue_push_bytes(queue, bytes, SIZE_MAX / 2), -ENOMEM);
    CHECK_EQ(yoke_queue_length(queue), 0);
    free(bytes);
    free(copy);
    yoke_queue_free(&queue);
}

TEST(closed_queues_of_bytes)
{
    for (size_t capacity = 0; capacity <= 500; capacity += 500) {
        yoke_queue *queue = new_queue(capacity);

        for (unsigned i = 0; i < 10; i++)
            CHECK_EQ(push(queue, i, i), 0);
        CHECK_EQ(yoke_queue_close(queue), 0);
        CHECK_EQ(push(queue, 1, 1), -YOKE_ECLOSED);
        check_pop(queue, 0, 0);
        CHECK_EQ(yoke_queue_close_now(queue), 9);
        CHECK_EQ(yoke_queue_pop_bytes(queue, NULL, 0, NULL), -YOKE_ECLOSED);
        yoke_queue_free(&queue);
    }
}

/* ---- who waits for room ---- */

struct pusher {
    yoke_thread thread;
    yoke_queue *queue;
    size_t size;
};

static int push_waiting(void *arg)
{
    struct pusher *pusher = arg;
    unsigned char bytes[MOST];

    fill(bytes, pusher->size, 3);
    return yoke_queue_push_bytes(pusher->queue, bytes, pusher->size);
}

/* Room that is too little for one may be enough for another, whoever came first. */
TEST(a_small_item_passes_one_that_does_not_fit)
{
    yoke_queue *queue = new_queue(1000);
    struct pusher large = {.queue = queue, .size = 900}, small = {.queue = queue, .size = 50};
    const void *bell = &queue->hall[YK_PUSH].bell;

    CHECK_EQ(push(queue, 400, 1), 0);
    CHECK_EQ(push(queue, 560, 2), 0);
    start_asleep(&large.thread, push_waiting, &large, bell);
    start_asleep(&small.thread, push_waiting, &small, bell);
    check_pop(queue, 400, 1);
    CHECK_EQ(code_of(&small.thread), 0);
    asleep_on(getpid(), yoke_thread_native_id(&large.thread), bell);
    check_pop(queue, 560, 2);
    check_pop(queue, 50, 3);
    CHECK_EQ(code_of(&large.thread), 0);
    yoke_queue_free(&queue);
}
