/* shm_test.c -- shared memory, and the processes that have it, when a call fails for lack of something: see sweep_test.c. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yoke.h>

#include "failnth.h"
#include "test.h"

static int allocate(yoke_shm *shm)
{
    char *small = yoke_shm_alloc(shm, 40), *large = yoke_shm_alloc(shm, 100000);
    int rc = small && large ? 0 : -1;

    if (small)
        memset(small, 1, 40);
    if (large)
        memset(large, 1, 100000);
    if (yoke_shm_dealloc(shm, small) != 0 || yoke_shm_dealloc(shm, large) != 0)
        return 1;
    large = yoke_shm_alloc(shm, 100000);
    for (int i = 0; large && i < 100000; i++)
        if (large[i] != 0)
            return 2;
    return large ? rc : -1;
}

static int shm_scenario(void)
{
    yoke_shm *shm = NULL, *again = NULL;
    int rc = yoke_shm_open(&shm, 1 << 20), rc_attach;

    if (rc < 0)
        return shm ? 1 : rc;
    rc = allocate(shm);
    rc_attach = yoke_shm_attach(&again, yoke_shm_fd(shm));
    if (rc_attach < 0 && again)
        return 2;
    if (yoke_shm_free(&again) != 0 || yoke_shm_free(&shm) != 0)
        return 3;
    return rc != 0 ? rc : rc_attach;
}

TEST(sweep_shm)
{
    CHECK(fault_sweep("shared memory", shm_scenario, FAULT_ALL) > 10);
}

/* ---- forks ---- */

/* Hangs if a lock is held that a fork takes: an allocator may have taken its own before it, which a thread that allocates under
 * that lock waits for. */
static void fork_here(void)
{
    int status, pid = fork();

    if (pid == 0)
        _exit(0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
}

TEST(nothing_is_allocated_under_a_lock_that_is_held_over_forks)
{
    fault_visit(fork_here);
    CHECK_EQ(shm_scenario(), 0);
    fault_visit(NULL);
}

/* ---- with a process ---- */

struct job {
    int *number;
    yoke_pipe end;
};

static int increment(void *arg)
{
    struct job *job = arg;

    ++*job->number;
    yoke_pipe_close(&job->end);
    return 42;
}

/* A process that began did so with all that it was to have. */
static int share(yoke_shm *shm, yoke_pipe *end)
{
    struct job job = {.number = yoke_shm_new(shm, int), .end = *end};
    yoke_process process = {0};
    yoke_exit how = {YOKE_EXITED, -1};
    int rc;

    if (!job.number)
        return -1;
    rc = yoke_process_start(&process, increment, &job, sizeof job, .pipes = &end, .n_pipes = 1);
    if (rc < 0)
        return rc;
    rc = yoke_process_join(&process, &how);
    yoke_process_close(&process);
    if (rc < 0)
        return rc;
    if (how.kind == YOKE_EXITED && how.value == 42)
        return *job.number == 1 ? 0 : 1;
    return how.kind == YOKE_SIGNALLED || how.value != 0 ? -1 : 2;
}

static int share_all(void)
{
    yoke_shm *shm = NULL;
    yoke_pipe a = {0}, b = {0};
    int rc = yoke_shm_open(&shm, 0);

    if (rc < 0)
        return rc;
    rc = yoke_pipe_open(&a, &b);
    if (rc == 0)
        rc = share(shm, &b);
    yoke_pipe_close(&a);
    yoke_pipe_close(&b);
    return yoke_shm_free(&shm) != 0 ? 3 : rc;
}

TEST(sweep_shared_with_a_process)
{
    CHECK(fault_sweep("shared with a process", share_all, FAULT_ALL) > 10);
}

/* Twice, so that the zygote has to catch up on what the first time left undone. */
static int share_by_a_zygote(void)
{
    int rc = yoke_init(), again;

    if (rc < 0)
        return rc;
    rc = share_all();
    again = share_all();
    yoke_done();
    return rc != 0 ? rc : again;
}

TEST(sweep_shared_with_a_process_of_a_zygote)
{
    CHECK(fault_sweep("shared with a process of a zygote", share_by_a_zygote, FAULT_ALL) > 10);
}
