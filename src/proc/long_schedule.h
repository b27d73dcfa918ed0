/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs user code for long, for cop_system_monitor. All but the sample is for the monitor of
 * hand-offs, which sees it anyway (handoff.c). */
#ifndef COP_PROC_LONG_SCHEDULE_H
#define COP_PROC_LONG_SCHEDULE_H

#include "proc/proc.h"

/* What sched runs on thr has been in user code since then, which `turns` knows from what comes
 * after it; *told_ns is kept for it, and 0 at first. */
void cop__long_look(struct cop__sched *sched, struct cop__thr *thr, uint64_t turns,
    uint64_t *told_ns, uint64_t since_ns, uint64_t now_ns);

/* It is about to lose its scheduler: from now on cop__long_look_detached looks at it. */
void cop__long_detached(
    struct cop__thr *thr, const struct cop__proc *proc, uint64_t told_ns, uint64_t since_ns);
void cop__long_look_detached(uint64_t now_ns);
bool cop__long_watching(void); /* there are such */

/* In the handler of the look signal: was it sent to know where this thread is? */
bool cop__long_sample(
    const struct cop__thr *self, const struct cop__proc *proc, const void *ucontext);

#endif
