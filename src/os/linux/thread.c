/* thread.c -- threads, by pthreads, so that libc, debuggers and sanitizers know them.
 *
 * A thread with a set of CPUs puts itself on them before it runs anything, and its starter waits for the outcome: the kernel
 * drops CPUs from a mask that are not there or not allowed without a word, and only a look afterwards tells. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/linux/linux.h"
#include "os/os.h"

/* What a new thread is to do.  Its own to free when there are no CPUs to choose; else its starter's, who waits. */
struct launch {
    void (*body)(void *arg);
    void *arg;
    cpu_set_t *cpus; /* or NULL */
    yk_a32 answer;   /* written by the new thread once: PINNED or REFUSED */
};

enum { UNKNOWN, PINNED, REFUSED };

static void *launched(void *data)
{
    struct launch *launch = data;
    void (*body)(void *) = launch->body;
    void *arg = launch->arg;

    free(launch);
    body(arg);
    return NULL;
}

static bool pin(const cpu_set_t *wanted)
{
    size_t size = CPU_ALLOC_SIZE(YK_CPUS_MAX);
    cpu_set_t *got = CPU_ALLOC(YK_CPUS_MAX);
    bool pinned = got && sched_setaffinity(0, size, wanted) == 0 && sched_getaffinity(0, size, got) == 0 &&
                  CPU_EQUAL_S(size, wanted, got);

    CPU_FREE(got);
    return pinned;
}

static void *launched_on_cpus(void *data)
{
    struct launch *launch = data;
    void (*body)(void *) = launch->body;
    void *arg = launch->arg;
    bool pinned = pin(launch->cpus);

    /* release: pairs with the load in start_on_cpus, which then frees `launch`; the wake uses its address only */
    yk_store_rel(&launch->answer, pinned ? PINNED : REFUSED);
    yk_futex_wake(&launch->answer, 1, false);
    if (pinned)
        body(arg);
    return NULL;
}

static int create(pthread_t *handle, const pthread_attr_t *attributes, void (*body)(void *), void *arg)
{
    struct launch *launch = malloc(sizeof *launch);
    int rc;

    if (!launch)
        return -ENOMEM;
    *launch = (struct launch){.body = body, .arg = arg};
    rc = pthread_create(handle, attributes, launched, launch);
    if (rc != 0)
        free(launch);
    return -rc;
}

static int create_on_cpus(pthread_t *handle, const pthread_attr_t *attributes, void (*body)(void *), void *arg,
                          cpu_set_t *cpus)
{
    struct launch launch = {.body = body, .arg = arg, .cpus = cpus};
    int rc = pthread_create(handle, attributes, launched_on_cpus, &launch);

    if (rc != 0)
        return -rc;
    /* acquire: pairs with the store in launched_on_cpus */
    while (yk_load_acq(&launch.answer) == UNKNOWN)
        yk_futex_wait(&launch.answer, UNKNOWN, false, YOKE_FOREVER);
    if (yk_load_acq(&launch.answer) == PINNED)
        return 0;
    pthread_join(*handle, NULL);
    return -EINVAL;
}

static int cpu_set(const int *cpus, size_t n_cpus, cpu_set_t **ret_set)
{
    size_t size = CPU_ALLOC_SIZE(YK_CPUS_MAX);
    cpu_set_t *set;

    for (size_t i = 0; i < n_cpus; i++)
        if (cpus[i] < 0 || cpus[i] >= YK_CPUS_MAX)
            return -EINVAL;
    set = CPU_ALLOC(YK_CPUS_MAX);
    if (!set)
        return -ENOMEM;
    CPU_ZERO_S(size, set);
    for (size_t i = 0; i < n_cpus; i++)
        CPU_SET_S((size_t)cpus[i], size, set);
    *ret_set = set;
    return 0;
}

