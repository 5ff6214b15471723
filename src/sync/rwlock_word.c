/* rwlock_word.c -- the word of a private RWLock after a fork.
 *
 * The first call in a child puts the word right (yk_rw_adopt): a word from before the fork counts threads that are not there.  What others
 * add to it before that is lost with it, and they see by what they have added to that they must come again. */
#include "sync/rwlock_word.h"

uint64_t yk_rw_forks;
bool yk_rw_keeps_readers;
_Thread_local __attribute__((tls_model("initial-exec"))) uint32_t yk_rw_n_reading;

static void forked(void)
{
    yk_rw_forks = (yk_rw_forks + YK_RW_ONE_FORK) & YK_RW_FORKS;
    yk_rw_keeps_readers = yk_rw_n_reading > 0;
}

__attribute__((constructor)) static void watch_forks(void)
{
    /* without memory for that, a child waits for who is not there, as with any other lock */
    (void)yk_at_fork(forked);
}

uint64_t yk_rw_adopt(yoke_rwlock *rwlock)
{
    uint64_t state = yk_load_rlx(yk_rw_state(rwlock));

    while (!yk_rw_is_adopted(state)) {
        uint32_t owner = yk_load_rlx(yk_rw_owner(rwlock));
        bool ghost = (state & YK_RW_WRITER) != 0 && (owner == 0 || yk_is_ghost(owner));
        uint64_t next =
            (state & (YK_RW_TURN | YK_RW_DEAD)) | yk_rw_forks | (yk_rw_keeps_readers ? state & YK_RW_READING : 0);

        if (ghost)
            next = yk_rw_end_of_turn(next) | (owner ? YK_RW_DEAD : 0);
        if (yk_cas_rlx(yk_rw_state(rwlock), &state, next))
            return next;
    }
    return state;
}
