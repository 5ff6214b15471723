/* zygote_init_test.c -- yoke_init's zygote, and the rule about threads that it is there for. */
#include <errno.h>
#include <unistd.h>

#include "host.h"
#include "zygote.h"

/* ---- yoke_init ---- */

TEST(init_is_once_and_done_ends_it)
{
    const struct yk_zygote *first;

    CHECK(yk_zygote_root() == NULL);
    yoke_done();
    CHECK_EQ(yoke_init(), 0);
    first = yk_zygote_root();
    CHECK(first != NULL);
    CHECK_EQ(yoke_init(), 0);
    CHECK(yk_zygote_root() == first);
    yoke_done();
    CHECK(yk_zygote_root() == NULL);
    yoke_done();
    CHECK_EQ(yoke_init(), 0);
    yoke_done();
}

TEST(a_fork_has_no_zygote_and_can_make_one)
{
    int before = descriptors(), pid;

    CHECK_EQ(yoke_init(), 0);
    pid = fork();
    if (pid == 0) {
        CHECK(yk_zygote_root() == NULL);
        CHECK_EQ(descriptors(), before); /* and no copies of what it had */
        yoke_done();
        CHECK_EQ(yoke_init(), 0);
        yoke_done();
        _exit(0);
    }
    check_succeeds(pid);
    CHECK(yk_zygote_root() != NULL);
    yoke_done();
}

/* ---- the rule about threads ---- */

TEST(a_foreign_thread_forbids_forking_until_it_has_gone)
{
    struct visitor visitor;

    visitor_begin(&visitor, visitor_stay);
    CHECK_EQ(yk_may_fork(YOKE_START_DEFAULT), -YOKE_ETHREADED);
    CHECK_EQ(yk_may_fork(YOKE_FORK), 0);
    CHECK_EQ(yk_may_fork(YOKE_EXEC), -ENOTSUP);
    CHECK_EQ(yk_may_fork((yoke_start)9), -EINVAL);
    CHECK_EQ(yoke_init(), -YOKE_ETHREADED);
    visitor_end(&visitor);
    /* at once, though the kernel may count it for a moment yet */
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(yk_may_fork(YOKE_START_DEFAULT), 0);
        visitor_begin(&visitor, visitor_stay);
        visitor_end(&visitor);
    }
    CHECK_EQ(yoke_init(), 0);
    yoke_done();
}

TEST(threads_are_no_hindrance_after_init)
{
    struct visitor visitor;

    CHECK_EQ(yoke_init(), 0);
    visitor_begin(&visitor, visitor_stay);
    CHECK_EQ(yk_may_fork(YOKE_START_DEFAULT), 0);
    visitor_end(&visitor);
    yoke_done();
}

static int told_own;

static void *stay_as_own(void *visitor)
{
    yk_own_thread_here();
    told_own = yk_may_fork(YOKE_START_DEFAULT);
    return visitor_stay(visitor);
}

TEST(own_threads_do_not_count_but_for_one_of_them)
{
    struct visitor visitor;

    yk_own_threads_add(1);
    visitor_begin(&visitor, stay_as_own);
    CHECK_EQ(told_own, -YOKE_ETHREADED); /* for it, the main thread counts */
    CHECK_EQ(yk_may_fork(YOKE_START_DEFAULT), 0);
    yk_own_threads_add(-1);
    CHECK_EQ(yk_may_fork(YOKE_START_DEFAULT), -YOKE_ETHREADED);
    visitor_end(&visitor);
}

TEST(a_fork_has_no_own_threads)
{
    int pid;

    yk_own_threads_add(5);
    pid = fork();
    if (pid == 0) {
        struct visitor visitor;

        visitor_begin(&visitor, visitor_stay);
        CHECK_EQ(yk_may_fork(YOKE_START_DEFAULT), -YOKE_ETHREADED);
        visitor_end(&visitor);
        _exit(0);
    }
    check_succeeds(pid);
}
