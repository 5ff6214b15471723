/* poll_test.c -- one wait for many descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asleep.h"
#include "os/os.h"
#include "test.h"

static struct yk_poll open_poll(void)
{
    struct yk_poll poll;

    CHECK_EQ(yk_poll_open(&poll), 0);
    return poll;
}

TEST(the_descriptor_closes_on_exec)
{
    struct yk_poll poll = open_poll();

    CHECK_EQ(fcntl(poll.fd, F_GETFD), FD_CLOEXEC);
    yk_poll_close(&poll);
}

TEST(tags_come_back_while_ready)
{
    struct yk_poll poll = open_poll();
    uint64_t tags[4] = {0};
    int ends[2];

    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(yk_poll_add(&poll, ends[0], UINT64_MAX - 1), 0);
    CHECK_EQ(yk_poll_wait(&poll, tags, 4, YOKE_NOW), 0);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    /* not read: so it stays ready */
    for (int i = 0; i < 2; i++) {
        tags[0] = 0;
        CHECK_EQ(yk_poll_wait(&poll, tags, 4, YOKE_FOREVER), 1);
        CHECK(tags[0] == UINT64_MAX - 1);
    }
    CHECK_EQ(read(ends[0], tags, 1), 1);
    CHECK_EQ(yk_poll_wait(&poll, tags, 4, YOKE_NOW), 0);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    yk_poll_remove(&poll, ends[0]);
    CHECK_EQ(yk_poll_wait(&poll, tags, 4, YOKE_NOW), 0);
    close(ends[0]);
    close(ends[1]);
    yk_poll_close(&poll);
}

TEST(add_refuses_what_cannot_be_watched)
{
    struct yk_poll poll = open_poll();
    int ends[2], none;

    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(yk_poll_add(&poll, ends[0], 1), 0);
    CHECK_EQ(yk_poll_add(&poll, ends[0], 1), -EEXIST);
    CHECK_EQ(yk_poll_add(&poll, -1, 1), -EBADF);
    close(ends[1]);
    CHECK_EQ(yk_poll_add(&poll, ends[1], 1), -EBADF);
    none = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    CHECK_EQ(yk_poll_add(&poll, none, 1), -EPERM);
    close(none);
    close(ends[0]);
    yk_poll_close(&poll);
}

TEST(many_are_reported_in_portions)
{
    enum { MANY = 200 };
    struct yk_poll poll = open_poll();
    bool seen[MANY] = {false};
    int ends[MANY][2], found = 0;

    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(pipe(ends[i]), 0);
        CHECK_EQ(write(ends[i][1], "x", 1), 1);
        CHECK_EQ(yk_poll_add(&poll, ends[i][0], (uint64_t)i), 0);
    }
    while (found < MANY) {
        /* the odd portions are larger than what one wait gives */
        uint64_t tags[300];
        int n = yk_poll_wait(&poll, tags, found % 2 ? 7 : 300, YOKE_NOW);

        CHECK(n > 0);
        CHECK(!(found % 2) || n <= 7);
        for (int i = 0; i < n; i++) {
            CHECK(tags[i] < MANY && !seen[tags[i]]);
            seen[tags[i]] = true;
            yk_poll_remove(&poll, ends[tags[i]][0]);
        }
        found += n;
    }
    for (int i = 0; i < MANY; i++) {
        close(ends[i][0]);
        close(ends[i][1]);
    }
    yk_poll_close(&poll);
}

TEST(the_end_of_a_process_is_readable)
{
    struct yk_poll poll = open_poll();
    uint64_t tag = 0;
    pid_t pid = fork();
    int pidfd;

    if (pid == 0)
        for (;;)
            pause();
    pidfd = yk_pidfd_open(pid);
    CHECK(pidfd >= 0);
    CHECK_EQ(yk_poll_add(&poll, pidfd, 5), 0);
    CHECK_EQ(yk_poll_wait(&poll, &tag, 1, YOKE_NOW), 0);
    CHECK_EQ(yk_wait_readable(pidfd, YOKE_NOW), -ETIMEDOUT);
    kill(pid, SIGKILL);
    CHECK_EQ(yk_poll_wait(&poll, &tag, 1, YOKE_FOREVER), 1);
    CHECK_EQ(tag, 5);
    CHECK_EQ(yk_wait_readable(pidfd, YOKE_FOREVER), 0);
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
    close(pidfd);
    yk_poll_close(&poll);
}

static volatile sig_atomic_t signals;

static void count(int number)
{
    (void)number;
    signals++;
}

