/* SPDX-License-Identifier: Apache-2.0 */
/* The application controller: what applications there are, and in what state. SUP-126 to SUP-141.
 * Layer 5. It never waits: starts and stops are run by masters, and who asked is answered when the
 * master tells. */
#include "application_int.h"

#include <coppice/runtime.h>
#include <stdio.h>
#include <string.h>

enum status { LOADED, STARTING, RUNNING, STOPPING };

struct app {
    const struct cop__entry *entry;
    const cop_application *application;
    cop_atom name;
    cop_term env; /* kept: a map */
    enum status status;
    enum cop_application_type type;
    cop_pid master;    /* not LOADED */
    cop_term waiting;  /* kept list: the Froms of who waits for the start or the stop */
    struct app *next;  /* in order of load */
    struct app *older; /* RUNNING or STOPPING: started before this one */
};

struct controller {
    struct app *apps;
    struct app *newest; /* of those that run, in reverse start order */
};

/* --- Finding
 * ------------------------------------------------------------------------------------------ */

static struct app *find(struct controller *c, cop_atom name)
{
    struct app *app = c->apps;

    while (app && app->name.index != name.index)
        app = app->next;
    return app;
}

static struct app *find_master(struct controller *c, cop_pid pid)
{
    struct app *app = c->apps;

    while (app && (app->status == LOADED || app->master.id != pid.id))
        app = app->next;
    return app;
}

static void forget_running(struct controller *c, struct app *app)
{
    for (struct app **at = &c->newest; *at; at = &(*at)->older)
        if (*at == app) {
            *at = app->older;
            return;
        }
}

static cop_step error(cop_term reason)
{
    return cop_reply(cop("{error, Reason}", reason));
}

static cop_step unknown(cop_atom name)
{
    char file[300];

    snprintf(file, sizeof(file), "%s.app", cop_atom_text(name).data);
    return error(cop("{\"no such file or directory\", File}", cop_string(file)));
}

/* --- Load, unload, environment
 * --------------------------------------------------------------------------- */

static bool read_env(cop_term *ret_env, const cop_application *application, cop_term *ret_error)
{
    const char *text = application->env ? application->env : "[]";
    cop_term list, key, value, item, env = cop_map_new();
    struct cop_parse_error why;

    if (cop_parse(&list, (cop_bytes){ text, strlen(text) }, &why) < 0) {
        *ret_error = cop("{invalid_env, {syntax, Line, Column, Message}}", why.line, why.column,
            cop_text(why.message));
        return false;
    }
    cop_term rest = list;

    while (cop_list_next(&item, &rest)) {
        if (!cop_match(item, "{Key, Value}", &key, &value))
            break;
        env = cop_map_put(env, key, value);
    }
    if (cop_type_of(rest) != COP_TYPE_NIL || !cop_is_proper_list(list)) {
        *ret_error = cop("{invalid_env, Env}", list);
        return false;
    }
    *ret_env = env;
    return true;
}

static bool check_args(const cop_application *application, cop_term *ret_error)
{
    struct cop_parse_error why;
    cop_term args;

    if (!application->args ||
        cop_parse(&args, (cop_bytes){ application->args, strlen(application->args) }, &why) >= 0)
        return true;
    *ret_error = cop("{invalid_args, {syntax, Line, Column, Message}}", why.line, why.column,
        cop_text(why.message));
    return false;
}

static cop_step load(struct controller *c, int64_t index)
{
    const struct cop__entry *entry = cop__entry_at(index);
    cop_term env, reason;

    if (!entry || entry->kind != COP__ENTRY_APPLICATION)
        return error(cop("badarg"));
    if (find(c, entry->module))
        return error(cop("{already_loaded, App}", entry->module));
    if (!read_env(&env, entry->object, &reason) || !check_args(entry->object, &reason))
        return error(reason);
    struct app *app = cop_alloc(sizeof(*app)), **end = &c->apps;

    app->entry = entry;
    app->application = entry->object;
    app->name = entry->module;
    cop_keep(&app->env, env);
    while (*end)
        end = &(*end)->next;
    *end = app;
    return cop_reply(cop("ok"));
}

static cop_step unload(struct controller *c, cop_atom name)
{
    for (struct app **at = &c->apps; *at; at = &(*at)->next) {
        struct app *app = *at;

        if (app->name.index != name.index)
            continue;
        if (app->status != LOADED)
            return error(cop("{running, App}", name));
        *at = app->next;
        cop_keep_clear(&app->env);
        cop_free(app);
        return cop_reply(cop("ok"));
    }
    return error(cop("{not_loaded, App}", name));
}

