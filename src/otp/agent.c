/* SPDX-License-Identifier: Apache-2.0 */
/* Agents: a generic server that runs the functions it is sent (AGT-01 to AGT-17). Layer 5. A
 * function travels as {c_function, Index, Arg}: an index into the table of start_code.c, not an
 * address. */
#include <coppice/agent.h>

#include "otp/start_code.h"

struct agent {
    const cop_agent *module;
    cop_term state; /* kept */
    void *memory;   /* of a state that is a struct */
};

/* --- Functions as terms ----------------------------------------------------------------------- */

static cop_term function_term(enum cop__entry_kind kind, const void *fn, cop_term arg)
{
    const struct cop__entry *code = cop__entry_of_function(kind, fn);

    return cop("{c_function, Index, Arg}", (int64_t)code->index, arg);
}

/* What a request says; false: it is no function of this program. */
static bool read_function(cop_term term, const struct cop__entry **ret_code, cop_term *ret_arg)
{
    int64_t index;

    if (!cop_match(term, "{c_function, Index, Arg}", &index, ret_arg))
        return false;
    *ret_code = cop__entry_at(index);
    return *ret_code && ((*ret_code)->kind == COP__ENTRY_AGENT_FN ||
                            (*ret_code)->kind == COP__ENTRY_AGENT_STRUCT_FN);
}

static cop_term run(const struct agent *agent, const struct cop__entry *code, cop_term arg)
{
    bool is_struct = code->kind == COP__ENTRY_AGENT_STRUCT_FN;

    if (is_struct != (agent->module->state_size > 0))
        cop_error(cop("{badarg, a_function_of_the_other_kind_of_state}"));
    if (is_struct)
        return ((cop_agent_struct_fn *)(uintptr_t)code->object)(agent->memory, arg);
    return ((cop_agent_fn *)(uintptr_t)code->object)(agent->state, arg);
}

cop_term cop_agent_function(cop_agent_fn *fn, cop_term arg)
{
    return function_term(COP__ENTRY_AGENT_FN, (const void *)(uintptr_t)fn, arg);
}

/* --- The server ------------------------------------------------------------------------------- */

static cop_step init(void *state, cop_term start)
{
    struct agent *agent = state;
    int64_t address;
    cop_term arg;

    cop_must(cop_match(start, "{Address, Arg}", &address, &arg));
    agent->module = (const cop_agent *)(uintptr_t)address;
    if (agent->module->state_size) {
        agent->memory = cop_alloc(agent->module->state_size);
        if (agent->module->init_struct)
            agent->module->init_struct(agent->memory, arg);
    } else {
        cop_keep(&agent->state, agent->module->init ? agent->module->init(COP_NONE, arg) : arg);
    }
    return cop_ok();
}

static void set(struct agent *agent, cop_term state)
{
    if (!agent->module->state_size)
        cop_keep(&agent->state, state);
}

static cop_step handle_call(void *state, cop_term request)
{
    struct agent *agent = state;
    const struct cop__entry *code;
    cop_term op, function, arg, value, next;

    if (!cop_match(request, "{Op, Function}", &op, &function) ||
        !read_function(function, &code, &arg))
        return cop_unhandled(request);
    if (cop_match(op, "get"))
        return cop_reply(run(agent, code, arg));
    if (cop_match(op, "update")) {
        set(agent, run(agent, code, arg));
        return cop_reply(cop("ok"));
    }
    if (!cop_match(op, "get_and_update"))
        return cop_unhandled(request);
    value = run(agent, code, arg);
    if (agent->module->state_size)
        return cop_reply(value);
    if (!cop_match(value, "{Value, Next}", &value, &next))
        return cop_stop(cop("{bad_return_value, Value}", value)); /* AGT-07 */
    value = cop_copy(value);                                      /* it may lie in the old state */
    set(agent, next);
    return cop_reply(value);
}

static cop_step handle_cast(void *state, cop_term request)
{
    struct agent *agent = state;
    const struct cop__entry *code;
    cop_term function, arg;

    if (!cop_match(request, "{cast, Function}", &function) || !read_function(function, &code, &arg))
        return cop_unhandled(request);
    set(agent, run(agent, code, arg));
    return cop_noreply();
}

static cop_step code_change(void *state, cop_term what)
{
    struct agent *agent = state;
    const struct cop__entry *code;
    cop_term extra, arg;

    cop_must(cop_match(what, "{_, Extra}", &extra));
    if (!read_function(extra, &code, &arg))
        return cop_init_error(cop("{no_function, Extra}", extra));
    set(agent, run(agent, code, arg));
    return cop_ok();
}

static cop_term get_state(void *state)
{
    const struct agent *agent = state;

    return agent->module->state_size ? cop("{c_state, Size}", (int64_t)agent->module->state_size)
                                     : cop_copy(agent->state);
}

static bool replace_state(void *state, cop_term term)
{
    struct agent *agent = state;

    if (agent->module->state_size)
        return false;
    cop_keep(&agent->state, term);
    return true;
}

static const cop_gen_server server = {
    .module = "agent",
    .state_size = sizeof(struct agent),
    .init = init,
    .handle_call = handle_call,
    .handle_cast = handle_cast,
    .code_change = code_change,
    .get_state = get_state,
    .replace_state = replace_state,
};

/* --- Clients ---------------------------------------------------------------------------------- */

int cop_agent_start_with(cop_pid *ret_pid, const cop_agent *agent, cop_term arg, int how,
    const struct cop_gen_options *options, cop_term *ret_error)
{
    struct cop_gen_options named = options ? *options : (struct cop_gen_options){ 0 };

    if (cop_dest_kind_of(named.name) == COP_DEST_NONE && agent->name)
        named.name = cop_dest_name(agent->name);
    return cop_gen_server_start_with(ret_pid, NULL, &server,
        cop("{Address, Arg}", (int64_t)(uintptr_t)agent, arg), how == 1, &named, ret_error);
}

cop_child_start cop_agent_start_child(cop_term arg, const void *agent)
{
    cop_term reason = COP_NONE;
    cop_pid pid = { 0, 0 };
    int error = cop_agent_start_with(&pid, agent, arg, 1, NULL, &reason);

    return cop_child_started(error, pid, reason);
}

static cop_term ask(
    cop_dest agent, enum cop_agent_op op, cop_term function, const struct cop_call_options *options)
{
    static const char *const ops[] = { "get", "update", "get_and_update" };

    return cop_call_to(agent, cop("{Op, Function}", cop_atom_new(ops[op]), function), options);
}

cop_term cop_agent_run(cop_dest agent, enum cop_agent_op op, cop_agent_fn *fn, cop_term arg,
    const struct cop_call_options *options)
{
    return ask(agent, op, cop_agent_function(fn, arg), options);
}

static cop_term struct_function(cop_agent_struct_fn *fn, cop_term arg)
{
    return function_term(COP__ENTRY_AGENT_STRUCT_FN, (const void *)(uintptr_t)fn, arg);
}

cop_term cop_agent_run_struct(cop_dest agent, enum cop_agent_op op, cop_agent_struct_fn *fn,
    cop_term arg, const struct cop_call_options *options)
{
    return ask(agent, op, struct_function(fn, arg), options);
}

void cop_agent_cast_fn(cop_dest agent, cop_agent_fn *fn, cop_term arg)
{
    cop_cast_to(agent, cop("{cast, Function}", cop_agent_function(fn, arg)));
}

void cop_agent_cast_struct_fn(cop_dest agent, cop_agent_struct_fn *fn, cop_term arg)
{
    cop_cast_to(agent, cop("{cast, Function}", struct_function(fn, arg)));
}
