/* queue.c -- Queue: opening, looking, closing.
 *
 * Closing happens inside the gate of those who push: so what was pushed before is visible with `closed`, and nothing comes after it.
 * A side that waits is told by its bell. */
#include "ipc/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "ipc/gate.h"

/* Both sides may move while this looks. */
static bool is_full(yoke_queue *queue)
{
    yk_a64 *popped = &queue->side[YK_POP].index;
    uint64_t before, length;

    do {
        /* acquire, both: as in yk_queue_can; and the second one keeps the third load behind it */
        before = yk_load_acq(popped);
        length = yk_load_acq(&queue->side[YK_PUSH].index) - before;
        /* if an item was popped in between, it may never have been as many */
    } while (length >= queue->capacity && yk_load_rlx(popped) != before);
    return length >= queue->capacity;
}

bool yk_queue_can(yoke_queue *queue, int side)
{
    uint64_t popped;

    /* acquire, all: pair with the releases that publish the indices, and with yoke_queue_close */
    if (yk_load_acq(&queue->closed))
        return true;
    if (side == YK_PUSH && queue->store != YK_BYTES)
        return queue->capacity == 0 || !is_full(queue);
    popped = yk_load_acq(&queue->side[YK_POP].index);
    if (side == YK_PUSH)
        return yk_load_rlx(&queue->told) != popped;
    return yk_load_acq(&queue->side[YK_PUSH].index) != popped;
}

bool yk_queue_ready(yoke_queue *queue, struct yk_wait *ret_wait)
{
    struct yk_hall *watchers = &queue->watchers;
    /* acquire: pairs with the release in ring; before LOOK is set, so that no ring falls in between */
    uint32_t seen = yk_load_acq(&watchers->bell);

    yk_store_rlx(&watchers->waiting, 1);
    /* release: brings that along, to whoever leaves that gate next; as in gate.c */
    yk_or_aar(yk_gate_of(queue, YK_PUSH), YK_LOOK);
    *ret_wait = (struct yk_wait){&watchers->bell, seen, queue->shared != YOKE_PRIVATE};
    return yk_queue_can(queue, YK_POP);
}

/* ---- opening ---- */

static int check_options(yoke_shm *shm, size_t item_size, const yoke_queue_options *options)
{
    if (!options || options->size < sizeof *options || options->order < YOKE_FIFO || options->order > YOKE_PRIORITY)
        return -EINVAL;
    if (options->order != YOKE_FIFO && (shm || item_size == 0))
        return -EINVAL;
    if (shm && options->capacity == 0)
        return -EINVAL;
    return (options->order == YOKE_PRIORITY) == (options->compare != NULL) ? 0 : -EINVAL;
}

static enum yk_store store_for(size_t item_size, const yoke_queue_options *options)
{
    if (options->order != YOKE_FIFO)
        return YK_TABLE;
    if (options->capacity == 0)
        return YK_SEGMENTS;
    return item_size ? YK_RING : YK_BYTES;
}

/* The bytes of a queue with what follows it; 0: too many. */
static size_t whole_size(enum yk_store store, size_t item_size, size_t capacity)
{
    size_t items = 0, all;

    if (store == YK_RING && __builtin_mul_overflow(capacity, item_size, &items))
        return 0;
    if (store == YK_BYTES && capacity > SIZE_MAX / 2)
        return 0;
    if (store == YK_BYTES)
        items = yk_bytes_area(capacity);
    return __builtin_add_overflow(items, sizeof(yoke_queue), &all) ? 0 : yk_round_up(all, YK_LINES);
}

static int allocate(yoke_shm *shm, size_t size, yoke_queue **ret_queue)
{
    yoke_queue *queue;
    int rc;

    if (size == 0)
        return -ENOMEM;
    queue = shm ? yoke_shm_alloc(shm, size) : aligned_alloc(YK_LINES, size);
    if (!queue) {
        rc = shm ? yoke_shm_dealloc(shm, NULL) : 0;
        return rc < 0 ? rc : -ENOMEM;
    }
    if (!shm)
        memset(queue, 0, sizeof *queue);
    *ret_queue = queue;
    return 0;
}

