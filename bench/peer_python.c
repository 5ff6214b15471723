/* peer_python.c -- a Python that is started once, told what to measure on its standard input, and answers with numbers, so
 * that its rounds stand between ours.  It ends when the program does, at the end of its input. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <unistd.h>

#include "bench.h"
#include "peers.h"

extern char **environ;

static FILE *to_python, *from_python;

static int start(void)
{
    char *argv[] = {(char *)"python3", (char *)BENCH_PYTHON_PROGRAM, NULL};
    posix_spawn_file_actions_t actions;
    int in[2], out[2], rc;
    pid_t pid;

    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    rc = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    to_python = fdopen(in[1], "w");
    from_python = fdopen(out[0], "r");
    return rc == 0 && to_python && from_python ? 0 : -1;
}

int peer_python(const void *what, double *values)
{
    char line[128];

    if (!to_python && start() != 0)
        return -1;
    if (fprintf(to_python, "%s\n", (const char *)what) < 0 || fflush(to_python) != 0)
        return -1;
    if (!fgets(line, sizeof line, from_python))
        return -1;
    return sscanf(line, "%lf %lf", &values[0], &values[1]) >= 1 ? 0 : -1;
}
