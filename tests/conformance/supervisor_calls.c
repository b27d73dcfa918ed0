/* SPDX-License-Identifier: Apache-2.0 */
/* Supervisors: requests, simple_one_for_one, reports, change of code (SUP-60 to SUP-72, SUP-79 to
 * SUP-95, SUP-142). */
#include "conformance/supervised.h"

static const cop_supervisor two = { .intensity = 100,
    .children = COP_CHILDREN(CHILD("a"), CHILD("b", .restart = COP_TEMPORARY), ) };
static const cop_supervisor simple = { .strategy = COP_SIMPLE_ONE_FOR_ONE,
    .intensity = 100,
    .children = COP_CHILDREN(CHILD("a", .arg = "x"), ) };

static cop_pid add(cop_pid sup, int64_t arg)
{
    cop_pid pid = { 0, 0 };

    CHECK_EQ_INT(cop_supervisor_start_child(&pid, sup, arg), 0);
    return pid;
}

/* A new child is the last in start order; {ok, Pid, Info} comes through. also: SUP-67 */
CLAUSE(SUP_60)
{
    const cop_child c = CHILD("c");
    cop_pid pid;

    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&two);

    set_mode("c", INFO, 0);
    CHECK_EQ_INT(cop_supervisor_start_child_spec(&pid, cop_dest(sup), &c, NULL), 0);
    CHECK(cop_match(cop_supervisor_which_children(cop_dest(sup)),
        "[{c, Pid, worker, [c]}, {b, _, worker, [b]}, {a, _, worker, [a]}]", pid));
    cop_supervisor_terminate_child(cop_dest(sup), cop("c"), NULL);
    CHECK(cop_match(
        cop_call(sup, cop("{restart_child, c}"), .timeout_ms = COP_INFINITY), "{ok, _, []}"));
}

/* The id is there already: running, or present. */
CLAUSE(SUP_61)
{
    const cop_child a = CHILD("a");
    cop_term error;
    cop_pid pid;

    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&two);

    CHECK_EQ_INT(cop_supervisor_start_child_spec(&pid, cop_dest(sup), &a, &error), -COP_EALREADY);
    CHECK(cop_match(error, "{already_started, Pid}", pid_of(sup, "a")));
    cop_supervisor_terminate_child(cop_dest(sup), cop("a"), NULL);
    CHECK_EQ_INT(cop_supervisor_start_child_spec(&pid, cop_dest(sup), &a, &error), -COP_EALREADY);
    CHECK_TERM(error, "already_present");
}

/* A start that fails: {Reason, Child}, and the specification is not kept. */
CLAUSE(SUP_62)
{
    const cop_child c = CHILD("c");
    cop_term error;
    cop_pid pid;

    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&two);

    set_mode("c", FAILS, 0);
    CHECK_EQ_INT(cop_supervisor_start_child_spec(&pid, cop_dest(sup), &c, &error), -COP_EEXIT);
    CHECK(cop_match(error, "{failed, _}"));
    CHECK_TERM(child_of(sup, "c"), "gone");
}

/* ignore: {ok, undefined}; the specification stays unless it is temporary. */
CLAUSE(SUP_63)
{
    const cop_child c = CHILD("c"), d = CHILD("d", .restart = COP_TEMPORARY);
    cop_pid pid = { 1, 0 };

    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&two);

    set_mode("c", IGNORES, 0);
    set_mode("d", IGNORES, 0);
    CHECK_EQ_INT(cop_supervisor_start_child_spec(&pid, cop_dest(sup), &c, NULL), 0);
    CHECK_EQ_INT(pid.id, 0);
    CHECK_EQ_INT(cop_supervisor_start_child_spec(&pid, cop_dest(sup), &d, NULL), 0);
    CHECK_TERM(child_of(sup, "c"), "undefined");
    CHECK_TERM(child_of(sup, "d"), "gone");
}

