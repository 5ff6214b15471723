/* pipe_wait_test.c -- who waits at a pipe is woken, or goes at the deadline or for a signal; the end of a pipe, and ends that came from
 * somewhere. */
#include "pipe.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <yoke/thread.h>

/* ---- waiting ---- */

static int wait_for_seven(void)
{
    CHECK_EQ(receive_number(&b), 7);
    return 0;
}

TEST(a_message_wakes_the_receiver)
{
    struct waiter waiter;

    open_pipe();
    waiter_begin(&waiter, wait_for_seven);
    send_number(&a, 7);
    waiter_end(&waiter);
    close_pipe();
}

static int send_seven(void)
{
    uint64_t seven = 7;

    return yoke_pipe_send(&a, &seven, sizeof seven);
}

TEST(room_wakes_the_sender)
{
    struct waiter waiter;
    uint64_t n;

    open_pipe();
    n = send_until_full(&a);
    waiter_begin(&waiter, send_seven);
    for (uint64_t i = 1; i <= n; i++)
        CHECK_EQ(receive_number(&b), i);
    CHECK_EQ(receive_number(&b), 7);
    CHECK_EQ(waiter_end(&waiter), 0);
    close_pipe();
}

static int receive_end(void)
{
    char byte;

    return yoke_pipe_receive(&b, &byte, 1, NULL);
}

TEST(the_end_wakes_the_receiver_and_the_sender)
{
    struct waiter waiter;

    open_pipe();
    waiter_begin(&waiter, receive_end);
    yoke_pipe_close(&a);
    CHECK_EQ(waiter_end(&waiter), -YOKE_ECLOSED);
    yoke_pipe_close(&b);
    open_pipe();
    send_until_full(&a);
    waiter_begin(&waiter, send_seven);
    yoke_pipe_close(&b);
    CHECK_EQ(waiter_end(&waiter), -YOKE_ECLOSED);
    yoke_pipe_close(&a);
}

