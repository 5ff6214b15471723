/* mutex_test.c -- Mutex between threads: ownership, exclusion, deadlines, wakes, signals, misuse. */
#include <yoke/mutex.h>

#include "sharing.h"

static int acquire_only(void *arg)
{
    return yoke_mutex_acquire(arg);
}

static int try_only(void *arg)
{
    return yoke_mutex_acquire_until(arg, YOKE_NOW);
}

static int pass(void *arg)
{
    int rc = yoke_mutex_acquire(arg);

    yoke_mutex_release(arg);
    return rc;
}

static int pass_in_time(void *arg)
{
    int rc = yoke_mutex_acquire_until(arg, in_time());

    if (rc == 0)
        yoke_mutex_release(arg);
    return rc;
}

static int is_held(void *arg)
{
    return yoke_mutex_held(arg);
}

static int is_locked(void *arg)
{
    return yoke_mutex_locked(arg);
}

/* What another thread's run(mutex) returns. */
static int elsewhere(int (*run)(void *), yoke_mutex *mutex)
{
    yoke_thread thread = {0};

    CHECK_EQ(yoke_thread_start(&thread, run, mutex), 0);
    return code_of(&thread);
}

static const void *slept_on(const yoke_mutex *mutex)
{
    return mutex->shared ? NULL : &mutex->word;
}

/* ---- ownership ---- */

static void check_ownership(yoke_mutex *mutex)
{
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(yoke_mutex_held(mutex), 0);
        CHECK_EQ(i == 0 ? yoke_mutex_acquire_until(mutex, YOKE_NOW) : yoke_mutex_acquire(mutex), 0);
        CHECK_EQ(yoke_mutex_held(mutex), 1);
        CHECK_EQ(elsewhere(is_held, mutex), 0);
        CHECK_EQ(elsewhere(is_locked, mutex), 1);
        CHECK_EQ(elsewhere(try_only, mutex), -ETIMEDOUT);
        CHECK_EQ(yoke_mutex_acquire(mutex), -EDEADLK);
        CHECK_EQ(yoke_mutex_acquire_until(mutex, YOKE_NOW), -EDEADLK);
        CHECK_EQ(yoke_mutex_acquire_until(mutex, YOKE_FOREVER), -EDEADLK);
        CHECK_EQ(yoke_mutex_held(mutex), 1);
        yoke_mutex_release(mutex);
    }
    CHECK_EQ(elsewhere(pass, mutex), 0);
    CHECK_EQ(yoke_mutex_held(mutex), 0);
    CHECK_EQ(yoke_mutex_locked(mutex), 0);
}

TEST(zero_bytes_are_a_free_mutex)
{
    yoke_mutex mutex = {0}, made;

    check_ownership(&mutex);
    memset(&made, 0xff, sizeof made);
    yoke_mutex_init(&made, YOKE_PRIVATE);
    check_ownership(&made);
    memset(&made, 0xff, sizeof made);
    yoke_mutex_init(&made, YOKE_SHARED);
    check_ownership(&made);
    yoke_mutex_init(&made, 1);
    CHECK_EQ(made.shared, YOKE_SHARED);
    /* a free one may be copied, and needs no end */
    mutex = made;
    check_ownership(&mutex);
}

TEST(many_are_held_at_once)
{
    yoke_mutex mutexes[100];

    for (int i = 0; i < 100; i++) {
        yoke_mutex_init(&mutexes[i], i % 2 ? YOKE_SHARED : YOKE_PRIVATE);
        CHECK_EQ(yoke_mutex_acquire(&mutexes[i]), 0);
    }
    /* in another order than they were acquired */
    for (int i = 0; i < 100; i++)
        yoke_mutex_release(&mutexes[i * 37 % 100]);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(elsewhere(pass, &mutexes[i]), 0);
}

/* A private one stays held when its owner's thread ends; a shared one is the next one's, who is told. */
TEST(a_thread_that_ends_while_it_holds_one)
{
    yoke_mutex kept = {0}, shared;

    CHECK_EQ(elsewhere(acquire_only, &kept), 0);
    CHECK_EQ(yoke_mutex_acquire_until(&kept, yoke_after(0.01)), -ETIMEDOUT);
    yoke_mutex_init(&shared, YOKE_SHARED);
    CHECK_EQ(elsewhere(acquire_only, &shared), 0);
    CHECK_EQ(yoke_mutex_held(&shared), 0);
    CHECK_EQ(yoke_mutex_acquire(&shared), -YOKE_EOWNERDEAD);
    CHECK_EQ(yoke_mutex_held(&shared), 1);
    CHECK_EQ(yoke_mutex_acquire(&shared), -EDEADLK);
    yoke_mutex_release(&shared);
    CHECK_EQ(elsewhere(pass, &shared), 0);
}

/* ---- deadlines ---- */

struct probe {
    yoke_mutex mutex;
    int64_t cpu;
    yoke_time end;
};

