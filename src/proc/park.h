/* SPDX-License-Identifier: Apache-2.0 */
/* What the I/O layer may use of processes: waiting, waking, things a process owns, and where the
 * events of the poller go. All with rt odd, unless said otherwise. */
#ifndef COP_PROC_PARK_H
#define COP_PROC_PARK_H

#include <coppice/process.h>

#include "base/thread.h"

struct cop__proc;

struct cop__proc *cop__running(void);                 /* NULL on a thread that runs no process */
uint32_t cop__proc_gen(const struct cop__proc *proc); /* to be kept beside every pointer to it */
cop_pid cop__proc_pid(const struct cop__proc *proc);

/* Wait for cop__unpark, or until the deadline (monotonic ns; UINT64_MAX: for ever). Messages do not
 * wake it; signals do, are handled, and may end the process: then this never returns, and what the
 * process owns is released. Returns false when the deadline has passed. May return true for no
 * reason: check your condition, before (M3) and after. */
bool cop__park(uint64_t deadline_ns);

/* Make a parked process run; one that is not parked yet will not park. Any thread. */
void cop__unpark(struct cop__proc *proc, uint32_t gen);

/* Something that ends with its process: embed it first in the thing. release runs once, in the
 * exiting process before anyone hears of the exit (P-55), rt odd. Only the owner's thread touches
 * the list. */
struct cop__resource {
    struct cop__resource *next, *prev;
    void (*release)(struct cop__resource *resource);
    void (*adopted)(struct cop__resource *resource); /* in the new owner, after give; may be NULL */
};
void cop__resource_add(struct cop__resource *resource);    /* to the running process */
void cop__resource_remove(struct cop__resource *resource); /* from the running process */
/* Move from the running process to another; false when that one is gone: then it is still ours. The
 * new owner adds it to its list when it handles its signals, and calls adopted. When it ends before
 * that, release is called. */
bool cop__resource_give(struct cop__resource *resource, cop_pid to);
/* The same for a resource that is in no list, from any context with rt odd. */
bool cop__resource_send(struct cop__resource *resource, cop_pid to);

/* Deliver a copy of message to a local process from runtime code, also from the poller's context
 * where no process runs. False when it is gone. */
bool cop__send_copy(cop_pid to, cop_term message);

/* Events of the poller; set by the I/O layer at start. Runs on a scheduler without a process. */
extern void (*cop__on_poll_event)(uint64_t data, uint32_t events);

/* Called once at node start and stop by the process layer; set by upper layers' constructors. */
struct cop__node_hook {
    struct cop__node_hook *next;
    void (*start)(void);
    void (*stop)(void); /* all processes are gone */
};
void cop__node_hook_add(struct cop__node_hook *hook);

uint64_t cop__now_ns(void);   /* monotonic; through the seam (S1) */
uint64_t cop__ahead_ns(void); /* the same or a little later, for time-outs (base/clock.h) */

#endif
