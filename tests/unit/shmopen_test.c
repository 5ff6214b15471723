/* shmopen_test.c -- shared memory in the process that opens it: what is allocated, given back, and refused. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke.h>

#include "host.h"

#define MIB ((size_t)1 << 20)

static yoke_shm *open_shm(size_t most)
{
    yoke_shm *shm = NULL;

    CHECK_EQ(yoke_shm_open(&shm, most), 0);
    CHECK(shm);
    return shm;
}

static long pages_behind(int fd)
{
    struct stat stat;

    CHECK_EQ(fstat(fd, &stat), 0);
    return stat.st_blocks * 512 / sysconf(_SC_PAGESIZE);
}

struct slot {
    _Alignas(128) long count;
};

TEST(objects_are_zero_typed_and_aligned)
{
    yoke_shm *shm = open_shm(0);
    struct slot *slots[50];

    for (int i = 0; i < 50; i++) {
        CHECK(slots[i] = yoke_shm_new(shm, struct slot));
        CHECK_EQ((uintptr_t)slots[i] % _Alignof(struct slot), 0);
        CHECK_EQ(slots[i]->count, 0);
        slots[i]->count = i;
    }
    long double *numbers = yoke_shm_array(shm, long double, 1000003);

    CHECK(numbers);
    CHECK_EQ((uintptr_t)numbers % _Alignof(long double), 0);
    CHECK(numbers[0] == 0 && numbers[1000002] == 0);
    for (int i = 0; i < 50; i++) {
        CHECK_EQ(slots[i]->count, i);
        CHECK_EQ(yoke_shm_dealloc(shm, slots[i]), 0);
    }
    CHECK_EQ(yoke_shm_free(&shm), 0);
    CHECK(!shm);
}

TEST(what_is_given_back_reads_as_zero_when_it_comes_again)
{
    yoke_shm *shm = open_shm(MIB);
    char *small = yoke_shm_alloc(shm, 24), *large = yoke_shm_alloc(shm, MIB / 2), *again;

    CHECK(small && large);
    memset(small, 1, 24);
    memset(large, 1, MIB / 2);
    CHECK_EQ(yoke_shm_dealloc(shm, small), 0);
    CHECK_EQ(yoke_shm_dealloc(shm, large), 0);
    CHECK((again = yoke_shm_alloc(shm, 24)) == small);
    for (int i = 0; i < 24; i++)
        CHECK_EQ(again[i], 0);
    CHECK((again = yoke_shm_alloc(shm, MIB / 2)) == large);
    for (size_t i = 0; i < MIB / 2; i++)
        CHECK_EQ(again[i], 0);
    CHECK_EQ(yoke_shm_free(&shm), 0);
}

TEST(no_room_is_null)
{
    yoke_shm *shm = open_shm(MIB);
    char *all = yoke_shm_alloc(shm, MIB);

    CHECK(all);
    all[0] = all[MIB - 1] = 1;
    CHECK(!yoke_shm_alloc(shm, 1));
    CHECK_EQ(yoke_shm_dealloc(shm, all), 0);
    CHECK(!yoke_shm_alloc(shm, MIB + 1));
    CHECK(!yoke_shm_alloc(shm, 10 * MIB));
    CHECK(!yoke_shm_alloc(shm, SIZE_MAX));
    CHECK(!yoke_shm_alloc(shm, SIZE_MAX - 5000));
    CHECK(!yoke_shm_alloc(shm, 0));
    CHECK(!yoke_shm_array(shm, double, SIZE_MAX / sizeof(double) + 2)); /* the product is 8 */
    CHECK(!yoke_shm_array(shm, double, 0));
    CHECK(yoke_shm_array(shm, double, MIB / sizeof(double)));
    CHECK_EQ(yoke_shm_free(&shm), 0);
}

TEST(the_smallest_has_room_for_something)
{
    yoke_shm *shm = open_shm(1);

    CHECK(yoke_shm_alloc(shm, 1));
    CHECK_EQ(yoke_shm_free(&shm), 0);
}

TEST(the_default_is_large)
{
    yoke_shm *shm = open_shm(0);

    CHECK(yoke_shm_size(shm) > 64 * 1024 * MIB || TEST_ADDRESS_SANITIZER || TEST_THREAD_SANITIZER);
    CHECK_EQ(yoke_shm_free(&shm), 0);
}

