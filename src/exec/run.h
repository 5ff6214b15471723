/* run.h -- running one item in the caller's thread: where its result goes, and what it may ask about itself. */
#ifndef YK_RUN_H
#define YK_RUN_H

#include "exec/exec.h"

/* Bytes of spare memory, aligned to YK_LINE, for results that nobody wants; 0: none, or (false) too many to count. */
static inline bool yk_run_spare(const struct yk_items *items, size_t *size)
{
    *size = items->out ? 0 : yk_round_up(items->out_size, 2 * YK_LINE);
    return items->out || *size >= items->out_size;
}

/* Runs item i and returns its task's code. */
static inline int yk_run_item(const struct yk_items *items, size_t i, void *spare, struct yk_current *current)
{
    current->index = i;
    return items->run(yk_item_in(items, i), items->out ? items->out + i * items->out_size : spare);
}

#endif
