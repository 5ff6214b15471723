/* threads.c -- the executor of worker threads.
 *
 * A map becomes a job (job.h), whose tickets go into one FIFO queue: a worker takes the oldest ticket, works on its job until
 * that has nothing left to claim, and takes the next.  There are as many tickets as workers, so a job is begun by all who are
 * free before any of them begins the next one.
 *
 * - A worker thread ends when the pool is closed, no map is under way and the queue is empty; it says so in `alive`.
 * - A task that leaves by pthread_exit takes its thread along.  The dying thread starts its own replacement, which finds the
 *   ticket where it was; if no thread can be made, the ticket goes back into the queue.
 * - Between maps a worker holds no lock of libc's, as job.h says.  A thread starts, ends and is joined where that is known: before
 *   open or its ticket's map returns, or after it was taken out of the count of own threads.
 * - When the last worker is gone, whoever pushes drains the queue: nothing ever waits for a worker that is not there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yoke/cpu.h>

#include "base/fault.h"
#include "exec/job.h"
#include "exec/memory.h"
#include "os/os.h"
#include "process/zygote.h"
#include "sched/inject.h"
#include "sched/park.h"
#include "thread/thread.h"

/* Bits of `state` above the number of maps that are under way. */
#define CLOSED ((uint64_t)1 << 63)
#define BROKEN ((uint64_t)1 << 62)

/* About what it costs to wake a sleeper: longer than that, searching is waste. */
enum { SEARCH_NS = 30000 };

/* Handed from a thread to its replacement by the start of that. */
struct worker {
    _Alignas(2 * YK_LINE) struct pool *pool;
    int index;
    unsigned generation;      /* how often its thread was replaced */
    bool ready;               /* its initializer has succeeded */
    struct yk_ticket *ticket; /* what it works on, or NULL */
    yoke_thread threads[2];   /* generation g is threads[g % 2]: g joins g - 1 and leaves its place to g + 1 */
};

struct pool {
    struct yk_exec_options options;
    int64_t spin_ns;
    struct yk_park park;
    struct yk_memory memory;
    yk_a32 cancelled; /* written by terminate; read before each item */
    yk_a32 starting;  /* workers that have not reported to open */
    yk_a32 failed;    /* workers whose initializer failed; written by them */
    yk_a32 alive;     /* workers that have a thread; counted down by each, awaited by join */
    yk_aptr aside;    /* jobs to free: put there by workers, taken by callers */
    struct yk_inject queue;
    _Alignas(2 * YK_LINE) yk_a64 state;
    struct worker workers[];
};

/* The worker that the calling thread is, of whichever pool. */
static _Thread_local struct worker *here;

static bool threads_inside(void *self)
{
    return here && here->pool == self;
}

/* ---- tickets ---- */

/* Gives back at once what is left of jobs that others have finished: nobody is to be woken for that. */
static struct yk_ticket *pop(struct pool *pool)
{
    struct yk_inject_node *node;

    while (yk_inject_pop(&pool->queue, &node, 1) == 1) {
        struct yk_ticket *ticket = (struct yk_ticket *)(void *)node;

        if (yk_job_pending(ticket))
            return ticket;
        yk_job_work(ticket);
    }
    return NULL;
}

static void drain(struct pool *pool, yoke_state state)
{
    while (yk_inject_visible(&pool->queue)) {
        struct yk_ticket *ticket = pop(pool);

        if (ticket)
            yk_job_drop(ticket, state);
        else
            yk_yield(); /* to a pusher or popper that was interrupted */
    }
}

/* Tickets were pushed: sees to it that somebody takes them. */
static void publish(struct pool *pool)
{
    yk_park_kick(&pool->park);
    /* A read-modify-write, partner of that in worker_gone: the last worker's drain sees the push, or this sees BROKEN. */
    if (yk_or_seq(&pool->state, 0) & BROKEN)
        drain(pool, YOKE_LOST);
}

/* ---- workers ---- */

/* seq_cst in all of `state`: few touch it, and seldom. */
static bool is_finished(struct pool *pool)
{
    return (yk_load_seq(&pool->state) & ~BROKEN) == CLOSED && !yk_inject_visible(&pool->queue);
}

static bool has_news(void *arg)
{
    struct pool *pool = arg;

    return yk_inject_visible(&pool->queue) || is_finished(pool);
}

static struct yk_ticket *next_ticket(struct worker *worker)
{
    struct pool *pool = worker->pool;
    struct yk_ticket *ticket = pop(pool);

    if (ticket)
        return ticket;
    yk_park_wait(&pool->park, (unsigned)worker->index, has_news, pool);
    ticket = pop(pool);
    yk_park_settle(&pool->park, (unsigned)worker->index, has_news, pool);
    if (!ticket && !is_finished(pool))
        yk_yield(); /* somebody was faster, or holds the queue and was interrupted */
    return ticket;
}

