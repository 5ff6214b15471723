/* watch.c -- a queue as one of several things that a thread waits for.
 *
 * A watcher takes nothing, so it goes through no gate.  Who pushes rings for it, unless it dies first; then the kernel wakes a sleeper on
 * its gate (gate.c).  So a watcher of a shared queue sleeps on that gate, and on the grave, like the others; and if it was the one
 * that the kernel has woken, it owes them what the dead one did.  It cannot know that, and wakes all who push or pop: they look
 * for themselves.  It wakes other watchers only when it leaves: while nothing is ready, they have nothing to do either, and would wake
 * it in turn for ever. */
#include "ipc/watch.h"

#include <limits.h>

#include "ipc/gate.h"

bool yk_queue_watch(yoke_queue *queue, struct yk_wait waits[2], unsigned *ret_n)
{
    yk_a32 *gate = yk_gate_of(queue, YK_PUSH);
    /* before the look, which also sets LOOK: a push that is not seen there changes this word.  acquire: pairs with who leaves */
    uint32_t word = yk_load_acq(gate) | YK_LOOK;

    if (yk_queue_ready(queue, &waits[0]))
        return true;
    waits[1] = (struct yk_wait){gate, word, true};
    *ret_n = queue->shared != YOKE_PRIVATE ? 2 : 1;
    return false;
}

/* relaxed, below: who counts itself later sees in the queue what there is. */
static void ring_all(yk_a32 *bell)
{
    /* release: pairs with the loads in try_turn and yk_queue_ready */
    yk_add_rel(bell, 1);
    yk_futex_wake(bell, INT_MAX, true);
}

void yk_queue_stand_in(yoke_queue *queue)
{
    if (queue->shared == YOKE_PRIVATE)
        return;
    for (int side = YK_PUSH; side <= YK_POP; side++) {
        ring_all(&queue->hall[side].bell);
        ring_all(&queue->door[side].bell);
    }
}

void yk_queue_pass_on(yoke_queue *queue)
{
    if (queue->shared != YOKE_PRIVATE)
        ring_all(&queue->watchers.bell);
}
