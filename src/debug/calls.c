/* calls.c -- what the calls of a program with YOKE_DEBUG tell of themselves: before, and after.
 *
 * A call notes what it is about to wait for, then looks for orders and circles, and only then waits: so what will hang is told
 * first.  Nothing here changes what the call does. */
#include <errno.h>

#include "base/base.h"
#include "debug/debug.h"

static bool said_depth;

static bool has_order(yoke_debug_kind kind)
{
    return kind <= YOKE_DEBUG_WRITE;
}

static bool has_holders(yoke_debug_kind kind)
{
    return kind <= YOKE_DEBUG_ONCE;
}

/* Enters, with a call of the thread noted, which waits for nothing yet.  NULL: there is no memory for a record. */
static struct yk_pending *enter(struct yk_record **ret_me, const struct yk_use *use)
{
    struct yk_record *me = yk_debug_me();
    struct yk_pending *pending;

    yk_place = use->at;
    *ret_me = me;
    if (!me)
        return NULL;
    yk_debug_enter(YOKE_FOREVER);
    if (me->n_pending == YK_PENDING_MOST) {
        yk_debug_say_limit(me, &said_depth, "calls within calls, 8 deep: the outer ones are forgotten");
        me->n_pending = 0;
    }
    pending = &me->pending[me->n_pending++];
    *pending = (struct yk_pending){.use = *use, .since = yoke_now()};
    return pending;
}

static int leave(struct yk_record *me)
{
    int call = (int)me->n_pending - 1;

    yk_debug_leave();
    yk_debug_speak(me);
    return call;
}

static void order(struct yk_record *me, const struct yk_use *use)
{
    for (size_t i = 0; i < YOKE_DEBUG_HOLDS; i++)
        if (me->holds[i].use.object && has_order(me->holds[i].use.kind))
            yk_debug_order(me, &me->holds[i], use);
}

static void look_for_circle(struct yk_record *me)
{
    if (yk_debug_circle(me) &&
        yk_debug_is_news(me, YK_NEWS_DEADLOCK, yk_debug_waits(me)->use.at, yk_debug_waits(me->search.by)->use.at))
        yk_debug_say_circle(me, me);
}

/* ---- calls ---- */

int yoke_debug_begin(yoke_debug_kind kind, const void *object, yoke_time deadline, const char *text, const char *at)
{
    struct yk_use use = {kind, object, text, at};
    struct yk_record *me;
    struct yk_pending *pending = enter(&me, &use);
    struct yk_hold *own;

    if (!pending)
        return -1;
    own = has_holders(kind) ? yk_debug_own(me, object) : NULL;
    pending->gets = has_holders(kind) && kind != YOKE_DEBUG_ONCE;
    pending->waits = deadline > YOKE_NOW && !(own && kind == YOKE_DEBUG_RLOCK);
    if (pending->waits) {
        if (own)
            yk_debug_say_twice(me, own, &use);
        else if (has_order(kind))
            order(me, &use);
        look_for_circle(me);
    }
    return leave(me);
}

int yoke_debug_wait(const void *condition, const void *lock, yoke_time deadline, const char *text, const char *at)
{
    struct yk_use use = {YOKE_DEBUG_CONDITION, condition, text, at};
    struct yk_record *me;
    struct yk_pending *pending = enter(&me, &use);
    struct yk_hold *own;

    if (!pending)
        return -1;
    pending->waits = deadline > YOKE_NOW;
    pending->lock = lock;
    yk_debug_check_lock(me, pending);
    own = yk_debug_own(me, lock);
    if (own) {
        pending->released = *own;
        pending->released.use.at = at;
        yk_debug_drop(own);
        /* it will be acquired again, while the others are held */
        order(me, &pending->released.use);
    }
    if (pending->waits)
        look_for_circle(me);
    return leave(me);
}

