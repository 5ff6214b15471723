/* rlock.h -- RLock for who gives it back for a while, at whatever depth: Condition. */
#ifndef YK_SYNC_RLOCK_H
#define YK_SYNC_RLOCK_H

#include <yoke/rlock.h>

/* Gives back all that the calling thread, which must hold it, has acquired; returns how often that was. */
uint32_t yk_rlock_save(yoke_rlock *rlock);

/* Waits until the lock is free and takes it so often.  Returns 0 or -YOKE_EOWNERDEAD, either way with the lock held so often. */
int yk_rlock_restore(yoke_rlock *rlock, uint32_t count);

#endif
