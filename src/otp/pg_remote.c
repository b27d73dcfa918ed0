/* SPDX-License-Identifier: Apache-2.0 */
/* What the scopes of one name on several nodes say to each other, as OTP's pg does (PG-07, D-122 to
 * D-127). Layer 5.
 *
 * A scope speaks for the processes of its own node only, and is believed for these only. Each side
 * monitors the other's scope; its end is the end of its members here. */
#include "base/bug.h"
#include "otp/pg_int.h"

static struct pg_remote *find(const struct scope *scope, cop_pid pid)
{
    struct pg_remote *remote = scope->remotes;

    while (remote && !(remote->pid.id == pid.id && remote->pid.node == pid.node))
        remote = remote->next;
    return remote;
}

static void add(struct scope *scope, cop_pid pid)
{
    struct pg_remote *remote = cop_alloc(sizeof *remote);

    *remote = (struct pg_remote){ .next = scope->remotes, .pid = pid, .monitor = cop_monitor(pid) };
    scope->remotes = remote;
}

void cop__pg_broadcast(const struct scope *scope, cop_term message)
{
    for (const struct pg_remote *remote = scope->remotes; remote; remote = remote->next)
        cop_send_flags(cop_dest_pid(remote->pid), message, COP_NOCONNECT);
}

void cop__pg_discover(const struct scope *scope, cop_atom node)
{
    cop_send_flags(cop_dest_term(cop("{Name, Node}", scope->name, node)),
        cop("{discover, Self}", cop_self()), COP_NOCONNECT);
}

void cop__pg_discover_all(const struct scope *scope)
{
    cop_term node, nodes = cop_nodes();
    cop_atom atom;

    while (cop_list_next(&node, &nodes))
        if (cop_to_atom(&atom, node))
            cop__pg_discover(scope, atom);
}

/* [{Group, [Pid]}] of this node. */
static cop_term local_groups(const struct scope *scope)
{
    cop_term list = cop_nil();
    size_t position = 0;

    for (struct pg_group *group = NULL;
         (group = cop__pg_next(&scope->groups, &position, group)) != NULL;)
        if (cop__pg_has_local(group))
            list = cop_cons(
                cop("{Group, Pids}", cop_copy(group->name), cop__pg_members_term(group, true)),
                list);
    return list;
}

/* D-122: answered with all of ours, and with a question to whom we did not know. */
static void discovered(struct scope *scope, cop_pid peer)
{
    cop_cast(peer, cop("{sync, Self, Groups}", cop_self(), local_groups(scope)));
    if (find(scope, peer))
        return;
    add(scope, peer);
    cop_send(peer, cop("{discover, Self}", cop_self()));
}

/* --- What a remote scope says of its members
 * ------------------------------------------------------- */

static void joined(struct scope *scope, cop_pid peer, cop_term group, cop_term pids)
{
    cop_term told = cop_nil(), item;
    cop_pid pid;

    for (cop_term rest = cop__pg_as_list(pids); cop_list_next(&item, &rest);)
        if (cop_to_pid(&pid, item) && pid.node == peer.node) {
            cop__pg_join(&scope->groups, group, pid);
            told = cop_cons(item, told);
        }
    if (cop_type_of(told) != COP_TYPE_NIL)
        cop__pg_notify(scope, "join", group, told);
}

static void left(struct scope *scope, cop_pid peer, cop_term group, cop_term pids)
{
    cop_term told = cop_nil(), item;
    cop_pid pid;

    for (cop_term rest = cop__pg_as_list(pids); cop_list_next(&item, &rest);)
        if (cop_to_pid(&pid, item) && pid.node == peer.node &&
            cop__pg_leave(&scope->groups, group, pid))
            told = cop_cons(item, told);
    if (cop_type_of(told) != COP_TYPE_NIL)
        cop__pg_notify(scope, "leave", group, told);
}

