/* shmlist.c -- the list of the shared memories that this process has, and how a zygote is told of it.
 *
 * Invariant: an entry is in the list exactly while its memory is mapped.  The lock is held in between, and over each fork that
 * may come in between; so a child finds an entry for each memory that it has inherited. */
#include "ipc/shmlist.h"

#include <errno.h>
#include <stdlib.h>

#include "os/os.h"

static struct {
    yoke_lock lock;
    struct yk_shm_entry *first; /* under lock, as is: */
    uint64_t newest;            /* the number given last */
} list;

void yk_shm_lock(void)
{
    yoke_lock_acquire(&list.lock);
}

void yk_shm_unlock(void)
{
    yoke_lock_release(&list.lock);
}

/* In the child: the lock is held for it, or by nobody. */
static void forked(void)
{
    yoke_lock_init(&list.lock, YOKE_PRIVATE);
}

__attribute__((constructor)) static void watch_forks(void)
{
    /* without memory for that, a child that is forked in the middle of an open or a free may have an entry too few */
    if (yk_at_fork(forked) == 0)
        (void)yk_before_fork(yk_shm_lock, yk_shm_unlock);
}

/* ---- the list ---- */

struct yk_shm_entry *yk_shm_find(const yoke_shm *shm)
{
    struct yk_shm_entry *entry;

    yk_shm_lock();
    entry = list.first;
    while (entry && entry->arena.base != (const char *)shm)
        entry = entry->next;
    yk_shm_unlock();
    return entry;
}

static void enter(struct yk_shm_entry *entry, uint64_t number)
{
    entry->number = number;
    list.newest = yk_max(list.newest, number);
    entry->next = list.first;
    list.first = entry;
}

void yk_shm_enter(struct yk_shm_entry *entry)
{
    enter(entry, list.newest + 1);
}

void yk_shm_leave(const struct yk_shm_entry *entry)
{
    struct yk_shm_entry **link = &list.first;

    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
}

uint64_t yk_shm_newest(void)
{
    uint64_t newest;

    yk_shm_lock();
    newest = list.newest;
    yk_shm_unlock();
    return newest;
}

/* ---- told to a zygote ---- */

/* The descriptor is a copy: another thread may free the memory, and its number may come to mean something else. */
static int list_one(const struct yk_shm_entry *entry, uint64_t known, struct yk_shm_place *place)
{
    int fd = entry->number > known ? yk_fd_copy(entry->arena.fd) : -1;

    *place = (struct yk_shm_place){fd, entry->number, entry->arena.base, entry->arena.size};
    return entry->number > known && fd < 0 ? fd : 0;
}

int yk_shm_list(uint64_t known, struct yk_shm_place *places, unsigned room)
{
    unsigned n = 0;
    int rc = 0;

    yk_shm_lock();
    for (const struct yk_shm_entry *entry = list.first; entry && rc == 0; entry = entry->next) {
        rc = n < room ? list_one(entry, known, &places[n]) : -E2BIG;
        n += rc == 0;
    }
    yk_shm_unlock();
    if (rc == 0)
        return (int)n;
    while (n > 0)
        yk_close(places[--n].fd);
    return rc;
}

/* ---- in a zygote, without the lock: it has one thread, which may well call malloc ---- */

static bool is_listed(uint64_t number, const struct yk_shm_place *places, unsigned n)
{
    while (n > 0 && places[n - 1].number != number)
        n--;
    return n > 0;
}

static void forget_others(const struct yk_shm_place *places, unsigned n)
{
    for (struct yk_shm_entry *entry = list.first, *next; entry; entry = next) {
        next = entry->next;
        if (is_listed(entry->number, places, n))
            continue;
        yk_shm_leave(entry);
        yk_arena_forget(&entry->arena);
        free(entry);
    }
}

static bool is_known(uint64_t number)
{
    const struct yk_shm_entry *entry = list.first;

    while (entry && entry->number != number)
        entry = entry->next;
    return entry;
}

/* Takes the descriptor on success. */
static int adopt(const struct yk_shm_place *place)
{
    struct yk_shm_entry *entry = calloc(1, sizeof *entry);
    int rc = entry ? yk_shm_attach(place->fd, place->address, place->size) : -ENOMEM;

    if (rc < 0) {
        free(entry);
        return rc == -EEXIST ? -EADDRINUSE : rc;
    }
    entry->arena.base = place->address;
    entry->arena.size = place->size;
    entry->arena.fd = place->fd;
    enter(entry, place->number);
    return 0;
}

int yk_shm_sync(const struct yk_shm_place *places, unsigned n)
{
    int rc = 0;

    forget_others(places, n);
    for (unsigned i = 0; i < n; i++) {
        bool mine = places[i].fd >= 0 && rc == 0 && !is_known(places[i].number);

        if (mine)
            rc = adopt(&places[i]);
        if (!mine || rc < 0)
            yk_close(places[i].fd);
    }
    return rc;
}

int yk_shm_make_way(int number)
{
    struct yk_shm_entry *entry = list.first;
    int fd;

    while (entry && entry->arena.fd != number)
        entry = entry->next;
    if (!entry)
        return 0;
    fd = yk_fd_copy(number);
    if (fd < 0)
        return fd;
    yk_close(number);
    entry->arena.fd = fd;
    return 0;
}
