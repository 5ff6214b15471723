/* pipe_inherit_test.c -- a child knows which of its descriptors are ends of pipes, at whatever moment it was forked, and can close those
 * that it was not given; another program can have an end, too. */
#include "pipe.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "host.h"
#include "ipc/pipe.h"

/* ---- what a child inherits ---- */

static int sockets(void)
{
    struct stat status;
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
    return n;
}

static void keep_none(void)
{
    int before = descriptors();

    yk_pipe_keep_only(NULL, 0);
    CHECK_EQ(descriptors(), before - 2);
    for (;;)
        pause();
}

TEST(a_child_that_keeps_none_hides_no_end)
{
    int pid;

    open_pipe();
    pid = start_child(keep_none);
    yoke_pipe_close(&a);
    check_closed(&b);
    CHECK_EQ(kill(pid, 0), 0);
    end_child(pid);
    close_pipe();
}

static void keep_a(void)
{
    int pid;

    yk_pipe_keep_only(&a.fd, 1);
    CHECK_EQ(yoke_pipe_send(&a, "k", 1), 0);
    CHECK_EQ(fcntl(b.fd, F_GETFD), -1);
    /* and in a child of its own it is known as an end */
    pid = fork();
    if (pid == 0) {
        yk_pipe_keep_only(NULL, 0);
        CHECK_EQ(fcntl(a.fd, F_GETFD), -1);
        _exit(0);
    }
    check_succeeds(pid);
}

TEST(a_child_keeps_what_it_was_given)
{
    yoke_pipe c = {0}, d = {0};
    char byte;
    int pid;

    open_pipe();
    CHECK_EQ(yoke_pipe_open(&c, &d), 0);
    pid = start_child(keep_a);
    yoke_pipe_close(&a);
    CHECK_EQ(yoke_pipe_receive(&b, &byte, 1, NULL), 0);
    check_closed(&b);
    check_succeeds(pid);
    yoke_pipe_close(&c);
    yoke_pipe_close(&d);
    close_pipe();
}

static void keep_a_stranger(void)
{
    int copy = fcntl(a.fd, F_DUPFD_CLOEXEC, 100);

    yk_pipe_keep_only(&copy, 1);
    CHECK_EQ(sockets(), 1);
    CHECK_EQ(write(copy, "x", 1), 1);
    yk_pipe_keep_only(NULL, 0);
    CHECK_EQ(sockets(), 0);
}

TEST(what_a_child_was_given_is_an_end_wherever_it_came_from)
{
    open_pipe();
    check_succeeds(start_child(keep_a_stranger));
    close_pipe();
}

TEST(an_attached_end_is_one_too)
{
    yoke_pipe c = {0};
    int ends[2], pid;

    CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    CHECK_EQ(yoke_pipe_attach(&c, ends[0]), 0);
    pid = fork();
    if (pid == 0) {
        yk_pipe_keep_only(NULL, 0);
        CHECK_EQ(sockets(), 1);
        _exit(0);
    }
    check_succeeds(pid);
    yoke_pipe_close(&c);
    close(ends[1]);
}

TEST(a_closed_end_is_forgotten)
{
    int ends[2], pid;

    open_pipe();
    close_pipe();
    CHECK_EQ(pipe(ends), 0); /* the same numbers */
    pid = fork();
    if (pid == 0) {
        yk_pipe_keep_only(NULL, 0);
        _exit(write(ends[1], "x", 1) != 1);
    }
    check_succeeds(pid);
    close(ends[0]);
    close(ends[1]);
}

/* ---- a fork at any moment ---- */

static int stop; /* atomically */

static void *open_and_close(void *arg)
{
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        yoke_pipe c = {0}, d = {0};

        CHECK_EQ(yoke_pipe_open(&c, &d), 0);
        yoke_pipe_close(&c);
        yoke_pipe_close(&d);
    }
    return arg;
}

/* Large messages, which take descriptors. */
static void *talk_to_itself(void *arg)
{
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        send_filled(&a, 40 * KIB, 1);
        receive_filled(&b, 40 * KIB, 1);
    }
    return arg;
}

TEST(a_child_forked_at_any_moment_knows_all_its_ends)
{
    pthread_t thread, other;

    open_pipe();
    CHECK_EQ(pthread_create(&thread, NULL, open_and_close, NULL), 0);
    CHECK_EQ(pthread_create(&other, NULL, talk_to_itself, NULL), 0);
    for (int i = 0; i < 300; i++) {
        int pid = fork();

        if (pid == 0) {
            yoke_pipe c = {0}, d = {0};

            yk_pipe_keep_only(NULL, 0);
            CHECK_EQ(sockets(), 0);
            CHECK_EQ(yoke_pipe_open(&c, &d), 0); /* no lock is held */
            _exit(0);
        }
        check_succeeds(pid);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(pthread_join(other, NULL), 0);
    close_pipe();
}

/* ---- another program ---- */

/* This program, run again: echoes what it receives, and ends with the pipe. */
__attribute__((constructor)) static void be_a_stranger(void)
{
    const char *number = getenv("PIPE_TEST_FD");
    static char buffer[MIB];
    yoke_pipe pipe = {0};
    size_t size;

    if (!number)
        return;
    if (yoke_pipe_attach(&pipe, atoi(number)) != 0)
        _exit(2);
    while (yoke_pipe_receive(&pipe, buffer, sizeof buffer, &size) == 0)
        if (yoke_pipe_send(&pipe, buffer, size) != 0)
            _exit(3);
    _exit(0);
}

TEST(an_unrelated_program_over_an_inherited_descriptor)
{
    int pid;

    open_pipe();
    pid = fork();
    if (pid == 0) {
        char number[16];
        int fd = dup(b.fd); /* without close-on-exec */

        snprintf(number, sizeof number, "%d", fd);
        setenv("PIPE_TEST_FD", number, 1);
        execl("/proc/self/exe", "stranger", NULL);
        _exit(1);
    }
    yoke_pipe_close(&b);
    send_filled(&a, 10, 1);
    receive_filled(&a, 10, 1);
    send_filled(&a, MIB, 2);
    receive_filled(&a, MIB, 2);
    yoke_pipe_close(&a);
    check_succeeds(pid);
}
