/* SPDX-License-Identifier: Apache-2.0 */
/* Supervisors: starting, stopping, restarting, intensity (SUP-01 to SUP-59, SUP-73 to SUP-78). */
#include "conformance/supervised.h"

static const cop_supervisor three = { .intensity = 100,
    .children = COP_CHILDREN(CHILD("a"), CHILD("b"), CHILD("c"), ) };
static const cop_supervisor three_all = { .intensity = 100,
    .strategy = COP_ONE_FOR_ALL,
    .children = COP_CHILDREN(CHILD("a"), CHILD("b"), CHILD("c"), ) };
static const cop_supervisor three_rest = { .intensity = 100,
    .strategy = COP_REST_FOR_ONE,
    .children = COP_CHILDREN(CHILD("a"), CHILD("b"), CHILD("c"), ) };

/* Flags that were left out: one_for_one, one restart in five seconds: the second crash ends it.
 * also: SUP-49 */
CLAUSE(SUP_01)
{
    const cop_supervisor tree = { .children = COP_CHILDREN(CHILD("a"), CHILD("b"), ) };

    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&tree);

    TRACE("+a+b");
    crash_child(sup, "a", cop("boom"));
    TRACE("+a");
    crash_child(sup, "a", cop("boom"));
    TRACE("-b");
    CHECK_TERM(end_of(sup), "shutdown");
}

/* Each wrong flag has its error. */
CLAUSE(SUP_03)
{
    be_tester(COP_LOG_EMERGENCY);
    CHECK_TERM(start_error(&(cop_supervisor){ .strategy = (enum cop_strategy)9 }),
        "{supervisor_data,{invalid_strategy,9}}");
    CHECK_TERM(start_error(&(cop_supervisor){ .intensity = -7 }),
        "{supervisor_data,{invalid_intensity,-7}}");
    CHECK_TERM(
        start_error(&(cop_supervisor){ .period_s = -1 }), "{supervisor_data,{invalid_period,-1}}");
    CHECK_TERM(start_error(&(cop_supervisor){ .auto_shutdown = (enum cop_auto_shutdown)5 }),
        "{supervisor_data,{invalid_auto_shutdown,5}}");
}

static bool init_ignore(cop_supervisor *flags, cop_child **children, cop_term arg)
{
    (void)flags, (void)children, (void)arg;
    return false;
}

/* init may say ignore: the start is cancelled and the process ends with normal. */
CLAUSE(SUP_05)
{
    const cop_supervisor tree = { .init = init_ignore };
    cop_pid sup;
    cop_term error;

    be_tester(COP_LOG_EMERGENCY);
    CHECK_EQ_INT(cop_supervisor_start_link(&sup, &tree, &error), -ECANCELED);
    NOTHING();
}

/* A specification shows all seven keys, with their defaults.
 * also: SUP-08, SUP-14 */
CLAUSE(SUP_07)
{
    const cop_supervisor tree = {
        .children = COP_CHILDREN(CHILD("a"),
            CHILD("b", .arg = "{x, 1}", .restart = COP_TRANSIENT, .type_supervisor = true),
            CHILD("c", .shutdown_ms = COP_BRUTAL_KILL), CHILD("d", .shutdown_ms = COP_AT_ONCE), )
    };

    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&tree);
    cop_term map = cop_supervisor_get_childspec(cop_dest(sup), cop("a"));

    CHECK(cop_identical(map,
        cop("{ok, #{id => a, start => {a, start, [[]]}, restart => permanent, shutdown => 5000, "
            "type => worker, modules => [a], significant => false}}")));
    map = cop_supervisor_get_childspec(cop_dest(sup), cop("b"));
    CHECK(cop_match(map, "{ok, #{start := {b, start, [{x, 1}]}, restart := transient, shutdown := "
                         "infinity, type := supervisor}}"));
    map = cop_supervisor_get_childspec(cop_dest(sup), cop("c"));
    CHECK(cop_match(map, "{ok, #{shutdown := brutal_kill}}"));
    map = cop_supervisor_get_childspec(cop_dest(sup), cop("d"));
    CHECK(cop_match(map, "{ok, #{shutdown := 0}}"));
    CHECK_TERM(cop_supervisor_get_childspec(cop_dest(sup), cop("z")), "{error,not_found}");
}

