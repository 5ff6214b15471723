/* barrier_test.c -- Barrier: rounds, indices, actions, what breaks it, reset; between threads, and shared between threads.
 * (Between processes: barrier_death_test.c.)  It is long because each promise is tried both ways, with the same crew. */
#include <yoke/barrier.h>
#include <yoke/event.h>

#include "base/atomic.h"
#include "sharing.h"

enum { MOST = 6 };

struct place {
    yoke_barrier barrier;
    yoke_seat seats[MOST];
};

/* Private, then shared. */
#define IN_EACH_PLACE(place, n)                                                                                        \
    for (int each_ = 0; each_ < 2; each_++)                                                                            \
        for (struct place *place = new_place(n, each_); place; munmap(place, 4096), place = NULL)

static struct place *new_place(unsigned parties, int shared)
{
    struct place *place = shared_page();

    CHECK_EQ(yoke_barrier_init(&place->barrier, parties, shared ? place->seats : NULL), 0);
    return place;
}

static void await_waiting(struct place *place, unsigned n)
{
    while (yoke_barrier_waiting(&place->barrier) != n)
        sched_yield();
}

/* A thread that waits once, leaves, and says what it got. */
struct party {
    struct place *place;
    yoke_time deadline; /* 0: wait without one */
    int interruptible;
    int (*action)(void *arg);
    void *arg;
    yoke_thread thread;
};

static int come(void *arg)
{
    struct party *party = arg;
    yoke_barrier *barrier = &party->place->barrier;
    int rc;

    yoke_thread_interruptible(party->interruptible);
    if (party->action)
        rc = yoke_barrier_wait_with(barrier, party->action, party->arg, YOKE_FOREVER);
    else
        rc = party->deadline ? yoke_barrier_wait_until(barrier, party->deadline) : yoke_barrier_wait(barrier);
    yoke_barrier_leave(barrier);
    return rc;
}

/* Waits until it waits. */
static void invite(struct party *party, struct place *place)
{
    unsigned n = yoke_barrier_waiting(&place->barrier);

    party->place = place;
    CHECK_EQ(yoke_thread_start(&party->thread, come, party), 0);
    await_waiting(place, n + 1);
}

static void see_off(struct party *party, int rc)
{
    CHECK_EQ(code_of(&party->thread), rc);
    party->thread = (yoke_thread){0};
}

/* It lets two pass: the barrier has as many parties. */
static void check_works(struct place *place)
{
    struct party party = {0};

    invite(&party, place);
    CHECK_EQ(yoke_barrier_wait(&place->barrier), 1);
    see_off(&party, 0);
}

/* ---- alone ---- */

TEST(init_checks_the_number_of_parties)
{
    static yoke_seat seats[YOKE_SEATS_MAX];
    yoke_barrier barrier;

    memset(&barrier, 0xff, sizeof barrier);
    CHECK_EQ(yoke_barrier_init(&barrier, 0, NULL), -EINVAL);
    CHECK_EQ(yoke_barrier_init(&barrier, 0, seats), -EINVAL);
    CHECK_EQ(yoke_barrier_init(&barrier, YOKE_SEATS_MAX + 1, seats), -EINVAL);
    CHECK_EQ(yoke_barrier_init(&barrier, UINT32_MAX, NULL), -EINVAL);
    CHECK_EQ(barrier.parties, 0xffffffff);
    CHECK_EQ(yoke_barrier_init(&barrier, YOKE_SEATS_MAX + 1, NULL), 0);
    CHECK_EQ(yoke_barrier_parties(&barrier), YOKE_SEATS_MAX + 1);
    CHECK_EQ(yoke_barrier_waiting(&barrier), 0);
    CHECK_EQ(yoke_barrier_broken(&barrier), 0);
    memset(seats, 0xff, sizeof seats);
    CHECK_EQ(yoke_barrier_init(&barrier, YOKE_SEATS_MAX, seats), 0);
    CHECK_EQ(yoke_barrier_broken(&barrier), 0);
    CHECK_EQ(seats[YOKE_SEATS_MAX - 1].word, 0);
}

