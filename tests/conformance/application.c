/* SPDX-License-Identifier: Apache-2.0 */
/* Applications and their controller (SUP-126 to SUP-141). */
#include "conformance/supervised.h"

#include <coppice/application.h>
#include <coppice/ets.h>
#include <coppice/global.h>
#include <coppice/timer.h>

static const cop_supervisor tree = { .children = COP_CHILDREN(CHILD("a"), CHILD("b"), ) };
static const char *const needs_base[] = { "base", "absent_but_optional", NULL };
static const char *const base_only[] = { "base", NULL };

static cop_child_start start_main(cop_term type, cop_term args)
{
    cop_child_start said = { .result = COP_CHILD_OK };

    cop_send("tester", cop("{start, Type, Args}", type, args));
    if (cop_match(args, "fail"))
        return (cop_child_start){ .result = COP_CHILD_ERROR, .info = cop("no") };
    if (cop_match(args, "ignore"))
        return (cop_child_start){ .result = COP_CHILD_IGNORE };
    if (cop_match(args, "crash"))
        cop_exit(cop("crashed"));
    cop_must(cop_supervisor_start_link(&said.pid, &tree, NULL));
    said.info = cop("{state, 1}");
    return said;
}

static cop_term prep_stop(cop_term state)
{
    cop_send("tester", cop("{trace, prep, '.'}"));
    return cop("{prepared, State}", state);
}

static void stop(cop_term state)
{
    cop_send("tester", cop("{trace, stop, '.'}"));
    cop_send("tester", cop("{stopped, State}", state));
}

static const cop_application base = {
    .name = "base", .version = "1.0", .description = "the base", .env = "[{key, 1}]"
};
static const cop_application top = {
    .name = "top", .applications = base_only, .supervisor = &tree
};
static const cop_application full = {
    .name = "full", .start = start_main, .prep_stop = prep_stop, .stop = stop, .args = "{arg, 1}"
};

static void load(const cop_application *application)
{
    CHECK_EQ_INT(cop_application_load(application, NULL), 0);
}

static const char *start_failure(const cop_application *application)
{
    cop_term error = cop("none");

    load(application);
    CHECK(cop_application_start(application->name, COP_APP_TEMPORARY, &error) < 0);
    cop_application_unload(application->name, NULL);
    return cop_show(error);
}

/* Loading makes metadata and environment known; twice is an error, and so is text that is no term.
 */
CLAUSE(SUP_126)
{
    const cop_application bad = { .name = "bad", .env = "[{key, " };
    cop_term error, value;

    be_tester(COP_LOG_EMERGENCY);
    load(&base);
    CHECK(cop_application_get_env(&value, "base", "key"));
    CHECK_EQ_INT(cop_application_load(&base, &error), -COP_EALREADY);
    CHECK_TERM(error, "{already_loaded,base}");
    CHECK_EQ_INT(cop_application_load(&bad, &error), -COP_EBADARG);
    CHECK(cop_match(error, "{invalid_env, {syntax, 1, _, _}}"));
}

/* Dependencies must run; what is unknown has no file; nothing starts twice. */
CLAUSE(SUP_127)
{
    cop_term error;

    be_tester(COP_LOG_EMERGENCY);
    load(&base);
    load(&top);
    CHECK_EQ_INT(cop_application_start("top", COP_APP_TEMPORARY, &error), -COP_ENOTFOUND);
    CHECK_TERM(error, "{not_started,base}");
    CHECK_EQ_INT(cop_application_start("nobody", COP_APP_TEMPORARY, &error), -COP_ENOTFOUND);
    CHECK_TERM(error, "{\"no such file or directory\",\"nobody.app\"}");
    CHECK_EQ_INT(cop_application_start("base", COP_APP_TEMPORARY, NULL), 0);
    CHECK_EQ_INT(cop_application_start("top", COP_APP_TEMPORARY, NULL), 0);
    CHECK_EQ_INT(cop_application_start("top", COP_APP_TEMPORARY, &error), -COP_EALREADY);
    CHECK_TERM(error, "{already_started,top}");
    CHECK_TERM(cop_application_which(), "[{top,[],[]},{base,\"the base\",\"1.0\"}]");
}

/* ensure_all_started starts what is missing, in order; a failure is told with its application. */
CLAUSE(SUP_128)
{
    const cop_application lost = { .name = "lost", .applications = needs_base };
    cop_term started;

    be_tester(COP_LOG_EMERGENCY);
    load(&base);
    load(&top);
    load(&lost);
    CHECK(cop_application_ensure_all_started("lost", COP_APP_TEMPORARY, &started) < 0);
    CHECK(cop_match(started, "{absent_but_optional, {\"no such file or directory\", _}}"));
    CHECK_TERM(cop_application_which(), "[]");
    CHECK_EQ_INT(cop_application_ensure_all_started("top", COP_APP_TEMPORARY, &started), 0);
    CHECK_TERM(started, "[base,top]");
    CHECK_EQ_INT(cop_application_ensure_all_started("top", COP_APP_TEMPORARY, &started), 0);
    CHECK_TERM(started, "[]");
}

