/* SPDX-License-Identifier: Apache-2.0 */
/* What a callback of a state machine returned: the result, then its actions in order (SM-15 to
 * SM-25, SM-46). All of it is checked here, in the order in which OTP does. */
#include "otp/gen_statem_int.h"
#include "otp/start_code.h"

static bool is_list(cop_term term)
{
    return cop_type_of(term) == COP_TYPE_LIST || cop_type_of(term) == COP_TYPE_NIL;
}

/* --- Out of order ----------------------------------------------------------------------------- */

void cop__sm_error(struct sm *sm, cop_term reason)
{
    cop__sm_end(sm, COP_CLASS_ERROR, reason, COP_NONE, sm->next);
}

static COP_NORETURN void bad_action(struct sm *sm, cop_term action)
{
    cop__sm_error(sm, cop("{bad_action_from_state_function, Action}", action));
}

static COP_NORETURN void bad_enter_action(struct sm *sm, cop_term action)
{
    cop__sm_error(sm, cop("{bad_state_enter_action_from_state_function, Action}", action));
}

/* What stands for a C instruction where Erlang shows the value returned. */
static cop_term step_term(const cop_step *step)
{
    switch (step->op) {
    case COP__OP_NEXT_STATE:
        return cop_is_none(step->actions)
                   ? cop("{next_state, State, data}", step->state)
                   : cop("{next_state, State, data, Actions}", step->state, step->actions);
    case COP__OP_OK:
        return cop_is_none(step->state) ? cop("ok") : cop("{ok, State, data}", step->state);
    case COP__OP_REPLY:
        return cop("{reply, Reply, data}", step->reply);
    case COP__OP_IGNORE:
        return cop("ignore");
    case COP__OP_ERROR:
        return cop("{error, Reason}", step->reason);
    default:
        return cop("undefined");
    }
}

static COP_NORETURN void bad_return(struct sm *sm, const cop_step *step)
{
    cop__sm_error(sm, cop("{bad_return_from_state_function, Value}", step_term(step)));
}

/* --- Replies ----------------------------------------------------------------------------------
 */

static bool is_from(cop_term from)
{
    cop_pid pid;

    return cop_match(from, "{Pid, _}", &pid);
}

static void send_reply(struct sm *sm, cop_term from, cop_term reply)
{
    cop_process_reply(from, reply);
    if (cop__sm_debugging(sm)) {
        cop__debug_sent(&sm->extra->sys.debug);
        cop__sm_debug(sm, cop("{out, Reply, From}", reply, from));
    }
}

/* The option .reply: to the caller of this event. The short way takes the request with it, so it is
 * taken only where nothing may look at the request afterwards. */
static void reply_to_caller(struct sm *sm, const cop_step *step)
{
    if (sm->event.type != COP_EVENT_CALL || sm->entering)
        bad_return(sm, step);
    if (cop_is_none(sm->from) && cop_is_none(step->actions) && !cop__sm_debugging(sm) &&
        !(sm->call_enter && sm->module->state_enter) && cop_is_none(sm->fast_reply))
        sm->fast_reply = step->reply;
    else
        send_reply(sm, cop_is_none(sm->from) ? cop_caller() : sm->from, step->reply);
}

/* --- Actions ----------------------------------------------------------------------------------
 */

static bool is_timeout_type(cop_term type)
{
    return cop_match(type, "timeout") || cop_match(type, "state_timeout") ||
           cop_match(type, "{timeout, _}");
}

static bool is_event_type(cop_term type)
{
    cop_term from;

    if (cop_match(type, "{call, From}", &from))
        return is_from(from);
    return cop_match(type, "cast") || cop_match(type, "info") || cop_match(type, "internal") ||
           is_timeout_type(type);
}

static bool is_time(cop_term time, bool absolute)
{
    int64_t ms;

    return cop_match(time, "infinity") || (cop_to_int(&ms, time) && (absolute || ms >= 0));
}

