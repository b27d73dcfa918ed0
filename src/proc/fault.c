/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers: what a fault, or a kill, does to the thread that it hits.
 *
 * Nothing is saved beforehand, so nothing is paid while all goes well. A handler that may end the
 * process edits the context it returns to: the thread goes on at its base, in `run`, as if the
 * process had switched to it. Where only the C library is in the way, the handler puts the
 * trampoline in the place of the address that the library will return to, and lets it finish.
 *
 * Between the handler and the base the thread is inside the runtime (`rt` is odd), so nobody takes
 * the scheduler away; whether somebody was about to is asked at the base (cop__fault_landed). */
#include "proc/fault.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/text.h"
#include "proc/guard.h"
#include "proc/long_schedule.h"
#include "proc/proc.h"
#include "proc/switch.h"
#include "proc/verdict.h"

enum { SIGNAL_STACK_SIZE = 64 * 1024 };

static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT };
enum { SIGNALS = sizeof signals / sizeof signals[0] };

static struct sigaction before[SIGNALS], before_look;
static enum cop_on_fault policy = COP_ON_FAULT_OFF;

enum cop_on_fault cop__on_fault(void)
{
    return policy;
}

int cop__look_signal(void)
{
    return SIGRTMAX - 2; /* qemu-user has none above */
}

void cop__look_at(const struct cop__thr *thr)
{
    if (policy != COP_ON_FAULT_OFF && cop__load(thr->tid))
        syscall(SYS_tgkill, getpid(), cop__load(thr->tid), cop__look_signal());
}

/* --- Contexts ------------------------------------------------------------------------------------
 */

static uintptr_t stack_pointer(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    return context->uc_mcontext.sp;
#else
    (void)context;
    return 0;
#endif
}

/* Where the base was left (switch.h): its frame pointer, and where it goes on, with the thread and
 * the process that comes from it in the first two registers. */
static void go_on_at_base(ucontext_t *context, struct cop__thr *self, struct cop__proc *left)
{
    const uintptr_t *saved = self->base_sp;

#if defined(__x86_64__)
    greg_t *reg = context->uc_mcontext.gregs;
    enum { DIRECTION = 0x400, ALIGNMENT_CHECK = 0x40000 };

    reg[REG_RBP] = (greg_t)saved[0];
    reg[REG_RIP] = (greg_t)saved[1];
    reg[REG_RSP] = (greg_t)(saved + 2);
    reg[REG_RDI] = (greg_t)(uintptr_t)self;
    reg[REG_RSI] = (greg_t)(uintptr_t)left;
    reg[REG_EFL] &= ~(greg_t)(DIRECTION | ALIGNMENT_CHECK);
#elif defined(__aarch64__)
    mcontext_t *machine = &context->uc_mcontext;

    machine->regs[29] = saved[0];
    machine->pc = saved[1];
    machine->sp = (uintptr_t)(saved + 2);
    machine->regs[0] = (uintptr_t)self;
    machine->regs[1] = (uintptr_t)left;
    machine->pstate &= ~(uint64_t)0xc00; /* no branch target is expected */
#else
    (void)context, (void)self, (void)left, (void)saved;
#endif
}

/* The C library will return to the trampoline. False: it cannot be told so. */
static bool redirect_return(const struct cop__judged *judged, ucontext_t *context)
{
    if (judged->return_slot) {
        *judged->return_slot = (uintptr_t)cop__fault_trampoline;
        return true;
    }
#if defined(__aarch64__)
    if (context->uc_mcontext.regs[30] == judged->return_to) { /* a leaf, which has not saved it */
        context->uc_mcontext.regs[30] = (uintptr_t)cop__fault_trampoline;
        return true;
    }
#endif
    (void)context;
    return false;
}

bool cop__fault_end(struct cop__thr *self, const struct cop__judged *judged, void *ucontext)
{
    struct cop__proc *proc = self->current;
    struct cop__fault *fault = &proc->stack->fault;

    if (judged->verdict == COP__VERDICT_ON_RETURN && !redirect_return(judged, ucontext))
        return false;
    fault->rule = (uint8_t)judged->rule;
    fault->count = judged->count;
    memcpy(fault->pcs, judged->pcs, judged->count * sizeof judged->pcs[0]);
    if (judged->verdict == COP__VERDICT_ON_RETURN) {
        fault->return_to = judged->return_to;
        return true;
    }
    cop__store(self->base.rt, cop__load(self->base.rt) + 1);
    self->act = COP__ACT_FAULT;
    go_on_at_base(ucontext, self, proc);
    return true;
}

