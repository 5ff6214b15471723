/* explore_test.c -- the explorer itself: that it finds what weak memory, a lost wake-up and a death do, and nothing
 * that cannot be. */
#include "builtins.h"

#include "base/atomic.h"

static yk_a32 x, y;
static uint32_t seen_x, seen_y;
static int data;

static void reset(void)
{
    x = y = (yk_a32){0};
    seen_x = seen_y = 9;
    data = 0;
}

/* ---- message passing ---- */

static void send_released(void)
{
    explore_writes(&data);
    data = 1;
    yk_store_rel(&x, 1);
}

static void send_relaxed(void)
{
    explore_writes(&data);
    data = 1;
    yk_store_rlx(&x, 1);
}

static void receive_acquired(void)
{
    if (yk_load_acq(&x)) {
        explore_reads(&data);
        explore_assert(data == 1);
    }
}

static void receive_relaxed(void)
{
    if (yk_load_rlx(&x))
        explore_reads(&data);
}

static void send_atomic(void)
{
    yk_store_rlx(&x, 1);
    yk_store_rlx(&y, 1);
}

static void receive_atomic(void)
{
    if (yk_load_rlx(&y))
        explore_assert(yk_load_rlx(&x) == 1);
}

/* fences alone order atomics: the other form of message passing */
static void send_fenced(void)
{
    yk_store_rlx(&x, 1);
    yk_fence_seq();
    yk_store_rlx(&y, 1);
}

static void receive_fenced(void)
{
    if (yk_load_rlx(&y)) {
        yk_fence_seq();
        explore_assert(yk_load_rlx(&x) == 1);
    }
}

static void message_passing(void)
{
    explore_passes(&(struct explore){.name = "message passing, release and acquire",
                                     .setup = reset,
                                     .preemptions = 9,
                                     .threads = {{.body = send_released}, {.body = receive_acquired}}});
    explore_fails(&(struct explore){.name = "message passing, relaxed store",
                                    .setup = reset,
                                    .preemptions = 9,
                                    .threads = {{.body = send_relaxed}, {.body = receive_acquired}}},
                  "race");
    explore_fails(&(struct explore){.name = "message passing, relaxed load",
                                    .setup = reset,
                                    .preemptions = 9,
                                    .threads = {{.body = send_released}, {.body = receive_relaxed}}},
                  "race");
    explore_fails(&(struct explore){.name = "message passing, relaxed atomics",
                                    .setup = reset,
                                    .preemptions = 9,
                                    .threads = {{.body = send_atomic}, {.body = receive_atomic}}},
                  "yk_load_rlx(&x)");
    explore_passes(&(struct explore){.name = "message passing, fences",
                                     .setup = reset,
                                     .preemptions = 9,
                                     .threads = {{.body = send_fenced}, {.body = receive_fenced}}});
    explore_fails(&(struct explore){.name = "message passing, random choices",
                                    .setup = reset,
                                    .preemptions = 9,
                                    .seed = 7,
                                    .executions = 10000,
                                    .threads = {{.body = send_relaxed}, {.body = receive_acquired}}},
                  "race");
}

/* ---- store buffering ---- */

static void dekker_check(void)
{
    explore_assert(seen_x == 1 || seen_y == 1);
}

static void sc_left(void)
{
    yk_store_seq(&x, 1);
    seen_y = yk_load_seq(&y);
}

static void sc_right(void)
{
    yk_store_seq(&y, 1);
    seen_x = yk_load_seq(&x);
}

static void fence_left(void)
{
    yk_store_rlx(&x, 1);
    yk_fence_seq();
    seen_y = yk_load_rlx(&y);
}

static void fence_right(void)
{
    yk_store_rlx(&y, 1);
    yk_fence_seq();
    seen_x = yk_load_rlx(&x);
}

static void release_left(void)
{
    yk_store_rel(&x, 1);
    seen_y = yk_load_acq(&y);
}

static void release_right(void)
{
    yk_store_rel(&y, 1);
    seen_x = yk_load_acq(&x);
}

/* an SC read-modify-write is no fence for the relaxed load behind it */
static void modify_left(void)
{
    yk_or_seq(&x, 1);
    seen_y = yk_load_rlx(&y);
}

