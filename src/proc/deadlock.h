/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that wait for each other in a circle, found when the last of them is made.
 *
 * The hard idea: whom a process waits for stands where its link in a queue would be, since one that
 * waits is in no queue. An id of a pid ends in 4, an address in 0. So a call costs one store into a
 * line that is its own, and one look at a line that the push of its message has just brought here;
 * only when the server waits for somebody itself is there more to see.
 *
 * A server that has calls which somebody else may answer (COP__P_OWES) waits for nobody as far as
 * its callers are concerned: there is no circle through it. */
#ifndef COP_PROC_DEADLOCK_H
#define COP_PROC_DEADLOCK_H

#include "proc/table.h"

static inline void cop__waits_for(struct cop__proc *proc, uint64_t id)
{
    cop__set_next(&proc->next, (struct cop__proc *)(uintptr_t)id);
}

/* 0: nobody. */
static inline uint64_t cop__waited_for(struct cop__proc *proc)
{
    uint64_t next = (uint64_t)(uintptr_t)__atomic_load_n(&proc->next, __ATOMIC_ACQUIRE);

    return (next & 15) == 4 ? next : 0;
}

/* The next number for a reference of its own. Others look at it. */
static inline uint64_t cop__next_ref(struct cop__proc *proc)
{
    uint64_t count = proc->ref_count + 1;

    __atomic_store_n(&proc->ref_count, count, __ATOMIC_RELAXED);
    return count;
}

/* Between the push of a call and the look at whom its server waits for: of two that call each
 * other, one sees the other. The exchange of the push does it on x86-64. */
static inline void cop__after_push_fence(void)
{
#if !defined(__x86_64__)
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

/* The running process has sent a call to a server that waits for somebody. True: it is for us, in
 * the end. *ret_reason is {deadlock, [Name]}: from us on, each waits for the next. */
bool cop__closes_circle(struct cop__proc *proc, uint64_t server, cop_term *ret_reason);

#endif
