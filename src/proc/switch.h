/* SPDX-License-Identifier: Apache-2.0 */
/* The context switch. A context is a stack pointer; at it lie the frame pointer and the address to
 * go on at (the gdb script knows this). Every other register is the compiler's affair: the switch
 * tells it that all are lost, so it saves just those it needs.
 *
 * The hard idea is the return predictor. A called switch leaves an entry there that no ret takes,
 * and every ret of the resumed process then misses. In line, with a jump, one process's calls stand
 * where the other's are expected; a first context is jumped to as well, so a loop that begins and
 * ends an activation leaves the entries of whoever called it in place. What is left is the return
 * from a receive into the program, where two processes differ: see cop__receive_by_jump. mxcsr and
 * the x87 control word are not saved (40 ns): restore them before you block. */
#ifndef COP_PROC_SWITCH_H
#define COP_PROC_SWITCH_H

#include <stdint.h>

#if !defined(COP_SWITCH_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
#define COP_SWITCH_UCONTEXT
#endif

struct cop__thr;
struct cop__proc;

/* What comes over with a switch, in registers: the thread that goes on here, and the process it
 * left for that, which is to be settled. NULL: it comes from the base stack. */
struct cop__arrival {
    struct cop__thr *self;
    struct cop__proc *left;
};

typedef void cop__entry(struct cop__thr *self, struct cop__proc *left); /* never returns */

/* A context on a fresh stack (top 16-aligned) that begins with entry. */
void *cop__switch_prepare(void *top, cop__entry *entry);

/* Save what the caller needs on this stack and its pointer in *save_sp; go on at load_sp, which is
 * told self and left. It pushes, so the library is compiled without a red zone. */
#if defined(COP_SWITCH_UCONTEXT)

struct cop__arrival cop__switch(
    void **save_sp, void *load_sp, struct cop__thr *self, struct cop__proc *left);

#elif defined(__x86_64__)

static inline __attribute__((always_inline)) struct cop__arrival cop__switch(
    void **save_sp, void *load_sp, struct cop__thr *self, struct cop__proc *left)
{
    __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "pushq %%rbp\n\t"
                     "movq %%rsp, (%2)\n\t"
                     "movq %3, %%rsp\n\t"
                     "popq %%rbp\n\t"
                     "popq %%rax\n\t"
                     "jmpq *%%rax\n"
                     "1:"
                     : "+D"(self), "+S"(left), "+c"(save_sp), "+d"(load_sp)
                     :
                     : "rax", "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0",
                     "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                     "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc", "memory");
    return (struct cop__arrival){ self, left };
}

#else

static inline __attribute__((always_inline)) struct cop__arrival cop__switch(
    void **save_sp, void *load_sp, struct cop__thr *self, struct cop__proc *left)
{
    register struct cop__thr *thr __asm__("x0") = self;
    register struct cop__proc *proc __asm__("x1") = left;
    register void **save __asm__("x2") = save_sp;
    register void *load __asm__("x3") = load_sp;

    __asm__ volatile("adr x9, 1f\n\t"
                     "stp x29, x9, [sp, #-16]!\n\t"
                     "mov x10, sp\n\t"
                     "str x10, [x2]\n\t"
                     "mov sp, x3\n\t"
                     "ldp x29, x9, [sp], #16\n\t"
                     "br x9\n"
                     "1:"
                     : "+r"(thr), "+r"(proc), "+r"(save), "+r"(load)
                     :
                     : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
                     "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26",
                     "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8",
                     "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19",
                     "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30",
                     "v31", "cc", "memory");
    return (struct cop__arrival){ thr, proc };
}

#endif

#endif
