/* queue_step_test.c -- a process that is killed after each instruction of a push or a pop, alone, or while others sleep for what it
 * does, or after it was woken in their place: what was published is there, once; nobody hangs; and no wake is lost, so that the
 * others get what they wait for without anybody else coming along. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/asleep.h"
#include "ipc/queue.h"
#include "ledger.h"
#include "stepkill.h"

enum { OTHERS = 2, ITEMS = 16 };

/* Shared by all processes. */
struct stage {
    yoke_shm *shm;
    yoke_queue *queue;
    size_t item_size, capacity;
    int first;               /* what is in the queue at first: so many items, 1, 2, ... */
    int (*other)(void *);    /* what the others do, who sleep; NULL: there are none */
    bool others_first;       /* they sleep before the victim begins; else once it sleeps, after it */
    void (*release)(void *); /* what is done then; once */
    bool released;
    int others[OTHERS];
    uint32_t n_got;          /* by the others, atomically */
    int got[ITEMS];          /* the same */
    yoke_event progress;     /* set by the others, whenever they have got on */
    long n_published, n_not; /* runs in which the victim's change was made, and in which it was not */
};

static struct stage *new_stage(size_t item_size, size_t capacity)
{
    struct stage *stage = shared_memory(sizeof *stage);

    CHECK_EQ(yoke_shm_open(&stage->shm, 0), 0);
    stage->item_size = item_size;
    stage->capacity = capacity;
    return stage;
}

static uint64_t pushed(const struct stage *stage)
{
    return yk_load_acq(&stage->queue->side[YK_PUSH].index);
}

static uint64_t popped(const struct stage *stage)
{
    return yk_load_acq(&stage->queue->side[YK_POP].index);
}

static int push(struct stage *stage, int item, yoke_time deadline)
{
    return stage->item_size ? yoke_queue_push_until(stage->queue, &item, deadline)
                            : yoke_queue_push_bytes_until(stage->queue, &item, sizeof item, deadline);
}

static int pop(struct stage *stage, int *item, yoke_time deadline)
{
    return stage->item_size ? yoke_queue_pop_until(stage->queue, item, deadline)
                            : yoke_queue_pop_bytes_until(stage->queue, item, sizeof *item, NULL, deadline);
}

static yoke_time soon(void)
{
    return yoke_after(4 * test_slow());
}

/* ---- the others ---- */

static void got(struct stage *stage, int item)
{
    stage->got[__atomic_fetch_add(&stage->n_got, 1, __ATOMIC_SEQ_CST)] = item;
    yoke_event_set(&stage->progress);
}

static int pop_all(void *arg)
{
    struct stage *stage = arg;
    int item;

    while (pop(stage, &item, YOKE_FOREVER) == 0)
        got(stage, item);
    return 0;
}

static int push_one(void *arg)
{
    struct stage *stage = arg;

    if (push(stage, 50, YOKE_FOREVER) == 0)
        got(stage, 50);
    return 0;
}

static int join(void *arg)
{
    struct stage *stage = arg;

    if (yoke_queue_join(stage->queue) == 0)
        got(stage, 0);
    return 0;
}

static void start_others(struct stage *stage)
{
    for (int i = 0; i < OTHERS && stage->other; i++) {
        int pid = fork();

        CHECK(pid >= 0);
        if (pid == 0)
            _exit(stage->other(stage));
        stage->others[i] = pid;
        asleep_on(pid, pid, NULL);
    }
}

/* Waits until the others have got n things in all. */
static void await_others(struct stage *stage, uint32_t n)
{
    yoke_time deadline = soon();

    while (__atomic_load_n(&stage->n_got, __ATOMIC_SEQ_CST) < n) {
        CHECK_EQ(yoke_event_wait_until(&stage->progress, deadline), 0);
        yoke_event_clear(&stage->progress);
    }
    CHECK_EQ(stage->n_got, n);
}

static void reap_others(struct stage *stage)
{
    for (int i = 0; i < OTHERS; i++) {
        int status;

        if (!stage->others[i])
            continue;
        while (waitpid(stage->others[i], &status, 0) < 0)
            CHECK_EQ(errno, EINTR); /* the stepper's clock */
        CHECK_EQ(status, 0);
        stage->others[i] = 0;
    }
}

/* ---- one run ---- */

static void setup(void *arg)
{
    struct stage *stage = arg;

    yoke_queue_free(&stage->queue);
    CHECK_EQ(yoke_queue_open(&stage->queue, stage->shm, stage->item_size, stage->capacity), 0);
    yoke_event_init(&stage->progress, YOKE_SHARED);
    stage->n_got = 0;
    stage->released = false;
    for (int i = 1; i <= stage->first; i++)
        CHECK_EQ(push(stage, i, YOKE_NOW), 0);
    if (stage->others_first)
        start_others(stage);
}

