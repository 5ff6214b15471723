/* l_queue.c -- L: messages of 64 bytes through a queue, from one thread or process to another.
 *
 * The limit is a ring by hand for one producer and one consumer that live as long as they are asked to.  GAsyncQueue carries
 * pointers to messages that were allocated before, so it copies nothing. */
#include <string.h>
#include <yoke.h>

#include "bench.h"
#include "limit.h"
#include "peers.h"

enum { MESSAGES = 1000000, CAPACITY = 1024 };

struct message {
    uint64_t number;
    char rest[56];
};

static int produce(void *arg)
{
    yoke_queue *queue = *(yoke_queue **)arg;
    struct message message = {0};

    bench_pin(1);
    for (uint64_t i = 0; i < MESSAGES; i++) {
        message.number = i;
        if (yoke_queue_push(queue, &message) < 0)
            return 1;
    }
    return 0;
}

static int consume(yoke_queue *queue, double *values)
{
    struct message message;
    double begin = 0;

    for (uint64_t i = 0; i < MESSAGES; i++) {
        if (yoke_queue_pop(queue, &message) < 0 || message.number != i)
            return -1;
        if (i == 0)
            begin = bench_now_ns();
    }
    values[0] = (bench_now_ns() - begin) / MESSAGES;
    return 0;
}

static int ours_threads(const void *unused, double *values)
{
    yoke_thread producer = {0};
    yoke_queue *queue;
    int rc, code = -1;

    (void)unused;
    if (yoke_queue_open(&queue, NULL, sizeof(struct message), CAPACITY) < 0)
        return -1;
    rc = bench_pin(0);
    if (rc == 0)
        rc = yoke_thread_start(&producer, produce, &queue);
    if (rc == 0)
        rc = consume(queue, values);
    yoke_thread_join(&producer, &code);
    yoke_queue_free(&queue);
    return rc | code | bench_pin(-1);
}

static int ours_processes(const void *unused, double *values)
{
    yoke_process producer = {0};
    yoke_queue *queue = NULL;
    yoke_shm *shm;
    yoke_exit how = {YOKE_EXITED, -1};
    int rc;

    (void)unused;
    if (yoke_shm_open(&shm, 0) < 0)
        return -1;
    rc = yoke_queue_open(&queue, shm, sizeof(struct message), CAPACITY);
    if (rc == 0)
        rc = bench_pin(0);
    if (rc == 0)
        rc = yoke_process_start(&producer, produce, &queue, sizeof queue);
    if (rc == 0)
        rc = consume(queue, values);
    yoke_process_join(&producer, &how);
    yoke_process_close(&producer);
    yoke_queue_free(&queue);
    yoke_shm_free(&shm);
    return rc | how.value | bench_pin(-1);
}

static const int threads = 0, processes = 1;

static struct bench_figure figures[] = {
    {
        .title = "L  64-byte messages, two threads on two CPUs",
        .unit = "ns per message",
        .goals = {{BENCH_AT_MOST, BENCH_LIMIT, 2, 0}, {BENCH_TIMES_FASTER, BENCH_PEER, 5, 0}},
        .rows = {BENCH_ROW(BENCH_OURS, "Yoke queue", ours_threads, NULL),
#ifdef BENCH_GLIB
                 BENCH_ROW(BENCH_PEER, "GAsyncQueue", peer_glib_queue, NULL),
#endif
                 BENCH_ROW(BENCH_PEER, "Python queue.Queue", peer_python, "l_threads"),
                 BENCH_ROW(BENCH_LIMIT, "limit: ring by hand", limit_ring, &threads)},
    },
    {
        .title = "L  64-byte messages, two processes on two CPUs",
        .unit = "ns per message",
        .goals = {{BENCH_AT_MOST, BENCH_LIMIT, 2, 0}, {BENCH_TIMES_FASTER, BENCH_PEER, 0, 0}},
        .rows = {BENCH_ROW(BENCH_OURS, "Yoke queue in shared memory", ours_processes, NULL),
                 BENCH_ROW(BENCH_PEER, "Python multiprocessing.Queue", peer_python, "l_processes"),
                 BENCH_ROW(BENCH_LIMIT, "limit: ring by hand", limit_ring, &processes)},
    },
    {.title = NULL},
};

int main(int argc, char **argv)
{
    return bench_main("L: queues", figures, argc, argv);
}
