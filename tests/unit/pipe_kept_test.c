/* pipe_kept_test.c -- a message that a receiver has got though it has no room for it, because another one was faster, is not lost. */
#include "pipefds.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <yoke/wait.h>

#include "ipc/pipe.h"

/* What the other one took. */
static unsigned char taken[MIB];
static size_t taken_size;

static void take_one(void)
{
    CHECK_EQ(yoke_pipe_receive(&b, taken, sizeof taken, &taken_size), 0);
}

static const size_t large_sizes[] = {100, 32 * KIB, MIB};

TEST(a_message_that_came_in_place_of_a_smaller_one_is_not_lost)
{
    yoke_waitable on = yoke_on_pipe(&b);
    unsigned char small[10];
    size_t size;

    open_pipe();
    for (int i = 0; i < 3; i++) {
        send_filled(&a, 10, 1);
        send_filled(&a, large_sizes[i], 2);
        between = take_one;
        memset(small, 0x77, sizeof small);
        CHECK_EQ(yoke_pipe_receive(&b, small, sizeof small, &size), -EMSGSIZE);
        CHECK(taken_size == 10 && filled(taken, 10, 1));
        CHECK_EQ(size, large_sizes[i]);
        CHECK_EQ(small[0], 0x77);
        CHECK(yk_pipe_has_kept(b.fd));
        CHECK_EQ(yoke_wait_any(&on, 1, YOKE_FOREVER), 0);
        CHECK(!yk_pipe_has_kept(a.fd));
        size = 0;
        CHECK_EQ(yoke_pipe_receive(&b, small, sizeof small, &size), -EMSGSIZE);
        CHECK_EQ(size, large_sizes[i]);
        receive_filled(&b, large_sizes[i], 2);
        CHECK(!yk_pipe_has_kept(b.fd));
        CHECK_EQ(yoke_wait_any(&on, 1, YOKE_NOW), -ETIMEDOUT);
    }
    close_pipe();
}

TEST(its_descriptors_are_not_lost_either)
{
    size_t n = 2, size;
    int fds[2];
    char small;

    open_ends();
    open_pipe();
    for (int i = 0; i < 3; i++) {
        send_filled(&a, 1, 1);
        send_fds(large_sizes[i], ends, 2);
        between = take_one;
        n = 2;
        CHECK_EQ(yoke_pipe_receive_fds(&b, &small, 1, &size, fds, &n), -EMSGSIZE);
        CHECK_EQ(n, 2);
        receive_ends(large_sizes[i]);
    }
    close_pipe();
    close_ends();
}

/* Between the look of a receiver with room for 10 and its taking: one for 10 takes the first; and one with room for 100, which has
 * seen the second, takes the third, because another one was faster there, too. */
static void take_three(void)
{
    static char buffer[100];
    size_t size;

    take_one();
    between = take_one;
    CHECK_EQ(yoke_pipe_receive(&b, buffer, sizeof buffer, &size), -EMSGSIZE);
    CHECK_EQ(size, 200);
    CHECK(taken_size == 100 && filled(taken, 100, 2));
}

TEST(several_are_kept_in_their_order)
{
    size_t size;
    char small[10];

    open_pipe();
    send_filled(&a, 10, 1);
    send_filled(&a, 100, 2);
    send_filled(&a, 200, 3);
    send_filled(&a, 300, 4);
    between = take_three;
    CHECK_EQ(yoke_pipe_receive(&b, small, sizeof small, &size), -EMSGSIZE);
    CHECK_EQ(size, 300);
    CHECK_EQ(yoke_pipe_receive(&b, small, sizeof small, &size), -EMSGSIZE);
    CHECK_EQ(size, 200);
    receive_filled(&b, 200, 3);
    receive_filled(&b, 300, 4);
    check_empty(&b);
    close_pipe();
}

TEST(what_is_kept_goes_to_its_own_end)
{
    yoke_pipe first_a, first_b;
    size_t size;
    char small;

    for (int i = 0; i < 2; i++) {
        if (i == 1) {
            first_a = a;
            first_b = b;
            a = b = (yoke_pipe){0};
        }
        open_pipe();
        send_filled(&a, 1, 1);
        send_filled(&a, i ? 300 : 200, 2);
        between = take_one;
        CHECK_EQ(yoke_pipe_receive(&b, &small, 1, &size), -EMSGSIZE);
    }
    check_empty(&a);
    receive_filled(&b, 300, 2);
    check_empty(&b);
    receive_filled(&first_b, 200, 2);
    yoke_pipe_close(&first_a);
    yoke_pipe_close(&first_b);
    close_pipe();
}

