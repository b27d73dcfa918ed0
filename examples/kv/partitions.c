/* SPDX-License-Identifier: Apache-2.0 */
/* As many stores as the command line says, each for the keys of its share of the hash. They are
 * one_for_one: a crash takes the keys of one partition and touches no other. */
#include "partitions.h"
#include "config.h"
#include "hash.h"
#include "store.h"

#include <stdio.h>

static void format_name(char *name, size_t size, size_t partition)
{
    snprintf(name, size, "partition_%zu", partition);
}

static bool init(cop_supervisor *flags, cop_child **ret_children, cop_term arg)
{
    int count = config.partitions;
    cop_child *children = cop_alloc((size_t)(count + 1) * sizeof *children);

    (void)flags, (void)arg;
    for (int i = 0; i < count; i++) {
        char *name = cop_alloc(24);

        format_name(name, 24, (size_t)i);
        children[i] =
            (cop_child){ .name = name, .gen_server = &store_server, .arg_term = cop_int(i) };
    }
    *ret_children = children;
    return true;
}

const cop_supervisor partitions = {
    .strategy = COP_ONE_FOR_ONE,
    .intensity = 10, /* in 5 s: a client may try DEBUG CRASH STORE a few times */
    .init = init,
};

size_t partition_of_key(cop_bytes key)
{
    /* The high bits, since the store's table uses the low ones. */
    return (size_t)((hash_key(key.data, key.size) >> 32) * (uint64_t)config.partitions >> 32);
}

bool partition_find(cop_pid *ret_pid, size_t partition)
{
    char name[24];

    format_name(name, sizeof name, partition);
    return cop_whereis(ret_pid, (const char *)name);
}
