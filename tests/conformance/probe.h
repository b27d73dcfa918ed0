/* SPDX-License-Identifier: Apache-2.0 */
/* A generic server that does what its messages say, for the conformance of gen_server and sys, and
 * a log handler that keeps what is reported. Its one idea: an order is the term that an Erlang
 * callback would return, so a test reads like the clause it shows.
 *
 *   {ok, Action}  {noreply, Action}  {reply, R, Action}  {stop, Reason}  {stop, Reason, Reply}
 *   ignore  {error, R}  {raise, error | exit | throw, R}  bad  unknown
 *   {set, Value, Order}  {tell, What, Order}
 *
 * Action is left out, an integer, at_once, infinity, hibernate, {continue, Order}, {timeout, T, M},
 * {timeout, T, M, abs} or {hibernate, T, M}. Each callback tells its owner what it was given:
 * {call | cast | info | continue | terminate, What}. */
#ifndef COP_CONFORMANCE_PROBE_H
#define COP_CONFORMANCE_PROBE_H

#include <coppice/gen_server.h>
#include <coppice/log.h>

#include <pthread.h>

#include "conformance/node.h"

struct probe {
    cop_pid owner;
    cop_term value;     /* kept; what {set, Value, Order} sets */
    cop_term terminate; /* kept; the order that terminate obeys */
    bool quiet;         /* does not tell of messages */
};

static const cop_field probe_fields[] = { COP_FIELD(struct probe, value), COP_FIELDS_END };

static inline void probe_raise(cop_term class, cop_term reason)
{
    if (cop_match(class, "error"))
        cop_error(reason);
    if (cop_match(class, "exit"))
        cop_exit(reason);
    cop_throw(reason);
}

static inline cop_step probe_action(cop_step step, cop_term action)
{
    cop_term message, order;
    int64_t time_ms;

    if (cop_to_int(&time_ms, action)) {
        step.timeout_ms = time_ms;
    } else if (cop_match(action, "at_once")) {
        step.timeout_ms = COP_AT_ONCE;
    } else if (cop_match(action, "infinity")) {
        step.timeout_ms = COP_INFINITY;
    } else if (cop_match(action, "hibernate")) {
        step.hibernate = true;
    } else if (cop_match(action, "{continue, Order}", &order)) {
        step.then = order;
    } else if (cop_match(action, "{timeout, infinity, Message}", &message)) {
        step.timeout_ms = COP_INFINITY, step.timeout = message;
    } else if (cop_match(action, "{timeout, T, Message}", &time_ms, &message)) {
        step.timeout_ms = time_ms, step.timeout = message;
    } else if (cop_match(action, "{timeout, T, Message, abs}", &time_ms, &message)) {
        step.timeout_ms = time_ms, step.timeout = message, step.timeout_abs = true;
    } else if (cop_match(action, "{hibernate, T, Message}", &time_ms, &message)) {
        step.timeout_ms = time_ms, step.timeout = message, step.hibernate = true;
    } else {
        step.op = COP__OP_NONE;
    }
    return step;
}

static inline cop_step probe_obey(struct probe *probe, cop_term order)
{
    cop_term action, reply, reason, next, value, class;
    cop_pid pid;

    if (cop_match(order, "{set, Value, Order}", &value, &next)) {
        cop_keep(&probe->value, value);
        return probe_obey(probe, next);
    }
    if (cop_match(order, "{at_end, Value, Order}", &value, &next)) {
        cop_keep(&probe->terminate, value);
        return probe_obey(probe, next);
    }
    if (cop_match(order, "{tell, Value, Order}", &value, &next)) {
        cop_send(probe->owner, value);
        return probe_obey(probe, next);
    }
    if (cop_match(order, "{send_self, Value, Order}", &value, &next)) {
        cop_send(cop_self(), value);
        return probe_obey(probe, next);
    }
    if (cop_match(order, "{wait_for, Value, Order}", &value, &next)) {
        cop_receive_match("Value", value);
        return probe_obey(probe, next);
    }
    if (cop_match(order, "{link_to, Pid, Order}", &pid, &next)) {
        cop_link(pid);
        return probe_obey(probe, next);
    }
    if (cop_match(order, "ok"))
        return cop_ok();
    if (cop_match(order, "{ok, Action}", &action))
        return probe_action(cop_ok(), action);
    if (cop_match(order, "noreply"))
        return cop_noreply();
    if (cop_match(order, "{noreply, Action}", &action))
        return probe_action(cop_noreply(), action);
    if (cop_match(order, "{reply, Reply}", &reply))
        return cop_reply(reply);
    if (cop_match(order, "{reply, Reply, Action}", &reply, &action))
        return probe_action(cop_reply(reply), action);
    if (cop_match(order, "{stop, Reason}", &reason))
        return cop_stop(reason);
    if (cop_match(order, "{stop, Reason, Reply}", &reason, &reply))
        return cop_stop(reason, .reply = reply);
    if (cop_match(order, "ignore"))
        return cop_ignore();
    if (cop_match(order, "{error, Reason}", &reason))
        return cop_init_error(reason);
    if (cop_match(order, "{raise, Class, Reason}", &class, &reason))
        probe_raise(class, reason);
    if (cop_match(order, "sleep"))
        cop_sleep(COP_INFINITY);
    if (cop_match(order, "unknown"))
        return cop_unhandled(order);
    return (cop_step){ .op = COP__OP_NONE };
}

