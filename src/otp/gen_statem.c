/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of a state machine: one event after the other, from its own queue, then the time-outs of
 * zero, then the mailbox (SM-26 to SM-33, SM-40).
 *
 *   handle_message            a message is an event
 *     handle_event            calls the state: what it asks for is taken into the transition,
 *       take_step             gen_statem_step.c; with state_enter, the new state is called too
 *       transition            queues, time-outs, the new state
 *     serve                   until no event is queued; each is a turn of its own */
#include "otp/gen_statem_int.h"

#include <string.h>

struct sm_extra *cop__sm_extra(struct sm *sm)
{
    if (!sm->extra) {
        sm->extra = cop_alloc(sizeof *sm->extra);
        sm->extra->sys.debug.print = cop__sm_print;
    }
    return sm->extra;
}

cop_pid cop__sm_parent(const struct sm *sm)
{
    if (sm->parent == SM_PARENT_OTHER)
        return sm->extra->parent;
    return sm->parent == SM_PARENT_SELF ? cop_self() : cop_parent();
}

void cop__sm_debug(struct sm *sm, cop_term event)
{
    cop__debug_event(&sm->extra->sys.debug, event, cop__sm_name(sm));
}

/* --- Events -----------------------------------------------------------------------------------
 */

void cop__sm_push(struct sm_queue *queue, struct sm_event *event)
{
    event->next = NULL;
    if (queue->first)
        queue->last->next = event;
    else
        queue->first = event;
    queue->last = event;
}

/* All of `front` before what is in the queue. */
static void put_before(struct sm_queue *queue, struct sm_queue *front)
{
    if (!front->first)
        return;
    front->last->next = queue->first;
    if (!queue->first)
        queue->last = front->last;
    queue->first = front->first;
    front->first = front->last = NULL;
}

struct sm_event *cop__sm_keep_event(cop_term event)
{
    struct sm_event *kept = cop_alloc(sizeof *kept);

    cop_keep(&kept->event, event);
    return kept;
}

static void free_event(struct sm_event *event)
{
    cop_keep_clear(&event->event);
    cop_free(event);
}

static cop_term caller(const struct sm *sm)
{
    return cop_is_none(sm->from) ? cop_caller() : sm->from;
}

cop_term cop__sm_type_term(const struct sm *sm, const cop_event *event)
{
    switch (event->type) {
    case COP_EVENT_CALL:
        return cop("{call, From}", caller(sm));
    case COP_EVENT_CAST:
        return cop("cast");
    case COP_EVENT_INFO:
        return cop("info");
    case COP_EVENT_INTERNAL:
        return cop("internal");
    case COP_EVENT_ENTER:
        return cop("enter");
    case COP_EVENT_TIMEOUT:
        return cop("timeout");
    case COP_EVENT_STATE_TIMEOUT:
        return cop("state_timeout");
    case COP_EVENT_GENERIC_TIMEOUT:
        return cop("{timeout, Name}", event->name);
    }
    return cop("undefined");
}

cop_term cop__sm_event_term(const struct sm *sm)
{
    return cop("{Type, Content}", cop__sm_type_term(sm, &sm->event), sm->event.content);
}

/* What a queued event's type says. */
static enum cop_event_type read_type(cop_term type, cop_term *ret_name, cop_term *ret_from)
{
    if (cop_match(type, "{call, From}", ret_from))
        return COP_EVENT_CALL;
    if (cop_match(type, "{timeout, Name}", ret_name))
        return COP_EVENT_GENERIC_TIMEOUT;
    if (cop_match(type, "cast"))
        return COP_EVENT_CAST;
    if (cop_match(type, "internal"))
        return COP_EVENT_INTERNAL;
    if (cop_match(type, "state_timeout"))
        return COP_EVENT_STATE_TIMEOUT;
    return cop_match(type, "timeout") ? COP_EVENT_TIMEOUT : COP_EVENT_INFO;
}

