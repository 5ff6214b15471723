/* debugorder_test.c -- YOKE_DEBUG: locks that are taken in two orders. */
#include "nesting.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

static yoke_lock c;

TEST(two_orders_are_told_once)
{
    int lines[4];
    const char *text;

    listen_in();
    for (int i = 0; i < 3; i++) {
        lines[0] = __LINE__ + 1;
        yoke_lock_acquire(&a);
        lines[1] = __LINE__ + 1;
        yoke_lock_acquire(&b);
        yoke_lock_release(&b);
        yoke_lock_release(&a);
        lines[2] = __LINE__ + 1;
        yoke_lock_acquire(&b);
        lines[3] = __LINE__ + 1;
        yoke_lock_acquire(&a);
        yoke_lock_release(&a);
        yoke_lock_release(&b);
    }
    text = overheard();
    CHECK_SAID(text, 1, HANGS);
    for (int i = 0; i < 4; i++)
        CHECK_SAID(text, 1, "debugorder_test.c:%d\n", lines[i]);
    CHECK_SAID(text, 2, "lock %p (&a)", (void *)&a);
    CHECK_SAID(text, 2, "lock %p (&b)", (void *)&b);
    CHECK_SAID(text, 2, "MainThread took lock");
}

TEST(one_order_is_not_told)
{
    listen_in();
    for (int i = 0; i < 10; i++) {
        yoke_lock_acquire(&a);
        yoke_lock_acquire(&b);
        yoke_lock_acquire(&c);
        yoke_lock_release(&a);
        yoke_lock_release(&c);
        yoke_lock_release(&b);
        yoke_lock_acquire(&b);
        yoke_lock_acquire(&c);
        yoke_lock_release(&b);
        yoke_lock_release(&c);
    }
    CHECK_SILENCE(overheard());
}

static int nest_ab(void *arg)
{
    (void)arg;
    nest(&a, &b);
    return 0;
}

static int nest_bc(void *arg)
{
    (void)arg;
    nest(&b, &c);
    return 0;
}

TEST(a_longer_circle_names_each_thread)
{
    yoke_thread first = {0}, second = {0};
    const char *text;

    listen_in();
    CHECK_EQ(yoke_thread_start(&first, nest_ab, NULL, .name = "first"), 0);
    CHECK_EQ(yoke_thread_join(&first, NULL), 0);
    CHECK_EQ(yoke_thread_start(&second, nest_bc, NULL, .name = "second"), 0);
    CHECK_EQ(yoke_thread_join(&second, NULL), 0);
    nest(&c, &a);
    text = overheard();
    CHECK_SAID(text, 1, HANGS);
    CHECK_SAID(text, 1, "first took lock %p", (void *)&a);
    CHECK_SAID(text, 1, "second took lock %p", (void *)&b);
    CHECK_SAID(text, 1, "MainThread took lock %p", (void *)&c);
}

TEST(the_same_places_are_told_once)
{
    yoke_lock many[20] = {{0}};

    listen_in();
    for (int i = 0; i < 20; i += 2) {
        nest(&many[i], &many[i + 1]);
        nest(&many[i + 1], &many[i]);
    }
    CHECK_SAID(overheard(), 1, HANGS);
}

TEST(an_attempt_makes_no_order)
{
    listen_in();
    yoke_lock_acquire(&a);
    CHECK_EQ(yoke_lock_acquire_until(&b, YOKE_NOW), 0);
    yoke_lock_release(&b);
    yoke_lock_release(&a);
    nest(&b, &a);
    CHECK_SILENCE(overheard());
}

TEST(what_an_attempt_got_counts)
{
    listen_in();
    CHECK_EQ(yoke_lock_acquire_until(&a, YOKE_NOW), 0);
    CHECK_EQ(yoke_lock_acquire_until(&b, yoke_after(1000)), 0);
    yoke_lock_release(&b);
    yoke_lock_release(&a);
    /* an attempt that failed got nothing */
    yoke_lock_acquire(&c);
    CHECK_EQ(yoke_lock_acquire_until(&c, YOKE_NOW), -ETIMEDOUT);
    yoke_lock_release(&c);
    nest(&b, &a);
    CHECK_SAID(overheard(), 1, HANGS);
}

/* ---- every kind ---- */

enum kind { LOCK, MUTEX, RLOCK, READ, WRITE, N_KINDS };

static yoke_mutex mutex;
static yoke_rlock rlock;
static yoke_rwlock rwlock;

static int take(enum kind kind)
{
    switch (kind) {
    case LOCK:
        yoke_lock_acquire(&a);
        return 0;
    case MUTEX:
        return yoke_mutex_acquire(&mutex);
    case RLOCK:
        return yoke_rlock_acquire(&rlock);
    case READ:
        return yoke_rwlock_read_acquire(&rwlock);
    case WRITE:
        return yoke_rwlock_write_acquire(&rwlock);
    case N_KINDS:
        break;
    }
    return -1;
}

static void give(enum kind kind)
{
    if (kind == LOCK)
        yoke_lock_release(&a);
    if (kind == MUTEX)
        yoke_mutex_release(&mutex);
    if (kind == RLOCK)
        yoke_rlock_release(&rlock);
    if (kind == READ)
        yoke_rwlock_read_release(&rwlock);
    if (kind == WRITE)
        yoke_rwlock_write_release(&rwlock);
}

