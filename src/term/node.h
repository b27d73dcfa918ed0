/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes, as far as identifiers need them: {name, creation}, which is the `node` of cop_pid. Layer
 * 1, private. */
#ifndef COP_TERM_NODE_H
#define COP_TERM_NODE_H

#include "term/atoms.h"
#include "term/layout.h"

struct cop__node_id {
    uint32_t name; /* atom */
    uint32_t creation;
};

/* This node: nonode@nohost with creation 0, until the cluster layer gives it a name, and after that
 * takes it away. Identifiers of this node do not say so, and are right under any name. */
void cop__local_node_set(uint32_t name, uint32_t creation);
struct cop__node_id cop__local_node(void);
static inline uint32_t cop__local_name(void)
{
    return cop__local_node().name;
}

/* The handle of a node: both in one word, in 52 bits, so that a destination has room for its kind.
 * Nothing is kept: a peer may be restarted as often as it likes. */
enum { COP__NODE_NAME_BITS = 20 };
_Static_assert(COP__ATOMS_MAX <= 1 << COP__NODE_NAME_BITS, "a name fits into a handle");
static inline uint64_t cop__node_handle(uint32_t name, uint32_t creation)
{
    return (uint64_t)creation << COP__NODE_NAME_BITS | name;
}
/* The node of a handle; 0 is this node. */
static inline struct cop__node_id cop__node_of(uint64_t handle)
{
    return handle ? (struct cop__node_id){ handle & ((1 << COP__NODE_NAME_BITS) - 1),
        (uint32_t)(handle >> COP__NODE_NAME_BITS) }
                  : cop__local_node();
}

/* The order of two pids, two references or two ports, of any nodes: TO-11. */
int cop__identifier_compare(cop_term a, cop_term b);

/* The ids of a reference of any node, least first; how many. */
size_t cop__reference_ids(uint32_t ids[5], cop_term reference);

#endif
