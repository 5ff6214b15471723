/* process.c -- children: fork, end with the parent, prepare, signal and reap by pidfd; what is known of this process.
 *
 * Invariants: no function here installs a handler in the program or waits for a child by number.  All signals are
 * blocked from before a fork until the child calls yk_child_prepare, so that a handler of the program never runs in the
 * child. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/linux/linux.h"
#include "os/os.h"

/* ---- fork ---- */

/* What is buffered is written by the parent; else the child would write it too when it leaves. */
static void flush_streams(void)
{
    /* fflush(NULL) locks every stream, and stdin's lock is held for as long as another thread waits for input */
    if (ftrylockfile(stdin) == 0) {
        fflush(NULL);
        funlockfile(stdin);
    } else {
        fflush(stdout);
        fflush(stderr);
    }
}

/* A child with exit signal 0: no SIGCHLD, invisible to wait() without __WALL, not lost when SIGCHLD is ignored.
 *
 * fork() would set three things right in the child that a bare clone3 does not.  The thread ID that libc caches: the
 * kernel writes it where libc has told it that it lies (what set_tid_address named).  The robust list, which a child
 * does not inherit: registered again, and empty, since what the parent holds is the parent's.  The locks of libc:
 * nobody can hold one (see os.h).  And the library's own at-fork functions are called; those of the program are not.  A
 * kernel or a sandbox that lacks clone3 or PR_GET_TID_ADDRESS gives its error here; a fallback for it would stand in
 * yk_fork, in place of the error. */
static int clone_invisible(int *pidfd)
{
    int *tid = NULL;
    struct robust_list_head *robust = NULL;
    size_t robust_size = 0;
    struct clone_args args = {.flags = CLONE_PIDFD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
                              .pidfd = (uintptr_t)pidfd};
    long pid;

    if (prctl(PR_GET_TID_ADDRESS, &tid) < 0 || !tid || *tid != gettid())
        return -ENOSYS;
    if (syscall(SYS_get_robust_list, 0, &robust, &robust_size) < 0)
        return -errno;
    args.child_tid = (uintptr_t)tid;
    pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0)
        return -errno;
    if (pid == 0 && robust) {
        robust->list.next = &robust->list;
        robust->list_op_pending = NULL;
        syscall(SYS_set_robust_list, robust, robust_size);
    }
    if (pid == 0)
        yk_forked();
    return (int)pid;
}

static int fork_visible(int *pidfd)
{
    /* A place in the descriptor table is taken first: when it turns out afterwards that there is none, the child has
     * already begun.  (Another thread may still take it in between.) */
    int place = yk_pidfd_open(getpid());
    int pid, rc;

    if (place < 0)
        return place;
    pid = fork();
    rc = pid < 0 ? -errno : 0;
    yk_close(place);
    if (pid <= 0)
        return rc;
    rc = yk_pidfd_open(pid);
    if (rc < 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return rc;
    }
    *pidfd = rc;
    return pid;
}

int yk_fork(enum yoke_start start, int *ret_pidfd)
{
    sigset_t all, old;
    int pidfd = -1, pid;

    if (start == YOKE_EXEC)
        return -ENOTSUP;
    flush_streams();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid = start == YOKE_FORK ? fork_visible(&pidfd) : clone_invisible(&pidfd);
    if (pid == 0)
        return 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (pid < 0)
        return pid;
    *ret_pidfd = yk_fd_above_streams(pidfd);
    if (*ret_pidfd >= 0)
        return pid;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, __WALL);
    return *ret_pidfd;
}

/* ---- the child ---- */

void yk_die_with_parent(int parent_pid)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* the parent may have gone before the line above */
    if (getppid() != parent_pid)
        kill(getpid(), SIGKILL);
}

/* First of the exit handlers to run; that it does not return keeps those of the program from running. */
static void leave(int status, void *unused)
{
    (void)unused;
    yk_child_exit(status);
}

void yk_child_exit(int code)
{
    fflush(NULL);
    _exit(code);
}

/* The child has left the group that it came from; what the terminal sent to that group before is not meant for it.  All
 * of it is pending, since all signals are blocked.  What a process sent is meant, and sent again. */
static void drop_terminal_signals(void)
{
    static const int numbers[] = {SIGINT, SIGQUIT, SIGTSTP, SIGHUP};
    const struct timespec at_once = {0, 0};
    siginfo_t info;
    sigset_t from_terminal, sent;

    sigemptyset(&sent);
    sigemptyset(&from_terminal);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaddset(&from_terminal, numbers[i]);
    while (sigtimedwait(&from_terminal, &info, &at_once) > 0)
        if (info.si_code != SI_KERNEL)
            sigaddset(&sent, info.si_signo);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (sigismember(&sent, numbers[i]))
            kill(getpid(), numbers[i]);
}

/* Caught signals back to default; ignored ones stay ignored, but for SIGCHLD: who ignores it cannot wait for children.
 * */
static void reset_signals(void)
{
    struct sigaction by_default = {.sa_handler = SIG_DFL}, action;
    sigset_t none;

    for (int number = 1; number < NSIG; number++) {
        if (sigaction(number, NULL, &action) < 0 || (action.sa_handler == SIG_IGN && number != SIGCHLD))
            continue;
        if (action.sa_handler != SIG_DFL || number == SIGCHLD)
            sigaction(number, &by_default, NULL);
    }
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
}

