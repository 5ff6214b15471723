/* threads_end_test.c -- the end of maps and of an executor of threads: failing fast, terminate, close, join, a fork. */
#include <errno.h>
#include <stdlib.h>

#include "chaos.h"
#include "host.h"
#include "threads.h"

/* ---- failing fast ---- */

static int task_fails_at_100(const void *in, void *out)
{
    *(long *)out = 1;
    return *(const int *)in == 100 ? 7 : 0;
}

static void fail_fast(unsigned workers, size_t chunk)
{
    enum { N = 20000 };
    struct executor x = executor_open(&yk_threads, workers);
    int *numbers = numbers_new(N);
    long *results = calloc(N, sizeof *results);
    yoke_status *statuses = calloc(N, sizeof *statuses);
    struct yk_map map =
        MAP(task_fails_at_100, numbers, results, N, .chunk = chunk, .statuses = statuses, .fail_fast = true);
    size_t bad = executor_map(&x, &map), cancelled = 0;

    for (int i = 0; i < N; i++) {
        CHECK_EQ(statuses[i].state == YOKE_FAILED, i == 100);
        if (statuses[i].state != YOKE_FAILED)
            CHECK_EQ(results[i], statuses[i].state == YOKE_DONE); /* what was cancelled was not started */
        cancelled += statuses[i].state == YOKE_CANCELLED;
        if (workers == 1 && chunk > 0)
            CHECK_EQ(statuses[i].state, i < 100 ? YOKE_DONE : i == 100 ? YOKE_FAILED : YOKE_CANCELLED);
    }
    CHECK_EQ(statuses[100].code, 7);
    CHECK_EQ(bad, cancelled + 1);
    free(numbers);
    free(results);
    free(statuses);
    executor_end(&x);
}

TEST(threads_fail_fast_one_worker)
{
    fail_fast(1, 1);
    fail_fast(1, 64);
    fail_fast(1, 0);
}
TEST(threads_fail_fast_three_workers)
{
    fail_fast(3, 1);
    fail_fast(3, 64);
    fail_fast(3, 0);
}

/* ---- terminate and close ---- */

static int map_squares_cancelled(void *arg)
{
    int *numbers = numbers_new(100);
    long results[100] = {0};
    yoke_status statuses[100] = {0};
    struct yk_map map = MAP(task_square, numbers, results, 100, .statuses = statuses);

    (void)arg;
    CHECK_EQ(executor_map(&pool, &map), 100);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(statuses[i].state, YOKE_CANCELLED);
    CHECK_EQ(results[99], 0);
    free(numbers);
    return 0;
}

/* A worker finishes the item that it runs; a map that waits behind it does not wait for that. */
TEST(threads_terminate)
{
    yoke_thread running = {0}, waiting = {0};
    struct yk_map late = MAP(task_square, &(int){1}, &(long){1}, 1, .chunk = 0);
    size_t bad;

    yk_fault_hook = count_published;
    pool = executor_open(&yk_threads, 1);
    start(&running, map_gates, &bad);
    yoke_event_wait(&begun[0]);
    start(&waiting, map_squares_cancelled, NULL);
    await_published(2);
    pool.table->terminate(pool.self);
    pool.table->close(pool.self); /* the worker is still in its item */
    join(&waiting);
    CHECK_EQ(pool.table->map(pool.self, &late), -YOKE_ECLOSED);
    CHECK(yoke_thread_alive(&running));
    yoke_event_set(&released[0]);
    join(&running);
    CHECK_EQ(bad, GATES - 1);
    for (int i = 0; i < GATES; i++) {
        CHECK_EQ(gate_statuses[i].state, i == 0 ? YOKE_DONE : YOKE_CANCELLED);
        CHECK_EQ(yoke_event_is_set(&begun[i]), i == 0);
    }
    executor_end(&pool);
}

static int map_until_closed(void *arg)
{
    int *numbers = numbers_new(50);
    long results[50];
    int rc = 0;

    for (*(int *)arg = 0; rc == 0; ++*(int *)arg) {
        yoke_status statuses[50] = {0};
        struct yk_map map = MAP(task_square, numbers, results, 50, .chunk = 1, .statuses = statuses);
        size_t cancelled = 0;

        rc = pool.table->map(pool.self, &map);
        for (int i = 0; i < 50; i++)
            cancelled += statuses[i].state == YOKE_CANCELLED;
        CHECK_EQ(yk_load_acq(&map.ended), rc == 0 ? 50 : 0);
        CHECK_EQ(yk_load_acq(&map.bad), cancelled);
    }
    CHECK_EQ(rc, -YOKE_ECLOSED);
    free(numbers);
    return 0;
}

