/* SPDX-License-Identifier: Apache-2.0 */
/* Dynamic supervisors and tasks under them, clause by clause (docs/spec/supervisor.md, task.md). */
#include <coppice/dynamic_supervisor.h>
#include <coppice/task.h>

#include "conformance/told_server.h"

/* {Owner, What}: tells its owner of its start; What is run, ignore, {error, R}, {raise, R},
 * {throw, R}, {exit, R} or stubborn. */
static void worker_main(cop_term arg)
{
    cop_term what, reason;
    cop_pid owner;

    cop_must(cop_match(arg, "{Owner, What}", &owner, &what));
    if (cop_match(what, "stubborn") || cop_match(what, "slow"))
        cop_trap_exit(true);
    cop_send(owner, cop("{up, Self, What}", cop_self(), what));
    for (;;) {
        cop_term message = cop_receive();

        if (cop_match(message, "{exit, Reason}", &reason))
            cop_exit(reason);
        if (cop_match(what, "slow") && cop_match(message, "{'EXIT', _, shutdown}")) {
            cop_sleep(20);
            cop_exit(cop("shutdown"));
        }
    }
}

static int starts_that_fail;

static cop_child_start start_worker(cop_term arg, const void *context)
{
    cop_term inner = arg, what, reason, extra;
    cop_pid owner;

    (void)context;
    if (cop_match(arg, "[Extra, Inner]", &extra, &inner)) {
        cop_must(cop_match(inner, "{Owner, _}", &owner));
        cop_send(owner, cop("{extra, Extra}", extra));
    }
    cop_must(cop_match(inner, "{Owner, What}", &owner, &what));
    if (cop_match(what, "ignore") || (cop_match(what, "ignore_later") && starts_that_fail > 0))
        return (cop_child_start){ .result = COP_CHILD_IGNORE };
    if (cop_match(what, "ignore_later"))
        starts_that_fail++;
    if (cop_match(what, "{error, Reason}", &reason))
        return (cop_child_start){ .result = COP_CHILD_ERROR, .info = reason };
    if (cop_match(what, "{raise, Reason}", &reason))
        cop_error(reason);
    if (cop_match(what, "{exit, Reason}", &reason))
        cop_exit(reason);
    if (cop_match(what, "{throw, Reason}", &reason))
        cop_throw(reason);
    if (cop_match(what, "fails_twice") && starts_that_fail > 0 && starts_that_fail++ < 3)
        return (cop_child_start){ .result = COP_CHILD_ERROR, .info = cop("not_yet") };
    if (cop_match(what, "fails_twice"))
        starts_that_fail++;
    return (cop_child_start){ .result = COP_CHILD_OK, .pid = cop_spawn_link(worker_main, inner) };
}

static cop_child child_of(const char *what, enum cop_restart restart)
{
    cop_term parsed = COP_NONE;

    cop_parse(&parsed, (cop_bytes){ what, strlen(what) }, NULL);
    return (cop_child){ .name = "worker",
        .start = start_worker,
        .arg_term = cop("{Owner, What}", cop_self(), parsed),
        .restart = restart };
}

static const cop_dynamic_supervisor plain = { .intensity = 100 };

static cop_pid supervisor(const cop_dynamic_supervisor *definition)
{
    cop_pid pid = { 0, 0 };

    cop_trap_exit(true);
    CHECK_EQ_INT(cop_dynamic_supervisor_start_link(&pid, definition, NULL), 0);
    return pid;
}

static cop_pid start(cop_pid supervisor_pid, const char *what, enum cop_restart restart)
{
    const cop_child child = child_of(what, restart);
    cop_pid pid = { 0, 0 };

    CHECK_EQ_INT(cop_dynamic_supervisor_start_child(&pid, supervisor_pid, &child), 0);
    EXPECT("{up, Pid, _}", pid);
    return pid;
}

