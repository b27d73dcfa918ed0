/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from other nodes, and what it does here (D-61 to D-85). Layer 6.
 *
 * All of it runs in the process that reads the connection. A signal becomes one of the process
 * layer's, put into the mailbox of its receiver in the order of the wire; who is gone already
 * answers as it would there. */
#include <coppice/etf.h>

#include "dist/control.h"
#include "dist/handshake.h"
#include "dist/nodes.h"
#include "proc/far.h"
#include "proc/fault.h"
#include "proc/proc.h"
#include "term/atoms.h"
#include "term/node.h"

enum { ITEMS_MAX = 8 };

struct incoming {
    const struct cop__link_end *end;
    const cop_term *items; /* [0] is the opcode */
    size_t count;          /* with it */
    cop_term payload;
    const char *wrong;
};

static bool breach(struct incoming *in, const char *what)
{
    in->wrong = what;
    return false;
}

/* --- Who is meant --------------------------------------------------------------------------------
 */

/* A pid of the node at the other end: what may be the origin of a signal (D-65). */
static bool is_theirs(struct incoming *in, cop_term term)
{
    cop_pid pid;

    return (cop_to_pid(&pid, term) && pid.node == in->end->handle) ||
           breach(in, "a signal whose origin is no process of the node that sent it");
}

/* A process of this node, or of an earlier one of its name: then id is 0 (D-12). */
static bool is_ours(struct incoming *in, uint64_t *ret_id, cop_term term)
{
    cop_pid pid;

    if (!cop_to_pid(&pid, term))
        return breach(in, "a receiver that is no pid");
    if (pid.node && cop__node_of(pid.node).name != cop__local_name())
        return breach(in, "a receiver that is of another node");
    *ret_id = pid.node ? 0 : pid.id;
    return true;
}

/* --- Messages ------------------------------------------------------------------------------------
 */

static void deliver(uint64_t id, cop_term message)
{
    if (id)
        cop_send_to(cop_dest_pid(cop__pid_of(id)), message);
}

static bool send_received(struct incoming *in)
{
    cop_pid pid;

    if (!cop_to_pid(&pid, in->items[2]))
        return breach(in, "a message to what is no pid");
    if (!pid.node)
        deliver(pid.id, in->payload);
    else if (cop__load(in->end->peer->kind) == COP__PEER_PART)
        cop_send(pid, in->payload); /* a part reaches other nodes through this one */
    return true;
}

static bool reg_send_received(struct incoming *in, cop_term name)
{
    cop_atom atom;
    cop_pid pid;

    if (!cop_to_atom(&atom, name))
        return breach(in, "a message to a name that is no atom");
    if (cop_whereis_to(&pid, cop_dest_atom(atom)))
        deliver(pid.id, in->payload);
    else if (atom.index == COP__ATOM_global_name_server)
        cop__global_bystander(in->end->peer->name, in->payload); /* D-116 */
    return true;
}

static bool alias_send_received(struct incoming *in, cop_term alias, bool priority)
{
    if (cop_type_of(alias) != COP_TYPE_REFERENCE)
        return breach(in, "a message to an alias that is no reference");
    if (cop__is_local_ref(alias) || cop__load(in->end->peer->kind) == COP__PEER_PART)
        cop_send_flags(cop_dest_term(alias), in->payload, priority ? COP_SEND_PRIORITY : 0);
    return true;
}

/* --- Signals: the block that a process of this node gets
 * ------------------------------------------- */

/* from is the id of the receiver, for what is answered in its place. */
static bool push(const struct incoming *in, uint64_t to, enum cop__msg_kind kind, cop_term term)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__msg *msg = cop__msg_new(self, kind, term);
    bool pushed;

    msg->from = to;
    msg->ref = in->end->connection;
    pushed = to && cop__push(self, to, msg);
    if (!pushed)
        cop__msg_free(self, msg);
    else if (kind == COP__FAR_EXIT)
        cop__kill_running(to);
    cop__leave();
    return pushed;
}

static void answer(const struct incoming *in, enum cop__op op, const cop_term *items, size_t count,
    cop_term payload)
{
    cop__control_send(in->end->peer, in->end->connection, 0, op, items, count, payload);
}

static void answer_reason(const struct incoming *in, enum cop__op op, enum cop__op old,
    const cop_term *items, size_t count, cop_term reason)
{
    cop__control_send_reason(in->end->peer, in->end->connection, 0, op, old, items, count, reason);
}

