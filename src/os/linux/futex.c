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

/* How often the second word is looked at where futex_waitv is missing. */
#define LOOK_NS 10000000

/* 1: the kernel or a sandbox has refused futex_waitv, and will again.  Written by any thread, from 0 to 1 only. */
static yk_a32 no_waitv;

/* What a sleep that ended in errno `error` means to the caller.  EAGAIN (the word differs) and EINTR make it look again. */
static int outcome(int error)
{
    yk_assert(error == EAGAIN || error == EINTR || error == ETIMEDOUT);
    return error == ETIMEDOUT ? -ETIMEDOUT : 0;
}

int yk_futex_wait(yk_a32 *word, uint32_t expected, bool shared, yoke_time deadline)
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

int yk_futex_wake(yk_a32 *word, int n, bool shared)
{
    /* the word is only a key here: it is never read, and may be gone by now, which the kernel reports and nobody minds */
    long woken = syscall(SYS_futex, &word->v, FUTEX_WAKE | (shared ? 0 : FUTEX_PRIVATE_FLAG), n, NULL, NULL, 0);

    return woken < 0 ? 0 : (int)woken;
}

static int wait_by_looking(yk_a32 *a, uint32_t expected_a, yk_a32 *b, uint32_t expected_b, yoke_time deadline)
{
    for (;;) {
        yoke_time look = yk_min(deadline, yoke_now() + LOOK_NS);

        /* acquire: the caller goes on with what the word's writer wrote before it */
        if (yk_load_acq(b) != expected_b)
            return 0;
        if (yk_futex_wait(a, expected_a, true, look) == 0)
            return 0;
        if (look == deadline)
            return yk_load_acq(b) != expected_b ? 0 : -ETIMEDOUT;
    }
}

int yk_futex_wait_either(yk_a32 *a, uint32_t expected_a, yk_a32 *b, uint32_t expected_b, yoke_time deadline)
{
    struct futex_waitv words[2] = {
        {.val = expected_a, .uaddr = (uintptr_t)&a->v, .flags = FUTEX_32},
        {.val = expected_b, .uaddr = (uintptr_t)&b->v, .flags = FUTEX_32},
    };
    struct timespec space;

    /* relaxed: it says nothing about any other memory */
    if (yk_load_rlx(&no_waitv))
        return wait_by_looking(a, expected_a, b, expected_b, deadline);
    if (syscall(SYS_futex_waitv, words, 2, 0, yk_timespec(deadline, &space), CLOCK_MONOTONIC) >= 0)
        return 0;
    /* ENOSYS before Linux 5.16; EPERM is what a container's seccomp filter says to a call that it does not know */
    if (errno != ENOSYS && errno != EPERM)
        return outcome(errno);
    yk_store_rlx(&no_waitv, 1);
    return wait_by_looking(a, expected_a, b, expected_b, deadline);
}
