/* timer_inside_test.c -- Timer: what a run may do with timers, the thread that they run on, and forks. */
#include <pthread.h>
#include <stdlib.h>
#include <yoke/event.h>
#include <yoke/process.h>
#include <yoke/timer.h>

#include "base/atomic.h"
#include "os/os.h"
#include "process.h"
#include "sharing.h"

#define LONG 3600.0

static void nothing(void *arg)
{
    (void)arg;
}

/* The thread ends a moment after its last timer. */
static void await_threads(int n)
{
    while (yk_thread_count() != n)
        sched_yield();
}

/* ---- what a run may do ---- */

struct series {
    yoke_timer timer, other;
    int left;
    yoke_event ended;
};

static void again(void *arg)
{
    struct series *series = arg;

    CHECK_EQ(yoke_timer_cancel(&series->timer), 0);
    CHECK_EQ(yoke_timer_join(&series->timer), -EDEADLK);
    CHECK_EQ(yoke_timer_join_until(&series->timer, YOKE_NOW), -EDEADLK);
    if (--series->left > 0)
        CHECK_EQ(yoke_timer_start(&series->timer, 0.001, again, series), 0);
    else
        yoke_event_set(&series->ended);
}

TEST(a_run_may_start_its_timer_again)
{
    struct series series = {.left = 10};

    CHECK_EQ(yoke_timer_start(&series.timer, 0, again, &series), 0);
    /* which is waited for as a whole */
    CHECK_EQ(yoke_timer_join(&series.timer), 0);
    CHECK_EQ(series.left, 0);
    CHECK_EQ(yoke_event_is_set(&series.ended), 1);
}

static void start_and_cancel(void *arg)
{
    struct series *series = arg;

    CHECK_EQ(yoke_timer_start(&series->timer, LONG, again, series), 0);
    CHECK_EQ(yoke_timer_start(&series->timer, LONG, again, series), -EBUSY);
    CHECK_EQ(yoke_timer_cancel(&series->timer), 1);
    CHECK_EQ(yoke_timer_cancel(&series->other), 1);
    CHECK_EQ(yoke_timer_join(&series->other), 0);
    CHECK_EQ(yoke_timer_start(&series->other, LONG, again, series), 0);
    CHECK_EQ(yoke_timer_join(&series->other), -EDEADLK);
    CHECK_EQ(yoke_timer_cancel(&series->other), 1);
    series->left = 7;
}

TEST(a_run_may_cancel_its_own_and_others)
{
    struct series series = {.left = 10};

    CHECK_EQ(yoke_timer_start(&series.other, LONG, again, &series), 0);
    CHECK_EQ(yoke_timer_start(&series.timer, 0, start_and_cancel, &series), 0);
    CHECK_EQ(yoke_timer_join(&series.timer), 0);
    CHECK_EQ(yoke_timer_join(&series.other), 0);
    CHECK_EQ(series.left, 7);
}

struct own {
    yoke_timer timer;
    yoke_event *ended;
};

static void free_own(void *arg)
{
    struct own *own = arg;
    yoke_event *ended = own->ended;

    memset(own, 0xff, sizeof *own);
    free(own);
    yoke_event_set(ended);
}

TEST(a_run_may_free_its_timer)
{
    yoke_event ended = {0};

    for (int i = 0; i < 20; i++) {
        struct own *own = calloc(1, sizeof *own);

        CHECK(own);
        own->ended = &ended;
        yoke_event_clear(&ended);
        CHECK_EQ(yoke_timer_start(&own->timer, 0, free_own, own), 0);
        yoke_event_wait(&ended);
    }
}

/* ---- many, by many ---- */

enum { MANY = 300 };

struct crowd {
    yoke_timer timers[MANY];
    uint32_t seed;
    uint32_t n_started, n_cancelled;
    yk_a32 *n_run;
};

static void count(void *arg)
{
    yk_add_rlx((yk_a32 *)arg, 1);
}

static int start_and_cancel_many(void *arg)
{
    struct crowd *crowd = arg;

    for (int i = 0; i < 5 * MANY; i++) {
        uint32_t k = crowd->seed % MANY;

        crowd->seed = crowd->seed * 1103515245 + 12345;
        if (crowd->seed >> 16 & 1) {
            int rc = yoke_timer_start(&crowd->timers[k], (double)(crowd->seed >> 20) * 1e-6, count, crowd->n_run);

            CHECK(rc == 0 || rc == -EBUSY);
            crowd->n_started += rc == 0;
        } else {
            crowd->n_cancelled += (uint32_t)yoke_timer_cancel(&crowd->timers[k]);
        }
    }
    for (int i = 0; i < MANY; i++)
        CHECK_EQ(yoke_timer_join(&crowd->timers[i]), 0);
    return 0;
}