static const char *check(cop_term spec)
{
    cop_term error = cop("ok");

    cop_supervisor_check_childspec_terms(cop("[Spec]", spec), COP_NONE, &error);
    return cop_show(error);
}

static const char *check_never(cop_term spec)
{
    cop_term error = cop("ok");

    cop_supervisor_check_childspec_terms(cop("[Spec]", spec), cop("never"), &error);
    return cop_show(error);
}

/* Each error of a specification, in the order of checking; the legacy tuple is taken too.
 * also: SUP-09, SUP-13 */
CLAUSE(SUP_10)
{
    cop_term error;

    be_tester(COP_LOG_EMERGENCY);
    (void)start_tree(&three); /* now a, b and c are code that is known */
    CHECK_EQ_STR(check(cop("#{}")), "missing_id");
    CHECK_EQ_STR(check(cop("#{id => a}")), "missing_start");
    CHECK_EQ_STR(check(cop("#{id => a, start => x}")), "{invalid_mfa,x}");
    CHECK_EQ_STR(check(cop("#{id => a, start => {nobody, f, []}}")), "{invalid_mfa,{nobody,f,[]}}");
    CHECK_EQ_STR(
        check(cop("#{id => a, start => {a, f, []}, restart => x}")), "{invalid_restart_type,x}");
    CHECK_EQ_STR(check_never(cop("#{id => a, start => {a, f, []}, significant => true}")),
        "{bad_combination,[{auto_shutdown,never},{significant,true}]}");
    CHECK_EQ_STR(check(cop("#{id => a, start => {a, f, []}, significant => true}")),
        "{bad_combination,[{restart,permanent},{significant,true}]}");
    CHECK_EQ_STR(
        check(cop("#{id => a, start => {a, f, []}, significant => x}")), "{invalid_significant,x}");
    CHECK_EQ_STR(
        check(cop("#{id => a, start => {a, f, []}, type => x}")), "{invalid_child_type,x}");
    CHECK_EQ_STR(
        check(cop("#{id => a, start => {a, f, []}, shutdown => -1}")), "{invalid_shutdown,-1}");
    CHECK_EQ_STR(
        check(cop("#{id => a, start => {a, f, []}, modules => x}")), "{invalid_modules,x}");
    CHECK_EQ_STR(
        check(cop("#{id => a, start => {a, f, []}, modules => [1]}")), "{invalid_module,1}");
    CHECK_EQ_STR(check(cop("x")), "{invalid_child_spec,x}");
    CHECK_EQ_STR(check(cop("{a, {a, f, []}, permanent, 100, worker, [a]}")), "ok");
    CHECK_EQ_STR(check(cop("#{id => a, start => {a, f, []}, modules => dynamic}")), "ok");
    CHECK(cop_supervisor_check_childspec_terms(cop("x"), COP_NONE, &error) < 0);
    CHECK_TERM(error, "{badarg,x}");
}

/* At start a wrong specification is a start_spec error and nothing has started; from start_child it
 * is the error itself. A wrong argument text says where. */
CLAUSE(SUP_11)
{
    const cop_supervisor no_start = { .children = COP_CHILDREN(CHILD("a"), { .name = "b" }, ) };
    const cop_supervisor bad_text = { .children = COP_CHILDREN(CHILD("a", .arg = "{port, "), ) };
    const cop_child no_id = { .start = child_start };
    cop_pid pid, sup;
    cop_term error;

    be_tester(COP_LOG_EMERGENCY);
    CHECK_TERM(start_error(&no_start), "{start_spec,missing_start}");
    CHECK(cop_match(start_error(&bad_text), "{start_spec, {invalid_arg, _, {syntax, 1, _, _}}}"));
    NEVER("{trace, _, _}");
    sup = start_tree(&three);
    CHECK_EQ_INT(
        cop_supervisor_start_child_spec(&pid, cop_dest(sup), &no_id, &error), -COP_EBADARG);
    CHECK_TERM(error, "missing_id");
}

/* Two children of one id do not start. */
CLAUSE(SUP_12)
{
    const cop_supervisor tree = { .children = COP_CHILDREN(CHILD("a"), CHILD("a"), ) };

    be_tester(COP_LOG_EMERGENCY);
    CHECK_TERM(start_error(&tree), "{start_spec,{duplicate_child_name,a}}");
    CHECK_EQ_INT(cop_supervisor_check_childspecs(three.children, COP_NEVER, NULL), 0);
    CHECK_EQ_INT(cop_supervisor_check_childspecs(tree.children, COP_NEVER, NULL), -COP_EBADARG);
}

