/* SPDX-License-Identifier: Apache-2.0 */
/* Event managers (EV-01 to EV-24). Layer 5. A manager is a generic server whose messages are those
 * of gen_event's own protocol, {notify, Event} and {Pid, {Pid, Tag}, Command}; all else that comes
 * is an info for its handlers. Every callback of a handler is caught. */
#include "otp/gen_event_int.h"

#include <coppice/log.h>

struct event_handler {
    struct event_handler *next;
    const cop_event_handler *module;
    cop_term id;        /* kept; none: it has none */
    cop_pid supervised; /* id 0: by nobody */
    char *state;
};

struct manager {
    struct event_handler *first; /* the newest */
};

/* --- One callback ----------------------------------------------------------------------------- */

struct calling {
    struct event_handler *handler;
    cop_handler *fn;
    cop_term message;
    cop_step step;
};

static void run(void *arg)
{
    struct calling *calling = arg;

    calling->step = calling->fn(calling->handler->state, calling->message);
}

/* What catch makes of what is raised. */
static cop_term caught(enum cop_class class, cop_term reason, cop_term stack)
{
    if (class == COP_CLASS_THROW)
        return reason;
    return class == COP_CLASS_ERROR ? cop("{'EXIT', {Reason, Stack}}", reason, stack)
                                    : cop("{'EXIT', Reason}", reason);
}

/* True: *ret_step is what it returned. False: *ret_value is what came instead. */
static bool call(struct event_handler *handler, cop_handler *fn, cop_term message,
    cop_step *ret_step, cop_term *ret_value)
{
    struct calling calling = { handler, fn, message, { 0 } };
    cop_term reason, stack;
    enum cop_class class = cop_try(run, &calling, &reason, &stack);

    *ret_step = calling.step;
    if (class == COP_CLASS_NONE && calling.step.op == COP__OP_UNHANDLED) {
        *ret_value = cop("{'EXIT', {function_clause, []}}");
        return false;
    }
    if (class != COP_CLASS_NONE)
        *ret_value = caught(class, reason, stack);
    return class == COP_CLASS_NONE;
}

/* --- Handlers --------------------------------------------------------------------------------- */

static cop_term module_name(const cop_event_handler *module)
{
    return cop_from_atom(cop_atom_new(module->module));
}

static cop_term name_of(const struct event_handler *handler)
{
    cop_term module = module_name(handler->module);

    return cop_is_none(handler->id) ? module : cop("{Module, Id}", module, handler->id);
}

static cop_term state_of(const struct event_handler *handler)
{
    return handler->module->fields ? cop__fields_get(handler->module->fields, handler->state)
                                   : cop("{c_state, Size}", (int64_t)handler->module->state_size);
}

/* As OTP shows what is not there: false. */
static cop_term id_of(const struct event_handler *handler)
{
    return cop_is_none(handler->id) ? cop_bool(false) : handler->id;
}

static cop_term supervised_of(const struct event_handler *handler)
{
    return handler->supervised.id ? cop_from_pid(handler->supervised) : cop_bool(false);
}

static void free_handler(struct event_handler *handler)
{
    cop_keep_clear(&handler->id);
    cop_free(handler->state);
    cop_free(handler);
}

static struct event_handler **find(struct manager *manager, cop_term name)
{
    struct event_handler **place = &manager->first;

    while (*place && !cop_identical(name_of(*place), name))
        place = &(*place)->next;
    return place;
}

static cop_term formatted(const struct event_handler *handler, cop_term status)
{
    return cop__status_format(handler->module->format_status, handler->state, status,
        module_name(handler->module), "state");
}

