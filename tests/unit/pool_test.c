/* What <yoke/pool.h> promises of every kind of pool: the same program on serial, threads and processes. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke.h>

#include "host.h"
#include "test.h"

static const yoke_kind kinds[] = {YOKE_SERIAL, YOKE_THREADS, YOKE_PROCESSES};

static yoke_pool *open_pool(yoke_kind kind, int workers)
{
    yoke_pool *pool;

    CHECK_EQ(yoke_pool_open(&pool, kind, .workers = workers), 0);
    return pool;
}

/* Runs the body once with a pool of each kind and two workers. */
#define ON_EVERY_KIND(name)                                                                                            \
    static void check_##name(yoke_pool *pool, yoke_kind kind);                                                         \
    TEST(name)                                                                                                         \
    {                                                                                                                  \
        for (int k = 0; k < 3; k++) {                                                                                  \
            yoke_pool *pool = open_pool(kinds[k], 2);                                                                  \
            check_##name(pool, kinds[k]);                                                                              \
            yoke_pool_free(&pool);                                                                                     \
            CHECK(pool == NULL);                                                                                       \
        }                                                                                                              \
    }                                                                                                                  \
    static void check_##name(yoke_pool *pool, __attribute__((unused)) yoke_kind kind)

static int square(const int *in, long *out)
{
    *out = (long)*in * *in;
    return 0;
}
YOKE_TASK(square, int, long);

static int odd_fails(const int *in, int *out)
{
    *out = *in;
    return *in % 2 ? *in : 0;
}
YOKE_TASK(odd_fails, int, int);

static int check_index(const int *in, int *out)
{
    *out = yoke_worker_index();
    return (size_t)*in == yoke_task_index() ? 0 : 1;
}
YOKE_TASK(check_index, int, int);

static int store_there(int *const *in)
{
    **in = 7;
    return 0;
}
YOKE_TASK_NORESULT(store_there, int *);

static int length(const char *in, size_t *out)
{
    *out = strlen(in);
    return 0;
}
YOKE_TASK(length, char, size_t);

YOKE_STARTASK(pow, double, double, double);

static void touch(int a, int b)
{
    (void)a;
    (void)b;
}
YOKE_STARTASK_NORESULT(touch, int, int);

static int eight(int a, int b, int c, int d, int e, int f, int g, int h)
{
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h;
}
YOKE_STARTASK(eight, int, int, int, int, int, int, int, int, int);

struct big {
    char bytes[5000];
};

static int copy_big(const struct big *in, struct big *out)
{
    *out = *in;
    return 0;
}
YOKE_TASK(copy_big, struct big, struct big);

static int *count_up(int n)
{
    int *numbers = malloc((size_t)(n ? n : 1) * sizeof *numbers);

    CHECK(numbers != NULL);
    for (int i = 0; i < n; i++)
        numbers[i] = i;
    return numbers;
}

ON_EVERY_KIND(pool_map_gives_results_in_order)
{
    static const int sizes[] = {0, 1, 2, 3, 7, 64, 1000, 100000};
    static const size_t chunks[] = {0, 1, 3, 64, 1000000};

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int n = sizes[s], *numbers = count_up(n);
        long *squares = malloc((size_t)(n ? n : 1) * sizeof *squares);

        for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++) {
            memset(squares, 0xff, (size_t)n * sizeof *squares);
            CHECK_EQ(yoke_pool_map(pool, square, numbers, (size_t)n, squares, .chunk = chunks[c]), 0);
            for (int i = 0; i < n; i++)
                CHECK_EQ(squares[i], (long)i * i);
        }
        free(numbers);
        free(squares);
    }
}