/* Children start in order, all before the start returns, in the supervisor, linked to it.
 * also: SUP-16 */
CLAUSE(SUP_15)
{
    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&three), a = pid_of(sup, "a");
    cop_term links;

    TRACE("+a+b+c");
    CHECK(cop_match(cop_process_info(a, "links"), "{links, Links}", &links));
    CHECK(cop_list_member(cop("Sup", sup), links));
}

static cop_term failure(int mode)
{
    const cop_supervisor tree = { .children = COP_CHILDREN(CHILD("a"), ) };
    cop_term reason = cop("none");

    set_mode("a", mode, 0);
    (void)cop_match(start_error(&tree), "{shutdown, {failed_to_start_child, a, Reason}}", &reason);
    return reason;
}

/* What a start function may say or raise, and what it is taken for. */
CLAUSE(SUP_17)
{
    cop_term stack;

    be_tester(COP_LOG_EMERGENCY);
    CHECK_TERM(failure(FAILS), "failed");
    CHECK_TERM(failure(EXITS), "{'EXIT',exited}");
    CHECK(cop_match(failure(ERRS), "{'EXIT', {erred, Stack}}", &stack));
    CHECK_TERM(failure(THROWS), "thrown");
    CHECK_TERM(failure(BAD), "{ok,undefined}");
    set_mode("a", INFO, 0);
    start_tree(&three);
}

/* ignore keeps the specification without a process; of a temporary child nothing stays. */
CLAUSE(SUP_18)
{
    const cop_supervisor tree = { .children = COP_CHILDREN(
                                      CHILD("a"), CHILD("b", .restart = COP_TEMPORARY), ) };

    be_tester(COP_LOG_EMERGENCY);
    set_mode("a", IGNORES, 0);
    set_mode("b", IGNORES, 0);
    cop_pid sup = start_tree(&tree);

    CHECK_TERM(cop_supervisor_which_children(cop_dest(sup)), "[{a,undefined,worker,[a]}]");
}

static cop_step ignoring_init(void *state, cop_term arg)
{
    (void)state;
    return cop_match(arg, "ignore") ? cop_ignore() : cop_stop(cop("why"));
}

static bool ignoring_tree(cop_supervisor *flags, cop_child **children, cop_term arg)
{
    (void)flags, (void)children, (void)arg;
    return false;
}

static const cop_gen_server ignoring = { .module = "ignoring", .init = ignoring_init };
static const cop_supervisor ignored = { .init = ignoring_tree };

static void start_all_kinds(void)
{
    const cop_supervisor
        ignorant = { .children =
                         COP_CHILDREN({ .name = "s", .gen_server = &ignoring, .arg = "ignore" },
                             { .name = "t", .supervisor = &ignored }, ) },
        failing = { .children =
                        COP_CHILDREN({ .name = "s", .gen_server = &ignoring, .arg = "stop" }, ) },
        taken = { .children =
                      COP_CHILDREN({ .name = "taken", .process = exit_main, .arg = "normal" }, ) };
    cop_pid sup;

    be_tester(COP_LOG_EMERGENCY);
    sup = start_tree(&ignorant);
    CHECK_TERM(child_of(sup, "s"), "undefined");
    CHECK_TERM(child_of(sup, "t"), "undefined");
    CHECK_TERM(start_error(&failing), "{shutdown,{failed_to_start_child,s,why}}");
    cop_register("taken", cop_spawn(idle_main, COP_NONE));
    CHECK(cop_match(
        start_error(&taken), "{shutdown, {failed_to_start_child, taken, {already_started, _}}}"));
}

/* A server, a tree and a process as children: what their starts say is taken for the same. */
TEST(starts_of_all_kinds)
{
    node_run(start_all_kinds, 1);
    node_run(start_all_kinds, 2);
}

/* A child that fails at start: a report, those before it stop in reverse, later ones never start.
 */
