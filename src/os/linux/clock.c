/* clock.c -- the monotonic clock in nanoseconds, and sleeping by it. */
#include <errno.h>

#include "os/linux/linux.h"
#include "os/os.h"

yoke_time yoke_now(void)
{
    struct timespec now;

    /* cannot fail: every Linux has this clock, and the address is ours */
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (yoke_time)now.tv_sec * YK_NS + now.tv_nsec;
}

yoke_time yoke_after(double seconds)
{
    yoke_time now, span;
    double ns = seconds * YK_NS;

    /* the negation catches NaN */
    if (!(seconds > 0))
        return YOKE_NOW;
    now = yoke_now();
    /* compared as doubles: converting one that does not fit is undefined */
    if (ns >= (double)(YOKE_FOREVER - now))
        return YOKE_FOREVER;
    span = (yoke_time)ns;
    /* rounded up, so that a deadline is never early */
    return now + span + ((double)span < ns);
}

void yoke_sleep(double seconds)
{
    yoke_time deadline = yoke_after(seconds);
    struct timespec until = {.tv_sec = (time_t)(deadline / YK_NS), .tv_nsec = (long)(deadline % YK_NS)};

    /* absolute, so that a signal shortens nothing */
    if (deadline != YOKE_NOW)
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
            continue;
}
