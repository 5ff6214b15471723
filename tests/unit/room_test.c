/* room_test.c -- how much memory can still be had, and that asking for more is refused before it is tried. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yoke.h>

#include "host.h"
#include "os/os.h"

#define MIB ((size_t)1 << 20)

TEST(numbers_are_found_by_their_names)
{
    const char *text = "MemTotal:       24684096 kB\nMemFree:  1 kB\nSwapFree:              0 kB\nlast 17";

    CHECK_EQ(yk_parse_number_of(text, "MemTotal:"), 24684096);
    CHECK_EQ(yk_parse_number_of(text, "SwapFree:"), 0);
    CHECK_EQ(yk_parse_number_of(text, "last"), 17);
    CHECK(yk_parse_number_of(text, "Free:") == UINT64_MAX);
    CHECK(yk_parse_number_of(text, "MemAvailable:") == UINT64_MAX);
    CHECK(yk_parse_number_of("", "MemTotal:") == UINT64_MAX);
    CHECK(yk_parse_number_of("MemTotal:", "MemTotal:") == UINT64_MAX);
    CHECK(yk_parse_number_of("MemTotal:\n5\n", "MemTotal:") == UINT64_MAX);
    CHECK(yk_parse_number_of("MemTotal: 99999999999999999999 kB", "MemTotal:") == UINT64_MAX);
    CHECK_EQ(yk_parse_number_of("4096\n", ""), 4096);
    CHECK(yk_parse_number_of("max\n", "") == UINT64_MAX);
}

TEST(there_is_some_and_not_more_than_the_machine_has)
{
    uint64_t room = yk_memory_room();

    CHECK(room > 0);
    CHECK(room <= (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) * 64 || room == UINT64_MAX);
}

/* ---- in a cgroup of 64 MiB ---- */

static char group[4096 + 64];

static bool write_to(const char *file, const char *text)
{
    char path[sizeof group + 64];
    int fd;
    ssize_t n;

    snprintf(path, sizeof path, "%s/%s", group, file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : write(fd, text, strlen(text));
    close(fd);
    return n > 0;
}

static bool make_group_in(const char *parent, const char *limit)
{
    snprintf(group, sizeof group, "%s/yoke-test-%d", parent, (int)getpid());
    if (mkdir(group, 0700) < 0)
        return false;
    if (write_to(limit, "67108864"))
        return true;
    rmdir(group);
    return false;
}

/* Within the group that this process is in, where that may be divided (version 1), so that its limits hold too. */
static bool make_group(void)
{
    char text[8192] = "", path[4096], parent[sizeof path + 32];
    int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    close(fd);
    if (n > 0 && yk_parse_cgroup_path(text, "memory", path, sizeof path) >= 0) {
        snprintf(parent, sizeof parent, "/sys/fs/cgroup/memory%s", path);
        return make_group_in(parent, "memory.limit_in_bytes");
    }
    return make_group_in("/sys/fs/cgroup", "memory.max");
}

static void allocate_in_group(void)
{
    yoke_shm *shm;
    void *half;

    CHECK(write_to("cgroup.procs", "0"));
    CHECK(yk_memory_room() <= 64 * MIB);
    CHECK_EQ(yoke_shm_open(&shm, 0), 0);
    CHECK(!yoke_shm_alloc(shm, 640 * MIB));
    CHECK(!yoke_shm_alloc(shm, 65 * MIB));
    CHECK(half = yoke_shm_alloc(shm, 32 * MIB));
    CHECK(!yoke_shm_alloc(shm, 40 * MIB));
    CHECK_EQ(yoke_shm_dealloc(shm, half), 0);
    CHECK(yoke_shm_alloc(shm, 40 * MIB));
    CHECK_EQ(yoke_shm_free(&shm), 0);
}

/* In small pieces, all of them used: not even the last is the death of anybody, and the program can go on. */
static void fill_the_group(void)
{
    static const size_t sizes[] = {MIB, 65536, 100};
    static char more[MIB / 2];
    yoke_shm *shm;

    CHECK(write_to("cgroup.procs", "0"));
    CHECK_EQ(yoke_shm_open(&shm, 0), 0);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t n = 0;
        char *piece;

        while ((piece = yoke_shm_alloc(shm, sizes[i]))) {
            memset(piece, 1, sizes[i]);
            n++;
        }
        CHECK(n < 64 * MIB / sizes[i]);
        CHECK(n > 40 || i > 0);
    }
    memset(more, 1, sizeof more);
    CHECK_EQ(more[sizeof more - 1], 1);
    CHECK_EQ(yoke_shm_free(&shm), 0);
}

/* With messages that nobody takes out; a pipe has room for some of these. */
static void fill_pipes(void)
{
    static char message[4 * MIB];
    yoke_pipe ends[100][2] = {0};
    int rc = -ETIMEDOUT, n = 0;

    CHECK(write_to("cgroup.procs", "0"));
    for (int i = 0; i < 100 && rc == -ETIMEDOUT; i++) {
        CHECK_EQ(yoke_pipe_open(&ends[i][0], &ends[i][1]), 0);
        while ((rc = yoke_pipe_send_until(&ends[i][0], message, sizeof message, YOKE_NOW)) == 0)
            n++;
    }
    CHECK_EQ(rc, -ENOMEM);
    CHECK(n > 8);
}

static void in_group(void (*body)(void))
{
    int pid, status;

    if (TEST_THREAD_SANITIZER)
        SKIP("the sanitizer needs several times as much memory");
    if (!make_group())
        SKIP("no memory cgroup can be made here");
    pid = fork();
    if (pid == 0) {
        body();
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    rmdir(group);
    CHECK_EQ(status, 0);
}

TEST(more_than_a_cgroup_has_is_refused)
{
    in_group(allocate_in_group);
}

TEST(a_cgroup_is_filled_piece_by_piece_until_the_next_is_refused)
{
    in_group(fill_the_group);
}

TEST(a_cgroup_is_filled_with_messages_until_the_next_is_refused)
{
    in_group(fill_pipes);
}
