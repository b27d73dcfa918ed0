/* SPDX-License-Identifier: Apache-2.0 */
/* Child specifications as C writes them, and how each of their fields reads in Erlang. Layer 5.
 *
 * A struct whose fields are all in order becomes a specification directly. One that is not is
 * written as the map that Erlang would have been given, and checked as such a map: the errors and
 * their order (SUP-10) are in one place, child_spec_term.c. */
#include "supervisor_int.h"

#include <string.h>

cop_child_start cop_child_started(int error, cop_pid pid, cop_term reason)
{
    if (error == -ECANCELED)
        return (cop_child_start){ .result = COP_CHILD_IGNORE };
    if (error < 0)
        return (cop_child_start){ .result = COP_CHILD_ERROR, .info = reason };
    return (cop_child_start){ .result = COP_CHILD_OK, .pid = pid };
}

bool cop__child_is_end(const cop_child *child)
{
    return !child->name && cop_is_none(child->id) && !child->gen_server && !child->supervisor &&
           !child->process && !child->start && !child->is_set;
}

static int count_starts(const cop_child *child)
{
    return (child->gen_server != NULL) + (child->supervisor != NULL) + (child->process != NULL) +
           (child->start != NULL);
}

/* --- What a field that was left out means --------------------------------------------------------
 */

static const char *own_module(const cop_child *child)
{
    if (child->gen_server && child->gen_server->module)
        return child->gen_server->module;
    if (child->gen_server && child->gen_server->name)
        return child->gen_server->name;
    if (child->supervisor && child->supervisor->name)
        return child->supervisor->name;
    return NULL;
}

cop_atom cop__child_module(const cop_child *child)
{
    const char *module = own_module(child);

    if (!module)
        module = child->name;
    if (!module)
        module = child->gen_server ? "gen_server" : child->supervisor ? "supervisor" : "process";
    return cop_atom_new(module);
}

/* none: there is none, and it is missing */
static cop_term id_of(const cop_child *child, bool simple)
{
    if (!cop_is_none(child->id))
        return child->id;
    const char *name = child->name ? child->name : own_module(child);

    if (!name && !simple)
        return COP_NONE;
    return cop_from_atom(cop_atom_new(name ? name : "undefined"));
}

/* The name a child is registered under; index 0: none. Children of a simple_one_for_one
 * supervisor cannot all have the same. */
static cop_atom registered_of(const cop_child *child, bool simple)
{
    const char *name = child->name;

    if (simple || child->anonymous || child->start)
        return (cop_atom){ 0 };
    if (!name && child->gen_server)
        name = child->gen_server->name;
    if (!name && child->supervisor)
        name = child->supervisor->name;
    return name ? cop_atom_new(name) : (cop_atom){ 0 };
}

static int64_t shutdown_of(const cop_child *child)
{
    if (child->shutdown_ms == 0)
        return child->supervisor || child->type_supervisor ? COP_INFINITY : 5000;
    return child->shutdown_ms == COP_AT_ONCE ? 0 : child->shutdown_ms;
}

/* The argument list; that of a template without an argument is empty (SUP-80). */
static bool args_of(cop_term *ret_args, const cop_child *child, bool simple, cop_term *ret_error)
{
    cop_term arg = child->arg_term;
    struct cop_parse_error error;

    if (cop_is_none(arg) && child->arg) {
        if (cop_parse(&arg, (cop_bytes){ child->arg, strlen(child->arg) }, &error) < 0) {
            *ret_error = cop("{invalid_arg, Text, {syntax, Line, Column, Message}}",
                cop_text(child->arg), error.line, error.column, cop_text(error.message));
            return false;
        }
    } else if (cop_is_none(arg)) {
        *ret_args = simple ? cop_nil() : cop_cons(cop_nil(), cop_nil());
        return true;
    }
    *ret_args = cop_cons(arg, cop_nil());
    return true;
}

/* --- A struct becomes a specification
 * -------------------------------------------------------------- */

static bool in_order(const cop_child *child, const struct cop__spec_rules *rules)
{
    bool never = rules->auto_shutdown == COP_NEVER && !rules->any_auto_shutdown;

    return count_starts(child) == 1 && child->restart >= COP_PERMANENT &&
           child->restart <= COP_TEMPORARY &&
           !(child->significant && (never || child->restart == COP_PERMANENT)) &&
           (child->shutdown_ms >= COP_BRUTAL_KILL || child->shutdown_ms == COP_AT_ONCE);
}

