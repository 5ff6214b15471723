/* board.h -- the shared memory through which a process pool works: what is in it, who writes what.
 *
 *   host        publishes jobs, waits for them, collects results
 *   worker w    claims chunks of a job, runs them, marks them; its desk says where it stands
 *   supervisor  parent of the workers; when one has died, and only then, it writes what was that worker's
 *
 * The state words of a job are the truth.  Everything else -- the ring's head, a job's cursor, the masks, the bells -- is a
 * hint that anybody may bring up to date, and that a death leaves behind without harm.  Nothing here is a lock. */
#ifndef YK_BOARD_H
#define YK_BOARD_H

#include "base/atomic.h"
#include "base/base.h"
#include "exec/exec.h"
#include "os/os.h"
#include "sched/park.h"

/* ---- the state word of an item: one for each, in use at the first item of a chunk ----
 *
 *   bits  0..3  state    4..15  worker    32..63  items in the chunk
 *
 *   READY -> CLAIMED(w)               worker w, by the one CAS that also records it and the chunk's length
 *   CLAIMED(w) -> RAN or MIXED        worker w, when all its items have run; MIXED: the codes of some are not 0
 *   CLAIMED(w) -> RAN or MIXED, then SKIPPED
 *                                     worker w, when the job was stopped in the middle
 *   CLAIMED(w) -> MIXED, then HAS_CRASHED or OVERDUE, then ORPHAN
 *                                     supervisor, when w is dead and reaped: what had run, the item that had started, and
 *                                     the rest, which nobody has started
 *   ORPHAN -> CLAIMED(w)              worker w, by CAS
 *   anything -> READY                 host, when the job has ended
 *
 * A chunk that is split is written from its end to its beginning, so that whoever walks from word to word by their lengths
 * always lands on a word. */
enum yk_word_state {
    YK_READY = 0,
    YK_CLAIMED,
    YK_RAN,         /* every code is 0 */
    YK_MIXED,       /* look at the codes */
    YK_HAS_CRASHED, /* one item; its code says how (as yoke_status.code) */
    YK_OVERDUE,     /* one item, killed for its timeout */
    YK_SKIPPED,
    YK_ORPHAN
};

static inline uint64_t yk_word(enum yk_word_state state, unsigned worker, uint64_t count)
{
    return (uint64_t)state | (uint64_t)worker << 4 | count << 32;
}

static inline enum yk_word_state yk_word_state(uint64_t word)
{
    return (enum yk_word_state)(word & 15);
}

static inline unsigned yk_word_worker(uint64_t word)
{
    return (unsigned)(word >> 4 & 0xfff);
}

static inline size_t yk_word_count(uint64_t word)
{
    return (size_t)(word >> 32);
}

/* ---- a desk: where one worker stands ---- */

/* The progress word: an item, and what is happening to it.
 *
 *   bits  0..1  phase    2..33  index of the item    34..63  serial number of its job, the low 30 bits
 *
 * An item that does not belong to the worker's chunk is an old one, and says that nothing of the chunk has started. */
enum yk_phase {
    YK_NOTHING = 0, /* no item yet */
    YK_STARTED,     /* its code has been started, and every item of the chunk before it has ended */
    YK_ENDED,       /* it has ended too */
    YK_DOOMED       /* its time is up: written by the supervisor in place of STARTED; the worker will be killed */
};

static inline uint64_t yk_progress(enum yk_phase phase, size_t index, uint64_t serial)
{
    return (uint64_t)phase | (uint64_t)(uint32_t)index << 2 | serial << 34;
}

static inline enum yk_phase yk_progress_phase(uint64_t progress)
{
    return (enum yk_phase)(progress & 3);
}

static inline size_t yk_progress_index(uint64_t progress)
{
    return (size_t)(uint32_t)(progress >> 2);
}

/* In `inside`: the job may have been taken down before, so nothing is claimed of it and nothing in it is believed. */
#define YK_ENTERING ((uint32_t)1 << 31)

struct yk_desk {
    /* Written by the worker, and by the supervisor after it has reaped it.  (Of progress, while the worker lives, the
     * supervisor writes DOOMED.) */
    /* 1 + the job that it is in, 0: in none; with YK_ENTERING until it has looked again whether the job still stands.  A job
     * with somebody inside is not taken down. */
    _Alignas(2 * YK_LINE) yk_a32 inside;
    yk_a32 up;   /* 1: its initializer has succeeded */
    yk_a32 left; /* 1: it ended in good order, because the pool was closed */
    yk_a64 progress;
    yk_a64 started_at; /* when the item started; kept in jobs with a timeout */
    /* Hint: where the orphan stands that this desk's dead worker left, 1 + job in the low half, item in the high half; 0: none.
     * Written by the supervisor; taken back by whoever claims it, or by the host when the job ends. */
    _Alignas(2 * YK_LINE) yk_a64 orphan;
};

/* ---- a job: one map ---- */

