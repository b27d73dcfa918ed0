/* SPDX-License-Identifier: Apache-2.0 */
/* The module timer, clause by clause (docs/spec/timer.md), on virtual time: what is due at 30 ms is
 * seen at 30 ms. */
#include <coppice/timer.h>

#include "conformance/node.h"

#include <coppice/sim.h>

#undef CLAUSE
#define CLAUSE(ID)                                                        \
    static void process_##ID(void);                                       \
    TEST(ID)                                                              \
    {                                                                     \
        const struct cop_options options = { .virtual_time = true };      \
                                                                          \
        node_body = process_##ID;                                         \
        CHECK_EQ_INT(cop_run_main_with(node_main, 0, NULL, &options), 0); \
    }                                                                     \
    static void process_##ID(void)

static int64_t begin_ms;
static cop_pid tester;

static void begin(void)
{
    begin_ms = cop_monotonic_ms();
    tester = cop_self();
}

/* {ran, Arg, Ms}: when a run began. */
static void tell_main(cop_term arg)
{
    cop_send(tester, cop("{ran, Arg, Ms}", arg, cop_monotonic_ms() - begin_ms));
}

/* The same, and then it takes a while. */
static void slow_main(cop_term arg)
{
    int64_t takes_ms = 0;

    cop_must(cop_match(arg, "Ms", &takes_ms));
    tell_main(arg);
    cop_sleep(takes_ms);
}

static void failing_main(cop_term arg)
{
    tell_main(arg);
    cop_error(cop("oops"));
}

static void expect_run_at(int64_t expected_ms)
{
    int64_t at_ms = -1;

    CHECK(cop_receive_match_within(WAIT_MS, "{ran, _, Ms}", &at_ms));
    CHECK_EQ_INT(at_ms, expected_ms);
}

static bool expect_nothing(int64_t for_ms)
{
    return !cop_receive_match_within(for_ms, "_");
}

static void starter_main(cop_term arg)
{
    cop_timer_apply_after(50, tell_main, arg);
    cop_timer_apply_interval(20, tell_main, cop("interval"));
    cop_timer_apply_repeatedly(20, tell_main, cop("repeatedly"));
    cop_sleep(30);
}

/* Once, in a process of its own. */
CLAUSE(TMR_01)
{
    begin();
    cop_timer_apply_after(50, tell_main, cop("x"));
    cop_timer_apply_after(0, tell_main, cop("x"));
    expect_run_at(0);
    expect_run_at(50);
    CHECK(expect_nothing(1000));
}

static void run_negative(void *arg)
{
    (void)arg;
    cop_timer_apply_after(-1, tell_main, cop("x"));
}

static void run_no_function(void *arg)
{
    (void)arg;
    cop_timer_apply_interval(1, NULL, cop("x"));
}

CLAUSE(TMR_02)
{
    cop_term reason = COP_NONE;

    CHECK_EQ_INT(cop_try(run_negative, NULL, &reason, NULL), COP_CLASS_ERROR);
    CHECK(cop_match(reason, "badarg"));
    CHECK_EQ_INT(cop_try(run_no_function, NULL, &reason, NULL), COP_CLASS_ERROR);
    CHECK(cop_match(reason, "badarg"));
}

/* Runs may overlap. */
CLAUSE(TMR_03)
{
    cop_timer timer;

    begin();
    timer = cop_timer_apply_interval(20, slow_main, cop("50"));
    for (int64_t i = 1; i <= 4; i++)
        expect_run_at(20 * i);
    cop_timer_cancel(timer);
    CHECK(expect_nothing(1000));
}

/* One that takes 2.5 times as long: the next two follow at once. */
CLAUSE(TMR_04)
{
    cop_timer timer;

    begin();
    timer = cop_timer_apply_repeatedly(20, slow_main, cop("50"));
    expect_run_at(20);
    expect_run_at(70);
    expect_run_at(120);
    cop_timer_cancel(timer);
    CHECK(expect_nothing(1000));
    begin();
    timer = cop_timer_apply_repeatedly(20, slow_main, cop("5"));
    for (int64_t i = 1; i <= 3; i++)
        expect_run_at(20 * i);
    cop_timer_cancel(timer);
}

/* The intervals of one that ends at 30 ms; what is to happen once happens. */
CLAUSE(TMR_05)
{
    begin();
    cop_spawn(starter_main, cop("once"));
    expect_run_at(20);
    expect_run_at(20);
    CHECK(cop_receive_match_within(WAIT_MS, "{ran, once, 50}"));
    CHECK(expect_nothing(1000));
}