CLAUSE(SUP_19)
{
    cop_pid sup;
    cop_term error;

    be_tester(COP_LOG_ERROR);
    set_mode("c", FAILS, 0);
    CHECK_EQ_INT(cop_supervisor_start_link(&sup,
                     &(cop_supervisor){ .children = COP_CHILDREN(
                                            CHILD("a"), CHILD("b"), CHILD("c"), CHILD("d"), ) },
                     &error),
        -COP_EEXIT);
    CHECK_TERM(error, "{shutdown,{failed_to_start_child,c,failed}}");
    TRACE("+a+b+c-b-a");
    NEVER("{trace, _, _}");
    EXPECT("{log, _, #{label := {supervisor, start_error}}, _}");
}

/* Every start is told at level info, with the child's properties in order. also: SUP-92 */
CLAUSE(SUP_20)
{
    const cop_supervisor tree = { .name = "named", .children = COP_CHILDREN(CHILD("a"), ) };
    cop_term report;
    int level;

    be_tester(COP_LOG_INFO);
    start_tree(&tree);
    EXPECT(
        "{log, Level, #{label := {supervisor, progress}, report := R}, #{domain := [otp, sasl]}}",
        &level, &report);
    CHECK_EQ_INT(level, COP_LOG_INFO);
    CHECK(cop_match(report,
        "[{supervisor, {local, named}}, {started, [{pid, _}, {id, a}, {mfargs, {a, start, [[]]}}, "
        "{restart_type, permanent}, {significant, false}, {shutdown, 5000}, {child_type, "
        "worker}]}]"));
}

static void start_and_exit(cop_term arg)
{
    cop_pid tester, sup;
    cop_term reason;

    cop_must(cop_match(arg, "Tester", &tester));
    cop_must(cop_supervisor_start_link(&sup, &three, NULL));
    cop_send(tester, cop("{sup, Sup}", sup));
    EXPECT("{exit, Reason}", &reason);
    cop_exit(reason);
}

/* After its start a supervisor hibernates. */
CLAUSE(SUP_21)
{
    cop_term function = COP_NONE;

    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&three);

    for (int i = 0; i < 1000; i++) {
        function = cop_process_info(sup, "current_function");
        if (cop_match(function, "{_, {erlang, hibernate, 3}}"))
            break;
        cop_yield();
    }
    CHECK_TERM(function, "{current_function,{erlang,hibernate,3}}");
}

/* The parent's end, for any reason, ends the supervisor with that reason, children in reverse
 * order; exits of strangers are ignored. also: SUP-23, SUP-24 */
CLAUSE(SUP_22)
{
    static const char *const reasons[] = { "normal", "shutdown", "other" };
    cop_pid sup, parent;

    be_tester(COP_LOG_EMERGENCY);
    for (int i = 0; i < 3; i++) {
        parent = cop_spawn(start_and_exit, cop("Self", cop_self()));
        EXPECT("{sup, Sup}", &sup);
        TRACE("+a+b+c");
        cop_exit_signal(sup, cop("ignored"));
        (void)cop_supervisor_count_children(cop_dest(sup));
        cop_ref ref = cop_monitor(sup);

        cop_send(parent, cop("{exit, R}", cop_atom_new(reasons[i])));
        TRACE("-c-b-a");
        EXPECT("{'DOWN', Ref, process, _, Reason}", ref, cop_atom_new(reasons[i]));
    }
}

/* A supervisor that is killed leaves the end of its children to the link: they get killed. */
CLAUSE(SUP_25)
{
    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&three);
    cop_ref ref = cop_monitor(pid_of(sup, "a"));

    cop_exit_signal(sup, cop("kill"));
    EXPECT("{'DOWN', Ref, process, _, killed}", ref);
}

/* Shutdown is asked for, then waited for, then forced; brutal_kill forces at once. A child that had
 * to be killed is reported so, and no trace of any is left. also: SUP-27, SUP-29, SUP-31 */
CLAUSE(SUP_26)
{
    const cop_supervisor tree = { .children = COP_CHILDREN(CHILD("a", .shutdown_ms = 20),
                                      CHILD("b", .shutdown_ms = COP_BRUTAL_KILL),
                                      CHILD("c", .shutdown_ms = COP_INFINITY), ) };

    be_tester(COP_LOG_ERROR);
    set_mode("a", REFUSES, 0);
    cop_pid sup = start_tree(&tree);

    CHECK_EQ_INT(cop_supervisor_terminate_child(cop_dest(sup), cop("b"), NULL), 0);
    CHECK_EQ_INT(cop_supervisor_terminate_child(cop_dest(sup), cop("c"), NULL), 0);
    NEVER("{log, _, _, _}");
    CHECK_EQ_INT(cop_supervisor_terminate_child(cop_dest(sup), cop("a"), NULL), 0);
    EXPECT("{log, _, #{label := {supervisor, shutdown_error}, report := [_, _, {reason, killed}, "
           "_]}, _}");
    CHECK(cop_match(cop_process_info(sup, "message_queue_len"), "{_, 0}"));
    set_mode("a", OKAY, 0);
}

