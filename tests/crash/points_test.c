/* Kills, and delays, at the named points of the process pool's protocol (src/base/fault.h). */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "ledger.h"

/* Shared by all processes: the n-th visit of `point` from now on, by the kind of process that is meant, is fatal. */
static struct plan {
    int point;
    int visits; /* until it strikes; 0: never */
    int struck;
    int only; /* pid of the process that is meant; 0: whichever comes */
} * plan;

static const char *const names[] = {
#define NAME(name) #name,
    YK_POINTS(NAME)
#undef NAME
};

static void strike(enum yk_point point)
{
    int visits = __atomic_load_n(&plan->visits, __ATOMIC_SEQ_CST);

    if ((int)point != plan->point || visits == 0 || (plan->only != 0 && plan->only != getpid()))
        return;
    if (__atomic_sub_fetch(&plan->visits, 1, __ATOMIC_SEQ_CST) != 0)
        return;
    plan->struck++;
    kill(getpid(), SIGKILL);
}

/* Opens a pool whose processes, and this one, strike as planned, once `plan->visits` is set. */
static yoke_pool *open_pool(int workers)
{
    yoke_pool *pool;

    plan = shared_memory(sizeof *plan);
    yk_fault_hook = strike;
    CHECK_EQ(yoke_pool_open(&pool, YOKE_PROCESSES, .workers = workers), 0);
    return pool;
}

static void close_pool(yoke_pool *pool)
{
    plan->visits = 0;
    yoke_pool_free(&pool);
    munmap(plan, sizeof *plan);
    yk_fault_hook = NULL;
}

static ptrdiff_t map_ledger(yoke_pool *pool, struct ledger *l, size_t chunk)
{
    ledger_clear(l);
    return yoke_pool_map(pool, sign, l->items, (size_t)l->n, l->results, .statuses = l->statuses, .chunk = chunk);
}

/* The points that a worker passes while there is work. */
static const enum yk_point worker_points[] = {
    YK_AT_JOB_ENTERED, YK_AT_CLAIM_BEFORE, YK_AT_CLAIM_AFTER, YK_AT_ITEM_STARTED, YK_AT_ITEM_RETURNED,
    YK_AT_CHUNK_DONE,  YK_AT_JOB_LEFT,     YK_AT_JOB_RUNG,    YK_AT_PARK_IDLE,    YK_AT_PARK_SLEEP,
};

TEST(points_a_worker_killed_at_any_costs_at_most_its_item)
{
    static const size_t chunks[] = {1, 7, 0};
    struct ledger l = ledger_open(60);
    yoke_pool *pool = open_pool(2);
    int strikes = 0;

    for (size_t p = 0; p < sizeof worker_points / sizeof *worker_points; p++) {
        for (int round = 0; round < 18; round++) {
            int crashed, before = plan->struck;

            plan->point = (int)worker_points[p];
            __atomic_store_n(&plan->visits, 1 + round / 3, __ATOMIC_SEQ_CST);
            crashed = ledger_check(&l, map_ledger(pool, &l, chunks[round % 3]), 0);
            plan->visits = 0;
            CHECK(crashed <= plan->struck - before);
            if (worker_points[p] == YK_AT_ITEM_STARTED || worker_points[p] == YK_AT_ITEM_RETURNED)
                CHECK_EQ(crashed, plan->struck - before);
            else if (worker_points[p] == YK_AT_CLAIM_BEFORE || worker_points[p] == YK_AT_CLAIM_AFTER ||
                     worker_points[p] == YK_AT_CHUNK_DONE)
                CHECK_EQ(crashed, 0);
        }
        strikes += plan->struck;
        printf("%s: %d\n", names[worker_points[p]], plan->struck);
        plan->struck = 0;
    }
    CHECK(strikes > 100);
    CHECK_EQ(ledger_check(&l, map_ledger(pool, &l, 1), 0), 0);
    close_pool(pool);
    ledger_close(&l);
}

