/* circle.c -- a circle of threads that wait for each other.
 *
 * A thread that waits is held up by those who hold what it waits for, or whom it joins; one that waits for a condition by those
 * who hold its lock too, without which it cannot return.  From the thread in question the search goes breadth first to all who hold
 * it up, those who hold them up, and so on; if it comes back, none of the circle can go on.  (Where many readers hold up a writer it
 * waits for each of them, so that one that cannot go on is enough.)  Whoever begins to wait searches, and all that the others of
 * a circle hold was noted before they began to wait: so the last one finds it. */
#include "debug/debug.h"

static uint32_t searches; /* between enter and leave */

/* Comes from `by` to `record`; true if the circle is closed. */
static bool visit(struct yk_record *record, struct yk_record *by, const struct yk_hold *through,
                  struct yk_record *start, struct yk_record **last)
{
    if (record == by || (record->search.mark == searches && record != start))
        return false;
    record->search.mark = searches;
    record->search.by = by;
    record->search.through = through;
    if (record == start)
        return true;
    record->search.next = NULL;
    (*last)->search.next = record;
    *last = record;
    return false;
}

static bool visit_holders(struct yk_record *by, const void *object, struct yk_record *start, struct yk_record **last)
{
    yoke_debug_kind kind = yk_debug_waits(by)->use.kind;

    for (struct yk_hold *hold = yk_debug_holder(object, NULL); hold; hold = yk_debug_holder(object, hold))
        if (!(kind == YOKE_DEBUG_READ && hold->use.kind == YOKE_DEBUG_READ) &&
            visit(hold->owner, by, hold, start, last))
            return true;
    return false;
}

static bool visit_thread(struct yk_record *by, const void *thread, struct yk_record *start, struct yk_record **last)
{
    for (struct yk_record *record = yk_debug_records; record; record = record->next)
        if (record->thread == thread)
            return visit(record, by, NULL, start, last);
    return false;
}

bool yk_debug_circle(struct yk_record *start)
{
    struct yk_record *last = start;

    start->search.mark = ++searches;
    start->search.next = NULL;
    for (struct yk_record *record = start; record; record = record->search.next) {
        struct yk_pending *wait = yk_debug_waits(record);

        if (!wait)
            continue;
        if (wait->use.kind == YOKE_DEBUG_THREAD ? visit_thread(record, wait->use.object, start, &last)
                                                : visit_holders(record, wait->use.object, start, &last))
            return true;
        if (wait->lock && visit_holders(record, wait->lock, start, &last))
            return true;
    }
    return false;
}

/* What `by` waits for, and that `record` holds it. */
static void say_link(struct yk_record *me, struct yk_record *by, const struct yk_record *record)
{
    const struct yk_pending *wait = yk_debug_waits(by);
    const struct yk_hold *hold = record->search.through;

    yk_debug_say(me, "  %s waits for ", by->name);
    yk_debug_say_use(me, &wait->use);
    if (hold && hold->use.object != wait->use.object) {
        yk_debug_say(me, "\n      and then for ");
        yk_debug_say_object(me, &hold->use);
    }
    if (hold)
        yk_debug_say(me, "\n      which %s holds since %s\n", record->name, hold->use.at);
    else
        yk_debug_say(me, "\n      which is %s\n", record->name);
}

void yk_debug_say_circle(struct yk_record *me, struct yk_record *start)
{
    struct yk_record *record = start;

    yk_debug_say(me, "yoke: debug: deadlock: these threads wait for each other:\n");
    do {
        say_link(me, record->search.by, record);
        record = record->search.by;
    } while (record != start);
}
