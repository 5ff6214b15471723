/* yoke/debugged.h -- the calls of a program with YOKE_DEBUG: the same calls, which also tell yoke/debug.h of themselves.
 *
 * Included by yoke/debug.h, after all that it wraps.  A name is a macro only where an argument list follows: the address of a
 * function is that of the function itself, and a call through it is not seen. */
#ifndef YOKE_DEBUGGED_H
#define YOKE_DEBUGGED_H

#include <yoke/barrier.h>
#include <yoke/condition.h>
#include <yoke/debug.h>
#include <yoke/event.h>
#include <yoke/lock.h>
#include <yoke/mutex.h>
#include <yoke/once.h>
#include <yoke/pipe.h>
#include <yoke/pool.h>
#include <yoke/process.h>
#include <yoke/queue.h>
#include <yoke/rlock.h>
#include <yoke/rwlock.h>
#include <yoke/semaphore.h>
#include <yoke/shm.h>
#include <yoke/thread.h>
#include <yoke/timer.h>
#include <yoke/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The function yoke_debug_NAME: begins, calls yoke_NAME, ends.  After the name: how it begins, the arguments for yoke_NAME, and its
 * parameters.  MUST: its result must be checked. */
#define YOKE_DEBUG_MAY_(type, name, begin, arguments, ...)                                                             \
    static inline type yoke_debug_##name(const char *text, const char *at, __VA_ARGS__)                                \
    {                                                                                                                  \
        int call = begin;                                                                                              \
        type rc = yoke_##name arguments;                                                                               \
                                                                                                                       \
        yoke_debug_end(call, (int)rc);                                                                                 \
        return rc;                                                                                                     \
    }
#define YOKE_DEBUG_MUST_(type, name, begin, arguments, ...)                                                            \
    YOKE_MUST_CHECK YOKE_DEBUG_MAY_(type, name, begin, arguments, __VA_ARGS__)
#define YOKE_DEBUG_VOID_(name, begin, arguments, ...)                                                                  \
    static inline void yoke_debug_##name(const char *text, const char *at, __VA_ARGS__)                                \
    {                                                                                                                  \
        int call = begin;                                                                                              \
                                                                                                                       \
        yoke_##name arguments;                                                                                         \
        yoke_debug_end(call, 0);                                                                                       \
    }

#define YOKE_DEBUG_WAIT_(kind, object, deadline) yoke_debug_begin(YOKE_DEBUG_##kind, (object), (deadline), text, at)
#define YOKE_DEBUG_GIVE_(kind, object) yoke_debug_release(YOKE_DEBUG_##kind, (object), text, at)
#define YOKE_DEBUG_INIT_(kind, object) yoke_debug_init(YOKE_DEBUG_##kind, (object), text, at)
#define YOKE_DEBUG_OTHER_ yoke_debug_call(text, at)

/* clang-format off */

/* ---- Lock ---- */

YOKE_DEBUG_VOID_(lock_init, YOKE_DEBUG_INIT_(LOCK, lock), (lock, shared), yoke_lock *lock, uint32_t shared)
YOKE_DEBUG_VOID_(lock_acquire, YOKE_DEBUG_WAIT_(LOCK, lock, YOKE_FOREVER), (lock), yoke_lock *lock)
YOKE_DEBUG_MUST_(int, lock_acquire_until, YOKE_DEBUG_WAIT_(LOCK, lock, deadline), (lock, deadline), yoke_lock *lock,
    yoke_time deadline)
YOKE_DEBUG_VOID_(lock_release, YOKE_DEBUG_GIVE_(LOCK, lock), (lock), yoke_lock *lock)

/* ---- Mutex ---- */

YOKE_DEBUG_VOID_(mutex_init, YOKE_DEBUG_INIT_(MUTEX, mutex), (mutex, shared), yoke_mutex *mutex, uint32_t shared)
YOKE_DEBUG_MUST_(int, mutex_acquire, YOKE_DEBUG_WAIT_(MUTEX, mutex, YOKE_FOREVER), (mutex), yoke_mutex *mutex)
YOKE_DEBUG_MUST_(int, mutex_acquire_until, YOKE_DEBUG_WAIT_(MUTEX, mutex, deadline), (mutex, deadline),
    yoke_mutex *mutex, yoke_time deadline)
