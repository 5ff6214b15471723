/* lock.h -- what the release of a Lock does for its holder: for Condition. */
#ifndef YK_SYNC_LOCK_H
#define YK_SYNC_LOCK_H

#include <stdbool.h>
#include <yoke/lock.h>

#include "base/atomic.h"

/* For the holder of a lock: has the release wake one who sleeps on `word`, when the lock is free.  False, and nothing done, if the
 * lock is shared, or its release owes somebody a wake already. */
bool yk_lock_owe(yoke_lock *lock, yk_a32 *word);

#endif
