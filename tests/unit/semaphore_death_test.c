/* semaphore_death_test.c -- Semaphore between processes, of which some die: nobody sleeps while there is a permit. */
#include <yoke/semaphore.h>

#include "base/atomic.h"
#include "sharing.h"

struct page {
    yoke_semaphore semaphore, done;
    yk_a32 inside;
};

static struct page *new_page(uint32_t value)
{
    struct page *page = shared_page();

    yoke_semaphore_init(&page->semaphore, value, 0, YOKE_SHARED);
    yoke_semaphore_init(&page->done, 0, 0, YOKE_SHARED);
    return page;
}

static int acquire_only(void *arg)
{
    struct page *page = arg;

    yoke_semaphore_acquire(&page->semaphore);
    return 0;
}

static int acquire_in_time(void *arg)
{
    struct page *page = arg;

    return yoke_semaphore_acquire_until(&page->semaphore, in_time()) == 0 ? 0 : 1;
}

TEST(a_sleeper_of_another_process_is_woken)
{
    struct page *page = new_page(0);
    pid_t pids[3];

    for (int i = 0; i < 3; i++)
        pids[i] = forked_asleep(i % 2 ? acquire_in_time : acquire_only, page);
    CHECK_EQ(yoke_semaphore_release(&page->semaphore, 3), 0);
    for (int i = 0; i < 3; i++)
        check_ends_well(pids[i]);
    CHECK_EQ(page->semaphore.value, 0);
    munmap(page, 4096);
}

static int come_and_go(void *arg)
{
    struct page *page = arg;

    for (int i = 0; i < 6000; i++) {
        if (i % 2)
            yoke_semaphore_acquire(&page->semaphore);
        else
            while (yoke_semaphore_acquire_until(&page->semaphore, yoke_after(20e-6)) < 0)
                continue;
        if (yk_add_rlx(&page->inside, 1) >= 2)
            return 1;
        yk_add_rlx(&page->inside, -1u);
        if (yoke_semaphore_release(&page->semaphore, 1) < 0)
            return 1;
    }
    return 0;
}

TEST(never_more_inside_than_there_are_permits)
{
    struct page *page = new_page(2);
    pid_t pids[4];

    for (int i = 0; i < 4; i++)
        pids[i] = forked(come_and_go, page);
    for (int i = 0; i < 4; i++)
        check_ends_well(pids[i]);
    CHECK_EQ(page->semaphore.value, 2);
    munmap(page, 4096);
}

/* ---- deaths ---- */

TEST(the_death_of_a_waiter_holds_up_nobody)
{
    struct page *page = new_page(0);
    pid_t dead[3], alive[2];

    dead[0] = forked_asleep(acquire_only, page);
    alive[0] = forked_asleep(acquire_in_time, page);
    dead[1] = forked_asleep(acquire_only, page);
    alive[1] = forked_asleep(acquire_only, page);
    dead[2] = forked_asleep(acquire_only, page);
    for (int i = 0; i < 3; i++)
        kill_and_reap(dead[i]);
    CHECK_EQ(yoke_semaphore_release(&page->semaphore, 2), 0);
    check_ends_well(alive[0]);
    check_ends_well(alive[1]);
    CHECK_EQ(yoke_semaphore_value(&page->semaphore), 0);
    /* and it goes on as before */
    CHECK_EQ(yoke_semaphore_release(&page->semaphore, 1), 0);
    CHECK_EQ(yoke_semaphore_acquire_until(&page->semaphore, YOKE_NOW), 0);
    CHECK_EQ(yoke_semaphore_acquire_until(&page->semaphore, yoke_after(0.001)), -ETIMEDOUT);
    munmap(page, 4096);
}

/* Killed at once after the release, so that most of them have been woken and not yet run.  Whether it had its permit, which is then
 * lost, is not known; but none may be left while the other sleeps. */
TEST(nor_does_that_of_one_that_was_just_woken)
{
    for (int i = 0; i < 20; i++) {
        struct page *page = new_page(0);
        pid_t first = forked_asleep(acquire_only, page), second = forked_asleep(acquire_in_time, page);

        CHECK_EQ(yoke_semaphore_release(&page->semaphore, 1), 0);
        kill_and_reap(first);
        while (yoke_semaphore_value(&page->semaphore) > 0)
            sched_yield();
        CHECK_EQ(yoke_semaphore_release(&page->semaphore, 1), 0);
        check_ends_well(second);
        munmap(page, 4096);
    }
}

static int die_with_it(void *arg)
{
    acquire_only(arg);
    die();
}

TEST(a_permit_that_a_dead_process_had_is_lost)
{
    struct page *page = new_page(3);

    status_of(forked(die_with_it, page));
    CHECK_EQ(yoke_semaphore_value(&page->semaphore), 2);
    munmap(page, 4096);
}

/* ---- killed anywhere ---- */

static int consume(void *arg)
{
    for (;;)
        acquire_only(arg);
    return 0;
}

/* As long as one consumer lives, all permits are consumed, whoever was killed. */
TEST(consumers_killed_at_any_time)
{
    struct page *page = new_page(0);
    pid_t pids[3];

    for (int i = 0; i < 3; i++)
        pids[i] = forked(consume, page);
    for (uint32_t i = 0; i < 60; i++) {
        CHECK_EQ(yoke_semaphore_release(&page->semaphore, 1 + i % 3), 0);
        kill_and_reap(pids[i % 3]);
        while (yoke_semaphore_value(&page->semaphore) > 0)
            sched_yield();
        pids[i % 3] = forked(consume, page);
    }
    for (int i = 0; i < 3; i++)
        kill_and_reap(pids[i]);
    munmap(page, 4096);
}

static int produce(void *arg)
{
    struct page *page = arg;

    for (;;) {
        CHECK_EQ(yoke_semaphore_release(&page->semaphore, 2), 0);
        yoke_semaphore_acquire(&page->done);
    }
    return 0;
}

static int consume_and_tell(void *arg)
{
    struct page *page = arg;

    for (;;) {
        acquire_only(arg);
        yk_add_rlx(&page->inside, 1);
        CHECK_EQ(yoke_semaphore_release(&page->done, 1), 0);
    }
    return 0;
}

/* The same for those who release. */
TEST(producers_killed_at_any_time)
{
    struct page *page = new_page(0);
    pid_t consumers[2], producers[2];

    for (int i = 0; i < 2; i++) {
        consumers[i] = forked(consume_and_tell, page);
        producers[i] = forked(produce, page);
    }
    for (int i = 0; i < 60; i++) {
        uint32_t seen = yk_load_rlx(&page->inside);

        while (yk_load_rlx(&page->inside) == seen)
            sched_yield();
        kill_and_reap(producers[i % 2]);
        producers[i % 2] = forked(produce, page);
    }
    for (int i = 0; i < 2; i++)
        kill_and_reap(producers[i]);
    while (yoke_semaphore_value(&page->semaphore) > 0)
        sched_yield();
    for (int i = 0; i < 2; i++)
        kill_and_reap(consumers[i]);
    munmap(page, 4096);
}
