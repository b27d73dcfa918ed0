/* SPDX-License-Identifier: Apache-2.0 */
/* global: names that are any terms, and locks, for all nodes of a cluster; as long as this node is
 * alone, for this one.
 *
 *   cop_gen_server_start_link(&pid, &leader, 0, .name = cop_global(cop("leader")));
 *   cop_call(cop_global(cop("leader")), cop("who_are_you"));
 *
 * Looking a name up asks no process; registering does. Clauses P-139 to P-141, GLB-01 to GLB-05. */
#ifndef COPPICE_GLOBAL_H
#define COPPICE_GLOBAL_H

#include <coppice/gen.h>

COP_BEGIN_DECLS

/* The registry behind cop_global, for cop_via. */
COP_API extern const cop_via_module cop_global_via;

/* A destination, and the name of a server: {global, Name}.
 *
 * Returns  the destination; it lives until the end of the turn.
 * Parks    no.
 * Context  any process.
 * OTP      {global, Name} as a ServerRef or ServerName. Clauses GS-24, GS-25.
 */
static inline cop_dest cop_global(cop_term name)
{
    return cop_via(&cop_global_via, name);
}

/* Give a process a name; re_register takes it from whoever has it.
 *
 * Returns  false: the name is taken, by whomever.
 * Exits    the caller with badarg: pid id 0.
 * Parks    yes.
 * Context  any process. The name goes with the process that has it.
 * OTP      global:register_name/2, re_register_name/2. Clauses P-139, P-140.
 */
COP_API bool cop_global_register_name(cop_term name, cop_pid pid);
COP_API void cop_global_re_register_name(cop_term name, cop_pid pid);

/* Take a name away; it may be nobody's.
 *
 * Parks    yes.
 * Context  any process.
 * OTP      global:unregister_name/1. Clause P-140.
 */
COP_API void cop_global_unregister_name(cop_term name);

/* Who has a name.
 *
 * Returns  false: nobody who lives.
 * Parks    no.
 * Context  any process.
 * OTP      global:whereis_name/1. Clause P-140.
 */
COP_API bool cop_global_whereis_name(cop_pid *ret_pid, cop_term name);

/* All names.
 *
 * Returns  a list, in no order; it lives until the end of the turn.
 * Parks    yields.
 * Context  any process.
 * OTP      global:registered_names/0. Clause P-140.
 */
COP_API cop_term cop_global_registered_names(void);

/* Send a message to who has a name.
 *
 * Returns  his pid.
 * Exits    the caller with {badarg, {Name, Message}}: nobody has it.
 * Parks    yields.
 * Context  any process.
 * OTP      global:send/2. Clause P-141.
 */
COP_API cop_pid cop_global_send(cop_term name, cop_term message);

/* Lock a resource, any term, for a requester, any term; as often as it is locked it is to be let
 * go. Who has the same requester may lock it too. A process that ends lets go of all its locks.
 *
 * Returns  false: others had it each time it was tried.
 * Parks    yes, also between two tries: up to 1/4 s at first, longer later, 8 s at most.
 * Options  retries: after the first try; COP_INFINITY: until it is ours.
 * Context  any process.
 * OTP      global:set_lock/1,3, del_lock/1. Clauses GLB-01 to GLB-04.
 */
COP_API bool cop_global_set_lock(cop_term resource, cop_term requester, int64_t retries);
COP_API void cop_global_del_lock(cop_term resource, cop_term requester);

/* Run fn(arg) with a resource locked, for the calling process.
 *
 * Returns  true, and what fn returned in *ret_value, which may be NULL; false: no lock, and fn did
 *          not run.
 * Exits    with what fn raises, when the lock has been let go.
 * Parks    yes.
 * Options  retries as in set_lock.
 * Context  any process.
 * OTP      global:trans/2,4. Clause GLB-05.
 */
COP_API bool cop_global_trans(cop_term *ret_value, cop_term resource, cop_term (*fn)(cop_term arg),
    cop_term arg, int64_t retries);

COP_END_DECLS

#endif
