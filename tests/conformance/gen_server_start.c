/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a generic server: GS-01 to GS-23, section 1 of docs/spec/gen_server.md. What init does
 * decides what the start function returns, how the server ends, and that nothing is left in the
 * mailbox of a starter that traps exits. */
#include "conformance/probe.h"

static cop_term start(cop_pid *ret_pid, int how, cop_term order)
{
    return probe_start(ret_pid, &probe_server, how, order, NULL);
}

/* All three start functions return only when init has returned: it ran, in the server. */
CLAUSE(GS_01)
{
    for (int how = START; how <= START_MONITOR; how++) {
        cop_pid pid = { 0, 0 };

        CHECK(cop_match(start(&pid, how, cop("{tell, in_init, ok}")), "{ok, _}"));
        CHECK_TERM(cop_receive_within(0), "in_init");
        CHECK(pid.id != cop_self().id);
        CHECK(cop_match(start(&pid, how, cop("{tell, in_init, ignore}")), "ignore"));
        CHECK_TERM(cop_receive_within(0), "in_init");
    }
}

/* Success is {ok, Pid}, for start_monitor {ok, {Pid, Ref}}: Ref is a monitor of Pid. */
CLAUSE(GS_02)
{
    cop_pid pid = { 0, 0 };
    cop_ref ref = { 0 };
    cop_term started = start(&pid, START, cop("ok"));

    CHECK(cop_match(started, "{ok, Pid}", pid));
    CHECK(cop_is_alive(pid));
    started = start(&pid, START_LINK, cop("ok"));
    CHECK(cop_match(started, "{ok, Pid}", pid));
    started = start(&pid, START_MONITOR, cop("ok"));
    CHECK(cop_match(started, "{ok, {Pid, Ref}}", pid, &ref));
    cop_exit_signal(pid, cop("enough"));
    EXPECT("{'DOWN', Ref, process, Pid, enough}", ref, pid);
}

/* The parent is the starter for start_link and start_monitor, and the server itself for start. */
CLAUSE(GS_03)
{
    for (int how = START; how <= START_MONITOR; how++) {
        cop_pid pid = { 0, 0 }, parent = { 0, 0 };

        start(&pid, how, cop("ok"));
        CHECK(cop_match(
            cop_sys_get_status(pid), "{status, _, _, [_, running, Parent, _, _]}", &parent));
        CHECK(parent.id == (how == START ? pid.id : cop_self().id));
    }
}

/* The options: init's time-out, debug, spawn options, hibernate_after. */
CLAUSE(GS_04)
{
    cop_pid pid = { 0, 0 };
    cop_term events;
    const struct cop_gen_options options = {
        .timeout_ms = WAIT_MS,
        .hibernate_after_ms = WAIT_MS,
        .debug = cop("[log]"),
        .spawn = { .priority = COP_HIGH },
    };

    CHECK(cop_match(probe_start(&pid, &probe_server, START, cop("ok"), &options), "{ok, _}"));
    CHECK_TERM(cop_process_info(pid, "priority"), "{priority,high}");
    cop_send(pid, cop("hello"));
    EXPECT("{info, hello}");
    CHECK(cop_match(cop_sys_log(pid, cop("get")), "{ok, Events}", &events));
    CHECK_TERM(events, "[{in,hello},{noreply,#{value => 0}}]");
}

/* A debug option that is none is logged and ignored; the server starts, the other options hold. */
CLAUSE(GS_05)
{
    cop_pid pid = { 0, 0 };
    const struct cop_gen_options options = { .debug = cop("[{log, 0}, nonsense, log]") };

    reports_begin();
    CHECK(cop_match(probe_start(&pid, &probe_server, START, cop("ok"), &options), "{ok, _}"));
    CHECK_EQ_INT(reports_number(), 2);
    CHECK(strstr(reports[0].text, "{log,0}"));
    CHECK(strstr(reports[1].text, "nonsense"));
    CHECK_TERM(cop_sys_log(pid, cop("get")), "{ok,[]}");
    cop_send(pid, cop("hello"));
    CHECK(cop_match(cop_sys_log(pid, cop("get")), "{ok, [_, _]}"));
}

