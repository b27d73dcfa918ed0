/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of a scheduler: the owner puts at the tail, owner and thieves take at the head. */
#ifndef COP_PROC_RUN_QUEUE_H
#define COP_PROC_RUN_QUEUE_H

#include "proc/proc.h"

static inline uint32_t cop__ring_length(struct cop__sched *sched)
{
    return cop__load_acquire(sched->tail) - cop__load_acquire(sched->head);
}

/* Owner only. False: full. */
static inline bool cop__ring_put(struct cop__sched *sched, struct cop__proc *proc)
{
    uint32_t head = cop__load_acquire(sched->head), tail = cop__load(sched->tail);

    if (tail - head >= COP__RING)
        return false;
    cop__store(sched->ring[tail % COP__RING], proc);
    cop__store_release(sched->tail, tail + 1); /* pairs with the acquire of thieves */
    return true;
}

/* Owner only. */
static inline struct cop__proc *cop__lifo_take(struct cop__sched *sched)
{
    struct cop__proc *proc = cop__load(sched->lifo);

    if (proc)
        cop__store(sched->lifo, NULL);
    return proc;
}

/* Owner or, with n = 1, anyone. */
static inline struct cop__proc *cop__ring_take(struct cop__sched *sched)
{
    for (;;) {
        uint32_t head = cop__load_acquire(sched->head), tail = cop__load_acquire(sched->tail);
        struct cop__proc *proc;

        if (head == tail)
            return NULL;
        proc = cop__load(sched->ring[head % COP__RING]);
        if (atomic_compare_exchange_weak_explicit(
                &sched->head, &head, head + 1, memory_order_acq_rel, memory_order_relaxed))
            return proc;
    }
}

/* A thief takes half; the first is returned, the rest goes to its own ring. */
struct cop__proc *cop__ring_steal(struct cop__sched *thief, struct cop__sched *victim);

#endif
