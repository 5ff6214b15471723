/* condition_shared_model_test.c -- a shared Condition over a Mutex: src/sync/condition_shared.c, on the shipped seats and mutex, under every
 * schedule and with a death at every step.  Each notification ends one wait; that of a dead one goes to the next; and whoever was
 * notified returns, also if the notifier has died. */
#include "sleep.h"

#include "../../src/sync/mutex.c"
#include "../../src/sync/seat.c"

/* mutex.c has functions of that name */
#define n_waiting_of n_listed_of
#include "../../src/sync/condition.c"
#undef n_waiting_of
#include "../../src/sync/condition_shared.c"

enum { SEATS = 3 };

static yoke_mutex mutex;
static yoke_condition condition;
static yoke_seat seats[SEATS];
static int tokens, n_notified, n_returned, n_without, n_deaths;
static bool was_told; /* of an owner's death */
static yk_a32 killed;

/* ---- what condition.c stands on: here there is one kind of lock, and no private waiters ---- */

bool yk_lockable_shared(const void *held, enum yoke_lock_kind kind)
{
    (void)held;
    (void)kind;
    return true;
}

bool yk_lockable_held(void *held, enum yoke_lock_kind kind)
{
    explore_assert(kind == YOKE_KIND_MUTEX);
    return yoke_mutex_held(held);
}

uint32_t yk_lockable_save(void *held, enum yoke_lock_kind kind)
{
    (void)kind;
    yoke_mutex_release(held);
    return 1;
}

int yk_lockable_restore(void *free, enum yoke_lock_kind kind, uint32_t saved)
{
    (void)kind;
    (void)saved;
    return yoke_mutex_acquire(free);
}

void yk_lockable_wake(void *held, enum yoke_lock_kind kind, yk_a32 *word)
{
    (void)held;
    (void)kind;
    (void)word;
    explore_fail("it is shared");
}

uint32_t yk_forks(void)
{
    return 0;
}

/* ---- who comes ---- */

static void reset_with(unsigned n_seats)
{
    yoke_mutex_init(&mutex, YOKE_SHARED);
    explore_assert(yoke_condition_init(&condition, seats, n_seats) == 0);
    tokens = n_notified = n_returned = n_without = n_deaths = 0;
    was_told = false;
    killed = (yk_a32){0};
    n_spins = 0;
    ghost = 0;
    yoke_thread_interruptible(0);
}

static void reset(void)
{
    reset_with(2);
}

static void reset_3(void)
{
    reset_with(3);
}

static void on_death(int thread)
{
    (void)thread;
    n_deaths++;
}

static int enter(void)
{
    int rc = yoke_mutex_acquire(&mutex);

    explore_assert(rc == 0 || rc == -YOKE_EOWNERDEAD);
    was_told |= rc != 0;
    return rc;
}

/* Takes a token; whoever is told of an owner's death does what an owner has to, since that one may have had a notification and not
 * the token that goes with it. */
static void take_until(yoke_time deadline)
{
    int rc = enter();

    while (tokens == 0 && rc == 0) {
        rc = yoke_condition_wait_until(&condition, &mutex, deadline);
        explore_assert(rc == 0 || rc == -ETIMEDOUT || rc == -YOKE_EOWNERDEAD);
        was_told |= rc == -YOKE_EOWNERDEAD;
        n_returned += rc == 0;
    }
    explore_assert(n_returned <= n_notified || was_told);
    if (tokens > 0)
        tokens--;
    else
        n_without++;
    if (rc == -YOKE_EOWNERDEAD)
        yoke_condition_notify_all(&condition);
    yoke_mutex_release(&mutex);
}

static void taker(void)
{
    take_until(YOKE_FOREVER);
}

static void impatient(void)
{
    take_until(yoke_now() + 5000);
}

static void put(int n)
{
    int rc = enter();

    tokens += n;
    n_notified += n; /* at the most */
    yoke_condition_notify(&condition, rc == 0 ? (unsigned)n : SEATS);
    yoke_mutex_release(&mutex);
}

static void giver(void)
{
    put(1);
}

static void giver_of_two(void)
{
    put(2);
}

/* Thread 0 waits first, then thread 1; the first is notified, and killed before it can return. */
static void giver_and_killer(void)
{
    while (yoke_condition_waiting(&condition) < 2)
        yk_cpu_relax();
    explore_assert(enter() == 0);
    tokens++;
    n_notified += (int)yoke_condition_notify(&condition, 1);
    explore_kill(0);
    yk_store_rlx(&killed, 1);
    yoke_mutex_release(&mutex);
}

/* Comes then, and may find the debt. */
static void newcomer(void)
{
    while (!yk_load_rlx(&killed))
        yk_cpu_relax();
    taker();
}

/* ---- what must be, when nobody can go on ---- */

/* No living thread sleeps on a notification, and no token lies there for which somebody waits; unless an owner has died and nobody has
 * come since, who would have been told. */
static void nobody_forgotten(void)
{
    bool untold = mutex.word & YK_DIED;

    for (unsigned i = 0; i < condition.n_seats; i++)
        if (!yk_seat_free(seats[i].word) && !yk_seat_dead(seats[i].word)) {
            explore_assert(seats[i].state != YK_NOTIFIED);
            explore_assert(tokens == 0 || untold || was_told);
        }
}

