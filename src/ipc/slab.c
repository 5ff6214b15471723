/* slab.c -- see slab.h. */
#include "ipc/slab.h"

#include <stdlib.h>

static const uint16_t sizes[YK_SLAB_CLASSES] = {16, 32, 48, 64, 128, 192, 256, 384, 512, 768, 1024, YK_SLAB_MOST};

unsigned yk_slab_class(size_t size)
{
    unsigned size_class = 0;

    while (sizes[size_class] < size)
        size_class++;
    return size_class;
}

size_t yk_slab_size(unsigned size_class)
{
    return sizes[size_class];
}

struct yk_slab *yk_slab_new(unsigned size_class, size_t page_size)
{
    unsigned n = (unsigned)(page_size / sizes[size_class]), n_words = (n + 63) / 64;
    struct yk_slab *slab = malloc(sizeof *slab + n_words * sizeof(uint64_t));

    if (!slab)
        return NULL;
    *slab = (struct yk_slab){.size_class = size_class, .n_slots = n, .n_free = n};
    for (unsigned i = 0; i < n_words; i++)
        slab->free[i] = UINT64_MAX;
    if (n % 64 != 0)
        slab->free[n_words - 1] = ((uint64_t)1 << n % 64) - 1;
    return slab;
}

size_t yk_slab_take(struct yk_slab *slab)
{
    unsigned word = 0, bit;

    yk_assert(slab->n_free > 0);
    while (slab->free[word] == 0)
        word++;
    bit = (unsigned)__builtin_ctzll(slab->free[word]);
    slab->free[word] &= slab->free[word] - 1;
    slab->n_free--;
    return (word * (size_t)64 + bit) * sizes[slab->size_class];
}

bool yk_slab_give(struct yk_slab *slab, size_t at)
{
    size_t slot = at / sizes[slab->size_class];
    uint64_t bit = (uint64_t)1 << slot % 64;

    if (at % sizes[slab->size_class] != 0 || slot >= slab->n_slots || slab->free[slot / 64] & bit)
        return false;
    slab->free[slot / 64] |= bit;
    slab->n_free++;
    return true;
}
