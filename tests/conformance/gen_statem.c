/* SPDX-License-Identifier: Apache-2.0 */
/* State machines, clause by clause (docs/spec/gen_statem.md). The machine of these tests tells its
 * owner of each event as {saw, State, Type, Content}, and of its end as {ended, Reason, State}. An
 * event with the content {do, Result} throws Result, which is the same as to return it (SM-22); a
 * call is answered first. */
#include <coppice/gen_statem.h>

#include "conformance/printed.h"
#include "conformance/told_server.h"

struct told {
    cop_pid owner;
    int64_t value;
    int64_t enters;
    cop_term on_enter; /* kept: what an enter call returns; none: keep */
    int terminate_by;  /* 0: return, 1: error(in_terminate), 2: throw */
};

static const cop_field told_fields[] = {
    COP_FIELD(struct told, value),
    COP_FIELD(struct told, on_enter),
    COP_FIELD(struct told, terminate_by),
    COP_FIELDS_END,
};

static cop_term type_of(const cop_event *event)
{
    static const char *const types[] = { "call", "cast", "info", "internal", "enter", "timeout",
        "state_timeout" };

    if (event->type == COP_EVENT_GENERIC_TIMEOUT)
        return cop("{timeout, Name}", event->name);
    return cop_from_atom(cop_atom_new(types[event->type]));
}

static cop_step told_event(void *data, cop_term state, const cop_event *event)
{
    struct told *told = data;
    cop_term result, from;
    int64_t ms;

    if (event->type == COP_EVENT_ENTER)
        told->enters++;
    cop_send(
        told->owner, cop("{saw, State, Type, Content}", state, type_of(event), event->content));
    if (event->type == COP_EVENT_ENTER && !cop_is_none(told->on_enter))
        cop_throw(cop_copy(told->on_enter));
    if (cop_match(event->content, "{ask, Result}", &result)) /* the reply is among the actions */
        cop_throw(result);
    if (cop_match(event->content, "{hold, Result}", &result)) { /* and who asked is told */
        from = event->type == COP_EVENT_CALL ? cop_caller() : cop("none");
        cop_send(told->owner, cop("{from, From}", from));
        cop_throw(result);
    }
    if (event->type == COP_EVENT_CALL)
        cop_reply_to(cop_caller(), cop("done"));
    if (cop_match(event->content, "{do, Result}", &result))
        cop_throw(result);
    if (cop_match(event->content, "{nap, Ms}", &ms))
        cop_sleep(ms);
    if (cop_match(event->content, "{error, Reason}", &result))
        cop_error(result);
    if (cop_match(event->content, "{exit, Reason}", &result))
        cop_exit(result);
    return cop_keep_state();
}

static cop_step open_state(void *data, const cop_event *event)
{
    return told_event(data, cop("open"), event);
}

static cop_step shut_state(void *data, const cop_event *event)
{
    return told_event(data, cop("shut"), event);
}

/* {Owner, Result}: Result is thrown, or obeyed where it is {ok, State} or {error, R}. */
static cop_step told_init(void *data, cop_term arg)
{
    struct told *told = data;
    cop_term result, state, reason, actions;

    cop_must(cop_match(arg, "{Owner, Result}", &told->owner, &result));
    if (cop_match(result, "{ok, State}", &state))
        return cop_ok(.state = state);
    if (cop_match(result, "{ok, State, Actions}", &state, &actions))
        return cop_ok(.state = state, .actions = actions);
    if (cop_match(result, "{raise, Reason}", &reason))
        cop_error(reason);
    if (cop_match(result, "{exit, Reason}", &reason))
        cop_exit(reason);
    if (cop_match(result, "{init_error, Reason}", &reason))
        return cop_init_error(reason);
    cop_throw(result);
}

static void told_terminate(void *data, cop_term reason, cop_term state)
{
    const struct told *told = data;

    cop_send(told->owner, cop("{ended, Reason, State}", reason, state));
    if (told->terminate_by == 1)
        cop_error(cop("in_terminate"));
    if (told->terminate_by == 2)
        cop_throw(cop("in_terminate"));
}

static cop_step told_code_change(void *data, cop_term what)
{
    struct told *told = data;
    cop_term state, extra;

    cop_must(cop_match(what, "{_, State, Extra}", &state, &extra));
    told->value = 77;
    if (cop_match(extra, "bad"))
        return cop_init_error(cop("why"));
    return cop_match(extra, "keep") ? cop_ok() : cop_ok(.state = cop("{was, State}", state));
}

#define TOLD_CALLBACKS                                                          \
    .data_size = sizeof(struct told), .fields = told_fields, .init = told_init, \
    .terminate = told_terminate, .code_change = told_code_change

static const cop_gen_statem told = {
    .module = "told",
    .callback_mode = COP_HANDLE_EVENT_FUNCTION,
    .handle_event = told_event,
    TOLD_CALLBACKS,
};

static const cop_gen_statem entering = {
    .module = "entering",
    .callback_mode = COP_HANDLE_EVENT_FUNCTION,
    .state_enter = true,
    .handle_event = told_event,
    TOLD_CALLBACKS,
};

static const cop_gen_statem functions = {
    .module = "functions",
    .callback_mode = COP_STATE_FUNCTIONS,
    .states = COP_STATES({ "open", open_state }, { "shut", shut_state }, ),
    TOLD_CALLBACKS,
};

static const cop_gen_statem modeless = {
    .module = "modeless",
    .handle_event = told_event,
    TOLD_CALLBACKS,
};

static cop_ref end_of_last; /* a monitor of the machine that was started last */

static cop_pid start(const cop_gen_statem *module, const char *result)
{
    cop_pid pid = { 0, 0 };
    cop_term how = COP_NONE;

    CHECK_EQ_INT(cop_parse(&how, (cop_bytes){ result, strlen(result) }, NULL), 0);
    CHECK_EQ_INT(cop_gen_statem_start_monitor(
                     &pid, &end_of_last, module, cop("{Owner, Result}", cop_self(), how)),
        0);
    return pid;
}

