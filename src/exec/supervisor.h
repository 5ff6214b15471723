/* supervisor.h -- the process that is the parent of a pool's workers. */
#ifndef YK_SUPERVISOR_H
#define YK_SUPERVISOR_H

#include "exec/board.h"

/* Keeps the workers of the board until the pool is closed or terminated, or cannot work; returns an exit code.  `control`: a
 * byte comes in when the mode or a timeout has changed.  `host`: pidfd of the host, whose death ends it all.  Owns both. */
int yk_supervisor_main(struct yk_board *board, int control, int host);

#endif
