/* threads_idle_test.c -- between maps, worker threads hold no lock of libc's, so that their host may clone itself. */
#include <malloc.h>
#include <stdlib.h>
#include <yoke.h>

#include "threads.h"

#define SANITIZED (TEST_ADDRESS_SANITIZER || TEST_THREAD_SANITIZER)

/* How often a worker frees something; the tasks here do not. */
static yk_a64 n_frees;

#if !SANITIZED
void __libc_free(void *memory);

/* In place of libc's. */
void free(void *memory)
{
    if (memory && yoke_worker_index() >= 0)
        yk_add_rlx(&n_frees, 1);
    __libc_free(memory);
}
#endif

enum { WORKERS = 8, ROUNDS = 3000 };

/* Whoever is last to leave a job: its caller, a worker, or a worker that finds its ticket much later. */
static int map_often(void *arg)
{
    for (int i = *(int *)arg; i > 0; i--)
        check_squares(&pool, WORKERS, (size_t)i % 2);
    return 0;
}

static void map_from_two_threads(void)
{
    yoke_thread caller = {0};
    int rounds = ROUNDS;

    start(&caller, map_often, &rounds);
    map_often(&rounds);
    join(&caller);
}

TEST(threads_workers_free_nothing)
{
    if (SANITIZED)
        SKIP("the sanitizer has its own free");
    pool = executor_open(&yk_threads, WORKERS);
    map_from_two_threads();
    executor_end(&pool);
    CHECK_EQ(yk_load_rlx(&n_frees), 0);
}

/* What workers leave to others to free does not pile up: the next map frees it. */
TEST(threads_jobs_do_not_pile_up)
{
    size_t before;

    if (SANITIZED)
        SKIP("the sanitizer has its own malloc");
    pool = executor_open(&yk_threads, WORKERS);
    map_from_two_threads();
    before = mallinfo2().uordblks;
    map_from_two_threads();
    CHECK(mallinfo2().uordblks < before + 300000); /* a job has more than 1000 bytes, and there were 6000 */
    executor_end(&pool);
}

struct large {
    char bytes[8 << 20];
};

static int fill(const int *in, struct large *out)
{
    memset(out, *in, sizeof *out);
    return 0;
}
YOKE_TASK(fill, int, struct large);

static int square(const int *in, int *out)
{
    *out = *in * *in;
    return 0;
}
YOKE_TASK(square, int, int);

/* The memory of dropped results is large here, and of the heap, so that giving it back holds libc's lock for long. */
TEST(threads_idle_beside_a_process_pool_that_opens)
{
    int numbers[2] = {0}, three = 3, nine = 0;
    yoke_pool *threads, *processes;

    if (TEST_THREAD_SANITIZER)
        SKIP("the sanitizer's own thread may hold locks");
    free(malloc(31 << 20)); /* up to this size, what is allocated from now on is no mapping of its own (mallopt(3)) */
    CHECK_EQ(yoke_pool_open(&threads, YOKE_THREADS, .workers = 2), 0);
    for (int i = 0; i < 60; i++) {
        CHECK_EQ(yoke_pool_map(threads, fill, numbers, 2, NULL, .chunk = 1), 0);
        CHECK_EQ(yoke_pool_open(&processes, YOKE_PROCESSES, .workers = 1), 0);
        CHECK_EQ(yoke_pool_apply(processes, square, &three, &nine), 0);
        CHECK_EQ(nine, 9);
        yoke_pool_free(&processes);
    }
    yoke_pool_free(&threads);
}