/* The recorded initial call is {Module, init, 1}, and the first ancestor is the starter. */
CLAUSE(GS_06)
{
    cop_pid pid = { 0, 0 };
    cop_term dictionary, value;

    start(&pid, START, cop("ok"));
    CHECK(cop_match(cop_process_info(pid, "dictionary"), "{dictionary, D}", &dictionary));
    CHECK(cop_proplist_get(&value, dictionary, cop("'$initial_call'")));
    CHECK_TERM(value, "{probe,init,1}");
    CHECK(cop_proplist_get(&value, dictionary, cop("'$ancestors'")));
    CHECK(cop_match(value, "[Self | _]", cop_self()));
}

/* init returns {ok, State}: {ok, Pid}, and the server runs. */
CLAUSE(GS_07)
{
    cop_pid pid = { 0, 0 };

    cop_trap_exit(true);
    CHECK(cop_match(start(&pid, START_LINK, cop("{set, 7, ok}")), "{ok, _}"));
    CHECK_TERM(cop_call(pid, cop("get")), "7");
    EXPECT("{call, get}");
    NOTHING();
}

/* init may ask for a time-out, infinity, hibernation, a continue, or a time-out with a message. */
CLAUSE(GS_08)
{
    cop_pid pid = { 0, 0 };

    CHECK(cop_match(start(&pid, START, cop("{ok, 1}")), "{ok, _}"));
    EXPECT("{info, timeout}");
    CHECK(cop_match(start(&pid, START, cop("{ok, infinity}")), "{ok, _}"));
    CHECK(cop_match(start(&pid, START, cop("{ok, {continue, noreply}}")), "{ok, _}"));
    EXPECT("{continue, noreply}");
    CHECK(cop_match(start(&pid, START, cop("{ok, {timeout, 1, late}}")), "{ok, _}"));
    EXPECT("{info, late}");
    CHECK(cop_match(start(&pid, START, cop("{ok, {hibernate, 1, late}}")), "{ok, _}"));
    EXPECT("{info, late}");
    CHECK(cop_match(start(&pid, START, cop("{ok, hibernate}")), "{ok, _}"));
    cop_send(pid, cop("awake"));
    EXPECT("{info, awake}");
    NOTHING();
}

/* What a failing start of each kind returns, how the server ended, and that a trapping starter of
 * start_link finds nothing in its mailbox: the monitor is set by init's order to tell its pid. */
static void fails(cop_term order, const char *returned)
{
    for (int how = START; how <= START_MONITOR; how++) {
        cop_pid pid = { 0, 0 };

        CHECK_TERM(start(&pid, how, order), returned);
        NOTHING();
    }
}

/* The exit reason of a server whose init obeys order, seen by a process that it is linked to. */
static const char *exit_of(cop_term order)
{
    cop_pid pid = { 0, 0 }, witness = cop_spawn(witness_main, cop("Self", cop_self()));
    cop_term reason = COP_NONE;

    EXPECT("{Witness, ready}", witness);
    start(&pid, START, cop("{link_to, Witness, Order}", witness, order));
    EXPECT("{Witness, {'EXIT', _, Reason}}", witness, &reason);
    return cop_show(reason);
}

/* {stop, R}: {error, R} and exit reason R, whatever R is. */
CLAUSE(GS_09)
{
    cop_trap_exit(true);
    fails(cop("{stop, why}"), "{error,why}");
    fails(cop("{stop, normal}"), "{error,normal}");
    fails(cop("{stop, shutdown}"), "{error,shutdown}");
    CHECK_EQ_STR(exit_of(cop("{stop, why}")), "why");
    CHECK_EQ_STR(exit_of(cop("{stop, normal}")), "normal");
}

/* ignore: ignore, and exit reason normal. */
CLAUSE(GS_10)
{
    cop_trap_exit(true);
    fails(cop("ignore"), "ignore");
    CHECK_EQ_STR(exit_of(cop("ignore")), "normal");
}

static void start_link_main(cop_term order)
{
    cop_pid pid;

    probe_start(&pid, &probe_server, START_LINK, order, NULL);
    cop_exit(cop("survived"));
}

