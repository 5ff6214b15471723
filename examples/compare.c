/* compare.c -- two naps in every way that Yoke has.  usage: compare [seconds]     2 by default, 20 in all */
#include "example.h"

struct nap {
    double seconds;
    yoke_lock *lock; /* NULL, or what to hold while sleeping */
};

static int nap(const struct nap *in)
{
    if (in->lock)
        yoke_lock_acquire(in->lock);
    yoke_sleep(in->seconds);
    if (in->lock)
        yoke_lock_release(in->lock);
    return 0;
}
YOKE_TASK_NORESULT(nap, struct nap);

static int nap_run(void *arg)
{
    return nap(arg);
}

static double by_threads(struct nap one)
{
    yoke_time start = yoke_now();
    yoke_thread t[2] = {{0}};

    for (int i = 0; i < 2; i++)
        must("start", yoke_thread_start(&t[i], nap_run, &one));
    for (int i = 0; i < 2; i++)
        must("join", yoke_thread_join(&t[i], NULL));
    return seconds_since(start);
}

static double by_processes(struct nap one)
{
    yoke_time start = yoke_now();
    yoke_process p[2] = {{0}};

    for (int i = 0; i < 2; i++)
        must("start", yoke_process_start(&p[i], nap_run, &one, sizeof one));
    for (int i = 0; i < 2; i++) {
        must("join", yoke_process_join(&p[i], NULL));
        yoke_process_close(&p[i]);
    }
    return seconds_since(start);
}

static double by_pool(yoke_kind kind, double seconds, int locked)
{
    yoke_time start = yoke_now();
    yoke_pool *pool;

    must("pool", yoke_pool_open(&pool, kind, .workers = kind == YOKE_SERIAL ? 1 : 2));
    yoke_lock *lock = must_have(yoke_pool_alloc(pool, sizeof *lock));
    yoke_lock_init(lock, YOKE_SHARED);
    struct nap one = {seconds, locked ? lock : NULL};
    must("map", yoke_pool_map(pool, nap, ((struct nap[]){one, one}), 2, NULL));
    yoke_pool_free(&pool);
    return seconds_since(start);
}

int main(int argc, char **argv)
{
    static const char line[] = "  %-54s %7.3f s\n";
    double s = argc > 1 ? atof(argv[1]) : 2;

    printf("Two naps of %g s, making the workers included:\n", s);
    printf(line, "a serial pool: one after the other", by_pool(YOKE_SERIAL, s, 0));
    printf(line, "two threads", by_threads((struct nap){s, NULL}));
    printf(line, "two threads that sleep inside a lock", by_threads((struct nap){s, &(yoke_lock){0}}));
    printf(line, "two processes", by_processes((struct nap){s, NULL}));
    printf(line, "a pool of two threads", by_pool(YOKE_THREADS, s, 0));
    printf(line, "a pool of two processes", by_pool(YOKE_PROCESSES, s, 0));
    printf(line, "a pool of two processes that sleep inside a lock", by_pool(YOKE_PROCESSES, s, 1));
    return 0;
}