TEST(no_wait_goes_beyond_its_deadline_or_ends_before)
{
    yoke_time deadline;
    size_t size = 7;
    char byte = 'x';

    open_pipe();
    CHECK_EQ(yoke_pipe_receive_until(&b, &byte, 1, &size, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yoke_pipe_receive_until(&b, &byte, 1, &size, -5), -ETIMEDOUT);
    for (int i = 0; i < 10; i++) {
        deadline = yoke_after(0.0013 * i);
        CHECK_EQ(yoke_pipe_receive_until(&b, &byte, 1, &size, deadline), -ETIMEDOUT);
        CHECK(yoke_now() >= deadline);
    }
    CHECK_EQ(size, 7);
    CHECK_EQ(byte, 'x');
    send_number(&a, 4);
    CHECK_EQ(yoke_pipe_receive_until(&b, &(uint64_t){0}, 8, &size, YOKE_NOW), 0);
    CHECK_EQ(size, 8);
    close_pipe();
}

static int receive_until_some_day(void)
{
    char byte;

    return yoke_pipe_receive_until(&b, &byte, 1, NULL, yoke_after(1000));
}

static int interruptible_receive(void)
{
    CHECK_EQ(yoke_thread_interruptible(1), 0);
    return receive_until_some_day();
}

static int interruptible_send(void)
{
    yoke_thread_interruptible(1);
    return yoke_pipe_send_until(&a, "x", 1, yoke_after(1000));
}

/* The plain forms go on waiting. */
static int interruptible_plain(void)
{
    yoke_thread_interruptible(1);
    return receive_end();
}

static int interruptible_plain_send(void)
{
    yoke_thread_interruptible(1);
    return yoke_pipe_send(&a, "x", 1);
}

static int n_signals; /* atomically */

static void count_signal(int number)
{
    (void)number;
    __atomic_add_fetch(&n_signals, 1, __ATOMIC_SEQ_CST);
}

/* Sends a signal to the waiter, and returns when its handler has run. */
static void disturb(struct waiter *waiter)
{
    int before = __atomic_load_n(&n_signals, __ATOMIC_SEQ_CST);

    pthread_kill(waiter->thread, SIGUSR1);
    while (__atomic_load_n(&n_signals, __ATOMIC_SEQ_CST) == before)
        sched_yield();
}

TEST(a_signal_ends_the_waits_of_an_interruptible_thread_only)
{
    struct sigaction action = {.sa_handler = count_signal};
    struct waiter waiter;
    uint64_t n;

    sigaction(SIGUSR1, &action, NULL);
    open_pipe();
    waiter_begin(&waiter, interruptible_receive);
    disturb(&waiter);
    CHECK_EQ(waiter_end(&waiter), -EINTR);
    waiter_begin(&waiter, interruptible_plain);
    disturb(&waiter);
    inside(getpid(), waiter.tid, SYS_poll);
    CHECK_EQ(yoke_pipe_send(&a, "x", 1), 0);
    CHECK_EQ(waiter_end(&waiter), 0);
    waiter_begin(&waiter, receive_until_some_day);
    disturb(&waiter);
    inside(getpid(), waiter.tid, SYS_poll);
    CHECK_EQ(yoke_pipe_send(&a, "x", 1), 0);
    CHECK_EQ(waiter_end(&waiter), 0);
    n = send_until_full(&a);
    waiter_begin(&waiter, interruptible_send);
    disturb(&waiter);
    CHECK_EQ(waiter_end(&waiter), -EINTR);
    waiter_begin(&waiter, interruptible_plain_send);
    disturb(&waiter);
    inside(getpid(), waiter.tid, SYS_poll);
    for (uint64_t i = 1; i <= n; i++)
        CHECK_EQ(receive_number(&b), i);
    CHECK_EQ(waiter_end(&waiter), 0);
    CHECK_EQ(yoke_pipe_receive(&b, &(char){0}, 1, NULL), 0);
    check_empty(&b);
    close_pipe();
}

/* ---- the end ---- */

TEST(what_was_sent_before_the_end_arrives)
{
    open_pipe();
    send_number(&a, 1);
    send_filled(&a, 3 * MIB, 2);
    send_filled(&a, 0, 0);
    yoke_pipe_close(&a);
    CHECK_EQ(receive_number(&b), 1);
    receive_filled(&b, 3 * MIB, 2);
    receive_filled(&b, 0, 0);
    check_closed(&b);
    check_closed(&b);
    CHECK_EQ(yoke_pipe_receive_until(&b, NULL, 0, NULL, YOKE_NOW), -YOKE_ECLOSED);
    close_pipe();
}

/* Without SIGPIPE, which would end the test. */
TEST(nobody_to_send_to)
{
    open_pipe();
    yoke_pipe_close(&b);
    CHECK_EQ(yoke_pipe_send(&a, "x", 1), -YOKE_ECLOSED);
    CHECK_EQ(yoke_pipe_send_until(&a, "x", 1, YOKE_NOW), -YOKE_ECLOSED);
    CHECK_EQ(yoke_pipe_send(&a, NULL, 0), -YOKE_ECLOSED);
    check_closed(&a);
    yoke_pipe_close(&a);
}

/* The kernel tells of it once, before it tells of what was sent earlier. */
TEST(an_end_that_goes_with_messages_unread)
{
    for (int sends = 0; sends < 2; sends++) {
        open_pipe();
        send_number(&b, 1);
        send_number(&b, 2);
        send_number(&a, 3);
        yoke_pipe_close(&b);
        if (sends)
            CHECK_EQ(yoke_pipe_send(&a, "x", 1), -YOKE_ECLOSED);
        CHECK_EQ(receive_number(&a), 1);
        CHECK_EQ(receive_number(&a), 2);
        check_closed(&a);
        CHECK_EQ(yoke_pipe_send(&a, "x", 1), -YOKE_ECLOSED);
        yoke_pipe_close(&a);
    }
}

TEST(the_descriptor_is_readable_when_a_receive_would_not_wait)
{
    open_pipe();
    CHECK(!readable(yoke_pipe_fd(&b)));
    send_number(&a, 1);
    CHECK(readable(yoke_pipe_fd(&b)));
    CHECK(!readable(yoke_pipe_fd(&a)));
    CHECK_EQ(receive_number(&b), 1);
    CHECK(!readable(yoke_pipe_fd(&b)));
    yoke_pipe_close(&a);
    CHECK(readable(yoke_pipe_fd(&b)));
    check_closed(&b);
    CHECK(readable(yoke_pipe_fd(&b)));
    close_pipe();
}

TEST(closing_gives_back_what_was_not_received)
{
    open_pipe();
    send_filled(&a, 3 * MIB, 2);
    CHECK_EQ(yoke_pipe_send_fds(&a, "x", 1, (int[]){1, 2}, 2), 0);
    close_pipe();
}

/* ---- ends that came from somewhere ---- */

TEST(attach_refuses_what_is_no_end)
{
    yoke_pipe c = {0};
    int ends[2], input = dup(0);

    open_pipe();
    for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
        CHECK_EQ(socketpair(AF_UNIX, type, 0, ends), 0);
        CHECK_EQ(yoke_pipe_attach(&c, ends[0]), -EINVAL);
        CHECK_EQ(fcntl(ends[0], F_GETFD), 0);
        close(ends[0]);
        close(ends[1]);
    }
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(yoke_pipe_attach(&c, ends[0]), -EINVAL);
    CHECK_EQ(dup2(b.fd, 0), 0);
    CHECK_EQ(yoke_pipe_attach(&c, 0), -EINVAL);
    dup2(input, 0);
    close(input);
    CHECK_EQ(yoke_pipe_attach(&c, 0), -EINVAL);
    CHECK_EQ(yoke_pipe_attach(&c, -1), -EBADF);
    CHECK_EQ(yoke_pipe_attach(&c, 1000), -EBADF);
    CHECK_EQ(yoke_pipe_attach(NULL, b.fd), -EINVAL);
    CHECK_EQ(yoke_pipe_attach(&a, b.fd), -EBUSY);
    CHECK_EQ(c.fd, 0);
    close(ends[0]);
    close(ends[1]);
    close_pipe();
}

TEST(attach_makes_an_end)
{
    yoke_pipe c = {0};
    int copy;

    open_pipe();
    copy = dup(b.fd);
    CHECK_EQ(fcntl(copy, F_GETFD), 0);
    CHECK_EQ(yoke_pipe_attach(&c, copy), 0);
    CHECK_EQ(fcntl(copy, F_GETFD), FD_CLOEXEC);
    yoke_pipe_close(&b);
    send_number(&a, 5);
    CHECK_EQ(receive_number(&c), 5);
    yoke_pipe_close(&c);
    CHECK_EQ(yoke_pipe_send(&a, "x", 1), -YOKE_ECLOSED);
    yoke_pipe_close(&a);
}
