/* sync_step_test.c -- Mutex, Semaphore and Once between processes, of which one is killed after each of its instructions: alone, while it
 * wakes others, and when it was woken itself.  Whatever the instruction: nobody sleeps for ever, and what was held is the next one's.
 *
 * The victim is stepped; sleepers are processes beside it.  A keeper holds what the victim waits for, and gives it back when the
 * victim sleeps, or is dead, and a sleeper sleeps behind it. */
#include <yoke/mutex.h>
#include <yoke/once.h>
#include <yoke/semaphore.h>

#include "beside.h"
#include "sync/wait.h"

enum { SLEEPERS = 2, TIMED_OUT = 9 };

/* What the processes share. */
struct stage {
    yoke_mutex mutex;
    yoke_semaphore semaphore;
    yoke_once once;
    yk_a32 held;   /* the keeper has what the victim will wait for */
    yk_a32 victim; /* its pid, once it runs */
    yk_a32 go;     /* sleepers may begin */
    yk_a32 n_runs;
    uint32_t n_released; /* permits at a time */
    int (*sleep)(struct stage *stage);
    void (*give)(struct stage *stage);
    pid_t keeper, sleepers[SLEEPERS];
    int n_sleepers;
    bool barges;          /* the first of them does not sleep */
    bool ended;           /* the last victim, by itself */
    long n_dead, n_alive; /* runs after which it was the dead owner's, and after which not */
};

/* ---- beside the victim ---- */

static int sleep_for_mutex(struct stage *stage)
{
    int rc = yoke_mutex_acquire_until(&stage->mutex, in_time());

    if (rc != 0 && rc != -YOKE_EOWNERDEAD)
        return TIMED_OUT;
    yoke_mutex_release(&stage->mutex);
    return rc != 0;
}

static int sleep_for_permit(struct stage *stage)
{
    return yoke_semaphore_acquire_until(&stage->semaphore, in_time()) == 0 ? 0 : TIMED_OUT;
}

/* Takes the mutex as soon as the victim has released it, and keeps it until that is dead. */
static int barge(struct stage *stage)
{
    pid_t victim = (pid_t)await(&stage->victim);
    int rc;

    do
        rc = yoke_mutex_acquire_until(&stage->mutex, YOKE_NOW);
    while (rc == -ETIMEDOUT);
    await_dead(victim);
    yoke_mutex_release(&stage->mutex);
    return rc == -YOKE_EOWNERDEAD;
}

static void start_sleepers(struct stage *stage)
{
    for (int i = 0; i < stage->n_sleepers; i++) {
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0) {
            await(&stage->go);
            _exit(i == 0 && stage->barges ? barge(stage) : stage->sleep(stage));
        }
        stage->sleepers[i] = pid;
    }
}

static void start_keeper(struct stage *stage)
{
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        if (stage->sleep == sleep_for_mutex && yoke_mutex_acquire(&stage->mutex) != 0)
            _exit(1);
        tell(&stage->held, 1);
        await_asleep_or_dead((pid_t)await(&stage->victim));
        tell(&stage->go, 1);
        await_asleep_or_dead(stage->sleepers[0]);
        stage->give(stage);
        _exit(0);
    }
    stage->keeper = pid;
    await(&stage->held);
}

static void give_mutex(struct stage *stage)
{
    yoke_mutex_release(&stage->mutex);
}

static void give_permits(struct stage *stage)
{
    if (yoke_semaphore_release(&stage->semaphore, stage->n_released) < 0)
        _exit(1);
}

/* The victim's, before its window: the sleepers are to sleep. */
static void await_sleepers(struct stage *stage)
{
    tell(&stage->go, 1);
    for (int i = stage->barges; i < stage->n_sleepers; i++)
        await_asleep_or_dead(stage->sleepers[i]);
}

/* ---- a run ---- */

static void setup(void *arg)
{
    struct stage *stage = arg;

    yoke_mutex_init(&stage->mutex, YOKE_SHARED);
    yoke_semaphore_init(&stage->semaphore, 0, 0, YOKE_SHARED);
    yoke_once_init(&stage->once, YOKE_SHARED);
    stage->held = stage->victim = stage->go = stage->n_runs = (yk_a32){0};
    stage->keeper = 0;
    start_sleepers(stage);
    if (stage->give)
        start_keeper(stage);
    /* one has waited before, so that who comes does not spin */
    if (stage->give == give_mutex)
        CHECK_EQ(yoke_mutex_acquire_until(&stage->mutex, yoke_after(0.0005)), -ETIMEDOUT);
    if (stage->give == give_permits)
        stage->semaphore.value += UINT64_C(1) << 32;
}

