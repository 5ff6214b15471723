/* event.h -- what a wait for several things needs of events. */
#ifndef YK_EVENT_H
#define YK_EVENT_H

#include <yoke/event.h>

#include "os/os.h"

/* What the event is before a wait, for yk_event_released. */
uint32_t yk_event_before(const yoke_event *event);
/* True if it is set, or was since; else what to sleep on is in *ret_wait, beside its grave if it is shared. */
bool yk_event_released(yoke_event *event, uint32_t before, struct yk_wait *ret_wait);
/* Whoever has slept so calls this at last: if the event was released, it may be the only one that was woken. */
void yk_event_pass_on(yoke_event *event, uint32_t before);

#endif
