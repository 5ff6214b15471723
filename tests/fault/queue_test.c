/* queue_test.c -- a queue for which there is no memory is not opened; one that cannot grow says so, and holds what it held. */
#include <errno.h>
#include <stdbool.h>
#include <yoke.h>

#include "failnth.h"
#include "test.h"

enum { LARGE = 20000, MOST = 40 };

static int ascending(const void *a, const void *b)
{
    return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

/* What was pushed comes out, in order, and the queue is as good as new. */
static bool is_whole(yoke_queue *queue, bool last_first, int n)
{
    int item;

    for (int i = 0; i < n; i++)
        if (yoke_queue_pop_until(queue, &item, YOKE_NOW) != 0 || item != (last_first ? n - 1 - i : i))
            return false;
    if (yoke_queue_pop_until(queue, &item, YOKE_NOW) != -ETIMEDOUT)
        return false;
    fault_disarm();
    for (int i = 0; i < 2 * MOST; i++)
        if (yoke_queue_push(queue, &i) != 0)
            return false;
    return yoke_queue_close_now(queue) == 2 * MOST;
}

static int items_scenario(yoke_order order)
{
    yoke_queue_options options = {.size = sizeof options, .order = order};
    yoke_queue *queue = NULL;
    int rc, n = 0;
    bool whole;

    options.compare = order == YOKE_PRIORITY ? ascending : NULL;
    rc = yoke_queue_open_with(&queue, NULL, sizeof(int), &options);
    if (rc < 0)
        return queue ? 1 : rc;
    while (n < MOST && (rc = yoke_queue_push(queue, &n)) == 0)
        n++;
    whole = is_whole(queue, order == YOKE_LIFO, n);
    yoke_queue_free(&queue);
    return whole ? rc : 2;
}

static int fifo_scenario(void)
{
    return items_scenario(YOKE_FIFO);
}

static int lifo_scenario(void)
{
    return items_scenario(YOKE_LIFO);
}

static int priority_scenario(void)
{
    return items_scenario(YOKE_PRIORITY);
}

TEST(queue_without_memory)
{
    CHECK(fault_sweep("first in, first out", fifo_scenario, FAULT_MEMORY) > 2);
    CHECK(fault_sweep("last in, first out", lifo_scenario, FAULT_MEMORY) > 6);
    CHECK(fault_sweep("by priority", priority_scenario, FAULT_MEMORY) > 10);
}

/* Items of any size, each in a segment of its own. */
static int bytes_scenario(void)
{
    static char bytes[LARGE];
    yoke_queue *queue;
    size_t size;
    int rc = yoke_queue_open(&queue, NULL, 0, 0), n = 0;

    if (rc < 0)
        return rc;
    while (n < 4 && (rc = yoke_queue_push_bytes(queue, bytes, LARGE)) == 0)
        n++;
    for (int i = 0; i < n; i++)
        if (yoke_queue_pop_bytes_until(queue, bytes, LARGE, &size, YOKE_NOW) != 0 || size != LARGE)
            rc = 1;
    if (yoke_queue_length(queue) != 0)
        rc = 2;
    yoke_queue_free(&queue);
    return rc;
}

TEST(queue_of_bytes_without_memory)
{
    CHECK(fault_sweep("items of any size", bytes_scenario, FAULT_MEMORY) > 6);
}

static int shared_scenario(void)
{
    yoke_shm *shm;
    yoke_queue *queue = NULL;
    int rc = yoke_shm_open(&shm, 0);

    if (rc < 0)
        return rc;
    rc = yoke_queue_open(&queue, shm, 64, 10000);
    if ((rc == 0) != (queue != NULL))
        rc = 1;
    yoke_queue_free(&queue);
    return yoke_shm_free(&shm) == 0 ? rc : 2;
}

TEST(queue_in_shared_memory_without_memory)
{
    CHECK(fault_sweep("in shared memory", shared_scenario, FAULT_ALL) > 4);
}
