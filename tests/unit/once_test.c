/* once_test.c -- Once: run by one and waited for by all; failure, recursion, ends of other kinds, death, fork. */
#include <pthread.h>
#include <yoke/event.h>
#include <yoke/once.h>

#include "base/atomic.h"
#include "sharing.h"

/* What is to be done once, and how it goes. */
struct work {
    yoke_once once;
    yk_a32 n_runs;
    int value; /* plain: visible to all by the once */
    int code;  /* what the run returns */
    yoke_event begun, go;
};

static int do_work(void *arg)
{
    struct work *work = arg;

    yk_add_rlx(&work->n_runs, 1);
    work->value = 42;
    return work->code;
}

static int do_slowly(void *arg)
{
    struct work *work = arg;

    yoke_event_set(&work->begun);
    yoke_event_wait(&work->go);
    return do_work(arg);
}

static int ask(void *arg)
{
    struct work *work = arg;
    int rc = yoke_once_run(&work->once, do_work, work);

    return rc ? rc : work->value;
}

static int ask_slowly(void *arg)
{
    struct work *work = arg;
    int rc = yoke_once_run(&work->once, do_slowly, work);

    return rc ? rc : work->value;
}

static void make(struct work *work, uint32_t shared)
{
    memset(work, 0, sizeof *work);
    yoke_once_init(&work->once, shared);
    yoke_event_init(&work->begun, shared);
    yoke_event_init(&work->go, shared);
}

TEST(zero_bytes_are_not_done_and_it_is_run_once)
{
    struct work work = {.value = 0};

    for (int i = 0; i < 3; i++)
        CHECK_EQ(ask(&work), 42);
    CHECK_EQ(yk_load_rlx(&work.n_runs), 1);
    memset(&work, 0xff, sizeof work);
    make(&work, YOKE_SHARED);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(ask(&work), 42);
    CHECK_EQ(yk_load_rlx(&work.n_runs), 1);
}

TEST(all_come_at_once)
{
    for (int round = 0; round < 200; round++) {
        struct work work = {.value = 0};
        yoke_thread threads[4] = {0};

        for (int i = 0; i < 4; i++)
            CHECK_EQ(yoke_thread_start(&threads[i], ask, &work), 0);
        for (int i = 0; i < 4; i++)
            CHECK_EQ(code_of(&threads[i]), 42);
        CHECK_EQ(yk_load_rlx(&work.n_runs), 1);
    }
}

static const void *slept_on(const struct work *work)
{
    return work->once.mutex.shared ? NULL : &work->once.mutex.word;
}

static void check_others_wait(uint32_t shared)
{
    struct work work;
    yoke_thread first = {0}, others[3] = {0};

    make(&work, shared);
    CHECK_EQ(yoke_thread_start(&first, ask_slowly, &work), 0);
    yoke_event_wait(&work.begun);
    for (int i = 0; i < 3; i++)
        start_asleep(&others[i], ask, &work, slept_on(&work));
    yoke_event_set(&work.go);
    CHECK_EQ(code_of(&first), 42);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(code_of(&others[i]), 42);
    CHECK_EQ(yk_load_rlx(&work.n_runs), 1);
}

TEST(others_wait_until_it_is_done)
{
    check_others_wait(YOKE_PRIVATE);
    check_others_wait(YOKE_SHARED);
}

/* ---- runs that fail ---- */

TEST(a_failure_is_its_callers_and_the_next_one_tries)
{
    struct work work = {.code = -ENOENT};

    CHECK_EQ(ask(&work), -ENOENT);
    work.code = 7;
    CHECK_EQ(ask(&work), 7);
    work.code = 0;
    CHECK_EQ(ask(&work), 42);
    work.code = 9;
    CHECK_EQ(ask(&work), 42);
    CHECK_EQ(yk_load_rlx(&work.n_runs), 3);
}

