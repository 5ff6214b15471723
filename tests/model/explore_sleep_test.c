/* explore_sleep_test.c -- the explorer's kernel: that a sleep on one word or on several, and a wake, do what those of Linux do
 * (os/os.h, "futex.c"); and time. */
#include "builtins.h"

#include <errno.h>

static yk_a32 word, second;
static int n_awake;

static void reset(void)
{
    word = second = (yk_a32){0};
    n_awake = 0;
}

static void until_asleep(int n)
{
    while (explore_asleep() < n)
        yk_cpu_relax();
}

static void sleep_on(yk_a32 *where, uint32_t expected)
{
    yk_futex_wait(where, expected, true, YOKE_FOREVER);
    n_awake++;
}

static void sleeper(void)
{
    sleep_on(&word, 0);
}

static void private_sleeper(void)
{
    yk_futex_wait(&word, 0, false, YOKE_FOREVER);
}

#define PASSES(title, ...) explore_passes(&(struct explore){.name = title, .setup = reset, __VA_ARGS__})
#define FAILS(title, text, ...) explore_fails(&(struct explore){.name = title, .setup = reset, __VA_ARGS__}, text)

static void wake_one_by_one(void)
{
    until_asleep(2);
    explore_assert(yk_futex_wake(&word, 1, true) == 1 && explore_asleep() == 1);
    while (n_awake < 1)
        yk_cpu_relax();
    explore_assert(yk_futex_wake(&word, 1, true) == 1);
}

static int place;

static void early(void)
{
    sleeper();
    place = n_awake;
}

static void late(void)
{
    until_asleep(1);
    sleeper();
}

static void early_was_first(void)
{
    explore_assert(place == 1);
}

static void wake_private(void)
{
    until_asleep(1);
    yk_futex_wake(&word, 1, false);
}

/* A dead sleeper is in no queue. */
static void wake_the_living(void)
{
    until_asleep(2);
    explore_kill(0);
    explore_assert(yk_futex_wake(&word, 2, true) == 1);
}

/* But who was woken, and dies before it runs, has had its wake. */
static void wake_the_dying(void)
{
    until_asleep(2);
    yk_futex_wake(&word, 1, true);
    explore_kill(0);
}

static void on_either(void)
{
    explore_assert(yk_futex_wait_either(&word, 0, &second, 0, YOKE_FOREVER) == 0);
}

static void on_second(void)
{
    sleep_on(&second, 0);
}

static void wake_second(void)
{
    until_asleep(1);
    explore_assert(yk_futex_wake(&second, 1, true) == 1);
}

/* One wake for each; but the one who sleeps on both may get both. */
static void wake_each(void)
{
    until_asleep(2);
    yk_futex_wake(&word, 1, true);
    yk_futex_wake(&second, 1, true);
}

/* The most words, each of them the last that is woken in some run. */
static void on_many(void)
{
    struct yk_wait waits[YK_WAIT_MOST];

    for (unsigned i = 0; i < YK_WAIT_MOST; i++)
        waits[i] = (struct yk_wait){i == 100 ? &second : &word, 0, true};
    explore_assert(yk_futex_wait_many(waits, YK_WAIT_MOST, YOKE_FOREVER) == 0);
}

static int result;

static void impatient(void)
{
    struct yk_wait waits[] = {{&word, 0, true}, {&second, 0, true}};

    result = yk_futex_wait_many(waits, 2, yoke_after(0.001));
}

static void not_at_all(void)
{
    struct yk_wait waits[] = {{&word, 0, true}, {&second, 0, true}};

    explore_assert(yk_futex_wait_many(waits, 2, YOKE_NOW) == -ETIMEDOUT);
    waits[1].expected = 1;
    explore_assert(yk_futex_wait_many(waits, 2, YOKE_NOW) == 0);
}

static void wake_word(void)
{
    yk_futex_wake(&word, 1, true);
}

static void never_interrupted(void)
{
    explore_assert(result == 0 || result == -ETIMEDOUT);
}

static void never_late(void)
{
    explore_assert(result == 0 || result == -EINTR);
}

static void time_passes(void)
{
    yoke_time now = yoke_now();

    explore_assert(now > YOKE_NOW && yoke_now() > now);
    explore_assert(yoke_after(0) == YOKE_NOW && yoke_after(1e300) == YOKE_FOREVER);
    explore_assert(yoke_after(1) > now + 999999999 && yoke_after(1) < now + 2000000000);
    explore_assert(yk_tid() == 1 && yk_self() == 1);
}

int main(void)
{
    PASSES("a wake takes one", .preemptions = 2,
           .threads = {{.body = sleeper}, {.body = sleeper}, {.body = wake_one_by_one}});
    PASSES("the first to sleep is the first choice", .executions = 1, .check = early_was_first, .delays = 1,
           .threads = {{.body = early}, {.body = late}, {.body = wake_one_by_one}});
    FAILS("and not the only one", "place == 1", .check = early_was_first, .delays = 2,
          .threads = {{.body = early}, {.body = late}, {.body = wake_one_by_one}});
    PASSES("a private wake for a private sleeper", .preemptions = 2,
           .threads = {{.body = private_sleeper}, {.body = wake_private}});
    FAILS("caught: a private wake for a shared sleeper", "deadlock", .preemptions = 2,
          .threads = {{.body = sleeper}, {.body = wake_private}});
    PASSES("a wake for the living", .preemptions = 2,
           .threads = {{.body = sleeper}, {.body = sleeper}, {.body = wake_the_living}});
    FAILS("caught: a wake that was spent on the dead", "deadlock", .preemptions = 2,
          .threads = {{.body = sleeper}, {.body = sleeper}, {.body = wake_the_dying}});
    PASSES("a sleep on two words", .preemptions = 3, .threads = {{.body = on_either}, {.body = wake_second}});
    FAILS("caught: two wakes that were spent on one sleeper", "deadlock", .preemptions = 0,
          .threads = {{.body = on_either}, {.body = on_second}, {.body = wake_each}});
    PASSES("a sleep on many words", .preemptions = 1, .threads = {{.body = on_many}, {.body = wake_second}});
    PASSES("no time to sleep", .threads = {{.body = not_at_all}});
    FAILS("a deadline comes", "result == 0", .check = never_late,
          .threads = {{.body = impatient}, {.body = wake_word}});
    PASSES("no signal comes", .check = never_interrupted, .preemptions = 2,
           .threads = {{.body = impatient}, {.body = wake_word}});
    FAILS("a signal comes, if it is asked for", "result == 0", .interrupts = 1, .check = never_interrupted,
          .threads = {{.body = impatient}, {.body = wake_word}});
    PASSES("time, and the number of a thread", .threads = {{.body = time_passes}});
    return explore_done();
}
