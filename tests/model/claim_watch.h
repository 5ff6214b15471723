/* claim_watch.h -- the claim protocol with somebody watching; included by claim_model_test.c alone.
 *
 * The functions watch_... stand between the shipped code and the explorer.  They see which words are touched and when, and they
 * make the broken variants: one operation left out, delayed, or changed.  Parking is a stand-in that wakes everybody for
 * everything: the protocol must be right whatever the hints do. */
#include "watch.h"

#include <string.h>

static int watch_wake(const void *word, int n, bool shared, struct explore_site *site);
#define explore_futex_wake(word, n, shared, site) watch_wake((word), (n), (shared), (site))

#define YK_N_JOBS 2
#include "../../src/exec/board.c"
#include "../../src/exec/claim.c"

enum { EVERYWHERE = EXPLORE_STEPS, WORKERS = 2, MAPS = 3, ITEMS = 3, HOST = 0, SPARE = 4, CRASH = -11 };

/* What differs between the scenarios; set by setup. */
struct plan {
    int maps;     /* one after the other in place 0; */
    bool at_once; /* or all published first, each in a place of its own */
    size_t items[MAPS];
    size_t chunk;
    bool fail_fast; /* and the first item fails */
    bool timed;
    int looks;  /* the supervisor looks so often at worker 0 and dooms its item */
    bool spare; /* there is a thread for the first replacement, which may die too */
};
static struct plan plan;

/* The ways to be wrong. */
enum broken {
    SOUND,
    NO_SECOND_LOOK,  /* a worker does not look at the head again after it has entered */
    LATE_ORPHAN,     /* the orphan is posted after the dead worker was taken out of the job; */
    NO_ORPHAN,       /* or not at all */
    BEGINNING_FIRST, /* a split chunk is written from its beginning to its end */
    POLITE_BURIAL,   /* a burial wakes the host only if the bell says that it sleeps */
    NAMELESS_CLAIM,  /* a claim does not say whose it is */
    LOST_CURSOR      /* a claim does not count if somebody else has moved the cursor on */
};
static enum broken broken;

static struct yk_board board;
static _Alignas(2 * YK_LINE) char memory[8192];
static yk_a32 kicks; /* changes with every wake-up; idle workers sleep on it */

/* One map.  The words of each are its own, so that it shows who still believes in an older one. */
static struct map {
    yk_a64 words[ITEMS];
    int32_t codes[ITEMS];
    int results[ITEMS]; /* plain memory, announced to the explorer */
    /* What really happened, unknown to the protocol. */
    int runs[ITEMS];
    bool marked[ITEMS]; /* as started */
    bool doomed[ITEMS];
    bool ended[ITEMS]; /* marked as ended */
    bool live;         /* filled, not yet taken down */
    bool over;         /* taken down, and all was well */
    unsigned place;
} maps[MAPS];
static int n_deaths, n_crashed;

/* ---- between the code and the explorer ---- */

static unsigned worker_of[EXPLORE_THREADS];    /* which one a thread is */
static uint64_t seen_head[EXPLORE_THREADS];    /* by its first look */
static bool cursor_was_moved[EXPLORE_THREADS]; /* by somebody else, after its last claim */
static uint32_t rung_from;                     /* what the last bell of a burial said */
static struct later {
    void *address;
    uint64_t value;
    struct explore_site *site;
} later;

static bool in(const struct explore_site *site, const char *function)
{
    return strcmp(site->function, function) == 0;
}

static bool is_word(const void *address)
{
    return (const char *)address >= (const char *)maps && (const char *)address < (const char *)(maps + MAPS);
}

/* Called right after an operation: nothing comes in between. */
static void touched(const void *address, bool written)
{
    if (explore_self() <= HOST)
        return;
    for (const struct map *map = maps; map < maps + MAPS; map++)
        if (address >= (const void *)map->words && address < (const void *)(map->words + ITEMS) && !map->live)
            explore_fail("a word was touched after the job was taken down");
    for (unsigned j = 0; written && j < YK_N_JOBS; j++) {
        const struct yk_shared_job *job = &board.control->jobs[j];
        bool live = false;

        for (const struct map *map = maps; map < maps + MAPS; map++)
            live |= map->live && map->place == j;
        if ((address == &job->cursor || address == &job->stop) && !live)
            explore_fail("the cursor or stop was written after the job was taken down");
    }
}

static void do_later(void)
{
    struct later now = later;

    later.site = NULL;
    if (now.site)
        (explore_store)(now.address, 8, now.value, __ATOMIC_SEQ_CST, now.site);
}

static uint64_t watch_load(const void *address, unsigned size, int order, struct explore_site *site)
{
    int self = explore_self();
    bool head = self > HOST && address == &board.control->head && in(site, "enter_head");
    bool second = head && board.desks[worker_of[self]].inside.v != 0;

    if (broken == NO_SECOND_LOOK && second)
        return seen_head[self];

    uint64_t value = (explore_load)(address, size, order, site);

    touched(address, false);
    if (head && !second)
        seen_head[self] = value;
    return value;
}

static void watch_store(void *address, unsigned size, uint64_t value, int order, struct explore_site *site)
{
    bool orphan = (broken == LATE_ORPHAN || broken == NO_ORPHAN) && in(site, "post_orphan");
    bool end = broken == BEGINNING_FIRST && in(site, "yk_claim_finish") && yk_word_state(value) == YK_SKIPPED;

    if (orphan || end) {
        later = (struct later){address, value, broken == NO_ORPHAN ? NULL : site};
        return;
    }
    (explore_store)(address, size, value, order, site);
    touched(address, true);
    if (in(site, "yk_claim_finish"))
        do_later();
}

static uint64_t watch_modify(enum explore_kind kind, void *address, unsigned size, uint64_t operand, int order,
                             struct explore_site *site)
{
    uint64_t old = (explore_modify)(kind, address, size, operand, order, site);

    touched(address, true);
    if (in(site, "ring_all"))
        rung_from = (uint32_t)old;
    if (in(site, "yk_claim_bury"))
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
    if (in(site, "move_on"))
        cursor_was_moved[explore_self()] = !done;
    return done;
}

static int watch_wake(const void *word, int n, bool shared, struct explore_site *site)
{
    if (broken == POLITE_BURIAL && in(site, "ring_all") && rung_from != 1)
        return 0;
    return (explore_futex_wake)(word, n, shared, site);
}

/* ---- the stand-in for src/sched/park.c ---- */

size_t yk_park_size(unsigned n_workers)
{
    (void)n_workers;
    return 0;
}

void yk_park_init(struct yk_park *park, void *bells, unsigned n_workers, bool shared, int64_t search_ns)
{
    (void)bells;
    *park = (struct yk_park){.n_workers = n_workers, .shared = shared, .search_ns = search_ns};
}

void yk_park_kick(struct yk_park *park)
{
    (void)park;
    yk_add_aar(&kicks, 1);
    yk_futex_wake(&kicks, EXPLORE_THREADS, true);
}

void yk_park_dead(struct yk_park *park, unsigned w)
{
    (void)w;
    yk_park_kick(park);
}

void yk_park_wait(struct yk_park *park, unsigned w, bool (*visible)(void *arg), void *arg)
{
    uint32_t seen = yk_load_acq(&kicks);

    (void)park;
    (void)w;
    if (visible(arg))
        yk_cpu_relax(); /* it looks again, and so on: if there is nothing to claim, that is a failure */
    else
        yk_futex_wait(&kicks, seen, true, YOKE_FOREVER);
}
