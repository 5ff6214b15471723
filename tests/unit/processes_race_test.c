/* processes_race_test.c -- several threads of the host at one pool of processes: maps beside maps, terminate and join beside
 * maps; and what a task may do to its own group and with its own pool's handle. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "processes.h"

static int tiny(const int *in, int *out)
{
    *out = *in + 1;
    return 0;
}
YOKE_TASK(tiny, int, int);

enum { THREADS = 8, N = 64 };

/* Maps until the pool is closed; other than 0: something was wrong. */
static int map_for_ever(void *arg)
{
    yoke_pool *pool = arg;
    int in[N], out[N];

    for (int i = 0; i < N; i++)
        in[i] = i;
    for (;;) {
        yoke_status statuses[N];
        ptrdiff_t bad;

        memset(out, 0, sizeof out);
        bad = yoke_pool_map(pool, tiny, in, N, out, .statuses = statuses);
        if (bad < 0)
            return bad == -YOKE_ECLOSED ? 0 : (int)bad;
        for (int i = 0; i < N; i++) {
            if (statuses[i].state == YOKE_DONE ? out[i] != i + 1 : statuses[i].state != YOKE_CANCELLED)
                return 1;
            bad -= statuses[i].state != YOKE_DONE;
        }
        if (bad != 0)
            return 2;
    }
}

static void end_while_others_map(int (*end)(yoke_pool *pool), int rounds)
{
    for (int round = 0; round < rounds; round++) {
        yoke_pool *pool = open_pool(2);
        yoke_thread threads[THREADS] = {{0}};
        int code;

        for (int i = 0; i < THREADS; i++)
            CHECK_EQ(yoke_thread_start(&threads[i], map_for_ever, pool), 0);
        for (int maps = 0; maps < round % 5; maps++)
            (void)a_worker(pool);
        CHECK_EQ(end(pool), 0);
        CHECK_EQ(yoke_pool_join(pool), 0);
        for (int i = 0; i < THREADS; i++) {
            CHECK_EQ(yoke_thread_join(&threads[i], &code), 0);
            CHECK_EQ(code, 0);
        }
        yoke_pool_free(&pool);
    }
}

/* The kernel's one wake at the supervisor's death may reach a thread whose map has ended; it must pass it on. */
TEST(processes_terminate_and_join_while_others_map)
{
    end_while_others_map(yoke_pool_terminate, 60);
}

TEST(processes_close_and_join_while_others_map)
{
    end_while_others_map(yoke_pool_close, 60);
}

static int signals_its_group(const int *in, int *out)
{
    if (*in == 3)
        kill(0, SIGTERM);
    *out = getpgrp() == getpid();
    return 0;
}
YOKE_TASK(signals_its_group, int, int);

TEST(processes_have_a_group_of_their_own)
{
    int in[8], out[8] = {0};
    yoke_status statuses[8];
    yoke_pool *pool = open_pool(2);

    for (int i = 0; i < 8; i++)
        in[i] = i;
    CHECK_EQ(yoke_pool_map(pool, signals_its_group, in, 8, out, .statuses = statuses), 1);
    for (int i = 0; i < 8; i++) {
        CHECK_EQ(statuses[i].state, i == 3 ? YOKE_CRASHED : YOKE_DONE);
        CHECK_EQ(out[i], i != 3);
    }
    CHECK_EQ(statuses[3].code, -SIGTERM);
    yoke_pool_free(&pool);
}

static int uses_its_pool(yoke_pool *const *in, int *out)
{
    yoke_pool *pool = *in;

    *out = yoke_pool_close(pool);
    yoke_pool_free(&pool);
    return pool == NULL ? 0 : 1;
}
YOKE_TASK(uses_its_pool, yoke_pool *, int);

TEST(processes_find_the_handle_of_their_own_pool_inert)
{
    int out = 0;
    yoke_pool *pool = open_pool(1);

    CHECK_EQ(yoke_pool_apply(pool, uses_its_pool, &pool, &out), 0);
    CHECK_EQ(out, -YOKE_EFORKED);
    yoke_pool_free(&pool);
}

/* More threads than there are places for jobs. */
TEST(processes_take_more_maps_at_once_than_they_have_places)
{
    enum { MANY = 80 };
    yoke_thread threads[MANY] = {{0}};
    yoke_pool *pool = open_pool(2);
    int code;

    for (int i = 0; i < MANY; i++)
        CHECK_EQ(yoke_thread_start(&threads[i], map_for_ever, pool), 0);
    for (int maps = 0; maps < 50; maps++)
        (void)a_worker(pool);
    CHECK_EQ(yoke_pool_close(pool), 0);
    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(yoke_thread_join(&threads[i], &code), 0);
        CHECK_EQ(code, 0);
    }
    yoke_pool_free(&pool);
}
