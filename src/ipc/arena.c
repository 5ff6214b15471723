/* arena.c -- first fit over a list of blocks that covers the whole reservation.
 *
 * Invariants: the blocks stand in the order of their addresses and leave no gap; no two free ones are neighbours; a free block
 * reads as zero when it is taken next, since it has no pages behind it (or, where they could not be taken away, zeros). */
#include "ipc/arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"

struct yk_block {
    struct yk_block *next;
    size_t offset;
    size_t size;
    bool taken;
};

int yk_arena_open(struct yk_arena *arena, size_t reserve, size_t least)
{
    struct yk_block *all = calloc(1, sizeof *all);
    void *base;
    int rc;

    if (!all)
        return -ENOMEM;
    rc = yk_shm_create(reserve, least, &arena->fd, &base, &arena->size);
    if (rc < 0) {
        free(all);
        return rc;
    }
    arena->base = base;
    arena->lock = (yoke_lock){0};
    all->size = arena->size;
    arena->blocks = all;
    return 0;
}

void yk_arena_close(struct yk_arena *arena)
{
    /* a failure leaves it to the end of the last process that has it mapped */
    if (arena->fd >= 0)
        (void)yk_shm_decommit(arena->fd, 0, arena->size);
    yk_arena_forget(arena);
}

void yk_arena_forget(struct yk_arena *arena)
{
    if (arena->fd < 0)
        return;
    yk_shm_unmap(arena->base, arena->size);
    yk_close(arena->fd);
    arena->fd = -1;
    /* in a fork, a list that another thread was changing at that moment is left alone */
    while (arena->blocks && !yoke_lock_locked(&arena->lock)) {
        struct yk_block *block = arena->blocks;

        arena->blocks = block->next;
        free(block);
    }
}

static struct yk_block *find_free(struct yk_arena *arena, size_t size)
{
    struct yk_block *block = arena->blocks;

    while (block && (block->taken || block->size < size))
        block = block->next;
    return block;
}

void *yk_arena_alloc(struct yk_arena *arena, size_t size)
{
    struct yk_block *rest, *block;
    void *memory = NULL;

    size = yk_round_up(size, yk_page_size());
    if (size == 0)
        return NULL;
    rest = malloc(sizeof *rest);
    if (!rest)
        return NULL;
    yoke_lock_acquire(&arena->lock);
    block = find_free(arena, size);
    if (block && yk_shm_commit(arena->fd, block->offset, size) == 0) {
        if (block->size > size) {
            *rest = (struct yk_block){block->next, block->offset + size, block->size - size, false};
            block->next = rest;
            block->size = size;
            rest = NULL;
        }
        block->taken = true;
        memory = arena->base + block->offset;
    } else if (block) {
        /* what was committed before the failure goes back; if it cannot, it still reads as zero */
        (void)yk_shm_decommit(arena->fd, block->offset, size);
    }
    yoke_lock_release(&arena->lock);
    free(rest);
    return memory;
}

static void swallow_next(struct yk_block *block)
{
    struct yk_block *next = block->next;

    if (!next || next->taken || block->taken)
        return;
    block->size += next->size;
    block->next = next->next;
    free(next);
}

bool yk_arena_free(struct yk_arena *arena, void *memory)
{
    struct yk_block *before = NULL, *block;
    bool found;

    yoke_lock_acquire(&arena->lock);
    for (block = arena->blocks; block && arena->base + block->offset != memory; block = block->next)
        before = block;
    found = block && block->taken;
    if (found) {
        if (yk_shm_decommit(arena->fd, block->offset, block->size) < 0)
            memset(memory, 0, block->size);
        block->taken = false;
        swallow_next(block);
        if (before)
            swallow_next(before);
    }
    yoke_lock_release(&arena->lock);
    return found;
}

bool yk_arena_holds(const struct yk_arena *arena, const void *p, size_t size)
{
    uintptr_t at = (uintptr_t)p, base = (uintptr_t)arena->base;

    return at >= base && at - base <= arena->size && size <= arena->size - (at - base);
}
