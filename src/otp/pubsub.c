/* SPDX-License-Identifier: Apache-2.0 */
/* Publish and subscribe, as Phoenix.PubSub with its PG2 adapter (PS-1 to PS-8, D-128 to D-131).
 * Layer 5.
 *
 * Subscriptions lie in a registry with duplicate keys. Each node has a process in each of pool_size
 * process groups; a broadcast goes to the members of one group, and each runs it over the
 * subscribers of its node. */
#include <coppice/pubsub.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <coppice/gen_server.h>
#include <coppice/pg.h>
#include <coppice/registry.h>

#define SCOPE "Elixir.Phoenix.PubSub"

enum { NAME_SIZE = 256, POOL_MAX = 1024 };

/* The registry of a definition. It is never freed: the registry may end after us. */
struct registry {
    struct registry *next;
    const struct cop_pubsub *of;
    cop_registry definition;
    char meta[64];
};

static _Atomic(struct registry *) registries;

static const cop_registry *registry_of(const struct cop_pubsub *of, int pool)
{
    struct registry *first = atomic_load(&registries), *registry = first;

    while (registry && registry->of != of)
        registry = registry->next;
    if (registry)
        return &registry->definition;
    registry = calloc(1, sizeof *registry);
    if (!registry)
        cop_exit(cop("system_limit"));
    registry->of = of;
    snprintf(registry->meta, sizeof registry->meta, "[{pool_size, %d}]", pool);
    registry->definition =
        (cop_registry){ .name = of->name, .keys = COP_DUPLICATE_BY_KEY, .meta = registry->meta };
    registry->next = first;
    while (!atomic_compare_exchange_weak(&registries, &registry->next, registry))
        ;
    return &registry->definition;
}

/* The name of a group, and of the process in it: from 1; Elixir.NAME.Adapter, ..._2 and so on. */
static cop_atom group_name(const char *pubsub, int number)
{
    static const char prefix[] = "Elixir.";
    const char *name =
        strncmp(pubsub, prefix, sizeof prefix - 1) == 0 ? pubsub + sizeof prefix - 1 : pubsub;
    char text[NAME_SIZE];

    if (number == 1)
        snprintf(text, sizeof text, "%s%s.Adapter", prefix, name);
    else
        snprintf(text, sizeof text, "%s%s.Adapter_%d", prefix, name, number);
    return cop_atom_new(text);
}

static cop_term binary(const char *topic)
{
    return cop_binary(topic, strlen(topic));
}

/* --- Here
 * ------------------------------------------------------------------------------------------ */

/* Any dispatcher is the default one (D-131). arg is {Except, Message}. */
static void deliver(cop_term entries, cop_term arg)
{
    cop_term entry, message = cop_tuple_at(arg, 1);
    cop_pid except = { 0, 0 }, pid;

    cop_to_pid(&except, cop_tuple_at(arg, 0));
    while (cop_list_next(&entry, &entries))
        if (cop_to_pid(&pid, cop_tuple_at(entry, 0)) && pid.id != except.id)
            cop_send(pid, message);
}

static void deliver_here(const char *pubsub, cop_pid except, cop_term topic, cop_term message)
{
    cop_term arg =
        except.id ? cop("{Except, Message}", except, message) : cop("{none, Message}", message);

    cop_registry_dispatch(pubsub, topic, deliver, arg, false);
}

/* --- The process in a group
 * --------------------------------------------------------------------------- */

/* {PubSub, Group} */
static void adapter_main(cop_term arg)
{
    static const cop_pid nobody;
    cop_term topic, message;
    cop_atom pubsub, group;
    const char *name;

    cop_must(cop_match(arg, "{PubSub, Group}", &pubsub, &group));
    name = cop_atom_text(pubsub).data; /* for ever */
    cop_register(cop_atom_text(group).data, cop_self());
    cop_pg_join(SCOPE, cop_from_atom(group), cop_self());
    for (;; cop_turn_end())
        if (cop_match(cop_receive(), "{forward_to_local, Topic, Message, _}", &topic, &message))
            deliver_here(name, nobody, topic, message);
}

