/* SPDX-License-Identifier: Apache-2.0 */
/* What an isolated child may use (limits.c). All are for the process that is to be limited; 0 or
 * -errno. Layer 8, private. */
#ifndef COP_PROGRAM_LIMITS_H
#define COP_PROGRAM_LIMITS_H

#include <coppice/isolate.h>

/* Before the runtime starts: time and descriptors. */
int cop__limit_early(const struct cop_limits *limits);
/* Once it has started: memory beside what it has now, and system calls, of all its threads. */
int cop__limit_now(const struct cop_limits *limits);
/* The system calls alone (calls.c). */
int cop__limit_calls(const struct cop_limits *limits);

#endif
