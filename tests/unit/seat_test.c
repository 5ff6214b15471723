/* seat_test.c -- seats: who gets one, what the kernel says of the dead, and who is told. */
#include "sync/seat.h"

#include "sharing.h"

enum { SEATS = 3 };

struct row {
    yoke_seat seats[SEATS];
    yk_a32 go;
};

static struct row *new_row(void)
{
    return shared_page();
}

static uint32_t word_of(struct row *row, int i)
{
    return yk_load_acq(yk_seat_word(&row->seats[i]));
}

static int n_free(struct row *row)
{
    int n = 0;

    for (int i = 0; i < SEATS; i++)
        n += yk_seat_free(word_of(row, i));
    return n;
}

TEST(a_thread_takes_a_seat_and_gives_it_back)
{
    struct row *row = new_row();
    yoke_seat *seat = yk_seat_take(row->seats, SEATS);

    CHECK(seat >= row->seats && seat < row->seats + SEATS);
    CHECK_EQ(seat->word, yk_tid() | YK_WAITED);
    CHECK(!yk_seat_dead(seat->word));
    CHECK(yk_seat_mine(row->seats, SEATS) == seat);
    CHECK_EQ(n_free(row), SEATS - 1);
    yk_store_rlx(yk_seat_state(seat), 5);
    seat->ticket = 6;
    yk_seat_give(seat);
    CHECK_EQ(seat->state, 0);
    CHECK_EQ(seat->ticket, 0);
    CHECK_EQ(n_free(row), SEATS);
    CHECK(yk_seat_mine(row->seats, SEATS) == NULL);
    munmap(row, 4096);
}

TEST(there_are_so_many_and_no_more)
{
    struct row *row = new_row();

    /* also one thread may have several */
    for (int i = 0; i < SEATS; i++)
        CHECK(yk_seat_take(row->seats, SEATS));
    CHECK_EQ(n_free(row), 0);
    CHECK(yk_seat_take(row->seats, SEATS) == NULL);
    CHECK(yk_seat_take(row->seats, 0) == NULL);
    for (int i = 0; i < SEATS; i++)
        yk_seat_give(&row->seats[i]);
    CHECK_EQ(n_free(row), SEATS);
    munmap(row, 4096);
}

TEST(what_a_thread_intended_it_intends_afterwards)
{
    struct row *row = new_row();
    yoke_seat *seat;

    yk_robust_intend(&row->go);
    seat = yk_seat_take(row->seats, SEATS);
    CHECK(yk_robust_intend(&row->go) == &row->go);
    yk_seat_give(seat);
    CHECK(yk_robust_intend(NULL) == &row->go);
    munmap(row, 4096);
}

static int take_and_die(void *arg)
{
    struct row *row = arg;
    yoke_seat *seat = yk_seat_take(row->seats, SEATS);

    yk_store_rlx(yk_seat_state(seat), 5);
    die();
}

static int take_and_end(void *arg)
{
    return yk_seat_take(((struct row *)arg)->seats, SEATS) ? 0 : 1;
}

static int dead_one(struct row *row)
{
    for (int i = 0; i < SEATS; i++)
        if (yk_seat_dead(word_of(row, i)))
            return i;
    return -1;
}

TEST(a_dead_seat_is_not_taken_before_it_is_buried)
{
    struct row *row = new_row();
    yoke_seat *dead;

    CHECK(!yk_seats_any_dead(row->seats, SEATS));
    status_of(forked(take_and_die, row));
    CHECK(yk_seats_any_dead(row->seats, SEATS));
    dead = &row->seats[dead_one(row)];
    CHECK_EQ(dead->state, 5);
    CHECK(yk_seat_take(row->seats, SEATS) && yk_seat_take(row->seats, SEATS) && !yk_seat_take(row->seats, SEATS));
    yk_seat_bury(dead);
    CHECK(!yk_seats_any_dead(row->seats, SEATS));
    CHECK_EQ(dead->state, 0);
    CHECK(yk_seat_take(row->seats, SEATS) == dead);
    for (int i = 0; i < SEATS; i++)
        yk_seat_give(&row->seats[i]);
    munmap(row, 4096);
}

TEST(a_dead_seat_may_be_claimed)
{
    struct row *row = new_row();
    yoke_seat *dead;
    uint32_t word;

    check_ends_well(forked(take_and_end, row));
    dead = &row->seats[dead_one(row)];
    word = dead->word;
    CHECK(!yk_seat_claim(dead, 0));
    CHECK(yk_seat_claim(dead, word));
    CHECK(!yk_seat_claim(dead, word));
    CHECK(yk_seat_mine(row->seats, SEATS) == dead);
    yk_seat_give(dead);
    CHECK_EQ(n_free(row), SEATS);
    munmap(row, 4096);
}

static int give_and_end(void *arg)
{
    struct row *row = arg;

    yk_seat_give(yk_seat_take(row->seats, SEATS));
    return 0;
}

TEST(a_seat_that_was_given_back_knows_no_death)
{
    struct row *row = new_row();

    check_ends_well(forked(give_and_end, row));
    CHECK_EQ(n_free(row), SEATS);
    munmap(row, 4096);
}

static int take_and_die_when_told(void *arg)
{
    struct row *row = arg;

    /* after the watcher has gone to sleep */
    while (yk_load_acq(&row->go) == 0)
        sched_yield();
    CHECK(yk_seat_take(row->seats, SEATS));
    die();
}

static int watch(void *arg)
{
    struct row *row = arg;
    yoke_seat *mine = yk_seat_take(row->seats, SEATS);
    struct yk_wait waits[YK_WAIT_MOST];
    int n = yk_seats_watch(row->seats, SEATS, mine, waits);

    if (n != SEATS - 1)
        return 1;
    /* all other seats are free now */
    while (!yk_seats_any_dead(row->seats, SEATS))
        if (yk_futex_wait_many(waits, (unsigned)n, YOKE_FOREVER) < 0)
            return 2;
    if (yk_seats_watch(row->seats, SEATS, mine, waits) != -1)
        return 3;
    yk_seat_give(mine);
    return 0;
}

TEST(who_watches_is_woken_by_a_death_on_a_seat_that_was_free)
{
    struct row *row = new_row();
    pid_t dies = forked(take_and_die_when_told, row), watches = forked(watch, row);

    asleep_on(watches, watches, NULL);
    yk_store_rel(&row->go, 1);
    status_of(dies);
    check_ends_well(watches);
    munmap(row, 4096);
}

/* ---- many at once ---- */

enum { TURNS = 20000, CROWD = 5 };

static int take_turns(void *arg)
{
    struct row *row = arg;

    for (int i = 0; i < TURNS; i++) {
        yoke_seat *seat = yk_seat_take(row->seats, SEATS);

        if (!seat) {
            sched_yield();
            continue;
        }
        /* nobody else writes here meanwhile */
        CHECK_EQ(seat->ticket, 0);
        seat->ticket = (uint64_t)i + 1;
        yk_store_rlx(yk_seat_state(seat), yk_tid());
        CHECK(yk_load_rlx(yk_seat_state(seat)) == yk_tid() && seat->ticket == (uint64_t)i + 1);
        yk_seat_give(seat);
    }
    return 0;
}

TEST(a_seat_has_one_owner)
{
    struct row *row = new_row();
    pid_t pids[CROWD];

    for (int i = 0; i < CROWD; i++)
        pids[i] = forked(take_turns, row);
    for (int i = 0; i < CROWD; i++)
        check_ends_well(pids[i]);
    CHECK_EQ(n_free(row), SEATS);
    munmap(row, 4096);
}
