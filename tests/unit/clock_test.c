/* clock_test.c -- <yoke/time.h>: the present, deadlines, sleeping. */
#include <math.h>
#include <signal.h>
#include <sys/time.h>
#include <yoke/time.h>

#include "asleep.h"
#include "test.h"

static yoke_time monotonic(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

TEST(now_is_the_monotonic_clock)
{
    for (int i = 0; i < 1000; i++) {
        yoke_time before = monotonic(), now = yoke_now(), after = monotonic();

        CHECK(before <= now && now <= after);
    }
}

TEST(after_nothing_is_now)
{
    CHECK_EQ(yoke_after(0), YOKE_NOW);
    CHECK_EQ(yoke_after(-0.0), YOKE_NOW);
    CHECK_EQ(yoke_after(-1), YOKE_NOW);
    CHECK_EQ(yoke_after(-INFINITY), YOKE_NOW);
    CHECK_EQ(yoke_after(NAN), YOKE_NOW);
}

TEST(after_too_long_is_forever)
{
    CHECK_EQ(yoke_after(INFINITY), YOKE_FOREVER);
    CHECK_EQ(yoke_after(1e300), YOKE_FOREVER);
    CHECK_EQ(yoke_after(9223372037.0), YOKE_FOREVER);
    CHECK_EQ(yoke_after((double)INT64_MAX / 1e9), YOKE_FOREVER);
    /* 290 years fit */
    CHECK(yoke_after(9.15e9) < YOKE_FOREVER);
    CHECK(yoke_after(9.15e9) > (yoke_time)9.1e18);
}

TEST(after_is_exact_and_never_early)
{
    static const double spans[] = {1e-12, 1e-9, 1.5e-9, 1e-3, 0.5, 1, 86400, 1e6};

    for (unsigned i = 0; i < sizeof spans / sizeof *spans; i++) {
        yoke_time before = yoke_now(), point = yoke_after(spans[i]), after = yoke_now();

        CHECK((double)(point - before) >= spans[i] * 1e9);
        CHECK((double)(point - after) <= ceil(spans[i] * 1e9));
    }
}

TEST(sleep_lasts_at_least_its_time)
{
    yoke_time before = yoke_now();

    yoke_sleep(0.03);
    CHECK(yoke_now() - before >= 30 * MS);
}

TEST(sleep_of_nothing_returns)
{
    int64_t before = yoke_now();

    for (int i = 0; i < 1000; i++) {
        yoke_sleep(0);
        yoke_sleep(-5);
        yoke_sleep(NAN);
        yoke_sleep(-INFINITY);
    }
    CHECK(yoke_now() - before < 1000 * MS);
}

static volatile sig_atomic_t signals;

static void count(int number)
{
    (void)number;
    signals++;
}

TEST(sleep_ignores_signals)
{
    struct itimerval every = {{0, 2000}, {0, 2000}}, off = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = count};
    yoke_time before = yoke_now();

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    yoke_sleep(0.05);
    setitimer(ITIMER_REAL, &off, NULL);
    CHECK(yoke_now() - before >= 50 * MS);
    CHECK(signals > 1 || THREAD_SANITIZER);
}

TEST(sleep_uses_no_cpu)
{
    int64_t before = cpu_time();

    yoke_sleep(0.1);
    CHECK(cpu_time() - before < 20 * MS);
}
