/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks (TSK-01 to TSK-32). Layer 5.
 *
 *   owner                                task
 *   spawn, linked           ───────►     waits for {go, Ref}: the reference is made after it
 *   monitor, alias Ref      {go, Ref} ►  runs the work
 *   {Ref, Result}           ◄───────     to the alias, which is deaf once the monitor is gone
 *   {'DOWN', Ref, ...}      ◄───────     ends
 */
#include <coppice/log.h>

#include "otp/gen_int.h"
#include "otp/gen_start.h"
#include "otp/task_int.h"

enum { GO_MS = 5000, AWAIT_MS = 5000 };

static int64_t real_timeout(int64_t timeout_ms)
{
    return timeout_ms == 0 ? AWAIT_MS : timeout_ms == COP_AT_ONCE ? 0 : timeout_ms;
}

static cop_term timeout_term(int64_t timeout_ms)
{
    timeout_ms = real_timeout(timeout_ms);
    return timeout_ms == COP_INFINITY ? cop("infinity") : cop_int(timeout_ms);
}

/* --- In the task ------------------------------------------------------------------------------ */

struct working {
    cop_task_fn *fn;
    cop_term arg, result;
};

static void work(void *arg)
{
    struct working *working = arg;

    working->result = working->fn(working->arg);
}

/* TSK-08 */
static void report(cop_pid starter, cop_term arg, int64_t fn, cop_term reason)
{
    if (cop_log_level() < COP_LOG_ERROR)
        return;
    cop_log_report(COP_LOG_ERROR,
        cop("#{label => {'Elixir.Task.Supervisor', terminating}, report => #{name => Name, starter"
            " => Starter, function => {c_function, Fn}, args => [Arg], reason => Reason}}",
            cop__gen_name(NULL), starter, fn, arg, reason),
        cop("#{domain => [otp, elixir], error_logger => #{tag => error_msg}}"));
}

/* The result, or the end. */
static cop_term do_work(cop_pid starter, int64_t address, cop_term arg)
{
    struct working working = { (cop_task_fn *)(uintptr_t)address, arg, COP_NONE };
    cop_term reason, stack;
    enum cop_class class = cop_try(work, &working, &reason, &stack);

    if (class == COP_CLASS_NONE)
        return cop_is_none(working.result) ? cop("undefined") : working.result;
    if (class == COP_CLASS_THROW)
        reason = cop("{{nocatch, Value}, Stack}", reason, stack);
    else if (class == COP_CLASS_ERROR)
        reason = cop("{Reason, Stack}", reason, stack);
    if (!cop__gen_expected(reason))
        report(starter, arg, address, reason);
    cop_exit(reason);
}

/* {Fn, Arg, Starter, Callers, Replies} */
static void task_main(cop_term start)
{
    int64_t address;
    cop_term arg, callers, result, reason;
    cop_ref ref = { 0 }, watch;
    cop_pid starter;
    bool replies;

    cop_must(cop_match(start, "{Fn, Arg, Starter, Callers, Replies}", &address, &arg, &starter,
        &callers, &replies));
    cop_put(cop("'$callers'"), cop_cons(cop_from_pid(starter), callers));
    if (!replies) {
        do_work(starter, address, arg);
        return;
    }
    if (!cop_receive_match_within(0, "{'$task_go', Ref}", &ref)) { /* TSK-52 */
        cop_receive_scan scan;
        cop_term message;

        watch = cop_monitor(starter);
        scan = cop_receive_begin(GO_MS);
        while (!ref.id && cop_receive_next(&message, &scan)) {
            if (cop_match(message, "{'DOWN', Watch, process, _, Reason}", watch, &reason)) {
                cop_receive_take(&scan);
                cop_exit(cop("{shutdown, Reason}", reason));
            }
            if (cop_match(message, "{'$task_go', Ref}", &ref))
                cop_receive_take(&scan);
        }
        cop_demonitor_flush(watch);
        if (!ref.id)
            cop_exit(cop("timeout"));
    }
    result = do_work(starter, address, arg);
    cop_send_to(cop_dest_alias(ref), cop("{Ref, Result}", ref, result));
}

