/* slab.h -- a page of shared memory that is cut into slots of one size, for small objects.
 *
 * Which slots are free is known here, in ordinary memory; the page itself is not touched.  A size that is a multiple of a power of
 * two gets a slot that is one too, and slots are laid from the beginning of the page: so a type keeps its alignment, and what is
 * as large as a cache line shares none. */
#ifndef YK_SLAB_H
#define YK_SLAB_H

#include "base/base.h"

struct yk_run;

enum {
    YK_SLAB_MOST = 2048, /* the largest size */
    YK_SLAB_CLASSES = 12
};

struct yk_slab {
    struct yk_slab *next, **link; /* in the arena's list of those with a free slot; link NULL: not there */
    struct yk_run *run;           /* its page */
    unsigned size_class;
    unsigned n_slots, n_free;
    uint64_t free[]; /* a bit for each slot; 1: free */
};

/* The class of objects of that many bytes (1 to YK_SLAB_MOST), and the size of its slots. */
unsigned yk_slab_class(size_t size);
size_t yk_slab_size(unsigned size_class);

/* Of malloc; NULL without memory. */
struct yk_slab *yk_slab_new(unsigned size_class, size_t page_size);

/* The place in the page of a slot that was free; there must be one. */
size_t yk_slab_take(struct yk_slab *slab);
/* False if no slot that is taken begins at that place. */
bool yk_slab_give(struct yk_slab *slab, size_t at);

#endif
