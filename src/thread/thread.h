/* thread.h -- what executors need of threads beyond <yoke/thread.h>. */
#ifndef YK_THREAD_H
#define YK_THREAD_H

#include <yoke/thread.h>

/* Starts a worker of a pool, as yoke_thread_start does; it is named "Worker-<number>". */
int yk_thread_start_worker(yoke_thread *thread, int (*run)(void *arg), void *arg, unsigned number);

#endif
