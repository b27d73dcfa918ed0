/* SPDX-License-Identifier: Apache-2.0 */
/* Destinations, and sending to them (P-16 to P-24). */
#include "proc/proc.h"
#include "term/atoms.h"

#include <string.h>

/* --- Destinations -------------------------------------------------------------------------------------- */

cop_dest cop_dest_pid(cop_pid pid)
{
    return (cop_dest){ .kind = COP_DEST_PID, .pid = pid };
}

cop_dest cop_dest_atom(cop_atom name)
{
    return (cop_dest){ .kind = COP_DEST_NAME, .name = name };
}

cop_dest cop_dest_name(const char *name)
{
    return cop_dest_atom(name ? cop_atom_new(name) : (cop_atom){ 0 });
}

cop_dest cop_dest_alias(cop_ref alias)
{
    return (cop_dest){ .kind = COP_DEST_ALIAS, .alias = alias };
}

cop_dest cop_dest_term(cop_term term)
{
    return (cop_dest){ .kind = COP_DEST_TERM, .term = term };
}

cop_dest cop_name(const char *name, const char *node)
{
    return (cop_dest){ .kind = COP_DEST_REMOTE_NAME, .name = cop_atom_new(name), .node = cop_atom_new(node) };
}

cop_dest cop_via(const cop_via_module *module, cop_term key)
{
    return (cop_dest){ .kind = COP_DEST_VIA, .via = module, .term = key };
}

cop_dest cop__dest_resolve_term(cop_term term)
{
    cop_dest dest = { COP_DEST_NONE };

    if (cop_to_pid(&dest.pid, term))
        dest.kind = COP_DEST_PID;
    else if (cop_to_atom(&dest.name, term))
        dest.kind = COP_DEST_NAME;
    else if (cop_to_ref(&dest.alias, term))
        dest.kind = COP_DEST_ALIAS;
    else if (cop_tuple_size(term) == 2 && cop_to_atom(&dest.name, cop_tuple_at(term, 0)) &&
             cop_to_atom(&dest.node, cop_tuple_at(term, 1)))
        dest.kind = COP_DEST_REMOTE_NAME;
    return dest;
}

static cop_term tuple(cop_term first, cop_term second)
{
    cop_term items[2] = { first, second };

    return cop_tuple_from(items, 2);
}

cop_term cop_dest_show(cop_dest dest)
{
    cop_term items[3];

    switch (dest.kind) {
    case COP_DEST_PID:
        return cop_from_pid(dest.pid);
    case COP_DEST_NAME:
        return cop_from_atom(dest.name);
    case COP_DEST_REMOTE_NAME:
        return tuple(cop_from_atom(dest.name), cop_from_atom(dest.node));
    case COP_DEST_ALIAS:
        return cop_from_ref(dest.alias);
    case COP_DEST_VIA:
        items[0] = cop__atom(COP__ATOM_via);
        items[1] = cop_from_atom(cop_atom_new(dest.via->name));
        items[2] = dest.term;
        return cop_tuple_from(items, 3);
    case COP_DEST_TERM:
        return dest.term;
    default:
        return cop__atom(COP__ATOM_undefined);
    }
}

/* --- Sending --------------------------------------------------------------------------------------------- */

static void push_or_drop(struct cop__thr *self, uint64_t to, struct cop__msg *msg)
{
    if (!cop__push(self, to, msg))
        cop__msg_free(self, msg); /* P-18 */
}

/* To the owner of an alias, who looks at it when he receives it. */
static void send_alias(struct cop__thr *self, uint64_t ref, cop_term message, unsigned flags)
{
    uint32_t index = (uint32_t)cop__ref_owner_index(ref);
    struct cop__msg *msg;

    if (!index || index >= cop__proc_capacity)
        return; /* P-22 */
    msg = cop__msg_new(self, COP__ALIASED, message);
    msg->ref = ref;
    if (flags & COP_SEND_PRIORITY)
        msg->flags |= COP__MSG_PRIORITY;
    push_or_drop(self, cop__pid_id(cop__load_acquire(cop__proc_base[index].gen), index), msg);
}

static COP_NORETURN void no_such_name(cop_dest to, cop_term message)
{
    cop__leave();
    if (to.kind == COP_DEST_VIA)
        cop_exit(tuple(cop__atom(COP__ATOM_badarg), tuple(cop_dest_show(to), message)));
    cop__badarg("send");
}

