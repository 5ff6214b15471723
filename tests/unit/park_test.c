/* park_test.c -- no wake is lost, whatever the interleaving and whoever dies; idle workers cost nothing.
 *
 * Work here is a number of tokens.  A round publishes some, and each taker stays in its task until all of the round were
 * taken: so a round ends only if as many workers were woken as there are tokens, and a lost wake is a test that never ends. */
#include "sched/park.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yoke/event.h>
#include <yoke/thread.h>

#include "chaos.h"
#include "test.h"

enum { MOST_WORKERS = 130 };

static struct field {
    struct yk_park park;
    void *memory;
    unsigned n_workers;
    yk_a64 tokens; /* written by publishers and takers */
    yk_a32 stop;
    yk_a32 taken;  /* of the round; written by takers, a futex */
    yk_a32 left;   /* takers that have left the round's task; a futex */
    yk_a32 wanted; /* of the round; written by the test */
    yoke_thread threads[MOST_WORKERS];
    unsigned numbers[MOST_WORKERS];
} field;

static bool visible(void *arg)
{
    (void)arg;
    return yk_load_acq(&field.tokens) > 0 || yk_load_acq(&field.stop);
}

static bool take(void)
{
    uint64_t tokens = yk_load_acq(&field.tokens);

    while (tokens > 0)
        if (yk_cas_aar(&field.tokens, &tokens, tokens - 1))
            return true;
    return false;
}

static void count(yk_a32 *word)
{
    yk_add_aar(word, 1);
    yk_futex_wake(word, INT32_MAX, false);
}

static void await_count(yk_a32 *word, uint32_t wanted)
{
    uint32_t value;

    while ((value = yk_load_acq(word)) < wanted)
        yk_futex_wait(word, value, false, YOKE_FOREVER);
}

static void task(void)
{
    uint32_t wanted = yk_load_acq(&field.wanted);

    count(&field.taken);
    await_count(&field.taken, wanted);
    count(&field.left);
}

static bool (*look)(void *arg) = visible;

static int worker(void *arg)
{
    unsigned w = *(unsigned *)arg;

    for (;;) {
        bool found = take();

        if (!found) {
            if (yk_load_acq(&field.stop))
                return 0;
            yk_park_wait(&field.park, w, look, NULL);
            found = take();
            yk_park_settle(&field.park, w, look, NULL);
        }
        if (found)
            task();
    }
}

static void field_init(unsigned n_workers, int64_t search_ns)
{
    field.n_workers = n_workers;
    field.memory = aligned_alloc(128, yk_park_size(n_workers));
    CHECK(field.memory);
    memset(field.memory, 0, yk_park_size(n_workers));
    yk_park_init(&field.park, field.memory, n_workers, false, search_ns);
}

static void start(unsigned w)
{
    field.numbers[w] = w;
    CHECK_EQ(yoke_thread_start(&field.threads[w], worker, &field.numbers[w], .stack_size = 65536), 0);
}

static void field_end(unsigned n_started)
{
    yk_store_rel(&field.stop, 1);
    yk_park_wake_all(&field.park);
    for (unsigned w = 0; w < n_started; w++)
        CHECK_EQ(yoke_thread_join(&field.threads[w], NULL), 0);
    free(field.memory);
}

static void round_begin(uint32_t wanted)
{
    yk_store_rel(&field.taken, 0);
    yk_store_rel(&field.left, 0);
    yk_store_rel(&field.wanted, wanted);
}

static bool is_idle(unsigned w)
{
    return yk_load_acq(&field.park.idle[w / 64]) >> (w % 64) & 1;
}

static void await_idle(unsigned w)
{
    while (!is_idle(w))
        yk_yield();
}

static void rounds(unsigned n_workers, unsigned n_rounds, int64_t search_ns)
{
    field_init(n_workers, search_ns);
    chaos_begin();
    for (unsigned w = 0; w < n_workers; w++)
        start(w);
    for (unsigned i = 0; i < n_rounds; i++) {
        uint32_t wanted = 1 + (uint32_t)(chaos_random() % yk_min(n_workers, 4u));
        bool at_once = chaos_random() % 2;

        round_begin(wanted);
        if (at_once) {
            yk_add_aar(&field.tokens, wanted);
            yk_park_kick(&field.park);
        }
        for (uint32_t t = 0; !at_once && t < wanted; t++) {
            yk_add_aar(&field.tokens, 1);
            yk_park_kick(&field.park);
        }
        await_count(&field.left, wanted);
    }
    field_end(n_workers);
}

