/* event_model_test.c -- src/sync/event.c under every schedule: a set releases everybody who waits, also when a clear
 * follows at once, and with it comes what was written before; also when one dies in the middle of a set or a wait. */
#include "sleep.h"

#include "../../src/sync/event.c"

static yoke_event event;
static int data, n_released;
static yk_a32 waiting, work;

static void reset(void)
{
    yoke_event_init(&event, YOKE_SHARED);
    data = n_released = 0;
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

/* Sets an event that may be set already, by one that died before it could wake anybody. */
static void second_setter(void)
{
    yoke_event_set(&event);
}

static void mere_waiter(void)
{
    yoke_event_wait(&event);
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

static const struct explore setter_dies = {
    .name = "one dies in the middle of a set: the next set releases all, though it finds the event set",
    .setup = reset,
    .delays = 2,
    .stale = 1,
    .deaths = 1,
    .threads = {
        {.body = mere_waiter}, {.body = mere_waiter}, {.body = setter, .killable = true}, {.body = second_setter}}};
static const struct explore waiter_dies = {
    .name = "one dies in the middle of a wait",
    .setup = reset,
    .delays = 3,
    .stale = 1,
    .deaths = 1,
    .threads = {{.body = waiter, .killable = true}, {.body = waiter}, {.body = setter}}};

/* The one that the kernel wakes for the dead one may be this newcomer, which waits for the next set. */
static void newcomer(void)
{
    if (!yoke_event_is_set(&event))
        return;
    yoke_event_clear(&event);
    yoke_event_wait(&event);
}

static void counted_waiter(void)
{
    yoke_event_wait(&event);
    n_released++;
}

static void setter_of_two(void)
{
    while (explore_asleep() < 2)
        yk_cpu_relax();
    yoke_event_set(&event);
}

static void both_released(void)
{
    explore_assert(event.word < ONE || n_released == 2);
}

static const struct explore newcomer_woken = {
    .name = "one dies in the middle of a set, which is cleared: those who waited are released",
    .setup = reset,
    .check = both_released,
    .delays = 2,
    .stale = 1,
    .deaths = 1,
    .threads = {{.body = counted_waiter, .daemon = true},
                {.body = counted_waiter, .daemon = true},
                {.body = setter_of_two, .killable = true},
                {.body = newcomer, .daemon = true}}};

/* All changes of the word are read-modify-writes, which take part in one order anyhow. */
static const struct explore_surplus surplus[] = {
    {"yoke_event_clear", "cas seq_cst -> acq_rel", "nothing but this word is read in that order"},
    {"yoke_event_clear", "cas seq_cst -> acquire", "a clear hands nothing on"},
    {"yoke_event_clear", "failed cas seq_cst -> relaxed", "it is tried again"},
    {"yoke_event_set", "cas acq_rel -> release", "a set takes nothing over"},
    {"yoke_event_set", "failed cas acquire -> relaxed", "a set takes nothing over"},
};

int main(void)
{
    const struct explore *const all[] = {&one,      &polled,      &timed,       &both,          &pulsed,
                                         &produced, &setter_dies, &waiter_dies, &newcomer_woken};

    for (int i = 0; i < 9; i++)
        explore_passes(all[i]);
    explore_mutants("sync/event.c", all, 9, surplus, 5);
    return explore_done();
}
