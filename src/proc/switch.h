/* SPDX-License-Identifier: Apache-2.0 */
/* The context switch. A context is a stack pointer; at it lie the frame pointer and the address to
 * go on at (the gdb script knows this). Every other register is the compiler's affair: the switch
 * tells it that all are lost, so it saves just those it needs.
 *
 * The hard idea is the return predictor. A called switch leaves an entry there that no ret takes,
 * and every ret of the resumed process then misses. In line, with a jump, one process's calls stand
 * where the other's are expected, and between two that wait in the same place all of them hit: 15
 * ns a message. mxcsr and the x87 control word are not saved (40 ns): restore them before you
 * block. */
#ifndef COP_PROC_SWITCH_H
#define COP_PROC_SWITCH_H

#include <stdint.h>

#if !defined(COP_SWITCH_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
#define COP_SWITCH_UCONTEXT
#endif

/* A context on a fresh stack (top 16-aligned) that calls entry(arg), which never returns. */
void *cop__switch_prepare(void *top, void (*entry)(void *arg), void *arg);

/* Save what the caller needs on this stack and its pointer in *save_sp; go on at load_sp. */
#if defined(COP_SWITCH_UCONTEXT)

void cop__switch(void **save_sp, void *load_sp);

#elif defined(__x86_64__)

/* The 128 bytes are the red zone, where the compiler may keep things below the stack pointer. */
static inline __attribute__((always_inline)) void cop__switch(void **save_sp, void *load_sp)
{
    __asm__ volatile("leaq -128(%%rsp), %%rsp\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "pushq %%rbp\n\t"
                     "movq %%rsp, (%0)\n\t"
                     "movq %1, %%rsp\n\t"
                     "popq %%rbp\n\t"
                     "popq %%rax\n\t"
                     "jmpq *%%rax\n"
                     "1:\n\t"
                     "leaq 128(%%rsp), %%rsp"
                     : "+D"(save_sp), "+S"(load_sp)
                     :
                     : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                     "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                     "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc", "memory");
}

#else

static inline __attribute__((always_inline)) void cop__switch(void **save_sp, void *load_sp)
{
    register void **save __asm__("x0") = save_sp;
    register void *load __asm__("x1") = load_sp;

    __asm__ volatile("adr x9, 1f\n\t"
                     "stp x29, x9, [sp, #-16]!\n\t"
                     "mov x10, sp\n\t"
                     "str x10, [x0]\n\t"
                     "mov sp, x1\n\t"
                     "ldp x29, x9, [sp], #16\n\t"
                     "br x9\n"
                     "1:"
                     : "+r"(save), "+r"(load)
                     :
                     : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
                     "x14", "x15", "x16", "x17", "x19", "x20", "x21", "x22", "x23", "x24", "x25",
                     "x26", "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7",
                     "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18",
                     "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29",
                     "v30", "v31", "cc", "memory");
}

#endif

#endif