TEST(one_party_never_waits)
{
    yoke_barrier barrier = {.parties = 1};

    for (int i = 0; i < 3; i++) {
        CHECK_EQ(yoke_barrier_wait(&barrier), 0);
        CHECK_EQ(yoke_barrier_wait_until(&barrier, YOKE_NOW), 0);
    }
    yoke_barrier_leave(&barrier);
    CHECK_EQ(yoke_barrier_broken(&barrier), 0);
}

static void wait_at_none(void *arg)
{
    (void)!yoke_barrier_wait(arg);
}

TEST(a_barrier_without_parties_aborts)
{
    yoke_barrier barrier = {0};

    check_misuse(wait_at_none, &barrier, "yoke_barrier_wait");
}

/* ---- rounds ---- */

enum { ROUNDS = 2000 };

struct race {
    struct place *place;
    uint32_t progress[MOST];        /* plain: each thread's own, read by the others */
    yk_a32 indices[MOST], n_passed; /* how often each index was given */
};

struct runner {
    struct race *race;
    int number;
    yoke_thread thread;
};

/* The last one sees what all others wrote. */
static int look_at_all(void *arg)
{
    struct race *race = arg;

    for (int k = 1; k < MOST; k++)
        CHECK_EQ(race->progress[k], race->progress[0]);
    return 0;
}

static int run_rounds(void *arg)
{
    struct runner *runner = arg;
    struct race *race = runner->race;

    for (uint32_t i = 1; i <= ROUNDS; i++) {
        int index;

        race->progress[runner->number] = i;
        index = yoke_barrier_wait_with(&race->place->barrier, look_at_all, race, YOKE_FOREVER);
        CHECK(index >= 0 && index < MOST);
        yk_add_rlx(&race->indices[index], 1);
        for (int k = 0; k < MOST; k++)
            CHECK_EQ(race->progress[k], i);
        CHECK(yoke_barrier_wait(&race->place->barrier) >= 0);
    }
    return 0;
}

TEST(nobody_runs_ahead_and_each_round_has_each_index_once)
{
    IN_EACH_PLACE(place, MOST)
    {
        struct race race = {.place = place};
        struct runner runners[MOST] = {0};

        for (int i = 0; i < MOST; i++) {
            runners[i].race = &race;
            runners[i].number = i;
            CHECK_EQ(yoke_thread_start(&runners[i].thread, run_rounds, &runners[i]), 0);
        }
        for (int i = 0; i < MOST; i++)
            CHECK_EQ(yoke_thread_join(&runners[i].thread, NULL), 0);
        for (int i = 0; i < MOST; i++)
            CHECK_EQ(yk_load_rlx(&race.indices[i]), ROUNDS);
    }
}

static int pass_often(void *arg)
{
    struct race *race = arg;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        int index = yoke_barrier_wait(&race->place->barrier);

        if (index < 0)
            return index == -YOKE_EBARRIER ? 0 : index;
        yk_add_rlx(&race->indices[index], 1);
        yk_add_rlx(&race->n_passed, 1);
    }
    return 0;
}

/* In the end two may be left over that cannot make up a round of three; but no more, and they are told. */
TEST(more_threads_than_parties)
{
    struct place *place = new_place(3, 0);
    struct race race = {.place = place};
    yoke_thread threads[MOST] = {0};
    uint32_t n_passed;

    for (int i = 0; i < MOST; i++)
        CHECK_EQ(yoke_thread_start(&threads[i], pass_often, &race), 0);
    /* who is left over waits, and nobody comes any more */
    for (int n_left = MOST; n_left > (int)yoke_barrier_waiting(&place->barrier);) {
        n_left = 0;
        for (int i = 0; i < MOST; i++)
            n_left += yoke_thread_alive(&threads[i]);
    }
    yoke_barrier_abort(&place->barrier);
    for (int i = 0; i < MOST; i++)
        CHECK_EQ(code_of(&threads[i]), 0);
    n_passed = yk_load_rlx(&race.n_passed);
    CHECK(n_passed > (MOST - 3) * ROUNDS);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(yk_load_rlx(&race.indices[i]), n_passed / 3);
    munmap(place, 4096);
}

