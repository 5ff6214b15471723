/* yoke/pool.h -- Pool: workers that run a task over many items, behind one interface: the caller itself, threads, or
 * processes.
 *
 *     yoke_pool *pool;
 *     int rc = yoke_pool_open(&pool, YOKE_PROCESSES, .workers = yoke_cpu_count() - 1);
 *     if (rc < 0) return fprintf(stderr, "no pool: %s\n", yoke_strerror(rc)), 1;
 *     ptrdiff_t bad = yoke_pool_map(pool, square, numbers, n, squares);
 *     yoke_pool_free(&pool);
 *
 * Semantics are those of Python's multiprocessing.Pool where those are good: results stand in the order of the items, and
 * items start in that order.  They differ where that pool hurts: no good result is lost to a bad item, a worker that dies
 * costs the one item whose code it had started, is reported and replaced, and nothing ever waits for it; an item that
 * takes too long is killed; and freeing a pool finishes its work, it does not throw it away.
 *
 * The kinds.
 *   YOKE_SERIAL     the caller runs the items, one after the other: the reference that the others agree with.
 *   YOKE_THREADS    worker threads.  Items may point anywhere.  A crash is the program's.
 *   YOKE_PROCESSES  worker processes.  They see the program's memory as it was at open (with yoke_init(): as it was then),
 *                   as fork gives it, and nothing written later; items and results travel as plain bytes, so an item that
 *                   holds a pointer is good only for what existed then, for what yoke_pool_alloc gave, or for shared memory
 *                   that was open when the pool was opened (yoke/shm.h).  What is said in yoke/process.h about signals,
 *                   standard input, groups and threads in the host holds for workers too; they keep the descriptors that
 *                   the program had at open, but for the ends of a yoke_pipe, so a pipe(2) among those sees its end only
 *                   when the pool is freed; their standard output is flushed after each chunk.
 *
 * Who may call what at the same time on one pool ("-": freely; "X": the caller must exclude it):
 *                             map..., apply, alloc, dealloc   close, terminate   join   free
 *     map..., apply, alloc                -                          -            -      X
 *     close, terminate                    -                          -            -      X
 *     join                                -                          -            -      X
 *     free                                X                          X            X      X
 * From any thread of the process that opened the pool; elsewhere (after a fork, or in a worker process) every call gives
 * -YOKE_EFORKED, and free only forgets.  A task on a thread pool may map on its own pool: the calling worker then works on
 * that map itself, so it never waits for a free worker.  A task in a worker process may open a pool of its own. */
#ifndef YOKE_POOL_H
#define YOKE_POOL_H

#include <yoke/base.h>
#include <yoke/process.h>
#include <yoke/task.h>
#include <yoke/time.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct yoke_pool yoke_pool;

typedef enum yoke_kind { YOKE_SERIAL = 1, YOKE_THREADS = 2, YOKE_PROCESSES = 3 } yoke_kind;

/* The largest number of workers that a pool takes. */
#define YOKE_WORKERS_MAX 1024

typedef struct yoke_pool_options {
    size_t size; /* sizeof(yoke_pool_options) */
    yoke_kind kind;
    int workers; /* 0: yoke_cpu_count(); else 1 to YOKE_WORKERS_MAX (a serial pool has one) */
    /* Called once in each worker before its first item, in a replacement too; NULL: none.  Other than 0 means that the
     * worker cannot work. */
    int (*initializer)(void *arg);
    void *initializer_arg; /* given to it; borrowed until free */
    yoke_start start;      /* processes: where they come from, see yoke/process.h */
} yoke_pool_options;

/* yoke_pool_open -- opens a pool; returns when every worker has started and its initializer has succeeded.  Options are
 * named: .workers, .initializer, .initializer_arg, .start.
 * Returns: 0, with the pool in *ret_pool; -EINVAL for a kind that is none, workers below 0 or above YOKE_WORKERS_MAX, or a
 *          NULL ret_pool; -YOKE_EINIT if an initializer failed or its worker died in it; -YOKE_ETHREADED, see
 *          yoke/process.h; -YOKE_EBROKEN if the zygote of yoke_init() has died; -ENOTSUP for YOKE_EXEC; -EADDRINUSE and
 *          -E2BIG, see yoke/process.h; -EAGAIN, -ENOMEM, -EMFILE, -EFBIG when the system has no room (a worker process takes
 *          a descriptor of its supervisor); -ENOSYS or -EPERM where the kernel or a sandbox forbids what processes need.
 *          After a failure nothing is left behind.  An initializer that never ends keeps this call waiting.
 * Owns:    the caller owns the pool and gives it back with yoke_pool_free. */
