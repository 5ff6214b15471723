/* run.h -- running one item in the caller's thread: where its result goes, and what it may ask about itself.
 *
 * A task writes straight into the caller's array.  "Untouched where an item did not succeed" is kept by saving the bytes
 * that stand there; results are small, and a copy is cheaper than a promise with an exception.  The same spare memory takes
 * the results that nobody wants. */
#ifndef YK_RUN_H
#define YK_RUN_H

#include <string.h>

#include "exec/exec.h"

/* Bytes of spare memory, aligned to YK_LINE, that whoever runs items needs; 0: none, or (false) too many to count. */
static inline bool yk_run_spare(const struct yk_items *items, size_t *size)
{
    *size = yk_round_up(items->out_size, 2 * YK_LINE);
    return *size >= items->out_size;
}

/* Takes back what item i wrote. */
static inline void yk_run_undo(const struct yk_items *items, size_t i, const void *spare)
{
    if (items->out)
        memcpy(items->out + i * items->out_size, spare, items->out_size);
}

/* Runs item i and returns its task's code.  If the task leaves by pthread_exit, the caller's guard calls yk_run_undo. */
static inline int yk_run_item(const struct yk_items *items, size_t i, void *spare, struct yk_current *current)
{
    char *out = items->out ? items->out + i * items->out_size : NULL;
    int code;

    current->index = i;
    if (out)
        memcpy(spare, out, items->out_size);
    code = items->run(yk_item_in(items, i), out ? out : spare);
    if (code != 0)
        yk_run_undo(items, i, spare);
    return code;
}

#endif
