/* descriptor.c -- descriptors under another number. */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "os/os.h"

int yk_fd_copy(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

    return copy < 0 ? -errno : copy;
}

int yk_fd_above_streams(int fd)
{
    int higher = fd < 0 || fd > STDERR_FILENO ? fd : yk_fd_copy(fd);

    if (higher != fd)
        close(fd);
    return higher;
}

int yk_fd_copy_to(int fd, int number)
{
    return dup3(fd, number, O_CLOEXEC) < 0 ? -errno : 0;
}

bool yk_fd_possible(int number)
{
    struct rlimit limit;

    return number >= 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0 && (rlim_t)number < limit.rlim_cur;
}
