/* semaphore_model_test.c -- src/sync/semaphore.c under every schedule, and with a death at every step: permits are neither made nor
 * lost, who takes one sees what was written before it was released, and nobody sleeps while there is one, whoever dies. */
#include "builtins.h"

/* Between the semaphore and the explorer: counts how often thread 0 goes to sleep for a permit. */
static int watch_wait(const struct yk_wait *waits, unsigned n, int64_t deadline, bool interruptible,
                      struct explore_site *site);
#define explore_futex_wait(waits, n, deadline, interruptible, site)                                                    \
    watch_wait((waits), (n), (deadline), (interruptible), (site))

static int late_after; /* set by setup */
#define LATE_AFTER late_after
#include "sleep.h"

#include "../../src/sync/semaphore.c"

static yoke_semaphore semaphore;
static int data, inside, n_got, n_without, n_given, n_sleeps_0;
static bool wants[EXPLORE_THREADS]; /* it waits, and lives */

static int watch_wait(const struct yk_wait *waits, unsigned n, int64_t deadline, bool interrupt,
                      struct explore_site *site)
{
    if (explore_self() == 0 && waits[0].expected == 0)
        n_sleeps_0++;
    return (explore_futex_wait)(waits, n, deadline, interrupt, site);
}

static void reset_with(uint32_t value, uint32_t shared)
{
    yoke_semaphore_init(&semaphore, value, 0, shared);
    data = inside = n_got = n_without = n_given = n_sleeps_0 = 0;
    for (int t = 0; t < EXPLORE_THREADS; t++)
        wants[t] = false;
    late_after = 1;
    n_spins = 0;
    yoke_thread_interruptible(0);
}

static void reset(void)
{
    reset_with(0, YOKE_SHARED);
}

static void reset_private(void)
{
    reset_with(0, YOKE_PRIVATE);
}

static void reset_one(void)
{
    reset_with(1, YOKE_SHARED);
}

static void reset_one_private(void)
{
    reset_with(1, YOKE_PRIVATE);
}

static void reset_spinning(void)
{
    reset_with(1, YOKE_SHARED);
    n_spins = 2;
}

static void reset_interruptible(void)
{
    reset_with(0, YOKE_SHARED);
    yoke_thread_interruptible(1);
}

static void reset_rude(void)
{
    reset_with(1, YOKE_SHARED);
    late_after = 1000;
}

/* Somebody who came late, and has died. */
static void reset_late(void)
{
    reset_with(1, YOKE_SHARED);
    semaphore.late = 1;
    semaphore.value += WAITER;
}

static void on_death(int thread)
{
    wants[thread] = false;
}

static bool acquire_until(yoke_time deadline)
{
    int rc;

    wants[explore_self()] = true;
    if (deadline == YOKE_FOREVER && !interruptible) {
        yoke_semaphore_acquire(&semaphore);
        rc = 0;
    } else {
        rc = yoke_semaphore_acquire_until(&semaphore, deadline);
    }
    wants[explore_self()] = false;
    explore_assert(rc == 0 || rc == -ETIMEDOUT || (rc == -EINTR && interruptible));
    n_got += rc == 0;
    n_without += rc != 0;
    return rc == 0;
}

static void release(uint32_t n)
{
    n_given += (int)n;
    explore_assert(yoke_semaphore_release(&semaphore, n) == 0);
}

/* ---- who gives and who takes ---- */

static void giver(void)
{
    explore_writes(&data);
    data = 1;
    release(1);
}

static void giver_of_one(void)
{
    release(1);
}

static void giver_of_two(void)
{
    release(2);
}

static void giver_twice(void)
{
    release(1);
    release(1);
}

static void taker(void)
{
    acquire_until(YOKE_FOREVER);
}

/* Of the one permit that `giver` gives. */
static void reader(void)
{
    acquire_until(YOKE_FOREVER);
    explore_reads(&data);
    explore_assert(data == 1);
}

static void impatient(void)
{
    acquire_until(yoke_now() + 5000);
}

/* ---- who takes and gives: where there is one permit, they exclude each other ---- */

static void work(void)
{
    explore_assert(inside++ == 0);
    explore_reads(&data);
    explore_writes(&data);
    data++;
    explore_step();
    inside--;
    release(1);
}

