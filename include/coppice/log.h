/* SPDX-License-Identifier: Apache-2.0 */
/* log: reports as data, through one handler that a program may replace. */
#ifndef COPPICE_LOG_H
#define COPPICE_LOG_H

#include <coppice/process.h>

COP_BEGIN_DECLS

enum cop_log_level { COP_LOG_EMERGENCY, COP_LOG_ALERT, COP_LOG_CRITICAL, COP_LOG_ERROR, COP_LOG_WARNING,
    COP_LOG_NOTICE, COP_LOG_INFO, COP_LOG_DEBUG };

/* One event: a report map ({label, report, ...}) or text, and its metadata map (pid, time, domain,
 * error_logger). Lives until the handler returns. */
typedef struct {
    enum cop_log_level level;
    cop_term report;  /* a map; none when text is set */
    const char *text; /* a plain line */
    cop_term metadata;
    int64_t time_ms;  /* system time */
    cop_pid pid;
} cop_log_event;

/* Runs in the process that logs; must not park. */
typedef void cop_log_handler(const cop_log_event *event, void *arg);
COP_API void cop_log_set_handler(cop_log_handler *handler, void *arg); /* NULL: the default on stderr */
COP_API void cop_log_set_level(enum cop_log_level level);              /* default: notice */
COP_API enum cop_log_level cop_log_level(void);
COP_API void cop_log_report(enum cop_log_level level, cop_term report, cop_term metadata);
COP_API void cop_log(enum cop_log_level level, const char *format, ...) COP_PRINTF(2, 3);
/* What the default handler prints for an event; lives for the turn. Colour only when asked. */
COP_API const char *cop_log_format(const cop_log_event *event, bool colour);

COP_END_DECLS

#endif
