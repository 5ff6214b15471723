/* rwlock_fork_test.c -- RWLock in a child of fork: who is there, who is not, and what it means for those who are. */
#include "rwlock.h"

static yoke_rwlock lock, other;

/* Runs the test's second half in a child; other threads of the test are not there. */
static void in_a_child(void (*act)(void))
{
    pid_t pid = fork();

    if (pid == 0) {
        act();
        _exit(0);
    }
    check_ends_well(pid);
}

static void lock_is_free(void)
{
    check_free(&lock);
}

static void lock_is_in_use(void)
{
    CHECK_EQ(try_write(&lock), -ETIMEDOUT);
}

static void end_writing(void)
{
    struct guest reader = READER(&lock);

    CHECK_EQ(yoke_rwlock_write_held(&lock), 1);
    CHECK_EQ(try_read(&lock), -EDEADLK);
    CHECK_EQ(try_write(&lock), -EDEADLK);
    if (!SANITIZER) {
        invite(&reader, turn_half(&lock));
        yoke_rwlock_write_release(&lock);
        yoke_event_wait(&reader.in);
        CHECK_EQ(reader.rc, 0);
        see_off(&reader);
    } else {
        yoke_rwlock_write_release(&lock);
    }
    check_free(&lock);
}

TEST(who_forked_still_writes)
{
    struct guest reader = READER(&lock), writers[] = {WRITER(&lock), WRITER(&lock)};

    CHECK_EQ(yoke_rwlock_write_acquire(&lock), 0);
    in_a_child(end_writing);
    invite(&reader, turn_half(&lock));
    invite(&writers[0], turn_half(&lock));
    invite(&writers[1], &lock.writers.word);
    /* none of those who wait is there */
    in_a_child(end_writing);
    yoke_rwlock_write_release(&lock);
    see_off(&reader);
    see_off(&writers[0]);
    see_off(&writers[1]);
    check_free(&lock);
}

static void end_writing_at_once(void)
{
    yoke_rwlock_write_release(&lock);
    check_free(&lock);
    yoke_rwlock_read_release(&other);
}

/* Reading another one, by which readers are kept that may be this thread. */
TEST(who_waited_to_read_is_not_let_in_where_it_is_not)
{
    struct guest reader = READER(&lock);

    CHECK_EQ(yoke_rwlock_read_acquire(&other), 0);
    CHECK_EQ(yoke_rwlock_write_acquire(&lock), 0);
    invite(&reader, turn_half(&lock));
    in_a_child(end_writing_at_once);
    yoke_rwlock_write_release(&lock);
    see_off(&reader);
    yoke_rwlock_read_release(&other);
}

static void end_reading(void)
{
    CHECK_EQ(try_write(&lock), -ETIMEDOUT);
    CHECK_EQ(try_read(&lock), 0);
    yoke_rwlock_read_release(&lock);
    yoke_rwlock_read_release(&lock);
    check_free(&lock);
}

TEST(who_forked_still_reads)
{
    struct guest writer = WRITER(&lock), reader = READER(&lock);

    CHECK_EQ(yoke_rwlock_read_acquire(&lock), 0);
    in_a_child(end_reading);
    /* a writer that had announced itself, and who waited behind it, are gone */
    invite(&writer, readers_half(&lock));
    invite(&reader, turn_half(&lock));
    in_a_child(end_reading);
    yoke_rwlock_read_release(&lock);
    see_off(&writer);
    see_off(&reader);
    check_free(&lock);
}

static void repair(void)
{
    CHECK_EQ(yoke_rwlock_write_held(&lock), 0);
    CHECK_EQ(yoke_rwlock_read_acquire(&lock), -YOKE_EOWNERDEAD);
    CHECK_EQ(try_read(&lock), -YOKE_EOWNERDEAD);
    CHECK_EQ(try_write(&lock), -ETIMEDOUT);
    /* a writer that gives up has repaired nothing */
    CHECK_EQ(yoke_rwlock_write_acquire_until(&lock, yoke_after(1e-3)), -ETIMEDOUT);
    CHECK_EQ(try_read(&lock), -YOKE_EOWNERDEAD);
    for (int i = 0; i < 3; i++)
        yoke_rwlock_read_release(&lock);
    CHECK_EQ(yoke_rwlock_write_acquire(&lock), -YOKE_EOWNERDEAD);
    CHECK_EQ(yoke_rwlock_write_held(&lock), 1);
    yoke_rwlock_write_release(&lock);
    check_free(&lock);
}

