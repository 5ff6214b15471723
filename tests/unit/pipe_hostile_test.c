/* pipe_hostile_test.c -- what a peer sends that does not keep to the form is refused with a code, and what follows it arrives. */
#include "pipe.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "host.h"
#include "os/os.h"

/* What this library sends. */
struct head {
    uint32_t magic;
    uint32_t n_fds;
    uint64_t size;
};

static struct head good_head;

/* Opens a pipe, and learns from it what a head looks like. */
static void open_for_nonsense(void)
{
    char packet[sizeof good_head + 1];

    open_pipe();
    CHECK_EQ(yoke_pipe_send(&a, "x", 1), 0);
    CHECK_EQ(recv(b.fd, packet, sizeof packet, 0), sizeof packet);
    memcpy(&good_head, packet, sizeof good_head);
    CHECK(good_head.size == 1 && good_head.n_fds == 0);
}

static void send_raw(const struct head *head, size_t head_size, size_t body_size, const int *fds, size_t n_fds)
{
    static char body[64 * KIB];
    union {
        char bytes[CMSG_SPACE(64 * sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec parts[2] = {{(void *)(uintptr_t)head, head_size}, {body, body_size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    if (n_fds > 0) {
        struct cmsghdr *header = &control.align;

        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(header), fds, n_fds * sizeof(int));
    }
    CHECK_EQ(sendmsg(a.fd, &message, 0), head_size + body_size);
}

/* The next message is nonsense; the one behind it is not. */
static void check_refused(void)
{
    static char buffer[MIB];
    int fds[16] = {-7}, free_before = lowest_free();
    size_t n = 16, size = 9;

    send_number(&a, 5);
    buffer[0] = 'u';
    CHECK_EQ(yoke_pipe_receive_fds(&b, buffer, sizeof buffer, &size, fds, &n), -EPROTO);
    CHECK(size == 9 && n == 16 && fds[0] == -7 && buffer[0] == 'u');
    CHECK_EQ(receive_number(&b), 5);
    CHECK_EQ(lowest_free(), free_before);
}

TEST(what_has_no_head)
{
    open_for_nonsense();
    for (size_t size = 1; size < sizeof good_head; size++) {
        send_raw(&good_head, size, 0, NULL, 0);
        check_refused();
    }
    close_pipe();
}

TEST(a_head_that_is_none_of_ours)
{
    struct head head;

    open_for_nonsense();
    head = good_head;
    head.magic ^= 1;
    send_raw(&head, sizeof head, 1, NULL, 0);
    check_refused();
    head = good_head;
    head.n_fds = 17;
    send_raw(&head, sizeof head, 1, NULL, 0);
    check_refused();
    head.n_fds = UINT32_MAX;
    send_raw(&head, sizeof head, 1, NULL, 0);
    check_refused();
    close_pipe();
}

TEST(a_size_that_is_not_that_of_the_packet)
{
    struct head head;

    open_for_nonsense();
    head = good_head;
    send_raw(&head, sizeof head, 2, NULL, 0); /* more than it says */
    check_refused();
    head.size = 3;
    send_raw(&head, sizeof head, 2, NULL, 0); /* less, and no file */
    check_refused();
    head.size = 40 * KIB;
    send_raw(&head, sizeof head, 40 * KIB, NULL, 0); /* more than a packet of ours has */
    check_refused();
    close_pipe();
}

/* How much room there is for it does not matter. */
static void check_refused_at_once(const struct head *head, const int *fds, size_t n_fds)
{
    static const size_t rooms[] = {0, 8, 40 * KIB, SIZE_MAX};
    int free_before = lowest_free();

    for (int i = 0; i < 4; i++) {
        uint64_t number = 1;
        size_t size = 9;

        send_raw(head, sizeof *head, 7, fds, n_fds);
        send_number(&a, 5);
        CHECK_EQ(yoke_pipe_receive(&b, rooms[i] ? &number : NULL, rooms[i], &size), -EPROTO);
        CHECK(number == 1 && size == 9);
        CHECK_EQ(receive_number(&b), 5);
        CHECK_EQ(lowest_free(), free_before);
    }
}

static const uint64_t claims[] = {UINT64_MAX, UINT64_MAX - 1,    UINT64_MAX - 32 * KIB,
                                  INT64_MAX,  UINT64_C(1) << 62, 64 * KIB};

TEST(a_size_that_nothing_came_for)
{
    struct head head;

    open_for_nonsense();
    head = good_head;
    for (int i = 0; i < 6; i++) {
        head.size = claims[i];
        check_refused_at_once(&head, NULL, 0);
    }
    close_pipe();
}

TEST(descriptors_that_were_announced_and_do_not_come)
{
    struct head head;

    open_for_nonsense();
    head = good_head;
    head.n_fds = 2;
    send_raw(&head, sizeof head, 1, NULL, 0);
    check_refused();
    send_raw(&head, sizeof head, 1, (int[]){1}, 1);
    check_refused();
    close_pipe();
}

TEST(more_descriptors_than_a_message_can_have)
{
    int fds[64] = {0}, got[64];
    size_t n = 64, size;
    struct head head;
    char byte;

    open_for_nonsense();
    head = good_head;
    head.n_fds = 40;
    send_raw(&head, sizeof head, 1, fds, 40);
    CHECK_EQ(yoke_pipe_receive_fds(&b, &byte, 1, &size, got, &n), -EPROTO);
    send_raw(&head, sizeof head, 1, fds, 16);
    CHECK_EQ(yoke_pipe_receive_fds(&b, &byte, 1, &size, got, &n), -EPROTO);
    check_empty(&b);
    close_pipe();
}

TEST(more_descriptors_than_were_announced_are_closed)
{
    int fds[64], got[16], free_before;
    size_t n = 16, size;
    char byte;

    open_for_nonsense();
    for (int i = 0; i < 64; i++)
        fds[i] = 1;
    free_before = lowest_free();
    send_raw(&good_head, sizeof good_head, 1, fds, 64);
    CHECK_EQ(yoke_pipe_receive_fds(&b, &byte, 1, &size, got, &n), 0);
    CHECK_EQ(n, 0);
    send_raw(&good_head, sizeof good_head, 1, fds, 64);
    CHECK_EQ(yoke_pipe_receive(&b, &byte, 1, &size), 0);
    CHECK_EQ(lowest_free(), free_before);
    close_pipe();
}

/* ---- files ---- */

enum { REST = 100 * KIB, SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

static int make_file(off_t size, int seals)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CHECK(fd >= 0);
    CHECK_EQ(ftruncate(fd, size), 0);
    CHECK_EQ(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void send_file(int fd)
{
    struct head head = good_head;

    head.size = REST + 7;
    send_raw(&head, sizeof head, 7, &fd, 1);
}

static void check_file_refused(int fd)
{
    CHECK(fd >= 0);
    send_file(fd);
    close(fd);
    check_refused();
}

TEST(a_file_that_could_still_change)
{
    open_for_nonsense();
    check_file_refused(make_file(REST, 0));
    check_file_refused(make_file(REST, SEALS & ~F_SEAL_SHRINK));
    check_file_refused(make_file(REST, SEALS & ~F_SEAL_GROW));
    check_file_refused(make_file(REST, SEALS & ~F_SEAL_WRITE));
    close_pipe();
}

TEST(a_file_of_another_size)
{
    open_for_nonsense();
    check_file_refused(make_file(0, SEALS));
    check_file_refused(make_file(REST - 1, SEALS));
    check_file_refused(make_file(REST + 1, SEALS));
    check_file_refused(make_file((off_t)1 << 60, SEALS));
    close_pipe();
}

TEST(a_size_that_its_file_does_not_have)
{
    int file = make_file(REST, SEALS), open_file = make_file(REST, SEALS & ~F_SEAL_GROW);
    struct head head;

    open_for_nonsense();
    head = good_head;
    for (int i = 0; i < 6; i++) {
        head.size = claims[i];
        check_refused_at_once(&head, &file, 1);
    }
    head.size = REST + 7;
    check_refused_at_once(&head, &open_file, 1);
    check_refused_at_once(&head, (int[]){1, file}, 2);
    close(file);
    close(open_file);
    close_pipe();
}

/* How large it is, the peer decides: whoever cannot have that drops it. */
TEST(a_file_larger_than_all_memory)
{
    static const size_t all = (size_t)1 << 62;
    int file = make_file((off_t)all, SEALS), free_before;
    struct head head;
    size_t size = 0;
    char byte;

    open_for_nonsense();
    free_before = lowest_free();
    head = good_head;
    head.size = all + 7;
    send_raw(&head, sizeof head, 7, &file, 1);
    send_number(&a, 5);
    for (int again = 0; again < 2; again++)
        CHECK_EQ(yoke_pipe_receive(&b, &byte, 1, &size), -EMSGSIZE);
    CHECK_EQ(size, all + 7);
    CHECK_EQ(yoke_pipe_skip(&b, 1), 0);
    CHECK_EQ(receive_number(&b), 5);
    CHECK_EQ(lowest_free(), free_before);
    close(file);
    close_pipe();
}

/* No message, so nothing to skip. */
TEST(nonsense_is_not_skipped)
{
    char byte;

    open_for_nonsense();
    send_raw(&good_head, 3, 0, NULL, 0);
    CHECK_EQ(yoke_pipe_skip(&b, 0), -EAGAIN);
    CHECK_EQ(yoke_pipe_receive(&b, &byte, 1, NULL), -EPROTO);
    check_empty(&b);
    close_pipe();
}

TEST(a_descriptor_that_is_no_file_of_memory)
{
    int ends[2];

    open_for_nonsense();
    CHECK_EQ(pipe(ends), 0);
    check_file_refused(ends[0]);
    check_file_refused(ends[1]);
    check_file_refused(dup(a.fd));
    check_file_refused(open("/dev/zero", O_RDONLY | O_CLOEXEC));
    check_file_refused(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    check_file_refused(open("/", O_PATH | O_CLOEXEC));
    close_pipe();
}

/* It is one after all, though nothing was ever written to it. */
TEST(a_file_of_holes)
{
    static char buffer[REST + 7];
    size_t size;
    int fd;

    open_for_nonsense();
    fd = make_file(REST, SEALS);
    send_file(fd);
    close(fd);
    memset(buffer, 1, sizeof buffer);
    CHECK_EQ(yoke_pipe_receive(&b, buffer, sizeof buffer, &size), 0);
    CHECK_EQ(size, REST + 7);
    for (size_t i = 7; i < size; i++)
        CHECK_EQ(buffer[i], 0);
    close_pipe();
}

/* Stands in front of libc's: the second read of two finds memory that cannot be read. */
static int n_reads = -1;

ssize_t pread(int fd, void *bytes, size_t size, off_t from)
{
    if (n_reads >= 0 && n_reads++ == 1) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_pread64, fd, bytes, n_reads >= 0 ? size / 2 : size, from);
}

TEST(memory_that_the_system_cannot_read)
{
    static char buffer[REST + 7];
    int fds[1] = {-7}, free_before;
    size_t n = 1, size = 9;

    open_pipe();
    free_before = lowest_free();
    send_filled(&a, sizeof buffer, 1);
    send_number(&a, 5);
    n_reads = 0;
    CHECK_EQ(yoke_pipe_receive_fds(&b, buffer, sizeof buffer, &size, fds, &n), -EIO);
    n_reads = -1;
    CHECK(size == 9 && n == 1 && fds[0] == -7);
    CHECK_EQ(receive_number(&b), 5);
    CHECK_EQ(lowest_free(), free_before);
    close_pipe();
}

/* To the kernel it looks like the end. */
TEST(a_packet_without_bytes)
{
    open_for_nonsense();
    CHECK_EQ(send(a.fd, "", 0, 0), 0);
    check_refused();
    close_pipe();
}

TEST(packets_without_bytes_before_the_end)
{
    char byte;

    open_for_nonsense();
    for (uint64_t i = 1; i <= 3; i++) {
        CHECK_EQ(send(a.fd, "", 0, 0), 0);
        CHECK_EQ(send(a.fd, "", 0, 0), 0);
        send_number(&a, i);
    }
    CHECK_EQ(send(a.fd, "", 0, 0), 0); /* is the end */
    yoke_pipe_close(&a);
    for (uint64_t i = 1; i <= 3; i++) {
        CHECK_EQ(yoke_pipe_receive(&b, &byte, 1, NULL), -EPROTO);
        CHECK_EQ(yoke_pipe_receive(&b, &byte, 1, NULL), -EPROTO);
        CHECK_EQ(receive_number(&b), i);
    }
    check_closed(&b);
    check_closed(&b);
    CHECK_EQ(yoke_pipe_skip(&b, 0), -YOKE_ECLOSED);
    close_pipe();
}
