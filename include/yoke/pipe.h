/* yoke/pipe.h -- Pipe: two connected ends, through which processes and threads send each other messages, both ways.
 *
 *     yoke_pipe a = {0}, b = {0};                       // zero bytes: not open
 *     int rc = yoke_pipe_open(&a, &b);
 *     rc = yoke_process_start(&p, run, &b, sizeof b, .pipes = (yoke_pipe *[]){&b}, .n_pipes = 1);
 *     yoke_pipe_close(&b);                              // the process has its own; without this, its end would not show
 *
 *     rc = yoke_pipe_send(&a, "hello", 5);
 *     rc = yoke_pipe_receive(&a, buffer, sizeof buffer, &size);   // -YOKE_ECLOSED: the process has ended
 *     yoke_pipe_close(&a);
 *
 * Messages.  What was sent arrives as one message, of any size from 0 bytes up, whole and in order, or not at all.  Any number
 * of processes and threads may send and receive on an end at the same time; each message goes to one receiver.  One that is
 * killed, at any instruction, loses at most the message that it was sending or had received, and holds up nobody.  A pipe
 * holds some 200 KiB on the way each way, where a message of more than 32 KiB counts as 32 KiB: that is how far a sender
 * gets ahead of who receives.  Two that send without ever receiving wait for each other; the _until forms get out of that.
 *
 * Ends.  An end is a descriptor, and belongs to every process that has it: copies of the struct, in a process's argument too,
 * mean the same end.  A process started by yoke_process_start has those that it was given with .pipes and no others; a pool's
 * workers have none; a fork of the program's own has all.  In a process that has not the end, or has closed it, a copy is an end
 * that is not open: calls give -EINVAL, and close touches nothing, also if a file has that number by now.  (But if another end
 * has it, the copy means that one.)  A pipe is at its end when nobody has the other one any more, be it closed, exited or killed; what
 * was sent before can still be received.
 *
 * Trust.  What comes in is checked: a peer that sends nonsense costs an -EPROTO for each message.  How large a message is, the peer
 * decides; it must have sent that much, or a file that says so, which may be nothing but zeros.  Who has the same end is trusted.
 *
 * Semantics are those of Python's multiprocessing.Pipe, but that messages are bytes and that ends can be shared.
 *
 * Who may call what at the same time on one end ("-": freely; "X": the caller must exclude it):
 *                        open, attach, close   send..., receive..., skip   fd
 *     open, attach, close         X                       X                 X
 *     all others                  X                       -                 -
 * From any thread and any process that has the end; never from a signal handler. */
#ifndef YOKE_PIPE_H
#define YOKE_PIPE_H

#include <yoke/base.h>
#include <yoke/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One end of a pipe.  Zero bytes: not open. */
typedef struct yoke_pipe {
    int fd; /* 0: not open */
} yoke_pipe;

/* The most descriptors that one message can carry. */
#define YOKE_PIPE_FDS_MAX 16

/* yoke_pipe_open -- makes a pipe; its ends are alike.
 * Returns: 0; -EBUSY if one of the objects is open; -EINVAL for NULL or twice the same; -EMFILE, -ENFILE, -ENOMEM when the system
 *          has no room. */
YOKE_MUST_CHECK YOKE_API int yoke_pipe_open(yoke_pipe *a, yoke_pipe *b);

/* yoke_pipe_attach -- makes an end out of a descriptor that was received through another pipe, or that an exec let through.
 * The descriptor is taken on success, and is then close-on-exec; its socket loses the options that its sender may have set and that
 * change what a receive gets (SO_PASSCRED, SO_TIMESTAMP, SO_PEEK_OFF and the like).
 * Returns: 0; -EBUSY if the object is open; -EINVAL for NULL, for descriptor 0, or one that is no end of a pipe (a connected socket
 *          of AF_UNIX and SOCK_SEQPACKET); -EBADF for one that is not open; -ENOMEM. */
YOKE_MUST_CHECK YOKE_API int yoke_pipe_attach(yoke_pipe *pipe, int fd);

/* yoke_pipe_send -- sends one message of `size` bytes (copied; NULL when size is 0); waits while the pipe is full.
 * Returns: 0; -YOKE_ECLOSED if nobody has the other end (no SIGPIPE); -EINVAL for an end that is not open, or NULL bytes; when the
 *          system has no room -ENOBUFS or, for a message of more than 32 KiB, -ENOMEM, -EMFILE, -EFBIG (ulimit -f); -EMSGSIZE, only
 *          on an end that was attached, whose sender had made its room (SO_SNDBUF) smaller than this message, or than 32 KiB of it. */
YOKE_MUST_CHECK YOKE_API int yoke_pipe_send(yoke_pipe *pipe, const void *bytes, size_t size);

/* yoke_pipe_send_until -- the same, at most until `deadline`.
 * Returns: as yoke_pipe_send; or, with nothing sent, -ETIMEDOUT, or -EINTR in an interruptible thread. */
YOKE_MUST_CHECK YOKE_API int yoke_pipe_send_until(yoke_pipe *pipe, const void *bytes, size_t size, yoke_time deadline);

