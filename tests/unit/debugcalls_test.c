/* debugcalls_test.c -- YOKE_DEBUG: the calls give what they give without it, and say nothing when nothing is wrong. */
#define YOKE_DEBUG
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <yoke.h>

#include "asleep.h"
#include "debug/debug.h"
#include "overheard.h"

static yoke_time soon(void)
{
    return yoke_after(0.001);
}

static int three(void *arg)
{
    (void)arg;
    return 3;
}

TEST(locks)
{
    yoke_lock lock;
    yoke_mutex mutex;
    yoke_rlock rlock;
    yoke_rwlock rwlock;

    listen_in();
    yoke_lock_init(&lock, YOKE_PRIVATE);
    yoke_mutex_init(&mutex, YOKE_PRIVATE);
    yoke_rlock_init(&rlock, YOKE_PRIVATE);
    CHECK_EQ(yoke_rwlock_init(&rwlock, NULL, 1), -EINVAL);
    CHECK_EQ(yoke_rwlock_init(&rwlock, NULL, 0), 0);

    yoke_lock_acquire(&lock);
    CHECK_EQ(yoke_lock_locked(&lock), 1);
    CHECK_EQ(yoke_lock_acquire_until(&lock, YOKE_NOW), -ETIMEDOUT);
    yoke_lock_release(&lock);
    CHECK_EQ(yoke_lock_locked(&lock), 0);

    CHECK_EQ(yoke_mutex_acquire_until(&mutex, soon()), 0);
    CHECK_EQ(yoke_mutex_held(&mutex), 1);
    yoke_mutex_release(&mutex);
    CHECK_EQ(yoke_mutex_held(&mutex), 0);

    CHECK_EQ(yoke_rlock_acquire(&rlock), 0);
    CHECK_EQ(yoke_rlock_acquire_until(&rlock, YOKE_NOW), 0);
    CHECK_EQ(yoke_rlock_count(&rlock), 2);
    yoke_rlock_release(&rlock);
    CHECK_EQ(yoke_rlock_count(&rlock), 1);
    yoke_rlock_release(&rlock);

    CHECK_EQ(yoke_rwlock_read_acquire_until(&rwlock, YOKE_NOW), 0);
    CHECK_EQ(yoke_rwlock_write_acquire_until(&rwlock, YOKE_NOW), -ETIMEDOUT);
    yoke_rwlock_read_release(&rwlock);
    CHECK_EQ(yoke_rwlock_write_acquire(&rwlock), 0);
    CHECK_EQ(yoke_rwlock_write_held(&rwlock), 1);
    yoke_rwlock_write_release(&rwlock);
    CHECK_SILENCE(overheard());
}

TEST(waits)
{
    yoke_semaphore semaphore;
    yoke_event event;
    yoke_barrier pair, one;
    yoke_condition condition;
    yoke_mutex mutex = {0};
    yoke_once once;

    listen_in();
    yoke_semaphore_init(&semaphore, 2, 2, YOKE_PRIVATE);
    yoke_semaphore_acquire(&semaphore);
    CHECK_EQ(yoke_semaphore_acquire_until(&semaphore, soon()), 0);
    CHECK_EQ(yoke_semaphore_acquire_until(&semaphore, soon()), -ETIMEDOUT);
    CHECK_EQ(yoke_semaphore_release(&semaphore, 3), -EOVERFLOW);

    yoke_event_init(&event, YOKE_PRIVATE);
    CHECK_EQ(yoke_event_wait_until(&event, soon()), -ETIMEDOUT);
    yoke_event_set(&event);
    CHECK_EQ(yoke_event_wait_until(&event, YOKE_NOW), 0);
    yoke_event_wait(&event);

    CHECK_EQ(yoke_barrier_init(&one, 0, NULL), -EINVAL);
    CHECK_EQ(yoke_barrier_init(&one, 1, NULL), 0);
    CHECK_EQ(yoke_barrier_init(&pair, 2, NULL), 0);
    CHECK_EQ(yoke_barrier_wait(&one), 0);
    CHECK_EQ(yoke_barrier_wait_with(&one, three, NULL, YOKE_FOREVER), 3);
    CHECK_EQ(yoke_barrier_broken(&one), 1);
    CHECK_EQ(yoke_barrier_wait_until(&pair, soon()), -ETIMEDOUT);
    CHECK_EQ(yoke_barrier_wait(&pair), -YOKE_EBARRIER);

    CHECK_EQ(yoke_condition_init(&condition, NULL, 1), -EINVAL);
    CHECK_EQ(yoke_condition_init(&condition, NULL, 0), 0);
    CHECK_EQ(yoke_mutex_acquire(&mutex), 0);
    CHECK_EQ(yoke_condition_wait_until(&condition, &mutex, soon()), -ETIMEDOUT);
    CHECK_EQ(yoke_condition_wait_for(&condition, &mutex, three, NULL, YOKE_FOREVER), 0);
    CHECK_EQ(yoke_condition_notify(&condition, 1), 0);
    CHECK_EQ(yoke_condition_notify_all(&condition), 0);
    CHECK_EQ(yoke_mutex_held(&mutex), 1);
    yoke_mutex_release(&mutex);

    yoke_once_init(&once, YOKE_PRIVATE);
    CHECK_EQ(yoke_once_run(&once, three, NULL), 3);
    CHECK_SILENCE(overheard());
}

