/* claim.c -- the claim protocol of the process pool.
 *
 * A claim is one CAS on the state word of the chunk's first item; it records the worker and the length.  (Every scheme in which
 * a consumer first takes a ticket and then records it loses the element when it dies in between.)  The cursor is moved after
 * that, by whoever comes by: by the claimer, or by the next one, which reads the length from the word.  Cursor positions are
 * only ever beginnings of chunks, so a word in the middle of a chunk is never looked at.
 *
 * While a worker is inside a job, the job's memory is not taken down: see board.c for the two races in that. */
#include "exec/claim.h"

#include "base/fault.h"

/* ---- inside ---- */

static void enter(struct yk_claimer *c, unsigned j)
{
    /* seq: written before the head or the orphan is read again */
    (void)yk_swap_seq(&c->board->desks[c->worker].inside, YK_ENTERING | (j + 1));
    c->job = j + 1;
    YK_POINT(JOB_ENTERED);
}

/* The second look was right: what the job says is true from now on.  Release, as the swap was: whoever sees that this worker
 * is no longer in the job before must see what it did there. */
static void stay(struct yk_claimer *c)
{
    yk_store_rel(&c->board->desks[c->worker].inside, c->job);
}

static void leave(struct yk_claimer *c)
{
    unsigned j = c->job - 1;

    (void)yk_swap_seq(&c->board->desks[c->worker].inside, 0);
    c->job = 0;
    YK_POINT(JOB_LEFT);
    /* Of those that leave, the last finds nobody inside, and rings; the host looks for itself whether the job has ended. */
    if (!yk_board_anybody_inside(c->board, j))
        yk_shared_job_ring(yk_board_job(c->board, j));
}

/* ---- claiming ---- */

static size_t chunk_size(struct yk_claimer *c, const struct yk_shared_job *job, size_t left)
{
    if (job->chunk != 0)
        return yk_min(job->chunk, left);
    if (c->serial != yk_load_rlx(&job->serial)) {
        c->serial = yk_load_rlx(&job->serial);
        c->want = 1;
    }
    /* No worker takes more than its share of half of what is left, or it would be the last to finish. */
    return yk_max(yk_min(c->want, left / (2 * c->board->n_workers)), 1);
}

/* Moves the cursor from `from`, unless somebody has. */
static void move_on(struct yk_shared_job *job, uint64_t from, uint64_t to)
{
    (void)yk_cas_aar(&job->cursor, &from, to);
}

static bool claim_at_cursor(struct yk_claimer *c, struct yk_shared_job *job, struct yk_claim *ret_claim)
{
    size_t n = job->items.n;

    while (!yk_shared_job_exhausted(job)) {
        uint64_t at = yk_load_acq(&job->cursor);
        uint64_t word;

        if (at >= n)
            break;
        word = yk_load_acq(&job->words[at]);
        if (yk_word_state(word) == YK_READY) {
            size_t count = chunk_size(c, job, n - at);

            YK_POINT(CLAIM_BEFORE);
            /* acq_rel: pairs with the acquire of helpers and of resolve */
            if (yk_cas_aar(&job->words[at], &word, yk_word(YK_CLAIMED, c->worker, count))) {
                YK_POINT(CLAIM_AFTER);
                move_on(job, at, at + count);
                *ret_claim = (struct yk_claim){job, at, count};
                return true;
            }
        }
        move_on(job, at, at + yk_word_count(word));
    }
    return false;
}

static bool claim_orphan_of(struct yk_claimer *c, unsigned d, struct yk_claim *ret_claim)
{
    uint64_t hint = yk_load_seq(&c->board->desks[d].orphan);
    unsigned j = (uint32_t)hint - 1;
    size_t at = (size_t)(hint >> 32);
    struct yk_shared_job *job;
    uint64_t word;

    if (hint == 0)
        return false;
    if (c->job != j + 1) {
        if (c->job != 0)
            leave(c);
        enter(c, j);
        if (yk_load_seq(&c->board->desks[d].orphan) != hint) {
            leave(c);
            return false;
        }
        stay(c);
    }
    job = yk_board_job(c->board, j);
    word = yk_load_acq(&job->words[at]);
    if (yk_word_state(word) != YK_ORPHAN || yk_load_acq(&job->stop) != 0) {
        yk_board_forget_orphan(c->board, d, hint);
        return false;
    }
    YK_POINT(CLAIM_BEFORE);
    if (!yk_cas_aar(&job->words[at], &word, yk_word(YK_CLAIMED, c->worker, yk_word_count(word))))
        return false;
    YK_POINT(CLAIM_AFTER);
    yk_board_forget_orphan(c->board, d, hint);
    *ret_claim = (struct yk_claim){job, at, yk_word_count(word)};
    return true;
}

