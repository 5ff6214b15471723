/* chunk.h -- how many items a worker takes at a time, when the caller does not say: by measurement.
 *
 * A chunk should last long enough that taking it costs nothing (tens of nanoseconds), and short enough that no worker is left
 * with a long tail: 50 to 200 us, and never more than half of an even share of what remains. */
#ifndef YK_CHUNK_H
#define YK_CHUNK_H

#include "base/base.h"

enum {
    YK_CHUNK_FIRST = 1,
    YK_CHUNK_GROWTH = 8,
    YK_CHUNK_SHORT_NS = 50000,
    YK_CHUNK_NS = 100000,
    YK_CHUNK_LONG_NS = 200000
};

/* yk_chunk_next -- the next chunk's size, at least 1, after `last` items (at least 1) that took `ns`. */
static inline size_t yk_chunk_next(size_t last, int64_t ns, size_t remaining, unsigned workers)
{
    size_t share = remaining / (2 * (size_t)workers);
    size_t next = last;

    if (ns < YK_CHUNK_SHORT_NS / YK_CHUNK_GROWTH)
        next = last > SIZE_MAX / YK_CHUNK_GROWTH ? last : last * YK_CHUNK_GROWTH;
    else if (ns < YK_CHUNK_SHORT_NS || ns > YK_CHUNK_LONG_NS)
        next = (size_t)((double)last * YK_CHUNK_NS / (double)ns);
    next = yk_min(next, share);
    return yk_max(next, (size_t)1);
}

#endif
