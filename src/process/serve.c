/* serve.c -- the zygote: one thread, one loop, that forks on request and reaps what it forked.
 *
 * Invariants: the zygote calls no code of the program and blocks nowhere but in its poll (a request is one frame that
 * has arrived whole, its answers fit into empty sockets).  It lives as long as its host, which it watches by pidfd: a
 * socket's end says nothing while some other fork of the host holds a copy.  It leaves by _Exit, and the kernel then
 * kills its children, since it is their parent and has one thread only. A child is on the list from its fork until its
 * report was sent; its tag in the poll is its address. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/pipe.h"
#include "process/serve.h"

struct served {
    struct served *next;
    int pid;
    int pidfd;
    int report;
};

struct server {
    struct yk_poll poll;
    int socket;
    int host;
    int pid;
    struct served *children;
};

/* Tags that are no address. */
enum { TAG_SOCKET = 1, TAG_HOST = 2, EVENTS = 16 };

/* What the fork copied and the child must not keep: a copy of another child's report socket would hide the zygote's
 * death. */
static void close_servers(const struct server *server)
{
    yk_poll_close((struct yk_poll *)&server->poll);
    yk_close(server->socket);
    yk_close(server->host);
    for (const struct served *other = server->children; other; other = other->next) {
        yk_close(other->pidfd);
        yk_close(other->report);
    }
}

/* ---- starting one ---- */

/* What would fail in the child is found here, where it can still be told. */
static int check(const struct yk_frame *frame)
{
    const struct yk_request *request = &frame->request;
    unsigned n = yk_frame_parts(frame);

    if (!request->run && !request->any_code && !yk_is_code(request->user))
        return -YOKE_ENOTASK;
    for (unsigned i = n - request->n_given; i < n; i++)
        if (!yk_fd_possible((int)frame->parts[i].number))
            return -EMFILE;
    return 0;
}

/* Forks.  The host's end of the report socket and a pidfd are for the reply. */
static int fork_child(struct server *server, struct yk_frame *frame, struct served *child, int *ret_end)
{
    const struct yk_request *request = &frame->request;
    void *arg = NULL;
    int ends[2], pid;
    int rc;

    /* Memory for the argument comes from here, so that lack of it can still be told.  No page of it is touched. */
    if (request->arg_size > 0) {
        size_t size = yk_round_up(request->arg_size, YK_LINE);

        arg = size ? aligned_alloc(YK_LINE, size) : NULL;
        if (!arg)
            return -ENOMEM;
    }
    rc = yk_socket_pair(ends);
    if (rc < 0) {
        free(arg);
        return rc;
    }
    pid = yk_fork(YOKE_FORK, &child->pidfd);
    if (pid == 0) {
        yk_die_with_parent(server->pid);
        yk_close(ends[0]);
        close_servers(server);
        yk_begin(frame, arg, ends[1]);
    }
    free(arg);
    if (pid < 0) {
        yk_close(ends[0]);
        yk_close(ends[1]);
        return pid;
    }
    child->pid = pid;
    child->report = ends[1];
    *ret_end = ends[0];
    return 0;
}

static void close_child(struct served *child)
{
    yk_close(child->pidfd);
    yk_close(child->report);
    free(child);
}

/* For one that the host cannot be given. */
static void kill_child(const struct served *child)
{
    yoke_exit how;

    yk_pidfd_signal(child->pidfd, YK_SIGKILL);
    yk_pidfd_reap(child->pidfd, YOKE_FOREVER, &how);
}

/* It was reaped, and no event of it is left in the batch that is being served: that was its only one, or it is new. */
static void forget_child(struct server *server, struct served *child)
{
    struct served **link = &server->children;

    /* removed by hand: the host has copies of the pidfd, so that closing ours does not take it out of the poll */
    yk_poll_remove(&server->poll, child->pidfd);
    while (*link != child)
        link = &(*link)->next;
    *link = child->next;
    close_child(child);
}

/* The host's end of the report socket is the caller's. */
static int spawn(struct server *server, struct yk_frame *frame, struct served **ret_child, int *ret_end)
{
    struct served *child;
    int rc, end;

    rc = check(frame);
    if (rc < 0)
        return rc;
    child = malloc(sizeof *child);
    if (!child)
        return -ENOMEM;
    rc = fork_child(server, frame, child, &end);
    if (rc < 0) {
        free(child);
        return rc;
    }
    rc = yk_poll_add(&server->poll, child->pidfd, (uintptr_t)child);
    if (rc < 0) {
        kill_child(child);
        yk_close(end);
        close_child(child);
        return rc;
    }
    child->next = server->children;
    server->children = child;
    *ret_child = child;
    *ret_end = end;
    return 0;
}

/* ---- requests ---- */

static void serve_kill(const struct server *server, int pid)
{
    for (const struct served *child = server->children; child; child = child->next)
        if (child->pid == pid)
            yk_pidfd_signal(child->pidfd, YK_SIGKILL);
}