/* {abs, Bool}, the last of which counts. False: a malformed list. */
static bool read_options(cop_term options, bool *ret_absolute)
{
    cop_term option;

    *ret_absolute = false;
    if (!is_list(options))
        return cop_match(options, "{abs, Absolute}", ret_absolute);
    while (cop_list_next(&option, &options))
        if (!cop_match(option, "{abs, Absolute}", ret_absolute))
            return false;
    return cop_type_of(options) == COP_TYPE_NIL;
}

static void ask_timeout(
    struct sm *sm, cop_term type, cop_term time, cop_term content, bool absolute)
{
    cop_term asked = cop_is_none(sm->asked_timeouts) ? cop_nil() : sm->asked_timeouts;

    sm->asked_timeouts =
        cop_cons(cop("{Type, Time, Content, Absolute}", type, time, content, absolute), asked);
}

/* SM-34 to SM-39, SM-42. Whatever is no other action is one of these, or none at all. */
static void timeout_action(struct sm *sm, cop_term action)
{
    cop_term type, time, content, options;
    bool absolute;

    if (cop_match(action, "{Type, Time, Content, Options}", &type, &time, &content, &options)) {
        if (!is_timeout_type(type) || !read_options(options, &absolute) || !is_time(time, absolute))
            bad_action(sm, action);
        ask_timeout(sm, type, time, content, absolute);
    } else if (cop_match(action, "{Type, Time, Content}", &type, &time, &content)) {
        if (!is_timeout_type(type) || !(is_time(time, false) || cop_match(time, "update")))
            bad_action(sm, action);
        ask_timeout(sm, type, time, content, false);
    } else if (cop_match(action, "{Type, cancel}", &type)) {
        if (!is_timeout_type(type))
            bad_action(sm, action);
        ask_timeout(sm, type, cop("infinity"), cop("undefined"), false);
    } else if (is_time(action, false)) {
        ask_timeout(sm, cop("timeout"), action, action, false);
    } else {
        bad_action(sm, action);
    }
}

static void insert_event(struct sm *sm, cop_term action, cop_term type, cop_term content)
{
    cop_term event = cop("{Type, Content}", type, content);

    if (!is_event_type(type) || sm->entering) {
        if (sm->entering)
            bad_enter_action(sm, action);
        bad_action(sm, action);
    }
    cop__sm_push(&sm->inserted, cop__sm_keep_event(event));
    if (cop__sm_debugging(sm))
        cop__sm_debug(sm, cop("{in, Event, State}", event, sm->next));
}

static void use_module(struct sm *sm, const cop_gen_statem *module)
{
    sm->module = module;
    cop__sm_module_changed(sm);
    if (!cop__sm_mode_is_valid(module))
        cop__sm_error(sm, cop("{bad_return_from_callback_mode, Mode}", (int)module->callback_mode));
    if (cop__sm_debugging(sm))
        cop__sm_debug(sm, cop("{module, Module, State}", cop__sm_module_name(module), sm->next));
}

/* SM-48. False: it is none of these. */
static bool module_action(struct sm *sm, cop_term action)
{
    const struct cop__entry *code;
    const cop_gen_statem *module;
    struct sm_below *below;
    cop_term tag, name;
    int64_t index;

    if (cop_match(action, "pop_callback_module")) {
        below = sm->extra ? sm->extra->below : NULL;
        if (!below)
            return false;
        if (sm->entering)
            bad_enter_action(sm, action);
        module = below->module;
        sm->extra->below = below->next;
        cop_free(below);
        use_module(sm, module);
        return true;
    }
    if (!cop_match(action, "{Tag, {Name, Index}}", &tag, &name, &index) ||
        !(cop_match(tag, "change_callback_module") || cop_match(tag, "push_callback_module")))
        return false;
    code = cop__entry_at(index);
    if (!code || code->kind != COP__ENTRY_GEN_STATEM ||
        !cop_identical(name, cop_from_atom(code->module)))
        return false;
    if (sm->entering)
        bad_enter_action(sm, action);
    module = code->object;
    if (module->data_size > sm->module->data_size)
        bad_action(sm, action); /* its data would not be there */
    if (cop_match(tag, "push_callback_module")) {
        below = cop_alloc(sizeof *below);
        *below = (struct sm_below){ cop__sm_extra(sm)->below, sm->module };
        sm->extra->below = below;
    }
    use_module(sm, module);
    return true;
}