static cop_step get_env(struct controller *c, cop_atom name, cop_term key)
{
    struct app *app = find(c, name);
    cop_term value;

    if (app && cop_map_get(&value, app->env, key))
        return cop_reply(cop("{ok, Value}", value));
    return cop_reply(cop("undefined"));
}

static cop_step set_env(struct controller *c, cop_atom name, cop_term key, cop_term value)
{
    struct app *app = find(c, name);

    if (!app)
        return unknown(name);
    cop_keep(&app->env, cop_map_put(app->env, key, value));
    return cop_reply(cop("ok"));
}

/* --- Start and stop
 * ------------------------------------------------------------------------------------------ */

static void wait_for(struct app *app, cop_term from)
{
    cop_keep(&app->waiting, cop_cons(from, cop_is_none(app->waiting) ? cop_nil() : app->waiting));
}

static void answer_all(struct app *app, cop_term answer)
{
    cop_term from, rest = app->waiting;

    if (cop_is_none(rest))
        return;
    while (cop_list_next(&from, &rest))
        cop_reply_to(from, answer);
    cop_keep_clear(&app->waiting);
}

static bool is_running(struct controller *c, cop_atom name)
{
    struct app *app = find(c, name);

    return app && app->status == RUNNING;
}

/* The first dependency that does not run, or NULL. An optional one may be absent altogether. */
static const char *missing(struct controller *c, const cop_application *application)
{
    for (const char *const *dep = application->applications; dep && *dep; dep++)
        if (!is_running(c, cop_atom_new(*dep)))
            return *dep;
    for (const char *const *dep = application->optional_applications; dep && *dep; dep++)
        if (find(c, cop_atom_new(*dep)) && !is_running(c, cop_atom_new(*dep)))
            return *dep;
    return NULL;
}

static cop_step start(struct controller *c, cop_atom name, int type)
{
    struct app *app = find(c, name);

    if (!app)
        return unknown(name);
    if (app->status == RUNNING || app->status == STOPPING)
        return error(cop("{already_started, App}", name));
    if (app->status == LOADED) {
        const char *dependency = missing(c, app->application);

        if (dependency)
            return error(cop("{not_started, App}", cop_atom_new(dependency)));
        app->status = STARTING;
        app->type = (enum cop_application_type)type;
        app->master = cop_spawn_opt(cop__application_master, cop_int(app->entry->index), NULL,
            .link = true, .proc_lib = true, .initial_call = "application_master");
    }
    wait_for(app, cop_caller());
    return cop_noreply();
}

static cop_step stop(struct controller *c, cop_atom name)
{
    struct app *app = find(c, name);

    if (!app || app->status == LOADED || app->status == STARTING)
        return error(cop("{not_started, App}", name));
    if (app->status == RUNNING)
        cop_send(app->master, cop("stop"));
    app->status = STOPPING;
    wait_for(app, cop_caller());
    return cop_noreply();
}

static void started(struct controller *c, struct app *app)
{
    app->status = RUNNING;
    app->older = c->newest;
    c->newest = app;
    answer_all(app, cop("ok"));
    if (cop_log_level() >= COP_LOG_INFO)
        cop_log_report(COP_LOG_INFO,
            cop("#{label => {application_controller, progress}, "
                "report => [{application, App}, {started_at, Node}]}",
                app->name, cop_node()),
            cop("#{domain => [otp, sasl], error_logger => #{tag => info_report, "
                "type => progress}, logger_formatter => #{title => \"PROGRESS REPORT\"}}"));
}

static void not_started(struct app *app, cop_term reason)
{
    app->status = LOADED;
    answer_all(app, cop("{error, Reason}", reason));
}

static cop_term type_term(enum cop_application_type type)
{
    return type == COP_APP_PERMANENT   ? cop("permanent")
           : type == COP_APP_TRANSIENT ? cop("transient")
                                       : cop("temporary");
}

static void report_end(struct app *app, cop_term reason)
{
    if (cop_log_level() >= COP_LOG_NOTICE)
        cop_log_report(COP_LOG_NOTICE,
            cop("#{label => {application_controller, exit}, "
                "report => [{application, App}, {exited, Reason}, {type, Type}]}",
                app->name, reason, type_term(app->type)),
            cop("#{domain => [otp], error_logger => #{tag => info_report, type => std_info}}"));
}