TEST(every_start_ends_in_one_run_or_one_cancel)
{
    static struct crowd crowds[3];
    yoke_thread threads[3] = {0};
    yk_a32 n_run = {0};
    uint32_t n_started = 0, n_cancelled = 0;

    for (uint32_t i = 0; i < 3; i++) {
        crowds[i].seed = (uint32_t)test_seed() + i;
        crowds[i].n_run = &n_run;
        CHECK_EQ(yoke_thread_start(&threads[i], start_and_cancel_many, &crowds[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(yoke_thread_join(&threads[i], NULL), 0);
        n_started += crowds[i].n_started;
        n_cancelled += crowds[i].n_cancelled;
    }
    CHECK(n_cancelled > 0 && n_started > n_cancelled);
    CHECK_EQ(yk_load_rlx(&n_run) + n_cancelled, n_started);
}

/* ---- the thread ---- */

static void tell_thread(void *arg)
{
    *(int *)arg = yk_gettid();
}

TEST(one_thread_only_while_some_are_pending)
{
    yoke_timer timers[5] = {0};
    int ids[2] = {0};

    CHECK_EQ(yk_thread_count(), 1);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(yoke_timer_start(&timers[i], LONG, nothing, NULL), 0);
    CHECK_EQ(yk_thread_count(), 2);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(yoke_timer_cancel(&timers[i]), 1);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(yoke_timer_start(&timers[i], 0, tell_thread, &ids[i]), 0);
        CHECK_EQ(yoke_timer_join(&timers[i]), 0);
    }
    CHECK(ids[0] == ids[1] && ids[0] != yk_gettid());
    CHECK_EQ(yk_thread_count(), 2);
    /* it ends with the last, by a cancel or a run */
    CHECK_EQ(yoke_timer_cancel(&timers[4]), 1);
    await_threads(1);
    CHECK_EQ(yoke_timer_start(&timers[0], 0, nothing, NULL), 0);
    CHECK_EQ(yoke_timer_join(&timers[0]), 0);
    await_threads(1);
}

TEST(waiting_uses_no_cpu)
{
    yoke_timer timer = {0};
    struct timespec before, after;

    CHECK_EQ(yoke_timer_start(&timer, LONG, nothing, NULL), 0);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    CHECK_EQ(yoke_timer_join_until(&timer, yoke_after(0.2)), -ETIMEDOUT);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    CHECK((after.tv_sec - before.tv_sec) * 1000 * MS + after.tv_nsec - before.tv_nsec < 20 * MS);
    CHECK_EQ(yoke_timer_cancel(&timer), 1);
}

static long pages(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long n = 0;

    CHECK(file && fscanf(file, "%ld", &n) == 1);
    fclose(file);
    return n;
}

/* A stack has 2048 pages, or as `ulimit -s` says; libc keeps a few for later. */
TEST(its_thread_leaves_nothing_behind)
{
    long before = pages();

    for (int i = 0; i < 100; i++) {
        yoke_timer timer = {0};

        CHECK_EQ(yoke_timer_start(&timer, 0, nothing, NULL), 0);
        CHECK_EQ(yoke_timer_join(&timer), 0);
        await_threads(1);
    }
    if (!SANITIZER)
        CHECK(pages() - before < 30 * 2048);
}

static void nap(void *arg)
{
    yoke_event_wait(arg);
}

/* To forking it is a thread like any other. */
static void look_at_mask(void *arg)
{
    pthread_sigmask(SIG_BLOCK, NULL, arg);
}

TEST(signals_of_the_program_are_not_delivered_there_but_faults_are)
{
    yoke_timer timer = {0};
    sigset_t mask;

    CHECK_EQ(yoke_timer_start(&timer, 0, look_at_mask, &mask), 0);
    CHECK_EQ(yoke_timer_join(&timer), 0);
    CHECK_EQ(sigismember(&mask, SIGUSR1), 1);
    CHECK_EQ(sigismember(&mask, SIGINT), 1);
    CHECK_EQ(sigismember(&mask, SIGSEGV), 0);
}

TEST(it_counts_as_a_thread_of_the_program)
{
    yoke_process process = {0};
    yoke_timer timer = {0};
    yoke_event go = {0};

    if (SANITIZER)
        SKIP("the sanitizer has threads of its own");
    CHECK_EQ(yoke_timer_start(&timer, LONG, nothing, NULL), 0);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0), -YOKE_ETHREADED);
    CHECK_EQ(yoke_timer_cancel(&timer), 1);
    CHECK_EQ(yoke_timer_start(&timer, 0, nap, &go), 0);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0), -YOKE_ETHREADED);
    yoke_event_set(&go);
    CHECK_EQ(yoke_timer_join(&timer), 0);
    await_threads(1);
    check_exits(is_null, 1);
}

