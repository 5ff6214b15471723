/* thread_test.c -- Thread: start, join by many and in time, names and numbers, CPUs, stacks, forks. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke/event.h>
#include <yoke/lock.h>
#include <yoke/thread.h>

#include "asleep.h"
#include "base/atomic.h"
#include "os/os.h"
#include "test.h"
#include "thread/thread.h"

static int number(void *arg)
{
    return *(int *)arg;
}

static int wait_event(void *arg)
{
    yoke_event_wait(arg);
    return 7;
}

static bool all_zero(const yoke_thread *thread)
{
    static const yoke_thread zero;

    return memcmp(thread, &zero, sizeof zero) == 0;
}

/* ---- start and join ---- */

TEST(join_gives_what_run_returned)
{
    int values[] = {0, 1, -1, 42, INT32_MAX, INT32_MIN};

    for (int i = 0; i < 6; i++) {
        yoke_thread thread = {0};
        int code = 5;

        CHECK_EQ(yoke_thread_start(&thread, number, &values[i]), 0);
        CHECK_EQ(yoke_thread_join(&thread, &code), 0);
        CHECK_EQ(code, values[i]);
    }
}

TEST(join_may_be_repeated)
{
    yoke_thread thread = {0};
    int value = 9, code = 0;

    CHECK_EQ(yoke_thread_start(&thread, number, &value), 0);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    CHECK_EQ(yoke_thread_join(&thread, &code), 0);
    CHECK_EQ(code, 9);
    code = 0;
    CHECK_EQ(yoke_thread_join_until(&thread, YOKE_NOW, &code), 0);
    CHECK_EQ(code, 9);
    CHECK_EQ(yoke_thread_alive(&thread), 0);
    CHECK_EQ(yoke_thread_start(&thread, number, &value), -EBUSY);
    /* what holds nothing may be used again */
    memset(&thread, 0, sizeof thread);
    CHECK_EQ(yoke_thread_start(&thread, number, &value), 0);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}

TEST(what_was_not_started_cannot_be_joined)
{
    yoke_thread thread = {0};
    int code = 5;

    CHECK_EQ(yoke_thread_join(&thread, &code), -EINVAL);
    CHECK_EQ(yoke_thread_join(NULL, &code), -EINVAL);
    CHECK_EQ(yoke_thread_join_until(&thread, YOKE_FOREVER, &code), -EINVAL);
    CHECK_EQ(yoke_thread_join(yoke_thread_main(), &code), -EINVAL);
    CHECK_EQ(yoke_thread_join(yoke_thread_current(), &code), -EINVAL);
    CHECK_EQ(code, 5);
    CHECK_EQ(yoke_thread_alive(&thread), 0);
    CHECK_EQ(yoke_thread_ident(&thread), 0);
    CHECK_EQ(yoke_thread_native_id(&thread), 0);
    CHECK_STR(yoke_thread_name(&thread), "");
    CHECK(all_zero(&thread));
}

static void check_refused(int code, int (*run)(void *), const yoke_thread_options *options)
{
    yoke_thread thread = {0};

    CHECK_EQ(yoke_thread_start_with(&thread, run, options), code);
    CHECK(all_zero(&thread));
    CHECK_EQ(yoke_thread_join(&thread, NULL), -EINVAL);
    CHECK_EQ((int)yoke_thread_enumerate(NULL, 0), 1);
}

TEST(start_refuses_nonsense)
{
    static const int negative[] = {-1}, huge[] = {INT32_MAX}, absent[] = {0, 60000};
    const size_t size = sizeof(yoke_thread_options);
    int value = 3;

    CHECK_EQ(yoke_thread_start(NULL, number, NULL), -EINVAL);
    check_refused(-EINVAL, NULL, &(yoke_thread_options){.size = size});
    check_refused(-EINVAL, number, &(yoke_thread_options){.arg = &value});
    check_refused(-EINVAL, number, &(yoke_thread_options){.size = size, .arg = &value, .stack_size = 1});
    check_refused(-EINVAL, number, &(yoke_thread_options){.size = size, .arg = &value, .stack_size = 16383});
    check_refused(-EINVAL, number, &(yoke_thread_options){.size = size, .arg = &value, .cpus = negative, .n_cpus = 1});
    check_refused(-EINVAL, number, &(yoke_thread_options){.size = size, .arg = &value, .cpus = huge, .n_cpus = 1});
    check_refused(-EINVAL, number, &(yoke_thread_options){.size = size, .arg = &value, .cpus = absent, .n_cpus = 2});
    check_refused(-EINVAL, number, &(yoke_thread_options){.size = size, .arg = &value, .cpus = absent + 1, .n_cpus = 1});
    check_refused(-EINVAL, number, &(yoke_thread_options){.size = size, .arg = &value, .cpus = absent, .n_cpus = 0});
}

