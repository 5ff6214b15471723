/* processes.c -- the host's side of a process pool: opens it, publishes maps, waits for them, collects.
 *
 * The host makes no thread.  It sleeps on a job's bell and on the supervisor's life at once, so it can wait for ever for
 * nothing.  The places of the jobs, and all allocation, are known in its own memory only. */
#include <errno.h>
#include <stdlib.h>
#include <yoke/cpu.h>

#include "base/fault.h"
#include "base/task.h"
#include "exec/buffers.h"
#include "exec/supervisor.h"
#include "ipc/pipe.h"
#include "process/zygote.h"

/* Address space for yoke_pool_alloc and the copies of items; memory is used only where it is needed. */
#define RESERVE ((size_t)1 << 36)
#define LEAST ((size_t)1 << 22)

/* How long a worker searches, and the host waits for an answer, before sleeping: about what a wake-up costs across CPUs. */
#define SPIN_NS 40000

struct processes {
    struct yk_arena arena;
    struct yk_board board;
    int control;              /* a byte here makes the supervisor look at the board */
    struct yk_zygote *zygote; /* the supervisor's parent; NULL: this process is */
    struct yk_child supervisor;
    uint64_t n_tasks; /* tasks that the workers know */
    int64_t spin_ns;
    yoke_lock lock;  /* guards what follows */
    uint64_t tail;   /* entries published so far */
    uint64_t serial; /* jobs so far */
    bool taken[YK_N_JOBS];
    bool reaped;                          /* the supervisor was joined */
    yk_a32 returned;                      /* counts the places given back: where a map without a place sleeps */
    struct yk_buffers buffers[YK_N_JOBS]; /* of whoever took the place */
};

/* ---- opening ---- */

/* The supervisor under a zygote: the memory is attached at the address that it has in the host. */
struct attach {
    void *arena;
    size_t size;
    struct yk_board board;
};

enum { FD_ARENA, FD_CONTROL, FD_HOST, N_FDS };

static int supervisor_under_zygote(void *arg, const int *fds, unsigned n_fds)
{
    struct attach *attach = arg;

    if (n_fds != N_FDS || yk_shm_attach(fds[FD_ARENA], attach->arena, attach->size) < 0)
        return 1;
    yk_close(fds[FD_ARENA]);
    return yk_supervisor_main(&attach->board, fds[FD_CONTROL], fds[FD_HOST]);
}

static int start_under_zygote(struct processes *p, int control, int host)
{
    struct attach attach = {p->arena.base, p->arena.size, p->board};
    struct yk_spawn spawn = {.run = supervisor_under_zygote,
                             .arg = &attach,
                             .arg_size = sizeof attach,
                             .fds = {p->arena.fd, control, host},
                             .n_fds = N_FDS,
                             .name = "yoke:pool"};

    p->n_tasks = p->zygote->n_tasks;
    return yk_zygote_spawn(p->zygote, &spawn, &p->supervisor);
}

static int start_directly(struct processes *p, yoke_start start, int control, int host)
{
    int rc = yk_fork(start, &p->supervisor.pidfd);

    p->n_tasks = yk_task_count();
    if (rc < 0)
        return rc;
    if (rc == 0) {
        yk_close(p->control);
        yk_close(p->arena.fd);
        yk_pipe_keep_only(NULL, 0);
        yk_child_prepare(true);
        yk_child_exit(yk_supervisor_main(&p->board, control, host));
    }
    p->supervisor.pid = rc;
    return 0;
}

static int start_supervisor(struct processes *p, yoke_start start)
{
    int pair[2], host = yk_pidfd_open(yk_getpid()), rc = host < 0 ? host : yk_socket_pair(pair);

    if (rc == 0) {
        p->control = pair[0];
        p->zygote = start == YOKE_START_DEFAULT ? yk_zygote_root() : NULL;
        rc = p->zygote ? start_under_zygote(p, pair[1], host) : start_directly(p, start, pair[1], host);
        yk_close(pair[1]);
    }
    if (host >= 0)
        yk_close(host);
    return rc;
}

