/* harness_test.c -- the harness notices what a bad test does.
 *
 * The bad tests are in this program too, but registered only when YOKE_BAD_TESTS is set; each good test runs the program again,
 * with that set, for one bad test, and looks at the TAP that comes back. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the bad tests ---- */

static void bad_descriptor(void)
{
    CHECK(open("/dev/null", O_RDONLY) >= 0);
}

static void bad_closed(void)
{
    close(0);
}

static void bad_child(void)
{
    if (fork() == 0)
        pause();
}

static void bad_zombie(void)
{
    if (fork() == 0)
        _exit(0);
}

/* In a session of its own, out of reach of the group's signal, and with its parent gone. */
static void bad_orphan(void)
{
    if (fork() == 0) {
        if (fork() == 0) {
            setsid();
            pause();
        }
        _exit(0);
    }
    CHECK(wait(NULL) > 0);
}

static void *thread_body(void *arg)
{
    pause();
    return arg;
}

static void bad_thread(void)
{
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, thread_body, NULL), 0);
}

static void bad_mapping(void)
{
    int fd = memfd_create("left", MFD_CLOEXEC);

    CHECK_EQ(ftruncate(fd, 4096), 0);
    CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
    close(fd);
}

static void bad_hang(void)
{
    signal(SIGTERM, SIG_IGN);
    pause();
}

static void bad_crash(void)
{
    raise(SIGSEGV);
}

static void bad_exit(void)
{
    exit(0);
}

static void bad_twin(void)
{
    if (fork() > 0)
        CHECK(wait(NULL) > 0);
}

static void bad_check(void)
{
    printf("what it printed\n");
    CHECK_EQ(1 + 1, 3);
}

static void bad_check_in_child(void)
{
    if (fork() == 0)
        CHECK_STR("a", "b");
    CHECK(wait(NULL) > 0);
}

static void *failing_thread_body(void *arg)
{
    CHECK(arg);
    return arg;
}

static void bad_check_in_thread(void)
{
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, failing_thread_body, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void fine_skipped(void)
{
    SKIP("there is no moon");
}

static void fine_seed(void)
{
    CHECK_EQ(test_seed(), 77);
}

static struct test bad_tests[] = {
    {"descriptor", bad_descriptor, 0},
    {"closed", bad_closed, 0},
    {"child", bad_child, 0},
    {"zombie", bad_zombie, 0},
    {"orphan", bad_orphan, 0},
    {"thread", bad_thread, 0},
    {"mapping", bad_mapping, 0},
    {"hang", bad_hang, 0},
    {"crash", bad_crash, 0},
    {"exit", bad_exit, 0},
    {"twin", bad_twin, 0},
    {"check", bad_check, 0},
    {"skipped", fine_skipped, 0},
    {"seed", fine_seed, 0},
    {"check_in_child", bad_check_in_child, 0},
    {"check_in_thread", bad_check_in_thread, 0},
};

__attribute__((constructor)) static void register_bad_tests(void)
{
    for (size_t i = 0; getenv("YOKE_BAD_TESTS") && i < sizeof bad_tests / sizeof *bad_tests; i++)
        test_register(&bad_tests[i]);
}

/* ---- the good ones ---- */

/* Runs this program with `arguments`; its exit code, and what it printed. */
static int run_again(const char *arguments, char *output, size_t size)
{
    char self[512], command[1024];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    FILE *pipe;
    int status;

    CHECK(length > 0);
    self[length] = 0;
    /* a tenth of the usual time limit: the bad test that hangs must be over before this one's is */
    snprintf(command, sizeof command, "YOKE_BAD_TESTS=1 YOKE_TEST_SEED=77 YOKE_TEST_SLOW=%g '%s' %s", test_slow() / 10,
             self, arguments);
    pipe = popen(command, "re");
    CHECK(pipe);
    length = (ssize_t)fread(output, 1, size - 1, pipe);
    output[length] = 0;
    status = pclose(pipe);
    CHECK(WIFEXITED(status));
    printf("%s", output);
    return WEXITSTATUS(status);
}

/* The bad test fails the run, and its output has each of the words. */
static void fails(const char *name, const char *words, const char *more)
{
    char output[8192], expected[128];

    CHECK_EQ(run_again(name, output, sizeof output), 1);
    snprintf(expected, sizeof expected, "1..1\nnot ok 1 - %s\n", name);
    CHECK(strncmp(output, expected, strlen(expected)) == 0);
    CHECK(strstr(output, words));
    CHECK(strstr(output, more));
    CHECK(strstr(output, "YOKE_TEST_SEED=77"));
}

TEST(notices_an_open_descriptor)
{
    fails("descriptor", "left open", "/dev/null");
}
TEST(notices_a_closed_descriptor)
{
    fails("closed", "descriptor 0 was closed", "a check failed");
}
TEST(notices_a_child)
{
    fails("child", "children 0, 1", "left running");
}
TEST(notices_a_zombie)
{
    fails("zombie", "children 0, 1", "a check failed");
}
TEST(notices_an_orphan)
{
    fails("orphan", "it left processes running", "left running: process");
}
TEST(notices_a_thread)
{
    fails("thread", "; threads ", "a check failed");
}
TEST(notices_a_mapping)
{
    fails("mapping", "memfd mappings 0, 1", "a check failed");
}
TEST(notices_a_hang)
{
    fails("hang", "longer than its time limit", "killed");
}
TEST(notices_a_crash)
{
    fails("crash", "signal 11", "Segmentation fault");
}
TEST(notices_an_exit)
{
    fails("exit", "it called exit", "");
}
TEST(notices_a_twin)
{
    fails("twin", "in the process that called it", "");
}
TEST(shows_both_values_and_the_output)
{
    fails("check", "2 and 3", "what it printed");
}
TEST(notices_a_check_in_a_child)
{
    fails("check_in_child", "\"a\" and \"b\"", "a check failed");
}
TEST(notices_a_check_in_a_thread)
{
    fails("check_in_thread", "check failed: arg", "a check failed");
}

TEST(no_process_survives)
{
    char output[8192];

    CHECK_EQ(run_again("child orphan hang thread", output, sizeof output), 1);
    CHECK(strstr(output, "1..4\n"));
    /* a survivor would be this test's orphan, and fail it */
}

TEST(counts_a_skip_with_its_reason)
{
    char output[1024];

    CHECK_EQ(run_again("skipped", output, sizeof output), 0);
    CHECK_STR(output, "1..1\nok 1 - skipped # SKIP there is no moon\n");
}

TEST(hands_on_the_seed)
{
    char output[1024];

    CHECK_EQ(run_again("seed", output, sizeof output), 0);
    CHECK_STR(output, "1..1\nok 1 - seed\n");
}

TEST(lists_its_tests)
{
    char output[8192];

    CHECK_EQ(run_again("--list", output, sizeof output), 0);
    CHECK(strstr(output, "lists_its_tests\n"));
    CHECK(strstr(output, "descriptor\n"));
}

TEST(refuses_a_name_that_is_none)
{
    char output[1024];

    CHECK_EQ(run_again("no_such_test", output, sizeof output), 1);
    CHECK_STR(output, "1..0\n");
}
