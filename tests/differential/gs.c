/* SPDX-License-Identifier: Apache-2.0 */
/* Generic servers that do what their messages say (FORMAT.md, section 6): an ACTION is a list of
 * effects, closed by what a callback returns. */
#include <coppice/sim.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "puppet.h"

struct server {
    const char *name;
    cop_term n;       /* kept */
    cop_term held;    /* kept: a map of keys to callers */
    cop_term on_term; /* kept: what terminate does */
};

static cop_step act(struct server *server, cop_term action);

static void log_callback(const struct server *server, const char *text)
{
    say("cb %s %03d %s", server->name, next_number("callback", server->name), text);
}

static void log_term(const struct server *server, const char *what, cop_term term)
{
    char *line;

    if (asprintf(&line, "%s %s", what, text_of(term)) < 0)
        give_up("no memory");
    log_callback(server, line);
    free(line);
}

/* --- Effects -------------------------------------------------------------------------------------
 */

static void add(struct server *server, cop_term number)
{
    int64_t n, more;
    double x, y;

    if (cop_to_int(&n, server->n) && cop_to_int(&more, number))
        cop_keep(&server->n, cop_int(n + more));
    else if (cop_to_double(&x, server->n) && cop_to_double(&y, number))
        cop_keep(&server->n, cop_float(x + y));
    else
        cop_error(cop("badarith"));
}

static bool take_held(struct server *server, cop_term key, cop_term *ret_from)
{
    cop_term from;

    if (!cop_map_get(&from, server->held, key))
        return false;
    *ret_from = cop_copy(from);
    cop_keep(&server->held, cop_map_remove(server->held, key));
    return true;
}

static cop_pid named(cop_term name)
{
    cop_bytes text = { NULL, 0 };
    char copy[64];

    cop_to_text(&text, name);
    snprintf(copy, sizeof copy, "%.*s", COP_STR(text));
    return process_of(copy);
}

static cop_dest registered(cop_term name)
{
    cop_bytes text = { NULL, 0 };

    cop_to_text(&text, name);
    return cop_dest_term(registered_name(text));
}

static void asked(struct server *server, cop_dest other, cop_term action)
{
    cop_term result;
    bool replied = cop_try_call(&result, other, action, .timeout_ms = COP_INFINITY);

    log_term(
        server, "asked", replied ? cop("{val, Result}", result) : cop("{exit, Result}", result));
}

/* What is left of Erlang's {stop, Reason, State} and its like when it is thrown. */
static cop_term thrown(struct server *server, cop_term value)
{
    cop_term a, b;

    if (cop_match(value, "state"))
        return cop("{reply, N, state}", server->n);
    if (cop_match(value, "noreply"))
        return cop("{noreply, state}");
    if (cop_match(value, "{reply, A}", &a))
        return cop("{reply, A, state}", a);
    if (cop_match(value, "{reply, A, {timeout, B}}", &a, &b) ||
        cop_match(value, "{reply, A, B}", &a, &b))
        return cop("{reply, A, state, B}", a, b);
    if (cop_match(value, "{noreply, {timeout, A}}", &a) || cop_match(value, "{noreply, A}", &a))
        return cop("{noreply, state, A}", a);
    if (cop_match(value, "{stop, A, B}", &a, &b))
        return cop("{stop, A, B, state}", a, b);
    if (cop_match(value, "{stop, A}", &a))
        return cop("{stop, A, state}", a);
    if (cop_match(value, "{bad, A}", &a))
        return a;
    return value;
}

