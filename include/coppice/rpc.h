/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that other nodes may call, and calls of functions on other nodes: rpc and erpc.
 *
 *   static cop_term add(cop_term args) { ... }              // args is a list: [1, 2]
 *   cop_export("demo", "add", 2, add);                      // erpc:call(Node, demo, add, [1, 2])
 *
 *   sum = cop_erpc_call("n1@host", "erlang", "+", cop("[1, 2]"), 5000);
 *
 * Nothing can be called that was not exported, but for a few questions of the module erlang that
 * tell about this node (docs/guide/erlang-cluster.md). Clauses D-78 to D-82, D-106 to D-111. */
#ifndef COPPICE_RPC_H
#define COPPICE_RPC_H

#include <coppice/process.h>

COP_BEGIN_DECLS

/* An exported function: it gets the list of its arguments, and what it returns is the value. It may
 * raise (cop_exit, cop_error, cop_throw), park and do all that a process may: it runs in one of its
 * own. */
typedef cop_term cop_exported(cop_term arguments);

/* Let other nodes call fn as module:function/arity. What was exported by that name is replaced.
 *
 * Returns  0; -COP_EBADARG: no fn, or an arity outside 0 to 255; -COP_ESYSTEMLIMIT: no memory.
 * Parks    no.
 * Context  any thread; it holds until the program ends. The strings are not kept.
 * OTP      -export. Clause D-78, D-111.
 */
COP_API int cop_export(const char *module, const char *function, int arity, cop_exported *fn);

/* Call an exported function of this node in the calling process.
 *
 * Returns  its value.
 * Exits    the caller with {undef, [{Module, Function, Arguments, []}]} when there is none; as the
 *          function does.
 * Parks    as the function does.
 * Context  any process.
 * OTP      apply/3.
 */
COP_API cop_term cop_apply(cop_atom module, cop_atom function, cop_term arguments);

/* Call a function of another node, in a process of its own there.
 *
 * Returns  its value, which lives until the end of the turn.
 * Exits    the caller, as the call would have here: what it throws is thrown, an exit is
 *          exit({exception, Reason}), an error is error({exception, Reason, Stack}), undef too;
 *          error({erpc, timeout}), error({erpc, noconnection}), error({erpc, notsup}).
 * Parks    yes.
 * Options  timeout_ms; COP_INFINITY. After a time-out the process there goes on; what it gives is
 *          dropped.
 * Context  any process. The node may be this one.
 * OTP      erpc:call/5. Clauses D-81, D-106.
 */
COP_API cop_term cop_erpc_call(const char *node, const char *module, const char *function,
    cop_term arguments, int64_t timeout_ms);

/* The same on several nodes at once.
 *
 * Returns  a list in the order of nodes: {ok, Value}, {throw, Term}, {exit, {exception, Reason}},
 *          {error, {exception, Reason, Stack}} or {error, {erpc, timeout | noconnection}}.
 * Exits    the caller with badarg: nodes is no list of atoms.
 * Parks    yes.
 * Options  timeout_ms for all together.
 * Context  any process.
 * OTP      erpc:multicall/5.
 */
COP_API cop_term cop_erpc_multicall(cop_term nodes, const char *module, const char *function,
    cop_term arguments, int64_t timeout_ms);

/* Have a function run on another node, and do not wait.
 *
 * Returns  at once; nothing tells whether it ran.
 * Parks    yields.
 * Context  any process.
 * OTP      erpc:cast/4. Clause D-107.
 */
COP_API void cop_erpc_cast(
    const char *node, const char *module, const char *function, cop_term arguments);

/* As cop_erpc_call, with rpc's way of telling.
 *
 * Returns  the value; what was thrown; {badrpc, nodedown | timeout}, or {badrpc, {'EXIT', Reason}}
 *          for an error or an exit.
 * Parks    yes.
 * Options  timeout_ms.
 * Context  any process.
 * OTP      rpc:call/5.
 */
COP_API cop_term cop_rpc_call(const char *node, const char *module, const char *function,
    cop_term arguments, int64_t timeout_ms);

/* Start a process on another node, and hear of it by message: {spawn_reply, Ref, ok, Pid} or
 * {spawn_reply, Ref, error, Reason}, Reason noconnection among others.
 *
 * Returns  the reference of the request, which is the monitor's too if options say monitor.
 * Exits    the caller with badarg: options is no list.
 * Parks    yields.
 * Options  Erlang's list: link, monitor, {reply_tag, T}, and those that tune.
 * Context  any process. Its group leader is the new process's.
 * OTP      spawn_request/5. Clause D-81.
 */
COP_API cop_ref cop_spawn_request_at(
    cop_atom node, cop_atom module, cop_atom function, cop_term arguments, cop_term options);

/* Give up a request whose answer has not come; when it comes, the ties are undone.
 *
 * Returns  false: it was answered already, or is none of the caller's.
 * Parks    no.
 * Context  the process that made it.
 * OTP      spawn_request_abandon/1.
 */
COP_API bool cop_spawn_request_abandon(cop_ref request);

/* The same, waiting for the answer.
 *
 * Returns  0 and *ret_pid; -COP_ENOCONNECTION; -COP_EBADARG (badopt), -COP_ESYSTEMLIMIT or -ENOTSUP
 *          as that node says. With monitor, *ret_monitor (or NULL).
 * Parks    yes.
 * Options  as for cop_spawn_request_at.
 * Context  any process.
 * OTP      spawn/4, spawn_link/4, spawn_opt/5, spawn_monitor/4, which give a pid that ends with
 *          noconnection where this returns an error.
 */
COP_API int cop_spawn_at(cop_pid *ret_pid, cop_ref *ret_monitor, cop_atom node, cop_atom module,
    cop_atom function, cop_term arguments, cop_term options);

COP_END_DECLS

#endif