#ifndef __cplusplus
#define yoke_pool_open(ret_pool, ...)                                                                                  \
    yoke_pool_open_with((ret_pool), &(yoke_pool_options){.size = sizeof(yoke_pool_options), .kind = __VA_ARGS__})
#endif
YOKE_MUST_CHECK YOKE_API int yoke_pool_open_with(yoke_pool **ret_pool, const yoke_pool_options *options);

/* How an item ended. */
typedef enum yoke_state {
    YOKE_DONE = 0,      /* its task returned 0; code 0 */
    YOKE_FAILED = 1,    /* its task returned code */
    YOKE_CRASHED = 2,   /* its worker died in it: code is minus the signal, or the exit code (as Python's exitcode) */
    YOKE_TIMED_OUT = 3, /* it ran longer than .item_timeout and was killed; code 0 */
    YOKE_CANCELLED = 4, /* it was not started, or was killed by yoke_pool_terminate; code 0 */
    /* It was not started, or it is not known how it ended: the pool broke; code 0.  Workers of a broken pool are being killed,
     * and may still write to memory from yoke_pool_alloc for a moment. */
    YOKE_LOST = 5
} yoke_state;

typedef struct yoke_status {
    yoke_state state;
    int code;
} yoke_status;

/* yoke_status_text -- the status in words, "crashed: signal 11 (Segmentation fault)", cut to size bytes.
 * Returns: text. */
YOKE_API char *yoke_status_text(yoke_status status, char *text, size_t size);

typedef struct yoke_map_options {
    size_t size; /* sizeof(yoke_map_options) */
    /* The results, one for each item, in order; NULL: they are dropped.  Borrowed for the call.  Where an item did not
     * succeed: what stood there, or what its task wrote. */
    void *out;
    /* NULL, or an array of n that tells how each item ended; borrowed for the call. */
    yoke_status *statuses;
    /* Items that a worker takes at a time; 0: by measurement, so that taking costs little and no worker is left with a
     * long tail. */
    size_t chunk;
    /* Seconds that one item may run; 0: no limit.  Processes only: -ENOTSUP elsewhere, where nothing can be killed. */
    double item_timeout;
    /* Not 0: after the first item that does not succeed no further one is started; those are YOKE_CANCELLED. */
    int fail_fast;
} yoke_map_options;

/* yoke_pool_map -- runs the task on each of the n items at `in`, and waits until all have ended.  The results stand in out[]
 * in the order of the items.  Options are named, after the array of results: .statuses, .chunk, .item_timeout, .fail_fast.
 * Array types are checked by the compiler.
 * Returns: how many items did not succeed (0: all did), or, with nothing run and no output touched:
 *          -EINVAL for a NULL pool, a NULL in with n above 0, a negative or NaN timeout; -EOVERFLOW for more than
 *          4,294,967,294 items or more bytes than there are addresses; -ENOTSUP; -YOKE_ECLOSED after close or terminate;
 *          -YOKE_ENOTASK for a task that is not registered or that the workers do not know; -YOKE_EBROKEN; -YOKE_EFORKED;
 *          -ENOMEM.  n = 0 gives 0 if nothing of this is the matter.
 * Owns:    in and out are borrowed for the call.
 * Order:   what the caller wrote to in (and, for threads, anywhere) is visible to the tasks, and what they wrote to the
 *          results is visible to the caller.
 * No copies: for a process pool the items and the results are copied to and from memory that the workers share, unless they
 *          stand in memory from yoke_pool_alloc of this pool: then they are used in place. */
