/* supervise.c -- the table. */
#include "exec/supervise.h"

/* LATER is FORK, from the second time on with a delay, or BREAK at the limit. */
enum cell { REPLACE, LATER, REST, BREAK };

/* clang-format off */
static const enum cell table[YK_SUP_N_PHASES][YK_SUP_N_EVENTS] = {
    /*                 FORK_FAILED  DIED_EARLY  DIED_IDLE  DIED     LEFT    */
    [YK_SUP_OPENING] = {BREAK,      BREAK,      LATER,     REPLACE, REPLACE},
    [YK_SUP_SERVING] = {LATER,      LATER,      LATER,     REPLACE, REPLACE},
    [YK_SUP_ENDING]  = {REST,       REST,       REST,      REST,    REST   },
};
/* clang-format on */

struct yk_sup_step yk_supervise(enum yk_sup_phase phase, enum yk_sup_event event, unsigned failures, bool anybody_up)
{
    switch (table[phase][event]) {
    case REPLACE:
        return (struct yk_sup_step){YK_SUP_FORK, 0};
    case LATER:
        if (failures >= YK_SUP_LIMIT && !anybody_up)
            return (struct yk_sup_step){YK_SUP_BREAK, 0};
        return (struct yk_sup_step){YK_SUP_FORK, failures <= 1 ? 0 : 10u << yk_min(failures - 2, 6u)};
    case REST:
        return (struct yk_sup_step){YK_SUP_REST, 0};
    case BREAK:
        break;
    }
    return (struct yk_sup_step){YK_SUP_BREAK, 0};
}
