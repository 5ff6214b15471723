/* claim_model_test.c -- src/exec/claim.c and board.c under every schedule and with deaths: every item runs exactly once, or is
 * the one that a death or a timeout took; the host wakes; and nobody touches a job that was taken down.
 *
 * Thread 0 is the host: it fills a place, publishes, waits on the bell, collects the words, takes the job down, and uses the
 * place again.  Workers claim and run; a supervisor buries and goes on as the replacement.  All but the host need not end.
 * Parking is a stand-in that wakes everybody for everything: the protocol must be right whatever the hints do.
 *
 * The functions watch_... stand between the shipped code and the explorer.  They see which words are touched and when, and they
 * make the broken variants: one operation left out, delayed, or changed. */
#include "builtins.h"

#include <stdio.h>
#include <string.h>

static uint64_t watch_load(const void *address, unsigned size, int order, struct explore_site *site);
static void watch_store(void *address, unsigned size, uint64_t value, int order, struct explore_site *site);
static uint64_t watch_modify(enum explore_kind kind, void *address, unsigned size, uint64_t operand, int order,
                             struct explore_site *site);
static bool watch_cas(void *address, unsigned size, void *expected, uint64_t desired, int order, int failure,
                      struct explore_site *site);
static int watch_wake(uint32_t *word, int n, struct explore_site *site);

#define explore_load(a, size, order, site) watch_load((a), (size), (order), (site))
#define explore_store(a, size, value, order, site) watch_store((a), (size), (value), (order), (site))
#define explore_modify(kind, a, size, operand, order, site) watch_modify((kind), (a), (size), (operand), (order), (site))
#define explore_cas(a, size, expected, desired, order, failure, site)                                                  \
    watch_cas((a), (size), (expected), (desired), (order), (failure), (site))
#define explore_futex_wake(word, n, site) watch_wake((word), (n), (site))

#define YK_N_JOBS 2
#include "../../src/exec/board.c"
#include "../../src/exec/claim.c"

enum { WORKERS = 2, JOBS = 3, ITEMS = 3, HOST = 0, CRASH = -11 };

/* What differs between the scenarios; set by setup. */
static struct plan {
    int jobs;          /* how many maps, one after the other in place 0; */
    bool at_once;      /* or all published at first, each in a place of its own */
    size_t items[JOBS];
    size_t chunk;
    bool fail_fast;    /* and the first item fails */
    bool timed;
} plan;

/* The ways to be wrong. */
enum broken {
    SOUND,
    NO_SECOND_LOOK,   /* a worker does not look at the head again after it has entered */
    LATE_ORPHAN,      /* the orphan is posted after the dead worker was taken out of the job */
    NO_ORPHAN,        /* or not at all */
    BEGINNING_FIRST,  /* a split chunk is written from its beginning to its end */
    POLITE_BURIAL,    /* a burial wakes the host only if the bell says that it sleeps */
    NAMELESS_CLAIM,   /* a claim does not say whose it is */
    LOST_CURSOR       /* a claim does not count if somebody else has moved the cursor */
};
static enum broken broken;

static struct yk_board board;
static _Alignas(2 * YK_LINE) char memory[8192];
static yk_a32 kicks;    /* changes with every wake-up; idle workers sleep on it */

/* One map, as the host knows it.  The words of each are its own, so that it shows who still believes in an older one. */
static struct map {
    yk_a64 words[ITEMS];
    int32_t codes[ITEMS];
    int results[ITEMS];      /* plain memory, announced to the explorer */
    int runs[ITEMS];         /* how often the task was called; unknown to the protocol, as is what follows */
    bool marked[ITEMS];      /* as started */
    bool ended[ITEMS];       /* marked as ended */
    bool live;               /* filled, not yet taken down */
    bool over;               /* taken down, and all was well */
    unsigned place;
} maps[JOBS];
static int n_deaths, n_crashed, n_overdue;

static struct yk_shared_job *job_of(const struct map *map)
{
    return &board.control->jobs[map->place];
}

/* ---- between the code and the explorer ---- */

