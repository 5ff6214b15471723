/* arena.c -- pages from the first free run that fits; small objects from pages that are cut into slots.
 *
 * Invariants: a free run reads as zero when it is taken next, since it has no pages behind it (or, where they could not be taken
 * away, zeros); a slot is cleared when it is taken.  Memory is put behind a run, and taken away, without the lock, which may
 * take long: meanwhile the run is nobody else's, taken or leaving.  Of the slabs of a class, one at most is wholly free, so that
 * an object that comes and goes does not take a page along each time. */
#include "ipc/arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"

/* ---- the whole ---- */

int yk_arena_prepare(struct yk_arena *arena)
{
    *arena = (struct yk_arena){.fd = -1};
    return yk_runs_open(&arena->runs);
}

int yk_arena_map(struct yk_arena *arena, size_t reserve, size_t least)
{
    void *base;
    int rc = yk_shm_create(reserve, least, &arena->fd, &base, &arena->size);

    if (rc < 0)
        return rc;
    arena->base = base;
    yk_runs_begin(&arena->runs, arena->size / yk_page_size());
    return 0;
}

int yk_arena_open(struct yk_arena *arena, size_t reserve, size_t least)
{
    struct yk_arena new;
    int rc = yk_arena_prepare(&new);

    if (rc < 0)
        return rc;
    rc = yk_arena_map(&new, reserve, least);
    if (rc < 0)
        yk_arena_discard(&new);
    else
        *arena = new;
    return rc;
}

void yk_arena_close(struct yk_arena *arena)
{
    /* a failure leaves it to the end of the last process that has it mapped */
    if (arena->fd >= 0)
        (void)yk_shm_decommit(arena->fd, 0, arena->size);
    yk_arena_forget(arena);
}

void yk_arena_unmap(struct yk_arena *arena)
{
    yk_shm_unmap(arena->base, arena->size);
    yk_close(arena->fd);
    arena->fd = -1;
}

static void free_slab(struct yk_run *run)
{
    free(run->slab);
}

void yk_arena_discard(struct yk_arena *arena)
{
    /* in a fork, what another thread was changing at that moment is left alone */
    if (!yoke_lock_locked(&arena->lock))
        yk_runs_close(&arena->runs, free_slab);
}

void yk_arena_forget(struct yk_arena *arena)
{
    if (arena->fd < 0)
        return;
    yk_arena_unmap(arena);
    yk_arena_discard(arena);
}

bool yk_arena_holds(const struct yk_arena *arena, const void *p, size_t size)
{
    uintptr_t at = (uintptr_t)p, base = (uintptr_t)arena->base;

    return at >= base && at - base <= arena->size && size <= arena->size - (at - base);
}

/* ---- pages ---- */

static void *address_of(const struct yk_arena *arena, const struct yk_run *run)
{
    return arena->base + run->first * yk_page_size();
}

static void return_run(struct yk_arena *arena, struct yk_run *run)
{
    yoke_lock_acquire(&arena->lock);
    yk_runs_give(&arena->runs, run);
    yoke_lock_release(&arena->lock);
}

/* Taken, with memory behind it. */
static struct yk_run *take_run(struct yk_arena *arena, size_t n)
{
    struct yk_run *spare = malloc(sizeof *spare), *run;
    size_t page = yk_page_size();

    if (!spare)
        return NULL;
    yoke_lock_acquire(&arena->lock);
    run = yk_runs_take(&arena->runs, n, &spare);
    yoke_lock_release(&arena->lock);
    free(spare);
    if (!run || yk_shm_commit(arena->fd, run->first * page, n * page) == 0)
        return run;
    /* what was committed before the failure goes back; if it cannot, it still reads as zero */
    (void)yk_shm_decommit(arena->fd, run->first * page, n * page);
    return_run(arena, run);
    return NULL;
}

/* That was marked as leaving. */
static void drop_run(struct yk_arena *arena, struct yk_run *run)
{
    size_t page = yk_page_size();

    if (yk_shm_decommit(arena->fd, run->first * page, run->n * page) < 0)
        memset(address_of(arena, run), 0, run->n * page);
    return_run(arena, run);
}

