/* once.c -- Once: a flag, and a Mutex for who sets it.
 *
 * Invariants: the mutex is held while it is run, and `done` is set before that ends.  So who gets the mutex and finds the flag
 * down is the only one to run it, and whoever ran it before has failed or died. */
#include <yoke/once.h>

#include "os/os.h"

struct call {
    yoke_once *once;
    int (*run)(void *arg);
    void *arg;
    int rc;
};

void yoke_once_init(yoke_once *once, uint32_t shared)
{
    once->done = once->reserved = 0;
    yoke_mutex_init(&once->mutex, shared);
}

static void run_it(void *arg)
{
    struct call *call = arg;

    call->rc = call->run(call->arg);
}

static void left(void *arg)
{
    struct call *call = arg;

    yoke_mutex_release(&call->once->mutex);
}

int yoke_once_run_slow(yoke_once *once, int (*run)(void *arg), void *arg)
{
    struct call call = {once, run, arg, 0};
    yk_a32 *done = (yk_a32 *)&once->done;
    int rc = yoke_mutex_acquire(&once->mutex);

    if (rc != 0 && rc != -YOKE_EOWNERDEAD)
        return rc;
    /* relaxed: the mutex has brought it */
    if (!yk_load_rlx(done)) {
        yk_os_thread_guard(run_it, left, &call);
        /* release: pairs with the acquire in yoke_once_run */
        if (call.rc == 0)
            yk_store_rel(done, 1);
    }
    yoke_mutex_release(&once->mutex);
    return call.rc;
}
