/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs user code for long is told to a receiver, with where it is. */
#include "conformance/faulty.h"

#include <coppice/gen_server.h>

static volatile int64_t spun;
static _Atomic(int) enough;
static int pipes[2];

static __attribute__((noinline)) void compute_with_calls(void)
{
    while (!enough)
        spun += cop_monotonic_ns() & 1;
}

static __attribute__((noinline)) void compute_alone(void)
{
    while (!enough)
        spun++;
}

static __attribute__((noinline)) void wait_in_system(void)
{
    char byte;

    CHECK_EQ_INT(read(pipes[0], &byte, 1), 1);
    spun++; /* no tail call */
}

static void (*const work[])(void) = { compute_with_calls, compute_alone, wait_in_system };
static const char *const names[] = { "compute_with_calls", "compute_alone", "wait_in_system" };
enum { WORKS = 3 };

static void long_main(cop_term arg)
{
    int64_t which;

    cop_must(cop_to_int(&which, arg));
    work[which]();
    spun++;
}

static bool has_frame(cop_term frames, const char *function)
{
    cop_term frame;
    cop_atom name;

    while (cop_list_next(&frame, &frames))
        if (cop_match(frame, "{_, Function, _, _}", &name) &&
            strcmp(cop_atom_text(name).data, function) == 0)
            return true;
    return false;
}

static void check_told(cop_pid pid, int which)
{
    int64_t first_ms = 0, second_ms = 0;
    cop_term out = COP_NONE, frames = COP_NONE;

    EXPECT("{monitor, Pid, long_schedule, [{timeout, Ms}, {in, undefined}, {out, Out}, {stack, "
           "Frames}]}",
        pid, &first_ms, &out, &frames);
    CHECK(first_ms >= 40);
    if (contains_faults() && has_names()) {
        CHECK(cop_match(out, "{_, _, 0}"));
        if (!has_frame(frames, names[which]))
            CHECK_EQ_STR(cop_show(frames), names[which]);
    }
    EXPECT("{monitor, Pid, long_schedule, [{timeout, Ms} | _]}", pid, &second_ms);
    if (second_ms < 2 * first_ms - 1)
        CHECK_EQ_INT(second_ms, 2 * first_ms); /* shows both */
}

CLAUSE(who_computes_or_blocks_for_long_is_told_with_where)
{
    CHECK_EQ_INT(pipe(pipes), 0);
    cop_system_monitor_set(cop_self(), 40);
    for (int i = 0; i < WORKS; i++) {
        cop_ref ref;
        cop_pid pid;

        enough = 0;
        pid = cop_spawn_monitor(long_main, cop_int(i), &ref);
        check_told(pid, i);
        enough = 1;
        if (work[i] == wait_in_system)
            CHECK_EQ_INT(write(pipes[1], "e", 1), 1);
        EXPECT("{'DOWN', Ref, process, _, normal}", ref);
        cop_turn_end();
    }
    cop_system_monitor_set((cop_pid){ 0 }, 0);
    close(pipes[0]);
    close(pipes[1]);
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

/* --- long_message_queue --- */

/* Takes nothing until it is told to; then five, and no more. */
static void picky_main(cop_term arg)
{
    (void)arg;
    cop_receive_match("drain");
    for (int i = 0; i < 5; i++)
        cop_receive_match("number");
    cop_receive_match("end");
}

static void numbers_to(cop_pid pid, int count)
{
    for (int i = 0; i < count; i++) {
        cop_send(pid, cop("number"));
        cop_yield(); /* one by one, or together */
    }
}

static cop_step slow_init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    return cop_ok();
}

static cop_step slow_info(void *state, cop_term message)
{
    (void)state;
    if (cop_match(message, "wait"))
        cop_receive_match("go");
    return cop_noreply();
}

static const cop_gen_server slow = {
    .module = "slow", .init = slow_init, .handle_info = slow_info
};

CLAUSE(OVL_15)
{
    cop_pid picky = cop_spawn(picky_main, COP_NONE), server,
            other = cop_spawn(picky_main, COP_NONE);

    CHECK_EQ_INT(cop_gen_server_start(&server, &slow, 0), 0);
    cop_system_monitor_queues(cop_self(), 5, 1);
    numbers_to(picky, 4);
    NEVER("{monitor, _, long_message_queue, _}");
    numbers_to(picky, 3);
    EXPECT("{monitor, Picky, long_message_queue, true}", picky);
    numbers_to(picky, 10);
    NEVER("{monitor, _, long_message_queue, _}");
    cop_send(picky, cop("drain"));
    NEVER("{monitor, _, long_message_queue, _}"); /* 12 are there still */
    cop_exit_signal(picky, cop("kill"));

    cop_send(server, cop("wait"));
    numbers_to(server, 6);
    EXPECT("{monitor, Server, long_message_queue, true}", server);
    cop_send(server, cop("go"));
    EXPECT("{monitor, Server, long_message_queue, false}", server);
    numbers_to(server, 3);
    NEVER("{monitor, _, long_message_queue, _}");

    cop_system_monitor_queues((cop_pid){ 0 }, 0, 0); /* nobody wants to know */
    numbers_to(other, 10);
    NEVER("{monitor, _, long_message_queue, _}");
    cop_system_monitor_queues(cop_self(), 8, 7); /* who is long already is told of */
    cop_send(other, cop("number"));
    EXPECT("{monitor, Other, long_message_queue, true}", other);
    cop_system_monitor_queues((cop_pid){ 0 }, 0, 0);
    cop_exit_signal(other, cop("kill"));
}

static void until_above_main(cop_term arg)
{
    (void)arg;
    cop_system_monitor_queues(cop_self(), 4, 4);
}

CLAUSE(a_queue_ends_below_where_it_begins)
{
    cop_ref ref;

    hush();
    cop_spawn_monitor(until_above_main, COP_NONE, &ref);
    EXPECT("{'DOWN', Ref, process, _, {badarg, [{erlang, system_monitor, _, _} | _]}}", ref);
}
