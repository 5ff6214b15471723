/* arena.h -- memory that this process shares with others, and allocation in it.
 *
 * One large reservation of address space, made before the others exist; pages are put behind it as it is handed out.  What
 * is free and what is taken is known only here, in ordinary memory of the owner: a worker that runs wild cannot reach it. */
#ifndef YK_ARENA_H
#define YK_ARENA_H

#include <yoke/lock.h>

#include "ipc/runs.h"
#include "ipc/slab.h"

struct yk_arena {
    char *base;
    size_t size;
    int fd; /* -1: not open */
    yoke_lock lock;
    struct yk_runs runs;                      /* under lock, as what follows */
    struct yk_slab *partial[YK_SLAB_CLASSES]; /* those with a free slot */
};

/* Reserves as much as it can up to `reserve` bytes, not less than `least`. */
int yk_arena_open(struct yk_arena *arena, size_t reserve, size_t least);
/* Its memory goes back at once, though other processes may have it mapped. */
void yk_arena_close(struct yk_arena *arena);
/* In a process that shares it with the owner (a fork): the memory stays. */
void yk_arena_forget(struct yk_arena *arena);

/* The halves of open and forget: map and unmap call neither malloc nor free, so that a lock may be held that a fork takes too.
 * Prepared, and maybe unmapped again, it is discarded.  -ENOMEM, or what yk_shm_create says. */
int yk_arena_prepare(struct yk_arena *arena);
int yk_arena_map(struct yk_arena *arena, size_t reserve, size_t least);
void yk_arena_unmap(struct yk_arena *arena);
void yk_arena_discard(struct yk_arena *arena);

/* Zero bytes, backed by memory; NULL when there is no room.  Any thread of the owner.  Small objects share pages: see slab.h;
 * with alloc_pages none does. */
void *yk_arena_alloc(struct yk_arena *arena, size_t size);
void *yk_arena_alloc_pages(struct yk_arena *arena, size_t size);
/* False if neither gave that pointer. */
bool yk_arena_free(struct yk_arena *arena, void *memory);

/* True if the calling thread holds a lock whose death would be noticed in the object at `memory`; NULL: anywhere in it. */
bool yk_arena_has_lock(struct yk_arena *arena, const void *memory);

/* True if all of [p, p + size) lies inside. */
bool yk_arena_holds(const struct yk_arena *arena, const void *p, size_t size);

#endif
