/* The shipped worker, killed after each of its instructions from its first claim until it sleeps; then buried as the
 * supervisor does it, and replaced.  Whatever the instruction: every item ends exactly once, none is run twice, at most one
 * is called crashed, and only one that had started.
 *
 * One process plays host and supervisor; the worker and its replacement are real ones, on a real board. */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/claim.h"
#include "exec/worker.h"
#include "ledger.h"
#include "stepkill.h"

enum { MAX_JOBS = 2, ITEMS = 2, WORKERS = 2 };

/* All of it shared with the workers. */
struct stage {
    struct yk_board board;
    void *memory;
    size_t size;
    struct entry entries[MAX_JOBS][ITEMS];
    struct entry *items[MAX_JOBS][ITEMS];
    uint32_t results[MAX_JOBS][ITEMS];
    yk_a64 words[MAX_JOBS][ITEMS];
    int32_t codes[MAX_JOBS][ITEMS];
    unsigned jobs;
    size_t chunk;
    bool timed;
    int begin_at; /* where the stepping begins: -1 before the first claim; or in this item of the last job */
    bool reached_last, slept; /* in some run the last item was started; the worker came to its sleep */
    long n_crashed, n_whole;  /* runs in which an item crashed, and in which none did */
};

/* The stage is one; its workers are forks. */
static struct stage *here;

static int begin(void *arg)
{
    (void)arg;
    if (here->begin_at == -1)
        stepkill_begin();
    return 0;
}

static int sign_and_begin(const void *in, void *out)
{
    struct entry *const *entry = in;

    if (here->begin_at >= 0 && *entry == &here->entries[here->jobs - 1][here->begin_at])
        stepkill_begin();
    return sign(entry, out);
}

static void make_job(struct stage *stage, unsigned j)
{
    struct yk_shared_job *job = &stage->board.control->jobs[j];

    for (int i = 0; i < ITEMS; i++)
        stage->items[j][i] = &stage->entries[j][i];
    job->items = (struct yk_items){.run = sign_and_begin,
                                   .in = (const char *)stage->items[j],
                                   .out = (char *)stage->results[j],
                                   .in_size = sizeof(struct entry *),
                                   .out_size = sizeof(uint32_t),
                                   .n = ITEMS};
    job->words = stage->words[j];
    job->codes = stage->codes[j];
    job->chunk = stage->chunk;
    yk_store_rlx(&job->end, ITEMS);
    yk_store_rlx(&job->serial, j + 1);
    yk_store_rlx(&job->timeout_ns, stage->timed ? (uint64_t)3600 * 1000000000 : 0);
    yk_store_rlx(&job->bell, 1);
    yk_board_publish(&stage->board, j, j);
}

static void setup(void *arg)
{
    struct stage *stage = arg;
    struct yk_exec_options options = {.workers = WORKERS, .initializer = begin};

    memset(stage->memory, 0, stage->size);
    memset(stage->entries, 0, sizeof stage->entries);
    memset(stage->words, 0, sizeof stage->words);
    memset(stage->codes, 0xee, sizeof stage->codes);
    yk_board_init(&stage->board, stage->memory, &options, 0);
    for (unsigned j = 0; j < stage->jobs; j++)
        make_job(stage, j);
}

static void work(void *arg)
{
    struct stage *stage = arg;

    (void)yk_worker_main(&stage->board, 0);
}

