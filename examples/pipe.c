/* pipe.c -- a process that sorts whatever it is sent, until the pipe comes to its end.
 * usage: pipe [numbers]     1000000 by default
 *
 * Messages have any size, and arrive whole.  A receive without room tells how large the next one is, and leaves it there. */
#include <errno.h>

#include "example.h"

static int compare(const void *a, const void *b)
{
    long x = *(const long *)a, y = *(const long *)b;

    return (x > y) - (x < y);
}

static int sort_all(void *arg)
{
    yoke_pipe *end = arg;
    size_t size;
    int rc;

    while ((rc = yoke_pipe_receive(end, NULL, 0, &size)) == -EMSGSIZE) {
        long *numbers = must_have(malloc(size));

        must("receive", yoke_pipe_receive(end, numbers, size, &size));
        qsort(numbers, size / sizeof *numbers, sizeof *numbers, compare);
        must("send", yoke_pipe_send(end, numbers, size));
        free(numbers);
    }
    return rc == -YOKE_ECLOSED ? 0 : 1;
}

static void have_sorted(yoke_pipe *end, size_t n)
{
    long *numbers = must_have(malloc(n * sizeof *numbers));
    yoke_time start = yoke_now();
    size_t size, i;

    for (i = 0; i < n; i++)
        numbers[i] = (long)((i + 1) * 2654435761u % 1000003);
    must("send", yoke_pipe_send(end, numbers, n * sizeof *numbers));
    must("receive", yoke_pipe_receive(end, numbers, n * sizeof *numbers, &size));
    for (i = 1; i < n && numbers[i - 1] <= numbers[i]; i++)
        continue;
    printf("%zu numbers are %s (%.3fs)\n", size / sizeof *numbers, i == n ? "sorted" : "NOT sorted",
           seconds_since(start));
    free(numbers);
}

int main(int argc, char **argv)
{
    size_t most = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    yoke_pipe here = {0}, there = {0};
    yoke_process sorter = {0};
    yoke_exit how;

    must("open", yoke_pipe_open(&here, &there));
    must("start",
         yoke_process_start(&sorter, sort_all, &there, sizeof there, .pipes = (yoke_pipe *[]){&there}, .n_pipes = 1));
    yoke_pipe_close(&there); /* the sorter has its own: while this one is open, its death would not show */
    for (size_t n = 1; n < most; n *= 100)
        have_sorted(&here, n);
    have_sorted(&here, most);
    yoke_pipe_close(&here);
    must("join", yoke_process_join(&sorter, &how));
    printf("The sorter saw the end, and left with %s %d\n", how.kind == YOKE_EXITED ? "exit code" : "signal",
           how.value);
    yoke_process_close(&sorter);
    return 0;
}
