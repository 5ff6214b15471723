/* builtins.h -- turns the atomic builtins and the futex calls of the source that is included after it into
 * operations of the explorer.  The first include of a model test. */
#ifndef YK_BUILTINS_H
#define YK_BUILTINS_H

/* a rule of our own that is broken is a failure the explorer should see */
#ifndef YK_DEBUG
#define YK_DEBUG
#endif

#include "explore.h"

/* The operation as a place in the source: for the printed interleaving, and to weaken it alone. */
#define EXPLORE_SITE                                                                                                   \
    __extension__({                                                                                                    \
        static struct explore_site explore_site_;                                                                      \
        explore_site_.file = __FILE__;                                                                                 \
        explore_site_.function = __func__;                                                                             \
        explore_site_.line = __LINE__;                                                                                 \
        &explore_site_;                                                                                                \
    })

/* The type of *p without its qualifiers: a conditional expression is no lvalue. */
#define EXPLORE_TYPE(p) __typeof__(1 ? *(p) : *(p))

#define __atomic_load_n(p, order) ((EXPLORE_TYPE(p))explore_load((p), sizeof *(p), (order), EXPLORE_SITE))
#define __atomic_store_n(p, x, order) explore_store((p), sizeof *(p), (uint64_t)(x), (order), EXPLORE_SITE)
#define __atomic_exchange_n(p, x, order) EXPLORE_MODIFY(EXPLORE_SWAP, p, x, order)
#define __atomic_fetch_add(p, x, order) EXPLORE_MODIFY(EXPLORE_ADD, p, x, order)
#define __atomic_fetch_or(p, x, order) EXPLORE_MODIFY(EXPLORE_OR, p, x, order)
#define __atomic_fetch_and(p, x, order) EXPLORE_MODIFY(EXPLORE_AND, p, x, order)
#define __atomic_compare_exchange_n(p, expected, x, weak, order, failure)                                              \
    ((void)(weak), explore_cas((p), sizeof *(p), (expected), (uint64_t)(x), (order), (failure), EXPLORE_SITE))
#define __atomic_thread_fence(order) explore_fence((order), EXPLORE_SITE)

/* a statement expression, whose value may be dropped without a warning */
#define EXPLORE_MODIFY(kind, p, x, order)                                                                              \
    __extension__({ (EXPLORE_TYPE(p)) explore_modify((kind), (p), sizeof *(p), (uint64_t)(x), (order), EXPLORE_SITE); })

/* The headers first, with their real names; from here on the calls in the source go to the explorer. */
#include "os/os.h"
#include "sync/self.h"

#define yk_futex_wait(word, expected, shared, deadline)                                                                \
    explore_futex_wait((const struct yk_wait[]){{(word), (expected), (shared)}}, 1, (deadline), false, EXPLORE_SITE)
#define yk_futex_wait_many(waits, n, deadline) explore_futex_wait((waits), (n), (deadline), true, EXPLORE_SITE)
#define yk_futex_wait_either(a, expected_a, b, expected_b, deadline)                                                   \
    explore_futex_wait((const struct yk_wait[]){{(a), (expected_a), true}, {(b), (expected_b), true}}, 2, (deadline),  \
                       false, EXPLORE_SITE)
#define yk_futex_wake(word, n, shared) explore_futex_wake((word), (n), (shared), EXPLORE_SITE)
/* the explorer's threads are one thread of the system's */
#define yk_tid() explore_tid()
#define yk_self() explore_tid()
/* a statement expression, whose value may be dropped */
#define yk_robust_intend(word) __extension__({ (yk_a32 *)explore_robust_intend((word), EXPLORE_SITE); })
#define yk_robust_link(robust) explore_robust_link(&(robust)->word, EXPLORE_SITE)
#define yk_robust_unlink(robust) explore_robust_unlink(&(robust)->word, EXPLORE_SITE)
#define yk_cpu_relax() explore_relax()
#define yk_yield() explore_relax()

#endif
