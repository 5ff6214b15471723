/* serve.h -- what a host and its zygote say to each other, and the zygote's side of it.  For zygote.c and serve.c
 * alone.
 *
 * A request is one small frame, with the lent descriptors on it; its reply has the child's pidfd and report socket on
 * it. The argument's bytes do not pass through the zygote: the host writes them into the report socket, where the child
 * reads them.  So the zygote never waits for a host in the middle of anything, and a large argument holds up no other
 * start.  When the child has been reaped, the zygote sends a yoke_exit on the report socket and closes it.  Whoever
 * sees the end of a report socket without one knows that the zygote died, and its child with it. */
#ifndef YK_SERVE_H
#define YK_SERVE_H

#include "process/zygote.h"

/* POSIX gives kill(1) these numbers. */
enum { YK_SIGKILL = 9, YK_SIGTERM = 15 };

enum yk_request_kind {
    YK_REQUEST_SPAWN,
    YK_REQUEST_KILL, /* these without a reply */
    YK_REQUEST_LAST, /* that child was the only one: lets go of the program's descriptors */
    YK_REQUEST_END
};

struct yk_request {
    enum yk_request_kind kind;
    int pid;       /* KILL */
    bool any_code; /* SPAWN, from here on: `user` need not lie in a module */
    int (*run)(void *arg, const int *fds, unsigned n_fds);
    int (*user)(void *arg);
    size_t arg_size;
    char name[32];
};

/* To SPAWN; and one without descriptors when the zygote is ready for its first request. */
struct yk_reply {
    int rc;
    int pid;
};

/* The zygote's life, in the process that is to be it.  `host` is a pidfd of the host.  Both descriptors are its own
 * now. */
_Noreturn void yk_serve(int socket, int host);

/* In the host: tells a zygote that has run its one process that no other will come.  It then holds nothing of the
 * program's, so that a pipe ends when the program and its process have closed it, though their zygote is still there.
 * */
void yk_zygote_last(const struct yk_zygote *zygote);

#endif
