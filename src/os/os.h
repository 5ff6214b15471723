/* os.h -- the operating system, as the rest of the library sees it.  linux/ implements it; a second system is a second
 * folder beside it.  Only files in here include system headers of their kind.
 *
 * Rules that hold for all: a function that can fail gives 0 (or what it says) or -errno; outputs are written on success only;
 * EINTR is handled inside; every descriptor is close-on-exec from birth; whoever opens, closes.
 * "Elsewhere" says what would replace a facility on another system. */
#ifndef YK_OS_H
#define YK_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yoke/process.h>
#include <yoke/time.h>

#include "base/atomic.h"
#include "base/base.h"

/* ---- futex.c: sleeping on a word.  Elsewhere: os_sync_wait_on_address (macOS), _umtx_op (FreeBSD). ---- */

/* Sleeps while *word == expected, at most until the absolute monotonic `deadline`.  `shared`: the word lies in memory that
 * processes share.  Returns 0 when woken, when the word differed, or for no reason (the caller looks again), or -ETIMEDOUT. */
int yk_futex_wait(yk_a32 *word, uint32_t expected, bool shared, yoke_time deadline);

/* The same on two shared words at once; returns when either may have changed.  (futex_waitv; where the kernel lacks it or a
 * sandbox forbids it, sleeps on the first word and looks at the second every 10 ms.) */
int yk_futex_wait_either(yk_a32 *a, uint32_t expected_a, yk_a32 *b, uint32_t expected_b, yoke_time deadline);

/* Wakes at most n sleepers; returns how many.  Async-signal-safe. */
int yk_futex_wake(yk_a32 *word, int n, bool shared);

/* A word in shared memory that the kernel changes when the process (its main thread) that armed it dies, however it dies, and
 * on which it then wakes a sleeper: one entry of a robust futex list.  Zero bytes: not armed. */
struct yk_alive {
    yk_a32 word; /* 0 not armed; else armed, until yk_alive_dead */
    uint32_t reserved;
    void *next; /* the kernel's list; written by arm */
    void *head[3];
};

/* Called once by the process that is to be watched, in its main thread.  Where the kernel cannot do it, it stays not armed. */
void yk_alive_arm(struct yk_alive *alive);
bool yk_alive_armed(struct yk_alive *alive);
/* True from the death of the process that armed it. */
bool yk_alive_dead(struct yk_alive *alive);

/* ---- clock.c: yoke_now, yoke_after, yoke_sleep of <yoke/time.h> ---- */

/* ---- cpu.c: yoke_cpu_count of <yoke/cpu.h>, and its parsers, which take text so that a test can feed them ---- */

/* "max 100000" or "50000 100000" -> CPUs of the quota, rounded up; 0 for no quota or text that is not one. */
int yk_parse_cpu_max(const char *text);
/* The path of the cgroup in /proc/self/cgroup text: controller "" for version 2, "cpu" for version 1.  Returns its length in
 * path (cut to size), or -ENOENT. */
int yk_parse_cgroup_path(const char *text, const char *controller, char *path, size_t size);

/* ---- shm.c: memory that processes share.  Elsewhere: shm_open and unlink. ---- */

/* A memfd of `reserve` bytes (halved until the address space has room, but not under `least`), mapped, sealed against
 * shrinking and growing, with no page behind it yet, and not in core dumps.  *ret_size says how many bytes it is.  The
 * address is one where a process that was forked earlier has nothing either, so that it can attach. */
int yk_shm_create(size_t reserve, size_t least, int *ret_fd, void **ret_address, size_t *ret_size);
/* Maps it at exactly `address` in another process; -EEXIST if something lies there. */
int yk_shm_attach(int fd, void *address, size_t size);
/* Puts pages behind a range (page-aligned) up front, so that lack of memory is an error here and never a SIGBUS later. */
int yk_shm_commit(int fd, size_t offset, size_t size);
/* Takes them away again, whoever has it mapped; the range reads as zero, unless this fails. */
int yk_shm_decommit(int fd, size_t offset, size_t size);
void yk_shm_unmap(void *address, size_t size);
size_t yk_page_size(void);

/* ---- process.c: children, without SIGCHLD and without wait().  Elsewhere: kqueue EVFILT_PROC, pdfork. ---- */

