/* items.c -- what passes through the gates of a queue (gate.h) to its store, and back. */
#include "base/base.h"
#include "ipc/gate.h"
#include "ipc/ring.h"

/* What one call has to move. */
struct move {
    const void *from;
    void *to; /* NULL: drop the item */
    size_t size;
    size_t *ret_size;
};

/* ---- pushing ---- */

/* An item into a ring, for which the way is to be short. */
static int push_ring(yoke_queue *queue, void *arg)
{
    struct move *move = arg;

    /* relaxed, here and below: written under this gate */
    return yk_load_rlx(&queue->closed) ? -YOKE_ECLOSED : yk_ring_put(queue, move->from);
}

static int push_other(yoke_queue *queue, void *arg)
{
    struct move *move = arg;

    if (yk_load_rlx(&queue->closed))
        return -YOKE_ECLOSED;
    switch ((enum yk_store)queue->store) {
    case YK_BYTES:
        return yk_bytes_put(queue, move->from, move->size);
    case YK_SEGMENTS:
        return yk_segments_put(queue, move->from, move->size);
    case YK_TABLE:
        return yk_table_put(queue, move->from);
    case YK_RING:
    default:
        return -EINVAL;
    }
}

int yoke_queue_push_until(yoke_queue *queue, const void *item, yoke_time deadline)
{
    struct move move = {.from = item};

    if (!queue || !item || queue->item_size == 0)
        return -EINVAL;
    if (queue->store == YK_RING)
        return yk_gate_pass(queue, YK_PUSH, push_ring, &move, deadline);
    move.size = queue->item_size;
    return yk_gate_pass(queue, YK_PUSH, push_other, &move, deadline);
}

int yoke_queue_push(yoke_queue *queue, const void *item)
{
    int rc = yoke_queue_push_until(queue, item, YOKE_FOREVER);

    /* only a signal ends it early, here and below */
    while (rc == -EINTR)
        rc = yoke_queue_push_until(queue, item, YOKE_FOREVER);
    return rc;
}

int yoke_queue_push_bytes_until(yoke_queue *queue, const void *bytes, size_t size, yoke_time deadline)
{
    struct move move = {.from = size ? bytes : "", .size = size};

    if (!queue || queue->item_size || !move.from)
        return -EINVAL;
    if (queue->capacity && size > queue->capacity)
        return -EMSGSIZE;
    return yk_gate_pass(queue, YK_PUSH, push_other, &move, deadline);
}

int yoke_queue_push_bytes(yoke_queue *queue, const void *bytes, size_t size)
{
    int rc;

    do
        rc = yoke_queue_push_bytes_until(queue, bytes, size, YOKE_FOREVER);
    while (rc == -EINTR);
    return rc;
}

/* ---- popping ---- */

static int take_other(yoke_queue *queue, struct move *move)
{
    switch ((enum yk_store)queue->store) {
    case YK_BYTES:
        return yk_bytes_take(queue, move->to, move->size, move->ret_size);
    case YK_SEGMENTS:
        return yk_segments_take(queue, move->to, move->size, move->ret_size);
    case YK_TABLE:
        return yk_table_take(queue, move->to);
    case YK_RING:
    default:
        return yk_ring_take(queue, move->to);
    }
}

static int pop_ring(yoke_queue *queue, void *arg)
{
    struct move *move = arg;
    int rc = yk_ring_take(queue, move->to);

    /* acquire: pairs with the release in close_gate (queue.c); so a second look sees all that was pushed before */
    if (rc != -EAGAIN || !yk_load_acq(&queue->closed))
        return rc;
    rc = yk_ring_take(queue, move->to);
    return rc == -EAGAIN ? -YOKE_ECLOSED : rc;
}

static int pop_other(yoke_queue *queue, void *arg)
{
    int rc = take_other(queue, arg);

    /* acquire: as in pop_ring */
    if (rc != -EAGAIN || !yk_load_acq(&queue->closed))
        return rc;
    rc = take_other(queue, arg);
    return rc == -EAGAIN ? -YOKE_ECLOSED : rc;
}

int yoke_queue_pop_until(yoke_queue *queue, void *item, yoke_time deadline)
{
    struct move move = {.to = item};

    if (!queue || !item || queue->item_size == 0)
        return -EINVAL;
    if (queue->store == YK_RING)
        return yk_gate_pass(queue, YK_POP, pop_ring, &move, deadline);
    move.size = queue->item_size;
    return yk_gate_pass(queue, YK_POP, pop_other, &move, deadline);
}

int yoke_queue_pop(yoke_queue *queue, void *item)
{
    int rc;

    do
        rc = yoke_queue_pop_until(queue, item, YOKE_FOREVER);
    while (rc == -EINTR);
    return rc;
}

int yoke_queue_pop_bytes_until(yoke_queue *queue, void *buffer, size_t room, size_t *ret_size, yoke_time deadline)
{
    char none;
    struct move move = {.to = room ? buffer : &none, .size = room, .ret_size = ret_size};

    if (!queue || queue->item_size || !move.to)
        return -EINVAL;
    return yk_gate_pass(queue, YK_POP, pop_other, &move, deadline);
}

int yoke_queue_pop_bytes(yoke_queue *queue, void *buffer, size_t room, size_t *ret_size)
{
    int rc;

    do
        rc = yoke_queue_pop_bytes_until(queue, buffer, room, ret_size, YOKE_FOREVER);
    while (rc == -EINTR);
    return rc;
}

int yk_queue_drop_all(yoke_queue *queue, void *arg)
{
    ptrdiff_t *n = arg;

    /* not for ever, if an index was overwritten */
    for (size_t left = yoke_queue_length(queue); left > 0 && take_other(queue, &(struct move){.to = NULL}) == 0; left--)
        ++*n;
    return 0;
}
