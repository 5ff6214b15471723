/* stepkill.h -- kills a process after each of its instructions, one run for each.
 *
 *     static void body(void *arg) { claim(arg); publish(arg); }
 *     static void after(void *arg, const struct stepkill_run *run) { CHECK(consistent(arg)); }
 *
 *     struct stepkill test = {.setup = setup, .body = body, .after = after, .arg = shared_memory};
 *     long points = stepkill_each(&test);
 *
 * For k = 0, 1, 2, ... it calls setup, runs body in a forked child for k instructions by single-stepping it, kills
 * it with SIGKILL, reaps it, and calls after; until body has ended by itself.  What is to survive must lie in shared
 * memory.  The forked child is the caller's own, so run it where wait() is nobody else's concern.
 *
 * Call once, in the caller, what body calls from shared libraries: or the dynamic linker's work at the first call,
 * some two thousand instructions, is stepped through as well.
 *
 * A kill point costs one fork and k steps of about 3 us: n of them cost n times n.  What is long gets a `stride` from
 * stepkill_stride. */
#ifndef STEPKILL_H
#define STEPKILL_H

#include <stdbool.h>

enum stepkill_end {
    STEPKILL_KILLED, /* after `steps` instructions */
    STEPKILL_ASLEEP, /* the same, but sooner: it slept in the kernel and nobody was there to wake it */
    STEPKILL_ENDED   /* by itself: `status` as from waitpid */
};

struct stepkill_run {
    long steps;
    enum stepkill_end end;
    int status;
};

struct stepkill {
    void (*setup)(void *arg);                                 /* in the caller, before each run; NULL: nothing */
    void (*body)(void *arg);                                  /* in the child */
    void (*after)(void *arg, const struct stepkill_run *run); /* in the caller, when the child is reaped */
    /* In the caller, when body sleeps: true if it was woken now, so that the stepping goes on; false, or NULL: it ends there. */
    bool (*asleep)(void *arg);
    void *arg;
    bool window;      /* count only from stepkill_begin to stepkill_end, which body calls */
    long stride;      /* every so many instructions; 0: 1 */
    long first, last; /* from k = first; up to last, if that is not 0 */
};

/* `full` if YOKE_TEST_FULL is set (make proof); else seven times that, so that `make test` stays short. */
long stepkill_stride(long full);

/* Returns how many kill points there were (the run that ended by itself is one), or -errno if it cannot trace here. */
long stepkill_each(const struct stepkill *test);

/* Called by a body with .window, once each. */
void stepkill_begin(void);
void stepkill_end(void);

/* The same for a process that runs already, a worker of a pool: stops it where it is, lets it do `steps`
 * instructions, and kills it.  It may be anybody's child; its parent reaps it.  Its other threads, if it has any,
 * run on meanwhile. Returns 0, with what happened in *ret_run, or -errno. */
int stepkill_process(int pid, long steps, struct stepkill_run *ret_run);

#endif
