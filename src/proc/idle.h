/* SPDX-License-Identifier: Apache-2.0 */
/* Schedulers apart from threads: who waits, who searches, who is woken. Between sched.c and idle.c.
 */
#ifndef COP_PROC_IDLE_H
#define COP_PROC_IDLE_H

#include "proc/proc.h"

/* sched.c */
bool cop__global_work(void);
void cop__global_put(struct cop__proc *proc);
void cop__global_start(void);
void cop__switched_in(void);

/* idle.c */
void cop__idle(struct cop__thr *self); /* gives the scheduler up; returns with one, or at stop */
void cop__wake_for(struct cop__sched *sched); /* it has more than it runs now: W2 */
bool cop__worth_stealing(struct cop__sched *victim, uint64_t now_ns);
bool cop__search_begin(struct cop__thr *self); /* false: enough others are stealing */
void cop__thread_detached(struct cop__thr *self, struct cop__proc *proc);
bool cop__thread_park(struct cop__thr *self); /* wait for a scheduler; false: the node stops */
bool cop__threads_start(uint32_t count);
void cop__threads_join(void);
void cop__threads_statistics(uint64_t *ret_wakes, uint64_t *ret_waits, uint64_t *ret_polls);

#endif
