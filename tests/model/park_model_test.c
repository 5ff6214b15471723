/* park_model_test.c -- src/sched/park.c under every schedule: no wake-up is lost, also when a worker dies anywhere.
 *
 * The queue is two words, each an item: absent, ready, claimed by a worker, done.  A submitter makes items ready and
 * kicks; workers claim and park; when all items are done the submitter tells everybody to stop.  A lost wake-up is a
 * deadlock. */
#include "builtins.h"

#include <string.h>

#include "../../src/sched/park.c"

enum { ITEMS = 2, WORKERS = 2, ABSENT = 0, READY_ITEM = 1, DONE = 2, CLAIMED = 3 };

static struct yk_park park;
static _Alignas(128) char memory[128 + WORKERS * sizeof(struct yk_bell)];
static yk_a32 items[ITEMS];
static yk_a32 ended;   /* changes when an item may have been done; the submitter sleeps on it */
static yk_a32 started; /* changes when an item was started; for items that wait for each other */
static yk_a32 stopping;
static int payload[ITEMS];

/* What differs between the scenarios; set by setup. */
static int n_items;
static bool together; /* each item ends only when both have been started */
static bool no_kick, no_settle, no_dead;

static void reset(void)
{
    memset(memory, 0, sizeof memory);
    memset(items, 0, sizeof items);
    ended = started = stopping = (yk_a32){0};
    n_items = ITEMS;
    together = no_kick = no_settle = no_dead = false;
    explore_assert(yk_park_size(WORKERS) <= sizeof memory);
    yk_park_init(&park, memory, WORKERS, true, 0);
}

static bool visible(void *arg)
{
    (void)arg;
    for (int i = 0; i < n_items; i++)
        if (yk_load_acq(&items[i]) == READY_ITEM)
            return true;
    return yk_load_acq(&stopping);
}

static void announce(yk_a32 *word)
{
    yk_add_aar(word, 1);
    yk_futex_wake(word, 3, true);
}

static void run_item(int i)
{
    explore_reads(&payload[i]);
    if (together) {
        announce(&started);
        for (uint32_t n; (n = yk_load_acq(&started)) < ITEMS;)
            yk_futex_wait(&started, n, true, YOKE_FOREVER);
    }
    yk_store_rel(&items[i], DONE);
    announce(&ended);
}

static int claim(int w)
{
    for (int i = 0; i < n_items; i++) {
        uint32_t expected = READY_ITEM;

        if (yk_cas_acq(&items[i], &expected, CLAIMED + (uint32_t)w))
            return i;
    }
    return -1;
}

static void worker(int w)
{
    bool parked = false;

    for (;;) {
        int i = claim(w);

        if (parked && !no_settle)
            yk_park_settle(&park, (unsigned)w, visible, NULL);
        parked = false;
        if (i >= 0) {
            run_item(i);
            continue;
        }
        if (yk_load_acq(&stopping))
            return;
        yk_park_wait(&park, (unsigned)w, visible, NULL);
        parked = true;
    }
}

static void worker_0(void)
{
    worker(0);
}

static void worker_1(void)
{
    worker(1);
}

static bool all_done(void)
{
    for (int i = 0; i < n_items; i++)
        if (yk_load_acq(&items[i]) != DONE)
            return false;
    return true;
}

static void submitter(void)
{
    for (int i = 0; i < n_items; i++) {
        explore_writes(&payload[i]);
        yk_store_rel(&items[i], READY_ITEM);
        if (!no_kick)
            yk_park_kick(&park);
    }
    for (;;) {
        uint32_t n = yk_load_acq(&ended);

        if (all_done())
            break;
        yk_futex_wait(&ended, n, true, YOKE_FOREVER);
    }
    yk_store_seq(&stopping, 1);
    yk_park_wake_all(&park);
}

/* What the dead worker had claimed is ready again; all are roused. */
static void supervisor(void)
{
    for (;;) {
        int t = explore_await_death();
        uint32_t w = (uint32_t)t - 1;

        for (int i = 0; i < n_items; i++) {
            uint32_t expected = CLAIMED + w;

            yk_cas_aar(&items[i], &expected, READY_ITEM);
        }
        if (!no_dead)
            yk_park_dead(&park, w);
        announce(&ended);
    }
}

static void reset_one(void)
{
    reset();
    n_items = 1;
}

static void reset_together(void)
{
    reset();
    together = true;
}

static void reset_searching(void)
{
    reset_one();
    park.search_ns = 5000;
}

/* The ways in which a caller can break the protocol: each must be caught. */
static void reset_no_kick(void)
{
    reset_one();
    no_kick = true;
}

static void reset_no_settle(void)
{
    reset_together();
    no_settle = true;
}

static void reset_no_dead(void)
{
    reset_one();
    no_dead = true;
}

#define CREW                                                                                                           \
    {.body = submitter}, {.body = worker_0},                                                                           \
    {                                                                                                                  \
        .body = worker_1                                                                                               \
    }
#define MORTALS                                                                                                        \
    {.body = submitter}, {.body = worker_0, .killable = true}, {.body = worker_1, .killable = true},                   \
    {                                                                                                                  \
        .body = supervisor, .daemon = true                                                                             \
    }

