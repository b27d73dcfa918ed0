/* SPDX-License-Identifier: Apache-2.0 */
/* log: reports as data, through one handler that a program may replace. */
#ifndef COPPICE_LOG_H
#define COPPICE_LOG_H

#include <coppice/process.h>

COP_BEGIN_DECLS

enum cop_log_level {
    COP_LOG_EMERGENCY,
    COP_LOG_ALERT,
    COP_LOG_CRITICAL,
    COP_LOG_ERROR,
    COP_LOG_WARNING,
    COP_LOG_NOTICE,
    COP_LOG_INFO,
    COP_LOG_DEBUG
};

/* One event: a report map ({label, report, ...}) or text, and its metadata map (pid, time, domain,
 * error_logger). Lives until the handler returns. */
typedef struct {
    enum cop_log_level level;
    cop_term report;  /* a map; none when text is set */
    const char *text; /* a plain line */
    cop_term metadata;
    int64_t time_ms; /* system time */
    cop_pid pid;
} cop_log_event;

/* Runs in the process, or on the thread, that logs; must not park. */
typedef void cop_log_handler(const cop_log_event *event, void *arg);

/* From now on all events go to handler; NULL: to the default one, which prints on stderr, in
 * colour on a terminal.
 *
 * Parks    no.
 * Context  any thread; best before the node starts, since two events at the change may go either
 *          way.
 * OTP      logger:add_handler/3.
 */
COP_API void cop_log_set_handler(cop_log_handler *handler, void *arg);

/* The least grave level that is logged; notice at first.
 *
 * Returns  the level.
 * Parks    no.
 * Context  any thread.
 * OTP      logger:set_primary_config/2, get_primary_config/0.
 */
COP_API void cop_log_set_level(enum cop_log_level level);
COP_API enum cop_log_level cop_log_level(void);

/* Log a report: a map, for machines as well as for people. Ask cop_log_level before building a
 * dear one.
 *
 * Parks    no; what the handler does is its own affair.
 * Context  any thread.
 * OTP      logger:log/3. Clauses P-122, GS-101.
 */
COP_API void cop_log_report(enum cop_log_level level, cop_term report, cop_term metadata);

/* Log a line of text, as printf makes it; what is over 2 KB is cut off.
 *
 * Parks    no.
 * Context  any thread.
 * OTP      logger:log/3 with a format.
 */
COP_API void cop_log(enum cop_log_level level, const char *format, ...) COP_PRINTF(2, 3);

/* What the default handler prints for an event: a title line, then one line a fact.
 *
 * Returns  text that lives until the end of the turn.
 * Parks    no.
 * Options  colour: with escape sequences of a terminal.
 * Context  any thread, as in a handler of one's own.
 * OTP      logger_formatter:format/2. Clause GS-107.
 */
COP_API const char *cop_log_format(const cop_log_event *event, bool colour);

COP_END_DECLS

#endif
