/* pool_starmap.c -- a pool of workers that maps a function of several parameters over ten tasks.
 * usage: pool_starmap [seconds [workers [kind]]]     2 seconds, one CPU less than there are, processes by default
 *
 * The workers take the tasks first in, first out: with two of them, ten naps of 2 s take 10 s. */
#include <unistd.h>

#include "example.h"

static void task_sleep(double sleep_duration, int task_number)
{
    yoke_sleep(sleep_duration);
    printf("Task %d done (slept for %gs)! Process ID: %d\n", task_number, sleep_duration, (int)getpid());
}
YOKE_STARTASK_NORESULT(task_sleep, double, int);

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 2;
    int workers = argc > 2 ? atoi(argv[2]) : yoke_cpu_count() - 1; /* with one CPU 0, which stands for all */
    yoke_kind kind = argc > 3 ? kind_named(argv[3]) : YOKE_PROCESSES;
    yoke_time start = yoke_now();

    struct task_sleep_args tasks[10];
    for (int i = 0; i < 10; i++)
        tasks[i] = (struct task_sleep_args){seconds, 1};

    yoke_pool *pool;
    must("pool", yoke_pool_open(&pool, kind, .workers = workers));
    ptrdiff_t bad = must("starmap", yoke_pool_starmap(pool, task_sleep, tasks, 10, NULL));
    yoke_pool_free(&pool);

    printf("Time elapsed: %.2fs\n", seconds_since(start));
    return bad != 0;
}