static void take_action(struct sm *sm, cop_term action)
{
    cop_term from, reply, type, content;
    bool flag;

    if (cop_match(action, "{reply, From, Reply}", &from, &reply)) {
        if (!is_from(from))
            bad_action(sm, action);
        send_reply(sm, from, reply);
    } else if (cop_match(action, "hibernate")) {
        sm->hibernate = true;
    } else if (cop_match(action, "{hibernate, Flag}", &flag)) {
        sm->hibernate = flag;
    } else if (cop_match(action, "postpone")) {
        if (sm->entering)
            bad_enter_action(sm, action);
        sm->postpone = true;
    } else if (cop_match(action, "{postpone, Flag}", &flag) && !(flag && sm->entering)) {
        sm->postpone = flag;
    } else if (cop_match(action, "{next_event, Type, Content}", &type, &content)) {
        insert_event(sm, action, type, content);
    } else if (!module_action(sm, action)) {
        timeout_action(sm, action);
    }
}

static void take_actions(struct sm *sm, cop_term actions)
{
    cop_term action;

    if (cop_is_none(actions))
        return;
    if (!is_list(actions)) {
        take_action(sm, actions);
        return;
    }
    while (cop_list_next(&action, &actions))
        take_action(sm, action);
}

/* Milliseconds as an option of a C instruction. */
static cop_term option_time(struct sm *sm, const cop_step *step, int64_t ms)
{
    if (ms == COP_INFINITY)
        return cop("infinity");
    if (ms < 0 && ms != COP_AT_ONCE)
        bad_return(sm, step);
    return cop_int(ms == COP_AT_ONCE ? 0 : ms);
}

static void take_options(struct sm *sm, const cop_step *step)
{
    cop_term time;

    if (step->hibernate)
        sm->hibernate = true;
    if (step->postpone) {
        if (sm->entering)
            bad_enter_action(sm, cop("postpone"));
        sm->postpone = true;
    }
    if (step->state_timeout_ms) {
        time = option_time(sm, step, step->state_timeout_ms);
        ask_timeout(sm, cop("state_timeout"), time, time, false);
    }
    if (step->timeout_ms) {
        time = option_time(sm, step, step->timeout_ms);
        ask_timeout(sm, cop("timeout"), time, time, step->timeout_abs);
    }
    if (!cop_is_none(step->reply))
        reply_to_caller(sm, step);
    take_actions(sm, step->actions);
}

/* --- Results ----------------------------------------------------------------------------------
 */

/* SM-21: replies first, then terminate. */
static COP_NORETURN void stop(struct sm *sm, const cop_step *step)
{
    cop_term replies = step->actions, reply = replies, from, value;

    if (!cop_is_none(step->reply)) {
        if (sm->event.type != COP_EVENT_CALL)
            bad_return(sm, step);
        send_reply(sm, cop_is_none(sm->from) ? cop_caller() : sm->from, step->reply);
    }
    if (!cop_is_none(replies) && !is_list(replies))
        replies = cop_cons(replies, cop_nil());
    while (!cop_is_none(replies) && cop_list_next(&reply, &replies)) {
        if (!cop_match(reply, "{reply, From, Value}", &from, &value) || !is_from(from))
            cop__sm_error(sm, cop("{bad_reply_action_from_state_function, Reply}", reply));
        send_reply(sm, from, value);
    }
    cop__sm_end(sm, COP_CLASS_EXIT, step->reason, COP_NONE, sm->next);
}

