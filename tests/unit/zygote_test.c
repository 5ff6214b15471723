/* zygote_test.c -- the helper that forks: what it runs, who lives as long as whom, and what it says when there is no
 * room. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/zygote.h"

static struct yk_zygote zygote;

static void open_zygote(void)
{
    CHECK_EQ(yk_zygote_open(YOKE_START_DEFAULT, &zygote), 0);
}

static struct yk_child spawn(const struct yk_spawn *spawn_options)
{
    struct yk_child child;

    CHECK_EQ(yk_zygote_spawn(&zygote, spawn_options, &child), 0);
    return child;
}

static yoke_exit finish(struct yk_child *child)
{
    yoke_exit how;

    CHECK_EQ(yk_child_report(child, YOKE_FOREVER, &how), 0);
    yk_child_close(child);
    return how;
}

static int descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static int lowest_free(void)
{
    int fd = dup(1);

    close(fd);
    return fd;
}

/* A pipe whose writing end every process holds that was forked since: its end means that all have gone. */
static int alive[2];

static void open_alive(void)
{
    CHECK_EQ(pipe(alive), 0);
}

static void wait_all_gone(void)
{
    char letter;

    close(alive[1]);
    while (read(alive[0], &letter, 1) > 0)
        ;
    close(alive[0]);
}

static int wait_for_ever(void *arg, const int *fds, unsigned n_fds)
{
    (void)arg;
    (void)fds;
    (void)n_fds;
    for (;;)
        pause();
    return 0;
}

/* Says that it runs, then never ends by itself, nor by any signal that can be blocked. */
static int be_stubborn(void *arg, const int *fds, unsigned n_fds)
{
    sigset_t all;

    (void)arg;
    (void)n_fds;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    CHECK_EQ(write(fds[0], "r", 1), 1);
    for (;;)
        pause();
    return 0;
}

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

static int user_code(void *arg)
{
    return arg ? *(const int *)arg : 77;
}

/* ---- what it runs ---- */

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

/* ---- who lives as long as whom ---- */

TEST(closing_ends_its_children)
{
    struct yk_spawn options = {.run = be_stubborn, .n_fds = 1};
    struct yk_child child;
    char letter;

    open_alive();
    options.fds[0] = alive[1];
    open_zygote();
    child = spawn(&options);
    CHECK_EQ(read(alive[0], &letter, 1), 1);
    yk_zygote_close(&zygote);
    CHECK_EQ(finish(&child).value, SIGKILL);
    CHECK_EQ(kill(child.pid, 0), -1);
    wait_all_gone();
}

TEST(a_killed_zygote_takes_its_children_with_it)
{
    struct yk_spawn options = {.run = be_stubborn, .n_fds = 1};
    struct yk_child child, more;
    yoke_exit how;
    char letter;

    open_alive();
    options.fds[0] = alive[1];
    open_zygote();
    child = spawn(&options);
    CHECK_EQ(read(alive[0], &letter, 1), 1);
    CHECK_EQ(yk_pidfd_signal(zygote.pidfd, SIGKILL), 0);
    how = finish(&child);
    CHECK_EQ(how.kind, YOKE_SIGNALLED);
    CHECK_EQ(how.value, SIGKILL);
    CHECK_EQ(yk_zygote_spawn(&zygote, &options, &more), -YOKE_EBROKEN);
    yk_zygote_close(&zygote);
    wait_all_gone();
}

/* The host is killed; a fork of it holds copies of all its sockets, so that no end of a socket tells the zygote. */
TEST(a_killed_host_takes_all_with_it)
{
    int host, copy, copy_pidfd, ready[2];
    char letter;

    open_alive();
    CHECK_EQ(pipe(ready), 0);
    host = fork();
    if (host == 0) {
        struct yk_spawn options = {.run = be_stubborn, .fds = {ready[1]}, .n_fds = 1};
        int pidfd;

        open_zygote();
        spawn(&options);
        spawn(&options);
        copy = yk_fork(YOKE_FORK, &pidfd);
        if (copy == 0) {
            close(alive[1]);
            CHECK_EQ(write(ready[1], &(int){getpid()}, sizeof(int)), sizeof(int));
            for (;;)
                pause();
        }
        for (;;)
            pause();
    }
    copy = 0;
    for (unsigned got = 0, letters = 0; got < sizeof copy || letters < 2;) {
        CHECK_EQ(read(ready[0], &letter, 1), 1);
        if (letter == 'r' && letters < 2)
            letters++;
        else
            ((char *)&copy)[got++] = letter;
    }
    kill(host, SIGKILL);
    CHECK_EQ(waitpid(host, NULL, 0), host);
    wait_all_gone();
    copy_pidfd = yk_pidfd_open(copy);
    CHECK_EQ(yk_pidfd_signal(copy_pidfd, SIGKILL), 0);
    CHECK_EQ(yk_wait_readable(copy_pidfd, YOKE_FOREVER), 0);
    yk_close(copy_pidfd);
    close(ready[0]);
    close(ready[1]);
}

static int host_exit(void *arg)
{
    struct yk_spawn options = {.run = wait_for_ever};

    open_zygote();
    spawn(&options);
    return arg ? 1 : 0;
}