static inline void probe_tell(struct probe *probe, const char *what, cop_term message)
{
    if (!probe->quiet)
        cop_send(probe->owner, cop("{What, Message}", cop_atom_new(what), message));
}

/* {Owner, Order} */
static inline cop_step probe_init(void *state, cop_term arg)
{
    struct probe *probe = state;
    cop_term order;

    cop_must(cop_match(arg, "{Owner, Order}", &probe->owner, &order));
    cop_keep(&probe->value, cop("0"));
    if (cop_match(order, "{quiet, Order}", &order))
        probe->quiet = true;
    return probe_obey(probe, order);
}

static inline cop_step probe_call(void *state, cop_term request)
{
    struct probe *probe = state;

    probe_tell(probe, "call", request);
    if (cop_match(request, "get"))
        return cop_reply(cop_copy(probe->value));
    if (cop_match(request, "from"))
        return cop_reply(cop_caller());
    return probe_obey(probe, request);
}

static inline cop_step probe_cast(void *state, cop_term request)
{
    probe_tell(state, "cast", request);
    return probe_obey(state, request);
}

/* An info is an order only as {order, Order}. */
static inline cop_step probe_info(void *state, cop_term message)
{
    cop_term order;

    probe_tell(state, "info", message);
    if (cop_match(message, "{order, Order}", &order))
        return probe_obey(state, order);
    return cop_noreply();
}

static inline cop_step probe_continue(void *state, cop_term order)
{
    probe_tell(state, "continue", order);
    return probe_obey(state, order);
}

static inline void probe_terminate(void *state, cop_term reason)
{
    struct probe *probe = state;

    probe_tell(probe, "terminate", reason);
    if (!cop_is_none(probe->terminate))
        probe_obey(probe, probe->terminate);
}

/* {ok, OldVsn} sets the version it was given; everything else is an order. */
static inline cop_step probe_code_change(void *state, cop_term what)
{
    struct probe *probe = state;
    cop_term order, old_vsn;

    cop_must(cop_match(what, "{OldVsn, Order}", &old_vsn, &order));
    if (cop_match(order, "ok"))
        cop_keep(&probe->value, cop("{from, OldVsn}", old_vsn));
    return probe_obey(probe, order);
}

#define PROBE_CALLBACKS                                                              \
    .state_size = sizeof(struct probe), .fields = probe_fields, .init = probe_init,  \
    .handle_call = probe_call, .handle_cast = probe_cast, .handle_info = probe_info, \
    .handle_continue = probe_continue, .terminate = probe_terminate,                 \
    .code_change = probe_code_change

static const cop_gen_server probe_server = { .module = "probe", PROBE_CALLBACKS };
static const cop_gen_server probe_trapping = {
    .module = "probe", PROBE_CALLBACKS, .trap_exit = true
};

enum { START, START_LINK, START_MONITOR };

/* Start a probe with an order: what the start function returned, as Erlang writes it. */
static inline cop_term probe_start(cop_pid *ret_pid, const cop_gen_server *module, int how,
    cop_term order, const struct cop_gen_options *options)
{
    cop_term reason = COP_NONE;
    cop_ref monitor;
    cop_pid pid;
    int error = cop_gen_server_start_with(
        &pid, &monitor, module, cop("{Self, Order}", cop_self(), order), how, options, &reason);

    if (error == -ECANCELED)
        return cop("ignore");
    if (error < 0)
        return cop("{error, Reason}", reason);
    *ret_pid = pid;
    return how == START_MONITOR ? cop("{ok, {Pid, Ref}}", pid, monitor) : cop("{ok, Pid}", pid);
}

