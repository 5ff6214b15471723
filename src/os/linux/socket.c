/* socket.c -- connected stream sockets that carry frames and descriptors.
 *
 * A frame has a size that both ends know.  Its descriptors travel with its first byte, and the kernel never merges
 * bytes that bring descriptors with what follows them, so a receiver that asks for whole frames gets each frame's own.
 * A receiver that has no room for them (-EMFILE) still takes the whole frame, so that the next one begins where it
 * should. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/os.h"

union control {
    char bytes[CMSG_SPACE(YK_FDS_MOST * sizeof(int))];
    struct cmsghdr align;
};

int yk_socket_pair(int ret_fds[2])
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    fds[0] = yk_fd_above_streams(fds[0]);
    fds[1] = yk_fd_above_streams(fds[1]);
    if (fds[0] < 0 || fds[1] < 0) {
        yk_close(fds[0]);
        yk_close(fds[1]);
        return yk_min(fds[0], fds[1]);
    }
    ret_fds[0] = fds[0];
    ret_fds[1] = fds[1];
    return 0;
}

void yk_close(int fd)
{
    /* not again after EINTR: Linux has freed the number by then, and another thread may have it */
    if (fd >= 0)
        close(fd);
}

int yk_send(int socket, const void *bytes, size_t size, const int *fds, unsigned n_fds)
{
    union control control;
    struct iovec part;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    size_t sent = 0;

    yk_assert(n_fds <= YK_FDS_MOST);
    if (n_fds > 0) {
        struct cmsghdr *header;

        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(header), fds, n_fds * sizeof(int));
    }
    while (sent < size) {
        ssize_t n;

        part = (struct iovec){(char *)(uintptr_t)bytes + sent, size - sent};
        n = sendmsg(socket, &message, MSG_NOSIGNAL);
        if (n >= 0) {
            sent += (size_t)n;
            message.msg_control = NULL;
            message.msg_controllen = 0;
        } else if (errno != EINTR) {
            /* reset: the other end closed with bytes of ours unread */
            return errno == ECONNRESET ? -EPIPE : -errno;
        }
    }
    return 0;
}

/* Takes the descriptors out of a message: up to `room` are kept, others closed.  False if some got lost. */
static bool take_fds(struct msghdr *message, int *fds, unsigned room, unsigned *n)
{
    bool all = !(message->msg_flags & MSG_CTRUNC);

    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
            if (*n == room) {
                close(fd);
                continue;
            }
            fd = yk_fd_above_streams(fd);
            if (fd >= 0)
                fds[(*n)++] = fd;
            all &= fd >= 0;
        }
    }
    return all;
}

int yk_receive(int socket, void *bytes, size_t size, int *fds, unsigned *n_fds)
{
    unsigned room = n_fds ? *n_fds : 0, n_taken = 0;
    int taken[YK_FDS_MOST];
    size_t received = 0;
    int rc = 0;

    yk_assert(room <= YK_FDS_MOST);
    while (received < size) {
        union control control;
        struct iovec part = {(char *)bytes + received, size - received};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
        ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);

        if (n > 0) {
            received += (size_t)n;
            if (!take_fds(&message, taken, room, &n_taken))
                rc = -EMFILE;
        } else if (n == 0 || errno == ECONNRESET) {
            rc = -EPIPE;
            break;
        } else if (errno != EINTR) {
            rc = -errno;
            break;
        }
    }
    if (rc < 0) {
        while (n_taken > 0)
            close(taken[--n_taken]);
        return rc;
    }
    if (n_fds) {
        memcpy(fds, taken, n_taken * sizeof(int));
        *n_fds = n_taken;
    }
    return 0;
}
