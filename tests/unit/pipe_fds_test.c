/* pipe_fds_test.c -- descriptors travel with their message, are the receiver's alone, and are not lost for want of numbers. */
#include "pipefds.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "host.h"

/* ---- there and back ---- */

TEST(descriptors_arrive_in_order_with_their_message)
{
    static const size_t sizes[] = {0, 1, 32 * KIB, 3 * MIB};
    int fds[4] = {-7, -7, -7, -7};
    size_t n;

    open_ends();
    open_pipe();
    for (int i = 0; i < 4; i++) {
        send_fds(sizes[i], ends, 2);
        send_fds(sizes[i], NULL, 0);
        n = 4;
        receive_fds(sizes[i], fds, &n);
        CHECK_EQ(n, 2);
        check_connected(fds[1], ends[0]);
        check_connected(ends[1], fds[0]);
        CHECK_EQ(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
        CHECK_EQ(fcntl(fds[1], F_GETFD), FD_CLOEXEC);
        CHECK_EQ(fds[2], -7);
        close(fds[0]);
        close(fds[1]);
        n = 4;
        receive_fds(sizes[i], fds, &n);
        CHECK_EQ(n, 0);
    }
    close_pipe();
    close_ends();
}

TEST(sixteen_are_the_most)
{
    int fds[17], got[17];
    size_t n = 17;

    open_ends();
    open_pipe();
    for (int i = 0; i < 17; i++)
        fds[i] = ends[1];
    CHECK_EQ(yoke_pipe_send_fds(&a, "x", 1, fds, 17), -EINVAL);
    CHECK_EQ(yoke_pipe_send_fds(&a, "x", 1, NULL, 1), -EINVAL);
    check_empty(&b);
    for (size_t size = 1; size <= MIB; size *= MIB) {
        send_fds(size, fds, 16);
        n = 17;
        receive_fds(size, got, &n);
        CHECK_EQ(n, 16);
        for (int i = 0; i < 16; i++) {
            check_connected(got[i], ends[0]);
            close(got[i]);
        }
    }
    close_pipe();
    close_ends();
}

TEST(a_descriptor_that_is_not_open_sends_nothing)
{
    open_pipe();
    CHECK_EQ(yoke_pipe_send_fds(&a, "x", 1, (int[]){1, 1000}, 2), -EBADF);
    CHECK_EQ(yoke_pipe_send_fds(&a, "x", 1, (int[]){-1}, 1), -EBADF);
    check_empty(&b);
    close_pipe();
}

TEST(descriptors_that_nobody_wants_are_closed)
{
    size_t n = 1;
    int fd, free_before;

    open_ends();
    open_pipe();
    free_before = lowest_free();
    for (size_t size = 1; size <= MIB; size *= MIB) {
        send_fds(size, (int[]){1, ends[0], ends[1]}, 3);
        n = 1;
        receive_fds(size, &fd, &n);
        CHECK_EQ(n, 1);
        close(fd);
        CHECK_EQ(lowest_free(), free_before);
        send_fds(size, ends, 2);
        n = 0;
        receive_fds(size, NULL, &n);
        CHECK_EQ(n, 0);
        CHECK_EQ(lowest_free(), free_before);
        send_fds(size, ends, 2);
        receive_filled(&b, size, 1);
        CHECK_EQ(lowest_free(), free_before);
    }
    CHECK_EQ(yoke_pipe_receive_fds(&b, NULL, 0, NULL, NULL, &(size_t){1}), -EINVAL);
    close_pipe();
    close_ends();
}

TEST(the_sender_keeps_its_own)
{
    int fd;
    size_t n = 1;

    open_ends();
    open_pipe();
    send_fds(1, &ends[1], 1);
    close(ends[1]);
    receive_fds(1, &fd, &n);
    check_connected(fd, ends[0]);
    close(fd);
    CHECK_EQ(read(ends[0], &(char){0}, 1), 0);
    close(ends[0]);
    close_pipe();
}

TEST(an_end_of_another_pipe_travels)
{
    yoke_pipe c = {0}, d = {0}, e = {0};
    int fd = -1;
    size_t n = 1;

    open_pipe();
    CHECK_EQ(yoke_pipe_open(&c, &d), 0);
    send_number(&c, 11);
    fd = yoke_pipe_fd(&d);
    send_fds(1, &fd, 1);
    yoke_pipe_close(&d);
    receive_fds(1, &fd, &n);
    CHECK_EQ(yoke_pipe_attach(&e, fd), 0);
    CHECK_EQ(receive_number(&e), 11);
    send_number(&e, 12);
    CHECK_EQ(receive_number(&c), 12);
    yoke_pipe_close(&e);
    check_closed(&c);
    yoke_pipe_close(&c);
    close_pipe();
}

/* ---- no room for descriptors ---- */

static struct rlimit limit;

/* From now on this process can have `n` more. */
static void allow(int n)
{
    struct rlimit narrow;

    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    narrow = limit;
    narrow.rlim_cur = (rlim_t)lowest_free() + (rlim_t)n;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &narrow), 0);
}

