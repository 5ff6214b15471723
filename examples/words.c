/* words.c -- counts the lines, words and bytes of files, as wc does, with the files shared out over a pool.
 * usage: words kind file...     kind: serial, threads or processes
 *
 * The items are the file names themselves.  A file that cannot be read costs its own line and no other. */
#include <ctype.h>
#include <errno.h>

#include "example.h"

struct counts {
    long lines, words, bytes;
};

static int count(const char *path, struct counts *out)
{
    struct counts counts = {0, 0, 0};
    FILE *file = fopen(path, "rb");
    int in_word = 0;

    if (!file)
        return errno;
    for (int c; (c = getc(file)) != EOF; counts.bytes++) {
        counts.lines += c == '\n';
        counts.words += !isspace(c) && !in_word;
        in_word = !isspace(c);
    }
    int error = ferror(file) ? errno : 0;
    fclose(file);
    if (!error)
        *out = counts;
    return error;
}
YOKE_TASK(count, char, struct counts);

int main(int argc, char **argv)
{
    if (argc < 3)
        return fprintf(stderr, "usage: words serial|threads|processes file...\n"), 2;

    size_t n = (size_t)argc - 2;
    char **paths = argv + 2;
    struct counts *counts = must_have(calloc(n, sizeof *counts)), total = {0, 0, 0};
    yoke_status *statuses = must_have(calloc(n, sizeof *statuses));
    yoke_pool *pool;

    must("pool", yoke_pool_open(&pool, kind_named(argv[1])));
    ptrdiff_t bad = must("map", yoke_pool_map_strings(pool, count, paths, n, counts, .statuses = statuses));
    yoke_pool_free(&pool);

    for (size_t i = 0; i < n; i++) {
        if (statuses[i].state == YOKE_DONE)
            printf("%8ld %8ld %8ld %s\n", counts[i].lines, counts[i].words, counts[i].bytes, paths[i]);
        else
            fprintf(stderr, "%s: %s\n", paths[i], strerror(statuses[i].code));
        total.lines += counts[i].lines;
        total.words += counts[i].words;
        total.bytes += counts[i].bytes;
    }
    printf("%8ld %8ld %8ld total\n", total.lines, total.words, total.bytes);
    free(statuses);
    free(counts);
    return bad != 0;
}