/* The worker's own desk is looked at itself: an orphan must be gone from it before the worker can leave another one there, and
 * the mask is only a hint. */
static bool claim_any_orphan(struct yk_claimer *c, struct yk_claim *ret_claim)
{
    if (claim_orphan_of(c, c->worker, ret_claim))
        return true;
    for (unsigned base = 0; base < c->board->n_workers; base += 64) {
        uint64_t mask = yk_load_acq(&c->board->orphans[base / 64]);

        for (; mask != 0; mask &= mask - 1) {
            unsigned d = base + (unsigned)__builtin_ctzll(mask);

            if (claim_orphan_of(c, d, ret_claim))
                return true;
            /* A bit without an orphan, left by a death or by two who met here: the idle would look for ever. */
            if (yk_load_seq(&c->board->desks[d].orphan) == 0)
                yk_board_no_orphan(c->board, d);
        }
    }
    return false;
}

/* Goes inside the job at the head of the ring; false if there is none. */
static bool enter_head(struct yk_claimer *c)
{
    struct yk_board *board = c->board;

    for (;;) {
        uint64_t head = yk_load_seq(&board->control->head);
        uint64_t entry = yk_load_acq(&board->control->ring[head % YK_N_JOBS]);
        unsigned j = (uint32_t)entry - 1;

        if ((uint32_t)(entry >> 32) != (uint32_t)head) {
            if (yk_load_seq(&board->control->head) == head)
                return false;
            continue;
        }
        enter(c, j);
        if (yk_load_seq(&board->control->head) == head) {
            stay(c);
            if (!yk_shared_job_exhausted(yk_board_job(board, j)))
                return true;
            (void)yk_cas_seq(&board->control->head, &head, head + 1);
        }
        leave(c);
    }
}

bool yk_claim_next(struct yk_claimer *c, struct yk_claim *ret_claim)
{
    for (;;) {
        if (claim_any_orphan(c, ret_claim))
            return true;
        if (c->job != 0) {
            if (claim_at_cursor(c, yk_board_job(c->board, c->job - 1), ret_claim))
                return true;
            leave(c);
        }
        if (!enter_head(c))
            return false;
    }
}

void yk_claim_finish(struct yk_claimer *c, const struct yk_claim *claim, size_t end, bool mixed)
{
    struct yk_shared_job *job = claim->job;
    size_t ran = end - claim->first, rest = claim->count - ran;
    enum yk_word_state state = ran == 0 ? YK_SKIPPED : mixed ? YK_MIXED : YK_RAN;

    /* release, both: results and codes before the word, the end of the chunk before its beginning.  They pair with the
     * acquire in the host's walk and in resolve. */
    if (rest > 0 && ran > 0)
        yk_store_rel(&job->words[end], yk_word(YK_SKIPPED, c->worker, rest));
    yk_store_rel(&job->words[claim->first], yk_word(state, c->worker, ran == 0 ? rest : ran));
    YK_POINT(CHUNK_DONE);
}

/* ---- after a death ---- */

/* The chunk that worker w had claimed and not finished; it has at most one. */
static bool find_claimed(struct yk_shared_job *job, unsigned w, size_t *ret_first, size_t *ret_count)
{
    size_t n = job->items.n;

    for (size_t i = 0; i < n;) {
        uint64_t word = yk_load_acq(&job->words[i]);

        if (yk_word_state(word) == YK_READY || yk_word_count(word) == 0)
            return false;
        if (yk_word_state(word) == YK_CLAIMED && yk_word_worker(word) == w) {
            *ret_first = i;
            *ret_count = yk_min(yk_word_count(word), n - i);
            return true;
        }
        i += yk_word_count(word);
    }
    return false;
}

