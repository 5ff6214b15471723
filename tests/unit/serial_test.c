/* serial_test.c -- the executor that runs items in the caller. */
#include <errno.h>
#include <pthread.h>
#include <yoke/event.h>
#include <yoke/thread.h>

#include "executor.h"
#include "os/os.h"

TEST(serial_results)
{
    struct executor x = executor_open(&yk_serial, 1);

    for (size_t n = 0; n < 5; n++)
        check_squares(&x, n, 0);
    check_squares(&x, 100000, 7);
    check_strings(&x);
    check_dropped_results(&x);
    executor_end(&x);
}

TEST(serial_statuses)
{
    struct executor x = executor_open(&yk_serial, 1);

    check_statuses(&x, 0);
    executor_end(&x);
}

TEST(serial_scarcity_and_memory)
{
    struct executor x = executor_open(&yk_serial, 1);

    check_no_memory(&x);
    check_memory(&x);
    executor_end(&x);
}

/* ---- where a task is ---- */

static struct executor pool;
static yoke_thread *caller;

static int task_where(const void *in, void *out)
{
    CHECK(yoke_thread_current() == caller);
    CHECK_EQ(yoke_task_index(), *(const int *)in);
    CHECK_EQ(yoke_worker_index(), 0);
    CHECK(executor_inside(&pool));
    *(long *)out = 0;
    return 0;
}

static int task_nests(const void *in, void *out)
{
    int numbers[] = {0, 1, 2};
    long results[3];
    struct yk_map map = MAP(task_where, numbers, results, 3, .chunk = 0);

    CHECK_EQ(executor_map(&pool, &map), 0);
    return task_where(in, out);
}

TEST(serial_task_knows_where_it_is)
{
    int numbers[] = {0, 1, 2, 3};
    long results[4];
    struct yk_map map = MAP(task_nests, numbers, results, 4, .chunk = 0);

    pool = executor_open(&yk_serial, 1);
    caller = yoke_thread_current();
    CHECK_EQ(yoke_worker_index(), -1);
    CHECK_EQ(executor_map(&pool, &map), 0);
    CHECK_EQ(yoke_worker_index(), -1);
    CHECK_EQ(yoke_task_index(), 0);
    CHECK(!executor_inside(&pool));
    executor_end(&pool);
}

static struct executor other;

static int task_into_other(const void *in, void *out)
{
    struct yk_map map = MAP(task_where, (const int *)in, (long *)out, 1, .chunk = 0);

    CHECK(executor_inside(&pool) && !executor_inside(&other));
    return (int)executor_map(&other, &map);
}

static int check_outside(void *arg)
{
    (void)arg;
    CHECK(!executor_inside(&pool));
    return 0;
}

static int task_is_alone_inside(const void *in, void *out)
{
    yoke_thread thread = {0};

    (void)in;
    CHECK(executor_inside(&pool));
    CHECK_EQ(yoke_thread_start(&thread, check_outside, NULL), 0);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    *(long *)out = 0;
    return 0;
}

/* Also under a map of another pool; not in another thread. */
TEST(serial_knows_who_is_inside)
{
    int number = 0;
    long result;
    struct yk_map nested = MAP(task_into_other, &number, &result, 1, .chunk = 0);
    struct yk_map alone = MAP(task_is_alone_inside, &number, &result, 1, .chunk = 0);

    caller = yoke_thread_current();
    pool = executor_open(&yk_serial, 1);
    other = executor_open(&yk_serial, 1);
    CHECK_EQ(executor_map(&pool, &nested), 0);
    CHECK_EQ(executor_map(&pool, &alone), 0);
    CHECK(!executor_inside(&pool) && !executor_inside(&other));
    executor_end(&other);
    executor_end(&pool);
}

/* ---- initializer ---- */

static int initialized;

static int initialize(void *arg)
{
    CHECK_EQ(yoke_worker_index(), 0);
    initialized++;
    return *(int *)arg;
}

