/* bench.c -- the rounds, the statistics and the table. */
#include "bench.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <yoke.h>

/* ---- for those who measure ---- */

double bench_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

void bench_rest(unsigned us)
{
    struct timespec rest = {us / 1000000, (long)(us % 1000000) * 1000};

    nanosleep(&rest, NULL);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

void bench_percentiles(double *samples, size_t n, double scale, double *values)
{
    qsort(samples, n, sizeof *samples, ascending);
    values[0] = samples[n / 2] * scale;
    values[1] = samples[n * 99 / 100] * scale;
}

int bench_pin(int number)
{
    static cpu_set_t all; /* as the program found it, before it first moved */
    cpu_set_t one;
    int left = number;

    if (CPU_COUNT(&all) == 0)
        sched_getaffinity(0, sizeof all, &all);
    if (number < 0)
        return sched_setaffinity(0, sizeof all, &all);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all) || left-- > 0)
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        return sched_setaffinity(0, sizeof one, &one);
    }
    return -1;
}

/* ---- measuring ---- */

static size_t count_rows(const struct bench_figure *figure)
{
    size_t n = 0;

    while (n < BENCH_ROWS && figure->rows[n].role != 0)
        n++;
    return n;
}

static void measure_row(struct bench_row *row, int round)
{
    double values[BENCH_PARTS] = {0};

    if (row->broken)
        return;
    if (row->measure(row->arg, values) != 0) {
        fprintf(stderr, "bench: %s could not be measured\n", row->name);
        row->broken = true;
        return;
    }
    for (int part = 0; part < BENCH_PARTS; part++)
        row->values[part][round] = values[part];
}

/* Hundredths of a second that all CPUs have worked since the machine started; negative if that cannot be told. */
static long busy_ticks(void)
{
    long user, nice, system;
    FILE *lines = fopen("/proc/stat", "r");
    int n = lines ? fscanf(lines, "cpu %ld %ld %ld", &user, &nice, &system) : 0;

    if (lines)
        fclose(lines);
    return n == 3 ? user + nice + system : -1;
}

/* A second at most: others that work disturb all rows alike, but a quiet machine gives narrower spreads. */
static void wait_for_quiet(void)
{
    enum { LOOK_US = 50000, LOOKS = 20, FEW_TICKS = 1 };
    long before = busy_ticks();

    for (int i = 0; i < LOOKS; i++) {
        long now;

        bench_rest(LOOK_US);
        now = busy_ticks();
        if (now - before <= FEW_TICKS)
            return;
        before = now;
    }
}

/* Each round begins with another row, so that none always follows the same one. */
static bool measure_all(struct bench_figure *figures, int rounds)
{
    bool whole = true;

    for (int round = 0; round < rounds; round++) {
        for (struct bench_figure *figure = figures; figure->title; figure++) {
            size_t n = count_rows(figure);

            wait_for_quiet();
            for (size_t i = 0; i < n && (round == 0 || !figure->once); i++)
                measure_row(&figure->rows[(i + (size_t)round) % n], round);
        }
    }
    for (struct bench_figure *figure = figures; figure->title; figure++)
        for (size_t i = 0; i < count_rows(figure); i++)
            whole = whole && !figure->rows[i].broken;
    return whole;
}

/* ---- statistics ---- */

struct spread {
    double min, median, max;
};

static struct spread spread_of(const double *values, int n)
{
    double sorted[BENCH_ROUNDS_MAX];

    memcpy(sorted, values, (size_t)n * sizeof *values);
    qsort(sorted, (size_t)n, sizeof *sorted, ascending);
    return (struct spread){sorted[0], n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2, sorted[n - 1]};
}

static const struct bench_row *best_of(const struct bench_figure *figure, enum bench_role role, int part, int rounds)
{
    const struct bench_row *best = NULL;
    double best_median = 0;

    for (size_t i = 0; i < count_rows(figure); i++) {
        const struct bench_row *row = &figure->rows[i];
        double median = spread_of(row->values[part], rounds).median;

        if (row->role != role || row->broken)
            continue;
        if (!best || (figure->is_rate ? median > best_median : median < best_median)) {
            best = row;
            best_median = median;
        }
    }
    return best;
}

/* The ratio of the medians, and the least and the greatest of those of single rounds. */
static struct spread ratio_of(const double *above, const double *below, int rounds)
{
    double ratios[BENCH_ROUNDS_MAX];
    struct spread spread;

    for (int round = 0; round < rounds; round++)
        ratios[round] = above[round] / below[round];
    spread = spread_of(ratios, rounds);
    spread.median = spread_of(above, rounds).median / spread_of(below, rounds).median;
    return spread;
}

