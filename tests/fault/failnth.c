/* failnth.c -- the wrapped calls, and the sweep over them.
 *
 * The linker's --wrap leads a call of NAME to __wrap_NAME, and __real_NAME to the function itself.  The count lies
 * in shared memory, so that the n-th call is one, in whichever process it is made. */
#include "failnth.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "baseline.h"
#include "test.h"

/* Written by fault_arm and fault_disarm; count and injected by whoever makes a call. */
struct faults {
    unsigned kinds;
    long n;
    bool sticky;
    long count;
    long injected;
    const char *function; /* the last that failed */
    int rc;               /* of the run; written by its process */
    bool leaked;
};

static struct faults *faults;

static struct faults *state(void)
{
    if (!faults) {
        faults = mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        CHECK(faults != MAP_FAILED);
    }
    return faults;
}

void fault_arm(unsigned kinds, long n, bool sticky)
{
    struct faults *f = state();

    f->n = n;
    f->sticky = sticky;
    f->count = f->injected = 0;
    __atomic_store_n(&f->kinds, kinds, __ATOMIC_SEQ_CST);
}

long fault_disarm(void)
{
    struct faults *f = state();

    __atomic_store_n(&f->kinds, 0, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&f->injected, __ATOMIC_SEQ_CST);
}

/* ---- a visit ---- */

static void (*visitor)(void);

void fault_visit(void (*visit)(void))
{
    visitor = visit;
}

static void call_visitor(void)
{
    void (*visit)(void) = visitor;

    visitor = NULL; /* it may call malloc itself */
    if (visit)
        visit();
    visitor = visit;
}

/* ---- failures ---- */

/* True if this call is to fail; errno is then set. */
static bool fails(const char *function, unsigned kind, int error)
{
    if (kind == FAULT_MEMORY)
        call_visitor();
    if (!faults || !(__atomic_load_n(&faults->kinds, __ATOMIC_SEQ_CST) & kind))
        return false;

    long count = __atomic_add_fetch(&faults->count, 1, __ATOMIC_SEQ_CST);

    if (faults->sticky ? count < faults->n : count != faults->n)
        return false;
    __atomic_add_fetch(&faults->injected, 1, __ATOMIC_SEQ_CST);
    faults->function = function;
    errno = error;
    return true;
}

/* ---- the wrapped functions ---- */

#define WRAP(type, name, kind, error, bad, parameters, arguments)                                                      \
    type __real_##name parameters;                                                                                     \
    type __wrap_##name parameters;                                                                                     \
    type __wrap_##name parameters                                                                                      \
    {                                                                                                                  \
        return fails(#name, kind, error) ? bad : __real_##name arguments;                                              \
    }

WRAP(void *, malloc, FAULT_MEMORY, ENOMEM, NULL, (size_t n), (n))
WRAP(void *, calloc, FAULT_MEMORY, ENOMEM, NULL, (size_t n, size_t size), (n, size))
WRAP(void *, realloc, FAULT_MEMORY, ENOMEM, NULL, (void *p, size_t n), (p, n))
WRAP(void *, aligned_alloc, FAULT_MEMORY, ENOMEM, NULL, (size_t align, size_t n), (align, n))

void __real_free(void *p);
void __wrap_free(void *p);

void __wrap_free(void *p)
{
    call_visitor();
    __real_free(p);
}

#define MMAP_PARAMETERS (void *address, size_t n, int protection, int flags, int fd, off_t offset)
WRAP(void *, mmap, FAULT_MAPPING, ENOMEM, MAP_FAILED, MMAP_PARAMETERS, (address, n, protection, flags, fd, offset))
WRAP(void *, mmap64, FAULT_MAPPING, ENOMEM, MAP_FAILED, MMAP_PARAMETERS, (address, n, protection, flags, fd, offset))
WRAP(int, memfd_create, FAULT_MAPPING, EMFILE, -1, (const char *name, unsigned flags), (name, flags))
WRAP(int, ftruncate, FAULT_MAPPING, ENOSPC, -1, (int fd, off_t n), (fd, n))
WRAP(int, ftruncate64, FAULT_MAPPING, ENOSPC, -1, (int fd, off_t n), (fd, n))
WRAP(int, fallocate, FAULT_MAPPING, ENOSPC, -1, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n))
WRAP(int, fallocate64, FAULT_MAPPING, ENOSPC, -1, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n))
/* variadic in name; the calls pass their arguments as for this */
WRAP(int, fcntl, FAULT_MAPPING, EMFILE, -1, (int fd, int command, long arg), (fd, command, arg))
WRAP(int, fcntl64, FAULT_MAPPING, EMFILE, -1, (int fd, int command, long arg), (fd, command, arg))

