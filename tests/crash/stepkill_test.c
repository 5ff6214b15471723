/* stepkill_test.c -- the killer itself: it comes between any two instructions, finds a protocol that is torn there,
 * and passes the one that is not. */
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke/time.h>

#include "base/atomic.h"
#include "os/os.h"
#include "stepkill.h"

enum { READY = 1, CLAIMED = 2, DONE = 3, N_OUT = 4 };

/* A slot of a toy protocol: claimed by a CAS, then the results, then DONE. */
struct slot {
    yk_a32 state;
    bool torn; /* says DONE before the last result */
    volatile uint64_t out[N_OUT];
    long seen[4]; /* runs that ended in each state */
    long n_torn;
    long asleep;
};

static struct slot *new_slot(bool torn)
{
    struct slot *slot = mmap(NULL, sizeof *slot, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(slot != MAP_FAILED);
    yk_futex_wake(&slot->state, 1, true); /* binds the symbol, so that the child need not */
    slot->torn = torn;
    return slot;
}

static void setup(void *arg)
{
    struct slot *slot = arg;

    yk_store_rlx(&slot->state, READY);
    for (int i = 0; i < N_OUT; i++)
        slot->out[i] = 0;
}

static void body(void *arg)
{
    struct slot *slot = arg;
    uint32_t expected = READY;

    if (!yk_cas_acq(&slot->state, &expected, CLAIMED))
        return;
    for (int i = 0; i < N_OUT - 1; i++)
        slot->out[i] = 100 + (uint64_t)i;
    if (slot->torn)
        yk_store_rel(&slot->state, DONE);
    slot->out[N_OUT - 1] = 100 + N_OUT - 1;
    yk_store_rel(&slot->state, DONE);
}

static void after(void *arg, const struct stepkill_run *run)
{
    struct slot *slot = arg;
    uint32_t state = yk_load_acq(&slot->state);
    bool whole = true;

    (void)run;
    for (int i = 0; i < N_OUT; i++)
        whole = whole && slot->out[i] == 100 + (uint64_t)i;
    slot->seen[state]++;
    slot->n_torn += state == DONE && !whole;
}

static long each(struct stepkill *test)
{
    long points = stepkill_each(test);

    if (points == -EPERM || points == -ENOSYS)
        SKIP("this system does not let a process trace its child");
    CHECK(points > 0);
    return points;
}

TEST(stepkill_passes_a_right_protocol)
{
    struct slot *slot = new_slot(false);
    struct stepkill test = {.setup = setup, .body = body, .after = after, .arg = slot};
    long points = each(&test);

    /* it came before the claim, between, and after */
    CHECK(points > 20);
    CHECK(slot->seen[READY] > 0);
    CHECK(slot->seen[CLAIMED] > 0);
    CHECK(slot->seen[DONE] > 0);
    CHECK_EQ(slot->seen[READY] + slot->seen[CLAIMED] + slot->seen[DONE], points);
    CHECK_EQ(slot->n_torn, 0);
    munmap(slot, sizeof *slot);
}

TEST(stepkill_finds_a_torn_protocol)
{
    struct slot *slot = new_slot(true);
    struct stepkill test = {.setup = setup, .body = body, .after = after, .arg = slot};

    each(&test);
    CHECK(slot->n_torn > 0);
    munmap(slot, sizeof *slot);
}

static volatile int spent;

static void windowed_body(void *arg)
{

    for (int i = 0; i < 100000; i++)
        spent += i;
    stepkill_begin();
    body(arg);
    stepkill_end();
    for (int i = 0; i < 100000; i++)
        spent += i;
}

TEST(stepkill_counts_only_in_the_window)
{
    struct slot *slot = new_slot(true);
    struct stepkill test = {.setup = setup, .body = windowed_body, .after = after, .arg = slot, .window = true};
    long points = each(&test);

    CHECK(points < 20000);
    CHECK(slot->n_torn > 0);
    munmap(slot, sizeof *slot);
}

TEST(stepkill_takes_strides)
{
    struct slot *slot = new_slot(false);
    struct stepkill test = {.setup = setup, .body = body, .after = after, .arg = slot};
    long points = each(&test);

    test.stride = 10;

    long strides = each(&test);

    CHECK(strides >= points / 10 && strides <= points / 10 + 2);
    munmap(slot, sizeof *slot);
}

/* ---- a body that sleeps ---- */

static void sleeping_body(void *arg)
{
    struct slot *slot = arg;

    while (yk_load_acq(&slot->state) == READY)
        yk_futex_wait(&slot->state, READY, true, YOKE_FOREVER);
}

static void after_sleep(void *arg, const struct stepkill_run *run)
{
    struct slot *slot = arg;

    CHECK(run->end != STEPKILL_ENDED);
    slot->asleep += run->end == STEPKILL_ASLEEP;
}

TEST(stepkill_notices_sleep)
{
    struct slot *slot = new_slot(false);
    struct stepkill test = {.setup = setup, .body = sleeping_body, .after = after_sleep, .arg = slot};

    each(&test);
    CHECK_EQ(slot->asleep, 1);
    munmap(slot, sizeof *slot);
}

/* ---- a process that runs already ---- */

/* One that counts on, and one that sleeps. */
static pid_t start(struct slot *slot, void (*what)(void *))
{
    pid_t pid = fork();

    if (pid == 0) {
        what(slot);
        _exit(0);
    }
    CHECK(pid > 0);
    return pid;
}

static void counting_body(void *arg)
{
    struct slot *slot = arg;

    yk_store_rel(&slot->state, CLAIMED);
    yk_futex_wake(&slot->state, 1, true);
    for (;;)
        slot->out[0]++;
}

static void check_killed(pid_t pid)
{
    int status;

    /* the tracer was its parent too, and has reaped it */
    CHECK(waitpid(pid, &status, 0) < 0 && errno == ECHILD);
}

TEST(stepkill_kills_a_running_process)
{
    struct slot *slot = new_slot(false);
    struct stepkill_run run;
    pid_t pid;

    setup(slot);
    pid = start(slot, counting_body);
    while (yk_load_acq(&slot->state) == READY)
        yk_futex_wait(&slot->state, READY, true, YOKE_FOREVER);
    if (stepkill_process(pid, 50, &run) == -EPERM) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        SKIP("this system does not let a process trace its child");
    }
    CHECK_EQ(run.end, STEPKILL_KILLED);
    CHECK_EQ(run.steps, 50);
    CHECK(WIFSIGNALED(run.status) && WTERMSIG(run.status) == SIGKILL);
    check_killed(pid);
    munmap(slot, sizeof *slot);
}

TEST(stepkill_kills_a_sleeping_process)
{
    struct slot *slot = new_slot(false);
    struct stepkill_run run;
    pid_t pid;

    setup(slot);
    pid = start(slot, sleeping_body);
    if (stepkill_process(pid, 100000, &run) == -EPERM) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        SKIP("this system does not let a process trace its child");
    }
    CHECK_EQ(run.end, STEPKILL_ASLEEP);
    CHECK(WIFSIGNALED(run.status) && WTERMSIG(run.status) == SIGKILL);
    check_killed(pid);
    munmap(slot, sizeof *slot);
}
