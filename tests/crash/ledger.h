/* ledger.h -- what every crash test checks: each item ended exactly once, and none was run twice.
 *
 * The items of a map are pointers into a ledger in memory that all processes share.  A task enters its item when its code
 * starts and signs it when it ends. */
#ifndef LEDGER_H
#define LEDGER_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <yoke.h>

#include "test.h"

struct entry {
    uint32_t started;
    uint32_t ended;
};

struct ledger {
    int n;
    struct entry *entries; /* shared by all processes */
    struct entry **items;  /* what is mapped */
    uint32_t *results;
    yoke_status *statuses;
};

static inline void *shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(memory != MAP_FAILED);
    return memory;
}

/* Items started in all processes since ledger_open; for who wants to see that there is progress. */
static uint32_t *ledger_started;

static inline int sign(struct entry *const *in, uint32_t *out)
{
    if (ledger_started)
        __atomic_fetch_add(ledger_started, 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&(*in)->started, 1, __ATOMIC_SEQ_CST);
    *out = 0x51900000u + (uint32_t)yoke_task_index();
    __atomic_fetch_add(&(*in)->ended, 1, __ATOMIC_SEQ_CST);
    return 0;
}
YOKE_TASK(sign, struct entry *, uint32_t);

static inline struct ledger ledger_open(int n)
{
    size_t count = (size_t)n;
    struct ledger l = {n, shared_memory(count * sizeof *l.entries), malloc(count * sizeof *l.items),
                       malloc(count * sizeof *l.results), malloc(count * sizeof *l.statuses)};

    CHECK(l.items && l.results && l.statuses);
    for (int i = 0; i < n; i++)
        l.items[i] = &l.entries[i];
    return l;
}

static inline void ledger_clear(struct ledger *l)
{
    memset(l->entries, 0, (size_t)l->n * sizeof *l->entries);
    memset(l->results, 0, (size_t)l->n * sizeof *l->results);
    memset(l->statuses, 0xee, (size_t)l->n * sizeof *l->statuses);
}

static inline void ledger_close(struct ledger *l)
{
    munmap(l->entries, (size_t)l->n * sizeof *l->entries);
    free(l->items);
    free(l->results);
    free(l->statuses);
}

/* Checks every item after a map that returned `bad`; gives how many crashed.  `lost`: items may have been lost. */
static inline int ledger_check(const struct ledger *l, ptrdiff_t bad, int lost)
{
    int crashed = 0, others = 0;

    for (int i = 0; i < l->n; i++) {
        const struct entry *entry = &l->entries[i];

        CHECK(entry->started <= 1);
        switch (l->statuses[i].state) {
        case YOKE_DONE:
            CHECK_EQ(entry->ended, 1);
            CHECK_EQ(l->results[i], 0x51900000u + (uint32_t)i);
            break;
        case YOKE_CRASHED:
            crashed++;
            CHECK_EQ(l->statuses[i].code, -9);
            break;
        case YOKE_LOST:
            others++;
            CHECK(lost);
            break;
        case YOKE_FAILED:
        case YOKE_TIMED_OUT:
        case YOKE_CANCELLED:
        default:
            fprintf(stderr, "item %d: state %d\n", i, (int)l->statuses[i].state);
            CHECK(!"a state that nothing here explains");
        }
    }
    CHECK_EQ(bad, crashed + others);
    return crashed;
}

#endif