/* terminate_child: ok also when it does not run; temporary ones are forgotten. */
CLAUSE(SUP_64)
{
    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&two), a = pid_of(sup, "a");

    CHECK_EQ_INT(cop_supervisor_terminate_child(cop_dest(sup), cop("a"), NULL), 0);
    CHECK_EQ_INT(cop_supervisor_terminate_child(cop_dest(sup), cop("a"), NULL), 0);
    CHECK_EQ_INT(cop_supervisor_terminate_child(cop_dest(sup), cop("b"), NULL), 0);
    CHECK_TERM(child_of(sup, "a"), "undefined");
    CHECK_TERM(child_of(sup, "b"), "gone");
    CHECK_EQ_INT(cop_supervisor_terminate_child(cop_dest(sup), cop("zz"), NULL), -COP_ENOTFOUND);
    CHECK_EQ_INT(cop_supervisor_terminate_child(cop_dest(sup), cop("A", a), NULL), -COP_ENOTFOUND);
}

/* restart_child and its answers. */
CLAUSE(SUP_65)
{
    cop_term error;
    cop_pid pid;

    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&two);

    CHECK_EQ_INT(cop_supervisor_restart_child(&pid, cop_dest(sup), cop("a"), &error), -EBUSY);
    CHECK_TERM(error, "running");
    CHECK_EQ_INT(
        cop_supervisor_restart_child(&pid, cop_dest(sup), cop("zz"), &error), -COP_ENOTFOUND);
    cop_supervisor_terminate_child(cop_dest(sup), cop("a"), NULL);
    set_mode("a", FAILS, 1);
    CHECK_EQ_INT(cop_supervisor_restart_child(&pid, cop_dest(sup), cop("a"), &error), -COP_EEXIT);
    CHECK_TERM(error, "failed");
    CHECK_TERM(child_of(sup, "a"), "undefined");
    CHECK_EQ_INT(cop_supervisor_restart_child(&pid, cop_dest(sup), cop("a"), &error), 0);
    CHECK(pid.id && pid.id == pid_of(sup, "a").id);
}

/* delete_child only when it does not run. */
CLAUSE(SUP_66)
{
    cop_term error;

    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&two);

    CHECK_EQ_INT(cop_supervisor_delete_child(cop_dest(sup), cop("a"), &error), -EBUSY);
    CHECK_TERM(error, "running");
    CHECK_EQ_INT(cop_supervisor_delete_child(cop_dest(sup), cop("zz"), &error), -COP_ENOTFOUND);
    cop_supervisor_terminate_child(cop_dest(sup), cop("a"), NULL);
    CHECK_EQ_INT(cop_supervisor_delete_child(cop_dest(sup), cop("a"), &error), 0);
    CHECK_TERM(child_of(sup, "a"), "gone");
}

/* count_children: specifications, living ones, and by type. */
CLAUSE(SUP_68)
{
    const cop_supervisor tree = { .children = COP_CHILDREN(
                                      CHILD("a"), CHILD("b", .type_supervisor = true), ) };

    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&tree);

    cop_supervisor_terminate_child(cop_dest(sup), cop("a"), NULL);
    CHECK_TERM(cop_supervisor_count_children(cop_dest(sup)),
        "[{specs,2},{active,1},{supervisors,1},{workers,1}]");
}

/* which_child. */
CLAUSE(SUP_69)
{
    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&two);

    CHECK(cop_match(cop_supervisor_which_child(cop_dest(sup), cop("a")),
        "{ok, {a, Pid, worker, [a]}}", pid_of(sup, "a")));
    CHECK_TERM(cop_supervisor_which_child(cop_dest(sup), cop("zz")), "{error,not_found}");
}