TEST(waiting_uses_no_cpu)
{
    IN_EACH_PLACE(place, 2)
    {
        int64_t before = cpu_time();

        CHECK_EQ(yoke_barrier_wait_until(&place->barrier, yoke_after(0.1)), -ETIMEDOUT);
        CHECK(cpu_time() - before < 10 * MS);
    }
}

/* ---- what breaks it ---- */

TEST(a_timeout_breaks_it_for_all)
{
    IN_EACH_PLACE(place, 3)
    {
        struct party party = {0};
        yoke_time deadline;

        invite(&party, place);
        deadline = yoke_after(0.01);
        CHECK_EQ(yoke_barrier_wait_until(&place->barrier, deadline), -ETIMEDOUT);
        CHECK(yoke_now() >= deadline);
        see_off(&party, -YOKE_EBARRIER);
        CHECK_EQ(yoke_barrier_broken(&place->barrier), 1);
        CHECK_EQ(yoke_barrier_waiting(&place->barrier), 0);
        CHECK_EQ(yoke_barrier_wait(&place->barrier), -YOKE_EBARRIER);
        CHECK_EQ(yoke_barrier_wait_until(&place->barrier, YOKE_NOW), -YOKE_EBARRIER);
    }
}

TEST(who_does_not_wait_at_all_breaks_it_too)
{
    IN_EACH_PLACE(place, 2)
    {
        CHECK_EQ(yoke_barrier_wait_until(&place->barrier, YOKE_NOW), -ETIMEDOUT);
        CHECK_EQ(yoke_barrier_broken(&place->barrier), 1);
        yoke_barrier_reset(&place->barrier);
        CHECK_EQ(yoke_barrier_wait_until(&place->barrier, -1), -ETIMEDOUT);
    }
}

TEST(the_last_one_needs_no_time)
{
    IN_EACH_PLACE(place, 2)
    {
        struct party party = {.deadline = in_time()};

        invite(&party, place);
        CHECK_EQ(yoke_barrier_wait_until(&place->barrier, YOKE_NOW), 1);
        see_off(&party, 0);
    }
}

TEST(abort_breaks_it_for_all)
{
    IN_EACH_PLACE(place, 3)
    {
        struct party parties[2] = {{0}, {.deadline = YOKE_FOREVER}};

        invite(&parties[0], place);
        invite(&parties[1], place);
        yoke_barrier_abort(&place->barrier);
        see_off(&parties[0], -YOKE_EBARRIER);
        see_off(&parties[1], -YOKE_EBARRIER);
        yoke_barrier_abort(&place->barrier);
        CHECK_EQ(yoke_barrier_broken(&place->barrier), 1);
        CHECK_EQ(yoke_barrier_wait(&place->barrier), -YOKE_EBARRIER);
    }
}

TEST(reset_makes_it_new)
{
    IN_EACH_PLACE(place, 2)
    {
        struct party party = {0};

        /* while one waits */
        invite(&party, place);
        yoke_barrier_reset(&place->barrier);
        see_off(&party, -YOKE_EBARRIER);
        CHECK_EQ(yoke_barrier_broken(&place->barrier), 0);
        check_works(place);
        /* when it is broken */
        yoke_barrier_abort(&place->barrier);
        yoke_barrier_reset(&place->barrier);
        check_works(place);
        /* for no reason */
        yoke_barrier_reset(&place->barrier);
        check_works(place);
    }
}

