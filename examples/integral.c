/* integral.c -- one computation broken into parts: pi as the integral of 4 / (1 + x^2) from 0 to 1.
 * usage: integral [steps [workers]]     200,000,000 steps, a worker for each CPU by default
 *
 * The parts are the same for every kind of pool and are added in the same order, so the sums agree to the last bit. */
#include "example.h"

enum { PARTS = 256 };

/* The sum over steps first to last - 1, each `step` wide, of the area under the curve. */
static double area(double step, long first, long last)
{
    double sum = 0;

    for (long i = first; i < last; i++) {
        double x = ((double)i + 0.5) * step;

        sum += 4 / (1 + x * x);
    }
    return sum * step;
}
YOKE_STARTASK(area, double, double, long, long);

/* Integrates with one kind of pool; gives the integral, and the seconds it took without opening the pool. */
static double integrate(yoke_kind kind, int workers, long steps, double *seconds)
{
    struct area_args parts[PARTS];
    double areas[PARTS], sum = 0;
    yoke_pool *pool;

    for (long i = 0; i < PARTS; i++)
        parts[i] = (struct area_args){1 / (double)steps, steps * i / PARTS, steps * (i + 1) / PARTS};

    must("pool", yoke_pool_open(&pool, kind, .workers = workers));
    yoke_time start = yoke_now();
    if (must("starmap", yoke_pool_starmap(pool, area, parts, PARTS, areas)) != 0)
        exit(1);
    *seconds = seconds_since(start);
    yoke_pool_free(&pool);

    for (int i = 0; i < PARTS; i++)
        sum += areas[i];
    return sum;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"serial", "threads", "processes"};
    long steps = argc > 1 ? atol(argv[1]) : 200000000;
    int workers = argc > 2 ? atoi(argv[2]) : yoke_cpu_count();
    double pi[3], seconds[3];

    for (int i = 0; i < 3; i++) {
        pi[i] = integrate(kind_named(names[i]), i == 0 ? 1 : workers, steps, &seconds[i]);
        printf("%-10s %.15f  %7.3f s  speed-up %.2f\n", names[i], pi[i], seconds[i], seconds[0] / seconds[i]);
    }
    if (memcmp(&pi[0], &pi[1], sizeof pi[0]) != 0 || memcmp(&pi[0], &pi[2], sizeof pi[0]) != 0)
        return fprintf(stderr, "the sums differ\n"), 1;
    return 0;
}
