/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of the system protocol. All functions are one: send the request with the label
 * `system`, return the answer, or exit with {Reason, {sys, Function, Args}}. */
#include <coppice/sys.h>

#include "otp/gen_int.h"

/* args: the arguments after the server, for the exit reason; a time-out that was given is the last.
 */
static cop_term ask(
    cop_dest server, const char *function, cop_term args, cop_term request, int64_t timeout_ms)
{
    static cop_atom label;
    cop_term result;

    if (!label.index)
        label = cop_atom_new("system");
    if (cop__gen_call(&result, server, label, request, cop__gen_timeout(timeout_ms)) ==
        COP_CALL_REPLY)
        return result;
    if (timeout_ms == COP_INFINITY)
        args = cop_list_append(args, cop("[infinity]"));
    else if (timeout_ms)
        args = cop_list_append(args, cop("[Timeout]", cop__gen_timeout(timeout_ms)));
    cop_exit(cop("{Reason, {sys, Function, [Server | Args]}}", result, cop_atom_new(function),
        cop_dest_show(server), args));
}

/* SYS-16: an error result raises in the client. */
static cop_term or_error(cop_term result)
{
    cop_term reason;

    if (cop_match(result, "{error, Reason}", &reason))
        cop_error(reason);
    return result;
}

cop_term (*cop__state_from_far)(cop_dest server, cop_term answer);

cop_term cop_sys_get_state_of(cop_dest server, int64_t timeout_ms)
{
    cop_term answer = ask(server, "get_state", cop_nil(), cop("get_state"), timeout_ms);

    return or_error(cop__state_from_far ? cop__state_from_far(server, answer) : answer);
}

cop_term cop_sys_replace_state_of(
    cop_dest server, cop_sys_replace *fn, void *arg, int64_t timeout_ms)
{
    return or_error(ask(server, "replace_state",
        cop("[{c_function, Fn, Arg}]", (int64_t)(uintptr_t)fn, (int64_t)(uintptr_t)arg),
        cop("{replace_state, {c_function, Fn, Arg}}", (int64_t)(uintptr_t)fn,
            (int64_t)(uintptr_t)arg),
        timeout_ms));
}

cop_term cop_sys_get_status_of(cop_dest server, int64_t timeout_ms)
{
    return ask(server, "get_status", cop_nil(), cop("get_status"), timeout_ms);
}

void cop_sys_suspend_of(cop_dest server, int64_t timeout_ms)
{
    ask(server, "suspend", cop_nil(), cop("suspend"), timeout_ms);
}

void cop_sys_resume_of(cop_dest server, int64_t timeout_ms)
{
    ask(server, "resume", cop_nil(), cop("resume"), timeout_ms);
}

void cop_sys_terminate_of(cop_dest server, cop_term reason, int64_t timeout_ms)
{
    ask(server, "terminate", cop("[Reason]", reason), cop("{terminate, Reason}", reason),
        timeout_ms);
}

cop_term cop_sys_change_code_of(
    cop_dest server, cop_term module, cop_term old_vsn, cop_term extra, int64_t timeout_ms)
{
    return ask(server, "change_code", cop("[Module, OldVsn, Extra]", module, old_vsn, extra),
        cop("{change_code, Module, OldVsn, Extra}", module, old_vsn, extra), timeout_ms);
}

cop_term cop_sys_log_of(cop_dest server, cop_term flag, int64_t timeout_ms)
{
    return ask(server, "log", cop("[Flag]", flag), cop("{debug, {log, Flag}}", flag), timeout_ms);
}

void cop_sys_trace_of(cop_dest server, bool on, int64_t timeout_ms)
{
    ask(server, "trace", cop("[On]", on), cop("{debug, {trace, On}}", on), timeout_ms);
}

cop_term cop_sys_statistics_of(cop_dest server, cop_term flag, int64_t timeout_ms)
{
    return ask(server, "statistics", cop("[Flag]", flag), cop("{debug, {statistics, Flag}}", flag),
        timeout_ms);
}

