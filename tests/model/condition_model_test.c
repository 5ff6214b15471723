/* condition_model_test.c -- a private Condition over a Lock, src/sync/condition.c and lock.c under every schedule: each notification
 * ends one wait, no wait ends without one, and whoever returns sees what the notifier wrote. */
#include "sleep.h"

#include "../../src/sync/condition.c"
#include "../../src/sync/lock.c"

enum { WAITERS = 2 };

static yoke_lock lock;
static yoke_condition condition;
static int tokens, n_taken, n_notified, n_returned, n_without;
static bool at_once, loses_wakes; /* how a notifier wakes */

/* ---- what condition.c stands on: here there is one kind of lock, and no seats ---- */

bool yk_lockable_shared(const void *held, enum yoke_lock_kind kind)
{
    (void)held;
    (void)kind;
    return true;
}

bool yk_lockable_held(void *held, enum yoke_lock_kind kind)
{
    explore_assert(kind == YOKE_KIND_LOCK);
    return yoke_lock_locked(held);
}

uint32_t yk_lockable_save(void *held, enum yoke_lock_kind kind)
{
    (void)kind;
    yoke_lock_release(held);
    return 1;
}

int yk_lockable_restore(void *free, enum yoke_lock_kind kind, uint32_t saved)
{
    (void)kind;
    (void)saved;
    yoke_lock_acquire(free);
    return 0;
}

void yk_lockable_wake(void *held, enum yoke_lock_kind kind, yk_a32 *word)
{
    (void)kind;
    if (!loses_wakes && (at_once || !yk_lock_owe(held, word)))
        yk_futex_wake(word, 1, false);
}

int yk_condition_wait_shared(yoke_condition *shared, const struct yk_waiting *waiting)
{
    (void)shared;
    (void)waiting;
    explore_fail("it is private");
}

unsigned yk_condition_notify_shared(yoke_condition *shared, unsigned n)
{
    (void)shared;
    return n;
}

unsigned yk_condition_waiting_shared(const yoke_condition *shared)
{
    (void)shared;
    return 0;
}

uint32_t yk_forks(void)
{
    return 0;
}

/* ---- who comes ---- */

static void reset(void)
{
    lock = (yoke_lock){0};
    condition = (yoke_condition){0};
    tokens = n_taken = n_notified = n_returned = n_without = 0;
    at_once = loses_wakes = false;
    n_spins = 0;
    yoke_thread_interruptible(0);
}

static void reset_interruptible(void)
{
    reset();
    yoke_thread_interruptible(1);
}

/* A waiter's record lies on its stack.  It must not be written over there, since a late wake may still be under way, which uses the
 * address only; that the explorer cannot tell.  So the record lies deep, and compilers are kept from having it otherwise. */
static __attribute__((noinline)) int wait_there(yoke_time deadline)
{
    return yoke_condition_wait_until(&condition, &lock, deadline);
}

static __attribute__((noinline)) int wait_deep(yoke_time deadline)
{
    char room[4096];
    int rc;

    __asm__ volatile("" ::"r"(room) : "memory");
    rc = wait_there(deadline);
    __asm__ volatile("" ::"r"(room) : "memory");
    return rc;
}

static void reset_at_once(void)
{
    reset();
    at_once = true;
}

static void reset_lossy(void)
{
    reset();
    loses_wakes = true;
}

/* Each token is announced by one notification; so one that returns 0 finds one, unless a newcomer was faster. */
static void take_until(yoke_time deadline)
{
    int rc = 0;

    yoke_lock_acquire(&lock);
    explore_reads(&tokens);
    while (tokens == 0 && rc == 0) {
        rc = wait_deep(deadline);
        explore_assert(rc == 0 || rc == -ETIMEDOUT || (rc == -EINTR && interruptible));
        explore_reads(&tokens);
        n_returned += rc == 0;
    }
    explore_assert(n_returned <= n_notified);
    explore_writes(&tokens);
    if (tokens > 0) {
        tokens--;
        n_taken++;
    } else {
        n_without++;
    }
    yoke_lock_release(&lock);
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
    yoke_lock_acquire(&lock);
    explore_writes(&tokens);
    tokens += n;
    n_notified += (int)yoke_condition_notify(&condition, (unsigned)n);
    yoke_lock_release(&lock);
}