TEST(start_tells_when_there_is_no_room)
{
    const size_t size = sizeof(yoke_thread_options);
    int value = 3;

    check_refused(-ENOMEM, number, &(yoke_thread_options){.size = size, .arg = &value, .stack_size = SIZE_MAX});
    /* more than the address space */
    check_refused(-EAGAIN, number, &(yoke_thread_options){.size = size, .arg = &value, .stack_size = (size_t)1 << 50});
}

static int return_null(void *arg)
{
    return arg == NULL;
}

TEST(options_may_be_left_out)
{
    yoke_thread thread = {0};
    int code = 0;

    CHECK_EQ(yoke_thread_start_with(&thread, return_null, NULL), 0);
    CHECK_EQ(yoke_thread_start_with(&thread, return_null, NULL), -EBUSY);
    CHECK_EQ(yoke_thread_join(&thread, &code), 0);
    CHECK_EQ(code, 1);
}

TEST(a_running_thread_is_not_started_again)
{
    yoke_event event = {0};
    yoke_thread thread = {0};
    int code = 0;

    CHECK_EQ(yoke_thread_start(&thread, wait_event, &event), 0);
    CHECK_EQ(yoke_thread_start(&thread, wait_event, &event), -EBUSY);
    yoke_event_set(&event);
    CHECK_EQ(yoke_thread_join(&thread, &code), 0);
    CHECK_EQ(code, 7);
}

static int join_self(void *arg)
{
    int code = 5, rc = yoke_thread_join(arg, &code);

    return rc == yoke_thread_join_until(arg, YOKE_NOW, &code) && code == 5 ? rc : 1;
}

TEST(joining_oneself_is_a_deadlock)
{
    yoke_thread thread = {0};
    int code = 0;

    CHECK_EQ(yoke_thread_start(&thread, join_self, &thread), 0);
    CHECK_EQ(yoke_thread_join(&thread, &code), 0);
    CHECK_EQ(code, -EDEADLK);
}

TEST(two_hundred_threads)
{
    enum { MANY = 200 };
    static yoke_thread threads[MANY];
    static int values[MANY];
    long sum = 0;

    for (int i = 0; i < MANY; i++) {
        values[i] = i;
        CHECK_EQ(yoke_thread_start(&threads[i], number, &values[i], .stack_size = 65536), 0);
    }
    for (int i = 0; i < MANY; i++) {
        int code;

        CHECK_EQ(yoke_thread_join(&threads[i], &code), 0);
        sum += code;
    }
    CHECK_EQ(sum, 199 * 200 / 2);
    CHECK_EQ((int)yoke_thread_enumerate(NULL, 0), 1);
}

struct sleeper {
    int before;
    yoke_thread thread;
    int after;
};

static int sleeper_run(void *self)
{
    struct sleeper *sleeper = self;

    return yoke_thread_current() == &sleeper->thread ? sleeper->before + sleeper->after : -1;
}

TEST(a_thread_may_be_a_part_of_another_struct)
{
    struct sleeper sleeper = {.before = 20, .after = 22};
    int code = 0;

    CHECK_EQ(yoke_thread_start(&sleeper.thread, sleeper_run, &sleeper), 0);
    CHECK_EQ(yoke_thread_join(&sleeper.thread, &code), 0);
    CHECK_EQ(code, 42);
    CHECK_EQ(sleeper.before, 20);
    CHECK_EQ(sleeper.after, 22);
}

/* ---- join by several, and in time ---- */

