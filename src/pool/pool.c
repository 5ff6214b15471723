/* pool.c -- the front of every pool: checks what the caller wishes, and hands it to an executor.
 *
 * The gate counts the maps that run and says whether the pool is closed, in one word, so that exactly one party tells the
 * executor that nothing will come any more: close, if nothing runs, else the last map to leave. */
#include <errno.h>
#include <stdlib.h>
#include <yoke/cpu.h>

#include "exec/exec.h"
#include "os/os.h"
#include "sync/self.h"

struct yoke_pool {
    const struct yk_executor *executor;
    void *self;     /* the executor's */
    uint64_t owner; /* yk_this_process() of the one that opened it */
    unsigned workers;
    yk_a64 gate; /* bit 0: closed; the others: maps that run */
    yk_a32 down; /* 0 open, 1 somebody is telling the executor, 2 it was told; where join sleeps */
};

enum { CLOSED = 1, ONE_MAP = 2 };

/* ---- opening ---- */

static const struct yk_executor *executor_of(yoke_kind kind)
{
    switch (kind) {
    case YOKE_SERIAL:
        return &yk_serial;
    case YOKE_THREADS:
        return &yk_threads;
    case YOKE_PROCESSES:
        return &yk_processes;
    }
    return NULL;
}

static unsigned n_workers(const yoke_pool_options *options)
{
    if (options->kind == YOKE_SERIAL)
        return 1;
    return (unsigned)(options->workers == 0 ? yk_min(yoke_cpu_count(), YOKE_WORKERS_MAX) : options->workers);
}

int yoke_pool_open_with(yoke_pool **ret_pool, const yoke_pool_options *options)
{
    struct yk_exec_options wishes;
    yoke_pool *pool;
    int rc;

    if (!ret_pool || !options || options->size < sizeof *options || !executor_of(options->kind) ||
        options->workers < 0 || options->workers > YOKE_WORKERS_MAX || (unsigned)options->start > YOKE_EXEC)
        return -EINVAL;
    pool = calloc(1, sizeof *pool);
    if (!pool)
        return -ENOMEM;
    pool->executor = executor_of(options->kind);
    pool->owner = yk_this_process();
    pool->workers = n_workers(options);
    wishes = (struct yk_exec_options){pool->workers, options->initializer, options->initializer_arg, options->start};
    rc = pool->executor->open(&wishes, &pool->self);
    if (rc < 0) {
        free(pool);
        return rc;
    }
    *ret_pool = pool;
    return 0;
}

int yoke_pool_workers(const yoke_pool *pool)
{
    return pool ? (int)pool->workers : -EINVAL;
}

static int usable(const yoke_pool *pool)
{
    if (!pool)
        return -EINVAL;
    return pool->owner == yk_this_process() ? 0 : -YOKE_EFORKED;
}

/* ---- the gate ---- */

static void tell_down(yoke_pool *pool, void (*tell)(void *self))
{
    uint32_t open = 0;

    if (!yk_cas_aar(&pool->down, &open, 1))
        return;
    tell(pool->self);
    yk_store_rel(&pool->down, 2); /* pairs with the acquire in join */
    yk_futex_wake(&pool->down, __INT_MAX__, false);
}

static int enter(yoke_pool *pool)
{
    uint64_t gate = yk_load_rlx(&pool->gate);

    do {
        if (gate & CLOSED)
            return -YOKE_ECLOSED;
    } while (!yk_cas_aar(&pool->gate, &gate, gate + ONE_MAP));
    return 0;
}

static void leave(yoke_pool *pool)
{
    if (yk_add_aar(&pool->gate, (uint64_t)-ONE_MAP) == (ONE_MAP | CLOSED))
        tell_down(pool, pool->executor->close);
}

/* ---- maps ---- */

static int timeout_of(double seconds, int64_t *ret_ns)
{
    if (!(seconds >= 0))
        return -EINVAL;
    if (seconds == 0 || seconds >= 9e9) /* 285 years: no limit */
        *ret_ns = 0;
    else
        *ret_ns = yk_max((int64_t)(seconds * 1e9), 1);
    return 0;
}

static int check_sizes(const yoke_task *task, size_t n)
{
    size_t bytes;

    if (n > UINT32_MAX - 1 || !yk_mul(n, task->in_size, &bytes) || !yk_mul(n, task->out_size, &bytes))
        return -EOVERFLOW;
    return 0;
}

static int check_items(const struct yk_map *map)
{
    if (!map->items.in && !map->items.strings && map->items.n > 0)
        return -EINVAL;
    for (size_t i = 0; map->items.strings && i < map->items.n; i++)
        if (!map->items.strings[i])
            return -EINVAL;
    return 0;
}

