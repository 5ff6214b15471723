/* memory.h -- the weak memory of the explorer; included by explore.c alone.
 *
 * Each atomic location keeps every value that was written to it, in modification order.  A thread's view says how
 * far along each location it has got: it may read its position or anything newer.  A release write attaches the
 * writer's view to the value; an acquire read joins that view to the reader's.  A relaxed write attaches the view of
 * the last release fence, a relaxed read keeps the view for the next acquire fence.  (Views: Kang et al., "A
 * Promising Semantics for Relaxed-Memory Concurrency", POPL 2017; without promises.)
 *
 * Sequential consistency: fences meet in one global view.  An operation with that order is not a fence: an SC load
 * reads no older than the last SC write to its location, and than what was fenced before (C11, 7.17.3 p6-p9).
 *
 * Plain data has no values here, only events: a write must have seen every read and write before it, a read every
 * write, or it is a race.  Fences alone order atomics, not data; so the global view leaves `data` out. */
#include <stdio.h>
#include <string.h>

enum { LOCATIONS = 40, DATA = 8, MESSAGES = 160, EVENTS = DATA * (EXPLORE_THREADS + 1) };

/* What does not exist yet is 0 in all of them. */
struct view {
    uint8_t at[LOCATIONS];
    uint8_t data[EVENTS];
};

struct message {
    uint64_t value;
    struct view view;
};

struct location {
    void *address;
    unsigned size;
    int n;
    uint64_t newest;
    uint8_t sc_written; /* its last SC write */
    struct message *messages;
};

/* What a thread knows of the memory. */
struct knowledge {
    struct view now;
    struct view acquired; /* by relaxed reads, waiting for an acquire fence */
    struct view released; /* as of the last release fence */
    unsigned long writes; /* how many are its own */
};

static struct message messages[LOCATIONS][MESSAGES];
static struct location locations[LOCATIONS];
static const void *addresses[LOCATIONS]; /* of the locations, once more: for a quick search */
static int n_locations;
static const void *data_objects[DATA];
static uint8_t data_events[EVENTS]; /* per object: its writes, then each thread's reads */
static int n_data;
static struct view fenced;     /* the global view of SC fences */
static unsigned long n_writes; /* for spinning threads: has anything happened? */

static bool acquires(int order)
{
    return order == __ATOMIC_ACQUIRE || order == __ATOMIC_CONSUME || order == __ATOMIC_ACQ_REL ||
           order == __ATOMIC_SEQ_CST;
}

