/* waitany_shared_test.c -- waits for several things, shared events among them, by processes that are killed: whoever dies, at whatever
 * moment, the others are released. */
#include "base/atomic.h"
#include "ipc/gate.h"
#include "ipc/ring.h"
#include "sharing.h"
#include "sync/wait.h"
#include "waiting.h"

enum { EVENTS = 3 };

/* What the processes of a test share. */
struct page {
    yoke_event events[EVENTS];
};

static struct page *new_page(void)
{
    struct page *page = shared_page();

    for (int i = 0; i < EVENTS; i++)
        yoke_event_init(&page->events[i], YOKE_SHARED);
    return page;
}

/* Nothing ever comes of it. */
static int quiet[2];

/* The first n events, with a private one and, if there are any, descriptors. */
static int wait_for_events(struct page *page, int n, bool with_fd)
{
    static yoke_event own;
    yoke_waitable on[EVENTS + 2];
    size_t count = 0;

    for (int i = 0; i < n; i++)
        on[count++] = yoke_on_event(&page->events[i]);
    on[count++] = yoke_on_event(&own);
    if (with_fd)
        on[count++] = yoke_on_fd(quiet[0]);
    return yoke_wait_any(on, count, YOKE_FOREVER);
}

static int wait_1(void *arg)
{
    return wait_for_events(arg, 1, false);
}

static int wait_3(void *arg)
{
    return wait_for_events(arg, 3, false);
}

static int wait_1_fd(void *arg)
{
    return wait_for_events(arg, 1, true);
}

static int wait_3_fd(void *arg)
{
    return wait_for_events(arg, 3, true);
}

/* How a process can wait, and how many of its threads then sleep on words. */
static const struct {
    int (*run)(void *arg);
    int n_events, n_asleep;
} event_ways[] = {{wait_1, 1, 1}, {wait_3, 3, 3}, {wait_1_fd, 1, 1}, {wait_3_fd, 3, 3}};
enum { EVENT_WAYS = 4 };

static pid_t start(int way, struct page *page)
{
    pid_t pid = forked(event_ways[way].run, page);

    asleep_on_words(pid, event_ways[way].n_asleep);
    return pid;
}

static void check_gives(pid_t pid, int index)
{
    int status = status_of(pid);

    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), index);
}

TEST(each_shared_event_releases_each_way_of_waiting)
{
    struct page *page = new_page();

    CHECK_EQ(pipe(quiet), 0);
    for (int way = 0; way < EVENT_WAYS; way++)
        for (int i = 0; i < event_ways[way].n_events; i++) {
            pid_t pids[2] = {start(way, page), start(way, page)};

            yoke_event_set(&page->events[i]);
            yoke_event_clear(&page->events[i]);
            check_gives(pids[0], i);
            check_gives(pids[1], i);
        }
    munmap(page, 4096);
    close(quiet[0]);
    close(quiet[1]);
}

static void set_word(yoke_event *event)
{
    /* as set does */
    yk_add_rlx((yk_a32 *)&event->word, 3);
}

/* ---- deaths ---- */

static int plain(void *arg)
{
    struct page *page = arg;

    yoke_event_wait(&page->events[0]);
    return 0;
}

/* Waits so, and has not ended when the others have. */
static int way_of_first;

static int wait_and_stay(void *arg)
{
    int index = event_ways[way_of_first].run(arg);

    if (yk_robust_intend(NULL) != NULL)
        return 100; /* it has to do with an event still */
    close(quiet[1]);
    return read(quiet[0], &(char){0}, 1) == 0 ? index : 101;
}

/* Sets the event, and is killed before it could wake anybody. */
static int set_and_die(void *arg)
{
    struct page *page = arg;

    yk_robust_intend((yk_a32 *)&page->events[0].shared);
    set_word(&page->events[0]);
    die();
    return 1;
}

