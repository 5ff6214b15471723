/* supervisor.c -- a single-threaded process that forks the workers, reaps them, says what became of their work, replaces them,
 * and kills the one whose item takes too long.
 *
 * It is a process and not a thread of the host, so that the host stays as single-threaded as its program made it, never forks a
 * large memory again to replace a worker, and sees neither SIGCHLD nor somebody else's children.  Its workers die with it (the
 * kernel sees to that), and it ends when the host dies; the host learns of its death through the `supervisor` word.
 *
 * The order after a death: reap, resolve, take out, ring, replace.  Only what is reaped is certainly gone, so nothing of a
 * worker's is touched before. */
#include "exec/supervisor.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fault.h"
#include "exec/claim.h"
#include "exec/supervise.h"
#include "exec/worker.h"

/* One worker, as its parent sees it. */
struct ward {
    int pidfd;         /* -1: there is no process */
    unsigned failures; /* starts that failed in a row */
    yoke_time fork_at; /* when to fork it; YOKE_FOREVER: not at all */
};

struct supervisor {
    struct yk_board *board;
    struct yk_poll poll;
    int control;
    int host;
    struct ward *wards;
    unsigned n_processes;
    bool killed; /* SIGKILL was sent to all */
};

enum { TAG_CONTROL = -1, TAG_HOST = -2 }; /* others: the worker */

/* Does not return: with this process go its workers, and the host sees it. */
static _Noreturn void break_pool(struct supervisor *s, int why)
{
    yk_store_rel(&s->board->control->verdict, (uint32_t)why);
    yk_child_exit(1);
}

/* ---- workers ---- */

static bool anybody_up(struct supervisor *s)
{
    for (unsigned w = 0; w < s->board->n_workers; w++)
        if (yk_load_acq(&s->board->desks[w].up) != 0)
            return true;
    return false;
}

static enum yk_sup_phase phase(struct supervisor *s)
{
    if (yk_load_acq(&s->board->control->mode) != YK_SERVING)
        return YK_SUP_ENDING;
    return yk_load_acq(&s->board->control->opened) ? YK_SUP_SERVING : YK_SUP_OPENING;
}

/* How a worker's life went, from its desk, before that is cleared. */
static enum yk_sup_event life_of(struct yk_desk *desk)
{
    if (yk_load_acq(&desk->left))
        return YK_SUP_LEFT;
    if (!yk_load_acq(&desk->up))
        return YK_SUP_DIED_EARLY;
    return yk_load_acq(&desk->progress) == 0 ? YK_SUP_DIED_IDLE : YK_SUP_DIED;
}

static void act_on(struct supervisor *s, unsigned w, enum yk_sup_phase at, enum yk_sup_event event, int why)
{
    struct ward *ward = &s->wards[w];
    struct yk_sup_step step;

    ward->failures = event == YK_SUP_DIED || event == YK_SUP_LEFT ? 0 : ward->failures + 1;
    step = yk_supervise(at, event, ward->failures, anybody_up(s));
    switch (step.action) {
    case YK_SUP_FORK:
        ward->fork_at = step.delay_ms == 0 ? YOKE_NOW : yoke_after(step.delay_ms * 1e-3);
        break;
    case YK_SUP_REST:
        ward->fork_at = YOKE_FOREVER;
        break;
    case YK_SUP_BREAK:
    case YK_SUP_N_ACTIONS:
        break_pool(s, why);
    }
}

/* What a worker does not need of its parent's; runs in the worker. */
static void let_go(struct supervisor *s)
{
    for (unsigned w = 0; w < s->board->n_workers; w++)
        if (s->wards[w].pidfd >= 0)
            yk_close(s->wards[w].pidfd);
    yk_poll_close(&s->poll);
    yk_close(s->control);
    yk_close(s->host);
    free(s->wards);
}

static _Noreturn void become_worker(struct supervisor *s, unsigned w, int supervisor_pid)
{
    struct yk_board *board = s->board;

    yk_die_with_parent(supervisor_pid);
    let_go(s);
    yk_child_prepare(true); /* in its own group: a task that signals its group signals itself */
    yk_child_exit(yk_worker_main(board, w));
}

static void fork_worker(struct supervisor *s, unsigned w)
{
    struct ward *ward = &s->wards[w];
    int pid = yk_getpid(), pidfd, rc = yk_fork(YOKE_FORK, &pidfd);

    if (rc == 0)
        become_worker(s, w, pid);
    if (rc < 0) {
        act_on(s, w, phase(s), YK_SUP_FORK_FAILED, -rc);
        return;
    }
    ward->pidfd = pidfd;
    ward->fork_at = YOKE_FOREVER;
    s->n_processes++;
    rc = yk_poll_add(&s->poll, pidfd, w);
    if (rc < 0) /* it could die unseen */
        break_pool(s, -rc);
}