TEST(one_that_waits_runs_it_when_the_first_has_failed)
{
    struct work work = {.code = 5};
    yoke_thread first = {0}, second = {0};

    CHECK_EQ(yoke_thread_start(&first, ask_slowly, &work), 0);
    yoke_event_wait(&work.begun);
    start_asleep(&second, ask, &work, slept_on(&work));
    yoke_event_set(&work.go);
    CHECK_EQ(code_of(&first), 5);
    CHECK_EQ(code_of(&second), 5);
    CHECK_EQ(yk_load_rlx(&work.n_runs), 2);
}

static int ask_again(void *arg)
{
    struct work *work = arg;

    CHECK_EQ(ask(work), -EDEADLK);
    return do_work(work);
}

TEST(it_may_not_ask_for_itself)
{
    struct work work;

    for (int i = 0; i < 2; i++) {
        make(&work, i ? YOKE_SHARED : YOKE_PRIVATE);
        CHECK_EQ(yoke_once_run(&work.once, ask_again, &work), 0);
        CHECK_EQ(yk_load_rlx(&work.n_runs), 1);
    }
}

static int leave(void *arg)
{
    yk_add_rlx(&((struct work *)arg)->n_runs, 1);
    pthread_exit(NULL);
    return 0;
}

static int leave_once(void *arg)
{
    struct work *work = arg;

    return yoke_once_run(&work->once, leave, work);
}

TEST(a_run_that_leaves_by_pthread_exit_has_not_done_it)
{
    struct work work;

    for (int i = 0; i < 2; i++) {
        yoke_thread thread = {0};

        make(&work, i ? YOKE_SHARED : YOKE_PRIVATE);
        CHECK_EQ(yoke_thread_start(&thread, leave_once, &work), 0);
        CHECK_EQ(code_of(&thread), YOKE_THREAD_EXITED);
        CHECK_EQ(ask(&work), 42);
        CHECK_EQ(yk_load_rlx(&work.n_runs), 2);
    }
}

/* ---- processes ---- */

static int die_in_the_middle(void *arg)
{
    yk_add_rlx(&((struct work *)arg)->n_runs, 1);
    die();
}

static int begin_and_die(void *arg)
{
    struct work *work = arg;

    return yoke_once_run(&work->once, die_in_the_middle, work);
}

static int is_42(void *arg)
{
    return ask(arg) == 42 ? 0 : 1;
}

TEST(if_who_runs_it_dies_the_next_one_runs_it)
{
    struct work *work = shared_page();

    make(work, YOKE_SHARED);
    status_of(forked(begin_and_die, work));
    status_of(forked(begin_and_die, work));
    check_ends_well(forked(is_42, work));
    CHECK_EQ(yk_load_rlx(&work->n_runs), 3);
    CHECK_EQ(ask(work), 42);
    CHECK_EQ(yk_load_rlx(&work->n_runs), 3);
    munmap(work, 4096);
}

static int is_42_slowly(void *arg)
{
    return ask_slowly(arg) == 42 ? 0 : 1;
}

TEST(one_of_those_who_wait_runs_it_when_the_first_has_died)
{
    struct work *work = shared_page();
    pid_t first, others[3];

    make(work, YOKE_SHARED);
    first = forked(is_42_slowly, work);
    yoke_event_wait(&work->begun);
    for (int i = 0; i < 3; i++)
        others[i] = forked_asleep(is_42, work);
    kill_and_reap(first);
    for (int i = 0; i < 3; i++)
        check_ends_well(others[i]);
    CHECK_EQ(yk_load_rlx(&work->n_runs), 1);
    munmap(work, 4096);
}

TEST(in_the_child_of_a_fork_it_is_run_again)
{
    struct work work = {.value = 0};
    yoke_thread thread = {0};

    if (SANITIZER)
        SKIP("locks of the sanitizer stay held in the child of a program with threads");
    CHECK_EQ(yoke_thread_start(&thread, ask_slowly, &work), 0);
    yoke_event_wait(&work.begun);
    check_ends_well(forked(is_42, &work));
    CHECK_EQ(yk_load_rlx(&work.n_runs), 0);
    yoke_event_set(&work.go);
    CHECK_EQ(code_of(&thread), 42);
    check_ends_well(forked(is_42, &work));
}
