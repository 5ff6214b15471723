/* zygote_spawn_test.c -- the helper that forks: what it runs, for whom, and what a child has of it. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"
#include "zygote.h"

/* ---- what it runs ---- */

static int sum_and_write(void *arg, const int *fds, unsigned n_fds)
{
    const int *numbers = arg;
    int sum = 0;

    for (int i = 0; i < 4; i++)
        sum += numbers[i];
    for (unsigned i = 0; i < n_fds; i++)
        CHECK_EQ(write(fds[i], &sum, sizeof sum), sizeof sum);
    return sum;
}

TEST(run_gets_bytes_and_descriptors)
{
    int numbers[4] = {1, 2, 3, 4}, pipes[2], sum;
    struct yk_spawn options = {.run = sum_and_write, .arg = numbers, .arg_size = sizeof numbers, .n_fds = 3};
    struct yk_child child;
    yoke_exit how;

    open_zygote();
    CHECK_EQ(pipe(pipes), 0);
    for (int i = 0; i < 3; i++)
        options.fds[i] = pipes[1];
    child = spawn(&options);
    how = finish(&child);
    CHECK_EQ(how.kind, YOKE_EXITED);
    CHECK_EQ(how.value, 10);
    close(pipes[1]);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(read(pipes[0], &sum, sizeof sum), sizeof sum);
        CHECK_EQ(sum, 10);
    }
    /* neither the zygote nor a child keeps what was lent */
    CHECK_EQ(read(pipes[0], &sum, sizeof sum), 0);
    close(pipes[0]);
    yk_zygote_close(&zygote);
}

TEST(user_code_gets_its_argument)
{
    struct yk_spawn options = {.user = user_code, .arg = &(int){33}, .arg_size = sizeof(int)};
    struct yk_child child;

    open_zygote();
    child = spawn(&options);
    CHECK_EQ(finish(&child).value, 33);
    options.arg_size = 0;
    child = spawn(&options);
    CHECK_EQ(finish(&child).value, 77);
    yk_zygote_close(&zygote);
}

TEST(a_report_is_waited_for_as_told)
{
    struct yk_spawn options = {.run = wait_for_ever};
    struct yk_child child;
    yoke_exit how = {YOKE_EXITED, -1};

    open_zygote();
    child = spawn(&options);
    CHECK_EQ(yk_child_report(&child, YOKE_NOW, &how), -ETIMEDOUT);
    CHECK_EQ(yk_child_report(&child, yoke_now() + 1000000, &how), -ETIMEDOUT);
    CHECK_EQ(how.value, -1);
    CHECK_EQ(yk_pidfd_signal(child.pidfd, SIGINT), 0);
    CHECK_EQ(yk_child_report(&child, YOKE_FOREVER, &how), 0);
    CHECK_EQ(how.kind, YOKE_SIGNALLED);
    CHECK_EQ(how.value, SIGINT);
    /* the parent has reaped it */
    CHECK_EQ(kill(child.pid, 0), -1);
    CHECK_EQ(errno, ESRCH);
    yk_child_close(&child);
    yk_zygote_close(&zygote);
}

static int descriptors_held(void *arg, const int *fds, unsigned n_fds)
{
    (void)arg;
    (void)fds;
    (void)n_fds;
    return descriptors();
}

/* With two others running, a child has what the program had, and nothing of the zygote's. */
TEST(a_child_holds_nothing_of_the_zygotes)
{
    struct yk_spawn others = {.run = wait_for_ever}, options = {.run = descriptors_held};
    struct yk_child a, b, child;
    int before = descriptors();

    open_zygote();
    a = spawn(&others);
    b = spawn(&others);
    child = spawn(&options);
    CHECK_EQ(finish(&child).value, before);
    yk_zygote_close(&zygote);
    CHECK_EQ(finish(&a).value, SIGKILL);
    CHECK_EQ(finish(&b).value, SIGKILL);
}

static int return_1(void *arg)
{
    (void)arg;
    return 1;
}

static int return_2(void *arg)
{
    (void)arg;
    return 2;
}

static void *spawn_many(void *arg)
{
    struct yk_spawn options = {.user = arg ? return_1 : return_2};

    for (int i = 0; i < 50; i++) {
        struct yk_child child = spawn(&options);

        CHECK_EQ(finish(&child).value, arg ? 1 : 2);
    }
    return NULL;
}

TEST(several_threads_ask_at_the_same_time)
{
    pthread_t threads[4];

    open_zygote();
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, spawn_many, i % 2 ? &zygote : NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    yk_zygote_close(&zygote);
}

static int use_own_zygote(void *arg)
{
    struct yk_spawn options = {.user = user_code};
    struct yk_child child;

    (void)arg;
    CHECK(yk_zygote_root() == NULL);
    CHECK_EQ(yk_may_fork(YOKE_START_DEFAULT), 0);
    open_zygote();
    child = spawn(&options);
    CHECK_EQ(finish(&child).value, 77);
    yk_zygote_close(&zygote);
    return 3;
}

TEST(a_child_can_have_a_zygote_of_its_own)
{
    struct yk_spawn options = {.user = use_own_zygote};
    struct yk_child child;

    CHECK_EQ(yoke_init(), 0);
    zygote = *yk_zygote_root();
    child = spawn(&options);
    CHECK_EQ(finish(&child).value, 3);
    yoke_done();
}

/* ---- code that it does not know ---- */

TEST(the_root_refuses_code_that_it_does_not_know)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct yk_spawn options = {0};
    struct yk_child child;

    CHECK(page != MAP_FAILED);
    CHECK_EQ(yoke_init(), 0);
    memcpy(&options.user, &page, sizeof options.user);
    CHECK_EQ(yk_zygote_spawn(yk_zygote_root(), &options, &child), -YOKE_ENOTASK);
    options.user = user_code;
    CHECK_EQ(yk_zygote_spawn(yk_zygote_root(), &options, &child), 0);
    CHECK_EQ(finish(&child).value, 77);
    yoke_done();
    munmap(page, 4096);
}