TEST(a_signal_breaks_it_in_an_interruptible_thread_only)
{
    handle_signals();
    IN_EACH_PLACE(place, 4)
    {
        struct party parties[3] = {
            {.deadline = YOKE_FOREVER}, {.interruptible = 1}, {.interruptible = 1, .deadline = YOKE_FOREVER}};
        const void *word = place->barrier.shared ? NULL : &place->barrier.round;

        for (int i = 0; i < 3; i++)
            invite(&parties[i], place);
        asleep_on(getpid(), yoke_thread_native_id(&parties[0].thread), word);
        asleep_on(getpid(), yoke_thread_native_id(&parties[1].thread), word);
        check_sleeps_on(&parties[0].thread, word);
        /* without a deadline */
        check_sleeps_on(&parties[1].thread, word);
        asleep_on(getpid(), yoke_thread_native_id(&parties[2].thread), word);
        interrupt(&parties[2].thread);
        see_off(&parties[2], -EINTR);
        see_off(&parties[0], -YOKE_EBARRIER);
        see_off(&parties[1], -YOKE_EBARRIER);
    }
}

/* ---- actions ---- */

struct deed {
    struct place *place;
    yoke_event begun, go;
    int calls, thread, code;
};

static int do_it(void *arg)
{
    struct deed *deed = arg;

    deed->calls++;
    deed->thread = gettid();
    /* nobody was released */
    CHECK_EQ(yoke_barrier_waiting(&deed->place->barrier), yoke_barrier_parties(&deed->place->barrier));
    return deed->code;
}

TEST(the_last_one_runs_its_action_before_anybody_is_released)
{
    IN_EACH_PLACE(place, 3)
    {
        struct deed deeds[3] = {{.place = place}, {.place = place}, {.place = place}};
        struct party parties[2] = {{.action = do_it, .arg = &deeds[0]}, {.action = do_it, .arg = &deeds[1]}};

        for (int i = 1; i <= 3; i++) {
            invite(&parties[0], place);
            invite(&parties[1], place);
            CHECK_EQ(yoke_barrier_wait_with(&place->barrier, do_it, &deeds[2], YOKE_FOREVER), 2);
            see_off(&parties[0], 0);
            see_off(&parties[1], 1);
            CHECK_EQ(deeds[0].calls + deeds[1].calls, 0);
            CHECK_EQ(deeds[2].calls, i);
            CHECK_EQ(deeds[2].thread, gettid());
        }
    }
}

TEST(an_action_that_fails_breaks_it)
{
    IN_EACH_PLACE(place, 2)
    {
        struct deed deed = {.place = place, .code = -42};
        struct party party = {0};

        invite(&party, place);
        CHECK_EQ(yoke_barrier_wait_with(&place->barrier, do_it, &deed, YOKE_FOREVER), -42);
        see_off(&party, -YOKE_EBARRIER);
        CHECK_EQ(yoke_barrier_broken(&place->barrier), 1);
        CHECK_EQ(deed.calls, 1);
        CHECK_EQ(yoke_barrier_wait_with(&place->barrier, do_it, &deed, YOKE_FOREVER), -YOKE_EBARRIER);
        CHECK_EQ(deed.calls, 1);
        yoke_barrier_reset(&place->barrier);
        check_works(place);
    }
}

static int do_it_slowly(void *arg)
{
    struct deed *deed = arg;

    yoke_event_set(&deed->begun);
    yoke_event_wait(&deed->go);
    return deed->code;
}

/* Two wait, and the third runs a slow action. */
static void invite_three(struct party *parties, struct deed *deed, struct place *place)
{
    parties[2].action = do_it_slowly;
    parties[2].arg = deed;
    for (int i = 0; i < 3; i++)
        invite(&parties[i], place);
    yoke_event_wait(&deed->begun);
}