/* One for one, and nothing else can be said; what is out of range is refused. also: SUP-101 */
CLAUSE(SUP_100)
{
    static const cop_dynamic_supervisor bad[] = { { .max_children = -1 }, { .intensity = -2 },
        { .period_s = -1 }, { .extra_arguments = "not a list" } };
    static const char *const errors[] = { "invalid_max_children", "invalid_intensity",
        "invalid_period", "invalid_extra_arguments" };
    cop_pid pid;

    cop_trap_exit(true);
    for (int i = 0; i < 4; i++) {
        cop_term error = COP_NONE, what = COP_NONE;

        CHECK_EQ_INT(cop_dynamic_supervisor_start_link(&pid, &bad[i], &error), -COP_EEXIT);
        CHECK_MATCH(error, "{supervisor_data, {What, _}}", &what);
        CHECK_TERM(what, errors[i]);
    }
}

/* No children at first; ids do not matter. */
CLAUSE(SUP_102)
{
    cop_pid sup = supervisor(&plain);

    CHECK_TERM(cop_supervisor_which_children(cop_dest(sup)), "[]");
    start(sup, "run", COP_PERMANENT);
    start(sup, "run", COP_PERMANENT); /* the same id */
    CHECK_MATCH(cop_supervisor_count_children(cop_dest(sup)), "[{specs, 2} | _]");
}

/* What start_child returns. */
CLAUSE(SUP_103)
{
    static const struct {
        const char *what;
        int result;
    } starts[] = { { "ignore", -ECANCELED }, { "{error, why}", -COP_EEXIT },
        { "{exit, why}", -COP_EEXIT }, { "{raise, why}", -COP_EEXIT },
        { "{throw, why}", -COP_EEXIT } };
    cop_pid sup = supervisor(&plain), pid;

    for (int i = 0; i < 5; i++) {
        const cop_child child = child_of(starts[i].what, COP_PERMANENT);
        cop_term error = COP_NONE;

        CHECK_EQ_INT(cop_dynamic_supervisor_start_child_of(&pid, cop_dest(sup), &child, &error),
            starts[i].result);
        if (i == 1 || i == 2)
            CHECK_TERM(error, "why");
        if (i == 3)
            CHECK_MATCH(error, "{why, [_ | _]}");
        if (i == 4)
            CHECK_MATCH(error, "{{nocatch, why}, [_ | _]}");
    }
    CHECK_TERM(cop_supervisor_which_children(cop_dest(sup)), "[]");
}

/* A specification that is wrong never gets to the supervisor. */
CLAUSE(SUP_104)
{
    cop_pid sup = supervisor(&plain), pid;
    cop_child none = { .name = "none" }, restart = child_of("run", (enum cop_restart)9);
    cop_child shutdown = child_of("run", COP_PERMANENT);
    cop_term error = COP_NONE;

    shutdown.shutdown_ms = -77;
    CHECK_EQ_INT(
        cop_dynamic_supervisor_start_child_of(&pid, cop_dest(sup), &none, &error), -COP_EEXIT);
    CHECK_EQ_INT(
        cop_dynamic_supervisor_start_child_of(&pid, cop_dest(sup), &restart, &error), -COP_EEXIT);
    CHECK_MATCH(error, "{invalid_restart_type, _}");
    CHECK_EQ_INT(
        cop_dynamic_supervisor_start_child_of(&pid, cop_dest(sup), &shutdown, &error), -COP_EEXIT);
    CHECK_MATCH(error, "{invalid_shutdown, _}");
}

/* max_children counts those that are being restarted. */
CLAUSE(SUP_105)
{
    static const cop_dynamic_supervisor two = { .max_children = 2 };
    const cop_child child = child_of("run", COP_PERMANENT);
    cop_pid sup = supervisor(&two), pid = start(sup, "run", COP_PERMANENT);
    cop_term error = COP_NONE;

    start(sup, "run", COP_PERMANENT);
    CHECK_EQ_INT(
        cop_dynamic_supervisor_start_child_of(&pid, cop_dest(sup), &child, &error), -EAGAIN);
    CHECK_TERM(error, "max_children");
}

/* Extra arguments come first, at restarts too. */
CLAUSE(SUP_106)
{
    static const cop_dynamic_supervisor extra = { .extra_arguments = "[first]", .intensity = 9 };
    cop_pid sup = supervisor(&extra), pid = start(sup, "run", COP_PERMANENT);

    EXPECT("{extra, first}");
    cop_send(pid, cop("{exit, why}"));
    EXPECT("{extra, first}");
    EXPECT("{up, _, run}");
}