/* The requests are those terms; a map in Erlang's form starts code that is listed. */
CLAUSE(SUP_70)
{
    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&two);

    TRACE("+a+b");
    CHECK(cop_match(cop_call(sup, cop("which_children")), "[{b, _, _, _}, {a, _, _, _}]"));
    CHECK(cop_match(cop_call(sup, cop("{terminate_child, a}")), "ok"));
    CHECK(cop_match(cop_call(sup, cop("{restart_child, a}")), "{ok, _}"));
    TRACE("-a+a");
    CHECK(cop_match(
        cop_call(sup, cop("{start_child, #{id => {n, 1}, start => {a, start, [5]}}}")), "{ok, _}"));
    TRACE("+a");
    CHECK(cop_match(cop_call(sup, cop("{get_childspec, {n, 1}}")),
        "{ok, #{start := {a, start, [5]}, id := {n, 1}}}"));
    CHECK(cop_match(cop_call(sup, cop("{start_child, #{id => y, start => {os, cmd, []}}}")),
        "{error, {invalid_mfa, {os, cmd, []}}}"));
    CHECK(cop_match(cop_call(sup, cop("{delete_child, a}")), "{error, running}"));
    CHECK(cop_match(cop_call(sup, cop("{which_child, a}")), "{ok, {a, _, _, _}}"));
    CHECK(cop_match(cop_call(sup, cop("count_children")), "[{specs, 3} | _]"));
}

/* Any other call is a function_clause; any other message is logged and dropped. */
CLAUSE(SUP_71)
{
    cop_term reason;

    be_tester(COP_LOG_ERROR);
    cop_pid sup = start_tree(&two);

    cop_send(sup, cop("{hello, 1}"));
    EXPECT("{log, 3, <<\"Supervisor received unexpected message: {hello,1}\">>, _}");
    CHECK(!cop_try_call(&reason, sup, cop("nonsense")));
    CHECK(cop_match(end_of(sup), "{function_clause, _}"));
}

/* The argument of a temporary child is not kept. */
CLAUSE(SUP_72)
{
    be_tester(COP_LOG_EMERGENCY);
    CHECK(cop_match(cop_supervisor_get_childspec(cop_dest(start_tree(&two)), cop("b")),
        "{ok, #{start := {b, start, undefined}}}"));
}

/* Exactly one template; nothing starts by itself. */
CLAUSE(SUP_79)
{
    be_tester(COP_LOG_EMERGENCY);
    CHECK(cop_match(start_error(&(cop_supervisor){ .strategy = COP_SIMPLE_ONE_FOR_ONE }),
        "{bad_start_spec, []}"));
    CHECK(cop_match(start_error(&(cop_supervisor){
                        .strategy = COP_SIMPLE_ONE_FOR_ONE, .children = two.children }),
        "{bad_start_spec, [#{id := a}, #{id := b}]}"));
    start_tree(&simple);
    NEVER("{trace, _, _}");
}

static void tell_arg(cop_term arg)
{
    cop_term m;

    cop_send("tester", cop("{arg, Self, Arg}", cop_self(), arg));
    for (;;) {
        m = cop_receive();
        cop_exit(m);
    }
}

/* The template's arguments come before those of start_child; a restart has the same ones. */
CLAUSE(SUP_80)
{
    const cop_supervisor with = { .strategy = COP_SIMPLE_ONE_FOR_ONE,
        .children = COP_CHILDREN({ .process = tell_arg, .arg = "x" }, ) };
    const cop_supervisor without = { .strategy = COP_SIMPLE_ONE_FOR_ONE,
        .children = COP_CHILDREN({ .process = tell_arg }, ) };

    be_tester(COP_LOG_EMERGENCY);
    cop_pid pid = add(start_tree(&with), 7);

    EXPECT("{arg, Pid, [x, 7]}", pid);
    cop_send(pid, cop("boom"));
    EXPECT("{arg, _, [x, 7]}");
    add(start_tree(&without), 8);
    EXPECT("{arg, _, 8}");
}

/* Listed without ids; specs is one. */
CLAUSE(SUP_81)
{
    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&simple);

    add(sup, 1);
    add(sup, 2);
    CHECK(cop_match(cop_supervisor_which_children(cop_dest(sup)),
        "[{undefined, _, worker, [a]}, {undefined, _, worker, [a]}]"));
    CHECK_TERM(cop_supervisor_count_children(cop_dest(sup)),
        "[{specs,1},{active,2},{supervisors,0},{workers,2}]");
}

