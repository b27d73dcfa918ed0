/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes with a bound, for who pushes to one and who takes from one. Their word has
 * COP__MBOX_BOUND, and all that comes goes into a queue under a lock. */
#ifndef COP_PROC_BOUNDED_H
#define COP_PROC_BOUNDED_H

#include "proc/types.h"

/* Why cop__push was refused: thr->refusal. */
enum cop__refusal {
    COP__GONE,    /* the receiver is not there, or has ended */
    COP__REFUSED, /* its mailbox is full */
    COP__WAIT     /* the same, and the sender is to wait for room; only when it said it may */
};

/* cop__push for such a receiver. */
__attribute__((noinline, cold)) bool cop__bound_push(
    struct cop__thr *self, uint64_t id, struct cop__msg *msg);
/* What a process sends, and can wait for, has COP__MSG_ASKS; when cop__push refuses it, this is
 * next. */
/* msg was refused to a sender that can wait, and the thread says why: where that helps, wait until
 * it is in, or cannot be. False: thr->refusal of the running thread says why, and msg is free;
 * COP__WAIT: the time has passed, which is at once with COP__PAST. It may come back on another
 * thread. */
bool cop__push_refused(uint64_t id, struct cop__msg *msg, cop_term message, uint64_t deadline_ns);
/* The running process never waits for room, whom ever it sends to. */
void cop__never_waits(void);

/* The owner's side. What has come, oldest first. */
__attribute__((noinline)) struct cop__msg *cop__bound_fetch(struct cop__proc *proc);
/* Where a search of the inner queue begins: with COP_DROP_OLDEST the oldest go that are too many.
 */
void cop__bound_trim(struct cop__thr *self, struct cop__proc *proc);
static inline void cop__bound_search(struct cop__thr *self, struct cop__proc *proc)
{
    if (cop__unlikely(cop__load(proc->mbox) & COP__MBOX_BOUND))
        cop__bound_trim(self, proc);
}
enum cop__taken { COP__HANDLED, COP__DROPPED, COP__SKIPPED };
/* It has left the queue; its flag is cleared. */
void cop__bound_taken(
    struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg, enum cop__taken how);
/* The caller of ref waits no more, and the call was not seen yet. */
void cop__bound_given_up(struct cop__proc *proc, uint64_t ref);
/* A loop is to handle this message: false: it is a call that was given up, and is skipped. */
__attribute__((noinline)) bool cop__bound_handle(
    struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg);
/* The process ends; what is there, oldest first. */
struct cop__msg *cop__bound_close(struct cop__thr *self, struct cop__proc *proc);

#endif