TEST(a_host_that_exits_takes_all_with_it)
{
    int host;

    open_alive();
    host = fork();
    if (host == 0)
        _exit(host_exit(NULL));
    CHECK_EQ(waitpid(host, NULL, 0), host);
    wait_all_gone();
}

/* ---- yoke_init ---- */

TEST(init_is_once_and_done_ends_it)
{
    const struct yk_zygote *first;

    CHECK(yk_zygote_root() == NULL);
    yoke_done();
    CHECK_EQ(yoke_init(), 0);
    first = yk_zygote_root();
    CHECK(first != NULL);
    CHECK_EQ(yoke_init(), 0);
    CHECK(yk_zygote_root() == first);
    yoke_done();
    CHECK(yk_zygote_root() == NULL);
    yoke_done();
    CHECK_EQ(yoke_init(), 0);
    yoke_done();
}

TEST(a_fork_has_no_zygote_and_can_make_one)
{
    int before = descriptors(), status, pid;

    CHECK_EQ(yoke_init(), 0);
    pid = fork();
    if (pid == 0) {
        CHECK(yk_zygote_root() == NULL);
        CHECK_EQ(descriptors(), before); /* and no copies of what it had */
        yoke_done();
        CHECK_EQ(yoke_init(), 0);
        yoke_done();
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    CHECK(yk_zygote_root() != NULL);
    yoke_done();
}

/* ---- the rule about threads ---- */

static int ends[4];

static void *wait_in_thread(void *arg)
{
    char letter;

    if (arg)
        yk_own_thread_here();
    CHECK_EQ(write(ends[1], arg ? &(char){(char)-yk_may_fork(YOKE_START_DEFAULT)} : "n", 1), 1);
    CHECK_EQ(read(ends[2], &letter, 1), 1);
    return NULL;
}

static pthread_t start_thread(void *arg, char *ret_letter)
{
    pthread_t thread;

    CHECK_EQ(pipe(&ends[0]), 0);
    CHECK_EQ(pipe(&ends[2]), 0);
    CHECK_EQ(pthread_create(&thread, NULL, wait_in_thread, arg), 0);
    CHECK_EQ(read(ends[0], ret_letter, 1), 1);
    return thread;
}

static void end_thread(pthread_t thread)
{
    CHECK_EQ(write(ends[3], "x", 1), 1);
    pthread_join(thread, NULL);
    for (int i = 0; i < 4; i++)
        close(ends[i]);
}

TEST(a_foreign_thread_forbids_forking_until_it_has_gone)
{
    char letter;
    pthread_t thread = start_thread(NULL, &letter);

    CHECK_EQ(yk_may_fork(YOKE_START_DEFAULT), -YOKE_ETHREADED);
    CHECK_EQ(yk_may_fork(YOKE_FORK), 0);
    CHECK_EQ(yk_may_fork(YOKE_EXEC), -ENOTSUP);
    CHECK_EQ(yk_may_fork((yoke_start)9), -EINVAL);
    CHECK_EQ(yoke_init(), -YOKE_ETHREADED);
    end_thread(thread);
    /* at once, though the kernel may count it for a moment yet */
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(yk_may_fork(YOKE_START_DEFAULT), 0);
        thread = start_thread(NULL, &letter);
        end_thread(thread);
    }
    CHECK_EQ(yoke_init(), 0);
    yoke_done();
}

TEST(threads_are_no_hindrance_after_init)
{
    pthread_t thread;
    char letter;

    CHECK_EQ(yoke_init(), 0);
    thread = start_thread(NULL, &letter);
    CHECK_EQ(yk_may_fork(YOKE_START_DEFAULT), 0);
    end_thread(thread);
    yoke_done();
}

TEST(own_threads_do_not_count_but_for_one_of_them)
{
    pthread_t thread;
    char letter;

    yk_own_threads_add(1);
    thread = start_thread(&letter, &letter);
    /* what the own thread was told: for it, the main thread counts */
    CHECK_EQ(letter, (char)YOKE_ETHREADED);
    CHECK_EQ(yk_may_fork(YOKE_START_DEFAULT), 0);
    yk_own_threads_add(-1);
    CHECK_EQ(yk_may_fork(YOKE_START_DEFAULT), -YOKE_ETHREADED);
    end_thread(thread);
}

