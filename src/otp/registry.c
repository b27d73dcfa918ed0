/* SPDX-License-Identifier: Apache-2.0 */
/* What processes do with a registry (REG-02 to REG-32). Layer 5. All of it is done in the caller,
 * on the tables of registry_int.h; the owners only clean up and serve locks. */
#include <coppice/match_spec.h>
#include <coppice/task.h>
#include <stdio.h>

#include "otp/registry_int.h"

/* --- Which tables ----------------------------------------------------------------------------- */

/* The row of a partition. It is read on every operation: by position, not by pattern. */
static cop_term row_of(cop_term name, int64_t index, struct cop__partition *ret_partition)
{
    cop_term rows = cop_ets_lookup(name, cop_int(index)), row;

    if (!cop_list_next(&row, &rows) || cop_tuple_size(row) != 7)
        cop_error(cop("badarg"));
    cop_must(cop_to_pid(&ret_partition->owner, cop_tuple_at(row, 1)));
    ret_partition->entries = cop_tuple_at(row, 2);
    ret_partition->processes = cop_tuple_at(row, 3);
    return row;
}

struct cop__registry cop__registry_find(const char *name)
{
    struct cop__registry registry = { .name = cop_from_atom(cop_atom_new(name)) };
    cop_term row = row_of(registry.name, 0, &registry.first);
    int64_t keys = 0;

    cop_must(cop_to_int(&keys, cop_tuple_at(row, 4)));
    cop_must(cop_to_int(&registry.partitions, cop_tuple_at(row, 5)));
    registry.keys = (enum cop_registry_keys)keys;
    registry.listeners = cop_tuple_at(row, 6);
    return registry;
}

struct cop__partition cop__registry_partition(const struct cop__registry *registry, int64_t index)
{
    struct cop__partition partition = registry->first;

    if (index > 0)
        row_of(registry->name, index, &partition);
    return partition;
}

static int64_t hash(const struct cop__registry *registry, cop_term term)
{
    return registry->partitions == 1 ? 0 : cop_phash2(term, (uint32_t)registry->partitions);
}

struct cop__partition cop__registry_for(
    const struct cop__registry *registry, cop_term key, cop_pid pid)
{
    return cop__registry_partition(
        registry, hash(registry, registry->keys == COP_DUPLICATE ? cop_from_pid(pid) : key));
}

int64_t cop__registry_of_key(const struct cop__registry *registry, cop_term key, int64_t *ret_first)
{
    *ret_first = registry->keys == COP_DUPLICATE ? 0 : hash(registry, key);
    return registry->keys == COP_DUPLICATE ? registry->partitions : 1;
}

/* --- Registering ------------------------------------------------------------------------------ */

static void tell_listeners(const struct cop__registry *registry, cop_term message)
{
    cop_term listeners = registry->listeners, name;

    while (cop_list_next(&name, &listeners))
        cop_send_to(cop_dest_term(name), message); /* badarg where it is not registered: REG-27 */
}

/* The key is the caller's, or *ret_pid is who has it. An entry of a process that has ended does not
 * count (REG-04). */
static bool take_unique(cop_term entries, cop_term key, cop_term entry, cop_pid *ret_pid)
{
    while (!cop_ets_insert_new(entries, entry)) {
        cop_term rows = cop_ets_lookup(entries, key), row;

        if (!cop_list_next(&row, &rows) || !cop_match(row, "{_, {Pid, _}}", ret_pid))
            continue; /* it has gone meanwhile */
        if (cop_is_alive(*ret_pid))
            return false;
        cop_ets_delete_object(entries, row);
    }
    return true;
}

int cop_registry_register(cop_pid *ret_pid, const char *name, cop_term key, cop_term value)
{
    struct cop__registry registry = cop__registry_find(name);
    struct cop__partition partition = cop__registry_for(&registry, key, cop_self());
    cop_term entry = cop("{Key, {Self, Value}}", key, cop_self(), value);
    cop_term process = cop("{Self, Key, Entries}", cop_self(), key, partition.entries);
    cop_pid holder = { 0, 0 };

    cop_link(partition.owner);
    if (registry.keys == COP_UNIQUE) {
        bool mine = cop_ets_member(partition.processes, cop_from_pid(cop_self()));

        cop_ets_insert(partition.processes, process); /* REG-B */
        if (!take_unique(partition.entries, key, entry, &holder)) {
            cop_ets_delete_object(partition.processes, process);
            if (holder.id == cop_self().id) /* the row of its entry went too */
                cop_ets_insert(partition.processes, process);
            if (!mine)
                cop_unlink(partition.owner);
            if (ret_pid)
                *ret_pid = holder;
            return -COP_EALREADY;
        }
    } else {
        cop_ets_insert(partition.processes, process);
        cop_ets_insert(partition.entries, entry);
    }
    if (ret_pid)
        *ret_pid = partition.owner;
    tell_listeners(&registry,
        cop("{register, Name, Key, Self, Value}", registry.name, key, cop_self(), value));
    return 0;
}

