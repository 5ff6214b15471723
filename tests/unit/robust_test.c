/* robust_test.c -- what the kernel does to the words of a thread that dies, and sleeping on many words. */
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke/thread.h>

#include "asleep.h"
#include "os/os.h"

/* What the processes of a test share. */
struct page {
    struct yk_robust robust[4];
    pthread_mutex_t mutex;
    yk_a32 word, go;
};

static struct page *new_page(void)
{
    struct page *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(page != MAP_FAILED);
    return page;
}

static void await(pid_t pid)
{
    CHECK_EQ(waitpid(pid, NULL, __WALL), pid);
}

static _Noreturn void die(void)
{
    kill(getpid(), SIGKILL);
    _exit(0);
}

/* As a primitive does: intended, made its own, linked. */
static void own(struct yk_robust *robust, uint32_t flags)
{
    yk_robust_intend(&robust->word);
    yk_store_rlx(&robust->word, yk_tid() | flags);
    CHECK(yk_robust_link(robust));
    yk_robust_intend(NULL);
}

static void disown(struct yk_robust *robust)
{
    yk_robust_intend(&robust->word);
    yk_robust_unlink(robust);
    yk_store_rlx(&robust->word, 0);
    yk_robust_intend(NULL);
}

static uint32_t word_in(struct page *page, int i)
{
    return yk_load_acq(&page->robust[i].word);
}

/* ---- marks ---- */

TEST(a_linked_word_is_marked_at_death)
{
    struct page *page = new_page();
    pid_t pid = fork();

    if (pid == 0) {
        own(&page->robust[0], 0);
        own(&page->robust[1], YK_WAITED);
        die();
    }
    await(pid);
    CHECK_EQ(word_in(page, 0), YK_DIED);
    CHECK_EQ(word_in(page, 1), YK_DIED | YK_WAITED);
    munmap(page, 4096);
}

TEST(an_intended_word_of_ones_own_is_marked_at_death)
{
    struct page *page = new_page();
    pid_t pid = fork();

    if (pid == 0) {
        yk_robust_intend(&page->word);
        yk_store_rlx(&page->word, yk_tid());
        die();
    }
    await(pid);
    CHECK_EQ(yk_load_acq(&page->word), YK_DIED);
    munmap(page, 4096);
}

TEST(words_of_others_are_left_alone)
{
    struct page *page = new_page();
    pid_t pid = fork();

    if (pid == 0) {
        own(&page->robust[0], 0);
        yk_store_rlx(&page->robust[0].word, (uint32_t)getppid());
        yk_robust_intend(&page->word);
        yk_store_rlx(&page->word, (uint32_t)getppid());
        die();
    }
    await(pid);
    CHECK_EQ(word_in(page, 0), getpid());
    CHECK_EQ(yk_load_acq(&page->word), getpid());
    munmap(page, 4096);
}

/* Each way to take one out, among robust mutexes of the program, which lie in the same list. */
TEST(unlinked_words_are_not_marked_and_mutexes_of_the_program_are)
{
    for (int out = 0; out < 4; out++) {
        struct page *page = new_page();
        pthread_mutexattr_t robust;
        pid_t pid;

        pthread_mutexattr_init(&robust);
        pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
        pthread_mutexattr_setpshared(&robust, PTHREAD_PROCESS_SHARED);
        pthread_mutex_init(&page->mutex, &robust);
        pid = fork();
        if (pid == 0) {
            for (int i = 0; i < 4; i++) {
                own(&page->robust[i], 0);
                if (i == 1)
                    pthread_mutex_lock(&page->mutex);
            }
            disown(&page->robust[out]);
            die();
        }
        await(pid);
        for (int i = 0; i < 4; i++)
            CHECK_EQ(word_in(page, i), i == out ? 0 : YK_DIED);
        CHECK_EQ(pthread_mutex_lock(&page->mutex), EOWNERDEAD);
        pthread_mutex_unlock(&page->mutex);
        munmap(page, 4096);
    }
}

