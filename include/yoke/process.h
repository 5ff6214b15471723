/* yoke/process.h -- Process: a function that runs in a process of its own; the verbs are those of Thread.
 *
 *     static int work(void *arg) { const struct job *job = arg; ... return 0; }
 *
 *     yoke_process p = {0};                                        // zero bytes: not started
 *     yoke_exit how;
 *     int rc = yoke_process_start(&p, work, &job, sizeof job);     // or (&p, work, &job, sizeof job, .name = "parser")
 *     rc = yoke_process_join(&p, &how);                            // how it ended: exit code or signal
 *     yoke_process_close(&p);                                      // gives back its descriptors
 *
 * What a process sees.  It sees the program's memory as it was at the start (with yoke_init(): as it was then), and its
 * argument, which travels as bytes; a pointer among those bytes is only good for what existed then, or for shared memory: what
 * yoke_shm_open gave lies at the same address in it (yoke/shm.h).  Ends of pipes that it is given have the same numbers in it, so
 * that an end may be its argument, and it has no others (yoke/pipe.h).  It runs with signal handlers set back to the default,
 * no signal blocked, standard input from /dev/null, standard output and error those of the program, in a process group of its own
 * (so that Ctrl-C reaches the program, which decides), and leaves without running the program's atexit handlers.  What run
 * returns is its exit code (its low 8 bits, as everywhere).  getppid() there gives a helper process, not the starter.
 *
 * Who keeps it.  A small helper process (the zygote) forks it and is its parent.  The host sees no SIGCHLD, its wait()
 * calls see nothing, and no thread is made.  When the host dies, however it dies, its processes are killed by the kernel.
 *
 * Threads in the host.  Forking a program that runs other threads is unsafe.  In such a program either yoke_init() has
 * made the zygote before any thread existed, or .start = YOKE_FORK accepts the risk; otherwise the start fails with
 * -YOKE_ETHREADED.  Threads of Yoke's own pools do not count, unless the caller is itself a task on one of them.
 *
 * Who may call what at the same time on one object ("-": freely; "X": the caller must exclude it):
 *                     start   join, join_until   alive, pid, fd, terminate, kill   close
 *     start            X            X                          X                    X
 *     join             X            -                          -                    X
 *     the others       X            -                          -                    X
 *     close            X            X                          X                    X
 * Only in the process that started it: elsewhere every call gives -YOKE_EFORKED. */
#ifndef YOKE_PROCESS_H
#define YOKE_PROCESS_H

#include <yoke/base.h>
#include <yoke/pipe.h>
#include <yoke/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How worker processes and processes come into being. */
typedef enum yoke_start {
    YOKE_START_DEFAULT = 0, /* from the zygote of yoke_init(), else by forking; -YOKE_ETHREADED where that is unsafe */
    YOKE_FORK = 1,          /* fork now, whatever threads run: what they held (locks of other libraries) stays locked in
                             * the child for ever; its helper is then an ordinary child that waitpid(-1) can see */
    YOKE_EXEC = 2           /* start the program afresh; -ENOTSUP in this version */
} yoke_start;

/* yoke_init -- makes the zygote from which later processes and worker processes come, while the program has one thread:
 * call it first in main.  They then see the program's memory as it was here.  Calling it again does nothing.
 * Returns: 0; -YOKE_ETHREADED if other threads run already; -EAGAIN, -ENOMEM, -EMFILE when the system has no room.
 * Threads: the only one. */
YOKE_MUST_CHECK YOKE_API int yoke_init(void);

/* yoke_done -- ends that zygote; its processes must have ended.  Not needed before exit. */
YOKE_API void yoke_done(void);

/* How a process ended. */
typedef enum yoke_exit_kind {
    YOKE_EXITED = 0,   /* value is its exit code */
    YOKE_SIGNALLED = 1 /* value is the signal that ended it */
} yoke_exit_kind;

typedef struct yoke_exit {
    yoke_exit_kind kind;
    int value;
} yoke_exit;

/* One process.  Zero bytes: not started.  The fields are Yoke's. */
typedef struct yoke_process {
    void *impl;
    uint64_t reserved[3];
} yoke_process;

