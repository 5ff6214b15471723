/* mutex_model_test.c -- src/sync/mutex.c under every schedule, and with a death at every step: one owner at a time, who sees what
 * the one before wrote, also if that one died; each death of an owner is told once; nobody sleeps for ever, whoever dies. */
#include "builtins.h"

/* Between the mutex and the explorer: counts how often thread 0 finds the mutex taken. */
static uint64_t watch_modify(enum explore_kind kind, void *address, unsigned size, uint64_t operand, int order,
                             struct explore_site *site);
#define explore_modify(kind, a, size, operand, order, site)                                                            \
    watch_modify((kind), (a), (size), (operand), (order), (site))

static int late_after; /* set by setup */
#define LATE_AFTER late_after
#include "sleep.h"

#include "../../src/sync/mutex.c"

static yoke_mutex mutex, other;
static int data, n_done, n_without, n_dead, n_deaths, n_in_vain;
static bool inside; /* an owner is at work; stays when it dies there */

static uint64_t watch_modify(enum explore_kind kind, void *address, unsigned size, uint64_t operand, int order,
                             struct explore_site *site)
{
    uint64_t old = (explore_modify)(kind, address, size, operand, order, site);

    if (address == &mutex.word && kind == EXPLORE_OR && explore_self() == 0)
        n_in_vain += (old & YK_TID) != 0;
    return old;
}

static void reset(void)
{
    yoke_mutex_init(&mutex, YOKE_SHARED);
    yoke_mutex_init(&other, YOKE_SHARED);
    data = n_done = n_without = n_dead = n_deaths = n_in_vain = 0;
    inside = false;
    late_after = 1;
    n_spins = 0;
    ghost = 0;
    yoke_thread_interruptible(0);
}

