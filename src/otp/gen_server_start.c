/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a generic server: init, what each of its results means (GS-07 to GS-16), enter_loop.
 * Names and the starter's side are gen_start.c's. */
#include "otp/gen_server_int.h"

#include <string.h>

cop_term cop__gs_module_name(const cop_gen_server *module)
{
    return cop__gen_module_name(module->module, module->name, "gen_server");
}

static struct gs *new_server(const cop_gen_server *module, enum gs_parent parent)
{
    struct gs *gs = cop_alloc(sizeof *gs + module->state_size);

    gs->module = module;
    gs->parent = (uint8_t)parent;
    return gs;
}

static void take_options(struct gs *gs, int64_t hibernate_after_ms, cop_term debug)
{
    if (hibernate_after_ms)
        cop__gs_extra(gs)->hibernate_after_ms = hibernate_after_ms;
    if (!cop_is_none(debug) && !cop_match(debug, "[]"))
        cop__debug_options(&cop__gs_extra(gs)->sys.debug, debug);
}

struct initialising {
    struct gs *gs;
    cop_term arg;
    cop_step step;
};

static void run_init(void *arg)
{
    struct initialising *initialising = arg;
    const cop_gen_server *module = initialising->gs->module;

    if (!module->init)
        cop_raise(COP_CLASS_ERROR, cop("undef"),
            cop("[{Module, init, [Arg], []}]", cop__gs_module_name(module), initialising->arg));
    initialising->step = module->init(initialising->gs->state, initialising->arg);
}

static COP_NORETURN void init_failed(struct gs *gs, cop_term result, cop_term reason)
{
    if (gs->extra)
        cop__gen_give_name_up(&gs->extra->registration);
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
    struct cop__gen_begun begun = cop__gen_begin(start);
    const cop_gen_server *module = begun.module;
    struct gs *gs = new_server(module, begun.linked ? GS_PARENT_STARTER : GS_PARENT_SELF);
    cop_step step;

    if (module->trap_exit)
        cop_trap_exit(true);
    cop__gen_take_name(begun.via ? &cop__gs_extra(gs)->registration : NULL, &begun);
    take_options(gs, begun.hibernate_after_ms, begun.debug);
    step = initialise(gs, begun.arg);
    cop_init_ack(cop("ok"));
    cop__gs_become(gs, step); /* GS-84: a continue runs before any message */
}

int cop_gen_server_start_with(cop_pid *ret_pid, cop_ref *ret_monitor, const cop_gen_server *module,
    cop_term arg, int how, const struct cop_gen_options *options, cop_term *ret_error)
{
    const struct cop__gen_start start = {
        .main = server_main,
        .module = module,
        .name = module->name,
        .initial_call = module->module ? module->module
                        : module->name ? module->name
                                       : "gen_server",
        .arg = arg,
        .how = how,
        .options = options,
    };

    return cop__gen_start(ret_pid, ret_monitor, &start, ret_error);
}

/* --- enter_loop
 * ------------------------------------------------------------------------------------------ */

void cop_gen_server_enter_loop_with(const cop_gen_server *module, const void *state,
    cop_step action, const struct cop_gen_options *options)
{
    static const struct cop_gen_options none;
    struct gs *gs;
    cop_pid parent;

    if (!options)
        options = &none;
    cop__gen_check_name(options->name);
    parent = cop__gen_find_parent();
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
