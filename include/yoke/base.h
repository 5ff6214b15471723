/* yoke/base.h -- what every header of Yoke shares: export marks, the version, and the list of errors.
 *
 * Errors.  A function that can fail returns 0 (or a count) on success and a negative code on failure: -errno for the
 * system's reasons, or -YOKE_E... for the few below.  errno itself is not part of the interface.  Outputs are untouched
 * on failure.  Scarcity (memory, threads, descriptors, processes) is always a code; misuse (releasing a lock that is not
 * held) prints one line on stderr naming the rule and aborts.
 *
 * Ownership.  Each pointer parameter is "copied", "borrowed until ..." or "taken (on success)"; its function says which. */
#ifndef YOKE_BASE_H
#define YOKE_BASE_H

#include <stddef.h>
#include <stdint.h>

#define YOKE_VERSION_MAJOR 0
#define YOKE_VERSION_MINOR 1
#define YOKE_VERSION_PATCH 0

#define YOKE_API __attribute__((visibility("default")))
/* Ignoring the result warns. */
#define YOKE_MUST_CHECK __attribute__((warn_unused_result))

#ifdef __cplusplus
extern "C" {
#endif

/* Yoke's own errors: name, value, text.  They lie above every errno, so that the two never meet. */
#define YOKE_ERRORS(X)                                                                                                 \
    X(YOKE_ECLOSED, 4001,                                                                                              \
      "closed: the pool or the queue takes no more, and no item is left; or nobody has the other end of the pipe")     \
    X(YOKE_EBROKEN, 4002, "broken: the helper process that keeps the workers, or processes, has died or gave up")      \
    X(YOKE_EFORKED, 4003, "this object belongs to another process, of which this one is a fork or a worker")           \
    X(YOKE_ETHREADED, 4004,                                                                                            \
      "the program already runs other threads, so forking it is unsafe: call yoke_init() first in main, or accept "    \
      "the risk with .start = YOKE_FORK, or start the program afresh with .start = YOKE_EXEC")                         \
    X(YOKE_ENOTASK, 4005,                                                                                              \
      "the workers do not know this function: declare the task with YOKE_TASK, in a module that was loaded before "    \
      "the pool was opened (before yoke_init(), if that was called)")                                                  \
    X(YOKE_EINIT, 4006, "the pool's initializer failed in a worker")                                                   \
    X(YOKE_EOWNERDEAD, 4007,                                                                                           \
      "the owner died while it held this; it is yours now: what it guards may be half changed, and is yours to "       \
      "repair")                                                                                                        \
    X(YOKE_EBARRIER, 4008,                                                                                             \
      "the barrier is broken: a party has died, ran out of time or failed, or it was aborted or reset")

#define YOKE_ERROR_VALUE(name, value, text) name = value,
enum yoke_error { YOKE_ERRORS(YOKE_ERROR_VALUE) };
#undef YOKE_ERROR_VALUE

/* yoke_strerror -- the text of a code that a function of Yoke returned; either sign will do.
 * Returns: a string that is never NULL and never freed; 0 gives "success".
 * Threads: any, any time; not in a signal handler. */
YOKE_API const char *yoke_strerror(int code);

/* yoke_version -- the version of the library that is running, "0.1.0"; the macros above are the header's. */
YOKE_API const char *yoke_version(void);

#ifdef __cplusplus
}
#endif
#endif
