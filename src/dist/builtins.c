/* SPDX-License-Identifier: Apache-2.0 */
/* What every node answers without having exported it: questions about itself (D-110). Layer 6. */
#include <coppice/net_kernel.h>
#include <coppice/runtime.h>

#include <string.h>

#include "dist/exports.h"
#include "dist/nodes.h"

static COP_NORETURN void badarg(void)
{
    cop_error(cop("badarg"));
}

static cop_pid pid_of(cop_term term)
{
    cop_pid pid;

    if (!cop_to_pid(&pid, term))
        badarg();
    return pid;
}

static cop_term node(cop_term arguments)
{
    (void)arguments;
    return cop_from_atom(cop_node());
}

static cop_term nodes(cop_term arguments)
{
    (void)arguments;
    return cop_nodes();
}

static cop_term nodes_of(cop_term arguments)
{
    static const char *const names[] = { "visible", "hidden", "connected", "this", "known" };
    static const unsigned kinds[] = { COP_NODES_VISIBLE, COP_NODES_HIDDEN, COP_NODES_CONNECTED,
        COP_NODES_THIS, COP_NODES_KNOWN };
    cop_term wanted = cop__argument(arguments, 0), one;
    unsigned all = 0;

    if (cop_type_of(wanted) == COP_TYPE_ATOM)
        wanted = cop_cons(wanted, cop_nil());
    while (cop_list_next(&one, &wanted)) {
        cop_bytes text;
        size_t i = 0;

        if (!cop_to_text(&text, one))
            badarg();
        while (
            i < 5 && (strlen(names[i]) != text.size || memcmp(names[i], text.data, text.size) != 0))
            i++;
        if (i == 5)
            badarg();
        all |= kinds[i];
    }
    return cop_nodes_of(all);
}

static cop_term whereis(cop_term arguments)
{
    cop_atom name;
    cop_pid pid;

    if (!cop_to_atom(&name, cop__argument(arguments, 0)))
        badarg();
    return cop_whereis_to(&pid, cop_dest_atom(name)) ? cop_from_pid(pid) : cop("undefined");
}

static cop_term registered(cop_term arguments)
{
    (void)arguments;
    return cop_registered();
}

static cop_term processes(cop_term arguments)
{
    (void)arguments;
    return cop_processes();
}

static cop_term is_process_alive(cop_term arguments)
{
    return cop_bool(cop_is_alive(pid_of(cop__argument(arguments, 0))));
}

static cop_term or_undefined(cop_term info)
{
    return cop_is_none(info) ? cop("undefined") : info;
}

static cop_term process_info_1(cop_term arguments)
{
    cop_term items =
        cop("[current_function, initial_call, status, message_queue_len, links, dictionary, "
            "trap_exit, group_leader, total_heap_size, heap_size, stack_size, reductions]");

    return or_undefined(cop_process_info_list(pid_of(cop__argument(arguments, 0)), items));
}

static cop_term process_info_2(cop_term arguments)
{
    cop_pid pid = pid_of(cop__argument(arguments, 0));
    cop_term item = cop__argument(arguments, 1);
    cop_bytes text;
    char name[64];

    if (cop_is_proper_list(item))
        return or_undefined(cop_process_info_list(pid, item));
    if (!cop_to_text(&text, item) || text.size >= sizeof name)
        badarg();
    memcpy(name, text.data, text.size);
    name[text.size] = 0;
    return or_undefined(cop_process_info(pid, name));
}

static cop_term exit_2(cop_term arguments)
{
    cop_pid pid = pid_of(cop__argument(arguments, 0));

    if (cop__keeps_the_node(pid.id))
        badarg();
    cop_exit_signal(pid, cop__argument(arguments, 1));
    return cop("true");
}

static cop_term send_2(cop_term arguments)
{
    cop_send_to(cop_dest(cop__argument(arguments, 0)), cop__argument(arguments, 1));
    return cop__argument(arguments, 1);
}

/* The release whose protocol is spoken (D-110); the version is our own. */
static cop_term system_info(cop_term arguments)
{
    struct cop_node_statistics now;
    cop_term item = cop__argument(arguments, 0);

    cop_statistics(&now);
    if (cop_match(item, "otp_release"))
        return cop("\"27\"");
    if (cop_match(item, "version"))
        return cop_string(cop_version());
    if (cop_match(item, "system_version"))
        return cop_string("Coppice");
    if (cop_match(item, "creation"))
        return cop_int(cop__net.creation);
    if (cop_match(item, "process_count"))
        return cop_uint(now.processes);
    if (cop_match(item, "schedulers") || cop_match(item, "schedulers_online"))
        return cop_uint(now.schedulers);
    if (cop_match(item, "wordsize"))
        return cop_int(sizeof(void *));
    badarg();
}

static cop_term get_cookie_is_secret(cop_term arguments)
{
    (void)arguments;
    return cop("nocookie");
}

void cop__export_builtins(void)
{
    static const struct {
        const char *function;
        int arity;
        cop_exported *fn;
    } all[] = {
        { "node", 0, node },
        { "nodes", 0, nodes },
        { "nodes", 1, nodes_of },
        { "whereis", 1, whereis },
        { "registered", 0, registered },
        { "processes", 0, processes },
        { "is_process_alive", 1, is_process_alive },
        { "process_info", 1, process_info_1 },
        { "process_info", 2, process_info_2 },
        { "exit", 2, exit_2 },
        { "send", 2, send_2 },
        { "!", 2, send_2 },
        { "system_info", 1, system_info },
        { "get_cookie", 0, get_cookie_is_secret },
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cop__export_default("erlang", all[i].function, all[i].arity, all[i].fn);
    cop__export_observer();
}
