/* yoke/debug.h -- help in debugging: who holds what, who waits for what, and which locks are taken in two orders.
 *
 *     #define YOKE_DEBUG                // or cc -DYOKE_DEBUG, for every file that uses the same objects
 *     #include <yoke.h>
 *
 * The library is the same, and so are the results of every call.  Calls that acquire, release or wait become macros over
 * inline functions (yoke/debugged.h) that also keep a record of the place of the call.  A program without YOKE_DEBUG has none of it.
 * On stderr, each report once for the same places in the source:
 *
 * - Order of locks: when an acquire makes a circle with orders seen before (A, then B; elsewhere B, then A; or longer), all
 *   places of the circle, even if nothing hangs, and before the call that could hang waits.  yoke_lock, yoke_mutex, yoke_rlock and
 *   both sides of yoke_rwlock take part, and the lock of a condition, which a wait takes again.  Attempts (YOKE_NOW) do not, but
 *   what they got does.  Which objects are meant is told by their addresses: memory that is used again for another lock must be
 *   given to its init, or it passes for the old one.  That a third lock keeps two orders apart is not seen.
 * - Deadlock: when a wait closes a circle of threads that wait for each other, also by joins.
 * - Misuse that the library need not notice: acquiring twice in one thread, init of what is held or awaited, waiting on a
 *   condition with two locks, a thread that ends while it holds something.  And where the library notices, who holds it instead,
 *   and the place in the line before the abort.
 *
 * Limits: YOKE_DEBUG_HOLDS things held at once by a thread, YOKE_DEBUG_LOCKS locks whose order is known, YOKE_DEBUG_ORDERS orders; what
 * goes beyond is not followed, or older is forgotten, and one line says so.  Each process has records of its own: it does not
 * know what others hold, nor what code without YOKE_DEBUG does.  In a child of fork they begin anew, with what the
 * thread that forked holds.  A module with such calls in it must not be unloaded.  More in docs/debugging.md.
 *
 * Who may call what at the same time ("-": freely):
 *                           report   calls under YOKE_DEBUG
 *     report                  -                -
 * For all other calls the tables of their own headers hold, with YOKE_DEBUG as without. */
#ifndef YOKE_DEBUG_H
#define YOKE_DEBUG_H

#include <yoke/base.h>
#include <yoke/time.h>

#ifdef __cplusplus
extern "C" {
#endif

#define YOKE_DEBUG_HOLDS 64
#define YOKE_DEBUG_LOCKS 4096
#define YOKE_DEBUG_ORDERS 16384

/* yoke_debug_report -- writes to a descriptor, for each thread of this process that has held or awaited something under YOKE_DEBUG:
 * its name, what it holds since where, what it waits for since where, for how long, and who holds that; then the circles among
 * them.  Also from a debugger: (gdb) call yoke_debug_report(2).
 * Returns: 0; -EBUSY, after a line that says so, if the records could not be had within a second (a debugger has stopped a thread
 *          that is changing them); -ENOMEM if there is no memory for a record of the caller's; -errno if the descriptor takes nothing.
 * Threads: any, also while all others hang; not in a signal handler. */
YOKE_API int yoke_debug_report(int fd);

/* Behind the macros of yoke/debugged.h; not for direct use.  Those up to YOKE_DEBUG_WRITE have an order, those up to
 * YOKE_DEBUG_ONCE have holders. */
#define YOKE_DEBUG_KINDS(X)                                                                                            \
    X(YOKE_DEBUG_LOCK, "lock")                                                                                         \
    X(YOKE_DEBUG_MUTEX, "mutex")                                                                                       \
    X(YOKE_DEBUG_RLOCK, "rlock")                                                                                       \
    X(YOKE_DEBUG_READ, "rwlock, to read,")                                                                             \
    X(YOKE_DEBUG_WRITE, "rwlock, to write,")                                                                           \
    X(YOKE_DEBUG_ONCE, "once")                                                                                         \
    X(YOKE_DEBUG_CONDITION, "condition")                                                                               \
    X(YOKE_DEBUG_EVENT, "event")                                                                                       \
    X(YOKE_DEBUG_SEMAPHORE, "semaphore")                                                                               \
    X(YOKE_DEBUG_BARRIER, "barrier")                                                                                   \
    X(YOKE_DEBUG_QUEUE, "queue")                                                                                       \
    X(YOKE_DEBUG_PIPE, "pipe")                                                                                         \
    X(YOKE_DEBUG_THREAD, "thread")                                                                                     \
    X(YOKE_DEBUG_PROCESS, "process")                                                                                   \
    X(YOKE_DEBUG_TIMER, "timer")                                                                                       \
    X(YOKE_DEBUG_POOL, "pool")                                                                                         \
    X(YOKE_DEBUG_ANY, "any of")

#define YOKE_DEBUG_KIND(name, text) name,
typedef enum yoke_debug_kind { YOKE_DEBUG_KINDS(YOKE_DEBUG_KIND) YOKE_DEBUG_N_KINDS } yoke_debug_kind;
#undef YOKE_DEBUG_KIND

/* `text` is the call's arguments as the source has them, `at` its place; both are borrowed for ever.  Each of the first five begins
 * a call and gives what yoke_debug_end takes at its end, with what the call returned, which comes back.
 * begin: acquires or waits, until `deadline` (YOKE_NOW: does not wait). */
YOKE_API int yoke_debug_begin(yoke_debug_kind kind, const void *object, yoke_time deadline, const char *text,
                              const char *at);
/* wait: for a condition, and releases the lock meanwhile. */
YOKE_API int yoke_debug_wait(const void *condition, const void *lock, yoke_time deadline, const char *text,
                             const char *at);
/* release: gives back. */
YOKE_API int yoke_debug_release(yoke_debug_kind kind, const void *object, const char *text, const char *at);
/* init: from now on this is another object. */
YOKE_API int yoke_debug_init(yoke_debug_kind kind, const void *object, const char *text, const char *at);
/* call: anything else that may be misuse. */
YOKE_API int yoke_debug_call(const char *text, const char *at);
YOKE_API int yoke_debug_end(int call, int rc);

/* A function of the user's runs within a call, which has what it was to wait for, and then waits again or ends. */
YOKE_API void yoke_debug_pause(int call);
YOKE_API void yoke_debug_resume(int call);

#ifdef __cplusplus
}
#endif

#ifdef YOKE_DEBUG
#include <yoke/debugged.h>
#endif
#endif
