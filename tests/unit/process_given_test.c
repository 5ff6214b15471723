/* process_given_test.c -- descriptors that are given to a process: it has them under the numbers that they have here, and no other
 * ends of pipes. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <yoke.h>

#include "host.h"
#include "process/zygote.h"
#include "processes.h"

/* ---- pipes ---- */

static int echo(void *arg)
{
    yoke_pipe pipe = *(yoke_pipe *)arg;
    char bytes[16];
    size_t size;

    while (yoke_pipe_receive(&pipe, bytes, sizeof bytes, &size) == 0)
        CHECK_EQ(yoke_pipe_send(&pipe, bytes, size), 0);
    return 7;
}

static void check_echo(yoke_start start)
{
    yoke_pipe a = {0}, b = {0}, unseen = {0}, other = {0};
    yoke_process process = {0};
    yoke_exit how;
    char bytes[16];
    size_t size;

    CHECK_EQ(yoke_pipe_open(&a, &b), 0);
    CHECK_EQ(yoke_pipe_open(&unseen, &other), 0);
    CHECK_EQ(
        yoke_process_start(&process, echo, &b, sizeof b, .pipes = (yoke_pipe *[]){&b}, .n_pipes = 1, .start = start),
        0);
    yoke_pipe_close(&b);
    CHECK_EQ(yoke_pipe_send(&a, "hello", 6), 0);
    CHECK_EQ(yoke_pipe_receive(&a, bytes, sizeof bytes, &size), 0);
    CHECK_STR(bytes, "hello");
    /* nobody else has this end, the process neither */
    yoke_pipe_close(&other);
    CHECK_EQ(yoke_pipe_receive(&unseen, bytes, sizeof bytes, &size), -YOKE_ECLOSED);
    yoke_pipe_close(&unseen);
    /* nor does it have this one: it sees the end */
    yoke_pipe_close(&a);
    CHECK_EQ(yoke_process_join(&process, &how), 0);
    CHECK_EQ(how.value, 7);
    yoke_process_close(&process);
}

TEST(a_process_has_the_ends_that_it_was_given_and_no_others)
{
    check_echo(YOKE_START_DEFAULT);
    check_echo(YOKE_FORK);
    CHECK_EQ(yoke_init(), 0);
    check_echo(YOKE_START_DEFAULT);
    check_echo(YOKE_FORK);
    yoke_done();
}

TEST(a_pipe_that_is_older_than_the_zygote_ends)
{
    yoke_pipe a = {0}, b = {0};
    char byte;

    CHECK_EQ(yoke_pipe_open(&a, &b), 0);
    CHECK_EQ(yoke_init(), 0);
    yoke_pipe_close(&b);
    CHECK_EQ(yoke_pipe_receive(&a, &byte, 1, NULL), -YOKE_ECLOSED);
    yoke_pipe_close(&a);
    yoke_done();
}