static void giver(void)
{
    put(1);
}

static void giver_of_two(void)
{
    put(2);
}

static void giver_twice(void)
{
    put(1);
    put(1);
}

/* Two wait, in this order, and one is notified: the first. */
static yk_a32 returned;

static void reset_order(void)
{
    reset();
    returned = (yk_a32){0};
}

static void in_line(void)
{
    yoke_lock_acquire(&lock);
    explore_assert(wait_deep(YOKE_FOREVER) == 0);
    explore_assert(condition.n_waiting + yk_load_rlx(&returned) == 1);
    yk_store_rlx(&returned, yk_load_rlx(&returned) + 1);
    yoke_lock_release(&lock);
}

static void serve(void)
{
    while (yoke_condition_waiting(&condition) < WAITERS)
        yk_cpu_relax();
    for (int i = 0; i < WAITERS; i++) {
        yoke_lock_acquire(&lock);
        explore_assert(yoke_condition_notify(&condition, 1) == 1);
        yoke_lock_release(&lock);
        while (yk_load_acq(&returned) != (uint32_t)i + 1)
            yk_cpu_relax();
    }
}

static void all_taken(void)
{
    explore_assert(tokens == 0 && n_without == 0 && condition.n_waiting == 0 && !condition.first && !condition.last);
    explore_assert(lock.word == FREE && !lock.owed);
}

static void none_lost(void)
{
    explore_assert(tokens == n_without && condition.n_waiting == 0 && !condition.first && !condition.last);
}

#define TWO(a, b) .threads = {{.body = a}, {.body = b}}
#define THREE(a, b, c) .threads = {{.body = a}, {.body = b}, {.body = c}}

static const struct explore one = {.name = "a waiter and a notifier",
                                   .setup = reset,
                                   .check = all_taken,
                                   .preemptions = 3,
                                   .stale = 2,
                                   .spurious = 1,
                                   TWO(taker, giver)};
static const struct explore two = {.name = "two waiters, notified at once",
                                   .setup = reset,
                                   .check = all_taken,
                                   .delays = 3,
                                   .stale = 1,
                                   THREE(taker, taker, giver_of_two)};
static const struct explore twice = {.name = "two waiters, notified one by one",
                                     .setup = reset,
                                     .check = all_taken,
                                     .delays = 3,
                                     .stale = -1,
                                     THREE(taker, taker, giver_twice)};
static const struct explore timeout = {.name = "a waiter that may give up",
                                       .setup = reset,
                                       .check = none_lost,
                                       .preemptions = 4,
                                       .stale = 2,
                                       TWO(impatient, giver)};
static const struct explore timeouts = {.name = "a waiter that may give up, and one that does not",
                                        .setup = reset,
                                        .check = none_lost,
                                        .delays = 3,
                                        .stale = -1,
                                        THREE(taker, impatient, giver_twice)};
static const struct explore signals = {.name = "signals end waits, and take no notification along",
                                       .setup = reset_interruptible,
                                       .check = none_lost,
                                       .delays = 3,
                                       .stale = -1,
                                       .interrupts = 2,
                                       THREE(impatient, impatient, giver_twice)};
static const struct explore order = {
    .name = "one after the other", .setup = reset_order, .delays = 2, .stale = -1, THREE(in_line, in_line, serve)};

static const struct explore awake = {.name = "two waiters, woken while the lock is held",
                                     .setup = reset_at_once,
                                     .check = all_taken,
                                     .delays = 3,
                                     .stale = -1,
                                     THREE(taker, taker, giver_of_two)};
static const struct explore lossy = {
    .name = "caught: a notifier that does not wake", .setup = reset_lossy, .preemptions = 2, TWO(taker, giver)};

/* The orders are all relaxed: what matters comes with the lock. */
int main(void)
{
    const struct explore *const all[] = {&one, &two, &twice, &awake, &timeout, &timeouts, &signals, &order};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        explore_passes(all[i]);
    explore_fails(&lossy, "deadlock");
    return explore_done();
}
