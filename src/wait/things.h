/* things.h -- the things that one call waits for: which are ready, and what to sleep on for those that are not. */
#ifndef YK_THINGS_H
#define YK_THINGS_H

#include <yoke/wait.h>

#include "os/os.h"

/* A thing is a word (or two), on which a thread sleeps, or a descriptor, which it polls.  The words are divided into parts, each for
 * one thread to sleep on: part 0 has all that are private and the first shared one, each other part has one shared one; for a
 * thread can intend one grave only (sync/wait.h).  Written by prepare. */
struct yk_things {
    const yoke_waitable *on;
    unsigned n, n_fds, n_parts;
    uint32_t before[YOKE_WAITABLES_MAX]; /* for events */
    uint8_t part[YOKE_WAITABLES_MAX];    /* for words */
};

/* The most words that a part has, its grave with them: a queue has two. */
enum { YK_PART_MOST = YOKE_WAITABLES_MAX + 2 };

/* Checks each, and puts it where it belongs.  on: borrowed for as long as the things are used. */
int yk_things_prepare(struct yk_things *things, const yoke_waitable *on, unsigned n);

/* The index of the first that is ready; -EAGAIN if none is. */
int yk_things_first(const struct yk_things *things);

/* Lists the descriptors; returns how many. */
unsigned yk_things_fds(const struct yk_things *things, struct yk_ready ready[YOKE_WAITABLES_MAX]);

/* Lists the words of a part, the one that never changes last; returns how many; 0 if something of it is ready (or wrong). */
unsigned yk_things_words(const struct yk_things *things, unsigned part, struct yk_wait waits[YK_PART_MOST]);

/* Around all sleeps on a part; and after each that ended by a wake.  has_slept: there was one. */
void yk_things_intend(const struct yk_things *things, unsigned part);
void yk_things_woken(const struct yk_things *things, unsigned part);
void yk_things_settle(const struct yk_things *things, unsigned part, bool has_slept);

#endif
