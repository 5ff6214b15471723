/* shared_memory.c -- memory that processes have in common: they work in place on numbers that nobody sends, and that nobody copies.
 * usage: shared_memory [processes]     4 by default, 64 at most */
#include "example.h"

enum { N = 4000000, MOST = 64 };

/* One for each process, on a cache line of its own, so that they do not slow each other down. */
struct part {
    _Alignas(64) double *numbers;
    size_t n;
    double sum;
};

/* The pointer travels as the argument; it means the same in every process. */
static int add_up(void *arg)
{
    struct part *part = *(struct part **)arg;

    for (size_t i = 0; i < part->n; i++)
        part->sum += part->numbers[i];
    return 0;
}

/* And as an item of a pool, whose workers have the memory too. */
static int double_all(struct part *const *item, double *sum)
{
    struct part *part = *item;

    *sum = 0;
    for (size_t i = 0; i < part->n; i++)
        *sum += part->numbers[i] *= 2;
    return 0;
}
YOKE_TASK(double_all, struct part *, double);

int main(int argc, char **argv)
{
    size_t n_parts = argc > 1 ? (size_t)atoi(argv[1]) : 4, each;
    yoke_process processes[MOST] = {{0}};
    struct part *items[MOST];
    double sums[MOST], sum = 0, doubled = 0;
    yoke_shm *shm;
    yoke_pool *pool;

    if (n_parts < 1 || n_parts > MOST)
        return fprintf(stderr, "usage: shared_memory [processes]\n"), 2;
    must("init",
         yoke_init()); /* processes will come from a helper that is older than the memory, and have it all the same */
    must("shared memory", yoke_shm_open(&shm, 0));
    double *numbers = must_have(yoke_shm_array(shm, double, N));
    struct part *parts = must_have(yoke_shm_array(shm, struct part, n_parts));

    for (size_t i = 0; i < N; i++)
        numbers[i] = (double)i;
    each = N / n_parts;
    for (size_t i = 0; i < n_parts; i++) {
        items[i] = &parts[i];
        parts[i].numbers = numbers + i * each;
        parts[i].n = i + 1 < n_parts ? each : N - i * each;
        must("start", yoke_process_start(&processes[i], add_up, &items[i], sizeof items[i]));
    }
    for (size_t i = 0; i < n_parts; i++) {
        must("join", yoke_process_join(&processes[i], NULL));
        yoke_process_close(&processes[i]);
        sum += parts[i].sum;
    }
    printf("%zu processes: the sum is %.0f\n", n_parts, sum);

    must("pool", yoke_pool_open(&pool, YOKE_PROCESSES));
    must("map", yoke_pool_map(pool, double_all, items, n_parts, sums));
    yoke_pool_free(&pool);
    for (size_t i = 0; i < n_parts; i++)
        doubled += sums[i];
    printf("a pool's workers have doubled them: %.0f, and the last number is %.0f\n", doubled, numbers[N - 1]);

    must("free", yoke_shm_free(&shm));
    yoke_done();
    return 0;
}