struct yk_shared_job {
    /* Written by the host before it publishes the job, constant until it has ended. */
    _Alignas(2 * YK_LINE) struct yk_items items;
    yk_a64 *words;  /* one for each item */
    int32_t *codes; /* one for each item; written by the worker that ran it, or for a crashed one */
    char *scratch;  /* results that nobody wants: out_stride bytes for each worker */
    size_t scratch_stride;
    size_t chunk; /* 0: by measurement */
    bool fail_fast;
    yk_a64 end;        /* items.n; for who looks from outside, and perhaps too late */
    yk_a64 serial;     /* differs from that of every other job */
    yk_a64 timeout_ns; /* of an item; 0: none, and when the job has ended; the supervisor looks at any time */

    /* Hint: the first item that may be READY.  Moved by CAS, by anybody, to the end of the chunk that stands there. */
    _Alignas(2 * YK_LINE) yk_a64 cursor;
    /* 1: start no more items.  Set by the host, a worker or the supervisor. */
    _Alignas(2 * YK_LINE) yk_a32 stop;
    /* 0, or 1 while the host sleeps on it, or 2: rung. */
    _Alignas(2 * YK_LINE) yk_a32 bell;
};

/* A power of two.  The model of the protocol, which follows every word, has fewer. */
#ifndef YK_N_JOBS
#define YK_N_JOBS 64
#endif

/* What the host wants of the pool; only ever grows. */
enum yk_mode { YK_SERVING = 0, YK_CLOSING, YK_KILLING };

/* The shared part. */
struct yk_control {
    struct yk_robust supervisor; /* dies with it */
    yk_a32 mode;                /* enum yk_mode; written by the host */
    yk_a32 verdict;             /* written by the supervisor: 0, or why the pool cannot work (positive) */
    yk_a32 opened;              /* 1: open has succeeded; written by the host */
    yk_a32 n_up;                /* counts the workers that came up; the host sleeps on it in open */
    yk_a64 posted;              /* counts the orphans; written by the supervisor */
    /* The queue of jobs: entry i lies at ring[i % N] and says 1 + job in its low half, the low half of i in its high one. */
    _Alignas(2 * YK_LINE) yk_a64 head;            /* hint: first entry with work; moved by CAS, by anybody */
    _Alignas(2 * YK_LINE) yk_a64 ring[YK_N_JOBS]; /* written by the host */
    struct yk_shared_job jobs[YK_N_JOBS];
};

/* Where everything is.  Each process has its own copy, in its own memory: a worker that runs wild spoils only its own. */
struct yk_board {
    unsigned n_workers;
    struct yk_exec_options options;
    struct yk_park park;
    struct yk_control *control;
    /* Shared.  Hint: a bit for each desk that has an orphan; set by the supervisor, cleared by whoever finds it gone. */
    yk_a64 *orphans;
    struct yk_desk *desks; /* shared; one for each worker */
};

/* Bytes of shared memory that a board for so many workers takes, and its making in zero memory of that size. */
size_t yk_board_size(unsigned n_workers);
void yk_board_init(struct yk_board *board, void *memory, const struct yk_exec_options *options, int64_t search_ns);

/* Host, one thread at a time: makes job `j` visible as entry number `tail`.  Afterwards it kicks the park. */
void yk_board_publish(struct yk_board *board, unsigned j, uint64_t tail);

/* Job number j; whatever a wild worker has written where j was read, it is one of the jobs. */
static inline struct yk_shared_job *yk_board_job(struct yk_board *board, unsigned j)
{
    return &board->control->jobs[j % YK_N_JOBS];
}

/* True if there is something to claim, or the mode has changed: what a worker looks for while it searches. */
bool yk_board_visible(void *board);

/* True if no item of the job will be claimed from its cursor any more. */
static inline bool yk_shared_job_exhausted(struct yk_shared_job *job)
{
    /* acquire: pairs with the CAS on the cursor and the store to stop; relaxed: older than the job's publication */
    return yk_load_acq(&job->cursor) >= yk_load_rlx(&job->end) || yk_load_acq(&job->stop) != 0;
}

/* True if a worker is inside job j. */
bool yk_board_anybody_inside(struct yk_board *board, unsigned j);

/* Host: true if every item of job j, published as entry `at`, has ended and nobody will touch it again.  `words` and `n` are the
 * host's own knowledge of it. */
bool yk_board_ended(struct yk_board *board, unsigned j, uint64_t at, yk_a64 *words, size_t n);

/* Takes back the hint at an orphan of desk d, unless it is a newer one; or, if there is none, only its bit in the mask. */
void yk_board_forget_orphan(struct yk_board *board, unsigned d, uint64_t hint);
void yk_board_no_orphan(struct yk_board *board, unsigned d);

/* Rings the bell of a job: wakes the host if it sleeps there.  Too often does no harm. */
void yk_shared_job_ring(struct yk_shared_job *job);

#endif
