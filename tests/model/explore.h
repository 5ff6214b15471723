/* explore.h -- a stateless explorer: runs a small concurrent program under every schedule and every weak-memory
 * outcome.
 *
 * A model test includes a shipped .c file unchanged, after builtins.h has turned the compiler's atomic builtins and
 * the futex calls of os/os.h into calls of the functions below.  Threads are coroutines; before each operation the
 * explorer decides who runs next, which of the possible values a load reads, whom a wake wakes, and whether a thread
 * dies here.  Depth first, it runs the program again and again until every combination was seen (within a bound of
 * preemptions), or draws at random.
 *
 * Dead threads.  A killable thread may die before each of its operations, while it sleeps, and after it was woken but before it
 * runs; a wake that was spent on it is lost then.  What it had linked or intended (os/os.h, "robust.c") the kernel then marks
 * and wakes, step by step, while the others go on; see kernel.h.  The same is done for a thread that ends.
 *
 *     #include "builtins.h"
 *     #include "../../src/sync/lock.c"
 *
 *     static void body(void) { yoke_lock_acquire(&lock); explore_writes(&data); data++; yoke_lock_release(&lock); }
 *     static const struct explore scenario = {.name = "two threads, one lock", .setup = setup, .check = check,
 *                                             .threads = {{body}, {body}}, .preemptions = 3};
 *     int main(void) { explore_passes(&scenario); return explore_done(); }
 *
 * What counts as failure: explore_fail and explore_assert, a data race on memory announced by explore_reads and
 * explore_writes, misuse (yk_misuse), all threads blocked with one of them not ended (deadlock, lost wake-up), and
 * more than EXPLORE_STEPS operations in one execution or nothing written while everybody spins (livelock).
 *
 * Memory is that of C11 as the view-based semantics put it: release and acquire (release sequences of read-modify-
 * writes only, as C++20 has it), relaxed, sequentially consistent fences and operations (an operation is not a
 * fence).  Left out: load buffering, and stores that take effect out of the order in which the explorer runs them.
 * Plain memory is ordinary memory; an object that is used atomically takes its first value from there and its newest
 * value is always there too. */
#ifndef YK_EXPLORE_H
#define YK_EXPLORE_H

#include <stdbool.h>
#include <stdint.h>

enum { EXPLORE_THREADS = 6, EXPLORE_STEPS = 2000, EXPLORE_BRIEF = 30000 };

struct yk_wait; /* os/os.h */

struct explore_thread {
    void (*body)(void);
    bool killable; /* may die before any of its operations, and while it sleeps */
    bool daemon;   /* need not end: a supervisor */
};

struct explore {
    const char *name;
    void (*setup)(void);          /* before each execution: puts every static back */
    void (*check)(void);          /* after each, when all threads have ended; NULL: nothing */
    void (*on_death)(int thread); /* at once when one dies; NULL: nothing */
    struct explore_thread threads[EXPLORE_THREADS];
    int preemptions;          /* at most so many switches away from a thread that could go on */
    int delays;               /* not 0: instead, at most so many departures from "the running thread goes on; when
                                          * it cannot, the next that can".  For programs with more than two threads */
    int deaths;               /* at most so many */
    int spurious;             /* so many futex waits may return for no reason */
    int interrupts;           /* so many of yk_futex_wait_many by a signal */
    int stale;                /* so many loads may read an old value; 0: 6; -1: none */
    bool lag;                 /* in turn, none or one of the threads always reads the oldest value it may: what a
                                          * missing order does at its worst, at little cost */
    unsigned long executions; /* stop after so many; 0: 10,000,000 */
    uint64_t seed;            /* not 0: random choices instead of all, `executions` of them */
};

struct explore_result {
    unsigned long executions;
    bool exhausted; /* every execution within the bounds was seen */
    bool failed;
    char message[160];
};

struct explore_result explore_run(const struct explore *scenario);

/* ---- for thread bodies ---- */

_Noreturn void explore_fail(const char *message);
#define explore_assert(condition) ((condition) ? (void)0 : explore_fail("assertion: " #condition))

