/* SPDX-License-Identifier: Apache-2.0 */
/* Event managers, clause by clause (docs/spec/gen_event.md). The handlers of these tests tell their
 * owner of what they get as {Name, Kind, Term}, and do what an event {do, What} says. */
#include <coppice/gen_event.h>

#include "conformance/told_server.h"

struct listener {
    cop_pid owner;
    cop_term name; /* kept */
    int64_t value;
};

static const cop_field fields[] = {
    COP_FIELD(struct listener, name),
    COP_FIELD(struct listener, value),
    COP_FIELDS_END,
};

static const cop_event_handler other;

static void tell(const struct listener *listener, const char *kind, cop_term term)
{
    cop_send(listener->owner, cop("{Name, Kind, Term}", listener->name, cop_atom_new(kind), term));
}

/* {Owner, Name}, or {{Owner, Name}, Result} of a swap; Name refuse, raise and throw do so. */
static cop_step init(void *state, cop_term arg)
{
    struct listener *listener = state;
    cop_term inner = arg, name, result = COP_NONE;

    if (cop_match(arg, "{{Owner, Name}, Result}", &listener->owner, &name, &result))
        inner = COP_NONE;
    else
        cop_must(cop_match(inner, "{Owner, Name}", &listener->owner, &name));
    if (cop_match(name, "refuse"))
        return cop_init_error(cop("not_today"));
    if (cop_match(name, "raise"))
        cop_error(cop("oops"));
    if (cop_match(name, "throw"))
        cop_throw(cop("ball"));
    cop_keep(&listener->name, name);
    if (!cop_is_none(result))
        tell(listener, "swapped_in", result);
    if (cop_match(name, "sleepy"))
        return cop_ok(.hibernate = true);
    return cop_ok();
}

static cop_step act(struct listener *listener, cop_term what)
{
    cop_term reason;

    if (cop_match(what, "{do, remove}"))
        return cop_remove_handler(.reply = cop("removed"));
    if (cop_match(what, "{do, {error, Reason}}", &reason))
        cop_error(reason);
    if (cop_match(what, "{do, {throw, Reason}}", &reason))
        cop_throw(reason);
    if (cop_match(what, "{do, bad}"))
        return cop_stop(cop("bad"));
    if (cop_match(what, "{do, hibernate}"))
        return cop_ok(.hibernate = true);
    if (cop_match(what, "{do, swap}"))
        return cop_swap_handler(&other, .reply = cop("swapped"), .reason = cop("args1"),
            .then = cop("{Owner, replaced}", listener->owner));
    return cop_ok();
}

static cop_step handle_event(void *state, cop_term event)
{
    tell(state, "event", event);
    return act(state, event);
}

static cop_step handle_info(void *state, cop_term message)
{
    tell(state, "info", message);
    return act(state, message);
}

static cop_step handle_call(void *state, cop_term request)
{
    cop_step step;

    if (cop_match(request, "{sleep, Ms}", &(int64_t){ 0 }))
        cop_sleep(50);
    step = act(state, request);
    if (cop_match(request, "{do, bad}"))
        return step;
    return step.op == COP__OP_OK ? cop_reply(cop("{got, Request}", request)) : step;
}

static cop_term terminate(void *state, cop_term why)
{
    tell(state, "terminated", why);
    return cop("{was, Why}", why);
}

#define LISTENER                                                           \
    .state_size = sizeof(struct listener), .fields = fields, .init = init, \
    .handle_event = handle_event, .handle_call = handle_call, .terminate = terminate

static const cop_event_handler listener = {
    .module = "listener", LISTENER, .handle_info = handle_info
};
static const cop_event_handler other = { .module = "other", LISTENER, .handle_info = handle_info };
static const cop_event_handler deaf = { .module = "deaf", LISTENER };

static cop_pid start(void)
{
    cop_pid pid = { 0, 0 };

    CHECK_EQ_INT(cop_gen_event_start(&pid), 0);
    return pid;
}

static cop_term args_of(const char *name)
{
    return cop("{Self, Name}", cop_self(), cop_atom_new(name));
}

static void add(cop_pid manager, const char *name)
{
    CHECK_TERM(cop_gen_event_add_handler(
                   cop_dest(manager), &listener, cop_from_atom(cop_atom_new(name)), args_of(name)),
        "ok");
}