static void named_main(cop_term arg)
{
    int64_t ticks = 0;
    cop_pid owner;

    cop_must(cop_match(arg, "{Owner, Ticks}", &owner, &ticks));
    cop_register("named", cop_self());
    while (ticks--) {
        cop_receive_match("tick");
        cop_send(owner, cop("{ran, named, Ms}", cop_monotonic_ms() - begin_ms));
    }
}

/* It ends with whom it is for. also: TMR-07 */
CLAUSE(TMR_06)
{
    cop_timer timer;
    cop_pid pid, named;
    cop_ref ref;

    begin();
    timer = cop_timer_send_interval(10, cop_self(), cop("tick"));
    for (int i = 1; i <= 3; i++) {
        CHECK(cop_receive_match_within(WAIT_MS, "tick"));
        CHECK_EQ_INT(cop_monotonic_ms() - begin_ms, 10 * i);
    }
    cop_timer_cancel(timer);
    begin();
    pid = cop_spawn(named_main, cop("{Self, 2}", cop_self()));
    while (!cop_whereis(&named, "named"))
        cop_yield();
    timer = cop_timer_send_interval(10, "named", cop("tick"));
    ref = cop_monitor(timer.pid);
    expect_run_at(10);
    expect_run_at(20);
    CHECK(cop_receive_match_within(WAIT_MS, "{'DOWN', Ref, process, _, normal}", ref));
    CHECK(!cop_is_alive(pid));
    timer = cop_timer_send_interval(10, "nobody", cop("tick"));
    ref = cop_monitor(timer.pid);
    CHECK(cop_receive_match_within(5, "{'DOWN', Ref, process, _, _}", ref));
}

CLAUSE(TMR_08)
{
    cop_pid pid = cop_spawn(idle_main, cop_nil());
    cop_ref ref = cop_monitor(pid);

    begin();
    cop_timer_exit_after(30, pid, cop("late"));
    CHECK(cop_receive_match_within(WAIT_MS, "{'DOWN', Ref, process, _, late}", ref));
    CHECK_EQ_INT(cop_monotonic_ms() - begin_ms, 30);
    pid = cop_spawn(named_main, cop("{Self, 1}", cop_self()));
    ref = cop_monitor(pid);
    cop_timer_exit_after(10, "named", cop("kill"));
    cop_timer_exit_after(10, "nobody", cop("kill"));
    CHECK(cop_receive_match_within(WAIT_MS, "{'DOWN', Ref, process, _, killed}", ref));
}

CLAUSE(TMR_09)
{
    cop_timer timer;

    begin();
    timer = cop_timer_apply_after(50, tell_main, cop("x"));
    cop_sleep(49);
    cop_timer_cancel(timer);
    cop_timer_cancel(timer);
    CHECK(expect_nothing(1000));
    timer = cop_timer_apply_after(0, tell_main, cop("x"));
    CHECK(cop_receive_match_within(WAIT_MS, "{ran, x, _}"));
    cop_timer_cancel(timer);
}

static cop_term sleeper(cop_term arg)
{
    cop_sleep(25);
    return cop("{slept, Arg}", arg);
}

static cop_term raiser(cop_term arg)
{
    cop_throw(arg);
}

static void run_tc(void *arg)
{
    (void)arg;
    cop_timer_tc(NULL, raiser, cop("ball"));
}

CLAUSE(TMR_10)
{
    cop_term value = COP_NONE;

    CHECK_EQ_INT(cop_timer_tc(&value, sleeper, cop("x")), 25000);
    CHECK(cop_match(value, "{slept, x}"));
    CHECK_EQ_INT(cop_try(run_tc, NULL, &value, NULL), COP_CLASS_THROW);
    CHECK(cop_match(value, "ball"));
}

CLAUSE(TMR_11)
{
    CHECK_EQ_INT(COP_SECONDS(2), 2000);
    CHECK_EQ_INT(COP_MINUTES(2), 120000);
    CHECK_EQ_INT(COP_HOURS(1) + COP_MINUTES(1) + COP_SECONDS(1), 3661000);
}

CLAUSE(TMR_12)
{
    cop_timer timer;

    begin();
    timer = cop_timer_apply_interval(10, failing_main, cop("x"));
    expect_run_at(10);
    expect_run_at(20);
    cop_timer_cancel(timer);
    timer = cop_timer_apply_repeatedly(10, failing_main, cop("x"));
    expect_run_at(30);
    expect_run_at(40);
    cop_timer_cancel(timer);
}
