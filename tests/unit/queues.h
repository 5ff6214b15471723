/* queues.h -- queues of ints of each kind, for tests of what they have in common. */
#ifndef QUEUES_H
#define QUEUES_H

#include <yoke/queue.h>

#include "ipc/queue.h"
#include "sharing.h"

enum kind { RING, BYTES, UNBOUNDED, UNBOUNDED_BYTES, LIFO, PRIORITY, SHARED, SHARED_BYTES, KINDS };

/* Behind the shared ones; a test has one at a time. */
static yoke_shm *queue_memory;

static inline int ascending(const void *a, const void *b)
{
    return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

static inline bool is_bytes(enum kind kind)
{
    return kind == BYTES || kind == UNBOUNDED_BYTES || kind == SHARED_BYTES;
}

/* Room for `capacity` ints, where there is a limit. */
static inline yoke_queue *new_queue(enum kind kind, size_t capacity)
{
    yoke_queue_options options = {.size = sizeof options, .capacity = capacity};
    yoke_queue *queue = NULL;

    if (is_bytes(kind))
        options.capacity = 16 * capacity - 8;
    if (kind == UNBOUNDED || kind == UNBOUNDED_BYTES)
        options.capacity = 0;
    options.order = kind == LIFO ? YOKE_LIFO : kind == PRIORITY ? YOKE_PRIORITY : YOKE_FIFO;
    options.compare = kind == PRIORITY ? ascending : NULL;
    if (kind == SHARED || kind == SHARED_BYTES)
        CHECK_EQ(yoke_shm_open(&queue_memory, 0), 0);
    CHECK_EQ(yoke_queue_open_with(&queue, queue_memory, is_bytes(kind) ? 0 : sizeof(int), &options), 0);
    return queue;
}

static inline void free_queue(yoke_queue **queue)
{
    yoke_queue_free(queue);
    CHECK_EQ(yoke_shm_free(&queue_memory), 0);
}

static inline int push_until(yoke_queue *queue, int item, yoke_time deadline)
{
    return queue->item_size ? yoke_queue_push_until(queue, &item, deadline)
                            : yoke_queue_push_bytes_until(queue, &item, sizeof item, deadline);
}

static inline int pop_until(yoke_queue *queue, int *item, yoke_time deadline)
{
    return queue->item_size ? yoke_queue_pop_until(queue, item, deadline)
                            : yoke_queue_pop_bytes_until(queue, item, sizeof *item, NULL, deadline);
}

static inline void push(yoke_queue *queue, int item)
{
    CHECK_EQ(push_until(queue, item, YOKE_NOW), 0);
}

static inline int pop(yoke_queue *queue)
{
    int item = -1;

    CHECK_EQ(pop_until(queue, &item, YOKE_NOW), 0);
    return item;
}

/* One that pushes or pops once in a thread, and waits. */
struct waiter {
    yoke_thread thread;
    yoke_queue *queue;
    int item;
    yoke_time deadline;
    bool interruptible;
};

static inline int push_waiting(void *arg)
{
    struct waiter *waiter = arg;

    yoke_thread_interruptible(waiter->interruptible);
    return push_until(waiter->queue, waiter->item, waiter->deadline);
}

static inline int pop_waiting(void *arg)
{
    struct waiter *waiter = arg;

    yoke_thread_interruptible(waiter->interruptible);
    return pop_until(waiter->queue, &waiter->item, waiter->deadline);
}

/* What those who wait at a side sleep on; NULL: on several words. */
static inline const void *bell_of(yoke_queue *queue, int side)
{
    return queue->shared != YOKE_PRIVATE ? NULL : &queue->hall[side].bell;
}

static inline void start_pushing(struct waiter *waiter, yoke_queue *queue, int item)
{
    *waiter = (struct waiter){.queue = queue, .item = item, .deadline = YOKE_FOREVER};
    start_asleep(&waiter->thread, push_waiting, waiter, bell_of(queue, YK_PUSH));
}

static inline void start_popping(struct waiter *waiter, yoke_queue *queue)
{
    *waiter = (struct waiter){.queue = queue, .item = -1, .deadline = YOKE_FOREVER};
    start_asleep(&waiter->thread, pop_waiting, waiter, bell_of(queue, YK_POP));
}

#endif