YOKE_DEBUG_VOID_(mutex_release, YOKE_DEBUG_GIVE_(MUTEX, mutex), (mutex), yoke_mutex *mutex)

/* ---- RLock ---- */

YOKE_DEBUG_VOID_(rlock_init, YOKE_DEBUG_INIT_(RLOCK, rlock), (rlock, shared), yoke_rlock *rlock, uint32_t shared)
YOKE_DEBUG_MUST_(int, rlock_acquire, YOKE_DEBUG_WAIT_(RLOCK, rlock, YOKE_FOREVER), (rlock), yoke_rlock *rlock)
YOKE_DEBUG_MUST_(int, rlock_acquire_until, YOKE_DEBUG_WAIT_(RLOCK, rlock, deadline), (rlock, deadline),
    yoke_rlock *rlock, yoke_time deadline)
YOKE_DEBUG_VOID_(rlock_release, YOKE_DEBUG_GIVE_(RLOCK, rlock), (rlock), yoke_rlock *rlock)

/* ---- RWLock ---- */

YOKE_DEBUG_MUST_(int, rwlock_init, YOKE_DEBUG_INIT_(WRITE, rwlock), (rwlock, seats, n_seats), yoke_rwlock *rwlock,
    yoke_seat *seats, uint32_t n_seats)
YOKE_DEBUG_MUST_(int, rwlock_read_acquire, YOKE_DEBUG_WAIT_(READ, rwlock, YOKE_FOREVER), (rwlock), yoke_rwlock *rwlock)
YOKE_DEBUG_MUST_(int, rwlock_read_acquire_until, YOKE_DEBUG_WAIT_(READ, rwlock, deadline), (rwlock, deadline),
    yoke_rwlock *rwlock, yoke_time deadline)
YOKE_DEBUG_VOID_(rwlock_read_release, YOKE_DEBUG_GIVE_(READ, rwlock), (rwlock), yoke_rwlock *rwlock)
YOKE_DEBUG_MUST_(int, rwlock_write_acquire, YOKE_DEBUG_WAIT_(WRITE, rwlock, YOKE_FOREVER), (rwlock),
    yoke_rwlock *rwlock)
YOKE_DEBUG_MUST_(int, rwlock_write_acquire_until, YOKE_DEBUG_WAIT_(WRITE, rwlock, deadline), (rwlock, deadline),
    yoke_rwlock *rwlock, yoke_time deadline)
YOKE_DEBUG_VOID_(rwlock_write_release, YOKE_DEBUG_GIVE_(WRITE, rwlock), (rwlock), yoke_rwlock *rwlock)

/* ---- Once ---- */

YOKE_DEBUG_VOID_(once_init, YOKE_DEBUG_INIT_(ONCE, once), (once, shared), yoke_once *once, uint32_t shared)

/* ---- Condition ---- */

YOKE_DEBUG_MUST_(int, condition_init, YOKE_DEBUG_INIT_(CONDITION, condition), (condition, seats, n_seats),
    yoke_condition *condition, yoke_seat *seats, unsigned n_seats)
YOKE_DEBUG_MUST_(int, condition_wait_on, yoke_debug_wait(condition, lock, YOKE_FOREVER, text, at), (condition, lock,
    kind), yoke_condition *condition, void *lock, enum yoke_lock_kind kind)
YOKE_DEBUG_MUST_(int, condition_wait_until_on, yoke_debug_wait(condition, lock, deadline, text, at), (condition, lock,
    kind, deadline), yoke_condition *condition, void *lock, enum yoke_lock_kind kind, yoke_time deadline)
YOKE_DEBUG_MAY_(unsigned, condition_notify, YOKE_DEBUG_OTHER_, (condition, n), yoke_condition *condition, unsigned n)
YOKE_DEBUG_MAY_(unsigned, condition_notify_all, YOKE_DEBUG_OTHER_, (condition), yoke_condition *condition)

/* ---- Semaphore ---- */

YOKE_DEBUG_VOID_(semaphore_init, YOKE_DEBUG_INIT_(SEMAPHORE, semaphore), (semaphore, value, bound, shared),
    yoke_semaphore *semaphore, uint32_t value, uint32_t bound, uint32_t shared)
YOKE_DEBUG_VOID_(semaphore_acquire, YOKE_DEBUG_WAIT_(SEMAPHORE, semaphore, YOKE_FOREVER), (semaphore),
    yoke_semaphore *semaphore)
