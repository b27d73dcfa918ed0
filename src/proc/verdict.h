/* SPDX-License-Identifier: Apache-2.0 */
/* May a process be ended where it is now? Read in signal handlers. The rules F1 to F11 are those of
 * docs/guide/fault-tolerance.md; docs/adr/0013 says why they are as they are. */
#ifndef COP_PROC_VERDICT_H
#define COP_PROC_VERDICT_H

#include "proc/types.h"

/* What happened to it. */
enum cop__event {
    COP__EVENT_FAULT,  /* the instruction cannot go on */
    COP__EVENT_RAISED, /* abort, or raise with one of the signals of a fault */
    COP__EVENT_YELLOW, /* it ran into a guard that can be opened */
    COP__EVENT_KILL    /* somebody wants it to end; it could go on */
};

enum cop__verdict {
    COP__VERDICT_CONTAIN,   /* here and now */
    COP__VERDICT_ON_RETURN, /* as soon as the C library returns to the program */
    COP__VERDICT_STOP       /* never: the node stops, or a kill waits */
};

struct cop__judged {
    enum cop__verdict verdict;
    int rule;               /* n of Fn */
    uintptr_t *return_slot; /* ON_RETURN: where the library finds its way back; NULL: a register */
    uintptr_t return_to;    /* what is there */
    uint32_t count;         /* frames, innermost first */
    uintptr_t pcs[COP__FAULT_FRAMES];
};

/* Learn where the functions are that the rules name. Takes locks. */
void cop__verdict_start(void);

/* `address` is what the instruction wanted to reach. Async-signal-safe. */
void cop__judge(struct cop__judged *ret, const struct cop__stack *stack, const void *ucontext,
    enum cop__event event, uintptr_t address);

/* The same walk without a verdict, of any stack, for reports. */
uint32_t cop__fault_walk(uintptr_t *ret_pcs, uint32_t max, const void *ucontext, uintptr_t stack_lo,
    uintptr_t stack_hi, const struct cop__stack *stack);

#endif