cop_term cop__task_start_term(cop_task_fn *fn, cop_term arg, cop_pid starter, bool replies)
{
    cop_term callers = cop_get(cop("'$callers'"));

    return cop("{Fn, Arg, Starter, Callers, Replies}", (int64_t)(uintptr_t)fn, arg, starter,
        cop_is_none(callers) ? cop_nil() : callers, replies);
}

void cop__task_main(cop_term start)
{
    task_main(start);
}

/* --- Starting --------------------------------------------------------------------------------- */

static cop_pid spawn_task(cop_task_fn *fn, cop_term arg, bool link, bool replies)
{
    const struct cop_spawn_options options = {
        .link = link, .proc_lib = true, .initial_call = "task"
    };

    return cop_spawn_with(
        task_main, cop__task_start_term(fn, arg, cop_self(), replies), &options, NULL);
}

cop_task cop__task_of(cop_pid pid)
{
    cop_task task = {
        .pid = pid, .ref = cop_monitor_opt(pid, .alias = COP_ALIAS_DEMONITOR), .owner = cop_self()
    };

    cop_send(pid, cop("{'$task_go', Ref}", task.ref));
    return task;
}

cop_task cop__task_async(cop_task_fn *fn, cop_term arg, bool link)
{
    return cop__task_of(spawn_task(fn, arg, link, true));
}

cop_task cop_task_async(cop_task_fn *fn, cop_term arg)
{
    return cop__task_async(fn, arg, true);
}

cop_pid cop_task_start(cop_task_fn *fn, cop_term arg)
{
    return spawn_task(fn, arg, false, false);
}

cop_pid cop_task_start_link(cop_task_fn *fn, cop_term arg)
{
    return spawn_task(fn, arg, true, false);
}

cop_task cop_task_completed(cop_term result)
{
    cop_task task = { .ref = cop_make_ref(), .owner = cop_self() };

    cop_send(cop_self(), cop("{Ref, Result}", task.ref, result));
    return task;
}

/* --- Waiting ---------------------------------------------------------------------------------- */

static void check_owner(cop_task task)
{
    if (task.owner.id != cop_self().id)
        cop_error(cop("{badarg, {not_the_owner_of, Pid}}", task.pid)); /* TSK-11 */
}

static cop_term task_term(cop_task task)
{
    return cop("#{'__struct__' => 'Elixir.Task', owner => Owner, pid => Pid, ref => Ref}",
        task.owner, task.pid.id ? cop_from_pid(task.pid) : cop("nil"), task.ref);
}

/* Take what there is of the task from a message. */
static enum cop_task_outcome read_answer(cop_term *ret, cop_term message, cop_ref ref)
{
    if (cop_match(message, "{Ref, Result}", ref, ret))
        return COP_TASK_OK;
    if (cop_match(message, "{'DOWN', Ref, process, _, Reason}", ref, ret))
        return COP_TASK_EXIT;
    return COP_TASK_NOTHING;
}

/* The first answer within the time. */
static enum cop_task_outcome receive_answer(cop_term *ret, cop_task task, int64_t timeout_ms)
{
    cop_receive_scan scan = cop_receive_begin_ref(timeout_ms, task.ref);
    enum cop_task_outcome outcome;
    cop_term message, value;

    while (cop_receive_next(&message, &scan)) {
        outcome = read_answer(&value, message, task.ref);
        if (outcome != COP_TASK_NOTHING) {
            cop_receive_take(&scan);
            *ret = value;
            return outcome;
        }
    }
    return COP_TASK_NOTHING;
}

/* No answer of it is here, and none comes. */
static void forget(cop_task task)
{
    if (task.pid.id)
        cop_demonitor_flush(task.ref);
}

/* A result is followed by a 'DOWN', which nobody wants. */
static enum cop_task_outcome answer(cop_term *ret, cop_task task, int64_t timeout_ms)
{
    enum cop_task_outcome outcome = receive_answer(ret, task, timeout_ms);

    if (outcome == COP_TASK_OK)
        forget(task);
    return outcome;
}

static cop_term down_reason(cop_task task, cop_term reason)
{
    return task.pid.node && cop_match(reason, "noconnection")
               ? cop("{nodedown, Node}", cop_pid_node(task.pid))
               : reason;
}

