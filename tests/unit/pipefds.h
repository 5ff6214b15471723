/* pipefds.h -- what the tests of descriptors and of kept messages share: a kernel pipe, and a moment between two system calls. */
#ifndef PIPEFDS_H
#define PIPEFDS_H

#include <sys/socket.h>

#include "pipe.h"

/* Stands in front of libc's: `between` is called once, before the next packet is taken out, after it was looked at. */
static void (*between)(void);

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    void (*call)(void) = between;

    if (call && !(flags & MSG_PEEK)) {
        between = NULL;
        call();
    }
    return syscall(SYS_recvmsg, fd, message, flags);
}

/* Both ends of a kernel pipe; what is written to one comes out of the other. */
static int ends[2];

static inline void open_ends(void)
{
    CHECK_EQ(pipe(ends), 0);
}

static inline void close_ends(void)
{
    close(ends[0]);
    close(ends[1]);
}

static inline void check_connected(int from, int to)
{
    char letter = 0;

    CHECK_EQ(write(from, "c", 1), 1);
    CHECK_EQ(read(to, &letter, 1), 1);
    CHECK_EQ(letter, 'c');
}

static inline void send_fds(size_t size, const int *fds, size_t n)
{
    unsigned char *bytes = malloc(size + 1);

    CHECK(bytes);
    fill(bytes, size, 1);
    CHECK_EQ(yoke_pipe_send_fds(&a, bytes, size, fds, n), 0);
    free(bytes);
}

static inline void receive_fds(size_t size, int *fds, size_t *n)
{
    unsigned char *bytes = malloc(size + 1);
    size_t got;

    CHECK(bytes);
    CHECK_EQ(yoke_pipe_receive_fds(&b, bytes, size, &got, fds, n), 0);
    CHECK(got == size && filled(bytes, size, 1));
    free(bytes);
}

/* Receives that message, which brings both of `ends`. */
static inline void receive_ends(size_t size)
{
    int fds[3];
    size_t n = 3;

    receive_fds(size, fds, &n);
    CHECK_EQ(n, 2);
    check_connected(fds[1], fds[0]);
    close(fds[0]);
    close(fds[1]);
}

#endif