static int set_stack(pthread_attr_t *attributes, size_t stack_size)
{
    size_t rounded = yk_round_up(stack_size, (size_t)sysconf(_SC_PAGESIZE));

    return rounded ? -pthread_attr_setstacksize(attributes, rounded) : -ENOMEM;
}

int yk_os_thread_start(struct yk_os_thread *thread, void (*body)(void *), void *arg, size_t stack_size, const int *cpus,
                       size_t n_cpus)
{
    pthread_attr_t attributes;
    cpu_set_t *set = NULL;
    pthread_t handle = 0;
    int rc = cpus ? cpu_set(cpus, n_cpus, &set) : 0;

    if (rc < 0)
        return rc;
    rc = -pthread_attr_init(&attributes);
    if (rc == 0) {
        if (stack_size)
            rc = set_stack(&attributes, stack_size);
        if (rc == 0)
            rc = set ? create_on_cpus(&handle, &attributes, body, arg, set) : create(&handle, &attributes, body, arg);
        pthread_attr_destroy(&attributes);
    }
    CPU_FREE(set);
    if (rc == 0)
        thread->handle = handle;
    return rc;
}

int yk_os_helper_start(struct yk_os_thread *thread, void (*body)(void *), void *arg)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigset_t all, old;
    int rc;

    /* it begins with the mask of its starter */
    sigfillset(&all);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = yk_os_thread_start(thread, body, arg, 0, NULL, 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

int yk_os_thread_join(struct yk_os_thread *thread, yoke_time deadline)
{
    struct timespec space;
    const struct timespec *until = yk_timespec(deadline, &space);
    pthread_t handle = thread->handle;
    int rc, cancel;

    /* a caller that was cancelled in here would leave its own records half done */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    rc = until ? pthread_clockjoin_np(handle, NULL, CLOCK_MONOTONIC, until) : pthread_join(handle, NULL);
    pthread_setcancelstate(cancel, NULL);
    return -rc;
}

void yk_os_thread_detach(struct yk_os_thread *thread)
{
    pthread_detach(thread->handle);
}

void yk_os_thread_name(const char *name)
{
    char cut[16]; /* what the kernel keeps */

    strncpy(cut, name, sizeof cut - 1);
    cut[sizeof cut - 1] = '\0';
    pthread_setname_np(pthread_self(), cut);
}

void yk_os_thread_guard(void (*body)(void *), void (*leave)(void *), void *arg)
{
    pthread_cleanup_push(leave, arg);
    body(arg);
    pthread_cleanup_pop(0);
}

void yk_yield(void)
{
    sched_yield();
}

enum { AT_FORK_MOST = 16 };

/* What yk_at_fork was given.  A slot is taken by counting up, and filled once by who took it. */
static struct {
    void (*functions[AT_FORK_MOST])(void);
    yk_a32 filled[AT_FORK_MOST];
    yk_a32 taken;
    pthread_once_t once;
    int rc;
} at_fork = {.once = PTHREAD_ONCE_INIT};

void yk_forked(void)
{
    for (size_t i = 0; i < AT_FORK_MOST; i++)
        /* acquire: pairs with the store in yk_at_fork */
        if (yk_load_acq(&at_fork.filled[i]))
            at_fork.functions[i]();
}

static void install(void)
{
    at_fork.rc = -pthread_atfork(NULL, NULL, yk_forked);
}

int yk_at_fork(void (*child)(void))
{
    uint32_t slot;

    pthread_once(&at_fork.once, install);
    if (at_fork.rc < 0)
        return at_fork.rc;
    /* relaxed: it only shares out the slots */
    slot = yk_add_rlx(&at_fork.taken, 1);
    if (slot >= AT_FORK_MOST)
        return -ENOMEM;
    at_fork.functions[slot] = child;
    yk_store_rel(&at_fork.filled[slot], 1);
    return 0;
}

int yk_before_fork(void (*before)(void), void (*parent)(void))
{
    return -pthread_atfork(before, parent, NULL);
}
