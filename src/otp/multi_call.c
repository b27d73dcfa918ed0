/* SPDX-License-Identifier: Apache-2.0 */
/* Calls and casts to one name on many nodes (GS-47 to GS-50). All requests are sent before any
 * answer is waited for. */
#include <coppice/gen.h>

static cop_term all_nodes(void)
{
    return cop_cons(cop_from_atom(cop_node()), cop_nodes());
}

void cop_abcast(cop_term nodes, const char *name, cop_term request)
{
    cop_atom node, atom = cop_atom_new(name);
    cop_term item;

    if (cop_is_none(nodes))
        nodes = all_nodes();
    while (cop_list_next(&item, &nodes))
        if (cop_to_atom(&node, item))
            cop_cast(cop("{Name, Node}", atom, node), request);
}

cop_term cop_multi_call(cop_term nodes, const char *name, cop_term request, int64_t timeout_ms)
{
    cop_requests *requests = cop_requests_new();
    cop_term replies = cop_nil(), bad = cop_nil(), item, reply, node;
    cop_atom atom = cop_atom_new(name);
    int64_t deadline_ms = cop_monotonic_ms() + timeout_ms;
    enum cop_response response;

    if (cop_is_none(nodes))
        nodes = all_nodes();
    while (cop_list_next(&item, &nodes))
        cop_requests_send_to(requests, cop_dest(cop("{Name, Node}", atom, item)), request, item);
    for (;;) {
        int64_t rest_ms =
            timeout_ms == COP_INFINITY ? COP_INFINITY : deadline_ms - cop_monotonic_ms();

        response = cop_requests_receive(
            &reply, &node, requests, rest_ms < COP_INFINITY ? 0 : rest_ms, true);
        if (response == COP_RESPONSE)
            replies = cop_cons(cop("{Node, Reply}", node, reply), replies);
        else if (response == COP_RESPONSE_ERROR)
            bad = cop_cons(node, bad);
        else
            break;
    }
    if (response == COP_RESPONSE_TIMEOUT) {
        cop_term left = cop_requests_to_list(requests), entry;

        while (cop_list_next(&entry, &left))
            bad = cop_cons(cop_tuple_at(entry, 1), bad);
    }
    cop_requests_free(requests);
    return cop("{Replies, Bad}", replies, bad);
}
