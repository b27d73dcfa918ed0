/* SPDX-License-Identifier: Apache-2.0 */
/* Call frame information: at this instruction, where is what the caller had in its registers? Read
 * from the .eh_frame of the object that the instruction lies in. Layer 0, private to unwind.c;
 * async-signal-safe. */
#ifndef COP_BASE_CFI_H
#define COP_BASE_CFI_H

#include "base/unwind.h"

/* The entry of one function. */
struct cop__cfi {
    uintptr_t begin, end; /* of its code */
    const unsigned char *initial, *initial_end;
    const unsigned char *program, *program_end;
    uint64_t code_align;
    int64_t data_align;
    uint64_t ra_reg;
    uint8_t encoding; /* of addresses */
    bool is_signal;   /* a signal handler returns to it: its caller was interrupted, did not call */
};

enum cop__cfi_how {
    COP__CFI_NONE, /* nothing said: as SAME for what a callee must save, else unknown */
    COP__CFI_UNDEFINED,
    COP__CFI_SAME,
    COP__CFI_OFFSET,     /* in memory at CFA + value */
    COP__CFI_VAL_OFFSET, /* CFA + value itself */
    COP__CFI_REGISTER,   /* in another register */
    COP__CFI_EXPRESSION, /* in memory where the block says; value points to the block's length */
    COP__CFI_VAL_EXPRESSION
};

struct cop__cfi_rule {
    enum cop__cfi_how how;
    int64_t value;
};

/* The canonical frame address (the stack pointer before the call), and a rule for each register. */
struct cop__cfi_row {
    bool cfa_is_block;
    uint64_t cfa_reg;
    int64_t cfa_value; /* an offset, or the block */
    bool ra_signed;    /* aarch64: the return address carries an authentication code */
    struct cop__cfi_rule rule[COP__REGS];
};

/* False: the object has no table, or none that says anything of pc. */
bool cop__cfi_find(struct cop__cfi *ret_cfi, const struct cop__text *text, uintptr_t pc);

/* False: the table cannot be read. */
bool cop__cfi_row_at(struct cop__cfi_row *ret_row, const struct cop__cfi *cfi, uintptr_t pc);

/* The value of an expression block over the registers of a frame; of a rule's, over the CFA, which
 * is pushed first. False: it cannot be told, or reads what is not stack. */
bool cop__cfi_evaluate(
    uint64_t *ret_value, int64_t block, const struct cop__frame *frame, const uint64_t *cfa);

#endif