static int wait_a_while(void *arg)
{
    struct probe *probe = arg;
    yoke_time deadline = yoke_after(0.2);
    /* the first wait asks how many CPUs there are */
    int rc = yoke_mutex_acquire_until(&probe->mutex, yoke_after(0.001));

    CHECK_EQ(rc, -ETIMEDOUT);
    probe->cpu = cpu_time();
    rc = yoke_mutex_acquire_until(&probe->mutex, deadline);
    probe->cpu = cpu_time() - probe->cpu;
    CHECK(yoke_now() >= deadline);
    CHECK_EQ(yoke_mutex_acquire_until(&probe->mutex, -1), -ETIMEDOUT);
    CHECK_EQ(yoke_mutex_acquire_until(&probe->mutex, 1), -ETIMEDOUT);
    CHECK_EQ(yoke_mutex_held(&probe->mutex), 0);
    return rc;
}

static void check_deadlines(uint32_t shared)
{
    struct probe probe = {0};
    yoke_thread thread = {0};

    yoke_mutex_init(&probe.mutex, shared);
    CHECK_EQ(yoke_mutex_acquire(&probe.mutex), 0);
    CHECK_EQ(yoke_thread_start(&thread, wait_a_while, &probe), 0);
    CHECK_EQ(code_of(&thread), -ETIMEDOUT);
    CHECK(probe.cpu < 10 * MS);
    yoke_mutex_release(&probe.mutex);
    /* also with a deadline that has passed, as long as nobody holds it */
    CHECK_EQ(yoke_mutex_acquire_until(&probe.mutex, 1), 0);
    yoke_mutex_release(&probe.mutex);
}

TEST(waits_end_at_their_deadline_and_use_no_cpu)
{
    check_deadlines(YOKE_PRIVATE);
    check_deadlines(YOKE_SHARED);
}

/* ---- exclusion ---- */

struct counted {
    yoke_mutex mutex;
    long rounds;
    struct tally tally;
};

static int count(void *arg)
{
    struct counted *c = arg;

    for (long i = 0; i < c->rounds; i++) {
        CHECK_EQ(yoke_mutex_acquire(&c->mutex), 0);
        count_one(&c->tally);
        yoke_mutex_release(&c->mutex);
    }
    return 0;
}

/* With deadlines that are often missed, so that waiters time out among those that wait for ever. */
static int count_impatiently(void *arg)
{
    struct counted *c = arg;

    for (long i = 0; i < c->rounds; i++) {
        while (yoke_mutex_acquire_until(&c->mutex, at_once_or_soon(i)) < 0)
            continue;
        count_slowly(&c->tally, i);
        yoke_mutex_release(&c->mutex);
    }
    return 0;
}

static void contend(uint32_t shared, int (*first)(void *), int (*second)(void *), long rounds)
{
    struct counted c = {.rounds = rounds};

    yoke_mutex_init(&c.mutex, shared);
    run_together((int (*const[])(void *)){first, second, first, second}, 4, &c);
    CHECK_EQ(c.tally.a, 4 * rounds);
    CHECK_EQ(c.tally.b, 4 * rounds);
    /* nothing is left of it */
    CHECK_EQ(c.mutex.n_waiting, 0);
    CHECK_EQ(elsewhere(try_only, &c.mutex), 0);
}

TEST(one_at_a_time)
{
    contend(YOKE_PRIVATE, count, count, 50000);
    contend(YOKE_SHARED, count, count, 20000);
}

TEST(a_timeout_loses_no_wake)
{
    contend(YOKE_PRIVATE, count, count_impatiently, 10000);
    contend(YOKE_SHARED, count, count_impatiently, 10000);
}

/* ---- sleeping and waking ---- */

static void check_wakes(uint32_t shared)
{
    yoke_mutex mutex;
    yoke_thread threads[4] = {0};

    yoke_mutex_init(&mutex, shared);
    CHECK_EQ(yoke_mutex_acquire(&mutex), 0);
    for (int i = 0; i < 4; i++)
        start_asleep(&threads[i], i % 2 ? pass_in_time : pass, &mutex, slept_on(&mutex));
    yoke_mutex_release(&mutex);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(code_of(&threads[i]), 0);
    CHECK_EQ(elsewhere(try_only, &mutex), 0);
}

TEST(each_release_wakes_a_sleeper)
{
    check_wakes(YOKE_PRIVATE);
    check_wakes(YOKE_SHARED);
}

static int pass_last(void *arg)
{
    let_others_run();
    return pass(arg);
}

/* Round after round its owner takes it again before the sleeper, who has to share the CPU, can run; that one must not be woken in
 * vain for ever.  (Some ten rounds are needed; under load the courtesy may come too late now and then.) */