TEST(a_writer_that_is_not_there_is_dead)
{
    struct guest writer = WRITER(&lock), reader = READER(&lock);

    invite(&writer, NULL);
    in_a_child(repair);
    invite(&reader, turn_half(&lock));
    in_a_child(repair);
    see_off(&writer);
    see_off(&reader);
    check_free(&lock);
}

static void repair_in_one_try(void)
{
    CHECK_EQ(try_write(&lock), -YOKE_EOWNERDEAD);
    yoke_rwlock_write_release(&lock);
    check_free(&lock);
}

TEST(who_only_tries_is_told_of_a_death_too)
{
    struct guest writer = WRITER(&lock);

    invite(&writer, NULL);
    in_a_child(repair_in_one_try);
    see_off(&writer);
}

TEST(a_writer_that_was_not_in_yet_is_not_missed)
{
    struct guest reader = READER(&lock), writer = WRITER(&lock);

    invite(&reader, NULL);
    invite(&writer, readers_half(&lock));
    in_a_child(lock_is_free);
    see_off(&reader);
    see_off(&writer);
}

TEST(readers_that_are_not_there_hold_up_nobody)
{
    struct guest readers[] = {READER(&lock), READER(&lock)};

    invite(&readers[0], NULL);
    invite(&readers[1], NULL);
    in_a_child(lock_is_free);
    see_off(&readers[0]);
    see_off(&readers[1]);
}

/* As documented: they cannot be told from the one who forked. */
TEST(who_reads_cannot_fork_the_other_readers_away)
{
    struct guest reader = READER(&lock);

    invite(&reader, NULL);
    CHECK_EQ(yoke_rwlock_read_acquire(&other), 0);
    in_a_child(lock_is_in_use);
    yoke_rwlock_read_release(&other);
    in_a_child(lock_is_free);
    see_off(&reader);
}

static void fork_again(void)
{
    in_a_child(end_reading);
    end_reading();
}

static void fork_before_any_use(void)
{
    in_a_child(lock_is_free);
    check_free(&lock);
    CHECK_EQ(yoke_rwlock_read_acquire(&lock), 0);
    fork_again();
}

TEST(a_child_of_a_child)
{
    struct guest reader = READER(&lock);

    invite(&reader, NULL);
    in_a_child(fork_before_any_use);
    see_off(&reader);
}

static void locks_of_the_child(void)
{
    yoke_rwlock fresh = {0};

    check_free(&fresh);
    CHECK_EQ(yoke_rwlock_read_acquire(&fresh), 0);
    CHECK_EQ(try_write(&fresh), -ETIMEDOUT);
    yoke_rwlock_read_release(&fresh);
    check_free(&fresh);
    CHECK_EQ(yoke_rwlock_write_acquire(&fresh), 0);
    yoke_rwlock_write_release(&fresh);
}

TEST(zero_bytes_are_a_free_lock_in_a_child_too)
{
    in_a_child(locks_of_the_child);
    CHECK_EQ(yoke_rwlock_read_acquire(&other), 0);
    in_a_child(locks_of_the_child);
    yoke_rwlock_read_release(&other);
}

static uint32_t gate;
static long sum;

static int add(void *arg)
{
    (void)arg;
    while (__atomic_load_n(&gate, __ATOMIC_ACQUIRE) == 0)
        continue;
    for (int i = 0; i < 100; i++) {
        int rc = yoke_rwlock_read_acquire(&lock);

        CHECK(rc == 0);
        yoke_rwlock_read_release(&lock);
        CHECK_EQ(yoke_rwlock_write_acquire(&lock), 0);
        sum++;
        yoke_rwlock_write_release(&lock);
    }
    return 0;
}

/* Whose call is the first there, is open. */
static void come_together(void)
{
    yoke_thread threads[3] = {0};

    for (int i = 0; i < 3; i++)
        CHECK_EQ(yoke_thread_start(&threads[i], add, NULL), 0);
    __atomic_store_n(&gate, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(yoke_thread_join(&threads[i], NULL), 0);
    CHECK_EQ(sum, 300);
    check_free(&lock);
}

TEST(threads_of_a_child_come_at_once)
{
    struct guest reader = READER(&lock);

    if (SANITIZER)
        SKIP("a fork beside threads cannot start others under it");
    for (int i = 0; i < 30; i++) {
        invite(&reader, NULL);
        in_a_child(come_together);
        see_off(&reader);
        reader = READER(&lock);
    }
}
