/* yoke/queue.h -- Queue: hands items from those who push to those who pop, between threads, or between processes.
 *
 *     struct job { int number; double from, to; };
 *
 *     yoke_queue *queue;
 *     int rc = yoke_queue_open(&queue, NULL, sizeof(struct job), 64);    // between threads; room for 64
 *     rc = yoke_queue_push(queue, &job);                                 // in one thread: copies the job; waits while full
 *     rc = yoke_queue_close(queue);                                      // no more will come
 *
 *     while (yoke_queue_pop(queue, &job) == 0)                           // in others: wait while empty; -YOKE_ECLOSED at the end
 *         work(&job);
 *     yoke_queue_free(&queue);
 *
 * Items are bytes and are copied: into the queue by push, out of it by pop.  A push can be seen by everybody when it returns.  Items
 * leave in the order in which they came (YOKE_FIFO: also seen by all of many producers and consumers, as if one call followed the
 * other); the last one first (YOKE_LIFO); or the least one first, by a comparison, and those that are equal as they came
 * (YOKE_PRIORITY).  With item_size 0 each item has a size of its own (yoke_queue_push_bytes).
 *
 * Capacity is what makes producers wait for consumers.  0: none, between threads; the queue then grows with what is in it, and
 * shrinks again.  Between processes there is always one, since shared memory is allocated by one process only.
 *
 * Between processes: opened in a yoke_shm, the queue lies there with its items, and its pointer is the same in every process that has
 * that memory; so it may travel in arguments and items.  Threads of all of them push and pop alike.  A process, or thread, that is
 * killed at any instruction takes at most one item along, the one that it was pushing or popping, and holds up nobody: no
 * lock is left behind, and no wake is lost with it.  Counts and sizes that a process has overwritten make no call leave the queue's
 * memory, or the caller's; what open has written there (capacity, size of items) is trusted.  FIFO only: a comparison is a
 * function of one program.
 *
 * In a child of fork, a queue between threads is a copy with all that was in it, whole, whatever other threads were just doing.
 *
 * Semantics are those of Python's queue.Queue with shutdown.  There is no thread behind it that feeds it, nothing is left to be
 * flushed, and a process can end with items of its own in the queue.
 *
 * Order: what a thread wrote before it pushed an item is visible to whoever pops that item.
 *
 * Who may call what at the same time ("-": freely; "X": the caller must exclude it):
 *                     free   all others
 *     free             X         X
 *     all others       X         -
 * From any thread, and from any process that shares the memory (and the PID namespace); never from a signal handler, nor from
 * the comparison of the same queue. */
#ifndef YOKE_QUEUE_H
#define YOKE_QUEUE_H

#include <yoke/base.h>
#include <yoke/lock.h>
#include <yoke/shm.h>
#include <yoke/time.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct yoke_queue yoke_queue;

/* Which item leaves first. */
typedef enum yoke_order {
    YOKE_FIFO = 0,    /* the one that came first */
    YOKE_LIFO = 1,    /* the one that came last */
    YOKE_PRIORITY = 2 /* the least by .compare; among equals the one that came first */
} yoke_order;

typedef struct yoke_queue_options {
    size_t size; /* sizeof(yoke_queue_options) */
    /* How many items, whose memory is taken at open; with item_size 0, how many bytes, see yoke_queue_push_bytes; 0: no limit. */
    size_t capacity;
    yoke_order order;
    /* YOKE_PRIORITY: below, equal to or above 0 if *a is to leave before, with or after *b, as for qsort.  It is called with the queue
     * locked: it must return, and not use the queue. */
    int (*compare)(const void *a, const void *b);
} yoke_queue_options;

/* yoke_queue_open -- makes an empty queue for items of item_size bytes; 0: of any size (YOKE_FIFO only).  shm: where it lies, to be used by several
 * processes, YOKE_FIFO and with a capacity; NULL: between threads.  Options are named, after the capacity: .order, .compare.
 * Returns: 0, with the queue in *ret_queue; -EINVAL for a NULL ret_queue, shared memory with no capacity or another order, items of
 *          any size in another order, an order that does not exist, a priority without a comparison or a comparison without a priority,
 *          or options whose size is smaller than the struct; -ENOMEM when there is no room; -YOKE_EFORKED if this process did not
 *          open the shared memory.
 * Owns:    the caller owns the queue; compare is borrowed until yoke_queue_free, and so is shm. */
#ifndef __cplusplus
#define yoke_queue_open(ret_queue, shm, item_size, ...)                                                                \
    yoke_queue_open_with((ret_queue), (shm), (item_size),                                                              \
                         &(yoke_queue_options){.size = sizeof(yoke_queue_options), .capacity = __VA_ARGS__})
#endif
YOKE_MUST_CHECK YOKE_API int yoke_queue_open_with(yoke_queue **ret_queue, yoke_shm *shm, size_t item_size,
                                                  const yoke_queue_options *options);

/* yoke_queue_push -- copies the item_size bytes at `item` into the queue; waits while the queue is full.
 * Returns: 0; -YOKE_ECLOSED once the queue is closed, also if that happens while it waits; -ENOMEM if a queue without a capacity
 *          cannot grow; -EINVAL for NULL, or a queue of items of any size. */
YOKE_MUST_CHECK YOKE_API int yoke_queue_push(yoke_queue *queue, const void *item);