TEST(a_timed_join_may_be_repeated)
{
    yoke_event event = {0};
    yoke_thread thread = {0};
    int code = 5;

    CHECK_EQ(yoke_thread_start(&thread, wait_event, &event), 0);
    for (int i = 0; i < 3; i++) {
        yoke_time deadline = yoke_after(0.01);

        CHECK_EQ(yoke_thread_join_until(&thread, deadline, &code), -ETIMEDOUT);
        CHECK(yoke_now() >= deadline);
        CHECK_EQ(yoke_thread_join_until(&thread, YOKE_NOW, &code), -ETIMEDOUT);
        CHECK_EQ(yoke_thread_join_until(&thread, -1, &code), -ETIMEDOUT);
        CHECK_EQ(yoke_thread_alive(&thread), 1);
    }
    CHECK_EQ(code, 5);
    yoke_event_set(&event);
    CHECK_EQ(yoke_thread_join_until(&thread, YOKE_FOREVER, &code), 0);
    CHECK_EQ(code, 7);
}

TEST(a_timed_join_uses_no_cpu)
{
    yoke_event event = {0};
    yoke_thread thread = {0};
    int64_t before;

    CHECK_EQ(yoke_thread_start(&thread, wait_event, &event), 0);
    before = cpu_time();
    CHECK_EQ(yoke_thread_join_until(&thread, yoke_after(0.2), NULL), -ETIMEDOUT);
    CHECK(cpu_time() - before < 10 * MS);
    yoke_event_set(&event);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
}

/* A thread that ends late: its last act, after run, waits for an event. */
static pthread_key_t late_key;
static yoke_event late_event;

static void end_late(void *value)
{
    (void)value;
    yoke_event_wait(&late_event);
}

static int be_late(void *arg)
{
    pthread_setspecific(late_key, arg);
    return 3;
}

static int set_late(void *arg)
{
    asleep_on(getpid(), yoke_thread_native_id(arg), &late_event.word);
    yoke_event_set(&late_event);
    return 0;
}

TEST(who_is_not_alive_can_be_joined_now)
{
    yoke_thread thread = {0}, setter = {0};
    int code = 0;

    CHECK_EQ(pthread_key_create(&late_key, end_late), 0);
    CHECK_EQ(yoke_thread_start(&thread, be_late, &code), 0);
    while (yoke_thread_alive(&thread))
        sched_yield();
    CHECK_EQ(yoke_thread_start(&setter, set_late, &thread), 0);
    CHECK_EQ(yoke_thread_join_until(&thread, YOKE_NOW, &code), 0);
    CHECK_EQ(code, 3);
    CHECK_EQ(yoke_thread_join(&setter, NULL), 0);
    pthread_key_delete(late_key);
}

struct joiner {
    yoke_thread thread;
    yoke_thread *target;
    int patience;    /* microseconds; 0: without bound */
    int timeouts;
};

static int join_target(void *self)
{
    struct joiner *joiner = self;
    int code = 5;

    if (joiner->patience == 0)
        CHECK_EQ(yoke_thread_join(joiner->target, &code), 0);
    else
        for (;;) {
            int rc = yoke_thread_join_until(joiner->target, yoke_after(joiner->patience * 1e-6), &code);

            if (rc == 0)
                break;
            CHECK_EQ(rc, -ETIMEDOUT);
            CHECK_EQ(code, 5);
            joiner->timeouts++;
        }
    CHECK_EQ(yoke_thread_alive(joiner->target), 0);
    CHECK(yoke_thread_name(joiner->target)[0] != 0);
    return code;
}

static void join_by_many(bool with_patient_ones)
{
    static const int patience[] = {0, 500, 1000, 0, 100, 3000};
    enum { JOINERS = 6 };

    for (int round = 0; round < 20; round++) {
        struct joiner joiners[JOINERS] = {0};
        yoke_event event = {0};
        yoke_thread target = {0};
        int code;

        CHECK_EQ(yoke_thread_start(&target, wait_event, &event), 0);
        for (int i = 0; i < JOINERS; i++) {
            joiners[i].target = &target;
            joiners[i].patience = with_patient_ones || patience[i] ? patience[i] : 200;
            CHECK_EQ(yoke_thread_start(&joiners[i].thread, join_target, &joiners[i]), 0);
        }
        /* the last rounds let the thread end at once, so that joiners come before, while and after it ends */
        if (round < 10)
            CHECK_EQ(yoke_thread_join_until(&target, yoke_after(0.004), NULL), -ETIMEDOUT);
        yoke_event_set(&event);
        for (int i = 0; i < JOINERS; i++) {
            CHECK_EQ(yoke_thread_join(&joiners[i].thread, &code), 0);
            CHECK_EQ(code, 7);
        }
        CHECK_EQ(yoke_thread_join(&target, &code), 0);
        CHECK_EQ(code, 7);
    }
}

