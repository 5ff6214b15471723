/* pipe.h -- what the files of Pipe share; and what processes and waits need of it. */
#ifndef YK_PIPE_H
#define YK_PIPE_H

#include <yoke/lock.h>
#include <yoke/pipe.h>

#include "os/os.h"

/* ---- ends.c: the ends that this process has ---- */

/* Guards what this process knows of its ends, and what it keeps; held over forks. */
extern yoke_lock yk_pipe_lock;

/* In a child, which has one thread: closes all ends that this process has inherited but the n in fds, which are ends from now on,
 * wherever they came from. */
void yk_pipe_keep_only(const int *fds, unsigned n);

/* ---- kept.c: packets that were taken out of a socket and not yet received ---- */

enum { YK_PIPE_HERE_MAX = 32 << 10 };

/* What a packet begins with. */
struct yk_pipe_head {
    uint32_t magic;
    uint32_t n_fds; /* the message's own */
    uint64_t size;  /* of the message */
};

struct yk_pipe_packet {
    struct yk_pipe_packet *next; /* in a list; else NULL */
    int end;                     /* the descriptor that it came from */
    int fds[YK_PACKET_FDS];      /* -1: handed on */
    unsigned n_fds;
    size_t size; /* of head and bytes, as they came */
    struct yk_pipe_head head;
    char bytes[YK_PIPE_HERE_MAX];
};

/* Keeps it for the next receive on its end in this process. */
void yk_pipe_keep(struct yk_pipe_packet *packet);
/* The first that was kept for this end, if its message has at most `room` bytes (or only more, if it is to be larger): 0.
 * -EMSGSIZE: it has not, *ret_size tells what it has, and it stays.  -EAGAIN: none is kept. */
int yk_pipe_unkeep(int end, size_t room, bool larger, struct yk_pipe_packet **ret_packet, uint64_t *ret_size);
bool yk_pipe_has_kept(int end);
/* Under the lock: all that were kept for an end, in a list.  They are to be discarded outside: whoever has replaced malloc may hold
 * its locks over forks too. */
struct yk_pipe_packet *yk_pipe_unkeep_all(int end);
/* In the child of a fork, whose they are not. */
void yk_pipe_drop_all_kept(void);
/* Closes the descriptors that were not handed on, and frees it, and those that follow it.  NULL: nothing. */
void yk_pipe_discard(struct yk_pipe_packet *packets);

#endif