/* ignore keeps nothing; a failure is the bare reason. */
CLAUSE(SUP_82)
{
    cop_pid pid = { 1, 0 };
    cop_term error;

    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&simple);

    set_mode("a", IGNORES, 1);
    CHECK_EQ_INT(cop_supervisor_start_child(&pid, sup, 1), 0);
    CHECK_EQ_INT(pid.id, 0);
    set_mode("a", FAILS, 1);
    CHECK_EQ_INT(
        cop_supervisor_start_child_arg(&pid, cop_dest(sup), cop_int(1), &error), -COP_EEXIT);
    CHECK_TERM(error, "failed");
    CHECK_TERM(cop_supervisor_which_children(cop_dest(sup)), "[]");
}

/* terminate_child by pid: a child, a dead process, a stranger, no pid. */
CLAUSE(SUP_83)
{
    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&simple), pid = add(sup, 1);

    CHECK_EQ_INT(cop_supervisor_terminate_child(cop_dest(sup), cop("P", pid), NULL), 0);
    CHECK(!cop_is_alive(pid));
    CHECK_EQ_INT(cop_supervisor_terminate_child(cop_dest(sup), cop("P", pid), NULL), 0);
    CHECK_EQ_INT(
        cop_supervisor_terminate_child(cop_dest(sup), cop("P", cop_self()), NULL), -COP_ENOTFOUND);
    CHECK(cop_match(cop_call(sup, cop("{terminate_child, a}")), "{error, simple_one_for_one}"));
}

/* No restart_child, no delete_child. */
CLAUSE(SUP_84)
{
    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&simple);

    CHECK(cop_match(cop_call(sup, cop("{delete_child, a}")), "{error, simple_one_for_one}"));
    CHECK(cop_match(cop_call(sup, cop("{restart_child, a}")), "{error, simple_one_for_one}"));
}

/* All are asked at once, one time for all, and survivors killed; errors are told once a reason,
 * with their number. also: SUP-86 */
CLAUSE(SUP_85)
{
    const cop_supervisor tree = { .strategy = COP_SIMPLE_ONE_FOR_ONE,
        .children = COP_CHILDREN(CHILD("a", .shutdown_ms = 300), ) };

    be_tester(COP_LOG_ERROR);
    cop_pid sup = start_tree(&tree);
    int64_t began_ms = cop_monotonic_ms();

    for (int i = 0; i < 20; i++)
        add(sup, i);
    set_mode("a", REFUSES, 0);
    cop_exit_signal(sup, cop("shutdown"));
    CHECK_TERM(end_of(sup), "shutdown");
    CHECK(cop_monotonic_ms() - began_ms < 20 * 300);
    EXPECT("{log, _, #{report := [_, {errorContext, shutdown_error}, {reason, killed}, {offender, "
           "[{nb_children, 20}, {id, a} | _]}]}, _}");
    NEVER("{log, _, _, _}");
}

/* No progress reports. */
CLAUSE(SUP_87)
{
    be_tester(COP_LOG_DEBUG);
    add(start_tree(&simple), 1);
    NEVER("{log, _, #{label := {supervisor, progress}}, _}");
}

/* ignore on a restart drops the child; a child that is not restarted is dropped; a failing restart
 * is tried again. also: SUP-142 */
CLAUSE(SUP_88)
{
    const cop_supervisor transient = { .strategy = COP_SIMPLE_ONE_FOR_ONE,
        .intensity = 100,
        .children = COP_CHILDREN(CHILD("a", .restart = COP_TRANSIENT), ) };

    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&transient), pid = add(sup, 1);

    TRACE("+a");
    set_mode("a", IGNORES, 1);
    crash(pid, cop("boom"));
    TRACE("+a");
    CHECK_TERM(cop_supervisor_which_children(cop_dest(sup)), "[]");
    pid = add(sup, 1);
    TRACE("+a");
    set_mode("a", FAILS, 3);
    crash(pid, cop("boom"));
    TRACE("+a+a+a+a");
    CHECK(
        cop_match(cop_supervisor_which_children(cop_dest(sup)), "[{undefined, Pid, _, _}]", &pid));
    crash(pid, cop("normal"));
    CHECK_TERM(cop_supervisor_which_children(cop_dest(sup)), "[]");
}

