/* wait.c -- how a primitive sleeps: on its word, on its grave, and until a signal if the thread wants that. */
#include "sync/wait.h"

#include <errno.h>
#include <yoke/cpu.h>
#include <yoke/thread.h>

#define SPINS 100

static _Thread_local bool interruptible;

int yoke_thread_interruptible(int on)
{
    bool before = interruptible;

    interruptible = on != 0;
    return before;
}

int yk_sleep_many(const struct yk_wait *waits, unsigned n, yoke_time deadline)
{
    int rc = yk_futex_wait_many(waits, n, deadline);

    return rc == -EINTR && !interruptible ? 0 : rc;
}

int yk_sleep_ready(struct yk_ready *ready, unsigned n, yoke_time deadline)
{
    int rc = yk_wait_ready(ready, n, deadline);

    return rc == -EINTR && !interruptible ? 0 : rc;
}

int yk_sleep(yk_a32 *word, uint32_t expected, uint32_t *shared, yoke_time deadline)
{
    bool is_shared = *shared != YOKE_PRIVATE;
    struct yk_wait waits[] = {{word, expected, is_shared}, {(yk_a32 *)shared, YK_GRAVE, true}};

    return yk_sleep_many(waits, is_shared ? 2 : 1, deadline);
}

unsigned yk_spins(void)
{
    /* Asked once: what it costs is more than what it saves.  0: not yet; else the answer + 1.  Written by any thread, always
     * the same. */
    static yk_a32 known;
    uint32_t answer = yk_load_rlx(&known);

    if (answer == 0) {
        answer = (yoke_cpu_count() > 1 ? SPINS : 0) + 1;
        yk_store_rlx(&known, answer);
    }
    return answer - 1;
}
