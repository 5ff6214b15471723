/* threads_worker_test.c -- the life of worker threads: the initializer, the end by pthread_exit and the replacement,
 * no room for a thread. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "chaos.h"
#include "threads.h"

/* ---- initializer ---- */

static yk_a32 initialized[64];

static int initialize(void *arg)
{
    int w = yoke_worker_index();

    CHECK(w >= 0 && w < 64);
    CHECK(strncmp(yoke_thread_name(yoke_thread_current()), "Worker-", 7) == 0);
    CHECK_EQ(atoi(yoke_thread_name(yoke_thread_current()) + 7), w + 1);
    yk_add_aar(&initialized[w], 1);
    if (*(int *)arg == w + 1000)
        pthread_exit(NULL);
    return *(int *)arg == w;
}

TEST(threads_initializer)
{
    int bad = -1;
    struct yk_exec_options options = {.workers = 64, .initializer = initialize, .initializer_arg = &bad};
    void *untouched = &bad;

    pool.table = &yk_threads;
    CHECK_EQ(yk_threads.open(&options, &pool.self), 0);
    for (int i = 0; i < 64; i++)
        CHECK_EQ(yk_load_acq(&initialized[i]), 1); /* before open returns, and once */
    check_squares(&pool, 1000, 1);
    executor_end(&pool);
    for (int i = 0; i < 64; i++)
        CHECK_EQ(yk_load_acq(&initialized[i]), 1);
    bad = 17;
    CHECK_EQ(yk_threads.open(&options, &untouched), -YOKE_EINIT);
    bad = 1005;
    CHECK_EQ(yk_threads.open(&options, &untouched), -YOKE_EINIT);
    options.workers = 1;
    bad = 0;
    CHECK_EQ(yk_threads.open(&options, &untouched), -YOKE_EINIT);
    CHECK(untouched == &bad);
}

/* ---- pthread_exit ---- */

static int task_exits_tenth(const void *in, void *out)
{
    *(long *)out = *(const int *)in;
    CHECK_EQ(yoke_task_index(), *(const int *)in);
    CHECK(yoke_worker_index() >= 0 && yoke_worker_index() < 3);
    if (*(const int *)in % 10 == 9)
        pthread_exit(NULL);
    return 0;
}

static void exits(unsigned workers, size_t chunk)
{
    int never = -1;
    struct yk_exec_options options = {.workers = workers, .initializer = initialize, .initializer_arg = &never};
    int *numbers = numbers_new(500);
    long results[500];
    yoke_status statuses[500] = {0};
    struct yk_map map = MAP(task_exits_tenth, numbers, results, 500, .chunk = chunk, .statuses = statuses);
    uint32_t n_initialized = 0;

    for (int i = 0; i < 500; i++)
        results[i] = -1;
    memset(initialized, 0, sizeof initialized);
    pool.table = &yk_threads;
    CHECK_EQ(yk_threads.open(&options, &pool.self), 0);
    CHECK_EQ(executor_map(&pool, &map), 50);
    for (int i = 0; i < 500; i++) {
        CHECK_EQ(statuses[i].state, i % 10 == 9 ? YOKE_CRASHED : YOKE_DONE);
        CHECK_EQ(statuses[i].code, 0);
        if (i % 10 != 9)
            CHECK_EQ(results[i], i);
    }
    check_squares(&pool, 1000, 1);
    executor_end(&pool);
    for (unsigned i = 0; i < workers; i++)
        n_initialized += yk_load_acq(&initialized[i]);
    CHECK_EQ(n_initialized, workers + 50); /* in a replacement too */
    free(numbers);
}

TEST(threads_pthread_exit_one_worker)
{
    exits(1, 0);
    exits(1, 1);
    exits(1, 7);
    exits(1, 1000);
}
TEST(threads_pthread_exit_three_workers)
{
    exits(3, 0);
    exits(3, 1);
    exits(3, 7);
    exits(3, 250);
}

static int task_exits_at_once(const void *in, void *out)
{
    (void)in;
    (void)out;
    pthread_exit(NULL);
}