/* get_childspec by pid or by the template's id. */
CLAUSE(SUP_89)
{
    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&simple), pid = add(sup, 1);
    cop_term by_pid = cop_supervisor_get_childspec(cop_dest(sup), cop("P", pid));

    CHECK(cop_match(by_pid, "{ok, #{id := a, start := {a, start, [x]}}}"));
    CHECK(cop_identical(by_pid, cop_supervisor_get_childspec(cop_dest(sup), cop("a"))));
}

/* The report of a crash, whole; then the restart and its progress. also: SUP-91, SUP-93 */
CLAUSE(SUP_90)
{
    cop_term report;
    int level;

    be_tester(COP_LOG_INFO);
    cop_pid sup = start_tree(&two), a = pid_of(sup, "a");

    EXPECT("{log, _, #{label := {supervisor, progress}}, _}");
    EXPECT("{log, _, #{label := {supervisor, progress}}, _}");
    crash(a, cop("boom"));
    EXPECT("{log, Level, Report, #{domain := [otp, sasl]}}", &level, &report);
    CHECK_EQ_INT(level, COP_LOG_ERROR);
    CHECK(cop_match(report,
        "#{label := {supervisor, child_terminated}, report := [{supervisor, {Sup, supervisor}}, "
        "{errorContext, child_terminated}, {reason, boom}, {offender, [{pid, A}, {id, a}, "
        "{mfargs, {a, start, [[]]}}, {restart_type, permanent}, {significant, false}, "
        "{shutdown, 5000}, {child_type, worker}]}]}",
        sup, a));
    EXPECT("{log, _, #{label := {supervisor, progress}}, _}");
}

static void parent_of(cop_term arg)
{
    cop_pid sup;

    (void)arg;
    cop_must(cop_supervisor_start_link(&sup, &two, NULL));
    cop_send("tester", cop("{sup, Sup}", sup));
    EXPECT("go");
    cop_exit(cop("abnormal"));
}

/* An abnormal end of the parent is also told by the gen_server. */
CLAUSE(SUP_94)
{
    be_tester(COP_LOG_ERROR);
    cop_pid parent = cop_spawn(parent_of, COP_NONE);

    EXPECT("{sup, _}");
    cop_send(parent, cop("go"));
    EXPECT("{log, _, #{label := {gen_server, terminate}}, _}");
    EXPECT("{log, _, #{label := {proc_lib, crash}}, _}");
}

static _Atomic bool changed;

static bool init_changing(cop_supervisor *flags, cop_child **children, cop_term arg)
{
    static const cop_child before[] = { CHILD("a"), CHILD("b"), { .name = 0 } };
    static const cop_child after[] = { CHILD("b", .restart = COP_TRANSIENT), CHILD("c"),
        { .name = 0 } };

    (void)arg;
    *children = cop_alloc(sizeof(before));
    memcpy(*children, changed ? after : before, sizeof(before));
    flags->strategy = changed ? COP_ONE_FOR_ALL : COP_ONE_FOR_ONE;
    return true;
}

enum { SIMPLE, SIMPLE_TRANSIENT, IGNORED, BAD_INTENSITY, OTHER_KIND, TWO_TEMPLATES, BAD_CHILD };
static _Atomic int shape;

