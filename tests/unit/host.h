/* host.h -- the program that a test is: its descriptors and signals, a thread that stays in it, a fork that is a host
 * of its own. */
#ifndef HOST_H
#define HOST_H

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static inline int descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static inline int lowest_free(void)
{
    int fd = dup(1);

    close(fd);
    return fd;
}

/* For what crashes on purpose. */
static inline void no_core(void)
{
    CHECK_EQ(setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}), 0);
}

static volatile sig_atomic_t n_signals;

static inline void count_signal(int number)
{
    (void)number;
    n_signals++;
}

static inline void check_succeeds(int pid)
{
    int status;

    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

/* In a host of its own, that ends by _exit: for what cannot be taken back, and for hosts that die. */
static inline void in_host(void (*body)(void))
{
    int pid = fork();

    if (pid == 0) {
        body();
        _exit(0);
    }
    check_succeeds(pid);
}

/* A thread that has called visitor_stay when visitor_begin returns, and stays there until visitor_end. */
struct visitor {
    pthread_t thread;
    int here[2], leave[2];
};

static inline void *visitor_stay(void *arg)
{
    struct visitor *visitor = arg;
    char letter;

    CHECK_EQ(write(visitor->here[1], "h", 1), 1);
    CHECK_EQ(read(visitor->leave[0], &letter, 1), 1);
    return NULL;
}

/* The body is visitor_stay, or calls it with its own argument. */
static inline void visitor_begin(struct visitor *visitor, void *(*body)(void *visitor))
{
    char letter;

    CHECK_EQ(pipe(visitor->here), 0);
    CHECK_EQ(pipe(visitor->leave), 0);
    CHECK_EQ(pthread_create(&visitor->thread, NULL, body, visitor), 0);
    CHECK_EQ(read(visitor->here[0], &letter, 1), 1);
}

static inline void visitor_end(struct visitor *visitor)
{
    CHECK_EQ(write(visitor->leave[1], "l", 1), 1);
    CHECK_EQ(pthread_join(visitor->thread, NULL), 0);
    for (int i = 0; i < 2; i++) {
        close(visitor->here[i]);
        close(visitor->leave[i]);
    }
}

#endif
