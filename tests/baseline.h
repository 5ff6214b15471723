/* baseline.h -- what a process holds: counted before and after a test, so that a leak fails it.  For test.c alone.
 *
 * Everything comes from /proc/self, because the library's children and mappings are invisible to wait() and to any list
 * that the program itself could keep. */
#ifndef TEST_BASELINE_H
#define TEST_BASELINE_H

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BASELINE_FDS = 4096 };

struct baseline {
    bool fds[BASELINE_FDS];
    int children;
    int threads;
    int memfd_mappings;
    int shm_names;
};

/* Calls each(number, context) for every entry of a directory whose name begins with a digit; returns how many entries there
 * are of any name, but for "." and "..". */
static int baseline_directory(const char *path, void (*each)(int number, void *context), void *context)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    int n = 0;

    if (!directory)
        return 0;
    while ((entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        n++;
        /* the directory's own descriptor is nobody's leak */
        if (each && isdigit((unsigned char)entry->d_name[0]) && atoi(entry->d_name) != dirfd(directory))
            each(atoi(entry->d_name), context);
    }
    closedir(directory);
    return n;
}

/* The children of one thread of this process, zombies and those with no exit signal among them; into pids, at most n. */
static int baseline_children(int tid, int *pids, int n)
{
    char path[64];
    FILE *file;
    int found = 0, pid;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", tid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    while (found < n && fscanf(file, "%d", &pid) == 1)
        pids[found++] = pid;
    fclose(file);
    return found;
}

static void baseline_fd(int fd, void *context)
{
    if (fd < BASELINE_FDS)
        ((struct baseline *)context)->fds[fd] = true;
}

static void baseline_thread(int tid, void *context)
{
    struct baseline *baseline = context;
    int pids[1024];

    baseline->threads++;
    baseline->children += baseline_children(tid, pids, 1024);
}

static void baseline_take(struct baseline *baseline)
{
    char line[512];
    FILE *maps;

    memset(baseline, 0, sizeof *baseline);
    baseline_directory("/proc/self/fd", baseline_fd, baseline);
    baseline_directory("/proc/self/task", baseline_thread, baseline);
    baseline->shm_names = baseline_directory("/dev/shm", NULL, NULL);
    maps = fopen("/proc/self/maps", "re");
    while (maps && fgets(line, sizeof line, maps))
        baseline->memfd_mappings += strstr(line, "memfd:") != NULL;
    if (maps)
        fclose(maps);
}

static bool baseline_equal_counts(const struct baseline *a, const struct baseline *b)
{
    return a->children == b->children && a->threads == b->threads && a->memfd_mappings == b->memfd_mappings &&
           a->shm_names <= b->shm_names && memcmp(a->fds, b->fds, sizeof a->fds) == 0;
}

static void baseline_explain(const struct baseline *before, const struct baseline *after)
{
    char path[64], target[256];

    for (int fd = 0; fd < BASELINE_FDS; fd++) {
        if (before->fds[fd] == after->fds[fd])
            continue;
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(path, target, sizeof target - 1);

        target[length < 0 ? 0 : length] = 0;
        fprintf(stderr, "leak: descriptor %d was %s\n", fd, after->fds[fd] ? "left open: " : "closed");
        if (after->fds[fd])
            fprintf(stderr, "leak: it is %s\n", target);
    }
    fprintf(stderr, "leak: before and after: children %d, %d; threads %d, %d; memfd mappings %d, %d; /dev/shm %d, %d\n",
            before->children, after->children, before->threads, after->threads, before->memfd_mappings,
            after->memfd_mappings, before->shm_names, after->shm_names);
}

/* True if the process holds what it held.  The kernel takes an ended thread or child out of /proc a little after it has told
 * whoever joined it, and tells nobody when it has: so this looks again, a millisecond
 * apart and at most so often. */
static bool baseline_holds(const struct baseline *before, int looks)
{
    struct baseline after;

    for (int i = 0; i < looks; i++) {
        baseline_take(&after);
        if (baseline_equal_counts(&after, before))
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    baseline_explain(before, &after);
    return false;
}

#endif
