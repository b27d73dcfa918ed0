/* SPDX-License-Identifier: Apache-2.0 */
/* Clauses GS-101 to GS-115: the reports of a generic server that ends, format_status and
 * enter_loop. */
#include "conformance/told_server.h"

/* The server ends with a report that comes before the crash report. */
static cop_term report_after(cop_pid server, cop_term order)
{
    cop_term report = COP_NONE;

    watch_log();
    cop_send(server, order);
    EXPECT("{log, 3, Report, _}", &report);
    EXPECT("{log, 3, #{label := {proc_lib, crash}}, _}");
    unwatch_log();
    return cop_is_none(report) ? cop("#{}") : report;
}

static cop_pid quiet_server(void)
{
    return probe_new_how(START, "{forget_owner, {ok}}");
}

/* One error report and then the crash report; nothing for expected reasons, also from
 * exit(shutdown). */
CLAUSE(GS_101)
{
    static const char *const expected[] = { "{do, {stop, normal}}", "{do, {stop, shutdown}}",
        "{do, {stop, {shutdown, why}}}", "{do, {exit, shutdown}}",
        "{do, {exit, {shutdown, why}}}" };

    CHECK_MATCH(report_after(quiet_server(), cop("{do, {stop, oops}}")),
        "#{label := {gen_server, terminate}}");
    watch_log();
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        cop_term order = COP_NONE;

        cop_parse(&order, (cop_bytes){ expected[i], strlen(expected[i]) }, NULL);
        cop_send(quiet_server(), order);
    }
    NOTHING();
    unwatch_log();
}

/* The keys of the report and of its metadata. */
CLAUSE(GS_102)
{
    cop_pid server = { 0, 0 };
    cop_term report = COP_NONE, metadata = COP_NONE;

    watch_log();
    PROBE_START(&server, NULL, START, cop("{forget_owner, {set, 4, {ok}}}"),
        .name = cop_dest_name("reporter"), .debug = cop("[log]"));
    cop_send(server, cop("{do, {stop, oops}}"));
    EXPECT("{log, 3, Report, Metadata}", &report, &metadata);
    unwatch_log();
    CHECK_MATCH(report,
        "#{label := {gen_server, terminate}, name := reporter, last_message := {do, {stop, oops}},"
        " state := #{value := 4}, log := [{in, {do, _}} | _], reason := oops, client_info := "
        "undefined,"
        " process_label := undefined}");
    CHECK_MATCH(metadata, "#{domain := [otp], error_logger := #{tag := error}}");
}

/* last_message: the request of a call, the whole of a cast, the message, the parent's exit, [] for
 * sys. */
CLAUSE(GS_103)
{
    cop_pid server = quiet_server();

    CHECK_MATCH(report_after(server, cop("{'$gen_call', {Self, t}, {stop, oops}}", cop_self())),
        "#{last_message := {stop, oops}}");
    CHECK_MATCH(report_after(quiet_server(), cop("{'$gen_cast', {do, {stop, oops}}}")),
        "#{last_message := {'$gen_cast', {do, {stop, oops}}}}");
    CHECK_MATCH(report_after(quiet_server(), cop("{do, {stop, oops}}")),
        "#{last_message := {do, {stop, oops}}}");
    server = quiet_server();
    CHECK_MATCH(report_after(server, cop("{'EXIT', Server, oops}", server)),
        "#{last_message := {'EXIT', Server, oops}}", server);
    CHECK_MATCH(
        report_after(quiet_server(), cop("{system, {Self, t}, {terminate, oops}}", cop_self())),
        "#{last_message := []}");
    server = quiet_server();
    cop_send(server, cop("{do, {set, 1, {noreply}}}"));
    CHECK_MATCH(report_after(server, cop("{system, nobody, get_state}")), "#{last_message := []}");
}

/* reason: {R, Stack} for what was raised, the bare reason for a stop and for a bad return. */
CLAUSE(GS_104)
{
    CHECK_MATCH(report_after(quiet_server(), cop("{do, {error, oops}}")), "#{reason := {oops, _}}");
    CHECK_MATCH(report_after(quiet_server(), cop("{do, {exit, oops}}")), "#{reason := {oops, _}}");
    CHECK_MATCH(report_after(quiet_server(), cop("{do, {stop, oops}}")), "#{reason := oops}");
    CHECK_MATCH(report_after(quiet_server(), cop("{do, {throw, ball}}")),
        "#{reason := {bad_return_value, ball}}");
}

