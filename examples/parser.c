/* parser.c -- a parser with a bug, and why that need not cost more than one file.
 * usage: parser kind file...     kind: serial, threads or processes
 *
 * It adds up the numbers in files of lines such as "apples = 3", and forgets that a line may have no '='.  In a worker
 * process that null pointer costs the one file; in a thread, or without workers, it is the end of the program. */
#include <errno.h>

#include "example.h"

static int sum(const char *path, long *out)
{
    char line[256];
    long total = 0;
    FILE *file = fopen(path, "r");

    if (!file)
        return errno;
    while (fgets(line, sizeof line, file)) {
        const char *value = strchr(line, '='); /* the bug: NULL if there is none ... */

        while (*value == '=' || *value == ' ') /* ... and here it is followed */
            value++;
        total += strtol(value, NULL, 10);
    }
    fclose(file);
    *out = total;
    return 0;
}
YOKE_TASK(sum, char, long);

int main(int argc, char **argv)
{
    if (argc < 3)
        return fprintf(stderr, "usage: parser serial|threads|processes file...\n"), 2;

    size_t n = (size_t)argc - 2;
    char **paths = argv + 2;
    long *sums = must_have(calloc(n, sizeof *sums));
    yoke_status *statuses = must_have(calloc(n, sizeof *statuses));
    yoke_pool *pool;

    must("pool", yoke_pool_open(&pool, kind_named(argv[1])));
    ptrdiff_t bad = must("map", yoke_pool_map_strings(pool, sum, paths, n, sums, .statuses = statuses));
    yoke_pool_free(&pool);

    for (size_t i = 0; i < n; i++) {
        char text[80];

        if (statuses[i].state == YOKE_DONE)
            printf("%s: %ld\n", paths[i], sums[i]);
        else
            printf("%s: %s\n", paths[i], yoke_status_text(statuses[i], text, sizeof text));
    }
    printf("%td of %zu files could not be parsed\n", bad, n);
    free(statuses);
    free(sums);
    return bad != 0;
}
