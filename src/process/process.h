/* process.h -- what a wait for several things needs of processes. */
#ifndef YK_PROCESS_H
#define YK_PROCESS_H

#include <stdbool.h>
#include <yoke/process.h>

/* True if somebody has joined it here: its descriptor may then not be readable for a moment, between the report that was read and the
 * end of the helper's side. */
bool yk_process_joined(const yoke_process *process);

#endif
