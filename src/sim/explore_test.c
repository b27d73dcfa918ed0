/* SPDX-License-Identifier: Apache-2.0 */
/* Simulations from their outside: what a run gives back, how each kind of failure shows, what
 * faults do, and that a failed run is made simpler. */
#include "sim/explore.h"

#include <coppice.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/test.h"

static struct cop__outcome *run_with(
    cop_main *fn, uint64_t seed, uint64_t steps_max, const struct cop__schedule *schedule)
{
    static struct cop__outcome *outcome;
    const cop_sim sim = { .name = "test", .main = fn, .steps_max = steps_max };
    pid_t process;

    if (!outcome)
        outcome = cop__outcome_new();
    process = cop__explore_start(outcome, &sim, seed, schedule);
    cop__explore_await(outcome, process);
    return outcome;
}

static void say(cop_term arg)
{
    cop_pid parent;

    cop_must(cop_match(arg, "Parent", &parent));
    for (int i = 0; i < 5; i++)
        cop_send(parent, cop("Self", cop_self()));
}

static int talk(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < 4; i++)
        cop_spawn(say, cop("Self", cop_self()));
    for (int i = 0; i < 20; i++)
        cop_receive();
    cop_sleep(1000);
    return cop_random() == 1; /* of the seed too */
}

TEST(one_seed_is_one_run)
{
    struct cop__outcome first = { .steps = 0 };
    int traces = 0;

    memcpy(&first, run_with(talk, 1, 0, NULL), offsetof(struct cop__outcome, recording));
    CHECK_EQ_INT(first.status, 0);
    CHECK_EQ_INT(first.virtual_ms, 1000);
    CHECK(first.steps > 5);
    CHECK(run_with(talk, 1, 0, NULL)->trace == first.trace);
    for (uint64_t seed = 2; seed < 5; seed++)
        traces += run_with(talk, seed, 0, NULL)->trace != first.trace;
    CHECK_EQ_INT(traces, 3);
}

TEST(a_recorded_schedule_is_the_same_run)
{
    struct cop__outcome *run = run_with(talk, 9, 0, NULL);
    size_t count = run->recording.count;
    uint32_t *values = malloc(count * sizeof *values);
    struct cop__schedule schedule = { values, count };
    uint64_t trace = run->trace;

    CHECK(count > 0 && count < COP__SIM_CHOICES_MAX);
    memcpy(values, run->choices, count * sizeof *values);
    CHECK(run_with(talk, 9, 0, &schedule)->trace == trace);
    free(values);
}

static int fails(int argc, char **argv)
{
    (void)argc, (void)argv;
    cop_sim_fail("number %d", 5);
    return 0;
}

static int is_stuck(int argc, char **argv)
{
    (void)argc, (void)argv;
    cop_receive();
    return 0;
}

static int goes_on(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (;;)
        cop_sleep(1);
    return 0;
}

static int crashes(int argc, char **argv)
{
    (void)argc, (void)argv;
    cop_exit(cop("oops"));
    return 0;
}

static int returns_three(int argc, char **argv)
{
    (void)argc, (void)argv;
    return 3;
}

static bool is_small(void *arg)
{
    return *(int *)arg < 3;
}

static int breaks_invariant(int argc, char **argv)
{
    static int number;

    (void)argc, (void)argv;
    cop_sim_invariant("the number is small", is_small, &number);
    for (number = 0; number < 10; number++)
        cop_sleep(1);
    return 0;
}

TEST(each_failure_shows)
{
    CHECK_EQ_STR(run_with(fails, 1, 0, NULL)->failure, "number 5");
    CHECK(strstr(run_with(is_stuck, 1, 0, NULL)->failure, "nothing can run any more"));
    CHECK(strstr(run_with(goes_on, 1, 1000, NULL)->failure, "does not end"));
    CHECK_EQ_INT(run_with(crashes, 1, 0, NULL)->status, 1);
    CHECK_EQ_INT(run_with(returns_three, 1, 0, NULL)->status, 3);
    CHECK_EQ_STR(run_with(breaks_invariant, 1, 0, NULL)->failure,
        "what must hold does not: the number is small");
}

static cop_pid victim;

static bool is_the_victim(cop_pid pid, void *arg)
{
    (void)arg;
    return pid.id == victim.id;
}

