/* event_model_test.c -- src/sync/event.c under every schedule: a set releases everybody who waits, also when a clear
 * follows at once, and with it comes what was written before. */
#include "builtins.h"

#include "../../src/sync/event.c"

static yoke_event event;
static int data, before[2];
static yk_a32 waiting, work;

static void reset(void)
{
    yoke_event_init(&event, YOKE_SHARED);
    data = before[0] = before[1] = 0;
    waiting = work = (yk_a32){0};
}

static void setter(void)
{
    explore_writes(&data);
    data = 1;
    yoke_event_set(&event);
}

static void waiter(void)
{
    yoke_event_wait(&event);
    explore_reads(&data);
    explore_assert(data == 1);
}

static void poller(void)
{
    if (yoke_event_is_set(&event)) {
        explore_reads(&data);
        explore_assert(data == 1);
    }
}

/* The pulse: who waits when it comes is released.  That both wait already is asked of the kernel: they sleep when
 * nobody else can run, and only then does this spin end. */
static void pulse(void)
{
    while (explore_asleep() < 2)
        yk_cpu_relax();
    setter();
    yoke_event_clear(&event);
}

static void impatient(void)
{
    if (yoke_event_wait_until(&event, yoke_now() + 5000) == 0)
        explore_reads(&data);
}

/* The consumer clears, looks, and waits; each set came after some work. */
static void producer(void)
{
    yk_add_rlx(&work, 1);
    yoke_event_set(&event);
}

static void consumer(void)
{
    for (;;) {
        yoke_event_clear(&event);
        if (yk_load_rlx(&work) == 2)
            return;
        yoke_event_wait(&event);
    }
}

#define OF_TWO .preemptions = 4
#define OF_THREE .delays = 3, .stale = 2

static const struct explore one = {.name = "a set releases a waiter",
                                   .setup = reset,
                                   OF_TWO,
                                   .spurious = 1,
                                   .threads = {{.body = setter}, {.body = waiter}}};
static const struct explore both = {.name = "a set releases all waiters",
                                    .setup = reset,
                                    OF_THREE,
                                    .threads = {{.body = setter}, {.body = waiter}, {.body = waiter}}};
static const struct explore pulsed = {.name = "set and clear release those who wait",
                                      .setup = reset,
                                      OF_THREE,
                                      .threads = {{.body = pulse}, {.body = waiter}, {.body = waiter}}};
static const struct explore polled = {
    .name = "is_set brings what was written", .setup = reset, OF_TWO, .threads = {{.body = setter}, {.body = poller}}};
static const struct explore timed = {
    .name = "a deadline and a set", .setup = reset, OF_TWO, .threads = {{.body = setter}, {.body = impatient}}};
static const struct explore produced = {.name = "clear, look, wait: no work is overlooked",
                                        .setup = reset,
                                        OF_THREE,
                                        .threads = {{.body = consumer}, {.body = producer}, {.body = producer}}};

/* All changes of the word are read-modify-writes, which take part in one order anyhow. */
static const struct explore_surplus surplus[] = {
    {"yoke_event_clear", "and seq_cst -> acq_rel", "nothing but this word is read in that order"},
    {"yoke_event_clear", "and seq_cst -> acquire", "a clear hands nothing on"},
    {"yoke_event_set", "cas acq_rel -> release", "a set takes nothing over"},
    {"yoke_event_set", "failed cas acquire -> relaxed", "a set takes nothing over"},
};

int main(void)
{
    const struct explore *const all[] = {&one, &polled, &timed, &both, &pulsed, &produced};

    for (int i = 0; i < 6; i++)
        explore_passes(all[i]);
    explore_mutants("sync/event.c", all, 6, surplus, 4);
    return explore_done();
}