YOKE_DEBUG_MUST_(int, semaphore_acquire_until, YOKE_DEBUG_WAIT_(SEMAPHORE, semaphore, deadline), (semaphore,
    deadline), yoke_semaphore *semaphore, yoke_time deadline)

/* ---- Event ---- */

YOKE_DEBUG_VOID_(event_init, YOKE_DEBUG_INIT_(EVENT, event), (event, shared), yoke_event *event, uint32_t shared)
YOKE_DEBUG_VOID_(event_wait, YOKE_DEBUG_WAIT_(EVENT, event, YOKE_FOREVER), (event), yoke_event *event)
YOKE_DEBUG_MUST_(int, event_wait_until, YOKE_DEBUG_WAIT_(EVENT, event, deadline), (event, deadline),
    yoke_event *event, yoke_time deadline)

/* ---- Barrier ---- */

YOKE_DEBUG_MUST_(int, barrier_init, YOKE_DEBUG_INIT_(BARRIER, barrier), (barrier, parties, seats),
    yoke_barrier *barrier, unsigned parties, yoke_seat *seats)
YOKE_DEBUG_MUST_(int, barrier_wait, YOKE_DEBUG_WAIT_(BARRIER, barrier, YOKE_FOREVER), (barrier), yoke_barrier *barrier)
YOKE_DEBUG_MUST_(int, barrier_wait_until, YOKE_DEBUG_WAIT_(BARRIER, barrier, deadline), (barrier, deadline),
    yoke_barrier *barrier, yoke_time deadline)

/* ---- Thread, Process, Timer ---- */

YOKE_DEBUG_MAY_(int, thread_join, YOKE_DEBUG_WAIT_(THREAD, thread, YOKE_FOREVER), (thread, ret_code),
    yoke_thread *thread, int *ret_code)
YOKE_DEBUG_MUST_(int, thread_join_until, YOKE_DEBUG_WAIT_(THREAD, thread, deadline), (thread, deadline, ret_code),
    yoke_thread *thread, yoke_time deadline, int *ret_code)
YOKE_DEBUG_MAY_(int, process_join, YOKE_DEBUG_WAIT_(PROCESS, process, YOKE_FOREVER), (process, ret_exit),
    yoke_process *process, yoke_exit *ret_exit)
YOKE_DEBUG_MUST_(int, process_join_until, YOKE_DEBUG_WAIT_(PROCESS, process, deadline), (process, deadline, ret_exit),
    yoke_process *process, yoke_time deadline, yoke_exit *ret_exit)
YOKE_DEBUG_MAY_(int, timer_join, YOKE_DEBUG_WAIT_(TIMER, timer, YOKE_FOREVER), (timer), yoke_timer *timer)
YOKE_DEBUG_MUST_(int, timer_join_until, YOKE_DEBUG_WAIT_(TIMER, timer, deadline), (timer, deadline),
    yoke_timer *timer, yoke_time deadline)

/* ---- Queue ---- */

YOKE_DEBUG_MUST_(int, queue_push, YOKE_DEBUG_WAIT_(QUEUE, queue, YOKE_FOREVER), (queue, item), yoke_queue *queue,
    const void *item)
YOKE_DEBUG_MUST_(int, queue_push_until, YOKE_DEBUG_WAIT_(QUEUE, queue, deadline), (queue, item, deadline),
    yoke_queue *queue, const void *item, yoke_time deadline)
YOKE_DEBUG_MUST_(int, queue_pop, YOKE_DEBUG_WAIT_(QUEUE, queue, YOKE_FOREVER), (queue, item), yoke_queue *queue,
    void *item)
YOKE_DEBUG_MUST_(int, queue_pop_until, YOKE_DEBUG_WAIT_(QUEUE, queue, deadline), (queue, item, deadline),
    yoke_queue *queue, void *item, yoke_time deadline)
YOKE_DEBUG_MUST_(int, queue_push_bytes, YOKE_DEBUG_WAIT_(QUEUE, queue, YOKE_FOREVER), (queue, bytes, size),
    yoke_queue *queue, const void *bytes, size_t size)
YOKE_DEBUG_MUST_(int, queue_push_bytes_until, YOKE_DEBUG_WAIT_(QUEUE, queue, deadline), (queue, bytes, size,
    deadline), yoke_queue *queue, const void *bytes, size_t size, yoke_time deadline)
