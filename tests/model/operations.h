/* operations.h -- what a thread can do: the functions that builtins.h calls, and those for thread bodies; included by
 * explore.c alone.  Each is a step: the explorer first decides who runs, and comes back when it is this thread again.
 * Outside of threads (self < 0), in setup and check, they act on plain memory at once. */
static struct explore_site *sites;  /* every operation that has run */
static struct explore_site *mutant; /* the one that is weakened now */
static int mutant_order, mutant_failure;

static void know_site(struct explore_site *site, enum explore_kind kind, int order, int failure)
{
    if (!site->known) {
        site->known = true;
        site->kind = kind;
        site->order = order;
        site->failure = failure;
        site->next = sites;
        sites = site;
    }
}

static int order_of(const struct explore_site *site, int order)
{
    return site == mutant ? mutant_order : order;
}

/* A thread that does anything but load has ended its spin. */
static struct thread *begin(const void *address)
{
    threads[self].vain = 0;
    threads[self].spun = false;
    explore_step();
    touch(address);
    return &threads[self];
}

static bool may_read_old(void)
{
    return stale < (scenario->stale ? scenario->stale : 6);
}

/* Which message a load reads: any that is not too old, the newest first. */
static int choose_message(int oldest, int newest)
{
    if (self == lagging)
        return oldest;

    int back = may_read_old() ? choose(newest - oldest + 1) : 0;

    stale += back > 0;
    return newest - back;
}

uint64_t explore_load(const void *address, unsigned size, int order, struct explore_site *site)
{
    if (self < 0)
        return memory_plain(address, size);
    know_site(site, EXPLORE_LOAD, order, order);
    order = order_of(site, order);

    struct thread *thread = &threads[self];

    if (thread->vain && thread->vain_address == address)
        return thread->vain_value;
    if (!thread->vain)
        explore_step();
    touch(address);

    int l = locate(address, size);
    int oldest = memory_oldest(&thread->knows, l, order), newest = locations[l].n - 1;
    int message = thread->vain ? oldest : choose_message(oldest, newest);
    uint64_t value = memory_read(&thread->knows, l, message, order);

    if (!thread->vain)
        record(EXPLORE_LOAD, site, order, l, value, 0)->stale = message != newest;
    thread->vain_address = address;
    thread->vain_value = value;
    return value;
}

void explore_store(void *address, unsigned size, uint64_t value, int order, struct explore_site *site)
{
    if (self < 0) {
        memcpy(address, &value, size);
        return;
    }
    know_site(site, EXPLORE_STORE, order, order);
    order = order_of(site, order);

    struct thread *thread = begin(address);
    int l = locate(address, size);

    record(EXPLORE_STORE, site, order, l, locations[l].newest, value);
    memory_write(&thread->knows, l, value, order, -1);
}

static uint64_t modified(enum explore_kind kind, uint64_t old, uint64_t operand)
{
    switch ((int)kind) {
    case EXPLORE_ADD:
        return old + operand;
    case EXPLORE_OR:
        return old | operand;
    case EXPLORE_AND:
        return old & operand;
    default:
        return operand;
    }
}

/* A read-modify-write reads the newest value; so there is nothing to choose. */
static uint64_t read_modify_write(struct thread *thread, enum explore_kind kind, int l, uint64_t operand, int order,
                                  const struct explore_site *site)
{
    int newest = locations[l].n - 1;
    uint64_t old = memory_read(&thread->knows, l, newest, order);

    memory_write(&thread->knows, l, modified(kind, old, operand), order, newest);
    record(kind, site, order, l, old, locations[l].newest);
    return old;
}

uint64_t explore_modify(enum explore_kind kind, void *address, unsigned size, uint64_t operand, int order,
                        struct explore_site *site)
{
    if (self < 0) {
        uint64_t old = memory_plain(address, size), new = modified(kind, old, operand);

        memcpy(address, &new, size);
        return old;
    }
    know_site(site, kind, order, order);

    struct thread *thread = begin(address);

    return read_modify_write(thread, kind, locate(address, size), operand, order_of(site, order), site);
}

/* Fails by reading any value, not too old, that is not the expected one; succeeds on the newest only. */
bool explore_cas(void *address, unsigned size, void *expected, uint64_t desired, int order, int failure,
                 struct explore_site *site)
{
    if (self < 0) {
        bool equal = memcmp(address, expected, size) == 0;

        memcpy(equal ? address : expected, equal ? (const void *)&desired : address, size);
        return equal;
    }
    know_site(site, EXPLORE_CAS, order, failure);
    order = order_of(site, order);
    failure = site == mutant ? mutant_failure : failure;

    struct thread *thread = begin(address);
    int l = locate(address, size), newest = locations[l].n - 1, n = 0;
    int candidates[MESSAGES];
    uint64_t wanted = memory_plain(expected, size);

    for (int i = newest; i >= memory_oldest(&thread->knows, l, failure); i--)
        if (i == newest || (locations[l].messages[i].value != wanted && (may_read_old() || self == lagging)))
            candidates[n++] = i;

    int message = candidates[self == lagging ? n - 1 : choose(n)];

    if (message == newest && locations[l].newest == wanted) {
        read_modify_write(thread, EXPLORE_CAS, l, desired, order, site);
        return true;
    }
    stale += message != newest && self != lagging;

    uint64_t value = memory_read(&thread->knows, l, message, failure);
    struct event *event = record(EXPLORE_CAS, site, failure, l, value, 0);

    event->stale = message != newest;
    event->success = false;
    memcpy(expected, &value, size);
    return false;
}

void explore_fence(int order, struct explore_site *site)
{
    if (self < 0)
        return;
    know_site(site, EXPLORE_FENCE, order, order);
    order = order_of(site, order);

    struct thread *thread = begin(NULL);

    memory_fence(&thread->knows, order);
    record(EXPLORE_FENCE, site, order, -1, 0, 0);
}

void explore_reads(const void *object)
{
    if (self >= 0)
        memory_data(&threads[self].knows, self, object, false);
}

void explore_writes(const void *object)
{
    if (self >= 0)
        memory_data(&threads[self].knows, self, object, true);
}

/* In a loop that waits for another thread.  It goes on when something was written (or when nobody else can run); or,
 * the other choice, nothing happens for so long that a bounded spin runs out: until it does something else than
 * load, its loads then read what they read before, and nobody else runs.  So it makes no difference how long the
 * bounded spin is. */
void explore_relax(void)
{
    if (self < 0)
        return;

    struct thread *thread = &threads[self];

    if (thread->vain > 0 && --thread->vain > 0)
        return;
    if (!thread->spun && vain < VAIN_SPINS) {
        thread->spun = true;
        if (choose(2) == 1) {
            vain++;
            thread->vain = VAIN_LOOKS;
            thread->vain_address = NULL;
            return;
        }
    }
    record(EXPLORE_RELAX, NULL, 0, -1, 0, 0);
    thread->spin_writes = n_writes - thread->knows.writes;
    set_state(thread, SPINNING);
    explore_step();
}

int explore_self(void)
{
    return self;
}

int explore_asleep(void)
{
    int n = 0;

    for (int t = 0; t < n_threads; t++)
        n += threads[t].state == ASLEEP;
    return n;
}
