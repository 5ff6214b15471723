/* test.c -- the runner of the test harness.
 *
 * The runner has one thread.  It is the subreaper of what its tests start, so every process that a test leaves behind becomes
 * a child of the runner, whatever groups or sessions it made; the runner notices, kills and reaps it, and fails the test.
 * Between tests the runner has no child at all.  Runner and test share one page, in which any process of the test may write
 * the verdict. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "baseline.h"
#include "instruments.h"
#include "reaper.h"

enum { LIMIT_SECONDS = 10, GRACE_SECONDS = 2, LOOKS = 500, OUTPUT_MAX = 1 << 16 };

/* Shared with the processes of a test, which write it; the runner reads it when all of them are gone. */
struct verdict {
    volatile int failed;
    volatile int skipped;
    volatile int finished;
    char reason[200];
};

static struct verdict *verdict;

static struct test *tests, **tests_end = &tests;
static unsigned long seed;
static pid_t test_pid; /* of the test that runs, in its own processes */

void test_register(struct test *test)
{
    *tests_end = test;
    tests_end = &test->next;
}

unsigned long test_seed(void)
{
    return seed;
}

double test_slow(void)
{
    const char *text = getenv("YOKE_TEST_SLOW");
    double slow = text ? atof(text) : 1;

    return slow > 0 ? slow : 1;
}

/* ---- in the test ---- */

void test_fail(const char *file, int line, const char *text)
{
    fflush(stdout);
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, text);
    verdict->failed = 1;
    _exit(1);
}

void test_equal(const char *file, int line, const char *text, long long a, long long b)
{
    if (a == b)
        return;
    fprintf(stderr, "%lld and %lld\n", a, b);
    test_fail(file, line, text);
}

void test_equal_text(const char *file, int line, const char *text, const char *a, const char *b)
{
    if (a && b && strcmp(a, b) == 0)
        return;
    fprintf(stderr, "\"%s\" and \"%s\"\n", a ? a : "(null)", b ? b : "(null)");
    test_fail(file, line, text);
}

void test_skip(const char *reason)
{
    snprintf(verdict->reason, sizeof verdict->reason, "%s", reason);
    verdict->skipped = 1;
    _exit(0);
}

/* Ends with exit(), so that a leak checker that runs there looks at the test too. */
static _Noreturn void test_run(const struct test *test, int output)
{
    static struct baseline before;

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0});
    /* a shell has them ignored in what it runs in the background, and nohup */
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    close(output);
    test_pid = getpid();
    baseline_take(&before);
    test->body();
    fflush(stdout);
    if (getpid() != test_pid)
        test_fail(test->name, 0, "the test returned in the process that called it");
    if (!baseline_holds(&before, (int)(LOOKS * (test_slow() < 1 ? test_slow() : 1))))
        test_fail(test->name, 0, "the test left nothing behind");
    verdict->finished = 1;
    exit(0);
}

/* ---- in the runner ---- */

/* The end of what the test printed, each line behind a "#". */
static void print_output(const char *text)
{
    bool start = true;

    for (; *text; text++) {
        if (start)
            printf("# ");
        putchar(*text);
        start = *text == '\n';
    }
    if (!start)
        putchar('\n');
}

static void read_output(int fd, char text[OUTPUT_MAX + 1])
{
    off_t size = lseek(fd, 0, SEEK_END), from = size > OUTPUT_MAX ? size - OUTPUT_MAX : 0;
    ssize_t n = pread(fd, text, OUTPUT_MAX, from);

    text[n < 0 ? 0 : n] = 0;
}

/* A sanitizer speaks in whichever process it finds something; only the test's own would end with its exit code. */
static bool sanitizer_spoke(const char *text)
{
    return strstr(text, "Sanitizer: ") || strstr(text, ": runtime error: ");
}

/* Why the test failed, or NULL. */
static const char *judge(int status, bool late, bool orphans, const char *output)
{
    static char text[100];

    if (late)
        return "it ran longer than its time limit and was killed";
    if (verdict->failed)
        return "a check failed";
    if (WIFSIGNALED(status)) {
        snprintf(text, sizeof text, "it was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
        return text;
    }
    if (WEXITSTATUS(status) != 0) {
        snprintf(text, sizeof text, "it exited with code %d", WEXITSTATUS(status));
        return text;
    }
    if (orphans)
        return "it left processes running";
    if (sanitizer_spoke(output))
        return "a sanitizer found something in one of its processes";
    return verdict->skipped || verdict->finished ? NULL : "it called exit";
}

/* Runs one test in a process; true unless it failed. */
static bool run(const struct test *test, int number, const sigset_t *signals)
{
    static char output[OUTPUT_MAX + 1];
    FILE *file = tmpfile();
    int status = 0;
    pid_t pid;

    memset(verdict, 0, sizeof *verdict);
    fflush(stdout);
    if (!file || (pid = fork()) < 0) {
        printf("not ok %d - %s\n# no process for the test: %s\n", number, test->name, strerror(errno));
        return false;
    }
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, signals, NULL);
        test_run(test, fileno(file));
    }
    setpgid(pid, pid);

    bool late = !reaper_wait(pid, reaper_now() + LIMIT_SECONDS * test_slow(), &status);
    /* whom a supervisor's death takes along may need a moment; after a failed check nobody waits for them */
    double grace = late || verdict->failed ? 0 : GRACE_SECONDS * test_slow();
    int ignored;
    bool orphans = !reaper_wait(0, reaper_now() + grace, &ignored);
    if (orphans)
        reaper_print(fileno(file));
    reaper_kill(pid);
    read_output(fileno(file), output);
    fclose(file);

    const char *why = judge(status, late, orphans, output);
    if (why) {
        printf("not ok %d - %s\n# %s; YOKE_TEST_SEED=%lu\n", number, test->name, why, seed);
        print_output(output);
    } else if (verdict->skipped) {
        printf("ok %d - %s # SKIP %s\n", number, test->name, verdict->reason);
    } else {
        printf("ok %d - %s\n", number, test->name);
    }
    return !why;
}

static bool wanted(const struct test *test, char **names)
{
    bool found = !*names;

    for (; *names; names++)
        found |= strcmp(*names, test->name) == 0;
    return found;
}

int main(int argc, char **argv)
{
    const char *seed_text = getenv("YOKE_TEST_SEED");
    sigset_t signals;
    int n = 0, number = 0, failed = 0;

    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (struct test *test = tests; test; test = test->next)
            puts(test->name);
        return 0;
    }
    seed =
        seed_text ? strtoul(seed_text, NULL, 0) : (unsigned long)(reaper_now() * 1e6) ^ (unsigned long)getpid() << 32;
    verdict = mmap(NULL, sizeof *verdict, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    instruments_start();
    reaper_start(&signals);

    for (struct test *test = tests; test; test = test->next)
        n += wanted(test, argv + 1);
    printf("1..%d\n", n);
    for (struct test *test = tests; test; test = test->next)
        if (wanted(test, argv + 1))
            failed += !run(test, ++number, &signals);
    return failed || n == 0;
}
