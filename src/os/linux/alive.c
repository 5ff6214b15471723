/* alive.c -- a word that the kernel changes when the process that armed it dies.
 *
 * The kernel walks a list of held robust futexes when a thread ends, however it ends: for each whose word carries the thread's
 * ID it sets FUTEX_OWNER_DIED and, if FUTEX_WAITERS is set, wakes one sleeper on it, as on a word shared between processes
 * (Documentation/locking/robust-futex-ABI.rst; handle_futex_death in kernel/futex/core.c).  The word of yk_alive is such a
 * futex, held from arm until death.
 *
 * A thread has one list, and its head is libc's, which keeps the robust mutexes there that the program holds.  So the word
 * joins that list, as if it were one more mutex; only where the list is missing, or is laid out in a way that is not known
 * here, does it get a list of its own.
 *
 * Invariant: a word that says "armed" is on the list. */
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/os.h"

/* struct yk_alive as an element of libc's list: `next` is what the list links, `prev` lies right before it, and the word is
 * where the list's futex_offset says that a mutex has it (32 bytes before `next`: glibc on 64-bit machines). */
struct joined {
    yk_a32 word;
    uint32_t reserved;
    void *unused[2];
    void *prev;
    struct robust_list next;
};

_Static_assert(offsetof(struct joined, word) == offsetof(struct yk_alive, word), "one word, two views");
_Static_assert(sizeof(struct joined) <= sizeof(struct yk_alive), "two views of the same memory");
_Static_assert(sizeof(struct robust_list_head) == sizeof((struct yk_alive){.word = {0}}.head), "head is the kernel's");

/* Puts it first in the list, as glibc does with a mutex; false if that list is not glibc's. */
static bool join_list(struct yk_alive *alive, struct robust_list_head *head)
{
    struct joined *entry = (void *)alive;
    struct robust_list *first;

    if (head->futex_offset != (long)offsetof(struct joined, word) - (long)offsetof(struct joined, next))
        return false;
    /* bit 0 of a link marks a mutex with priority inheritance */
    first = (struct robust_list *)((uintptr_t)head->list.next & ~(uintptr_t)1);
    entry->prev = &head->list;
    entry->next.next = head->list.next;
    ((void **)first)[-1] = &entry->next;
    /* the entry before the link to it: the kernel may walk the list at any instruction of ours */
    __asm__ volatile("" ::: "memory");
    head->list.next = &entry->next;
    return true;
}

/* A list with this one element. */
static bool make_list(struct yk_alive *alive)
{
    struct robust_list_head *head = (void *)alive->head;
    struct robust_list *entry = (void *)&alive->next;

    entry->next = &head->list;
    head->list.next = entry;
    head->futex_offset = (long)offsetof(struct yk_alive, word) - (long)offsetof(struct yk_alive, next);
    head->list_op_pending = NULL;
    return syscall(SYS_set_robust_list, head, sizeof *head) == 0;
}

void yk_alive_arm(struct yk_alive *alive)
{
    struct robust_list_head *head = NULL;
    size_t size = 0;

    if (syscall(SYS_get_robust_list, 0, &head, &size) < 0 || size != sizeof *head)
        head = NULL;
    if (!(head && join_list(alive, head)) && !make_list(alive))
        return;
    /* last, so that "armed" is never said of a word that nobody watches.  release: pairs with the load in yk_alive_armed */
    yk_store_rel(&alive->word, (uint32_t)gettid() | FUTEX_WAITERS);
}

bool yk_alive_armed(struct yk_alive *alive)
{
    /* acquire: pairs with the store in arm */
    return yk_load_acq(&alive->word) != 0;
}

bool yk_alive_dead(struct yk_alive *alive)
{
    /* acquire: pairs with the kernel's exchange, after which the process writes no more */
    return (yk_load_acq(&alive->word) & FUTEX_OWNER_DIED) != 0;
}
