/* claim_model_test.c -- src/exec/claim.c and board.c under every schedule and with deaths: every item runs exactly once, or is
 * the one that a death or a timeout took; the host wakes; and nobody touches a job that was taken down.
 *
 * Thread 0 is the host: it fills a place, publishes, waits on the bell, collects the words, takes the job down, and uses the
 * place again.  Workers claim and run; the supervisor buries the dead and goes on as the replacement.  All but the host need
 * not end, so a lost wake-up of the host is a deadlock. */
#include "claim_watch.h"

#include "claim_crew.h"

static void begin(struct plan wanted)
{
    struct yk_exec_options options = {.workers = WORKERS};

    plan = wanted;
    broken = SOUND;
    memset(memory, 0, sizeof memory);
    memset(maps, 0, sizeof maps);
    kicks = born = killed = (yk_a32){0};
    gone = spare_used = false;
    later.site = NULL;
    n_deaths = n_crashed = 0;
    worker_of[2] = 1; /* of the others it says so when they begin, or does not matter */
    worker_of[SPARE] = WORKERS;
    explore_assert(yk_board_size(WORKERS) <= sizeof memory);
    yk_board_init(&board, memory, &options, 0);
}

/* Everything is over, and no hint has stayed. */
static void check(void)
{
    for (int m = 0; m < plan.maps; m++)
        explore_assert(maps[m].over);
    explore_assert(n_crashed <= n_deaths);
    for (unsigned w = 0; w < WORKERS; w++)
        explore_assert(board.desks[w].orphan.v == 0 && board.desks[w].inside.v == 0);
    explore_assert(board.orphans[0].v == 0);
}

#define PLAN(function, ...)                                                                                            \
    static void function(void)                                                                                         \
    {                                                                                                                  \
        begin((struct plan){__VA_ARGS__});                                                                             \
    }

PLAN(singles, .maps = 1, .items = {2}, .chunk = 1)
PLAN(pairs, .maps = 1, .items = {3}, .chunk = 2)
PLAN(pair, .maps = 1, .items = {2}, .chunk = 2)
PLAN(timed_pair, .maps = 1, .items = {2}, .chunk = 2, .timed = true)
PLAN(again, .maps = 2, .items = {1, 1}, .chunk = 1)
PLAN(thrice, .maps = 3, .items = {2, 1, 1}, .chunk = 1)
PLAN(at_once, .maps = 2, .at_once = true, .items = {2, 1}, .chunk = 1)
PLAN(fail_fast, .maps = 1, .items = {3}, .chunk = 2, .fail_fast = true)
PLAN(overdue, .maps = 1, .items = {2}, .chunk = 2, .timed = true, .looks = 3)
PLAN(spare_pairs, .maps = 2, .items = {3, 1}, .chunk = 2, .spare = true)

/* Of the first map, worker 0 has claimed the first `first` items, and worker 1 the rest; it is dead and not buried yet. */
static void begin_late(struct plan wanted, size_t first)
{
    struct yk_shared_job *job;

    begin(wanted);
    job = &board.control->jobs[0];
    fill(0, 0);
    if (first > 0)
        yk_store_rlx(&maps[0].words[0], yk_word(YK_CLAIMED, 0, first));
    yk_store_rlx(&maps[0].words[first], yk_word(YK_CLAIMED, 1, plan.items[0] - first));
    yk_store_rlx(&job->cursor, plan.items[0]);
    yk_store_rlx(&board.control->head, 1);
    yk_store_rlx(&board.desks[0].inside, first > 0);
    yk_store_rlx(&board.desks[1].inside, 1);
}

static void left_over(void)
{
    begin_late((struct plan){.maps = 2, .items = {2, 1}, .chunk = 2}, 0);
}

/* A bit in the mask of orphans, and no orphan: left by a worker that died as it took the two away. */
static void bit_left(void)
{
    begin((struct plan){.maps = 1, .items = {2}, .chunk = 1});
    yk_store_rlx(&board.orphans[0], 2);
}

static void stopped_together(void)
{
    begin_late((struct plan){.maps = 1, .items = {3}, .chunk = 2, .fail_fast = true}, 2);
}

#define WRONG(function, how, ...)                                                                                      \
    static void function(void)                                                                                         \
    {                                                                                                                  \
        begin((struct plan){__VA_ARGS__});                                                                             \
        broken = how;                                                                                                  \
    }

