/* threadinfo_test.c -- Thread: names and numbers, who is alive, and what a fork leaves of it. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke/event.h>
#include <yoke/thread.h>

#include "asleep.h"
#include "base/atomic.h"
#include "os/os.h"
#include "test.h"
#include "thread/thread.h"

static int number(void *arg)
{
    return *(int *)arg;
}

static int wait_event(void *arg)
{
    yoke_event_wait(arg);
    return 7;
}

/* ---- names and numbers ---- */

static int kernel_name(void *arg)
{
    CHECK_EQ(pthread_getname_np(pthread_self(), arg, 16), 0);
    return (int)gettid();
}

static void check_name(const char *given, const char *expected, const char *in_kernel)
{
    char copy[100], kernel[16];
    yoke_thread thread = {0};

    strcpy(copy, given);
    CHECK_EQ(yoke_thread_start(&thread, kernel_name, kernel, .name = copy), 0);
    memset(copy, '!', sizeof copy);
    CHECK_STR(yoke_thread_name(&thread), expected);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    CHECK_STR(yoke_thread_name(&thread), expected);
    CHECK_STR(kernel, in_kernel);
}

TEST(names_are_copied_and_cut)
{
    check_name("reader", "reader", "reader");
    check_name("", "", "");
    check_name("fifteen-letters", "fifteen-letters", "fifteen-letters");
    check_name("a-name-of-31-letters-exactly-is", "a-name-of-31-letters-exactly-is", "a-name-of-31-le");
    check_name("a-name-that-has-more-letters-than-fit", "a-name-that-has-more-letters-th", "a-name-that-has");
}

TEST(default_names_are_numbered)
{
    yoke_thread threads[3] = {0}, worker = {0};
    char kernel[16];

    CHECK_EQ(yoke_thread_start(&threads[0], kernel_name, kernel), 0);
    CHECK_EQ(yoke_thread_join(&threads[0], NULL), 0);
    CHECK_STR(kernel, "Thread-1");
    CHECK_EQ(yoke_thread_start(&threads[1], kernel_name, kernel, .name = "other"), 0);
    CHECK_EQ(yoke_thread_join(&threads[1], NULL), 0);
    CHECK_EQ(yoke_thread_start(&threads[2], kernel_name, kernel), 0);
    CHECK_EQ(yoke_thread_join(&threads[2], NULL), 0);
    CHECK_STR(yoke_thread_name(&threads[0]), "Thread-1");
    CHECK_STR(yoke_thread_name(&threads[2]), "Thread-2");
    CHECK_EQ(yk_thread_start_worker(&worker, kernel_name, kernel, 12), 0);
    CHECK_EQ(yoke_thread_join(&worker, NULL), 0);
    CHECK_STR(yoke_thread_name(&worker), "Worker-12");
    CHECK_STR(kernel, "Worker-12");
}

TEST(idents_are_never_used_again)
{
    uint64_t seen[60] = {yoke_thread_ident(yoke_thread_main())};

    CHECK(seen[0] != 0);
    for (int i = 1; i < 60; i++) {
        yoke_thread thread = {0};
        char kernel[16];
        int code, native;

        CHECK_EQ(yoke_thread_start(&thread, kernel_name, kernel), 0);
        native = yoke_thread_native_id(&thread);
        seen[i] = yoke_thread_ident(&thread);
        CHECK_EQ(yoke_thread_join(&thread, &code), 0);
        CHECK_EQ(code, native);
        /* they answer after the end, too */
        CHECK_EQ(yoke_thread_native_id(&thread), native);
        CHECK(yoke_thread_ident(&thread) == seen[i]);
        for (int k = 0; k < i; k++)
            CHECK(seen[k] != seen[i]);
    }
}

static int current_is(void *arg)
{
    return yoke_thread_current() == arg && yoke_thread_native_id(arg) == gettid();
}

