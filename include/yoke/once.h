/* yoke/once.h -- Once: something that is done by whoever comes first, and waited for by all others.
 *
 *     static yoke_once loaded;                       // zero bytes: not done
 *     static int load(void *arg) { ... return 0; }   // another code: it was not done
 *
 *     int rc = yoke_once_run(&loaded, load, path);   // in every thread that needs it; 0: it has been done
 *
 * The first caller runs it, and those who come meanwhile wait.  If it fails, that is the first caller's error, and the
 * next caller tries.  When it has been done, a call is one load.  (pthread_once has neither an argument nor failure.)
 *
 * A run that leaves by pthread_exit or by a C++ exception has not done it.  Between processes (in memory that they share, after
 * yoke_once_init with YOKE_SHARED) a process may die while it runs it, at any instruction: then the next caller runs it again,
 * over what the dead one left half done.  The same holds in a child of fork for what another thread was running.
 *
 * Order: what the run that succeeded wrote is visible to every caller that gets 0.
 *
 * Who may call what at the same time ("-": freely; "X": the caller must exclude it):
 *                init   run
 *     init        X      X
 *     run         X      -
 * From any thread, and with YOKE_SHARED from any process that shares the memory (and the PID namespace); never from a signal
 * handler.  Memory with a shared one in it must not be unmapped in the middle of its run. */
#ifndef YOKE_ONCE_H
#define YOKE_ONCE_H

#include <yoke/base.h>
#include <yoke/mutex.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct yoke_once {
    uint32_t done; /* 1: a run has succeeded; written by who holds the mutex */
    uint32_t reserved;
    yoke_mutex mutex; /* held by who runs it */
} yoke_once;

/* yoke_once_init -- not done.  Needed only for YOKE_SHARED: zero bytes are a private one that is not done. */
YOKE_API void yoke_once_init(yoke_once *once, uint32_t shared);

/* The slow path behind the inline call below; not for direct use. */
YOKE_API int yoke_once_run_slow(yoke_once *once, int (*run)(void *arg), void *arg);

/* yoke_once_run -- returns when it has been done, and calls run(arg) if nobody has done it and nobody is doing it.  The calls
 * for one object may name different functions: only the one that succeeds counts.
 * Returns: 0 when it has been done, by whomever; the code of run, if this call ran it and that is not 0; -EDEADLK if the calling
 *          thread is running it; -EAGAIN, with nothing run, if it is shared, as in yoke/mutex.h. */
YOKE_MUST_CHECK static inline int yoke_once_run(yoke_once *once, int (*run)(void *arg), void *arg)
{
    /* acquire: pairs with the release in yoke_once_run_slow */
    return __atomic_load_n(&once->done, __ATOMIC_ACQUIRE) ? 0 : yoke_once_run_slow(once, run, arg);
}

#ifdef __cplusplus
}
#endif
#endif
