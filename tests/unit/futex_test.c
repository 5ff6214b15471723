/* futex_test.c -- sleeping on words, on two words, and on the life of a process. */
#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asleep.h"
#include "os/os.h"
#include "test.h"

static void *shared_page(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(page != MAP_FAILED);
    return page;
}

/* From here on, system call `number` fails with `error` in this process. */
static void deny(int number, int error)
{
    struct sock_filter code[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (unsigned)number},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | (unsigned)error},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    struct sock_fprog program = {4, code};

    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        SKIP("no seccomp filters here");
}

/* ---- one word ---- */

TEST(wait_returns_when_the_word_differs)
{
    yk_a32 word = {7};

    CHECK_EQ(yk_futex_wait(&word, 8, false, YOKE_FOREVER), 0);
    CHECK_EQ(yk_futex_wait(&word, 8, true, YOKE_FOREVER), 0);
    CHECK_EQ(yk_futex_wait(&word, 8, false, YOKE_NOW), 0);
}

TEST(wait_ends_at_its_deadline)
{
    yk_a32 word = {7};
    yoke_time deadline = yoke_after(0.03);

    CHECK_EQ(yk_futex_wait(&word, 7, false, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yk_futex_wait(&word, 7, false, -5), -ETIMEDOUT);
    CHECK_EQ(yk_futex_wait(&word, 7, false, INT64_MIN), -ETIMEDOUT);
    CHECK_EQ(yk_futex_wait(&word, 7, true, deadline), -ETIMEDOUT);
    CHECK(yoke_now() >= deadline);
}

struct sleeper {
    pthread_t thread;
    yk_a32 *word;
    yk_a32 tid;
    int rc;
};

static void *sleep_on(void *arg)
{
    struct sleeper *sleeper = arg;

    yk_store_rel(&sleeper->tid, (uint32_t)gettid());
    sleeper->rc = yk_futex_wait(sleeper->word, 0, false, YOKE_FOREVER);
    return NULL;
}

static void start_sleeper(struct sleeper *sleeper, yk_a32 *word)
{
    *sleeper = (struct sleeper){.word = word, .rc = 1};
    CHECK_EQ(pthread_create(&sleeper->thread, NULL, sleep_on, sleeper), 0);
    while (yk_load_acq(&sleeper->tid) == 0)
        sched_yield();
    asleep_on(getpid(), (int)yk_load_acq(&sleeper->tid), word);
}

TEST(wake_wakes_as_many_as_it_says)
{
    struct sleeper sleepers[3];
    yk_a32 word = {0};

    CHECK_EQ(yk_futex_wake(&word, INT_MAX, false), 0);
    for (int i = 0; i < 3; i++)
        start_sleeper(&sleepers[i], &word);
    CHECK_EQ(yk_futex_wake(&word, 2, false), 2);
    CHECK_EQ(yk_futex_wake(&word, INT_MAX, false), 1);
    for (int i = 0; i < 3; i++) {
        pthread_join(sleepers[i].thread, NULL);
        CHECK_EQ(sleepers[i].rc, 0);
    }
}

static void nothing(int number)
{
    (void)number;
}

TEST(a_signal_lets_the_caller_look_again)
{
    struct sigaction action = {.sa_handler = nothing}; /* no SA_RESTART: the call ends with EINTR */
    struct sleeper sleeper;
    yk_a32 word = {0};

    sigaction(SIGUSR1, &action, NULL);
    start_sleeper(&sleeper, &word);
    pthread_kill(sleeper.thread, SIGUSR1);
    pthread_join(sleeper.thread, NULL);
    CHECK_EQ(sleeper.rc, 0);
}

TEST(a_shared_word_wakes_another_process)
{
    yk_a32 *word = shared_page();
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        while (yk_load_acq(word) == 0)
            yk_futex_wait(word, 0, true, YOKE_FOREVER);
        _exit(0);
    }
    asleep_on(pid, pid, word);
    yk_store_rel(word, 1);
    CHECK_EQ(yk_futex_wake(word, 1, true), 1);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    munmap(word, 4096);
}

