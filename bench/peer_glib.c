/* peer_glib.c -- GThreadPool and GAsyncQueue. */
#include <glib.h>

#include "bench.h"
#include "peers.h"

static void nothing(gpointer data, gpointer user_data)
{
    (void)data;
    (void)user_data;
}

int peer_glib_submit(const void *unused, double *values)
{
    GThreadPool *pool = g_thread_pool_new(nothing, NULL, 2, TRUE, NULL);
    double begin;
    char item;

    (void)unused;
    if (!pool)
        return -1;
    for (int i = 0; i < 100; i++) /* its threads are there, and warm */
        g_thread_pool_push(pool, &item, NULL);
    bench_rest(10000);
    begin = bench_now_ns();
    for (int i = 0; i < PEER_TASKS; i++)
        g_thread_pool_push(pool, &item, NULL);
    g_thread_pool_free(pool, FALSE, TRUE); /* waits for all that was pushed */
    values[0] = (bench_now_ns() - begin) / PEER_TASKS;
    return 0;
}

enum { MESSAGES = 1000000 };

static gpointer produce(gpointer queue)
{
    static char messages[1024][64];

    bench_pin(1);
    for (int i = 0; i < MESSAGES; i++)
        g_async_queue_push(queue, messages[i % 1024]);
    return NULL;
}

int peer_glib_queue(const void *unused, double *values)
{
    GAsyncQueue *queue = g_async_queue_new();
    GThread *producer;
    double begin = 0;

    (void)unused;
    if (bench_pin(0) != 0)
        return -1;
    producer = g_thread_new("producer", produce, queue);
    for (int i = 0; i < MESSAGES; i++) {
        g_async_queue_pop(queue);
        if (i == 0)
            begin = bench_now_ns();
    }
    values[0] = (bench_now_ns() - begin) / MESSAGES;
    g_thread_join(producer);
    g_async_queue_unref(queue);
    return bench_pin(-1);
}