TEST(many_may_join_one_thread)
{
    join_by_many(true);
}

TEST(many_may_time_out_on_one_thread)
{
    join_by_many(false);
}

/* ---- how run may end, and what it starts with ---- */

static int leave_early(void *arg)
{
    pthread_exit(arg);
}

TEST(pthread_exit_has_its_own_code)
{
    yoke_thread thread = {0};
    int code = 0;

    CHECK_EQ(yoke_thread_start(&thread, leave_early, NULL), 0);
    CHECK_EQ(yoke_thread_join(&thread, &code), 0);
    CHECK_EQ(code, YOKE_THREAD_EXITED);
    CHECK_EQ(yoke_thread_alive(&thread), 0);
    CHECK_EQ((int)yoke_thread_enumerate(NULL, 0), 1);
}

static int read_mask(void *arg)
{
    return pthread_sigmask(SIG_SETMASK, NULL, arg);
}

TEST(signals_are_as_the_starter_had_them)
{
    yoke_thread thread = {0};
    sigset_t some, got;

    sigemptyset(&some);
    sigaddset(&some, SIGUSR1);
    sigaddset(&some, SIGTERM);
    pthread_sigmask(SIG_SETMASK, &some, NULL);
    CHECK_EQ(yoke_thread_start(&thread, read_mask, &got), 0);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    for (int i = 1; i < 32; i++)
        CHECK_EQ(sigismember(&got, i), i == SIGUSR1 || i == SIGTERM);
}

static int stack_size(void *arg)
{
    pthread_attr_t attributes;

    CHECK_EQ(pthread_getattr_np(pthread_self(), &attributes), 0);
    CHECK_EQ(pthread_attr_getstacksize(&attributes, arg), 0);
    pthread_attr_destroy(&attributes);
    return 0;
}

static size_t stack_size_of(size_t wanted)
{
    yoke_thread thread = {0};
    size_t size = 0;

    CHECK_EQ(yoke_thread_start(&thread, stack_size, &size, .stack_size = wanted), 0);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    return size;
}

TEST(stacks_are_as_large_as_asked)
{
    struct rlimit limit;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    /* in this order, because libc gives a new thread the stack of an old one that is a little larger */
    CHECK(getrlimit(RLIMIT_STACK, &limit) == 0);
    if (limit.rlim_cur != RLIM_INFINITY)
        CHECK_EQ(stack_size_of(0), limit.rlim_cur);
    CHECK_EQ(stack_size_of(64 * page), 64 * page);
    CHECK_EQ(stack_size_of(1000001), yk_round_up(1000001, page));
    CHECK_EQ(stack_size_of(32 << 20), 32 << 20);
}

TEST(the_least_stack_is_enough_to_run)
{
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
    yoke_thread thread = {0};
    int value = 5, code = 0;

    CHECK_EQ(yoke_thread_start(&thread, number, &value, .stack_size = 16384), 0);
    CHECK_EQ(yoke_thread_join(&thread, &code), 0);
    CHECK_EQ(code, 5);
#else
    SKIP("a sanitizer may need more stack than this");
#endif
}

static int on_cpu(void *arg)
{
    cpu_set_t *set = arg;

    CHECK_EQ(sched_getaffinity(0, sizeof *set, set), 0);
    return sched_getcpu();
}

