/* rwlock.c -- RWLock: the calls, and who waits between the threads of one process.  (rwlock_word.h: the steps that the word takes
 * there.  rwlock_shared.c: between processes.)
 *
 * Who comes to read while the turn is odd waits for that turn to end, whoever writes next.  Of the writers that wait, the one that
 * holds `writers` looks at the word: it makes the turn odd as soon as it is even, and then waits for those who read; the others
 * sleep for that mutex.  A writer that comes by may be faster than that one, until it is LATE. */
#include "sync/rwlock_word.h"

#include "sync/rwlock_shared.h"
#include "sync/wait.h"

/* ---- reading ---- */

/* For who has counted itself in, and in that turn.  Acquire, both loads: pair with yk_rw_end_turn. */
static int await_end_of(yoke_rwlock *rwlock, uint64_t turn, yoke_time deadline)
{
    uint64_t state;
    int rc;

    for (unsigned left = yk_spins(); left > 0; left--) {
        state = yk_load_acq(yk_rw_state(rwlock));
        if ((state & YK_RW_TURN) != turn)
            return yk_rw_entered(state);
        yk_cpu_relax();
    }
    if (!yk_rw_add_in_turn(rwlock, turn, YK_RW_ONE_WAITING - YK_RW_ONE_READING, &state))
        return yk_rw_entered(state);
    if ((state & YK_RW_READING) == YK_RW_ONE_READING)
        yk_futex_wake(yk_rw_half(rwlock, false), 1, false);
    rc = state & YK_RW_MANY_WAITING ? -EAGAIN : 0;
    while (rc == 0) {
        state = yk_load_acq(yk_rw_state(rwlock));
        if ((state & YK_RW_TURN) != turn)
            return yk_rw_entered(state);
        rc = yk_sleep(yk_rw_half(rwlock, true), (uint32_t)(state >> 32), &rwlock->shared, deadline);
    }
    return yk_rw_add_in_turn(rwlock, turn, 0 - YK_RW_ONE_WAITING, &state) ? rc : yk_rw_entered(state);
}

/* Counts the calling thread in; true if it may read.  *ret_before: what the word was. */
static inline bool read_at_once(yoke_rwlock *rwlock, uint64_t *ret_before)
{
    /* acquire: pairs with yk_rw_end_turn */
    *ret_before = yk_add_acq(yk_rw_state(rwlock), YK_RW_ONE_READING);
    if (((*ret_before ^ yk_rw_forks) & (YK_RW_FORKS | YK_RW_WRITER | YK_RW_DEAD | YK_RW_MANY_READING)) != 0)
        return false;
    yk_rw_n_reading++;
    return true;
}

/* For who has counted itself in, when the word was `before`. */
static int find_out(yoke_rwlock *rwlock, uint64_t before, yoke_time deadline)
{
    int rc;

    if (!yk_rw_is_adopted(before)) {
        before = yk_rw_adopt(rwlock);
        if (!yk_rw_keeps_readers)
            before = yk_add_acq(yk_rw_state(rwlock), YK_RW_ONE_READING);
    }
    if (before & YK_RW_MANY_READING)
        rc = -EAGAIN;
    else if (!(before & YK_RW_WRITER))
        return yk_rw_entered(before);
    else if (yk_rw_is_owner(rwlock))
        rc = -EDEADLK;
    else if (deadline <= YOKE_NOW)
        rc = -ETIMEDOUT;
    else
        return await_end_of(rwlock, before & YK_RW_TURN, deadline);
    yk_rw_step_out(rwlock);
    return rc;
}

static __attribute__((noinline)) int read_slowly(yoke_rwlock *rwlock, uint64_t before, yoke_time deadline)
{
    int rc = find_out(rwlock, before, deadline);

    if (rc == 0 || rc == -YOKE_EOWNERDEAD)
        yk_rw_n_reading++;
    return rc;
}

int yoke_rwlock_read_acquire_until(yoke_rwlock *rwlock, yoke_time deadline)
{
    uint64_t before;

    if (rwlock->shared != YOKE_PRIVATE)
        return yk_rwlock_read_acquire(rwlock, deadline);
    /* one that tries and tries again must not keep a writer waiting */
    if (deadline <= YOKE_NOW && (yk_rw_adopt(rwlock) & YK_RW_WRITER))
        return yk_rw_is_owner(rwlock) ? -EDEADLK : -ETIMEDOUT;
    return read_at_once(rwlock, &before) ? 0 : read_slowly(rwlock, before, deadline);
}

static __attribute__((noinline)) int read_despite_signals(yoke_rwlock *rwlock, int rc)
{
    while (rc == -EINTR)
        rc = yoke_rwlock_read_acquire_until(rwlock, YOKE_FOREVER);
    return rc;
}

int yoke_rwlock_read_acquire(yoke_rwlock *rwlock)
{
    uint64_t before;

    if (rwlock->shared != YOKE_PRIVATE)
        return read_despite_signals(rwlock, -EINTR);
    return read_at_once(rwlock, &before) ? 0 : read_despite_signals(rwlock, read_slowly(rwlock, before, YOKE_FOREVER));
}

void yoke_rwlock_read_release(yoke_rwlock *rwlock)
{
    if (rwlock->shared != YOKE_PRIVATE) {
        yk_rwlock_read_release(rwlock);
        return;
    }
    if (yk_rw_n_reading == 0)
        yk_misuse("yoke_rwlock_read_release: the calling thread holds no lock for reading");
    yk_rw_n_reading--;
    yk_rw_step_out(rwlock);
}

/* ---- writing ---- */

