/* exec.h -- the executors: what a pool hands down, and the one way in which it comes back.
 *
 * A pool checks its caller's wishes and hands a yk_map to its executor's table.  The executor ends every item through
 * yk_map_end, exactly once, and returns from `map` when all have ended.  Executors do not know the pool nor each other. */
#ifndef YK_EXEC_H
#define YK_EXEC_H

#include <yoke/pool.h>

#include "base/atomic.h"
#include "base/base.h"

/* The items of a map, as a worker sees them; plain data, so that it can lie in shared memory. */
struct yk_items {
    int (*run)(const void *in, void *out);
    const char *in;             /* items of in_size bytes; or NULL and */
    const char *const *strings; /* an array of strings */
    char *out;                  /* results of out_size bytes; NULL: dropped */
    size_t in_size;
    size_t out_size;
    size_t n;
};

/* One map.  Lives on the stack of the thread that waits for it. */
struct yk_map {
    struct yk_items items;
    const yoke_task *task;
    yoke_status *statuses;   /* NULL, or one for each item */
    size_t chunk;            /* 0: by measurement */
    int64_t item_timeout_ns; /* 0: none */
    bool fail_fast;
    yk_a64 bad;   /* items that did not succeed; written by yk_map_end */
    yk_a64 ended; /* items that have ended; written by yk_map_end */
};

/* yk_map_begin -- from here on nothing of the map can fail as a whole: the statuses are made ready.  Called by the executor,
 * once, before it runs the first item; a map that is refused leaves its caller's arrays untouched. */
void yk_map_begin(struct yk_map *map);

/* yk_map_end -- the single way for items to end: `count` of them from `first` on.  For YOKE_DONE, `first` does not matter and
 * a worker may gather many into one call.  Any thread. */
void yk_map_end(struct yk_map *map, size_t first, size_t count, yoke_state state, int code);

struct yk_exec_options {
    unsigned workers;
    int (*initializer)(void *arg); /* or NULL */
    void *initializer_arg;
    yoke_start start;
};

/* The table.  `self` is the executor's own.  Which calls may meet is said in <yoke/pool.h>; the pool has checked arguments,
 * the process, and that nothing is handed down after close. */
struct yk_executor {
    bool can_kill; /* item_timeout works */
    int (*open)(const struct yk_exec_options *options, void **ret_self);
    int (*map)(void *self, struct yk_map *map); /* 0, or a code with nothing run */
    void *(*alloc)(void *self, size_t size);
    bool (*dealloc)(void *self, void *memory); /* false: it is not its own */
    void (*close)(void *self);                 /* no map will come any more; those that were terminated may still run */
    void (*terminate)(void *self);
    int (*join)(void *self);    /* after close or terminate */
    void (*free)(void *self);   /* after join */
    void (*forget)(void *self); /* in a fork of the owner: gives back what is only memory */
    bool (*inside)(void *self); /* the calling thread runs a task of it */
};

extern const struct yk_executor yk_serial;
extern const struct yk_executor yk_threads;
extern const struct yk_executor yk_processes;

/* Where the calling thread is: what yoke_task_index and yoke_worker_index tell.  One per thread. */
struct yk_current {
    size_t index; /* of the item */
    int worker;   /* -1 outside a worker */
};

struct yk_current *yk_current(void);

/* What the task of item i gets. */
static inline const void *yk_item_in(const struct yk_items *items, size_t i)
{
    return items->strings ? (const void *)items->strings[i] : items->in + i * items->in_size;
}

#endif
