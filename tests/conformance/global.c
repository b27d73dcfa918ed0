/* SPDX-License-Identifier: Apache-2.0 */
/* global on one node: names (docs/spec/process.md), locks (docs/spec/global.md), and servers under
 * such names. */
#include <coppice/global.h>

#include "conformance/told_server.h"

static void lives_main(cop_term arg)
{
    (void)arg;
    cop_receive_match("stop");
}

static bool is_at(cop_term name, cop_pid pid)
{
    cop_pid found = { 0, 0 };

    return cop_global_whereis_name(&found, name) && found.id == pid.id;
}

static bool is_nobodys(cop_term name)
{
    cop_pid found;

    return !cop_global_whereis_name(&found, name);
}

/* Any term is a name; one that is taken stays. */
CLAUSE(P_139)
{
    cop_pid one = cop_spawn(lives_main, cop_nil()), other = cop_spawn(lives_main, cop_nil());

    CHECK(is_nobodys(cop("{a, 1}")));
    CHECK_TERM(cop_global_registered_names(), "[]");
    CHECK(cop_global_register_name(cop("{a, 1}"), one));
    CHECK(!cop_global_register_name(cop("{a, 1}"), one));
    CHECK(!cop_global_register_name(cop("{a, 1}"), other));
    CHECK(is_at(cop("{a, 1}"), one) && is_nobodys(cop("{a, 1.0}")));
    CHECK_TERM(cop_global_registered_names(), "[{a,1}]");
}

/* Moved, taken away, gone with the process, and free for the next at once. */
CLAUSE(P_140)
{
    cop_pid one = cop_spawn(lives_main, cop_nil()), other = cop_spawn(lives_main, cop_nil());
    cop_ref ref;

    cop_global_unregister_name(cop("nobodys"));
    CHECK(cop_global_register_name(cop("name"), one));
    cop_global_re_register_name(cop("name"), other);
    CHECK(is_at(cop("name"), other));
    cop_global_unregister_name(cop("name"));
    CHECK(is_nobodys(cop("name")));
    CHECK(cop_global_register_name(cop("name"), one));
    ref = cop_monitor(one);
    cop_send(one, cop("stop"));
    EXPECT_DOWN(ref, "normal");
    CHECK(is_nobodys(cop("name")));
    CHECK(cop_global_register_name(cop("name"), other));
    CHECK(cop_global_register_name(cop("dead"), one));
    CHECK(is_nobodys(cop("dead")));
}

static void run_send(void *arg)
{
    (void)arg;
    cop_global_send(cop("nobodys"), cop("hi"));
}

CLAUSE(P_141)
{
    cop_term reason = COP_NONE;

    CHECK(cop_global_register_name(cop("{me}"), cop_self()));
    CHECK(cop_global_send(cop("{me}"), cop("hi")).id == cop_self().id);
    EXPECT("hi");
    CHECK_EQ_INT(cop_try(run_send, NULL, &reason, NULL), COP_CLASS_EXIT);
    CHECK_TERM(reason, "{badarg,{nobodys,hi}}");
}

/* {locked, Yes}, then it keeps it until it is told to let go, or to end. */
static void locker_main(cop_term arg)
{
    cop_term requester = COP_NONE;
    cop_pid tester;
    int64_t retries = 0;

    cop_must(cop_match(arg, "{Tester, Requester, Retries}", &tester, &requester, &retries));
    cop_send(tester,
        cop("{locked, Yes}", cop_bool(cop_global_set_lock(cop("resource"), requester, retries))));
    cop_receive_match("let_go");
    cop_global_del_lock(cop("resource"), requester);
    cop_send(tester, cop("let_go"));
    cop_receive_match("stop");
}

static cop_pid locker(const char *requester, int64_t retries)
{
    return cop_spawn(locker_main,
        cop("{Self, Requester, Retries}", cop_self(), cop_atom_new(requester), retries));
}

static void tell(cop_pid pid, const char *what)
{
    cop_send(pid, cop_from_atom(cop_atom_new(what)));
}

/* also: GLB-02, GLB-03 */
CLAUSE(GLB_01)
{
    cop_pid first = locker("a", 0), same, waits;

    EXPECT("{locked, true}");
    cop_global_del_lock(cop("resource"), cop("a")); /* not ours */
    locker("b", 0);
    EXPECT("{locked, false}");
    same = locker("a", 0);
    EXPECT("{locked, true}");
    waits = locker("b", COP_INFINITY);
    tell(first, "let_go");
    EXPECT("let_go");
    NEVER("{locked, true}");
    tell(same, "let_go");
    EXPECT("let_go");
    EXPECT("{locked, true}");
    tell(waits, "let_go");
    EXPECT("let_go");
    CHECK(cop_global_set_lock(cop("resource"), cop("c"), 0));
    CHECK(cop_global_set_lock(cop("resource"), cop("c"), 0));
    cop_global_del_lock(cop("resource"), cop("c"));
    locker("d", 0);
    EXPECT("{locked, false}");
    cop_global_del_lock(cop("resource"), cop("c"));
    locker("d", 0);
    EXPECT("{locked, true}");
}

CLAUSE(GLB_04)
{
    cop_pid first = locker("a", 0);

    EXPECT("{locked, true}");
    locker("b", COP_INFINITY);
    cop_exit_signal(first, cop("kill"));
    EXPECT("{locked, true}");
}

static cop_term doubled(cop_term arg)
{
    int64_t n = 0;

    cop_must(cop_to_int(&n, arg));
    locker("other", 0);
    EXPECT("{locked, false}");
    return cop_int(2 * n);
}

static cop_term raises(cop_term arg)
{
    cop_error(arg);
}

static void run_trans(void *arg)
{
    (void)arg;
    cop_global_trans(NULL, cop("resource"), raises, cop("oops"), 0);
}

CLAUSE(GLB_05)
{
    cop_term value = COP_NONE;

    CHECK(cop_global_trans(&value, cop("resource"), doubled, cop_int(21), 0));
    CHECK_TERM(value, "42");
    CHECK_EQ_INT(cop_try(run_trans, NULL, &value, NULL), COP_CLASS_ERROR);
    CHECK(cop_match(value, "oops"));
    locker("other", 0);
    EXPECT("{locked, true}");
    CHECK(!cop_global_trans(&value, cop("resource"), doubled, cop_int(21), 0));
}

static void servers(void)
{
    cop_dest name = cop_global(cop("{room, 1}"));
    cop_pid pid = { 0, 0 }, other;
    cop_term error = COP_NONE;

    CHECK_TERM(exit_of_call(name, cop("q"), WAIT_MS),
        "{noproc,{gen_server,call,[{global,{room,1}},q,20000]}}");
    CHECK_EQ_INT(PROBE_START(&pid, NULL, START, cop("{set, 2, {ok}}"), .name = name), 0);
    CHECK_EQ_INT(PROBE_START(&other, &error, START, cop("{ok}"), .name = name), -COP_EALREADY);
    CHECK(cop_match(error, "{already_started, Pid}", pid));
    CHECK_TERM(cop_call(name, cop("get")), "2");
    CHECK_MATCH(
        cop_sys_get_status(name), "{status, _, _, [_, _, _, _, [{header, {_, {room, 1}}} | _]]}");
    cop_stop_server(name, cop("normal"), WAIT_MS);
    CHECK(is_nobodys(cop("{room, 1}")));
    cop_cast(name, cop("anything"));
}

TEST(servers_under_global_names)
{
    node_run(servers, 2);
}
