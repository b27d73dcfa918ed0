/* SPDX-License-Identifier: Apache-2.0 */
/* One process stops and the next goes on: the hot half of sched.c, in line where a process waits.
 *
 * A process that stops goes straight to the next one when that is at hand, or to the base loop.
 * Either way it is settled (parked, queued, freed) by whoever arrives, on another stack than its
 * own (M2). */
#ifndef COP_PROC_ACTIVATION_H
#define COP_PROC_ACTIVATION_H

#include "proc/guard.h"
#include "proc/run_queue.h"
#include "proc/switch.h"

/* Every so many turns the base loop looks at the clock, at what is queued for all, and at the ring
 * before the lifo slot (PROC-9). */
enum { COP__LOOK_EVERY = 16 };

/* Not 0: the node stops, a process of higher priority than normal waits, or the base loop is to
 * choose who is next (base/choose.h). */
extern _Atomic(uint32_t) cop__urgent;

/* What the rarer acts want, and a process that could not be parked (sched.c). */
void cop__settle_slow(struct cop__thr *self, struct cop__proc *proc);
void cop__queue_last(struct cop__thr *self, struct cop__proc *proc);

#if COP__ASAN
static inline void cop__before_switch(
    struct cop__fiber *save, const struct cop__fiber *to, bool abandon)
{
    __sanitizer_start_switch_fiber(abandon ? NULL : &save->fake_stack, to->bottom, to->size);
}
#endif

#if COP__ASAN || COP__TSAN
/* The frames that are on the stack now will never return. */
static inline bool cop__abandons(enum cop__act act)
{
    return act == COP__ACT_IDLE || act == COP__ACT_YIELD_LOOP || act == COP__ACT_EXIT ||
           act == COP__ACT_RESTART;
}
#endif

#if COP__TSAN
cop__entry cop__first_frame; /* sched.c */
#else
#define cop__first_frame cop__run_entry
#endif

static inline void cop__give_stack_back(struct cop__sched *sched, struct cop__proc *proc)
{
    cop__stack_put(sched, proc->stack);
    proc->stack = NULL;
    proc->sp = NULL;
}

/* It has no context: it begins on a stack of its own, or on a borrowed one. */
static inline void cop__begin_on_stack(struct cop__sched *sched, struct cop__proc *proc)
{
    struct cop__stack *stack = proc->stack;

    if (!stack) {
        bool large = cop__load(proc->flags) & COP__P_LARGE_STACK;

        stack = cop__stack_get(sched, large ? COP__STACK_LARGE : COP__STACK_SMALL);
        proc->stack = stack;
    }
#if COP__ASAN
    __asan_unpoison_memory_region(stack->lo, (size_t)((char *)stack->top - stack->lo));
    stack->fiber.fake_stack = NULL;
#endif
    stack->catch = NULL;
    cop__store(stack->unsafe, 0);
    proc->sp = cop__switch_prepare(stack->top, cop__first_frame);
}

/* The books of a process that begins to run here, and of one that stops. */
static inline void cop__begin(struct cop__thr *self, struct cop__proc *proc)
{
    struct cop__sched *sched = self->sched;

    if (!proc->sp)
        cop__begin_on_stack(sched, proc);
    cop__store(sched->current, proc);
    cop__store(sched->turns, cop__load(sched->turns) + 1);
    cop__store(proc->on, self);
    __atomic_store_n(&self->current, proc, __ATOMIC_RELAXED);
    self->budget = COP__BUDGET;
    self->base.heap = &proc->stack->heap;
}

static inline void cop__end(struct cop__thr *self, struct cop__proc *proc)
{
    struct cop__sched *sched = self->sched;
    uint32_t used = (uint32_t)(COP__BUDGET - self->budget);
    const uint64_t *canary = proc->stack->canary;

    if (cop__unlikely(canary && !cop__canary_alive(canary)))
        cop__canary_died(proc);
    proc->reductions += used;
    cop__store(sched->reductions, cop__load(sched->reductions) + used);
    cop__store(proc->on, NULL);
}

/* Park for messages: fails when something came after the last fetch. The CAS expects an empty word.
 */
static inline bool cop__park_any(struct cop__proc *proc)
{
    uint64_t word = cop__load(proc->mbox);

    for (;;) {
        if (cop__unlikely(word & (COP__MBOX_PTR | COP__MBOX_PEND)))
            return false;
        /* release: a waker's acquire sees the saved context */
        if (cop__likely(atomic_compare_exchange_weak_explicit(&proc->mbox, &word,
                word | COP__MBOX_ANY, memory_order_release, memory_order_relaxed)))
            return true;
    }
}

/* What the process that was left wanted. It may run elsewhere as soon as it is parked or queued. */
static inline void cop__settle(struct cop__thr *self, struct cop__proc *proc)
{
    if (self->act == COP__ACT_IDLE)
        cop__give_stack_back(self->sched, proc);
    else if (cop__unlikely(self->act != COP__ACT_WAIT_ANY)) {
        cop__settle_slow(self, proc);
        return;
    }
    if (cop__unlikely(!cop__park_any(proc)))
        cop__queue_last(self, proc);
}

/* First thing on a process's stack, and after each switch back to it. */
static inline __attribute__((always_inline)) struct cop__thr *cop__arrived(
    struct cop__arrival arrival)
{
    struct cop__thr *self = arrival.self;

#if COP__ASAN
    struct cop__stack *stack = self->current->stack;
    struct cop__fiber from;

    __sanitizer_finish_switch_fiber(stack->fiber.fake_stack, &from.bottom, &from.size);
    stack->fiber.fake_stack = NULL;
    if (!arrival.left) { /* from the base: only so are its bounds known */
        self->fiber.bottom = from.bottom;
        self->fiber.size = from.size;
    }
#endif
    if (arrival.left)
        cop__settle(self, arrival.left);
    return self;
}

/* The next process, if finding it takes no look beyond this scheduler and nothing else is due. */
static inline struct cop__proc *cop__next_at_hand(struct cop__sched *sched)
{
    struct cop__proc *proc;

    if (cop__unlikely(
            (cop__load(sched->turns) + 1) % COP__LOOK_EVERY == 0 || cop__load(cop__urgent)))
        return NULL;
    proc = cop__lifo_take(sched);
    return cop__likely(proc != NULL) ? proc : cop__ring_take(sched);
}

/* cop__switch_out (proc.h), in line. */
static inline __attribute__((always_inline)) struct cop__thr *cop__switch_out_here(
    struct cop__thr *self, enum cop__act act)
{
    struct cop__proc *proc = self->current, *next = NULL;
    void *to_sp = self->base_sp;

    self->act = act;
    if (act <= COP__ACT_STRAIGHT_LAST && !(COP__TSAN && act >= COP__ACT_IDLE))
        next = cop__next_at_hand(self->sched);
    if (cop__likely(next != NULL)) {
        cop__end(self, proc);
        cop__begin(self, next);
        to_sp = next->sp;
    }
#if COP__ASAN
    cop__before_switch(
        &proc->stack->fiber, next ? &next->stack->fiber : &self->fiber, cop__abandons(act));
#elif COP__TSAN
    if (!next && cop__abandons(act))
        longjmp(proc->stack->fiber.entry, 1);
    __tsan_switch_to_fiber(next ? next->stack->fiber.fiber : self->fiber.fiber, 0);
#endif
    return cop__arrived(cop__switch(&proc->sp, to_sp, self, proc));
}

#endif
