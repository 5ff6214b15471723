/* files.c -- one C function over every file of two directory trees: serially, in threads, in processes.
 * usage: files [directory...]     /usr/include and /usr/share/doc by default
 *
 * Counts the lines, words and bytes of every file in each of the three ways, demands the same results in the same order,
 * and asks an independent program, wc, for the same numbers.  The process run gets one item more, in the middle, which
 * follows a null pointer: it must come back as crashed, and nothing else may change.
 * Exits with 1, and a line that says what, if anything disagrees. */
#define _XOPEN_SOURCE 700
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

#include "../example.h"

static const char crash_path[] = "(follows a null pointer)";

/* The bytes that make a word.  For wc of GNU coreutils before 9.5 those are printable, for later ones all but space:
 * main asks it, before there are workers. */
static char in_words[256];

struct counts {
    long lines, words, bytes;
};

static int count(const char *path, struct counts *out)
{
    unsigned char buffer[64 * 1024];
    struct counts counts = {0, 0, 0};
    int *volatile nothing = NULL, in_word = 0;
    ssize_t n;

    if (strcmp(path, crash_path) == 0)
        return *nothing;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    while ((n = read(fd, buffer, sizeof buffer)) > 0) {
        counts.bytes += n;
        for (ssize_t i = 0; i < n; i++) {
            counts.lines += buffer[i] == '\n';
            counts.words += in_words[buffer[i]] && !in_word;
            in_word = in_words[buffer[i]] || (in_word && !isspace(buffer[i]));
        }
    }
    int error = n < 0 ? errno : 0;
    close(fd);
    if (!error)
        *out = counts;
    return error;
}
YOKE_TASK(count, char, struct counts);

static void fail(const char *what)
{
    fflush(stdout);
    fprintf(stderr, "files: %s\n", what);
    exit(1);
}

/* The files found; nftw's function gets no argument for them.  One more place is kept for crash_path. */
static const char **paths;
static size_t n_paths;

static int found(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)where;
    if (type != FTW_F || !S_ISREG(status->st_mode))
        return 0;
    if ((n_paths & (n_paths - 1)) == 0) /* no room left: twice as much */
        paths = must_have(realloc(paths, (2 * n_paths + 2) * sizeof *paths));
    paths[n_paths++] = must_have(strdup(path));
    return 0;
}

struct run {
    const char *name;
    yoke_kind kind;
    struct counts *counts;
    yoke_status *statuses;
    double seconds;
};

static ptrdiff_t map_files(struct run *run, size_t n)
{
    yoke_pool *pool;

    run->counts = must_have(calloc(n, sizeof *run->counts));
    run->statuses = must_have(calloc(n, sizeof *run->statuses));
    must(run->name, yoke_pool_open(&pool, run->kind, .workers = run->kind == YOKE_SERIAL ? 1 : 0));
    yoke_time start = yoke_now();
    ptrdiff_t bad =
        must(run->name, yoke_pool_map_strings(pool, count, paths, n, run->counts, .statuses = run->statuses));
    run->seconds = seconds_since(start);
    yoke_pool_free(&pool);
    return bad;
}

/* The process run, with the crashing item put into the middle before and taken out of everything afterwards. */
static ptrdiff_t map_files_and_crash(struct run *run, char *text, size_t size)
{
    size_t middle = n_paths / 2, after = n_paths - middle;

    memmove(&paths[middle + 1], &paths[middle], after * sizeof *paths);
    paths[middle] = crash_path;
    ptrdiff_t bad = map_files(run, n_paths + 1);
    yoke_status_text(run->statuses[middle], text, size);
    if (run->statuses[middle].state != YOKE_CRASHED)
        fail("the item that follows a null pointer did not come back as crashed");
    memmove(&paths[middle], &paths[middle + 1], after * sizeof *paths);
    memmove(&run->counts[middle], &run->counts[middle + 1], after * sizeof *run->counts);
    memmove(&run->statuses[middle], &run->statuses[middle + 1], after * sizeof *run->statuses);
    return bad - 1;
}

