/* shmlist.h -- the shared memories that this process has, as shm.c and shmlist.c know them. */
#ifndef YK_SHMLIST_H
#define YK_SHMLIST_H

#include "ipc/arena.h"
#include "ipc/shm.h"

struct yk_shm_entry {
    struct yk_shm_entry *next;
    uint64_t number;
    uint64_t owner; /* yk_this_process() of the one that opened it, and may allocate; 0: it was attached */
    struct yk_arena arena;
};

/* NULL if this process does not have it. */
struct yk_shm_entry *yk_shm_find(const yoke_shm *shm);

/* No process is forked in between.  Nothing in between calls malloc or free: an allocator that takes its own lock before a
 * fork would wait for this one, whose holder waits for it. */
void yk_shm_lock(void);
void yk_shm_unlock(void);

/* Under lock: puts it into the list, as the newest, and takes it out. */
void yk_shm_enter(struct yk_shm_entry *entry);
void yk_shm_leave(const struct yk_shm_entry *entry);

#endif
