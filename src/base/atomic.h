/* atomic.h -- atomic integers and pointers, every operation named by its memory order.
 *
 * The wrapper types keep a plain access from compiling.  The suffix is the C11 order: rlx relaxed, acq acquire, rel release,
 * aar acquire and release, seq sequentially consistent.  A caller says in a comment which operation it pairs with.
 * Everything goes through the compiler's __atomic builtins, and no other file names them (but for the inline
 * calls of the public headers): a model checker replaces the memory by defining those names as macros (tests/model). */
#ifndef YK_ATOMIC_H
#define YK_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

typedef struct yk_a32 {
    uint32_t v;
} yk_a32;

typedef struct yk_a64 {
    uint64_t v;
} yk_a64;

typedef struct yk_aptr {
    void *v;
} yk_aptr;

#define yk_load_rlx(a) __atomic_load_n(&(a)->v, __ATOMIC_RELAXED)
#define yk_load_acq(a) __atomic_load_n(&(a)->v, __ATOMIC_ACQUIRE)
#define yk_load_seq(a) __atomic_load_n(&(a)->v, __ATOMIC_SEQ_CST)

#define yk_store_rlx(a, x) __atomic_store_n(&(a)->v, (x), __ATOMIC_RELAXED)
#define yk_store_rel(a, x) __atomic_store_n(&(a)->v, (x), __ATOMIC_RELEASE)
#define yk_store_seq(a, x) __atomic_store_n(&(a)->v, (x), __ATOMIC_SEQ_CST)

/* Each returns the old value. */
#define yk_swap_acq(a, x) __atomic_exchange_n(&(a)->v, (x), __ATOMIC_ACQUIRE)
#define yk_swap_rel(a, x) __atomic_exchange_n(&(a)->v, (x), __ATOMIC_RELEASE)
#define yk_swap_aar(a, x) __atomic_exchange_n(&(a)->v, (x), __ATOMIC_ACQ_REL)
#define yk_swap_seq(a, x) __atomic_exchange_n(&(a)->v, (x), __ATOMIC_SEQ_CST)
#define yk_add_rlx(a, x) __atomic_fetch_add(&(a)->v, (x), __ATOMIC_RELAXED)
#define yk_sub_rlx(a, x) __atomic_fetch_add(&(a)->v, -(x), __ATOMIC_RELAXED)
#define yk_add_acq(a, x) __atomic_fetch_add(&(a)->v, (x), __ATOMIC_ACQUIRE)
#define yk_add_rel(a, x) __atomic_fetch_add(&(a)->v, (x), __ATOMIC_RELEASE)
#define yk_sub_rel(a, x) __atomic_fetch_add(&(a)->v, -(x), __ATOMIC_RELEASE)
#define yk_add_aar(a, x) __atomic_fetch_add(&(a)->v, (x), __ATOMIC_ACQ_REL)
#define yk_add_seq(a, x) __atomic_fetch_add(&(a)->v, (x), __ATOMIC_SEQ_CST)
#define yk_sub_seq(a, x) __atomic_fetch_add(&(a)->v, -(x), __ATOMIC_SEQ_CST)
#define yk_and_rlx(a, x) __atomic_fetch_and(&(a)->v, (x), __ATOMIC_RELAXED)
#define yk_and_rel(a, x) __atomic_fetch_and(&(a)->v, (x), __ATOMIC_RELEASE)
#define yk_and_aar(a, x) __atomic_fetch_and(&(a)->v, (x), __ATOMIC_ACQ_REL)
#define yk_or_rlx(a, x) __atomic_fetch_or(&(a)->v, (x), __ATOMIC_RELAXED)
#define yk_or_rel(a, x) __atomic_fetch_or(&(a)->v, (x), __ATOMIC_RELEASE)
#define yk_or_acq(a, x) __atomic_fetch_or(&(a)->v, (x), __ATOMIC_ACQUIRE)
#define yk_or_aar(a, x) __atomic_fetch_or(&(a)->v, (x), __ATOMIC_ACQ_REL)
#define yk_or_seq(a, x) __atomic_fetch_or(&(a)->v, (x), __ATOMIC_SEQ_CST)
#define yk_and_seq(a, x) __atomic_fetch_and(&(a)->v, (x), __ATOMIC_SEQ_CST)

/* If *a is *expected, becomes x and gives true; else writes what it is to *expected and gives false (relaxed, or acquire for
 * aar and seq). */
#define yk_cas_rlx(a, expected, x)                                                                                     \
    __atomic_compare_exchange_n(&(a)->v, (expected), (x), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
#define yk_cas_acq(a, expected, x)                                                                                     \
    __atomic_compare_exchange_n(&(a)->v, (expected), (x), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)
#define yk_cas_rel(a, expected, x)                                                                                     \
    __atomic_compare_exchange_n(&(a)->v, (expected), (x), false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
#define yk_cas_aar(a, expected, x)                                                                                     \
    __atomic_compare_exchange_n(&(a)->v, (expected), (x), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
#define yk_cas_seq(a, expected, x)                                                                                     \
    __atomic_compare_exchange_n(&(a)->v, (expected), (x), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

#ifdef __SANITIZE_THREAD__
/* gcc's ThreadSanitizer knows no fences.  All of them change one word of the file instead, which orders those of that file; no two
 * files may pair theirs. */
static inline void yk_fence_seq(void)
{
    static uint32_t word;

    __atomic_fetch_add(&word, 1, __ATOMIC_SEQ_CST);
}
#else
#define yk_fence_seq() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

/* Tells the CPU that this is a loop that waits for another one. */
static inline void yk_cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
