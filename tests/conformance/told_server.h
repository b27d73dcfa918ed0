/* SPDX-License-Identifier: Apache-2.0 */
/* A generic server that does what it is told, and tells its owner what it went through: with it
 * each clause of gen_server.md is a few lines. The start argument, a call's request, {do, What} as
 * a cast or message and the What of {continue, What} are all instructions:
 *
 *   {ok}  {ok, Action}  {reply, R}  {reply, R, Action}  {noreply}  {noreply, Action}  {stop, R}
 * {stop, R, Reply} {init_error, R}  ignore  bad  unhandled                    returned {error, R}
 * {exit, R}  {throw, V}                          raised {send, Pid, M, Next}  {set, N, Next} {wait,
 * Next}  {forget_owner, Next}   done, then Next
 *
 * The owner hears {Kind, Message} for Kind cast, info, continue and terminate; calls are not told
 * of. Log reports of all tests go to the process that last called watch_log, as {log, Level,
 * Report, Metadata}. */
#ifndef COP_CONFORMANCE_TOLD_SERVER_H
#define COP_CONFORMANCE_TOLD_SERVER_H

#include <coppice/gen_server.h>
#include <coppice/log.h>

#include "conformance/node.h"

struct probe {
    cop_pid owner;
    int64_t value;
    cop_term note;    /* kept */
    int terminate_by; /* 0: return, 1: error(in_terminate), 2: exit(in_terminate), 3: throw */
};

static const cop_field probe_fields[] = {
    COP_FIELD(struct probe, value),
    COP_FIELD(struct probe, note),
    COP_FIELD(struct probe, terminate_by),
    COP_FIELDS_END,
};

static inline void probe_tell(struct probe *p, const char *kind, cop_term message)
{
    if (p->owner.id)
        cop_send(p->owner, cop("{Kind, Message}", cop_atom_new(kind), message));
}

static inline bool probe_action(cop_step *step, cop_term action)
{
    int64_t ms = 0;
    cop_term at = COP_NONE;

    if (cop_match(action, "hibernate"))
        return step->hibernate = true;
    if (cop_match(action, "infinity")) {
        step->timeout_ms = COP_INFINITY;
        return true;
    }
    if (cop_match(action, "{continue, What}", &step->then))
        return true;
    if (cop_match(action, "{hibernate, T, M}", &at, &step->timeout))
        step->hibernate = true;
    else if (cop_match(action, "{timeout_abs, T, M}", &at, &step->timeout))
        step->timeout_abs = true;
    else if (!cop_match(action, "{timeout, T, M}", &at, &step->timeout))
        at = action;
    if (cop_match(at, "infinity"))
        ms = COP_INFINITY;
    else if (!cop_to_int(&ms, at))
        return false;
    step->timeout_ms = ms ? ms : COP_AT_ONCE;
    return true;
}

static inline cop_step probe_do(struct probe *p, cop_term what)
{
    cop_step step = { 0 };
    cop_term reason, value, next, action = COP_NONE;
    cop_pid to;

    for (;;) {
        if (cop_match(what, "{send, To, Message, Next}", &to, &value, &next))
            cop_send(to, value);
        else if (cop_match(what, "{send_self, Message, Next}", &value, &next))
            cop_send(cop_self(), value);
        else if (cop_match(what, "{tell_self, Next}", &next))
            probe_tell(p, "self", cop_from_pid(cop_self()));
        else if (cop_match(what, "{tell_from, Next}", &next))
            probe_tell(p, "from", cop_caller());
        else if (cop_match(what, "{whereis, Name, Next}", &value, &next))
            probe_tell(p, "whereis", cop_whereis(&to, value) ? cop_from_pid(to) : cop("undefined"));
        else if (cop_match(what, "{set, N, Next}", &p->value, &next))
            ;
        else if (cop_match(what, "{note, Term, Next}", &value, &next))
            cop_keep(&p->note, value);
        else if (cop_match(what, "{terminate_by, How, Next}", &p->terminate_by, &next))
            ;
        else if (cop_match(what, "{forget_owner, Next}", &next))
            p->owner.id = 0;
        else if (cop_match(what, "{trap, Next}", &next))
            cop_trap_exit(true);
        else if (cop_match(what, "{wait, Next}", &next))
            cop_receive_match("go_on");
        else
            break;
        what = next;
    }
    if (cop_match(what, "{error, R}", &reason))
        cop_error(reason);
    if (cop_match(what, "{exit, R}", &reason))
        cop_exit(reason);
    if (cop_match(what, "{throw, V}", &value))
        cop_throw(value);
    if (cop_match(what, "ignore"))
        return cop_ignore();
    if (cop_match(what, "bad"))
        return step;
    if (cop_match(what, "unhandled"))
        return cop_unhandled(what);
    if (cop_match(what, "get"))
        return cop_reply(p->value);
    if (cop_match(what, "{init_error, R}", &reason))
        return cop_init_error(reason);
    if (cop_match(what, "{stop, R}", &reason))
        return cop_stop(reason);
    if (cop_match(what, "{stop, R, Reply}", &reason, &value))
        return cop_stop(reason, .reply = value);
    if (cop_match(what, "{reply, R}", &value) ||
        cop_match(what, "{reply, R, Action}", &value, &action))
        step = cop_reply(value);
    else if (cop_match(what, "{noreply}") || cop_match(what, "{noreply, Action}", &action))
        step = cop_noreply();
    else if (cop_match(what, "{ok}") || cop_match(what, "{ok, Action}", &action))
        step = cop_ok();
    else
        return cop_unhandled(what);
    if (!cop_is_none(action) && !probe_action(&step, action))
        step.op = 0;
    return step;
}

