/* peer_glib.c -- GThreadPool. */
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
