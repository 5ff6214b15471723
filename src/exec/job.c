/* job.c -- claiming, running and ending the items of one map by several threads.
 *
 * - Items are claimed from a cursor that only moves up, a chunk at a time, so they start in order.  Whoever stops a job
 *   (fail-fast, terminate) moves the cursor to the end in one swap: what it jumped over is its own to end, hence each item
 *   ends exactly once.
 * - A worker counts what it ended and tells the job when it leaves.  The one that tells of the last item rings the caller.
 *   After its own telling a worker never touches the map again; the job itself lives until its last reference is gone.
 * - From its telling to its next item a worker holds no lock of libc's, since the caller may clone the process now (job.h): it
 *   lays jobs aside and does not free them, and it does not look for its thread-local variables, which in a library that was
 *   loaded late may allocate. */
#include "exec/job.h"

#include <stdlib.h>

#include "base/fault.h"
#include "exec/chunk.h"
#include "exec/run.h"
#include "os/os.h"

/* The caller's word. */
enum { RUNNING = 0, AWAITED = 1, ENDED = 2 };

struct yk_job {
    struct yk_map *map;
    yk_a32 *cancelled;
    yk_aptr *aside;
    struct yk_job *next; /* in the list of those laid aside; written by who laid it there */
    void *spares;        /* of all tickets; or NULL */
    size_t n;            /* items; here too, for tickets that outlive the map */
    size_t n_tickets;
    size_t chunk; /* 0: by measurement */
    unsigned workers;
    yk_a32 stopped; /* 1 after the first failure of a fail-fast map; written by that item's worker */
    _Alignas(2 * YK_LINE) yk_a64 cursor; /* the first item that nobody has claimed; any worker */
    _Alignas(2 * YK_LINE) yk_a64 left;   /* items of which no worker has told that they ended; any worker */
    yk_a64 references;
    yk_a32 word; /* RUNNING to AWAITED: the caller; to ENDED: who told of the last item */
    struct yk_ticket tickets[];
};

static void ticket_init(struct yk_ticket *ticket, struct yk_job *job, void *spare)
{
    *ticket = (struct yk_ticket){.job = job, .chunk = YK_CHUNK_FIRST, .spare = spare};
}

/* False without memory. */
static bool allocate(size_t n_tickets, size_t spare, struct yk_job **ret_job, void **ret_spares)
{
    size_t bytes, spare_bytes;

    if (!yk_mul(spare, n_tickets, &spare_bytes) || !yk_mul(sizeof(struct yk_ticket), n_tickets, &bytes) ||
        __builtin_add_overflow(bytes, sizeof(struct yk_job), &bytes))
        return false;
    *ret_spares = spare_bytes > 0 ? aligned_alloc(_Alignof(struct yk_ticket), spare_bytes) : NULL;
    *ret_job = *ret_spares || spare_bytes == 0 ? aligned_alloc(_Alignof(struct yk_job), bytes) : NULL;
    if (!*ret_job)
        free(*ret_spares);
    return *ret_job;
}

struct yk_job *yk_job_new(struct yk_map *map, unsigned workers, yk_a32 *cancelled, yk_aptr *aside)
{
    size_t n = map->items.n;
    size_t chunk = map->chunk > 0 ? yk_min(map->chunk, n) : n <= workers ? 1 : 0;
    size_t n_chunks = chunk > 0 ? n / chunk + (n % chunk != 0) : n;
    size_t n_tickets = yk_min(n_chunks, (size_t)workers);
    struct yk_job *job;
    void *spares;
    size_t spare;

    if (!yk_run_spare(&map->items, &spare) || !allocate(n_tickets, spare, &job, &spares))
        return NULL;
    *job = (struct yk_job){.map = map,
                           .cancelled = cancelled,
                           .aside = aside,
                           .spares = spares,
                           .n = n,
                           .n_tickets = n_tickets,
                           .chunk = chunk,
                           .workers = workers};
    job->left.v = n; /* plain: the push of the tickets publishes the job */
    job->references.v = n_tickets + 1;
    for (size_t i = 0; i < n_tickets; i++)
        ticket_init(&job->tickets[i], job, spares ? (char *)spares + i * spare : NULL);
    return job;
}

size_t yk_job_tickets(const struct yk_job *job)
{
    return job->n_tickets;
}

struct yk_ticket *yk_job_ticket(struct yk_job *job, size_t i)
{
    return &job->tickets[i];
}

/* True if it was the last reference. */
static bool unreference(struct yk_job *job)
{
    /* release, acquire: its own partner; whoever frees sees what all others did */
    return yk_add_aar(&job->references, (uint64_t)-1) == 1;
}

void yk_job_release(struct yk_job *job)
{
    /* Not kept with a job that is laid aside: they may be large. */
    free(job->spares);
    if (unreference(job))
        free(job);
}

/* The list is only ever taken whole, so a head that is the same again has the same tail. */
static void lay_aside(struct yk_job *job)
{
    void *first = yk_load_rlx(job->aside);

    do
        job->next = first;
    while (!yk_cas_rel(job->aside, &first, job)); /* release: the swap in yk_job_clear */
}

void yk_job_clear(yk_aptr *aside)
{
    /* relaxed: what is laid aside meanwhile is the next one's; acquire: the CAS in lay_aside */
    struct yk_job *job = yk_load_rlx(aside) ? yk_swap_acq(aside, NULL) : NULL;

    while (job) {
        struct yk_job *next = job->next;

        free(job);
        job = next;
    }
}

