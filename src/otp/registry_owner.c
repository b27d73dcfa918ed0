/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of a registry (REG-01, REG-09, REG-29 to REG-31, REG-33): a supervisor, and for
 * each partition an owner, which has the tables, is linked to who is registered, and serves locks.
 */
#include <string.h>

#include "otp/registry_int.h"

struct owner {
    cop_term registry, entries, processes; /* kept */
    cop_term locks; /* kept: a map of keys to [{From, Monitor}], the holder first */
};

/* --- The owner of a partition ----------------------------------------------------------------- */

static cop_step init(void *state, cop_term arg)
{
    struct owner *owner = state;
    cop_term name, listeners, entries, processes;
    int64_t index, keys, partitions;

    cop_must(cop_match(arg, "{Name, Index, Keys, Partitions, Listeners}", &name, &index, &keys,
        &partitions, &listeners));
    entries =
        cop_ets_new("registry_entries", .type = keys == COP_UNIQUE ? COP_SET : COP_DUPLICATE_BAG,
            .access = COP_PUBLIC, .read_concurrency = true, .write_concurrency = true);
    processes = cop_ets_new("registry_processes", .type = COP_DUPLICATE_BAG, .access = COP_PUBLIC,
        .read_concurrency = true, .write_concurrency = true);
    cop_keep(&owner->registry, name);
    cop_keep(&owner->entries, entries);
    cop_keep(&owner->processes, processes);
    cop_keep(&owner->locks, cop_map_new());
    cop_ets_insert(name, cop("{Index, Owner, Entries, Processes, Keys, Partitions, Listeners}",
                             index, cop_self(), entries, processes, keys, partitions, listeners));
    return cop_ok();
}

/* A process has ended: all it had goes. */
static void clean_up(const struct owner *owner, cop_pid pid)
{
    cop_term rows = cop_ets_take(owner->processes, cop_from_pid(pid)), row, key, entries, entry;

    while (cop_list_next(&row, &rows)) {
        cop_term found;

        cop_must(cop_match(row, "{_, Key, Entries}", &key, &entries));
        found = cop_ets_lookup(entries, key);
        while (cop_list_next(&entry, &found))
            if (cop_match(entry, "{_, {Pid, _}}", pid))
                cop_ets_delete_object(entries, entry);
    }
}

/* --- Locks: REG-31 ---------------------------------------------------------------------------- */

static cop_term waiters(const struct owner *owner, cop_term key)
{
    cop_term list;

    return cop_map_get(&list, owner->locks, key) ? list : cop_nil();
}

static void set_waiters(struct owner *owner, cop_term key, cop_term list)
{
    cop_keep(&owner->locks, cop_type_of(list) == COP_TYPE_NIL
                                ? cop_map_remove(owner->locks, key)
                                : cop_map_put(owner->locks, key, list));
}

static cop_step lock(struct owner *owner, cop_term key)
{
    cop_term list = waiters(owner, key), from = cop_caller();
    cop_pid pid;
    cop_term entry;

    cop_must(cop_match(from, "{Pid, _}", &pid));
    entry = cop("{From, Monitor, Pid}", from, cop_monitor(pid), pid);
    set_waiters(owner, key, cop_list_append(list, cop_cons(entry, cop_nil())));
    return cop_type_of(list) == COP_TYPE_NIL ? cop_reply(cop("locked")) : cop_noreply();
}

/* Without those of pid; whoever is the first then has the lock. */
static void leave(struct owner *owner, cop_term key, cop_pid pid)
{
    cop_term list = waiters(owner, key), left = cop_nil(), entry, first = COP_NONE, from;
    cop_ref monitor;
    cop_pid who;
    bool had = true, is_first = true;

    while (cop_list_next(&entry, &list)) {
        cop_must(cop_match(entry, "{_, Monitor, Who}", &monitor, &who));
        if (who.id == pid.id) {
            cop_demonitor_flush(monitor);
            had = is_first ? false : had; /* the holder goes */
        } else {
            if (cop_is_none(first))
                first = entry;
            left = cop_cons(entry, left);
        }
        is_first = false;
    }
    if (!had && !cop_is_none(first) && cop_match(first, "{From, _, _}", &from))
        cop_reply_to(from, cop("locked"));
    set_waiters(owner, key, cop_list_reverse(left));
}

static cop_step handle_call(void *state, cop_term request)
{
    cop_term key;

    if (cop_match(request, "{lock, Key}", &key))
        return lock(state, key);
    return cop_unhandled(request);
}

