/* SPDX-License-Identifier: Apache-2.0 */
/* Clauses SYS-01 to SYS-37: looking into a running server and steering it. */
#include "conformance/printed.h"
#include "conformance/told_server.h"

#include <unistd.h>

/* What the request looks like on the wire, seen by a plain process; the client's time-out is then
 * one of sys. */
static void ask_in_vain(cop_term arg)
{
    cop_pid pid;
    cop_term what;

    cop_must(cop_match(arg, "{Pid, What}", &pid, &what));
    if (cop_match(what, "get_state"))
        cop_sys_get_state_of(cop_dest(pid), 1);
    if (cop_match(what, "get_status"))
        cop_sys_get_status_of(cop_dest(pid), 1);
    if (cop_match(what, "suspend"))
        cop_sys_suspend_of(cop_dest(pid), 1);
    if (cop_match(what, "resume"))
        cop_sys_resume_of(cop_dest(pid), 1);
    if (cop_match(what, "terminate"))
        cop_sys_terminate_of(cop_dest(pid), cop("why"), 1);
    if (cop_match(what, "change_code"))
        cop_sys_change_code_of(cop_dest(pid), cop("m"), cop("v"), cop("x"), 1);
    if (cop_match(what, "log"))
        cop_sys_log_of(cop_dest(pid), cop("{true, 3}"), 1);
    if (cop_match(what, "trace"))
        cop_sys_trace_of(cop_dest(pid), true, 1);
    if (cop_match(what, "statistics"))
        cop_sys_statistics_of(cop_dest(pid), cop("get"), 1);
    if (cop_match(what, "log_to_file"))
        cop_sys_log_to_file_of(cop_dest(pid), NULL, 1);
    if (cop_match(what, "no_debug"))
        cop_sys_no_debug_of(cop_dest(pid), 1);
}

/* The request with this name is on the wire as text says, and fails with {timeout, {sys, Name, [Pid
 * | _]}}. */
static void check_wire(const char *name, const char *text)
{
    cop_pid witness = cop_spawn(witness_main, cop("Self", cop_self()));
    cop_term request = COP_NONE;
    cop_ref ref;

    cop_spawn_monitor(ask_in_vain, cop("{Pid, What}", witness, cop_atom_new(name)), &ref);
    EXPECT("{Witness, {system, {_, [alias | _]}, Request}}", witness, &request);
    CHECK_TERM(request, text);
    EXPECT("{'DOWN', Ref, process, _, {timeout, {sys, Name, [Pid | _]}}}", ref, cop_atom_new(name),
        witness);
    EXPECT("{Witness, ready}", witness);
}

/* get_state: the state, here a map of the fields that were declared. */
CLAUSE(SYS_01)
{
    check_wire("get_state", "get_state");
    CHECK_TERM(cop_sys_get_state(probe_new_how(START, "{set, 4, {note, {a, [1]}, {ok}}}")),
        "#{note => {a,[1]},terminate_by => 0,value => 4}");
}

static cop_term add_one(cop_term state, void *arg)
{
    int64_t value = 0;

    (void)arg;
    cop_match(state, "#{value := V}", &value);
    return cop("#{value => New, note => {replaced, Old}}", value + 1, value);
}

/* A state with a field of each type. */
struct every {
    bool flag;
    int small;
    unsigned positive;
    int64_t wide;
    uint64_t wide_positive;
    double number;
    cop_term term;
    cop_pid pid;
    cop_ref ref;
    cop_atom atom;
    const char *text;
};

static const cop_field every_fields[] = {
    COP_FIELD(struct every, flag),
    COP_FIELD(struct every, small),
    COP_FIELD(struct every, positive),
    COP_FIELD(struct every, wide),
    COP_FIELD(struct every, wide_positive),
    COP_FIELD(struct every, number),
    COP_FIELD(struct every, term),
    COP_FIELD(struct every, pid),
    COP_FIELD(struct every, ref),
    COP_FIELD(struct every, atom),
    COP_FIELD(struct every, text),
    COP_FIELDS_END,
};