/* The supervisor ended, or is ending; waits for that. */
static void reap_supervisor(struct processes *p)
{
    yoke_exit how;

    if (p->zygote) {
        (void)yk_child_report(&p->supervisor, YOKE_FOREVER, &how);
        yk_child_close(&p->supervisor);
    } else {
        (void)yk_pidfd_reap(p->supervisor.pidfd, YOKE_FOREVER, &how);
        yk_close(p->supervisor.pidfd);
    }
    p->reaped = true;
}

/* The kernel wakes one of those who wait for the supervisor's death; each passes it on. */
static bool supervisor_dead(struct processes *p)
{
    struct yk_robust *supervisor = &p->board.control->supervisor;

    if (!yk_alive_dead(supervisor))
        return false;
    yk_futex_wake(&supervisor->word, __INT_MAX__, true);
    return true;
}

static bool everybody_up(struct yk_board *board)
{
    for (unsigned w = 0; w < board->n_workers; w++)
        if (yk_load_acq(&board->desks[w].up) == 0)
            return false;
    return true;
}

/* The same before it has armed its word: then its pidfd tells. */
static bool supervisor_gone(struct processes *p)
{
    return supervisor_dead(p) ||
           (!yk_alive_armed(&p->board.control->supervisor) && yk_wait_readable(p->supervisor.pidfd, YOKE_NOW) == 0);
}

static int wait_for_workers(struct processes *p)
{
    struct yk_board *board = &p->board;

    for (;;) {
        /* Both words are read before what they guard, so that a change in between ends the sleep at once. */
        uint32_t n_up = yk_load_acq(&board->control->n_up), life = yk_load_acq(&board->control->supervisor.word);

        if (everybody_up(board))
            return 0;
        if (supervisor_gone(p))
            return yk_load_acq(&board->control->verdict) ? -(int)yk_load_acq(&board->control->verdict) : -YOKE_EBROKEN;
        /* Until the word is armed its death rings nothing: look again from time to time. */
        (void)yk_futex_wait_either(&board->control->n_up, n_up, &board->control->supervisor.word, life,
                                   yk_alive_armed(&board->control->supervisor) ? YOKE_FOREVER : yoke_after(0.01));
    }
}

static void give_back(struct processes *p)
{
    if (p->control >= 0)
        yk_close(p->control);
    yk_arena_close(&p->arena);
    free(p);
}

static int processes_open(const struct yk_exec_options *options, void **ret_self)
{
    struct processes *p;
    void *memory = NULL;
    size_t least, reserve;
    int cpus = yoke_cpu_count(), rc = yk_may_fork(options->start);

    if (rc < 0)
        return rc;
    p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->control = -1;
    p->arena.fd = -1;
    p->spin_ns = cpus > 1 ? SPIN_NS : 0;
    least = LEAST + yk_board_size(options->workers);
    reserve = yk_shm_reserve(RESERVE);
    rc = yk_arena_open(&p->arena, yk_max(reserve, least), least);
    if (rc == 0) {
        memory = yk_arena_alloc_pages(&p->arena, yk_board_size(options->workers));
        rc = memory ? 0 : -ENOMEM;
    }
    if (rc == 0) {
        yk_board_init(&p->board, memory, options, options->workers <= (unsigned)cpus ? p->spin_ns : 0);
        rc = start_supervisor(p, options->start);
    }
    if (rc == 0) {
        rc = wait_for_workers(p);
        yk_store_rel(&p->board.control->opened, rc == 0);
        if (rc < 0) {
            (void)yk_pidfd_signal(p->supervisor.pidfd, 9);
            reap_supervisor(p);
        }
    }
    if (rc < 0) {
        give_back(p);
        return rc;
    }
    *ret_self = p;
    return 0;
}

/* ---- one map ---- */

static bool take_place(struct processes *p, unsigned *ret_j)
{
    bool found = false;

    yoke_lock_acquire(&p->lock);
    for (unsigned j = 0; j < YK_N_JOBS && !found; j++) {
        if (p->taken[j])
            continue;
        p->taken[j] = found = true;
        *ret_j = j;
    }
    yoke_lock_release(&p->lock);
    return found;
}

