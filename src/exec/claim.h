/* claim.h -- how a worker process comes by its work, and what becomes of that work when it dies.
 *
 * Killed at any instruction, a worker leaves a state from which yk_claim_bury, called by the supervisor after it has reaped the
 * worker, tells: which of its items have ended, which one had started (at most one), and which nobody has started. */
#ifndef YK_CLAIM_H
#define YK_CLAIM_H

#include "exec/board.h"

/* The items [first, first + count) of a job. */
struct yk_claim {
    struct yk_shared_job *job;
    size_t first;
    size_t count;
};

/* What a worker knows between two claims; its own memory. */
struct yk_claimer {
    struct yk_board *board;
    unsigned worker;
    unsigned job;    /* 1 + the job that it is inside, 0: none */
    size_t want;     /* items to claim at a time, where the job leaves it open; set by the worker */
    uint64_t serial; /* of the job that `want` was measured in */
};

/* Worker: claims the next chunk, in the order of the jobs and their items, what a dead worker left over first.  False, and
 * inside no job, when there is nothing. */
bool yk_claim_next(struct yk_claimer *claimer, struct yk_claim *ret_claim);

/* Worker: the chunk has run, up to item `end`; the rest was not started since the job was stopped.  `mixed`: some code is
 * not 0. */
void yk_claim_finish(struct yk_claimer *claimer, const struct yk_claim *claim, size_t end, bool mixed);

/* Worker: an item starts, as `progress` says (phase STARTED). */
static inline void yk_item_start(struct yk_desk *desk, uint64_t progress, bool timed)
{
    if (timed)
        yk_store_rlx(&desk->started_at, (uint64_t)yoke_now());
    /* release: the item before this one has left its result and code; pairs with the acquire in yk_claim_bury, and with
     * the supervisor's load before it reads started_at */
    yk_store_rel(&desk->progress, progress);
}

/* Worker: it has ended.  False when the supervisor has given it up: the worker must wait to be killed. */
static inline bool yk_item_end(struct yk_desk *desk, uint64_t progress, bool timed)
{
    if (!timed)
        return true; /* the start of the next one, or the word of the chunk, says so */
    /* acq_rel: result and code before the mark; only one of this CAS and the supervisor's succeeds */
    return yk_cas_aar(&desk->progress, &progress, progress - YK_STARTED + YK_ENDED);
}

/* Supervisor: gives up the item that the worker runs, if it is still the one of `progress`.  True: kill the worker now. */
static inline bool yk_item_doom(struct yk_desk *desk, uint64_t progress)
{
    return yk_cas_aar(&desk->progress, &progress, progress - YK_STARTED + YK_DOOMED);
}

/* Supervisor: worker w is dead and reaped.  Resolves its chunk, if it had one, takes the worker out of its job, clears its
 * desk, and wakes everybody, since a wake may have died with it.  `code` is the crash code of the item that had started;
 * `killing`: the pool is being terminated, so that item is skipped and not crashed. */
void yk_claim_bury(struct yk_board *board, unsigned w, int code, bool killing);

#endif