TEST(serial_initializer)
{
    int code = 0;
    struct yk_exec_options options = {.workers = 1, .initializer = initialize, .initializer_arg = &code};
    void *untouched = &code;

    pool.table = &yk_serial;
    CHECK_EQ(yk_serial.open(&options, &pool.self), 0);
    CHECK_EQ(initialized, 1);
    CHECK_EQ(yoke_worker_index(), -1);
    check_squares(&pool, 10, 0);
    CHECK_EQ(initialized, 1);
    executor_end(&pool);
    code = 3;
    CHECK_EQ(yk_serial.open(&options, &untouched), -YOKE_EINIT);
    CHECK(untouched == &code);
}

/* ---- stopping ---- */

static int task_fails_at_5(const void *in, void *out)
{
    *(long *)out = *(const int *)in;
    if (*(const int *)in == 5 && pool.self)
        pool.table->terminate(pool.self);
    return *(const int *)in == 5 && !pool.self ? 77 : 0;
}

static void check_stopped_at_5(struct executor *x, yoke_state state, int code, bool fail_fast)
{
    int numbers[] = {0, 1, 2, 3, 4, 5, 6, 7};
    long results[8] = {0};
    yoke_status statuses[8] = {0};
    struct yk_map map = MAP(task_fails_at_5, numbers, results, 8, .statuses = statuses, .fail_fast = fail_fast);

    CHECK_EQ(executor_map(x, &map), state == YOKE_DONE ? 2 : 3);
    for (int i = 0; i < 8; i++)
        CHECK_EQ(statuses[i].state, i < 5 ? YOKE_DONE : i == 5 ? state : YOKE_CANCELLED);
    CHECK_EQ(statuses[5].code, code);
    CHECK_EQ(results[6], 0);
}

TEST(serial_fail_fast)
{
    struct executor x = executor_open(&yk_serial, 1);

    check_stopped_at_5(&x, YOKE_FAILED, 77, true);
    executor_end(&x);
}

TEST(serial_terminate)
{
    pool = executor_open(&yk_serial, 1);
    check_stopped_at_5(&pool, YOKE_DONE, 0, false);
    executor_end(&pool);
}

/* ---- threads take turns ---- */

static yk_a32 inside;

static int task_alone(const void *in, void *out)
{
    *(long *)out = *(const int *)in;
    CHECK_EQ(yk_swap_aar(&inside, 1), 0);
    yk_yield(); /* to whoever would not wait for its turn */
    yk_store_rel(&inside, 0);
    return 0;
}

static int map_alone(void *arg)
{
    int *numbers = numbers_new(1000);
    long results[1000];

    (void)arg;
    for (int i = 0; i < 20; i++) {
        struct yk_map map = MAP(task_alone, numbers, results, 1000, .chunk = 0);

        CHECK_EQ(executor_map(&pool, &map), 0);
    }
    free(numbers);
    return 0;
}

TEST(serial_runs_one_item_at_a_time)
{
    yoke_thread threads[3] = {0};

    pool = executor_open(&yk_serial, 1);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(yoke_thread_start(&threads[i], map_alone, NULL), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(yoke_thread_join(&threads[i], NULL), 0);
    executor_end(&pool);
}

static int task_exits(const void *in, void *out)
{
    (void)in;
    (void)out;
    pthread_exit(NULL);
}

static int map_exits(void *arg)
{
    int number = 0;
    long result;
    struct yk_map map = MAP(task_exits, &number, &result, 1, .chunk = 0);

    (void)arg;
    (void)pool.table->map(pool.self, &map);
    return 0;
}

/* It is the caller's own thread that ends; others go on. */
TEST(serial_pthread_exit_gives_the_turn_back)
{
    yoke_thread thread = {0};
    int code;

    pool = executor_open(&yk_serial, 1);
    CHECK_EQ(yoke_thread_start(&thread, map_exits, NULL), 0);
    CHECK_EQ(yoke_thread_join(&thread, &code), 0);
    CHECK_EQ(code, YOKE_THREAD_EXITED);
    check_squares(&pool, 10, 0);
    executor_end(&pool);
}