static COP_NORETURN void await_failed(
    cop_term reason, const char *function, cop_term what, int64_t timeout_ms)
{
    cop_exit(cop("{Reason, {'Elixir.Task', Function, [What, Timeout]}}", reason,
        cop_atom_new(function), what, timeout_term(timeout_ms)));
}

cop_term cop_task_await(cop_task task, int64_t timeout_ms)
{
    enum cop_task_outcome outcome;
    cop_term value = COP_NONE;

    check_owner(task);
    outcome = answer(&value, task, real_timeout(timeout_ms));
    if (outcome == COP_TASK_OK)
        return value;
    forget(task);
    await_failed(outcome == COP_TASK_EXIT ? down_reason(task, value) : cop("timeout"), "await",
        task_term(task), timeout_ms);
}

static cop_term task_list(const cop_task *tasks, size_t count)
{
    cop_term list = cop_nil();

    while (count > 0)
        list = cop_cons(task_term(tasks[--count]), list);
    return list;
}

/* What is left of a time that began when. */
static int64_t rest_of(int64_t timeout_ms, int64_t begun_ms)
{
    int64_t left;

    if (timeout_ms == COP_INFINITY)
        return COP_INFINITY;
    left = timeout_ms - (cop_monotonic_ms() - begun_ms);
    return left > 0 ? left : 0;
}

/* An answer of any of the tasks that have none. False: the time has passed. */
static bool receive_any(enum cop_task_outcome *outcomes, cop_term *values, const cop_task *tasks,
    size_t count, int64_t timeout_ms, size_t *ret_index)
{
    cop_receive_scan scan = cop_receive_begin(timeout_ms);
    cop_term message, value;

    while (cop_receive_next(&message, &scan))
        for (size_t i = 0; i < count; i++) {
            enum cop_task_outcome outcome = outcomes[i] == COP_TASK_NOTHING
                                                ? read_answer(&value, message, tasks[i].ref)
                                                : COP_TASK_NOTHING;

            if (outcome != COP_TASK_NOTHING) {
                cop_receive_take(&scan);
                outcomes[i] = outcome;
                values[i] = value;
                *ret_index = i;
                return true;
            }
        }
    return false;
}

cop_term cop_task_await_many(const cop_task *tasks, size_t count, int64_t timeout_ms)
{
    enum cop_task_outcome *outcomes = cop_alloc((count + 1) * sizeof *outcomes);
    cop_term *values = cop_alloc((count + 1) * sizeof *values), list = cop_nil();
    int64_t begun_ms = cop_monotonic_ms(), real_ms = real_timeout(timeout_ms);
    cop_term failed = COP_NONE;
    size_t at;

    for (size_t i = 0; i < count; i++)
        check_owner(tasks[i]);
    for (size_t left = count; left > 0 && cop_is_none(failed); left--) {
        if (!receive_any(outcomes, values, tasks, count, rest_of(real_ms, begun_ms), &at))
            failed = cop("timeout");
        else if (outcomes[at] == COP_TASK_EXIT)
            failed = down_reason(tasks[at], values[at]);
        else
            forget(tasks[at]);
    }
    for (size_t i = count; i-- > 0;) {
        if (cop_is_none(failed))
            list = cop_cons(values[i], list);
        else
            forget(tasks[i]); /* TSK-17 */
    }
    cop_free(outcomes);
    cop_free(values);
    if (!cop_is_none(failed))
        await_failed(failed, "await_many", task_list(tasks, count), timeout_ms);
    return list;
}

enum cop_task_outcome cop_task_yield(cop_term *ret, cop_task task, int64_t timeout_ms)
{
    enum cop_task_outcome outcome;

    check_owner(task);
    outcome = answer(ret, task, real_timeout(timeout_ms));
    if (outcome == COP_TASK_EXIT && task.pid.node && cop_match(*ret, "noconnection"))
        cop_exit(cop("{Reason, {'Elixir.Task', yield, [Task, Timeout]}}", down_reason(task, *ret),
            task_term(task), timeout_term(timeout_ms))); /* TSK-19 */
    return outcome;
}

