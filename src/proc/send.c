/* SPDX-License-Identifier: Apache-2.0 */
/* Destinations, and sending to them (P-16 to P-24). */
#include "proc/bounded.h"
#include "proc/proc.h"
#include "proc/simulate.h"
#include "term/atoms.h"

#include <string.h>

/* --- Destinations
 * -------------------------------------------------------------------------------------- */

static cop_dest make(enum cop_dest_kind kind, uint64_t what, uint64_t more)
{
    return (cop_dest){ what, more << 8 | kind };
}

cop_dest cop_dest_atom(cop_atom name)
{
    return make(COP_DEST_NAME, cop__atom(name.index).word, 0);
}

cop_dest cop_dest_name(const char *name)
{
    return name ? cop_dest_atom(cop_atom_new(name))
                : make(COP_DEST_NONE, cop__atom(COP__ATOM_undefined).word, 0);
}

cop_dest cop_dest_alias(cop_ref alias)
{
    return make(COP_DEST_ALIAS, alias.id, 0);
}

cop_dest cop_name(const char *name, const char *node)
{
    return make(
        COP_DEST_REMOTE_NAME, cop__atom(cop_atom_new(name).index).word, cop_atom_new(node).index);
}

cop_dest cop_dest_term(cop_term term)
{
    cop_atom name, node;
    cop_pid pid;

    if (cop_to_pid(&pid, term))
        return cop_dest_pid(pid);
    if (cop__is_atom(term))
        return make(COP_DEST_NAME, term.word, 0);
    if (cop__is_local_ref(term) || cop__is_remote_ref(term)) /* the latter as long as the term */
        return make(COP_DEST_ALIAS, term.word, 0);
    if (cop_tuple_size(term) == 2 && cop_to_atom(&name, cop_tuple_at(term, 0)) &&
        cop_to_atom(&node, cop_tuple_at(term, 1)))
        return make(COP_DEST_REMOTE_NAME, cop__atom(name.index).word, node.index);
    return make(COP_DEST_NONE, term.word, 0);
}

/* Module and key lie in the heap of the turn. */
cop_dest cop_via(const cop_via_module *module, cop_term key)
{
    uint64_t *pair = cop__heap_alloc(cop__turn_heap(), 2);

    pair[0] = (uint64_t)(uintptr_t)module;
    pair[1] = key.word;
    return make(COP_DEST_VIA, (uint64_t)(uintptr_t)pair, 0);
}

enum cop_dest_kind cop_dest_kind_of(cop_dest dest)
{
    return dest.what ? (enum cop_dest_kind)(dest.more & 255) : COP_DEST_NONE;
}

cop_pid cop_dest_pid_of(cop_dest dest)
{
    return (cop_pid){ dest.what, dest.more >> 8 };
}

cop_atom cop_dest_name_of(cop_dest dest)
{
    return (cop_atom){ cop__atom_index(cop__word(dest.what)) };
}

cop_atom cop_dest_node_of(cop_dest dest)
{
    return (cop_atom){ (uint32_t)(dest.more >> 8) };
}

const cop_via_module *cop_dest_via_of(cop_dest dest, cop_term *ret_key)
{
    const uint64_t *pair = (const uint64_t *)(uintptr_t)dest.what;

    *ret_key = cop__word(pair[1]);
    return (const cop_via_module *)(uintptr_t)pair[0];
}

static bool via_whereis(cop_pid *ret_pid, cop_dest dest)
{
    cop_term key;
    const cop_via_module *module = cop_dest_via_of(dest, &key);

    return module->whereis_name(ret_pid, key);
}

bool cop__dest_is_remote(cop_dest dest)
{
    enum cop_dest_kind kind = cop_dest_kind_of(dest);

    return (kind == COP_DEST_PID && cop_dest_pid_of(dest).node) ||
           (kind == COP_DEST_ALIAS && cop__is_remote_ref(cop__word(dest.what))) ||
           (kind == COP_DEST_REMOTE_NAME && cop_dest_node_of(dest).index != cop_node().index);
}

_Atomic(uint32_t) cop__names_elsewhere;

cop_dest cop__dest_or_elsewhere(cop_dest dest)
{
    uint32_t node = cop__load(cop__names_elsewhere);

    if (!node || cop_dest_kind_of(dest) != COP_DEST_NAME ||
        cop__whereis(cop_dest_name_of(dest).index))
        return dest;
    return make(COP_DEST_REMOTE_NAME, dest.what, node);
}

