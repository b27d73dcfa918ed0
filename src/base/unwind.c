/* SPDX-License-Identifier: Apache-2.0 */
/* From a frame to its caller's. Layer 0; unwind.h says what for.
 *
 * The hard idea: nothing on the stack is believed. A stack pointer has to rise within its bounds,
 * so a walk over garbage ends soon; what a register held is either known or not, and a frame that
 * would need one that is not known is lost. */
#include "base/unwind.h"

#include <string.h>
#include <ucontext.h>

#include "base/cfi.h"

/* The instruction whose row counts: of a caller, the call, which may be the last of its function.
 */
static uintptr_t looked_up(const struct cop__frame *frame)
{
    return frame->pc - frame->is_call;
}

static bool find(struct cop__cfi *cfi, struct cop__frame *frame)
{
    const struct cop__text *text = cop__text_of(looked_up(frame));

    frame->function = 0;
    frame->function_end = 0;
    if (!text || !cop__cfi_find(cfi, text, looked_up(frame)))
        return false;
    frame->function = cfi->begin;
    frame->function_end = cfi->end;
    return true;
}

bool cop__unwind_look(struct cop__frame *frame)
{
    struct cop__cfi cfi;

    return find(&cfi, frame);
}

/* Sanitizers would have a word to say on what lies between variables. */
__attribute__((no_sanitize("address", "thread"))) bool cop__frame_read(
    uint64_t *ret_word, const struct cop__frame *frame, uint64_t address)
{
    typedef uint64_t __attribute__((aligned(1), may_alias)) any_word;
    uint64_t last = frame->stack_hi - sizeof(*ret_word);

    if (last > frame->stack_hi || address < frame->stack_lo || address > last)
        return false;
    *ret_word = *(const volatile any_word *)(uintptr_t)address;
    return true;
}

static bool get(uint64_t *ret_value, const struct cop__frame *frame, uint64_t reg)
{
    if (reg >= COP__REGS || !(frame->known >> reg & 1))
        return false;
    *ret_value = frame->reg[reg];
    return true;
}

static bool find_cfa(
    uint64_t *ret_cfa, const struct cop__frame *frame, const struct cop__cfi_row *row)
{
    if (row->cfa_is_block)
        return cop__cfi_evaluate(ret_cfa, row->cfa_value, frame, NULL);
    if (!get(ret_cfa, frame, row->cfa_reg))
        return false;
    *ret_cfa += (uint64_t)row->cfa_value;
    return true;
}

/* Registers that a function leaves as they were, when its table says nothing of them. A leaf of
 * aarch64 leaves the return address too; one that has called has lost it. */
static bool is_kept(const struct cop__frame *frame, uint64_t reg)
{
#if defined(__x86_64__)
    (void)frame;
    return reg == 3 || reg == COP__REG_FP || reg >= 12;
#elif defined(__aarch64__)
    return (reg >= 19 && reg <= 29) || (reg == COP__REG_RA && !frame->is_call);
#else
    (void)frame;
    (void)reg;
    return false;
#endif
}

/* What the caller had in a register. False: that is not known. */
static bool find_register(uint64_t *ret_value, const struct cop__frame *frame,
    const struct cop__cfi_rule *rule, uint64_t reg, uint64_t cfa)
{
    uint64_t address;

    switch (rule->how) {
    case COP__CFI_NONE:
        return is_kept(frame, reg) && get(ret_value, frame, reg);
    case COP__CFI_UNDEFINED:
        return false;
    case COP__CFI_SAME:
        return get(ret_value, frame, reg);
    case COP__CFI_OFFSET:
        return cop__frame_read(ret_value, frame, cfa + (uint64_t)rule->value);
    case COP__CFI_VAL_OFFSET:
        *ret_value = cfa + (uint64_t)rule->value;
        return true;
    case COP__CFI_REGISTER:
        return get(ret_value, frame, (uint64_t)rule->value);
    case COP__CFI_EXPRESSION:
        return cop__cfi_evaluate(&address, rule->value, frame, &cfa) &&
               cop__frame_read(ret_value, frame, address);
    case COP__CFI_VAL_EXPRESSION:
        return cop__cfi_evaluate(ret_value, rule->value, frame, &cfa);
    }
    return false;
}