/* --- Handlers ------------------------------------------------------------------------------------
 */

/* The process that this thread runs, in its own code on its own stack; NULL. */
static struct cop__proc *interrupted(const struct cop__thr *self, const void *ucontext)
{
    struct cop__proc *proc;
    uintptr_t sp;

    if (!self || !self->signal_stack || cop__load(self->base.rt) & 1)
        return NULL;
    proc = self->current;
    if (!proc || !proc->stack)
        return NULL;
    sp = stack_pointer(ucontext);
    return sp >= (uintptr_t)cop__stack_slot(proc->stack) && sp <= (uintptr_t)proc->stack->top
               ? proc
               : NULL;
}

static enum cop__event event_of(
    const struct cop__proc *proc, const siginfo_t *info, uintptr_t address)
{
    if (info->si_code <= 0)
        return COP__EVENT_RAISED;
    if (info->si_signo == SIGSEGV && !proc->stack->yellow_open &&
        cop__guard_hit(cop__stack_slot(proc->stack), address) == COP__GUARD_YELLOW)
        return COP__EVENT_YELLOW;
    return COP__EVENT_FAULT;
}

/* What is answered in place of a rule where the process ends and the node goes on. */
enum { CONTAINED = -1, FROM_OUTSIDE = 0, NOT_IN_A_PROCESS = 1, IS_UNSAFE = 2, NO_WAY_BACK = 10 };

static int contain(struct cop__thr *self, struct cop__proc *proc, const siginfo_t *info,
    uintptr_t address, void *ucontext)
{
    struct cop__stack *stack = proc->stack;
    struct cop__judged judged;
    enum cop__event event = event_of(proc, info, address);

    if (cop__load(stack->unsafe))
        return IS_UNSAFE;
    cop__judge(&judged, stack, ucontext, event, address);
    if (judged.verdict == COP__VERDICT_STOP)
        return judged.rule;
    if (judged.verdict == COP__VERDICT_ON_RETURN) {
        stack->yellow_open = cop__guard_open(cop__stack_slot(stack), stack->guard);
        if (!stack->yellow_open)
            return NO_WAY_BACK;
    }
    if (!cop__fault_end(self, &judged, ucontext))
        return NO_WAY_BACK;
    stack->fault.signal = info->si_signo;
    stack->fault.event = (uint8_t)event;
    stack->fault.address = address;
    return CONTAINED;
}

static int rule_for(struct cop__thr *self, const siginfo_t *info, uintptr_t address, void *ucontext)
{
    struct cop__proc *proc = interrupted(self, ucontext);

    if (info->si_code <= 0 && info->si_pid != getpid())
        return FROM_OUTSIDE;
    if (!proc)
        return NOT_IN_A_PROCESS;
    if (policy != COP_ON_FAULT_CONTAIN)
        return FROM_OUTSIDE; /* as it was wished */
    return contain(self, proc, info, address, ucontext);
}

/* The signal does what it did before us: returning makes the instruction fault again, and what was
 * raised is raised again by who did, or here. */
static void let_it_be(int signal, const siginfo_t *info)
{
    struct sigaction action = { .sa_handler = SIG_DFL };

    for (int i = 0; i < SIGNALS; i++)
        if (signals[i] == signal && policy == COP_ON_FAULT_OFF)
            action = before[i];
    sigaction(signal, &action, NULL);
    if (info->si_code <= 0)
        raise(signal);
}

static void on_fault(int signal, siginfo_t *info, void *ucontext)
{
    struct cop__thr *self = (struct cop__thr *)cop__own_thread();
    uintptr_t address = info->si_code > 0 ? (uintptr_t)info->si_addr : 0;
    int saved = errno, rule;

    if (self && atomic_fetch_add(&self->in_fault, 1) > 0) {
        let_it_be(signal, info); /* the handler itself, or its report */
        return;
    }
    rule = rule_for(self, info, address, ucontext);
    if (rule == CONTAINED) {
        cop__store(self->in_fault, 0);
    } else {
        cop__fault_report(self, signal, address, rule, ucontext);
        let_it_be(signal, info);
    }
    errno = saved;
}

