/* process_test.c -- the promises of <yoke/process.h>. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke.h>

static int return_int(void *arg)
{
    return *(const int *)arg;
}

static int wait_for_ever(void *arg)
{
    (void)arg;
    for (;;)
        pause();
    return 0;
}

/* Starts, joins and closes. */
static yoke_exit run(int (*body)(void *), const void *arg, size_t size)
{
    yoke_process process = {0};
    yoke_exit how = {YOKE_EXITED, -1};

    CHECK_EQ(yoke_process_start(&process, body, arg, size), 0);
    CHECK_EQ(yoke_process_join(&process, &how), 0);
    yoke_process_close(&process);
    return how;
}

static void check_exits(int (*body)(void *), int code)
{
    yoke_exit how = run(body, NULL, 0);

    CHECK_EQ(how.kind, YOKE_EXITED);
    CHECK_EQ(how.value, code);
}

static void check_signalled(int (*body)(void *), int signal)
{
    yoke_exit how = run(body, NULL, 0);

    CHECK_EQ(how.kind, YOKE_SIGNALLED);
    CHECK_EQ(how.value, signal);
}

static int lowest_free(void)
{
    int fd = dup(1);

    close(fd);
    return fd;
}

/* In a host of its own, that ends by _exit: for what cannot be taken back, and for hosts that die. */
static void in_host(void (*body)(void))
{
    int status, pid = fork();

    if (pid == 0) {
        body();
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

/* ---- how it ends ---- */

TEST(every_exit_code_comes_back)
{
    CHECK_EQ(yoke_init(), 0);
    for (int code = 0; code < 256; code++) {
        yoke_exit how = run(return_int, &code, sizeof code);

        CHECK_EQ(how.kind, YOKE_EXITED);
        CHECK_EQ(how.value, code);
    }
    CHECK_EQ(run(return_int, &(int){256 + 7}, sizeof(int)).value, 7);
    CHECK_EQ(run(return_int, &(int){-1}, sizeof(int)).value, 255);
    yoke_done();
}

static int raise_it(void *arg)
{
    raise(*(const int *)arg);
    return 0;
}

static int segfault(void *arg)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    signal(SIGSEGV, SIG_DFL);
    *(volatile int *)arg = 1;
    return 0;
}

static int call_abort(void *arg)
{
    struct rlimit none = {0, 0};

    (void)arg;
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGABRT, SIG_DFL);
    abort();
}

TEST(signals_and_crashes_are_told)
{
    static const int signals[] = {SIGTERM, SIGKILL, SIGINT, SIGHUP, SIGUSR1, SIGPIPE, SIGALRM};

    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        yoke_exit how = run(raise_it, &signals[i], sizeof(int));

        CHECK_EQ(how.kind, YOKE_SIGNALLED);
        CHECK_EQ(how.value, signals[i]);
    }
    check_signalled(segfault, SIGSEGV);
    check_signalled(call_abort, SIGABRT);
}

static int report_pipe[2];

static void programs_atexit(void)
{
    (void)!write(report_pipe[1], "h", 1);
}

static int call_exit(void *arg)
{
    (void)arg;
    exit(12);
}

__attribute__((unused)) static int call_pthread_exit(void *arg)
{
    (void)arg;
    pthread_exit(NULL);
}

static void exits_in_processes(void)
{
    atexit(programs_atexit);
    check_exits(call_exit, 12);
#ifndef __SANITIZE_THREAD__ /* its own thread would stay behind */
    check_exits(call_pthread_exit, 0);
#endif
}

TEST(the_programs_exit_handlers_do_not_run)
{
    char letter;

    CHECK_EQ(pipe(report_pipe), 0);
    in_host(exits_in_processes);
    close(report_pipe[1]);
    CHECK_EQ(read(report_pipe[0], &letter, 1), 0);
    close(report_pipe[0]);
}

/* ---- what it gets ---- */

struct bytes {
    size_t size;
    unsigned char bytes[];
};

static int check_bytes(void *arg)
{
    const struct bytes *got = arg;

    if ((uintptr_t)arg % _Alignof(max_align_t) != 0)
        return 1;
    for (size_t i = 0; i < got->size; i += 509)
        if (got->bytes[i] != (unsigned char)(i * 31))
            return 2;
    return got->bytes[got->size - 1] == (unsigned char)((got->size - 1) * 31) ? 0 : 3;
}

static int is_letter(void *arg)
{
    return *(const char *)arg == 'x';
}

static int is_null(void *arg)
{
    return arg == NULL;
}

