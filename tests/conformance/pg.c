/* SPDX-License-Identifier: Apache-2.0 */
/* Process groups, clause by clause (docs/spec/pg.md). */
#include <coppice/pg.h>

#include "conformance/node.h"

static void wait_for_ever(cop_term arg)
{
    (void)arg;
    cop_sleep(COP_INFINITY);
}

static void begin(void)
{
    cop_pid pid;

    CHECK_EQ_INT(cop_pg_start_link(&pid, "scope", NULL), 0);
}

static bool has(cop_term list, cop_pid pid)
{
    return cop_list_member(cop_from_pid(pid), list);
}

static size_t size_of(cop_term list)
{
    size_t size = 0;

    CHECK(cop_list_length(&size, list));
    return size;
}

/* Until the scope has heard of all that came before. */
static void await_members(const char *group, size_t members)
{
    for (int i = 0; i < WAIT_MS &&
                    size_of(cop_pg_members("scope", cop_from_atom(cop_atom_new(group)))) != members;
         i++)
        cop_sleep(1);
}

/* A scope has its name; groups exist only while they have members. */
CLAUSE(PG_01)
{
    cop_term error = COP_NONE;
    cop_pid pid, other;

    CHECK_EQ_INT(cop_pg_start(&pid, "scope", NULL), 0);
    CHECK(cop_whereis(&other, "scope") && other.id == pid.id);
    CHECK_EQ_INT(cop_pg_start_link(&other, "scope", &error), -COP_EALREADY);
    CHECK(cop_match(error, "{already_started, Pid}", pid));
    cop_pg_join("scope", cop("{room, 7}"), cop_self());
    CHECK(cop_identical(cop_pg_which_groups("scope"), cop("[{room, 7}]")));
    CHECK(cop_pg_leave("scope", cop("{room, 7}"), cop_self()));
    CHECK(cop_match(cop_pg_which_groups("scope"), "[]"));
}

struct remote {
    cop_term pids;
};

static void join_remote(void *arg)
{
    cop_pg_join("scope", cop("g"), ((struct remote *)arg)->pids);
}

/* Joined n times, there n times, and n leaves; a list joins at once; only pids of this node. */
CLAUSE(PG_02)
{
    struct remote remote = { cop_from_pid(cop_pid_remote(cop_atom_new("n@h"), 1, 2, 3)) };
    cop_pid other = cop_spawn(wait_for_ever, cop_nil());
    cop_term reason = COP_NONE;

    begin();
    cop_pg_join("scope", cop("g"), cop_self());
    cop_pg_join("scope", cop("g"), cop("[A, B, A]", cop_self(), other));
    CHECK_EQ_INT(size_of(cop_pg_members("scope", cop("g"))), 4);
    for (int i = 3; i >= 1; i--) {
        CHECK(cop_pg_leave("scope", cop("g"), cop_self()));
        CHECK_EQ_INT(size_of(cop_pg_members("scope", cop("g"))), i);
    }
    CHECK(has(cop_pg_members("scope", cop("g")), other));
    cop_pg_join("scope", cop("g"), cop_nil());
    CHECK_EQ_INT(cop_try(join_remote, &remote, &reason, NULL), COP_CLASS_ERROR);
    CHECK(cop_match(reason, "{nolocal, _}"));
    remote.pids = cop("[1]");
    CHECK_EQ_INT(cop_try(join_remote, &remote, &reason, NULL), COP_CLASS_ERROR);
    CHECK(cop_match(reason, "badarg"));
}

/* Who is no member does not leave. */
CLAUSE(PG_03)
{
    begin();
    CHECK(!cop_pg_leave("scope", cop("g"), cop_self()));
    cop_pg_join("scope", cop("g"), cop_self());
    CHECK(!cop_pg_leave("scope", cop("h"), cop_self()));
    CHECK(!cop_pg_leave("scope", cop("g"), cop_nil()));
    CHECK(cop_pg_leave("scope", cop("g"), cop_self()));
    CHECK(!cop_pg_leave("scope", cop("g"), cop_self()));
}

/* Members; of a group or a scope that is not there, none. Groups are told apart as by =:=. */
CLAUSE(PG_04)
{
    begin();
    cop_pg_join("scope", cop("1"), cop_self());
    CHECK(has(cop_pg_members("scope", cop("1")), cop_self()));
    CHECK(has(cop_pg_local_members("scope", cop("1")), cop_self()));
    CHECK(cop_match(cop_pg_members("scope", cop("1.0")), "[]"));
    CHECK(cop_match(cop_pg_members("no_scope", cop("1")), "[]"));
}