/* The kernel wakes the one that has slept longest, which is the first here: it must wake the others. */
TEST(who_is_woken_by_a_death_wakes_the_others)
{
    for (way_of_first = 0; way_of_first < EVENT_WAYS; way_of_first++) {
        struct page *page = new_page();
        pid_t pids[3];

        CHECK_EQ(pipe(quiet), 0);
        pids[0] = forked(wait_and_stay, page);
        asleep_on_words(pids[0], event_ways[way_of_first].n_asleep);
        pids[1] = forked_asleep(plain, page);
        pids[2] = start(way_of_first, page);
        CHECK(WIFSIGNALED(status_of(forked(set_and_die, page))));
        check_gives(pids[1], 0);
        check_gives(pids[2], 0);
        close(quiet[0]);
        close(quiet[1]);
        check_gives(pids[0], 0);
        munmap(page, 4096);
    }
}

/* The one that is killed may have been woken before; so its death must wake another one. */
TEST(the_death_of_a_waiter_wakes_another)
{
    CHECK_EQ(pipe(quiet), 0);
    for (int way = 0; way < EVENT_WAYS; way++)
        for (int i = 0; i < event_ways[way].n_events; i++) {
            struct page *page = new_page();
            pid_t victim = start(way, page), others[2];

            others[0] = start(way, page);
            others[1] = start(way, page);
            set_word(&page->events[i]); /* and nobody is woken for it */
            kill_and_reap(victim);
            check_gives(others[0], i);
            check_gives(others[1], i);
            munmap(page, 4096);
        }
    close(quiet[0]);
    close(quiet[1]);
}

TEST(helpers_are_one_for_each_shared_event_but_the_first)
{
    struct page *page = new_page();
    yoke_event own = {0};
    yoke_waitable on[EVENTS + 2];
    int threads = count_threads(), ends[2];
    struct waiter waiter;

    CHECK_EQ(pipe(ends), 0);
    for (int i = 0; i < EVENTS; i++)
        on[i] = yoke_on_event(&page->events[i]);
    on[EVENTS] = yoke_on_event(&own);
    on[EVENTS + 1] = yoke_on_fd(ends[0]);
    waiter_begin(&waiter, on, EVENTS + 1, SYS_futex_waitv);
    asleep_on_words(getpid(), 3);
    CHECK_EQ(count_threads(), threads + 1 + 2);
    yoke_event_set(&own);
    CHECK_EQ(waiter_end(&waiter), EVENTS);
    yoke_event_clear(&own);
    waiter_begin(&waiter, on, EVENTS + 2, SYS_poll);
    asleep_on_words(getpid(), 3);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(waiter_end(&waiter), EVENTS + 1);
    munmap(page, 4096);
    close(ends[0]);
    close(ends[1]);
}

/* ---- queues ---- */

static yoke_shm *shm;
static yoke_queue *queue;

static void open_queue(size_t capacity)
{
    CHECK_EQ(yoke_shm_open(&shm, 0), 0);
    CHECK_EQ(yoke_queue_open(&queue, shm, sizeof(int), capacity), 0);
    CHECK_EQ(pipe(quiet), 0);
}

static void close_queue(void)
{
    yoke_queue_free(&queue);
    CHECK_EQ(yoke_shm_free(&shm), 0);
    close(quiet[0]);
    close(quiet[1]);
}

static int watch(void *page)
{
    yoke_waitable on = yoke_on_queue(queue);

    (void)page;
    return yoke_wait_any(&on, 1, YOKE_FOREVER);
}

/* Behind two shared events, and with a descriptor: so a helper does it. */
static int watch_among_others(void *arg)
{
    struct page *page = arg;
    yoke_waitable on[] = {yoke_on_queue(queue), yoke_on_event(&page->events[0]), yoke_on_event(&page->events[1]),
                          yoke_on_fd(quiet[0])};

    return yoke_wait_any(on, 4, YOKE_FOREVER);
}

static const struct {
    int (*run)(void *arg);
    int n_asleep;
} watches[] = {{watch, 1}, {watch_among_others, 3}};

static pid_t start_watch(int way, struct page *page)
{
    pid_t pid = forked(watches[way].run, page);

    asleep_on_words(pid, watches[way].n_asleep);
    return pid;
}

