/* executor.h -- driving an executor through its table, as the pool does. */
#ifndef EXECUTOR_H
#define EXECUTOR_H

#include <stdlib.h>
#include <string.h>

#include "exec/exec.h"
#include "test.h"

struct executor {
    const struct yk_executor *table;
    void *self;
};

static inline struct executor executor_open(const struct yk_executor *table, unsigned workers)
{
    struct executor x = {.table = table};

    CHECK_EQ(table->open(&(struct yk_exec_options){.workers = workers}, &x.self), 0);
    return x;
}

static inline void executor_end(struct executor *x)
{
    x->table->close(x->self);
    CHECK_EQ(x->table->join(x->self), 0);
    x->table->free(x->self);
}

/* Whether the calling thread runs a task of it. */
static inline bool executor_inside(const struct executor *x)
{
    return x->table->inside(x->self);
}

/* Items and results are arrays of their types; the rest are fields of struct yk_map. */
#define MAP(task, in_array, out_array, n_items, ...)                                                                   \
    {                                                                                                                  \
        .items = {.run = (task),                                                                                       \
                  .in = (const char *)(in_array),                                                                      \
                  .out = (char *)(out_array),                                                                          \
                  .in_size = sizeof *(in_array),                                                                       \
                  .out_size = sizeof *(out_array),                                                                     \
                  .n = (n_items)},                                                                                     \
        __VA_ARGS__                                                                                                    \
    }

/* Returns how many items did not succeed. */
static inline size_t executor_map(struct executor *x, struct yk_map *map)
{
    CHECK_EQ(x->table->map(x->self, map), 0);
    CHECK_EQ(yk_load_acq(&map->ended), map->items.n);
    return yk_load_acq(&map->bad);
}

static inline int task_square(const void *in, void *out)
{
    *(long *)out = (long)*(const int *)in * *(const int *)in;
    return 0;
}

static inline int *numbers_new(size_t n)
{
    int *numbers = malloc((n + 1) * sizeof *numbers);

    CHECK(numbers);
    for (size_t i = 0; i < n; i++)
        numbers[i] = (int)i;
    return numbers;
}

/* Maps over n numbers and checks every result. */
static inline void check_squares(struct executor *x, size_t n, size_t chunk)
{
    int *numbers = numbers_new(n);
    long *squares = calloc(n + 1, sizeof *squares);
    struct yk_map map = MAP(task_square, numbers, squares, n, .chunk = chunk);

    CHECK(squares);
    squares[n] = -1;
    CHECK_EQ(executor_map(x, &map), 0);
    for (size_t i = 0; i < n; i++)
        CHECK_EQ(squares[i], (long)i * (long)i);
    CHECK_EQ(squares[n], -1);
    free(numbers);
    free(squares);
}

/* Writes its result and then fails for every third item. */
static inline int task_bad_third(const void *in, void *out)
{
    int number = *(const int *)in;

    *(long *)out = 1000 + number;
    return number % 3 == 2 ? number : 0;
}

static inline void check_statuses(struct executor *x, size_t chunk)
{
    enum { N = 1000 };
    int *numbers = numbers_new(N);
    long results[N];
    yoke_status statuses[N] = {0};
    struct yk_map map = MAP(task_bad_third, numbers, results, N, .chunk = chunk, .statuses = statuses);

    for (int i = 0; i < N; i++)
        results[i] = -5;
    CHECK_EQ(executor_map(x, &map), N / 3);
    for (int i = 0; i < N; i++) {
        CHECK_EQ(statuses[i].state, i % 3 == 2 ? YOKE_FAILED : YOKE_DONE);
        CHECK_EQ(statuses[i].code, i % 3 == 2 ? i : 0);
        if (i % 3 != 2)
            CHECK_EQ(results[i], 1000 + i);
    }
    free(numbers);
}

/* The address of its result must be aligned and its own, also where results are dropped. */
static inline int task_fills(const void *in, void *out)
{
    unsigned char *bytes = out;
    int number = *(const int *)in;

    CHECK_EQ((uintptr_t)out % YK_LINE, 0);
    memset(bytes, number & 255, 5000);
    for (int i = 0; i < 5000; i++)
        CHECK_EQ(bytes[i], number & 255);
    return 0;
}

static inline void check_dropped_results(struct executor *x)
{
    int *numbers = numbers_new(500);
    struct big {
        char bytes[5000];
    } *none = NULL;
    struct yk_map map = MAP(task_fills, numbers, none, 500, .chunk = 1);

    CHECK_EQ(executor_map(x, &map), 0);
    free(numbers);
}

static inline int task_length(const void *in, void *out)
{
    *(size_t *)out = strlen(in);
    return 0;
}

static inline void check_strings(struct executor *x)
{
    const char *strings[] = {"", "a", "three", "two words"};
    size_t lengths[4] = {9, 9, 9, 99};
    struct yk_map map = {.items = {.run = task_length,
                                   .strings = strings,
                                   .out = (char *)lengths,
                                   .in_size = 1,
                                   .out_size = sizeof *lengths,
                                   .n = 4}};

    CHECK_EQ(executor_map(x, &map), 0);
    CHECK(lengths[0] == 0 && lengths[1] == 1 && lengths[2] == 5 && lengths[3] == 9);
}

/* More result bytes for a worker than there are addresses. */
static inline void check_no_memory(struct executor *x)
{
    int number = 1;
    struct yk_map map = MAP(task_square, &number, (long *)NULL, 1, .chunk = 0);

    map.items.out_size = SIZE_MAX - 3;
    CHECK(x->table->map(x->self, &map) < 0);
    map.items.out_size = SIZE_MAX / 2;
    CHECK(x->table->map(x->self, &map) < 0);
    CHECK_EQ(yk_load_acq(&map.ended), 0);
}

static inline void check_memory(struct executor *x)
{
    unsigned char *a = x->table->alloc(x->self, 1), *b = x->table->alloc(x->self, 100000);

    CHECK(a && b);
    CHECK_EQ((uintptr_t)a % 64, 0);
    CHECK_EQ((uintptr_t)b % 64, 0);
    for (int i = 0; i < 100000; i++)
        CHECK_EQ(b[i], 0);
    memset(b, 1, 100000);
    CHECK(!x->table->dealloc(x->self, b + 64));
    CHECK(!x->table->dealloc(x->self, &b));
    CHECK(x->table->dealloc(x->self, a));
    CHECK(!x->table->dealloc(x->self, a));
    CHECK(x->table->alloc(x->self, SIZE_MAX) == NULL);
    CHECK(x->table->alloc(x->self, SIZE_MAX - 70) == NULL);
    /* b is the pool's: leak checkers see whether free gives it back */
}

#endif
