/* report.c -- what is said, and how it is put.
 *
 * A report is composed in the caller's own record between enter and leave, and written out after that, since whoever reads it may
 * be a thread that wants to enter. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "debug/debug.h"
#include "os/os.h"

enum { NEWS_MOST = 256 };

void yk_debug_say(struct yk_record *me, const char *format, ...)
{
    size_t room = sizeof me->text - me->length;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(me->text + me->length, room, format, arguments);
    va_end(arguments);
    /* what is cut off ends with a line of its own */
    if (length >= 0 && (size_t)length < room)
        me->length += (size_t)length;
    else
        me->length = sizeof me->text - 1;
}

/* The first argument in the text of a call's arguments: where it begins, and its length. */
static int first_argument(const char **text)
{
    const char *start = *text;
    int depth = 0, end = 0, closed = 0;

    for (; start[end] && (start[end] != ',' || depth > 0); end++) {
        depth += (strchr("([{", start[end]) != NULL) - (strchr(")]}", start[end]) != NULL);
        if (depth == 0 && !closed)
            closed = end;
    }
    /* "(pool)", out of another macro */
    if (start[0] != '(' || closed != end - 1)
        return end;
    *text = start + 1;
    return end - 2;
}

void yk_debug_say_object(struct yk_record *me, const struct yk_use *use)
{
#define TEXT(name, text) text,
    static const char *const kinds[] = {YOKE_DEBUG_KINDS(TEXT)};
#undef TEXT
    const char *text = use->text;
    int length;

    length = first_argument(&text);
    yk_debug_say(me, "%s %p (%.*s)", kinds[use->kind], use->object, length, text);
}

void yk_debug_say_use(struct yk_record *me, const struct yk_use *use)
{
    yk_debug_say_object(me, use);
    yk_debug_say(me, " at %s", use->at);
}

bool yk_debug_is_news(struct yk_record *me, enum yk_news kind, const char *at, const char *other)
{
    static struct {
        enum yk_news kind;
        const char *at, *other;
    } news[NEWS_MOST];
    static size_t n_news;
    static bool said;

    for (size_t i = 0; i < n_news; i++)
        if (news[i].kind == kind && news[i].at == at && news[i].other == other)
            return false;
    if (n_news == NEWS_MOST) {
        yk_debug_say_limit(me, &said, "more than 256 reports: there will be no others");
        return false;
    }
    news[n_news].kind = kind;
    news[n_news].at = at;
    news[n_news++].other = other;
    return true;
}

void yk_debug_say_limit(struct yk_record *me, bool *said, const char *line)
{
    if (!*said)
        yk_debug_say(me, "yoke: debug: %s\n", line);
    *said = true;
}

static int speak(struct yk_record *me, int fd)
{
    size_t length = me->length;
    int before = errno, rc;

    me->length = 0;
    if (length == 0)
        return 0;
    if (length == sizeof me->text - 1)
        memcpy(me->text + length - 4, "...\n", 4);
    rc = yk_write(fd, me->text, length);
    errno = before;
    return rc;
}

void yk_debug_speak(struct yk_record *me)
{
    (void)speak(me, YK_STDERR);
}

/* ---- the whole ---- */

static double seconds(yoke_time since)
{
    return (double)(yoke_now() - since) / 1e9;
}

static void say_holders(struct yk_record *me, const void *object)
{
    for (struct yk_hold *hold = yk_debug_holder(object, NULL); hold; hold = yk_debug_holder(object, hold))
        yk_debug_say(me, "      which %s holds since %s\n", hold->owner->name, hold->use.at);
}

static void say_wait(struct yk_record *me, const struct yk_pending *wait)
{
    yk_debug_say(me, "  waits for ");
    yk_debug_say_use(me, &wait->use);
    yk_debug_say(me, ", for %.1f s\n", seconds(wait->since));
    if (wait->released.use.object) {
        yk_debug_say(me, "      and then for ");
        yk_debug_say_object(me, &wait->released.use);
        yk_debug_say(me, "\n");
    }
    say_holders(me, wait->lock ? wait->lock : wait->use.object);
    for (struct yk_record *other = yk_debug_records; other; other = other->next)
        if (wait->use.kind == YOKE_DEBUG_THREAD && other->thread == wait->use.object)
            yk_debug_say(me, "      which is %s\n", other->name);
}

static void say_thread(struct yk_record *me, struct yk_record *thread)
{
    yk_debug_say(me, "%s (%d)\n", thread->name, thread->native);
    for (size_t i = 0; i < YOKE_DEBUG_HOLDS; i++) {
        const struct yk_hold *hold = &thread->holds[i];

        if (!hold->use.object)
            continue;
        yk_debug_say(me, "  holds ");
        yk_debug_say_use(me, &hold->use);
        yk_debug_say(me, ", for %.1f s\n", seconds(hold->since));
    }
    for (size_t i = 0; i < thread->n_pending; i++)
        if (thread->pending[i].waits)
            say_wait(me, &thread->pending[i]);
}

static void say_circle_once(struct yk_record *me, struct yk_record *start)
{
    struct yk_record *record = start;

    if (start->told || !yk_debug_circle(start))
        return;
    do {
        record->told = true;
        record = record->search.by;
    } while (record != start);
    yk_debug_say_circle(me, start);
}

static void say_circles(struct yk_record *me)
{
    for (struct yk_record *record = yk_debug_records; record; record = record->next)
        record->told = false;
    for (struct yk_record *record = yk_debug_records; record; record = record->next)
        if (record->thread)
            say_circle_once(me, record);
}

int yoke_debug_report(int fd)
{
    struct yk_record *me = yk_debug_me();
    struct yk_record *next = NULL;
    bool first = true, last = false;
    int rc = 0;

    if (!me)
        return -ENOMEM;
    yk_debug_say(me, "yoke: debug: process %d\n", yk_getpid());
    /* one thread at a time, as the room for text is for one */
    while (!last && rc == 0) {
        if (!yk_debug_enter(yoke_after(1))) {
            yk_debug_say(me,
                         "yoke: debug: a thread that is stopped is changing the records: let it run, and call again\n");
            (void)speak(me, fd);
            return -EBUSY;
        }
        if (first)
            next = yk_debug_records;
        first = false;
        last = !next;
        if (last)
            say_circles(me);
        else if (next->thread)
            say_thread(me, next);
        next = last ? NULL : next->next;
        yk_debug_leave();
        rc = speak(me, fd);
    }
    return rc;
}
