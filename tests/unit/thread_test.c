/* thread_test.c -- Thread: start and join, how a thread ends, its signals, stack and CPUs. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <yoke/event.h>
#include <yoke/thread.h>

#include "asleep.h"
#include "os/os.h"
#include "test.h"

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
    check_refused(-EINVAL, number,
                  &(yoke_thread_options){.size = size, .arg = &value, .cpus = absent + 1, .n_cpus = 1});
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

    if (THREAD_SANITIZER)
        SKIP("the thread sanitizer makes stacks larger");
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
    yoke_thread thread = {0};
    int value = 5, code = 0;

    if (SANITIZER)
        SKIP("a sanitizer needs more stack than this");
    CHECK_EQ(yoke_thread_start(&thread, number, &value, .stack_size = 16384), 0);
    CHECK_EQ(yoke_thread_join(&thread, &code), 0);
    CHECK_EQ(code, 5);
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
        cpu = -1; /* it was copied */
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
