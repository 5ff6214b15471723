/* shmshare_test.c -- shared memory in processes that are started: at the same address, by whichever way they come, and what they
 * may do with it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <yoke.h>

#include "host.h"
#include "process.h"
#include "shmtable.h"

#define MIB ((size_t)1 << 20)

/* ---- processes ---- */

static int add_up(void *arg)
{
    struct table *table = *(struct table **)arg;

    if (table->self != table)
        return 1;
    for (int i = 0; i < 1000; i++)
        table->sum += (int)table->numbers[i];
    table->numbers[999] = -1;
    return 0;
}

static void check_adds_up(struct table *table)
{
    table->numbers = yoke_shm_array(table->shm, long, 1000);
    CHECK(table->numbers);
    for (int i = 0; i < 1000; i++)
        table->numbers[i] = i;
    table->sum = 0;
    CHECK_EQ(run(add_up, &table, sizeof table).value, 0);
    CHECK_EQ(table->sum, 499500);
    CHECK_EQ(table->numbers[999], -1);
    CHECK_EQ(yoke_shm_dealloc(table->shm, table->numbers), 0);
}

TEST(a_process_has_it_at_the_same_address)
{
    yoke_shm *shm = open_shm();

    check_adds_up(new_table(shm));
    free_shm(shm);
}

TEST(a_process_of_a_zygote_has_it_whether_it_came_before_or_after)
{
    yoke_shm *before = open_shm(), *after;

    CHECK_EQ(yoke_init(), 0);
    check_adds_up(new_table(before));
    after = open_shm();
    for (int i = 0; i < 3; i++) {
        check_adds_up(new_table(before));
        check_adds_up(new_table(after));
    }
    free_shm(before);
    check_adds_up(new_table(after));
    free_shm(after);
    yoke_done();
}

static int wait_and_add_up(void *arg)
{
    struct table *table = *(struct table **)arg;

    yoke_event_wait(&table->go);
    add_up(arg);
    yoke_event_set(&table->done);
    return 0;
}

static void check_later_allocation(void)
{
    yoke_shm *shm = open_shm();
    struct table *table = new_table(shm);
    yoke_process process = {0};

    CHECK_EQ(yoke_process_start(&process, wait_and_add_up, &table, sizeof table), 0);
    table->numbers = yoke_shm_array(shm, long, 1000000);
    CHECK(table->numbers);
    table->numbers[0] = 5;
    yoke_event_set(&table->go);
    yoke_event_wait(&table->done);
    CHECK_EQ(table->sum, 5);
    CHECK_EQ(yoke_process_join(&process, NULL), 0);
    yoke_process_close(&process);
    free_shm(shm);
}

TEST(what_is_allocated_later_is_in_reach)
{
    check_later_allocation();
    CHECK_EQ(yoke_init(), 0);
    check_later_allocation();
    yoke_done();
}

static int is_not_the_owner(void *arg)
{
    struct table *table = *(struct table **)arg;
    yoke_shm *shm = table->shm, *same = shm;

    CHECK(!yoke_shm_alloc(shm, 1));
    CHECK_EQ(yoke_shm_dealloc(shm, table), -YOKE_EFORKED);
    CHECK_EQ(yoke_shm_dealloc(shm, NULL), -YOKE_EFORKED);
    CHECK(yoke_shm_at(shm, yoke_shm_offset(shm, table), sizeof *table) == table);
    CHECK_EQ(fcntl(yoke_shm_fd(shm), F_GETFD), FD_CLOEXEC);
    CHECK_EQ(ftruncate(yoke_shm_fd(shm), 0), -1);
    table->sum = 77;
    CHECK_EQ(yoke_shm_free(&shm), 0);
    CHECK_EQ(yoke_shm_fd(same), -EINVAL);
    return 0;
}

static void check_not_the_owner(void)
{
    yoke_shm *shm = open_shm();
    struct table *table = new_table(shm);

    CHECK_EQ(run(is_not_the_owner, &table, sizeof table).value, 0);
    CHECK_EQ(table->sum, 77);
    CHECK(table->self == table);
    CHECK_EQ(yoke_shm_dealloc(shm, table), 0);
    free_shm(shm);
}