/* ---- in the child of a fork ---- */

static void fail(void *arg)
{
    (void)arg;
    CHECK(!"a timer of the parent runs in the child");
}

static int use_timers(void *arg)
{
    yoke_timer *inherited = arg;
    struct series series = {.left = 3};

    CHECK_EQ(yk_thread_count(), 1);
    CHECK_EQ(yoke_timer_cancel(inherited), 0);
    CHECK_EQ(yoke_timer_join(inherited), 0);
    CHECK_EQ(yoke_timer_start(&series.timer, 0, again, &series), 0);
    CHECK_EQ(yoke_timer_join(&series.timer), 0);
    CHECK_EQ(series.left, 0);
    /* the object serves again here */
    CHECK_EQ(yoke_timer_start(inherited, 0, nothing, NULL), 0);
    CHECK_EQ(yoke_timer_join(inherited), 0);
    return 0;
}

TEST(nothing_is_pending_in_the_child_of_a_fork)
{
    yoke_timer timer = {0};

    if (SANITIZER)
        SKIP("the child of a program with threads cannot start threads under a sanitizer");
    CHECK_EQ(yoke_timer_start(&timer, 0.5, fail, NULL), 0);
    check_ends_well(forked(use_timers, &timer));
    CHECK_EQ(yoke_timer_cancel(&timer), 1);
}

static int wait_for_timer(void *arg)
{
    /* longer than the parent's would take */
    yoke_sleep(0.1);
    return use_timers(arg);
}

/* Forks at any moment, also while the timers' own lock is held. */
TEST(a_fork_may_come_at_any_time)
{
    yoke_timer timer = {0};
    struct series series = {.left = 1000000};

    if (SANITIZER)
        SKIP("the child of a program with threads cannot start threads under a sanitizer");
    CHECK_EQ(yoke_timer_start(&timer, LONG, fail, NULL), 0);
    CHECK_EQ(yoke_timer_start(&series.timer, 0, again, &series), 0);
    for (int i = 0; i < 40; i++)
        check_ends_well(forked(use_timers, &timer));
    check_ends_well(forked(wait_for_timer, &timer));
    CHECK_EQ(yoke_timer_cancel(&timer), 1);
    while (yoke_timer_cancel(&series.timer) == 0)
        sched_yield();
}

/* In the child of a run that has forked: what the thread of the timers there does while, and after, the run returns. */
static yoke_timer child_timers[2];
static yoke_event child_begun;

/* The first thread of a process stays a zombie when it ends before the others. */
static void await_end_of_first_thread(void)
{
    char text[256] = "";

    while (!strstr(text, ") Z")) {
        FILE *file = fopen("/proc/self/stat", "re");

        CHECK(file && fgets(text, sizeof text, file));
        fclose(file);
        sched_yield();
    }
}

static void outlive_the_run(void *arg)
{
    yoke_event_set(&child_begun);
    await_end_of_first_thread();
    CHECK_EQ(yoke_timer_join(&child_timers[1]), -EDEADLK);
    CHECK_EQ(yoke_timer_start(&child_timers[0], 0, nothing, arg), 0);
    _exit(7);
}

static void fork_inside(void *arg)
{
    yoke_timer *timer = arg;
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        /* timers run on another thread than this one */
        CHECK_EQ(yoke_timer_join(timer), 0);
        CHECK_EQ(yoke_timer_start(&child_timers[0], 0, nothing, NULL), 0);
        CHECK_EQ(yoke_timer_join(&child_timers[0]), 0);
        CHECK_EQ(yoke_timer_start(&child_timers[1], 0, outlive_the_run, NULL), 0);
        yoke_event_wait(&child_begun);
        return; /* and this one ends, although it was a thread of timers once */
    }
    CHECK_EQ(WEXITSTATUS(status_of(pid)), 7);
}

TEST(a_run_may_fork)
{
    yoke_timer timer = {0};

    if (SANITIZER)
        SKIP("the child of a program with threads cannot start threads under a sanitizer");
    CHECK_EQ(yoke_timer_start(&timer, 0, fork_inside, &timer), 0);
    CHECK_EQ(yoke_timer_join(&timer), 0);
}

/* ---- misuse ---- */

static void leave(void *arg)
{
    (void)arg;
    pthread_exit(NULL);
}

static void run_that_leaves(void *arg)
{
    CHECK_EQ(yoke_timer_start(arg, 0, leave, NULL), 0);
    yoke_timer_join(arg);
}

TEST(a_run_must_return)
{
    yoke_timer timer = {0};

    check_misuse(run_that_leaves, &timer, "yoke_timer_start");
}
