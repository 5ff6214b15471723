/* buffers.c -- see buffers.h.  The host believes nothing that it reads back: sizes and places are its own copies, and every
 * word is checked before it is followed. */
#include "exec/buffers.h"

#include <errno.h>
#include <string.h>

/* For each job: up to KEEP is kept for good, up to KEEP_WARM for as long as maps go on to need it, and more is not kept. */
#define KEEP ((size_t)64 << 20)
#define KEEP_WARM ((size_t)1 << 30)
#define KEEP_MAPS 8

/* Room for one piece after the others, on lines of its own; false when the sum does not fit. */
static bool add_piece(size_t *total, size_t count, size_t size, size_t *ret_at)
{
    size_t bytes;

    *ret_at = *total;
    if (!yk_mul(count, size, &bytes) || bytes > SIZE_MAX / 4 || *total > SIZE_MAX / 4)
        return false;
    *total = yk_round_up(*total + bytes, YK_LINE);
    return true;
}

static size_t strings_size(const char *const *strings, size_t n)
{
    size_t size = 0;

    for (size_t i = 0; i < n; i++)
        size += strlen(strings[i]) + 1;
    return size;
}

static void copy_strings(const char *const *strings, size_t n, const char **copies, char *bytes)
{
    for (size_t i = 0; i < n; i++) {
        size_t size = strlen(strings[i]) + 1;

        copies[i] = memcpy(bytes, strings[i], size);
        bytes += size;
    }
}

/* Sees to it that a kept piece has `want` bytes; if it must grow, twice that, so that growing maps do not do this each time. */
static int grow(struct yk_arena *arena, void **memory, size_t *size, size_t want)
{
    size_t room = want <= KEEP / 2 ? 2 * want : want;

    if (*size >= want)
        return 0;
    if (*memory)
        (void)yk_arena_free(arena, *memory);
    *size = 0;
    *memory = yk_arena_alloc_pages(arena, room);
    if (!*memory && room > want)
        *memory = yk_arena_alloc_pages(arena, room = want);
    if (!*memory)
        return -ENOMEM;
    *size = room;
    return 0;
}

/* Where the pieces of a job's data lie. */
struct plan {
    size_t total, codes, scratch, in, out, strings;
};

static bool make_plan(struct plan *plan, const struct yk_items *items, bool copy_in, bool copy_out, unsigned n_workers,
                      size_t stride)
{
    size_t n = items->n, bytes = items->strings ? strings_size(items->strings, n) : 0;

    *plan = (struct plan){0};
    return add_piece(&plan->total, n, sizeof(int32_t), &plan->codes) &&
           add_piece(&plan->total, n_workers, stride, &plan->scratch) &&
           add_piece(&plan->total, copy_in ? n : 0, items->strings ? sizeof(char *) : items->in_size, &plan->in) &&
           add_piece(&plan->total, copy_out ? n : 0, items->out_size, &plan->out) &&
           add_piece(&plan->total, bytes, 1, &plan->strings);
}

static int make_room(struct yk_buffers *b, struct yk_arena *arena, size_t n, size_t data_size)
{
    size_t words_size = b->n_words * sizeof(yk_a64), want;
    void *words = b->words, *data = b->data;
    int rc;

    if (!yk_mul(n, sizeof(yk_a64), &want))
        return -EOVERFLOW;
    rc = grow(arena, &words, &words_size, want);
    b->words = words;
    b->n_words = words_size / sizeof(yk_a64);
    if (rc < 0)
        return rc;
    rc = grow(arena, &data, &b->data_size, data_size);
    b->data = data;
    return rc;
}

int yk_buffers_load(struct yk_buffers *b, struct yk_arena *arena, const struct yk_map *map, unsigned n_workers,
                    struct yk_shared_job *job)
{
    const struct yk_items *items = &map->items;
    bool copy_in = items->strings || !yk_arena_holds(arena, items->in, items->n * items->in_size);
    bool copy_out = items->out && !yk_arena_holds(arena, items->out, items->n * items->out_size);
    size_t stride = items->out ? 0 : yk_round_up(items->out_size, 2 * YK_LINE);
    struct plan plan;
    int rc;