/* The holder of the ticket is finished with the job: tells what it ended, and perhaps rings. */
static void leave(struct yk_ticket *ticket)
{
    struct yk_job *job = ticket->job;
    uint64_t ended = ticket->done + ticket->ended;

    if (ticket->done > 0)
        yk_map_end(job->map, 0, ticket->done, YOKE_DONE, 0);
    YK_POINT(JOB_LEFT);
    /* release: hands results and statuses to the last; acquire: takes them, for the swap below to hand them on */
    if (ended > 0 && yk_add_aar(&job->left, -ended) == ended) {
        /* release: the acquire in yk_job_wait */
        bool awaited = yk_swap_aar(&job->word, ENDED) == AWAITED;

        YK_POINT(JOB_RUNG);
        if (awaited)
            yk_futex_wake(&job->word, 1, false);
    }
    if (unreference(job))
        lay_aside(job);
}

/* Ends items that the ticket's holder owns, other than as done. */
static void end(struct yk_ticket *ticket, size_t first, size_t count, yoke_state state, int code)
{
    if (count > 0)
        yk_map_end(ticket->job->map, first, count, state, code);
    ticket->ended += count;
}

/* One item did not succeed. */
static void end_bad(struct yk_ticket *ticket, yoke_state state, int code)
{
    struct yk_job *job = ticket->job;

    if (job->map->fail_fast)
        yk_store_rel(&job->stopped, 1); /* release: the load in is_stopped, so that an item may be said to come after */
    end(ticket, ticket->at, 1, state, code);
}

static bool is_stopped(struct yk_job *job)
{
    /* acquire: the stores in end_bad and in the pool's terminate */
    return yk_load_acq(&job->stopped) || yk_load_acq(job->cancelled);
}

static void end_rest(struct yk_ticket *ticket, yoke_state state)
{
    struct yk_job *job = ticket->job;
    size_t first;

    end(ticket, ticket->at, ticket->end - ticket->at, state, 0);
    ticket->at = ticket->end;
    first = yk_swap_aar(&job->cursor, job->n); /* the order does not matter: the cursor guards numbers and no memory */
    if (first < job->n)
        end(ticket, first, job->n - first, state, 0);
}

void yk_job_drop(struct yk_ticket *ticket, yoke_state state)
{
    end_rest(ticket, state);
    leave(ticket);
}

static void run_claimed(struct yk_ticket *ticket)
{
    struct yk_job *job = ticket->job;
    struct yk_current *current;

    if (ticket->at == ticket->end)
        return;
    current = yk_current(); /* only now: the last item may have ended long ago */
    while (ticket->at < ticket->end && !is_stopped(job)) {
        int code = yk_run_item(&job->map->items, ticket->at, ticket->spare, current);

        if (code == 0)
            ticket->done++;
        else
            end_bad(ticket, YOKE_FAILED, code);
        ticket->at++;
    }
    current->index = 0;
    if (ticket->at < ticket->end)
        end_rest(ticket, YOKE_CANCELLED);
}

bool yk_job_pending(const struct yk_ticket *ticket)
{
    /* relaxed: a cursor that has reached the end stays there */
    return ticket->at < ticket->end || yk_load_rlx(&ticket->job->cursor) < ticket->job->n;
}

/* False: nothing is left, and the map may be gone. */
static bool claim(struct yk_ticket *ticket)
{
    struct yk_job *job = ticket->job;
    size_t chunk = job->chunk > 0 ? job->chunk : ticket->chunk;
    size_t first = yk_add_rlx(&job->cursor, chunk); /* relaxed: the pop of the ticket made the items visible */

    if (first >= job->n)
        return false;
    ticket->at = first;
    ticket->end = yk_min(first + chunk, job->n);
    return true;
}

void yk_job_work(struct yk_ticket *ticket)
{
    struct yk_job *job = ticket->job;
    bool measured = job->chunk == 0;
    yoke_time begin = 0;

    run_claimed(ticket); /* what a thread that ended in the middle has left */
    while (claim(ticket)) {
        if (measured && begin == 0)
            begin = yoke_now();
        run_claimed(ticket);
        if (measured) {
            yoke_time now = yoke_now();
            size_t next = yk_load_rlx(&job->cursor);

            ticket->chunk = yk_chunk_next(ticket->chunk, now - begin, job->n - yk_min(next, job->n), job->workers);
            begin = now;
        }
    }
    leave(ticket);
}

void yk_job_crashed(struct yk_ticket *ticket)
{
    end_bad(ticket, YOKE_CRASHED, 0);
    ticket->at++;
}

void yk_job_wait(struct yk_job *job, int64_t spin_ns)
{
    uint32_t expected = RUNNING;

    for (yoke_time until = spin_ns > 0 ? yoke_now() + spin_ns : 0; until > 0 && yoke_now() < until; yk_yield()) {
        for (int i = 0; i < 64; i++) {
            if (yk_load_acq(&job->word) == ENDED) /* acquire: the swap in leave */
                return;
            yk_cpu_relax();
        }
    }
    yk_cas_aar(&job->word, &expected, AWAITED); /* fails when all has ended */
    while (yk_load_acq(&job->word) != ENDED)    /* acquire: the swap in leave */
        yk_futex_wait(&job->word, AWAITED, false, YOKE_FOREVER);
}
