/* zygote_room_test.c -- the helper that forks, when there is no room: for descriptors, memory, processes. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host.h"
#include "zygote.h"

static void set_limit(int resource, rlim_t n)
{
    struct rlimit limit;

    CHECK_EQ(getrlimit((__rlimit_resource_t)resource, &limit), 0);
    limit.rlim_cur = n;
    CHECK_EQ(setrlimit((__rlimit_resource_t)resource, &limit), 0);
}

TEST(opening_without_descriptors_fails_with_a_code)
{
    int before = lowest_free();

    for (int room = 0;; room++) {
        int rc;

        set_limit(RLIMIT_NOFILE, (rlim_t)(before + room));
        rc = yk_zygote_open(YOKE_START_DEFAULT, &zygote);
        set_limit(RLIMIT_NOFILE, 256);
        if (rc == 0)
            break;
        CHECK_EQ(rc, -EMFILE);
        CHECK_EQ(lowest_free(), before);
        CHECK(room < 20);
    }
    yk_zygote_close(&zygote);
}

/* The zygote's limit is that of its birth; what it lacks is told, and it goes on. */
TEST(spawning_without_descriptors_in_the_zygote_fails_with_a_code)
{
    struct yk_spawn options = {.run = wait_for_ever};
    struct yk_child children[64];
    int n = 0, rc;

    set_limit(RLIMIT_NOFILE, 16);
    open_zygote();
    set_limit(RLIMIT_NOFILE, 256);
    while ((rc = yk_zygote_spawn(&zygote, &options, &children[n])) == 0)
        CHECK(++n < 64);
    CHECK_EQ(rc, -EMFILE);
    CHECK(n >= 2);
    CHECK_EQ(yk_pidfd_signal(children[0].pidfd, SIGKILL), 0);
    CHECK_EQ(finish(&children[0]).value, SIGKILL);
    children[0] = spawn(&options);
    yk_zygote_close(&zygote);
    for (int i = 0; i < n; i++)
        finish(&children[i]);
}

TEST(descriptors_that_the_zygote_cannot_take_are_told)
{
    struct yk_spawn options = {.run = wait_for_ever, .fds = {1, 1, 1}, .n_fds = 3};
    struct yk_child child;
    int before = lowest_free();

    set_limit(RLIMIT_NOFILE, (rlim_t)before + 5);
    open_zygote();
    set_limit(RLIMIT_NOFILE, 256);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(yk_zygote_spawn(&zygote, &options, &child), -EMFILE);
    yk_zygote_close(&zygote);
    CHECK_EQ(lowest_free(), before);
}

/* The child runs already when the host finds that it cannot hold it: it is killed, and nothing is left. */
TEST(spawning_without_descriptors_in_the_host_fails_with_a_code)
{
    struct yk_spawn options = {.run = wait_for_ever};
    struct yk_child child = {.pid = -7};
    int before;

    open_zygote();
    open_alive();
    options.fds[0] = alive[1];
    options.n_fds = 1;
    before = lowest_free();
    for (int room = 0; room < 2; room++) {
        set_limit(RLIMIT_NOFILE, (rlim_t)(before + room));
        CHECK_EQ(yk_zygote_spawn(&zygote, &options, &child), -EMFILE);
        set_limit(RLIMIT_NOFILE, 256);
        CHECK_EQ(lowest_free(), before);
        CHECK_EQ(child.pid, -7);
    }
    wait_all_gone(); /* with the zygote still there */
    child = spawn(&(struct yk_spawn){.user = user_code});
    CHECK_EQ(finish(&child).value, 77);
    yk_zygote_close(&zygote);
}

TEST(an_argument_without_memory_fails_with_a_code)
{
    struct yk_spawn options = {.user = user_code, .arg = "", .arg_size = SIZE_MAX / 2};
    struct yk_child child;

    open_zygote();
    CHECK_EQ(yk_zygote_spawn(&zygote, &options, &child), -ENOMEM);
    options.arg_size = SIZE_MAX;
    CHECK_EQ(yk_zygote_spawn(&zygote, &options, &child), -ENOMEM);
    options.arg_size = 0;
    child = spawn(&options);
    CHECK_EQ(finish(&child).value, 77);
    yk_zygote_close(&zygote);
}

enum { ON_THEIR_WAY = 32 };

/* Descriptors that were sent and not yet received count for the user, against the limit of whoever sends next. */
static void with_descriptors_on_their_way(void)
{
    struct yk_spawn options = {.run = wait_for_ever};
    struct yk_child other, child = {.pid = -7};
    yoke_exit how;
    char letter;
    int ends[2], before;

    if (getuid() == 0)
        CHECK_EQ(setuid(54321), 0);
    set_limit(RLIMIT_NOFILE, 16);
    open_zygote();
    set_limit(RLIMIT_NOFILE, 256);
    other = spawn(&options);
    CHECK_EQ(yk_socket_pair(ends), 0);
    before = lowest_free();
    for (int i = 0; i < ON_THEIR_WAY; i++)
        CHECK_EQ(yk_send(ends[0], "x", 1, (int[]){1}, 1), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(yk_zygote_spawn(&zygote, &options, &child), -EMFILE);
    CHECK_EQ(child.pid, -7);
    CHECK_EQ(lowest_free(), before);
    for (int i = 0; i < ON_THEIR_WAY; i++)
        CHECK_EQ(yk_receive(ends[1], &letter, 1, NULL, NULL), 0);
    child = spawn(&(struct yk_spawn){.user = user_code});
    CHECK_EQ(finish(&child).value, 77);
    CHECK_EQ(yk_child_report(&other, YOKE_NOW, &how), -ETIMEDOUT); /* the others live on */
    yk_zygote_close(&zygote);
    CHECK_EQ(finish(&other).value, SIGKILL);
}

TEST(a_child_that_cannot_be_handed_over_takes_no_other_with_it)
{
    in_host(with_descriptors_on_their_way);
}

static void without_room_for_processes(void)
{
    struct yk_spawn options = {.run = wait_for_ever};
    struct yk_child child;
    char letter;

    CHECK_EQ(setuid(54321), 0);
    open_alive();
    open_zygote();
    child = spawn(&options);
    yk_zygote_close(&zygote);
    finish(&child);
    wait_all_gone();
    set_limit(RLIMIT_NPROC, 2);
    open_alive();
    open_zygote();
    CHECK_EQ(yk_zygote_spawn(&zygote, &options, &child), -EAGAIN);
    set_limit(RLIMIT_NPROC, 1);
    CHECK_EQ(yk_zygote_open(YOKE_START_DEFAULT, &(struct yk_zygote){0}), -EAGAIN);
    CHECK_EQ(yk_zygote_open(YOKE_FORK, &(struct yk_zygote){0}), -EAGAIN);
    yk_zygote_close(&zygote);
    close(alive[1]);
    CHECK_EQ(read(alive[0], &letter, 1), 0);
    close(alive[0]);
}

TEST(no_room_for_processes_is_told)
{
    if (TEST_THREAD_SANITIZER)
        SKIP("the threads of the sanitizer count against the limit");
    if (getuid() != 0)
        SKIP("needs another user's number, for a limit that counts nobody else's processes");
    in_host(without_room_for_processes);
}
