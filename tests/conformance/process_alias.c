/* SPDX-License-Identifier: Apache-2.0 */
/* Aliases: P-80 to P-88, section 8 of docs/spec/process.md. */
#include "conformance/node.h"

/* Sends each of a list of messages to an alias, then tells its owner. */
static void sender_main(cop_term arg)
{
    cop_term messages, message;
    cop_pid owner;
    cop_ref alias;

    cop_must(cop_match(arg, "{Owner, Alias, Messages}", &owner, &alias, &messages));
    while (cop_list_next(&message, &messages))
        cop_send(alias, message);
    cop_send(owner, cop("sent"));
}

static void send_from_elsewhere(cop_ref alias, cop_term messages)
{
    cop_spawn(sender_main, cop("{Self, Alias, Messages}", cop_self(), alias, messages));
}

/* What any process sends to an alias lands in its creator's mailbox, without a wrapper. */
CLAUSE(P_80)
{
    cop_ref alias = cop_alias();

    send_from_elsewhere(alias, cop("[one, {two, [2]}]"));
    CHECK_TERM(cop_receive(), "one");
    CHECK_TERM(cop_receive(), "{two,[2]}");
    CHECK_TERM(cop_receive(), "sent");
    cop_send(alias, cop("from_self"));
    CHECK_TERM(cop_receive(), "from_self");
    cop_send(cop("Alias", alias), cop("by_term"));
    CHECK_TERM(cop_receive(), "by_term");
}

static void unalias_main(cop_term arg)
{
    cop_pid owner;
    cop_ref alias;

    cop_must(cop_match(arg, "{Owner, Alias}", &owner, &alias));
    cop_send(owner, cop("{unalias, R}", cop_bool(cop_unalias(alias))));
}

/* unalias: true for an active alias of the caller, else false. */
CLAUSE(P_81)
{
    cop_ref alias = cop_alias();

    cop_spawn(unalias_main, cop("{Self, Alias}", cop_self(), alias));
    EXPECT("{unalias, false}");
    cop_send(alias, cop("still"));
    EXPECT("still");
    CHECK(cop_unalias(alias));
    CHECK(!cop_unalias(alias));
    CHECK(!cop_unalias(cop_make_ref()));
}

/* Messages to an alias that is none any more are dropped. */
CLAUSE(P_82)
{
    cop_ref alias = cop_alias();

    CHECK(cop_unalias(alias));
    send_from_elsewhere(alias, cop("[one, two]"));
    EXPECT("sent");
    NOTHING();
}

/* A reply alias ends with the first message through it; an ordinary one stays. */
CLAUSE(P_83)
{
    cop_ref once = cop_alias_reply(), stays = cop_alias();

    send_from_elsewhere(once, cop("[one, two]"));
    EXPECT("sent");
    EXPECT("one");
    NOTHING();
    CHECK(!cop_unalias(once));
    send_from_elsewhere(stays, cop("[one, two]"));
    EXPECT("one");
    EXPECT("two");
    EXPECT("sent");
    CHECK(cop_unalias(stays));
}

/* explicit_unalias: monitor and alias share the reference; the alias outlives the 'DOWN' until
 * unalias. */
CLAUSE(P_84)
{
    cop_pid pid = cop_spawn(obedient_main, COP_NONE);
    cop_ref ref = cop_monitor_opt(pid, .alias = COP_EXPLICIT_UNALIAS);

    cop_send(ref, cop("before"));
    EXPECT("before");
    cop_send(pid, cop("{exit, gone}"));
    EXPECT("{'DOWN', Ref, process, Pid, gone}", ref, pid);
    cop_send(ref, cop("after"));
    EXPECT("after");
    CHECK(!cop_demonitor(ref));
    CHECK(cop_unalias(ref));
    cop_send(ref, cop("never"));
    NOTHING();
    /* demonitor first: the alias stays */
    pid = cop_spawn(obedient_main, COP_NONE);
    ref = cop_monitor_opt(pid, .alias = COP_EXPLICIT_UNALIAS);
    CHECK(cop_demonitor(ref));
    cop_send(ref, cop("still"));
    EXPECT("still");
    CHECK(cop_unalias(ref));
    /* unalias first: the monitor stays */
    ref = cop_monitor_opt(pid, .alias = COP_EXPLICIT_UNALIAS);
    CHECK(cop_unalias(ref));
    cop_send(pid, cop("{exit, gone}"));
    EXPECT("{'DOWN', Ref, process, Pid, gone}", ref, pid);
    NOTHING();
}

/* demonitor: the alias ends with demonitor or with the 'DOWN'; a dead process leaves none. */
CLAUSE(P_85)
{
    cop_pid pid = cop_spawn(obedient_main, COP_NONE);
    cop_ref ref = cop_monitor_opt(pid, .alias = COP_ALIAS_DEMONITOR);

    cop_send(ref, cop("one"));
    cop_send(ref, cop("two"));
    EXPECT("one");
    EXPECT("two");
    CHECK(cop_demonitor(ref));
    cop_send(ref, cop("never"));
    NOTHING();
    ref = cop_monitor_opt(pid, .alias = COP_ALIAS_DEMONITOR);
    cop_send(pid, cop("{exit, gone}"));
    EXPECT("{'DOWN', Ref, process, Pid, gone}", ref, pid);
    cop_send(ref, cop("never"));
    NOTHING();
    ref = cop_monitor_opt(pid, .alias = COP_ALIAS_DEMONITOR);
    EXPECT("{'DOWN', Ref, process, Pid, noproc}", ref, pid);
    cop_send(ref, cop("never"));
    NOTHING();
    CHECK(!cop_unalias(ref));
}

/* reply_demonitor: the first message through the alias ends both alias and monitor. */
CLAUSE(P_86)
{
    cop_pid pid = cop_spawn(obedient_main, COP_NONE);
    cop_ref ref = cop_monitor_opt(pid, .alias = COP_REPLY_DEMONITOR);

    send_from_elsewhere(ref, cop("[reply, never]"));
    EXPECT("sent");
    EXPECT("reply");
    cop_send(pid, cop("{exit, gone}"));
    reason_of_exit(pid);
    NOTHING();
    CHECK(!cop_demonitor(ref));
    /* the 'DOWN' first: then there is no alias */
    pid = cop_spawn(obedient_main, COP_NONE);
    ref = cop_monitor_opt(pid, .alias = COP_REPLY_DEMONITOR);
    cop_send(pid, cop("{exit, gone}"));
    EXPECT("{'DOWN', Ref, process, Pid, gone}", ref, pid);
    cop_send(ref, cop("never"));
    NOTHING();
}

/* An alias is a plain reference: it travels in messages, compares and prints as one. */
CLAUSE(P_87)
{
    cop_ref alias = cop_alias(), got = { 0 };

    cop_send(cop_self(), cop("{from, [alias | Alias]}", alias));
    EXPECT("{from, [alias | Ref]}", &got);
    CHECK(got.id == alias.id);
    CHECK_EQ_INT(cop_type_of(cop_from_ref(alias)), COP_TYPE_REFERENCE);
    cop_send(got, cop("through"));
    EXPECT("through");
}

/* A reference of make_ref is never an alias. */
CLAUSE(P_88)
{
    for (int i = 0; i < 100; i++) {
        cop_ref ref = cop_make_ref();

        CHECK(!cop_unalias(ref));
        cop_send(ref, cop("never"));
    }
    cop_send(cop_monitor(cop_self()), cop("never"));
    NOTHING();
}
