/* zygote.c -- the host's side of a zygote: making it, asking it for processes, and the rule about threads.
 *
 * Invariants: one request and its reply at a time (request_lock).  A zygote made by yoke_init belongs to the process
 * that made it: `root.pid` says which, and a fork of it has none.  Requests carry pointers, which mean the same on both
 * sides because the zygote is a copy of the host. */
#include <errno.h>
#include <string.h>
#include <yoke/lock.h>

#include "base/task.h"
#include "process/serve.h"

/* Written by yoke_init and yoke_done, which run alone, and in the child of a fork. */
static struct {
    struct yk_zygote zygote;
    int pid; /* of the process whose it is; 0: none */
} root;

static yoke_lock request_lock;

/* ---- the rule about threads ---- */

/* In the high half the process, in the low half how many threads of Yoke's own it has: a fork has none of them.
 * Written by yk_own_threads_add, read by yk_may_fork. */
static yk_a64 own_threads;
static _Thread_local bool own_thread_here;

static int own_threads_of(uint64_t word)
{
    return word >> 32 == (uint64_t)yk_getpid() ? (int)(uint32_t)word : 0;
}

void yk_own_threads_add(int n)
{
    uint64_t old = yk_load_rlx(&own_threads), mine = (uint64_t)yk_getpid() << 32;

    /* relaxed: a count; that a thread has gone is seen in the kernel's own count */
    while (!yk_cas_aar(&own_threads, &old, mine | (uint32_t)(own_threads_of(old) + n)))
        ;
}

void yk_own_thread_here(void)
{
    own_thread_here = true;
}

/* Threads that may hold locks while the caller forks; one that cannot be ruled out counts. */
static int foreign_threads(void)
{
    int n = yk_thread_count();

    if (n == 0)
        return 1;
    return n - 1 - (own_thread_here ? 0 : own_threads_of(yk_load_rlx(&own_threads)));
}

int yk_may_fork(yoke_start start)
{
    yoke_time patience;

    if (start == YOKE_EXEC)
        return -ENOTSUP;
    if (start != YOKE_START_DEFAULT && start != YOKE_FORK)
        return -EINVAL;
    if (start == YOKE_FORK || yk_zygote_root())
        return 0;
    /* the kernel counts a thread for a moment after it was joined */
    patience = yoke_now() + 20 * 1000 * 1000;
    while (foreign_threads() > 0) {
        if (yoke_now() >= patience)
            return -YOKE_ETHREADED;
        yk_yield();
    }
    return 0;
}

/* ---- making and ending one ---- */

struct yk_zygote *yk_zygote_root(void)
{
    return root.pid != 0 && root.pid == yk_getpid() ? &root.zygote : NULL;
}

/* In the child of every fork, the zygotes and their children among them: no zygote, no threads of Yoke's, no lock held.
 * */
static void forget(void)
{
    if (root.pid != 0) {
        yk_close(root.zygote.socket);
        yk_close(root.zygote.pidfd);
    }
    root.pid = 0;
    yk_store_rlx(&own_threads, 0);
    own_thread_here = false;
    /* another thread may have held it when this process was forked */
    yoke_lock_init(&request_lock, YOKE_PRIVATE);
}

static int forget_in_forks(void)
{
    static yk_a32 registered;
    int rc;

    if (yk_swap_acq(&registered, 1))
        return 0;
    rc = yk_at_fork(forget);
    if (rc < 0)
        yk_store_rlx(&registered, 0);
    return rc;
}

/* In the host: 0 when the zygote says that it is ready.  One that could not begin has ended. */
static int await_ready(const struct yk_zygote *zygote)
{
    struct yk_reply ready;

    if (yk_receive(zygote->socket, &ready, sizeof ready, NULL, NULL) < 0)
        return -EAGAIN;
    return ready.rc;
}