TEST(wake_of_memory_that_is_gone_does_nothing)
{
    yk_a32 *word = shared_page();

    munmap(word, 4096);
    CHECK_EQ(yk_futex_wake(word, 1, true), 0);
    CHECK_EQ(yk_futex_wake(word, 1, false), 0);
}

/* ---- two words ---- */

static void check_either_returns(void)
{
    yk_a32 a = {1}, b = {2};
    yoke_time deadline = yoke_after(0.03);

    CHECK_EQ(yk_futex_wait_either(&a, 0, &b, 2, YOKE_FOREVER), 0);
    CHECK_EQ(yk_futex_wait_either(&a, 1, &b, 0, YOKE_FOREVER), 0);
    CHECK_EQ(yk_futex_wait_either(&a, 1, &b, 0, YOKE_NOW), 0);
    CHECK_EQ(yk_futex_wait_either(&a, 1, &b, 2, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yk_futex_wait_either(&a, 1, &b, 2, -1), -ETIMEDOUT);
    CHECK_EQ(yk_futex_wait_either(&a, 1, &b, 2, deadline), -ETIMEDOUT);
    CHECK(yoke_now() >= deadline);
}

/* A child waits for either word; the parent changes `which` once it sleeps (on `asleep`, NULL: on both). */
static void check_either_wakes(yk_a32 *words, int which, const void *asleep)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        while (yk_load_acq(&words[0]) == 0 && yk_load_acq(&words[1]) == 0)
            CHECK_EQ(yk_futex_wait_either(&words[0], 0, &words[1], 0, YOKE_FOREVER), 0);
        _exit(0);
    }
    asleep_on(pid, pid, asleep);
    yk_store_rel(&words[which], 1);
    yk_futex_wake(&words[which], 1, true);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    yk_store_rel(&words[which], 0);
}

static bool have_waitv(void)
{
    return syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) < 0 && errno != ENOSYS && errno != EPERM;
}

TEST(either_word_ends_the_wait)
{
    yk_a32 *words = shared_page();

    if (!have_waitv())
        SKIP("no futex_waitv here");
    check_either_returns();
    check_either_wakes(words, 0, NULL);
    check_either_wakes(words, 1, NULL);
    munmap(words, 4096);
}

static void check_fallback(int error)
{
    yk_a32 *words = shared_page();

    deny(SYS_futex_waitv, error);
    check_either_returns();
    check_either_wakes(words, 0, &words[0]);
    check_either_wakes(words, 1, &words[0]);
    munmap(words, 4096);
}

TEST(either_works_on_an_old_kernel)
{
    check_fallback(ENOSYS);
}

TEST(either_works_in_a_sandbox)
{
    check_fallback(EPERM);
}

TEST(waiting_for_either_uses_no_cpu)
{
    yk_a32 words[2] = {{0}, {0}};
    yoke_time deadline = yoke_after(0.2);
    int64_t before = cpu_time();

    while (yk_futex_wait_either(&words[0], 0, &words[1], 0, deadline) == 0)
        continue;
    CHECK(cpu_time() - before < 20 * MS);
}

/* ---- the life of a process ---- */

struct watched {
    struct yk_robust alive;
    yk_a32 job;
    pthread_mutex_t mutex;
};

static _Noreturn void live(struct watched *watched)
{
    yk_alive_arm(&watched->alive);
    yk_futex_wake(&watched->alive.word, INT_MAX, true);
    for (;;)
        pause();
}

/* Waits until the child is armed, and has someone kill it while the caller sleeps on job and life. */
static void check_death_is_seen(struct watched *watched, pid_t pid)
{
    pid_t killer, self = getpid();
    uint32_t value;

    while (!yk_alive_armed(&watched->alive))
        yk_futex_wait(&watched->alive.word, 0, true, YOKE_FOREVER);
    CHECK(!yk_alive_dead(&watched->alive));
    killer = fork();
    if (killer == 0) {
        asleep_on(self, self, NULL);
        kill(pid, SIGKILL);
        _exit(0);
    }
    while (value = yk_load_acq(&watched->alive.word), !yk_alive_dead(&watched->alive))
        CHECK_EQ(yk_futex_wait_either(&watched->job, 0, &watched->alive.word, value, yoke_after(5 * test_slow())), 0);
    CHECK(yk_alive_armed(&watched->alive));
    CHECK_EQ(waitpid(pid, NULL, __WALL), pid);
    CHECK_EQ(waitpid(killer, NULL, 0), killer);
}

