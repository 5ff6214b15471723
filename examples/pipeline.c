/* pipeline.c -- counts like wc, in three stages with queues between them: a thread reads lines; processes count; a thread adds up.
 * usage: pipeline [-k] FILE...     -k: kills one of the processes after 1000 lines, which costs one line at most
 *
 * No stage waits for another but through a queue that is full or empty, and none needs to know how many there are of the next. */
#define _XOPEN_SOURCE 700 /* getline */
#include <errno.h>

#include "example.h"

enum { N_COUNTERS = 4, LONGEST = 1 << 20 };

struct count {
    size_t lines, words, bytes;
};

struct pipeline {
    yoke_queue *lines;  /* of any size */
    yoke_queue *counts; /* struct count */
    char **files;
    struct count total;
    yoke_process *victim; /* NULL: nobody is killed */
};

static void send_lines(yoke_queue *to, const char *name)
{
    FILE *file = fopen(name, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t size;

    if (!file)
        fprintf(stderr, "%s: %s\n", name, strerror(errno));
    while (file && (size = getline(&line, &room, file)) > 0)
        if (size <= LONGEST)
            must("push", yoke_queue_push_bytes(to, line, (size_t)size));
        else
            fprintf(stderr, "%s: left out a line of %zd bytes\n", name, size);
    if (file)
        fclose(file);
    free(line);
}

static int read_files(void *arg)
{
    struct pipeline *pipeline = arg;

    for (char **file = pipeline->files; *file; file++)
        send_lines(pipeline->lines, *file);
    yoke_queue_close(pipeline->lines); /* each process takes what is left, and then comes to its end */
    return 0;
}

/* In processes of their own; the queues are the same ones there. */
static int count_lines(void *arg)
{
    static const char blanks[] = {' ', '\t', '\n', '\v', '\f', '\r'};
    struct pipeline *pipeline = arg;
    char *line = must_have(malloc(LONGEST));
    size_t size;

    while (yoke_queue_pop_bytes(pipeline->lines, line, LONGEST, &size) == 0) {
        struct count count = {.bytes = size};
        char before = ' ';

        for (size_t i = 0; i < size; before = line[i++]) {
            count.lines += line[i] == '\n';
            count.words += !memchr(blanks, line[i], sizeof blanks) && memchr(blanks, before, sizeof blanks);
        }
        must("push", yoke_queue_push(pipeline->counts, &count));
    }
    free(line);
    return 0;
}

static int add_up(void *arg)
{
    struct pipeline *pipeline = arg;
    struct count count;

    for (int n = 1; yoke_queue_pop(pipeline->counts, &count) == 0; n++) {
        if (n == 1000 && pipeline->victim)
            must("kill", yoke_process_kill(pipeline->victim));
        pipeline->total.lines += count.lines;
        pipeline->total.words += count.words;
        pipeline->total.bytes += count.bytes;
    }
    return 0;
}

int main(int argc, char **argv)
{
    int kills = argc > 1 && strcmp(argv[1], "-k") == 0;
    struct pipeline pipeline = {.files = argv + 1 + kills};
    yoke_process counters[N_COUNTERS] = {{0}};
    yoke_thread reader = {0}, adder = {0};
    yoke_exit how;
    yoke_shm *shm;

    if (kills)
        pipeline.victim = &counters[0];
    must("shared memory", yoke_shm_open(&shm, 0));
    must("queue", yoke_queue_open(&pipeline.lines, shm, 0, 4 * LONGEST));
    must("queue", yoke_queue_open(&pipeline.counts, shm, sizeof(struct count), 1024));
    for (int i = 0; i < N_COUNTERS; i++)
        must("start", yoke_process_start(&counters[i], count_lines, &pipeline, sizeof pipeline));
    must("start", yoke_thread_start(&reader, read_files, &pipeline));
    must("start", yoke_thread_start(&adder, add_up, &pipeline));

    must("join", yoke_thread_join(&reader, NULL));
    for (int i = 0; i < N_COUNTERS; i++) {
        must("join", yoke_process_join(&counters[i], &how));
        if (how.kind == YOKE_SIGNALLED)
            printf("one was killed by signal %d\n", how.value);
    }
    yoke_queue_close(pipeline.counts); /* all that could have pushed there have ended */
    must("join", yoke_thread_join(&adder, NULL));
    for (int i = 0; i < N_COUNTERS; i++)
        yoke_process_close(&counters[i]);
    printf("%zu %zu %zu\n", pipeline.total.lines, pipeline.total.words, pipeline.total.bytes);
    yoke_queue_free(&pipeline.lines);
    yoke_queue_free(&pipeline.counts);
    must("free", yoke_shm_free(&shm));
    return 0;
}