/* Asks wc about every file that could be read; gives their number and the total, or fails. */
static size_t compare_with_wc(const struct run *run, struct counts *total)
{
    FILE *list = tmpfile();
    char line[8192];
    size_t n = 0;

    if (!list)
        fail("no temporary file for the names");
    for (size_t i = 0; i < n_paths; i++)
        if (run->statuses[i].state == YOKE_DONE)
            fwrite(paths[i], 1, strlen(paths[i]) + 1, list);
    fflush(list);
    snprintf(line, sizeof line, "LC_ALL=C wc -lwc --files0-from=/proc/self/fd/%d", fileno(list));
    FILE *wc = popen(line, "r");
    for (size_t i = 0; wc && i < n_paths; i++) {
        struct counts c = {0, 0, 0}, mine = run->counts[i];

        if (run->statuses[i].state != YOKE_DONE)
            continue;
        if (!fgets(line, sizeof line, wc) || sscanf(line, "%ld %ld %ld", &c.lines, &c.words, &c.bytes) != 3 ||
            c.lines != mine.lines || c.words != mine.words || c.bytes != mine.bytes) {
            printf("\n  %s: %ld %ld %ld, wc says %ld %ld %ld\n", paths[i], mine.lines, mine.words, mine.bytes, c.lines,
                   c.words, c.bytes);
            fail("wc disagrees");
        }
        *total = (struct counts){total->lines + c.lines, total->words + c.words, total->bytes + c.bytes};
        n++;
    }
    while (wc && fgets(line, sizeof line, wc)) /* its total */
        ;
    if (!wc || pclose(wc) != 0)
        fail("wc failed");
    fclose(list);
    return n;
}

static void ask_wc_what_words_are_made_of(void)
{
    FILE *wc = popen("printf '\\001' | LC_ALL=C wc -w", "r");
    int all = wc && getc(wc) == '1';

    if (wc)
        pclose(wc);
    for (int c = 0; c < 256; c++)
        in_words[c] = all ? !isspace(c) : isgraph(c) != 0;
}

int main(int argc, char **argv)
{
    struct run runs[] = {{.name = "serial", .kind = YOKE_SERIAL},
                         {.name = "threads", .kind = YOKE_THREADS},
                         {.name = "processes", .kind = YOKE_PROCESSES}};
    struct counts total = {0, 0, 0};
    char *defaults[] = {argv[0], "/usr/include", "/usr/share/doc", NULL}, **roots = argc > 1 ? argv : defaults;
    char crash_text[80];

    ask_wc_what_words_are_made_of();
    for (int i = 1; roots[i]; i++)
        nftw(roots[i], found, 32, FTW_PHYS);
    if (n_paths == 0)
        fail("no regular file found");

    map_files(&(struct run){.name = "warm up", .kind = YOKE_SERIAL}, n_paths); /* so that all read from memory */
    ptrdiff_t bad = map_files(&runs[0], n_paths);
    map_files(&runs[1], n_paths);
    map_files_and_crash(&runs[2], crash_text, sizeof crash_text);

    printf("%zu regular files, %td of them unreadable\n\n", n_paths, bad);
    printf("  %-10s %9s %9s %12s\n", "", "seconds", "speed-up", "files/s");
    for (int i = 0; i < 3; i++)
        printf("  %-10s %9.3f %9.2f %12.0f\n", runs[i].name, runs[i].seconds, runs[0].seconds / runs[i].seconds,
               (double)n_paths / runs[i].seconds);
    for (size_t i = 0, shown = 0; i < n_paths && shown < 5; i++)
        if (runs[0].statuses[i].state != YOKE_DONE)
            printf("%s  %s: %s\n", shown++ == 0 ? "\n" : "", paths[i], strerror(runs[0].statuses[i].code));

    for (int i = 1; i < 3; i++)
        if (memcmp(runs[0].counts, runs[i].counts, n_paths * sizeof *runs[i].counts) != 0 ||
            memcmp(runs[0].statuses, runs[i].statuses, n_paths * sizeof *runs[i].statuses) != 0)
            fail("the results of the three runs differ");
    printf("\n  The three runs gave the same results in the same order.\n");
    printf("  The extra item, which follows a null pointer: %s.\n", crash_text);
    size_t checked = compare_with_wc(&runs[0], &total);
    printf("  wc agrees on each of %zu files: %ld lines, %ld words, %ld bytes in all.\n", checked, total.lines,
           total.words, total.bytes);
    return 0;
}
