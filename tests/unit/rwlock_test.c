/* rwlock_test.c -- RWLock between threads: who is let in together and who is not, phases, deadlines, misuse. */
#include <stdatomic.h>

#include "rwlock.h"

/* ---- alone ---- */

TEST(zero_bytes_are_a_free_lock)
{
    yoke_rwlock lock = {0}, made;

    memset(&made, 0xff, sizeof made);
    CHECK_EQ(yoke_rwlock_init(&made, NULL, 0), 0);
    check_free(&lock);
    check_free(&made);
    CHECK_EQ(yoke_rwlock_read_acquire(&made), 0);
    CHECK_EQ(yoke_rwlock_write_held(&made), 0);
    yoke_rwlock_read_release(&made);
    CHECK_EQ(yoke_rwlock_write_acquire(&made), 0);
    CHECK_EQ(yoke_rwlock_write_held(&made), 1);
    yoke_rwlock_write_release(&made);
    CHECK_EQ(yoke_rwlock_write_held(&made), 0);
    /* a free lock may be copied, and needs no end */
    lock = made;
    check_free(&lock);
}

TEST(init_checks_the_seats)
{
    static yoke_seat seats[YOKE_SEATS_MAX + 1];
    yoke_rwlock lock = {0};

    CHECK_EQ(yoke_rwlock_read_acquire(&lock), 0);
    CHECK_EQ(yoke_rwlock_init(&lock, seats, 0), -EINVAL);
    CHECK_EQ(yoke_rwlock_init(&lock, NULL, 1), -EINVAL);
    CHECK_EQ(yoke_rwlock_init(&lock, seats, YOKE_SEATS_MAX + 1), -EINVAL);
    /* untouched */
    CHECK_EQ(try_write(&lock), -ETIMEDOUT);
    yoke_rwlock_read_release(&lock);
}

TEST(a_writer_does_not_wait_for_itself)
{
    yoke_rwlock lock = {0};

    CHECK_EQ(yoke_rwlock_write_acquire(&lock), 0);
    CHECK_EQ(yoke_rwlock_write_acquire(&lock), -EDEADLK);
    CHECK_EQ(try_write(&lock), -EDEADLK);
    CHECK_EQ(yoke_rwlock_read_acquire(&lock), -EDEADLK);
    CHECK_EQ(try_read(&lock), -EDEADLK);
    CHECK_EQ(yoke_rwlock_write_held(&lock), 1);
    yoke_rwlock_write_release(&lock);
    check_free(&lock);
}

TEST(too_many_readers)
{
    yoke_rwlock lock = {0};

    for (int i = 0; i < 65536; i++)
        CHECK_EQ(yoke_rwlock_read_acquire(&lock), 0);
    CHECK_EQ(yoke_rwlock_read_acquire(&lock), -EAGAIN);
    CHECK_EQ(try_read(&lock), -EAGAIN);
    for (int i = 0; i < 65536; i++)
        yoke_rwlock_read_release(&lock);
    check_free(&lock);
}

TEST(too_many_who_wait_to_read)
{
    yoke_rwlock lock = {0};
    struct guest reader = READER(&lock);

    CHECK_EQ(yoke_rwlock_write_acquire(&lock), 0);
    lock.state += UINT64_C(16384) << 17; /* as if so many waited */
    invite(&reader, NULL);
    CHECK_EQ(reader.rc, -EAGAIN);
    see_off(&reader);
    lock.state -= UINT64_C(16384) << 17;
    yoke_rwlock_write_release(&lock);
    check_free(&lock);
}

/* ---- two at a time ---- */

TEST(readers_are_there_together_and_writers_alone)
{
    yoke_rwlock lock = {0};
    struct guest reader = READER(&lock), writer = WRITER(&lock);

    CHECK_EQ(yoke_rwlock_read_acquire(&lock), 0);
    invite(&reader, NULL);
    CHECK_EQ(reader.rc, 0);
    CHECK_EQ(try_write(&lock), -ETIMEDOUT);
    CHECK_EQ(yoke_rwlock_write_acquire_until(&lock, yoke_after(0.01)), -ETIMEDOUT);
    yoke_rwlock_read_release(&lock);
    CHECK_EQ(try_write(&lock), -ETIMEDOUT);
    CHECK_EQ(try_read(&lock), 0);
    yoke_rwlock_read_release(&lock);
    see_off(&reader);

    invite(&writer, NULL);
    CHECK_EQ(try_write(&lock), -ETIMEDOUT);
    CHECK_EQ(try_read(&lock), -ETIMEDOUT);
    CHECK_EQ(yoke_rwlock_write_acquire_until(&lock, yoke_after(0.01)), -ETIMEDOUT);
    CHECK_EQ(yoke_rwlock_read_acquire_until(&lock, yoke_after(0.01)), -ETIMEDOUT);
    CHECK_EQ(yoke_rwlock_write_held(&lock), 0);
    see_off(&writer);
    check_free(&lock);
}

