/* waitany_helpers_test.c -- signals, and the threads that a wait for several things makes and leaves; many things, and little room. */
#include "waiting.h"

/* ---- signals ---- */

static int n_signals; /* atomically */

static void count_signal(int number)
{
    (void)number;
    __atomic_add_fetch(&n_signals, 1, __ATOMIC_SEQ_CST);
}

static void await_signals(int n)
{
    while (__atomic_load_n(&n_signals, __ATOMIC_SEQ_CST) < n)
        sched_yield();
}

TEST(a_signal_ends_the_wait_of_an_interruptible_thread_only)
{
    struct sigaction action = {.sa_handler = count_signal};
    yoke_waitable on[KINDS];
    struct waiter waiter;
    struct things t;

    sigaction(SIGUSR1, &action, NULL);
    open_things(&t);
    list_things(&t, on);
    for (int way = 0; way < 4; way++) {
        int before = n_signals;

        waiter = (struct waiter){
            .on = &on[ways[way].first], .n = (size_t)ways[way].n, .deadline = YOKE_FOREVER, .interruptible = true};
        waiter_go(&waiter, ways[way].call);
        pthread_kill(waiter.thread, SIGUSR1);
        CHECK_EQ(waiter_end(&waiter), -EINTR);
        CHECK_EQ(n_signals, before + 1);
        waiter_begin(&waiter, &on[ways[way].first], (size_t)ways[way].n, ways[way].call);
        pthread_kill(waiter.thread, SIGUSR1);
        await_signals(before + 2);
        inside(getpid(), waiter.tid, ways[way].call);
        make_ready(&t, ways[way].first);
        CHECK_EQ(waiter_end(&waiter), 0);
        close_things(&t);
        open_things(&t);
        list_things(&t, on);
    }
    close_things(&t);
}

/* The one that sleeps on words while its starter polls; 0 if there is none (yet). */
static int helper_tid(void)
{
    char path[64], line[64];
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    int tid = 0;

    CHECK(tasks);
    while ((task = readdir(tasks)) != NULL) {
        FILE *file;

        snprintf(path, sizeof path, "/proc/self/task/%.20s/syscall", task->d_name);
        file = fopen(path, "re");
        if (file && fgets(line, sizeof line, file) && strtol(line, NULL, 10) == SYS_futex_waitv)
            tid = atoi(task->d_name);
        if (file)
            fclose(file);
    }
    closedir(tasks);
    return tid;
}

static uint64_t blocked_signals(int tid)
{
    unsigned long long blocked = 0;
    char path[64], line[256];
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
    file = fopen(path, "re");
    CHECK(file);
    while (fgets(line, sizeof line, file) && sscanf(line, "SigBlk: %llx", &blocked) != 1)
        continue;
    fclose(file);
    return blocked;
}

static uint64_t bits_of(const int *signals, int n)
{
    uint64_t bits = 0;

    while (n-- > 0)
        bits |= (uint64_t)1 << (signals[n] - 1);
    return bits;
}

TEST(no_handler_runs_in_a_helper_and_no_signal_ends_it)
{
    const uint64_t faults = bits_of((int[]){SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}, 6);
    struct sigaction action = {.sa_handler = count_signal};
    yoke_waitable on[KINDS];
    struct waiter waiter;
    struct things t;
    int helper;

    sigaction(SIGUSR1, &action, NULL);
    open_things(&t);
    list_things(&t, on);
    waiter_begin(&waiter, on, KINDS, SYS_poll);
    asleep_on_words(getpid(), 1);
    helper = helper_tid();
    /* all that the program could handle: the C library keeps two of the real-time ones */
    CHECK_EQ(blocked_signals(helper) | (uint64_t)3 << 31 | bits_of((int[]){SIGKILL, SIGSTOP}, 2) | faults, UINT64_MAX);
    /* but for what only a fault of its own sends */
    CHECK_EQ(blocked_signals(helper) & faults, 0);
    CHECK_EQ(blocked_signals(waiter.tid), blocked_signals(getpid()));
    pthread_kill(waiter.thread, SIGUSR1);
    await_signals(1);
    inside(getpid(), waiter.tid, SYS_poll);
    CHECK_EQ(helper_tid(), helper);
    make_ready(&t, EVENT);
    CHECK_EQ(waiter_end(&waiter), EVENT);
    close_things(&t);
}

