/* SPDX-License-Identifier: Apache-2.0 */
/* The registered processes that other nodes expect beside net_kernel: rex (D-109), user (D-112) and
 * logger_proxy (D-113). Layer 6. */
#include <coppice/gen_server.h>
#include <coppice/log.h>

#include <stdio.h>

#include "dist/exports.h"
#include "dist/io_format.h"
#include "dist/nodes.h"
#include "term/atoms.h"

/* --- rex: calls of old, and of nodes written with libei
 * ---------------------------------------------------- */

static cop_term run_call(cop_atom module, cop_atom function, cop_term arguments)
{
    cop_term caught = cop__apply_caught(module, function, arguments), value, stack;

    if (cop_match(caught, "{return, Value}", &value) || cop_match(caught, "{throw, Value}", &value))
        return value;
    if (cop_match(caught, "{error, Reason, Stack}", &value, &stack))
        return cop("{badrpc, {'EXIT', {Reason, Stack}}}", value, stack);
    return cop("{badrpc, {'EXIT', Reason}}", cop_tuple_at(caught, 1));
}

/* {From, M, F, Args}: in a process of its own, so that one that lasts holds up nobody. */
static void call_main(cop_term arg)
{
    cop_term from, arguments;
    cop_atom module, function;

    cop_must(cop_match(arg, "{From, M, F, Args}", &from, &module, &function, &arguments));
    cop_reply_to(from, run_call(module, function, arguments));
}

/* {To, M, F, Args} */
static void old_call_main(cop_term arg)
{
    cop_atom module, function;
    cop_term arguments;
    cop_pid to;

    cop_must(cop_match(arg, "{To, M, F, Args}", &to, &module, &function, &arguments));
    cop_send(to, cop("{rex, Value}", run_call(module, function, arguments)));
}

static cop_step rex_init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    cop_set_group_leader(cop_self(), cop_self());
    return cop_ok();
}

static cop_step rex_handle_call(void *state, cop_term request)
{
    cop_atom module, function;
    cop_term arguments;

    (void)state;
    if (cop_match(request, "{block_call, M, F, Args, _}", &module, &function, &arguments))
        return cop_reply(run_call(module, function, arguments));
    if (!cop_match(request, "{call, M, F, Args, _}", &module, &function, &arguments))
        return cop_reply(cop("{error, {unknown_call, Request}}", request));
    cop_spawn(call_main, cop("{From, M, F, Args}", cop_caller(), module, function, arguments));
    return cop_noreply();
}

static cop_step rex_handle_info(void *state, cop_term message)
{
    cop_term arguments, name, request;
    cop_atom module, function;
    cop_pid from, pid;

    (void)state;
    if (cop_match(message, "{From, {call, M, F, Args, _}}", &from, &module, &function, &arguments))
        cop_spawn(old_call_main, cop("{From, M, F, Args}", from, module, function, arguments));
    else if (cop_match(message, "{From, features_request}", &from))
        cop_send(from, cop("{features_reply, Node, [erpc]}", cop_node()));
    else if (cop_match(message, "{From, {sbcast, Name, Request}}", &from, &name, &request)) {
        bool there = cop_whereis_to(&pid, cop_dest(name));

        if (there)
            cop_send(pid, request);
        cop_send(
            from, cop("{rex, Node, What}", cop_node(),
                      there ? cop_from_atom(cop_node()) : cop("{nonexisting_name, Name}", name)));
    }
    return cop_noreply();
}

static const cop_gen_server rex = {
    .name = "rex",
    .module = "rpc",
    .init = rex_init,
    .handle_call = rex_handle_call,
    .handle_info = rex_handle_info,
};

/* --- user: what processes started elsewhere with our group leader print
 * ------------------------------------- */

static cop_term print(bool good, cop_bytes text)
{
    if (!good)
        return cop("{error, {put_chars, unicode, badarg}}");
    fwrite(text.data, 1, text.size, stdout);
    fflush(stdout);
    return cop("ok");
}

