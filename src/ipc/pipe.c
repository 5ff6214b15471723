/* pipe.c -- Pipe: messages as packets of a socket.
 *
 * A message is one packet: a head, and up to 32 KiB of its bytes.  What is left of a larger one lies in a sealed file of memory
 * (os/linux/parcel.c), which is the first descriptor of that packet.  So the kernel keeps messages whole, whoever is killed, and a
 * large one takes as much room in the socket as one of 32 KiB, which bounds the memory on its way.
 *
 * A receiver looks at the head before it takes the packet, so that one that it has no room for can stay.  Between the two
 * another receiver may take that packet, and this one then gets the next, which may be too large.  A packet cannot be
 * put back; it is kept in this process, and goes to its next receive on that end (ipc/kept.c).
 *
 * Nothing in a packet is believed: it is checked after it was taken.  One that says it is too large is checked before it stays, too,
 * or it would stay for ever. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/pipe.h"
#include "sync/wait.h"

#define MAGIC UINT32_C(0x594f4b31)

_Static_assert(offsetof(struct yk_pipe_packet, bytes) ==
                   offsetof(struct yk_pipe_packet, head) + sizeof(struct yk_pipe_head),
               "read in one piece");
_Static_assert(YK_PACKET_FDS == YOKE_PIPE_FDS_MAX + 1, "room for the file of a large message");

/* The end of the other side is one error here and another one outside. */
static int public_code(int rc)
{
    return rc == -EPIPE ? -YOKE_ECLOSED : rc;
}

/* ---- send ---- */

/* Again and again until there is room. */
static int send_packet(int end, const struct yk_pipe_head *head, const void *bytes, size_t here, const int *fds,
                       unsigned n_fds, yoke_time deadline)
{
    for (;;) {
        int rc = yk_packet_send(end, head, sizeof *head, bytes, here, fds, n_fds);

        if (rc != -EAGAIN)
            return public_code(rc);
        rc = yk_sleep_ready(&(struct yk_ready){.fd = end, .writes = true}, 1, deadline);
        if (rc < 0)
            return rc;
    }
}

int yoke_pipe_send_fds_until(yoke_pipe *pipe, const void *bytes, size_t size, const int *fds, size_t n_fds,
                             yoke_time deadline)
{
    size_t here = yk_min(size, (size_t)YK_PIPE_HERE_MAX);
    struct yk_pipe_head head = {.magic = MAGIC, .n_fds = (uint32_t)n_fds, .size = size};
    int all[YK_PACKET_FDS], parcel = -1, rc;
    unsigned n = 0;

    if (yoke_pipe_fd(pipe) < 0 || (!bytes && size > 0) || n_fds > YOKE_PIPE_FDS_MAX || (!fds && n_fds > 0))
        return -EINVAL;
    if (size > here) {
        parcel = yk_parcel_make((const char *)bytes + here, size - here);
        if (parcel < 0)
            return parcel;
        all[n++] = parcel;
    }
    for (size_t i = 0; i < n_fds; i++)
        all[n++] = fds[i];
    rc = send_packet(pipe->fd, &head, bytes, here, all, n, deadline);
    yk_close(parcel);
    return rc;
}

int yoke_pipe_send_fds(yoke_pipe *pipe, const void *bytes, size_t size, const int *fds, size_t n_fds)
{
    int rc;

    do
        rc = yoke_pipe_send_fds_until(pipe, bytes, size, fds, n_fds, YOKE_FOREVER);
    while (rc == -EINTR);
    return rc;
}

int yoke_pipe_send_until(yoke_pipe *pipe, const void *bytes, size_t size, yoke_time deadline)
{
    return yoke_pipe_send_fds_until(pipe, bytes, size, NULL, 0, deadline);
}

int yoke_pipe_send(yoke_pipe *pipe, const void *bytes, size_t size)
{
    return yoke_pipe_send_fds(pipe, bytes, size, NULL, 0);
}

/* ---- receive ---- */

/* Where a message is to go. */
struct delivery {
    void *buffer;
    size_t room;
    size_t *ret_size;
    int *fds;
    size_t *n_fds; /* NULL: none wanted */
};

