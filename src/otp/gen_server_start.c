/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a generic server: names, init, what each of its results means (GS-01 to GS-30),
 * enter_loop. */
#include "otp/gen_server_int.h"

#include <string.h>

cop_term cop__gs_module_name(const cop_gen_server *module)
{
    const char *name = module->module ? module->module : module->name ? module->name : "gen_server";

    return cop_from_atom(cop_atom_new(name));
}

static struct gs *new_server(const cop_gen_server *module, enum gs_parent parent)
{
    struct gs *gs = cop_alloc(sizeof *gs + module->state_size);

    gs->module = module;
    gs->parent = (uint8_t)parent;
    return gs;
}

/* --- In the new process
 * ---------------------------------------------------------------------------- */

/* What the starter says, as a term: addresses of constants travel as integers within the node. */
#define START_PATTERN "{Module, Arg, Parent, Name, Via, Key, HibernateAfter, Debug}"

static COP_NORETURN void already_started(cop_dest name)
{
    cop_pid pid = { 0, 0 };

    cop_whereis_to(&pid, name);
    cop_init_fail(cop("{error, {already_started, Pid}}", pid), cop("normal")); /* GS-27 */
}

static void take_name(struct gs *gs, cop_term name, const cop_via_module *via, cop_term key)
{
    cop_atom atom;

    if (via) {
        struct gs_extra *extra = cop__gs_extra(gs);

        if (!via->register_name(key, cop_self()))
            already_started(cop_via(via, key));
        extra->via = via;
        cop_keep(&extra->via_key, key);
        cop_keep(&extra->name, cop("{via, Module, Key}", cop_atom_new(via->name), key));
    } else if (cop_to_atom(&atom, name) && !cop_match(name, "undefined")) {
        if (cop_register_atom(atom, cop_self()) < 0)
            already_started(cop_dest_atom(atom));
    }
}

static void take_options(struct gs *gs, int64_t hibernate_after_ms, cop_term debug)
{
    if (hibernate_after_ms)
        cop__gs_extra(gs)->hibernate_after_ms = hibernate_after_ms;
    if (!cop_is_none(debug) && !cop_match(debug, "[]"))
        cop__debug_options(&cop__gs_extra(gs)->debug, debug);
}

struct initialising {
    struct gs *gs;
    cop_term arg;
    cop_step step;
};

static void run_init(void *arg)
{
    struct initialising *initialising = arg;

    initialising->step = initialising->gs->module->init(initialising->gs->state, initialising->arg);
}

static COP_NORETURN void init_failed(struct gs *gs, cop_term result, cop_term reason)
{
    if (gs->extra && gs->extra->via)
        gs->extra->via->unregister_name(gs->extra->via_key);
    cop_init_fail(result, reason);
}

static COP_NORETURN void init_bad(struct gs *gs, cop_term value)
{
    cop_term reason = cop("{bad_return_value, Value}", value);

    init_failed(gs, cop("{error, Reason}", reason), reason);
}

/* GS-15: a thrown value is what init returned, with the state as it is. False: it is none of these.
 */
static bool thrown_init(cop_step *ret, cop_term value)
{
    cop_term reason, action = cop("infinity");

    if (cop_match(value, "ignore"))
        *ret = (cop_step){ .op = COP__OP_IGNORE };
    else if (cop_match(value, "{stop, Reason}", &reason))
        *ret = (cop_step){ .op = COP__OP_STOP, .reason = reason };
    else if (cop_match(value, "{error, Reason}", &reason))
        *ret = (cop_step){ .op = COP__OP_ERROR, .reason = reason };
    else if (cop_match(value, "{ok, _}") || cop_match(value, "{ok, _, Action}", &action))
        *ret = (cop_step){ .op = COP__OP_OK };
    else
        return false;
    return cop__gs_action(ret, action);
}

/* GS-07 to GS-16. Returns only for {ok, State} and its actions. */
static cop_step initialise(struct gs *gs, cop_term arg)
{
    struct initialising initialising = { .gs = gs, .arg = arg };
    cop_term reason, stack;
    cop_step *step = &initialising.step;

    switch (cop_try(run_init, &initialising, &reason, &stack)) {
    case COP_CLASS_ERROR:
        reason = cop("{Reason, Stack}", reason, stack);
        init_failed(gs, cop("{error, Reason}", reason), reason);
    case COP_CLASS_EXIT:
        init_failed(gs, cop("{error, Reason}", reason), reason);
    case COP_CLASS_THROW:
        if (!thrown_init(step, reason))
            init_bad(gs, reason);
        break;
    default:
        break;
    }
    switch (step->op) {
    case COP__OP_OK:
        if (step->timeout_ms < 0 && step->timeout_ms != COP_INFINITY &&
            step->timeout_ms != COP_AT_ONCE)
            init_bad(gs, cop("{ok, state, Timeout}", step->timeout_ms));
        return *step;
    case COP__OP_STOP:
        init_failed(gs, cop("{error, Reason}", step->reason), step->reason);
    case COP__OP_IGNORE:
        init_failed(gs, cop("ignore"), cop("normal"));
    case COP__OP_ERROR:
        init_failed(gs, cop("{error, Reason}", step->reason), cop("normal"));
    case COP__OP_UNHANDLED:
        reason = cop(
            "{function_clause, [{Module, init, [Arg], []}]}", cop__gs_module_name(gs->module), arg);
        init_failed(gs, cop("{error, Reason}", reason), reason);
    default:
        init_bad(gs, cop("undefined"));
    }
}

