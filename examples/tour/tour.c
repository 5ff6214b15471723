/* tour.c -- what Yoke does, in half a minute: runs the other examples one after the other, with short naps.
 * usage: tour
 *
 * Every program is run in a process of its own, by Yoke.  Exits with 1 if one of them did not end well. */
#define _XOPEN_SOURCE 700
#include <unistd.h>

#include "../example.h"

/* A program of this folder, with its arguments.  A process sees what stood here when it was started. */
struct step {
    const char *title;
    const char *argv[5];
};

static const struct step steps[] = {
    {"Threads: a function, and a lock", {"thread_function", "0.2"}},
    {"The same, sleeping inside the lock: nothing is gained", {"thread_function", "0.2", "inside"}},
    {"Threads: a class", {"thread_class", "0.2"}},
    {"Processes: the same verbs; a crash is only an exit", {"process", "0.2"}},
    {"A pool: starmap of ten naps over two worker processes", {"pool_starmap", "0.2", "2"}},
    {"Workers at a queue, which lies in shared memory", {"queue", "processes"}},
    {"A pipeline: a thread, four processes, a thread; and one is killed, which costs one line at most",
     {"pipeline", "-k", "/usr/include/elf.h", "/usr/include/stdio.h"}},
    {"Processes at a barrier, each turn; one dies, and the others are told", {"barrier", "processes", "4", "500"}},
    {"All of them side by side", {"compare", "0.2"}},
    {"A computation in parts: pi, to the same last bit each time", {"integral"}},
    {"A matrix product in memory that worker processes share", {"matrix"}},
    {"Every file under /usr/include and /usr/share/doc", {"files"}},
    {"What it costs and what it brings, on this machine", {"costs"}},
};

static char folder[4096]; /* where this program is */

static int run_step(void *arg)
{
    const struct step *step = *(const struct step *const *)arg;
    char path[sizeof folder + 64];

    snprintf(path, sizeof path, "%s/%s", folder, step->argv[0]);
    execv(path, (char *const *)(uintptr_t)step->argv);
    perror(path);
    return 127;
}

int main(void)
{
    int bold = isatty(STDOUT_FILENO), failed = 0;
    yoke_time start = yoke_now();
    ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);
    char *slash = length > 0 ? strrchr(folder, '/') : NULL;

    if (!slash)
        return fprintf(stderr, "tour: cannot tell where its programs are\n"), 1;
    *slash = '\0';

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const struct step *step = &steps[i];
        yoke_process process = {0};
        yoke_exit how;

        printf("%s%s%s\n$", bold ? "\033[1m" : "", step->title, bold ? "\033[0m" : "");
        for (int k = 0; step->argv[k]; k++)
            printf(" %s", step->argv[k]);
        printf("\n");
        fflush(stdout);
        must("start", yoke_process_start(&process, run_step, &step, sizeof step, .name = step->argv[0]));
        must("join", yoke_process_join(&process, &how));
        yoke_process_close(&process);
        if (how.kind != YOKE_EXITED || how.value != 0) {
            printf("FAILED: %s %d\n", how.kind == YOKE_EXITED ? "exit code" : "signal", how.value);
            failed++;
        }
        printf("\n");
    }
    printf("The tour took %.0f s; %d of its programs failed.\n", seconds_since(start), failed);
    return failed != 0;
}