static unsigned wait_for_place(struct processes *p)
{
    unsigned j;

    for (;;) {
        uint32_t returned = yk_load_acq(&p->returned);

        if (take_place(p, &j))
            return j;
        (void)yk_futex_wait(&p->returned, returned, false, YOKE_FOREVER);
    }
}

static void return_place(struct processes *p, unsigned j)
{
    yoke_lock_acquire(&p->lock);
    p->taken[j] = false;
    yoke_lock_release(&p->lock);
    yk_add_aar(&p->returned, 1); /* pairs with the acquire in wait_for_place */
    yk_futex_wake(&p->returned, 1, false);
}

static void poke(struct processes *p)
{
    (void)yk_send(p->control, "", 1, NULL, 0); /* fails only if the supervisor is gone */
}

/* Fills in what load has not; nobody sees the job yet. */
static void fill(struct processes *p, struct yk_shared_job *job, const struct yk_map *map)
{
    job->chunk = map->chunk;
    job->fail_fast = map->fail_fast;
    yk_store_rlx(&job->end, map->items.n);
    yk_store_rlx(&job->cursor, 0);
    yk_store_rlx(&job->stop, 0);
    yk_store_rlx(&job->bell, 0);
    yoke_lock_acquire(&p->lock);
    yk_store_rlx(&job->serial, ++p->serial);
    yoke_lock_release(&p->lock);
    /* release: the supervisor reads the serial number after it */
    yk_store_rel(&job->timeout_ns, (uint64_t)map->item_timeout_ns);
}

/* False if the pool was terminated first: terminate stops, under the lock, what was published before. */
static bool publish(struct processes *p, unsigned j, uint64_t *ret_at)
{
    bool open;

    yoke_lock_acquire(&p->lock);
    open = yk_load_acq(&p->board.control->mode) != YK_KILLING;
    if (open) {
        *ret_at = p->tail++;
        yk_board_publish(&p->board, j, *ret_at);
    }
    yoke_lock_release(&p->lock);
    return open;
}

static bool ended(struct processes *p, unsigned j, uint64_t at, size_t n)
{
    return yk_board_ended(&p->board, j, at, p->buffers[j].words, n);
}

/* Looks at the bell alone: to look at the desks would take their lines from the workers.  Yields, since the kernel may have put
 * the worker that is awaited on this CPU. */
static void spin_on(struct yk_shared_job *job, int64_t ns)
{
    yoke_time end = yoke_now() + ns;

    do {
        for (int i = 0; i < 64; i++) {
            if (yk_load_acq(&job->bell) == 2)
                return;
            yk_cpu_relax();
        }
        yk_yield();
    } while (yoke_now() < end);
}

/* False if the supervisor died first. */
static bool wait_for_end(struct processes *p, unsigned j, uint64_t at, size_t n)
{
    struct yk_shared_job *job = &p->board.control->jobs[j];

    if (p->spin_ns > 0)
        spin_on(job, p->spin_ns);
    for (;;) {
        uint32_t life = yk_load_acq(&p->board.control->supervisor.word);
        bool dead;

        /* seq: an older ring is thrown away before looking; a later one finds 1, and wakes */
        (void)yk_swap_seq(&job->bell, 1);
        /* First, and whether the job has ended or not: the wake that the kernel gave to this thread may be the only one, and
         * others wait for it. */
        dead = supervisor_dead(p);
        if (ended(p, j, at, n))
            return true;
        if (dead)
            return false;
        (void)yk_futex_wait_either(&job->bell, 1, &p->board.control->supervisor.word, life, YOKE_FOREVER);
    }
}