static size_t bytes_here(size_t packet_size)
{
    return packet_size - sizeof(struct yk_pipe_head);
}

static bool is_well_formed(const struct yk_pipe_head *head, size_t packet_size)
{
    return packet_size >= sizeof *head && bytes_here(packet_size) <= YK_PIPE_HERE_MAX && head->magic == MAGIC &&
           head->n_fds <= YOKE_PIPE_FDS_MAX && head->size >= bytes_here(packet_size);
}

/* Whether what is not in the packet is in the file that came with it. */
static bool is_complete(const struct yk_pipe_head *head, size_t packet_size, int file)
{
    uint64_t rest = head->size - bytes_here(packet_size);

    return rest == 0 || yk_parcel_check(file, rest) == 0;
}

/* How many of the packet's descriptors this delivery takes. */
static unsigned n_fds_needed(const struct yk_pipe_head *head, size_t packet_size, const struct delivery *to)
{
    unsigned n = to->n_fds ? (unsigned)yk_min(*to->n_fds, (size_t)head->n_fds) : 0;

    return n + (head->size > bytes_here(packet_size));
}

static int too_large(uint64_t size, const struct delivery *to)
{
    if (to->ret_size)
        *to->ret_size = (size_t)size;
    return -EMSGSIZE;
}

/* Of one that says it is too large, and that its file has the rest: 0 if it lies. */
static int look_closer(int end, const struct delivery *to)
{
    struct yk_pipe_head head;
    size_t packet_size;
    int file = -1, rc = yk_fd_room(1);

    if (rc == 0)
        rc = yk_packet_peek(end, &head, sizeof head, &file, &packet_size);
    if (rc < 0)
        return rc;
    if (is_well_formed(&head, packet_size) && is_complete(&head, packet_size, file))
        /* another one by now, which may fit: from the start */
        rc = head.size > to->room ? too_large(head.size, to) : -EAGAIN;
    yk_close(file);
    return rc;
}

/* 0 if the next packet is to be taken out. */
static int look(int end, const struct delivery *to)
{
    struct yk_pipe_head head;
    size_t packet_size;
    unsigned n_fds;
    int rc = yk_packet_peek(end, &head, sizeof head, NULL, &packet_size);

    /* nonsense is taken out, too */
    if (rc < 0 || !is_well_formed(&head, packet_size))
        return rc;
    if (head.size > to->room)
        return head.size > bytes_here(packet_size) ? look_closer(end, to) : too_large(head.size, to);
    n_fds = n_fds_needed(&head, packet_size, to);
    return n_fds > 0 ? yk_fd_room(n_fds) : 0;
}

static int take(int end, const struct delivery *to, struct yk_pipe_packet **ret_packet)
{
    size_t wanted = to->n_fds ? yk_min(*to->n_fds, (size_t)YOKE_PIPE_FDS_MAX) : 0;
    struct yk_pipe_packet *packet = malloc(sizeof *packet);
    int rc;

    if (!packet)
        return -ENOMEM;
    packet->next = NULL;
    packet->end = end;
    packet->n_fds = 1 + (unsigned)wanted;
    rc = yk_packet_take(end, &packet->head, sizeof packet->head + sizeof packet->bytes, packet->fds, &packet->n_fds,
                        &packet->size);
    if (rc < 0)
        free(packet);
    else
        *ret_packet = packet;
    return rc;
}

/* The first that is kept, or the next; -EAGAIN if there is none. */
static int next_packet(int end, const struct delivery *to, struct yk_pipe_packet **ret_packet)
{
    uint64_t size;
    int rc = yk_pipe_unkeep(end, to->room, false, ret_packet, &size);

    if (rc == -EMSGSIZE)
        return too_large(size, to);
    if (rc != -EAGAIN)
        return rc;
    rc = look(end, to);
    return rc < 0 ? rc : take(end, to, ret_packet);
}

static bool is_sound(const struct yk_pipe_packet *packet)
{
    return is_well_formed(&packet->head, packet->size) &&
           is_complete(&packet->head, packet->size, packet->n_fds > 0 ? packet->fds[0] : -1);
}