/* True: it was an effect; else it is a return. */
static bool take_effect(struct server *server, cop_term effect)
{
    cop_term a, b, c, from;
    int64_t ms;
    bool on;

    if (cop_match(effect, "{add, A}", &a)) {
        add(server, a);
    } else if (cop_match(effect, "{set, A}", &a)) {
        cop_keep(&server->n, a);
    } else if (cop_match(effect, "{hold, A}", &a)) {
        if (!cop_is_none(cop_caller()))
            cop_keep(&server->held, cop_map_put(server->held, a, cop_caller()));
    } else if (cop_match(effect, "{answer, A, B}", &a, &b)) {
        if (take_held(server, a, &from))
            cop_reply_to(from, b);
    } else if (cop_match(effect, "{answer_by, A, B, C}", &a, &b, &c)) {
        if (take_held(server, b, &from))
            cop_send(named(a), cop("{'$order', {reply, From, Term}}", from, c));
    } else if (cop_match(effect, "{post, A}", &a)) {
        cop_send(cop_self(), a);
    } else if (cop_match(effect, "{castself, A}", &a)) {
        cop_cast(cop_self(), a);
    } else if (cop_match(effect, "{after_, Ms, A}", &ms, &a)) {
        cop_send_after(ms, cop_self(), a);
    } else if (cop_match(effect, "{tell, A, B}", &a, &b)) {
        cop_send(named(a), puppet_message(b));
    } else if (cop_match(effect, "{trap, A}", &a)) {
        on = cop_match(a, "on");
        cop_trap_exit(on);
    } else if (cop_match(effect, "{link, A}", &a)) {
        cop_link(named(a));
    } else if (cop_match(effect, "{onterm, A}", &a)) {
        cop_keep(&server->on_term, a);
    } else if (cop_match(effect, "{ask, A, B}", &a, &b)) {
        asked(server, cop_dest(named(a)), b);
    } else if (cop_match(effect, "{askname, A, B}", &a, &b)) {
        asked(server, registered(a), b);
    } else if (cop_match(effect, "{askself, A}", &a)) {
        cop_call(cop_self(), a);
    } else {
        return false;
    }
    return true;
}

static int64_t erlang_time(int64_t ms)
{
    return ms ? ms : COP_AT_ONCE;
}

static cop_step after_return(cop_step step, cop_term more)
{
    int64_t ms;

    if (cop_match(more, "hibernate"))
        step.hibernate = true;
    else if (cop_match(more, "{timeout, Ms}", &ms))
        step.timeout_ms = erlang_time(ms);
    else if (cop_match(more, "{continue, Then}", &step.then))
        ;
    else
        give_up("an unknown return: %s", text_of(more));
    return step;
}

static cop_step finish(struct server *server, cop_term last)
{
    cop_term a, b;

    if (cop_match(last, "state"))
        return cop_reply(cop_copy(server->n));
    if (cop_match(last, "noreply"))
        return cop_noreply();
    if (cop_match(last, "{reply, A}", &a))
        return cop_reply(a);
    if (cop_match(last, "{reply, A, B}", &a, &b))
        return after_return(cop_reply(a), b);
    if (cop_match(last, "{noreply, A}", &a))
        return after_return(cop_noreply(), a);
    if (cop_match(last, "{stop, A}", &a))
        return cop_stop(a);
    if (cop_match(last, "{stop, A, B}", &a, &b))
        return cop_stop(a, .reply = b);
    if (cop_match(last, "{error, A}", &a))
        cop_error(a);
    if (cop_match(last, "{exit, A}", &a))
        cop_exit(a);
    if (cop_match(last, "{throw, A}", &a))
        cop_throw(thrown(server, a));
    if (cop_match(last, "{bad, A}", &a))
        cop_throw(a); /* the same as to return it: GS-71 */
    give_up("an unknown effect: %s", text_of(last));
}

static cop_step act(struct server *server, cop_term action)
{
    cop_term effect = COP_NONE;

    while (cop_list_next(&effect, &action))
        if (!take_effect(server, effect))
            break;
    return finish(server, effect);
}

/* A list that ends in a return. */
static bool is_action(cop_term term)
{
    cop_term item = COP_NONE, tag;

    while (cop_list_next(&item, &term))
        ;
    if (cop_type_of(term) != COP_TYPE_NIL || cop_is_none(item))
        return false;
    if (cop_match(item, "state") || cop_match(item, "noreply"))
        return true;
    tag = cop_tuple_at(item, 0);
    return cop_tuple_size(item) > 1 &&
           cop_list_member(tag, cop("[reply, noreply, stop, error, exit, throw, bad]"));
}

/* --- Callbacks -----------------------------------------------------------------------------------
 */

