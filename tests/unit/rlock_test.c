/* rlock_test.c -- RLock: levels, ownership, waits, death, fork, misuse; and giving all levels back for a while. */
#include <yoke/event.h>
#include <yoke/rlock.h>

#include "sharing.h"
#include "sync/rlock.h"

static int try_only(void *arg)
{
    return yoke_rlock_acquire_until(arg, YOKE_NOW);
}

static int pass(void *arg)
{
    int rc = yoke_rlock_acquire(arg);

    if (rc == 0 && yoke_rlock_count(arg) == 1)
        yoke_rlock_release(arg);
    return rc;
}

static int count(void *arg)
{
    return (int)yoke_rlock_count(arg);
}

static int acquire_twice(void *arg)
{
    return yoke_rlock_acquire(arg) == 0 && yoke_rlock_acquire(arg) == 0 ? 0 : 1;
}

static int elsewhere(int (*run)(void *), yoke_rlock *rlock)
{
    yoke_thread thread = {0};

    CHECK_EQ(yoke_thread_start(&thread, run, rlock), 0);
    return code_of(&thread);
}

static const void *slept_on(const yoke_rlock *rlock)
{
    return rlock->mutex.shared ? NULL : &rlock->mutex.word;
}

static void check_levels(yoke_rlock *rlock)
{
    CHECK_EQ(yoke_rlock_count(rlock), 0);
    for (uint32_t i = 1; i <= 5; i++) {
        CHECK_EQ(i % 2 ? yoke_rlock_acquire(rlock) : yoke_rlock_acquire_until(rlock, YOKE_NOW), 0);
        CHECK_EQ(yoke_rlock_count(rlock), i);
        CHECK_EQ(elsewhere(count, rlock), 0);
        CHECK_EQ(elsewhere(try_only, rlock), -ETIMEDOUT);
    }
    for (uint32_t i = 5; i > 0; i--) {
        CHECK_EQ(elsewhere(try_only, rlock), -ETIMEDOUT);
        yoke_rlock_release(rlock);
        CHECK_EQ(yoke_rlock_count(rlock), i - 1);
    }
    CHECK_EQ(elsewhere(pass, rlock), 0);
    /* how deep it was is forgotten */
    CHECK_EQ(yoke_rlock_acquire(rlock), 0);
    CHECK_EQ(yoke_rlock_count(rlock), 1);
    CHECK_EQ(yoke_rlock_locked(rlock), 1);
    yoke_rlock_release(rlock);
    CHECK_EQ(yoke_rlock_locked(rlock), 0);
}

TEST(zero_bytes_are_free_and_levels_count)
{
    yoke_rlock rlock = {0}, made;

    check_levels(&rlock);
    memset(&made, 0xff, sizeof made);
    yoke_rlock_init(&made, YOKE_SHARED);
    check_levels(&made);
    memset(&made, 0xff, sizeof made);
    yoke_rlock_init(&made, YOKE_PRIVATE);
    check_levels(&made);
}

TEST(the_count_does_not_overflow)
{
    yoke_rlock rlock = {0};

    CHECK_EQ(yoke_rlock_acquire(&rlock), 0);
    rlock.mutex.reserved[0] = UINT32_MAX - 1;
    CHECK_EQ(yoke_rlock_acquire(&rlock), 0);
    CHECK_EQ(yoke_rlock_acquire(&rlock), -EAGAIN);
    CHECK_EQ(yoke_rlock_acquire_until(&rlock, YOKE_NOW), -EAGAIN);
    CHECK_EQ(yoke_rlock_count(&rlock), UINT32_MAX);
    yoke_rlock_release(&rlock);
    CHECK_EQ(yoke_rlock_acquire(&rlock), 0);
    CHECK_EQ(yoke_rlock_count(&rlock), UINT32_MAX);
}

/* ---- exclusion and waits ---- */

struct counted {
    yoke_rlock rlock;
    long a, b;
};