static int own_and_end(void *arg)
{
    own(arg, 0);
    return 0;
}

TEST(the_end_of_a_thread_is_a_death)
{
    struct page *page = new_page();
    yoke_thread thread = {0};

    CHECK_EQ(yoke_thread_start(&thread, own_and_end, &page->robust[0]), 0);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    CHECK_EQ(word_in(page, 0), YK_DIED);
    munmap(page, 4096);
}

TEST(a_thread_without_a_list_of_libc_gets_one)
{
    struct page *page = new_page();
    pid_t pid = fork();

    if (pid == 0) {
        /* as if libc had none: the known list is the library's from here on */
        syscall(SYS_set_robust_list, NULL, 3 * sizeof(void *));
        own(&page->robust[0], 0);
        own(&page->robust[1], 0);
        own(&page->robust[2], 0);
        disown(&page->robust[1]);
        die();
    }
    await(pid);
    CHECK_EQ(word_in(page, 0), YK_DIED);
    CHECK_EQ(word_in(page, 1), 0);
    CHECK_EQ(word_in(page, 2), YK_DIED);
    munmap(page, 4096);
}

/* ---- handing on a wake ---- */

/* Two sleep on a word that is nobody's; the first is woken while it is stopped, and killed before it can do anything. */
static void check_hand_on(uint32_t word)
{
    struct page *page = new_page();
    pid_t sleepers[2];
    int status;

    yk_store_rlx(&page->word, word);
    for (int i = 0; i < 2; i++) {
        sleepers[i] = fork();
        if (sleepers[i] == 0) {
            yk_robust_intend(&page->word);
            yk_futex_wait(&page->word, word, true, YOKE_FOREVER);
            _exit(7);
        }
        asleep_on(sleepers[i], sleepers[i], &page->word);
    }
    kill(sleepers[0], SIGSTOP);
    CHECK_EQ(waitpid(sleepers[0], &status, WUNTRACED), sleepers[0]);
    CHECK_EQ(yk_futex_wake(&page->word, 1, true), 1);
    kill(sleepers[0], SIGKILL);
    await(sleepers[0]);
    CHECK_EQ(waitpid(sleepers[1], &status, 0), sleepers[1]);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CHECK_EQ(yk_load_acq(&page->word), word);
    munmap(page, 4096);
}

TEST(a_wake_that_a_dead_thread_took_goes_on_to_the_next)
{
    check_hand_on(0);
    check_hand_on(YK_WAITED);
}

TEST(the_intention_before_is_told)
{
    yk_a32 a = {0}, b = {0};

    CHECK(yk_robust_intend(&a) == NULL);
    CHECK(yk_robust_intend(&b) == &a);
    CHECK(yk_robust_intend(NULL) == &b);
    CHECK(yk_robust_intend(NULL) == NULL);
}

/* ---- thread IDs ---- */

static int check_id(void *arg)
{
    (void)arg;
    CHECK_EQ(yk_tid(), gettid());
    return 0;
}

TEST(the_id_is_right_in_threads_and_in_children)
{
    yoke_thread thread = {0};
    int pidfd, status;
    pid_t pid;

    check_id(NULL);
    CHECK_EQ(yoke_thread_start(&thread, check_id, NULL), 0);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    pid = fork();
    if (pid == 0)
        _exit(check_id(NULL));
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    pid = yk_fork(YOKE_START_DEFAULT, &pidfd);
    if (pid == 0)
        _exit(check_id(NULL));
    CHECK_EQ(waitpid(pid, &status, __WALL), pid);
    CHECK_EQ(status, 0);
    close(pidfd);
}

/* ---- many words ---- */

struct many {
    struct page *page;
    yk_a32 words[YK_WAIT_MOST - 1]; /* private */
    yk_a32 tid;
    int rc;
};

