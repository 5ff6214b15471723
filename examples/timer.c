/* timer.c -- timers: a heartbeat that starts itself again, and a watchdog that stops what takes too long.
 * usage: timer [seconds]     the watchdog's patience; 0.3 by default */
#include "example.h"

struct heart {
    yoke_timer timer;
    double period;
    int beats, wanted;
};

/* All timers run on one thread, one after another: so this is short, and needs no lock. */
static void beat(void *arg)
{
    struct heart *heart = arg;

    if (++heart->beats < heart->wanted)
        must("start", yoke_timer_start(&heart->timer, heart->period, beat, heart));
}

struct watchdog {
    yoke_timer timer;
    yoke_event stop;
};

static void bark(void *arg)
{
    struct watchdog *watchdog = arg;

    yoke_event_set(&watchdog->stop);
}

static void work(const char *name, double seconds, double patience)
{
    struct watchdog watchdog = {0};
    int rc;

    must("start", yoke_timer_start(&watchdog.timer, patience, bark, &watchdog));
    rc = yoke_event_wait_until(&watchdog.stop,
                               yoke_after(seconds)); /* in place of work that looks whether it is to stop */
    printf("%s %s\n", name, rc == 0 ? "was stopped" : "is done");
    /* 1: it will not run; 0: it has run, or is running, which join waits for */
    if (!yoke_timer_cancel(&watchdog.timer))
        must("join", yoke_timer_join(&watchdog.timer));
}

int main(int argc, char **argv)
{
    double patience = argc > 1 ? atof(argv[1]) : 0.3;
    struct heart heart = {.period = patience / 10, .wanted = 10};

    must("start", yoke_timer_start(&heart.timer, heart.period, beat, &heart));
    work("The quick one", 0, 3600);
    work("The slow one", 3600, patience);
    /* waits for all beats, since each but the last starts the next */
    must("join", yoke_timer_join(&heart.timer));
    printf("%d beats\n", heart.beats);
    return 0;
}
