/* SPDX-License-Identifier: Apache-2.0 */
/* What this node says to global of other nodes: that it takes no part. One message, so that their
 * global:sync() does not wait for us (D-116 to D-119). Layer 6. */
#include "dist/nodes.h"

/* The keys of Known that are atoms are the nodes that one knows. */
static void connect_to_known(cop_term message)
{
    cop_term known, node, value;
    cop_atom atom;

    if (!cop_match(message, "{'$gen_cast', {init_connect, _, _, {locker, _, Known, _}}}", &known))
        return;
    for (cop_map_iterator i = cop_map_begin(known); cop_map_next(&node, &value, &i);)
        if (cop_to_atom(&atom, node))
            cop__nodes_want(atom.index);
}

void cop__global_bystander(uint32_t node, cop_term message)
{
    if (!cop_match(message, "{'$gen_cast', {init_connect, _, _, _}}"))
        return;
    cop_send_to(cop_dest_term(cop("{global_name_server, Node}", (cop_atom){ node })),
        cop("{'$gen_cast', {in_sync, Node, true}}", cop_node()));
    if (cop__net.options && cop__net.options->connect_all)
        connect_to_known(message);
}
