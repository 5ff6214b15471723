/* rwlock_step_test.c -- the RWLock between processes, with one of them killed after each of its instructions: alone, while it lets
 * others in, and when it was itself woken.  Whatever the instruction: nobody is left asleep, a dead writer is told of and a dead
 * reader is not, and no seat is lost.
 *
 * The victim is stepped; the others are processes beside it. */
#include "beside.h"
#include "sync/wait.h"
#include "unit/rwlock_hall.h"

enum { MOST_SLEEPERS = 4 };

/* A scenario, and what its processes share. */
struct stage {
    struct hall *hall;
    uint32_t n_seats;
    bool writes;                            /* the victim */
    bool from_inside;                       /* steps only through its release */
    bool after_death;                       /* of a writer */
    bool keeps, keeper_writes, keeper_dies; /* who is in when the victim comes */
    bool sleepers[MOST_SLEEPERS];           /* those who come when the victim is in, or asleep: whether they write */
    int n_sleepers;
    yk_a32 *go, *victim; /* sleepers may come; the victim's pid */
    pid_t keeper, pids[MOST_SLEEPERS];
    bool ended; /* the last victim, by itself */
};

/* What a writer writes is whole, or the next one is told. */
static void release(struct hall *hall, bool writes)
{
    if (writes) {
        hall->a++;
        hall->b++;
    }
    leave(hall, writes);
}

/* ---- beside the victim ---- */

static int come_when_told(struct stage *stage, bool writes)
{
    int rc;

    await(stage->go);
    rc = enter(stage->hall, writes);
    if (rc == 0)
        CHECK_EQ(stage->hall->a, stage->hall->b);
    if (writes)
        stage->hall->b = stage->hall->a;
    release(stage->hall, writes);
    return rc == -YOKE_EOWNERDEAD ? 1 : -rc;
}

/* Has the sleepers come; returns when they sleep for the lock, or are gone through. */
static void gather(struct stage *stage)
{
    char path[64], line[64];

    tell(stage->go, 1);
    for (int i = 0; i < stage->n_sleepers; i++)
        for (long call = -1; call != SYS_futex_waitv && state_of(stage->pids[i]) != 'Z';) {
            FILE *file;

            snprintf(path, sizeof path, "/proc/%d/syscall", (int)stage->pids[i]);
            file = fopen(path, "re");
            call = file && fgets(line, sizeof line, file) ? strtol(line, NULL, 10) : -1;
            if (file)
                fclose(file);
            sched_yield();
        }
}

/* Is in; when the victim sleeps or is dead, and the others sleep too, it leaves, or dies. */
static int keep(struct stage *stage)
{
    pid_t victim;

    CHECK_EQ(enter(stage->hall, stage->keeper_writes), 0);
    tell(stage->victim, 1); /* it may come */
    while (victim = (pid_t)yk_load_acq(stage->victim), victim == 1)
        yk_futex_wait(stage->victim, 1, true, YOKE_FOREVER);
    await_asleep_or_dead(victim);
    gather(stage);
    if (stage->keeper_dies)
        die();
    release(stage->hall, stage->keeper_writes);
    return 0;
}

static int write_and_die(void *arg)
{
    CHECK_EQ(enter(arg, WRITES), 0);
    die();
}

static void set_up(void *arg)
{
    struct stage *stage = arg;
    yk_a32 *words;

    stage->hall = open_hall(stage->n_seats);
    words = (yk_a32 *)(stage->hall + 1);
    stage->go = &words[0];
    stage->victim = &words[1];
    if (stage->after_death)
        status_of(forked(write_and_die, stage->hall));
    for (int i = 0; i < stage->n_sleepers; i++) {
        stage->pids[i] = fork();
        if (stage->pids[i] == 0)
            _exit(come_when_told(stage, stage->sleepers[i]));
    }
    stage->keeper = stage->keeps ? fork() : 0;
    if (stage->keeps && stage->keeper == 0)
        _exit(keep(stage));
    if (stage->keeps)
        await(stage->victim);
}

/* ---- the victim, and what is there after it ---- */

static void play(void *arg)
{
    struct stage *stage = arg;

    /* asked for once in a process, and of no interest here */
    (void)yk_tid();
    (void)yk_robust_intend(NULL);
    if (stage->keeps)
        tell(stage->victim, (uint32_t)getpid());
    if (stage->from_inside) {
        CHECK_EQ(enter(stage->hall, stage->writes), stage->after_death ? -YOKE_EOWNERDEAD : 0);
        gather(stage);
        stepkill_begin();
        release(stage->hall, stage->writes);
    } else {
        stepkill_begin();
        (void)enter(stage->hall, stage->writes);
    }
    stepkill_end();
}

/* Whether the next one must be told (1), must not (0), or may (-1). */
static int is_to_be_told(const struct stage *stage, const struct stepkill_run *run)
{
    bool has_repaired = stage->writes && stage->from_inside && run->end == STEPKILL_ENDED;

    for (int i = 0; i < stage->n_sleepers; i++)
        if (stage->sleepers[i])
            return 0; /* it was told instead */
    if (has_repaired)
        return 0;
    if (stage->keeper_dies && stage->keeper_writes)
        return stage->writes ? -1 : 1;
    if (stage->after_death)
        return stage->writes && stage->from_inside ? -1 : 1;
    if (stage->writes && run->end == STEPKILL_ENDED)
        return 1; /* was killed inside */
    return stage->writes ? -1 : 0;
}

