/* robust.c -- the kernel's robust futex list, for words of our own.
 *
 * The kernel walks a thread's list when the thread ends, however it ends (Documentation/locking/robust-futex-ABI.rst;
 * exit_robust_list and handle_futex_death in kernel/futex/core.c).  A thread has one list, and libc keeps the robust mutexes of
 * the program in it; so our words join it, as if they were such mutexes: `links` is what glibc has there on 64-bit machines,
 * the link to the previous element and the one to the next, and the word lies 32 bytes before the latter.  Where libc has no
 * list, or another layout, or it may not be asked for, the thread gets a list of its own; robust mutexes of the program, if libc
 * has such and had a list, are then no longer looked after in that thread.
 *
 * The intention is the list's `list_op_pending`.  Only its address matters to the kernel, so that any word will do.  That an
 * intended word which nobody owns gets a wake is what lets a waiter that was woken, and is killed before it could act on that,
 * hand its wake to the next.  Linux does so from 6.2 on, and in the stable series of 2023 and later, Debian 12's among them ("futex:
 * Resend potentially swallowed owner death notification"); before, it looked for a word that is 0 as a whole, so that on such a
 * kernel the death of a waiter that was just woken may leave others asleep until the next wake.
 *
 * All stores here are plain ones, in program order: who reads them is this thread's own exit. */
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/os.h"

_Static_assert(offsetof(struct yk_robust, word) - offsetof(struct yk_robust, links[1]) == (size_t)YK_ROBUST_OFFSET,
               "where glibc's mutex has its links");
_Static_assert(YK_TID == FUTEX_TID_MASK && YK_DIED == FUTEX_OWNER_DIED && YK_WAITED == FUTEX_WAITERS,
               "the kernel's bits");
_Static_assert(sizeof(struct yk_robust_list) == sizeof(struct robust_list_head) &&
                   offsetof(struct yk_robust_list, offset) == offsetof(struct robust_list_head, futex_offset) &&
                   offsetof(struct yk_robust_list, intended) == offsetof(struct robust_list_head, list_op_pending),
               "the kernel's list");

_Thread_local __attribute__((tls_model("initial-exec"))) struct yk_robust_list *yk_robust_list_known;

/* The list of a thread that has none of libc's. */
static _Thread_local struct {
    void *previous; /* right before the list, as glibc has it */
    struct yk_robust_list list;
} own;

/* 1 once the kernel, or a sandbox, has refused.  Written by any thread, from 0 to 1 only. */
static yk_a32 refused;

/* False: a child of fork would not be told that it is one, so that nothing may be kept.  Written before main. */
static bool forks_known;

_Thread_local __attribute__((tls_model("initial-exec"))) uint32_t yk_tid_known;
_Thread_local __attribute__((tls_model("initial-exec"))) uint32_t yk_robust_held;

static void forked(void)
{
    yk_tid_known = 0;
    yk_robust_held = 0;
    yk_robust_list_known = NULL;
}

__attribute__((constructor)) static void watch_forks(void)
{
    forks_known = yk_at_fork(forked) == 0;
}

uint32_t yk_tid_asked(void)
{
    uint32_t tid = (uint32_t)gettid();

    if (forks_known)
        yk_tid_known = tid;
    return tid;
}

static struct yk_robust_list *make_own(void)
{
    own.list = (struct yk_robust_list){.first = &own.list, .offset = YK_ROBUST_OFFSET};
    if (syscall(SYS_set_robust_list, &own.list, sizeof own.list) < 0)
        yk_store_rlx(&refused, 1); /* relaxed: it says nothing about any other memory */
    return &own.list;
}

struct yk_robust_list *yk_robust_list_asked(void)
{
    struct yk_robust_list *list = NULL;
    size_t size = 0;

    if (syscall(SYS_get_robust_list, 0, &list, &size) < 0 || !list || size != sizeof *list ||
        list->offset != YK_ROBUST_OFFSET)
        list = make_own();
    yk_robust_list_known = list;
    return list;
}

/* Links are to `links[1]` of an element, or to the list; bit 0 of one marks a mutex with priority inheritance. */
static void **next_of(void *link)
{
    return (void **)((uintptr_t)link & ~(uintptr_t)1);
}

bool yk_robust_link(struct yk_robust *robust)
{
    struct yk_robust_list *list = yk_robust_list_known ? yk_robust_list_known : yk_robust_list_asked();
    void *first = list->first;

    robust->links[0] = list;
    robust->links[1] = first;
    next_of(first)[-1] = &robust->links[1];
    yk_robust_in_order();
    list->first = &robust->links[1];
    yk_robust_in_order();
    return !yk_load_rlx(&refused);
}

void yk_robust_unlink(struct yk_robust *robust)
{
    void *previous = robust->links[0], *next = robust->links[1];

    next_of(next)[-1] = previous;
    yk_robust_in_order();
    *next_of(previous) = next;
    yk_robust_in_order();
}

/* More locks than a thread will ever hold. */
enum { LONGEST = 1 << 20 };

bool yk_robust_linked_in(const void *memory, size_t size)
{
    struct yk_robust_list *list = yk_robust_list_known ? yk_robust_list_known : yk_robust_list_asked();
    void *link = list->first;

    /* further than the kernel goes: what lies in memory that goes away must not be followed later either; a list that was
     * overwritten may be a circle */
    for (int n = 0; n < LONGEST && next_of(link) != (void **)list; n++) {
        if ((uintptr_t)next_of(link) - (uintptr_t)memory < size)
            return true;
        link = *next_of(link);
    }
    return false;
}
