/* SPDX-License-Identifier: Apache-2.0 */
/* sys: look into and steer any process that speaks the system protocol. Clauses SYS-01 to SYS-37.
 *
 * In all functions timeout_ms may be 0, for 5000, or COP_INFINITY; and they exit the caller with
 * {Reason, {sys, Function, Args}} when the process cannot be reached: noproc, timeout,
 * calling_self. Requests wait behind the messages that came before them. */
#ifndef COPPICE_SYS_H
#define COPPICE_SYS_H

#include <coppice/gen.h>

COP_BEGIN_DECLS

/* The state of a server as a term: for a gen_server a map of its declared fields.
 *
 * Returns  the state; it lives until the end of the turn.
 * Exits    error Reason for a state that is {error, Reason}.
 * Parks    yes.
 * Context  any process.
 * OTP      sys:get_state/1,2. Clauses SYS-01, SYS-16.
 */
COP_API cop_term cop_sys_get_state_of(cop_dest server, int64_t timeout_ms);

/* Runs inside the server: the state as a term in, the new one out; none is a failure. */
typedef cop_term cop_sys_replace(cop_term state, void *arg);

/* Let fn replace the state. A map may have some of the fields only; unknown ones and wrong types
 * are refused.
 *
 * Returns  the new state; it lives until the end of the turn.
 * Exits    error {callback_failed, {gen_server, system_replace_state}, {Class, Reason}}, and the
 *          state is as it was.
 * Parks    yes.
 * Context  any process of the server's node: fn and arg are addresses.
 * OTP      sys:replace_state/2,3. Clauses SYS-02, SYS-17.
 */
COP_API cop_term cop_sys_replace_state_of(
    cop_dest server, cop_sys_replace *fn, void *arg, int64_t timeout_ms);

/* What a server is and does, as OTP shows it.
 *
 * Returns  {status, Pid, {module, gen_server}, [Dictionary, running | suspended, Parent, Debug,
 *          Misc]}; it lives until the end of the turn.
 * Parks    yes.
 * Context  any process.
 * OTP      sys:get_status/1,2. Clauses SYS-03, SYS-18, SYS-19.
 */
COP_API cop_term cop_sys_get_status_of(cop_dest server, int64_t timeout_ms);

/* Make a server leave ordinary messages in its mailbox, and go on with them.
 *
 * Parks    yes.
 * Context  any process.
 * OTP      sys:suspend/1,2, resume/1,2. Clauses SYS-04, SYS-20 to SYS-23.
 */
COP_API void cop_sys_suspend_of(cop_dest server, int64_t timeout_ms);
COP_API void cop_sys_resume_of(cop_dest server, int64_t timeout_ms);

/* Have a server end with reason: the answer comes before its terminate runs. cop_stop_server waits
 * for the end.
 *
 * Parks    yes.
 * Context  any process.
 * OTP      sys:terminate/2,3. Clauses SYS-05, SYS-24.
 */
COP_API void cop_sys_terminate_of(cop_dest server, cop_term reason, int64_t timeout_ms);

/* Run the code_change of a suspended server.
 *
 * Returns  ok, or {error, Why}; it lives until the end of the turn.
 * Parks    yes.
 * Context  any process.
 * OTP      sys:change_code/4,5. Clauses SYS-06, SYS-26, SYS-27.
 */
COP_API cop_term cop_sys_change_code_of(
    cop_dest server, cop_term module, cop_term old_vsn, cop_term extra, int64_t timeout_ms);

/* Keep the last events: flag is true (ten), {true, N}, false, get or print.
 *
 * Returns  ok, or {ok, Events} oldest first, or unknown_debug; it lives until the end of the turn.
 * Parks    yes.
 * Context  any process.
 * OTP      sys:log/2,3. Clauses SYS-07, SYS-28, SYS-29.
 */
COP_API cop_term cop_sys_log_of(cop_dest server, cop_term flag, int64_t timeout_ms);