    if (!make_plan(&plan, items, copy_in, copy_out, n_workers, stride))
        return -EOVERFLOW;
    rc = make_room(b, arena, items->n, plan.total);
    if (rc < 0)
        return rc;
    job->items = *items;
    job->words = b->words;
    job->codes = (int32_t *)(void *)(b->data + plan.codes);
    job->scratch = b->data + plan.scratch;
    job->scratch_stride = stride;
    if (items->strings) {
        job->items.strings = (const char *const *)(void *)(b->data + plan.in);
        copy_strings(items->strings, items->n, (const char **)(void *)(b->data + plan.in), b->data + plan.strings);
    } else if (copy_in) {
        job->items.in = memcpy(b->data + plan.in, items->in, items->n * items->in_size);
    }
    if (copy_out)
        job->items.out = b->data + plan.out;
    b->codes = job->codes;
    b->out = job->items.out;
    b->n_small = plan.total < b->data_size / 4 ? b->n_small + 1 : 0;
    return 0;
}

/* ---- afterwards ---- */

static void copy_out(const struct yk_map *map, const char *from, size_t first, size_t count)
{
    const struct yk_items *items = &map->items;

    if (items->out && items->out != from)
        memcpy(items->out + first * items->out_size, from + first * items->out_size, count * items->out_size);
}

/* Together, since a copy and a count for each of a million items cost more than the items. */
static void unload_good(struct yk_map *map, const struct yk_buffers *b, size_t first, size_t count)
{
    if (count == 0)
        return;
    copy_out(map, b->out, first, count);
    yk_map_end(map, first, count, YOKE_DONE, 0);
}

static void unload_mixed(struct yk_map *map, const struct yk_buffers *b, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        int code = b->codes[i];

        if (code == 0)
            copy_out(map, b->out, i, 1);
        yk_map_end(map, i, 1, code == 0 ? YOKE_DONE : YOKE_FAILED, code);
    }
}

static void unload_bad(struct yk_map *map, const struct yk_buffers *b, enum yk_word_state state, size_t first,
                       size_t count, yoke_state rest)
{
    switch (state) {
    case YK_RAN:
        unload_good(map, b, first, count);
        break;
    case YK_MIXED:
        unload_mixed(map, b, first, count);
        break;
    case YK_HAS_CRASHED:
        yk_map_end(map, first, count, YOKE_CRASHED, b->codes[first]);
        break;
    case YK_OVERDUE:
        yk_map_end(map, first, count, YOKE_TIMED_OUT, 0);
        break;
    case YK_READY:
    case YK_CLAIMED:
    case YK_SKIPPED:
    case YK_ORPHAN:
        yk_map_end(map, first, count, rest, 0);
        break;
    }
}

bool yk_buffers_unload(struct yk_buffers *b, struct yk_map *map, yoke_state rest)
{
    size_t n = map->items.n, good = 0, i,
           count; /* items [good, i) all succeeded, and stand in the queue to be copied */

    for (i = 0; i < n; i += count) {
        uint64_t word = yk_load_acq(&b->words[i]); /* pairs with the release in yk_claim_finish and bury */
        enum yk_word_state state = yk_word_state(word);

        /* After the first chunk that nobody has claimed there is none that anybody has. */
        count = state == YK_READY ? n - i : yk_word_count(word);
        if (state > YK_ORPHAN || count == 0 || count > n - i) {
            unload_good(map, b, good, i - good);
            yk_map_end(map, i, n - i, YOKE_LOST, 0);
            return false;
        }
        yk_store_rlx(&b->words[i], yk_word(YK_READY, 0, 0));
        if (state == YK_RAN)
            continue;
        unload_good(map, b, good, i - good);
        unload_bad(map, b, state, i, count, rest);
        good = i + count;
    }
    unload_good(map, b, good, n - good);
    return true;
}

void yk_buffers_trim(struct yk_buffers *b, struct yk_arena *arena)
{
    if (b->data_size > KEEP_WARM || (b->data_size > KEEP && b->n_small >= KEEP_MAPS)) {
        (void)yk_arena_free(arena, b->data);
        b->data = NULL;
        b->data_size = 0;
    }
    if (b->n_words * sizeof(yk_a64) > KEEP) {
        (void)yk_arena_free(arena, b->words);
        b->words = NULL;
        b->n_words = 0;
    }
}
