/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of the system protocol (SYS-01 to SYS-37), for all behaviours. Requests come in
 * mailbox order with all else (SYS-14). Those that carry the address of a C function are obeyed
 * only for a caller in this node: to another node they are what any unknown request is. */
#include "otp/sys_server.h"

#include <stdio.h>

struct served {
    const struct cop__sys_callbacks *callbacks;
    void *server;
};

static cop_atom behaviour_of(const struct served *served)
{
    return cop_atom_new(served->callbacks->behaviour(served->server));
}

/* What a function that reads or replaces the state has raised, as sys tells it: SYS-16, SYS-17. */
static cop_term callback_failed(
    const struct served *served, const char *function, enum cop_class class, cop_term reason)
{
    static const char *const classes[] = { "none", "exit", "error", "throw" };

    return cop("{error, {callback_failed, {Behaviour, Function}, {Class, Reason}}}",
        behaviour_of(served), cop_atom_new(function), cop_atom_new(classes[class]), reason);
}

struct reading {
    const struct served *served;
    cop_term state;
};

static void run_read(void *arg)
{
    struct reading *reading = arg;

    reading->state = reading->served->callbacks->get_state(reading->served->server);
}

static cop_term read_state(const struct served *served)
{
    struct reading reading = { served, COP_NONE };
    cop_term reason;
    enum cop_class class = cop_try(run_read, &reading, &reason, NULL);

    return class == COP_CLASS_NONE ? reading.state
                                   : callback_failed(served, "system_get_state", class, reason);
}

struct replacing {
    const struct served *served;
    cop_sys_replace *fn;
    void *arg;
};

static void run_replace(void *arg)
{
    const struct replacing *replacing = arg;
    const struct cop__sys_callbacks *callbacks = replacing->served->callbacks;
    void *server = replacing->served->server;
    cop_term result = replacing->fn(callbacks->get_state(server), replacing->arg);

    if (cop_is_none(result) || !callbacks->put_state(server, result))
        cop_error(cop("badarg"));
}

/* SYS-17: a failing function leaves the state as it was. */
static cop_term replace_state(const struct served *served, int64_t fn, int64_t arg)
{
    struct replacing replacing = { served, (cop_sys_replace *)(uintptr_t)fn,
        (void *)(uintptr_t)arg };
    cop_term reason;
    enum cop_class class = cop_try(run_replace, &replacing, &reason, NULL);

    if (class == COP_CLASS_NONE)
        return read_state(served);
    return callback_failed(served, "system_replace_state", class, reason);
}

cop_term cop__sys_header(const char *what, cop_term name)
{
    char text[512];
    cop_atom atom;

    snprintf(text, sizeof text, "Status for %s", what);
    if (!cop_to_atom(&atom, name) && cop_type_of(name) != COP_TYPE_PID)
        return cop("{Text, Name}", cop_string(text), name);
    snprintf(text, sizeof text, "Status for %s %s", what, cop_show(name));
    return cop_string(text);
}

/* SYS-18 */
static cop_term get_status(const struct served *served)
{
    const struct cop__sys *sys = served->callbacks->sys(served->server, false);
    cop_term log = sys ? cop__debug_events(&sys->debug) : cop_nil();
    cop_term mode = sys && sys->suspended ? cop("suspended") : cop("running");

    return cop("{status, Self, {module, Behaviour}, [Dictionary, Mode, Parent, Debug, Misc]}",
        cop_self(), behaviour_of(served), cop_dictionary(), mode,
        served->callbacks->parent(served->server), sys ? cop__debug_term(&sys->debug) : cop_nil(),
        served->callbacks->misc(served->server, mode, log));
}

/* SYS-26, SYS-27 */
struct changing {
    const struct served *served;
    cop_term old_vsn, extra;
    cop_step step;
};

static void run_code_change(void *arg)
{
    struct changing *changing = arg;

    changing->step = changing->served->callbacks->code_change(
        changing->served->server, changing->old_vsn, changing->extra);
}

static cop_term change_code(const struct served *served, cop_term old_vsn, cop_term extra)
{
    struct changing changing = { .served = served, .old_vsn = old_vsn, .extra = extra };
    cop_term reason, stack;
    enum cop_class class = cop_try(run_code_change, &changing, &reason, &stack);

    if (class == COP_CLASS_ERROR && cop_match(reason, "undef"))
        return cop("{error, {'EXIT', {undef, []}}}");
    if (class == COP_CLASS_ERROR)
        return cop("{error, {'EXIT', {Reason, Stack}}}", reason, stack);
    if (class == COP_CLASS_EXIT)
        return cop("{error, {'EXIT', Reason}}", reason);
    if (class == COP_CLASS_THROW)
        return cop("{error, Value}", reason);
    if (changing.step.op == COP__OP_OK)
        return cop("ok");
    if (changing.step.op == COP__OP_ERROR)
        return cop("{error, {error, Reason}}", changing.step.reason);
    return cop("{error, undefined}");
}

