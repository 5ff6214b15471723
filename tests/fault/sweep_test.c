/* sweep_test.c -- scarcity is a code: each call that can fail for lack of something fails once, and from then on,
 * and what was asked of the library ends with success or a negative code; nothing crashes, hangs or stays behind. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yoke.h>

#include "failnth.h"
#include "test.h"

/* ---- the means itself ---- */

static int leaky(void)
{
    void *volatile kept = malloc(16);

    free(kept);
    return kept ? 0 : -12;
}

TEST(sweep_counts_the_calls)
{
    /* the one malloc fails, once and sticky, and each way ends with a run in which nothing failed */
    CHECK_EQ(fault_sweep("malloc", leaky, FAULT_MEMORY), 4);
    CHECK_EQ(fault_sweep("malloc, other kinds", leaky, FAULT_PROCESS), 2);
}

/* ---- threads ---- */

static int seven(void *arg)
{
    (void)arg;
    return 7;
}

static int thread_scenario(void)
{
    yoke_thread thread = {0};
    int code = 0;
    int rc = yoke_thread_start(&thread, seven, NULL, .name = "swept", .stack_size = 256 * 1024);

    if (rc < 0)
        return yoke_thread_join(&thread, NULL) < 0 ? rc : 1; /* a start that failed leaves nothing to join */
    rc = yoke_thread_join(&thread, &code);
    return rc < 0 ? rc : code != 7;
}

TEST(sweep_thread)
{
    CHECK(fault_sweep("thread", thread_scenario, FAULT_ALL) > 2);
}

/* ---- timers ---- */

static void to_seven(void *arg)
{
    *(int *)arg = 7;
}

static int timer_scenario(void)
{
    yoke_timer timer = {0};
    int number = 0;
    int rc = yoke_timer_start(&timer, 0, to_seven, &number);

    if (rc < 0)
        return yoke_timer_cancel(&timer) == 0 && yoke_timer_join(&timer) == 0 && number == 0 ? rc : 1;
    rc = yoke_timer_join(&timer);
    return rc < 0 ? rc : number != 7;
}

TEST(sweep_timer)
{
    CHECK(fault_sweep("timer", timer_scenario, FAULT_ALL) > 2);
}

/* ---- processes ---- */

static int doubled(void *arg)
{
    return *(int *)arg * 2;
}

static int process_scenario(void)
{
    yoke_process process = {0};
    yoke_exit how = {YOKE_EXITED, -1};
    int number = 21;
    int rc = yoke_process_start(&process, doubled, &number, sizeof number);

    if (rc < 0)
        return rc;
    rc = yoke_process_join(&process, &how);
    yoke_process_close(&process);
    if (rc < 0)
        return rc;
    /* a helper that could not go on takes its process along, as any death of it does */
    return !((how.kind == YOKE_EXITED && how.value == 42) || how.kind == YOKE_SIGNALLED ||
             (how.kind == YOKE_EXITED && how.value != 0));
}

TEST(sweep_process)
{
    CHECK(fault_sweep("process", process_scenario, FAULT_ALL) > 2);
}

static int init_scenario(void)
{
    int rc = yoke_init();

    if (rc < 0)
        return rc;
    rc = process_scenario();
    yoke_done();
    return rc;
}

TEST(sweep_init)
{
    CHECK(fault_sweep("init", init_scenario, FAULT_ALL) > 2);
}

/* ---- pools ---- */

enum { N = 20 };

static int square(const int *in, long *out)
{
    *out = (long)*in * *in;
    return 0;
}
YOKE_TASK(square, int, long);

/* Every item that is said to be done is right; those that are not are said to be lost. */
static int check_results(ptrdiff_t bad, const long *out, const yoke_status *statuses)
{
    ptrdiff_t found = 0;

    if (bad < 0)
        return (int)bad;
    for (long i = 0; i < N; i++) {
        found += statuses[i].state != YOKE_DONE;
        if (statuses[i].state == YOKE_DONE && out[i] != i * i)
            return 1;
    }
    return found != bad ? 2 : bad > 0 ? -1 : 0;
}

static int pool_scenario(yoke_kind kind)
{
    static int in[N];
    static long out[N];
    static yoke_status statuses[N];
    yoke_pool *pool = NULL;
    int rc = yoke_pool_open(&pool, kind, .workers = 2);

    if (rc < 0)
        return pool ? 3 : rc; /* the output is untouched */
    for (int i = 0; i < N; i++)
        in[i] = i;

    int *shared = yoke_pool_alloc(pool, sizeof in);

    rc = check_results(yoke_pool_map(pool, square, in, N, out, .statuses = statuses), out, statuses);
    yoke_pool_dealloc(pool, shared);
    yoke_pool_free(&pool);
    return pool ? 4 : rc;
}

