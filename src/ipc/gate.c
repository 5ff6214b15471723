/* gate.c -- how a side of a queue excludes its own, and waits for the other one, so that nobody's death matters.
 *
 * The word of a gate: its owner's number and HELD, or 0; and LOOK.  Who can pass at once pays two atomic operations.  Who cannot sets
 * LOOK, and then looks again; and whoever leaves a gate with LOOK looks after the others before it goes.  All changes of the word are
 * read-modify-writes: of two that meet there one comes second, and sees what the other has done.  So no flag beside the word is
 * needed, and no fence.
 *
 * A waiter sets LOOK at the other side's gate, through which must come what it waits for; and at its own, in case that is held: then
 * it waits at the door, else in the hall.
 *
 * Ringing (leave.c).  Whoever leaves with LOOK takes it out; if the side that waits in the hall can do something now, its bell is
 * rung, which wakes one.  That one sets LOOK again before all else, on behalf of those who still sleep, and when it is done it looks
 * whether its side can do more, and rings for the next.  So one is woken for one item, and at most one of a side is on its way without
 * need.
 *
 * Invariant.  When a side can do something and one of it sleeps, somebody is committed to look after it: the owner of a gate that
 * will see LOOK; one who was woken; or the kernel.  What is owed to whom is kept nowhere, where a death could leave it wrong, but
 * follows from the state of the queue: so whoever takes a dead thread's place needs not know what that one was about to do.
 *
 * Deaths (shared queues).  Sleepers sleep on their bell, on both gates and on the grave; only the kernel wakes on the last three.
 * - An owner has intended its gate: the kernel sets LOOK there, and wakes a sleeper, who looks after all the others.
 * - A sleeper, also one that was woken, has intended the grave: the kernel wakes another in its place.
 * - One on its way into its gate has first counted itself at the door and set LOOK, and then intends the gate: if it dies, either
 *   the gate is nobody's, and the kernel wakes a sleeper; or it is held, and its owner sees LOOK.
 * - What a dead owner has published is seen by whoever sets LOOK later; who set it earlier sleeps on that gate with the word as it
 *   was then, and so either does not fall asleep or is woken by the kernel.
 * - Who dies waiting stays counted, which costs a wake in vain now and then.
 *
 * Between threads nobody dies alone, and the bell is enough.  In a child of fork, a gate whose owner stayed behind is free. */
#include "ipc/gate.h"

#include "sync/wait.h"

static void intend_gate(yoke_queue *queue, yk_a32 *gate)
{
    if (queue->shared != YOKE_PRIVATE)
        yk_robust_intend(gate);
}

/* Not the calling thread's: see check_caller. */
static bool is_free(const yoke_queue *queue, uint32_t word)
{
    uint32_t owner = word & YK_TID;

    return owner == 0 || (queue->shared == YOKE_PRIVATE && yk_is_ghost(owner));
}

/* Or it would wait for itself. */
static void check_caller(yoke_queue *queue, int side)
{
    /* relaxed: it is this thread's own number, or not */
    if ((yk_load_rlx(yk_gate_of(queue, side)) & YK_TID) != (yk_gate_mine(queue) & YK_TID))
        return;
    if (side == YK_PUSH)
        yk_misuse("yoke_queue_push, or _close: called inside a call on the same queue (in its compare, or in a signal "
                  "handler)");
    else
        yk_misuse("yoke_queue_pop, or _close_now: called inside a call on the same queue (in its compare, or in a "
                  "signal handler)");
}

/* Takes a gate that was just seen to be free. */
static bool enter(yoke_queue *queue, yk_a32 *gate, uint32_t seen, uint32_t mine)
{
    bool orphan = (seen & YK_TID) != 0;

    /* acquire: pairs with the release of who leaves, and with the kernel's exchange after a death */
    if (!yk_cas_acq(gate, &seen, mine | (seen & YK_LOOK)))
        return false;
    if (orphan)
        queue->orphaned = true;
    return true;
}

/* ---- one attempt ---- */

/* Tries once, without waiting.  -EAGAIN: it cannot be done now; -EBUSY: the gate is held. */
static int attempt(yoke_queue *queue, int side, yk_act *act, void *arg)
{
    yk_a32 *gate = yk_gate_of(queue, side);
    uint32_t mine = yk_gate_mine(queue), seen = yk_load_rlx(gate), expected = mine;
    int rc = -EBUSY;

    if (!is_free(queue, seen))
        return rc;
    intend_gate(queue, gate);
    if (enter(queue, gate, seen, mine)) {
        rc = act(queue, arg);
        /* release: as in yk_gate_leave_looking */
        if (!yk_cas_rel(gate, &expected, 0))
            yk_gate_leave_looking(queue, side, false);
    }
    intend_gate(queue, NULL);
    return rc;
}

/* The same as one who waits, with that number at the door.  The grave is intended before and after.  *ret_word is what the gate's word
 * was. */
