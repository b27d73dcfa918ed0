/* SPDX-License-Identifier: Apache-2.0 */
/* Publish and subscribe over all nodes of a cluster, with Phoenix.PubSub of Elixir nodes too: by
 * its adapter that lies on process groups (PG2), and the same names.
 *
 *   static const struct cop_pubsub pubsub = { .name = "Elixir.MyApp.PubSub" };
 *   { .name = "pubsub", .start = cop_pubsub_start_child, .context = &pubsub }
 *
 *   cop_pubsub_subscribe("Elixir.MyApp.PubSub", "room:1");
 *   cop_pubsub_broadcast("Elixir.MyApp.PubSub", "room:1", cop("{said, hello}"));
 *
 * Messages are delivered as they are. Those of one sender to one topic arrive in order (PS-4).
 * Clauses PS-1, PS-2, PS-4, PS-7, PS-8, D-128 to D-131. */
#ifndef COPPICE_PUBSUB_H
#define COPPICE_PUBSUB_H

#include <coppice/supervisor.h>

COP_BEGIN_DECLS

/* What a PubSub is; it must live as long as the process. */
struct cop_pubsub {
    const char *name; /* an Elixir module with its Elixir. in front, or a plain atom */
    int pool_size;    /* 0: 1. The same on all nodes (PS-11) */
};

/* Start a PubSub, linked to the caller: a registry of that name, the scope of process groups
 * 'Elixir.Phoenix.PubSub' if there is none yet, and pool_size processes that take what other nodes
 * broadcast.
 *
 * Returns  0 and *ret_pid; a negative error and *ret_error, which may be NULL, as
 *          cop_gen_server_start_with.
 * Parks    until it is up.
 * Context  any process.
 * OTP      Phoenix.PubSub.Supervisor.start_link/1. Clause D-128.
 */
COP_API int cop_pubsub_start_link(
    cop_pid *ret_pid, const struct cop_pubsub *definition, cop_term *ret_error);

/* The same for a child specification; context is a struct cop_pubsub.
 *
 * Returns  what the supervisor is to know.
 * Parks    until it is up.
 * Options  arg is not looked at.
 * Context  a supervisor.
 * OTP      {Phoenix.PubSub, name: Name}.
 */
COP_API cop_child_start cop_pubsub_start_child(cop_term arg, const void *context);

/* Have messages of a topic sent to the calling process, and have them no more. Who subscribes twice
 * gets each twice; unsubscribing ends all.
 *
 * Exits    the caller with badarg: no such PubSub.
 * Parks    no.
 * Context  any process; its end ends it.
 * OTP      Phoenix.PubSub.subscribe/2, unsubscribe/2. Clause PS-1.
 */
COP_API void cop_pubsub_subscribe(const char *pubsub, const char *topic);
COP_API void cop_pubsub_unsubscribe(const char *pubsub, const char *topic);

/* Send a message to all who subscribe to a topic: on all nodes; on all but to one process; on this
 * node; on one node.
 *
 * Exits    the caller with badarg: no such PubSub here.
 * Parks    yes: the scope of process groups is asked. local_ does not.
 * Context  any process.
 * OTP      Phoenix.PubSub.broadcast/3, broadcast_from/4, local_broadcast/3, direct_broadcast/4.
 *          Clauses PS-2, PS-8, D-129, D-130.
 */
COP_API void cop_pubsub_broadcast(const char *pubsub, const char *topic, cop_term message);
COP_API void cop_pubsub_broadcast_from(
    const char *pubsub, cop_pid from, const char *topic, cop_term message);
COP_API void cop_pubsub_local_broadcast(const char *pubsub, const char *topic, cop_term message);
COP_API void cop_pubsub_direct_broadcast(
    const char *pubsub, cop_atom node, const char *topic, cop_term message);

COP_END_DECLS

#endif
