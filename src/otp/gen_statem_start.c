/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a state machine: init and what each of its results means (SM-02 to SM-04), enter_loop;
 * and the clients that differ from a generic server's (SM-08, SM-53). */
#include "otp/gen_statem_int.h"
#include "otp/start_code.h"

#include <string.h>

cop_term cop__sm_module_name(const cop_gen_statem *module)
{
    return cop__gen_module_name(module->module, module->name, "gen_statem");
}

bool cop__sm_mode_is_valid(const cop_gen_statem *module)
{
    return module->callback_mode == COP_STATE_FUNCTIONS ||
           module->callback_mode == COP_HANDLE_EVENT_FUNCTION;
}

static struct sm *new_machine(const cop_gen_statem *module, enum sm_parent parent)
{
    struct sm *sm = cop_alloc(sizeof *sm + module->data_size);

    sm->module = module;
    sm->parent = (uint8_t)parent;
    return sm;
}

static void take_options(struct sm *sm, int64_t hibernate_after_ms, cop_term debug)
{
    if (hibernate_after_ms)
        cop__sm_extra(sm)->hibernate_after_ms = hibernate_after_ms;
    if (!cop_is_none(debug) && !cop_match(debug, "[]"))
        cop__debug_options(&cop__sm_extra(sm)->sys.debug, debug);
}

/* --- init -------------------------------------------------------------------------------------
 */

struct initialising {
    struct sm *sm;
    cop_term arg;
    cop_step step;
};

static void run_init(void *arg)
{
    struct initialising *initialising = arg;

    initialising->step = initialising->sm->module->init(initialising->sm->data, initialising->arg);
}

static COP_NORETURN void init_failed(struct sm *sm, cop_term result, cop_term reason)
{
    if (sm->extra)
        cop__gen_give_name_up(&sm->extra->registration);
    cop_init_fail(result, reason);
}

static COP_NORETURN void init_bad(struct sm *sm, cop_term value)
{
    cop_term reason = cop("{bad_return_from_init, Value}", value);

    init_failed(sm, cop("{error, Reason}", reason), reason);
}

/* The starter gets the bare reason of an error, the end has the stack too (SM-04). */
static COP_NORETURN void init_raised(struct sm *sm, cop_term reason, cop_term stack)
{
    init_failed(sm, cop("{error, Reason}", reason), cop("{Reason, Stack}", reason, stack));
}

/* Returns only for {ok, State, Data} and its actions. */
static cop_step initialise(struct sm *sm, cop_term arg)
{
    struct initialising initialising = { .sm = sm, .arg = arg };
    cop_step *step = &initialising.step;
    cop_term reason, stack;

    switch (cop_try(run_init, &initialising, &reason, &stack)) {
    case COP_CLASS_ERROR:
        init_raised(sm, reason, stack);
    case COP_CLASS_EXIT:
        init_failed(sm, cop("{error, Reason}", reason), reason);
    case COP_CLASS_THROW:
        if (!cop__sm_thrown_start(step, reason))
            init_bad(sm, reason);
        break;
    default:
        break;
    }
    switch (step->op) {
    case COP__OP_OK:
        if (cop_is_none(step->state))
            init_bad(sm, cop("ok"));
        return *step;
    case COP__OP_STOP:
        init_failed(sm, cop("{error, Reason}", step->reason), step->reason);
    case COP__OP_IGNORE:
        init_failed(sm, cop("ignore"), cop("normal"));
    case COP__OP_ERROR:
        init_failed(sm, cop("{error, Reason}", step->reason), cop("normal"));
    case COP__OP_UNHANDLED:
        init_raised(sm, cop("function_clause"),
            cop("[{Module, init, [Arg], []}]", cop__sm_module_name(sm->module), arg));
    default:
        init_bad(sm, cop("undefined"));
    }
}