static void check_argument(size_t size)
{
    struct bytes *bytes = malloc(sizeof *bytes + size);

    CHECK(bytes);
    bytes->size = size;
    for (size_t i = 0; i < size; i++)
        bytes->bytes[i] = (unsigned char)(i * 31);
    CHECK_EQ(run(check_bytes, bytes, sizeof *bytes + size).value, 0);
    free(bytes);
}

TEST(the_argument_arrives_whatever_its_size)
{
    check_exits(is_null, 1);
    CHECK_EQ(run(is_null, "x", 0).value, 1);
    CHECK_EQ(run(is_letter, "x", 1).value, 1);
    check_argument(1 << 20);
    check_argument(64 << 20);
}

TEST(the_argument_arrives_by_way_of_init)
{
    CHECK_EQ(yoke_init(), 0);
    check_exits(is_null, 1);
    CHECK_EQ(run(is_letter, "x", 1).value, 1);
    check_argument(1 << 20);
    check_argument(64 << 20);
    yoke_done();
}

static int has_name(void *arg)
{
    char name[32] = "";
    FILE *file = fopen("/proc/self/comm", "re");

    if (!file || !fgets(name, sizeof name, file))
        return 2;
    fclose(file);
    name[strcspn(name, "\n")] = '\0';
    return strcmp(name, arg) == 0;
}

TEST(it_has_a_name)
{
    yoke_process process = {0};
    yoke_exit how;

    CHECK_STR(yoke_process_name(&process), "");
    CHECK_STR(yoke_process_name(NULL), "");
    CHECK_EQ(yoke_process_start(&process, has_name, "parser", 7, .name = "parser"), 0);
    CHECK_STR(yoke_process_name(&process), "parser");
    CHECK_EQ(yoke_process_join(&process, &how), 0);
    CHECK_EQ(how.value, 1);
    yoke_process_close(&process);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0), 0);
    CHECK_STR(yoke_process_name(&process), "Process-1");
    yoke_process_close(&process);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0, .name = "0123456789012345678901234567890123456789"), 0);
    CHECK_STR(yoke_process_name(&process), "0123456789012345678901234567890");
    yoke_process_close(&process);
}

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

/* ---- who sees what of it ---- */

static volatile int seen;

static void count_signal(int number)
{
    (void)number;
    seen++;
}

TEST(the_program_sees_no_child)
{
    yoke_process process = {0};
    int status;

    signal(SIGCHLD, count_signal);
    check_exits(is_null, 1);
    CHECK_EQ(yoke_process_start(&process, wait_for_ever, NULL, 0), 0);
    CHECK_EQ(waitpid(-1, &status, WNOHANG), -1);
    CHECK_EQ(errno, ECHILD);
    yoke_process_close(&process);
    CHECK_EQ(yoke_init(), 0);
    check_exits(is_null, 1);
    CHECK_EQ(waitpid(-1, &status, WNOHANG), -1);
    CHECK_EQ(errno, ECHILD);
    yoke_done();
    CHECK_EQ(seen, 0);
}

TEST(ignored_sigchld_does_no_harm)
{
    yoke_process process = {0};
    yoke_exit how;

    signal(SIGCHLD, SIG_IGN);
    CHECK_EQ(run(return_int, &(int){41}, sizeof(int)).value, 41);
    CHECK_EQ(yoke_process_start(&process, return_int, &(int){42}, sizeof(int), .start = YOKE_FORK), 0);
    CHECK_EQ(yoke_process_join(&process, &how), 0);
    CHECK_EQ(how.value, 42);
    yoke_process_close(&process);
    CHECK_EQ(yoke_init(), 0);
    CHECK_EQ(run(return_int, &(int){43}, sizeof(int)).value, 43);
    yoke_done();
}

/* ---- join, and the rest ---- */

static void *join_it(void *arg)
{
    yoke_exit how;

    CHECK_EQ(yoke_process_join(arg, &how), 0);
    CHECK_EQ(how.kind, YOKE_SIGNALLED);
    CHECK_EQ(how.value, SIGTERM);
    return NULL;
}