TEST(wrong_arguments_are_refused)
{
    char memory[4096];
    yoke_shm *shm = NULL, *none = (yoke_shm *)(void *)memory;

    CHECK_EQ(yoke_shm_open(NULL, 0), -EINVAL);
    CHECK_EQ(yoke_shm_open(&shm, SIZE_MAX), -ENOMEM);
    CHECK(!shm);
    CHECK_EQ(yoke_shm_free(NULL), 0);
    CHECK_EQ(yoke_shm_free(&shm), 0);
    CHECK_EQ(yoke_shm_free(&none), -EINVAL);
    CHECK(none);
    CHECK(!yoke_shm_alloc(NULL, 1));
    CHECK(!yoke_shm_alloc(none, 1));
    CHECK_EQ(yoke_shm_dealloc(none, memory), -EINVAL);
    CHECK_EQ(yoke_shm_fd(none), -EINVAL);
    CHECK_EQ(yoke_shm_offset(none, memory), 0);
    CHECK(!yoke_shm_at(none, 4096, 1));
    CHECK_EQ(yoke_shm_size(none), 0);
    CHECK_EQ(yoke_shm_size(NULL), 0);
}

/* ---- misuse ---- */

static yoke_shm *victim;

static void dealloc_foreign(void)
{
    yoke_shm_dealloc(victim, &victim);
}

static void dealloc_twice(void)
{
    void *p = yoke_shm_alloc(victim, 100000);

    yoke_shm_dealloc(victim, p);
    yoke_shm_dealloc(victim, p);
}

static void dealloc_small_twice(void)
{
    void *p = yoke_shm_alloc(victim, 10);

    yoke_shm_dealloc(victim, p);
    yoke_shm_dealloc(victim, p);
}

static void dealloc_inside(void)
{
    yoke_shm_dealloc(victim, (char *)yoke_shm_alloc(victim, 100000) + 4096);
}

static void dealloc_itself(void)
{
    yoke_shm_dealloc(victim, victim);
}

static void dealloc_held(void)
{
    struct {
        char other[100000];
        yoke_mutex mutex;
    } *large = yoke_shm_alloc(victim, sizeof *large);

    yoke_mutex_init(&large->mutex, YOKE_SHARED);
    CHECK_EQ(yoke_mutex_acquire(&large->mutex), 0);
    yoke_shm_dealloc(victim, large);
}

static void dealloc_small_held(void)
{
    yoke_mutex *mutex = yoke_shm_new(victim, yoke_mutex);

    yoke_mutex_init(mutex, YOKE_SHARED);
    CHECK_EQ(yoke_mutex_acquire(mutex), 0);
    yoke_shm_dealloc(victim, mutex);
}

static void check_misuse(void (*act)(void))
{
    char text[200] = "";
    int status, pipes[2], pid;

    CHECK_EQ(pipe(pipes), 0);
    pid = fork();
    if (pid == 0) {
        no_core();
        dup2(pipes[1], STDERR_FILENO);
        CHECK_EQ(yoke_shm_open(&victim, 0), 0);
        act();
        _exit(0);
    }
    close(pipes[1]);
    CHECK(read(pipes[0], text, sizeof text - 1) > 0);
    CHECK(strncmp(text, "yoke: misuse: yoke_shm_dealloc ", 31) == 0);
    close(pipes[0]);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGABRT);
}

TEST(giving_back_what_was_not_taken_is_misuse)
{
    check_misuse(dealloc_foreign);
    check_misuse(dealloc_twice);
    check_misuse(dealloc_small_twice);
    check_misuse(dealloc_inside);
    check_misuse(dealloc_itself);
}

TEST(giving_back_a_held_lock_is_misuse)
{
    check_misuse(dealloc_held);
    check_misuse(dealloc_small_held);
}

TEST(what_lies_beside_a_held_lock_may_be_given_back)
{
    yoke_shm *shm = open_shm(MIB);
    yoke_mutex *before = yoke_shm_new(shm, yoke_mutex), *mutex = yoke_shm_new(shm, yoke_mutex),
               *after = yoke_shm_new(shm, yoke_mutex);
    char *large = yoke_shm_alloc(shm, 10000);

    CHECK(before && before < mutex && mutex < after && large);
    yoke_mutex_init(mutex, YOKE_SHARED);
    CHECK_EQ(yoke_mutex_acquire(mutex), 0);
    CHECK_EQ(yoke_shm_dealloc(shm, NULL), 0);
    CHECK_EQ(yoke_shm_dealloc(shm, before), 0);
    CHECK_EQ(yoke_shm_dealloc(shm, after), 0);
    CHECK_EQ(yoke_shm_dealloc(shm, large), 0);
    yoke_mutex_release(mutex);
    CHECK_EQ(yoke_shm_dealloc(shm, mutex), 0);
    CHECK_EQ(yoke_shm_free(&shm), 0);
}

