/* semaphore_test.c -- Semaphore between threads: permits, bounds, deadlines, wakes, signals, misuse. */
#include <yoke/semaphore.h>

#include "os/os.h"
#include "sharing.h"

static int acquire_only(void *arg)
{
    yoke_semaphore_acquire(arg);
    return 0;
}

static int acquire_in_time(void *arg)
{
    return yoke_semaphore_acquire_until(arg, in_time());
}

/* Where the low half is. */
static const void *slept_on(const yoke_semaphore *semaphore)
{
    return semaphore->shared ? NULL : (const char *)&semaphore->value + (*(const char *)&(int){1} ? 0 : 4);
}

static uint32_t waiters_of(const yoke_semaphore *semaphore)
{
    return (uint32_t)(semaphore->value >> 32);
}

/* ---- permits ---- */

static void check_permits(yoke_semaphore *semaphore, uint32_t permits)
{
    CHECK_EQ(yoke_semaphore_value(semaphore), permits);
    for (uint32_t left = permits; left > 0; left--) {
        CHECK_EQ(yoke_semaphore_value(semaphore), left);
        if (left % 2)
            yoke_semaphore_acquire(semaphore);
        else
            CHECK_EQ(yoke_semaphore_acquire_until(semaphore, left % 4 ? YOKE_NOW : YOKE_FOREVER), 0);
    }
    CHECK_EQ(yoke_semaphore_value(semaphore), 0);
    CHECK_EQ(yoke_semaphore_acquire_until(semaphore, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yoke_semaphore_acquire_until(semaphore, -1), -ETIMEDOUT);
    CHECK_EQ(yoke_semaphore_acquire_until(semaphore, 1), -ETIMEDOUT);
    CHECK_EQ(yoke_semaphore_release(semaphore, 3), 0);
    CHECK_EQ(yoke_semaphore_release(semaphore, 0), 0);
    CHECK_EQ(yoke_semaphore_value(semaphore), 3);
    /* also with a deadline that has passed */
    CHECK_EQ(yoke_semaphore_acquire_until(semaphore, 1), 0);
    CHECK_EQ(yoke_semaphore_value(semaphore), 2);
    CHECK_EQ(waiters_of(semaphore), 0);
}

TEST(zero_bytes_have_no_permit_and_each_acquire_takes_one)
{
    yoke_semaphore zero = {0}, five = {.value = 5}, made;

    check_permits(&zero, 0);
    check_permits(&five, 5);
    for (uint32_t value = 0; value < 4; value++) {
        memset(&made, 0xff, sizeof made);
        yoke_semaphore_init(&made, value, 0, value % 2 ? YOKE_SHARED : YOKE_PRIVATE);
        check_permits(&made, value);
    }
    /* one that nobody uses may be copied, and needs no end */
    zero = made;
    CHECK_EQ(yoke_semaphore_value(&zero), 2);
    yoke_semaphore_acquire(&zero);
}

static void check_bound(yoke_semaphore *semaphore, uint32_t bound)
{
    uint32_t value = yoke_semaphore_value(semaphore);

    CHECK_EQ(yoke_semaphore_release(semaphore, bound - value + 1), -EOVERFLOW);
    CHECK_EQ(yoke_semaphore_release(semaphore, UINT32_MAX), -EOVERFLOW);
    CHECK_EQ(yoke_semaphore_value(semaphore), value);
    CHECK_EQ(yoke_semaphore_release(semaphore, bound - value), 0);
    CHECK_EQ(yoke_semaphore_value(semaphore), bound);
    CHECK_EQ(yoke_semaphore_release(semaphore, 1), -EOVERFLOW);
    CHECK_EQ(yoke_semaphore_release(semaphore, 0), 0);
    yoke_semaphore_acquire(semaphore);
    CHECK_EQ(yoke_semaphore_release(semaphore, 2), -EOVERFLOW);
    CHECK_EQ(yoke_semaphore_release(semaphore, 1), 0);
    CHECK_EQ(yoke_semaphore_value(semaphore), bound);
}

TEST(a_release_beyond_the_bound_changes_nothing)
{
    yoke_semaphore bounded = {.value = 2, .bound = 3}, full = {.value = 3, .bound = 3}, unbounded = {.value = 7}, made;

    check_bound(&bounded, 3);
    check_bound(&full, 3);
    check_bound(&unbounded, YOKE_SEMAPHORE_MAX);
    yoke_semaphore_init(&made, 0, 5, YOKE_SHARED);
    check_bound(&made, 5);
    yoke_semaphore_init(&made, YOKE_SEMAPHORE_MAX, 0, YOKE_PRIVATE);
    check_bound(&made, YOKE_SEMAPHORE_MAX);
}

TEST(waits_end_at_their_deadline_and_use_no_cpu)
{
    for (int i = 0; i < 2; i++) {
        yoke_semaphore semaphore;
        yoke_time deadline;
        int64_t before;

        yoke_semaphore_init(&semaphore, 0, 0, i ? YOKE_SHARED : YOKE_PRIVATE);
        /* the first wait asks how many CPUs there are */
        CHECK_EQ(yoke_semaphore_acquire_until(&semaphore, yoke_after(0.001)), -ETIMEDOUT);
        deadline = yoke_after(0.2);
        before = cpu_time();
        CHECK_EQ(yoke_semaphore_acquire_until(&semaphore, deadline), -ETIMEDOUT);
        CHECK(yoke_now() >= deadline);
        CHECK(cpu_time() - before < 10 * MS);
        CHECK_EQ(waiters_of(&semaphore), 0);
    }
}

/* ---- sleeping and waking ---- */

/* Of four sleepers, n releases of one, or one of n, let through n. */
static void check_wakes(uint32_t shared, uint32_t n, bool at_once)
{
    yoke_semaphore semaphore;
    yoke_thread threads[4] = {0};

    yoke_semaphore_init(&semaphore, 0, 0, shared);
    for (int i = 0; i < 4; i++)
        start_asleep(&threads[i], i % 2 ? acquire_in_time : acquire_only, &semaphore, slept_on(&semaphore));
    for (uint32_t i = 0; i < n; i += at_once ? n : 1)
        CHECK_EQ(yoke_semaphore_release(&semaphore, at_once ? n : 1), 0);
    while (__atomic_load_n(&semaphore.value, __ATOMIC_RELAXED) != (uint64_t)(4 - n) << 32)
        sched_yield();
    CHECK_EQ(yoke_semaphore_release(&semaphore, 4 - n), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(code_of(&threads[i]), 0);
    CHECK_EQ(semaphore.value, 0);
}

TEST(a_release_wakes_as_many_as_it_has_permits_for)
{
    for (uint32_t n = 1; n <= 4; n++)
        for (int i = 0; i < 4; i++)
            check_wakes(i % 2 ? YOKE_SHARED : YOKE_PRIVATE, n, i < 2);
}

TEST(who_times_out_leaves_the_others_to_be_woken)
{
    yoke_semaphore semaphore = {0};
    yoke_thread thread = {0};

    start_asleep(&thread, acquire_only, &semaphore, slept_on(&semaphore));
    CHECK_EQ(yoke_semaphore_acquire_until(&semaphore, yoke_after(0.01)), -ETIMEDOUT);
    CHECK_EQ(yoke_semaphore_release(&semaphore, 1), 0);
    CHECK_EQ(code_of(&thread), 0);
}

static int acquire_last(void *arg)
{
    let_others_run();
    return acquire_only(arg);
}

/* Round after round somebody else takes the permit before the sleeper, who has to share the CPU, can run; that one must not be woken
 * in vain for ever.  (Some ten rounds are needed; under load the courtesy may come too late now and then.) */
static void check_nobody_starves(uint32_t shared)
{
    yoke_semaphore semaphore;
    yoke_thread thread = {0};
    int rounds = 0;

    yoke_semaphore_init(&semaphore, 0, 0, shared);
    start_asleep(&thread, acquire_last, &semaphore, slept_on(&semaphore));
    for (; rounds < 100; rounds++) {
        CHECK_EQ(yoke_semaphore_release(&semaphore, 1), 0);
        if (yoke_semaphore_acquire_until(&semaphore, yoke_after(0.1)) < 0)
            break; /* the other has it */
        await_asleep_or_ended(&thread);
    }
    CHECK(rounds < 100);
    CHECK_EQ(code_of(&thread), 0);
}

TEST(nobody_starves)
{
    share_one_cpu();
    check_nobody_starves(YOKE_PRIVATE);
    check_nobody_starves(YOKE_SHARED);
}

/* ---- many at once ---- */

enum { PERMITS = 2, ROUNDS = 10000 };

struct room {
    yoke_semaphore semaphore;
    yk_a32 inside;
    int written[PERMITS]; /* plain: what one wrote before its release, the next one sees */
    yk_a32 owners;        /* a bit for each place in `written` */
};

/* Takes a place that nobody has: there is one for each permit. */
static unsigned enter(struct room *room)
{
    for (unsigned place = 0;; place = (place + 1) % PERMITS)
        if (!(yk_or_seq(&room->owners, 1u << place) & 1u << place))
            return place;
}

static int come_and_go(void *arg)
{
    struct room *room = arg;

    for (int i = 0; i < ROUNDS; i++) {
        unsigned place;

        /* some wait for ever, some shortly, some not at all */
        if (i % 3 == 0)
            yoke_semaphore_acquire(&room->semaphore);
        else
            while (yoke_semaphore_acquire_until(&room->semaphore, i % 3 == 1 ? YOKE_NOW : yoke_after(20e-6)) < 0)
                continue;
        CHECK(yk_add_rlx(&room->inside, 1) < PERMITS);
        place = enter(room);
        room->written[place]++;
        yk_and_seq(&room->owners, ~(1u << place));
        yk_add_rlx(&room->inside, -1u);
        CHECK_EQ(yoke_semaphore_release(&room->semaphore, 1), 0);
    }
    return 0;
}

TEST(never_more_inside_than_there_are_permits)
{
    for (int k = 0; k < 2; k++) {
        struct room room = {.owners = {0}};
        yoke_thread threads[4] = {0};

        yoke_semaphore_init(&room.semaphore, PERMITS, PERMITS, k ? YOKE_SHARED : YOKE_PRIVATE);
        for (int i = 0; i < 4; i++)
            CHECK_EQ(yoke_thread_start(&threads[i], come_and_go, &room), 0);
        for (int i = 0; i < 4; i++)
            CHECK_EQ(yoke_thread_join(&threads[i], NULL), 0);
        CHECK_EQ(room.written[0] + room.written[1], 4 * ROUNDS);
        CHECK_EQ(room.semaphore.value, PERMITS);
    }
}

/* What was written before a release is seen by who acquires: a sanitizer would see the race. */
struct letter {
    yoke_semaphore sent, read;
    int text;
};

static int read_letters(void *arg)
{
    struct letter *letter = arg;

    for (int i = 0; i < ROUNDS; i++) {
        yoke_semaphore_acquire(&letter->sent);
        CHECK_EQ(letter->text, i);
        CHECK_EQ(yoke_semaphore_release(&letter->read, 1), 0);
    }
    return 0;
}

TEST(threads_take_turns)
{
    struct letter letter = {.read = {.value = 1}};
    yoke_thread thread = {0};

    CHECK_EQ(yoke_thread_start(&thread, read_letters, &letter), 0);
    for (int i = 0; i < ROUNDS; i++) {
        yoke_semaphore_acquire(&letter.read);
        letter.text = i;
        CHECK_EQ(yoke_semaphore_release(&letter.sent, 1), 0);
    }
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}

/* ---- signals ---- */

static int acquire_interruptibly(void *arg)
{
    yoke_thread_interruptible(1);
    return yoke_semaphore_acquire_until(arg, YOKE_FOREVER);
}

static int acquire_anyhow(void *arg)
{
    yoke_thread_interruptible(1);
    return acquire_only(arg);
}

static void check_signals(uint32_t shared)
{
    yoke_semaphore semaphore;
    yoke_thread patient = {0}, anyhow = {0}, interruptible = {0};

    yoke_semaphore_init(&semaphore, 0, 0, shared);
    start_asleep(&patient, acquire_in_time, &semaphore, slept_on(&semaphore));
    start_asleep(&anyhow, acquire_anyhow, &semaphore, slept_on(&semaphore));
    start_asleep(&interruptible, acquire_interruptibly, &semaphore, slept_on(&semaphore));
    check_sleeps_on(&patient, slept_on(&semaphore));
    check_sleeps_on(&anyhow, slept_on(&semaphore));
    interrupt(&interruptible);
    CHECK_EQ(code_of(&interruptible), -EINTR);
    CHECK_EQ(waiters_of(&semaphore), 2);
    CHECK_EQ(yoke_semaphore_release(&semaphore, 2), 0);
    CHECK_EQ(code_of(&patient), 0);
    CHECK_EQ(code_of(&anyhow), 0);
    CHECK_EQ(semaphore.value, 0);
}

TEST(a_signal_ends_only_waits_that_want_it)
{
    if (THREAD_SANITIZER)
        SKIP("the thread sanitizer holds signals back");
    handle_signals();
    check_signals(YOKE_PRIVATE);
    check_signals(YOKE_SHARED);
}

static yoke_semaphore *signalled;

static void release_it(int number)
{
    (void)number;
    CHECK_EQ(yoke_semaphore_value(signalled), 0);
    CHECK_EQ(yoke_semaphore_release(signalled, 1), 0);
}

/* Also in the middle of the very wait that it ends. */
TEST(a_signal_handler_may_release)
{
    struct sigaction action = {.sa_handler = release_it};

    if (THREAD_SANITIZER)
        SKIP("the thread sanitizer holds signals back");
    signalled = shared_page();
    sigaction(SIGUSR1, &action, NULL);
    for (int i = 0; i < 2; i++) {
        pid_t pid;

        yoke_semaphore_init(signalled, 0, 0, i ? YOKE_SHARED : YOKE_PRIVATE);
        pid = forked(acquire_only, signalled);
        asleep_on(pid, pid, slept_on(signalled));
        kill(pid, SIGUSR1);
        check_ends_well(pid);
    }
    munmap(signalled, 4096);
}

/* What the interrupted call had declared to the kernel is put back. */
TEST(a_release_keeps_the_intention_of_whom_it_interrupts)
{
    yoke_semaphore semaphore;
    yk_a32 word = {0};

    yoke_semaphore_init(&semaphore, 0, 1, YOKE_SHARED);
    yk_robust_intend(&word);
    CHECK_EQ(yoke_semaphore_release(&semaphore, 1), 0);
    CHECK_EQ(yoke_semaphore_release(&semaphore, 1), -EOVERFLOW);
    CHECK(yk_robust_intend(NULL) == &word);
}

/* ---- misuse, and the end of its memory ---- */

static void init_beyond_bound(void *arg)
{
    yoke_semaphore_init(arg, 4, 3, YOKE_PRIVATE);
}

static void init_beyond_most(void *arg)
{
    yoke_semaphore_init(arg, UINT32_MAX, 0, YOKE_PRIVATE);
}

static void init_bound_beyond_most(void *arg)
{
    yoke_semaphore_init(arg, 1, YOKE_SEMAPHORE_MAX + 1, YOKE_PRIVATE);
}

TEST(init_with_too_many_aborts)
{
    yoke_semaphore semaphore;

    check_misuse(init_beyond_bound, &semaphore, "yoke_semaphore_init");
    check_misuse(init_beyond_most, &semaphore, "yoke_semaphore_init");
    check_misuse(init_bound_beyond_most, &semaphore, "yoke_semaphore_init");
}

struct handed {
    yk_aptr semaphore;
    int rounds;
};

static int release_each(void *arg)
{
    struct handed *handed = arg;

    for (int i = 0; i < handed->rounds; i++) {
        yoke_semaphore *semaphore;

        while ((semaphore = yk_swap_aar(&handed->semaphore, NULL)) == NULL)
            sched_yield();
        CHECK_EQ(yoke_semaphore_release(semaphore, 1), 0);
    }
    return 0;
}

/* (Whether the release is late enough to notice is chance; it must not crash in any case.) */
TEST(who_has_the_last_permit_may_drop_the_semaphore)
{
    struct handed handed = {.rounds = 300};
    yoke_thread thread = {0};

    CHECK_EQ(yoke_thread_start(&thread, release_each, &handed), 0);
    for (int i = 0; i < handed.rounds; i++) {
        yoke_semaphore *semaphore = shared_page();

        yoke_semaphore_init(semaphore, 0, 0, i % 2 ? YOKE_SHARED : YOKE_PRIVATE);
        yk_store_rel(&handed.semaphore, semaphore);
        if (i % 3)
            yoke_semaphore_acquire(semaphore);
        else
            while (yoke_semaphore_acquire_until(semaphore, YOKE_NOW) < 0)
                continue;
        munmap(semaphore, 4096);
    }
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}