static void nothing(void *arg)
{
    (void)arg;
}

TEST(joins)
{
    yoke_thread thread = {0};
    yoke_process process = {0};
    yoke_timer timer = {0};
    yoke_exit how = {0};
    int code = 0;

    listen_in();
    CHECK_EQ(yoke_process_join(&process, &how), -EINVAL);
    CHECK_EQ(yoke_process_start(&process, three, NULL, 0), 0);
    CHECK_EQ(yoke_process_join_until(&process, YOKE_FOREVER, &how), 0);
    CHECK_EQ(how.value, 3);
    yoke_process_close(&process);

    CHECK_EQ(yoke_thread_join(&thread, &code), -EINVAL);
    CHECK_EQ(yoke_thread_start(&thread, three, NULL), 0);
    CHECK_EQ(yoke_thread_join_until(&thread, YOKE_FOREVER, &code), 0);
    CHECK_EQ(code, 3);

    CHECK_EQ(yoke_timer_start(&timer, 1000, nothing, NULL), 0);
    CHECK_EQ(yoke_timer_join_until(&timer, soon()), -ETIMEDOUT);
    CHECK_EQ(yoke_timer_cancel(&timer), 1);
    CHECK_EQ(yoke_timer_join(&timer), 0);
    CHECK_SILENCE(overheard());
}

TEST(messages)
{
    yoke_pipe a = {0}, b = {0};
    yoke_waitable on;
    char text[4] = "";
    size_t size = 0, n_fds = 0;

    listen_in();
    CHECK_EQ(yoke_pipe_open(&a, &b), 0);
    on = yoke_on_pipe(&b);
    CHECK_EQ(yoke_wait_any((yoke_waitable[]){yoke_on_pipe(&b)}, 1, soon()), -ETIMEDOUT);
    CHECK_EQ(yoke_pipe_receive_until(&b, text, sizeof text, &size, soon()), -ETIMEDOUT);
    CHECK_EQ(yoke_pipe_send(&a, "one", 3), 0);
    CHECK_EQ(yoke_pipe_send_until(&a, "two", 3, YOKE_NOW), 0);
    CHECK_EQ(yoke_pipe_send_fds(&a, "xxx", 3, NULL, 0), 0);
    CHECK_EQ(yoke_pipe_send_fds_until(&a, "four", 4, NULL, 0, YOKE_NOW), 0);
    CHECK_EQ(yoke_wait_any(&on, 1, YOKE_FOREVER), 0);
    CHECK_EQ(yoke_pipe_receive(&b, text, 2, &size), -EMSGSIZE);
    CHECK_EQ(size, 3);
    CHECK_EQ(yoke_pipe_receive(&b, text, sizeof text, &size), 0);
    CHECK_EQ(yoke_pipe_receive_until(&b, text, sizeof text, &size, YOKE_NOW), 0);
    CHECK_STR(text, "two");
    CHECK_EQ(yoke_pipe_receive_fds(&b, text, sizeof text, &size, NULL, &n_fds), 0);
    CHECK_EQ(yoke_pipe_receive_fds_until(&b, text, sizeof text, &size, NULL, &n_fds, YOKE_NOW), 0);
    CHECK_EQ(size, 4);
    yoke_pipe_close(&a);
    CHECK_EQ(yoke_pipe_receive(&b, text, sizeof text, &size), -YOKE_ECLOSED);
    yoke_pipe_close(&b);
    CHECK_SILENCE(overheard());
}