size_t cop_task_yield_many(enum cop_task_outcome *ret_outcomes, cop_term *ret_values,
    const cop_task *tasks, size_t count, int64_t timeout_ms, enum cop_task_on_timeout on_timeout,
    size_t limit)
{
    int64_t begun_ms = cop_monotonic_ms(), real_ms = real_timeout(timeout_ms);
    size_t wanted = limit && limit < count ? limit : count, answered = 0, at;

    for (size_t i = 0; i < count; i++) {
        check_owner(tasks[i]);
        ret_outcomes[i] = COP_TASK_NOTHING;
        ret_values[i] = COP_NONE;
    }
    while (answered < wanted &&
           receive_any(ret_outcomes, ret_values, tasks, count, rest_of(real_ms, begun_ms), &at)) {
        if (ret_outcomes[at] == COP_TASK_OK)
            forget(tasks[at]);
        answered++;
    }
    if (answered >= wanted || on_timeout == COP_TASK_LEAVE)
        return answered;
    for (size_t i = 0; i < count; i++) {
        if (ret_outcomes[i] != COP_TASK_NOTHING)
            continue;
        ret_outcomes[i] = on_timeout == COP_TASK_KILL
                              ? cop_task_shutdown(&ret_values[i], tasks[i], COP_BRUTAL_KILL)
                              : cop_task_ignore(&ret_values[i], tasks[i]);
        answered += ret_outcomes[i] != COP_TASK_NOTHING;
    }
    return answered;
}

/* --- Shutting down ---------------------------------------------------------------------------- */

/* Gives the signal in place of an owner that ends between the unlink and the signal (TSK-26). */
static void enforcer_main(cop_term arg)
{
    cop_pid task, owner;
    cop_term signal;

    cop_must(cop_match(arg, "{Task, Owner, Signal}", &task, &owner, &signal));
    cop_monitor(owner);
    if (cop_match(cop_receive(), "{'DOWN', _, _, _, _}"))
        cop_exit_signal(task, signal);
}

static void unlink_and_signal(cop_task task, cop_term signal)
{
    cop_pid enforcer =
        cop_spawn(enforcer_main, cop("{Task, Owner, Signal}", task.pid, cop_self(), signal));

    cop_unlink(task.pid);
    cop_exit_signal(task.pid, signal);
    cop_send(enforcer, cop("done"));
}

/* A result that it had sent counts more than how it ended. */
static enum cop_task_outcome ended(
    cop_term *ret, cop_task task, cop_term reason, const char *expected)
{
    if (cop_match(reason, "noproc")) /* it was gone before: why is told by the first monitor */
        cop_receive_match_within(0, "{'DOWN', Ref, process, _, Reason}", task.ref, &reason);
    cop_demonitor_flush(task.ref);
    if (cop_receive_match_within(0, "{Ref, Result}", task.ref, ret))
        return COP_TASK_OK;
    if (cop_identical(reason, cop_from_atom(cop_atom_new(expected))))
        return COP_TASK_NOTHING;
    *ret = reason;
    return COP_TASK_EXIT;
}

enum cop_task_outcome cop_task_shutdown(cop_term *ret, cop_task task, int64_t timeout_ms)
{
    bool kill = timeout_ms == COP_BRUTAL_KILL;
    cop_term reason;
    cop_ref monitor;

    check_owner(task);
    if (!task.pid.id)
        return cop_task_ignore(ret, task); /* TSK-28 */
    monitor = cop_monitor(task.pid);
    unlink_and_signal(task, kill ? cop("kill") : cop("shutdown"));
    if (cop_receive_down(&reason, monitor, kill ? COP_INFINITY : real_timeout(timeout_ms)))
        return ended(ret, task, reason, kill ? "killed" : "shutdown");
    cop_exit_signal(task.pid, cop("kill"));
    cop_receive_down(&reason, monitor, COP_INFINITY);
    return ended(ret, task, reason, "shutdown");
}

enum cop_task_outcome cop_task_ignore(cop_term *ret, cop_task task)
{
    enum cop_task_outcome outcome;

    check_owner(task);
    outcome = answer(ret, task, 0);
    if (outcome == COP_TASK_NOTHING && task.pid.id) {
        cop_unlink(task.pid);
        forget(task);
        outcome = receive_answer(ret, task, 0);
    }
    return outcome;
}
