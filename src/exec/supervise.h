/* supervise.h -- what a supervisor does about a worker, as data: a pure function of what happened. */
#ifndef YK_SUPERVISE_H
#define YK_SUPERVISE_H

#include "base/base.h"

#define YK_SUP_PHASES(X)                                                                                               \
    X(OPENING) /* some worker has never been up */                                                                     \
    X(SERVING)                                                                                                         \
    X(ENDING) /* closed or terminated */

#define YK_SUP_EVENTS(X)                                                                                               \
    X(FORK_FAILED)                                                                                                     \
    X(DIED_EARLY) /* before it was up: its initializer, or what kills every process here */                            \
    X(DIED_IDLE)  /* up, and had started no item: once is somebody's kill, again and again a fault */                  \
    X(DIED)                                                                                                            \
    X(LEFT) /* in good order */

#define YK_SUP_ACTIONS(X)                                                                                              \
    X(FORK)  /* a replacement, after the delay */                                                                      \
    X(REST)  /* no replacement */                                                                                      \
    X(BREAK) /* the pool cannot work */

#define YK_SUP_NAME(prefix, name) prefix##name,
#define YK_SUP_PHASE(name) YK_SUP_NAME(YK_SUP_, name)
#define YK_SUP_EVENT(name) YK_SUP_NAME(YK_SUP_, name)
#define YK_SUP_ACTION(name) YK_SUP_NAME(YK_SUP_, name)
enum yk_sup_phase { YK_SUP_PHASES(YK_SUP_PHASE) YK_SUP_N_PHASES };
enum yk_sup_event { YK_SUP_EVENTS(YK_SUP_EVENT) YK_SUP_N_EVENTS };
enum yk_sup_action { YK_SUP_ACTIONS(YK_SUP_ACTION) YK_SUP_N_ACTIONS };

/* After so many failures in a row, with no worker up, the pool is broken; the delays until then add up to 0.6 s. */
enum { YK_SUP_LIMIT = 8 };

struct yk_sup_step {
    enum yk_sup_action action;
    unsigned delay_ms;
};

/* `failures`: lives of this worker in a row in which it started no item, this one included.  `anybody_up`: some other worker
 * works. */
struct yk_sup_step yk_supervise(enum yk_sup_phase phase, enum yk_sup_event event, unsigned failures, bool anybody_up);

#endif