static void keep_one(void)
{
    size_t size;
    char small;

    send_filled(&a, 1, 1);
    send_fds(100, &ends[1], 1);
    between = take_one;
    CHECK_EQ(yoke_pipe_receive(&b, &small, 1, &size), -EMSGSIZE);
}

TEST(closing_the_end_closes_what_was_kept)
{
    open_ends();
    open_pipe();
    keep_one();
    close(ends[1]);
    close_pipe();
    CHECK_EQ(read(ends[0], &(char){0}, 1), 0);
    close(ends[0]);
    open_pipe();
    check_empty(&b);
    close_pipe();
}

/* Stands in front of libc's: counts the kernel pipes that are closed while nobody has the lock, and fails for others. */
static int n_closed;

int close(int fd)
{
    struct stat status;

    if (fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode)) {
        CHECK(!yoke_lock_locked(&yk_pipe_lock));
        n_closed++;
    }
    return (int)syscall(SYS_close, fd);
}

/* Whoever has replaced malloc may hold its locks over forks, as this one is. */
TEST(what_was_kept_is_freed_without_the_lock)
{
    open_ends();
    open_pipe();
    send_filled(&a, 10, 1);
    send_filled(&a, 100, 2);
    send_fds(200, &ends[1], 1);
    send_fds(300, &ends[1], 1);
    between = take_three;
    CHECK_EQ(yoke_pipe_receive(&b, &(char[10]){0}, 10, NULL), -EMSGSIZE);
    n_closed = 0;
    close_pipe();
    CHECK_EQ(n_closed, 2);
    close_ends();
}

TEST(what_was_kept_can_be_skipped)
{
    open_ends();
    open_pipe();
    keep_one();
    send_filled(&a, 300, 3);
    CHECK_EQ(yoke_pipe_skip(&b, 100), -EAGAIN);
    CHECK(yk_pipe_has_kept(b.fd));
    CHECK_EQ(yoke_pipe_skip(&b, 99), 0);
    CHECK(!yk_pipe_has_kept(b.fd));
    receive_filled(&b, 300, 3);
    check_empty(&b);
    close_pipe();
    close_ends();
}

/* Stands in front of libc's: `meanwhile` is called once, where a receiver has seen that a message is too large, and is about to look
 * whether that is so. */
static void (*meanwhile)(void);

int eventfd(unsigned count, int flags)
{
    void (*call)(void) = meanwhile;

    meanwhile = NULL;
    if (call)
        call();
    return (int)syscall(SYS_eventfd2, count, flags);
}

TEST(a_message_that_went_while_it_was_looked_at)
{
    unsigned char small[10];
    size_t size;

    open_pipe();
    send_filled(&a, MIB, 1);
    send_filled(&a, 10, 2);
    meanwhile = take_one;
    CHECK_EQ(yoke_pipe_receive_until(&b, small, sizeof small, &size, YOKE_NOW), 0);
    CHECK(taken_size == MIB && filled(taken, MIB, 1));
    CHECK(size == 10 && filled(small, 10, 2));
    send_filled(&a, MIB, 1);
    meanwhile = take_one;
    CHECK_EQ(yoke_pipe_receive_until(&b, small, sizeof small, &size, YOKE_NOW), -ETIMEDOUT);
    close_pipe();
}

/* The one that it was to be is gone; the next one is not lost for that, and stays before those behind it. */
TEST(a_skip_that_comes_too_late_drops_no_other)
{
    open_pipe();
    send_filled(&a, 100, 1);
    send_filled(&a, 10, 2);
    send_filled(&a, 20, 3);
    between = take_one;
    CHECK_EQ(yoke_pipe_skip(&b, 50), -EAGAIN);
    CHECK(taken_size == 100 && filled(taken, 100, 1));
    receive_filled(&b, 10, 2);
    receive_filled(&b, 20, 3);
    send_filled(&a, 100, 4);
    between = take_one;
    CHECK_EQ(yoke_pipe_skip(&b, 50), -EAGAIN);
    check_empty(&b);
    send_filled(&a, 100, 5);
    CHECK_EQ(send(a.fd, "abc", 3, 0), 3); /* no message, so nothing to keep */
    between = take_one;
    CHECK_EQ(yoke_pipe_skip(&b, 50), 0);
    CHECK(!yk_pipe_has_kept(b.fd));
    check_empty(&b);
    close_pipe();
}

/* One message goes to one receiver. */
TEST(a_fork_does_not_have_what_was_kept)
{
    int pid, status, fd;
    size_t n = 1;

    open_ends();
    open_pipe();
    keep_one();
    pid = fork();
    if (pid == 0) {
        check_empty(&b);
        close(ends[1]);
        close_pipe();
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    receive_fds(100, &fd, &n);
    CHECK_EQ(n, 1);
    close(fd);
    close_pipe();
    close_ends();
}
