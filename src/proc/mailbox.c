/* SPDX-License-Identifier: Apache-2.0 */
/* The mailbox word: many writers push with CAS, the owner takes all with one exchange.
 *
 * M1: clearing ANY or SIG is the only way to schedule a parked process, so two wakers cannot both.
 * M2: the parked bits are set on another stack, after the context is saved (settle in sched.c).
 * M3: every waiter looks again between fetch and park; PEND closes the window.
 * M4: one word keeps the order of each sender for messages and signals alike (P-16, P-17).
 * M5: blocks are 64-byte aligned.
 * tests/models/mailbox.py checks the transitions below in all interleavings. */
#include "proc/bounded.h"
#include "proc/proc.h"
#include "proc/long_queue.h"
#include "proc/simulate.h"

bool cop__push(struct cop__thr *self, uint64_t id, struct cop__msg *msg)
{
    struct cop__proc *proc = cop__proc_of(id);
    uint32_t gen = (uint32_t)(id >> 32);
    bool signal = msg->kind >= COP__SIGNALS;
    uint64_t word = cop__load_acquire(proc->mbox), changed;
    bool wake;

    if (cop__unlikely(self->budget <= 0) && cop__simulated)
        cop__sim_pushed(self, id, msg);
    do {
        /* The word was read before gen: if the slot is reused after that, the tag in the word
         * differs and the CAS fails. */
        if (cop__unlikely(cop__load(proc->gen) != gen || (word & COP__MBOX_DEAD))) {
            self->refusal = COP__GONE;
            return false;
        }
        if (cop__unlikely(word & COP__MBOX_BOUND))
            return cop__bound_push(self, id, msg);
        msg->next = (struct cop__msg *)(uintptr_t)(word & COP__MBOX_PTR);
        changed = (word & ~COP__MBOX_PTR) | (uint64_t)(uintptr_t)msg;
        wake = false;
        if (changed & COP__MBOX_ANY) {
            changed &= ~COP__MBOX_ANY;
            wake = true;
        }
        if (signal) {
            changed |= COP__MBOX_PEND;
            if (changed & COP__MBOX_SIG) {
                changed &= ~COP__MBOX_SIG;
                wake = true;
            }
        }
        /* acq_rel: the block's contents before the owner's acquire in fetch; and whoever clears a
         * parked bit owns all that the parker wrote before. */
    } while (!atomic_compare_exchange_weak_explicit(
        &proc->mbox, &word, changed, memory_order_acq_rel, memory_order_acquire));
    if (cop__unlikely(word & COP__MBOX_FULL))
        self->budget -= COP__OVERLOAD_COST;
    if (wake)
        cop__ready(self, proc);
    return true;
}

void cop__wake(struct cop__thr *self, struct cop__proc *proc, uint32_t gen)
{
    uint64_t word = cop__load_acquire(proc->mbox), changed;

    do {
        if (cop__load(proc->gen) != gen || (word & COP__MBOX_DEAD))
            return;
        changed = word & (COP__MBOX_ANY | COP__MBOX_SIG) ? word & ~(COP__MBOX_ANY | COP__MBOX_SIG)
                                                         : word | COP__MBOX_PEND;
    } while (!atomic_compare_exchange_weak_explicit(
        &proc->mbox, &word, changed, memory_order_acq_rel, memory_order_acquire));
    if (word & (COP__MBOX_ANY | COP__MBOX_SIG))
        cop__ready(self, proc);
}

/* More than this many in one fetch is overload; a quarter of it ends it. */
enum { OVERLOAD = 256 };

static struct cop__msg *reverse(struct cop__msg *newest, uint32_t *ret_count, uint8_t *ret_kind_max)
{
    struct cop__msg *oldest = NULL;
    uint32_t count = 0;
    uint8_t kind_max = 0;

    while (newest) {
        struct cop__msg *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
        count++;
        if (oldest->kind > kind_max)
            kind_max = oldest->kind;
    }
    *ret_count = count;
    *ret_kind_max = kind_max;
    return oldest;
}