static bool link_received(struct incoming *in)
{
    const cop_term back[2] = { in->items[2], in->items[1] };
    uint64_t to;

    if (!is_theirs(in, in->items[1]) || !is_ours(in, &to, in->items[2]))
        return false;
    if (!push(in, to, COP__FAR_LINK, in->items[1])) /* D-72 */
        answer_reason(in, COP__OP_PAYLOAD_EXIT, COP__OP_EXIT, back, 2, cop__atom(COP__ATOM_noproc));
    return true;
}

static bool unlink_received(struct incoming *in, bool ack)
{
    const cop_term back[3] = { in->items[1], in->items[3], in->items[2] };
    uint64_t to, number;

    if (!is_theirs(in, in->items[2]) || !is_ours(in, &to, in->items[3]))
        return false;
    if (!cop_to_uint(&number, in->items[1]) || !number)
        return breach(in, "the number of an unlink is 1 to 2^64-1");
    if (!push(in, to, ack ? COP__FAR_UNLINK_ACK : COP__FAR_UNLINK,
            cop__pair(in->items[2], in->items[1])) &&
        !ack && to)
        answer(in, COP__OP_UNLINK_ID_ACK, back, 3, COP_NONE);
    return true;
}

static bool exit_received(struct incoming *in, cop_term reason)
{
    const cop_term items[3] = { cop__atom(COP__ATOM_EXIT), in->items[1], reason };
    uint64_t to;

    if (!is_theirs(in, in->items[1]) || !is_ours(in, &to, in->items[2]))
        return false;
    push(in, to, COP__FAR_EXIT, cop_tuple_from(items, 3));
    return true;
}

/* exit/2: an exit signal like one of this node, but for where it comes from. */
static bool exit2_received(struct incoming *in, cop_term reason)
{
    struct cop__thr *self;
    uint64_t to;

    if (!is_theirs(in, in->items[1]) || !is_ours(in, &to, in->items[2]))
        return false;
    if (!to || cop__keeps_the_node(to))
        return true;
    self = (struct cop__thr *)cop__enter();
    cop__exit_as(self, to, in->items[1], reason);
    cop__leave();
    return true;
}

/* Target is a pid or a name, and is named in the answer as it was here (D-73). */
static bool target_of(struct incoming *in, uint64_t *ret_id, cop_term target)
{
    cop_atom name;
    cop_pid pid;

    if (!cop_to_atom(&name, target))
        return is_ours(in, ret_id, target);
    *ret_id = cop_whereis_to(&pid, cop_dest_atom(name)) ? pid.id : 0;
    return true;
}

static bool monitor_received(struct incoming *in)
{
    const cop_term items[3] = { in->items[1], in->items[3], in->items[2] };
    const cop_term back[3] = { in->items[2], in->items[1], in->items[3] };
    uint64_t to;

    if (!is_theirs(in, in->items[1]) || !target_of(in, &to, in->items[2]))
        return false;
    if (cop_type_of(in->items[3]) != COP_TYPE_REFERENCE)
        return breach(in, "a monitor without a reference");
    if (!push(in, to, COP__FAR_MONITOR, cop_tuple_from(items, 3)))
        answer_reason(in, COP__OP_PAYLOAD_MONITOR_P_EXIT, COP__OP_MONITOR_P_EXIT, back, 3,
            cop__atom(COP__ATOM_noproc));
    return true;
}

static bool demonitor_received(struct incoming *in)
{
    uint64_t to;

    if (!is_theirs(in, in->items[1]) || !target_of(in, &to, in->items[2]))
        return false;
    if (cop_type_of(in->items[3]) != COP_TYPE_REFERENCE)
        return breach(in, "a monitor without a reference");
    push(in, to, COP__FAR_DEMONITOR, in->items[3]);
    return true;
}

static bool down_received(struct incoming *in, cop_term reason)
{
    const cop_term items[5] = { cop__atom(COP__ATOM_DOWN), in->items[3],
        cop__atom(COP__ATOM_process), in->items[1], reason };
    struct cop__thr *self;
    struct cop__msg *msg;
    uint64_t to;

    if (!is_ours(in, &to, in->items[2]))
        return false;
    if (cop_type_of(in->items[1]) != COP_TYPE_ATOM && !is_theirs(in, in->items[1]))
        return false;
    if (!to || !cop__is_local_ref(in->items[3]))
        return true;
    self = (struct cop__thr *)cop__enter();
    msg = cop__msg_tuple(self, COP__DOWN, items, 5);
    msg->ref = in->items[3].word;
    if (!cop__push(self, to, msg))
        cop__msg_free(self, msg);
    cop__leave();
    return true;
}

