/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a thread's record that all layers need: whether it is inside the runtime, and where
 * it builds terms. struct cop__thr of the process layer begins with this one.
 *
 * enter/leave bracket every part of the runtime that changes shared or thread-owned structures:
 * `rt` is odd between them. Two plain stores; the monitor that may take the scheduler away pays
 * for the fence (membarrier). */
#ifndef COP_BASE_THREAD_H
#define COP_BASE_THREAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"

struct cop__blocks; /* caches of small blocks, base/block.h */

struct cop__thread {
    _Atomic(uint32_t) rt;       /* own writes only; odd: inside the runtime */
    _Atomic(uint32_t) claim;    /* not 0: somebody wants this thread to look (proc/handoff.h) */
    struct cop__heap *heap;     /* heap of the running process, else the thread's own */
    struct cop__blocks *blocks; /* caches of the scheduler this thread holds, NULL without one */
};

/* Room for the record of the process layer, which begins with struct cop__thread. */
enum { COP__THREAD_RECORD_MAX = 512 };

/* The only thread-local of the library. Named in asm, hence `used` and not static. */
extern __attribute__((visibility("hidden"),
    tls_model("initial-exec"))) _Thread_local struct cop__thread *cop__thread_current;

struct cop__thread *cop__thread_new_foreign(void); /* record for a thread that is no scheduler's */

/* The record of the thread that runs now, for one that is known to have it (inside the runtime). A
 * process may be on another thread after each switch, so the read must not be merged with an
 * earlier one: asm volatile. */
static inline struct cop__thread *cop__own_thread(void)
{
    struct cop__thread *self;
#if defined(__x86_64__)
    __asm__ volatile("movq cop__thread_current@gottpoff(%%rip), %0\n\tmovq %%fs:(%0), %0"
                     : "=r"(self)
                     :
                     : "memory");
#elif defined(__aarch64__)
    uint64_t offset; /* a compiler would keep tpidr_el0 in a register over the switch */

    __asm__ volatile("mrs %0, tpidr_el0\n\t"
                     "adrp %1, :gottprel:cop__thread_current\n\t"
                     "ldr %1, [%1, :gottprel_lo12:cop__thread_current]\n\t"
                     "ldr %0, [%0, %1]"
                     : "=&r"(self), "=&r"(offset)
                     :
                     : "memory");
#else
    __asm__ volatile("" ::: "memory");
    self = cop__thread_current;
    __asm__ volatile("" : "+r"(self)::"memory");
#endif
    return self;
}

/* The same for any thread, which gets a record when it has none. */
static inline struct cop__thread *cop__self_thread(void)
{
    struct cop__thread *self = cop__own_thread();

    return __builtin_expect(!self, 0) ? cop__thread_new_foreign() : self;
}

/* Set by the process layer; gives the thread the record of which may differ from `self`. */
extern struct cop__thread *(*cop__enter_slow)(struct cop__thread *self);

/* A torture build (-DCOP__TORTURE=1) checks that enter and leave alternate and that only the
 * runtime uses what belongs to the scheduler, and stops for a moment at the steps of protocols, so
 * that what rarely meets meets often. */
#ifndef COP__TORTURE
#define COP__TORTURE 0
#endif
#if COP__TORTURE
void cop__torture_parity(struct cop__thread *self, uint32_t expected);
void cop__torture_step(void);
#else
#define cop__torture_parity(SELF, EXPECTED) ((void)0)
#define cop__torture_step()                 ((void)0)
#endif

static inline struct cop__thread *cop__enter(void)
{
    struct cop__thread *self = cop__self_thread();

    cop__torture_parity(self, 0);
    /* pairs with the membarrier of the monitor's claim */
    atomic_store_explicit(
        &self->rt, atomic_load_explicit(&self->rt, memory_order_relaxed) + 1, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    cop__torture_step();
    if (__builtin_expect(atomic_load_explicit(&self->claim, memory_order_relaxed) != 0, 0))
        self = cop__enter_slow(self);
    return self;
}

static inline void cop__leave(void)
{
    struct cop__thread *self = cop__own_thread(); /* re-read: we may have moved inside */

    cop__torture_parity(self, 1);
    cop__torture_step();
    atomic_signal_fence(memory_order_seq_cst);
    /* release: our writes to the scheduler come before a new owner's reads */
    atomic_store_explicit(
        &self->rt, atomic_load_explicit(&self->rt, memory_order_relaxed) + 1, memory_order_release);
}

/* For what both user code and the runtime call: enters only from user code, and says whether. */
static inline bool cop__enter_unless_inside(void)
{
    if (atomic_load_explicit(&cop__self_thread()->rt, memory_order_relaxed) & 1)
        return false;
    cop__enter();
    return true;
}

static inline struct cop__heap *cop__turn_heap(void)
{
    return cop__self_thread()->heap;
}

#endif
