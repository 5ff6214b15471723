/* pipe_test.c -- ends; messages arrive whole, in order and apart, whatever their size; and how far a sender gets ahead. */
#include "pipe.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "os/os.h"

/* ---- ends ---- */

TEST(zero_bytes_are_not_open)
{
    yoke_pipe none = {0};
    size_t size = 7;
    char byte = 'x';

    CHECK_EQ(yoke_pipe_send(&none, "x", 1), -EINVAL);
    CHECK_EQ(yoke_pipe_receive(&none, &byte, 1, &size), -EINVAL);
    CHECK_EQ(yoke_pipe_fd(&none), -EINVAL);
    CHECK_EQ(yoke_pipe_fd(NULL), -EINVAL);
    yoke_pipe_close(&none);
    CHECK_EQ(size, 7);
    CHECK_EQ(byte, 'x');
}

TEST(an_end_is_close_on_exec_and_closed_once)
{
    open_pipe();
    CHECK_EQ(fcntl(yoke_pipe_fd(&a), F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(yoke_pipe_fd(&b), F_GETFD), FD_CLOEXEC);
    CHECK(yoke_pipe_fd(&a) != yoke_pipe_fd(&b));
    close_pipe();
    CHECK_EQ(a.fd, 0);
    CHECK_EQ(yoke_pipe_fd(&a), -EINVAL);
    close_pipe();
}

/* A copy that has outlived its end: the number is a file's by now. */
TEST(a_copy_of_a_closed_end_is_not_open)
{
    yoke_pipe copy;
    size_t size = 7;
    char byte = 'x';
    int file;

    open_pipe();
    copy = b;
    yoke_pipe_close(&b);
    file = dup(a.fd); /* what a call could work on */
    CHECK_EQ(file, copy.fd);
    CHECK_EQ(yoke_pipe_fd(&copy), -EINVAL);
    CHECK_EQ(yoke_pipe_send(&copy, "x", 1), -EINVAL);
    CHECK_EQ(yoke_pipe_send_fds_until(&copy, "x", 1, &(int){1}, 1, YOKE_NOW), -EINVAL);
    CHECK_EQ(yoke_pipe_receive(&copy, &byte, 1, &size), -EINVAL);
    CHECK_EQ(yoke_pipe_receive_until(&copy, &byte, 1, &size, YOKE_NOW), -EINVAL);
    CHECK_EQ(yoke_pipe_skip(&copy, 0), -EINVAL);
    yoke_pipe_close(&copy);
    CHECK_EQ(copy.fd, 0);
    CHECK_EQ(fcntl(file, F_GETFD), 0);
    CHECK(size == 7 && byte == 'x');
    close(file);
    yoke_pipe_close(&a);
}

TEST(a_number_that_is_no_end)
{
    static const int numbers[] = {-1, 1, 63, 64, 1 << 20, INT32_MAX, INT32_MIN};

    for (int i = 0; i < 7; i++) {
        yoke_pipe none = {.fd = numbers[i]};

        CHECK_EQ(yoke_pipe_fd(&none), -EINVAL);
        yoke_pipe_close(&none);
        CHECK_EQ(none.fd, 0);
    }
    CHECK(fcntl(1, F_GETFD) >= 0);
    yoke_pipe_close(NULL);
}

TEST(open_refuses_what_is_open)
{
    yoke_pipe c = {0};
    yoke_pipe before;

    CHECK_EQ(yoke_pipe_open(&a, NULL), -EINVAL);
    CHECK_EQ(yoke_pipe_open(NULL, &a), -EINVAL);
    CHECK_EQ(yoke_pipe_open(&a, &a), -EINVAL);
    open_pipe();
    before = a;
    CHECK_EQ(yoke_pipe_open(&a, &c), -EBUSY);
    CHECK_EQ(yoke_pipe_open(&c, &a), -EBUSY);
    CHECK_EQ(memcmp(&a, &before, sizeof a), 0);
    CHECK_EQ(c.fd, 0);
    close_pipe();
}

TEST(no_end_has_the_number_of_a_standard_stream)
{
    int streams[3];

    for (int i = 0; i < 3; i++) {
        streams[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
        close(i);
    }
    int rc = yoke_pipe_open(&a, &b);

    for (int i = 0; i < 3; i++) {
        dup2(streams[i], i);
        close(streams[i]);
    }
    CHECK_EQ(rc, 0);
    CHECK(a.fd > 2 && b.fd > 2);
    send_number(&a, 1);
    CHECK_EQ(receive_number(&b), 1);
    close_pipe();
}

TEST(no_room_for_ends_leaves_nothing)
{
    struct rlimit limit, narrow;
    int next = dup(1);

    close(next);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    narrow = limit;
    narrow.rlim_cur = (rlim_t)next + 1;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &narrow), 0);
    CHECK_EQ(yoke_pipe_open(&a, &b), -EMFILE);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK(a.fd == 0 && b.fd == 0);
    CHECK_EQ(dup(1), next);
    close(next);
}

