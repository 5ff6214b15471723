/* rwlock_shared_model_test.c -- src/sync/rwlock_shared.c, on the shipped seats and mutex, under every schedule and with a death at
 * every step: writers alone, who sees what the ones before wrote, a dead writer told of until the next one has been there, and
 * nobody asleep for ever, whoever dies. */
#include "builtins.h"

#include "sleep.h"

#include "../../src/sync/mutex.c"
#include "../../src/sync/rwlock_shared.c"
#include "../../src/sync/seat.c"

enum { NOBODY, READER, WRITER_ };

static yoke_rwlock lock;
static yoke_seat seats[3];
static int data, n_done, n_without, n_deaths;
static int inside[EXPLORE_THREADS];   /* what a thread does there; stays when it dies */
static bool is_dead[EXPLORE_THREADS]; /* or must be, since another one was let in */
static bool gone[EXPLORE_THREADS];    /* has been inside, or is dead */
static bool torn, repaired;           /* a writer has not ended; one that was told has */

static void reset_with(uint32_t n_seats)
{
    if (yoke_rwlock_init(&lock, seats, n_seats) < 0)
        explore_fail("init");
    data = n_done = n_without = n_deaths = 0;
    for (int t = 0; t < EXPLORE_THREADS; t++) {
        inside[t] = NOBODY;
        is_dead[t] = gone[t] = false;
    }
    torn = repaired = false;
    n_spins = 0;
    ghost = 0;
    yoke_thread_interruptible(0);
}

static void reset_1(void)
{
    reset_with(1);
}

static void reset_2(void)
{
    reset_with(2);
}

static void reset_interruptible(void)
{
    reset_with(1);
    yoke_thread_interruptible(1);
}

static void died(int thread)
{
    n_deaths++;
    is_dead[thread] = gone[thread] = true;
}

/* ---- who comes ---- */

/* Those who are in the way of this one must be dead: whether they are is seen when they go on. */
static void enter(int as, int rc)
{
    explore_assert(rc == 0 || rc == -YOKE_EOWNERDEAD);
    for (int t = 0; t < EXPLORE_THREADS; t++)
        if (inside[t] == WRITER_ || (inside[t] == READER && as == WRITER_))
            is_dead[t] = true;
    explore_assert(!torn || rc != 0);
    explore_assert(rc == 0 || !repaired);
    inside[explore_self()] = as;
}

static void still_there(void)
{
    explore_step();
    explore_assert(!is_dead[explore_self()]);
}

/* Is about to release. */
static void end_visit(void)
{
    inside[explore_self()] = NOBODY;
    gone[explore_self()] = true;
    n_done++;
}

static void read_inside(int rc)
{
    enter(READER, rc);
    explore_reads(&data);
    still_there();
    still_there();
    end_visit();
    yk_rwlock_read_release(&lock);
}

static void write_inside(int rc)
{
    enter(WRITER_, rc);
    explore_writes(&data);
    torn = true;
    still_there();
    data++;
    still_there();
    torn = false;
    repaired = rc != 0;
    end_visit();
    yk_rwlock_write_release(&lock);
}

static void reader(void)
{
    int rc;

    do
        rc = yk_rwlock_read_acquire(&lock, YOKE_FOREVER);
    while (rc == -EINTR);
    read_inside(rc);
}

static void writer(void)
{
    write_inside(yk_rwlock_write_acquire(&lock, YOKE_FOREVER));
}

static bool came_in(int rc)
{
    if (rc == 0 || rc == -YOKE_EOWNERDEAD)
        return true;
    explore_assert(rc == -ETIMEDOUT || rc == -EINTR);
    n_without++;
    return false;
}

static void impatient_reader(void)
{
    int rc = yk_rwlock_read_acquire(&lock, yoke_now() + 5000);

    if (came_in(rc))
        read_inside(rc);
}

static void impatient_writer(void)
{
    int rc = yk_rwlock_write_acquire(&lock, yoke_now() + 5000);

    if (came_in(rc))
        write_inside(rc);
}

/* ---- who goes when the others sleep ---- */

/* Or have come and gone. */
static void await_asleep(int n)
{
    while (explore_asleep() + n_done + n_without + n_deaths < n)
        yk_cpu_relax();
}

/* Leaves, or dies. */
static void holder(void)
{
    explore_mortal(false);
    enter(READER, yk_rwlock_read_acquire(&lock, YOKE_FOREVER));
    await_asleep(2);
    end_visit();
    explore_mortal(true);
    yk_rwlock_read_release(&lock);
}

