/* matrix.c -- a matrix product in blocks of rows, in memory that all workers share.
 * usage: matrix [n [kind [workers]]]     600 x 600, processes, a worker for each CPU by default
 *
 * The items say only where the numbers are: what yoke_pool_alloc gives has the same address in every worker, so no
 * number is copied to a worker or back. */
#include "example.h"

struct rows {
    const double *a, *b;
    double *c;             /* c = a b, all n by n */
    size_t n, first, last; /* the rows of c that this item makes */
};

static int multiply(const struct rows *rows)
{
    size_t n = rows->n;

    for (size_t i = rows->first; i < rows->last; i++)
        for (size_t k = 0; k < n; k++)
            for (size_t j = 0; j < n; j++)
                rows->c[i * n + j] += rows->a[i * n + k] * rows->b[k * n + j];
    return 0;
}
YOKE_TASK_NORESULT(multiply, struct rows);

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 600;
    yoke_kind kind = argc > 2 ? kind_named(argv[2]) : YOKE_PROCESSES;
    int workers = argc > 3 ? atoi(argv[3]) : yoke_cpu_count();
    yoke_pool *pool;

    must("pool", yoke_pool_open(&pool, kind, .workers = kind == YOKE_SERIAL ? 1 : workers));
    double *a = must_have(yoke_pool_alloc(pool, 3 * n * n * sizeof *a)), *b = a + n * n, *c = b + n * n;
    double *expected = must_have(calloc(n * n, sizeof *expected));
    struct rows *blocks = must_have(calloc(n, sizeof *blocks));
    for (size_t i = 0; i < 2 * n * n; i++)
        a[i] = (double)(i % 17) / 16 - 0.5;

    yoke_time start = yoke_now();
    multiply(&(struct rows){a, b, expected, n, 0, n});
    double alone = seconds_since(start);

    size_t n_blocks = 0;
    for (size_t first = 0; first < n; first += 8)
        blocks[n_blocks++] = (struct rows){a, b, c, n, first, first + 8 < n ? first + 8 : n};
    start = yoke_now();
    ptrdiff_t bad = must("map", yoke_pool_map(pool, multiply, blocks, n_blocks, NULL));
    double together = seconds_since(start);

    int same = bad == 0 && memcmp(c, expected, n * n * sizeof *c) == 0;
    printf("%zu x %zu: alone %.3f s, %d workers %.3f s, speed-up %.2f, the results %s\n", n, n, alone,
           yoke_pool_workers(pool), together, alone / together, same ? "are the same" : "DIFFER");
    yoke_pool_free(&pool);
    free(blocks);
    free(expected);
    return !same;
}