/* format_status sees the reason without what catch has put around it (EV-26). */
static void report(const struct event_handler *handler, cop_term why, cop_term last)
{
    cop_term reason = why, stack = COP_NONE, status;
    bool is_exit;

    if (cop_log_level() < COP_LOG_ERROR)
        return;
    is_exit = cop_match(why, "{'EXIT', {Reason, Stack}}", &reason, &stack) ||
              cop_match(why, "{'EXIT', Reason}", &reason);
    status = formatted(handler, cop("#{state => State, message => Last, reason => Reason}",
                                    state_of(handler), last, reason));
    reason = cop__status_value(status, "reason");
    if (!cop_is_none(stack))
        reason = cop("{Reason, Stack}", reason, stack);
    if (is_exit)
        reason = cop("{'EXIT', Reason}", reason);
    cop_log_report(COP_LOG_ERROR,
        cop("#{label => {gen_event, terminate}, handler => Handler, name => Name, last_message =>"
            " Last, state => State, reason => Why}",
            name_of(handler), cop__gen_name(NULL), cop__status_value(status, "message"),
            cop__status_value(status, "state"), reason),
        cop("#{domain => [otp], error_logger => #{tag => error}}"));
}

struct ending {
    struct event_handler *handler;
    cop_term why, result;
};

static void run_terminate(void *arg)
{
    struct ending *ending = arg;

    ending->result = ending->handler->module->terminate(ending->handler->state, ending->why);
}

/* terminate(Why), whose value is returned; who supervises it is told `told`; crash: reported. */
static cop_term end(
    struct event_handler *handler, cop_term why, cop_term told, bool crash, cop_term last)
{
    struct ending ending = { handler, why, cop("ok") };
    cop_term reason, stack;
    enum cop_class class;

    if (handler->module->terminate) {
        class = cop_try(run_terminate, &ending, &reason, &stack);
        if (class != COP_CLASS_NONE)
            ending.result = caught(class, reason, stack);
        else if (cop_is_none(ending.result))
            ending.result = cop("ok");
    }
    if (crash)
        report(handler, told, last);
    if (handler->supervised.id)
        cop_send(
            handler->supervised, cop("{gen_event_EXIT, Handler, Told}", name_of(handler), told));
    return ending.result;
}

/* Into the place; ok, or why not. */
static cop_term add(struct event_handler **place, const cop_event_handler *module, cop_term id,
    cop_term args, cop_pid supervised, bool *ret_hibernate)
{
    struct event_handler *handler = cop_alloc(sizeof *handler);
    cop_term value = COP_NONE;
    cop_step step;

    handler->module = module;
    handler->state = cop_alloc(module->state_size ? module->state_size : 1);
    handler->supervised = supervised;
    if (!cop_is_none(id))
        cop_keep(&handler->id, id);
    if (supervised.id)
        cop_link(supervised);
    if (call(handler, module->init, args, &step, &value) && step.op == COP__OP_OK) {
        handler->next = *place;
        *place = handler;
        *ret_hibernate = *ret_hibernate || step.hibernate;
        return cop("ok");
    }
    if (cop_is_none(value))
        value = step.op == COP__OP_ERROR || step.op == COP__OP_STOP ? step.reason
                : step.op == COP__OP_IGNORE                         ? cop("ignore")
                                                                    : cop("undefined");
    free_handler(handler);
    return value;
}

/* --- What a handler returned ------------------------------------------------------------------ */

/* EV-17 for what a handler itself asks for: the new one takes its place. */
static void swap(struct event_handler **place, const cop_step *step)
{
    struct event_handler *old = *place;
    const cop_event_handler *module = step->handler;
    cop_pid supervised = old->supervised;
    cop_term new_name = module_name(module), args, result;
    bool hibernate = false;

    result = end(old, cop_is_none(step->reason) ? cop("swapped") : step->reason,
        cop("{swapped, New, Pid}", new_name, supervised_of(old)), false, COP_NONE);
    args = cop("{Args, Result}", cop_is_none(step->then) ? cop("[]") : step->then, result);
    *place = old->next;
    free_handler(old);
    result = add(place, module, COP_NONE, args, supervised, &hibernate);
    if (!cop_match(result, "ok") && supervised.id)
        cop_send(supervised, cop("{gen_event_EXIT, Handler, Why}", new_name, result));
}