#ifndef __cplusplus
#define yoke_pool_map(pool, task, in, n, ...)                                                                          \
    (YOKE_CHECK_IN_(task, in), YOKE_CHECK_OUT_(task, YOKE_FIRST_(__VA_ARGS__, 0)),                                     \
     yoke_pool_map_with((pool), &task##_yoke_task, (in), (n), YOKE_MAP_OPTIONS_(__VA_ARGS__)))
/* clang-format off */
/* An error here: the items or the results are not an array of the task's type. */
#define YOKE_CHECK_IN_(task, in)                                                                                       \
    (void)sizeof(_Generic((in), task##_yoke_in *: 0, const task##_yoke_in *: 0, void *: 0, const void *: 0))
#define YOKE_CHECK_OUT_(task, out) (void)sizeof(_Generic((out), task##_yoke_out *: 0, void *: 0))
#define YOKE_MAP_OPTIONS_(...) &(yoke_map_options){.size = sizeof(yoke_map_options), .out = __VA_ARGS__}
/* clang-format on */
#endif
YOKE_MUST_CHECK YOKE_API ptrdiff_t yoke_pool_map_with(yoke_pool *pool, const yoke_task *task, const void *in, size_t n,
                                                      const yoke_map_options *options);

/* yoke_pool_starmap -- the same for a function of several parameters, made a task by YOKE_STARTASK; the items are its
 * `struct name_args`:
 *     YOKE_STARTASK(pow, double, double, double);
 *     bad = yoke_pool_starmap(pool, pow, ((struct pow_args[]){{2, 10}, {3, 4}}), 2, powers); */
#define yoke_pool_starmap yoke_pool_map

/* yoke_pool_map_strings -- the same over n strings (file names, say): the task is `int name(const char *in, out_type *out)`,
 * declared YOKE_TASK(name, char, out_type).  strings may be argv + 1, or an array of const char *.  A NULL among them is
 * -EINVAL. */
#ifndef __cplusplus
#define yoke_pool_map_strings(pool, task, strings, n, ...)                                                             \
    (YOKE_CHECK_IN_(task, ""), YOKE_CHECK_OUT_(task, YOKE_FIRST_(__VA_ARGS__, 0)),                                     \
     yoke_pool_map_strings_with((pool), &task##_yoke_task, YOKE_STRINGS_(strings), (n),                                \
                                YOKE_MAP_OPTIONS_(__VA_ARGS__)))
/* An error here: strings is not an array of strings. */
#define YOKE_STRINGS_(strings)                                                                                         \
    _Generic((strings), char **: (const char *const *)(strings), const char **: (const char *const *)(strings),        \
             char *const *: (const char *const *)(strings), const char *const *: (strings))
#endif
YOKE_MUST_CHECK YOKE_API ptrdiff_t yoke_pool_map_strings_with(yoke_pool *pool, const yoke_task *task,
                                                              const char *const *strings, size_t n,
                                                              const yoke_map_options *options);

/* yoke_pool_apply -- runs the task on one item in a worker and waits: yoke_pool_map with n = 1.
 *     if (yoke_pool_apply(pool, square, &number, &result, .statuses = &status) != 0) ...
 * Returns: 0 if it succeeded, 1 if not, or a negative code as above. */
#define yoke_pool_apply(pool, task, in, ...) yoke_pool_map(pool, task, in, 1, __VA_ARGS__)

/* yoke_pool_workers -- how many workers it has; -EINVAL for NULL. */
YOKE_API int yoke_pool_workers(const yoke_pool *pool);

/* yoke_pool_alloc -- memory that the caller and every worker share at the same address, present and future workers alike:
 * size zero bytes, aligned to 64.  What a task writes there stands when its item has ended (a task that crashed may have
 * written a part).
 * Returns: NULL when there is no room, size is 0, or the pool belongs to another process.
 * Owns:    the pool does, until yoke_pool_dealloc or yoke_pool_free. */
YOKE_API void *yoke_pool_alloc(yoke_pool *pool, size_t size);

/* yoke_pool_dealloc -- gives such memory back before the pool ends; NULL is ignored.  No task may be using it.  A pointer
 * that yoke_pool_alloc did not give is misuse: one line on stderr, then abort.  So is memory with a lock that the calling thread
 * holds, if its death would be noticed (yoke_mutex and what is built on it; seen in YOKE_PROCESSES alone). */
YOKE_API void yoke_pool_dealloc(yoke_pool *pool, void *memory);

/* yoke_pool_close -- no more work: later maps give -YOKE_ECLOSED, those that run go on.  The workers end when they have
 * nothing left.  Calling it again does nothing.
 * Returns: 0; -EINVAL; -YOKE_EFORKED. */
YOKE_API int yoke_pool_close(yoke_pool *pool);

/* yoke_pool_terminate -- no more work, and none finished: items that were not started are YOKE_CANCELLED, worker processes
 * are killed in the middle of theirs (those are YOKE_CANCELLED too); worker threads finish the item that they run.
 * Maps that other threads wait for return.
 * Returns: 0; -EINVAL; -YOKE_EFORKED. */
YOKE_API int yoke_pool_terminate(yoke_pool *pool);

/* yoke_pool_join -- waits until the workers of a closed or terminated pool have ended.
 * Returns: 0; -EINVAL for NULL or a pool that is still open; -EDEADLK from a task of this pool; -YOKE_EFORKED. */
YOKE_API int yoke_pool_join(yoke_pool *pool);

/* yoke_pool_free -- closes the pool, waits for its workers, gives back everything and sets *pool to NULL.  NULL and a
 * pointer to NULL are ignored.  In a fork of the program it only forgets the pool.  Never from a task of the pool, nor
 * while the calling thread holds a lock in its memory (as for yoke_pool_dealloc): that is misuse, one line on stderr, then
 * abort. */
YOKE_API void yoke_pool_free(yoke_pool **pool);

#ifdef __cplusplus
}
#endif
#endif