/* Print each event on standard output.
 *
 * Parks    yes.
 * Context  any process.
 * OTP      sys:trace/2,3. Clauses SYS-08, SYS-31.
 */
COP_API void cop_sys_trace_of(cop_dest server, bool on, int64_t timeout_ms);

/* Count messages: flag is true, false or get.
 *
 * Returns  ok, {ok, Counters} or {ok, no_statistics}; it lives until the end of the turn.
 * Parks    yes.
 * Context  any process.
 * OTP      sys:statistics/2,3. Clauses SYS-09, SYS-30.
 */
COP_API cop_term cop_sys_statistics_of(cop_dest server, cop_term flag, int64_t timeout_ms);

/* Print each event into a file, which is written anew; NULL ends that.
 *
 * Returns  ok, or {error, open_file}.
 * Parks    yes.
 * Context  any process.
 * OTP      sys:log_to_file/2,3. Clause SYS-10.
 */
COP_API cop_term cop_sys_log_to_file_of(cop_dest server, const char *path, int64_t timeout_ms);

/* A debug function, run in the server for each event: its new state, or none or the atom done,
 * which remove it. What it raises removes it too. SYS-32 */
typedef cop_term cop_sys_debug_fn(cop_term fn_state, cop_term event, cop_term name);

/* Put a debug function into a server under an id; one that is there stays as it is. remove takes
 * it out. With the id none, the function is its id.
 *
 * Returns  ok.
 * Parks    yes.
 * Context  any process of the server's node: fn is an address.
 * OTP      sys:install/2,3, remove/2,3. Clauses SYS-11, SYS-12, SYS-32, SYS-33.
 */
COP_API cop_term cop_sys_install_in(
    cop_dest server, cop_term id, cop_sys_debug_fn *fn, cop_term fn_state, int64_t timeout_ms);
COP_API cop_term cop_sys_remove_from(
    cop_dest server, cop_term id, cop_sys_debug_fn *fn, int64_t timeout_ms);

/* The same as an element of a server's start option debug: {install, Spec}.
 *
 * Returns  the option; it lives until the end of the turn.
 * Parks    no.
 * Context  any process of the server's node.
 * OTP      sys:debug_options/1. Clause SYS-35.
 */
COP_API cop_term cop_sys_install_option(cop_term id, cop_sys_debug_fn *fn, cop_term fn_state);

/* End all of log, trace, statistics, files and debug functions.
 *
 * Parks    yes.
 * Context  any process.
 * OTP      sys:no_debug/1,2. Clauses SYS-13, SYS-34.
 */
COP_API void cop_sys_no_debug_of(cop_dest server, int64_t timeout_ms);

#define cop_sys_get_state(S)              cop_sys_get_state_of(cop_dest(S), 0)
#define cop_sys_replace_state(S, FN, ARG) cop_sys_replace_state_of(cop_dest(S), (FN), (ARG), 0)
#define cop_sys_get_status(S)             cop_sys_get_status_of(cop_dest(S), 0)
#define cop_sys_suspend(S)                cop_sys_suspend_of(cop_dest(S), 0)
#define cop_sys_resume(S)                 cop_sys_resume_of(cop_dest(S), 0)
#define cop_sys_terminate(S, R)           cop_sys_terminate_of(cop_dest(S), (R), 0)
#define cop_sys_log(S, FLAG)              cop_sys_log_of(cop_dest(S), (FLAG), 0)
#define cop_sys_trace(S, ON)              cop_sys_trace_of(cop_dest(S), (ON), 0)
#define cop_sys_statistics(S, FLAG)       cop_sys_statistics_of(cop_dest(S), (FLAG), 0)
#define cop_sys_no_debug(S)               cop_sys_no_debug_of(cop_dest(S), 0)

/* How a state goes to a process of another node, and comes from one: the form of the answer depends
 * on the release of Erlang there (D-102). Set by the cluster layer; NULL: as it is. */
extern void (*cop__state_to_far)(cop_term from, cop_term state);
extern cop_term (*cop__state_from_far)(cop_dest server, cop_term answer);

COP_END_DECLS

#endif
