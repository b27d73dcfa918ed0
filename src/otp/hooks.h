/* SPDX-License-Identifier: Apache-2.0 */
/* How the runtime's upward calls find src/otp: the one thing here that is not in a public header, since
 * nobody else may serve it. */
#ifndef COP_OTP_HOOKS_H
#define COP_OTP_HOOKS_H

#include <coppice/process.h>

void cop__serve_reports(void (*process_error)(cop_pid pid, cop_term exit_reason),
    void (*crash)(enum cop_class class, cop_term reason, cop_term stack));

#endif