/* which_children and count_children. */
CLAUSE(SUP_107)
{
    cop_pid sup = supervisor(&plain), pid = start(sup, "run", COP_PERMANENT);

    CHECK(cop_match(
        cop_supervisor_which_children(cop_dest(sup)), "[{undefined, Pid, worker, _}]", pid));
    CHECK_TERM(cop_supervisor_count_children(cop_dest(sup)),
        "[{specs,1},{active,1},{supervisors,0},{workers,1}]");
}

/* Terminated, a child is forgotten; others are not found. */
CLAUSE(SUP_108)
{
    cop_pid sup = supervisor(&plain), pid = start(sup, "run", COP_PERMANENT);

    CHECK_EQ_INT(cop_dynamic_supervisor_terminate_child(sup, pid), 0);
    CHECK(!cop_is_alive(pid));
    CHECK_TERM(cop_supervisor_which_children(cop_dest(sup)), "[]");
    CHECK_EQ_INT(cop_dynamic_supervisor_terminate_child(sup, pid), -COP_ENOTFOUND);
    CHECK_EQ_INT(cop_dynamic_supervisor_terminate_child(sup, cop_self()), -COP_ENOTFOUND);
}

static int64_t specs_of(cop_pid sup)
{
    int64_t specs = -1;

    cop_match(cop_supervisor_count_children(cop_dest(sup)), "[{specs, N} | _]", &specs);
    return specs;
}

/* Who is started again; who is not is forgotten. */
CLAUSE(SUP_109)
{
    cop_pid sup = supervisor(&plain), pid;

    pid = start(sup, "run", COP_PERMANENT);
    cop_send(pid, cop("{exit, normal}"));
    EXPECT("{up, Pid, run}", &pid);
    CHECK_EQ_INT(cop_dynamic_supervisor_terminate_child(sup, pid), 0);
    pid = start(sup, "run", COP_TRANSIENT);
    cop_send(pid, cop("{exit, why}"));
    EXPECT("{up, Pid, run}", &pid);
    cop_send(pid, cop("{exit, normal}"));
    reason_of_exit(pid);
    CHECK_EQ_INT(specs_of(sup), 0);
    pid = start(sup, "run", COP_TEMPORARY);
    cop_send(pid, cop("{exit, why}"));
    reason_of_exit(pid);
    CHECK_EQ_INT(specs_of(sup), 0);
}

/* ignore at a restart drops it; a restart that fails is tried again. */
CLAUSE(SUP_110)
{
    cop_pid sup = supervisor(&plain), pid;

    starts_that_fail = 0;
    pid = start(sup, "ignore_later", COP_PERMANENT);
    cop_send(pid, cop("{exit, why}"));
    reason_of_exit(pid);
    while (specs_of(sup) > 0)
        cop_sleep(1);
    starts_that_fail = 0;
    pid = start(sup, "fails_twice", COP_PERMANENT);
    cop_send(pid, cop("{exit, why}"));
    EXPECT("{up, _, fails_twice}");
    CHECK_EQ_INT(specs_of(sup), 1);
}

/* Three restarts in five seconds, and no more. */
CLAUSE(SUP_111)
{
    static const cop_dynamic_supervisor usual = { .name = "usual" };
    cop_pid sup = supervisor(&usual), pid = start(sup, "run", COP_PERMANENT);

    for (int i = 0; i < 3; i++) {
        cop_send(pid, cop("{exit, why}"));
        EXPECT("{up, Pid, run}", &pid);
    }
    cop_send(pid, cop("{exit, why}"));
    EXPECT("{'EXIT', Sup, shutdown}", sup);
}

/* All are stopped at once, each within its own time; what is out of order is reported.
 * also: SUP-113 */
CLAUSE(SUP_112)
{
    cop_pid sup = supervisor(&plain);
    cop_child stubborn = child_of("stubborn", COP_PERMANENT);
    cop_pid slow, hard;
    int64_t before_ms;

    for (int i = 0; i < 10; i++)
        slow = start(sup, "slow", COP_PERMANENT);
    stubborn.shutdown_ms = 30;
    CHECK_EQ_INT(cop_dynamic_supervisor_start_child(&hard, sup, &stubborn), 0);
    EXPECT("{up, _, stubborn}");
    before_ms = cop_monotonic_ms();
    watch_log();
    cop_exit_signal(sup, cop("shutdown"));
    EXPECT("{'EXIT', Sup, shutdown}", sup);
    EXPECT("{log, 3, #{label := {supervisor, shutdown_error}, report :="
           " [_, _, {reason, killed}, _]}, _}");
    NEVER("{log, _, _, _}");
    unwatch_log();
    CHECK(!cop_is_alive(slow) && !cop_is_alive(hard));
    CHECK(cop_monotonic_ms() - before_ms < 200 * 10); /* not one after the other */
}

