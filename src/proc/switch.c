/* SPDX-License-Identifier: Apache-2.0 */
/* First contexts, and a switch of ucontext for machines without one of ours (or with
 * -DCOP_SWITCH_UCONTEXT, which keeps that path tested): about a hundred times slower. */
#include "proc/switch.h"

#include <stddef.h>

#if !defined(COP_SWITCH_UCONTEXT)

extern void cop__switch_entry(void);

/* frame pointer, address, then what cop__switch_entry takes. On x86-64 the stack pointer is a
 * multiple of 16 before its call. */
void *cop__switch_prepare(void *top, void (*entry)(void *arg), void *arg)
{
    uintptr_t *frame = (uintptr_t *)((uintptr_t)top & ~(uintptr_t)15) - 6;

    frame[0] = 0;
    frame[1] = (uintptr_t)cop__switch_entry;
    frame[2] = (uintptr_t)entry;
    frame[3] = (uintptr_t)arg;
    frame[4] = frame[5] = 0;
    return frame;
}

#else

#include <ucontext.h>

/* The context lies on its own stack; the pointer to it plays the stack pointer. */
void cop__switch(void **save_sp, void *load_sp)
{
    ucontext_t here;

    *save_sp = &here;
    swapcontext(&here, load_sp);
}

static void enter(unsigned entry_hi, unsigned entry_lo, unsigned arg_hi, unsigned arg_lo)
{
    void (*entry)(void *) = (void (*)(void *))((uintptr_t)entry_hi << 32 | entry_lo);

    entry((void *)((uintptr_t)arg_hi << 32 | arg_lo));
}

void *cop__switch_prepare(void *top, void (*entry)(void *arg), void *arg)
{
    uintptr_t at = ((uintptr_t)top - sizeof(ucontext_t)) & ~(uintptr_t)63;
    ucontext_t *context = (ucontext_t *)at;
    uintptr_t fn = (uintptr_t)entry, value = (uintptr_t)arg;

    getcontext(context);
    context->uc_stack.ss_sp = (void *)(at - 64 * 1024);
    context->uc_stack.ss_size = 64 * 1024;
    context->uc_link = NULL;
    makecontext(context, (void (*)(void))enter, 4, (unsigned)(fn >> 32), (unsigned)fn,
        (unsigned)(value >> 32), (unsigned)value);
    return context;
}

#endif
