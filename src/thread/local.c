/* local.c -- Local: a key of the system's, in an object that says whether it has one. */
#include <errno.h>
#include <yoke/local.h>

#include "os/os.h"

int yoke_local_open(yoke_local *local, void (*drop)(void *value))
{
    int rc = local->is_open ? -EBUSY : yk_os_local_open(drop, &local->key);

    if (rc == 0)
        local->is_open = 1;
    return rc;
}

void *yoke_local_get(const yoke_local *local)
{
    return local->is_open ? yk_os_local_get(local->key) : NULL;
}

int yoke_local_set(yoke_local *local, void *value)
{
    return local->is_open ? yk_os_local_set(local->key, value) : -EINVAL;
}

void yoke_local_close(yoke_local *local)
{
    if (local->is_open)
        yk_os_local_close(local->key);
    *local = (yoke_local){0};
}