static uint64_t seen_head[EXPLORE_THREADS];
static bool cursor_was_moved[EXPLORE_THREADS];
static struct later {
    void *address;
    uint64_t value;
    struct explore_site *site;
} later[EXPLORE_THREADS];
static uint32_t rung_from;

static bool in(const struct explore_site *site, const char *function)
{
    return strcmp(site->function, function) == 0;
}

static bool is_word(const void *address)
{
    return (const char *)address >= (const char *)maps && (const char *)address < (const char *)(maps + JOBS);
}

/* Called right after the operation: nothing can come in between. */
static void touched(const void *address, bool written)
{
    if (explore_self() < 0 || explore_self() == HOST)
        return;
    for (struct map *map = maps; map < maps + JOBS; map++)
        if (address >= (void *)map->words && address < (void *)(map->words + ITEMS) && !map->live)
            explore_fail("a word was touched after the job was taken down");
    for (unsigned j = 0; written && j < YK_N_JOBS; j++) {
        struct yk_shared_job *job = &board.control->jobs[j];
        bool live = false;

        for (struct map *map = maps; map < maps + JOBS; map++)
            live |= map->live && map->place == j;
        if ((address == &job->cursor || address == &job->stop) && !live)
            explore_fail("the cursor or stop was written after the job was taken down");
    }
}

static uint64_t watch_load(const void *address, unsigned size, int order, struct explore_site *site)
{
    int self = explore_self();

    if (broken == NO_SECOND_LOOK && self > HOST && address == &board.control->head && in(site, "enter_head") &&
        seen_head[self] != UINT64_MAX) {
        uint64_t head = seen_head[self];

        seen_head[self] = UINT64_MAX;
        return head;
    }

    uint64_t value = (explore_load)(address, size, order, site);

    touched(address, false);
    return value;
}

static void do_later(void)
{
    struct later *l = &later[explore_self()];

    if (l->site)
        (explore_store)(l->address, 8, l->value, __ATOMIC_SEQ_CST, l->site);
    l->site = NULL;
}

static void watch_store(void *address, unsigned size, uint64_t value, int order, struct explore_site *site)
{
    int self = explore_self();
    bool orphan = self >= 0 && (broken == LATE_ORPHAN || broken == NO_ORPHAN) && in(site, "post_orphan");

    if (orphan || (broken == BEGINNING_FIRST && is_word(address) && in(site, "resolve") &&
                   yk_word_state(value) == YK_ORPHAN && value >> 32 < plan.chunk)) {
        later[self] = (struct later){address, value, broken == NO_ORPHAN ? NULL : site};
        return;
    }
    (explore_store)(address, size, value, order, site);
    touched(address, true);
    if (broken == BEGINNING_FIRST && self >= 0)
        do_later();
}

static uint64_t watch_modify(enum explore_kind kind, void *address, unsigned size, uint64_t operand, int order,
                             struct explore_site *site)
{
    uint64_t old = (explore_modify)(kind, address, size, operand, order, site);

    touched(address, true);
    if (explore_self() < 0)
        return old;
    if (in(site, "enter"))
        seen_head[explore_self()] = operand == 0 ? UINT64_MAX : seen_head[explore_self()];
    if (in(site, "ring_all"))
        rung_from = (uint32_t)old;
    if (broken == LATE_ORPHAN && in(site, "yk_claim_bury"))
        do_later();
    return old;
}

static bool watch_cas(void *address, unsigned size, void *expected, uint64_t desired, int order, int failure,
                      struct explore_site *site)
{
    if (broken == NAMELESS_CLAIM && is_word(address))
        desired &= ~((uint64_t)0xfff << 4);

    bool done = (explore_cas)(address, size, expected, desired, order, failure, site);

    touched(address, true);
    if (explore_self() >= 0 && in(site, "move_on"))
        cursor_was_moved[explore_self()] = !done;
    return done;
}

static int watch_wake(uint32_t *word, int n, struct explore_site *site)
{
    if (broken == POLITE_BURIAL && in(site, "ring_all") && rung_from != 1)
        return 0;
    return (explore_futex_wake)(word, n, site);
}
