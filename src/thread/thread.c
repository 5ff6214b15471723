/* thread.c -- Thread: start and join, who runs now, and who the caller is.
 *
 * Invariants.
 * - `state` gains bits, and loses only JOINING, when a join fails.  The thread itself sets RETURNED, after its code.  Who joins
 *   with a deadline first waits for RETURNED; what is left of the thread then is short, and is waited for without a deadline,
 *   so that a thread that is not alive can always be joined at once.  One joiner holds JOINING: it alone waits for the system's
 *   thread, and sets JOINED when that is gone; the others sleep on the word.  So a thread is given back to the system once,
 *   however many join it and however often they time out.
 * - Whoever sleeps on the word has put WAITED into it, and whoever changes it then wakes all: a plain join pays for no wake.
 * - A thread that starts wakes nobody and waits for nobody: its native ID comes a moment after start, and who asks earlier
 *   waits for it.
 * - The registry holds the records of threads from before they are made until their function has returned.  One that has no
 *   native ID may still fail to start, and is not shown before that is known.
 * - In the child of a fork only the thread that forked goes on.  `generation` tells objects of its own from those that it
 *   inherited, whose threads are not there to be waited for. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yoke/lock.h>

#include "os/os.h"
#include "sync/wait.h"
#include "thread/thread.h"

/* The bits of state; an object that was not started has none. */
enum {
    STARTED = 1,
    RETURNED = 2,
    JOINING = 4,
    JOINED = 8,
    WAITED = 16,
    UNSTARTED = 32 /* a thread that Yoke did not start: the main thread or a foreign one */
};

/* Values of native that are no ID. */
#define UNKNOWN 0
#define WANTED UINT32_MAX      /* somebody sleeps until it is known */
#define NEVER (UINT32_MAX - 1) /* the start failed */

#define STACK_LEAST 16384

/* A yoke_thread, as this file sees it (may_alias: the object was made under the public type). */
typedef struct __attribute__((may_alias)) view {
    struct record *record; /* from start until joined; written by start and by the holder of JOINING */
    yk_a32 state;
    int32_t code;        /* written by the thread before RETURNED */
    uint64_t ident;      /* this and the rest but native: written by start */
    yk_a32 native;       /* written by the thread, or by a start that fails; WANTED by who waits */
    uint32_t generation; /* also written by forked, for the thread that forked */
    char name[32];
} view;

_Static_assert(sizeof(view) == sizeof(yoke_thread), "two views of the same memory");
_Static_assert(offsetof(view, state) == offsetof(yoke_thread, state), "two views of the same memory");

/* What a thread needs while it runs. */
struct record {
    struct yk_os_thread os;
    view *thread;
    int (*run)(void *arg);
    void *arg;
    struct record *previous, *next; /* under registry.lock */
};

static view main_thread = {.state = {UNSTARTED}, .ident = 1, .name = "MainThread"};

/* The calling thread, once it is known; written by that thread only. */
static _Thread_local view *self;

/* lock guards the list and `hooked`; the others are written in the child of a fork only, which has one thread. */
static struct {
    yoke_lock lock;
    bool hooked; /* forked will be called */
    uint32_t generation;
    view *main;
    struct record *first, *last;
} registry = {.main = &main_thread};

static yk_a64 idents = {1};
static yk_a32 default_names, foreign_names;

/* ---- registry ---- */

static void link_last(struct record *record)
{
    record->previous = registry.last;
    record->next = NULL;
    *(registry.last ? &registry.last->next : &registry.first) = record;
    registry.last = record;
}

/* In the child of a fork: the lock may be held by a thread that is not there, and the list half changed. */
static void forked(void)
{
    registry.lock = (yoke_lock){0};
    registry.generation++;
    registry.first = registry.last = NULL;
    registry.main = self ? self : &main_thread;
    if (!self)
        return;
    self->generation = registry.generation;
    yk_store_rlx(&self->native, (uint32_t)yk_gettid());
    /* whoever was joining it is not here */
    yk_and_seq(&self->state, ~(uint32_t)JOINING);
    if ((yk_load_rlx(&self->state) & (STARTED | RETURNED)) == STARTED)
        link_last(self->record);
}

static int hook(void)
{
    int rc = registry.hooked ? 0 : yk_at_fork(forked);

    registry.hooked = rc == 0;
    return rc;
}

static int enter(struct record *record)
{
    int rc;

    yoke_lock_acquire(&registry.lock);
    rc = hook();
    if (rc == 0)
        link_last(record);
    yoke_lock_release(&registry.lock);
    return rc;
}

static void leave(struct record *record)
{
    yoke_lock_acquire(&registry.lock);
    *(record->previous ? &record->previous->next : &registry.first) = record->next;
    *(record->next ? &record->next->previous : &registry.last) = record->previous;
    yoke_lock_release(&registry.lock);
}

/* ---- the thread's own side ---- */

static void publish_native(view *thread, uint32_t id)
{
    /* release only because there is no relaxed one: the word carries no other memory with it */
    if (yk_swap_rel(&thread->native, id) == WANTED)
        yk_futex_wake(&thread->native, INT_MAX, false);
}