/* The dead are removed: from all groups, of many. */
CLAUSE(PG_05)
{
    cop_pid one = cop_spawn(wait_for_ever, cop_nil()), other = cop_spawn(wait_for_ever, cop_nil());

    begin();
    for (int i = 0; i < 1000; i++) {
        cop_pg_join("scope", cop("{g, I}", i), one);
        if (i % 2)
            cop_pg_join("scope", cop("{g, I}", i), other);
        cop_turn_end();
    }
    cop_pg_join("scope", cop("all"), cop("[A, A, B]", one, other));
    CHECK_EQ_INT(size_of(cop_pg_which_groups("scope")), 1001);
    cop_exit_signal(one, cop("kill"));
    await_members("all", 1);
    CHECK_EQ_INT(size_of(cop_pg_which_groups("scope")), 501);
    cop_exit_signal(other, cop("kill"));
    await_members("all", 0);
    CHECK(cop_match(cop_pg_which_groups("scope"), "[]"));
}

static void watch_and_end(cop_term arg)
{
    (void)arg;
    cop_pg_monitor("scope", cop("g"), NULL);
    cop_pg_monitor_scope("scope", NULL);
}

/* Monitors of a group and of the scope: what there is, then each change, until demonitor; and of
 * who has ended nothing is left. */
CLAUSE(PG_06)
{
    cop_pid other = cop_spawn(wait_for_ever, cop_nil()), gone;
    cop_term there = COP_NONE, groups = COP_NONE, pids;
    cop_ref one, all, ended;

    begin();
    cop_pg_join("scope", cop("g"), cop_self());
    one = cop_pg_monitor("scope", cop("g"), &there);
    all = cop_pg_monitor_scope("scope", &groups);
    CHECK(cop_match(there, "[Self]", cop_self()));
    CHECK(cop_match(groups, "#{g := [Self]}", cop_self()));
    gone = cop_spawn_monitor(watch_and_end, cop_nil(), &ended);
    EXPECT("{'DOWN', Ref, process, _, normal}", ended);
    CHECK(gone.id != 0);
    cop_pg_join("scope", cop("g"), cop("[A, B]", other, other));
    EXPECT("{Ref, join, g, [A, B]}", one, other, other);
    EXPECT("{Ref, join, g, [A, B]}", all, other, other);
    cop_pg_join("scope", cop("h"), other);
    EXPECT("{Ref, join, h, [A]}", all, other);
    CHECK(cop_pg_leave("scope", cop("g"), other));
    EXPECT("{Ref, leave, g, [A]}", one, other);
    EXPECT("{Ref, leave, g, [A]}", all, other);
    cop_exit_signal(other, cop("kill"));
    EXPECT("{Ref, leave, g, [A]}", one, other);
    EXPECT("{Ref, leave, g, [A]}", all, other);
    EXPECT("{Ref, leave, h, [A]}", all, other);
    CHECK(cop_pg_leave("scope", cop("g"), cop_self()));
    CHECK(cop_pg_demonitor("scope", one)); /* and what is there of it is dropped */
    EXPECT("{Ref, leave, g, Pids}", all, &pids);
    CHECK(cop_pg_demonitor("scope", all));
    CHECK(!cop_pg_demonitor("scope", all));
    cop_pg_join("scope", cop("g"), cop_self());
    NOTHING();
}

static void ask_no_scope(void *which)
{
    cop_term (*ask)(const char *) = *(cop_term(**)(const char *))which;

    ask("no_scope");
}

/* Groups with members; a scope that is not there is an error. */
CLAUSE(PG_08)
{
    cop_term (*which)(const char *) = cop_pg_which_groups, reason = COP_NONE;

    begin();
    CHECK(cop_match(cop_pg_which_groups("scope"), "[]"));
    cop_pg_join("scope", cop("g"), cop_self());
    CHECK(cop_match(cop_pg_which_local_groups("scope"), "[g]"));
    CHECK_EQ_INT(cop_try(ask_no_scope, (void *)&which, &reason, NULL), COP_CLASS_ERROR);
    CHECK(cop_match(reason, "badarg"));
}

/* Another message is the end of a scope, and of its groups. */
CLAUSE(PG_09)
{
    cop_ref monitor;
    cop_pid pid;

    CHECK_EQ_INT(cop_pg_start(&pid, "scope", NULL), 0);
    monitor = cop_monitor(pid);
    cop_pg_join("scope", cop("g"), cop_self());
    cop_send(pid, cop("hello"));
    EXPECT("{'DOWN', Ref, process, _, {badarg, _}}", monitor);
    CHECK(cop_match(cop_pg_members("scope", cop("g")), "[]"));
}

static const cop_supervisor tree = {
    .children = COP_CHILDREN({ .name = "scope", .start = cop_pg_start_child, .arg = "scope" }, ),
};

/* As a child of a supervisor; PG-01 again. */
CLAUSE(a_supervised_scope)
{
    cop_pid pid;

    CHECK_EQ_INT(cop_supervisor_start_link(&pid, &tree, NULL), 0);
    cop_pg_join("scope", cop("g"), cop_self());
    CHECK(cop_match(cop_pg_which_groups("scope"), "[g]"));
}
