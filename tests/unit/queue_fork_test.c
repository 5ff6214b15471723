/* queue_fork_test.c -- Queue between threads, in a child of fork: a whole copy, also if another thread was just inside. */
#include <sys/mman.h>

#include "queues.h"

enum { ITEMS = 5, LARGE = 20000 /* for an item that needs a segment of its own */ };

/* Where a thread stops inside a call until it is let go: at the copy of its item, which it may not touch yet, or in the comparison. */
static int stopped[2], go_on[2];
static char *page;
static bool armed;

static void stop_here(void)
{
    char byte = 0;

    CHECK_EQ(write(stopped[1], &byte, 1), 1);
    CHECK_EQ(read(go_on[0], &byte, 1), 1);
}

static void on_fault(int number)
{
    (void)number;
    stop_here();
    CHECK_EQ(mprotect(page, LARGE, PROT_READ | PROT_WRITE), 0);
}

static void set_traps(void)
{
    struct sigaction action = {.sa_handler = on_fault};

    CHECK_EQ(pipe(stopped), 0);
    CHECK_EQ(pipe(go_on), 0);
    page = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    CHECK_EQ(sigaction(SIGSEGV, &action, NULL), 0);
}

static void remove_traps(void)
{
    for (int i = 0; i < 2; i++) {
        close(stopped[i]);
        close(go_on[i]);
    }
    CHECK_EQ(munmap(page, LARGE), 0);
}

static int push_page(void *arg)
{
    yoke_queue *queue = arg;

    return queue->item_size ? yoke_queue_push(queue, page) : yoke_queue_push_bytes(queue, page, LARGE);
}

static int pop_to_page(void *arg)
{
    yoke_queue *queue = arg;

    return queue->item_size ? yoke_queue_pop(queue, page) : yoke_queue_pop_bytes(queue, page, LARGE, NULL);
}

/* The queue holds 1 to ITEMS, and one is pushed on top. */
static int check_whole(void *arg)
{
    yoke_queue *queue = arg;
    bool last_first = queue->order == YOKE_LIFO;
    int item;

    CHECK_EQ(yoke_queue_length(queue), ITEMS);
    push(queue, ITEMS + 1);
    for (int i = 1; i <= ITEMS + 1; i++)
        CHECK_EQ(pop(queue), last_first ? ITEMS + 2 - i : i);
    CHECK_EQ(pop_until(queue, &item, YOKE_NOW), -ETIMEDOUT);
    for (int i = 0; i < 3 * ITEMS; i++) {
        push(queue, i);
        CHECK_EQ(pop(queue), i);
    }
    return 0;
}

/* While a thread stands in `inside`, a child looks; then the thread goes on as if nothing had been. */
static void fork_beside(yoke_queue *queue, int (*inside)(void *))
{
    yoke_thread thread = {0};
    char byte = 0;

    CHECK_EQ(yoke_thread_start(&thread, inside, queue), 0);
    CHECK_EQ(read(stopped[0], &byte, 1), 1);
    check_ends_well(forked(check_whole, queue));
    CHECK_EQ(write(go_on[1], &byte, 1), 1);
    CHECK_EQ(code_of(&thread), 0);
}

static yoke_queue *filled(enum kind kind)
{
    /* an item of LARGE bytes fits where there is a limit, too */
    yoke_queue *queue = new_queue(kind, kind == BYTES ? LARGE : 3 * ITEMS);

    for (int i = 1; i <= ITEMS; i++)
        push(queue, i);
    return queue;
}

TEST(a_child_has_a_copy)
{
    for (enum kind kind = RING; kind < SHARED; kind++) {
        yoke_queue *queue = filled(kind);

        check_ends_well(forked(check_whole, queue));
        CHECK_EQ(check_whole(queue), 0);
        free_queue(&queue);
    }
}

TEST(a_fork_beside_one_that_pushes)
{
    set_traps();
    for (enum kind kind = RING; kind < SHARED; kind++) {
        yoke_queue *queue = filled(kind);

        *(int *)(void *)page = 77;
        CHECK_EQ(mprotect(page, LARGE, PROT_NONE), 0);
        fork_beside(queue, push_page);
        CHECK_EQ(yoke_queue_length(queue), ITEMS + 1);
        free_queue(&queue);
    }
    remove_traps();
}

TEST(a_fork_beside_one_that_pops)
{
    set_traps();
    for (enum kind kind = RING; kind < SHARED; kind++) {
        yoke_queue *queue = filled(kind);

        CHECK_EQ(mprotect(page, LARGE, PROT_NONE), 0);
        fork_beside(queue, pop_to_page);
        CHECK_EQ(*(int *)(void *)page, kind == LIFO ? ITEMS : 1);
        CHECK_EQ(yoke_queue_length(queue), ITEMS - 1);
        free_queue(&queue);
    }
    remove_traps();
}

/* In the middle of moving the heap. */
static int stop_and_compare(const void *a, const void *b)
{
    if (__atomic_exchange_n(&armed, false, __ATOMIC_SEQ_CST))
        stop_here();
    return ascending(a, b);
}

static int push_zero(void *arg)
{
    return yoke_queue_push(arg, &(int){0});
}

static int pop_one(void *arg)
{
    int item;

    return yoke_queue_pop(arg, &item);
}

TEST(a_fork_beside_one_that_moves_the_heap)
{
    int (*const inside[])(void *) = {push_zero, pop_one};

    set_traps();
    for (int i = 0; i < 2; i++) {
        yoke_queue *queue;

        CHECK_EQ(yoke_queue_open(&queue, NULL, sizeof(int), 0, .order = YOKE_PRIORITY, .compare = stop_and_compare), 0);
        for (int item = ITEMS; item > 0; item--)
            push(queue, item);
        __atomic_store_n(&armed, true, __ATOMIC_SEQ_CST);
        fork_beside(queue, inside[i]);
        CHECK_EQ(pop(queue), i == 0 ? 0 : 2);
        yoke_queue_free(&queue);
    }
    remove_traps();
}
