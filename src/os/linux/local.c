/* local.c -- a value for each thread, by the keys of pthreads. */
#include <pthread.h>

#include "os/os.h"

_Static_assert(sizeof(pthread_key_t) == sizeof(uint32_t), "a key is a number");

int yk_os_local_open(void (*drop)(void *value), uint32_t *ret_key)
{
    pthread_key_t key;
    int rc = pthread_key_create(&key, drop);

    if (rc == 0)
        *ret_key = key;
    return -rc;
}

void yk_os_local_close(uint32_t key)
{
    pthread_key_delete(key);
}

void *yk_os_local_get(uint32_t key)
{
    return pthread_getspecific(key);
}

int yk_os_local_set(uint32_t key, void *value)
{
    return -pthread_setspecific(key, value);
}