/* Authentication codes lie above the 48 bits of an address. */
static uint64_t without_code(uint64_t address)
{
    return address & 0xffffffffffff;
}

enum cop__unwind cop__unwind_step(struct cop__frame *frame)
{
    struct cop__frame caller = { .stack_lo = frame->stack_lo, .stack_hi = frame->stack_hi };
    uint64_t cfa, value, sp;
    struct cop__cfi_row row;
    struct cop__cfi cfi;

#if defined(__x86_64__)
    frame->reg[COP__REG_RA] = frame->pc; /* for expressions, which call pc by that number */
    frame->known |= 1u << COP__REG_RA;
#endif
    if (!find(&cfi, frame) || !cop__cfi_row_at(&row, &cfi, looked_up(frame)))
        return COP__UNWIND_LOST;
    if (cfi.ra_reg < COP__REGS && row.rule[cfi.ra_reg].how == COP__CFI_UNDEFINED)
        return COP__UNWIND_END;
    if (!find_cfa(&cfa, frame, &row) || !get(&sp, frame, COP__REG_SP))
        return COP__UNWIND_LOST;
    for (uint64_t reg = 0; reg < COP__REGS; reg++) {
        if (!find_register(&value, frame, &row.rule[reg], reg, cfa))
            continue;
        caller.reg[reg] = value;
        caller.known |= 1u << reg;
    }
    if (row.rule[COP__REG_SP].how == COP__CFI_NONE) {
        caller.reg[COP__REG_SP] = cfa;
        caller.known |= 1u << COP__REG_SP;
    }
    if (!get(&value, &caller, cfi.ra_reg))
        return COP__UNWIND_LOST;
    caller.pc = row.ra_signed ? without_code(value) : value;
    if (row.rule[cfi.ra_reg].how == COP__CFI_OFFSET && !row.ra_signed)
        caller.return_slot = cfa + (uint64_t)row.rule[cfi.ra_reg].value;
    caller.is_call = !cfi.is_signal;
    /* A leaf of aarch64 has no frame, and a signal's lies below what it interrupted by any size. */
    if (!get(&value, &caller, COP__REG_SP) || value < sp || value > frame->stack_hi ||
        (value == sp && caller.pc == frame->pc))
        return COP__UNWIND_LOST;
    *frame = caller;
    return COP__UNWIND_CALLER;
}

void cop__unwind_signal(
    struct cop__frame *frame, const void *ucontext, uintptr_t stack_lo, uintptr_t stack_hi)
{
    const ucontext_t *context = ucontext;

    *frame = (struct cop__frame){ .stack_lo = stack_lo, .stack_hi = stack_hi };
#if defined(__x86_64__)
    /* DWARF's order of registers, as the kernel numbers them */
    static const unsigned char order[] = { 13, 12, 14, 11, 9, 8, 10, 15, 0, 1, 2, 3, 4, 5, 6, 7 };

    for (unsigned reg = 0; reg < sizeof(order); reg++)
        frame->reg[reg] = (uintptr_t)context->uc_mcontext.gregs[order[reg]];
    frame->pc = (uintptr_t)context->uc_mcontext.gregs[16];
    frame->known = 0xffff;
#elif defined(__aarch64__)
    memcpy(frame->reg, context->uc_mcontext.regs, 31 * sizeof(uintptr_t));
    frame->reg[COP__REG_SP] = context->uc_mcontext.sp;
    frame->pc = context->uc_mcontext.pc;
    frame->known = 0xffffffff;
#else
    (void)context;
#endif
}
