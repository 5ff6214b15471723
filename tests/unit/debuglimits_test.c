/* debuglimits_test.c -- YOKE_DEBUG: orders beyond what is kept, and in a child of fork. */
#include "nesting.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/atomic.h"

static yoke_lock c;

/* ---- limits ---- */

TEST(so_many_held_at_once)
{
    static yoke_lock many[YOKE_DEBUG_HOLDS + 2];
    const char *text;

    listen_in();
    for (size_t i = 0; i < YOKE_DEBUG_HOLDS + 2; i++)
        yoke_lock_acquire(&many[i]);
    for (size_t i = 0; i < YOKE_DEBUG_HOLDS + 2; i++)
        yoke_lock_release(&many[i]);
    nest(&a, &b);
    nest(&b, &a);
    text = overheard();
    CHECK_SAID(text, 1, "%d things at once", YOKE_DEBUG_HOLDS);
    CHECK_SAID(text, 1, HANGS);
}

TEST(so_many_locks)
{
    yoke_lock *many = calloc(3 * YOKE_DEBUG_LOCKS, sizeof *many);
    const char *text;

    CHECK(many);
    listen_in();
    for (size_t i = 0; i < 3 * YOKE_DEBUG_LOCKS; i += 2)
        nest(&many[i], &many[i + 1]);
    nest(&a, &b);
    nest(&b, &a);
    text = overheard();
    CHECK_SAID(text, 1, "more than %d locks", YOKE_DEBUG_LOCKS);
    CHECK_SAID(text, 1, HANGS);
    free(many);
}

TEST(so_many_orders)
{
    static yoke_lock outer[130], inner[130];
    const char *text;

    listen_in();
    for (size_t i = 0; i < 130; i++)
        for (size_t k = 0; k < 130; k++)
            nest(&outer[i], &inner[k]);
    text = overheard();
    CHECK_SAID(text, 1, "more than %d orders", YOKE_DEBUG_ORDERS);
    CHECK_SAID(text, 1, "yoke: debug");
    /* those of objects that are no more make room */
    listen_in();
    yoke_lock_init(&inner[0], YOKE_PRIVATE);
    nest(&a, &b);
    nest(&b, &a);
    CHECK_SAID(overheard(), 1, HANGS);
}

/* What was forgotten is not taken for what came after it. */
TEST(many_locks_under_one)
{
    yoke_lock *many = calloc(3 * YOKE_DEBUG_LOCKS, sizeof *many), *last = &many[3 * YOKE_DEBUG_LOCKS - 1];
    const char *text;

    CHECK(many);
    listen_in();
    yoke_lock_acquire(&a);
    for (yoke_lock *one = many; one <= last; one++) {
        yoke_lock_acquire(one);
        yoke_lock_release(one);
    }
    /* (the one that it holds is not forgotten) */
    for (int i = 0; i < 100; i++) {
        yoke_lock *fresh = calloc(1, sizeof *fresh);

        yoke_lock_acquire(fresh);
        yoke_lock_acquire(&b);
        yoke_lock_release(&b);
        yoke_lock_release(fresh);
        free(fresh);
    }
    yoke_lock_release(&a);
    text = overheard();
    CHECK_SAID(text, 0, HANGS);
    listen_in();
    nest(last, &a);
    text = overheard();
    CHECK_SAID(text, 1, HANGS);
    CHECK_SAID(text, 2, "lock %p (", (void *)last);
    free(many);
}

static int hold_a(void *arg)
{
    yoke_event *events = arg;

    yoke_lock_acquire(&a);
    for (size_t i = 0; i < YOKE_DEBUG_LOCKS; i++) {
        static yoke_lock many[YOKE_DEBUG_LOCKS];

        yoke_lock_acquire(&many[i]);
        yoke_lock_release(&many[i]);
    }
    yoke_event_set(&events[0]);
    yoke_event_wait(&events[1]);
    yoke_lock_release(&a);
    return 0;
}

TEST(an_order_with_a_lock_that_was_forgotten)
{
    static yoke_lock fresh[100];
    yoke_event events[2] = {{0}};
    yoke_thread thread = {0};

    listen_in();
    CHECK_EQ(yoke_thread_start(&thread, hold_a, events), 0);
    yoke_event_wait(&events[0]);
    /* each takes the place of one that was under a */
    for (size_t i = 0; i < 100; i++) {
        yoke_lock_acquire(&fresh[i]);
        CHECK_EQ(yoke_lock_acquire_until(&a, yoke_after(1e-6)), -ETIMEDOUT);
        yoke_lock_release(&fresh[i]);
    }
    yoke_event_set(&events[1]);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    CHECK_SAID(overheard(), 0, HANGS);
}