static bool init_shaped(cop_supervisor *flags, cop_child **children, cop_term arg)
{
    static const cop_child one[] = { CHILD("a"), { .name = 0 } },
                           transient[] = { CHILD("a", .restart = COP_TRANSIENT), { .name = 0 } },
                           both[] = { CHILD("a"), CHILD("b"), { .name = 0 } },
                           bad[] = { CHILD("a", .shutdown_ms = -77), { .name = 0 } };
    const cop_child *now = shape == SIMPLE_TRANSIENT ? transient
                           : shape == TWO_TEMPLATES  ? both
                           : shape == BAD_CHILD      ? bad
                                                     : one;

    (void)arg;
    *children = cop_alloc(sizeof both);
    memcpy(*children, now, now == both ? sizeof both : sizeof one);
    flags->strategy = shape == OTHER_KIND ? COP_ONE_FOR_ALL : COP_SIMPLE_ONE_FOR_ONE;
    flags->intensity = shape == BAD_INTENSITY ? -5 : 1;
    return shape != IGNORED;
}

static cop_term change_to(cop_pid sup, int to)
{
    cop_term result;

    shape = to;
    cop_sys_suspend(sup);
    result = cop_sys_change_code_of(cop_dest(sup), cop("supervisor"), cop("1"), cop("[]"), 0);
    cop_sys_resume(sup);
    return result;
}

static bool init_twins(cop_supervisor *flags, cop_child **children, cop_term arg)
{
    static const cop_child before[] = { CHILD("a"), CHILD("b"), { .name = 0 } };
    static const cop_child after[] = { CHILD("a"), CHILD("a"), { .name = 0 } };

    (void)arg, (void)flags;
    *children = cop_alloc(sizeof before);
    memcpy(*children, changed ? after : before, sizeof before);
    return true;
}

/* A change of code: pids stay under the new specification, the unlisted run on, new ones wait. So
 * for the template of simple_one_for_one; what does not fit is refused and changes nothing. */
CLAUSE(SUP_95)
{
    const cop_supervisor tree = { .init = init_changing }, shaped = { .init = init_shaped },
                         twins = { .init = init_twins };

    be_tester(COP_LOG_EMERGENCY);
    changed = false;
    cop_pid sup = start_tree(&tree), a = pid_of(sup, "a"), b = pid_of(sup, "b");

    changed = true;
    cop_sys_suspend(sup);
    CHECK_TERM(
        cop_sys_change_code_of(cop_dest(sup), cop("supervisor"), cop("1"), cop("[]"), 0), "ok");
    cop_sys_resume(sup);
    CHECK(pid_of(sup, "a").id == a.id && pid_of(sup, "b").id == b.id);
    CHECK_TERM(child_of(sup, "c"), "undefined");
    CHECK(cop_match(
        cop_supervisor_get_childspec(cop_dest(sup), cop("b")), "{ok, #{restart := transient}}"));

    shape = SIMPLE;
    sup = start_tree(&shaped);
    a = add(sup, 1);
    CHECK_TERM(change_to(sup, SIMPLE_TRANSIENT), "ok");
    CHECK(cop_match(
        cop_supervisor_get_childspec(cop_dest(sup), cop("A", a)), "{ok, #{restart := transient}}"));
    CHECK_TERM(change_to(sup, IGNORED), "ok");
    CHECK_TERM(change_to(sup, BAD_INTENSITY), "{error,{error,{invalid_intensity,-5}}}");
    CHECK(cop_match(change_to(sup, OTHER_KIND), "{error, {error, {invalid_strategy, _}}}"));
    CHECK(cop_match(change_to(sup, TWO_TEMPLATES), "{error, {error, {bad_start_spec, _}}}"));
    CHECK(cop_match(change_to(sup, BAD_CHILD), "{error, {error, {start_spec, _}}}"));
    CHECK(cop_match(
        cop_supervisor_get_childspec(cop_dest(sup), cop("A", a)), "{ok, #{restart := transient}}"));
    CHECK(cop_is_alive(a));

    changed = false;
    sup = start_tree(&twins);
    changed = true;
    CHECK(cop_match(change_to(sup, SIMPLE), "{error, {error, {start_spec, _}}}"));
    changed = false;
    CHECK(!cop_match(child_of(sup, "b"), "gone"));
}
