/* shm_test.c -- memory that processes share: it is shared, sealed, empty until it is committed, and short of nothing
 * silently. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"

#define MIB ((size_t)1 << 20)

struct memory {
    int fd;
    void *address;
    size_t size;
};

static struct memory create(size_t reserve)
{
    struct memory memory;

    CHECK_EQ(yk_shm_create(reserve, reserve, &memory.fd, &memory.address, &memory.size), 0);
    return memory;
}

static void destroy(struct memory memory)
{
    yk_shm_unmap(memory.address, memory.size);
    yk_close(memory.fd);
}

static size_t pages_behind(int fd)
{
    struct stat stat;

    CHECK_EQ(fstat(fd, &stat), 0);
    return (size_t)stat.st_blocks * 512 / yk_page_size();
}

TEST(a_new_one_is_rounded_up_and_has_no_pages)
{
    struct memory memory = create(10 * yk_page_size() + 1);

    CHECK_EQ(memory.size, 11 * yk_page_size());
    CHECK_EQ((uintptr_t)memory.address % yk_page_size(), 0);
    CHECK_EQ(pages_behind(memory.fd), 0);
    CHECK_EQ(fcntl(memory.fd, F_GETFD), FD_CLOEXEC);
    destroy(memory);
}

TEST(its_size_is_sealed)
{
    struct memory memory = create(MIB);

    CHECK_EQ(ftruncate(memory.fd, 0), -1);
    CHECK_EQ(errno, EPERM);
    CHECK_EQ(ftruncate(memory.fd, 2 * (off_t)MIB), -1);
    CHECK_EQ(errno, EPERM);
    CHECK_EQ(fcntl(memory.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    CHECK_EQ(errno, EPERM);
    destroy(memory);
}

TEST(commit_puts_pages_and_decommit_takes_them)
{
    struct memory memory = create(MIB);
    size_t page = yk_page_size();
    char *bytes = memory.address;

    CHECK_EQ(yk_shm_commit(memory.fd, page, 3 * page), 0);
    CHECK_EQ(pages_behind(memory.fd), 3);
    bytes[page] = 1;
    bytes[3 * page] = 2;
    CHECK_EQ(yk_shm_decommit(memory.fd, page, page), 0);
    CHECK_EQ(pages_behind(memory.fd), 2);
    CHECK_EQ(bytes[page], 0);
    CHECK_EQ(bytes[3 * page], 2);
    destroy(memory);
}

TEST(decommit_says_that_it_failed)
{
    CHECK_EQ(yk_shm_decommit(-1, 0, yk_page_size()), -EBADF);
}

TEST(commit_beyond_the_end_fails)
{
    struct memory memory = create(MIB);

    CHECK_EQ(yk_shm_commit(memory.fd, MIB, yk_page_size()), -EPERM);
    destroy(memory);
}

static void ignore_signal(int number)
{
    (void)number;
}

/* An interval timer that fires far more often than the commit takes: only a commit that cannot be interrupted ends. */
TEST(commit_is_not_kept_from_ending_by_signals)
{
    struct memory memory = create(256 * MIB);
    struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = ignore_signal};

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    CHECK_EQ(yk_shm_commit(memory.fd, 0, memory.size), 0);
    setitimer(ITIMER_REAL, &never, NULL);
    CHECK_EQ(pages_behind(memory.fd), memory.size / yk_page_size());
    destroy(memory);
}

TEST(a_child_shares_it)
{
    struct memory memory = create(MIB);
    int *word = memory.address, status;

    CHECK_EQ(yk_shm_commit(memory.fd, 0, yk_page_size()), 0);
    if (fork() == 0) {
        *word = 42;
        _exit(0);
    }
    wait(&status);
    CHECK_EQ(*word, 42);
    destroy(memory);
}

TEST(attach_maps_at_the_address_or_fails)
{
    struct memory memory = create(MIB);
    int *word = memory.address;

    CHECK_EQ(yk_shm_commit(memory.fd, 0, yk_page_size()), 0);
    *word = 7;
    CHECK_EQ(yk_shm_attach(memory.fd, memory.address, memory.size), -EEXIST);
    CHECK_EQ(*word, 7);
    yk_shm_unmap(memory.address, memory.size);
    CHECK_EQ(yk_shm_attach(memory.fd, memory.address, memory.size), 0);
    CHECK_EQ(*word, 7);
    destroy(memory);
}

/* The flags of the mapping that begins at the address: the line VmFlags of /proc/self/smaps. */
static bool has_flag(const void *address, const char *flag)
{
    FILE *maps = fopen("/proc/self/smaps", "re");
    char line[512], begin[32];
    bool here = false, found = false;

    CHECK(maps);
    snprintf(begin, sizeof begin, "%" PRIxPTR "-", (uintptr_t)address);
    while (fgets(line, sizeof line, maps)) {
        here = here || strncmp(line, begin, strlen(begin)) == 0;
        if (here && strncmp(line, "VmFlags:", 8) == 0) {
            found = strstr(line, flag);
            break;
        }
    }
    fclose(maps);
    return found;
}

