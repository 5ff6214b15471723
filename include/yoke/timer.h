/* yoke/timer.h -- Timer: a function that runs later, unless it is cancelled before.
 *
 *     static void remind(void *arg) { puts(arg); }
 *
 *     yoke_timer timer = {0};                                  // zero bytes: not started
 *     int rc = yoke_timer_start(&timer, 2.5, remind, "tea");   // calls remind("tea") in 2.5 seconds
 *     if (yoke_timer_cancel(&timer)) ...                       // 1: it will not run
 *     rc = yoke_timer_join(&timer);                            // waits until it has run
 *
 * Python's threading.Timer makes a thread for each; here one thread serves all that are pending.  It is made by the start of the
 * first and ends with the last, so that a program without timers pays for none.  It calls one function after another, those
 * due first before the others and those due at the same time in the order of their starts: so keep them short, and let a long one
 * start a thread or submit a task.  A run may start and cancel timers, its own again too (every so often: start it at the end of
 * its run), and may free its timer's memory.  It must return: leaving it by pthread_exit or a C++ exception is misuse.
 *
 * Timers do not keep the program alive: when main returns, those that are pending do not run.  In a child of fork no timer is
 * pending.  To yoke_process_start and to process pools the timers' thread is a thread like any other (yoke/process.h).  It is not
 * shown by yoke_thread_enumerate.  Signals of the program are not delivered there; a fault of a run is.
 *
 * Order: what the starter wrote before is visible to run; what run wrote is visible after a join.
 *
 * Who may call what at the same time on one timer ("-": freely; "X": the caller must exclude it):
 *                          start   cancel   join, join_until
 *     start                  X       X             X
 *     cancel                 X       -             -
 *     join, join_until       X       -             -
 * From any thread; never from a signal handler.  Its own run may do all three at any time.  A timer that is pending must not be
 * moved, copied or freed. */
#ifndef YOKE_TIMER_H
#define YOKE_TIMER_H

#include <yoke/base.h>
#include <yoke/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One timer.  Zero bytes: not started.  The fields are Yoke's. */
typedef struct yoke_timer {
    void (*run)(void *arg);
    void *arg;
    yoke_time due;
    uint64_t number; /* of its start */
    uint32_t state;
    uint32_t forks;
    struct yoke_timer *child, *next, *previous;
} yoke_timer;

/* yoke_timer_start -- has run(arg) called once, `seconds` from now (zero, a negative number or NaN: as soon as possible; infinity:
 * never).  arg is borrowed until run returns or the timer is cancelled.
 * Returns: 0; -EBUSY if the timer is pending; -EINVAL for a NULL timer or function; -EAGAIN or -ENOMEM if the thread cannot be
 *          made.  A start that failed leaves the timer as it was, and nothing pending. */
YOKE_MUST_CHECK YOKE_API int yoke_timer_start(yoke_timer *timer, double seconds, void (*run)(void *arg), void *arg);

/* yoke_timer_cancel -- takes the start back.
 * Returns: 1 if it was pending and so will not run; 0 if it was not started, has run, or is running now (join waits for that); or for
 *          NULL. */
YOKE_API int yoke_timer_cancel(yoke_timer *timer);

/* yoke_timer_join -- waits until the timer is neither pending nor running: until it has run, or was cancelled.  (One that its run
 * starts again is waited for again.)
 * Returns: 0, at once if it was not started; -EDEADLK when a timer's run asks for one that is pending or running: they all
 *          run on that thread; -EINVAL for NULL. */
YOKE_API int yoke_timer_join(yoke_timer *timer);

/* yoke_timer_join_until -- the same, at most until `deadline`.
 * Returns: as yoke_timer_join; -ETIMEDOUT; -EINTR in an interruptible thread (yoke_thread_interruptible). */
YOKE_MUST_CHECK YOKE_API int yoke_timer_join_until(yoke_timer *timer, yoke_time deadline);

#ifdef __cplusplus
}
#endif
#endif
