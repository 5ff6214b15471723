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

/* Sleeps while every one of the n (1 to YK_WAIT_MOST) words is what is expected of it.  Returns as yk_futex_wait does, or
 * -EINTR when a signal handler has run; whoever was woken is told so, whatever else happened.  The first word is compared last,
 * when a wake on any of the others is noticed already: so a word that never changes (a grave) does not come first. */
struct yk_wait {
    yk_a32 *word;
    uint32_t expected;
    bool shared;
};
enum { YK_WAIT_MOST = 128 };
int yk_futex_wait_many(const struct yk_wait *waits, unsigned n, yoke_time deadline);

/* ---- robust.c: words in shared memory that the kernel looks after when a thread dies, however it dies.
 *
 * Such a word has an owner's thread ID in its low 30 bits, or 0 there: nobody's.  YK_WAITED says that somebody sleeps on it.
 * At the death of a thread the kernel goes through the words that it has linked, and then the one that it had intended.
 * A word that carries its ID loses it and gets YK_DIED; if YK_WAITED is set, one sleeper on it is woken.  An intended word
 * that is nobody's is left as it is, and one sleeper on it is woken.
 * Elsewhere: a supervisor that compares owners (there is no such service in other kernels). ---- */

#define YK_TID UINT32_C(0x3fffffff)
#define YK_DIED UINT32_C(0x40000000)
#define YK_WAITED UINT32_C(0x80000000)

/* The calling thread's ID: what its words carry.  Never 0. */
extern _Thread_local __attribute__((tls_model("initial-exec"))) uint32_t yk_tid_known; /* 0: ask */
uint32_t yk_tid_asked(void);
static inline uint32_t yk_tid(void)
{
    return yk_tid_known ? yk_tid_known : yk_tid_asked();
}

/* A word that can be linked; lies in shared memory, at least 8-aligned.  Its owner alone writes the links. */
struct yk_robust {
    yk_a32 word;
    uint32_t room[5]; /* for whoever uses it */
    void *links[2];   /* addresses in the owner's own space */
};

/* The calling thread's list, as the kernel reads it; what is here stands in line, as it is on the way of every shared lock.
 * NULL: ask. */
struct yk_robust_list {
    void *first;
    long offset;
    void *intended;
};
extern _Thread_local __attribute__((tls_model("initial-exec"))) struct yk_robust_list *yk_robust_list_known;
struct yk_robust_list *yk_robust_list_asked(void);

enum { YK_ROBUST_OFFSET = -32 /* from the link to the word */ };

/* The kernel may look at any instruction: what was written before this is there before what comes after. */
static inline void yk_robust_in_order(void)
{
    __asm__ volatile("" ::: "memory");
}

/* Declares the word with which the thread is about to do something; NULL: done.  A thread has one such intention; this gives the
 * one before, which a signal handler puts back.  Async-signal-safe. */
static inline yk_a32 *yk_robust_intend(yk_a32 *word)
{
    struct yk_robust_list *list = yk_robust_list_known ? yk_robust_list_known : yk_robust_list_asked();
    char *before = (char *)list->intended;

    yk_robust_in_order();
    list->intended = word ? (void *)((char *)word - YK_ROBUST_OFFSET) : NULL;
    yk_robust_in_order();
    return before ? (yk_a32 *)(void *)(before + YK_ROBUST_OFFSET) : NULL;
}

/* Links a word that the thread has just made its own, or is about to make its own, while it is intended; and unlinks it while
 * it is intended.  The memory must stay mapped while the word is linked.  False, where the kernel has no such service; then
 * nobody's death shows. */
bool yk_robust_link(struct yk_robust *robust);
void yk_robust_unlink(struct yk_robust *robust);
/* The kernel looks at the 2048 words that were linked last.  So who takes locks one after the other counts them here, and takes no
 * more than YK_ROBUST_MOST; the rest is for libc, and for what is linked in the middle of a call. */
enum { YK_ROBUST_MOST = 2000 };
extern _Thread_local __attribute__((tls_model("initial-exec"))) uint32_t yk_robust_held;
/* True if the calling thread has linked a word that lies in [memory, memory + size). */
bool yk_robust_linked_in(const void *memory, size_t size);

/* ---- alive.c: a word that is linked for good, and so says whether the thread that armed it (the main thread of a
 * process) lives.  Zero bytes: not armed.  A sleeper on it is woken at the death; one, which must wake the others. ---- */