TEST(join_is_repeatable_concurrent_and_timed)
{
    yoke_process process = {0};
    yoke_exit how = {YOKE_EXITED, -1};
    pthread_t threads[4];
    struct pollfd end = {.events = POLLIN};

    CHECK_EQ(yoke_process_start(&process, wait_for_ever, NULL, 0), 0);
    end.fd = yoke_process_fd(&process);
    CHECK_EQ(yoke_process_join_until(&process, YOKE_NOW, &how), -ETIMEDOUT);
    CHECK_EQ(yoke_process_join_until(&process, yoke_after(0.001), &how), -ETIMEDOUT);
    CHECK_EQ(how.value, -1);
    CHECK_EQ(yoke_process_alive(&process), 1);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, join_it, &process), 0);
    CHECK_EQ(yoke_process_join_until(&process, yoke_after(0.001), &how), -ETIMEDOUT);
    CHECK_EQ(poll(&end, 1, 0), 0);
    CHECK_EQ(yoke_process_terminate(&process), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    join_it(&process);
    CHECK_EQ(yoke_process_join(&process, NULL), 0);
    CHECK_EQ(yoke_process_join_until(&process, YOKE_NOW, &how), 0);
    CHECK_EQ(how.value, SIGTERM);
    CHECK_EQ(poll(&end, 1, -1), 1);
    CHECK_EQ(yoke_process_alive(&process), 0);
    CHECK_EQ(yoke_process_terminate(&process), 0);
    CHECK_EQ(yoke_process_kill(&process), 0);
    yoke_process_close(&process);
}

TEST(the_descriptor_is_readable_when_it_has_ended_and_was_reaped)
{
    yoke_process process = {0};
    struct pollfd end = {.events = POLLIN};
    int pid;

    CHECK_EQ(yoke_process_start(&process, wait_for_ever, NULL, 0), 0);
    end.fd = yoke_process_fd(&process);
    CHECK_EQ(fcntl(end.fd, F_GETFD), FD_CLOEXEC);
    pid = yoke_process_pid(&process);
    CHECK_EQ(kill(pid, 0), 0);
    CHECK_EQ(poll(&end, 1, 0), 0);
    CHECK_EQ(yoke_process_kill(&process), 0);
    CHECK_EQ(poll(&end, 1, -1), 1);
    CHECK(end.revents & POLLIN);
    CHECK_EQ(kill(pid, 0), -1);
    CHECK_EQ(errno, ESRCH);
    CHECK_EQ(yoke_process_alive(&process), 0);
    yoke_process_close(&process);
}

TEST(an_ended_one_is_joined_with_no_time_left)
{
    yoke_process process = {0};
    yoke_exit how;

    CHECK_EQ(yoke_process_start(&process, return_int, &(int){9}, sizeof(int)), 0);
    CHECK_EQ(poll(&(struct pollfd){.fd = yoke_process_fd(&process), .events = POLLIN}, 1, -1), 1);
    CHECK_EQ(yoke_process_join_until(&process, YOKE_NOW, &how), 0);
    CHECK_EQ(how.value, 9);
    yoke_process_close(&process);
}

TEST(kill_at_once_after_start)
{
    yoke_exit how;

    CHECK_EQ(yoke_init(), 0);
    for (int i = 0; i < 50; i++) {
        yoke_process process = {0};
        int signal = i % 2 ? SIGTERM : SIGKILL;

        CHECK_EQ(yoke_process_start(&process, wait_for_ever, NULL, 0), 0);
        CHECK_EQ(i % 2 ? yoke_process_terminate(&process) : yoke_process_kill(&process), 0);
        CHECK_EQ(yoke_process_join(&process, &how), 0);
        CHECK_EQ(how.kind, YOKE_SIGNALLED);
        CHECK_EQ(how.value, signal);
        yoke_process_close(&process);
    }
    yoke_done();
}

TEST(close_ends_what_runs_and_may_be_repeated)
{
    yoke_process process = {0};
    int pid;

    yoke_process_close(&process);
    yoke_process_close(NULL);
    CHECK_EQ(yoke_process_start(&process, wait_for_ever, NULL, 0), 0);
    pid = yoke_process_pid(&process);
    yoke_process_close(&process);
    CHECK_EQ(kill(pid, 0), -1);
    CHECK(process.impl == NULL);
    yoke_process_close(&process);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0), 0);
    yoke_process_close(&process);
}

TEST(starting_twice_is_refused)
{
    yoke_process process = {0};
    int pid;

    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0), 0);
    pid = yoke_process_pid(&process);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0), -EBUSY);
    CHECK_EQ(yoke_process_join(&process, NULL), 0);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0), -EBUSY);
    CHECK_EQ(yoke_process_pid(&process), pid);
    yoke_process_close(&process);
}

