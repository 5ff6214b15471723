/* barrier.c -- a crew that goes forward together: each works on its part of a rod, and nobody begins a step before all have ended the one
 * before.  The rod is hot at one end, and the heat spreads.
 * usage: barrier [threads|processes] [how many] [dies in]     3 processes by default (16 at most), of which one may die in a step */
#include "example.h"

enum { CELLS = 600, STEPS = 1000, MOST = 16 };

struct rod {
    yoke_barrier all;
    yoke_seat seats[MOST];     /* for processes: one for each */
    double heat[2][CELLS + 2]; /* before this step, and after it; with an end on each side that does not change */
    int now;                   /* which of them is "before" */
};

struct worker {
    yoke_thread thread;
    yoke_process process;
    struct rod *rod; /* in shared memory: the pointer is good in each process */
    int first, last, dies_in;
};

/* The last one to arrive does this, while the others wait. */
static int turn(void *arg)
{
    struct rod *rod = arg;

    rod->now = !rod->now;
    return 0;
}

/* Returns 0; or 3 when it was told that another one is missing. */
static int work(void *arg)
{
    const struct worker *self = arg;
    struct rod *rod = self->rod;
    int rc = yoke_barrier_wait(&rod->all); /* once all have come, the death of each is noticed */

    for (int step = 1; step <= STEPS && rc >= 0; step++) {
        const double *before = rod->heat[rod->now];
        double *after = rod->heat[!rod->now];

        for (int i = self->first; i <= self->last; i++)
            after[i] = (before[i - 1] + before[i] + before[i + 1]) / 3;
        if (step == self->dies_in)
            abort();
        rc = yoke_barrier_wait_with(&rod->all, turn, rod, YOKE_FOREVER);
    }
    yoke_barrier_leave(&rod->all);
    return rc < 0 ? 3 : 0;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 && kind_named(argv[1]) == YOKE_THREADS, n = argc > 2 ? atoi(argv[2]) : 3;
    struct worker crew[MOST] = {{.dies_in = argc > 3 ? atoi(argv[3]) : 0}};
    yoke_exit how = {.kind = YOKE_EXITED};
    double sum = 0;
    yoke_shm *shm;

    must("shared memory", yoke_shm_open(&shm, 0));
    struct rod *rod = must_have(yoke_shm_new(shm, struct rod));
    must("barrier", yoke_barrier_init(&rod->all, n <= MOST ? (unsigned)n : 0, threads ? NULL : rod->seats));
    rod->heat[0][0] = rod->heat[1][0] = 1000;
    for (int i = 0; i < n; i++) {
        crew[i].rod = rod, crew[i].first = 1 + CELLS * i / n, crew[i].last = CELLS * (i + 1) / n;
        must("start", threads ? yoke_thread_start(&crew[i].thread, work, &crew[i])
                              : yoke_process_start(&crew[i].process, work, &crew[i], sizeof *crew));
    }
    for (struct worker *w = crew; w < crew + n; w++) {
        must("join", threads ? yoke_thread_join(&w->thread, &how.value) : yoke_process_join(&w->process, &how));
        printf("%s %d\n", how.kind == YOKE_EXITED ? "exit code" : "signal", how.value);
        yoke_process_close(&w->process);
    }
    for (int i = 1; i <= CELLS; i++)
        sum += rod->heat[rod->now][i];
    printf("the barrier is %s; heat in the rod: %.6f\n", yoke_barrier_broken(&rod->all) ? "broken" : "whole", sum);
    return must("free", yoke_shm_free(&shm)) != 0;
}
