/* packet.c -- connected sockets that keep messages apart (SOCK_SEQPACKET).
 *
 * The kernel appends a packet as a whole, or not at all, and takes one out as a whole; so whoever is killed, at whatever
 * instruction, leaves no half of one behind, and no lock.  No call here waits: who must wait polls. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/os.h"

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

union control {
    char bytes[CMSG_SPACE(YK_PACKET_FDS * sizeof(int))];
    struct cmsghdr align;
};

/* Not a number that the standard streams have, or would get: they are read, written and closed by their number. */
static int above_streams(int fd)
{
    int higher = fd > STDERR_FILENO ? fd : yk_fd_copy(fd);

    if (higher >= 0 && higher != fd)
        close(fd);
    return higher;
}

int yk_packet_pair(int ret_fds[2])
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    for (int i = 0; i < 2; i++) {
        int fd = above_streams(fds[i]);

        if (fd < 0) {
            close(fds[0]);
            close(fds[1]);
            return fd;
        }
        fds[i] = fd;
    }
    ret_fds[0] = fds[0];
    ret_fds[1] = fds[1];
    return 0;
}

static int option(int socket, int name)
{
    int value = -1;
    socklen_t size = sizeof value;

    return getsockopt(socket, SOL_SOCKET, name, &value, &size) < 0 ? -errno : value;
}

/* What would put something else beside or in place of the descriptors of a packet, or have it looked at from its middle. */
static const struct {
    int option, value;
} plain[] = {
    {SO_PASSCRED, 0},  {SO_PASSSEC, 0},      {SO_PASSPIDFD, 0}, {SO_PASSRIGHTS, 1},
    {SO_TIMESTAMP, 0}, {SO_TIMESTAMPING, 0}, {SO_PEEK_OFF, -1},
};

static bool is_connected(int socket)
{
    return getpeername(socket, &(struct sockaddr){0}, &(socklen_t){sizeof(struct sockaddr)}) == 0;
}

int yk_packet_adopt(int fd)
{
    int domain = option(fd, SO_DOMAIN), type = option(fd, SO_TYPE);

    if (domain == -EBADF)
        return -EBADF;
    if (domain != AF_UNIX || type != SOCK_SEQPACKET || !is_connected(fd))
        return -EINVAL;
    /* one that this system does not know, nobody has set */
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        (void)setsockopt(fd, SOL_SOCKET, plain[i].option, &plain[i].value, sizeof plain[i].value);
    return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

static void put_fds(struct msghdr *message, union control *control, const int *fds, unsigned n)
{
    struct cmsghdr *header;

    memset(control, 0, sizeof *control);
    message->msg_control = control->bytes;
    message->msg_controllen = CMSG_SPACE(n * sizeof(int));
    header = CMSG_FIRSTHDR(message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(header), fds, n * sizeof(int));
}

int yk_packet_send(int socket, const void *head, size_t head_size, const void *body, size_t body_size, const int *fds,
                   unsigned n_fds)
{
    union control control;
    struct iovec parts[2] = {{(void *)(uintptr_t)head, head_size}, {(void *)(uintptr_t)body, body_size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    yk_assert(n_fds <= YK_PACKET_FDS);
    if (n_fds > 0)
        put_fds(&message, &control, fds, n_fds);
    while (sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        switch (errno) {
        case EINTR:
            break;
        case ECONNRESET: /* it closed with packets of ours unread */
        case ENOTCONN:   /* Linux before 6.2, when the other end closes at this very moment */
        case ECONNREFUSED:
            return -EPIPE;
        case ETOOMANYREFS: /* so the kernel calls too many descriptors on their way */
            return -EMFILE;
        default:
            return -errno;
        }
    }
    return 0;
}

/* The control buffer has room for as many as `fds`; those beyond it, the kernel has closed. */
static unsigned get_fds(struct msghdr *message, int *fds)
{
    unsigned n = 0;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        size_t size = header->cmsg_len - CMSG_LEN(0);

        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        memcpy(fds + n, CMSG_DATA(header), size);
        n += (unsigned)(size / sizeof(int));
    }
    return n;
}

/* A packet without bytes looks like the end; but it does not come with the end, or others wait behind it. */
static bool has_ended(int socket)
{
    struct pollfd end = {.fd = socket, .events = POLLRDHUP};
    int n_waiting = 0; /* bytes, of all packets */

    return poll(&end, 1, 0) != 0 && (ioctl(socket, FIONREAD, &n_waiting) < 0 || n_waiting == 0);
}

static int receive(int socket, void *bytes, size_t size, int flags, int *fds, unsigned *n_fds, size_t *ret_size)
{
    union control control;
    struct iovec part = {bytes, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t n;

    if (*n_fds > 0) {
        message.msg_control = control.bytes;
        /* not a byte of padding, in which one more would find room */
        message.msg_controllen = CMSG_LEN(*n_fds * sizeof(int));
    }
    /* reset: the other end has closed, and is told to whoever asks first; what it sent before is still there */
    do
        n = recvmsg(socket, &message, flags | MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
    while (n < 0 && (errno == EINTR || errno == ECONNRESET));
    if (n < 0)
        return errno == ENOTCONN ? -EPIPE : -errno;
    *n_fds = get_fds(&message, fds);
    if (n == 0 && *n_fds == 0 && has_ended(socket))
        return -EPIPE;
    *ret_size = (size_t)n;
    return 0;
}

int yk_packet_peek(int socket, void *head, size_t head_size, int *ret_fd, size_t *ret_size)
{
    unsigned n_fds = ret_fd ? 1 : 0;
    int rc = receive(socket, head, head_size, MSG_PEEK, ret_fd, &n_fds, ret_size);

    if (rc == 0 && ret_fd && n_fds == 0)
        *ret_fd = -1;
    return rc;
}

int yk_packet_take(int socket, void *bytes, size_t size, int *fds, unsigned *n_fds, size_t *ret_size)
{
    yk_assert(*n_fds <= YK_PACKET_FDS);
    return receive(socket, bytes, size, 0, fds, n_fds, ret_size);
}

int yk_fd_room(unsigned n)
{
    int taken[YK_PACKET_FDS];
    unsigned n_taken = 0;
    int rc = 0;

    yk_assert(n <= YK_PACKET_FDS);
    while (n_taken < n && rc == 0) {
        /* not a copy of one that matters, which a child that is forked now would keep open */
        int fd = eventfd(0, EFD_CLOEXEC);

        if (fd < 0)
            rc = -errno;
        else
            taken[n_taken++] = fd;
    }
    while (n_taken > 0)
        close(taken[--n_taken]);
    return rc;
}
