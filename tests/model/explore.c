/* explore.c -- threads as coroutines, the search over their choices, and the operations of explore.h.
 *
 * An execution is a sequence of choices: each call of choose(n) is one.  The search keeps the trail of choices of
 * the last execution, and makes the next one by going over to the next alternative at the last place that has one
 * left.
 *
 * The choice of who runs next is made before each operation.  It is free when the running thread cannot go on, and
 * costs one of scenario.preemptions when it could; or, for programs too large for that, every departure from a round
 * costs one of scenario.delays (Emmi, Qadeer, Rakamaric, "Delay-Bounded Scheduling", POPL 2011).
 *
 * A death is that a thread does no more; what the kernel does then for its robust words are steps of their own, which cost
 * nothing (kernel.h).  Both are offered only where that makes a difference: a death once after each change of a thread's
 * state, a step of the kernel again whenever somebody has touched the word that it is about.
 *
 * A thread is switched to by a jump, which unlike swapcontext asks nothing of the system; makecontext only lays its stack. */

/* libc's check of a jump would take another stack for an error */
#undef _FORTIFY_SOURCE

#include "explore.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <yoke/time.h>

#include "memory.h"
#include "os/os.h"

_Thread_local uint32_t yk_robust_held; /* of all threads here */

enum { STACK = 128 * 1024, TRAIL = 4 * EXPLORE_STEPS, PATIENCE = 400, VAIN_LOOKS = 1000, VAIN_SPINS = 2, LINKS = 8 };

enum state { READY, ASLEEP, SPINNING, AWAITING_DEATH, DYING, ENDED, DEAD };

static struct thread {
    enum state state;
    struct knowledge knows;
    int64_t deadline;
    int wait_result;
    bool interruptible;        /* its sleep can end by a signal */
    bool woken;                /* a wake was spent on it since it began to wait */
    unsigned long spin_writes; /* spinning since others had made so many writes */
    int vain;                  /* relaxes left of a spin in vain, see explore_relax */
    const void *vain_address;  /* what it reads again and again in that */
    uint64_t vain_value;
    bool spun;     /* that choice was made since it last did something else */
    bool may_die;  /* a death has not been offered since its state changed */
    bool immortal; /* see explore_mortal */
    bool reported; /* its death was awaited */
    /* what the kernel knows of it, and what is left of that to be done after its death; see kernel.h */
    void *linked[LINKS + 1];
    int n_linked;
    void *intended;
    bool wakes;       /* the kernel's next step is a wake */
    bool was_offered; /* that step, since it last made a difference */
    bool has_ended;   /* by itself: it is not dead */
    bool begun;
    jmp_buf resume;
    jmp_buf start; /* at the beginning of its body; kept from one execution to the next */
} threads[EXPLORE_THREADS];
static _Alignas(16) char stacks[EXPLORE_THREADS][STACK];

static const struct explore *scenario;
static struct explore_result result;
static int n_threads, self;
static int preemptions, delays, stale, vain, deaths, n_dying, spurious, interrupts, steps, idle_rounds;
static int lagging; /* the thread that reads old values only, or -1 */
static int64_t now;
static jmp_buf home; /* where an execution comes back to when it is over or has failed */

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
    _longjmp(home, 1);
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

/* What a thread puts into its words. */
static uint32_t tid_of(int t)
{
    return (uint32_t)t + 1;
}

#include "kernel.h"

/* What can happen next: a thread runs, a sleeper's deadline comes, a signal, or nothing, ends its sleep, the kernel takes a step
 * for a dead thread, a thread dies. */
struct option {
    enum { RUN, TIME_OUT, INTERRUPT, SPURIOUS, BURY, DIE } what;
    int thread;
};

/* The running thread first, then the others in a round; with `tight` only the first that can. */
static int list_runnable(struct option *options, bool tight)
{
    int n = 0;

    for (int i = 0; i < n_threads; i++) {
        int t = i + (self < 0 ? 0 : self);

        t -= t < n_threads ? 0 : n_threads;

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
        if (threads[t].interruptible && interrupts < scenario->interrupts)
            options[n++] = (struct option){INTERRUPT, t};
        if (spurious < scenario->spurious)
            options[n++] = (struct option){SPURIOUS, t};
    }
    return n;
}

static int list_burials(struct option *options, int n)
{
    bool only = n == 0;

    for (int t = 0; t < n_threads && n_dying > 0; t++)
        if (threads[t].state == DYING && (only || !threads[t].was_offered)) {
            options[n++] = (struct option){BURY, t};
            threads[t].was_offered = true;
        }
    return n;
}

