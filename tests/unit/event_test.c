/* event_test.c -- Event: set, clear, wait; above all that set and clear in a row release everybody who waited. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke/event.h>
#include <yoke/thread.h>

#include "asleep.h"
#include "base/atomic.h"
#include "test.h"

TEST(zero_bytes_are_an_event_that_is_not_set)
{
    yoke_event event = {0}, made;

    memset(&made, 0xff, sizeof made);
    yoke_event_init(&made, YOKE_SHARED);
    CHECK_EQ(yoke_event_is_set(&event), 0);
    CHECK_EQ(yoke_event_is_set(&made), 0);
    CHECK_EQ(yoke_event_wait_until(&event, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yoke_event_wait_until(&made, -1), -ETIMEDOUT);
}

TEST(set_and_clear)
{
    yoke_event event = {0};

    for (int i = 0; i < 3; i++) {
        yoke_event_set(&event);
        CHECK_EQ(yoke_event_is_set(&event), 1);
        yoke_event_wait(&event);
        CHECK_EQ(yoke_event_wait_until(&event, YOKE_NOW), 0);
        yoke_event_clear(&event);
        CHECK_EQ(yoke_event_is_set(&event), 0);
        CHECK_EQ(yoke_event_wait_until(&event, YOKE_NOW), -ETIMEDOUT);
    }
}

TEST(repeating_either_changes_nothing)
{
    yoke_event event = {0};
    uint32_t word;

    yoke_event_clear(&event);
    CHECK_EQ(event.word, 0);
    yoke_event_set(&event);
    word = event.word;
    yoke_event_set(&event);
    CHECK_EQ(event.word, word);
    yoke_event_clear(&event);
    yoke_event_clear(&event);
    CHECK_EQ(yoke_event_is_set(&event), 0);
}

TEST(the_count_of_sets_may_overflow)
{
    yoke_event event = {.word = UINT32_MAX - 1};

    yoke_event_set(&event);
    CHECK_EQ(yoke_event_is_set(&event), 1);
    yoke_event_clear(&event);
    CHECK_EQ(event.word, 0);
    yoke_event_set(&event);
    CHECK_EQ(yoke_event_is_set(&event), 1);
}

TEST(waits_end_at_their_deadline_and_use_no_cpu)
{
    yoke_event event = {0};
    yoke_time deadline = yoke_after(0.2);
    int64_t before = cpu_time();

    CHECK_EQ(yoke_event_wait_until(&event, deadline), -ETIMEDOUT);
    CHECK(yoke_now() >= deadline);
    CHECK(cpu_time() - before < 10 * MS);
}

/* ---- waiters ---- */

struct box {
    yoke_event event;
    int value; /* plain: written before set */
};

static int wait_value(void *arg)
{
    struct box *box = arg;

    yoke_event_wait(&box->event);
    return box->value;
}

static int wait_value_until(void *arg)
{
    struct box *box = arg;
    int rc = yoke_event_wait_until(&box->event, yoke_after(5 * test_slow()));

    return rc < 0 ? rc : box->value;
}

enum { WAITERS = 8 };

static void start_waiters(yoke_thread *threads, struct box *box)
{
    memset(threads, 0, WAITERS * sizeof *threads);
    for (int i = 0; i < WAITERS; i++)
        CHECK_EQ(yoke_thread_start(&threads[i], i % 2 ? wait_value : wait_value_until, box), 0);
    for (int i = 0; i < WAITERS; i++)
        asleep_on(getpid(), yoke_thread_native_id(&threads[i]), box->event.shared ? NULL : &box->event.word);
}

static void check_waiters(yoke_thread *threads, int value)
{
    for (int i = 0; i < WAITERS; i++) {
        int code = 0;

        CHECK_EQ(yoke_thread_join_until(&threads[i], yoke_after(5 * test_slow()), &code), 0);
        CHECK_EQ(code, value);
    }
}

TEST(set_releases_every_waiter)
{
    struct box box = {.value = 0};
    yoke_thread threads[WAITERS];

    start_waiters(threads, &box);
    box.value = 42;
    yoke_event_set(&box.event);
    check_waiters(threads, 42);
}

TEST(set_and_clear_release_every_waiter)
{
    struct box box = {.value = 0};
    yoke_thread threads[WAITERS];

    for (int round = 1; round <= 20; round++) {
        start_waiters(threads, &box);
        box.value = round;
        yoke_event_set(&box.event);
        yoke_event_clear(&box.event);
        check_waiters(threads, round);
        CHECK_EQ(yoke_event_wait_until(&box.event, YOKE_NOW), -ETIMEDOUT);
    }
}

/* A producer that finds the flag set already must still order its work before a clear that follows: else the consumer, who
 * clears, sees no work and waits, waits for ever. */
struct mailbox {
    yoke_event full, empty;
    yk_a32 work, seen;
    uint32_t rounds;
};

/* The first set of each round has the consumer clear at the very moment of the second. */
static int produce(void *arg)
{
    struct mailbox *box = arg;

    for (uint32_t i = 1; i <= box->rounds; i++) {
        yoke_event_set(&box->full);
        /* up to some hundred nanoseconds, as long as the flag takes to the other CPU and back */
        for (uint32_t pause = i % 512; pause > 0; pause--)
            __asm__ volatile("");
        yk_store_rlx(&box->work, i);
        yoke_event_set(&box->full);
        while (yk_load_rlx(&box->seen) != i)
            sched_yield();
    }
    return 0;
}

