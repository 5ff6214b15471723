/* processes_inside_test.c -- tasks in worker processes: the order of their starts, the memory that they see, pools of
 * their own, what they do to descriptors. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "processes.h"

/* ---- FIFO ---- */

static int take_number(int *const *in, int *out)
{
    *out = __atomic_fetch_add(*in, 1, __ATOMIC_SEQ_CST);
    return 0;
}
YOKE_TASK(take_number, int *, int);

TEST(processes_start_items_in_order)
{
    enum { N = 5000 };
    yoke_pool *pool = open_pool(1);
    int **in = yoke_pool_alloc(pool, N * sizeof *in), *counter = yoke_pool_alloc(pool, sizeof *counter), out[N];

    for (int i = 0; i < N; i++)
        in[i] = counter;
    for (size_t chunk = 0; chunk < 3; chunk++) {
        *counter = 0;
        CHECK_EQ(yoke_pool_map(pool, take_number, in, N, out, .chunk = chunk), 0);
        for (int i = 0; i < N; i++)
            CHECK_EQ(out[i], i);
    }
    yoke_pool_free(&pool);
}

/* ---- what a worker sees ---- */

static int seen = 1;

static int see(const int *in, int *out)
{
    (void)in;
    *out = seen;
    return 0;
}
YOKE_TASK(see, int, int);

TEST(processes_see_memory_as_of_open_and_the_replacement_too)
{
    int in[4] = {0}, out[4] = {0}, segv = SEGV;
    yoke_pool *pool;

    no_core();
    seen = 2;
    pool = open_pool(1);
    seen = 3;
    CHECK_EQ(yoke_pool_map(pool, see, in, 4, out), 0);
    CHECK_EQ(out[3], 2);
    CHECK_EQ(yoke_pool_apply(pool, do_deed, &segv, NULL), 1);
    CHECK_EQ(yoke_pool_map(pool, see, in, 4, out), 0);
    CHECK_EQ(out[3], 2);
    yoke_pool_free(&pool);
}

TEST(processes_see_memory_as_of_yoke_init)
{
    int in = 0, out = 0;
    yoke_pool *pool;

    seen = 4;
    CHECK_EQ(yoke_init(), 0);
    seen = 5;
    pool = open_pool(1);
    CHECK_EQ(yoke_pool_apply(pool, see, &in, &out), 0);
    CHECK_EQ(out, 4);
    yoke_pool_free(&pool);
    yoke_done();
}

/* ---- pools in a worker ---- */

static int opens_a_pool(const int *in, int *out)
{
    yoke_pool *pool;
    int numbers[3] = {1, 2, 3}, results[3];
    int rc = yoke_pool_open(&pool, YOKE_PROCESSES, .workers = 2);

    (void)in;
    if (rc < 0)
        return rc;
    rc = (int)yoke_pool_map(pool, see, numbers, 3, results);
    yoke_pool_free(&pool);
    *out = results[2];
    return rc;
}
YOKE_TASK(opens_a_pool, int, int);

TEST(processes_may_open_pools_of_their_own)
{
    int in[4] = {0}, out[4];
    yoke_pool *pool = open_pool(2);

    CHECK_EQ(yoke_pool_map(pool, opens_a_pool, in, 4, out), 0);
    CHECK_EQ(out[0], 1);
    yoke_pool_free(&pool);
}

static yoke_pool *outer;

static int uses_outer(const int *in, int *out)
{
    *out = (int)yoke_pool_map(outer, see, in, 1, out);
    return 0;
}
YOKE_TASK(uses_outer, int, int);

TEST(processes_refuse_the_pool_that_they_work_for)
{
    int in = 0, out = 0;
    yoke_pool *second;

    outer = open_pool(1);
    second = open_pool(1); /* its workers have a copy of `outer` */
    CHECK_EQ(yoke_pool_apply(second, uses_outer, &in, &out), 0);
    CHECK_EQ(out, -YOKE_EFORKED);
    yoke_pool_free(&second);
    yoke_pool_free(&outer);
}

/* ---- descriptors ---- */

static int prints(const int *in)
{
    printf("line %d\n", *in);
    return 0;
}
YOKE_TASK_NORESULT(prints, int);

TEST(processes_print_each_line_once)
{
    int in[200], ends[2], saved = dup(1), count[200] = {0}, number, lines = 0;
    yoke_pool *pool;
    FILE *output;
    char line[100];

    for (int i = 0; i < 200; i++)
        in[i] = i;
    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    CHECK_EQ(dup2(ends[1], 1), 1);
    printf("from the host\n"); /* stands in the buffer when the workers are made */
    pool = open_pool(2);
    CHECK_EQ(yoke_pool_map(pool, prints, in, 200, NULL), 0);
    yoke_pool_free(&pool);
    fflush(stdout);
    CHECK_EQ(dup2(saved, 1), 1);
    close(saved);
    close(ends[1]);
    output = fdopen(ends[0], "r");
    while (fgets(line, sizeof line, output)) {
        lines++;
        if (sscanf(line, "line %d", &number) == 1 && number >= 0 && number < 200)
            count[number]++;
        else
            CHECK_STR(line, "from the host\n");
    }
    CHECK_EQ(lines, 201);
    for (int i = 0; i < 200; i++)
        CHECK_EQ(count[i], 1);
    fclose(output);
}

static int closes_everything(const int *in, int *out)
{
    for (int fd = 0; fd < 1024; fd++)
        close(fd);
    *out = *in;
    return 0;
}
YOKE_TASK(closes_everything, int, int);

TEST(processes_work_on_when_a_task_closes_every_descriptor)
{
    int in[50], out[50];
    yoke_pool *pool = open_pool(2);

    for (int i = 0; i < 50; i++)
        in[i] = i;
    for (int round = 0; round < 3; round++) {
        memset(out, 0, sizeof out);
        CHECK_EQ(yoke_pool_map(pool, closes_everything, in, 50, out, .chunk = 1), 0);
        CHECK_EQ(out[49], 49);
    }
    yoke_pool_free(&pool);
}