static void check_nobody_starves(uint32_t shared)
{
    yoke_mutex mutex;
    yoke_thread thread = {0};
    int rounds = 0;

    yoke_mutex_init(&mutex, shared);
    CHECK_EQ(yoke_mutex_acquire(&mutex), 0);
    start_asleep(&thread, pass_last, &mutex, slept_on(&mutex));
    for (; yoke_thread_alive(&thread) && rounds < 100; rounds++) {
        yoke_mutex_release(&mutex);
        CHECK_EQ(yoke_mutex_acquire(&mutex), 0);
        await_asleep_or_ended(&thread);
    }
    CHECK(rounds < 100);
    yoke_mutex_release(&mutex);
    CHECK_EQ(code_of(&thread), 0);
}

TEST(nobody_starves)
{
    share_one_cpu();
    check_nobody_starves(YOKE_PRIVATE);
    check_nobody_starves(YOKE_SHARED);
}

/* ---- signals ---- */

static int wait_interruptibly(void *arg)
{
    CHECK_EQ(yoke_thread_interruptible(1), 0);
    return yoke_mutex_acquire_until(arg, YOKE_FOREVER);
}

static int wait_anyhow(void *arg)
{
    yoke_thread_interruptible(1);
    return pass(arg);
}

static void check_signals(uint32_t shared)
{
    yoke_mutex mutex;
    yoke_thread patient = {0}, in_time = {0}, interruptible = {0}, anyhow = {0};

    yoke_mutex_init(&mutex, shared);
    CHECK_EQ(yoke_mutex_acquire(&mutex), 0);
    start_asleep(&patient, pass, &mutex, slept_on(&mutex));
    start_asleep(&in_time, pass_in_time, &mutex, slept_on(&mutex));
    start_asleep(&interruptible, wait_interruptibly, &mutex, slept_on(&mutex));
    start_asleep(&anyhow, wait_anyhow, &mutex, slept_on(&mutex));
    check_sleeps_on(&patient, slept_on(&mutex));
    check_sleeps_on(&in_time, slept_on(&mutex));
    check_sleeps_on(&anyhow, slept_on(&mutex));
    interrupt(&interruptible);
    CHECK_EQ(code_of(&interruptible), -EINTR);
    CHECK_EQ(mutex.n_waiting, 3);
    yoke_mutex_release(&mutex);
    CHECK_EQ(code_of(&patient), 0);
    CHECK_EQ(code_of(&in_time), 0);
    CHECK_EQ(code_of(&anyhow), 0);
    CHECK_EQ(elsewhere(try_only, &mutex), 0);
}

TEST(a_signal_ends_only_waits_that_want_it)
{
    if (THREAD_SANITIZER)
        SKIP("the thread sanitizer holds signals back");
    handle_signals();
    check_signals(YOKE_PRIVATE);
    check_signals(YOKE_SHARED);
}

/* ---- misuse, and the end of its memory ---- */

static void release(void *arg)
{
    yoke_mutex_release(arg);
}

static void release_twice(void *arg)
{
    CHECK_EQ(yoke_mutex_acquire(arg), 0);
    yoke_mutex_release(arg);
    yoke_mutex_release(arg);
}

static int acquire_and_stay(void *arg)
{
    int rc = yoke_mutex_acquire(arg);

    for (;;)
        pause();
    return rc;
}

static void release_anothers(void *arg)
{
    yoke_thread thread = {0};

    CHECK_EQ(yoke_thread_start(&thread, acquire_and_stay, arg), 0);
    while (yoke_mutex_acquire_until(arg, YOKE_NOW) == 0) {
        yoke_mutex_release(arg);
        sched_yield();
    }
    yoke_mutex_release(arg);
}

TEST(only_its_owner_may_release_it)
{
    yoke_mutex mutex;

    for (int i = 0; i < 2; i++) {
        yoke_mutex_init(&mutex, i ? YOKE_SHARED : YOKE_PRIVATE);
        check_misuse(release, &mutex, "yoke_mutex_release");
        check_misuse(release_twice, &mutex, "yoke_mutex_release");
        check_misuse(release_anothers, &mutex, "yoke_mutex_release");
    }
}

static int acquire_and_take_away(void *arg)
{
    yoke_mutex *mutex = arg;
    int rc = yoke_mutex_acquire(mutex);

    yoke_mutex_release(mutex);
    return rc == 0 ? mprotect(mutex, 4096, PROT_NONE) : rc;
}

/* When a release has made it free, its next holder may release it too and free its memory.  (Whether the release is late
 * enough to notice is chance; it must not crash in any case.) */
TEST(release_looks_at_nothing_that_may_be_gone)
{
    for (int i = 0; i < 200; i++) {
        yoke_mutex *mutex = shared_page();
        yoke_thread thread = {0};

        yoke_mutex_init(mutex, i % 2 ? YOKE_SHARED : YOKE_PRIVATE);
        CHECK_EQ(yoke_mutex_acquire(mutex), 0);
        start_asleep(&thread, acquire_and_take_away, mutex, slept_on(mutex));
        yoke_mutex_release(mutex);
        CHECK_EQ(code_of(&thread), 0);
        munmap(mutex, 4096);
    }
}
