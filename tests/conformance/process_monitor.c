/* SPDX-License-Identifier: Apache-2.0 */
/* Monitors: P-68 to P-79, section 7 of docs/spec/process.md. */
#include "conformance/node.h"

static cop_pid dead_process(void)
{
    cop_pid pid = cop_spawn(exit_main, cop("normal"));

    reason_of_exit(pid);
    return pid;
}

/* Each monitor has a fresh reference, is independent of the others, and fires; what is queued
 * before its message stays. */
CLAUSE(P_68)
{
    cop_pid pid = cop_spawn(obedient_main, COP_NONE);
    cop_term reason = COP_NONE;
    cop_ref last;
    cop_ref first = cop_monitor(pid), second = cop_monitor(pid), third = cop_monitor(pid);

    CHECK(first.id != second.id && second.id != third.id && first.id != third.id);
    CHECK(cop_demonitor(second));
    cop_send(pid, cop("{exit, gone}"));
    EXPECT("{'DOWN', Ref, process, Pid, gone}", first, pid);
    EXPECT("{'DOWN', Ref, process, Pid, gone}", third, pid);
    NOTHING();

    cop_send(cop_self(), cop("earlier"));
    pid = cop_spawn(obedient_main, COP_NONE);
    first = cop_monitor(pid);
    last = cop_monitor_opt(pid, .tag = cop("tagged"));
    CHECK(!cop_receive_down(&reason, last, 0));
    cop_send(pid, cop("{exit, gone}"));
    CHECK(cop_receive_down(&reason, last, COP_INFINITY));
    CHECK_TERM(reason, "gone");
    CHECK(cop_receive_down(NULL, first, WAIT_MS));
    CHECK_TERM(cop_receive(), "earlier");
    NOTHING();
}

/* The object is the pid when monitored by pid, {Name, Node} when by name, local or not. */
CLAUSE(P_69)
{
    cop_pid pid = cop_spawn(obedient_main, COP_NONE);
    cop_ref by_pid = cop_monitor(pid), by_name, by_both;
    cop_atom node = cop_node();

    CHECK_EQ_INT(cop_register("server", pid), 0);
    by_name = cop_monitor("server");
    by_both = cop_monitor(cop("{server, N}", node));
    cop_send(pid, cop("{exit, gone}"));
    EXPECT("{'DOWN', Ref, process, Pid, gone}", by_pid, pid);
    EXPECT("{'DOWN', Ref, process, {server, N}, gone}", by_name, node);
    EXPECT("{'DOWN', Ref, process, {server, N}, gone}", by_both, node);
    NOTHING();
}

/* A dead pid and a free name give noproc at once, an unreachable node noconnection; nothing is
 * raised. */
CLAUSE(P_70)
{
    cop_pid dead = dead_process(),
            there = cop_pid_remote(cop_atom_new("unknown@nowhere"), 1, 77, 0);
    cop_ref ref = cop_monitor(dead);
    cop_atom node = cop_node();

    EXPECT("{'DOWN', Ref, process, Pid, noproc}", ref, dead);
    CHECK(!cop_demonitor(ref));
    ref = cop_monitor("nobody");
    EXPECT("{'DOWN', Ref, process, {nobody, N}, noproc}", ref, node);
    ref = cop_monitor(cop_name("server", "unknown@nowhere"));
    EXPECT("{'DOWN', Ref, process, {server, 'unknown@nowhere'}, noconnection}", ref);
    ref = cop_monitor(there);
    EXPECT("{'DOWN', Ref, process, Pid, noconnection}", ref, there);
    NOTHING();
}

/* A monitor by name is of the process that had the name then; the name may move on. */
CLAUSE(P_71)
{
    cop_pid first = cop_spawn(obedient_main, COP_NONE), second = cop_spawn(obedient_main, COP_NONE);
    cop_ref ref;

    CHECK_EQ_INT(cop_register("server", first), 0);
    ref = cop_monitor("server");
    CHECK_EQ_INT(cop_unregister("server"), 0);
    CHECK_EQ_INT(cop_register("server", second), 0);
    cop_send(second, cop("{exit, not_this}"));
    reason_of_exit(second);
    NOTHING();
    cop_send(first, cop("{exit, this}"));
    EXPECT("{'DOWN', Ref, process, {server, _}, this}", ref);
}

static void self_monitor_main(cop_term arg)
{
    cop_pid owner;

    cop_must(cop_to_pid(&owner, arg));
    cop_send(owner, cop("{ref, Ref}", cop_monitor(cop_self())));
}

