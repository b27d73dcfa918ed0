/* SPDX-License-Identifier: Apache-2.0 */
/* Faults and kills that hit a process in the middle of its own code (docs/adr/0013). */
#ifndef COP_PROC_FAULT_H
#define COP_PROC_FAULT_H

#include <coppice/runtime.h>

#include "proc/types.h"

/* The handlers, from node start to node stop; of a thread, where they run. */
void cop__faults_start(enum cop_on_fault wanted);
void cop__faults_stop(void);
void cop__faults_thread_start(struct cop__thr *self);
void cop__faults_thread_stop(struct cop__thr *self);
enum cop_on_fault cop__on_fault(void); /* one that is not the default */

/* The signal by which a thread is asked to look at itself: has its process been killed (kill.c), or
 * does a report want to know where it is (fault_report.c)? */
int cop__look_signal(void);
void cop__look_at(const struct cop__thr *thr); /* ask */

/* In a handler: can the process of this thread be ended? Then its context is made one that goes on
 * at the thread's base, or one that will on its return, and true is the answer. */
struct cop__judged;
bool cop__fault_end(struct cop__thr *self, const struct cop__judged *judged, void *ucontext);

/* Where the C library returns to in place of the program (switch_*.S), and what that calls. */
void cop__fault_trampoline(void);
COP_NORETURN void cop__fault_returned(void);

/* On the base: a handler has jumped here from the process. False: the thread has no scheduler. */
bool cop__fault_landed(struct cop__thr *self, struct cop__proc *proc);

/* First thing on the process's stack, which is begun anew. */
COP_NORETURN void cop__fault_main(struct cop__thr *self, struct cop__proc *proc);

/* kill.c: an exit signal has been sent to a process that may be running. */
void cop__kill_running(uint64_t to);
void cop__kills_repeat(void); /* of the monitor: those that were not heard */
bool cop__kills_unheard(void);
bool cop__kill_pending(const struct cop__proc *proc); /* in a handler on its thread */
void cop__kills_start(void);

/* fault_report.c: in a handler, for what stops the node. Returns when all is written. */
void cop__fault_report(
    struct cop__thr *self, int signal, uintptr_t address, int rule, const void *ucontext);
bool cop__fault_report_wanted(void);                 /* of other threads, too */
void cop__fault_report_thread(const void *ucontext); /* what another thread's report wants */

#endif