TEST(it_is_left_out_of_core_dumps)
{
    struct memory memory = create(MIB);

    CHECK(has_flag(memory.address, " sh "));
    CHECK(has_flag(memory.address, " dd "));
    yk_shm_unmap(memory.address, memory.size);
    CHECK_EQ(yk_shm_attach(memory.fd, memory.address, memory.size), 0);
    CHECK(has_flag(memory.address, " dd "));
    destroy(memory);
}

/* ---- where it lies ---- */

#define REGION_END ((uintptr_t)0x550000000000)

/* What was given back may still be mapped in a process that was forked before. */
TEST(an_address_does_not_come_again_soon)
{
    struct memory first = create(MIB), later;

    if (TEST_THREAD_SANITIZER)
        SKIP("the sanitizer has a say in what lies where");
    destroy(first);
    for (int i = 0; i < 2000; i++) {
        later = create(MIB);
        CHECK((char *)later.address >= (char *)first.address + first.size);
        destroy(later);
    }
}

TEST(what_is_taken_is_stepped_over)
{
    struct memory a = create(MIB), b;
    char *next = (char *)a.address + a.size;

    if (TEST_THREAD_SANITIZER)
        SKIP("the sanitizer has a say in what lies where");
    CHECK_EQ(yk_shm_attach(a.fd, next, a.size), 0);
    b = create(MIB);
    CHECK((char *)b.address == next + MIB);
    yk_shm_unmap(next, a.size);
    destroy(a);
    destroy(b);
}

/* 53 TiB are gone round in 848 steps of 64 GiB, and never where the program or its heap may be. */
TEST(the_addresses_come_again_when_all_are_used_up)
{
    struct memory kept = create(65536 * MIB), memory;

    if (TEST_THREAD_SANITIZER)
        SKIP("the sanitizer has a say in what lies where");
    for (int i = 0; i < 1100; i++) {
        memory = create(65536 * MIB);
        CHECK(memory.address != kept.address);
        CHECK((uintptr_t)memory.address + memory.size <= REGION_END);
        destroy(memory);
    }
    CHECK(memory.address > kept.address);
    CHECK((uintptr_t)&destroy >= REGION_END || (uintptr_t)&destroy < (uintptr_t)kept.address);
    destroy(kept);
}

static void *map_a_few(void *arg)
{
    struct memory *memory = arg;

    for (int i = 0; i < 100; i++)
        memory[i] = create(MIB);
    return NULL;
}

TEST(threads_get_addresses_of_their_own)
{
    static struct memory memory[2][100];
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, map_a_few, memory[0]), 0);
    map_a_few(memory[1]);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    for (int i = 0; i < 200; i++)
        destroy(memory[i / 100][i % 100]);
}

/* ---- what is scarce ---- */

/* In a process of its own: a limit is not taken back. */
static int child_status(void (*body)(void))
{
    int status, pid = fork();

    if (pid == 0) {
        body();
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    return status;
}

static void with_little_address_space(void)
{
    struct rlimit limit = {2048 * MIB, 2048 * MIB};
    struct memory memory = {.fd = -7};

    CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
    CHECK_EQ(yk_shm_create(16384 * MIB, 8192 * MIB, &memory.fd, &memory.address, &memory.size), -ENOMEM);
    CHECK_EQ(memory.fd, -7);
    CHECK_EQ(yk_shm_create(16384 * MIB, MIB, &memory.fd, &memory.address, &memory.size), 0);
    CHECK_EQ(memory.size, 1024 * MIB);
    destroy(memory);
}

TEST(the_reserve_is_halved_until_it_fits)
{
    if (TEST_ADDRESS_SANITIZER || TEST_THREAD_SANITIZER)
        SKIP("a sanitizer needs more address space");
    CHECK_EQ(child_status(with_little_address_space), 0);
}

static void with_a_file_limit(void)
{
    struct rlimit limit = {4 * MIB, 4 * MIB};
    struct memory memory;

    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CHECK_EQ(yk_shm_create(16 * MIB, 8 * MIB, &memory.fd, &memory.address, &memory.size), -EFBIG);
    CHECK_EQ(yk_shm_create(16 * MIB, MIB, &memory.fd, &memory.address, &memory.size), 0);
    CHECK_EQ(memory.size, 4 * MIB);
    CHECK_EQ(yk_shm_commit(memory.fd, 0, memory.size), 0);
    destroy(memory);
}

TEST(a_file_size_limit_is_an_error_and_not_a_signal)
{
    CHECK_EQ(child_status(with_a_file_limit), 0);
}

TEST(impossible_sizes_fail)
{
    struct memory memory;

    CHECK_EQ(yk_shm_create(0, 0, &memory.fd, &memory.address, &memory.size), -EINVAL);
    CHECK_EQ(yk_shm_create(SIZE_MAX, SIZE_MAX, &memory.fd, &memory.address, &memory.size), -ENOMEM);
}

static void with_no_descriptor(void)
{
    struct rlimit limit = {0, 0};
    struct memory memory;

    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(yk_shm_create(MIB, MIB, &memory.fd, &memory.address, &memory.size), -EMFILE);
}

TEST(no_descriptor_is_an_error)
{
    CHECK_EQ(child_status(with_no_descriptor), 0);
}
