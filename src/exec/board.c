/* board.c -- making the board, publishing a job, and telling when it has ended.
 *
 * A job has ended when no item can be claimed from its cursor, no orphan of it waits, and nobody is inside.  There is no
 * counter that a death could leave wrong.  Two races are settled in the manner of Dekker, each side writing (seq_cst) before it
 * reads: a worker announces itself inside and then looks again at the ring's head or the orphan through which it came; the host
 * sees the head moved on, takes the orphan hints away, and then looks who is inside.  What a dead worker leaves moves the other
 * way, from inside to an orphan, while the host looks; the supervisor counts such moves, and the host looks again if there was
 * one meanwhile. */
#include "exec/board.h"

#include "base/fault.h"

static size_t mask_words(unsigned n_workers)
{
    return (n_workers + 63) / 64;
}

/* The parts behind the control block, each on lines of its own. */
static size_t desks_at(void)
{
    return yk_round_up(sizeof(struct yk_control), 2 * YK_LINE);
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

void yk_board_init(struct yk_board *board, void *memory, const struct yk_exec_options *options, int64_t search_ns)
{
    char *bytes = memory;
    unsigned n = options->workers;

    *board = (struct yk_board){.n_workers = n,
                               .options = *options,
                               .control = memory,
                               .orphans = (yk_a64 *)(void *)(bytes + orphans_at(n)),
                               .desks = (struct yk_desk *)(void *)(bytes + desks_at())};
    yk_park_init(&board->park, bytes + park_at(n), n, true, search_ns);
    /* An entry is there when its high half is its number: none is yet. */
    for (unsigned i = 0; i < YK_N_JOBS; i++)
        yk_store_rlx(&board->control->ring[i], (uint64_t)(i - YK_N_JOBS) << 32);
}

void yk_board_publish(struct yk_board *board, unsigned j, uint64_t tail)
{
    YK_POINT(PUBLISH_BEFORE);
    /* release: pairs with the acquire in yk_claim_next and visible; the job is filled before it is seen */
    yk_store_rel(&board->control->ring[tail % YK_N_JOBS], tail << 32 | (j + 1));
    YK_POINT(PUBLISH_AFTER);
}

/* True if the job at the head has work.  Moves the head past those that have none. */
static bool ring_has_work(struct yk_board *board)
{
    for (;;) {
        uint64_t head = yk_load_seq(&board->control->head);
        uint64_t entry = yk_load_acq(&board->control->ring[head % YK_N_JOBS]);

        if ((uint32_t)(entry >> 32) != (uint32_t)head) {
            if (yk_load_seq(&board->control->head) == head)
                return false;
            continue;
        }
        if (!yk_shared_job_exhausted(yk_board_job(board, (uint32_t)entry - 1)))
            return true;
        /* The job is not taken down while the head stands at it, so what was read is its own if the CAS succeeds. */
        (void)yk_cas_seq(&board->control->head, &head, head + 1);
    }
}

bool yk_board_visible(void *arg)
{
    struct yk_board *board = arg;

    if (yk_load_acq(&board->control->mode) != YK_SERVING)
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
        if ((yk_load_seq(&board->desks[w].inside) & ~YK_ENTERING) == j + 1)
            return true;
    return false;
}

static bool is_orphan(yk_a64 *words, size_t n, uint64_t at)
{
    return at < n && yk_word_state(yk_load_acq(&words[at])) == YK_ORPHAN;
}

void yk_board_no_orphan(struct yk_board *board, unsigned d)
{
    yk_and_seq(&board->orphans[d / 64], ~((uint64_t)1 << d % 64));
    /* One that was posted between the look and this has had its bit cleared: set it again. */
    if (yk_load_seq(&board->desks[d].orphan) != 0)
        yk_or_seq(&board->orphans[d / 64], (uint64_t)1 << d % 64);
}

void yk_board_forget_orphan(struct yk_board *board, unsigned d, uint64_t hint)
{
    if (yk_cas_seq(&board->desks[d].orphan, &hint, 0))
        yk_board_no_orphan(board, d);
}

/* True if an orphan of job j waits.  Hints at orphans that were claimed are taken back; with the job stopped, all are. */
static bool orphan_waits(struct yk_board *board, unsigned j, yk_a64 *words, size_t n)
{
    struct yk_shared_job *job = &board->control->jobs[j];

    for (unsigned w = 0; w < board->n_workers; w++) {
        uint64_t hint = yk_load_seq(&board->desks[w].orphan);

        if ((uint32_t)hint != j + 1)
            continue;
        if (is_orphan(words, n, hint >> 32) && yk_load_acq(&job->stop) == 0)
            return true;
        yk_board_forget_orphan(board, w, hint);
    }
    return false;
}

bool yk_board_ended(struct yk_board *board, unsigned j, uint64_t at, yk_a64 *words, size_t n)
{
    uint64_t posted = yk_load_seq(&board->control->posted);

    if (!yk_shared_job_exhausted(&board->control->jobs[j]))
        return false;
    (void)ring_has_work(board);
    if (yk_load_seq(&board->control->head) <= at)
        return false;
    /* Orphans before inside: whoever claims one is inside before it takes the hint away.  The other way, from inside to an
     * orphan, leads through the supervisor, which counts it before it takes the dead worker out; then it rings. */
    return !orphan_waits(board, j, words, n) && !yk_board_anybody_inside(board, j) &&
           yk_load_seq(&board->control->posted) == posted;
}

void yk_shared_job_ring(struct yk_shared_job *job)
{
    /* acq_rel: pairs with the host's CAS 0 -> 1; what the worker wrote comes before the ring */
    uint32_t old = yk_swap_aar(&job->bell, 2);

    YK_POINT(JOB_RUNG);
    if (old == 1)
        yk_futex_wake(&job->bell, 1, true);
}
