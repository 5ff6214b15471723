/* barrier_step_test.c -- a Barrier between processes, of which one is killed after each of its instructions: when it is the last or the
 * first to arrive, runs out of time, aborts, resets.  Whatever the instruction: all others get through, or all are told; at once.
 *
 * The victim is stepped; the other parties are processes beside it. */
#include <yoke/barrier.h>

#include "beside.h"
#include "sync/wait.h"

enum { OTHERS = 2, TOLD = 100, TIMED_OUT = 101 };

/* What the processes share. */
struct stage {
    yoke_barrier barrier;
    yoke_seat seats[OTHERS + 2];
    unsigned parties;
    yk_a32 victim; /* its pid, once it runs */
    yk_a32 go;     /* the others may come */
    pid_t keeper, others[OTHERS];
    bool ended;
    long n_passed, n_told; /* runs in which they got through, and in which they did not */
};

/* Its index, or what else became of it. */
static int come(struct stage *stage)
{
    int rc = yoke_barrier_wait_until(&stage->barrier, in_time());

    yoke_barrier_leave(&stage->barrier);
    return rc == -YOKE_EBARRIER ? TOLD : rc < 0 ? TIMED_OUT : rc;
}

static pid_t start_other(struct stage *stage, yk_a32 *after)
{
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        if (after)
            await(after);
        _exit(come(stage));
    }
    return pid;
}

static void clear(struct stage *stage)
{
    CHECK_EQ(yoke_barrier_init(&stage->barrier, stage->parties, stage->seats), 0);
    stage->victim = stage->go = (yk_a32){0};
    stage->keeper = 0;
}

static void setup_others_asleep(void *arg)
{
    struct stage *stage = arg;

    clear(stage);
    for (unsigned i = 0; i < OTHERS; i++) {
        stage->others[i] = start_other(stage, NULL);
        while (yoke_barrier_waiting(&stage->barrier) != i + 1)
            sched_yield();
        await_asleep_or_dead(stage->others[i]);
    }
}

static void begin(struct stage *stage)
{
    yk_tid();
    yk_spins();
    tell(&stage->victim, (uint32_t)getpid());
    stepkill_begin();
}

/* Both, or none. */
static void check_others(struct stage *stage)
{
    int first = reap(stage->others[0]), second = reap(stage->others[1]);

    CHECK(first >= 0 && first != TIMED_OUT);
    CHECK(first == TOLD ? second == TOLD : second != first && second < (int)stage->parties);
    stage->n_passed += first != TOLD;
    stage->n_told += first == TOLD;
}

static void check_usable(struct stage *stage)
{
    if (stage->parties == 1)
        return;
    yoke_barrier_reset(&stage->barrier);
    CHECK_EQ(yoke_barrier_broken(&stage->barrier), 0);
    for (unsigned i = 0; i < stage->parties; i++)
        CHECK_EQ(stage->seats[i].word, 0);
}

static void step(void (*setup)(void *arg), void (*body)(void *arg),
                 void (*after)(void *arg, const struct stepkill_run *run), unsigned parties, long part)
{
    struct stage *stage = shared_memory(sizeof *stage);
    struct stepkill test = {.setup = setup, .body = body, .after = after, .arg = stage};

    stage->parties = parties;
    CHECK(step_on(&test, &stage->ended, part, 4, 16) > 100);
    /* the victim was killed before it had done anything, and after all was done; or the other way round */
    CHECK(stage->n_told > 0);
    munmap(stage, sizeof *stage);
}

/* ---- parties ---- */

static void meet(void *arg)
{
    struct stage *stage = arg;

    begin(stage);
    if (yoke_barrier_wait(&stage->barrier) < 0)
        _exit(1);
    yoke_barrier_leave(&stage->barrier);
    stepkill_end();
}

/* Who was killed before it had a seat does not come, and somebody else does. */
static void come_instead(struct stage *stage, const struct stepkill_run *run)
{
    stage->ended = run->end == STEPKILL_ENDED;
    CHECK(!stage->ended || WIFSIGNALED(run->status));
    if (!yoke_barrier_broken(&stage->barrier) && yoke_barrier_waiting(&stage->barrier) == OTHERS)
        CHECK(come(stage) < OTHERS + 1);
}