/* The number had another meaning when the zygote was made: an end, and a file. */
static void check_number_taken(bool by_an_end)
{
    yoke_pipe a = {0}, b = {0}, old = {0}, older = {0};
    yoke_process process = {0};
    yoke_exit how;
    int number, file = -1;

    if (by_an_end)
        CHECK_EQ(yoke_pipe_open(&old, &older), 0);
    else
        CHECK((file = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0);
    number = by_an_end ? yk_min(old.fd, older.fd) : file;
    CHECK_EQ(yoke_init(), 0);
    if (by_an_end) {
        yoke_pipe_close(&old);
        yoke_pipe_close(&older);
    } else {
        close(file);
    }
    /* the zygote took the next number here */
    CHECK_EQ(yoke_pipe_open(&a, &b), 0);
    CHECK(a.fd == number || b.fd == number);
    CHECK_EQ(yoke_process_start(&process, echo, &b, sizeof b, .pipes = (yoke_pipe *[]){&b, &b}, .n_pipes = 2), 0);
    yoke_pipe_close(&b);
    CHECK_EQ(yoke_pipe_send(&a, "x", 1), 0);
    CHECK_EQ(yoke_pipe_receive(&a, &(char){0}, 1, NULL), 0);
    yoke_pipe_close(&a);
    CHECK_EQ(yoke_process_join(&process, &how), 0);
    CHECK_EQ(how.value, 7);
    yoke_process_close(&process);
    yoke_done();
}

TEST(a_number_that_meant_something_else_before_is_no_obstacle)
{
    check_number_taken(false);
    check_number_taken(true);
}

static int is_open(void *arg)
{
    return fcntl(*(int *)arg, F_GETFD) >= 0;
}

static int start_without(void *arg)
{
    yoke_process process = {0};
    yoke_exit how = {YOKE_EXITED, 99};

    if (!is_open(arg))
        return 98;
    CHECK_EQ(yoke_process_start(&process, is_open, arg, sizeof(int)), 0);
    CHECK_EQ(yoke_process_join(&process, &how), 0);
    yoke_process_close(&process);
    return how.value;
}

TEST(a_process_gives_only_what_it_is_told_to)
{
    yoke_pipe a = {0}, b = {0};
    yoke_process process = {0};
    yoke_exit how;

    CHECK_EQ(yoke_pipe_open(&a, &b), 0);
    CHECK_EQ(
        yoke_process_start(&process, start_without, &b.fd, sizeof b.fd, .pipes = (yoke_pipe *[]){&b}, .n_pipes = 1), 0);
    CHECK_EQ(yoke_process_join(&process, &how), 0);
    CHECK_EQ(how.value, 0);
    yoke_process_close(&process);
    yoke_pipe_close(&a);
    yoke_pipe_close(&b);
}

static int has_number(const int *in, int *out)
{
    *out = fcntl(*in, F_GETFD) >= 0;
    return 0;
}
YOKE_TASK(has_number, int, int);

static void check_pool_has_none(void)
{
    yoke_pipe a = {0}, b = {0};
    yoke_pool *pool;
    int found[2];

    CHECK_EQ(yoke_pipe_open(&a, &b), 0);
    pool = open_pool(1);
    CHECK_EQ(yoke_pool_map(pool, has_number, ((int[]){a.fd, b.fd}), 2, found), 0);
    yoke_pipe_close(&b);
    CHECK_EQ(yoke_pipe_receive(&a, &(char){0}, 1, NULL), -YOKE_ECLOSED); /* with the pool still there */
    yoke_pool_free(&pool);
    CHECK(!found[0] && !found[1]);
    yoke_pipe_close(&a);
}

TEST(a_pool_has_none)
{
    check_pool_has_none();
    CHECK_EQ(yoke_init(), 0);
    check_pool_has_none();
    yoke_done();
}

TEST(wrong_ends_are_refused)
{
    yoke_pipe a = {0}, b = {0}, none = {0}, *many[YK_SPAWN_MOST + 1];
    yoke_process process = {0};

    CHECK_EQ(yoke_pipe_open(&a, &b), 0);
    CHECK_EQ(yoke_process_start(&process, is_open, NULL, 0, .pipes = NULL, .n_pipes = 1), -EINVAL);
    CHECK_EQ(yoke_process_start(&process, is_open, NULL, 0, .pipes = (yoke_pipe *[]){&a, NULL}, .n_pipes = 2), -EINVAL);
    CHECK_EQ(yoke_process_start(&process, is_open, NULL, 0, .pipes = (yoke_pipe *[]){&a, &none}, .n_pipes = 2),
             -EINVAL);
    for (int i = 0; i <= YK_SPAWN_MOST; i++)
        many[i] = &a;
    CHECK_EQ(yoke_process_start(&process, is_open, NULL, 0, .pipes = many, .n_pipes = YK_SPAWN_MOST + 1), -E2BIG);
    CHECK(!process.impl);
    CHECK_EQ(yoke_process_start(&process, echo, &b, sizeof b, .pipes = many, .n_pipes = YK_SPAWN_MOST), 0);
    yoke_process_close(&process);
    yoke_pipe_close(&a);
    yoke_pipe_close(&b);
}

/* ---- any descriptors, any numbers ---- */

/* Which file a number means. */
struct place {
    int number;
    ino_t file;
};

struct places {
    unsigned n, n_lent, n_open;
    yoke_shm *shm;
    ino_t shm_file, lent_file;
    struct place places[YK_SPAWN_MOST];
};

static ino_t file_at(int number)
{
    struct stat stat;

    return fstat(number, &stat) == 0 ? stat.st_ino : 0;
}

static int check_places(void *arg, const int *fds, unsigned n_fds)
{
    const struct places *places = arg;

    for (unsigned i = 0; i < places->n; i++) {
        CHECK_EQ(file_at(places->places[i].number), places->places[i].file);
        CHECK_EQ(fcntl(places->places[i].number, F_GETFD), FD_CLOEXEC);
    }
    CHECK_EQ(n_fds, places->n_lent);
    for (unsigned i = 0; i < n_fds; i++)
        CHECK_EQ(file_at(fds[i]), places->lent_file);
    CHECK_EQ(descriptors(), places->n_open);
    if (places->shm)
        CHECK_EQ(file_at(yoke_shm_fd(places->shm)), places->shm_file);
    return 3;
}

static struct yk_zygote zygote;

/* Gives these descriptors, in this order, with some lent ones on top. */
static void check_given(const int *numbers, unsigned n, unsigned n_lent, yoke_shm *shm, unsigned n_inherited)
{
    static struct places places;
    struct yk_spawn spawn = {.run = check_places,
                             .arg = &places,
                             .arg_size = sizeof places,
                             .n_fds = n_lent,
                             .given = numbers,
                             .n_given = n};
    struct yk_child child;
    yoke_exit how;
    int lent[2];

    if (n_lent > 0)
        CHECK_EQ(pipe(lent), 0);
    places = (struct places){.n = n, .n_lent = n_lent, .n_open = n + n_lent + n_inherited, .shm = shm};
    for (unsigned i = 0; i < n_lent; i++)
        places.lent_file = file_at(spawn.fds[i] = lent[1]);
    if (shm) {
        places.shm_file = file_at(yoke_shm_fd(shm));
        places.n_open++;
    }
    for (unsigned i = 0; i < n; i++)
        places.places[i] = (struct place){numbers[i], file_at(numbers[i])};
    CHECK_EQ(yk_zygote_spawn(&zygote, &spawn, &child), 0);
    CHECK_EQ(yk_child_report(&child, YOKE_FOREVER, &how), 0);
    yk_child_close(&child);
    CHECK_EQ(how.kind, YOKE_EXITED);
    CHECK_EQ(how.value, 3);
    if (n_lent > 0) {
        close(lent[0]);
        close(lent[1]);
    }
}

/* A file of its own under that number. */
static void open_at(int number)
{
    int ends[2];

    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    close(ends[0]);
    if (ends[1] == number)
        return;
    CHECK_EQ(dup3(ends[1], number, O_CLOEXEC), number);
    close(ends[1]);
}

/* Under n numbers that are free, beyond so many others. */
static void open_many(int *numbers, int n, int others)
{
    int number = lowest_free() + others;

    for (int i = 0; i < n; number++)
        if (fcntl(number, F_GETFD) < 0)
            open_at(numbers[i++] = number);
}

static void shuffle(int *numbers, int n)
{
    for (int i = n - 1; i > 0; i--) {
        int k = (int)(random() % (i + 1)), number = numbers[i];

        numbers[i] = numbers[k];
        numbers[k] = number;
    }
}

/* From the numbers on that the zygote gives to what it receives: whatever is received lies where something else belongs. */
TEST(numbers_that_are_each_others_are_sorted_out)
{
    enum { N = 40 };
    int numbers[N], n_inherited = descriptors();

    srandom((unsigned)test_seed());
    CHECK_EQ(yk_zygote_open(YOKE_START_DEFAULT, &zygote), 0);
    open_many(numbers, N, 2); /* a check opens two more */
    for (int i = 0; i < 20; i++) {
        shuffle(numbers, N);
        check_given(numbers, N, 3, NULL, (unsigned)n_inherited);
        check_given(numbers, (unsigned)(1 + i), (unsigned)(i % 4), NULL, (unsigned)n_inherited);
    }
    for (int i = 0; i < N; i++)
        close(numbers[i]);
    yk_zygote_close(&zygote);
}

/* The zygote has their descriptors under some numbers; each of those nearby is given.  (One of them it has where the host has its
 * pidfd.) */
TEST(shared_memory_gets_out_of_the_way)
{
    enum { N = 12 };
    int numbers[N], n_inherited = descriptors() + 1;
    yoke_shm *shms[2];

    CHECK_EQ(yk_zygote_open(YOKE_START_DEFAULT, &zygote), 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(yoke_shm_open(&shms[i], 0), 0);
    open_many(numbers, N, 0);
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < N; i++)
            check_given(&numbers[i], 1, 0, shms[k], (unsigned)n_inherited);
        check_given(numbers, N, 0, shms[k], (unsigned)n_inherited);
        check_given(numbers, N, 2, shms[k], (unsigned)n_inherited);
    }
    for (int i = 0; i < N; i++)
        close(numbers[i]);
    yk_zygote_close(&zygote);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(yoke_shm_free(&shms[i]), 0);
}