/* yoke_pipe_send_fds, _until -- the same, with n_fds descriptors (borrowed until return; the receiver gets duplicates).  An end of
 * another pipe travels so too: send its yoke_pipe_fd, and attach it there.
 * Returns: as yoke_pipe_send; also -EINVAL for more than YOKE_PIPE_FDS_MAX, -EBADF if one is not open, -EMFILE if too many are on
 *          their way, -EPERM if the other side has set its socket to take none (SO_PASSRIGHTS). */
YOKE_MUST_CHECK YOKE_API int yoke_pipe_send_fds(yoke_pipe *pipe, const void *bytes, size_t size, const int *fds,
                                                size_t n_fds);
YOKE_MUST_CHECK YOKE_API int yoke_pipe_send_fds_until(yoke_pipe *pipe, const void *bytes, size_t size, const int *fds,
                                                      size_t n_fds, yoke_time deadline);

/* yoke_pipe_receive -- waits for a message and copies it to buffer, which has room for `room` bytes (NULL when that is 0).
 * Descriptors that came with it are closed.
 * Returns: 0, with the size of the message in *ret_size (which may be NULL);
 *          -EMSGSIZE if it is larger than the room: it stays the first in the pipe, and *ret_size tells its size (receive it with
 *          that room, or drop it with yoke_pipe_skip);
 *          -YOKE_ECLOSED after the last message, when nobody has the other end;
 *          -EMFILE, -ENOMEM when there is no room for the descriptors, or for the one that a message of more than 32 KiB comes
 *          with, or no memory: it stays the first in the pipe;
 *          -EPROTO for what was not sent by this library, or came without its descriptors, because another thread took the last
 *          room for them at that moment: it is lost;
 *          -EIO if the system cannot read its own memory (swap): it is lost;
 *          -EINVAL for an end that is not open, or NULL.
 * After an error the buffer is as it was (but after -EIO), and so is all else but the size that -EMSGSIZE tells.
 * Receivers of different room: if another process or thread takes the message that this one has looked at, it gets the next
 * one, which may be too large.  It gives -EMSGSIZE for that one and keeps it for the next receive that begins on this end in this
 * process.  Such a message wakes nobody: a receive that sleeps already, with room enough, goes on sleeping, and the descriptor does
 * not show it; yoke_wait_any sees it when it begins.  So who gets -EMSGSIZE on an end that others receive from sees to it that it
 * is received, or skipped, in this process. */
YOKE_MUST_CHECK YOKE_API int yoke_pipe_receive(yoke_pipe *pipe, void *buffer, size_t room, size_t *ret_size);

/* yoke_pipe_receive_until -- the same, at most until `deadline`; YOKE_NOW looks once.
 * Returns: as yoke_pipe_receive; -ETIMEDOUT; -EINTR in an interruptible thread. */
YOKE_MUST_CHECK YOKE_API int yoke_pipe_receive_until(yoke_pipe *pipe, void *buffer, size_t room, size_t *ret_size,
                                                     yoke_time deadline);

/* yoke_pipe_receive_fds, _until -- the same, with descriptors: *n_fds says for how many there is room in fds, and on success
 * how many came.  They are the caller's, and close-on-exec from birth; those beyond the room are closed.
 * Returns: as yoke_pipe_receive. */
YOKE_MUST_CHECK YOKE_API int yoke_pipe_receive_fds(yoke_pipe *pipe, void *buffer, size_t room, size_t *ret_size,
                                                   int *fds, size_t *n_fds);
YOKE_MUST_CHECK YOKE_API int yoke_pipe_receive_fds_until(yoke_pipe *pipe, void *buffer, size_t room, size_t *ret_size,
                                                         int *fds, size_t *n_fds, yoke_time deadline);

/* yoke_pipe_skip -- drops the first message, with its descriptors, if it is larger than `room`: the one for which a receive with that
 * room gives -EMSGSIZE.  One that fits is never dropped; if it comes in place of the other, which somebody else took at that moment,
 * it is kept, as above.  Does not wait.
 * Returns: 0 if it was dropped; -EAGAIN if there is no message, or the first one is not larger; -YOKE_ECLOSED after the last
 *          message, when nobody has the other end; -EMFILE, -ENOMEM as for a receive; -EINVAL for an end that is not open. */
YOKE_MUST_CHECK YOKE_API int yoke_pipe_skip(yoke_pipe *pipe, size_t room);

/* yoke_pipe_fd -- the descriptor of the end: poll reports it readable (POLLIN) when a receive would not wait, for a message or for
 * the end; for event loops.  It is the object's: do not read, write or close it.  -EINVAL for an end that is not open. */
YOKE_API int yoke_pipe_fd(const yoke_pipe *pipe);

/* yoke_pipe_close -- gives the end back, in this process, and sets the object to zero bytes; copies of it are not open any more.
 * One that is not open is only set to zero bytes; NULL is ignored. */
YOKE_API void yoke_pipe_close(yoke_pipe *pipe);

#ifdef __cplusplus
}
#endif
#endif
