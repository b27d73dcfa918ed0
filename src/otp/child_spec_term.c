/* SPDX-License-Identifier: Apache-2.0 */
/* Child specifications as Erlang writes them: a map or the 6-tuple, checked in OTP's order with
 * OTP's errors (SUP-07 to SUP-11). Layer 5.
 *
 * {M, F, Args} cannot name a C function. M is looked up among the code that some supervisor of
 * this node has listed (start_code.c); what is not there is an {invalid_mfa, _}. The key `code`,
 * which the C client adds, names the entry exactly, and `name` says what to register it as. */
#include "supervisor_int.h"

struct reading {
    struct cop__spec *spec;
    cop_term *args;
    cop_term fields; /* the map */
    const struct cop__spec_rules *rules;
    cop_term *error;
};

static cop_term field(const struct reading *r, const char *key)
{
    cop_term value;

    return cop_map_get(&value, r->fields, cop_from_atom(cop_atom_new(key))) ? value : COP_NONE;
}

static bool fail(const struct reading *r, const char *what, cop_term value)
{
    *r->error = cop("{What, Value}", cop_atom_new(what), value);
    return false;
}

static bool read_id(struct reading *r)
{
    r->spec->id = field(r, "id");
    if (cop_is_none(r->spec->id) && r->rules->simple)
        r->spec->id = cop("undefined");
    if (cop_is_none(r->spec->id)) {
        *r->error = cop("missing_id");
        return false;
    }
    return true;
}

static const struct cop__entry *find_code(const struct reading *r, cop_atom module)
{
    int64_t index;

    if (!cop_to_int(&index, field(r, "code")))
        return cop__entry_of_module(module);
    const struct cop__entry *code = cop__entry_at(index);

    return code && code->kind != COP__ENTRY_APPLICATION ? code : NULL;
}

/* What get_childspec shows has no name; a gen_server or supervisor then uses its own. */
static cop_atom find_name(const struct reading *r, const struct cop__entry *code)
{
    cop_atom name = { 0 };
    const char *own = NULL;

    if (r->rules->simple || cop_to_atom(&name, field(r, "name")))
        return name;
    if (!cop_is_none(field(r, "code")))
        return name;
    if (code->kind == COP__ENTRY_GEN_SERVER)
        own = ((const cop_gen_server *)code->object)->name;
    if (code->kind == COP__ENTRY_SUPERVISOR)
        own = ((const cop_supervisor *)code->object)->name;
    return own ? cop_atom_new(own) : name;
}

static bool read_start(struct reading *r)
{
    cop_term start = field(r, "start");
    cop_atom module, function;

    if (cop_is_none(start)) {
        *r->error = cop("missing_start");
        return false;
    }
    if (!cop_match(start, "{Module, Function, Args}", &module, &function, r->args) ||
        !cop_is_proper_list(*r->args))
        return fail(r, "invalid_mfa", start);
    r->spec->code = find_code(r, module);
    if (!r->spec->code)
        return fail(r, "invalid_mfa", start);
    r->spec->name = find_name(r, r->spec->code);
    return true;
}

static bool read_restart(struct reading *r)
{
    cop_term restart = field(r, "restart");

    if (cop_is_none(restart) || cop_match(restart, "permanent"))
        r->spec->restart = COP_PERMANENT;
    else if (cop_match(restart, "transient"))
        r->spec->restart = COP_TRANSIENT;
    else if (cop_match(restart, "temporary"))
        r->spec->restart = COP_TEMPORARY;
    else
        return fail(r, "invalid_restart_type", restart);
    return true;
}

static bool read_significant(struct reading *r)
{
    cop_term significant = field(r, "significant");

    if (cop_is_none(significant))
        return true;
    if (!cop_to_bool(&r->spec->significant, significant))
        return fail(r, "invalid_significant", significant);
    if (!r->spec->significant)
        return true;
    if (!r->rules->any_auto_shutdown && r->rules->auto_shutdown == COP_NEVER) {
        *r->error = cop("{bad_combination, [{auto_shutdown, never}, {significant, true}]}");
        return false;
    }
    if (r->spec->restart == COP_PERMANENT) {
        *r->error = cop("{bad_combination, [{restart, permanent}, {significant, true}]}");
        return false;
    }
    return true;
}

static bool read_type(struct reading *r)
{
    cop_term type = field(r, "type");

    r->spec->supervisor = !cop_is_none(type) && cop_match(type, "supervisor");
    if (r->spec->supervisor || cop_is_none(type) || cop_match(type, "worker"))
        return true;
    return fail(r, "invalid_child_type", type);
}

static bool read_shutdown(struct reading *r)
{
    cop_term shutdown = field(r, "shutdown");

    if (cop_is_none(shutdown))
        r->spec->shutdown_ms = r->spec->supervisor ? COP_INFINITY : 5000;
    else if (cop_match(shutdown, "infinity"))
        r->spec->shutdown_ms = COP_INFINITY;
    else if (cop_match(shutdown, "brutal_kill"))
        r->spec->shutdown_ms = COP_BRUTAL_KILL;
    else if (!cop_to_int(&r->spec->shutdown_ms, shutdown) || r->spec->shutdown_ms < 0)
        return fail(r, "invalid_shutdown", shutdown);
    return true;
}

static bool read_modules(struct reading *r)
{
    cop_term modules = field(r, "modules"), module, rest = modules;

    if (cop_is_none(modules))
        return true;
    if (!cop_match(modules, "dynamic") && !cop_is_proper_list(modules))
        return fail(r, "invalid_modules", modules);
    if (cop_is_proper_list(modules))
        while (cop_list_next(&module, &rest))
            if (cop_type_of(module) != COP_TYPE_ATOM)
                return fail(r, "invalid_module", module);
    r->spec->modules = modules;
    return true;
}

/* The six of the legacy form, as the map they stand for; none: spec is neither. */
static cop_term as_map(cop_term spec)
{
    cop_term id, start, restart, shutdown, type, modules;

    if (cop_type_of(spec) == COP_TYPE_MAP)
        return spec;
    if (!cop_match(spec, "{Id, Start, Restart, Shutdown, Type, Modules}", &id, &start, &restart,
            &shutdown, &type, &modules))
        return COP_NONE;
    return cop(
        "#{id => Id, start => Start, restart => Restart, shutdown => Shutdown, type => Type, "
        "modules => Modules}",
        id, start, restart, shutdown, type, modules);
}

bool cop__spec_from_term(struct cop__spec *ret_spec, cop_term *ret_args, cop_term spec,
    const struct cop__spec_rules *rules, cop_term *ret_error)
{
    struct cop__spec read = { .id = COP_NONE };
    cop_term args = COP_NONE;
    struct reading r = { &read, &args, as_map(spec), rules, ret_error };

    if (cop_is_none(r.fields))
        return fail(&r, "invalid_child_spec", spec);
    if (!read_id(&r) || !read_start(&r) || !read_restart(&r) || !read_significant(&r) ||
        !read_type(&r) || !read_shutdown(&r) || !read_modules(&r))
        return false;
    *ret_spec = read;
    *ret_args = args;
    return true;
}
