/* SPDX-License-Identifier: Apache-2.0 */
/* task: a process for one piece of work, whose result its owner waits for.
 *
 *   cop_task a = cop_task_async(fetch, cop("first"));
 *   cop_task b = cop_task_async(fetch, cop("second"));
 *
 *   cop_term first = cop_task_await(a, 0), second = cop_task_await(b, 0);
 *
 * A task is linked to its owner: what ends one abnormally ends the other, unless it traps exits.
 * Only the owner may await, yield, shut down or ignore a task; others exit with badarg (TSK-11).
 * In all functions timeout_ms is 0 for 5000, COP_INFINITY, or COP_AT_ONCE for Erlang's 0. Clauses
 * TSK-01 to TSK-55. */
#ifndef COPPICE_TASK_H
#define COPPICE_TASK_H

#include <coppice/dynamic_supervisor.h>

COP_BEGIN_DECLS

/* The work: runs in the task's process; what it returns is the result. */
typedef cop_term cop_task_fn(cop_term arg);

/* A task, a plain value; TSK-01. */
typedef struct cop_task {
    cop_pid pid;   /* id 0: it has no process (cop_task_completed) */
    cop_ref ref;   /* of the monitor, and an alias for the result */
    cop_pid owner; /* who made it */
} cop_task;

/* Run fn(arg) in a linked process and have its result sent: {Ref, Result}, then 'DOWN'.
 *
 * Returns  the task.
 * Exits    the caller with system_limit: too many processes.
 * Parks    yields.
 * Context  any process.
 * OTP      Task.async/1. Clauses TSK-01 to TSK-04, TSK-06.
 */
COP_API cop_task cop_task_async(cop_task_fn *fn, cop_term arg);

/* Run fn(arg) in a process whose result nobody wants; _link links it to the caller.
 *
 * Returns  its pid.
 * Exits    as cop_task_async.
 * Parks    yields.
 * Context  any process.
 * OTP      Task.start/1, start_link/1. Clauses TSK-05, TSK-06.
 */
COP_API cop_pid cop_task_start(cop_task_fn *fn, cop_term arg);
COP_API cop_pid cop_task_start_link(cop_task_fn *fn, cop_term arg);

/* A task that has its result already.
 *
 * Returns  the task; it has no process.
 * Parks    no.
 * Context  any process.
 * OTP      Task.completed/1. Clause TSK-09.
 */
COP_API cop_task cop_task_completed(cop_term result);

/* --- Waiting ---------------------------------------------------------------------------------- */

/* Wait for the result of a task, or of all of an array within one time.
 *
 * Returns  the result, or the list of them in the order of the tasks; it lives until the end of the
 *          turn.
 * Exits    the caller with {Reason, {'Elixir.Task', await | await_many, [Task, Timeout]}}: timeout,
 *          or why the task has ended without a result. With badarg: it is another's.
 * Parks    yes.
 * Context  the owner.
 * OTP      Task.await/2, await_many/2. Clauses TSK-10 to TSK-17.
 */
COP_API cop_term cop_task_await(cop_task task, int64_t timeout_ms);
COP_API cop_term cop_task_await_many(const cop_task *tasks, size_t count, int64_t timeout_ms);

enum cop_task_outcome {
    COP_TASK_NOTHING, /* nil: no result yet */
    COP_TASK_OK,      /* {ok, Result} */
    COP_TASK_EXIT     /* {exit, Reason} */
};

/* Wait for a task that may need longer.
 *
 * Returns  COP_TASK_OK and *ret the result; COP_TASK_EXIT and *ret the reason; both live until the
 *          end of the turn. COP_TASK_NOTHING after the time; then one may ask again.
 * Exits    the caller with badarg: it is another's.
 * Parks    yes.
 * Context  the owner.
 * OTP      Task.yield/2. Clauses TSK-18, TSK-19.
 */
COP_API enum cop_task_outcome cop_task_yield(cop_term *ret, cop_task task, int64_t timeout_ms);

enum cop_task_on_timeout { COP_TASK_LEAVE, COP_TASK_IGNORE, COP_TASK_KILL };

/* Wait for several tasks within one time, or until `limit` of them have answered (0: all).
 *
 * Returns  how many have answered; ret_outcomes and ret_values are arrays of count.
 * Exits    the caller with badarg: one is another's.
 * Parks    yes.
 * Options  on_timeout: what becomes of those that have not answered when the time has passed.
 * Context  the owner.
 * OTP      Task.yield_many/2. Clause TSK-20.
 */
COP_API size_t cop_task_yield_many(enum cop_task_outcome *ret_outcomes, cop_term *ret_values,
    const cop_task *tasks, size_t count, int64_t timeout_ms, enum cop_task_on_timeout on_timeout,
    size_t limit);

/* End a task: it is unlinked and told to shut down, and killed when it has not ended in time.
 * timeout_ms COP_BRUTAL_KILL: killed at once.
 *
 * Returns  COP_TASK_OK and its result, if it had sent one; COP_TASK_NOTHING: it has ended as it was
 *          told to; COP_TASK_EXIT and another reason.
 * Exits    the caller with badarg: it is another's.
 * Parks    yes, until it has ended.
 * Context  the owner.
 * OTP      Task.shutdown/2. Clauses TSK-21 to TSK-26, TSK-28.
 */
COP_API enum cop_task_outcome cop_task_shutdown(cop_term *ret, cop_task task, int64_t timeout_ms);

