/* condition.h -- the two kinds of waiters behind Condition.  All functions are called with the users' lock held. */
#ifndef YK_SYNC_CONDITION_H
#define YK_SYNC_CONDITION_H

#include <stdbool.h>

#include "sync/lockable.h"

/* What a waiter's state says; written by a notifier, or by its own thread, in either case with the users' lock held. */
enum { YK_WAITING = 1, YK_NOTIFIED = 2 };

/* One wait, as somebody asked for it. */
struct yk_waiting {
    void *lock;
    enum yoke_lock_kind kind;
    yoke_time deadline;
    bool until; /* a signal may end it */
};

/* condition_shared.c: the waiters sit on seats. */
int yk_condition_wait_shared(yoke_condition *condition, const struct yk_waiting *waiting);
unsigned yk_condition_notify_shared(yoke_condition *condition, unsigned n);
unsigned yk_condition_waiting_shared(const yoke_condition *condition);

/* condition.c: misuse, unless the calling thread holds the lock with which was waited last. */
void yk_condition_must_hold(yoke_condition *condition);

#endif
