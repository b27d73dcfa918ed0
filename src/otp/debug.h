/* SPDX-License-Identifier: Apache-2.0 */
/* Debugging of a running behaviour (OTP's sys debug options): events go through a list of
 * functions, into a log, to the terminal, to a file, and are counted (SYS-07 to SYS-13, SYS-28 to
 * SYS-35). */
#ifndef COP_OTP_DEBUG_H
#define COP_OTP_DEBUG_H

#include <coppice/sys.h>
#include <stdio.h>

struct debug_function {
    struct debug_function *next;
    cop_term id; /* kept */
    cop_sys_debug_fn *fn;
    cop_term state; /* kept */
};

struct debug {
    bool active; /* anything below is on */
    /* How the behaviour writes an event as a line; NULL: as gen_server does. */
    void (*print)(FILE *to, cop_term event, cop_term name);
    bool trace;
    struct debug_function *functions;
    cop_term log;               /* kept list, newest first */
    size_t log_length, log_max; /* log_max 0: off */
    bool statistics;
    int64_t start_ms, messages_in, messages_out, reductions;
    FILE *file;
};

static inline bool cop__debug_on(const struct debug *debug)
{
    return debug->active;
}

void cop__debug_event(struct debug *debug, cop_term event, cop_term name);
void cop__debug_in(struct debug *debug, cop_term message, cop_term name); /* {in, Message} */
void cop__debug_sent(struct debug *debug);             /* counted as messages_out */
cop_term cop__debug_events(const struct debug *debug); /* oldest first */
/* The answer to {debug, Command}. */
cop_term cop__debug_command(struct debug *debug, cop_term command, bool local);
void cop__debug_options(
    struct debug *debug, cop_term options);          /* start option; bad ones are logged: GS-05 */
cop_term cop__debug_term(const struct debug *debug); /* for get_status */

#endif
