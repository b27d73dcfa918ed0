/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks as children of a dynamic supervisor (TSK-48 to TSK-55). Layer 5. The request carries the
 * index of the function in the table of start_code.c: an address would be a way to run anything. */
#include "otp/start_code.h"
#include "otp/task_int.h"

/* In the supervisor: {Index, Arg, Starter, Callers, Replies}. */
static cop_child_start start(cop_term arg, const void *context)
{
    const struct cop_spawn_options options = {
        .link = true, .proc_lib = true, .initial_call = "task"
    };
    const struct cop__entry *code = NULL;
    cop_term value, callers;
    cop_pid starter;
    int64_t index;
    bool replies;

    (void)context;
    if (cop_match(arg, "{Index, Value, Starter, Callers, Replies}", &index, &value, &starter,
            &callers, &replies))
        code = cop__entry_at(index);
    if (!code || code->kind != COP__ENTRY_TASK_FN)
        return (cop_child_start){ .result = COP_CHILD_ERROR, .info = cop("{no_task, Arg}", arg) };
    return (cop_child_start){ .result = COP_CHILD_OK,
        .pid = cop_spawn_with(cop__task_main,
            cop("{Fn, Arg, Starter, Callers, Replies}", (int64_t)(uintptr_t)code->object, value,
                starter, callers, replies),
            &options, NULL) };
}

int cop__task_start_child(cop_pid *ret_pid, cop_dest supervisor, cop_task_fn *fn, cop_term arg,
    enum cop_restart restart, int64_t shutdown_ms, bool replies)
{
    const struct cop__entry *code =
        cop__entry_of_function(COP__ENTRY_TASK_FN, (const void *)(uintptr_t)fn);
    cop_term callers = cop_get(cop("'$callers'")), error;
    const cop_child child = { .name = "task",
        .start = start,
        .arg_term = cop("{Index, Arg, Starter, Callers, Replies}", (int64_t)code->index, arg,
            cop_self(), cop_is_none(callers) ? cop_nil() : callers, replies),
        .restart = restart,
        .shutdown_ms = shutdown_ms };
    int result = cop_dynamic_supervisor_start_child_of(ret_pid, supervisor, &child, &error);

    if (result < 0 && result != -EAGAIN)
        cop_error(cop("{Error, {'Elixir.Task.Supervisor', start_child}}", error));
    return result;
}

int cop_task_supervisor_start_child(cop_pid *ret_pid, cop_dest supervisor, cop_task_fn *fn,
    cop_term arg, enum cop_restart restart, int64_t shutdown_ms)
{
    return cop__task_start_child(ret_pid, supervisor, fn, arg, restart, shutdown_ms, false);
}

cop_task cop__task_async_under(
    cop_dest supervisor, cop_task_fn *fn, cop_term arg, bool link, int64_t shutdown_ms)
{
    cop_pid pid;

    if (cop__task_start_child(&pid, supervisor, fn, arg, COP_TEMPORARY, shutdown_ms, true) < 0)
        cop_error(cop("{max_children, Supervisor}", cop_dest_show(supervisor))); /* TSK-49 */
    if (link)
        cop_link(pid);
    return cop__task_of(pid);
}

cop_task cop_task_supervisor_async_in(cop_dest supervisor, cop_task_fn *fn, cop_term arg)
{
    return cop__task_async_under(supervisor, fn, arg, true, 0);
}

cop_task cop_task_supervisor_async_nolink_in(cop_dest supervisor, cop_task_fn *fn, cop_term arg)
{
    return cop__task_async_under(supervisor, fn, arg, false, 0);
}