/* start gets normal and the arguments. also: SUP-132 */
CLAUSE(SUP_129)
{
    cop_term error;

    be_tester(COP_LOG_EMERGENCY);
    load(&full);
    CHECK_EQ_INT(cop_application_start("full", COP_APP_TEMPORARY, NULL), 0);
    EXPECT("{start, normal, {arg, 1}}");
    TRACE("+a+b");
    CHECK_EQ_INT(cop_application_stop("full", NULL), 0);
    TRACE("prep.-b-astop.");
    EXPECT("{stopped, {prepared, {state, 1}}}");
    CHECK_EQ_INT(cop_application_stop("full", &error), -COP_ENOTFOUND);
    CHECK_TERM(error, "{not_started,full}");
}

/* How a start fails. */
CLAUSE(SUP_130)
{
    be_tester(COP_LOG_EMERGENCY);
    CHECK_EQ_STR(
        start_failure(&(cop_application){ .name = "f", .start = start_main, .args = "fail" }),
        "{no,{f,start,[normal,fail]}}");
    CHECK_EQ_STR(
        start_failure(&(cop_application){ .name = "i", .start = start_main, .args = "ignore" }),
        "{bad_return,{{i,start,[normal,ignore]},ignore}}");
    CHECK_EQ_STR(
        start_failure(&(cop_application){ .name = "c", .start = start_main, .args = "crash" }),
        "{bad_return,{{c,start,[normal,crash]},{'EXIT',crashed}}}");
}

/* Every process of it has the master as group leader, by which its application is found. */
CLAUSE(SUP_131)
{
    const char *name = NULL;
    cop_pid child;

    be_tester(COP_LOG_EMERGENCY);
    load(&full);
    CHECK(!cop_application_of(&name, cop_self()));
    cop_application_start("full", COP_APP_TEMPORARY, NULL);
    cop_term processes = cop_processes(), pid;
    int found = 0;

    while (cop_list_next(&pid, &processes))
        if (cop_to_pid(&child, pid) && cop_application_of(&name, child)) {
            found++;
            CHECK_EQ_STR(name, "full");
        }
    CHECK_EQ_INT(found, 4); /* the master, the supervisor, two children */
}

/* Who depends on what is stopped goes on. */
CLAUSE(SUP_133)
{
    be_tester(COP_LOG_EMERGENCY);
    load(&base);
    load(&top);
    cop_application_ensure_all_started("top", COP_APP_TEMPORARY, NULL);
    CHECK_EQ_INT(cop_application_stop("base", NULL), 0);
    CHECK_TERM(cop_application_which(), "[{top,[],[]}]");
}

static const cop_supervisor fragile = {
    .name = "fragile", .intensity = COP_NO_RESTARTS, .children = COP_CHILDREN(CHILD("a"), )
};

/* A tree that ends by itself: prep_stop and stop still run; a temporary application's end is only
 * reported. also: SUP-135 */
CLAUSE(SUP_134)
{
    const cop_application application = {
        .name = "app", .supervisor = &fragile, .prep_stop = prep_stop, .stop = stop
    };
    cop_pid sup;

    be_tester(COP_LOG_NOTICE);
    load(&application);
    cop_application_start("app", COP_APP_TEMPORARY, NULL);
    cop_must(cop_whereis(&sup, "fragile"));
    crash_child(sup, "a", cop("boom"));
    EXPECT("{stopped, {prepared, []}}");
    EXPECT("{log, _, #{label := {application_controller, exit}, report := [{application, app}, "
           "{exited, shutdown}, {type, temporary}]}, _}");
    CHECK_TERM(cop_application_which(), "[]");
}

static enum cop_application_type ending_type;
static const char *ending_reason;

static int end_of_application(int argc, char **argv)
{
    static const cop_application application = { .name = "app", .supervisor = &fragile };
    cop_pid sup;
    cop_term reason;

    (void)argc, (void)argv;
    cop_log_set_level(COP_LOG_EMERGENCY);
    cop_application_load(&application, NULL);
    cop_application_start("app", ending_type, NULL);
    cop_must(cop_whereis(&sup, "fragile"));
    cop_parse(&reason, (cop_bytes){ ending_reason, strlen(ending_reason) }, NULL);
    cop_ref ref = cop_monitor(sup);

    if (cop_match(reason, "normal"))
        cop_stop_process(cop_dest(sup), reason, COP_INFINITY);
    else
        crash_child(sup, "a", reason);
    (void)cop_receive_match("{'DOWN', Ref, process, _, _}", ref);
    (void)cop_receive_within(
        ending_type == COP_APP_TRANSIENT && cop_match(reason, "normal") ? 100 : 5000);
    return 7;
}

static int status_of(enum cop_application_type type, const char *reason)
{
    ending_type = type;
    ending_reason = reason;
    set_mode("a", OKAY, 0);
    return cop_run_main(end_of_application, 0, NULL);
}