TEST(points_a_replacement_that_dies_at_its_start_is_replaced)
{
    struct ledger l = ledger_open(60);
    yoke_pool *pool = open_pool(1);

    for (int round = 0; round < 4; round++) {
        plan->point = YK_AT_ITEM_STARTED;
        __atomic_store_n(&plan->visits, 1, __ATOMIC_SEQ_CST);
        CHECK_EQ(ledger_check(&l, map_ledger(pool, &l, 5), 0), 1);
        plan->point = round % 2 ? YK_AT_WORKER_STARTING : YK_AT_WORKER_READY;
        __atomic_store_n(&plan->visits, 1, __ATOMIC_SEQ_CST);
        CHECK_EQ(ledger_check(&l, map_ledger(pool, &l, 5), 0), 0);
    }
    close_pool(pool);
    ledger_close(&l);
}

static int crash(const int *in)
{
    (void)in;
    raise(SIGKILL);
    return 0;
}
YOKE_TASK_NORESULT(crash, int);

TEST(points_a_supervisor_killed_breaks_the_pool_and_nothing_hangs)
{
    static const enum yk_point points[] = {YK_AT_SUPERVISOR_REAPED, YK_AT_SUPERVISOR_RESOLVED};

    for (int p = 0; p < 2; p++) {
        for (int workers = 1; workers < 4; workers++) {
            int in[20] = {0};
            yoke_status statuses[20];
            yoke_pool *pool = open_pool(workers);

            plan->point = (int)points[p];
            plan->visits = 3;
            CHECK_EQ(yoke_pool_map(pool, crash, in, 20, NULL, .statuses = statuses), 20);
            for (int i = 0; i < 20; i++)
                CHECK(statuses[i].state == YOKE_CRASHED || statuses[i].state == YOKE_LOST);
            CHECK_EQ(statuses[19].state, YOKE_LOST);
            CHECK_EQ(plan->struck, 1);
            CHECK_EQ(yoke_pool_map(pool, crash, in, 20, NULL), -YOKE_EBROKEN);
            close_pool(pool);
        }
    }
}

/* A host that dies at a point of its own leaves no process behind. */
static void become_host(enum yk_point point)
{
    struct ledger l = ledger_open(60);
    yoke_pool *pool = open_pool(2);

    plan->only = getpid();
    plan->point = (int)point;
    plan->visits = 2;
    for (;;)
        (void)!map_ledger(pool, &l, 3);
}

TEST(points_a_host_killed_takes_everything_along)
{
    static const enum yk_point points[] = {YK_AT_PUBLISH_BEFORE, YK_AT_PUBLISH_AFTER, YK_AT_WAKE_TAKEN,
                                           YK_AT_WAKE_RUNG};

    CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    for (int p = 0; p < 4; p++) {
        int host = fork(), n = 0;

        if (host == 0)
            become_host(points[p]);
        CHECK_EQ(waitpid(host, NULL, 0), host);
        /* Its processes are this one's children now; each of these waits ends because they all do. */
        while (waitpid(-1, NULL, __WALL) > 0)
            n++;
        CHECK_EQ(errno, ECHILD);
        CHECK(n <= 3);
    }
}

/* ---- delays ---- */

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Every process has a sequence of its own. */
static void dawdle(enum yk_point point)
{
    static int owner;

    (void)point;
    if (owner != getpid()) {
        owner = getpid();
        random_state = test_seed() * 2654435761u + (uint64_t)owner + 1;
    }
    switch (next_random() % 8) {
    case 0:
    case 1:
        sched_yield();
        break;
    case 2:
        for (uint64_t n = next_random() % 2000; n > 0; n--)
            __asm__ volatile("");
        break;
    default:
        break;
    }
}

TEST(points_delays_at_all_lose_nothing)
{
    struct ledger l = ledger_open(200);
    yoke_pool *pool;

    yk_fault_hook = dawdle;
    CHECK_EQ(yoke_pool_open(&pool, YOKE_PROCESSES, .workers = 3), 0);
    for (int round = 0; round < 300; round++)
        CHECK_EQ(ledger_check(&l, map_ledger(pool, &l, (size_t)round % 4), 0), 0);
    yoke_pool_free(&pool);
    yk_fault_hook = NULL;
    ledger_close(&l);
}