/* The local process a destination means now: its id, or 0. */
uint64_t cop__dest_local(cop_dest dest)
{
    cop_pid pid;

    switch (cop_dest_kind_of(dest)) {
    case COP_DEST_PID:
        return dest.more ? 0 : dest.what;
    case COP_DEST_NAME:
        return cop__whereis(cop_dest_name_of(dest).index);
    case COP_DEST_REMOTE_NAME:
        return cop__dest_is_remote(dest) ? 0 : cop__whereis(cop_dest_name_of(dest).index);
    case COP_DEST_VIA:
        return via_whereis(&pid, dest) && !pid.node ? pid.id : 0;
    default:
        return 0;
    }
}

cop_term cop_dest_show(cop_dest dest)
{
    const cop_via_module *module;
    cop_term items[3];

    switch (cop_dest_kind_of(dest)) {
    case COP_DEST_PID:
        return cop_from_pid(cop_dest_pid_of(dest));
    case COP_DEST_REMOTE_NAME:
        return cop__pair(cop__word(dest.what), cop_from_atom(cop_dest_node_of(dest)));
    case COP_DEST_VIA:
        module = cop_dest_via_of(dest, &items[2]);
        if (module->is_global)
            return cop__pair(cop__atom(COP__ATOM_global), items[2]);
        items[0] = cop__atom(COP__ATOM_via);
        items[1] = cop_from_atom(cop_atom_new(module->name));
        return cop_tuple_from(items, 3);
    default:
        return dest.what ? cop__word(dest.what) : cop__atom(COP__ATOM_undefined);
    }
}

/* --- Sending
 * --------------------------------------------------------------------------------------------- */

/* What the sender may be told of (P-18: not that there is nobody). */
static __attribute__((noinline)) enum cop_send_result refused(
    uint64_t to, struct cop__msg *msg, cop_term message, unsigned flags)
{
    uint64_t deadline_ns = flags & COP_NOSUSPEND ? COP__PAST : UINT64_MAX;
    enum cop__refusal refusal;

    if (cop__push_refused(to, msg, message, deadline_ns))
        return COP_SEND_OK;
    refusal = (enum cop__refusal)cop__own_thr()->refusal;
    return refusal == COP__REFUSED ? COP_SEND_OVERLOAD
           : refusal == COP__WAIT  ? COP_SEND_NOSUSPEND
                                   : COP_SEND_OK;
}

static inline enum cop_send_result push_or_drop(
    struct cop__thr *self, uint64_t to, struct cop__msg *msg, cop_term message, unsigned flags)
{
    return cop__likely(cop__push(self, to, msg)) ? COP_SEND_OK : refused(to, msg, message, flags);
}

static enum cop_send_result push_plain(
    struct cop__thr *self, uint64_t to, cop_term message, unsigned flags)
{
    struct cop__msg *msg = cop__msg_new(self, COP__PLAIN, message);

    msg->flags |= COP__MSG_ASKS;
    return push_or_drop(self, to, msg, message, flags);
}

/* To the owner of an alias, who looks at it when he receives it. */
static enum cop_send_result send_alias(
    struct cop__thr *self, uint64_t ref, cop_term message, unsigned flags)
{
    uint32_t index = (uint32_t)cop__ref_owner_index(ref);
    struct cop__msg *msg;

    if (!index || index >= cop__proc_capacity)
        return COP_SEND_OK; /* P-22 */
    msg = cop__msg_new(self, COP__ALIASED, message);
    msg->ref = ref;
    if (flags & COP_SEND_PRIORITY)
        msg->flags |= COP__MSG_PRIORITY;
    return push_or_drop(self, cop__pid_id(cop__load_acquire(cop__proc_base[index].gen), index), msg,
        message, flags);
}

/* What is no pid of this node. rt even: a via module is user code. */
static __attribute__((noinline)) enum cop_send_result send_elsewhere(
    cop_dest to, cop_term message, unsigned flags)
{
    enum cop_dest_kind kind = cop_dest_kind_of(to);
    enum cop_send_result result = COP_SEND_OK;
    struct cop__thr *self;
    uint64_t id;

    if (kind == COP_DEST_NONE)
        cop__badarg("send"); /* P-20 */
    to = cop__dest_or_elsewhere(to);
    kind = cop_dest_kind_of(to);
    if (cop__dest_is_remote(to))
        return cop__cluster()->send(to, message, flags);
    id = cop__dest_local(to);
    if (!id && kind == COP_DEST_NAME)
        cop__badarg("send"); /* P-19 */
    if (!id && kind == COP_DEST_VIA)
        cop_exit(cop__pair(cop__atom(COP__ATOM_badarg), cop__pair(cop_dest_show(to), message)));
    self = (struct cop__thr *)cop__enter();
    if (kind == COP_DEST_ALIAS)
        result = send_alias(self, to.what, message, flags);
    else if (id)
        result = push_plain(self, id, message, flags);
    cop__charge(cop__own_thr(), 1);
    cop__leave();
    return result;
}

