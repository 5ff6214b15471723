/* room.c -- how much memory this process could still get, before it asks.
 *
 * Who asks the kernel for more shared memory than there is gets no error: the kernel looks for somebody to kill, and may find
 * anybody, since memory that nobody has touched yet is nobody's.  The system and each cgroup on the way to the root have a limit;
 * what they would give up for it (clean files) counts as free.  Nothing here fails: what cannot be read sets no bound. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"

/* On the heap, because stacks may be 16 KiB. */
struct texts {
    char cgroups[16384];
    char path[4096];
    char name[4096 + 64];
    char text[16384];
};

/* What one kind of cgroup calls its files; the last is a line of memory.stat. */
struct names {
    const char *controller, *mount, *limit, *usage, *files;
};

static const struct names kinds[] = {
    {"", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"},
    {"", "/sys/fs/cgroup/unified", "memory.max", "memory.current", "inactive_file"},
    {"memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"},
};

uint64_t yk_parse_number_of(const char *text, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
        char *number_end;
        unsigned long long number;

        end = strchrnul(line, '\n');
        if (strncmp(line, name, length) != 0)
            continue;
        line += length;
        errno = 0;
        number = strtoull(line, &number_end, 10);
        if (number_end > line && number_end <= end && errno == 0)
            return number;
    }
    return UINT64_MAX;
}

/* As a string; the empty one if it cannot be read. */
static const char *read_text(const char *name, char *text, size_t size)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

    yk_close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static uint64_t number_in(struct texts *t, const struct names *kind, const char *file, const char *name)
{
    snprintf(t->name, sizeof t->name, "%s%s/%s", kind->mount, t->path, file);
    return yk_parse_number_of(read_text(t->name, t->text, sizeof t->text), name);
}

static uint64_t room_in_cgroup(struct texts *t, const struct names *kind)
{
    uint64_t limit = number_in(t, kind, kind->limit, ""), usage, files;

    if (limit == UINT64_MAX)
        return limit;
    usage = number_in(t, kind, kind->usage, "");
    files = number_in(t, kind, "memory.stat", kind->files);
    if (usage == UINT64_MAX)
        return limit;
    usage -= files == UINT64_MAX ? 0 : yk_min(files, usage);
    return limit > usage ? limit - usage : 0;
}

/* The least from the cgroup up to the root. */
static uint64_t room_in_cgroups(struct texts *t, const struct names *kind)
{
    uint64_t room = UINT64_MAX;
    char *slash;

    if (yk_parse_cgroup_path(t->cgroups, kind->controller, t->path, sizeof t->path) < 0)
        return room;
    do {
        uint64_t here = room_in_cgroup(t, kind);

        room = yk_min(room, here);
        slash = strrchr(t->path, '/');
        if (slash)
            *slash = '\0';
    } while (slash);
    return room;
}

static uint64_t room_in_system(struct texts *t)
{
    const char *text = read_text("/proc/meminfo", t->text, sizeof t->text);
    uint64_t free_kib = yk_parse_number_of(text, "MemAvailable:"), swap_kib = yk_parse_number_of(text, "SwapFree:");

    if (free_kib >= UINT64_MAX / 4096)
        return UINT64_MAX;
    return (free_kib + (swap_kib >= UINT64_MAX / 4096 ? 0 : swap_kib)) * 1024;
}

uint64_t yk_memory_room(void)
{
    struct texts *t = malloc(sizeof *t);
    uint64_t room;

    if (!t)
        return UINT64_MAX;
    room = room_in_system(t);
    read_text("/proc/thread-self/cgroup", t->cgroups, sizeof t->cgroups);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint64_t here = room_in_cgroups(t, &kinds[i]);

        room = yk_min(room, here);
    }
    free(t);
    return room;
}

/* What asking costs is nothing against what it costs to get so much. */
#define GRANT ((uint64_t)16 << 20)

/* Stays for what needs memory besides: page tables, the bookkeeping, stacks. */
#define SPARE ((uint64_t)1 << 20)

/* Bytes that may still be taken before the next question.  Written by whoever takes some, on any thread. */
static yk_a64 granted;

int yk_memory_take(uint64_t size)
{
    uint64_t left = yk_load_rlx(&granted), room;

    /* relaxed, all: a count, with which no other memory comes */
    while (size <= left)
        if (yk_cas_rlx(&granted, &left, left - size))
            return 0;
    room = yk_memory_room();
    room -= yk_min(room, SPARE);
    if (size > room)
        return -ENOMEM;
    /* no more than half of what is left: another process may have asked just now too */
    yk_store_rlx(&granted, yk_min(GRANT, (room - size) / 2));
    return 0;
}