ON_EVERY_KIND(pool_map_keeps_good_results_beside_failures)
{
    int n = 1001, *numbers = count_up(n), *out = count_up(n);
    yoke_status *statuses = malloc((size_t)n * sizeof *statuses);

    memset(out, 0, (size_t)n * sizeof *out);
    CHECK_EQ(yoke_pool_map(pool, odd_fails, numbers, (size_t)n, out, .statuses = statuses), 500);
    for (int i = 0; i < n; i++) {
        CHECK_EQ(statuses[i].state, i % 2 ? YOKE_FAILED : YOKE_DONE);
        CHECK_EQ(statuses[i].code, i % 2 ? i : 0);
        if (i % 2 == 0)
            CHECK_EQ(out[i], i);
    }
    free(numbers);
    free(out);
    free(statuses);
}

ON_EVERY_KIND(pool_fail_fast_starts_nothing_after_a_failure)
{
    int n = 10000, *numbers = count_up(n), cancelled = 0;
    yoke_status *statuses = malloc((size_t)n * sizeof *statuses);
    ptrdiff_t bad =
        yoke_pool_map(pool, odd_fails, numbers, (size_t)n, NULL, .statuses = statuses, .fail_fast = 1, .chunk = 10);

    for (int i = 0; i < n; i++)
        cancelled += statuses[i].state == YOKE_CANCELLED;
    CHECK_EQ(statuses[0].state, YOKE_DONE);
    CHECK_EQ(statuses[1].state, YOKE_FAILED);
    CHECK(cancelled > n - 100);
    CHECK(bad > cancelled && bad <= cancelled + 2);
    free(numbers);
    free(statuses);
}

ON_EVERY_KIND(pool_tasks_know_their_index_and_worker)
{
    int n = 1000, *numbers = count_up(n), *workers = count_up(n);

    CHECK_EQ(yoke_pool_map(pool, check_index, numbers, (size_t)n, workers), 0);
    for (int i = 0; i < n; i++)
        CHECK(workers[i] >= 0 && workers[i] < yoke_pool_workers(pool));
    CHECK_EQ(yoke_worker_index(), -1);
    CHECK_EQ(yoke_task_index(), 0);
    free(numbers);
    free(workers);
}

ON_EVERY_KIND(pool_starmap_takes_functions_as_they_are)
{
    double powers[2];
    int sum;

    CHECK_EQ(yoke_pool_starmap(pool, pow, ((struct pow_args[]){{2, 10}, {3, 4}}), 2, powers), 0);
    CHECK(powers[0] == 1024 && powers[1] == 81);
    CHECK_EQ(yoke_pool_starmap(pool, touch, ((struct touch_args[]){{1, 2}, {3, 4}}), 2, NULL), 0);
    CHECK_EQ(yoke_pool_starmap(pool, eight, ((struct eight_args[]){{1, 1, 1, 1, 1, 1, 1, 1}}), 1, &sum), 0);
    CHECK_EQ(sum, 36);
}

ON_EVERY_KIND(pool_map_strings_sends_the_text)
{
    char *names[] = {(char *)"", (char *)"a", (char *)"hello", (char *)"yoke"};
    const char *more[] = {"xx", "yyy"};
    size_t sizes[4];
    char *long_one = malloc(1000001);

    CHECK_EQ(yoke_pool_map_strings(pool, length, names, 4, sizes), 0);
    CHECK(sizes[0] == 0 && sizes[1] == 1 && sizes[2] == 5 && sizes[3] == 4);
    CHECK_EQ(yoke_pool_map_strings(pool, length, more, 2, sizes, .chunk = 1), 0);
    CHECK(sizes[0] == 2 && sizes[1] == 3);
    memset(long_one, 'x', 1000000);
    long_one[1000000] = 0;
    CHECK_EQ(yoke_pool_map_strings(pool, length, &long_one, 1, sizes), 0);
    CHECK_EQ(sizes[0], 1000000);
    more[1] = NULL;
    CHECK_EQ(yoke_pool_map_strings(pool, length, more, 2, sizes), -EINVAL);
    free(long_one);
}

ON_EVERY_KIND(pool_apply_runs_one_item)
{
    int in = 12;
    long out = 0;
    yoke_status status;

    CHECK_EQ(yoke_pool_apply(pool, square, &in, &out, .statuses = &status), 0);
    CHECK(out == 144 && status.state == YOKE_DONE);
    in = 3;
    CHECK_EQ(yoke_pool_apply(pool, odd_fails, &in, NULL, .statuses = &status), 1);
    CHECK(status.state == YOKE_FAILED && status.code == 3);
}