static void do_cast(cop_pid machine, const char *result)
{
    cop_term what = COP_NONE;

    CHECK_EQ_INT(cop_parse(&what, (cop_bytes){ result, strlen(result) }, NULL), 0);
    cop_cast(machine, cop("{do, What}", what));
    EXPECT("{saw, _, cast, {do, _}}");
}

/* The machine started last ends with a reason that matches. */
#define EXPECT_END(...)                                                  \
    do {                                                                 \
        cop_term end_ = COP_NONE;                                        \
        EXPECT("{'DOWN', Ref, process, _, Reason}", end_of_last, &end_); \
        CHECK(cop_match(end_, __VA_ARGS__));                             \
        if (!cop_match(end_, __VA_ARGS__))                               \
            fprintf(stderr, "  it was %s\n", cop_show(end_));            \
    } while (0)

/* Names, stop, system messages and the wire format are those of gen_server. */
CLAUSE(SM_01)
{
    cop_pid machine, other;
    cop_term error = COP_NONE, arg = cop("{Owner, {ok, s1}}", cop_self());
    struct cop_gen_options options = { .name = cop_dest_name("machine") };
    cop_ref ref = { 0 };

    CHECK_EQ_INT(cop_gen_statem_start_with(&machine, NULL, &told, arg, 0, &options, &error), 0);
    CHECK(cop_whereis(&other, "machine") && other.id == machine.id);
    CHECK_EQ_INT(
        cop_gen_statem_start_with(&other, NULL, &told, arg, 1, &options, &error), -COP_EALREADY);
    CHECK_MATCH(error, "{already_started, _}");
    cop_send(machine, cop("{'$gen_call', {Self, tag}, hello}", cop_self()));
    EXPECT("{saw, s1, call, hello}");
    EXPECT("{tag, done}");
    cop_send(machine, cop("{'$gen_cast', hello}"));
    EXPECT("{saw, s1, cast, hello}");
    CHECK_TERM(cop_call("machine", cop("x")), "done");
    cop_sys_suspend(machine);
    cop_cast(machine, cop("later"));
    NEVER("{saw, _, cast, later}");
    cop_sys_resume(machine);
    EXPECT("{saw, s1, cast, later}");
    cop_stop_server(machine, cop("normal"), COP_INFINITY);
    EXPECT("{ended, normal, s1}");
    CHECK_EQ_INT(cop_gen_statem_start_monitor(&machine, &ref, &told, arg), 0);
    cop_stop_server(machine, cop("shutdown"), COP_INFINITY);
    EXPECT("{'DOWN', Ref, process, _, shutdown}", ref);
}

/* The mode is asked after init; what is none ends a machine that has already been started. */
CLAUSE(SM_02)
{
    start(&modeless, "{ok, s1}");
    EXPECT_END("{{bad_return_from_callback_mode, 0}, _}");
}

/* What init may return. */
CLAUSE(SM_03)
{
    cop_term error = COP_NONE;
    cop_pid machine = start(&told, "{ok, s1, [{next_event, internal, first}, {timeout, 0, t}]}");

    EXPECT("{saw, s1, internal, first}");
    NEVER("{saw, s1, timeout, t}"); /* an event came before it */
    machine = start(&told, "{ok, {any, term}, data, {next_event, internal, first}}");
    EXPECT("{saw, {any, term}, internal, first}");
    CHECK_EQ_INT(cop_gen_statem_start_with(
                     &machine, NULL, &told, cop("{Owner, ignore}", cop_self()), 0, NULL, &error),
        -ECANCELED);
    CHECK_EQ_INT(cop_gen_statem_start_with(&machine, NULL, &told,
                     cop("{Owner, {init_error, why}}", cop_self()), 0, NULL, &error),
        -COP_EEXIT);
    CHECK_TERM(error, "why");
}

/* How init fails. */
CLAUSE(SM_04)
{
    static const char *const results[] = { "{stop, why}", "{raise, why}", "{exit, why}",
        "{bad, value}" };
    static const char *const errors[] = { "why", "why", "why",
        "{bad_return_from_init,{bad,value}}" };

    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        cop_term result = COP_NONE, error = COP_NONE;
        cop_pid machine;

        cop_parse(&result, (cop_bytes){ results[i], strlen(results[i]) }, NULL);
        CHECK_EQ_INT(cop_gen_statem_start_with(&machine, NULL, &told,
                         cop("{Owner, Result}", cop_self(), result), 0, NULL, &error),
            -COP_EEXIT);
        CHECK_TERM(error, errors[i]);
    }
}

/* State functions: each state has its own; a state that is no atom fails at the next event. */
CLAUSE(SM_05)
{
    cop_pid machine = start(&functions, "{ok, open}");

    do_cast(machine, "{next_state, shut, data}");
    cop_cast(machine, cop("x"));
    EXPECT("{saw, shut, cast, x}");
    do_cast(machine, "{next_state, nowhere, data}");
    cop_cast(machine, cop("x"));
    EXPECT_END("{undef, [{functions, nowhere, [cast, x, data], _} | _]}");
    machine = start(&functions, "{ok, open}");
    do_cast(machine, "{next_state, {no, atom}, data}");
    CHECK(cop_is_alive(machine));
    cop_cast(machine, cop("x"));
    EXPECT_END("{badarg, _}");
}

/* Any term is a state, all go to one function. also: SM-07 */
CLAUSE(SM_06)
{
    cop_pid machine = start(&told, "{ok, [1.5]}");

    cop_send(machine, cop("hello"));
    EXPECT("{saw, [1.5], info, hello}");
    cop_cast(machine, cop("hello"));
    EXPECT("{saw, [1.5], cast, hello}");
    CHECK_TERM(cop_gen_statem_call(machine, cop("hello")), "done");
    EXPECT("{saw, [1.5], call, hello}");
    do_cast(machine, "{keep_state_and_data, [{next_event, internal, i}, {{timeout, n}, 0, g},"
                     " {state_timeout, 0, s}]}");
    EXPECT("{saw, [1.5], internal, i}");
    EXPECT("{saw, [1.5], {timeout, n}, g}");
    EXPECT("{saw, [1.5], state_timeout, s}");
}

