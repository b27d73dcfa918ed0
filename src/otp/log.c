/* SPDX-License-Identifier: Apache-2.0 */
/* The log: reports are data, made only when the level wants them, and go through one handler. Also
 * the runtime's own reports, which come up through hooks: proc_lib's crash report and "Error in
 * process". */
#include <coppice/log.h>

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static void print_on_stderr(const cop_log_event *event, void *arg)
{
    static _Atomic(int) colour = -1;

    (void)arg;
    if (colour < 0)
        colour = isatty(STDERR_FILENO);
    fputs(cop_log_format(event, colour == 1), stderr);
}

static _Atomic(cop_log_handler *) handler = print_on_stderr;
static _Atomic(void *) handler_arg;
static _Atomic(int) level = COP_LOG_NOTICE;

void cop_log_set_handler(cop_log_handler *new_handler, void *arg)
{
    atomic_store(&handler_arg, arg);
    atomic_store(&handler, new_handler ? new_handler : print_on_stderr);
}

void cop_log_set_level(enum cop_log_level new_level)
{
    atomic_store(&level, (int)new_level);
}

enum cop_log_level cop_log_level(void)
{
    return (enum cop_log_level)atomic_load_explicit(&level, memory_order_relaxed);
}

static void emit(cop_log_event *event)
{
    cop_log_handler *now = atomic_load(&handler);

    event->time_ms = cop_system_time_ms();
    if (cop_in_process())
        event->pid = cop_self();
    now(event, atomic_load(&handler_arg));
}

void cop_log_report(enum cop_log_level event_level, cop_term report, cop_term metadata)
{
    cop_log_event event = { .level = event_level, .report = report, .metadata = metadata };

    if (event_level <= cop_log_level())
        emit(&event);
}

void cop_log(enum cop_log_level event_level, const char *format, ...)
{
    cop_log_event event = { .level = event_level };
    char text[2048];
    va_list arguments;

    if (event_level > cop_log_level())
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    event.text = text;
    event.metadata = cop_map_new();
    emit(&event);
}
