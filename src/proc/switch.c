/* SPDX-License-Identifier: Apache-2.0 */
/* First contexts, and a switch of ucontext for machines without one of ours (or with
 * -DCOP_SWITCH_UCONTEXT, which keeps that path tested): about a hundred times slower. */
#include "proc/switch.h"

#include <stddef.h>

#if !defined(COP_SWITCH_UCONTEXT)

extern void cop__switch_entry(void), cop__switch_end(void);

/* Frame pointer, address, then what cop__switch_entry takes: the function, and the address that it
 * would return to. On x86-64 that one lies where a call of the function would have put it. */
void *cop__switch_prepare(void *top, cop__entry *entry)
{
    uintptr_t *frame = (uintptr_t *)((uintptr_t)top & ~(uintptr_t)15) - 4;

    frame[0] = 0;
    frame[1] = (uintptr_t)cop__switch_entry;
    frame[2] = (uintptr_t)entry;
    frame[3] = (uintptr_t)cop__switch_end;
    return frame;
}

#else

#include <ucontext.h>

/* A context lies on its own stack; the pointer to it plays the stack pointer. */
struct context {
    ucontext_t registers;
    struct cop__arrival arrival;
};

struct cop__arrival cop__switch(
    void **save_sp, void *load_sp, struct cop__thr *self, struct cop__proc *left)
{
    struct context here, *there = load_sp;

    *save_sp = &here;
    there->arrival = (struct cop__arrival){ self, left };
    swapcontext(&here.registers, &there->registers);
    return here.arrival;
}

static void enter(unsigned context_hi, unsigned context_lo, unsigned entry_hi, unsigned entry_lo)
{
    struct context *context = (struct context *)((uintptr_t)context_hi << 32 | context_lo);
    cop__entry *entry = (cop__entry *)((uintptr_t)entry_hi << 32 | entry_lo);

    entry(context->arrival.self, context->arrival.left);
}

void *cop__switch_prepare(void *top, cop__entry *entry)
{
    uintptr_t at = ((uintptr_t)top - sizeof(struct context)) & ~(uintptr_t)63;
    struct context *context = (struct context *)at;
    uintptr_t fn = (uintptr_t)entry;

    getcontext(&context->registers);
    context->registers.uc_stack.ss_sp = (void *)(at - 64 * 1024);
    context->registers.uc_stack.ss_size = 64 * 1024;
    context->registers.uc_link = NULL;
    makecontext(&context->registers, (void (*)(void))enter, 4, (unsigned)(at >> 32), (unsigned)at,
        (unsigned)(fn >> 32), (unsigned)fn);
    return context;
}

#endif
