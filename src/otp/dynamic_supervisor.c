/* SPDX-License-Identifier: Apache-2.0 */
/* Dynamic supervisors: SUP-100 to SUP-115. Layer 5. The children, their restarts and reports are
 * those of supervisors (supervisor_int.h); what differs is how they come, and how all of them go.
 */
#include <coppice/dynamic_supervisor.h>

#include <string.h>

#include "otp/hooks.h"
#include "otp/dynamic_supervisor_int.h"

struct dynamic {
    struct cop__sup sup; /* first: what handles its children is a supervisor's */
    int64_t max_children;
    cop_term extra_arguments; /* kept list */
};

/* --- Starting --------------------------------------------------------------------------------- */

static bool check(
    const cop_dynamic_supervisor *definition, cop_term *ret_extra, cop_term *ret_error)
{
    const char *text = definition->extra_arguments;

    *ret_extra = cop_nil();
    if (text && (cop_parse(ret_extra, (cop_bytes){ text, strlen(text) }, NULL) < 0 ||
                    !cop_is_proper_list(*ret_extra)))
        *ret_error = cop("{invalid_extra_arguments, Text}", cop_text(text));
    else if (definition->max_children < 0)
        *ret_error = cop("{invalid_max_children, Max}", definition->max_children);
    else if (definition->intensity < COP_NO_RESTARTS)
        *ret_error = cop("{invalid_intensity, N}", definition->intensity);
    else if (definition->period_s < 0)
        *ret_error = cop("{invalid_period, N}", definition->period_s);
    else
        return true;
    return false;
}

static cop_step init(void *state, cop_term start)
{
    struct dynamic *dynamic = state;
    struct cop__sup *sup = &dynamic->sup;
    const cop_dynamic_supervisor *definition;
    cop_term name, extra, error;
    int64_t address;
    int intensity;

    cop__never_waits();
    cop_must(cop_match(start, "{Address, Name}", &address, &name));
    definition = (const cop_dynamic_supervisor *)(uintptr_t)address;
    if (!check(definition, &extra, &error))
        return cop_stop(cop("{supervisor_data, Error}", error));
    if (!cop_match(name, "undefined"))
        cop_must(cop_to_atom(&sup->name, name));
    intensity = definition->intensity ? definition->intensity : 3;
    sup->module = cop_atom_new("dynamic_supervisor");
    sup->strategy = COP_ONE_FOR_ONE;
    sup->intensity.intensity = intensity == COP_NO_RESTARTS ? 0 : (uint32_t)intensity;
    sup->intensity.period_s = definition->period_s ? (uint32_t)definition->period_s : 5;
    sup->children.simple = sup->children.own_specs = true;
    dynamic->max_children = definition->max_children;
    cop_keep(&dynamic->extra_arguments, extra);
    return cop_ok();
}

static cop_step start_child(struct dynamic *dynamic, cop_term term)
{
    const struct cop__spec_rules rules = { .auto_shutdown = COP_NEVER, .simple = true };
    struct cop__children *children = &dynamic->sup.children;
    struct cop__child *child;
    struct cop__start started;
    struct cop__spec spec;
    cop_term args, reason;

    if (!cop__spec_from_term(&spec, &args, term, &rules, &reason))
        return cop_reply(cop("{error, Reason}", reason));
    if (dynamic->max_children && children->count >= (size_t)dynamic->max_children)
        return cop_reply(cop("{error, max_children}")); /* SUP-105 */
    spec.id = cop("undefined");
    if (cop_type_of(dynamic->extra_arguments) != COP_TYPE_NIL)
        args = cop_list_append(cop_copy(dynamic->extra_arguments), args);
    started = cop__start_plainly(&spec, args);
    if (started.result == COP__START_IGNORE)
        return cop_reply(cop("ignore"));
    if (started.result == COP__START_OK) {
        child = cop__children_add(
            children, cop__spec_keep(&spec), spec.restart == COP_TEMPORARY ? COP_NONE : args);
        cop__child_running(children, child, started.pid);
    }
    return cop_reply(cop__start_reply(&started));
}

static cop_step terminate_child(struct dynamic *dynamic, cop_term which)
{
    struct cop__children *children = &dynamic->sup.children;
    struct cop__child *child = NULL;
    cop_pid pid;

    if (cop_to_pid(&pid, which))
        child = cop__children_by_pid(children, pid);
    if (!child)
        return cop_reply(cop("{error, not_found}"));
    cop__stop_one(&dynamic->sup, child);
    cop__children_remove(children, child);
    return cop_reply(cop("ok"));
}