TEST(a_shared_queue_releases_all_who_watch_it)
{
    struct page *page = new_page();

    for (int closes = 0; closes < 2; closes++) {
        pid_t pids[4];

        open_queue(4);
        for (int i = 0; i < 4; i++)
            pids[i] = start_watch(i % 2, page);
        if (closes)
            CHECK_EQ(yoke_queue_close(queue), 0);
        else
            CHECK_EQ(yoke_queue_push(queue, &(int){1}), 0);
        for (int i = 0; i < 4; i++)
            check_gives(pids[i], 0);
        close_queue();
    }
    munmap(page, 4096);
}

static int put_and_die(yoke_queue *q, void *item)
{
    CHECK_EQ(yk_ring_put(q, item), 0);
    die();
    return 0;
}

static int push_and_die(void *arg)
{
    return yk_gate_pass(queue, YK_PUSH, put_and_die, arg, YOKE_NOW);
}

static int pop_one(void *arg)
{
    int item = 0, rc = yoke_queue_pop(queue, &item);

    (void)arg;
    return rc == 0 ? item : 100;
}

static int push_one(void *arg)
{
    return yoke_queue_push(queue, arg);
}

static int item = 7;

/* The producer has published its item, and dies before it could ring for anybody. */
TEST(the_death_of_a_producer_hides_no_item)
{
    struct page *page = new_page();

    for (int way = 0; way < 2; way++) {
        pid_t pids[2];

        open_queue(4);
        pids[0] = start_watch(way, page);
        pids[1] = start_watch(!way, page);
        CHECK(WIFSIGNALED(status_of(forked(push_and_die, &item))));
        check_gives(pids[0], 0);
        check_gives(pids[1], 0);
        CHECK_EQ(yoke_queue_pop_until(queue, &(int){0}, YOKE_NOW), 0);
        close_queue();
    }
    munmap(page, 4096);
}

/* The kernel wakes the one that has slept longest: a watcher, who must see to the consumer. */
TEST(who_watches_stands_in_for_a_dead_producer)
{
    struct page *page = new_page();

    for (int way = 0; way < 2; way++) {
        pid_t watcher, consumer;

        open_queue(4);
        watcher = start_watch(way, page);
        consumer = forked_asleep(pop_one, NULL);
        CHECK(WIFSIGNALED(status_of(forked(push_and_die, &item))));
        check_gives(consumer, item);
        CHECK_EQ(yoke_queue_close(queue), 0);
        check_gives(watcher, 0);
        close_queue();
    }
    munmap(page, 4096);
}

static int stay_inside(yoke_queue *q, void *arg)
{
    (void)q;
    (void)arg;
    for (;;)
        pause();
    return 0;
}

static int enter_and_stay(void *arg)
{
    return yk_gate_pass(queue, YK_PUSH, stay_inside, arg, YOKE_NOW);
}

/* Nothing is ready for the watcher then, and it sleeps on. */
TEST(who_watches_lets_a_producer_in_behind_a_dead_one)
{
    struct page *page = new_page();

    for (int way = 0; way < 2; way++) {
        pid_t inside_it, watcher, producer;

        open_queue(4);
        inside_it = forked(enter_and_stay, NULL);
        inside(inside_it, inside_it, SYS_pause);
        watcher = start_watch(way, page);
        producer = forked_asleep(push_one, &item);
        kill_and_reap(inside_it);
        check_gives(producer, 0);
        check_gives(watcher, 0);
        close_queue();
    }
    munmap(page, 4096);
}

/* A consumer that dies may have been woken for the item before; so another one must be. */
TEST(who_watches_stands_in_for_a_dead_consumer)
{
    struct page *page = new_page();

    for (int way = 0; way < 2; way++) {
        pid_t watcher, consumers[2];

        open_queue(4);
        watcher = start_watch(way, page);
        consumers[0] = forked_asleep(pop_one, NULL);
        consumers[1] = forked_asleep(pop_one, NULL);
        CHECK_EQ(yk_ring_put(queue, &item), 0); /* and nobody is woken for it */
        kill_and_reap(consumers[0]);
        check_gives(consumers[1], item);
        CHECK_EQ(yoke_queue_close(queue), 0);
        check_gives(watcher, 0);
        close_queue();
    }
    munmap(page, 4096);
}