TEST(threads_stay_on_their_cpus)
{
    cpu_set_t mine, got;
    int all[CPU_SETSIZE], n = 0;

    CHECK_EQ(sched_getaffinity(0, sizeof mine, &mine), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET((size_t)cpu, &mine))
            all[n++] = cpu;
    for (int i = 0; i < n && i < 4; i++) {
        yoke_thread thread = {0};
        int code = -1, cpu = all[i];

        CHECK_EQ(yoke_thread_start(&thread, on_cpu, &got, .cpus = &cpu, .n_cpus = 1, .stack_size = 1 << 20), 0);
        cpu = -1;    /* it was copied */
        CHECK_EQ(yoke_thread_join(&thread, &code), 0);
        CHECK_EQ(code, all[i]);
        CHECK_EQ(CPU_COUNT(&got), 1);
    }
    {
        yoke_thread thread = {0};

        CHECK_EQ(yoke_thread_start(&thread, on_cpu, &got, .cpus = all, .n_cpus = (size_t)n), 0);
        CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
        CHECK(CPU_EQUAL(&got, &mine));
    }
}

TEST(without_cpus_those_of_the_starter)
{
    yoke_thread thread = {0};
    cpu_set_t one, got;
    int code = -1, cpu = sched_getcpu();

    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    CHECK_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    CHECK_EQ(yoke_thread_start(&thread, on_cpu, &got), 0);
    CHECK_EQ(yoke_thread_join(&thread, &code), 0);
    CHECK_EQ(code, cpu);
    CHECK(CPU_EQUAL(&got, &one));
}

/* ---- names and numbers ---- */

static int kernel_name(void *arg)
{
    CHECK_EQ(pthread_getname_np(pthread_self(), arg, 16), 0);
    return (int)gettid();
}

static void check_name(const char *given, const char *expected, const char *in_kernel)
{
    char copy[100], kernel[16];
    yoke_thread thread = {0};

    strcpy(copy, given);
    CHECK_EQ(yoke_thread_start(&thread, kernel_name, kernel, .name = copy), 0);
    memset(copy, '!', sizeof copy);
    CHECK_STR(yoke_thread_name(&thread), expected);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    CHECK_STR(yoke_thread_name(&thread), expected);
    CHECK_STR(kernel, in_kernel);
}

TEST(names_are_copied_and_cut)
{
    check_name("reader", "reader", "reader");
    check_name("", "", "");
    check_name("fifteen-letters", "fifteen-letters", "fifteen-letters");
    check_name("a-name-of-31-letters-exactly-is", "a-name-of-31-letters-exactly-is", "a-name-of-31-le");
    check_name("a-name-that-has-more-letters-than-fit", "a-name-that-has-more-letters-th", "a-name-that-has");
}

TEST(default_names_are_numbered)
{
    yoke_thread threads[3] = {0}, worker = {0};
    char kernel[16];

    CHECK_EQ(yoke_thread_start(&threads[0], kernel_name, kernel), 0);
    CHECK_EQ(yoke_thread_join(&threads[0], NULL), 0);
    CHECK_STR(kernel, "Thread-1");
    CHECK_EQ(yoke_thread_start(&threads[1], kernel_name, kernel, .name = "other"), 0);
    CHECK_EQ(yoke_thread_join(&threads[1], NULL), 0);
    CHECK_EQ(yoke_thread_start(&threads[2], kernel_name, kernel), 0);
    CHECK_EQ(yoke_thread_join(&threads[2], NULL), 0);
    CHECK_STR(yoke_thread_name(&threads[0]), "Thread-1");
    CHECK_STR(yoke_thread_name(&threads[2]), "Thread-2");
    CHECK_EQ(yk_thread_start_worker(&worker, kernel_name, kernel, 12), 0);
    CHECK_EQ(yoke_thread_join(&worker, NULL), 0);
    CHECK_STR(yoke_thread_name(&worker), "Worker-12");
    CHECK_STR(kernel, "Worker-12");
}

TEST(idents_are_never_used_again)
{
    uint64_t seen[60] = {yoke_thread_ident(yoke_thread_main())};

    CHECK(seen[0] != 0);
    for (int i = 1; i < 60; i++) {
        yoke_thread thread = {0};
        char kernel[16];
        int code, native;

        CHECK_EQ(yoke_thread_start(&thread, kernel_name, kernel), 0);
        native = yoke_thread_native_id(&thread);
        seen[i] = yoke_thread_ident(&thread);
        CHECK_EQ(yoke_thread_join(&thread, &code), 0);
        CHECK_EQ(code, native);
        /* they answer after the end, too */
        CHECK_EQ(yoke_thread_native_id(&thread), native);
        CHECK(yoke_thread_ident(&thread) == seen[i]);
        for (int k = 0; k < i; k++)
            CHECK(seen[k] != seen[i]);
    }
}