static cop_step count_children(const struct dynamic *dynamic)
{
    int64_t active = 0, supervisors = 0, all = (int64_t)dynamic->sup.children.count;

    for (const struct cop__child *child = dynamic->sup.children.first; child; child = child->next) {
        active += child->state == COP__CHILD_RUNNING;
        supervisors += child->spec->supervisor;
    }
    return cop_reply(cop("[{specs, All}, {active, Active}, {supervisors, S}, {workers, W}]", all,
        active, supervisors, all - supervisors));
}

static cop_step handle_call(void *state, cop_term request)
{
    struct dynamic *dynamic = state;
    cop_term arg;

    if (cop_match(request, "{start_child, Arg}", &arg))
        return start_child(dynamic, arg);
    if (cop_match(request, "{terminate_child, Arg}", &arg))
        return terminate_child(dynamic, arg);
    if (cop_match(request, "which_children"))
        return cop_reply(cop__which_children(&dynamic->sup));
    if (cop_match(request, "count_children"))
        return count_children(dynamic);
    return cop_unhandled(request);
}

static void terminate(void *state, cop_term reason)
{
    struct dynamic *dynamic = state;

    (void)reason;
    cop__stop_all_of_own(&dynamic->sup);
}

static cop_term get_state(void *state)
{
    const struct dynamic *dynamic = state;

    return cop("#{name => Name, children => Count, max_children => Max}",
        cop__supervisor_name(&dynamic->sup), cop_int((int64_t)dynamic->sup.children.count),
        dynamic->max_children ? cop_int(dynamic->max_children) : cop("infinity"));
}

static const cop_gen_server server = {
    .module = "dynamic_supervisor",
    .state_size = sizeof(struct dynamic),
    .init = init,
    .handle_call = handle_call,
    .handle_cast = cop__supervisor_cast,
    .handle_info = cop__supervisor_info,
    .terminate = terminate,
    .trap_exit = true,
    .get_state = get_state,
};

int cop_dynamic_supervisor_start_link_as(cop_pid *ret_pid, const cop_dynamic_supervisor *definition,
    const char *name, cop_term *ret_error)
{
    struct cop_gen_options options = { .timeout_ms = 0 };
    cop_term name_term = cop("undefined");

    if (name) {
        options.name = cop_dest_name(name);
        name_term = cop_from_atom(cop_atom_new(name));
    }
    return cop_gen_server_start_with(ret_pid, NULL, &server,
        cop("{Address, Name}", (int64_t)(uintptr_t)definition, name_term), 1, &options, ret_error);
}

int cop_dynamic_supervisor_start_link(
    cop_pid *ret_pid, const cop_dynamic_supervisor *definition, cop_term *ret_error)
{
    return cop_dynamic_supervisor_start_link_as(ret_pid, definition, definition->name, ret_error);
}

cop_child_start cop_dynamic_supervisor_start(cop_term arg, const void *definition)
{
    cop_term reason = COP_NONE;
    cop_pid pid = { 0, 0 };
    int error = cop_dynamic_supervisor_start_link(&pid, definition, &reason);

    (void)arg;
    return cop_child_started(error, pid, reason);
}

/* --- Clients ---------------------------------------------------------------------------------- */

static cop_term request(cop_dest supervisor, cop_term message)
{
    return cop_call_to(
        supervisor, message, &(const struct cop_call_options){ .timeout_ms = COP_INFINITY });
}

static int give(int code, cop_term reason, cop_term *ret_error)
{
    if (ret_error)
        *ret_error = reason;
    return code;
}

int cop_dynamic_supervisor_start_child_of(
    cop_pid *ret_pid, cop_dest supervisor, const cop_child *child, cop_term *ret_error)
{
    cop_term spec, error, reply;
    cop_pid pid = { 0, 0 };

    if (!cop__spec_struct_to_map(&spec, child, true, &error))
        return give(-COP_EBADARG, error, ret_error);
    reply = request(supervisor, cop("{start_child, Spec}", spec));
    if (cop_match(reply, "ignore"))
        return give(-ECANCELED, reply, ret_error);
    if (cop_match(reply, "{error, max_children}"))
        return give(-EAGAIN, cop("max_children"), ret_error);
    if (cop_match(reply, "{error, Error}", &error))
        return give(-COP_EEXIT, error, ret_error);
    (void)cop_to_pid(&pid, cop_tuple_at(reply, 1));
    if (ret_pid)
        *ret_pid = pid;
    return 0;
}

int cop_dynamic_supervisor_terminate_child_of(cop_dest supervisor, cop_pid child)
{
    return cop_match(request(supervisor, cop("{terminate_child, Pid}", child)), "ok")
               ? 0
               : -COP_ENOTFOUND;
}
