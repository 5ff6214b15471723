/* calls.h -- what a thread asks of the kernel: to sleep and to wake, to look after its robust words, the time, and who has
 * died; included by explore.c alone. */

/* The kernel compares with the newest value, and the thread has then seen that. */
static bool differs(struct thread *thread, const struct yk_wait *wait)
{
    int l = locate(wait->word, sizeof *wait->word);
    int newest = locations[l].n - 1;
    int shift = wait->word == locations[l].address ? 0 : 32; /* which half of a larger object it is */

    return (uint32_t)(memory_read(&thread->knows, l, newest, __ATOMIC_RELAXED) >> shift) != wait->expected;
}

/* A step for each word, from the last to the first as os.h has it; false if one differs. */
static bool queue_up(const struct yk_wait *waits, unsigned n, struct explore_site *site)
{
    for (unsigned i = n; i-- > 0;) {
        struct thread *thread = begin(waits[i].word);
        int l = locate(waits[i].word, sizeof *waits[i].word);
        bool same = !differs(thread, &waits[i]);

        record(EXPLORE_WAIT, site, 0, l, waits[i].expected, 0)->success = same;
        if (!same)
            return false;
        enqueue(self, &waits[i]);
    }
    return true;
}

int explore_futex_wait(const struct yk_wait *waits, unsigned n, int64_t deadline, bool interruptible,
                       struct explore_site *site)
{
    if (self < 0)
        return 0;

    struct thread *thread = &threads[self];

    know_site(site, EXPLORE_WAIT, 0, 0);
    thread->woken = false;
    thread->wait_result = 0;
    if (queue_up(waits, n, site) && !thread->woken) {
        thread->wait_result = -ETIMEDOUT;
        if (deadline > now) {
            thread->deadline = deadline;
            thread->interruptible = interruptible;
            set_state(thread, ASLEEP);
            go_on();
        }
        record(EXPLORE_WAIT, site, 0, -1, 0, (uint64_t)(int64_t)thread->wait_result);
    }
    leave_queues(self);
    return thread->wait_result;
}

int explore_futex_wake(const void *word, int n, bool shared, struct explore_site *site)
{
    int woken;

    if (self < 0)
        return 0;
    begin(word);
    know_site(site, EXPLORE_WAKE, __ATOMIC_SEQ_CST, 0);
    woken = site == mutant ? 0 : wake(word, n, shared);
    record(EXPLORE_WAKE, site, 0, locate(word, sizeof(uint32_t)), (uint64_t)n, (uint64_t)woken);
    return woken;
}

/* ---- death ---- */

void explore_mortal(bool mortal)
{
    threads[self].immortal = !mortal;
}

void explore_kill(int thread)
{
    if (threads[thread].state < DYING)
        die(thread);
    if (thread == self)
        go_on();
}

int explore_await_death(void)
{
    struct thread *thread = begin(NULL);

    for (;;) {
        for (int t = 0; t < n_threads; t++)
            if (threads[t].state == DEAD && !threads[t].reported) {
                threads[t].reported = true;
                join(&thread->knows.now, &threads[t].knows.now);
                return t;
            }
        set_state(thread, AWAITING_DEATH);
        go_on();
    }
}

/* ---- robust words.  What a thread says of its own is no step, since nobody else sees it; but it may die before. ---- */

static struct thread *before_own(void)
{
    struct thread *thread = &threads[self];

    if (can_die(self) && choose(2) == 1) {
        deaths++;
        explore_kill(self);
    }
    thread->may_die = true;
    return thread;
}

uint32_t explore_tid(void)
{
    return tid_of(self < 0 ? EXPLORE_THREADS : self);
}

void *explore_robust_intend(void *word, struct explore_site *site)
{
    if (self < 0)
        return NULL;

    struct thread *thread = before_own();
    void *before = thread->intended;

    if (word)
        know_site(site, EXPLORE_INTEND, __ATOMIC_SEQ_CST, 0);
    thread->intended = site == mutant ? NULL : word;
    record(EXPLORE_INTEND, site, 0, word ? locate(word, sizeof(uint32_t)) : -1, 0, 0);
    return before;
}

bool explore_robust_link(void *word, struct explore_site *site)
{
    if (self < 0)
        return true;
    for (int t = 0; t < n_threads; t++)
        for (int i = 0; i < threads[t].n_linked && threads[t].state < DYING; i++)
            if (threads[t].linked[i] == word)
                explore_fail("a word is linked that is linked already");
    link_word(before_own(), word);
    record(EXPLORE_LINK, site, 0, locate(word, sizeof(uint32_t)), 0, 0);
    return true;
}

void explore_robust_unlink(void *word, struct explore_site *site)
{
    if (self < 0)
        return;
    if (!unlink_word(before_own(), word))
        explore_fail("a word is unlinked that the thread has not linked");
    record(EXPLORE_UNLINK, site, 0, locate(word, sizeof(uint32_t)), 0, 0);
}

/* ---- time.  The clock moves by itself when it is read, and to a deadline when a wait ends by it. ---- */

yoke_time yoke_now(void)
{
    return now += 1000;
}

yoke_time yoke_after(double seconds)
{
    if (!(seconds > 0))
        return YOKE_NOW;
    return seconds < 9e9 ? yoke_now() + (yoke_time)(seconds * 1e9) : YOKE_FOREVER;
}