/* The caller's entries of a key for which `spec` is true (NULL: all) go; so many stay. */
static size_t take_out(const struct cop__partition *partition, cop_term key, cop_match_spec *spec)
{
    cop_term rows = cop_ets_lookup(partition->entries, key), row, result;
    size_t left = 0;

    while (cop_list_next(&row, &rows)) {
        if (!cop_match(row, "{_, {Self, _}}", cop_self()))
            continue;
        if (spec && !cop_match_spec_run_one(&result, spec, row))
            left++;
        else
            cop_ets_delete_object(partition->entries, row);
    }
    return left;
}

static void unregister(const char *name, cop_term key, cop_match_spec *spec)
{
    struct cop__registry registry = cop__registry_find(name);
    struct cop__partition partition = cop__registry_for(&registry, key, cop_self());
    cop_term process = cop("{Self, Key, Entries}", cop_self(), key, partition.entries);
    bool had = cop_ets_member(partition.processes, cop_from_pid(cop_self()));
    size_t left = take_out(&partition, key, spec);

    cop_ets_delete_object(partition.processes, process);
    for (size_t i = 0; i < left; i++)
        cop_ets_insert(partition.processes, process);
    if (had && !cop_ets_member(partition.processes, cop_from_pid(cop_self())))
        cop_unlink(partition.owner); /* REG-10 */
    tell_listeners(&registry, cop("{unregister, Name, Key, Self}", registry.name, key, cop_self()));
}

/* Of {Key, {Pid, Value}}, by the value. */
static cop_match_spec *compile(cop_term pattern, cop_term guards)
{
    cop_match_spec *spec =
        cop_match_spec_compile(cop("[{{'_', {'_', Pattern}}, Guards, [{element, 2, '$_'}]}]",
            pattern, cop_is_none(guards) ? cop_nil() : guards));

    if (!spec)
        cop_error(cop("badarg"));
    return spec;
}

void cop_registry_unregister(const char *registry, cop_term key)
{
    unregister(registry, key, NULL);
}

void cop_registry_unregister_match(
    const char *registry, cop_term key, cop_term pattern, cop_term guards)
{
    cop_match_spec *spec = compile(pattern, guards);

    unregister(registry, key, spec);
    cop_match_spec_free(spec);
}

/* --- Looking ---------------------------------------------------------------------------------- */

/* {Pid, Value} of each entry of a key in one partition, before those of `list`. */
static cop_term entries_of(
    const struct cop__registry *registry, int64_t index, cop_term key, cop_term list)
{
    struct cop__partition partition = cop__registry_partition(registry, index);
    cop_term rows = cop_ets_lookup(partition.entries, key), row;

    while (cop_list_next(&row, &rows))
        list = cop_cons(cop_tuple_at(row, 1), list);
    return list;
}

cop_term cop_registry_lookup(const char *name, cop_term key)
{
    struct cop__registry registry = cop__registry_find(name);
    int64_t first, count = cop__registry_of_key(&registry, key, &first);
    cop_term list = cop_nil(), entry;

    if (registry.keys == COP_UNIQUE) {
        entry = cop_ets_lookup_element(
            cop__registry_partition(&registry, first).entries, key, 2, cop_nil());
        return cop_type_of(entry) == COP_TYPE_NIL ? entry : cop_cons(entry, list);
    }
    for (int64_t i = first; i < first + count; i++)
        list = entries_of(&registry, i, key, list);
    return cop_list_reverse(list);
}

cop_term cop_registry_match(const char *name, cop_term key, cop_term pattern, cop_term guards)
{
    struct cop__registry registry = cop__registry_find(name);
    int64_t first, count = cop__registry_of_key(&registry, key, &first);
    cop_match_spec *spec = compile(pattern, guards);
    cop_term list = cop_nil();

    for (int64_t i = first; i < first + count; i++) {
        struct cop__partition partition = cop__registry_partition(&registry, i);

        list =
            cop_list_append(cop_match_spec_run(cop_ets_lookup(partition.entries, key), spec), list);
    }
    cop_match_spec_free(spec);
    return list;
}