static void allow_all(void)
{
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

TEST(without_room_for_its_descriptors_a_message_stays)
{
    int fds[3] = {-7, -7, -7};
    size_t n = 3, size = 9;
    char letter = 'u';

    open_ends();
    open_pipe();
    send_fds(1, ends, 2);
    allow(1);
    for (int again = 0; again < 2; again++)
        CHECK_EQ(yoke_pipe_receive_fds(&b, &letter, 1, &size, fds, &n), -EMFILE);
    CHECK(readable(yoke_pipe_fd(&b)));
    CHECK(fds[0] == -7 && n == 3 && size == 9 && letter == 'u');
    allow_all();
    receive_ends(1);
    close_pipe();
    close_ends();
}

TEST(room_for_those_that_are_wanted_is_enough)
{
    int fd;
    size_t n = 1;

    open_ends();
    open_pipe();
    send_fds(1, ends, 2);
    send_fds(1, ends, 2);
    allow(1);
    receive_fds(1, &fd, &n);
    CHECK_EQ(n, 1);
    receive_filled(&b, 1, 1); /* without any */
    allow_all();
    close(fd);
    close_pipe();
    close_ends();
}

TEST(a_large_message_needs_one_descriptor)
{
    static unsigned char bytes[MIB];
    int fds[1];
    size_t n = 1, size;

    open_pipe();
    send_filled(&a, MIB, 4);
    allow(0);
    CHECK_EQ(yoke_pipe_receive(&b, bytes, MIB, NULL), -EMFILE);
    CHECK_EQ(yoke_pipe_send(&a, bytes, MIB), -EMFILE);
    allow_all();
    allow(1);
    receive_filled(&b, MIB, 4);
    check_empty(&b);
    allow_all();
    send_fds(MIB, &(int){1}, 1);
    allow(1);
    CHECK_EQ(yoke_pipe_receive_fds(&b, bytes, MIB, &size, fds, &n), -EMFILE);
    allow_all();
    allow(2);
    receive_fds(MIB, fds, &n);
    allow_all();
    CHECK_EQ(n, 1);
    close(fds[0]);
    close_pipe();
}

/* The kernel counts, for each user who may not have everything, what is on its way. */
static void send_too_many(void)
{
    int fds[16], rc;

    (void)!setresuid(65534, 65534, 65534);
    allow(8);
    open_pipe();
    for (int i = 0; i < 16; i++)
        fds[i] = 1;
    do
        rc = yoke_pipe_send_fds_until(&a, "x", 1, fds, 16, YOKE_NOW);
    while (rc == 0);
    CHECK_EQ(rc, -EMFILE);
    close_pipe();
}

TEST(too_many_descriptors_on_their_way_are_an_error)
{
    in_host(send_too_many);
}

static void close_a(void)
{
    yoke_pipe_close(&a);
}

/* With nothing but descriptors: no message, and no end, though that comes at the same moment. */
TEST(descriptors_of_a_packet_without_bytes_are_closed)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct msghdr message = {.msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    int free_before;

    open_pipe();
    memcpy(CMSG_DATA(&control.header), &(int){1}, sizeof(int));
    CHECK_EQ(sendmsg(a.fd, &message, 0), 0);
    yoke_pipe_close(&(yoke_pipe){0});
    free_before = lowest_free();
    between = close_a;
    CHECK_EQ(yoke_pipe_receive(&b, &(char){0}, 1, NULL), -EPROTO);
    CHECK(a.fd == 0 && lowest_free() <= free_before);
    check_closed(&b);
    close_pipe();
}

TEST(descriptors_of_a_skipped_message_are_closed)
{
    open_ends();
    open_pipe();
    for (size_t size = 10; size <= MIB; size *= MIB / 10) {
        int free_before = lowest_free();

        send_fds(size, &ends[1], 1);
        CHECK_EQ(yoke_pipe_skip(&b, 9), 0);
        CHECK_EQ(lowest_free(), free_before);
    }
    close(ends[1]);
    CHECK_EQ(read(ends[0], &(char){0}, 1), 0);
    close(ends[0]);
    close_pipe();
}

TEST(without_room_for_its_file_a_message_that_is_too_large_stays)
{
    size_t size = 9;
    char byte;

    open_pipe();
    send_filled(&a, MIB, 4);
    allow(0);
    CHECK_EQ(yoke_pipe_receive(&b, &byte, 1, &size), -EMFILE);
    CHECK_EQ(yoke_pipe_skip(&b, 1), -EMFILE);
    CHECK_EQ(size, 9);
    allow_all();
    CHECK_EQ(yoke_pipe_receive(&b, &byte, 1, &size), -EMSGSIZE);
    CHECK_EQ(size, MIB);
    receive_filled(&b, MIB, 4);
    close_pipe();
}

static void use_up_the_room(void)
{
    allow(0);
}

/* As another thread may, between the look and the taking. */
TEST(room_that_goes_at_the_last_moment_is_told)
{
    static unsigned char bytes[MIB];
    int fds[2] = {-7, -7}, free_before;
    size_t n = 2, size = 9;

    open_ends();
    open_pipe();
    free_before = lowest_free();
    send_fds(1, ends, 2);
    send_fds(MIB, NULL, 0);
    send_number(&a, 5);
    between = use_up_the_room;
    CHECK_EQ(yoke_pipe_receive_fds(&b, bytes, MIB, &size, fds, &n), -EPROTO);
    allow_all();
    CHECK(fds[0] == -7 && n == 2 && size == 9);
    CHECK_EQ(lowest_free(), free_before);
    between = use_up_the_room;
    CHECK_EQ(yoke_pipe_receive(&b, bytes, MIB, &size), -EPROTO);
    allow_all();
    CHECK_EQ(lowest_free(), free_before);
    CHECK_EQ(receive_number(&b), 5);
    close_pipe();
    close_ends();
}
