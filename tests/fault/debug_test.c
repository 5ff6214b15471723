/* debug_test.c -- YOKE_DEBUG without memory for its records: the calls give what they give, and a line says what is not
 * followed. */
#define YOKE_DEBUG
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <yoke.h>

#include "failnth.h"
#include "test.h"

static yoke_mutex mutex;
static yoke_lock lock;

static int use_locks(void *arg)
{
    int rc = yoke_mutex_acquire(&mutex);

    (void)arg;
    if (rc != 0)
        return 1;
    yoke_lock_acquire(&lock);
    rc = yoke_mutex_acquire(&mutex) == -EDEADLK ? 0 : 2;
    yoke_lock_release(&lock);
    yoke_mutex_release(&mutex);
    return rc;
}

static int locks_scenario(void)
{
    yoke_thread thread = {0};
    int code = 0, rc = use_locks(NULL);

    if (rc == 0)
        rc = yoke_thread_start(&thread, use_locks, NULL, .name = "swept");
    if (rc == 0)
        rc = yoke_thread_join(&thread, &code);
    return rc ? rc : code;
}

TEST(sweep_locks)
{
    CHECK(fault_sweep("locks", locks_scenario, FAULT_ALL) > 2);
}

TEST(a_thread_without_a_record)
{
    char text[400] = "";
    int ends[2], before = dup(STDERR_FILENO);

    CHECK_EQ(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    fault_arm(FAULT_MEMORY, 1, true);
    CHECK_EQ(use_locks(NULL), 0);
    CHECK_EQ(use_locks(NULL), 0);
    CHECK_EQ(yoke_debug_report(STDERR_FILENO), -ENOMEM);
    CHECK(fault_disarm() > 0);
    /* and with memory, it is followed again */
    CHECK_EQ(use_locks(NULL), 0);
    dup2(before, STDERR_FILENO);
    CHECK(read(ends[0], text, sizeof text - 1) > 0);
    CHECK(strstr(text, "yoke: debug: no memory for the record of a thread: it is not followed\n") == text);
    CHECK(strstr(text, "acquires, once more, mutex"));
    CHECK(!strstr(strchr(text, '\n'), "no memory"));
    close(ends[0]);
    close(ends[1]);
    close(before);
}