/* The victim sleeps: the others do so too, behind it; then comes what they all wait for. */
static bool release(void *arg)
{
    struct stage *stage = arg;

    if (stage->released || !stage->release)
        return false;
    stage->released = true;
    if (!stage->others_first)
        start_others(stage);
    stage->release(stage);
    return true;
}

/* Whoever comes later finds an ordinary queue with so many items in it: first the given one, if there is one. */
static void check_usable(struct stage *stage, int first)
{
    size_t n = yoke_queue_length(stage->queue);
    int item;

    CHECK_EQ(n, pushed(stage) - popped(stage));
    for (size_t i = 0; i < n; i++) {
        CHECK_EQ(pop(stage, &item, YOKE_NOW), 0);
        CHECK(i > 0 || item == first);
    }
    CHECK_EQ(pop(stage, &item, YOKE_NOW), -ETIMEDOUT);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < (int)stage->capacity / (stage->item_size ? 1 : 16); i++)
            CHECK_EQ(push(stage, 100 + i, YOKE_NOW), 0);
        for (int i = 0; i < (int)stage->capacity / (stage->item_size ? 1 : 16); i++) {
            CHECK_EQ(pop(stage, &item, YOKE_NOW), 0);
            CHECK_EQ(item, 100 + i);
        }
    }
}

/* Binds what the victim calls, so that the linker's work is not stepped through.  It also learns here whether it is worth while to
 * spin: not on one CPU; that would be long to step through. */