static bool can_die(int t)
{
    return deaths < scenario->deaths && scenario->threads[t].killable && threads[t].state < DYING &&
           threads[t].may_die && !threads[t].immortal;
}

static int list_deaths(struct option *options, int n)
{
    for (int t = 0; t < n_threads && deaths < scenario->deaths; t++)
        if (can_die(t)) {
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

/* A thread goes on: itself, or because its sleep ends. */
static void admit(struct option option)
{
    interrupts += option.what == INTERRUPT;
    spurious += option.what == SPURIOUS;
    if (option.what == TIME_OUT)
        end_sleep(&threads[option.thread], -ETIMEDOUT);
    else if (option.what != RUN)
        end_sleep(&threads[option.thread], option.what == INTERRUPT ? -EINTR : 0);
}

/* Who runs next; -1: the execution is over. */
static int pick(void)
{
    for (;;) {
        struct option options[6 * EXPLORE_THREADS];
        enum state state = self < 0 ? ENDED : threads[self].state; /* at first nobody runs */
        bool tight =
            scenario->delays ? delays >= scenario->delays : state == READY && preemptions >= scenario->preemptions;
        int n = list_runnable(options, tight);

        if (!tight || n == 0)
            n = list_sleepers(options, n);
        n = list_burials(options, n);
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
            deaths++;
            die(option.thread);
        } else if (option.what == BURY) {
            bury(option.thread);
        } else {
            delays += chosen > 0;
            preemptions += state == READY && option.thread != self;
            admit(option);
            return option.thread;
        }
    }
}

static _Noreturn void jump_to(int t)
{
    bool begun = threads[t].begun;

    threads[t].begun = true;
    _longjmp(begun ? threads[t].resume : threads[t].start, 1);
}

static void go_on(void)
{
    int from = self, next = pick();

    if (next < 0)
        _longjmp(home, 1);
    if (threads[next].state == SPINNING)
        threads[next].state = READY;
    threads[next].may_die = true;
    self = next;
    if (next != from && _setjmp(threads[from].resume) == 0)
        jump_to(next);
}

/* Before each operation. */
void explore_step(void)
{
    if (++steps > EXPLORE_STEPS)
        explore_fail("livelock: too many steps in one execution");
    go_on();
}

/* ---- executions ---- */

static void thread_main(void)
{
    /* comes here once more for each execution */
    if (_setjmp(threads[self].start) == 0)
        _longjmp(home, 1);
    scenario->threads[self].body();
    record(EXPLORE_END, NULL, 0, -1, 0, 0);
    if (threads[self].intended)
        explore_fail("a thread has ended and still intends something");
    threads[self].has_ended = true;
    die(self);
    go_on();
}

/* Takes each thread to its start, once and for all. */
static void lay_stacks(void)
{
    static ucontext_t context;

    for (self = 0; self < EXPLORE_THREADS; self++) {
        getcontext(&context);
        context.uc_stack.ss_sp = stacks[self];
        context.uc_stack.ss_size = sizeof stacks[self];
        makecontext(&context, thread_main, 0);
        if (_setjmp(home) == 0)
            setcontext(&context);
    }
}

static _Noreturn void begin_execution(void)
{
    scenario->setup();
    for (n_threads = 0; n_threads < EXPLORE_THREADS && scenario->threads[n_threads].body; n_threads++) {
        memset(&threads[n_threads], 0, offsetof(struct thread, resume));
        threads[n_threads].may_die = true;
    }
    lagging = scenario->lag ? choose(n_threads + 1) - 1 : -1;
    self = pick();
    jump_to(self);
}

static void execute(void)
{
    memory_reset();
    trail_at = n_events = steps = preemptions = delays = stale = vain = deaths = spurious = interrupts = 0;
    idle_rounds = n_dying = n_queued = 0;
    yk_robust_held = 0;
    now = 1000;
    result.failed = false;
    self = -1;
    if (_setjmp(home) == 0)
        begin_execution();
    self = -1;
    if (!result.failed && scenario->check && _setjmp(home) == 0)
        scenario->check();
}

struct explore_result explore_run(const struct explore *wanted)
{
    static bool laid;
    unsigned long most = wanted->executions ? wanted->executions : 10000000;

    if (!laid)
        lay_stacks();
    laid = true;
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

#include "calls.h"
#include "proof.h"