static bool releases(int order)
{
    return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

static void memory_reset(void)
{
    n_locations = n_data = 0;
    n_writes = 0;
    memset(&fenced, 0, sizeof fenced);
    memset(data_events, 0, sizeof data_events);
}

/* The larger of each two bytes; written so that the compiler makes a few vector instructions of it. */
static __attribute__((noinline)) void join(struct view *restrict into, const struct view *restrict from)
{
    uint8_t *restrict a = (uint8_t *)into;
    const uint8_t *restrict b = (const uint8_t *)from;

    for (size_t i = 0; i < sizeof *into; i++)
        a[i] = b[i] > a[i] ? b[i] : a[i];
}

static uint64_t memory_plain(const void *address, unsigned size)
{
    uint64_t value = 0;
    uint32_t usual;

    /* the usual size by itself, since that is much quicker */
    if (size == sizeof usual) {
        memcpy(&usual, address, sizeof usual);
        return usual;
    }
    /* little-endian, as every system that this runs on */
    memcpy(&value, address, size);
    return value;
}

/* The location of an address; its first value is what plain memory holds.  Of a larger object the kernel may be shown a part: the
 * low half, which is at the same address, or the upper half. */
static int locate(const void *address, unsigned size)
{
    for (int i = 0; i < n_locations; i++)
        if (addresses[i] == address) {
            if (size > locations[i].size)
                explore_fail("an atomic object is larger than it was before");
            if (memory_plain(address, locations[i].size) != locations[i].newest)
                explore_fail("an atomic object was changed by a plain store");
            return i;
        }
    for (int i = 0; i < n_locations; i++)
        if ((const char *)address - (const char *)addresses[i] == (ptrdiff_t)size && size < locations[i].size)
            return i;
    if (n_locations == LOCATIONS)
        explore_fail("the explorer has too few locations");

    uint64_t value = memory_plain(address, size);

    addresses[n_locations] = address;
    locations[n_locations] = (struct location){
        .address = (void *)address, .size = size, .n = 1, .newest = value, .messages = messages[n_locations]};
    messages[n_locations][0] = (struct message){.value = value};
    return n_locations++;
}

/* The oldest message that a read of this order may return. */
static int memory_oldest(const struct knowledge *thread, int l, int order)
{
    int oldest = thread->now.at[l];

    if (order == __ATOMIC_SEQ_CST) {
        if (locations[l].sc_written > oldest)
            oldest = locations[l].sc_written;
        if (fenced.at[l] > oldest)
            oldest = fenced.at[l];
    }
    return oldest;
}

static uint64_t memory_read(struct knowledge *thread, int l, int message, int order)
{
    struct message *m = &locations[l].messages[message];

    if (thread->now.at[l] < message)
        thread->now.at[l] = (uint8_t)message;
    join(acquires(order) ? &thread->now : &thread->acquired, &m->view);
    return m->value;
}

/* Appends a message.  `previous`: the one that a read-modify-write read, whose release sequence it continues, or -1. */
static void memory_write(struct knowledge *thread, int l, uint64_t value, int order, int previous)
{
    struct location *location = &locations[l];
    int index = location->n;

    if (index == MESSAGES)
        explore_fail("livelock: one location was written too often");
    location->n++;
    n_writes++;
    thread->writes++;
    thread->now.at[l] = (uint8_t)index;
    if (order == __ATOMIC_SEQ_CST)
        location->sc_written = (uint8_t)index;

    struct message *m = &location->messages[index];

    if (location->size < sizeof value)
        value &= (UINT64_C(1) << (8 * location->size)) - 1;
    m->value = location->newest = value;
    m->view = releases(order) ? thread->now : thread->released;
    if (previous >= 0)
        join(&m->view, &location->messages[previous].view);
    m->view.at[l] = (uint8_t)index;
    memcpy(location->address, &value, location->size);
}

static void memory_fence(struct knowledge *thread, int order)
{
    if (acquires(order))
        join(&thread->now, &thread->acquired);
    if (order == __ATOMIC_SEQ_CST) {
        for (int l = 0; l < n_locations; l++)
            if (locations[l].sc_written > fenced.at[l])
                fenced.at[l] = locations[l].sc_written;
        for (int l = 0; l < n_locations; l++)
            if (fenced.at[l] > thread->now.at[l])
                thread->now.at[l] = fenced.at[l];
        memcpy(fenced.at, thread->now.at, sizeof fenced.at);
    }
    if (releases(order))
        thread->released = thread->now;
}

/* Everything that was written becomes visible: to a thread that has spun for long. */
static void memory_catch_up(struct knowledge *thread)
{
    for (int l = 0; l < n_locations; l++)
        thread->now.at[l] = (uint8_t)(locations[l].n - 1);
}

/* A read (or a write) of plain data by thread number `self`. */
static void memory_data(struct knowledge *thread, int self, const void *object, bool write)
{
    int d = 0;

    while (d < n_data && data_objects[d] != object)
        d++;
    if (d == n_data) {
        if (n_data == DATA)
            explore_fail("the explorer has too few data objects");
        data_objects[n_data++] = object;
    }

    int writes = d * (EXPLORE_THREADS + 1);
    int reads = writes + 1;

    if (thread->now.data[writes] < data_events[writes])
        explore_fail(write ? "data race: two writes" : "data race: a read does not happen after the write");
    for (int i = 0; write && i < EXPLORE_THREADS; i++)
        if (i != self && thread->now.data[reads + i] < data_events[reads + i])
            explore_fail("data race: a write does not happen after a read");

    int event = write ? writes : reads + self;

    thread->now.data[event] = ++data_events[event];
}