static int current_is(void *arg)
{
    return yoke_thread_current() == arg && yoke_thread_native_id(arg) == gettid();
}

TEST(current_is_the_thread_itself)
{
    yoke_thread thread = {0};
    int code = 0;

    CHECK_EQ(yoke_thread_start(&thread, current_is, &thread), 0);
    CHECK_EQ(yoke_thread_join(&thread, &code), 0);
    CHECK_EQ(code, 1);
}

TEST(main_is_known_everywhere)
{
    yoke_thread *main_thread = yoke_thread_main();

    CHECK(yoke_thread_current() == main_thread);
    CHECK_STR(yoke_thread_name(main_thread), "MainThread");
    CHECK_EQ(yoke_thread_native_id(main_thread), getpid());
    CHECK_EQ(yoke_thread_alive(main_thread), 1);
}

static void *foreign(void *arg)
{
    yoke_thread *thread;
    char expected[32];

    /* main is known to a thread that Yoke never saw, and is not that thread */
    CHECK_STR(yoke_thread_name(yoke_thread_main()), "MainThread");
    thread = yoke_thread_current();
    CHECK(thread == yoke_thread_current() && thread != yoke_thread_main());
    snprintf(expected, sizeof expected, "Foreign-%d", *(int *)arg);
    CHECK_STR(yoke_thread_name(thread), expected);
    CHECK_EQ(yoke_thread_native_id(thread), gettid());
    CHECK_EQ(yoke_thread_alive(thread), 1);
    CHECK_EQ(yoke_thread_join(thread, NULL), -EINVAL);
    CHECK_EQ(yoke_thread_start(thread, number, arg), -EBUSY);
    CHECK(yoke_thread_ident(thread) > 1);
    CHECK_EQ((int)yoke_thread_enumerate(NULL, 0), 1);
    return NULL;
}

