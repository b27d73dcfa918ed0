/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs user code for long is told to a receiver, with where it is. */
#include "conformance/faulty.h"

static volatile int64_t spun;

static __attribute__((noinline)) void compute_for_long(void)
{
    int64_t until_ns = cop_monotonic_ns() + 300 * 1000000;

    for (int64_t i = 0; i % 4096 || cop_monotonic_ns() < until_ns; i++)
        spun++;
}

/* As above, but it calls nothing at all. */
static __attribute__((noinline)) void compute_alone(void)
{
    for (int64_t i = 0; i < 400 * 1000 * 1000; i++)
        spun++;
}

static __attribute__((noinline)) void sleep_for_long(void)
{
    usleep(300 * 1000);
    spun++; /* no tail call */
}

static void (*const work[])(void) = { compute_for_long, compute_alone, sleep_for_long };
static const char *const names[] = { "compute_for_long", "compute_alone", "sleep_for_long" };
enum { WORKS = 3 };

static void long_main(cop_term arg)
{
    int64_t which;

    cop_must(cop_to_int(&which, arg));
    work[which]();
    spun++;
}

static void check_told(cop_pid pid, int which)
{
    int64_t first_ms = 0, second_ms = 0;
    cop_term out = COP_NONE;
    cop_atom function;

    EXPECT("{monitor, Pid, long_schedule, [{timeout, Ms}, {in, undefined}, {out, Out} | _]}", pid,
        &first_ms, &out);
    CHECK(first_ms >= 40);
    if (contains_faults() && has_names()) {
        if (!cop_match(out, "{_, Function, 0}", &function) ||
            strcmp(cop_atom_text(function).data, names[which]) != 0)
            CHECK_EQ_STR(cop_show(out), names[which]);
    }
    EXPECT("{monitor, Pid, long_schedule, [{timeout, Ms} | _]}", pid, &second_ms);
    CHECK(second_ms >= 2 * first_ms - 1);
}

CLAUSE(who_computes_or_blocks_for_long_is_told_with_where)
{
    cop_system_monitor_set(cop_self(), 40);
    for (int i = 0; i < WORKS; i++) {
        cop_ref ref;
        cop_pid pid = cop_spawn_monitor(long_main, cop_int(i), &ref);

        check_told(pid, i);
        EXPECT("{'DOWN', Ref, process, _, normal}", ref);
        cop_turn_end();
    }
    cop_system_monitor_set((cop_pid){ 0 }, 0);
}

static void short_main(cop_term arg)
{
    (void)arg;
    for (int i = 0; i < 50; i++) {
        usleep(3000);
        cop_yield();
    }
}

CLAUSE(many_short_stretches_are_not_long)
{
    cop_ref ref;

    cop_system_monitor_set(cop_self(), 100);
    cop_spawn_monitor(short_main, COP_NONE, &ref);
    EXPECT("{'DOWN', Ref, process, _, normal}", ref);
    NEVER("{monitor, _, _, _}");
}

static void receiver_main(cop_term arg)
{
    cop_pid owner;

    cop_must(cop_to_pid(&owner, arg));
    cop_system_monitor_set(cop_self(), 70);
    cop_send(owner, cop("ready"));
    cop_receive_match("end");
}

CLAUSE(the_last_receiver_counts_until_its_death)
{
    int64_t threshold_ms = -1;
    cop_ref ref;
    cop_pid pid;

    CHECK(cop_system_monitor(&threshold_ms).id == 0);
    CHECK_EQ_INT(threshold_ms, 0);
    cop_system_monitor_set(cop_self(), 20);
    pid = cop_spawn_monitor(receiver_main, cop("Self", cop_self()), &ref);
    EXPECT("ready");
    CHECK(cop_system_monitor(&threshold_ms).id == pid.id);
    CHECK_EQ_INT(threshold_ms, 70);
    cop_send(pid, cop("end"));
    EXPECT("{'DOWN', Ref, process, _, normal}", ref);
    CHECK(cop_system_monitor(NULL).id == 0);
}

static void zero_main(cop_term arg)
{
    (void)arg;
    cop_system_monitor_set(cop_self(), 0);
}

CLAUSE(no_time_is_not_a_time)
{
    cop_ref ref;

    hush();
    cop_spawn_monitor(zero_main, COP_NONE, &ref);
    EXPECT("{'DOWN', Ref, process, _, {badarg, [{erlang, system_monitor, _, _} | _]}}", ref);
}

/* Calls of the system are not cut short by it. */
static void undisturbed_main(cop_term arg)
{
    (void)arg;
    errno = 0;
    CHECK_EQ_INT(usleep(200 * 1000), 0);
}

CLAUSE(who_waits_in_the_system_is_not_disturbed)
{
    cop_ref ref;

    cop_system_monitor_set(cop_self(), 10);
    for (int i = 0; i < 5; i++)
        cop_spawn(undisturbed_main, COP_NONE);
    cop_spawn_monitor(undisturbed_main, COP_NONE, &ref);
    EXPECT("{'DOWN', Ref, process, _, normal}", ref);
    EXPECT("{monitor, _, long_schedule, _}");
}
