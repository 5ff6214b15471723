/* streams_test.c -- a program that has closed standard streams: none of the library's descriptors takes their numbers. */
#include <fcntl.h>
#include <unistd.h>
#include <yoke.h>

#include "test.h"

static int double_it(const int *in, int *out)
{
    *out = 2 * *in;
    return 0;
}
YOKE_TASK(double_it, int, int);

static int echo(void *arg)
{
    yoke_pipe *end = arg;
    int number;

    /* what it prints goes nowhere, and not into a socket or memory of the library's */
    (void)!write(STDOUT_FILENO, "stdout", 6);
    (void)!write(STDERR_FILENO, "stderr", 6);
    return yoke_pipe_receive(end, &number, sizeof number, NULL) == 0 ? number : -1;
}

static void check_closed(const char *streams)
{
    for (; *streams; streams++)
        CHECK(fcntl(*streams - '0', F_GETFD) == -1);
}

static void use_processes(const char *streams)
{
    yoke_pipe here = {0}, there = {0};
    yoke_process process = {0};
    yoke_exit how;
    int number = 42;

    CHECK_EQ(yoke_pipe_open(&here, &there), 0);
    CHECK_EQ(yoke_process_start(&process, echo, &there, sizeof there, .pipes = (yoke_pipe *[]){&there}, .n_pipes = 1),
             0);
    check_closed(streams);
    CHECK_EQ(yoke_pipe_send(&here, &number, sizeof number), 0);
    CHECK_EQ(yoke_process_join(&process, &how), 0);
    CHECK(how.kind == YOKE_EXITED && how.value == 42);
    yoke_process_close(&process);
    yoke_pipe_close(&here);
    yoke_pipe_close(&there);
}

static void use_pool(const char *streams)
{
    int items[100], results[100];
    yoke_pool *pool;

    for (int i = 0; i < 100; i++)
        items[i] = i;
    CHECK_EQ(yoke_pool_open(&pool, YOKE_PROCESSES, .workers = 2), 0);
    check_closed(streams);
    CHECK_EQ(yoke_pool_map(pool, double_it, items, 100, results), 0);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(results[i], 2 * i);
    yoke_pool_free(&pool);
}

/* A large message travels in memory of its own. */
static void use_messages(const char *streams)
{
    static char out[100000], in[100000];
    yoke_pipe here = {0}, there = {0};

    CHECK_EQ(yoke_pipe_open(&here, &there), 0);
    out[99999] = 1;
    CHECK_EQ(yoke_pipe_send(&here, out, sizeof out), 0);
    check_closed(streams);
    CHECK_EQ(yoke_pipe_receive(&there, in, sizeof in, NULL), 0);
    CHECK_EQ(in[99999], 1);
    check_closed(streams);
    yoke_pipe_close(&here);
    yoke_pipe_close(&there);
}

static void live_without(const char *streams)
{
    int kept[3];
    yoke_shm *shm;

    for (int i = 0; i < 3; i++)
        kept[i] = fcntl(i, F_DUPFD_CLOEXEC, 3);
    for (const char *stream = streams; *stream; stream++)
        close(*stream - '0');
    CHECK_EQ(yoke_init(), 0);
    check_closed(streams);
    CHECK_EQ(yoke_shm_open(&shm, 0), 0);
    check_closed(streams);
    use_processes(streams);
    use_pool(streams);
    use_messages(streams);
    CHECK_EQ(yoke_shm_free(&shm), 0);
    yoke_done();
    check_closed(streams);
    for (int i = 0; i < 3; i++) {
        dup2(kept[i], i);
        close(kept[i]);
    }
}

TEST(without_stdin)
{
    live_without("0");
}

TEST(without_stdout)
{
    live_without("1");
}

TEST(without_stderr)
{
    live_without("2");
}

TEST(without_output)
{
    live_without("12");
}

TEST(without_any)
{
    live_without("012");
}
