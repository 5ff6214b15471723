/* watch.h -- what a wait for several things needs of queues. */
#ifndef YK_WATCH_H
#define YK_WATCH_H

#include "ipc/queue.h"

/* True if a pop would not wait.  Else what to sleep on is in waits[0 .. *ret_n), beside the grave if the queue is shared. */
bool yk_queue_watch(yoke_queue *queue, struct yk_wait waits[2], unsigned *ret_n);
/* Whoever sleeps so calls this each time that it was woken: it may have been in the place of one that died. */
void yk_queue_stand_in(yoke_queue *queue);
/* And this at last, for the other watchers. */
void yk_queue_pass_on(yoke_queue *queue);

#endif
