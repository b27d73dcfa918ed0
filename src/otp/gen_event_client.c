/* SPDX-License-Identifier: Apache-2.0 */
/* What other processes ask of an event manager (EV-02, EV-06 to EV-09). Layer 5. */
#include "otp/gen_event_int.h"
#include "otp/gen_int.h"

/* {Self, {Self, [alias | Ref]}, Command}. False: *ret is why there is no reply. */
static bool ask(cop_term *ret, cop_dest manager, cop_term command, int64_t timeout_ms)
{
    cop_receive_scan scan;
    cop_term message, value;
    bool replied = false;
    cop_ref ref;
    cop_pid pid;

    *ret = cop("noproc");
    if (!cop_whereis_to(&pid, manager))
        return false;
    if (pid.id == cop_self().id && !pid.node) {
        *ret = cop("calling_self");
        return false;
    }
    ref = cop_monitor_opt(pid, .alias = COP_REPLY_DEMONITOR);
    cop_send(pid, cop("{Self, {Self, [alias | Ref]}, Command}", cop_self(), ref, command));
    *ret = cop("timeout");
    scan = cop_receive_begin_ref(timeout_ms, ref);
    while (cop_receive_next(&message, &scan)) {
        replied = cop_match(message, "{[alias | Ref], Value}", ref, &value);
        if (replied || cop_match(message, "{'DOWN', Ref, process, _, Value}", ref, &value)) {
            cop_receive_take(&scan);
            *ret = value;
            break;
        }
    }
    if (!replied)
        cop_demonitor_flush(ref);
    return replied;
}

/* EV-09 */
static cop_term request(cop_dest manager, cop_term command)
{
    cop_term value;

    if (!ask(&value, manager, command, COP_INFINITY))
        cop_exit(value);
    return value;
}

static cop_term known(const cop_event_handler *handler, cop_term id)
{
    cop_term module = cop_from_atom(cop_atom_new(handler->module));

    cop__entry_make_handler_known(handler);
    return cop_is_none(id) ? module : cop("{Module, Id}", module, id);
}

void cop_gen_event_notify_to(cop_dest manager, cop_term event)
{
    cop_pid pid;

    if (cop_dest_kind_of(manager) == COP_DEST_VIA && !cop_whereis_to(&pid, manager))
        return; /* EV-06 */
    cop_send_to(manager, cop("{notify, Event}", event));
}

void cop_gen_event_sync_notify_to(cop_dest manager, cop_term event)
{
    request(manager, cop("{sync_notify, Event}", event));
}

cop_term cop_gen_event_add_handler(
    cop_dest manager, const cop_event_handler *handler, cop_term id, cop_term args)
{
    return request(manager, cop("{add_handler, Handler, Args}", known(handler, id), args));
}

cop_term cop_gen_event_add_sup_handler(
    cop_dest manager, const cop_event_handler *handler, cop_term id, cop_term args)
{
    return request(manager,
        cop("{add_sup_handler, Handler, Args, Self}", known(handler, id), args, cop_self()));
}

cop_term cop_gen_event_delete_handler(cop_dest manager, cop_term handler, cop_term args)
{
    return request(manager, cop("{delete_handler, Handler, Args}", handler, args));
}

cop_term cop_gen_event_swap_handler(cop_dest manager, cop_term old, cop_term old_args,
    const cop_event_handler *handler, cop_term id, cop_term args)
{
    return request(manager, cop("{swap_handler, Old, OldArgs, Handler, Args}", old, old_args,
                                known(handler, id), args));
}

cop_term cop_gen_event_swap_sup_handler(cop_dest manager, cop_term old, cop_term old_args,
    const cop_event_handler *handler, cop_term id, cop_term args)
{
    return request(manager, cop("{swap_sup_handler, Old, OldArgs, Handler, Args, Self}", old,
                                old_args, known(handler, id), args, cop_self()));
}

cop_term cop_gen_event_call(
    cop_dest manager, cop_term handler, cop_term request_term, int64_t timeout_ms)
{
    cop_term target = cop_dest_show(manager), value;

    if (ask(&value, manager, cop("{call, Handler, Request}", handler, request_term),
            cop__gen_timeout(timeout_ms)))
        return value;
    if (timeout_ms == 0)
        cop_exit(cop("{Reason, {gen_event, call, [Target, Handler, Request]}}", value, target,
            handler, request_term));
    cop_exit(cop("{Reason, {gen_event, call, [Target, Handler, Request, Timeout]}}", value, target,
        handler, request_term,
        timeout_ms == COP_INFINITY ? cop("infinity") : cop_int(cop__gen_timeout(timeout_ms))));
}

cop_term cop_gen_event_which_handlers(cop_dest manager)
{
    return request(manager, cop("which_handlers"));
}
