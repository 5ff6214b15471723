/* worker.c -- a worker process: claim, run, mark, and sleep when there is nothing.
 *
 * It is one thread.  What it needs lies on the board and in its own memory; a task that closes every descriptor does it no
 * harm. */
#include "exec/worker.h"

#include <stdio.h>

#include "base/fault.h"
#include "exec/chunk.h"
#include "exec/claim.h"

static _Noreturn void wait_to_be_killed(void)
{
    for (;;)
        yoke_sleep(3600);
}

static void run_chunk(struct yk_claimer *me, const struct yk_claim *claim)
{
    struct yk_shared_job *job = claim->job;
    struct yk_desk *desk = &me->board->desks[me->worker];
    struct yk_current *current = yk_current();
    const struct yk_items items = job->items;
    char *scratch = job->scratch + me->worker * job->scratch_stride;
    uint64_t serial = yk_load_rlx(&job->serial);
    bool timed = yk_load_rlx(&job->timeout_ns) != 0, mixed = false;
    size_t i, end = claim->first + claim->count;

    for (i = claim->first; i < end && yk_load_rlx(&job->stop) == 0; i++) {
        uint64_t progress = yk_progress(YK_STARTED, i, serial);
        int code;

        yk_item_start(desk, progress, timed);
        YK_POINT(ITEM_STARTED);
        current->index = i;
        code = items.run(yk_item_in(&items, i), items.out ? items.out + i * items.out_size : scratch);
        YK_POINT(ITEM_RETURNED);
        job->codes[i] = code;
        mixed |= code != 0;
        if (!yk_item_end(desk, progress, timed))
            wait_to_be_killed();
        if (code != 0 && job->fail_fast)
            yk_store_rel(&job->stop, 1);
    }
    yk_claim_finish(me, claim, i, mixed);
}

static void work_on(struct yk_claimer *me, const struct yk_claim *claim)
{
    bool measured = claim->job->chunk == 0;
    yoke_time start = measured ? yoke_now() : 0;

    run_chunk(me, claim);
    if (measured)
        me->want = yk_chunk_next(claim->count, yoke_now() - start, SIZE_MAX, 1); /* the share is the claim's matter */
    yk_flush_output();
}

static bool closing(struct yk_board *board)
{
    return yk_load_acq(&board->control->mode) != YK_SERVING;
}

static int initialize(struct yk_board *board, unsigned w)
{
    struct yk_current *current = yk_current();

    *current = (struct yk_current){0, (int)w};
    return board->options.initializer ? board->options.initializer(board->options.initializer_arg) : 0;
}

int yk_worker_main(struct yk_board *board, unsigned w)
{
    struct yk_claimer me = {.board = board, .worker = w};
    struct yk_desk *desk = &board->desks[w];
    struct yk_claim claim;
    char name[16];

    snprintf(name, sizeof name, "yoke:worker-%u", w + 1);
    yk_set_process_name(name);
    YK_POINT(WORKER_STARTING);
    if (initialize(board, w) != 0)
        return 1;
    yk_flush_output();
    yk_store_rel(&desk->up, 1);
    /* acq_rel: pairs with the acquire in the host's wait for everybody */
    yk_add_aar(&board->control->n_up, 1);
    yk_futex_wake(&board->control->n_up, 1, true);
    YK_POINT(WORKER_READY);

    for (;;) {
        if (yk_claim_next(&me, &claim)) {
            work_on(&me, &claim);
            continue;
        }
        if (closing(board))
            break;
        yk_park_wait(&board->park, w, yk_board_visible, board);
        if (yk_claim_next(&me, &claim)) {
            yk_park_settle(&board->park, w, yk_board_visible, board);
            work_on(&me, &claim);
        } else {
            yk_park_settle(&board->park, w, yk_board_visible, board);
        }
    }
    yk_store_rel(&desk->left, 1);
    return 0;
}
