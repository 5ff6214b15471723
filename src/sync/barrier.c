/* barrier.c -- Barrier: arriving, waiting for the others, and what it gives.  (What is inside: barrier_round.c.) */
#include <errno.h>

#include "base/base.h"
#include "sync/barrier.h"
#include "sync/wait.h"

/* What somebody asked for. */
struct request {
    int (*action)(void *arg);
    void *arg;
    yoke_time deadline;
    bool until; /* a signal may end it */
};

static uint32_t outcome(const struct yk_party *self)
{
    /* acquire: pairs with the release in tell */
    return yk_load_acq(self->state);
}

/* Sleeps until that round has ended, or cannot end: 0; or -ETIMEDOUT or -EINTR. */
static int sleep_through(yoke_barrier *barrier, uint32_t round, const struct yk_party *self,
                         const struct request *request)
{
    struct yk_wait words[YK_WAIT_MOST];
    bool shared = barrier->shared != YOKE_PRIVATE;
    int rc = 0;

    words[0] = (struct yk_wait){yk_barrier_round(barrier), round, shared};
    words[1] = (struct yk_wait){(yk_a32 *)&barrier->shared, YK_GRAVE, true};
    /* acquire: pairs with the release in end_round */
    while (yk_load_acq(yk_barrier_round(barrier)) == round && (rc == 0 || (rc == -EINTR && !request->until))) {
        int n = shared ? yk_seats_watch(yk_barrier_seats(barrier), barrier->parties, self->seat, &words[2]) : 0;

        if (n < 0)
            return 0;
        rc = yk_sleep_many(words, shared ? (unsigned)n + 2 : 1, request->deadline);
    }
    return rc;
}

/* Until the round that is full has ended: its last one runs an action, and the caller is of the next round. */
static int await_room(yoke_barrier *barrier, const struct yk_party *self, const struct request *request)
{
    int rc = 0;

    while (!barrier->broken && barrier->n_waiting == barrier->parties && rc == 0) {
        uint32_t round = barrier->round;

        yk_barrier_leave(barrier);
        rc = sleep_through(barrier, round, self, request);
        yk_barrier_enter(barrier);
    }
    if (rc < 0)
        yk_barrier_break(barrier);
    return rc < 0 ? rc : barrier->broken ? -YOKE_EBARRIER : 0;
}

static int await_others(yoke_barrier *barrier, struct yk_party *self, int index, const struct request *request)
{
    uint32_t round = barrier->round;
    int rc;

    yk_barrier_leave(barrier);
    rc = sleep_through(barrier, round, self, request);
    /* the others may not have been told, or not woken: what somebody died at is put right inside */
    if (outcome(self) != YK_ROUND_PASSED || yk_barrier_has_dead(barrier)) {
        bool gives_up;

        yk_barrier_enter(barrier);
        gives_up = outcome(self) == YK_ROUND_OPEN;
        yk_assert(!gives_up || rc < 0);
        if (gives_up)
            yk_barrier_break(barrier);
        yk_barrier_leave(barrier);
        if (gives_up)
            return rc;
    }
    return outcome(self) == YK_ROUND_PASSED ? index : -YOKE_EBARRIER;
}

static int release_others(yoke_barrier *barrier, struct yk_party *self, int index, const struct request *request)
{
    int rc = 0;

    if (request->action) {
        yk_barrier_leave(barrier);
        rc = request->action(request->arg);
        yk_barrier_enter(barrier);
    }
    if (outcome(self) != YK_ROUND_OPEN) {
        yk_barrier_leave(barrier);
        return rc ? rc : -YOKE_EBARRIER;
    }
    if (rc) {
        yk_barrier_break(barrier);
        yk_barrier_leave(barrier);
        return rc;
    }
    yk_barrier_pass(barrier);
    yk_barrier_leave(barrier);
    yk_barrier_wake(barrier);
    return index;
}

static int meet(yoke_barrier *barrier, struct yk_party *self, const struct request *request)
{
    int rc, index;

    yk_barrier_enter(barrier);
    rc = await_room(barrier, self, request);
    if (rc < 0) {
        yk_barrier_leave(barrier);
        return rc;
    }
    index = (int)barrier->n_waiting;
    yk_barrier_join(barrier, self);
    if (barrier->n_waiting == barrier->parties)
        return release_others(barrier, self, index, request);
    return await_others(barrier, self, index, request);
}

/* For good, until the thread leaves. */
static yoke_seat *take_seat(yoke_seat *seats, unsigned n)
{
    yoke_seat *seat = yk_robust_held < YK_ROBUST_MOST ? yk_seat_take(seats, n) : NULL;

    yk_robust_held += seat != NULL;
    return seat;
}

static int wait_somehow(yoke_barrier *barrier, const struct request *request)
{
    yoke_seat *seats = yk_barrier_seats(barrier);
    struct yk_party self;

    if (barrier->parties == 0)
        yk_misuse("yoke_barrier_wait: the barrier has no parties");
    self.state = &self.own;
    self.seat = NULL;
    if (barrier->shared != YOKE_PRIVATE) {
        self.seat = yk_seat_mine(seats, barrier->parties);
        if (!self.seat)
            self.seat = take_seat(seats, barrier->parties);
        if (!self.seat)
            return yoke_barrier_broken(barrier) ? -YOKE_EBARRIER : -EAGAIN;
        self.state = yk_seat_state(self.seat);
    }
    return meet(barrier, &self, request);
}

int yoke_barrier_wait(yoke_barrier *barrier)
{
    return wait_somehow(barrier, &(struct request){.deadline = YOKE_FOREVER});
}

int yoke_barrier_wait_until(yoke_barrier *barrier, yoke_time deadline)
{
    return yoke_barrier_wait_with(barrier, NULL, NULL, deadline);
}

int yoke_barrier_wait_with(yoke_barrier *barrier, int (*action)(void *arg), void *arg, yoke_time deadline)
{
    return wait_somehow(barrier, &(struct request){action, arg, deadline, true});
}

void yoke_barrier_leave(yoke_barrier *barrier)
{
    yoke_seat *seat = NULL;

    if (barrier->shared != YOKE_PRIVATE)
        seat = yk_seat_mine(yk_barrier_seats(barrier), barrier->parties);
    if (seat) {
        yk_seat_give(seat);
        yk_robust_held--;
    }
}

void yoke_barrier_abort(yoke_barrier *barrier)
{
    yk_barrier_enter_as_guest(barrier);
    yk_barrier_break(barrier);
    yk_barrier_leave_as_guest(barrier);
}

void yoke_barrier_reset(yoke_barrier *barrier)
{
    yk_barrier_enter_as_guest(barrier);
    yk_barrier_break(barrier);
    yk_barrier_renew(barrier);
    yk_barrier_leave_as_guest(barrier);
}
