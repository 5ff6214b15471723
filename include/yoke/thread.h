/* yoke/thread.h -- Thread: a function that runs beside its caller, in the same memory.
 *
 *     static int work(void *arg) { ... return 0; }
 *
 *     yoke_thread t = {0};                                       // zero bytes: not started
 *     int code, rc = yoke_thread_start(&t, work, &data);         // or (&t, work, &data, .name = "reader")
 *     rc = yoke_thread_join(&t, &code);                          // code is what work returned
 *
 * As a class: put a yoke_thread into your own struct, and start it with that struct as its argument.  Several threads
 * may also be started with one and the same object.
 *
 *     struct sleeper { yoke_thread thread; double seconds; };
 *     static int sleeper_run(void *self) { yoke_sleep(((struct sleeper *)self)->seconds); return 0; }
 *     yoke_thread_start(&s.thread, sleeper_run, &s);
 *
 * Semantics are those of Python's threading.Thread, plus a result; there are no daemon threads and no way to kill one.
 * Every thread that was started must be joined: join gives back everything it holds, and there is nothing to close.
 * pthread_exit in the function ends the thread with the code YOKE_THREAD_EXITED.
 *
 * Who may call what at the same time on one thread object ("-": freely; "X": the caller must exclude it):
 *                         start   join, join_until   name, ident, native_id, alive
 *     start                 X            X                       X
 *     join, join_until      X            -                       -
 *     the getters           X            -                       -
 * In a fork of the program, the thread that forked is the main thread, and keeps its name.
 * The object must stay where it is from start until the last join has returned. */
#ifndef YOKE_THREAD_H
#define YOKE_THREAD_H

#include <yoke/base.h>
#include <yoke/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One thread.  Zero bytes: not started.  The fields are Yoke's. */
typedef struct yoke_thread {
    void *impl;
    uint32_t state;
    int32_t code;
    uint64_t reserved[6];
} yoke_thread;

/* The code of a thread that left by pthread_exit. */
#define YOKE_THREAD_EXITED (-0x7fffffff)

typedef struct yoke_thread_options {
    size_t size;       /* sizeof(yoke_thread_options) */
    void *arg;         /* given to run; borrowed until run returns */
    const char *name;  /* copied, cut to 31 bytes; NULL: "Thread-1", "Thread-2", ... */
    size_t stack_size; /* bytes, rounded up to pages; 0: the system's default (8 MiB, less by ulimit -s) */
    const int *cpus;   /* the CPUs it may run on, by number; copied; NULL: those of its starter */
    size_t n_cpus;
} yoke_thread_options;

/* yoke_thread_start -- runs run(arg) in a new thread.  Options are named: .name, .stack_size, .cpus, .n_cpus.
 * Returns: 0; -EBUSY if this object was started before (join it, then set it to zero bytes); -EINVAL for a NULL object
 *          or function, options smaller than theirs, a stack under 16 KiB, no CPU, or one that it may not use; -EAGAIN or -ENOMEM when the system has no room.
 *          A start that failed leaves the object as it was, so that join then gives -EINVAL and never waits.
 * Order:   what the starter wrote before is visible to run.
 * Threads: any.  run is called with all signals as its starter had them. */
#ifndef __cplusplus
#define yoke_thread_start(thread, run, ...)                                                                            \
    yoke_thread_start_with((thread), (run),                                                                            \
                           &(yoke_thread_options){.size = sizeof(yoke_thread_options), .arg = __VA_ARGS__})
#endif
YOKE_API int yoke_thread_start_with(yoke_thread *thread, int (*run)(void *arg), const yoke_thread_options *options);

/* yoke_thread_interruptible -- says whether a signal handler that runs in the calling thread ends its waits: with 1, every call
 * that takes a deadline then returns -EINTR, having done nothing but what its header says (0: it goes on waiting, as at first).  For hosts that act on
 * signals between two waits.  A signal that comes before the wait begins does not end it.  A new thread begins with 0.
 * Returns: what it was before. */
YOKE_API int yoke_thread_interruptible(int on);

/* yoke_thread_join -- waits until the thread has ended.  May be repeated, and called by several threads.
 * Returns: 0, with what run returned in *ret_code (ret_code may be NULL); -EINVAL for an object that was not started;
 *          -EDEADLK for the calling thread itself; -YOKE_EFORKED in a fork of the program, for a thread that still ran when it
 *          was made.
 * Order:   what the thread wrote is visible to the caller. */
YOKE_API int yoke_thread_join(yoke_thread *thread, int *ret_code);

/* yoke_thread_join_until -- the same, at most until `deadline`.
 * Returns: as yoke_thread_join; or, with the thread still running, -ETIMEDOUT, or -EINTR in an interruptible thread; it may then be
 *          joined again. */
YOKE_MUST_CHECK YOKE_API int yoke_thread_join_until(yoke_thread *thread, yoke_time deadline, int *ret_code);

/* yoke_thread_alive -- 1 from start until run has returned, else 0. */
YOKE_API int yoke_thread_alive(const yoke_thread *thread);

/* yoke_thread_name -- its name; "" before start.  Valid as long as the object; for the calling thread and the main thread,
 * as long as that thread. */
YOKE_API const char *yoke_thread_name(const yoke_thread *thread);

/* yoke_thread_ident -- a number that no other thread of this process has or had; 0 before start. */
YOKE_API uint64_t yoke_thread_ident(const yoke_thread *thread);

/* yoke_thread_native_id -- the kernel's number of the thread (gettid), which is used again after its end; 0 before start. */
YOKE_API int yoke_thread_native_id(const yoke_thread *thread);

/* yoke_thread_current -- the calling thread; never NULL.  A thread that Yoke did not start has an object too, named
 * "Foreign-1" and so on; it cannot be joined (-EINVAL). */
YOKE_API yoke_thread *yoke_thread_current(void);

/* yoke_thread_main -- the thread in which main runs, named "MainThread"; never NULL, cannot be joined (-EINVAL). */
YOKE_API yoke_thread *yoke_thread_main(void);

/* One line of yoke_thread_enumerate. */
typedef struct yoke_thread_info {
    char name[32];
    uint64_t ident;
    int native_id;
} yoke_thread_info;

/* yoke_thread_enumerate -- the threads that are alive now: the main thread first, then those that Yoke started, workers
 * of thread pools among them, in the order of their start.  (Threads that Yoke did not start are left out.)
 * Returns: how many there are; at most n of them are written to infos, which may be NULL when n is 0. */
YOKE_API size_t yoke_thread_enumerate(yoke_thread_info *infos, size_t n);

#ifdef __cplusplus
}
#endif
#endif
