/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to other nodes: messages and signals, encoded by the process that sends them, straight
 * into a frame (D-160). Layer 6.
 *
 * Until a connection is up what the peer can do is not known; then the forms that every release
 * since 25 understands are used (D-61, D-62). */
#include "dist/control.h"
#include "dist/frame.h"
#include "dist/nodes.h"
#include "proc/proc.h"
#include "proc/simulate.h"
#include "base/scratch.h"
#include "dist/bytes.h"
#include "term/atoms.h"
#include "term/node.h"

enum { LENGTH = 4, HEADER = 3, LARGE_MIN = COP__FRAGMENT_SIZE };

/* The flags that frames to a peer are made by. */
static uint64_t flags_of(struct cop__peer *peer)
{
    struct cop__peer_view view = cop__peer_look(peer);

    return view.state == COP__PEER_UP ? view.flags : COP__DF_ANNOUNCED & ~COP__DF_ALTACT_SIG;
}

static void write_control(
    struct cop__etf_writer *writer, enum cop__op op, const cop_term *items, size_t count)
{
    unsigned char *at = cop__etf_room(writer, 4);

    at[0] = COP__ETF_SMALL_TUPLE;
    at[1] = (unsigned char)(1 + count);
    at[2] = COP__ETF_SMALL_INTEGER;
    at[3] = (unsigned char)op;
    for (size_t i = 0; i < count; i++)
        cop__etf_write(writer, items[i]);
}

static size_t size_of(const struct cop__etf_writer *writer)
{
    return (size_t)(writer->at - writer->base);
}

/* For the story of a simulation. */
static const char *op_text(enum cop__op op)
{
    switch (op) {
    case COP__OP_LINK:
        return "link";
    case COP__OP_UNLINK_ID:
        return "unlink";
    case COP__OP_UNLINK_ID_ACK:
        return "unlink ack";
    case COP__OP_EXIT:
    case COP__OP_PAYLOAD_EXIT:
        return "exit of link";
    case COP__OP_EXIT2:
    case COP__OP_PAYLOAD_EXIT2:
        return "exit signal";
    case COP__OP_MONITOR_P:
        return "monitor";
    case COP__OP_DEMONITOR_P:
        return "demonitor";
    case COP__OP_MONITOR_P_EXIT:
    case COP__OP_PAYLOAD_MONITOR_P_EXIT:
        return "down";
    case COP__OP_GROUP_LEADER:
        return "group leader";
    case COP__OP_SPAWN_REQUEST:
        return "spawn";
    case COP__OP_SPAWN_REPLY:
        return "spawned";
    case COP__OP_ALIAS_SEND:
        return "to alias";
    default:
        return "message";
    }
}

bool cop__control_send(struct cop__peer *peer, uint64_t connection, uint64_t sender,
    enum cop__op op, const cop_term *items, size_t count, cop_term payload)
{
    struct cop__etf_writer writer = { .minor_version = 2, .unordered = true };
    uint64_t flags = flags_of(peer);
    bool headers = flags & (COP__DF_DIST_HDR_ATOM_CACHE | COP__DF_FRAGMENTS), queued, entered;
    unsigned char local[COP__ETF_LOCAL_SIZE], *at;
    size_t control, begin = LENGTH + HEADER;

    if (__builtin_expect(cop__simulated, 0))
        cop__sim_sent(sender, peer->name, op_text(op), cop_tuple_from(items, count), payload);
    writer.here = cop__name_toward(peer);
    cop__etf_writer_local(&writer, local);
    at = cop__etf_room(&writer, LENGTH + HEADER);
    at[LENGTH] = headers ? COP__ETF_VERSION : COP__PASS_THROUGH;
    at[LENGTH + 1] = headers ? COP__FRAME_PLAIN : COP__ETF_VERSION;
    at[LENGTH + 2] = 0;
    if (!headers)
        writer.at--; /* there is no number of atoms */
    write_control(&writer, op, items, count);
    control = size_of(&writer);
    if (!cop_is_none(payload)) {
        if (!headers)
            *cop__etf_room(&writer, 1) = COP__ETF_VERSION;
        if (cop__load(peer->kind) == COP__PEER_WHOLE)
            writer.shown = cop__part_shown(&writer.shown_as); /* in what a user sees */
        cop__etf_write(&writer, payload);
    }
    entered = cop__enter_unless_inside();
    if (flags & COP__DF_FRAGMENTS && size_of(&writer) - control > LARGE_MIN) {
        struct cop__large *large =
            cop__large_new(sender, writer.base, begin, control - begin, size_of(&writer) - begin);

        queued = large && cop__peer_queue_large(peer, connection, large);
        if (large)
            writer.base = local; /* the block is the message's */
    } else {
        cop__put_be(writer.base, size_of(&writer) - LENGTH, LENGTH);
        queued = cop__peer_queue(peer, connection, sender, writer.base, size_of(&writer));
    }
    if (entered)
        cop__leave();
    cop__etf_writer_done(&writer);
    return queued;
}

/* --- Messages ----------------------------------------------------------------------------------
 */

static struct cop__peer *peer_of(cop_dest to)
{
    struct cop__peer *whole = cop__whole();

    if (whole)
        return whole; /* which passes it on */
    switch (cop_dest_kind_of(to)) {
    case COP_DEST_PID:
        return cop__peer_find(cop__node_of(cop_dest_pid_of(to).node).name, true);
    case COP_DEST_REMOTE_NAME:
        return cop__peer_find(cop_dest_node_of(to).index, true);
    default: /* an alias */
        return cop__peer_find(cop__node_of(cop__box(cop__word(to.what))[1]).name, true);
    }
}