static void modify_right(void)
{
    yk_or_seq(&y, 1);
    seen_x = yk_load_rlx(&x);
}

static void store_buffering(void)
{
    explore_passes(&(struct explore){.name = "store buffering, seq_cst",
                                     .setup = reset,
                                     .check = dekker_check,
                                     .preemptions = 9,
                                     .threads = {{.body = sc_left}, {.body = sc_right}}});
    explore_passes(&(struct explore){.name = "store buffering, fences",
                                     .setup = reset,
                                     .check = dekker_check,
                                     .preemptions = 9,
                                     .threads = {{.body = fence_left}, {.body = fence_right}}});
    explore_passes(&(struct explore){.name = "store buffering, one fenced and one seq_cst",
                                     .setup = reset,
                                     .check = dekker_check,
                                     .preemptions = 9,
                                     .threads = {{.body = fence_left}, {.body = sc_right}}});
    explore_fails(&(struct explore){.name = "store buffering, release and acquire",
                                    .setup = reset,
                                    .check = dekker_check,
                                    .preemptions = 9,
                                    .threads = {{.body = release_left}, {.body = release_right}}},
                  "seen_x");
    explore_fails(&(struct explore){.name = "store buffering, seq_cst modification and relaxed load",
                                    .setup = reset,
                                    .check = dekker_check,
                                    .preemptions = 9,
                                    .threads = {{.body = modify_left}, {.body = modify_right}}},
                  "seen_x");
}

/* ---- two readers of two independent writes: not the same for both with acquire, the same with seq_cst ---- */

static uint32_t first[2], second[2];

static void write_x(void)
{
    yk_store_seq(&x, 1);
}

static void write_y(void)
{
    yk_store_seq(&y, 1);
}

static void read_xy_acquire(void)
{
    first[0] = yk_load_acq(&x);
    second[0] = yk_load_acq(&y);
}

static void read_yx_acquire(void)
{
    first[1] = yk_load_acq(&y);
    second[1] = yk_load_acq(&x);
}

static void read_xy_seq(void)
{
    first[0] = yk_load_seq(&x);
    second[0] = yk_load_seq(&y);
}

static void read_yx_seq(void)
{
    first[1] = yk_load_seq(&y);
    second[1] = yk_load_seq(&x);
}

static void iriw_check(void)
{
    explore_assert(!(first[0] && !second[0] && first[1] && !second[1]));
}

static void independent_writes(void)
{
    explore_passes(&(struct explore){
        .name = "independent writes, seq_cst readers",
        .setup = reset,
        .check = iriw_check,
        .preemptions = 9,
        .threads = {{.body = write_x}, {.body = write_y}, {.body = read_xy_seq}, {.body = read_yx_seq}}});
    explore_fails(
        &(struct explore){
            .name = "independent writes, acquire readers",
            .setup = reset,
            .check = iriw_check,
            .preemptions = 9,
            .threads = {{.body = write_x}, {.body = write_y}, {.body = read_xy_acquire}, {.body = read_yx_acquire}}},
        "first[0]");
}

/* ---- a futex mutex with and without the state that says that somebody waits ---- */

static uint32_t contended_state;

static void futex_lock(void)
{
    uint32_t old = 0;

    if (yk_cas_acq(&x, &old, 1))
        return;
    while (yk_swap_acq(&x, contended_state) != 0)
        yk_futex_wait(&x, contended_state, false, YOKE_FOREVER);
}

static void futex_mutex(void)
{
    futex_lock();
    explore_writes(&data);
    data++;
    if (yk_swap_rel(&x, 0) == 2)
        yk_futex_wake(&x, 1, false);
}

static void reset_right(void)
{
    reset();
    contended_state = 2;
}

static void reset_wrong(void)
{
    reset();
    contended_state = 1;
}

static void mutex_check(void)
{
    explore_assert(data == 2);
}