/* For one that is sound and not too large. */
static int deliver(struct yk_pipe_packet *packet, const struct delivery *to)
{
    size_t here = bytes_here(packet->size), size = (size_t)packet->head.size;
    unsigned n = n_fds_needed(&packet->head, packet->size, to), first = size > here;
    int rc = 0;

    if (packet->n_fds < n)
        return -EPROTO;
    if (size > here)
        rc = yk_parcel_read(packet->fds[0], (char *)to->buffer + here, size - here);
    if (rc < 0)
        return rc;
    if (here > 0)
        memcpy(to->buffer, packet->bytes, here);
    for (unsigned i = first; i < n; i++) {
        to->fds[i - first] = packet->fds[i];
        packet->fds[i] = -1;
    }
    if (to->n_fds)
        *to->n_fds = n - first;
    if (to->ret_size)
        *to->ret_size = size;
    return 0;
}

/* Without waiting; -EAGAIN if there is nothing. */
static int receive_once(int end, const struct delivery *to)
{
    struct yk_pipe_packet *packet;
    int rc = next_packet(end, to, &packet);

    if (rc < 0)
        return rc;
    if (!is_sound(packet)) {
        rc = -EPROTO;
    } else if (packet->head.size > to->room) {
        rc = too_large(packet->head.size, to);
        yk_pipe_keep(packet);
        return rc;
    } else {
        rc = deliver(packet, to);
    }
    yk_pipe_discard(packet);
    return rc;
}

int yoke_pipe_receive_fds_until(yoke_pipe *pipe, void *buffer, size_t room, size_t *ret_size, int *fds, size_t *n_fds,
                                yoke_time deadline)
{
    struct delivery to = {.buffer = buffer, .room = room, .ret_size = ret_size, .fds = fds, .n_fds = n_fds};

    if (yoke_pipe_fd(pipe) < 0 || (!buffer && room > 0) || (n_fds && !fds && *n_fds > 0))
        return -EINVAL;
    for (;;) {
        int rc = receive_once(pipe->fd, &to);

        if (rc != -EAGAIN)
            return public_code(rc);
        rc = yk_sleep_ready(&(struct yk_ready){.fd = pipe->fd}, 1, deadline);
        if (rc < 0)
            return rc;
    }
}

int yoke_pipe_receive_fds(yoke_pipe *pipe, void *buffer, size_t room, size_t *ret_size, int *fds, size_t *n_fds)
{
    int rc;

    do
        rc = yoke_pipe_receive_fds_until(pipe, buffer, room, ret_size, fds, n_fds, YOKE_FOREVER);
    while (rc == -EINTR);
    return rc;
}

int yoke_pipe_receive_until(yoke_pipe *pipe, void *buffer, size_t room, size_t *ret_size, yoke_time deadline)
{
    return yoke_pipe_receive_fds_until(pipe, buffer, room, ret_size, NULL, NULL, deadline);
}

int yoke_pipe_receive(yoke_pipe *pipe, void *buffer, size_t room, size_t *ret_size)
{
    return yoke_pipe_receive_fds(pipe, buffer, room, ret_size, NULL, NULL);
}

/* ---- skip ---- */

int yoke_pipe_skip(yoke_pipe *pipe, size_t room)
{
    const struct delivery none = {.room = room};
    int end = yoke_pipe_fd(pipe), rc;
    struct yk_pipe_packet *packet;
    uint64_t size;

    if (end < 0)
        return -EINVAL;
    rc = yk_pipe_unkeep(end, room, true, &packet, &size);
    if (rc == -EAGAIN) {
        rc = look(end, &none);
        if (rc == 0)
            return -EAGAIN;
        if (rc == -EMSGSIZE)
            rc = take(end, &none, &packet);
    } else if (rc == -EMSGSIZE) {
        return -EAGAIN;
    }
    if (rc < 0)
        return public_code(rc);
    /* another one by now */
    if (is_sound(packet) && packet->head.size <= room) {
        yk_pipe_keep(packet);
        return -EAGAIN;
    }
    yk_pipe_discard(packet);
    return 0;
}
