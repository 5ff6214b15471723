/* debugmisuse_test.c -- YOKE_DEBUG: what is wrong is named, with its place. */
#define YOKE_DEBUG
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <yoke.h>

#include "asleep.h"
#include "overheard.h"

static yoke_lock lock, other_lock;
static yoke_mutex mutex;
static yoke_rlock rlock;
static yoke_rwlock rwlock;

/* ---- twice in one thread ---- */

static int release_it(void *arg)
{
    asleep_on(getpid(), getpid(), &lock.word);
    yoke_lock_release(arg);
    return 0;
}

TEST(a_lock_that_its_thread_holds)
{
    yoke_thread thread = {0};
    const char *text;
    int first, second;

    listen_in();
    CHECK_EQ(yoke_thread_start(&thread, release_it, &lock), 0);
    first = __LINE__ + 1;
    yoke_lock_acquire(&lock);
    second = __LINE__ + 1;
    yoke_lock_acquire(&lock);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    yoke_lock_release(&lock);
    text = overheard();
    CHECK_SAID(text, 1, "MainThread acquires, once more, lock %p (&lock) at %s:%d", (void *)&lock, __FILE__, second);
    CHECK_SAID(text, 1, "which MainThread holds since %s:%d: another thread must release it", __FILE__, first);
    CHECK_SAID(text, 1, "yoke: debug");
}

