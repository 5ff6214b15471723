/* Every cell of the supervisor's table, without a process. */
#include "exec/supervise.h"
#include "test.h"

TEST(supervise_while_opening_any_failed_start_breaks)
{
    CHECK_EQ(yk_supervise(YK_SUP_OPENING, YK_SUP_FORK_FAILED, 1, true).action, YK_SUP_BREAK);
    CHECK_EQ(yk_supervise(YK_SUP_OPENING, YK_SUP_DIED_EARLY, 1, true).action, YK_SUP_BREAK);
    CHECK_EQ(yk_supervise(YK_SUP_OPENING, YK_SUP_DIED_IDLE, 1, false).action, YK_SUP_FORK);
    CHECK_EQ(yk_supervise(YK_SUP_OPENING, YK_SUP_DIED, 0, false).action, YK_SUP_FORK);
    CHECK_EQ(yk_supervise(YK_SUP_OPENING, YK_SUP_LEFT, 0, false).action, YK_SUP_FORK);
}

TEST(supervise_while_serving_the_dead_are_replaced_at_once)
{
    for (int up = 0; up < 2; up++) {
        struct yk_sup_step died = yk_supervise(YK_SUP_SERVING, YK_SUP_DIED, 0, up);
        struct yk_sup_step left = yk_supervise(YK_SUP_SERVING, YK_SUP_LEFT, 0, up);

        CHECK(died.action == YK_SUP_FORK && died.delay_ms == 0);
        CHECK(left.action == YK_SUP_FORK && left.delay_ms == 0);
    }
}

TEST(supervise_failed_starts_wait_longer_and_longer_up_to_the_limit)
{
    static const enum yk_sup_event events[] = {YK_SUP_FORK_FAILED, YK_SUP_DIED_EARLY, YK_SUP_DIED_IDLE};

    for (int e = 0; e < 3; e++) {
        unsigned before = 0;

        for (unsigned failures = 1; failures < YK_SUP_LIMIT; failures++) {
            struct yk_sup_step step = yk_supervise(YK_SUP_SERVING, events[e], failures, false);

            CHECK_EQ(step.action, YK_SUP_FORK);
            CHECK(failures == 1 ? step.delay_ms == 0 : step.delay_ms >= 10);
            CHECK(step.delay_ms >= before && step.delay_ms <= 1000);
            before = step.delay_ms;
        }
        CHECK_EQ(yk_supervise(YK_SUP_SERVING, events[e], YK_SUP_LIMIT, false).action, YK_SUP_BREAK);
        /* with others at work it goes on trying for ever */
        CHECK_EQ(yk_supervise(YK_SUP_SERVING, events[e], YK_SUP_LIMIT, true).action, YK_SUP_FORK);
        CHECK_EQ(yk_supervise(YK_SUP_SERVING, events[e], 0xffffffff, true).action, YK_SUP_FORK);
        CHECK(yk_supervise(YK_SUP_SERVING, events[e], 0xffffffff, true).delay_ms <= 1000);
    }
}

TEST(supervise_at_the_end_nobody_is_replaced)
{
    for (int event = 0; event < YK_SUP_N_EVENTS; event++)
        for (unsigned failures = 0; failures < 2 * YK_SUP_LIMIT; failures++)
            CHECK_EQ(yk_supervise(YK_SUP_ENDING, (enum yk_sup_event)event, failures, false).action, YK_SUP_REST);
}
