/* SPDX-License-Identifier: Apache-2.0 */
/* The restart window at times that the test chooses. also: SUP-47, SUP-52 */
#include "supervisor_int.h"

#include <coppice/runtime.h>

#include "base/test.h"

static void (*body)(void);

static int first(int argc, char **argv)
{
    (void)argc, (void)argv;
    body();
    return 0;
}

static void in_process(void (*test)(void))
{
    body = test;
    CHECK_EQ_INT(cop_run_main_with(first, 0, NULL, &(struct cop_options){ .schedulers = 1 }), 0);
}

static void exactly_one_period(void)
{
    struct cop__intensity in = { .intensity = 1, .period_s = 5 };

    CHECK(cop__intensity_add(&in, 100));
    CHECK(!cop__intensity_add(&in, 105)); /* exactly one period old still counts */
    in = (struct cop__intensity){ .intensity = 1, .period_s = 5 };
    CHECK(cop__intensity_add(&in, 100));
    CHECK(cop__intensity_add(&in, 106));
    CHECK(cop__intensity_add(&in, 112)); /* wider than the period: they never accumulate */
}

/* A restart as old as the period counts; one older does not. */
TEST(window)
{
    in_process(exactly_one_period);
}

static void none_allowed(void)
{
    struct cop__intensity in = { .intensity = 0, .period_s = 5 };

    CHECK(!cop__intensity_add(&in, 0));
}

TEST(intensity_0)
{
    in_process(none_allowed);
}

static void like_a_list(void)
{
    struct cop__intensity in = { .intensity = 50, .period_s = 20 };
    int64_t times[2000], now_s = 7;
    uint32_t random = 1;

    for (int i = 0; i < 2000; i++) {
        random = random * 1664525 + 1013904223;
        now_s += (random >> 24) % 4 == 0 ? (random >> 16) % 30 : 0;
        times[i] = now_s;
        int count = 0;

        for (int j = 0; j <= i; j++)
            count += times[j] >= now_s - 20;
        CHECK(cop__intensity_add(&in, now_s) == (count <= 50));
    }
}

/* The ring of seconds decides as a list of all restarts would. */
TEST(agrees_with_a_list)
{
    in_process(like_a_list);
}