/* ---- messages ---- */

TEST(every_size_arrives_as_it_was_sent)
{
    static const size_t sizes[] = {0,        1,   2,       4095,       4096, 32 * KIB - 1, 32 * KIB, 32 * KIB + 1,
                                   64 * KIB, MIB, 3 * MIB, 3 * MIB + 1};

    open_pipe();
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        send_filled(&a, sizes[i], i);
        receive_filled(&b, sizes[i], i);
        send_filled(&b, sizes[i], i + 1);
        receive_filled(&a, sizes[i], i + 1);
    }
    check_empty(&a);
    check_empty(&b);
    close_pipe();
}

TEST(a_message_of_64_mib)
{
    open_pipe();
    send_filled(&a, 64 * MIB, 3);
    receive_filled(&b, 64 * MIB, 3);
    close_pipe();
}

TEST(messages_stay_apart_and_in_order)
{
    static const size_t sizes[] = {5, 0, 0, 40 * KIB, 1, 32 * KIB, 100 * KIB, 0, 3};
    enum { N = sizeof sizes / sizeof *sizes };

    open_pipe();
    for (unsigned i = 0; i < N; i++)
        send_filled(&a, sizes[i], i);
    for (unsigned i = 0; i < N; i++)
        receive_filled(&b, sizes[i], i);
    check_empty(&b);
    close_pipe();
}

TEST(a_message_without_bytes_needs_no_buffer)
{
    size_t size = 7;

    open_pipe();
    CHECK_EQ(yoke_pipe_send(&a, NULL, 0), 0);
    CHECK_EQ(yoke_pipe_receive(&b, NULL, 0, &size), 0);
    CHECK_EQ(size, 0);
    CHECK_EQ(yoke_pipe_send(&a, "", 0), 0);
    CHECK_EQ(yoke_pipe_receive(&b, NULL, 0, NULL), 0);
    CHECK_EQ(yoke_pipe_send(&a, NULL, 1), -EINVAL);
    CHECK_EQ(yoke_pipe_receive(&b, NULL, 1, NULL), -EINVAL);
    close_pipe();
}

/* Small ones lie in the packet, large ones in a file. */
TEST(one_that_is_too_large_stays_and_tells_its_size)
{
    static const size_t sizes[] = {9, 32 * KIB, 32 * KIB + 1, 2 * MIB};
    unsigned char buffer[8];
    size_t size;

    open_pipe();
    for (unsigned i = 0; i < 4; i++) {
        send_filled(&a, sizes[i], i);
        memset(buffer, 0x77, sizeof buffer);
        for (int again = 0; again < 2; again++) {
            size = 0;
            CHECK_EQ(yoke_pipe_receive(&b, buffer, sizeof buffer, &size), -EMSGSIZE);
            CHECK_EQ(size, sizes[i]);
            CHECK_EQ(yoke_pipe_receive(&b, buffer, sizeof buffer, NULL), -EMSGSIZE);
            CHECK_EQ(yoke_pipe_receive_until(&b, NULL, 0, &size, YOKE_NOW), -EMSGSIZE);
            CHECK(readable(yoke_pipe_fd(&b)));
        }
        for (unsigned j = 0; j < sizeof buffer; j++)
            CHECK_EQ(buffer[j], 0x77);
        send_filled(&a, 2, 99);
        receive_filled(&b, sizes[i], i);
        receive_filled(&b, 2, 99);
    }
    close_pipe();
}