TEST(park_one_worker)
{
    rounds(1, 3000, 0);
}
TEST(park_two_workers)
{
    rounds(2, 3000, 0);
}
TEST(park_three_workers_that_search)
{
    rounds(3, 3000, 20000);
}
TEST(park_65_workers)
{
    rounds(65, 1000, 0);
}
TEST(park_130_workers_that_search)
{
    rounds(130, 500, 20000);
}

/* Several publishers, of which each waits for its own token. */
struct publisher {
    yk_a32 taken;
};

static struct publisher publishers[3];
static yk_aptr boxes[3];

static bool box_visible(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        if (yk_load_acq(&boxes[i]))
            return true;
    return yk_load_acq(&field.stop);
}

static bool box_take(void)
{
    bool found = false;

    for (int i = 0; i < 3; i++) {
        struct publisher *publisher = yk_swap_aar(&boxes[i], NULL);

        if (publisher)
            count(&publisher->taken);
        found |= publisher != NULL;
    }
    return found;
}

static int box_worker(void *arg)
{
    unsigned w = *(unsigned *)arg;

    while (!yk_load_acq(&field.stop)) {
        yk_park_wait(&field.park, w, box_visible, NULL);
        box_take();
        yk_park_settle(&field.park, w, box_visible, NULL);
    }
    return 0;
}

static int publish(void *arg)
{
    struct publisher *me = arg;

    for (uint32_t i = 1; i <= 2000; i++) {
        yk_store_rel(&boxes[me - publishers], me);
        yk_park_kick(&field.park);
        await_count(&me->taken, i);
    }
    return 0;
}

