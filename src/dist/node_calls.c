/* SPDX-License-Identifier: Apache-2.0 */
/* What a program asks of connections: nodes/1, connect_node, ping, disconnect, node_info (D-162).
 * Layer 6. */
#include <coppice/gen.h>

#include "dist/nodes.h"
#include "dist/peer.h"
#include "proc/proc.h"
#include "term/atoms.h"
#include "term/node.h"

cop_term cop_nodes_of(unsigned kinds)
{
    cop_term list = cop_nil();

    for (struct cop__peer *peer = NULL; (peer = cop__peer_next(peer)) != NULL;) {
        struct cop__peer_view view = cop__peer_look(peer);
        unsigned kind = view.visible ? COP_NODES_VISIBLE : COP_NODES_HIDDEN;

        if (cop__load(peer->kind) != COP__PEER_NODE)
            continue;
        if (kinds & COP_NODES_KNOWN || (view.state == COP__PEER_UP && kinds & kind))
            list = cop_cons(cop__atom(peer->name), list);
    }
    if (kinds & (COP_NODES_THIS | COP_NODES_KNOWN))
        list = cop_cons(cop_from_atom(cop_node()), list);
    return list;
}

static bool is_up(cop_atom node)
{
    struct cop__peer *peer = cop__peer_find(node.index, false);

    return peer && cop__peer_look(peer).state == COP__PEER_UP;
}

bool cop_net_kernel_connect_node(cop_atom node)
{
    cop_term ignored;

    if (node.index == cop_node().index || is_up(node))
        return true;
    if (!cop__net.options || !cop__nodes_may_connect())
        return false;
    /* Whatever it says, or that it says nothing: the attempt is decided by then. */
    cop__nodes_want(node.index);
    cop_try_call(&ignored, cop("{net_kernel, Node}", node), cop("{is_auth, Node}", cop_node()),
        .timeout_ms = cop__net.setuptime_ms);
    return is_up(node);
}

bool cop_net_adm_ping(cop_atom node)
{
    cop_term answer;

    if (node.index == cop_node().index)
        return true;
    return cop_try_call(&answer, cop("{net_kernel, Node}", node),
               cop("{is_auth, Node}", cop_node()), .timeout_ms = COP_INFINITY) &&
           cop_match(answer, "yes");
}

bool cop_disconnect_node(cop_atom node)
{
    struct cop__peer *peer = cop__peer_find(node.index, false);

    if (!peer || cop__peer_look(peer).state == COP__PEER_DOWN)
        return false;
    cop__enter();
    cop__peer_disconnect(peer, 0, COP__ATOM_disconnect);
    cop__leave();
    return true;
}

cop_term cop_net_kernel_node_info(cop_atom node)
{
    struct cop__peer *peer = cop__peer_find(node.index, false);
    struct cop__peer_view view;

    if (!peer || (view = cop__peer_look(peer)).state == COP__PEER_DOWN)
        return COP_NONE;
    return cop("#{state => State, type => Type, creation => Creation, flags => Flags, in => In, "
               "out => Out, bytes_in => BytesIn, bytes_out => BytesOut, queued => Queued}",
        cop_atom_new(view.state == COP__PEER_UP ? "up" : "pending"),
        cop_atom_new(view.visible ? "normal" : "hidden"), (int64_t)view.creation,
        cop_uint(view.flags), cop_uint(cop__load(peer->messages_in)),
        cop_uint(cop__load(peer->messages_out)), cop_uint(cop__load(peer->bytes_in)),
        cop_uint(cop__load(peer->bytes_out)), cop_uint(view.queued));
}
