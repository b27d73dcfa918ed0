/* SPDX-License-Identifier: Apache-2.0 */
/* What other processes ask of a supervisor. Layer 5: calls without a time limit (SUP-70), and
 * Erlang's {ok, _} and {error, _} as C results. */
#include "supervisor_int.h"

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

/* What an {error, Reason} is that the supervisor itself says; any other is of `other`. */
static int code_of(cop_term reason, int other)
{
    if (cop_match(reason, "already_present") || cop_match(reason, "{already_started, _}"))
        return -COP_EALREADY;
    if (cop_match(reason, "not_found"))
        return -COP_ENOTFOUND;
    if (cop_match(reason, "running") || cop_match(reason, "restarting"))
        return -EBUSY;
    if (cop_match(reason, "simple_one_for_one"))
        return -COP_EBADARG;
    return other;
}

/* {ok, Child} | {ok, Child, Info} | {error, Reason}; Child may be undefined, which is pid 0. */
static int started(cop_pid *ret_pid, cop_term reply, int other, cop_term *ret_error)
{
    cop_pid pid = { 0, 0 };
    cop_term reason;

    if (cop_match(reply, "{error, Reason}", &reason))
        return give(code_of(reason, other), reason, ret_error);
    (void)cop_to_pid(&pid, cop_tuple_at(reply, 1));
    if (ret_pid)
        *ret_pid = pid;
    return 0;
}

static int done(cop_term reply, cop_term *ret_error)
{
    cop_term reason;

    if (cop_match(reply, "{error, Reason}", &reason))
        return give(code_of(reason, -COP_EBADARG), reason, ret_error);
    return 0;
}

int cop_supervisor_start_child_spec(
    cop_pid *ret_pid, cop_dest supervisor, const cop_child *child, cop_term *ret_error)
{
    cop_term spec, error, reply;

    if (!cop__spec_struct_to_map(&spec, child, false, &error))
        return give(-COP_EBADARG, error, ret_error);
    reply = request(supervisor, cop("{start_child, Spec}", spec));
    /* beside the reason of a start that failed there is the record of the child */
    bool ran = cop_match(reply, "{error, {_, {child, _, _, _, _, _, _, _, _}}}");

    return started(ret_pid, reply, ran ? -COP_EEXIT : -COP_EBADARG, ret_error);
}

int cop_supervisor_start_child_arg(
    cop_pid *ret_pid, cop_dest supervisor, cop_term arg, cop_term *ret_error)
{
    return started(
        ret_pid, request(supervisor, cop("{start_child, [Arg]}", arg)), -COP_EEXIT, ret_error);
}

int cop_supervisor_terminate_child(cop_dest supervisor, cop_term id, cop_term *ret_error)
{
    return done(request(supervisor, cop("{terminate_child, Id}", id)), ret_error);
}

int cop_supervisor_restart_child(
    cop_pid *ret_pid, cop_dest supervisor, cop_term id, cop_term *ret_error)
{
    return started(
        ret_pid, request(supervisor, cop("{restart_child, Id}", id)), -COP_EEXIT, ret_error);
}

int cop_supervisor_delete_child(cop_dest supervisor, cop_term id, cop_term *ret_error)
{
    return done(request(supervisor, cop("{delete_child, Id}", id)), ret_error);
}

cop_term cop_supervisor_which_children(cop_dest supervisor)
{
    return request(supervisor, cop("which_children"));
}

cop_term cop_supervisor_which_child(cop_dest supervisor, cop_term id)
{
    return request(supervisor, cop("{which_child, Id}", id));
}

cop_term cop_supervisor_count_children(cop_dest supervisor)
{
    return request(supervisor, cop("count_children"));
}

cop_term cop_supervisor_get_childspec(cop_dest supervisor, cop_term id)
{
    return request(supervisor, cop("{get_childspec, Id}", id));
}

/* --- Checking without a supervisor: SUP-13
 * ------------------------------------------------------------- */

struct check {
    const cop_child *children; /* or NULL: the rest of a list */
    cop_term rest;
};

/* false: there is no further one; *ret_valid whether the next was right */
static bool check_next(struct check *c, const struct cop__spec_rules *rules, cop_term *ret_id,
    bool *ret_valid, cop_term *ret_error)
{
    struct cop__spec spec;
    cop_term args, item;

    if (c->children) {
        if (cop__child_is_end(c->children))
            return false;
        *ret_valid = cop__spec_from_struct(&spec, &args, c->children++, rules, ret_error);
    } else {
        if (!cop_list_next(&item, &c->rest))
            return false;
        *ret_valid = cop__spec_from_term(&spec, &args, item, rules, ret_error);
    }
    if (*ret_valid)
        *ret_id = spec.id;
    return true;
}

static int check_all(struct check c, const struct cop__spec_rules *rules, cop_term *ret_error)
{
    cop_term seen = cop_map_new(), id, error, other;
    bool valid;

    while (check_next(&c, rules, &id, &valid, &error)) {
        if (!valid)
            return give(-COP_EBADARG, error, ret_error);
        if (cop_map_get(&other, seen, id))
            return give(-COP_EBADARG, cop("{duplicate_child_name, Id}", id), ret_error);
        seen = cop_map_put(seen, id, id);
    }
    return 0;
}

int cop_supervisor_check_childspecs(
    const cop_child *children, enum cop_auto_shutdown auto_shutdown, cop_term *ret_error)
{
    const struct cop__spec_rules rules = { .auto_shutdown = auto_shutdown };

    return children ? check_all((struct check){ .children = children }, &rules, ret_error) : 0;
}

int cop_supervisor_check_childspec_terms(
    cop_term specs, cop_term auto_shutdown, cop_term *ret_error)
{
    struct cop__spec_rules rules = { .auto_shutdown = COP_NEVER };

    if (!cop_is_proper_list(specs))
        return give(-COP_EBADARG, cop("{badarg, X}", specs), ret_error);
    if (cop_is_none(auto_shutdown) || cop_match(auto_shutdown, "undefined"))
        rules.any_auto_shutdown = true;
    else if (cop_match(auto_shutdown, "any_significant"))
        rules.auto_shutdown = COP_ANY_SIGNIFICANT;
    else if (cop_match(auto_shutdown, "all_significant"))
        rules.auto_shutdown = COP_ALL_SIGNIFICANT;
    else if (!cop_match(auto_shutdown, "never"))
        return give(-COP_EBADARG, cop("{badarg, {auto_shutdown, X}}", auto_shutdown), ret_error);
    return check_all((struct check){ .rest = specs }, &rules, ret_error);
}
