/* SPDX-License-Identifier: Apache-2.0 */
/* The partitions: which one has a key, and what they are called. */
#ifndef KV_PARTITIONS_H
#define KV_PARTITIONS_H

#include <coppice.h>

extern const cop_supervisor partitions;

size_t partition_of_key(cop_bytes key);
/* False while it is being restarted. */
bool partition_find(cop_pid *ret_pid, size_t partition);

#endif
