/* SPDX-License-Identifier: Apache-2.0 */
/* dynamic_supervisor: a supervisor that begins with no children and starts them as it is asked to.
 * Its children have no ids and no order; all are stopped at once. Clauses SUP-100 to SUP-115. */
#ifndef COPPICE_DYNAMIC_SUPERVISOR_H
#define COPPICE_DYNAMIC_SUPERVISOR_H

#include <coppice/supervisor.h>

COP_BEGIN_DECLS

/* What one is made of; a static const. */
typedef struct cop_dynamic_supervisor {
    const char *name;            /* registered name, or NULL */
    int intensity;               /* restarts; 0: 3. COP_NO_RESTARTS: 0 */
    int period_s;                /* 0: 5 */
    int64_t max_children;        /* 0: any number */
    const char *extra_arguments; /* a list as Erlang text, put before each child's; NULL: none */
} cop_dynamic_supervisor;

/* Start one, linked to the caller; _as under a name of its own.
 *
 * Returns  0 and *ret_pid; -COP_EALREADY with {already_started, Pid}; -COP_EEXIT with
 *          {supervisor_data, {invalid_max_children, X}} and its like. *ret_error (may be NULL)
 *          lives until the end of the turn.
 * Exits    a caller that does not trap exits, when the start fails.
 * Parks    until it is up.
 * Context  any process. definition lives as long as the process.
 * OTP      DynamicSupervisor.start_link/1. Clauses SUP-100 to SUP-102.
 */
COP_API int cop_dynamic_supervisor_start_link(
    cop_pid *ret_pid, const cop_dynamic_supervisor *definition, cop_term *ret_error);
COP_API int cop_dynamic_supervisor_start_link_as(cop_pid *ret_pid,
    const cop_dynamic_supervisor *definition, const char *name, cop_term *ret_error);

/* One under a supervisor: { COP_DYNAMIC_SUPERVISOR_CHILD(&workers), .name = "workers" }.
 *
 * Returns  what the supervisor is to know.
 * Parks    until it is up.
 * Context  a supervisor, which calls it; definition is a cop_dynamic_supervisor.
 * OTP      DynamicSupervisor.child_spec/1.
 */
COP_API cop_child_start cop_dynamic_supervisor_start(cop_term arg, const void *definition);
#define COP_DYNAMIC_SUPERVISOR_CHILD(DEFINITION) \
    .start = cop_dynamic_supervisor_start, .context = (DEFINITION), .type_supervisor = true

/* Start a child. Ids are not looked at. What child points to must live on, as for
 * cop_supervisor_start_child_spec.
 *
 * Returns  0 and *ret_pid; -ECANCELED: it said ignore, and nothing is kept; -EAGAIN with
 *          max_children; -COP_EBADARG: the specification is wrong; -COP_EEXIT with the reason.
 *          ret_pid and ret_error may be NULL.
 * Exits    the caller, when the supervisor is not there or ends.
 * Parks    until the child is up.
 * Context  any process.
 * OTP      DynamicSupervisor.start_child/2. Clauses SUP-103 to SUP-106.
 */
COP_API int cop_dynamic_supervisor_start_child_of(
    cop_pid *ret_pid, cop_dest supervisor, const cop_child *child, cop_term *ret_error);
#define cop_dynamic_supervisor_start_child(RET_PID, SUPERVISOR, CHILD) \
    cop_dynamic_supervisor_start_child_of((RET_PID), cop_dest(SUPERVISOR), (CHILD), 0)

/* Stop a child; nothing of it is kept.
 *
 * Returns  0; -COP_ENOTFOUND: none of its children.
 * Exits    the caller, when the supervisor is not there or ends.
 * Parks    until the child is gone.
 * Context  any process but the child.
 * OTP      DynamicSupervisor.terminate_child/2. Clause SUP-108.
 */
COP_API int cop_dynamic_supervisor_terminate_child_of(cop_dest supervisor, cop_pid child);
#define cop_dynamic_supervisor_terminate_child(SUPERVISOR, CHILD) \
    cop_dynamic_supervisor_terminate_child_of(cop_dest(SUPERVISOR), (CHILD))

/* Its children: cop_supervisor_which_children and cop_supervisor_count_children serve this
 * supervisor too. Clause SUP-107. */

COP_END_DECLS

#endif
