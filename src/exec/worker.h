/* worker.h -- what a worker process does. */
#ifndef YK_WORKER_H
#define YK_WORKER_H

#include "exec/board.h"

/* Runs the initializer, says that it is up, and works until the pool is closed.  Returns the exit code of the process. */
int yk_worker_main(struct yk_board *board, unsigned w);

#endif