TEST(it_may_break_while_the_action_runs)
{
    enum { RESET, ABORT, INTERRUPT, WAYS };

    handle_signals();
    for (int how = 0; how < 2 * WAYS; how++)
        IN_EACH_PLACE(place, 3)
        {
            struct party parties[3] = {{.interruptible = 1, .deadline = YOKE_FOREVER}};
            struct deed deed = {.code = how < WAYS ? 0 : -42};

            invite_three(parties, &deed, place);
            if (how % WAYS == RESET)
                yoke_barrier_reset(&place->barrier);
            if (how % WAYS == ABORT)
                yoke_barrier_abort(&place->barrier);
            if (how % WAYS == INTERRUPT) {
                await_asleep_or_ended(&parties[0].thread);
                interrupt(&parties[0].thread);
            }
            see_off(&parties[0], how % WAYS == INTERRUPT ? -EINTR : -YOKE_EBARRIER);
            see_off(&parties[1], -YOKE_EBARRIER);
            CHECK_EQ(yoke_thread_alive(&parties[2].thread), 1);
            yoke_event_set(&deed.go);
            see_off(&parties[2], deed.code ? deed.code : -YOKE_EBARRIER);
            CHECK_EQ(yoke_barrier_broken(&place->barrier), how % WAYS != RESET);
        }
}

TEST(who_comes_while_the_action_runs_belongs_to_the_next_round)
{
    struct place *place = new_place(3, 0);
    struct party parties[3] = {0}, next[3] = {0};
    struct deed deed = {0};

    invite_three(parties, &deed, place);
    next[0].place = place;
    start_asleep(&next[0].thread, come, &next[0], &place->barrier.round);
    CHECK_EQ(yoke_barrier_waiting(&place->barrier), 3);
    yoke_event_set(&deed.go);
    for (int i = 0; i < 3; i++)
        see_off(&parties[i], i);
    await_waiting(place, 1);
    invite(&next[1], place);
    CHECK_EQ(yoke_barrier_wait(&place->barrier), 2);
    see_off(&next[0], 0);
    see_off(&next[1], 1);
    munmap(place, 4096);
}

TEST(who_gives_up_while_the_action_runs_breaks_it)
{
    struct place *place = new_place(3, 0);
    struct party parties[3] = {0};
    struct deed deed = {0};

    invite_three(parties, &deed, place);
    CHECK_EQ(yoke_barrier_wait_until(&place->barrier, yoke_after(0.001)), -ETIMEDOUT);
    yoke_event_set(&deed.go);
    for (int i = 0; i < 3; i++)
        see_off(&parties[i], -YOKE_EBARRIER);
    munmap(place, 4096);
}

/* ---- who is slow to leave ---- */

static int holdup[2];

static void hold_up(int number)
{
    char c;

    (void)number;
    CHECK_EQ(read(holdup[0], &c, 1), 1);
}

/* A signal holds it up in the middle of its wait. */
static void invite_and_hold_up(struct party *party, struct place *place)
{
    struct sigaction action = {.sa_handler = hold_up};
    char path[64], line[64] = "";

    CHECK_EQ(pipe(holdup), 0);
    sigaction(SIGUSR1, &action, NULL);
    invite(party, place);
    await_asleep_or_ended(&party->thread);
    interrupt(&party->thread);
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", yoke_thread_native_id(&party->thread));
    while (strtol(line, NULL, 10) != SYS_read || line[0] < '0' || line[0] > '9') {
        FILE *file = fopen(path, "re");

        CHECK(file && fgets(line, sizeof line, file));
        fclose(file);
    }
}

static void let_go(void)
{
    CHECK_EQ(write(holdup[1], "", 1), 1);
    close(holdup[0]);
    close(holdup[1]);
}

/* As often as the barrier lets one alone. */
static void break_and_reset(struct place *place)
{
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(yoke_barrier_wait_until(&place->barrier, YOKE_NOW), -ETIMEDOUT);
        yoke_barrier_reset(&place->barrier);
    }
    if (!place->barrier.shared)
        check_works(place);
}

TEST(who_is_slow_to_leave_got_through_whatever_comes_later)
{
    if (THREAD_SANITIZER)
        SKIP("the thread sanitizer holds signals back");
    IN_EACH_PLACE(place, 2)
    {
        struct party slow = {0};

        invite_and_hold_up(&slow, place);
        CHECK_EQ(yoke_barrier_wait(&place->barrier), 1);
        break_and_reset(place);
        let_go();
        see_off(&slow, 0);
    }
}