int64_t cop_registry_count_match(
    const char *registry, cop_term key, cop_term pattern, cop_term guards)
{
    size_t count = 0;

    cop_list_length(&count, cop_registry_match(registry, key, pattern, guards));
    return (int64_t)count;
}

cop_term cop_registry_keys_of(const char *name, cop_pid pid)
{
    struct cop__registry registry = cop__registry_find(name);
    cop_term list = cop_nil(), rows, row;

    for (int64_t i = 0; i < registry.partitions; i++) {
        struct cop__partition partition = cop__registry_partition(&registry, i);

        rows = cop_ets_lookup(partition.processes, cop_from_pid(pid));
        while (cop_list_next(&row, &rows))
            list = cop_cons(cop_tuple_at(row, 1), list);
    }
    return cop_list_reverse(list);
}

cop_term cop_registry_values(const char *name, cop_term key, cop_pid pid)
{
    struct cop__registry registry = cop__registry_find(name);
    struct cop__partition partition = cop__registry_for(&registry, key, pid);
    cop_term rows = cop_ets_lookup(partition.entries, key), row, value, list = cop_nil();

    while (cop_list_next(&row, &rows))
        if (cop_match(row, "{_, {Pid, Value}}", pid, &value))
            list = cop_cons(value, list);
    return cop_list_reverse(list);
}

int64_t cop_registry_count(const char *name)
{
    struct cop__registry registry = cop__registry_find(name);
    int64_t sum = 0, size;

    for (int64_t i = 0; i < registry.partitions; i++) {
        struct cop__partition partition = cop__registry_partition(&registry, i);

        if (cop_to_int(&size, cop_ets_info_item(partition.entries, cop("size"))))
            sum += size;
    }
    return sum;
}

/* {{Key, Pid, Value}, Guards, Body} as one over {Key, {Pid, Value}}. */
static cop_term entry_spec(cop_term spec)
{
    cop_term made = cop_nil(), clause, key, pid, value, guards, body;

    while (cop_list_next(&clause, &spec)) {
        if (!cop_match(
                clause, "{{Key, Pid, Value}, Guards, Body}", &key, &pid, &value, &guards, &body))
            cop_error(cop("badarg"));
        made = cop_cons(
            cop("{{Key, {Pid, Value}}, Guards, Body}", key, pid, value, guards, body), made);
    }
    return cop_list_reverse(made);
}

cop_term cop_registry_select(const char *name, cop_term spec)
{
    struct cop__registry registry = cop__registry_find(name);
    cop_term entries = entry_spec(spec), list = cop_nil();

    for (int64_t i = 0; i < registry.partitions; i++)
        list = cop_list_append(
            cop_ets_select(cop__registry_partition(&registry, i).entries, entries), list);
    return list;
}

int64_t cop_registry_count_select(const char *name, cop_term spec)
{
    struct cop__registry registry = cop__registry_find(name);
    cop_term entries = entry_spec(spec);
    int64_t sum = 0;

    for (int64_t i = 0; i < registry.partitions; i++)
        sum += cop_ets_select_count(cop__registry_partition(&registry, i).entries, entries);
    return sum;
}

/* --- Values, dispatch, meta ------------------------------------------------------------------- */

cop_term cop_registry_update_value(
    const char *name, cop_term key, cop_registry_update_fn *fn, cop_term arg)
{
    struct cop__registry registry = cop__registry_find(name);
    struct cop__partition partition;
    cop_term old, made;

    if (registry.keys != COP_UNIQUE)
        cop_error(cop("badarg"));
    partition = cop__registry_for(&registry, key, cop_self());
    if (!cop_match(cop_ets_lookup(partition.entries, key), "[{_, {Self, Old}}]", cop_self(), &old))
        return cop("error");
    made = fn(old, arg);
    cop_ets_update_element(
        partition.entries, key, cop("{2, {Self, New}}", cop_self(), made), COP_NONE);
    return cop("{New, Old}", made, old);
}

static cop_term dispatch_task(cop_term arg)
{
    cop_term entries, inner;
    int64_t address;

    cop_must(cop_match(arg, "{Fn, Entries, Arg}", &address, &entries, &inner));
    ((cop_registry_dispatch_fn *)(uintptr_t)address)(entries, inner);
    return cop("ok");
}