/* What only a suspended server does. */
static bool is_suspended(const struct served *served)
{
    const struct cop__sys *sys = served->callbacks->sys(served->server, false);

    return sys && sys->suspended;
}

void (*cop__state_to_far)(cop_term from, cop_term state);

void cop__sys_request(const struct cop__sys_callbacks *callbacks, void *server, cop_term from,
    cop_term request, bool local)
{
    const struct served served = { callbacks, server };
    cop_term command, reason, module, old_vsn, extra, result;
    int64_t fn, arg;

    if (cop_match(request, "get_state")) {
        result = read_state(&served);
        if (!local && cop__state_to_far) {
            cop__state_to_far(from, result);
            return;
        }
    } else if (cop_match(request, "get_status")) {
        result = get_status(&served);
    } else if (cop_match(request, "suspend")) {
        callbacks->sys(server, true)->suspended = true;
        result = cop("ok");
    } else if (cop_match(request, "resume")) {
        if (is_suspended(&served))
            callbacks->sys(server, true)->suspended = false;
        result = cop("ok");
    } else if (cop_match(request, "{terminate, Reason}", &reason)) {
        cop_process_reply(from, cop("ok")); /* first: SYS-24 */
        callbacks->terminate(server, reason);
        return;
    } else if (cop_match(request, "{debug, Command}", &command)) {
        result = cop__debug_command(&callbacks->sys(server, true)->debug, command, local);
    } else if (local && cop_match(request, "{replace_state, {c_function, Fn, Arg}}", &fn, &arg)) {
        result = replace_state(&served, fn, arg);
    } else if (is_suspended(&served) && cop_match(request, "{change_code, Module, OldVsn, Extra}",
                                            &module, &old_vsn, &extra)) {
        result = change_code(&served, old_vsn, extra);
    } else {
        result = cop("{error, {unknown_system_msg, Request}}", request); /* SYS-15 */
    }
    cop_process_reply(from, result);
}

bool cop__sys_is_local(cop_term from)
{
    cop_pid pid;

    return cop_match(from, "{Pid, _}", &pid) && pid.node == 0;
}

bool cop__sys_is_exit_of(cop_pid parent, cop_term message, cop_term *ret_reason)
{
    cop_term reason;
    cop_pid from;

    if (!cop_match(message, "{'EXIT', From, Reason}", &from, &reason) || from.node ||
        from.id != parent.id)
        return false;
    *ret_reason = reason;
    return true;
}

void cop__sys_wait(const struct cop__sys_callbacks *callbacks, void *server)
{
    const struct cop__sys *sys = callbacks->sys(server, true);

    while (sys->suspended) {
        cop_receive_scan scan = cop_receive_begin(COP_INFINITY);
        cop_term message, from, request, reason;

        while (sys->suspended && cop_receive_next(&message, &scan)) {
            if (cop_match(message, "{system, From, Request}", &from, &request)) {
                cop_receive_take(&scan);
                cop__sys_request(callbacks, server, from, request, cop__sys_is_local(from));
                cop_turn_next(COP_NONE);
                break;
            }
            if (cop__sys_is_exit_of(callbacks->parent(server), message, &reason)) {
                cop_receive_take(&scan);
                callbacks->parent_exited(server, message, reason); /* GS-94 */
            }
        }
    }
}

/* --- format_status ---------------------------------------------------------------------------- */

struct formatting {
    cop_term (*format_status)(void *state, cop_term status);
    void *state;
    cop_term status, result;
};

static void run_format(void *arg)
{
    struct formatting *formatting = arg;

    formatting->result = formatting->format_status(formatting->state, formatting->status);
}

cop_term cop__status_format(cop_term (*format_status)(void *state, cop_term status), void *state,
    cop_term status, cop_term module, const char *secret)
{
    struct formatting formatting = { format_status, state, status, COP_NONE };
    const char *failure = NULL;
    char text[512];

    if (!format_status)
        return status;
    if (cop_try(run_format, &formatting, NULL, NULL) != COP_CLASS_NONE)
        failure = "crashed";
    else if (cop_type_of(formatting.result) != COP_TYPE_MAP)
        failure = "did not return a map";
    if (!failure)
        return formatting.result;
    snprintf(text, sizeof text, "%s:format_status/1 %s", cop_show(module), failure);
    return cop_map_put(status, cop_from_atom(cop_atom_new(secret)), cop_string(text));
}

cop_term cop__status_value(cop_term status, const char *key)
{
    cop_term value;

    return cop_map_get(&value, status, cop_from_atom(cop_atom_new(key))) ? value : cop("undefined");
}