/* Monitoring oneself gives a reference, and nothing ever comes. */
CLAUSE(P_72)
{
    cop_ref ref = cop_monitor(cop_self());

    CHECK(ref.id != 0);
    NOTHING();
    CHECK(cop_match(cop_process_info(cop_self(), "monitors"), "{monitors, []}"));
    CHECK(!cop_demonitor(ref)); /* there is none: as OTP 25 says, too */
    cop_spawn(self_monitor_main, cop("Self", cop_self()));
    EXPECT("{ref, _}");
    NOTHING();
}

static void demonitor_nothing(void *unused)
{
    cop_ref none = { 0 };

    (void)unused;
    cop_demonitor(none);
}

/* demonitor takes any reference, fired or unknown; a 'DOWN' in the mailbox stays. No reference:
 * badarg. */
CLAUSE(P_73)
{
    cop_pid pid = dead_process();
    cop_ref ref = cop_monitor(pid);
    cop_term reason = COP_NONE;

    cop_demonitor(cop_make_ref());
    cop_process_info(cop_self(), "message_queue_len");
    cop_demonitor(ref);
    CHECK(cop_receive_match_within(0, "{'DOWN', Ref, process, Pid, noproc}", ref, pid));
    cop_demonitor(ref);
    CHECK_EQ_INT(TRY(demonitor_nothing, NULL, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "badarg");
    NOTHING();
}

/* With flush the 'DOWN' is gone if it was there, and none comes, however the two ends race. */
CLAUSE(P_74)
{
    for (int i = 0; i < 1000; i++) {
        cop_ref ref = { 0 };
        cop_pid pid = cop_spawn_opt(exit_main, cop("racing"), &ref, .monitor = true,
            .monitor_tag = i % 5 ? COP_NONE : cop("my_tag"));

        for (int spins = i % 50; spins; spins--)
            cop_make_ref();
        if (i % 3 == 0)
            cop_yield();
        cop_demonitor_flush(ref);
        reason_of_exit(pid);
        CHECK(!cop_receive_match_within(0, "{_, _, process, _, _}"));
        cop_turn_end();
    }
    NOTHING();
}

/* info: true when an active monitor was removed; false when it never was, was removed, or had
 * fired, and then with flush the message is removed. */
CLAUSE(P_75)
{
    cop_pid pid = cop_spawn(obedient_main, COP_NONE);
    cop_ref ref = cop_monitor(pid), fired = cop_monitor(pid);

    CHECK(cop_demonitor(ref));
    CHECK(!cop_demonitor(ref));
    CHECK(!cop_demonitor(cop_make_ref()));
    ref = cop_monitor(pid);
    CHECK(cop_demonitor_flush(ref));
    CHECK(!cop_demonitor_flush(ref));
    cop_send(pid, cop("{exit, gone}"));
    reason_of_exit(pid);
    CHECK(!cop_demonitor_flush(fired));
    NOTHING();
}

static void holder_main(cop_term arg)
{
    cop_pid owner, target;
    cop_ref ref;

    cop_must(cop_match(arg, "{Owner, Target}", &owner, &target));
    ref = cop_monitor(target);
    cop_send(owner, cop("{ref, Ref}", ref));
    cop_receive_match("{'DOWN', Ref, process, _, _}", ref);
    cop_send(owner, cop("down"));
}

/* The reference of another process's monitor is unknown, and that monitor still fires. */
CLAUSE(P_76)
{
    cop_pid pid = cop_spawn(obedient_main, COP_NONE);
    cop_ref ref = { 0 };

    cop_spawn(holder_main, cop("{Self, Pid}", cop_self(), pid));
    EXPECT("{ref, Ref}", &ref);
    CHECK(!cop_demonitor(ref));
    CHECK(!cop_demonitor_flush(ref));
    cop_send(pid, cop("{exit, gone}"));
    EXPECT("down");
}

/* The death of who monitors does not touch who is monitored, which forgets it. */
CLAUSE(P_77)
{
    cop_pid pid = cop_spawn(obedient_main, COP_NONE), watcher;

    watcher = cop_spawn(holder_main, cop("{Self, Pid}", cop_self(), pid));
    EXPECT("{ref, _}");
    cop_exit_signal(watcher, cop("kill"));
    reason_of_exit(watcher);
    cop_send(pid, cop("{ping, Self}", cop_self()));
    EXPECT("{pong, Pid}", pid);
    CHECK_TERM(cop_process_info(pid, "monitored_by"), "{monitored_by,[]}");
}

/* monitor_node of a node that cannot be reached gives one nodedown for each call. */
CLAUSE(P_79)
{
    cop_atom there = cop_atom_new("unknown@nowhere");

    cop_monitor_node(there, true);
    cop_monitor_node(there, true);
    EXPECT("{nodedown, N}", there);
    EXPECT("{nodedown, N}", there);
    cop_monitor_node(cop_node(), true);
    cop_monitor_node(there, false);
    NOTHING();
}
