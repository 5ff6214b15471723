/* queue_shared_test.c -- Queue between processes: who opens and frees it, what is left of a process that has ended, and what another
 * one has overwritten. */
#include "queues.h"

enum { ROOM = 8 };

TEST(its_pointer_is_the_same_everywhere)
{
    yoke_queue *queue = new_queue(SHARED, ROOM), *pointers, *same = NULL;
    pid_t child;

    CHECK_EQ(yoke_queue_open(&pointers, queue_memory, sizeof(yoke_queue *), 1), 0);
    child = fork();
    if (child == 0) {
        CHECK_EQ(yoke_queue_pop(pointers, &same), 0);
        push(same, 5);
        _exit(0);
    }
    CHECK_EQ(yoke_queue_push(pointers, &queue), 0);
    check_ends_well(child);
    CHECK_EQ(pop(queue), 5);
    yoke_queue_free(&pointers);
    free_queue(&queue);
}

static int open_and_free(void *arg)
{
    yoke_queue *queue = arg, *other = NULL;

    CHECK_EQ(yoke_queue_open(&other, queue_memory, sizeof(int), 1), -YOKE_EFORKED);
    CHECK(!other);
    yoke_queue_free(&queue);
    CHECK(!queue);
    return 0;
}

TEST(others_neither_open_nor_free_one)
{
    yoke_queue *queue = new_queue(SHARED, ROOM);

    push(queue, 5);
    check_ends_well(forked(open_and_free, queue));
    CHECK_EQ(pop(queue), 5);
    push(queue, 6);
    CHECK_EQ(pop(queue), 6);
    free_queue(&queue);
}

TEST(its_memory_is_given_back)
{
    yoke_shm *shm;

    CHECK_EQ(yoke_shm_open(&shm, 1 << 20), 0);
    for (int i = 0; i < 10; i++) {
        yoke_queue *queue;

        CHECK_EQ(yoke_queue_open(&queue, shm, 1, 600000), 0);
        yoke_queue_free(&queue);
    }
    CHECK_EQ(yoke_shm_free(&shm), 0);
}

static int push_five(void *arg)
{
    for (int i = 0; i < 5; i++)
        push(arg, i);
    return 0;
}

TEST(a_process_ends_and_its_items_stay)
{
    for (enum kind kind = SHARED; kind <= SHARED_BYTES; kind++) {
        yoke_queue *queue = new_queue(kind, ROOM);

        check_ends_well(forked(push_five, queue));
        for (int i = 0; i < 5; i++)
            CHECK_EQ(pop(queue), i);
        free_queue(&queue);
    }
}

static int pop_and_die(void *arg)
{
    pop(arg);
    die();
}

TEST(what_a_dead_process_had_popped_is_never_done)
{
    yoke_queue *queue = new_queue(SHARED, ROOM);
    pid_t child;

    push(queue, 1);
    child = forked(pop_and_die, queue);
    CHECK(WIFSIGNALED(status_of(child)));
    CHECK_EQ(yoke_queue_length(queue), 0);
    CHECK_EQ(yoke_queue_join_until(queue, yoke_after(0.01)), -ETIMEDOUT);
    free_queue(&queue);
}

/* ---- what was overwritten ---- */

TEST(an_item_of_an_impossible_size)
{
    yoke_queue *queue = new_queue(SHARED_BYTES, ROOM);
    unsigned char bytes[2 * 16 * ROOM];
    size_t size = 77;

    push(queue, 1);
    push(queue, 2);
    memset(yk_queue_items(queue), 0xff, 8);
    memset(bytes, 0xee, sizeof bytes);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(yoke_queue_pop_bytes(queue, bytes, sizeof bytes, &size), -EBADMSG);
    CHECK_EQ(size, 77);
    CHECK_EQ(bytes[0], 0xee);
    CHECK_EQ(yoke_queue_close_now(queue), 0);
    free_queue(&queue);
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 32 | *state << 32;
}

/* Every count of what was moved and who waits; some of them not far off. */
static void scribble(yoke_queue *queue, size_t items_size, uint64_t *random)
{
    for (int side = YK_PUSH; side <= YK_POP; side++) {
        struct yk_side *it = &queue->side[side];
        yk_a64 *const words[] = {&it->index, &it->place[0], &it->place[1], (yk_a64 *)(void *)&it->seen};

        for (int i = 0; i < 4; i++)
            yk_store_rlx(words[i], next_random(random) >> next_random(random) % 64);
        yk_store_rlx(&queue->hall[side].waiting, (uint32_t)next_random(random) % 3);
        yk_store_rlx(&queue->door[side].came, (uint32_t)next_random(random));
        yk_store_rlx(&queue->door[side].let, (uint32_t)next_random(random));
    }
    yk_store_rlx(&queue->told, next_random(random));
    for (size_t i = 0; i < items_size; i++)
        yk_queue_items(queue)[i] = (char)next_random(random);
}

/* Calls do what they can, and touch nothing but the queue and the caller's own. */
TEST(wild_counts_do_no_harm_elsewhere)
{
    uint64_t random = test_seed() | 1;

    for (enum kind kind = SHARED; kind <= SHARED_BYTES; kind++)
        for (int round = 0; round < 2000; round++) {
            /* of a size that leaves nothing over where it lies */
            yoke_queue *queue = new_queue(kind, YK_LINES / sizeof(int));
            size_t items_size = kind == SHARED ? YK_LINES : queue->area, size = sizeof *queue + items_size;
            size_t most = kind == SHARED ? YK_LINES / sizeof(int) : items_size / 8;
            unsigned char *behind = yoke_shm_alloc(queue_memory, size), expected[4096];
            int items[3] = {-1, -1, -1};

            CHECK(behind && size <= sizeof expected);
            memset(behind, 0xee, size);
            memset(expected, 0xee, size);
            scribble(queue, items_size, &random);
            for (int i = 0; i < 4; i++) {
                (void)push_until(queue, i, YOKE_NOW);
                (void)pop_until(queue, &items[1], YOKE_NOW);
                CHECK(items[0] == -1 && items[2] == -1);
                (void)yoke_queue_task_done(queue);
            }
            CHECK(yoke_queue_length(queue) <= most);
            CHECK(yoke_queue_close_now(queue) <= (ptrdiff_t)most);
            CHECK(memcmp(behind, expected, size) == 0);
            CHECK_EQ(yoke_shm_dealloc(queue_memory, behind), 0);
            free_queue(&queue);
        }
}
