// program.cpp -- the same interface from C++17, by its function forms.  Its output is compared.
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
    return use_pool(YOKE_SERIAL) || use_pool(YOKE_THREADS) || use_pool(YOKE_PROCESSES);
}