/* Reports, and messages that nobody expects. also: SUP-115 */
CLAUSE(SUP_114)
{
    cop_pid sup = supervisor(&plain), pid = start(sup, "run", COP_TEMPORARY);

    watch_log();
    cop_send(pid, cop("{exit, why}"));
    EXPECT("{log, 3, #{label := {supervisor, child_terminated}, report := [_, _, {reason, why},"
           " {offender, [{pid, Pid}, {id, undefined}, {mfargs, _}, {restart_type, temporary} |"
           " _]}]}, _}",
        pid);
    cop_send(sup, cop("hello"));
    EXPECT("{log, _, _, _}");
    unwatch_log();
    CHECK_TERM(cop_supervisor_which_children(cop_dest(sup)), "[]");
}

/* --- Tasks under a supervisor ----------------------------------------------------------------- */

static cop_term work(cop_term arg)
{
    cop_term value;
    cop_pid pid;

    if (cop_match(arg, "{exit, Value}", &value))
        cop_exit(value);
    if (cop_match(arg, "{tell, Pid}", &pid)) {
        cop_send(pid, cop("{told, Self, Ancestors, Callers}", cop_self(),
                          cop_get(cop("'$ancestors'")), cop_get(cop("'$callers'"))));
        return cop("told");
    }
    if (cop_match(arg, "sleep"))
        cop_sleep(COP_INFINITY);
    return cop("{did, Arg}", arg);
}

/* A dynamic supervisor whose children are temporary. also: SUP-125, TSK-55 */
CLAUSE(SUP_124)
{
    static const cop_dynamic_supervisor named = { .name = "tasks", .max_children = 5 };
    cop_pid sup = supervisor(&named), pid = { 0, 0 }, found;
    cop_term mode = COP_NONE;

    CHECK(cop_whereis(&found, "tasks") && found.id == sup.id);
    CHECK_EQ_INT(cop_task_supervisor_start_child(
                     &pid, cop_dest("tasks"), work, cop("sleep"), COP_TEMPORARY, 0),
        0);
    CHECK_MATCH(cop_supervisor_which_children(cop_dest(sup)), "[{undefined, _, Mode, _}]", &mode);
    CHECK_TERM(mode, "worker");
    cop_exit_signal(pid, cop("why"));
    reason_of_exit(pid);
    CHECK_EQ_INT(specs_of(sup), 0);
}

/* The supervisor is the ancestor, who asked is the first caller. */
CLAUSE(TSK_07)
{
    cop_pid sup = supervisor(&plain);
    cop_term ancestors = COP_NONE, callers = COP_NONE;

    CHECK_TERM(
        cop_task_await(cop_task_supervisor_async(sup, work, cop("{tell, Self}", cop_self())), 0),
        "told");
    EXPECT("{told, _, Ancestors, Callers}", &ancestors, &callers);
    CHECK(cop_match(ancestors, "[Sup | _]", sup));
    CHECK(cop_match(callers, "[Self | _]", cop_self()));
}

/* async links the caller too, async_nolink does not. also: TSK-31 */
CLAUSE(TSK_48)
{
    cop_pid sup = supervisor(&plain);
    cop_term value = COP_NONE;
    cop_task task;

    task = cop_task_supervisor_async(sup, work, cop("x"));
    CHECK_TERM(cop_task_await(task, 0), "{did,x}");
    EXPECT("{'EXIT', Pid, normal}", task.pid);
    task = cop_task_supervisor_async(sup, work, cop("{exit, why}"));
    EXPECT("{'EXIT', Pid, why}", task.pid);
    CHECK_EQ_INT(cop_task_yield(&value, task, 0), COP_TASK_EXIT);
    task = cop_task_supervisor_async_nolink(sup, work, cop("{exit, why}"));
    CHECK_EQ_INT(cop_task_yield(&value, task, 0), COP_TASK_EXIT);
    NOTHING();
}