/* The replacement finishes what there is, and leaves since the pool is closed. */
static void replace(struct stage *stage)
{
    int status, pid;

    stage->begin_at = -2;
    yk_store_seq(&stage->board.control->mode, YK_CLOSING);
    pid = fork();
    if (pid == 0)
        _exit(yk_worker_main(&stage->board, 0));
    while (waitpid(pid, &status, 0) < 0)
        CHECK_EQ(errno, EINTR); /* the stepper's clock */
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The fate of item i, from the words. */
static enum yk_word_state state_of(struct stage *stage, unsigned j, size_t i)
{
    for (size_t at = 0;;) {
        uint64_t word = yk_load_acq(&stage->words[j][at]);

        CHECK(yk_word_count(word) > 0 && at + yk_word_count(word) <= ITEMS);
        if (i < at + yk_word_count(word))
            return yk_word_state(word);
        at += yk_word_count(word);
    }
}

static void check(void *arg, const struct stepkill_run *run)
{
    struct stage *stage = arg;
    int crashed = 0, begin_at = stage->begin_at;

    if (stage->entries[stage->jobs - 1][ITEMS - 1].started)
        stage->reached_last = true;
    if (run->end == STEPKILL_ASLEEP)
        stage->slept = true;
    yk_claim_bury(&stage->board, 0, -9, false);
    replace(stage);
    for (unsigned j = 0; j < stage->jobs; j++) {
        CHECK(yk_board_ended(&stage->board, j, j, stage->words[j], ITEMS));
        /* whoever would wait for it was told */
        CHECK_EQ(yk_load_acq(&stage->board.control->jobs[j].bell), 2);
        for (size_t i = 0; i < ITEMS; i++) {
            enum yk_word_state state = state_of(stage, j, i);

            CHECK(stage->entries[j][i].started <= 1);
            if (state == YK_RAN || state == YK_MIXED) {
                CHECK_EQ(stage->entries[j][i].ended, 1);
                CHECK_EQ(stage->codes[j][i], 0);
                CHECK_EQ(stage->results[j][i], 0x51900000u + (uint32_t)i);
            } else if (state == YK_HAS_CRASHED) {
                crashed++;
                CHECK_EQ(stage->codes[j][i], -9);
            } else {
                CHECK(!"a state that nothing here explains");
            }
        }
    }
    CHECK(crashed <= 1);
    stage->begin_at = begin_at;
    stage->n_crashed += crashed;
    stage->n_whole += !crashed;
}

static struct stage *make_stage(unsigned jobs, size_t chunk, bool timed, int begin_at)
{
    size_t size = yk_board_size(WORKERS);

    yk_flush_output(); /* binds what the worker calls, so that the linker's work is not stepped through */
    here = shared_memory(sizeof *here);
    here->memory = shared_memory(size);
    here->size = size;
    here->jobs = jobs;
    here->chunk = chunk;
    here->timed = timed;
    here->begin_at = begin_at;
    return here;
}

static void step(struct stage *stage, long first, long stride, long last)
{
    struct stepkill test = {.setup = setup,
                            .body = work,
                            .after = check,
                            .arg = stage,
                            .window = true,
                            .first = first,
                            .stride = stride,
                            .last = last};
    long points = stepkill_each(&test);

    if (points == -EPERM || points == -ENOSYS)
        SKIP("this system does not let a process trace its child");
    printf("%ld points, %ld with a crashed item\n", points, stage->n_crashed);
    CHECK(points > 10);
    CHECK(stage->n_whole > 0);
}

/* A kill point costs as many steps as come before it, so the way is cut into two that overlap -- up to the last item, and from
 * the last item to the sleep -- and each into quarters.  Sanitizers and counters of coverage multiply the instructions by ten. */
#if TEST_ADDRESS_SANITIZER || TEST_THREAD_SANITIZER
enum { STRIDE = 101, WIDE = 31 * STRIDE, WIDEST = 83 * STRIDE };
#elif defined(TEST_COVERAGE)
enum { STRIDE = 7, WIDE = 61, WIDEST = 151 };
#else
enum { STRIDE = 1, WIDE = 26, WIDEST = 58 };
#endif

/* An item runs for more than four instructions. */
static void check_crashed(const struct stage *stage)
{
    CHECK(stage->n_crashed > 0 || stepkill_stride(1) > 1);
}

static void up_to_the_last_item(int quarter)
{
    struct stage *stage = make_stage(1, 2, false, -1);

    step(stage, quarter * STRIDE, stepkill_stride(4 * STRIDE), 600 * (STRIDE > 1 ? 10 : 1));
    CHECK(stage->reached_last);
    check_crashed(stage);
}

static void from_the_last_item(int quarter)
{
    struct stage *stage = make_stage(1, 2, false, ITEMS - 1);

    step(stage, quarter * STRIDE, stepkill_stride(4 * STRIDE), 0);
    CHECK(stage->slept);
    check_crashed(stage);
}

/* Whether a stride as wide as these falls into an item is chance, and no condition. */
static void from_end_to_end(unsigned jobs, size_t chunk, bool timed, long first, long stride)
{
    struct stage *stage = make_stage(jobs, chunk, timed, -1);

    step(stage, first, stride, 0);
    CHECK(stage->slept);
}

TEST(claim_step_up_to_the_last_item_1)
{
    up_to_the_last_item(0);
}

TEST(claim_step_up_to_the_last_item_2)
{
    up_to_the_last_item(1);
}

TEST(claim_step_up_to_the_last_item_3)
{
    up_to_the_last_item(2);
}

TEST(claim_step_up_to_the_last_item_4)
{
    up_to_the_last_item(3);
}

TEST(claim_step_from_the_last_item_1)
{
    from_the_last_item(0);
}

TEST(claim_step_from_the_last_item_2)
{
    from_the_last_item(1);
}

TEST(claim_step_from_the_last_item_3)
{
    from_the_last_item(2);
}

TEST(claim_step_from_the_last_item_4)
{
    from_the_last_item(3);
}

/* The ways from the first instruction to the sleep are long: every 13th and every 29th, in two halves. */
TEST(claim_step_item_by_item_1)
{
    from_end_to_end(1, 1, false, 0, WIDE);
}

TEST(claim_step_item_by_item_2)
{
    from_end_to_end(1, 1, false, WIDE / 2, WIDE);
}

TEST(claim_step_two_jobs_with_a_timeout_1)
{
    from_end_to_end(2, 2, true, 0, WIDEST);
}

TEST(claim_step_two_jobs_with_a_timeout_2)
{
    from_end_to_end(2, 2, true, WIDEST / 2, WIDEST);
}
