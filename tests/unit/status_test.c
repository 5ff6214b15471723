/* status_test.c -- the words for each state. */
#include <limits.h>
#include <string.h>
#include <yoke/pool.h>

#include "test.h"

static const char *text_of(yoke_state state, int code)
{
    static char text[64];
    char *same = yoke_status_text((yoke_status){.state = state, .code = code}, text, sizeof text);

    CHECK(same == text);
    return text;
}

TEST(status_texts)
{
    CHECK_STR(text_of(YOKE_DONE, 0), "done");
    CHECK_STR(text_of(YOKE_FAILED, -7), "failed: code -7");
    CHECK_STR(text_of(YOKE_CRASHED, -11), "crashed: signal 11 (Segmentation fault)");
    CHECK_STR(text_of(YOKE_CRASHED, -9), "crashed: signal 9 (Killed)");
    CHECK_STR(text_of(YOKE_CRASHED, 3), "crashed: exit code 3");
    CHECK_STR(text_of(YOKE_CRASHED, 0), "crashed: exit code 0");
    CHECK_STR(text_of(YOKE_TIMED_OUT, 0), "timed out");
    CHECK_STR(text_of(YOKE_CANCELLED, 0), "cancelled");
    CHECK_STR(text_of(YOKE_LOST, 0), "lost");
}

TEST(status_texts_of_strange_codes)
{
    CHECK_STR(text_of(YOKE_CRASHED, -64), "crashed: signal 64");
    CHECK_STR(text_of(YOKE_CRASHED, -1000), "crashed: signal 1000");
    CHECK_STR(text_of(YOKE_CRASHED, INT_MIN), "crashed: signal 2147483648");
    CHECK_STR(text_of((yoke_state)77, 0), "unknown state 77");
}

TEST(status_text_is_cut)
{
    char text[8] = "1234567";

    CHECK(yoke_status_text((yoke_status){.state = YOKE_CANCELLED}, text, 7) == text);
    CHECK_STR(text, "cancel");
    CHECK_EQ(text[7], 0);
    memset(text, 'x', sizeof text);
    yoke_status_text((yoke_status){.state = YOKE_CANCELLED}, text, 0);
    CHECK_EQ(text[0], 'x');
    CHECK(yoke_status_text((yoke_status){.state = YOKE_LOST}, NULL, 0) == NULL);
}
