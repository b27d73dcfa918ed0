/* SPDX-License-Identifier: Apache-2.0 */
/* How all behaviours start: the starter describes the start in a term, waits for init, and reads
 * what came of it (GS-01 to GS-30). */
#include "otp/gen_start.h"

/* --- In the new process
 * ---------------------------------------------------------------------------- */

/* What the starter says, as a term: addresses of constants travel as integers within the node. */
#define START_PATTERN "{Module, Arg, Linked, Name, Via, Key, HibernateAfter, Debug}"

struct cop__gen_begun cop__gen_begin(cop_term start)
{
    struct cop__gen_begun begun = { 0 };
    int64_t module, via;

    cop_must(cop_match(start, START_PATTERN, &module, &begun.arg, &begun.linked, &begun.name, &via,
        &begun.via_key, &begun.hibernate_after_ms, &begun.debug));
    begun.module = (const void *)(uintptr_t)module;
    begun.via = (const cop_via_module *)(uintptr_t)via;
    return begun;
}

static COP_NORETURN void already_started(cop_dest name)
{
    cop_pid pid = { 0, 0 };

    cop_whereis_to(&pid, name);
    cop_init_fail(cop("{error, {already_started, Pid}}", pid), cop("normal"));
}

void cop__gen_take_name(struct cop__registration *registration, const struct cop__gen_begun *begun)
{
    cop_atom atom;

    if (begun->via) {
        if (!begun->via->register_name(begun->via_key, cop_self()))
            already_started(cop_via(begun->via, begun->via_key));
        registration->via = begun->via;
        cop_keep(&registration->key, begun->via_key);
    } else if (cop_to_atom(&atom, begun->name) && !cop_match(begun->name, "undefined")) {
        if (cop_register_atom(atom, cop_self()) < 0)
            already_started(cop_dest_atom(atom));
    }
}

void cop__gen_give_name_up(struct cop__registration *registration)
{
    if (registration->via)
        registration->via->unregister_name(registration->key);
}

cop_term cop__gen_name(const struct cop__registration *registration)
{
    cop_term name;

    if (registration && registration->via)
        return cop_copy(registration->key);
    if (cop_match(
            cop_process_info(cop_self(), "registered_name"), "{registered_name, Name}", &name))
        return name;
    return cop("Self", cop_self());
}

cop_term cop__gen_module_name(const char *module, const char *name, const char *behaviour)
{
    return cop_from_atom(cop_atom_new(module ? module : name ? name : behaviour));
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

int cop__gen_start(
    cop_pid *ret_pid, cop_ref *ret_monitor, const struct cop__gen_start *what, cop_term *ret_error)
{
    static const struct cop_gen_options none;
    const struct cop_gen_options *options = what->options ? what->options : &none;
    struct cop_start_options start = { .link = what->how == COP__GEN_LINK,
        .monitor = what->how == COP__GEN_MONITOR,
        .timeout_ms = options->timeout_ms,
        .spawn = options->spawn };
    cop_dest dest = options->name;
    const cop_via_module *via = NULL;
    cop_term name = cop("undefined"), key = cop("[]"), result, description;
    bool linked = what->how == COP__GEN_LINK || what->how == COP__GEN_MONITOR;
    cop_ref monitor = { 0 };
    cop_pid pid;
    int error;

    if (cop_dest_kind_of(dest) == COP_DEST_NONE && what->name)
        dest = cop_dest_name(what->name);
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
    start.spawn.initial_call = what->initial_call;
    description = cop(START_PATTERN, (int64_t)(uintptr_t)what->module, what->arg, linked, name,
        (int64_t)(uintptr_t)via, key, options->hibernate_after_ms,
        cop_is_none(options->debug) ? cop("[]") : options->debug);
    error = outcome(cop_start_process(&result, &pid, &monitor, what->main, description, &start),
        result, ret_error);
    if (error < 0) {
        if (start.monitor)
            cop_demonitor_flush(monitor); /* GS-21 */
        return error;
    }
    if (ret_pid)
        *ret_pid = pid;
    if (start.monitor && ret_monitor)
        *ret_monitor = monitor;
    return 0;
}

/* --- enter_loop
 * ------------------------------------------------------------------------------------------ */

void cop__gen_check_name(cop_dest name)
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
        if (cop_whereis_to(&pid, name) && pid.id == cop_self().id)
            return;
        if (cop_dest_via_of(name, &key)->is_global)
            cop_exit(cop("process_not_registered_globally"));
        cop_exit(cop("{process_not_registered_via, Module}",
            cop_atom_new(cop_dest_via_of(name, &key)->name)));
    default:
        cop_error(cop("badarg"));
    }
}

cop_pid cop__gen_find_parent(void)
{
    cop_term ancestors = cop_get(cop("'$ancestors'")), first;
    cop_pid parent;

    if (cop_is_none(ancestors) || !cop_list_next(&first, &ancestors))
        cop_exit(cop("process_was_not_started_by_proc_lib")); /* GS-114 */
    return cop_whereis_to(&parent, cop_dest_term(first)) ? parent : cop_self();
}

/* --- At the end
 * -------------------------------------------------------------------------------------- */

cop_term cop__gen_client_info(cop_term from)
{
    cop_term list, name, stack;
    cop_pid pid;

    if (cop_is_none(from) || !cop_match(from, "{Pid, _}", &pid))
        return cop("undefined");
    if (pid.node)
        return cop("{Pid, remote}", pid);
    list = cop_process_info_list(pid, cop("[registered_name, current_stacktrace]"));
    if (cop_is_none(list))
        return cop("{Pid, dead}", pid);
    cop_must(
        cop_match(list, "[{registered_name, Name}, {current_stacktrace, Stack}]", &name, &stack));
    if (cop_match(name, "[]"))
        return cop("{Pid, {Pid, Stack}}", pid, stack);
    return cop("{Pid, {Name, Stack}}", pid, name, stack);
}

cop_term cop__gen_process_label(void)
{
    cop_term label;

    return cop_match(cop_process_info(cop_self(), "label"), "{label, Label}", &label)
               ? label
               : cop("undefined");
}
