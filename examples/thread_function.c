/* thread_function.c -- threads that run a function, and a lock.
 * usage: thread_function [seconds [inside]]     2 seconds by default; inside: sleep while holding the lock
 *
 * Two threads sleep at the same time, so both together take as long as one -- unless they sleep inside the lock: then
 * the second waits for the first, and nothing is gained. */
#include <unistd.h>

#include "example.h"

struct nap {
    double seconds;
    int number;
    int inside;
    yoke_lock *lock;
};

static int task_sleep(void *arg)
{
    const struct nap *nap = arg;

    yoke_lock_acquire(nap->lock);
    /* here goes the work on what the tasks share */
    if (nap->inside)
        yoke_sleep(nap->seconds);
    yoke_lock_release(nap->lock);
    if (!nap->inside)
        yoke_sleep(nap->seconds);

    printf("Task %d done (slept for %gs)! Main thread: %s, Current thread: %s, Process ID: %d\n", nap->number,
           nap->seconds, yoke_thread_name(yoke_thread_main()), yoke_thread_name(yoke_thread_current()), (int)getpid());
    return 0;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 2;
    int inside = argc > 2;
    yoke_time start = yoke_now();

    yoke_lock lock = {0};
    struct nap naps[] = {{seconds, 1, inside, &lock}, {seconds, 2, inside, &lock}};
    yoke_thread t1 = {0}, t2 = {0};

    must("start", yoke_thread_start(&t1, task_sleep, &naps[0]));
    must("start", yoke_thread_start(&t2, task_sleep, &naps[1]));
    must("join", yoke_thread_join(&t1, NULL));
    must("join", yoke_thread_join(&t2, NULL));

    printf("Time elapsed: %.2fs\n", seconds_since(start));
    return 0;
}
