/* yoke/local.h -- Local: a slot in which each thread has a value of its own.
 *
 *     yoke_local cache = {0};                          // zero bytes: not open
 *     int rc = yoke_local_open(&cache, free);          // each thread's value is freed when that thread ends
 *
 *     struct cache *mine = yoke_local_get(&cache);     // in any thread: NULL at first
 *     if (!mine)
 *         rc = yoke_local_set(&cache, mine = new_cache());
 *
 *     yoke_local_close(&cache);
 *
 * For what is known when the program is written, _Thread_local is simpler; a slot is for what comes and goes while the program
 * runs, and for values that must be given back.  (Python's threading.local is one such slot with a dictionary in it.)
 *
 * When a thread ends, by returning or by pthread_exit, drop is called there with each value that is not NULL, after its slot has been
 * set to NULL; slots come in no particular order.  What a drop sets is dropped in a further round, of which there are four in
 * all.  yoke_thread_join returns after that.  The main thread's values are dropped if it leaves by pthread_exit, and not when
 * the program ends by exit or by returning from main.  In a child of fork, the thread that forked has its values; those of the
 * others are lost.
 *
 * Who may call what at the same time ("-": freely; "X": the caller must exclude it):
 *                   open   get, set   close
 *     open           X        X         X
 *     get, set       X        -         X
 *     close          X        X         X
 * From any thread; never from a signal handler. */
#ifndef YOKE_LOCAL_H
#define YOKE_LOCAL_H

#include <yoke/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One slot.  Zero bytes: not open.  The fields are Yoke's. */
typedef struct yoke_local {
    uint32_t is_open;
    uint32_t key;
} yoke_local;

/* yoke_local_open -- makes a slot that is NULL in every thread.  drop may be NULL: nothing is called.
 * Returns: 0; -EBUSY if it is open; -EAGAIN when there are too many (a process has 1024 with those of other libraries); -ENOMEM. */
YOKE_MUST_CHECK YOKE_API int yoke_local_open(yoke_local *local, void (*drop)(void *value));

/* yoke_local_get -- the calling thread's value; NULL if it has set none, or if the slot is not open. */
YOKE_API void *yoke_local_get(const yoke_local *local);

/* yoke_local_set -- sets the calling thread's value.  Taken: drop gets it in the end.  The one before is the caller's again.
 * Returns: 0; -EINVAL if the slot is not open; -ENOMEM with the value as it was. */
YOKE_MUST_CHECK YOKE_API int yoke_local_set(yoke_local *local, void *value);

/* yoke_local_close -- gives the slot back.  drop is not called any more: values that threads still have are the program's to
 * give back, and no thread that has one may be ending meanwhile.  Does nothing to a slot that is not open. */
YOKE_API void yoke_local_close(yoke_local *local);

#ifdef __cplusplus
}
#endif
#endif
