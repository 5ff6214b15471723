/* lock_test.c -- Lock: exclusion, order, deadlines, wakes, processes, misuse. */
#include "sharing.h"

TEST(zero_bytes_are_a_free_lock)
{
    yoke_lock lock = {0}, made;

    memset(&made, 0xff, sizeof made);
    yoke_lock_init(&made, YOKE_SHARED);
    CHECK_EQ(yoke_lock_locked(&lock), 0);
    CHECK_EQ(yoke_lock_locked(&made), 0);
    yoke_lock_acquire(&lock);
    yoke_lock_acquire(&made);
    CHECK_EQ(yoke_lock_locked(&lock), 1);
    CHECK_EQ(yoke_lock_locked(&made), 1);
    yoke_lock_release(&lock);
    yoke_lock_release(&made);
    CHECK_EQ(yoke_lock_locked(&lock), 0);
    /* a free lock may be copied, and needs no end */
    made = lock;
    yoke_lock_acquire(&made);
    yoke_lock_release(&made);
}

TEST(until_tries_and_times_out)
{
    yoke_lock lock = {0};
    yoke_time deadline;

    CHECK_EQ(yoke_lock_acquire_until(&lock, YOKE_NOW), 0);
    /* not recursive */
    CHECK_EQ(yoke_lock_acquire_until(&lock, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yoke_lock_acquire_until(&lock, -1), -ETIMEDOUT);
    CHECK_EQ(yoke_lock_acquire_until(&lock, 1), -ETIMEDOUT);
    deadline = yoke_after(0.03);
    CHECK_EQ(yoke_lock_acquire_until(&lock, deadline), -ETIMEDOUT);
    CHECK(yoke_now() >= deadline);
    CHECK_EQ(yoke_lock_locked(&lock), 1);
    yoke_lock_release(&lock);
    /* also with a deadline that has passed, as long as nobody holds it */
    CHECK_EQ(yoke_lock_acquire_until(&lock, 1), 0);
    yoke_lock_release(&lock);
    CHECK_EQ(yoke_lock_acquire_until(&lock, YOKE_FOREVER), 0);
    yoke_lock_release(&lock);
}

TEST(waiting_uses_no_cpu)
{
    yoke_lock lock = {0};
    int64_t before;

    yoke_lock_acquire(&lock);
    /* the first wait asks how many CPUs there are */
    CHECK_EQ(yoke_lock_acquire_until(&lock, yoke_after(0.001)), -ETIMEDOUT);
    before = cpu_time();
    CHECK_EQ(yoke_lock_acquire_until(&lock, yoke_after(0.2)), -ETIMEDOUT);
    CHECK(cpu_time() - before < 10 * MS);
    yoke_lock_release(&lock);
}

/* ---- exclusion ---- */

struct counted {
    yoke_lock lock;
    long rounds;
    struct tally tally;
};

static int count(void *arg)
{
    struct counted *c = arg;

    for (long i = 0; i < c->rounds; i++) {
        yoke_lock_acquire(&c->lock);
        count_one(&c->tally);
        yoke_lock_release(&c->lock);
    }
    return 0;
}

/* With deadlines that are often missed, so that waiters time out among those that wait for ever. */
static int count_impatiently(void *arg)
{
    struct counted *c = arg;

    for (long i = 0; i < c->rounds; i++) {
        while (yoke_lock_acquire_until(&c->lock, at_once_or_soon(i)) < 0)
            continue;
        count_slowly(&c->tally, i);
        yoke_lock_release(&c->lock);
    }
    return 0;
}

static void contend(int (*first)(void *), int (*second)(void *), long rounds)
{
    struct counted c = {.rounds = rounds};

    run_together((int (*const[])(void *)){first, second, first, second}, 4, &c);
    CHECK_EQ(c.tally.a, 4 * rounds);
    CHECK_EQ(c.tally.b, 4 * rounds);
    CHECK_EQ(yoke_lock_locked(&c.lock), 0);
}

TEST(one_at_a_time)
{
    contend(count, count, 100000);
}

TEST(a_timeout_loses_no_wake)
{
    contend(count, count_impatiently, 20000);
}

TEST(processes_exclude_each_other)
{
    struct counted *c = shared_page();
    pid_t pids[3];

    c->rounds = 30000;
    yoke_lock_init(&c->lock, YOKE_SHARED);
    for (int i = 0; i < 3; i++)
        pids[i] = forked(i == 2 ? count_impatiently : count, c);
    for (int i = 0; i < 3; i++)
        check_ends_well(pids[i]);
    CHECK_EQ(c->tally.a, 3 * c->rounds);
    munmap(c, 4096);
}

/* ---- sleeping and waking ---- */

static int acquire_only(void *arg)
{
    yoke_lock_acquire(arg);
    return 0;
}

static int pass_through(void *arg)
{
    yoke_lock_acquire(arg);
    yoke_lock_release(arg);
    return 0;
}

static int pass_through_in_time(void *arg)
{
    int rc = yoke_lock_acquire_until(arg, in_time());

    if (rc == 0)
        yoke_lock_release(arg);
    return rc;
}

static const void *slept_on(const yoke_lock *lock)
{
    return lock->shared ? NULL : &lock->word;
}

TEST(any_thread_may_release)
{
    yoke_lock lock = {0};
    yoke_thread thread = {0};

    /* held by nobody but a thread that has ended */
    CHECK_EQ(yoke_thread_start(&thread, acquire_only, &lock), 0);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    CHECK_EQ(yoke_lock_locked(&lock), 1);
    yoke_lock_release(&lock);
    CHECK_EQ(yoke_lock_locked(&lock), 0);
}

TEST(each_release_wakes_a_sleeper)
{
    yoke_lock lock = {0};
    yoke_thread threads[4] = {0};

    yoke_lock_acquire(&lock);
    for (int i = 0; i < 4; i++)
        start_asleep(&threads[i], i % 2 ? pass_through_in_time : pass_through, &lock, slept_on(&lock));
    yoke_lock_release(&lock);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(code_of(&threads[i]), 0);
    CHECK_EQ(yoke_lock_locked(&lock), 0);
}

TEST(who_times_out_leaves_the_others_to_be_woken)
{
    yoke_lock lock = {0};
    yoke_thread thread = {0};

    yoke_lock_acquire(&lock);
    start_asleep(&thread, acquire_only, &lock, slept_on(&lock));
    CHECK_EQ(yoke_lock_acquire_until(&lock, yoke_after(0.01)), -ETIMEDOUT);
    yoke_lock_release(&lock);
    CHECK_EQ(code_of(&thread), 0);
    yoke_lock_release(&lock);
}

TEST(a_sleeper_of_another_process_is_woken)
{
    yoke_lock *lock = shared_page();
    pid_t pid;

    yoke_lock_init(lock, YOKE_SHARED);
    yoke_lock_acquire(lock);
    pid = forked_asleep(acquire_only, lock);
    yoke_lock_release(lock);
    check_ends_well(pid);
    /* it ended with the lock held; any process may release it */
    CHECK_EQ(yoke_lock_locked(lock), 1);
    yoke_lock_release(lock);
    munmap(lock, 4096);
}

TEST(a_signal_does_not_end_the_wait)
{
    yoke_lock lock = {0};
    yoke_thread thread = {0};

    handle_signals();
    yoke_lock_acquire(&lock);
    start_asleep(&thread, acquire_only, &lock, slept_on(&lock));
    for (int i = 0; i < 2; i++)
        check_sleeps_on(&thread, &lock.word);
    yoke_lock_release(&lock);
    CHECK_EQ(code_of(&thread), 0);
    yoke_lock_release(&lock);
}

static int acquire_and_take_away(void *arg)
{
    yoke_lock *lock = arg;

    yoke_lock_acquire(lock);
    return mprotect(lock, 4096, PROT_NONE);
}

/* When a release has made the lock free, its next holder may release it too and free its memory.  (Whether the release is late
 * enough to notice is chance; it must not crash in any case.) */
TEST(release_looks_at_nothing_that_may_be_gone)
{
    for (int i = 0; i < 400; i++) {
        yoke_lock *lock = shared_page();
        yoke_thread thread = {0};

        yoke_lock_init(lock, i % 2 ? YOKE_SHARED : YOKE_PRIVATE);
        yoke_lock_acquire(lock);
        start_asleep(&thread, acquire_and_take_away, lock, slept_on(lock));
        yoke_lock_release(lock);
        CHECK_EQ(code_of(&thread), 0);
        munmap(lock, 4096);
    }
}

/* ---- misuse ---- */

static void release_it(void *arg)
{
    yoke_lock_release(arg);
}

static void release_twice(void *arg)
{
    yoke_lock_acquire(arg);
    yoke_lock_release(arg);
    yoke_lock_release(arg);
}

TEST(releasing_what_nobody_holds_aborts)
{
    yoke_lock lock = {0}, shared;

    yoke_lock_init(&shared, YOKE_SHARED);
    check_misuse(release_it, &lock, "yoke_lock_release");
    check_misuse(release_twice, &shared, "yoke_lock_release");
}
