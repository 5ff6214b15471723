/* shm.c -- memory that processes share: a memfd, mapped.
 *
 * The file is as large as the reservation from the start and sealed at that size, so that no holder of the descriptor
 * can pull the pages from under another one.  Reserved bytes cost address space only; pages come with yk_shm_commit,
 * which fails with a code where a first touch would fail with SIGBUS.
 *
 * The address is chosen here.  The kernel would take the hole that another mapping left; but a process that was forked
 * before, and is to attach at the same address, still has there what was given back here. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "os/linux/linux.h"
#include "os/os.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

int yk_memfd(void)
{
    /* a system may allow only files that cannot be made executable (sysctl vm.memfd_noexec); Linux before 6.3 has no
     * such */
    int fd = memfd_create("yoke", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("yoke", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd < 0 ? -errno : yk_fd_above_streams(fd);
}

/* A core dump says nothing about gigabytes of address space, and takes its time over them. */
static void *map(int fd, void *address, size_t size, int flags)
{
    void *got = mmap(address, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | flags, fd, 0);

    if (got != MAP_FAILED)
        (void)madvise(got, size, MADV_DONTDUMP);
    return got;
}

/* Above what begins low and grows upward: a program that is not position-independent, and its heap.  Below the lowest address at
 * which Linux puts one that is, two thirds of all of them (0x555555554000 with 47 bits), and so below what grows downward from
 * the stack.  Where something lies in it all the same (AddressSanitizer's heap, in some versions), that is stepped over.
 * At the same time 848 pools have room, or 212 shared memories of the default size.  What finds none goes where the kernel
 * likes, where a zygote may have something else; then its starts fail with a code. */
#define REGION ((uint64_t)0x200000000000)
#define REGION_SIZE ((uint64_t)0x350000000000)
#define REGION_TRIES 1024

/* How much of the region was given out, going round it: an address comes again as late as it can.  Written by whoever
 * maps, on any thread. */
static yk_a64 region_given;

/* ThreadSanitizer lays out the addresses by itself.  It may be in the program alone, where only this tells. */
extern void __tsan_init(void) __attribute__((weak));

static void *map_in_region(int fd, size_t size)
{
    if (sizeof(void *) < 8 || size > REGION_SIZE || __tsan_init)
        return MAP_FAILED;
    for (int i = 0; i < REGION_TRIES; i++) {
        /* relaxed: each gets a place of its own, and no other memory hangs on it */
        uint64_t at = yk_add_rlx(&region_given, size) % REGION_SIZE;
        void *address = (void *)(uintptr_t)(REGION + at);
        int rc = at <= REGION_SIZE - size ? yk_shm_attach(fd, address, size) : -EEXIST;

        if (rc == 0)
            return address;
        if (rc != -EEXIST)
            break;
    }
    return MAP_FAILED;
}

static bool lies_in_region(const void *address, size_t size)
{
    uint64_t at = (uint64_t)(uintptr_t)address - REGION;

    return !__tsan_init && at % yk_page_size() == 0 && at < REGION_SIZE && size <= REGION_SIZE - at;
}

/* Maps `size` bytes or, while the address space has no room, half of that.  The file may still be empty. */
static int map_most(int fd, size_t *size, size_t least, void **ret_address)
{
    size_t page = yk_page_size();

    for (;;) {
        void *address = map_in_region(fd, *size);
        size_t half = yk_round_up(*size / 2, page);

        if (address == MAP_FAILED)
            address = map(fd, NULL, *size, 0);
        if (address != MAP_FAILED) {
            *ret_address = address;
            return 0;
        }
        if (errno != ENOMEM || half < least || half == *size)
            return -errno;
        *size = half;
    }
}

/* The largest file that this process may make: beyond it ftruncate sends SIGXFSZ, which kills. */
size_t yk_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return SIZE_MAX;
    return limit.rlim_cur & ~(yk_page_size() - 1);
}

/* A quarter, since the limit is there for all that the program does with addresses: its stacks, its heap, its libraries. */
size_t yk_shm_reserve(size_t most)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_AS, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return most;
    return yk_min(most, (size_t)limit.rlim_cur / 4);
}

int yk_shm_create(size_t reserve, size_t least, int *ret_fd, void **ret_address, size_t *ret_size)
{
    size_t size = yk_round_up(reserve, yk_page_size());
    size_t limit = yk_file_limit();
    void *address = NULL;
    int fd, rc;

    if (size == 0)
        return reserve == 0 ? -EINVAL : -ENOMEM;
    if (limit < least || limit == 0)
        return -EFBIG;
    size = yk_min(size, limit);
    fd = yk_memfd();
    if (fd < 0)
        return fd;
    rc = map_most(fd, &size, least, &address);
    if (rc < 0) {
        yk_close(fd);
        return rc;
    }
    if (ftruncate(fd, (off_t)size) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        rc = -errno;
        yk_shm_unmap(address, size);
        yk_close(fd);
        return rc;
    }
    *ret_fd = fd;
    *ret_address = address;
    *ret_size = size;
    return 0;
}

int yk_shm_attach(int fd, void *address, size_t size)
{
    void *got = map(fd, address, size, MAP_FIXED_NOREPLACE);

    if (got == MAP_FAILED)
        return -errno;
    if (got != address) {
        /* Linux before 4.17 takes the address as a hint */
        munmap(got, size);
        return -EEXIST;
    }
    return 0;
}

int yk_shm_map(int fd, void *wish, size_t size, void **ret_address)
{
    if (lies_in_region(wish, size) && yk_shm_attach(fd, wish, size) == 0) {
        *ret_address = wish;
        return 0;
    }
    return map_most(fd, &size, size, ret_address);
}

/* What a holder of the descriptor could still do harm with: take bytes away (then the first touch is a SIGBUS), or keep them from
 * being written. */
static bool sealed_as_ours(int fd)
{
    const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
    int seals = fcntl(fd, F_GET_SEALS);

    return seals >= 0 && (seals & all) == (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
}

int yk_shm_check(int fd, void *head, size_t head_size, size_t *ret_size)
{
    struct statfs system;
    struct stat file;

    /* memory in huge pages can be sealed too, and may be short of them at a touch */
    if (!sealed_as_ours(fd) || fstatfs(fd, &system) < 0 || system.f_type != TMPFS_MAGIC || fstat(fd, &file) < 0)
        return -EINVAL;
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR || (uint64_t)file.st_size > SIZE_MAX / 2 ||
        (size_t)file.st_size % yk_page_size() != 0)
        return -EINVAL;
    if (pread(fd, head, head_size, 0) != (ssize_t)head_size)
        return -EINVAL;
    *ret_size = (size_t)file.st_size;
    return 0;
}

int yk_shm_commit(int fd, size_t offset, size_t size)
{
    sigset_t all, old;
    int rc = yk_memory_take(size);

    if (rc < 0)
        return rc;
    if (fallocate(fd, 0, (off_t)offset, (off_t)size) == 0)
        return 0;
    if (errno == EINTR) {
        /* The kernel gives back what it had got when a signal comes, so that a timer could keep a large range from ever
         * being done: the second try is not interrupted. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        rc = fallocate(fd, 0, (off_t)offset, (off_t)size) == 0 ? 0 : -errno;
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    } else {
        rc = -errno;
    }
    return rc == -ENOSPC ? -ENOMEM : rc;
}

int yk_shm_decommit(int fd, size_t offset, size_t size)
{
    while (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

void yk_shm_unmap(void *address, size_t size)
{
    munmap(address, size);
}

size_t yk_page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}
