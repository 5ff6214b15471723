/* processes_init_test.c -- process pools under the zygote of yoke_init: what the program does to its memory afterwards
 * stands in no pool's way. */
#include <stdlib.h>
#include <sys/mman.h>

#include "processes.h"

#define MIB ((size_t)1 << 20)

static void use(yoke_pool *pool)
{
    int in[4] = {GOOD}, out[4];

    CHECK_EQ(yoke_pool_map(pool, do_deed, in, 4, out), 0);
    CHECK(out[0] != getpid());
}

static void open_several_times(void)
{
    for (int i = 0; i < 3; i++) {
        yoke_pool *pool = open_pool(1);

        use(pool);
        yoke_pool_free(&pool);
    }
}

TEST(processes_open_after_the_program_gave_memory_back)
{
    void *memory = malloc(MIB);

    CHECK(memory);
    CHECK_EQ(yoke_init(), 0);
    free(memory);
    open_several_times();
    yoke_done();
}

/* Larger than a pool's reservation, so that the kernel would put that in its place. */
TEST(processes_open_after_the_program_gave_a_large_mapping_back)
{
    size_t size = 2 * 65536 * MIB;
    void *memory;

    if (TEST_THREAD_SANITIZER)
        SKIP("the sanitizer has a say in what lies where");
    memory = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(memory != MAP_FAILED);
    CHECK_EQ(yoke_init(), 0);
    CHECK_EQ(munmap(memory, size), 0);
    open_several_times();
    yoke_done();
}

TEST(processes_open_after_a_pool_from_before_init_has_gone)
{
    yoke_pool *before;

    if (TEST_THREAD_SANITIZER)
        SKIP("the sanitizer has a say in what lies where");
    before = open_pool(1);
    CHECK_EQ(yoke_init(), 0);
    yoke_pool_free(&before);
    open_several_times();
    yoke_done();
}

TEST(processes_open_one_after_the_other)
{
    CHECK_EQ(yoke_init(), 0);
    for (int i = 0; i < 40; i++) {
        void *memory = malloc((size_t)(i % 3 + 1) * MIB);
        yoke_pool *pool = open_pool(1);

        free(memory);
        use(pool);
        yoke_pool_free(&pool);
    }
    yoke_done();
}

TEST(processes_open_side_by_side)
{
    yoke_pool *pools[8];

    CHECK_EQ(yoke_init(), 0);
    for (int i = 0; i < 8; i++)
        pools[i] = open_pool(1);
    for (int i = 0; i < 8; i += 2)
        yoke_pool_free(&pools[i]);
    for (int i = 0; i < 8; i += 2)
        pools[i] = open_pool(1);
    for (int i = 0; i < 8; i++)
        use(pools[i]);
    for (int i = 0; i < 8; i++)
        yoke_pool_free(&pools[i]);
    yoke_done();
}
