/* child.c -- what a process does from its fork to the code that it is for.
 *
 * The zygote's memory and descriptors are as they were when it was made, so a number that was given may be taken here: by what the
 * program had open then, which is replaced, or by a descriptor of our own, which is moved first. */
#include <stdlib.h>

#include "ipc/pipe.h"
#include "process/serve.h"

/* Under another number.  The old one is free then, so that this takes one place at a time: those of the zygote, which were
 * closed, are more. */
static bool move(int *fd)
{
    int copy = yk_fd_copy(*fd);

    if (copy < 0)
        return false;
    yk_close(*fd);
    *fd = copy;
    return true;
}

/* Moves what of ours lies at the number; of the n descriptors some are -1. */
static bool make_way(int number, struct yk_shm_place *parts, unsigned n, int *report)
{
    if (*report == number)
        return move(report);
    for (unsigned i = 0; i < n; i++)
        if (parts[i].fd == number)
            return move(&parts[i].fd);
    return yk_shm_make_way(number) == 0;
}

/* Those that are placed already have no fd any more, so that they stay where they are.  Writes their numbers. */
static bool place_given(struct yk_frame *frame, int *report, int *numbers)
{
    unsigned n = yk_frame_parts(frame);

    for (unsigned i = n - frame->request.n_given; i < n; i++) {
        struct yk_shm_place *part = &frame->parts[i];
        int number = *numbers++ = (int)part->number;

        if (part->fd != number) {
            if (!make_way(number, frame->parts, n, report) || yk_fd_copy_to(part->fd, number) < 0)
                return false;
            yk_close(part->fd);
        }
        part->fd = -1;
    }
    return true;
}

static int run(const struct yk_frame *frame, void *arg)
{
    const struct yk_request *request = &frame->request;
    int fds[YK_SPAWN_LENT];

    for (unsigned i = 0; i < request->n_lent; i++)
        fds[i] = frame->parts[i].fd;
    return request->run ? request->run(arg, fds, request->n_lent) : request->user(arg);
}

/* The descriptors of shared memory are with the shared memory. */
static void forget_shared(struct yk_frame *frame)
{
    for (unsigned i = 0; i < frame->request.n_shared; i++)
        frame->parts[frame->request.n_lent + i].fd = -1;
}

void yk_begin(struct yk_frame *frame, void *arg, int report)
{
    const struct yk_request *request = &frame->request;
    int code = EXIT_FAILURE, given[YK_SPAWN_MOST];

    yk_set_process_name(request->name);
    yk_child_prepare(true);
    forget_shared(frame);
    if (place_given(frame, &report, given) &&
        (request->arg_size == 0 || yk_receive(report, arg, request->arg_size, NULL, NULL) == 0)) {
        yk_close(report);
        yk_pipe_keep_only(given, request->n_given);
        code = run(frame, arg);
    }
    yk_child_exit(code & 0xff);
}
