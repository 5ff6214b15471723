/* osprocess_end_test.c -- the end of a child of the system layer: its exit, with its parent, reaping. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "osprocess.h"

/* ---- exit ---- */

static int output[2];

static void end_flushing(void)
{
    printf("child;");
    yk_child_exit(0);
}

TEST(buffered_output_is_written_once)
{
    char text[64] = "";

    CHECK_EQ(pipe(output), 0);
    fflush(stdout);
    CHECK_EQ(dup2(output[1], 1), 1);
    setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
    printf("parent;");
    CHECK_EQ(in_child(YOKE_START_DEFAULT, end_flushing).value, 0);
    CHECK_EQ(in_child(YOKE_FORK, end_flushing).value, 0);
    CHECK(read(output[0], text, sizeof text - 1) > 0);
    CHECK_STR(text, "parent;child;child;");
    close(output[0]);
    close(output[1]);
}

static int report_pipe[2];

static void programs_atexit(void)
{
    CHECK_EQ(write(report_pipe[1], "h", 1), 1);
}

static void childs_atexit(void)
{
    CHECK_EQ(write(report_pipe[1], "c", 1), 1);
}

static void prepare_and_exit_9(void)
{
    yk_child_prepare(true);
    atexit(childs_atexit);
    printf("out");
    exit(9);
}

static void prepare_and_leave_by_thread_exit(void)
{
    yk_child_prepare(true);
    pthread_exit(NULL);
}

/* The child's own handlers run, those of the program do not. */
TEST(exit_does_not_run_the_programs_handlers)
{
    char text[8] = "";
    int pid;

    /* the program is a process of its own, so that its handler runs when this test does not look any more */
    CHECK_EQ(pipe(report_pipe), 0);
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        dup2(report_pipe[1], 1);
        setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
        atexit(programs_atexit);
        CHECK_EQ(in_child(YOKE_START_DEFAULT, prepare_and_exit_9).value, 9);
        CHECK_EQ(in_child(YOKE_FORK, prepare_and_exit_9).value, 9);
        if (!TEST_THREAD_SANITIZER) /* its own thread would stay behind */
            CHECK_EQ(in_child(YOKE_FORK, prepare_and_leave_by_thread_exit).value, 0);
        _exit(0);
    }
    check_succeeds(pid);
    close(report_pipe[1]);
    CHECK_EQ(read(report_pipe[0], text, 1), 1);
    CHECK_EQ(read(report_pipe[0], text + 1, sizeof text - 2) >= 0, 1);
    while (strlen(text) < 7 && read(report_pipe[0], text + strlen(text), 1) == 1)
        ;
    close(report_pipe[0]);
    CHECK(strncmp(text, "coutcou", 7) == 0);
}

/* ---- end with the parent ---- */

TEST(a_child_dies_with_its_parent)
{
    int alive[2], middle;
    yoke_exit how;
    char letter;

    CHECK_EQ(pipe(alive), 0);
    if (yk_fork(YOKE_FORK, &middle) == 0) {
        int me = getpid(), inner;

        if (yk_fork(YOKE_FORK, &inner) == 0) {
            yk_die_with_parent(me);
            CHECK_EQ(write(alive[1], "r", 1), 1);
            for (;;)
                pause(); /* with all signals blocked, as a fork begins */
        }
        for (;;)
            pause();
    }
    close(alive[1]);
    CHECK_EQ(read(alive[0], &letter, 1), 1);
    CHECK_EQ(yk_pidfd_signal(middle, SIGKILL), 0);
    CHECK_EQ(yk_pidfd_reap(middle, YOKE_FOREVER, &how), 0);
    CHECK_EQ(read(alive[0], &letter, 1), 0); /* the end of the last holder of the other end */
    close(alive[0]);
    yk_close(middle);
}

static void with_a_stranger_as_parent(void)
{
    yk_die_with_parent(1 << 30);
    _exit(0);
}

TEST(a_child_whose_parent_has_gone_already_dies)
{
    yoke_exit how = in_child(YOKE_FORK, with_a_stranger_as_parent);

    CHECK_EQ(how.kind, YOKE_SIGNALLED);
    CHECK_EQ(how.value, SIGKILL);
}

/* ---- pidfd ---- */

static void wait_for_ever(void)
{
    for (;;)
        pause();
}

TEST(reap_waits_as_told)
{
    yoke_exit how = {YOKE_EXITED, -1};
    int pidfd;

    if (yk_fork(YOKE_START_DEFAULT, &pidfd) == 0)
        wait_for_ever();
    CHECK_EQ(yk_pidfd_reap(pidfd, YOKE_NOW, &how), -ETIMEDOUT);
    CHECK_EQ(yk_pidfd_reap(pidfd, yoke_now() + 1000000, &how), -ETIMEDOUT);
    CHECK_EQ(how.value, -1);
    CHECK_EQ(yk_pidfd_signal(pidfd, SIGKILL), 0);
    CHECK_EQ(yk_pidfd_reap(pidfd, yoke_after(60), &how), 0);
    CHECK_EQ(how.kind, YOKE_SIGNALLED);
    CHECK_EQ(how.value, SIGKILL);
    CHECK_EQ(yk_pidfd_signal(pidfd, SIGKILL), 0);
    CHECK_EQ(yk_pidfd_reap(pidfd, YOKE_NOW, &how), -ECHILD);
    yk_close(pidfd);
}

TEST(a_stranger_is_not_reaped)
{
    yoke_exit how;
    int pidfd = yk_pidfd_open(getppid());

    CHECK(pidfd >= 0);
    CHECK_EQ(yk_pidfd_reap(pidfd, YOKE_FOREVER, &how), -ECHILD);
    yk_close(pidfd);
    CHECK_EQ(yk_pidfd_open(1 << 30), -ESRCH);
}
