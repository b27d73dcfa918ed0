/* SPDX-License-Identifier: Apache-2.0 */
/* The clock that time-outs are counted from. */
#include "base/clock.h"

#include "base/test.h"

enum { READINGS = 200000, VIRTUAL_JUMP_NS = 5000000 };

/* It is never behind the clock, whose time-outs would end early, and never far ahead. */
TEST(ahead_is_between_now_and_a_little_more)
{
    struct cop__clock_memo memo = { 0 };
    uint64_t last_ns = 0, slow = 0;

    for (int i = 0; i < READINGS; i++) {
        uint64_t before_ns = cop__clock_now_ns(), ahead_ns = cop__clock_ahead_ns(&memo);

        CHECK(ahead_ns >= before_ns);
        CHECK(ahead_ns >= last_ns);
        slow += ahead_ns > cop__clock_now_ns() + COP__CLOCK_AHEAD_NS;
        last_ns = ahead_ns;
    }
    CHECK_EQ_INT(slow, 0);
}

/* A memory of real time does not outlive the step into virtual time. */
TEST(virtual_time_is_exact)
{
    struct cop__clock_memo memo = { 0 };

    cop__clock_ahead_ns(&memo);
    cop__clock_virtual(true);
    CHECK_EQ_INT(cop__clock_ahead_ns(&memo), cop__clock_now_ns());
    cop__clock_jump(cop__clock_now_ns() + VIRTUAL_JUMP_NS);
    CHECK_EQ_INT(cop__clock_ahead_ns(&memo), cop__clock_now_ns());
    cop__clock_virtual(false);
}