static cop_step init(void *state, cop_term arg)
{
    const struct cop_pubsub *definition;
    uint64_t word = 0;
    cop_term reason;
    cop_pid pid;
    int pool;

    (void)state;
    cop_to_uint(&word, arg);
    definition = (const struct cop_pubsub *)(uintptr_t)word;
    pool = definition->pool_size ? definition->pool_size : 1;
    if (!definition->name || pool < 1 || pool > POOL_MAX)
        return cop_init_error(cop("badarg"));
    cop_pg_start(&pid, SCOPE, NULL); /* one for all, and for who comes later */
    if (cop_registry_start_link(&pid, registry_of(definition, pool), &reason) < 0)
        return cop_init_error(reason);
    for (int i = 1; i <= pool; i++)
        cop_spawn_link(adapter_main, cop("{PubSub, Group}", cop_atom_new(definition->name),
                                         group_name(definition->name, i)));
    return cop_ok();
}

static cop_step handle_call(void *state, cop_term request)
{
    (void)state;
    return cop_unhandled(request);
}

static const cop_gen_server server = {
    .module = "pubsub",
    .init = init,
    .handle_call = handle_call,
};

int cop_pubsub_start_link(
    cop_pid *ret_pid, const struct cop_pubsub *definition, cop_term *ret_error)
{
    return cop_gen_server_start_with(
        ret_pid, NULL, &server, cop_uint((uint64_t)(uintptr_t)definition), 1, NULL, ret_error);
}

cop_child_start cop_pubsub_start_child(cop_term arg, const void *context)
{
    cop_term reason = COP_NONE;
    cop_pid pid = { 0, 0 };
    int error = cop_pubsub_start_link(&pid, context, &reason);

    (void)arg;
    return cop_child_started(error, pid, reason);
}

/* --- What processes ask for
 * ------------------------------------------------------------------------------ */

void cop_pubsub_subscribe(const char *pubsub, const char *topic)
{
    cop_registry_register(NULL, pubsub, binary(topic), cop_nil());
}

void cop_pubsub_unsubscribe(const char *pubsub, const char *topic)
{
    cop_registry_unregister(pubsub, binary(topic));
}

static cop_term forward(const char *topic, cop_term message)
{
    return cop(
        "{forward_to_local, Topic, Message, 'Elixir.Phoenix.PubSub'}", binary(topic), message);
}

/* To the one member of each other node, of one group (D-129, D-130). */
static void broadcast_far(const char *pubsub, const char *topic, cop_term message)
{
    cop_term size = cop_registry_meta(pubsub, cop("pool_size")), members, item,
             forwarded = COP_NONE;
    int64_t pool = 1;
    cop_pid pid;

    cop_to_int(&pool, size);
    members = cop_pg_members(SCOPE,
        cop_from_atom(
            group_name(pubsub, 1 + (int)cop_phash2(cop_from_pid(cop_self()), (uint32_t)pool))));
    while (cop_list_next(&item, &members))
        if (cop_to_pid(&pid, item) && pid.node) {
            if (cop_is_none(forwarded))
                forwarded = forward(topic, message);
            cop_send(pid, forwarded);
        }
}

void cop_pubsub_broadcast_from(
    const char *pubsub, cop_pid from, const char *topic, cop_term message)
{
    broadcast_far(pubsub, topic, message);
    deliver_here(pubsub, from, binary(topic), message);
}

void cop_pubsub_broadcast(const char *pubsub, const char *topic, cop_term message)
{
    static const cop_pid nobody;

    cop_pubsub_broadcast_from(pubsub, nobody, topic, message);
}

void cop_pubsub_local_broadcast(const char *pubsub, const char *topic, cop_term message)
{
    static const cop_pid nobody;

    deliver_here(pubsub, nobody, binary(topic), message);
}

void cop_pubsub_direct_broadcast(
    const char *pubsub, cop_atom node, const char *topic, cop_term message)
{
    if (node.index == cop_node().index)
        cop_pubsub_local_broadcast(pubsub, topic, message);
    else
        cop_send_to(cop_dest_term(cop("{Name, Node}", group_name(pubsub, 1), node)),
            forward(topic, message));
}
