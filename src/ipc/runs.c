/* runs.c -- a treap of all runs, free and taken, in the order of their pages (Seidel and Aragon, "Randomized Search Trees").
 *
 * Invariants: the runs leave no gap, so that a run's neighbour is found by a page beside it; no two free neighbours; above a node
 * are only higher priorities, which are random, so that the tree is about as deep as the logarithm of the runs; a node knows the
 * longest free run below it, which is how the first fit is found. */
#include "ipc/runs.h"

#include <errno.h>
#include <stdlib.h>

/* ---- the tree ---- */

static size_t widest(const struct yk_run *run)
{
    return run ? run->widest : 0;
}

static size_t width(const struct yk_run *run)
{
    return run->state == YK_RUN_FREE ? run->n : 0;
}

/* Its children have changed. */
static void refresh(struct yk_run *run)
{
    run->widest = yk_max(width(run), yk_max(widest(run->left), widest(run->right)));
}

/* Cuts a subtree in two: what begins before `page`, and the rest. */
static void split(struct yk_run *run, size_t page, struct yk_run **before, struct yk_run **rest)
{
    if (!run) {
        *before = *rest = NULL;
        return;
    }
    if (run->first < page) {
        split(run->right, page, &run->right, rest);
        *before = run;
    } else {
        split(run->left, page, before, &run->left);
        *rest = run;
    }
    refresh(run);
}

/* One of two subtrees; all of `a` lies before all of `b`. */
static struct yk_run *join(struct yk_run *a, struct yk_run *b)
{
    if (!a || !b)
        return a ? a : b;
    if (a->priority > b->priority) {
        a->right = join(a->right, b);
        refresh(a);
        return a;
    }
    b->left = join(a, b->left);
    refresh(b);
    return b;
}

static void insert(struct yk_runs *runs, struct yk_run *run)
{
    struct yk_run *before, *rest;

    split(runs->root, run->first, &before, &rest);
    run->left = run->right = NULL;
    refresh(run);
    runs->root = join(join(before, run), rest);
}

/* Whoever is to change a run takes it out and puts it in again: what stands above it depends on it. */
static void take_out(struct yk_runs *runs, struct yk_run *run)
{
    struct yk_run *before, *rest, *self;

    split(runs->root, run->first, &before, &rest);
    split(rest, run->first + 1, &self, &rest);
    yk_assert(self == run);
    runs->root = join(before, rest);
}

struct yk_run *yk_runs_find(const struct yk_runs *runs, size_t page)
{
    struct yk_run *run = runs->root, *found = NULL;

    while (run) {
        if (run->first <= page)
            found = run;
        run = run->first <= page ? run->right : run->left;
    }
    return found;
}

static struct yk_run *first_fit(const struct yk_runs *runs, size_t n)
{
    struct yk_run *run = runs->root;

    if (widest(run) < n)
        return NULL;
    while (widest(run->left) >= n || width(run) < n)
        run = widest(run->left) >= n ? run->left : run->right;
    return run;
}

/* ---- taking and giving ---- */

static void make_free_run(struct yk_runs *runs, struct yk_run *run, size_t first, size_t n)
{
    /* a linear congruential generator (Knuth's MMIX); its upper half is random enough */
    runs->seed = runs->seed * 6364136223846793005u + 1442695040888963407u;
    *run = (struct yk_run){.first = first, .n = n, .priority = (uint32_t)(runs->seed >> 32)};
    insert(runs, run);
}

struct yk_run *yk_runs_take(struct yk_runs *runs, size_t n, struct yk_run **spare)
{
    struct yk_run *run = first_fit(runs, n);
    size_t had;

    if (!run)
        return NULL;
    take_out(runs, run);
    had = run->n;
    run->n = n;
    run->state = YK_RUN_TAKEN;
    insert(runs, run);
    if (had > n) {
        make_free_run(runs, *spare, run->first + n, had - n);
        *spare = NULL;
    }
    return run;
}

/* Adds a free neighbour to a run that is out of the tree. */
static void swallow(struct yk_runs *runs, struct yk_run *run, struct yk_run *neighbour)
{
    if (!neighbour || neighbour->state != YK_RUN_FREE)
        return;
    take_out(runs, neighbour);
    run->first = yk_min(run->first, neighbour->first);
    run->n += neighbour->n;
    free(neighbour);
}

void yk_runs_give(struct yk_runs *runs, struct yk_run *run)
{
    size_t end = run->first + run->n;

    take_out(runs, run);
    run->state = YK_RUN_FREE;
    run->slab = NULL;
    swallow(runs, run, run->first > 0 ? yk_runs_find(runs, run->first - 1) : NULL);
    /* behind the last run there is none, and what is found for that page is one before it, which is no longer free */
    swallow(runs, run, yk_runs_find(runs, end));
    insert(runs, run);
}

/* ---- all of them ---- */

int yk_runs_open(struct yk_runs *runs)
{
    struct yk_run *all = malloc(sizeof *all);

    if (!all)
        return -ENOMEM;
    *runs = (struct yk_runs){0};
    make_free_run(runs, all, 0, 0);
    return 0;
}

void yk_runs_begin(struct yk_runs *runs, size_t n)
{
    yk_assert(runs->root->n == 0);
    runs->root->n = n;
    refresh(runs->root);
}

static void close_subtree(struct yk_run *run, void (*each)(struct yk_run *run))
{
    if (!run)
        return;
    close_subtree(run->left, each);
    close_subtree(run->right, each);
    each(run);
    free(run);
}

void yk_runs_close(struct yk_runs *runs, void (*each)(struct yk_run *run))
{
    close_subtree(runs->root, each);
    runs->root = NULL;
}
