/* inject.c -- a list whose tail is swapped, as in the queue lock of Mellor-Crummey and Scott (1991), and whose head is taken
 * under a lock that is only tried.
 *
 * A push swaps itself in as the tail and then links itself behind its predecessor, or becomes the head if it had none.
 * Between the two, the nodes from that predecessor on cannot be popped: the predecessor still has a field that will be
 * written.  The pusher calls yk_park_kick after push, so nothing is overlooked for longer than that moment.
 *
 * `tail` alone says whether the queue is empty, so that a worker can look without the lock. */
#include "sched/inject.h"

#include "base/fault.h"

void yk_inject_push(struct yk_inject *queue, struct yk_inject_node *node)
{
    struct yk_inject_node *before;

    yk_store_rlx(&node->next, NULL);
    /* release: hands `next` above to the pusher after us; acquire: the emptied head, written before the tail was emptied */
    before = yk_swap_aar(&queue->tail, node);
    YK_POINT(INJECT_SWAPPED);
    yk_store_rel(before ? &before->next : &queue->head, node); /* release: the loads in pop_one */
}

/* The lock is held.  NULL: empty, or the push behind the oldest node is half done. */
static struct yk_inject_node *pop_one(struct yk_inject *queue)
{
    struct yk_inject_node *node = yk_load_acq(&queue->head); /* acquire: the store in push */
    void *last = node;

    if (!node)
        return NULL;
    if (!yk_load_acq(&node->next)) {
        /* Before the tail is emptied: from then on the head belongs to the next push. */
        yk_store_rlx(&queue->head, NULL);
        if (yk_cas_aar(&queue->tail, &last, NULL)) /* release, acquire: the swap in push */
            return node;
        yk_store_rlx(&queue->head, node); /* there is a successor, so no push writes the head */
        if (!yk_load_acq(&node->next))
            return NULL;
    }
    yk_store_rlx(&queue->head, yk_load_acq(&node->next));
    return node;
}

size_t yk_inject_pop(struct yk_inject *queue, struct yk_inject_node **nodes, size_t max)
{
    size_t n = 0;

    if (!yk_inject_visible(queue) || yk_load_rlx(&queue->lock) || yk_swap_acq(&queue->lock, 1))
        return 0; /* acquire: the release below */
    while (n < max && (nodes[n] = pop_one(queue)) != NULL)
        n++;
    yk_store_rel(&queue->lock, 0); /* release: the swap above */
    return n;
}
