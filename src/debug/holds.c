/* holds.c -- who holds an object.
 *
 * Invariants.
 * - A hold is noted after the thread has got the object and struck out before it gives it back.  So what is noted as held is held,
 *   and a circle of waits through such holds is a deadlock, not a moment's look.
 * - A hold with an object is in that object's bucket.  The buckets can be made anew from the records: in the child of a fork they
 *   are, as another thread may have been in the middle of changing them.  A thread's own holds are whole there, since others
 *   change nothing of them but the object, to NULL. */
#include <string.h>
#include <yoke/mutex.h>
#include <yoke/once.h>
#include <yoke/rwlock.h>

#include "debug/debug.h"

enum { N_BUCKETS = 1024 };

static struct yk_hold *buckets[N_BUCKETS];
static bool said_holds;

static struct yk_hold **bucket_of(const void *object)
{
    return &buckets[(uintptr_t)object * UINT64_C(0x9e3779b97f4a7c15) >> 54];
}

static void link_hold(struct yk_hold *hold)
{
    struct yk_hold **bucket = bucket_of(hold->use.object);

    hold->next = *bucket;
    *bucket = hold;
}

struct yk_hold *yk_debug_holder(const void *object, const struct yk_hold *after)
{
    struct yk_hold *hold = after ? after->next : *bucket_of(object);

    while (hold && hold->use.object != object)
        hold = hold->next;
    return hold;
}

struct yk_hold *yk_debug_own(struct yk_record *me, const void *object)
{
    struct yk_hold *hold = yk_debug_holder(object, NULL);

    while (hold && hold->owner != me)
        hold = yk_debug_holder(object, hold);
    return hold;
}

static bool is_shared(const struct yk_use *use)
{
    const void *object = use->object;

    if (use->kind == YOKE_DEBUG_LOCK)
        return ((const yoke_lock *)object)->shared != YOKE_PRIVATE;
    if (use->kind == YOKE_DEBUG_READ || use->kind == YOKE_DEBUG_WRITE)
        return ((const yoke_rwlock *)object)->shared != YOKE_PRIVATE;
    if (use->kind == YOKE_DEBUG_ONCE)
        return ((const yoke_once *)object)->mutex.shared != YOKE_PRIVATE;
    return ((const yoke_mutex *)object)->shared != YOKE_PRIVATE;
}

void yk_debug_add(struct yk_record *me, const struct yk_use *use, unsigned count)
{
    struct yk_hold *hold = me->holds;

    while (hold < me->holds + YOKE_DEBUG_HOLDS && hold->use.object)
        hold++;
    if (hold == me->holds + YOKE_DEBUG_HOLDS) {
        yk_debug_say_limit(me, &said_holds, "a thread holds more than 64 things at once: the others are not followed");
        return;
    }
    hold->count = count;
    hold->since = yoke_now();
    hold->owner = me;
    hold->shared = is_shared(use);
    hold->use = *use;
    link_hold(hold);
}

void yk_debug_drop(struct yk_hold *hold)
{
    struct yk_hold **link = bucket_of(hold->use.object);

    while (*link != hold)
        link = &(*link)->next;
    *link = hold->next;
    hold->use.object = NULL;
}

void yk_debug_holds_forget_all(void)
{
    memset(buckets, 0, sizeof buckets);
}

void yk_debug_holds_keep(struct yk_record *record)
{
    for (size_t i = 0; i < YOKE_DEBUG_HOLDS; i++) {
        struct yk_hold *hold = &record->holds[i];

        /* what processes share is held by the one that acquired it */
        if (hold->shared)
            hold->use.object = NULL;
        if (hold->use.object)
            link_hold(hold);
    }
}