TEST(a_kill_wakes_who_watches)
{
    struct watched *watched = shared_page();
    pid_t pid;

    if (!have_waitv())
        SKIP("no futex_waitv here");
    CHECK(!yk_alive_armed(&watched->alive));
    CHECK(!yk_alive_dead(&watched->alive));
    pid = fork();
    if (pid == 0)
        live(watched);
    check_death_is_seen(watched, pid);
    munmap(watched, 4096);
}

TEST(a_kill_of_an_invisible_child_wakes_too)
{
    struct watched *watched = shared_page();
    int pid, pidfd;

    if (!have_waitv())
        SKIP("no futex_waitv here");
    pid = yk_fork(YOKE_START_DEFAULT, &pidfd);
    CHECK(pid >= 0);
    if (pid == 0)
        live(watched);
    close(pidfd);
    check_death_is_seen(watched, pid);
    munmap(watched, 4096);
}

TEST(watching_works_without_a_list_to_join)
{
    struct watched *watched = shared_page();
    pid_t pid = fork();

    if (pid == 0) {
        deny(SYS_get_robust_list, EPERM);
        live(watched);
    }
    if (!have_waitv())
        SKIP("no futex_waitv here");
    check_death_is_seen(watched, pid);
    munmap(watched, 4096);
}

TEST(who_cannot_be_watched_is_not_armed)
{
    struct watched *watched = shared_page();

    deny(SYS_get_robust_list, EPERM);
    deny(SYS_set_robust_list, EPERM);
    yk_alive_arm(&watched->alive);
    CHECK(!yk_alive_armed(&watched->alive));
    munmap(watched, 4096);
}

TEST(an_exit_is_a_death)
{
    struct watched *watched = shared_page();
    pid_t pid = fork();

    if (pid == 0) {
        yk_alive_arm(&watched->alive);
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
    CHECK(yk_alive_dead(&watched->alive));
    munmap(watched, 4096);
}

TEST(a_child_of_the_watched_is_not_watched)
{
    struct watched *watched = shared_page();
    pid_t pid = fork();

    if (pid == 0) {
        pid_t child;

        yk_alive_arm(&watched->alive);
        child = fork();
        if (child == 0)
            _exit(0);
        CHECK_EQ(waitpid(child, NULL, 0), child);
        CHECK(!yk_alive_dead(&watched->alive));
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
    CHECK(yk_alive_dead(&watched->alive));
    munmap(watched, 4096);
}

/* The program's own robust mutexes are on the same list of the kernel: those held before arm and after it, and those that
 * come and go. */
TEST(robust_mutexes_of_the_program_still_work)
{
    struct watched *watched = shared_page();
    pthread_mutex_t *mutexes = &watched->mutex;
    pthread_mutexattr_t attributes;
    pid_t pid;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    for (int i = 0; i < 4; i++)
        pthread_mutex_init(&mutexes[i], &attributes);
    pid = fork();
    if (pid == 0) {
        pthread_mutex_lock(&mutexes[0]);
        pthread_mutex_lock(&mutexes[1]);
        yk_alive_arm(&watched->alive);
        pthread_mutex_unlock(&mutexes[1]);
        pthread_mutex_lock(&mutexes[2]);
        pthread_mutex_lock(&mutexes[3]);
        pthread_mutex_unlock(&mutexes[2]);
        kill(getpid(), SIGKILL);
    }
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
    CHECK(yk_alive_dead(&watched->alive));
    CHECK_EQ(pthread_mutex_trylock(&mutexes[0]), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_trylock(&mutexes[1]), 0);
    CHECK_EQ(pthread_mutex_trylock(&mutexes[2]), 0);
    CHECK_EQ(pthread_mutex_trylock(&mutexes[3]), EOWNERDEAD);
    for (int i = 0; i < 4; i++)
        pthread_mutex_unlock(&mutexes[i]);
    munmap(watched, 4096);
}