static const struct explore one_item = {
    .name = "one item, two workers", .setup = reset_one, .threads = {CREW}, .delays = 2, .stale = 1};
static const struct explore two_items = {
    .name = "two items, two workers", .setup = reset, .threads = {CREW}, .delays = 2, .stale = 1};
static const struct explore rendezvous = {.name = "two items that wait for each other: both workers are woken",
                                          .setup = reset_together,
                                          .threads = {CREW},
                                          .delays = 2,
                                          .stale = 1};
static const struct explore searching = {.name = "workers that search before they sleep",
                                         .setup = reset_searching,
                                         .threads = {CREW},
                                         .delays = 2,
                                         .stale = 1};
static const struct explore random_items = {.name = "two items that wait for each other, at random",
                                            .setup = reset_together,
                                            .threads = {CREW},
                                            .preemptions = 6,
                                            .seed = 11,
                                            .executions = 20000};
static const struct explore one_death = {.name = "one item, a worker dies anywhere",
                                         .setup = reset_one,
                                         .threads = {MORTALS},
                                         .delays = 1,
                                         .deaths = 1,
                                         .stale = 1};
static const struct explore random_death = {.name = "two items, a worker dies anywhere, at random",
                                            .setup = reset,
                                            .threads = {MORTALS},
                                            .preemptions = 6,
                                            .deaths = 1,
                                            .seed = 12,
                                            .executions = 60000};
static const struct explore kick_forgotten = {
    .name = "caught: no kick after a submission", .setup = reset_no_kick, .threads = {CREW}, .delays = 2, .stale = 1};
static const struct explore settle_forgotten = {
    .name = "caught: no settle after a search", .setup = reset_no_settle, .threads = {CREW}, .delays = 2, .stale = 1};
static const struct explore dead_forgotten = {.name = "caught: no yk_park_dead after a death",
                                              .setup = reset_no_dead,
                                              .threads = {MORTALS},
                                              .preemptions = 6,
                                              .deaths = 1,
                                              .seed = 13,
                                              .executions = 200000};

/* For the mutants: the same within tighter bounds, since each that lives costs all executions. */
static const struct explore small_rendezvous = {.name = "two items that wait for each other, a lagging thread",
                                                .setup = reset_together,
                                                .threads = {CREW},
                                                .delays = 1,
                                                .stale = -1,
                                                .lag = true};
static const struct explore small_item = {
    .name = "one item, a lagging thread", .setup = reset_one, .threads = {CREW}, .delays = 2, .stale = -1, .lag = true};

/* The masks are only ever read and changed in one operation, and those meet in the order of the word. */
#define ONE_ORDER "two words, each always read by changing it: acquire and release are enough"
/* In these scenarios. */
#define CARRIED "the clear of `searching` and the read of the masks carry what the last look must see"
#define NO_DEATH "in these scenarios nobody dies"

static const struct explore_surplus surplus[] = {
    {NULL, "and seq_cst -> acq_rel", ONE_ORDER},
    {NULL, "or seq_cst -> acq_rel", ONE_ORDER},
    {NULL, "swap seq_cst -> acq_rel", ONE_ORDER},
    {"yk_park_dead", "and seq_cst -> acquire", NO_DEATH},
    {"yk_park_dead", "and seq_cst -> release", NO_DEATH},
    {"yk_park_dead", "and seq_cst -> relaxed", NO_DEATH},
    {"yk_park_dead", "swap seq_cst -> acquire", NO_DEATH},
    {"yk_park_dead", "swap seq_cst -> release", NO_DEATH},
    {"yk_park_dead", "swap seq_cst -> relaxed", NO_DEATH},
    {"ring", "swap seq_cst -> acquire", CARRIED},
    {"ring", "swap seq_cst -> release", CARRIED},
    {"ring", "swap seq_cst -> relaxed", CARRIED},
    {"yk_park_wait", "swap seq_cst -> acquire", CARRIED},
    {"yk_park_wait", "swap seq_cst -> release", CARRIED},
    {"yk_park_wait", "swap seq_cst -> relaxed", CARRIED},
    {"yk_park_wait", "load acquire -> relaxed", CARRIED},
    {"yk_park_wake_all", "swap seq_cst -> release", CARRIED},
    {"clear", "and seq_cst -> acquire", CARRIED},
    {"set", "or seq_cst -> acquire", CARRIED},
    {"set", "or seq_cst -> release", CARRIED},
    {"set", "or seq_cst -> relaxed", CARRIED},
    {"read_mask", "or seq_cst -> release", CARRIED},
};

int main(void)
{
    const struct explore *const all[] = {&small_rendezvous, &small_item};

    explore_passes(&one_item);
    explore_passes(&two_items);
    explore_passes(&rendezvous);
    explore_passes(&searching);
    explore_passes(&small_rendezvous);
    explore_passes(&small_item);
    explore_passes(&random_items);
    explore_passes(&one_death);
    explore_passes(&random_death);
    explore_fails(&kick_forgotten, "deadlock");
    explore_fails(&settle_forgotten, "deadlock");
    explore_fails(&dead_forgotten, "deadlock");
    explore_mutants("sched/park.c", all, 2, surplus, (int)(sizeof surplus / sizeof *surplus));
    return explore_done();
}
