/* records.c -- a record for each thread, as long as that runs.
 *
 * Invariants.
 * - Records are linked for good and used again, so there are as many as there were threads at once, and the list can be walked in
 *   the child of a fork, whenever that was made.
 * - A record that is somebody's has the number (yk_self) of its thread; by it the child of a fork knows which one came along. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yoke/local.h>
#include <yoke/mutex.h>

#include "base/base.h"
#include "debug/debug.h"
#include "os/os.h"
#include "sync/self.h"

struct yk_record *yk_debug_records; /* under the mutex, as all below */

static yoke_mutex mutex;
static uint32_t n_forks; /* as of the last entry */
static yoke_local slot;  /* the thread's record, so that its end is seen */

static _Thread_local struct yk_record *mine; /* the same */

static void forget(struct yk_record *record)
{
    record->thread = NULL;
    record->n_pending = 0;
    for (size_t i = 0; i < YOKE_DEBUG_HOLDS; i++)
        record->holds[i].use.object = NULL;
}

/* In the child of a fork, by the first who enters: of the threads that were there, the one that forked is left. */
static void forked(void)
{
    yk_debug_holds_forget_all();
    yk_debug_order_forget_all();
    for (struct yk_record *record = yk_debug_records; record; record = record->next) {
        if (!record->thread || yk_is_ghost(record->self)) {
            forget(record);
            continue;
        }
        record->native = yk_getpid();
        record->n_pending = 0;
        yk_debug_holds_keep(record);
    }
}

bool yk_debug_enter(yoke_time deadline)
{
    int rc;

    do
        rc = yoke_mutex_acquire_until(&mutex, deadline);
    while (rc == -EINTR);
    /* the mutex of a thread that is not there any more is one case of what follows */
    if (rc < 0 && rc != -YOKE_EOWNERDEAD)
        return false;
    if (n_forks != yk_forks())
        forked();
    n_forks = yk_forks();
    return true;
}

void yk_debug_leave(void)
{
    yoke_mutex_release(&mutex);
}

/* ---- the end of a thread ---- */

static void say_end(struct yk_record *me, struct yk_hold *hold)
{
    /* a run that leaves by ending its thread gives the once back */
    if (hold->use.kind == YOKE_DEBUG_ONCE || !yk_debug_is_news(me, YK_NEWS_END, hold->use.at, NULL))
        return;
    yk_debug_say(me, "yoke: debug: %s ends while it holds ", me->name);
    yk_debug_say_use(me, &hold->use);
    yk_debug_say(me, "\n");
}

/* True if another slot's function may still give back what the thread holds, and this is to be called in the next round. */
static bool postpone(struct yk_record *me)
{
    bool before = me->leaving;

    for (size_t i = 0; i < YOKE_DEBUG_HOLDS && !me->leaving; i++)
        me->leaving = me->holds[i].use.object != NULL;
    return me->leaving && !before && yoke_local_set(&slot, me) == 0;
}

static void ended(void *record)
{
    struct yk_record *me = record;

    yk_debug_enter(YOKE_FOREVER);
    if (postpone(me)) {
        yk_debug_leave();
        return;
    }
    for (size_t i = 0; i < YOKE_DEBUG_HOLDS; i++)
        if (me->holds[i].use.object) {
            say_end(me, &me->holds[i]);
            yk_debug_drop(&me->holds[i]);
        }
    yk_debug_leave();
    yk_debug_speak(me);
    yk_debug_enter(YOKE_FOREVER);
    forget(me);
    yk_debug_leave();
    mine = NULL;
}

/* ---- its beginning ---- */

/* The number first: at every moment it is that of the thread, or of one that has ended. */
static void fill(struct yk_record *record, const yoke_thread *thread)
{
    record->self = yk_self();
    record->native = yk_gettid();
    record->leaving = false;
    memcpy(record->name, yoke_thread_name(thread), sizeof record->name);
    record->thread = thread;
}

static struct yk_record *reuse(const yoke_thread *thread)
{
    struct yk_record *record = yk_debug_records;

    while (record && record->thread)
        record = record->next;
    if (record)
        fill(record, thread);
    return record;
}

static void append(struct yk_record *record)
{
    struct yk_record **link = &yk_debug_records;

    while (*link)
        link = &(*link)->next;
    *link = record;
}

static struct yk_record *take(const yoke_thread *thread)
{
    struct yk_record *record = NULL;
    bool is_open;

    yk_debug_enter(YOKE_FOREVER);
    is_open = slot.is_open || yoke_local_open(&slot, ended) == 0;
    if (is_open)
        record = reuse(thread);
    yk_debug_leave();
    if (record || !is_open)
        return record;
    record = calloc(1, sizeof *record);
    if (!record)
        return NULL;
    fill(record, thread);
    yk_debug_enter(YOKE_FOREVER);
    append(record);
    yk_debug_leave();
    return record;
}

static struct yk_record *begin(void)
{
    struct yk_record *record = take(yoke_thread_current());

    if (!record || yoke_local_set(&slot, record) == 0)
        return record;
    yk_debug_enter(YOKE_FOREVER);
    forget(record);
    yk_debug_leave();
    return NULL;
}

struct yk_record *yk_debug_me(void)
{
    static const char none[] = "yoke: debug: no memory for the record of a thread: it is not followed\n";
    static yk_a32 said;

    if (!mine)
        mine = begin();
    /* relaxed: it only counts */
    if (!mine && yk_add_rlx(&said, 1) == 0)
        (void)yk_write(YK_STDERR, none, sizeof none - 1);
    return mine;
}
