/* claim_crew.h -- who works in the model of the claim protocol: workers, supervisor, host; included by claim_model_test.c
 * alone. */
/* ---- a worker, as src/exec/worker.c has it ---- */

static int task(const void *in, void *out)
{
    struct map *map = (struct map *)(uintptr_t)in;
    size_t i = (size_t)((int *)out - map->results);

    explore_assert(map->live);
    explore_assert(++map->runs[i] == 1);
    explore_writes(out);
    return plan.fail_fast && i == 0 ? 1 : 0;
}

/* False: the supervisor has given the worker up. */
static bool run_chunk(struct yk_claimer *me, const struct yk_claim *claim)
{
    struct yk_shared_job *job = claim->job;
    struct yk_desk *desk = &board.desks[me->worker];
    uint64_t serial = yk_load_rlx(&job->serial);
    bool timed = yk_load_rlx(&job->timeout_ns) != 0, mixed = false;
    size_t i, end = claim->first + claim->count;
    struct map *map;

    explore_reads(&job->items);
    map = (struct map *)(uintptr_t)job->items.in;
    explore_assert(map->live && claim->count > 0 && end <= job->items.n);
    for (i = claim->first; i < end && yk_load_rlx(&job->stop) == 0; i++) {
        uint64_t progress = yk_progress(YK_STARTED, i, serial);
        bool ended;

        yk_item_start(desk, progress, timed);
        map->marked[i] = true;
        explore_step(); /* it may die here */
        job->codes[i] = task(map, &map->results[i]);
        mixed |= job->codes[i] != 0;
        ended = yk_item_end(desk, progress, timed);
        explore_assert(ended == !map->doomed[i]);
        if (!ended)
            return false;
        map->ended[i] = timed;
        if (job->codes[i] != 0 && job->fail_fast)
            yk_store_rel(&job->stop, 1);
    }
    yk_claim_finish(me, claim, i, mixed);
    return true;
}

static yk_a32 killed; /* the worker that was given up: nothing of it moves any more */
static bool gone;     /* the same, or it has died; for the supervisor to wait for */

static void go_on(struct yk_claimer *me)
{
    struct yk_claim claim;
    int self = explore_self();

    for (worker_of[self] = me->worker;;) {
        cursor_was_moved[self] = false;
        if (!yk_claim_next(me, &claim))
            yk_park_wait(&board.park, me->worker, yk_board_visible, &board);
        else if (broken == LOST_CURSOR && cursor_was_moved[self])
            continue;
        else if (!run_chunk(me, &claim))
            break;
    }
    yk_store_rel(&killed, 1);
    gone = true;
}

static void work(unsigned w)
{
    go_on(&(struct yk_claimer){.board = &board, .worker = w});
}

static void worker_0(void)
{
    work(0);
}

/* It has claimed the first two items already. */
static void worker_0_inside(void)
{
    struct yk_claimer me = {.board = &board, .job = 1};

    (void)run_chunk(&me, &(struct yk_claim){&board.control->jobs[0], 0, 2});
    go_on(&me);
}

static void worker_1(void)
{
    work(1);
}

/* ---- the supervisor ---- */

static yk_a32 born; /* 1 + the worker that the spare thread becomes */
static bool spare_used;

static void spare(void)
{
    while (yk_load_acq(&born) == 0)
        yk_futex_wait(&born, 0, true, YOKE_FOREVER);
    work(yk_load_acq(&born) - 1);
}

/* The replacement is the spare thread, if there is one, or this one from now on. */
static void bury_and_replace(unsigned w)
{
    yk_claim_bury(&board, w, CRASH, false);
    if (!plan.spare || spare_used) {
        work(w);
        return;
    }
    spare_used = true;
    worker_of[SPARE] = w;
    yk_store_rel(&born, w + 1);
    yk_futex_wake(&born, 1, true);
}

/* Gives up what worker 0 runs, if it runs something. */
static bool doom(void)
{
    struct yk_desk *desk = &board.desks[0];
    struct yk_shared_job *job = &board.control->jobs[0];
    bool timed = yk_load_acq(&job->timeout_ns) != 0;
    uint64_t serial = yk_load_rlx(&job->serial), progress = yk_load_acq(&desk->progress);
    size_t i = yk_progress_index(progress);
    struct map *map;

    if (!timed || progress != yk_progress(YK_STARTED, i, serial) || !yk_item_doom(desk, progress))
        return false;
    map = &maps[serial - 1];
    explore_assert(map->live && map->marked[i] && !map->ended[i]);
    map->doomed[i] = true;
    return true;
}