static void server_main(cop_term start)
{
    cop_term arg, name, key, debug;
    int64_t module_address, parent, via_address, hibernate_after_ms;
    const cop_gen_server *module;
    struct gs *gs;
    cop_step step;

    cop_must(cop_match(start, START_PATTERN, &module_address, &arg, &parent, &name, &via_address,
        &key, &hibernate_after_ms, &debug));
    module = (const cop_gen_server *)(uintptr_t)module_address;
    gs = new_server(module, parent ? GS_PARENT_STARTER : GS_PARENT_SELF); /* GS-03 */
    if (module->trap_exit)
        cop_trap_exit(true);
    take_name(
        gs, name, (const cop_via_module *)(uintptr_t)via_address, key); /* before init: GS-29 */
    take_options(gs, hibernate_after_ms, debug);
    step = initialise(gs, arg);
    cop_init_ack(cop("ok"));
    cop__gs_become(gs, step); /* GS-84: a continue runs before any message */
}

/* --- In the starter
 * ---------------------------------------------------------------------------------- */

static void set_error(cop_term *ret_error, cop_term reason)
{
    if (ret_error)
        *ret_error = reason;
}

/* 0, or what has gone wrong as a negative error. */
static int outcome(enum cop_start_outcome started, cop_term result, cop_term *ret_error)
{
    cop_term reason;

    if (started == COP_STARTED)
        return 0;
    if (cop_match(result, "ignore")) {
        set_error(ret_error, result);
        return -ECANCELED;
    }
    if (!cop_match(result, "{error, Reason}", &reason))
        reason = result;
    set_error(ret_error, reason);
    if (cop_match(reason, "{already_started, _}"))
        return -COP_EALREADY;
    return cop_match(reason, "timeout") ? -COP_ETIMEOUT : -COP_EEXIT;
}

int cop_gen_server_start_with(cop_pid *ret_pid, cop_ref *ret_monitor, const cop_gen_server *module,
    cop_term arg, int how, const struct cop_gen_server_options *options, cop_term *ret_error)
{
    static const struct cop_gen_server_options none;
    struct cop_start_options start = { .link = how == 1, .monitor = how == 2 };
    const cop_via_module *via = NULL;
    cop_term name = cop("undefined"), key = cop("[]"), result, description;
    enum cop_start_outcome started;
    cop_ref monitor = { 0 };
    cop_dest dest;
    cop_pid pid;
    int error;

    if (!options)
        options = &none;
    dest = options->name;
    if (cop_dest_kind_of(dest) == COP_DEST_NONE && module->name)
        dest = cop_dest_name(module->name);
    switch (cop_dest_kind_of(dest)) {
    case COP_DEST_NAME:
        name = cop_from_atom(cop_dest_name_of(dest));
        break;
    case COP_DEST_VIA:
        via = cop_dest_via_of(dest, &key);
        break;
    case COP_DEST_NONE:
        break;
    default:
        cop_error(cop("badarg")); /* GS-30 */
    }
    if (cop_dest_kind_of(dest) != COP_DEST_NONE && cop_whereis_to(&pid, dest)) { /* GS-26 */
        set_error(ret_error, cop("{already_started, Pid}", pid));
        return -COP_EALREADY;
    }
    start.timeout_ms = options->timeout_ms;
    start.spawn = options->spawn;
    start.spawn.initial_call = module->module ? module->module
                               : module->name ? module->name
                                              : "gen_server";
    description = cop(START_PATTERN, (int64_t)(uintptr_t)module, arg, how != 0, name,
        (int64_t)(uintptr_t)via, key, options->hibernate_after_ms,
        cop_is_none(options->debug) ? cop("[]") : options->debug);
    started = cop_start_process(&result, &pid, &monitor, server_main, description, &start);
    error = outcome(started, result, ret_error);
    if (error < 0) {
        if (how == 2)
            cop_demonitor_flush(monitor); /* GS-21 */
        return error;
    }
    *ret_pid = pid;
    if (how == 2 && ret_monitor)
        *ret_monitor = monitor;
    return 0;
}

/* --- enter_loop
 * ------------------------------------------------------------------------------------------ */

static void check_name(cop_dest name)
{
    cop_pid pid;
    cop_term key;

    switch (cop_dest_kind_of(name)) {
    case COP_DEST_NONE:
        return;
    case COP_DEST_NAME:
        if (!cop_whereis_to(&pid, name) || pid.id != cop_self().id)
            cop_exit(cop("process_not_registered"));
        return;
    case COP_DEST_VIA:
        if (!cop_whereis_to(&pid, name) || pid.id != cop_self().id)
            cop_exit(cop("{process_not_registered_via, Module}",
                cop_atom_new(cop_dest_via_of(name, &key)->name)));
        return;
    default:
        cop_error(cop("badarg"));
    }
}

void cop_gen_server_enter_loop_with(const cop_gen_server *module, const void *state,
    cop_step action, const struct cop_gen_server_options *options)
{
    static const struct cop_gen_server_options none;
    cop_term ancestors = cop_get(cop("'$ancestors'")), first;
    struct gs *gs;
    cop_pid parent;

    if (!options)
        options = &none;
    check_name(options->name);
    if (cop_is_none(ancestors) || !cop_list_next(&first, &ancestors))
        cop_exit(cop("process_was_not_started_by_proc_lib")); /* GS-114 */
    if (!cop_whereis_to(&parent, cop_dest_term(first)))
        parent = cop_self();
    gs = new_server(module, parent.id == cop_self().id ? GS_PARENT_SELF : GS_PARENT_STARTER);
    if (parent.id != cop_self().id && parent.id != cop_parent().id) {
        cop__gs_extra(gs)->parent = parent;
        gs->parent = GS_PARENT_OTHER;
    }
    memcpy(gs->state, state, module->state_size);
    take_options(gs, options->hibernate_after_ms, options->debug);
    if (action.op == COP__OP_NOREPLY)
        action.op = COP__OP_OK; /* no callback returned it: it is no event */
    cop__gs_become(gs, action);
}
