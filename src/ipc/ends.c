/* ends.c -- which descriptors of this process are ends of pipes.
 *
 * A process that was forked has copies of all ends, and a pipe would not come to its end while such a copy is open; so a child
 * closes those that it was not given (yk_pipe_keep_only).  And a copy of the struct may have outlived its end, or have come to a
 * process that was not given it: then its number is somebody else's, and nothing is done to it.
 *
 * Invariant: `ends` has a bit for each end, from birth to close.  The lock is held in between, and over each fork that may come in
 * between; so a child finds a bit for each end that it has inherited, and for nothing else. */
#include <errno.h>

#include "ipc/pipe.h"

enum { ENDS_MAX = 1 << 20 };

yoke_lock yk_pipe_lock;

/* Written under the lock, or in a child with one thread. */
static struct {
    yk_a64 ends[ENDS_MAX / 64]; /* read by anybody */
    unsigned n_words;           /* beyond these words of `ends`, all are 0; under the lock */
} registry;

static void before_fork(void)
{
    yoke_lock_acquire(&yk_pipe_lock);
}

static void after_fork(void)
{
    yoke_lock_release(&yk_pipe_lock);
}

/* In the child: the lock is held for it, or by nobody. */
static void forked(void)
{
    yk_pipe_lock = (yoke_lock){0};
    yk_pipe_drop_all_kept();
}

__attribute__((constructor)) static void watch_forks(void)
{
    /* without memory for that, a child that is forked in the middle of an open or a close may have an end too many */
    if (yk_at_fork(forked) == 0)
        (void)yk_before_fork(before_fork, after_fork);
}

/* Relaxed, and so are the changes: whoever got the struct from its opener sees what the opener did. */
static bool is_end(int fd)
{
    return fd > 0 && fd < ENDS_MAX && (yk_load_rlx(&registry.ends[fd / 64]) >> fd % 64 & 1) != 0;
}

static void enter(int fd)
{
    unsigned word = (unsigned)fd / 64;

    yk_or_rlx(&registry.ends[word], UINT64_C(1) << fd % 64);
    registry.n_words = yk_max(registry.n_words, word + 1);
}

static void leave(int fd)
{
    yk_and_rlx(&registry.ends[fd / 64], ~(UINT64_C(1) << fd % 64));
}

void yk_pipe_keep_only(const int *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        leave(fds[i]);
    for (unsigned word = 0; word < registry.n_words; word++) {
        for (uint64_t left = yk_load_rlx(&registry.ends[word]); left != 0; left &= left - 1)
            yk_close((int)word * 64 + __builtin_ctzll(left));
        yk_store_rlx(&registry.ends[word], 0);
    }
    registry.n_words = 0;
    for (unsigned i = 0; i < n; i++)
        enter(fds[i]);
}

/* Under the lock. */
static int make_ends(int fds[2])
{
    int rc = yk_packet_pair(fds);

    if (rc < 0)
        return rc;
    if (yk_max(fds[0], fds[1]) >= ENDS_MAX) {
        yk_close(fds[0]);
        yk_close(fds[1]);
        return -EMFILE;
    }
    enter(fds[0]);
    enter(fds[1]);
    return 0;
}

int yoke_pipe_open(yoke_pipe *a, yoke_pipe *b)
{
    int fds[2], rc;

    if (!a || !b || a == b)
        return -EINVAL;
    if (a->fd != 0 || b->fd != 0)
        return -EBUSY;
    yoke_lock_acquire(&yk_pipe_lock);
    rc = make_ends(fds);
    yoke_lock_release(&yk_pipe_lock);
    if (rc < 0)
        return rc;
    a->fd = fds[0];
    b->fd = fds[1];
    return 0;
}

int yoke_pipe_attach(yoke_pipe *pipe, int fd)
{
    int rc;

    if (!pipe || fd == 0 || fd >= ENDS_MAX)
        return -EINVAL;
    if (pipe->fd != 0)
        return -EBUSY;
    yoke_lock_acquire(&yk_pipe_lock);
    rc = yk_packet_adopt(fd);
    if (rc == 0)
        enter(fd);
    yoke_lock_release(&yk_pipe_lock);
    if (rc == 0)
        pipe->fd = fd;
    return rc;
}

void yoke_pipe_close(yoke_pipe *pipe)
{
    struct yk_pipe_packet *kept = NULL;

    if (!pipe)
        return;
    yoke_lock_acquire(&yk_pipe_lock);
    if (is_end(pipe->fd)) {
        leave(pipe->fd);
        yk_close(pipe->fd);
        kept = yk_pipe_unkeep_all(pipe->fd);
    }
    yoke_lock_release(&yk_pipe_lock);
    yk_pipe_discard(kept);
    pipe->fd = 0;
}

int yoke_pipe_fd(const yoke_pipe *pipe)
{
    return pipe && is_end(pipe->fd) ? pipe->fd : -EINVAL;
}