static void note(struct stage *stage, const struct stepkill_run *run)
{
    stage->ended = run->end == STEPKILL_ENDED;
    if (stage->keeper)
        CHECK_EQ(reap(stage->keeper), 0);
    /* it may have been killed before it let them begin */
    tell(&stage->go, 1);
}

static void after_mutex(void *arg, const struct stepkill_run *run)
{
    struct stage *stage = arg;
    int n_told = 0, rc;

    note(stage, run);
    for (int i = 0; i < stage->n_sleepers; i++) {
        int code = reap(stage->sleepers[i]);

        CHECK(code == 0 || code == 1);
        n_told += code;
    }
    rc = yoke_mutex_acquire_until(&stage->mutex, YOKE_NOW);
    n_told += rc == -YOKE_EOWNERDEAD;
    CHECK(rc == 0 || rc == -YOKE_EOWNERDEAD);
    yoke_mutex_release(&stage->mutex);
    CHECK_EQ(yoke_mutex_acquire_until(&stage->mutex, YOKE_NOW), 0);
    yoke_mutex_release(&stage->mutex);
    /* one is told of the death, if it was the owner's */
    CHECK(n_told <= 1 && !(stage->ended && n_told));
    stage->n_dead += n_told;
    stage->n_alive += !n_told;
}

static bool any_sleeper_left(const struct stage *stage)
{
    for (int i = 0; i < stage->n_sleepers; i++)
        if (!strchr("ZX", state_of(stage->sleepers[i])))
            return true;
    return false;
}

/* The victim sleeps.  If the others were served before it, which are faster, there was no permit left for it. */
static bool feed(void *arg)
{
    struct stage *stage = arg;

    if (stage->give != give_permits || any_sleeper_left(stage))
        return false;
    CHECK_EQ(yoke_semaphore_release(&stage->semaphore, 1), 0);
    return true;
}

static void after_semaphore(void *arg, const struct stepkill_run *run)
{
    struct stage *stage = arg;

    note(stage, run);
    /* while there are permits, nobody sleeps; the test's time is the limit */
    while (any_sleeper_left(stage) && yoke_semaphore_value(&stage->semaphore) > 0)
        sched_yield();
    CHECK_EQ(yoke_semaphore_release(&stage->semaphore, (uint32_t)stage->n_sleepers + 1), 0);
    for (int i = 0; i < stage->n_sleepers; i++)
        CHECK_EQ(reap(stage->sleepers[i]), 0);
    CHECK_EQ(yoke_semaphore_acquire_until(&stage->semaphore, YOKE_NOW), 0);
}

static int run_it(void *arg)
{
    yk_add_rlx(&((struct stage *)arg)->n_runs, 1);
    return 0;
}

static void after_once(void *arg, const struct stepkill_run *run)
{
    struct stage *stage = arg;

    note(stage, run);
    CHECK_EQ(yoke_once_run(&stage->once, run_it, stage), 0);
    CHECK(yk_load_rlx(&stage->n_runs) == 1 || (yk_load_rlx(&stage->n_runs) == 2 && !stage->ended));
}

/* ---- the victim ---- */

static void begin(struct stage *stage)
{
    yk_tid();
    yk_spins();
    tell(&stage->victim, (uint32_t)getpid());
    stepkill_begin();
}

static void pass_mutex(void *arg)
{
    struct stage *stage = arg;

    begin(stage);
    if (yoke_mutex_acquire(&stage->mutex) == 0)
        yoke_mutex_release(&stage->mutex);
    stepkill_end();
}

static void release_mutex(void *arg)
{
    struct stage *stage = arg;

    if (yoke_mutex_acquire(&stage->mutex) != 0)
        _exit(1);
    await_sleepers(stage);
    begin(stage);
    yoke_mutex_release(&stage->mutex);
    stepkill_end();
}

static void pass_semaphore(void *arg)
{
    struct stage *stage = arg;

    begin(stage);
    (void)yoke_semaphore_release(&stage->semaphore, 1);
    yoke_semaphore_acquire(&stage->semaphore);
    stepkill_end();
}

static void release_permits(void *arg)
{
    struct stage *stage = arg;

    await_sleepers(stage);
    begin(stage);
    (void)yoke_semaphore_release(&stage->semaphore, stage->n_released);
    stepkill_end();
}

