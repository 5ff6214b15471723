/* job.h -- one map on a thread pool, and the tickets by which workers take part in it.
 *
 * A job is memory of its own, held by references (one for the caller and one for each ticket), because tickets may stay in a
 * queue long after the last item has ended and the caller has gone on.  Its map lies on the caller's stack and is touched
 * only by whoever still holds items that have not ended, since the caller waits for those.
 *
 * A worker never frees a job, it lays it aside.  Once a map has returned, its caller may make a process by a plain clone, which
 * copies libc's locks as they stand; so a worker that has ended its last item calls nothing that takes one, free least of all. */
#ifndef YK_JOB_H
#define YK_JOB_H

#include "exec/exec.h"
#include "sched/inject.h"

struct yk_job;

/* The right of one worker to work on a job.  Written by whoever holds it: the publisher, a queue's popper, a worker.  Its
 * memory is its job's. */
struct yk_ticket {
    _Alignas(2 * YK_LINE) struct yk_inject_node node; /* first: a popped node is its ticket */
    struct yk_job *job;
    size_t at, end; /* items that were claimed and have not ended; while a task runs, it runs `at` */
    size_t chunk;   /* how many to claim next, when that is measured */
    size_t done;    /* items that succeeded, of which the map was not told yet */
    size_t ended;   /* items that ended otherwise; the map knows, the job does not yet */
    void *spare;    /* for yk_run_item; the caller's, who frees it when every item has ended */
};

/* yk_job_new -- a job for at most `workers` workers.  `cancelled`, borrowed while the map runs, stops it from outside when it
 * becomes other than 0.
 * `aside`, borrowed until the last ticket was given back, is a list of jobs; NULL is an empty one.
 * Returns: the job with yk_job_tickets tickets, all to be given to yk_job_work or yk_job_drop, and a reference for the
 *          caller; NULL without memory. */
struct yk_job *yk_job_new(struct yk_map *map, unsigned workers, yk_a32 *cancelled, yk_aptr *aside);

/* At least 1, and no more than there are chunks. */
size_t yk_job_tickets(const struct yk_job *job);
struct yk_ticket *yk_job_ticket(struct yk_job *job, size_t i);

/* False: nothing is left to claim, and the ticket is only to be given back. */
bool yk_job_pending(const struct yk_ticket *ticket);

/* yk_job_work -- runs items until there are none left to claim, and gives the ticket back. */
void yk_job_work(struct yk_ticket *ticket);

/* yk_job_drop -- ends everything that was not started, and gives the ticket back. */
void yk_job_drop(struct yk_ticket *ticket, yoke_state state);

/* yk_job_crashed -- the task that the ticket's holder ran has left by pthread_exit: ends that item.  The ticket stands, and
 * another thread may go on with it. */
void yk_job_crashed(struct yk_ticket *ticket);

/* yk_job_wait -- returns when every item has ended; looks busily for spin_ns before it sleeps.
 * Order: what the tasks wrote is visible to the caller. */
void yk_job_wait(struct yk_job *job, int64_t spin_ns);

/* yk_job_release -- gives back the caller's reference, after yk_job_wait. */
void yk_job_release(struct yk_job *job);

/* yk_job_clear -- frees the jobs that were laid aside.  For the caller of a map, and for the end of the list; any number of
 * threads. */
void yk_job_clear(yk_aptr *aside);

#endif
