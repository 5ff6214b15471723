/* Shared memory of a pool: zero, aligned, merged again when free, refused when there is no room. */
#include <fcntl.h>
#include <pthread.h>
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
    char *a = yk_arena_alloc_pages(&arena, 100), *b = yk_arena_alloc(&arena, 10000);

    CHECK(a && b && a != b);
    CHECK_EQ((uintptr_t)a % yk_page_size(), 0);
    CHECK_EQ((uintptr_t)b % yk_page_size(), 0);
    memset(a, 1, 100);
    memset(b, 1, 10000);
    CHECK(yk_arena_free(&arena, a));
    a = yk_arena_alloc_pages(&arena, 100);
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
        CHECK(!yk_arena_alloc_pages(&arena, 1));
        for (int i = 0; i < 3; i++)
            CHECK(yk_arena_free(&arena, piece[orders[k][i]]));
        piece[0] = yk_arena_alloc(&arena, 3 * page);
        CHECK(piece[0] != NULL);
        CHECK(yk_arena_free(&arena, piece[0]));
    }
    yk_arena_close(&arena);
}

/* ---- small objects ---- */

static size_t pages_behind(int fd)
{
    struct stat stat;

    CHECK_EQ(fstat(fd, &stat), 0);
    return (size_t)stat.st_blocks * 512 / yk_page_size();
}

/* Aligned as far as the size allows, of its own, and zero. */
static void check_object(char *object, size_t size)
{
    size_t align = size & (~size + 1);

    CHECK(object);
    CHECK_EQ((uintptr_t)object % yk_min(align, yk_page_size()), 0);
    CHECK_EQ((uintptr_t)object % 16, 0);
    for (size_t i = 0; i < size; i++)
        CHECK_EQ(object[i], 0);
    memset(object, 255, size);
}

TEST(arena_objects_of_every_size_are_aligned_zero_and_apart)
{
    enum { MOST = 5000 };
    static char *objects[MOST + 1];
    struct yk_arena arena = open_arena(1 << 26);

    for (int round = 0; round < 2; round++) {
        for (size_t size = 1; size <= MOST; size++)
            check_object(objects[size] = yk_arena_alloc(&arena, size), size);
        for (size_t size = 1; size <= MOST; size++) {
            for (size_t i = 0; i < size; i++)
                CHECK_EQ(objects[size][i], -1);
            CHECK(yk_arena_free(&arena, memset(objects[size], 0, size)));
        }
    }
    yk_arena_close(&arena);
}

TEST(arena_objects_of_a_line_share_none)
{
    struct yk_arena arena = open_arena(1 << 20);

    for (size_t size = YK_LINE; size <= 2048; size++) {
        char *a = yk_arena_alloc(&arena, size), *b = yk_arena_alloc(&arena, size);

        CHECK(a && b);
        CHECK((uintptr_t)a / YK_LINE > ((uintptr_t)b + size - 1) / YK_LINE ||
              (uintptr_t)b / YK_LINE > ((uintptr_t)a + size - 1) / YK_LINE);
        CHECK(yk_arena_free(&arena, a));
        CHECK(yk_arena_free(&arena, b));
    }
    yk_arena_close(&arena);
}

TEST(arena_small_objects_take_little)
{
    struct yk_arena arena = open_arena(1 << 20);

    for (size_t i = 0; i < yk_page_size() / 16; i++)
        CHECK(yk_arena_alloc(&arena, 4));
    CHECK_EQ(pages_behind(arena.fd), 1);
    yk_arena_close(&arena);
}

TEST(arena_freed_objects_read_as_zero)
{
    struct yk_arena arena = open_arena(1 << 20);
    char *kept = yk_arena_alloc(&arena, 100), *object = yk_arena_alloc(&arena, 100);

    CHECK(kept && object);
    memset(object, 1, 100);
    CHECK(yk_arena_free(&arena, object));
    memset(object, 2, 100); /* by a process that does not know */
    CHECK(yk_arena_alloc(&arena, 100) == object);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(object[i], 0);
    yk_arena_close(&arena);
}

TEST(arena_refuses_to_free_what_is_no_object)
{
    struct yk_arena arena = open_arena(1 << 20);
    char *a = yk_arena_alloc(&arena, 40), *b = yk_arena_alloc(&arena, 40), *large = yk_arena_alloc(&arena, 1 << 18);
    size_t page = yk_page_size();

    CHECK(a && b && large);
    CHECK(!yk_arena_free(&arena, a + 1));
    CHECK(!yk_arena_free(&arena, a + 16));
    CHECK(!yk_arena_free(&arena, a + page / 48 * 48)); /* behind the last slot */
    CHECK(!yk_arena_free(&arena, large + page));
    CHECK(!yk_arena_free(&arena, large + (1 << 18)));
    CHECK(!yk_arena_free(&arena, arena.base + arena.size));
    CHECK(!yk_arena_free(&arena, arena.base - 16));
    CHECK(!yk_arena_free(&arena, NULL));
    CHECK(yk_arena_free(&arena, a));
    CHECK(!yk_arena_free(&arena, a));
    CHECK(yk_arena_free(&arena, b));
    CHECK(!yk_arena_free(&arena, b));
    yk_arena_close(&arena);
}