/* ---- the whole ---- */

TEST(null_may_be_given_back)
{
    yoke_shm *shm = open_shm(MIB);

    CHECK_EQ(yoke_shm_dealloc(shm, NULL), 0);
    CHECK_EQ(yoke_shm_free(&shm), 0);
}

TEST(reserving_takes_no_memory_and_freeing_gives_all_back)
{
    yoke_shm *shm = open_shm(0);
    int fd = dup(yoke_shm_fd(shm));

    CHECK(fd >= 0);
    CHECK_EQ(pages_behind(fd), 1);
    CHECK(yoke_shm_alloc(shm, 4));
    CHECK_EQ(pages_behind(fd), 2);
    CHECK(yoke_shm_alloc(shm, 10 * MIB));
    CHECK_EQ(pages_behind(fd), 2 + 10 * (long)MIB / sysconf(_SC_PAGESIZE));
    CHECK_EQ(yoke_shm_free(&shm), 0);
    CHECK_EQ(pages_behind(fd), 0);
    close(fd);
}

TEST(nobody_can_change_its_size)
{
    yoke_shm *shm = open_shm(MIB);
    int fd = yoke_shm_fd(shm);
    struct stat stat;

    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fstat(fd, &stat), 0);
    CHECK_EQ(ftruncate(fd, 0), -1);
    CHECK_EQ(errno, EPERM);
    CHECK_EQ(ftruncate(fd, stat.st_size + 4096), -1);
    CHECK_EQ(errno, EPERM);
    CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    CHECK_EQ(errno, EPERM);
    CHECK_EQ(yoke_shm_free(&shm), 0);
}

TEST(offsets_are_places)
{
    yoke_shm *shm = open_shm(MIB), *other = open_shm(MIB);
    char *p = yoke_shm_alloc(shm, 100);
    uint64_t offset = yoke_shm_offset(shm, p);

    CHECK(offset > 0);
    CHECK(yoke_shm_at(shm, offset, 100) == p);
    CHECK_EQ(yoke_shm_offset(shm, p + 7), offset + 7);
    CHECK_EQ(yoke_shm_offset(shm, NULL), 0);
    CHECK_EQ(yoke_shm_offset(shm, &p), 0);
    CHECK_EQ(yoke_shm_offset(shm, yoke_shm_alloc(other, 1)), 0);
    CHECK_EQ(yoke_shm_offset(shm, shm), 0);
    CHECK_EQ(yoke_shm_offset(shm, (char *)shm + 8), 0); /* the library's */
    CHECK_EQ(yoke_shm_free(&shm), 0);
    CHECK_EQ(yoke_shm_free(&other), 0);
}

/* As they might come from somebody. */
TEST(a_place_lies_inside_from_its_first_byte_to_its_last)
{
    yoke_shm *shm = open_shm(MIB);
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = yoke_shm_size(shm);

    CHECK_EQ(size, MIB + page);
    CHECK(yoke_shm_at(shm, page, size - page) == (char *)shm + page);
    CHECK(yoke_shm_at(shm, size - 1, 1) == (char *)shm + size - 1);
    CHECK(!yoke_shm_at(shm, page, size - page + 1));
    CHECK(!yoke_shm_at(shm, size - 1, 2));
    CHECK(!yoke_shm_at(shm, size, 1));
    CHECK(!yoke_shm_at(shm, size + 1, 1));
    CHECK(!yoke_shm_at(shm, page, SIZE_MAX));
    CHECK(!yoke_shm_at(shm, page, SIZE_MAX - page + 1));
    CHECK(!yoke_shm_at(shm, UINT64_MAX, 1));
    CHECK(!yoke_shm_at(shm, UINT64_MAX - 3, 8));
    CHECK(!yoke_shm_at(shm, page, 0));
    CHECK(!yoke_shm_at(shm, size, 0));
    CHECK(!yoke_shm_at(shm, 0, 1));
    CHECK(!yoke_shm_at(shm, 8, 8));
    CHECK(!yoke_shm_at(shm, page - 1, 2));
    CHECK_EQ(yoke_shm_free(&shm), 0);
}

TEST(many_at_the_same_time_are_apart)
{
    yoke_shm *shms[300];
    size_t most = TEST_THREAD_SANITIZER ? MIB : 0; /* the sanitizer has no addresses for so much */

    for (int i = 0; i < 300; i++)
        *yoke_shm_new(shms[i] = open_shm(most), int) = i;
    for (int i = 0; i < 300; i += 2)
        CHECK_EQ(yoke_shm_free(&shms[i]), 0);
    for (int i = 1; i < 300; i += 2) {
        CHECK_EQ(*(int *)yoke_shm_at(shms[i], (uint64_t)sysconf(_SC_PAGESIZE), sizeof(int)), i);
        CHECK_EQ(yoke_shm_free(&shms[i]), 0);
    }
}

