/* serve.h -- what a host and its zygote say to each other, and the zygote's side of it.  For zygote.c, serve.c and child.c
 * alone.
 *
 * A request is one frame, with all descriptors on it: lent ones, those of shared memory that the zygote does not have yet, and
 * given ones.  Its reply has the child's pidfd and report socket on it.  The argument's bytes do not pass through the zygote: the
 * host writes them into the report socket, where the child reads them.  So the zygote never waits for a host in the middle of
 * anything, and a large argument holds up no other start.  When the child has been reaped, the zygote sends a yoke_exit on the
 * report socket and closes it.  Whoever sees the end of a report socket without one knows that the zygote died, and its child
 * with it. */
#ifndef YK_SERVE_H
#define YK_SERVE_H

#include "ipc/shm.h"
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
    unsigned n_lent, n_shared, n_given;
};

/* A request as it is sent, with as many parts as it has: first what was lent, then shared memory, then what was given.  Of
 * descriptors that were lent or given only fd and number matter; number is the host's, and a given one has the same in the child.
 * Each side has its own fd there; -1 goes without. */
struct yk_frame {
    struct yk_request request;
    struct yk_shm_place parts[YK_SPAWN_MOST];
};

_Static_assert(offsetof(struct yk_frame, parts) == sizeof(struct yk_request), "the parts follow at once");

static inline unsigned yk_frame_parts(const struct yk_frame *frame)
{
    return frame->request.n_lent + frame->request.n_shared + frame->request.n_given;
}

/* To SPAWN; and one without descriptors when the zygote is ready for its first request. */
struct yk_reply {
    int rc;
    int pid;
};

/* The zygote's life, in the process that is to be it.  `host` is a pidfd of the host.  Both descriptors are its own
 * now. */
_Noreturn void yk_serve(int socket, int host);

/* The child's life: `report` and the fds of the frame are its own now; `arg` is room for the argument. */
_Noreturn void yk_begin(struct yk_frame *frame, void *arg, int report);

/* In the host: tells a zygote that has run its one process that no other will come.  It then holds nothing of the
 * program's, so that a pipe ends when the program and its process have closed it, though their zygote is still there.
 * */
void yk_zygote_last(const struct yk_zygote *zygote);

#endif
