/* join.c -- how a queue counts the items that are done, and waits for all of them.
 *
 * All are done when `done` has reached the index of those who push.  Whoever brings it there rings the joiners' bell, if
 * that is still so at its next look; a joiner that was woken for such a moment is not to miss it because it is over when it runs, so
 * the bell counts.
 *
 * Between processes, whoever counted the last one may die before it could ring: the kernel then wakes a joiner, on their grave,
 * which finds all done and rings for the others. */
#include <errno.h>
#include <limits.h>

#include "base/base.h"
#include "ipc/queue.h"
#include "sync/wait.h"

static bool all_done(yoke_queue *queue)
{
    /* seq, the first: pairs with ring_joiners.  acquire: what was written before each task_done; and, the second, `done` is never
     * more than the index is afterwards */
    uint64_t done = yk_load_seq(&queue->done);

    return done == yk_load_acq(&queue->side[YK_PUSH].index);
}

static void ring_joiners(yoke_queue *queue)
{
    /* release: with the bell comes what was done; pairs with the loads in yoke_queue_join_until */
    yk_add_rel(&queue->joiners.bell, 1);
    yk_futex_wake(&queue->joiners.bell, INT_MAX, queue->join_shared != YOKE_PRIVATE);
}

/* After `done` was raised.  Whoever begins to wait counts itself and then looks at `done`; so one of the two sees the other. */
static void tell_joiners(yoke_queue *queue)
{
    /* seq: pairs with yoke_queue_join_until */
    if (yk_load_seq(&queue->joiners.waiting) > 0 && all_done(queue))
        ring_joiners(queue);
}

int yk_queue_count_done(yoke_queue *queue, uint64_t n)
{
    uint64_t done, next;
    int rc = 0;

    yk_grave_intend(&queue->join_shared);
    /* acquire: whoever has popped an item knows that it was pushed, and so do those who count after it */
    done = yk_load_acq(&queue->done);
    do {
        uint64_t pushed = yk_load_acq(&queue->side[YK_PUSH].index);

        next = done + yk_min(n, pushed - done);
        if (done >= pushed)
            rc = -EINVAL;
        /* seq: pairs with yoke_queue_join_until; and it hands on what was written before */
    } while (rc == 0 && !yk_cas_seq(&queue->done, &done, next));
    if (rc == 0)
        tell_joiners(queue);
    yk_grave_settle(&queue->join_shared);
    return rc;
}

int yoke_queue_task_done(yoke_queue *queue)
{
    return queue ? yk_queue_count_done(queue, 1) : -EINVAL;
}

int yoke_queue_join_until(yoke_queue *queue, yoke_time deadline)
{
    yk_a32 *bell;
    uint32_t before;
    int rc = 0;
    bool done;

    if (!queue)
        return -EINVAL;
    if (all_done(queue))
        return 0;
    bell = &queue->joiners.bell;
    yk_grave_intend(&queue->join_shared);
    /* seq: pairs with tell_joiners */
    yk_add_seq(&queue->joiners.waiting, 1);
    /* acquire, here and below: pairs with the release in ring_joiners */
    before = yk_load_acq(bell);
    while (!(done = all_done(queue)) && yk_load_acq(bell) == before && rc == 0)
        rc = yk_sleep(bell, before, &queue->join_shared, deadline);
    /* whoever counted the last one may have died before it could wake us all, and the kernel woke one */
    if (done && queue->join_shared != YOKE_PRIVATE)
        ring_joiners(queue);
    if (done || yk_load_acq(bell) != before)
        rc = 0;
    /* relaxed: who is counted for too long costs a wake in vain */
    yk_sub_rlx(&queue->joiners.waiting, 1u);
    yk_grave_settle(&queue->join_shared);
    return rc;
}

int yoke_queue_join(yoke_queue *queue)
{
    int rc;

    /* only a signal ends it early */
    do
        rc = yoke_queue_join_until(queue, YOKE_FOREVER);
    while (rc == -EINTR);
    return rc;
}
