/* shmpool_test.c -- shared memory in the workers of a pool, and what is left of it when all are killed. */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke.h>

#include "processes.h"
#include "shmtable.h"

/* ---- pools ---- */

struct item {
    struct table *table;
    int deed;
};

/* Counts itself in the table, which the host reads. */
static int count_in_table(const struct item *item, int *out)
{
    int in = item->deed, pid;

    if (item->table->self != item->table || yoke_shm_alloc(item->table->shm, 1) != NULL)
        return 1;
    __atomic_add_fetch(&item->table->sum, 1, __ATOMIC_SEQ_CST);
    *out = (int)item->table->numbers[0];
    return do_deed(&in, &pid);
}
YOKE_TASK(count_in_table, struct item, int);

static int initialize(void *arg)
{
    struct table *table = arg;

    __atomic_add_fetch(&table->numbers[1], 1, __ATOMIC_SEQ_CST);
    return 0;
}

static void check_pool(void)
{
    enum { N = 60 };
    yoke_shm *shm = open_shm();
    struct table *table = new_table(shm);
    struct item items[N];
    int out[N];
    yoke_pool *pool;

    CHECK(table->numbers = yoke_shm_array(shm, long, 10));
    table->numbers[0] = 99;
    for (int i = 0; i < N; i++)
        items[i] = (struct item){table, i % 20 == 7 ? SEGV : GOOD};
    CHECK_EQ(yoke_pool_open(&pool, YOKE_PROCESSES, .workers = 2, .initializer = initialize, .initializer_arg = table),
             0);
    CHECK_EQ(yoke_pool_map(pool, count_in_table, items, N, out, .chunk = 1), N / 20);
    CHECK_EQ(table->sum, N);
    for (int i = 0; i < N; i++)
        CHECK(i % 20 == 7 || out[i] == 99);
    CHECK_EQ(yoke_pool_map(pool, count_in_table, items, 5, out, .chunk = 1), 0);
    CHECK_EQ(table->sum, N + 5);
    yoke_pool_free(&pool);
    CHECK(table->numbers[1] >= 3); /* both, and who came instead of the dead */
    free_shm(shm);
}

TEST(workers_have_it_and_those_that_replace_them)
{
    check_pool();
    CHECK_EQ(yoke_init(), 0);
    check_pool();
    check_pool();
    yoke_done();
}

/* ---- everybody killed ---- */

static int hold_and_wait(void *arg)
{
    struct table *table = *(struct table **)arg;

    yoke_event_set(&table->done);
    for (;;)
        pause();
    return 0;
}

static int hold(const struct item *item, int *out)
{
    *out = 0;
    return hold_and_wait((void *)(uintptr_t)&item->table);
}
YOKE_TASK(hold, struct item, int);

static void *map_for_ever(void *arg)
{
    struct table *table = arg;
    yoke_pool *pool;
    int out;

    CHECK_EQ(yoke_pool_open(&pool, YOKE_PROCESSES, .workers = 2), 0);
    (void)!yoke_pool_apply(pool, hold, (&(struct item){table, 0}), &out);
    return NULL;
}

static void live_with_everything(void)
{
    yoke_shm *shm;
    struct table *tables[2];
    yoke_process process = {0};
    pthread_t thread;

    CHECK_EQ(yoke_init(), 0);
    shm = open_shm();
    for (int i = 0; i < 2; i++)
        tables[i] = new_table(shm);
    CHECK_EQ(yoke_process_start(&process, hold_and_wait, &tables[0], sizeof tables[0]), 0);
    CHECK_EQ(pthread_create(&thread, NULL, map_for_ever, tables[1]), 0);
    for (int i = 0; i < 2; i++)
        yoke_event_wait(&tables[i]->done);
    kill(getpid(), SIGKILL);
}

/* The pipe ends when all that were forked have gone; the runner looks for what is left of them. */
TEST(when_the_host_is_killed_nothing_is_left)
{
    int ends[2], pid, status;
    char letter;

    CHECK_EQ(pipe(ends), 0);
    pid = fork();
    if (pid == 0)
        live_with_everything();
    close(ends[1]);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(read(ends[0], &letter, 1), 0);
    close(ends[0]);
}