static void ends_otherwise(cop_term arg)
{
    cop_pid parent;
    cop_term reason;

    cop_must(cop_match(arg, "{Parent, Reason}", &parent, &reason));
    cop_trap_exit(true);
    cop_send(parent, cop("{Self, ready}", cop_self()));
    EXPECT("{'EXIT', Parent, _}", parent);
    cop_exit(reason);
}

static cop_child_start start_otherwise(cop_term arg, const void *context)
{
    cop_child_start said = { .result = COP_CHILD_OK };

    (void)context;
    said.pid = cop_spawn_link(ends_otherwise, cop("{Parent, Arg}", cop_self(), arg));
    (void)cop_receive_match("{Pid, ready}", said.pid);
    return said;
}

static bool is_reported(const char *reason, enum cop_restart restart)
{
    cop_pid sup = start_tree(&(cop_supervisor){ .strategy = COP_ONE_FOR_ONE });
    const cop_child child = {
        .name = "x", .start = start_otherwise, .arg = reason, .restart = restart
    };
    bool reported;

    cop_must(cop_supervisor_start_child_spec(NULL, cop_dest(sup), &child, NULL));
    cop_must(cop_supervisor_terminate_child(cop_dest(sup), cop("x"), NULL));
    reported = cop_receive_match_within(0, "{log, _, #{label := {supervisor, shutdown_error}}, _}");
    cop_exit_signal(sup, cop("shutdown"));
    end_of(sup);
    return reported;
}

/* What a child may say when it is stopped; normal and {shutdown, _} only if it is not permanent.
 * also: SUP-28 */
CLAUSE(SUP_30)
{
    be_tester(COP_LOG_ERROR);
    CHECK(!is_reported("shutdown", COP_PERMANENT));
    CHECK(is_reported("normal", COP_PERMANENT));
    CHECK(is_reported("{shutdown, z}", COP_PERMANENT));
    CHECK(!is_reported("normal", COP_TRANSIENT));
    CHECK(!is_reported("{shutdown, z}", COP_TRANSIENT));
    CHECK(!is_reported("normal", COP_TEMPORARY));
    CHECK(is_reported("boom", COP_TRANSIENT));
}

/* A child that unlinked itself dies unnoticed and stays listed with its pid, not active; asked to
 * stop it is reported as unlinked. also: SUP-45 */
CLAUSE(SUP_32)
{
    be_tester(COP_LOG_ERROR);
    cop_pid sup = start_tree(&three), b = pid_of(sup, "b");

    cop_send(b, cop("{unlink, Self}", cop_self()));
    EXPECT("unlinked");
    crash(b, cop("boom"));
    CHECK(pid_of(sup, "b").id == b.id);
    CHECK_TERM(cop_supervisor_count_children(cop_dest(sup)),
        "[{specs,3},{active,2},{supervisors,0},{workers,3}]");
    cop_supervisor_terminate_child(cop_dest(sup), cop("b"), NULL);
    EXPECT("{log, _, #{report := [_, {errorContext, shutdown_error}, {reason, "
           "child_process_unlinked}, _]}, _}");
}

/* cop_stop_process ends a supervisor in order. */
CLAUSE(SUP_34)
{
    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&three);

    TRACE("+a+b+c");
    cop_stop_process(cop_dest(sup), cop("normal"), COP_INFINITY);
    TRACE("-c-b-a");
    CHECK_TERM(end_of(sup), "normal");
}

/* One cell of the table: +a restarted or not, reported or not, what is listed after. */
static void cell(
    enum cop_restart type, const char *reason, bool restarts, bool reports, const char *listed)
{
    cop_pid sup = start_tree(&(cop_supervisor){
        .intensity = 10, .children = COP_CHILDREN(CHILD("a", .restart = type), ) });
    cop_term why;

