/* barrier_model_test.c -- src/sync/barrier.c and barrier_round.c, on the shipped mutex and seats, under every schedule; shared ones with a death at every
 * step.  Whoever gets through sees what all others wrote before; of one round all get through, or all who live are told; and nobody
 * waits for ever. */
#include "sleep.h"

#include "../../src/sync/mutex.c"
#include "../../src/sync/seat.c"

/* mutex.c has a function of that name */
#define n_waiting_of n_there_of
#include "../../src/sync/barrier_round.c"
#undef n_waiting_of
#include "../../src/sync/barrier.c"

enum { ROUNDS = 2 };

static yoke_barrier barrier;
static yoke_seat seats[3];
static unsigned parties;
static int progress[EXPLORE_THREADS]; /* each thread's own, read by the others */
static int indices[ROUNDS], n_passed, n_told, n_late;
static int verdicts[ROUNDS];
static bool all_pass; /* nobody gives up, and nobody dies */

uint32_t yk_forks(void)
{
    return 0;
}

static void reset_with(unsigned n, bool shared)
{
    explore_assert(yoke_barrier_init(&barrier, n, shared ? seats : NULL) == 0);
    parties = n;
    for (int t = 0; t < EXPLORE_THREADS; t++)
        progress[t] = 0;
    for (int i = 0; i < ROUNDS; i++)
        indices[i] = verdicts[i] = 0;
    n_passed = n_told = n_late = 0;
    all_pass = false;
    n_spins = 0;
    ghost = 0;
    yoke_thread_interruptible(0);
}

static void reset_private(void)
{
    reset_with(2, false);
    all_pass = true;
}

static void reset_private_3(void)
{
    reset_with(3, false);
}

static void reset_private_2(void)
{
    reset_with(2, false);
}

static void reset_shared(void)
{
    reset_with(2, true);
    all_pass = true;
}

static void reset_shared_2(void)
{
    reset_with(2, true);
}

static void reset_shared_3(void)
{
    reset_with(3, true);
}

/* One round, as its number `round`.  Every party has written before; whoever gets through reads all of that. */
static bool meet_once(int round, yoke_time deadline)
{
    int self = explore_self(), rc;

    explore_writes(&progress[self]);
    progress[self] = round + 1;
    rc = yoke_barrier_wait_until(&barrier, deadline);
    if (rc < 0) {
        explore_assert(!all_pass && (rc == -YOKE_EBARRIER || rc == -ETIMEDOUT));
        explore_assert(verdicts[round] != YK_ROUND_PASSED);
        verdicts[round] = YK_ROUND_BROKEN;
        n_told++;
        n_late += rc == -ETIMEDOUT;
        return false;
    }
    explore_assert(verdicts[round] != YK_ROUND_BROKEN);
    verdicts[round] = YK_ROUND_PASSED;
    explore_assert(rc < (int)parties && !(indices[round] & 1 << rc));
    indices[round] |= 1 << rc;
    for (unsigned t = 0; t < parties; t++) {
        explore_reads(&progress[t]);
        explore_assert(progress[t] > round);
    }
    n_passed++;
    return true;
}

static void party(void)
{
    meet_once(0, YOKE_FOREVER);
    yoke_barrier_leave(&barrier);
}

static void impatient(void)
{
    meet_once(0, yoke_now() + 5000);
    yoke_barrier_leave(&barrier);
}

static void breaker(void)
{
    yoke_barrier_abort(&barrier);
}

static void resetter(void)
{
    yoke_barrier_reset(&barrier);
}

static void party_twice(void)
{
    /* the others read what is written here, until they have come again */
    for (int round = 0; round < ROUNDS; round++) {
        int rc = yoke_barrier_wait(&barrier);

        explore_assert(rc >= 0 || !all_pass);
        if (rc < 0)
            break;
        explore_assert(!(indices[round] & 1 << rc));
        indices[round] |= 1 << rc;
    }
    yoke_barrier_leave(&barrier);
}

