/* rwlock_hall.h -- an RWLock between processes, and guests of it that are processes: they come, stay, and leave when they are
 * told to, or are killed; for its tests. */
#ifndef RWLOCK_HALL_H
#define RWLOCK_HALL_H

#include <stdbool.h>
#include <yoke/event.h>
#include <yoke/rwlock.h>

#include "sharing.h"

enum { SEATS = 6, GUESTS = 8 };

static const bool READS = false, WRITES = true, SLEEPS = true, ENTERS = false;

struct hall {
    yoke_rwlock lock;
    yoke_seat seats[SEATS];
    struct {
        yoke_event in, leave;
        int rc;
        pid_t pid;
    } guests[GUESTS];
    long rounds, a, b; /* plain: the lock guards a and b */
};

static inline struct hall *open_hall(uint32_t n_seats)
{
    struct hall *hall = shared_page();

    CHECK_EQ(yoke_rwlock_init(&hall->lock, hall->seats, n_seats), 0);
    for (int i = 0; i < GUESTS; i++) {
        yoke_event_init(&hall->guests[i].in, YOKE_SHARED);
        yoke_event_init(&hall->guests[i].leave, YOKE_SHARED);
    }
    return hall;
}

static inline int enter(struct hall *hall, bool writes)
{
    return writes ? yoke_rwlock_write_acquire(&hall->lock) : yoke_rwlock_read_acquire(&hall->lock);
}

static inline void leave(struct hall *hall, bool writes)
{
    if (writes)
        yoke_rwlock_write_release(&hall->lock);
    else
        yoke_rwlock_read_release(&hall->lock);
}

static inline void visit(struct hall *hall, int i, bool writes)
{
    hall->guests[i].rc = enter(hall, writes);
    yoke_event_set(&hall->guests[i].in);
    yoke_event_wait(&hall->guests[i].leave);
    leave(hall, writes);
}

/* Starts guest number i; returns when it is in, or asleep. */
static inline void invite(struct hall *hall, int i, bool writes, bool sleeps)
{
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        visit(hall, i, writes);
        _exit(0);
    }
    hall->guests[i].pid = pid;
    if (sleeps)
        asleep_on(pid, pid, NULL);
    else
        CHECK_EQ(yoke_event_wait_until(&hall->guests[i].in, in_time()), 0);
}

/* What its acquire has returned, or will soon. */
static inline int rc_of(struct hall *hall, int i)
{
    CHECK_EQ(yoke_event_wait_until(&hall->guests[i].in, in_time()), 0);
    return hall->guests[i].rc;
}

static inline bool is_in(struct hall *hall, int i)
{
    return yoke_event_is_set(&hall->guests[i].in);
}

static inline void see_off(struct hall *hall, int i)
{
    yoke_event_set(&hall->guests[i].leave);
    check_ends_well(hall->guests[i].pid);
    yoke_event_clear(&hall->guests[i].in);
    yoke_event_clear(&hall->guests[i].leave);
}

/* Two who share one seat: one after the other, whoever comes first. */
static inline void see_off_both(struct hall *hall, int i, int k)
{
    yoke_event_set(&hall->guests[i].leave);
    yoke_event_set(&hall->guests[k].leave);
    CHECK_EQ(rc_of(hall, i), 0);
    CHECK_EQ(rc_of(hall, k), 0);
    see_off(hall, i);
    see_off(hall, k);
}

static inline void shoot(struct hall *hall, int i)
{
    kill_and_reap(hall->guests[i].pid);
    yoke_event_clear(&hall->guests[i].in);
}

static inline int try_read(struct hall *hall)
{
    return yoke_rwlock_read_acquire_until(&hall->lock, YOKE_NOW);
}

static inline int try_write(struct hall *hall)
{
    return yoke_rwlock_write_acquire_until(&hall->lock, YOKE_NOW);
}

/* Nobody holds it, and nothing is left of those who did. */
static inline void check_free(struct hall *hall)
{
    CHECK_EQ(try_write(hall), 0);
    yoke_rwlock_write_release(&hall->lock);
    for (uint32_t i = 0; i < hall->lock.n_seats; i++)
        CHECK_EQ(try_read(hall), 0);
    CHECK_EQ(try_read(hall), -ETIMEDOUT);
    CHECK_EQ(try_write(hall), -ETIMEDOUT);
    for (uint32_t i = 0; i < hall->lock.n_seats; i++)
        yoke_rwlock_read_release(&hall->lock);
}

static inline void close_hall(struct hall *hall)
{
    check_free(hall);
    munmap(hall, 4096);
}

#endif
