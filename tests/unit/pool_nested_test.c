/* pool_nested_test.c -- tasks that leave by pthread_exit, and tasks that would end their own pool, also out of nested maps. */
#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke.h>

#include "host.h"

static yoke_pool *pool;

static void open_pool(yoke_kind kind, int workers)
{
    CHECK_EQ(yoke_pool_open(&pool, kind, .workers = workers), 0);
}

/* ---- pthread_exit ---- */

static int exits(const int *in, int *out)
{
    (void)in;
    (void)out;
    pthread_exit(NULL);
}
YOKE_TASK(exits, int, int);

static int square(const int *in, int *out)
{
    *out = *in * *in;
    return 0;
}
YOKE_TASK(square, int, int);

static int maps_exits(const int *in, int *out)
{
    *out = 0;
    return yoke_pool_map(pool, exits, in, 1, out) == 1 ? 0 : 1;
}
YOKE_TASK(maps_exits, int, int);

static int maps_maps_exits(const int *in, int *out)
{
    *out = 0;
    return yoke_pool_map(pool, maps_exits, in, 1, out) == 1 ? 0 : 1;
}
YOKE_TASK(maps_maps_exits, int, int);

static void check_pool_works_and_ends(void)
{
    int numbers[50], squares[50];

    for (int i = 0; i < 50; i++)
        numbers[i] = i;
    CHECK_EQ(yoke_pool_map(pool, square, numbers, 50, squares, .chunk = 1), 0);
    for (int i = 0; i < 50; i++)
        CHECK_EQ(squares[i], i * i);
    yoke_pool_free(&pool);
}

TEST(pool_threads_pthread_exit_then_free)
{
    for (int workers = 1; workers <= 3; workers++) {
        int numbers[10] = {0}, results[10];
        yoke_status statuses[10];

        open_pool(YOKE_THREADS, workers);
        CHECK_EQ(yoke_pool_map(pool, exits, numbers, 10, results, .statuses = statuses, .chunk = 1), 10);
        for (int i = 0; i < 10; i++)
            CHECK_EQ(statuses[i].state, YOKE_CRASHED);
        check_pool_works_and_ends();
    }
}

TEST(pool_threads_pthread_exit_in_a_nested_map_then_free)
{
    for (int workers = 1; workers <= 3; workers++) {
        int number = 0, result;
        yoke_status status;

        /* one item has one ticket, the caller's: it is always this worker that ends */
        open_pool(YOKE_THREADS, workers);
        CHECK_EQ(yoke_pool_apply(pool, maps_exits, &number, &result, .statuses = &status), 1);
        CHECK_EQ(status.state, YOKE_CRASHED);
        CHECK_EQ(yoke_pool_apply(pool, maps_maps_exits, &number, &result, .statuses = &status), 1);
        CHECK_EQ(status.state, YOKE_CRASHED);
        check_pool_works_and_ends();
    }
}

static void *map_exits(void *arg)
{
    int number = 0, result;

    (void)arg;
    (void)!yoke_pool_map(pool, exits, &number, 1, &result);
    test_fail(__FILE__, __LINE__, "a serial pool runs its tasks in the caller");
}

static void *map_maps_exits(void *arg)
{
    int number = 0, result;

    (void)arg;
    (void)!yoke_pool_map(pool, maps_maps_exits, &number, 1, &result);
    test_fail(__FILE__, __LINE__, "a serial pool runs its tasks in the caller");
}

/* It is the caller's own thread that ends. */
TEST(pool_serial_pthread_exit_then_free)
{
    void *(*const callers[])(void *) = {map_exits, map_maps_exits};

    for (int i = 0; i < 2; i++) {
        pthread_t thread;

        open_pool(YOKE_SERIAL, 0);
        CHECK_EQ(pthread_create(&thread, NULL, callers[i], NULL), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        check_pool_works_and_ends();
    }
}

/* ---- a task that would end its own pool ---- */

static int joins(const int *in, int *out)
{
    CHECK_EQ(yoke_pool_close(pool), 0);
    *out = *in + yoke_pool_join(pool);
    return 0;
}
YOKE_TASK(joins, int, int);

static int frees(const int *in, int *out)
{
    yoke_pool *mine = pool;

    *out = *in;
    yoke_pool_free(&mine);
    return 0;
}
YOKE_TASK(frees, int, int);

/* The same, inside a map of another pool that has the same thread run it. */
static int through_serial(const yoke_task *task, const int *in, int *out)
{
    yoke_pool *serial;
    ptrdiff_t bad;

    CHECK_EQ(yoke_pool_open(&serial, YOKE_SERIAL), 0);
    bad = yoke_pool_map_with(serial, task, in, 1, &(yoke_map_options){.size = sizeof(yoke_map_options), .out = out});
    yoke_pool_free(&serial);
    return (int)bad;
}

static int joins_through_serial(const int *in, int *out)
{
    return through_serial(&joins_yoke_task, in, out);
}
YOKE_TASK(joins_through_serial, int, int);

static int frees_through_serial(const int *in, int *out)
{
    return through_serial(&frees_yoke_task, in, out);
}
YOKE_TASK(frees_through_serial, int, int);

static const yoke_kind kinds[] = {YOKE_SERIAL, YOKE_THREADS};

static ptrdiff_t apply(yoke_kind kind, const yoke_task *task, int *result)
{
    int zero = 0;

    open_pool(kind, 2);
    return yoke_pool_map_with(pool, task, &zero, 1,
                              &(yoke_map_options){.size = sizeof(yoke_map_options), .out = result});
}

static void check_join_is_refused(const yoke_task *task)
{
    for (int k = 0; k < 2; k++) {
        int result = 0;

        CHECK_EQ(apply(kinds[k], task, &result), 0);
        CHECK_EQ(result, -EDEADLK);
        CHECK_EQ(yoke_pool_join(pool), 0); /* outside of it */
        yoke_pool_free(&pool);
    }
}

TEST(pool_join_by_a_task_is_refused)
{
    check_join_is_refused(&joins_yoke_task);
}
TEST(pool_join_by_a_task_through_a_serial_map_is_refused)
{
    check_join_is_refused(&joins_through_serial_yoke_task);
}

static void check_free_is_misuse(const yoke_task *task)
{
    for (int k = 0; k < 2; k++) {
        int status, result, pid = fork();

        if (pid == 0) {
            no_core();
            (void)apply(kinds[k], task, &result);
            _exit(0);
        }
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

TEST(pool_free_by_a_task_is_misuse)
{
    check_free_is_misuse(&frees_yoke_task);
}
TEST(pool_free_by_a_task_through_a_serial_map_is_misuse)
{
    check_free_is_misuse(&frees_through_serial_yoke_task);
}