/* Three threads, two parties: one is left over, and told in the end. */
static void any(void)
{
    int rc = yoke_barrier_wait(&barrier);

    explore_assert(rc >= 0 || rc == -YOKE_EBARRIER);
    n_passed += rc >= 0;
    n_told += rc < 0;
}

static int act(void *arg)
{
    (void)arg;
    explore_assert(barrier.n_waiting == parties);
    explore_step();
    return 0;
}

static void actor(void)
{
    int rc = yoke_barrier_wait_with(&barrier, act, NULL, YOKE_FOREVER);

    explore_assert(rc >= 0 || rc == -YOKE_EBARRIER);
    n_passed += rc >= 0;
    n_told += rc < 0;
}

static void closer(void)
{
    while (n_passed < 2)
        yk_cpu_relax();
    yoke_barrier_abort(&barrier);
}

/* ---- what must be in the end ---- */

static void at_rest(void)
{
    explore_assert((barrier.mutex.word & YK_TID) == 0);
    for (unsigned i = 0; barrier.shared && i < parties; i++)
        explore_assert((seats[i].word & YK_TID) == 0);
}

static void passed(void)
{
    at_rest();
    explore_assert(barrier.n_waiting == 0 && barrier.broken == 0);
    for (int i = 0; i < ROUNDS; i++)
        explore_assert(indices[i] == 0 || indices[i] == 3);
}

static void passed_or_told(void)
{
    at_rest();
    explore_assert(n_passed == 0 || n_told == 0);
    explore_assert(barrier.n_waiting == 0);
}

/* Who still waits, waits for somebody who may come: nobody is dead, and nothing was broken. */
static void nobody_forgotten(void)
{
    bool broken = barrier.broken || yk_seats_any_dead(seats, parties);

    explore_assert(barrier.verdict == 0 || barrier.mutex.word & YK_DIED);
    for (unsigned i = 0; i < parties; i++)
        if (seats[i].word & YK_TID)
            explore_assert(seats[i].state == YK_ROUND_OPEN && !broken);
}

static void two_passed(void)
{
    at_rest();
    explore_assert(n_passed == 2 && n_told == 1);
}

#define MORTAL(body)                                                                                                   \
    {                                                                                                                  \
        body, .killable = true                                                                                         \
    }
/* They need not end: somebody may not come, who died before it had a seat. */
#define MORTAL_STAYS(body)                                                                                             \
    {                                                                                                                  \
        body, .killable = true, .daemon = true                                                                         \
    }
#define STAYS(body)                                                                                                    \
    {                                                                                                                  \
        body, .daemon = true                                                                                           \
    }
#define BODIES(...) .threads = {__VA_ARGS__}

