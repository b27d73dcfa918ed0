/* SPDX-License-Identifier: Apache-2.0 */
/* How the default handler prints an event: a title line, then one line a fact (GS-107). Plain text,
 * colour only when asked. */
#include <coppice/log.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Text that grows; lives for the turn as a binary's bytes. */
struct text {
    char *data;
    size_t size, capacity;
};

static COP_PRINTF(2, 3) void put(struct text *text, const char *format, ...)
{
    va_list arguments;
    int size;

    for (;;) {
        size_t room = text->capacity - text->size;

        va_start(arguments, format);
        size = vsnprintf(text->data + text->size, room, format, arguments);
        va_end(arguments);
        if (size < 0)
            return;
        if ((size_t)size < room)
            break;
        {
            char *larger;
            size_t capacity = text->capacity * 2 + (size_t)size;

            cop_binary_new(capacity, &larger);
            memcpy(larger, text->data, text->size);
            text->data = larger;
            text->capacity = capacity;
        }
    }
    text->size += (size_t)size;
}

static void fact(struct text *text, const char *name, cop_term value)
{
    put(text, "    %s: %s\n", name, cop_show(value));
}

/* --- Stacks --------------------------------------------------------------------------------------
 */

static bool is_stack(cop_term stack)
{
    cop_term frame, location;

    if (!cop_is_proper_list(stack) || cop_match(stack, "[]"))
        return false;
    while (cop_list_next(&frame, &stack))
        if (!cop_match(frame, "{_, _, _, Location}", &location) || !cop_is_proper_list(location))
            return false;
    return true;
}

/* A line a frame, innermost first: who reads a crash wants to know where. */
static void frames(struct text *text, cop_term stack)
{
    cop_term frame, module, function, location, file, line;
    const char *word = "in";

    while (cop_list_next(&frame, &stack)) {
        cop_must(
            cop_match(frame, "{Module, Function, _, Location}", &module, &function, &location));
        put(text, "      %s %s:%s", word, cop_show(module), cop_show(function));
        if (cop_match(location, "[{file, File}, {line, Line}]", &file, &line))
            put(text, " (%.*s:%s)", (int)strcspn(cop_show(file) + 1, "\""), cop_show(file) + 1,
                cop_show(line));
        put(text, "\n");
        word = "called from";
    }
}

/* A reason that has a stack in it, that of a fault or of an error, goes without; the stack below.
 */
static void reason_fact(struct text *text, const char *name, cop_term value)
{
    cop_term reason, stack, signal;
    uint64_t address;

    if (cop_match(value, "{fault, Signal, Address, Frames}", &signal, &address, &stack) &&
        is_stack(stack)) {
        put(text, "    %s: %s at address 0x%" PRIx64 "\n", name, cop_show(signal), address);
        frames(text, stack);
    } else if (cop_match(value, "{Reason, Stack}", &reason, &stack) && is_stack(stack)) {
        put(text, "    %s: %s\n", name, cop_show(reason));
        frames(text, stack);
    } else {
        fact(text, name, value);
    }
}

static void exception(struct text *text, const char *class, cop_term reason, cop_term stack)
{
    if (cop_match(reason, "{fault, _, _, _}")) {
        reason_fact(text, "fault", reason);
        return;
    }
    put(text, "    exception: %s %s\n", class, cop_show(reason));
    if (is_stack(stack))
        frames(text, stack);
    else if (!cop_match(stack, "[]"))
        fact(text, "stack", stack);
}

/* --- Reports -------------------------------------------------------------------------------------
 */

static cop_term get(cop_term map, const char *key)
{
    cop_term value;

    return cop_map_get(&value, map, cop_from_atom(cop_atom_new(key))) ? value : COP_NONE;
}

static cop_term property(cop_term list, const char *key)
{
    cop_term value;

    return cop_proplist_get(&value, list, cop_from_atom(cop_atom_new(key))) ? value
                                                                            : cop("undefined");
}

static void all_properties(struct text *text, cop_term list)
{
    cop_term item, key, value;

    while (cop_list_next(&item, &list)) {
        if (cop_match(item, "{Key, Value}", &key, &value))
            put(text, "    %s: %s\n", cop_show(key), cop_show(value));
    }
}

