/* rwlock.h -- guests of an RWLock: threads that come, stay, and leave when they are told to; for its tests. */
#ifndef RWLOCK_H
#define RWLOCK_H

#include <stdbool.h>
#include <yoke/event.h>
#include <yoke/rwlock.h>

#include "sharing.h"

/* Where the sleepers are: who waits for the readers, and who waits for the turn. */
static inline const void *readers_half(const yoke_rwlock *lock)
{
    return &lock->state;
}

static inline const void *turn_half(const yoke_rwlock *lock)
{
    return (const uint32_t *)&lock->state + 1;
}

/* A thread that acquires the lock, says so, and holds it until it is told to leave. */
struct guest {
    yoke_rwlock *lock;
    bool writes;
    int until_signal; /* interruptible */
    int rc;
    yoke_event in, leave;
    yoke_thread thread;
};

static inline int visit(void *arg)
{
    struct guest *guest = arg;
    yoke_time never = yoke_after(1e6);

    yoke_thread_interruptible(guest->until_signal);
    guest->rc = guest->writes ? yoke_rwlock_write_acquire_until(guest->lock, never)
                              : yoke_rwlock_read_acquire_until(guest->lock, never);
    yoke_event_set(&guest->in);
    if (guest->rc != 0 && guest->rc != -YOKE_EOWNERDEAD)
        return 0;
    while (yoke_event_wait_until(&guest->leave, YOKE_FOREVER) < 0)
        continue;
    if (guest->writes)
        yoke_rwlock_write_release(guest->lock);
    else
        yoke_rwlock_read_release(guest->lock);
    return 0;
}

static inline void invite(struct guest *guest, const void *asleep)
{
    CHECK_EQ(yoke_thread_start(&guest->thread, visit, guest), 0);
    if (asleep)
        asleep_on(getpid(), yoke_thread_native_id(&guest->thread), asleep);
    else
        yoke_event_wait(&guest->in);
}

static inline void see_off(struct guest *guest)
{
    yoke_event_set(&guest->leave);
    CHECK_EQ(yoke_thread_join(&guest->thread, NULL), 0);
    guest->thread = (yoke_thread){0};
}

#define READER(lock_)                                                                                                  \
    (struct guest)                                                                                                     \
    {                                                                                                                  \
        .lock = (lock_)                                                                                                \
    }
#define WRITER(lock_)                                                                                                  \
    (struct guest)                                                                                                     \
    {                                                                                                                  \
        .lock = (lock_), .writes = true                                                                                \
    }

static inline int try_read(yoke_rwlock *lock)
{
    return yoke_rwlock_read_acquire_until(lock, YOKE_NOW);
}

static inline int try_write(yoke_rwlock *lock)
{
    return yoke_rwlock_write_acquire_until(lock, YOKE_NOW);
}

/* Nobody holds it, and nothing is left of those who did. */
static inline void check_free(yoke_rwlock *lock)
{
    CHECK_EQ(try_write(lock), 0);
    yoke_rwlock_write_release(lock);
    CHECK_EQ(try_read(lock), 0);
    yoke_rwlock_read_release(lock);
}

#endif
