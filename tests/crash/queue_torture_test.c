/* queue_torture_test.c -- producers and consumers of a queue are processes that are killed at random, all the time: nothing comes out
 * twice; what was pushed comes out, but for what a killed consumer had just taken; and there is progress as long as each side has
 * somebody left. */
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger.h"

enum { EACH = 3, TAGS = 1 << 21, KILLS = 300 };

/* Shared by all processes; but for what is said to be the test's, all of it is accessed atomically. */
struct fair {
    yoke_shm *shm;
    yoke_queue *queue;
    bool bytes;
    uint32_t next;       /* the next item to be pushed */
    uint32_t over;       /* 1: producers are to end */
    uint32_t n_got;      /* items popped in all */
    uint8_t sent[TAGS];  /* its push has returned */
    uint8_t got[TAGS];   /* how often it came out */
    int producers[EACH]; /* the test's */
    int consumers[EACH]; /* the test's */
};

static int push(struct fair *fair, uint32_t tag)
{
    return fair->bytes ? yoke_queue_push_bytes(fair->queue, (uint32_t[16]){tag}, 4 + tag % 60)
                       : yoke_queue_push(fair->queue, &tag);
}

static int pop(struct fair *fair, uint32_t *tag)
{
    uint32_t bytes[16];
    size_t size;
    int rc;

    if (!fair->bytes)
        return yoke_queue_pop(fair->queue, tag);
    rc = yoke_queue_pop_bytes(fair->queue, bytes, sizeof bytes, &size);
    *tag = bytes[0];
    CHECK(rc < 0 || size == 4 + *tag % 60);
    return rc;
}

static int produce(struct fair *fair)
{
    while (!__atomic_load_n(&fair->over, __ATOMIC_SEQ_CST)) {
        uint32_t tag = __atomic_fetch_add(&fair->next, 1, __ATOMIC_SEQ_CST) % TAGS;

        if (push(fair, tag) < 0)
            return 1;
        __atomic_store_n(&fair->sent[tag], 1, __ATOMIC_SEQ_CST);
    }
    return 0;
}

static int consume(struct fair *fair)
{
    uint32_t tag;
    int rc;

    while ((rc = pop(fair, &tag)) == 0) {
        __atomic_fetch_add(&fair->got[tag], 1, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&fair->n_got, 1, __ATOMIC_SEQ_CST);
    }
    return rc != -YOKE_ECLOSED;
}

static int start(struct fair *fair, int (*run)(struct fair *fair))
{
    int pid = fork();

    CHECK(pid >= 0);
    if (pid == 0)
        _exit(run(fair));
    return pid;
}

static int status_of(int pid)
{
    int status;

    CHECK_EQ(waitpid(pid, &status, 0), pid);
    return status;
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* After some more items have come out; or at once, after a death that may have left everybody asleep. */
static void kill_one(struct fair *fair, uint64_t *random, int *n_consumers_killed)
{
    uint32_t until = __atomic_load_n(&fair->n_got, __ATOMIC_SEQ_CST) + (uint32_t)(next_random(random) % 400);
    bool consumer = next_random(random) % 2;
    int *victim = &(consumer ? fair->consumers : fair->producers)[next_random(random) % EACH];

    while ((int32_t)(until - __atomic_load_n(&fair->n_got, __ATOMIC_SEQ_CST)) > 0)
        sched_yield();
    CHECK_EQ(kill(*victim, SIGKILL), 0);
    CHECK(WIFSIGNALED(status_of(*victim)));
    *n_consumers_killed += consumer;
    *victim = start(fair, consumer ? consume : produce);
}

static void check_fair(const struct fair *fair, int n_consumers_killed)
{
    int n_lost = 0, n_sent = 0;

    CHECK(fair->next < TAGS);
    for (uint32_t tag = 0; tag < fair->next; tag++) {
        CHECK(fair->got[tag] <= 1);
        n_sent += fair->sent[tag];
        n_lost += fair->sent[tag] && !fair->got[tag];
    }
    printf("%d pushed, %d lost with %d killed consumers\n", n_sent, n_lost, n_consumers_killed);
    CHECK(n_lost <= n_consumers_killed);
}

static void torture(size_t item_size, size_t capacity)
{
    struct fair *fair = shared_memory(sizeof *fair);
    uint64_t random = test_seed() | 1;
    int n_consumers_killed = 0;

    CHECK_EQ(yoke_shm_open(&fair->shm, 0), 0);
    CHECK_EQ(yoke_queue_open(&fair->queue, fair->shm, item_size, capacity), 0);
    fair->bytes = item_size == 0;
    for (int i = 0; i < EACH; i++) {
        fair->producers[i] = start(fair, produce);
        fair->consumers[i] = start(fair, consume);
    }
    for (int i = 0; i < KILLS && fair->next < TAGS / 2; i++)
        kill_one(fair, &random, &n_consumers_killed);
    __atomic_store_n(&fair->over, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < EACH; i++)
        CHECK_EQ(status_of(fair->producers[i]), 0);
    CHECK_EQ(yoke_queue_close(fair->queue), 0);
    for (int i = 0; i < EACH; i++)
        CHECK_EQ(status_of(fair->consumers[i]), 0);
    CHECK_EQ(yoke_queue_length(fair->queue), 0);
    check_fair(fair, n_consumers_killed);
    yoke_queue_free(&fair->queue);
    CHECK_EQ(yoke_shm_free(&fair->shm), 0);
    munmap(fair, sizeof *fair);
}

TEST(torture_with_room_for_one)
{
    torture(sizeof(uint32_t), 1);
}

TEST(torture_with_some_room)
{
    torture(sizeof(uint32_t), 7);
}

TEST(torture_with_much_room)
{
    torture(sizeof(uint32_t), 500);
}

TEST(torture_items_of_any_size)
{
    torture(0, 100);
}