static COP_NORETURN void unhandled(struct sm *sm, const cop_step *step)
{
    cop_term stack = cop(
        "[{Module, handle_event, [Content], []}]", cop__sm_module_name(sm->module), step->reason);

    cop__sm_end(sm, COP_CLASS_ERROR, cop("function_clause"), stack, sm->state);
}

void cop__sm_take_step(struct sm *sm, const cop_step *step)
{
    switch (step->op) {
    case COP__OP_NEXT_STATE:
        if (cop_is_none(step->state))
            bad_return(sm, step);
        if (!cop_identical(step->state, sm->next)) {
            if (sm->entering)
                cop__sm_error(sm,
                    cop("{bad_state_enter_return_from_state_function, Value}", step_term(step)));
            sm->next = step->state;
            sm->call_enter = true;
        }
        break;
    case COP__OP_REPLY:
    case COP__OP_NOREPLY:
    case COP__OP_KEEP_STATE:
        break;
    case COP__OP_REPEAT_STATE:
        sm->call_enter = true;
        break;
    case COP__OP_STOP:
        stop(sm, step);
    case COP__OP_UNHANDLED:
        unhandled(sm, step);
    default:
        bad_return(sm, step);
    }
    take_options(sm, step);
}

void cop__sm_take_start(struct sm *sm, const cop_step *step)
{
    take_options(sm, step);
    sm->postpone = false; /* there is no event yet */
}

/* --- Thrown results: SM-04, SM-22 -------------------------------------------------------------
 */

bool cop__sm_thrown_step(cop_step *ret, cop_term value)
{
    cop_term state = COP_NONE, actions = COP_NONE, reason;

    if (cop_match(value, "{next_state, State, _}", &state) ||
        cop_match(value, "{next_state, State, _, Actions}", &state, &actions))
        *ret = (cop_step){ .op = COP__OP_NEXT_STATE, .state = state, .actions = actions };
    else if (cop_match(value, "keep_state_and_data") || cop_match(value, "{keep_state, _}") ||
             cop_match(value, "{keep_state, _, Actions}", &actions) ||
             cop_match(value, "{keep_state_and_data, Actions}", &actions))
        *ret = (cop_step){ .op = COP__OP_KEEP_STATE, .actions = actions };
    else if (cop_match(value, "repeat_state_and_data") || cop_match(value, "{repeat_state, _}") ||
             cop_match(value, "{repeat_state, _, Actions}", &actions) ||
             cop_match(value, "{repeat_state_and_data, Actions}", &actions))
        *ret = (cop_step){ .op = COP__OP_REPEAT_STATE, .actions = actions };
    else if (cop_match(value, "stop"))
        *ret = (cop_step){ .op = COP__OP_STOP, .reason = cop("normal") };
    else if (cop_match(value, "{stop, Reason}", &reason) ||
             cop_match(value, "{stop, Reason, _}", &reason))
        *ret = (cop_step){ .op = COP__OP_STOP, .reason = reason };
    else if (cop_match(value, "{stop_and_reply, Reason, Replies}", &reason, &actions) ||
             cop_match(value, "{stop_and_reply, Reason, Replies, _}", &reason, &actions))
        *ret = (cop_step){ .op = COP__OP_STOP, .reason = reason, .actions = actions };
    else
        return false;
    return true;
}

bool cop__sm_thrown_start(cop_step *ret, cop_term value)
{
    cop_term state, actions = COP_NONE, reason;

    if (cop_match(value, "ignore"))
        *ret = (cop_step){ .op = COP__OP_IGNORE };
    else if (cop_match(value, "{stop, Reason}", &reason))
        *ret = (cop_step){ .op = COP__OP_STOP, .reason = reason };
    else if (cop_match(value, "{error, Reason}", &reason))
        *ret = (cop_step){ .op = COP__OP_ERROR, .reason = reason };
    else if (cop_match(value, "{ok, State, _}", &state) ||
             cop_match(value, "{ok, State, _, Actions}", &state, &actions))
        *ret = (cop_step){ .op = COP__OP_OK, .state = state, .actions = actions };
    else
        return false;
    return true;
}