static void set_up(yoke_queue *queue, yoke_shm *shm, size_t item_size, const yoke_queue_options *options)
{
    size_t capacity = options->capacity;

    queue->shared = queue->join_shared = shm ? YOKE_SHARED : YOKE_PRIVATE;
    queue->store = store_for(item_size, options);
    queue->order = options->order;
    queue->item_size = item_size;
    queue->capacity = capacity;
    queue->mask = capacity & (capacity - 1) ? 0 : capacity - 1;
    queue->area = yk_bytes_area(capacity);
    queue->compare = options->compare;
    queue->owner = yk_this_process();
    queue->shm = shm;
}

static int open_store(yoke_queue *queue)
{
    switch ((enum yk_store)queue->store) {
    case YK_SEGMENTS:
        return yk_segments_open(queue);
    case YK_TABLE:
        return yk_table_open(queue);
    case YK_RING:
    case YK_BYTES:
    default:
        return 0;
    }
}

int yoke_queue_open_with(yoke_queue **ret_queue, yoke_shm *shm, size_t item_size, const yoke_queue_options *options)
{
    yoke_queue *queue;
    int rc = check_options(shm, item_size, options);

    if (rc < 0 || !ret_queue)
        return -EINVAL;
    rc = allocate(shm, whole_size(store_for(item_size, options), item_size, options->capacity), &queue);
    if (rc < 0)
        return rc;
    set_up(queue, shm, item_size, options);
    rc = open_store(queue);
    if (rc == 0)
        *ret_queue = queue;
    else
        free(queue);
    return rc;
}

void yoke_queue_free(yoke_queue **queue)
{
    yoke_queue *it = queue ? *queue : NULL;

    if (!it)
        return;
    *queue = NULL;
    if (it->shared != YOKE_PRIVATE) {
        if (it->owner == yk_this_process())
            yoke_shm_dealloc(it->shm, it);
        return;
    }
    if (it->store == YK_SEGMENTS)
        yk_segments_free(it);
    if (it->store == YK_TABLE)
        yk_table_free(it);
    free(it);
}

/* ---- looking, closing ---- */

size_t yoke_queue_length(const yoke_queue *queue)
{
    uint64_t popped, length, most;

    if (!queue)
        return 0;
    /* an index may have been overwritten */
    most = queue->item_size ? queue->capacity : queue->area / yk_bytes_area(0) /* of the smallest */;
    /* acquire: who sees an item here can pop it; the older one first, so that the difference is none below 0 */
    popped = yk_load_acq(&queue->side[YK_POP].index);
    length = yk_load_acq(&queue->side[YK_PUSH].index) - popped;
    return queue->capacity ? yk_min(length, most) : length;
}

size_t yoke_queue_capacity(const yoke_queue *queue)
{
    return queue ? queue->capacity : 0;
}

static int close_gate(yoke_queue *queue, void *unused)
{
    (void)unused;
    /* release: pairs with the acquire in pop_ring and pop_other (items.c), and yk_queue_can */
    yk_store_rel(&queue->closed, 1);
    yk_gate_ring_all(queue);
    return 0;
}

int yoke_queue_close(yoke_queue *queue)
{
    int rc;

    if (!queue)
        return -EINVAL;
    do
        rc = yk_gate_pass(queue, YK_PUSH, close_gate, NULL, YOKE_FOREVER);
    while (rc == -EINTR);
    return rc;
}

ptrdiff_t yoke_queue_close_now(yoke_queue *queue)
{
    ptrdiff_t n = 0;
    int rc = yoke_queue_close(queue);

    if (rc < 0)
        return rc;
    do
        rc = yk_gate_pass(queue, YK_POP, yk_queue_drop_all, &n, YOKE_FOREVER);
    while (rc == -EINTR);
    if (n > 0)
        (void)yk_queue_count_done(queue, (uint64_t)n);
    return n;
}
