/* process.c -- processes that run a function: the verbs of threads, with the argument copied.
 * usage: process [seconds]     2 by default
 *
 * Each process has memory of its own: whatever happens there, even a crash, only its exit tells. */
#include <unistd.h>

#include "example.h"

struct nap {
    double seconds;
    int number;
};

static int task_sleep(void *arg)
{
    const struct nap *nap = arg;

    yoke_sleep(nap->seconds);
    printf("Task %d done (slept for %gs)! Process ID: %d\n", nap->number, nap->seconds, (int)getpid());
    return 0;
}

static int task_abort(void *arg)
{
    (void)arg;
    abort();
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 2;
    yoke_time start = yoke_now();

    struct nap naps[] = {{seconds, 1}, {seconds, 2}};
    yoke_process p[3] = {{0}};

    must("start", yoke_process_start(&p[0], task_sleep, &naps[0], sizeof naps[0]));
    must("start", yoke_process_start(&p[1], task_sleep, &naps[1], sizeof naps[1]));
    must("start", yoke_process_start(&p[2], task_abort, NULL, 0, .name = "unlucky"));
    for (int i = 0; i < 3; i++) {
        yoke_exit how;

        must("join", yoke_process_join(&p[i], &how));
        printf("%s: %s %d\n", yoke_process_name(&p[i]), how.kind == YOKE_EXITED ? "exit code" : "signal", how.value);
        yoke_process_close(&p[i]);
    }
    printf("Time elapsed: %.2fs\n", seconds_since(start));
    return 0;
}