/* From a queue, or a time-out. */
static void begin_event(struct sm *sm, cop_term type, cop_term content)
{
    sm->event = (cop_event){ .content = content };
    sm->event.type = read_type(type, &sm->event.name, &sm->from);
    sm->has_event = true;
    if (!cop_is_none(sm->from))
        cop_set_current_from(sm->from);
}

static void begin_plain_event(struct sm *sm, enum cop_event_type type, cop_term content)
{
    sm->event = (cop_event){ .type = type, .content = content };
    sm->has_event = true;
}

static void postpone_event(struct sm *sm)
{
    cop__sm_push(&sm->postponed, sm->held ? sm->held : cop__sm_keep_event(cop__sm_event_term(sm)));
    sm->held = NULL;
}

/* What was built from it is not needed any more. */
static void end_event(struct sm *sm)
{
    if (!cop_is_none(sm->from))
        cop_set_current_from(COP_NONE);
    sm->from = COP_NONE;
    if (sm->held)
        free_event(sm->held);
    sm->held = NULL;
    sm->has_event = false;
}

/* --- The state's function ---------------------------------------------------------------------
 */

void cop__sm_module_changed(struct sm *sm)
{
    sm->handle = NULL;
}

static cop_state_fn *find_handle(const struct sm *sm, cop_term state)
{
    cop_atom name;

    if (!cop_to_atom(&name, state))
        cop_error(cop("badarg")); /* SM-05 */
    for (const cop_state *known = sm->module->states; known && known->name; known++)
        if (strcmp(known->name, cop_atom_text(name).data) == 0)
            return known->handle;
    return NULL;
}

static COP_NORETURN void no_handle(const struct sm *sm, cop_term state)
{
    cop_term module = cop__sm_module_name(sm->module);
    cop_term type = cop__sm_type_term(sm, &sm->event), content = sm->event.content;

    if (sm->module->callback_mode == COP_STATE_FUNCTIONS)
        cop_raise(COP_CLASS_ERROR, cop("undef"),
            cop("[{Module, State, [Type, Content, data], []}]", module, state, type, content));
    cop_raise(COP_CLASS_ERROR, cop("undef"),
        cop("[{Module, handle_event, [Type, Content, State, data], []}]", module, type, content,
            state));
}

static cop_step call_state(struct sm *sm, cop_term state, const cop_event *event)
{
    cop_state_fn *handle = sm->entering ? NULL : sm->handle; /* an enter call: another state */

    if (sm->module->callback_mode != COP_STATE_FUNCTIONS) {
        if (__builtin_expect(!sm->module->handle_event, 0))
            no_handle(sm, state);
        return sm->module->handle_event(sm->data, state, event);
    }
    if (__builtin_expect(!handle, 0)) {
        handle = find_handle(sm, state);
        if (!handle)
            no_handle(sm, state);
        if (!sm->entering)
            sm->handle = handle;
    }
    return handle(sm->data, event);
}

/* --- The transition ---------------------------------------------------------------------------
 */

static void begin_transition(struct sm *sm)
{
    sm->next = sm->state;
    sm->asked_timeouts = COP_NONE;
    sm->fast_reply = COP_NONE;
    sm->entering = sm->call_enter = sm->hibernate = sm->postpone = false;
}

static void debug_consumed(struct sm *sm)
{
    cop_term event = cop__sm_event_term(sm);

    cop__sm_debug(sm, sm->postpone
                          ? cop("{postpone, Event, State, Next}", event, sm->state, sm->next)
                          : cop("{consume, Event, State, Next}", event, sm->state, sm->next));
}

/* All callbacks have had their say. SM-26 to SM-29, SM-35, SM-43 */
static void transition(struct sm *sm)
{
    bool changes = !cop_identical(sm->next, sm->state);

    if (cop__sm_debugging(sm))
        debug_consumed(sm);
    if (changes) {
        cop_keep(&sm->state, sm->next);
        sm->handle = NULL;
    }
    if (sm->postpone)
        postpone_event(sm);
    if (changes) {
        put_before(&sm->events, &sm->postponed);
        if (sm->timeouts)
            cop__sm_cancel_timeout(sm, cop("state_timeout"));
    }
    if (sm->timeouts)
        cop__sm_cancel_timeout(sm, cop("timeout"));
    if (!cop_is_none(sm->asked_timeouts))
        cop__sm_set_timeouts(sm);
    put_before(&sm->events, &sm->inserted);
    sm->next = sm->asked_timeouts = COP_NONE;
    if (!cop_is_none(sm->fast_reply))
        cop_current_reply(sm->fast_reply); /* last: the request goes with it */
    end_event(sm);
}