/* Announces a writer, as soon as the turn is even; the caller holds `writers`. */
static int announce(yoke_rwlock *rwlock, yoke_time deadline)
{
    uint64_t state = yk_load_rlx(yk_rw_state(rwlock));
    int n_sleeps = 0, rc;

    for (;;) {
        uint64_t next = state | YK_RW_HEAD | (n_sleeps >= LATE_AFTER ? YK_RW_LATE : 0);

        if (!(state & YK_RW_WRITER))
            next = (state & ~YK_RW_LATE) + YK_RW_ONE_TURN;
        /* relaxed: drain comes next */
        if (!yk_cas_rlx(yk_rw_state(rwlock), &state, next))
            continue;
        if (!(state & YK_RW_WRITER))
            return 0;
        n_sleeps++;
        rc = yk_sleep(yk_rw_half(rwlock, true), (uint32_t)(next >> 32), &rwlock->shared, deadline);
        if (rc < 0)
            break;
        state = yk_load_rlx(yk_rw_state(rwlock));
    }
    yk_and_rlx(yk_rw_state(rwlock), ~YK_RW_LATE);
    return rc;
}

/* Waits for the readers that were there first. */
static int drain(yoke_rwlock *rwlock, yoke_time deadline)
{
    for (;;) {
        /* acquire: pairs with yk_rw_step_out and yk_rw_end_turn */
        uint64_t state = yk_load_acq(yk_rw_state(rwlock));
        int rc;

        if ((state & YK_RW_READING) == 0)
            return yk_rw_entered(state);
        rc = yk_sleep(yk_rw_half(rwlock, false), (uint32_t)state, &rwlock->shared, deadline);
        if (rc < 0) {
            yk_rw_end_turn(rwlock, 0);
            return rc;
        }
    }
}

static int wait_to_write(yoke_rwlock *rwlock, yoke_time deadline)
{
    int rc = yoke_mutex_acquire_until(&rwlock->writers, deadline);

    /* its owner has died: a writer that waited, before a fork */
    if (rc < 0 && rc != -YOKE_EOWNERDEAD)
        return rc;
    rc = announce(rwlock, deadline);
    if (rc == 0)
        rc = drain(rwlock, deadline);
    yoke_mutex_release(&rwlock->writers);
    return rc;
}

static int find_way(yoke_rwlock *rwlock, yoke_time deadline)
{
    uint64_t state = yk_rw_adopt(rwlock);
    bool tries = deadline <= YOKE_NOW;
    /* who does not wait has no time to be courteous */
    int rc = yk_rw_try_write(rwlock, state, tries ? 0 : YK_RW_LATE);

    if (rc == -EBUSY && (state & YK_RW_WRITER) && yk_rw_is_owner(rwlock))
        return -EDEADLK;
    if (rc == -EBUSY && tries)
        return -ETIMEDOUT;
    for (unsigned left = yk_spins(); left > 0 && rc == -EBUSY; left--) {
        yk_cpu_relax();
        state = yk_load_rlx(yk_rw_state(rwlock));
        if (state & (YK_RW_HEAD | YK_RW_LATE))
            break;
        rc = yk_rw_try_write(rwlock, state, YK_RW_LATE);
    }
    return rc == -EBUSY ? wait_to_write(rwlock, deadline) : rc;
}

static __attribute__((noinline)) int write_slowly(yoke_rwlock *rwlock, yoke_time deadline)
{
    int rc;

    if (rwlock->shared != YOKE_PRIVATE)
        return yk_rwlock_write_acquire(rwlock, deadline);
    rc = find_way(rwlock, deadline);
    if (rc == 0 || rc == -YOKE_EOWNERDEAD)
        yk_store_rlx(yk_rw_owner(rwlock), yk_self());
    return rc;
}

static inline bool write_at_once(yoke_rwlock *rwlock)
{
    if (rwlock->shared != YOKE_PRIVATE ||
        yk_rw_try_write(rwlock, yk_load_rlx(yk_rw_state(rwlock)), YK_RW_LATE | YK_RW_DEAD) != 0)
        return false;
    yk_store_rlx(yk_rw_owner(rwlock), yk_self());
    return true;
}

int yoke_rwlock_write_acquire_until(yoke_rwlock *rwlock, yoke_time deadline)
{
    return write_at_once(rwlock) ? 0 : write_slowly(rwlock, deadline);
}

static __attribute__((noinline)) int write_despite_signals(yoke_rwlock *rwlock)
{
    int rc;

    do
        rc = write_slowly(rwlock, YOKE_FOREVER);
    while (rc == -EINTR);
    return rc;
}

int yoke_rwlock_write_acquire(yoke_rwlock *rwlock)
{
    return write_at_once(rwlock) ? 0 : write_despite_signals(rwlock);
}

static bool holds(yoke_rwlock *rwlock)
{
    return rwlock->shared != YOKE_PRIVATE ? yoke_mutex_held(&rwlock->writers) : yk_rw_is_owner(rwlock);
}

void yoke_rwlock_write_release(yoke_rwlock *rwlock)
{
    if (!holds(rwlock))
        yk_misuse("yoke_rwlock_write_release: the calling thread does not hold the lock for writing");
    if (rwlock->shared != YOKE_PRIVATE) {
        yk_rwlock_write_release(rwlock);
        return;
    }
    /* after a fork: before the turn can seem to be nobody's, and lest it let in those who are not there */
    if (!yk_rw_is_adopted(yk_load_rlx(yk_rw_state(rwlock))))
        (void)yk_rw_adopt(rwlock);
    yk_store_rlx(yk_rw_owner(rwlock), 0);
    yk_rw_end_turn(rwlock, YK_RW_DEAD);
}

int yoke_rwlock_write_held(const yoke_rwlock *rwlock)
{
    return holds((yoke_rwlock *)rwlock);
}
