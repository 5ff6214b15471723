/* ring.h -- the store of a FIFO queue with items of one size and a capacity: item i lies in slot i modulo the capacity.
 *
 * Each side remembers how far the other one was, and looks again only when that is not enough; so a producer and a consumer touch
 * each other's lines for the items, and now and then for an index.
 *
 * In shared memory an index may have been overwritten: a slot is computed so that it lies in the ring, whatever the index. */
#ifndef YK_RING_H
#define YK_RING_H

#include <errno.h>
#include <string.h>

#include "ipc/queue.h"

static inline char *yk_ring_slot(yoke_queue *queue, uint64_t index)
{
    uint64_t slot = queue->mask ? index & queue->mask : index % queue->capacity;

    return yk_queue_items(queue) + slot * queue->item_size;
}

static inline int yk_ring_put(yoke_queue *queue, const void *item)
{
    struct yk_side *push = &queue->side[YK_PUSH], *pop = &queue->side[YK_POP];
    uint64_t index = yk_load_rlx(&push->index); /* this side's own */

    if (index - push->seen >= queue->capacity) {
        /* acquire: pairs with the release in yk_ring_take; the slot was read before it is written again */
        push->seen = yk_load_acq(&pop->index);
        if (index - push->seen >= queue->capacity)
            return -EAGAIN;
    }
    memcpy(yk_ring_slot(queue, index), item, queue->item_size);
    /* release: pairs with the acquire in yk_ring_take; publishes the item */
    yk_store_rel(&push->index, index + 1);
    return 0;
}

static inline int yk_ring_take(yoke_queue *queue, void *to)
{
    struct yk_side *push = &queue->side[YK_PUSH], *pop = &queue->side[YK_POP];
    uint64_t index = yk_load_rlx(&pop->index); /* this side's own */

    if (index == pop->seen) {
        /* acquire: pairs with the release in yk_ring_put */
        pop->seen = yk_load_acq(&push->index);
        if (index == pop->seen)
            return -EAGAIN;
    }
    if (to)
        memcpy(to, yk_ring_slot(queue, index), queue->item_size);
    /* release: pairs with the acquire in yk_ring_put; gives the slot back */
    yk_store_rel(&pop->index, index + 1);
    return 0;
}

#endif
