/* threads_map_test.c -- a map on worker threads: its results, the order in which items start, what it costs. */
#include <stdlib.h>
#include <time.h>

#include "chaos.h"
#include "exec/chunk.h"
#include "threads.h"

/* ---- results ---- */

TEST(threads_results)
{
    static const unsigned workers[] = {1, 2, 5, 66};
    static const size_t sizes[] = {0, 1, 2, 3, 7, 1000, 20000}, chunks[] = {0, 1, 3, 999, 1000, SIZE_MAX};

    for (size_t w = 0; w < 4; w++) {
        struct executor x = executor_open(&yk_threads, workers[w]);

        for (size_t n = 0; n < 7; n++)
            for (size_t c = 0; c < 6; c++)
                check_squares(&x, sizes[n], chunks[c]);
        executor_end(&x);
    }
}

TEST(threads_million_items)
{
    struct executor x = executor_open(&yk_threads, 2);

    check_squares(&x, 1000000, 0);
    check_squares(&x, 1000000, 1);
    executor_end(&x);
}

TEST(threads_statuses)
{
    struct executor x = executor_open(&yk_threads, 3);

    check_statuses(&x, 0);
    check_statuses(&x, 1);
    check_statuses(&x, 64);
    executor_end(&x);
}

TEST(threads_strings_and_dropped_results)
{
    struct executor x = executor_open(&yk_threads, 3);

    check_strings(&x);
    check_dropped_results(&x);
    executor_end(&x);
}

TEST(threads_scarcity_and_memory)
{
    struct executor x = executor_open(&yk_threads, 2);

    check_no_memory(&x);
    check_memory(&x);
    executor_end(&x);
}

/* ---- order of starts ---- */

static yk_a32 n_started;
static int starts[10000];

static int task_notes_start(const void *in, void *out)
{
    starts[yk_add_aar(&n_started, 1)] = *(const int *)in;
    *(long *)out = 0;
    return 0;
}

TEST(threads_one_worker_starts_in_order)
{
    struct executor x = executor_open(&yk_threads, 1);
    int *numbers = numbers_new(10000);
    long *results = calloc(10000, sizeof *results);

    for (size_t chunk = 0; chunk < 3; chunk++) {
        struct yk_map map = MAP(task_notes_start, numbers, results, 10000, .chunk = chunk);

        yk_store_rel(&n_started, 0);
        CHECK_EQ(executor_map(&x, &map), 0);
        for (int i = 0; i < 10000; i++)
            CHECK_EQ(starts[i], i);
    }
    free(numbers);
    free(results);
    executor_end(&x);
}

/* Two workers: whichever item ends, the one that starts next is the lowest that has not. */
TEST(threads_two_workers_start_in_order)
{
    yoke_thread caller = {0};
    int running[2] = {0, 1};
    size_t bad;

    chaos_begin();
    pool = executor_open(&yk_threads, 2);
    start(&caller, map_gates, &bad);
    yoke_event_wait(&begun[0]);
    yoke_event_wait(&begun[1]);
    for (int next = 2; next < GATES; next++) {
        int *ends = &running[chaos_random() % 2];

        for (int later = next; later < GATES; later++)
            CHECK(!yoke_event_is_set(&begun[later]));
        yoke_event_set(&released[*ends]);
        yoke_event_wait(&begun[next]);
        *ends = next;
    }
    yoke_event_set(&released[running[0]]);
    yoke_event_set(&released[running[1]]);
    join(&caller);
    CHECK_EQ(bad, 0);
    executor_end(&pool);
}

static int map_notes(void *arg)
{
    int numbers[50];
    long results[50];
    struct yk_map map = MAP(task_notes_start, numbers, results, 50, .chunk = 1);

    for (int i = 0; i < 50; i++)
        numbers[i] = *(int *)arg + i;
    CHECK_EQ(executor_map(&pool, &map), 0);
    return 0;
}

TEST(threads_maps_start_in_order)
{
    yoke_thread callers[4] = {0};
    int firsts[3] = {0, 1000, 2000};
    size_t bad;

    yk_fault_hook = count_published;
    pool = executor_open(&yk_threads, 1);
    start(&callers[3], map_gates, &bad);
    yoke_event_wait(&begun[0]);
    for (uint32_t i = 0; i < 3; i++) {
        start(&callers[i], map_notes, &firsts[i]);
        await_published(i + 2);
    }
    for (int i = 0; i < GATES; i++)
        yoke_event_set(&released[i]);
    for (int i = 0; i < 4; i++)
        join(&callers[i]);
    for (int i = 0; i < 150; i++)
        CHECK_EQ(starts[i], i / 50 * 1000 + i % 50);
    executor_end(&pool);
}

/* ---- what it costs ---- */

TEST(threads_idle_costs_nothing)
{
    struct executor x = executor_open(&yk_threads, 4);
    struct timespec before, after;

    check_squares(&x, 1000, 1);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    yoke_sleep(0.3); /* time itself is the subject */
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    CHECK((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec < 3000000);
    executor_end(&x);
}

TEST(threads_chunk_sizes)
{
    /* grows at most eightfold */
    CHECK_EQ(yk_chunk_next(1, 0, 1000000, 2), 8);
    CHECK_EQ(yk_chunk_next(8, 100, 1000000, 2), 64);
    CHECK_EQ(yk_chunk_next(8, 6249, 1000000, 2), 64);
    CHECK(yk_chunk_next(8, 6251, 1000000, 2) > 64);
    CHECK(yk_chunk_next(8, 12500, 1000000, 2) <= 64);
    /* stays when it lasts 50 to 200 us */
    CHECK_EQ(yk_chunk_next(100, 50000, 1000000, 2), 100);
    CHECK_EQ(yk_chunk_next(100, 200000, 1000000, 2), 100);
    /* aims at 100 us otherwise */
    CHECK_EQ(yk_chunk_next(100, 25000, 1000000, 2), 400);
    CHECK_EQ(yk_chunk_next(100, 400000, 1000000, 2), 25);
    CHECK_EQ(yk_chunk_next(100, 1000000000, 1000000, 2), 1);
    /* at most half of an even share */
    CHECK_EQ(yk_chunk_next(100, 100000, 400, 2), 100);
    CHECK_EQ(yk_chunk_next(100, 100000, 200, 2), 50);
    CHECK_EQ(yk_chunk_next(100, 100000, 3, 2), 1);
    CHECK_EQ(yk_chunk_next(100, 100000, 0, 1024), 1);
    CHECK_EQ(yk_chunk_next(SIZE_MAX, 0, SIZE_MAX, 1), SIZE_MAX / 2);
}