static bool leader_received(struct incoming *in)
{
    cop_pid leader;
    uint64_t to;

    if (!cop_to_pid(&leader, in->items[1]) || !is_ours(in, &to, in->items[2]))
        return breach(in, "a group leader that is no pid");
    if (to)
        cop_set_group_leader(leader, cop__pid_of(to));
    return true;
}

static bool spawn_reply_received(struct incoming *in)
{
    const cop_term items[3] = { in->items[1], in->items[3], in->items[4] };
    const cop_term back[2] = { in->items[2], in->items[4] };
    int64_t flags;
    uint64_t to;
    cop_pid pid;

    if (!is_ours(in, &to, in->items[2]) || !cop_to_int(&flags, in->items[3]))
        return breach(in, "a malformed answer to a spawn");
    if (cop_type_of(in->items[4]) != COP_TYPE_ATOM && !is_theirs(in, in->items[4]))
        return false;
    /* Who asked is gone: so is its side of the link. */
    if (cop__is_local_ref(in->items[1]) &&
        !push(in, to, COP__FAR_SPAWNED, cop_tuple_from(items, 3)) && flags & 1 &&
        cop_to_pid(&pid, in->items[4]))
        answer_reason(in, COP__OP_PAYLOAD_EXIT, COP__OP_EXIT, back, 2, cop__atom(COP__ATOM_noproc));
    return true;
}

static bool spawn_received(struct incoming *in)
{
    cop_term entry = in->items[4];

    if (!is_theirs(in, in->items[2]))
        return false;
    if (cop_type_of(in->items[1]) != COP_TYPE_REFERENCE || cop_tuple_size(entry) != 3 ||
        cop_type_of(in->items[3]) != COP_TYPE_PID || !cop_is_proper_list(in->payload))
        return breach(in, "a malformed spawn");
    cop__spawn_requested(in->end, in->items, in->payload);
    return true;
}

/* {37, Bits, From, To}: one opcode for what others have several for (D-64). */
static bool altact_received(struct incoming *in)
{
    enum { PRIORITY = 1, ALIAS = 4, NAME = 8, EXIT = 16 };
    cop_term plain[3];
    int64_t bits;

    if (!cop_to_int(&bits, in->items[1]))
        return breach(in, "a signal without its bits");
    if (bits & ALIAS)
        return alias_send_received(in, in->items[3], bits & PRIORITY);
    if (bits & NAME)
        return reg_send_received(in, in->items[3]);
    plain[0] = in->items[0];
    plain[1] = in->items[2];
    plain[2] = in->items[3];
    in->items = plain;
    return bits & EXIT ? exit2_received(in, in->payload) : send_received(in);
}

/* --- By opcode
 * ------------------------------------------------------------------------------------- */

struct form {
    unsigned char count; /* items, with the opcode; more may follow in later releases */
    bool payload;
};

static const struct form forms[] = {
    [COP__OP_LINK] = { 3, false },
    [COP__OP_SEND] = { 3, true },
    [COP__OP_EXIT] = { 4, false },
    [COP__OP_REG_SEND] = { 4, true },
    [COP__OP_GROUP_LEADER] = { 3, false },
    [COP__OP_EXIT2] = { 4, false },
    [COP__OP_SEND_TT] = { 4, true },
    [COP__OP_EXIT_TT] = { 5, false },
    [COP__OP_REG_SEND_TT] = { 5, true },
    [COP__OP_EXIT2_TT] = { 5, false },
    [COP__OP_MONITOR_P] = { 4, false },
    [COP__OP_DEMONITOR_P] = { 4, false },
    [COP__OP_MONITOR_P_EXIT] = { 5, false },
    [COP__OP_SEND_SENDER] = { 3, true },
    [COP__OP_SEND_SENDER_TT] = { 4, true },
    [COP__OP_PAYLOAD_EXIT] = { 3, true },
    [COP__OP_PAYLOAD_EXIT_TT] = { 4, true },
    [COP__OP_PAYLOAD_EXIT2] = { 3, true },
    [COP__OP_PAYLOAD_EXIT2_TT] = { 4, true },
    [COP__OP_PAYLOAD_MONITOR_P_EXIT] = { 4, true },
    [COP__OP_SPAWN_REQUEST] = { 6, true },
    [COP__OP_SPAWN_REQUEST_TT] = { 7, true },
    [COP__OP_SPAWN_REPLY] = { 5, false },
    [COP__OP_SPAWN_REPLY_TT] = { 6, false },
    [COP__OP_ALIAS_SEND] = { 3, true },
    [COP__OP_ALIAS_SEND_TT] = { 4, true },
    [COP__OP_UNLINK_ID] = { 4, false },
    [COP__OP_UNLINK_ID_ACK] = { 4, false },
    [COP__OP_ALTACT_SIG_SEND] = { 4, true },
};