/* Standard input becomes empty; the program's terminal and pipes are its own to read. */
static void empty_stdin(void)
{
    int ends[2];

    /* single-threaded here: the lowest free number is the one just closed, even when no other is left */
    close(STDIN_FILENO);
    if (open("/dev/null", O_RDONLY) < 0 && pipe(ends) == 0)
        close(ends[1]); /* no /dev here: a pipe without a writer reads as empty as well */
    __fpurge(stdin);
    clearerr(stdin);
}

void yk_child_prepare(bool own_group)
{
    if (own_group) {
        setpgid(0, 0);
        drop_terminal_signals();
    }
    reset_signals();
    empty_stdin();
    if (on_exit(leave, NULL) != 0)
        _exit(EXIT_FAILURE); /* no memory for a handler: better no child than one that runs the program's */
}

/* Closes from `first` to `last`, both included. */
static void close_between(unsigned first, unsigned last)
{
    if (close_range(first, last, 0) == 0)
        return;
    /* no such call here: one by one, as far as numbers go */
    for (unsigned fd = first, end = (unsigned)yk_min(sysconf(_SC_OPEN_MAX), 1L << 20); fd <= last && fd < end; fd++)
        close((int)fd);
}

void yk_close_all_but(const int *keep, unsigned n)
{
    unsigned from = 0;

    for (unsigned done = 0; done < n; done++) {
        /* the next of them in rising order: the smallest that is not below `from` */
        unsigned next = UINT_MAX;

        for (unsigned i = 0; i < n; i++)
            if ((unsigned)keep[i] >= from)
                next = yk_min(next, (unsigned)keep[i]);
        if (next == UINT_MAX)
            break;
        if (next > from)
            close_between(from, next - 1);
        from = next + 1;
    }
    close_between(from, UINT_MAX);
}

/* ---- by number and by pidfd ---- */

int yk_getpid(void)
{
    return getpid();
}

int yk_getppid(void)
{
    return getppid();
}

int yk_gettid(void)
{
    return gettid();
}

int yk_pidfd_open(int pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    return fd < 0 ? -errno : yk_fd_above_streams(fd);
}

int yk_pidfd_signal(int pidfd, int signal)
{
    if (syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 && errno != ESRCH)
        return -errno;
    return 0;
}

/* __WALL: a child with exit signal 0 is not reaped without. */
int yk_pidfd_reap(int pidfd, yoke_time deadline, yoke_exit *ret_exit)
{
    int once = deadline == YOKE_FOREVER ? 0 : WNOHANG;

    for (;;) {
        siginfo_t info = {.si_pid = 0};
        int rc;

        if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | __WALL | once) < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (info.si_pid != 0) {
            *ret_exit = (yoke_exit){info.si_code == CLD_EXITED ? YOKE_EXITED : YOKE_SIGNALLED, info.si_status};
            return 0;
        }
        rc = deadline == YOKE_NOW ? -ETIMEDOUT : yk_wait_readable(pidfd, deadline);
        if (rc < 0)
            return rc;
    }
}

/* ---- this process ---- */

#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#endif

#ifdef THREAD_SANITIZER
#include <dirent.h>

static bool blocks_all_signals(const char *tid)
{
    const unsigned long long all = 0x3ffbfeff;
    unsigned long long blocked = 0;
    char path[64], line[256];
    FILE *status;

    snprintf(path, sizeof path, "/proc/self/task/%.20s/status", tid);
    status = fopen(path, "re");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "SigBlk:", 7) == 0)
            blocked = strtoull(line + 7, NULL, 16);
    if (status)
        fclose(status);
    return (blocked & all) == all;
}

/* ThreadSanitizer has a thread of its own from the first pthread_create on, in children of fork from the start, and
 * then one more.  They are known by blocking all signals; a program's thread that does so is not counted in such a
 * build. */
static int runtime_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    int n = 0;

    while (tasks && (task = readdir(tasks)) != NULL)
        if (atoi(task->d_name) != gettid() && blocks_all_signals(task->d_name))
            n++;
    if (tasks)
        closedir(tasks);
    return n;
}
#else
static int runtime_threads(void)
{
    return 0;
}
#endif

/* num_threads is the 18th field after the name, which stands in parentheses and may hold any character. */
static int threads_in(const char *stat)
{
    const char *at = strrchr(stat, ')');

    for (int field = 0; at && field < 18; field++)
        at = strchr(at + 1, ' ');
    return at ? atoi(at + 1) : 0;
}

int yk_thread_count(void)
{
    char stat[1024];
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC), n = 0;

    if (fd >= 0) {
        ssize_t size = read(fd, stat, sizeof stat - 1);

        stat[size > 0 ? size : 0] = '\0';
        n = threads_in(stat);
        close(fd);
    }
    if (n <= 0)
        return __libc_single_threaded ? 1 : 0;
    return n - runtime_threads();
}

bool yk_is_code(int (*function)(void *))
{
    struct dl_find_object found;

    /* not dladdr: that takes a lock, which another thread may have held when this process was forked */
    return _dl_find_object((void *)(uintptr_t)function, &found) == 0;
}

void yk_set_process_name(const char *name)
{
    prctl(PR_SET_NAME, name);
}