TEST(a_deadline_is_kept)
{
    yoke_rwlock lock = {0};
    struct guest writer = WRITER(&lock);
    yoke_time deadline = yoke_after(0.03);

    invite(&writer, NULL);
    CHECK_EQ(yoke_rwlock_read_acquire_until(&lock, deadline), -ETIMEDOUT);
    CHECK(yoke_now() >= deadline);
    deadline = yoke_after(0.03);
    CHECK_EQ(yoke_rwlock_write_acquire_until(&lock, deadline), -ETIMEDOUT);
    CHECK(yoke_now() >= deadline);
    see_off(&writer);
    /* also with a deadline that has passed, as long as nobody is in the way */
    CHECK_EQ(yoke_rwlock_write_acquire_until(&lock, -1), 0);
    yoke_rwlock_write_release(&lock);
    CHECK_EQ(yoke_rwlock_read_acquire_until(&lock, 1), 0);
    deadline = yoke_after(0.03);
    CHECK_EQ(yoke_rwlock_write_acquire_until(&lock, deadline), -ETIMEDOUT);
    CHECK(yoke_now() >= deadline);
    yoke_rwlock_read_release(&lock);
    check_free(&lock);
}

TEST(waiting_uses_no_cpu)
{
    yoke_rwlock lock = {0};
    struct guest writer = WRITER(&lock), reader = READER(&lock);
    int64_t before;

    invite(&writer, NULL);
    /* the first wait asks how many CPUs there are */
    CHECK_EQ(yoke_rwlock_read_acquire_until(&lock, yoke_after(0.001)), -ETIMEDOUT);
    before = cpu_time();
    CHECK_EQ(yoke_rwlock_read_acquire_until(&lock, yoke_after(0.1)), -ETIMEDOUT);
    CHECK_EQ(yoke_rwlock_write_acquire_until(&lock, yoke_after(0.1)), -ETIMEDOUT);
    see_off(&writer);
    invite(&reader, NULL);
    CHECK_EQ(yoke_rwlock_write_acquire_until(&lock, yoke_after(0.1)), -ETIMEDOUT);
    CHECK(cpu_time() - before < 15 * MS);
    see_off(&reader);
}

/* ---- phases ---- */

TEST(the_last_reader_lets_the_writer_in)
{
    yoke_rwlock lock = {0};
    struct guest reader = READER(&lock), writer = WRITER(&lock);

    CHECK_EQ(yoke_rwlock_read_acquire(&lock), 0);
    invite(&reader, NULL);
    invite(&writer, readers_half(&lock));
    yoke_rwlock_read_release(&lock);
    /* it sleeps on, or again */
    asleep_on(getpid(), yoke_thread_native_id(&writer.thread), readers_half(&lock));
    CHECK_EQ(yoke_event_is_set(&writer.in), 0);
    see_off(&reader);
    yoke_event_wait(&writer.in);
    CHECK_EQ(writer.rc, 0);
    see_off(&writer);
    check_free(&lock);
}

TEST(who_comes_after_a_writer_waits_for_it)
{
    yoke_rwlock lock = {0};
    struct guest writer = WRITER(&lock), late = READER(&lock);

    CHECK_EQ(yoke_rwlock_read_acquire(&lock), 0);
    invite(&writer, readers_half(&lock));
    CHECK_EQ(try_read(&lock), -ETIMEDOUT);
    CHECK_EQ(yoke_rwlock_read_acquire_until(&lock, yoke_after(0.01)), -ETIMEDOUT);
    invite(&late, turn_half(&lock));
    yoke_rwlock_read_release(&lock);
    yoke_event_wait(&writer.in);
    CHECK_EQ(yoke_event_is_set(&late.in), 0);
    CHECK_EQ(try_read(&lock), -ETIMEDOUT);
    see_off(&writer);
    yoke_event_wait(&late.in);
    see_off(&late);
    check_free(&lock);
}

TEST(waiting_readers_come_before_the_next_writer)
{
    yoke_rwlock lock = {0};
    struct guest readers[] = {READER(&lock), READER(&lock), READER(&lock)}, writer = WRITER(&lock);

    for (int round = 0; round < 20; round++) {
        CHECK_EQ(yoke_rwlock_write_acquire(&lock), 0);
        invite(&writer, turn_half(&lock));
        for (int i = 0; i < 3; i++)
            invite(&readers[i], turn_half(&lock));
        yoke_rwlock_write_release(&lock);
        /* they are in already, whether they run yet or not, and all of them */
        CHECK_EQ(try_write(&lock), -ETIMEDOUT);
        for (int i = 0; i < 3; i++)
            yoke_event_wait(&readers[i].in);
        CHECK_EQ(yoke_event_is_set(&writer.in), 0);
        see_off(&readers[0]);
        see_off(&readers[1]);
        asleep_on(getpid(), yoke_thread_native_id(&writer.thread), readers_half(&lock));
        see_off(&readers[2]);
        yoke_event_wait(&writer.in);
        see_off(&writer);
        for (int i = 0; i < 3; i++)
            readers[i] = READER(&lock);
        writer = WRITER(&lock);
    }
    check_free(&lock);
}

