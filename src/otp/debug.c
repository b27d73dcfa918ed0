/* SPDX-License-Identifier: Apache-2.0 */
/* The debug options of debug.h. Everything lies in process memory, so an exit gives it back; the
 * log file is closed by a defer. */
#include "otp/debug.h"

#include <coppice/log.h>
#include <time.h>

enum { LOG_DEFAULT = 10 };

static void note_active(struct debug *debug)
{
    debug->active =
        debug->trace || debug->functions || debug->log_max || debug->statistics || debug->file;
}

/* --- Events
 * ---------------------------------------------------------------------------------------- */

/* The line of SYS-31. */
static void print_server_event(FILE *to, cop_term event, cop_term name)
{
    cop_term message, from, state, reply;
    cop_pid pid;

    fprintf(to, "*DBG* %s ", cop_show(name));
    if (cop_match(event, "{in, {'$gen_call', {Pid, _}, Request}}", &pid, &message))
        fprintf(to, "got call %s from %s\n", cop_show(message), cop_show(cop_from_pid(pid)));
    else if (cop_match(event, "{in, {'$gen_cast', Request}}", &message))
        fprintf(to, "got cast %s\n", cop_show(message));
    else if (cop_match(event, "{in, Message}", &message))
        fprintf(to, "got %s\n", cop_show(message));
    else if (cop_match(event, "{out, Reply, {Pid, _}, State}", &reply, &pid, &state))
        fprintf(to, "sent %s to %s, new state %s\n", cop_show(reply), cop_show(cop_from_pid(pid)),
            cop_show(state));
    else if (cop_match(event, "{noreply, State}", &state))
        fprintf(to, "new state %s\n", cop_show(state));
    else if (cop_match(event, "{continue, What}", &from))
        fprintf(to, "continue %s\n", cop_show(from));
    else
        fprintf(to, "dbg  %s\n", cop_show(event));
}

static void print_event(const struct debug *debug, FILE *to, cop_term event, cop_term name)
{
    if (debug->print)
        debug->print(to, event, name);
    else
        print_server_event(to, event, name);
    fflush(to);
}

/* The newest `max` of a list that is newest first. */
static cop_term newest(cop_term list, size_t max)
{
    cop_term kept = cop_nil(), item;

    while (max-- && cop_list_next(&item, &list))
        kept = cop_cons(item, kept);
    return cop_list_reverse(kept);
}

static void log_event(struct debug *debug, cop_term event)
{
    cop_term list = cop_is_none(debug->log) ? cop_nil() : debug->log;

    list = newest(cop_cons(event, list), debug->log_max);
    cop_keep(&debug->log, list);
    if (debug->log_length < debug->log_max)
        debug->log_length++;
}

static void drop_function(struct debug *debug, struct debug_function **place)
{
    struct debug_function *function = *place;

    *place = function->next;
    cop_keep_clear(&function->id);
    cop_keep_clear(&function->state);
    cop_free(function);
    note_active(debug);
}

struct calling {
    struct debug_function *function;
    cop_term event, name, result;
};

static void run_function(void *arg)
{
    struct calling *calling = arg;

    calling->result =
        calling->function->fn(calling->function->state, calling->event, calling->name);
}

void cop__debug_event(struct debug *debug, cop_term event, cop_term name)
{
    if (debug->log_max)
        log_event(debug, event);
    if (debug->trace)
        print_event(debug, stdout, event, name);
    if (debug->file)
        print_event(debug, debug->file, event, name);
    for (struct debug_function **place = &debug->functions; *place;) {
        struct calling calling = { *place, event, name, COP_NONE };
        enum cop_class class = cop_try(run_function, &calling, NULL, NULL);

        if (class != COP_CLASS_NONE || cop_is_none(calling.result) ||
            cop_match(calling.result, "done")) {
            drop_function(debug, place); /* SYS-32 */
        } else {
            cop_keep(&(*place)->state, calling.result);
            place = &(*place)->next;
        }
    }
}

void cop__debug_in(struct debug *debug, cop_term message, cop_term name)
{
    debug->messages_in++;
    cop__debug_event(debug, cop("{in, Message}", message), name);
}

void cop__debug_sent(struct debug *debug)
{
    debug->messages_out++;
}

cop_term cop__debug_events(const struct debug *debug)
{
    return cop_is_none(debug->log) ? cop_nil() : cop_list_reverse(cop_copy(debug->log));
}

/* --- Commands
 * ---------------------------------------------------------------------------------------- */

static void clear_log(struct debug *debug)
{
    cop_keep_clear(&debug->log);
    debug->log_length = debug->log_max = 0;
}

static void close_file(void *file)
{
    fclose(file);
}

static void drop_file(struct debug *debug)
{
    if (!debug->file)
        return;
    cop_defer_cancel(close_file, debug->file);
    fclose(debug->file);
    debug->file = NULL;
}

static cop_term log_command(struct debug *debug, cop_term flag)
{
    int64_t max;

    if (cop_match(flag, "true")) {
        debug->log_max = LOG_DEFAULT;
    } else if (cop_match(flag, "{true, Max}", &max) && max > 0) {
        debug->log_max = (size_t)max;
        if (!cop_is_none(debug->log))
            cop_keep(&debug->log, newest(debug->log, debug->log_max));
    } else if (cop_match(flag, "false")) {
        clear_log(debug);
    } else if (cop_match(flag, "get")) {
        return cop("{ok, Events}", cop__debug_events(debug));
    } else if (cop_match(flag, "print")) {
        cop_term events = cop__debug_events(debug), event;

        while (cop_list_next(&event, &events))
            print_event(debug, stdout, event, cop("log"));
    } else {
        return cop("unknown_debug");
    }
    return cop("ok");
}

