/* parcel.c -- bytes in a file of memory that goes to another process as a descriptor.
 *
 * The file is written and read by calls, never mapped: where memory runs out, or a stranger's file is not what it should be,
 * there is an error code, and no signal. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/linux/linux.h"
#include "os/os.h"

/* Nobody can change it any more: what is checked stays so. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* No call moves more than 2 GiB, and some systems warn of more. */
#define PORTION ((size_t)1 << 30)

static int write_all(int fd, const char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(fd, bytes + done, yk_min(size - done, PORTION), (off_t)done);

        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno == ENOSPC)
            return -ENOMEM;
        else if (errno != EINTR)
            return -errno;
    }
    return 0;
}

int yk_parcel_make(const void *bytes, size_t size)
{
    int fd, rc;

    if (size > yk_file_limit())
        return -EFBIG;
    /* who writes more than there is gets no error: the kernel looks for somebody to kill */
    rc = yk_memory_take(size);
    if (rc < 0)
        return rc;
    fd = yk_memfd();
    if (fd < 0)
        return fd;
    rc = write_all(fd, bytes, size);
    if (rc == 0 && fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) < 0)
        rc = -errno;
    if (rc < 0)
        close(fd);
    return rc < 0 ? rc : fd;
}

int yk_parcel_check(int fd, uint64_t size)
{
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat status;

    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &status) < 0 || status.st_size < 0 ||
        (uint64_t)status.st_size != size)
        return -EPROTO;
    return 0;
}

int yk_parcel_read(int fd, void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pread(fd, (char *)bytes + done, yk_min(size - done, PORTION), (off_t)done);

        if (n > 0)
            done += (size_t)n;
        else if (n == 0)
            return -EPROTO;
        else if (errno != EINTR)
            return -errno;
    }
    return 0;
}