static void make_anew(enum kind kind)
{
    if (kind == LOCK)
        yoke_lock_init(&a, YOKE_PRIVATE);
    if (kind == MUTEX)
        yoke_mutex_init(&mutex, YOKE_PRIVATE);
    if (kind == RLOCK)
        yoke_rlock_init(&rlock, YOKE_PRIVATE);
    if (kind == READ || kind == WRITE)
        CHECK_EQ(yoke_rwlock_init(&rwlock, NULL, 0), 0);
}

static const char *const names[] = {"lock", "mutex", "rlock", "rwlock, to read,", "rwlock, to write,"};
static void *const objects[] = {&a, &mutex, &rlock, &rwlock, &rwlock};

/* In a process of its own each, since a report of the same places would not come again. */
static void each_kind(void (*act)(enum kind kind))
{
    for (enum kind kind = LOCK; kind < N_KINDS; kind++) {
        int status;
        pid_t pid = fork();

        if (pid == 0) {
            act(kind);
            _exit(0);
        }
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK_EQ(status, 0);
    }
}

static void two_orders(enum kind kind)
{
    const char *text;

    listen_in();
    CHECK_EQ(take(kind), 0);
    yoke_lock_acquire(&b);
    yoke_lock_release(&b);
    give(kind);
    yoke_lock_acquire(&b);
    CHECK_EQ(take(kind), 0);
    give(kind);
    yoke_lock_release(&b);
    text = overheard();
    CHECK_SAID(text, 1, HANGS);
    CHECK_SAID(text, 1, "took %s %p", names[kind], objects[kind]);
    CHECK_SAID(text, 1, "and then %s %p", names[kind], objects[kind]);
}

TEST(every_kind_of_lock_has_an_order)
{
    each_kind(two_orders);
}

static void two_objects(enum kind kind)
{
    listen_in();
    CHECK_EQ(take(kind), 0);
    yoke_lock_acquire(&b);
    yoke_lock_release(&b);
    give(kind);
    make_anew(kind);
    yoke_lock_acquire(&b);
    CHECK_EQ(take(kind), 0);
    give(kind);
    yoke_lock_release(&b);
    CHECK_SILENCE(overheard());
}

TEST(init_makes_another_object)
{
    each_kind(two_objects);
}

TEST(init_of_the_inner_one_too)
{
    listen_in();
    nest(&a, &b);
    nest(&b, &c);
    yoke_lock_init(&b, YOKE_PRIVATE);
    nest(&c, &a);
    CHECK_SILENCE(overheard());
}

TEST(an_rlock_that_is_held_is_not_waited_for)
{
    listen_in();
    CHECK_EQ(yoke_rlock_acquire(&rlock), 0);
    yoke_lock_acquire(&a);
    CHECK_EQ(yoke_rlock_acquire(&rlock), 0);
    CHECK_EQ(yoke_rlock_acquire_until(&rlock, yoke_after(1000)), 0);
    yoke_rlock_release(&rlock);
    yoke_rlock_release(&rlock);
    yoke_lock_release(&a);
    /* and it is still held */
    yoke_lock_acquire(&b);
    yoke_lock_release(&b);
    yoke_rlock_release(&rlock);
    CHECK_SILENCE(overheard());
    listen_in();
    yoke_lock_acquire(&b);
    CHECK_EQ(yoke_rlock_acquire(&rlock), 0);
    yoke_rlock_release(&rlock);
    yoke_lock_release(&b);
    CHECK_SAID(overheard(), 1, HANGS);
}

TEST(a_condition_takes_its_lock_again)
{
    const char *text;

    listen_in();
    yoke_lock_acquire(&a);
    yoke_lock_acquire(&b);
    CHECK_EQ(yoke_condition_wait_until(&condition, &a, yoke_after(0.001)), -ETIMEDOUT);
    yoke_lock_release(&b);
    yoke_lock_release(&a);
    text = overheard();
    CHECK_SAID(text, 1, HANGS);
    CHECK_SAID(text, 1, "took lock %p (&b)", (void *)&b);
    CHECK_SAID(text, 1, "and then lock %p (&a)", (void *)&a);
}

TEST(a_condition_gives_its_lock_back_held)
{
    listen_in();
    yoke_lock_acquire(&a);
    CHECK_EQ(yoke_condition_wait_until(&condition, &a, yoke_after(0.001)), -ETIMEDOUT);
    yoke_lock_acquire(&b);
    yoke_lock_release(&b);
    yoke_lock_release(&a);
    nest(&b, &a);
    CHECK_SAID(overheard(), 1, HANGS);
}

static yoke_mutex *shared;

static void die_with_it(void)
{
    if (yoke_mutex_acquire(shared) == 0)
        _exit(0);
}

TEST(what_a_dead_one_had_is_held)
{
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    yoke_mutex_init(shared, YOKE_SHARED);
    in_a_child(die_with_it);
    listen_in();
    CHECK_EQ(yoke_mutex_acquire(shared), -YOKE_EOWNERDEAD);
    yoke_lock_acquire(&a);
    yoke_lock_release(&a);
    yoke_mutex_release(shared);
    yoke_lock_acquire(&a);
    CHECK_EQ(yoke_mutex_acquire(shared), 0);
    yoke_mutex_release(shared);
    yoke_lock_release(&a);
    CHECK_SAID(overheard(), 1, HANGS);
    munmap(shared, 4096);
}

TEST(it_is_told_before_it_hangs)
{
    yoke_thread thread = {0};

    nest(&a, &b);
    listen_in();
    yoke_lock_acquire(&a);
    CHECK_EQ(yoke_thread_start(&thread, nest_ba, NULL), 0);
    asleep_on(getpid(), yoke_thread_native_id(&thread), &a.word);
    CHECK_SAID(overheard(), 1, HANGS);
    yoke_lock_release(&a);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}
