/* lock_model_test.c -- yoke/lock.h and src/sync/lock.c under every schedule: one holder at a time, who sees what the one before
 * wrote, and nobody sleeps for ever; also when any thread that does not hold the lock dies, at any step.
 *
 * A lock without an owner cannot survive its holder.  So the functions watch_... stand between the lock and the explorer: from the
 * moment at which the word says that a thread has the lock, until it says that it has not, that thread does not die. */
#include "builtins.h"

static bool watch_cas(void *address, unsigned size, void *expected, uint64_t desired, int order, int failure,
                      struct explore_site *site);
static uint64_t watch_modify(enum explore_kind kind, void *address, unsigned size, uint64_t operand, int order,
                             struct explore_site *site);

#define explore_cas(a, size, expected, desired, order, failure, site)                                                  \
    watch_cas((a), (size), (expected), (desired), (order), (failure), (site))
#define explore_modify(kind, a, size, operand, order, site)                                                            \
    watch_modify((kind), (a), (size), (operand), (order), (site))

static int late_after; /* set by setup */
#define LATE_AFTER late_after
#include "sleep.h"

#include "../../src/sync/lock.c"

static yoke_lock lock;
static yk_a32 notified; /* under the lock; somebody may sleep on it */
static int data, n_done, n_without, n_in_vain;
static bool holders_die; /* the documented limit */

static void watch(const void *address, uint64_t before, uint64_t after)
{
    if (address == &lock.word && (before & HELD) != (after & HELD) && explore_self() >= 0)
        explore_mortal(holders_die || !(after & HELD));
}

static bool watch_cas(void *address, unsigned size, void *expected, uint64_t desired, int order, int failure,
                      struct explore_site *site)
{
    uint32_t wanted = *(uint32_t *)expected;
    bool done = (explore_cas)(address, size, expected, desired, order, failure, site);

    if (done)
        watch(address, wanted, desired);
    return done;
}

static uint64_t watch_modify(enum explore_kind kind, void *address, unsigned size, uint64_t operand, int order,
                             struct explore_site *site)
{
    uint64_t old = (explore_modify)(kind, address, size, operand, order, site);

    watch(address, old, kind == EXPLORE_OR ? old | operand : operand);
    if (explore_self() == 0 && kind == EXPLORE_OR && (operand & HELD))
        n_in_vain += (old & HELD) != 0;
    return old;
}

static void reset(void)
{
    yoke_lock_init(&lock, YOKE_SHARED);
    notified = (yk_a32){0};
    data = n_done = n_without = n_in_vain = 0;
    n_spins = 0;
    late_after = 1;
    holders_die = false;
    yoke_thread_interruptible(0);
}

static void reset_private(void)
{
    reset();
    lock.shared = YOKE_PRIVATE;
}

static void reset_spinning(void)
{
    reset();
    n_spins = 2;
}

static void reset_interruptible(void)
{
    reset();
    yoke_thread_interruptible(1);
}

/* Somebody who came late, and has died. */
static void reset_late(void)
{
    reset();
    lock.late = 1;
    lock.word = WAITED;
}

static void reset_rude(void)
{
    reset();
    late_after = 1000;
}

static void reset_fatal(void)
{
    reset();
    holders_die = true;
}

static void is_free(void)
{
    explore_assert(!yoke_lock_locked(&lock));
}

