// program.cpp -- the same interface from C++17, by its function forms.  Its output is compared.
#include <cerrno>
#include <cstdio>
#include <yoke.h>

static int square(const int *in, long *out)
{
    *out = static_cast<long>(*in) * *in;
    return 0;
}
YOKE_TASK(square, int, long);

static int add_one(void *arg)
{
    return ++*static_cast<int *>(arg);
}

static int use_pool(yoke_kind kind)
{
    const int numbers[] = {1, 2, 3};
    long squares[3] = {};
    yoke_pool_options options = {};
    yoke_map_options how = {};
    yoke_pool *pool;

    options.size = sizeof options;
    options.kind = kind;
    options.workers = 2;
    how.size = sizeof how;
    how.out = squares;
    int rc = yoke_pool_open_with(&pool, &options);
    if (rc < 0)
        return std::fprintf(stderr, "no pool: %s\n", yoke_strerror(rc)), 1;
    ptrdiff_t bad = yoke_pool_map_with(pool, &square_yoke_task, numbers, 3, &how);
    std::printf("%td: %ld %ld %ld\n", bad, squares[0], squares[1], squares[2]);
    yoke_pool_free(&pool);
    return 0;
}

static int share()
{
    yoke_shm *shm;

    if (yoke_shm_open(&shm, 1 << 20) < 0)
        return 1;
    yoke_event *event = yoke_shm_new(shm, yoke_event);
    double *numbers = yoke_shm_array(shm, double, 1000);
    std::printf("%d %g\n", yoke_event_is_set(event), numbers[999]);
    return yoke_shm_dealloc(shm, numbers) || yoke_shm_free(&shm);
}

// A condition over each kind of lock: were one taken for another, that would be misuse.
static int wait_in_vain()
{
    yoke_condition condition = {};
    yoke_lock lock = {};
    yoke_mutex mutex = {};
    yoke_rlock rlock = {};
    yoke_rwlock rwlock = {};

    yoke_lock_acquire(&lock);
    std::printf("%d", yoke_condition_wait_until(&condition, &lock, YOKE_NOW) == -ETIMEDOUT);
    yoke_lock_release(&lock);
    if (yoke_mutex_acquire(&mutex))
        return 1;
    std::printf("%d", yoke_condition_wait_until(&condition, &mutex, YOKE_NOW) == -ETIMEDOUT);
    yoke_mutex_release(&mutex);
    if (yoke_rlock_acquire(&rlock))
        return 1;
    std::printf("%d", yoke_condition_wait_until(&condition, &rlock, YOKE_NOW) == -ETIMEDOUT);
    yoke_rlock_release(&rlock);
    if (yoke_rwlock_write_acquire(&rwlock))
        return 1;
    std::printf("%d\n", yoke_condition_wait_until(&condition, &rwlock, YOKE_NOW) == -ETIMEDOUT);
    yoke_rwlock_write_release(&rwlock);
    return 0;
}

int main()
{
    int number = 41, code = 0;
    yoke_thread thread = {};
    yoke_thread_options options = {};

    options.size = sizeof options;
    options.arg = &number;
    if (yoke_thread_start_with(&thread, add_one, &options) < 0 || yoke_thread_join(&thread, &code) < 0)
        return 1;
    std::printf("%d\n", code);
    return share() || wait_in_vain() || use_pool(YOKE_SERIAL) || use_pool(YOKE_THREADS) || use_pool(YOKE_PROCESSES);
}