void *yk_arena_alloc_pages(struct yk_arena *arena, size_t size)
{
    size_t n = yk_round_up(size, yk_page_size()) / yk_page_size();
    struct yk_run *run = n > 0 ? take_run(arena, n) : NULL;

    return run ? address_of(arena, run) : NULL;
}

/* ---- small objects ---- */

/* Puts a slab into its list and takes it out; under lock. */
static void link_slab(struct yk_arena *arena, struct yk_slab *slab)
{
    struct yk_slab **list = &arena->partial[slab->size_class];

    slab->next = *list;
    slab->link = list;
    if (slab->next)
        slab->next->link = &slab->next;
    *list = slab;
}

static void unlink_slab(struct yk_slab *slab)
{
    *slab->link = slab->next;
    if (slab->next)
        slab->next->link = slab->link;
    slab->link = NULL;
}

/* All of its slots are free, and nobody else knows it. */
static struct yk_slab *new_slab(struct yk_arena *arena, unsigned size_class)
{
    struct yk_slab *slab = yk_slab_new(size_class, yk_page_size());

    if (!slab)
        return NULL;
    slab->run = take_run(arena, 1);
    if (slab->run)
        return slab;
    free(slab);
    return NULL;
}

void *yk_arena_alloc(struct yk_arena *arena, size_t size)
{
    struct yk_slab *slab;
    unsigned size_class;
    char *slot;

    if (size == 0 || size > YK_SLAB_MOST)
        return yk_arena_alloc_pages(arena, size);
    size_class = yk_slab_class(size);
    yoke_lock_acquire(&arena->lock);
    slab = arena->partial[size_class];
    if (!slab) {
        yoke_lock_release(&arena->lock);
        slab = new_slab(arena, size_class);
        if (!slab)
            return NULL;
        yoke_lock_acquire(&arena->lock);
        slab->run->slab = slab;
        link_slab(arena, slab);
    }
    slot = (char *)address_of(arena, slab->run) + yk_slab_take(slab);
    if (slab->n_free == 0)
        unlink_slab(slab);
    yoke_lock_release(&arena->lock);
    return memset(slot, 0, yk_slab_size(size_class));
}

/* A slot of it was given back; true if it leaves. */
static bool settle_slab(struct yk_arena *arena, struct yk_slab *slab)
{
    if (!slab->link)
        link_slab(arena, slab);
    if (slab->n_free < slab->n_slots || (!slab->next && arena->partial[slab->size_class] == slab))
        return false;
    unlink_slab(slab);
    free(slab);
    return true;
}

/* Under lock.  False if nothing was taken at that place; else *ret_leaving is the run that leaves, if one does. */
static bool free_at(struct yk_arena *arena, size_t at, struct yk_run **ret_leaving)
{
    size_t page = yk_page_size();
    struct yk_run *run = yk_runs_find(&arena->runs, at / page);

    if (run->state != YK_RUN_TAKEN)
        return false;
    if (run->slab) {
        struct yk_slab *slab = run->slab;

        if (!yk_slab_give(slab, at % page))
            return false;
        if (!settle_slab(arena, slab))
            return true;
        run->slab = NULL;
    } else if (at != run->first * page) {
        return false;
    }
    run->state = YK_RUN_LEAVING;
    *ret_leaving = run;
    return true;
}

bool yk_arena_free(struct yk_arena *arena, void *memory)
{
    struct yk_run *leaving = NULL;
    bool found;

    if (!yk_arena_holds(arena, memory, 1))
        return false;
    yoke_lock_acquire(&arena->lock);
    found = free_at(arena, (size_t)((char *)memory - arena->base), &leaving);
    yoke_lock_release(&arena->lock);
    if (leaving)
        drop_run(arena, leaving);
    return found;
}

bool yk_arena_has_lock(struct yk_arena *arena, const void *memory)
{
    const struct yk_run *run;
    size_t page = yk_page_size(), size;

    if (!yk_robust_linked_in(arena->base, arena->size))
        return false;
    if (!memory)
        return true;
    if (!yk_arena_holds(arena, memory, 1))
        return false;
    yoke_lock_acquire(&arena->lock);
    run = yk_runs_find(&arena->runs, (size_t)((const char *)memory - arena->base) / page);
    size = run->slab ? yk_slab_size(run->slab->size_class) : run->n * page;
    yoke_lock_release(&arena->lock);
    return yk_robust_linked_in(memory, size);
}
