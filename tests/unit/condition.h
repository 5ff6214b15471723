/* condition.h -- threads that wait for a condition over a lock of any kind; for its tests. */
#ifndef CONDITION_H
#define CONDITION_H

#include <yoke/condition.h>
#include <yoke/event.h>
#include <yoke/mutex.h>
#include <yoke/rlock.h>
#include <yoke/rwlock.h>

#include "sharing.h"
#include "sync/lockable.h"

enum { SEATS = 8 };

/* A condition and one lock of each kind, of which a test uses one; private, or in memory that processes share. */
struct hall {
    yoke_lock lock;
    yoke_mutex mutex;
    yoke_rlock rlock;
    yoke_rwlock rwlock;
    yoke_condition condition;
    yoke_seat seats[SEATS], reader;
    enum yoke_lock_kind kind;
    uint32_t generation; /* under the lock: what a waiter finds when it comes back */
};

static const enum yoke_lock_kind kinds[] = {YOKE_KIND_LOCK, YOKE_KIND_MUTEX, YOKE_KIND_RLOCK, YOKE_KIND_RWLOCK};
enum { KINDS = 4 };

static inline void *lock_of(struct hall *hall)
{
    switch (hall->kind) {
    case YOKE_KIND_LOCK:
        return &hall->lock;
    case YOKE_KIND_MUTEX:
        return &hall->mutex;
    case YOKE_KIND_RLOCK:
        return &hall->rlock;
    case YOKE_KIND_RWLOCK:
        return &hall->rwlock;
    }
    return NULL;
}

/* 0 or -YOKE_EOWNERDEAD, held once. */
static inline int enter(struct hall *hall)
{
    return yk_lockable_restore(lock_of(hall), hall->kind, 1);
}

static inline void leave(struct hall *hall)
{
    yk_lockable_save(lock_of(hall), hall->kind);
}

static inline int wait_in(struct hall *hall)
{
    return yoke_condition_wait_on(&hall->condition, lock_of(hall), hall->kind);
}

static inline int wait_in_until(struct hall *hall, yoke_time deadline)
{
    return yoke_condition_wait_until_on(&hall->condition, lock_of(hall), hall->kind, deadline);
}

/* n_seats 0: private. */
static inline void open_hall(struct hall *hall, enum yoke_lock_kind kind, unsigned n_seats)
{
    uint32_t shared = n_seats ? YOKE_SHARED : YOKE_PRIVATE;

    memset(hall, 0, sizeof *hall);
    hall->kind = kind;
    yoke_lock_init(&hall->lock, shared);
    yoke_mutex_init(&hall->mutex, shared);
    yoke_rlock_init(&hall->rlock, shared);
    CHECK_EQ(yoke_rwlock_init(&hall->rwlock, n_seats ? &hall->reader : NULL, n_seats ? 1 : 0), 0);
    CHECK_EQ(yoke_condition_init(&hall->condition, n_seats ? hall->seats : NULL, n_seats), 0);
}

static inline struct hall *shared_hall(enum yoke_lock_kind kind, unsigned n_seats)
{
    struct hall *hall = shared_page();

    open_hall(hall, kind, n_seats);
    return hall;
}

static inline unsigned notify_in(struct hall *hall, unsigned n)
{
    unsigned n_notified;

    CHECK_EQ(enter(hall), 0);
    hall->generation++;
    n_notified = yoke_condition_notify(&hall->condition, n);
    leave(hall);
    return n_notified;
}

/* Returns once so many wait; each has given the lock back, or is about to. */
static inline void await_waiting(struct hall *hall, unsigned n)
{
    while (yoke_condition_waiting(&hall->condition) != n)
        sched_yield();
}

/* ---- guests: threads or processes that wait once ---- */

struct guest {
    struct hall *hall;
    yoke_time deadline; /* 0: wait without one */
    int interruptible;
    int rc;
    uint32_t found; /* the generation when it was back */
    yoke_thread thread;
};

static inline int visit(void *arg)
{
    struct guest *guest = arg;
    struct hall *hall = guest->hall;

    yoke_thread_interruptible(guest->interruptible);
    CHECK_EQ(enter(hall), 0);
    guest->rc = guest->deadline ? wait_in_until(hall, guest->deadline) : wait_in(hall);
    guest->found = hall->generation;
    CHECK(yk_lockable_held(lock_of(hall), hall->kind));
    leave(hall);
    return guest->rc;
}

/* Waits until it waits. */
static inline void invite(struct guest *guest, struct hall *hall)
{
    unsigned n = yoke_condition_waiting(&hall->condition);

    guest->hall = hall;
    CHECK_EQ(yoke_thread_start(&guest->thread, visit, guest), 0);
    await_waiting(hall, n + 1);
}

/* Waits for its return, which must have been in that generation. */
static inline void see_off(struct guest *guest, int rc, uint32_t found)
{
    CHECK_EQ(code_of(&guest->thread), rc);
    CHECK_EQ(guest->found, found);
    guest->thread = (yoke_thread){0};
}

#endif
