/* queue.h -- what the model tests of queues have in common: the shipped sources, on a queue that is laid out here. */
#include "builtins.h"

#include <stdlib.h>
#include <string.h>

#define GRACE YOKE_FOREVER /* the explorer lets a deadline come at any time */
#include "sleep.h"

/* A copy of an item touches plain memory: it is announced by its first byte in the queue. */
static char *within_queue(const void *p);
static void *watch_memcpy(void *to, const void *from, size_t size)
{
    if (within_queue(to))
        explore_writes(within_queue(to));
    if (within_queue(from))
        explore_reads(within_queue(from));
    return __builtin_memcpy(to, from, size);
}
#undef memcpy
#define memcpy(to, from, size) watch_memcpy((to), (from), (size))

#include "../../src/ipc/bytes.c"
#include "../../src/ipc/gate.c"
#include "../../src/ipc/items.c"
#include "../../src/ipc/join.c"
#include "../../src/ipc/leave.c"
#include "../../src/ipc/queue.c"
#include "../../src/ipc/table.c"
#undef memcpy

/* ---- what is not part of the models ---- */

void *yoke_shm_alloc(yoke_shm *shm, size_t size)
{
    (void)shm;
    (void)size;
    return NULL;
}

int yoke_shm_dealloc(yoke_shm *shm, void *memory)
{
    (void)shm;
    (void)memory;
    return 0;
}

uint32_t yk_forks(void)
{
    return 0;
}

int yk_getpid(void)
{
    return 1;
}

int yk_segments_open(yoke_queue *it)
{
    (void)it;
    return -ENOMEM;
}

void yk_segments_free(yoke_queue *it)
{
    (void)it;
}

int yk_segments_put(yoke_queue *it, const void *item, size_t size)
{
    (void)it;
    (void)item;
    (void)size;
    return -ENOMEM;
}

int yk_segments_take(yoke_queue *it, void *to, size_t room, size_t *ret_size)
{
    (void)it;
    (void)to;
    (void)room;
    (void)ret_size;
    return -EAGAIN;
}

/* ---- the queue ---- */

enum { AREA = 64 };

static struct {
    yoke_queue queue;
    char items[AREA];
} room;
static yoke_queue *const queue = &room.queue;
static int slots[4]; /* of the table */
static struct table table = {.room = 4, .items = (char *)slots};

static char *within_queue(const void *p)
{
    char *at = (char *)(uintptr_t)p;

    return at >= room.items && at < room.items + AREA        ? at
           : at >= (char *)slots && at < (char *)(slots + 4) ? at
                                                             : NULL;
}

static int n_popped, n_pushed, n_without, n_closed, n_joined; /* calls that came back so */
static int sum;                                               /* of the items popped */
static bool has_died;
static enum { NOTHING, PUSHING, POPPING } busy[EXPLORE_THREADS]; /* in which call each thread is, if it lives */

static void open_queue(uint32_t shared, enum yk_store store, size_t item_size, size_t capacity)
{
    yoke_queue_options options = {.capacity = capacity, .order = store == YK_TABLE ? YOKE_LIFO : YOKE_FIFO};

    memset(&room, 0, sizeof room);
    set_up(queue, NULL, item_size, &options);
    queue->shared = queue->join_shared = shared;
    queue->table = &table;
    n_popped = n_pushed = n_without = n_closed = n_joined = sum = 0;
    has_died = false;
    memset(busy, 0, sizeof busy);
    n_spins = 0;
    ghost = 0;
    yoke_thread_interruptible(0);
}

static void on_death(int thread)
{
    has_died = true;
    busy[thread] = NOTHING;
}

static int pushed(void)
{
    return (int)queue->side[YK_PUSH].index.v;
}

static int popped(void)
{
    return (int)queue->side[YK_POP].index.v;
}