WRONG(no_second_look, NO_SECOND_LOOK, .maps = 2, .items = {1, 1}, .chunk = 1)
WRONG(late_orphan, LATE_ORPHAN, .maps = 1, .items = {2}, .chunk = 2)
WRONG(no_orphan, NO_ORPHAN, .maps = 1, .items = {2}, .chunk = 2)
WRONG(polite_burial, POLITE_BURIAL, .maps = 1, .items = {1}, .chunk = 1)
WRONG(nameless_claim, NAMELESS_CLAIM, .maps = 1, .items = {1}, .chunk = 1)
WRONG(lost_cursor, LOST_CURSOR, .maps = 1, .items = {2}, .chunk = 1)

static void beginning_first(void)
{
    stopped_together();
    broken = BEGINNING_FIRST;
}

#define LIVING                                                                                                         \
    {.body = host}, {.body = worker_0, .daemon = true},                                                                \
    {                                                                                                                  \
        .body = worker_1, .daemon = true                                                                               \
    }
#define MORTAL                                                                                                         \
    {.body = host}, {.body = worker_0, .daemon = true, .killable = true},                                              \
        {.body = worker_1, .daemon = true, .killable = true},                                                          \
    {                                                                                                                  \
        .body = supervisor, .daemon = true                                                                             \
    }
#define ALONE                                                                                                          \
    {.body = host}, {.body = worker_0, .daemon = true, .killable = true},                                              \
    {                                                                                                                  \
        .body = supervisor, .daemon = true                                                                             \
    }
#define AFTER                                                                                                          \
    {.body = host}, {.body = worker_0, .daemon = true},                                                                \
    {                                                                                                                  \
        .body = undertaker, .daemon = true                                                                             \
    }
#define TOGETHER                                                                                                       \
    {.body = host}, {.body = worker_0_inside, .daemon = true},                                                         \
    {                                                                                                                  \
        .body = undertaker, .daemon = true                                                                             \
    }
#define SCENARIO(title, first, ...)                                                                                    \
    {                                                                                                                  \
        .name = title, .setup = first, .check = check, .on_death = on_death, __VA_ARGS__                               \
    }

#define WITH_SPARE                                                                                                     \
    MORTAL,                                                                                                            \
    {                                                                                                                  \
        .body = spare, .daemon = true, .killable = true                                                                \
    }

static const struct explore scenarios[] = {
    /* Nobody dies. */
    SCENARIO("two items, two workers", singles, .threads = {LIVING}, .delays = 2, .stale = -1),
    SCENARIO("the same, old values are read", singles, .threads = {LIVING}, .delays = 1, .stale = 1),
    SCENARIO("chunks of two", pairs, .threads = {LIVING}, .delays = 2, .stale = -1),
    SCENARIO("a place is used again", again, .threads = {LIVING}, .delays = 2, .stale = -1),
    SCENARIO("two maps at once", at_once, .threads = {LIVING}, .delays = 1, .lag = true, .stale = -1),
    SCENARIO("the first item fails, and stops the map", fail_fast, .threads = {LIVING}, .delays = 2, .stale = -1),
    SCENARIO("a place is used three times, at random", thrice, .threads = {LIVING}, .preemptions = EVERYWHERE,
             .seed = 2, .executions = 8000),
    /* One dies anywhere. */
    SCENARIO("two single items, a death", singles, .threads = {MORTAL}, .delays = 1, .deaths = 1, .stale = -1),
    SCENARIO("a chunk of two, a death", pair, .threads = {MORTAL}, .delays = 1, .deaths = 1, .stale = -1),
    SCENARIO("items with a time limit, a death", timed_pair, .threads = {MORTAL}, .delays = 1, .deaths = 1,
             .stale = -1),
    SCENARIO("the map is stopped, a death", fail_fast, .threads = {MORTAL}, .delays = 1, .deaths = 1, .stale = -1),
    SCENARIO("a chunk of two, a death, at random", pair, .threads = {MORTAL}, .preemptions = EVERYWHERE, .deaths = 1,
             .seed = 3, .executions = 15000),
    SCENARIO("a place is used three times, a death, at random", thrice, .threads = {MORTAL}, .preemptions = EVERYWHERE,
             .deaths = 1, .seed = 4, .executions = 8000),
    SCENARIO("two maps at once, a death, at random", at_once, .threads = {MORTAL}, .preemptions = EVERYWHERE,
             .deaths = 1, .lag = true, .seed = 4, .executions = 8000),
    /* A death in the worst moment. */
    SCENARIO("what a dead worker left is claimed while the host looks", left_over, .threads = {AFTER}, .delays = 1,
             .stale = 1),
    SCENARIO("the same, at random", left_over, .threads = {AFTER}, .preemptions = EVERYWHERE, .seed = 5,
             .executions = 10000),
    SCENARIO("a stopped chunk is split while a dead worker's is looked for", stopped_together, .threads = {TOGETHER},
             .delays = 2, .stale = -1),
    SCENARIO("a hint at an orphan that is gone", bit_left, .threads = {LIVING}, .delays = 1, .stale = -1),
    /* Two die. */
    SCENARIO("two deaths, at random", spare_pairs, .threads = {WITH_SPARE}, .preemptions = EVERYWHERE, .deaths = 2,
             .seed = 6, .executions = 15000),
    /* Time. */
    SCENARIO("an item that is over its time, as it ends", overdue, .threads = {ALONE}, .delays = 2, .stale = -1),
    SCENARIO("the same, and a death", overdue, .threads = {ALONE}, .delays = 1, .deaths = 1, .stale = -1),
};