/* Why a process that does start_link_main with init's result ended. */
static cop_term reason_of_starter(cop_term how)
{
    cop_term reason = COP_NONE;
    cop_ref ref;

    cop_spawn_monitor(start_link_main, how, &ref);
    EXPECT("{'DOWN', Ref, process, _, Reason}", ref, &reason);
    return reason;
}

/* {error, R}: {error, R}, exit normal, no report; a linked starter that does not trap lives on. */
CLAUSE(GS_11)
{
    reports_begin();
    cop_trap_exit(true);
    fails(cop("{error, why}"), "{error,why}");
    CHECK_EQ_STR(exit_of(cop("{error, why}")), "normal");
    CHECK_TERM(reason_of_starter(cop("{error, why}")), "survived");
    CHECK_EQ_INT(reports_number(), 0);
}

/* error(R): {error, {R, Stack}} and exit reason {R, Stack}. */
CLAUSE(GS_13)
{
    cop_pid pid = { 0, 0 };
    cop_term reason, order = cop("{raise, error, oops}");

    cop_trap_exit(true);
    for (int how = START; how <= START_MONITOR; how++) {
        CHECK(cop_match(start(&pid, how, order), "{error, {oops, Stack}}", &reason));
        CHECK(cop_is_proper_list(reason));
        NOTHING();
    }
    CHECK(strncmp(exit_of(order), "{oops,[", 7) == 0);
}

/* A module without init is one whose init is undefined. */
CLAUSE(GS_13_undef)
{
    static const cop_gen_server empty = { .module = "empty" };
    cop_term reason;
    cop_pid pid;

    cop_trap_exit(true);
    CHECK_EQ_INT(
        cop_gen_server_start_with(&pid, NULL, &empty, cop("x"), 0, NULL, &reason), -COP_EEXIT);
    CHECK_TERM(reason, "{undef,[{empty,init,[x],[]}]}");
}

/* exit(R): {error, R}, and exit reason R, also normal. */
CLAUSE(GS_14)
{
    cop_trap_exit(true);
    fails(cop("{raise, exit, why}"), "{error,why}");
    fails(cop("{raise, exit, normal}"), "{error,normal}");
    CHECK_EQ_STR(exit_of(cop("{raise, exit, why}")), "why");
}

/* throw(V) is as if V had been returned. */
CLAUSE(GS_15)
{
    cop_pid pid = { 0, 0 };

    cop_trap_exit(true);
    CHECK(cop_match(start(&pid, START_LINK, cop("{raise, throw, {ok, state}}")), "{ok, _}"));
    CHECK(cop_is_alive(pid));
    fails(cop("{raise, throw, x}"), "{error,{bad_return_value,x}}");
    fails(cop("{raise, throw, {stop, why}}"), "{error,why}");
    fails(cop("{raise, throw, ignore}"), "ignore");
    fails(cop("{raise, throw, {error, why}}"), "{error,why}");
}

/* Anything else, a negative time-out too: {error, {bad_return_value, V}}, and that exit reason. */
CLAUSE(GS_16)
{
    cop_pid pid = { 0, 0 };

    cop_trap_exit(true);
    for (int how = START; how <= START_MONITOR; how++) {
        CHECK(cop_match(start(&pid, how, cop("bad")), "{error, {bad_return_value, _}}"));
        CHECK(cop_match(start(&pid, how, cop("{ok, -2}")), "{error, {bad_return_value, _}}"));
        CHECK(cop_match(start(&pid, how, cop("{ok, rubbish}")), "{error, {bad_return_value, _}}"));
        CHECK(cop_match(start(&pid, how, cop("noreply")), "{error, {bad_return_value, _}}"));
        NOTHING();
    }
    CHECK(strncmp(exit_of(cop("bad")), "{bad_return_value,", 18) == 0);
}

/* Longer than the time-out: {error, timeout}, killed, and nothing in the mailbox. */
CLAUSE(GS_17)
{
    const struct cop_gen_options options = { .timeout_ms = 20 };

    cop_trap_exit(true);
    for (int how = START; how <= START_MONITOR; how++) {
        cop_pid pid = { 0, 0 }, witness = cop_spawn(witness_main, cop("Self", cop_self()));
        cop_term order = cop("{link_to, Witness, sleep}", witness);

        EXPECT("{Witness, ready}", witness);
        CHECK_TERM(probe_start(&pid, &probe_server, how, order, &options), "{error,timeout}");
        EXPECT("{Witness, {'EXIT', _, killed}}", witness);
        NOTHING();
    }
}