static void after(void *arg, const struct stepkill_run *run)
{
    struct stage *stage = arg;
    struct hall *hall = stage->hall;
    int expected = is_to_be_told(stage, run), told;

    stage->ended = run->end == STEPKILL_ENDED;
    if (stage->keeps)
        status_of(stage->keeper);
    tell(stage->go, 1);
    for (int i = 0; i < stage->n_sleepers; i++) {
        int code = reap(stage->pids[i]);

        CHECK(code == 0 || code == 1);
    }
    told = yoke_rwlock_read_acquire_until(&hall->lock, in_time());
    CHECK(told == 0 || told == -YOKE_EOWNERDEAD);
    CHECK(expected < 0 || expected == (told != 0));
    CHECK(told != 0 || hall->a == hall->b);
    yoke_rwlock_read_release(&hall->lock);
    CHECK_EQ(yoke_rwlock_write_acquire_until(&hall->lock, in_time()), told);
    yoke_rwlock_write_release(&hall->lock);
    close_hall(hall);
}

/* In short twice as far from one kill to the next as others have it, as there are many scenarios. */
static void check(struct stage stage, long part, long parts)
{
    struct stepkill test = {.setup = set_up, .body = play, .after = after, .arg = &stage};
    long stride = stepkill_stride(1) > 1 ? 2 * parts : parts;

    (void)yk_spins(); /* asks once how many CPUs there are */
    CHECK(step_on(&test, &stage.ended, part, parts, stride) > 50);
}

/* A kill point costs as many steps as come before it, so the way is gone in parts. */
#define PART(name, part, parts)                                                                                        \
    TEST(name##_##part)                                                                                                \
    {                                                                                                                  \
        name(part - 1, parts);                                                                                         \
    }
#define THIRDS(name) PART(name, 1, 3) PART(name, 2, 3) PART(name, 3, 3)

/* ---- alone ---- */

static void reader_comes(long part, long parts)
{
    check((struct stage){.n_seats = 2}, part, parts);
}

static void reader_comes_after_a_death(long part, long parts)
{
    check((struct stage){.n_seats = 1, .after_death = true}, part, parts);
}

static void writer_comes(long part, long parts)
{
    check((struct stage){.n_seats = 2, .writes = true}, part, parts);
}

static void writer_comes_after_a_death(long part, long parts)
{
    check((struct stage){.n_seats = 1, .writes = true, .after_death = true}, part, parts);
}

THIRDS(reader_comes)
THIRDS(reader_comes_after_a_death)
THIRDS(writer_comes)
THIRDS(writer_comes_after_a_death)

TEST(reader_leaves)
{
    check((struct stage){.n_seats = 2, .from_inside = true}, 0, 1);
}

TEST(writer_leaves)
{
    check((struct stage){.n_seats = 2, .writes = true, .from_inside = true}, 0, 1);
}

TEST(writer_repairs)
{
    check((struct stage){.n_seats = 1, .writes = true, .from_inside = true, .after_death = true}, 0, 1);
}

/* ---- who lets others in ---- */

TEST(the_last_reader_leaves_to_a_writer)
{
    check((struct stage){.n_seats = 3, .from_inside = true, .sleepers = {WRITES, READS, READS}, .n_sleepers = 3}, 0, 1);
}

TEST(the_last_reader_leaves_its_seat)
{
    check((struct stage){.n_seats = 1, .from_inside = true, .sleepers = {READS, WRITES, READS}, .n_sleepers = 3}, 0, 1);
}

TEST(a_writer_leaves_to_readers_and_writers)
{
    check((struct stage){.n_seats = 1,
                         .writes = true,
                         .from_inside = true,
                         .sleepers = {READS, WRITES, READS, WRITES},
                         .n_sleepers = 4},
          0, 1);
}

/* ---- who was woken ---- */

static void reader_after_a_dead_writer(long part, long parts)
{
    check((struct stage){.n_seats = 2,
                         .keeps = true,
                         .keeper_writes = true,
                         .keeper_dies = true,
                         .sleepers = {READS, READS},
                         .n_sleepers = 2},
          part, parts);
}

static void writer_after_a_reader(long part, long parts)
{
    check(
        (struct stage){
            .n_seats = 3, .writes = true, .keeps = true, .sleepers = {READS, WRITES, READS}, .n_sleepers = 3},
        part, parts);
}

/* The wake of the kernel for a dead reader goes to one of those who want its seat. */
static void reader_in_a_dead_readers_seat(long part, long parts)
{
    check(
        (struct stage){.n_seats = 1, .keeps = true, .keeper_dies = true, .sleepers = {WRITES, READS}, .n_sleepers = 2},
        part, parts);
}

THIRDS(reader_after_a_dead_writer)
THIRDS(writer_after_a_reader)
THIRDS(reader_in_a_dead_readers_seat)
