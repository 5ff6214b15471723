/* base.h -- what every part of the library may use: assertions, small arithmetic, cache lines.  No operating system. */
#ifndef YK_BASE_H
#define YK_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yoke/base.h>

/* Writers that differ get lines that differ; two lines, since the hardware fetches them in pairs. */
#define YK_LINE 64

#define yk_min(a, b) ((a) < (b) ? (a) : (b))
#define yk_max(a, b) ((a) > (b) ? (a) : (b))

/* A rule of the interface was broken by the caller: one line on stderr that names the rule, then abort. */
_Noreturn void yk_misuse(const char *rule);

/* Where in the source the calling thread called, if that is known (src/debug): yk_misuse names it.  Else NULL. */
extern _Thread_local __attribute__((tls_model("initial-exec"))) const char *yk_place;

/* A rule of our own was broken: only in builds with YK_DEBUG, where it stops the program. */
#ifdef YK_DEBUG
#define yk_assert(condition) ((condition) ? (void)0 : yk_misuse("internal: " #condition))
#else
#define yk_assert(condition) ((void)sizeof(condition))
#endif

/* yk_mul -- *product = a * b, or false when that does not fit. */
static inline bool yk_mul(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

/* yk_round_up -- n rounded up to a multiple of the power of two `to`; 0 when that does not fit. */
static inline size_t yk_round_up(size_t n, size_t to)
{
    return n > SIZE_MAX - (to - 1) ? 0 : (n + to - 1) & ~(to - 1);
}

#endif