TEST(queues)
{
    yoke_queue *ints, *bytes;
    char text[8] = "";
    size_t size = 0;
    int n = 4;

    listen_in();
    CHECK_EQ(yoke_queue_open(&ints, NULL, sizeof n, 2), 0);
    CHECK_EQ(yoke_queue_pop_until(ints, &n, soon()), -ETIMEDOUT);
    CHECK_EQ(yoke_queue_push(ints, &n), 0);
    n = 5;
    CHECK_EQ(yoke_queue_push_until(ints, &n, YOKE_NOW), 0);
    CHECK_EQ(yoke_queue_push_until(ints, &n, soon()), -ETIMEDOUT);
    CHECK_EQ(yoke_queue_pop(ints, &n), 0);
    CHECK_EQ(n, 4);
    CHECK_EQ(yoke_queue_pop_until(ints, &n, YOKE_NOW), 0);
    CHECK_EQ(n, 5);
    CHECK_EQ(yoke_queue_join_until(ints, soon()), -ETIMEDOUT);
    CHECK_EQ(yoke_queue_task_done(ints), 0);
    CHECK_EQ(yoke_queue_task_done(ints), 0);
    CHECK_EQ(yoke_queue_join(ints), 0);
    CHECK_EQ(yoke_queue_close(ints), 0);
    CHECK_EQ(yoke_queue_pop(ints, &n), -YOKE_ECLOSED);
    yoke_queue_free(&ints);

    CHECK_EQ(yoke_queue_open(&bytes, NULL, 0, 100), 0);
    CHECK_EQ(yoke_queue_push_bytes(bytes, "one", 3), 0);
    CHECK_EQ(yoke_queue_push_bytes_until(bytes, "three", 5, YOKE_NOW), 0);
    CHECK_EQ(yoke_queue_pop_bytes(bytes, text, 2, &size), -EMSGSIZE);
    CHECK_EQ(yoke_queue_pop_bytes(bytes, text, sizeof text, &size), 0);
    CHECK_EQ(size, 3);
    CHECK_EQ(yoke_queue_pop_bytes_until(bytes, text, sizeof text, &size, YOKE_NOW), 0);
    CHECK_STR(text, "three");
    yoke_queue_free(&bytes);
    CHECK_SILENCE(overheard());
}

static int half(const int *in, int *out)
{
    *out = *in / 2;
    return *in % 2;
}
YOKE_TASK(half, int, int);

TEST(pools)
{
    const int in[3] = {2, 3, 4};
    int out[3] = {0};
    yoke_pool *pool;
    void *memory;

    listen_in();
    CHECK_EQ(yoke_pool_open(&pool, YOKE_THREADS, .workers = 2), 0);
    CHECK_EQ(yoke_pool_map(pool, half, in, 3, out), 1);
    CHECK_EQ(out[2], 2);
    CHECK_EQ(yoke_pool_apply(pool, half, &in[1], &out[1]), 1);
    memory = yoke_pool_alloc(pool, 10);
    yoke_pool_dealloc(pool, memory);
    CHECK_EQ(yoke_pool_join(pool), -EINVAL);
    CHECK_EQ(yoke_pool_close(pool), 0);
    CHECK_EQ(yoke_pool_join(pool), 0);
    yoke_pool_free(&pool);
    CHECK(!pool);
    yoke_pool_free(&pool);
    yoke_pool_free(NULL);
    CHECK_SILENCE(overheard());
}

/* ---- around the calls ---- */

TEST(arguments_are_evaluated_once)
{
    yoke_lock locks[3] = {{0}}, *next = locks;
    int n = 0;

    yoke_lock_acquire(next++);
    CHECK_EQ(yoke_lock_acquire_until(next++, (n++, YOKE_NOW)), 0);
    CHECK_EQ(next - locks, 2);
    CHECK_EQ(n, 1);
    yoke_lock_release(&locks[0]);
    yoke_lock_release(&locks[1]);
}

TEST(errno_is_left_alone)
{
    yoke_mutex mutex = {0};

    listen_in();
    CHECK_EQ(yoke_mutex_acquire(&mutex), 0);
    close(STDERR_FILENO);
    errno = 77;
    /* a report that nobody can read */
    CHECK_EQ(yoke_mutex_acquire(&mutex), -EDEADLK);
    CHECK_EQ(errno, 77);
    yoke_mutex_release(&mutex);
    overheard();
}

static void wake(int number)
{
    (void)number;
}

