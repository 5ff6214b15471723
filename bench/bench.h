/* bench.h -- what every benchmark shares: rounds, statistics, the table.
 *
 * A figure is one workload; its rows are Yoke, its peers and what the machine allows by hand, each measured once in every
 * round, one after the other, so that whatever disturbs the machine disturbs all of them alike.  What counts is the ratio
 * of two rows, taken round by round; an absolute number means nothing on another day.  Nothing here passes or fails by
 * time: a program fails only if something could not be run. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BENCH_ROUNDS = 11, BENCH_ROUNDS_MAX = 101, BENCH_ROWS = 8, BENCH_GOALS = 4, BENCH_PARTS = 2 };

enum bench_role { BENCH_OURS = 1, BENCH_PEER, BENCH_LIMIT };

/* One contender.  The first row of a figure is ours. */
struct bench_row {
    enum bench_role role; /* 0: end of the rows */
    const char *name;
    int (*measure)(const void *arg, double *values); /* writes a value for each part; not 0: it could not be run */
    const void *arg;
    bool broken; /* a round failed: left out of the table */
    double values[BENCH_PARTS][BENCH_ROUNDS_MAX];
};

#define BENCH_ROW(role_, name_, measure_, arg_)                                                                        \
    {                                                                                                                  \
        .role = (role_), .name = (name_), .measure = (measure_), .arg = (arg_)                                         \
    }

enum bench_relation {
    BENCH_TIMES_FASTER = 1, /* at least `bound` times as fast as the best of the rows of that role */
    BENCH_AT_MOST,          /* our value / theirs <= bound */
    BENCH_AT_LEAST,         /* our value / theirs >= bound */
};

struct bench_goal {
    enum bench_relation relation; /* 0: end of the goals */
    enum bench_role against;      /* BENCH_OURS: `bound` is a value and not a ratio */
    double bound;                 /* 0: no goal, only the ratio */
    int part;
};

struct bench_figure {
    const char *title; /* NULL: end of the figures */
    const char *unit;
    bool is_rate; /* more is better */
    bool once;    /* measured in the first round only */
    const char *parts[BENCH_PARTS];
    const char *note; /* a line below the table, or NULL */
    struct bench_goal goals[BENCH_GOALS];
    struct bench_row rows[BENCH_ROWS];
};

/* Where a latency is measured: between which CPUs, after what rest. */
struct bench_place {
    int here; /* number among the CPUs that the program may use; -1: left to the kernel */
    int there;
    unsigned idle_us;
};

/* bench_main -- measures and prints all figures, as `--rounds N` among the arguments says.  Returns the exit status. */
int bench_main(const char *title, struct bench_figure *figures, int argc, char **argv);

double bench_now_ns(void);

/* bench_percentiles -- sorts the samples and writes the median and the 99th percentile, both times `scale`. */
void bench_percentiles(double *samples, size_t n, double scale, double *values);

/* bench_pin -- moves the calling thread to that CPU of those that the program may use; -1: to all of them.
 * Returns 0, or -1 if there are not that many. */
int bench_pin(int number);

void bench_rest(unsigned us);

#endif