static cop_step every_init(void *state, cop_term arg)
{
    struct every *every = state;

    (void)arg;
    every->text = "constant";
    return cop_ok();
}

static const cop_gen_server every_type = {
    .module = "every",
    .state_size = sizeof(struct every),
    .fields = every_fields,
    .init = every_init,
};

struct putting {
    cop_pid server;
    cop_term state;
    const char *text; /* in place of state: parsed in the server */
};

/* arg is what the caller of replace has on its stack, and waits with. */
static cop_term put_text(cop_term state, void *arg)
{
    const char *text = arg;
    cop_term put = COP_NONE;

    (void)state;
    cop_must(cop_parse(&put, (cop_bytes){ text, strlen(text) }, NULL));
    return put;
}

static void run_put(void *arg)
{
    struct putting *putting = arg;

    putting->state =
        cop_sys_replace_state(putting->server, put_text, (void *)(uintptr_t)putting->text);
}

static cop_term put_identities(cop_term state, void *arg)
{
    (void)state, (void)arg;
    return cop("#{pid => Pid, ref => Ref}", cop_self(), cop_make_ref());
}

/* Values of each type go in and out; what does not fit changes nothing. */
static void check_every_type(void)
{
    static const char *const wrong[] = { "#{flag => 1}", "#{small => 2147483648}",
        "#{positive => -1}", "#{wide => 9223372036854775808}", "#{wide_positive => -1}",
        "#{number => one}", "#{pid => 1}", "#{ref => 1}", "#{atom => 1}",
        "#{small => 7, other => 1}", "[]" };
    struct putting putting = { .text = "#{flag => true, small => -5, positive => 4294967295,"
                                       " wide => -9223372036854775808, number => 0.5,"
                                       " wide_positive => 18446744073709551615, term => [a, {b}],"
                                       " pid => undefined, ref => undefined, atom => word}" };
    cop_term before;

    CHECK_EQ_INT(cop_gen_server_start(&putting.server, &every_type, cop("[]")), 0);
    CHECK_MATCH(cop_sys_get_state(putting.server),
        "#{flag := false, small := 0, positive := 0, wide := 0, wide_positive := 0,"
        " number := 0.0, term := undefined, pid := undefined, ref := undefined,"
        " atom := undefined, text := <<\"constant\">>}");
    run_put(&putting);
    CHECK_MATCH(putting.state,
        "#{flag := true, small := -5, positive := 4294967295, wide := -9223372036854775808,"
        " wide_positive := 18446744073709551615, number := 0.5, term := [a, {b}],"
        " pid := undefined, ref := undefined, atom := word, text := <<\"constant\">>}");
    before = cop_sys_replace_state(putting.server, put_identities, NULL);
    CHECK_MATCH(before, "#{pid := Pid}", putting.server);
    CHECK(!cop_match(before, "#{ref := undefined}"));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        putting.text = wrong[i];
        CHECK_EQ_INT(TRY(run_put, &putting, NULL), COP_CLASS_ERROR);
    }
    putting.text = "#{text => <<\"ignored\">>}"; /* a constant of the program */
    run_put(&putting);
    CHECK(cop_identical(cop_sys_get_state(putting.server), before));
}

static bool replace_own(void *state, cop_term term)
{
    struct probe *p = state;

    return cop_match(term, "{own, N}", &p->value);
}

static cop_term put_own(cop_term state, void *arg)
{
    (void)state, (void)arg;
    return cop("{own, 8}");
}

static cop_term show_own(void *state)
{
    struct probe *p = state;

    return cop("{own, N}", p->value);
}

/* replace_state: the new state is the answer, and the C struct has it, whatever the types of its
 * fields, or by functions of the module's own. */