/* yoke_queue_push_until -- the same, at most until `deadline`; YOKE_NOW tries once.
 * Returns: as yoke_queue_push; or, with nothing pushed, -ETIMEDOUT if the queue was full at the deadline, or -EINTR in an
 *          interruptible thread (yoke_thread_interruptible).  Both may take 1 s longer, and -ETIMEDOUT may come though there is room, if
 *          another thread is stopped in the middle of a call, or is in a comparison, for as long. */
YOKE_MUST_CHECK YOKE_API int yoke_queue_push_until(yoke_queue *queue, const void *item, yoke_time deadline);

/* yoke_queue_pop -- takes the next item out of the queue and copies it to `item`, item_size bytes; waits while the queue is empty.
 * Returns: 0; -YOKE_ECLOSED when the queue is closed and empty, also if that happens while it waits; -EINVAL for NULL, or a queue of
 *          items of any size. */
YOKE_MUST_CHECK YOKE_API int yoke_queue_pop(yoke_queue *queue, void *item);

/* yoke_queue_pop_until -- the same, at most until `deadline`; YOKE_NOW tries once.
 * Returns: as yoke_queue_pop; or, with nothing popped, -ETIMEDOUT if the queue was empty at the deadline, or -EINTR in an
 *          interruptible thread; see yoke_queue_push_until. */
YOKE_MUST_CHECK YOKE_API int yoke_queue_pop_until(yoke_queue *queue, void *item, yoke_time deadline);

/* ---- items of any size ---- */

/* yoke_queue_push_bytes, _until -- the same for `size` bytes (NULL for 0 bytes) and a queue that was opened with item_size 0.  There an
 * item counts its size, rounded up to a multiple of 8, and 8 more, against the capacity and 8 more; so one of as many bytes as the
 * capacity goes into an empty queue.  An item that needs much room may wait for long while others push small ones.
 * Returns: as yoke_queue_push; -EMSGSIZE if the item is larger than the capacity; -EINVAL for a queue of items of one size. */
YOKE_MUST_CHECK YOKE_API int yoke_queue_push_bytes(yoke_queue *queue, const void *bytes, size_t size);
YOKE_MUST_CHECK YOKE_API int yoke_queue_push_bytes_until(yoke_queue *queue, const void *bytes, size_t size,
                                                         yoke_time deadline);

/* yoke_queue_pop_bytes, _until -- takes the next item and copies it to buffer, which has room for `room` bytes (NULL when that is 0).
 * Returns: as yoke_queue_pop, with the item's size in *ret_size (which may be NULL); -EMSGSIZE if the item is larger than the room: it
 *          stays in the queue, and *ret_size is its size; -EBADMSG, for good, if a process has overwritten it; -EINVAL for a queue
 *          of items of one size. */
YOKE_MUST_CHECK YOKE_API int yoke_queue_pop_bytes(yoke_queue *queue, void *buffer, size_t room, size_t *ret_size);
YOKE_MUST_CHECK YOKE_API int yoke_queue_pop_bytes_until(yoke_queue *queue, void *buffer, size_t room, size_t *ret_size,
                                                        yoke_time deadline);

/* ---- what is in it ---- */

/* yoke_queue_length -- how many items are in the queue; old news by the time it is read.  0 for NULL. */
YOKE_API size_t yoke_queue_length(const yoke_queue *queue);

/* yoke_queue_capacity -- the capacity that it was opened with (bytes, where items have any size); 0: none, or NULL. */
YOKE_API size_t yoke_queue_capacity(const yoke_queue *queue);

/* ---- waiting until the work is done ---- */

/* yoke_queue_task_done -- says that the work on one of the items that were popped is done.  Only for who uses yoke_queue_join.
 * Returns: 0; -EINVAL if that was said of all items already that were ever pushed, or for NULL. */
YOKE_API int yoke_queue_task_done(yoke_queue *queue);

/* yoke_queue_join -- waits for a moment in which yoke_queue_task_done has been said of every item that was pushed.  (One that is
 * over at once, by another push, may be missed.)  What a process had popped, or was just dropping, that was killed then is never
 * done: a join with a deadline gets over that.  (And who is killed in here makes each later moment cost a call of the kernel.)
 * A closed queue is no reason to return as long as there is work.
 * Returns: 0, with what was written before each task_done visible; -EINVAL for NULL. */
YOKE_API int yoke_queue_join(yoke_queue *queue);

/* yoke_queue_join_until -- the same, at most until `deadline`.
 * Returns: as yoke_queue_join; -ETIMEDOUT; -EINTR in an interruptible thread. */
YOKE_MUST_CHECK YOKE_API int yoke_queue_join_until(yoke_queue *queue, yoke_time deadline);

/* ---- the end ---- */

/* yoke_queue_close -- lets no more items in, for good: pushes give -YOKE_ECLOSED, those that wait too; pops take what is there, and then
 * give it too.  Any process may close; closing again does nothing.
 * Returns: 0; -EINVAL for NULL. */
YOKE_API int yoke_queue_close(yoke_queue *queue);

/* yoke_queue_close_now -- the same, and drops what is in the queue.  It counts as done.
 * Returns: how many items it dropped; -EINVAL for NULL. */
YOKE_API ptrdiff_t yoke_queue_close_now(yoke_queue *queue);

/* yoke_queue_free -- gives the queue back, with what is in it, and sets *queue to NULL.  NULL and a pointer to NULL are ignored.
 * Nobody may use it any more, in whatever process.  One in shared memory goes back there if this is the process that opened it;
 * elsewhere only the pointer is forgotten.  Free it before the shared memory. */
YOKE_API void yoke_queue_free(yoke_queue **queue);

#ifdef __cplusplus
}
#endif
#endif