TEST(threads_pthread_exit_fails_fast)
{
    int *numbers = numbers_new(10);
    long results[10];
    yoke_status statuses[10] = {0};
    struct yk_map map =
        MAP(task_exits_at_once, numbers, results, 10, .chunk = 4, .statuses = statuses, .fail_fast = true);

    pool = executor_open(&yk_threads, 1);
    CHECK_EQ(executor_map(&pool, &map), 10);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(statuses[i].state, i == 0 ? YOKE_CRASHED : YOKE_CANCELLED);
    executor_end(&pool);
    free(numbers);
}

static int task_nests_exits(const void *in, void *out)
{
    int *numbers = numbers_new(100);
    long results[100];
    struct yk_map map = MAP(task_exits_tenth, numbers, results, 100, .chunk = 1);

    /* whichever thread an inner item ends takes the task that waits on the same stack along */
    pthread_cleanup_push(free, numbers);
    (void)pool.table->map(pool.self, &map);
    pthread_cleanup_pop(1);
    *(long *)out = *(const int *)in;
    return 0;
}

static void nested_exits(unsigned workers)
{
    int *numbers = numbers_new(20);
    long results[20];
    yoke_status statuses[20] = {0};
    struct yk_map map = MAP(task_nests_exits, numbers, results, 20, .chunk = 3, .statuses = statuses);

    pool = executor_open(&yk_threads, workers);
    CHECK(executor_map(&pool, &map) >= (workers == 1 ? 20 : 0));
    for (int i = 0; i < 20; i++)
        CHECK(statuses[i].state == YOKE_CRASHED || (workers > 1 && statuses[i].state == YOKE_DONE));
    check_squares(&pool, 1000, 1);
    executor_end(&pool);
    free(numbers);
}

TEST(threads_pthread_exit_nested_one_worker)
{
    nested_exits(1);
}
TEST(threads_pthread_exit_nested_three_workers)
{
    chaos_begin();
    nested_exits(3);
}

/* ---- no thread can be made ---- */

/* No address space for another stack. */
static void no_more_threads(void)
{
    CHECK_EQ(setrlimit(RLIMIT_AS, &(struct rlimit){.rlim_cur = 1 << 20, .rlim_max = RLIM_INFINITY}), 0);
}

static int task_exits_at_3_for_good(const void *in, void *out)
{
    *(long *)out = *(const int *)in;
    if (*(const int *)in == 3) {
        no_more_threads();
        pthread_exit(NULL);
    }
    return 0;
}

static void exit_for_good(unsigned workers, yoke_state rest)
{
    int numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    long results[10];
    yoke_status statuses[10] = {0};
    struct yk_map map = MAP(task_exits_at_3_for_good, numbers, results, 10, .chunk = 5, .statuses = statuses);
    struct yk_map next = MAP(task_square, numbers, results, 10, .chunk = 1);

    if (TEST_ADDRESS_SANITIZER || TEST_THREAD_SANITIZER)
        SKIP("a sanitizer needs its address space");
    pool = executor_open(&yk_threads, workers);
    CHECK_EQ(executor_map(&pool, &map), rest == YOKE_DONE ? 1 : 7);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(statuses[i].state, i < 3 ? YOKE_DONE : i == 3 ? YOKE_CRASHED : rest);
    if (rest == YOKE_LOST)
        CHECK_EQ(pool.table->map(pool.self, &next), -YOKE_EBROKEN);
    else
        CHECK_EQ(executor_map(&pool, &next), 0);
    executor_end(&pool);
}

TEST(threads_the_last_worker_is_lost)
{
    exit_for_good(1, YOKE_LOST);
}
TEST(threads_one_of_two_workers_is_lost)
{
    exit_for_good(2, YOKE_DONE);
}

TEST(threads_open_without_room)
{
    void *untouched = &pool;

    if (TEST_ADDRESS_SANITIZER || TEST_THREAD_SANITIZER)
        SKIP("a sanitizer needs its address space");
    no_more_threads();
    CHECK(yk_threads.open(&(struct yk_exec_options){.workers = 3}, &untouched) < 0);
    CHECK(untouched == &pool);
}
