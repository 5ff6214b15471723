/* runs_test.c -- which pages are free: against a list of pages that is walked from its beginning. */
#include "ipc/runs.h"

#include <stdlib.h>

#include "test.h"

enum { N = 300, N_HELD = 64 };

static struct yk_runs runs;

static void open_runs(size_t n)
{
    CHECK_EQ(yk_runs_open(&runs), 0);
    yk_runs_begin(&runs, n);
}

static void nothing(struct yk_run *run)
{
    (void)run;
}

static struct yk_run *take(size_t n)
{
    struct yk_run *spare = malloc(sizeof *spare), *run;

    CHECK(spare);
    run = yk_runs_take(&runs, n, &spare);
    free(spare);
    return run;
}

/* ---- the tree ---- */

static size_t check_node(const struct yk_run *run, size_t from, size_t to)
{
    size_t left, right;

    if (!run)
        return 0;
    CHECK(run->first >= from && run->first + run->n <= to && run->n > 0);
    CHECK(!run->left || run->left->priority <= run->priority);
    CHECK(!run->right || run->right->priority <= run->priority);
    left = check_node(run->left, from, run->first);
    right = check_node(run->right, run->first + run->n, to);
    left = yk_max(left, right);
    left = yk_max(left, run->state == YK_RUN_FREE ? run->n : 0);
    CHECK_EQ(run->widest, left);
    return left;
}

/* No gap, and no two free ones side by side. */
static void check_runs(size_t n)
{
    const struct yk_run *before = NULL;

    check_node(runs.root, 0, n);
    for (size_t at = 0; at < n; at += before->n) {
        const struct yk_run *run = yk_runs_find(&runs, at);

        CHECK_EQ(run->first, at);
        CHECK(yk_runs_find(&runs, at + run->n - 1) == run);
        CHECK(!before || before->state != YK_RUN_FREE || run->state != YK_RUN_FREE);
        before = run;
    }
}

static int depth(const struct yk_run *run)
{
    int left, right;

    if (!run)
        return 0;
    left = depth(run->left);
    right = depth(run->right);
    return 1 + yk_max(left, right);
}

/* ---- against the list ---- */

static bool taken[N];

static int fits_at(size_t n)
{
    for (size_t at = 0, free_pages = 0; at < N; at++) {
        free_pages = taken[at] ? 0 : free_pages + 1;
        if (free_pages == n)
            return (int)(at + 1 - n);
    }
    return -1;
}

static void mark(const struct yk_run *run, bool as)
{
    for (size_t i = 0; i < run->n; i++) {
        CHECK(taken[run->first + i] != as);
        taken[run->first + i] = as;
    }
}

static void take_or_give(struct yk_run **held, unsigned random)
{
    size_t n = 1 + random / N_HELD % 20;
    int expected = fits_at(n);

    if (*held) {
        mark(*held, false);
        yk_runs_give(&runs, *held);
        *held = NULL;
        return;
    }
    *held = take(n);
    CHECK_EQ(*held ? (int)(*held)->first : -1, expected);
    if (!*held)
        return;
    CHECK_EQ((*held)->n, n);
    mark(*held, true);
}

TEST(the_first_fit_is_found_and_neighbours_merge)
{
    struct yk_run *held[N_HELD] = {0};

    srandom((unsigned)test_seed());
    open_runs(N);
    for (int i = 0; i < 5000; i++) {
        unsigned random_number = (unsigned)random();

        take_or_give(&held[random_number % N_HELD], random_number);
        check_runs(N);
    }
    for (int i = 0; i < N_HELD; i++)
        if (held[i])
            yk_runs_give(&runs, held[i]);
    CHECK_EQ(runs.root->n, N);
    CHECK(!runs.root->left && !runs.root->right);
    yk_runs_close(&runs, nothing);
}

TEST(one_that_leaves_is_no_neighbour_to_merge_with)
{
    struct yk_run *a, *b;

    open_runs(3);
    a = take(1);
    b = take(1);
    b->state = YK_RUN_LEAVING;
    yk_runs_give(&runs, a);
    CHECK(!take(2));
    yk_runs_give(&runs, b);
    CHECK(take(3));
    yk_runs_close(&runs, nothing);
}

TEST(a_fit_that_is_exact_needs_no_spare)
{
    struct yk_run *spare = NULL;

    open_runs(3);
    CHECK(!yk_runs_take(&runs, 4, &spare));
    CHECK(yk_runs_take(&runs, 3, &spare));
    CHECK(!yk_runs_take(&runs, 1, &spare));
    yk_runs_close(&runs, nothing);
}

static int n_closed;

static void count(struct yk_run *run)
{
    (void)run;
    n_closed++;
}

/* Ten times as deep as the logarithm does not come by chance. */
TEST(a_hundred_thousand_runs_are_not_deep)
{
    enum { MANY = 100000 };
    static struct yk_run *held[MANY];

    open_runs(MANY + 1);
    for (int i = 0; i < MANY; i++)
        CHECK_EQ((held[i] = take(1))->first, i);
    CHECK(depth(runs.root) < 170);
    for (int i = 0; i < MANY; i += 2)
        yk_runs_give(&runs, held[i]);
    CHECK(depth(runs.root) < 170);
    CHECK(!take(2));
    yk_runs_close(&runs, count);
    CHECK_EQ(n_closed, MANY + 1);
}