static int fork_zygote(yoke_start start, int ends[2], int host, struct yk_zygote *zygote)
{
    int pid;

    zygote->shared = yk_shm_newest();
    pid = yk_fork(start, &zygote->pidfd);
    if (pid == 0) {
        yk_close(ends[0]);
        yk_serve(ends[1], host);
    }
    yk_close(ends[1]);
    yk_close(host);
    if (pid < 0) {
        yk_close(ends[0]);
        return pid;
    }
    zygote->socket = ends[0];
    return 0;
}

int yk_zygote_open(yoke_start start, struct yk_zygote *ret_zygote)
{
    struct yk_zygote zygote = {.n_tasks = yk_task_count()};
    int ends[2], host;
    int rc = forget_in_forks();

    if (rc < 0)
        return rc;
    /* the host's own pidfd, opened by itself and inherited: no number that could come to mean another process */
    host = yk_pidfd_open(yk_getpid());
    if (host < 0)
        return host;
    rc = yk_socket_pair(ends);
    if (rc < 0) {
        yk_close(host);
        return rc;
    }
    rc = fork_zygote(start, ends, host, &zygote);
    if (rc < 0)
        return rc;
    rc = await_ready(&zygote);
    if (rc < 0) {
        yk_zygote_close(&zygote);
        return rc;
    }
    *ret_zygote = zygote;
    return 0;
}

void yk_zygote_close(struct yk_zygote *zygote)
{
    struct yk_request end = {.kind = YK_REQUEST_END};
    yoke_exit how;

    /* that cannot be asked is killed; an error of the rest means that it has ended already */
    if (yk_send(zygote->socket, &end, sizeof end, NULL, 0) < 0)
        yk_pidfd_signal(zygote->pidfd, YK_SIGKILL);
    yk_pidfd_reap(zygote->pidfd, YOKE_FOREVER, &how);
    yk_close(zygote->socket);
    yk_close(zygote->pidfd);
    zygote->socket = -1;
    zygote->pidfd = -1;
}

int yoke_init(void)
{
    int rc;

    if (yk_zygote_root())
        return 0;
    rc = yk_may_fork(YOKE_START_DEFAULT);
    if (rc < 0)
        return rc;
    rc = yk_zygote_open(YOKE_START_DEFAULT, &root.zygote);
    if (rc == 0)
        root.pid = yk_getpid();
    return rc;
}

void yoke_done(void)
{
    if (!yk_zygote_root())
        return;
    yk_zygote_close(&root.zygote);
    root.pid = 0;
}

/* ---- asking it ---- */

/* What goes with it.  Descriptors of shared memory are the caller's to close. */
static int add_parts(struct yk_frame *frame, const struct yk_zygote *zygote, const struct yk_spawn *spawn)
{
    struct yk_shm_place *part = frame->parts;
    int n_shared;

    if (spawn->n_given > YK_SPAWN_MOST - spawn->n_fds)
        return -E2BIG;
    for (unsigned i = 0; i < spawn->n_fds; i++)
        *part++ = (struct yk_shm_place){.fd = spawn->fds[i]};
    n_shared = yk_shm_list(zygote->shared, part, YK_SPAWN_MOST - spawn->n_fds - spawn->n_given);
    if (n_shared < 0)
        return n_shared;
    part += n_shared;
    for (unsigned i = 0; i < spawn->n_given; i++)
        *part++ = (struct yk_shm_place){.fd = spawn->given[i], .number = (uint64_t)spawn->given[i]};
    frame->request.n_lent = spawn->n_fds;
    frame->request.n_shared = (unsigned)n_shared;
    frame->request.n_given = spawn->n_given;
    return 0;
}

static int send_frame(const struct yk_zygote *zygote, const struct yk_frame *frame)
{
    int fds[YK_SPAWN_MOST];
    unsigned n = yk_frame_parts(frame), n_fds = 0;

    for (unsigned i = 0; i < n; i++)
        if (frame->parts[i].fd >= 0)
            fds[n_fds++] = frame->parts[i].fd;
    return yk_send(zygote->socket, frame, offsetof(struct yk_frame, parts) + n * sizeof frame->parts[0], fds, n_fds);
}

