/* SPDX-License-Identifier: Apache-2.0 */
/* Links: P-60 to P-67, section 6 of docs/spec/process.md. */
#include "conformance/node.h"

/* Does what it is told with links: {link | unlink, Other, From}; tells From when it is done. */
static void linker_main(cop_term arg)
{
    cop_pid other, from;
    cop_term reason;

    if (!cop_is_none(arg))
        cop_trap_exit(true);
    for (;;) {
        cop_term message = cop_receive();

        if (cop_match(message, "{link, Other, From}", &other, &from)) {
            cop_link(other);
            cop_send(from, cop("done"));
        } else if (cop_match(message, "{unlink, Other, From}", &other, &from)) {
            cop_unlink(other);
            cop_send(from, cop("done"));
        } else if (cop_match(message, "{exit, Reason}", &reason)) {
            cop_exit(reason);
        }
        cop_turn_end();
    }
}

static cop_pid dead_process(void)
{
    cop_pid pid = cop_spawn(exit_main, cop("normal"));

    reason_of_exit(pid);
    return pid;
}

static bool linked(cop_pid pid, cop_pid other)
{
    cop_term list = COP_NONE;

    return cop_match(cop_process_info(pid, "links"), "{links, List}", &list) &&
           cop_list_member(cop_from_pid(other), list);
}

/* Linking twice, from either side, is one link: one unlink from either side removes it, one exit
 * signal comes. */
CLAUSE(P_60)
{
    cop_pid pid = cop_spawn(linker_main, cop("trap")), me = cop_self();

    cop_trap_exit(true);
    cop_link(pid);
    cop_link(pid);
    cop_send(pid, cop("{link, Me, Me}", me));
    EXPECT("done");
    CHECK(linked(me, pid));
    CHECK(linked(pid, me));
    cop_unlink(pid);
    CHECK(!linked(me, pid));
    CHECK(!linked(pid, me));
    cop_link(pid);
    cop_send(pid, cop("{unlink, Me, Me}", me));
    EXPECT("done");
    CHECK(!linked(pid, me));
    CHECK(!linked(me, pid));
    cop_link(pid);
    cop_send(pid, cop("{link, Me, Me}", me));
    EXPECT("done");
    cop_link(pid);
    cop_send(pid, cop("{exit, once}"));
    EXPECT("{'EXIT', Pid, once}", pid);
    NOTHING();
}

/* Linking to oneself does nothing, nor does unlinking. */
CLAUSE(P_61)
{
    cop_link(cop_self());
    CHECK(!linked(cop_self(), cop_self()));
    cop_unlink(cop_self());
    NOTHING();
}

static void link_to(void *pid)
{
    cop_link(*(cop_pid *)pid);
}

/* Linking to a dead local process: a message with noproc for who traps, else the error noproc,
 * which can be caught; and no link is left. */
CLAUSE(P_62)
{
    cop_pid dead = dead_process();
    cop_term reason = COP_NONE;

    CHECK_EQ_INT(TRY(link_to, &dead, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "noproc");
    CHECK(!linked(cop_self(), dead));
    NOTHING();
    cop_trap_exit(true);
    cop_link(dead);
    EXPECT("{'EXIT', Pid, noproc}", dead);
    CHECK(!linked(cop_self(), dead));
    NOTHING();
}

static void tell_and_end(cop_term parent_term)
{
    cop_pid parent;

    cop_must(cop_match(parent_term, "Parent", &parent));
    cop_send(parent, cop("{Self, told}", cop_self()));
}

/* What a process sent before it ended comes before the exit that a link to it, now dead, gives. */
CLAUSE(P_17)
{
    cop_trap_exit(true);
    for (int i = 0; i < 100; i++) {
        cop_pid pid = cop_spawn(tell_and_end, cop("Self", cop_self()));
        cop_term message;

        while (cop_is_alive(pid))
            cop_yield();
        cop_link(pid);
        message = cop_receive();
        CHECK(cop_match(message, "{Pid, told}", pid));
        EXPECT("{'EXIT', Pid, noproc}", pid);
        cop_turn_end();
    }
    NOTHING();
}

/* After unlink no exit message of that link comes any more; one that is there stays. Unlinking what
 * is not linked, or dead, does nothing. */
CLAUSE(P_64)
{
    cop_trap_exit(true);
    for (int i = 0; i < 300; i++) {
        cop_pid pid = cop_spawn_link(linker_main, COP_NONE);

        cop_send(pid, cop("{exit, gone}"));
        if (i % 2)
            cop_yield();
        cop_unlink(pid);
        cop_receive_match_within(0, "{'EXIT', Pid, gone}", pid);
        reason_of_exit(pid);
        CHECK(!cop_receive_match_within(0, "{'EXIT', _, _}"));
        cop_turn_end();
    }
    {
        cop_pid pid = cop_spawn_link(exit_main, cop("there"));

        reason_of_exit(pid);
        cop_unlink(pid);
        CHECK(cop_receive_match_within(0, "{'EXIT', Pid, there}", pid));
    }
    cop_unlink(dead_process());
    cop_unlink(cop_spawn(idle_main, COP_NONE));
    NOTHING();
}

/* unlink, then take the 'EXIT' if there is one: no trace of the link is left, however the two ends
 * race. */
CLAUSE(P_65)
{
    cop_trap_exit(true);
    for (int i = 0; i < 1000; i++) {
        cop_pid pid = cop_spawn_link(exit_main, cop("racing"));

        for (int spins = i % 50; spins; spins--)
            cop_make_ref();
        if (i % 3 == 0)
            cop_yield();
        cop_unlink(pid);
        cop_receive_match_within(0, "{'EXIT', Pid, _}", pid);
        reason_of_exit(pid);
        CHECK(!cop_receive_match_within(0, "{'EXIT', _, _}"));
        cop_turn_end();
    }
    NOTHING();
}

/* A link to an unreachable node breaks with noconnection: a message for who traps. */
CLAUSE(P_66)
{
    cop_pid there = cop_pid_remote(cop_atom_new("unknown@nowhere"), 1, 77, 0);

    cop_trap_exit(true);
    cop_link(there);
    EXPECT("{'EXIT', Pid, noconnection}", there);
    cop_unlink(there);
    NOTHING();
}

/* A link that broke is gone on both sides; linking again makes a new one, which fires again.
 * Unlinks and links that cross leave both sides linked, or neither. */
CLAUSE(P_67)
{
    cop_pid pid = cop_spawn(linker_main, cop("trap")), me = cop_self(), other;

    cop_trap_exit(true);
    other = cop_spawn(linker_main, cop("trap"));
    cop_link(other);
    cop_send(other, cop("{exit, first}"));
    EXPECT("{'EXIT', Pid, first}", other);
    CHECK(!linked(me, other));
    for (int i = 0; i < 500; i++) {
        bool one, two;

        cop_send(pid, cop("{link, Me, Me}", me));
        cop_unlink(pid);
        cop_link(pid);
        if (i % 3 == 0)
            cop_send(pid, cop("{unlink, Me, Me}", me));
        if (i % 2)
            cop_unlink(pid);
        EXPECT("done");
        if (i % 3 == 0)
            EXPECT("done");
        settle(pid);
        one = linked(me, pid);
        two = linked(pid, me);
        CHECK_EQ_INT(one, two);
        cop_turn_end();
    }
    cop_unlink(pid);
    cop_link(pid);
    cop_send(pid, cop("{exit, last}"));
    EXPECT("{'EXIT', Pid, last}", pid);
    NOTHING();
}
