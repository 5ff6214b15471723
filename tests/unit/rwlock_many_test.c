/* rwlock_many_test.c -- RWLock between threads: those who give up, many at once, and memory that goes away or cannot be written. */
#include "rwlock.h"

/* ---- giving up ---- */

static void check_gives_up(struct guest *guest, const void *asleep)
{
    handle_signals();
    guest->until_signal = 1;
    invite(guest, asleep);
    interrupt(&guest->thread);
    yoke_event_wait(&guest->in);
    CHECK_EQ(guest->rc, -EINTR);
    see_off(guest);
}

TEST(a_reader_that_gives_up_leaves_no_trace)
{
    yoke_rwlock lock = {0};
    struct guest behind = READER(&lock), writer = WRITER(&lock), reader = READER(&lock);

    CHECK_EQ(yoke_rwlock_write_acquire(&lock), 0);
    check_gives_up(&behind, turn_half(&lock));
    yoke_rwlock_write_release(&lock);
    check_free(&lock);

    /* behind one that has not got in yet */
    behind = READER(&lock);
    CHECK_EQ(yoke_rwlock_read_acquire(&lock), 0);
    invite(&writer, readers_half(&lock));
    check_gives_up(&behind, turn_half(&lock));
    invite(&reader, turn_half(&lock));
    yoke_rwlock_read_release(&lock);
    yoke_event_wait(&writer.in);
    see_off(&writer);
    yoke_event_wait(&reader.in);
    see_off(&reader);
    check_free(&lock);
}

TEST(a_writer_that_gives_up_lets_in_who_waited_behind_it)
{
    yoke_rwlock lock = {0};
    struct guest writer = WRITER(&lock), readers[] = {READER(&lock), READER(&lock)};

    CHECK_EQ(yoke_rwlock_read_acquire(&lock), 0);
    handle_signals();
    writer.until_signal = 1;
    invite(&writer, readers_half(&lock));
    for (int i = 0; i < 2; i++)
        invite(&readers[i], turn_half(&lock));
    interrupt(&writer.thread);
    for (int i = 0; i < 2; i++) {
        yoke_event_wait(&readers[i].in);
        CHECK_EQ(readers[i].rc, 0);
    }
    see_off(&writer);
    CHECK_EQ(writer.rc, -EINTR);
    CHECK_EQ(try_write(&lock), -ETIMEDOUT);
    yoke_rwlock_read_release(&lock);
    for (int i = 0; i < 2; i++)
        see_off(&readers[i]);
    check_free(&lock);
}

TEST(writers_give_up_wherever_they_wait)
{
    yoke_rwlock lock = {0};
    struct guest first = WRITER(&lock), second = WRITER(&lock), third = WRITER(&lock);

    CHECK_EQ(yoke_rwlock_write_acquire(&lock), 0);
    handle_signals();
    first.until_signal = 1;
    invite(&first, turn_half(&lock));
    check_gives_up(&second, &lock.writers.word);
    invite(&third, &lock.writers.word);
    interrupt(&first.thread);
    see_off(&first);
    CHECK_EQ(first.rc, -EINTR);
    asleep_on(getpid(), yoke_thread_native_id(&third.thread), turn_half(&lock));
    yoke_rwlock_write_release(&lock);
    yoke_event_wait(&third.in);
    CHECK_EQ(third.rc, 0);
    see_off(&third);
    check_free(&lock);
}

static int acquire_for_ever(void *arg)
{
    struct guest *guest = arg;

    yoke_thread_interruptible(1);
    guest->rc = guest->writes ? yoke_rwlock_write_acquire(guest->lock) : yoke_rwlock_read_acquire(guest->lock);
    if (guest->writes)
        yoke_rwlock_write_release(guest->lock);
    else
        yoke_rwlock_read_release(guest->lock);
    return 0;
}

TEST(a_signal_does_not_end_a_wait_without_a_deadline)
{
    yoke_rwlock lock = {0};
    struct guest guests[] = {READER(&lock), WRITER(&lock)};

    handle_signals();
    CHECK_EQ(yoke_rwlock_write_acquire(&lock), 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(yoke_thread_start(&guests[i].thread, acquire_for_ever, &guests[i]), 0);
    for (int i = 0; i < 10; i++) {
        asleep_on(getpid(), yoke_thread_native_id(&guests[i % 2].thread), turn_half(&lock));
        interrupt(&guests[i % 2].thread);
    }
    yoke_rwlock_write_release(&lock);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(yoke_thread_join(&guests[i].thread, NULL), 0);
        CHECK_EQ(guests[i].rc, 0);
    }
    check_free(&lock);
}

/* ---- all at once ---- */

struct counted {
    yoke_rwlock lock;
    long rounds;
    struct tally tally;
};

