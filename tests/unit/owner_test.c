/* owner_test.c -- what belongs to the process that opened it does not belong to a child that has the same pid, as in a PID
 * namespace of its own. */
#include <sched.h>
#include <yoke.h>

#include "host.h"
#include "process.h"

enum { NO_NAMESPACE = 77 };

/* The child has pid 1. */
static int fork_first(void)
{
    return unshare(CLONE_NEWPID) < 0 ? -1 : fork();
}

static void own_nothing(yoke_shm *shm, yoke_pool *pool, yoke_process *process)
{
    CHECK_EQ(getpid(), 1);
    CHECK(!yoke_shm_alloc(shm, 1));
    CHECK_EQ(yoke_shm_dealloc(shm, NULL), -YOKE_EFORKED);
    CHECK_EQ(yoke_shm_free(&shm), 0); /* takes it out of this process, and does not clear it */
    CHECK_EQ(yoke_pool_close(pool), -YOKE_EFORKED);
    yoke_pool_free(&pool);
    CHECK_EQ(yoke_process_pid(process), -YOKE_EFORKED);
    yoke_process_close(process);
    _exit(0);
}

static int open_gate(void *arg)
{
    yoke_event_set(*(yoke_event **)arg);
    return wait_for_ever(NULL);
}

static void own_all(void)
{
    yoke_shm *shm;
    yoke_pool *pool;
    yoke_process process = {0};
    yoke_event *event;
    int child;

    CHECK_EQ(getpid(), 1);
    CHECK_EQ(yoke_shm_open(&shm, 1 << 20), 0);
    CHECK(event = yoke_shm_new(shm, yoke_event));
    yoke_event_init(event, YOKE_SHARED);
    CHECK_EQ(yoke_pool_open(&pool, YOKE_PROCESSES, .workers = 1), 0);
    CHECK_EQ(yoke_process_start(&process, open_gate, &event, sizeof event), 0);
    yoke_event_wait(event);
    CHECK((child = fork_first()) >= 0);
    if (child == 0)
        own_nothing(shm, pool, &process);
    check_succeeds(child);
    CHECK(yoke_event_is_set(event));
    CHECK(yoke_shm_alloc(shm, 1));
    CHECK_EQ(yoke_process_alive(&process), 1);
    yoke_process_close(&process);
    yoke_pool_free(&pool);
    CHECK_EQ(yoke_shm_free(&shm), 0);
    _exit(0);
}

TEST(a_child_with_the_same_pid_owns_nothing)
{
    int pid = fork(), status;

    if (pid == 0) {
        int first = fork_first();

        if (first == 0)
            own_all();
        if (first > 0)
            check_succeeds(first);
        _exit(first > 0 ? 0 : NO_NAMESPACE);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_NAMESPACE)
        SKIP("no PID namespace can be made here");
    CHECK_EQ(status, 0);
}
