/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of a generic server: takes messages in order (GS-58), calls the callback that belongs to
 * each (GS-59), and does what it returned.
 *
 *   user module              generic module (here)           runtime
 *   -----------              ---------------------           -------
 *   init               <---  start                     <---  cop_start_process
 *   handle_call        <---  handle_message            <---  cop_become's loop, one turn a message
 *   cop_reply(...)     --->  obey                       --->  cop_current_reply
 *   terminate          <---  end                        --->  cop_exit
 *
 * Only public headers are used: whoever wants another behaviour can write it in the same way. */
#include "otp/gen_server_int.h"

struct gs_extra *cop__gs_extra(struct gs *gs)
{
    if (!gs->extra)
        gs->extra = cop_alloc(sizeof *gs->extra);
    return gs->extra;
}

static bool debugging(const struct gs *gs)
{
    return __builtin_expect(gs->extra && cop__debug_on(&gs->extra->sys.debug), 0);
}

/* --- What a callback asked for ---------------------------------------------------------------- */

static COP_NORETURN void bad_return(struct gs *gs, cop_term value)
{
    cop__gs_end(gs, cop("{bad_return_value, Value}", value), COP_NONE, COP_NONE);
}

/* What stands for a C instruction where Erlang shows the value returned. */
static cop_term step_term(cop_step step)
{
    switch (step.op) {
    case COP__OP_REPLY:
        return cop("{reply, Reply, state}", step.reply);
    case COP__OP_OK:
        return cop("{ok, state}");
    case COP__OP_NOREPLY:
        return cop("{noreply, state, Timeout}", step.timeout_ms);
    case COP__OP_IGNORE:
        return cop("ignore");
    case COP__OP_ERROR:
        return cop("{error, Reason}", step.reason);
    default:
        return cop("undefined");
    }
}

static bool bad_timeout(cop_step step)
{
    return step.timeout_ms < 0 && step.timeout_ms != COP_INFINITY && step.timeout_ms != COP_AT_ONCE;
}

/* {timeout, T, Message}: a timer of the server's own, which system messages do not touch (GS-80).
 */
static void start_timer(struct gs *gs, cop_step step)
{
    struct gs_extra *extra = cop__gs_extra(gs);

    if (step.timeout_ms == COP_INFINITY)
        return;
    cop_keep(&extra->timer_message, step.timeout);
    if (step.timeout_abs)
        extra->timer = cop_start_timer_at_to(step.timeout_ms, cop_dest(cop_self()), cop("[]"));
    else
        extra->timer = cop_start_timer(step.timeout_ms, cop_self(), cop("[]"));
}

/* A message has come: the timer of {timeout, T, Message} is off, and its message is not there. */
static void stop_timer(struct gs_extra *extra)
{
    if (cop_cancel_timer(extra->timer) < 0)
        cop_receive_match_within(0, "{timeout, Ref, _}", extra->timer);
    extra->timer.id = 0;
}

static void wait_with(struct gs *gs, cop_step step)
{
    if (step.hibernate) {
        cop__gs_extra(gs)->hibernating = true;
        cop_loop_hibernate();
    }
    if (!cop_is_none(step.timeout)) {
        start_timer(gs, step);
    } else if (step.timeout_ms && step.timeout_ms != COP_INFINITY) {
        cop__gs_extra(gs)->idle_timeout_ms = step.timeout_ms;
        cop_loop_timeout(step.timeout_ms == COP_AT_ONCE ? 0 : step.timeout_ms);
    } else if (gs->extra && gs->extra->hibernate_after_ms && !step.hibernate) {
        gs->extra->waiting_to_hibernate = true;
        cop_loop_timeout(gs->extra->hibernate_after_ms);
    }
}

void cop__gs_rearm(struct gs *gs)
{
    struct gs_extra *extra = gs->extra;

    if (!extra)
        return;
    if (extra->hibernating)
        cop_loop_hibernate();
    if (extra->waiting_to_hibernate)
        cop_loop_timeout(extra->hibernate_after_ms);
    else if (extra->idle_timeout_ms)
        cop_loop_timeout(extra->idle_timeout_ms == COP_AT_ONCE ? 0 : extra->idle_timeout_ms);
}

static cop_step run_continue(struct gs *gs, cop_term what)
{
    gs->in = GS_IN_CONTINUE;
    gs->last = what;
    if (!gs->module->handle_continue) {
        cop_term reason = cop("{undef, [{Module, handle_continue, [Continue], []}]}",
            cop__gs_module_name(gs->module), what);

        cop__gs_end(gs, reason, COP_NONE, COP_NONE);
    }
    if (debugging(gs))
        cop__debug_event(
            &gs->extra->sys.debug, cop("{continue, Continue}", what), cop__gs_name(gs));
    return gs->module->handle_continue(gs->state, what);
}

