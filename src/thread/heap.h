/* heap.h -- pending timers, the next one first: a heap made of the timers themselves, which so needs no memory. */
#ifndef YK_THREAD_HEAP_H
#define YK_THREAD_HEAP_H

#include <yoke/timer.h>

/* *heap is the timer that is due first, of those due at once the one with the lowest number; NULL when there is none. */
void yk_heap_add(yoke_timer **heap, yoke_timer *timer);
/* Takes one out that is there. */
void yk_heap_remove(yoke_timer **heap, yoke_timer *timer);

#endif
