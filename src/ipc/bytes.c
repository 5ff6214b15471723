/* bytes.c -- the store of a FIFO queue with items of any size and a capacity: a ring of bytes, in which each item follows a header
 * that says its size.
 *
 * The index of a side counts items, so where the next one lies has to be kept beside it, and change with it in one store: there are
 * two places, used in turn, and the index says which of them is valid.  The other one is written before the index is.
 *
 * Sizes and places read from shared memory may have been overwritten: no copy leaves the ring, or the caller's buffer. */
#include <errno.h>
#include <string.h>

#include "base/base.h"
#include "ipc/queue.h"

enum { HEADER = sizeof(uint64_t) };

/* Headers lie on multiples of their size, and the area is one: so they are never cut in two. */
static uint64_t need_of(uint64_t size)
{
    return HEADER + yk_round_up(size, HEADER);
}

uint64_t yk_bytes_area(uint64_t capacity)
{
    return need_of(capacity);
}

static void copy_in(yoke_queue *queue, uint64_t place, const void *from, size_t size)
{
    size_t at = place % queue->area, first = yk_min(size, queue->area - at);

    if (first > 0)
        memcpy(yk_queue_items(queue) + at, from, first);
    if (size > first)
        memcpy(yk_queue_items(queue), (const char *)from + first, size - first);
}

static void copy_out(yoke_queue *queue, uint64_t place, void *to, size_t size)
{
    size_t at = place % queue->area, first = yk_min(size, queue->area - at);

    if (first > 0)
        memcpy(to, yk_queue_items(queue) + at, first);
    if (size > first)
        memcpy((char *)to + first, yk_queue_items(queue), size - first);
}

/* Up to where the ring has been read. */
static uint64_t place_popped(struct yk_side *pop)
{
    uint64_t index, place;

    do {
        /* acquire, both: pair with the releases in yk_bytes_take; and the second one keeps the third load behind it */
        index = yk_load_acq(&pop->index);
        place = yk_load_acq(&pop->place[index & 1]);
        /* it had been used for a later index, which may not have been published: take none that is not valid */
    } while (yk_load_rlx(&pop->index) != index);
    return place;
}

int yk_bytes_put(yoke_queue *queue, const void *item, size_t size)
{
    struct yk_side *push = &queue->side[YK_PUSH];
    /* this side's own, both */
    uint64_t index = yk_load_rlx(&push->index), place = yk_load_rlx(&push->place[index & 1]);
    uint64_t header = size, need = need_of(size);

    if (queue->area - (place - push->seen) < need) {
        push->seen = place_popped(&queue->side[YK_POP]);
        if (queue->area - (place - push->seen) < need)
            return -EAGAIN;
    }
    copy_in(queue, place, &header, sizeof header);
    copy_in(queue, place + HEADER, item, size);
    /* relaxed: the index carries it */
    yk_store_rlx(&push->place[(index + 1) & 1], place + need);
    /* release: pairs with the acquire in yk_bytes_take; publishes the item */
    yk_store_rel(&push->index, index + 1);
    return 0;
}

int yk_bytes_take(yoke_queue *queue, void *to, size_t room, size_t *ret_size)
{
    struct yk_side *push = &queue->side[YK_PUSH], *pop = &queue->side[YK_POP];
    /* this side's own, both */
    uint64_t index = yk_load_rlx(&pop->index), place = yk_load_rlx(&pop->place[index & 1]), size;

    if (index == pop->seen) {
        /* acquire: pairs with the release in yk_bytes_put */
        pop->seen = yk_load_acq(&push->index);
        if (index == pop->seen)
            return -EAGAIN;
    }
    copy_out(queue, place, &size, sizeof size);
    if (size > queue->capacity)
        return -EBADMSG;
    if (ret_size)
        *ret_size = size;
    if (to && size > room)
        return -EMSGSIZE;
    if (to)
        copy_out(queue, place + HEADER, to, size);
    /* release, both: pair with the acquires in place_popped; the item was read before its bytes are written again */
    yk_store_rel(&pop->place[(index + 1) & 1], place + need_of(size));
    yk_store_rel(&pop->index, index + 1);
    return 0;
}