static const struct explore scenarios[] = {
    {.name = "two, private",
     .setup = reset_private,
     .check = passed,
     .preemptions = 3,
     .stale = 2,
     .spurious = 1,
     BODIES({party}, {party})},
    {.name = "two, private, two rounds",
     .setup = reset_private,
     .check = passed,
     .preemptions = 3,
     .stale = 1,
     BODIES({party_twice}, {party_twice})},
    {.name = "three, private, for two parties",
     .setup = reset_private_2,
     .check = two_passed,
     .delays = 2,
     .stale = -1,
     BODIES({any}, {any}, {any}, {closer})},
    {.name = "three, private, for two parties with an action",
     .setup = reset_private_2,
     .check = two_passed,
     .delays = 2,
     .stale = -1,
     BODIES({actor}, {actor}, {actor}, {closer})},
    {.name = "three, private, one may give up",
     .setup = reset_private_3,
     .check = passed_or_told,
     .delays = 3,
     .stale = -1,
     BODIES({party}, {impatient}, {party})},
    {.name = "two, shared",
     .setup = reset_shared,
     .check = passed,
     .preemptions = 2,
     .stale = 1,
     .spurious = 1,
     BODIES({party}, {party})},
    {.name = "two, shared, two rounds",
     .setup = reset_shared,
     .check = passed,
     .preemptions = 2,
     .stale = -1,
     BODIES({party_twice}, {party_twice})},
    {.name = "two, shared, one may give up",
     .setup = reset_shared_2,
     .check = passed_or_told,
     .preemptions = 2,
     .stale = -1,
     BODIES({party}, {impatient})},
    {.name = "a party dies",
     .setup = reset_shared_2,
     .check = nobody_forgotten,
     .preemptions = 2,
     .stale = -1,
     .deaths = 1,
     BODIES(STAYS(party), MORTAL_STAYS(party))},
    {.name = "one of three parties dies",
     .setup = reset_shared_3,
     .check = nobody_forgotten,
     .delays = 1,
     .stale = -1,
     .deaths = 1,
     BODIES(STAYS(party), STAYS(party), MORTAL_STAYS(party))},
    {.name = "one of three parties dies, which came first",
     .setup = reset_shared_3,
     .check = nobody_forgotten,
     .delays = 1,
     .stale = -1,
     .deaths = 1,
     BODIES(MORTAL_STAYS(party), STAYS(party), STAYS(party))},
    {.name = "a party dies, or gives up",
     .setup = reset_shared_3,
     .check = nobody_forgotten,
     .delays = 1,
     .stale = -1,
     .deaths = 1,
     BODIES(STAYS(party), STAYS(party), MORTAL_STAYS(impatient))},
    {.name = "one dies that aborts",
     .setup = reset_shared_3,
     .check = nobody_forgotten,
     .delays = 1,
     .stale = -1,
     .deaths = 1,
     BODIES(STAYS(party), STAYS(party), MORTAL(breaker))},
    {.name = "one dies that resets",
     .setup = reset_shared_3,
     .check = nobody_forgotten,
     .delays = 1,
     .stale = -1,
     .deaths = 1,
     BODIES(STAYS(party), STAYS(party), MORTAL(resetter))},
    {.name = "two parties of three die, at random",
     .setup = reset_shared_3,
     .check = nobody_forgotten,
     .preemptions = 12,
     .stale = -1,
     .deaths = 2,
     .seed = 5,
     .executions = 50000,
     BODIES(MORTAL_STAYS(party), STAYS(party), MORTAL_STAYS(party))},
    {.name = "two of four die, at random",
     .setup = reset_shared_3,
     .check = nobody_forgotten,
     .preemptions = 12,
     .stale = -1,
     .deaths = 2,
     .seed = 6,
     .executions = 50000,
     BODIES(MORTAL_STAYS(party), STAYS(party), MORTAL_STAYS(impatient), MORTAL(breaker))},
};

#define ORDERED "against its own thread's death: the explorer keeps stores in the order of the program anyhow"
static const struct explore_surplus surplus[] = {
    {"yk_barrier_break", "store release", ORDERED},
    {"end_round", "store release", ORDERED},
    {"sleep_through", "load acquire",
     "who sees the word moved on, and not yet what became of its round, enters the mutex"},
    {"yk_barrier_renew", "load acquire", "it orders the links of the dead one, which the explorer does not know"},
};

int main(void)
{
    const struct explore *brief[sizeof scenarios / sizeof *scenarios], *guest = NULL;
    int n_brief = 0;

    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        explore_passes(&scenarios[i]);
        if (!scenarios[i].deaths)
            brief[n_brief++] = &scenarios[i];
        if (scenarios[i].threads[2].body == breaker)
            guest = &scenarios[i];
    }
    explore_mutants("sync/barrier_round.c", brief, n_brief, surplus, sizeof surplus / sizeof *surplus);
    explore_mutants("sync/barrier.c", brief, n_brief, surplus, sizeof surplus / sizeof *surplus);
    /* a guest's intention */
    explore_mutants("sync/wait.h", &guest, 1, NULL, 0);
    return explore_done();
}
