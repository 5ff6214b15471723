/* kernel.h -- the kernel's side: who sleeps on which word, and what becomes of the words of a thread that has died; included by
 * explore.c alone.
 *
 * Sleeping.  A thread is in the queue of each word that it sleeps on, and a wake may take any of those who are there.  A woken
 * thread leaves its other queues only when it runs; until then more wakes may be spent on it.  (Linux, kernel/futex/waitwake.c:
 * futex_wake, futex_wait_multiple.)
 *
 * Dying.  The kernel goes through the words that the thread had linked, the last one first, and then the one that it had
 * intended, also if that was linked (kernel/futex/core.c: exit_robust_list, handle_futex_death).  For each it looks, and
 * perhaps marks, in one step, and wakes in another; the others may run before each.  A thread that ends by itself is treated
 * in the same way. */
static struct place {
    const void *word;
    bool shared;
    int thread;
} queue[EXPLORE_THREADS * YK_WAIT_MOST]; /* the first to come is the first */
static int n_queued;

static void enqueue(int t, const struct yk_wait *wait)
{
    queue[n_queued++] = (struct place){wait->word, wait->shared, t};
}

static void leave_queues(int t)
{
    int n = 0;

    for (int i = 0; i < n_queued; i++)
        if (queue[i].thread != t)
            queue[n++] = queue[i];
    n_queued = n;
}

static void end_sleep(struct thread *thread, int rc)
{
    thread->wait_result = rc;
    set_state(thread, READY);
    if (rc == -ETIMEDOUT && now < thread->deadline)
        now = thread->deadline;
}

/* Lists those in the queue of a word, as indices. */
static int list_queue(const void *word, bool shared, uint16_t *list)
{
    int n = 0;

    for (int i = 0; i < n_queued; i++)
        if (queue[i].word == word && queue[i].shared == shared)
            list[n++] = (uint16_t)i;
    return n;
}

/* Wakes at most n. */
static int wake(const void *word, int n, bool shared)
{
    uint16_t list[EXPLORE_THREADS * YK_WAIT_MOST];
    int woken, found;

    for (woken = 0; woken < n && (found = list_queue(word, shared, list)) > 0; woken++) {
        /* where all are woken, it does not matter who is the first */
        int i = list[found <= n - woken ? 0 : choose(found)];
        struct thread *thread = &threads[queue[i].thread];

        memmove(&queue[i], &queue[i + 1], (size_t)(--n_queued - i) * sizeof *queue);
        thread->woken = true;
        thread->may_die = true;
        if (thread->state == ASLEEP)
            end_sleep(thread, 0);
    }
    return woken;
}

/* ---- robust words ---- */

static bool unlink_word(struct thread *thread, const void *word)
{
    for (int i = 0; i < thread->n_linked; i++)
        if (thread->linked[i] == word) {
            thread->n_linked--;
            memmove(&thread->linked[i], &thread->linked[i + 1], (size_t)(thread->n_linked - i) * sizeof(void *));
            return true;
        }
    return false;
}

static void link_word(struct thread *thread, void *word)
{
    if (thread->n_linked == LINKS)
        explore_fail("the explorer has too few links");
    thread->linked[thread->n_linked++] = word;
}

/* Somebody looks at a word, changes it, or begins to sleep on it: a dead thread's turn there is something new. */
static void touch(const void *word)
{
    for (int t = 0; n_dying > 0 && t < n_threads; t++)
        if (threads[t].state == DYING && threads[t].linked[threads[t].n_linked - 1] == word)
            threads[t].was_offered = false;
}

static void gone(int t)
{
    n_dying--;
    threads[t].state = threads[t].has_ended ? ENDED : DEAD;
    if (threads[t].has_ended)
        return;
    for (int i = 0; i < n_threads; i++)
        if (threads[i].state == AWAITING_DEATH)
            set_state(&threads[i], READY);
    if (scenario->on_death)
        scenario->on_death(t);
}

/* The thread does no more.  From here on its list holds what is left to do, the last one first. */
static void die(int t)
{
    struct thread *thread = &threads[t];

    if (!thread->has_ended)
        record(EXPLORE_DEATH, NULL, 0, -1, 0, 0)->thread = t;
    n_dying++;
    thread->state = DYING;
    thread->was_offered = thread->wakes = false;
    leave_queues(t);
    if (thread->intended) {
        unlink_word(thread, thread->intended);
        memmove(&thread->linked[1], thread->linked, (size_t)thread->n_linked++ * sizeof(void *));
        thread->linked[0] = thread->intended;
    }
    if (thread->n_linked == 0)
        gone(t);
}

/* The kernel looks at a word, and marks it if it is the dead thread's.  True if it is going to wake somebody there. */
static bool mark(int t, void *word)
{
    struct thread *thread = &threads[t];
    int l = locate(word, sizeof(uint32_t)), newest = locations[l].n - 1;
    uint32_t old = (uint32_t)locations[l].newest, owner = old & YK_TID;

    touch(word);
    if (owner != tid_of(t))
        return owner == 0 && word == thread->intended;
    memory_read(&thread->knows, l, newest, __ATOMIC_SEQ_CST);
    memory_write(&thread->knows, l, (old & YK_WAITED) | YK_DIED, __ATOMIC_SEQ_CST, newest);
    record(EXPLORE_MARK, NULL, __ATOMIC_SEQ_CST, l, old, (old & YK_WAITED) | YK_DIED)->thread = t;
    return old & YK_WAITED;
}

/* The kernel's next step for a dead thread. */
static void bury(int t)
{
    struct thread *thread = &threads[t];
    void *word = thread->linked[thread->n_linked - 1];

    if (thread->wakes) {
        int woken = wake(word, 1, true);

        touch(word);
        record(EXPLORE_WAKE, NULL, 0, locate(word, sizeof(uint32_t)), 1, (uint64_t)woken)->thread = t;
        thread->wakes = false;
    } else {
        thread->wakes = mark(t, word);
    }
    if (!thread->wakes && --thread->n_linked == 0)
        gone(t);
    thread->was_offered = false;
}
