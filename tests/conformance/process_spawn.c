/* SPDX-License-Identifier: Apache-2.0 */
/* Creation of processes: P-01 to P-15, section 1 of docs/spec/process.md. */
#include <coppice/log.h>

#include "conformance/node.h"

static void tell_main(cop_term arg)
{
    cop_pid to;

    cop_must(cop_to_pid(&to, arg));
    cop_send(to, cop("{here, Self}", cop_self()));
}

/* Spawning returns the pid of a process that is alive, or was: what it sends carries the same pid.
 */
CLAUSE(P_01)
{
    cop_pid pid = cop_spawn(tell_main, cop("Self", cop_self()));

    CHECK(pid.id != 0);
    CHECK(pid.id != cop_self().id);
    EXPECT("{here, Pid}", pid);
}

/* A function that returns ends its process with reason normal. */
CLAUSE(P_02)
{
    cop_ref ref = { 0 };
    cop_pid pid = cop_spawn_monitor(tell_main, cop("Self", cop_self()), &ref);

    EXPECT("{here, Pid}", pid);
    EXPECT("{'DOWN', Ref, process, Pid, normal}", ref, pid);
}

/* A child that crashes as its first act is seen over the link, each time. */
CLAUSE(P_03)
{
    cop_trap_exit(true);
    for (int i = 0; i < 300; i++) {
        cop_pid pid = cop_spawn_link(exit_main, cop("{crash, I}", i));

        EXPECT("{'EXIT', Pid, {crash, I}}", pid, i);
        cop_turn_end();
    }
    NOTHING();
}

/* A child that ends as its first act is seen by its monitor, exactly once. */
CLAUSE(P_04)
{
    for (int i = 0; i < 300; i++) {
        cop_ref ref = { 0 };
        cop_pid pid = cop_spawn_monitor(exit_main, cop("{crash, I}", i), &ref);

        CHECK(ref.id != 0);
        EXPECT("{'DOWN', Ref, process, Pid, {crash, I}}", ref, pid, i);
        cop_turn_end();
    }
    NOTHING();
}

/* The tag of the options stands in place of 'DOWN'. */
CLAUSE(P_05)
{
    cop_ref ref = { 0 };
    cop_pid pid = cop_spawn_opt(
        exit_main, cop("gone"), &ref, .monitor = true, .monitor_tag = cop("{my, [tag]}"));

    EXPECT("{{my, [tag]}, Ref, process, Pid, gone}", ref, pid);
    NOTHING();
}

/* With link and monitor the 'EXIT' comes first, then the 'DOWN', with the same reason; by hand in
 * either order too. */
CLAUSE(P_06)
{
    cop_ref ref = { 0 };
    cop_pid pid;

    cop_trap_exit(true);
    pid = cop_spawn_opt(exit_main, cop("{same, reason}"), &ref, .link = true, .monitor = true);
    CHECK(cop_match(cop_receive(), "{'EXIT', Pid, {same, reason}}", pid));
    CHECK(cop_match(cop_receive(), "{'DOWN', Ref, process, Pid, {same, reason}}", ref, pid));

    pid = cop_spawn(obedient_main, COP_NONE);
    cop_link(pid);
    ref = cop_monitor(pid);
    cop_send(pid, cop("{exit, one}"));
    CHECK(cop_match(cop_receive(), "{'EXIT', Pid, one}", pid));
    CHECK(cop_match(cop_receive(), "{'DOWN', Ref, process, Pid, one}", ref, pid));

    pid = cop_spawn(obedient_main, COP_NONE);
    ref = cop_monitor(pid);
    cop_link(pid);
    cop_send(pid, cop("{exit, two}"));
    CHECK(cop_match(cop_receive(), "{'EXIT', Pid, two}", pid));
    CHECK(cop_match(cop_receive(), "{'DOWN', Ref, process, Pid, two}", ref, pid));
}

static void spawn_bad_priority(void *unused)
{
    (void)unused;
    cop_spawn_opt(idle_main, COP_NONE, NULL, .priority = (enum cop_priority)77);
}

static void spawn_huge_stack(void *unused)
{
    (void)unused;
    cop_spawn_opt(idle_main, COP_NONE, NULL, .stack_size = (size_t)1 << 40);
}

static void priority_main(cop_term arg)
{
    cop_pid to;

    cop_must(cop_to_pid(&to, arg));
    cop_send(to, cop_process_info(cop_self(), "priority"));
}

/* As P-07 lists them; what only tunes the BEAM's collector is taken and kept. */
static void accepts(const char *option_text, bool good)
{
    cop_term option = COP_NONE;

    CHECK_EQ_INT(cop_parse(&option, (cop_bytes){ option_text, strlen(option_text) }, NULL), 0);
    cop_spawn_request(exit_main, cop("normal"), cop("[{reply_tag, X}, X]", option));
    if (good)
        EXPECT("{X, _, ok, _}", option);
    else
        EXPECT("{X, _, error, badopt}", option);
}

