/* explore.c -- threads as coroutines, the search over their choices, and the operations of explore.h.
 *
 * An execution is a sequence of choices: each call of choose(n) is one.  The search keeps the trail of choices of
 * the last execution, and makes the next one by going over to the next alternative at the last place that has one
 * left.
 *
 * The choice of who runs next is made before each operation.  It is free when the running thread cannot go on, and
 * costs one of scenario.preemptions when it could; or, for programs too large for that, every departure from a round
 * costs one of scenario.delays (Emmi, Qadeer, Rakamaric, "Delay-Bounded Scheduling", POPL 2011).  A death is offered
 * only once after each change of a thread's state: to die later, with nothing done in between, looks the same to all
 * others. */
#include "explore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <yoke/time.h>

#include "memory.h"

enum { STACK = 128 * 1024, TRAIL = 4 * EXPLORE_STEPS, PATIENCE = 400, VAIN_LOOKS = 1000, VAIN_SPINS = 2 };

enum state { READY, ASLEEP, SPINNING, AWAITING_DEATH, ENDED, DEAD };

static struct thread {
    enum state state;
    struct knowledge knows;
    uint32_t *words[2]; /* asleep on these */
    int64_t deadline;
    int wait_result;
    unsigned long spin_writes; /* spinning since others had made so many writes */
    int vain;                  /* relaxes left of a spin in vain, see explore_relax */
    bool spun;                 /* that choice was made since it last did something else */
    bool may_die;              /* a death has not been offered since its state changed */
    bool reported;             /* its death was awaited */
    ucontext_t context;
    _Alignas(16) char stack[STACK];
} threads[EXPLORE_THREADS];

static const struct explore *scenario;
static struct explore_result result;
static int n_threads, self;
static int preemptions, delays, stale, vain, deaths, spurious, steps, idle_rounds;
static int lagging; /* the thread that reads old values only, or -1 */
static int64_t now;
static ucontext_t home;

/* ---- choices ---- */

static struct {
    uint8_t chosen, n;
} trail[TRAIL];
static int trail_at, trail_length;
static uint64_t random_state;

static int choose(int n)
{
    if (n <= 1)
        return 0;
    if (random_state) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        /* half of the time the first: to go on, to read the newest */
        return random_state >> 40 & 1 ? 0 : (int)((random_state >> 20) % (unsigned)n);
    }
    if (trail_at == TRAIL)
        explore_fail("the explorer's trail is too short");
    if (trail_at == trail_length) {
        trail[trail_at].chosen = 0;
        trail[trail_at].n = (uint8_t)n;
        trail_length++;
    }
    if (trail[trail_at].n != n)
        explore_fail("not the same program as before: setup leaves something behind");
    return trail[trail_at++].chosen;
}

static bool next_trail(void)
{
    while (trail_length > 0) {
        if (trail[trail_length - 1].chosen + 1 < trail[trail_length - 1].n) {
            trail[trail_length - 1].chosen++;
            return true;
        }
        trail_length--;
    }
    return false;
}

#include "trace.h"

/* ---- threads ---- */

void explore_fail(const char *message)
{
    result.failed = true;
    snprintf(result.message, sizeof result.message, "%s", message);
    setcontext(&home);
    abort();
}

/* For src/base: misuse, and a failed yk_assert. */
_Noreturn void yk_misuse(const char *rule);
void yk_misuse(const char *rule)
{
    explore_fail(rule);
}

static void set_state(struct thread *thread, enum state state)
{
    thread->state = state;
    thread->may_die = true;
}

static void die(int t)
{
    deaths++;
    threads[t].state = DEAD;
    record(EXPLORE_DEATH, NULL, 0, -1, 0, 0)->thread = t;
    for (int i = 0; i < n_threads; i++)
        if (threads[i].state == AWAITING_DEATH)
            set_state(&threads[i], READY);
    if (scenario->on_death)
        scenario->on_death(t);
}

static void leave_futex(struct thread *thread, int rc)
{
    thread->wait_result = rc;
    set_state(thread, READY);
    if (rc < 0 && now < thread->deadline)
        now = thread->deadline;
}

/* What can happen next: a thread runs, a sleeper's deadline comes or it wakes for no reason, a thread dies. */
struct option {
    enum { RUN, TIME_OUT, SPURIOUS, DIE } what;
    int thread;
};

/* The running thread first, then the others in a round; with `tight` only the first that can. */
static int list_runnable(struct option *options, bool tight)
{
    int n = 0;

    for (int i = 0; i < n_threads; i++) {
        int t = (i + (self < 0 ? 0 : self)) % n_threads;
        struct thread *thread = &threads[t];

        if (thread->state == READY ||
            (thread->state == SPINNING && thread->spin_writes != n_writes - thread->knows.writes))
            options[n++] = (struct option){RUN, t};
        if (tight && n > 0)
            break;
    }
    return n;
}

