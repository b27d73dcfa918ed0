/* SPDX-License-Identifier: Apache-2.0 */
/* How a supervisor comes to be, and how it takes a new shape: SUP-01 to SUP-21, SUP-78, SUP-79,
 * SUP-95. Layer 5. All of the tree is checked before anything is started. */
#include "otp/hooks.h"
#include "supervisor_int.h"

/* --- Flags
 * ---------------------------------------------------------------------------------------- */

bool cop__flags_check(const cop_supervisor *flags, cop_term *ret_error)
{
    bool simple = flags->strategy == COP_SIMPLE_ONE_FOR_ONE;

    if (flags->strategy < COP_ONE_FOR_ONE || flags->strategy > COP_SIMPLE_ONE_FOR_ONE)
        *ret_error = cop("{invalid_strategy, X}", cop_int((int64_t)flags->strategy));
    else if (flags->intensity < COP_NO_RESTARTS)
        *ret_error = cop("{invalid_intensity, X}", flags->intensity);
    else if (flags->period_s < 0)
        *ret_error = cop("{invalid_period, X}", flags->period_s);
    else if (!cop__backoff_check(&flags->backoff, ret_error))
        return false;
    else if (flags->auto_shutdown < COP_NEVER || flags->auto_shutdown > COP_ALL_SIGNIFICANT)
        *ret_error = cop("{invalid_auto_shutdown, X}", cop_int((int64_t)flags->auto_shutdown));
    else if (simple && flags->auto_shutdown != COP_NEVER)
        *ret_error = cop("{bad_combination, [{auto_shutdown, A}, {strategy, simple_one_for_one}]}",
            flags->auto_shutdown == COP_ANY_SIGNIFICANT ? cop("any_significant")
                                                        : cop("all_significant"));
    else
        return true;
    return false;
}

static void take_flags(struct cop__sup *sup, const cop_supervisor *flags)
{
    int intensity = flags->intensity ? flags->intensity : 1;

    sup->strategy = flags->strategy;
    sup->auto_shutdown = flags->auto_shutdown;
    sup->intensity.intensity = intensity == COP_NO_RESTARTS ? 0 : (uint32_t)intensity;
    sup->intensity.period_s = flags->period_s ? (uint32_t)flags->period_s : 5;
    sup->children.simple = sup->strategy == COP_SIMPLE_ONE_FOR_ONE;
    cop__backoff_take(sup, &flags->backoff);
}

/* --- Specifications
 * --------------------------------------------------------------------------------- */

/* The tree as it is to be now; false: ignore. */
static bool read_tree(
    struct cop__sup *sup, cop_supervisor *ret_flags, const cop_child **ret_children)
{
    cop_child *computed = NULL;

    *ret_flags = *sup->tree;
    if (sup->tree->init && !sup->tree->init(ret_flags, &computed, sup->arg))
        return false;
    *ret_children = computed ? computed : ret_flags->children;
    return true;
}

static size_t count_children(const cop_child *children)
{
    size_t count = 0;

    while (children && !cop__child_is_end(&children[count]))
        count++;
    return count;
}

/* {bad_start_spec, Specs} */
static bool fail_template(const cop_child *children, size_t count, cop_term *ret_error)
{
    cop_term specs = cop_nil(), map;

    for (size_t i = count; i > 0; i--) {
        if (!cop__spec_struct_to_map(&map, &children[i - 1], true, ret_error))
            return false;
        specs = cop_cons(map, specs);
    }
    *ret_error = cop("{bad_start_spec, Specs}", specs);
    return false;
}

static bool take_template(struct cop__sup *sup, const cop_child *children, cop_term *ret_error)
{
    const struct cop__spec_rules rules = { .any_auto_shutdown = true, .simple = true };
    struct cop__spec spec, *kept;
    size_t count = count_children(children);
    cop_term args, error;

    if (count != 1)
        return fail_template(children, count, ret_error);
    if (!cop__spec_from_struct(&spec, &args, children, &rules, &error)) {
        *ret_error = cop("{start_spec, Error}", error);
        return false;
    }
    kept = cop__spec_keep(&spec);
    if (sup->template_spec) {
        /* the children of now share the template: it changes in its place */
        struct cop__spec old = *sup->template_spec;

        *sup->template_spec = *kept;
        *kept = old;
        cop__spec_free(kept);
    } else {
        sup->template_spec = kept;
    }
    cop_keep(&sup->template_args, args);
    return true;
}

