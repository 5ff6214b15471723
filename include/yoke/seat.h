/* yoke/seat.h -- Seat: a place in shared memory for one thread that waits, or reads.
 *
 * Three primitives must know each single thread that has to do with them, so that the death of one is noticed: a Condition that is
 * shared between processes (its waiters), a Barrier (its parties) and an RWLock (its readers).  The program puts an array of seats
 * into the same shared memory, beside the object, and gives it to the object's init; private objects need none.
 *
 *     struct table { yoke_rwlock lock; yoke_seat seats[16]; ... };
 *     struct table *t = yoke_shm_new(shm, struct table);
 *     int rc = yoke_rwlock_init(&t->lock, t->seats, 16);
 *
 * There must be a seat for each thread, of whatever process, that takes one at the same time; what happens when there is none
 * left is said by each primitive.  Whoever waits watches all seats, so that no death is missed: a few more than needed do little
 * harm, many make each wait longer, and more than YOKE_SEATS_MAX there cannot be.
 *
 * The seats belong to one object, from its init, which sets them to zero bytes, until nobody uses that any more.  They lie as far from it in
 * every process (an object does not know where they are, but how far away), and their memory stays mapped where it is as long as
 * a thread of that process has one of them.  The program never looks at them.
 *
 * What lies there is trusted, as are the objects: a process that overwrites them can hang or crash others that use them.
 *
 * Who may call what at the same time: there are no calls; the table of the object that has the seats holds. */
#ifndef YOKE_SEAT_H
#define YOKE_SEAT_H

#include <yoke/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define YOKE_SEATS_MAX 120 /* for one object */

/* One seat.  Zero bytes: nobody's.  The fields are Yoke's. */
typedef struct yoke_seat {
    uint32_t word;   /* who sits here; the kernel marks it when that thread dies */
    uint32_t state;  /* what that thread waits for, and whether it got it */
    uint64_t ticket; /* when it came */
    uint32_t reserved[2];
    void *links[2]; /* the owner's, in its own address space */
} yoke_seat;

#ifdef __cplusplus
}
#endif
#endif