/* Small ones lie in the packet, large ones in a file. */
TEST(one_that_is_too_large_can_be_skipped)
{
    static const size_t sizes[] = {9, 32 * KIB, 32 * KIB + 1, 2 * MIB};

    open_pipe();
    CHECK_EQ(yoke_pipe_skip(&b, 0), -EAGAIN);
    for (unsigned i = 0; i < 4; i++) {
        send_filled(&a, sizes[i], i);
        send_filled(&a, 2, 99);
        CHECK_EQ(yoke_pipe_skip(&b, sizes[i]), -EAGAIN);
        CHECK_EQ(yoke_pipe_skip(&b, SIZE_MAX), -EAGAIN);
        CHECK(readable(yoke_pipe_fd(&b)));
        CHECK_EQ(yoke_pipe_skip(&b, sizes[i] - 1), 0);
        CHECK_EQ(yoke_pipe_skip(&b, sizes[i] - 1), -EAGAIN);
        CHECK(readable(yoke_pipe_fd(&b)));
        receive_filled(&b, 2, 99);
        check_empty(&b);
    }
    send_filled(&a, 2, 1);
    yoke_pipe_close(&a);
    CHECK_EQ(yoke_pipe_skip(&b, 0), 0);
    CHECK_EQ(yoke_pipe_skip(&b, 0), -YOKE_ECLOSED);
    CHECK_EQ(yoke_pipe_skip(&a, 0), -EINVAL);
    CHECK_EQ(yoke_pipe_skip(NULL, 0), -EINVAL);
    close_pipe();
}

TEST(a_buffer_of_the_very_size_is_enough)
{
    static unsigned char buffer[40 * KIB];
    size_t size;

    open_pipe();
    send_filled(&a, sizeof buffer, 1);
    CHECK_EQ(yoke_pipe_receive(&b, buffer, sizeof buffer, &size), 0);
    CHECK(size == sizeof buffer && filled(buffer, sizeof buffer, 1));
    send_filled(&a, 10, 2);
    CHECK_EQ(yoke_pipe_receive(&b, buffer, 10, &size), 0);
    CHECK(size == 10 && filled(buffer, 10, 2));
    close_pipe();
}

/* Writing more would send SIGXFSZ, which ends a process. */
TEST(a_limit_of_file_sizes_is_an_error)
{
    static char bytes[MIB];
    struct rlimit limit;

    open_pipe();
    CHECK_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = MIB / 2;
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CHECK_EQ(yoke_pipe_send(&a, bytes, MIB), -EFBIG);
    check_empty(&b);
    send_filled(&a, MIB / 2, 1);
    receive_filled(&b, MIB / 2, 1);
    close_pipe();
}

/* Memory that is never touched reads as zero and takes no room; a message of it would. */
TEST(more_than_there_is_memory_for_is_an_error)
{
    size_t size = (size_t)1 << 45;
    void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (bytes == MAP_FAILED)
        SKIP("no address space for that");
    if (yk_memory_room() >= size)
        SKIP("there is that much");
    open_pipe();
    CHECK_EQ(yoke_pipe_send(&a, bytes, size), -ENOMEM);
    check_empty(&b);
    close_pipe();
    munmap(bytes, size);
}

/* ---- how far a sender gets ahead ---- */

TEST(a_full_pipe_loses_nothing)
{
    uint64_t n;

    open_pipe();
    n = send_until_full(&a);
    CHECK(n > 50 && n < 10000);
    for (uint64_t i = 1; i <= n; i++)
        CHECK_EQ(receive_number(&b), i);
    check_empty(&b);
    close_pipe();
}

TEST(large_messages_on_their_way_are_few)
{
    unsigned char *bytes = malloc(MIB);
    unsigned n = 0;

    CHECK(bytes);
    open_pipe();
    fill(bytes, MIB, 5);
    while (yoke_pipe_send_until(&a, bytes, MIB, YOKE_NOW) == 0)
        n++;
    CHECK(n >= 1 && n <= 16);
    while (n-- > 0)
        receive_filled(&b, MIB, 5);
    check_empty(&b);
    free(bytes);
    close_pipe();
}

TEST(both_ends_full_and_both_get_out)
{
    uint64_t na, nb, extra = 0;
    yoke_time deadline;

    open_pipe();
    na = send_until_full(&a);
    nb = send_until_full(&b);
    deadline = yoke_after(0.02);
    CHECK_EQ(yoke_pipe_send_until(&a, &extra, sizeof extra, deadline), -ETIMEDOUT);
    CHECK(yoke_now() >= deadline);
    CHECK_EQ(yoke_pipe_send_until(&b, &extra, sizeof extra, yoke_after(0.02)), -ETIMEDOUT);
    for (uint64_t i = 1; i <= nb; i++)
        CHECK_EQ(receive_number(&a), i);
    for (uint64_t i = 1; i <= na; i++)
        CHECK_EQ(receive_number(&b), i);
    check_empty(&a);
    check_empty(&b);
    send_number(&a, 8);
    send_number(&b, 9);
    CHECK_EQ(receive_number(&a), 9);
    CHECK_EQ(receive_number(&b), 8);
    close_pipe();
}
