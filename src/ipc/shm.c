/* shm.c -- yoke_shm: an arena that other processes map as well.
 *
 * The program's handle is the address of the memory, so that it means the same in every process that has it there; what stands
 * behind a handle is found in this process's own list (shmlist.c).  The first page is the head, for those that attach it:
 * where the memory lies in the process that opened it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/shmlist.h"
#include "os/os.h"
#include "sync/self.h"

#define RESERVE ((size_t)1 << 38)
#define LEAST ((size_t)1 << 20)

struct head {
    char magic[8];
    uint64_t address;
};

static const char magic[8] = "yoke shm"; /* without a zero at the end; with another layout, another text */

/* ---- open, attach, free ---- */

static void take_out(struct yk_shm_entry *entry)
{
    yk_shm_lock();
    yk_shm_leave(entry);
    yk_arena_unmap(&entry->arena);
    yk_shm_unlock();
    yk_arena_discard(&entry->arena);
}

static int write_head(struct yk_arena *arena)
{
    struct head *head = yk_arena_alloc_pages(arena, sizeof *head);

    if (!head)
        return -ENOMEM;
    yk_assert((char *)head == arena->base);
    memcpy(head->magic, magic, sizeof magic);
    head->address = (uintptr_t)arena->base;
    return 0;
}

static int open_entry(struct yk_shm_entry *entry, size_t most)
{
    size_t page = yk_page_size(), reserve = most == 0 ? yk_shm_reserve(RESERVE) : yk_round_up(most, page) + page;
    int rc;

    if (most > SIZE_MAX - 2 * page)
        return -ENOMEM;
    rc = yk_arena_prepare(&entry->arena);
    if (rc < 0)
        return rc;
    entry->owner = yk_this_process();
    yk_shm_lock();
    rc = yk_arena_map(&entry->arena, reserve, yk_min(reserve, LEAST));
    if (rc == 0)
        yk_shm_enter(entry);
    yk_shm_unlock();
    if (rc < 0) {
        yk_arena_discard(&entry->arena);
        return rc;
    }
    rc = write_head(&entry->arena);
    if (rc < 0)
        take_out(entry);
    return rc;
}

/* Under lock. */
static int map_copy(struct yk_arena *arena, int fd, void *wish)
{
    void *base;
    int copy = yk_fd_copy(fd), rc;

    if (copy < 0)
        return copy;
    rc = yk_shm_map(copy, wish, arena->size, &base);
    if (rc < 0) {
        yk_close(copy);
        return rc;
    }
    arena->fd = copy;
    arena->base = base;
    return 0;
}

static int attach_entry(struct yk_shm_entry *entry, int fd)
{
    struct head head;
    int rc = yk_shm_check(fd, &head, sizeof head, &entry->arena.size);

    if (rc < 0 || memcmp(head.magic, magic, sizeof magic) != 0)
        return -EINVAL;
    yk_shm_lock();
    rc = map_copy(&entry->arena, fd, (void *)(uintptr_t)head.address);
    if (rc == 0)
        yk_shm_enter(entry);
    yk_shm_unlock();
    return rc;
}

/* Either makes an entry of memory: open with fd -1. */
static int take_in(yoke_shm **ret_shm, size_t most, int fd)
{
    struct yk_shm_entry *entry = calloc(1, sizeof *entry);
    int rc;

    if (!entry)
        return -ENOMEM;
    rc = fd < 0 ? open_entry(entry, most) : attach_entry(entry, fd);
    if (rc < 0)
        free(entry);
    else
        *ret_shm = (yoke_shm *)(void *)entry->arena.base;
    return rc;
}

int yoke_shm_open(yoke_shm **ret_shm, size_t most)
{
    return ret_shm ? take_in(ret_shm, most, -1) : -EINVAL;
}

int yoke_shm_attach(yoke_shm **ret_shm, int fd)
{
    return ret_shm && fd >= 0 ? take_in(ret_shm, 0, fd) : -EINVAL;
}

int yoke_shm_free(yoke_shm **shm)
{
    struct yk_shm_entry *entry;

    if (!shm || !*shm)
        return 0;
    entry = yk_shm_find(*shm);
    if (!entry)
        return -EINVAL;
    if (yk_arena_has_lock(&entry->arena, NULL))
        return -EBUSY;
    /* without the lock, since it may take long; a failure leaves the memory to the end of the last process that has it */
    if (entry->owner == yk_this_process())
        (void)yk_shm_decommit(entry->arena.fd, 0, entry->arena.size);
    take_out(entry);
    free(entry);
    *shm = NULL;
    return 0;
}

/* ---- allocation ---- */

void *yoke_shm_alloc(yoke_shm *shm, size_t size)
{
    struct yk_shm_entry *entry = yk_shm_find(shm);

    return entry && entry->owner == yk_this_process() ? yk_arena_alloc(&entry->arena, size) : NULL;
}

int yoke_shm_dealloc(yoke_shm *shm, void *memory)
{
    struct yk_shm_entry *entry = yk_shm_find(shm);

    if (!entry)
        return -EINVAL;
    if (entry->owner != yk_this_process())
        return -YOKE_EFORKED;
    if (memory && yk_arena_has_lock(&entry->arena, memory))
        yk_misuse("yoke_shm_dealloc takes memory in which the calling thread holds no lock");
    if (memory && (memory == shm || !yk_arena_free(&entry->arena, memory)))
        yk_misuse("yoke_shm_dealloc takes what yoke_shm_alloc of the same shared memory gave, once");
    return 0;
}

/* ---- places ---- */

int yoke_shm_fd(const yoke_shm *shm)
{
    const struct yk_shm_entry *entry = yk_shm_find(shm);

    return entry ? entry->arena.fd : -EINVAL;
}

size_t yoke_shm_size(const yoke_shm *shm)
{
    const struct yk_shm_entry *entry = yk_shm_find(shm);

    return entry ? entry->arena.size : 0;
}

/* The first page is the head, where nobody has anything. */
uint64_t yoke_shm_offset(const yoke_shm *shm, const void *p)
{
    const struct yk_shm_entry *entry = yk_shm_find(shm);
    uint64_t offset =
        entry && yk_arena_holds(&entry->arena, p, 1) ? (uint64_t)((const char *)p - entry->arena.base) : 0;

    return offset < yk_page_size() ? 0 : offset;
}

void *yoke_shm_at(const yoke_shm *shm, uint64_t offset, size_t size)
{
    const struct yk_shm_entry *entry = yk_shm_find(shm);

    if (!entry || offset < yk_page_size() || offset > entry->arena.size || size == 0 ||
        size > entry->arena.size - offset)
        return NULL;
    return entry->arena.base + offset;
}