YOKE_DEBUG_MUST_(int, queue_pop_bytes, YOKE_DEBUG_WAIT_(QUEUE, queue, YOKE_FOREVER), (queue, buffer, room, ret_size),
    yoke_queue *queue, void *buffer, size_t room, size_t *ret_size)
YOKE_DEBUG_MUST_(int, queue_pop_bytes_until, YOKE_DEBUG_WAIT_(QUEUE, queue, deadline), (queue, buffer, room, ret_size,
    deadline), yoke_queue *queue, void *buffer, size_t room, size_t *ret_size, yoke_time deadline)
YOKE_DEBUG_MAY_(int, queue_join, YOKE_DEBUG_WAIT_(QUEUE, queue, YOKE_FOREVER), (queue), yoke_queue *queue)
YOKE_DEBUG_MUST_(int, queue_join_until, YOKE_DEBUG_WAIT_(QUEUE, queue, deadline), (queue, deadline),
    yoke_queue *queue, yoke_time deadline)

/* ---- Pipe ---- */

YOKE_DEBUG_MUST_(int, pipe_send, YOKE_DEBUG_WAIT_(PIPE, pipe, YOKE_FOREVER), (pipe, bytes, size), yoke_pipe *pipe,
    const void *bytes, size_t size)
YOKE_DEBUG_MUST_(int, pipe_send_until, YOKE_DEBUG_WAIT_(PIPE, pipe, deadline), (pipe, bytes, size, deadline),
    yoke_pipe *pipe, const void *bytes, size_t size, yoke_time deadline)
YOKE_DEBUG_MUST_(int, pipe_send_fds, YOKE_DEBUG_WAIT_(PIPE, pipe, YOKE_FOREVER), (pipe, bytes, size, fds, n_fds),
    yoke_pipe *pipe, const void *bytes, size_t size, const int *fds, size_t n_fds)
YOKE_DEBUG_MUST_(int, pipe_send_fds_until, YOKE_DEBUG_WAIT_(PIPE, pipe, deadline), (pipe, bytes, size, fds, n_fds,
    deadline), yoke_pipe *pipe, const void *bytes, size_t size, const int *fds, size_t n_fds, yoke_time deadline)
YOKE_DEBUG_MUST_(int, pipe_receive, YOKE_DEBUG_WAIT_(PIPE, pipe, YOKE_FOREVER), (pipe, buffer, room, ret_size),
    yoke_pipe *pipe, void *buffer, size_t room, size_t *ret_size)
YOKE_DEBUG_MUST_(int, pipe_receive_until, YOKE_DEBUG_WAIT_(PIPE, pipe, deadline), (pipe, buffer, room, ret_size,
    deadline), yoke_pipe *pipe, void *buffer, size_t room, size_t *ret_size, yoke_time deadline)
YOKE_DEBUG_MUST_(int, pipe_receive_fds, YOKE_DEBUG_WAIT_(PIPE, pipe, YOKE_FOREVER), (pipe, buffer, room, ret_size,
    fds, n_fds), yoke_pipe *pipe, void *buffer, size_t room, size_t *ret_size, int *fds, size_t *n_fds)
YOKE_DEBUG_MUST_(int, pipe_receive_fds_until, YOKE_DEBUG_WAIT_(PIPE, pipe, deadline), (pipe, buffer, room, ret_size,
    fds, n_fds, deadline), yoke_pipe *pipe, void *buffer, size_t room, size_t *ret_size, int *fds, size_t *n_fds,
    yoke_time deadline)

/* ---- any of these ---- */

YOKE_DEBUG_MUST_(int, wait_any, YOKE_DEBUG_WAIT_(ANY, waitables, deadline), (waitables, n, deadline),
    const yoke_waitable *waitables, size_t n, yoke_time deadline)

/* ---- Pool and shared memory ---- */

YOKE_DEBUG_MUST_(ptrdiff_t, pool_map_with, YOKE_DEBUG_WAIT_(POOL, pool, YOKE_FOREVER), (pool, task, in, n, options),
    yoke_pool *pool, const yoke_task *task, const void *in, size_t n, const yoke_map_options *options)
