/* runs.h -- which pages of a reservation are free, and which are taken.
 *
 * Bookkeeping in ordinary memory; the pages themselves are not touched.  Each call takes logarithmic time.  The caller excludes
 * other threads. */
#ifndef YK_RUNS_H
#define YK_RUNS_H

#include "base/base.h"

enum yk_run_state {
    YK_RUN_FREE,
    YK_RUN_TAKEN,
    YK_RUN_LEAVING /* no longer taken, and not to be found free yet */
};

/* Neighbouring pages that are one piece. */
struct yk_run {
    size_t first, n; /* pages */
    enum yk_run_state state;
    struct yk_slab *slab; /* of a taken one whose page holds small objects; the arena's */
    /* A node of the tree: */
    uint32_t priority;
    size_t widest; /* pages of the longest free run in this subtree */
    struct yk_run *left, *right;
};

struct yk_runs {
    struct yk_run *root;
    uint64_t seed; /* of the priorities */
};

/* With no pages yet; 0, or -ENOMEM.  Then, once and without malloc, pages 0 to n - 1, all free. */
int yk_runs_open(struct yk_runs *runs);
void yk_runs_begin(struct yk_runs *runs, size_t n);
/* Calls each(run) for every run that there was, and frees it. */
void yk_runs_close(struct yk_runs *runs, void (*each)(struct yk_run *run));

/* Takes n pages from the free ones, as far down as they go; NULL when there are not so many in one piece.  *spare is memory for
 * one more run, from malloc; NULL afterwards if it was used. */
struct yk_run *yk_runs_take(struct yk_runs *runs, size_t n, struct yk_run **spare);
/* The other way; the run is then gone. */
void yk_runs_give(struct yk_runs *runs, struct yk_run *run);

/* The run that the page belongs to. */
struct yk_run *yk_runs_find(const struct yk_runs *runs, size_t page);

#endif
