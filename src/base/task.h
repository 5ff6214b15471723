/* task.h -- the number of tasks that were registered so far. */
#ifndef YK_TASK_H
#define YK_TASK_H

#include <stdint.h>
#include <yoke/task.h>

/* Tasks with an id from 1 to this are known now, and so to every process that is forked from here on. */
uint64_t yk_task_count(void);

#endif
