/* process_inside_test.c -- what a process is inside: its memory, signals, standard streams, processes of its own. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <yoke.h>

#include "process.h"

/* ---- memory ---- */

static int memory_of_program = 1;

static int see_memory(void *arg)
{
    (void)arg;
    return memory_of_program;
}

TEST(it_sees_the_memory_of_its_start)
{
    memory_of_program = 2;
    check_exits(see_memory, 2);
    memory_of_program = 3;
    check_exits(see_memory, 3);
}

TEST(with_init_it_sees_the_memory_of_then)
{
    yoke_process process = {0};
    yoke_exit how;

    memory_of_program = 2;
    CHECK_EQ(yoke_init(), 0);
    memory_of_program = 3;
    check_exits(see_memory, 2);
    CHECK_EQ(yoke_process_start(&process, see_memory, NULL, 0, .start = YOKE_FORK), 0);
    CHECK_EQ(yoke_process_join(&process, &how), 0);
    CHECK_EQ(how.value, 3);
    yoke_process_close(&process);
    yoke_done();
}

/* ---- surroundings ---- */

static void handler(int number)
{
    (void)number;
    _exit(99);
}

static int check_surroundings(void *arg)
{
    struct sigaction action;
    sigset_t mask;
    char letter;

    (void)arg;
    if (sigaction(SIGUSR1, NULL, &action) < 0 || action.sa_handler != SIG_DFL)
        return 1;
    if (sigprocmask(SIG_BLOCK, NULL, &mask) < 0 || sigismember(&mask, SIGUSR2))
        return 2;
    if (read(0, &letter, 1) != 0)
        return 3;
    if (getpgrp() != getpid())
        return 4;
    if (kill(getppid(), 0) < 0)
        return 5;
    return 0;
}

TEST(its_surroundings_are_as_promised)
{
    sigset_t mask;

    signal(SIGUSR1, handler);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    check_exits(check_surroundings, 0);
    CHECK_EQ(yoke_init(), 0);
    check_exits(check_surroundings, 0);
    yoke_done();
}

static int nested(void *arg)
{
    (void)arg;
    return run(return_int, &(int){21}, sizeof(int)).value;
}

TEST(a_process_may_start_processes)
{
    check_exits(nested, 21);
    CHECK_EQ(yoke_init(), 0);
    check_exits(nested, 21);
    yoke_done();
}

/* ---- output ---- */

static int print_and_leave(void *arg)
{
    printf("[child]");
    if (arg)
        exit(0);
    return 0;
}

TEST(output_is_written_once)
{
    char text[64] = "";
    int output[2];

    CHECK_EQ(pipe(output), 0);
    fflush(stdout);
    CHECK_EQ(dup2(output[1], 1), 1);
    close(output[1]);
    setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
    printf("host;");
    check_exits(print_and_leave, 0);
    printf("more;");
    CHECK_EQ(run(print_and_leave, "x", 1).value, 0);
    CHECK_EQ(yoke_init(), 0);
    check_exits(print_and_leave, 0);
    yoke_done();
    CHECK(read(output[0], text, sizeof text - 1) > 0);
    CHECK_STR(text, "host;[child]more;[child][child]");
    close(output[0]);
}

static int write_to_pipe(void *arg)
{
    return write(*(const int *)arg, "bytes", 5) == 5 ? 0 : 1;
}

/* The usual way to get data from a process: it ends when the process does, though the object is not closed yet. */
TEST(a_pipe_from_it_ends_when_it_does)
{
    yoke_process process = {0};
    char text[8] = "";
    int ends_of[2], saved;

    CHECK_EQ(pipe(ends_of), 0);
    CHECK_EQ(yoke_process_start(&process, write_to_pipe, &ends_of[1], sizeof(int)), 0);
    close(ends_of[1]);
    CHECK_EQ(read(ends_of[0], text, sizeof text), 5);
    CHECK_EQ(read(ends_of[0], text, sizeof text), 0);
    close(ends_of[0]);
    yoke_process_close(&process);

    /* and so with what it prints */
    CHECK_EQ(pipe(ends_of), 0);
    saved = dup(1);
    CHECK_EQ(dup2(ends_of[1], 1), 1);
    close(ends_of[1]);
    CHECK_EQ(yoke_process_start(&process, print_and_leave, NULL, 0), 0);
    CHECK_EQ(dup2(saved, 1), 1);
    close(saved);
    CHECK_EQ(read(ends_of[0], text, sizeof text), 7);
    CHECK_EQ(read(ends_of[0], text, sizeof text), 0);
    close(ends_of[0]);
    yoke_process_close(&process);
}