/* False: the handler is not in the place any more, another may be. */
static bool obey(struct event_handler **place, bool fine, const cop_step *step, cop_term value,
    cop_term last, bool *ret_hibernate)
{
    struct event_handler *handler = *place;

    if (fine &&
        (step->op == COP__OP_OK || step->op == COP__OP_NOREPLY || step->op == COP__OP_REPLY)) {
        *ret_hibernate = step->hibernate;
        return true;
    }
    if (fine && step->op == COP__OP_SWAP_HANDLER) {
        swap(place, step);
        return true;
    }
    if (fine && step->op == COP__OP_REMOVE_HANDLER)
        end(handler, cop("remove_handler"), cop("normal"), false, last);
    else
        end(handler, cop("{error, Value}", value), value, true, last);
    *place = handler->next;
    free_handler(handler);
    return false;
}

static cop_term bad_value(const cop_step *step)
{
    return step->op == COP__OP_STOP ? cop("{stop, Reason}", step->reason) : cop("undefined");
}

/* One event to all; hibernation is what any of them wanted (EV-22). */
static bool notify(struct manager *manager, cop_term event, bool is_info)
{
    bool hibernate = false, wants;
    cop_term value;
    cop_step step;

    for (struct event_handler **place = &manager->first; *place;) {
        cop_handler *fn = is_info ? (*place)->module->handle_info : (*place)->module->handle_event;
        bool fine;

        if (!fn && is_info) { /* EV-21 */
            cop_log_report(COP_LOG_WARNING,
                cop("#{label => {gen_event, no_handle_info}, module => Module, message => Event}",
                    module_name((*place)->module), event),
                cop("#{domain => [otp], error_logger => #{tag => warning_msg}}"));
            place = &(*place)->next;
            continue;
        }
        wants = false;
        value = fn ? COP_NONE : cop("{'EXIT', {undef, []}}");
        fine = fn && call(*place, fn, event, &step, &value);
        if (cop_is_none(value))
            value = bad_value(&step);
        if (obey(place, fine, &step, value, event, &wants) && *place)
            place = &(*place)->next;
        hibernate = hibernate || wants;
    }
    return hibernate;
}

/* --- Commands --------------------------------------------------------------------------------- */

static const cop_event_handler *read_module(cop_term term, cop_term *ret_id)
{
    cop_term module = term;
    cop_atom name;

    *ret_id = COP_NONE;
    cop_match(term, "{Module, Id}", &module, ret_id);
    return cop_to_atom(&name, module) ? cop__entry_of_handler_named(name) : NULL;
}

static cop_term undef(void)
{
    return cop("{'EXIT', {undef, []}}");
}

static cop_term add_command(
    struct manager *manager, cop_term name, cop_term args, cop_pid supervised, bool *ret_hibernate)
{
    cop_term id;
    const cop_event_handler *module = read_module(name, &id);

    return module ? add(&manager->first, module, id, args, supervised, ret_hibernate) : undef();
}

static cop_term delete_command(struct manager *manager, cop_term name, cop_term args)
{
    struct event_handler **place = find(manager, name), *handler = *place;
    cop_term result;

    if (!handler)
        return cop("{error, module_not_found}");
    result = end(handler, args, cop("normal"), false, COP_NONE);
    *place = handler->next;
    free_handler(handler);
    return result;
}

static cop_term swap_command(struct manager *manager, cop_term old_name, cop_term old_args,
    cop_term name, cop_term args, cop_pid supervised, bool *ret_hibernate)
{
    struct event_handler **place = find(manager, old_name), *old = *place;
    cop_term result = cop("error"), added;
    cop_pid by = supervised;

    if (old) {
        if (!by.id)
            by = old->supervised;
        result = end(old, old_args,
            cop("{swapped, New, Pid}", name, by.id ? cop_from_pid(by) : cop_bool(false)), false,
            COP_NONE);
        *place = old->next;
        free_handler(old);
    }
    added = add_command(manager, name, cop("{Args, Result}", args, result), by, ret_hibernate);
    return cop_match(added, "ok") ? added : cop("{error, Added}", added);
}

