/* cpu.c -- how many CPUs this thread may use: its affinity mask, bounded by the quotas of its cgroup and the ancestors of it.
 *
 * The quota of a cgroup bounds everything below it, so the least on the way to the root counts.  Files that are not there are
 * passed over: a container without a cgroup namespace names a path of the host, of which its mount shows only the root, and
 * the walk up ends there.  Nothing here fails: what cannot be read sets no bound. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yoke/cpu.h>

#include "os/linux/linux.h"
#include "os/os.h"

/* Room for the texts; on the heap, because stacks may be 16 KiB. */
struct texts {
    char cgroups[16384];
    char path[4096];
    char file[4096 + 64];
};

/* Moves *text past a decimal number; false if there is none, or if it is so large that arithmetic could overflow. */
static bool parse_number(const char **text, uint64_t *number)
{
    const char *p = *text;
    uint64_t n = 0;

    while (isdigit((unsigned char)*p) && n < UINT64_MAX / 100)
        n = n * 10 + (uint64_t)(*p++ - '0');
    if (p == *text || isdigit((unsigned char)*p))
        return false;
    *text = p;
    *number = n;
    return true;
}

int yk_parse_cpu_max(const char *text)
{
    uint64_t quota, period, cpus;

    if (!parse_number(&text, &quota) || *text++ != ' ' || !parse_number(&text, &period))
        return 0;
    if ((*text != '\0' && strcmp(text, "\n") != 0) || quota == 0 || period == 0)
        return 0;
    cpus = quota / period + (quota % period != 0);
    return (int)yk_min(cpus, (uint64_t)INT_MAX);
}

/* Whether the list of names "cpu,cpuacct", `size` bytes long, has this one. */
static bool list_has(const char *list, size_t size, const char *name)
{
    size_t length = strlen(name);

    for (;;) {
        const char *comma = memchr(list, ',', size);
        size_t item = comma ? (size_t)(comma - list) : size;

        if (item == length && memcmp(list, name, length) == 0)
            return true;
        if (!comma)
            return false;
        list += item + 1;
        size -= item + 1;
    }
}

int yk_parse_cgroup_path(const char *text, const char *controller, char *path, size_t size)
{
    /* lines are "number:controllers:path"; version 2 is number 0 with no controllers (cgroups(7)) */
    for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
        const char *list, *colon;

        end = strchrnul(line, '\n');
        list = memchr(line, ':', (size_t)(end - line));
        colon = list ? memchr(list + 1, ':', (size_t)(end - list) - 1) : NULL;
        if (!colon || colon[1] != '/')
            continue;
        list++;
        if (*controller ? list_has(list, (size_t)(colon - list), controller) : strncmp(line, "0::", 3) == 0) {
            size_t length = (size_t)(end - colon) - 1;

            if (size == 0)
                return 0;
            length = yk_min(length, size - 1);
            memcpy(path, colon + 1, length);
            path[length] = '\0';
            return (int)length;
        }
    }
    return -ENOENT;
}

/* Reads a file whole, as a string that ends in no newline; false if it cannot be read, is empty, or is too long. */
static bool read_text(const char *name, char *text, size_t size)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t n;

    if (fd < 0)
        return false;
    do {
        n = read(fd, text + length, size - length);
        length += n > 0 ? (size_t)n : 0;
    } while ((n > 0 && length < size) || (n < 0 && errno == EINTR));
    close(fd);
    if (n < 0 || length == 0 || length == size)
        return false;
    text[length - (text[length - 1] == '\n')] = '\0';
    return true;
}

/* The quotas of one cgroup directory, in CPUs; 0 for none. */
static int quota_v2(const char *mount, struct texts *t)
{
    char quota[64];

    snprintf(t->file, sizeof t->file, "%s%s/cpu.max", mount, t->path);
    return read_text(t->file, quota, sizeof quota) ? yk_parse_cpu_max(quota) : 0;
}

static int quota_v1(const char *mount, struct texts *t)
{
    char quota[32], period[32], both[64];

    snprintf(t->file, sizeof t->file, "%s%s/cpu.cfs_quota_us", mount, t->path);
    if (!read_text(t->file, quota, sizeof quota))
        return 0;
    snprintf(t->file, sizeof t->file, "%s%s/cpu.cfs_period_us", mount, t->path);
    if (!read_text(t->file, period, sizeof period))
        return 0;
    /* no quota is -1 here, which the parser takes for "not a number", as it does "max" */
    snprintf(both, sizeof both, "%s %s", quota, period);
    return yk_parse_cpu_max(both);
}

/* The least of `count` and the quotas from the cgroup up to the root of one hierarchy. */
static int bound(int count, const char *controller, const char *mount, int (*quota)(const char *, struct texts *),
                 struct texts *t)
{
    if (yk_parse_cgroup_path(t->cgroups, controller, t->path, sizeof t->path) < 0)
        return count;
    for (;;) {
        char *slash = strrchr(t->path, '/');
        int cpus = quota(mount, t);

        if (cpus > 0)
            count = yk_min(count, cpus);
        if (!slash)
            return count;
        *slash = '\0';
    }
}

static int affinity_count(void)
{
    size_t size = CPU_ALLOC_SIZE(YK_CPUS_MAX);
    cpu_set_t *set = CPU_ALLOC(YK_CPUS_MAX);
    int count = set && sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;

    CPU_FREE(set);
    return count > 0 ? count : (int)yk_max(sysconf(_SC_NPROCESSORS_ONLN), 1L);
}

int yoke_cpu_count(void)
{
    int count = affinity_count();
    struct texts *t = malloc(sizeof *t);

    if (t && read_text("/proc/thread-self/cgroup", t->cgroups, sizeof t->cgroups)) {
        count = bound(count, "", "/sys/fs/cgroup", quota_v2, t);
        count = bound(count, "", "/sys/fs/cgroup/unified", quota_v2, t);
        /* "cpu" is often a link to the second, but not always there */
        count = bound(count, "cpu", "/sys/fs/cgroup/cpu", quota_v1, t);
        count = bound(count, "cpu", "/sys/fs/cgroup/cpu,cpuacct", quota_v1, t);
    }
    free(t);
    return count;
}
