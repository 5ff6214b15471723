/* Workers killed at random, all the time, from outside: nothing is lost, nothing is run twice, nothing is left behind. */
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "ledger.h"

struct killer {
    int supervisor;
    int kills;
    uint32_t stop;
};

static int pid_of_parent(const int *in, int *out)
{
    (void)in;
    *out = getppid();
    return 0;
}
YOKE_TASK(pid_of_parent, int, int);

/* The workers there are now, from the kernel. */
static int workers_now(int supervisor, int *pids, int n)
{
    char path[64];
    FILE *children;
    int found = 0;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", supervisor, supervisor);
    children = fopen(path, "r");
    while (children && found < n && fscanf(children, "%d", &pids[found]) == 1)
        found++;
    if (children)
        fclose(children);
    return found;
}

static uint32_t items_started(void)
{
    return __atomic_load_n(ledger_started, __ATOMIC_SEQ_CST);
}

/* Between two kills some item has started: a pool whose workers are all killed before they can begin gives up, as it should. */
static int kill_at_random(void *arg)
{
    struct killer *killer = arg;
    uint64_t random = test_seed() | 1;
    uint32_t before = items_started();

    while (!__atomic_load_n(&killer->stop, __ATOMIC_ACQUIRE)) {
        int pids[16], n;

        if (items_started() == before) {
            sched_yield();
            continue;
        }
        before = items_started();
        n = workers_now(killer->supervisor, pids, 16);

        random = random * 6364136223846793005u + 1442695040888963407u;
        if (n > 0 && kill(pids[(random >> 33) % (uint64_t)n], SIGKILL) == 0)
            killer->kills++;
        for (uint64_t pause = (random >> 20) % 300000; pause > 0; pause--)
            __asm__ volatile("");
    }
    return 0;
}

/* The kill is aimed at a number, so the pool's processes must be gone only after the killer is. */
static void torture(int workers, size_t chunk, int maps, int items)
{
    struct ledger l = ledger_open(items);
    struct killer killer = {0};
    yoke_thread thread = {0};
    yoke_pool *pool;
    int in = 0, crashed = 0;
    long done = 0;

    ledger_started = shared_memory(sizeof *ledger_started);
    CHECK_EQ(yoke_pool_open(&pool, YOKE_PROCESSES, .workers = workers), 0);
    CHECK_EQ(yoke_pool_apply(pool, pid_of_parent, &in, &killer.supervisor), 0);
    CHECK_EQ(yoke_thread_start(&thread, kill_at_random, &killer), 0);
    for (int m = 0; m < maps || killer.kills < 50; m++) {
        ptrdiff_t bad;
        int mine;

        ledger_clear(&l);
        bad = yoke_pool_map(pool, sign, l.items, (size_t)items, l.results, .statuses = l.statuses, .chunk = chunk);
        mine = ledger_check(&l, bad, 0);
        crashed += mine;
        done += items - mine;
    }
    __atomic_store_n(&killer.stop, 1, __ATOMIC_RELEASE);
    CHECK_EQ(yoke_thread_join(&thread, NULL), 0);
    printf("%d workers: %d kills, %ld items done, %d crashed\n", workers, killer.kills, done, crashed);
    CHECK(crashed <= killer.kills);
    ledger_clear(&l);
    CHECK_EQ(yoke_pool_map(pool, sign, l.items, (size_t)items, l.results, .statuses = l.statuses), 0);
    CHECK_EQ(ledger_check(&l, 0, 0), 0);
    yoke_pool_free(&pool);
    ledger_close(&l);
    munmap(ledger_started, sizeof *ledger_started);
    ledger_started = NULL;
}

TEST(torture_one_worker)
{
    torture(1, 0, 30, 5000);
}

TEST(torture_two_workers_item_by_item)
{
    torture(2, 1, 30, 5000);
}

TEST(torture_four_workers)
{
    torture(4, 0, 30, 20000);
}

TEST(torture_chunks_that_outlive_their_workers)
{
    torture(3, 1000, 30, 20000);
}