TEST(only_the_process_that_opened_it_allocates)
{
    check_not_the_owner();
    CHECK_EQ(yoke_init(), 0);
    check_not_the_owner();
    yoke_done();
}

TEST(a_fork_of_the_programs_own_has_it_too)
{
    yoke_shm *shm = open_shm();
    struct table *table = new_table(shm);
    int pid = fork();

    if (pid == 0)
        _exit(is_not_the_owner(&table));
    check_succeeds(pid);
    CHECK_EQ(table->sum, 77);
    CHECK(yoke_shm_alloc(shm, 1));
    free_shm(shm);
}

static int start_another(void *arg)
{
    check_adds_up(new_table(open_shm()));
    CHECK_EQ(run(add_up, arg, sizeof(struct table *)).value, 0);
    CHECK_EQ(yoke_init(), 0);
    check_adds_up(new_table(open_shm()));
    CHECK_EQ(run(add_up, arg, sizeof(struct table *)).value, 0);
    return 0;
}

static void check_nested(void)
{
    yoke_shm *shm = open_shm();
    struct table *table = new_table(shm);

    CHECK(table->numbers = yoke_shm_array(shm, long, 1000));
    table->numbers[0] = 8;
    CHECK_EQ(run(start_another, &table, sizeof table).value, 0);
    CHECK_EQ(table->sum, 8 + 8 - 1);
    free_shm(shm);
}

TEST(a_process_hands_it_on)
{
    check_nested();
    CHECK_EQ(yoke_init(), 0);
    check_nested();
    yoke_done();
}

/* ---- the end ---- */

static int wait_and_look(void *arg)
{
    struct table *table = *(struct table **)arg;
    int rc = 0;

    yoke_event_set(&table->done);
    yoke_event_wait(&table->go);
    /* that event lies in another shared memory than the numbers */
    for (int i = 0; i < 1000; i++)
        rc |= table->numbers[i] != 0;
    table->numbers[0] = 1; /* no SIGBUS */
    return rc | (table->numbers[0] != 1);
}

static long pages_behind(int fd)
{
    struct stat stat;

    CHECK_EQ(fstat(fd, &stat), 0);
    return stat.st_blocks * 512 / sysconf(_SC_PAGESIZE);
}

static void check_freed_under_a_process(void)
{
    yoke_shm *shm = open_shm(), *freed = open_shm();
    struct table *table = new_table(shm);
    yoke_process process = {0};
    yoke_exit how;
    int fd = dup(yoke_shm_fd(freed));

    CHECK(table->numbers = yoke_shm_array(freed, long, 1000));
    memset(table->numbers, 7, 1000 * sizeof(long));
    CHECK_EQ(yoke_process_start(&process, wait_and_look, &table, sizeof table), 0);
    yoke_event_wait(&table->done);
    CHECK(pages_behind(fd) > 0);
    CHECK_EQ(yoke_shm_free(&freed), 0);
    CHECK_EQ(pages_behind(fd), 0);
    yoke_event_set(&table->go);
    CHECK_EQ(yoke_process_join(&process, &how), 0);
    CHECK_EQ(how.kind, YOKE_EXITED);
    CHECK_EQ(how.value, 0);
    yoke_process_close(&process);
    close(fd);
    free_shm(shm);
}

TEST(when_it_is_freed_the_memory_goes_and_others_read_zeros)
{
    check_freed_under_a_process();
    CHECK_EQ(yoke_init(), 0);
    check_freed_under_a_process();
    yoke_done();
}

static int does_not_have(void *arg)
{
    return yoke_shm_fd(*(yoke_shm **)arg) != -EINVAL;
}

TEST(what_was_freed_is_not_in_later_processes)
{
    yoke_shm *shm = open_shm(), *handle = shm;

    CHECK_EQ(yoke_init(), 0);
    CHECK_EQ(yoke_shm_free(&shm), 0);
    CHECK_EQ(run(does_not_have, &handle, sizeof handle).value, 0);
    handle = shm = open_shm();
    CHECK_EQ(run(does_not_have, &handle, sizeof handle).value, 1);
    CHECK_EQ(yoke_shm_free(&shm), 0);
    CHECK_EQ(run(does_not_have, &handle, sizeof handle).value, 0);
    yoke_done();
}

