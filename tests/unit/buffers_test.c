/* What a process pool keeps from one map to the next: it grows seldom, and believes nothing that it reads back. */
#include <errno.h>
#include <string.h>

#include "exec/buffers.h"
#include "test.h"

static struct yk_arena arena;
static struct yk_buffers buffers;

static int run(const void *in, void *out)
{
    (void)in;
    (void)out;
    return 0;
}

static struct yk_map map_of(int *in, int *out, size_t n)
{
    return (struct yk_map){
        .items = {.run = run, .in = (char *)in, .out = (char *)out, .in_size = 4, .out_size = 4, .n = n}};
}

static void open_all(void)
{
    CHECK_EQ(yk_arena_open(&arena, 1 << 26, 1 << 26), 0);
    memset(&buffers, 0, sizeof buffers);
}

TEST(buffers_grow_seldom)
{
    static int in[2000], out[2000];
    struct yk_shared_job job;
    const void *words = NULL, *data = NULL;
    int moves = 0;

    open_all();
    for (size_t n = 1; n <= 2000; n++) {
        struct yk_map map = map_of(in, out, n);

        CHECK_EQ(yk_buffers_load(&buffers, &arena, &map, 2, &job), 0);
        moves += words != buffers.words || data != buffers.data;
        words = buffers.words;
        data = buffers.data;
    }
    CHECK(moves <= 12);
    yk_arena_close(&arena);
}

TEST(buffers_without_room_are_refused)
{
    static int in[10], out[10];
    struct yk_shared_job job;
    struct yk_map map = map_of(in, out, 10);

    open_all();
    map.items.n = (size_t)1 << 26;
    CHECK_EQ(yk_buffers_load(&buffers, &arena, &map, 2, &job), -ENOMEM);
    map.items.n = 10;
    map.items.in_size = SIZE_MAX / 20;
    CHECK_EQ(yk_buffers_load(&buffers, &arena, &map, 2, &job), -EOVERFLOW);
    map.items.in_size = 4;
    CHECK_EQ(yk_buffers_load(&buffers, &arena, &map, 2, &job), 0);
    yk_arena_close(&arena);
}

/* Every word in turn is scribbled over in every way: each item ends once, as lost or better, and nothing is read outside. */
TEST(buffers_survive_any_word)
{
    enum { ITEMS = 6 };
    static const uint64_t counts[] = {0, 1, 2, ITEMS, ITEMS + 1, 0xffffffff};
    int in[ITEMS] = {0}, out[ITEMS];

    open_all();
    for (int at = 0; at < ITEMS; at++) {
        for (unsigned state = 0; state < 16; state++) {
            for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
                struct yk_map map = map_of(in, out, ITEMS);
                yoke_status statuses[ITEMS];
                struct yk_shared_job job;

                map.statuses = statuses;
                CHECK_EQ(yk_buffers_load(&buffers, &arena, &map, 2, &job), 0);
                memset(job.codes, 0, ITEMS * sizeof *job.codes);
                yk_map_begin(&map);
                for (int i = 0; i < ITEMS; i++)
                    yk_store_rlx(&buffers.words[i], yk_word(YK_RAN, 1, 1));
                yk_store_rlx(&buffers.words[at], yk_word((enum yk_word_state)state, 0xfff, counts[c]));
                (void)yk_buffers_unload(&buffers, &map, YOKE_CANCELLED);
                CHECK_EQ(yk_load_rlx(&map.ended), ITEMS);
                for (int i = 0; i < at; i++)
                    CHECK_EQ(statuses[i].state, YOKE_DONE);
                memset(buffers.words, 0, ITEMS * sizeof *buffers.words);
            }
        }
    }
    yk_arena_close(&arena);
}
