/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of functions across nodes: what they are when they arrive here (D-106 to D-108), and how
 * ours are made (D-81). Layer 6.
 *
 * The result of erpc travels as the exit reason of the process that ran the function, in the exit
 * of the monitor that came with the spawn. */
#include <coppice/gen.h>

#include "dist/exports.h"
#include "dist/nodes.h"
#include "proc/far.h"
#include "proc/proc.h"
#include "term/atoms.h"

/* --- Here, for another node
 * ------------------------------------------------------------------------- */

/* {Res, return, Value} and so on. */
static cop_term result_of(cop_term res, cop_atom module, cop_atom function, cop_term arguments)
{
    cop_term caught = cop__apply_caught(module, function, arguments);
    cop_term items[4] = { res };
    size_t size = cop_tuple_size(caught);

    for (size_t i = 0; i < size; i++)
        items[1 + i] = cop_tuple_at(caught, i);
    return cop_tuple_from(items, 1 + size);
}

void cop__run_requested(cop_atom module, cop_atom function, cop_term arguments)
{
    cop_term res, args;
    cop_atom m, f;

    if (module.index == COP__ATOM_erpc && function.index == COP__ATOM_execute_call &&
        cop_match(arguments, "[Res, M, F, Args]", &res, &m, &f, &args))
        cop_exit(result_of(res, m, f, args));
    if (module.index == COP__ATOM_erpc && function.index == COP__ATOM_execute_cast &&
        cop_match(arguments, "[M, F, Args]", &m, &f, &args))
        cop_apply(m, f, args);
    else if (module.index == COP__ATOM_proc_lib && function.index == COP__ATOM_init_p &&
             cop_match(arguments, "[_, _, M, F, Args]", &m, &f, &args))
        cop_apply(m, f, args);
    else /* also erlang:apply(Fun, Args), which is not exported: no fun runs in C */
        cop_apply(module, function, arguments);
    cop_exit(cop("normal"));
}

/* --- From here: processes on other nodes
 * --------------------------------------------------------------- */

/* {Options for the wire, Tag}: what only concerns who asks is not sent (D-79). */
static cop_term wire_options(cop_term options, cop_term *ret_tag)
{
    cop_term option, list = cop_nil();

    *ret_tag = COP_NONE;
    if (!cop_is_proper_list(options))
        cop_error(cop("badarg"));
    while (cop_list_next(&option, &options)) {
        if (cop_match(option, "{reply_tag, Tag}", ret_tag) || cop_match(option, "{reply, _}"))
            continue;
        list = cop_cons(option, list);
    }
    return cop_list_reverse(list);
}

static size_t arity_of(cop_term arguments)
{
    size_t arity;

    if (!cop_list_length(&arity, arguments))
        cop_error(cop("badarg"));
    return arity;
}

cop_ref cop_spawn_request_at(
    cop_atom node, cop_atom module, cop_atom function, cop_term arguments, cop_term options)
{
    cop_term tag, wire = wire_options(options, &tag);
    cop_pid leader = cop__wire_leader();
    cop_term entry = cop("{M, F, Arity}", module, function, (int64_t)arity_of(arguments));
    cop_term rest = cop("{Leader, Options, Arguments}", leader, wire, arguments);
    struct cop__thr *self;
    struct cop__proc *proc;
    struct cop__monitor *monitor;
    cop_ref ref;

    self = (struct cop__thr *)cop__enter();
    proc = self->current;
    if (!proc) {
        cop__leave();
        cop__badarg("spawn_request");
    }
    monitor = cop__monitor_new(self, proc);
    monitor->spawning = true;
    monitor->node = node;
    if (!cop_is_none(tag))
        monitor->tag = cop__msg_new(self, COP__PLAIN, tag);
    ref.id = monitor->ref;
    monitor->connection = cop__far_join(proc, node.index);
    if (monitor->connection)
        cop__cluster()->signal(&(const struct cop__far_signal){ .kind = COP__FAR_SEND_SPAWN,
            .connection = monitor->connection,
            .node = node.index,
            .from = cop__word(cop__id_of(proc)),
            .to = entry,
            .ref = cop__word(ref.id),
            .reason = rest });
    else
        cop__far_spawn_failed(self, proc, monitor);
    cop__charge(self, 1);
    cop__leave();
    return ref;
}