static void note_load(struct cop__proc *proc, uint64_t word, uint32_t count)
{
    if (count > OVERLOAD) {
        if (!(word & COP__MBOX_FULL))
            atomic_fetch_or_explicit(&proc->mbox, COP__MBOX_FULL, memory_order_relaxed);
    } else if ((word & COP__MBOX_FULL) && count < OVERLOAD / 4) {
        atomic_fetch_and_explicit(&proc->mbox, ~COP__MBOX_FULL, memory_order_relaxed);
    }
}

/* Priority messages go before all ordinary ones, after earlier priority ones (P-33). */
static void queue_priority(struct cop__proc *proc, struct cop__msg *msg)
{
    struct cop__msg **place = &proc->first;

    while (*place && ((*place)->flags & COP__MSG_PRIORITY))
        place = &(*place)->next;
    msg->next = *place;
    *place = msg;
    if (!msg->next)
        proc->last = msg;
}

void cop__queue_message(struct cop__proc *proc, struct cop__msg *msg)
{
    if (cop__unlikely(msg->flags & COP__MSG_PRIORITY))
        queue_priority(proc, msg);
    else
        cop__queue_append(proc, msg);
}

/* To the inner queue, or acted upon; oldest first. */
static void take_in(struct cop__thr *self, struct cop__proc *proc, struct cop__msg *msg)
{
    struct cop__msg *next;

    for (; msg; msg = next) {
        next = msg->next;
        if (cop__likely(msg->kind <= COP__CALL)) {
            cop__queue_append(proc, msg);
        } else if (msg->kind <= COP__DOWN_REPLY) {
            if (cop__unlikely(msg->ref != proc->call_ref))
                msg = cop__reply_too_many(self, msg);
            if (cop__likely(msg != NULL))
                cop__queue_append(proc, msg);
        } else if (msg->kind == COP__ALIASED) {
            if (cop__aliased_accept(self, proc, msg)) {
                cop__queue_message(proc, msg);
                continue;
            }
            if (msg->flags & COP__MSG_BOUND)
                cop__bound_taken(self, proc, msg, COP__DROPPED);
            cop__msg_free(self, msg);
        } else {
            cop__signal_received(self, proc, msg);
        }
    }
}

void cop__fetch_slow(struct cop__thr *self, struct cop__proc *proc)
{
    uint64_t word = cop__load(proc->mbox);
    struct cop__msg *newest, *msg;
    uint32_t count;
    uint8_t kind_max;

    /* FULL, BOUND and the tag stay; nobody else changes them while the process runs, but FULL and
     * BOUND by us. */
    word = atomic_exchange_explicit(&proc->mbox,
        word & (COP__MBOX_TAG | COP__MBOX_FULL | COP__MBOX_BOUND), memory_order_acquire);
    newest = (struct cop__msg *)(uintptr_t)(word & COP__MBOX_PTR);
    msg = reverse(newest, &count, &kind_max);
    note_load(proc, word, count);
    if (msg && kind_max <= COP__CALL) { /* nothing but messages: not touched once more */
        if (proc->last)
            proc->last->next = msg;
        else
            proc->first = msg;
        proc->last = newest;
    } else {
        take_in(self, proc, msg);
    }
    if (cop__unlikely(word & COP__MBOX_BOUND))
        take_in(self, proc, cop__bound_fetch(proc));
    cop__long_queue_look(self, proc);
}

struct cop__msg *cop__mailbox_close(struct cop__thr *self, struct cop__proc *proc)
{
    uint64_t word = cop__load(proc->mbox);
    uint32_t count;
    uint8_t kind_max;
    struct cop__msg *outer, *all = proc->first;

    word = atomic_exchange_explicit(
        &proc->mbox, (word & COP__MBOX_TAG) | COP__MBOX_DEAD, memory_order_acq_rel);
    outer = reverse((struct cop__msg *)(uintptr_t)(word & COP__MBOX_PTR), &count, &kind_max);
    if (proc->last)
        proc->last->next = outer;
    else
        all = outer;
    proc->first = proc->last = NULL;
    if (cop__unlikely(word & COP__MBOX_BOUND)) {
        struct cop__msg **end = &all;

        while (*end)
            end = &(*end)->next;
        *end = cop__bound_close(self, proc);
    }
    return all;
}