    TRACE("+a");
    cop_parse(&why, (cop_bytes){ reason, strlen(reason) }, NULL);
    crash_child(sup, "a", why);
    CHECK_EQ_STR(listed, restarts ? "pid" : cop_show(child_of(sup, "a")));
    if (restarts)
        TRACE("+a");
    CHECK(cop_receive_match_within(0, "{log, _, #{label := {supervisor, child_terminated}}, _}") ==
          reports);
    cop_exit_signal(sup, cop("shutdown"));
    end_of(sup);
    while (cop_receive_match_within(0, "{trace, _, _}"))
        ;
}

/* permanent: restarted and reported, whatever the end. */
CLAUSE(SUP_35)
{
    static const char *const ends[] = { "normal", "shutdown", "{shutdown, x}", "boom", "killed" };

    be_tester(COP_LOG_ERROR);
    for (int i = 0; i < 5; i++)
        cell(COP_PERMANENT, ends[i], true, true, "pid");
}

/* transient: restarted after an abnormal end only; a normal one is not reported. */
CLAUSE(SUP_36)
{
    be_tester(COP_LOG_ERROR);
    cell(COP_TRANSIENT, "normal", false, false, "undefined");
    cell(COP_TRANSIENT, "shutdown", false, false, "undefined");
    cell(COP_TRANSIENT, "{shutdown, x}", false, false, "undefined");
    cell(COP_TRANSIENT, "boom", true, true, "pid");
    cell(COP_TRANSIENT, "killed", true, true, "pid");
}

/* temporary: never restarted, and forgotten; an abnormal end is reported. */
CLAUSE(SUP_37)
{
    be_tester(COP_LOG_ERROR);
    cell(COP_TEMPORARY, "normal", false, false, "gone");
    cell(COP_TEMPORARY, "{shutdown, x}", false, false, "gone");
    cell(COP_TEMPORARY, "boom", false, true, "gone");
}

/* one_for_one: only who ended starts again. also: SUP-46 */
CLAUSE(SUP_38)
{
    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&three), a = pid_of(sup, "a");

    TRACE("+a+b+c");
    crash_child(sup, "b", cop("boom"));
    TRACE("+b");
    NEVER("{trace, _, _}");
    CHECK(pid_of(sup, "a").id == a.id);
}

/* rest_for_one: those after it stop in reverse, then it and they start in order. */
CLAUSE(SUP_39)
{
    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&three_rest);

    TRACE("+a+b+c");
    crash_child(sup, "b", cop("boom"));
    TRACE("-c+b+c");
    crash_child(sup, "a", cop("boom"));
    TRACE("-c-b+a+b+c");
    crash_child(sup, "c", cop("boom"));
    TRACE("+c");
    NEVER("{trace, _, _}");
}

/* one_for_all: all others stop in reverse, then all start in order. also: SUP-04 */
CLAUSE(SUP_40)
{
    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&three_all);

    TRACE("+a+b+c");
    crash_child(sup, "b", cop("boom"));
    TRACE("-c-a+a+b+c");
    crash_child(sup, "a", cop("boom"));
    TRACE("-c-b+a+b+c");
    NEVER("{trace, _, _}");
}

static const cop_supervisor mixed = { .intensity = 100,
    .strategy = COP_ONE_FOR_ALL,
    .children = COP_CHILDREN(CHILD("a", .restart = COP_TEMPORARY), CHILD("b"),
        CHILD("c", .restart = COP_TRANSIENT), CHILD("d", .restart = COP_TEMPORARY), CHILD("e"), ) };

/* A child that is not restarted leaves its siblings alone. */
CLAUSE(SUP_41)
{
    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&mixed);

    TRACE("+a+b+c+d+e");
    crash_child(sup, "d", cop("boom"));
    crash_child(sup, "c", cop("normal"));
    CHECK_TERM(child_of(sup, "c"), "undefined");
    NEVER("{trace, _, _}");
}

/* A group restart forgets temporary siblings and starts those that were not running.
 * also: SUP-43 */
