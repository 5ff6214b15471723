/* process.c -- yoke_process: a zygote's child as an object.
 *
 * Invariants: how the process ended arrives once, on the report socket; whoever reads it keeps it under the lock and
 * then sets `ended`, so that every other join finds it.  Nobody waits with the lock held.  `owner` is the process that
 * started it; in any other, the object is a copy of memory and descriptors that mean nothing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yoke/lock.h>

#include "process/process.h"
#include "process/serve.h"
#include "sync/self.h"
#include "sync/wait.h"

struct process {
    uint64_t owner; /* yk_this_process() */
    struct yk_child child;
    struct yk_zygote own; /* its own zygote; socket -1: it came from that of yoke_init */
    yoke_lock lock;
    yk_a32 ended;  /* 1 once `how` is known; written under the lock */
    yoke_exit how; /* written under the lock, before `ended` */
    char name[32];
};

/* 0, if the caller may use the object. */
static int check(const yoke_process *process)
{
    const struct process *self = process ? process->impl : NULL;

    if (!self)
        return -EINVAL;
    return self->owner == yk_this_process() ? 0 : -YOKE_EFORKED;
}

/* ---- start ---- */

static void set_name(char name[32], const char *wish)
{
    static yk_a64 count;

    if (wish)
        snprintf(name, 32, "%s", wish);
    else
        snprintf(name, 32, "Process-%llu", (unsigned long long)yk_add_rlx(&count, 1) + 1);
}

/* The descriptors of the pipes; returns how many. */
static int list_ends(const yoke_process_options *wish, int ends[YK_SPAWN_MOST])
{
    if (!wish->pipes && wish->n_pipes > 0)
        return -EINVAL;
    if (wish->n_pipes > YK_SPAWN_MOST)
        return -E2BIG;
    for (size_t i = 0; i < wish->n_pipes; i++) {
        ends[i] = yoke_pipe_fd(wish->pipes[i]);
        if (ends[i] < 0)
            return -EINVAL;
    }
    return (int)wish->n_pipes;
}

static int spawn(struct process *self, int (*run)(void *arg), const void *arg, const yoke_process_options *wish)
{
    struct yk_zygote *root = wish->start == YOKE_FORK ? NULL : yk_zygote_root();
    struct yk_spawn spawn = {.user = run, .arg = arg, .arg_size = wish->arg_size};
    int ends[YK_SPAWN_MOST], rc = list_ends(wish, ends);

    if (rc < 0)
        return rc;
    spawn.given = ends;
    spawn.n_given = (unsigned)rc;
    self->own.socket = -1;
    if (!root) {
        rc = yk_zygote_open(wish->start, &self->own);
        if (rc < 0)
            return rc;
    }
    memcpy(spawn.name, self->name, sizeof spawn.name);
    rc = yk_zygote_spawn(root ? root : &self->own, &spawn, &self->child);
    if (root)
        return rc;
    if (rc == 0)
        yk_zygote_last(&self->own);
    else
        yk_zygote_close(&self->own);
    return rc;
}

int yoke_process_start_with(yoke_process *process, int (*run)(void *arg), const void *arg,
                            const yoke_process_options *options)
{
    yoke_process_options wish = {0};
    struct process *self;
    int rc;

    if (options && options->size < sizeof wish)
        return -EINVAL;
    if (options)
        wish = *options;
    if (!process || !run || (!arg && wish.arg_size > 0))
        return -EINVAL;
    rc = check(process);
    if (rc != -EINVAL)
        return rc == 0 ? -EBUSY : rc;
    rc = yk_may_fork(wish.start);
    if (rc < 0)
        return rc;
    self = calloc(1, sizeof *self);
    if (!self)
        return -ENOMEM;
    self->owner = yk_this_process();
    set_name(self->name, wish.name);
    rc = spawn(self, run, arg, &wish);
    if (rc < 0) {
        free(self);
        return rc;
    }
    process->impl = self;
    return 0;
}

/* ---- join ---- */

