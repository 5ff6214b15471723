/* any.c -- a wait for several things (wait/things.h).
 *
 * The kernel waits for words or for descriptors, not for both; and a thread can sleep on one part of the words.  So the caller polls
 * the descriptors or, if there are none, sleeps on part 0; and a helper, a thread, sleeps on each part that is left.
 *
 * Invariants.
 * - A helper ends when something of its part is ready, having rung; or when the wait is over.  The caller looks at everything
 *   itself.  If it finds nothing though one has rung (somebody was faster), it begins with new helpers.
 * - No helper is left when the call returns, or when its thread is cancelled.
 * - Whoever was woken on a part passes that on before its intention ends: after a death, the kernel wakes one, for all. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "sync/wait.h"
#include "wait/things.h"

struct helper {
    struct yk_os_thread os;
    struct call *call;
    unsigned part;
};

/* The caller's own, but for what helpers read. */
struct call {
    struct yk_things things; /* does not change while there are helpers */
    yoke_time deadline;
    struct helper *helpers; /* NULL: none */
    unsigned n_helpers;     /* that were started */
    int ring[2];            /* when there are descriptors: helpers write to the second, to end the poll */
    yk_a32 rung;            /* 1: a helper has found something; written by helpers */
    yk_a32 over;            /* 1: helpers are to end; written by the caller */
    bool has_slept;         /* on part 0 */
    int result;
};

/* Sleeps until something of the part may have changed, or *bell is not 0. */
static int sleep_on_part(const struct call *call, unsigned part, yk_a32 *bell, yoke_time deadline)
{
    struct yk_wait waits[YK_PART_MOST + 1];
    unsigned n = yk_things_words(&call->things, part, waits + 1);
    int rc;

    /* 1: something is ready */
    if (n == 0)
        return 1;
    waits[0] = (struct yk_wait){bell, 0, false};
    rc = bell ? yk_sleep_many(waits, n + 1, deadline) : yk_sleep_many(waits + 1, n, deadline);
    if (rc == 0)
        yk_things_woken(&call->things, part);
    return rc;
}

static int sleep_on_fds(const struct call *call)
{
    struct yk_ready ready[YOKE_WAITABLES_MAX + 1];
    unsigned n = yk_things_fds(&call->things, ready);

    if (call->helpers)
        ready[n++] = (struct yk_ready){.fd = call->ring[0]};
    return yk_sleep_ready(ready, n, call->deadline);
}

/* ---- helpers ---- */

static void ring(struct call *call)
{
    /* release: pairs with the load in have_helpers */
    yk_store_rel(&call->rung, 1);
    if (call->things.n_fds > 0)
        (void)yk_send(call->ring[1], "", 1, NULL, 0);
    else
        yk_futex_wake(&call->rung, 1, false);
}

static void help(void *arg)
{
    struct helper *helper = arg;
    struct call *call = helper->call;
    bool has_slept = false;
    int rc = 0;

    yk_things_intend(&call->things, helper->part);
    /* acquire: pairs with the store in end_helpers */
    while (rc == 0 && !yk_load_acq(&call->over)) {
        rc = sleep_on_part(call, helper->part, &call->over, YOKE_FOREVER);
        has_slept |= rc == 0;
    }
    yk_things_settle(&call->things, helper->part, has_slept);
    if (rc != 0)
        ring(call);
}

static void end_helpers(void *arg)
{
    struct call *call = arg;

    if (!call->helpers)
        return;
    /* release: pairs with the load in help */
    yk_store_rel(&call->over, 1);
    yk_futex_wake(&call->over, INT_MAX, false);
    for (unsigned i = 0; i < call->n_helpers; i++)
        yk_os_thread_join(&call->helpers[i].os, YOKE_FOREVER);
    free(call->helpers);
    call->helpers = NULL;
    yk_close(call->ring[0]);
    yk_close(call->ring[1]);
}

static int start_helpers(struct call *call, unsigned first, unsigned n)
{
    int rc = 0;

    call->helpers = calloc(n, sizeof *call->helpers);
    if (!call->helpers)
        return -ENOMEM;
    call->n_helpers = 0;
    call->ring[0] = call->ring[1] = -1;
    /* relaxed: the helpers begin after that */
    yk_store_rlx(&call->rung, 0);
    yk_store_rlx(&call->over, 0);
    if (call->things.n_fds > 0)
        rc = yk_socket_pair(call->ring);
    while (rc == 0 && call->n_helpers < n) {
        struct helper *helper = &call->helpers[call->n_helpers];

        *helper = (struct helper){.call = call, .part = first + call->n_helpers};
        rc = yk_os_helper_start(&helper->os, help, helper);
        call->n_helpers += rc == 0;
    }
    if (rc < 0)
        end_helpers(call);
    return rc;
}

/* How many parts the caller sleeps on. */
static unsigned n_own_parts(const struct call *call)
{
    return call->things.n_fds > 0 ? 0 : 1;
}

/* Sees to it that each other part has somebody who has not rung. */
static int have_helpers(struct call *call)
{
    unsigned first = n_own_parts(call);

    if (call->things.n_parts <= first)
        return 0;
    /* acquire: pairs with the store in ring */
    if (call->helpers && !yk_load_acq(&call->rung))
        return 0;
    end_helpers(call);
    return call->deadline <= YOKE_NOW ? -ETIMEDOUT : start_helpers(call, first, call->things.n_parts - first);
}

/* ---- the wait ---- */

static int sleep_once(struct call *call)
{
    int rc = have_helpers(call);

    if (rc < 0)
        return rc;
    if (call->things.n_fds > 0)
        return sleep_on_fds(call);
    rc = sleep_on_part(call, 0, call->helpers ? &call->rung : NULL, call->deadline);
    call->has_slept |= rc == 0;
    return rc;
}

static void run(void *arg)
{
    struct call *call = arg;
    int rc = 0;

    while ((call->result = yk_things_first(&call->things)) == -EAGAIN && rc >= 0)
        rc = sleep_once(call);
    if (call->result == -EAGAIN)
        call->result = rc;
}

int yoke_wait_any(const yoke_waitable *waitables, size_t n, yoke_time deadline)
{
    struct call call = {.deadline = deadline};
    int rc;

    if (!waitables || n == 0 || n > YOKE_WAITABLES_MAX)
        return -EINVAL;
    rc = yk_things_prepare(&call.things, waitables, (unsigned)n);
    if (rc < 0)
        return rc;
    if (n_own_parts(&call) > 0)
        yk_things_intend(&call.things, 0);
    /* guarded, because a poll is where a thread can be cancelled */
    yk_os_thread_guard(run, end_helpers, &call);
    end_helpers(&call);
    if (n_own_parts(&call) > 0)
        yk_things_settle(&call.things, 0, call.has_slept);
    return call.result;
}
