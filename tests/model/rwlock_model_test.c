/* rwlock_model_test.c -- src/sync/rwlock.c and its word under every schedule: writers alone, who sees what the ones before wrote, nobody asleep
 * for ever, a reader behind one writer at most, nothing touched once somebody else may free it, and the first calls after a fork. */
#include "watch.h"

#include <string.h>

static int late_after; /* set by setup */
#define LATE_AFTER late_after
#include "sleep.h"

#include "../../src/sync/mutex.c"
#include "../../src/sync/rwlock.c"
#include "../../src/sync/rwlock_word.c"

static yoke_rwlock lock;
static int data, n_done, n_without, n_told, n_inside, n_writes;
static int writes_before[EXPLORE_THREADS]; /* for each reader: n_writes when it counted itself in */
static bool writing, freed;
static bool forgets; /* broken: the end of a turn lets in nobody who waits */

/* ---- what the lock does not need here ---- */

int yk_rwlock_read_acquire(yoke_rwlock *rwlock, yoke_time deadline)
{
    (void)rwlock;
    (void)deadline;
    explore_fail("a shared lock");
}

void yk_rwlock_read_release(yoke_rwlock *rwlock)
{
    (void)yk_rwlock_read_acquire(rwlock, 0);
}

int yk_rwlock_write_acquire(yoke_rwlock *rwlock, yoke_time deadline)
{
    return yk_rwlock_read_acquire(rwlock, deadline);
}

void yk_rwlock_write_release(yoke_rwlock *rwlock)
{
    (void)yk_rwlock_read_acquire(rwlock, 0);
}

int yk_at_fork(void (*child)(void))
{
    (void)child;
    return 0;
}

/* ---- watched ---- */

static void touch_lock(const void *address)
{
    uintptr_t at = (uintptr_t)address - (uintptr_t)&lock;

    if (freed && at < sizeof lock)
        explore_fail("the memory was touched after it was freed");
}

static uint64_t watch_load(const void *address, unsigned size, int order, struct explore_site *site)
{
    uint64_t value = (explore_load)(address, size, order, site);

    touch_lock(address);
    return value;
}

static void watch_store(void *address, unsigned size, uint64_t value, int order, struct explore_site *site)
{
    (explore_store)(address, size, value, order, site);
    touch_lock(address);
}

static uint64_t watch_modify(enum explore_kind kind, void *address, unsigned size, uint64_t operand, int order,
                             struct explore_site *site)
{
    uint64_t old = (explore_modify)(kind, address, size, operand, order, site);

    touch_lock(address);
    if (address == &lock.state && operand == YK_RW_ONE_READING)
        writes_before[explore_self()] = n_writes;
    return old;
}

static bool watch_cas(void *address, unsigned size, void *expected, uint64_t desired, int order, int failure,
                      struct explore_site *site)
{
    uint64_t before = 0;
    bool done;

    memcpy(&before, expected, size);
    if (forgets && address == &lock.state && (before & YK_RW_WRITER) && !(desired & YK_RW_WRITER))
        desired -= (before & YK_RW_WAITING) / YK_RW_ONE_WAITING;
    done = (explore_cas)(address, size, expected, desired, order, failure, site);
    touch_lock(address);
    return done;
}

/* ---- who comes ---- */

static void reset(void)
{
    lock = (yoke_rwlock){0};
    data = n_done = n_without = n_told = n_inside = n_writes = 0;
    writing = freed = forgets = false;
    n_spins = 0;
    late_after = 1;
    ghost = 0;
    yk_rw_forks = 0;
    yk_rw_keeps_readers = false;
    yk_rw_n_reading = 0;
    yoke_thread_interruptible(0);
}

static void reset_spinning(void)
{
    reset();
    n_spins = 2;
}

static void reset_interruptible(void)
{
    reset();
    yoke_thread_interruptible(1);
}

static void reset_forgetful(void)
{
    reset();
    forgets = true;
}