/* ---- the table ---- */

/* Three or four digits; rates with a letter for thousands and so on. */
static const char *in_short(double value, bool is_rate, char *text, size_t size)
{
    static const char letters[] = " kMG";
    int power = 0, digits = 3;

    for (; is_rate && value >= 1000 && power < 3; power++)
        value /= 1000;
    for (double least = 1; value >= least && digits > 0; least *= 10)
        digits--;
    snprintf(text, size, "%.*f%.*s", digits, value, power > 0, &letters[power]);
    return text;
}

static void print_line(const char *name, const char *part, struct spread spread, bool is_rate, const char *remark)
{
    char a[32], b[32], c[32];

    printf("  %-46s %-4s %9s %9s %9s  %s\n", name, part, in_short(spread.min, is_rate, a, sizeof a),
           in_short(spread.median, is_rate, b, sizeof b), in_short(spread.max, is_rate, c, sizeof c), remark);
}

static void print_goal(const struct bench_figure *figure, const struct bench_goal *goal, int rounds)
{
    const struct bench_row *ours = &figure->rows[0], *theirs = best_of(figure, goal->against, goal->part, rounds);
    const char *part = figure->parts[goal->part] ? figure->parts[goal->part] : "";
    bool inverse = goal->relation == BENCH_TIMES_FASTER && !figure->is_rate;
    char name[128], remark[64] = "";

    if (goal->bound > 0)
        snprintf(remark, sizeof remark, "goal %s %.3g", goal->relation == BENCH_AT_MOST ? "<=" : ">=", goal->bound);
    if (!theirs || ours->broken)
        return;
    if (goal->against == BENCH_OURS) {
        print_line(ours->name, part, spread_of(ours->values[goal->part], rounds), figure->is_rate, remark);
        return;
    }
    snprintf(name, sizeof name, "ratio %s / %s", inverse ? theirs->name : "Yoke", inverse ? "Yoke" : theirs->name);
    print_line(name, part,
               ratio_of(inverse ? theirs->values[goal->part] : ours->values[goal->part],
                        inverse ? ours->values[goal->part] : theirs->values[goal->part], rounds),
               false, remark);
}

static void print_figure(const struct bench_figure *figure, int rounds)
{
    printf("\n%s; %s\n", figure->title, figure->unit);
    printf("  %-51s %9s %9s %9s\n", "", "min", "median", "max");
    for (size_t i = 0; i < count_rows(figure); i++) {
        const struct bench_row *row = &figure->rows[i];

        for (int part = 0; part < BENCH_PARTS && (part == 0 || figure->parts[part]) && !row->broken; part++)
            print_line(part == 0 ? row->name : "", figure->parts[part] ? figure->parts[part] : "",
                       spread_of(row->values[part], rounds), figure->is_rate, "");
    }
    for (int i = 0; i < BENCH_GOALS && figure->goals[i].relation != 0; i++)
        print_goal(figure, &figure->goals[i], rounds);
    if (figure->note)
        printf("  (%s)\n", figure->note);
}

static double load_now(void)
{
    double load = 0;

    return getloadavg(&load, 1) == 1 ? load : 0;
}

static void print_machine(const char *title, int rounds)
{
    struct utsname system;

    uname(&system);
    printf("== %s ==\n%d CPUs, %s %s %s, load %.2f at the start; %d rounds; Yoke %s, %s\n", title, yoke_cpu_count(),
           system.sysname, system.release, system.machine, load_now(), rounds, yoke_version(), __VERSION__);
    fflush(stdout);
}

static int parse_rounds(int argc, char **argv)
{
    long rounds;
    char *end;

    if (argc == 1)
        return BENCH_ROUNDS;
    if (argc != 3 || strcmp(argv[1], "--rounds") != 0)
        return -1;
    rounds = strtol(argv[2], &end, 10);
    return *end != '\0' || rounds < 1 || rounds > BENCH_ROUNDS_MAX ? -1 : (int)rounds;
}

int bench_main(const char *title, struct bench_figure *figures, int argc, char **argv)
{
    int rounds = parse_rounds(argc, argv);
    bool whole;

    if (rounds < 0) {
        fprintf(stderr, "usage: %s [--rounds 1..%d]\n", argv[0], BENCH_ROUNDS_MAX);
        return 2;
    }
    print_machine(title, rounds);
    whole = measure_all(figures, rounds);
    for (struct bench_figure *figure = figures; figure->title; figure++)
        print_figure(figure, figure->once ? 1 : rounds);
    printf("\nload %.2f at the end\n\n", load_now());
    return whole ? 0 : 1;
}