static void wake_if_waited(view *thread, uint32_t state)
{
    /* by its address only: a joiner may have left with the object already */
    if (state & WAITED)
        yk_futex_wake(&thread->state, INT_MAX, false);
}

static void finish(struct record *record, int code)
{
    view *thread = record->thread;

    leave(record);
    thread->code = code;
    /* release: pairs with the acquire in yoke_thread_alive, await_return and join */
    wake_if_waited(thread, yk_or_seq(&thread->state, RETURNED));
}

static void call(void *arg)
{
    struct record *record = arg;

    finish(record, record->run(record->arg));
}

static void exited(void *arg)
{
    finish(arg, YOKE_THREAD_EXITED);
}

static void body(void *arg)
{
    struct record *record = arg;

    self = record->thread;
    publish_native(self, (uint32_t)yk_gettid());
    yk_os_thread_name(self->name);
    yk_os_thread_guard(call, exited, record);
}

/* ---- start ---- */

static void set_name(view *thread, const char *name)
{
    memset(thread->name, 0, sizeof thread->name);
    if (name)
        memcpy(thread->name, name, strnlen(name, sizeof thread->name - 1));
    else
        snprintf(thread->name, sizeof thread->name, "Thread-%u", yk_add_rlx(&default_names, 1) + 1);
}

static int launch(struct record *record, const yoke_thread_options *options)
{
    int rc = enter(record);

    if (rc < 0)
        return rc;
    rc = yk_os_thread_start(&record->os, body, record, options->stack_size, options->cpus, options->n_cpus);
    if (rc < 0) {
        /* first, because somebody may wait for it with the registry's lock held */
        publish_native(record->thread, NEVER);
        leave(record);
    }
    return rc;
}

int yoke_thread_start_with(yoke_thread *thread, int (*run)(void *arg), const yoke_thread_options *options)
{
    static const yoke_thread_options defaults = {.size = sizeof defaults};
    view *t = (view *)thread;
    struct record *record;
    view before;
    int rc;

    if (!options)
        options = &defaults;
    if (!t || !run || options->size < sizeof *options)
        return -EINVAL;
    if (yk_load_rlx(&t->state) != 0)
        return -EBUSY;
    if (options->stack_size != 0 && options->stack_size < STACK_LEAST)
        return -EINVAL;
    record = malloc(sizeof *record);
    if (!record)
        return -ENOMEM;
    *record = (struct record){.thread = t, .run = run, .arg = options->arg};
    before = *t;
    *t = (view){.record = record, .state = {STARTED}, .generation = registry.generation};
    t->ident = yk_add_rlx(&idents, 1) + 1;
    set_name(t, options->name);
    rc = launch(record, options);
    if (rc < 0) {
        *t = before;
        free(record);
    }
    return rc;
}

int yk_thread_start_worker(yoke_thread *thread, int (*run)(void *arg), void *arg, unsigned number)
{
    char name[32];

    snprintf(name, sizeof name, "Worker-%u", number);
    return yoke_thread_start(thread, run, arg, .name = name);
}

/* ---- join ---- */

/* Sleeps until the state is no longer this one, or for no reason; or -ETIMEDOUT, -EINTR. */
static int sleep_on(view *t, uint32_t state, yoke_time deadline)
{
    /* relaxed would do: whoever goes on looks at the state again */
    if (!(state & WAITED) && !yk_cas_acq(&t->state, &state, state | WAITED))
        return 0;
    return yk_sleep_many(&(struct yk_wait){&t->state, state | WAITED, false}, 1, deadline);
}

static int await_return(view *t, yoke_time deadline)
{
    int rc = 0;

    for (;;) {
        /* acquire: pairs with the or in finish */
        uint32_t state = yk_load_acq(&t->state);

        if (state & RETURNED)
            return 0;
        if (rc < 0)
            return rc;
        rc = sleep_on(t, state, deadline);
    }
}

/* True when the caller holds JOINING and is to join; false when the thread has been joined. */
static bool claim(view *t)
{
    for (;;) {
        /* acquire: pairs with the or of JOINED, and with the and of JOINING, in join_claimed */
        uint32_t state = yk_load_acq(&t->state);

        if (state & JOINED)
            return false;
        if (state & JOINING)
            sleep_on(t, state, YOKE_FOREVER);
        else if (yk_cas_aar(&t->state, &state, state | JOINING))
            return true;
    }
}

static int join_claimed(view *t)
{
    /* fails only when two threads join each other */
    int rc = yk_os_thread_join(&t->record->os, YOKE_FOREVER);

    if (rc == 0) {
        free(t->record);
        t->record = NULL;
    }
    /* release: pairs with the load in claim */
    wake_if_waited(t, rc == 0 ? yk_or_seq(&t->state, JOINED) : yk_and_seq(&t->state, ~(uint32_t)JOINING));
    return rc;
}

