/* peers.h -- other libraries at the same work.  Each is the `measure` of a row (bench.h). */
#ifndef PEERS_H
#define PEERS_H

#ifdef __cplusplus
extern "C" {
#endif

enum { PEER_TASKS = 1000000 };

/* Python's own pools, in one Python that runs as long as the program (peer_python.c, peer_pool.py).  const char *: what to
 * measure, a name in peer_pool.py. */
int peer_python(const void *what, double *values);

/* T1: PEER_TASKS empty tasks, pushed one by one by one thread, to two workers, until all are done.  Give nanoseconds for
 * each. */
int peer_glib_submit(const void *unused, double *values);
/* L: a million pointers to messages of 64 bytes through a GAsyncQueue.  Gives nanoseconds for each. */
int peer_glib_queue(const void *unused, double *values);
int peer_uv_submit(const void *unused, double *values);
int peer_tbb_submit(const void *unused, double *values);

#ifdef __cplusplus
}
#endif
#endif