static cop_step run_info(struct gs *gs, cop_term message)
{
    gs->in = GS_IN_INFO;
    gs->last = message;
    if (gs->module->handle_info)
        return gs->module->handle_info(gs->state, message);
    /* GS-73, GS-106 */
    cop_log_report(COP_LOG_WARNING,
        cop("#{label => {gen_server, no_handle_info}, module => Module, message => Message}",
            cop__gs_module_name(gs->module), message),
        cop("#{domain => [otp], error_logger => #{tag => warning_msg}}"));
    return cop_noreply();
}

static void debug_step(struct gs *gs, cop_step step)
{
    cop_term event = step.op == COP__OP_REPLY ? cop("{out, Reply, From, State}", step.reply,
                                                    cop_caller(), cop__gs_get_state(gs))
                                              : cop("{noreply, State}", cop__gs_get_state(gs));

    cop__debug_event(&gs->extra->sys.debug, event, cop__gs_name(gs));
    if (step.op == COP__OP_REPLY)
        cop__debug_sent(&gs->extra->sys.debug);
}

/* The reply of the call under way, in place when it is there. */
static inline void reply(cop_term value)
{
    if (__builtin_expect(!cop_current_reply(value), 0))
        cop_process_reply(cop_current_from(), value);
}

/* {timeout, 0, Message}: nothing comes before it (GS-80). */
static bool at_once(cop_step step)
{
    return !cop_is_none(step.timeout) && !step.timeout_abs &&
           (step.timeout_ms == 0 || step.timeout_ms == COP_AT_ONCE);
}

/* What comes after the reply may lie in the request, which goes with it. */
static void outlive_request(cop_step *step)
{
    if (!cop_is_none(step->then))
        step->then = cop_copy(step->then);
    if (!cop_is_none(step->timeout))
        step->timeout = cop_copy(step->timeout);
}

/* Do what *step says. True: another callback had its turn before any message, and *step is what it
 * said. */
static bool obey_once(struct gs *gs, cop_step *step)
{
    if (__builtin_expect(bad_timeout(*step), 0))
        bad_return(gs, step_term(*step)); /* GS-86 */
    if (debugging(gs) && (step->op == COP__OP_REPLY || step->op == COP__OP_NOREPLY))
        debug_step(gs, *step);
    switch (step->op) {
    case COP__OP_REPLY:
        if (__builtin_expect(gs->in != GS_IN_CALL, 0))
            bad_return(gs, step_term(*step)); /* GS-69 */
        outlive_request(step);
        reply(step->reply);
        break;
    case COP__OP_NOREPLY:
        break;
    case COP__OP_OK:
        if (gs->in != GS_IN_NONE)
            bad_return(gs, step_term(*step));
        break;
    case COP__OP_STOP:
        cop__gs_end(gs, step->reason, COP_NONE, gs->in == GS_IN_CALL ? step->reply : COP_NONE);
    case COP__OP_UNHANDLED:
        cop__gs_end(gs,
            cop("{function_clause, [{Module, handle, [Request], []}]}",
                cop__gs_module_name(gs->module), step->reason),
            COP_NONE, COP_NONE);
    default:
        bad_return(gs, step_term(*step));
    }
    if (__builtin_expect(!cop_is_none(step->then), 0)) {
        *step = run_continue(gs, cop_turn_next(step->then));
        return true;
    }
    if (__builtin_expect(at_once(*step), 0)) {
        *step = run_info(gs, cop_turn_next(step->timeout));
        return true;
    }
    if (__builtin_expect(step->timeout_ms || step->hibernate || gs->extra, 0))
        wait_with(gs, *step);
    return false;
}

/* handle_call may reply, init may be ok; everything else is told apart by what it returned.
 * Continues are a loop and not a recursion, and each is a turn: a chain of them may be endless
 * (GS-83). */
void cop__gs_obey(struct gs *gs, cop_step step)
{
    while (obey_once(gs, &step))
        ;
}

/* The same; what nearly all callbacks return comes first. */
static inline void obey(struct gs *gs, const cop_step *step)
{
    bool plain = !step->timeout_ms && !step->hibernate && cop_is_none(step->then) &&
                 cop_is_none(step->timeout) && !gs->extra;

    if (__builtin_expect(plain && step->op == COP__OP_REPLY && gs->in == GS_IN_CALL, 1))
        reply(step->reply);
    else if (!(plain && step->op == COP__OP_NOREPLY))
        cop__gs_obey(gs, *step);
}

/* --- One message
 * ----------------------------------------------------------------------------------- */

/* A message ends whatever time-out was under way. */
static void woken(struct gs_extra *extra)
{
    extra->idle_timeout_ms = 0;
    extra->waiting_to_hibernate = false;
    extra->hibernating = false;
    if (extra->timer.id)
        stop_timer(extra);
}

