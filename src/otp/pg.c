/* SPDX-License-Identifier: Apache-2.0 */
/* The server of a scope of process groups. Layer 5.
 *
 * Its requests are those of OTP's pg; members and groups are asked for by requests of our own. Who
 * monitors is told before the request is answered. What scopes of several nodes say to each other
 * is in pg_remote.c. */
#include "otp/pg_int.h"

static cop_step init(void *state, cop_term arg)
{
    struct scope *scope = state;

    cop_to_atom(&scope->name, arg);
    cop_monitor_nodes(true, 0, false);
    cop__pg_discover_all(scope);
    return cop_ok();
}

void cop__pg_notify(const struct scope *scope, const char *what, cop_term group, cop_term pids)
{
    for (const struct watcher *watcher = scope->watchers; watcher; watcher = watcher->next)
        if (cop_is_none(watcher->group) || cop_identical(watcher->group, group))
            cop_send(watcher->pid,
                cop("{Ref, What, Group, Pids}", watcher->ref, cop_atom_new(what), group, pids));
}

cop_term cop__pg_as_list(cop_term pids)
{
    return cop_type_of(pids) == COP_TYPE_PID ? cop_cons(pids, cop_nil()) : pids;
}

static cop_step join(struct scope *scope, cop_term group, cop_term pids)
{
    cop_pid pid;

    pids = cop__pg_as_list(pids);
    if (cop_type_of(pids) == COP_TYPE_NIL)
        return cop_reply(cop("ok"));
    for (cop_term item, rest = pids; cop_list_next(&item, &rest);)
        if (cop_to_pid(&pid, item))
            cop__pg_join(&scope->groups, group, pid);
    cop__pg_notify(scope, "join", group, pids);
    cop__pg_broadcast(scope, cop("{join, Self, Group, Pids}", cop_self(), group, pids));
    return cop_reply(cop("ok"));
}

/* As OTP does, those who are told of it hear of all that were named, if any of them left. */
static cop_step leave(struct scope *scope, cop_term group, cop_term pids)
{
    bool left = false;
    cop_pid pid;

    pids = cop__pg_as_list(pids);
    for (cop_term item, rest = pids; cop_list_next(&item, &rest);)
        if (cop_to_pid(&pid, item))
            left |= cop__pg_leave(&scope->groups, group, pid);
    if (!left)
        return cop_reply(cop("not_joined"));
    cop__pg_notify(scope, "leave", group, pids);
    cop__pg_broadcast(scope, cop("{leave, Self, Pids, [Group]}", cop_self(), pids, group));
    return cop_reply(cop("ok"));
}

static cop_term all_groups(const struct scope *scope, bool with_members, bool local)
{
    cop_term list = cop_nil(), map = cop_map_new();
    size_t position = 0;

    for (struct pg_group *group = NULL;
         (group = cop__pg_next(&scope->groups, &position, group)) != NULL;)
        if (with_members)
            map = cop_map_put(map, cop_copy(group->name), cop__pg_members_term(group, local));
        else if (!local || cop__pg_has_local(group))
            list = cop_cons(cop_copy(group->name), list);
    return with_members ? map : list;
}

/* group: none for the scope. The process is watched too, so that its end ends this. */
static cop_ref add_watcher(struct scope *scope, cop_pid pid, cop_term group)
{
    struct watcher *watcher = cop_alloc(sizeof *watcher);

    watcher->ref = cop_monitor(pid);
    watcher->pid = pid;
    if (!cop_is_none(group))
        cop_keep(&watcher->group, group);
    watcher->next = scope->watchers;
    scope->watchers = watcher;
    return watcher->ref;
}

static bool remove_watcher(struct scope *scope, cop_ref ref)
{
    for (struct watcher **place = &scope->watchers; *place; place = &(*place)->next) {
        struct watcher *watcher = *place;

        if (watcher->ref.id != ref.id)
            continue;
        *place = watcher->next;
        cop_demonitor_flush(watcher->ref);
        cop_keep_clear(&watcher->group);
        cop_free(watcher);
        return true;
    }
    return false;
}