static void machine_main(cop_term start)
{
    struct cop__gen_begun begun = cop__gen_begin(start);
    const cop_gen_statem *module = begun.module;
    struct sm *sm = new_machine(module, begun.linked ? SM_PARENT_STARTER : SM_PARENT_SELF);
    cop_step step;

    if (module->trap_exit)
        cop_trap_exit(true);
    cop__gen_take_name(begun.via ? &cop__sm_extra(sm)->registration : NULL, &begun);
    take_options(sm, begun.hibernate_after_ms, begun.debug);
    step = initialise(sm, begun.arg);
    cop_keep(&sm->state, step.state);
    cop_init_ack(cop("ok"));
    cop__sm_become(sm, step);
}

int cop_gen_statem_start_with(cop_pid *ret_pid, cop_ref *ret_monitor, const cop_gen_statem *module,
    cop_term arg, int how, const struct cop_gen_options *options, cop_term *ret_error)
{
    const struct cop__gen_start start = {
        .main = machine_main,
        .module = module,
        .name = module->name,
        .initial_call = module->module ? module->module
                        : module->name ? module->name
                                       : "gen_statem",
        .arg = arg,
        .how = how,
        .options = options,
    };

    return cop__gen_start(ret_pid, ret_monitor, &start, ret_error);
}

cop_child_start cop_gen_statem_start_child(cop_term arg, const void *statem)
{
    cop_term reason = COP_NONE;
    cop_pid pid = { 0, 0 };
    int error = cop_gen_statem_start_with(&pid, NULL, statem, arg, 1, NULL, &reason);

    return cop_child_started(error, pid, reason);
}

void cop_gen_statem_enter_loop_with(const cop_gen_statem *module, const void *data, cop_step start,
    const struct cop_gen_options *options)
{
    static const struct cop_gen_options none;
    struct sm *sm;
    cop_pid parent;

    if (!options)
        options = &none;
    cop__gen_check_name(options->name);
    parent = cop__gen_find_parent();
    if (start.op != COP__OP_OK || cop_is_none(start.state))
        cop_error(cop("badarg"));
    sm = new_machine(module, parent.id == cop_self().id ? SM_PARENT_SELF : SM_PARENT_STARTER);
    if (parent.id != cop_self().id && parent.id != cop_parent().id) {
        cop__sm_extra(sm)->parent = parent;
        sm->parent = SM_PARENT_OTHER;
    }
    memcpy(sm->data, data, module->data_size);
    take_options(sm, options->hibernate_after_ms, options->debug);
    cop_keep(&sm->state, start.state);
    cop__sm_become(sm, start);
}

/* --- Clients ----------------------------------------------------------------------------------
 */

cop_term cop_gen_statem_call_to(
    cop_dest server, cop_term request, const struct cop_call_options *options)
{
    int64_t asked_ms = options ? options->timeout_ms : 0;
    int64_t timeout_ms = asked_ms == 0 ? COP_INFINITY : cop__gen_timeout(asked_ms);
    bool bad = cop_dest_kind_of(server) == COP_DEST_NONE || timeout_ms < COP_INFINITY;
    cop_term reply = cop("{function_clause, []}");

    if (bad ||
        cop__gen_call(&reply, server, cop__gen_call_label(), request, timeout_ms) != COP_CALL_REPLY)
        cop_exit(cop("{Reason, {gen_statem, call, [Server, Request, Timeout]}}", reply,
            cop_dest_show(server), request,
            timeout_ms == COP_INFINITY ? cop("infinity") : cop_int(timeout_ms)));
    return reply;
}

void cop_gen_statem_reply(cop_term replies)
{
    cop_term one, from, reply;

    if (cop_type_of(replies) == COP_TYPE_TUPLE)
        replies = cop_cons(replies, cop_nil());
    while (cop_list_next(&one, &replies)) {
        if (!cop_match(one, "{reply, From, Reply}", &from, &reply))
            cop_error(cop("function_clause"));
        cop_reply_to(from, reply);
    }
    if (cop_type_of(replies) != COP_TYPE_NIL)
        cop_error(cop("function_clause"));
}

cop_term cop_gen_statem_module(const cop_gen_statem *module)
{
    const struct cop__entry *code = cop__entry_of_statem(module);

    return cop("{Name, Index}", code->module, (int64_t)code->index);
}
