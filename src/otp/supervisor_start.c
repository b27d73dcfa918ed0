/* SPDX-License-Identifier: Apache-2.0 */
/* Starting children: SUP-15 to SUP-20. Layer 5. All start functions run in the supervisor and
 * return only when the child is up, so that children come in order; what they raise is an answer
 * like any other. */
#include "supervisor_int.h"

#include "otp/dynamic_supervisor_int.h"

struct starting {
    const struct cop__spec *spec;
    cop_term args;
    struct cop__start result;
};

static struct cop__start failed(cop_term reason)
{
    return (struct cop__start){ .result = COP__START_ERROR, .reason = reason };
}

static struct cop__start started_or_not(int result, cop_pid pid, cop_term error)
{
    if (result == 0)
        return (struct cop__start){ .result = COP__START_OK, .pid = pid };
    if (result == -ECANCELED)
        return (struct cop__start){ .result = COP__START_IGNORE };
    return failed(error);
}

/* The one argument of a C start function: [Arg] is Arg, several stay a list. */
static cop_term single(cop_term args)
{
    cop_term arg, rest = args;

    if (cop_list_next(&arg, &rest) && cop_type_of(rest) == COP_TYPE_NIL)
        return arg;
    return args;
}

static struct cop__start start_gen_server(const struct cop__spec *spec, cop_term arg)
{
    struct cop_gen_options options = { .timeout_ms = 0 };
    cop_term error = COP_NONE;
    cop_pid pid = { 0, 0 };

    if (spec->name.index)
        options.name = cop_dest_atom(spec->name);
    int result =
        cop_gen_server_start_with(&pid, NULL, &spec->code->unnamed, arg, 1, &options, &error);

    return started_or_not(result, pid, error);
}

static struct cop__start start_supervisor(const struct cop__spec *spec, cop_term arg)
{
    cop_term error = COP_NONE;
    cop_pid pid = { 0, 0 };
    int result = cop__supervisor_start(&pid, spec->code->object, spec->name, arg, false, &error);

    return started_or_not(result, pid, error);
}

void cop__child_take_name(cop_atom name)
{
    cop_term error;
    cop_pid holder;

    if (cop_register_atom(name, cop_self()) == 0)
        return;
    error = cop_whereis(&holder, name) ? cop("{already_started, Pid}", holder)
                                       : cop("{badarg, Name}", name);
    cop_init_fail(cop("{error, Reason}", error), cop("normal"));
}

/* The first thing a named process does is to take its name: nothing runs without it, and the
 * supervisor goes on only then. */
static void run_named(cop_term arg)
{
    uint64_t main;
    cop_atom name;
    cop_term inner = cop_tuple_at(arg, 2);

    cop_must(cop_to_uint(&main, cop_tuple_at(arg, 0)));
    cop_must(cop_to_atom(&name, cop_tuple_at(arg, 1)));
    cop__child_take_name(name);
    cop_init_ack(cop("ok"));
    ((cop_process_main *)(uintptr_t)main)(inner);
}

static struct cop__start start_process(const struct cop__spec *spec, cop_term arg)
{
    struct cop_start_options options = { .link = true };
    cop_term result = COP_NONE, reason;
    cop_pid pid = { 0, 0 };

    options.spawn.proc_lib = true;
    options.spawn.initial_call = cop_atom_text(spec->code->module).data;
    if (!spec->name.index) {
        options.spawn.link = true;
        pid = cop_spawn_with(spec->code->process, arg, &options.spawn, NULL);
        return started_or_not(0, pid, COP_NONE);
    }
    arg = cop("{Main, Name, Arg}", cop_uint((uintptr_t)spec->code->process), spec->name, arg);
    if (cop_start_process(&result, &pid, NULL, run_named, arg, &options) == COP_STARTED)
        return started_or_not(0, pid, COP_NONE);
    return failed(cop_match(result, "{error, Reason}", &reason) ? reason : result);
}

static struct cop__start start_function(const struct cop__spec *spec, cop_term arg)
{
    cop_child_start said = spec->code->start(arg, spec->code->context);

    switch (said.result) {
    case COP_CHILD_OK:
        if (!said.pid.id)
            return failed(cop("{ok, undefined}"));
        return (struct cop__start){ .result = COP__START_OK, .pid = said.pid, .info = said.info };
    case COP_CHILD_IGNORE:
        return (struct cop__start){ .result = COP__START_IGNORE };
    case COP_CHILD_ERROR:
        return failed(cop_is_none(said.info) ? cop("undefined") : said.info);
    }
    return failed(cop_int((int64_t)said.result));
}

