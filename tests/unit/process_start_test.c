/* process_start_test.c -- starting a process: what it is given, what is refused, and when there is no room. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <yoke.h>

#include "host.h"
#include "process.h"

/* ---- what it gets ---- */

struct bytes {
    size_t size;
    unsigned char bytes[];
};

static int check_bytes(void *arg)
{
    const struct bytes *got = arg;

    if ((uintptr_t)arg % _Alignof(max_align_t) != 0)
        return 1;
    for (size_t i = 0; i < got->size; i += 509)
        if (got->bytes[i] != (unsigned char)(i * 31))
            return 2;
    return got->bytes[got->size - 1] == (unsigned char)((got->size - 1) * 31) ? 0 : 3;
}

static int is_letter(void *arg)
{
    return *(const char *)arg == 'x';
}

static void check_argument(size_t size)
{
    struct bytes *bytes = malloc(sizeof *bytes + size);

    CHECK(bytes);
    bytes->size = size;
    for (size_t i = 0; i < size; i++)
        bytes->bytes[i] = (unsigned char)(i * 31);
    CHECK_EQ(run(check_bytes, bytes, sizeof *bytes + size).value, 0);
    free(bytes);
}

TEST(the_argument_arrives_whatever_its_size)
{
    check_exits(is_null, 1);
    CHECK_EQ(run(is_null, "x", 0).value, 1);
    CHECK_EQ(run(is_letter, "x", 1).value, 1);
    check_argument(1 << 20);
    check_argument(64 << 20);
}

TEST(the_argument_arrives_by_way_of_init)
{
    CHECK_EQ(yoke_init(), 0);
    check_exits(is_null, 1);
    CHECK_EQ(run(is_letter, "x", 1).value, 1);
    check_argument(1 << 20);
    check_argument(64 << 20);
    yoke_done();
}

static int has_name(void *arg)
{
    char name[32] = "";
    FILE *file = fopen("/proc/self/comm", "re");

    if (!file || !fgets(name, sizeof name, file))
        return 2;
    fclose(file);
    name[strcspn(name, "\n")] = '\0';
    return strcmp(name, arg) == 0;
}

TEST(it_has_a_name)
{
    yoke_process process = {0};
    yoke_exit how;

    CHECK_STR(yoke_process_name(&process), "");
    CHECK_STR(yoke_process_name(NULL), "");
    CHECK_EQ(yoke_process_start(&process, has_name, "parser", 7, .name = "parser"), 0);
    CHECK_STR(yoke_process_name(&process), "parser");
    CHECK_EQ(yoke_process_join(&process, &how), 0);
    CHECK_EQ(how.value, 1);
    yoke_process_close(&process);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0), 0);
    CHECK_STR(yoke_process_name(&process), "Process-1");
    yoke_process_close(&process);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0, .name = "0123456789012345678901234567890123456789"), 0);
    CHECK_STR(yoke_process_name(&process), "0123456789012345678901234567890");
    yoke_process_close(&process);
}

/* ---- what is refused ---- */

TEST(starting_twice_is_refused)
{
    yoke_process process = {0};
    int pid;

    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0), 0);
    pid = yoke_process_pid(&process);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0), -EBUSY);
    CHECK_EQ(yoke_process_join(&process, NULL), 0);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0), -EBUSY);
    CHECK_EQ(yoke_process_pid(&process), pid);
    yoke_process_close(&process);
}

TEST(wrong_arguments_are_refused)
{
    yoke_process process = {0};

    CHECK_EQ(yoke_process_start(NULL, is_null, NULL, 0), -EINVAL);
    CHECK_EQ(yoke_process_start(&process, NULL, NULL, 0), -EINVAL);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 1), -EINVAL);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0, .start = (yoke_start)17), -EINVAL);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0, .start = YOKE_EXEC), -ENOTSUP);
    CHECK_EQ(yoke_process_join(&process, NULL), -EINVAL);
    CHECK_EQ(yoke_process_join_until(&process, YOKE_NOW, NULL), -EINVAL);
    CHECK_EQ(yoke_process_alive(&process), 0);
    CHECK_EQ(yoke_process_pid(&process), -EINVAL);
    CHECK_EQ(yoke_process_fd(&process), -EINVAL);
    CHECK_EQ(yoke_process_terminate(&process), -EINVAL);
    CHECK_EQ(yoke_process_kill(&process), -EINVAL);
    CHECK_EQ(yoke_process_join(NULL, NULL), -EINVAL);
}