bool cop_spawn_request_abandon(cop_ref request)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;
    struct cop__monitor *monitor = proc ? cop__monitor_find(proc, request.id) : NULL;
    bool was = monitor && monitor->spawning;

    if (was)
        cop__monitor_drop(self, proc, monitor);
    cop__leave();
    return was;
}

static int spawn_error(cop_term reason)
{
    if (cop_match(reason, "noconnection"))
        return -COP_ENOCONNECTION;
    if (cop_match(reason, "system_limit"))
        return -COP_ESYSTEMLIMIT;
    return cop_match(reason, "notsup") ? -ENOTSUP : -COP_EBADARG;
}

int cop_spawn_at(cop_pid *ret_pid, cop_ref *ret_monitor, cop_atom node, cop_atom module,
    cop_atom function, cop_term arguments, cop_term options)
{
    cop_ref ref = cop_spawn_request_at(node, module, function, arguments, options);
    cop_receive_scan scan = cop_receive_begin_ref(COP_INFINITY, ref);
    cop_term message, reason;

    if (ret_monitor)
        *ret_monitor = ref;
    while (cop_receive_next(&message, &scan)) {
        bool started = cop_match(message, "{spawn_reply, Ref, ok, Pid}", ref, ret_pid);

        if (started || cop_match(message, "{spawn_reply, Ref, error, Reason}", ref, &reason)) {
            cop_receive_take(&scan);
            return started ? 0 : spawn_error(reason);
        }
    }
    return -COP_ENOCONNECTION;
}

/* --- erpc and rpc
 * ---------------------------------------------------------------------------------------- */

/* What came of it, as multicall lists it. */
static cop_term outcome_of(cop_term reason, cop_ref res)
{
    cop_term value, stack;

    if (cop_match(reason, "{Res, return, Value}", res, &value))
        return cop("{ok, Value}", value);
    if (cop_match(reason, "{Res, throw, Value}", res, &value))
        return cop("{throw, Value}", value);
    if (cop_match(reason, "{Res, exit, Value}", res, &value))
        return cop("{exit, {exception, Value}}", value);
    if (cop_match(reason, "{Res, error, Value, Stack}", res, &value, &stack))
        return cop("{error, {exception, Value, Stack}}", value, stack);
    if (cop_match(reason, "noconnection"))
        return cop("{error, {erpc, noconnection}}");
    return cop("{exit, {signal, Reason}}", reason);
}

struct request {
    cop_ref ref, res;
    bool here;
};

static void local_main(cop_term arg)
{
    cop_term res, arguments;
    cop_atom module, function;

    cop_must(cop_match(arg, "{Res, M, F, Args}", &res, &module, &function, &arguments));
    cop_exit(result_of(res, module, function, arguments));
}

static struct request ask(cop_atom node, cop_atom module, cop_atom function, cop_term arguments)
{
    struct request request = { .res = cop_make_ref(), .here = node.index == cop_node().index };

    if (request.here)
        cop_spawn_monitor(local_main,
            cop("{Res, M, F, Args}", request.res, module, function, arguments), &request.ref);
    else
        request.ref = cop_spawn_request_at(node, cop_atom_new("erpc"), cop_atom_new("execute_call"),
            cop("[Res, M, F, Args]", request.res, module, function, arguments),
            cop("[monitor, {reply, error_only}]"));
    return request;
}

static cop_term await(struct request request, int64_t timeout_ms)
{
    cop_receive_scan scan = cop_receive_begin_ref(timeout_ms, request.ref);
    cop_term message, reason;

    while (cop_receive_next(&message, &scan)) {
        if (cop_match(message, "{'DOWN', Ref, process, _, Reason}", request.ref, &reason)) {
            cop_receive_take(&scan);
            return outcome_of(reason, request.res);
        }
        if (cop_match(message, "{spawn_reply, Ref, error, Reason}", request.ref, &reason)) {
            cop_receive_take(&scan);
            return cop("{error, {erpc, Reason}}", reason);
        }
    }
    if (!cop_spawn_request_abandon(request.ref))
        cop_demonitor_flush(request.ref);
    return cop("{error, {erpc, timeout}}");
}

