/* SPDX-License-Identifier: Apache-2.0 */
/* Partition supervisors: SUP-116 to SUP-123. Layer 5. One is a supervisor whose children enter
 * themselves in a table of its name, where the callers look; no process is asked for the way.
 *
 *   {partitions, Now, AtStart}
 *   {Partition, Pid} */
#include <coppice/ets.h>
#include <coppice/partition_supervisor.h>
#include <coppice/runtime.h>
#include <string.h>

#include "otp/supervisor_int.h"

enum { PARTITIONS_MAX = 1000000 };

static const cop_partition_supervisor *definition_of(cop_term address)
{
    int64_t number;

    cop_must(cop_to_int(&number, address));
    return (const cop_partition_supervisor *)(uintptr_t)number;
}

static cop_term table_of(const char *name)
{
    return cop_from_atom(cop_atom_new(name));
}

/* --- The supervisor --------------------------------------------------------------------------- */

/* In the supervisor, at each start of a partition. */
static cop_child_start start_partition(cop_term arg, const void *context)
{
    const cop_partition_supervisor *definition = context;
    const struct cop__spec_rules rules = { .auto_shutdown = COP_NEVER, .simple = true };
    cop_child child = definition->child;
    cop_term args, reason, partition;
    struct cop__start started;
    struct cop__spec spec;
    int64_t number;

    cop_must(cop_match(arg, "{Number, Arg}", &number, &child.arg_term));
    child.anonymous = true;
    child.arg = NULL;
    if (definition->with_arguments)
        child.arg_term = definition->with_arguments(child.arg_term, number);
    if (!cop__spec_from_struct(&spec, &args, &child, &rules, &reason))
        return (cop_child_start){ .result = COP_CHILD_ERROR, .info = reason };
    started = cop__start_one(&spec, args);
    partition = cop_int(number);
    if (started.result == COP__START_ERROR)
        return (cop_child_start){ .result = COP_CHILD_ERROR, .info = started.reason };
    if (started.result == COP__START_IGNORE) {
        cop_ets_delete(table_of(definition->name), partition);
        return (cop_child_start){ .result = COP_CHILD_IGNORE };
    }
    cop_ets_insert(table_of(definition->name), cop("{Partition, Pid}", partition, started.pid));
    return (cop_child_start){ .result = COP_CHILD_OK, .pid = started.pid, .info = started.info };
}

static int64_t count_of(const cop_partition_supervisor *definition)
{
    struct cop_node_statistics statistics;

    if (definition->partitions)
        return definition->partitions;
    cop_statistics(&statistics);
    return (int64_t)statistics.schedulers;
}

static cop_term argument_of(const cop_child *child)
{
    cop_term arg = cop_is_none(child->arg_term) ? cop_nil() : child->arg_term;

    if (child->arg)
        cop_must(cop_parse(&arg, (cop_bytes){ child->arg, strlen(child->arg) }, NULL));
    return arg;
}

/* The table belongs to the supervisor; public, since who resizes writes to it. */
static bool make(cop_supervisor *flags, cop_child **ret_children, cop_term arg)
{
    const cop_partition_supervisor *definition = definition_of(arg);
    int64_t count = count_of(definition);
    cop_term table = cop_ets_new(
        definition->name, .named = true, .access = COP_PUBLIC, .read_concurrency = true);

    cop_ets_insert(table, cop("{partitions, Count, Count}", count));
    flags->strategy = definition->strategy;
    flags->intensity = definition->intensity ? definition->intensity : 3;
    flags->period_s = definition->period_s;
    *ret_children = cop_alloc((size_t)(count + 1) * sizeof **ret_children);
    for (int64_t i = 0; i < count; i++)
        (*ret_children)[i] = (cop_child){ .id = cop_int(i),
            .start = start_partition,
            .context = definition,
            .arg_term = cop("{I, Arg}", i, argument_of(&definition->child)),
            .restart = definition->child.restart,
            .shutdown_ms = definition->child.shutdown_ms,
            .type_supervisor =
                definition->child.type_supervisor || definition->child.supervisor != NULL };
    return true;
}

static const cop_supervisor tree = { .init = make };

static bool has_start(const cop_child *child)
{
    return child->gen_server || child->supervisor || child->process || child->start;
}

