/* timer.c -- Timer: the timers that are pending, and the one thread that keeps them.
 *
 * Invariants.
 * - The mutex guards the keeper and the fields of every timer that is pending.  Nothing of the user's runs with it held.
 * - There is a thread while something is pending or running: the start that finds none makes one, and the thread ends, saying so
 *   under the mutex, when it finds nothing pending.
 * - The thread sleeps on `bell` until the first timer is due.  Whoever puts another before that one, or takes the last one out, rings; a
 *   first that was cancelled costs a look at the others.
 * - A timer is taken out and is not pending any more before it runs, so that its run may start or free it; the thread then
 *   knows its address only.
 * - A joiner sleeps on the timer's state while that is pending, and on `turns` while it is running; either wakes all.
 * - In the child of a fork the keeper is set back by the first who enters; a timer that bears another number of forks is not
 *   pending.  A run that forks is in the child a thread that keeps nothing, and ends when the run returns. */
#include <errno.h>
#include <limits.h>
#include <yoke/mutex.h>
#include <yoke/timer.h>

#include "base/base.h"
#include "sync/self.h"
#include "sync/wait.h"
#include "thread/heap.h"

/* The bits of a timer's state. */
enum { PENDING = 1, WAITED = 2 };

static struct {
    yoke_mutex mutex;
    uint32_t forks; /* this and the rest but bell and turns: under the mutex */
    bool alive;     /* the thread has been made and has not said that it ends */
    uint32_t self;  /* the thread's number, once it runs; 0 */
    uint64_t n_started;
    yoke_timer *first;   /* heap */
    yoke_timer *running; /* maybe freed */
    bool awaited;        /* somebody sleeps on turns */
    yk_a32 bell, turns;  /* written under the mutex */
} keeper;

static void enter(void)
{
    /* the mutex of a thread that is not there any more is one case of what follows */
    int rc = yoke_mutex_acquire(&keeper.mutex);

    yk_assert(rc == 0 || rc == -YOKE_EOWNERDEAD);
    (void)rc;
    if (keeper.forks == yk_forks())
        return;
    keeper.forks = yk_forks();
    keeper.alive = keeper.awaited = false;
    keeper.self = 0;
    keeper.first = keeper.running = NULL;
}

static void leave(void)
{
    yoke_mutex_release(&keeper.mutex);
}

/* Sleepers come back to the mutex, so its holder may change a word first and wake later. */
static void change(yk_a32 *word, uint32_t value, int n)
{
    /* relaxed: who sleeps on it looks at the rest under the mutex */
    yk_store_rlx(word, value);
    if (n > 0)
        yk_futex_wake(word, n, false);
}

static void ring(void)
{
    change(&keeper.bell, yk_load_rlx(&keeper.bell) + 1, 1);
}

static yk_a32 *state_of(yoke_timer *timer)
{
    return (yk_a32 *)&timer->state;
}

static bool is_pending(yoke_timer *timer)
{
    return yk_load_rlx(state_of(timer)) & PENDING && timer->forks == keeper.forks;
}

static void take_out(yoke_timer *timer)
{
    yk_heap_remove(&keeper.first, timer);
    change(state_of(timer), 0, yk_load_rlx(state_of(timer)) & WAITED ? INT_MAX : 0);
}

/* ---- the thread ---- */

struct call {
    void (*run)(void *arg);
    void *arg;
};

static void call(void *arg)
{
    struct call *what = arg;

    what->run(what->arg);
}

static void left(void *arg)
{
    (void)arg;
    yk_misuse("yoke_timer_start: run must return");
}

static void sleep_until_due(void)
{
    uint32_t seen = yk_load_rlx(&keeper.bell);
    yoke_time due = keeper.first->due;

    leave();
    yk_futex_wait(&keeper.bell, seen, false, due);
    enter();
}

static void run_first(void)
{
    yoke_timer *timer = keeper.first;
    struct call what = {timer->run, timer->arg};

    take_out(timer);
    keeper.running = timer;
    leave();
    yk_os_thread_guard(call, left, &what);
    enter();
    if (keeper.self != yk_self())
        return;
    keeper.running = NULL;
    change(&keeper.turns, yk_load_rlx(&keeper.turns) + 1, keeper.awaited ? INT_MAX : 0);
    keeper.awaited = false;
}

static void keep(void *arg)
{
    (void)arg;
    yk_os_thread_name("yoke-timer");
    enter();
    keeper.self = yk_self();
    while (keeper.self == yk_self() && keeper.first)
        if (keeper.first->due > yoke_now())
            sleep_until_due();
        else
            run_first();
    if (keeper.self == yk_self()) {
        keeper.alive = false;
        keeper.self = 0;
    }
    leave();
}

static int make_thread(void)
{
    struct yk_os_thread thread;
    int rc = keeper.alive ? 0 : yk_os_helper_start(&thread, keep, NULL);

    if (rc == 0 && !keeper.alive) {
        yk_os_thread_detach(&thread);
        keeper.alive = true;
    }
    return rc;
}

/* ---- for all others ---- */

static int start(yoke_timer *timer, yoke_time due, void (*run)(void *arg), void *arg)
{
    int rc = is_pending(timer) ? -EBUSY : make_thread();

    if (rc < 0)
        return rc;
    *timer = (yoke_timer){.run = run, .arg = arg, .due = due, .number = keeper.n_started++, .forks = keeper.forks};
    change(state_of(timer), PENDING, 0);
    yk_heap_add(&keeper.first, timer);
    if (keeper.first == timer)
        ring();
    return 0;
}

int yoke_timer_start(yoke_timer *timer, double seconds, void (*run)(void *arg), void *arg)
{
    int rc;

    if (!timer || !run)
        return -EINVAL;
    enter();
    rc = start(timer, yk_max(yoke_after(seconds), yoke_now()), run, arg);
    leave();
    return rc;
}

int yoke_timer_cancel(yoke_timer *timer)
{
    bool pending;

    if (!timer)
        return 0;
    enter();
    pending = is_pending(timer);
    if (pending)
        take_out(timer);
    /* the thread is to end, too */
    if (pending && !keeper.first)
        ring();
    leave();
    return pending;
}

/* Tells what to sleep on until the timer may be neither pending nor running; false if that is so now. */
static bool must_wait(yoke_timer *timer, struct yk_wait *ret_wait)
{
    if (is_pending(timer)) {
        change(state_of(timer), PENDING | WAITED, 0);
        *ret_wait = (struct yk_wait){state_of(timer), PENDING | WAITED, false};
        return true;
    }
    if (keeper.running != timer)
        return false;
    keeper.awaited = true;
    *ret_wait = (struct yk_wait){&keeper.turns, yk_load_rlx(&keeper.turns), false};
    return true;
}

int yoke_timer_join_until(yoke_timer *timer, yoke_time deadline)
{
    struct yk_wait wait;
    int rc = 0;

    if (!timer)
        return -EINVAL;
    enter();
    for (;;) {
        if (!must_wait(timer, &wait)) {
            rc = 0;
            break;
        }
        if (keeper.self == yk_self())
            rc = -EDEADLK;
        if (rc < 0)
            break;
        leave();
        rc = yk_sleep_many(&wait, 1, deadline);
        enter();
    }
    leave();
    return rc;
}

int yoke_timer_join(yoke_timer *timer)
{
    int rc;

    do
        rc = yoke_timer_join_until(timer, YOKE_FOREVER);
    while (rc == -EINTR);
    return rc;
}