bool cop__spec_from_struct(struct cop__spec *ret_spec, cop_term *ret_args, const cop_child *child,
    const struct cop__spec_rules *rules, cop_term *ret_error)
{
    cop_term id = id_of(child, rules->simple);

    if (cop_is_none(id) || !in_order(child, rules)) {
        cop_term map;

        return cop__spec_struct_to_map(&map, child, rules->simple, ret_error) &&
               cop__spec_from_term(ret_spec, ret_args, map, rules, ret_error);
    }
    if (!args_of(ret_args, child, rules->simple, ret_error))
        return false;
    *ret_spec = (struct cop__spec){
        .id = id,
        .code = cop__entry_of_child(child, cop__child_module(child)),
        .name = registered_of(child, rules->simple),
        .restart = child->restart,
        .shutdown_ms = shutdown_of(child),
        .supervisor = child->supervisor || child->type_supervisor,
        .significant = child->significant,
    };
    return true;
}

struct cop__spec *cop__spec_keep(const struct cop__spec *spec)
{
    struct cop__spec *kept = cop_alloc(sizeof(*kept));

    *kept = *spec;
    kept->id = kept->modules = COP_NONE;
    cop_keep(&kept->id, spec->id);
    if (!cop_is_none(spec->modules))
        cop_keep(&kept->modules, spec->modules);
    return kept;
}

void cop__spec_free(struct cop__spec *spec)
{
    cop_keep_clear(&spec->id);
    cop_keep_clear(&spec->modules);
    cop_free(spec);
}

/* --- How a specification reads in Erlang
 * -------------------------------------------------------------- */

static cop_term restart_term(enum cop_restart restart)
{
    switch (restart) {
    case COP_PERMANENT:
        return cop("permanent");
    case COP_TRANSIENT:
        return cop("transient");
    case COP_TEMPORARY:
        return cop("temporary");
    }
    return cop_int((int64_t)restart);
}

static cop_term shutdown_term(int64_t shutdown_ms)
{
    if (shutdown_ms == COP_INFINITY)
        return cop("infinity");
    return shutdown_ms == COP_BRUTAL_KILL ? cop("brutal_kill") : cop_int(shutdown_ms);
}

cop_term cop__spec_restart(const struct cop__spec *spec)
{
    return restart_term(spec->restart);
}

cop_term cop__spec_shutdown(const struct cop__spec *spec)
{
    return shutdown_term(spec->shutdown_ms);
}

cop_term cop__spec_type(const struct cop__spec *spec)
{
    return spec->supervisor ? cop("supervisor") : cop("worker");
}

cop_term cop__spec_modules(const struct cop__spec *spec)
{
    if (!cop_is_none(spec->modules))
        return spec->modules;
    return cop_cons(cop_from_atom(spec->code->module), cop_nil());
}

cop_term cop__spec_mfargs(const struct cop__spec *spec, cop_term args)
{
    return cop("{M, F, Args}", spec->code->module, cop__entry_function(spec->code),
        cop_is_none(args) ? cop("undefined") : args);
}

cop_term cop__spec_to_map(const struct cop__spec *spec, cop_term args)
{
    return cop(
        "#{id => Id, start => Start, restart => Restart, shutdown => Shutdown, type => Type, "
        "modules => Modules, significant => Significant}",
        spec->id, cop__spec_mfargs(spec, args), cop__spec_restart(spec), cop__spec_shutdown(spec),
        cop__spec_type(spec), cop__spec_modules(spec), cop_bool(spec->significant));
}

bool cop__spec_struct_to_map(
    cop_term *ret_map, const cop_child *child, bool simple, cop_term *ret_error)
{
    cop_term id = id_of(child, simple), args, map;
    cop_atom name = registered_of(child, simple);

    if (!args_of(&args, child, simple, ret_error))
        return false;
    map = cop("#{restart => R, shutdown => S, type => T, significant => B}",
        restart_term(child->restart), shutdown_term(shutdown_of(child)),
        child->supervisor || child->type_supervisor ? cop("supervisor") : cop("worker"),
        cop_bool(child->significant));
    if (!cop_is_none(id))
        map = cop_map_put(map, cop("id"), id);
    if (name.index)
        map = cop_map_put(map, cop("name"), cop_from_atom(name));
    if (count_starts(child) == 1) {
        const struct cop__entry *code = cop__entry_of_child(child, cop__child_module(child));

        map = cop_map_put(map, cop("code"), cop_int(code->index));
        map = cop_map_put(
            map, cop("start"), cop("{M, F, Args}", code->module, cop__entry_function(code), args));
    } else if (count_starts(child) > 1) {
        map = cop_map_put(map, cop("start"), cop("more_than_one"));
    }
    *ret_map = map;
    return true;
}