static void handle_call(struct gs *gs, cop_term request)
{
    cop_step step;

    gs->in = GS_IN_CALL;
    gs->last = request;
    step = gs->module->handle_call ? gs->module->handle_call(gs->state, request)
                                   : cop_unhandled(request);
    obey(gs, &step);
}

enum { BATCH = 64, BATCH_MAX = 256 };

static void handle_batch(struct gs *gs, cop_term request)
{
    cop_term requests[BATCH_MAX];
    size_t max = gs->module->cast_batch_max ? gs->module->cast_batch_max : BATCH, count = 1;
    cop_step step;

    requests[0] = request;
    if (max > BATCH_MAX)
        max = BATCH_MAX;
    /* One by one where each is to be seen: a debug function looks, or the server is suspended. */
    if (max > 1 && !gs->extra)
        count += cop_receive_casts(requests + 1, max - 1, cop__gen_cast_label());
    step = gs->module->handle_cast_batch(gs->state, requests, count);
    obey(gs, &step);
}

static void handle_cast(struct gs *gs, cop_term request)
{
    cop_step step;

    gs->in = GS_IN_CAST;
    gs->last = request;
    if (!gs->module->handle_cast && gs->module->handle_cast_batch) {
        handle_batch(gs, request);
        return;
    }
    if (!gs->module->handle_cast) {
        cop_term reason = cop("{undef, [{Module, handle_cast, [Request], []}]}",
            cop__gs_module_name(gs->module), request);

        cop__gs_end(gs, reason, COP_NONE, COP_NONE);
    }
    step = gs->module->handle_cast(gs->state, request);
    obey(gs, &step);
}

static void handle_info(struct gs *gs, cop_term message)
{
    cop__gs_obey(gs, run_info(gs, message));
}

cop_pid cop__gs_parent(const struct gs *gs)
{
    if (gs->parent == GS_PARENT_OTHER)
        return gs->extra->parent;
    return gs->parent == GS_PARENT_SELF ? cop_self() : cop_parent();
}

/* A message that is no call under way in this node. */
void cop__gs_dispatch(struct gs *gs, cop_term message)
{
    cop_term from, request, reason;

    if (cop_match(message, "{'$gen_cast', Request}", &request)) {
        handle_cast(gs, request);
    } else if (cop_match(message, "{'$gen_call', From, Request}", &from, &request)) {
        cop_set_current_from(from);
        handle_call(gs, request);
    } else if (cop__sys_is_exit_of(cop__gs_parent(gs), message, &reason)) {
        gs->last = message;
        gs->in = GS_IN_NONE;
        cop__gs_end(gs, reason, COP_NONE, COP_NONE); /* GS-60, GS-62 */
    } else if (gs->extra && gs->extra->timer.id &&
               cop_match(message, "{timeout, Timer, _}", gs->extra->timer)) {
        gs->extra->timer.id = 0;
        handle_info(gs, cop_copy(gs->extra->timer_message));
    } else {
        handle_info(gs, message);
    }
}

static bool is_own_timeout(const struct gs *gs, cop_term message)
{
    return gs->extra->timer.id && cop_match(message, "{timeout, Timer, _}", gs->extra->timer);
}

static void handle_unusual(struct gs *gs, cop_term message)
{
    if (!is_own_timeout(gs, message))
        woken(gs->extra);
    if (cop__debug_on(&gs->extra->sys.debug))
        cop__debug_in(&gs->extra->sys.debug, message, cop__gs_name(gs));
    cop__gs_dispatch(gs, message);
}

static void handle_message(void *state, cop_term message)
{
    struct gs *gs = state;
    cop_term request, from;
    cop_atom label;

    if (cop_current_call(&label, &request)) {
        if (__builtin_expect(label.index == cop__gen_call_label().index, 1)) {
            if (__builtin_expect(gs->extra != NULL, 0)) {
                woken(gs->extra);
                if (cop__debug_on(&gs->extra->sys.debug))
                    cop__debug_in(&gs->extra->sys.debug,
                        cop("{'$gen_call', From, Request}", cop_caller(), request),
                        cop__gs_name(gs));
            }
            handle_call(gs, request);
        } else {
            cop__gs_system(gs, cop_caller(), request, true);
            cop__gs_rearm(gs);
        }
    } else if (cop_match(message, "{system, From, Request}", &from, &request)) {
        cop__gs_system(gs, from, request, cop__sys_is_local(from));
        cop__gs_rearm(gs);
    } else if (__builtin_expect(gs->extra != NULL, 0)) {
        handle_unusual(gs, message);
    } else {
        cop__gs_dispatch(gs, message);
    }
    if (__builtin_expect(gs->extra && gs->extra->sys.suspended, 0))
        cop__sys_wait(&cop__gs_sys, gs);
}

