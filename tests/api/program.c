/* program.c -- a program of an ordinary user: every form of call that the headers show, in C.  Its output is compared. */
#include <stdio.h>
#include <yoke.h>

struct point {
    double x, y;
};

static int square(const int *in, long *out)
{
    *out = (long)*in * *in;
    return 0;
}
YOKE_TASK(square, int, long);

static int visit(const struct point *in)
{
    return in->x < 0 ? 7 : 0;
}
YOKE_TASK_NORESULT(visit, struct point);

static double area(double width, double height)
{
    return width * height;
}
YOKE_STARTASK(area, double, double, double);

static void nothing(int a, char b, short c, long d, float e, double f, unsigned g, const char *h)
{
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
}
YOKE_STARTASK_NORESULT(nothing, int, char, short, long, float, double, unsigned, const char *);

static int length(const char *in, int *out)
{
    for (*out = 0; in[*out]; ++*out)
        ;
    return 0;
}
YOKE_TASK(length, char, int);

static int add_one(void *arg)
{
    ++*(int *)arg;
    return *(int *)arg;
}

static int use_pool(yoke_kind kind)
{
    const int numbers[] = {1, 2, 3};
    long squares[3] = {0};
    double areas[2] = {0};
    int lengths[2] = {0};
    yoke_status statuses[2];
    const struct point points[] = {{1, 1}, {-1, 1}};
    const char *words[] = {"yoke", "ox"};
    char text[64];
    yoke_pool *pool;
    int rc = yoke_pool_open(&pool, kind, .workers = 2);
    ptrdiff_t bad;

    if (rc < 0)
        return fprintf(stderr, "no pool: %s\n", yoke_strerror(rc)), 1;
    bad = yoke_pool_map(pool, square, numbers, 3, squares);
    bad += yoke_pool_starmap(pool, area, ((struct area_args[]){{2, 10}, {3, 4}}), 2, areas, .chunk = 1);
    bad += yoke_pool_map_strings(pool, length, words, 2, lengths);
    bad += yoke_pool_map(pool, nothing, (struct nothing_args[]){{0}}, 1, NULL);
    bad += yoke_pool_apply(pool, square, &numbers[2], &squares[0]);
    bad += yoke_pool_map(pool, visit, points, 2, NULL, .statuses = statuses);
    printf("%td: %ld %ld %ld, %g %g, %d %d, %s\n", bad, squares[0], squares[1], squares[2], areas[0], areas[1],
           lengths[0], lengths[1], yoke_status_text(statuses[1], text, sizeof text));
    yoke_pool_free(&pool);
    return 0;
}

static int count(void *arg)
{
    yoke_pipe end = **(yoke_pipe **)arg;

    return yoke_pipe_send(&end, "y", 2) == 0;
}

static int share(void)
{
    yoke_shm *shm;
    yoke_pipe here = {0}, *there;
    yoke_process process = {0};
    char text[2] = "";
    double *numbers;

    if (yoke_shm_open(&shm, 1 << 20) < 0)
        return 1;
    there = yoke_shm_new(shm, yoke_pipe);
    numbers = yoke_shm_array(shm, double, 1000);
    if (!there || !numbers || yoke_pipe_open(&here, there) < 0 ||
        yoke_process_start(&process, count, &there, sizeof there, .pipes = &there, .n_pipes = 1) < 0 ||
        yoke_pipe_receive(&here, text, sizeof text, NULL) < 0)
        return 1;
    yoke_process_close(&process);
    yoke_pipe_close(&here);
    yoke_pipe_close(there);
    printf("%s %g\n", text, numbers[999]);
    return yoke_shm_dealloc(shm, numbers) || yoke_shm_free(&shm);
}

int main(void)
{
    int number = 41, code = 0;
    yoke_thread thread = {0};
    yoke_process process = {0};
    yoke_exit how = {YOKE_EXITED, 0};
    yoke_lock lock = {0};
    yoke_event event = {0};

    if (yoke_process_start(&process, add_one, &number, sizeof number, .name = "adder") < 0 ||
        yoke_process_join(&process, &how) < 0)
        return 1;
    yoke_process_close(&process);
    if (yoke_thread_start(&thread, add_one, &number, .name = "adder") < 0 || yoke_thread_join(&thread, &code) < 0)
        return 1;
    yoke_lock_acquire(&lock);
    yoke_event_set(&event);
    printf("%d %d %d %d %d\n", how.value, code, number, yoke_lock_locked(&lock), yoke_event_is_set(&event));
    yoke_lock_release(&lock);
    return share() || use_pool(YOKE_SERIAL) || use_pool(YOKE_THREADS) || use_pool(YOKE_PROCESSES);
}
