/* segments.c -- the store of a FIFO queue between threads without a capacity: a list of segments, written at its last one and read at
 * its first one.
 *
 * A segment that was read to its end is kept as a spare, and given back when there is one already.  So the queue grows and shrinks
 * with what is in it, and a steady stream goes round between two or three segments.
 *
 * As in bytes.c, each side has two places for where its next item lies, of which its index says the valid one: so a child of fork finds a
 * queue that is whole, wherever another thread was. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "ipc/queue.h"

enum { SEGMENT_SIZE = 16384, HEADER = sizeof(uint64_t) /* the size of an item, where items have any */ };

#define ITEM_MAX (SIZE_MAX / 2)

struct segment {
    struct segment *next; /* written before the first item in there is published */
    size_t size;          /* of the bytes */
    yk_a64 end;           /* where the next one was begun; SIZE_MAX: not yet.  Written as `next` is */
    _Alignas(16) char bytes[];
};

/* Items of one size have no header. */
static size_t header_of(const yoke_queue *queue)
{
    return queue->item_size ? 0 : HEADER;
}

static size_t need_of(const yoke_queue *queue, size_t size)
{
    return queue->item_size ? size : HEADER + yk_round_up(size, HEADER);
}

/* One that has room for `need` bytes. */
static struct segment *make_segment(yoke_queue *queue, size_t need)
{
    /* acquire: pairs with the release in drop_segment */
    struct segment *segment = yk_swap_acq(&queue->spare, NULL);
    size_t size = yk_max(need, (size_t)SEGMENT_SIZE);

    if (segment && segment->size < size) {
        free(segment);
        segment = NULL;
    }
    if (!segment)
        segment = malloc(sizeof *segment + size);
    if (segment)
        *segment = (struct segment){.size = size, .end = {SIZE_MAX}};
    return segment;
}

static void drop_segment(yoke_queue *queue, struct segment *segment)
{
    /* a large one was made for a large item */
    if (segment->size == SEGMENT_SIZE)
        /* acquire and release: pair with each other, and with the acquire in make_segment */
        segment = yk_swap_aar(&queue->spare, segment);
    free(segment);
}

int yk_segments_open(yoke_queue *queue)
{
    struct segment *first = make_segment(queue, 0);

    queue->side[YK_PUSH].segment[0] = queue->side[YK_POP].segment[0] = first;
    return first ? 0 : -ENOMEM;
}

void yk_segments_free(yoke_queue *queue)
{
    struct yk_side *pop = &queue->side[YK_POP];
    struct segment *segment = pop->segment[yk_load_rlx(&pop->index) & 1];

    while (segment) {
        struct segment *next = segment->next;

        free(segment);
        segment = next;
    }
    free(yk_swap_acq(&queue->spare, NULL));
}

/* Follows a segment in which there is no room left. */
static struct segment *append_segment(yoke_queue *queue, struct segment *last, uint64_t end, size_t need)
{
    struct segment *segment = make_segment(queue, need);

    if (!segment)
        return NULL;
    /* what a thread has appended that stayed behind in a fork before it could publish an item in there */
    free(last->next);
    last->next = segment;
    /* relaxed: the index carries it */
    yk_store_rlx(&last->end, end);
    return segment;
}

int yk_segments_put(yoke_queue *queue, const void *item, size_t size)
{
    struct yk_side *push = &queue->side[YK_PUSH];
    uint64_t index = yk_load_rlx(&push->index), place = yk_load_rlx(&push->place[index & 1]);
    struct segment *segment = push->segment[index & 1];
    size_t need = need_of(queue, size);

    if (size > ITEM_MAX)
        return -ENOMEM;
    /* it may have been ended here by a thread that stayed behind in a fork.  relaxed: this side's own */
    if (segment->size - place < need || yk_load_rlx(&segment->end) == place) {
        segment = append_segment(queue, segment, place, need);
        place = 0;
    }
    if (!segment)
        return -ENOMEM;
    memcpy(segment->bytes + place, &(uint64_t){size}, header_of(queue));
    memcpy(segment->bytes + place + header_of(queue), item, size);
    push->segment[(index + 1) & 1] = segment;
    yk_store_rlx(&push->place[(index + 1) & 1], place + need);
    /* release: pairs with the acquire in yk_segments_take; publishes the item */
    yk_store_rel(&push->index, index + 1);
    return 0;
}

int yk_segments_take(yoke_queue *queue, void *to, size_t room, size_t *ret_size)
{
    struct yk_side *push = &queue->side[YK_PUSH], *pop = &queue->side[YK_POP];
    uint64_t index = yk_load_rlx(&pop->index), place = yk_load_rlx(&pop->place[index & 1]), size = queue->item_size;
    struct segment *first = pop->segment[index & 1], *segment = first;

    if (index == pop->seen) {
        /* acquire: pairs with the release in yk_segments_put */
        pop->seen = yk_load_acq(&push->index);
        if (index == pop->seen)
            return -EAGAIN;
    }
    /* relaxed: if this item lies in the next one, its index has brought that along */
    if (place == yk_load_rlx(&first->end)) {
        segment = first->next;
        place = 0;
    }
    memcpy(&size, segment->bytes + place, header_of(queue));
    if (ret_size)
        *ret_size = size;
    if (to && size > room)
        return -EMSGSIZE;
    if (to)
        memcpy(to, segment->bytes + place + header_of(queue), size);
    pop->segment[(index + 1) & 1] = segment;
    yk_store_rlx(&pop->place[(index + 1) & 1], place + need_of(queue, size));
    /* release: an item is out from here on; pairs with the acquires in yk_queue_can and yoke_queue_length */
    yk_store_rel(&pop->index, index + 1);
    if (segment != first)
        drop_segment(queue, first);
    return 0;
}
