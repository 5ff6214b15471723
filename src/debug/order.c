/* order.c -- which locks were acquired while which were held: a graph, and its circles.
 *
 * An edge goes from a lock that was held to one that was acquired meanwhile.  A new edge that closes a circle is reported: if each
 * thread of the circle takes its first lock at the same time, none gets its second.  (So do Linux's lockdep and others; here
 * a lock is known by its address, and not by a class.)
 *
 * All between enter and leave (debug.h).  Invariants: a node in use is in the bucket of its address and in no other; edges go out of nodes in
 * use only.  An edge into a node that was given up has another generation than the node, and is taken out when it is met, or when
 * edges run short.  When nodes run short, those go first that nobody holds, in turn. */
#include <stdlib.h>
#include <string.h>

#include "debug/debug.h"

enum { N_BUCKETS = 1024 };

struct edge {
    struct node *to;
    uint32_t generation; /* of `to` */
    struct edge *next;   /* of the same node; or free */
    struct yk_use held, got;
    char name[32]; /* of the thread that came this way first */
};

struct node {
    const void *object; /* NULL: not in use */
    uint32_t generation;
    uint32_t mark;     /* the last search that came here */
    struct node *next; /* in its bucket */
    struct edge *out;
    struct node *queued, *from; /* of a search: who is next, and where it came from, */
    struct edge *by;            /* and by which edge */
};

/* Made by the first order: programs without YOKE_DEBUG have none. */
static struct graph {
    struct node nodes[YOKE_DEBUG_LOCKS];
    struct edge edges[YOKE_DEBUG_ORDERS];
} * graph;

static struct node *buckets[N_BUCKETS];
static struct edge *spare;
static size_t n_nodes, n_edges; /* that were ever in use; nodes are then taken in turn, edges from `spare` */
static size_t hand;
static uint32_t searches;
static bool said_locks, said_orders, said_memory;

static struct node **bucket_of(const void *object)
{
    return &buckets[(uintptr_t)object * UINT64_C(0x9e3779b97f4a7c15) >> 54];
}

static struct node *find(const void *object)
{
    struct node *node = *bucket_of(object);

    while (node && node->object != object)
        node = node->next;
    return node;
}

static void free_edge(struct edge **link)
{
    struct edge *edge = *link;

    *link = edge->next;
    edge->next = spare;
    spare = edge;
}

static void give_up(struct node *node)
{
    struct node **link = bucket_of(node->object);

    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
    while (node->out)
        free_edge(&node->out);
    node->object = NULL;
    node->generation++;
}

/* A node that is not in use; never `keep`, and NULL if somebody holds each of the others. */
static struct node *any_node(struct yk_record *me, const struct node *keep)
{
    if (n_nodes < YOKE_DEBUG_LOCKS)
        return &graph->nodes[n_nodes++];
    yk_debug_say_limit(me, &said_locks,
                       "the order of more than 4096 locks: it forgets those in turn that nobody holds");
    for (size_t i = 0; i < YOKE_DEBUG_LOCKS; i++) {
        struct node *node = &graph->nodes[hand++ % YOKE_DEBUG_LOCKS];

        if (!node->object)
            return node;
        if (node != keep && !yk_debug_holder(node->object, NULL)) {
            give_up(node);
            return node;
        }
    }
    return NULL;
}

static struct node *find_or_make(struct yk_record *me, const void *object, const struct node *keep)
{
    struct node *node = find(object);

    if (node)
        return node;
    node = any_node(me, keep);
    if (node) {
        node->object = object;
        node->next = *bucket_of(object);
        *bucket_of(object) = node;
    }
    return node;
}

static bool is_stale(const struct edge *edge)
{
    return edge->generation != edge->to->generation;
}

static void sweep(void)
{
    for (size_t i = 0; i < n_nodes; i++)
        for (struct edge **link = &graph->nodes[i].out; *link;)
            if (is_stale(*link))
                free_edge(link);
            else
                link = &(*link)->next;
}

static struct edge *any_edge(struct yk_record *me)
{
    struct edge *edge;

    if (!spare && n_edges < YOKE_DEBUG_ORDERS)
        return &graph->edges[n_edges++];
    if (!spare)
        sweep();
    if (!spare) {
        yk_debug_say_limit(me, &said_orders, "more than 16384 orders of two locks: the others are not followed");
        return NULL;
    }
    edge = spare;
    spare = edge->next;
    return edge;
}

/* The edge, moved to the front of its list, where it will soon be looked for again; or NULL. */
static struct edge *known(struct node *from, const struct node *to)
{
    for (struct edge **link = &from->out; *link;) {
        struct edge *edge = *link;

        if (is_stale(edge)) {
            free_edge(link);
            continue;
        }
        if (edge->to == to) {
            *link = edge->next;
            edge->next = from->out;
            from->out = edge;
            return edge;
        }
        link = &edge->next;
    }
    return NULL;
}

/* Breadth first, so that the circle is a shortest one; leaves the way in `from` and `by`. */
static bool search(struct node *start, struct node *end)
{
    struct node *last = start;

    start->mark = ++searches;
    start->queued = NULL;
    for (struct node *node = start; node; node = node->queued)
        for (struct edge *edge = node->out; edge; edge = edge->next) {
            struct node *to = edge->to;

            if (is_stale(edge) || to->mark == searches)
                continue;
            to->mark = searches;
            to->from = node;
            to->by = edge;
            if (to == end)
                return true;
            to->queued = NULL;
            last->queued = to;
            last = to;
        }
    return false;
}

static void say_edge(struct yk_record *me, const struct edge *edge)
{
    yk_debug_say(me, "  %s took ", edge->name);
    yk_debug_say_use(me, &edge->held);
    yk_debug_say(me, "\n      and then ");
    yk_debug_say_use(me, &edge->got);
    yk_debug_say(me, "\n");
}

static void report(struct yk_record *me, const struct edge *closing, const struct node *start, const struct node *end)
{
    if (!yk_debug_is_news(me, YK_NEWS_ORDER, closing->held.at, closing->got.at))
        return;
    yk_debug_say(me, "yoke: debug: locks in an order that can hang:\n");
    say_edge(me, closing);
    for (const struct node *node = end; node != start; node = node->from)
        say_edge(me, node->by);
}

void yk_debug_order(struct yk_record *me, const struct yk_hold *held, const struct yk_use *use)
{
    struct node *from, *to;
    struct edge *edge;

    if (!graph)
        graph = calloc(1, sizeof *graph);
    if (!graph) {
        yk_debug_say_limit(me, &said_memory, "no memory for the orders of locks: they are not followed");
        return;
    }
    from = find_or_make(me, held->use.object, NULL);
    to = from ? find_or_make(me, use->object, from) : NULL;
    if (!to || known(from, to))
        return;
    edge = any_edge(me);
    if (!edge)
        return;
    *edge = (struct edge){.to = to, .generation = to->generation, .next = from->out, .held = held->use, .got = *use};
    memcpy(edge->name, me->name, sizeof edge->name);
    from->out = edge;
    if (search(to, from))
        report(me, edge, to, from);
}

void yk_debug_order_forget(const void *object)
{
    struct node *node = find(object);

    if (node)
        give_up(node);
}

void yk_debug_order_forget_all(void)
{
    memset(buckets, 0, sizeof buckets);
    if (graph)
        memset(graph->nodes, 0, n_nodes * sizeof *graph->nodes);
    spare = NULL;
    n_nodes = n_edges = hand = 0;
}