static cop_term do_request(cop_term request);

static cop_term do_requests(cop_term list)
{
    cop_term result = cop("ok"), request;

    while (cop_list_next(&request, &list) && !cop_match(result, "{error, _}"))
        result = do_request(request);
    return result;
}

/* A request that is not known gets {error, request}, one that reads enotsup. */
static cop_term do_request(cop_term request)
{
    cop_term format, arguments, list;
    cop_bytes text = { NULL, 0 };

    if (cop_match(request, "{put_chars, _, io_lib, format, [Format, Args]}", &format, &arguments) ||
        cop_match(request, "{put_chars, io_lib, format, [Format, Args]}", &format, &arguments))
        return print(cop__io_format(&text, format, arguments), text);
    if (cop_match(request, "{put_chars, _, Text}", &list) ||
        cop_match(request, "{put_chars, Text}", &list))
        return print(cop_to_text(&text, list), text);
    if (cop_match(request, "{requests, [_ | _]}"))
        return do_requests(cop_tuple_at(request, 1));
    if (cop_match(request, "getopts"))
        return cop("[{binary, false}, {echo, false}, {encoding, unicode}]");
    if (cop_match(request, "{get_geometry, _}") || cop_match(request, "{get_line, _, _}") ||
        cop_match(request, "{get_chars, _, _, _}") ||
        cop_match(request, "{get_until, _, _, _, _, _}"))
        return cop("{error, enotsup}");
    return cop("{error, request}");
}

static void user_main(cop_term arg)
{
    cop_term reply_as, request;
    cop_pid from;

    (void)arg;
    cop_set_group_leader(cop_self(), cop_self());
    cop_register("user", cop_self());
    for (;;) {
        cop_term message = cop_receive();

        if (cop_match(message, "{io_request, From, ReplyAs, Request}", &from, &reply_as, &request))
            cop_send(from, cop("{io_reply, ReplyAs, Reply}", reply_as, do_request(request)));
        cop_turn_end();
    }
}

cop_pid cop__wire_leader(void)
{
    cop_pid leader = cop_group_leader(), user;

    if (!leader.node && cop_whereis_to(&user, cop_dest_name("user")))
        return user;
    return leader;
}

/* --- logger_proxy: log events of processes whose group leader is here
 * ------------------------------------------ */

static void log_message(cop_term message)
{
    cop_term level, format, arguments;
    cop_bytes text;

    if (cop_match(message, "{log, Level, Format, Args, _}", &level, &format, &arguments) &&
        cop__io_format(&text, format, arguments))
        cop_log(COP_LOG_NOTICE, "%s: %.*s", cop_show(level), COP_STR(text));
    else if (cop_match(message, "{log, Level, Report, _}", &level, &format))
        cop_log_report(COP_LOG_NOTICE, cop("#{level => Level, message => Report}", level, format),
            cop_map_new());
}

static void logger_main(cop_term arg)
{
    (void)arg;
    cop_set_group_leader(cop_self(), cop_self());
    cop_register("logger_proxy", cop_self());
    for (;;) {
        log_message(cop_receive());
        cop_turn_end();
    }
}

void cop__services_start(void)
{
    cop_pid pid;

    if (!cop_whereis_to(&pid, cop_dest_name("rex")))
        cop_gen_server_start_link(&pid, &rex, cop("[]"));
    if (!cop_whereis_to(&pid, cop_dest_name("user")))
        cop_spawn_link(user_main, cop("[]"));
    if (!cop_whereis_to(&pid, cop_dest_name("logger_proxy")))
        cop_spawn_link(logger_main, cop("[]"));
}

bool cop__keeps_the_node(uint64_t id)
{
    static const cop_atom names[] = { { COP__ATOM_net_kernel }, { COP__ATOM_rex },
        { COP__ATOM_user }, { COP__ATOM_logger_proxy } };
    cop_pid named;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (cop_whereis_to(&named, cop_dest_atom(names[i])) && named.id == id)
            return true;
    return false;
}