static int list_sleepers(struct option *options, int n)
{
    for (int t = 0; t < n_threads; t++) {
        if (threads[t].state != ASLEEP)
            continue;
        if (threads[t].deadline != YOKE_FOREVER)
            options[n++] = (struct option){TIME_OUT, t};
        if (spurious < scenario->spurious)
            options[n++] = (struct option){SPURIOUS, t};
    }
    return n;
}

static int list_deaths(struct option *options, int n)
{
    for (int t = 0; t < n_threads && deaths < scenario->deaths; t++)
        if (scenario->threads[t].killable && threads[t].state < ENDED && threads[t].may_die) {
            options[n++] = (struct option){DIE, t};
            threads[t].may_die = false;
        }
    return n;
}

/* Nobody can run.  Spinning threads have then spun for long: they see all there is, and look once more. */
static bool release_spinners(void)
{
    bool any = false;

    for (int t = 0; t < n_threads; t++)
        if (threads[t].state == SPINNING) {
            memory_catch_up(&threads[t].knows);
            set_state(&threads[t], READY);
            any = true;
        }
    if (any && ++idle_rounds > PATIENCE)
        explore_fail("livelock: everybody spins and nothing is written");
    return any;
}

static bool all_ended(void)
{
    for (int t = 0; t < n_threads; t++)
        if (threads[t].state < ENDED && !scenario->threads[t].daemon)
            return false;
    return true;
}

/* Who runs next; -1: the execution is over. */
static int pick(void)
{
    for (;;) {
        struct option options[4 * EXPLORE_THREADS];
        enum state state = self < 0 ? ENDED : threads[self].state; /* at first nobody runs */
        bool tight =
            scenario->delays ? delays >= scenario->delays : state == READY && preemptions >= scenario->preemptions;
        int n = list_runnable(options, tight);

        if (!tight || n == 0)
            n = list_sleepers(options, n);
        if (n == 0) {
            if (release_spinners())
                continue;
            if (!all_ended())
                explore_fail("deadlock: a thread waits for ever");
            return -1;
        }
        n = list_deaths(options, n);

        int chosen = choose(n);
        struct option option = options[chosen];

        if (option.what == DIE) {
            die(option.thread);
            continue;
        }
        delays += chosen > 0;
        if (state == READY && option.thread != self)
            preemptions++;
        if (option.what == SPURIOUS)
            spurious++;
        if (option.what != RUN)
            leave_futex(&threads[option.thread], option.what == TIME_OUT ? -110 /* ETIMEDOUT */ : 0);
        return option.thread;
    }
}

static void go_on(void)
{
    int from = self, next = pick();

    if (next < 0)
        setcontext(&home);
    if (threads[next].state == SPINNING)
        threads[next].state = READY;
    threads[next].may_die = true;
    self = next;
    if (next != from)
        swapcontext(&threads[from].context, &threads[next].context);
}

/* Before each operation. */
void explore_step(void)
{
    if (++steps > EXPLORE_STEPS)
        explore_fail("livelock: too many steps in one execution");
    go_on();
}

static void thread_main(void)
{
    scenario->threads[self].body();
    record(EXPLORE_END, NULL, 0, -1, 0, 0);
    threads[self].state = ENDED;
    go_on();
}

static void start_threads(void)
{
    for (n_threads = 0; n_threads < EXPLORE_THREADS && scenario->threads[n_threads].body; n_threads++) {
        struct thread *thread = &threads[n_threads];

        memset(thread, 0, offsetof(struct thread, context));
        thread->may_die = true;
        getcontext(&thread->context);
        thread->context.uc_stack.ss_sp = thread->stack;
        thread->context.uc_stack.ss_size = sizeof thread->stack;
        thread->context.uc_link = NULL;
        makecontext(&thread->context, thread_main, 0);
    }
}

/* home is where the execution comes back to when it is over or has failed. */
static void execute(void)
{
    volatile int visits = 0;

    memory_reset();
    trail_at = n_events = steps = preemptions = delays = stale = vain = deaths = spurious = idle_rounds = 0;
    now = 1000;
    result.failed = false;
    self = -1;
    getcontext(&home);
    if (++visits == 1) {
        scenario->setup();
        start_threads();
        lagging = scenario->lag ? choose(n_threads + 1) - 1 : -1;
        self = pick();
        setcontext(&threads[self].context);
    }
    if (visits == 2 && !result.failed && scenario->check) {
        self = -1;
        scenario->check();
    }
}

struct explore_result explore_run(const struct explore *wanted)
{
    unsigned long most = wanted->executions ? wanted->executions : 3000000;

    scenario = wanted;
    result = (struct explore_result){0};
    trail_length = 0;
    random_state = wanted->seed;
    for (;;) {
        execute();
        result.executions++;
        if (result.failed || result.executions >= most)
            return result;
        if (!random_state && !next_trail()) {
            result.exhausted = true;
            return result;
        }
    }
}

#include "operations.h"
#include "proof.h"
