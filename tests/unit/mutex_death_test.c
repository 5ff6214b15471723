/* mutex_death_test.c -- Mutex between processes, whose owners and waiters die, and in the child of a fork. */
#include <yoke/event.h>
#include <yoke/mutex.h>

#include "base/atomic.h"
#include "sharing.h"

/* What the processes of a test share. */
struct page {
    yoke_mutex mutex, others[8];
    yk_a64 n_done;
    long rounds, a, b; /* plain: the mutex guards them */
};

static struct page *new_page(void)
{
    struct page *page = shared_page();

    yoke_mutex_init(&page->mutex, YOKE_SHARED);
    for (int i = 0; i < 8; i++)
        yoke_mutex_init(&page->others[i], YOKE_SHARED);
    return page;
}

static int acquire_and_die(void *arg)
{
    struct page *page = arg;

    if (yoke_mutex_acquire(&page->mutex) == 0)
        die();
    return 1;
}

static int acquire_and_return(void *arg)
{
    struct page *page = arg;

    return yoke_mutex_acquire(&page->mutex);
}

/* Tells by its exit code whether it was told of a death. */
static int pass(void *arg)
{
    struct page *page = arg;
    int rc = yoke_mutex_acquire_until(&page->mutex, in_time());

    if (rc != 0 && rc != -YOKE_EOWNERDEAD)
        return 2;
    yoke_mutex_release(&page->mutex);
    return rc == -YOKE_EOWNERDEAD;
}

static int wait_for_ever(void *arg)
{
    struct page *page = arg;
    int rc = yoke_mutex_acquire(&page->mutex);

    yoke_mutex_release(&page->mutex);
    return rc;
}

static void check_free(struct page *page)
{
    CHECK_EQ(yoke_mutex_acquire_until(&page->mutex, in_time()), 0);
    yoke_mutex_release(&page->mutex);
    munmap(page, 4096);
}

static void check_dead_then_free(struct page *page, yoke_time deadline)
{
    CHECK_EQ(yoke_mutex_acquire_until(&page->mutex, deadline), -YOKE_EOWNERDEAD);
    CHECK_EQ(yoke_mutex_held(&page->mutex), 1);
    CHECK_EQ(yoke_mutex_acquire(&page->mutex), -EDEADLK);
    yoke_mutex_release(&page->mutex);
    check_free(page);
}

/* ---- owners ---- */

TEST(the_next_one_is_told_of_a_killed_owner)
{
    for (int i = 0; i < 3; i++) {
        struct page *page = new_page();

        status_of(forked(acquire_and_die, page));
        check_dead_then_free(page, i == 0 ? YOKE_NOW : i == 1 ? YOKE_FOREVER : in_time());
    }
}

TEST(an_owner_that_exits_counts_as_dead)
{
    struct page *page = new_page();

    check_ends_well(forked(acquire_and_return, page));
    check_dead_then_free(page, YOKE_NOW);
}

static int acquire_in_thread_and_stay(void *arg)
{
    struct page *page = arg;
    yoke_thread thread = {0};

    CHECK_EQ(yoke_thread_start(&thread, acquire_and_return, page), 0);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    return pass(arg);
}

TEST(so_does_a_thread_of_a_process_that_lives_on)
{
    struct page *page = new_page();
    pid_t pid = forked(acquire_in_thread_and_stay, page);

    CHECK_EQ(WEXITSTATUS(status_of(pid)), 1);
    check_free(page);
}