TEST(current_is_the_thread_itself)
{
    yoke_thread thread = {0};
    int code = 0;

    CHECK_EQ(yoke_thread_start(&thread, current_is, &thread), 0);
    CHECK_EQ(yoke_thread_join(&thread, &code), 0);
    CHECK_EQ(code, 1);
}

TEST(main_is_known_everywhere)
{
    yoke_thread *main_thread = yoke_thread_main();

    CHECK(yoke_thread_current() == main_thread);
    CHECK_STR(yoke_thread_name(main_thread), "MainThread");
    CHECK_EQ(yoke_thread_native_id(main_thread), getpid());
    CHECK_EQ(yoke_thread_alive(main_thread), 1);
}

static void *foreign(void *arg)
{
    yoke_thread *thread;
    char expected[32];

    /* main is known to a thread that Yoke never saw, and is not that thread */
    CHECK_STR(yoke_thread_name(yoke_thread_main()), "MainThread");
    thread = yoke_thread_current();
    CHECK(thread == yoke_thread_current() && thread != yoke_thread_main());
    snprintf(expected, sizeof expected, "Foreign-%d", *(int *)arg);
    CHECK_STR(yoke_thread_name(thread), expected);
    CHECK_EQ(yoke_thread_native_id(thread), gettid());
    CHECK_EQ(yoke_thread_alive(thread), 1);
    CHECK_EQ(yoke_thread_join(thread, NULL), -EINVAL);
    CHECK_EQ(yoke_thread_start(thread, number, arg), -EBUSY);
    CHECK(yoke_thread_ident(thread) > 1);
    CHECK_EQ((int)yoke_thread_enumerate(NULL, 0), 1);
    return NULL;
}