/* transient: a normal end is nothing, any other, also of a supervisor that gave up, stops the node
 * with a failure; permanent: any end does. also: SUP-136, SUP-137 */
TEST(exit_status)
{
    CHECK_EQ_INT(status_of(COP_APP_TRANSIENT, "normal"), 7);
    CHECK_EQ_INT(status_of(COP_APP_TRANSIENT, "boom"), 1);
    CHECK_EQ_INT(status_of(COP_APP_PERMANENT, "normal"), 1);
    CHECK_EQ_INT(status_of(COP_APP_PERMANENT, "boom"), 1);
}

static int stop_node_main(int argc, char **argv)
{
    (void)argc, (void)argv;
    cop_log_set_level(COP_LOG_EMERGENCY);
    cop_application_load(&base, NULL);
    cop_application_load(&full, NULL);
    cop_register("tester", cop_self());
    cop_application_start("base", COP_APP_TEMPORARY, NULL);
    cop_application_start("full", COP_APP_TEMPORARY, NULL);
    cop_stop_node(5);
    if (strcmp(trace("+a+bprep.-b-astop."), "+a+bprep.-b-astop.") != 0)
        return 9;
    (void)cop_receive_match("never");
    return 8;
}

/* At the end of the node applications stop in reverse start order. also: SUP-138 */
TEST(node_stop)
{
    CHECK_EQ_INT(cop_run_main(stop_node_main, 0, NULL), 5);
}

static bool phase(const char *name, cop_term type)
{
    cop_send("tester", cop("{trace, Name, Type}", cop_atom_new(name), type));
    return strcmp(name, "bad") != 0;
}

/* Phases run in order after the start; one that fails fails the start, and the tree stops. */
CLAUSE(SUP_139)
{
    static const char *const good[] = { "one", "two", NULL }, *const bad[] = { "bad", "two", NULL };
    const cop_application fine = {
        .name = "fine", .supervisor = &tree, .start_phases = good, .start_phase = phase
    };
    const cop_application wrong = {
        .name = "wrong", .supervisor = &tree, .start_phases = bad, .start_phase = phase
    };

    be_tester(COP_LOG_EMERGENCY);
    load(&fine);
    CHECK_EQ_INT(cop_application_start("fine", COP_APP_TEMPORARY, NULL), 0);
    TRACE("+a+bonenormaltwonormal");
    CHECK_EQ_STR(start_failure(&wrong), "{bad_return,{{wrong,start_phase,[bad,normal,[]]},false}}");
    TRACE("+a+bbadnormal-b-a");
}

/* The environment: a value, none, set over it; it lives until unload. */
CLAUSE(SUP_140)
{
    cop_term value;

    be_tester(COP_LOG_EMERGENCY);
    load(&base);
    CHECK(cop_application_get_env(&value, "base", "key") && cop_match(value, "1"));
    CHECK(!cop_application_get_env(&value, "base", "other"));
    CHECK(!cop_application_get_env(&value, "nobody", "key"));
    CHECK_EQ_INT(cop_application_set_env("base", "key", cop("{two, 2}")), 0);
    cop_application_start("base", COP_APP_TEMPORARY, NULL);
    cop_application_stop("base", NULL);
    CHECK(cop_application_get_env(&value, "base", "key") && cop_match(value, "{two, 2}"));
    CHECK_EQ_INT(cop_application_unload("base", NULL), 0);
    CHECK(!cop_application_get_env(&value, "base", "key"));
}

/* What runs is not unloaded. */
CLAUSE(SUP_141)
{
    cop_term error;

    be_tester(COP_LOG_EMERGENCY);
    load(&base);
    cop_application_start("base", COP_APP_TEMPORARY, NULL);
    CHECK_EQ_INT(cop_application_unload("base", &error), -EBUSY);
    CHECK_TERM(error, "{running,base}");
}

static int led_by(cop_pid leader)
{
    cop_process_iterator iterator = { 0 };
    cop_term info;
    cop_pid pid;
    int count = 0;

    while (cop_processes_next(&pid, &iterator)) {
        info = cop_process_info(pid, "group_leader");
        count += pid.id != leader.id && !cop_is_none(info) &&
                 cop_match(info, "{group_leader, Leader}", leader);
    }
    return count;
}

/* What stops with an application is what has its group leader. */
static void on_demand(void)
{
    cop_set_group_leader(cop_self(), cop_self());
    cop_ets_delete_table(cop_ets_new("table"));
    CHECK(cop_global_register_name(cop("name"), cop_self()));
    cop_timer_apply_after(COP_HOURS(1), exit_main, cop("late"));
    for (int i = 0; i < WAIT_MS && led_by(cop_self()); i++)
        cop_sleep(1);
    CHECK_EQ_INT(led_by(cop_self()), 0);
}

TEST(what_is_started_on_demand_is_no_part_of_an_application)
{
    node_run(on_demand, 2);
}
