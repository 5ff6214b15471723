/* gate.h -- the gate of one side of a queue: a lock, and the place where its side waits. */
#ifndef YK_GATE_H
#define YK_GATE_H

#include <errno.h>

#include "ipc/queue.h"
#include "sync/self.h"

/* What is done inside: 0; -EAGAIN: it cannot be done yet; another code. */
typedef int yk_act(yoke_queue *queue, void *arg);

#define YK_HELD                                                                                                        \
    YK_WAITED /* in the word of each gate that is held, so that the kernel wakes a sleeper if its owner dies */
#define YK_LOOK YK_DIED /* somebody has to be looked after; the kernel sets it too, for an owner that has died */

static inline yk_a32 *yk_gate_of(yoke_queue *queue, int side)
{
    return &queue->side[queue->store == YK_TABLE ? YK_PUSH : side].gate;
}

static inline struct yk_door *yk_door_of(yoke_queue *queue, int side)
{
    return &queue->door[queue->store == YK_TABLE ? YK_PUSH : side];
}

/* Items of any size: whether there is room is known only to who wants to push. */
static inline bool yk_is_choosy(const yoke_queue *queue, int side)
{
    return queue->store == YK_BYTES && side == YK_PUSH;
}

/* The word of a gate that the calling thread holds. */
static inline uint32_t yk_gate_mine(const yoke_queue *queue)
{
    return (queue->shared != YOKE_PRIVATE ? yk_tid() : yk_self()) | YK_HELD;
}

int yk_gate_pass_slowly(yoke_queue *queue, int side, yk_act *act, void *arg, yoke_time deadline);

/* leave.c: leaves a gate that has LOOK.  has_slept: the thread may have been woken in the place of one that died. */
void yk_gate_leave_looking(yoke_queue *queue, int side, bool has_slept);

/* Wakes all who wait in a hall or watch.  Inside a gate. */
void yk_gate_ring_all(yoke_queue *queue);

/* Does act(queue, arg) inside the gate, as soon as it can be done.  Returns what act does, but -EAGAIN; or -ETIMEDOUT, -EINTR with
 * nothing done. */
static inline __attribute__((always_inline)) int yk_gate_pass(yoke_queue *queue, int side, yk_act *act, void *arg,
                                                              yoke_time deadline)
{
    yk_a32 *gate = yk_gate_of(queue, side);
    bool shared = queue->shared != YOKE_PRIVATE;
    uint32_t mine = yk_gate_mine(queue), expected = 0;
    int rc = -EAGAIN;

    if (shared)
        yk_robust_intend(gate);
    /* acquire and release: pair with each other, from one owner to the next */
    if (yk_cas_acq(gate, &expected, mine)) {
        rc = act(queue, arg);
        expected = mine;
        if (!yk_cas_rel(gate, &expected, 0))
            yk_gate_leave_looking(queue, side, false);
    }
    if (shared)
        yk_robust_intend(NULL);
    return rc == -EAGAIN ? yk_gate_pass_slowly(queue, side, act, arg, deadline) : rc;
}

#endif