static void run_async(void *arg)
{
    cop_task_supervisor_async_in(cop_dest(*(cop_pid *)arg), work, cop("sleep"));
}

static void run_stream(void *arg)
{
    cop_task_stream *stream = cop_task_stream_new(
        cop("[sleep, sleep]"), work, .supervisor = cop_dest(*(cop_pid *)arg), .no_link = true);
    cop_term result;

    cop_task_stream_next(&result, stream);
}

/* Too many. */
CLAUSE(TSK_49)
{
    static const cop_dynamic_supervisor one = { .max_children = 1 };
    cop_pid sup = supervisor(&one), pid;
    cop_term reason = COP_NONE;

    CHECK_EQ_INT(
        cop_task_supervisor_start_child(&pid, cop_dest(sup), work, cop("sleep"), COP_TEMPORARY, 0),
        0);
    CHECK_EQ_INT(TRY(run_async, &sup, &reason), COP_CLASS_ERROR);
    CHECK_MATCH(reason, "{max_children, _}");
    CHECK_EQ_INT(
        cop_task_supervisor_start_child(&pid, cop_dest(sup), work, cop("sleep"), COP_TEMPORARY, 0),
        -EAGAIN);
    CHECK_EQ_INT(TRY(run_stream, &sup, &reason), COP_CLASS_ERROR);
}

/* start_child: not linked to who asks; a transient one comes again. also: TSK-51 */
CLAUSE(TSK_50)
{
    cop_pid sup = supervisor(&plain), pid = { 0, 0 }, again = { 0, 0 };

    CHECK_EQ_INT(cop_task_supervisor_start_child(
                     &pid, cop_dest(sup), work, cop("{tell, Self}", cop_self()), COP_TRANSIENT, 0),
        0);
    EXPECT("{told, Pid, _, _}", pid);
    CHECK_EQ_INT(
        cop_task_supervisor_start_child(&pid, cop_dest(sup), work, cop("sleep"), COP_TRANSIENT, 0),
        0);
    cop_exit_signal(pid, cop("why"));
    reason_of_exit(pid);
    while (!again.id || again.id == pid.id) {
        cop_match(cop_supervisor_which_children(cop_dest(sup)), "[{undefined, Pid, _, _}]", &again);
        cop_sleep(1);
    }
    CHECK_EQ_INT(cop_dynamic_supervisor_terminate_child(sup, again), 0);
    CHECK_EQ_INT(cop_dynamic_supervisor_terminate_child(sup, again), -COP_ENOTFOUND);
    NOTHING();
}

/* Told to go by its owner; without one it does not begin. */
CLAUSE(TSK_52)
{
    cop_pid sup = supervisor(&plain);
    cop_task task = cop_task_supervisor_async_nolink(sup, work, cop("{tell, Self}", cop_self()));

    EXPECT("{told, Pid, _, _}", task.pid);
    CHECK_TERM(cop_task_await(task, 0), "told");
}

/* A stream of tasks under a supervisor. */
CLAUSE(TSK_53)
{
    cop_pid sup = supervisor(&plain);
    cop_task_stream *stream = cop_task_stream_new(
        cop("[a, {exit, oops}, b]"), work, .supervisor = cop_dest(sup), .no_link = true);
    cop_term result = COP_NONE;

    CHECK(cop_task_stream_next(&result, stream));
    CHECK_TERM(result, "{ok,{did,a}}");
    CHECK(cop_task_stream_next(&result, stream));
    CHECK_TERM(result, "{exit,oops}");
    CHECK(cop_task_stream_next(&result, stream));
    CHECK_TERM(result, "{ok,{did,b}}");
    CHECK(!cop_task_stream_next(&result, stream));
    cop_task_stream_free(stream);
    NOTHING();
}

/* The supervisor's end is the tasks', and their owners see it. */
CLAUSE(TSK_54)
{
    cop_pid sup = supervisor(&plain);
    cop_task task = cop_task_supervisor_async_nolink(sup, work, cop("sleep"));

    cop_exit_signal(sup, cop("shutdown"));
    EXPECT("{'DOWN', Ref, process, _, shutdown}", task.ref);
}