static cop_term call_command(
    struct manager *manager, cop_term name, cop_term request, bool *ret_hibernate)
{
    struct event_handler **place = find(manager, name);
    cop_term value = COP_NONE, reply;
    cop_step step = { 0 };
    bool fine, takes_reply;

    if (!*place)
        return cop("{error, bad_module}");
    if ((*place)->module->handle_call)
        fine = call(*place, (*place)->module->handle_call, request, &step, &value);
    else {
        fine = false;
        value = undef();
    }
    takes_reply = fine && (step.op == COP__OP_REPLY || step.op == COP__OP_REMOVE_HANDLER ||
                              step.op == COP__OP_SWAP_HANDLER);
    if (cop_is_none(value))
        value = bad_value(&step);
    reply = !takes_reply              ? cop("{error, Value}", value)
            : cop_is_none(step.reply) ? cop("undefined")
                                      : step.reply;
    obey(place, takes_reply, &step, value, request, ret_hibernate);
    return reply;
}

static cop_term which_handlers(const struct manager *manager)
{
    cop_term list = cop_nil();

    for (const struct event_handler *handler = manager->first; handler; handler = handler->next)
        list = cop_cons(name_of(handler), list);
    return cop_list_reverse(list);
}

/* none: it is no command */
static cop_term command(struct manager *manager, cop_term what, bool *ret_hibernate)
{
    cop_term event, name, args, old, old_args;
    cop_pid pid = { 0, 0 };

    if (cop_match(what, "{sync_notify, Event}", &event)) {
        *ret_hibernate = notify(manager, event, false);
        return cop("ok");
    }
    if (cop_match(what, "{call, Name, Args}", &name, &args))
        return call_command(manager, name, args, ret_hibernate);
    if (cop_match(what, "{add_handler, Name, Args}", &name, &args) ||
        cop_match(what, "{add_sup_handler, Name, Args, Pid}", &name, &args, &pid))
        return add_command(manager, name, args, pid, ret_hibernate);
    if (cop_match(what, "{delete_handler, Name, Args}", &name, &args))
        return delete_command(manager, name, args);
    if (cop_match(
            what, "{swap_handler, Old, OldArgs, Name, Args}", &old, &old_args, &name, &args) ||
        cop_match(what, "{swap_sup_handler, Old, OldArgs, Name, Args, Pid}", &old, &old_args, &name,
            &args, &pid))
        return swap_command(manager, old, old_args, name, args, pid, ret_hibernate);
    if (cop_match(what, "which_handlers"))
        return which_handlers(manager);
    return COP_NONE;
}

/* --- The server ------------------------------------------------------------------------------- */

static cop_step init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    return cop_ok();
}

/* EV-19 */
static void client_ended(struct manager *manager, cop_pid pid, cop_term reason)
{
    for (struct event_handler **place = &manager->first; *place;) {
        struct event_handler *handler = *place;

        if (handler->supervised.id != pid.id) {
            place = &handler->next;
            continue;
        }
        end(handler, cop("{stop, Reason}", reason), cop("shutdown"), false, COP_NONE);
        *place = handler->next;
        free_handler(handler);
    }
}

static cop_step handle_info(void *state, cop_term message)
{
    struct manager *manager = state;
    cop_term from, what, event, reason, reply = COP_NONE;
    bool hibernate = false;
    cop_pid pid;

    if (cop_match(message, "{notify, Event}", &event)) {
        hibernate = notify(manager, event, false);
    } else if (cop_match(message, "{Pid, From, What}", &pid, &from, &what) &&
               cop_match(from, "{Pid, _}", pid)) {
        reply = command(manager, what, &hibernate);
        if (!cop_is_none(reply))
            cop_reply_to(from, reply);
        else
            hibernate = notify(manager, message, true);
    } else {
        if (cop_match(message, "{'EXIT', Pid, Reason}", &pid, &reason))
            client_ended(manager, pid, reason);
        hibernate = notify(manager, message, true);
    }
    return hibernate ? cop_noreply(.hibernate = true) : cop_noreply();
}

/* To a manager these are messages like any other: EV-10. */
static cop_step handle_call(void *state, cop_term request)
{
    notify(state, cop("{'$gen_call', From, Request}", cop_caller(), request), true);
    return cop_noreply();
}

