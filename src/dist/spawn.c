/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that other nodes start here (D-78 to D-82, D-106 to D-108). Layer 6.
 *
 * The new process itself makes the ties to its parent and sends the answer, before it does anything
 * else: so nothing of it can come before the answer. */
#include <coppice/rpc.h>

#include "dist/control.h"
#include "dist/exports.h"
#include "dist/nodes.h"
#include "proc/far.h"
#include "proc/proc.h"
#include "term/atoms.h"
#include "term/node.h"

enum { LINKED = 1, MONITORED = 2 };

/* Options that only tune are accepted; what is no option is badopt (D-79). */
static bool read_options(cop_term options, int *ret_ties)
{
    cop_term option;

    *ret_ties = 0;
    if (!cop_is_proper_list(options))
        return false;
    while (cop_list_next(&option, &options)) {
        if (cop_match(option, "link"))
            *ret_ties |= LINKED;
        else if (cop_match(option, "monitor") || cop_match(option, "{monitor, _}"))
            *ret_ties |= MONITORED;
        else if (cop_tuple_size(option) != 2 && cop_type_of(option) != COP_TYPE_ATOM)
            return false;
    }
    return true;
}

static void reply(uint64_t connection, cop_term request, cop_term parent, int ties, cop_term result)
{
    struct cop__peer *peer = cop__peer_of_connection(connection);
    const cop_term items[4] = { request, parent, cop_int(ties), result };

    cop__control_send(peer, connection, cop_in_process() ? cop_self().id : 0, COP__OP_SPAWN_REPLY,
        items, 4, COP_NONE);
}

/* A signal of the parent, as if it had come before the process began. */
static void tie(enum cop__msg_kind kind, uint64_t connection, cop_term term)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__msg *msg = cop__msg_new(self, kind, term);

    msg->from = cop__id_of(self->current);
    msg->ref = connection;
    cop__far_received(self, self->current, msg);
    cop__leave();
}

/* {Connection, Request, Parent, Leader, {M, F, Arity}, Ties, Arguments} */
static void spawned_main(cop_term arg)
{
    cop_term request, parent, entry, arguments;
    uint64_t connection = 0;
    cop_atom module, function;
    cop_pid leader;
    int64_t ties;

    cop_must(cop_match(arg, "{Connection, Request, Parent, Leader, {M, F, _}, Ties, Arguments}",
        &entry, &request, &parent, &leader, &module, &function, &ties, &arguments));
    cop_to_uint(&connection, entry);
    cop_set_group_leader(leader, cop_self());
    if (ties & LINKED)
        tie(COP__FAR_LINK, connection, parent);
    if (ties & MONITORED)
        tie(COP__FAR_MONITOR, connection,
            cop("{Parent, Request, Self}", parent, request, cop_self()));
    reply(connection, request, parent, (int)ties, cop_from_pid(cop_self()));
    cop__run_requested(module, function, arguments);
}

/* proc_lib:spawn: crash reports, and what may become a server (D-108). */
static bool is_proc_lib(cop_term entry)
{
    return cop_match(entry, "{proc_lib, init_p, _}");
}

void cop__spawn_requested(
    const struct cop__link_end *end, const cop_term *control, cop_term arguments)
{
    int ties;

    if (!read_options(control[5], &ties)) {
        reply(end->connection, control[1], control[2], 0, cop("badopt"));
        return;
    }
    cop_spawn_with(spawned_main,
        cop("{Connection, Request, Parent, Leader, Entry, Ties, Arguments}",
            cop_uint(end->connection), control[1], control[2], control[3], control[4],
            (int64_t)ties, arguments),
        &(const struct cop_spawn_options){ .proc_lib = is_proc_lib(control[4]) }, NULL);
}