YOKE_DEBUG_MUST_(ptrdiff_t, pool_map_strings_with, YOKE_DEBUG_WAIT_(POOL, pool, YOKE_FOREVER), (pool, task, strings,
    n, options), yoke_pool *pool, const yoke_task *task, const char *const *strings, size_t n,
    const yoke_map_options *options)
YOKE_DEBUG_MAY_(int, pool_join, YOKE_DEBUG_WAIT_(POOL, pool, YOKE_FOREVER), (pool), yoke_pool *pool)
YOKE_DEBUG_VOID_(pool_free, YOKE_DEBUG_WAIT_(POOL, pool ? *pool : NULL, YOKE_FOREVER), (pool), yoke_pool **pool)
YOKE_DEBUG_VOID_(pool_dealloc, YOKE_DEBUG_OTHER_, (pool, memory), yoke_pool *pool, void *memory)
YOKE_DEBUG_MAY_(int, shm_dealloc, YOKE_DEBUG_OTHER_, (shm, memory), yoke_shm *shm, void *memory)

/* clang-format on */

/* ---- calls that call a function of the user's ---- */

struct yoke_debug_user {
    int (*run)(void *arg);
    void *arg;
    int call;
};

static inline void yoke_debug_ran(const int *call)
{
    yoke_debug_resume(*call);
}

static inline int yoke_debug_run(void *arg)
{
    const struct yoke_debug_user *user = (const struct yoke_debug_user *)arg;
    /* also when it leaves by an exception */
    __attribute__((cleanup(yoke_debug_ran))) int call = user->call;

    yoke_debug_pause(call);
    return user->run(user->arg);
}

YOKE_MUST_CHECK static inline int yoke_debug_once_run(const char *text, const char *at, yoke_once *once,
                                                      int (*run)(void *arg), void *arg)
{
    struct yoke_debug_user user = {run, arg, YOKE_DEBUG_WAIT_(ONCE, once, YOKE_FOREVER)};

    return yoke_debug_end(user.call, yoke_once_run(once, run ? yoke_debug_run : NULL, &user));
}

YOKE_MUST_CHECK static inline int
yoke_debug_condition_wait_for_on(const char *text, const char *at, yoke_condition *condition, void *lock,
                                 enum yoke_lock_kind kind, int (*predicate)(void *arg), void *arg, yoke_time deadline)
{
    struct yoke_debug_user user = {predicate, arg, yoke_debug_wait(condition, lock, deadline, text, at)};

    return yoke_debug_end(user.call, yoke_condition_wait_for_on(condition, lock, kind,
                                                                predicate ? yoke_debug_run : NULL, &user, deadline));
}

YOKE_MUST_CHECK static inline int yoke_debug_barrier_wait_with(const char *text, const char *at, yoke_barrier *barrier,
                                                               int (*action)(void *arg), void *arg, yoke_time deadline)
{
    struct yoke_debug_user user = {action, arg, YOKE_DEBUG_WAIT_(BARRIER, barrier, deadline)};

    return yoke_debug_end(user.call, yoke_barrier_wait_with(barrier, action ? yoke_debug_run : NULL, &user, deadline));
}

#ifdef __cplusplus
}
#endif

/* ---- the calls ---- */

#define YOKE_DEBUG_TEXT_(line) #line
#define YOKE_DEBUG_TEXT(line) YOKE_DEBUG_TEXT_(line)
#define YOKE_DEBUG_AT __FILE__ ":" YOKE_DEBUG_TEXT(__LINE__)