/* All wait while it dies: exactly one of them is told. */
TEST(one_of_the_waiters_is_told)
{
    struct page *page = new_page();
    pid_t owner, waiters[4];
    int told = 0;

    CHECK_EQ(yoke_mutex_acquire(&page->mutex), 0);
    owner = forked_asleep(acquire_and_die, page);
    for (int i = 0; i < 4; i++)
        waiters[i] = forked_asleep(pass, page);
    yoke_mutex_release(&page->mutex);
    status_of(owner);
    for (int i = 0; i < 4; i++) {
        int status = status_of(waiters[i]);

        CHECK(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
        told += WEXITSTATUS(status);
    }
    CHECK_EQ(told, 1);
    check_free(page);
}

static int die_with_many(void *arg)
{
    struct page *page = arg;

    for (int i = 0; i < 8; i++)
        if (yoke_mutex_acquire(&page->others[i]) != 0)
            return 1;
    /* what was given back is not the dead one's */
    yoke_mutex_release(&page->others[3]);
    yoke_mutex_release(&page->others[0]);
    yoke_mutex_release(&page->others[7]);
    die();
}

TEST(all_that_a_dead_owner_held_and_nothing_else)
{
    struct page *page = new_page();

    status_of(forked(die_with_many, page));
    for (int i = 0; i < 8; i++) {
        bool given_back = i == 0 || i == 3 || i == 7;

        CHECK_EQ(yoke_mutex_acquire_until(&page->others[i], YOKE_NOW), given_back ? 0 : -YOKE_EOWNERDEAD);
        yoke_mutex_release(&page->others[i]);
    }
    munmap(page, 4096);
}

enum { TOO_MANY = 3000 };

static int hold_as_many_as_may_be(void *arg)
{
    yoke_mutex *mutexes = arg;
    int n = 0;

    while (n < TOO_MANY && yoke_mutex_acquire(&mutexes[n]) == 0)
        n++;
    if (n < 1000 || n == TOO_MANY || yoke_mutex_acquire(&mutexes[n]) != -EAGAIN)
        return 1;
    /* one less leaves room for one more */
    yoke_mutex_release(&mutexes[7]);
    if (yoke_mutex_acquire(&mutexes[n]) != 0)
        return 1;
    die();
}

/* The kernel looks at some 2000 words only. */
TEST(no_more_are_held_than_the_kernel_looks_after)
{
    yoke_mutex *mutexes =
        mmap(NULL, TOO_MANY * sizeof *mutexes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int n_dead = 0;

    CHECK(mutexes != MAP_FAILED);
    for (int i = 0; i < TOO_MANY; i++)
        yoke_mutex_init(&mutexes[i], YOKE_SHARED);
    CHECK(WIFSIGNALED(status_of(forked(hold_as_many_as_may_be, mutexes))));
    for (int i = 0; i < TOO_MANY; i++) {
        int rc = yoke_mutex_acquire_until(&mutexes[i], YOKE_NOW);

        CHECK(rc == 0 || rc == -YOKE_EOWNERDEAD);
        n_dead += rc == -YOKE_EOWNERDEAD;
        CHECK_EQ(yoke_mutex_locked(&mutexes[i]), 1);
        yoke_mutex_release(&mutexes[i]);
    }
    CHECK(n_dead >= 1000);
    munmap(mutexes, TOO_MANY * sizeof *mutexes);
}

/* Who was told dies in its turn, and so on. */
TEST(a_death_after_a_death)
{
    struct page *page = new_page();

    status_of(forked(acquire_and_die, page));
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();

        if (pid == 0 && yoke_mutex_acquire(&page->mutex) == -YOKE_EOWNERDEAD)
            die();
        CHECK(pid > 0);
        CHECK(WIFSIGNALED(status_of(pid)));
    }
    check_dead_then_free(page, YOKE_NOW);
}

/* ---- waiters ---- */

TEST(the_death_of_a_waiter_holds_up_nobody)
{
    struct page *page = new_page();
    pid_t dead[3], alive[2];

    CHECK_EQ(yoke_mutex_acquire(&page->mutex), 0);
    dead[0] = forked_asleep(wait_for_ever, page);
    alive[0] = forked_asleep(pass, page);
    dead[1] = forked_asleep(pass, page);
    alive[1] = forked_asleep(wait_for_ever, page);
    dead[2] = forked_asleep(wait_for_ever, page);
    for (int i = 0; i < 3; i++)
        kill_and_reap(dead[i]);
    yoke_mutex_release(&page->mutex);
    check_ends_well(alive[0]);
    check_ends_well(alive[1]);
    check_free(page);
}

/* Killed at once after the release, so that most of them have been woken and not yet run. */
TEST(nor_does_that_of_one_that_was_just_woken)
{
    for (int i = 0; i < 20; i++) {
        struct page *page = new_page();
        pid_t first, second;

        CHECK_EQ(yoke_mutex_acquire(&page->mutex), 0);
        first = forked_asleep(wait_for_ever, page);
        second = forked_asleep(pass, page);
        yoke_mutex_release(&page->mutex);
        kill_and_reap(first);
        CHECK(WIFEXITED(status_of(second)));
        CHECK(yoke_mutex_acquire_until(&page->mutex, in_time()) != -ETIMEDOUT);
        yoke_mutex_release(&page->mutex);
        check_free(page);
    }
}

/* ---- killed anywhere ---- */

/* Each holder makes a and b unequal for a moment; who is told makes them equal again, as a program would. */
static int count(void *arg)
{
    struct page *page = arg;

    for (;;) {
        int rc = yoke_mutex_acquire(&page->mutex);

        if (rc == -YOKE_EOWNERDEAD)
            page->b = page->a;
        else if (rc != 0 || page->a != page->b)
            return 1;
        page->a++;
        page->b++;
        yoke_mutex_release(&page->mutex);
        yk_add_rlx(&page->n_done, 1);
    }
    return 0;
}

TEST(killed_at_any_time)
{
    struct page *page = new_page();
    pid_t pids[3];

    for (int i = 0; i < 3; i++)
        pids[i] = forked(count, page);
    for (int i = 0; i < 60; i++) {
        uint64_t seen = yk_load_rlx(&page->n_done);

        /* they go on, whoever was killed */
        while (yk_load_rlx(&page->n_done) == seen)
            sched_yield();
        kill_and_reap(pids[i % 3]);
        pids[i % 3] = forked(count, page);
    }
    for (int i = 0; i < 3; i++)
        kill_and_reap(pids[i]);
    CHECK(yoke_mutex_acquire_until(&page->mutex, in_time()) != -ETIMEDOUT);
    yoke_mutex_release(&page->mutex);
    check_free(page);
}

static int count_rounds(void *arg)
{
    struct page *page = arg;

    for (long i = 0; i < page->rounds; i++) {
        if (yoke_mutex_acquire(&page->mutex) != 0 || page->a != page->b)
            return 1;
        page->a++;
        page->b++;
        yoke_mutex_release(&page->mutex);
    }
    return 0;
}

TEST(processes_exclude_each_other)
{
    struct page *page = new_page();
    pid_t pids[3];

    page->rounds = 20000;
    for (int i = 0; i < 3; i++)
        pids[i] = forked(count_rounds, page);
    for (int i = 0; i < 3; i++)
        check_ends_well(pids[i]);
    CHECK_EQ(page->a, 3 * page->rounds);
    check_free(page);
}

/* ---- in the child of a fork ---- */

struct home {
    yoke_mutex mutex;
    yoke_event go;
};

static int hold(void *arg)
{
    struct home *home = arg;

    CHECK_EQ(yoke_mutex_acquire(&home->mutex), 0);
    yoke_event_wait(&home->go);
    yoke_mutex_release(&home->mutex);
    return 0;
}

static int wait_at_home(void *arg)
{
    struct home *home = arg;

    CHECK_EQ(yoke_mutex_acquire(&home->mutex), 0);
    yoke_mutex_release(&home->mutex);
    return 0;
}

static int try_at_home(void *arg)
{
    struct home *home = arg;

    return yoke_mutex_acquire_until(&home->mutex, YOKE_NOW);
}

static int go_on(void *arg)
{
    struct home *home = arg;
    yoke_thread thread = {0};

    CHECK_EQ(yoke_mutex_held(&home->mutex), 1);
    /* to threads of the child, too */
    if (!SANITIZER) {
        CHECK_EQ(yoke_thread_start(&thread, try_at_home, home), 0);
        CHECK_EQ(code_of(&thread), -ETIMEDOUT);
    }
    CHECK_EQ(yoke_mutex_acquire(&home->mutex), -EDEADLK);
    yoke_mutex_release(&home->mutex);
    CHECK_EQ(yoke_mutex_held(&home->mutex), 0);
    CHECK_EQ(yoke_mutex_acquire(&home->mutex), 0);
    yoke_mutex_release(&home->mutex);
    return 0;
}

static int go_on_in_grandchild(void *arg)
{
    check_ends_well(forked(go_on, arg));
    return go_on(arg);
}

TEST(the_thread_that_forks_still_holds_what_it_held)
{
    struct home home = {0};
    yoke_thread thread = {0};

    CHECK_EQ(yoke_mutex_acquire(&home.mutex), 0);
    check_ends_well(forked(go_on_in_grandchild, &home));
    /* also when others wait for it, who do not come along */
    start_asleep(&thread, wait_at_home, &home, &home.mutex.word);
    if (!SANITIZER)
        check_ends_well(forked(go_on_in_grandchild, &home));
    yoke_mutex_release(&home.mutex);
    CHECK_EQ(code_of(&thread), 0);
}

static int inherit(void *arg)
{
    struct home *home = arg;

    CHECK_EQ(yoke_mutex_held(&home->mutex), 0);
    CHECK_EQ(yoke_mutex_acquire_until(&home->mutex, YOKE_NOW), -YOKE_EOWNERDEAD);
    return go_on(arg);
}

TEST(what_others_held_is_the_next_ones_who_is_told)
{
    struct home home = {0};
    yoke_thread holder = {0}, waiter = {0};

    if (SANITIZER)
        SKIP("locks of the sanitizer stay held in the child");
    CHECK_EQ(yoke_thread_start(&holder, hold, &home), 0);
    asleep_on(getpid(), yoke_thread_native_id(&holder), &home.go.word);
    check_ends_well(forked(inherit, &home));
    start_asleep(&waiter, wait_at_home, &home, &home.mutex.word);
    check_ends_well(forked(inherit, &home));
    yoke_event_set(&home.go);
    CHECK_EQ(code_of(&holder), 0);
    CHECK_EQ(code_of(&waiter), 0);
}

/* A shared one stays the parent's. */
static int leave_alone(void *arg)
{
    struct page *page = arg;

    CHECK_EQ(yoke_mutex_held(&page->mutex), 0);
    return yoke_mutex_acquire_until(&page->mutex, YOKE_NOW) == -ETIMEDOUT ? 0 : 1;
}

TEST(a_shared_one_stays_the_parents)
{
    struct page *page = new_page();

    CHECK_EQ(yoke_mutex_acquire(&page->mutex), 0);
    check_ends_well(forked(leave_alone, page));
    CHECK_EQ(yoke_mutex_held(&page->mutex), 1);
    yoke_mutex_release(&page->mutex);
    check_free(page);
}