static inline cop_step probe_init(void *state, cop_term arg)
{
    struct probe *p = state;
    cop_term what;

    cop_must(cop_match(arg, "{Owner, What}", &p->owner, &what));
    return probe_do(p, what);
}

static inline cop_step probe_call(void *state, cop_term request)
{
    return probe_do(state, request);
}

static inline cop_step probe_cast(void *state, cop_term request)
{
    cop_term what;

    if (cop_match(request, "{do, What}", &what))
        return probe_do(state, what);
    probe_tell(state, "cast", request);
    return cop_noreply();
}

static inline cop_step probe_info(void *state, cop_term message)
{
    cop_term what;

    if (cop_match(message, "{do, What}", &what))
        return probe_do(state, what);
    probe_tell(state, "info", message);
    return cop_noreply();
}

static inline cop_step probe_continue(void *state, cop_term what)
{
    cop_term next;

    if (cop_match(what, "{do, What}", &next))
        return probe_do(state, next);
    probe_tell(state, "continue", what);
    return cop_noreply();
}

static inline void probe_terminate(void *state, cop_term reason)
{
    struct probe *p = state;

    probe_tell(p, "terminate", reason);
    if (p->terminate_by == 1)
        cop_error(cop("in_terminate"));
    if (p->terminate_by == 2)
        cop_exit(cop("in_terminate"));
    if (p->terminate_by == 3)
        cop_throw(cop("in_terminate"));
}

static const cop_gen_server probe = {
    .module = "probe",
    .state_size = sizeof(struct probe),
    .fields = probe_fields,
    .init = probe_init,
    .handle_call = probe_call,
    .handle_cast = probe_cast,
    .handle_info = probe_info,
    .handle_continue = probe_continue,
    .terminate = probe_terminate,
};

/* --- Starting one
 * ------------------------------------------------------------------------------------ */

enum { START, START_LINK, START_MONITOR };
#define PROBE_START(RET_PID, RET_ERROR, HOW, WHAT, ...)                                          \
    cop_gen_server_start_with((RET_PID), NULL, &probe, cop("{Owner, What}", cop_self(), (WHAT)), \
        (HOW), &(const struct cop_gen_options){ __VA_ARGS__ }, (RET_ERROR))

static inline cop_pid probe_new_how(int how, const char *what)
{
    cop_pid pid = { 0, 0 };
    cop_term instruction, error = COP_NONE;

    CHECK_EQ_INT(cop_parse(&instruction, (cop_bytes){ what, strlen(what) }, NULL), 0);
    CHECK_EQ_INT(PROBE_START(&pid, &error, how, instruction, .unset = 0), 0);
    return pid;
}

static inline cop_pid probe_new(void)
{
    return probe_new_how(START, "{ok}");
}

/* It comes to hibernate. */
static inline bool hibernates(cop_pid pid)
{
    for (int i = 0; i < 2000; i++) {
        if (cop_match(cop_process_info(pid, "current_function"),
                "{current_function, {erlang, hibernate, 3}}"))
            return true;
        cop_sleep(1);
    }
    return false;
}

/* --- What a call exits with
 * ---------------------------------------------------------------------------- */

struct probe_calling {
    cop_dest server;
    cop_term request, reply;
    int64_t timeout_ms;
};

static inline void probe_run_call(void *arg)
{
    struct probe_calling *calling = arg;
    const struct cop_call_options options = { .timeout_ms = calling->timeout_ms };

    calling->reply = cop_call_to(calling->server, calling->request, &options);
}

static inline cop_term exit_of_call(cop_dest server, cop_term request, int64_t timeout_ms)
{
    struct probe_calling calling = { server, request, COP_NONE, timeout_ms };
    cop_term reason = COP_NONE;

    CHECK_EQ_INT(cop_try(probe_run_call, &calling, &reason, NULL), COP_CLASS_EXIT);
    return cop_is_none(reason) ? cop("none") : reason;
}

/* --- The log
 * -------------------------------------------------------------------------------------------- */

/* The id of a local pid, or 0: nobody. Processes log at any time. */
static _Atomic(uint64_t) probe_watcher;

static void probe_log(const cop_log_event *event, void *arg)
{
    cop_pid watcher = { .id = probe_watcher };

    (void)arg;
    if (watcher.id)
        cop_send(
            watcher, cop("{log, Level, Report, Metadata}", (int64_t)event->level,
                         event->text ? cop_text(event->text) : event->report, event->metadata));
}

__attribute__((constructor)) static void probe_take_log(void)
{
    cop_log_set_handler(probe_log, NULL);
}

static inline void watch_log(void)
{
    probe_watcher = cop_self().id;
}

static inline void unwatch_log(void)
{
    probe_watcher = 0;
}

/* The server ends with a reason that matches. */
#define EXPECT_DOWN(REF, ...)                                       \
    do {                                                            \
        cop_term down_ = COP_NONE;                                  \
        EXPECT("{'DOWN', Ref, process, _, Reason}", (REF), &down_); \
        CHECK(cop_match(down_, __VA_ARGS__));                       \
        if (!cop_match(down_, __VA_ARGS__))                         \
            fprintf(stderr, "  it was %s\n", cop_show(down_));      \
    } while (0)

#define CHECK_MATCH(TERM, ...)                                   \
    do {                                                         \
        cop_term matched_ = (TERM);                              \
        if (!cop_match(matched_, __VA_ARGS__)) {                 \
            CHECK(cop_match(matched_, __VA_ARGS__));             \
            fprintf(stderr, "  it is %s\n", cop_show(matched_)); \
        }                                                        \
    } while (0)

#endif