static void passer(void)
{
    if (acquire_until(YOKE_FOREVER))
        work();
}

static void twice(void)
{
    passer();
    passer();
}

static void greedy(void)
{
    for (int i = 0; i < 5; i++)
        passer();
}

static void impatient_passer(void)
{
    if (acquire_until(yoke_now() + 5000))
        work();
}

static void trier(void)
{
    if (acquire_until(YOKE_NOW))
        work();
}

static void wrong_init(void)
{
    yoke_semaphore_init(&semaphore, 3, 2, YOKE_SHARED);
}

/* ---- what holds in the end ---- */

/* Nobody has died: all is accounted for. */
static void accounted(void)
{
    explore_assert(semaphore.value == (uint64_t)(n_given - n_got));
}

static void accounted_one(void)
{
    explore_assert(semaphore.value == (uint64_t)(1 + n_given - n_got));
    explore_assert(semaphore.value == 1);
}

/* Takers need not end; but while there are permits none of them sleeps. */
static void nobody_sleeps(void)
{
    if (has_permits(semaphore.value))
        for (int t = 0; t < EXPLORE_THREADS; t++)
            explore_assert(!wants[t]);
}

/* When thread 0 has said that it is late it sleeps once more at most, however often another comes; unless that one's patience
 * ends. */
static void let_through(void)
{
    accounted_one();
    explore_assert(n_sleeps_0 <= 3 || yoke_now() > 1000000);
}

/* Nobody waits any more for one who was late and is not there. */
static void forgotten(void)
{
    explore_assert(semaphore.value == WAITER + 1 && semaphore.late == 0);
}

#define TWO(a, b) .threads = {{.body = a}, {.body = b}}
#define THREE(a, b, c) .threads = {{.body = a}, {.body = b}, {.body = c}}
#define DAEMON(b)                                                                                                      \
    {                                                                                                                  \
        .body = b, .killable = true, .daemon = true                                                                    \
    }
#define NEWEST .stale = -1 /* loads read the newest value */
#define SCENARIO(title, first, last, ...)                                                                              \
    {                                                                                                                  \
        .name = title, .setup = first, .check = last, .on_death = on_death, __VA_ARGS__                                \
    }

