/* cpu_test.c -- yoke_cpu_count, and its parsers on good and on hostile text. */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke/cpu.h>

#include "asleep.h"
#include "os/os.h"
#include "test.h"

TEST(quotas_are_rounded_up)
{
    CHECK_EQ(yk_parse_cpu_max("50000 100000\n"), 1);
    CHECK_EQ(yk_parse_cpu_max("100000 100000\n"), 1);
    CHECK_EQ(yk_parse_cpu_max("100001 100000"), 2);
    CHECK_EQ(yk_parse_cpu_max("200000 100000"), 2);
    CHECK_EQ(yk_parse_cpu_max("1 1000000"), 1);
    CHECK_EQ(yk_parse_cpu_max("6400000 50000\n"), 128);
    CHECK_EQ(yk_parse_cpu_max("100000000000000000 1"), INT_MAX);
}

TEST(what_is_no_quota_is_none)
{
    static const char *const texts[] = {
        "",
        "\n",
        " ",
        "max",
        "max 100000",
        "max 100000\n",
        "max max",
        "-1 100000",
        "100000 -1",
        "+5 5",
        "100000",
        "100000\n",
        "100000 ",
        "100000 max",
        "0 100000",
        "100000 0",
        "0 0",
        "100000  100000",
        " 100000 100000",
        "100000\t100000",
        "100000 100000 ",
        "100000 100000 1",
        "100000 100000x",
        "100000 100000\n\n",
        "1e5 1e5",
        "0x10 0x10",
        "100000.5 100000",
        "99999999999999999999999999999 100000",
        "100000 99999999999999999999999999999",
        "18446744073709551615 1",
        "18446744073709551616 1",
        "\xff\xfe 1",
        "100000,100000",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK_EQ(yk_parse_cpu_max(texts[i]), 0);
}

static int parse(const char *text, const char *controller, char path[64])
{
    memset(path, '?', 64);
    return yk_parse_cgroup_path(text, controller, path, 64);
}

TEST(cgroup_paths_are_found)
{
    static const char hybrid[] = "9:name=systemd:/init\n3:cpuset:/set\n2:cpuacct:/acct\n1:cpu:/a/b\n0::/two/c\n";
    static const char joint[] = "4:cpu,cpuacct:/joint\n";
    static const char reversed[] = "4:cpuacct,cpu:/rev:with:colons";
    char path[64];

    CHECK_EQ(parse(hybrid, "", path), 6);
    CHECK_STR(path, "/two/c");
    CHECK_EQ(parse(hybrid, "cpu", path), 4);
    CHECK_STR(path, "/a/b");
    CHECK_EQ(parse(joint, "cpu", path), 6);
    CHECK_STR(path, "/joint");
    CHECK_EQ(parse(reversed, "cpu", path), 16);
    CHECK_STR(path, "/rev:with:colons");
    CHECK_EQ(parse("0::/\n", "", path), 1);
    CHECK_STR(path, "/");
}

TEST(cgroup_text_that_is_none_is_refused)
{
    static const char *const texts[] = {
        "",
        "\n",
        "\n\n\n",
        ":",
        "::",
        ":::",
        "0",
        "0:",
        "0::",
        "0::\n",
        "0::relative",
        "1::/x",
        "00::/x",
        "-0::/x",
        "1:cpuset:/x\n",
        "1:xcpu:/x",
        "1:cpux:/x",
        "1:,:/x",
        "1:cp,u:/x",
        "1:cpu:",
        "1:cpu\n:/x",
        "1:name=cpu:/x",
        "cpu:/x",
        "1 cpu /x",
        "\xff:\xff:\xff",
    };
    char path[64];

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CHECK_EQ(parse(texts[i], "", path), -ENOENT);
        CHECK_EQ(parse(texts[i], "cpu", path), -ENOENT);
        CHECK(path[0] == '?');
    }
    CHECK_EQ(parse("junk\n1:cpu:/x", "cpu", path), 2);
    CHECK_EQ(parse("\n\n0:x\n0::/y\n", "", path), 2);
}