int cop_partition_supervisor_start_link(
    cop_pid *ret_pid, const cop_partition_supervisor *definition, cop_term *ret_error)
{
    if (!definition->name || !has_start(&definition->child) || definition->partitions < 0 ||
        definition->partitions > PARTITIONS_MAX)
        cop_error(cop("badarg"));
    return cop_supervisor_start_link_as(
        ret_pid, &tree, definition->name, cop_int((int64_t)(uintptr_t)definition), ret_error);
}

cop_child_start cop_partition_supervisor_start(cop_term arg, const void *definition)
{
    cop_term reason = COP_NONE;
    cop_pid pid = { 0, 0 };
    int error = cop_partition_supervisor_start_link(&pid, definition, &reason);

    (void)arg;
    return cop_child_started(error, pid, reason);
}

/* --- Callers ---------------------------------------------------------------------------------- */

struct look {
    cop_term table, key, row;
};

static void look_up(void *arg)
{
    struct look *look = arg;

    look->row = cop_ets_lookup(look->table, look->key);
}

/* noproc, where the table is not there. */
static cop_term row_of(cop_term name, cop_term key)
{
    struct look look = { name, key, COP_NONE };
    cop_term reason, stack;

    if (cop_try(look_up, &look, &reason, &stack) != COP_CLASS_NONE)
        cop_exit(cop("{noproc, {'Elixir.PartitionSupervisor', partitions, [Name]}}", name));
    return look.row;
}

static int64_t count_now(cop_term name, int64_t *ret_most)
{
    int64_t count;

    if (!cop_match(row_of(name, cop("partitions")), "[{_, Count, Most}]", &count, ret_most))
        cop_exit(cop("{noproc, {'Elixir.PartitionSupervisor', partitions, [Name]}}", name));
    return count;
}

int64_t cop_partition_supervisor_partitions(const char *name)
{
    int64_t most;

    return count_now(table_of(name), &most);
}

/* An integer of any size: rem(abs(Key), Count). */
static int64_t choose(cop_term key, int64_t count)
{
    size_t size = cop_integer_bytes(key, NULL, 0);
    unsigned char *bytes;
    uint64_t rest = 0;

    if (cop_type_of(key) != COP_TYPE_INTEGER)
        return cop_phash2(key, (uint32_t)count);
    bytes = cop_alloc(size + 1);
    cop_integer_bytes(key, bytes, size);
    while (size > 0)
        rest = (rest << 8 | bytes[--size]) % (uint64_t)count;
    cop_free(bytes);
    return (int64_t)rest;
}

static bool whereis_name(cop_pid *ret_pid, cop_term name)
{
    cop_term supervisor, key;
    int64_t count, most;

    if (!cop_match(name, "{Supervisor, Key}", &supervisor, &key))
        cop_error(cop("badarg"));
    count = count_now(supervisor, &most);
    if (count == 0)
        cop_error(cop("badarg")); /* SUP-123 */
    return cop_match(row_of(supervisor, cop_int(choose(key, count))), "[{_, Pid}]", ret_pid);
}

static bool register_name(cop_term name, cop_pid pid)
{
    (void)name, (void)pid;
    cop_error(cop("badarg")); /* its partitions are all there are: SUP-121 */
}

static void unregister_name(cop_term name)
{
    (void)name;
    cop_error(cop("badarg"));
}

const cop_via_module cop_partition_supervisor_via = {
    .name = "Elixir.PartitionSupervisor",
    .register_name = register_name,
    .unregister_name = unregister_name,
    .whereis_name = whereis_name,
};

cop_dest cop_partition(const char *name, cop_term key)
{
    return cop_via(&cop_partition_supervisor_via, cop("{Name, Key}", table_of(name), key));
}

/* Keys go elsewhere before a partition is stopped, and there only when it is up. */
int64_t cop_partition_supervisor_resize(const char *name, int64_t partitions)
{
    cop_term table = table_of(name), reason = COP_NONE;
    int64_t most, before = count_now(table, &most);

    if (partitions < 0 || partitions > most)
        cop_error(cop("badarg"));
    if (partitions < before)
        cop_ets_insert(table, cop("{partitions, Now, Most}", partitions, most));
    for (int64_t i = before - 1; i >= partitions; i--)
        cop_supervisor_terminate_child(cop_dest(name), cop_int(i), NULL);
    for (int64_t i = before; i < partitions; i++) {
        if (cop_supervisor_restart_child(NULL, cop_dest(name), cop_int(i), &reason) < 0)
            cop_exit(reason);
        cop_ets_insert(table, cop("{partitions, Now, Most}", i + 1, most));
    }
    return before;
}