typedef struct yoke_process_options {
    size_t size;      /* sizeof(yoke_process_options) */
    size_t arg_size;  /* bytes at arg */
    const char *name; /* copied, cut to 31 bytes; NULL: "Process-1", "Process-2", ... */
    yoke_start start;
    yoke_pipe *const *pipes; /* ends that the process gets, which stay the starter's too; borrowed for the call */
    size_t n_pipes;
} yoke_process_options;

/* yoke_process_start -- runs run(copy of the arg_size bytes at arg) in a new process.  arg may be NULL when arg_size is 0,
 * and run then gets NULL; the copy is aligned for every type, and is gone when run returns.  Options are named: .name,
 * .start, .pipes and .n_pipes:
 *     rc = yoke_process_start(&p, run, &b, sizeof b, .pipes = (yoke_pipe *[]){&b}, .n_pipes = 1);
 * Returns: 0 when the process runs; -EBUSY if this object was started and not closed; -EINVAL for a NULL object or function,
 *          NULL bytes, a pipe that is not open, or options whose size is smaller than the struct; -YOKE_ETHREADED, see above;
 *          -YOKE_ENOTASK if run lies in a module loaded after yoke_init(); -ENOTSUP for YOKE_EXEC; -YOKE_EBROKEN if the zygote
 *          has died; -EADDRINUSE if something else lies in the zygote where shared memory lies here; -E2BIG for more than 250
 *          pipes and shared memories; -EAGAIN, -ENOMEM, -EMFILE when the system has no room (RLIMIT_NOFILE of the zygote is
 *          that of yoke_init()).  A start that failed leaves the object as it was. */
#ifndef __cplusplus
#define yoke_process_start(process, run, arg, ...)                                                                     \
    yoke_process_start_with((process), (run), (arg),                                                                   \
                            &(yoke_process_options){.size = sizeof(yoke_process_options), .arg_size = __VA_ARGS__})
#endif
YOKE_API int yoke_process_start_with(yoke_process *process, int (*run)(void *arg), const void *arg,
                                     const yoke_process_options *options);

/* yoke_process_join -- waits until the process has ended and was reaped.  May be repeated, and called by several threads.
 * Returns: 0, with how it ended in *ret_exit (which may be NULL); -EINVAL for an object that was not started. */
YOKE_API int yoke_process_join(yoke_process *process, yoke_exit *ret_exit);

/* yoke_process_join_until -- the same, at most until `deadline`.
 * Returns: as yoke_process_join; or, with the process still running, -ETIMEDOUT, or -EINTR in an interruptible thread
 *          (yoke_thread_interruptible). */
YOKE_MUST_CHECK YOKE_API int yoke_process_join_until(yoke_process *process, yoke_time deadline, yoke_exit *ret_exit);

/* yoke_process_alive -- 1 while it runs, 0 when it has ended or was not started. */
YOKE_API int yoke_process_alive(yoke_process *process);

/* yoke_process_pid -- its process ID; -EINVAL before start. */
YOKE_API int yoke_process_pid(const yoke_process *process);

/* yoke_process_name -- its name; "" before start.  Valid until close. */
YOKE_API const char *yoke_process_name(const yoke_process *process);

/* yoke_process_fd -- a descriptor that poll reports readable (POLLIN) when the process has ended; for event loops.  It is
 * the object's: do not read it, and do not close it; yoke_process_close does.  -EINVAL before start. */
YOKE_API int yoke_process_fd(const yoke_process *process);

/* yoke_process_terminate, yoke_process_kill -- send SIGTERM or SIGKILL, never to a stranger (by pidfd).
 * Returns: 0, also when it has ended already; -EINVAL before start. */
YOKE_API int yoke_process_terminate(yoke_process *process);
YOKE_API int yoke_process_kill(yoke_process *process);

/* yoke_process_close -- gives back what the object holds, and sets it to zero bytes.  A process that still runs is killed
 * and waited for first.  Does nothing to an object that was not started.  (Python's close fails while the process runs.) */
YOKE_API void yoke_process_close(yoke_process *process);

#ifdef __cplusplus
}
#endif
#endif