struct calling {
    cop_pid machine;
    int64_t timeout_ms;
};

static void run_call(void *arg)
{
    const struct calling *calling = arg;

    cop_gen_statem_call(
        calling->machine, cop("{hold, keep_state_and_data}"), .timeout_ms = calling->timeout_ms);
}

/* A call waits for ever unless told otherwise, and fails with three arguments in its reason.
 * also: SM-09 */
CLAUSE(SM_08)
{
    struct calling calling = { start(&told, "{ok, s1}"), 5 };
    cop_term reason = COP_NONE, from = COP_NONE;

    CHECK_EQ_INT(TRY(run_call, &calling, &reason), COP_CLASS_EXIT);
    CHECK_MATCH(reason, "{timeout, {gen_statem, call, [_, {hold, _}, 5]}}");
    EXPECT("{from, From}", &from);
    cop_reply_to(from, cop("late"));
    NEVER("{_, late}"); /* as with clean_timeout: a late reply is dropped */
    cop_stop_server(calling.machine, cop("normal"), COP_INFINITY);
    calling.timeout_ms = 0;
    CHECK_EQ_INT(TRY(run_call, &calling, &reason), COP_CLASS_EXIT);
    CHECK_MATCH(reason, "{noproc, {gen_statem, call, [_, _, infinity]}}");
}

/* The message of a timer that is none of its own is an event. */
CLAUSE(SM_10)
{
    cop_pid machine = start(&told, "{ok, s1, {state_timeout, 20000, mine}}");
    cop_ref ref = cop_start_timer(0, machine, cop("x"));

    EXPECT("{saw, s1, info, {timeout, Ref, x}}", ref);
}

static void start_linked(cop_term arg)
{
    cop_pid owner, machine = { 0, 0 };
    cop_term reason;

    cop_must(cop_match(arg, "Owner", &owner));
    cop_must(cop_gen_statem_start_link(&machine, &told, cop("{Owner, {ok, s1}}", owner)));
    cop_send(owner, cop("{machine, Pid}", machine));
    for (;;)
        if (cop_match(cop_receive(), "{exit, Reason}", &reason))
            cop_exit(reason);
}

static cop_step trap_init(void *data, cop_term arg)
{
    cop_trap_exit(true);
    return told_init(data, arg);
}

/* The parent's exit ends it, that of others is an event. */
CLAUSE(SM_11)
{
    static cop_gen_statem trapping;
    cop_pid machine = { 0, 0 }, parent = cop_spawn(start_linked, cop("Self", cop_self()));

    EXPECT("{machine, Pid}", &machine);
    end_of_last = cop_monitor(machine);
    cop_exit_signal(parent, cop("why"));
    EXPECT_END("why");
    trapping = told;
    trapping.init = trap_init;
    CHECK_EQ_INT(
        cop_gen_statem_start_link(&machine, &trapping, cop("{Owner, {ok, s1}}", cop_self())), 0);
    cop_send(machine, cop("{'EXIT', Pid, why}", cop_spawn(idle_main, cop_nil())));
    EXPECT("{saw, s1, info, {'EXIT', _, why}}");
    cop_trap_exit(true);
    cop_send(machine, cop("{'EXIT', Self, why}", cop_self()));
    EXPECT("{ended, why, s1}");
}

static cop_term terminate_by(cop_term pair, void *arg)
{
    cop_term state, data;

    cop_must(cop_match(pair, "{State, Data}", &state, &data));
    return cop("{State, Data}", state,
        cop_map_put(data, cop("terminate_by"), cop_int((int64_t)(intptr_t)arg)));
}

/* terminate sees the bare reason, the exit has the stack; what it raises becomes the reason. */
CLAUSE(SM_12)
{
    cop_pid machine = start(&told, "{ok, s1}");

    cop_cast(machine, cop("{error, oops}"));
    EXPECT("{ended, oops, s1}");
    EXPECT_END("{oops, [_ | _]}");
    machine = start(&told, "{ok, s1}");
    cop_cast(machine, cop("{exit, oops}"));
    EXPECT("{ended, oops, s1}");
    EXPECT_END("oops");
    for (int by = 1; by <= 2; by++) {
        machine = start(&told, "{ok, s1}");
        cop_sys_replace_state(machine, terminate_by, (void *)(intptr_t)by);
        cop_cast(machine, cop("{do, {stop, why}}"));
        EXPECT("{ended, why, s1}");
        if (by == 1)
            EXPECT_END("{in_terminate, [_ | _]}");
        else
            EXPECT_END("why");
    }
}

static cop_term count_up(cop_term pair, void *arg)
{
    cop_term state, data;

    cop_must(cop_match(pair, "{State, Data}", &state, &data));
    return cop("{State, Data}", cop_identical(state, cop("s1")) ? cop("s2") : state,
        cop_map_put(data, cop("value"), cop_int((int64_t)(intptr_t)arg)));
}

/* State and data are a pair for sys. */
CLAUSE(SM_13)
{
    cop_pid machine = start(&told, "{ok, s1}");

    CHECK_MATCH(cop_sys_get_state(machine), "{s1, #{value := 0}}");
    CHECK_MATCH(
        cop_sys_replace_state(machine, count_up, (void *)(intptr_t)5), "{s2, #{value := 5}}");
    cop_cast(machine, cop("x"));
    EXPECT("{saw, s2, cast, x}");
}

/* What get_status shows. */
CLAUSE(SM_14)
{
    cop_pid machine = start(&told, "{ok, s1}");
    cop_term status, header = COP_NONE, first = COP_NONE, last = COP_NONE;

    do_cast(machine, "{keep_state_and_data, [postpone, {{timeout, n}, 20000, later}]}");
    status = cop_sys_get_status(machine);
    CHECK_MATCH(status,
        "{status, _, {module, gen_statem}, [_, running, _, [], [{header, H},"
        " {data, First}, Last]]}",
        &header, &first, &last);
    CHECK_MATCH(first, "[{\"Status\", running}, {\"Parent\", _}, {\"Modules\", [told]},"
                       " {\"Time-outs\", {1, [{{timeout, n}, later}]}}, {\"Logged Events\", []},"
                       " {\"Postponed\", [{cast, {do, _}}]}]");
    CHECK_MATCH(last, "{data, [{\"State\", {s1, #{value := 0}}}]}");
}