/* Enter calls as long as they are due (a repeat_state of one is one), then the transition. */
static void finish(struct sm *sm)
{
    while (sm->call_enter && sm->module->state_enter) {
        cop_event event = { .type = COP_EVENT_ENTER, .content = sm->state };
        cop_step step;

        sm->call_enter = false;
        sm->entering = true;
        step = call_state(sm, sm->next, &event);
        cop__sm_take_step(sm, &step);
    }
    sm->entering = false;
    transition(sm);
}

static void obey(struct sm *sm, const cop_step *step)
{
    cop__sm_take_step(sm, step);
    finish(sm);
}

static void handle_event(struct sm *sm)
{
    cop_step step;

    begin_transition(sm);
    step = call_state(sm, sm->state, &sm->event);
    obey(sm, &step);
}

/* --- One event after the other ----------------------------------------------------------------
 */

static void debug_in(struct sm *sm)
{
    sm->extra->sys.debug.messages_in++;
    if (sm->event.type == COP_EVENT_CALL)
        sm->from = caller(sm); /* for the lines after the reply, with which it goes */
    cop__sm_debug(sm, cop("{in, Event, State}", cop__sm_event_term(sm), sm->state));
}

/* From the queue, then a time-out of zero: one of them is there. */
static void take_next_event(struct sm *sm)
{
    cop_term type, content;

    if (sm->events.first) {
        sm->held = sm->events.first;
        sm->events.first = sm->held->next;
        begin_event(sm, cop_tuple_at(sm->held->event, 0), cop_tuple_at(sm->held->event, 1));
    } else {
        cop__sm_take_zero_timeout(sm, &type, &content);
        begin_event(sm, type, content);
        if (cop__sm_debugging(sm))
            debug_in(sm);
    }
}

static void wait(struct sm *sm)
{
    if (sm->hibernate) {
        sm->hibernating = true;
        cop_loop_hibernate();
    } else if (sm->extra && sm->extra->hibernate_after_ms) {
        sm->waiting_to_hibernate = true;
        cop_loop_timeout(sm->extra->hibernate_after_ms);
    }
}

static void serve(struct sm *sm)
{
    while (sm->events.first || sm->zero_timeouts) {
        cop_turn_next(COP_NONE);
        take_next_event(sm);
        handle_event(sm);
    }
    wait(sm);
}

static void rearm(struct sm *sm)
{
    if (sm->hibernating)
        cop_loop_hibernate();
    if (sm->waiting_to_hibernate)
        cop_loop_timeout(sm->extra->hibernate_after_ms);
}

/* --- Messages ---------------------------------------------------------------------------------
 */

static void run(struct sm *sm)
{
    sm->hibernating = sm->waiting_to_hibernate = false;
    if (cop__sm_debugging(sm))
        debug_in(sm);
    handle_event(sm);
    serve(sm);
}

static void run_plain(struct sm *sm, enum cop_event_type type, cop_term content)
{
    begin_plain_event(sm, type, content);
    run(sm);
}

static void dispatch(struct sm *sm, cop_term message)
{
    cop_term from, request, reason, type, content;
    cop_ref timer;

    if (cop_match(message, "{'$gen_cast', Request}", &request)) {
        run_plain(sm, COP_EVENT_CAST, request);
    } else if (cop_match(message, "{'$gen_call', From, Request}", &from, &request)) {
        begin_plain_event(sm, COP_EVENT_CALL, request);
        sm->from = from;
        cop_set_current_from(from);
        run(sm);
    } else if (sm->timeouts && cop_match(message, "{timeout, Timer, _}", &timer) &&
               cop__sm_fired(sm, timer, &type, &content)) {
        begin_event(sm, type, content);
        run(sm);
    } else if (cop__sys_is_exit_of(cop__sm_parent(sm), message, &reason)) { /* SM-11 */
        cop__sm_end(sm, COP_CLASS_EXIT, reason, COP_NONE, sm->state);
    } else {
        run_plain(sm, COP_EVENT_INFO, message);
    }
}