/* A reader that goes on at the end of a turn has no part in the next one, even if that has begun when it looks. */
TEST(a_reader_waits_for_one_writer_only)
{
    yoke_rwlock lock = {0};

    for (int round = 0; round < 100; round++) {
        struct guest reader = READER(&lock);

        CHECK_EQ(yoke_rwlock_write_acquire(&lock), 0);
        invite(&reader, turn_half(&lock));
        yoke_rwlock_write_release(&lock);
        /* waits for that reader, which must not wait for it */
        yoke_event_set(&reader.leave);
        CHECK_EQ(yoke_rwlock_write_acquire(&lock), 0);
        CHECK_EQ(yoke_event_is_set(&reader.in), 1);
        yoke_rwlock_write_release(&lock);
        see_off(&reader);
    }
    check_free(&lock);
}

/* ---- writers among writers ---- */

/* In the lock's word: the first of the waiting writers has been overtaken too often. */
static const uint64_t late = UINT64_C(1) << 42;

static bool is_late(const yoke_rwlock *lock)
{
    return (__atomic_load_n(&lock->state, __ATOMIC_RELAXED) & late) != 0;
}

struct overtaken {
    yoke_rwlock lock;
    yoke_thread thread;
    _Atomic int had_it;
};

static int write_once(void *arg)
{
    struct overtaken *o = arg;
    int rc = yoke_rwlock_write_acquire_until(&o->lock, yoke_after(1e6));

    if (rc < 0)
        return rc;
    o->had_it = 1;
    yoke_rwlock_write_release(&o->lock);
    return 0;
}

/* As if others had come first, again and again; the test's time is the limit. */
static void wake_in_vain(struct overtaken *o)
{
    handle_signals();
    CHECK_EQ(yoke_rwlock_write_acquire(&o->lock), 0);
    start_asleep(&o->thread, write_once, o, turn_half(&o->lock));
    CHECK(!is_late(&o->lock));
    while (!is_late(&o->lock))
        check_sleeps_on(&o->thread, turn_half(&o->lock));
}

TEST(a_writer_that_others_overtake_is_let_through)
{
    struct overtaken o = {.had_it = 0};

    wake_in_vain(&o);
    yoke_rwlock_write_release(&o.lock);
    CHECK_EQ(yoke_rwlock_write_acquire(&o.lock), 0);
    CHECK_EQ(o.had_it, 1);
    CHECK(!is_late(&o.lock));
    yoke_rwlock_write_release(&o.lock);
    CHECK_EQ(code_of(&o.thread), 0);
    check_free(&o.lock);
}

static void be_interruptible(int number)
{
    (void)number;
    yoke_thread_interruptible(1);
}

TEST(courtesy_ends_with_who_gives_up)
{
    struct sigaction action = {.sa_handler = be_interruptible};
    struct overtaken o = {.had_it = 0};

    if (THREAD_SANITIZER)
        SKIP("the thread sanitizer holds signals back");
    wake_in_vain(&o);
    sigaction(SIGUSR1, &action, NULL);
    interrupt(&o.thread);
    CHECK_EQ(code_of(&o.thread), -EINTR);
    CHECK(!is_late(&o.lock));
    yoke_rwlock_write_release(&o.lock);
    check_free(&o.lock);
}

/* ---- misuse ---- */

static yoke_rwlock global;

static void read_release_by_nobody(void *arg)
{
    (void)arg;
    yoke_rwlock_read_release(&global);
}

static void read_release_of_another(void *arg)
{
    yoke_rwlock other = {0};

    (void)arg;
    if (yoke_rwlock_read_acquire(&other) == 0)
        yoke_rwlock_read_release(&global);
}

static void write_release_by_nobody(void *arg)
{
    (void)arg;
    yoke_rwlock_write_release(&global);
}

static void write_release_by_a_reader(void *arg)
{
    (void)arg;
    if (yoke_rwlock_read_acquire(&global) == 0)
        yoke_rwlock_write_release(&global);
}

static void write_release_twice(void *arg)
{
    (void)arg;
    if (yoke_rwlock_write_acquire(&global) == 0)
        yoke_rwlock_write_release(&global);
    yoke_rwlock_write_release(&global);
}

static void write_release_of_another_thread(void *arg)
{
    struct guest writer = WRITER(&global);

    (void)arg;
    invite(&writer, NULL);
    yoke_rwlock_write_release(&global);
}

static void read_release_of_another_thread(void *arg)
{
    struct guest reader = READER(&global);

    (void)arg;
    invite(&reader, NULL);
    yoke_rwlock_read_release(&global);
}

TEST(releasing_what_one_does_not_hold_aborts)
{
    check_misuse(read_release_by_nobody, NULL, "yoke_rwlock_read_release");
    check_misuse(read_release_of_another, NULL, "yoke_rwlock_read_release");
    check_misuse(read_release_of_another_thread, NULL, "yoke_rwlock_read_release");
    check_misuse(write_release_by_nobody, NULL, "yoke_rwlock_write_release");
    check_misuse(write_release_by_a_reader, NULL, "yoke_rwlock_write_release");
    check_misuse(write_release_twice, NULL, "yoke_rwlock_write_release");
    check_misuse(write_release_of_another_thread, NULL, "yoke_rwlock_write_release");
}