static int processes_map(void *self, struct yk_map *map)
{
    struct processes *p = self;
    unsigned j;
    uint64_t at = 0;
    struct yk_shared_job *job;
    yoke_state rest = YOKE_CANCELLED;
    int rc;

    if (map->task->id > p->n_tasks)
        return -YOKE_ENOTASK;
    if (supervisor_dead(p))
        return -YOKE_EBROKEN;
    j = wait_for_place(p);
    job = &p->board.control->jobs[j];
    rc = yk_buffers_load(&p->buffers[j], &p->arena, map, p->board.n_workers, job);
    if (rc < 0) {
        return_place(p, j);
        return rc;
    }
    fill(p, job, map);
    yk_map_begin(map);
    if (publish(p, j, &at)) {
        yk_park_kick(&p->board.park);
        if (map->item_timeout_ns != 0)
            poke(p);
        if (!wait_for_end(p, j, at, map->items.n) && yk_load_acq(&p->board.control->mode) != YK_KILLING)
            rest = YOKE_LOST;
    }
    yk_store_rel(&job->timeout_ns, 0);
    if (!yk_buffers_unload(&p->buffers[j], map, rest)) {
        /* The words make no sense: no worker of this pool can be believed any more. */
        (void)yk_pidfd_signal(p->supervisor.pidfd, 9);
    }
    yk_buffers_trim(&p->buffers[j], &p->arena);
    return_place(p, j);
    return 0;
}

/* ---- memory ---- */

static void *processes_alloc(void *self, size_t size)
{
    /* whole lines, so that what different workers write lies apart */
    return yk_arena_alloc(&((struct processes *)self)->arena, yk_round_up(size, YK_LINE));
}

static bool processes_dealloc(void *self, void *memory)
{
    struct yk_arena *arena = &((struct processes *)self)->arena;

    if (yk_arena_has_lock(arena, memory))
        yk_misuse("yoke_pool_dealloc takes memory in which the calling thread holds no lock");
    return yk_arena_free(arena, memory);
}

/* ---- the end ---- */

static void processes_close(void *self)
{
    struct processes *p = self;

    yoke_lock_acquire(&p->lock);
    /* seq: before the wake; pairs with the acquire in yk_board_visible */
    if (yk_load_acq(&p->board.control->mode) == YK_SERVING)
        yk_store_seq(&p->board.control->mode, YK_CLOSING);
    yoke_lock_release(&p->lock);
    yk_park_wake_all(&p->board.park);
    poke(p);
}

static void processes_terminate(void *self)
{
    struct processes *p = self;

    yoke_lock_acquire(&p->lock);
    yk_store_seq(&p->board.control->mode, YK_KILLING);
    for (unsigned j = 0; j < YK_N_JOBS; j++)
        yk_store_rel(&p->board.control->jobs[j].stop, 1);
    yoke_lock_release(&p->lock);
    poke(p);
}

static int processes_join(void *self)
{
    struct processes *p = self;
    struct yk_robust *supervisor = &p->board.control->supervisor;

    for (;;) {
        uint32_t life = yk_load_acq(&supervisor->word);

        if (supervisor_dead(p))
            break;
        (void)yk_futex_wait(&supervisor->word, life, true, YOKE_FOREVER);
    }
    yoke_lock_acquire(&p->lock);
    if (!p->reaped)
        reap_supervisor(p);
    yoke_lock_release(&p->lock);
    return 0;
}

static void processes_free(void *self)
{
    struct processes *p = self;

    /* the thread's list of locks would lead into memory that is gone */
    if (yk_arena_has_lock(&p->arena, NULL))
        yk_misuse("yoke_pool_free takes a pool in whose memory the calling thread holds no lock");
    give_back(p);
}

/* Workers are processes, in which the pool is not usable at all. */
static bool processes_inside(void *self)
{
    (void)self;
    return false;
}

static void processes_forget(void *self)
{
    struct processes *p = self;

    if (!p->reaped && p->zygote)
        yk_child_close(&p->supervisor);
    else if (!p->reaped)
        yk_close(p->supervisor.pidfd);
    yk_arena_forget(&p->arena);
    give_back(p);
}

const struct yk_executor yk_processes = {
    .can_kill = true,
    .open = processes_open,
    .map = processes_map,
    .alloc = processes_alloc,
    .dealloc = processes_dealloc,
    .close = processes_close,
    .terminate = processes_terminate,
    .join = processes_join,
    .free = processes_free,
    .forget = processes_forget,
    .inside = processes_inside,
};
