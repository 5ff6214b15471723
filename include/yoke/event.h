/* yoke/event.h -- Event: a flag that threads or processes wait for.
 *
 *     yoke_event ready = {0};           // zero bytes are a valid event that is not set
 *     yoke_event_wait(&ready);          // in one thread
 *     yoke_event_set(&ready);           // in another: every waiter goes on, and later waits return at once
 *
 * Semantics are those of Python's threading.Event, with one promise that matters: `set` followed at once by `clear`
 * still releases everybody who was waiting, because a waiter watches the count of sets and not the flag.  (A waiter
 * that sleeps through 2^31 sets may miss them.)  Between processes, a death in the middle of any call holds up nobody.
 *
 * Order: what a thread wrote before set is visible to whoever that set releases.
 *
 * Who may call what at the same time ("-": freely; "X": the caller must exclude it):
 *                 init   set   clear   wait   wait_until   is_set
 *     init         X      X      X       X        X           X
 *     all others   X      -      -       -        -           -
 * From any thread, and with YOKE_SHARED from any process that shares the memory; set, clear and is_set also from a
 * signal handler.  An event that somebody waits for must not be moved or freed. */
#ifndef YOKE_EVENT_H
#define YOKE_EVENT_H

#include <yoke/base.h>
#include <yoke/lock.h>
#include <yoke/time.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct yoke_event {
    uint32_t word;   /* bit 0: set; the others count how often it was set */
    uint32_t shared; /* YOKE_PRIVATE or YOKE_SHARED; written by init only */
} yoke_event;

/* yoke_event_init -- makes an event that is not set.  Needed only for YOKE_SHARED. */
static inline void yoke_event_init(yoke_event *event, uint32_t shared)
{
    event->word = 0;
    event->shared = shared ? YOKE_SHARED : YOKE_PRIVATE;
}

/* yoke_event_set -- sets the flag and releases every waiter; no effect on an event that is set. */
YOKE_API void yoke_event_set(yoke_event *event);

/* yoke_event_clear -- clears the flag; who waits from now on waits for the next set. */
YOKE_API void yoke_event_clear(yoke_event *event);

/* yoke_event_is_set -- 1 if the flag is set, else 0. */
YOKE_API int yoke_event_is_set(const yoke_event *event);

/* yoke_event_wait -- returns when the flag is set, or was set since the call began. */
YOKE_API void yoke_event_wait(yoke_event *event);

/* yoke_event_wait_until -- the same, at most until `deadline`.
 * Returns: 0; -ETIMEDOUT when the deadline came first; -EINTR in an interruptible thread (yoke_thread_interruptible). */
YOKE_MUST_CHECK YOKE_API int yoke_event_wait_until(yoke_event *event, yoke_time deadline);

#ifdef __cplusplus
}
#endif
#endif
