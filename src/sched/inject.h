/* inject.h -- the injection queue: work that comes from outside the workers, in the order in which it came.
 *
 * Intrusive, unbounded, never allocates.  A push is wait-free; consumers exclude each other by a lock that they only ever
 * try.  A node may be reused or freed as soon as it was popped. */
#ifndef YK_INJECT_H
#define YK_INJECT_H

#include "base/atomic.h"
#include "base/base.h"

struct yk_inject_node {
    yk_aptr next; /* written by the push of the next node */
};

/* Zero bytes are an empty queue. */
struct yk_inject {
    _Alignas(2 * YK_LINE) yk_aptr tail; /* the newest node, NULL when empty; swapped by pushes, emptied by pops */
    _Alignas(2 * YK_LINE) yk_aptr head; /* the oldest node; written under the lock, and by a push onto an empty queue */
    yk_a32 lock;                        /* 1 while somebody pops */
};

/* yk_inject_push -- appends a node.  Whoever pops it sees what was written before.  Any thread. */
void yk_inject_push(struct yk_inject *queue, struct yk_inject_node *node);

/* yk_inject_pop -- takes up to `max` of the oldest nodes, oldest first.
 * Returns: how many; 0 also when somebody else pops just now, or a push is half done.  Any thread. */
size_t yk_inject_pop(struct yk_inject *queue, struct yk_inject_node **nodes, size_t max);

/* yk_inject_visible -- true from the moment a push takes effect until its node was popped. */
static inline bool yk_inject_visible(struct yk_inject *queue)
{
    return yk_load_acq(&queue->tail) != NULL; /* acquire: the swap in push */
}

#endif
