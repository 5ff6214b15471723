/* proof.h -- what is claimed about a scenario, as lines of TAP; and the mutants.  Included by explore.c alone. */

static int n_lines, n_bad;

static void line(bool ok, const char *text, const char *detail)
{
    printf("%sok %d - %s%s%s\n", ok ? "" : "not ", ++n_lines, text, *detail ? ": " : "", detail);
    fflush(stdout);
    n_bad += !ok;
}

static bool in_full(void)
{
    return getenv("YOKE_TEST_FULL") != NULL;
}

/* The first executions differ in how they end only, so some of any kind are added. */
static struct explore_result run_brief(const struct explore *wanted)
{
    struct explore brief = *wanted;
    struct explore_result r;

    if (wanted->executions == 0 || wanted->executions > EXPLORE_BRIEF)
        brief.executions = EXPLORE_BRIEF;
    r = explore_run(&brief);
    if (r.failed || r.exhausted || wanted->seed)
        return r;
    brief.seed = 1;
    return explore_run(&brief);
}

void explore_passes(const struct explore *wanted)
{
    struct explore_result r = in_full() ? explore_run(wanted) : run_brief(wanted);
    char detail[256];

    snprintf(detail, sizeof detail, "%lu executions%s%s%s", r.executions,
             wanted->seed  ? ", at random"
             : r.exhausted ? ", exhausted"
                           : ", not all",
             r.failed ? ", the last failed: " : "", r.message);
    line(!r.failed, wanted->name, detail);
    if (r.failed)
        print_interleaving();
}

void explore_fails(const struct explore *wanted, const char *text)
{
    struct explore_result r = explore_run(wanted);
    bool ok = r.failed && strstr(r.message, text);
    char detail[256];

    snprintf(detail, sizeof detail, "%s after %lu executions", r.failed ? r.message : "no failure", r.executions);
    line(ok, wanted->name, detail);
    if (r.failed && !ok)
        print_interleaving();
}

int explore_done(void)
{
    printf("1..%d\n", n_lines);
    return n_bad > 0;
}

/* ---- mutants ---- */

/* The n-th weaker order of an operation, from the next weaker on; -1: there is none. */
static int weaker(enum explore_kind kind, int order, int n)
{
    bool loads = kind == EXPLORE_LOAD, stores = kind == EXPLORE_STORE;
    int list[4], found = 0;

    if (order == __ATOMIC_SEQ_CST && !loads && !stores)
        list[found++] = __ATOMIC_ACQ_REL;
    if ((order == __ATOMIC_SEQ_CST || order == __ATOMIC_ACQ_REL) && !stores)
        list[found++] = __ATOMIC_ACQUIRE;
    if ((order == __ATOMIC_SEQ_CST || order == __ATOMIC_ACQ_REL) && !loads)
        list[found++] = __ATOMIC_RELEASE;
    if (order != __ATOMIC_RELAXED)
        list[found++] = __ATOMIC_RELAXED;
    return n < found ? list[n] : -1;
}

/* True if the mutant that is set up now makes a scenario fail. */
static bool killed(const struct explore *const *scenarios, int n)
{
    for (int i = 0; i < n; i++)
        if (explore_run(scenarios[i]).failed)
            return true;
    return false;
}

struct tally {
    int mutants, killed, surplus, unknown;
};

static void try_mutant(struct explore_site *site, const char *name, const struct explore *const *scenarios, int n,
                       const struct explore_surplus *surplus, int n_surplus, struct tally *tally)
{
    const char *why = NULL;

    for (int i = 0; i < n_surplus; i++)
        if ((!surplus[i].function || strcmp(surplus[i].function, site->function) == 0) &&
            strncmp(surplus[i].mutant, name, strlen(surplus[i].mutant)) == 0)
            why = surplus[i].why;
    mutant = site;

    bool dead = killed(scenarios, n);

    mutant = NULL;
    tally->mutants++;
    tally->killed += dead;
    tally->surplus += !dead && why;
    tally->unknown += !dead && !why;
    if (dead && why)
        printf("# killed, though listed as surplus: %s: %s\n", site->function, name);
    else if (!dead)
        printf("# lives: %s:%d %s: %s%s%s\n", base_name(site->file), site->line, site->function, name, why ? "; " : "",
               why ? why : "");
}

static void try_site(struct explore_site *site, const struct explore *const *scenarios, int n,
                     const struct explore_surplus *surplus, int n_surplus, struct tally *tally)
{
    char name[80];
    int order;

    if (site->kind == EXPLORE_WAKE)
        try_mutant(site, "no wake", scenarios, n, surplus, n_surplus, tally);
    if (site->kind == EXPLORE_INTEND)
        try_mutant(site, "no intention", scenarios, n, surplus, n_surplus, tally);
    if (site->kind >= EXPLORE_WAIT)
        return;
    for (int i = 0; (order = weaker(site->kind, site->order, i)) >= 0; i++) {
        mutant_order = order;
        mutant_failure = site->failure;
        snprintf(name, sizeof name, "%s %s -> %s", kind_names[site->kind], order_names[site->order],
                 order_names[order]);
        try_mutant(site, name, scenarios, n, surplus, n_surplus, tally);
    }
    if (site->kind == EXPLORE_CAS && site->failure != __ATOMIC_RELAXED) {
        mutant_order = site->order;
        mutant_failure = __ATOMIC_RELAXED;
        snprintf(name, sizeof name, "failed cas %s -> relaxed", order_names[site->failure]);
        try_mutant(site, name, scenarios, n, surplus, n_surplus, tally);
    }
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

void explore_mutants(const char *file, const struct explore *const *scenarios, int n,
                     const struct explore_surplus *surplus, int n_surplus)
{
    struct tally tally = {0};
    char name[160], detail[160];

    if (!in_full()) {
        printf("# the mutants of %s: with YOKE_TEST_FULL\n", file);
        return;
    }
    for (struct explore_site *site = sites; site; site = site->next)
        if (ends_with(site->file, file))
            try_site(site, scenarios, n, surplus, n_surplus, &tally);
    snprintf(name, sizeof name, "every order and wake of %s is needed, or known to be surplus", file);
    snprintf(detail, sizeof detail, "%d mutants, %d killed, %d surplus, %d not explained", tally.mutants, tally.killed,
             tally.surplus, tally.unknown);
    line(tally.mutants > 0 && tally.unknown == 0, name, detail);
}
