/* status.c -- how an item ended, in words. */
#include <stdio.h>
#include <string.h>
#include <yoke/pool.h>

static void crash_text(int code, char *text, size_t size)
{
    /* The GNU description of a signal is constant text, where strsignal may share a buffer; it knows no real-time signals. */
    const char *signal = code < 0 && code != -__INT_MAX__ - 1 ? sigdescr_np(-code) : NULL;

    if (code >= 0)
        snprintf(text, size, "crashed: exit code %d", code);
    else if (signal)
        snprintf(text, size, "crashed: signal %d (%s)", -code, signal);
    else
        snprintf(text, size, "crashed: signal %lld", -(long long)code);
}

char *yoke_status_text(yoke_status status, char *text, size_t size)
{
    switch (status.state) {
    case YOKE_DONE:
        snprintf(text, size, "done");
        break;
    case YOKE_FAILED:
        snprintf(text, size, "failed: code %d", status.code);
        break;
    case YOKE_CRASHED:
        crash_text(status.code, text, size);
        break;
    case YOKE_TIMED_OUT:
        snprintf(text, size, "timed out");
        break;
    case YOKE_CANCELLED:
        snprintf(text, size, "cancelled");
        break;
    case YOKE_LOST:
        snprintf(text, size, "lost");
        break;
    default:
        snprintf(text, size, "unknown state %d", (int)status.state);
    }
    return text;
}
