/* pipe_attach_test.c -- an end that somebody else has made is as good as one that was opened, whatever he has set, or is refused. */
#include "pipe.h"

#include <sys/socket.h>

#include "host.h"

static void attach(yoke_pipe *pipe, int fd)
{
    CHECK_EQ(yoke_pipe_attach(pipe, fd), 0);
}

static void set(int socket, int option, int value, bool must)
{
    CHECK(setsockopt(socket, SOL_SOCKET, option, &value, sizeof value) == 0 || (!must && errno == ENOPROTOOPT));
}

/* -1 where the system does not know it. */
static int get(int socket, int option)
{
    socklen_t size = sizeof(int);
    int value;

    return getsockopt(socket, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

static void check_good_end(yoke_pipe *from, yoke_pipe *to)
{
    int fds[2] = {-1, -1}, free_before = lowest_free();
    size_t n = 2, size;
    char byte;

    for (size_t bytes = 1; bytes <= MIB; bytes *= 1024) {
        send_filled(from, bytes, 3);
        receive_filled(to, bytes, 3);
    }
    CHECK_EQ(yoke_pipe_send_fds(from, "x", 1, (int[]){1, 1}, 2), 0);
    CHECK_EQ(yoke_pipe_receive_fds(to, &byte, 1, &size, fds, &n), 0);
    CHECK(n == 2 && size == 1);
    close(fds[0]);
    close(fds[1]);
    CHECK_EQ(lowest_free(), free_before);
}

TEST(options_that_the_sender_of_an_end_has_set)
{
    enum { PASSPIDFD = 76, PASSRIGHTS = 83 }; /* newer than some headers */
    static const struct {
        int option, value;
        bool must;
    } options[] = {
        {SO_PASSCRED, 1, true},
        {SO_PASSSEC, 1, false},
        {PASSPIDFD, 1, false},
        {PASSRIGHTS, 0, false},
        {SO_TIMESTAMP, 1, true},
        {SO_TIMESTAMPNS, 1, true},
        {SO_TIMESTAMPING, 1 << 4 | 1 << 3, true},
        {SO_PEEK_OFF, 4, true},
    };

    for (unsigned i = 0; i < sizeof options / sizeof *options; i++) {
        int ends[2];

        CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
        set(ends[1], options[i].option, options[i].value, options[i].must);
        attach(&a, ends[0]);
        attach(&b, ends[1]);
        CHECK(get(ends[1], options[i].option) != options[i].value);
        check_good_end(&a, &b);
        close_pipe();
    }
}

TEST(room_that_the_sender_of_an_end_has_taken_away)
{
    static char bytes[32 * KIB];
    int ends[2];

    CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    set(ends[0], SO_SNDBUF, 1, true);
    attach(&a, ends[0]);
    attach(&b, ends[1]);
    CHECK_EQ(yoke_pipe_send(&a, bytes, sizeof bytes), -EMSGSIZE);
    check_empty(&b);
    send_number(&a, 5);
    CHECK_EQ(receive_number(&b), 5);
    close_pipe();
}

TEST(a_socket_that_is_not_connected)
{
    int one = socket(AF_UNIX, SOCK_SEQPACKET, 0);

    CHECK_EQ(yoke_pipe_attach(&a, one), -EINVAL);
    CHECK_EQ(bind(one, (struct sockaddr *)&(struct sockaddr_storage){.ss_family = AF_UNIX}, 2), 0);
    CHECK_EQ(listen(one, 1), 0);
    CHECK_EQ(yoke_pipe_attach(&a, one), -EINVAL);
    CHECK_EQ(a.fd, 0);
    close(one);
}

TEST(an_end_whose_other_end_is_closed)
{
    int copy;

    open_pipe();
    copy = dup(b.fd);
    send_number(&a, 5);
    yoke_pipe_close(&a);
    yoke_pipe_close(&b);
    attach(&b, copy);
    CHECK_EQ(receive_number(&b), 5);
    check_closed(&b);
    close_pipe();
}