/* terminate is never called when init fails, in whatever way. */
CLAUSE(GS_18)
{
    static const char *const orders[] = { "ignore", "{stop, why}", "{error, why}", "bad",
        "{ok, -2}", "{raise, error, why}", "{raise, exit, why}", "{raise, throw, why}" };
    const struct cop_gen_options options = { .timeout_ms = 20 };
    cop_pid pid;

    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        cop_term order;

        CHECK(cop_parse(&order, (cop_bytes){ orders[i], strlen(orders[i]) }, NULL) == 0);
        CHECK(!cop_match(start(&pid, START, order), "{ok, _}"));
    }
    CHECK(cop_match(probe_start(&pid, &probe_server, START, cop("sleep"), &options), "{error, _}"));
    NOTHING();
}

/* An init that fails abnormally gives the crash report of proc_lib and no other; the rest none. */
CLAUSE(GS_19)
{
    cop_pid pid;

    reports_begin();
    start(&pid, START, cop("{stop, shutdown}"));
    start(&pid, START, cop("{stop, {shutdown, 1}}"));
    start(&pid, START, cop("ignore"));
    start(&pid, START, cop("{error, why}"));
    CHECK_EQ_INT(reports_number(), 0);
    start(&pid, START, cop("{stop, why}"));
    CHECK_EQ_INT(reports_number(), 1);
    CHECK_EQ_STR(report_value(0, "label"), "{proc_lib,crash}");
    start(&pid, START, cop("{raise, error, why}"));
    CHECK_EQ_INT(reports_number(), 2);
    CHECK_EQ_STR(report_value(1, "label"), "{proc_lib,crash}");
}

/* Once a start has failed the name is free: the next one can take it at once. */
CLAUSE(GS_20)
{
    static const cop_gen_server named = { .name = "named", PROBE_CALLBACKS };
    cop_pid pid = { 0, 0 }, found;

    cop_trap_exit(true);
    for (int i = 0; i < 20; i++) {
        int how = START + i % 3;

        CHECK_TERM(probe_start(&pid, &named, how, cop("{stop, why}"), NULL), "{error,why}");
        CHECK(!cop_whereis(&found, "named"));
        CHECK_TERM(probe_start(&pid, &named, how, cop("ignore"), NULL), "ignore");
        CHECK(cop_match(probe_start(&pid, &named, START, cop("ok"), NULL), "{ok, _}"));
        cop_exit_signal(pid, cop("kill"));
        reason_of_exit(pid);
    }
}

/* A failing start_monitor leaves no down message behind. */
CLAUSE(GS_21)
{
    cop_pid pid = { 0, 0 };

    CHECK_TERM(start(&pid, START_MONITOR, cop("{stop, why}")), "{error,why}");
    CHECK_TERM(start(&pid, START_MONITOR, cop("ignore")), "ignore");
    CHECK(cop_match(start(&pid, START_MONITOR, cop("{raise, error, why}")), "{error, _}"));
    NOTHING();
}

/* A starter that is linked and does not trap dies with R when init stops with R; not for normal. */
CLAUSE(GS_22)
{
    CHECK_TERM(reason_of_starter(cop("{stop, why}")), "why");
    CHECK_TERM(reason_of_starter(cop("{stop, shutdown}")), "shutdown");
    CHECK_TERM(reason_of_starter(cop("{stop, normal}")), "survived");
}

/* Messages that come during init are handled after it, and after its continue. */
CLAUSE(GS_23)
{
    cop_pid pid = { 0, 0 };

    start(&pid, START,
        cop("{send_self, one, {send_self, two, {ok, {continue, {send_self, three, noreply}}}}}"));
    CHECK(cop_match(cop_receive(), "{continue, _}"));
    CHECK_TERM(cop_receive(), "{info,one}");
    CHECK_TERM(cop_receive(), "{info,two}");
    CHECK_TERM(cop_receive(), "{info,three}");
    start(&pid, START, cop("{send_self, one, ok}"));
    CHECK_TERM(cop_receive(), "{info,one}");
}