/* Announce that plain memory at `object` is now read or written; one that does not happen after the other fails. */
void explore_reads(const void *object);
void explore_writes(const void *object);

/* A step that touches nothing: between two plain stores, say, so that a death can come there. */
void explore_step(void);

/* Whether the calling thread, if it is killable, may die from here on; at first it may. */
void explore_mortal(bool mortal);

/* That thread, which may be the calling one, dies now; it need not be killable, and does not count. */
void explore_kill(int thread);

int explore_self(void);

/* How many threads sleep on a futex; a scenario that wants them asleep first spins for that. */
int explore_asleep(void);

/* Waits for the death of a thread; returns its number, each once.  What it wrote is then visible, as after a reap.
 * Only for a daemon: when nobody can die any more it never returns. */
int explore_await_death(void);

/* ---- the proofs, as lines of the Test Anything Protocol ---- */

/* Passes when no execution fails; prints the failing interleaving otherwise.  Without YOKE_TEST_FULL (make proof) it stops after
 * EXPLORE_BRIEF executions, and tries as many more at random. */
void explore_passes(const struct explore *scenario);
/* Passes when some execution fails with a message that contains `text`: a broken variant, which the model must
 * catch. */
void explore_fails(const struct explore *scenario, const char *text);

/* An order mutant that may live, and why. */
struct explore_surplus {
    const char *function; /* the function of the operation; NULL: any */
    const char *mutant;   /* as printed, or its beginning: "load acquire -> relaxed", "load acquire" */
    const char *why;
};

/* With YOKE_TEST_FULL only.  Weakens each memory order of the operations in a source file (end of its path) that the scenarios run, one at a
 * time, and removes each futex wake and each intention; passes when each such mutant fails in a scenario or is listed as surplus.  The
 * scenarios must have run with explore_passes before, which is how the operations are known. */
void explore_mutants(const char *file, const struct explore *const *scenarios, int n,
                     const struct explore_surplus *surplus, int n_surplus);

/* The plan; returns the exit code of main. */
int explore_done(void);

/* ---- what builtins.h calls ---- */

enum explore_kind {
    EXPLORE_LOAD,
    EXPLORE_STORE,
    EXPLORE_SWAP,
    EXPLORE_ADD,
    EXPLORE_OR,
    EXPLORE_AND,
    EXPLORE_CAS,
    EXPLORE_FENCE,
    EXPLORE_WAIT,
    EXPLORE_WAKE,
    EXPLORE_INTEND,
    EXPLORE_LINK,
    EXPLORE_UNLINK,
    EXPLORE_MARK,
    EXPLORE_RELAX,
    EXPLORE_DEATH,
    EXPLORE_END
};

/* One operation in the source text. */
struct explore_site {
    const char *file;
    const char *function;
    int line;
    bool known; /* linked into the list of operations that have run */
    enum explore_kind kind;
    int order;
    int failure; /* of a compare-and-exchange */
    struct explore_site *next;
};

uint64_t explore_load(const void *address, unsigned size, int order, struct explore_site *site);
void explore_store(void *address, unsigned size, uint64_t value, int order, struct explore_site *site);
uint64_t explore_modify(enum explore_kind kind, void *address, unsigned size, uint64_t operand, int order,
                        struct explore_site *site);
bool explore_cas(void *address, unsigned size, void *expected, uint64_t desired, int order, int failure,
                 struct explore_site *site);
void explore_fence(int order, struct explore_site *site);
int explore_futex_wait(const struct yk_wait *waits, unsigned n, int64_t deadline, bool interruptible,
                       struct explore_site *site);
int explore_futex_wake(const void *word, int n, bool shared, struct explore_site *site);
uint32_t explore_tid(void);
void *explore_robust_intend(void *word, struct explore_site *site);
bool explore_robust_link(void *word, struct explore_site *site);
void explore_robust_unlink(void *word, struct explore_site *site);
void explore_relax(void);

#endif