static void call_to_stop(cop_term server)
{
    cop_pid pid;

    cop_must(cop_match(server, "Server", &pid));
    cop_call(pid, cop("{stop, oops}"));
}

/* client_info: undefined without a call; the caller's pid and name while one is under way; dead if
 * it is, remote if it is another node's. */
CLAUSE(GS_105)
{
    cop_pid dead = cop_spawn(exit_main, cop("normal")), server = quiet_server(), client,
            far = cop_pid_remote(cop_atom_new("far@away"), 1, 80, 2);
    cop_term report = COP_NONE;

    reason_of_exit(dead);
    CHECK_MATCH(report_after(server, cop("{'$gen_call', {Dead, t}, {stop, oops}}", dead)),
        "#{client_info := {Dead, dead}}", dead);
    CHECK_MATCH(report_after(quiet_server(), cop("{'$gen_call', {Far, t}, {stop, oops}}", far)),
        "#{client_info := {Far, remote}}", far);
    CHECK_MATCH(report_after(quiet_server(), cop("{'$gen_cast', {do, {stop, oops}}}")),
        "#{client_info := undefined}");
    cop_register("asker", cop_self());
    CHECK_MATCH(
        report_after(quiet_server(), cop("{'$gen_call', {Self, t}, {stop, oops}}", cop_self())),
        "#{client_info := {_, {asker, _}}}");
    watch_log();
    client = cop_spawn(call_to_stop, cop("Server", quiet_server()));
    EXPECT("{log, 3, Report, _}", &report);
    unwatch_log();
    CHECK_MATCH(report, "#{client_info := {Client, {Client, _}}}", client);
}

/* The lines of the report, in order: name, last message, state, reason, log if there is one. */
CLAUSE(GS_107)
{
    cop_log_event event = { .level = COP_LOG_ERROR,
        .report = cop("#{label => {gen_server, terminate}, name => here, last_message => hello, "
                      "state => 1, reason => oops,"
                      " log => [one], client_info => undefined}") };
    const char *text = cop_log_format(&event, false), *at = text;
    static const char *const order[] = { "here", "hello", "state", "oops", "one" };

    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        const char *found = strstr(at, order[i]);

        CHECK(found != NULL);
        at = found ? found : at;
    }
    CHECK(strchr(text, '\033') == NULL);
    CHECK(strchr(cop_log_format(&event, true), '\033') != NULL);
    event.report =
        cop("#{label => {gen_server, terminate}, name => here, last_message => hello, state => 1,"
            " reason => oops, log => [], client_info => undefined}");
    CHECK(strstr(cop_log_format(&event, false), "log") == NULL);
}

/* The text of report has these words, in this order. */
static void check_words(cop_term report, const char *const *words)
{
    cop_log_event event = { .level = COP_LOG_ERROR, .report = report };
    const char *text = cop_log_format(&event, false), *at = text;

    for (; *words; words++) {
        const char *found = strstr(at, *words);

        if (!found)
            fprintf(stderr, "  no %s in: %s\n", *words, text);
        CHECK(found != NULL);
        at = found ? found : at;
    }
}
#define CHECK_WORDS(REPORT, ...) check_words((REPORT), (const char *const[]){ __VA_ARGS__, NULL })

/* The other reports of OTP, and what is none, one fact a line; long ones whole. also: P-123 */
TEST(texts_of_reports)
{
    char *text = cop_alloc(3001);
    cop_log_event long_text = { .level = COP_LOG_NOTICE, .text = text };

    memset(text, 'x', 3000);
    CHECK_WORDS(
        cop("#{label => {proc_lib, crash}, report => [[{pid, me}, {error_info, {error, oops,"
            " [frame]}}, odd, {links, []}], [{neighbour, [{pid, other}, {status, waiting}]}]]}"),
        "CRASH REPORT process me", "exception: error oops", "stack: [frame]", "links: []",
        "neighbour other", "status: waiting");
    CHECK_WORDS(cop("#{label => {proc_lib, crash}, report => strange}"), "[error]");
    CHECK_WORDS(cop("#{label => {supervisor, progress}, report => [{supervisor, top},"
                    " {started, [{pid, me}, {id, worker}]}]}"),
        "PROGRESS REPORT top", "started", "pid: me", "id: worker");
    CHECK_WORDS(cop("#{label => {supervisor, child_terminated}, report => [{supervisor, top},"
                    " {reason, oops}, {offender, [{id, worker}]}]}"),
        "SUPERVISOR REPORT top: child_terminated", "reason: oops", "offender", "id: worker");
    CHECK_WORDS(cop("#{label => {my, own}, fact => 1}"), "{my,own}", "fact: 1");
    CHECK_WORDS(cop("#{fact => 1}"), "REPORT", "fact: 1");
    CHECK_WORDS(cop("[no, map]"), "[no,map]");
    CHECK(strlen(cop_log_format(&long_text, true)) > 3000);
    cop_free(text);
}