static void read_inside(void)
{
    explore_reads(&data);
    explore_assert(!writing);
    /* whoever was there, or announced, when it came; and nobody else */
    explore_assert(n_writes - writes_before[explore_self()] <= 1);
    n_inside++;
    explore_step();
    explore_assert(!writing);
    n_inside--;
    n_done++;
}

static void write_inside(void)
{
    explore_writes(&data);
    explore_assert(!writing && n_inside == 0);
    writing = true;
    n_writes++;
    data++;
    explore_step();
    explore_assert(n_inside == 0);
    writing = false;
    n_done++;
}

static void count(int rc)
{
    explore_assert(rc == 0 || rc == -YOKE_EOWNERDEAD);
    n_told += rc != 0;
}

static void reader(void)
{
    count(yoke_rwlock_read_acquire(&lock));
    read_inside();
    yoke_rwlock_read_release(&lock);
}

static void writer(void)
{
    count(yoke_rwlock_write_acquire(&lock));
    write_inside();
    yoke_rwlock_write_release(&lock);
}

static void two_readings(void)
{
    reader();
    reader();
}

static void two_writings(void)
{
    writer();
    writer();
}

static bool came_in(int rc)
{
    if (rc == 0 || rc == -YOKE_EOWNERDEAD)
        return true;
    explore_assert(rc == -ETIMEDOUT || rc == -EINTR);
    n_without++;
    return false;
}

static void read_until(yoke_time deadline)
{
    if (came_in(yoke_rwlock_read_acquire_until(&lock, deadline))) {
        read_inside();
        yoke_rwlock_read_release(&lock);
    }
}

static void write_until(yoke_time deadline)
{
    if (came_in(yoke_rwlock_write_acquire_until(&lock, deadline))) {
        write_inside();
        yoke_rwlock_write_release(&lock);
    }
}

#define UNTIL(who, does, deadline)                                                                                     \
    static void who(void)                                                                                              \
    {                                                                                                                  \
        does##_until(deadline);                                                                                        \
    }
UNTIL(impatient_reader, read, yoke_now() + 5000)
UNTIL(impatient_writer, write, yoke_now() + 5000)
UNTIL(trying_reader, read, YOKE_NOW)
UNTIL(trying_writer, write, YOKE_NOW)

/* The lock is as if nobody had ever been there, but for the turn. */
static void all_gone(void)
{
    explore_assert((lock.state & ~YK_RW_TURN) == yk_rw_forks && !(lock.state & YK_RW_WRITER));
    explore_assert(lock.owner == 0 && lock.writers.word == 0 && yk_rw_n_reading == 0);
}

#define DONE(n)                                                                                                        \
    static void done_##n(void)                                                                                         \
    {                                                                                                                  \
        explore_assert(n_done + n_without == n && n_told == 0);                                                        \
        all_gone();                                                                                                    \
    }
DONE(2)
DONE(3)
DONE(4)

/* ---- who frees the memory ---- */

static void last_writer(void)
{
    count(yoke_rwlock_write_acquire(&lock));
    freed = true;
}

static void last_reader(void)
{
    count(yoke_rwlock_read_acquire(&lock));
    freed = true;
}

/* Somebody holds it when the last one comes. */
static void reset_read(void)
{
    reset();
    lock.state = YK_RW_ONE_READING;
    yk_rw_n_reading = 1;
}

static void reset_written(void)
{
    reset();
    lock.state = YK_RW_ONE_TURN;
    lock.owner = 1;
}

static void leave_reading(void)
{
    yoke_rwlock_read_release(&lock);
}

static void leave_writing(void)
{
    lock.owner = explore_tid();
    yoke_rwlock_write_release(&lock);
}

/* ---- after a fork ---- */

enum { GHOST = 77 };

/* Readers that are there no more, one of whom had just come while a writer waited. */
static void reset_forked_readers(void)
{
    reset();
    lock.state = 3 * YK_RW_ONE_READING + YK_RW_ONE_WAITING + YK_RW_ONE_TURN + YK_RW_HEAD;
    yk_rw_forks = YK_RW_ONE_FORK;
    ghost = GHOST;
}