TEST(a_set_is_never_lost_to_a_clear)
{
    struct mailbox box = {.rounds = 30000};
    yoke_thread thread = {0};

    CHECK_EQ(yoke_thread_start(&thread, produce, &box), 0);
    while (yk_load_rlx(&box.seen) < box.rounds) {
        /* looks for the flag awake at first, to be there at the same time as the producer */
        for (int looks = 200; looks > 0 && !yoke_event_is_set(&box.full); looks--)
            yk_cpu_relax();
        CHECK_EQ(yoke_event_wait_until(&box.full, yoke_after(3 * test_slow())), 0);
        yoke_event_clear(&box.full);
        yk_store_rlx(&box.seen, yk_load_rlx(&box.work));
    }
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}

/* ---- a chain of events, back and forth ---- */

static int echo(void *arg)
{
    struct mailbox *box = arg;

    for (uint32_t i = 0; i < box->rounds; i++) {
        yoke_event_wait(&box->full);
        yoke_event_clear(&box->full);
        yoke_event_set(&box->empty);
    }
    return 0;
}

static void ping(struct mailbox *box)
{
    for (uint32_t i = 0; i < box->rounds; i++) {
        yoke_event_set(&box->full);
        yoke_event_wait(&box->empty);
        yoke_event_clear(&box->empty);
    }
}

TEST(threads_take_turns)
{
    struct mailbox box = {.rounds = 5000};
    yoke_thread thread = {0};

    CHECK_EQ(yoke_thread_start(&thread, echo, &box), 0);
    ping(&box);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}

TEST(processes_take_turns)
{
    struct mailbox *box = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    pid_t pid;

    CHECK(box != MAP_FAILED);
    box->rounds = 5000;
    yoke_event_init(&box->full, YOKE_SHARED);
    yoke_event_init(&box->empty, YOKE_SHARED);
    pid = fork();
    if (pid == 0)
        _exit(echo(box));
    ping(box);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    munmap(box, 4096);
}

TEST(set_and_clear_release_a_waiter_of_another_process)
{
    yoke_event *event = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    pid_t pid;

    CHECK(event != MAP_FAILED);
    yoke_event_init(event, YOKE_SHARED);
    pid = fork();
    if (pid == 0) {
        yoke_event_wait(event);
        _exit(0);
    }
    asleep_on(pid, pid, NULL);
    yoke_event_set(event);
    yoke_event_clear(event);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    munmap(event, 4096);
}

/* ---- signal handlers ---- */

static yoke_event signalled;

static void set_it(int number)
{
    (void)number;
    CHECK_EQ(yoke_event_is_set(&signalled), 0);
    yoke_event_set(&signalled);
    yoke_event_clear(&signalled);
}

static int wait_signalled(void *arg)
{
    (void)arg;
    yoke_event_wait(&signalled);
    return 0;
}

TEST(a_signal_handler_may_set)
{
    struct sigaction action = {.sa_handler = set_it};
    yoke_thread thread = {0};

    sigaction(SIGUSR1, &action, NULL);
    CHECK_EQ(yoke_thread_start(&thread, wait_signalled, NULL), 0);
    asleep_on(getpid(), yoke_thread_native_id(&thread), &signalled.word);
    raise(SIGUSR1);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}

/* The handler interrupts the very wait that it ends. */
TEST(a_signal_handler_may_set_for_its_own_thread)
{
    struct sigaction action = {.sa_handler = set_it};
    int status;
    pid_t pid;

    if (THREAD_SANITIZER)
        SKIP("the thread sanitizer holds signals back");
    sigaction(SIGUSR1, &action, NULL);
    pid = fork();
    if (pid == 0)
        _exit(wait_signalled(NULL));
    asleep_on(pid, pid, &signalled.word);
    kill(pid, SIGUSR1);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

static void nothing(int number)
{
    (void)number;
}

TEST(other_signals_do_not_end_the_wait)
{
    struct sigaction action = {.sa_handler = nothing};
    yoke_thread thread = {0};

    sigaction(SIGUSR1, &action, NULL);
    CHECK_EQ(yoke_thread_start(&thread, wait_signalled, NULL), 0);
    for (int i = 0; i < 10; i++) {
        asleep_on(getpid(), yoke_thread_native_id(&thread), &signalled.word);
        CHECK_EQ(syscall(SYS_tgkill, getpid(), yoke_thread_native_id(&thread), SIGUSR1), 0);
    }
    CHECK_EQ(yoke_thread_alive(&thread), 1);
    yoke_event_set(&signalled);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}

/* A waiter owns the event and drops it as soon as it is released; set must not look at it then. */
struct handed {
    yk_aptr event;
    uint32_t rounds;
};

static int set_each(void *arg)
{
    struct handed *handed = arg;

    for (uint32_t i = 0; i < handed->rounds; i++) {
        yoke_event *event;

        while ((event = yk_swap_aar(&handed->event, NULL)) == NULL)
            sched_yield();
        yoke_event_set(event);
    }
    return 0;
}

TEST(who_is_released_may_drop_the_event)
{
    struct handed handed = {.rounds = 500};
    yoke_thread thread = {0};

    CHECK_EQ(yoke_thread_start(&thread, set_each, &handed), 0);
    for (uint32_t i = 0; i < handed.rounds; i++) {
        yoke_event *event = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        CHECK(event != MAP_FAILED);
        yoke_event_init(event, i % 2 ? YOKE_SHARED : YOKE_PRIVATE);
        yk_store_rel(&handed.event, event);
        yoke_event_wait(event);
        munmap(event, 4096);
    }
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}