/* The results: the same state again is no change; keep and repeat keep it.
 * also: SM-16, SM-17 */
CLAUSE(SM_15)
{
    cop_pid machine = start(&entering, "{ok, s1}");

    EXPECT("{saw, s1, enter, s1}");
    do_cast(machine, "{next_state, s2, data}");
    EXPECT("{saw, s2, enter, s1}");
    do_cast(machine, "{next_state, s2, data}");
    do_cast(machine, "{next_state, s2, data, []}");
    do_cast(machine, "{keep_state, data}");
    do_cast(machine, "{keep_state, data, []}");
    do_cast(machine, "keep_state_and_data");
    do_cast(machine, "{keep_state_and_data, []}");
    NEVER("{saw, _, enter, _}");
}

/* repeat_state: the enter call comes again, with the current state. */
CLAUSE(SM_18)
{
    cop_pid machine = start(&entering, "{ok, s1}");

    for (int i = 0; i < 4; i++) {
        static const char *const repeats[] = { "{repeat_state, data}", "{repeat_state, data, []}",
            "repeat_state_and_data", "{repeat_state_and_data, []}" };

        EXPECT("{saw, s1, enter, s1}");
        do_cast(machine, repeats[i]);
    }
    EXPECT("{saw, s1, enter, s1}");
}

/* The ways to stop. also: SM-20 */
CLAUSE(SM_19)
{
    static const char *const stops[] = { "stop", "{stop, why}", "{stop, why, data}" };

    for (int i = 0; i < 3; i++) {
        cop_pid machine = start(&told, "{ok, s1}");
        cop_ref ref = cop_monitor(machine);
        cop_term reason = COP_NONE;

        do_cast(machine, stops[i]);
        EXPECT("{'DOWN', Ref, process, _, Reason}", ref, &reason);
        CHECK_TERM(reason, i ? "why" : "normal");
    }
}

/* Replies come before terminate. */
CLAUSE(SM_21)
{
    cop_pid machine = start(&told, "{ok, s1}");
    cop_term from = COP_NONE;

    cop_send(machine, cop("{'$gen_call', {Self, tag}, {hold, keep_state_and_data}}", cop_self()));
    EXPECT("{from, From}", &from);
    cop_cast(machine, cop("{do, {stop_and_reply, why, [{reply, From, bye}]}}", from));
    EXPECT("{saw, s1, cast, _}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s1, call, _}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{tag, bye}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{ended, why, s1}");
    machine = start(&told, "{ok, s1}");
    do_cast(machine, "{stop_and_reply, why, [nonsense]}");
    EXPECT_END("{{bad_reply_action_from_state_function, nonsense}, _}");
}

static cop_step returns_ignore(void *data, cop_term state, const cop_event *event)
{
    (void)data, (void)state, (void)event;
    return cop_ignore();
}

/* What is no result ends it; a throw is the same as a return. */
CLAUSE(SM_22)
{
    static cop_gen_statem bad;
    cop_pid machine = start(&told, "{ok, s1}");

    do_cast(machine, "{no, result}");
    EXPECT("{ended, {bad_return_from_state_function, {no, result}}, s1}");
    EXPECT_END("{{bad_return_from_state_function, {no, result}}, _}");
    bad = told;
    bad.handle_event = returns_ignore;
    machine = start(&bad, "{ok, s1}");
    cop_cast(machine, cop("x"));
    EXPECT_END("{{bad_return_from_state_function, ignore}, _}");
}

/* Actions: one or a list, in order; of a kind of time-out the last counts. */
CLAUSE(SM_23)
{
    cop_pid machine = start(&told, "{ok, s1}");

    do_cast(machine, "{keep_state_and_data, {next_event, internal, one}}");
    EXPECT("{saw, s1, internal, one}");
    do_cast(machine, "{keep_state_and_data, [{state_timeout, 0, a}, {state_timeout, 0, b}, 20000,"
                     " {timeout, 0, c}, postpone, {postpone, false}]}");
    EXPECT("{saw, s1, state_timeout, b}");
    NEVER("{saw, s1, timeout, _}"); /* an event came first */
    do_cast(machine, "{next_state, s2, data}");
    NOTHING(); /* nothing was postponed */
}

/* What is no action ends it. */
CLAUSE(SM_24)
{
    static const char *const actions[] = { "nonsense", "{reply, nobody, x}",
        "{next_event, nonsense, x}", "{next_event, {call, nobody}, x}", "{state_timeout, -1, x}",
        "-1", "{nonsense, cancel}", "{timeout, 1, x, [{abs, maybe}]}", "pop_callback_module",
        "{change_callback_module, told}", "{postpone, maybe}", "{hibernate, maybe}" };

    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        cop_pid machine = start(&told, "{ok, s1}");
        cop_ref ref = cop_monitor(machine);
        cop_term action = COP_NONE, reason = COP_NONE, bad = COP_NONE;

        cop_parse(&action, (cop_bytes){ actions[i], strlen(actions[i]) }, NULL);
        cop_cast(machine, cop("{do, {keep_state_and_data, [Action]}}", action));
        EXPECT("{'DOWN', Ref, process, _, Reason}", ref, &reason);
        CHECK_MATCH(reason, "{{bad_action_from_state_function, Bad}, _}", &bad);
        CHECK(cop_identical(bad, action));
    }
}

/* A reply action sends at once. */
CLAUSE(SM_25)
{
    cop_pid machine = start(&entering, "{ok, s1}");
    cop_term from = COP_NONE;

    EXPECT("{saw, s1, enter, s1}");
    cop_send(machine, cop("{'$gen_call', {Self, tag}, {hold, keep_state_and_data}}", cop_self()));
    EXPECT("{from, From}", &from);
    EXPECT("{saw, s1, call, _}");
    cop_cast(machine, cop("{do, {next_state, s2, data, [{reply, From, yes}]}}", from));
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s1, cast, _}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{tag, yes}"); /* before the enter call */
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s2, enter, s1}");
}

