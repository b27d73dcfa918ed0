/* SPDX-License-Identifier: Apache-2.0 */
/* proc_lib, its reports, and the log of plain processes: P-39, P-120 to P-134, sections 3 and 12 of
 * docs/spec/process.md. */
#include "conformance/node.h"

#include <coppice/gen_server.h>
#include <coppice/log.h>

/* Sends each report to the process that asked: its text form is enough to compare. */
static cop_pid log_reader;

static void to_reader(const cop_log_event *event, void *arg)
{
    (void)arg;
    cop_send(log_reader,
        cop("{log, Level, Report, Metadata}", (int)event->level,
            cop_is_none(event->report) ? cop_text(event->text ? event->text : "") : event->report,
            cop_is_none(event->metadata) ? cop_nil() : event->metadata));
}

static void read_log(void)
{
    log_reader = cop_self();
    cop_log_set_handler(to_reader, NULL);
}

static void error_main(cop_term reason)
{
    cop_error(reason);
}

static void throw_main(cop_term value)
{
    cop_throw(value);
}

/* A plain process that ends by error or throw is logged once; one that ends by exit is not. */
CLAUSE(P_39)
{
    read_log();
    reason_of_exit(cop_spawn(error_main, cop("bad")));
    EXPECT("{log, 3, _, _}");
    reason_of_exit(cop_spawn(throw_main, cop("ball")));
    EXPECT("{log, 3, _, _}");
    reason_of_exit(cop_spawn(exit_main, cop("anything")));
    reason_of_exit(cop_spawn(exit_main, cop("normal")));
    NOTHING();
    cop_log_set_handler(NULL, NULL);
}

static void family_main(cop_term arg)
{
    cop_pid owner;

    cop_must(cop_to_pid(&owner, arg));
    cop_send(owner, cop("{A, I}", cop_get(cop("'$ancestors'")), cop_get(cop("'$initial_call'"))));
}

/* '$ancestors' and '$initial_call' are there before user code runs. */
CLAUSE(P_120)
{
    cop_spawn_opt(
        family_main, cop("Self", cop_self()), NULL, .proc_lib = true, .initial_call = "family");
    EXPECT("{[Me], {family, _, _}}", cop_self());
}

static cop_term ends_with(cop_process_main *fn, cop_term arg)
{
    cop_ref ref = { 0 };
    cop_term reason = COP_NONE;

    cop_spawn_opt(fn, arg, &ref, .proc_lib = true, .monitor = true);
    EXPECT("{'DOWN', Ref, process, _, Reason}", ref, &reason);
    return reason;
}

/* Its exit reasons are those of a plain process; P-122: every one but normal, shutdown and
 * {shutdown, _} is reported once, as an error, plain exits too. also: P-122 */
CLAUSE(P_121)
{
    read_log();
    CHECK_TERM(ends_with(exit_main, cop("normal")), "normal");
    CHECK_TERM(ends_with(exit_main, cop("shutdown")), "shutdown");
    CHECK_TERM(ends_with(exit_main, cop("{shutdown, why}")), "{shutdown,why}");
    NOTHING();
    CHECK_TERM(ends_with(exit_main, cop("plain")), "plain");
    EXPECT("{log, 3, #{label := {proc_lib, crash}}, _}");
    CHECK(cop_match(ends_with(error_main, cop("bad")), "{bad, _}"));
    EXPECT("{log, 3, #{label := {proc_lib, crash}}, _}");
    CHECK(cop_match(ends_with(throw_main, cop("ball")), "{{nocatch, ball}, _}"));
    EXPECT("{log, 3, #{label := {proc_lib, crash}}, _}");
    NOTHING();
    cop_log_set_handler(NULL, NULL);
}

static void neighbour_main(cop_term arg)
{
    cop_pid other;

    cop_must(cop_to_pid(&other, arg));
    cop_link(other);
    idle_main(COP_NONE);
}

static void crash_main(cop_term arg)
{
    cop_pid friend = cop_spawn(neighbour_main, cop("Self", cop_self()));

    cop_put(cop("key"), cop("value"));
    while (cop_match(cop_process_info(friend, "links"), "{links, []}"))
        cop_yield();
    cop_send(cop_self(), cop("unread"));
    cop_error(arg);
}