/* Each accepted option has its effect; a value that is none raises badarg, and nothing is spawned.
 */
CLAUSE(P_07)
{
    struct cop_node_statistics before, after;
    cop_term self = cop("Self", cop_self()), reason;

    cop_spawn_opt(priority_main, self, NULL, .priority = COP_LOW);
    EXPECT("{priority, low}");
    cop_spawn_opt(priority_main, self, NULL, .priority = COP_NORMAL);
    EXPECT("{priority, normal}");
    cop_spawn_opt(priority_main, self, NULL, .priority = COP_HIGH);
    EXPECT("{priority, high}");
    cop_spawn_opt(priority_main, self, NULL, .priority = COP_MAX);
    EXPECT("{priority, max}");
    cop_spawn_opt(tell_main, self, NULL, .stack_size = 512 * 1024, .heap_size_max = 1 << 20);
    EXPECT("{here, _}");
    cop_statistics(&before);
    CHECK_EQ_INT(TRY(spawn_bad_priority, NULL, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "badarg");
    CHECK_EQ_INT(TRY(spawn_huge_stack, NULL, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "badarg");
    cop_statistics(&after);
    CHECK_EQ_INT(after.spawned, before.spawned);
    accepts("{fullsweep_after, 10}", true);
    accepts("{min_heap_size, 500}", true);
    accepts("{min_bin_vheap_size, 500}", true);
    accepts("{max_heap_size, 100000}", true);
    accepts("{max_heap_size, #{size => 100000, kill => false}}", true);
    accepts("{message_queue_data, on_heap}", true);
    accepts("{message_queue_data, off_heap}", true);
    accepts("{async_dist, true}", true);
    accepts("{priority, max}", true);
    accepts("{min_heap_size, -1}", false);
    accepts("{max_heap_size, #{sise => 1}}", false);
    accepts("{message_queue_data, heap}", false);
    accepts("{async_dist, maybe}", false);
    accepts("{priority, most}", false);
    accepts("{unknown, 1}", false);
}

static void spawn_null(void *unused)
{
    (void)unused;
    cop_spawn(NULL, COP_NONE);
}

/* Spawning what is no function raises badarg in the caller. */
CLAUSE(P_08)
{
    cop_term reason;

    CHECK_EQ_INT(TRY(spawn_null, NULL, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "badarg");
}

/* spawn_request answers by message: ok and the pid, error and badopt for an unknown option;
 * reply_tag replaces the tag, reply filters, and the reference is the monitor's. */
CLAUSE(P_11)
{
    cop_term self = cop("Self", cop_self());
    cop_pid pid;
    cop_ref ref = cop_spawn_request(tell_main, self, cop("[]"));

    EXPECT("{spawn_reply, Ref, ok, Pid}", ref, &pid);
    EXPECT("{here, Pid}", pid);
    ref = cop_spawn_request(tell_main, self, cop("[no_such_option]"));
    EXPECT("{spawn_reply, Ref, error, badopt}", ref);
    ref = cop_spawn_request(tell_main, self, cop("[{reply_tag, mine}]"));
    EXPECT("{mine, Ref, ok, Pid}", ref, &pid);
    EXPECT("{here, Pid}", pid);
    cop_spawn_request(tell_main, self, cop("[{reply, no}]"));
    EXPECT("{here, _}");
    cop_spawn_request(tell_main, self, cop("[{reply, error_only}]"));
    EXPECT("{here, _}");
    cop_spawn_request(tell_main, self, cop("[{reply, success_only}, no_such_option]"));
    cop_spawn_request(tell_main, self, cop("[{reply, no}, no_such_option]"));
    NOTHING();
    ref = cop_spawn_request(tell_main, self, cop("[{reply, error_only}, no_such_option]"));
    EXPECT("{spawn_reply, Ref, error, badopt}", ref);
    ref = cop_spawn_request(exit_main, cop("why"), cop("[monitor]"));
    EXPECT("{spawn_reply, Ref, ok, Pid}", ref, &pid);
    EXPECT("{'DOWN', Ref, process, Pid, why}", ref, pid);
    ref = cop_spawn_request(
        exit_main, cop("why"), cop("[{monitor, [{tag, lost}]}, {reply, success_only}]"));
    EXPECT("{spawn_reply, Ref, ok, Pid}", ref, &pid);
    EXPECT("{lost, Ref, process, Pid, why}", ref, pid);
    cop_trap_exit(true);
    ref = cop_spawn_request(exit_main, cop("why"), cop("[link]"));
    EXPECT("{spawn_reply, Ref, ok, Pid}", ref, &pid);
    EXPECT("{'EXIT', Pid, why}", pid);
}

static void leader_main(cop_term arg)
{
    cop_pid to;

    cop_must(cop_to_pid(&to, arg));
    cop_send(to, cop("{leader, L}", cop_group_leader()));
}

/* A child has the group leader of the process that spawned it. */
CLAUSE(P_12)
{
    cop_pid leader = cop_spawn(idle_main, COP_NONE), other = cop_spawn(idle_main, COP_NONE);
    cop_term self = cop("Self", cop_self());

    cop_set_group_leader(leader, cop_self());
    cop_spawn(leader_main, self);
    EXPECT("{leader, L}", leader);
    cop_set_group_leader(other, cop_self());
    cop_spawn(leader_main, self);
    EXPECT("{leader, L}", other);
    CHECK(cop_group_leader().id == other.id);
    cop_set_group_leader(leader, other); /* a signal: seen by what is sent after it */
    CHECK(cop_match(cop_process_info(other, "group_leader"), "{group_leader, L}", leader));
}

static void report_main(cop_term arg)
{
    cop_pid to;

    cop_must(cop_to_pid(&to, arg));
    cop_send(to, cop_process_info_list(
                     cop_self(), cop("[registered_name, trap_exit, priority, dictionary, "
                                     "message_queue_len, links, monitors, monitored_by]")));
}

/* A child starts without name, trapping, dictionary, messages, links and monitors, whatever its
 * parent has. */
CLAUSE(P_13)
{
    cop_pid friend = cop_spawn(idle_main, COP_NONE);

    cop_trap_exit(true);
    cop_put(cop("key"), cop("value"));
    cop_link(friend);
    cop_monitor(friend);
    cop_set_priority(COP_HIGH);
    CHECK_EQ_INT(cop_register("parent", cop_self()), 0);
    cop_spawn(report_main, cop("Self", cop_self()));
    EXPECT("[{registered_name, []}, {trap_exit, false}, {priority, normal}, {dictionary, []}, "
           "{message_queue_len, 0}, {links, []}, {monitors, []}, {monitored_by, []}]");
}

/* The pid of a dead process names nobody, also when its slot lives again many times. */
CLAUSE(P_14)
{
    cop_ref ref = { 0 };
    cop_pid dead = cop_spawn_monitor(exit_main, cop("normal"), &ref);

    EXPECT("{'DOWN', Ref, process, _, normal}", ref);
    for (int i = 0; i < 1000; i++) {
        cop_pid young = cop_spawn_monitor(obedient_main, COP_NONE, &ref);

        CHECK(young.id != dead.id);
        cop_send(dead, cop("{exit, hit}"));
        cop_exit_signal(dead, cop("hit"));
        CHECK(!cop_is_alive(dead));
        cop_send(young, cop("{exit, done}"));
        EXPECT("{'DOWN', Ref, process, Pid, done}", ref, young);
        cop_turn_end();
    }
}

/* Pids of processes created one after the other compare in that order. */
CLAUSE(P_15)
{
    cop_pid last = cop_spawn(idle_main, COP_NONE);

    for (int i = 0; i < 500; i++) {
        cop_ref ref = { 0 };
        cop_pid next = cop_spawn_monitor(exit_main, cop("normal"), &ref);

        CHECK(cop_compare(cop_from_pid(last), cop_from_pid(next)) < 0);
        last = next;
        EXPECT("{'DOWN', Ref, _, _, _}", ref);
        cop_turn_end();
    }
}

static void spawn_many_main(cop_term arg)
{
    int64_t count;

    cop_must(cop_to_int(&count, arg));
    for (int64_t i = 0; i < count; i++)
        cop_spawn_link(idle_main, COP_NONE);
    cop_exit(cop("there_was_room")); /* the links end with it */
}

static void wait_until_alone(void)
{
    size_t count;

    while (cop_must(cop_list_length(&count, cop_processes())), count > 1)
        cop_sleep(1);
}

static int crowded_main(int argc, char **argv)
{
    (void)argc, (void)argv;
    cop_log_set_level(COP_LOG_EMERGENCY);
    for (int round = 0; round < 20; round++) {
        cop_ref ref = { 0 };

        cop_spawn_monitor(spawn_many_main, cop_int(700), &ref);
        EXPECT("{'DOWN', Ref, process, _, there_was_room}", ref);
        wait_until_alone();
        cop_spawn_monitor(spawn_many_main, cop_int(1200), &ref);
        EXPECT("{'DOWN', Ref, process, _, {system_limit, _}}", ref);
        wait_until_alone();
    }
    return 0;
}

/* erl +P: beyond it spawning fails with system_limit, and what the dead had is used again. */
TEST(processes_max_bounds_the_processes_of_a_node)
{
    const struct cop_options options = { /* the least is 1,024 */ .processes_max = 1 };

    CHECK_EQ_INT(cop_run_main_with(crowded_main, 0, NULL, &options), 0);
}