static int count(void *arg)
{
    struct counted *c = arg;

    for (long i = 0; i < c->rounds; i++) {
        CHECK_EQ(yoke_rwlock_write_acquire(&c->lock), 0);
        count_one(&c->tally);
        yoke_rwlock_write_release(&c->lock);
    }
    return 0;
}

static int look(void *arg)
{
    struct counted *c = arg;
    long before = 0;

    for (long i = 0; i < c->rounds; i++) {
        CHECK_EQ(yoke_rwlock_read_acquire(&c->lock), 0);
        CHECK_EQ(c->tally.a, c->tally.b);
        CHECK(c->tally.a >= before);
        before = c->tally.a;
        yoke_rwlock_read_release(&c->lock);
    }
    return 0;
}

/* The same with deadlines that are often missed, so that waiters give up among those that wait for ever. */
static int count_impatiently(void *arg)
{
    struct counted *c = arg;

    for (long i = 0; i < c->rounds; i++) {
        while (yoke_rwlock_write_acquire_until(&c->lock, at_once_or_soon(i)) < 0)
            continue;
        count_slowly(&c->tally, i);
        yoke_rwlock_write_release(&c->lock);
    }
    return 0;
}

static int look_impatiently(void *arg)
{
    struct counted *c = arg;

    for (long i = 0; i < c->rounds; i++)
        if (yoke_rwlock_read_acquire_until(&c->lock, at_once_or_soon(i)) == 0) {
            CHECK_EQ(c->tally.a, c->tally.b);
            yoke_rwlock_read_release(&c->lock);
        }
    return 0;
}

static void contend(int (*const *runs)(void *), int n, long writes)
{
    struct counted c = {.rounds = 10000};

    run_together(runs, n, &c);
    CHECK_EQ(c.tally.a, writes * c.rounds);
    check_free(&c.lock);
}

TEST(writers_exclude_each_other)
{
    contend((int (*const[])(void *)){count, count, count}, 3, 3);
}

TEST(readers_see_nothing_half_written)
{
    contend((int (*const[])(void *)){count, look, look, count}, 4, 2);
}

TEST(giving_up_loses_nobody)
{
    contend((int (*const[])(void *)){count, look, count_impatiently, look_impatiently, look_impatiently}, 5, 2);
}

/* ---- memory that goes away, or cannot be written ---- */

/* Those who try and try again would keep a writer waiting, if they counted among the readers each time. */
TEST(who_tries_in_vain_writes_nothing)
{
    yoke_rwlock *lock = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct guest reader = READER(lock), writer = WRITER(lock);

    CHECK(lock != MAP_FAILED);
    invite(&reader, NULL);
    invite(&writer, readers_half(lock));
    CHECK_EQ(mprotect(lock, 4096, PROT_READ), 0);
    CHECK_EQ(try_read(lock), -ETIMEDOUT);
    CHECK_EQ(try_write(lock), -ETIMEDOUT);
    CHECK_EQ(mprotect(lock, 4096, PROT_READ | PROT_WRITE), 0);
    see_off(&reader);
    see_off(&writer);
    check_free(lock);
    munmap(lock, 4096);
}

static int read_and_take_away(void *arg)
{
    yoke_rwlock *lock = arg;

    CHECK_EQ(yoke_rwlock_read_acquire(lock), 0);
    return mprotect(lock, 4096, PROT_NONE);
}

static int write_and_take_away(void *arg)
{
    yoke_rwlock *lock = arg;

    CHECK_EQ(yoke_rwlock_write_acquire(lock), 0);
    return mprotect(lock, 4096, PROT_NONE);
}

/* When a release has let somebody in, that one may free the memory.  (Whether the release is late enough to notice is chance; it
 * must not crash in any case.) */
TEST(release_looks_at_nothing_that_may_be_gone)
{
    for (int i = 0; i < 300; i++) {
        yoke_rwlock *lock = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        yoke_thread thread = {0};
        int code;

        CHECK(lock != MAP_FAILED);
        if (i % 3 == 0) {
            CHECK_EQ(yoke_rwlock_read_acquire(lock), 0);
            CHECK_EQ(yoke_thread_start(&thread, write_and_take_away, lock), 0);
            asleep_on(getpid(), yoke_thread_native_id(&thread), readers_half(lock));
            yoke_rwlock_read_release(lock);
        } else {
            CHECK_EQ(yoke_rwlock_write_acquire(lock), 0);
            CHECK_EQ(yoke_thread_start(&thread, i % 3 == 1 ? read_and_take_away : write_and_take_away, lock), 0);
            asleep_on(getpid(), yoke_thread_native_id(&thread), turn_half(lock));
            yoke_rwlock_write_release(lock);
        }
        CHECK_EQ(yoke_thread_join(&thread, &code), 0);
        CHECK_EQ(code, 0);
        munmap(lock, 4096);
    }
}