static void worker_reported(struct worker *worker, bool ready)
{
    struct pool *pool = worker->pool;

    worker->ready = ready;
    if (worker->generation > 0)
        return; /* nobody waits for a replacement */
    if (!ready)
        yk_add_rlx(&pool->failed, 1);
    if (yk_add_aar(&pool->starting, (uint32_t)-1) == 1) /* release: the load in await_zero */
        yk_futex_wake(&pool->starting, 1, false);
}

/* The worker ends and is not replaced. */
static void worker_gone(struct worker *worker)
{
    struct pool *pool = worker->pool;
    struct yk_ticket *ticket = worker->ticket;

    worker->ticket = NULL;
    if (ticket) {
        yk_inject_push(&pool->queue, &ticket->node);
        yk_park_kick(&pool->park);
    }
    /* release: the load in await_zero; what follows is before the end of the thread, which join awaits as well */
    if (yk_add_aar(&pool->alive, (uint32_t)-1) == 1) {
        yk_futex_wake(&pool->alive, INT32_MAX, false);
        yk_or_seq(&pool->state, BROKEN); /* partner: publish */
        drain(pool, YOKE_LOST);
    }
    yk_own_threads_add(-1);
}

static void worker_run(void *arg)
{
    struct worker *worker = arg;
    struct yk_exec_options *options = &worker->pool->options;
    bool ready = !options->initializer || options->initializer(options->initializer_arg) == 0;

    worker_reported(worker, ready);
    while (ready && (worker->ticket || !is_finished(worker->pool))) {
        if (!worker->ticket)
            worker->ticket = next_ticket(worker);
        if (worker->ticket)
            yk_job_work(worker->ticket);
        worker->ticket = NULL;
    }
    worker_gone(worker);
}

static int worker_start(struct worker *worker, int (*main)(void *arg))
{
    int rc;

    yk_own_threads_add(1);
    rc = yk_thread_start_worker(&worker->threads[worker->generation % 2], main, worker, (unsigned)worker->index + 1);
    if (rc < 0)
        yk_own_threads_add(-1);
    return rc;
}

static int worker_main(void *arg);

/* The thread is leaving by pthread_exit, out of the initializer or out of a task. */
static void worker_exited(void *arg)
{
    struct worker *worker = arg;

    if (!worker->ready) {
        worker_reported(worker, false);
    } else {
        yk_job_crashed(worker->ticket);
        worker->ready = false;
        worker->generation++;
        if (worker_start(worker, worker_main) == 0) {
            yk_own_threads_add(-1); /* and no more: all else is the replacement's now */
            return;
        }
        worker->generation--;
    }
    worker_gone(worker);
}

static int worker_main(void *arg)
{
    struct worker *worker = arg;

    here = worker;
    *yk_current() = (struct yk_current){.worker = worker->index};
    yk_own_thread_here();
    if (worker->generation > 0) {
        yoke_thread *before = &worker->threads[(worker->generation - 1) % 2];

        (void)yoke_thread_join(before, NULL); /* it is on its way out */
        *before = (yoke_thread){0};
    }
    yk_os_thread_guard(worker_run, worker_exited, worker);
    return 0;
}

/* ---- maps ---- */

static int enter(struct pool *pool)
{
    uint64_t state = yk_load_seq(&pool->state);

    do {
        if (state & (CLOSED | BROKEN))
            return state & CLOSED ? -YOKE_ECLOSED : -YOKE_EBROKEN;
    } while (!yk_cas_seq(&pool->state, &state, state + 1));
    return 0;
}

static void leave(struct pool *pool)
{
    /* The last one out of a closed pool: the workers may go. */
    if ((yk_add_aar(&pool->state, (uint64_t)-1) & ~BROKEN) == CLOSED + 1)
        yk_park_wake_all(&pool->park);
}

/* A map by a task of this pool: its worker works on it at once. */
struct nested {
    struct worker *worker;
    struct yk_ticket *outer;
    struct yk_job *job;
};

static void nested_run(void *arg)
{
    struct nested *nested = arg;

    yk_job_work(nested->worker->ticket);
}

static void finish(struct pool *pool, struct yk_job *job)
{
    yk_job_wait(job, pool->spin_ns);
    yk_job_release(job);
    leave(pool);
}

/* The thread is leaving by pthread_exit, out of a task of the inner map, and takes the task that called it along: the inner
 * map lies on this stack, so it must end first, and nobody will ask for what has not begun. */
static void nested_exited(void *arg)
{
    struct nested *nested = arg;

    yk_job_crashed(nested->worker->ticket);
    yk_job_drop(nested->worker->ticket, YOKE_CANCELLED);
    finish(nested->worker->pool, nested->job);
    nested->worker->ticket = nested->outer;
}

static void work_nested(struct worker *worker, struct yk_job *job)
{
    struct nested nested = {.worker = worker, .outer = worker->ticket, .job = job};
    struct yk_current saved = *yk_current();

    *yk_current() = (struct yk_current){.worker = worker->index};
    worker->ticket = yk_job_ticket(job, 0);
    yk_os_thread_guard(nested_run, nested_exited, &nested);
    worker->ticket = nested.outer;
    *yk_current() = saved;
}