static void after_last(void *arg, const struct stepkill_run *run)
{
    struct stage *stage = arg;

    come_instead(stage, run);
    check_others(stage);
    check_usable(stage);
}

TEST(the_last_to_arrive_1)
{
    step(setup_others_asleep, meet, after_last, OTHERS + 1, 0);
}

TEST(the_last_to_arrive_2)
{
    step(setup_others_asleep, meet, after_last, OTHERS + 1, 1);
}

TEST(the_last_to_arrive_3)
{
    step(setup_others_asleep, meet, after_last, OTHERS + 1, 2);
}

TEST(the_last_to_arrive_4)
{
    step(setup_others_asleep, meet, after_last, OTHERS + 1, 3);
}

/* The others come when the victim sleeps, or is dead. */
static void setup_others_to_come(void *arg)
{
    struct stage *stage = arg;
    pid_t pid;

    clear(stage);
    for (int i = 0; i < OTHERS; i++)
        stage->others[i] = start_other(stage, &stage->go);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        await_asleep_or_dead((pid_t)await(&stage->victim));
        tell(&stage->go, 1);
        _exit(0);
    }
    stage->keeper = pid;
}

static void after_first(void *arg, const struct stepkill_run *run)
{
    struct stage *stage = arg;

    CHECK_EQ(reap(stage->keeper), 0);
    /* they sleep, or have ended */
    await_asleep_or_dead(stage->others[0]);
    await_asleep_or_dead(stage->others[1]);
    come_instead(stage, run);
    check_others(stage);
    check_usable(stage);
}

TEST(the_first_to_arrive_1)
{
    step(setup_others_to_come, meet, after_first, OTHERS + 1, 0);
}

TEST(the_first_to_arrive_2)
{
    step(setup_others_to_come, meet, after_first, OTHERS + 1, 1);
}

TEST(the_first_to_arrive_3)
{
    step(setup_others_to_come, meet, after_first, OTHERS + 1, 2);
}

TEST(the_first_to_arrive_4)
{
    step(setup_others_to_come, meet, after_first, OTHERS + 1, 3);
}

/* ---- those who break it ---- */

static void run_out_of_time(void *arg)
{
    struct stage *stage = arg;

    begin(stage);
    if (yoke_barrier_wait_until(&stage->barrier, YOKE_NOW) != -ETIMEDOUT)
        _exit(1);
    yoke_barrier_leave(&stage->barrier);
    stepkill_end();
}

static void abort_it(void *arg)
{
    struct stage *stage = arg;

    begin(stage);
    yoke_barrier_abort(&stage->barrier);
    stepkill_end();
}

static void reset_it(void *arg)
{
    struct stage *stage = arg;

    begin(stage);
    yoke_barrier_reset(&stage->barrier);
    stepkill_end();
}

/* If it had begun, the others are told without help. */
static void after_break(void *arg, const struct stepkill_run *run)
{
    struct stage *stage = arg;

    stage->ended = run->end == STEPKILL_ENDED;
    CHECK(!stage->ended || WIFSIGNALED(run->status));
    if (!yoke_barrier_broken(&stage->barrier) && yoke_barrier_waiting(&stage->barrier) == OTHERS)
        yoke_barrier_abort(&stage->barrier);
    check_others(stage);
    CHECK_EQ(stage->n_passed, 0);
    check_usable(stage);
}

TEST(one_who_runs_out_of_time_1)
{
    step(setup_others_asleep, run_out_of_time, after_break, OTHERS + 2, 0);
}

TEST(one_who_runs_out_of_time_2)
{
    step(setup_others_asleep, run_out_of_time, after_break, OTHERS + 2, 2);
}

TEST(one_who_aborts_1)
{
    step(setup_others_asleep, abort_it, after_break, OTHERS + 1, 1);
}

TEST(one_who_aborts_2)
{
    step(setup_others_asleep, abort_it, after_break, OTHERS + 1, 3);
}

TEST(one_who_resets_1)
{
    step(setup_others_asleep, reset_it, after_break, OTHERS + 1, 0);
}

TEST(one_who_resets_2)
{
    step(setup_others_asleep, reset_it, after_break, OTHERS + 1, 2);
}