static int count_nested(void *arg)
{
    struct counted *c = arg;

    for (int i = 0; i < 20000; i++) {
        CHECK_EQ(yoke_rlock_acquire(&c->rlock), 0);
        c->a++;
        CHECK_EQ(yoke_rlock_acquire(&c->rlock), 0);
        yoke_rlock_release(&c->rlock);
        c->b++;
        CHECK_EQ(c->a, c->b);
        yoke_rlock_release(&c->rlock);
    }
    return 0;
}

TEST(one_at_a_time)
{
    struct counted c = {.a = 0};

    run_together((int (*const[])(void *)){count_nested, count_nested, count_nested}, 3, &c);
    CHECK_EQ(c.a, 60000);
    CHECK_EQ(yoke_rlock_count(&c.rlock), 0);
}

static int wait_shortly(void *arg)
{
    yoke_time deadline = yoke_after(0.02);
    int rc = yoke_rlock_acquire_until(arg, deadline);

    CHECK(yoke_now() >= deadline);
    return rc;
}

static int wait_interruptibly(void *arg)
{
    yoke_thread_interruptible(1);
    return yoke_rlock_acquire_until(arg, YOKE_FOREVER);
}

static void check_waits(uint32_t shared)
{
    yoke_rlock rlock;
    yoke_thread sleeper = {0}, interruptible = {0};

    yoke_rlock_init(&rlock, shared);
    CHECK_EQ(yoke_rlock_acquire(&rlock), 0);
    CHECK_EQ(yoke_rlock_acquire(&rlock), 0);
    CHECK_EQ(elsewhere(wait_shortly, &rlock), -ETIMEDOUT);
    start_asleep(&sleeper, pass, &rlock, slept_on(&rlock));
    if (!THREAD_SANITIZER) {
        start_asleep(&interruptible, wait_interruptibly, &rlock, slept_on(&rlock));
        check_sleeps_on(&sleeper, slept_on(&rlock));
        interrupt(&interruptible);
        CHECK_EQ(code_of(&interruptible), -EINTR);
    }
    yoke_rlock_release(&rlock);
    CHECK_EQ(yoke_thread_join_until(&sleeper, yoke_after(0.01), NULL), -ETIMEDOUT);
    yoke_rlock_release(&rlock);
    CHECK_EQ(code_of(&sleeper), 0);
}

TEST(waits_end_with_the_last_release_a_deadline_or_a_signal)
{
    handle_signals();
    check_waits(YOKE_PRIVATE);
    check_waits(YOKE_SHARED);
}

/* ---- death and fork ---- */

static int acquire_twice_and_die(void *arg)
{
    CHECK_EQ(acquire_twice(arg), 0);
    die();
}

TEST(who_gets_it_from_the_dead_has_it_once)
{
    yoke_rlock *rlock = shared_page();

    yoke_rlock_init(rlock, YOKE_SHARED);
    for (int i = 0; i < 2; i++) {
        status_of(forked(acquire_twice_and_die, rlock));
        CHECK_EQ(yoke_rlock_count(rlock), 0);
        CHECK_EQ(i ? yoke_rlock_acquire(rlock) : yoke_rlock_acquire_until(rlock, YOKE_NOW), -YOKE_EOWNERDEAD);
        CHECK_EQ(yoke_rlock_count(rlock), 1);
        CHECK_EQ(yoke_rlock_acquire(rlock), 0);
        yoke_rlock_release(rlock);
        yoke_rlock_release(rlock);
        CHECK_EQ(elsewhere(pass, rlock), 0);
    }
    munmap(rlock, 4096);
}

static int release_twice(void *arg)
{
    CHECK_EQ(yoke_rlock_count(arg), 2);
    yoke_rlock_release(arg);
    yoke_rlock_release(arg);
    CHECK_EQ(yoke_rlock_count(arg), 0);
    return pass(arg);
}

struct home {
    yoke_rlock rlock;
    yoke_event go;
};