static int wait_many(void *arg)
{
    struct many *many = arg;
    struct yk_wait waits[YK_WAIT_MOST];

    for (unsigned i = 0; i < YK_WAIT_MOST - 1; i++)
        waits[i] = (struct yk_wait){&many->words[i], 0, false};
    waits[YK_WAIT_MOST - 1] = (struct yk_wait){&many->page->word, 0, true};
    many->rc = yk_futex_wait_many(waits, YK_WAIT_MOST, YOKE_FOREVER);
    return 0;
}

TEST(any_of_many_words_wakes)
{
    static struct many many;

    many.page = new_page();
    for (int i = 0; i < 3; i++) {
        yk_a32 *word = i == 0 ? &many.words[0] : i == 1 ? &many.words[YK_WAIT_MOST - 2] : &many.page->word;
        yoke_thread thread = {0};

        CHECK_EQ(yoke_thread_start(&thread, wait_many, &many), 0);
        asleep_on(getpid(), yoke_thread_native_id(&thread), NULL);
        CHECK_EQ(yk_futex_wake(word, 1, i == 2), 1);
        CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
        CHECK_EQ(many.rc, 0);
    }
    munmap(many.page, 4096);
}

static void nothing(int number)
{
    (void)number;
}

TEST(a_signal_ends_the_wait_for_many)
{
    struct sigaction action = {.sa_handler = nothing};
    static struct many many;
    yoke_thread thread = {0};

    many.page = new_page();
    sigaction(SIGUSR1, &action, NULL);
    CHECK_EQ(yoke_thread_start(&thread, wait_many, &many), 0);
    asleep_on(getpid(), yoke_thread_native_id(&thread), NULL);
    CHECK_EQ(tgkill(getpid(), yoke_thread_native_id(&thread), SIGUSR1), 0);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    CHECK_EQ(many.rc, -EINTR);
    munmap(many.page, 4096);
}

TEST(a_word_that_differs_and_a_deadline_end_the_wait)
{
    yk_a32 a = {1}, b = {2}, c = {3};
    struct yk_wait waits[] = {{&a, 1, false}, {&b, 2, true}, {&c, 4, false}};

    CHECK_EQ(yk_futex_wait_many(waits, 3, YOKE_FOREVER), 0);
    CHECK_EQ(yk_futex_wait_many(waits, 2, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yk_futex_wait_many(waits, 1, YOKE_NOW), -ETIMEDOUT);
    CHECK_EQ(yk_futex_wait_many(waits, 2, yoke_after(0.001)), -ETIMEDOUT);
}

/* ---- what is linked where ---- */

/* More than the kernel looks at, as with many robust mutexes of libc's. */
TEST(the_whole_list_is_looked_through)
{
    enum { MANY = 3000 };
    static struct yk_robust first, others[MANY], stranger;

    CHECK(!yk_robust_linked_in(&first, sizeof first));
    yk_robust_link(&first);
    for (int i = 0; i < MANY; i++)
        yk_robust_link(&others[i]);
    CHECK(yk_robust_linked_in(&first, sizeof first));
    CHECK(yk_robust_linked_in(&others[0], sizeof others[0]));
    CHECK(!yk_robust_linked_in(&stranger, sizeof stranger));
    for (int i = 0; i < MANY; i++)
        yk_robust_unlink(&others[i]);
    CHECK(!yk_robust_linked_in(others, sizeof others));
    yk_robust_unlink(&first);
    CHECK(!yk_robust_linked_in(&first, sizeof first));
}

TEST(a_list_that_is_a_circle_is_left_again)
{
    static struct yk_robust first, second, stranger;
    void *next;

    yk_robust_link(&first);
    yk_robust_link(&second);
    next = first.links[1];
    first.links[1] = &second.links[1];
    CHECK(!yk_robust_linked_in(&stranger, sizeof stranger));
    first.links[1] = next;
    yk_robust_unlink(&second);
    yk_robust_unlink(&first);
}