TEST(foreign_threads_have_objects)
{
    for (int i = 1; i <= 3; i++) {
        pthread_t thread;

        CHECK_EQ(pthread_create(&thread, NULL, foreign, &i), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
    }
}

/* ---- enumerate ---- */

TEST(enumerate_shows_who_is_alive_in_order)
{
    enum { N = 5 };
    yoke_event events[N] = {0};
    yoke_thread threads[N] = {0};
    yoke_thread_info infos[10];

    CHECK_EQ((int)yoke_thread_enumerate(infos, 10), 1);
    CHECK_STR(infos[0].name, "MainThread");
    CHECK_EQ(infos[0].native_id, getpid());
    CHECK(infos[0].ident == yoke_thread_ident(yoke_thread_main()));
    for (int i = 0; i < N; i++)
        CHECK_EQ(yoke_thread_start(&threads[i], wait_event, &events[i]), 0);
    CHECK_EQ((int)yoke_thread_enumerate(infos, 10), N + 1);
    CHECK_STR(infos[0].name, "MainThread");
    for (int i = 0; i < N; i++) {
        CHECK_STR(infos[i + 1].name, yoke_thread_name(&threads[i]));
        CHECK(infos[i + 1].ident == yoke_thread_ident(&threads[i]));
        CHECK_EQ(infos[i + 1].native_id, yoke_thread_native_id(&threads[i]));
    }
    /* at most n, whatever there is */
    memset(infos, 0xff, sizeof infos);
    CHECK_EQ((int)yoke_thread_enumerate(infos, 2), N + 1);
    CHECK_STR(infos[1].name, yoke_thread_name(&threads[0]));
    CHECK_EQ(infos[2].native_id, -1);
    CHECK_EQ((int)yoke_thread_enumerate(NULL, 0), N + 1);
    /* from the middle, the end and the beginning */
    for (int i = 0; i < N; i++) {
        static const int order[N] = {2, 4, 0, 1, 3};

        yoke_event_set(&events[order[i]]);
        CHECK_EQ(yoke_thread_join(&threads[order[i]], NULL), 0);
        CHECK_EQ((int)yoke_thread_enumerate(infos, 10), N - i);
        if (i == 1) {
            CHECK_STR(infos[1].name, yoke_thread_name(&threads[0]));
            CHECK_STR(infos[2].name, yoke_thread_name(&threads[1]));
            CHECK_STR(infos[3].name, yoke_thread_name(&threads[3]));
        }
    }
}

static int come_and_go(void *arg)
{
    int value = 1;

    for (int i = 0; i < 50; i++) {
        yoke_thread thread = {0};

        /* every third fails, after it was entered */
        if (yoke_thread_start(&thread, number, &value, .stack_size = i % 3 ? 0 : (size_t)1 << 50) == 0)
            CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
        yk_add_rlx((yk_a32 *)arg, 1);
    }
    return 0;
}

TEST(enumerate_while_threads_come_and_go)
{
    yoke_thread threads[3] = {0};
    yk_a32 done = {0};

    for (int i = 0; i < 3; i++)
        CHECK_EQ(yoke_thread_start(&threads[i], come_and_go, &done), 0);
    while (yk_load_rlx(&done) < 150) {
        yoke_thread_info infos[10];
        size_t n = yoke_thread_enumerate(infos, 10);

        CHECK(n >= 1 && n <= 7);
        for (size_t i = 0; i < n; i++)
            CHECK(infos[i].native_id > 0 && infos[i].ident != 0 && infos[i].name[0]);
    }
    for (int i = 0; i < 3; i++)
        CHECK_EQ(yoke_thread_join(&threads[i], NULL), 0);
}

/* ---- forks ---- */

static void check_child(pid_t pid)
{
    int status;

    CHECK(pid > 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
}

/* A new thread can be started, is shown and can be joined. */
static void check_fresh_thread(void)
{
    yoke_event event = {0};
    yoke_thread fresh = {0};
    int code = 0;

    if (SANITIZER)
        return;
    CHECK_EQ(yoke_thread_start(&fresh, wait_event, &event), 0);
    CHECK_EQ((int)yoke_thread_enumerate(NULL, 0), 2);
    yoke_event_set(&event);
    CHECK_EQ(yoke_thread_join(&fresh, &code), 0);
    CHECK_EQ(code, 7);
    CHECK_EQ((int)yoke_thread_enumerate(NULL, 0), 1);
}

TEST(in_a_child_of_fork_only_the_caller_is_left)
{
    yoke_event event = {0};
    yoke_thread running = {0}, ended = {0}, joined = {0};
    int value = 9, code = 5;
    pid_t pid;

    CHECK_EQ(yoke_thread_start(&running, wait_event, &event), 0);
    CHECK_EQ(yoke_thread_start(&ended, number, &value), 0);
    CHECK_EQ(yoke_thread_start(&joined, number, &value), 0);
    CHECK_EQ(yoke_thread_join(&joined, NULL), 0);
    while (yoke_thread_alive(&ended))
        sched_yield();
    /* known before the fork: a thread that has not begun to run has none yet */
    CHECK(yoke_thread_native_id(&running) > 0);
    pid = fork();
    if (pid == 0) {
        yoke_thread_info infos[4];

        CHECK_EQ((int)yoke_thread_enumerate(infos, 4), 1);
        CHECK_STR(infos[0].name, "MainThread");
        CHECK_EQ(infos[0].native_id, getpid());
        CHECK(yoke_thread_current() == yoke_thread_main());
        CHECK_EQ(yoke_thread_alive(&running), 0);
        CHECK_EQ(yoke_thread_join(&running, &code), -YOKE_EFORKED);
        CHECK_EQ(code, 5);
        CHECK_EQ(yoke_thread_join(&ended, &code), 0);
        CHECK_EQ(code, 9);
        CHECK_EQ(yoke_thread_join(&joined, &code), 0);
        CHECK(yoke_thread_native_id(&running) > 0);
        check_fresh_thread();
        _exit(0);
    }
    check_child(pid);
    yoke_event_set(&event);
    CHECK_EQ(yoke_thread_join(&running, NULL), 0);
    CHECK_EQ(yoke_thread_join(&ended, NULL), 0);
}

static int fork_here(void *arg)
{
    pid_t pid = fork();

    if (pid == 0) {
        yoke_thread_info infos[4];

        /* who forked goes on as the child's main thread, with its name and number */
        CHECK_EQ((int)yoke_thread_enumerate(infos, 4), 1);
        CHECK_STR(infos[0].name, yoke_thread_name(arg));
        CHECK_EQ(infos[0].native_id, getpid());
        CHECK(yoke_thread_current() == arg && yoke_thread_main() == arg);
        CHECK_EQ(yoke_thread_native_id(arg), getpid());
        CHECK_EQ(yoke_thread_alive(arg), 1);
        CHECK_EQ(yoke_thread_join(arg, NULL), -EDEADLK);
        check_fresh_thread();
        /* returning ends the child: its last thread */
        return 0;
    }
    check_child(pid);
    return 4;
}

TEST(a_thread_that_forks_is_main_in_the_child)
{
    /* static, because a leak checker in the child does not look at this stack */
    static yoke_event event;
    static yoke_thread other, forker;
    int code = 0;

    CHECK_EQ(yoke_thread_start(&other, wait_event, &event), 0);
    CHECK_EQ(yoke_thread_start(&forker, fork_here, &forker), 0);
    CHECK_EQ(yoke_thread_join(&forker, &code), 0);
    CHECK_EQ(code, 4);
    yoke_event_set(&event);
    CHECK_EQ(yoke_thread_join(&other, NULL), 0);
}

static void *fork_foreign(void *arg)
{
    yoke_thread *self = yoke_thread_current();
    pid_t pid = fork();

    if (pid == 0) {
        CHECK(yoke_thread_current() == self && yoke_thread_main() == self);
        CHECK_EQ(yoke_thread_native_id(self), getpid());
        _exit(0);
    }
    check_child(pid);
    return arg;
}

TEST(a_foreign_thread_may_fork)
{
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, fork_foreign, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* Holds the registry most of the time. */
static int enumerate_until(void *arg)
{
    while (yk_load_rlx((yk_a32 *)arg) < 100)
        yoke_thread_enumerate(NULL, 0);
    return 0;
}

/* Forks at any moment of starts and ends: the child's registry must be free and whole. */
TEST(forks_among_threads_that_come_and_go)
{
    yoke_thread threads[2] = {0}, observer = {0};
    yk_a32 done = {0};

    for (int i = 0; i < 2; i++)
        CHECK_EQ(yoke_thread_start(&threads[i], come_and_go, &done), 0);
    CHECK_EQ(yoke_thread_start(&observer, enumerate_until, &done), 0);
    while (yk_load_rlx(&done) < 100) {
        pid_t pid = fork();

        if (pid == 0) {
            CHECK_EQ((int)yoke_thread_enumerate(NULL, 0), 1);
            check_fresh_thread();
            _exit(0);
        }
        check_child(pid);
    }
    for (int i = 0; i < 2; i++)
        CHECK_EQ(yoke_thread_join(&threads[i], NULL), 0);
    CHECK_EQ(yoke_thread_join(&observer, NULL), 0);
}

static int forks_seen;

static void see_fork(void)
{
    forks_seen++;
}

TEST(so_many_and_no_more_are_told_of_a_fork)
{
    int taken = 0, rc;
    pid_t pid;

    while ((rc = yk_at_fork(see_fork)) == 0)
        taken++;
    CHECK_EQ(rc, -ENOMEM);
    CHECK_EQ(yk_at_fork(see_fork), -ENOMEM);
    /* the library itself has taken some */
    CHECK(taken > 0 && taken < 16);
    pid = fork();
    if (pid == 0)
        _exit(forks_seen != taken);
    check_child(pid);
    CHECK_EQ(forks_seen, 0);
}