/* A postponed event comes again after the next change of state, and not before; postponed events
 * come oldest first, before newer ones; one may be postponed again. A postponed call keeps its
 * caller. also: SM-27, SM-28, SM-31 */
CLAUSE(SM_26)
{
    cop_pid machine = start(&told, "{ok, s1}");
    cop_ref request;
    cop_term reply = COP_NONE;

    cop_cast(machine, cop("{ask, {keep_state_and_data, postpone}}"));
    request = cop_send_request(machine, cop("{ask, {keep_state_and_data, {postpone, true}}}"));
    EXPECT("{saw, s1, cast, {ask, _}}");
    EXPECT("{saw, s1, call, {ask, _}}");
    do_cast(machine, "{next_state, s1, data}");
    do_cast(machine, "{keep_state, data}");
    do_cast(machine, "{repeat_state, data}");
    NOTHING();
    do_cast(machine, "{next_state, s2, data, {next_event, internal, x}}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s2, internal, x}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s2, cast, {ask, _}}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s2, call, {ask, _}}");
    do_cast(machine, "{next_state, s3, data}"); /* they were postponed again */
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s3, cast, {ask, _}}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s3, call, {ask, _}}");
    CHECK_EQ_INT(cop_wait_response(&reply, request, 0), COP_RESPONSE_TIMEOUT);
    cop_stop_server(machine, cop("normal"), COP_INFINITY);
    CHECK_EQ_INT(cop_wait_response(&reply, request, WAIT_MS), COP_RESPONSE_ERROR);
}

/* Inserted events come in order before everything else, postponed ones too; any type may be
 * inserted; the mailbox is read when all of them are done. also: SM-30, SM-32 */
CLAUSE(SM_29)
{
    cop_pid machine = start(&told, "{ok, s1}");
    cop_term from = COP_NONE;

    cop_cast(machine, cop("{ask, {keep_state_and_data, postpone}}"));
    cop_send(machine, cop("{'$gen_call', {Self, tag}, {hold, keep_state_and_data}}", cop_self()));
    EXPECT("{from, From}", &from);
    EXPECT("{saw, s1, cast, _}");
    EXPECT("{saw, s1, call, _}");
    cop_sys_suspend(machine);
    cop_cast(machine, cop("{do, {next_state, s2, data, [{next_event, internal, a},"
                          " {next_event, cast, b}, {next_event, {call, From}, c},"
                          " {next_event, info, {do, {keep_state, data, {next_event, cast, e}}}},"
                          " {next_event, {timeout, n}, f}]}}",
                          from));
    cop_cast(machine, cop("newer"));
    cop_sys_resume(machine);
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s1, cast, _}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s2, internal, a}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s2, cast, b}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s2, call, c}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{tag, done}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s2, info, _}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s2, cast, e}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s2, {timeout, n}, f}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s2, cast, {ask, _}}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s2, cast, newer}");
}

static cop_step count_down(void *data, cop_term state, const cop_event *event)
{
    struct told *counting = data;
    int64_t n;

    (void)state;
    if (!cop_match(event->content, "N", &n))
        return cop_keep_state();
    counting->value = n;
    if (n == 0)
        return cop_keep_state();
    if (n == 1000)
        cop_send(counting->owner, cop("begun"));
    return cop_keep_state(.actions = cop("{next_event, internal, N}", n - 1));
}

/* A system message waits until the queue is empty. */
CLAUSE(SM_33)
{
    static cop_gen_statem counting;
    cop_pid machine;

    counting = told;
    counting.handle_event = count_down;
    machine = start(&counting, "{ok, s1}");
    cop_cast(machine, cop("1000"));
    EXPECT("begun");
    CHECK_MATCH(cop_sys_get_state(machine), "{s1, #{value := 0}}");
}

/* An event time-out comes unless any event is handled first. */
CLAUSE(SM_34)
{
    cop_pid machine = start(&told, "{ok, s1}");

    do_cast(machine, "{keep_state_and_data, 5}");
    EXPECT("{saw, s1, timeout, 5}");
    do_cast(machine, "{keep_state_and_data, {timeout, 5, t}}");
    EXPECT("{saw, s1, timeout, t}");
    cop_sys_suspend(machine);
    cop_cast(machine, cop("{ask, {keep_state_and_data, {timeout, 1, t}}}"));
    cop_cast(machine, cop("x"));
    cop_sys_resume(machine);
    EXPECT("{saw, s1, cast, x}");
    NEVER("{saw, s1, timeout, t}");
}

/* A state time-out survives events and repeat_state, and ends with the state. */
CLAUSE(SM_35)
{
    cop_pid machine = start(&told, "{ok, s1}");

    do_cast(machine, "{keep_state_and_data, {state_timeout, 50, t}}");
    do_cast(machine, "{repeat_state, data}");
    EXPECT("{saw, s1, state_timeout, t}");
    cop_sys_suspend(machine);
    cop_cast(machine, cop("{do, {keep_state_and_data, {state_timeout, 1, t}}}"));
    cop_cast(machine, cop("{do, {next_state, s2, data}}"));
    cop_sys_resume(machine);
    NEVER("{saw, _, state_timeout, t}");
}

/* Generic time-outs: one for each name, over state changes. */
CLAUSE(SM_36)
{
    cop_pid machine = start(&told, "{ok, s1}");

    do_cast(machine, "{next_state, s2, data, [{{timeout, a}, 5, x}, {{timeout, b}, 5, y}]}");
    do_cast(machine, "{next_state, s3, data}");
    EXPECT("{saw, s3, {timeout, a}, x}");
    EXPECT("{saw, s3, {timeout, b}, y}");
}

/* Set again, it is replaced, also a zero one that has not fired by one that takes its time; cancel
 * and infinity end it, also when it has just fired; update changes what it says, or fires at once.
 * also: SM-38, SM-39 */