static cop_step handle_cast(void *state, cop_term request)
{
    notify(state, cop("{'$gen_cast', Request}", request), true);
    return cop_noreply();
}

static void terminate(void *state, cop_term reason)
{
    struct manager *manager = state;

    (void)reason;
    for (struct event_handler *handler = manager->first; handler; handler = handler->next)
        end(handler, cop("stop"), cop("shutdown"), false, COP_NONE);
}

/* EV-23 */
static cop_term triple(const struct event_handler *handler)
{
    return cop(
        "{Module, Id, State}", module_name(handler->module), id_of(handler), state_of(handler));
}

static cop_term get_state(void *state)
{
    const struct manager *manager = state;
    cop_term list = cop_nil();

    for (const struct event_handler *handler = manager->first; handler; handler = handler->next)
        list = cop_cons(triple(handler), list);
    return cop_list_reverse(list);
}

/* The list of triples, in the same order; one that does not fit keeps its state. */
static bool replace_state(void *state, cop_term list)
{
    struct manager *manager = state;
    struct event_handler *handler = manager->first;
    cop_term one, module, id, value;

    while (handler && cop_list_next(&one, &list)) {
        if (cop_match(one, "{Module, Id, State}", &module, &id, &value) &&
            cop_identical(module, module_name(handler->module)))
            cop__fields_put(handler->module->fields, handler->state, value);
        handler = handler->next;
    }
    return true;
}

static cop_step code_change(void *state, cop_term what)
{
    struct manager *manager = state;
    cop_term value;
    cop_step step;

    for (struct event_handler *handler = manager->first; handler; handler = handler->next)
        if (handler->module->code_change &&
            (!call(handler, handler->module->code_change, what, &step, &value) ||
                step.op != COP__OP_OK))
            return cop_init_error(cop("{code_change, Handler}", name_of(handler)));
    return cop_ok();
}

/* EV-25 */
static cop_term misc(void *state, cop_term name, cop_term mode, cop_pid parent, cop_term log)
{
    const struct manager *manager = state;
    cop_term installed = cop_nil(), status;

    for (const struct event_handler *handler = manager->first; handler; handler = handler->next) {
        status = formatted(handler, cop("#{log => Log, state => State}", log, state_of(handler)));
        log = cop__status_value(status, "log");
        installed = cop_cons(
            cop("{handler, Module, Id, State, Supervised}", module_name(handler->module),
                id_of(handler), cop__status_value(status, "state"), supervised_of(handler)),
            installed);
    }
    return cop("[{header, Header}, {data, [{\"Status\", Mode}, {\"Logged Events\", Log},"
               " {\"Parent\", Parent}]}, {items, {\"Installed handlers\", Installed}}]",
        cop__sys_header("event handler", name), mode, log, parent, cop_list_reverse(installed));
}

static const struct cop__behaviour behaviour = { .name = "gen_event", .misc = misc };

static const cop_gen_server server = {
    .module = "gen_event",
    .behaviour = &behaviour,
    .state_size = sizeof(struct manager),
    .init = init,
    .handle_call = handle_call,
    .handle_cast = handle_cast,
    .handle_info = handle_info,
    .terminate = terminate,
    .code_change = code_change,
    .trap_exit = true,
    .get_state = get_state,
    .replace_state = replace_state,
};

int cop_gen_event_start_with(
    cop_pid *ret_pid, int how, const struct cop_gen_options *options, cop_term *ret_error)
{
    return cop_gen_server_start_with(
        ret_pid, NULL, &server, cop_nil(), how == 1, options, ret_error);
}

cop_child_start cop_gen_event_start_child(cop_term arg, const void *name)
{
    const struct cop_gen_options options = { .name = cop_dest_name(name) };
    cop_term reason = COP_NONE;
    cop_pid pid = { 0, 0 };
    int error = cop_gen_event_start_with(&pid, 1, &options, &reason);

    (void)arg;
    return cop_child_started(error, pid, reason);
}