int yoke_debug_release(yoke_debug_kind kind, const void *object, const char *text, const char *at)
{
    struct yk_use use = {kind, object, text, at};
    struct yk_record *me;
    struct yk_hold *hold;

    if (!enter(&me, &use))
        return -1;
    hold = yk_debug_own(me, object);
    if (!hold && kind == YOKE_DEBUG_LOCK)
        hold = yk_debug_holder(object, NULL); /* anybody may release it */
    if (!hold)
        yk_debug_check_release(me, &use);
    else if (--hold->count == 0)
        yk_debug_drop(hold);
    return leave(me);
}

int yoke_debug_init(yoke_debug_kind kind, const void *object, const char *text, const char *at)
{
    struct yk_use use = {kind, object, text, at};
    struct yk_record *me;
    struct yk_hold *hold;

    if (!enter(&me, &use))
        return -1;
    yk_debug_check_init(me, &use);
    while ((hold = yk_debug_holder(object, NULL)) != NULL)
        yk_debug_drop(hold);
    yk_debug_order_forget(object);
    return leave(me);
}

int yoke_debug_call(const char *text, const char *at)
{
    struct yk_use use = {.text = text, .at = at};
    struct yk_record *me;

    return enter(&me, &use) ? leave(me) : -1;
}

/* Who is noted as a holder beside the new one has given it back, through somebody whom this does not know of. */
static void drop_stale(const struct yk_use *use)
{
    struct yk_hold *hold = yk_debug_holder(use->object, NULL), *next;

    for (; hold; hold = next) {
        next = yk_debug_holder(use->object, hold);
        if (use->kind != YOKE_DEBUG_READ || hold->use.kind != YOKE_DEBUG_READ)
            yk_debug_drop(hold);
    }
}

static void got(struct yk_record *me, const struct yk_use *use)
{
    struct yk_hold *own = yk_debug_own(me, use->object);

    if (own && (use->kind == YOKE_DEBUG_RLOCK || use->kind == YOKE_DEBUG_READ)) {
        own->count++;
        return;
    }
    drop_stale(use);
    yk_debug_add(me, use, 1);
}

int yoke_debug_end(int call, int rc)
{
    struct yk_record *me = call < 0 ? NULL : yk_debug_me();
    struct yk_pending *pending;

    yk_place = NULL;
    if (!me)
        return rc;
    yk_debug_enter(YOKE_FOREVER);
    if ((unsigned)call < me->n_pending) {
        pending = &me->pending[call];
        me->n_pending = (unsigned)call;
        if (pending->gets && (rc >= 0 || rc == -YOKE_EOWNERDEAD))
            got(me, &pending->use);
        if (pending->released.use.object)
            yk_debug_add(me, &pending->released.use, pending->released.count);
        if (call > 0)
            yk_place = me->pending[call - 1].use.at;
    }
    leave(me);
    return rc;
}

/* The pending call of that number, entered; or NULL. */
static struct yk_pending *enter_again(int call, struct yk_record **ret_me)
{
    struct yk_record *me = call < 0 ? NULL : yk_debug_me();

    if (!me || (unsigned)call >= me->n_pending)
        return NULL;
    *ret_me = me;
    yk_debug_enter(YOKE_FOREVER);
    return &me->pending[call];
}

void yoke_debug_pause(int call)
{
    struct yk_record *me;
    struct yk_pending *pending = enter_again(call, &me);

    if (!pending)
        return;
    pending->waits = false;
    if (pending->released.use.object)
        yk_debug_add(me, &pending->released.use, pending->released.count);
    else if (has_holders(pending->use.kind))
        yk_debug_add(me, &pending->use, 1);
    leave(me);
}

void yoke_debug_resume(int call)
{
    struct yk_record *me;
    struct yk_pending *pending = enter_again(call, &me);
    struct yk_hold *own;

    if (!pending)
        return;
    pending->waits = pending->released.use.object != NULL;
    own = yk_debug_own(me, pending->waits ? pending->released.use.object : pending->use.object);
    if (own)
        yk_debug_drop(own);
    leave(me);
}