CLAUSE(SUP_42)
{
    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&mixed);

    TRACE("+a+b+c+d+e");
    crash_child(sup, "c", cop("normal"));
    CHECK_TERM(child_of(sup, "c"), "undefined");
    cop_supervisor_terminate_child(cop_dest(sup), cop("e"), NULL);
    TRACE("-e");
    crash_child(sup, "b", cop("boom"));
    TRACE("-d-a+b+c+e");
    CHECK_TERM(child_of(sup, "a"), "gone");
    CHECK_TERM(child_of(sup, "d"), "gone");
}

/* The exit of a process that is no child is ignored. */
CLAUSE(SUP_44)
{
    be_tester(COP_LOG_ERROR);
    cop_pid sup = start_tree(&three);

    cop_send(sup, cop("{'EXIT', P, boom}", cop_spawn(exit_main, cop("normal"))));
    CHECK_TERM(cop_supervisor_count_children(cop_dest(sup)),
        "[{specs,3},{active,3},{supervisors,0},{workers,3}]");
    NEVER("{log, _, _, _}");
}

/* intensity restarts succeed, the next is fatal, before it restarts; the count is the supervisor's,
 * and a group restart counts once. also: SUP-47, SUP-51, SUP-53 */
CLAUSE(SUP_48)
{
    const cop_supervisor two = { .intensity = 2,
        .strategy = COP_ONE_FOR_ALL,
        .children = COP_CHILDREN(CHILD("a"), CHILD("b"), ) };
    const cop_supervisor none = { .intensity = COP_NO_RESTARTS,
        .children = COP_CHILDREN(CHILD("a"), CHILD("b"), ) };

    be_tester(COP_LOG_ERROR);
    cop_pid sup = start_tree(&two);

    TRACE("+a+b");
    crash_child(sup, "a", cop("boom"));
    TRACE("-b+a+b");
    crash_child(sup, "b", cop("boom"));
    TRACE("-a+a+b");
    crash_child(sup, "a", cop("boom"));
    TRACE("-b");
    CHECK_TERM(end_of(sup), "shutdown");
    EXPECT("{log, _, #{label := {supervisor, shutdown}, report := [_, _, {reason, "
           "reached_max_restart_intensity}, _]}, _}");
    sup = start_tree(&none);
    TRACE("+a+b");
    crash_child(sup, "a", cop("boom"));
    TRACE("-b");
    CHECK_TERM(end_of(sup), "shutdown");
}

/* Ends without a restart do not count. */
CLAUSE(SUP_50)
{
    const cop_supervisor tree = { .intensity = COP_NO_RESTARTS,
        .children = COP_CHILDREN(CHILD("a", .restart = COP_TRANSIENT),
            CHILD("b", .restart = COP_TEMPORARY), CHILD("c"), ) };

    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&tree);

    crash_child(sup, "a", cop("normal"));
    crash_child(sup, "b", cop("boom"));
    CHECK_TERM(child_of(sup, "b"), "gone");
}

/* A restart that fails is tried again, each time counted, requests are served in between, and what
 * the child shows as meanwhile. also: SUP-55, SUP-56 */
CLAUSE(SUP_54)
{
    const cop_supervisor tree = { .intensity = 1000 * 1000 * 1000,
        .children = COP_CHILDREN(CHILD("a"), CHILD("b"), ) };
    const cop_child again = CHILD("a");
    cop_term error, reason;
    cop_pid pid;

    be_tester(COP_LOG_ERROR);
    cop_pid sup = start_tree(&tree), a = pid_of(sup, "a");

    set_mode("a", FAILS, 0);
    crash(a, cop("boom"));
    EXPECT("{log, _, #{report := [_, {errorContext, start_error}, {reason, failed}, {offender, "
           "[{pid, {restarting, Pid}} | _]}]}, _}",
        a);
    CHECK_TERM(child_of(sup, "a"), "restarting");
    CHECK_TERM(cop_supervisor_count_children(cop_dest(sup)),
        "[{specs,2},{active,1},{supervisors,0},{workers,2}]");
    CHECK_EQ_INT(cop_supervisor_restart_child(&pid, cop_dest(sup), cop("a"), &error), -EBUSY);
    CHECK_TERM(error, "restarting");
    CHECK_EQ_INT(cop_supervisor_delete_child(cop_dest(sup), cop("a"), &error), -EBUSY);
    CHECK_EQ_INT(
        cop_supervisor_start_child_spec(&pid, cop_dest(sup), &again, &error), -COP_EALREADY);
    CHECK_TERM(error, "already_present");
    CHECK_EQ_INT(cop_supervisor_terminate_child(cop_dest(sup), cop("a"), NULL), 0);
    CHECK_TERM(child_of(sup, "a"), "undefined");
    (void)reason;
    cop_exit_signal(sup, cop("shutdown"));
    end_of(sup);
}

