/* limit.h -- what the machine and the kernel allow: the least that each workload can be done with, by hand.
 *
 * Each is the `measure` of a row (bench.h) and says what its argument is. */
#ifndef LIMIT_H
#define LIMIT_H

/* P1: two processes take items from a shared counter and copy an integer each.  const long *: how many they take at once.
 * Gives items per second. */
int limit_map(const void *chunk, double *values);

/* P2: two processes wake each other by futexes.  const struct bench_place *.  Gives microseconds for a round trip. */
int limit_pingpong(const void *place, double *values);

/* T1: one thread writes a million (function, argument) pairs into two rings, in batches of 64; two threads call them.
 * Gives nanoseconds for each. */
int limit_submit(const void *unused, double *values);

/* L: a million messages of 64 bytes through a ring with one producer and one consumer.  const int *: 0 threads, 1 processes.  Gives
 * nanoseconds for each. */
int limit_ring(const void *in_processes, double *values);

/* P3: copies 64 MiB into shared memory, has another process look at it, and copies 64 MiB back.  Gives bytes per second, both
 * ways counted. */
int limit_copies(const void *unused, double *values);

/* P4: makes a thread and joins it.  Gives microseconds. */
int limit_thread(const void *unused, double *values);

/* P4: forks a child that leaves at once, and waits for it.  const int *: how many times, at most 100.  Gives microseconds. */
int limit_fork(const void *count, double *values);

#endif
