/* yoke/time.h -- time: an absolute point on the monotonic clock, in nanoseconds.
 *
 * A deadline is a point in time, not a span, so that a loop that waits again needs no arithmetic; setting the wall clock
 * moves nothing, and time in which the machine is suspended does not count (CLOCK_MONOTONIC).
 *
 *     int rc = yoke_thread_join_until(&thread, yoke_after(0.5), &code);
 *     if (rc == -ETIMEDOUT) ...
 *
 * Threads: every function here may be called from any thread and process at any time; yoke_now also in a signal handler. */
#ifndef YOKE_TIME_H
#define YOKE_TIME_H

#include <yoke/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Nanoseconds of CLOCK_MONOTONIC. */
typedef int64_t yoke_time;

#define YOKE_NOW ((yoke_time)0)             /* a deadline that has passed: try once, do not wait */
#define YOKE_FOREVER ((yoke_time)INT64_MAX) /* a deadline that never comes */

/* yoke_now -- the present. */
YOKE_API yoke_time yoke_now(void);

/* yoke_after -- the point `seconds` from now.  Zero, a negative number or NaN gives YOKE_NOW; what does not fit in 292
 * years (infinity too) gives YOKE_FOREVER. */
YOKE_API yoke_time yoke_after(double seconds);

/* yoke_sleep -- returns when at least `seconds` have passed, whatever signals arrive.  Zero, a negative number or NaN
 * returns at once. */
YOKE_API void yoke_sleep(double seconds);

#ifdef __cplusplus
}
#endif
#endif
