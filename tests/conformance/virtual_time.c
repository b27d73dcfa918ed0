/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual time (coppice/sim.h): a node of its own in each test. */
#include <coppice.h>

#include <time.h>

#include "base/test.h"

static bool ok;

static int run_virtual(cop_main *fn)
{
    ok = true;
    return cop_run_main_with(fn, 0, NULL, &(struct cop_options){ .virtual_time = true });
}

static void expect(bool holds)
{
    if (!holds)
        ok = false;
}

static int hours(int argc, char **argv)
{
    int64_t begin_ms = cop_monotonic_ms(), wall_ms = cop_system_time_ms();

    (void)argc, (void)argv;
    cop_sleep(10 * 3600 * 1000);
    expect(cop_monotonic_ms() - begin_ms == 10 * 3600 * 1000);
    expect(cop_system_time_ms() - wall_ms == 10 * 3600 * 1000);
    return 0;
}

/* Ten hours pass at once, on both clocks, and always begin at the same time. */
TEST(hours_pass_at_once)
{
    CHECK_EQ_INT(run_virtual(hours), 0);
    CHECK(ok);
}

static void compute(cop_term arg)
{
    int64_t begin_ns = cop_monotonic_ns();

    (void)arg;
    for (int i = 0; i < 1000; i++)
        cop_yield();
    expect(cop_monotonic_ns() == begin_ns);
}

static int stands_still(int argc, char **argv)
{
    (void)argc, (void)argv;
    cop_spawn(compute, cop_nil());
    cop_start_timer(1, cop_self(), cop("tick"));
    cop_receive_match("{timeout, _, tick}");
    return 0;
}

/* As long as anything can run, time stands still. */
TEST(time_stands_still_while_something_runs)
{
    CHECK_EQ_INT(run_virtual(stands_still), 0);
    CHECK(ok);
}

static int order[64];
static int ordered;

static void late(cop_term arg)
{
    int64_t ms = 0;

    cop_to_int(&ms, arg);
    cop_sleep(ms);
    order[ordered++] = (int)ms;
}

static int timers(int argc, char **argv)
{
    (void)argc, (void)argv;
    ordered = 0;
    for (int i = 0; i < 64; i++)
        cop_spawn(late, cop_int(100 + i * 37 % 64));
    cop_sleep(1000);
    for (int i = 0; i < 64; i++)
        expect(order[i] == 100 + i);
    return 0;
}

/* Timers come in the order of their times. */
TEST(timers_in_order)
{
    CHECK_EQ_INT(run_virtual(timers), 0);
    CHECK(ok);
    CHECK_EQ_INT(ordered, 64);
}

static void pass_on(cop_term arg)
{
    int64_t left = 0;
    cop_pid last;

    cop_must(cop_match(arg, "{Left, Last}", &left, &last));
    if (left)
        cop_spawn(pass_on, cop("{Left, Last}", left - 1, last));
    else
        cop_send(last, cop("done"));
}

static int settles(int argc, char **argv)
{
    int64_t begin_ns = cop_monotonic_ns();

    (void)argc, (void)argv;
    cop_start_timer(5, cop_self(), cop("tick"));
    for (int i = 0; i < 100; i++) {
        cop_spawn(pass_on, cop("{100, Self}", cop_self()));
        cop_sim_settle();
        expect(cop_receive_match_within(0, "done"));
    }
    expect(cop_monotonic_ns() == begin_ns); /* no timer has fired */
    return 0;
}

/* cop_sim_settle comes back when nothing can run, and before any timer. */
TEST(settling_takes_no_time)
{
    CHECK_EQ_INT(run_virtual(settles), 0);
    CHECK(ok);
}

static void settle(void *unused)
{
    (void)unused;
    cop_sim_settle();
}

static int real(int argc, char **argv)
{
    cop_term reason, stack;

    (void)argc, (void)argv;
    expect(cop_try(settle, NULL, &reason, &stack) == COP_CLASS_ERROR);
    return 0;
}

/* In real time there is nothing to settle. */
TEST(settling_in_real_time_is_an_error)
{
    ok = true;
    CHECK_EQ_INT(cop_run_main(real, 0, NULL), 0);
    CHECK(ok);
}

static void block(cop_term arg)
{
    struct timespec nap = { 0, 20000000 };

    (void)arg;
    cop_blocking_begin();
    nanosleep(&nap, NULL);
    cop_blocking_end();
    order[0] = 1;
}

static int blocks(int argc, char **argv)
{
    (void)argc, (void)argv;
    order[0] = 0;
    cop_spawn(block, cop_nil());
    cop_sleep(1000);
    expect(order[0] == 1);
    return 0;
}

/* Virtual time waits for who is in a blocking section. */
TEST(time_waits_for_blocking_sections)
{
    CHECK_EQ_INT(run_virtual(blocks), 0);
    CHECK(ok);
}