CLAUSE(SYS_02)
{
    static cop_gen_server module;
    cop_pid server = probe_new();

    CHECK_TERM(cop_sys_replace_state(server, add_one, NULL),
        "#{note => {replaced,0},terminate_by => 0,value => 1}");
    CHECK_TERM(cop_call(server, cop("get")), "1");
    check_every_type();
    module = probe;
    module.get_state = show_own;
    module.replace_state = replace_own;
    CHECK_EQ_INT(cop_gen_server_start(&server, &module, cop("{Self, {ok}}", cop_self())), 0);
    CHECK_TERM(cop_sys_replace_state(server, put_own, NULL), "{own,8}");
    CHECK_TERM(cop_call(server, cop("get")), "8");
}

/* get_status: {status, Pid, {module, Mod}, [PDict, SysState, Parent, Debug, Misc]}. also: SYS-19 */
CLAUSE(SYS_03)
{
    cop_pid server = probe_new();
    cop_term dictionary = COP_NONE, value;

    check_wire("get_status", "get_status");
    CHECK_MATCH(cop_sys_get_status(server),
        "{status, Server, {module, gen_server}, [D, running, Server, [], [_ | _]]}", server,
        &dictionary);
    CHECK(cop_proplist_get(&value, dictionary, cop("'$initial_call'")));
    cop_sys_suspend(server);
    CHECK_MATCH(cop_sys_get_status(server), "{status, _, _, [_, suspended | _]}");
}

/* suspend and resume. also: SYS-21 */
CLAUSE(SYS_04)
{
    cop_pid server = probe_new();

    check_wire("suspend", "suspend");
    check_wire("resume", "resume");
    cop_sys_suspend(server);
    cop_sys_suspend(server);
    cop_send(server, cop("wait"));
    NOTHING();
    cop_sys_resume(server);
    EXPECT("{info, wait}");
    cop_sys_resume(server);
    CHECK_TERM(cop_call(server, cop("get")), "0");
}

/* terminate: ok first, then terminate(R, State) and the exit. also: SYS-24 */
CLAUSE(SYS_05)
{
    cop_pid server = probe_new();
    cop_ref ref = cop_monitor(server);

    check_wire("terminate", "{terminate,why}");
    cop_send(server, cop("{system, {Self, tag}, {terminate, enough}}", cop_self()));
    CHECK_TERM(cop_receive_within(WAIT_MS), "{tag,ok}");
    CHECK_TERM(cop_receive_within(WAIT_MS), "{terminate,enough}");
    EXPECT_DOWN(ref, "enough");
}

/* change_code on the wire; GS-112 shows what it does. */
CLAUSE(SYS_06)
{
    check_wire("change_code", "{change_code,m,v,x}");
}

/* The debug requests on the wire. also: SYS-08, SYS-09, SYS-10, SYS-13 */
CLAUSE(SYS_07)
{
    check_wire("log", "{debug,{log,{true,3}}}");
    check_wire("trace", "{debug,{trace,true}}");
    check_wire("statistics", "{debug,{statistics,get}}");
    check_wire("log_to_file", "{debug,{log_to_file,false}}");
    check_wire("no_debug", "{debug,no_debug}");
}

/* A debug function: counts in its state, tells the owner of each event; ends at the event {in,
 * stop}. */
static cop_term watch(cop_term fn_state, cop_term event, cop_term name)
{
    int64_t count;
    cop_pid owner;

    (void)name;
    if (!cop_match(fn_state, "{Owner, Count}", &owner, &count))
        return COP_NONE;
    if (cop_match(event, "{in, stop}"))
        return cop("done");
    if (cop_match(event, "{in, crash}"))
        cop_error(cop("oops"));
    cop_send(owner, cop("{watched, Count, Event}", count, event));
    return cop("{Owner, Count}", owner, count + 1);
}

static cop_pid watched(cop_term id)
{
    cop_pid server = probe_new_how(START, "{forget_owner, {ok}}");

    CHECK_TERM(
        cop_sys_install_in(cop_dest(server), id, watch, cop("{Owner, 0}", cop_self()), 0), "ok");
    return server;
}

