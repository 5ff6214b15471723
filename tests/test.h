/* test.h -- the test harness: what a test file sees.
 *
 *     #include "test.h"
 *
 *     TEST(lock_excludes) { CHECK_EQ(yoke_lock_locked(&lock), 0); }
 *
 * A test file has no main.  Each test runs in a process of its own, in a process group of its own, within a time limit of
 * 10 s x YOKE_TEST_SLOW; its output is shown when it fails.  What it leaves behind (descriptors, children, threads, memfd
 * mappings, names in /dev/shm, orphans) fails it.  The program prints TAP; `program NAME...` runs those tests only, and
 * `program --list` prints their names.
 *
 * CHECK and its kin end the process they stand in and fail the test, from any thread and from any process of the test. */
#ifndef TEST_H
#define TEST_H

/* 1 in a build with that sanitizer, else 0: for what a sanitizer cannot bear, as in
 *     if (TEST_THREAD_SANITIZER) SKIP("the sanitizer's own threads count against the limit"); */
#if defined(__SANITIZE_THREAD__)
#define TEST_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TEST_THREAD_SANITIZER 1
#endif
#endif
#ifndef TEST_THREAD_SANITIZER
#define TEST_THREAD_SANITIZER 0
#endif

#if defined(__SANITIZE_ADDRESS__)
#define TEST_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEST_ADDRESS_SANITIZER 1
#endif
#endif
#ifndef TEST_ADDRESS_SANITIZER
#define TEST_ADDRESS_SANITIZER 0
#endif

struct test {
    const char *name;
    void (*body)(void);
    struct test *next;
};

#define TEST(test_name)                                                                                                \
    static void test_##test_name(void);                                                                                \
    __attribute__((constructor)) static void test_register_##test_name(void)                                           \
    {                                                                                                                  \
        static struct test test = {#test_name, test_##test_name, 0};                                                   \
        test_register(&test);                                                                                          \
    }                                                                                                                  \
    static void test_##test_name(void)

#define CHECK(condition) ((condition) ? (void)0 : test_fail(__FILE__, __LINE__, #condition))

/* Integers only, at most 64 bits wide. */
#define CHECK_EQ(a, b) test_equal(__FILE__, __LINE__, #a " == " #b, (long long)(a), (long long)(b))

#define CHECK_STR(a, b) test_equal_text(__FILE__, __LINE__, #a " is " #b, (a), (b))

/* Ends the test: it is counted as skipped, with this reason. */
#define SKIP(reason) test_skip(reason)

/* A number for everything random in a test; a failure prints it, and YOKE_TEST_SEED sets it. */
unsigned long test_seed(void);

/* By how much this machine or build is slower than usual: YOKE_TEST_SLOW, else 1. */
double test_slow(void);

/* Behind the macros. */
void test_register(struct test *test);
_Noreturn void test_fail(const char *file, int line, const char *text);
void test_equal(const char *file, int line, const char *text, long long a, long long b);
void test_equal_text(const char *file, int line, const char *text, const char *a, const char *b);
_Noreturn void test_skip(const char *reason);

#endif