TEST(as_many_as_there_may_be)
{
    enum { N = YK_SPAWN_MOST - YK_SPAWN_LENT };
    int numbers[N + 1], n_inherited = descriptors();
    struct yk_spawn spawn = {.run = check_places, .given = numbers, .fds = {1, 1, 1}, .n_fds = 3, .n_given = N + 1};
    struct yk_child child;

    CHECK_EQ(yk_zygote_open(YOKE_START_DEFAULT, &zygote), 0);
    open_many(numbers, N + 1, 2);
    CHECK_EQ(yk_zygote_spawn(&zygote, &spawn, &child), -E2BIG);
    for (int i = 0; i < N; i++)
        if (numbers[i] >= 256) /* descriptors() stops there */
            n_inherited--;
    check_given(numbers, N, 3, NULL, (unsigned)n_inherited);
    for (int i = 0; i <= N; i++)
        close(numbers[i]);
    yk_zygote_close(&zygote);
}

TEST(a_number_beyond_the_zygotes_limit_is_a_code)
{
    struct rlimit limit, narrow;
    struct yk_spawn spawn = {.run = check_places, .given = (int[]){1, 100}, .n_given = 2};
    struct yk_child child = {.pid = -7};
    int n_inherited = descriptors();

    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    narrow = limit;
    narrow.rlim_cur = 100;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &narrow), 0);
    CHECK_EQ(yk_zygote_open(YOKE_START_DEFAULT, &zygote), 0);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    open_at(100);
    CHECK_EQ(yk_zygote_spawn(&zygote, &spawn, &child), -EMFILE);
    CHECK_EQ(child.pid, -7);
    CHECK_EQ(dup2(100, 99), 99);
    check_given((int[]){99}, 1, 1, NULL, (unsigned)n_inherited);
    close(99);
    close(100);
    yk_zygote_close(&zygote);
}
