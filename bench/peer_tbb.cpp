// peer_tbb.cpp -- oneTBB: a task arena of two workers in which the submitter has no place.
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

extern "C" {
#include "bench.h"
}
#include "peers.h"

namespace
{
void submit(tbb::task_arena &arena, tbb::task_group &group, int n)
{
    for (int i = 0; i < n; i++)
        arena.enqueue(group.defer([] {}));
    group.wait();
}
} // namespace

int peer_tbb_submit(const void *, double *values)
{
    // One more than the workers: the submitter counts, though it has no place.
    static tbb::global_control &threads = *new tbb::global_control(tbb::global_control::max_allowed_parallelism, 3);
    static tbb::task_arena &arena = *new tbb::task_arena(2, 0); // never destroyed, so that its threads stay
    static tbb::task_group &group = *new tbb::task_group;

    (void)threads;
    submit(arena, group, 100);
    double begin = bench_now_ns();
    submit(arena, group, PEER_TASKS);
    values[0] = (bench_now_ns() - begin) / PEER_TASKS;
    return 0;
}