static int wait_interruptibly(void *arg)
{
    int rc;

    yoke_thread_interruptible(1);
    rc = yoke_lock_acquire_until(arg, YOKE_FOREVER);
    if (rc == -EINTR)
        rc = yoke_mutex_acquire_until(&(yoke_mutex){0}, YOKE_FOREVER) == 0 ? -EINTR : 1;
    return rc;
}

TEST(a_signal_ends_a_wait_and_nothing_else)
{
    struct sigaction action = {.sa_handler = wake};
    yoke_lock lock = {0};
    yoke_thread thread = {0};
    int code = 0;

    sigaction(SIGUSR1, &action, NULL);
    yoke_lock_acquire(&lock);
    CHECK_EQ(yoke_thread_start(&thread, wait_interruptibly, &lock), 0);
    asleep_on(getpid(), yoke_thread_native_id(&thread), &lock.word);
    CHECK_EQ(syscall(SYS_tgkill, getpid(), yoke_thread_native_id(&thread), SIGUSR1), 0);
    CHECK_EQ(yoke_thread_join(&thread, &code), 0);
    CHECK_EQ(code, -EINTR);
    yoke_lock_release(&lock);
}

static void asleep_somewhere(int tid)
{
    char path[64], line[64] = "";

    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", tid);
    while (atol(line) != SYS_futex) {
        FILE *file = fopen(path, "re");

        CHECK(file && fgets(line, sizeof line, file));
        fclose(file);
        sched_yield();
    }
}

static int use_interruptibly(void *lock)
{
    yoke_thread_interruptible(1);
    yoke_lock_acquire(lock);
    yoke_lock_release(lock);
    return 3;
}

TEST(a_signal_while_others_change_the_records)
{
    struct sigaction action = {.sa_handler = wake};
    yoke_lock lock = {0};
    yoke_thread thread = {0};
    int code = 0;

    sigaction(SIGUSR1, &action, NULL);
    yk_debug_enter(YOKE_FOREVER);
    CHECK_EQ(yoke_thread_start(&thread, use_interruptibly, &lock), 0);
    for (int i = 0; i < 3; i++) {
        asleep_somewhere(yoke_thread_native_id(&thread));
        CHECK_EQ(syscall(SYS_tgkill, getpid(), yoke_thread_native_id(&thread), SIGUSR1), 0);
    }
    yk_debug_leave();
    CHECK_EQ((yoke_thread_join)(&thread, &code), 0);
    CHECK_EQ(code, 3);
}

static void *use_a_lock(void *lock)
{
    yoke_lock_acquire(lock);
    yoke_lock_release(lock);
    return NULL;
}

/* As many records as there are threads at once. */
TEST(threads_that_come_and_go)
{
    static yoke_lock lock;
    size_t before = mallinfo2().uordblks;
    const char *text;

    for (int i = 0; i < 300; i++) {
        pthread_t thread;

        CHECK_EQ(pthread_create(&thread, NULL, use_a_lock, &lock), 0);
        pthread_join(thread, NULL);
    }
    yoke_lock_acquire(&lock);
    listen_in();
    CHECK_EQ(yoke_debug_report(STDERR_FILENO), 0);
    text = overheard();
    CHECK((ptrdiff_t)(mallinfo2().uordblks - before) < 100000);
    CHECK_SAID(text, 0, "Foreign");
    CHECK_SAID(text, 1, "holds");
    yoke_lock_release(&lock);
}

struct contest {
    yoke_mutex mutexes[3];
    long count;
};

static int contend(void *arg)
{
    struct contest *contest = arg;

    for (int i = 0; i < 3000; i++) {
        int first = i % 2, second = first + 1;

        CHECK_EQ(yoke_mutex_acquire(&contest->mutexes[first]), 0);
        CHECK_EQ(yoke_mutex_acquire(&contest->mutexes[second]), 0);
        contest->count++; /* under the second mutex, either way */
        yoke_mutex_release(&contest->mutexes[first]);
        yoke_mutex_release(&contest->mutexes[second]);
    }
    return 0;
}

TEST(many_threads_in_one_order)
{
    struct contest contest = {.count = 0};
    yoke_thread threads[4] = {{0}};

    listen_in();
    for (int i = 0; i < 4; i++)
        CHECK_EQ(yoke_thread_start(&threads[i], contend, &contest), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(yoke_thread_join(&threads[i], NULL), 0);
    CHECK_SILENCE(overheard());
    CHECK_EQ(contest.count, 4 * 3000);
}