static const struct {
    struct explore scenario;
    const char *failure;
} wrong[] = {
    {SCENARIO("caught: no second look", no_second_look, .threads = {LIVING}, .delays = 2, .stale = -1), "data race"},
    {SCENARIO("caught: an orphan posted too late", late_orphan, .threads = {MORTAL}, .delays = 1, .deaths = 1,
              .stale = -1),
     "stopped"},
    {SCENARIO("caught: no orphan", no_orphan, .threads = {MORTAL}, .delays = 1, .deaths = 1, .stale = -1), "stopped"},
    {SCENARIO("caught: a split chunk written from its beginning", beginning_first, .threads = {TOGETHER}, .delays = 1,
              .stale = -1),
     "a chunk claimed"},
    {SCENARIO("caught: a burial that believes the bell", polite_burial, .threads = {MORTAL}, .delays = 1, .deaths = 1,
              .stale = -1),
     "deadlock"},
    {SCENARIO("caught: a claim without its owner", nameless_claim, .threads = {MORTAL}, .delays = 1, .deaths = 1,
              .stale = -1),
     "a chunk claimed"},
    {SCENARIO("caught: a claim given up since the cursor was moved", lost_cursor, .threads = {LIVING}, .delays = 2,
              .stale = -1),
     "a chunk claimed"},
};

/* For the mutants: short, since each that lives costs all of them. */
#define BRIEF(n) .preemptions = EVERYWHERE, .seed = 7, .executions = (n), .lag = true

static const struct explore brief[] = {
    SCENARIO("brief: a place used again", again, .threads = {LIVING}, BRIEF(600)),
    SCENARIO("brief: a chunk left over", left_over, .threads = {AFTER}, BRIEF(500)),
    SCENARIO("brief: a death", pair, .threads = {MORTAL}, BRIEF(700), .deaths = 1),
    SCENARIO("brief: a stop", stopped_together, .threads = {TOGETHER}, BRIEF(300)),
    SCENARIO("brief: a time limit", overdue, .threads = {ALONE}, BRIEF(300)),
};

enum { N_BRIEF = sizeof brief / sizeof *brief };

#include "claim_survivors.h"

int main(void)
{
    const struct explore *all[N_BRIEF];
    const int n_survivors = (int)(sizeof survivors / sizeof *survivors);

    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        explore_passes(&scenarios[i]);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        explore_fails(&wrong[i].scenario, wrong[i].failure);
    for (int i = 0; i < N_BRIEF; i++)
        explore_passes(all[i] = &brief[i]);
    explore_mutants("exec/claim.c", all, N_BRIEF, survivors, n_survivors);
    explore_mutants("exec/claim.h", all, N_BRIEF, survivors, n_survivors);
    explore_mutants("exec/board.c", all, N_BRIEF, survivors, n_survivors);
    explore_mutants("exec/board.h", all, N_BRIEF, survivors, n_survivors);
    return explore_done();
}