TEST(who_is_slow_to_leave_is_told_of_its_own_round)
{
    if (THREAD_SANITIZER)
        SKIP("the thread sanitizer holds signals back");
    IN_EACH_PLACE(place, 2)
    {
        struct party slow = {0};

        invite_and_hold_up(&slow, place);
        yoke_barrier_abort(&place->barrier);
        yoke_barrier_reset(&place->barrier);
        break_and_reset(place);
        let_go();
        see_off(&slow, -YOKE_EBARRIER);
    }
}

/* ---- verdicts, when everything happens at once ---- */

enum { TRIES = 4000 };

struct trial {
    struct place *place;
    yoke_barrier start;
    yk_a32 verdicts[TRIES]; /* 0 not told, 1 passed, 2 broken */
    yk_a32 n_broken;
};

/* Deadlines that are about as long as the others need. */
static int try_often(void *arg)
{
    struct trial *trial = arg;

    for (int i = 0; i < TRIES; i++) {
        int rc, first = yoke_barrier_wait(&trial->start);
        uint32_t mine, before = 0;

        CHECK(first >= 0);
        rc = yoke_barrier_wait_until(&trial->place->barrier, first == 0 ? yoke_after((i % 40) * 1e-6) : YOKE_FOREVER);
        CHECK(rc >= 0 || rc == -ETIMEDOUT || rc == -YOKE_EBARRIER);
        mine = rc >= 0 ? 1 : 2;
        if (!yk_cas_aar(&trial->verdicts[i], &before, mine))
            CHECK_EQ(before, mine);
        first = yoke_barrier_wait(&trial->start);
        CHECK(first >= 0);
        if (first == 0 && yoke_barrier_broken(&trial->place->barrier)) {
            yk_add_rlx(&trial->n_broken, 1);
            yoke_barrier_reset(&trial->place->barrier);
        }
    }
    yoke_barrier_leave(&trial->place->barrier);
    return 0;
}

TEST(all_get_through_or_all_are_told)
{
    IN_EACH_PLACE(place, 3)
    {
        struct trial *trial = calloc(1, sizeof *trial);
        yoke_thread threads[3] = {0};

        trial->place = place;
        trial->start.parties = 3;
        for (int i = 0; i < 3; i++)
            CHECK_EQ(yoke_thread_start(&threads[i], try_often, trial), 0);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(yoke_thread_join(&threads[i], NULL), 0);
        free(trial);
    }
}

/* ---- memory ---- */

/* The barrier knows its seats by their distance, wherever both are mapped. */
TEST(each_process_may_have_it_elsewhere)
{
    struct place *place = new_place(3, 1), *elsewhere = mremap(place, 0, 4096, MREMAP_MAYMOVE);
    struct party here = {0}, there = {0};

    CHECK(elsewhere != MAP_FAILED && elsewhere != place);
    invite(&here, place);
    invite(&there, elsewhere);
    CHECK_EQ(yoke_barrier_wait(&elsewhere->barrier), 2);
    yoke_barrier_leave(&place->barrier);
    see_off(&here, 0);
    see_off(&there, 1);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(place->seats[i].word, 0);
    munmap(elsewhere, 4096);
    munmap(place, 4096);
}

/* ---- fork ---- */

static int child_of_waiters(void *arg)
{
    struct place *place = arg;

    CHECK_EQ(yoke_barrier_waiting(&place->barrier), 0);
    CHECK_EQ(yoke_barrier_wait_until(&place->barrier, YOKE_NOW), -ETIMEDOUT);
    yoke_barrier_reset(&place->barrier);
    if (!SANITIZER)
        check_works(place);
    return 0;
}

TEST(nobody_waits_in_a_child_of_fork)
{
    static struct place place = {.barrier = {.parties = 2}};
    struct party party = {0};

    invite(&party, &place);
    check_ends_well(forked(child_of_waiters, &place));
    CHECK_EQ(yoke_barrier_wait(&place.barrier), 1);
    see_off(&party, 0);
}