/* For check: whoever has not come back waits for something that is not there; nobody is at a gate. */
static inline void nobody_in_vain(void)
{
    int n_in = pushed() - popped();

    explore_assert((queue->side[YK_PUSH].gate.v & YK_TID) == 0 && (queue->side[YK_POP].gate.v & YK_TID) == 0);
    for (int t = 0; t < EXPLORE_THREADS; t++) {
        explore_assert(busy[t] != POPPING || (n_in == 0 && !queue->closed.v));
        explore_assert(busy[t] != PUSHING || (n_in == (int)queue->capacity && !queue->closed.v));
    }
}

/* ---- what threads do ---- */

static inline void begin_call(int what)
{
    if (explore_self() >= 0)
        busy[explore_self()] = what;
}

static inline int push_until(int item, yoke_time deadline)
{
    int rc;

    begin_call(PUSHING);
    rc = queue->item_size ? yoke_queue_push_until(queue, &item, deadline)
                          : yoke_queue_push_bytes_until(queue, &item, sizeof item, deadline);
    begin_call(NOTHING);
    n_pushed += rc == 0;
    n_without += rc == -ETIMEDOUT;
    n_closed += rc == -YOKE_ECLOSED;
    explore_assert(rc == 0 || rc == -ETIMEDOUT || rc == -YOKE_ECLOSED);
    return rc;
}

static inline int pop_until(yoke_time deadline)
{
    int item = 0, rc;

    begin_call(POPPING);
    rc = queue->item_size ? yoke_queue_pop_until(queue, &item, deadline)
                          : yoke_queue_pop_bytes_until(queue, &item, sizeof item, NULL, deadline);
    begin_call(NOTHING);
    n_popped += rc == 0;
    n_without += rc == -ETIMEDOUT;
    n_closed += rc == -YOKE_ECLOSED;
    sum += item;
    explore_assert(rc == 0 || rc == -ETIMEDOUT || rc == -YOKE_ECLOSED);
    return rc;
}

static inline void push_1(void)
{
    push_until(1, YOKE_FOREVER);
}

static inline void push_2(void)
{
    push_until(2, YOKE_FOREVER);
}

static inline void push_1_and_2(void)
{
    push_1();
    push_2();
}

static inline void pop_one(void)
{
    pop_until(YOKE_FOREVER);
}

static inline void pop_two(void)
{
    pop_one();
    pop_one();
}

static inline void pop_soon(void)
{
    pop_until(yoke_now() + 5000);
}

static inline void push_soon(void)
{
    push_until(1, yoke_now() + 5000);
}

static inline void pop_now(void)
{
    pop_until(YOKE_NOW);
}

static inline void close_it(void)
{
    explore_assert(yoke_queue_close(queue) == 0);
}

/* Also when one of them has died. */
static inline void await_sleepers(int n)
{
    while (explore_asleep() + has_died < n)
        yk_cpu_relax();
}

#define TWO_BODIES(a, b) .threads = {{.body = a}, {.body = b}}
#define THREE_BODIES(a, b, c) .threads = {{.body = a}, {.body = b}, {.body = c}}
#define MORTAL(f)                                                                                                      \
    {                                                                                                                  \
        .body = f, .killable = true                                                                                    \
    }
#define LIVING(f)                                                                                                      \
    {                                                                                                                  \
        .body = f                                                                                                      \
    }
/* May sleep on when all others have ended: `check` says whether that is right. */
#define PATIENT(f)                                                                                                     \
    {                                                                                                                  \
        .body = f, .daemon = true                                                                                      \
    }
#define MORTAL_PATIENT(f)                                                                                              \
    {                                                                                                                  \
        .body = f, .killable = true, .daemon = true                                                                    \
    }
#define NEWEST .stale = -1 /* loads read the newest value */
#define SCENARIO(title, first, last, ...)                                                                              \
    {                                                                                                                  \
        .name = title, .setup = first, .check = last, .on_death = on_death, __VA_ARGS__                                \
    }