static void supervisor(void)
{
    bool doomed = false;

    for (int i = 0; i < plan.looks && !doomed; i++)
        doomed = doom();
    if (doomed) {
        while (!gone)
            yk_cpu_relax();
        if (n_deaths > 0)
            (void)explore_await_death();
        else
            (void)yk_load_acq(&killed);
        bury_and_replace(0);
    }
    for (;;) {
        int thread = explore_await_death();

        if (thread == SPARE && !spare_used)
            spare_used = true;
        else
            bury_and_replace(worker_of[thread]);
    }
}

/* Worker 1 is dead already. */
static void undertaker(void)
{
    bury_and_replace(1);
}

static void on_death(int thread)
{
    (void)thread;
    n_deaths++;
    gone = true;
}

/* ---- the host, as src/exec/processes.c and buffers.c have it ---- */

static void fill(int m, unsigned place)
{
    struct map *map = &maps[m];
    struct yk_shared_job *job = &board.control->jobs[place];

    explore_writes(&job->items);
    job->items = (struct yk_items){
        .run = task, .in = (char *)map, .out = (char *)map->results, .out_size = sizeof(int), .n = plan.items[m]};
    job->words = map->words;
    job->codes = map->codes;
    job->chunk = plan.chunk;
    job->fail_fast = plan.fail_fast;
    yk_store_rlx(&job->cursor, 0);
    yk_store_rlx(&job->stop, 0);
    yk_store_rlx(&job->bell, 0);
    yk_store_rlx(&job->end, job->items.n);
    yk_store_rlx(&job->serial, (uint64_t)m + 1);
    yk_store_rel(&job->timeout_ns, plan.timed);
    map->place = place;
    map->live = true;
    yk_board_publish(&board, place, (uint64_t)m);
    yk_park_kick(&board.park);
}

static void wait_for_end(int m)
{
    struct yk_shared_job *job = &board.control->jobs[maps[m].place];

    for (;;) {
        uint32_t life = yk_load_acq(&board.control->supervisor.word);

        (void)yk_swap_seq(&job->bell, 1);
        if (yk_board_ended(&board, maps[m].place, (uint64_t)m, maps[m].words, plan.items[m]))
            return;
        (void)yk_futex_wait_either(&job->bell, 1, &board.control->supervisor.word, life, YOKE_FOREVER);
    }
}

/* What the word says about item i is what happened to it. */
static void judge(struct map *map, size_t i, enum yk_word_state state, size_t count, bool stopped)
{
    switch (state) {
    case YK_RAN:
    case YK_MIXED:
        explore_reads(&map->results[i]);
        explore_assert(map->runs[i] == 1 && !map->doomed[i]);
        explore_assert((map->codes[i] == 0) == (state == YK_RAN || !plan.fail_fast || i > 0));
        break;
    case YK_HAS_CRASHED:
        explore_assert(count == 1 && map->marked[i] && !map->ended[i] && !map->doomed[i] && map->codes[i] == CRASH);
        n_crashed++;
        break;
    case YK_OVERDUE:
        explore_assert(count == 1 && map->marked[i] && map->doomed[i]);
        break;
    case YK_READY:
    case YK_SKIPPED:
    case YK_ORPHAN:
        explore_assert(stopped && !map->marked[i] && map->runs[i] == 0);
        break;
    case YK_CLAIMED:
        explore_fail("the job has ended with a chunk claimed");
    }
}

static void take_down(int m)
{
    struct map *map = &maps[m];
    bool stopped = yk_load_acq(&board.control->jobs[map->place].stop) != 0;
    size_t n = plan.items[m], count;

    yk_store_rel(&board.control->jobs[map->place].timeout_ns, 0);
    for (size_t i = 0; i < n; i += count) {
        uint64_t word = yk_load_acq(&map->words[i]);
        enum yk_word_state state = yk_word_state(word);

        count = state == YK_READY ? n - i : yk_word_count(word);
        explore_assert(count > 0 && count <= n - i);
        yk_store_rlx(&map->words[i], yk_word(YK_READY, 0, 0));
        for (size_t k = i; k < i + count; k++)
            judge(map, k, state, count, stopped);
    }
    map->live = false;
    map->over = true;
}

static void host(void)
{
    for (int m = 0; m < plan.maps; m++) {
        if (!maps[m].live)
            fill(m, plan.at_once ? (unsigned)m : 0);
        if (plan.at_once && m < plan.maps - 1)
            continue;
        for (int k = plan.at_once ? 0 : m; k <= m; k++) {
            wait_for_end(k);
            take_down(k);
        }
    }
}