/* --- format_status
 * --------------------------------------------------------------------------------------- */

static cop_term format_status(void *state, cop_term status)
{
    struct probe *p = state;

    probe_tell(p, "format", status);
    if (p->value == 1)
        cop_error(cop("oops"));
    if (p->value == 2)
        return cop("no_map");
    return cop_map_put(status, cop("state"), cop("hidden"));
}

static cop_pid formatting(int value)
{
    static cop_gen_server module;
    cop_pid pid = { 0, 0 };

    module = probe;
    module.format_status = format_status;
    CHECK_EQ_INT(
        cop_gen_server_start(&pid, &module, cop("{Self, {set, V, {ok}}}", cop_self(), value)), 0);
    return pid;
}

static cop_term shown_state(cop_pid server)
{
    cop_term misc = COP_NONE, state = COP_NONE;

    CHECK_MATCH(cop_sys_get_status(server), "{status, _, _, [_, _, _, _, Misc]}", &misc);
    CHECK_MATCH(misc, "[{header, _}, {data, _}, {data, [{\"State\", State}]}]", &state);
    return state;
}

/* format_status gets state and log for get_status, and message and reason too for the report; what
 * it gives is shown. also: GS-109 */
CLAUSE(GS_108)
{
    cop_pid server = formatting(0);

    CHECK_TERM(shown_state(server), "hidden");
    EXPECT("{format, #{state := #{value := 0}, log := []}}");
    CHECK_MATCH(report_after(server, cop("{do, {error, oops}}")),
        "#{state := hidden, reason := {oops, _}}");
    EXPECT("{format, #{state := #{value := 0}, log := [], reason := oops, message := {do, {error, "
           "oops}}}}");
}

/* A format_status that crashes or gives no map: a text says so. */
CLAUSE(GS_110)
{
    CHECK_TERM(shown_state(formatting(1)), "\"probe:format_status/1 crashed\"");
    CHECK_TERM(shown_state(formatting(2)), "\"probe:format_status/1 did not return a map\"");
    CHECK_MATCH(report_after(formatting(1), cop("{do, {stop, oops}}")),
        "#{state := \"probe:format_status/1 crashed\"}");
}

/* --- code_change and enter_loop
 * ---------------------------------------------------------------------------- */

static cop_step code_change(void *state, cop_term message)
{
    struct probe *p = state;
    cop_term extra;

    cop_must(cop_match(message, "{\"1.0\", Extra}", &extra));
    if (cop_match(extra, "refuse"))
        return cop_init_error(cop("too_old"));
    if (cop_match(extra, "crash"))
        cop_error(cop("oops"));
    if (cop_match(extra, "throw"))
        cop_throw(cop("odd"));
    if (cop_match(extra, "exit"))
        cop_exit(cop("oops"));
    if (cop_match(extra, "odd"))
        return cop_noreply();
    p->value = 2;
    return cop_ok();
}

static cop_term change(cop_pid server, const char *extra)
{
    return cop_sys_change_code_of(
        cop_dest(server), cop("probe"), cop("\"1.0\""), cop_from_atom(cop_atom_new(extra)), 0);
}

/* code_change gets {OldVsn, Extra}: ok, {error, R}, a crash, or another value, which leave the
 * state. also: SYS-26, SYS-27 */
