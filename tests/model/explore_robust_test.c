/* explore_robust_test.c -- the explorer's kernel: that it does with the words of the dead what Linux does (os/os.h, "robust.c"), and
 * that the explorer so finds how a death can hang those who live. */
#include "builtins.h"

static yk_a32 word, grave;
static struct yk_robust robust, other;
static int data, n_awake, n_deaths;

static void reset(void)
{
    word = (yk_a32){0};
    grave = (yk_a32){YK_WAITED};
    robust = other = (struct yk_robust){0};
    data = n_awake = n_deaths = 0;
}

static void on_death(int thread)
{
    (void)thread;
    n_deaths++;
}

static void until_asleep(int n)
{
    while (explore_asleep() < n)
        yk_cpu_relax();
}

static void sleep_on(yk_a32 *where, uint32_t expected)
{
    yk_futex_wait(where, expected, true, YOKE_FOREVER);
    n_awake++;
}

#define PASSES(title, ...) explore_passes(&(struct explore){.name = title, .setup = reset, __VA_ARGS__})
#define FAILS(title, text, ...) explore_fails(&(struct explore){.name = title, .setup = reset, __VA_ARGS__}, text)

/* ---- what the kernel does with the words of the dead ---- */

static void own_and_link(uint32_t bits)
{
    yk_robust_intend(&robust.word);
    yk_store_rlx(&robust.word, yk_tid() | bits);
    yk_robust_link(&robust);
    yk_robust_intend(NULL);
}

/* The owner of the word is thread 0. */
static void on_robust(void)
{
    uint32_t seen;

    while (((seen = yk_load_acq(&robust.word)) & YK_TID) != 1)
        yk_cpu_relax();
    sleep_on(&robust.word, seen);
}

static void dies_waited_for(void)
{
    own_and_link(YK_WAITED);
    until_asleep(2);
    explore_kill(explore_self());
}

static void dies_unknown(void)
{
    own_and_link(0);
    until_asleep(1);
    explore_kill(explore_self());
}

static void ends_waited_for(void)
{
    own_and_link(YK_WAITED);
    until_asleep(1);
}

static void dies_intending(void)
{
    yk_robust_intend(&robust.word);
    yk_store_rlx(&robust.word, yk_tid() | YK_WAITED);
    until_asleep(1);
    explore_kill(explore_self());
}

/* Linked and intended: it is done once. */
static void dies_doubly(void)
{
    own_and_link(YK_WAITED);
    yk_robust_intend(&robust.word);
    until_asleep(2);
    explore_kill(explore_self());
}

static void dies_after_release(void)
{
    yk_robust_intend(&grave);
    until_asleep(1);
    explore_kill(explore_self());
}

static void on_grave(void)
{
    sleep_on(&grave, YK_WAITED);
}

static void dies_with_a_strangers(void)
{
    yk_store_rlx(&robust.word, 77 | YK_WAITED);
    yk_robust_link(&robust);
    yk_store_rlx(&word, 77 | YK_WAITED);
    yk_robust_intend(&word);
    explore_kill(explore_self());
}

/* Gets the other one up: the kernel wakes one only. */
static void up_in_turn(void)
{
    on_robust();
    explore_assert(n_awake == 2 || explore_asleep() == 1);
    yk_futex_wake(&robust.word, 1, true);
}

static void is_marked(void)
{
    explore_assert(robust.word.v == (YK_DIED | YK_WAITED));
}

static void is_as_it_was(void)
{
    explore_assert(robust.word.v == (77 | YK_WAITED) && word.v == (77 | YK_WAITED));
}

static void grave_is_as_it_was(void)
{
    explore_assert(grave.v == YK_WAITED && n_deaths == 1);
}

/* Links two words and intends a third, which it had linked last. */
static void dies_with_three(void)
{
    yk_store_rlx(&robust.word, 1);
    yk_store_rlx(&other.word, 1);
    yk_robust_link(&robust);
    yk_robust_link(&other);
    explore_writes(&data);
    data = 1;
    explore_kill(explore_self());
}

static void dies_intending_the_last(void)
{
    yk_store_rlx(&robust.word, 1);
    yk_store_rlx(&other.word, 1);
    yk_robust_link(&robust);
    yk_robust_link(&other);
    yk_robust_intend(&other.word);
    explore_kill(explore_self());
}

