/* threads_nested_test.c -- worker threads with many callers: tasks that map themselves, and several threads at once. */
#include <stdlib.h>

#include "chaos.h"
#include "threads.h"

/* ---- where a task is ---- */

static int task_where(const void *in, void *out)
{
    CHECK_EQ(yoke_task_index(), *(const int *)in);
    CHECK(yoke_worker_index() >= 0 && yoke_worker_index() < 2);
    CHECK(executor_inside(&pool));
    *(long *)out = yoke_worker_index();
    return 0;
}

TEST(threads_task_knows_where_it_is)
{
    int *numbers = numbers_new(1000);
    long results[1000];
    struct yk_map map = MAP(task_where, numbers, results, 1000, .chunk = 0);

    pool = executor_open(&yk_threads, 2);
    CHECK_EQ(executor_map(&pool, &map), 0);
    CHECK_EQ(yoke_worker_index(), -1);
    CHECK(!executor_inside(&pool));
    executor_end(&pool);
    free(numbers);
}

/* ---- maps by tasks ---- */

static int task_nests(const void *in, void *out)
{
    int depth = *(const int *)in, inner[5] = {depth - 1, depth - 1, depth - 1, depth - 1, depth - 1};
    size_t index = yoke_task_index();
    int worker = yoke_worker_index();
    long results[5] = {0}, sum = 1;
    struct yk_map map = MAP(task_nests, inner, results, 5, .chunk = (size_t)depth % 2);

    if (depth > 0)
        CHECK_EQ(executor_map(&pool, &map), 0);
    for (int i = 0; i < 5; i++)
        sum += results[i];
    *(long *)out = sum;
    CHECK_EQ(yoke_task_index(), index);
    CHECK_EQ(yoke_worker_index(), worker);
    CHECK(executor_inside(&pool));
    return 0;
}

static void nest(unsigned workers)
{
    int depths[6] = {4, 3, 4, 2, 4, 4};
    long results[6];
    struct yk_map map = MAP(task_nests, depths, results, 6, .chunk = 1);

    pool = executor_open(&yk_threads, workers);
    CHECK_EQ(executor_map(&pool, &map), 0);
    CHECK_EQ(results[0], 781); /* 1 + 5 + 25 + 125 + 625 */
    CHECK_EQ(results[3], 31);
    executor_end(&pool);
}

TEST(threads_nested_on_one_worker)
{
    nest(1);
}
TEST(threads_nested_on_two_workers)
{
    nest(2);
}
TEST(threads_nested_on_seven_workers)
{
    nest(7);
}

static struct executor serial;

static int task_into_threads(const void *in, void *out)
{
    int numbers[2] = {3, 4};
    long results[2];
    struct yk_map map = MAP(task_square, numbers, results, 2, .chunk = 1);

    (void)in;
    CHECK(executor_inside(&pool) && executor_inside(&serial));
    CHECK_EQ(executor_map(&pool, &map), 0);
    CHECK(executor_inside(&pool) && executor_inside(&serial));
    *(long *)out = results[0] + results[1];
    return 0;
}

static int task_into_serial(const void *in, void *out)
{
    int numbers[2] = {1, 2};
    long results[2];
    struct yk_map map = MAP(task_into_threads, numbers, results, 2, .chunk = 1);

    (void)in;
    CHECK(executor_inside(&pool) && !executor_inside(&serial));
    CHECK_EQ(executor_map(&serial, &map), 0);
    CHECK(executor_inside(&pool) && !executor_inside(&serial));
    *(long *)out = results[0] + results[1];
    return 0;
}

/* The only worker is still known under a serial map of its own. */
TEST(threads_nested_through_a_serial_pool)
{
    int number = 1;
    long result;
    struct yk_map map = MAP(task_into_serial, &number, &result, 1, .chunk = 0);

    serial = executor_open(&yk_serial, 1);
    pool = executor_open(&yk_threads, 1);
    CHECK_EQ(executor_map(&pool, &map), 0);
    CHECK_EQ(result, 50);
    executor_end(&pool);
    executor_end(&serial);
}

/* ---- several callers at once ---- */

static int map_often(void *arg)
{
    for (int i = *(int *)arg; i > 0; i--)
        check_squares(&pool, chaos_random() % 300, chaos_random() % 4);
    return 0;
}

static void many_callers(unsigned workers, int n_maps)
{
    yoke_thread callers[4] = {0};

    chaos_begin();
    pool = executor_open(&yk_threads, workers);
    for (int i = 0; i < 4; i++)
        start(&callers[i], map_often, &n_maps);
    for (int i = 0; i < 4; i++)
        join(&callers[i]);
    executor_end(&pool);
}

TEST(threads_many_callers_one_worker)
{
    many_callers(1, 200);
}
TEST(threads_many_callers_three_workers)
{
    many_callers(3, 200);
}
TEST(threads_many_callers_70_workers)
{
    many_callers(70, 40);
}

/* One item at a time, so that every wake counts. */
TEST(threads_single_items)
{
    struct executor x;

    chaos_begin();
    x = executor_open(&yk_threads, 4);
    for (int i = 0; i < 5000; i++)
        check_squares(&x, 1 + (size_t)i % 3, 1);
    executor_end(&x);
}

/* Items that wait for each other: as many workers as items have to come. */
static yk_a32 arrived;

static int task_meets(const void *in, void *out)
{
    uint32_t value;

    (void)in;
    *(long *)out = 0;
    yk_add_aar(&arrived, 1);
    yk_futex_wake(&arrived, INT32_MAX, false);
    while ((value = yk_load_acq(&arrived)) < 4)
        yk_futex_wait(&arrived, value, false, YOKE_FOREVER);
    return 0;
}

TEST(threads_all_workers_come)
{
    int *numbers = numbers_new(4);
    struct executor x;
    long results[4];

    chaos_begin();
    x = executor_open(&yk_threads, 4);
    for (int i = 0; i < 1000; i++) {
        struct yk_map map = MAP(task_meets, numbers, results, 4, .chunk = (size_t)i % 2);

        yk_store_rel(&arrived, 0);
        CHECK_EQ(executor_map(&x, &map), 0);
    }
    free(numbers);
    executor_end(&x);
}