/* install puts a function into the server, which sees each event. also: SYS-28 */
CLAUSE(SYS_11)
{
    cop_pid server = watched(cop("mine"));

    cop_send(server, cop("hello"));
    EXPECT("{watched, 0, {in, hello}}");
    EXPECT("{watched, 1, {noreply, #{value := 0}}}");
    cop_call(server, cop("{reply, yes}"));
    EXPECT("{watched, 2, {in, {'$gen_call', {Self, _}, {reply, yes}}}}", cop_self());
    EXPECT("{watched, 3, {out, yes, {Self, _}, #{value := 0}}}", cop_self());
    cop_cast(server, cop("{do, {noreply, {continue, on}}}"));
    EXPECT("{watched, 4, {in, {'$gen_cast', _}}}");
    EXPECT("{watched, 5, {noreply, _}}");
    EXPECT("{watched, 6, {continue, on}}");
}

/* remove takes it out, by its id or by the function. */
CLAUSE(SYS_12)
{
    cop_pid server = watched(cop("mine"));

    CHECK_TERM(cop_sys_remove_from(cop_dest(server), cop("mine"), NULL, 0), "ok");
    cop_send(server, cop("hello"));
    server = watched(COP_NONE);
    CHECK_TERM(cop_sys_remove_from(cop_dest(server), COP_NONE, watch, 0), "ok");
    cop_send(server, cop("hello"));
    NOTHING();
}

/* Requests wait behind what is queued. */
CLAUSE(SYS_14)
{
    cop_pid server = probe_new();

    cop_send(server, cop("{do, {set, 5, {noreply}}}"));
    CHECK_MATCH(cop_sys_get_state(server), "#{value := 5}");
}

/* What is no request: {error, {unknown_system_msg, _}}; what is no debug command: unknown_debug. */
CLAUSE(SYS_15)
{
    cop_pid server = probe_new();

    cop_send(server, cop("{system, {Self, a}, sing}", cop_self()));
    EXPECT("{a, {error, {unknown_system_msg, sing}}}");
    cop_send(server, cop("{system, {Self, b}, {debug, sing}}", cop_self()));
    EXPECT("{b, unknown_debug}");
    CHECK_TERM(cop_sys_log(server, cop("{true, 0}")), "unknown_debug");
    CHECK_TERM(cop_call(server, cop("get")), "0");
}

static cop_term state_error(void *state)
{
    (void)state;
    return cop("{error, in_person}");
}

static void get_state_of(void *arg)
{
    cop_sys_get_state(*(cop_pid *)arg);
}

static cop_term state_raises(void *state)
{
    (void)state;
    cop_error(cop("oops"));
}

/* A result {error, R} raises in the client; so does a get_state that raises, and the server goes
 * on. */
