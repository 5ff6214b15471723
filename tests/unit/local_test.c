/* local_test.c -- Local: a value for each thread, and when it is dropped. */
#include <pthread.h>
#include <yoke/event.h>
#include <yoke/local.h>

#include "base/atomic.h"
#include "sharing.h"

static yk_a32 n_dropped;

static void drop(void *value)
{
    CHECK(value);
    yk_add_rlx(&n_dropped, 1);
    yk_add_rlx((yk_a32 *)value, 1);
}

struct visit {
    yoke_local *local;
    yk_a32 value; /* how often it was dropped */
    yoke_event set, go;
};

static int stay(void *arg)
{
    struct visit *visit = arg;

    CHECK(yoke_local_get(visit->local) == NULL);
    CHECK_EQ(yoke_local_set(visit->local, &visit->value), 0);
    yoke_event_set(&visit->set);
    yoke_event_wait(&visit->go);
    CHECK(yoke_local_get(visit->local) == &visit->value);
    return 0;
}

TEST(each_thread_has_its_own_which_is_dropped_at_its_end)
{
    yoke_local local = {0};
    struct visit visits[4] = {0};
    yoke_thread threads[4] = {0};
    int mine;

    CHECK_EQ(yoke_local_open(&local, drop), 0);
    CHECK(yoke_local_get(&local) == NULL);
    CHECK_EQ(yoke_local_set(&local, &mine), 0);
    for (int i = 0; i < 4; i++) {
        visits[i].local = &local;
        CHECK_EQ(yoke_thread_start(&threads[i], stay, &visits[i]), 0);
        yoke_event_wait(&visits[i].set);
    }
    CHECK(yoke_local_get(&local) == &mine);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(yk_load_rlx(&n_dropped), (uint32_t)i);
        yoke_event_set(&visits[i].go);
        /* done when join returns */
        CHECK_EQ(yoke_thread_join(&threads[i], NULL), 0);
        CHECK_EQ(yk_load_rlx(&visits[i].value), 1);
    }
    CHECK_EQ(yk_load_rlx(&n_dropped), 4);
    CHECK(yoke_local_get(&local) == &mine);
    yoke_local_close(&local);
}

static int set_null(void *arg)
{
    static yk_a32 value;

    CHECK_EQ(yoke_local_set(arg, &value), 0);
    CHECK_EQ(yoke_local_set(arg, NULL), 0);
    CHECK(yoke_local_get(arg) == NULL);
    return 0;
}

static int set_twice(void *arg)
{
    struct visit *visits = arg;

    CHECK_EQ(yoke_local_set(visits[0].local, &visits[0].value), 0);
    CHECK_EQ(yoke_local_set(visits[0].local, &visits[1].value), 0);
    return 0;
}

static int set_and_leave(void *arg)
{
    struct visit *visit = arg;

    CHECK_EQ(yoke_local_set(visit->local, &visit->value), 0);
    pthread_exit(NULL);
    return 0;
}

static void run(int (*body)(void *), void *arg)
{
    yoke_thread thread = {0};

    CHECK_EQ(yoke_thread_start(&thread, body, arg), 0);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}

TEST(only_what_is_there_in_the_end_is_dropped)
{
    yoke_local local = {0};
    struct visit visits[2] = {{.local = &local}, {.local = &local}};

    CHECK_EQ(yoke_local_open(&local, drop), 0);
    run(set_null, &local);
    CHECK_EQ(yk_load_rlx(&n_dropped), 0);
    run(set_twice, visits);
    CHECK_EQ(yk_load_rlx(&visits[0].value), 0);
    CHECK_EQ(yk_load_rlx(&visits[1].value), 1);
    run(set_and_leave, &visits[0]);
    CHECK_EQ(yk_load_rlx(&visits[0].value), 1);
    CHECK_EQ(yk_load_rlx(&n_dropped), 2);
    yoke_local_close(&local);
}

TEST(without_a_drop_nothing_is_called)
{
    yoke_local local = {0};
    struct visit visit = {.local = &local};

    CHECK_EQ(yoke_local_open(&local, NULL), 0);
    run(set_and_leave, &visit);
    CHECK_EQ(yk_load_rlx(&visit.value), 0);
    yoke_local_close(&local);
}