static bool act(struct incoming *in, enum cop__op op)
{
    switch (op) {
    case COP__OP_SEND:
    case COP__OP_SEND_TT:
    case COP__OP_SEND_SENDER:
    case COP__OP_SEND_SENDER_TT:
        return send_received(in);
    case COP__OP_REG_SEND:
    case COP__OP_REG_SEND_TT:
        return reg_send_received(in, in->items[3]);
    case COP__OP_ALIAS_SEND:
    case COP__OP_ALIAS_SEND_TT:
        return alias_send_received(in, in->items[2], false);
    case COP__OP_LINK:
        return link_received(in);
    case COP__OP_UNLINK_ID:
        return unlink_received(in, false);
    case COP__OP_UNLINK_ID_ACK:
        return unlink_received(in, true);
    case COP__OP_EXIT:
        return exit_received(in, in->items[3]);
    case COP__OP_EXIT_TT:
        return exit_received(in, in->items[4]);
    case COP__OP_PAYLOAD_EXIT:
    case COP__OP_PAYLOAD_EXIT_TT:
        return exit_received(in, in->payload);
    case COP__OP_EXIT2:
        return exit2_received(in, in->items[3]);
    case COP__OP_EXIT2_TT:
        return exit2_received(in, in->items[4]);
    case COP__OP_PAYLOAD_EXIT2:
    case COP__OP_PAYLOAD_EXIT2_TT:
        return exit2_received(in, in->payload);
    case COP__OP_MONITOR_P:
        return monitor_received(in);
    case COP__OP_DEMONITOR_P:
        return demonitor_received(in);
    case COP__OP_MONITOR_P_EXIT:
        return down_received(in, in->items[4]);
    case COP__OP_PAYLOAD_MONITOR_P_EXIT:
        return down_received(in, in->payload);
    case COP__OP_GROUP_LEADER:
        return leader_received(in);
    case COP__OP_SPAWN_REQUEST:
    case COP__OP_SPAWN_REQUEST_TT:
        return spawn_received(in);
    case COP__OP_SPAWN_REPLY:
    case COP__OP_SPAWN_REPLY_TT:
        return spawn_reply_received(in);
    case COP__OP_ALTACT_SIG_SEND:
        return altact_received(in);
    }
    return breach(in, "an unknown opcode");
}

/* A term of the frame; old frames have the version before each (D-49). */
static bool read_term(const struct incoming *in, struct cop__etf_reader *reader, cop_term *ret)
{
    if (!in->end->headers && ret == &in->payload) {
        if (!cop__etf_has(reader, 1))
            return false;
        if (cop__etf_take(reader, 1) != COP__ETF_VERSION)
            return cop__etf_wrong(reader, "a payload without its version");
    }
    return cop__etf_read(reader, ret);
}

bool cop__control_received(
    const struct cop__link_end *end, struct cop__etf_reader *reader, const char **ret_wrong)
{
    struct incoming in = { .end = end, .payload = COP_NONE };
    cop_term control;
    int64_t op = 0;

    reader->here = cop__name_toward(end->peer);

    if (!read_term(&in, reader, &control)) {
        *ret_wrong = reader->wrong;
        return false;
    }
    in.count = cop_tuple_size(control);
    if (in.count && cop_to_int(&op, cop_tuple_at(control, 0)) && op > 0 &&
        op < (int64_t)(sizeof forms / sizeof *forms) && forms[op].count &&
        in.count >= forms[op].count) {
        in.items = cop__elements(control);
        if (forms[op].payload && !read_term(&in, reader, &in.payload)) {
            *ret_wrong = reader->wrong ? reader->wrong : "a message without its payload";
            return false;
        }
        if (act(&in, (enum cop__op)op))
            return true;
    }
    *ret_wrong = in.wrong ? in.wrong : "a control message of no known form";
    return false;
}
