/* condition_step_test.c -- a Condition between processes, of which one is killed after each of its instructions: while it notifies others,
 * while it waits and is notified, and while it passes a dead one's notification on.  Whatever the instruction: who was notified
 * returns, the notification of the dead goes to the next, and nobody returns without one.
 *
 * The victim is stepped; sleepers are processes beside it.  A keeper notifies when the victim sleeps, or is dead. */
#include <yoke/condition.h>
#include <yoke/mutex.h>

#include "beside.h"
#include "sync/wait.h"

enum { SLEEPERS = 2, SEATS = 4, TIMED_OUT = 9, SPURIOUS = 10 };

/* What the processes share. */
struct stage {
    yoke_mutex mutex;
    yoke_condition condition;
    yoke_seat seats[SEATS];
    int n_tokens;  /* under the mutex; each is announced by one notification */
    yk_a32 victim; /* its pid, once it runs */
    yk_a32 go;     /* the sleeper may begin */
    yk_a32 n_signals;
    yk_a32 waits; /* it holds the mutex, and will wait if there is no token */
    pid_t doomed, keeper, sleepers[SLEEPERS];
    unsigned n_notified; /* by the victim */
    bool ended;
};

/* 0 or -YOKE_EOWNERDEAD. */
static int enter(struct stage *stage)
{
    int rc = yoke_mutex_acquire(&stage->mutex);

    CHECK(rc == 0 || rc == -YOKE_EOWNERDEAD);
    return rc;
}

/* Waits for a token, and takes it; or until the mutex's owner has died, after which there may be none. */
static int take_token(struct stage *stage)
{
    int rc = enter(stage), code = 0;

    if (yk_load_rlx(&stage->go))
        tell(&stage->waits, 1);
    while (stage->n_tokens == 0 && rc == 0 && code == 0) {
        rc = yoke_condition_wait_until(&stage->condition, &stage->mutex, in_time());
        if (rc == -ETIMEDOUT)
            code = TIMED_OUT;
        else if (rc == 0 && stage->n_tokens == 0)
            code = SPURIOUS;
    }
    if (stage->n_tokens > 0)
        stage->n_tokens--;
    yoke_mutex_release(&stage->mutex);
    return code;
}

static pid_t start_taker(struct stage *stage, yk_a32 *after)
{
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        if (after)
            await(after);
        _exit(take_token(stage));
    }
    return pid;
}

/* Waits until so many wait, the last of whom is this one, which sleeps then. */
static void await_waiting(struct stage *stage, unsigned n, pid_t pid)
{
    while (yoke_condition_waiting(&stage->condition) != n)
        sched_yield();
    await_asleep_or_dead(pid);
}

static void clear(void *arg)
{
    struct stage *stage = arg;

    yoke_mutex_init(&stage->mutex, YOKE_SHARED);
    CHECK_EQ(yoke_condition_init(&stage->condition, stage->seats, SEATS), 0);
    stage->n_tokens = 0;
    stage->victim = stage->go = stage->waits = stage->n_signals = (yk_a32){0};
    stage->doomed = stage->keeper = 0;
}

static void begin(struct stage *stage)
{
    yk_tid();
    yk_spins();
    tell(&stage->victim, (uint32_t)getpid());
    stepkill_begin();
}

/* All seats can be had again. */
static void check_nobody_waits(struct stage *stage)
{
    CHECK_EQ(yoke_condition_waiting(&stage->condition), 0);
    enter(stage);
    CHECK_EQ(yoke_condition_notify(&stage->condition, 1), 0);
    for (int i = 0; i < SEATS; i++)
        CHECK(stage->seats[i].word == 0 && stage->seats[i].state == 0);
    CHECK_EQ(yoke_condition_wait_until(&stage->condition, &stage->mutex, YOKE_NOW), -ETIMEDOUT);
    yoke_mutex_release(&stage->mutex);
}

/* ---- one who notifies ---- */

static struct stage *here;

static void count(int number)
{
    (void)number;
    yk_add_rlx(&here->n_signals, 1);
}

/* A signal has the first sleep again, behind the second.  So the kernel, when it wakes one for a dead notifier, wakes the one that
 * was not notified. */
static void setup_two_asleep(void *arg)
{
    struct stage *stage = here = arg;

    clear(stage);
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = count}, NULL);
    for (unsigned i = 0; i < SLEEPERS; i++) {
        stage->sleepers[i] = start_taker(stage, NULL);
        await_waiting(stage, i + 1, stage->sleepers[i]);
    }
    CHECK_EQ(kill(stage->sleepers[0], SIGUSR1), 0);
    while (yk_load_rlx(&stage->n_signals) == 0)
        sched_yield();
    await_asleep_or_dead(stage->sleepers[0]);
}

static void notify(void *arg)
{
    struct stage *stage = arg;

    begin(stage);
    if (enter(stage) != 0)
        _exit(1);
    stage->n_tokens = 2;
    yoke_condition_notify(&stage->condition, stage->n_notified);
    yoke_mutex_release(&stage->mutex);
    stepkill_end();
}

static unsigned n_ended(const struct stage *stage)
{
    unsigned n = 0;

    for (int i = 0; i < SLEEPERS; i++)
        n += strchr("ZX", state_of(stage->sleepers[i])) != NULL;
    return n;
}

static void notify_the_rest(struct stage *stage)
{
    enter(stage);
    stage->n_tokens = SLEEPERS;
    yoke_condition_notify_all(&stage->condition);
    yoke_mutex_release(&stage->mutex);
}

