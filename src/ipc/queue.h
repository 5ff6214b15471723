/* queue.h -- what a queue is made of; and what the rest of the library may ask of one.
 *
 * A queue has two sides, those who push and those who pop.  Each has a gate, which lets one of its threads in at a time (gate.h), and
 * an index, which counts the items that went through.  An item is in the queue from the one store that publishes the index of the
 * pushing side to the one that publishes the index of the popping side; so whoever dies in between leaves a queue that is whole.
 * How the items lie is the business of a store (ring.h, bytes.c, segments.c, table.c).
 *
 * Between processes all of it lies in the shared memory, and holds no address; the items follow at once. */
#ifndef YK_QUEUE_H
#define YK_QUEUE_H

#include <yoke/queue.h>

#include "os/os.h"

enum { YK_PUSH = 0, YK_POP = 1 };

/* How the items lie. */
enum yk_store {
    YK_RING,     /* FIFO, items of one size, with a capacity */
    YK_BYTES,    /* FIFO, items of any size, with a capacity */
    YK_SEGMENTS, /* FIFO, without a capacity */
    YK_TABLE     /* LIFO and priority; one gate for both sides */
};

enum { YK_LINES = 128 }; /* CPUs fetch lines of 64 bytes in pairs */

struct yk_side {
    _Alignas(YK_LINES) yk_a32 gate; /* gate.h */
    uint64_t seen;                  /* how far the other side was when last looked at; under the gate */
    /* YK_BYTES, YK_SEGMENTS: where the next item lies.  Two places, used in turn: place[index & 1] is the valid one.  Under the gate;
     * yk_a64 because YK_BYTES looks at the other side's. */
    yk_a64 place[2];
    void *segment[2];                /* YK_SEGMENTS: what place is an offset in */
    _Alignas(YK_LINES) yk_a64 index; /* written under the gate, read by anybody */
};

/* Where threads wait for what the other side does. */
struct yk_hall {
    yk_a32 bell;    /* counts rings; by whoever rings */
    yk_a32 waiting; /* threads that wait here, and those that died waiting; by themselves */
    yk_a32 right;   /* YK_TABLE: 1: may be rung; set by those who wait, taken by whoever rings */
};

/* Where they wait to get in at a gate. */
struct yk_door {
    yk_a32 bell;
    yk_a32 came; /* counts those who wanted to get in and may have had to wait; by themselves */
    yk_a32 let;  /* all those up to this number got in, or are not there any more; by whoever knows; may lag behind */
};

struct yoke_queue {
    /* Written by open only, but for `closed`. */
    uint32_t shared; /* and the grave (sync/wait.h) of all who wait at one of the sides */
    uint32_t store;  /* enum yk_store */
    uint32_t order;  /* yoke_order */
    yk_a32 closed;   /* from 0 to 1; under the gate of those who push */
    uint64_t item_size, capacity;
    uint64_t mask;                              /* YK_RING: capacity - 1 if that is a power of two, else 0 */
    uint64_t area;                              /* YK_BYTES: how many bytes there are for items and their headers */
    int (*compare)(const void *, const void *); /* YK_PRIORITY */
    uint64_t owner;                             /* the process that opened it: yk_this_process */
    yoke_shm *shm;                              /* there, the shared memory that it lies in */

    _Alignas(YK_LINES) struct yk_hall hall[2]; /* of each side, for what the other one does */
    struct yk_door door[2];                    /* of each gate */
    struct yk_hall watchers;                   /* of those who take nothing (yk_queue_ready); `waiting` is 1 for good */
    yk_a64 told; /* YK_BYTES: index[YK_POP] when those who push were last rung; by whoever rings */

    /* join.c */
    _Alignas(YK_LINES) yk_a64 done; /* items that yoke_queue_task_done has counted; by anybody */
    struct yk_hall joiners;         /* whose bell counts the moments in which all were seen to be done */
    uint32_t join_shared;           /* their grave; as `shared` */

    yk_aptr spare; /* YK_SEGMENTS: one that was emptied; exchanged by both sides */
    void *table;   /* YK_TABLE: under the gate */
    bool orphaned; /* YK_TABLE: whoever held the gate stayed behind in a fork; under the gate */

    struct yk_side side[2];
};

/* Bytes of items begin here, for YK_RING and YK_BYTES. */
static inline char *yk_queue_items(yoke_queue *queue)
{
    return (char *)(queue + 1);
}

/* Whether a side can do something: pop an item, or push one; or learn that the queue is closed.  Where items have any size, that
 * those who push have not been told yet of the room that there is. */
bool yk_queue_can(yoke_queue *queue, int side);

/* For yoke_wait_any: true if a pop would not wait.  Else what to sleep on; a push, or a close, then changes and wakes it. */
bool yk_queue_ready(yoke_queue *queue, struct yk_wait *ret_wait);

/* ---- stores.  All under the gate of their side. ---- */

/* put gives 0, -EAGAIN: there is no room, or -ENOMEM.  take gives 0, -EAGAIN: there is none, -EMSGSIZE: it is larger than `room`, or
 * -EBADMSG: it was overwritten; it copies to `to`, if that is not NULL, and writes *ret_size, if that is not NULL, with 0 and
 * -EMSGSIZE. */
/* The bytes that a capacity of so many needs. */
uint64_t yk_bytes_area(uint64_t capacity);
int yk_bytes_put(yoke_queue *queue, const void *item, size_t size);
int yk_bytes_take(yoke_queue *queue, void *to, size_t room, size_t *ret_size);

int yk_segments_open(yoke_queue *queue);
void yk_segments_free(yoke_queue *queue);
int yk_segments_put(yoke_queue *queue, const void *item, size_t size);
int yk_segments_take(yoke_queue *queue, void *to, size_t room, size_t *ret_size);

int yk_table_open(yoke_queue *queue);
void yk_table_free(yoke_queue *queue);
int yk_table_put(yoke_queue *queue, const void *item);
int yk_table_take(yoke_queue *queue, void *to);

/* ---- items.c ---- */

/* Inside the gate of those who pop: drops what is there, and adds how many that was to the ptrdiff_t at `n`. */
int yk_queue_drop_all(yoke_queue *queue, void *n);

/* ---- join.c ---- */

/* Counts n more items as done, but never more than were pushed: -EINVAL if all of them are done already. */
int yk_queue_count_done(yoke_queue *queue, uint64_t n);

#endif