/* Started like a server, and trapping exits. */
CLAUSE(EV_01)
{
    cop_pid pid = { 0, 0 }, found;
    struct cop_gen_options options = { .name = cop_dest_name("events") };
    cop_term error = COP_NONE;

    CHECK_EQ_INT(cop_gen_event_start_with(&pid, 1, &options, &error), 0);
    CHECK(cop_whereis(&found, "events") && found.id == pid.id);
    CHECK_EQ_INT(cop_gen_event_start_with(&found, 0, &options, &error), -COP_EALREADY);
    CHECK_MATCH(cop_process_info(pid, "trap_exit"), "{trap_exit, true}");
}

/* On the wire. */
CLAUSE(EV_02)
{
    cop_pid manager = start();

    add(manager, "a");
    cop_send(manager, cop("{notify, e1}"));
    EXPECT("{a, event, e1}");
    cop_send(manager, cop("{Self, {Self, tag}, {sync_notify, e2}}", cop_self()));
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{a, event, e2}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{tag, ok}");
    cop_send(manager, cop("{Self, {Self, tag}, {call, {listener, a}, q}}", cop_self()));
    EXPECT("{tag, {got, q}}");
    cop_send(
        manager, cop("{Self, {Self, tag}, {add_handler, {listener, b}, {Self, b}}}", cop_self()));
    EXPECT("{tag, ok}");
    cop_send(manager, cop("{Self, {Self, tag}, which_handlers}", cop_self()));
    EXPECT("{tag, [{listener, b}, {listener, a}]}");
    cop_send(manager, cop("{Self, {Self, tag}, {add_handler, unknown, x}}", cop_self()));
    EXPECT("{tag, {'EXIT', {undef, _}}}");
}

/* The same handler twice; the newest first. also: EV-04 */
CLAUSE(EV_03)
{
    cop_pid manager = start();

    CHECK_TERM(
        cop_gen_event_add_handler(cop_dest(manager), &listener, COP_NONE, args_of("a")), "ok");
    CHECK_TERM(
        cop_gen_event_add_handler(cop_dest(manager), &listener, COP_NONE, args_of("b")), "ok");
    add(manager, "c");
    CHECK_TERM(cop_gen_event_which_handlers(cop_dest(manager)), "[{listener,c},listener,listener]");
    cop_gen_event_sync_notify(manager, cop("e"));
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{c, event, e}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{b, event, e}");
    CHECK_MATCH(cop_receive_within(WAIT_MS), "{a, event, e}");
    CHECK_TERM(
        cop_gen_event_delete_handler(cop_dest(manager), cop("listener"), cop("x")), "{was,x}");
    EXPECT("{b, terminated, x}");
}

/* What init says instead of ok. */
CLAUSE(EV_05)
{
    cop_dest manager = cop_dest(start());

    CHECK_TERM(
        cop_gen_event_add_handler(manager, &listener, COP_NONE, args_of("refuse")), "not_today");
    CHECK_MATCH(cop_gen_event_add_handler(manager, &listener, COP_NONE, args_of("raise")),
        "{'EXIT', {oops, _}}");
    CHECK_TERM(cop_gen_event_add_handler(manager, &listener, COP_NONE, args_of("throw")), "ball");
    CHECK_TERM(cop_gen_event_which_handlers(manager), "[]");
}

static void run_notify(void *arg)
{
    (void)arg;
    cop_gen_event_notify("nobody", cop("e"));
}

static bool no_name(cop_pid *ret_pid, cop_term key)
{
    (void)ret_pid, (void)key;
    return false;
}

/* notify does not wait, and to nobody it is badarg, or nothing by way of a registry.
 * also: EV-07 */