/* One page of a size stays for the next object; the others go back. */
TEST(arena_pages_of_small_objects_go_back)
{
    enum { MANY = 1000 };
    struct yk_arena arena = open_arena(1 << 24);
    char *objects[MANY], *large;

    for (int i = 0; i < MANY; i++)
        CHECK(objects[i] = yk_arena_alloc(&arena, 1000));
    CHECK_EQ(pages_behind(arena.fd), MANY / (yk_page_size() / 1024));
    for (int i = 0; i < MANY; i++)
        CHECK(yk_arena_free(&arena, objects[i * 7 % MANY]));
    CHECK_EQ(pages_behind(arena.fd), 1);
    CHECK(yk_arena_free(&arena, large = yk_arena_alloc(&arena, arena.size / 2)));
    for (int i = 0; i < 3; i++) {
        CHECK(objects[0] = yk_arena_alloc(&arena, 1000));
        CHECK(yk_arena_free(&arena, objects[0]));
        CHECK_EQ(pages_behind(arena.fd), 1);
    }
    yk_arena_close(&arena);
}

TEST(arena_small_objects_fill_it_and_the_rest_is_refused)
{
    size_t page = yk_page_size();
    struct yk_arena arena = open_arena(4 * page);
    size_t n = 0;

    while (yk_arena_alloc(&arena, 16))
        n++;
    CHECK_EQ(n, 4 * page / 16);
    CHECK(!yk_arena_alloc(&arena, 1));
    CHECK(!yk_arena_alloc_pages(&arena, 1));
    yk_arena_close(&arena);
}

/* A list that is walked each time would take minutes. */
TEST(arena_a_hundred_thousand_objects_of_each_kind)
{
    enum { MANY = 100000 };
    static char *objects[MANY];
    struct yk_arena arena = open_arena((size_t)1 << 30);

    for (size_t size = 16; size <= yk_page_size(); size *= yk_page_size() / 16) {
        for (int i = 0; i < MANY; i++)
            CHECK(objects[i] = yk_arena_alloc(&arena, size));
        for (int i = 0; i < MANY; i += 2)
            CHECK(yk_arena_free(&arena, objects[i]));
        for (int i = 0; i < MANY; i += 2)
            CHECK(objects[i] = yk_arena_alloc(&arena, size));
        for (int i = 0; i < MANY; i++)
            CHECK(yk_arena_free(&arena, objects[i]));
    }
    yk_arena_close(&arena);
}

static void *churn(void *arg)
{
    static yk_a32 n_threads;
    struct yk_arena *arena = arg;
    unsigned char *objects[50] = {0}, mark = (unsigned char)(1 + yk_add_rlx(&n_threads, 1));

    for (size_t i = 0; i < 20000; i++) {
        size_t k = i * 31 % 50, size = 1 + i * 797 % (i % 16 == 0 ? 20000 : 700);

        if (objects[k]) {
            CHECK_EQ(objects[k][0], mark);
            CHECK(yk_arena_free(arena, objects[k]));
        }
        CHECK(objects[k] = yk_arena_alloc(arena, size));
        CHECK_EQ(objects[k][0], 0);
        CHECK_EQ(objects[k][size - 1], 0);
        memset(objects[k], mark, size);
    }
    for (int k = 0; k < 50; k++)
        CHECK(!objects[k] || yk_arena_free(arena, objects[k]));
    return NULL;
}

TEST(arena_threads_allocate_at_the_same_time)
{
    struct yk_arena arena = open_arena(1 << 24);
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, churn, &arena), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK(pages_behind(arena.fd) <= YK_SLAB_CLASSES);
    yk_arena_close(&arena);
}

/* ---- no memory ---- */

/* A descriptor that is for reading gives no pages and takes none away; returns the other one. */
static int make_read_only(struct yk_arena *arena)
{
    char path[32];
    int fd = arena->fd;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    CHECK((arena->fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0);
    return fd;
}

static void make_writable(struct yk_arena *arena, int fd)
{
    close(arena->fd);
    arena->fd = fd;
}

TEST(arena_without_memory_gives_null_and_has_lost_nothing)
{
    struct yk_arena arena = open_arena(1 << 20);
    int fd = make_read_only(&arena);

    CHECK(!yk_arena_alloc(&arena, 1));
    CHECK(!yk_arena_alloc(&arena, 1 << 20));
    CHECK(!yk_arena_alloc_pages(&arena, 1));
    make_writable(&arena, fd);
    CHECK(yk_arena_alloc(&arena, 1 << 20));
    yk_arena_close(&arena);
}

/* ---- the whole ---- */

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
        CHECK(!arena.runs.root);
        yk_arena_forget(&arena);
        _exit(0);
    }
    check_succeeds(pid);
    for (int i = 0; i < 1 << 19; i++)
        CHECK_EQ(memory[i], 7);
    yk_arena_close(&arena);
}

TEST(arena_clears_what_it_cannot_give_back)
{
    struct yk_arena arena = open_arena(1 << 20);
    char *memory = yk_arena_alloc(&arena, 10000);
    int fd;

    CHECK(memory);
    memset(memory, 1, 10000);
    fd = make_read_only(&arena);
    CHECK(yk_arena_free(&arena, memory));
    make_writable(&arena, fd);
    CHECK(pages_behind(fd) > 0);
    CHECK(yk_arena_alloc(&arena, 10000) == memory);
    for (int i = 0; i < 10000; i++)
        CHECK_EQ(memory[i], 0);
    yk_arena_close(&arena);
}
