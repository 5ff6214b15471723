/* rwlock_word.h -- the word of a private RWLock: what it says, and each step that changes it.
 *
 * It has, from its lowest bit: how many read; how many wait to read; the fork that it was last used after; DEAD: a writer is missing
 * since a fork; HEAD: the first of the waiting writers sleeps; LATE: it was woken in vain too often; and the turn, which is odd
 * (WRITER) from the moment on that a writer has announced itself, until it leaves.
 *
 * Invariants.
 * - A reader counts itself in by one addition.  If that shows an even turn, it reads.  Else it has to wait for that turn to end: it
 *   moves its one from those who read to those who wait, in one step and only while the turn lasts.
 * - Only the end of a turn makes waiting ones reading ones: all of them, in the same step.  So there are waiting ones in odd turns
 *   only, and a reader that sees another turn than the one that it waits for has been let in, however late it looks.
 * - In an odd turn the number of those who read only falls (but for those who have not moved yet); the writer writes when it is 0.
 * - `owner` is 0 but between the beginning and the end of the writing itself.
 *
 * Writers sleep for the lower half of the word to change, which counts who reads; readers, and the first of the writers, for the
 * upper half with the turn.  So a release touches nothing but that word, and afterwards only its address: the memory may be gone.
 *
 * A turn has 21 bits.  A reader that was let in and has not looked since could take a later turn for its own after 2^20 writers
 * have come and given up again meanwhile: none can have written, since each waits for that reader. */
#ifndef YK_SYNC_RWLOCK_WORD_H
#define YK_SYNC_RWLOCK_WORD_H

#include <errno.h>
#include <limits.h>
#include <yoke/rwlock.h>

#include "base/atomic.h"
#include "base/base.h"
#include "os/os.h"
#include "sync/self.h"

#define YK_RW_ONE_READING (UINT64_C(1) << 0)
#define YK_RW_MANY_READING (UINT64_C(1) << 16) /* leaves room for as many again, that are about to see it */
#define YK_RW_READING (2 * YK_RW_MANY_READING - YK_RW_ONE_READING)
#define YK_RW_ONE_WAITING (UINT64_C(1) << 17)
#define YK_RW_MANY_WAITING (UINT64_C(1) << 31)
#define YK_RW_WAITING (2 * YK_RW_MANY_WAITING - YK_RW_ONE_WAITING)
#define YK_RW_ONE_FORK (UINT64_C(1) << 32)
#define YK_RW_FORKS (UINT64_C(0xff) << 32)
#define YK_RW_DEAD (UINT64_C(1) << 40)
#define YK_RW_HEAD (UINT64_C(1) << 41)
#define YK_RW_LATE (UINT64_C(1) << 42)
#define YK_RW_ONE_TURN (UINT64_C(1) << 43)
#define YK_RW_WRITER YK_RW_ONE_TURN
#define YK_RW_TURN (0 - YK_RW_ONE_TURN)

/* How many forks lie between the program's start and this process, where the word has it.  Written in the child of a fork, by its
 * only thread. */
extern uint64_t yk_rw_forks;

/* The survivor of that fork was reading, we cannot say what.  Written as `yk_rw_forks`. */
extern bool yk_rw_keeps_readers;

/* How many private locks the thread has acquired to read. */
extern _Thread_local __attribute__((tls_model("initial-exec"))) uint32_t yk_rw_n_reading;

static inline yk_a64 *yk_rw_state(yoke_rwlock *rwlock)
{
    return (yk_a64 *)&rwlock->state;
}

static inline yk_a32 *yk_rw_owner(yoke_rwlock *rwlock)
{
    return (yk_a32 *)&rwlock->owner;
}

static inline yk_a32 *yk_rw_half(yoke_rwlock *rwlock, bool upper)
{
    return (yk_a32 *)&rwlock->state + (upper == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__));
}

/* Relaxed, as all of `owner`: it is this thread's number, or not. */
static inline bool yk_rw_is_owner(yoke_rwlock *rwlock)
{
    return yk_load_rlx(yk_rw_owner(rwlock)) == yk_self();
}

static inline int yk_rw_entered(uint64_t state)
{
    return state & YK_RW_DEAD ? -YOKE_EOWNERDEAD : 0;
}

static inline bool yk_rw_is_adopted(uint64_t state)
{
    return ((state ^ yk_rw_forks) & YK_RW_FORKS) == 0;
}

static inline uint64_t yk_rw_end_of_turn(uint64_t state)
{
    return ((state + YK_RW_ONE_TURN) & ~(YK_RW_HEAD | YK_RW_WAITING)) + (state & YK_RW_WAITING) / YK_RW_ONE_WAITING;
}

/* The word as it is, and of this process: the first call in a child of fork puts it right.  Relaxed, both: what was before the fork is seen anyhow, and who goes in because of what
 * this gives has counted itself in before, or does so afterwards. */
uint64_t yk_rw_adopt(yoke_rwlock *rwlock);

/* ---- steps of readers ---- */

/* For who has counted itself in. */
static inline void yk_rw_step_out(yoke_rwlock *rwlock)
{
    /* release: pairs with the acquire in drain and in yk_rw_try_write */
    uint64_t before = yk_sub_rel(yk_rw_state(rwlock), YK_RW_ONE_READING);

    if ((before & YK_RW_READING) == 0)
        yk_misuse("yoke_rwlock_read_release: nobody holds the lock for reading");
    if ((before & YK_RW_READING) == YK_RW_ONE_READING && (before & YK_RW_WRITER))
        yk_futex_wake(yk_rw_half(rwlock, false), 1, false);
}

/* Adds to the word, unless that turn is over; *ret_before is what it was.  Acquire, when it is over: pairs with yk_rw_end_turn. */
static inline bool yk_rw_add_in_turn(yoke_rwlock *rwlock, uint64_t turn, uint64_t difference, uint64_t *ret_before)
{
    *ret_before = yk_load_acq(yk_rw_state(rwlock));
    do
        if ((*ret_before & YK_RW_TURN) != turn)
            return false;
    while (!yk_cas_aar(yk_rw_state(rwlock), ret_before, *ret_before + difference));
    return true;
}

/* ---- steps of writers ---- */

/* Begins to write if nobody reads or writes, and the word has nothing else of `obstacles`. */
static inline int yk_rw_try_write(yoke_rwlock *rwlock, uint64_t state, uint64_t obstacles)
{
    while (((state ^ yk_rw_forks) & (YK_RW_FORKS | YK_RW_WRITER | YK_RW_READING | obstacles)) == 0)
        /* acquire: pairs with yk_rw_end_turn and yk_rw_step_out */
        if (yk_cas_acq(yk_rw_state(rwlock), &state, state + YK_RW_ONE_TURN))
            return yk_rw_entered(state);
    return -EBUSY;
}

/* Makes the turn even.  `repaired`: DEAD, if that is over too. */
static inline void yk_rw_end_turn(yoke_rwlock *rwlock, uint64_t repaired)
{
    uint64_t state = yk_load_rlx(yk_rw_state(rwlock));

    /* release: pairs with the acquire of whoever reads or writes next */
    while (!yk_cas_rel(yk_rw_state(rwlock), &state, yk_rw_end_of_turn(state) & ~repaired))
        continue;
    if (state & (YK_RW_WAITING | YK_RW_HEAD))
        yk_futex_wake(yk_rw_half(rwlock, true), INT_MAX, false);
}

#endif
