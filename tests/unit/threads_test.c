/* threads_test.c -- the executor of worker threads. */
#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <yoke/event.h>
#include <yoke/thread.h>

#include "chaos.h"
#include "exec/chunk.h"
#include "executor.h"

/* The pool of the test, for tasks that need it. */
static struct executor pool;

static void start(yoke_thread *thread, int (*run)(void *arg), void *arg)
{
    CHECK_EQ(yoke_thread_start(thread, run, arg), 0);
}

static void join(yoke_thread *thread)
{
    CHECK_EQ(yoke_thread_join(thread, NULL), 0);
}

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

/* Items that start when they are told, and end when they are told. */
enum { GATES = 8 };

static yoke_event begun[GATES], released[GATES];

static int task_gate(const void *in, void *out)
{
    int i = *(const int *)in;

    *(long *)out = i;
    yoke_event_set(&begun[i]);
    yoke_event_wait(&released[i]);
    return 0;
}

static yoke_status gate_statuses[GATES];

static int map_gates(void *arg)
{
    int numbers[GATES] = {0, 1, 2, 3, 4, 5, 6, 7};
    long results[GATES];
    struct yk_map map = MAP(task_gate, numbers, results, GATES, .chunk = 1, .statuses = gate_statuses);

    *(size_t *)arg = executor_map(&pool, &map);
    return 0;
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

static yk_a32 n_published;

static void count_published(enum yk_point point)
{
    if (point == YK_AT_PUBLISH_AFTER) {
        yk_add_aar(&n_published, 1);
        yk_futex_wake(&n_published, INT32_MAX, false);
    }
}

static void await_published(uint32_t wanted)
{
    uint32_t value;

    while ((value = yk_load_acq(&n_published)) < wanted)
        yk_futex_wait(&n_published, value, false, YOKE_FOREVER);
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

/* ---- where a task is ---- */

static int task_where(const void *in, void *out)
{
    CHECK_EQ(yoke_task_index(), *(const int *)in);
    CHECK(yoke_worker_index() >= 0 && yoke_worker_index() < 2);
    CHECK(yk_current()->self == pool.self);
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
    CHECK(yk_current()->self == NULL);
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
    CHECK(yk_current()->self == pool.self);
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
    CHECK_EQ(executor_map(&pool, &map), 0);
    *(long *)out = results[0] + results[1];
    return 0;
}

static int task_into_serial(const void *in, void *out)
{
    int numbers[2] = {1, 2};
    long results[2];
    struct yk_map map = MAP(task_into_threads, numbers, results, 2, .chunk = 1);

    (void)in;
    CHECK_EQ(executor_map(&serial, &map), 0);
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

/* ---- stopping ---- */

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

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

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

    if (SANITIZED)
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

    if (SANITIZED)
        SKIP("a sanitizer needs its address space");
    no_more_threads();
    CHECK(yk_threads.open(&(struct yk_exec_options){.workers = 3}, &untouched) < 0);
    CHECK(untouched == &pool);
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

/* ---- in a fork ---- */

TEST(threads_forget_in_a_fork)
{
    int status;
    pid_t child;

    pool = executor_open(&yk_threads, 2);
    CHECK(pool.table->alloc(pool.self, 100));
    check_squares(&pool, 100, 1);
    child = fork();
    if (child == 0) {
        pool.table->forget(pool.self);
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    check_squares(&pool, 100, 1);
    executor_end(&pool);
}
