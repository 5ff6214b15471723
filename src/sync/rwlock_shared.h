/* rwlock_shared.h -- RWLock between processes: what rwlock.c calls for a lock that has seats. */
#ifndef YK_SYNC_RWLOCK_SHARED_H
#define YK_SYNC_RWLOCK_SHARED_H

#include <yoke/rwlock.h>

/* As the public functions; the writer's, for who holds the lock. */
int yk_rwlock_read_acquire(yoke_rwlock *rwlock, yoke_time deadline);
void yk_rwlock_read_release(yoke_rwlock *rwlock);
int yk_rwlock_write_acquire(yoke_rwlock *rwlock, yoke_time deadline);
void yk_rwlock_write_release(yoke_rwlock *rwlock);

#endif