static int wait_ended(struct process *self, yoke_time deadline)
{
    int rc = 0;

    /* acquire: pairs with the release below */
    if (yk_load_acq(&self->ended))
        return 0;
    /* readable for every waiter: by the report, and after it by the end of the socket */
    rc = yk_wait_readable(self->child.report, deadline);
    if (rc < 0)
        return rc;
    yoke_lock_acquire(&self->lock);
    if (!yk_load_rlx(&self->ended)) {
        rc = yk_child_report(&self->child, YOKE_FOREVER, &self->how);
        if (rc == 0)
            yk_store_rel(&self->ended, 1); /* pairs with the acquire above */
    }
    yoke_lock_release(&self->lock);
    return rc;
}

/* Until there is something to read for wait_ended; in an interruptible thread, or until a signal. */
static int await_report(const struct process *self, yoke_time deadline)
{
    /* acquire: as in wait_ended */
    struct yk_ready report = {.fd = self->child.report, .ready = yk_load_acq(&self->ended)};
    int rc = 0;

    while (rc == 0 && !report.ready)
        rc = yk_sleep_ready(&report, 1, deadline);
    return rc;
}

bool yk_process_joined(const yoke_process *process)
{
    struct process *self = process->impl;

    /* acquire: pairs with the release in wait_ended */
    return yk_load_acq(&self->ended) != 0;
}

int yoke_process_join_until(yoke_process *process, yoke_time deadline, yoke_exit *ret_exit)
{
    int rc = check(process);
    struct process *self;

    if (rc < 0)
        return rc;
    self = process->impl;
    rc = await_report(self, deadline);
    if (rc == 0)
        rc = wait_ended(self, YOKE_FOREVER);
    if (rc == 0 && ret_exit)
        *ret_exit = self->how;
    return rc;
}

int yoke_process_join(yoke_process *process, yoke_exit *ret_exit)
{
    int rc;

    /* only a signal ends it early */
    do
        rc = yoke_process_join_until(process, YOKE_FOREVER, ret_exit);
    while (rc == -EINTR);
    return rc;
}

/* ---- the rest ---- */

int yoke_process_alive(yoke_process *process)
{
    int rc = check(process);

    if (rc < 0)
        return rc == -EINVAL ? 0 : rc;
    return wait_ended(process->impl, YOKE_NOW) == -ETIMEDOUT;
}

int yoke_process_pid(const yoke_process *process)
{
    int rc = check(process);

    return rc < 0 ? rc : ((const struct process *)process->impl)->child.pid;
}

const char *yoke_process_name(const yoke_process *process)
{
    return process && process->impl ? ((const struct process *)process->impl)->name : "";
}

int yoke_process_fd(const yoke_process *process)
{
    int rc = check(process);

    return rc < 0 ? rc : ((const struct process *)process->impl)->child.report;
}

static int send_signal(const yoke_process *process, int signal)
{
    int rc = check(process);

    return rc < 0 ? rc : yk_pidfd_signal(((const struct process *)process->impl)->child.pidfd, signal);
}

int yoke_process_terminate(yoke_process *process)
{
    return send_signal(process, YK_SIGTERM);
}

int yoke_process_kill(yoke_process *process)
{
    return send_signal(process, YK_SIGKILL);
}

void yoke_process_close(yoke_process *process)
{
    int rc = check(process);
    struct process *self;

    if (rc == -EINVAL)
        return;
    self = process->impl;
    if (rc == 0) {
        if (wait_ended(self, YOKE_NOW) < 0) {
            yk_pidfd_signal(self->child.pidfd, YK_SIGKILL);
            wait_ended(self, YOKE_FOREVER);
        }
        if (self->own.socket >= 0)
            yk_zygote_close(&self->own);
    } else if (self->own.socket >= 0) {
        yk_close(self->own.socket);
        yk_close(self->own.pidfd);
    }
    yk_child_close(&self->child);
    free(self);
    *process = (yoke_process){0};
}