TEST(cgroup_paths_are_cut_to_size)
{
    char path[8] = "???????";

    CHECK_EQ(yk_parse_cgroup_path("0::/abcdef\n", "", path, 4), 3);
    CHECK_STR(path, "/ab");
    CHECK(path[4] == '?');
    CHECK_EQ(yk_parse_cgroup_path("0::/abcdef\n", "", path, 1), 0);
    CHECK_STR(path, "");
    path[0] = '?';
    CHECK_EQ(yk_parse_cgroup_path("0::/abcdef\n", "", path, 0), 0);
    CHECK(path[0] == '?');
}

/* Random changes to good text, each in a block of exactly its size, so that a sanitizer sees a step too far. */
TEST(parsers_survive_random_text)
{
    static const char good[] = "4:cpu,cpuacct:/a/b\n0::/two\n150000 100000\nmax";
    static const char alphabet[] = "0123456789:,/\ncpuamx =\xff-";
    char path[16];

    srand((unsigned)test_seed());
    for (int round = 0; round < 20000; round++) {
        size_t from = (size_t)rand() % sizeof good;
        char *text = strdup(good + from);

        for (size_t n = strlen(text), i = 0; n > 0 && i < 3; i++)
            text[(size_t)rand() % n] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        CHECK(yk_parse_cpu_max(text) >= 0);
        for (int i = 0; i < 2; i++) {
            int n = yk_parse_cgroup_path(text, i ? "cpu" : "", path, sizeof path);

            CHECK(n == -ENOENT || (n >= 0 && (size_t)n < sizeof path && strlen(path) == (size_t)n));
        }
        free(text);
    }
}

static int affinity(void)
{
    cpu_set_t set[64];

    CHECK(sched_getaffinity(0, sizeof set, set) == 0);
    return CPU_COUNT_S(sizeof set, set);
}

TEST(count_is_of_the_affinity_mask)
{
    cpu_set_t set[64], one;

    CHECK(yoke_cpu_count() >= 1);
    CHECK(yoke_cpu_count() <= affinity());
    CHECK(sched_getaffinity(0, sizeof set, set) == 0);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET_S(cpu, sizeof set, set))
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
        /* afresh at each call */
        CHECK_EQ(yoke_cpu_count(), 1);
    }
}

/* ---- a real quota: a cgroup of version 1 ---- */

#define PARENT "/sys/fs/cgroup/cpu/yoke_test_%d"

static bool put(const char *directory, const char *file, const char *text)
{
    char path[200];
    FILE *stream;
    bool done;

    snprintf(path, sizeof path, "%s/%s", directory, file);
    stream = fopen(path, "we");
    if (!stream)
        return false;
    done = fputs(text, stream) >= 0;
    return fclose(stream) == 0 && done;
}

/* What yoke_cpu_count says in a process that has moved itself into that cgroup. */
static int count_inside(const char *directory)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        CHECK(put(directory, "cgroup.procs", "0"));
        _exit(yoke_cpu_count());
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

TEST(count_is_bounded_by_the_quota_of_any_ancestor)
{
    char parent[100], child[120];
    int here = yoke_cpu_count();

    if (here < 2)
        SKIP("one CPU: a quota cannot be seen");
    snprintf(parent, sizeof parent, PARENT, getpid());
    snprintf(child, sizeof child, "%s/child", parent);
    if (mkdir(parent, 0755) < 0)
        SKIP("no cgroup of version 1 can be made here");
    if (mkdir(child, 0755) < 0 || !put(parent, "cpu.cfs_quota_us", "100000")) {
        rmdir(child);
        rmdir(parent);
        SKIP("the kernel has no CPU quotas");
    }
    /* counted first and checked last, so that a failure leaves no cgroup behind */
    {
        int one[] = {count_inside(parent), count_inside(child)};
        bool wider = put(parent, "cpu.cfs_quota_us", "150000");
        int two = count_inside(child);
        bool narrow = put(child, "cpu.cfs_quota_us", "20000");
        int inner[] = {count_inside(child), count_inside(parent)};
        bool none = put(child, "cpu.cfs_quota_us", "-1") && put(parent, "cpu.cfs_quota_us", "-1");
        int all = count_inside(child);

        CHECK(rmdir(child) == 0 && rmdir(parent) == 0);
        CHECK(wider && narrow && none);
        CHECK_EQ(one[0], 1);
        CHECK_EQ(one[1], 1);
        CHECK_EQ(two, 2);
        CHECK_EQ(inner[0], 1);
        CHECK_EQ(inner[1], 2);
        CHECK_EQ(all, here);
    }
}
