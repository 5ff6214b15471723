/* arena.h -- memory that this process shares with its workers, at the same address in all of them.
 *
 * One large reservation of address space, made before the workers exist; pages are put behind it as it is handed out.  What
 * is free and what is taken is known only here, in ordinary memory of the owner: a worker that runs wild cannot reach it. */
#ifndef YK_ARENA_H
#define YK_ARENA_H

#include <yoke/lock.h>

#include "base/base.h"

struct yk_block;

struct yk_arena {
    char *base;
    size_t size;
    int fd; /* -1: not open */
    yoke_lock lock;
    struct yk_block *blocks; /* by address, without gaps; under lock */
};

/* Reserves as much as it can up to `reserve` bytes, not less than `least`. */
int yk_arena_open(struct yk_arena *arena, size_t reserve, size_t least);
/* Its memory goes back at once, though other processes may have it mapped. */
void yk_arena_close(struct yk_arena *arena);
/* In a process that shares it with the owner (a fork): the memory stays. */
void yk_arena_forget(struct yk_arena *arena);

/* Zero bytes, aligned to pages and backed by memory; NULL when there is no room.  Any thread of the owner. */
void *yk_arena_alloc(struct yk_arena *arena, size_t size);
/* False if alloc did not give that pointer. */
bool yk_arena_free(struct yk_arena *arena, void *memory);

/* True if all of [p, p + size) lies inside. */
bool yk_arena_holds(const struct yk_arena *arena, const void *p, size_t size);

#endif
