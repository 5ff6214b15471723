/* pipe_process_test.c -- processes and pools have those ends that they were given and no others, whether they were forked now or come
 * from the zygote of yoke_init, which was made before the pipe. */
#include "pipe.h"

#include <fcntl.h>
#include <yoke/pool.h>
#include <yoke/process.h>

/* Both ways a process can come: from the program as it is, or from a zygote. */
static void in_both_ways(void (*body)(void))
{
    body();
    CHECK_EQ(yoke_init(), 0);
    body();
    yoke_done();
}

static void start(yoke_process *process, int (*run)(void *), yoke_pipe *end)
{
    CHECK_EQ(yoke_process_start(process, run, end, sizeof *end, .pipes = &end, .n_pipes = 1), 0);
}

static void finish(yoke_process *process, yoke_exit_kind kind, int value)
{
    yoke_exit how;

    CHECK_EQ(yoke_process_join(process, &how), 0);
    CHECK_EQ(how.kind, kind);
    CHECK_EQ(how.value, value);
    yoke_process_close(process);
}

static int echo(void *arg)
{
    static unsigned char buffer[MIB];
    yoke_pipe *end = arg;
    size_t size, n = 16;
    int fds[16], rc;

    while ((rc = yoke_pipe_receive_fds(end, buffer, sizeof buffer, &size, fds, &n)) == 0) {
        if (yoke_pipe_send_fds(end, buffer, size, fds, n) != 0)
            return 2;
        while (n > 0)
            close(fds[--n]);
        n = 16;
    }
    return rc == -YOKE_ECLOSED ? 7 : 3;
}

static void talk(void)
{
    yoke_process process = {0};
    int ends[2], fd;
    size_t n = 1;
    char byte = 0;

    open_pipe();
    start(&process, echo, &b);
    yoke_pipe_close(&b);
    for (unsigned size = 0; size <= MIB; size = size * 8 + 1) {
        send_filled(&a, size, size);
        receive_filled(&a, size, size);
    }
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(yoke_pipe_send_fds(&a, "f", 1, &ends[1], 1), 0);
    CHECK_EQ(yoke_pipe_receive_fds(&a, &byte, 1, NULL, &fd, &n), 0);
    CHECK(byte == 'f' && n == 1);
    CHECK_EQ(write(fd, "w", 1), 1);
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    CHECK_EQ(byte, 'w');
    close(fd);
    close(ends[0]);
    close(ends[1]);
    yoke_pipe_close(&a);
    finish(&process, YOKE_EXITED, 7);
}

TEST(a_process_talks_over_the_end_it_was_given)
{
    in_both_ways(talk);
}

static int stay(void *arg)
{
    CHECK_EQ(yoke_pipe_send(arg, "h", 1), 0);
    for (;;)
        pause();
    return 0;
}

static void killed(void)
{
    yoke_process process = {0};
    char byte;

    open_pipe();
    start(&process, stay, &b);
    yoke_pipe_close(&b);
    CHECK_EQ(yoke_pipe_receive(&a, &byte, 1, NULL), 0);
    check_empty(&a);
    CHECK_EQ(yoke_process_kill(&process), 0);
    check_closed(&a);
    finish(&process, YOKE_SIGNALLED, 9);
    close_pipe();
}

TEST(the_death_of_a_process_ends_its_pipe)
{
    in_both_ways(killed);
}

/* The second one is forked while this program has all four ends. */
static void others(void)
{
    yoke_process first = {0}, second = {0};
    yoke_pipe c = {0}, d = {0};
    char byte;

    open_pipe();
    CHECK_EQ(yoke_pipe_open(&c, &d), 0);
    start(&first, stay, &b);
    start(&second, stay, &d);
    yoke_pipe_close(&b);
    yoke_pipe_close(&d);
    CHECK_EQ(yoke_pipe_receive(&a, &byte, 1, NULL), 0);
    CHECK_EQ(yoke_pipe_receive(&c, &byte, 1, NULL), 0);
    CHECK_EQ(yoke_process_kill(&first), 0);
    check_closed(&a);
    CHECK_EQ(yoke_process_alive(&second), 1);
    CHECK_EQ(yoke_process_kill(&second), 0);
    check_closed(&c);
    finish(&first, YOKE_SIGNALLED, 9);
    finish(&second, YOKE_SIGNALLED, 9);
    yoke_pipe_close(&c);
    close_pipe();
}

TEST(a_process_hides_no_end_that_it_was_not_given)
{
    in_both_ways(others);
}

/* The struct alone comes with the argument. */
static int not_given(void *arg)
{
    yoke_pipe end = *(yoke_pipe *)arg;
    char byte;
    int file = dup2(1, end.fd);

    CHECK_EQ(file, end.fd);
    CHECK_EQ(yoke_pipe_fd(&end), -EINVAL);
    CHECK_EQ(yoke_pipe_receive(&end, &byte, 1, NULL), -EINVAL);
    CHECK_EQ(yoke_pipe_send(&end, "x", 1), -EINVAL);
    yoke_pipe_close(&end);
    CHECK(fcntl(file, F_GETFD) >= 0);
    return 7;
}

static void copied(void)
{
    yoke_process process = {0};
    yoke_pipe copy, *end = &copy;

    open_pipe();
    CHECK_EQ(yoke_process_start(&process, not_given, &b, sizeof b), 0);
    finish(&process, YOKE_EXITED, 7);
    copy = b;
    close_pipe();
    CHECK_EQ(yoke_process_start(&process, echo, &copy, sizeof copy, .pipes = &end, .n_pipes = 1), -EINVAL);
}

TEST(an_end_that_a_process_was_not_given_is_not_open)
{
    in_both_ways(copied);
}

static int square(const int *in, int *out)
{
    *out = *in * *in;
    return 0;
}
YOKE_TASK(square, int, int);

static void pool_beside(void)
{
    yoke_pool *pool;
    int in = 3, out;

    open_pipe();
    CHECK_EQ(yoke_pool_open(&pool, YOKE_PROCESSES, .workers = 2), 0);
    CHECK_EQ(yoke_pool_map(pool, square, &in, 1, &out), 0);
    CHECK_EQ(out, 9);
    yoke_pipe_close(&b);
    check_closed(&a);
    yoke_pipe_close(&a);
    yoke_pool_free(&pool);
}

TEST(a_pool_hides_no_end)
{
    in_both_ways(pool_beside);
}

/* A program that calls yoke_init late: the zygote is a fork of it, too. */
TEST(a_zygote_hides_no_end)
{
    open_pipe();
    CHECK_EQ(yoke_init(), 0);
    yoke_pipe_close(&b);
    check_closed(&a);
    close_pipe();
    yoke_done();
}