static int threads_map(void *self, struct yk_map *map)
{
    struct pool *pool = self;
    struct worker *worker = threads_inside(self) ? here : NULL;
    struct yk_job *job;
    size_t first = worker ? 1 : 0;
    int rc = enter(pool);

    if (rc < 0)
        return rc;
    yk_job_clear(&pool->aside);
    job = map->items.n > 0 ? yk_job_new(map, pool->options.workers, &pool->cancelled, &pool->aside) : NULL;
    if (!job) {
        leave(pool);
        return map->items.n > 0 ? -ENOMEM : 0;
    }
    yk_map_begin(map);
    YK_POINT(PUBLISH_BEFORE);
    for (size_t i = first; i < yk_job_tickets(job); i++)
        yk_inject_push(&pool->queue, &yk_job_ticket(job, i)->node);
    YK_POINT(PUBLISH_AFTER);
    if (yk_job_tickets(job) > first)
        publish(pool);
    if (worker)
        work_nested(worker, job);
    finish(pool, job);
    return 0;
}

/* ---- the pool ---- */

static void await_zero(yk_a32 *word)
{
    uint32_t value;

    while ((value = yk_load_acq(word)) != 0) /* acquire: the additions that count it down */
        yk_futex_wait(word, value, false, YOKE_FOREVER);
}

/* Any number of times, also after terminate while maps are still under way. */
static void threads_close(void *self)
{
    struct pool *pool = self;

    yk_or_seq(&pool->state, CLOSED);
    yk_park_wake_all(&pool->park);
}

static void threads_terminate(void *self)
{
    struct pool *pool = self;

    yk_store_rel(&pool->cancelled, 1); /* release: the load before each item */
    threads_close(self);
    drain(pool, YOKE_CANCELLED); /* maps that wait behind a long item need not wait for it */
}

static int threads_join(void *self)
{
    struct pool *pool = self;

    if (threads_inside(self))
        return -EDEADLK;
    await_zero(&pool->alive);
    for (unsigned i = 0; i < pool->options.workers; i++)
        (void)yoke_thread_join(&pool->workers[i].threads[pool->workers[i].generation % 2], NULL);
    return 0;
}

static void threads_free(void *self)
{
    struct pool *pool = self;

    yk_job_clear(&pool->aside);
    yk_memory_free(&pool->memory);
    free(pool);
}

static void threads_forget(void *self)
{
    /* In a fork made by a task, that task's thread is the main thread now: its yoke_thread, which lies in here, lives on. */
    if (!threads_inside(self))
        threads_free(self);
}

static struct pool *pool_new(const struct yk_exec_options *options)
{
    unsigned n = options->workers;
    size_t size = sizeof(struct pool) + n * sizeof(struct worker);
    struct pool *pool = aligned_alloc(_Alignof(struct pool), size + yk_park_size(n));
    int cpus = yoke_cpu_count();

    if (!pool)
        return NULL;
    memset(pool, 0, size + yk_park_size(n));
    pool->options = *options;
    pool->spin_ns = cpus > 1 ? SEARCH_NS : 0;
    yk_park_init(&pool->park, (char *)pool + size, n, false, cpus > 1 && n <= (unsigned)cpus ? SEARCH_NS : 0);
    yk_store_rlx(&pool->starting, n); /* relaxed, both: the start of the threads publishes them */
    yk_store_rlx(&pool->alive, n);
    for (unsigned i = 0; i < n; i++) {
        pool->workers[i].pool = pool;
        pool->workers[i].index = (int)i;
    }
    return pool;
}

static int start_all(struct pool *pool)
{
    unsigned n = pool->options.workers, started = 0;
    int rc = 0;

    while (started < n && (rc = worker_start(&pool->workers[started], worker_main)) == 0)
        started++;
    /* On behalf of those that do not exist. */
    yk_add_aar(&pool->starting, started - n);
    yk_add_aar(&pool->alive, started - n);
    await_zero(&pool->starting);
    return rc == 0 && yk_load_rlx(&pool->failed) > 0 ? -YOKE_EINIT : rc; /* relaxed: after await_zero */
}

static int threads_open(const struct yk_exec_options *options, void **ret_self)
{
    struct pool *pool = pool_new(options);
    int rc;

    if (!pool)
        return -ENOMEM;
    rc = start_all(pool);
    if (rc < 0) {
        threads_close(pool);
        threads_join(pool);
        threads_free(pool);
        return rc;
    }
    *ret_self = pool;
    return 0;
}

static void *threads_alloc(void *self, size_t size)
{
    return yk_memory_alloc(&((struct pool *)self)->memory, size);
}

static bool threads_dealloc(void *self, void *memory)
{
    return yk_memory_dealloc(&((struct pool *)self)->memory, memory);
}

const struct yk_executor yk_threads = {
    .can_kill = false,
    .open = threads_open,
    .map = threads_map,
    .alloc = threads_alloc,
    .dealloc = threads_dealloc,
    .close = threads_close,
    .terminate = threads_terminate,
    .join = threads_join,
    .free = threads_free,
    .forget = threads_forget,
    .inside = threads_inside,
};