/* A probe that runs, or the test fails. */
static inline cop_pid probe_new(const cop_gen_server *module, const char *order)
{
    cop_pid pid = { 0, 0 };
    cop_term term;

    CHECK(cop_parse(&term, (cop_bytes){ order, strlen(order) }, NULL) == 0);
    CHECK(cop_match(probe_start(&pid, module, START, term, NULL), "{ok, _}"));
    return pid;
}

/* --- Calls and starts that end their caller
 * -------------------------------------------------------- */

struct probe_calling {
    cop_dest server;
    cop_term request;
    int64_t timeout_ms;
};

static inline void probe_call_main(void *arg)
{
    const struct probe_calling *calling = arg;

    cop_call(calling->server, calling->request, .timeout_ms = calling->timeout_ms);
}

/* The reason with which a call exits; none: it did not. */
#define CALL_FAILS(SERVER, REQUEST, TIMEOUT_MS) \
    call_fails((struct probe_calling){ cop_dest(SERVER), (REQUEST), (TIMEOUT_MS) })
static inline cop_term call_fails(struct probe_calling calling)
{
    cop_term reason = COP_NONE;

    return cop_try(probe_call_main, &calling, &reason, NULL) == COP_CLASS_EXIT ? reason : COP_NONE;
}

/* --- Reports ------------------------------------------------------------------------------------
 */

enum { REPORTS_MAX = 32, FACTS_MAX = 24 };

/* One event: each key of the report and of the metadata, and its value, as Erlang writes them. */
struct report {
    enum cop_log_level level;
    cop_pid pid;
    char *text; /* of a plain line; of a report: what the default handler prints */
    int facts;
    struct fact {
        char *key, *value;
    } fact[FACTS_MAX];
};

static struct report reports[REPORTS_MAX];
static int reports_count;
static pthread_mutex_t reports_lock = PTHREAD_MUTEX_INITIALIZER;

static inline void reports_add_map(struct report *report, cop_term map)
{
    cop_term key, value;

    if (cop_type_of(map) != COP_TYPE_MAP)
        return;
    for (cop_map_iterator i = cop_map_begin(map); cop_map_next(&key, &value, &i);) {
        if (report->facts == FACTS_MAX)
            return;
        report->fact[report->facts++] =
            (struct fact){ strdup(cop_show(key)), strdup(cop_show(value)) };
    }
}

static inline void reports_handler(const cop_log_event *event, void *arg)
{
    (void)arg;
    pthread_mutex_lock(&reports_lock);
    if (reports_count < REPORTS_MAX) {
        struct report *report = &reports[reports_count++];

        *report = (struct report){ .level = event->level, .pid = event->pid };
        report->text = strdup(event->text ? event->text : cop_log_format(event, false));
        reports_add_map(report, event->report);
        reports_add_map(report, event->metadata);
    }
    pthread_mutex_unlock(&reports_lock);
}

/* Forget what was reported, and keep what is from now on. */
static inline void reports_begin(void)
{
    pthread_mutex_lock(&reports_lock);
    for (int i = 0; i < reports_count; i++) {
        for (int j = 0; j < reports[i].facts; j++) {
            free(reports[i].fact[j].key);
            free(reports[i].fact[j].value);
        }
        free(reports[i].text);
    }
    reports_count = 0;
    pthread_mutex_unlock(&reports_lock);
    cop_log_set_handler(reports_handler, NULL);
}

static inline int reports_number(void)
{
    int number;

    pthread_mutex_lock(&reports_lock);
    number = reports_count;
    pthread_mutex_unlock(&reports_lock);
    return number;
}

/* A value of the report by its key; "none": there is no such report or key. */
static inline const char *report_value(int index, const char *key)
{
    if (index >= reports_number())
        return "none";
    for (int i = 0; i < reports[index].facts; i++)
        if (strcmp(reports[index].fact[i].key, key) == 0)
            return reports[index].fact[i].value;
    return "none";
}

/* Nothing of a test before belongs to this one, and no report goes to the terminal. */
__attribute__((constructor)) static inline void reports_silence(void)
{
    reports_begin();
}

#endif