/* Leaves the gate also when a task ends this thread by pthread_exit. */
static void leave_at_end(yoke_pool **pool)
{
    leave(*pool);
}

static int run_inside(yoke_pool *pool, struct yk_map *map)
{
    __attribute__((cleanup(leave_at_end))) yoke_pool *inside = pool;

    return map->items.n > 0 ? inside->executor->map(inside->self, map) : 0;
}

static ptrdiff_t run_map(yoke_pool *pool, struct yk_map *map, const yoke_map_options *options)
{
    int rc = usable(pool);

    if (rc == 0 && (!map->task || !options || options->size < sizeof *options))
        rc = -EINVAL;
    if (rc == 0 && map->task->id == 0)
        rc = -YOKE_ENOTASK;
    if (rc == 0)
        rc = timeout_of(options->item_timeout, &map->item_timeout_ns);
    if (rc == 0 && map->item_timeout_ns != 0 && !pool->executor->can_kill)
        rc = -ENOTSUP;
    if (rc == 0)
        rc = check_sizes(map->task, map->items.n);
    if (rc == 0)
        rc = check_items(map);
    if (rc == 0)
        rc = enter(pool);
    if (rc < 0)
        return rc;
    map->items.run = map->task->run;
    map->items.out = map->task->out_size > 0 ? options->out : NULL;
    map->items.in_size = map->task->in_size;
    map->items.out_size = map->task->out_size;
    map->statuses = options->statuses;
    map->chunk = options->chunk;
    map->fail_fast = options->fail_fast != 0;
    rc = run_inside(pool, map);
    if (rc < 0)
        return rc;
    yk_assert(yk_load_acq(&map->ended) == map->items.n);
    return (ptrdiff_t)yk_load_acq(&map->bad);
}

ptrdiff_t yoke_pool_map_with(yoke_pool *pool, const yoke_task *task, const void *in, size_t n,
                             const yoke_map_options *options)
{
    struct yk_map map = {.items = {.in = in, .n = n}, .task = task};

    return run_map(pool, &map, options);
}

ptrdiff_t yoke_pool_map_strings_with(yoke_pool *pool, const yoke_task *task, const char *const *strings, size_t n,
                                     const yoke_map_options *options)
{
    struct yk_map map = {.items = {.strings = strings, .n = n}, .task = task};

    return run_map(pool, &map, options);
}

/* ---- memory ---- */

void *yoke_pool_alloc(yoke_pool *pool, size_t size)
{
    return usable(pool) == 0 && size > 0 ? pool->executor->alloc(pool->self, size) : NULL;
}

void yoke_pool_dealloc(yoke_pool *pool, void *memory)
{
    if (memory && usable(pool) == 0 && !pool->executor->dealloc(pool->self, memory))
        yk_misuse("yoke_pool_dealloc takes what yoke_pool_alloc of the same pool gave, once");
}

/* ---- the end ---- */

/* Closes the gate; true if no map runs. */
static bool shut(yoke_pool *pool)
{
    uint64_t gate = yk_load_rlx(&pool->gate);

    while (!yk_cas_aar(&pool->gate, &gate, gate | CLOSED))
        ;
    return gate < ONE_MAP;
}

int yoke_pool_close(yoke_pool *pool)
{
    int rc = usable(pool);

    if (rc == 0 && shut(pool))
        tell_down(pool, pool->executor->close);
    return rc;
}

int yoke_pool_terminate(yoke_pool *pool)
{
    int rc = usable(pool);

    if (rc < 0)
        return rc;
    (void)shut(pool);
    pool->executor->terminate(pool->self);
    tell_down(pool, pool->executor->close);
    return 0;
}

int yoke_pool_join(yoke_pool *pool)
{
    int rc = usable(pool);
    uint32_t down;

    if (rc < 0)
        return rc;
    if (!(yk_load_acq(&pool->gate) & CLOSED))
        return -EINVAL;
    if (pool->executor->inside(pool->self))
        return -EDEADLK;
    while ((down = yk_load_acq(&pool->down)) != 2)
        (void)yk_futex_wait(&pool->down, down, false, YOKE_FOREVER);
    return pool->executor->join(pool->self);
}

void yoke_pool_free(yoke_pool **pool)
{
    yoke_pool *p = pool ? *pool : NULL;

    if (!p)
        return;
    *pool = NULL;
    if (p->owner != yk_this_process()) {
        if (p->self) /* none yet in a worker, which was forked while the pool was being opened */
            p->executor->forget(p->self);
        free(p);
        return;
    }
    (void)yoke_pool_close(p);
    if (yoke_pool_join(p) == -EDEADLK)
        yk_misuse("a pool must not be freed by one of its own tasks");
    p->executor->free(p->self);
    free(p);
}