/* ---- rounds ---- */

static yoke_local first, second;
static yk_a32 n_rounds;

static void set_again(void *value)
{
    /* its own slot is empty by then */
    CHECK(yoke_local_get(&first) == NULL);
    yk_add_rlx(&n_rounds, 1);
    CHECK_EQ(yoke_local_set(&first, value), 0);
}

static void set_other(void *value)
{
    CHECK_EQ(yoke_local_set(&second, value), 0);
}

static int set_first(void *arg)
{
    return yoke_local_set(&first, arg);
}

TEST(what_a_drop_sets_is_dropped_in_one_of_four_rounds)
{
    static yk_a32 value;

    if (THREAD_SANITIZER)
        SKIP("the thread sanitizer takes its leave before the last round");
    CHECK_EQ(yoke_local_open(&first, set_again), 0);
    run(set_first, &value);
    CHECK_EQ(yk_load_rlx(&n_rounds), 4);
    yoke_local_close(&first);
    CHECK_EQ(yoke_local_open(&first, set_other), 0);
    CHECK_EQ(yoke_local_open(&second, drop), 0);
    run(set_first, &value);
    CHECK_EQ(yk_load_rlx(&value), 1);
    yoke_local_close(&first);
    yoke_local_close(&second);
}

/* ---- open and close ---- */

TEST(one_that_is_not_open)
{
    yoke_local local = {0};
    int value;

    CHECK(yoke_local_get(&local) == NULL);
    CHECK_EQ(yoke_local_set(&local, &value), -EINVAL);
    yoke_local_close(&local);
    CHECK_EQ(yoke_local_open(&local, NULL), 0);
    CHECK_EQ(yoke_local_set(&local, &value), 0);
    CHECK_EQ(yoke_local_open(&local, NULL), -EBUSY);
    CHECK(yoke_local_get(&local) == &value);
    yoke_local_close(&local);
    yoke_local_close(&local);
    CHECK(yoke_local_get(&local) == NULL);
    CHECK_EQ(yoke_local_set(&local, &value), -EINVAL);
    /* a new one knows nothing of the one before */
    CHECK_EQ(yoke_local_open(&local, NULL), 0);
    CHECK(yoke_local_get(&local) == NULL);
    yoke_local_close(&local);
}

TEST(a_value_in_a_closed_slot_is_the_programs)
{
    yoke_local local = {0};
    struct visit visit = {.local = &local};
    yoke_thread thread = {0};

    CHECK_EQ(yoke_local_open(&local, drop), 0);
    CHECK_EQ(yoke_thread_start(&thread, set_and_leave, &visit), 0);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    CHECK_EQ(yoke_local_set(&local, &visit.value), 0);
    yoke_local_close(&local);
    CHECK_EQ(yk_load_rlx(&n_dropped), 1);
}

TEST(when_there_are_too_many_open_says_so)
{
    static yoke_local locals[1100];
    int n = 0, rc = 0;

    while (n < 1100 && (rc = yoke_local_open(&locals[n], NULL)) == 0)
        n++;
    CHECK(n > 900);
    CHECK_EQ(rc, -EAGAIN);
    CHECK_EQ(locals[n].is_open, 0);
    for (int i = 0; i < n; i++) {
        CHECK_EQ(yoke_local_set(&locals[i], &locals[i]), 0);
        CHECK(yoke_local_get(&locals[i]) == &locals[i]);
    }
    for (int i = 0; i < n; i++)
        yoke_local_close(&locals[i]);
    CHECK_EQ(yoke_local_open(&locals[0], NULL), 0);
    yoke_local_close(&locals[0]);
}

static int is_seven(void *arg)
{
    return *(int *)yoke_local_get(arg) == 7 ? 0 : 1;
}

TEST(in_the_child_of_a_fork_its_thread_has_its_value)
{
    yoke_local local = {0};
    int seven = 7;

    CHECK_EQ(yoke_local_open(&local, drop), 0);
    CHECK_EQ(yoke_local_set(&local, &seven), 0);
    check_ends_well(forked(is_seven, &local));
    yoke_local_close(&local);
}
