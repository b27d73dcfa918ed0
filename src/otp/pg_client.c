/* SPDX-License-Identifier: Apache-2.0 */
/* What processes ask a scope of process groups. Layer 5. */
#include <coppice/pg.h>

static cop_term ask(const char *scope, cop_term request)
{
    return cop_call(scope, request, .timeout_ms = COP_INFINITY);
}

/* A pid of this node, or a list of such. */
static void check_local(cop_term pids)
{
    cop_term list = cop_type_of(pids) == COP_TYPE_PID ? cop_cons(pids, cop_nil()) : pids, item;
    cop_pid pid;

    if (!cop_is_proper_list(list))
        cop_error(cop("badarg"));
    while (cop_list_next(&item, &list)) {
        if (!cop_to_pid(&pid, item))
            cop_error(cop("badarg"));
        if (pid.node)
            cop_error(cop("{nolocal, Pid}", pid));
    }
}

void cop_pg_join_these(const char *scope, cop_term group, cop_term pids)
{
    check_local(pids);
    ask(scope, cop("{join_local, Group, Pids}", group, pids));
}

bool cop_pg_leave_these(const char *scope, cop_term group, cop_term pids)
{
    check_local(pids);
    return cop_match(ask(scope, cop("{leave_local, Group, Pids}", group, pids)), "ok");
}

cop_term cop_pg_members(const char *scope, cop_term group)
{
    cop_term result;

    return cop_try_call(&result, scope, cop("{members, Group}", group), .timeout_ms = COP_INFINITY)
               ? result
               : cop_nil();
}

cop_term cop_pg_local_members(const char *scope, cop_term group)
{
    cop_term result;

    return cop_try_call(
               &result, scope, cop("{local_members, Group}", group), .timeout_ms = COP_INFINITY)
               ? result
               : cop_nil();
}

static cop_term which_groups(const char *scope, cop_term request)
{
    cop_term result;

    if (!cop_try_call(&result, scope, request, .timeout_ms = COP_INFINITY))
        cop_error(cop("badarg"));
    return result;
}

cop_term cop_pg_which_groups(const char *scope)
{
    return which_groups(scope, cop("groups"));
}

cop_term cop_pg_which_local_groups(const char *scope)
{
    return which_groups(scope, cop("local_groups"));
}

static cop_ref monitor(const char *scope, cop_term request, cop_term *ret)
{
    cop_term there;
    cop_ref ref;

    cop_must(cop_match(ask(scope, request), "{Ref, There}", &ref, &there));
    if (ret)
        *ret = there;
    return ref;
}

cop_ref cop_pg_monitor(const char *scope, cop_term group, cop_term *ret_members)
{
    return monitor(scope, cop("{monitor, Group}", group), ret_members);
}

cop_ref cop_pg_monitor_scope(const char *scope, cop_term *ret_groups)
{
    return monitor(scope, cop("monitor"), ret_groups);
}

bool cop_pg_demonitor(const char *scope, cop_ref monitor)
{
    if (!cop_match(ask(scope, cop("{demonitor, Ref}", monitor)), "ok"))
        return false;
    while (cop_receive_match_within(0, "{Ref, join, _, _}", monitor) ||
           cop_receive_match_within(0, "{Ref, leave, _, _}", monitor))
        ;
    return true;
}
