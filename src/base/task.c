/* task.c -- registration of tasks: the only thing that is global by design.
 *
 * A task's id is its number in the order of registration, so "known to a process that was forked when `count` tasks were
 * registered" is `id <= count`. */
#include "base/task.h"

#include "base/atomic.h"

static yk_a64 count;

void yoke_task_register(yoke_task *task)
{
    /* relaxed: loading a module orders this against every use of its tasks */
    if (task->id == 0)
        task->id = yk_add_rlx(&count, 1) + 1;
}

uint64_t yk_task_count(void)
{
    return yk_load_rlx(&count);
}
