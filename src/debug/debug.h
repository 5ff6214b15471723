/* debug.h -- the records behind <yoke/debug.h>: what each thread of this process holds and waits for. */
#ifndef YK_DEBUG_RECORDS_H
#define YK_DEBUG_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yoke/debug.h>
#include <yoke/lock.h>
#include <yoke/thread.h>

/* An object, and a place in the source that uses it. */
struct yk_use {
    yoke_debug_kind kind;
    const void *object;
    const char *text, *at;
};

struct yk_hold {
    struct yk_use use; /* object NULL: a free slot */
    unsigned count;
    bool shared; /* between processes */
    yoke_time since;
    struct yk_record *owner;
    struct yk_hold *next; /* in its bucket */
};

struct yk_pending {
    struct yk_use use;
    yoke_time since;
    bool waits;              /* else it is only a call */
    bool gets;               /* when it succeeds, the thread holds the object */
    const void *lock;        /* that a condition's wait has released */
    struct yk_hold released; /* how the thread held that; object NULL: not known */
};

enum { YK_PENDING_MOST = 8, YK_TEXT_SIZE = 8192, YK_STDERR = 2 };

/* What is known of a thread.  Written between enter and leave, by that thread and by whoever releases for it; text and length by that
 * thread alone. */
struct yk_record {
    struct yk_record *next;
    const yoke_thread *thread; /* NULL: nobody's */
    char name[32];
    int native;
    uint32_t self; /* yk_self */
    bool leaving;  /* its thread is ending */
    bool told;     /* the report under way has named its circle */
    struct yk_hold holds[YOKE_DEBUG_HOLDS];
    struct yk_pending pending[YK_PENDING_MOST]; /* calls within calls (tasks of a serial pool), the innermost last */
    unsigned n_pending;
    struct { /* of circle.c, from one search to the next */
        unsigned mark;
        struct yk_record *by, *next;
        const struct yk_hold *through;
    } search;
    size_t length;
    char text[YK_TEXT_SIZE]; /* a report, written out after leave */
};

/* ---- records.c ---- */

extern struct yk_record *yk_debug_records;

/* The calling thread's; NULL when there is no memory for one, which a line says. */
struct yk_record *yk_debug_me(void);

/* All below, and the orders, between these two.  Nothing waits for anything else in between, so this adds no deadlock.  False at
 * the deadline, or if the calling thread (in a debugger) is inside. */
bool yk_debug_enter(yoke_time deadline);
void yk_debug_leave(void);

/* ---- holds.c ---- */

/* The holders of an object: the first (after NULL), and the next one after a hold; NULL: no more. */
struct yk_hold *yk_debug_holder(const void *object, const struct yk_hold *after);
struct yk_hold *yk_debug_own(struct yk_record *me, const void *object);
void yk_debug_add(struct yk_record *me, const struct yk_use *use, unsigned count);
void yk_debug_drop(struct yk_hold *hold);
/* In the child of a fork: nobody holds anything; then what a thread that is still there holds. */
void yk_debug_holds_forget_all(void);
void yk_debug_holds_keep(struct yk_record *record);

/* What the thread is waiting for, or NULL. */
static inline struct yk_pending *yk_debug_waits(struct yk_record *record)
{
    struct yk_pending *last = record->n_pending ? &record->pending[record->n_pending - 1] : NULL;

    return last && last->waits ? last : NULL;
}

/* ---- misuse.c: each says what is wrong with a use, if anything is ---- */

/* Acquires what the thread holds already. */
void yk_debug_say_twice(struct yk_record *me, const struct yk_hold *own, const struct yk_use *use);
/* Waits for a condition: all who do so at the same time must do it with the same lock. */
void yk_debug_check_lock(struct yk_record *me, const struct yk_pending *mine);
/* Releases what the thread does not hold. */
void yk_debug_check_release(struct yk_record *me, const struct yk_use *use);
/* Makes anew what somebody holds or awaits. */
void yk_debug_check_init(struct yk_record *me, const struct yk_use *use);

/* ---- order.c: which locks were acquired while which were held ---- */

/* Notes that `me` acquires `use` while it holds `held`; reports a circle that this closes. */
void yk_debug_order(struct yk_record *me, const struct yk_hold *held, const struct yk_use *use);
void yk_debug_order_forget(const void *object);
void yk_debug_order_forget_all(void);

/* ---- circle.c: who waits for whom ---- */

/* Whether the thread of `start` waits for itself, by way of others; leaves the way in `search` of each. */
bool yk_debug_circle(struct yk_record *start);
/* Then says it. */
void yk_debug_say_circle(struct yk_record *me, struct yk_record *start);

/* ---- report.c ---- */

/* Adds to the report of `me`; what has no room is cut off. */
void yk_debug_say(struct yk_record *me, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "mutex 0x55d0 (&account->mutex)" */
void yk_debug_say_object(struct yk_record *me, const struct yk_use *use);
/* "mutex 0x55d0 (&account->mutex) at bank.c:12" */
void yk_debug_say_use(struct yk_record *me, const struct yk_use *use);
/* Whether nothing of that kind was said of these two places yet; always false once too much was said. */
enum yk_news { YK_NEWS_ORDER, YK_NEWS_DEADLOCK, YK_NEWS_TWICE, YK_NEWS_TWO_LOCKS, YK_NEWS_INIT, YK_NEWS_END };
bool yk_debug_is_news(struct yk_record *me, enum yk_news kind, const char *at, const char *other);
/* Says once that a limit was reached. */
void yk_debug_say_limit(struct yk_record *me, bool *said, const char *line);
/* Writes what was said to stderr; not between enter and leave. */
void yk_debug_speak(struct yk_record *me);

#endif
