/* memory.h -- yoke_pool_alloc where caller and workers are one process: zeroed memory in a list, given back with the pool. */
#ifndef YK_MEMORY_H
#define YK_MEMORY_H

#include <stdlib.h>
#include <string.h>
#include <yoke/lock.h>

#include "base/base.h"

/* Lies in front of its bytes. */
struct yk_piece {
    _Alignas(YK_LINE) struct yk_piece *next;
};

/* Zero bytes are an empty list. */
struct yk_memory {
    yoke_lock lock;
    struct yk_piece *pieces; /* under the lock; the newest first */
};

static inline void *yk_memory_alloc(struct yk_memory *memory, size_t size)
{
    size_t whole = size > SIZE_MAX - sizeof(struct yk_piece) ? 0 : yk_round_up(size + sizeof(struct yk_piece), YK_LINE);
    struct yk_piece *piece = size > 0 && whole > 0 ? aligned_alloc(YK_LINE, whole) : NULL;

    if (!piece)
        return NULL;
    memset(piece, 0, whole);
    yoke_lock_acquire(&memory->lock);
    piece->next = memory->pieces;
    memory->pieces = piece;
    yoke_lock_release(&memory->lock);
    return piece + 1;
}

/* False if no piece begins there.  Compares addresses and reads nothing: a stranger's pointer may point to nothing. */
static inline bool yk_memory_dealloc(struct yk_memory *memory, const void *bytes)
{
    struct yk_piece *found = NULL;

    yoke_lock_acquire(&memory->lock);
    for (struct yk_piece **link = &memory->pieces; *link; link = &(*link)->next) {
        if ((const void *)(*link + 1) == bytes) {
            found = *link;
            *link = found->next;
            break;
        }
    }
    yoke_lock_release(&memory->lock);
    free(found);
    return found != NULL;
}

/* Nobody uses the list any more.  In a fork, a list that another thread was changing at that moment is left alone. */
static inline void yk_memory_free(struct yk_memory *memory)
{
    while (memory->pieces && !yoke_lock_locked(&memory->lock)) {
        struct yk_piece *piece = memory->pieces;

        memory->pieces = piece->next;
        free(piece);
    }
}

#endif
