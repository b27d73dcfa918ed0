/* SPDX-License-Identifier: Apache-2.0 */
/* sys: look into and steer any process that speaks the system protocol. Clauses SYS-01 to SYS-37.
 * Client functions exit the caller with {Reason, {sys, Function, Args}} when the process cannot be
 * reached within timeout_ms (0: 5000). */
#ifndef COPPICE_SYS_H
#define COPPICE_SYS_H

#include <coppice/gen.h>

COP_BEGIN_DECLS

COP_API cop_term cop_sys_get_state_of(cop_dest server, int64_t timeout_ms);
/* fn runs inside the server: state term in, new state term out (none: failure). */
typedef cop_term cop_sys_replace(cop_term state, void *arg);
COP_API cop_term cop_sys_replace_state_of(cop_dest server, cop_sys_replace *fn, void *arg, int64_t timeout_ms);
COP_API cop_term cop_sys_get_status_of(cop_dest server, int64_t timeout_ms);
COP_API void cop_sys_suspend_of(cop_dest server, int64_t timeout_ms);
COP_API void cop_sys_resume_of(cop_dest server, int64_t timeout_ms);
COP_API void cop_sys_terminate_of(cop_dest server, cop_term reason, int64_t timeout_ms);
COP_API cop_term cop_sys_change_code_of(cop_dest server, cop_term module, cop_term old_vsn, cop_term extra,
    int64_t timeout_ms);
COP_API cop_term cop_sys_log_of(cop_dest server, cop_term flag, int64_t timeout_ms);
COP_API void cop_sys_trace_of(cop_dest server, bool on, int64_t timeout_ms);
COP_API cop_term cop_sys_statistics_of(cop_dest server, cop_term flag, int64_t timeout_ms);
COP_API cop_term cop_sys_log_to_file_of(cop_dest server, const char *path, int64_t timeout_ms);
/* A debug function: new state, or none / the atom done to be removed. SYS-32 */
typedef cop_term cop_sys_debug_fn(cop_term fn_state, cop_term event, cop_term name);
COP_API cop_term cop_sys_install_in(cop_dest server, cop_term id, cop_sys_debug_fn *fn, cop_term fn_state,
    int64_t timeout_ms);
COP_API cop_term cop_sys_remove_from(cop_dest server, cop_term id, cop_sys_debug_fn *fn, int64_t timeout_ms);
COP_API void cop_sys_no_debug_of(cop_dest server, int64_t timeout_ms);
#define cop_sys_get_state(S)        cop_sys_get_state_of(cop_dest(S), 0)
#define cop_sys_replace_state(S, FN, ARG) cop_sys_replace_state_of(cop_dest(S), (FN), (ARG), 0)
#define cop_sys_get_status(S)       cop_sys_get_status_of(cop_dest(S), 0)
#define cop_sys_suspend(S)          cop_sys_suspend_of(cop_dest(S), 0)
#define cop_sys_resume(S)           cop_sys_resume_of(cop_dest(S), 0)
#define cop_sys_terminate(S, R)     cop_sys_terminate_of(cop_dest(S), (R), 0)
#define cop_sys_log(S, FLAG)        cop_sys_log_of(cop_dest(S), (FLAG), 0)
#define cop_sys_trace(S, ON)        cop_sys_trace_of(cop_dest(S), (ON), 0)
#define cop_sys_statistics(S, FLAG) cop_sys_statistics_of(cop_dest(S), (FLAG), 0)
#define cop_sys_no_debug(S)         cop_sys_no_debug_of(cop_dest(S), 0)

COP_END_DECLS

#endif