CLAUSE(EV_06)
{
    static const cop_via_module nowhere = { .name = "nowhere", .whereis_name = no_name };
    cop_pid manager = start();
    cop_term reason = COP_NONE;

    add(manager, "a");
    cop_gen_event_notify(manager, cop("e1"));
    EXPECT("{a, event, e1}");
    cop_gen_event_sync_notify(manager, cop("e2"));
    CHECK(cop_receive_match_within(0, "{a, event, e2}"));
    CHECK_EQ_INT(TRY(run_notify, NULL, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "badarg");
    cop_gen_event_notify_to(cop_via(&nowhere, cop("x")), cop("e"));
}

struct asking {
    cop_pid manager;
    int64_t timeout_ms;
};

static void run_call(void *arg)
{
    const struct asking *asking = arg;

    cop_gen_event_call(
        cop_dest(asking->manager), cop("{listener, a}"), cop("{sleep, 50}"), asking->timeout_ms);
}

static void run_which(void *arg)
{
    cop_gen_event_which_handlers(cop_dest(((struct asking *)arg)->manager));
}

/* One handler is asked; others are waited for without limit. also: EV-09 */
CLAUSE(EV_08)
{
    struct asking asking = { start(), 5 };
    cop_term reason = COP_NONE;

    add(asking.manager, "a");
    CHECK_TERM(
        cop_gen_event_call(cop_dest(asking.manager), cop("{listener, a}"), cop("q"), 0), "{got,q}");
    CHECK_TERM(cop_gen_event_call(cop_dest(asking.manager), cop("listener"), cop("q"), 0),
        "{error,bad_module}");
    CHECK_EQ_INT(TRY(run_call, &asking, &reason), COP_CLASS_EXIT);
    CHECK_MATCH(reason, "{timeout, {gen_event, call, [_, {listener, a}, {sleep, 50}, 5]}}");
    cop_stop_server(asking.manager, cop("normal"), COP_INFINITY);
    asking.timeout_ms = 0;
    CHECK_EQ_INT(TRY(run_call, &asking, &reason), COP_CLASS_EXIT);
    CHECK_MATCH(reason, "{noproc, {gen_event, call, [_, _, _]}}");
    CHECK_EQ_INT(TRY(run_which, &asking, &reason), COP_CLASS_EXIT);
    CHECK_TERM(reason, "noproc");
}

/* All else is an info of every handler. */
CLAUSE(EV_10)
{
    cop_pid manager = start();

    add(manager, "a");
    add(manager, "b");
    cop_send(manager, cop("hello"));
    EXPECT("{b, info, hello}");
    EXPECT("{a, info, hello}");
    cop_cast(manager, cop("x"));
    EXPECT("{a, info, {'$gen_cast', x}}");
    cop_send(manager, cop("{'$gen_call', {Self, tag}, x}", cop_self()));
    EXPECT("{a, info, {'$gen_call', _, x}}");
}

/* What a handler may return for an event, and for a call. also: EV-12 */
CLAUSE(EV_11)
{
    cop_pid manager = start();

    for (int i = 0; i < 2; i++) {
        add(manager, "a");
        if (i == 0)
            cop_gen_event_sync_notify(manager, cop("{do, remove}"));
        else
            CHECK_TERM(
                cop_gen_event_call(cop_dest(manager), cop("{listener, a}"), cop("{do, remove}"), 0),
                "removed");
        EXPECT("{a, terminated, remove_handler}");
        CHECK_TERM(cop_gen_event_which_handlers(cop_dest(manager)), "[]");
        add(manager, "a");
        if (i == 0)
            cop_gen_event_sync_notify(manager, cop("{do, swap}"));
        else
            CHECK_TERM(
                cop_gen_event_call(cop_dest(manager), cop("{listener, a}"), cop("{do, swap}"), 0),
                "swapped");
        EXPECT("{a, terminated, args1}");
        EXPECT("{replaced, swapped_in, {was, args1}}");
        CHECK_TERM(cop_gen_event_which_handlers(cop_dest(manager)), "[other]");
        cop_gen_event_delete_handler(cop_dest(manager), cop("other"), cop("x"));
        while (cop_receive_match_within(0, "{_, _, _}"))
            ;
    }
}

/* A failure removes that handler alone, and is reported. also: EV-14, EV-24 */
CLAUSE(EV_13)
{
    cop_pid manager = start();

    add(manager, "stays");
    watch_log();
    add(manager, "a");
    cop_gen_event_notify(manager, cop("{do, {throw, ball}}"));
    EXPECT("{a, terminated, {error, ball}}");
    EXPECT("{log, 3, #{label := {gen_event, terminate}, handler := {listener, a}, reason := ball},"
           " _}");
    unwatch_log();
    CHECK_TERM(cop_gen_event_which_handlers(cop_dest(manager)), "[]"); /* both did so */
    add(manager, "stays");
    add(manager, "a");
    CHECK_MATCH(
        cop_gen_event_call(cop_dest(manager), cop("{listener, a}"), cop("{do, {error, oops}}"), 0),
        "{error, {'EXIT', {oops, [_ | _]}}}");
    EXPECT("{a, terminated, {error, {'EXIT', {oops, _}}}}");
    add(manager, "a");
    CHECK_TERM(cop_gen_event_call(cop_dest(manager), cop("{listener, a}"), cop("{do, bad}"), 0),
        "{error,{stop,bad}}");
    CHECK_TERM(cop_gen_event_which_handlers(cop_dest(manager)), "[{listener,stays}]");
    CHECK(cop_is_alive(manager));
}

static void client_main(cop_term arg)
{
    cop_pid manager, owner;
    cop_term reason;

    cop_must(cop_match(arg, "{Manager, Owner}", &manager, &owner));
    cop_gen_event_add_sup_handler(
        cop_dest(manager), &listener, cop("sup"), cop("{Owner, sup}", owner));
    cop_send(owner, cop("added"));
    reason = COP_NONE;
    cop_receive_match("{exit, Reason}", &reason);
    cop_exit(reason);
}

/* What terminate gets. */
CLAUSE(EV_15)
{
    cop_pid manager = start(), client;

    add(manager, "a");
    cop_gen_event_delete_handler(cop_dest(manager), cop("{listener, a}"), cop("args"));
    EXPECT("{a, terminated, args}");
    add(manager, "a");
    client = cop_spawn(client_main, cop("{Manager, Self}", manager, cop_self()));
    EXPECT("added");
    cop_send(client, cop("{exit, why}"));
    EXPECT("{sup, terminated, {stop, why}}");
    cop_stop_server(manager, cop("normal"), COP_INFINITY);
    EXPECT("{a, terminated, stop}");
}

/* delete_handler returns what terminate did. */
CLAUSE(EV_16)
{
    cop_pid manager = start();

    add(manager, "a");
    CHECK_TERM(
        cop_gen_event_delete_handler(cop_dest(manager), cop("{listener, a}"), cop("x")), "{was,x}");
    CHECK_TERM(cop_gen_event_delete_handler(cop_dest(manager), cop("{listener, a}"), cop("x")),
        "{error,module_not_found}");
}

/* The new one gets the old one's last value. */
CLAUSE(EV_17)
{
    cop_pid manager = start();

    add(manager, "a");
    CHECK_TERM(cop_gen_event_swap_handler(cop_dest(manager), cop("{listener, a}"), cop("args1"),
                   &other, COP_NONE, args_of("b")),
        "ok");
    EXPECT("{a, terminated, args1}");
    EXPECT("{b, swapped_in, {was, args1}}");
    CHECK_TERM(cop_gen_event_which_handlers(cop_dest(manager)), "[other]");
    CHECK_TERM(cop_gen_event_swap_handler(cop_dest(manager), cop("nobody"), cop("args1"), &listener,
                   cop("c"), args_of("c")),
        "ok");
    EXPECT("{c, swapped_in, error}");
    CHECK_TERM(cop_gen_event_swap_handler(cop_dest(manager), cop("other"), cop("x"), &listener,
                   COP_NONE, args_of("refuse")),
        "{error,not_today}");
    CHECK_TERM(cop_gen_event_which_handlers(cop_dest(manager)), "[{listener,c}]");
}

/* Who supervises a handler is told how it went. */
CLAUSE(EV_18)
{
    cop_pid manager = start();
    cop_dest to = cop_dest(manager);

    cop_trap_exit(true);
    cop_gen_event_add_sup_handler(to, &listener, cop("a"), args_of("a"));
    cop_gen_event_delete_handler(to, cop("{listener, a}"), cop("x"));
    EXPECT("{gen_event_EXIT, {listener, a}, normal}");
    cop_gen_event_add_sup_handler(to, &listener, cop("a"), args_of("a"));
    cop_gen_event_notify(manager, cop("{do, {throw, ball}}"));
    EXPECT("{gen_event_EXIT, {listener, a}, ball}");
    cop_gen_event_add_sup_handler(to, &listener, cop("a"), args_of("a"));
    cop_gen_event_swap_handler(to, cop("{listener, a}"), cop("x"), &other, COP_NONE, args_of("b"));
    EXPECT("{gen_event_EXIT, {listener, a}, {swapped, other, Self}}", cop_self());
    cop_gen_event_swap_sup_handler(to, cop("other"), cop("x"), &listener, cop("c"), args_of("c"));
    EXPECT("{gen_event_EXIT, other, {swapped, {listener, c}, Self}}", cop_self());
    cop_stop_server(manager, cop("normal"), COP_INFINITY);
    EXPECT("{gen_event_EXIT, {listener, c}, shutdown}");
}

/* The death of who supervises one is an info for the others. */
CLAUSE(EV_19)
{
    cop_pid manager = start(), client;

    add(manager, "a");
    client = cop_spawn(client_main, cop("{Manager, Self}", manager, cop_self()));
    EXPECT("added");
    cop_send(client, cop("{exit, why}"));
    EXPECT("{sup, terminated, {stop, why}}");
    EXPECT("{a, info, {'EXIT', Client, why}}", client);
    CHECK_TERM(cop_gen_event_which_handlers(cop_dest(manager)), "[{listener,a}]");
}

static void parent_main(cop_term arg)
{
    cop_pid owner, manager = { 0, 0 };
    cop_term reason = COP_NONE;

    cop_must(cop_match(arg, "Owner", &owner));
    cop_must(cop_gen_event_start_link(&manager));
    cop_send(owner, cop("{manager, Pid}", manager));
    cop_receive_match("{exit, Reason}", &reason);
    cop_exit(reason);
}

/* The parent's end is the manager's. */
CLAUSE(EV_20)
{
    cop_pid parent = cop_spawn(parent_main, cop("Self", cop_self())), manager = { 0, 0 };
    cop_ref ref;

    EXPECT("{manager, Pid}", &manager);
    ref = cop_monitor(manager);
    add(manager, "a");
    cop_send(parent, cop("{exit, why}"));
    EXPECT("{a, terminated, stop}");
    EXPECT_DOWN(ref, "why");
}

/* Without handle_info there is a warning. */
CLAUSE(EV_21)
{
    cop_pid manager = start();

    cop_gen_event_add_handler(cop_dest(manager), &deaf, COP_NONE, args_of("a"));
    watch_log();
    cop_send(manager, cop("hello"));
    EXPECT("{log, _, #{label := {gen_event, no_handle_info}, module := deaf}, _}");
    unwatch_log();
    CHECK_TERM(cop_gen_event_which_handlers(cop_dest(manager)), "[deaf]");
}

/* It hibernates if a handler wants to. */
CLAUSE(EV_22)
{
    cop_pid manager = start();
    cop_term function = COP_NONE;

    add(manager, "a");
    cop_gen_event_notify(manager, cop("{do, hibernate}"));
    for (int i = 0; i < WAIT_MS && !cop_match(function, "{erlang, hibernate, 3}"); i++) {
        cop_match(
            cop_process_info(manager, "current_function"), "{current_function, F}", &function);
        cop_sleep(1);
    }
    CHECK_MATCH(function, "{erlang, hibernate, 3}");
    cop_gen_event_sync_notify(manager, cop("e"));
    EXPECT("{a, event, e}");
}

static cop_term count_up(cop_term list, void *arg)
{
    cop_term made = cop_nil(), one, module, id, state;

    (void)arg;
    while (cop_list_next(&one, &list)) {
        cop_must(cop_match(one, "{Module, Id, State}", &module, &id, &state));
        made = cop_cons(
            cop("{Module, Id, State}", module, id, cop_map_put(state, cop("value"), cop("7"))),
            made);
    }
    return cop_list_reverse(made);
}

/* The state of all handlers. */
CLAUSE(EV_23)
{
    cop_pid manager = start();

    cop_gen_event_add_handler(cop_dest(manager), &listener, COP_NONE, args_of("a"));
    add(manager, "b");
    CHECK_MATCH(cop_sys_get_state(manager),
        "[{listener, b, #{name := b, value := 0}}, {listener, false, #{name := a}}]");
    cop_sys_replace_state(manager, count_up, NULL);
    CHECK_MATCH(cop_sys_get_state(manager),
        "[{listener, b, #{value := 7}}, {listener, false, #{value := 7}}]");
}

/* --- format_status ---------------------------------------------------------------------------- */

static cop_term format_status(void *state, cop_term status)
{
    struct listener *self = state;

    tell(self, "format", status);
    if (cop_match(self->name, "bad"))
        cop_error(cop("oops"));
    return cop_map_put(status, cop("state"), cop("{hidden, Name}", self->name));
}

static const cop_event_handler secretive = {
    .module = "secretive", LISTENER, .handle_info = handle_info, .format_status = format_status
};

/* {handler, Module, Id, State, By}, ... and the events of the log. */
static cop_term installed(cop_pid manager, cop_term *ret_log)
{
    cop_term misc = COP_NONE, handlers = COP_NONE;

    CHECK_MATCH(cop_sys_get_status(manager),
        "{status, _, {module, gen_event}, [_, running, _, _, Misc]}", &misc);
    CHECK_MATCH(misc,
        "[{header, _}, {data, [{\"Status\", running}, {\"Logged Events\", Log}, {\"Parent\", _}]},"
        " {items, {\"Installed handlers\", Handlers}}]",
        ret_log, &handlers);
    return handlers;
}

/* The status of a manager is that of an event manager. */
CLAUSE(EV_25)
{
    struct cop_gen_options options = { .name = cop_dest_name("shown") };
    cop_pid manager = { 0, 0 };
    cop_term log = COP_NONE, header = COP_NONE;

    CHECK_EQ_INT(cop_gen_event_start_with(&manager, 1, &options, NULL), 0);
    add(manager, "a");
    CHECK_TERM(
        cop_gen_event_add_sup_handler(cop_dest(manager), &listener, COP_NONE, args_of("b")), "ok");
    CHECK_MATCH(installed(manager, &log),
        "[{handler, listener, false, #{name := b}, Self}, {handler, listener, a, #{name := a}, "
        "false}]",
        cop_self());
    CHECK_TERM(log, "[]");
    cop_sys_log(manager, cop("true"));
    cop_gen_event_sync_notify(manager, cop("e"));
    installed(manager, &log);
    CHECK_MATCH(log, "[{in, {_, {_, _}, {sync_notify, e}}} | _]");
    CHECK_MATCH(
        cop_sys_get_status(manager), "{status, _, _, [_, _, _, _, [{header, H} | _]]}", &header);
    CHECK_TERM(header, "\"Status for event handler shown\"");
}

/* What a handler shows of its state, and what of a failure. */
CLAUSE(EV_26)
{
    cop_pid manager = start();
    cop_term log = COP_NONE;

    CHECK_TERM(
        cop_gen_event_add_handler(cop_dest(manager), &secretive, cop("1"), args_of("a")), "ok");
    CHECK_MATCH(installed(manager, &log), "[{handler, secretive, 1, {hidden, a}, false}]");
    EXPECT("{a, format, #{state := #{name := a}, log := []}}");
    CHECK_TERM(
        cop_gen_event_add_handler(cop_dest(manager), &secretive, cop("2"), args_of("bad")), "ok");
    CHECK_MATCH(installed(manager, &log),
        "[{handler, secretive, 2, \"secretive:format_status/1 crashed\", false}, {handler, _, _, "
        "{hidden, a}, _}]");
    CHECK_TERM(cop_gen_event_delete_handler(cop_dest(manager), cop("{secretive, 2}"), cop("x")),
        "{was,x}");
    EXPECT("{bad, format, _}");
    EXPECT("{a, format, _}");
    EXPECT("{bad, terminated, x}");
    watch_log();
    cop_gen_event_sync_notify(manager, cop("{do, {error, oops}}"));
    EXPECT("{a, event, _}");
    EXPECT("{a, terminated, {error, {'EXIT', {oops, _}}}}");
    EXPECT("{a, format, #{state := #{name := a}, message := {do, {error, oops}}, reason := oops}}");
    EXPECT("{log, _, #{label := {gen_event, terminate}, state := {hidden, a}, reason := "
           "{'EXIT', {oops, _}}}, _}");
    unwatch_log();
}