static int hold(void *arg)
{
    struct home *home = arg;

    CHECK_EQ(acquire_twice(&home->rlock), 0);
    yoke_event_wait(&home->go);
    return release_twice(&home->rlock);
}

static int inherit(void *arg)
{
    CHECK_EQ(yoke_rlock_acquire(arg), -YOKE_EOWNERDEAD);
    CHECK_EQ(yoke_rlock_count(arg), 1);
    yoke_rlock_release(arg);
    return pass(arg);
}

TEST(in_the_child_of_a_fork)
{
    struct home home = {0};
    yoke_thread thread = {0};

    CHECK_EQ(acquire_twice(&home.rlock), 0);
    check_ends_well(forked(release_twice, &home.rlock));
    CHECK_EQ(release_twice(&home.rlock), 0);
    if (SANITIZER)
        SKIP("locks of the sanitizer stay held in the child of a program with threads");
    CHECK_EQ(yoke_thread_start(&thread, hold, &home), 0);
    asleep_on(getpid(), yoke_thread_native_id(&thread), &home.go.word);
    check_ends_well(forked(inherit, &home.rlock));
    yoke_event_set(&home.go);
    CHECK_EQ(code_of(&thread), 0);
}

/* ---- all levels at once ---- */

TEST(saved_and_restored)
{
    yoke_rlock *rlock = shared_page();

    for (int i = 0; i < 2; i++) {
        yoke_rlock_init(rlock, i ? YOKE_SHARED : YOKE_PRIVATE);
        CHECK_EQ(acquire_twice(rlock), 0);
        CHECK_EQ(yoke_rlock_acquire(rlock), 0);
        CHECK_EQ(yk_rlock_save(rlock), 3);
        CHECK_EQ(yoke_rlock_count(rlock), 0);
        CHECK_EQ(elsewhere(pass, rlock), 0);
        CHECK_EQ(yk_rlock_restore(rlock, 3), 0);
        CHECK_EQ(yoke_rlock_count(rlock), 3);
        CHECK_EQ(elsewhere(try_only, rlock), -ETIMEDOUT);
        for (int k = 0; k < 3; k++)
            yoke_rlock_release(rlock);
    }
    status_of(forked(acquire_twice_and_die, rlock));
    CHECK_EQ(yk_rlock_restore(rlock, 3), -YOKE_EOWNERDEAD);
    CHECK_EQ(yoke_rlock_count(rlock), 3);
    for (int k = 0; k < 3; k++)
        yoke_rlock_release(rlock);
    CHECK_EQ(elsewhere(pass, rlock), 0);
    munmap(rlock, 4096);
}

/* ---- misuse ---- */

static void release(void *arg)
{
    yoke_rlock_release(arg);
}

static void release_too_often(void *arg)
{
    CHECK_EQ(acquire_twice(arg), 0);
    for (int i = 0; i < 3; i++)
        yoke_rlock_release(arg);
}

static int hold_for_ever(void *arg)
{
    CHECK_EQ(yoke_rlock_acquire(arg), 0);
    for (;;)
        pause();
    return 0;
}

static void release_anothers(void *arg)
{
    yoke_thread thread = {0};

    CHECK_EQ(yoke_thread_start(&thread, hold_for_ever, arg), 0);
    while (try_only(arg) == 0) {
        yoke_rlock_release(arg);
        sched_yield();
    }
    yoke_rlock_release(arg);
}

TEST(only_its_owner_may_release_it_and_as_often_as_it_acquired)
{
    yoke_rlock rlock;

    for (int i = 0; i < 2; i++) {
        yoke_rlock_init(&rlock, i ? YOKE_SHARED : YOKE_PRIVATE);
        check_misuse(release, &rlock, "yoke_rlock_release");
        check_misuse(release_too_often, &rlock, "yoke_rlock_release");
        check_misuse(release_anothers, &rlock, "yoke_rlock_release");
    }
}
