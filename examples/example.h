/* example.h -- the few small things that the examples share, so that each shows its own idea and nothing else. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yoke.h>

/* Hands a result of Yoke on; ends the program with its text if it is an error. */
static inline ptrdiff_t must(const char *what, ptrdiff_t rc)
{
    if (rc >= 0)
        return rc;
    fprintf(stderr, "%s: %s\n", what, yoke_strerror((int)rc));
    exit(1);
}

/* The same for memory. */
static inline void *must_have(void *memory)
{
    if (memory)
        return memory;
    fprintf(stderr, "no memory\n");
    exit(1);
}

static inline double seconds_since(yoke_time start)
{
    return (double)(yoke_now() - start) / 1e9;
}

/* The kind of pool that a command line names: "serial", "threads" or "processes". */
static inline yoke_kind kind_named(const char *name)
{
    static const char *const names[] = {"serial", "threads", "processes"};

    for (int i = 0; i < 3; i++)
        if (strcmp(name, names[i]) == 0)
            return (yoke_kind)(YOKE_SERIAL + i);
    fprintf(stderr, "%s: is none of serial, threads, processes\n", name);
    exit(2);
}

#endif