/* {{Year, Month, Day}, {Hour, Minute, Second}}, local time. */
static cop_term date_time(int64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm when;

    if (!localtime_r(&seconds, &when))
        return cop("undefined");
    return cop("{{Year, Month, Day}, {Hour, Minute, Second}}", when.tm_year + 1900, when.tm_mon + 1,
        when.tm_mday, when.tm_hour, when.tm_min, when.tm_sec);
}

static int64_t reductions_now(void)
{
    int64_t reductions = 0;

    cop_match(cop_process_info(cop_self(), "reductions"), "{reductions, N}", &reductions);
    return reductions;
}

static cop_term statistics_command(struct debug *debug, cop_term flag)
{
    if (cop_match(flag, "get")) {
        if (!debug->statistics)
            return cop("{ok, no_statistics}");
        return cop(
            "{ok, [{start_time, Start}, {current_time, Now}, {reductions, R}, {messages_in, In},"
            " {messages_out, Out}]}",
            date_time(debug->start_ms), date_time(cop_system_time_ms()),
            reductions_now() - debug->reductions, debug->messages_in, debug->messages_out);
    }
    if (!cop_match(flag, "true") && !cop_match(flag, "false"))
        return cop("unknown_debug");
    debug->statistics = cop_match(flag, "true");
    debug->start_ms = cop_system_time_ms();
    debug->reductions = reductions_now();
    debug->messages_in = debug->messages_out = 0;
    return cop("ok");
}

static cop_term file_command(struct debug *debug, cop_term what)
{
    cop_bytes path;
    char name[4096];

    drop_file(debug);
    if (cop_match(what, "false"))
        return cop("ok");
    if (!cop_to_bytes(&path, what) || path.size >= sizeof name)
        return cop("{error, open_file}");
    snprintf(name, sizeof name, "%.*s", COP_STR(path));
    debug->file = fopen(name, "w");
    if (!debug->file)
        return cop("{error, open_file}");
    cop_defer(close_file, debug->file);
    return cop("ok");
}

/* {install, {Id, Fn, State}}: the address of a C function, taken only from a caller in this node.
 */
static cop_term install(struct debug *debug, cop_term id, int64_t address, cop_term state)
{
    struct debug_function *function;

    for (function = debug->functions; function; function = function->next)
        if (cop_identical(function->id, id))
            return cop("ok"); /* SYS-33 */
    function = cop_alloc(sizeof *function);
    function->fn = (cop_sys_debug_fn *)(uintptr_t)address;
    cop_keep(&function->id, id);
    cop_keep(&function->state, state);
    function->next = debug->functions;
    debug->functions = function;
    return cop("ok");
}

static cop_term remove_function(struct debug *debug, cop_term id)
{
    for (struct debug_function **place = &debug->functions; *place; place = &(*place)->next) {
        if (cop_identical((*place)->id, id)) {
            drop_function(debug, place);
            break;
        }
    }
    return cop("ok");
}

static void no_debug(struct debug *debug)
{
    while (debug->functions)
        drop_function(debug, &debug->functions);
    clear_log(debug);
    drop_file(debug);
    debug->trace = debug->statistics = false;
}

cop_term cop__debug_command(struct debug *debug, cop_term command, bool local)
{
    cop_term value, id, state, result = cop("ok");
    int64_t address;
    bool on;

    if (cop_match(command, "{log, Flag}", &value))
        result = log_command(debug, value);
    else if (cop_match(command, "{trace, On}", &on))
        debug->trace = on;
    else if (cop_match(command, "{statistics, Flag}", &value))
        result = statistics_command(debug, value);
    else if (cop_match(command, "{log_to_file, File}", &value))
        result = file_command(debug, value);
    else if (local && cop_match(command, "{install, {Id, Address, State}}", &id, &address, &state))
        result = install(debug, id, address, state);
    else if (cop_match(command, "{remove, Id}", &id))
        result = remove_function(debug, id);
    else if (cop_match(command, "no_debug"))
        no_debug(debug);
    else
        result = cop("unknown_debug"); /* SYS-15 */
    note_active(debug);
    return result;
}

static bool option(struct debug *debug, cop_term item)
{
    cop_term file, id, state;
    int64_t max, address;

    if (cop_match(item, "trace"))
        debug->trace = true;
    else if (cop_match(item, "log"))
        debug->log_max = LOG_DEFAULT;
    else if (cop_match(item, "{log, Max}", &max) && max > 0)
        debug->log_max = (size_t)max;
    else if (cop_match(item, "statistics"))
        statistics_command(debug, cop("true"));
    else if (cop_match(item, "{log_to_file, File}", &file))
        file_command(debug, file);
    else if (cop_match(item, "{install, {Id, Address, State}}", &id, &address, &state))
        install(debug, id, address, state); /* a starter is always of this node */
    else
        return false;
    return true;
}

void cop__debug_options(struct debug *debug, cop_term options)
{
    cop_term item;

    while (cop_list_next(&item, &options))
        if (!option(debug, item))
            cop_log(COP_LOG_ERROR, "%s: ignoring erroneous debug option %s",
                cop_show(cop_from_pid(cop_self())), cop_show(item));
    note_active(debug);
}

cop_term cop__debug_term(const struct debug *debug)
{
    cop_term list = cop_nil();

    if (debug->trace)
        list = cop_cons(cop("{trace, true}"), list);
    if (debug->log_max)
        list = cop_cons(
            cop("{log, {Max, Events}}", (int64_t)debug->log_max, cop__debug_events(debug)), list);
    if (debug->statistics)
        list = cop_cons(cop("{statistics, {Start, In, Out}}", debug->start_ms, debug->messages_in,
                            debug->messages_out),
            list);
    return list;
}