/* {Name, Init, Trap} */
static cop_step init(void *state, cop_term arg)
{
    struct server *server = state;
    cop_term how, a;
    cop_bytes name;
    char copy[64];
    int64_t ms;
    bool traps;

    cop_must(cop_match(arg, "{Name, How, Traps}", &name, &how, &traps));
    cop_trap_exit(traps);
    if (cop_match(how, "ignore"))
        return cop_ignore();
    if (cop_match(how, "{stop, A}", &a))
        return cop_stop(a);
    if (cop_match(how, "{error, A}", &a))
        cop_error(a);
    if (cop_match(how, "{exit, A}", &a))
        cop_exit(a);
    if (cop_match(how, "{throw, A}", &a) || cop_match(how, "{bad, A}", &a))
        cop_throw(a);
    snprintf(copy, sizeof copy, "%.*s", COP_STR(name));
    server->name = watch(copy, cop_self());
    cop_keep(&server->n, cop("0"));
    cop_keep(&server->held, cop_map_new());
    cop_keep(&server->on_term, cop("ok"));
    if (cop_match(how, "{timeout, Ms}", &ms))
        return cop_ok(.timeout_ms = erlang_time(ms));
    if (cop_match(how, "hibernate"))
        return cop_ok(.hibernate = true);
    if (cop_match(how, "{continue, A}", &a))
        return cop_ok(.then = a);
    return cop_ok();
}

static cop_step handle_call(void *state, cop_term request)
{
    if (is_action(request)) {
        log_callback(state, "call");
        return act(state, request);
    }
    log_term(state, "call", request);
    return cop_reply(cop("unknown"));
}

static cop_step handle_cast(void *state, cop_term request)
{
    if (is_action(request)) {
        log_callback(state, "cast");
        return act(state, request);
    }
    log_term(state, "cast", request);
    return cop_noreply();
}

static cop_step handle_info(void *state, cop_term message)
{
    if (is_action(message)) {
        log_callback(state, "info");
        return act(state, message);
    }
    if (cop_match(message, "timeout"))
        log_callback(state, "timeout");
    else
        log_term(state, "info", message);
    return cop_noreply();
}

static cop_step handle_continue(void *state, cop_term action)
{
    log_callback(state, "continue");
    return act(state, action);
}

static void terminate(void *state, cop_term reason)
{
    struct server *server = state;
    cop_term a;

    log_term(server, "terminate", reason);
    if (cop_match(server->on_term, "{error, A}", &a))
        cop_error(cop_copy(a));
    if (cop_match(server->on_term, "{exit, A}", &a))
        cop_exit(cop_copy(a));
    if (cop_match(server->on_term, "{throw, A}", &a))
        cop_throw(cop_copy(a));
}

static cop_term get_state(void *state)
{
    return cop_copy(((struct server *)state)->n);
}

static const cop_gen_server interpreted = {
    .module = "scenario",
    .state_size = sizeof(struct server),
    .init = init,
    .handle_call = handle_call,
    .handle_cast = handle_cast,
    .handle_info = handle_info,
    .handle_continue = handle_continue,
    .terminate = terminate,
    .get_state = get_state,
};

/* --- Commands ------------------------------------------------------------------------------------
 */

/* server S by P link|nolink NAME|- trap|notrap INIT */
const char *server_command(const struct command *command)
{
    char **words = command->words;
    bool traps = strcmp(words[6], "trap") == 0;
    struct cop_gen_options options = { 0 };
    cop_term error = COP_NONE, arg;
    cop_pid pid;
    int result;

    if (strcmp(words[5], "-") != 0)
        options.name = cop_dest_term(registered_name((cop_bytes){ words[5], strlen(words[5]) }));
    arg = cop("{Name, How, Traps}", cop_text(words[1]), term_of(words[7]), traps);
    result = cop_gen_server_start_with(
        &pid, NULL, &interpreted, arg, strcmp(words[4], "link") == 0, &options, &error);
    if (result == 0)
        return text_of(cop("{ok, Pid}", pid));
    return text_of(result == -ECANCELED ? cop("ignore") : cop("{error, Error}", error));
}

/* S, or $name. False: no such process. */
static bool find_server(const char *word, cop_dest *ret_dest)
{
    cop_pid pid;

    if (*word == '$') {
        *ret_dest = cop_dest_term(registered_name((cop_bytes){ word + 1, strlen(word + 1) }));
        return true;
    }
    pid = process_of(word);
    *ret_dest = cop_dest(pid);
    return pid.id != 0;
}

