/* futex.c -- sleeping on a word until somebody changes it.
 *
 * Invariant: whoever changes a word wakes after the change, and the kernel compares the word with what the sleeper expects
 * under the lock that the waker needs; so no wake falls between the look and the sleep.  A sleeper that was woken at the
 * moment of its deadline is reported as woken (futex_unqueue in the kernel's futex_wait), never as timed out: a wake that was
 * counted is never lost. */
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/linux/linux.h"
#include "os/os.h"

/* How often the other words are looked at where futex_waitv is missing. */
#define LOOK_NS 10000000

/* 1: the kernel or a sandbox has refused futex_waitv, and will again.  Written by any thread, from 0 to 1 only. */
static yk_a32 no_waitv;

/* What a sleep that ended in errno `error` means.  EAGAIN: the word differs, and the caller looks again. */
static int outcome(int error)
{
    yk_assert(error == EAGAIN || error == EINTR || error == ETIMEDOUT || error == ENOSYS || error == EPERM);
    return error == EAGAIN ? 0 : -error;
}

static int sleep_on(yk_a32 *word, uint32_t expected, bool shared, yoke_time deadline)
{
    struct timespec space;
    /* the BITSET form, because its timeout is absolute; a shared word must not have FUTEX_PRIVATE_FLAG, or only threads
     * of this process would meet on it */
    int operation = FUTEX_WAIT_BITSET | (shared ? 0 : FUTEX_PRIVATE_FLAG);

    if (syscall(SYS_futex, &word->v, operation, expected, yk_timespec(deadline, &space), NULL,
                FUTEX_BITSET_MATCH_ANY) == 0)
        return 0;
    return outcome(errno);
}

int yk_futex_wait(yk_a32 *word, uint32_t expected, bool shared, yoke_time deadline)
{
    int rc = sleep_on(word, expected, shared, deadline);

    return rc == -EINTR ? 0 : rc;
}

int yk_futex_wake(yk_a32 *word, int n, bool shared)
{
    /* the word is only a key here: it is never read, and may be gone by now, which the kernel reports and nobody minds */
    long woken = syscall(SYS_futex, &word->v, FUTEX_WAKE | (shared ? 0 : FUTEX_PRIVATE_FLAG), n, NULL, NULL, 0);

    return woken < 0 ? 0 : (int)woken;
}

/* Sleeps on the first word, and looks at the others every so often. */
static int wait_by_looking(const struct yk_wait *waits, unsigned n, yoke_time deadline)
{
    for (;;) {
        yoke_time look = n > 1 ? yk_min(deadline, yoke_now() + LOOK_NS) : deadline;
        int rc;

        for (unsigned i = 1; i < n; i++)
            /* acquire: the caller goes on with what the word's writer wrote before it */
            if (yk_load_acq(waits[i].word) != waits[i].expected)
                return 0;
        rc = sleep_on(waits[0].word, waits[0].expected, waits[0].shared, look);
        if (rc != -ETIMEDOUT || look == deadline)
            return rc;
    }
}

/* For n > 1. */
static int wait_vector(const struct yk_wait *waits, unsigned n, yoke_time deadline)
{
    struct futex_waitv words[YK_WAIT_MOST];
    struct timespec space;

    /* the kernel queues for one after the other, and compares each as it gets there */
    for (unsigned i = 0; i < n; i++)
        words[n - 1 - i] = (struct futex_waitv){.val = waits[i].expected,
                                                .uaddr = (uintptr_t)&waits[i].word->v,
                                                .flags = FUTEX_32 | (waits[i].shared ? 0 : FUTEX_PRIVATE_FLAG)};
    if (syscall(SYS_futex_waitv, words, n, 0, yk_timespec(deadline, &space), CLOCK_MONOTONIC) >= 0)
        return 0;
    return outcome(errno);
}

int yk_futex_wait_many(const struct yk_wait *waits, unsigned n, yoke_time deadline)
{
    int rc;

    yk_assert(n >= 1 && n <= YK_WAIT_MOST);
    /* relaxed: it says nothing about any other memory */
    if (n == 1 || yk_load_rlx(&no_waitv))
        return wait_by_looking(waits, n, deadline);
    rc = wait_vector(waits, n, deadline);
    /* ENOSYS before Linux 5.16; EPERM is what a container's seccomp filter says to a call that it does not know */
    if (rc != -ENOSYS && rc != -EPERM)
        return rc;
    yk_store_rlx(&no_waitv, 1);
    return wait_by_looking(waits, n, deadline);
}

int yk_futex_wait_either(yk_a32 *a, uint32_t expected_a, yk_a32 *b, uint32_t expected_b, yoke_time deadline)
{
    int rc = yk_futex_wait_many((struct yk_wait[]){{a, expected_a, true}, {b, expected_b, true}}, 2, deadline);

    return rc == -EINTR ? 0 : rc;
}