static void warm_up(struct stage *stage)
{
    cpu_set_t all, one;
    int item;

    CHECK_EQ(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    CHECK_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    CHECK_EQ(yoke_queue_open(&stage->queue, stage->shm, stage->item_size, stage->capacity), 0);
    CHECK_EQ(push(stage, 1, YOKE_NOW), 0);
    CHECK_EQ(pop(stage, &item, YOKE_NOW), 0);
    CHECK_EQ(pop(stage, &item, yoke_after(0.001)), -ETIMEDOUT);
    CHECK_EQ(yoke_queue_task_done(stage->queue), 0);
    CHECK_EQ(yoke_queue_close(stage->queue), 0);
    CHECK_EQ(sched_setaffinity(0, sizeof all, &all), 0);
}

static void step(struct stage *stage, void (*body)(void *), void (*after)(void *, const struct stepkill_run *),
                 struct stepkill test)
{
    long points;

    warm_up(stage);
    test.setup = setup;
    test.body = body;
    test.after = after;
    test.asleep = release;
    test.arg = stage;
    points = stepkill_each(&test);
    if (points == -EPERM || points == -ENOSYS)
        SKIP("this system does not let a process trace its child");
    printf("%ld points, %ld before and %ld after the change\n", points, stage->n_not, stage->n_published);
    CHECK(points > 1);
    yoke_queue_free(&stage->queue);
    CHECK_EQ(yoke_shm_free(&stage->shm), 0);
    munmap(stage, sizeof *stage);
}

static void note(struct stage *stage, bool published)
{
    stage->n_published += published;
    stage->n_not += !published;
}

/* In full, it is killed after each instruction where it is alone.  Where others have to be started each time, a kill point costs some 20 ms,
 * so it is every so many instructions, from several beginnings.  Counters of coverage multiply the instructions. */
#if defined(TEST_COVERAGE)
enum { WIDE = 7 };
#else
enum { WIDE = 1 };
#endif
enum { ALONE = WIDE, BESIDE = 16 * WIDE, WOKEN = 60 * WIDE, PARTS = 2 };

/* The kill points of one part: every `full` instructions, or more. */
static struct stepkill part_of(int part, int parts, long full)
{
    long stride = stepkill_stride(full);

    return (struct stepkill){.first = part * stride / parts, .stride = stride};
}

/* ---- alone ---- */

static void push_seven(void *arg)
{
    CHECK_EQ(push(arg, 7, YOKE_FOREVER), 0);
}

static void pop_first(void *arg)
{
    int item;

    CHECK_EQ(pop(arg, &item, YOKE_FOREVER), 0);
    CHECK_EQ(item, 1);
}

static void after_push(void *arg, const struct stepkill_run *run)
{
    struct stage *stage = arg;

    (void)run;
    note(stage, pushed(stage) > (uint64_t)stage->first);
    CHECK(pushed(stage) <= (uint64_t)stage->first + 1);
    check_usable(stage, stage->first ? 1 : 7);
}

static void after_pop(void *arg, const struct stepkill_run *run)
{
    struct stage *stage = arg;

    (void)run;
    note(stage, popped(stage) == 1);
    check_usable(stage, popped(stage) == 1 ? 2 : 1);
}

static void alone(size_t item_size, void (*body)(void *), void (*after)(void *, const struct stepkill_run *), int first)
{
    struct stage *stage = new_stage(item_size, item_size ? 5 : 80);

    stage->first = first;
    step(stage, body, after, part_of(0, 1, ALONE));
}

TEST(queue_step_push_to_none)
{
    alone(sizeof(int), push_seven, after_push, 0);
}

TEST(queue_step_push_to_some)
{
    alone(sizeof(int), push_seven, after_push, 3);
}

TEST(queue_step_pop_the_only_one)
{
    alone(sizeof(int), pop_first, after_pop, 1);
}

TEST(queue_step_pop_one_of_some)
{
    alone(sizeof(int), pop_first, after_pop, 3);
}

TEST(queue_step_push_bytes_to_none)
{
    alone(0, push_seven, after_push, 0);
}

TEST(queue_step_push_bytes_to_some)
{
    alone(0, push_seven, after_push, 3);
}

TEST(queue_step_pop_bytes_the_only_one)
{
    alone(0, pop_first, after_pop, 1);
}

TEST(queue_step_pop_bytes_one_of_some)
{
    alone(0, pop_first, after_pop, 3);
}

/* ---- while others sleep for what the victim does ---- */

static void close_and_reap(struct stage *stage)
{
    CHECK_EQ(yoke_queue_close(stage->queue), 0);
    reap_others(stage);
}

/* Consumers sleep; what the victim has published reaches one of them. */
static void after_push_to_sleepers(void *arg, const struct stepkill_run *run)
{
    struct stage *stage = arg;

    (void)run;
    note(stage, pushed(stage) == 1);
    await_others(stage, (uint32_t)pushed(stage));
    CHECK_EQ(push(stage, 8, YOKE_NOW), 0);
    await_others(stage, (uint32_t)pushed(stage));
    CHECK_EQ(stage->got[pushed(stage) - 1], 8);
    close_and_reap(stage);
}

static void push_to_sleepers(size_t item_size, int part)
{
    struct stage *stage = new_stage(item_size, item_size ? 2 : 24);

    stage->other = pop_all;
    stage->others_first = true;
    step(stage, push_seven, after_push_to_sleepers, part_of(part, PARTS, BESIDE));
}

TEST(queue_step_push_to_sleepers_1)
{
    push_to_sleepers(sizeof(int), 0);
}

TEST(queue_step_push_to_sleepers_2)
{
    push_to_sleepers(sizeof(int), 1);
}

TEST(queue_step_push_bytes_to_sleepers_1)
{
    push_to_sleepers(0, 0);
}

TEST(queue_step_push_bytes_to_sleepers_2)
{
    push_to_sleepers(0, 1);
}

/* Producers sleep; the room that the victim has made lets one of them in. */
static void after_pop_from_sleepers(void *arg, const struct stepkill_run *run)
{
    struct stage *stage = arg;
    uint32_t n = (uint32_t)popped(stage);
    int item;

    (void)run;
    note(stage, n == 1);
    await_others(stage, n);
    CHECK_EQ(pop(stage, &item, YOKE_NOW), 0);
    CHECK_EQ(item, (int)n + 1);
    await_others(stage, n + 1);
    close_and_reap(stage);
}

static void pop_from_sleepers(size_t item_size, int part)
{
    struct stage *stage = new_stage(item_size, item_size ? 2 : 24);

    stage->first = 2;
    stage->other = push_one;
    stage->others_first = true;
    step(stage, pop_first, after_pop_from_sleepers, part_of(part, PARTS, BESIDE));
}

TEST(queue_step_pop_from_sleepers_1)
{
    pop_from_sleepers(sizeof(int), 0);
}

TEST(queue_step_pop_from_sleepers_2)
{
    pop_from_sleepers(sizeof(int), 1);
}

TEST(queue_step_pop_bytes_from_sleepers_1)
{
    pop_from_sleepers(0, 0);
}

TEST(queue_step_pop_bytes_from_sleepers_2)
{
    pop_from_sleepers(0, 1);
}

static void close_it(void *arg)
{
    struct stage *stage = arg;

    CHECK_EQ(yoke_queue_close(stage->queue), 0);
}

/* The others have to go once it is closed, whoever has told them. */
static void after_close(void *arg, const struct stepkill_run *run)
{
    struct stage *stage = arg;
    bool closed = yk_load_acq(&stage->queue->closed);

    (void)run;
    note(stage, closed);
    if (!closed)
        close_it(stage);
    reap_others(stage);
}

static void close_on(int (*other)(void *), int first)
{
    struct stage *stage = new_stage(sizeof(int), 2);

    stage->first = first;
    stage->other = other;
    stage->others_first = true;
    step(stage, close_it, after_close, part_of(0, 1, BESIDE));
}

TEST(queue_step_close_on_consumers)
{
    close_on(pop_all, 0);
}

TEST(queue_step_close_on_producers)
{
    close_on(push_one, 2);
}

static void do_last(void *arg)
{
    struct stage *stage = arg;

    CHECK_EQ(yoke_queue_task_done(stage->queue), 0);
}

static void after_last(void *arg, const struct stepkill_run *run)
{
    struct stage *stage = arg;
    bool done = yk_load_acq(&stage->queue->done) == 1;

    (void)run;
    note(stage, done);
    if (!done)
        do_last(stage);
    reap_others(stage);
}

TEST(queue_step_task_done)
{
    struct stage *stage = new_stage(sizeof(int), 2);

    stage->first = 1;
    stage->other = join;
    stage->others_first = true;
    step(stage, do_last, after_last, part_of(0, 1, BESIDE));
}

/* ---- after the victim was woken, and others were not ---- */

static void await_index(const struct stage *stage, int side, uint64_t n)
{
    yoke_time deadline = soon();

    while (yk_load_acq(&stage->queue->side[side].index) < n) {
        CHECK_EQ(yoke_event_wait_until((yoke_event *)&stage->progress, deadline), 0);
        yoke_event_clear((yoke_event *)&stage->progress);
    }
}

static void push_eight(void *arg)
{
    CHECK_EQ(push(arg, 8, YOKE_NOW), 0);
}

static void pop_any(void *arg)
{
    int item;

    CHECK_EQ(pop(arg, &item, YOKE_FOREVER), 0);
}

/* What the victim was woken for and did not take reaches another; and so does what comes next. */
static void after_woken_pop(void *arg, const struct stepkill_run *run)
{
    struct stage *stage = arg;

    (void)run;
    if (!stage->released)
        release(stage);
    await_index(stage, YK_POP, 1);
    CHECK_EQ(push(stage, 9, YOKE_NOW), 0);
    await_index(stage, YK_POP, 2);
    close_and_reap(stage);
    CHECK(stage->n_got == 1 || stage->n_got == 2);
    CHECK_EQ(stage->got[stage->n_got - 1] + (stage->n_got == 2 ? stage->got[0] : 8), 17);
    note(stage, stage->n_got == 1);
}

static void woken_pop(size_t item_size, int part)
{
    struct stage *stage = new_stage(item_size, item_size ? 2 : 24);

    stage->other = pop_all;
    stage->release = push_eight;
    step(stage, pop_any, after_woken_pop, part_of(part, PARTS, WOKEN));
}

/* The same for room: one of the others gets in if the victim has not; and all of them in the end. */
static void after_woken_push(void *arg, const struct stepkill_run *run)
{
    struct stage *stage = arg;
    int item, n_victims = 0;

    (void)run;
    if (!stage->released)
        release(stage);
    for (uint32_t n = 2; n <= OTHERS + 1; n++) {
        await_index(stage, YK_PUSH, n);
        CHECK_EQ(pop(stage, &item, YOKE_NOW), 0);
        n_victims += item == 7;
    }
    CHECK(n_victims <= 1);
    await_others(stage, OTHERS - (n_victims ? 1 : 0) + (yoke_queue_length(stage->queue) ? 1 : 0));
    close_and_reap(stage);
    note(stage, n_victims == 1);
}

static void pop_one(void *arg)
{
    int item;

    CHECK_EQ(pop(arg, &item, YOKE_NOW), 0);
    CHECK_EQ(item, 1);
}

static void woken_push(size_t item_size, int part)
{
    struct stage *stage = new_stage(item_size, item_size ? 1 : 8);

    stage->first = 1;
    stage->other = push_one;
    stage->release = pop_one;
    step(stage, push_seven, after_woken_push, part_of(part, PARTS, WOKEN));
}

TEST(queue_step_woken_pop_1)
{
    woken_pop(sizeof(int), 0);
}

TEST(queue_step_woken_pop_2)
{
    woken_pop(sizeof(int), 1);
}

TEST(queue_step_woken_pop_bytes_1)
{
    woken_pop(0, 0);
}

TEST(queue_step_woken_pop_bytes_2)
{
    woken_pop(0, 1);
}

TEST(queue_step_woken_push_1)
{
    woken_push(sizeof(int), 0);
}

TEST(queue_step_woken_push_2)
{
    woken_push(sizeof(int), 1);
}

TEST(queue_step_woken_push_bytes_1)
{
    woken_push(0, 0);
}

TEST(queue_step_woken_push_bytes_2)
{
    woken_push(0, 1);
}
