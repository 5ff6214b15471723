/* map.c -- what all executors share: the end of items, and the place where the calling thread is.
 *
 * yk_map_begin makes every status YOKE_DONE (zero): only what did not succeed is written, so that a million good items cost one
 * addition per worker. */
#include "exec/exec.h"

#include <string.h>

void yk_map_begin(struct yk_map *map)
{
    if (map->statuses)
        memset(map->statuses, 0, map->items.n * sizeof *map->statuses);
}

void yk_map_end(struct yk_map *map, size_t first, size_t count, yoke_state state, int code)
{
    if (state != YOKE_DONE) {
        for (size_t i = first; map->statuses && i < first + count; i++)
            map->statuses[i] = (yoke_status){.state = state, .code = code};
        yk_add_rlx(&map->bad, count); /* relaxed: ordered by the addition below */
    }
    yk_add_aar(&map->ended, count); /* release: the executor's own word that says that all have ended */
}

struct yk_current *yk_current(void)
{
    static _Thread_local struct yk_current here = {.worker = -1};

    return &here;
}

size_t yoke_task_index(void)
{
    return yk_current()->index;
}

int yoke_worker_index(void)
{
    return yk_current()->worker;
}
