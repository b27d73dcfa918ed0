/* SPDX-License-Identifier: Apache-2.0 */
/* The requests a supervisor serves: SUP-60 to SUP-72, SUP-79 to SUP-84, SUP-89. Layer 5. One
 * function a request; those of simple_one_for_one, where children have pids and no ids, beside
 * the others. */
#include "supervisor_int.h"

static cop_step error(const char *reason)
{
    return cop_reply(cop("{error, Reason}", cop_atom_new(reason)));
}

/* --- start_child
 * ------------------------------------------------------------------------------------- */

/* The term that OTP puts beside the reason; only the reason is to be matched (SUP-62). */
static cop_term child_record(const struct cop__spec *spec, cop_term args)
{
    return cop("{child, undefined, Id, Mfargs, Restart, Significant, Shutdown, Type, Modules}",
        spec->id, cop__spec_mfargs(spec, args), cop__spec_restart(spec),
        cop_bool(spec->significant), cop__spec_shutdown(spec), cop__spec_type(spec),
        cop__spec_modules(spec));
}

static cop_term start_new(struct cop__sup *sup, const struct cop__spec *spec, cop_term args)
{
    struct cop__start started = cop__start_one(spec, args);
    bool temporary = spec->restart == COP_TEMPORARY;
    struct cop__child *child;

    if (started.result == COP__START_ERROR)
        return cop("{error, {Reason, Child}}", started.reason, child_record(spec, args));
    if (started.result == COP__START_OK || !temporary) {
        child =
            cop__children_add(&sup->children, cop__spec_keep(spec), temporary ? COP_NONE : args);
        if (started.result == COP__START_OK) {
            cop__child_running(&sup->children, child, started.pid);
            cop__report_progress(sup, child);
        }
    }
    return cop__start_reply(&started);
}

static cop_step start_child(struct cop__sup *sup, cop_term term)
{
    const struct cop__spec_rules rules = { .auto_shutdown = sup->auto_shutdown };
    struct cop__spec spec;
    cop_term args, reason;

    if (!cop__spec_from_term(&spec, &args, term, &rules, &reason))
        return cop_reply(cop("{error, Reason}", reason));
    const struct cop__child *child = cop__children_by_id(&sup->children, spec.id);

    if (!child)
        return cop_reply(start_new(sup, &spec, args));
    if (child->state == COP__CHILD_RUNNING)
        return cop_reply(cop("{error, {already_started, Pid}}", child->pid));
    return error("already_present");
}

static cop_step start_dynamic(struct cop__sup *sup, cop_term request, cop_term extra)
{
    struct cop__spec *spec = sup->template_spec;

    if (!cop_is_proper_list(extra))
        return cop_unhandled(request);
    cop_term args = cop_type_of(sup->template_args) == COP_TYPE_NIL
                        ? extra
                        : cop_list_append(sup->template_args, extra);
    struct cop__start started = cop__start_one(spec, args);

    if (started.result == COP__START_OK) {
        struct cop__child *child = cop__children_add(
            &sup->children, spec, spec->restart == COP_TEMPORARY ? COP_NONE : args);

        cop__child_running(&sup->children, child, started.pid);
    }
    return cop_reply(cop__start_reply(&started));
}

/* --- terminate_child, restart_child, delete_child
 * ------------------------------------------------------ */

static cop_step terminate_child(struct cop__sup *sup, cop_term id)
{
    struct cop__child *child = cop__children_by_id(&sup->children, id);

    if (!child)
        return error("not_found");
    cop__stop_one(sup, child);
    if (child->spec->restart == COP_TEMPORARY)
        cop__children_remove(&sup->children, child);
    return cop_reply(cop("ok"));
}

static cop_step terminate_dynamic(struct cop__sup *sup, cop_term term)
{
    struct cop__child *child;
    cop_pid pid;

    if (!cop_to_pid(&pid, term))
        return error("simple_one_for_one");
    child = cop__children_by_pid(&sup->children, pid);
    if (!child)
        return pid.node || cop_is_alive(pid) ? error("not_found") : cop_reply(cop("ok"));
    cop__stop_one(sup, child);
    cop__children_remove(&sup->children, child);
    return cop_reply(cop("ok"));
}

static cop_step restart_child(struct cop__sup *sup, cop_term id)
{
    struct cop__child *child = cop__children_by_id(&sup->children, id);

    if (!child)
        return error("not_found");
    if (child->state != COP__CHILD_UNDEFINED)
        return error(child->state == COP__CHILD_RUNNING ? "running" : "restarting");
    struct cop__start started = cop__start_one(child->spec, child->args);

    if (started.result == COP__START_OK) {
        cop__child_running(&sup->children, child, started.pid);
        cop__report_progress(sup, child);
    }
    return cop_reply(cop__start_reply(&started));
}