ON_EVERY_KIND(pool_items_of_any_size)
{
    struct big *in = calloc(300, sizeof *in), *out = calloc(300, sizeof *out);

    for (int i = 0; i < 300; i++)
        memset(in[i].bytes, i, sizeof in[i].bytes);
    CHECK_EQ(yoke_pool_map(pool, copy_big, in, 300, out), 0);
    CHECK_EQ(memcmp(in, out, 300 * sizeof *in), 0);
    CHECK_EQ(yoke_pool_map(pool, copy_big, in, 300, NULL), 0);
    free(in);
    free(out);
}

ON_EVERY_KIND(pool_memory_is_zero_shared_and_used_in_place)
{
    int *shared = yoke_pool_alloc(pool, 1000 * sizeof *shared);
    long *out = yoke_pool_alloc(pool, 1000 * sizeof *out);
    int **places = yoke_pool_alloc(pool, 1000 * sizeof *places);

    CHECK(shared && out && places);
    CHECK_EQ((uintptr_t)shared % 64, 0);
    for (int i = 0; i < 1000; i++) {
        CHECK_EQ(shared[i], 0);
        places[i] = &shared[i];
    }
    CHECK_EQ(yoke_pool_map(pool, store_there, places, 1000, NULL), 0);
    for (int i = 0; i < 1000; i++)
        CHECK_EQ(shared[i], 7);
    CHECK_EQ(yoke_pool_map(pool, square, shared, 1000, out), 0);
    CHECK_EQ(out[999], 49);
    yoke_pool_dealloc(pool, shared);
    yoke_pool_dealloc(pool, NULL);
    shared = yoke_pool_alloc(pool, 1000 * sizeof *shared);
    CHECK_EQ(shared[999], 0);
    CHECK(!yoke_pool_alloc(pool, 0));
    CHECK(!yoke_pool_alloc(pool, SIZE_MAX));
}

ON_EVERY_KIND(pool_refuses_bad_input_and_goes_on)
{
    int in[2] = {1, 2};
    long out[2] = {-1, -1};
    yoke_status statuses[2] = {{YOKE_LOST, 9}, {YOKE_LOST, 9}};
    yoke_task unknown = {.name = "unknown", .run = square_yoke_task.run, .in_size = 4, .out_size = 8};
    yoke_map_options options = {.size = sizeof options, .out = out, .statuses = statuses};

    CHECK_EQ(yoke_pool_map(pool, square, (int *)NULL, 2, out), -EINVAL);
    CHECK_EQ(yoke_pool_map(pool, square, (int *)NULL, 0, out), 0);
    CHECK_EQ(yoke_pool_map(NULL, square, in, 2, out), -EINVAL);
    CHECK_EQ(yoke_pool_map(pool, square, in, 2, out, .item_timeout = -1), -EINVAL);
    CHECK_EQ(yoke_pool_map(pool, square, in, 2, out, .item_timeout = NAN), -EINVAL);
    CHECK_EQ(yoke_pool_map(pool, square, in, SIZE_MAX / 2, out), -EOVERFLOW);
    CHECK_EQ(yoke_pool_map(pool, square, in, UINT32_MAX, out), -EOVERFLOW);
    CHECK_EQ(yoke_pool_map_with(pool, &unknown, in, 2, &options), -YOKE_ENOTASK);
    CHECK_EQ(yoke_pool_map_with(pool, NULL, in, 2, &options), -EINVAL);
    CHECK_EQ(yoke_pool_map_with(pool, &square_yoke_task, in, 2, NULL), -EINVAL);
    options.size = 3;
    CHECK_EQ(yoke_pool_map_with(pool, &square_yoke_task, in, 2, &options), -EINVAL);
    if (kind != YOKE_PROCESSES)
        CHECK_EQ(yoke_pool_map(pool, square, in, 2, out, .item_timeout = 1), -ENOTSUP);
    CHECK(out[0] == -1 && out[1] == -1);
    CHECK(statuses[0].state == YOKE_LOST && statuses[0].code == 9);
    CHECK_EQ(yoke_pool_map(pool, square, in, 2, out), 0);
    CHECK_EQ(out[1], 4);
}