/* until: NULL for a plain join, for which nobody need wake the caller. */
static int join(yoke_thread *thread, const yoke_time *until, int *ret_code)
{
    view *t = (view *)thread;
    /* acquire: pairs with the ors in finish and join_claimed */
    uint32_t state = t ? yk_load_acq(&t->state) : 0;
    int rc = 0;

    if (!(state & STARTED))
        return -EINVAL;
    if (t == self)
        return -EDEADLK;
    if (t->generation != registry.generation) {
        rc = state & RETURNED ? 0 : -YOKE_EFORKED;
    } else {
        if (until)
            rc = await_return(t, *until);
        if (rc == 0 && claim(t))
            rc = join_claimed(t);
    }
    if (rc == 0 && ret_code)
        *ret_code = t->code;
    return rc;
}

int yoke_thread_join_until(yoke_thread *thread, yoke_time deadline, int *ret_code)
{
    return join(thread, &deadline, ret_code);
}

int yoke_thread_join(yoke_thread *thread, int *ret_code)
{
    return join(thread, NULL, ret_code);
}

int yk_thread_ended(yoke_thread *thread, struct yk_wait *ret_wait)
{
    view *t = (view *)thread;
    /* acquire: pairs with the or in finish */
    uint32_t state = t ? yk_load_acq(&t->state) : 0;

    if (!(state & STARTED))
        return -EINVAL;
    if (t == self)
        return -EDEADLK;
    if (!(state & RETURNED) && t->generation != registry.generation)
        return -YOKE_EFORKED;
    while (!(state & (RETURNED | WAITED)))
        if (yk_cas_aar(&t->state, &state, state | WAITED))
            state |= WAITED;
    *ret_wait = (struct yk_wait){&t->state, state, false};
    return (state & RETURNED) != 0;
}

/* ---- getters ---- */

/* Waits for it if the thread is only just starting. */
static int native_of(view *t)
{
    /* relaxed, all: the word carries no other memory with it */
    uint32_t id = yk_load_rlx(&t->native);

    while (id == UNKNOWN || id == WANTED) {
        if (t->generation != registry.generation)
            return 0;
        if (id == WANTED || yk_cas_rel(&t->native, &id, WANTED))
            yk_futex_wait(&t->native, WANTED, false, YOKE_FOREVER);
        id = yk_load_rlx(&t->native);
    }
    return id == NEVER ? 0 : (int)id;
}

int yoke_thread_alive(const yoke_thread *thread)
{
    const view *t = (const view *)thread;
    /* acquire: pairs with the or in finish */
    uint32_t state = yk_load_acq(&t->state);

    return state == UNSTARTED || ((state & (STARTED | RETURNED)) == STARTED && t->generation == registry.generation);
}

const char *yoke_thread_name(const yoke_thread *thread)
{
    return ((const view *)thread)->name;
}

uint64_t yoke_thread_ident(const yoke_thread *thread)
{
    return ((const view *)thread)->ident;
}

int yoke_thread_native_id(const yoke_thread *thread)
{
    /* not const: who waits for the ID leaves a mark.  The objects are the library's, as their fields are */
    view *t = (view *)(uintptr_t)thread;

    if (t == &main_thread)
        return yk_getpid();
    return yk_load_rlx(&t->state) == 0 ? 0 : native_of(t);
}

/* ---- who is here ---- */

static view *make_foreign(void)
{
    static _Thread_local view foreign;

    foreign = (view){.state = {UNSTARTED}, .generation = registry.generation};
    foreign.ident = yk_add_rlx(&idents, 1) + 1;
    foreign.native.v = (uint32_t)yk_gettid();
    snprintf(foreign.name, sizeof foreign.name, "Foreign-%u", yk_add_rlx(&foreign_names, 1) + 1);
    /* without the hook, for want of memory, its native ID would be wrong after a fork: nothing to fail for */
    yoke_lock_acquire(&registry.lock);
    hook();
    yoke_lock_release(&registry.lock);
    return &foreign;
}

yoke_thread *yoke_thread_current(void)
{
    if (!self)
        self = yk_gettid() == yk_getpid() ? &main_thread : make_foreign();
    return (yoke_thread *)self;
}

yoke_thread *yoke_thread_main(void)
{
    return (yoke_thread *)registry.main;
}

static void tell(view *thread, int native, yoke_thread_info *info)
{
    memcpy(info->name, thread->name, sizeof info->name);
    info->ident = thread->ident;
    info->native_id = native;
}

size_t yoke_thread_enumerate(yoke_thread_info *infos, size_t n)
{
    size_t count = 1;

    if (n > 0)
        tell(registry.main, yoke_thread_native_id(yoke_thread_main()), &infos[0]);
    yoke_lock_acquire(&registry.lock);
    for (struct record *record = registry.first; record; record = record->next) {
        int native = record->thread == registry.main ? 0 : native_of(record->thread);

        if (native == 0)
            continue;
        if (count < n)
            tell(record->thread, native, &infos[count]);
        count++;
    }
    yoke_lock_release(&registry.lock);
    return count;
}