/* Forks.  YOKE_START_DEFAULT: a child that is invisible to the program (no SIGCHLD, not seen by waitpid; raw clone3 with exit
 * signal 0, which is sound only while no other thread can hold a lock of libc's; the child gets libc's thread ID and robust
 * list right).  YOKE_FORK: fork(), which also repairs libc's own locks.  Output streams are flushed first, so that nothing
 * is written twice.  All signals are blocked in the child, until yk_child_prepare.  Returns 0 in the child; in the parent the child's pid, with a pidfd in *ret_pidfd. */
int yk_fork(enum yoke_start start, int *ret_pidfd);

/* Makes the calling process die (SIGKILL) with its parent, which must be single-threaded; exits at once if that parent, whose
 * pid is given, has gone already. */
void yk_die_with_parent(int parent_pid);

/* What a child does before user code: caught signals back to default, none blocked, standard input from /dev/null, and
 * exit() leaves by flushing the streams and _exit, without the program's atexit handlers. */
void yk_child_prepare(bool own_group);

/* Closes every descriptor but the n (at most 8) in keep.  For a process with one thread. */
void yk_close_all_but(const int *keep, unsigned n);

/* Flushes the streams and leaves, without atexit handlers. */
_Noreturn void yk_child_exit(int code);

/* output.c: writes out what stands in the buffer of standard output; cheap when there is nothing. */
void yk_flush_output(void);

int yk_getpid(void);
int yk_getppid(void);
int yk_gettid(void);
int yk_pidfd_open(int pid);
/* 0, also when the process has ended. */
int yk_pidfd_signal(int pidfd, int signal);
/* Waits for a child of the caller and reaps it; YOKE_NOW tries once.  -ETIMEDOUT; -ECHILD if it is nobody's child here. */
int yk_pidfd_reap(int pidfd, yoke_time deadline, yoke_exit *ret_exit);

/* How many threads this process has; 0 if that cannot be told. */
int yk_thread_count(void);

/* True if the address lies in a module that this process has loaded. */
bool yk_is_code(int (*function)(void *));

void yk_set_process_name(const char *name);

/* ---- socket.c: a pair of connected stream sockets, frames with descriptors ---- */

int yk_socket_pair(int ret_fds[2]);
void yk_close(int fd);
/* Sends or receives exactly `size` bytes, with up to 4 descriptors on the first of them (n_fds is exact when sending; on
 * return of receive *n_fds says how many came).  -EPIPE when the other end is gone.  No SIGPIPE. */
int yk_send(int socket, const void *bytes, size_t size, const int *fds, unsigned n_fds);
int yk_receive(int socket, void *bytes, size_t size, int *fds, unsigned *n_fds);

/* ---- poll.c: one wait for many descriptors and a deadline.  Elsewhere: kqueue. ---- */

struct yk_poll {
    int fd;
};

int yk_poll_open(struct yk_poll *poll);
void yk_poll_close(struct yk_poll *poll);
/* Watches fd for being readable (a pidfd: for the end of its process); `tag` comes back from wait. */
int yk_poll_add(struct yk_poll *poll, int fd, uint64_t tag);
void yk_poll_remove(struct yk_poll *poll, int fd);
/* Returns how many are ready (their tags in tags, at most n), 0 at the deadline. */
int yk_poll_wait(struct yk_poll *poll, uint64_t *tags, int n, yoke_time deadline);
/* Waits for one descriptor: 0, or -ETIMEDOUT. */
int yk_wait_readable(int fd, yoke_time deadline);

/* ---- thread.c: threads ---- */

struct yk_os_thread {
    uint64_t handle;
};

/* Runs body(arg) in a new thread; stack_size 0 is the default; cpus NULL is the starter's. */
int yk_os_thread_start(struct yk_os_thread *thread, void (*body)(void *), void *arg, size_t stack_size, const int *cpus,
                       size_t n_cpus);
/* 0; -ETIMEDOUT; joined once. */
int yk_os_thread_join(struct yk_os_thread *thread, yoke_time deadline);
void yk_os_thread_name(const char *name);
/* Calls body(arg); if that leaves by pthread_exit (or is cancelled), calls leave(arg) and lets the thread end. */
void yk_os_thread_guard(void (*body)(void *), void (*leave)(void *), void *arg);
/* Has `child` called in the child of every fork() from now on.  At most 8 of them. */
int yk_at_fork(void (*child)(void));
void yk_yield(void);

#endif