CLAUSE(SM_37)
{
    cop_pid machine = start(&told, "{ok, s1}");

    do_cast(machine, "{keep_state_and_data, {{timeout, a}, 20000, old}}");
    do_cast(machine, "{keep_state_and_data, {{timeout, a}, 5, new}}");
    EXPECT("{saw, s1, {timeout, a}, new}");
    do_cast(machine, "{keep_state_and_data, [{{timeout, a}, 0, old}, {next_event, internal,"
                     " {do, {keep_state, data, {{timeout, a}, 5, new}}}}]}");
    EXPECT("{saw, s1, internal, _}");
    EXPECT("{saw, s1, {timeout, a}, new}");
    cop_sys_suspend(machine);
    cop_cast(machine, cop("{do, {keep_state_and_data, {{timeout, a}, 1, x}}}"));
    cop_cast(machine, cop("{nap, 10}")); /* it fires, and its message waits behind the next cast */
    cop_cast(machine, cop("{do, {keep_state_and_data, {{timeout, a}, cancel}}}"));
    cop_sys_resume(machine);
    for (int i = 0; i < 3; i++)
        EXPECT("{saw, s1, cast, _}");
    do_cast(machine, "{keep_state_and_data, {{timeout, b}, 20000, x}}");
    do_cast(machine, "{keep_state_and_data, {{timeout, b}, infinity, x}}");
    CHECK_MATCH(cop_sys_get_status(machine),
        "{status, _, _, [_, _, _, _, [_, {data, [_, _, _, {\"Time-outs\", {0, []}} | _]}, _]]}");
    NOTHING();
    do_cast(machine, "{keep_state_and_data, {{timeout, c}, 20000, old}}");
    do_cast(machine, "{keep_state_and_data, {{timeout, c}, update, new}}");
    CHECK_MATCH(cop_sys_get_status(machine), "{status, _, _, [_, _, _, _, [_, {data, [_, _, _,"
                                             " {\"Time-outs\", {1, [{_, new}]}} | _]}, _]]}");
    do_cast(
        machine, "{keep_state_and_data, [{{timeout, c}, cancel}, {{timeout, d}, update, now}]}");
    EXPECT("{saw, s1, {timeout, d}, now}");
}

/* Zero: after queued events, before the mailbox, in the order in which they were set; an event
 * time-out of zero falls to an inserted event. also: SM-41 */
CLAUSE(SM_40)
{
    cop_pid machine = start(&told, "{ok, s1}");

    cop_sys_suspend(machine);
    cop_cast(machine, cop("{do, {keep_state_and_data, [{timeout, 0, never}, {{timeout, b}, 0, b},"
                          " {state_timeout, 0, s}, {{timeout, a}, 0, a},"
                          " {next_event, internal, i}]}}"));
    cop_cast(machine, cop("newer"));
    cop_sys_resume(machine);
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s1, cast, {do, _}}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s1, internal, i}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s1, {timeout, b}, b}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s1, state_timeout, s}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s1, {timeout, a}, a}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s1, cast, newer}");
    NOTHING();
}

/* An absolute time. */
CLAUSE(SM_42)
{
    cop_pid machine = start(&told, "{ok, s1}");

    cop_cast(machine, cop("{ask, {keep_state_and_data, {state_timeout, T, t, [{abs, true}]}}}",
                          cop_monotonic_ms() + 5));
    EXPECT("{saw, s1, state_timeout, t}");
    cop_cast(machine, cop("{ask, {keep_state_and_data, {state_timeout, T, t, {abs, true}}}}",
                          cop_monotonic_ms() - 5000));
    EXPECT("{saw, s1, state_timeout, t}");
}

/* A state time-out asked for with the change belongs to the new state. */
CLAUSE(SM_43)
{
    cop_pid machine = start(&told, "{ok, s1}");

    do_cast(machine, "{keep_state_and_data, {state_timeout, 20000, old}}");
    do_cast(machine, "{next_state, s2, data, {state_timeout, 5, new}}");
    EXPECT("{saw, s2, state_timeout, new}");
}

/* Enter calls: the first with the initial state, each before postponed and inserted events.
 * also: SM-45 */
CLAUSE(SM_44)
{
    cop_pid machine = start(&entering, "{ok, s1, {next_event, internal, first}}");

    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s1, enter, s1}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s1, internal, first}");
    cop_cast(machine, cop("{ask, {keep_state_and_data, postpone}}"));
    EXPECT("{saw, s1, cast, {ask, _}}");
    do_cast(machine, "{next_state, s2, data, {next_event, internal, i}}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s2, enter, s1}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s2, internal, i}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{saw, s2, cast, {ask, _}}");
}

static cop_term enter_with(cop_term pair, void *arg)
{
    cop_term state, data, result = COP_NONE;
    const char *text = arg;

    cop_must(cop_match(pair, "{State, Data}", &state, &data));
    cop_must(cop_parse(&result, (cop_bytes){ text, strlen(text) }, NULL));
    return cop("{State, Data}", state, cop_map_put(data, cop("on_enter"), result));
}

/* What an enter call may not do, and what it may. */
CLAUSE(SM_46)
{
    static const struct {
        const char *result, *reason;
    } bad[] = {
        { "{next_state, s3, data}",
            "{bad_state_enter_return_from_state_function,{next_state,s3,data}}" },
        { "{keep_state, data, postpone}", "{bad_state_enter_action_from_state_function,postpone}" },
        { "{keep_state, data, {next_event, internal, x}}",
            "{bad_state_enter_action_from_state_function,{next_event,internal,x}}" },
        { "{keep_state, data, {postpone, true}}",
            "{bad_action_from_state_function,{postpone,true}}" },
    };
    cop_pid machine;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cop_term reason = COP_NONE;

        machine = start(&entering, "{ok, s1}");
        cop_sys_replace_state(machine, enter_with, (void *)(uintptr_t)bad[i].result);
        cop_cast(machine, cop("{do, {next_state, s2, data}}"));
        EXPECT("{ended, Reason, s2}", &reason);
        CHECK_TERM(reason, bad[i].reason);
    }
    machine = start(&entering, "{ok, s1}");
    cop_sys_replace_state(machine, enter_with,
        (void *)(uintptr_t) "{next_state, s2, data, [{state_timeout, 0, t}, {postpone, false},"
                            " hibernate]}");
    cop_cast(machine, cop("{do, {next_state, s2, data}}"));
    EXPECT("{saw, s2, state_timeout, t}");
}

