/* SPDX-License-Identifier: Apache-2.0 */
/* From the base of a thread, to which a handler has brought it, to the end of the process.
 *
 * The process is begun anew at the top of its own stack, where it takes its exit as any other does:
 * what it owns is released, who waits for it hears of it. Of what was on the stack nothing is used;
 * what was on the heap of its turn stays until it is gone. */
#include <coppice/fault.h>

#include <signal.h>
#include <stdio.h>

#include "base/text.h"
#include "proc/activation.h"
#include "proc/backtrace.h"
#include "proc/fault.h"
#include "proc/handoff.h"
#include "proc/verdict.h"
#include "term/atoms.h"

/* --- On the base ---------------------------------------------------------------------------------
 */

/* What the code may have left: exceptions unmasked, another rounding, a full x87 stack. */
static void reset_floating_point(void)
{
#if defined(__x86_64__)
    static const uint32_t usual = 0x1f80;

    __asm__ volatile("fninit\n\tldmxcsr %0" ::"m"(usual));
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, xzr");
#endif
}

bool cop__fault_landed(struct cop__thr *self, struct cop__proc *proc)
{
    reset_floating_point();
    proc->sp = NULL;
    cop__store(proc->flags, cop__load(proc->flags) | COP__P_FAULTED);
    if (cop__entered_at_base(self))
        return true;
    cop__thread_detached(self, proc);
    return false;
}

/* On the stack of the process, which may have little left: it only goes to the base. */
void cop__fault_returned(void)
{
    struct cop__thr *self;

    cop_blocking_end(); /* it may have been in such a section */
    self = (struct cop__thr *)cop__enter();
    cop__store(self->current->flags, cop__load(self->current->flags) | COP__P_FAULTED);
    cop__switch_out(self, COP__ACT_RESTART);
    __builtin_unreachable();
}

/* --- The reason ----------------------------------------------------------------------------------
 */

static cop_term name_of(int signal)
{
    static const struct {
        int signal;
        const char *name;
    } names[] = { { SIGSEGV, "sigsegv" }, { SIGBUS, "sigbus" }, { SIGFPE, "sigfpe" },
        { SIGILL, "sigill" }, { SIGTRAP, "sigtrap" }, { SIGABRT, "sigabrt" } };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].signal == signal)
            return cop_from_atom(cop_atom_new(names[i].name));
    return cop_int(signal);
}

/* {fault, Signal, Address, Frames}. An overflow has the address of the guard it ran into. */
static cop_term reason_of(const struct cop__fault *fault)
{
    cop_term items[4] = { cop__atom(COP__ATOM_fault), name_of(fault->signal),
        cop_uint(fault->address), cop__backtrace_of(fault->pcs, fault->count) };

    return cop_tuple_from(items, 4);
}

static void report(struct cop__proc *proc, cop_term reason)
{
    cop__leave();
    if (cop__load(proc->flags) & COP__P_PROC_LIB) {
        if (cop__report_crash)
            cop__report_crash(COP_CLASS_EXIT, reason, cop__nil());
    } else if (cop__report_process_error) {
        cop__report_process_error(cop__pid_of(cop__id_of(proc)), reason);
    }
    cop__enter();
}

/* --- On its stack, begun anew --------------------------------------------------------------------
 */

/* It was killed: the exit signal that says so is in its mailbox. */
static COP_NORETURN void end_killed(struct cop__thr *self, struct cop__proc *proc)
{
    cop__fetch(self, proc);
    self = cop__obey(self, proc);
    cop__exit_process(self, proc, cop__atom(COP__ATOM_killed)); /* what it was told by no signal */
}

void cop__fault_main(struct cop__thr *self, struct cop__proc *proc)
{
    struct cop__stack *stack = proc->stack;
    uint32_t flags = cop__load(proc->flags) & ~(uint32_t)COP__P_FAULTED;

    if (stack->yellow_open)
        stack->yellow_open = !cop__guard_close(cop__stack_slot(stack), stack->guard);
    cop__store(proc->flags, flags | COP__P_FAULT_TOLD);
    if (flags & (COP__P_EXITING | COP__P_FAULT_TOLD)) {
        /* in a defer, or a report: that one is dropped, and the exit goes on */
        cop__fetch(self, proc);
        cop__exit_process(self, proc, proc->ext->exit_reason);
    }
    if (stack->fault.event == COP__EVENT_KILL && stack->fault.signal == 0) {
        cop__store(proc->flags, flags);
        end_killed(self, proc);
    }
    cop__ext_of(proc)->exit_reason = cop__atom(COP__ATOM_fault); /* should what follows fault */
    proc->ext->exit_reason = reason_of(&stack->fault);
    report(proc, proc->ext->exit_reason);
    cop__exit_process(cop__self_thr(), proc, proc->ext->exit_reason);
}

/* --- What the program says of its code -----------------------------------------------------------
 */

void cop_unsafe_begin(void)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();

    if (self->current)
        cop__store(self->current->stack->unsafe, cop__load(self->current->stack->unsafe) + 1);
    cop__leave();
}

void cop_unsafe_end(void)
{
    struct cop__thr *self = (struct cop__thr *)cop__enter();
    struct cop__proc *proc = self->current;
    uint32_t depth = proc ? cop__load(proc->stack->unsafe) : 0;

    if (proc && !depth) {
        cop__leave();
        cop__badarg("unsafe_end");
    }
    if (depth)
        cop__store(proc->stack->unsafe, depth - 1);
    if (depth == 1 && cop__load(proc->mbox) & COP__MBOX_PEND) { /* a kill may have waited */
        cop__fetch(self, proc);
        self = cop__obey(self, proc);
    }
    cop__leave();
}

bool cop_trust_dso(const void *address)
{
    bool entered = cop__enter_unless_inside(), known = cop__text_trust(address);

    if (entered)
        cop__leave();
    return known;
}