void cop_registry_dispatch(
    const char *name, cop_term key, cop_registry_dispatch_fn *fn, cop_term arg, bool parallel)
{
    struct cop__registry registry = cop__registry_find(name);
    int64_t first, count = cop__registry_of_key(&registry, key, &first);
    cop_task *tasks = parallel ? cop_alloc((size_t)count * sizeof *tasks) : NULL;
    size_t started = 0;

    for (int64_t i = first; i < first + count; i++) {
        cop_term entries = cop_list_reverse(entries_of(&registry, i, key, cop_nil()));

        if (cop_type_of(entries) == COP_TYPE_NIL)
            continue;
        if (tasks)
            tasks[started++] = cop_task_async(
                dispatch_task, cop("{Fn, Entries, Arg}", (int64_t)(uintptr_t)fn, entries, arg));
        else
            fn(entries, arg);
    }
    if (tasks) {
        cop_task_await_many(tasks, started, COP_INFINITY);
        cop_free(tasks);
    }
}

static cop_term meta_table(const char *name, cop_term key)
{
    if (cop_type_of(key) != COP_TYPE_ATOM && cop_type_of(key) != COP_TYPE_TUPLE)
        cop_error(cop("badarg"));
    return cop__registry_find(name).name;
}

cop_term cop_registry_meta(const char *registry, cop_term key)
{
    cop_term value;

    return cop_match(cop_ets_lookup(meta_table(registry, key), key), "[{_, Value}]", &value)
               ? cop("{ok, Value}", value)
               : cop("error");
}

void cop_registry_put_meta(const char *registry, cop_term key, cop_term value)
{
    cop_ets_insert(meta_table(registry, key), cop("{Key, Value}", key, value));
}

void cop_registry_delete_meta(const char *registry, cop_term key)
{
    cop_ets_delete(meta_table(registry, key), key);
}

/* --- Names ------------------------------------------------------------------------------------ */

/* {Registry, Key} or {Registry, Key, Value}. Keys must be unique: REG-23. */
static void read_name(
    cop_term name, char *ret_registry, size_t size, cop_term *ret_key, cop_term *ret_value)
{
    cop_atom registry;
    cop_bytes text;

    *ret_value = cop("nil");
    if (!cop_match(name, "{Registry, Key}", &registry, ret_key) &&
        !cop_match(name, "{Registry, Key, Value}", &registry, ret_key, ret_value))
        cop_error(cop("badarg"));
    text = cop_atom_text(registry);
    snprintf(ret_registry, size, "%.*s", COP_STR(text));
    if (cop__registry_find(ret_registry).keys != COP_UNIQUE)
        cop_error(cop("badarg"));
}

enum { NAME_MAX_BYTES = 1024 };

static bool register_name(cop_term name, cop_pid pid)
{
    char registry[NAME_MAX_BYTES];
    cop_term key, value;

    read_name(name, registry, sizeof registry, &key, &value);
    return pid.id == cop_self().id && cop_registry_register(NULL, registry, key, value) == 0;
}

static void unregister_name(cop_term name)
{
    char registry[NAME_MAX_BYTES];
    cop_term key, value;

    read_name(name, registry, sizeof registry, &key, &value);
    cop_registry_unregister(registry, key);
}

/* Never one that has ended: REG-08. */
static bool whereis_name(cop_pid *ret_pid, cop_term name)
{
    char registry[NAME_MAX_BYTES];
    cop_term key, value;

    read_name(name, registry, sizeof registry, &key, &value);
    return cop_match(cop_registry_lookup(registry, key), "[{Pid, _}]", ret_pid) &&
           cop_is_alive(*ret_pid);
}

const cop_via_module cop_registry_via = {
    .name = "Elixir.Registry",
    .register_name = register_name,
    .unregister_name = unregister_name,
    .whereis_name = whereis_name,
};

/* --- Locks ------------------------------------------------------------------------------------ */

struct locked {
    cop_registry_locked_fn *fn;
    cop_term arg, result;
};

static void run_locked(void *arg)
{
    struct locked *locked = arg;

    locked->result = locked->fn(locked->arg);
}

cop_term cop_registry_lock(const char *name, cop_term key, cop_registry_locked_fn *fn, cop_term arg)
{
    struct cop__registry registry = cop__registry_find(name);
    struct cop__partition partition = cop__registry_partition(&registry, hash(&registry, key));
    struct locked locked = { fn, arg, COP_NONE };
    cop_term reason, stack;
    enum cop_class class;

    cop_call(partition.owner, cop("{lock, Key}", key), .timeout_ms = COP_INFINITY);
    class = cop_try(run_locked, &locked, &reason, &stack);
    cop_cast(partition.owner, cop("{unlock, Key, Self}", key, cop_self()));
    if (class != COP_CLASS_NONE)
        cop_raise(class, reason, stack);
    return locked.result;
}
