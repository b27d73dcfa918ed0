/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks of processes as terms. Each is of the process that runs: it walks its own. */
#ifndef COP_PROC_BACKTRACE_H
#define COP_PROC_BACKTRACE_H

#include "proc/proc.h"

enum { COP__BACKTRACE_DEPTH = 8 }; /* OTP's default for backtrace_depth */

/* From the function that a call returns to there. */
cop_term cop__backtrace_from(const struct cop__proc *proc, const void *return_address);

/* Of instructions, innermost first. */
cop_term cop__backtrace_of(const uintptr_t *pcs, uint32_t count);

/* From the function of the program that called the library; [] where none did. */
cop_term cop__backtrace_now(const struct cop__proc *proc);

#endif
