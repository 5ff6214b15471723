/* heap.c -- a pairing heap (Fredman, Sedgewick, Sleator, Tarjan, "The pairing heap: a new form of self-adjusting heap", 1986):
 * adding is one comparison, removing takes log n of them on average.
 *
 * A timer's children are a list: `child` is the first, `next` the sibling to the right.  `previous` is the sibling to the left, or
 * for the first child its parent; NULL for the root.  No child is due before its parent. */
#include "thread/heap.h"

#include <stdbool.h>
#include <stddef.h>

static bool comes_before(const yoke_timer *a, const yoke_timer *b)
{
    return a->due != b->due ? a->due < b->due : a->number < b->number;
}

/* Makes one of two roots, which have no siblings, the other's first child; either may be NULL. */
static yoke_timer *meld(yoke_timer *a, yoke_timer *b)
{
    yoke_timer *root, *child;

    if (!a || !b)
        return a ? a : b;
    root = comes_before(b, a) ? b : a;
    child = root == a ? b : a;
    child->previous = root;
    child->next = root->child;
    if (child->next)
        child->next->previous = child;
    root->child = child;
    return root;
}

/* Cuts the first of a list of siblings off; returns the rest. */
static yoke_timer *cut(yoke_timer *first)
{
    yoke_timer *rest = first ? first->next : NULL;

    if (first)
        first->next = first->previous = NULL;
    return rest;
}

/* Makes one root of a list of siblings: in pairs from the left, and those together from the right. */
static yoke_timer *meld_all(yoke_timer *siblings)
{
    yoke_timer *pairs = NULL, *root = NULL;

    while (siblings) {
        yoke_timer *a = siblings, *b = cut(a), *pair;

        siblings = cut(b);
        pair = meld(a, b);
        pair->next = pairs;
        pairs = pair;
    }
    while (pairs) {
        yoke_timer *pair = pairs;

        pairs = cut(pair);
        root = meld(root, pair);
    }
    return root;
}

void yk_heap_add(yoke_timer **heap, yoke_timer *timer)
{
    timer->child = timer->next = timer->previous = NULL;
    *heap = meld(*heap, timer);
}

void yk_heap_remove(yoke_timer **heap, yoke_timer *timer)
{
    if (timer == *heap) {
        *heap = NULL;
    } else {
        *(timer->previous->child == timer ? &timer->previous->child : &timer->previous->next) = timer->next;
        if (timer->next)
            timer->next->previous = timer->previous;
    }
    *heap = meld(*heap, meld_all(timer->child));
}
