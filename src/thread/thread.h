/* thread.h -- what executors need of threads beyond <yoke/thread.h>. */
#ifndef YK_THREAD_H
#define YK_THREAD_H

#include <yoke/thread.h>

#include "os/os.h"

/* Starts a worker of a pool, as yoke_thread_start does; it is named "Worker-<number>". */
int yk_thread_start_worker(yoke_thread *thread, int (*run)(void *arg), void *arg, unsigned number);

/* For a wait for several things: 1 if the thread has ended; else 0, with what to sleep on in *ret_wait.  Errors as of join. */
int yk_thread_ended(yoke_thread *thread, struct yk_wait *ret_wait);

#endif