/* ---- many ---- */

TEST(a_hundred_and_twenty_things)
{
    yoke_event events[120] = {{0}};
    yoke_waitable on[120];
    struct waiter waiter;
    int ends[2];

    CHECK_EQ(pipe(ends), 0);
    for (int mixed = 0; mixed < 2; mixed++) {
        for (int i = 0; i < 120; i++)
            on[i] = mixed && i % 2 ? yoke_on_fd(ends[0]) : yoke_on_event(&events[i]);
        waiter_begin(&waiter, on, 120, mixed ? SYS_poll : SYS_futex_waitv);
        yoke_event_set(&events[118]);
        CHECK_EQ(waiter_end(&waiter), 118);
        yoke_event_clear(&events[118]);
    }
    for (int i = 0; i < 120; i++)
        on[i] = yoke_on_fd(ends[0]);
    waiter_begin(&waiter, on, 120, SYS_poll);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(waiter_end(&waiter), 0);
    close(ends[0]);
    close(ends[1]);
}

static yoke_waitable many[120];

static int wait_for_many(void *arg)
{
    (void)arg;
    return yoke_wait_any(many, 120, YOKE_FOREVER);
}

/* As small as threads may be. */
TEST(a_small_stack_is_enough)
{
    yoke_event events[120] = {{0}};
    yoke_thread thread = {0};
    int ends[2], code;

    if (TEST_ADDRESS_SANITIZER || TEST_THREAD_SANITIZER)
        SKIP("the sanitizer's own frames are larger");
    CHECK_EQ(pipe(ends), 0);
    for (int mixed = 0; mixed < 2; mixed++) {
        for (int i = 0; i < 120; i++)
            many[i] = mixed && i % 2 ? yoke_on_fd(ends[0]) : yoke_on_event(&events[i]);
        CHECK_EQ(yoke_thread_start(&thread, wait_for_many, NULL, .stack_size = 16384), 0);
        inside(getpid(), yoke_thread_native_id(&thread), mixed ? SYS_poll : SYS_futex_waitv);
        yoke_event_set(&events[40]);
        CHECK_EQ(yoke_thread_join(&thread, &code), 0);
        CHECK_EQ(code, 40);
        yoke_event_clear(&events[40]);
        thread = (yoke_thread){0};
    }
    close(ends[0]);
    close(ends[1]);
}

/* ---- threads ---- */

TEST(a_thread_is_made_for_words_and_descriptors_together_only)
{
    yoke_waitable on[KINDS];
    struct waiter waiter;
    struct things t;
    int threads;

    open_things(&t);
    list_things(&t, on);
    threads = count_threads();
    for (int way = 0; way < 4; way++) {
        waiter_begin(&waiter, &on[ways[way].first], (size_t)ways[way].n, ways[way].call);
        if (way == 0)
            asleep_on_words(getpid(), 1);
        CHECK_EQ(count_threads(), threads + (way == 0 ? 2 : 1));
        make_ready(&t, ways[way].first);
        CHECK_EQ(waiter_end(&waiter), 0);
        close_things(&t);
        open_things(&t);
        list_things(&t, on);
        while (count_threads() > threads)
            sched_yield();
    }
    close_things(&t);
}

/* What it has made, its own thread and others, is gone when it is: the harness looks. */
TEST(a_thread_that_is_cancelled_leaves_nothing)
{
    yoke_waitable on[KINDS];
    struct waiter waiter;
    struct things t;

    open_things(&t);
    list_things(&t, on);
    waiter_begin(&waiter, on, KINDS, SYS_poll);
    asleep_on_words(getpid(), 1);
    CHECK_EQ(pthread_cancel(waiter.thread), 0);
    CHECK_EQ(pthread_join(waiter.thread, NULL), 0);
    close_things(&t);
}