static void last_before_first(void)
{
    if (yk_load_acq(&robust.word) == YK_DIED)
        explore_assert(yk_load_acq(&other.word) == YK_DIED);
}

static void first_before_last(void)
{
    if (yk_load_acq(&other.word) == YK_DIED)
        explore_assert(yk_load_acq(&robust.word) == YK_DIED);
}

static void reads_acquired(void)
{
    if (yk_load_acq(&robust.word) == YK_DIED)
        explore_reads(&data);
}

static void reads_relaxed(void)
{
    if (yk_load_rlx(&robust.word) == YK_DIED)
        explore_reads(&data);
}

static void dies_when_told(void)
{
    own_and_link(0);
    yk_futex_wait(&word, 0, true, YOKE_FOREVER);
}

/* The kernel takes its time: it may come between two looks at the word. */
static void looks_twice(void)
{
    uint32_t first;

    until_asleep(1);
    explore_kill(0);
    first = yk_load_acq(&robust.word);
    explore_assert(first == yk_load_acq(&robust.word));
}

static void links_twice(void)
{
    yk_robust_link(&robust);
    yk_robust_link(&robust);
}

static void unlinks_first(void)
{
    yk_robust_unlink(&robust);
}

static void leaves_an_intention(void)
{
    yk_robust_intend(&word);
}

static void puts_it_back(void)
{
    explore_assert(!yk_robust_intend(&word) && yk_robust_intend(&grave) == &word);
    explore_assert(yk_robust_intend(NULL) == &grave);
}

static void burial(void)
{
    PASSES("a death marks and wakes one", .check = is_marked, .preemptions = 2,
           .threads = {{.body = dies_waited_for}, {.body = up_in_turn}, {.body = up_in_turn}});
    FAILS("it wakes nobody where nobody is said to wait", "deadlock", .preemptions = 2,
          .threads = {{.body = dies_unknown}, {.body = on_robust}});
    PASSES("who ends by itself is treated in the same way", .check = is_marked, .preemptions = 2,
           .threads = {{.body = ends_waited_for}, {.body = on_robust}});
    PASSES("a word that was only intended", .check = is_marked, .preemptions = 2,
           .threads = {{.body = dies_intending}, {.body = on_robust}});
    PASSES("a word that was linked and intended", .check = is_marked, .preemptions = 2,
           .threads = {{.body = dies_doubly}, {.body = up_in_turn}, {.body = up_in_turn}});
    PASSES("an intended word that is nobody's", .check = grave_is_as_it_was, .on_death = on_death, .preemptions = 2,
           .threads = {{.body = dies_after_release}, {.body = on_grave}});
    PASSES("words of a stranger", .check = is_as_it_was, .threads = {{.body = dies_with_a_strangers}});
    PASSES("the last linked is the first", .preemptions = 2,
           .threads = {{.body = dies_with_three}, {.body = last_before_first}});
    FAILS("one after the other", "robust.word", .preemptions = 2,
          .threads = {{.body = dies_with_three}, {.body = first_before_last}});
    PASSES("the intended comes last", .preemptions = 2,
           .threads = {{.body = dies_intending_the_last}, {.body = first_before_last}});
    FAILS("although it was linked last", "other.word", .preemptions = 2,
          .threads = {{.body = dies_intending_the_last}, {.body = last_before_first}});
    PASSES("what the dead wrote is seen", .preemptions = 2,
           .threads = {{.body = dies_with_three}, {.body = reads_acquired}});
    FAILS("by who acquires", "race", .preemptions = 2, .threads = {{.body = dies_with_three}, {.body = reads_relaxed}});
    FAILS("the kernel comes when it likes", "first == ", .preemptions = 0, .stale = -1,
          .threads = {{.body = dies_when_told}, {.body = looks_twice}});
    FAILS("caught: linked twice", "linked already", .threads = {{.body = links_twice}});
    FAILS("caught: unlinked first", "not linked", .threads = {{.body = unlinks_first}});
    FAILS("caught: an intention that stays", "still intends", .threads = {{.body = leaves_an_intention}});
    PASSES("an intention is put back", .threads = {{.body = puts_it_back}});
}

/* ---- a mutex with its owner in the word ---- */

