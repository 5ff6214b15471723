/* lockable.c -- one switch for each of the things that Condition does with a lock. */
#include "sync/lockable.h"

#include <yoke/mutex.h>
#include <yoke/rwlock.h>

#include "base/base.h"
#include "os/os.h"
#include "sync/lock.h"
#include "sync/rlock.h"

bool yk_lockable_held(void *lock, enum yoke_lock_kind kind)
{
    switch (kind) {
    case YOKE_KIND_LOCK:
        return yoke_lock_locked(lock);
    case YOKE_KIND_MUTEX:
        return yoke_mutex_held(lock);
    case YOKE_KIND_RLOCK:
        return yoke_rlock_count(lock) > 0;
    case YOKE_KIND_RWLOCK:
        return yoke_rwlock_write_held(lock);
    }
    yk_misuse("yoke_condition_wait_on: no such kind of lock");
}

bool yk_lockable_shared(const void *lock, enum yoke_lock_kind kind)
{
    switch (kind) {
    case YOKE_KIND_LOCK:
        return ((const yoke_lock *)lock)->shared != YOKE_PRIVATE;
    case YOKE_KIND_MUTEX:
        return ((const yoke_mutex *)lock)->shared != YOKE_PRIVATE;
    case YOKE_KIND_RLOCK:
        return ((const yoke_rlock *)lock)->mutex.shared != YOKE_PRIVATE;
    case YOKE_KIND_RWLOCK:
        return ((const yoke_rwlock *)lock)->shared != YOKE_PRIVATE;
    }
    return false;
}

uint32_t yk_lockable_save(void *lock, enum yoke_lock_kind kind)
{
    switch (kind) {
    case YOKE_KIND_LOCK:
        yoke_lock_release(lock);
        break;
    case YOKE_KIND_MUTEX:
        yoke_mutex_release(lock);
        break;
    case YOKE_KIND_RLOCK:
        return yk_rlock_save(lock);
    case YOKE_KIND_RWLOCK:
        yoke_rwlock_write_release(lock);
        break;
    }
    return 1;
}

int yk_lockable_restore(void *lock, enum yoke_lock_kind kind, uint32_t saved)
{
    switch (kind) {
    case YOKE_KIND_LOCK:
        yoke_lock_acquire(lock);
        break;
    case YOKE_KIND_MUTEX:
        return yoke_mutex_acquire(lock);
    case YOKE_KIND_RLOCK:
        return yk_rlock_restore(lock, saved);
    case YOKE_KIND_RWLOCK:
        return yoke_rwlock_write_acquire(lock);
    }
    return 0;
}

void yk_lockable_wake(void *lock, enum yoke_lock_kind kind, yk_a32 *word)
{
    if (kind != YOKE_KIND_LOCK || !yk_lock_owe(lock, word))
        yk_futex_wake(word, 1, false);
}