static void post_orphan(struct yk_board *board, unsigned w, unsigned j, size_t at)
{
    /* The desk's last orphan has been claimed: a worker looks for orphans before it claims anything else, its own desk's
     * among them, and without a claim it leaves no orphan.  seq: posted before the dead worker is taken out of the job. */
    yk_store_seq(&board->desks[w].orphan, (uint64_t)at << 32 | (j + 1));
    yk_or_seq(&board->orphans[w / 64], (uint64_t)1 << w % 64);
    /* seq: after the orphan is there and before the worker is out; see yk_board_ended */
    yk_store_seq(&board->control->posted, yk_load_rlx(&board->control->posted) + 1);
}

/* Where the chunk [first, end) stood: the first item that had not ended, and whether that one had started. */
static size_t stood_at(uint64_t progress, uint64_t serial, size_t first, size_t end, bool *ret_started)
{
    enum yk_phase phase = yk_progress_phase(progress);
    size_t at = yk_progress_index(progress);

    *ret_started = false;
    if (phase == YK_NOTHING || progress != yk_progress(phase, at, serial) || at < first || at >= end)
        return first;
    *ret_started = phase != YK_ENDED;
    return phase == YK_ENDED ? at + 1 : at;
}

static enum yk_word_state crash_state(bool doomed, bool killing)
{
    return killing ? YK_SKIPPED : doomed ? YK_OVERDUE : YK_HAS_CRASHED;
}

static void resolve(struct yk_board *board, unsigned w, int code, bool killing)
{
    struct yk_desk *desk = &board->desks[w];
    uint64_t progress = yk_load_acq(&desk->progress);
    unsigned inside = yk_load_acq(&desk->inside);
    bool doomed = yk_progress_phase(progress) == YK_DOOMED, started;
    struct yk_shared_job *job;
    size_t first, count, at, rest;

    if (inside == 0 || inside > YK_N_JOBS)
        return;
    job = yk_board_job(board, inside - 1);
    if (!find_claimed(job, w, &first, &count))
        return;
    at = stood_at(progress, yk_load_rlx(&job->serial), first, first + count, &started);
    rest = at + started;

    /* From the end to the beginning, as finish does. */
    if (rest > first && rest < first + count)
        yk_store_rel(&job->words[rest], yk_word(YK_ORPHAN, w, first + count - rest));
    if (started) {
        job->codes[at] = code;
        if (job->fail_fast && !killing)
            yk_store_rel(&job->stop, 1);
        if (at > first)
            yk_store_rel(&job->words[at], yk_word(crash_state(doomed, killing), w, 1));
    }
    yk_store_rel(&job->words[first], at > first ? yk_word(YK_MIXED, w, at - first)
                                     : started  ? yk_word(crash_state(doomed, killing), w, 1)
                                                : yk_word(YK_ORPHAN, w, count));
    if (rest < first + count)
        post_orphan(board, w, inside - 1, rest);
}

/* Wakes whatever the bells say: a worker may have rung one and died before it woke the host. */
static void ring_all(struct yk_board *board)
{
    for (unsigned j = 0; j < YK_N_JOBS; j++) {
        yk_swap_aar(&yk_board_job(board, j)->bell, 2); /* pairs with the host's swap, as in yk_shared_job_ring */
        yk_futex_wake(&yk_board_job(board, j)->bell, 1, true);
    }
}

void yk_claim_bury(struct yk_board *board, unsigned w, int code, bool killing)
{
    struct yk_desk *desk = &board->desks[w];
    unsigned inside = yk_load_acq(&desk->inside) & ~YK_ENTERING;

    resolve(board, w, code, killing);
    yk_store_rel(&desk->up, 0);
    yk_store_rel(&desk->left, 0);
    yk_store_rel(&desk->progress, 0);
    (void)yk_swap_seq(&desk->inside, 0); /* seq: after the orphan is posted; see board.c */
    /* Whoever left before, and left the ring to the dead one: what it did comes before the ring, as in leave. */
    if (inside != 0)
        (void)yk_board_anybody_inside(board, inside - 1);
    yk_park_dead(&board->park, w);
    ring_all(board);
}