/* hibernate: when no event is queued. */
CLAUSE(SM_47)
{
    cop_pid machine = start(&told, "{ok, s1}");
    cop_term function = COP_NONE;

    do_cast(machine, "{keep_state_and_data, [hibernate, {next_event, internal, i}]}");
    EXPECT("{saw, s1, internal, i}");
    do_cast(machine, "{keep_state_and_data, hibernate}");
    for (int i = 0; i < WAIT_MS; i++, cop_sleep(1)) {
        cop_match(
            cop_process_info(machine, "current_function"), "{current_function, F}", &function);
        if (cop_match(function, "{erlang, hibernate, 3}"))
            break;
    }
    CHECK_MATCH(function, "{erlang, hibernate, 3}");
    cop_cast(machine, cop("x"));
    EXPECT("{saw, s1, cast, x}");
}

static cop_step other_event(void *data, cop_term state, const cop_event *event)
{
    const struct told *told_data = data;
    cop_term result;

    cop_send(told_data->owner, cop("{other, State, Content}", state, event->content));
    if (cop_match(event->content, "{do, Result}", &result))
        cop_throw(result);
    return cop_keep_state();
}

static const cop_gen_statem other = {
    .module = "other",
    .data_size = sizeof(struct told),
    .callback_mode = COP_HANDLE_EVENT_FUNCTION,
    .handle_event = other_event,
};

/* Another module takes over with state and data, and may be pushed and popped. */
CLAUSE(SM_48)
{
    cop_pid machine = start(&told, "{ok, s1}");
    cop_term module = cop_gen_statem_module(&other);

    cop_cast(machine, cop("{do, {keep_state, data, {push_callback_module, M}}}", module));
    cop_cast(machine, cop("x"));
    EXPECT("{other, s1, x}");
    CHECK_MATCH(cop_sys_get_status(machine),
        "{status, _, _, [_, _, _, _, [_, {data, [_, _, {\"Modules\", [other, told]} | _]}, _]]}");
    cop_cast(machine, cop("{do, {next_state, s2, data, pop_callback_module}}"));
    cop_cast(machine, cop("y"));
    EXPECT("{saw, s2, cast, y}");
    cop_cast(machine, cop("{do, {keep_state, data, {change_callback_module, M}}}", module));
    cop_cast(machine, cop("z"));
    EXPECT("{other, s2, z}");
    cop_cast(machine, cop("{do, {keep_state, data, pop_callback_module}}"));
    EXPECT_END("{{bad_action_from_state_function, pop_callback_module}, _}");
}

/* The events that sys sees. */
CLAUSE(SM_49)
{
    cop_pid machine = start(&entering, "{ok, s1}");
    cop_term log;

    cop_sys_log(machine, cop("{true, 50}"));
    do_cast(machine, "{keep_state, data, [postpone, {state_timeout, 0, t}]}");
    CHECK_TERM(cop_gen_statem_call(machine, cop("x")), "done");
    cop_call(machine, cop("{do, keep_state_and_data}"));
    log = cop_sys_log(machine, cop("get"));
    CHECK_MATCH(log, "{ok, [{in, {cast, {do, _}}, s1}, {postpone, {cast, _}, s1, s1},"
                     " {start_timer, {state_timeout, 0, t, []}, s1},"
                     " {in, {state_timeout, t}, s1}, {consume, {state_timeout, t}, s1, s1},"
                     " {in, {{call, _}, x}, s1}, {consume, {{call, {_, _}}, x}, s1, s1} | _]}");
}

/* And how trace prints them, the words being OTP's. also: SM-49, SYS-31 */
CLAUSE(trace_prints_what_sys_sees)
{
    cop_pid machine = start(&entering, "{ok, s1}"), plain = start(&told, "{ok, s1}");
    const char *self = cop_show(cop_from_pid(cop_self()));
    const char *name = cop_show(cop_from_pid(machine)), *end = cop_show(cop_from_pid(plain));
    struct printed printed = printed_begin();
    char expected[2048];
    const char *text;

    cop_sys_trace(machine, true);
    CHECK_TERM(cop_gen_statem_call(machine, cop("x")), "done");
    cop_send(machine, cop("news"));
    cop_cast(machine, cop("{do, {next_state, s2, data}}"));
    cop_sys_get_state(machine);
    cop_sys_trace(machine, false);
    cop_send(machine, cop("unheard"));
    cop_sys_get_state(machine);
    cop_sys_trace(plain, true);
    cop_stop_server(plain, cop("normal"), COP_INFINITY);
    text = printed_end(printed);
    snprintf(expected, sizeof expected,
        "*DBG* %s receive call x from %s in state s1\n"
        "*DBG* %s consume call x from %s in state s1\n"
        "*DBG* %s receive info news in state s1\n"
        "*DBG* %s consume info news in state s1\n"
        "*DBG* %s receive cast {do,{next_state,s2,data}} in state s1\n"
        "*DBG* %s consume cast {do,{next_state,s2,data}} in state s1 => s2\n"
        "*DBG* %s terminate normal in state s1\n",
        name, self, name, self, name, name, name, name, end);
    CHECK_EQ_STR(text, expected);
}