CLAUSE(GS_112)
{
    static cop_gen_server module;
    cop_pid server = { 0, 0 };

    module = probe;
    module.code_change = code_change;
    CHECK_EQ_INT(cop_gen_server_start(&server, &module, cop("{Self, {ok}}", cop_self())), 0);
    CHECK_MATCH(
        change(server, "go"), "{error, {unknown_system_msg, {change_code, probe, \"1.0\", go}}}");
    cop_sys_suspend(server);
    CHECK_TERM(change(server, "refuse"), "{error,{error,too_old}}");
    CHECK_MATCH(change(server, "crash"), "{error, {'EXIT', {oops, _}}}");
    CHECK_TERM(change(server, "throw"), "{error,odd}");
    CHECK_TERM(change(server, "exit"), "{error,{'EXIT',oops}}");
    CHECK_TERM(change(server, "odd"), "{error,undefined}");
    module.code_change = NULL;
    CHECK_MATCH(change(server, "none"), "{error, {'EXIT', {undef, _}}}");
    module.code_change = code_change;
    CHECK_TERM(change(server, "go"), "ok");
    cop_sys_resume(server);
    CHECK_TERM(cop_call(server, cop("get")), "2");
}

static cop_term tells_of_event(cop_term owner, cop_term event, cop_term name)
{
    (void)name;
    cop_send(owner, cop("{event, Event}", event));
    return owner;
}

static void enters(cop_term arg)
{
    struct probe state = { .value = 6 };
    cop_term how;

    cop_must(cop_match(arg, "{Owner, How}", &state.owner, &how));
    cop_init_ack(cop("ok"));
    if (cop_match(how, "named"))
        cop_register("entered", cop_self());
    if (cop_match(how, "misnamed"))
        cop_receive_match("go_on");
    if (cop_match(how, "timeout"))
        cop_gen_server_enter_loop(&probe, &state, cop_noreply(.timeout_ms = 1));
    if (cop_match(how, "continue"))
        cop_gen_server_enter_loop(&probe, &state, cop_noreply(.then = cop("on")));
    if (cop_match(how, "hibernate"))
        cop_gen_server_enter_loop(&probe, &state, cop_noreply(), .hibernate_after_ms = 2);
    if (cop_match(how, "debug"))
        cop_gen_server_enter_loop(&probe, &state, cop_noreply(),
            .debug = cop("[{log, 5}, Install]",
                cop_sys_install_option(cop("teller"), tells_of_event, cop_lift(state.owner))));
    if (cop_match(how, "plain"))
        cop_gen_server_enter_loop(&probe, &state, cop_noreply());
    cop_gen_server_enter_loop(&probe, &state, cop_noreply(), .name = cop_dest_name("entered"));
}

static cop_pid enter(const char *how)
{
    const struct cop_start_options options = { .link = false };
    cop_pid pid = { 0, 0 };
    cop_term result;

    CHECK_EQ_INT(cop_start_process(&result, &pid, NULL, enters,
                     cop("{Self, How}", cop_self(), cop_atom_new(how)), &options),
        COP_STARTED);
    return pid;
}

/* A proc_lib process becomes a server, with its own state; a name must be its own. Its options are
 * debug and hibernate_after. */
CLAUSE(GS_113)
{
    cop_pid misnamed, server;
    cop_ref ref;

    CHECK_TERM(cop_call(enter("plain"), cop("get")), "6");
    CHECK_TERM(cop_call(enter("named"), cop("get")), "6");
    CHECK_TERM(cop_call("entered", cop("get")), "6");
    misnamed = enter("misnamed");
    ref = cop_monitor(misnamed);
    cop_send(misnamed, cop("go_on"));
    EXPECT_DOWN(ref, "process_not_registered");
    server = enter("hibernate");
    CHECK(hibernates(server));
    cop_call(server, cop("get"));
    CHECK(hibernates(server));
    server = enter("debug");
    cop_send(server, cop("hello"));
    EXPECT("{event, {in, hello}}");
    EXPECT("{event, {noreply, _}}");
    CHECK_MATCH(cop_sys_log(server, cop("get")), "{ok, [{in, hello}, {noreply, _}]}");
}

/* In a plain process it exits; the parent is the first of the ancestors. */
CLAUSE(GS_114)
{
    cop_ref ref;
    cop_pid parent = { 0, 0 };

    cop_spawn_monitor(enters, cop("{Self, plain}", cop_self()), &ref);
    EXPECT_DOWN(ref, "process_was_not_started_by_proc_lib");
    CHECK_MATCH(cop_sys_get_status(enter("plain")), "{status, _, _, [_, _, Parent | _]}", &parent);
    CHECK(parent.id == cop_self().id);
}

/* It takes an action. */
CLAUSE(GS_115)
{
    enter("timeout");
    EXPECT("{info, timeout}");
    enter("continue");
    EXPECT("{continue, on}");
}