static int serial_scenario(void)
{
    return pool_scenario(YOKE_SERIAL);
}

static int threads_scenario(void)
{
    return pool_scenario(YOKE_THREADS);
}

static int processes_scenario(void)
{
    return pool_scenario(YOKE_PROCESSES);
}

TEST(sweep_serial_pool)
{
    CHECK(fault_sweep("serial pool", serial_scenario, FAULT_ALL) > 2);
}

TEST(sweep_thread_pool)
{
    CHECK(fault_sweep("thread pool", threads_scenario, FAULT_ALL) > 2);
}

TEST(sweep_process_pool)
{
    CHECK(fault_sweep("process pool", processes_scenario, FAULT_ALL) > 2);
}

/* ---- pipes ---- */

enum { LARGE = 100000 };

/* There and back: a small message, a large one, and one with a descriptor. */
static int talk(yoke_pipe *a, yoke_pipe *b)
{
    static unsigned char bytes[LARGE], got[LARGE];
    size_t size = 0, n = 1;
    int fd = -1, rc;

    for (int i = 0; i < LARGE; i++)
        bytes[i] = (unsigned char)(i * 7);
    rc = yoke_pipe_send(a, bytes, 10);
    if (rc == 0)
        rc = yoke_pipe_receive(b, got, LARGE, &size);
    if (rc < 0)
        return rc;
    if (size != 10 || memcmp(bytes, got, 10) != 0)
        return 1;
    rc = yoke_pipe_send_fds(b, bytes, LARGE, &(int){1}, 1);
    if (rc == 0)
        rc = yoke_pipe_receive_fds(a, got, LARGE, &size, &fd, &n);
    if (rc < 0)
        return rc;
    if (size != LARGE || memcmp(bytes, got, LARGE) != 0 || n != 1 || close(fd) != 0)
        return 2;
    return 0;
}

static int pipe_scenario(void)
{
    yoke_pipe a = {0}, b = {0};
    int rc = yoke_pipe_open(&a, &b);

    if (rc < 0)
        return a.fd || b.fd ? 3 : rc;
    rc = talk(&a, &b);
    yoke_pipe_close(&a);
    yoke_pipe_close(&b);
    return rc;
}

TEST(sweep_pipe)
{
    CHECK(fault_sweep("pipe", pipe_scenario, FAULT_ALL) > 20);
}

/* A message that could not be received is still there when there is room again. */
static int again_scenario(void)
{
    static unsigned char bytes[LARGE], got[LARGE];
    yoke_pipe a = {0}, b = {0};
    size_t size = 0;
    int rc = yoke_pipe_open(&a, &b);

    if (rc < 0)
        return rc;
    rc = yoke_pipe_send(&a, bytes, LARGE);
    if (rc == 0) {
        rc = yoke_pipe_receive(&b, got, LARGE, &size);
        if (rc == -ENOMEM || rc == -EMFILE || rc == -ENOBUFS) {
            fault_disarm();
            rc = yoke_pipe_receive(&b, got, LARGE, &size) == 0 && size == LARGE ? rc : 1;
        } else if (rc != 0 && rc != -EPROTO) {
            rc = 2;
        }
    }
    yoke_pipe_close(&a);
    yoke_pipe_close(&b);
    return rc;
}

TEST(sweep_pipe_again)
{
    CHECK(fault_sweep("pipe, again", again_scenario, FAULT_ALL) > 10);
}

/* ---- waits for several things ---- */

/* Words and a descriptor together, which takes a thread, if it is waited. */
static int wait_for_both(yoke_time deadline, bool set)
{
    yoke_event event = {0};
    yoke_waitable on[2];
    int ends[2], rc;

    if (pipe(ends) < 0)
        return 1;
    on[0] = yoke_on_event(&event);
    on[1] = yoke_on_fd(ends[0]);
    if (set)
        yoke_event_set(&event);
    rc = yoke_wait_any(on, 2, deadline);
    close(ends[0]);
    close(ends[1]);
    return rc;
}

static int wait_scenario(void)
{
    int rc = wait_for_both(yoke_after(0.001), false);

    return rc == -ETIMEDOUT ? 0 : rc;
}

TEST(sweep_wait)
{
    CHECK(fault_sweep("wait", wait_scenario, FAULT_ALL) > 4);
}

/* Nothing is made for who does not wait. */
static int look_scenario(void)
{
    if (wait_for_both(YOKE_FOREVER, true) != 0)
        return 1;
    return wait_for_both(YOKE_NOW, false) == -ETIMEDOUT ? 0 : 2;
}

TEST(sweep_look)
{
    CHECK_EQ(fault_sweep("look", look_scenario, FAULT_ALL), 2);
}