static void handle_cast_in_place(void *state, cop_atom label, cop_term request)
{
    struct gs *gs = state;

    if (__builtin_expect(gs->extra || label.index != cop__gen_cast_label().index, 0))
        handle_message(gs, cop("{Label, Request}", label, request));
    else
        handle_cast(gs, request);
}

static void handle_timeout(void *state)
{
    struct gs *gs = state;
    bool hibernate = gs->extra && gs->extra->waiting_to_hibernate;

    if (gs->extra)
        woken(gs->extra);
    if (hibernate) {
        gs->extra->hibernating = true;
        cop_loop_hibernate();
        return;
    }
    if (debugging(gs))
        cop__debug_in(&gs->extra->sys.debug, cop("timeout"), cop__gs_name(gs));
    handle_info(gs, cop("timeout"));
}

/* --- What a callback raised
 * --------------------------------------------------------------------------- */

bool cop__gs_action(cop_step *step, cop_term action)
{
    int64_t timeout_ms;

    if (cop_match(action, "infinity"))
        return true;
    if (cop_match(action, "hibernate"))
        return step->hibernate = true;
    if (cop_match(action, "{continue, What}", &step->then))
        return true;
    if (!cop_to_int(&timeout_ms, action) || timeout_ms < 0)
        return false;
    step->timeout_ms = timeout_ms ? timeout_ms : COP_AT_ONCE;
    return true;
}

/* throw(V) is the same as returning V (GS-71): the tuples of Erlang's returns are obeyed, with the
 * state as it is. False: it is none. */
static bool thrown_step(cop_step *ret, cop_term value)
{
    cop_term reply, reason, action = cop("infinity");

    if (cop_match(value, "{reply, Reply, _}", &reply) ||
        cop_match(value, "{reply, Reply, _, Action}", &reply, &action))
        *ret = (cop_step){ .op = COP__OP_REPLY, .reply = reply };
    else if (cop_match(value, "{noreply, _}") || cop_match(value, "{noreply, _, Action}", &action))
        *ret = (cop_step){ .op = COP__OP_NOREPLY };
    else if (cop_match(value, "{stop, Reason, _}", &reason))
        *ret = (cop_step){ .op = COP__OP_STOP, .reason = reason };
    else if (cop_match(value, "{stop, Reason, Reply, _}", &reason, &reply))
        *ret = (cop_step){ .op = COP__OP_STOP, .reason = reason, .reply = reply };
    else
        return false;
    return cop__gs_action(ret, action);
}

/* Raised after terminate: the exit under way, or what went wrong in it. */
static COP_NORETURN void end_again(enum cop_class class, cop_term reason, cop_term stack)
{
    cop_exit(class == COP_CLASS_ERROR ? cop("{Reason, Stack}", reason, stack) : reason);
}

/* --- Outside of the loop's turns
 * --------------------------------------------------------------------- */

struct going_on {
    struct cop__going_on with; /* first */
    struct gs *gs;
    cop_step step; /* nothing was raised: what init asked for */
};

static void go_on(void *arg)
{
    const struct going_on *on = arg;
    cop_step step = on->step;

    if (on->with.kind == COP_CLASS_THROW && !thrown_step(&step, on->with.reason))
        bad_return(on->gs, on->with.reason);
    if (on->with.kind == COP_CLASS_NONE || on->with.kind == COP_CLASS_THROW)
        cop__gs_obey(on->gs, step);
    else if (on->with.kind == COP_CLASS_ERROR) /* GS-72, GS-104 */
        cop__gs_end(on->gs, cop("{Reason, Stack}", on->with.reason, on->with.stack), on->with.stack,
            COP_NONE);
    else
        cop__gs_end(on->gs, on->with.reason, on->with.stack, COP_NONE);
}

static void handle_crash(void *state, enum cop_class class, cop_term reason, cop_term stack)
{
    struct gs *gs = state;
    struct going_on on = { { go_on, &gs->terminating, class, reason, stack }, .gs = gs };

    if (gs->terminating)
        end_again(class, reason, stack);
    cop__gen_go_on(&on.with);
}

void cop__gs_become(struct gs *gs, cop_step step)
{
    struct going_on on = {
        .with = { .go_on = go_on, .terminating = &gs->terminating }, .gs = gs, .step = step
    };

    if (cop_is_none(step.then) && cop_is_none(step.timeout))
        cop__gs_obey(gs, step);
    else
        cop__gen_go_on(&on.with);
    cop_become(&cop__gs_loop, gs);
}

const cop_loop cop__gs_loop = {
    .handle_message = handle_message,
    .handle_timeout = handle_timeout,
    .handle_cast = handle_cast_in_place,
    .handle_crash = handle_crash,
};