cop_term cop_sys_log_to_file_of(cop_dest server, const char *path, int64_t timeout_ms)
{
    cop_term file = path ? cop_text(path) : cop_bool(false);

    return ask(server, "log_to_file", cop("[File]", file),
        cop("{debug, {log_to_file, File}}", file), timeout_ms);
}

/* A function without an id is its own. */
static cop_term id_of(cop_term id, cop_sys_debug_fn *fn)
{
    return cop_is_none(id) ? cop_int((int64_t)(uintptr_t)fn) : id;
}

cop_term cop_sys_install_option(cop_term id, cop_sys_debug_fn *fn, cop_term fn_state)
{
    return cop("{install, {Id, Fn, State}}", id_of(id, fn), (int64_t)(uintptr_t)fn, fn_state);
}

cop_term cop_sys_install_in(
    cop_dest server, cop_term id, cop_sys_debug_fn *fn, cop_term fn_state, int64_t timeout_ms)
{
    cop_term option = cop_sys_install_option(id, fn, fn_state);

    return ask(server, "install", cop("[Spec]", cop_tuple_at(option, 1)),
        cop("{debug, Option}", option), timeout_ms);
}

cop_term cop_sys_remove_from(cop_dest server, cop_term id, cop_sys_debug_fn *fn, int64_t timeout_ms)
{
    id = id_of(id, fn);
    return ask(server, "remove", cop("[Id]", id), cop("{debug, {remove, Id}}", id), timeout_ms);
}

void cop_sys_no_debug_of(cop_dest server, int64_t timeout_ms)
{
    ask(server, "no_debug", cop_nil(), cop("{debug, no_debug}"), timeout_ms);
}

/* --- proc_lib:stop/3 (P-132, P-133)
 * ------------------------------------------------------------------- */

static COP_NORETURN void stop_failed(
    cop_term why, cop_dest process, cop_term reason, int64_t timeout_ms)
{
    cop_exit(cop("{Why, {sys, terminate, [Target, Reason, Timeout]}}", why, cop_dest_show(process),
        reason, timeout_ms == COP_INFINITY ? cop("infinity") : cop_int(timeout_ms)));
}

void cop_stop_process(cop_dest process, cop_term reason, int64_t timeout_ms)
{
    int64_t deadline_ms = cop_monotonic_ms() + timeout_ms;
    cop_term request = cop("{terminate, Reason}", reason), result, why;
    cop_atom system = cop_atom_new("system");
    enum cop_call_outcome outcome;
    cop_ref monitor;
    cop_pid pid;

    if (!cop_whereis_to(&pid, process)) {
        cop__gen_call(
            &why, process, system, request, timeout_ms); /* says why it cannot be called */
        if (cop_match(why, "noproc"))
            cop_exit(why);
        stop_failed(why, process, reason, timeout_ms);
    }
    if (pid.id == cop_self().id && !pid.node)
        stop_failed(cop("calling_self"), process, reason, timeout_ms);
    monitor = cop_monitor(pid);
    outcome = cop__gen_call(&result, cop_dest_pid(pid), system, request, timeout_ms);
    if (outcome == COP_CALL_DOWN && cop_match(result, "{nodedown, _}")) {
        cop_demonitor_flush(monitor);
        stop_failed(result, process, reason, timeout_ms);
    }
    if (outcome == COP_CALL_TIMEOUT) {
        cop_demonitor_flush(monitor);
        cop_exit(cop("timeout"));
    }
    if (timeout_ms != COP_INFINITY) {
        timeout_ms = deadline_ms - cop_monotonic_ms();
        if (timeout_ms < 0)
            timeout_ms = 0;
    }
    if (!cop_receive_down(&why, monitor, timeout_ms)) {
        cop_demonitor_flush(monitor);
        cop_exit(cop("timeout"));
    }
    if (!cop_identical(why, reason))
        cop_exit(why);
}