static void worker_died(struct supervisor *s, unsigned w)
{
    struct yk_board *board = s->board;
    struct yk_desk *desk = &board->desks[w];
    struct ward *ward = &s->wards[w];
    enum yk_sup_phase at = phase(s);
    enum yk_sup_event event;
    yoke_exit how = {YOKE_SIGNALLED, 9};

    (void)yk_pidfd_reap(ward->pidfd, YOKE_FOREVER, &how);
    YK_POINT(SUPERVISOR_REAPED);
    yk_poll_remove(&s->poll, ward->pidfd);
    yk_close(ward->pidfd);
    ward->pidfd = -1;
    s->n_processes--;
    event = life_of(desk);

    yk_claim_bury(board, w, how.kind == YOKE_SIGNALLED ? -how.value : how.value,
                  yk_load_acq(&board->control->mode) == YK_KILLING);
    YK_POINT(SUPERVISOR_RESOLVED);
    act_on(s, w, at, event, YOKE_EINIT);
}

/* ---- time ---- */

/* Kills workers whose item is over its time; returns when to look again. */
static yoke_time enforce_timeouts(struct supervisor *s, yoke_time now)
{
    yoke_time next = YOKE_FOREVER;

    for (unsigned j = 0; j < YK_N_JOBS; j++) {
        yoke_time timeout = (yoke_time)yk_load_acq(&s->board->control->jobs[j].timeout_ns);

        uint64_t serial = yk_load_rlx(&s->board->control->jobs[j].serial);

        if (timeout == 0)
            continue;
        next = yk_min(next, now + timeout); /* whatever starts later */
        for (unsigned w = 0; w < s->board->n_workers; w++) {
            struct yk_desk *desk = &s->board->desks[w];
            uint64_t progress = yk_load_acq(&desk->progress);
            /* Written before progress, so it is this item's start or a later one's. */
            yoke_time end = (yoke_time)yk_load_rlx(&desk->started_at) + timeout;

            if (progress != yk_progress(YK_STARTED, yk_progress_index(progress), serial) || s->wards[w].pidfd < 0)
                continue;
            if (end > now)
                next = yk_min(next, end);
            else if (yk_item_doom(desk, progress))
                (void)yk_pidfd_signal(s->wards[w].pidfd, 9);
        }
    }
    return next;
}

static yoke_time fork_due(struct supervisor *s)
{
    yoke_time next = YOKE_FOREVER, now = yoke_now();

    for (unsigned w = 0; w < s->board->n_workers; w++) {
        if (s->wards[w].fork_at <= now)
            fork_worker(s, w);
        next = yk_min(next, s->wards[w].fork_at);
    }
    return next;
}

static void kill_all(struct supervisor *s)
{
    s->killed = true;
    for (unsigned w = 0; w < s->board->n_workers; w++) {
        s->wards[w].fork_at = YOKE_FOREVER;
        if (s->wards[w].pidfd >= 0)
            (void)yk_pidfd_signal(s->wards[w].pidfd, 9);
    }
}

/* ---- the loop ---- */

static void handle(struct supervisor *s, uint64_t tag)
{
    char byte;

    if (tag == (uint64_t)TAG_HOST)
        yk_child_exit(0);
    if (tag == (uint64_t)TAG_CONTROL) {
        /* what is to be done stands on the board */
        if (yk_receive(s->control, &byte, 1, NULL, NULL) < 0)
            yk_child_exit(0);
        return;
    }
    worker_died(s, (unsigned)tag);
}

static int serve(struct supervisor *s)
{
    uint64_t tags[64];

    for (;;) {
        enum yk_mode mode = (enum yk_mode)yk_load_acq(&s->board->control->mode);
        yoke_time next;
        int n;

        if (mode == YK_KILLING && !s->killed)
            kill_all(s);
        next = mode == YK_SERVING ? fork_due(s) : YOKE_FOREVER;
        if (mode != YK_SERVING && s->n_processes == 0)
            return 0;
        next = yk_min(next, enforce_timeouts(s, yoke_now()));
        n = yk_poll_wait(&s->poll, tags, 64, next);
        for (int i = 0; i < n; i++)
            handle(s, tags[i]);
    }
}

int yk_supervisor_main(struct yk_board *board, int control, int host)
{
    struct supervisor s = {.board = board, .control = control, .host = host};
    int rc = yk_poll_open(&s.poll);

    yk_alive_arm(&board->control->supervisor);
    yk_set_process_name("yoke:pool");
    s.wards = calloc(board->n_workers, sizeof *s.wards);
    if (rc == 0 && !s.wards)
        rc = -ENOMEM;
    if (rc == 0 && !yk_alive_armed(&board->control->supervisor))
        rc = -ENOSYS; /* the host would not learn of its death */
    if (rc == 0)
        rc = yk_poll_add(&s.poll, control, (uint64_t)TAG_CONTROL);
    if (rc == 0)
        rc = yk_poll_add(&s.poll, host, (uint64_t)TAG_HOST);
    if (rc < 0)
        break_pool(&s, -rc);
    for (unsigned w = 0; w < board->n_workers; w++)
        s.wards[w] = (struct ward){-1, 0, YOKE_NOW};
    return serve(&s);
}