static const struct explore scenarios[] = {
    /* Nobody dies. */
    SCENARIO("a permit given and taken", reset, accounted, TWO(giver, reader), .preemptions = 4, .spurious = 1),
    SCENARIO("a private one", reset_private, accounted, TWO(giver, reader), .preemptions = 4, .spurious = 1),
    SCENARIO("two at once for two", reset, accounted, THREE(taker, taker, giver_of_two), .delays = 3, .stale = 1),
    SCENARIO("two at once for two, private", reset_private, accounted, THREE(taker, taker, giver_of_two), .delays = 3,
             .stale = 1),
    SCENARIO("one after the other for two", reset, accounted, THREE(taker, taker, giver_twice), .delays = 3,
             .stale = 1),
    SCENARIO("one after the other for two, private", reset_private, accounted, THREE(taker, taker, giver_twice),
             .delays = 3, .stale = 1),
    SCENARIO("exclusion", reset_one, accounted_one, TWO(twice, passer), .preemptions = 3, .spurious = 1),
    SCENARIO("exclusion of three", reset_one, accounted_one, THREE(passer, passer, passer), .delays = 3, .stale = 1),
    SCENARIO("exclusion of three, private", reset_one_private, accounted_one, THREE(passer, passer, passer),
             .delays = 3, .stale = 1),
    SCENARIO("two that look before they sleep", reset_spinning, accounted_one, TWO(passer, passer), .preemptions = 3),
    SCENARIO("a deadline, and no wake is lost with it", reset_one, accounted_one,
             THREE(passer, impatient_passer, passer), .delays = 3, NEWEST),
    SCENARIO("one that only tries", reset_one, accounted_one, THREE(passer, trier, passer), .delays = 3, NEWEST),
    SCENARIO("a signal ends a wait", reset_interruptible, accounted, THREE(impatient, impatient, giver_of_two),
             .delays = 2, .interrupts = 2, NEWEST),
    SCENARIO("a signal does not", reset, accounted, THREE(taker, taker, giver_of_two), .delays = 2, .interrupts = 2,
             NEWEST),
    SCENARIO("one that is late is let through", reset_one, let_through, TWO(passer, greedy), .preemptions = 4, NEWEST),
    SCENARIO("one that was late does not come", reset_late, forgotten, TWO(passer, twice), .preemptions = 2, NEWEST),
    /* One dies anywhere. */
    SCENARIO("a giver or a taker dies", reset, nobody_sleeps,
             .threads = {DAEMON(taker), DAEMON(taker), DAEMON(giver_of_two)}, .delays = 3, NEWEST, .deaths = 1),
    SCENARIO("and another comes", reset, nobody_sleeps, .threads = {DAEMON(taker), DAEMON(twice), DAEMON(giver_of_two)},
             .delays = 2, NEWEST, .deaths = 1),
    SCENARIO("two givers", reset, nobody_sleeps,
             .threads = {DAEMON(taker), DAEMON(taker), DAEMON(giver_of_one), DAEMON(giver_of_one)}, .delays = 2, NEWEST,
             .deaths = 1),
    SCENARIO("three wait for two", reset, nobody_sleeps,
             .threads = {DAEMON(taker), DAEMON(taker), DAEMON(taker), DAEMON(giver_of_two)}, .delays = 2, NEWEST,
             .deaths = 1),
    SCENARIO("some do not wait long", reset, nobody_sleeps,
             .threads = {DAEMON(taker), DAEMON(impatient), DAEMON(giver_of_two)}, .delays = 2, NEWEST, .deaths = 1),
    SCENARIO("a passer dies", reset_one, nobody_sleeps, .threads = {DAEMON(passer), DAEMON(passer), DAEMON(passer)},
             .delays = 2, NEWEST, .deaths = 1),
    SCENARIO("who was late is dead", reset_late, nobody_sleeps, .threads = {DAEMON(passer), DAEMON(passer)},
             .preemptions = 2, NEWEST, .deaths = 1),
    /* Two die. */
    SCENARIO("two deaths, at random", reset, nobody_sleeps,
             .threads = {DAEMON(taker), DAEMON(taker), DAEMON(taker), DAEMON(giver_of_two), DAEMON(giver_of_one)},
             .preemptions = 1000, .deaths = 2, .seed = 7, .executions = 300000),
};

static const struct explore rude =
    SCENARIO("caught: nobody is ever late", reset_rude, let_through, TWO(passer, greedy), .preemptions = 4, NEWEST);
static const struct explore misuse =
    SCENARIO("caught: more permits than the bound", reset, NULL, TWO(taker, wrong_init), .preemptions = 2);

/* For the mutants: short, since each that lives costs all of them. */
static const struct explore brief[] = {
    SCENARIO("brief: given and taken", reset, accounted, TWO(giver, reader), .preemptions = 2, .stale = 2),
    SCENARIO("brief: private", reset_private, accounted, TWO(giver, reader), .preemptions = 2, .stale = 2),
    SCENARIO("brief: exclusion", reset_one, accounted_one, TWO(twice, passer), .preemptions = 2, .stale = 2),
    SCENARIO("brief: exclusion of three", reset_one, accounted_one, THREE(passer, passer, passer), .delays = 2,
             .stale = 1),
    SCENARIO("brief: two at once", reset, accounted, THREE(taker, taker, giver_of_two), .delays = 2, .stale = 1),
    SCENARIO("brief: two after each other", reset, accounted, THREE(taker, taker, giver_twice), .delays = 2,
             .stale = 1),
    SCENARIO("brief: a death", reset, nobody_sleeps, .threads = {DAEMON(taker), DAEMON(taker), DAEMON(giver_of_two)},
             .delays = 2, NEWEST, .deaths = 1),
};

enum { N_BRIEF = sizeof brief / sizeof *brief };

int main(void)
{
    const struct explore *all[N_BRIEF];

    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        explore_passes(&scenarios[i]);
    for (int i = 0; i < N_BRIEF; i++)
        explore_passes(all[i] = &brief[i]);
    explore_fails(&rude, "n_sleeps_0");
    explore_fails(&misuse, "more permits than the bound");
    explore_mutants("sync/semaphore.c", all, N_BRIEF, NULL, 0);
    return explore_done();
}
