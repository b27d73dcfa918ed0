/* SPDX-License-Identifier: Apache-2.0 */
/* What the system protocol asks of a generic server: its state as a term, by its own functions,
 * else by its table of fields as a map, else as its size alone; and what get_status shows. */
#include "otp/fields.h"
#include "otp/gen_server_int.h"

cop_term cop__gs_get_state(struct gs *gs)
{
    const cop_gen_server *module = gs->module;

    if (module->get_state)
        return module->get_state(gs->state);
    if (!module->fields)
        return cop("{c_state, Size}", (int64_t)module->state_size);
    return cop__fields_get(module->fields, gs->state);
}

static struct cop__sys *sys_of(void *server, bool make)
{
    struct gs *gs = server;

    if (make)
        cop__gs_extra(gs);
    return gs->extra ? &gs->extra->sys : NULL;
}

static cop_term get_state(void *server)
{
    return cop__gs_get_state(server);
}

static bool put_state(void *server, cop_term state)
{
    struct gs *gs = server;

    if (gs->module->replace_state)
        return gs->module->replace_state(gs->state, state);
    return cop__fields_put(gs->module->fields, gs->state, state);
}

static cop_pid parent_of(void *server)
{
    return cop__gs_parent(server);
}

static cop_term shown_state(struct gs *gs, cop_term log)
{
    cop_term status =
        cop__gs_format_status(gs, cop("#{state => State, log => Log}", cop__gs_get_state(gs), log));

    return cop__status_value(status, "state");
}

static cop_term misc(void *server, cop_term mode, cop_term log)
{
    struct gs *gs = server;
    const struct cop__behaviour *behaviour = gs->module->behaviour;
    cop_pid parent = cop__gs_parent(gs);

    if (behaviour)
        return behaviour->misc(gs->state, cop__gs_name(gs), mode, parent, log);
    return cop("[{header, Header}, {data, [{\"Status\", Status}, {\"Parent\", Parent},"
               " {\"Logged events\", Log}]}, {data, [{\"State\", State}]}]",
        cop__sys_header("generic server", cop__gs_name(gs)), mode, parent, log,
        shown_state(gs, log));
}

static cop_step code_change(void *server, cop_term old_vsn, cop_term extra)
{
    struct gs *gs = server;

    if (!gs->module->code_change)
        cop_error(cop("undef"));
    return gs->module->code_change(gs->state, cop("{OldVsn, Extra}", old_vsn, extra));
}

static COP_NORETURN void terminate(void *server, cop_term reason)
{
    cop__gs_end(server, reason, COP_NONE, COP_NONE);
}

static COP_NORETURN void parent_exited(void *server, cop_term message, cop_term reason)
{
    struct gs *gs = server;

    gs->last = message;
    gs->in = GS_IN_NONE;
    cop__gs_end(gs, reason, COP_NONE, COP_NONE);
}

static const char *behaviour(const void *server)
{
    const struct gs *gs = server;

    return gs->module->behaviour ? gs->module->behaviour->name : "gen_server";
}

const struct cop__sys_callbacks cop__gs_sys = {
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

void cop__gs_system(struct gs *gs, cop_term from, cop_term request, bool local)
{
    gs->in = GS_IN_NONE;
    gs->last = COP_NONE; /* it went with its turn */
    cop__sys_request(&cop__gs_sys, gs, from, request, local);
}
