/* threadjoin_test.c -- Thread: joined by several at once, and in time; and the layer below, threads of the system. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>
#include <yoke/event.h>
#include <yoke/thread.h>

#include "asleep.h"
#include "base/atomic.h"
#include "os/os.h"
#include "test.h"

static int wait_event(void *arg)
{
    yoke_event_wait(arg);
    return 7;
}

/* ---- join by several, and in time ---- */

TEST(a_timed_join_may_be_repeated)
{
    yoke_event event = {0};
    yoke_thread thread = {0};
    int code = 5;

    CHECK_EQ(yoke_thread_start(&thread, wait_event, &event), 0);
    for (int i = 0; i < 3; i++) {
        yoke_time deadline = yoke_after(0.01);

        CHECK_EQ(yoke_thread_join_until(&thread, deadline, &code), -ETIMEDOUT);
        CHECK(yoke_now() >= deadline);
        CHECK_EQ(yoke_thread_join_until(&thread, YOKE_NOW, &code), -ETIMEDOUT);
        CHECK_EQ(yoke_thread_join_until(&thread, -1, &code), -ETIMEDOUT);
        CHECK_EQ(yoke_thread_alive(&thread), 1);
    }
    CHECK_EQ(code, 5);
    yoke_event_set(&event);
    CHECK_EQ(yoke_thread_join_until(&thread, YOKE_FOREVER, &code), 0);
    CHECK_EQ(code, 7);
}

struct setter {
    yoke_event event;
    yoke_thread *joined;
};

static int set_when_joined(void *arg)
{
    struct setter *setter = arg;

    asleep_on(getpid(), getpid(), &setter->joined->state);
    yoke_event_set(&setter->event);
    return 0;
}

TEST(a_timed_join_ends_with_the_thread)
{
    yoke_thread thread = {0}, other = {0};
    struct setter setter = {.joined = &thread};
    int code = 0;

    CHECK_EQ(yoke_thread_start(&thread, wait_event, &setter.event), 0);
    CHECK_EQ(yoke_thread_start(&other, set_when_joined, &setter), 0);
    CHECK_EQ(yoke_thread_join_until(&thread, yoke_after(1000), &code), 0);
    CHECK_EQ(code, 7);
    CHECK_EQ(yoke_thread_join(&other, NULL), 0);
}

TEST(a_timed_join_uses_no_cpu)
{
    yoke_event event = {0};
    yoke_thread thread = {0};
    int64_t before;

    CHECK_EQ(yoke_thread_start(&thread, wait_event, &event), 0);
    before = cpu_time();
    CHECK_EQ(yoke_thread_join_until(&thread, yoke_after(0.2), NULL), -ETIMEDOUT);
    CHECK(cpu_time() - before < 10 * MS);
    yoke_event_set(&event);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}

/* A thread that ends late: its last act, after run, waits for an event. */
static pthread_key_t late_key;
static yoke_event late_event;

static void end_late(void *value)
{
    (void)value;
    yoke_event_wait(&late_event);
}

static int be_late(void *arg)
{
    pthread_setspecific(late_key, arg);
    return 3;
}

static int set_late(void *arg)
{
    asleep_on(getpid(), yoke_thread_native_id(arg), &late_event.word);
    yoke_event_set(&late_event);
    return 0;
}

TEST(who_is_not_alive_can_be_joined_now)
{
    yoke_thread thread = {0}, setter = {0};
    int code = 0;

    CHECK_EQ(pthread_key_create(&late_key, end_late), 0);
    CHECK_EQ(yoke_thread_start(&thread, be_late, &code), 0);
    while (yoke_thread_alive(&thread))
        sched_yield();
    CHECK_EQ(yoke_thread_start(&setter, set_late, &thread), 0);
    CHECK_EQ(yoke_thread_join_until(&thread, YOKE_NOW, &code), 0);
    CHECK_EQ(code, 3);
    CHECK_EQ(yoke_thread_join(&setter, NULL), 0);
    pthread_key_delete(late_key);
}

struct joiner {
    yoke_thread thread;
    yoke_thread *target;
    int patience; /* microseconds; 0: without bound */
    int timeouts;
};

static int join_target(void *self)
{
    struct joiner *joiner = self;
    int code = 5;

    if (joiner->patience == 0)
        CHECK_EQ(yoke_thread_join(joiner->target, &code), 0);
    else
        for (;;) {
            int rc = yoke_thread_join_until(joiner->target, yoke_after(joiner->patience * 1e-6), &code);

            if (rc == 0)
                break;
            CHECK_EQ(rc, -ETIMEDOUT);
            CHECK_EQ(code, 5);
            joiner->timeouts++;
        }
    CHECK_EQ(yoke_thread_alive(joiner->target), 0);
    CHECK(yoke_thread_name(joiner->target)[0] != 0);
    return code;
}

static void join_by_many(bool with_patient_ones)
{
    static const int patience[] = {0, 500, 1000, 0, 100, 3000};
    enum { JOINERS = 6 };

    for (int round = 0; round < 20; round++) {
        struct joiner joiners[JOINERS] = {0};
        yoke_event event = {0};
        yoke_thread target = {0};
        int code;

        CHECK_EQ(yoke_thread_start(&target, wait_event, &event), 0);
        for (int i = 0; i < JOINERS; i++) {
            joiners[i].target = &target;
            joiners[i].patience = with_patient_ones || patience[i] ? patience[i] : 200;
            CHECK_EQ(yoke_thread_start(&joiners[i].thread, join_target, &joiners[i]), 0);
        }
        /* the last rounds let the thread end at once, so that joiners come before, while and after it ends */
        if (round < 10)
            CHECK_EQ(yoke_thread_join_until(&target, yoke_after(0.004), NULL), -ETIMEDOUT);
        yoke_event_set(&event);
        for (int i = 0; i < JOINERS; i++) {
            CHECK_EQ(yoke_thread_join(&joiners[i].thread, &code), 0);
            CHECK_EQ(code, 7);
        }
        CHECK_EQ(yoke_thread_join(&target, &code), 0);
        CHECK_EQ(code, 7);
    }
}

TEST(many_may_join_one_thread)
{
    join_by_many(true);
}

TEST(many_may_time_out_on_one_thread)
{
    join_by_many(false);
}

/* ---- the layer below ---- */

static void set_flag(void *arg)
{
    yk_store_rel((yk_a32 *)arg, 1);
}

static void wait_flag(void *arg)
{
    while (yk_load_acq((yk_a32 *)arg) == 0)
        yk_futex_wait(arg, 0, false, YOKE_FOREVER);
}

TEST(threads_of_the_system_join_in_time)
{
    struct yk_os_thread thread;
    yk_a32 flag = {0};

    CHECK_EQ(yk_os_thread_start(&thread, wait_flag, &flag, 0, NULL, 0), 0);
    CHECK_EQ(yk_os_thread_join(&thread, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yk_os_thread_join(&thread, -3), -ETIMEDOUT);
    CHECK_EQ(yk_os_thread_join(&thread, yoke_after(0.005)), -ETIMEDOUT);
    set_flag(&flag);
    yk_futex_wake(&flag, 1, false);
    CHECK_EQ(yk_os_thread_join(&thread, yoke_after(5 * test_slow())), 0);
}