#define yoke_lock_init(...) yoke_debug_lock_init(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_lock_acquire(...) yoke_debug_lock_acquire(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_lock_acquire_until(...) yoke_debug_lock_acquire_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_lock_release(...) yoke_debug_lock_release(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_mutex_init(...) yoke_debug_mutex_init(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_mutex_acquire(...) yoke_debug_mutex_acquire(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_mutex_acquire_until(...) yoke_debug_mutex_acquire_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_mutex_release(...) yoke_debug_mutex_release(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_rlock_init(...) yoke_debug_rlock_init(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_rlock_acquire(...) yoke_debug_rlock_acquire(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_rlock_acquire_until(...) yoke_debug_rlock_acquire_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_rlock_release(...) yoke_debug_rlock_release(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_rwlock_init(...) yoke_debug_rwlock_init(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_rwlock_read_acquire(...) yoke_debug_rwlock_read_acquire(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_rwlock_read_acquire_until(...)                                                                            \
    yoke_debug_rwlock_read_acquire_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_rwlock_read_release(...) yoke_debug_rwlock_read_release(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_rwlock_write_acquire(...) yoke_debug_rwlock_write_acquire(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_rwlock_write_acquire_until(...)                                                                           \
    yoke_debug_rwlock_write_acquire_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_rwlock_write_release(...) yoke_debug_rwlock_write_release(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_once_init(...) yoke_debug_once_init(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_once_run(...) yoke_debug_once_run(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_condition_init(...) yoke_debug_condition_init(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_condition_notify(...) yoke_debug_condition_notify(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_condition_notify_all(...) yoke_debug_condition_notify_all(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_semaphore_init(...) yoke_debug_semaphore_init(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_semaphore_acquire(...) yoke_debug_semaphore_acquire(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_semaphore_acquire_until(...) yoke_debug_semaphore_acquire_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_event_init(...) yoke_debug_event_init(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_event_wait(...) yoke_debug_event_wait(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_event_wait_until(...) yoke_debug_event_wait_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_barrier_init(...) yoke_debug_barrier_init(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_barrier_wait(...) yoke_debug_barrier_wait(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_barrier_wait_until(...) yoke_debug_barrier_wait_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_barrier_wait_with(...) yoke_debug_barrier_wait_with(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_thread_join(...) yoke_debug_thread_join(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_thread_join_until(...) yoke_debug_thread_join_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_process_join(...) yoke_debug_process_join(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_process_join_until(...) yoke_debug_process_join_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_timer_join(...) yoke_debug_timer_join(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_timer_join_until(...) yoke_debug_timer_join_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_queue_push(...) yoke_debug_queue_push(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_queue_push_until(...) yoke_debug_queue_push_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_queue_pop(...) yoke_debug_queue_pop(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_queue_pop_until(...) yoke_debug_queue_pop_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_queue_push_bytes(...) yoke_debug_queue_push_bytes(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_queue_push_bytes_until(...) yoke_debug_queue_push_bytes_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_queue_pop_bytes(...) yoke_debug_queue_pop_bytes(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_queue_pop_bytes_until(...) yoke_debug_queue_pop_bytes_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_queue_join(...) yoke_debug_queue_join(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_queue_join_until(...) yoke_debug_queue_join_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_pipe_send(...) yoke_debug_pipe_send(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_pipe_send_until(...) yoke_debug_pipe_send_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_pipe_send_fds(...) yoke_debug_pipe_send_fds(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_pipe_send_fds_until(...) yoke_debug_pipe_send_fds_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_pipe_receive(...) yoke_debug_pipe_receive(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_pipe_receive_until(...) yoke_debug_pipe_receive_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_pipe_receive_fds(...) yoke_debug_pipe_receive_fds(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_pipe_receive_fds_until(...) yoke_debug_pipe_receive_fds_until(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_wait_any(...) yoke_debug_wait_any(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_pool_map_with(...) yoke_debug_pool_map_with(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_pool_map_strings_with(...) yoke_debug_pool_map_strings_with(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_pool_join(...) yoke_debug_pool_join(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_pool_free(...) yoke_debug_pool_free(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_pool_dealloc(...) yoke_debug_pool_dealloc(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)
#define yoke_shm_dealloc(...) yoke_debug_shm_dealloc(#__VA_ARGS__, YOKE_DEBUG_AT, __VA_ARGS__)

#undef yoke_condition_wait
#define yoke_condition_wait(condition, lock)                                                                           \
    yoke_debug_condition_wait_on(#condition, YOKE_DEBUG_AT, (condition), (lock), YOKE_KIND_OF(lock))
#undef yoke_condition_wait_until
#define yoke_condition_wait_until(condition, lock, deadline)                                                           \
    yoke_debug_condition_wait_until_on(#condition, YOKE_DEBUG_AT, (condition), (lock), YOKE_KIND_OF(lock), (deadline))
#undef yoke_condition_wait_for
#define yoke_condition_wait_for(condition, lock, predicate, arg, deadline)                                             \
    yoke_debug_condition_wait_for_on(#condition, YOKE_DEBUG_AT, (condition), (lock), YOKE_KIND_OF(lock), (predicate),  \
                                     (arg), (deadline))

#endif