/* The addresses come again, one of them where the zygote had what was open when it was made. */
TEST(an_address_that_comes_again_is_no_obstacle)
{
    yoke_shm *first = open_shm(), *shm;
    const void *there = first;
    bool again = false;

    if (TEST_THREAD_SANITIZER)
        SKIP("the sanitizer has a say in what lies where");
    CHECK_EQ(yoke_init(), 0);
    CHECK_EQ(yoke_shm_free(&first), 0);
    for (int i = 0; i < 600 && !again; i++) {
        shm = open_shm();
        again = shm == there;
        if (again)
            check_adds_up(new_table(shm));
        CHECK_EQ(yoke_shm_free(&shm), 0);
    }
    CHECK(again);
    yoke_done();
}

/* With room for no copies of their descriptors, which therefore were not needed. */
TEST(a_zygote_is_told_of_each_only_once)
{
    enum { N = 20 };
    yoke_shm *shms[N];
    struct rlimit limit, narrow;
    int number = 0;

    CHECK_EQ(yoke_init(), 0);
    for (int i = 0; i < N; i++)
        shms[i] = open_shm();
    CHECK_EQ(run(return_int, &number, sizeof number).value, 0);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    narrow = limit;
    narrow.rlim_cur = (rlim_t)lowest_free() + 5;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &narrow), 0);
    CHECK_EQ(run(return_int, &number, sizeof number).value, 0);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int i = 0; i < N; i++)
        free_shm(shms[i]);
    yoke_done();
}

/* ---- no room at its address ---- */

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int count_descriptors(void *arg)
{
    (void)arg;
    return descriptors();
}

TEST(an_address_that_is_taken_in_the_zygote_is_a_code)
{
    size_t size = (size_t)4096 * MIB;
    yoke_shm *a, *b, *c;
    yoke_pool *pool = NULL;
    yoke_process process = {0};
    char *next;

    if (TEST_THREAD_SANITIZER)
        SKIP("the sanitizer has a say in what lies where");
    CHECK_EQ(yoke_shm_open(&a, size), 0);
    next = (char *)a + size + sysconf(_SC_PAGESIZE);
    CHECK(mmap(next + MIB, MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == next + MIB);
    CHECK_EQ(yoke_init(), 0);
    munmap(next + MIB, MIB);
    CHECK_EQ(yoke_shm_open(&b, size), 0);
    CHECK((char *)b == next);
    CHECK_EQ(yoke_shm_open(&c, size), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(yoke_process_start(&process, nothing, NULL, 0), -EADDRINUSE);
        CHECK(!process.impl);
        CHECK_EQ(yoke_pool_open(&pool, YOKE_PROCESSES, .workers = 1), -EADDRINUSE);
        CHECK(!pool);
    }
    CHECK_EQ(yoke_shm_free(&b), 0);
    /* what was in vain has left nothing in the zygote; its ends of the sockets to it, a process does not have */
    CHECK_EQ(run(count_descriptors, NULL, 0).value, descriptors() - 2);
    check_adds_up(new_table(a));
    check_adds_up(new_table(c));
    free_shm(a);
    free_shm(c);
    yoke_done();
}

TEST(more_than_250_are_too_many_for_a_start)
{
    yoke_shm *shms[251];
    yoke_process process = {0};

    for (int i = 0; i < 251; i++)
        CHECK_EQ(yoke_shm_open(&shms[i], MIB), 0);
    CHECK_EQ(yoke_init(), 0);
    CHECK_EQ(yoke_process_start(&process, nothing, NULL, 0), -E2BIG);
    CHECK_EQ(yoke_shm_free(&shms[250]), 0);
    check_exits(nothing, 0);
    for (int i = 0; i < 125; i++) {
        CHECK_EQ(yoke_shm_free(&shms[i]), 0);
        CHECK_EQ(yoke_shm_open(&shms[i], MIB), 0);
    }
    check_exits(nothing, 0);
    for (int i = 0; i < 250; i++) {
        struct table *table = new_table(shms[i]);

        CHECK(table->numbers = yoke_shm_array(shms[i], long, 1000));
        if (i % 50 == 0)
            CHECK_EQ(run(add_up, &table, sizeof table).value, 0);
        free_shm(shms[i]);
    }
    yoke_done();
}
