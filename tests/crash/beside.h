/* beside.h -- processes beside one that is stepped and killed (stepkill.h): who sleeps, telling and waiting, and the stepping itself. */
#ifndef BESIDE_H
#define BESIDE_H

#include <limits.h>

#include "base/atomic.h"
#include "os/os.h"
#include "stepkill.h"
#include "unit/sharing.h"

/* Counters of coverage multiply the instructions by ten. */
#ifdef TEST_COVERAGE
enum { STRIDE = 7 };
#else
enum { STRIDE = 1 };
#endif

/* As /proc shows it: S asleep, t stopped by the stepper, R, Z, or X when it is gone. */
static inline char state_of(pid_t pid)
{
    char path[64], text[256] = "";
    const char *end;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file && !fgets(text, sizeof text, file))
        text[0] = 0;
    if (file)
        fclose(file);
    end = strrchr(text, ')');
    return end ? end[2] : 'X';
}

static inline void await_asleep_or_dead(pid_t pid)
{
    while (!strchr("SZX", state_of(pid)))
        sched_yield();
}

static inline void await_dead(pid_t pid)
{
    while (!strchr("ZX", state_of(pid)))
        sched_yield();
}

static inline uint32_t await(yk_a32 *word)
{
    uint32_t value;

    while ((value = yk_load_acq(word)) == 0)
        yk_futex_wait(word, 0, true, YOKE_FOREVER);
    return value;
}

static inline void tell(yk_a32 *word, uint32_t value)
{
    yk_store_rel(word, value);
    yk_futex_wake(word, INT_MAX, true);
}

/* The exit code; -1 if it was killed. */
static inline int reap(pid_t pid)
{
    int status = status_of(pid);

    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Runs the test for every `stride`th instruction (see stepkill_stride), beginning for part 0, 1, ... of `parts` at as many places that
 * are spread over the first stride; again from where a victim was taken for asleep for good, since others were late to wake it.
 * *ended says whether the last victim ended by itself.  Returns how many instructions there were. */
static inline long step_on(struct stepkill *test, bool *ended, long part, long parts, long stride)
{
    test->window = true;
    test->stride = stepkill_stride(stride) * STRIDE;
    test->first = part * test->stride / parts;
    *ended = false;
    while (!*ended) {
        long points = stepkill_each(test);

        if (points == -EPERM || points == -ENOSYS)
            SKIP("this system does not let a process trace its child");
        CHECK(points > 0);
        test->first += (points - 1) * test->stride;
    }
    return test->first;
}

static inline void *shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(memory != MAP_FAILED);
    return memory;
}

#endif
