/* yoke/shm.h -- Shared memory: allocation in memory that processes have in common, at the same address.
 *
 *     struct table { yoke_mutex mutex; long sum; };
 *
 *     yoke_shm *shm;
 *     int rc = yoke_shm_open(&shm, 0);
 *     struct table *table = yoke_shm_new(shm, struct table);        // zero bytes
 *     double *samples = yoke_shm_array(shm, double, 1000000);       // NULL: no room
 *     yoke_mutex_init(&table->mutex, YOKE_SHARED);
 *     ...                                                           // processes and pools that are started now have it
 *     rc = yoke_shm_free(&shm);
 *
 * Who has it.  Every process that is started after yoke_shm_open (yoke_process_start, the workers of a pool that is opened,
 * those that replace them, a fork of the program), and what those start in turn.  It lies at the same address there, also
 * with yoke_init(): so a pointer into it, and the yoke_shm pointer itself, may travel in arguments and items.  What is allocated
 * later is in their reach too.  A process that is none of these, and was sent the descriptor of yoke_shm_fd, attaches it;
 * there it may lie elsewhere, and offsets take the place of pointers.
 *
 * Who allocates.  Only the process that opened it, in any thread: what is free and what is taken is known in its own memory
 * alone, out of reach of a process that runs wild.  Elsewhere yoke_shm_alloc gives NULL and yoke_shm_dealloc -YOKE_EFORKED, also
 * for NULL, which is how one can tell.
 *
 * What it is.  A memfd: it has no name, so that nothing is left when all its processes have ended, even if they were killed.
 * It is a reservation of addresses; memory is put behind it as allocations need it, so that lack of memory is NULL there, and
 * not a SIGBUS at some later touch.  Nobody can change its size.  When the process that opened it has gone without freeing it,
 * others that attached it still have it with all that is in it.
 *
 * Python's SharedMemory and its manager have names instead, which somebody must take away again, and memory that is not there when
 * it is touched.
 *
 * Sharing lines.  Objects of different processes do not slow each other down if they lie on different cache lines.  What has
 * the size of a line (64) or more shares none with other objects; so give such a type the alignment of one,
 * `_Alignas(64) long count;`, which makes its size a multiple too, also in an array.
 *
 * Who may call what at the same time on one shared memory ("-": freely; "X": the caller must exclude it):
 *                                        alloc, dealloc   size, fd, offset, at   free
 *     alloc, dealloc                           -                   -              X
 *     size, fd, offset, at                     -                   -              X
 *     free                                     X                   X              X
 * Processes and pools may be started meanwhile.  Never from a signal handler. */
#ifndef YOKE_SHM_H
#define YOKE_SHM_H

#include <yoke/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Its address; what lies there is the library's. */
typedef struct yoke_shm yoke_shm;

/* yoke_shm_open -- makes shared memory of at most `most` bytes, rounded up to pages; 0: as many as the system lets one
 * reserve, up to 256 GiB, but not more than a quarter of a limit of address space (ulimit -v).  That costs addresses only: what
 * was not allocated takes no memory.
 * Returns: 0, with the shared memory in *ret_shm; -EINVAL for a NULL ret_shm; -ENOMEM, -EMFILE, -EFBIG (RLIMIT_FSIZE) when
 *          the system has no room.
 * Owns:    the caller owns it and gives it back with yoke_shm_free. */
YOKE_MUST_CHECK YOKE_API int yoke_shm_open(yoke_shm **ret_shm, size_t most);

/* yoke_shm_alloc -- `size` zero bytes, aligned for every type whose alignment divides the size, up to a page.  What is smaller than
 * half a page takes little more than its size (at least 16 bytes), what is larger takes whole pages.
 * Returns: NULL when there is no room, when size is 0, or in a process that did not open it.
 * Owns:    the shared memory does, until yoke_shm_dealloc or yoke_shm_free. */
YOKE_API void *yoke_shm_alloc(yoke_shm *shm, size_t size);

/* The same for n elements of that size; NULL also when their product does not fit. */
static inline void *yoke_shm_alloc_array(yoke_shm *shm, size_t n, size_t size)
{
    size_t total;

    return __builtin_mul_overflow(n, size, &total) ? NULL : yoke_shm_alloc(shm, total);
}

/* yoke_shm_new, yoke_shm_array -- one object of a type, an array of n: a pointer of that type. */
#define yoke_shm_new(shm, type) ((type *)yoke_shm_alloc((shm), sizeof(type)))
#define yoke_shm_array(shm, type, n) ((type *)yoke_shm_alloc_array((shm), (n), sizeof(type)))

/* yoke_shm_dealloc -- gives back what yoke_shm_alloc gave; NULL is allowed.  No process may be using it, and no lock in it may
 * be held.  A pointer that alloc did not give, or that was given back already, is misuse: one line on stderr, then abort.  So is
 * memory with a lock that the calling thread holds, if its death would be noticed (yoke_mutex and what is built on it).
 * Returns: 0; -YOKE_EFORKED in a process that did not open it; -EINVAL if this process does not have it. */
YOKE_API int yoke_shm_dealloc(yoke_shm *shm, void *memory);

/* yoke_shm_free -- gives the shared memory up, and sets *shm to NULL; NULL and a pointer to NULL are ignored.
 * In the process that opened it, the memory goes back to the system at once, for all: others that still have it read zeros
 * there from then on (what they write takes memory until they have ended, or have freed it too), and processes that are
 * started later do not have it.  In any other process it is only taken out of that process.
 * Returns: 0; -EBUSY, with nothing done, if the calling thread holds a lock in it whose death would be noticed (yoke_mutex and
 *          what is built on it; no other thread may hold one either, which is not checked); -EINVAL if this process does
 *          not have it. */
YOKE_API int yoke_shm_free(yoke_shm **shm);

/* yoke_shm_size -- how many bytes it has in all, allocated or not: offsets are below it.  The library has a page of them.
 * Returns: 0 if this process does not have it. */
YOKE_API size_t yoke_shm_size(const yoke_shm *shm);

/* ---- for processes that were not started by this program ---- */

/* yoke_shm_fd -- its descriptor in this process, to be sent to another one.  It is the shared memory's: do not close it.
 * Returns: -EINVAL if this process does not have it. */
YOKE_API int yoke_shm_fd(const yoke_shm *shm);

/* yoke_shm_attach -- takes in shared memory whose descriptor was received; at the address that it has where it was opened, if that
 * is free here, else at another one.  The descriptor is copied; the caller still owns it.  Nothing in it is believed: a
 * descriptor of something else, or of memory whose size somebody could still change, is refused.
 * Returns: 0, with the shared memory in *ret_shm, to be given up with yoke_shm_free; -EINVAL if it is none, or for a NULL
 *          ret_shm; -ENOMEM, -EMFILE when the system has no room. */
YOKE_MUST_CHECK YOKE_API int yoke_shm_attach(yoke_shm **ret_shm, int fd);

/* yoke_shm_offset -- the place of p in it, the same number in every process; 0 for NULL, and for what does not lie in it. */
YOKE_API uint64_t yoke_shm_offset(const yoke_shm *shm, const void *p);

/* yoke_shm_at -- the address of `size` bytes at that place in this process.  NULL for 0 bytes, for 0, and if they do not lie in it
 * from the first to the last, whatever the numbers are: so they may come from a process that is not trusted.  How what lies
 * there is aligned, and what it says, is for the caller to check. */
YOKE_API void *yoke_shm_at(const yoke_shm *shm, uint64_t offset, size_t size);

#ifdef __cplusplus
}
#endif
#endif