static void lost_wakeup(void)
{
    explore_passes(&(struct explore){.name = "futex mutex",
                                     .setup = reset_right,
                                     .check = mutex_check,
                                     .preemptions = 9,
                                     .spurious = 1,
                                     .threads = {{.body = futex_mutex}, {.body = futex_mutex}}});
    explore_fails(&(struct explore){.name = "futex mutex without the state of waiting",
                                    .setup = reset_wrong,
                                    .check = mutex_check,
                                    .preemptions = 9,
                                    .threads = {{.body = futex_mutex}, {.body = futex_mutex}}},
                  "deadlock");
    explore_fails(&(struct explore){.name = "a holder dies and another waits",
                                    .setup = reset_right,
                                    .preemptions = 3,
                                    .deaths = 1,
                                    .threads = {{.body = futex_mutex, .killable = true}, {.body = futex_mutex}}},
                  "deadlock");
}

/* ---- a death between two steps, and what the supervisor sees ---- */

static void torn_worker(void)
{
    yk_store_rlx(&x, 1);
    yk_store_rlx(&y, 1);
}

static void supervisor(void)
{
    explore_assert(explore_await_death() == 0);
    seen_x = yk_load_rlx(&x);
    seen_y = yk_load_rlx(&y);
    explore_assert(seen_x == seen_y);
}

static void ordered_supervisor(void)
{
    explore_assert(explore_await_death() == 0);
    seen_x = yk_load_rlx(&x);
    seen_y = yk_load_rlx(&y);
    explore_assert(seen_x >= seen_y);
}

static void death(void)
{
    explore_passes(
        &(struct explore){.name = "no death",
                          .setup = reset,
                          .preemptions = 9,
                          .threads = {{.body = torn_worker, .killable = true}, {.body = supervisor, .daemon = true}}});
    explore_fails(
        &(struct explore){.name = "a death in between",
                          .setup = reset,
                          .preemptions = 9,
                          .deaths = 1,
                          .threads = {{.body = torn_worker, .killable = true}, {.body = supervisor, .daemon = true}}},
        "seen_x == seen_y");
    explore_passes(&(struct explore){
        .name = "after a death all that was written is seen",
        .setup = reset,
        .preemptions = 9,
        .deaths = 1,
        .threads = {{.body = torn_worker, .killable = true}, {.body = ordered_supervisor, .daemon = true}}});
}

/* ---- spinning, and time ---- */

static void spin_for_x(void)
{
    while (!yk_load_acq(&x))
        yk_cpu_relax();
}

static void spin_a_little(void)
{
    for (int i = 0; i < 100; i++) {
        if (yk_load_acq(&x))
            return;
        yk_cpu_relax();
    }
    seen_x = 1;
    yk_store_rlx(&y, 1);
}

static void set_x(void)
{
    yk_store_rel(&x, 1);
}

static void nothing(void)
{
}

static void never_in_vain(void)
{
    explore_assert(yk_load_rlx(&y) == 0);
}

static void wait_a_while(void)
{
    int rc = yk_futex_wait(&x, 0, false, yoke_now() + 5000);

    explore_assert(rc == 0);
}

static void set_x_and_wake(void)
{
    yk_store_rel(&x, 1);
    yk_futex_wake(&x, 1, false);
}

static void spinning(void)
{
    explore_passes(&(struct explore){.name = "a spin that ends",
                                     .setup = reset,
                                     .preemptions = 3,
                                     .threads = {{.body = spin_for_x}, {.body = set_x}}});
    explore_fails(&(struct explore){.name = "a spin that never ends",
                                    .setup = reset,
                                    .preemptions = 3,
                                    .threads = {{.body = spin_for_x}, {.body = nothing}}},
                  "livelock");
    explore_fails(&(struct explore){.name = "a bounded spin can run out",
                                    .setup = reset,
                                    .preemptions = 3,
                                    .threads = {{.body = spin_a_little}, {.body = set_x}, {.body = never_in_vain}}},
                  "yk_load_rlx(&y)");
    explore_fails(&(struct explore){.name = "a deadline can come before the wake",
                                    .setup = reset,
                                    .preemptions = 3,
                                    .threads = {{.body = wait_a_while}, {.body = set_x_and_wake}}},
                  "rc == 0");
}

int main(void)
{
    message_passing();
    store_buffering();
    independent_writes();
    lost_wakeup();
    death();
    spinning();
    return explore_done();
}
