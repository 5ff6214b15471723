/* trace.h -- the interleaving of the current execution, as it is printed for a failure; included by explore.c alone. */
static struct event {
    int thread;
    const struct explore_site *site;
    enum explore_kind kind;
    int order;
    int location;
    uint64_t before, after;
    bool stale, success;
} events[EXPLORE_STEPS + 1];
static int n_events;

static const char *const kind_names[] = {"load",    "store", "swap",  "add",  "or",      "and",
                                         "cas",     "fence", "wait",  "wake", "intends", "links",
                                         "unlinks", "marks", "relax", "dies", "ends"};
static const char *const order_names[] = {"relaxed", "consume", "acquire", "release", "acq_rel", "seq_cst"};

static struct event *record(enum explore_kind kind, const struct explore_site *site, int order, int l, uint64_t before,
                            uint64_t after)
{
    struct event *event = &events[n_events < EXPLORE_STEPS ? n_events++ : EXPLORE_STEPS];

    *event = (struct event){.thread = self,
                            .site = site,
                            .kind = kind,
                            .order = order,
                            .location = l,
                            .before = before,
                            .after = after,
                            .success = true};
    return event;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static void print_interleaving(void)
{
    for (int i = 0; i < n_events; i++) {
        const struct event *e = &events[i];

        printf("#   T%d  %-7s", e->thread, kind_names[e->kind]);
        if (e->kind <= EXPLORE_FENCE)
            printf(" %s", order_names[e->order]);
        if (e->location >= 0)
            printf("  [%d] %llx", e->location, (unsigned long long)e->before);
        if (((e->kind != EXPLORE_LOAD && e->kind <= EXPLORE_CAS) || e->kind == EXPLORE_MARK) && e->success)
            printf(" -> %llx", (unsigned long long)e->after);
        if (e->kind == EXPLORE_WAIT || e->kind == EXPLORE_WAKE)
            printf(" (%lld)", (long long)e->after);
        printf("%s%s", e->stale ? " (old)" : "", e->success ? "" : " (failed)");
        if (e->site)
            printf("    %s:%d %s", base_name(e->site->file), e->site->line, e->site->function);
        printf("\n");
    }
    for (int l = 0; l < n_locations; l++)
        printf("#   [%d] is %p, %u bytes\n", l, locations[l].address, locations[l].size);
}