TEST(wrong_arguments_are_refused)
{
    yoke_process process = {0};

    CHECK_EQ(yoke_process_start(NULL, is_null, NULL, 0), -EINVAL);
    CHECK_EQ(yoke_process_start(&process, NULL, NULL, 0), -EINVAL);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 1), -EINVAL);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0, .start = (yoke_start)17), -EINVAL);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0, .start = YOKE_EXEC), -ENOTSUP);
    CHECK_EQ(yoke_process_join(&process, NULL), -EINVAL);
    CHECK_EQ(yoke_process_join_until(&process, YOKE_NOW, NULL), -EINVAL);
    CHECK_EQ(yoke_process_alive(&process), 0);
    CHECK_EQ(yoke_process_pid(&process), -EINVAL);
    CHECK_EQ(yoke_process_fd(&process), -EINVAL);
    CHECK_EQ(yoke_process_terminate(&process), -EINVAL);
    CHECK_EQ(yoke_process_kill(&process), -EINVAL);
    CHECK_EQ(yoke_process_join(NULL, NULL), -EINVAL);
}

static int descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static yoke_process shared_process;
static int descriptors_before;

static void use_in_a_fork(void)
{
    yoke_process *process = &shared_process;

    CHECK_EQ(yoke_process_start(process, is_null, NULL, 0), -YOKE_EFORKED);
    CHECK_EQ(yoke_process_join(process, NULL), -YOKE_EFORKED);
    CHECK_EQ(yoke_process_join_until(process, YOKE_NOW, NULL), -YOKE_EFORKED);
    CHECK_EQ(yoke_process_alive(process), -YOKE_EFORKED);
    CHECK_EQ(yoke_process_pid(process), -YOKE_EFORKED);
    CHECK_EQ(yoke_process_fd(process), -YOKE_EFORKED);
    CHECK_EQ(yoke_process_terminate(process), -YOKE_EFORKED);
    CHECK_EQ(yoke_process_kill(process), -YOKE_EFORKED);
    yoke_process_close(process);
    CHECK_EQ(descriptors(), descriptors_before);
    check_exits(is_null, 1); /* a fork may have processes of its own */
}

TEST(a_fork_has_no_part_in_it)
{
    descriptors_before = descriptors();
    CHECK_EQ(yoke_process_start(&shared_process, wait_for_ever, NULL, 0), 0);
    in_host(use_in_a_fork);
    CHECK_EQ(yoke_process_alive(&shared_process), 1);
    yoke_process_close(&shared_process);
    CHECK_EQ(yoke_init(), 0);
    CHECK_EQ(yoke_process_start(&shared_process, wait_for_ever, NULL, 0), 0);
    in_host(use_in_a_fork);
    CHECK_EQ(yoke_process_alive(&shared_process), 1);
    yoke_process_close(&shared_process);
    yoke_done();
    CHECK_EQ(descriptors(), descriptors_before);
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

/* ---- threads ---- */

static int ends[4];

static void *wait_in_thread(void *arg)
{
    char letter;

    CHECK_EQ(write(ends[1], "n", 1), 1);
    CHECK_EQ(read(ends[2], &letter, 1), 1);
    return arg;
}

TEST(a_program_with_threads_is_forked_only_on_request)
{
    yoke_process process = {0};
    pthread_t thread;
    char letter;

    CHECK_EQ(pipe(&ends[0]), 0);
    CHECK_EQ(pipe(&ends[2]), 0);
    CHECK_EQ(pthread_create(&thread, NULL, wait_in_thread, NULL), 0);
    CHECK_EQ(read(ends[0], &letter, 1), 1);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0), -YOKE_ETHREADED);
    CHECK(process.impl == NULL);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0, .start = YOKE_FORK), 0);
    CHECK_EQ(yoke_process_join(&process, NULL), 0);
    yoke_process_close(&process);
    CHECK_EQ(write(ends[3], "x", 1), 1);
    pthread_join(thread, NULL);
    CHECK_EQ(yoke_init(), 0);
    CHECK_EQ(pthread_create(&thread, NULL, wait_in_thread, NULL), 0);
    CHECK_EQ(read(ends[0], &letter, 1), 1);
    check_exits(is_null, 1);
    CHECK_EQ(write(ends[3], "x", 1), 1);
    pthread_join(thread, NULL);
    yoke_done();
    for (int i = 0; i < 4; i++)
        close(ends[i]);
}

TEST(code_that_came_after_init_is_refused)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    yoke_process process = {0};
    int (*function)(void *);

    CHECK(page != MAP_FAILED);
    memcpy(&function, &page, sizeof function);
    CHECK_EQ(yoke_init(), 0);
    CHECK_EQ(yoke_process_start(&process, function, NULL, 0), -YOKE_ENOTASK);
    CHECK(process.impl == NULL);
    yoke_done();
    munmap(page, 4096);
}

/* ---- the host dies ---- */