static void serve_last(const struct server *server)
{
    int keep[5] = {server->poll.fd, server->socket, server->host};
    unsigned n = 3;

    if (server->children) {
        yk_assert(!server->children->next);
        keep[n++] = server->children->pidfd;
        keep[n++] = server->children->report;
    }
    yk_close_all_but(keep, n);
}

/* All are reaped, so that none is left to whoever inherits orphans. */
static _Noreturn void serve_end(const struct server *server)
{
    const struct served *child;
    yoke_exit how;

    for (child = server->children; child; child = child->next)
        yk_pidfd_signal(child->pidfd, YK_SIGKILL);
    for (child = server->children; child; child = child->next)
        if (yk_pidfd_reap(child->pidfd, YOKE_FOREVER, &how) == 0)
            yk_send(child->report, &how, sizeof how, NULL, 0);
    _Exit(0);
}

/* A host that gets no answer would wait for ever: a zygote that cannot give one ends, which the host sees. */
static void answer(const struct server *server, int rc)
{
    struct yk_reply reply = {.rc = rc};

    if (yk_send(server->socket, &reply, sizeof reply, NULL, 0) < 0)
        serve_end(server);
}

/* That descriptors cannot be sent is no reason to end, which would kill the other children. */
static void serve_spawn(struct server *server, struct yk_frame *frame)
{
    struct served *child;
    int end, rc = yk_shm_sync(frame->parts + frame->request.n_lent, frame->request.n_shared);

    if (rc == 0)
        rc = spawn(server, frame, &child, &end);
    if (rc == 0) {
        struct yk_reply reply = {.pid = child->pid};

        rc = yk_send(server->socket, &reply, sizeof reply, (int[]){child->pidfd, end}, 2);
        yk_close(end);
        if (rc == 0)
            return;
        kill_child(child);
        forget_child(server, child);
    }
    answer(server, rc);
}

/* Takes a whole frame off the socket.  -EMFILE: the descriptors had no room, and are closed. */
static int receive_frame(const struct server *server, struct yk_frame *frame)
{
    int fds[YK_SPAWN_MOST], rc, rest;
    unsigned n_fds = YK_SPAWN_MOST, n, next = 0;

    rc = yk_receive(server->socket, &frame->request, sizeof frame->request, fds, &n_fds);
    if (rc < 0 && rc != -EMFILE)
        return rc;
    n = yk_frame_parts(frame);
    rest = yk_receive(server->socket, frame->parts, n * sizeof frame->parts[0], NULL, NULL);
    if (rc < 0 || rest < 0)
        return rest < 0 ? rest : rc;
    for (unsigned i = 0; i < n; i++)
        if (frame->parts[i].fd >= 0)
            frame->parts[i].fd = fds[next++];
    yk_assert(next == n_fds);
    return 0;
}

/* What was lent and given is the child's; shared memory keeps its own. */
static void close_parts(const struct yk_frame *frame)
{
    unsigned first_given = frame->request.n_lent + frame->request.n_shared;

    for (unsigned i = 0; i < yk_frame_parts(frame); i++)
        if (i < frame->request.n_lent || i >= first_given)
            yk_close(frame->parts[i].fd);
}

static void serve_request(struct server *server)
{
    struct yk_frame frame;
    int rc = receive_frame(server, &frame);

    if (rc == -EMFILE) {
        answer(server, rc);
        return;
    }
    if (rc < 0 || frame.request.kind == YK_REQUEST_END)
        serve_end(server);
    if (frame.request.kind == YK_REQUEST_KILL)
        serve_kill(server, frame.request.pid);
    else if (frame.request.kind == YK_REQUEST_LAST)
        serve_last(server);
    else
        serve_spawn(server, &frame);
    close_parts(&frame);
}

/* ---- ends ---- */

static void serve_exit(struct server *server, struct served *child)
{
    yoke_exit how;

    if (yk_pidfd_reap(child->pidfd, YOKE_NOW, &how) < 0)
        return;
    /* If this fails the host finds the socket closed without a report, and says that the process was killed. */
    (void)yk_send(child->report, &how, sizeof how, NULL, 0);
    forget_child(server, child);
}

static void serve_events(struct server *server)
{
    uint64_t tags[EVENTS];
    int n = yk_poll_wait(&server->poll, tags, EVENTS, YOKE_FOREVER);

    for (int i = 0; i < n; i++) {
        if (tags[i] == TAG_HOST)
            _Exit(0);
        if (tags[i] == TAG_SOCKET)
            serve_request(server);
        else
            serve_exit(server, (struct served *)(uintptr_t)tags[i]);
    }
}

void yk_serve(int socket, int host)
{
    struct server server = {.socket = socket, .host = host, .pid = yk_getpid()};
    int rc;

    yk_set_process_name("yoke:zygote");
    yk_child_prepare(true);
    yk_pipe_keep_only(NULL, 0); /* a pipe ends though its zygote is still there */
    rc = yk_poll_open(&server.poll);
    if (rc == 0)
        rc = yk_poll_add(&server.poll, socket, TAG_SOCKET);
    if (rc == 0)
        rc = yk_poll_add(&server.poll, host, TAG_HOST);
    answer(&server, rc);
    while (rc == 0)
        serve_events(&server);
    _Exit(0);
}