/* SUP-135 to SUP-137 */
static void ended(struct controller *c, struct app *app, cop_term reason)
{
    bool asked = app->status == STOPPING;

    forget_running(c, app);
    app->status = LOADED;
    report_end(app, asked ? cop("stopped") : reason);
    answer_all(app, cop("ok"));
    if (asked || app->type == COP_APP_TEMPORARY ||
        (app->type == COP_APP_TRANSIENT && cop_match(reason, "normal")))
        return;
    cop_log(COP_LOG_CRITICAL, "node stops: %s",
        cop_show(cop("{application_terminated, App, Reason}", app->name, reason)));
    cop__node_stop(1);
}

/* --- Looking ---------------------------------------------------------------------------------- */

static cop_term text(const char *text_or_null)
{
    return cop_string(text_or_null ? text_or_null : "");
}

static cop_step which(struct controller *c, bool names_only)
{
    cop_term list = cop_nil();

    for (struct app *app = c->newest; app; app = app->older)
        list = cop_cons(
            names_only ? cop_from_atom(app->name)
                       : cop("{App, Description, Version}", app->name,
                             text(app->application->description), text(app->application->version)),
            list);
    return cop_reply(cop_list_reverse(list));
}

static cop_step application_of(struct controller *c, cop_pid leader)
{
    struct app *app = find_master(c, leader);

    return cop_reply(app ? cop_from_atom(app->name) : cop("undefined"));
}

static cop_term names(const char *const *list)
{
    cop_term names = cop_nil();

    for (; list && *list; list++)
        names = cop_cons(cop_from_atom(cop_atom_new(*list)), names);
    return cop_list_reverse(names);
}

/* {ok, IsRunning, Applications, OptionalApplications} */
static cop_step dependencies(struct controller *c, cop_atom name)
{
    struct app *app = find(c, name);

    if (!app)
        return unknown(name);
    return cop_reply(cop("{ok, Running, Applications, Optional}", cop_bool(app->status == RUNNING),
        names(app->application->applications), names(app->application->optional_applications)));
}

/* --- The server ------------------------------------------------------------------------------- */

static cop_step init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    cop__node_stop_prepare();
    return cop_ok();
}

static cop_step handle_call(void *state, cop_term request)
{
    struct controller *c = state;
    cop_term key, value;
    cop_atom name;
    cop_pid pid;
    int64_t index;
    int type;

    if (cop_match(request, "{get_env, Name, Key}", &name, &key))
        return get_env(c, name, key);
    if (cop_match(request, "{set_env, Name, Key, Value}", &name, &key, &value))
        return set_env(c, name, key, value);
    if (cop_match(request, "{load, Index}", &index))
        return load(c, index);
    if (cop_match(request, "{unload, Name}", &name))
        return unload(c, name);
    if (cop_match(request, "{start, Name, Type}", &name, &type))
        return start(c, name, type);
    if (cop_match(request, "{stop, Name}", &name))
        return stop(c, name);
    if (cop_match(request, "{application_of, Leader}", &pid))
        return application_of(c, pid);
    if (cop_match(request, "{dependencies, Name}", &name))
        return dependencies(c, name);
    if (cop_match(request, "which"))
        return which(c, false);
    if (cop_match(request, "running"))
        return which(c, true);
    return cop_unhandled(request);
}

static cop_step handle_info(void *state, cop_term message)
{
    struct controller *c = state;
    struct app *app;
    cop_term reason;
    cop_pid pid;

    if (cop_match(message, "{application_started, Pid}", &pid)) {
        app = find_master(c, pid);
        if (app)
            started(c, app);
    } else if (cop_match(message, "{application_failed, Pid, Reason}", &pid, &reason)) {
        app = find_master(c, pid);
        if (app)
            not_started(app, reason);
    } else if (cop_match(message, "{'EXIT', Pid, Reason}", &pid, &reason)) {
        app = find_master(c, pid);
        if (app && app->status == STARTING)
            not_started(app, reason);
        else if (app)
            ended(c, app, reason);
    }
    return cop_noreply();
}

static const cop_gen_server controller = {
    .name = COP__CONTROLLER,
    .state_size = sizeof(struct controller),
    .init = init,
    .handle_call = handle_call,
    .handle_info = handle_info,
    .trap_exit = true,
};

cop_term cop__controller_call(cop_term request)
{
    cop_pid pid;

    /* who loses a race to start it finds it started */
    if (!cop_whereis(&pid, COP__CONTROLLER))
        (void)cop_gen_server_start(&pid, &controller, cop_nil());
    return cop_call(COP__CONTROLLER, request, .timeout_ms = COP_INFINITY);
}