TEST(foreign_threads_have_objects)
{
    for (int i = 1; i <= 3; i++) {
        pthread_t thread;

        CHECK_EQ(pthread_create(&thread, NULL, foreign, &i), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
    }
}

/* ---- enumerate ---- */

TEST(enumerate_shows_who_is_alive_in_order)
{
    enum { N = 5 };
    yoke_event events[N] = {0};
    yoke_thread threads[N] = {0};
    yoke_thread_info infos[10];

    CHECK_EQ((int)yoke_thread_enumerate(infos, 10), 1);
    CHECK_STR(infos[0].name, "MainThread");
    CHECK_EQ(infos[0].native_id, getpid());
    CHECK(infos[0].ident == yoke_thread_ident(yoke_thread_main()));
    for (int i = 0; i < N; i++)
        CHECK_EQ(yoke_thread_start(&threads[i], wait_event, &events[i]), 0);
    CHECK_EQ((int)yoke_thread_enumerate(infos, 10), N + 1);
    CHECK_STR(infos[0].name, "MainThread");
    for (int i = 0; i < N; i++) {
        CHECK_STR(infos[i + 1].name, yoke_thread_name(&threads[i]));
        CHECK(infos[i + 1].ident == yoke_thread_ident(&threads[i]));
        CHECK_EQ(infos[i + 1].native_id, yoke_thread_native_id(&threads[i]));
    }
    /* at most n, whatever there is */
    memset(infos, 0xff, sizeof infos);
    CHECK_EQ((int)yoke_thread_enumerate(infos, 2), N + 1);
    CHECK_STR(infos[1].name, yoke_thread_name(&threads[0]));
    CHECK_EQ(infos[2].native_id, -1);
    CHECK_EQ((int)yoke_thread_enumerate(NULL, 0), N + 1);
    /* from the middle, the end and the beginning */
    for (int i = 0; i < N; i++) {
        static const int order[N] = {2, 4, 0, 1, 3};

        yoke_event_set(&events[order[i]]);
        CHECK_EQ(yoke_thread_join(&threads[order[i]], NULL), 0);
        CHECK_EQ((int)yoke_thread_enumerate(infos, 10), N - i);
        if (i == 1) {
            CHECK_STR(infos[1].name, yoke_thread_name(&threads[0]));
            CHECK_STR(infos[2].name, yoke_thread_name(&threads[1]));
            CHECK_STR(infos[3].name, yoke_thread_name(&threads[3]));
        }
    }
}

static int come_and_go(void *arg)
{
    int value = 1;

    for (int i = 0; i < 50; i++) {
        yoke_thread thread = {0};

        /* every third fails, after it was entered */
        if (yoke_thread_start(&thread, number, &value, .stack_size = i % 3 ? 0 : (size_t)1 << 50) == 0)
            CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
        yk_add_rlx((yk_a32 *)arg, 1);
    }
    return 0;
}

TEST(enumerate_while_threads_come_and_go)
{
    yoke_thread threads[3] = {0};
    yk_a32 done = {0};

    for (int i = 0; i < 3; i++)
        CHECK_EQ(yoke_thread_start(&threads[i], come_and_go, &done), 0);
    while (yk_load_rlx(&done) < 150) {
        yoke_thread_info infos[10];
        size_t n = yoke_thread_enumerate(infos, 10);

        CHECK(n >= 1 && n <= 7);
        for (size_t i = 0; i < n; i++)
            CHECK(infos[i].native_id > 0 && infos[i].ident != 0 && infos[i].name[0]);
    }
    for (int i = 0; i < 3; i++)
        CHECK_EQ(yoke_thread_join(&threads[i], NULL), 0);
}

/* ---- forks ---- */

static void check_child(pid_t pid)
{
    int status;

    CHECK(pid > 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
}

TEST(in_a_child_of_fork_only_the_caller_is_left)
{
    yoke_event event = {0};
    yoke_thread running = {0}, ended = {0}, joined = {0};
    int value = 9, code = 5;
    pid_t pid;

    CHECK_EQ(yoke_thread_start(&running, wait_event, &event), 0);
    CHECK_EQ(yoke_thread_start(&ended, number, &value), 0);
    CHECK_EQ(yoke_thread_start(&joined, number, &value), 0);
    CHECK_EQ(yoke_thread_join(&joined, NULL), 0);
    while (yoke_thread_alive(&ended))
        sched_yield();
    pid = fork();
    if (pid == 0) {
        yoke_thread_info infos[4];
        yoke_thread fresh = {0};

        CHECK_EQ((int)yoke_thread_enumerate(infos, 4), 1);
        CHECK_STR(infos[0].name, "MainThread");
        CHECK_EQ(infos[0].native_id, getpid());
        CHECK(yoke_thread_current() == yoke_thread_main());
        CHECK_EQ(yoke_thread_alive(&running), 0);
        CHECK_EQ(yoke_thread_join(&running, &code), -YOKE_EFORKED);
        CHECK_EQ(code, 5);
        CHECK_EQ(yoke_thread_join(&ended, &code), 0);
        CHECK_EQ(code, 9);
        CHECK_EQ(yoke_thread_join(&joined, &code), 0);
        CHECK(yoke_thread_native_id(&running) > 0);
        CHECK_EQ(yoke_thread_start(&fresh, number, &value), 0);
        CHECK_EQ(yoke_thread_join(&fresh, &code), 0);
        CHECK_EQ(code, 9);
        _exit(0);
    }
    check_child(pid);
    yoke_event_set(&event);
    CHECK_EQ(yoke_thread_join(&running, NULL), 0);
    CHECK_EQ(yoke_thread_join(&ended, NULL), 0);
}

static int fork_here(void *arg)
{
    pid_t pid = fork();

    if (pid == 0) {
        yoke_thread_info infos[4];
        yoke_thread fresh = {0};
        int value = 9, code = 0;

        /* who forked goes on as the child's main thread, with its name and number */
        CHECK_EQ((int)yoke_thread_enumerate(infos, 4), 1);
        CHECK_STR(infos[0].name, yoke_thread_name(arg));
        CHECK_EQ(infos[0].native_id, getpid());
        CHECK(yoke_thread_current() == arg && yoke_thread_main() == arg);
        CHECK_EQ(yoke_thread_native_id(arg), getpid());
        CHECK_EQ(yoke_thread_alive(arg), 1);
        CHECK_EQ(yoke_thread_join(arg, NULL), -EDEADLK);
        CHECK_EQ(yoke_thread_start(&fresh, number, &value), 0);
        CHECK_EQ(yoke_thread_join(&fresh, &code), 0);
        CHECK_EQ(code, 9);
        /* returning ends the child: its last thread */
        return 0;
    }
    check_child(pid);
    return 4;
}

TEST(a_thread_that_forks_is_main_in_the_child)
{
    yoke_event event = {0};
    yoke_thread other = {0}, forker = {0};
    int code = 0;

    CHECK_EQ(yoke_thread_start(&other, wait_event, &event), 0);
    CHECK_EQ(yoke_thread_start(&forker, fork_here, &forker), 0);
    CHECK_EQ(yoke_thread_join(&forker, &code), 0);
    CHECK_EQ(code, 4);
    yoke_event_set(&event);
    CHECK_EQ(yoke_thread_join(&other, NULL), 0);
}

static void *fork_foreign(void *arg)
{
    yoke_thread *self = yoke_thread_current();
    pid_t pid = fork();

    if (pid == 0) {
        CHECK(yoke_thread_current() == self && yoke_thread_main() == self);
        CHECK_EQ(yoke_thread_native_id(self), getpid());
        _exit(0);
    }
    check_child(pid);
    return arg;
}

TEST(a_foreign_thread_may_fork)
{
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, fork_foreign, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* Forks at any moment of starts and ends: the child's registry must be free and whole. */
TEST(forks_among_threads_that_come_and_go)
{
    yoke_thread threads[2] = {0};
    yk_a32 done = {0};

    for (int i = 0; i < 2; i++)
        CHECK_EQ(yoke_thread_start(&threads[i], come_and_go, &done), 0);
    while (yk_load_rlx(&done) < 100) {
        pid_t pid = fork();

        if (pid == 0) {
            yoke_thread fresh = {0};
            int value = 1;

            CHECK_EQ((int)yoke_thread_enumerate(NULL, 0), 1);
            CHECK_EQ(yoke_thread_start(&fresh, number, &value), 0);
            CHECK_EQ(yoke_thread_join(&fresh, NULL), 0);
            _exit(0);
        }
        check_child(pid);
    }
    for (int i = 0; i < 2; i++)
        CHECK_EQ(yoke_thread_join(&threads[i], NULL), 0);
}

/* ---- the layer below ---- */

static void set_flag(void *arg)
{
    yk_store_rel((yk_a32 *)arg, 1);
}

static void wait_flag(void *arg)
{
    while (yk_load_acq((yk_a32 *)arg) == 0)
        yk_futex_wait(arg, 0, false, YOKE_FOREVER);
}

TEST(threads_of_the_system_join_in_time)
{
    struct yk_os_thread thread;
    yk_a32 flag = {0};

    CHECK_EQ(yk_os_thread_start(&thread, wait_flag, &flag, 0, NULL, 0), 0);
    CHECK_EQ(yk_os_thread_join(&thread, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yk_os_thread_join(&thread, -3), -ETIMEDOUT);
    CHECK_EQ(yk_os_thread_join(&thread, yoke_after(0.005)), -ETIMEDOUT);
    set_flag(&flag);
    yk_futex_wake(&flag, 1, false);
    CHECK_EQ(yk_os_thread_join(&thread, yoke_after(5 * test_slow())), 0);
}

static int forks_seen;

static void see_fork(void)
{
    forks_seen++;
}

TEST(at_most_eight_are_told_of_a_fork)
{
    int taken = 0, rc;
    pid_t pid;

    while ((rc = yk_at_fork(see_fork)) == 0)
        taken++;
    CHECK_EQ(rc, -ENOMEM);
    CHECK_EQ(yk_at_fork(see_fork), -ENOMEM);
    CHECK_EQ(taken, 8);
    pid = fork();
    if (pid == 0)
        _exit(forks_seen != taken);
    check_child(pid);
    CHECK_EQ(forks_seen, 0);
}
