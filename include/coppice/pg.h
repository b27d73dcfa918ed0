/* SPDX-License-Identifier: Apache-2.0 */
/* pg: process groups. A group is any term; it exists as long as it has members. Groups live in a
 * scope, a server that is registered under the scope's name and belongs under a supervisor:
 *
 *   { .name = "chat", .start = cop_pg_start_child, .arg = "chat" }
 *   ...
 *   cop_pg_join("chat", cop("{room, 7}"), cop_self());
 *   for (cop_term m = cop_pg_members("chat", cop("{room, 7}")), pid; cop_list_next(&pid, &m);) ...
 *
 * A process may be in many groups, and in one several times: then it is in the list so often, and
 * leaves so often. It leaves all when it ends. */
#ifndef COPPICE_PG_H
#define COPPICE_PG_H

#include <coppice/supervisor.h>

COP_BEGIN_DECLS

/* Start a scope; its end is the end of its groups.
 *
 * Returns  0 and *ret_pid; -COP_EALREADY with {already_started, Pid} in *ret_error, which may be
 *          NULL.
 * Parks    until it has started.
 * Context  any process.
 * OTP      pg:start_link/1, pg:start/1. Clause PG-01.
 */
COP_API int cop_pg_start_link(cop_pid *ret_pid, const char *scope, cop_term *ret_error);
COP_API int cop_pg_start(cop_pid *ret_pid, const char *scope, cop_term *ret_error);

/* For .start of a child specification; arg is the scope's name, an atom.
 *
 * Returns  what a supervisor wants to hear.
 * Parks    until it has started.
 * Context  a supervisor.
 * OTP      the child specification of pg. Clause PG-01.
 */
COP_API cop_child_start cop_pg_start_child(cop_term arg, const void *unused);

/* Join a group, or leave it. pids is a pid or a list of pids; in a list one may stand several
 * times.
 *
 * Returns  leave: whether any of them was a member.
 * Exits    the caller with {nolocal, Pid}: of another node; with badarg: no pids; with {noproc,
 *          {gen_server, call, _}}: no such scope.
 * Parks    yes.
 * Context  any process, for any processes of this node.
 * OTP      pg:join/3, pg:leave/3. Clauses PG-02, PG-03.
 */
COP_API void cop_pg_join_these(const char *scope, cop_term group, cop_term pids);
COP_API bool cop_pg_leave_these(const char *scope, cop_term group, cop_term pids);
#ifndef __cplusplus
/* The same for a cop_pid too. */
#define cop_pg_join(SCOPE, GROUP, PIDS)  cop_pg_join_these((SCOPE), (GROUP), cop_lift(PIDS))
#define cop_pg_leave(SCOPE, GROUP, PIDS) cop_pg_leave_these((SCOPE), (GROUP), cop_lift(PIDS))
#endif

/* Who is in a group: of all nodes, or of this one.
 *
 * Returns  a list of pids in no order, [] for a group or a scope that is not there; it lives until
 *          the end of the turn.
 * Parks    yes: the scope answers.
 * Context  any process.
 * OTP      pg:get_members/2, pg:get_local_members/2. Clauses PG-04, PG-05.
 */
COP_API cop_term cop_pg_members(const char *scope, cop_term group);
COP_API cop_term cop_pg_local_members(const char *scope, cop_term group);

/* The groups that have members: of any node, or of this one.
 *
 * Returns  a list, in no order; it lives until the end of the turn.
 * Exits    the caller with badarg: no such scope.
 * Parks    yes: the scope answers.
 * Context  any process.
 * OTP      pg:which_groups/1, pg:which_local_groups/1. Clause PG-08.
 */
COP_API cop_term cop_pg_which_groups(const char *scope);
COP_API cop_term cop_pg_which_local_groups(const char *scope);

/* Hear of all who join or leave a group, or any group: {Ref, join | leave, Group, [Pid]}.
 *
 * Returns  Ref; *ret_members, which may be NULL, is who is there: a list of pids, or of a scope a
 *          map of groups to lists. It lives until the end of the turn.
 * Exits    the caller with {noproc, {gen_server, call, _}}: no such scope.
 * Parks    yes.
 * Context  any process; it is forgotten when that ends.
 * OTP      pg:monitor/2, pg:monitor_scope/1. Clause PG-06.
 */
COP_API cop_ref cop_pg_monitor(const char *scope, cop_term group, cop_term *ret_members);
COP_API cop_ref cop_pg_monitor_scope(const char *scope, cop_term *ret_groups);

/* Hear no more, and drop what is in the mailbox of it.
 *
 * Returns  whether it was a monitor of this scope.
 * Exits    the caller with {noproc, {gen_server, call, _}}: no such scope.
 * Parks    yes.
 * Context  the process that monitors.
 * OTP      pg:demonitor/2. Clause PG-06.
 */
COP_API bool cop_pg_demonitor(const char *scope, cop_ref monitor);

COP_END_DECLS

#endif
