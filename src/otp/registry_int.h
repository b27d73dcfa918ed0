/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the registry share. Layer 5.
 *
 * A registry is a supervisor of partitions. Its table, with its name, holds what is known of them,
 * under integers from 0, and its meta data under atoms and tuples:
 *
 *   {Partition, Owner, Entries, Processes, Keys, Partitions, Listeners}
 *
 * of which the two tables are of the owner's making, and the rest is the same for all: so who wants
 * a registry of one partition has looked once.
 *
 *   Entries     {Key, {Pid, Value}}             set, or duplicate_bag
 *   Processes   {Pid, Key, Entries}             one for each entry, by which the owner cleans up
 *
 *   REG-A  Only the process itself writes its entries, and the owner after its end.
 *   REG-B  What is written first into Processes is cleaned up whatever comes between. */
#ifndef COP_OTP_REGISTRY_INT_H
#define COP_OTP_REGISTRY_INT_H

#include <coppice/ets.h>
#include <coppice/gen_server.h>
#include <coppice/registry.h>

struct cop__partition {
    cop_pid owner;
    cop_term entries, processes;
};

struct cop__registry {
    cop_term name; /* an atom */
    enum cop_registry_keys keys;
    int64_t partitions;
    cop_term listeners; /* a list of atoms */
    struct cop__partition first;
};

/* badarg where there is none. */
struct cop__registry cop__registry_find(const char *name);
struct cop__partition cop__registry_partition(const struct cop__registry *registry, int64_t index);
/* Where the entries of a process under a key are. */
struct cop__partition cop__registry_for(
    const struct cop__registry *registry, cop_term key, cop_pid pid);
/* Where the entries of a key may be: from *ret_first on, so many partitions. */
int64_t cop__registry_of_key(
    const struct cop__registry *registry, cop_term key, int64_t *ret_first);

#endif