/* ---- a held lock ---- */

struct shared {
    yoke_mutex mutex;
};

TEST(a_held_lock_keeps_it_from_being_freed)
{
    yoke_shm *shm = open_shm(MIB), *other = open_shm(MIB), *same = shm;
    struct shared *shared = yoke_shm_new(shm, struct shared);

    yoke_mutex_init(&shared->mutex, YOKE_SHARED);
    CHECK_EQ(yoke_mutex_acquire(&shared->mutex), 0);
    CHECK_EQ(yoke_shm_free(&shm), -EBUSY);
    CHECK(shm == same);
    CHECK_EQ(yoke_shm_free(&other), 0);
    yoke_mutex_release(&shared->mutex);
    CHECK_EQ(yoke_shm_free(&shm), 0);
}

/* ---- threads ---- */

static void *allocate(void *arg)
{
    yoke_shm *shm = arg, *own;
    int *numbers[100];

    for (int round = 0; round < 20; round++) {
        CHECK_EQ(yoke_shm_open(&own, MIB), 0);
        for (int i = 0; i < 100; i++) {
            CHECK(numbers[i] = yoke_shm_array(i % 2 ? shm : own, int, (size_t)i + 1));
            CHECK_EQ(numbers[i][0], 0);
            numbers[i][0] = numbers[i][i] = i;
        }
        for (int i = 0; i < 100; i++) {
            CHECK(numbers[i][0] == i && numbers[i][i] == i);
            CHECK_EQ(yoke_shm_dealloc(i % 2 ? shm : own, numbers[i]), 0);
        }
        CHECK_EQ(yoke_shm_free(&own), 0);
    }
    return NULL;
}

TEST(threads_open_allocate_and_free_at_the_same_time)
{
    yoke_shm *shm = open_shm(MIB);
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, allocate, shm), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(yoke_shm_free(&shm), 0);
}

/* ---- scarcity ---- */

static void with_a_file_limit(void)
{
    yoke_shm *shm = NULL;
    size_t n = 0;

    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &(struct rlimit){MIB, MIB}), 0);
    CHECK_EQ(yoke_shm_open(&shm, 0), 0);
    while (yoke_shm_alloc(shm, 4096))
        n++;
    CHECK(n > 0 && n < MIB / 4096);
    CHECK_EQ(yoke_shm_free(&shm), 0);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &(struct rlimit){MIB / 2, MIB / 2}), 0);
    CHECK_EQ(yoke_shm_open(&shm, 0), -EFBIG);
    CHECK(!shm);
}

static void without_descriptors(void)
{
    yoke_shm *shm = NULL;

    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, 0}), 0);
    CHECK_EQ(yoke_shm_open(&shm, 0), -EMFILE);
    CHECK(!shm);
}

/* The limit is there for all that the program does. */
static void with_an_address_limit(void)
{
    yoke_shm *shm, *second;
    yoke_pool *pool;
    void *rest;

    CHECK_EQ(setrlimit(RLIMIT_AS, &(struct rlimit){1024 * MIB, 1024 * MIB}), 0);
    CHECK_EQ(yoke_shm_open(&shm, 0), 0);
    CHECK(yoke_shm_size(shm) > 200 * MIB && yoke_shm_size(shm) <= 256 * MIB);
    rest = mmap(NULL, 600 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(rest != MAP_FAILED);
    munmap(rest, 600 * MIB);
    CHECK_EQ(yoke_shm_open(&second, 500 * MIB), 0); /* who asks for so much, gets it */
    CHECK(yoke_shm_size(second) > 500 * MIB);
    CHECK_EQ(yoke_shm_free(&second), 0);
    CHECK_EQ(yoke_pool_open(&pool, YOKE_PROCESSES, .workers = 1), 0);
    rest = mmap(NULL, 400 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(rest != MAP_FAILED);
    yoke_pool_free(&pool);
    CHECK_EQ(yoke_shm_free(&shm), 0);
}

TEST(most_of_the_address_space_is_left)
{
    if (TEST_ADDRESS_SANITIZER || TEST_THREAD_SANITIZER)
        SKIP("a sanitizer needs more address space");
    in_host(with_an_address_limit);
}

TEST(limits_are_codes)
{
    in_host(with_a_file_limit);
    in_host(without_descriptors);
}