static int n_gone(void)
{
    int n = 0;

    for (int t = 0; t < EXPLORE_THREADS; t++)
        n += gone[t];
    return n;
}

/* Stays until both other readers have read, or are dead; no writer can have written meanwhile. */
static void keeper(void)
{
    enter(READER, yk_rwlock_read_acquire(&lock, YOKE_FOREVER));
    while (n_gone() < 2)
        yk_cpu_relax();
    inside[explore_self()] = NOBODY;
    yk_rwlock_read_release(&lock);
}

static void dying_reader(void)
{
    enter(READER, yk_rwlock_read_acquire(&lock, YOKE_FOREVER));
    await_asleep(2);
    explore_kill(explore_self());
}

static void dying_writer(void)
{
    enter(WRITER_, yk_rwlock_write_acquire(&lock, YOKE_FOREVER));
    torn = true;
    await_asleep(2);
    explore_kill(explore_self());
}

static void writer_that_dies_at_once(void)
{
    enter(WRITER_, yk_rwlock_write_acquire(&lock, YOKE_FOREVER));
    torn = true;
    explore_kill(explore_self());
}

/* The kernel has the chair as intended only, and so marks it after the mutex. */
static void writer_that_dies_sitting_down(void)
{
    await_asleep(1);
    explore_assert(yoke_mutex_acquire(&lock.writers) == 0);
    yk_robust_intend(yk_seat_word(&lock.chair));
    yk_store_rlx(yk_seat_word(&lock.chair), yk_tid() | YK_WAITED);
    explore_kill(explore_self());
}

static void two_readings(void)
{
    reader();
    reader();
}

/* Nobody is left there, but the dead. */
static void all_gone(void)
{
    explore_assert(!(lock.turn & WRITER) || yk_seat_dead(lock.chair.word));
    explore_assert((lock.writers.word & YK_TID) == 0);
    for (uint32_t i = 0; i < lock.n_seats; i++)
        explore_assert((seats[i].word & YK_TID) == 0);
    explore_assert(n_deaths > 0 || lock.n_seeking == 0);
}

#define DONE(n)                                                                                                        \
    static void done_##n(void)                                                                                         \
    {                                                                                                                  \
        explore_assert(n_done + n_without == n);                                                                       \
        all_gone();                                                                                                    \
    }
DONE(2)
DONE(3)

/* ---- the scenarios ---- */

#define MORTAL(body)                                                                                                   \
    {                                                                                                                  \
        body, .killable = true                                                                                         \
    }
#define BODIES(...) .threads = {__VA_ARGS__}
#define OF_TWO .check = done_2, .preemptions = 2
#define OF_THREE .check = done_3, .delays = 3, .stale = 1
#define DEATH_OF_TWO .check = all_gone, .on_death = died, .preemptions = 2, .deaths = 1, .stale = 1
#define DEATH_OF_THREE .check = all_gone, .on_death = died, .delays = 1, .deaths = 1, .stale = -1, .executions = 250000
#define DEATHS_OF_FOUR                                                                                                 \
    .check = all_gone, .on_death = died, .preemptions = 12, .deaths = 2, .stale = -1, .executions = 100000

static const struct explore read_write = {
    .name = "a reader and a writer", .setup = reset_1, OF_TWO, .spurious = 1, BODIES({reader}, {writer})};
static const struct explore write_write = {.name = "two writers", .setup = reset_1, OF_TWO, BODIES({writer}, {writer})};
static const struct explore read_read = {
    .name = "two readers, one seat", .setup = reset_1, OF_TWO, BODIES({reader}, {reader})};
static const struct explore three = {
    .name = "two readers and a writer", .setup = reset_2, OF_THREE, BODIES({reader}, {reader}, {writer})};
static const struct explore one_seat = {
    .name = "two readers and a writer, one seat", .setup = reset_1, OF_THREE, BODIES({reader}, {reader}, {writer})};
static const struct explore late = {.name = "a writer and a reader give up",
                                    .setup = reset_1,
                                    .check = done_3,
                                    .delays = 3,
                                    .stale = -1,
                                    BODIES({impatient_writer}, {impatient_reader}, {reader})};
static const struct explore signals = {.name = "signals end waits",
                                       .setup = reset_interruptible,
                                       .check = done_3,
                                       .delays = 2,
                                       .stale = -1,
                                       .interrupts = 2,
                                       BODIES({impatient_writer}, {impatient_reader}, {reader})};

