/* SPDX-License-Identifier: Apache-2.0 */
/* What the system protocol asks of a state machine (SM-13, SM-14, SM-51), and its debug lines
 * (SM-49). */
#include "otp/fields.h"
#include "otp/gen_statem_int.h"

cop_term cop__sm_get_data(struct sm *sm)
{
    const cop_gen_statem *module = sm->module;

    if (module->get_data)
        return module->get_data(sm->data);
    if (!module->fields)
        return cop("{c_data, Size}", (int64_t)module->data_size);
    return cop__fields_get(module->fields, sm->data);
}

static struct cop__sys *sys_of(void *server, bool make)
{
    struct sm *sm = server;

    if (make)
        cop__sm_extra(sm);
    return sm->extra ? &sm->extra->sys : NULL;
}

static cop_term get_state(void *server)
{
    struct sm *sm = server;

    return cop("{State, Data}", sm->state, cop__sm_get_data(sm));
}

static void set_state(struct sm *sm, cop_term state)
{
    cop_keep(&sm->state, state);
    sm->handle = NULL;
}

/* Data that cannot be read as a term is left as it is. */
static bool put_state(void *server, cop_term pair)
{
    struct sm *sm = server;
    cop_term state, data;

    if (!cop_match(pair, "{State, Data}", &state, &data))
        return false;
    if (sm->module->replace_data) {
        if (!sm->module->replace_data(sm->data, data))
            return false;
    } else if (sm->module->fields) {
        if (!cop__fields_put(sm->module->fields, sm->data, data))
            return false;
    } else if (!cop_identical(data, cop__sm_get_data(sm))) {
        return false;
    }
    set_state(sm, state);
    return true;
}

static cop_pid parent_of(void *server)
{
    return cop__sm_parent(server);
}

static cop_term misc(void *server, cop_term mode, cop_term log)
{
    struct sm *sm = server;
    cop_term timeouts = cop__sm_timeouts_term(sm);
    cop_term status = cop__sm_format_status(
        sm, cop("#{state => State, data => Data, postponed => Postponed, timeouts => Timeouts,"
                " log => Log}",
                sm->state, cop__sm_get_data(sm), cop__sm_queue_term(&sm->postponed, true),
                cop_tuple_at(timeouts, 1), log));

    return cop("[{header, Header}, {data, [{\"Status\", Mode}, {\"Parent\", Parent},"
               " {\"Modules\", Modules}, {\"Time-outs\", {Count, Timeouts}},"
               " {\"Logged Events\", Log}, {\"Postponed\", Postponed}]},"
               " {data, [{\"State\", {State, Data}}]}]",
        cop__sys_header("state machine", cop__sm_name(sm)), mode, cop__sm_parent(sm),
        cop__sm_modules_term(sm), cop_tuple_at(timeouts, 0), cop__status_value(status, "timeouts"),
        cop__status_value(status, "log"), cop__status_value(status, "postponed"),
        cop__status_value(status, "state"), cop__status_value(status, "data"));
}

static cop_step code_change(void *server, cop_term old_vsn, cop_term extra)
{
    struct sm *sm = server;
    cop_step step;

    if (!sm->module->code_change)
        cop_error(cop("undef"));
    step =
        sm->module->code_change(sm->data, cop("{OldVsn, State, Extra}", old_vsn, sm->state, extra));
    if (step.op == COP__OP_OK && !cop_is_none(step.state))
        set_state(sm, step.state);
    return step;
}

static COP_NORETURN void parent_exited(void *server, cop_term message, cop_term reason)
{
    struct sm *sm = server;

    (void)message;
    cop__sm_end(sm, COP_CLASS_EXIT, reason, COP_NONE, sm->state);
}

static COP_NORETURN void terminate(void *server, cop_term reason)
{
    struct sm *sm = server;

    cop__sm_end(sm, COP_CLASS_EXIT, reason, COP_NONE, sm->state);
}

static const char *behaviour(const void *server)
{
    (void)server;
    return "gen_statem";
}

const struct cop__sys_callbacks cop__sm_sys = {
    .behaviour = behaviour,
    .sys = sys_of,
    .get_state = get_state,
    .put_state = put_state,
    .misc = misc,
    .parent = parent_of,
    .code_change = code_change,
    .parent_exited = parent_exited,
    .terminate = terminate,
};

void cop__sm_system(struct sm *sm, cop_term from, cop_term request, bool local)
{
    cop__sys_request(&cop__sm_sys, sm, from, request, local);
}

/* --- Debug lines ------------------------------------------------------------------------------
 */

static void print_what(FILE *to, cop_term event)
{
    cop_term request, type, content;
    cop_pid pid;

    if (cop_match(event, "{{call, {Pid, _}}, Request}", &pid, &request))
        fprintf(to, "call %s from %s", cop_show(request), cop_show(cop_from_pid(pid)));
    else if (cop_match(event, "{Type, Content}", &type, &content))
        fprintf(to, "%s %s", cop_show(type), cop_show(content));
    else
        fprintf(to, "%s", cop_show(event));
}

void cop__sm_print(FILE *to, cop_term what, cop_term name)
{
    cop_term tag, event, state, next, reply;
    cop_pid pid;

    fprintf(to, "*DBG* %s ", cop_show(name));
    if (cop_match(what, "{in, Event, State}", &event, &state)) {
        fprintf(to, "receive ");
        print_what(to, event);
        fprintf(to, " in state %s\n", cop_show(state));
    } else if (cop_match(what, "{out, Reply, {Pid, _}}", &reply, &pid)) {
        fprintf(to, "send %s to %s\n", cop_show(reply), cop_show(cop_from_pid(pid)));
    } else if (cop_match(what, "{Tag, Event, State, Next}", &tag, &event, &state, &next)) {
        fprintf(to, "%s ", cop_show(tag));
        print_what(to, event);
        if (cop_identical(state, next))
            fprintf(to, " in state %s\n", cop_show(state));
        else
            fprintf(to, " in state %s => %s\n", cop_show(state), cop_show(next));
    } else if (cop_match(what, "{Tag, Event, State}", &tag, &event, &state)) {
        fprintf(to, "%s %s in state %s\n", cop_show(tag), cop_show(event), cop_show(state));
    } else {
        fprintf(to, "%s\n", cop_show(what));
    }
}