TEST(options_of_another_size_are_refused_if_smaller)
{
    yoke_process process = {0};
    yoke_process_options options = {.size = sizeof options - 1};

    CHECK_EQ(yoke_process_start_with(&process, is_null, NULL, &options), -EINVAL);
    options.size = 0;
    CHECK_EQ(yoke_process_start_with(&process, is_null, NULL, &options), -EINVAL);
    CHECK(process.impl == NULL);
    options.size = sizeof options + 8;
    CHECK_EQ(yoke_process_start_with(&process, is_null, NULL, &options), 0);
    yoke_process_close(&process);
    CHECK_EQ(yoke_process_start_with(&process, is_null, NULL, NULL), 0);
    yoke_process_close(&process);
}

TEST(a_program_with_threads_is_forked_only_on_request)
{
    yoke_process process = {0};
    struct visitor visitor;

    visitor_begin(&visitor, visitor_stay);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0), -YOKE_ETHREADED);
    CHECK(process.impl == NULL);
    CHECK_EQ(yoke_process_start(&process, is_null, NULL, 0, .start = YOKE_FORK), 0);
    CHECK_EQ(yoke_process_join(&process, NULL), 0);
    yoke_process_close(&process);
    visitor_end(&visitor);
    CHECK_EQ(yoke_init(), 0);
    visitor_begin(&visitor, visitor_stay);
    check_exits(is_null, 1);
    visitor_end(&visitor);
    yoke_done();
}

TEST(code_that_came_after_init_is_refused)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    yoke_process process = {0};
    int (*function)(void *);

    CHECK(page != MAP_FAILED);
    memcpy(&function, &page, sizeof function);
    CHECK_EQ(yoke_init(), 0);
    CHECK_EQ(yoke_process_start(&process, function, NULL, 0), -YOKE_ENOTASK);
    CHECK(process.impl == NULL);
    yoke_done();
    munmap(page, 4096);
}

/* ---- no room, and many ---- */

TEST(no_room_for_descriptors_is_a_code_and_leaves_nothing)
{
    yoke_process process = {0};
    struct rlimit limit, narrow;
    int before = lowest_free(), room;

    if (TEST_THREAD_SANITIZER)
        SKIP("telling the sanitizer's threads from the program's takes descriptors");
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    narrow = limit;
    for (room = 0; room < 30; room++) {
        int rc;

        narrow.rlim_cur = (rlim_t)(before + room);
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &narrow), 0);
        rc = yoke_process_start(&process, wait_for_ever, NULL, 0);
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
        if (rc == 0)
            break;
        CHECK_EQ(rc, -EMFILE);
        CHECK(process.impl == NULL);
        CHECK_EQ(lowest_free(), before);
    }
    CHECK(room > 0 && room < 30);
    yoke_process_close(&process);
}

TEST(no_memory_for_the_argument_is_a_code)
{
    yoke_process process = {0};

    CHECK_EQ(yoke_process_start(&process, is_null, "", SIZE_MAX / 2), -ENOMEM);
    CHECK(process.impl == NULL);
}

TEST(a_hundred_at_the_same_time)
{
    static yoke_process processes[100];
    yoke_exit how;

    CHECK_EQ(yoke_init(), 0);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(yoke_process_start(&processes[i], i % 2 ? return_int : wait_for_ever, &i, sizeof i), 0);
    for (int i = 0; i < 100; i += 2)
        CHECK_EQ(yoke_process_terminate(&processes[i]), 0);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(yoke_process_join(&processes[i], &how), 0);
        CHECK_EQ(how.value, i % 2 ? i : SIGTERM);
        yoke_process_close(&processes[i]);
    }
    yoke_done();
}

TEST(three_hundred_rounds_leave_nothing)
{
    int before = lowest_free();

    for (int i = 0; i < 150; i++)
        CHECK_EQ(run(return_int, &i, sizeof i).value, i);
    CHECK_EQ(yoke_init(), 0);
    for (int i = 0; i < 150; i++)
        CHECK_EQ(run(return_int, &i, sizeof i).value, i);
    yoke_done();
    CHECK_EQ(lowest_free(), before);
}
