/* park.c -- the sleep of idle workers, after the parking of Go's and Tokio's schedulers, made safe against sudden death.
 *
 * No wake-up is lost.  A publisher makes work visible and then reads the masks; a worker enters its bit into `idle`, takes it
 * out of `searching`, and then looks for work once more.  Whoever comes second sees the other (Dekker): both sides touch the
 * mask words by read-modify-write operations only, so that one of the two reads what the other wrote, and with it everything
 * that came before.  Hence no fence, and no demand on how `visible` reads but acquire.
 * - The publisher came first: the worker's last look sees the work.
 * - The worker came first: the publisher sees its idle bit and wakes it; or leaves that to somebody who is searching, whose
 *   own removal from `searching` comes later, and who then looks again (in wait or in settle).
 *
 * The bell decides who wakes whom: only the one that turns it from 0 to 1 has woken the worker.  A waker takes the idle bit,
 * marks the worker as searching on its behalf (so that nobody wakes a second one meanwhile), then rings.  If the bell had
 * been turned already -- by the worker itself, that saw the work in its last look, or by yk_park_dead -- the mark may be
 * stale: the worker may be deep in a task by now.  A stale mark would silence every later publisher, so the waker takes it
 * back and begins again on behalf of those that it may have silenced.  Nobody ever waits for a waker, since it may be dead.
 *
 * Bits in `searching` only ever suppress wakes: to clear one too many is safe, and costs at most a wake too many. */
#include "sched/park.h"

#include "base/fault.h"
#include "os/os.h"

enum { BITS = 64, LOOKS_PER_CLOCK = 64 };

static size_t n_words(unsigned n_workers)
{
    return (n_workers + BITS - 1) / BITS;
}

static uint64_t bit_of(unsigned w)
{
    return (uint64_t)1 << (w % BITS);
}

static yk_a64 *word_of(yk_a64 *mask, unsigned w)
{
    return &mask[w / BITS];
}

/* Both masks lie together: a publisher reads them in one go, and up to 512 workers that is one line. */
static size_t masks_size(unsigned n_workers)
{
    return yk_round_up(2 * n_words(n_workers) * sizeof(yk_a64), _Alignof(struct yk_bell));
}

size_t yk_park_size(unsigned n_workers)
{
    return masks_size(n_workers) + n_workers * sizeof(struct yk_bell);
}

void yk_park_init(struct yk_park *park, void *memory, unsigned n_workers, bool shared, int64_t search_ns)
{
    park->idle = memory;
    park->searching = park->idle + n_words(n_workers);
    park->bells = (struct yk_bell *)(void *)((char *)memory + masks_size(n_workers));
    park->n_workers = n_workers;
    park->shared = shared;
    park->search_ns = search_ns;
    for (unsigned w = 0; w < n_workers; w++)
        yk_store_rlx(&park->bells[w].rung, 1); /* relaxed: the start of the workers publishes it */
}

/* Reads by adding nothing: see the head of this file for why it must write. */
static uint64_t read_mask(yk_a64 *word)
{
    return yk_or_seq(word, 0);
}

/* Sets or clears w's bit; gives whether it was set. */
static bool set(yk_a64 *mask, unsigned w)
{
    return yk_or_seq(word_of(mask, w), bit_of(w)) & bit_of(w);
}

static bool clear(yk_a64 *mask, unsigned w)
{
    return yk_and_seq(word_of(mask, w), ~bit_of(w)) & bit_of(w);
}

static bool anybody_searches(struct yk_park *park)
{
    for (size_t i = 0; i < n_words(park->n_workers); i++)
        if (read_mask(&park->searching[i]))
            return true;
    return false;
}