/* Where the kernel cannot do it, the word stays not armed. */
void yk_alive_arm(struct yk_robust *alive);
bool yk_alive_armed(struct yk_robust *alive);
/* True from the death of the thread that armed it. */
bool yk_alive_dead(struct yk_robust *alive);

/* ---- clock.c: yoke_now, yoke_after, yoke_sleep of <yoke/time.h> ---- */

/* ---- cpu.c: yoke_cpu_count of <yoke/cpu.h>, and its parsers, which take text so that a test can feed them ---- */

/* "max 100000" or "50000 100000" -> CPUs of the quota, rounded up; 0 for no quota or text that is not one. */
int yk_parse_cpu_max(const char *text);
/* The path of the cgroup in /proc/self/cgroup text: controller "" for version 2, "cpu" for version 1.  Returns its length in
 * path (cut to size), or -ENOENT. */
int yk_parse_cgroup_path(const char *text, const char *controller, char *path, size_t size);

/* ---- room.c: memory that can still be had.  Elsewhere: sysctl. ---- */

/* The first number after `name` at the beginning of a line, UINT64_MAX for none: of /proc/meminfo and the files of cgroups. */
uint64_t yk_parse_number_of(const char *text, const char *name);
/* How many bytes the system and the cgroups of this process could give it now, about; UINT64_MAX when that cannot be told. */
uint64_t yk_memory_room(void);
/* To be called before that many bytes of shared memory are taken: 0, or -ENOMEM when there are not so many.  Asks for the room,
 * unless an earlier answer covers it: of all that a process takes, at most 16 MiB stand between two questions. */
int yk_memory_take(uint64_t size);

/* ---- shm.c: memory that processes share.  Elsewhere: shm_open and unlink. ---- */

/* How many bytes to reserve where nobody said: `most`, but not more than a quarter of the limit of address space (RLIMIT_AS). */
size_t yk_shm_reserve(size_t most);
/* A memfd of `reserve` bytes (halved until the address space has room, but not under `least`), mapped, sealed against
 * shrinking and growing, with no page behind it yet, and not in core dumps.  *ret_size says how many bytes it is.  The
 * address is one where a process that was forked earlier has nothing either, so that it can attach. */
int yk_shm_create(size_t reserve, size_t least, int *ret_fd, void **ret_address, size_t *ret_size);
/* Maps it at exactly `address` in another process; -EEXIST if something lies there. */
int yk_shm_attach(int fd, void *address, size_t size);
/* Maps it at `wish`, if that is an address as create chooses and nothing lies there, or else as create would. */
int yk_shm_map(int fd, void *wish, size_t size, void **ret_address);
/* Of a descriptor that came from anywhere: its size and its first bytes, if it is a memfd as create makes it; else -EINVAL. */
int yk_shm_check(int fd, void *head, size_t head_size, size_t *ret_size);
/* Puts pages behind a range (page-aligned) up front, so that lack of memory is -ENOMEM here and never a SIGBUS later, nor a
 * reason for the kernel to kill somebody. */
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
/* Writes all of it to a descriptor, past the streams.  0, or -errno with a part of it written. */
int yk_write(int fd, const char *bytes, size_t size);

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

/* ---- descriptor.c: numbers of descriptors ---- */

/* Another descriptor for the same, close-on-exec, at the lowest free number that is not one of the standard streams'. */
int yk_fd_copy(int fd);
/* The same for a descriptor that was just made: takes it, and gives it back if its number is above theirs already.  A program may
 * have closed them, and print or read all the same; each descriptor of the library's own goes through here.  A negative
 * code is handed on. */
int yk_fd_above_streams(int fd);
/* The same at that number, whatever is open there. */
int yk_fd_copy_to(int fd, int number);
/* True if this process may have a descriptor of that number. */
bool yk_fd_possible(int number);

/* ---- socket.c: a pair of connected stream sockets, frames with descriptors ---- */

enum { YK_FDS_MOST = 250 }; /* the kernel stops at 253 */

int yk_socket_pair(int ret_fds[2]);
void yk_close(int fd);
/* Sends or receives exactly `size` bytes, with up to YK_FDS_MOST descriptors on the first of them (n_fds is exact when
 * sending; on return of receive *n_fds says how many came).  -EPIPE when the other end is gone.  No SIGPIPE. */
int yk_send(int socket, const void *bytes, size_t size, const int *fds, unsigned n_fds);
int yk_receive(int socket, void *bytes, size_t size, int *fds, unsigned *n_fds);