TEST(a_fork_has_no_own_threads)
{
    int status, pid;

    yk_own_threads_add(5);
    pid = fork();
    if (pid == 0) {
        char letter;
        pthread_t thread = start_thread(NULL, &letter);

        CHECK_EQ(yk_may_fork(YOKE_START_DEFAULT), -YOKE_ETHREADED);
        end_thread(thread);
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

/* ---- no room ---- */

static void set_limit(int resource, rlim_t n)
{
    struct rlimit limit;

    CHECK_EQ(getrlimit((__rlimit_resource_t)resource, &limit), 0);
    limit.rlim_cur = n;
    CHECK_EQ(setrlimit((__rlimit_resource_t)resource, &limit), 0);
}

TEST(opening_without_descriptors_fails_with_a_code)
{
    int before = lowest_free();

    for (int room = 0;; room++) {
        int rc;

        set_limit(RLIMIT_NOFILE, (rlim_t)(before + room));
        rc = yk_zygote_open(YOKE_START_DEFAULT, &zygote);
        set_limit(RLIMIT_NOFILE, 256);
        if (rc == 0)
            break;
        CHECK_EQ(rc, -EMFILE);
        CHECK_EQ(lowest_free(), before);
        CHECK(room < 20);
    }
    yk_zygote_close(&zygote);
}

/* The zygote's limit is that of its birth; what it lacks is told, and it goes on. */
TEST(spawning_without_descriptors_in_the_zygote_fails_with_a_code)
{
    struct yk_spawn options = {.run = wait_for_ever};
    struct yk_child children[64];
    int n = 0, rc;

    set_limit(RLIMIT_NOFILE, 16);
    open_zygote();
    set_limit(RLIMIT_NOFILE, 256);
    while ((rc = yk_zygote_spawn(&zygote, &options, &children[n])) == 0)
        CHECK(++n < 64);
    CHECK_EQ(rc, -EMFILE);
    CHECK(n >= 2);
    CHECK_EQ(yk_pidfd_signal(children[0].pidfd, SIGKILL), 0);
    CHECK_EQ(finish(&children[0]).value, SIGKILL);
    children[0] = spawn(&options);
    yk_zygote_close(&zygote);
    for (int i = 0; i < n; i++)
        finish(&children[i]);
}

TEST(descriptors_that_the_zygote_cannot_take_are_told)
{
    struct yk_spawn options = {.run = wait_for_ever, .fds = {1, 1, 1}, .n_fds = 3};
    struct yk_child child;
    int before = lowest_free();

    set_limit(RLIMIT_NOFILE, (rlim_t)before + 5);
    open_zygote();
    set_limit(RLIMIT_NOFILE, 256);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(yk_zygote_spawn(&zygote, &options, &child), -EMFILE);
    yk_zygote_close(&zygote);
    CHECK_EQ(lowest_free(), before);
}

/* The child runs already when the host finds that it cannot hold it: it is killed, and nothing is left. */
TEST(spawning_without_descriptors_in_the_host_fails_with_a_code)
{
    struct yk_spawn options = {.run = wait_for_ever};
    struct yk_child child = {.pid = -7};
    int before;

    open_zygote();
    open_alive();
    options.fds[0] = alive[1];
    options.n_fds = 1;
    before = lowest_free();
    for (int room = 0; room < 2; room++) {
        set_limit(RLIMIT_NOFILE, (rlim_t)(before + room));
        CHECK_EQ(yk_zygote_spawn(&zygote, &options, &child), -EMFILE);
        set_limit(RLIMIT_NOFILE, 256);
        CHECK_EQ(lowest_free(), before);
        CHECK_EQ(child.pid, -7);
    }
    wait_all_gone(); /* with the zygote still there */
    child = spawn(&(struct yk_spawn){.user = user_code});
    CHECK_EQ(finish(&child).value, 77);
    yk_zygote_close(&zygote);
}

TEST(an_argument_without_memory_fails_with_a_code)
{
    struct yk_spawn options = {.user = user_code, .arg = "", .arg_size = SIZE_MAX / 2};
    struct yk_child child;

    open_zygote();
    CHECK_EQ(yk_zygote_spawn(&zygote, &options, &child), -ENOMEM);
    options.arg_size = SIZE_MAX;
    CHECK_EQ(yk_zygote_spawn(&zygote, &options, &child), -ENOMEM);
    options.arg_size = 0;
    child = spawn(&options);
    CHECK_EQ(finish(&child).value, 77);
    yk_zygote_close(&zygote);
}

static int without_room_for_processes(void)
{
    struct yk_spawn options = {.run = wait_for_ever};
    struct yk_child child;
    char letter;

    CHECK_EQ(setuid(54321), 0);
    open_alive();
    open_zygote();
    child = spawn(&options);
    yk_zygote_close(&zygote);
    finish(&child);
    wait_all_gone();
    set_limit(RLIMIT_NPROC, 2);
    open_alive();
    open_zygote();
    CHECK_EQ(yk_zygote_spawn(&zygote, &options, &child), -EAGAIN);
    set_limit(RLIMIT_NPROC, 1);
    CHECK_EQ(yk_zygote_open(YOKE_START_DEFAULT, &(struct yk_zygote){0}), -EAGAIN);
    CHECK_EQ(yk_zygote_open(YOKE_FORK, &(struct yk_zygote){0}), -EAGAIN);
    yk_zygote_close(&zygote);
    close(alive[1]);
    CHECK_EQ(read(alive[0], &letter, 1), 0);
    close(alive[0]);
    return 0;
}

TEST(no_room_for_processes_is_told)
{
    int status, pid;

#ifdef __SANITIZE_THREAD__
    SKIP("the threads of the sanitizer count against the limit");
#endif
    if (getuid() != 0)
        SKIP("needs another user's number, for a limit that counts nobody else's processes");
    pid = fork();
    if (pid == 0)
        _exit(without_room_for_processes());
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
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