TEST(so_many_reports)
{
    static char places[300][8];
    const char *text;
    int call = yoke_debug_begin(YOKE_DEBUG_LOCK, &a, YOKE_FOREVER, "&a", "here");

    yoke_debug_end(call, 0);
    listen_in();
    for (int i = 0; i < 300; i++) {
        snprintf(places[i], sizeof places[i], "x.c:%d", i);
        call = yoke_debug_begin(YOKE_DEBUG_LOCK, &a, YOKE_FOREVER, "&a", places[i]);
        yoke_debug_end(call, -1);
    }
    text = overheard();
    CHECK_SAID(text, 256, "acquires, once more, lock");
    CHECK_SAID(text, 1, "more than 256 reports");
}

TEST(so_many_calls_within_calls)
{
    int calls[20];
    const char *text;

    listen_in();
    for (int i = 0; i < 20; i++)
        calls[i] = yoke_debug_begin(YOKE_DEBUG_EVENT, &a, YOKE_FOREVER, "&a", "x.c:1");
    for (int i = 19; i >= 0; i--)
        CHECK_EQ(yoke_debug_end(calls[i], i), i);
    nest(&a, &b);
    nest(&b, &a);
    text = overheard();
    CHECK_SAID(text, 1, "8 deep");
    CHECK_SAID(text, 1, HANGS);
}

TEST(a_report_that_is_too_long)
{
    static yoke_lock chain[200];
    const char *text;
    size_t length;

    listen_in();
    for (int i = 0; i < 200; i++)
        nest(&chain[i], &chain[(i + 1) % 200]);
    text = overheard();
    length = strlen(text);
    CHECK_SAID(text, 1, HANGS);
    CHECK(length > 5000 && strcmp(text + length - 4, "...\n") == 0);
}

/* ---- fork ---- */

static void begins_anew(void)
{
    listen_in();
    nest(&b, &a);
    CHECK_SILENCE(overheard());
    listen_in();
    nest(&a, &b);
    CHECK_SAID(overheard(), 1, HANGS);
}

static void holds_c(void)
{
    listen_in();
    yoke_lock_acquire(&a);
    yoke_lock_release(&a);
    yoke_lock_release(&c);
    nest(&a, &c);
    CHECK_SAID(overheard(), 1, HANGS);
}

/* As a hold of its own: it can be given back. */
static void gives_c_back(void)
{
    listen_in();
    yoke_lock_release(&c);
    yoke_lock_acquire(&c);
    yoke_lock_release(&c);
    nest(&a, &c);
    CHECK_SILENCE(overheard());
}

static yoke_mutex *shared;

static void does_not_hold_shared(void)
{
    listen_in();
    CHECK_EQ(yoke_mutex_acquire_until(shared, yoke_after(0.001)), -ETIMEDOUT);
    CHECK_SILENCE(overheard());
}

static int wait_for_a(void *arg)
{
    yoke_lock_acquire(arg);
    yoke_lock_release(arg);
    return 0;
}

TEST(a_child_of_fork_has_what_its_thread_holds)
{
    yoke_thread thread = {0};

    nest(&a, &b);
    in_a_child(begins_anew);
    yoke_lock_acquire(&c);
    in_a_child(holds_c);
    in_a_child(gives_c_back);
    yoke_lock_release(&c);

    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    yoke_mutex_init(shared, YOKE_SHARED);
    CHECK_EQ(yoke_mutex_acquire(shared), 0);
    in_a_child(does_not_hold_shared);
    yoke_mutex_release(shared);
    munmap(shared, 4096);

    /* with another thread there */
    yoke_lock_acquire(&c);
    CHECK_EQ(yoke_thread_start(&thread, wait_for_a, &c), 0);
    asleep_on(getpid(), yoke_thread_native_id(&thread), &c.word);
    in_a_child(begins_anew);
    yoke_lock_release(&c);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}

static yk_a32 stop;

static int nest_on(void *arg)
{
    yoke_lock *own = arg;

    while (!yk_load_rlx(&stop)) {
        yoke_lock_acquire(own);
        nest(&b, &c);
        yoke_lock_release(own);
        yoke_lock_init(own, YOKE_PRIVATE);
    }
    return 0;
}

static void begins_anew_whatever_the_others_did(void)
{
    /* as another thread may have held them */
    yoke_lock_init(&b, YOKE_PRIVATE);
    yoke_lock_init(&c, YOKE_PRIVATE);
    listen_in();
    nest(&a, &b);
    nest(&b, &c);
    CHECK_EQ(yoke_debug_report(STDERR_FILENO), 0);
    CHECK_SAID(overheard(), 2, "\n");
    listen_in();
    nest(&c, &a);
    CHECK_SAID(overheard(), 1, HANGS);
}

TEST(a_fork_at_any_moment)
{
    static yoke_lock own[2];
    yoke_thread threads[2] = {{0}};

    nest(&a, &b);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(yoke_thread_start(&threads[i], nest_on, &own[i]), 0);
    for (int i = 0; i < 200; i++)
        in_a_child(begins_anew_whatever_the_others_did);
    yk_store_rlx(&stop, 1);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(yoke_thread_join(&threads[i], NULL), 0);
}