/* Want no more of a task: it is unlinked and runs on, and its result is dropped.
 *
 * Returns  as cop_task_yield, without waiting.
 * Exits    the caller with badarg: it is another's.
 * Parks    no.
 * Context  the owner.
 * OTP      Task.ignore/1. Clause TSK-27.
 */
COP_API enum cop_task_outcome cop_task_ignore(cop_term *ret, cop_task task);

/* --- Many pieces of work ---------------------------------------------------------------------- */

struct cop_task_stream_options {
    int unset;
    int max_concurrency;    /* 0: as many as there are schedulers */
    int64_t timeout_ms;     /* of each piece, from its start */
    bool kill_on_timeout;   /* its result is {exit, timeout}; else the consumer exits */
    bool unordered;         /* results as they come, not in the order of the input */
    bool zip_input_on_exit; /* {exit, {Input, Reason}} */
    bool no_link;           /* a piece that fails does not end the consumer */
    cop_dest supervisor;    /* whose children the tasks are; none: the consumer's own */
    int64_t shutdown_ms;    /* of these; 0: 5000, COP_BRUTAL_KILL */
};

/* Run fn on each element of a list, a few at a time, and take the results as they are wanted:
 *   cop_task_stream *stream = cop_task_stream_new(list, fn, .max_concurrency = 8);
 *   while (cop_task_stream_next(&result, stream))
 *       if (cop_match(result, "{ok, Value}", &value)) ...
 *   cop_task_stream_free(stream);
 * Nothing runs before the first is asked for, and never more than max_concurrency at once.
 *
 * Returns  new: the stream, in process memory. next: true and *ret, {ok, Value} or {exit, Reason},
 *          which lives until the end of the turn; false: that was all. free kills what still runs
 *          and waits for its end; NULL: nothing.
 * Exits    new: badarg for options out of range, no list. next: the caller with {timeout,
 *          {'Elixir.Task.Supervised', stream, [Timeout]}}, and what runs is killed.
 * Parks    next: yes. free: until all have ended.
 * Context  one process, which may also just end.
 * OTP      Task.async_stream/3,5. Clauses TSK-33 to TSK-47.
 */
typedef struct cop_task_stream cop_task_stream;
COP_API cop_task_stream *cop_task_stream_with(
    cop_term list, cop_task_fn *fn, const struct cop_task_stream_options *options);
COP_API bool cop_task_stream_next(cop_term *ret, cop_task_stream *stream);
COP_API void cop_task_stream_free(cop_task_stream *stream);
#define cop_task_stream_new(LIST, ...) COP__TASK_STREAM((LIST), __VA_ARGS__, )
#define COP__TASK_STREAM(LIST, FN, ...) \
    cop_task_stream_with(               \
        (LIST), (FN), &(const struct cop_task_stream_options){ .unset = 0, __VA_ARGS__ })

/* The same with a function that gets each result; false from it ends the stream early. What it
 * raises is raised again when all that ran has been killed.
 *
 * Exits    as cop_task_stream_new and cop_task_stream_next.
 * Parks    yes.
 * Context  any process.
 * OTP      Task.async_stream/3 with Enum.reduce_while/3. Clauses TSK-43, TSK-45.
 */
typedef bool cop_task_take_fn(cop_term result, void *arg);
COP_API void cop_task_stream_each(cop_term list, cop_task_fn *fn,
    const struct cop_task_stream_options *options, cop_task_take_fn *take, void *arg);

/* --- Tasks under a supervisor -----------------------------------------------------------------
 * Task.Supervisor is a dynamic supervisor (coppice/dynamic_supervisor.h) whose children are tasks.
 */

/* cop_task_async with the task as a child of a dynamic supervisor. nolink: the caller is not linked
 * to it, and sees its end in 'DOWN' alone.
 *
 * Returns  the task.
 * Exits    the caller with {max_children, Supervisor}; as cop_call does.
 * Parks    until it has started.
 * Context  any process of the supervisor's node: fn is an address.
 * OTP      Task.Supervisor.async/2, async_nolink/2. Clauses TSK-31, TSK-48, TSK-49, TSK-52.
 */
COP_API cop_task cop_task_supervisor_async_in(cop_dest supervisor, cop_task_fn *fn, cop_term arg);
COP_API cop_task cop_task_supervisor_async_nolink_in(
    cop_dest supervisor, cop_task_fn *fn, cop_term arg);
#define cop_task_supervisor_async(SUPERVISOR, FN, ARG) \
    cop_task_supervisor_async_in(cop_dest(SUPERVISOR), (FN), (ARG))
#define cop_task_supervisor_async_nolink(SUPERVISOR, FN, ARG) \
    cop_task_supervisor_async_nolink_in(cop_dest(SUPERVISOR), (FN), (ARG))

/* Run fn(arg) as a child whose result nobody wants.
 *
 * Returns  0 and *ret_pid; -EAGAIN: max_children.
 * Exits    the caller as cop_call does.
 * Parks    until it has started.
 * Options  restart, COP_TEMPORARY for OTP's default; shutdown_ms, 0: 5000.
 * Context  any process of the supervisor's node.
 * OTP      Task.Supervisor.start_child/2,3. Clause TSK-50. Children are terminated with
 *          cop_dynamic_supervisor_terminate_child, and cop_supervisor_which_children lists them
 *          (TSK-51).
 */
COP_API int cop_task_supervisor_start_child(cop_pid *ret_pid, cop_dest supervisor, cop_task_fn *fn,
    cop_term arg, enum cop_restart restart, int64_t shutdown_ms);

COP_END_DECLS

#endif