static cop_step delete_child(struct cop__sup *sup, cop_term id)
{
    struct cop__child *child = cop__children_by_id(&sup->children, id);

    if (!child)
        return error("not_found");
    if (child->state != COP__CHILD_UNDEFINED)
        return error(child->state == COP__CHILD_RUNNING ? "running" : "restarting");
    cop__children_remove(&sup->children, child);
    return cop_reply(cop("ok"));
}

/* --- Looking
 * -------------------------------------------------------------------------------------------- */

static cop_term child_term(const struct cop__sup *sup, const struct cop__child *child)
{
    cop_term pid = child->state == COP__CHILD_RUNNING      ? cop_from_pid(child->pid)
                   : child->state == COP__CHILD_RESTARTING ? cop("restarting")
                                                           : cop("undefined");

    return cop("{Id, Child, Type, Modules}",
        sup->children.simple ? cop("undefined") : child->spec->id, pid, cop__spec_type(child->spec),
        cop__spec_modules(child->spec));
}

cop_term cop__which_children(struct cop__sup *sup)
{
    cop_term list = cop_nil();

    /* the oldest is put in first and so comes last: SUP-67 */
    for (const struct cop__child *child = sup->children.first; child; child = child->next)
        list = cop_cons(child_term(sup, child), list);
    return list;
}

/* By id, or by pid under simple_one_for_one. */
static struct cop__child *find(struct cop__sup *sup, cop_term which)
{
    cop_pid pid;

    if (!sup->children.simple)
        return cop__children_by_id(&sup->children, which);
    return cop_to_pid(&pid, which) ? cop__children_by_pid(&sup->children, pid) : NULL;
}

static cop_step which_child(struct cop__sup *sup, cop_term which)
{
    const struct cop__child *child = find(sup, which);

    return child ? cop_reply(cop("{ok, Child}", child_term(sup, child))) : error("not_found");
}

static cop_step get_childspec(struct cop__sup *sup, cop_term which)
{
    const struct cop__child *child = find(sup, which);

    if (sup->children.simple && (child || cop_identical(sup->template_spec->id, which)))
        return cop_reply(
            cop("{ok, Map}", cop__spec_to_map(sup->template_spec, sup->template_args)));
    if (!child)
        return error("not_found");
    return cop_reply(cop("{ok, Map}", cop__spec_to_map(child->spec, child->args)));
}

static cop_step count_children(struct cop__sup *sup)
{
    int64_t specs = (int64_t)sup->children.count, active = 0, supervisors = 0;
    bool simple = sup->children.simple;

    for (const struct cop__child *child = sup->children.first; child; child = child->next) {
        /* a remote child is as alive as its link says */
        active +=
            child->state == COP__CHILD_RUNNING && (child->pid.node || cop_is_alive(child->pid));
        supervisors += child->spec->supervisor;
    }
    return cop_reply(
        cop("[{specs, Specs}, {active, Active}, {supervisors, Supervisors}, {workers, Workers}]",
            simple ? 1 : specs, active, supervisors, specs - supervisors));
}

/* --- Which request is it
 * ----------------------------------------------------------------------------------- */

cop_step cop__supervisor_call(void *state, cop_term request)
{
    struct cop__sup *sup = state;
    bool simple = sup->children.simple;
    cop_term arg;

    if (cop_match(request, "{start_child, SpecOrExtraArgs}", &arg))
        return simple ? start_dynamic(sup, request, arg) : start_child(sup, arg);
    if (cop_match(request, "{terminate_child, Id}", &arg))
        return simple ? terminate_dynamic(sup, arg) : terminate_child(sup, arg);
    if (cop_match(request, "{restart_child, Id}", &arg))
        return simple ? error("simple_one_for_one") : restart_child(sup, arg);
    if (cop_match(request, "{delete_child, Id}", &arg))
        return simple ? error("simple_one_for_one") : delete_child(sup, arg);
    if (cop_match(request, "{get_childspec, Id}", &arg))
        return get_childspec(sup, arg);
    if (cop_match(request, "{which_child, Id}", &arg))
        return which_child(sup, arg);
    if (cop_match(request, "which_children"))
        return cop_reply(cop__which_children(sup));
    if (cop_match(request, "count_children"))
        return count_children(sup);
    return cop_unhandled(request);
}
