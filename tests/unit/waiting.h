/* waiting.h -- what the tests of yoke_wait_any share: one thing of each kind, how each becomes ready, and a thread that waits. */
#ifndef WAITING_H
#define WAITING_H

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke/wait.h>

#include "asleep.h"
#include "test.h"

/* Words first, then descriptors. */
enum { THREAD, EVENT, QUEUE, PROCESS, PIPE, FD, KINDS };

/* Everything; nothing but descriptors; one word; nothing but words. */
static const struct {
    int first, n;
    long call;
} ways[] = {{0, KINDS, SYS_poll}, {PROCESS, 3, SYS_poll}, {THREAD, 1, SYS_futex}, {THREAD, 3, SYS_futex_waitv}};

struct things {
    yoke_event *leave; /* the thread's */
    yoke_thread thread;
    yoke_event event;
    yoke_queue *queue; /* of ints */
    yoke_process process;
    yoke_pipe here, there;
    int ends[2];
};

static inline int leave_when_told(void *arg)
{
    yoke_event_wait(arg);
    return 0;
}

/* The process lives until it is killed, for it is never told anything. */
static inline int pause_for_ever(void *arg)
{
    (void)arg;
    for (;;)
        pause();
    return 0;
}

static inline void open_things(struct things *t)
{
    *t = (struct things){.leave = calloc(1, sizeof(yoke_event))};
    CHECK(t->leave);
    CHECK_EQ(yoke_process_start(&t->process, pause_for_ever, NULL, 0, .start = YOKE_FORK), 0);
    CHECK_EQ(yoke_thread_start(&t->thread, leave_when_told, t->leave), 0);
    CHECK_EQ(yoke_queue_open(&t->queue, NULL, sizeof(int), 4), 0);
    CHECK_EQ(yoke_pipe_open(&t->here, &t->there), 0);
    CHECK_EQ(pipe(t->ends), 0);
}

static inline void list_things(struct things *t, yoke_waitable on[KINDS])
{
    on[THREAD] = yoke_on_thread(&t->thread);
    on[EVENT] = yoke_on_event(&t->event);
    on[QUEUE] = yoke_on_queue(t->queue);
    on[PROCESS] = yoke_on_process(&t->process);
    on[PIPE] = yoke_on_pipe(&t->here);
    on[FD] = yoke_on_fd(t->ends[0]);
}

static inline void make_ready(struct things *t, int kind)
{
    switch (kind) {
    case THREAD:
        yoke_event_set(t->leave);
        break;
    case EVENT:
        yoke_event_set(&t->event);
        break;
    case QUEUE:
        CHECK_EQ(yoke_queue_push(t->queue, &(int){1}), 0);
        break;
    case PROCESS:
        CHECK_EQ(yoke_process_kill(&t->process), 0);
        break;
    case PIPE:
        CHECK_EQ(yoke_pipe_send(&t->there, "x", 1), 0);
        break;
    default:
        CHECK_EQ(write(t->ends[1], "x", 1), 1);
    }
}

static inline void close_things(struct things *t)
{
    yoke_event_set(t->leave);
    CHECK_EQ(yoke_thread_join(&t->thread, NULL), 0);
    free(t->leave);
    yoke_queue_free(&t->queue);
    yoke_process_close(&t->process);
    yoke_pipe_close(&t->here);
    yoke_pipe_close(&t->there);
    close(t->ends[0]);
    close(t->ends[1]);
}

/* Returns once that many threads of the process are inside a futex_waitv. */
static inline void asleep_on_words(int pid, int wanted)
{
    char path[64], name[400], line[256];
    int n;

    snprintf(path, sizeof path, "/proc/%d/task", pid);
    do {
        DIR *tasks = opendir(path);
        struct dirent *task;

        CHECK(tasks);
        n = 0;
        while ((task = readdir(tasks)) != NULL) {
            FILE *file;
            long call = -1;

            snprintf(name, sizeof name, "%s/%s/syscall", path, task->d_name);
            file = task->d_name[0] == '.' ? NULL : fopen(name, "re");
            if (file && fgets(line, sizeof line, file) && sscanf(line, "%ld", &call) == 1)
                n += call == SYS_futex_waitv;
            if (file)
                fclose(file);
        }
        closedir(tasks);
        sched_yield();
    } while (n < wanted);
}

static inline int count_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    int n = 0;

    CHECK(tasks);
    while ((task = readdir(tasks)) != NULL)
        n += task->d_name[0] != '.';
    closedir(tasks);
    return n;
}

/* A thread that waits. */
struct waiter {
    pthread_t thread;
    const yoke_waitable *on;
    size_t n;
    yoke_time deadline;
    bool interruptible;
    int tid; /* atomically */
    int rc;
};

static inline void *waiter_run(void *arg)
{
    struct waiter *waiter = arg;

    if (waiter->interruptible)
        yoke_thread_interruptible(1);
    __atomic_store_n(&waiter->tid, (int)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
    waiter->rc = yoke_wait_any(waiter->on, waiter->n, waiter->deadline);
    return NULL;
}

/* Returns once it sleeps in that system call. */
static inline void waiter_go(struct waiter *waiter, long call)
{
    waiter->tid = 0;
    CHECK_EQ(pthread_create(&waiter->thread, NULL, waiter_run, waiter), 0);
    while (__atomic_load_n(&waiter->tid, __ATOMIC_SEQ_CST) == 0)
        sched_yield();
    inside(getpid(), waiter->tid, call);
}

static inline void waiter_begin(struct waiter *waiter, const yoke_waitable *on, size_t n, long call)
{
    *waiter = (struct waiter){.on = on, .n = n, .deadline = YOKE_FOREVER};
    waiter_go(waiter, call);
}

static inline int waiter_end(struct waiter *waiter)
{
    CHECK_EQ(pthread_join(waiter->thread, NULL), 0);
    return waiter->rc;
}

#endif
