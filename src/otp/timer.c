/* SPDX-License-Identifier: Apache-2.0 */
/* The module timer (TMR-01 to TMR-12). Layer 5. A timer is a generic server that is idle until its
 * time has come; OTP has one server for all of them. */
#include <coppice/timer.h>

#include <coppice/gen_server.h>

enum what { APPLY, SEND, EXIT };
enum how { ONCE, INTERVAL, REPEATEDLY };

struct timer {
    enum what what;
    enum how how;
    int64_t at_ms, interval_ms; /* the next point of time, on the monotonic clock */
    cop_process_main *fn;
    cop_term arg, target; /* kept: of fn, or a message, or a reason; and to whom */
    cop_ref owner;        /* monitor of who an interval ends with; id 0: nobody */
    cop_ref running;      /* monitor of the run under way, of REPEATEDLY */
};

static void set(struct timer *timer)
{
    timer->at_ms += timer->interval_ms;
    cop_send_at(timer->at_ms, cop_self(), cop("tick"));
}

static cop_step init(void *state, cop_term start)
{
    struct timer *timer = state;
    cop_term arg = COP_NONE, target = COP_NONE, owner = COP_NONE;
    int64_t what = 0, how = 0, fn = 0;

    cop_set_group_leader(cop_self(), cop_self()); /* of no application: TMR-01 */
    cop_must(cop_match(start, "{What, How, StartMs, TimeMs, Fn, Arg, Target, Owner}", &what, &how,
        &timer->at_ms, &timer->interval_ms, &fn, &arg, &target, &owner));
    timer->what = (enum what)what;
    timer->how = (enum how)how;
    timer->fn = (cop_process_main *)(uintptr_t)fn;
    cop_keep(&timer->arg, arg);
    cop_keep(&timer->target, target);
    if (timer->how != ONCE)
        timer->owner = cop_monitor(owner);
    set(timer);
    return cop_ok();
}

/* badarg: the name has gone, and its 'DOWN' is under way. */
static void run_send(void *arg)
{
    const struct timer *timer = arg;

    cop_send(timer->target, timer->arg);
}

static void act(struct timer *timer)
{
    cop_pid pid;

    switch (timer->what) {
    case SEND:
        cop_try(run_send, timer, NULL, NULL);
        break;
    case EXIT:
        if (cop_whereis(&pid, timer->target))
            cop_exit_signal(pid, timer->arg);
        break;
    default:
        if (timer->how == REPEATEDLY)
            cop_spawn_monitor(timer->fn, timer->arg, &timer->running);
        else
            cop_spawn(timer->fn, timer->arg);
    }
}

static cop_step handle_info(void *state, cop_term message)
{
    struct timer *timer = state;
    cop_ref ref;

    if (cop_match(message, "tick")) {
        act(timer);
        if (timer->how == ONCE)
            return cop_stop(cop("normal"));
        if (!timer->running.id)
            set(timer);
    } else if (cop_match(message, "{'DOWN', Ref, process, _, _}", &ref)) {
        if (ref.id == timer->owner.id)
            return cop_stop(cop("normal"));
        timer->running.id = 0;
        set(timer);
    }
    return cop_noreply();
}

static cop_step handle_call(void *state, cop_term request)
{
    (void)state;
    if (!cop_match(request, "cancel"))
        return cop_unhandled(request);
    return cop_stop(cop("normal"), .reply = cop("ok"));
}

static const cop_gen_server server = {
    .module = "timer",
    .state_size = sizeof(struct timer),
    .init = init,
    .handle_call = handle_call,
    .handle_info = handle_info,
};

static cop_timer start(enum what what, enum how how, int64_t time_ms, cop_process_main *fn,
    cop_term arg, cop_term target, cop_term owner)
{
    cop_term reason = COP_NONE;
    cop_timer timer = { { 0, 0 } };
    int64_t now_ms = (cop_monotonic_ns() + 999999) / 1000000; /* never early */

    if (time_ms < 0 || time_ms > INT64_MAX - now_ms || (what == APPLY && !fn))
        cop_error(cop("badarg"));
    if (cop_gen_server_start_with(&timer.pid, NULL, &server,
            cop("{What, How, StartMs, TimeMs, Fn, Arg, Target, Owner}", (int64_t)what, (int64_t)how,
                now_ms, time_ms, (int64_t)(uintptr_t)fn, arg, target, owner),
            0, NULL, &reason) < 0)
        cop_error(reason);
    return timer;
}

/* As a term, if it is a pid or a name. */
static cop_term target_of(cop_dest dest)
{
    enum cop_dest_kind kind = cop_dest_kind_of(dest);

    if (kind != COP_DEST_PID && kind != COP_DEST_NAME && kind != COP_DEST_REMOTE_NAME)
        cop_error(cop("badarg"));
    return cop_dest_show(dest);
}

cop_timer cop_timer_apply_after(int64_t time_ms, cop_process_main *fn, cop_term arg)
{
    return start(APPLY, ONCE, time_ms, fn, arg, cop("none"), cop("none"));
}

cop_timer cop_timer_apply_interval(int64_t time_ms, cop_process_main *fn, cop_term arg)
{
    return start(APPLY, INTERVAL, time_ms, fn, arg, cop("none"), cop_from_pid(cop_self()));
}

cop_timer cop_timer_apply_repeatedly(int64_t time_ms, cop_process_main *fn, cop_term arg)
{
    return start(APPLY, REPEATEDLY, time_ms, fn, arg, cop("none"), cop_from_pid(cop_self()));
}

cop_timer cop_timer_send_interval_to(int64_t time_ms, cop_dest to, cop_term message)
{
    cop_term target = target_of(to);

    return start(SEND, INTERVAL, time_ms, NULL, message, target, target);
}

cop_timer cop_timer_exit_after_to(int64_t time_ms, cop_dest target, cop_term reason)
{
    return start(EXIT, ONCE, time_ms, NULL, reason, target_of(target), cop("none"));
}

static void run_cancel(void *arg)
{
    const cop_timer *timer = arg;

    cop_call(timer->pid, cop("cancel"), .timeout_ms = COP_INFINITY);
}

void cop_timer_cancel(cop_timer timer)
{
    cop_try(run_cancel, &timer, NULL, NULL); /* it is over: so be it */
}

int64_t cop_timer_tc(cop_term *ret_value, cop_term (*fn)(cop_term arg), cop_term arg)
{
    int64_t begin_ns = cop_monotonic_ns(), end_ns;
    cop_term value = fn(arg);

    end_ns = cop_monotonic_ns();
    if (ret_value)
        *ret_value = value;
    return (end_ns - begin_ns) / 1000;
}