static void reset_forked_writer(void)
{
    reset();
    lock.state = YK_RW_ONE_TURN + 2 * YK_RW_ONE_WAITING + YK_RW_LATE;
    lock.owner = GHOST;
    yk_rw_forks = YK_RW_ONE_FORK;
    ghost = GHOST;
}

/* Thread 0 reads: it has forked while it did. */
static void reset_forked_by_reader(void)
{
    reset();
    lock.state = YK_RW_ONE_READING + YK_RW_ONE_WAITING + YK_RW_ONE_TURN;
    yk_rw_forks = YK_RW_ONE_FORK;
    yk_rw_keeps_readers = true;
    yk_rw_n_reading = 1;
}

/* Thread 0 writes. */
static void reset_forked_by_writer(void)
{
    reset_written();
    lock.state += YK_RW_ONE_WAITING;
    yk_rw_forks = YK_RW_ONE_FORK;
    yk_rw_keeps_readers = true;
}

static void survivor(void)
{
    yoke_rwlock_read_release(&lock);
    reader();
}

/* Readers are told until a writer has been there; it is told itself. */
static void told_2(void)
{
    explore_assert(n_done == 3 && n_told >= 1 && n_told <= 3);
    all_gone();
}

/* ---- the scenarios ---- */

#define OF_TWO .preemptions = 4
#define OF_THREE .delays = 3, .stale = 1
#define BODIES(...) .threads = {__VA_ARGS__}

static const struct explore read_write = {.name = "a reader and a writer",
                                          .setup = reset,
                                          .check = done_2,
                                          OF_TWO,
                                          .spurious = 1,
                                          BODIES({reader}, {writer})};
static const struct explore write_write = {
    .name = "two writers", .setup = reset, .check = done_2, OF_TWO, .spurious = 1, BODIES({writer}, {writer})};
static const struct explore again = {.name = "a reader and a writer, twice each",
                                     .setup = reset,
                                     .check = done_4,
                                     .preemptions = 3,
                                     .stale = 1,
                                     BODIES({two_readings}, {two_writings})};
static const struct explore looking = {.name = "a reader and a writer that look before they sleep",
                                       .setup = reset_spinning,
                                       .check = done_2,
                                       .preemptions = 3,
                                       BODIES({reader}, {writer})};
static const struct explore spinning = {.name = "with a look before the sleep",
                                        .setup = reset_spinning,
                                        .check = done_3,
                                        OF_THREE,
                                        BODIES({reader}, {writer}, {writer})};
static const struct explore two_readers = {.name = "two readers and a writer",
                                           .setup = reset,
                                           .check = done_3,
                                           OF_THREE,
                                           BODIES({reader}, {reader}, {writer})};
static const struct explore two_writers = {.name = "a reader and two writers",
                                           .setup = reset,
                                           .check = done_3,
                                           OF_THREE,
                                           BODIES({reader}, {writer}, {writer})};
static const struct explore three_writers = {
    .name = "three writers", .setup = reset, .check = done_3, OF_THREE, BODIES({writer}, {writer}, {writer})};
static const struct explore phases = {.name = "a reader behind writers that come again",
                                      .setup = reset,
                                      .check = done_4,
                                      .delays = 4,
                                      .stale = -1,
                                      BODIES({two_writings}, {writer}, {reader})};
static const struct explore writer_late = {.name = "a writer gives up",
                                           .setup = reset,
                                           .check = done_3,
                                           .delays = 4,
                                           .stale = 1,
                                           BODIES({reader}, {impatient_writer}, {reader})};
static const struct explore writers_late = {.name = "a writer gives up among writers",
                                            .setup = reset,
                                            .check = done_3,
                                            OF_THREE,
                                            BODIES({writer}, {impatient_writer}, {writer})};
static const struct explore reader_late = {.name = "a reader gives up",
                                           .setup = reset,
                                           .check = done_3,
                                           .delays = 4,
                                           .stale = 1,
                                           BODIES({writer}, {impatient_reader}, {reader})};