/* How often each {Group, Pid} is there: as a map. */
static cop_term counted(cop_term map, cop_term group, cop_pid pid)
{
    cop_term key = cop("{Group, Pid}", group, pid), count;
    int64_t times = 0;

    if (cop_map_get(&count, map, key))
        cop_to_int(&times, count);
    return cop_map_put(map, key, cop_int(times + 1));
}

static cop_term members_now(const struct scope *scope, cop_pid peer)
{
    cop_term map = cop_map_new();
    size_t position = 0;

    for (struct pg_group *group = NULL;
         (group = cop__pg_next(&scope->groups, &position, group)) != NULL;)
        for (size_t i = 0; i < group->count; i++)
            if (group->members[i].node == peer.node)
                map = counted(map, cop_copy(group->name), group->members[i]);
    return map;
}

static cop_term members_said(cop_pid peer, cop_term groups)
{
    cop_term map = cop_map_new(), entry, group, pids, item;
    cop_pid pid;

    while (cop_list_next(&entry, &groups))
        if (cop_match(entry, "{Group, Pids}", &group, &pids))
            for (cop_term rest = pids; cop_list_next(&item, &rest);)
                if (cop_to_pid(&pid, item) && pid.node == peer.node)
                    map = counted(map, group, pid);
    return map;
}

/* Whatever is more often in `more` than in `less` is done once for each time. */
static void differences(struct scope *scope, cop_pid peer, cop_term more, cop_term less,
    void (*act)(struct scope *scope, cop_pid peer, cop_term group, cop_term pids))
{
    cop_term key, value, other;

    for (cop_map_iterator i = cop_map_begin(more); cop_map_next(&key, &value, &i);) {
        int64_t times = 0, already = 0;

        cop_to_int(&times, value);
        if (cop_map_get(&other, less, key))
            cop_to_int(&already, other);
        for (; already < times; already++)
            act(scope, peer, cop_tuple_at(key, 0), cop_tuple_at(key, 1));
    }
}

/* D-124: what was known of that node is replaced. */
static void synced(struct scope *scope, cop_pid peer, cop_term groups)
{
    cop_term now, said;

    if (!find(scope, peer))
        add(scope, peer);
    now = members_now(scope, peer);
    said = members_said(peer, groups);
    differences(scope, peer, said, now, joined);
    differences(scope, peer, now, said, left);
}

bool cop__pg_remote_cast(struct scope *scope, cop_term message)
{
    cop_term groups;
    cop_pid peer;

    if (!cop_match(message, "{sync, Peer, Groups}", &peer, &groups) || !peer.node)
        return false;
    synced(scope, peer, groups);
    return true;
}

bool cop__pg_remote_message(struct scope *scope, cop_term message)
{
    cop_term group, groups, pids;
    cop_pid peer;

    if (cop_match(message, "{discover, Peer}", &peer) ||
        cop_match(message, "{discover, Peer, _}", &peer)) {
        discovered(scope, peer);
        return true;
    }
    if (cop_match(message, "{join, Peer, Group, Pids}", &peer, &group, &pids)) {
        if (find(scope, peer))
            joined(scope, peer, group, pids);
        return true;
    }
    if (cop_match(message, "{leave, Peer, Pids, Groups}", &peer, &pids, &groups)) {
        while (find(scope, peer) && cop_list_next(&group, &groups))
            left(scope, peer, group, pids);
        return true;
    }
    return false;
}

bool cop__pg_remote_down(struct scope *scope, cop_ref monitor)
{
    for (struct pg_remote **place = &scope->remotes; *place; place = &(*place)->next) {
        struct pg_remote *remote = *place;

        if (remote->monitor.id != monitor.id)
            continue;
        *place = remote->next;
        if (!cop__bug(lost_member))
            differences(scope, remote->pid, members_now(scope, remote->pid), cop_map_new(), left);
        cop_free(remote);
        return true;
    }
    return false;
}
