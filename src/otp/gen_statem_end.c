/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a state machine: terminate, the report, the exit (SM-12, SM-50). */
#include "otp/gen_statem_int.h"

cop_term cop__sm_name(struct sm *sm)
{
    return cop__gen_name(sm->extra ? &sm->extra->registration : NULL);
}

cop_term cop__sm_modules_term(const struct sm *sm)
{
    cop_term modules = cop_cons(cop__sm_module_name(sm->module), cop_nil());

    for (const struct sm_below *below = sm->extra ? sm->extra->below : NULL; below;
         below = below->next)
        modules = cop_cons(cop__sm_module_name(below->module), modules);
    return cop_list_reverse(modules);
}

cop_term cop__sm_queue_term(const struct sm_queue *queue, bool reversed)
{
    cop_term list = cop_nil();

    for (const struct sm_event *event = queue->first; event; event = event->next)
        list = cop_cons(cop_copy(event->event), list);
    return reversed ? list : cop_list_reverse(list);
}

cop_term cop__sm_format_status(struct sm *sm, cop_term status)
{
    return cop__status_format(
        sm->module->format_status, sm->data, status, cop__sm_module_name(sm->module), "data");
}

/* --- The report -------------------------------------------------------------------------------
 */

/* The event under way before those that are queued. */
static cop_term queue_term(const struct sm *sm)
{
    cop_term queue = cop_list_append(
        cop__sm_queue_term(&sm->inserted, false), cop__sm_queue_term(&sm->events, false));

    return sm->has_event ? cop_cons(cop__sm_event_term(sm), queue) : queue;
}

static cop_term client(const struct sm *sm)
{
    if (!sm->has_event || sm->event.type != COP_EVENT_CALL)
        return COP_NONE;
    return cop_is_none(sm->from) ? cop_caller() : sm->from;
}

static void report(
    struct sm *sm, enum cop_class class, cop_term reason, cop_term stack, cop_term state)
{
    static const char *const classes[] = { "none", "exit", "error", "throw" };
    bool functions = sm->module->callback_mode == COP_STATE_FUNCTIONS;
    cop_term log = sm->extra ? cop__debug_events(&sm->extra->sys.debug) : cop_nil();
    cop_term timeouts = cop__sm_timeouts_term(sm), status;

    if (cop_log_level() < COP_LOG_ERROR)
        return;
    status = cop__sm_format_status(
        sm, cop("#{reason => Reason, state => State, data => Data, queue => Queue, postponed =>"
                " Postponed, timeouts => Timeouts, log => Log}",
                reason, state, cop__sm_get_data(sm), queue_term(sm),
                cop__sm_queue_term(&sm->postponed, true), cop_tuple_at(timeouts, 1), log));
    cop_log_report(COP_LOG_ERROR,
        cop("#{label => {gen_statem, terminate}, name => Name, queue => Queue, postponed =>"
            " Postponed, modules => Modules, callback_mode => Mode, state_enter => Enter,"
            " state => {State, Data}, timeouts => {Count, Timeouts}, log => Log,"
            " reason => {Class, Reason, Stack}, client_info => Client, process_label => Label}",
            cop__sm_name(sm), cop__status_value(status, "queue"),
            cop__status_value(status, "postponed"), cop__sm_modules_term(sm),
            functions ? cop("state_functions") : cop("handle_event_function"),
            cop_bool(sm->module->state_enter), cop__status_value(status, "state"),
            cop__status_value(status, "data"), cop_tuple_at(timeouts, 0),
            cop__status_value(status, "timeouts"), cop__status_value(status, "log"),
            cop_atom_new(classes[class]), cop__status_value(status, "reason"), stack,
            cop__gen_client_info(client(sm)), cop__gen_process_label()),
        cop("#{domain => [otp], error_logger => #{tag => error}}"));
}

/* --- The end ----------------------------------------------------------------------------------
 */

struct ending {
    struct sm *sm;
    cop_term reason, state;
};

static void run_terminate(void *arg)
{
    const struct ending *ending = arg;

    ending->sm->module->terminate(ending->sm->data, ending->reason, ending->state);
}

static void raise_here(void *arg)
{
    (void)arg;
    cop_error(cop("undefined"));
}

/* Of what the engine itself raised: where it is now. */
static cop_term own_stack(void)
{
    cop_term reason, stack = cop_nil();

    cop_try(raise_here, NULL, &reason, &stack);
    return stack;
}

void cop__sm_end(
    struct sm *sm, enum cop_class class, cop_term reason, cop_term stack, cop_term state)
{
    struct ending ending = { sm, reason, state };
    enum cop_class raised = COP_CLASS_NONE;
    cop_term raised_reason, raised_stack;

    if (cop_is_none(stack) && class == COP_CLASS_ERROR)
        stack = own_stack();
    sm->terminating = true;
    if (sm->module->terminate)
        raised = cop_try(run_terminate, &ending, &raised_reason, &raised_stack);
    if (raised == COP_CLASS_ERROR || raised == COP_CLASS_EXIT) {
        class = raised;
        reason = raised_reason;
        stack = raised_stack;
        report(sm, class, reason, stack, state);
    } else if (class == COP_CLASS_ERROR || !cop__gen_expected(reason)) {
        report(sm, class, reason, cop_is_none(stack) ? cop_nil() : stack, state);
    } else if (cop__sm_debugging(sm)) {
        cop__sm_debug(sm, cop("{terminate, Reason, State}", reason, state));
    }
    if (sm->extra)
        cop__gen_give_name_up(&sm->extra->registration);
    if (cop_is_none(stack))
        cop_exit(reason);
    cop_raise(class, reason, stack);
}
