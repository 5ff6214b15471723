/* pipe.h -- what the tests of Pipe share: a pair of ends, messages with a pattern, a thread that waits. */
#ifndef TEST_PIPE_H
#define TEST_PIPE_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke/pipe.h>

#include "asleep.h"
#include "test.h"

enum { KIB = 1024, MIB = 1024 * 1024 };

static yoke_pipe a, b;

static inline void open_pipe(void)
{
    CHECK_EQ(yoke_pipe_open(&a, &b), 0);
}

static inline void close_pipe(void)
{
    yoke_pipe_close(&a);
    yoke_pipe_close(&b);
}

/* Bytes that differ from place to place and from message to message. */
static inline void fill(unsigned char *bytes, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)((i + seed) * 2654435761u >> 13);
}

static inline bool filled(const unsigned char *bytes, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != (unsigned char)((i + seed) * 2654435761u >> 13))
            return false;
    return true;
}

static inline void send_filled(yoke_pipe *pipe, size_t size, unsigned seed)
{
    unsigned char *bytes = malloc(size + 1);

    CHECK(bytes);
    fill(bytes, size, seed);
    CHECK_EQ(yoke_pipe_send(pipe, bytes, size), 0);
    free(bytes);
}

/* Receives that message, and nothing beyond it is written. */
static inline void receive_filled(yoke_pipe *pipe, size_t size, unsigned seed)
{
    unsigned char *bytes = malloc(size + 1);
    size_t got = SIZE_MAX;

    CHECK(bytes);
    bytes[size] = 0xa5;
    CHECK_EQ(yoke_pipe_receive(pipe, bytes, size + 1, &got), 0);
    CHECK_EQ(got, size);
    CHECK(filled(bytes, size, seed));
    CHECK_EQ(bytes[size], 0xa5);
    free(bytes);
}

static inline void send_number(yoke_pipe *pipe, uint64_t number)
{
    CHECK_EQ(yoke_pipe_send(pipe, &number, sizeof number), 0);
}

static inline uint64_t receive_number(yoke_pipe *pipe)
{
    uint64_t number = 0;
    size_t size = 0;

    CHECK_EQ(yoke_pipe_receive(pipe, &number, sizeof number, &size), 0);
    CHECK_EQ(size, sizeof number);
    return number;
}

static inline void check_empty(yoke_pipe *pipe)
{
    char byte;

    CHECK_EQ(yoke_pipe_receive_until(pipe, &byte, 1, NULL, YOKE_NOW), -ETIMEDOUT);
}

static inline void check_closed(yoke_pipe *pipe)
{
    char byte;

    CHECK_EQ(yoke_pipe_receive(pipe, &byte, 1, NULL), -YOKE_ECLOSED);
}

static inline bool readable(int fd)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};

    CHECK(poll(&wanted, 1, 0) >= 0);
    return (wanted.revents & POLLIN) != 0;
}

/* Sends numbers, from 1 up, until there is no room; returns how many. */
static inline uint64_t send_until_full(yoke_pipe *pipe)
{
    uint64_t number = 0;
    int rc;

    do {
        number++;
        rc = yoke_pipe_send_until(pipe, &number, sizeof number, YOKE_NOW);
    } while (rc == 0);
    CHECK_EQ(rc, -ETIMEDOUT);
    return number - 1;
}

/* A thread that does one thing, and the wait until it sleeps over it. */
struct waiter {
    pthread_t thread;
    int (*body)(void);
    int tid; /* atomically */
    int rc;
};

static inline void *waiter_run(void *arg)
{
    struct waiter *waiter = arg;

    __atomic_store_n(&waiter->tid, (int)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
    waiter->rc = waiter->body();
    return NULL;
}

static inline void waiter_begin(struct waiter *waiter, int (*body)(void))
{
    *waiter = (struct waiter){.body = body};
    CHECK_EQ(pthread_create(&waiter->thread, NULL, waiter_run, waiter), 0);
    while (__atomic_load_n(&waiter->tid, __ATOMIC_SEQ_CST) == 0)
        sched_yield();
    inside(getpid(), waiter->tid, SYS_poll);
}

static inline int waiter_end(struct waiter *waiter)
{
    CHECK_EQ(pthread_join(waiter->thread, NULL), 0);
    return waiter->rc;
}

/* A process of the test's own, which has both ends. */
static inline int start_child(void (*body)(void))
{
    int pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        body();
        _exit(0);
    }
    return pid;
}

static inline void end_child(int pid)
{
    kill(pid, SIGKILL);
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

#endif