static int attempt_waiting(yoke_queue *queue, int side, yk_act *act, void *arg, bool has_slept, uint32_t number,
                           uint32_t *ret_word)
{
    struct yk_door *door = yk_door_of(queue, side);
    yk_a32 *gate = yk_gate_of(queue, side);
    uint32_t mine = yk_gate_mine(queue);
    int rc;

    for (;;) {
        /* release: brings the counts along; pairs with yk_gate_leave_looking */
        *ret_word = yk_or_aar(gate, YK_LOOK) | YK_LOOK;
        if (!is_free(queue, *ret_word))
            return -EBUSY;
        intend_gate(queue, gate);
        if (enter(queue, gate, *ret_word, mine))
            break;
        yk_grave_intend(&queue->shared);
    }
    /* relaxed, both: see yk_door */
    if (yk_load_rlx(&door->let) == number - 1)
        yk_store_rlx(&door->let, number);
    rc = act(queue, arg);
    if (rc != -EAGAIN)
        yk_sub_rlx(&queue->hall[side].waiting, 1u);
    yk_gate_leave_looking(queue, side, has_slept);
    *ret_word = yk_load_rlx(gate);
    yk_grave_intend(&queue->shared);
    return rc;
}

/* Whether it is worth while to wait for the gate. */
static bool may_go(yoke_queue *queue, int side)
{
    return yk_is_choosy(queue, side) || yk_queue_can(queue, side);
}

/* The owner is inside for a moment only, if it runs. */
static void spin_at(yoke_queue *queue, yk_a32 *gate)
{
    for (unsigned left = yk_spins(); left > 0 && !is_free(queue, yk_load_rlx(gate)); left--)
        yk_cpu_relax();
}

/* One attempt of a waiter, and what it then has to sleep on. */
static int try_turn(yoke_queue *queue, int side, yk_act *act, void *arg, bool has_slept, struct yk_wait waits[4])
{
    struct yk_hall *hall = &queue->hall[side];
    struct yk_door *door = yk_door_of(queue, side);
    yk_a32 *own = yk_gate_of(queue, side), *other = yk_gate_of(queue, !side);
    bool shared = queue->shared != YOKE_PRIVATE;
    /* before LOOK is set, so that no ring is missed.  acquire: pairs with the release in ring */
    uint32_t at_hall = yk_load_acq(&hall->bell), at_door = yk_load_acq(&door->bell), other_word, own_word, number;
    int rc;

    /* release: after the bell was read; pairs with the acquire in ring_door */
    number = yk_add_rel(&door->came, 1) + 1;
    /* relaxed: LOOK carries it */
    yk_store_rlx(&hall->right, 1);
    /* release: as in attempt_waiting */
    other_word = yk_or_aar(other, YK_LOOK) | YK_LOOK;
    rc = attempt_waiting(queue, side, act, arg, has_slept, number, &own_word);
    waits[0] =
        rc == -EBUSY ? (struct yk_wait){&door->bell, at_door, shared} : (struct yk_wait){&hall->bell, at_hall, shared};
    waits[1] = (struct yk_wait){own, own_word, true};
    waits[2] = (struct yk_wait){other, other_word, true};
    waits[3] = (struct yk_wait){(yk_a32 *)&queue->shared, YK_GRAVE, true};
    return rc;
}

/* How long one waits beyond the deadline for a gate that is held, so that nobody is told in vain that there is nothing.  Whoever
 * holds it longer does not run (stopped, in a debugger), or is in a comparison of the program's. */
#ifndef GRACE
#define GRACE yoke_after(1)
#endif

static int wait_turn(yoke_queue *queue, int side, yk_act *act, void *arg, yoke_time deadline)
{
    bool shared = queue->shared != YOKE_PRIVATE, has_slept = false;
    int over = deadline <= YOKE_NOW ? -ETIMEDOUT : 0, rc, slept = 0;
    yoke_time until = over ? GRACE : deadline;

    yk_grave_intend(&queue->shared);
    yk_add_rlx(&queue->hall[side].waiting, 1);
    for (;;) {
        struct yk_wait waits[4];

        spin_at(queue, yk_gate_of(queue, side));
        rc = try_turn(queue, side, act, arg, has_slept, waits);
        if (rc != -EAGAIN && rc != -EBUSY)
            break;
        /* at the deadline, one more look decides */
        if (over && (rc == -EAGAIN || slept < 0 || !may_go(queue, side))) {
            yk_sub_rlx(&queue->hall[side].waiting, 1u);
            rc = over;
            break;
        }
        slept = yk_sleep_many(waits, shared ? 4 : 1, until);
        has_slept |= slept == 0;
        if (slept < 0 && !over) {
            over = slept;
            until = GRACE;
            slept = 0;
        }
    }
    yk_grave_settle(&queue->shared);
    return rc;
}

int yk_gate_pass_slowly(yoke_queue *queue, int side, yk_act *act, void *arg, yoke_time deadline)
{
    bool tries = deadline <= YOKE_NOW;
    int rc;

    check_caller(queue, side);
    rc = attempt(queue, side, act, arg);
    for (unsigned left = yk_spins(); left > 0 && (rc == -EBUSY || (rc == -EAGAIN && !tries)); left--) {
        yk_cpu_relax();
        if (may_go(queue, side))
            rc = attempt(queue, side, act, arg);
    }
    if (rc != -EAGAIN && rc != -EBUSY)
        return rc;
    if (tries && (rc == -EAGAIN || !may_go(queue, side)))
        return -ETIMEDOUT;
    return wait_turn(queue, side, act, arg, deadline);
}
