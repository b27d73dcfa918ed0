/* SPDX-License-Identifier: Apache-2.0 */
/* What tasks, streams of them and their supervisor share. Layer 5. */
#ifndef COP_OTP_TASK_INT_H
#define COP_OTP_TASK_INT_H

#include <coppice/task.h>

/* What a task's process is started with, by whoever starts it. */
cop_term cop__task_start_term(cop_task_fn *fn, cop_term arg, cop_pid starter, bool replies);
void cop__task_main(cop_term start);

/* The caller becomes the owner of a task that waits to be told to go. */
cop_task cop__task_of(cop_pid pid);
cop_task cop__task_async(cop_task_fn *fn, cop_term arg, bool link);

/* task_supervisor.c */
int cop__task_start_child(cop_pid *ret_pid, cop_dest supervisor, cop_task_fn *fn, cop_term arg,
    enum cop_restart restart, int64_t shutdown_ms, bool replies);
cop_task cop__task_async_under(
    cop_dest supervisor, cop_task_fn *fn, cop_term arg, bool link, int64_t shutdown_ms);

#endif