static void reset_private(void)
{
    reset();
    mutex.shared = YOKE_PRIVATE;
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

/* A private mutex, held by a thread that a fork left behind. */
static void reset_ghost(void)
{
    reset_private();
    ghost = 99;
    mutex.word = 99 | YK_WAITED;
}

/* Others have waited before, and nobody has had occasion to take WAITED out. */
static void reset_worn(void)
{
    reset();
    mutex.word = YK_WAITED;
}

/* Somebody who came late, and has died. */
static void reset_late(void)
{
    reset();
    mutex.late = 1;
    mutex.word = YK_WAITED;
}

static void reset_rude(void)
{
    reset();
    late_after = 1000;
}

static void on_death(int thread)
{
    (void)thread;
    n_deaths++;
}

/* What is done with the mutex, if `rc` says that it is held. */
static bool work(int rc)
{
    if (rc == -ETIMEDOUT || (rc == -EINTR && interruptible)) {
        n_without++;
        return false;
    }
    explore_assert(rc == 0 || rc == -YOKE_EOWNERDEAD);
    /* not "only then": it may have died before it began, or after it ended */
    explore_assert(rc != 0 || !inside);
    n_dead += rc != 0;
    explore_reads(&data);
    explore_writes(&data);
    inside = true;
    explore_step();
    inside = false;
    n_done++;
    return true;
}

static void holder(void)
{
    if (work(yoke_mutex_acquire(&mutex)))
        yoke_mutex_release(&mutex);
}

static void twice(void)
{
    holder();
    holder();
}

static void greedy(void)
{
    for (int i = 0; i < 5; i++)
        holder();
}

static void impatient(void)
{
    if (work(yoke_mutex_acquire_until(&mutex, yoke_now() + 5000)))
        yoke_mutex_release(&mutex);
}

static void once(void)
{
    if (work(yoke_mutex_acquire_until(&mutex, YOKE_NOW)))
        yoke_mutex_release(&mutex);
}

static void inner(void)
{
    if (work(yk_mutex_enter(&mutex, YOKE_FOREVER)))
        yk_mutex_leave(&mutex);
}

static void both(void)
{
    if (!work(yoke_mutex_acquire(&mutex)))
        return;
    (void)!yoke_mutex_acquire(&other);
    explore_step();
    yoke_mutex_release(&mutex);
    yoke_mutex_release(&other);
}

/* Must not wait for one who is not there any more. */
static void wants_other(void)
{
    (void)!yoke_mutex_acquire(&other);
    yoke_mutex_release(&other);
}

/* Ends while it holds it. */
static void leaver(void)
{
    n_dead += yoke_mutex_acquire(&mutex) != 0;
    n_done++;
}

static void knows_its_own(void)
{
    explore_assert(yoke_mutex_acquire(&mutex) == 0 && yoke_mutex_held(&mutex));
    explore_assert(yoke_mutex_acquire(&mutex) == -EDEADLK && yoke_mutex_held(&mutex));
    explore_assert(yoke_mutex_acquire_until(&mutex, YOKE_NOW) == -EDEADLK);
    yoke_mutex_release(&mutex);
    explore_assert(!yoke_mutex_held(&mutex));
}

static void wrong_release(void)
{
    yoke_mutex_release(&mutex);
}

/* Without deaths: everybody had it, or gave up, and nothing is left. */
static void nothing_left(void)
{
    explore_assert(n_dead == 0);
    explore_assert((mutex.word & ~YK_WAITED) == 0 && mutex.n_waiting == 0);
}

/* Nobody waits any more for one who was late and is not there. */
static void forgotten(void)
{
    nothing_left();
    explore_assert(n_done == 3 && mutex.late == 0);
}

static void three_done(void)
{
    nothing_left();
    explore_assert(n_done + n_without == 3);
}

static void two_done(void)
{
    nothing_left();
    explore_assert(n_done + n_without == 2);
}

/* Who died inside was told of, or nobody came after it; and never more often than they died. */
static void all_told(void)
{
    explore_assert(n_dead <= n_deaths);
    explore_assert(!inside || (mutex.word & YK_DIED));
    explore_assert((mutex.word & YK_TID) == 0 && (other.word & YK_TID) == 0);
}

static void told_once(void)
{
    explore_assert(n_dead == 1 && n_done == 2);
}

/* Either it came second, and was told, or nobody came after it. */
static void told_or_marked(void)
{
    explore_assert(n_done == 2 && n_dead + ((mutex.word & YK_DIED) != 0) == 1);
}

/* The courtesy: when thread 0 has said that it is late, it finds the mutex taken once more at most, however often another comes;
 * unless that one's patience ends. */
static void let_through(void)
{
    nothing_left();
    explore_assert(n_in_vain <= 3 || yoke_now() > 1000000);
}

#define LIVING(a, b) .threads = {{.body = a}, {.body = b}}
#define MORE(a, b, c) .threads = {{.body = a}, {.body = b}, {.body = c}}
#define MORTAL(a, b) .threads = {{.body = a, .killable = true}, {.body = b, .killable = true}}
#define MORTALS(a, b, c)                                                                                               \
    .threads = {{.body = a, .killable = true}, {.body = b, .killable = true}, {.body = c, .killable = true}}
#define NEWEST .stale = -1 /* loads read the newest value */
#define SCENARIO(title, first, last, ...)                                                                              \
    {                                                                                                                  \
        .name = title, .setup = first, .check = last, .on_death = on_death, __VA_ARGS__                                \
    }

static const struct explore scenarios[] = {
    /* Nobody dies. */
    SCENARIO("two threads", reset, two_done, LIVING(holder, holder), .preemptions = 3, .spurious = 1),
    SCENARIO("two that look before they sleep", reset_spinning, two_done, LIVING(holder, holder), .preemptions = 3),
    SCENARIO("a private one", reset_private, two_done, LIVING(holder, holder), .preemptions = 3),
    SCENARIO("three threads", reset, three_done, MORE(holder, holder, holder), .delays = 3, .stale = 1),
    SCENARIO("three, a private one", reset_private, three_done, MORE(holder, holder, holder), .delays = 3, .stale = 1),
    SCENARIO("one comes back", reset, three_done, LIVING(twice, holder), .preemptions = 3, .stale = 1),
    SCENARIO("others have waited before", reset_worn, two_done, LIVING(holder, holder), .preemptions = 3),
    SCENARIO("a deadline, and no wake is lost with it", reset, three_done, MORE(holder, impatient, holder), .delays = 3,
             NEWEST),
    SCENARIO("one that only tries", reset, three_done, MORE(holder, once, holder), .delays = 3, NEWEST),
    SCENARIO("a signal ends a wait", reset_interruptible, three_done, MORE(holder, impatient, holder), .delays = 2,
             .interrupts = 2, NEWEST),
    SCENARIO("a signal does not", reset, three_done, MORE(holder, impatient, holder), .delays = 2, .interrupts = 2,
             NEWEST),
    SCENARIO("without linking", reset, three_done, MORE(inner, holder, inner), .delays = 3, NEWEST),
    SCENARIO("the owner knows itself", reset, NULL, LIVING(knows_its_own, holder), .preemptions = 2),
    SCENARIO("left behind by a fork, and told once", reset_ghost, told_once, LIVING(holder, holder), .preemptions = 3),
    SCENARIO("one that is late is let through", reset, let_through, LIVING(holder, greedy), .preemptions = 4, NEWEST),
    SCENARIO("one that was late does not come", reset_late, forgotten, LIVING(holder, twice), .preemptions = 2, NEWEST),
    /* One dies anywhere. */
    SCENARIO("two threads, a death", reset, all_told, MORTAL(holder, holder), .preemptions = 3, .stale = 1,
             .deaths = 1),
    SCENARIO("both come back, a death", reset, all_told, MORTAL(twice, twice), .preemptions = 2, NEWEST, .deaths = 1),
    SCENARIO("others have waited before, a death", reset_worn, all_told, MORTAL(holder, holder), .preemptions = 2,
             NEWEST, .deaths = 1),
    SCENARIO("three threads, a death", reset, all_told, MORTALS(holder, holder, holder), .delays = 2, NEWEST,
             .deaths = 1),
    SCENARIO("three, one comes back, a death", reset, all_told, MORTALS(twice, holder, holder), .delays = 2, NEWEST,
             .deaths = 1),
    SCENARIO("a deadline, a death", reset, all_told, MORTALS(holder, impatient, holder), .delays = 2, NEWEST,
             .deaths = 1),
    SCENARIO("without linking, a death", reset, all_told, MORTALS(inner, inner, holder), .delays = 2, NEWEST,
             .deaths = 1),
    SCENARIO("who was late is dead", reset_late, all_told, MORTAL(holder, holder), .preemptions = 2, NEWEST,
             .deaths = 1),
    SCENARIO("the owner of two dies", reset, all_told,
             .threads = {{.body = both, .killable = true}, {.body = holder}, {.body = wants_other}}, .delays = 2,
             NEWEST, .deaths = 1),
    SCENARIO("one ends and still holds it", reset, told_or_marked, LIVING(leaver, holder), .preemptions = 3),
    /* Two die. */
    SCENARIO("three threads, two deaths, at random", reset, all_told, MORTALS(twice, twice, holder),
             .preemptions = 1000, .deaths = 2, .seed = 5, .executions = 500000),
};

static const struct explore rude =
    SCENARIO("caught: nobody is ever late", reset_rude, let_through, LIVING(holder, greedy), .preemptions = 4, NEWEST);
static const struct explore lost = SCENARIO("the documented limit: a private one whose owner has ended", reset_private,
                                            NULL, LIVING(leaver, holder), .preemptions = 2);
static const struct explore misuse =
    SCENARIO("caught: a release by who does not hold it", reset, NULL, LIVING(holder, wrong_release), .preemptions = 2);

/* For the mutants: short, since each that lives costs all of them. */
static const struct explore brief[] = {
    SCENARIO("brief: two threads", reset, two_done, LIVING(holder, holder), .preemptions = 2, .stale = 2),
    SCENARIO("brief: a private one", reset_private, two_done, LIVING(holder, holder), .preemptions = 3),
    SCENARIO("brief: left behind by a fork", reset_ghost, told_once, LIVING(holder, holder), .preemptions = 2),
    SCENARIO("brief: one comes back", reset, three_done, LIVING(twice, holder), .preemptions = 2, .stale = 2),
    SCENARIO("brief: others have waited", reset_worn, two_done, LIVING(holder, holder), .preemptions = 2, .stale = 1),
    SCENARIO("brief: three threads", reset, three_done, MORE(holder, holder, holder), .delays = 2, .stale = 1),
    SCENARIO("brief: a death", reset, all_told, MORTAL(holder, holder), .preemptions = 2, .stale = 1, .deaths = 1),
    SCENARIO("brief: three, a death", reset, all_told, MORTALS(holder, holder, holder), .delays = 1, NEWEST,
             .deaths = 1),
};

enum { N_BRIEF = sizeof brief / sizeof *brief };

#define TWICE "the word's changes carry it, and so does the order of n_waiting's; either would do"
#define ITS_OWN "before the owner's release, which carries it"
#define AFTER_RELEASE "taking WAITED out was a release already"

static const struct explore_surplus surplus[] = {
    {"wait_for", "add seq_cst", TWICE "; and a count that falls late costs a wake"},
    {"await_turn", "or seq_cst", TWICE},
    {"nobody_waits", "and seq_cst", TWICE},
    {"nobody_waits", "load seq_cst", TWICE},
    {"nobody_waits", "or seq_cst", ITS_OWN},
    {"leave_waited", "cas release", AFTER_RELEASE},
};

int main(void)
{
    const struct explore *all[N_BRIEF];
    const int n_surplus = (int)(sizeof surplus / sizeof *surplus);

    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        explore_passes(&scenarios[i]);
    for (int i = 0; i < N_BRIEF; i++)
        explore_passes(all[i] = &brief[i]);
    explore_fails(&rude, "n_in_vain");
    explore_fails(&lost, "deadlock");
    explore_fails(&misuse, "does not hold the mutex");
    explore_mutants("sync/mutex.c", all, N_BRIEF, surplus, n_surplus);
    explore_mutants("sync/wait.h", all, N_BRIEF, NULL, 0);
    return explore_done();
}