/* Takes the idle bit of the lowest worker that has one: the low ones stay warm.  -1: nobody is idle. */
static int take_idle(struct yk_park *park)
{
    for (size_t i = 0; i < n_words(park->n_workers); i++) {
        uint64_t idle = read_mask(&park->idle[i]);

        while (idle) {
            unsigned w = (unsigned)i * BITS + (unsigned)__builtin_ctzll(idle);

            if (clear(park->idle, w))
                return (int)w;
            idle &= idle - 1;
        }
    }
    return -1;
}

/* True if it was this call that woke w.  seq_cst: partners are the other rings, and the swaps in yk_park_wait. */
static bool ring(struct yk_park *park, unsigned w)
{
    if (yk_swap_seq(&park->bells[w].rung, 1) == 1)
        return false;
    YK_POINT(WAKE_RUNG);
    yk_futex_wake(&park->bells[w].rung, 1, park->shared);
    return true;
}

void yk_park_kick(struct yk_park *park)
{
    int w;

    while (!anybody_searches(park) && (w = take_idle(park)) >= 0) {
        YK_POINT(WAKE_TAKEN);
        set(park->searching, (unsigned)w);
        if (ring(park, (unsigned)w))
            return;
        clear(park->searching, (unsigned)w);
    }
}

void yk_park_settle(struct yk_park *park, unsigned w, bool (*visible)(void *arg), void *arg)
{
    /* Partner: the read of `searching` in yk_park_kick.  Whoever left its work to us is seen by the look that follows. */
    clear(park->searching, w);
    if (!anybody_searches(park) && visible(arg))
        yk_park_kick(park);
}

static bool search(int64_t search_ns, bool (*visible)(void *arg), void *arg)
{
    if (search_ns <= 0)
        return false;
    /* It yields, since the kernel may have put whoever has the work to give on this CPU. */
    for (yoke_time end = yoke_now() + search_ns; yoke_now() < end; yk_yield()) {
        for (int i = 0; i < LOOKS_PER_CLOCK; i++) {
            if (visible(arg))
                return true;
            yk_cpu_relax();
        }
    }
    return false;
}

void yk_park_wait(struct yk_park *park, unsigned w, bool (*visible)(void *arg), void *arg)
{
    yk_a32 *rung = &park->bells[w].rung;

    set(park->searching, w);
    if (search(park->search_ns, visible, arg))
        return;
    /* Before the idle bit, which invites wakers.  A swap and not a store: a ring that came earlier (shutdown) must hand over
     * what it rang for, since its wake is lost here. */
    yk_swap_seq(rung, 0);
    set(park->idle, w);
    YK_POINT(PARK_IDLE);
    /* Only now: between the two, a publisher would find this worker neither searching nor idle. */
    clear(park->searching, w);
    if (!visible(arg)) {
        YK_POINT(PARK_SLEEP);
        while (yk_load_acq(rung) == 0) /* acquire: the swap in ring */
            yk_futex_wait(rung, 0, park->shared, YOKE_FOREVER);
    }
    clear(park->idle, w);
    /* Tells a waker that is under way that it came too late; if it came first, what it did is before our settle. */
    yk_swap_seq(rung, 1);
    set(park->searching, w);
}

void yk_park_wake_all(struct yk_park *park)
{
    for (unsigned w = 0; w < park->n_workers; w++) {
        yk_swap_seq(&park->bells[w].rung, 1);
        /* Whatever the bell said: a waker may have died between its ring and its wake. */
        yk_futex_wake(&park->bells[w].rung, 1, park->shared);
    }
}

void yk_park_dead(struct yk_park *park, unsigned w)
{
    clear(park->idle, w);
    /* A waker that has just taken that idle bit will find the bell turned, and take its mark back: nobody else would. */
    yk_swap_seq(&park->bells[w].rung, 1);
    /* The dead one may have been a searcher that others relied on, or a waker that had marked somebody and not rung yet.  All
     * are roused and look for themselves, so the marks of the living may go as well. */
    for (size_t i = 0; i < n_words(park->n_workers); i++)
        yk_and_seq(&park->searching[i], 0);
    yk_park_wake_all(park);
}
