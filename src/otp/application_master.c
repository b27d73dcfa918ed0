/* SPDX-License-Identifier: Apache-2.0 */
/* The master of one application: SUP-129 to SUP-134, SUP-139. Layer 5. It runs the application's
 * own functions, is the parent of its top supervisor and the group leader of all its processes,
 * and ends with it. */
#include "application_int.h"

#include <string.h>

struct master {
    const cop_application *application;
    cop_pid controller;
    cop_term args, state; /* of the one turn that a master is */
    cop_pid top;          /* id 0: an application without processes */
    cop_term failure;     /* why it could not start */
    const char *phase;
    bool phase_done;
};

cop_term cop__application_args(const cop_application *application)
{
    cop_term args = cop_nil();

    if (application->args)
        (void)cop_parse(&args, (cop_bytes){ application->args, strlen(application->args) }, NULL);
    return args;
}

/* --- Starting
 * --------------------------------------------------------------------------------------- */

static cop_child_start start_supervisor(struct master *m)
{
    cop_term reason = COP_NONE;
    cop_pid pid = { 0, 0 };
    int error =
        cop_supervisor_start_link_as(&pid, m->application->supervisor, NULL, m->args, &reason);

    return cop_child_started(error, pid, reason);
}

/* {bad_return, {{Module, Function, Args}, Value}} */
static cop_term bad_return(struct master *m, const char *function, cop_term args, cop_term value)
{
    return cop("{bad_return, {{Module, Function, Args}, Value}}",
        cop_atom_new(m->application->name), cop_atom_new(function), args, value);
}

static void start_top(void *ptr)
{
    struct master *m = ptr;
    cop_term args = cop("[normal, Args]", m->args);
    cop_child_start said = m->application->supervisor
                               ? start_supervisor(m)
                               : m->application->start(cop("normal"), m->args);

    if (said.result == COP_CHILD_OK && said.pid.id) {
        m->top = said.pid;
        m->state = cop_is_none(said.info) ? cop_nil() : said.info;
        cop_link(m->top);
    } else if (said.result == COP_CHILD_ERROR) {
        m->failure = cop("{Reason, {Module, start, Args}}",
            cop_is_none(said.info) ? cop("undefined") : said.info,
            cop_atom_new(m->application->name), args);
    } else {
        m->failure = bad_return(m, "start", args,
            said.result == COP_CHILD_IGNORE ? cop("ignore") : cop("{ok, undefined}"));
    }
}

/* What was raised, as catch would give it. */
static cop_term caught(enum cop_class class, cop_term reason, cop_term stack)
{
    if (class == COP_CLASS_EXIT)
        return cop("{'EXIT', Reason}", reason);
    return class == COP_CLASS_ERROR ? cop("{'EXIT', {Reason, Stack}}", reason, stack) : reason;
}

static void run_phase(void *ptr)
{
    struct master *m = ptr;

    m->phase_done = m->application->start_phase(m->phase, cop("normal"));
}

static void start_phases(struct master *m)
{
    cop_term reason, stack;

    for (const char *const *phase = m->application->start_phases;
         phase && *phase && cop_is_none(m->failure); phase++) {
        cop_term args = cop("[Phase, normal, []]", cop_atom_new(*phase));

        m->phase = *phase;
        m->phase_done = false;
        enum cop_class class = cop_try(run_phase, m, &reason, &stack);

        if (class != COP_CLASS_NONE)
            m->failure = bad_return(m, "start_phase", args, caught(class, reason, stack));
        else if (!m->phase_done)
            m->failure = bad_return(m, "start_phase", args, cop_bool(false));
    }
}

static void start(struct master *m)
{
    cop_term reason, stack;

    if (!m->application->supervisor && !m->application->start)
        return; /* a library: it has only metadata and environment */
    enum cop_class class = cop_try(start_top, m, &reason, &stack);

    if (class != COP_CLASS_NONE)
        m->failure =
            bad_return(m, "start", cop("[normal, Args]", m->args), caught(class, reason, stack));
}

/* --- Stopping
 * --------------------------------------------------------------------------------------- */

static void run_prep_stop(void *ptr)
{
    struct master *m = ptr;

    m->state = m->application->prep_stop(m->state);
}

static void run_stop(void *ptr)
{
    struct master *m = ptr;

    m->application->stop(m->state);
}

static void try_and_report(struct master *m, void (*fn)(void *ptr), const char *what)
{
    cop_term reason, stack;

    if (cop_try(fn, m, &reason, &stack) != COP_CLASS_NONE)
        cop_log(COP_LOG_ERROR, "application %s: %s failed: %s", m->application->name, what,
            cop_show(reason));
}

static void wait_for_exit(cop_pid pid)
{
    (void)cop_receive_match("{'EXIT', Pid, _}", pid);
}

/* What an application leaves behind outside of its tree ends with it. */
static void kill_leftovers(void)
{
    cop_process_iterator iterator = { 0 };
    cop_pid pid, self = cop_self();

    while (cop_processes_next(&pid, &iterator)) {
        if (pid.id == self.id)
            continue;
        cop_term info = cop_process_info(pid, "group_leader");

        if (!cop_is_none(info) && cop_match(info, "{group_leader, Self}", self))
            cop_exit_signal(pid, cop("kill"));
    }
}

COP_NORETURN static void stop(struct master *m, cop_term reason, bool top_is_alive)
{
    if (m->application->prep_stop)
        try_and_report(m, run_prep_stop, "prep_stop");
    if (top_is_alive && m->top.id) {
        cop_exit_signal(m->top, cop("shutdown"));
        wait_for_exit(m->top);
    }
    if (m->application->stop)
        try_and_report(m, run_stop, "stop");
    kill_leftovers();
    cop_exit(reason);
}

void cop__application_master(cop_term arg)
{
    struct master m = { .controller = cop_parent(), .state = cop_nil() };
    cop_term reason;
    int64_t index;

    cop_must(cop_to_int(&index, arg));
    m.application = cop__entry_at(index)->object;
    m.args = cop__application_args(m.application);
    cop_trap_exit(true);
    cop_set_group_leader(cop_self(), cop_self());
    start(&m);
    if (cop_is_none(m.failure)) {
        start_phases(&m);
        if (!cop_is_none(m.failure) && m.top.id) {
            cop_exit_signal(m.top, cop("shutdown"));
            wait_for_exit(m.top);
        }
    }
    if (!cop_is_none(m.failure)) {
        kill_leftovers();
        cop_send(m.controller, cop("{application_failed, Self, Reason}", cop_self(), m.failure));
        return;
    }
    cop_send(m.controller, cop("{application_started, Self}", cop_self()));
    for (;;) {
        cop_term message = cop_receive();

        if (cop_match(message, "stop") ||
            cop_match(message, "{'EXIT', Controller, _}", m.controller))
            stop(&m, cop("normal"), true);
        if (m.top.id && cop_match(message, "{'EXIT', Top, Reason}", m.top, &reason))
            stop(&m, reason, false);
    }
}
