/* mutex.h -- Mutex for the time of one call: what other primitives guard their own state with. */
#ifndef YK_SYNC_MUTEX_H
#define YK_SYNC_MUTEX_H

#include <yoke/mutex.h>

/* As yoke_mutex_acquire_until, without linking the mutex: it stays intended until yk_mutex_leave.  So in between the thread must
 * intend nothing else (no other primitive, no user code), and a death there gives the next one -YOKE_EOWNERDEAD. */
int yk_mutex_enter(yoke_mutex *mutex, yoke_time deadline);
void yk_mutex_leave(yoke_mutex *mutex);

#endif