TEST(pool_open_refuses_absurd_wishes)
{
    yoke_pool *pool = (yoke_pool *)&kinds;
    yoke_pool_options small = {.size = 4, .kind = YOKE_SERIAL};

    CHECK_EQ(yoke_pool_open(&pool, (yoke_kind)0), -EINVAL);
    CHECK_EQ(yoke_pool_open(&pool, (yoke_kind)99), -EINVAL);
    for (int k = 0; k < 3; k++) {
        CHECK_EQ(yoke_pool_open(&pool, kinds[k], .workers = -1), -EINVAL);
        CHECK_EQ(yoke_pool_open(&pool, kinds[k], .workers = YOKE_WORKERS_MAX + 1), -EINVAL);
        CHECK_EQ(yoke_pool_open((yoke_pool **)NULL, kinds[k]), -EINVAL);
    }
    CHECK_EQ(yoke_pool_open_with(&pool, &small), -EINVAL);
    CHECK_EQ(yoke_pool_open_with(&pool, NULL), -EINVAL);
    CHECK_EQ(yoke_pool_open(&pool, YOKE_PROCESSES, .start = YOKE_EXEC), -ENOTSUP);
    CHECK(pool == (yoke_pool *)&kinds);
    yoke_pool_free(NULL);
    pool = NULL;
    yoke_pool_free(&pool);
    CHECK_EQ(yoke_pool_workers(NULL), -EINVAL);
    CHECK_EQ(yoke_pool_close(NULL), -EINVAL);
    CHECK_EQ(yoke_pool_terminate(NULL), -EINVAL);
    CHECK_EQ(yoke_pool_join(NULL), -EINVAL);
    CHECK(yoke_pool_alloc(NULL, 8) == NULL);
    yoke_pool_dealloc(NULL, NULL);
}

TEST(pool_workers_default_to_the_cpus_that_may_be_used)
{
    for (int k = 1; k < 3; k++) {
        yoke_pool *pool = open_pool(kinds[k], 0);

        CHECK_EQ(yoke_pool_workers(pool), yoke_cpu_count());
        yoke_pool_free(&pool);
    }
}

ON_EVERY_KIND(pool_close_join_and_what_comes_after)
{
    int in = 2;
    long out;

    CHECK_EQ(yoke_pool_join(pool), -EINVAL);
    CHECK_EQ(yoke_pool_close(pool), 0);
    CHECK_EQ(yoke_pool_close(pool), 0);
    CHECK_EQ(yoke_pool_map(pool, square, &in, 1, &out), -YOKE_ECLOSED);
    CHECK_EQ(yoke_pool_join(pool), 0);
    CHECK_EQ(yoke_pool_join(pool), 0);
    CHECK_EQ(yoke_pool_terminate(pool), 0);
    CHECK_EQ(yoke_pool_map(pool, square, &in, 1, &out), -YOKE_ECLOSED);
}

ON_EVERY_KIND(pool_terminate_idle)
{
    int in = 2;
    long out;

    CHECK_EQ(yoke_pool_terminate(pool), 0);
    CHECK_EQ(yoke_pool_terminate(pool), 0);
    CHECK_EQ(yoke_pool_map(pool, square, &in, 1, &out), -YOKE_ECLOSED);
    CHECK_EQ(yoke_pool_join(pool), 0);
}