static cop_term call(const char *node, const char *module, const char *function, cop_term arguments,
    int64_t timeout_ms)
{
    return await(ask(cop_atom_new(node), cop_atom_new(module), cop_atom_new(function), arguments),
        timeout_ms);
}

cop_term cop_erpc_call(const char *node, const char *module, const char *function,
    cop_term arguments, int64_t timeout_ms)
{
    cop_term outcome = call(node, module, function, arguments, timeout_ms);
    cop_term value;

    if (cop_match(outcome, "{ok, Value}", &value))
        return value;
    if (cop_match(outcome, "{throw, Value}", &value))
        cop_throw(value);
    if (cop_match(outcome, "{exit, Value}", &value))
        cop_exit(value);
    cop_error(cop_tuple_at(outcome, 1));
}

cop_term cop_erpc_multicall(cop_term nodes, const char *module, const char *function,
    cop_term arguments, int64_t timeout_ms)
{
    size_t count = arity_of(nodes), i = 0;
    struct request *requests = cop_alloc((count + 1) * sizeof *requests);
    int64_t deadline_ms = cop_monotonic_ms() + timeout_ms;
    cop_term list = cop_nil(), node;
    cop_atom atom;

    for (cop_term rest = nodes; cop_list_next(&node, &rest);)
        if (!cop_to_atom(&atom, node))
            cop_error(cop("badarg"));
    for (cop_term rest = nodes; cop_list_next(&node, &rest) && cop_to_atom(&atom, node);)
        requests[i++] = ask(atom, cop_atom_new(module), cop_atom_new(function), arguments);
    for (i = 0; i < count; i++) {
        int64_t left_ms =
            timeout_ms == COP_INFINITY ? COP_INFINITY : deadline_ms - cop_monotonic_ms();

        list = cop_cons(await(requests[i], left_ms < COP_INFINITY ? 0 : left_ms), list);
    }
    cop_free(requests);
    return cop_list_reverse(list);
}

void cop_erpc_cast(const char *node, const char *module, const char *function, cop_term arguments)
{
    cop_atom to = cop_atom_new(node);
    cop_term list = cop("[M, F, Args]", cop_atom_new(module), cop_atom_new(function), arguments);

    if (to.index == cop_node().index)
        cop_spawn(local_main,
            cop("{[], M, F, Args}", cop_atom_new(module), cop_atom_new(function), arguments));
    else
        cop_spawn_request_abandon(cop_spawn_request_at(
            to, cop_atom_new("erpc"), cop_atom_new("execute_cast"), list, cop("[]")));
}

cop_term cop_rpc_call(const char *node, const char *module, const char *function,
    cop_term arguments, int64_t timeout_ms)
{
    cop_term outcome = call(node, module, function, arguments, timeout_ms);
    cop_term value, stack;

    if (cop_match(outcome, "{ok, Value}", &value) || cop_match(outcome, "{throw, Value}", &value))
        return value;
    if (cop_match(outcome, "{exit, {exception, Value}}", &value))
        return cop("{badrpc, {'EXIT', Value}}", value);
    if (cop_match(outcome, "{exit, {signal, Value}}", &value))
        return cop("{badrpc, {'EXIT', Value}}", value);
    if (cop_match(outcome, "{error, {exception, Value, Stack}}", &value, &stack))
        return cop("{badrpc, {'EXIT', {Value, Stack}}}", value, stack);
    if (cop_match(outcome, "{error, {erpc, noconnection}}"))
        return cop("{badrpc, nodedown}");
    cop_must(cop_match(outcome, "{error, {erpc, Reason}}", &value));
    return cop("{badrpc, Reason}", value);
}
