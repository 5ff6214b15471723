/* buffers.h -- the shared memory behind one job of a process pool: state words, codes, and copies of items and results.
 *
 * Kept from one map to the next, since fresh pages cost more than a warm copy.  The struct lies in the host's own memory. */
#ifndef YK_BUFFERS_H
#define YK_BUFFERS_H

#include "exec/board.h"
#include "ipc/arena.h"

struct yk_buffers {
    yk_a64 *words; /* all READY between two maps */
    size_t n_words;
    char *data;
    size_t data_size;
    unsigned n_small; /* maps in a row that needed much less */
    /* Of the map that is loaded: */
    const int32_t *codes;
    const char *out; /* where the workers leave the results; NULL: nowhere */
};

/* Makes room for the map, copies its items in, and fills the job's items, words, codes and scratch.  What already lies in the
 * arena is used in place.  -ENOMEM, -EOVERFLOW, with nothing changed that the caller can see. */
int yk_buffers_load(struct yk_buffers *buffers, struct yk_arena *arena, const struct yk_map *map, unsigned n_workers,
                    struct yk_shared_job *job);

/* The job has ended: walks its words from chunk to chunk, copies good results out, ends every item of the map, and makes the
 * words READY again.  `rest`: what to call items that were not started.  False if the words make no sense (a worker has
 * scribbled over them); the items from there on are then YOKE_LOST. */
bool yk_buffers_unload(struct yk_buffers *buffers, struct yk_map *map, yoke_state rest);

/* Gives back what is too large to keep. */
void yk_buffers_trim(struct yk_buffers *buffers, struct yk_arena *arena);

#endif