ON_EVERY_KIND(pool_in_a_fork_is_inert_and_goes_on_in_the_parent)
{
    int in = 5, status, pid = fork();
    long out = 0;

    if (pid == 0) {
        int ok = yoke_pool_map(pool, square, &in, 1, &out) == -YOKE_EFORKED && yoke_pool_close(pool) == -YOKE_EFORKED &&
                 yoke_pool_terminate(pool) == -YOKE_EFORKED && yoke_pool_join(pool) == -YOKE_EFORKED &&
                 yoke_pool_alloc(pool, 10) == NULL;

        yoke_pool_free(&pool);
        _exit(ok && pool == NULL && out == 0 ? 0 : 1);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_EQ(yoke_pool_map(pool, square, &in, 1, &out), 0);
    CHECK_EQ(out, 25);
}

static int initialised_by = -100;

static int initialize(void *arg)
{
    initialised_by = *(int *)arg + yoke_worker_index();
    return 0;
}

static int says_initialised(const int *in, int *out)
{
    (void)in;
    *out = initialised_by - yoke_worker_index();
    return 0;
}
YOKE_TASK(says_initialised, int, int);

static int refuses(void *arg)
{
    (void)arg;
    return yoke_worker_index() == 0 ? -1 : 0;
}

TEST(pool_initializer_runs_in_each_worker_first)
{
    int arg = 40, in[100] = {0}, out[100];

    for (int k = 0; k < 3; k++) {
        yoke_pool *pool;

        if (kinds[k] == YOKE_THREADS) /* threads share the variable */
            continue;
        CHECK_EQ(yoke_pool_open(&pool, kinds[k], .workers = 3, .initializer = initialize, .initializer_arg = &arg), 0);
        CHECK_EQ(yoke_pool_map(pool, says_initialised, in, 100, out, .chunk = 1), 0);
        for (int i = 0; i < 100; i++)
            CHECK_EQ(out[i], 40);
        yoke_pool_free(&pool);
    }
}

TEST(pool_initializer_that_fails_fails_the_open)
{
    yoke_pool *pool = NULL;

    for (int k = 0; k < 3; k++)
        CHECK_EQ(yoke_pool_open(&pool, kinds[k], .workers = 3, .initializer = refuses), -YOKE_EINIT);
    CHECK(pool == NULL);
}

TEST(pool_misuse_of_dealloc_aborts)
{
    for (int k = 0; k < 3; k++) {
        int status, pid = fork();

        if (pid == 0) {
            yoke_pool *pool = open_pool(kinds[k], 1);

            yoke_pool_dealloc(pool, &status);
            _exit(0);
        }
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

static void abort_with_a_held_lock(bool by_free)
{
    yoke_pool *pool = open_pool(YOKE_PROCESSES, 1);
    yoke_mutex *mutex = yoke_pool_alloc(pool, sizeof *mutex);

    CHECK(mutex);
    yoke_mutex_init(mutex, YOKE_SHARED);
    CHECK_EQ(yoke_mutex_acquire(mutex), 0);
    if (by_free)
        yoke_pool_free(&pool);
    else
        yoke_pool_dealloc(pool, mutex);
    _exit(0);
}

TEST(pool_memory_with_a_held_lock_aborts)
{
    for (int k = 0; k < 2; k++) {
        char text[200] = "";
        int status, ends[2], pid;

        CHECK_EQ(pipe(ends), 0);
        pid = fork();
        if (pid == 0) {
            no_core();
            dup2(ends[1], STDERR_FILENO);
            abort_with_a_held_lock(k == 0);
        }
        close(ends[1]);
        CHECK(read(ends[0], text, sizeof text - 1) > 0);
        CHECK(strstr(text, k == 0 ? "yoke: misuse: yoke_pool_free " : "yoke: misuse: yoke_pool_dealloc "));
        close(ends[0]);
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

TEST(pool_several_at_once_and_nested)
{
    int *numbers = count_up(1000);
    long squares[1000];
    yoke_pool *pools[6];

    for (int i = 0; i < 6; i++)
        pools[i] = open_pool(kinds[i % 3], 2);
    for (int round = 0; round < 20; round++)
        for (int i = 0; i < 6; i++)
            CHECK_EQ(yoke_pool_map(pools[i], square, numbers, 1000, squares), 0);
    for (int i = 0; i < 6; i++)
        yoke_pool_free(&pools[i]);
    free(numbers);
}
