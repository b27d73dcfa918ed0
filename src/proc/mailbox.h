/* SPDX-License-Identifier: Apache-2.0 */
/* The hot half of the mailbox: pushing a message that is no signal. mailbox.c has the rest and the
 * rules. */
#ifndef COP_PROC_MAILBOX_H
#define COP_PROC_MAILBOX_H

#include "proc/message.h"
#include "proc/table.h"

/* A process can run: it goes to the lifo slot (W1) when that is free, or where cop__ready_slow
 * finds room. */
void cop__ready_slow(struct cop__thr *self, struct cop__proc *proc); /* sched.c */
static inline bool cop__ready_quick(struct cop__thr *self, struct cop__proc *proc)
{
    struct cop__sched *sched = self->sched;

    if (cop__unlikely(
            !sched || !self->current || cop__load(sched->lifo) || proc->priority != COP_NORMAL))
        return false;
    cop__store(sched->lifo, proc);
    return true;
}

static inline void cop__ready(struct cop__thr *self, struct cop__proc *proc)
{
    if (!cop__ready_quick(self, proc))
        cop__ready_slow(self, proc);
}

/* Push to whoever `id` names. False: refused, and the block is still the caller's. */
bool cop__push(struct cop__thr *self, uint64_t id, struct cop__msg *msg);
/* Outer word to inner queue, acting on signals. True: something came. */
void cop__fetch_slow(struct cop__thr *self, struct cop__proc *proc);
static inline bool cop__fetch(struct cop__thr *self, struct cop__proc *proc)
{
    if (cop__likely(!(cop__load(proc->mbox) & (COP__MBOX_PTR | COP__MBOX_PEND))))
        return false;
    cop__fetch_slow(self, proc);
    return true;
}

/* All that is left, oldest first. */
struct cop__msg *cop__mailbox_close(struct cop__thr *self, struct cop__proc *proc);
void cop__wake(struct cop__thr *self, struct cop__proc *proc, uint32_t gen);

static inline void cop__queue_append(struct cop__proc *proc, struct cop__msg *msg)
{
    msg->next = NULL;
    if (proc->last)
        proc->last->next = msg;
    else
        proc->first = msg;
    proc->last = msg;
}

/* To the inner queue: at the end, or by priority. */
void cop__queue_message(struct cop__proc *proc, struct cop__msg *msg);

/* Whoever wakes a process owns it (M1), and one that waits for messages has an empty word (M3): so
 * the waker of such a process puts the message straight into its inner queue (M6), and spares it an
 * exchange. NULL: it does not wait for messages, or the sender's budget is used up; the message
 * takes the way of cop__push. */
static inline struct cop__proc *cop__wake_waiting(struct cop__thr *self, uint64_t id)
{
    struct cop__proc *proc = cop__proc_of(id);
    uint64_t word = cop__load_acquire(proc->mbox);

    if ((word & (COP__MBOX_ANY | COP__MBOX_DEAD | COP__MBOX_BOUND)) != COP__MBOX_ANY ||
        cop__unlikely(cop__load(proc->gen) != (uint32_t)(id >> 32)))
        return NULL;
    /* acq_rel: whoever clears a parked bit owns all that the parker wrote before. */
    if (cop__unlikely(!atomic_compare_exchange_strong_explicit(
            &proc->mbox, &word, word & ~COP__MBOX_ANY, memory_order_acq_rel, memory_order_relaxed)))
        return NULL;
    if (cop__unlikely(word & COP__MBOX_FULL))
        self->budget -= COP__OVERLOAD_COST;
    return proc;
}

/* The same, unless the budget is used up: then a node that is simulated is told on the long way. */
static inline struct cop__proc *cop__wake_with_budget(struct cop__thr *self, uint64_t id)
{
    return cop__likely(self->budget > 0) ? cop__wake_waiting(self, id) : NULL;
}

/* cop__push for a PLAIN message, a CAST or a CALL. */
static inline bool cop__push_message(struct cop__thr *self, uint64_t id, struct cop__msg *msg)
{
    struct cop__proc *proc = cop__wake_with_budget(self, id);

    if (!proc)
        return cop__push(self, id, msg);
    cop__queue_append(proc, msg);
    cop__ready(self, proc);
    return true;
}

/* A reply nobody waits for any more: the message it becomes (GS-88), or NULL (call.c). */
struct cop__msg *cop__reply_too_many(struct cop__thr *self, struct cop__msg *reply);

/* cop__push for the answer of call msg->ref, which is dropped when nobody waits for it. */
static inline void cop__push_answer(struct cop__thr *self, uint64_t id, struct cop__msg *msg)
{
    struct cop__proc *proc = cop__wake_with_budget(self, id);

    if (!proc) {
        if (!cop__push(self, id, msg))
            cop__msg_free(self, msg);
        return;
    }
    if (cop__unlikely(msg->ref != proc->call_ref))
        msg = cop__reply_too_many(self, msg); /* late: the caller looks, and waits again */
    if (cop__likely(msg != NULL))
        cop__queue_append(proc, msg);
    cop__ready(self, proc);
}

#endif