static const struct explore dead_reader = {
    .name = "a reader dies beside a writer", .setup = reset_1, DEATH_OF_TWO, BODIES(MORTAL(reader), {writer})};
static const struct explore dead_writer = {
    .name = "a writer dies beside a reader", .setup = reset_1, DEATH_OF_TWO, BODIES({reader}, MORTAL(writer))};
static const struct explore dead_writer_2 = {
    .name = "a writer dies beside a writer", .setup = reset_1, DEATH_OF_TWO, BODIES(MORTAL(writer), {writer})};
static const struct explore leave_1 = {.name = "a reader leaves or dies while a writer and a reader sleep",
                                       .setup = reset_2,
                                       DEATH_OF_THREE,
                                       BODIES(MORTAL(holder), {writer}, {reader})};
static const struct explore leave_2 = {.name =
                                           "a reader leaves or dies while a reader wants its seat and a writer sleeps",
                                       .setup = reset_1,
                                       DEATH_OF_THREE,
                                       BODIES(MORTAL(holder), {reader}, {writer})};
static const struct explore leave_3 = {.name = "a reader leaves or dies while a writer waits for another one",
                                       .setup = reset_2,
                                       DEATH_OF_THREE,
                                       BODIES(MORTAL(holder), {keeper}, {impatient_writer}, {reader})};
static const struct explore wake_1 = {.name = "a reader dies, and so may a reader that wants its seat",
                                      .setup = reset_1,
                                      DEATH_OF_THREE,
                                      BODIES({dying_reader}, MORTAL(reader), {writer})};
static const struct explore wake_2 = {.name = "a reader dies, and so may a writer that waits for it",
                                      .setup = reset_1,
                                      DEATH_OF_THREE,
                                      BODIES({dying_reader}, {reader}, MORTAL(writer))};
static const struct explore wake_3 = {.name = "a reader dies, and so may one of two that want its seat",
                                      .setup = reset_1,
                                      DEATH_OF_THREE,
                                      BODIES({dying_reader}, MORTAL(reader), {reader})};
static const struct explore wake_4 = {.name = "a writer dies, and so may one of two readers",
                                      .setup = reset_2,
                                      DEATH_OF_THREE,
                                      BODIES({dying_writer}, MORTAL(reader), {reader})};
static const struct explore wake_5 = {.name = "a writer dies, and so may a reader that waits beside a writer",
                                      .setup = reset_1,
                                      DEATH_OF_THREE,
                                      BODIES({dying_writer}, MORTAL(reader), {writer})};
static const struct explore wake_6 = {.name = "a writer dies, and so may the next one, beside a reader",
                                      .setup = reset_1,
                                      DEATH_OF_THREE,
                                      BODIES({dying_writer}, {reader}, MORTAL(writer))};
static const struct explore wake_7 = {.name =
                                          "a reader leaves or dies, and the next writer waits for a dead one's chair",
                                      .setup = reset_1,
                                      DEATH_OF_THREE,
                                      BODIES(MORTAL(holder), {reader}, {writer_that_dies_sitting_down}, {writer})};
static const struct explore told = {.name = "a dead writer is told of, whatever a writer does that gives up",
                                    .setup = reset_2,
                                    .check = all_gone,
                                    .on_death = died,
                                    .delays = 2,
                                    .stale = -1,
                                    BODIES({writer_that_dies_at_once}, {two_readings}, {impatient_writer})};
static const struct explore deaths = {.name = "two deaths among four, at random",
                                      .setup = reset_2,
                                      DEATHS_OF_FOUR,
                                      .seed = 7,
                                      BODIES(MORTAL(writer), MORTAL(reader), MORTAL(reader), MORTAL(reader))};
static const struct explore deaths_1 = {.name = "two deaths among four, one seat, at random",
                                        .setup = reset_1,
                                        DEATHS_OF_FOUR,
                                        .seed = 8,
                                        BODIES(MORTAL(writer), MORTAL(writer), MORTAL(reader), MORTAL(reader))};

int main(void)
{
    const struct explore *const all[] = {&read_write, &write_write, &read_read,   &three,         &one_seat, &late,
                                         &signals,    &dead_reader, &dead_writer, &dead_writer_2, &leave_1,  &leave_2,
                                         &leave_3,    &wake_1,      &wake_2,      &wake_3,        &wake_4,   &wake_5,
                                         &wake_6,     &wake_7,      &told,        &deaths,        &deaths_1};
    const int n = sizeof all / sizeof *all;

    for (int i = 0; i < n; i++)
        explore_passes(all[i]);
    return explore_done();
}