cop__isolated_start *cop__start_isolated;

struct cop__start cop__start_here(const struct cop__spec *spec, cop_term arg)
{
    switch (spec->code->kind) {
    case COP__ENTRY_GEN_SERVER:
        return start_gen_server(spec, arg);
    case COP__ENTRY_SUPERVISOR:
        return start_supervisor(spec, arg);
    case COP__ENTRY_PROCESS:
        return start_process(spec, arg);
    default:
        return start_function(spec, arg);
    }
}

static struct cop__start start_isolated(const struct cop__spec *spec, cop_term arg)
{
    if (cop__start_isolated)
        return cop__start_isolated(spec, arg);
    cop_log(COP_LOG_ERROR,
        "child %s has .isolate, and nothing was prepared for that: call cop_isolate_prepare() in "
        "main, before the node starts",
        cop_show(spec->id));
    return failed(cop("{isolate, not_prepared}"));
}

static void start_now(void *ptr)
{
    struct starting *s = ptr;
    cop_term arg = single(s->args);

    s->result =
        s->spec->code->isolate ? start_isolated(s->spec, arg) : cop__start_here(s->spec, arg);
}

/* A thrown value is as good as a returned one: SUP-17 */
static struct cop__start from_thrown(cop_term value)
{
    struct cop__start start = { .result = COP__START_OK };

    if (cop_match(value, "{ok, Pid}", &start.pid) ||
        cop_match(value, "{ok, Pid, Info}", &start.pid, &start.info))
        return start;
    if (cop_match(value, "ignore"))
        return (struct cop__start){ .result = COP__START_IGNORE };
    return failed(cop_match(value, "{error, Reason}", &start.reason) ? start.reason : value);
}

struct cop__start cop__start_one(const struct cop__spec *spec, cop_term args)
{
    struct starting s = { .spec = spec, .args = args };
    cop_term reason, stack;

    switch (cop_try(start_now, &s, &reason, &stack)) {
    case COP_CLASS_NONE:
        return s.result;
    case COP_CLASS_EXIT:
        return failed(cop("{'EXIT', Reason}", reason));
    case COP_CLASS_ERROR:
        return failed(cop("{'EXIT', {Reason, Stack}}", reason, stack));
    case COP_CLASS_THROW:
        break;
    }
    return from_thrown(reason);
}

struct cop__start cop__start_plainly(const struct cop__spec *spec, cop_term args)
{
    struct starting s = { .spec = spec, .args = args };
    cop_term reason, stack;

    switch (cop_try(start_now, &s, &reason, &stack)) {
    case COP_CLASS_EXIT:
        return failed(reason);
    case COP_CLASS_ERROR:
        return failed(cop("{Reason, Stack}", reason, stack));
    case COP_CLASS_THROW:
        return failed(cop("{{nocatch, Value}, Stack}", reason, stack));
    default:
        return s.result;
    }
}

cop_term cop__start_reply(const struct cop__start *started)
{
    if (started->result == COP__START_ERROR)
        return cop("{error, Reason}", started->reason);
    if (started->result == COP__START_IGNORE)
        return cop("{ok, undefined}");
    if (cop_is_none(started->info))
        return cop("{ok, Pid}", started->pid);
    return cop("{ok, Pid, Info}", started->pid, started->info);
}

bool cop__start_from(struct cop__sup *sup, struct cop__child *first, struct cop__child **ret_failed,
    cop_term *ret_reason)
{
    for (struct cop__child *child = first, *next; child; child = next) {
        struct cop__start started = cop__start_one(child->spec, child->args);

        next = child->next;
        if (started.result == COP__START_ERROR) {
            cop__report_error(sup, "start_error", started.reason, child);
            *ret_failed = child;
            *ret_reason = started.reason;
            return false;
        }
        if (started.result == COP__START_OK) {
            cop__child_running(&sup->children, child, started.pid);
            cop__report_progress(sup, child);
        } else if (child->spec->restart == COP_TEMPORARY) {
            cop__children_remove(&sup->children, child);
            continue;
        }
        if (child->spec->restart == COP_TEMPORARY)
            cop_keep_clear(&child->args); /* never started again: SUP-72 */
    }
    return true;
}
