/* SPDX-License-Identifier: Apache-2.0 */
/* What src/otp has of the runtime beside the public headers, since nobody else may: the life of a
 * node, and the hooks by which the runtime's reports come up. */
#ifndef COP_OTP_HOOKS_H
#define COP_OTP_HOOKS_H

#include <coppice/runtime.h>

int cop__node_run(cop_main *fn, int argc, char **argv, const struct cop_options *options);
void cop__serve_reports(void (*process_error)(cop_pid pid, cop_term exit_reason),
    void (*crash)(enum cop_class class, cop_term reason, cop_term stack));

/* The destination, or that name of the node that this is a part of, if it may be known there. */
cop_dest cop__dest_or_elsewhere(cop_dest dest);

/* The running process never waits for room in the mailbox of another (coppice/mailbox.h). */
void cop__never_waits(void);

/* proc_lib.c: from now on the runtime's reports go to the log. */
void cop__proc_lib_serve(void);

#endif
