/* SPDX-License-Identifier: Apache-2.0 */
/* partition_supervisor: a supervisor of several children of one kind, among which a key chooses.
 * What one process was too slow for is spread over many. Clauses SUP-116 to SUP-123.
 *
 *   static const cop_partition_supervisor counters = {
 *       .name = "counters", .child = { .gen_server = &counter, .arg = "0" },
 *   };
 *   cop_call(cop_partition("counters", user), cop("get"));
 */
#ifndef COPPICE_PARTITION_SUPERVISOR_H
#define COPPICE_PARTITION_SUPERVISOR_H

#include <coppice/supervisor.h>

COP_BEGIN_DECLS

/* What one is made of; a static const. */
typedef struct cop_partition_supervisor {
    const char *name; /* registered name: needed */
    cop_child child;  /* what each partition is; its id is its number */
    int partitions;   /* 0: as many as there are schedulers */
    enum cop_strategy strategy;
    int intensity; /* restarts; 0: 3. COP_NO_RESTARTS: 0 */
    int period_s;  /* 0: 5 */
    /* The start argument of a partition, from that of the child; NULL: the child's. It runs in
     * the supervisor. SUP-118 */
    cop_term (*with_arguments)(cop_term arg, int64_t partition);
} cop_partition_supervisor;

/* Start one and all its partitions, linked to the caller.
 *
 * Returns  0 and *ret_pid; a negative error and *ret_error, which may be NULL, as
 *          cop_supervisor_start_link.
 * Exits    the caller with badarg: no name, no child, partitions below 0 or above 1,000,000.
 * Parks    until the last partition is up.
 * Context  any process. definition lives as long as the supervisor.
 * OTP      PartitionSupervisor.start_link/1. Clauses SUP-116, SUP-117.
 */
COP_API int cop_partition_supervisor_start_link(
    cop_pid *ret_pid, const cop_partition_supervisor *definition, cop_term *ret_error);

/* One under a supervisor: { COP_PARTITION_SUPERVISOR_CHILD(&counters), .name = "counters" }.
 *
 * Returns  what the supervisor is to know.
 * Parks    until it is up.
 * Context  a supervisor, which calls it; definition is a cop_partition_supervisor.
 * OTP      PartitionSupervisor.child_spec/1.
 */
COP_API cop_child_start cop_partition_supervisor_start(cop_term arg, const void *definition);
#define COP_PARTITION_SUPERVISOR_CHILD(DEFINITION) \
    .start = cop_partition_supervisor_start, .context = (DEFINITION), .type_supervisor = true

/* The partition of a key, as a destination: an integer is divided by the number of partitions, any
 * other term is hashed. The choice may change from one version to the next. Looked up at each use,
 * so it reaches what has been started anew.
 *
 * Returns  the destination. The key must live as long as it is used.
 * Exits    where it is used: {noproc, {'Elixir.PartitionSupervisor', partitions, [Name]}}.
 * Parks    no.
 * Context  any process.
 * OTP      {via, PartitionSupervisor, {Name, Key}}. Clauses SUP-119 to SUP-121.
 */
COP_API cop_dest cop_partition(const char *name, cop_term key);
extern COP_API const cop_via_module cop_partition_supervisor_via;

/* How many partitions there are now.
 *
 * Returns  the number.
 * Exits    {noproc, {'Elixir.PartitionSupervisor', partitions, [Name]}}: no such supervisor.
 * Parks    no.
 * Context  any process.
 * OTP      PartitionSupervisor.partitions/1. Clause SUP-122.
 */
COP_API int64_t cop_partition_supervisor_partitions(const char *name);

/* Have fewer partitions, or again up to as many as there were at the start: those with the highest
 * numbers are stopped, or started again. Keys go elsewhere then; what the partitions hold does not
 * go with them. One process at a time may do it.
 *
 * Returns  how many there were before.
 * Exits    badarg: partitions below 0, or more than at the start; noproc: no such supervisor; with
 *          the reason of a partition that does not start: those before it have come.
 * Parks    until they are stopped or up.
 * Context  any process but a partition.
 * OTP      PartitionSupervisor.resize!/2. Clause SUP-123.
 */
COP_API int64_t cop_partition_supervisor_resize(const char *name, int64_t partitions);

/* cop_supervisor_which_children and cop_supervisor_count_children serve this supervisor too.
 * Clause SUP-122. */

COP_END_DECLS

#endif
