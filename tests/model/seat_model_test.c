/* seat_model_test.c -- src/sync/seat.c under every schedule, and with a death at every step: a seat has one owner at a time, who finds it
 * empty; each death on a seat shows there, and wakes somebody who watches. */
#include "sleep.h"

#include "../../src/sync/seat.c"

enum { SEATS = 2 };

static yoke_seat seats[SEATS];
static int n_taken;

uint32_t yk_forks(void)
{
    return 0;
}

static void reset(void)
{
    for (int i = 0; i < SEATS; i++)
        seats[i] = (yoke_seat){0};
    n_taken = 0;
}

/* Only one is there, so that all want it. */
static void reset_scarce(void)
{
    reset();
    seats[1].word = 99 | YK_WAITED;
}

static void sit(yoke_seat *seat)
{
    explore_reads(&seat->ticket);
    explore_assert(seat->ticket == 0 && yk_load_rlx(yk_seat_state(seat)) == 0);
    explore_writes(&seat->ticket);
    seat->ticket = 1;
    yk_store_rlx(yk_seat_state(seat), 1);
    n_taken++;
    explore_step();
    explore_writes(&seat->ticket); /* give does */
    yk_seat_give(seat);
}

static void guest(void)
{
    yoke_seat *seat = yk_seat_take(seats, SEATS);

    if (seat)
        sit(seat);
}

/* Waits until there is one. */
static void patient(void)
{
    yoke_seat *seat;

    while ((seat = yk_seat_take(seats, SEATS)) == NULL)
        yk_cpu_relax();
    sit(seat);
}

/* Sleeps until somebody has died there, and makes the seat free again. */
static void watcher(void)
{
    struct yk_wait waits[YK_WAIT_MOST];
    int n;

    while ((n = yk_seats_watch(seats, SEATS, NULL, waits)) >= 0)
        yk_sleep_many(waits, (unsigned)n, YOKE_FOREVER);
    for (int i = 0; i < SEATS; i++)
        /* relaxed: what the dead one wrote came with the look that found it */
        if (yk_seat_dead(yk_load_rlx(yk_seat_word(&seats[i])))) {
            explore_reads(&seats[i].ticket);
            explore_writes(&seats[i].ticket);
            yk_seat_bury(&seats[i]);
            return;
        }
    explore_fail("a dead seat that is not dead");
}

/* Nobody's ID is left there. */
static void all_gone(void)
{
    for (int i = 0; i < SEATS; i++)
        explore_assert((seats[i].word & YK_TID) == 0 || seats[i].word == (99 | YK_WAITED));
}

/* Whoever died there was found. */
static void all_buried(void)
{
    all_gone();
    for (int i = 0; i < SEATS; i++)
        explore_assert(!yk_seat_dead(seats[i].word));
}

static void all_sat(void)
{
    all_buried();
    explore_assert(n_taken == 2);
}

#define MORTAL(body)                                                                                                   \
    {                                                                                                                  \
        body, .killable = true                                                                                         \
    }

static const struct explore two = {
    .name = "two guests", .setup = reset, .check = all_sat, .preemptions = 3, .threads = {{guest}, {guest}}};
static const struct explore scarce = {.name = "two guests, one seat",
                                      .setup = reset_scarce,
                                      .check = all_sat,
                                      .preemptions = 3,
                                      .threads = {{patient}, {patient}}};
static const struct explore death = {.name = "a guest dies, or does not",
                                     .setup = reset_scarce,
                                     .check = all_gone,
                                     .preemptions = 3,
                                     .deaths = 1,
                                     .threads = {MORTAL(guest), {guest}}};
static const struct explore watched = {.name = "a guest dies, and somebody watches",
                                       .setup = reset,
                                       .check = all_buried,
                                       .preemptions = 3,
                                       .deaths = 1,
                                       .threads = {{watcher, .daemon = true}, MORTAL(guest)}};
static const struct explore crowd = {.name = "one of two guests dies, and somebody watches",
                                     .setup = reset,
                                     .check = all_buried,
                                     .delays = 3,
                                     .stale = 1,
                                     .deaths = 1,
                                     .threads = {{watcher, .daemon = true}, MORTAL(guest), {guest}}};

static const struct explore_surplus surplus[] = {
    {"clear", "store release",
     "against its own thread's death: the explorer keeps stores in the order of the program anyhow"},
};

int main(void)
{
    const struct explore *const all[] = {&two, &scarce, &death, &watched, &crowd};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        explore_passes(all[i]);
    explore_mutants("sync/seat.c", all, 5, surplus, 1);
    return explore_done();
}
