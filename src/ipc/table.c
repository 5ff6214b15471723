/* table.c -- the store of a LIFO or a priority queue between threads; one gate guards all of it.
 *
 * LIFO: a stack; how many lie on it follows from the indices.
 *
 * Priority: `order` names all slots; the first n are those that hold an item, as a binary heap, whose first is the next to go.  Items
 * that compare as equal go in the order in which they came, by the number that each was born with.
 * That number is also what makes a slot hold an item, and its becoming 0 what takes the item out; `order` can be made again from
 * them.  So a child of fork gets the queue whole, even if another thread was just moving the heap (repair).
 *
 * Without a capacity the table doubles when it is full, and is halved when a quarter is in use. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "ipc/queue.h"

enum { LEAST = 16 };

struct table {
    size_t room;    /* slots */
    uint64_t *born; /* of each slot: which push it was, from 1; 0: no item.  Priority only */
    size_t *order;  /* priority only */
    char *items;
};

static size_t count(yoke_queue *queue)
{
    return yk_load_rlx(&queue->side[YK_PUSH].index) - yk_load_rlx(&queue->side[YK_POP].index);
}

static char *item_at(const yoke_queue *queue, const struct table *table, size_t slot)
{
    return table->items + slot * queue->item_size;
}

/* ---- the table as a whole ---- */

static void drop_table(struct table *table)
{
    if (table) {
        free(table->born);
        free(table->order);
        free(table->items);
    }
    free(table);
}

static struct table *make_table(const yoke_queue *queue, size_t room)
{
    struct table *table = calloc(1, sizeof *table);
    bool heap = queue->order == YOKE_PRIORITY;

    if (!table)
        return NULL;
    table->room = room;
    table->items = calloc(room, queue->item_size);
    table->born = heap ? calloc(room, sizeof *table->born) : NULL;
    table->order = heap ? calloc(room, sizeof *table->order) : NULL;
    if (!table->items || (heap && (!table->born || !table->order))) {
        drop_table(table);
        return NULL;
    }
    for (size_t i = 0; heap && i < room; i++)
        table->order[i] = i;
    return table;
}

int yk_table_open(yoke_queue *queue)
{
    queue->table = make_table(queue, queue->capacity ? queue->capacity : LEAST);
    return queue->table ? 0 : -ENOMEM;
}

void yk_table_free(yoke_queue *queue)
{
    drop_table(queue->table);
}

/* Moves all n items to a new table of so many slots, in heap order. */
static int resize(yoke_queue *queue, size_t n, size_t room)
{
    struct table *old = queue->table, *table = make_table(queue, room);

    if (!table)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        size_t slot = old->order ? old->order[i] : i;

        memcpy(item_at(queue, table, i), item_at(queue, old, slot), queue->item_size);
        if (table->born)
            table->born[i] = old->born[slot];
    }
    queue->table = table;
    drop_table(old);
    return 0;
}

/* ---- the heap ---- */

static bool goes_before(const yoke_queue *queue, const struct table *table, size_t a, size_t b)
{
    int order = queue->compare(item_at(queue, table, a), item_at(queue, table, b));

    return order < 0 || (order == 0 && table->born[a] < table->born[b]);
}

/* Moves the slot at `at` up to where it belongs. */
static void sift_up(const yoke_queue *queue, struct table *table, size_t at)
{
    size_t slot = table->order[at];

    while (at > 0 && goes_before(queue, table, slot, table->order[(at - 1) / 2])) {
        table->order[at] = table->order[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    table->order[at] = slot;
}

/* The same, down among the first n. */
static void sift_down(const yoke_queue *queue, struct table *table, size_t at, size_t n)
{
    size_t slot = table->order[at];

    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && goes_before(queue, table, table->order[child + 1], table->order[child]))
            child++;
        if (!goes_before(queue, table, table->order[child], slot))
            break;
        table->order[at] = table->order[child];
    }
    table->order[at] = slot;
}

/* Whoever was inside stayed behind in a fork. */
static void repair(yoke_queue *queue)
{
    struct table *table = queue->table;
    uint64_t pushed = yk_load_rlx(&queue->side[YK_PUSH].index);
    size_t n = 0, rest = table->room;

    queue->orphaned = false;
    if (!table->order)
        return;
    for (size_t slot = 0; slot < table->room; slot++) {
        if (table->born[slot] > pushed)
            table->born[slot] = 0; /* was not published yet */
        table->order[table->born[slot] ? n++ : --rest] = slot;
    }
    /* one may have been taken out, and not counted yet */
    yk_store_rel(&queue->side[YK_POP].index, pushed - n);
    for (size_t at = n / 2; at-- > 0;)
        sift_down(queue, table, at, n);
}

/* ---- items ---- */

int yk_table_put(yoke_queue *queue, const void *item)
{
    struct yk_side *push = &queue->side[YK_PUSH];
    uint64_t index = yk_load_rlx(&push->index);
    struct table *table = queue->table;
    size_t n, slot;
    int rc = 0;

    if (queue->orphaned)
        repair(queue);
    n = count(queue);
    if (n == table->room)
        rc = queue->capacity ? -EAGAIN : resize(queue, n, 2 * n);
    if (rc < 0)
        return rc;
    table = queue->table;
    slot = table->order ? table->order[n] : n;
    memcpy(item_at(queue, table, slot), item, queue->item_size);
    if (table->order) {
        table->born[slot] = index + 1;
        sift_up(queue, table, n);
    }
    /* release: pairs with the acquires in yk_queue_can and yoke_queue_length, here and below */
    yk_store_rel(&push->index, index + 1);
    return 0;
}

int yk_table_take(yoke_queue *queue, void *to)
{
    struct yk_side *pop = &queue->side[YK_POP];
    struct table *table = queue->table;
    size_t n, slot;

    if (queue->orphaned)
        repair(queue);
    n = count(queue);
    if (n == 0)
        return -EAGAIN;
    slot = table->order ? table->order[0] : n - 1;
    if (to)
        memcpy(to, item_at(queue, table, slot), queue->item_size);
    if (table->order) {
        table->order[0] = table->order[n - 1];
        table->order[n - 1] = slot;
        sift_down(queue, table, 0, n - 1);
        table->born[slot] = 0;
    }
    yk_store_rel(&pop->index, yk_load_rlx(&pop->index) + 1);
    /* without memory it stays as large as it is */
    if (!queue->capacity && table->room > LEAST && n - 1 <= table->room / 4)
        (void)resize(queue, n - 1, table->room / 2);
    return 0;
}
