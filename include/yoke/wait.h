/* yoke/wait.h -- one wait for several things of different kinds: whichever is ready first ends it.
 *
 *     yoke_waitable on[] = {yoke_on_pipe(&pipe), yoke_on_process(&process), yoke_on_event(&stop)};
 *     int i = yoke_wait_any(on, 3, yoke_after(5));
 *     if (i == 0)
 *         rc = yoke_pipe_receive_until(&pipe, buffer, sizeof buffer, &size, YOKE_NOW);
 *     else if (i == -ETIMEDOUT) ...
 *
 * A thing is ready:
 *     a thread       when it has ended, so that join does not wait
 *     a process      when it has ended, so that join does not wait
 *     an event       when it is set, or was set since the wait began
 *     a queue        when pop would not wait, for an item or because the queue is closed
 *     a pipe's end   when receive would not wait, for a message or for the end
 *     a descriptor   when poll says that it is readable, or at its end
 * The wait takes nothing: what is ready stays so until somebody takes it, and that may be somebody else, who is faster.  So
 * call what takes it with YOKE_NOW.
 *
 * What it costs.  Threads, events and queues are words of memory, the others are descriptors, and the kernel waits for several of one kind
 * or of the other.  For both together, a thread is made that lasts as long as the wait; and one more for each shared event or queue
 * but the first, since the kernel looks after one for each thread: so that no death of a process that shares them holds up anybody.
 *
 * Semantics are those of Python's multiprocessing.connection.wait, but that it gives one thing, the first of those that are ready.
 *
 * Who may call what at the same time ("-": freely; "X": the caller must exclude it):
 *                                                wait_any
 *     wait_any                                      -
 *     set, clear, push, pop, send, receive          -
 *     join of the thread or process                 -
 *     start, close, free of what is waited for      X
 * From any thread; never from a signal handler. */
#ifndef YOKE_WAIT_H
#define YOKE_WAIT_H

#include <yoke/base.h>
#include <yoke/event.h>
#include <yoke/pipe.h>
#include <yoke/process.h>
#include <yoke/queue.h>
#include <yoke/thread.h>
#include <yoke/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How many things one wait can be for. */
#define YOKE_WAITABLES_MAX 120

typedef enum yoke_waitable_kind {
    YOKE_ON_THREAD = 1,
    YOKE_ON_PROCESS = 2,
    YOKE_ON_EVENT = 3,
    YOKE_ON_PIPE = 4,
    YOKE_ON_QUEUE = 5,
    YOKE_ON_FD = 6
} yoke_waitable_kind;

/* One thing to wait for; made by the functions below.  The object is borrowed for the wait. */
typedef struct yoke_waitable {
    yoke_waitable_kind kind;
    int fd;
    void *object;
} yoke_waitable;

static inline yoke_waitable yoke_on_thread(yoke_thread *thread)
{
    yoke_waitable on = {YOKE_ON_THREAD, -1, thread};

    return on;
}

static inline yoke_waitable yoke_on_process(yoke_process *process)
{
    yoke_waitable on = {YOKE_ON_PROCESS, -1, process};

    return on;
}

static inline yoke_waitable yoke_on_event(yoke_event *event)
{
    yoke_waitable on = {YOKE_ON_EVENT, -1, event};

    return on;
}

static inline yoke_waitable yoke_on_pipe(yoke_pipe *pipe)
{
    yoke_waitable on = {YOKE_ON_PIPE, -1, pipe};

    return on;
}

static inline yoke_waitable yoke_on_queue(yoke_queue *queue)
{
    yoke_waitable on = {YOKE_ON_QUEUE, -1, queue};

    return on;
}

static inline yoke_waitable yoke_on_fd(int fd)
{
    yoke_waitable on = {YOKE_ON_FD, fd, NULL};

    return on;
}

/* yoke_wait_any -- waits until one of the n things is ready, at most until `deadline`; YOKE_NOW looks once.
 * Returns: the index of the first in the array that is ready; -ETIMEDOUT; -EINTR in an interruptible thread
 *          (yoke_thread_interruptible); -EINVAL for none or more than YOKE_WAITABLES_MAX, a thread or process that was not started,
 *          an end that is not open, or NULL; -EDEADLK for the calling thread; -YOKE_EFORKED for a thread or process that is not
 *          this process's to join; -EBADF for a descriptor that is not open; -EAGAIN, -ENOMEM, -EMFILE when the system has no room
 *          for the threads that the wait needs.
 * Order:   as the join, wait, pop or receive that the thing is ready for. */
YOKE_MUST_CHECK YOKE_API int yoke_wait_any(const yoke_waitable *waitables, size_t n, yoke_time deadline);

#ifdef __cplusplus
}
#endif
#endif