enum cop_send_result cop__dist_send(cop_dest to, cop_term message, unsigned flags)
{
    struct cop__peer *peer = peer_of(to);
    cop_pid self = cop_in_process() ? cop_self() : cop__node.first;
    cop_term items[3] = { cop_from_pid(self), cop__atom(COP__ATOM_empty), cop__word(to.what) };
    enum cop__op op = COP__OP_REG_SEND;
    size_t count = 3;
    bool room;

    if (!peer || peer->name == cop_node().index)
        return COP_SEND_OK; /* to an earlier node of our own name: D-12 */
    if ((flags & COP_NOCONNECT) && cop__peer_look(peer).state != COP__PEER_UP)
        return COP_SEND_NOCONNECT;
    cop__enter();
    room = cop__peer_await_room(peer, !(flags & COP_NOSUSPEND));
    cop__leave();
    if (!room)
        return COP_SEND_NOSUSPEND;
    if (cop_dest_kind_of(to) == COP_DEST_PID) {
        bool named = flags_of(peer) & COP__DF_SEND_SENDER;

        op = named ? COP__OP_SEND_SENDER : COP__OP_SEND;
        items[0] = named ? items[0] : items[1];
        items[1] = cop_from_pid(cop_dest_pid_of(to));
        count = 2;
    } else if (cop_dest_kind_of(to) == COP_DEST_ALIAS) {
        if (!(flags_of(peer) & COP__DF_ALIAS))
            return COP_SEND_OK;
        op = COP__OP_ALIAS_SEND;
        items[1] = items[2];
        count = 2;
    }
    cop__control_send(peer, 0, self.id, op, items, count, message);
    return COP_SEND_OK;
}

/* --- Signals -------------------------------------------------------------------------------------
 */

void cop__control_send_reason(struct cop__peer *peer, uint64_t connection, uint64_t sender,
    enum cop__op with_payload, enum cop__op old, const cop_term *items, size_t count,
    cop_term reason)
{
    cop_term all[4];

    if (flags_of(peer) & COP__DF_EXIT_PAYLOAD) {
        cop__control_send(peer, connection, sender, with_payload, items, count, reason);
        return;
    }
    memcpy(all, items, count * sizeof *items);
    all[count] = reason;
    cop__control_send(peer, connection, sender, old, all, count + 1, COP_NONE);
}

/* An exit or a monitor's exit. */
static void send_reason(struct cop__peer *peer, const struct cop__far_signal *signal,
    uint64_t sender, enum cop__op with_payload, enum cop__op old, const cop_term *items,
    size_t count)
{
    cop__control_send_reason(
        peer, signal->connection, sender, with_payload, old, items, count, signal->reason);
}

static void send_spawn(
    struct cop__peer *peer, const struct cop__far_signal *signal, uint64_t sender)
{
    const cop_term *rest = cop__elements(signal->reason);
    cop_term items[5] = { signal->ref, signal->from, rest[0], signal->to, rest[1] };

    cop__control_send(peer, signal->connection, sender, COP__OP_SPAWN_REQUEST, items, 5, rest[2]);
}

void cop__dist_signal(const struct cop__far_signal *signal)
{
    struct cop__peer *peer = signal->connection ? cop__peer_of_connection(signal->connection)
                                                : cop__peer_find(signal->node, true);
    cop_term from = cop_is_none(signal->from) ? cop_from_pid(cop__node.first) : signal->from;
    const cop_term items[3] = { from, signal->to, signal->ref };
    cop_term numbered[3] = { COP_NONE, from, signal->to };
    uint64_t sender = cop__is_local_pid(from) ? from.word : 0;
    const uint64_t monitors = COP__DF_DIST_MONITOR | COP__DF_DIST_MONITOR_NAME;
    struct cop__proc *running = cop__running();

    if (!peer || peer->name == cop__local_name())
        return;
    if (running)
        sender = cop__proc_pid(running).id;
    switch (signal->kind) {
    case COP__FAR_SEND_LINK:
        cop__control_send(peer, signal->connection, sender, COP__OP_LINK, items, 2, COP_NONE);
        return;
    case COP__FAR_SEND_UNLINK:
    case COP__FAR_SEND_UNLINK_ACK:
        numbered[0] = cop_uint(signal->number);
        cop__control_send(peer, signal->connection, sender,
            signal->kind == COP__FAR_SEND_UNLINK ? COP__OP_UNLINK_ID : COP__OP_UNLINK_ID_ACK,
            numbered, 3, COP_NONE);
        return;
    case COP__FAR_SEND_EXIT:
        send_reason(peer, signal, sender, COP__OP_PAYLOAD_EXIT, COP__OP_EXIT, items, 2);
        return;
    case COP__FAR_SEND_EXIT2:
        send_reason(peer, signal, sender, COP__OP_PAYLOAD_EXIT2, COP__OP_EXIT2, items, 2);
        return;
    case COP__FAR_SEND_DOWN:
        send_reason(
            peer, signal, sender, COP__OP_PAYLOAD_MONITOR_P_EXIT, COP__OP_MONITOR_P_EXIT, items, 3);
        return;
    case COP__FAR_SEND_MONITOR:
    case COP__FAR_SEND_DEMONITOR:
        if ((flags_of(peer) & monitors) == monitors)
            cop__control_send(peer, signal->connection, sender,
                signal->kind == COP__FAR_SEND_MONITOR ? COP__OP_MONITOR_P : COP__OP_DEMONITOR_P,
                items, 3, COP_NONE);
        return;
    case COP__FAR_SEND_LEADER:
        cop__control_send(
            peer, signal->connection, sender, COP__OP_GROUP_LEADER, items, 2, COP_NONE);
        return;
    case COP__FAR_SEND_SPAWN:
        send_spawn(peer, signal, sender);
        return;
    }
}