static void critical_section(void)
{
    explore_reads(&data);
    explore_writes(&data);
    data++;
    n_done++;
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

static void maybe(int rc)
{
    if (rc == 0) {
        critical_section();
    } else {
        explore_assert(rc == -ETIMEDOUT || (rc == -EINTR && interruptible));
        n_without++;
    }
}

static void impatient(void)
{
    maybe(yoke_lock_acquire_until(&lock, yoke_now() + 5000));
}

static void once(void)
{
    maybe(yoke_lock_acquire_until(&lock, YOKE_NOW));
}

/* The courtesy: when one has said that it is late, it finds the lock taken once more at most, however often another comes;
 * unless that one's patience ends. */
static void greedy(void)
{
    for (int i = 0; i < 5; i++)
        holder();
}

static void let_through(void)
{
    is_free();
    explore_assert(n_in_vain <= 3 || yoke_now() > 1000000);
}

/* Condition: who is notified is woken by the release, and then acquires the lock. */
static void notifier(void)
{
    yoke_lock_acquire(&lock);
    yk_store_rlx(&notified, 1);
    explore_assert(yk_lock_owe(&lock, &notified));
    explore_assert(!yk_lock_owe(&lock, &notified));
    critical_section();
}

static void waiter(void)
{
    while (yk_load_rlx(&notified) == 0)
        yk_futex_wait(&notified, 0, false, YOKE_FOREVER);
    holder();
}

static void wrong_release(void)
{
    yoke_lock_release(&lock);
}

static void two_done(void)
{
    explore_assert(n_done + n_without == 2 && !yoke_lock_locked(&lock));
}

/* Nobody waits any more for one who was late and is not there. */
static void forgotten(void)
{
    explore_assert(n_done == 3 && !yoke_lock_locked(&lock) && lock.late == 0);
}

static void three_done(void)
{
    explore_assert(n_done + n_without == 3 && !yoke_lock_locked(&lock) && !lock.owed);
}

#define LIVING(a, b) .threads = {{.body = a}, {.body = b}}
#define MORE(a, b, c) .threads = {{.body = a}, {.body = b}, {.body = c}}
#define MORTAL(a, b) .threads = {{.body = a, .killable = true}, {.body = b, .killable = true}}
#define MORTALS(a, b, c)                                                                                               \
    .threads = {{.body = a, .killable = true}, {.body = b, .killable = true}, {.body = c, .killable = true}}
#define NEWEST .stale = -1 /* loads read the newest value */
#define SCENARIO(title, first, last, ...)                                                                              \
    {                                                                                                                  \
        .name = title, .setup = first, .check = last, __VA_ARGS__                                                      \
    }

static const struct explore scenarios[] = {
    /* Nobody dies. */
    SCENARIO("two threads", reset, two_done, LIVING(holder, holder), .preemptions = 4, .spurious = 1),
    SCENARIO("two that look before they sleep", reset_spinning, two_done, LIVING(holder, holder), .preemptions = 4),
    SCENARIO("a private one", reset_private, two_done, LIVING(holder, holder), .preemptions = 4, .spurious = 1),
    SCENARIO("one is notified", reset_private, two_done, LIVING(notifier, waiter), .preemptions = 4, .spurious = 1),
    SCENARIO("one is notified, another comes", reset_private, three_done, MORE(notifier, waiter, holder), .delays = 3,
             .stale = 1),
    SCENARIO("one is notified, another does not wait", reset_private, three_done, MORE(notifier, waiter, impatient),
             .delays = 3, .stale = 1),
    SCENARIO("one comes back", reset, three_done, LIVING(twice, holder), .preemptions = 3, .stale = 2),
    SCENARIO("three threads", reset, three_done, MORE(holder, holder, holder), .delays = 3, .stale = 1),
    SCENARIO("three, a private one", reset_private, three_done, MORE(holder, holder, holder), .delays = 3, .stale = 1),
    SCENARIO("a deadline, and no wake is lost with it", reset, three_done, MORE(holder, impatient, holder), .delays = 3,
             .stale = 1),
    SCENARIO("one that only tries", reset, three_done, MORE(once, holder, holder), .delays = 3, .stale = 1),
    SCENARIO("a signal ends a wait", reset_interruptible, three_done, MORE(holder, impatient, holder), .delays = 2,
             .interrupts = 2, NEWEST),
    SCENARIO("a signal does not", reset, three_done, MORE(holder, impatient, holder), .delays = 2, .interrupts = 2,
             NEWEST),
    SCENARIO("three that look, one comes back, at random", reset_spinning, is_free, MORE(impatient, holder, twice),
             .preemptions = 1000, .seed = 3, .executions = 50000),
    SCENARIO("one that is late is let through", reset, let_through, LIVING(holder, greedy), .preemptions = 4, NEWEST),
    SCENARIO("one that was late does not come", reset_late, forgotten, LIVING(holder, twice), .preemptions = 2, NEWEST),
    /* One dies anywhere, but not as the holder. */
    SCENARIO("two threads, a death", reset, is_free, MORTAL(holder, holder), .preemptions = 3, .stale = 1, .deaths = 1),
    SCENARIO("three threads, a death", reset, is_free, MORTALS(holder, holder, holder), .delays = 3, NEWEST,
             .deaths = 1),
    SCENARIO("three, one comes back, a death", reset, is_free, MORTALS(twice, holder, holder), .delays = 3, NEWEST,
             .deaths = 1),
    SCENARIO("a deadline, a death", reset, is_free, MORTALS(holder, impatient, holder), .delays = 3, NEWEST,
             .deaths = 1),
    SCENARIO("who was late is dead", reset_late, is_free, MORTAL(twice, holder), .preemptions = 2, NEWEST, .deaths = 1),
    /* Two die. */
    SCENARIO("three threads, two deaths", reset, is_free, MORTALS(holder, holder, holder), .delays = 2, NEWEST,
             .deaths = 2),
    SCENARIO("three that come back, two deaths, at random", reset_spinning, is_free, MORTALS(twice, twice, twice),
             .preemptions = 1000, .deaths = 2, .seed = 4, .executions = 200000),
};

static const struct explore fatal = SCENARIO("the documented limit: who waits for a dead holder waits for ever",
                                             reset_fatal, NULL, MORTAL(holder, holder), .preemptions = 2, .deaths = 1);
static const struct explore rude =
    SCENARIO("caught: nobody is ever late", reset_rude, let_through, LIVING(holder, greedy), .preemptions = 4, NEWEST);
static const struct explore misuse =
    SCENARIO("caught: a release by nobody", reset, NULL, .threads = {{.body = wrong_release}});

/* For the mutants: short, since each that lives costs all of them. */
static const struct explore brief[] = {
    SCENARIO("brief: two threads", reset, two_done, LIVING(holder, holder), .preemptions = 2),
    SCENARIO("brief: one that looks", reset_spinning, three_done, LIVING(holder, twice), .preemptions = 2),
    SCENARIO("brief: one is late", reset_late, three_done, LIVING(holder, twice), .preemptions = 2),
    SCENARIO("brief: a private one", reset_private, two_done, LIVING(holder, holder), .preemptions = 2),
    SCENARIO("brief: one is notified", reset_private, three_done, MORE(notifier, waiter, holder), .delays = 2),
    SCENARIO("brief: two that try", reset_late, two_done, LIVING(once, once), .preemptions = 2),
    SCENARIO("brief: three threads", reset, three_done, MORE(holder, holder, holder), .delays = 2, .stale = 1),
    SCENARIO("brief: a death", reset, is_free, MORTALS(twice, holder, holder), .delays = 2, NEWEST, .deaths = 1),
};

enum { N_BRIEF = sizeof brief / sizeof *brief };

#define BY_ANOTHER "for a release by another thread than the notifier; plain memory is never old here"
static const struct explore_surplus surplus[] = {
    {"yoke_lock_release_slow", "load acquire", BY_ANOTHER},
    {"yk_lock_owe", "or release", BY_ANOTHER},
};

int main(void)
{
    const struct explore *all[N_BRIEF];

    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        explore_passes(&scenarios[i]);
    for (int i = 0; i < N_BRIEF; i++)
        explore_passes(all[i] = &brief[i]);
    explore_fails(&fatal, "deadlock");
    explore_fails(&rude, "n_in_vain");
    explore_fails(&misuse, "nobody held the lock");
    explore_mutants("yoke/lock.h", all, N_BRIEF, NULL, 0);
    explore_mutants("sync/lock.c", all, N_BRIEF, surplus, 2);
    explore_mutants("sync/wait.h", all, N_BRIEF, NULL, 0);
    return explore_done();
}
