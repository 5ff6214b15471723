/* lockable.h -- a lock of any kind, as its holder gives it back for a while: for Condition. */
#ifndef YK_SYNC_LOCKABLE_H
#define YK_SYNC_LOCKABLE_H

#include <stdbool.h>
#include <yoke/condition.h>

#include "base/atomic.h"

/* False if it can be told that the calling thread does not hold it (for writing). */
bool yk_lockable_held(void *lock, enum yoke_lock_kind kind);

/* True if it is one between processes. */
bool yk_lockable_shared(const void *lock, enum yoke_lock_kind kind);

/* Gives it back as a whole; the result is what it needs to be acquired as it was. */
uint32_t yk_lockable_save(void *lock, enum yoke_lock_kind kind);

/* Acquires it again, whatever signals come.  Returns, always with the lock held: 0 or -YOKE_EOWNERDEAD. */
int yk_lockable_restore(void *lock, enum yoke_lock_kind kind, uint32_t saved);

/* For its holder: wakes one who sleeps on `word`, private to this process; if possible not before the lock is free. */
void yk_lockable_wake(void *lock, enum yoke_lock_kind kind, yk_a32 *word);

#endif