/* ---- packet.c: a pair of connected sockets that keep messages apart.  No call waits: -EAGAIN when there is no room, or no
 * message.  -EPIPE when the other end is gone (and no message is left).  Elsewhere: the same, or a length before each. ---- */

enum { YK_PACKET_FDS = 17 };

/* Their numbers are not those of the standard streams. */
int yk_packet_pair(int ret_fds[2]);
/* Makes a descriptor that came from somewhere one of this kind, whatever its sender had set; -EINVAL if it is not. */
int yk_packet_adopt(int fd);
/* Sends head and body as one packet, with at most YK_PACKET_FDS descriptors.  No SIGPIPE. */
int yk_packet_send(int socket, const void *head, size_t head_size, const void *body, size_t body_size, const int *fds,
                   unsigned n_fds);
/* Copies the beginning of the next packet, which stays, and tells its size; unless ret_fd is NULL, also gives a copy of its first
 * descriptor, or -1 if it has none, or this process no number for it. */
int yk_packet_peek(int socket, void *head, size_t head_size, int *ret_fd, size_t *ret_size);
/* Takes the next packet out; what goes beyond `size` is lost, and *ret_size tells the whole.  *n_fds: room, and then how many
 * descriptors are in fds; those beyond are closed, and those for which this process had no number are lost. */
int yk_packet_take(int socket, void *bytes, size_t size, int *fds, unsigned *n_fds, size_t *ret_size);
/* 0 if this process could now open n (at most YK_PACKET_FDS) descriptors more, else -EMFILE. */
int yk_fd_room(unsigned n);

/* ---- parcel.c: bytes in a sealed file of memory, which travels as a descriptor.  Elsewhere: shm_open, unlinked. ---- */

/* Returns the descriptor, or -ENOMEM, -EMFILE, -EFBIG (ulimit -f). */
int yk_parcel_make(const void *bytes, size_t size);
/* -EPROTO if it is none, or not of that size, whoever sent it. */
int yk_parcel_check(int fd, uint64_t size);
/* Reads one whole, that was checked. */
int yk_parcel_read(int fd, void *bytes, size_t size);

/* ---- local.c: a value for each thread, by number.  Elsewhere: the same. ---- */

/* drop, unless NULL, is called with its value, if that is not NULL, when a thread ends.  -EAGAIN when there are too many. */
int yk_os_local_open(void (*drop)(void *value), uint32_t *ret_key);
void yk_os_local_close(uint32_t key);
void *yk_os_local_get(uint32_t key);
int yk_os_local_set(uint32_t key, void *value);

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

/* Waits until at least one of the n (1 to YK_WAIT_MOST) descriptors is readable, or writable if it `writes`, or has come to its
 * end; and writes which are.  Returns 0, -ETIMEDOUT, -EBADF, or -EINTR when a signal handler has run. */
struct yk_ready {
    int fd;
    bool writes;
    bool ready;
};
int yk_wait_ready(struct yk_ready *ready, unsigned n, yoke_time deadline);

/* ---- thread.c: threads ---- */

struct yk_os_thread {
    uint64_t handle;
};

/* Runs body(arg) in a new thread; stack_size 0 is the default; cpus NULL is the starter's. */
int yk_os_thread_start(struct yk_os_thread *thread, void (*body)(void *), void *arg, size_t stack_size, const int *cpus,
                       size_t n_cpus);
/* The same for a thread that the program does not know of: no signal handler of the program runs in it, but for its own faults. */
int yk_os_helper_start(struct yk_os_thread *thread, void (*body)(void *), void *arg);
/* 0; -ETIMEDOUT; joined once. */
int yk_os_thread_join(struct yk_os_thread *thread, yoke_time deadline);
/* Instead: nobody joins it. */
void yk_os_thread_detach(struct yk_os_thread *thread);
void yk_os_thread_name(const char *name);
/* Calls body(arg); if that leaves by pthread_exit (or is cancelled), calls leave(arg) and lets the thread end. */
void yk_os_thread_guard(void (*body)(void *), void (*leave)(void *), void *arg);
/* Has `child` called in the child of every fork() from now on.  At most 16 of them. */
int yk_at_fork(void (*child)(void));
/* Has `before` called in the parent before every fork() from now on that may find it in the middle of something (it has other
 * threads), and `parent` after it. */
int yk_before_fork(void (*before)(void), void (*parent)(void));
void yk_yield(void);

#endif