static int ask(const struct yk_zygote *zygote, const struct yk_frame *frame, struct yk_reply *reply, int fds[2])
{
    unsigned n_fds = 2;
    int rc = send_frame(zygote, frame);

    if (rc < 0)
        return rc;
    rc = yk_receive(zygote->socket, reply, sizeof *reply, fds, &n_fds);
    if (rc == -EMFILE) {
        /* It runs, and this process has no room to hold it.  The number is still its own: no other request came
         * between. */
        struct yk_request undo = {.kind = YK_REQUEST_KILL, .pid = reply->pid};

        yk_send(zygote->socket, &undo, sizeof undo, NULL, 0);
    }
    return rc < 0 ? rc : reply->rc;
}

/* Under request_lock, so that zygotes hear of shared memory in the order in which it comes and goes. */
static int request_child(struct yk_zygote *zygote, const struct yk_spawn *spawn, struct yk_reply *reply, int fds[2])
{
    struct yk_frame frame;
    uint64_t newest = zygote->shared;
    int rc;

    frame.request = (struct yk_request){.kind = YK_REQUEST_SPAWN,
                                        .any_code = zygote != yk_zygote_root(),
                                        .run = spawn->run,
                                        .user = spawn->user,
                                        .arg_size = spawn->arg_size};
    memcpy(frame.request.name, spawn->name, sizeof frame.request.name);
    rc = add_parts(&frame, zygote, spawn);
    if (rc < 0)
        return rc;
    rc = ask(zygote, &frame, reply, fds);
    for (unsigned i = 0; i < frame.request.n_shared; i++) {
        yk_close(frame.parts[frame.request.n_lent + i].fd);
        newest = yk_max(newest, frame.parts[frame.request.n_lent + i].number);
    }
    if (rc == 0)
        zygote->shared = newest;
    return rc;
}

int yk_zygote_spawn(struct yk_zygote *zygote, const struct yk_spawn *spawn, struct yk_child *ret_child)
{
    struct yk_child child = {0};
    struct yk_reply reply = {0};
    int fds[2] = {-1, -1};
    int rc;

    yoke_lock_acquire(&request_lock);
    rc = request_child(zygote, spawn, &reply, fds);
    yoke_lock_release(&request_lock);
    if (rc == -EPIPE)
        return -YOKE_EBROKEN; /* a zygote that died does not come back */
    if (rc == -ETOOMANYREFS)
        return -EMFILE; /* so the kernel calls too many descriptors on their way */
    if (rc < 0)
        return rc;
    child = (struct yk_child){.pid = reply.pid, .pidfd = fds[0], .report = fds[1]};
    rc = yk_send(child.report, spawn->arg, spawn->arg_size, NULL, 0);
    /* -EPIPE: it was killed before it had read all, which its report will tell */
    if (rc < 0 && rc != -EPIPE) {
        yk_pidfd_signal(child.pidfd, YK_SIGKILL);
        yk_child_close(&child);
        return rc;
    }
    *ret_child = child;
    return 0;
}

void yk_zygote_last(const struct yk_zygote *zygote)
{
    struct yk_request last = {.kind = YK_REQUEST_LAST};

    yk_send(zygote->socket, &last, sizeof last, NULL, 0);
}

int yk_child_report(struct yk_child *child, yoke_time deadline, yoke_exit *ret_exit)
{
    yoke_exit how;
    int rc = yk_wait_readable(child->report, deadline);

    if (rc < 0)
        return rc;
    if (yk_receive(child->report, &how, sizeof how, NULL, NULL) < 0)
        how = (yoke_exit){YOKE_SIGNALLED, YK_SIGKILL};
    *ret_exit = how;
    return 0;
}

void yk_child_close(struct yk_child *child)
{
    yk_close(child->pidfd);
    yk_close(child->report);
}
