/* SPDX-License-Identifier: Apache-2.0 */
/* What all behaviours share: call, cast, reply. The wire protocol is OTP's; a local call takes the
 * runtime's short way (one block that comes back as the reply), which shows the same to both sides.
 */
#include <coppice/gen.h>

#include "otp/gen_int.h"
#include "otp/hooks.h"

cop_atom cop__gen_call_label(void)
{
    static cop_atom label;

    if (__builtin_expect(!label.index, 0))
        label = cop_atom_new("$gen_call");
    return label;
}

cop_atom cop__gen_cast_label(void)
{
    static cop_atom label;

    if (__builtin_expect(!label.index, 0))
        label = cop_atom_new("$gen_cast");
    return label;
}

/* Erlang's timeout of an option: 0 stands for the default. */
int64_t cop__gen_timeout(int64_t timeout_ms)
{
    return timeout_ms == 0 ? COP__GEN_TIMEOUT_MS : timeout_ms == COP_AT_ONCE ? 0 : timeout_ms;
}

/* The node of a server that is not on this one. */
static bool is_far(cop_atom *ret_node, cop_dest server)
{
    enum cop_dest_kind kind = cop_dest_kind_of(server);

    if (kind == COP_DEST_PID)
        *ret_node = cop_pid_node(cop_dest_pid_of(server));
    else if (kind == COP_DEST_REMOTE_NAME)
        *ret_node = cop_dest_node_of(server);
    else
        return false;
    return ret_node->index != cop_node().index;
}

/* A call to another node, as OTP makes it: a monitor, whose reference is the alias that the reply
 * comes through (D-97, D-100). */
static enum cop_call_outcome call_far(cop_term *ret, cop_dest server, cop_atom node, cop_atom label,
    cop_term request, int64_t timeout_ms)
{
    static const struct cop_monitor_options options = { .alias = COP_REPLY_DEMONITOR };
    cop_ref ref = cop_monitor_with(server, &options);
    enum cop_response response;
    cop_term result;

    cop_send_to(
        server, cop("{Label, {Self, [alias | Ref]}, Request}", label, cop_self(), ref, request));
    response = cop_receive_response(&result, ref, timeout_ms);
    if (response == COP_RESPONSE) {
        *ret = result;
        return COP_CALL_REPLY;
    }
    if (response == COP_RESPONSE_TIMEOUT) {
        *ret = cop("timeout");
        return COP_CALL_TIMEOUT;
    }
    *ret = cop_tuple_at(result, 0);
    if (cop_match(*ret, "noconnection"))
        *ret = cop("{nodedown, Node}", node);
    return COP_CALL_DOWN;
}

enum cop_call_outcome cop__gen_call(
    cop_term *ret, cop_dest server, cop_atom label, cop_term request, int64_t timeout_ms)
{
    cop_atom node;
    cop_pid pid;

    if (cop_dest_kind_of(server) == COP_DEST_PID) {
        pid = cop_dest_pid_of(server);
    } else if (!cop_whereis_to(&pid, server)) {
        server = cop__dest_or_elsewhere(server);
        if (is_far(&node, server))
            return call_far(ret, server, node, label, request, timeout_ms);
        *ret = cop("noproc"); /* GS-36 */
        return COP_CALL_DOWN;
    }
    if (__builtin_expect(pid.node != 0, 0) && is_far(&node, cop_dest_pid(pid)))
        return call_far(ret, cop_dest_pid(pid), node, label, request, timeout_ms); /* GS-39 */
    if (__builtin_expect(pid.id == cop_self().id, 0)) {
        *ret = cop("calling_self"); /* GS-40 */
        return COP_CALL_DOWN;
    }
    return cop_process_call(ret, pid, label, request, timeout_ms);
}

/* A callback may follow, and raise in its turn; here nobody would hear of it: so it is caught. The
 * end of the process is not gone on with: it is the last thing, also when memory fails in it. */
void cop__gen_go_on(struct cop__going_on *on)
{
    cop_term reason, stack;

    for (;;) {
        bool ends = on->kind == COP_CLASS_ERROR || on->kind == COP_CLASS_EXIT;

        on->kind = cop_try(on->go_on, on, &reason, &stack);
        if (on->kind == COP_CLASS_NONE)
            return;
        if (*on->terminating || ends)
            cop_raise(on->kind, reason, stack); /* outside of the try */
        on->reason = reason;
        on->stack = stack;
    }
}

/* {Reason, {Module, Function, [Server, Request]}}, with the time-out when one was given: GS-35. */
static COP_NORETURN void call_failed(
    cop_term reason, cop_dest server, cop_term request, int64_t timeout_ms)
{
    cop_term target = cop_dest_show(server);

    if (timeout_ms == 0)
        cop_exit(cop("{Reason, {gen_server, call, [Server, Request]}}", reason, target, request));
    if (timeout_ms == COP_INFINITY)
        cop_exit(cop(
            "{Reason, {gen_server, call, [Server, Request, infinity]}}", reason, target, request));
    cop_exit(cop("{Reason, {gen_server, call, [Server, Request, Timeout]}}", reason, target,
        request, cop__gen_timeout(timeout_ms)));
}

cop_term cop_call_to(cop_dest server, cop_term request, const struct cop_call_options *options)
{
    int64_t timeout_ms = options ? options->timeout_ms : 0;
    cop_term reply;

    if (__builtin_expect(cop_dest_kind_of(server) == COP_DEST_NONE ||
                             (timeout_ms < COP_INFINITY && timeout_ms != COP_AT_ONCE),
            0))
        call_failed(cop("{function_clause, []}"), server, request, timeout_ms); /* GS-41 */
    if (__builtin_expect(cop__gen_call(&reply, server, cop__gen_call_label(), request,
                             cop__gen_timeout(timeout_ms)) != COP_CALL_REPLY,
            0))
        call_failed(reply, server, request, timeout_ms);
    return reply;
}

bool cop_try_call_to(
    cop_term *ret, cop_dest server, cop_term request, const struct cop_call_options *options)
{
    return cop__gen_call(ret, server, cop__gen_call_label(), request,
               cop__gen_timeout(options ? options->timeout_ms : 0)) == COP_CALL_REPLY;
}

static enum cop_send_result cast_with(cop_dest server, cop_term request, unsigned flags)
{
    cop_pid pid;

    if (cop_dest_kind_of(server) == COP_DEST_NONE)
        cop_error(cop("function_clause")); /* GS-46 */
    if (cop_dest_kind_of(server) != COP_DEST_REMOTE_NAME && cop_whereis_to(&pid, server))
        return cop_process_cast(pid, cop__gen_cast_label(), request, flags);
    server = cop__dest_or_elsewhere(server);
    if (cop_dest_kind_of(server) == COP_DEST_REMOTE_NAME)
        return cop_send_flags(server, cop("{'$gen_cast', Request}", request), flags);
    return COP_SEND_OK; /* GS-45: who is not there is not told of */
}

void cop_cast_to(cop_dest server, cop_term request)
{
    cast_with(server, request, 0);
}

bool cop_try_cast_to(cop_dest server, cop_term request)
{
    return cast_with(server, request, COP_NOSUSPEND) == COP_SEND_OK;
}

cop_term cop_caller(void)
{
    return cop_current_from();
}

void cop_reply_to(cop_term from, cop_term reply)
{
    cop_process_reply(from, reply);
}