static void format_gen_server(struct text *text, cop_term report)
{
    cop_term log = get(report, "log"), client = get(report, "client_info"), name, stack;

    put(text, "Generic server %s terminating\n", cop_show(get(report, "name")));
    fact(text, "last message", get(report, "last_message"));
    fact(text, "state", get(report, "state"));
    reason_fact(text, "reason", get(report, "reason"));
    if (!cop_is_none(log) && !cop_match(log, "[]"))
        fact(text, "log", log);
    if (cop_match(client, "{_, {Name, Stack}}", &name, &stack) && is_stack(stack)) {
        fact(text, "client", name);
        frames(text, stack);
    } else if (!cop_is_none(client) && !cop_match(client, "undefined")) {
        fact(text, "client", client);
    }
}

static void format_crash(struct text *text, cop_term report)
{
    cop_term own, neighbours, item, list, error, reason, stack;

    if (!cop_match(get(report, "report"), "[Own, Neighbours]", &own, &neighbours))
        return;
    put(text, "CRASH REPORT process %s\n", cop_show(property(own, "pid")));
    error = property(own, "error_info");
    while (cop_list_next(&item, &own)) {
        cop_term key, value;

        if (!cop_match(item, "{Key, Value}", &key, &value))
            continue;
        if (cop_match(item, "{error_info, _}") &&
            cop_match(error, "{_, Reason, Stack}", &reason, &stack)) {
            exception(text, cop_show(cop_tuple_at(error, 0)), reason, stack);
        } else {
            put(text, "    %s: %s\n", cop_show(key), cop_show(value));
        }
    }
    while (cop_list_next(&item, &neighbours)) {
        if (cop_match(item, "{neighbour, List}", &list)) {
            put(text, "  neighbour %s\n", cop_show(property(list, "pid")));
            all_properties(text, list);
        }
    }
}

static void format_supervisor(struct text *text, cop_term report, cop_term context)
{
    cop_term list = get(report, "report"), offender = property(list, "offender");

    put(text, "SUPERVISOR REPORT %s: %s\n", cop_show(property(list, "supervisor")),
        cop_show(context));
    reason_fact(text, "reason", property(list, "reason"));
    if (!cop_match(offender, "undefined")) {
        put(text, "  offender\n");
        all_properties(text, offender);
    }
}

static void format_progress(struct text *text, cop_term report)
{
    cop_term list = get(report, "report"), started = property(list, "started");

    put(text, "PROGRESS REPORT %s\n", cop_show(property(list, "supervisor")));
    put(text, "  started\n");
    all_properties(text, started);
}

static void format_report(struct text *text, cop_term report)
{
    cop_term label = get(report, "label"), context, key, value;

    if (cop_match(label, "{gen_server, terminate}")) {
        format_gen_server(text, report);
    } else if (cop_match(label, "{proc_lib, crash}")) {
        format_crash(text, report);
    } else if (cop_match(label, "{supervisor, progress}")) {
        format_progress(text, report);
    } else if (cop_match(label, "{supervisor, Context}", &context)) {
        format_supervisor(text, report, context);
    } else {
        put(text, "%s\n", cop_is_none(label) ? "REPORT" : cop_show(label));
        for (cop_map_iterator i = cop_map_begin(report); cop_map_next(&key, &value, &i);)
            if (!cop_match(key, "label"))
                put(text, "    %s: %s\n", cop_show(key), cop_show(value));
    }
}

static const char *const level_names[] = { "emergency", "alert", "critical", "error", "warning",
    "notice", "info", "debug" };
static const char *const level_colours[] = { "\033[1;31m", "\033[1;31m", "\033[1;31m", "\033[31m",
    "\033[33m", "\033[36m", "\033[32m", "\033[2m" };

const char *cop_log_format(const cop_log_event *event, bool colour)
{
    struct text text = { .capacity = 1024 };
    time_t seconds = (time_t)(event->time_ms / 1000);
    struct tm when;
    char stamp[32] = "";

    cop_binary_new(text.capacity, &text.data);
    if (localtime_r(&seconds, &when))
        strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &when);
    put(&text, "%s.%03d %s[%s]%s ", stamp, (int)(event->time_ms % 1000),
        colour ? level_colours[event->level] : "", level_names[event->level],
        colour ? "\033[0m" : "");
    if (event->text)
        put(&text, "%s\n", event->text);
    else if (cop_type_of(event->report) == COP_TYPE_MAP)
        format_report(&text, event->report);
    else
        put(&text, "%s\n", cop_show(event->report));
    return text.data;
}