static cop_step handle_cast(void *state, cop_term request)
{
    cop_term key;
    cop_pid pid;

    if (!cop_match(request, "{unlock, Key, Pid}", &key, &pid))
        return cop_unhandled(request);
    leave(state, key, pid);
    return cop_noreply();
}

static void leave_all(struct owner *owner, cop_pid pid)
{
    cop_term locks = cop_copy(owner->locks), key, list;

    for (cop_map_iterator i = cop_map_begin(locks); cop_map_next(&key, &list, &i);)
        leave(owner, key, pid);
}

static cop_step handle_info(void *state, cop_term message)
{
    cop_pid pid;

    if (cop_match(message, "{'EXIT', Pid, _}", &pid))
        clean_up(state, pid);
    else if (cop_match(message, "{'DOWN', _, process, Pid, _}", &pid))
        leave_all(state, pid);
    return cop_noreply();
}

static const cop_gen_server partition = {
    .module = "registry_partition",
    .state_size = sizeof(struct owner),
    .init = init,
    .handle_call = handle_call,
    .handle_cast = handle_cast,
    .handle_info = handle_info,
    .trap_exit = true,
};

/* --- The supervisor --------------------------------------------------------------------------- */

static void put_meta(cop_term table, const char *text)
{
    cop_term list = cop_nil(), pair, key, value;

    if (text)
        cop_must(cop_parse(&list, (cop_bytes){ text, strlen(text) }, NULL));
    while (cop_list_next(&pair, &list)) {
        cop_must(cop_match(pair, "{Key, Value}", &key, &value));
        cop_ets_insert(table, cop("{Key, Value}", key, value));
    }
}

static cop_term listeners_of(const cop_registry *definition)
{
    cop_term list = cop_nil();

    for (size_t i = 0; definition->listeners && definition->listeners[i]; i++)
        list = cop_cons(cop_from_atom(cop_atom_new(definition->listeners[i])), list);
    return cop_list_reverse(list);
}

/* The table belongs to the supervisor, which runs this each time it starts. */
static bool make(cop_supervisor *flags, cop_child **ret_children, cop_term arg)
{
    const cop_registry *definition;
    int64_t address, count;
    cop_term table;

    cop_must(cop_to_int(&address, arg));
    definition = (const cop_registry *)(uintptr_t)address;
    count = definition->partitions ? definition->partitions : 1;
    table = cop_ets_new(
        definition->name, .named = true, .access = COP_PUBLIC, .read_concurrency = true);
    put_meta(table, definition->meta);
    flags->strategy = definition->keys == COP_UNIQUE ? COP_ONE_FOR_ALL : COP_ONE_FOR_ONE;
    *ret_children = cop_alloc((size_t)(count + 1) * sizeof **ret_children);
    for (int64_t i = 0; i < count; i++)
        (*ret_children)[i] = (cop_child){ .id = cop_int(i),
            .gen_server = &partition,
            .anonymous = true,
            .arg_term = cop("{Name, Index, Keys, Partitions, Listeners}", table, i,
                (int64_t)definition->keys, count, listeners_of(definition)) };
    return true;
}

static const cop_supervisor tree = { .init = make };

static bool is_meta(const char *text)
{
    cop_term list = cop_nil(), pair;

    if (text && cop_parse(&list, (cop_bytes){ text, strlen(text) }, NULL) < 0)
        return false;
    while (cop_list_next(&pair, &list))
        if (cop_tuple_size(pair) != 2)
            return false;
    return cop_type_of(list) == COP_TYPE_NIL;
}

int cop_registry_start_link(cop_pid *ret_pid, const cop_registry *definition, cop_term *ret_error)
{
    if (!definition->name || definition->partitions < 0 || !is_meta(definition->meta) ||
        definition->keys < COP_UNIQUE || definition->keys > COP_DUPLICATE_BY_KEY)
        cop_error(cop("badarg"));
    return cop_supervisor_start_link_as(
        ret_pid, &tree, definition->name, cop_int((int64_t)(uintptr_t)definition), ret_error);
}

cop_child_start cop_registry_start_child(cop_term arg, const void *definition)
{
    cop_term reason = COP_NONE;
    cop_pid pid = { 0, 0 };
    int error = cop_registry_start_link(&pid, definition, &reason);

    (void)arg;
    return cop_child_started(error, pid, reason);
}
