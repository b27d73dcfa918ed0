/* SPDX-License-Identifier: Apache-2.0 */
/* Who called whom on a stack of ours: frame by frame, by the unwind tables (.eh_frame) of the code
 * that is loaded.
 *
 * The C library's own way needs libgcc_s, which the core does not link; it believes the stack; and
 * it reads any memory. This one is told which memory is stack, reads nothing else but tables, takes
 * no lock and no memory, and so may look at a stack in ruins from a signal handler. Layer 0. */
#ifndef COP_BASE_UNWIND_H
#define COP_BASE_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* Registers have DWARF's numbers. */
#if defined(__x86_64__)
enum { COP__REG_FP = 6, COP__REG_SP = 7, COP__REG_RA = 16, COP__REGS = 17 };
#elif defined(__aarch64__)
enum { COP__REG_FP = 29, COP__REG_RA = 30, COP__REG_SP = 31, COP__REGS = 32 };
#else
enum { COP__REG_FP, COP__REG_SP, COP__REG_RA, COP__REGS };
#endif

/* A place on a stack: an instruction and the registers there. On aarch64 the register RA is x30,
 * which is known only above the first call. */
struct cop__frame {
    uintptr_t pc;
    bool is_call;   /* pc is where a call will return to; the call is before it */
    uint32_t known; /* bit r: reg[r] holds what the register held */
    uintptr_t reg[COP__REGS];
    uintptr_t stack_lo, stack_hi; /* the memory that may be read */
    /* after cop__unwind_step found it: the function that pc lies in */
    uintptr_t function, function_end; /* 0: no table knows it */
    /* after a step: where the address that was returned to lies; 0: in a register, or signed */
    uintptr_t return_slot;
};

enum cop__unwind {
    COP__UNWIND_CALLER, /* the frame is now its caller's */
    COP__UNWIND_END,    /* it has none: the first frame of a process or thread */
    COP__UNWIND_LOST    /* no table, or a stack that makes no sense: the frame is as it was */
};

/* Fill in function and function_end. False: no table knows pc. Async-signal-safe. */
bool cop__unwind_look(struct cop__frame *frame);

/* Go to the caller. Stack pointers only rise, so a walk ends. Async-signal-safe. */
enum cop__unwind cop__unwind_step(struct cop__frame *frame);

/* A word of the stack. False: it lies elsewhere. Async-signal-safe. */
bool cop__frame_read(uint64_t *ret_word, const struct cop__frame *frame, uint64_t address);

/* A frame is made from what a signal handler is given, ... */
void cop__unwind_signal(
    struct cop__frame *frame, const void *ucontext, uintptr_t stack_lo, uintptr_t stack_hi);

/* ... from a stack pointer and the two registers that cop__switch saves, ... */
static inline void cop__unwind_saved(struct cop__frame *frame, uintptr_t pc, uintptr_t fp,
    uintptr_t sp, uintptr_t stack_lo, uintptr_t stack_hi)
{
    frame->pc = pc;
    frame->is_call = false;
    frame->reg[COP__REG_FP] = fp;
    frame->reg[COP__REG_SP] = sp;
    frame->known = 1u << COP__REG_FP | 1u << COP__REG_SP;
    frame->stack_lo = stack_lo;
    frame->stack_hi = stack_hi;
}

/* ... or here: the frame of the function this stands in. */
#if defined(__x86_64__)
#define COP__UNWIND_HERE(FRAME, STACK_LO, STACK_HI)                                       \
    do {                                                                                  \
        struct cop__frame *here_ = (FRAME);                                               \
        __asm__ volatile("leaq 0(%%rip), %%rax\n\tmovq %%rax, %0\n\tmovq %%rsp, %1\n\t"   \
                         "movq %%rbp, %2\n\tmovq %%rbx, %3\n\tmovq %%r12, %4\n\t"         \
                         "movq %%r13, %5\n\tmovq %%r14, %6\n\tmovq %%r15, %7"             \
                         : "=m"(here_->pc), "=m"(here_->reg[7]), "=m"(here_->reg[6]),     \
                         "=m"(here_->reg[3]), "=m"(here_->reg[12]), "=m"(here_->reg[13]), \
                         "=m"(here_->reg[14]), "=m"(here_->reg[15])::"rax");              \
        here_->is_call = false;                                                           \
        here_->known = 1u << 7 | 1u << 6 | 1u << 3 | 0xfu << 12;                          \
        here_->stack_lo = (STACK_LO);                                                     \
        here_->stack_hi = (STACK_HI);                                                     \
    } while (0)
#elif defined(__aarch64__)
#define COP__UNWIND_HERE(FRAME, STACK_LO, STACK_HI)                                 \
    do {                                                                            \
        struct cop__frame *here_ = (FRAME);                                         \
        uintptr_t *reg_ = here_->reg;                                               \
        __asm__ volatile("adr x9, .\n\tstr x9, [%0]\n\t"                            \
                         "stp x19, x20, [%1, #152]\n\tstp x21, x22, [%1, #168]\n\t" \
                         "stp x23, x24, [%1, #184]\n\tstp x25, x26, [%1, #200]\n\t" \
                         "stp x27, x28, [%1, #216]\n\tstp x29, x30, [%1, #232]\n\t" \
                         "mov x9, sp\n\tstr x9, [%1, #248]"                         \
                         :                                                          \
                         : "r"(&here_->pc), "r"(reg_)                               \
                         : "x9", "memory");                                         \
        here_->is_call = false;                                                     \
        here_->known = 0xfff80000u;                                                 \
        here_->stack_lo = (STACK_LO);                                               \
        here_->stack_hi = (STACK_HI);                                               \
    } while (0)
#else
#define COP__UNWIND_HERE(FRAME, STACK_LO, STACK_HI) \
    (*(FRAME) = (struct cop__frame){ .stack_lo = (STACK_LO), .stack_hi = (STACK_HI) })
#endif

#endif
