/* board.c -- making the board, publishing a job, and telling when it has ended.
 *
 * A job has ended when no item can be claimed from its cursor, no orphan of it waits, and nobody is inside.  There is no
 * counter that a death could leave wrong.  Two races are settled in the manner of Dekker, each side writing (seq_cst) before it
 * reads: a worker announces itself inside and then looks again at the ring's head or the orphan through which it came; the host
 * sees the head moved on, takes the orphan hints away, and then looks who is inside. */
#include "exec/board.h"

#include "base/fault.h"

static size_t mask_words(unsigned n_workers)
{
    return (n_workers + 63) / 64;
}

/* The parts behind the board itself, each on lines of its own. */
static size_t desks_at(void)
{
    return yk_round_up(sizeof(struct yk_board), 2 * YK_LINE);
}

static size_t orphans_at(unsigned n_workers)
{
    return desks_at() + n_workers * sizeof(struct yk_desk);
}

static size_t park_at(unsigned n_workers)
{
    return yk_round_up(orphans_at(n_workers) + mask_words(n_workers) * sizeof(yk_a64), 2 * YK_LINE);
}

size_t yk_board_size(unsigned n_workers)
{
    return park_at(n_workers) + yk_park_size(n_workers);
}

void yk_board_init(struct yk_board *board, const struct yk_exec_options *options, int64_t search_ns)
{
    char *memory = (char *)board;

    board->n_workers = options->workers;
    board->options = *options;
    board->desks = (struct yk_desk *)(void *)(memory + desks_at());
    board->orphans = (yk_a64 *)(void *)(memory + orphans_at(options->workers));
    yk_park_init(&board->park, memory + park_at(options->workers), options->workers, true, search_ns);
    /* An entry is there when its high half is its number: none is yet. */
    for (unsigned i = 0; i < YK_N_JOBS; i++)
        yk_store_rlx(&board->ring[i], (uint64_t)(i - YK_N_JOBS) << 32);
}

void yk_board_publish(struct yk_board *board, unsigned j, uint64_t tail)
{
    YK_POINT(PUBLISH_BEFORE);
    /* release: pairs with the acquire in yk_claim_next and visible; the job is filled before it is seen */
    yk_store_rel(&board->ring[tail % YK_N_JOBS], tail << 32 | (j + 1));
    YK_POINT(PUBLISH_AFTER);
}

/* True if the job at the head has work.  Moves the head past those that have none. */
static bool ring_has_work(struct yk_board *board)
{
    for (;;) {
        uint64_t head = yk_load_seq(&board->head);
        uint64_t entry = yk_load_acq(&board->ring[head % YK_N_JOBS]);

        if ((uint32_t)(entry >> 32) != (uint32_t)head) {
            if (yk_load_seq(&board->head) == head)
                return false;
            continue;
        }
        if (!yk_shared_job_exhausted(&board->jobs[(uint32_t)entry - 1]))
            return true;
        /* The job is not taken down while the head stands at it, so what was read is its own if the CAS succeeds. */
        (void)yk_cas_seq(&board->head, &head, head + 1);
    }
}

bool yk_board_visible(void *arg)
{
    struct yk_board *board = arg;

    if (yk_load_acq(&board->mode) != YK_SERVING)
        return true;
    for (size_t i = 0; i < mask_words(board->n_workers); i++)
        if (yk_load_acq(&board->orphans[i]) != 0)
            return true;
    return ring_has_work(board);
}

bool yk_board_anybody_inside(struct yk_board *board, unsigned j)
{
    /* seq: the host's side of the race described above, and of worker against worker in yk_claim_leave */
    for (unsigned w = 0; w < board->n_workers; w++)
        if (yk_load_seq(&board->desks[w].inside) == j + 1)
            return true;
    return false;
}

/* True if an orphan of job j waits.  Hints at orphans that were claimed are taken back; with the job stopped, all are. */
static bool orphan_waits(struct yk_board *board, unsigned j, bool *took_back)
{
    struct yk_shared_job *job = &board->jobs[j];

    for (unsigned w = 0; w < board->n_workers; w++) {
        uint64_t hint = yk_load_seq(&board->desks[w].orphan);

        if ((uint32_t)hint != j + 1)
            continue;
        if (yk_word_state(yk_load_acq(&job->words[hint >> 32])) == YK_ORPHAN && yk_load_acq(&job->stop) == 0)
            return true;
        if (yk_cas_seq(&board->desks[w].orphan, &hint, 0))
            yk_and_seq(&board->orphans[w / 64], ~((uint64_t)1 << w % 64));
        *took_back = true;
    }
    return false;
}

bool yk_board_ended(struct yk_board *board, unsigned j, uint64_t at)
{
    bool took_back = false;

    if (!yk_shared_job_exhausted(&board->jobs[j]))
        return false;
    (void)ring_has_work(board);
    if (yk_load_seq(&board->head) <= at)
        return false;
    /* Inside before orphans: the supervisor posts an orphan before it takes its dead worker out. */
    if (yk_board_anybody_inside(board, j) || orphan_waits(board, j, &took_back))
        return false;
    return !took_back || !yk_board_anybody_inside(board, j);
}

void yk_shared_job_ring(struct yk_shared_job *job)
{
    /* acq_rel: pairs with the host's CAS 0 -> 1; what the worker wrote comes before the ring */
    uint32_t old = yk_swap_aar(&job->bell, 2);

    YK_POINT(JOB_RUNG);
    if (old == 1)
        yk_futex_wake(&job->bell, 1, true);
}
