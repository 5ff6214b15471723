/* leave.c -- how whoever leaves the gate of a queue looks after those who wait, and rings for them: the second half of gate.c, which
 * says what is owed to whom. */
#include <limits.h>

#include "ipc/gate.h"

enum { WATCHERS = 2 }; /* beside the sides: those who watch */

/* ---- ringing ---- */

/* Returns how many were woken. */
static int ring(yoke_queue *queue, yk_a32 *bell, int n)
{
    /* release: with the bell comes what was done before; pairs with the loads in try_turn (gate.c) and yk_queue_ready */
    yk_add_rel(bell, 1);
    return yk_futex_wake(bell, n, queue->shared != YOKE_PRIVATE);
}

static void ring_side(yoke_queue *queue, int side)
{
    /* acquire, and the release of the bell: whoever hears it can see the room that was made up to here */
    uint64_t popped = yk_load_acq(&queue->side[YK_POP].index);
    bool all = yk_is_choosy(queue, side) || yk_load_rlx(&queue->closed);

    ring(queue, &queue->hall[side].bell, all ? INT_MAX : 1);
    /* after the wake, or a death in between would leave it unsaid.  relaxed: a number that is too old has it said again */
    if (yk_is_choosy(queue, side))
        yk_store_rlx(&queue->told, popped);
}

/* due: a bit for each side, and one for WATCHERS. */
static void ring_due(yoke_queue *queue, unsigned due)
{
    for (int side = YK_PUSH; side <= YK_POP; side++)
        if (due & 1U << side)
            ring_side(queue, side);
    if (due & 1U << WATCHERS)
        ring(queue, &queue->watchers.bell, INT_MAX);
}

void yk_gate_ring_all(yoke_queue *queue)
{
    for (int i = YK_PUSH; i <= YK_POP; i++)
        ring(queue, &queue->hall[i].bell, INT_MAX);
    ring(queue, &queue->watchers.bell, INT_MAX);
}

static bool is_crowded(struct yk_door *door)
{
    /* acquire: pairs with the release in try_turn.  relaxed: a number that is too old costs a wake in vain */
    return yk_load_acq(&door->came) != yk_load_rlx(&door->let);
}

static void ring_door(yoke_queue *queue, struct yk_door *door)
{
    /* acquire: those who are counted here have read the bell before it is rung now: if none sleeps, none will for having missed it */
    uint32_t came = yk_load_acq(&door->came);

    if (ring(queue, &door->bell, 1) == 0)
        yk_store_rlx(&door->let, came);
}

/* ---- leaving ---- */

/* Whether who leaves the gate of `side` is to ring for the side `who`, which can do something.  The other side is its business.  Its own
 * is only if it was woken itself, or if one at the door may have died that was; and then LOOK at the other gate is the right to
 * ring, which those who wait have put there: whoever has taken it away rings.  Where there is one gate, the right lies beside it. */
static bool may_ring(yoke_queue *queue, int side, int who, bool has_slept)
{
    if (who == side && !has_slept && !is_crowded(yk_door_of(queue, side)))
        return false;
    /* acquire and release: as in leave_looking, for those who set it there */
    if (queue->store == YK_TABLE)
        return yk_swap_aar(&queue->hall[who].right, 0) != 0;
    return who != side || (yk_and_aar(yk_gate_of(queue, !side), ~YK_LOOK) & YK_LOOK) != 0;
}

/* Inside the gate of `side`, whose LOOK was just taken out: says who is to be rung for, of those who were not `told` already.  Returns
 * LOOK if somebody relies on the next owner of the gate. */
static uint32_t look_around(yoke_queue *queue, int side, bool has_slept, unsigned told, unsigned *ret_due)
{
    yk_a32 *gate = yk_gate_of(queue, side);
    uint32_t keep = is_crowded(yk_door_of(queue, side)) ? YK_LOOK : 0;
    unsigned due = 0;

    for (int who = YK_PUSH; who <= YK_POP; who++) {
        /* relaxed: who is counted has set LOOK after that */
        if (yk_load_rlx(&queue->hall[who].waiting) == 0)
            continue;
        if (!(told & 1U << who) && yk_queue_can(queue, who) && may_ring(queue, side, who, has_slept))
            due |= 1U << who;
        else if (gate == yk_gate_of(queue, !who))
            keep = YK_LOOK;
    }
    /* those who watch take nothing and owe nothing, so they are all woken at once */
    if (yk_load_rlx(&queue->watchers.waiting) > 0 && (gate == yk_gate_of(queue, YK_PUSH) || has_slept)) {
        if (yk_queue_can(queue, YK_POP))
            due |= 1U << WATCHERS;
        else
            keep = YK_LOOK;
    }
    *ret_due = due;
    return keep;
}

void yk_gate_leave_looking(yoke_queue *queue, int side, bool has_slept)
{
    yk_a32 *gate = yk_gate_of(queue, side);
    bool shared = queue->shared != YOKE_PRIVATE;
    uint32_t mine = yk_gate_mine(queue), expected, keep;
    unsigned due, told = 0;

    do {
        /* acquire: pairs with the release of who sets LOOK; one that is set from here on is seen below */
        yk_and_aar(gate, ~YK_LOOK);
        keep = look_around(queue, side, has_slept, told, &due);
        /* inside, where the kernel would take over; between threads outside, where nobody runs against the gate */
        if (shared)
            ring_due(queue, due);
        told |= due;
        expected = mine;
        /* release: pairs with the acquire in enter */
    } while (!yk_cas_rel(gate, &expected, keep));
    if (!shared)
        ring_due(queue, told);
    /* outside; LOOK was kept for them, so that if this thread dies here the kernel takes over, or the next owner */
    if (is_crowded(yk_door_of(queue, side)))
        ring_door(queue, yk_door_of(queue, side));
    /* whoever was to ring there may have died */
    if (has_slept && is_crowded(yk_door_of(queue, !side)))
        ring_door(queue, yk_door_of(queue, !side));
}