static void acquire_permit(void *arg)
{
    struct stage *stage = arg;

    begin(stage);
    yoke_semaphore_acquire(&stage->semaphore);
    stepkill_end();
}

static void run_once(void *arg)
{
    struct stage *stage = arg;

    begin(stage);
    if (yoke_once_run(&stage->once, run_it, stage) == 0)
        stepkill_end();
}

/* ---- the scenarios ---- */

typedef void stepped(void *arg, const struct stepkill_run *run);

/* Steps through part 0, 1, 2 or 3 of all: a run has several processes, and a busy machine has little time for each. */
static void step(struct stage *like, void (*body)(void *), stepped *after, long part)
{
    struct stage *stage = shared_memory(sizeof *stage);
    struct stepkill test = {.setup = setup, .body = body, .asleep = feed, .after = after, .arg = stage};

    *stage = *like;
    CHECK(step_on(&test, &stage->ended, part, 4, 4) > 100);
    /* it was the owner for longer than four instructions, and was not */
    if (after == after_mutex && test.stride == 4 * STRIDE)
        CHECK(stage->n_dead > 0 && stage->n_alive > 0);
    munmap(stage, sizeof *stage);
}

#define IN_FOUR_PARTS(scenario)                                                                                        \
    TEST(scenario##_1)                                                                                                 \
    {                                                                                                                  \
        scenario(0);                                                                                                   \
    }                                                                                                                  \
    TEST(scenario##_2)                                                                                                 \
    {                                                                                                                  \
        scenario(1);                                                                                                   \
    }                                                                                                                  \
    TEST(scenario##_3)                                                                                                 \
    {                                                                                                                  \
        scenario(2);                                                                                                   \
    }                                                                                                                  \
    TEST(scenario##_4)                                                                                                 \
    {                                                                                                                  \
        scenario(3);                                                                                                   \
    }

static void a_mutex_alone(long part)
{
    step(&(struct stage){.n_sleepers = 0}, pass_mutex, after_mutex, part);
}
IN_FOUR_PARTS(a_mutex_alone)

static void a_mutex_that_others_sleep_for(long part)
{
    step(&(struct stage){.n_sleepers = 2, .sleep = sleep_for_mutex}, release_mutex, after_mutex, part);
}
IN_FOUR_PARTS(a_mutex_that_others_sleep_for)

static void a_mutex_that_another_takes_while_others_sleep_for_it(long part)
{
    struct stage stage = {.n_sleepers = 2, .sleep = sleep_for_mutex, .barges = true};

    step(&stage, release_mutex, after_mutex, part);
}
IN_FOUR_PARTS(a_mutex_that_another_takes_while_others_sleep_for_it)

static void a_waiter_for_a_mutex(long part)
{
    struct stage stage = {.n_sleepers = 1, .sleep = sleep_for_mutex, .give = give_mutex};

    step(&stage, pass_mutex, after_mutex, part);
}
IN_FOUR_PARTS(a_waiter_for_a_mutex)

static void a_semaphore_alone(long part)
{
    step(&(struct stage){.n_sleepers = 0}, pass_semaphore, after_semaphore, part);
}
IN_FOUR_PARTS(a_semaphore_alone)

static void a_release_of_permits_that_others_sleep_for(long part)
{
    struct stage stage = {.n_sleepers = 2, .sleep = sleep_for_permit, .n_released = 2};

    step(&stage, release_permits, after_semaphore, part);
}
IN_FOUR_PARTS(a_release_of_permits_that_others_sleep_for)

static void a_waiter_for_a_permit(long part)
{
    struct stage stage = {.n_sleepers = 1, .sleep = sleep_for_permit, .give = give_permits, .n_released = 1};

    step(&stage, acquire_permit, after_semaphore, part);
}
IN_FOUR_PARTS(a_waiter_for_a_permit)

static void a_waiter_for_one_of_two_permits(long part)
{
    struct stage stage = {.n_sleepers = 2, .sleep = sleep_for_permit, .give = give_permits, .n_released = 2};

    step(&stage, acquire_permit, after_semaphore, part);
}
IN_FOUR_PARTS(a_waiter_for_one_of_two_permits)

static void a_once(long part)
{
    step(&(struct stage){.n_sleepers = 0}, run_once, after_once, part);
}
IN_FOUR_PARTS(a_once)
