/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes, as far as identifiers need them: a bounded table of {name, creation}, whose index is the
 * `node` of cop_pid. Layer 1, private. */
#ifndef COP_TERM_NODE_H
#define COP_TERM_NODE_H

#include "term/layout.h"

struct cop__node_id {
    uint32_t name; /* atom */
    uint32_t creation;
};

enum { COP__NODES_MAX = 1 << 16 }; /* names and creations seen in the life of this node */

/* This node: nonode@nohost with creation 0, until the cluster layer gives it a name, and after that
 * takes it away. Identifiers of this node do not say so, and are right under any name. */
void cop__local_node_set(uint32_t name, uint32_t creation);
struct cop__node_id cop__local_node(void);
static inline uint32_t cop__local_name(void)
{
    return cop__local_node().name;
}

/* The handle of a node, from 1; entries are never freed. 0 when the table is full. */
uint64_t cop__node_handle(uint32_t name, uint32_t creation);
/* The node of a handle; 0 is this node. */
struct cop__node_id cop__node_of(uint64_t handle);

/* The order of two pids, two references or two ports, of any nodes: TO-11. */
int cop__identifier_compare(cop_term a, cop_term b);

/* The ids of a reference of any node, least first; how many. */
size_t cop__reference_ids(uint32_t ids[5], cop_term reference);

#endif