static enum cop_send_result send(cop_dest to, cop_term message, unsigned flags)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    uint64_t id;

    if (to.kind == COP_DEST_TERM)
        to = cop__dest_resolve_term(to.term);
    if (to.kind == COP_DEST_REMOTE_NAME && to.node.index == cop_node().index) {
        id = cop__whereis(to.name.index);
        if (id)
            push_or_drop(self, id, cop__msg_new(self, COP__PLAIN, message));
    } else if (to.kind == COP_DEST_PID && to.pid.id && !to.pid.node) {
        push_or_drop(self, to.pid.id, cop__msg_new(self, COP__PLAIN, message));
    } else if (to.kind == COP_DEST_NAME) {
        id = cop__whereis(to.name.index);
        if (!id)
            no_such_name(to, message);
        push_or_drop(self, id, cop__msg_new(self, COP__PLAIN, message));
    } else if (to.kind == COP_DEST_ALIAS) {
        send_alias(self, to.alias.id, message, flags);
    } else if (to.kind == COP_DEST_VIA) {
        cop_pid pid;

        cop__leave();
        if (!to.via->whereis_name(&pid, to.term)) {
            cop__enter();
            no_such_name(to, message);
        }
        return send(cop_dest_pid(pid), message, flags);
    } else if (to.kind == COP_DEST_REMOTE_NAME || (to.kind == COP_DEST_PID && to.pid.node)) {
        cop__leave();
        return cop__remote->send_flags(to, message, flags);
    } else {
        cop__leave();
        cop__badarg("send");
    }
    self = cop__charge(self, 1);
    cop__leave();
    return COP_SEND_OK;
}

void cop_send_to(cop_dest to, cop_term message)
{
    send(to, message, 0);
}

enum cop_send_result cop_send_flags(cop_dest to, cop_term message, unsigned flags)
{
    return send(to, message, flags);
}

bool cop__send_copy(cop_pid to, cop_term message)
{
    struct cop__thr *self = cop__self_thr();
    struct cop__msg *msg = cop__msg_new(self, COP__PLAIN, message);

    if (cop__push(self, to.id, msg))
        return true;
    cop__msg_free(self, msg);
    return false;
}

/* --- The cluster hook ---------------------------------------------------------------------------------------
 * Without a cluster every other node is unreachable: what is sent there is dropped, links and monitors
 * to there answer noconnection. */

static void drop(cop_dest to, cop_term message)
{
    (void)to, (void)message;
}

static enum cop_send_result drop_flags(cop_dest to, cop_term message, unsigned flags)
{
    (void)to, (void)message;
    return flags & COP_NOCONNECT ? COP_SEND_NOCONNECT : COP_SEND_OK;
}

static void link_unreachable(cop_pid from, cop_pid to)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    cop_term items[3] = { cop__atom(COP__ATOM_EXIT), cop_from_pid(to), cop__atom(COP__ATOM_noconnection) };
    struct cop__msg *msg = cop__msg_tuple(self, COP__EXIT, items, 3);

    push_or_drop(self, from.id, msg);
    cop__leave();
}

static void unlink_unreachable(cop_pid from, cop_pid to)
{
    (void)from, (void)to;
}

static void monitor_unreachable(cop_pid from, cop_dest to, cop_ref ref)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    cop_term items[5] = { cop__atom(COP__ATOM_DOWN), cop_from_ref(ref), cop__atom(COP__ATOM_process),
        cop_dest_show(to), cop__atom(COP__ATOM_noconnection) };
    struct cop__msg *msg = cop__msg_tuple(self, COP__DOWN, items, 5);

    msg->ref = ref.id;
    push_or_drop(self, from.id, msg);
    cop__leave();
}

static void demonitor_unreachable(cop_pid from, cop_ref ref)
{
    (void)from, (void)ref;
}

static void exit_unreachable(cop_pid from, cop_pid to, cop_term reason)
{
    (void)from, (void)to, (void)reason;
}

static cop_term no_nodes(void)
{
    return cop_nil();
}

static const struct cop__remote unreachable = {
    .send = drop,
    .send_flags = drop_flags,
    .link = link_unreachable,
    .unlink = unlink_unreachable,
    .monitor = monitor_unreachable,
    .demonitor = demonitor_unreachable,
    .exit = exit_unreachable,
    .nodes = no_nodes,
};
const struct cop__remote *cop__remote = &unreachable;