/* close or terminate in the middle of many maps. */
static void end_among_maps(void (*end)(void *self))
{
    for (int i = 0; i < 100; i++) {
        yoke_thread callers[3] = {0};
        int counts[3];

        pool = executor_open(&yk_threads, 2);
        for (int c = 0; c < 3; c++)
            start(&callers[c], map_until_closed, &counts[c]);
        for (uint64_t r = chaos_random() % 2000; r > 0; r--)
            yk_cpu_relax();
        end(pool.self);
        CHECK_EQ(pool.table->join(pool.self), 0);
        for (int c = 0; c < 3; c++)
            join(&callers[c]);
        pool.table->free(pool.self);
    }
}

TEST(threads_terminate_among_maps)
{
    chaos_begin();
    end_among_maps(yk_threads.terminate);
}
TEST(threads_close_among_maps)
{
    chaos_begin();
    end_among_maps(yk_threads.close);
}

static int join_pool(void *arg)
{
    (void)arg;
    return pool.table->join(pool.self);
}

TEST(threads_close_lets_maps_finish)
{
    yoke_thread caller = {0}, joiners[2] = {0};
    size_t bad = 99;
    int code;

    pool = executor_open(&yk_threads, 2);
    start(&caller, map_gates, &bad);
    yoke_event_wait(&begun[1]);
    pool.table->close(pool.self);
    pool.table->close(pool.self);
    start(&joiners[0], join_pool, NULL);
    start(&joiners[1], join_pool, NULL);
    for (int i = 0; i < GATES; i++) {
        CHECK(yoke_thread_alive(&joiners[0]));
        yoke_event_set(&released[i]);
    }
    join(&caller);
    CHECK_EQ(bad, 0);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(yoke_thread_join(&joiners[i], &code), 0);
        CHECK_EQ(code, 0);
    }
    pool.table->free(pool.self);
}

static int task_joins(const void *in, void *out)
{
    (void)in;
    pool.table->close(pool.self);
    *(long *)out = pool.table->join(pool.self);
    return 0;
}

TEST(threads_join_by_a_task_is_refused)
{
    long result = 0;
    struct yk_map map = MAP(task_joins, &(int){0}, &result, 1, .chunk = 0);

    pool = executor_open(&yk_threads, 2);
    CHECK_EQ(executor_map(&pool, &map), 0);
    CHECK_EQ(result, -EDEADLK);
    executor_end(&pool);
}

/* ---- in a fork ---- */

static void forget_pool(void)
{
    pool.table->forget(pool.self);
}

/* Memory that was freed gets other bytes. */
static void spoil_free_memory(void)
{
    for (size_t size = 64; size < 16384; size += 64) {
        char *bytes = malloc(size);

        CHECK(bytes);
        memset(bytes, '#', size);
        __asm__ volatile("" : : "r"(bytes) : "memory");
    }
}

static void forget_and_look(void)
{
    yoke_thread *here = yoke_thread_current();
    uint64_t ident = yoke_thread_ident(here);

    forget_pool();
    spoil_free_memory();
    CHECK(yoke_thread_current() == here && yoke_thread_main() == here);
    CHECK_STR(yoke_thread_name(here), "Worker-1");
    CHECK_EQ(yoke_thread_ident(here), ident);
    CHECK(yoke_thread_alive(here));
    CHECK_EQ(yoke_thread_native_id(here), yk_getpid());
}

static int task_forks(const void *in, void *out)
{
    (void)in;
    *(long *)out = 1;
    in_host(forget_and_look);
    return 0;
}

/* The thread that forked lives in the pool's memory. */
TEST(threads_forget_in_a_fork_by_a_task)
{
    long result = 0;
    struct yk_map map = MAP(task_forks, &(int){0}, &result, 1, .chunk = 0);

    pool = executor_open(&yk_threads, 1);
    CHECK_EQ(executor_map(&pool, &map), 0);
    CHECK_EQ(result, 1);
    executor_end(&pool);
}

TEST(threads_forget_in_a_fork)
{
    pool = executor_open(&yk_threads, 2);
    CHECK(pool.table->alloc(pool.self, 100));
    check_squares(&pool, 100, 1);
    in_host(forget_pool);
    check_squares(&pool, 100, 1);
    executor_end(&pool);
}
