/* misuse.c -- uses that are wrong, and what is said of them.
 *
 * The library's own line, with the place, comes after this, where it notices and aborts. */
#include "debug/debug.h"

static void say_who(struct yk_record *me, const char *what, const struct yk_use *use)
{
    yk_debug_say(me, "yoke: debug: %s %s ", me->name, what);
    yk_debug_say_use(me, use);
    yk_debug_say(me, "\n");
}

static void say_holder(struct yk_record *me, const struct yk_hold *hold, const char *end)
{
    yk_debug_say(me, "      which %s holds since %s%s\n", hold->owner->name, hold->use.at, end);
}

static const char *what_comes_of(yoke_debug_kind held, yoke_debug_kind wanted)
{
    if (wanted == YOKE_DEBUG_LOCK)
        return ": another thread must release it, or this waits for ever";
    if (held == YOKE_DEBUG_READ && wanted == YOKE_DEBUG_READ)
        return ": this waits for ever if a writer has come in between";
    if (held == YOKE_DEBUG_READ)
        return ": this waits for ever";
    return ": this gives -EDEADLK";
}

void yk_debug_say_twice(struct yk_record *me, const struct yk_hold *own, const struct yk_use *use)
{
    if (!yk_debug_is_news(me, YK_NEWS_TWICE, use->at, own->use.at))
        return;
    say_who(me, "acquires, once more,", use);
    say_holder(me, own, what_comes_of(own->use.kind, use->kind));
}

void yk_debug_check_lock(struct yk_record *me, const struct yk_pending *mine)
{
    for (struct yk_record *record = yk_debug_records; record; record = record->next) {
        const struct yk_pending *wait = record->thread && record != me ? yk_debug_waits(record) : NULL;

        if (!wait || wait->use.kind != YOKE_DEBUG_CONDITION || wait->use.object != mine->use.object ||
            wait->lock == mine->lock || !yk_debug_is_news(me, YK_NEWS_TWO_LOCKS, mine->use.at, wait->use.at))
            continue;
        say_who(me, "waits for", &mine->use);
        yk_debug_say(me, "      with lock %p, but %s waits for it with lock %p at %s\n", mine->lock, record->name,
                     wait->lock, wait->use.at);
    }
}

void yk_debug_check_release(struct yk_record *me, const struct yk_use *use)
{
    const struct yk_hold *hold = yk_debug_holder(use->object, NULL);

    /* one of many readers tells nothing */
    if (!hold || use->kind == YOKE_DEBUG_READ)
        return;
    say_who(me, "releases", use);
    say_holder(me, hold, "");
}

void yk_debug_check_init(struct yk_record *me, const struct yk_use *use)
{
    for (struct yk_hold *hold = yk_debug_holder(use->object, NULL); hold; hold = yk_debug_holder(use->object, hold))
        if (yk_debug_is_news(me, YK_NEWS_INIT, use->at, hold->use.at)) {
            say_who(me, "makes anew", use);
            say_holder(me, hold, "");
        }
    for (struct yk_record *record = yk_debug_records; record; record = record->next) {
        const struct yk_pending *wait = yk_debug_waits(record);

        if (!wait || wait->use.object != use->object || !yk_debug_is_news(me, YK_NEWS_INIT, use->at, wait->use.at))
            continue;
        say_who(me, "makes anew", use);
        yk_debug_say(me, "      for which %s waits since %s\n", record->name, wait->use.at);
    }
}
