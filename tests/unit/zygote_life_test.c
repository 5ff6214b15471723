/* zygote_life_test.c -- the helper that forks: who lives as long as whom. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "zygote.h"

/* Says that it runs, then never ends by itself, nor by any signal that can be blocked. */
static int be_stubborn(void *arg, const int *fds, unsigned n_fds)
{
    sigset_t all;

    (void)arg;
    (void)n_fds;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    CHECK_EQ(write(fds[0], "r", 1), 1);
    for (;;)
        pause();
    return 0;
}

TEST(closing_ends_its_children)
{
    struct yk_spawn options = {.run = be_stubborn, .n_fds = 1};
    struct yk_child child;
    char letter;

    open_alive();
    options.fds[0] = alive[1];
    open_zygote();
    child = spawn(&options);
    CHECK_EQ(read(alive[0], &letter, 1), 1);
    yk_zygote_close(&zygote);
    CHECK_EQ(finish(&child).value, SIGKILL);
    CHECK_EQ(kill(child.pid, 0), -1);
    wait_all_gone();
}

TEST(a_killed_zygote_takes_its_children_with_it)
{
    struct yk_spawn options = {.run = be_stubborn, .n_fds = 1};
    struct yk_child child, more;
    yoke_exit how;
    char letter;

    open_alive();
    options.fds[0] = alive[1];
    open_zygote();
    child = spawn(&options);
    CHECK_EQ(read(alive[0], &letter, 1), 1);
    CHECK_EQ(yk_pidfd_signal(zygote.pidfd, SIGKILL), 0);
    how = finish(&child);
    CHECK_EQ(how.kind, YOKE_SIGNALLED);
    CHECK_EQ(how.value, SIGKILL);
    CHECK_EQ(yk_zygote_spawn(&zygote, &options, &more), -YOKE_EBROKEN);
    yk_zygote_close(&zygote);
    wait_all_gone();
}

/* The host is killed; a fork of it holds copies of all its sockets, so that no end of a socket tells the zygote. */
TEST(a_killed_host_takes_all_with_it)
{
    int host, copy, copy_pidfd, ready[2];
    char letter;

    open_alive();
    CHECK_EQ(pipe(ready), 0);
    host = fork();
    if (host == 0) {
        struct yk_spawn options = {.run = be_stubborn, .fds = {ready[1]}, .n_fds = 1};
        int pidfd;

        open_zygote();
        spawn(&options);
        spawn(&options);
        copy = yk_fork(YOKE_FORK, &pidfd);
        if (copy == 0) {
            close(alive[1]);
            CHECK_EQ(write(ready[1], &(int){getpid()}, sizeof(int)), sizeof(int));
            for (;;)
                pause();
        }
        for (;;)
            pause();
    }
    copy = 0;
    for (unsigned got = 0, letters = 0; got < sizeof copy || letters < 2;) {
        CHECK_EQ(read(ready[0], &letter, 1), 1);
        if (letter == 'r' && letters < 2)
            letters++;
        else
            ((char *)&copy)[got++] = letter;
    }
    kill(host, SIGKILL);
    CHECK_EQ(waitpid(host, NULL, 0), host);
    wait_all_gone();
    copy_pidfd = yk_pidfd_open(copy);
    CHECK_EQ(yk_pidfd_signal(copy_pidfd, SIGKILL), 0);
    CHECK_EQ(yk_wait_readable(copy_pidfd, YOKE_FOREVER), 0);
    yk_close(copy_pidfd);
    close(ready[0]);
    close(ready[1]);
}

static int host_exit(void *arg)
{
    struct yk_spawn options = {.run = wait_for_ever};

    open_zygote();
    spawn(&options);
    return arg ? 1 : 0;
}

TEST(a_host_that_exits_takes_all_with_it)
{
    int host;

    open_alive();
    host = fork();
    if (host == 0)
        _exit(host_exit(NULL));
    CHECK_EQ(waitpid(host, NULL, 0), host);
    wait_all_gone();
}
