/* things.c -- threads, processes, events, queues, pipes and descriptors as things to wait for. */
#include "wait/things.h"

#include <errno.h>

#include "ipc/pipe.h"
#include "ipc/watch.h"
#include "process/process.h"
#include "sync/event.h"
#include "sync/wait.h"
#include "thread/thread.h"

_Static_assert(YK_PART_MOST + 1 <= YK_WAIT_MOST, "with a bell");

/* ---- words ---- */

static bool is_word(const yoke_waitable *on)
{
    return on->kind == YOKE_ON_THREAD || on->kind == YOKE_ON_EVENT || on->kind == YOKE_ON_QUEUE;
}

/* NULL for one that is private. */
static uint32_t *grave_of(const yoke_waitable *on)
{
    uint32_t *shared = on->kind == YOKE_ON_EVENT   ? &((yoke_event *)on->object)->shared
                       : on->kind == YOKE_ON_QUEUE ? &((yoke_queue *)on->object)->shared
                                                   : NULL;

    return shared && *shared != YOKE_PRIVATE ? shared : NULL;
}

/* Whether the i-th thing, a word, is ready: 1; 0, with what to sleep on in waits[0 .. *ret_n); or an error. */
static int look_at(const struct yk_things *things, unsigned i, struct yk_wait waits[2], unsigned *ret_n)
{
    const yoke_waitable *on = &things->on[i];

    *ret_n = 1;
    if (!on->object)
        return -EINVAL;
    if (on->kind == YOKE_ON_THREAD)
        return yk_thread_ended(on->object, waits);
    if (on->kind == YOKE_ON_EVENT)
        return yk_event_released(on->object, things->before[i], waits);
    return yk_queue_watch(on->object, waits, ret_n);
}

unsigned yk_things_words(const struct yk_things *things, unsigned part, struct yk_wait waits[YK_PART_MOST])
{
    yk_a32 *grave = NULL;
    unsigned n = 0, n_here;

    for (unsigned i = 0; i < things->n; i++) {
        const yoke_waitable *on = &things->on[i];

        if (!is_word(on) || things->part[i] != part)
            continue;
        if (look_at(things, i, &waits[n], &n_here) != 0)
            return 0;
        n += n_here;
        if (grave_of(on))
            grave = (yk_a32 *)grave_of(on);
    }
    if (grave)
        waits[n++] = (struct yk_wait){grave, YK_GRAVE, true};
    return n;
}

/* The index of the shared one of a part; n if there is none. */
static unsigned shared_in(const struct yk_things *things, unsigned part)
{
    unsigned i = 0;

    while (i < things->n && !(is_word(&things->on[i]) && things->part[i] == part && grave_of(&things->on[i])))
        i++;
    return i;
}

void yk_things_intend(const struct yk_things *things, unsigned part)
{
    unsigned i = shared_in(things, part);

    if (i < things->n)
        yk_grave_intend(grave_of(&things->on[i]));
}

void yk_things_woken(const struct yk_things *things, unsigned part)
{
    unsigned i = shared_in(things, part);

    if (i < things->n && things->on[i].kind == YOKE_ON_QUEUE)
        yk_queue_stand_in(things->on[i].object);
}

void yk_things_settle(const struct yk_things *things, unsigned part, bool has_slept)
{
    unsigned i = shared_in(things, part);
    const yoke_waitable *on = &things->on[i];

    if (i == things->n)
        return;
    if (has_slept && on->kind == YOKE_ON_EVENT)
        yk_event_pass_on(on->object, things->before[i]);
    else if (has_slept)
        yk_queue_pass_on(on->object);
    yk_grave_settle(grave_of(on));
}

/* ---- descriptors ---- */

static int fd_of(const yoke_waitable *on)
{
    switch (on->kind) {
    case YOKE_ON_PROCESS:
        return yoke_process_fd(on->object);
    case YOKE_ON_PIPE:
        return yoke_pipe_fd(on->object);
    case YOKE_ON_FD:
        return on->fd < 0 ? -EBADF : on->fd;
    case YOKE_ON_THREAD:
    case YOKE_ON_EVENT:
    case YOKE_ON_QUEUE:
    default:
        return -EINVAL;
    }
}

unsigned yk_things_fds(const struct yk_things *things, struct yk_ready ready[YOKE_WAITABLES_MAX])
{
    unsigned n = 0;

    for (unsigned i = 0; i < things->n; i++)
        if (!is_word(&things->on[i]))
            ready[n++] = (struct yk_ready){.fd = fd_of(&things->on[i])};
    return n;
}

/* Whether a thing is ready though poll does not say so. */
static bool is_known_ready(const yoke_waitable *on)
{
    return (on->kind == YOKE_ON_PIPE && yk_pipe_has_kept(fd_of(on))) ||
           (on->kind == YOKE_ON_PROCESS && yk_process_joined(on->object));
}

/* ---- both ---- */

int yk_things_prepare(struct yk_things *things, const yoke_waitable *on, unsigned n)
{
    unsigned n_shared = 0, n_words = 0, unused;
    struct yk_wait waits[2];

    *things = (struct yk_things){.on = on, .n = n};
    for (unsigned i = 0; i < n; i++) {
        int rc;

        if (on[i].kind == YOKE_ON_EVENT && on[i].object)
            things->before[i] = yk_event_before(on[i].object);
        rc = is_word(&on[i]) ? look_at(things, i, waits, &unused) : fd_of(&on[i]);
        if (rc < 0)
            return rc;
        things->part[i] = (uint8_t)(is_word(&on[i]) && grave_of(&on[i]) ? n_shared++ : 0);
        n_words += is_word(&on[i]);
    }
    things->n_fds = n - n_words;
    things->n_parts = n_words > 0 ? yk_max(n_shared, 1U) : 0;
    return 0;
}

int yk_things_first(const struct yk_things *things)
{
    struct yk_ready ready[YOKE_WAITABLES_MAX], *fd = ready;
    struct yk_wait waits[2];
    unsigned unused;
    int rc = 0;

    if (things->n_fds > 0)
        rc = yk_wait_ready(ready, yk_things_fds(things, ready), YOKE_NOW);
    if (rc < 0 && rc != -ETIMEDOUT && rc != -EINTR)
        return rc;
    for (unsigned i = 0; i < things->n; i++) {
        const yoke_waitable *on = &things->on[i];

        rc = is_word(on) ? look_at(things, i, waits, &unused) : (fd++)->ready || is_known_ready(on);
        if (rc != 0)
            return rc < 0 ? rc : (int)i;
    }
    return -EAGAIN;
}
