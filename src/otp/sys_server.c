/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of the system protocol (SYS-01 to SYS-37). Requests come in mailbox order with
 * all else (SYS-14). Those that carry the address of a C function are obeyed only for a caller in
 * this node: to another node they are what any unknown request is. */
#include "otp/gen_server_int.h"

#include <string.h>

static void answer(cop_term from, cop_term result)
{
    cop_process_reply(from, result);
}

/* What a function that reads or replaces the state has raised, as sys tells it: SYS-16, SYS-17. */
static cop_term callback_failed(const char *function, enum cop_class class, cop_term reason)
{
    static const char *const classes[] = { "none", "exit", "error", "throw" };

    return cop("{error, {callback_failed, {gen_server, Function}, {Class, Reason}}}",
        cop_atom_new(function), cop_atom_new(classes[class]), reason);
}

struct reading {
    struct gs *gs;
    cop_term state;
};

static void run_read(void *arg)
{
    struct reading *reading = arg;

    reading->state = cop__gs_get_state(reading->gs);
}

static cop_term read_state(struct gs *gs)
{
    struct reading reading = { gs, COP_NONE };
    enum cop_class class;
    cop_term reason;

    if (!gs->module->get_state)
        return cop__gs_get_state(gs);
    class = cop_try(run_read, &reading, &reason, NULL);
    return class == COP_CLASS_NONE ? reading.state
                                   : callback_failed("system_get_state", class, reason);
}

struct replacing {
    struct gs *gs;
    cop_sys_replace *fn;
    void *arg;
    cop_term result;
};

static void run_replace(void *arg)
{
    struct replacing *replacing = arg;

    replacing->result = replacing->fn(cop__gs_get_state(replacing->gs), replacing->arg);
    if (cop_is_none(replacing->result) || !cop__gs_put_state(replacing->gs, replacing->result))
        cop_error(cop("badarg"));
}

/* SYS-17: a failing function leaves the state as it was. */
static cop_term replace_state(struct gs *gs, int64_t fn, int64_t arg)
{
    struct replacing replacing = { gs, (cop_sys_replace *)(uintptr_t)fn, (void *)(uintptr_t)arg,
        COP_NONE };
    cop_term reason;
    enum cop_class class = cop_try(run_replace, &replacing, &reason, NULL);

    if (class == COP_CLASS_NONE)
        return read_state(gs);
    return callback_failed("system_replace_state", class, reason);
}

static cop_term header(struct gs *gs)
{
    cop_term name = cop__gs_name(gs);
    char text[512];
    cop_atom atom;

    if (!cop_to_atom(&atom, name) && cop_type_of(name) != COP_TYPE_PID)
        return cop("{Text, Name}", cop_string("Status for generic server"), name);
    snprintf(text, sizeof text, "Status for generic server %s", cop_show(name));
    return cop_string(text);
}

static cop_term shown_state(struct gs *gs, cop_term log)
{
    cop_term status =
        cop__gs_format_status(gs, cop("#{state => State, log => Log}", cop__gs_get_state(gs), log));
    cop_term state;

    return cop_map_get(&state, status, cop("state")) ? state : cop("undefined");
}

/* SYS-18 */
static cop_term get_status(struct gs *gs)
{
    bool suspended = gs->extra && gs->extra->suspended;
    cop_term log = gs->extra ? cop__debug_events(&gs->extra->debug) : cop_nil();
    cop_term mode = suspended ? cop("suspended") : cop("running");
    cop_pid parent = cop__gs_parent(gs);
    cop_term misc = cop("[{header, Header}, {data, [{\"Status\", Status}, {\"Parent\", Parent},"
                        " {\"Logged events\", Log}]}, {data, [{\"State\", State}]}]",
        header(gs), mode, parent, log, shown_state(gs, log));

    return cop("{status, Self, {module, gen_server}, [Dictionary, Mode, Parent, Debug, Misc]}",
        cop_self(), cop_dictionary(), mode, parent,
        gs->extra ? cop__debug_term(&gs->extra->debug) : cop_nil(), misc);
}

/* SYS-26, SYS-27 */
struct changing {
    struct gs *gs;
    cop_term what;
    cop_step step;
};

static void run_code_change(void *arg)
{
    struct changing *changing = arg;

    changing->step = changing->gs->module->code_change(changing->gs->state, changing->what);
}

static cop_term change_code(struct gs *gs, cop_term old_vsn, cop_term extra)
{
    struct changing changing = { .gs = gs, .what = cop("{OldVsn, Extra}", old_vsn, extra) };
    cop_term reason, stack;
    enum cop_class class;

    if (!gs->module->code_change)
        return cop("{error, {'EXIT', {undef, []}}}");
    class = cop_try(run_code_change, &changing, &reason, &stack);
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

void cop__gs_system(struct gs *gs, cop_term from, cop_term request, bool local)
{
    cop_term command, reason, module, old_vsn, extra;
    int64_t fn, arg;

    gs->in = GS_IN_NONE;
    gs->last = COP_NONE; /* it went with its turn */
    if (cop_match(request, "get_state")) {
        answer(from, read_state(gs));
    } else if (cop_match(request, "get_status")) {
        answer(from, get_status(gs));
    } else if (cop_match(request, "suspend")) {
        cop__gs_extra(gs)->suspended = true;
        answer(from, cop("ok"));
    } else if (cop_match(request, "resume")) {
        if (gs->extra)
            gs->extra->suspended = false;
        answer(from, cop("ok"));
    } else if (cop_match(request, "{terminate, Reason}", &reason)) {
        answer(from, cop("ok")); /* first: SYS-24 */
        cop__gs_end(gs, reason, COP_NONE, COP_NONE);
    } else if (cop_match(request, "{debug, Command}", &command)) {
        answer(from, cop__debug_command(&cop__gs_extra(gs)->debug, command, local));
    } else if (local && cop_match(request, "{replace_state, {c_function, Fn, Arg}}", &fn, &arg)) {
        answer(from, replace_state(gs, fn, arg));
    } else if (gs->extra && gs->extra->suspended &&
               cop_match(
                   request, "{change_code, Module, OldVsn, Extra}", &module, &old_vsn, &extra)) {
        answer(from, change_code(gs, old_vsn, extra));
    } else {
        answer(from, cop("{error, {unknown_system_msg, Request}}", request)); /* SYS-15 */
    }
}