/* Failing attempts exhaust the intensity. */
CLAUSE(SUP_49)
{
    const cop_supervisor tree = { .intensity = 3, .children = COP_CHILDREN(CHILD("a"), ) };

    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&tree);

    set_mode("a", FAILS, 0);
    crash_child(sup, "a", cop("boom"));
    TRACE("+a+a+a+a");
    CHECK_TERM(end_of(sup), "shutdown");
    NEVER("{trace, _, _}");
}

/* ignore during a restart is a success without a process. */
CLAUSE(SUP_57)
{
    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&three);

    set_mode("a", IGNORES, 0);
    crash_child(sup, "a", cop("boom"));
    CHECK_TERM(child_of(sup, "a"), "undefined");
}

/* rest_for_one: the retry goes on from the child that failed. */
CLAUSE(SUP_58)
{
    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&three_rest);

    TRACE("+a+b+c");
    set_mode("b", FAILS, 1);
    crash_child(sup, "a", cop("boom"));
    TRACE("-c-b+a+b+b+c");
    NEVER("{trace, _, _}");
}

/* one_for_all: the retry stops those that had started and begins from the first. */
CLAUSE(SUP_59)
{
    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&three_all);

    TRACE("+a+b+c");
    set_mode("b", FAILS, 1);
    crash_child(sup, "c", cop("boom"));
    TRACE("-b-a+a+b-a+a+b+c");
    NEVER("{trace, _, _}");
}

#define SIGNIFICANT(NAME, TYPE) CHILD(NAME, .significant = true, .restart = TYPE)

/* any_significant: the first one that ends for good ends the supervisor; a restart, terminate_child
 * and others do not. also: SUP-75, SUP-76, SUP-77 */
CLAUSE(SUP_73)
{
    const cop_supervisor tree = { .intensity = 10,
        .auto_shutdown = COP_ANY_SIGNIFICANT,
        .children = COP_CHILDREN(SIGNIFICANT("a", COP_TRANSIENT), SIGNIFICANT("b", COP_TEMPORARY),
            CHILD("c", .restart = COP_TEMPORARY), SIGNIFICANT("d", COP_TRANSIENT), ) };

    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&tree);

    TRACE("+a+b+c+d");
    crash_child(sup, "a", cop("boom"));
    TRACE("+a");
    crash_child(sup, "c", cop("boom"));
    cop_supervisor_terminate_child(cop_dest(sup), cop("d"), NULL);
    TRACE("-d");
    CHECK_TERM(child_of(sup, "c"), "gone");
    crash_child(sup, "a", cop("normal"));
    TRACE("-b");
    CHECK_TERM(end_of(sup), "shutdown");
}

/* all_significant: the last of them. */
CLAUSE(SUP_74)
{
    const cop_supervisor tree = { .intensity = 10,
        .auto_shutdown = COP_ALL_SIGNIFICANT,
        .children = COP_CHILDREN(
            SIGNIFICANT("a", COP_TRANSIENT), SIGNIFICANT("b", COP_TEMPORARY), CHILD("c"), ) };

    be_tester(COP_LOG_EMERGENCY);
    cop_pid sup = start_tree(&tree);

    TRACE("+a+b+c");
    crash_child(sup, "b", cop("boom"));
    CHECK_TERM(child_of(sup, "b"), "gone");
    crash_child(sup, "a", cop("normal"));
    TRACE("-c");
    CHECK_TERM(end_of(sup), "shutdown");
}

/* simple_one_for_one shuts nothing down by itself. */
CLAUSE(SUP_78)
{
    be_tester(COP_LOG_EMERGENCY);
    CHECK_TERM(start_error(&(cop_supervisor){ .strategy = COP_SIMPLE_ONE_FOR_ONE,
                   .auto_shutdown = COP_ANY_SIGNIFICANT,
                   .children = COP_CHILDREN(CHILD("a"), ) }),
        "{supervisor_data,{bad_combination,[{auto_shutdown,any_significant},{strategy,simple_one_"
        "for_one}]}}");
}