/* As many as were notified end without help; or others in their place, who are told of the owner's death. */
static void after_notify(void *arg, const struct stepkill_run *run)
{
    struct stage *stage = arg;
    unsigned n_left = yoke_condition_waiting(&stage->condition);

    stage->ended = run->end == STEPKILL_ENDED;
    CHECK(!stage->ended || n_left == SLEEPERS - stage->n_notified);
    while (n_ended(stage) < SLEEPERS - n_left)
        sched_yield();
    notify_the_rest(stage);
    for (unsigned i = 0; i < SLEEPERS; i++)
        CHECK_EQ(reap(stage->sleepers[i]), 0);
}

static void step_notify(unsigned n_notified, long part)
{
    struct stage *stage = shared_memory(sizeof *stage);
    struct stepkill test = {.setup = setup_two_asleep, .body = notify, .after = after_notify, .arg = stage};

    stage->n_notified = n_notified;
    CHECK(step_on(&test, &stage->ended, part, 4, 8) > 500);
    munmap(stage, sizeof *stage);
}

TEST(one_who_notifies_one_1)
{
    step_notify(1, 0);
}

TEST(one_who_notifies_one_2)
{
    step_notify(1, 2);
}

TEST(one_who_notifies_two_1)
{
    step_notify(2, 1);
}

TEST(one_who_notifies_two_2)
{
    step_notify(2, 3);
}

/* ---- one who waits, and is notified or gives up ---- */

/* One token and one notification, when the victim sleeps or is dead, and the sleeper waits behind it. */
static void keep(struct stage *stage)
{
    await_asleep_or_dead((pid_t)await(&stage->victim));
    tell(&stage->go, 1);
    await(&stage->waits);
    enter(stage);
    stage->n_tokens = 1;
    yoke_condition_notify(&stage->condition, 1);
    if (stage->doomed) {
        kill(stage->doomed, SIGKILL);
        await_dead(stage->doomed);
    }
    yoke_mutex_release(&stage->mutex);
}

static void start_keeper(struct stage *stage)
{
    pid_t pid;

    stage->sleepers[0] = start_taker(stage, &stage->go);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        keep(stage);
        _exit(0);
    }
    stage->keeper = pid;
}

static void setup_keeper(void *arg)
{
    clear(arg);
    start_keeper(arg);
}

static void take(void *arg)
{
    begin(arg);
    if (take_token(arg) != 0)
        _exit(1);
    stepkill_end();
}

/* The sleeper gets the token if the victim did not; and if it did, another one. */
static void after_wait(void *arg, const struct stepkill_run *run)
{
    struct stage *stage = arg;

    stage->ended = run->end == STEPKILL_ENDED;
    CHECK(!stage->ended || WIFSIGNALED(run->status));
    CHECK_EQ(reap(stage->keeper), 0);
    /* killed, unless it was told before of the victim's death, as owner of the mutex */
    if (stage->doomed)
        CHECK(reap(stage->doomed) <= 0);
    /* after the owner's death, what it did with its notification is for others to find out */
    if (enter(stage) != 0 || stage->n_tokens == 0) {
        stage->n_tokens = 1;
        yoke_condition_notify_all(&stage->condition);
    }
    yoke_mutex_release(&stage->mutex);
    CHECK_EQ(reap(stage->sleepers[0]), 0);
    check_nobody_waits(stage);
}

static void step_wait(void (*setup)(void *arg), long part)
{
    struct stage *stage = shared_memory(sizeof *stage);
    struct stepkill test = {.setup = setup, .body = take, .after = after_wait, .arg = stage};

    CHECK(step_on(&test, &stage->ended, part, 8, 31) > 1000);
    munmap(stage, sizeof *stage);
}

TEST(one_who_waits_1)
{
    step_wait(setup_keeper, 0);
}

TEST(one_who_waits_2)
{
    step_wait(setup_keeper, 2);
}

TEST(one_who_waits_3)
{
    step_wait(setup_keeper, 4);
}

TEST(one_who_waits_4)
{
    step_wait(setup_keeper, 6);
}

/* Somebody waits before it, and is killed when it was notified: the victim is the heir, and has to see to that itself. */
static void setup_doomed(void *arg)
{
    struct stage *stage = arg;

    clear(stage);
    stage->doomed = start_taker(stage, NULL);
    await_waiting(stage, 1, stage->doomed);
    start_keeper(stage);
}

TEST(an_heir_1)
{
    step_wait(setup_doomed, 1);
}

TEST(an_heir_2)
{
    step_wait(setup_doomed, 3);
}

TEST(an_heir_3)
{
    step_wait(setup_doomed, 5);
}

TEST(an_heir_4)
{
    step_wait(setup_doomed, 7);
}

static void give_up(void *arg)
{
    struct stage *stage = arg;

    begin(stage);
    if (enter(stage) != 0 || yoke_condition_wait_until(&stage->condition, &stage->mutex, YOKE_NOW) != -ETIMEDOUT)
        _exit(1);
    yoke_mutex_release(&stage->mutex);
    stepkill_end();
}

static void after_giving_up(void *arg, const struct stepkill_run *run)
{
    struct stage *stage = arg;

    stage->ended = run->end == STEPKILL_ENDED;
    CHECK(!stage->ended || WIFSIGNALED(run->status));
    check_nobody_waits(stage);
}

TEST(one_who_gives_up)
{
    struct stage *stage = shared_memory(sizeof *stage);
    struct stepkill test = {.setup = clear, .body = give_up, .after = after_giving_up, .arg = stage};

    CHECK(step_on(&test, &stage->ended, 0, 1, 7) > 500);
    munmap(stage, sizeof *stage);
}