WRAP(int, dup3, FAULT_DESCRIPTOR, EMFILE, -1, (int fd, int number, int flags), (fd, number, flags))
WRAP(ssize_t, pwrite, FAULT_MAPPING, ENOSPC, -1, (int fd, const void *bytes, size_t n, off_t at), (fd, bytes, n, at))
WRAP(ssize_t, pwrite64, FAULT_MAPPING, ENOSPC, -1, (int fd, const void *bytes, size_t n, off_t at), (fd, bytes, n, at))

WRAP(int, socketpair, FAULT_DESCRIPTOR, EMFILE, -1, (int domain, int type, int protocol, int *fds),
     (domain, type, protocol, fds))
WRAP(int, eventfd, FAULT_DESCRIPTOR, EMFILE, -1, (unsigned count, int flags), (count, flags))
WRAP(int, epoll_create1, FAULT_DESCRIPTOR, EMFILE, -1, (int flags), (flags))
WRAP(int, epoll_ctl, FAULT_DESCRIPTOR, ENOSPC, -1, (int poll, int what, int fd, struct epoll_event *event),
     (poll, what, fd, event))
WRAP(ssize_t, sendmsg, FAULT_MESSAGE, ENOBUFS, -1, (int fd, const struct msghdr *message, int flags),
     (fd, message, flags))
WRAP(ssize_t, recvmsg, FAULT_MESSAGE, ENOBUFS, -1, (int fd, struct msghdr *message, int flags), (fd, message, flags))

WRAP(int, pthread_create, FAULT_THREAD, EAGAIN, EAGAIN,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*body)(void *), void *arg),
     (thread, attributes, body, arg))
WRAP(int, pthread_attr_setstacksize, FAULT_THREAD, EINVAL, EINVAL, (pthread_attr_t * attributes, size_t size),
     (attributes, size))
WRAP(pid_t, fork, FAULT_PROCESS, EAGAIN, -1, (void), ())

long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

/* Only those that take something. */
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    if (number == SYS_clone3 && fails("clone3", FAULT_PROCESS, EAGAIN))
        return -1;
    if (number == SYS_pidfd_open && fails("pidfd_open", FAULT_DESCRIPTOR, EMFILE))
        return -1;
    return __real_syscall(number, a, b, c, d, e, f);
}

/* ---- the sweep ---- */

/* In a process of its own: what it leaves behind when it is done is a leak. */
static _Noreturn void run(int (*scenario)(void), unsigned kinds, long n, bool sticky)
{
    static struct baseline before;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm((unsigned)(8 * test_slow()));
    baseline_take(&before);
    fault_arm(kinds, n, sticky);
    faults->rc = scenario();
    __atomic_store_n(&faults->kinds, 0, __ATOMIC_SEQ_CST);
    faults->leaked = !baseline_holds(&before, (int)(1000 * test_slow()));
    _exit(0);
}

static void check(bool ok, const char *name, long n, bool sticky, const char *what, int value)
{
    if (ok)
        return;
    fprintf(stderr, "%s: with call %ld%s failing, %s the last: %s (%d)\n", name, n, sticky ? " and all after it" : "",
            faults->function ? faults->function : "none", what, value);
    test_fail(__FILE__, __LINE__, "a failed call is an error code and nothing else");
}

/* True if a failure was injected. */
static bool run_once(const char *name, int (*scenario)(void), unsigned kinds, long n, bool sticky)
{
    struct faults *f = state();
    int status = 0;

    f->injected = 0;
    f->rc = 1;

    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0)
        run(scenario, kinds, n, sticky);
    while (waitpid(pid, &status, 0) < 0)
        CHECK_EQ(errno, EINTR);
    check(!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM, name, n, sticky, "it hung", 0);
    check(!WIFSIGNALED(status), name, n, sticky, "it crashed by signal", WTERMSIG(status));
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0, name, n, sticky, "it exited by itself", status);
    check(f->rc <= 0, name, n, sticky, "a wrong result", f->rc);
    check(f->injected > 0 || f->rc == 0, name, n, sticky, "an error though nothing failed", f->rc);
    check(!f->leaked, name, n, sticky, "it left something behind", f->rc);
    return f->injected > 0;
}

long fault_sweep(const char *name, int (*scenario)(void), unsigned kinds)
{
    long runs = 0;

    for (int sticky = 0; sticky <= 1; sticky++)
        for (long n = 1;; n++) {
            runs++;
            if (!run_once(name, scenario, kinds, n, sticky))
                break;
        }
    return runs;
}
