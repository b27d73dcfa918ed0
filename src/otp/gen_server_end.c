/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a generic server: terminate, the reply of a stop, the report, the exit (GS-90 to
 * GS-105). */
#include "otp/gen_server_int.h"

struct ending {
    struct gs *gs;
    cop_term reason;
};

static void run_terminate(void *arg)
{
    struct ending *ending = arg;

    ending->gs->module->terminate(ending->gs->state, ending->reason);
}

bool cop__gen_expected(cop_term reason)
{
    return cop_match(reason, "normal") || cop_match(reason, "shutdown") ||
           cop_match(reason, "{shutdown, _}");
}

cop_term cop__gs_name(struct gs *gs)
{
    return cop__gen_name(gs->extra ? &gs->extra->registration : NULL);
}

/* GS-103: a call's request alone, a cast whole, a message as it came; [] when there was none. */
static cop_term last_message(const struct gs *gs)
{
    if (cop_is_none(gs->last))
        return cop("[]");
    return gs->in == GS_IN_CAST ? cop("{'$gen_cast', Request}", gs->last) : gs->last;
}

cop_term cop__gs_format_status(struct gs *gs, cop_term status)
{
    return cop__status_format(
        gs->module->format_status, gs->state, status, cop__gs_module_name(gs->module), "state");
}

/* format_status sees the reason without the stack, which is put back afterwards (GS-109). */
static void report(struct gs *gs, cop_term reason, cop_term stack)
{
    cop_term log = gs->extra ? cop__debug_events(&gs->extra->sys.debug) : cop_nil(), status, bare;

    if (cop_log_level() < COP_LOG_ERROR)
        return;
    if (!cop_is_none(stack) && cop_match(reason, "{Bare, Stack}", &bare, stack))
        reason = bare;
    status = cop__gs_format_status(
        gs, cop("#{state => State, message => Message, reason => Reason, log => Log}",
                cop__gs_get_state(gs), last_message(gs), reason, log));
    reason = cop__status_value(status, "reason");
    if (!cop_is_none(stack))
        reason = cop("{Reason, Stack}", reason, stack);
    cop_log_report(COP_LOG_ERROR,
        cop("#{label => {gen_server, terminate}, name => Name, last_message => Message, state => "
            "State, log => Log,"
            " reason => Reason, client_info => Client, process_label => Label}",
            cop__gs_name(gs), cop__status_value(status, "message"),
            cop__status_value(status, "state"), cop__status_value(status, "log"), reason,
            cop__gen_client_info(gs->in == GS_IN_CALL ? cop_caller() : COP_NONE),
            cop__gen_process_label()),
        cop("#{domain => [otp], error_logger => #{tag => error}}"));
}

static void send_reply(cop_term reply)
{
    cop_atom label;
    cop_term request;

    if (cop_current_call(&label, &request))
        cop_current_reply(reply);
    else if (!cop_is_none(cop_current_from()))
        cop_process_reply(cop_current_from(), reply);
}

void cop__gs_end(struct gs *gs, cop_term reason, cop_term stack, cop_term reply)
{
    struct ending ending = { gs, reason };
    cop_term raised, raised_stack, bare;
    enum cop_class class = COP_CLASS_NONE;

    gs->terminating = true;
    if (gs->module->terminate)
        class = cop_try(run_terminate, &ending, &raised, &raised_stack);
    if (class == COP_CLASS_ERROR || class == COP_CLASS_EXIT) { /* GS-97; a throw is ignored */
        reason = class == COP_CLASS_ERROR ? cop("{Reason, Stack}", raised, raised_stack) : raised;
        stack = raised_stack;
    }
    if (!cop__gen_expected(reason))
        report(gs, reason, stack);
    if (!cop_is_none(reply)) {     /* after terminate, even if that raised: GS-67 */
        reason = cop_copy(reason); /* it may lie in the request, which goes with the reply */
        send_reply(cop_copy(reply));
    }
    if (gs->extra)
        cop__gen_give_name_up(&gs->extra->registration);
    if (cop_is_none(stack))
        cop_exit(reason);
    if (cop_match(reason, "{Bare, Stack}", &bare, stack)) /* an error: shown as what it was */
        cop_raise(COP_CLASS_ERROR, bare, stack);
    cop_raise(COP_CLASS_EXIT, reason, stack);
}
