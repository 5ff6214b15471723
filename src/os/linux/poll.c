/* poll.c -- one wait for many descriptors, by epoll, level-triggered: what is ready stays ready until it was dealt with. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "os/linux/linux.h"
#include "os/os.h"

/* At most so many are reported by one wait; the others stay ready. */
#define BATCH 64

/* The milliseconds until the deadline, rounded up so that a wait that ends is not early and begins again at once; -1: no
 * end.  What does not fit is cut, and waited for again. */
static int milliseconds(yoke_time deadline)
{
    yoke_time left;

    if (deadline == YOKE_FOREVER)
        return -1;
    if (deadline <= 0)
        return 0;
    left = deadline - yoke_now();
    if (left <= 0)
        return 0;
    return (int)yk_min(left / 1000000 + (left % 1000000 != 0), (yoke_time)INT_MAX);
}

int yk_poll_open(struct yk_poll *poll)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);

    fd = fd < 0 ? -errno : yk_fd_above_streams(fd);
    if (fd < 0)
        return fd;
    poll->fd = fd;
    return 0;
}

void yk_poll_close(struct yk_poll *poll)
{
    close(poll->fd);
    poll->fd = -1;
}

int yk_poll_add(struct yk_poll *poll, int fd, uint64_t tag)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = tag};

    return epoll_ctl(poll->fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void yk_poll_remove(struct yk_poll *poll, int fd)
{
    int rc = epoll_ctl(poll->fd, EPOLL_CTL_DEL, fd, NULL);

    yk_assert(rc == 0);
    (void)rc;
}

int yk_poll_wait(struct yk_poll *poll, uint64_t *tags, int n, yoke_time deadline)
{
    struct epoll_event events[BATCH];

    for (;;) {
        int timeout = milliseconds(deadline);
        int ready = epoll_wait(poll->fd, events, yk_min(n, BATCH), timeout);

        for (int i = 0; i < ready; i++)
            tags[i] = events[i].data.u64;
        if (ready > 0 || (ready == 0 && timeout == 0))
            return ready;
        if (ready < 0 && errno != EINTR)
            return -errno;
    }
}

int yk_wait_ready(struct yk_ready *ready, unsigned n, yoke_time deadline)
{
    struct pollfd wanted[YK_WAIT_MOST];
    int timeout, found;

    yk_assert(n >= 1 && n <= YK_WAIT_MOST);
    for (unsigned i = 0; i < n; i++) {
        /* poll would ignore it, and wait for nothing */
        if (ready[i].fd < 0)
            return -EBADF;
        wanted[i] = (struct pollfd){.fd = ready[i].fd, .events = ready[i].writes ? POLLOUT : POLLIN};
    }
    do {
        timeout = milliseconds(deadline);
        found = poll(wanted, n, timeout);
    } while (found == 0 && timeout != 0);
    /* its word for more than RLIMIT_NOFILE */
    if (found < 0 && errno == EINVAL)
        return -EMFILE;
    if (found <= 0)
        return found == 0 ? -ETIMEDOUT : -errno;
    for (unsigned i = 0; i < n; i++)
        if (wanted[i].revents & POLLNVAL)
            return -EBADF;
    for (unsigned i = 0; i < n; i++)
        ready[i].ready = wanted[i].revents != 0;
    return 0;
}

int yk_wait_readable(int fd, yoke_time deadline)
{
    struct yk_ready one = {.fd = fd};
    int rc;

    do
        rc = yk_wait_ready(&one, 1, deadline);
    while (rc == -EINTR);
    return rc;
}
