/* Shared memory of a pool: zero, aligned, merged again when free, refused when there is no room. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"
#include "ipc/arena.h"
#include "os/os.h"
#include "test.h"

static struct yk_arena open_arena(size_t size)
{
    struct yk_arena arena;

    CHECK_EQ(yk_arena_open(&arena, size, size), 0);
    return arena;
}

TEST(arena_gives_zero_pages_and_takes_them_back)
{
    struct yk_arena arena = open_arena(1 << 20);
    char *a = yk_arena_alloc(&arena, 100), *b = yk_arena_alloc(&arena, 10000);

    CHECK(a && b && a != b);
    CHECK_EQ((uintptr_t)b % yk_page_size(), 0);
    memset(a, 1, 100);
    memset(b, 1, 10000);
    CHECK(yk_arena_free(&arena, a));
    a = yk_arena_alloc(&arena, 100);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(a[i], 0);
    CHECK(!yk_arena_free(&arena, a + 1));
    CHECK(yk_arena_free(&arena, a));
    CHECK(!yk_arena_free(&arena, a));
    yk_arena_close(&arena);
}

TEST(arena_neighbours_merge_in_every_order)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    size_t page = yk_page_size();
    struct yk_arena arena = open_arena(3 * page);

    for (int k = 0; k < 6; k++) {
        void *piece[3];

        for (int i = 0; i < 3; i++)
            CHECK((piece[i] = yk_arena_alloc(&arena, page)) != NULL);
        CHECK(!yk_arena_alloc(&arena, 1));
        for (int i = 0; i < 3; i++)
            CHECK(yk_arena_free(&arena, piece[orders[k][i]]));
        piece[0] = yk_arena_alloc(&arena, 3 * page);
        CHECK(piece[0] != NULL);
        CHECK(yk_arena_free(&arena, piece[0]));
    }
    yk_arena_close(&arena);
}

TEST(arena_refuses_absurd_sizes)
{
    struct yk_arena arena = open_arena(1 << 20);

    CHECK(!yk_arena_alloc(&arena, 0));
    CHECK(!yk_arena_alloc(&arena, SIZE_MAX));
    CHECK(!yk_arena_alloc(&arena, (1 << 20) + 1));
    CHECK(yk_arena_holds(&arena, arena.base, 1 << 20));
    CHECK(!yk_arena_holds(&arena, arena.base, (1 << 20) + 1));
    CHECK(!yk_arena_holds(&arena, arena.base - 1, 1));
    CHECK(!yk_arena_holds(&arena, arena.base + 10, SIZE_MAX));
    yk_arena_close(&arena);
}

TEST(arena_memory_is_shared_with_a_child_at_the_same_address)
{
    struct yk_arena arena = open_arena(1 << 20);
    int pid = fork(), status;
    yk_a32 *word;

    if (pid == 0) {
        /* the address that the parent will get: handed out after the fork */
        word = (yk_a32 *)(void *)arena.base;
        while (yk_load_acq(word) != 41)
            yk_futex_wait(word, 0, true, YOKE_FOREVER);
        yk_store_rel(word, 42);
        _exit(0);
    }
    word = yk_arena_alloc(&arena, sizeof *word);
    CHECK((char *)word == arena.base);
    yk_store_rel(word, 41);
    yk_futex_wake(word, 1, true);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(yk_load_acq(word), 42);
    yk_arena_close(&arena);
}

/* ---- the end ---- */

static size_t pages_behind(int fd)
{
    struct stat stat;

    CHECK_EQ(fstat(fd, &stat), 0);
    return (size_t)stat.st_blocks * 512 / yk_page_size();
}

/* A process that holds the mapping, as the workers of a later pool do, and ends with the pipe. */
static int fork_holder(int ends[2])
{
    char letter;
    int pid;

    CHECK_EQ(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        close(ends[1]);
        _exit(read(ends[0], &letter, 1) != 0);
    }
    close(ends[0]);
    return pid;
}

TEST(arena_gives_its_memory_back_though_another_process_has_it_mapped)
{
    struct yk_arena arena = open_arena(1 << 20);
    char *memory = yk_arena_alloc(&arena, 1 << 19);
    int ends[2], holder = fork_holder(ends), fd = dup(arena.fd);

    CHECK(memory);
    CHECK(pages_behind(fd) > 0);
    yk_arena_close(&arena);
    CHECK_EQ(arena.fd, -1);
    CHECK_EQ(pages_behind(fd), 0);
    close(fd);
    close(ends[1]);
    check_succeeds(holder);
    yk_arena_close(&arena);
}

TEST(arena_forgotten_in_a_fork_keeps_the_owners_memory)
{
    struct yk_arena arena = open_arena(1 << 20);
    char *memory = yk_arena_alloc(&arena, 1 << 19);
    int pid;

    CHECK(memory);
    memset(memory, 7, 1 << 19);
    pid = fork();
    if (pid == 0) {
        yk_arena_forget(&arena);
        CHECK_EQ(arena.fd, -1);
        CHECK(!arena.blocks);
        yk_arena_forget(&arena);
        _exit(0);
    }
    check_succeeds(pid);
    for (int i = 0; i < 1 << 19; i++)
        CHECK_EQ(memory[i], 7);
    yk_arena_close(&arena);
}

/* A descriptor that is for reading takes no pages away. */
TEST(arena_clears_what_it_cannot_give_back)
{
    struct yk_arena arena = open_arena(1 << 20);
    char *memory = yk_arena_alloc(&arena, 10000), path[32];
    int fd = arena.fd;

    CHECK(memory);
    memset(memory, 1, 10000);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    CHECK((arena.fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0);
    CHECK(yk_arena_free(&arena, memory));
    close(arena.fd);
    arena.fd = fd;
    CHECK(pages_behind(fd) > 0);
    CHECK(yk_arena_alloc(&arena, 10000) == memory);
    for (int i = 0; i < 10000; i++)
        CHECK_EQ(memory[i], 0);
    yk_arena_close(&arena);
}
