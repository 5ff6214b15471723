/* lock_test.c -- Lock: exclusion, order, deadlines, wakes, processes, misuse. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke/lock.h>
#include <yoke/thread.h>

#include "asleep.h"
#include "test.h"

static void *shared_page(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(page != MAP_FAILED);
    return page;
}

TEST(zero_bytes_are_a_free_lock)
{
    yoke_lock lock = {0}, made;

    memset(&made, 0xff, sizeof made);
    yoke_lock_init(&made, YOKE_SHARED);
    CHECK_EQ(yoke_lock_locked(&lock), 0);
    CHECK_EQ(yoke_lock_locked(&made), 0);
    yoke_lock_acquire(&lock);
    yoke_lock_acquire(&made);
    CHECK_EQ(yoke_lock_locked(&lock), 1);
    CHECK_EQ(yoke_lock_locked(&made), 1);
    yoke_lock_release(&lock);
    yoke_lock_release(&made);
    CHECK_EQ(yoke_lock_locked(&lock), 0);
    /* a free lock may be copied, and needs no end */
    made = lock;
    yoke_lock_acquire(&made);
    yoke_lock_release(&made);
}

TEST(until_tries_and_times_out)
{
    yoke_lock lock = {0};
    yoke_time deadline;

    CHECK_EQ(yoke_lock_acquire_until(&lock, YOKE_NOW), 0);
    /* not recursive */
    CHECK_EQ(yoke_lock_acquire_until(&lock, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yoke_lock_acquire_until(&lock, -1), -ETIMEDOUT);
    CHECK_EQ(yoke_lock_acquire_until(&lock, 1), -ETIMEDOUT);
    deadline = yoke_after(0.03);
    CHECK_EQ(yoke_lock_acquire_until(&lock, deadline), -ETIMEDOUT);
    CHECK(yoke_now() >= deadline);
    CHECK_EQ(yoke_lock_locked(&lock), 1);
    yoke_lock_release(&lock);
    /* also with a deadline that has passed, as long as nobody holds it */
    CHECK_EQ(yoke_lock_acquire_until(&lock, 1), 0);
    yoke_lock_release(&lock);
    CHECK_EQ(yoke_lock_acquire_until(&lock, YOKE_FOREVER), 0);
    yoke_lock_release(&lock);
}

TEST(waiting_uses_no_cpu)
{
    yoke_lock lock = {0};
    int64_t before;

    yoke_lock_acquire(&lock);
    /* the first wait asks how many CPUs there are */
    CHECK_EQ(yoke_lock_acquire_until(&lock, yoke_after(0.001)), -ETIMEDOUT);
    before = cpu_time();
    CHECK_EQ(yoke_lock_acquire_until(&lock, yoke_after(0.2)), -ETIMEDOUT);
    CHECK(cpu_time() - before < 10 * MS);
    yoke_lock_release(&lock);
}

/* ---- exclusion ---- */

struct counted {
    yoke_lock lock;
    long rounds;
    long a, b; /* plain: a race here loses counts, and a sanitizer sees it */
};

static int count(void *arg)
{
    struct counted *c = arg;

    for (long i = 0; i < c->rounds; i++) {
        yoke_lock_acquire(&c->lock);
        CHECK_EQ(c->a, c->b);
        c->a++;
        c->b++;
        yoke_lock_release(&c->lock);
    }
    return 0;
}

/* The same with deadlines that are often missed, so that waiters time out among those that wait for ever. */
static int count_impatiently(void *arg)
{
    struct counted *c = arg;
    int missed = 0;

    for (long i = 0; i < c->rounds; i++) {
        while (yoke_lock_acquire_until(&c->lock, i % 2 ? yoke_after(20e-6) : YOKE_NOW) < 0)
            missed++;
        CHECK_EQ(c->a, c->b);
        c->a++;
        /* long enough for others to give up */
        for (int k = 0; i % 64 == 0 && k < 3000; k++)
            __asm__ volatile("");
        c->b++;
        yoke_lock_release(&c->lock);
    }
    return missed;
}

static void contend(int (*first)(void *), int (*second)(void *), long rounds)
{
    struct counted c = {.rounds = rounds};
    yoke_thread threads[4] = {0};

    for (int i = 0; i < 4; i++)
        CHECK_EQ(yoke_thread_start(&threads[i], i % 2 ? second : first, &c), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(yoke_thread_join(&threads[i], NULL), 0);
    CHECK_EQ(c.a, 4 * rounds);
    CHECK_EQ(c.b, 4 * rounds);
    CHECK_EQ(yoke_lock_locked(&c.lock), 0);
}

TEST(one_at_a_time)
{
    contend(count, count, 100000);
}

TEST(a_timeout_loses_no_wake)
{
    contend(count, count_impatiently, 20000);
}

TEST(processes_exclude_each_other)
{
    struct counted *c = shared_page();
    pid_t pids[3];

    c->rounds = 30000;
    yoke_lock_init(&c->lock, YOKE_SHARED);
    for (int i = 0; i < 3; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(i == 2 ? count_impatiently(c) & 0 : count(c));
    }
    for (int i = 0; i < 3; i++) {
        int status;

        CHECK_EQ(waitpid(pids[i], &status, 0), pids[i]);
        CHECK_EQ(status, 0);
    }
    CHECK_EQ(c->a, 3 * c->rounds);
    munmap(c, 4096);
}

/* ---- sleeping and waking ---- */

static int acquire_only(void *arg)
{
    yoke_lock_acquire(arg);
    return 0;
}

static int pass_through(void *arg)
{
    yoke_lock_acquire(arg);
    yoke_lock_release(arg);
    return 0;
}

static int pass_through_in_time(void *arg)
{
    int rc = yoke_lock_acquire_until(arg, yoke_after(5 * test_slow()));

    if (rc == 0)
        yoke_lock_release(arg);
    return rc;
}

static void start_asleep(yoke_thread *thread, int (*run)(void *), yoke_lock *lock)
{
    CHECK_EQ(yoke_thread_start(thread, run, lock), 0);
    asleep_on(getpid(), yoke_thread_native_id(thread), lock->shared ? NULL : &lock->word);
}

TEST(any_thread_may_release)
{
    yoke_lock lock = {0};
    yoke_thread thread = {0};

    /* held by nobody but a thread that has ended */
    CHECK_EQ(yoke_thread_start(&thread, acquire_only, &lock), 0);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    CHECK_EQ(yoke_lock_locked(&lock), 1);
    yoke_lock_release(&lock);
    CHECK_EQ(yoke_lock_locked(&lock), 0);
}

TEST(each_release_wakes_a_sleeper)
{
    yoke_lock lock = {0};
    yoke_thread threads[4] = {0};

    yoke_lock_acquire(&lock);
    for (int i = 0; i < 4; i++)
        start_asleep(&threads[i], i % 2 ? pass_through_in_time : pass_through, &lock);
    yoke_lock_release(&lock);
    for (int i = 0; i < 4; i++) {
        int code = 1;

        CHECK_EQ(yoke_thread_join_until(&threads[i], yoke_after(5 * test_slow()), &code), 0);
        CHECK_EQ(code, 0);
    }
    CHECK_EQ(yoke_lock_locked(&lock), 0);
}

TEST(who_times_out_leaves_the_others_to_be_woken)
{
    yoke_lock lock = {0};
    yoke_thread thread = {0};
    int code = 1;

    yoke_lock_acquire(&lock);
    start_asleep(&thread, acquire_only, &lock);
    CHECK_EQ(yoke_lock_acquire_until(&lock, yoke_after(0.01)), -ETIMEDOUT);
    yoke_lock_release(&lock);
    CHECK_EQ(yoke_thread_join_until(&thread, yoke_after(5 * test_slow()), &code), 0);
    yoke_lock_release(&lock);
}

TEST(a_sleeper_of_another_process_is_woken)
{
    yoke_lock *lock = shared_page();
    int status;
    pid_t pid;

    yoke_lock_init(lock, YOKE_SHARED);
    yoke_lock_acquire(lock);
    pid = fork();
    if (pid == 0)
        _exit(acquire_only(lock));
    asleep_on(pid, pid, NULL);
    yoke_lock_release(lock);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    /* it ended with the lock held; any process may release it */
    CHECK_EQ(yoke_lock_locked(lock), 1);
    yoke_lock_release(lock);
    munmap(lock, 4096);
}

static void nothing(int number)
{
    (void)number;
}

TEST(a_signal_does_not_end_the_wait)
{
    struct sigaction action = {.sa_handler = nothing};
    yoke_lock lock = {0};
    yoke_thread thread = {0};
    int code = 1;

    sigaction(SIGUSR1, &action, NULL);
    yoke_lock_acquire(&lock);
    start_asleep(&thread, acquire_only, &lock);
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(syscall(SYS_tgkill, getpid(), yoke_thread_native_id(&thread), SIGUSR1), 0);
        asleep_on(getpid(), yoke_thread_native_id(&thread), &lock.word);
    }
    CHECK_EQ(yoke_thread_alive(&thread), 1);
    yoke_lock_release(&lock);
    CHECK_EQ(yoke_thread_join(&thread, &code), 0);
    CHECK_EQ(code, 0);
    yoke_lock_release(&lock);
}

static int acquire_and_take_away(void *arg)
{
    yoke_lock *lock = arg;

    yoke_lock_acquire(lock);
    return mprotect(lock, 4096, PROT_NONE);
}

/* When a release has made the lock free, its next holder may release it too and free its memory.  (Whether the release is late
 * enough to notice is chance; it must not crash in any case.) */
TEST(release_looks_at_nothing_that_may_be_gone)
{
    for (int i = 0; i < 400; i++) {
        yoke_lock *lock = shared_page();
        yoke_thread thread = {0};
        int code;

        yoke_lock_init(lock, i % 2 ? YOKE_SHARED : YOKE_PRIVATE);
        yoke_lock_acquire(lock);
        start_asleep(&thread, acquire_and_take_away, lock);
        yoke_lock_release(lock);
        CHECK_EQ(yoke_thread_join(&thread, &code), 0);
        CHECK_EQ(code, 0);
        munmap(lock, 4096);
    }
}

/* ---- misuse ---- */

static void check_misuse(void (*act)(void))
{
    char text[300] = "";
    int ends[2], status;
    ssize_t n;
    pid_t pid;

    CHECK_EQ(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        act();
        _exit(0);
    }
    close(ends[1]);
    n = read(ends[0], text, sizeof text - 1);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK(n > 0 && strstr(text, "yoke_lock_release"));
    CHECK(strchr(text, '\n') == text + n - 1);
    close(ends[0]);
}

static void release_free(void)
{
    yoke_lock lock = {0};

    yoke_lock_release(&lock);
}

static void release_twice(void)
{
    yoke_lock lock;

    yoke_lock_init(&lock, YOKE_SHARED);
    yoke_lock_acquire(&lock);
    yoke_lock_release(&lock);
    yoke_lock_release(&lock);
}

TEST(releasing_what_nobody_holds_aborts)
{
    check_misuse(release_free);
    check_misuse(release_twice);
}