static const struct explore signals = {.name = "signals end waits",
                                       .setup = reset_interruptible,
                                       .check = done_3,
                                       .delays = 3,
                                       .stale = -1,
                                       .interrupts = 2,
                                       BODIES({impatient_writer}, {impatient_reader}, {reader})};
static const struct explore tries = {.name = "those who only try",
                                     .setup = reset,
                                     .check = done_4,
                                     OF_THREE,
                                     BODIES({trying_reader}, {trying_writer}, {reader}, {writer})};
static const struct explore free_after_reader = {.name = "a reader leaves to a writer that frees the memory",
                                                 .setup = reset_read,
                                                 OF_TWO,
                                                 BODIES({leave_reading}, {last_writer})};
static const struct explore free_after_writer = {.name = "a writer leaves to a writer that frees the memory",
                                                 .setup = reset_written,
                                                 OF_TWO,
                                                 BODIES({leave_writing}, {last_writer})};
static const struct explore free_after_writer_2 = {.name = "a writer leaves to a reader that frees the memory",
                                                   .setup = reset_written,
                                                   OF_TWO,
                                                   BODIES({leave_writing}, {last_reader})};
static const struct explore forked_readers = {.name = "after a fork: readers are gone",
                                              .setup = reset_forked_readers,
                                              .check = done_3,
                                              OF_THREE,
                                              BODIES({reader}, {writer}, {reader})};
static const struct explore forked_writer = {.name = "after a fork: a writer is gone",
                                             .setup = reset_forked_writer,
                                             .check = told_2,
                                             OF_THREE,
                                             BODIES({reader}, {writer}, {reader})};
static const struct explore forked_by_reader = {.name = "after a fork: who forked reads",
                                                .setup = reset_forked_by_reader,
                                                .check = done_3,
                                                OF_THREE,
                                                BODIES({survivor}, {writer}, {reader})};
static const struct explore forked_by_writer = {.name = "after a fork: who forked writes",
                                                .setup = reset_forked_by_writer,
                                                .check = done_2,
                                                OF_THREE,
                                                BODIES({leave_writing}, {writer}, {reader})};
static const struct explore forgetful = {.name = "caught: waiting readers are not counted in",
                                         .setup = reset_forgetful,
                                         .check = done_3,
                                         OF_THREE,
                                         BODIES({reader}, {writer}, {writer})};
static const struct explore random_five = {
    .name = "five, at random",
    .setup = reset,
    .preemptions = 12,
    .seed = 5,
    .executions = 40000,
    BODIES({two_writings}, {reader}, {impatient_writer}, {impatient_reader}, {two_readings})};

static const struct explore_surplus surplus[] = {
    {"yk_rw_add_in_turn", "cas acq_rel -> acquire", "who moves among those who wait has nothing to hand on"},
    {"yk_rw_add_in_turn", "cas acq_rel -> release", "and takes nothing over; only who finds the turn over does"},
    {"yk_rw_add_in_turn", "cas acq_rel -> relaxed", "the same"},
};

int main(void)
{
    const struct explore *const all[] = {&again,       &spinning, &two_readers, &three_writers, &phases,
                                         &reader_late, &signals,  &tries,       &random_five};
    const struct explore *const brief[] = {&read_write,        &looking,           &write_write,
                                           &two_writers,       &writer_late,       &writers_late,
                                           &free_after_reader, &forked_readers,    &forked_by_reader,
                                           &forked_by_writer,  &free_after_writer, &free_after_writer_2,
                                           &forked_writer};
    const int n_all = sizeof all / sizeof *all, n_brief = sizeof brief / sizeof *brief;

    for (int i = 0; i < n_brief; i++)
        explore_passes(brief[i]);
    for (int i = 0; i < n_all; i++)
        explore_passes(all[i]);
    explore_fails(&forgetful, "nobody holds the lock for reading");
    explore_mutants("sync/rwlock_word.h", brief, n_brief, surplus, 3);
    explore_mutants("sync/rwlock.c", brief, n_brief, NULL, 0);
    return explore_done();
}