/* Into an empty table, in order, none of them started. */
static bool take_children(struct cop__children *table, const cop_child *children,
    enum cop_auto_shutdown auto_shutdown, cop_term *ret_error)
{
    const struct cop__spec_rules rules = { .auto_shutdown = auto_shutdown };
    struct cop__spec spec;
    cop_term args, error;

    for (const cop_child *child = children; child && !cop__child_is_end(child); child++) {
        if (!cop__spec_from_struct(&spec, &args, child, &rules, &error)) {
            *ret_error = cop("{start_spec, Error}", error);
            return false;
        }
        if (cop__children_by_id(table, spec.id)) {
            *ret_error = cop("{start_spec, {duplicate_child_name, Id}}", spec.id);
            return false;
        }
        cop__children_add(table, cop__spec_keep(&spec), args);
    }
    return true;
}

/* --- The start
 * ---------------------------------------------------------------------------------------- */

static cop_step start_children(struct cop__sup *sup)
{
    struct cop__child *failed;
    cop_term reason;

    if (cop__start_from(sup, sup->children.first, &failed, &reason))
        return cop_ok(.hibernate = true);
    cop__stop_all(sup);
    return cop_stop(
        cop("{shutdown, {failed_to_start_child, Id, Reason}}", failed->spec->id, reason));
}

cop_step cop__supervisor_init(void *state, cop_term message)
{
    struct cop__sup *sup = state;
    const cop_child *children;
    cop_supervisor flags;
    cop_term arg, error;
    uint64_t tree;
    cop_atom name;

    cop__never_waits(); /* its children depend on it, whoever it casts to */
    cop_must(cop_to_uint(&tree, cop_tuple_at(message, 0)));
    cop_must(cop_match(message, "{_, Name, Root, Arg}", &name, &sup->root, &arg));
    sup->tree = (const cop_supervisor *)(uintptr_t)tree;
    if (!cop_match(cop_from_atom(name), "undefined"))
        sup->name = name;
    sup->module = cop_atom_new(sup->tree->name ? sup->tree->name : "supervisor");
    cop_keep(&sup->arg, arg);
    if (!read_tree(sup, &flags, &children))
        return cop_ignore();
    if (!cop__flags_check(&flags, &error))
        return cop_stop(cop("{supervisor_data, Error}", error));
    take_flags(sup, &flags);
    if (sup->strategy == COP_SIMPLE_ONE_FOR_ONE)
        return take_template(sup, children, &error) ? cop_ok() : cop_stop(error);
    if (!take_children(&sup->children, children, sup->auto_shutdown, &error))
        return cop_stop(error);
    return start_children(sup);
}

/* --- A change of code
 * ----------------------------------------------------------------------------------- */

/* A child of now goes on under the new specification of its id; others go on as they were. */
static void merge_children(struct cop__sup *sup, struct cop__children *fresh)
{
    while (fresh->first) {
        struct cop__child *new = fresh->first;
        struct cop__child *old = cop__children_by_id(&sup->children, new->spec->id);
        struct cop__spec *spec = cop__spec_keep(new->spec);

        if (old) {
            bool forget = spec->restart == COP_TEMPORARY && old->state != COP__CHILD_UNDEFINED;

            cop__child_set_spec(old, spec, forget ? COP_NONE : new->args);
            cop__children_move_last(&sup->children, old);
        } else {
            cop__children_add(&sup->children, spec, new->args);
        }
        cop__children_remove(fresh, new);
    }
}

cop_step cop__supervisor_code_change(void *state, cop_term message)
{
    struct cop__sup *sup = state;
    struct cop__children fresh = { .first = NULL };
    const cop_child *children;
    cop_supervisor flags;
    cop_term error;

    (void)message;
    if (!read_tree(sup, &flags, &children))
        return cop_ok();
    if (!cop__flags_check(&flags, &error))
        return cop_init_error(error);
    /* the children of one kind cannot become those of the other */
    if ((flags.strategy == COP_SIMPLE_ONE_FOR_ONE) != sup->children.simple)
        return cop_init_error(cop("{invalid_strategy, X}", cop_int((int64_t)flags.strategy)));
    if (sup->children.simple) {
        if (!take_template(sup, children, &error))
            return cop_init_error(error);
    } else {
        bool taken = take_children(&fresh, children, flags.auto_shutdown, &error);

        if (taken)
            merge_children(sup, &fresh);
        while (fresh.first)
            cop__children_remove(&fresh, fresh.first);
        cop_free(fresh.by_id);
        if (!taken)
            return cop_init_error(error);
    }
    take_flags(sup, &flags);
    return cop_ok();
}
