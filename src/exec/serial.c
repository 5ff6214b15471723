/* serial.c -- the executor without workers: the caller runs the items, one after the other.  The others agree with it.
 *
 * It has one worker, number 0, and so one item runs at a time: threads that map at once take turns.  A task that maps on its
 * own serial pool holds the turn already. */
#include <errno.h>
#include <stdlib.h>

#include "exec/memory.h"
#include "exec/run.h"

struct serial {
    yoke_lock turn;
    yk_aptr
        holder; /* the yk_current of the thread that has the turn; written by that thread, read for its own by any */
    yk_a32 terminated;
    struct yk_memory memory;
};

/* What a map gives back, also when a task leaves by pthread_exit. */
struct frame {
    struct serial *serial;
    struct yk_current saved;
    void *spare;
    bool has_turn;
};

static void frame_end(struct frame *frame)
{
    *yk_current() = frame->saved;
    if (frame->has_turn) {
        yk_store_rlx(&frame->serial->holder, NULL);
        yoke_lock_release(&frame->serial->turn);
    }
    free(frame->spare);
}

static bool serial_inside(void *self)
{
    /* relaxed: only this thread itself stores its own address there */
    return yk_load_rlx(&((struct serial *)self)->holder) == yk_current();
}

static void frame_begin(struct frame *frame)
{
    struct yk_current *current = yk_current();

    frame->saved = *current;
    frame->has_turn = !serial_inside(frame->serial);
    if (frame->has_turn) {
        yoke_lock_acquire(&frame->serial->turn);
        yk_store_rlx(&frame->serial->holder, current);
    }
    *current = (struct yk_current){.worker = 0};
}

static int initialize(struct serial *serial, const struct yk_exec_options *options)
{
    __attribute__((cleanup(frame_end))) struct frame frame = {.serial = serial};

    frame_begin(&frame);
    return options->initializer ? options->initializer(options->initializer_arg) : 0;
}

static int serial_open(const struct yk_exec_options *options, void **ret_self)
{
    struct serial *serial = calloc(1, sizeof *serial);

    if (!serial)
        return -ENOMEM;
    if (initialize(serial, options) != 0) {
        free(serial);
        return -YOKE_EINIT;
    }
    *ret_self = serial;
    return 0;
}

static int serial_map(void *self, struct yk_map *map)
{
    __attribute__((cleanup(frame_end))) struct frame frame = {.serial = self};
    size_t n = map->items.n, spare, done = 0, i;
    bool stop = false;

    frame_begin(&frame);
    if (!yk_run_spare(&map->items, &spare) || (spare > 0 && !(frame.spare = aligned_alloc(YK_LINE, spare))))
        return -ENOMEM;
    yk_map_begin(map);
    for (i = 0; i < n && !stop && !yk_load_acq(&frame.serial->terminated); i++) { /* acquire: the store in terminate */
        int code = yk_run_item(&map->items, i, frame.spare, yk_current());

        if (code == 0) {
            done++;
        } else {
            yk_map_end(map, i, 1, YOKE_FAILED, code);
            stop = map->fail_fast;
        }
    }
    yk_map_end(map, 0, done, YOKE_DONE, 0);
    yk_map_end(map, i, n - i, YOKE_CANCELLED, 0);
    return 0;
}

static void *serial_alloc(void *self, size_t size)
{
    return yk_memory_alloc(&((struct serial *)self)->memory, size);
}

static bool serial_dealloc(void *self, void *memory)
{
    return yk_memory_dealloc(&((struct serial *)self)->memory, memory);
}

static void serial_close(void *self)
{
    (void)self; /* there is nobody to tell */
}

static void serial_terminate(void *self)
{
    yk_store_rel(&((struct serial *)self)->terminated, 1); /* release: the load before each item */
}

static int serial_join(void *self)
{
    (void)self;
    return 0;
}

static void serial_free(void *self)
{
    yk_memory_free(&((struct serial *)self)->memory);
    free(self);
}

const struct yk_executor yk_serial = {
    .can_kill = false,
    .open = serial_open,
    .map = serial_map,
    .alloc = serial_alloc,
    .dealloc = serial_dealloc,
    .close = serial_close,
    .terminate = serial_terminate,
    .join = serial_join,
    .free = serial_free,
    .forget = serial_free,
    .inside = serial_inside,
};