/* The crash report has the parts of OTP's in their order, and its metadata. also: P-124 */
CLAUSE(P_123)
{
    static const char *const keys[] = { "initial_call", "pid", "registered_name", "error_info",
        "ancestors", "message_queue_len", "messages", "links", "dictionary", "trap_exit", "status",
        "heap_size", "stack_size", "reductions" };
    cop_term own = COP_NONE, neighbours = COP_NONE, metadata = COP_NONE, item, value, rest;
    size_t at = 0;

    read_log();
    ends_with(crash_main, cop("bad"));
    EXPECT("{log, 3, #{label := {proc_lib, crash}, report := [Own, N]}, Meta}", &own, &neighbours,
        &metadata);
    for (rest = own; cop_list_next(&item, &rest);)
        if (at < sizeof keys / sizeof keys[0] &&
            cop_identical(cop_tuple_at(item, 0), cop_from_atom(cop_atom_new(keys[at]))))
            at++;
    CHECK_EQ_INT(at, sizeof keys / sizeof keys[0]);
    CHECK(cop_proplist_get(&value, own, cop("error_info")) && cop_match(value, "{error, bad, _}"));
    CHECK(cop_proplist_get(&value, own, cop("messages")));
    CHECK_TERM(value, "[unread]");
    CHECK(cop_proplist_get(&value, own, cop("dictionary")));
    CHECK_TERM(value, "[{key,value}]");
    CHECK(cop_match(neighbours, "[{neighbour, N}]", &value));
    CHECK(cop_proplist_get(&item, value, cop("pid")));
    CHECK(cop_match(metadata, "#{domain := [otp, sasl], error_logger := #{type := crash_report}}"));
    NOTHING();
    cop_log_set_handler(NULL, NULL);
}

/* A child told by its argument how to start. */
static void starter_main(cop_term arg)
{
    cop_term value;

    if (cop_match(arg, "{ack, V}", &value)) {
        cop_init_ack(value);
        idle_main(COP_NONE);
    }
    if (cop_match(arg, "{fail, V}", &value)) {
        cop_must(cop_register("starting", cop_self()));
        cop_init_fail(value, cop("failed"));
    }
    if (cop_match(arg, "{fail_normal, V}", &value))
        cop_init_fail(value, cop("normal"));
    if (cop_match(arg, "{exit, V}", &value))
        cop_exit(value);
    if (cop_match(arg, "hang"))
        idle_main(COP_NONE);
}

static enum cop_start_outcome start(cop_term *ret, cop_pid *ret_pid, cop_ref *ret_ref, cop_term how,
    struct cop_start_options options)
{
    return cop_start_process(ret, ret_pid, ret_ref, starter_main, how, &options);
}

/* What the child gives to ack or fail comes back unchanged. */
CLAUSE(P_125)
{
    cop_term result = COP_NONE;
    cop_pid pid = { 0, 0 };

    cop_log_set_level(COP_LOG_EMERGENCY);
    CHECK_EQ_INT(
        start(&result, &pid, NULL, cop("{ack, {any, [term]}}"), (struct cop_start_options){ 0 }),
        COP_STARTED);
    CHECK_TERM(result, "{any,[term]}");
    CHECK(cop_is_alive(pid));
    CHECK_EQ_INT(
        start(&result, &pid, NULL, cop("{fail, {error, no}}"), (struct cop_start_options){ 0 }),
        COP_START_FAILED);
    CHECK_TERM(result, "{error,no}");
    NOTHING();
}

/* A child that ends before gives {error, Reason}; one that returns, {error, normal}. */
CLAUSE(P_126)
{
    cop_term result = COP_NONE;

    CHECK_EQ_INT(start(&result, NULL, NULL, cop("{exit, early}"), (struct cop_start_options){ 0 }),
        COP_START_FAILED);
    CHECK_TERM(result, "{error,early}");
    CHECK_EQ_INT(start(&result, NULL, NULL, cop("return"), (struct cop_start_options){ 0 }),
        COP_START_FAILED);
    CHECK_TERM(result, "{error,normal}");
    NOTHING();
}

/* After the time the child is killed and {error, timeout} given; linked or not, no 'EXIT' is left.
 */
CLAUSE(P_127)
{
    cop_term result = COP_NONE;
    cop_pid pid = { 0, 0 };

    for (int link = 0; link < 2; link++) {
        cop_trap_exit(link);
        CHECK_EQ_INT(start(&result, &pid, NULL, cop("hang"),
                         (struct cop_start_options){ .link = link, .timeout_ms = 10 }),
            COP_START_FAILED);
        CHECK_TERM(result, "{error,timeout}");
        CHECK(!cop_is_alive(pid));
        NOTHING();
    }
}

/* When a failed start returns, the child is gone: its name is free, and a trapping starter has no
 * 'EXIT' of it. */
CLAUSE(P_128)
{
    cop_term result = COP_NONE;
    cop_pid pid = { 0, 0 }, found;

    cop_trap_exit(true);
    for (int i = 0; i < 300; i++) {
        CHECK_EQ_INT(start(&result, &pid, NULL, cop("{fail, no}"),
                         (struct cop_start_options){ .link = true }),
            COP_START_FAILED);
        CHECK(!cop_whereis(&found, "starting"));
        CHECK(!cop_is_alive(pid));
        CHECK(!cop_receive_match_within(0, "{'EXIT', _, _}"));
        cop_turn_end();
    }
    NOTHING();
}

static void linking_starter_main(cop_term arg)
{
    cop_term result, how;
    cop_pid owner;

    cop_must(cop_match(arg, "{Owner, How}", &owner, &how));
    start(&result, NULL, NULL, how, (struct cop_start_options){ .link = true });
    cop_send(owner, cop("{survived, R}", result));
}