static void handle_message(void *state, cop_term message)
{
    struct sm *sm = state;
    cop_term request, from;
    cop_atom label;

    if (cop_current_call(&label, &request)) {
        if (__builtin_expect(label.index == cop__gen_call_label().index, 1)) {
            run_plain(sm, COP_EVENT_CALL, request);
        } else {
            cop__sm_system(sm, cop_caller(), request, true);
            rearm(sm);
        }
    } else if (cop_match(message, "{system, From, Request}", &from, &request)) {
        cop__sm_system(sm, from, request, cop__sys_is_local(from));
        rearm(sm);
    } else {
        dispatch(sm, message);
    }
    if (__builtin_expect(sm->extra && sm->extra->sys.suspended, 0))
        cop__sys_wait(&cop__sm_sys, sm);
}

static void handle_cast(void *state, cop_atom label, cop_term request)
{
    if (__builtin_expect(label.index != cop__gen_cast_label().index, 0))
        handle_message(state, cop("{Label, Request}", label, request));
    else
        run_plain(state, COP_EVENT_CAST, request);
}

static void handle_timeout(void *state)
{
    struct sm *sm = state;

    sm->waiting_to_hibernate = false;
    sm->hibernating = true;
    cop_loop_hibernate();
}

/* --- What a callback raised, and before the first message --------------------------------------
 */

/* What is to be gone on with. */
struct going_on {
    struct cop__going_on with; /* first */
    struct sm *sm;
    cop_step start; /* nothing was raised: of init */
};

/* The event {internal, init_state} is what OTP begins with: it shows in a report. */
static void begin(struct sm *sm, const cop_step *start)
{
    begin_plain_event(sm, COP_EVENT_INTERNAL, cop("init_state"));
    begin_transition(sm);
    if (!cop__sm_mode_is_valid(sm->module))
        cop__sm_error(sm, cop("{bad_return_from_callback_mode, Mode}",
                              (int)sm->module->callback_mode)); /* SM-02 */
    if (cop__sm_debugging(sm))
        cop__sm_debug(
            sm, cop("{enter, Module, State}", cop__sm_module_name(sm->module), sm->state));
    sm->call_enter = true;
    cop__sm_take_start(sm, start);
    finish(sm);
    serve(sm);
}

static void go_on(void *arg)
{
    const struct going_on *on = arg;
    struct sm *sm = on->sm;
    cop_step step;

    if (on->with.kind == COP_CLASS_NONE) {
        begin(sm, &on->start);
        return;
    }
    if (on->with.kind != COP_CLASS_THROW)
        cop__sm_end(sm, on->with.kind, on->with.reason, on->with.stack, sm->state);
    if (!cop__sm_thrown_step(&step, on->with.reason))
        cop__sm_error(
            sm, cop("{bad_return_from_state_function, Value}", on->with.reason)); /* SM-22 */
    obey(sm, &step);
    serve(sm);
}

static void handle_crash(void *state, enum cop_class class, cop_term reason, cop_term stack)
{
    struct sm *sm = state;
    struct going_on on = { { go_on, &sm->terminating, class, reason, stack }, .sm = sm };

    if (sm->terminating)
        cop_raise(class, reason, stack);
    cop__gen_go_on(&on.with);
}

static const cop_loop loop = {
    .handle_message = handle_message,
    .handle_timeout = handle_timeout,
    .handle_cast = handle_cast,
    .handle_crash = handle_crash,
};

void cop__sm_become(struct sm *sm, cop_step start)
{
    struct going_on on = {
        .with = { .go_on = go_on, .terminating = &sm->terminating }, .sm = sm, .start = start
    };

    cop__gen_go_on(&on.with);
    cop_become(&loop, sm);
}