static enum {
    RIGHT,
    AS_GLIBC,      /* a release takes away that somebody waits, and a waiter intends only the mutex */
    GRAVE_LAST,    /* a waiter queues for the mutex and then for the grave */
    NO_WAKE,       /* a release changes the word as it intended, and wakes nobody */
    NO_INTENTION,  /* a release intends nothing */
    LATE_LINK,     /* the intention is given up, and then the mutex is linked */
    EARLY_UNLINK,  /* the mutex is unlinked, and then intended */
    NOT_LINKED_YET /* the mutex is taken, and then intended */
} how;

static void wait_for_release(uint32_t seen)
{
    struct yk_wait waits[] = {{&robust.word, seen, true}, {&grave, YK_WAITED, true}};
    struct yk_wait swapped[] = {waits[1], waits[0]};

    yk_futex_wait_many(how == GRAVE_LAST ? swapped : waits, how == AS_GLIBC ? 1 : 2, YOKE_FOREVER);
}

static bool take(uint32_t seen)
{
    if (how != NOT_LINKED_YET)
        yk_robust_intend(&robust.word);
    if ((seen & YK_TID) == 0 && yk_cas_acq(&robust.word, &seen, yk_tid() | (seen & YK_WAITED)))
        return true;
    if (how != AS_GLIBC)
        yk_robust_intend(&grave);
    return false;
}

static void acquire(void)
{
    bool taken = take(0);

    while (!taken) {
        uint32_t seen = yk_or_seq(&robust.word, YK_WAITED) | YK_WAITED;

        taken = take(seen);
        if (!taken && (seen & YK_TID) != 0)
            wait_for_release(seen);
    }
    if (how == LATE_LINK)
        yk_robust_intend(NULL);
    yk_robust_link(&robust);
    yk_robust_intend(NULL);
}

static void release(void)
{
    if (how == EARLY_UNLINK)
        yk_robust_unlink(&robust);
    yk_robust_intend(how == NO_INTENTION ? NULL : &robust.word);
    if (how != EARLY_UNLINK)
        yk_robust_unlink(&robust);

    uint32_t old = yk_and_seq(&robust.word, how == AS_GLIBC ? 0 : YK_WAITED);

    if ((old & YK_WAITED) && how != NO_WAKE)
        yk_futex_wake(&robust.word, 1, true);
    yk_robust_intend(NULL);
}

static void owner(void)
{
    acquire();
    explore_reads(&data);
    explore_writes(&data);
    data++;
    release();
}

static void owner_again(void)
{
    owner();
    owner();
}

static void nobody_owns(void)
{
    explore_assert((robust.word.v & YK_TID) == 0);
}

#define VARIANT(name, what)                                                                                            \
    static void name(void)                                                                                             \
    {                                                                                                                  \
        reset();                                                                                                       \
        how = what;                                                                                                    \
    }

VARIANT(right, RIGHT)
VARIANT(as_glibc, AS_GLIBC)
VARIANT(grave_last, GRAVE_LAST)
VARIANT(no_wake, NO_WAKE)
VARIANT(no_intention, NO_INTENTION)
VARIANT(late_link, LATE_LINK)
VARIANT(early_unlink, EARLY_UNLINK)
VARIANT(not_linked_yet, NOT_LINKED_YET)

#define CREW(...)                                                                                                      \
    .delays = 2, .stale = -1,                                                                                          \
    .threads = {                                                                                                       \
        {.body = owner_again, .killable = true}, {.body = owner, .killable = true}, {.body = owner, .killable = true}}

static void mutex(void)
{
#define WRONG(title, variant, n)                                                                                       \
    explore_fails(&(struct explore){.name = "caught: " title, .setup = variant, .deaths = (n), CREW()}, "deadlock")

    explore_passes(&(struct explore){
        .name = "a robust mutex, nobody dies", .setup = right, .check = nobody_owns, .deaths = 0, CREW()});
    explore_passes(&(struct explore){
        .name = "a robust mutex, a death", .setup = right, .check = nobody_owns, .deaths = 1, CREW()});
    WRONG("a release that wakes nobody", no_wake, 0);
    WRONG("glibc's: a woken waiter dies, and another has come first", as_glibc, 1);
    WRONG("a waiter queues for the grave too late", grave_last, 1);
    WRONG("a release that intends nothing", no_intention, 1);
    WRONG("linked after the intention", late_link, 1);
    WRONG("unlinked before the intention", early_unlink, 1);
    WRONG("intended after it was taken", not_linked_yet, 1);
}

int main(void)
{
    burial();
    mutex();
    return explore_done();
}
