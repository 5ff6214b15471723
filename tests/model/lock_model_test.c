/* lock_model_test.c -- yoke/lock.h and src/sync/lock.c under every schedule: one holder at a time, who sees what the
 * one before wrote, and nobody sleeps for ever. */
#include "builtins.h"

#include "../../src/sync/lock.c"

static yoke_lock lock;
static int data, n_timed_out;

/* Two CPUs: waiters spin first. */
int yoke_cpu_count(void)
{
    return 2;
}

static void reset(void)
{
    yoke_lock_init(&lock, YOKE_SHARED);
    data = n_timed_out = 0;
    spins(); /* its answer is kept for good, so before the first execution */
}

static void critical_section(void)
{
    explore_reads(&data);
    explore_writes(&data);
    data++;
    explore_assert(yoke_lock_locked(&lock));
    yoke_lock_release(&lock);
}

static void holder(void)
{
    yoke_lock_acquire(&lock);
    critical_section();
}

static void twice(void)
{
    holder();
    holder();
}

static void impatient(void)
{
    if (yoke_lock_acquire_until(&lock, yoke_now() + 5000) == 0)
        critical_section();
    else
        n_timed_out++;
}

static void once(void)
{
    if (yoke_lock_acquire_until(&lock, YOKE_NOW) == 0)
        critical_section();
    else
        n_timed_out++;
}

static void wrong_release(void)
{
    yoke_lock_release(&lock);
}

static void two_and_free(void)
{
    explore_assert(data == 2 && !yoke_lock_locked(&lock));
}

static void three_and_free(void)
{
    explore_assert(data == 3 && !yoke_lock_locked(&lock));
}

static void three_or_late(void)
{
    explore_assert(data + n_timed_out == 3 && !yoke_lock_locked(&lock));
}

static const struct explore two = {.name = "two threads",
                                   .setup = reset,
                                   .check = two_and_free,
                                   .preemptions = 4,
                                   .spurious = 1,
                                   .threads = {{.body = holder}, {.body = holder}}};
static const struct explore again = {.name = "two threads, one comes back",
                                     .setup = reset,
                                     .check = three_and_free,
                                     .preemptions = 3,
                                     .stale = 2,
                                     .threads = {{.body = twice}, {.body = holder}}};
static const struct explore three = {.name = "three threads",
                                     .setup = reset,
                                     .check = three_and_free,
                                     .delays = 3,
                                     .stale = 1,
                                     .threads = {{.body = holder}, {.body = holder}, {.body = holder}}};
static const struct explore deadline = {.name = "a waiter times out and no wake is lost with it",
                                        .setup = reset,
                                        .check = three_or_late,
                                        .delays = 3,
                                        .stale = 1,
                                        .threads = {{.body = holder}, {.body = impatient}, {.body = holder}}};
static const struct explore try_once = {.name = "one that only tries",
                                        .setup = reset,
                                        .check = three_or_late,
                                        .delays = 3,
                                        .stale = 1,
                                        .threads = {{.body = once}, {.body = holder}, {.body = holder}}};
static const struct explore random_three = {.name = "three threads, at random",
                                            .setup = reset,
                                            .check = three_or_late,
                                            .preemptions = 8,
                                            .seed = 3,
                                            .executions = 50000,
                                            .threads = {{.body = impatient}, {.body = holder}, {.body = holder}}};
static const struct explore death = {.name = "the documented limit: who waits for a dead holder waits for ever",
                                     .setup = reset,
                                     .preemptions = 2,
                                     .deaths = 1,
                                     .threads = {{.body = holder, .killable = true}, {.body = holder}}};
static const struct explore misuse = {
    .name = "caught: a release by nobody", .setup = reset, .threads = {{.body = wrong_release}}};

int main(void)
{
    const struct explore *const all[] = {&two, &again, &three, &deadline};

    explore_passes(&two);
    explore_passes(&again);
    explore_passes(&three);
    explore_passes(&deadline);
    explore_passes(&try_once);
    explore_passes(&random_three);
    explore_fails(&death, "deadlock");
    explore_fails(&misuse, "nobody held the lock");
    explore_mutants("yoke/lock.h", all, 4, NULL, 0);
    explore_mutants("sync/lock.c", all, 4, NULL, 0);
    return explore_done();
}