static void yield_on(cop_term arg)
{
    (void)arg;
    for (;;) {
        cop_send(cop_self(), cop("again"));
        cop_receive();
        cop_turn_end();
    }
}

static cop_term reason_with(const struct cop_sim_faults *faults)
{
    cop_term reason;
    cop_ref monitor;

    victim = cop_spawn_monitor(yield_on, COP_NONE, &monitor);
    cop_sim_set_faults(faults);
    cop_must(cop_receive_match("{'DOWN', Ref, process, _, Reason}", monitor, &reason));
    cop_sim_set_faults(NULL);
    return reason;
}

static int brings_faults(int argc, char **argv)
{
    int64_t begin_ms = cop_monotonic_ms();
    cop_ref monitor;
    cop_term reason;

    (void)argc, (void)argv;
    cop_log_set_level(COP_LOG_EMERGENCY);
    if (!cop_match(reason_with(&(struct cop_sim_faults){ .kills = 50, .is_victim = is_the_victim }),
            "killed"))
        cop_sim_fail("it was not killed");
    if (!cop_match(
            reason_with(&(struct cop_sim_faults){ .crashes = 50, .is_victim = is_the_victim }),
            "{simulated, _}"))
        cop_sim_fail("it did not crash");
    victim = cop_spawn_monitor(yield_on, COP_NONE, &monitor);
    cop_sim_crash(victim);
    cop_must(cop_receive_match("{'DOWN', Ref, process, _, Reason}", monitor, &reason));
    if (!cop_match(reason, "{simulated, _}"))
        cop_sim_fail("it did not crash when told");
    if (cop_monotonic_ms() != begin_ms)
        cop_sim_fail("time went on");
    cop_sim_pause(250);
    if (cop_monotonic_ms() != begin_ms + 250)
        cop_sim_fail("time stood still");
    cop_sim_set_faults(&(struct cop_sim_faults){ .pauses = 500, .pause_max_ms = 10 });
    for (int i = 0; i < 20; i++)
        cop_yield();
    return cop_monotonic_ms() > begin_ms + 250 ? 0 : 1;
}

TEST(faults_come)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct cop__outcome *run = run_with(brings_faults, seed, 0, NULL);

        CHECK_EQ_STR(run->failure, "");
        CHECK_EQ_INT(run->status, 0);
    }
}

/* Fails when both of two choices out of many are not 0. */
static int fails_with_two(int argc, char **argv)
{
    uint32_t chosen[100];

    (void)argc, (void)argv;
    for (int i = 0; i < 100; i++)
        chosen[i] = cop_sim_choose(4);
    if (chosen[20] && chosen[70])
        cop_sim_fail("both");
    return 0;
}

TEST(a_failed_run_is_made_simpler)
{
    const cop_sim sim = { .name = "test", .main = fails_with_two };
    struct cop__schedule schedule = { NULL, 0 };
    struct cop__outcome *run = NULL;
    size_t left = 0;
    uint64_t seed = 0;

    do
        run = run_with(fails_with_two, ++seed, 0, NULL);
    while (!cop__outcome_failed(run));
    CHECK(cop__shrink(&schedule, run, &sim, seed));
    for (size_t i = 0; i < schedule.count; i++)
        left += schedule.values[i] != 0;
    CHECK_EQ_INT(left, 2);
    CHECK_EQ_STR(run_with(fails_with_two, seed, 0, &schedule)->failure, "both");
    free((void *)schedule.values);
}

static int in_ordinary_node(int argc, char **argv)
{
    (void)argc, (void)argv;
    cop_sim_note("nobody hears this");
    cop_sim_pause(1000000);
    cop_sim_set_faults(&(struct cop_sim_faults){ .pauses = 1000 });
    return cop_is_simulated() || cop_sim_seed() || cop_sim_choose(10) >= 10;
}

TEST(an_ordinary_node_is_none)
{
    CHECK_EQ_INT(cop_run_main(in_ordinary_node, 0, NULL), 0);
}

TEST(one_simulation_here)
{
    CHECK_EQ_INT(cop_simulate(4, talk), 0);
    CHECK_EQ_INT(cop_simulate(4, returns_three), 3);
    CHECK_EQ_INT(cop_simulate(4, fails), 1);
    CHECK_EQ_INT(cop_run_main(in_ordinary_node, 0, NULL), 0);
}
