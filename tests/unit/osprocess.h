/* osprocess.h -- a child of the system layer, from the fork to the reaping. */
#ifndef OSPROCESS_H
#define OSPROCESS_H

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "os/os.h"
#include "test.h"

/* Runs body in a child of yk_fork and gives how it ended; the child leaves by _exit. */
static inline yoke_exit in_child(yoke_start start, void (*body)(void))
{
    yoke_exit how = {YOKE_EXITED, -1};
    int pidfd, pid = yk_fork(start, &pidfd);

    if (pid == 0) {
        body();
        _exit(0);
    }
    CHECK(pid > 0);
    CHECK_EQ(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(yk_pidfd_reap(pidfd, YOKE_FOREVER, &how), 0);
    yk_close(pidfd);
    return how;
}

static inline void check_child(yoke_start start, void (*body)(void))
{
    yoke_exit how = in_child(start, body);

    CHECK_EQ(how.kind, YOKE_EXITED);
    CHECK_EQ(how.value, 0);
}

static inline void exit_7(void)
{
    _exit(7);
}

static inline void set_sigchld(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};

    CHECK_EQ(sigaction(SIGCHLD, &action, NULL), 0);
}

#endif