static void on_look(int signal, siginfo_t *info, void *ucontext)
{
    struct cop__thr *self = (struct cop__thr *)cop__own_thread();
    struct cop__proc *proc = interrupted(self, ucontext);
    struct cop__judged judged;
    int saved = errno;

    (void)signal, (void)info;
    if (cop__fault_report_wanted()) {
        cop__fault_report_thread(ucontext);
    } else if (cop__long_sample(self, proc, ucontext)) {
        /* it will be asked again, if it is to end as well */
    } else if (proc && !cop__load(self->in_fault) && !cop__load(proc->stack->unsafe) &&
               cop__kill_pending(proc)) {
        cop__judge(&judged, proc->stack, ucontext, COP__EVENT_KILL, 0);
        if (judged.verdict != COP__VERDICT_STOP && cop__fault_end(self, &judged, ucontext)) {
            proc->stack->fault.signal = 0;
            proc->stack->fault.event = COP__EVENT_KILL;
        }
    }
    errno = saved;
}

/* --- Start and stop ------------------------------------------------------------------------------
 */

static enum cop_on_fault policy_by_environment(void)
{
    const char *wanted = getenv("COPPICE_ON_FAULT");

    return wanted && strcmp(wanted, "off") == 0    ? COP_ON_FAULT_OFF
           : wanted && strcmp(wanted, "stop") == 0 ? COP_ON_FAULT_STOP
                                                   : COP_ON_FAULT_CONTAIN;
}

static enum cop_on_fault policy_for(enum cop_on_fault wanted)
{
#if COP__ASAN || COP__TSAN || defined(COP_SWITCH_UCONTEXT)
    return COP_ON_FAULT_OFF; /* sanitizers want to see every fault themselves */
#endif
    if (cop__text_is_static()) /* whose code an address is cannot be told */
        return COP_ON_FAULT_OFF;
    return wanted == COP_ON_FAULT_DEFAULT ? policy_by_environment() : wanted;
}

void cop__faults_start(enum cop_on_fault wanted)
{
    struct sigaction action = { .sa_sigaction = on_fault,
        .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

    policy = policy_for(wanted);
    if (policy == COP_ON_FAULT_OFF)
        return;
    cop__verdict_start();
    cop__kills_start();
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, cop__look_signal());
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &action, &before[i]);
    action.sa_sigaction = on_look;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK; /* without SA_RESTART: who waits comes back */
    sigaction(cop__look_signal(), &action, &before_look);
}

void cop__faults_stop(void)
{
    if (policy == COP_ON_FAULT_OFF)
        return;
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &before[i], NULL);
    sigaction(cop__look_signal(), &before_look, NULL);
    policy = COP_ON_FAULT_OFF;
}

/* A fault whose signal is blocked is not asked about: the system ends the program. */
static void unblock_signals(void)
{
    sigset_t faults;

    sigemptyset(&faults);
    sigaddset(&faults, cop__look_signal());
    for (int i = 0; i < SIGNALS; i++)
        sigaddset(&faults, signals[i]);
    pthread_sigmask(SIG_UNBLOCK, &faults, NULL);
}

/* Without a signal stack, its faults are not contained: an overflow has nowhere to be handled. */
void cop__faults_thread_start(struct cop__thr *self)
{
    size_t size = SIGNAL_STACK_SIZE;
    stack_t stack;

    cop__store(self->in_fault, 0);
    cop__store(self->tid, (pid_t)syscall(SYS_gettid));
    if (policy == COP_ON_FAULT_OFF)
        return;
#if defined(_SC_SIGSTKSZ)
    if (sysconf(_SC_SIGSTKSZ) > 0)
        size += (size_t)sysconf(_SC_SIGSTKSZ); /* the registers of large machines */
#endif
    stack = (stack_t){
        .ss_sp = mmap(
            NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0),
        .ss_size = size,
    };
    if (stack.ss_sp == MAP_FAILED)
        return;
    if (sigaltstack(&stack, NULL) != 0) {
        munmap(stack.ss_sp, size);
        return;
    }
    self->signal_stack_size = size;
    self->signal_stack = stack.ss_sp;
    unblock_signals();
}

void cop__faults_thread_stop(struct cop__thr *self)
{
    stack_t none = { .ss_flags = SS_DISABLE };

    cop__store(self->tid, 0);
    if (!self->signal_stack)
        return;
    sigaltstack(&none, NULL);
    munmap(self->signal_stack, self->signal_stack_size);
    self->signal_stack = NULL;
}