/* The report of an end, and none for expected ones. */
CLAUSE(SM_50)
{
    cop_pid machine = { 0, 0 };
    cop_term report = COP_NONE, metadata = COP_NONE, arg = cop("{Owner, {ok, s1}}", cop_self());

    CHECK_EQ_INT(cop_gen_statem_start(&machine, &told, arg), 0);
    do_cast(machine, "{keep_state, data, [postpone, {{timeout, n}, 20000, t}]}");
    watch_log();
    cop_cast(machine, cop("{error, oops}"));
    EXPECT("{log, 3, Report, Metadata}", &report, &metadata);
    EXPECT("{log, 3, #{label := {proc_lib, crash}}, _}");
    unwatch_log();
    CHECK_MATCH(report,
        "#{label := {gen_statem, terminate}, name := _, queue := [{cast, {error, oops}}],"
        " postponed := [{cast, {do, _}}], modules := [told], callback_mode :="
        " handle_event_function, state_enter := false, state := {s1, #{value := 0}},"
        " timeouts := {1, [{{timeout, n}, t}]}, log := [], reason := {error, oops, [_ | _]},"
        " client_info := undefined}");
    CHECK_MATCH(metadata, "#{domain := [otp]}");
    watch_log();
    machine = start(&told, "{ok, s1}");
    do_cast(machine, "{stop, {shutdown, why}}");
    EXPECT_END("{shutdown, why}");
    NEVER("{log, _, _, _}");
    unwatch_log();
}

/* code_change gives a new state, keeps the old one, or refuses. */
CLAUSE(SM_51)
{
    cop_pid machine = start(&told, "{ok, s1}");

    cop_sys_suspend(machine);
    CHECK_TERM(cop_sys_change_code_of(cop_dest(machine), cop("m"), cop("v"), cop("x"), 0), "ok");
    CHECK_MATCH(cop_sys_get_state(machine), "{{was, s1}, #{value := 77}}");
    CHECK_TERM(cop_sys_change_code_of(cop_dest(machine), cop("m"), cop("v"), cop("keep"), 0), "ok");
    CHECK_MATCH(cop_sys_get_state(machine), "{{was, s1}, _}");
    CHECK_MATCH(
        cop_sys_change_code_of(cop_dest(machine), cop("m"), cop("v"), cop("bad"), 0), "{error, _}");
}

static void become_machine(cop_term arg)
{
    struct told data = { .value = 3 };

    cop_must(cop_match(arg, "Owner", &data.owner));
    cop_init_ack(cop("ok"));
    cop_gen_statem_enter_loop(
        &entering, &data, cop_ok(.state = cop("s9"), .actions = cop("{state_timeout, 0, t}")));
}

/* A process becomes a machine. */
CLAUSE(SM_52)
{
    const struct cop_start_options options = { .link = false };
    cop_term result = COP_NONE;
    cop_pid machine = { 0, 0 };

    CHECK_EQ_INT(cop_start_process(
                     &result, &machine, NULL, become_machine, cop("Self", cop_self()), &options),
        COP_STARTED);
    EXPECT("{saw, s9, enter, s9}");
    EXPECT("{saw, s9, state_timeout, t}");
    CHECK_MATCH(cop_sys_get_state(machine), "{s9, #{value := 3}}");
}

/* A list of replies. */
CLAUSE(SM_53)
{
    cop_gen_statem_reply(cop("[{reply, {Self, a}, 1}, {reply, {Self, b}, 2}]", cop_self()));
    EXPECT("{a, 1}");
    EXPECT("{b, 2}");
    cop_gen_statem_reply(cop("{reply, {Self, c}, 3}", cop_self()));
    EXPECT("{c, 3}");
}

/* --- What C adds ------------------------------------------------------------------------------
 */

static cop_step door_open(void *data, const cop_event *event)
{
    (void)data;
    if (event->type == COP_EVENT_STATE_TIMEOUT)
        return cop_next_state(cop("shut"));
    if (event->type == COP_EVENT_CALL)
        return cop_reply(cop("{is_open, Content}", event->content));
    return cop_keep_state();
}

static cop_step door_shut(void *data, const cop_event *event)
{
    int64_t n;

    (void)data;
    if (cop_event_match(event, COP_EVENT_CAST, "{push, N}", &n))
        return cop_next_state(cop("open"), .state_timeout_ms = n ? n : COP_AT_ONCE);
    if (cop_event_match(event, COP_EVENT_CALL, "wait"))
        return cop_keep_state(.postpone = true);
    if (cop_event_match(event, COP_EVENT_CALL, "stop"))
        return cop_stop(cop("normal"), .reply = cop("bye"));
    if (event->type == COP_EVENT_CALL)
        return cop_keep_state(.reply = cop("{is_shut, Content}", event->content));
    return cop_unhandled(event->content);
}

static cop_step door_init(void *data, cop_term arg)
{
    (void)data;
    return cop_ok(.state = arg);
}

static const cop_gen_statem door = {
    .name = "door",
    .callback_mode = COP_STATE_FUNCTIONS,
    .states = COP_STATES({ "open", door_open }, { "shut", door_shut }, ),
    .init = door_init,
};

static const cop_supervisor door_tree = {
    .intensity = 3,
    .children = COP_CHILDREN({ COP_GEN_STATEM_CHILD(&door), .name = "door", .arg = "shut" }, ),
};

static void run_wait(cop_term arg)
{
    cop_pid owner;

    cop_must(cop_match(arg, "Owner", &owner));
    cop_send(owner, cop_gen_statem_call("door", cop("wait")));
}

/* The instructions in C, under a supervisor. */
static void supervised_door(void)
{
    cop_pid tree;

    CHECK_EQ_INT(cop_supervisor_start_link(&tree, &door_tree, NULL), 0);
    CHECK_TERM(cop_gen_statem_call("door", cop("x")), "{is_shut,x}");
    cop_spawn(run_wait, cop("Self", cop_self()));
    NOTHING();
    cop_cast("door", cop("{push, 5}"));
    EXPECT("{is_open, wait}");
    while (!cop_match(cop_gen_statem_call("door", cop("x")), "{is_shut, x}"))
        cop_sleep(1);
    CHECK_TERM(cop_gen_statem_call("door", cop("stop")), "bye");
    while (!cop_whereis(&tree, "door")) /* permanent: it is there again */
        cop_sleep(1);
    cop_cast("door", cop("nonsense"));
    NOTHING();
}

TEST(instructions_in_c)
{
    node_run(supervised_door, 1);
    node_run(supervised_door, 2);
}
