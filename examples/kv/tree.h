/* SPDX-License-Identifier: Apache-2.0 */
/* The supervision tree of the server. */
#ifndef KV_TREE_H
#define KV_TREE_H

#include <coppice.h>

extern const cop_supervisor kv;

#endif