/* call C S ACTION D */
void wait_for_reply(struct puppet_wait *wait)
{
    cop_term result;
    cop_dest server;
    int64_t timeout_ms = timeout_of(wait->words[4]);
    bool replied;

    find_server(wait->words[2], &server);
    replied = cop_try_call(&result, server, term_of(wait->words[3]),
        .timeout_ms = timeout_ms ? timeout_ms : COP_AT_ONCE);
    say("ret %s %s", wait->name,
        text_of(replied ? cop("{val, Result}", result) : cop("{exit, Result}", result)));
}

struct stop {
    cop_dest server;
    cop_term reason;
    int64_t timeout_ms;
};

static void run_stop(void *arg)
{
    struct stop *stop = arg;

    cop_stop_process(stop->server, stop->reason, stop->timeout_ms);
}

/* stop C S R D */
void wait_for_stop(struct puppet_wait *wait)
{
    struct stop stop = { .reason = term_of(wait->words[3]),
        .timeout_ms = timeout_of(wait->words[4]) };
    cop_term reason = COP_NONE;

    find_server(wait->words[2], &stop.server);
    if (cop_try(run_stop, &stop, &reason, NULL) == COP_CLASS_NONE)
        say("ret %s {val,ok}", wait->name);
    else
        say("ret %s %s", wait->name, text_of(cop("{exit, Reason}", reason)));
}

/* By a fresh process, which lives on as a puppet. */
static void call_or_stop(const struct command *command)
{
    cop_dest server;

    if (!find_server(command->words[2], &server)) {
        say("res noactor");
        return;
    }
    start_puppet(command->words[1], NULL, NULL);
    give_order(command->words[1], command, 1, false);
}

struct sending {
    cop_dest server;
    cop_term term;
    bool cast;
};

static void run_send(void *arg)
{
    struct sending *sending = arg;

    if (sending->cast)
        cop_cast(sending->server, sending->term);
    else
        cop_send(sending->server, sending->term);
}

/* cast S ACTION, info S ACTION, raw S info|cast T */
static void send_to(const struct command *command)
{
    bool raw = strcmp(command->words[0], "raw") == 0;
    struct sending sending = { .term = term_of(command->words[raw ? 3 : 2]),
        .cast = strcmp(command->words[raw ? 2 : 0], "cast") == 0 };
    cop_term reason = COP_NONE;

    if (!find_server(command->words[1], &sending.server))
        say("res noactor");
    else if (cop_try(run_send, &sending, &reason, NULL) == COP_CLASS_NONE)
        say("res ok");
    else
        say("res err %s", text_of(reason));
}

static void run_sys(void *arg)
{
    const struct command *command = arg;
    const char *what = command->words[0];
    cop_dest server;

    find_server(command->words[1], &server);
    if (strcmp(what, "suspend") == 0)
        cop_sys_suspend_of(server, COP_INFINITY);
    else if (strcmp(what, "resume") == 0)
        cop_sys_resume_of(server, COP_INFINITY);
    else
        say("res val %s", text_of(cop_sys_get_state_of(server, COP_INFINITY)));
}

static void sys(const struct command *command)
{
    cop_pid pid = process_of(command->words[1]);
    cop_term reason = COP_NONE;

    if (!pid.id)
        say("res noactor");
    else if (!cop_is_alive(pid))
        say("res exit noproc");
    else if (cop_try(run_sys, (void *)(uintptr_t)command, &reason, NULL) != COP_CLASS_NONE)
        say("res exit %s", text_of(reason));
    else if (strcmp(command->words[0], "get_state") != 0)
        say("res ok");
}

bool gs_command(const struct command *command)
{
    static const struct {
        const char *name;
        void (*run)(const struct command *);
    } commands[] = { { "call", call_or_stop }, { "stop", call_or_stop }, { "cast", send_to },
        { "info", send_to }, { "raw", send_to }, { "get_state", sys }, { "suspend", sys },
        { "resume", sys } };

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(command->words[0], commands[i].name) == 0) {
            commands[i].run(command);
            return true;
        }
    return false;
}