TEST(a_mutex_that_its_thread_holds)
{
    const char *text;

    listen_in();
    CHECK_EQ(yoke_mutex_acquire(&mutex), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(yoke_mutex_acquire(&mutex), -EDEADLK);
    /* an attempt may find it so */
    CHECK_EQ(yoke_mutex_acquire_until(&mutex, YOKE_NOW), -EDEADLK);
    yoke_mutex_release(&mutex);
    text = overheard();
    CHECK_SAID(text, 1, "acquires, once more, mutex %p (&mutex)", (void *)&mutex);
    CHECK_SAID(text, 1, "-EDEADLK");
    CHECK_SAID(text, 1, "yoke: debug");
}

TEST(an_rwlock_that_its_thread_holds)
{
    const char *text;

    listen_in();
    CHECK_EQ(yoke_rwlock_read_acquire(&rwlock), 0);
    CHECK_EQ(yoke_rwlock_read_acquire(&rwlock), 0);
    CHECK_EQ(yoke_rwlock_write_acquire_until(&rwlock, yoke_after(0.001)), -ETIMEDOUT);
    yoke_rwlock_read_release(&rwlock);
    yoke_rwlock_read_release(&rwlock);
    CHECK_EQ(yoke_rwlock_write_acquire(&rwlock), 0);
    CHECK_EQ(yoke_rwlock_write_acquire(&rwlock), -EDEADLK);
    CHECK_EQ(yoke_rwlock_read_acquire(&rwlock), -EDEADLK);
    yoke_rwlock_write_release(&rwlock);
    CHECK_EQ(yoke_rwlock_read_acquire(&rwlock), 0);
    yoke_rwlock_read_release(&rwlock);
    text = overheard();
    CHECK_SAID(text, 1, "this waits for ever if a writer has come in between");
    CHECK_SAID(text, 1, "this waits for ever\n");
    CHECK_SAID(text, 2, "this gives -EDEADLK");
    CHECK_SAID(text, 4, "yoke: debug");
}

static yoke_once once;

static int run_again(void *arg)
{
    return yoke_once_run(&once, run_again, arg) == -EDEADLK ? 7 : 8;
}

TEST(a_once_that_its_thread_runs)
{
    const char *text;

    listen_in();
    CHECK_EQ(yoke_once_run(&once, run_again, NULL), 7);
    text = overheard();
    CHECK_SAID(text, 1, "acquires, once more, once %p (&once)", (void *)&once);
    CHECK_SAID(text, 1, "yoke: debug");
}

/* ---- conditions ---- */

static yoke_condition condition;

static int wait_with(void *arg)
{
    yoke_lock_acquire(arg);
    CHECK_EQ(yoke_condition_wait(&condition, (yoke_lock *)arg), 0);
    yoke_lock_release(arg);
    return 0;
}

static yoke_thread waiter;

static void let_another_wait(void)
{
    CHECK_EQ(yoke_thread_start(&waiter, wait_with, &lock, .name = "first"), 0);
    while (yoke_condition_waiting(&condition) == 0)
        sched_yield();
}

static void wait_with_other(void)
{
    let_another_wait();
    yoke_lock_acquire(&other_lock);
    (void)!yoke_condition_wait(&condition, &other_lock);
}

TEST(a_condition_with_two_locks)
{
    const char *text = aborts(wait_with_other);

    CHECK_SAID(text, 1, "MainThread waits for condition %p (&condition) at %s:", (void *)&condition, __FILE__);
    CHECK_SAID(text, 1, "with lock %p, but first waits for it with lock %p at %s:", (void *)&other_lock, (void *)&lock,
               __FILE__);
    CHECK_SAID(text, 1, "yoke: misuse: yoke_condition_wait: ");
}

TEST(a_condition_with_one_lock)
{
    listen_in();
    let_another_wait();
    yoke_lock_acquire(&lock);
    CHECK_EQ(yoke_condition_wait_until(&condition, &lock, yoke_after(0.001)), -ETIMEDOUT);
    yoke_condition_notify_all(&condition);
    yoke_lock_release(&lock);
    CHECK_EQ(yoke_thread_join(&waiter, NULL), 0);
    CHECK_SILENCE(overheard());
}

/* ---- giving back ---- */

static int hold_all(void *arg)
{
    CHECK_EQ(yoke_mutex_acquire(&mutex), 0);
    CHECK_EQ(yoke_rlock_acquire(&rlock), 0);
    CHECK_EQ(yoke_rwlock_write_acquire(&rwlock), 0);
    yoke_event_set(arg);
    /* until the process aborts */
    pause();
    return 0;
}

static void let_another_hold_all(void)
{
    yoke_event held = {0};
    static yoke_thread thread;

    CHECK_EQ(yoke_thread_start(&thread, hold_all, &held, .name = "owner"), 0);
    yoke_event_wait(&held);
}

static void release_mutex(void)
{
    let_another_hold_all();
    yoke_mutex_release(&mutex);
}

static void release_rlock(void)
{
    let_another_hold_all();
    yoke_rlock_release(&rlock);
}

static void release_rwlock(void)
{
    let_another_hold_all();
    yoke_rwlock_write_release(&rwlock);
}

TEST(who_holds_what_is_released)
{
    const char *text = aborts(release_mutex);

    CHECK_SAID(text, 1, "MainThread releases mutex %p (&mutex) at %s:", (void *)&mutex, __FILE__);
    CHECK_SAID(text, 1, "which owner holds since %s:", __FILE__);
    CHECK_SAID(text, 1, "yoke: misuse: yoke_mutex_release: ");
    text = aborts(release_rlock);
    CHECK_SAID(text, 1, "MainThread releases rlock %p (&rlock)", (void *)&rlock);
    CHECK_SAID(text, 1, "which owner holds since %s:", __FILE__);
    text = aborts(release_rwlock);
    CHECK_SAID(text, 1, "MainThread releases rwlock, to write, %p (&rwlock)", (void *)&rwlock);
    CHECK_SAID(text, 1, "which owner holds since %s:", __FILE__);
}

static void release_free_lock(void)
{
    yoke_lock_release(&lock);
}

static void release_read(void)
{
    yoke_rwlock_read_release(&rwlock);
}

static void notify_without_lock(void)
{
    let_another_wait();
    /* it has given the lock back */
    while (yoke_lock_locked(&lock))
        sched_yield();
    yoke_condition_notify(&condition, 1);
}

static void wait_without_lock(void)
{
    (void)!yoke_condition_wait_until(&condition, &lock, YOKE_FOREVER);
}

static int release_in_between(void *arg)
{
    yoke_lock_release(arg);
    return 0;
}

static void wait_whose_predicate_releases(void)
{
    yoke_lock_acquire(&lock);
    (void)!yoke_condition_wait_for(&condition, &lock, release_in_between, &lock, YOKE_FOREVER);
}

static void too_many_permits(void)
{
    yoke_semaphore_init(&(yoke_semaphore){0}, 2, 1, YOKE_PRIVATE);
}

static void dealloc_wrong(void)
{
    yoke_shm *shm;

    if (yoke_shm_open(&shm, 4096) == 0)
        yoke_shm_dealloc(shm, &lock);
}

static void dealloc_wrong_in_pool(void)
{
    yoke_pool *pool;

    if (yoke_pool_open(&pool, YOKE_SERIAL) == 0)
        yoke_pool_dealloc(pool, &lock);
}

TEST(what_aborts_names_its_place)
{
    void (*const acts[])(void) = {release_free_lock,
                                  release_read,
                                  release_mutex,
                                  too_many_permits,
                                  notify_without_lock,
                                  wait_without_lock,
                                  wait_whose_predicate_releases,
                                  dealloc_wrong,
                                  dealloc_wrong_in_pool};

    for (int i = 0; i < 9; i++) {
        const char *text = aborts(acts[i]);
        const char *misuse = strstr(text, "yoke: misuse: ");

        CHECK(misuse);
        CHECK_SAID(misuse, 1, ", at %s:", __FILE__);
        /* and it is the last line */
        CHECK(strchr(misuse, '\n')[1] == '\0');
    }
}

static void release_after_others(void)
{
    yoke_lock_acquire(&lock);
    yoke_lock_release(&lock);
    /* not a macro without an argument list */
    (yoke_lock_release)(&lock);
}

TEST(a_place_is_forgotten_after_its_call)
{
    CHECK_SAID(aborts(release_after_others), 0, __FILE__);
}

static int release_only(void *arg)
{
    yoke_lock_release(arg);
    return 0;
}

TEST(another_thread_may_release_a_lock)
{
    listen_in();
    for (int i = 0; i < 3; i++) {
        yoke_thread thread = {0};

        yoke_lock_acquire(&lock);
        CHECK_EQ(yoke_thread_start(&thread, release_only, &lock), 0);
        CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    }
    /* nothing was held meanwhile that would have an order */
    yoke_lock_acquire(&other_lock);
    yoke_lock_acquire(&lock);
    yoke_lock_release(&lock);
    yoke_lock_release(&other_lock);
    CHECK_SILENCE(overheard());
}

/* ---- the end of a thread ---- */

static int end_holding(void *arg)
{
    (void)arg;
    yoke_lock_acquire(&lock);
    CHECK_EQ(yoke_mutex_acquire(&mutex), 0);
    yoke_mutex_release(&mutex);
    return 0;
}

static int exit_holding(void *arg)
{
    (void)arg;
    CHECK_EQ(yoke_mutex_acquire(&mutex), 0);
    pthread_exit(NULL);
}

TEST(a_thread_ends_with_what_it_holds)
{
    yoke_thread thread = {0}, other = {0};
    const char *text;

    listen_in();
    CHECK_EQ(yoke_thread_start(&thread, end_holding, NULL, .name = "careless"), 0);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    CHECK_EQ(yoke_thread_start(&other, exit_holding, NULL, .name = "leaver"), 0);
    CHECK_EQ(yoke_thread_join(&other, NULL), 0);
    text = overheard();
    CHECK_SAID(text, 1, "careless ends while it holds lock %p (&lock) at %s:", (void *)&lock, __FILE__);
    CHECK_SAID(text, 1, "leaver ends while it holds mutex %p (&mutex) at %s:", (void *)&mutex, __FILE__);
    CHECK_SAID(text, 2, "yoke: debug");
    yoke_lock_release(&lock);
}

static void release_at_end(void *arg)
{
    yoke_mutex_release(arg);
}

static int leave_it_to_the_end(void *arg)
{
    CHECK_EQ(yoke_mutex_acquire(&mutex), 0);
    return yoke_local_set(arg, &mutex);
}

static int leave_once(void *arg)
{
    (void)arg;
    pthread_exit(NULL);
}

static int run_and_leave(void *arg)
{
    return yoke_once_run(&once, leave_once, arg);
}

TEST(a_thread_ends_well)
{
    yoke_local early = {0}, late = {0};
    yoke_thread thread = {0};
    int code = 1;

    CHECK_EQ(yoke_local_open(&early, release_at_end), 0);
    listen_in();
    yoke_lock_acquire(&lock);
    yoke_lock_release(&lock);
    CHECK_EQ(yoke_local_open(&late, release_at_end), 0);
    CHECK_EQ(yoke_thread_start(&thread, leave_it_to_the_end, &early), 0);
    CHECK_EQ(yoke_thread_join(&thread, &code), 0);
    CHECK_EQ(code, 0);
    thread = (yoke_thread){0};
    CHECK_EQ(yoke_thread_start(&thread, leave_it_to_the_end, &late), 0);
    CHECK_EQ(yoke_thread_join(&thread, &code), 0);
    thread = (yoke_thread){0};
    CHECK_EQ(yoke_thread_start(&thread, run_and_leave, NULL), 0);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    CHECK_SILENCE(overheard());
    yoke_local_close(&early);
    yoke_local_close(&late);
}

static void acquire_at_end(void *arg)
{
    yoke_lock_acquire(arg);
}

static int use_and_leave_it(void *arg)
{
    yoke_lock_acquire(&other_lock);
    yoke_lock_release(&other_lock);
    return yoke_local_set(arg, &lock);
}

/* Its record has been given up by then. */
TEST(a_thread_acquires_at_its_end)
{
    yoke_local late = {0};
    yoke_thread thread = {0};
    const char *text;

    listen_in();
    yoke_lock_acquire(&lock);
    yoke_lock_release(&lock);
    CHECK_EQ(yoke_local_open(&late, acquire_at_end), 0);
    CHECK_EQ(yoke_thread_start(&thread, use_and_leave_it, &late, .name = "late"), 0);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    text = overheard();
    CHECK_SAID(text, 1, "late ends while it holds lock %p (arg)", (void *)&lock);
    CHECK_SAID(text, 1, "yoke: debug");
    yoke_local_close(&late);
}

/* ---- init ---- */

TEST(init_of_what_is_held)
{
    const char *text;

    listen_in();
    yoke_lock_acquire(&lock);
    yoke_lock_init(&lock, YOKE_PRIVATE);
    yoke_lock_acquire(&lock);
    yoke_lock_release(&lock);
    text = overheard();
    CHECK_SAID(text, 1, "MainThread makes anew lock %p (&lock)", (void *)&lock);
    CHECK_SAID(text, 1, "which MainThread holds since %s:", __FILE__);
    CHECK_SAID(text, 1, "yoke: debug");
}

static int wait_for_event(void *arg)
{
    yoke_event_wait(arg);
    return 0;
}

TEST(init_of_what_is_awaited)
{
    yoke_event event = {0};
    yoke_thread thread = {0};
    const char *text;

    if (TEST_THREAD_SANITIZER)
        SKIP("it is a race, and the sanitizer says so");
    listen_in();
    CHECK_EQ(yoke_thread_start(&thread, wait_for_event, &event), 0);
    asleep_on(getpid(), yoke_thread_native_id(&thread), &event.word);
    yoke_event_init(&event, YOKE_PRIVATE);
    yoke_event_set(&event);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    text = overheard();
    CHECK_SAID(text, 1, "MainThread makes anew event %p (&event)", (void *)&event);
    CHECK_SAID(text, 1, "for which Thread-1 waits since %s:", __FILE__);
    CHECK_SAID(text, 1, "yoke: debug");
}