static int stubborn(void *arg)
{
    sigset_t all;

    (void)arg;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    CHECK_EQ(write(report_pipe[1], "r", 1), 1);
    for (;;)
        pause();
    return 0;
}

static void check_gone_with_host(bool init)
{
    int host;
    char letter;

    CHECK_EQ(pipe(report_pipe), 0);
    host = fork();
    if (host == 0) {
        yoke_process processes[3] = {0};

        CHECK_EQ(init ? yoke_init() : 0, 0);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(yoke_process_start(&processes[i], stubborn, NULL, 0), 0);
        for (;;)
            pause();
    }
    close(report_pipe[1]);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(read(report_pipe[0], &letter, 1), 1);
    kill(host, SIGKILL);
    CHECK_EQ(waitpid(host, NULL, 0), host);
    /* the end of the last that holds the other end: the processes, and their zygotes too */
    CHECK_EQ(read(report_pipe[0], &letter, 1), 0);
    close(report_pipe[0]);
}

TEST(when_the_host_is_killed_nothing_stays)
{
    check_gone_with_host(false);
    check_gone_with_host(true);
}

static int tell_parent(void *arg)
{
    CHECK_EQ(write(report_pipe[1], &(int){getppid()}, sizeof(int)), sizeof(int));
    return stubborn(arg);
}

TEST(when_the_zygote_is_killed_its_processes_are_told_as_killed)
{
    yoke_process process = {0};
    yoke_exit how;
    int parent;
    char letter;

    CHECK_EQ(pipe(report_pipe), 0);
    CHECK_EQ(yoke_init(), 0);
    CHECK_EQ(yoke_process_start(&process, tell_parent, NULL, 0), 0);
    CHECK_EQ(read(report_pipe[0], &parent, sizeof parent), sizeof parent);
    CHECK_EQ(read(report_pipe[0], &letter, 1), 1);
    CHECK_EQ(kill(parent, SIGKILL), 0);
    CHECK_EQ(yoke_process_join(&process, &how), 0);
    CHECK_EQ(how.kind, YOKE_SIGNALLED);
    CHECK_EQ(how.value, SIGKILL);
    yoke_process_close(&process);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0), -YOKE_EBROKEN);
    yoke_done();
    close(report_pipe[1]);
    CHECK_EQ(read(report_pipe[0], &letter, 1), 0);
    close(report_pipe[0]);
}

/* ---- no room, and many ---- */

TEST(no_room_for_descriptors_is_a_code_and_leaves_nothing)
{
    yoke_process process = {0};
    struct rlimit limit, narrow;
    int before = lowest_free(), room;

#ifdef __SANITIZE_THREAD__
    SKIP("telling the sanitizer's threads from the program's takes descriptors");
#endif
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    narrow = limit;
    for (room = 0; room < 30; room++) {
        int rc;

        narrow.rlim_cur = (rlim_t)(before + room);
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &narrow), 0);
        rc = yoke_process_start(&process, wait_for_ever, NULL, 0);
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
        if (rc == 0)
            break;
        CHECK_EQ(rc, -EMFILE);
        CHECK(process.impl == NULL);
        CHECK_EQ(lowest_free(), before);
    }
    CHECK(room > 0 && room < 30);
    yoke_process_close(&process);
}

TEST(no_memory_for_the_argument_is_a_code)
{
    yoke_process process = {0};

    CHECK_EQ(yoke_process_start(&process, is_null, "", SIZE_MAX / 2), -ENOMEM);
    CHECK(process.impl == NULL);
}

TEST(a_hundred_at_the_same_time)
{
    static yoke_process processes[100];
    yoke_exit how;

    CHECK_EQ(yoke_init(), 0);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(yoke_process_start(&processes[i], i % 2 ? return_int : wait_for_ever, &i, sizeof i), 0);
    for (int i = 0; i < 100; i += 2)
        CHECK_EQ(yoke_process_terminate(&processes[i]), 0);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(yoke_process_join(&processes[i], &how), 0);
        CHECK_EQ(how.value, i % 2 ? i : SIGTERM);
        yoke_process_close(&processes[i]);
    }
    yoke_done();
}

TEST(three_hundred_rounds_leave_nothing)
{
    int before = lowest_free();

    for (int i = 0; i < 150; i++)
        CHECK_EQ(run(return_int, &i, sizeof i).value, i);
    CHECK_EQ(yoke_init(), 0);
    for (int i = 0; i < 150; i++)
        CHECK_EQ(run(return_int, &i, sizeof i).value, i);
    yoke_done();
    CHECK_EQ(lowest_free(), before);
}