static cop_step handle_call(void *state, cop_term request)
{
    struct scope *scope = state;
    cop_term group, pids;
    cop_pid from;
    cop_ref ref;

    if (cop_match(request, "{join_local, Group, Pids}", &group, &pids))
        return join(scope, group, pids);
    if (cop_match(request, "{leave_local, Group, Pids}", &group, &pids))
        return leave(scope, group, pids);
    if (cop_match(request, "{members, Group}", &group))
        return cop_reply(cop__pg_members_term(cop__pg_group(&scope->groups, group), false));
    if (cop_match(request, "{local_members, Group}", &group))
        return cop_reply(cop__pg_members_term(cop__pg_group(&scope->groups, group), true));
    if (cop_match(request, "groups"))
        return cop_reply(all_groups(scope, false, false));
    if (cop_match(request, "local_groups"))
        return cop_reply(all_groups(scope, false, true));
    if (cop_match(request, "{demonitor, Ref}", &ref))
        return cop_reply(remove_watcher(scope, ref) ? cop("ok") : cop("false"));
    if (!cop_match(cop_caller(), "{From, _}", &from))
        return cop_unhandled(request);
    if (cop_match(request, "monitor"))
        return cop_reply(cop(
            "{Ref, Groups}", add_watcher(scope, from, COP_NONE), all_groups(scope, true, false)));
    if (cop_match(request, "{monitor, Group}", &group))
        return cop_reply(cop("{Ref, Pids}", add_watcher(scope, from, group),
            cop__pg_members_term(cop__pg_group(&scope->groups, group), false)));
    return cop_unhandled(request);
}

/* A member has ended: it leaves its groups one by one, so often as it was in each. */
static void member_ended(struct scope *scope, cop_pid pid)
{
    struct pg_member *member = cop__pg_member(&scope->groups, pid);
    cop_term left = cop_nil();

    for (size_t i = 0; i < member->count; i++)
        left = cop_cons(cop_copy(member->groups[i]->name), left);
    while ((member = cop__pg_member(&scope->groups, pid)) != NULL) {
        cop_term group = cop_copy(member->groups[member->count - 1]->name);

        cop__pg_leave(&scope->groups, group, pid);
        cop__pg_notify(scope, "leave", group, cop_cons(cop_from_pid(pid), cop_nil()));
    }
    cop__pg_broadcast(scope, cop("{leave, Self, Pid, Groups}", cop_self(), pid, left));
}

static cop_step handle_cast(void *state, cop_term message)
{
    if (!cop__pg_remote_cast(state, message))
        cop_error(cop("badarg"));
    return cop_noreply();
}

static cop_step handle_info(void *state, cop_term message)
{
    struct scope *scope = state;
    struct pg_member *member;
    cop_atom node;
    cop_ref ref;
    cop_pid pid;

    if (cop__pg_remote_message(scope, message))
        return cop_noreply();
    if (cop_match(message, "{nodeup, Node}", &node)) {
        cop__pg_discover(scope, node);
        return cop_noreply();
    }
    if (cop_match(message, "{nodedown, _}"))
        return cop_noreply();
    if (!cop_match(message, "{'DOWN', Ref, process, Pid, _}", &ref, &pid))
        cop_error(cop("badarg")); /* PG-09 */
    member = cop__pg_member(&scope->groups, pid);
    if (member && member->monitor.id == ref.id)
        member_ended(scope, pid);
    else if (!cop__pg_remote_down(scope, ref))
        remove_watcher(scope, ref);
    return cop_noreply();
}

static const cop_gen_server pg = {
    .module = "pg",
    .state_size = sizeof(struct scope),
    .init = init,
    .handle_call = handle_call,
    .handle_cast = handle_cast,
    .handle_info = handle_info,
};

static int start(cop_pid *ret_pid, cop_atom scope, bool link, cop_term *ret_error)
{
    const struct cop_gen_options options = { .name = cop_dest_atom(scope) };

    return cop_gen_server_start_with(
        ret_pid, NULL, &pg, cop_from_atom(scope), link, &options, ret_error);
}

int cop_pg_start_link(cop_pid *ret_pid, const char *scope, cop_term *ret_error)
{
    return start(ret_pid, cop_atom_new(scope), true, ret_error);
}

int cop_pg_start(cop_pid *ret_pid, const char *scope, cop_term *ret_error)
{
    return start(ret_pid, cop_atom_new(scope), false, ret_error);
}

cop_child_start cop_pg_start_child(cop_term arg, const void *unused)
{
    cop_term reason = COP_NONE;
    cop_pid pid = { 0, 0 };
    cop_atom scope;
    int error;

    (void)unused;
    if (!cop_to_atom(&scope, arg))
        return cop_child_started(-COP_EBADARG, pid, cop("{badarg, Arg}", arg));
    error = start(&pid, scope, true, &reason);
    return cop_child_started(error, pid, reason);
}
