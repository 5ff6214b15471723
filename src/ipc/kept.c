/* kept.c -- packets that a receiver has taken and has no room for, until the next receive (ipc/pipe.c says how that comes).
 *
 * They belong to the process: a child of fork drops its copies.  The list is under yk_pipe_lock, in the order in which the packets
 * came; `n_kept` spares all those the lock who keep nothing. */
#include <errno.h>
#include <stdlib.h>

#include "ipc/pipe.h"

static struct yk_pipe_packet *kept;
static yk_a32 n_kept; /* written under the lock */

/* The link to the first of this end; to NULL, if there is none. */
static struct yk_pipe_packet **find(int end)
{
    struct yk_pipe_packet **link = &kept;

    while (*link && (*link)->end != end)
        link = &(*link)->next;
    return link;
}

static struct yk_pipe_packet *take_out(struct yk_pipe_packet **link)
{
    struct yk_pipe_packet *packet = *link;

    *link = packet->next;
    packet->next = NULL;
    yk_sub_rlx(&n_kept, 1U);
    return packet;
}

/* Relaxed: who knows of one, from whoever has kept it, sees it; others may come too early. */
static bool none_kept(void)
{
    return yk_load_rlx(&n_kept) == 0;
}

void yk_pipe_keep(struct yk_pipe_packet *packet)
{
    struct yk_pipe_packet **link = &kept;

    yoke_lock_acquire(&yk_pipe_lock);
    while (*link)
        link = &(*link)->next;
    *link = packet;
    yk_add_rlx(&n_kept, 1);
    yoke_lock_release(&yk_pipe_lock);
}

int yk_pipe_unkeep(int end, size_t room, bool larger, struct yk_pipe_packet **ret_packet, uint64_t *ret_size)
{
    struct yk_pipe_packet **link;
    int rc = -EAGAIN;

    if (none_kept())
        return -EAGAIN;
    yoke_lock_acquire(&yk_pipe_lock);
    link = find(end);
    if (*link && ((*link)->head.size > room) != larger) {
        *ret_size = (*link)->head.size;
        rc = -EMSGSIZE;
    } else if (*link) {
        *ret_packet = take_out(link);
        rc = 0;
    }
    yoke_lock_release(&yk_pipe_lock);
    return rc;
}

bool yk_pipe_has_kept(int end)
{
    bool has;

    if (none_kept())
        return false;
    yoke_lock_acquire(&yk_pipe_lock);
    has = *find(end) != NULL;
    yoke_lock_release(&yk_pipe_lock);
    return has;
}

struct yk_pipe_packet *yk_pipe_unkeep_all(int end)
{
    struct yk_pipe_packet *all = NULL, **last = &all, **link;

    while (*(link = find(end))) {
        *last = take_out(link);
        last = &(*last)->next;
    }
    return all;
}

void yk_pipe_drop_all_kept(void)
{
    while (kept)
        yk_pipe_discard(take_out(&kept));
}

void yk_pipe_discard(struct yk_pipe_packet *packets)
{
    while (packets) {
        struct yk_pipe_packet *packet = packets;

        packets = packet->next;
        for (unsigned i = 0; i < packet->n_fds; i++)
            yk_close(packet->fds[i]);
        free(packet);
    }
}