static void all_done(void)
{
    explore_assert(tokens == n_without);
    for (unsigned i = 0; i < condition.n_seats; i++)
        explore_assert(yk_seat_free(seats[i].word) && seats[i].state == 0);
}

#define MORTAL(body)                                                                                                   \
    {                                                                                                                  \
        body, .killable = true                                                                                         \
    }
/* These need not end: there may be no token for them. */
#define MORTAL_STAYS(body)                                                                                             \
    {                                                                                                                  \
        body, .killable = true, .daemon = true                                                                         \
    }
#define STAYS(body)                                                                                                    \
    {                                                                                                                  \
        body, .daemon = true                                                                                           \
    }
#define BODIES(...) .threads = {__VA_ARGS__}
#define NOBODY_DIES(n) .setup = reset, .check = all_done, .delays = n, .stale = -1
#define ONE_DIES(n)                                                                                                    \
    .setup = reset, .check = nobody_forgotten, .on_death = on_death, .delays = n, .stale = -1, .deaths = 1,            \
    .executions = 250000

static const struct explore one = {.name = "a waiter and a notifier",
                                   .setup = reset,
                                   .check = all_done,
                                   .preemptions = 2,
                                   .stale = 1,
                                   .spurious = 1,
                                   BODIES({taker}, {giver})};
static const struct explore late = {.name = "a waiter that may give up",
                                    .setup = reset,
                                    .check = all_done,
                                    .preemptions = 2,
                                    .stale = 1,
                                    BODIES({impatient}, {giver})};
static const struct explore two = {
    .name = "two waiters and a notifier", NOBODY_DIES(2), BODIES({taker}, {taker}, {giver_of_two})};
static const struct explore dead_notifier = {
    .name = "a notifier dies", ONE_DIES(2), BODIES(STAYS(taker), MORTAL(giver))};
static const struct explore dead_notifier_2 = {
    .name = "a notifier of two dies", ONE_DIES(1), BODIES(STAYS(taker), STAYS(taker), MORTAL(giver_of_two))};
static const struct explore dead_late = {
    .name = "a waiter dies, or gives up", ONE_DIES(1), BODIES(MORTAL_STAYS(impatient), STAYS(taker), {giver})};
/* The last two waiters may be the ones who pass on what the first one had. */
static const struct explore deaths = {.name = "two waiters die, and a third is there, at random",
                                      .setup = reset_3,
                                      .check = nobody_forgotten,
                                      .on_death = on_death,
                                      .preemptions = 12,
                                      .stale = -1,
                                      .deaths = 2,
                                      .seed = 5,
                                      .executions = 50000,
                                      BODIES(MORTAL_STAYS(taker), MORTAL_STAYS(taker), STAYS(taker), {giver_of_two})};
static const struct explore deaths_of_all = {
    .name = "two of all die, at random",
    .setup = reset_3,
    .check = nobody_forgotten,
    .on_death = on_death,
    .preemptions = 12,
    .stale = -1,
    .deaths = 2,
    .seed = 6,
    .executions = 50000,
    BODIES(MORTAL_STAYS(taker), MORTAL_STAYS(taker), STAYS(taker), MORTAL(giver_of_two))};

static const struct explore heir = {.name = "a notified waiter dies, and so may who finds it",
                                    .setup = reset_3,
                                    .check = nobody_forgotten,
                                    .on_death = on_death,
                                    .delays = 1,
                                    .stale = -1,
                                    .deaths = 1,
                                    BODIES(STAYS(taker), STAYS(taker), MORTAL_STAYS(newcomer), {giver_and_killer})};

/* For the mutants: short, since each that lives costs all of them. */
static const struct explore brief = {
    .name = "brief: a notifier dies", ONE_DIES(1), BODIES(STAYS(taker), MORTAL(giver))};
static const struct explore dead_waiter = {
    .name = "a waiter dies", ONE_DIES(1), BODIES(MORTAL_STAYS(taker), STAYS(taker), {giver})};
static const struct explore dead_waiter_2 = {.name = "a waiter dies beside one that waited before it",
                                             ONE_DIES(1),
                                             BODIES(STAYS(taker), MORTAL_STAYS(taker), {giver})};

#define ORDERED "against its own thread's death: the explorer keeps stores in the order of the program anyhow"
static const struct explore_surplus surplus[] = {
    {"mark", "store release", ORDERED},
    {"complete_passing", "store release", ORDERED},
    {"inherit", "store release", ORDERED},
    {"wake_marked", "store release", ORDERED},
    {"yk_condition_notify_shared", "store release", ORDERED},
    {"yk_condition_wait_shared", "store release", ORDERED},
};

int main(void)
{
    const struct explore *const all[] = {
        &one,         &late,          &two,       &brief,  &dead_notifier, &dead_notifier_2,
        &dead_waiter, &dead_waiter_2, &dead_late, &deaths, &deaths_of_all, &heir};
    const struct explore *const mutants[] = {&one, &brief};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        explore_passes(all[i]);
    explore_mutants("sync/condition_shared.c", mutants, 2, surplus, sizeof surplus / sizeof *surplus);
    return explore_done();
}
