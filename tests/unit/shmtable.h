/* shmtable.h -- shared memory, and an object in it that points into it, which processes are sent. */
#ifndef SHMTABLE_H
#define SHMTABLE_H

#include <yoke.h>

#include "test.h"

static inline yoke_shm *open_shm(void)
{
    yoke_shm *shm = NULL;

    CHECK_EQ(yoke_shm_open(&shm, 0), 0);
    return shm;
}

static inline void free_shm(yoke_shm *shm)
{
    CHECK_EQ(yoke_shm_free(&shm), 0);
}

/* What travels to a process, and lies in the shared memory, which it points into. */
struct table {
    yoke_shm *shm;
    struct table *self;
    yoke_event go, done;
    long *numbers;
    int sum;
};

static inline struct table *new_table(yoke_shm *shm)
{
    struct table *table = yoke_shm_new(shm, struct table);

    CHECK(table);
    table->shm = shm;
    table->self = table;
    yoke_event_init(&table->go, YOKE_SHARED);
    yoke_event_init(&table->done, YOKE_SHARED);
    return table;
}

#endif
