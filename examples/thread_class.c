/* thread_class.c -- threads as a class: an object and its method, in both ways.
 * usage: thread_class [seconds]     2 by default */
#include "example.h"

/* One object for each thread: the thread is a part of it. */
struct sleeper {
    yoke_thread thread;
    double seconds;
    int number;
};

static int sleeper_run(void *self)
{
    const struct sleeper *sleeper = self;

    yoke_sleep(sleeper->seconds);
    printf("Sleeper %d done (slept for %gs)! Current thread: %s\n", sleeper->number, sleeper->seconds,
           yoke_thread_name(&sleeper->thread));
    return sleeper->number;
}

/* One object for several threads: its fields are what they share, and its lock guards them. */
struct dormitory {
    double seconds;
    yoke_lock lock;
    double slept; /* written with the lock held */
};

static int dormitory_sleep(void *self)
{
    struct dormitory *dormitory = self;

    yoke_sleep(dormitory->seconds);
    yoke_lock_acquire(&dormitory->lock);
    dormitory->slept += dormitory->seconds;
    yoke_lock_release(&dormitory->lock);
    return 0;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 2;
    yoke_time start = yoke_now();

    struct sleeper sleepers[] = {{.seconds = seconds, .number = 1}, {.seconds = seconds, .number = 2}};
    int code[2];

    for (int i = 0; i < 2; i++)
        must("start", yoke_thread_start(&sleepers[i].thread, sleeper_run, &sleepers[i]));
    for (int i = 0; i < 2; i++)
        must("join", yoke_thread_join(&sleepers[i].thread, &code[i]));
    printf("Two objects, two threads: they returned %d and %d\n", code[0], code[1]);
    printf("Time elapsed: %.2fs\n", seconds_since(start));

    start = yoke_now();
    struct dormitory dormitory = {.seconds = seconds};
    yoke_thread t1 = {0}, t2 = {0};

    must("start", yoke_thread_start(&t1, dormitory_sleep, &dormitory, .name = "upper bunk"));
    must("start", yoke_thread_start(&t2, dormitory_sleep, &dormitory, .name = "lower bunk"));
    must("join", yoke_thread_join(&t1, NULL));
    must("join", yoke_thread_join(&t2, NULL));
    printf("One object, two threads (%s, %s): slept for %gs in all\n", yoke_thread_name(&t1), yoke_thread_name(&t2),
           dormitory.slept);
    printf("Time elapsed: %.2fs\n", seconds_since(start));
    return 0;
}