CLAUSE(SYS_16)
{
    static cop_gen_server module;
    cop_pid server = { 0, 0 };
    cop_term reason = COP_NONE;

    module = probe;
    module.get_state = state_error;
    CHECK_EQ_INT(cop_gen_server_start(&server, &module, cop("{Self, {ok}}", cop_self())), 0);
    CHECK_EQ_INT(TRY(get_state_of, &server, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "in_person");
    module.get_state = state_raises;
    cop_cast(server, cop("hello"));
    CHECK_EQ_INT(TRY(get_state_of, &server, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "{callback_failed,{gen_server,system_get_state},{error,oops}}");
    CHECK_TERM(cop_call(server, cop("get")), "0");
}

static cop_term replace_badly(cop_term state, void *arg)
{
    const char *how = arg;

    if (strcmp(how, "error") == 0)
        cop_error(cop("oops"));
    if (strcmp(how, "exit") == 0)
        cop_exit(cop("oops"));
    if (strcmp(how, "throw") == 0)
        cop_throw(cop("oops"));
    if (strcmp(how, "type") == 0)
        return cop("#{value => 9, terminate_by => text}");
    if (strcmp(how, "key") == 0)
        return cop("#{value => 9, unknown => 1}");
    return strcmp(how, "none") == 0 ? COP_NONE : state;
}

struct replacing_badly {
    cop_pid server;
    const char *how;
};

static void run_replace_badly(void *arg)
{
    const struct replacing_badly *replacing = arg;

    cop_sys_replace_state(replacing->server, replace_badly, (void *)(uintptr_t)replacing->how);
}

/* A function that fails, or gives what does not fit: callback_failed in the client, the state as it
 * was. */
CLAUSE(SYS_17)
{
    static const char *const ways[] = { "error", "exit", "throw", "type", "key", "none" };
    static const char *const classes[] = { "error", "exit", "throw", "error", "error", "error" };
    struct replacing_badly replacing = { probe_new_how(START, "{set, 3, {ok}}"), NULL };

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        cop_term reason = COP_NONE;

        replacing.how = ways[i];
        CHECK_EQ_INT(TRY(run_replace_badly, &replacing, &reason), COP_CLASS_ERROR);
        CHECK_MATCH(reason, "{callback_failed, {gen_server, system_replace_state}, {Class, _}}",
            cop_atom_new(classes[i]));
        CHECK_TERM(cop_call(replacing.server, cop("get")), "3");
    }
}

/* Misc of get_status, with the header for a pid, and for a name. */
CLAUSE(SYS_18)
{
    cop_pid server = probe_new();
    char header[128];
    cop_term text = COP_NONE;

    CHECK_MATCH(cop_sys_get_status(server),
        "{status, _, _, [_, _, _, _, [{header, Header}, {data, [{\"Status\", running}, "
        "{\"Parent\", Server},"
        " {\"Logged events\", []}]}, {data, [{\"State\", #{value := 0}}]}]]}",
        &text, server);
    snprintf(
        header, sizeof header, "\"Status for generic server %s\"", cop_show(cop_from_pid(server)));
    CHECK_TERM(text, header);
    PROBE_START(&server, NULL, START, cop("{ok}"), .name = cop_dest_name("here"));
    CHECK_MATCH(
        cop_sys_get_status("here"), "{status, _, _, [_, _, _, _, [{header, Header} | _]]}", &text);
    CHECK_TERM(text, "\"Status for generic server here\"");
}

/* Suspended, ordinary messages stay queued, and come in order after resume. However many system
 * requests it answers meanwhile, its memory stays as it is. */
CLAUSE(SYS_20)
{
    cop_pid server = probe_new();
    cop_term result = COP_NONE;
    cop_ref request;

    cop_sys_suspend(server);
    cop_send(server, cop("one"));
    cop_cast(server, cop("two"));
    request = cop_send_request(server, cop("{set, 3, {reply, three}}"));
    cop_send(server, cop("four"));
    CHECK_MATCH(cop_sys_get_state(server), "#{value := 0}");
    NOTHING();
    cop_sys_resume(server);
    CHECK_TERM(cop_receive_within(WAIT_MS), "{info,one}");
    CHECK_TERM(cop_receive_within(WAIT_MS), "{cast,two}");
    EXPECT("{info, four}");
    CHECK_EQ_INT(cop_receive_response(&result, request, WAIT_MS), COP_RESPONSE);
    CHECK_TERM(result, "three");

    CHECK_EQ_INT(PROBE_START(&server, NULL, START, cop("{note, [it, is, kept], {ok}}"),
                     .spawn = { .heap_size_max = 64 * 1024 }),
        0);
    cop_sys_suspend(server);
    for (int i = 0; i < 50000; i++) {
        cop_sys_get_state(server);
        cop_sys_get_state_of(cop_dest(server), COP_INFINITY);
        cop_turn_end();
    }
    CHECK_MATCH(cop_sys_get_state(server), "#{note := [it, is, kept]}");
    cop_sys_resume(server);
    CHECK_TERM(cop_call(server, cop("get")), "0");
}

/* A call made while suspended times out; it is obeyed after resume, and its late reply dropped. */
CLAUSE(SYS_22)
{
    cop_pid server = probe_new();

    cop_sys_suspend(server);
    CHECK_MATCH(exit_of_call(cop_dest(server), cop("{set, 8, {reply, late}}"), 2), "{timeout, _}");
    cop_sys_resume(server);
    CHECK_TERM(cop_call(server, cop("get")), "8");
    NOTHING();
}

/* The other requests work while suspended. */
CLAUSE(SYS_23)
{
    cop_pid server = probe_new();
    cop_ref ref = cop_monitor(server);

    cop_sys_suspend(server);
    CHECK_MATCH(cop_sys_get_state(server), "#{value := 0}");
    CHECK_MATCH(cop_sys_replace_state(server, add_one, NULL), "#{value := 1}");
    CHECK_MATCH(cop_sys_get_status(server), "{status, _, _, [_, suspended | _]}");
    CHECK_TERM(cop_sys_log(server, cop("true")), "ok");
    CHECK_TERM(cop_sys_log(server, cop("get")), "{ok,[]}");
    cop_sys_terminate(server, cop("enough"));
    EXPECT("{terminate, enough}");
    EXPECT_DOWN(ref, "enough");
}

static void hear(cop_pid server, const char *from, const char *to)
{
    for (char c = *from; c <= *to; c++)
        cop_send(server, cop_from_atom(cop_atom_new((char[2]){ c, 0 })));
}

/* log: on keeps ten events, {true, N} N of them and the newest, get is oldest first, false forgets.
 */
CLAUSE(SYS_29)
{
    cop_pid server = probe_new_how(START, "{forget_owner, {ok}}");
    cop_term events = COP_NONE;
    size_t length = 0;

    CHECK_TERM(cop_sys_log(server, cop("get")), "{ok,[]}");
    CHECK_TERM(cop_sys_log(server, cop("true")), "ok");
    hear(server, "a", "j");
    CHECK_MATCH(cop_sys_log(server, cop("get")), "{ok, Events}", &events);
    CHECK(cop_list_length(&length, events));
    CHECK_EQ_INT(length, 10);
    CHECK_MATCH(events, "[{in, f}, {noreply, _} | _]");
    CHECK_TERM(cop_sys_log(server, cop("{true, 2}")), "ok");
    CHECK_MATCH(cop_sys_log(server, cop("get")), "{ok, [{in, j}, {noreply, _}]}");
    hear(server, "k", "k");
    CHECK_MATCH(cop_sys_log(server, cop("get")), "{ok, [{in, k}, {noreply, _}]}");
    CHECK_TERM(cop_sys_log(server, cop("false")), "ok");
    hear(server, "l", "l");
    CHECK_TERM(cop_sys_log(server, cop("get")), "{ok,[]}");
    cop_sys_log(server, cop("true"));
    CHECK_TERM(cop_sys_log(server, cop("get")), "{ok,[]}");
    CHECK_TERM(cop_sys_log(server, cop("what")), "unknown_debug");
    CHECK_TERM(cop_sys_statistics(server, cop("what")), "unknown_debug");
    cop_sys_statistics(server, cop("true"));
    hear(server, "m", "m");
    CHECK_MATCH(cop_sys_get_status(server),
        "{status, _, _, [_, _, _, [{statistics, {_, 1, 0}}, {log, {10, [{in, m}, _]}}], _]}");
}

/* statistics: what came in, and what was replied by return value. */
CLAUSE(SYS_30)
{
    cop_pid server = probe_new();

    CHECK_TERM(cop_sys_statistics(server, cop("get")), "{ok,no_statistics}");
    CHECK_TERM(cop_sys_statistics(server, cop("true")), "ok");
    cop_send(server, cop("one"));
    cop_call(server, cop("{reply, yes}"));
    cop_send_request(server, cop("{noreply}"));
    CHECK_MATCH(cop_sys_statistics(server, cop("get")),
        "{ok, [{start_time, {{_, _, _}, {_, _, _}}}, {current_time, {{_, _, _}, {_, _, _}}}, "
        "{reductions, _},"
        " {messages_in, 3}, {messages_out, 1}]}");
    CHECK_TERM(cop_sys_statistics(server, cop("false")), "ok");
    CHECK_TERM(cop_sys_statistics(server, cop("get")), "{ok,no_statistics}");
}

static void talk(cop_pid server)
{
    cop_send(server, cop("hello"));
    cop_cast(server, cop("news"));
    cop_call(server, cop("{reply, yes}"));
    cop_sys_get_state(server);
}

static void check_lines(const char *text, cop_pid server)
{
    const char *self = cop_show(cop_from_pid(cop_self())), *name = cop_show(cop_from_pid(server));
    const char *state = "#{note => undefined,terminate_by => 0,value => 0}";
    char expected[2048];

    snprintf(expected, sizeof expected,
        "*DBG* %s got hello\n*DBG* %s new state %s\n*DBG* %s got cast news\n*DBG* %s new state %s\n"
        "*DBG* %s got call {reply,yes} from %s\n*DBG* %s sent yes to %s, new state %s\n",
        name, name, state, name, name, state, name, self, name, self, state);
    CHECK_EQ_STR(text, expected);
}

/* trace prints the lines that begin with *DBG* on standard output. */
CLAUSE(SYS_31)
{
    cop_pid server = probe_new_how(START, "{forget_owner, {ok}}");
    struct printed printed = printed_begin();

    cop_sys_trace(server, true);
    CHECK_MATCH(cop_sys_get_status(server), "{status, _, _, [_, _, _, [{trace, true}], _]}");
    talk(server);
    cop_sys_trace(server, false);
    cop_send(server, cop("unheard"));
    cop_sys_get_state(server);
    check_lines(printed_end(printed), server);
}

/* The lines of a continue and of a time-out; the events kept are printed on demand. also: SYS-29 */
CLAUSE(SYS_08)
{
    cop_pid server = { 0, 0 };
    struct printed printed = printed_begin();
    const char *name, *text;
    char expected[1024];

    CHECK_EQ_INT(PROBE_START(&server, NULL, START, cop("{ok, 1}"), .debug = cop("[trace]")), 0);
    EXPECT("{info, timeout}");
    cop_send(server, cop("{do, {noreply, {continue, on}}}"));
    EXPECT("{continue, on}");
    cop_sys_no_debug(server);
    cop_sys_log(server, cop("true"));
    cop_cast(server, cop("news"));
    EXPECT("{cast, news}");
    cop_sys_log(server, cop("print"));
    text = printed_end(printed);
    name = cop_show(cop_from_pid(server));
    snprintf(expected, sizeof expected,
        "*DBG* %s got timeout\n*DBG* %s new state #{note => undefined,terminate_by => 0,value => "
        "0}\n"
        "*DBG* %s got {do,{noreply,{continue,on}}}\n"
        "*DBG* %s new state #{note => undefined,terminate_by => 0,value => 0}\n"
        "*DBG* %s continue on\n"
        "*DBG* %s new state #{note => undefined,terminate_by => 0,value => 0}\n"
        "*DBG* log got cast news\n"
        "*DBG* log new state #{note => undefined,terminate_by => 0,value => 0}\n",
        name, name, name, name, name, name);
    CHECK_EQ_STR(text, expected);
}

/* A debug function that is done, or raises, is removed. */
CLAUSE(SYS_32)
{
    cop_pid server = watched(cop("mine"));

    cop_send(server, cop("stop"));
    cop_send(server, cop("unheard"));
    server = watched(cop("mine"));
    cop_send(server, cop("crash"));
    cop_send(server, cop("unheard"));
    CHECK_TERM(cop_call(server, cop("get")), "0");
    NOTHING();
}

/* Installing the same id again changes nothing. */
CLAUSE(SYS_33)
{
    cop_pid server = watched(cop("mine"));

    cop_send(server, cop("one"));
    CHECK_TERM(cop_sys_install_in(
                   cop_dest(server), cop("mine"), watch, cop("{Owner, 100}", cop_self()), 0),
        "ok");
    cop_send(server, cop("two"));
    EXPECT("{watched, 0, {in, one}}");
    EXPECT("{watched, 1, _}");
    EXPECT("{watched, 2, {in, two}}");
    EXPECT("{watched, 3, _}");
    NOTHING();
}

/* log_to_file writes the same lines; no_debug ends everything and closes the file. */
CLAUSE(SYS_34)
{
    cop_pid server = watched(cop("mine"));
    const char *path = temporary();

    CHECK_TERM(cop_sys_log_to_file_of(cop_dest(server), path, 0), "ok");
    cop_sys_log(server, cop("true"));
    talk(server);
    cop_sys_no_debug(server);
    while (cop_receive_match_within(0, "{watched, _, _}"))
        ;
    cop_send(server, cop("unheard"));
    CHECK_TERM(cop_sys_log(server, cop("get")), "{ok,[]}");
    NOTHING();
    check_lines(contents(path), server);
    CHECK_TERM(cop_sys_log_to_file_of(cop_dest(server), "/nowhere/at/all", 0), "{error,open_file}");
    unlink(path);
}

/* The start option sets the same up before the first message; what is no option is logged, and a
 * function that is there already stays. */
CLAUSE(SYS_35)
{
    cop_pid server = { 0, 0 };
    const char *path;

    PROBE_START(&server, NULL, START, cop("{send_self, first, {ok}}"),
        .debug = cop("[{log, 2}, statistics]"));
    EXPECT("{info, first}");
    CHECK_MATCH(cop_sys_log(server, cop("get")), "{ok, [{in, first}, {noreply, _}]}");
    CHECK_MATCH(cop_sys_statistics(server, cop("get")),
        "{ok, [_, _, _, {messages_in, 1}, {messages_out, 0}]}");

    path = temporary();
    PROBE_START(&server, NULL, START, cop("{send_self, first, {forget_owner, {ok}}}"),
        .debug = cop("[{log_to_file, Path}]", cop_text(path)));
    cop_call(server, cop("get"));
    cop_exit_signal(server, cop("kill")); /* its end closes the file */
    while (cop_is_alive(server))
        cop_yield();
    CHECK(strstr(contents(path), "got first") != NULL);
    unlink(path);

    PROBE_START(&server, NULL, START, cop("{send_self, first, {forget_owner, {ok}}}"),
        .debug = cop("[Install, Again, {install, what}, log]",
            cop_sys_install_option(cop("mine"), watch, cop("{Owner, 0}", cop_self())),
            cop_sys_install_option(cop("mine"), watch, cop("{Owner, 100}", cop_self()))));
    EXPECT("{watched, 0, {in, first}}");
    EXPECT("{watched, 1, {noreply, _}}");
    CHECK_TERM(cop_sys_remove_from(cop_dest(server), cop("mine"), NULL, 0), "ok");
    cop_send(server, cop("unheard"));
    CHECK_MATCH(cop_sys_log(server, cop("get")), "{ok, [_, _, {in, unheard}, _]}");
    PROBE_START(&server, NULL, START, cop("{send_self, first, {forget_owner, {ok}}}"),
        .debug = cop(
            "[Install]", cop_sys_install_option(COP_NONE, watch, cop("{Owner, 7}", cop_self()))));
    EXPECT("{watched, 7, {in, first}}");
    EXPECT("{watched, 8, {noreply, _}}");
    CHECK_TERM(cop_sys_remove_from(cop_dest(server), COP_NONE, watch, 0), "ok");
    cop_send(server, cop("unheard"));
    cop_sys_get_state(server);
    NOTHING();
}

/* Who is no OTP process lets the client time out; one that is not there, and oneself, fail at once.
 */
CLAUSE(SYS_36)
{
    cop_pid plain = cop_spawn(idle_main, cop_nil()), gone = cop_spawn(exit_main, cop("normal")),
            self = cop_self();
    cop_term reason = COP_NONE;

    reason_of_exit(gone);
    CHECK_EQ_INT(TRY(get_state_of, &gone, &reason), COP_CLASS_EXIT);
    CHECK_MATCH(reason, "{noproc, {sys, get_state, [Gone]}}", gone);
    CHECK_EQ_INT(TRY(get_state_of, &self, &reason), COP_CLASS_EXIT);
    CHECK_MATCH(reason, "{calling_self, {sys, get_state, [Self]}}", self);
    check_wire("get_state", "get_state");
    CHECK(cop_is_alive(plain));
}