TEST(park_many_publishers)
{
    yoke_thread threads[3] = {0};

    field_init(2, 0);
    chaos_begin();
    for (unsigned w = 0; w < 2; w++) {
        field.numbers[w] = w;
        CHECK_EQ(yoke_thread_start(&field.threads[w], box_worker, &field.numbers[w]), 0);
    }
    for (int i = 0; i < 3; i++)
        CHECK_EQ(yoke_thread_start(&threads[i], publish, &publishers[i]), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(yoke_thread_join(&threads[i], NULL), 0);
    field_end(2);
}

/* ---- deaths: a waker that ends in the middle ---- */

static enum yk_point die_at;
static _Thread_local bool doomed;

static void die_hook(enum yk_point point)
{
    if (doomed && point == die_at)
        pthread_exit(NULL);
}

static int doomed_publisher(void *arg)
{
    (void)arg;
    doomed = true;
    yk_add_aar(&field.tokens, 1);
    yk_park_kick(&field.park);
    return 0;
}

/* Worker 1 is the one that dies: it has no thread, and kicks as a worker does that settles. */
static void death(enum yk_point point, bool marked)
{
    yoke_thread waker = {0};
    int code;

    field_init(2, 0);
    die_at = point;
    yk_fault_hook = die_hook;
    start(0);
    for (int i = 0; i < 200; i++) {
        round_begin(1);
        await_idle(0);
        CHECK_EQ(yoke_thread_start(&waker, doomed_publisher, NULL), 0);
        CHECK_EQ(yoke_thread_join(&waker, &code), 0);
        CHECK_EQ(code, YOKE_THREAD_EXITED);
        waker = (yoke_thread){0};
        if (marked)
            yk_or_seq(&field.park.searching[0], 2); /* it searched when it died */
        yk_park_dead(&field.park, 1);
        await_count(&field.left, 1);
        CHECK_EQ(yk_load_acq(&field.park.searching[0]) & 2, 0);
    }
    field_end(1);
}

TEST(park_waker_dies_before_it_rings)
{
    death(YK_AT_WAKE_TAKEN, false);
}
TEST(park_waker_dies_before_it_wakes)
{
    death(YK_AT_WAKE_RUNG, false);
}
TEST(park_searcher_dies)
{
    death(YK_AT_WAKE_TAKEN, true);
}

TEST(park_dead_bits_are_forgotten)
{
    field_init(130, 0);
    yk_or_seq(&field.park.idle[2], 2);
    yk_or_seq(&field.park.searching[0], 4);
    yk_or_seq(&field.park.searching[1], 8);
    yk_park_dead(&field.park, 129);
    CHECK_EQ(yk_load_acq(&field.park.idle[2]), 0);
    CHECK_EQ(yk_load_acq(&field.park.searching[0]), 0);
    CHECK_EQ(yk_load_acq(&field.park.searching[1]), 0);
    free(field.memory);
}

/* ---- a mark that has become stale ---- */

static yoke_event waker_is_there, waker_may_go, worker_is_there, worker_may_go;
static yk_a32 hold_worker;
static _Thread_local bool held;

static void hold_hook(enum yk_point point)
{
    if (held && point == YK_AT_WAKE_TAKEN) {
        held = false;
        yoke_event_set(&waker_is_there);
        yoke_event_wait(&waker_may_go);
    }
}

/* Holds worker 0 in its last look: idle, and no longer searching. */
static bool held_visible(void *arg)
{
    if (is_idle(0) && yk_load_acq(&field.park.searching[0]) == 0 && yk_swap_aar(&hold_worker, 0)) {
        yoke_event_set(&worker_is_there);
        yoke_event_wait(&worker_may_go);
    }
    return visible(arg);
}

static int held_waker(void *arg)
{
    (void)arg;
    held = true;
    yk_park_kick(&field.park);
    return 0;
}

/* A waker takes worker 0's idle bit and is interrupted.  Meanwhile worker 0 comes by itself, or is roused by others, and
 * begins a long task.  The waker's mark, set after that, must not silence who publishes next: worker 1 has to come. */
static void stale_mark(bool by_itself)
{
    yoke_thread waker = {0};

    field_init(2, 0);
    yk_fault_hook = hold_hook;
    yk_store_rel(&hold_worker, by_itself);
    look = held_visible;
    start(0);
    await_idle(0);
    if (by_itself)
        yoke_event_wait(&worker_is_there); /* idle, and about to look for the last time */
    CHECK_EQ(yoke_thread_start(&waker, held_waker, NULL), 0);
    yoke_event_wait(&waker_is_there);
    round_begin(2);
    yk_add_aar(&field.tokens, 1);
    if (by_itself)
        yoke_event_set(&worker_may_go);
    else
        yk_park_wake_all(&field.park);
    await_count(&field.taken, 1); /* worker 0 is in its task until a second token is taken */
    yoke_event_set(&waker_may_go);
    CHECK_EQ(yoke_thread_join(&waker, NULL), 0);
    start(1);
    await_idle(1);
    yk_add_aar(&field.tokens, 1);
    yk_park_kick(&field.park);
    await_count(&field.left, 2);
    field_end(2);
}

TEST(park_stale_mark_of_one_who_was_roused)
{
    stale_mark(false);
}
TEST(park_stale_mark_of_one_who_came_by_itself)
{
    stale_mark(true);
}

/* ---- who is woken, and what it costs ---- */

static yk_a32 rings;

static void count_rings(enum yk_point point)
{
    if (point == YK_AT_WAKE_RUNG)
        yk_add_aar(&rings, 1);
}

TEST(park_wakes_one_and_the_lowest)
{
    yk_fault_hook = count_rings;
    field_init(130, 0);
    yk_or_seq(&field.park.idle[1], 6);
    yk_store_rel(&field.park.bells[65].rung, 0);
    yk_store_rel(&field.park.bells[66].rung, 0);
    yk_park_kick(&field.park);
    CHECK_EQ(yk_load_acq(&rings), 1);
    CHECK_EQ(yk_load_acq(&field.park.bells[65].rung), 1);
    CHECK_EQ(yk_load_acq(&field.park.bells[66].rung), 0);
    CHECK_EQ(yk_load_acq(&field.park.searching[1]), 2);
    yk_park_kick(&field.park); /* somebody is searching: no second wake */
    CHECK_EQ(yk_load_acq(&rings), 1);
    free(field.memory);
}

static bool nothing(void *arg)
{
    (void)arg;
    return false;
}

static bool something(void *arg)
{
    (void)arg;
    return true;
}

TEST(park_the_last_searcher_wakes_the_next)
{
    yk_fault_hook = count_rings;
    field_init(70, 0);
    yk_or_seq(&field.park.idle[0], 1);
    yk_store_rel(&field.park.bells[0].rung, 0);
    yk_or_seq(&field.park.searching[0], 4);
    yk_or_seq(&field.park.searching[1], 1);
    yk_park_settle(&field.park, 2, something, NULL); /* worker 64 still searches */
    CHECK_EQ(yk_load_acq(&rings), 0);
    yk_park_settle(&field.park, 64, nothing, NULL);
    CHECK_EQ(yk_load_acq(&rings), 0);
    yk_or_seq(&field.park.searching[1], 1);
    yk_park_settle(&field.park, 64, something, NULL);
    CHECK_EQ(yk_load_acq(&rings), 1);
    free(field.memory);
}

static int64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

TEST(park_idle_costs_nothing)
{
    int64_t before;

    field_init(3, 30000);
    for (unsigned w = 0; w < 3; w++)
        start(w);
    for (unsigned w = 0; w < 3; w++)
        await_idle(w);
    before = cpu_ns();
    yoke_sleep(0.3); /* time itself is the subject */
    CHECK(cpu_ns() - before < 3000000);
    field_end(3);
}