/* A starter that does not trap dies of an abnormal end of its child, and survives a normal one. */
CLAUSE(P_129)
{
    cop_ref ref;
    cop_pid pid =
        cop_spawn_monitor(linking_starter_main, cop("{Self, {fail, no}}", cop_self()), &ref);

    EXPECT("{'DOWN', Ref, process, Pid, failed}", ref, pid);
    NOTHING();
    cop_spawn(linking_starter_main, cop("{Self, {fail_normal, ignore}}", cop_self()));
    EXPECT("{survived, ignore}");
}

/* With monitor a failed start leaves the 'DOWN' of the reference to the caller. */
CLAUSE(P_130)
{
    cop_term result = COP_NONE;
    cop_ref ref = { 0 };
    cop_pid pid = { 0, 0 };

    CHECK_EQ_INT(start(&result, &pid, &ref, cop("{fail, no}"),
                     (struct cop_start_options){ .monitor = true }),
        COP_START_FAILED);
    EXPECT("{'DOWN', Ref, process, Pid, failed}", ref, pid);
    CHECK_EQ_INT(start(&result, &pid, &ref, cop("{ack, yes}"),
                     (struct cop_start_options){ .monitor = true }),
        COP_STARTED);
    cop_exit_signal(pid, cop("kill"));
    EXPECT("{'DOWN', Ref, process, Pid, killed}", ref, pid);
    NOTHING();
}

static void start_with_monitor_option(void *unused)
{
    cop_term result;

    (void)unused;
    start(&result, NULL, NULL, cop("{ack, yes}"),
        (struct cop_start_options){ .spawn = { .monitor = true } });
}

/* monitor among the spawn options is badarg. */
CLAUSE(P_131)
{
    cop_term reason = COP_NONE;

    CHECK_EQ_INT(TRY(start_with_monitor_option, NULL, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "badarg");
}

/* --- stop
 * ------------------------------------------------------------------------------------------------
 */

static cop_step init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    return cop_ok();
}

static void end_otherwise(void *state, cop_term reason)
{
    (void)state;
    if (cop_match(reason, "otherwise"))
        cop_exit(cop("something_else"));
}

static const cop_gen_server server = {
    .module = "server", .state_size = 1, .init = init, .terminate = end_otherwise
};

struct stop {
    cop_pid pid;
    cop_term reason;
    int64_t timeout_ms;
};

static void stop_it(void *arg)
{
    struct stop *stop = arg;

    cop_stop_process(cop_dest(stop->pid), stop->reason, stop->timeout_ms);
}

/* stop returns when the process has ended with the reason; exits with the other reason when it
 * ended otherwise, with noproc when it is not there, with timeout when it does not answer, and that
 * one lives on. */
CLAUSE(P_132)
{
    struct stop stop = { .reason = cop("normal"), .timeout_ms = WAIT_MS };
    cop_term reason = COP_NONE;

    cop_log_set_level(COP_LOG_EMERGENCY);
    CHECK_EQ_INT(cop_gen_server_start(&stop.pid, &server, 0), 0);
    CHECK_EQ_INT(TRY(stop_it, &stop, &reason), COP_CLASS_NONE);
    CHECK(!cop_is_alive(stop.pid));
    CHECK_EQ_INT(TRY(stop_it, &stop, &reason), COP_CLASS_EXIT);
    CHECK_TERM(reason, "noproc");
    CHECK_EQ_INT(cop_gen_server_start(&stop.pid, &server, 0), 0);
    stop.reason = cop("otherwise");
    CHECK_EQ_INT(TRY(stop_it, &stop, &reason), COP_CLASS_EXIT);
    CHECK_TERM(reason, "something_else");
    CHECK(!cop_is_alive(stop.pid));
    stop.pid = cop_spawn(idle_main, COP_NONE);
    stop.timeout_ms = 10;
    CHECK_EQ_INT(TRY(stop_it, &stop, &reason), COP_CLASS_EXIT);
    CHECK_TERM(reason, "timeout");
    CHECK(cop_is_alive(stop.pid));
    NOTHING();
}

/* Stopping oneself exits with calling_self, and says of what. */
CLAUSE(P_133)
{
    struct stop stop = { cop_self(), cop("normal"), COP_INFINITY };
    cop_term reason = COP_NONE;

    CHECK_EQ_INT(TRY(stop_it, &stop, &reason), COP_CLASS_EXIT);
    CHECK(cop_match(
        reason, "{calling_self, {sys, terminate, [Self, normal, infinity]}}", cop_self()));
}

/* A label is for reports; process_info and the dictionary show it. */
CLAUSE(P_134)
{
    CHECK_TERM(cop_process_info(cop_self(), "label"), "{label,undefined}");
    cop_set_label(cop("{worker, 1}"));
    CHECK_TERM(cop_process_info(cop_self(), "label"), "{label,{worker,1}}");
    CHECK_TERM(cop_get(cop("'$process_label'")), "{worker,1}");
    cop_set_label(cop("two"));
    CHECK_TERM(cop_process_info(cop_self(), "label"), "{label,two}");
}