TEST(deadlines_are_kept_whatever_signals_come)
{
    struct itimerval every = {{0, 2000}, {0, 2000}}, off = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = count};
    struct yk_poll poll = open_poll();
    yoke_time deadline;
    uint64_t tag;
    int ends[2];
    int64_t cpu;

    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(yk_poll_add(&poll, ends[0], 1), 0);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    cpu = cpu_time();
    deadline = yoke_after(0.05);
    CHECK_EQ(yk_poll_wait(&poll, &tag, 1, deadline), 0);
    CHECK(yoke_now() >= deadline);
    deadline = yoke_after(0.05);
    CHECK_EQ(yk_wait_readable(ends[0], deadline), -ETIMEDOUT);
    CHECK(yoke_now() >= deadline);
    CHECK(cpu_time() - cpu < 20 * MS);
    setitimer(ITIMER_REAL, &off, NULL);
    CHECK(signals > 1);
    CHECK_EQ(yk_poll_wait(&poll, &tag, 1, -1), 0);
    close(ends[0]);
    close(ends[1]);
    yk_poll_close(&poll);
}

TEST(no_wait_ends_early)
{
    struct yk_poll poll = open_poll();
    uint64_t tag;
    int ends[2];

    CHECK_EQ(pipe(ends), 0);
    for (int i = 0; i < 20; i++) {
        /* never a whole number of milliseconds, in which the system counts */
        yoke_time deadline = yoke_after(0.0005 + 0.0001 * i);

        CHECK_EQ(yk_poll_wait(&poll, &tag, 1, deadline), 0);
        CHECK(yoke_now() >= deadline);
        deadline = yoke_after(0.0005 + 0.0001 * i);
        CHECK_EQ(yk_wait_readable(ends[0], deadline), -ETIMEDOUT);
        CHECK(yoke_now() >= deadline);
    }
    close(ends[0]);
    close(ends[1]);
    yk_poll_close(&poll);
}

TEST(wait_readable_knows_data_the_end_and_nonsense)
{
    int ends[2];

    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(yk_wait_readable(ends[0], YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(yk_wait_readable(ends[0], YOKE_FOREVER), 0);
    CHECK_EQ(yk_wait_readable(ends[0], YOKE_NOW), 0);
    CHECK_EQ(read(ends[0], &(char){0}, 1), 1);
    close(ends[1]);
    CHECK_EQ(yk_wait_readable(ends[0], YOKE_FOREVER), 0);
    close(ends[0]);
    CHECK_EQ(yk_wait_readable(ends[0], YOKE_FOREVER), -EBADF);
    CHECK_EQ(yk_wait_readable(-1, YOKE_FOREVER), -EBADF);
}

/* ---- several descriptors, once ---- */

TEST(wait_ready_tells_which)
{
    struct yk_ready ready[YK_WAIT_MOST];
    int ends[3][2];

    for (int i = 0; i < 3; i++)
        CHECK_EQ(pipe(ends[i]), 0);
    for (unsigned i = 0; i < YK_WAIT_MOST; i++)
        ready[i] = (struct yk_ready){.fd = ends[i % 3][0], .ready = true};
    CHECK_EQ(yk_wait_ready(ready, YK_WAIT_MOST, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(write(ends[1][1], "x", 1), 1);
    close(ends[2][1]);
    CHECK_EQ(yk_wait_ready(ready, YK_WAIT_MOST, YOKE_FOREVER), 0);
    for (unsigned i = 0; i < YK_WAIT_MOST; i++)
        CHECK_EQ(ready[i].ready, i % 3 > 0);
    close(ends[0][0]);
    CHECK_EQ(yk_wait_ready(ready, 3, YOKE_FOREVER), -EBADF);
    ready[0].fd = -1;
    CHECK_EQ(yk_wait_ready(ready, 3, YOKE_FOREVER), -EBADF);
    close(ends[0][1]);
    close(ends[1][0]);
    close(ends[1][1]);
    close(ends[2][0]);
}

TEST(wait_ready_knows_room_to_write)
{
    char bytes[4096] = {0};
    struct yk_ready ready;
    int ends[2];

    CHECK_EQ(pipe2(ends, O_NONBLOCK), 0);
    ready = (struct yk_ready){.fd = ends[1], .writes = true};
    CHECK_EQ(yk_wait_ready(&ready, 1, YOKE_FOREVER), 0);
    CHECK(ready.ready);
    while (write(ends[1], bytes, sizeof bytes) > 0)
        continue;
    CHECK_EQ(yk_wait_ready(&ready, 1, yoke_after(0.005)), -ETIMEDOUT);
    CHECK(read(ends[0], bytes, sizeof bytes) > 0);
    CHECK_EQ(yk_wait_ready(&ready, 1, YOKE_FOREVER), 0);
    close(ends[0]);
    close(ends[1]);
}

TEST(wait_ready_ends_with_a_signal)
{
    struct itimerval every = {{0, 2000}, {0, 2000}}, off = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = count};
    struct yk_ready ready;
    int ends[2];

    CHECK_EQ(pipe(ends), 0);
    ready = (struct yk_ready){.fd = ends[0]};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    CHECK_EQ(yk_wait_ready(&ready, 1, YOKE_FOREVER), -EINTR);
    setitimer(ITIMER_REAL, &off, NULL);
    close(ends[0]);
    close(ends[1]);
}