/* The rest of a send that is not over in a few stores: the message, made or not (msg NULL), is to
 * be pushed, or the process that it woke is to be made ready. In `rest` are the label of a cast,
 * the flags and the kind. rt odd; it leaves. */
static __attribute__((noinline)) enum cop_send_result send_rest(struct cop__thr *self, uint64_t to,
    uint64_t rest, cop_term message, struct cop__msg *msg, struct cop__proc *woken)
{
    enum cop_send_result result = COP_SEND_OK;

    if (woken) {
        if (cop__unlikely(cop__simulated))
            cop__sim_pushed(self, to, msg);
        cop__ready_slow(self, woken);
    } else {
        if (!msg) {
            msg = cop__msg_new(self, (enum cop__msg_kind)(rest & 255), message);
            msg->aux = (uint32_t)(rest >> 32);
            msg->flags |= COP__MSG_ASKS;
        }
        result = push_or_drop(self, to, msg, message, (unsigned)rest >> 8 & 255);
    }
    cop__charge(cop__own_thr(), 1);
    cop__leave();
    return result;
}

/* To a process of this node. No call on the usual way, so nothing to save. */
static inline __attribute__((always_inline)) enum cop_send_result send_local(
    uint64_t to, enum cop__msg_kind kind, uint32_t label, cop_term message, unsigned flags)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__msg *msg = cop__msg_quick(self, kind, message);
    struct cop__proc *woken = NULL;

    if (cop__likely(msg != NULL)) {
        if (kind == COP__CAST)
            msg->aux = label;
        woken = cop__wake_waiting(self, to);
        if (woken)
            cop__queue_append(woken, msg);
    }
    if (cop__unlikely(!woken || self->budget <= 0 || !cop__ready_quick(self, woken)))
        return send_rest(
            self, to, (uint64_t)label << 32 | (flags & 255) << 8 | kind, message, msg, woken);
    self->budget--;
    cop__leave();
    return COP_SEND_OK;
}

void cop_send_to(cop_dest to, cop_term message)
{
    if (cop__unlikely(to.more || !to.what))
        send_elsewhere(to, message, 0);
    else
        send_local(to.what, COP__PLAIN, 0, message, 0);
}

enum cop_send_result cop_process_cast(cop_pid to, cop_atom label, cop_term request, unsigned flags)
{
    if (cop__unlikely(to.node || !to.id))
        return send_elsewhere(cop_dest_pid(to), cop__pair(cop__atom(label.index), request), flags);
    return send_local(to.id, COP__CAST, label.index, request, flags);
}

enum cop_send_result cop_send_flags(cop_dest to, cop_term message, unsigned flags)
{
    if (cop__unlikely(to.more || !to.what))
        return send_elsewhere(to, message, flags);
    return send_local(to.what, COP__PLAIN, 0, message, flags);
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

/* --- The cluster hook
 * ---------------------------------------------------------------------------------------
 * Without a cluster every other node is unreachable: what is sent there is dropped, links and
 * monitors to there answer noconnection. */

static enum cop_send_result drop(cop_dest to, cop_term message, unsigned flags)
{
    (void)to, (void)message;
    return flags & COP_NOCONNECT ? COP_SEND_NOCONNECT : COP_SEND_OK;
}

static void drop_signal(const struct cop__far_signal *signal)
{
    (void)signal;
}

static uint64_t no_way(uint32_t node, uint64_t process)
{
    (void)node, (void)process;
    return 0;
}

static void no_leave(uint64_t connection, uint64_t process)
{
    (void)connection, (void)process;
}

static cop_term no_nodes(void)
{
    return cop_nil();
}

const struct cop__remote cop__unreachable = {
    .send = drop,
    .signal = drop_signal,
    .join = no_way,
    .leave = no_leave,
    .nodes = no_nodes,
};
_Atomic(const struct cop__remote *) cop__remote_now = &cop__unreachable;
